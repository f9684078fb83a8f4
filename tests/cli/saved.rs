//! Saved plans: `apply --plan` does what was reviewed, to objects that are still as they were, and nothing else (DESIGN section 5).

use std::process::Stdio;

use assignctl::plan::saved::SavedPlan;
use serde_json::{Value, json};
use sha2::Digest as _;

use super::{Place, set};
use crate::support;

/// Anna has a role with an end; Ben has one that is not declared.
const CANOPY: &str = "
canopy:
  environments:
    - account: acme
      application: crm
      environment: prod
      identities: [{ id: anna, name: Anna }, { id: ben, name: Ben }, { id: cleo, name: Cleo }]
      nodes: [{ id: emea, name: EMEA }]
      roles: [{ id: agent, name: Agent }, { id: lead, name: Lead }]
      assignments:
        - { id: a1, identity_id: anna, node_id: emea, role_id: agent, effective_from: 2025-01-01T08:00:00Z, effective_to: 2099-06-30T00:00:00Z }
        - { id: a2, identity_id: ben, node_id: emea, role_id: agent, effective_from: 2025-01-01T08:00:00Z }
";

/// Anna's end moves, Ben goes, Cleo comes.
const SUPPORT: &str = "
  apiVersion: assignctl/v1
  kind: CanopyAssignments
  metadata: { name: support }
  spec:
    target: crm
    mode: authoritative
    scope: { node_ids: [emea] }
    assignments:
      - { identity_id: anna, node_id: emea, role_id: agent, effective_to: 2099-12-31T00:00:00Z }
      - { identity_id: cleo, node_id: emea, role_id: lead }
";

pub(super) fn canopy() -> Place {
    let place = Place { server: support::sandbox::seeded(CANOPY), dir: tempfile::tempdir().unwrap() };
    place.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    place.write("target.yaml", &crm(&place, "acme"));
    place.write("support.yaml", SUPPORT);
    place
}

fn crm(place: &Place, account: &str) -> String {
    format!(
        "apiVersion: assignctl/v1
kind: Target
metadata: {{ name: crm }}
spec:
  provider: canopy
  endpoint: {}
  account: {account}
  application: crm
  environment: prod
  auth: {{ bearer: {{ env: TOKEN }} }}
  limits: {{ timeout: 5s, retry_budget: 50ms, batch_size: 1, concurrency: 1 }}
",
        place.server.url()
    )
}

/// Saves a plan as `plan.json`, and gives it.
fn save(place: &Place) -> Value {
    let run = place.run(&["plan", "--out", "plan.json"]);
    assert_eq!(run.code, 0, "{}", run.text());
    saved(place)
}

fn saved(place: &Place) -> Value {
    serde_json::from_str(&std::fs::read_to_string(place.path().join("plan.json")).unwrap()).unwrap()
}

fn apply(place: &Place, args: &[&str]) -> support::Run {
    place.run(&[&["apply", "--plan", "plan.json", "--auto-approve"], args].concat())
}

/// Writes an edited plan, with the seal as it was or as the program would make it.
pub(super) fn edit(place: &Place, mut plan: Value, sealed: bool) {
    if sealed {
        plan["seal"] = json!("");
        let typed: SavedPlan = serde_json::from_value(plan.clone()).unwrap();
        let digest = sha2::Sha256::digest(serde_json::to_vec(&typed).unwrap());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        plan["seal"] = json!(format!("sha256:{hex}"));
    }
    place.write("plan.json", &plan.to_string());
}

pub(super) fn writes(place: &Place) -> usize {
    let requests = place.server.requests();
    let write = |path: &str, method: &str| method != "GET" && !path.ends_with("/list");
    requests.iter().filter(|request| write(&request.path, &request.method)).count()
}

/// The roles that are live, as `identity role end`.
pub(super) fn roles(place: &Place) -> Vec<String> {
    let dump = place.server.dump().unwrap();
    let rows = dump["canopy"]["environments"][0]["assignments"].as_array().unwrap();
    let mut roles: Vec<String> = rows
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {}", text("identity_id"), text("role_id"), text("effective_to").replace(".000Z", "Z"))
        })
        .collect();
    roles.sort();
    roles
}

/// A hand that is not ours changes the live state: a manifest of its own, applied without a saved plan.
pub(super) fn meanwhile(place: &Place, from: &str, to: &str) {
    let text = std::fs::read_to_string(place.path().join("support.yaml")).unwrap();
    place.write("support.yaml", &text.replace(from, to));
    let run = place.run(&["apply", "--auto-approve"]);
    assert_eq!(run.code, 0, "{}", run.text());
    place.write("support.yaml", &text);
    place.server.clear_requests();
}

pub(super) const BEN: &str = "- { identity_id: ben, node_id: emea, role_id: agent }";
pub(super) const CLEO: &str = "- { identity_id: cleo, node_id: emea, role_id: lead }";
pub(super) const AS_IT_WAS: &str = "effective_to: 2099-06-30T00:00:00Z";
pub(super) const AS_DECLARED: &str = "effective_to: 2099-12-31T00:00:00Z";

#[test]
fn a_role_change_shows_the_role_before_and_after() {
    let place = canopy();
    let anna = format!("role_id: agent, {AS_DECLARED}");
    let lead = SUPPORT.replace(&anna, "role_id: lead, effective_to: 2099-06-30T00:00:00Z");
    place.write("support.yaml", &lead);
    let plan = save(&place);
    let changes = plan["targets"][0]["sets"][0]["changes"].as_array().unwrap();
    let change = changes.iter().find(|change| change["action"] == "update").unwrap();
    // All that the digest covers: also the end, which is declared and stays.
    let end = "2099-06-30T00:00:00Z";
    assert_eq!(
        (&change["before"], &change["after"]),
        (&json!({"role_id": "agent", "effective_to": end}), &json!({"role_id": "lead", "effective_to": end}))
    );
    let run = apply(&place, &[]);
    assert_eq!(run.code, 0, "{}", run.text());
}

#[test]
fn a_saved_plan_is_applied_once_and_then_satisfied() {
    let place = canopy();
    save(&place);
    let run = apply(&place, &["--format", "json"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(run.json()["totals"]["done"], 3);
    let after = roles(&place);
    assert_eq!(after.len(), 2, "{after:?}");
    place.server.clear_requests();
    let again = apply(&place, &["--format", "json"]);
    assert_eq!(again.code, 0, "{}", again.text());
    assert_eq!(again.json()["totals"]["already"], 3, "{}", again.text());
    assert_eq!((writes(&place), roles(&place)), (0, after));
}

#[test]
fn the_file_is_private_and_as_its_schema_says() {
    let place = canopy();
    let plan = save(&place);
    let schema = place.run(&["schema", "saved-plan"]).json();
    let errors: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&plan).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(place.path().join("plan.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let next = place.run(&["plan", "--out", "plan.json"]);
    assert!(next.stdout.contains("assignctl apply --plan plan.json"), "{}", next.text());
}

#[test]
fn the_commit_of_the_manifests_is_recorded() {
    let place = canopy();
    assert_eq!(save(&place).get("git_commit"), None);
    let commit = "0123456789abcdef0123456789abcdef01234567";
    place.write(".git/HEAD", "ref: refs/heads/main\n");
    place.write(".git/refs/heads/main", commit);
    assert_eq!(save(&place)["git_commit"], commit);
}

#[test]
fn an_object_that_moved_keeps_everything_from_being_applied() {
    let place = canopy();
    save(&place);
    meanwhile(
        &place,
        &format!("{AS_DECLARED} }}\n      {CLEO}"),
        &format!("effective_to: 2050-01-01T00:00:00Z }}\n      {BEN}"),
    );
    let before = roles(&place);
    let run = apply(&place, &[]);
    assert_eq!(run.code, 4, "{}", run.text());
    for part in ["STALE", "2099-06-30T00:00:00Z", "2050-01-01T00:00:00Z", "--partial"] {
        assert!(run.text().contains(part), "{part}: {}", run.text());
    }
    assert_eq!((writes(&place), roles(&place)), (0, before));

    let report = apply(&place, &["--format", "json"]);
    assert_eq!(report.code, 4);
    let report = report.json();
    assert_eq!(
        report["totals"],
        json!({"done": 0, "already": 0, "skipped": 3, "blocked": 0, "failed": 0, "unknown": 0})
    );
    assert_eq!(report["targets"][0]["held"][0]["reason"], "moved");
    assert_eq!(report["targets"][0]["not_run"]["reason"], "stale");
    assert_eq!(report["exit"]["code"], 4);
}

#[test]
fn partial_applies_the_rest_and_counts_what_it_left() {
    let place = canopy();
    save(&place);
    // Anna's end has moved, and Cleo has her role already.
    meanwhile(&place, &format!("{AS_DECLARED} }}\n"), &format!("effective_to: 2050-01-01T00:00:00Z }}\n      {BEN}\n"));
    let run = apply(&place, &["--partial", "--format", "json"]);
    assert_eq!(run.code, 4, "{}", run.text());
    let report = run.json();
    assert_eq!(
        report["totals"],
        json!({"done": 1, "already": 1, "skipped": 1, "blocked": 0, "failed": 0, "unknown": 0})
    );
    assert_eq!(roles(&place), ["anna agent 2050-01-01T00:00:00Z", "cleo lead -"]);
    let schema = place.run(&["schema", "report"]).json();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&report), "{report:#}");
}

#[test]
fn a_change_that_nobody_reviewed_makes_it_stale() {
    let place = canopy();
    meanwhile(&place, &format!("{AS_DECLARED} }}\n      {CLEO}"), &format!("{AS_IT_WAS} }}\n      {CLEO}"));
    save(&place);
    // Ben comes back: his removal is new, for the plan was made without him.
    meanwhile(&place, &format!("{AS_DECLARED} }}\n"), &format!("{AS_IT_WAS} }}\n      {BEN}\n"));
    let run = apply(&place, &[]);
    assert_eq!(run.code, 4, "{}", run.text());
    assert!(run.stdout.contains("not in the approved plan") && run.stdout.contains("ben"), "{}", run.text());
    assert_eq!(writes(&place), 0);
    let run = apply(&place, &["--partial"]);
    assert_eq!(run.code, 4, "{}", run.text());
    assert_eq!(roles(&place), ["anna agent 2099-12-31T00:00:00Z", "ben agent -", "cleo lead -"]);
}

#[test]
fn what_others_declare_does_not_matter_and_what_the_set_declares_does() {
    let place = Place::new();
    save(&place);
    place.write("sets/germany.yaml", &set("germany", "de", "a, b, c, d, f"));
    assert_eq!(apply(&place, &[]).code, 4, "its own set is approved too");

    let place = Place::new();
    let run = place.run(&["plan", "--set", "austria", "--out", "plan.json"]);
    assert_eq!(run.code, 0, "{}", run.text());
    place.write("sets/germany.yaml", &set("germany", "de", "a, b, c, d, f"));
    let run = apply(&place, &[]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(!place.live().contains(&"f de".to_owned()), "the neighbour is not applied");
    assert!(place.live().contains(&"e at".to_owned()));

    let place = Place::new();
    save(&place);
    place.write("sets/austria.yaml", &set("austria", "at", "a, b"));
    place.server.clear_requests();
    let run = apply(&place, &[]);
    assert_eq!(run.code, 4, "{}", run.text());
    assert!(run.stderr.contains("set austria") && run.stderr.contains("declares something else"), "{}", run.text());
    std::fs::remove_file(place.path().join("sets/austria.yaml")).unwrap();
    let run = apply(&place, &[]);
    assert_eq!(run.code, 4, "{}", run.text());
    assert!(run.stderr.contains("is gone"), "{}", run.text());
    assert!(place.server.requests().is_empty(), "nothing was even asked");
}

#[test]
fn another_account_is_refused_before_it_is_asked() {
    let place = canopy();
    save(&place);
    place.write("target.yaml", &crm(&place, "other"));
    place.server.clear_requests();
    let run = apply(&place, &["--partial"]);
    assert_eq!(run.code, 4, "{}", run.text());
    assert!(run.stderr.contains("account was acme and is other"), "{}", run.text());
    assert!(place.server.requests().is_empty());
}

#[test]
fn another_surface_sign_in_or_address_is_stale_and_nothing_is_asked() {
    for (from, to, said) in [
        ("auth: { bearer: { env: TOKEN } }", "auth: { bearer: { env: OTHER } }", "auth bearer was {env: TOKEN} and is {env: OTHER}"),
        ("auth: { bearer: { env: TOKEN } }", "surface: api\n  auth: { bearer: { env: TOKEN } }", "surface was not set and is api"),
        (
            "auth: { bearer: { env: TOKEN } }",
            "surface: api\n  auth: { api_key: { env: TOKEN } }",
            "auth api_key was not set and is {env: TOKEN}",
        ),
        ("endpoint: http://127.0.0.1", "endpoint: http://localhost", "endpoint was"),
    ] {
        let place = canopy();
        save(&place);
        let target = crm(&place, "acme");
        assert!(target.contains(from), "{target}");
        place.write("target.yaml", &target.replace(from, to));
        place.server.clear_requests();
        let run = apply(&place, &["--partial"]);
        assert_eq!(run.code, 4, "{to}: {}", run.text());
        assert!(run.stderr.contains(said), "{said}: {}", run.text());
        assert!(place.server.requests().is_empty(), "{to}");
    }
}

#[test]
fn a_file_that_says_other_values_than_its_digests_is_refused_on_reading() {
    let place = canopy();
    let plan = save(&place);
    for (what, edited) in attacks(&plan).into_iter().filter(|(what, _)| ["another key", "another end"].contains(what)) {
        edit(&place, edited, true);
        place.server.clear_requests();
        let run = apply(&place, &["--partial"]);
        assert_eq!(run.code, 1, "{what}: {}", run.text());
        assert!(run.stderr.contains("does not match its digest"), "{what}: {}", run.text());
        assert!(place.server.requests().is_empty(), "{what}");
    }
    // What the file says of the live object is held against what is there.
    let mut lie = plan;
    let changes = lie["targets"][0]["sets"][0]["changes"].as_array_mut().unwrap();
    let update = changes.iter_mut().find(|change| change["action"] == "update").unwrap();
    update["before"]["effective_to"] = json!("2098-01-01T00:00:00Z");
    edit(&place, lie, true);
    let run = apply(&place, &[]);
    assert_eq!((run.code, writes(&place)), (4, 0), "{}", run.text());
}

#[test]
fn a_file_that_is_no_current_plan_is_refused_with_the_reason() {
    let place = canopy();
    let plan = save(&place);
    let text = std::fs::read_to_string(place.path().join("plan.json")).unwrap();
    let mut newer = plan.clone();
    newer["format_version"] = json!("2.0");
    let mut unknown = plan.clone();
    unknown["approve_all"] = json!(true);
    place.server.clear_requests();
    for (text, code, said) in [
        (newer.to_string(), 1, "format 2.0"),
        (unknown.to_string(), 1, "approve_all"),
        (text[..text.len() / 2].to_owned(), 1, "not a whole plan file"),
        ("{}".to_owned(), 1, "format_version"),
        (String::new(), 1, "not a whole plan file"),
        ("[".repeat(100_000), 1, "not a whole plan file"),
    ] {
        place.write("plan.json", &text);
        let run = apply(&place, &["--partial"]);
        assert_eq!(run.code, code, "{}", run.text());
        assert!(run.stderr.contains(said), "{said}: {}", run.text());
    }
    let run = place.run(&["plan", "--out", "plan.json", "--expires", "1ms"]);
    assert_eq!(run.code, 0, "{}", run.text());
    place.server.clear_requests();
    let run = apply(&place, &[]);
    assert_eq!(run.code, 4, "{}", run.text());
    assert!(run.stderr.contains("it expired at"), "{}", run.text());
    let run = place.run(&["apply", "--plan", "missing.json", "--auto-approve"]);
    assert!(run.code == 1 && run.stderr.contains("missing.json"), "{}", run.text());
    assert!(place.server.requests().is_empty());
}

/// Changes that somebody with write access to the plan file might want.
fn attacks(plan: &Value) -> Vec<(&'static str, Value)> {
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut plan = plan.clone();
        edit(&mut plan["targets"][0]["sets"][0]["changes"]);
        plan
    };
    let at = |changes: &Value, action: &str| {
        changes.as_array().unwrap().iter().position(|change| change["action"] == action).unwrap()
    };
    let expiry = |when: &str| {
        let mut plan = plan.clone();
        plan["expires"] = json!(when);
        plan
    };
    vec![
        (
            "another key",
            edited(&|changes| {
                let create = at(changes, "create");
                changes[create]["key"]["identity_id"] = json!("ben");
                changes[create]["key"]["role_id"] = json!("lead");
            }),
        ),
        (
            "one more change",
            edited(&|changes| {
                let mut more = changes[at(changes, "create")].clone();
                more["key"]["role_id"] = json!("agent");
                changes.as_array_mut().unwrap().push(more);
            }),
        ),
        (
            "another action",
            edited(&|changes| {
                let update = at(changes, "update");
                changes[update]["action"] = json!("remove");
            }),
        ),
        (
            "another end",
            edited(&|changes| {
                let update = at(changes, "update");
                changes[update]["after"]["effective_to"] = json!("2199-01-01T00:00:00Z");
            }),
        ),
        ("nothing", edited(&|changes| *changes = json!([]))),
        ("a longer life", expiry("2999-01-01T00:00:00Z")),
    ]
}

#[test]
fn an_edited_plan_smuggles_nothing_in() {
    let place = canopy();
    let plan = save(&place);
    for (what, edited) in attacks(&plan) {
        edit(&place, edited, false);
        let run = apply(&place, &["--partial"]);
        assert_eq!(run.code, 1, "{what}: {}", run.text());
        assert!(run.stderr.contains("seal"), "{what}: {}", run.text());
    }
    assert_eq!(writes(&place), 0);
    let before = roles(&place);
    // What a plan for the same manifests would leave; nothing else may ever come to be.
    let wanted = ["anna agent 2099-12-31T00:00:00Z", "cleo lead -"];
    for (what, edited) in attacks(&plan) {
        let place = canopy();
        edit(&place, rehosted(edited, &place), true);
        let run = apply(&place, &["--partial"]);
        assert!([0, 1, 4].contains(&run.code), "{what}: {}", run.text());
        for row in roles(&place) {
            assert!(before.contains(&row) || wanted.contains(&row.as_str()), "{what}: {row} was never planned");
        }
        let whole = canopy();
        edit(&whole, rehosted(attack(&plan, what), &whole), true);
        let run = apply(&whole, &[]);
        let all_or_nothing = roles(&whole) == before || roles(&whole) == wanted;
        assert!(all_or_nothing, "{what}: exit {} left {:?}", run.code, roles(&whole));
    }
}

fn attack(plan: &Value, what: &str) -> Value {
    attacks(plan).into_iter().find(|(name, _)| *name == what).unwrap().1
}

/// The same plan for another server of the same content.
fn rehosted(mut plan: Value, place: &Place) -> Value {
    plan["targets"][0]["endpoint"] = json!(place.server.url());
    plan
}

#[test]
fn a_plan_cannot_give_a_set_more_authority_than_its_manifest() {
    let place = canopy();
    let run = place.run(&["plan", "--as", "additive", "--out", "plan.json"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let run = apply(&place, &[]);
    assert_eq!(run.code, 0, "the mode of the review holds: {}", run.text());
    assert!(roles(&place).contains(&"ben agent -".to_owned()), "{:?}", roles(&place));

    let place = canopy();
    place.write("support.yaml", &SUPPORT.replace("mode: authoritative", "mode: additive"));
    let mut plan = save(&place);
    plan["targets"][0]["sets"][0]["mode"] = json!("authoritative");
    edit(&place, plan, true);
    let run = apply(&place, &["--partial"]);
    assert_eq!((run.code, writes(&place)), (1, 0), "{}", run.text());
    assert!(run.stderr.contains("--as authoritative"), "{}", run.text());
}

#[test]
fn a_saved_plan_says_itself_what_is_concerned() {
    let place = Place::new();
    save(&place);
    for args in [&["--set", "austria"][..], &["--target", "parts"], &["-l", "org=at"]] {
        let run = apply(&place, args);
        assert_eq!(run.code, 1, "{args:?}: {}", run.text());
        assert!(run.stderr.contains("--plan"), "{args:?}: {}", run.text());
    }
    let run = place.run(&["apply", "--partial", "--auto-approve"]);
    assert!(run.code == 1 && run.stderr.contains("--plan"), "{}", run.text());
    assert_eq!(place.writes(), 0);
}

#[test]
fn a_target_that_cannot_be_read_leaves_its_changes_counted() {
    let place = canopy();
    save(&place);
    place.fault("GET /**=403:*");
    let run = apply(&place, &["--format", "json"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert_eq!(run.json()["totals"]["skipped"], 3, "{}", run.text());
}

#[test]
fn guards_judge_anew() {
    let place = Place::new();
    place.write(
        "sets/austria.yaml",
        &set("austria", "at", "").replace("    - { ass_ids: [], org_id: at }\n", "    []\n"),
    );
    let run = place.run(&["plan", "--out", "plan.json"]);
    assert_eq!(run.code, 3, "{}", run.text());
    let run = apply(&place, &[]);
    assert_eq!((run.code, place.writes()), (3, 0), "{}", run.text());
    let text = std::fs::read_to_string(place.path().join("sets/austria.yaml")).unwrap();
    place.write("sets/austria.yaml", &text.replace("  mode:", "  expect: { removes: 4 }\n  mode:"));
    let run = apply(&place, &[]);
    assert_eq!(run.code, 0, "the reviewed exception is no change of what is declared: {}", run.text());
    assert_eq!(place.live(), ["a de", "b de", "c de", "d de"]);
}

#[test]
fn two_applies_at_once_do_the_work_once() {
    for _ in 0..3 {
        let place = canopy();
        save(&place);
        let start = || {
            let mut command = place.command(&["apply", "--plan", "plan.json", "--auto-approve", "--format", "json"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let (first, second) = (start(), start());
        for child in [first, second] {
            let run = support::Run::from(child.wait_with_output().unwrap());
            assert!([0, 4, 5].contains(&run.code), "{}", run.text());
            let totals = run.json()["totals"].clone();
            let all: u64 = totals.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
            assert!(all >= 3, "{}", run.text());
        }
        assert_eq!(roles(&place), ["anna agent 2099-12-31T00:00:00Z", "cleo lead -"]);
        let last = apply(&place, &["--format", "json"]);
        assert_eq!((last.code, &last.json()["totals"]["already"]), (0, &json!(3)), "{}", last.text());
    }
}

/// A parameter that is secret, live and declared.
const SEMAPHOR: &str = "
semaphor:
  projects:
    - projectId: p_1
      definitions: [{ id: d1, name: D, connection: { id: c1, name: W, type: postgres }, secret_params: [key] }]
      tenants: [{ id: t1, name: Acme }]
      assignments: [{ id: a1, definitionId: d1, scopeType: TENANT, tenantId: t1, params: { region: eu, key: live-canary-value } }]
";

#[test]
fn no_secret_is_in_the_file_and_sending_secrets_again_is_asked_for_twice() {
    let place = Place { server: support::sandbox::seeded(SEMAPHOR), dir: tempfile::tempdir().unwrap() };
    place.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    place.write(
        "all.yaml",
        &format!(
            "apiVersion: assignctl/v1
kind: Target
metadata: {{ name: bi }}
spec: {{ provider: semaphor, endpoint: {}, project_id: p_1, auth: {{ bearer: {{ env: TOKEN }} }} }}
---
apiVersion: assignctl/v1
kind: SemaphorAssignments
metadata: {{ name: iso }}
spec:
  target: bi
  mode: authoritative
  scope: {{ definitionIds: [d1] }}
  assignments:
    - {{ definitionId: d1, scopeType: TENANT, tenantId: t1, params: {{ region: eu }}, secret_params: {{ key: {{ env: KEY }} }} }}
",
            place.server.url()
        ),
    );
    let run = |args: &[&str]| support::run(place.command(args).env("KEY", "declared-canary-value"));
    let plan = run(&["plan", "--rotate", "--out", "plan.json"]);
    assert_eq!(plan.code, 0, "{}", plan.text());
    let text = saved(&place).to_string();
    assert!(text.contains("rotated") && text.contains("KEY"), "{text}");
    assert!(!text.contains("canary-value") && !text.contains("***"), "{text}");
    let args = ["apply", "--plan", "plan.json", "--auto-approve"];
    let without = run(&args);
    assert!(without.code == 1 && without.stderr.contains("--rotate"), "{}", without.text());
    let with = run(&[&args[..], &["--rotate"]].concat());
    assert_eq!(with.code, 0, "{}", with.text());
    let sent = place.server.requests().iter().any(|request| {
        request.method == "PATCH"
            && request.body.as_ref().is_some_and(|body| body["params"]["key"] == "declared-canary-value")
    });
    assert!(sent, "the value is resolved again at the apply: {:?}", place.server.requests());
}

/// One assignment of Semaphor with a declared secret, whose params are as given.
fn iso(place: &Place, reference: &str, region: &str) -> String {
    format!(
        "apiVersion: assignctl/v1
kind: Target
metadata: {{ name: bi }}
spec: {{ provider: semaphor, endpoint: {}, project_id: p_1, auth: {{ bearer: {{ env: TOKEN }} }} }}
---
apiVersion: assignctl/v1
kind: SemaphorAssignments
metadata: {{ name: iso }}
spec:
  target: bi
  mode: authoritative
  scope: {{ definitionIds: [d1] }}
  assignments:
    - {{ definitionId: d1, scopeType: TENANT, tenantId: t1, params: {{ region: {region} }}, secret_params: {{ key: {{ env: {reference} }} }} }}
",
        place.server.url()
    )
}

#[test]
fn a_declared_secret_that_the_api_shows_converges_and_is_in_no_output() {
    // `key` is no secret parameter to this API: it shows the value.
    let place = Place { server: support::sandbox::seeded(&SEMAPHOR.replace(", secret_params: [key]", "")), dir: tempfile::tempdir().unwrap() };
    place.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    place.write("all.yaml", &iso(&place, "KEY", "eu"));
    let run = |args: &[&str]| support::run(place.command(args).env("KEY", "declared-canary-value"));
    let plan = run(&["plan", "--detailed-exitcode", "--out", "plan.json", "--report", "markdown=plan.md", "--report", "html=plan.html", "--report", "json=plan.out.json"]);
    assert_eq!(plan.code, 0, "nothing is known to differ: {}", plan.text());
    let applied = run(&["apply", "--auto-approve", "--journal", "journal.ndjson", "--undo-out", "undo.yaml"]);
    assert_eq!((applied.code, place.server.requests().iter().any(|request| request.method == "PATCH")), (0, false), "{}", applied.text());
    let rotated = run(&["apply", "--auto-approve", "--rotate", "--journal", "rotated.ndjson", "--undo-out", "undo-rotated.yaml"]);
    assert_eq!(rotated.code, 0, "{}", rotated.text());
    assert!(place.server.requests().iter().any(|request| request.method == "PATCH"), "rotation sends it");
    // Undeclared in the head, declared in the base: the old value is not shown on its way out.
    let base = tempfile::tempdir().unwrap();
    for file in ["assignctl.yaml", "all.yaml"] {
        std::fs::copy(place.path().join(file), base.path().join(file)).unwrap();
    }
    place.write("all.yaml", &iso(&place, "KEY", "us").replace(", secret_params: { key: { env: KEY } }", ""));
    let base = base.path().to_str().unwrap();
    let undeclared = run(&["plan", "--base-dir", base, "--full", "--report", "json=undeclared.json"]);
    assert!(undeclared.stdout.contains("region"), "{}", undeclared.text());
    for output in [&plan, &applied, &rotated, &undeclared] {
        assert!(!output.text().contains("canary-value"), "{}", output.text());
    }
    for file in ["plan.json", "plan.md", "plan.html", "plan.out.json", "journal.ndjson", "rotated.ndjson", "undo-rotated.yaml", "undeclared.json"] {
        let Ok(text) = std::fs::read_to_string(place.path().join(file)) else { continue };
        assert!(!text.contains("canary-value"), "{file}: {text}");
    }
}

#[test]
fn a_reference_that_is_sent_along_stands_in_every_report_and_binds_the_plan() {
    let place = Place { server: support::sandbox::seeded(SEMAPHOR), dir: tempfile::tempdir().unwrap() };
    place.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    place.write("all.yaml", &iso(&place, "DEPLOY_KEY", "us"));
    let reports = ["markdown=plan.md", "html=plan.html", "json=report.json"];
    let mut args = vec!["plan", "--full", "--out", "plan.json"];
    reports.iter().for_each(|report| args.extend(["--report", report]));
    let plan = place.run(&args);
    assert_eq!(plan.code, 0, "{}", plan.text());
    assert!(plan.stdout.contains("secret_params.key") && plan.stdout.contains("DEPLOY_KEY"), "{}", plan.text());
    for file in ["plan.md", "plan.html", "report.json", "plan.json"] {
        let text = std::fs::read_to_string(place.path().join(file)).unwrap();
        assert!(text.contains("secret_params") && text.contains("DEPLOY_KEY"), "{file}: {text}");
    }
    place.write("all.yaml", &iso(&place, "OTHER_KEY", "us"));
    let run = apply(&place, &[]);
    assert_eq!((run.code, writes(&place)), (4, 0), "{}", run.text());
}
