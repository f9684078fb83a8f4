//! `drift`: what differs, how it ends, and that it never writes.

use serde_json::Value;

use super::{Place, set, target};
use crate::support::{self, Run};

/// A place that has been applied: nothing differs.
fn settled() -> Place {
    let place = Place::new();
    let run = place.run(&["apply", "--auto-approve"]);
    assert_eq!(run.code, 0, "{}", run.text());
    place
}

/// Somebody else makes these the assemblies of Austria.
pub(super) fn behind_its_back(place: &Place, org: &str, ass_ids: &str) {
    let elsewhere = tempfile::tempdir().unwrap();
    support::write(elsewhere.path(), "assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    support::write(elsewhere.path(), "target.yaml", &target(&place.server.url()));
    support::write(elsewhere.path(), "set.yaml", &set("other", org, ass_ids));
    let mut command = support::program(elsewhere.path());
    let run = support::run(command.args(["apply", "--auto-approve"]).env("TOKEN", "sandbox"));
    assert_eq!(run.code, 0, "{}", run.text());
}

fn validated(place: &Place, name: &str, document: &Value) {
    let schema = place.run(&["schema", name]).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}

fn drift_json(place: &Place, args: &[&str]) -> (Run, Value) {
    let run = place.run(&[&["drift", "--format", "json"], args].concat());
    let document = run.json();
    validated(place, "drift", &document);
    (run, document)
}

#[test]
fn it_exits_2_after_a_change_behind_its_back_and_0_after_an_apply() {
    let place = settled();
    let none = place.run(&["drift"]);
    assert_eq!(none.code, 0, "{}", none.text());
    assert!(none.stdout.contains("No drift."), "{}", none.text());

    behind_its_back(&place, "at", "a, b, x");
    let writes = place.writes();
    let drift = place.run(&["drift", "--remediate"]);
    assert_eq!(drift.code, 2, "{}", drift.text());
    insta::assert_snapshot!("drift", place.steady(&drift));
    assert_eq!(place.writes(), writes, "drift wrote something");

    assert_eq!(place.run(&["apply", "--auto-approve"]).code, 0);
    assert_eq!(place.run(&["drift"]).code, 0);
}

#[test]
fn each_kind_is_counted_and_the_document_is_what_its_schema_says() {
    let place = settled();
    behind_its_back(&place, "at", "a, b, x");
    let (run, document) = drift_json(&place, &["--remediate"]);
    assert_eq!(run.code, 2);
    let counts = &document["counts"];
    assert_eq!((&counts["missing"], &counts["extra"], &counts["drift"]), (&2.into(), &1.into(), &3.into()), "{counts}");
    assert_eq!(document["verdict"], "drift");
    assert_eq!(document["remediation"], "assignctl apply");
    let kinds: Vec<&str> = document["targets"][0]["sets"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["missing", "missing", "extra"]);
}

#[test]
fn unmanaged_assignments_count_only_when_asked() {
    let place = settled();
    place.write("sets/austria.yaml", &set("austria", "at", "a").replace("authoritative", "additive"));
    let (run, document) = drift_json(&place, &[]);
    assert_eq!((run.code, &document["counts"]["unmanaged"]), (0, &3.into()), "{}", run.text());
    let (run, document) = drift_json(&place, &["--unmanaged"]);
    assert_eq!((run.code, &document["counts"]["drift"]), (2, &3.into()), "{}", run.text());
}

#[test]
fn observed_sets_are_looked_at_like_others() {
    let place = Place::new();
    place.write("sets/austria.yaml", &set("austria", "at", "a, e").replace("authoritative", "observe"));
    let (run, document) = drift_json(&place, &[]);
    assert_eq!((run.code, &document["counts"]["missing"], &document["counts"]["extra"]), (2, &1.into(), &0.into()));
}

#[test]
fn a_guard_refuses_nothing_here_and_is_told() {
    let place = Place::new();
    place.write(
        "sets/austria.yaml",
        &set("austria", "at", "").replace("    - { ass_ids: [], org_id: at }\n", "    []\n"),
    );
    let (run, document) = drift_json(&place, &[]);
    assert_eq!(run.code, 2, "{}", run.text());
    assert_eq!(document["targets"][0]["would_be_refused"][0]["guard"], "empty-scope");
    let text = place.run(&["drift"]);
    assert!(text.stdout.contains("an apply would be refused"), "{}", text.text());
}

#[test]
fn what_cannot_be_read_is_not_free_of_drift() {
    let place = settled();
    place.fault("POST /1/catalog/assignments/organizations/list=503:*");
    let (run, document) = drift_json(&place, &[]);
    assert_eq!((run.code, &document["verdict"]), (6, &"unreadable".into()), "{}", run.text());
    let text = place.run(&["drift"]);
    assert!(!text.stdout.contains("No drift."), "{}", text.text());
}

#[test]
fn the_history_grows_by_a_line_a_run_and_the_metrics_are_replaced() {
    let place = settled();
    let run = |code: i32| {
        let run = place.run(&["drift", "--history", "history.jsonl", "--metrics", "drift.prom"]);
        assert_eq!(run.code, code, "{}", run.text());
    };
    run(0);
    behind_its_back(&place, "at", "a, b, x");
    run(2);
    let read = |name: &str| std::fs::read_to_string(place.path().join(name)).unwrap();
    let history = read("history.jsonl");
    let lines: Vec<Value> = history.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.iter().for_each(|line| validated(&place, "drift-history", line));
    let drift: Vec<&Value> = lines.iter().map(|line| &line["counts"]["drift"]).collect();
    assert_eq!(drift, [0, 3]);

    let metrics = read("drift.prom");
    assert!(metrics.ends_with("\n# EOF\n"), "{metrics}");
    for line in [
        "assignctl_drift_assignments{target=\"parts\",set=\"austria\",kind=\"missing\"} 2",
        "assignctl_drift_found_assignments{target=\"parts\",set=\"austria\"} 3",
        "assignctl_drift_found_assignments{target=\"parts\",set=\"germany\"} 0",
        "assignctl_drift_target_readable{target=\"parts\"} 1",
        "assignctl_drift_exit_code 2",
        "# UNIT assignctl_drift_last_run_timestamp_seconds seconds",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    well_formed(&metrics);
    assert_eq!(
        std::fs::read_dir(place.path())
            .unwrap()
            .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().ends_with(".new"))
            .count(),
        0
    );
}

/// OpenMetrics: every sample belongs to the family whose head stands before it, and no family comes twice.
fn well_formed(metrics: &str) {
    let mut family = String::new();
    let mut seen = std::collections::HashSet::new();
    for line in metrics.lines().filter(|line| *line != "# EOF") {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            family = head.split(' ').next().unwrap().to_owned();
            assert!(seen.insert(family.clone()), "{family} comes twice");
        } else if let Some(head) = line.strip_prefix("# ") {
            assert_eq!(head.split(' ').nth(1), Some(family.as_str()), "{line}");
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert_eq!(name.split('{').next(), Some(family.as_str()), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
}

#[test]
fn what_a_rule_leaves_alone_is_neither_planned_nor_drift() {
    let place = settled();
    behind_its_back(&place, "at", "a, b, c, e, temp-1");
    let rule = |until: &str| {
        let ignore = format!("  ignore:\n    - {{ match: {{ ass_id: temp-* }}, reason: trade fair{until} }}\n");
        set("austria", "at", "a, b, c, e").replace("  assignments:\n", &format!("{ignore}  assignments:\n"))
    };
    place.write("sets/austria.yaml", &rule(", until: 2999-12-31"));
    let (run, document) = drift_json(&place, &[]);
    assert_eq!((run.code, &document["counts"]["ignored"]), (0, &1.into()), "{}", run.text());
    let found = &document["targets"][0]["sets"][0]["findings"][0];
    assert_eq!((&found["kind"], &found["ignored"]["reason"]), (&"ignored".into(), &"trade fair".into()));
    let plan = place.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{}", plan.text());
    assert!(plan.stdout.contains("= ignored   temp-1 / at  extra: trade fair"), "{}", plan.text());
    assert_eq!(place.run(&["apply", "--auto-approve"]).code, 0);
    assert!(place.live().contains(&"temp-1 at".to_owned()));

    behind_its_back(&place, "at", "a, b, c, e");
    let unused = place.run(&["plan"]);
    assert!(unused.stdout.contains("[ignore-unused]"), "{}", unused.text());

    place.write("sets/austria.yaml", &rule(", until: 2020-01-31"));
    for command in ["validate", "plan", "drift", "apply"] {
        let run = place.run(&[command]);
        assert_eq!(run.code, 1, "{}", run.text());
        assert!(run.stderr.contains("ignore-ended") && run.stderr.contains("2020-02-01"), "{}", run.text());
    }
}

/// The embedded server with a state of its own.
fn embedded(manifest: &str, seed: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    support::write(
        dir.path(),
        "assignctl.yaml",
        "apiVersion: assignctl/v1\nkind: Root\nspec: { sandbox: { seed: seed.yaml }, ignore: [seed.yaml] }\n",
    );
    support::write(dir.path(), "seed.yaml", seed);
    support::write(dir.path(), "all.yaml", manifest);
    dir
}

#[test]
fn ends_and_times_are_told_where_the_api_tells() {
    let dir = embedded(
        "apiVersion: assignctl/v1
kind: Target
metadata: { name: crm }
spec: { provider: canopy, endpoint: sandbox, account: acme, application: crm, environment: prod }
---
apiVersion: assignctl/v1
kind: CanopyAssignments
metadata: { name: team }
spec:
  target: crm
  mode: authoritative
  scope: all
  assignments:
    - { identity_id: anna, node_id: n, role_id: r }
    - { identity_id: ben, node_id: n, role_id: r, effective_to: 2034-01-01T00:00:00Z }
    - { identity_id: carl, node_id: n, role_id: r, effective_to: 2020-01-01T00:00:00Z }
",
        "canopy:
  environments:
    - account: acme
      application: crm
      environment: prod
      identities: [{ id: anna, name: Anna }, { id: ben, name: Ben }, { id: carl, name: Carl }, { id: dora, name: Dora }]
      nodes: [{ id: n, name: Node }]
      roles: [{ id: r, name: Role }]
      assignments:
        - { identity_id: anna, node_id: n, role_id: r, effective_from: 2019-01-01T00:00:00Z, effective_to: 2021-01-01T00:00:00Z }
        - { identity_id: ben, node_id: n, role_id: r, effective_from: 2019-01-01T00:00:00Z, effective_to: 2034-01-01T00:00:00Z }
        - { identity_id: carl, node_id: n, role_id: r, effective_from: 2019-01-01T00:00:00Z, effective_to: 2020-01-01T00:00:00Z }
        - { identity_id: dora, node_id: n, role_id: r, effective_from: 2019-01-01T00:00:00Z }
",
    );
    let run = |args: &[&str]| support::run(support::program(dir.path()).args(["drift", "--format", "json"]).args(args));
    let findings = |run: &Run| -> Vec<(String, String, bool)> {
        let document = run.json();
        let found = document["targets"][0]["sets"][0]["findings"].as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        found.iter().map(|f| (text(&f["kind"]), text(&f["key"]["identity_id"]), f["is_drift"] == true)).collect()
    };
    let row = |kind: &str, who: &str, drift: bool| (kind.to_owned(), who.to_owned(), drift);
    let soon = run(&["--expiring", "14d"]);
    assert_eq!(soon.code, 2, "{}", soon.text());
    assert_eq!(
        findings(&soon),
        [row("extra", "dora", true), row("expired", "anna", true), row("expired", "carl", false)]
    );
    let later = run(&["--expiring", "9000d"]);
    assert!(findings(&later).contains(&row("expiring_soon", "ben", false)), "{}", later.text());
    let found = &later.json()["targets"][0]["sets"][0]["findings"];
    assert_eq!(found[1]["since"], "2021-01-01T00:00:00Z", "since it ended: {found:#}");
    assert!(found[0]["since"].is_string(), "since it was made: {found:#}");
    assert_eq!(found[3]["until"], "2034-01-01T00:00:00Z");
    let wrong = run(&["--expiring", "soon"]);
    assert_eq!(wrong.code, 1, "{}", wrong.text());
}

#[test]
fn one_run_has_all_its_reports() {
    let place = settled();
    behind_its_back(&place, "at", "a, b, x");
    let formats = ["json", "markdown", "html", "sarif", "junit"];
    let reports: Vec<String> = formats.iter().map(|format| format!("{format}=out/drift.{format}")).collect();
    let mut args = vec!["drift", "--history", "history.ndjson", "--ci", "none"];
    args.extend(reports.iter().flat_map(|report| ["--report", report.as_str()]));
    for _ in 0..2 {
        let run = place.run(&args);
        assert_eq!(run.code, 2, "{}", run.text());
    }
    let read = |format: &str| std::fs::read_to_string(place.path().join(format!("out/drift.{format}"))).unwrap();
    let document: Value = serde_json::from_str(&read("json")).unwrap();
    validated(&place, "drift", &document);
    let page = read("markdown");
    assert!(
        page.starts_with("**Drift:** 3 assignments differ from the manifests (2 missing, 1 extra, 6 unchanged)."),
        "{page}"
    );
    let (extra, missing) = (page.find("**Live, and not declared** (1)"), page.find("**Declared, and not live** (2)"));
    assert!(extra.is_some() && extra < missing, "{page}");
    let log: Value = serde_json::from_str(&read("sarif")).unwrap();
    let rules: Vec<&str> =
        log["runs"][0]["results"].as_array().unwrap().iter().map(|result| result["ruleId"].as_str().unwrap()).collect();
    assert_eq!(rules, ["drift-missing", "drift-missing", "drift-extra"]);
    let junit = read("junit");
    assert_eq!((junit.matches("<failure ").count(), junit.matches("<testcase ").count()), (3, 9), "{junit}");
    let html = read("html");
    assert!(html.contains("\"trend\":[{\"t\":") && html.matches("\"n\":3").count() == 2, "both runs are drawn");
    for format in ["gitlab-terraform", "ndjson"] {
        let run = place.run(&["drift", "--report", &format!("{format}=out/x")]);
        assert!(run.code == 1 && run.stderr.contains(format), "{}", run.text());
    }
}

#[test]
fn a_history_with_foreign_lines_is_drawn_without_them() {
    let place = settled();
    place.write("history.ndjson", "no run\n{\"a\":1}\n");
    let run = place.run(&["drift", "--history", "history.ndjson", "--report", "html=drift.html", "--ci", "none"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stderr.contains("2 lines are no runs of drift"), "{}", run.text());
}

#[test]
fn a_pipeline_sees_drift_where_it_looks() {
    let place = settled();
    behind_its_back(&place, "at", "a, b, x");
    let files = ["GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"];
    let mut command = place.command(&["drift"]);
    command.env("GITHUB_ACTIONS", "true").envs(files.map(|name| (name, place.path().join(name))));
    let run = support::run(&mut command);
    assert_eq!(run.code, 2, "{}", run.text());
    assert_eq!(run.stdout.matches("::warning file=sets/austria.yaml,").count(), 3, "{}", run.text());
    let read = |name: &str| std::fs::read_to_string(place.path().join(name)).unwrap();
    assert!(read(files[0]).contains("**Drift:** 3 assignments differ"));
    assert_eq!(read(files[1]), "drift=3\nverdict=drift\ncomplete=true\nexit-code=2\n");
}

#[test]
fn outputs_that_cannot_be_written_do_not_hide_the_drift() {
    let place = settled();
    behind_its_back(&place, "at", "a, b, x");
    place.write("here", "a file in place of a directory");
    let run =
        place.run(&["drift", "--history", "here/h.ndjson", "--metrics", "here/m.prom", "--report", "json=d.json"]);
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(run.stderr.contains("here/h.ndjson") && run.stderr.contains("here/m.prom"), "{}", run.text());
    assert!(place.path().join("d.json").is_file());
    // Without drift to report, what failed is the result.
    let place = settled();
    place.write("here", "a file in place of a directory");
    assert_eq!(place.run(&["drift", "--metrics", "here/m.prom"]).code, 1);
}

#[test]
fn a_run_that_stops_leaves_no_values_of_an_earlier_run() {
    let place = settled();
    let files = ["--metrics", "m.prom", "--history", "h.ndjson"];
    let read = |name: &str| std::fs::read_to_string(place.path().join(name)).unwrap();
    assert_eq!(place.run(&[&["drift"], &files[..]].concat()).code, 0);
    assert!(read("m.prom").contains("assignctl_drift_exit_code 0"));
    place.write("sets/bad.yaml", "kind: Nonsense\n");
    assert_eq!(place.run(&[&["drift"], &files[..]].concat()).code, 1);
    let metrics = read("m.prom");
    assert!(metrics.contains("assignctl_drift_exit_code 1") && !metrics.contains("set="), "{metrics}");
    let history = read("h.ndjson");
    let last: Value = serde_json::from_str(history.lines().last().unwrap()).unwrap();
    assert_eq!((history.lines().count(), last["exit"]["code"].as_u64()), (2, Some(1)));
    assert!(last.get("counts").is_none() && last["complete"] == false, "{last}");
}
