//! Sharded and narrowed runs: each part does what the whole run would do, no part evades what the whole is judged by, and a narrowed run
//! reads only what its sets need.

use assignctl::sandbox::Running;
use serde_json::Value;

use super::{Place, set, target};
use crate::support::{self, Run};

/// Sets of `parts` whose names fall into each of two shards: `shards[0]` and `shards[1]` with so many names each.
fn names_by_shard(target: &str, each: usize) -> [Vec<String>; 2] {
    use sha2::Digest as _;
    let mut shards = [Vec::new(), Vec::new()];
    for n in 0.. {
        let name = format!("s{n}");
        let hash = sha2::Sha256::digest(format!("{target}\0{name}"));
        let shard = usize::from(hash[7] % 2 == 1);
        if shards[shard].len() < each {
            shards[shard].push(name);
        }
        if shards.iter().all(|names| names.len() == each) {
            return shards;
        }
    }
    unreachable!()
}

/// Four organizations, two a shard: each keeps four assemblies and loses three.
fn four_losing_sets(mode: &str) -> Place {
    let names = names_by_shard("parts", 2).concat();
    let orgs = names.join(", ");
    let live = format!("partium: {{ assignments: [{{ ass_ids: [k1, k2, k3, k4, g1, g2, g3], org_ids: [{orgs}] }}] }}");
    let place = Place { server: support::sandbox::seeded(&live), dir: tempfile::tempdir().unwrap() };
    place.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    place.write("target.yaml", &target(&place.server.url()));
    for name in &names {
        let text = set(name, name, "k1, k2, k3, k4").replace("authoritative", mode);
        place.write(&format!("sets/{name}.yaml"), &text);
    }
    place
}

fn plan_shards(place: &Place, more: &[&str]) -> Vec<Run> {
    let plan = |shard: usize| {
        let (number, report) = (format!("{shard}/2"), format!("json=part-{shard}.json"));
        place.run(&[&["plan", "--ci", "none", "--shard", &number, "--report", &report], more].concat())
    };
    vec![plan(1), plan(2)]
}

fn merge(place: &Place) -> Run {
    place.run(&["report", "merge", "part-1.json", "part-2.json", "--out", "merged.json", "--report", "markdown=m.md"])
}

fn apply(place: &Place, shard: usize, more: &[&str]) -> Run {
    place.run(&[&["apply", "--auto-approve", "--shard", &format!("{shard}/2")], more].concat())
}

#[test]
fn losses_that_only_the_sum_shows_are_refused_by_the_merge_and_by_every_sharded_apply() {
    let place = four_losing_sets("authoritative");
    let whole = place.run(&["plan", "--ci", "none", "--report", "json=whole.json"]);
    assert_eq!(whole.code, 3, "{}", whole.text());
    assert!(whole.stdout.contains("12 losses over all sets, among 28"), "{}", whole.text());
    assert!(whole.stdout.contains("[losses]"), "a refusal prints its code: {}", whole.text());
    for run in plan_shards(&place, &[]) {
        assert_eq!(run.code, 0, "{}", run.text());
        assert!(!run.stdout.contains("Apply with:"), "{}", run.text());
    }
    let merged = merge(&place);
    assert_eq!(merged.code, 3, "{}", merged.text());
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(place.path().join(name)).unwrap()).unwrap()
    };
    let (joined, whole) = (read("merged.json"), read("whole.json"));
    assert_eq!(joined["targets"][0]["refusals"], whole["targets"][0]["refusals"]);
    assert_eq!(joined["targets"][0]["judged"], whole["targets"][0]["judged"]);
    assert_eq!((&joined["verdict"], &joined["exit"]), (&whole["verdict"], &whole["exit"]));
    let page = std::fs::read_to_string(place.path().join("m.md")).unwrap();
    assert!(page.starts_with("**Refused by a guard:**"), "{page}");
    for shard in [1, 2] {
        let run = apply(&place, shard, &[]);
        assert_eq!(run.code, 3, "{}", run.text());
        assert!(run.stdout.contains("[unmerged-shard]") && run.stdout.contains("report merge --out"), "{}", run.text());
        let run = apply(&place, shard, &["--plan", "merged.json"]);
        assert_eq!(run.code, 3, "{}", run.text());
    }
    // A report that hides its refusals has the sum still.
    let mut edited = joined;
    edited["targets"][0]["refusals"] = serde_json::json!([]);
    edited["verdict"] = "changes".into();
    edited["exit"]["code"] = 0.into();
    place.write("edited.json", &edited.to_string());
    assert_eq!(apply(&place, 1, &["--plan", "edited.json"]).code, 3);
    assert_eq!((place.writes(), place.live().len()), (0, 28));
}

#[test]
fn shards_apply_what_was_merged_and_nothing_else() {
    let place = four_losing_sets("authoritative");
    let flags = ["--max-loss-count", "12"];
    plan_shards(&place, &flags);
    let merged = merge(&place);
    assert_eq!(merged.code, 0, "{}", merged.text());
    let with = |more: &[&'static str]| [&["--plan", "merged.json"], more].concat();
    let other = apply(&place, 1, &with(&[]));
    assert_eq!(other.code, 4, "other thresholds are in force: {}", other.text());
    let unshared = place.run(&["apply", "--auto-approve", "--plan", "merged.json", "--max-loss-count", "12"]);
    assert_eq!(unshared.code, 1, "a merged report is no saved plan: {}", unshared.text());
    let third =
        place.run(&["apply", "--auto-approve", "--shard", "1/3", "--plan", "merged.json", "--max-loss-count", "12"]);
    assert_eq!(third.code, 1, "{}", third.text());
    let lower = apply(&place, 1, &with(&["--as", "additive", "--max-loss-count", "12"]));
    assert_eq!(lower.code, 4, "another mode was merged: {}", lower.text());
    let single = apply(&place, 1, &["--plan", "part-1.json", "--max-loss-count", "12"]);
    assert_eq!(single.code, 1, "one part is not the whole: {}", single.text());
    assert_eq!(place.writes(), 0);
    let run = apply(&place, 1, &with(&flags));
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(place.live().len(), 22);
    let again = apply(&place, 1, &with(&flags));
    assert_eq!(again.code, 0, "what is so already is no change: {}", again.text());
    // Somebody adds a row in the scope of the other shard, which nobody saw in a report.
    let org = &names_by_shard("parts", 2)[1][0];
    let pair = place.run(&["plan", "-q"]);
    assert!(pair.code == 0 || pair.code == 3, "{}", pair.text());
    super::drift::behind_its_back(&place, org, "k1, k2, k3, k4, g1, g2, g3, new");
    let run = apply(&place, 2, &with(&flags));
    assert_eq!(run.code, 4, "{}", run.text());
    assert_eq!(place.live().len(), 23);
}

#[test]
fn a_mode_above_the_manifest_is_a_preview_and_never_applied() {
    let place = four_losing_sets("additive");
    let raised = ["--as", "authoritative", "--max-loss-count", "99"];
    let plan = place.run(
        &[&["plan", "--ci", "none", "--report", "json=p.json", "--report", "markdown=p.md"], &raised[..]].concat(),
    );
    assert_eq!(plan.code, 0, "{}", plan.text());
    assert!(plan.stdout.contains("Preview:") && plan.stdout.contains("[preview]"), "{}", plan.text());
    assert!(!plan.text().contains("Apply with:"), "{}", plan.text());
    for name in ["p.json", "p.md"] {
        let text = std::fs::read_to_string(place.path().join(name)).unwrap();
        assert!(text.contains("preview, which apply refuses"), "{name}: {text}");
    }
    let out = place.run(&[&["plan", "--out", "p.plan"], &raised[..]].concat());
    assert_eq!(out.code, 1, "{}", out.text());
    assert!(!place.path().join("p.plan").exists());
    for narrowed in [&[][..], &["--shard", "1/2"], &["--set", "s0"]] {
        let run = place.run(&[&["apply", "--auto-approve"], &raised[..], narrowed].concat());
        assert_eq!(run.code, 1, "{}", run.text());
        assert!(run.stderr.contains("s0 (its manifest says additive)"), "{}", run.text());
    }
    let lower = place.run(&["apply", "--auto-approve", "--as", "observe"]);
    assert_eq!(lower.code, 0, "{}", lower.text());
    assert_eq!((place.writes(), place.live().len()), (0, 28));
    let drift = place.run(&["drift", "--as", "authoritative", "--remediate"]);
    assert_eq!(drift.code, 2, "{}", drift.text());
    assert!(!drift.stdout.contains("assignctl apply"), "no command is proposed that is refused: {}", drift.text());
}

#[test]
fn the_plan_of_one_shard_is_not_saved() {
    let place = four_losing_sets("authoritative");
    let run = place.run(&["plan", "--shard", "1/2", "--out", "p.plan"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stderr.contains("report merge") && !place.path().join("p.plan").exists(), "{}", run.text());
}

/// Two sets, one a role, each in a shard of its own: anna goes from agent to lead.
fn role_change_across_shards() -> (Running, Place, [String; 2]) {
    let [a, b] = names_by_shard("t", 1).map(|names| names[0].clone());
    let live = "canopy: { environments: [{ account: a, application: b, environment: e, assignments: [
        { id: a1, identity_id: anna, node_id: n, role_id: agent },
        { id: a2, identity_id: ben, node_id: n, role_id: agent },
        { id: a3, identity_id: cid, node_id: n, role_id: lead }] }] }";
    let place = Place { server: support::sandbox::seeded(live), dir: tempfile::tempdir().unwrap() };
    place.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    let url = place.server.url();
    place.write("t.yaml", &format!(
        "apiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: t }}\nspec: {{ provider: canopy, account: a, application: b, environment: e, endpoint: \"{url}\", auth: {{ bearer: {{ env: TOKEN }} }} }}\n"
    ));
    for (name, role, who) in [(&a, "agent", "ben"), (&b, "lead", "cid, anna")] {
        place.write(&format!("{name}.yaml"), &format!(
            "apiVersion: assignctl/v1\nkind: CanopyAssignments\nmetadata: {{ name: {name} }}\nspec: {{ target: t, mode: authoritative, scope: {{ role_ids: [{role}] }}, assignments: [{{ identity_ids: [{who}], node_id: n, role_id: {role} }}] }}\n"
        ));
    }
    let spare = support::sandbox::seeded(live);
    (spare, place, [a, b])
}

fn roles(place: &Place) -> Vec<String> {
    let dump = place.server.dump().unwrap();
    let rows = dump["canopy"]["environments"][0]["assignments"].as_array().unwrap().clone();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let mut all: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {} {}", text(row, "id"), text(row, "identity_id"), text(row, "role_id")))
        .collect();
    all.sort();
    all
}

#[test]
fn a_role_change_belongs_to_the_shard_that_declares_it() {
    for order in [[1, 2], [2, 1]] {
        let (_spare, place, _) = role_change_across_shards();
        let whole = place.run(&["plan", "--format", "json"]).json();
        assert_eq!(whole["role_changes"], 1, "{whole:#}");
        plan_shards(&place, &[]);
        assert_eq!(merge(&place).code, 0);
        let merged: Value =
            serde_json::from_str(&std::fs::read_to_string(place.path().join("merged.json")).unwrap()).unwrap();
        for field in ["counts", "role_changes", "write_requests"] {
            assert_eq!(merged[field], whole[field], "{field}");
        }
        for shard in order {
            let run = apply(&place, shard, &["--plan", "merged.json"]);
            assert_eq!(run.code, 0, "{}", run.text());
            assert!(roles(&place).iter().any(|row| row.starts_with("a1 anna")), "{:?}", roles(&place));
        }
        assert_eq!(roles(&place), ["a1 anna lead", "a2 ben agent", "a3 cid lead"]);
    }
}

#[test]
fn half_of_a_role_change_names_the_flags_that_plan_both() {
    let (_spare, place, [a, b]) = role_change_across_shards();
    for args in [vec!["--set", a.as_str()], vec!["--set", b.as_str()]] {
        let run = place.run(&[vec!["apply", "--auto-approve"], args].concat());
        assert_eq!(run.code, 3, "{}", run.text());
        assert!(run.stdout.contains("[half-role-change]"), "{}", run.text());
        assert!(run.stdout.contains(&format!("--set {b} --set {a}")), "{}", run.text());
    }
    assert_eq!(roles(&place), ["a1 anna agent", "a2 ben agent", "a3 cid lead"]);
    let both = place.run(&["apply", "--auto-approve", "--set", &b, "--set", &a]);
    assert_eq!(both.code, 0, "{}", both.text());
    assert_eq!(roles(&place), ["a1 anna lead", "a2 ben agent", "a3 cid lead"]);
}

/// Five hundred services, each with a set of its own.
fn services() -> Place {
    let services: Vec<String> = (0..500)
        .map(|n| {
            format!("{{ service_id: s{n}, assignments: [{{ assignment_key: k, model_id: m, model_version: 1.0.0 }}] }}")
        })
        .collect();
    let live = format!(
        "streamline: {{ clients: [{{ client_id: c, domains: [{{ domain_id: d, services: [{}] }}] }}] }}",
        services.join(", ")
    );
    let place = Place { server: support::sandbox::seeded(&live), dir: tempfile::tempdir().unwrap() };
    place.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    place.write("t.yaml", &format!(
        "apiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: t }}\nspec: {{ provider: streamline, client_id: c, endpoint: \"{}\", auth: {{ bearer: {{ env: TOKEN }} }} }}\n",
        place.server.url()
    ));
    let sets: Vec<String> = (0..500).map(|n| format!(
        "apiVersion: assignctl/v1\nkind: StreamlineAssignments\nmetadata: {{ name: s{n}, labels: {{ n: \"{n}\" }} }}\nspec: {{ target: t, domain_id: d, service_id: s{n}, mode: authoritative, assignments: [{{ assignment_key: k, model_id: m, model_version: 2.0.0 }}] }}\n"
    )).collect();
    place.write("sets.yaml", &sets.join("---\n"));
    place
}

#[test]
fn one_service_among_500_is_one_request() {
    let place = services();
    let base = tempfile::tempdir().unwrap();
    support::copy(place.path(), base.path());
    let base = base.path().to_str().unwrap();
    for args in [
        &["plan", "--set", "s7"][..],
        &["plan", "-l", "n=7"],
        &["plan", "--set", "s7", "--base-dir", base],
        &["drift", "--set", "s7"],
    ] {
        place.server.clear_requests();
        let run = place.run(args);
        assert!(run.code == 0 || run.code == 2, "{}", run.text());
        assert_eq!(place.server.requests().len(), 1, "{args:?}");
    }
    place.server.clear_requests();
    let run = place.run(&["apply", "--auto-approve", "--set", "s7"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let reads = place.server.requests().iter().filter(|request| request.method == "GET").count();
    assert!(reads <= 2, "one before, one after the write: {reads}");
}

#[test]
fn an_expect_without_an_end_is_an_error_of_validate_and_a_refusal_of_a_plan() {
    let place = Place::new();
    let text = set("austria", "at", "a, b, c, e");
    for (expect, refused) in [
        ("{ removes: 9 }".to_owned(), true),
        ("{ removes: 9, until: 2099-01-01 }".to_owned(), true),
        (format!("{{ removes: 9, until: {} }}", support::soon()), false),
    ] {
        place.write("sets/austria.yaml", &text.replace("  mode:", &format!("  expect: {expect}\n  mode:")));
        let validate = place.run(&["validate"]);
        assert_eq!(validate.code, i32::from(refused), "{expect}: {}", validate.text());
        for command in [&["plan"][..], &["apply", "--auto-approve"]] {
            let run = place.run(command);
            assert_eq!(run.code, if refused { 3 } else { 0 }, "{expect}: {}", run.text());
            let line = format!("expect: {{ removes: 9, until: {} }}", support::proposed());
            assert_eq!(run.stdout.contains(&line) && run.stdout.contains("[expect-until]"), refused, "{}", run.text());
        }
    }
}
