//! Reports beside standard output, and what a CI host is given.

use serde_json::Value;

use super::Place;
use crate::support;

const ALL: [&str; 6] = [
    "json=out/plan.json",
    "markdown=out/plan.md",
    "html=out/plan.html",
    "sarif=out/plan.sarif",
    "junit=out/plan.xml",
    "gitlab-terraform=out/tfplan.json",
];

fn with_all(command: &[&'static str]) -> Vec<&'static str> {
    command.iter().copied().chain(ALL.iter().flat_map(|report| ["--report", report])).collect()
}

fn read(place: &Place, path: &str) -> String {
    std::fs::read_to_string(place.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn files(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(place.path().join("out")).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn one_plan_many_reports_and_the_same_standard_output() {
    let place = Place::new();
    let alone = place.run(&["plan"]);
    let run = place.run(&with_all(&["plan"]));
    assert_eq!((run.code, &run.stdout), (0, &alone.stdout), "{}", run.text());
    assert_eq!(
        files(&place),
        ["plan.html", "plan.json", "plan.md", "plan.sarif", "plan.xml", "tfplan.json"],
        "no drafts"
    );
    let plan: Value = serde_json::from_str(&read(&place, "out/plan.json")).unwrap();
    let counts: Value = serde_json::from_str(&read(&place, "out/tfplan.json")).unwrap();
    assert_eq!((&plan["counts"]["create"], &plan["counts"]["remove"]), (&counts["create"], &counts["delete"]));
    assert!(read(&place, "out/plan.md").starts_with("**Plan:** 1 to create, 0 to update, 1 to remove; 7 unchanged."));
    assert!(read(&place, "out/plan.html").starts_with("<!doctype html>"));
    assert_eq!(read(&place, "out/plan.xml").matches("<testcase ").count(), 9);
}

#[test]
fn a_refused_plan_has_its_reports_all_the_same() {
    let place = Place::new();
    let nothing = super::set("austria", "at", "a").replace("    - { ass_ids: [a], org_id: at }\n", "    []\n");
    place.write("sets/austria.yaml", &nothing);
    let run = place.run(&with_all(&["plan"]));
    assert_eq!(run.code, 3, "{}", run.text());
    assert!(read(&place, "out/plan.md").starts_with("**Refused by a guard:**"));
    let sarif: Value = serde_json::from_str(&read(&place, "out/plan.sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "guard-empty-scope");
}

#[test]
fn an_apply_tells_events_and_outcomes() {
    let place = Place::new();
    let mut args = with_all(&["apply", "--auto-approve"]);
    args.extend(["--report", "ndjson=out/events.ndjson"]);
    let run = place.run(&args);
    assert_eq!(run.code, 0, "{}", run.text());
    let events = read(&place, "out/events.ndjson");
    let names = events.lines().map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["event"].as_str().unwrap().to_owned()
    });
    let names: Vec<String> = names.collect();
    assert_eq!((names.first().map(String::as_str), names.last().map(String::as_str)), (Some("started"), Some("ended")));
    assert_eq!(names.iter().filter(|name| *name == "finished").count(), 2, "{events}");
    let report: Value = serde_json::from_str(&read(&place, "out/plan.json")).unwrap();
    assert_eq!(report["totals"]["done"], 2);
    assert!(read(&place, "out/plan.md").starts_with("**Applied:** 2 done."));
}

#[test]
fn invalid_manifests_are_reported_by_validate_and_by_a_plan_that_cannot_be_made() {
    for command in ["validate", "plan"] {
        let place = Place::new();
        place.write("sets/broken.yaml", "apiVersion: assignctl/v1\nkind: Nonsense\n");
        let reports = ["--report", "sarif=out/f.sarif", "--report", "junit=out/f.xml", "--report", "markdown=out/f.md"];
        let run = place.run(&[&[command][..], &reports].concat());
        assert_eq!(run.code, 1, "{}", run.text());
        let sarif: Value = serde_json::from_str(&read(&place, "out/f.sarif")).unwrap();
        let at = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(at["artifactLocation"]["uri"], "sets/broken.yaml");
        assert!(read(&place, "out/f.xml").contains("<failure "));
        assert!(read(&place, "out/f.md").starts_with("**The manifests are not valid:**"));
    }
}

#[test]
fn what_cannot_be_a_report_is_refused_before_anything_is_done() {
    let place = Place::new();
    for (args, says) in [
        (&["plan", "--report", "json=-"][..], "a report is a file"),
        (&["plan", "--report", "json"], "expected FORMAT=PATH"),
        (&["plan", "--report", "html="], "the path is empty"),
        (&["plan", "--report", "pdf=x"], "there are: json, markdown, html, sarif, junit, gitlab-terraform, ndjson"),
        (&["plan", "--report", "ndjson=x"], "events of an apply"),
        (&["validate", "--report", "gitlab-terraform=x"], "counts of a plan"),
        (&["plan", "--report", "json=x", "--report", "sarif=x"], "two reports cannot be one file"),
        (&["plan", "--markdown-limit", "bitbucket"], "github, gitlab or gitea"),
    ] {
        let run = place.run(args);
        assert_eq!(run.code, 1, "{}", run.text());
        assert!(run.stderr.contains(says), "{}", run.text());
    }
    assert_eq!(place.server.requests().len(), 0);
}

#[test]
fn a_report_that_cannot_be_written_is_told_and_the_others_are_written() {
    let place = Place::new();
    place.write("taken", "a file, where a directory is wanted");
    let run = place.run(&["plan", "--report", "json=taken/plan.json", "--report", "markdown=plan.md"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stderr.contains("the report taken/plan.json could not be written"), "{}", run.text());
    assert!(read(&place, "plan.md").starts_with("**Plan:**"));
}

#[test]
fn a_report_replaces_a_file_whole_and_keeps_a_link() {
    let place = Place::new();
    place.write("real.md", &"old ".repeat(100_000));
    std::os::unix::fs::symlink("real.md", place.path().join("link.md")).unwrap();
    assert_eq!(place.run(&["plan", "--report", "markdown=link.md"]).code, 0);
    assert!(place.path().join("link.md").is_symlink());
    assert!(read(&place, "real.md").starts_with("**Plan:**") && !read(&place, "real.md").contains("old"));
    assert_eq!(place.run(&["plan", "--report", "markdown=/dev/null"]).code, 0);
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn github_is_given_a_summary_annotations_and_outputs() {
    let place = Place::new();
    let on_github = |args: &[&str]| {
        let mut command = place.command(args);
        command.env("GITHUB_ACTIONS", "true").env("GITHUB_WORKSPACE", place.path().parent().unwrap());
        command.env("GITHUB_STEP_SUMMARY", place.path().join("summary.md"));
        command.env("GITHUB_OUTPUT", place.path().join("output"));
        support::run(&mut command)
    };
    place.write("summary.md", "before\n");
    let run = on_github(&["plan"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let base = place.path().file_name().unwrap().to_string_lossy().into_owned();
    let annotation = format!("::warning file={base}/sets/austria.yaml,line=3,col=19,title=remove in austria::d / at: ");
    assert!(run.stdout.lines().any(|line| line.starts_with(&annotation)), "{}", run.text());
    assert!(read(&place, "summary.md").starts_with("before\n\n**Plan:** 1 to create"));
    let outputs = "changes=2\ncreate=1\nupdate=0\nremove=1\nverdict=changes\ncomplete=true\nexit-code=0\n";
    assert_eq!(read(&place, "output"), outputs);
    let json = on_github(&["plan", "--format", "json"]);
    assert_eq!(json.json()["counts"]["create"], 1, "standard output is JSON and nothing else");
    let off = on_github(&["plan", "--ci", "none"]);
    assert!(!off.stdout.contains("::warning"), "{}", off.text());
    assert_eq!(read(&place, "output"), outputs.repeat(2));
}

#[test]
fn a_job_summary_stays_within_what_github_takes() {
    let place = Place::new();
    let limit = 1024 * 1024;
    let run = |there: usize| {
        place.write("summary.md", &"x".repeat(there));
        let mut command = place.command(&["plan", "--ci", "github"]);
        let run = support::run(command.env("GITHUB_STEP_SUMMARY", place.path().join("summary.md")));
        assert_eq!(run.code, 0, "{}", run.text());
        read(&place, "summary.md").len()
    };
    assert!(run(0) > 500);
    assert_eq!(run(limit - 1_000), limit - 1_000, "no room, no summary");
    let filled = run(limit - 2_500);
    assert!(filled > limit - 2_500 && filled <= limit, "{filled}");
}
