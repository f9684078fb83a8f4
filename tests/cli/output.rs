//! Streams, colours, formats.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;

use super::Place;
use crate::support;

#[test]
fn a_plan_for_people() {
    let place = Place::new();
    let run = place.run(&["plan"]);
    assert_eq!(run.code, 0);
    insta::assert_snapshot!(place.steady(&run));
}

#[test]
fn an_apply_for_people() {
    let place = Place::new();
    let run = place.run(&["apply", "--auto-approve"]);
    assert_eq!(run.code, 0);
    insta::assert_snapshot!(place.steady(&run));
    let again = place.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(again.code, 0);
    insta::assert_snapshot!("a_plan_without_changes", place.steady(&again));
}

#[test]
fn quiet_says_only_data_and_errors() {
    let place = Place::new();
    let run = place.run(&["apply", "--auto-approve", "--quiet"]);
    assert_eq!((run.code, &*run.stderr), (0, ""), "{}", run.text());
}

#[test]
fn colour_is_the_flags_then_the_environments_then_the_terminals() {
    let place = Place::new();
    let colored = |args: &[&str], env: &[(&str, &str)]| {
        let run = support::run(place.command(&[&["plan"], args].concat()).envs(env.iter().copied()));
        assert_eq!(run.code, 0, "{}", run.text());
        run.stdout.contains('\u{1b}')
    };
    assert!(!colored(&[], &[]), "a pipe is no terminal");
    assert!(colored(&["--color", "always"], &[("NO_COLOR", "1")]), "the flag comes first");
    assert!(!colored(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(colored(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), "NO_COLOR before CLICOLOR_FORCE");
    assert!(!colored(&[], &[("CLICOLOR_FORCE", "0")]));
    assert!(colored(&[], &[("ASSIGNCTL_COLOR", "always")]));
}

#[test]
fn colour_changes_nothing_but_colour() {
    let place = Place::new();
    let plain = place.run(&["plan"]).stdout;
    let colored = place.run(&["plan", "--color", "always"]).stdout;
    assert_eq!(anstream::adapter::strip_str(&colored).to_string(), plain);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let place = Place::new();
    let many: Vec<String> = (0..3000).map(|n| format!("new-{n}")).collect();
    place.write("sets/austria.yaml", &super::set("austria", "at", &format!("a, b, c, d, {}", many.join(", "))));
    let mut command = place.command(&["plan", "--full"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("panick") && !stderr.contains("error"), "{stderr}");
}

/// Runs a command whose standard output goes there, with a JSON report of the run and over one of an earlier run.
fn with_stdout(place: &Place, stdout: impl Into<Stdio>, args: &[&str]) -> (support::Run, String) {
    place.write("report.json", "of an earlier run");
    let mut command = place.command(&[args, &["--ci", "none", "--report", "json=report.json"]].concat());
    let child = command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    let run = support::Run::from(child.wait_with_output().unwrap());
    (run, std::fs::read_to_string(place.path().join("report.json")).unwrap())
}

#[test]
fn where_nobody_reads_on_all_else_is_as_ever() {
    let closed = || std::io::pipe().unwrap().1;
    let place = Place::new();
    let (run, report) = with_stdout(&place, closed(), &["plan", "--detailed-exitcode"]);
    assert!(run.code == 2 && report.contains("\"verdict\": \"changes\""), "{}{report}", run.text());
    let drift = ["drift", "--history", "history", "--metrics", "metrics"];
    for format in ["text", "json"] {
        let (run, report) = with_stdout(&place, closed(), &[&drift[..], &["--format", format]].concat());
        assert!(run.code == 2 && report.contains("\"verdict\": \"drift\""), "{}{report}", run.text());
    }
    assert_eq!(std::fs::read_to_string(place.path().join("history")).unwrap().lines().count(), 2);
    assert!(place.path().join("metrics").exists());
    place.fault("DELETE /1/**=400;body={\"detail\": \"no\"}:*");
    let (run, report) = with_stdout(&place, closed(), &["apply", "--auto-approve"]);
    assert!(run.code == 5 && report.contains("\"done\": 1"), "{}{report}", run.text());
    place.write("sets/germany.yaml", "kind: [");
    let (run, report) = with_stdout(&place, closed(), &["validate"]);
    assert!(run.code == 1 && report.contains("\"severity\": \"error\""), "{}{report}", run.text());
}

#[cfg(target_os = "linux")]
#[test]
fn where_nothing_can_be_printed_the_reports_are_written_and_the_exit_is_an_error() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let place = Place::new();
    for (args, says) in [
        (&["validate"][..], "[]"),
        (&["plan"], "\"verdict\": \"changes\""),
        (&["drift", "--format", "json"], "\"verdict\": \"drift\""),
        (&["apply", "--auto-approve"], "\"stopped\": "),
        (&["apply", "--auto-approve", "--format", "json"], "\"done\": 2"),
    ] {
        let (run, report) = with_stdout(&place, full(), args);
        assert!(run.code == 1 && report.contains(says), "{args:?}: {}{report}", run.text());
        assert!(run.stderr.contains("No space left"), "{args:?}: {}", run.text());
    }
}

#[test]
fn json_is_what_the_schemas_say() {
    let place = Place::new();
    let refused = Place::new();
    refused.write(
        "sets/austria.yaml",
        &super::set("austria", "at", "").replace("    - { ass_ids: [], org_id: at }\n", "    []\n"),
    );
    let failed = Place::new();
    failed.fault("POST /1/catalog/assignments/organizations=400;body={\"detail\": \"no\"}:*");
    let schema = |name: &str| -> Value {
        let run = place.run(&["schema", name]);
        assert_eq!(run.code, 0, "{}", run.text());
        run.json()
    };
    let (plan, report) = (schema("plan"), schema("report"));
    for (schema, place, command) in [
        (&plan, &place, &["plan", "--format", "json"][..]),
        (&plan, &refused, &["plan", "--format", "json"]),
        (&report, &place, &["apply", "--auto-approve", "--format", "json"]),
        (&report, &refused, &["apply", "--auto-approve", "--format", "json"]),
        (&report, &failed, &["apply", "--auto-approve", "--format", "json"]),
        (&plan, &place, &["plan", "--format", "json"]),
    ] {
        let run = place.run(command);
        let validator = jsonschema::validator_for(schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(&run.json()).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{command:?}: {errors:#?}\n{}", run.text());
    }
}

#[test]
fn the_json_plan() {
    let place = Place::new();
    let run = place.run(&["plan", "--format", "json"]);
    assert_eq!(run.code, 0);
    let mut plan = run.json();
    plan["planned_at"] = Value::from("(now)");
    plan["tool"]["version"] = Value::from("(this)");
    insta::assert_snapshot!(super::steady(&serde_json::to_string_pretty(&plan).unwrap(), &place));
}

#[test]
fn the_same_input_gives_the_same_plan_whatever_the_files_are_called() {
    let place = Place::new();
    let plan = |place: &Place| {
        let mut plan = place.run(&["plan", "--format", "json", "--full"]).json();
        plan["planned_at"] = Value::Null;
        let text = plan.to_string();
        text.replace("sets/a.yaml", "sets/z.yaml")
            .replace("sets/austria.yaml", "sets/z.yaml")
            .replace("sets/germany.yaml", "sets/a.yaml")
    };
    let before = plan(&place);
    std::fs::rename(place.path().join("sets/austria.yaml"), place.path().join("sets/z.yaml")).unwrap();
    std::fs::rename(place.path().join("sets/germany.yaml"), place.path().join("sets/a.yaml")).unwrap();
    let after = place.run(&["plan", "--format", "json", "--full"]);
    let mut after = after.json();
    after["planned_at"] = Value::Null;
    assert_eq!(before, after.to_string());
}
