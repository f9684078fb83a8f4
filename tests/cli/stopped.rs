//! A run that stops before it sends or shows anything has its reports all the same, and they say why.

use serde_json::Value;

use super::{Place, set};
use crate::support::{self, Run};

const FORMATS: [&str; 5] = ["json", "markdown", "html", "sarif", "junit"];

/// Applies with every report, over those of an earlier run.
fn apply(place: &Place, args: &[&str]) -> Run {
    run(place, "apply", args)
}

fn run(place: &Place, command: &str, args: &[&str]) -> Run {
    let reports: Vec<String> = FORMATS.iter().map(|format| format!("{format}=out/apply.{format}")).collect();
    for format in FORMATS {
        place.write(&format!("out/apply.{format}"), "of an earlier run");
    }
    let mut words = vec![command, "--ci", "none"];
    words.extend(reports.iter().flat_map(|report| ["--report", report.as_str()]));
    place.run(&[&words, args].concat())
}

fn read(place: &Place, format: &str) -> String {
    std::fs::read_to_string(place.path().join(format!("out/apply.{format}"))).unwrap()
}

/// Every report is of this run, says so, and the JSON is what its schema says.
fn told(place: &Place, run: &Run, says: &str) -> Value {
    assert_eq!(place.writes(), 0, "{}", run.text());
    for format in FORMATS {
        let text = read(place, format);
        assert!(text.contains(says), "{format}: {text}\n{}", run.text());
    }
    let document: Value = serde_json::from_str(&read(place, "json")).unwrap();
    let schema = place.run(&["schema", "report"]).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(document["exit"]["code"], run.code, "{document:#}");
    document
}

#[test]
fn nobody_approved_it() {
    let place = Place::new();
    let run = apply(&place, &[]);
    assert_eq!(run.code, 1, "{}", run.text());
    let document = told(&place, &run, "the plan was not approved");
    assert_eq!(document["targets"][0]["not_run"]["reason"], "not_approved");
    assert_eq!(document["totals"]["skipped"], 2);
    assert!(read(&place, "markdown").starts_with("**Nothing applied:** 2 skipped."));
    let json = apply(&place, &["--format", "json"]).json();
    assert_eq!(json["targets"][0]["not_run"]["reason"], "not_approved");
}

#[test]
fn a_guard_refused() {
    let place = Place::new();
    place.write(
        "sets/germany.yaml",
        &set("germany", "de", "").replace("    - { ass_ids: [], org_id: de }\n", "    []\n"),
    );
    let run = apply(&place, &["--auto-approve"]);
    assert_eq!(run.code, 3, "{}", run.text());
    let document = told(&place, &run, "a guard refused the target");
    assert_eq!(document["targets"][0]["not_run"]["reason"], "refused");
}

#[test]
fn the_journal_cannot_be_begun() {
    let place = Place::new();
    let run = apply(&place, &["--auto-approve", "--journal", "no/such/place/journal"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stderr.contains("no/such/place/journal"), "{}", run.text());
    let document = told(&place, &run, "what has to be written before the first change could not be");
    assert_eq!(document["targets"][0]["not_run"]["reason"], "not_begun");
}

#[test]
fn the_saved_plan_cannot_be_used() {
    let place = Place::new();
    assert_eq!(place.run(&["plan", "--out", "saved.plan", "--expires", "1ms"]).code, 0);
    let run = apply(&place, &["--plan", "saved.plan", "--auto-approve"]);
    assert_eq!(run.code, 4, "{}", run.text());
    let document = told(&place, &run, "it expired at");
    assert!(document["stopped"].as_str().unwrap().contains("it expired at"), "{document:#}");
    assert!(read(&place, "markdown").starts_with("**Nothing applied:** "));
    assert!(read(&place, "html").contains("assignctl apply: Nothing applied"));

    place.write("saved.plan", "{}");
    let run = apply(&place, &["--plan", "saved.plan", "--auto-approve"]);
    assert_eq!(run.code, 1, "{}", run.text());
    told(&place, &run, "not a whole plan file");
}

#[test]
fn the_approved_plan_is_stale() {
    let place = Place::new();
    assert_eq!(place.run(&["plan", "--out", "saved.plan"]).code, 0);
    super::drift::behind_its_back(&place, "at", "a, b, x, y");
    let writes = place.writes();
    let run = apply(&place, &["--plan", "saved.plan", "--auto-approve"]);
    assert_eq!((run.code, place.writes()), (4, writes), "{}", run.text());
    assert!(read(&place, "markdown").contains("the approved plan is stale"), "{}", read(&place, "markdown"));
    let document: Value = serde_json::from_str(&read(&place, "json")).unwrap();
    assert_eq!(document["targets"][0]["not_run"]["reason"], "stale");
}

#[test]
fn a_plan_and_a_look_for_drift_say_why_they_stopped() {
    let place = Place::new();
    for (command, args, verdict) in [
        ("plan", ["--policy", "no/such/place"], "Nothing planned"),
        ("plan", ["--out", "no/such/place/plan"], "Nothing planned"),
        ("drift", ["--policy", "no/such/place"], "Nothing compared"),
    ] {
        let run = run(&place, command, &args);
        assert!(run.code == 1 && run.stderr.contains("no/such/place"), "{}", run.text());
        for format in FORMATS {
            let text = read(&place, format);
            assert!(text.contains("no/such/place"), "{command} {format}: {text}\n{}", run.text());
        }
        let findings: Value = serde_json::from_str(&read(&place, "json")).unwrap();
        assert_eq!(findings[0]["code"], format!("{command}-stopped"), "{findings:#}");
        assert!(read(&place, "markdown").starts_with(&format!("**{verdict}:** ")), "{}", read(&place, "markdown"));
    }
}

#[test]
fn a_pipeline_is_told_where_it_looks() {
    let place = Place::new();
    place.write("saved.plan", "{}");
    let summary = place.path().join("summary.md");
    let mut command = place.command(&["apply", "--plan", "saved.plan", "--auto-approve"]);
    let run = support::run(command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary));
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stdout.starts_with("::error title=Nothing was applied::"), "{}", run.text());
    assert!(std::fs::read_to_string(summary).unwrap().contains("**Nothing applied:**"));
}
