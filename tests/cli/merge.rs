//! `report merge`: the joined reports of all shards are the report of the whole run, and what does not belong together is refused.

use serde_json::Value;

use super::drift::behind_its_back;
use super::{Place, set};
use crate::support::{self, Run};

/// A place with twelve more sets.
fn place() -> Place {
    let place = Place::new();
    for n in 0..12 {
        place.write(&format!("sets/more-{n}.yaml"), &set(&format!("more-{n}"), &format!("org-{n}"), "a, b"));
    }
    place
}

/// Runs a command whole and in parts; gives the names of the parts' reports, and the worst exit code in DESIGN's order.
fn parts(place: &Place, command: &[&str], of: usize) -> (Vec<String>, Vec<i32>) {
    let names: Vec<String> = (1..=of).map(|part| format!("part-{part}-of-{of}.json")).collect();
    let run = |(index, name): (usize, &String)| {
        let (report, shard) = (format!("json={name}"), format!("{}/{of}", index + 1));
        let run = place.run(&[command, &["--ci", "none", "--report", &report, "--shard", &shard]].concat());
        assert_ne!(run.code, 1, "{}", run.text());
        run.code
    };
    let codes = names.iter().enumerate().map(run).collect();
    (names, codes)
}

fn merge(place: &Place, names: &[String], more: &[&str]) -> Run {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    place.run(&[&["report", "merge"], names.as_slice(), more].concat())
}

fn read(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.path().join(name)).unwrap()
}

/// A report without what belongs to the run: the moment, the requests and their ids, what each listing showed, the server's port; and
/// without what only a joined report says.
fn steady(text: &str, place: &Place) -> String {
    let mut document: Value = serde_json::from_str(text).unwrap();
    document.as_object_mut().unwrap().remove("merged");
    for target in document["targets"].as_array_mut().unwrap() {
        target.as_object_mut().unwrap().remove("evidence");
    }
    let text = &serde_json::to_string_pretty(&document).unwrap();
    let varies = ["planned_at", "checked_at", "read_requests", "write_requests"];
    let line = |line: &str| {
        if line.trim_start().starts_with("\"req-") {
            return "request id …".to_owned();
        }
        let name = varies.iter().find(|name| line.trim_start().starts_with(&format!("\"{name}\":")));
        name.map_or_else(|| line.to_owned(), |name| format!("{name} …"))
    };
    let lines: Vec<String> = text.lines().map(line).collect();
    lines.join("\n").replace(&place.server.addr().to_string(), "127.0.0.1:PORT")
}

fn validated(place: &Place, name: &str, text: &str) {
    let schema = place.run(&["schema", name]).json();
    let document: Value = serde_json::from_str(text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn the_joined_plan_is_the_whole_plan() {
    let place = place();
    let whole = place.run(&["plan", "--detailed-exitcode", "--ci", "none", "--report", "json=whole.json"]);
    assert_eq!(whole.code, 2, "{}", whole.text());
    for of in [1, 2, 3] {
        let (mut names, codes) = parts(&place, &["plan", "--detailed-exitcode"], of);
        assert!(codes.contains(&2), "{codes:?}");
        names.reverse();
        let run = merge(&place, &names, &["--out", "joined.json"]);
        assert_eq!((run.code, &*run.stdout), (2, ""), "{}", run.text());
        let joined = read(&place, "joined.json");
        assert_eq!(steady(&joined, &place), steady(&read(&place, "whole.json"), &place), "of {of}");
        validated(&place, "plan", &joined);
        assert_eq!(merge(&place, &names, &["-q"]).stdout, joined);
    }
}

#[test]
fn a_refusal_is_told_once_and_keeps_its_exit() {
    let place = place();
    place.write(
        "sets/germany.yaml",
        &set("germany", "de", "").replace("    - { ass_ids: [], org_id: de }\n", "    []\n"),
    );
    let whole = place.run(&["plan", "--ci", "none", "--report", "json=whole.json"]);
    assert_eq!(whole.code, 3, "{}", whole.text());
    let (names, _) = parts(&place, &["plan"], 3);
    let run = merge(&place, &names, &["--out", "joined.json"]);
    assert_eq!(run.code, 3, "{}", run.text());
    let joined = read(&place, "joined.json");
    assert_eq!(steady(&joined, &place), steady(&read(&place, "whole.json"), &place));
    assert_eq!(joined.matches("\"guard\"").count(), 1);
}

#[test]
fn the_joined_plan_has_the_other_formats_too() {
    let place = place();
    let wanted = ["--report", "markdown=whole.md", "--report", "html=whole.html", "--report", "sarif=whole.sarif"];
    let whole = place.run(&[&["plan", "--ci", "none"], &wanted[..]].concat());
    assert_eq!(whole.code, 0, "{}", whole.text());
    let (names, _) = parts(&place, &["plan"], 3);
    let more = ["--report", "markdown=j.md", "--report", "html=j.html", "--report", "sarif=j.sarif"];
    let run = merge(&place, &names, &[&["-q", "--report", "gitlab-terraform=j.tf"], &more[..]].concat());
    assert_eq!(run.code, 0, "{}", run.text());
    let requests = |text: &str| text.split(". ").next().map(|first| (first.to_owned(), text.lines().skip(1).count()));
    let (joined, markdown) = (read(&place, "j.md"), read(&place, "whole.md"));
    assert_eq!(requests(&joined), requests(&markdown));
    assert_eq!(joined.lines().skip(1).collect::<Vec<_>>(), markdown.lines().skip(1).collect::<Vec<_>>());
    assert_eq!(read(&place, "j.sarif"), read(&place, "whole.sarif"));
    assert!(read(&place, "j.html").contains("\"command\":\"plan\""));
    let counts: Value = serde_json::from_str(&read(&place, "j.tf")).unwrap();
    assert_eq!(counts["create"], 25);
    let run = merge(&place, &names, &["--out", "one.json", "--report", "markdown=one.json"]);
    assert!(run.code == 1 && run.stderr.contains("two reports cannot be one file"), "{}", run.text());
    assert!(!place.path().join("one.json").exists());
    let run = merge(&place, &names, &["--report", "junit=j.xml"]);
    assert!(run.code == 1 && run.stderr.contains("junit"), "{}", run.text());
}

#[test]
fn the_joined_drift_is_the_whole_drift() {
    let place = place();
    assert_eq!(place.run(&["apply", "--auto-approve"]).code, 0);
    behind_its_back(&place, "org-3", "a, x");
    behind_its_back(&place, "at", "a, b, x");
    let whole = place.run(&["drift", "--remediate", "--format", "json"]);
    assert_eq!(whole.code, 2, "{}", whole.text());
    for of in [2, 3] {
        let names: Vec<String> = (1..=of).map(|part| format!("drift-{part}.json")).collect();
        for (index, name) in names.iter().enumerate() {
            let shard = format!("{}/{of}", index + 1);
            let run = place.run(&["drift", "--remediate", "--format", "json", "--shard", &shard]);
            assert!([0, 2].contains(&run.code), "{}", run.text());
            place.write(name, &run.stdout);
        }
        let run = merge(&place, &names, &["-q"]);
        assert_eq!(run.code, 2, "{}", run.text());
        assert_eq!(steady(&run.stdout, &place), steady(&whole.stdout, &place), "of {of}");
        validated(&place, "drift", &run.stdout);
    }
}

#[test]
fn the_joined_apply_is_the_whole_apply() {
    let whole = place();
    let run = whole.run(&["apply", "--auto-approve", "--ci", "none", "--report", "json=whole.json"]);
    assert_eq!(run.code, 0, "{}", run.text());
    for of in [2, 3] {
        let place = place();
        let (names, _) = parts(&place, &["plan"], of);
        assert_eq!(merge(&place, &names, &["--out", "merged.json"]).code, 0);
        let (names, _) = parts(&place, &["apply", "--auto-approve", "--plan", "merged.json"], of);
        let run = merge(&place, &names, &["-q"]);
        assert_eq!(run.code, 0, "{}", run.text());
        assert_eq!(steady(&run.stdout, &place), steady(&read(&whole, "whole.json"), &whole), "of {of}");
        validated(&place, "report", &run.stdout);
        assert_eq!(place.live(), whole.live());
    }
}

#[test]
fn four_systems_are_joined_too() {
    let dir = tempfile::tempdir().unwrap();
    support::copy(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/quickstart")), dir.path());
    let run = |args: &[&str]| support::run(support::program(dir.path()).args(args));
    let whole = run(&["plan", "--format", "json"]);
    assert_eq!(whole.code, 0, "{}", whole.text());
    let mut words = vec!["report".to_owned(), "merge".to_owned(), "-q".to_owned()];
    for part in 1..=3 {
        let name = format!("part-{part}.json");
        let plan = run(&["plan", "--format", "json", "--shard", &format!("{part}/3")]);
        std::fs::write(dir.path().join(&name), plan.stdout).unwrap();
        words.push(name);
    }
    words.extend(["--report".to_owned(), "markdown=joined.md".to_owned()]);
    let joined = run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(joined.code, 0, "{}", joined.text());
    let lines = |text: &str| -> Value {
        let mut document: Value = serde_json::from_str(text).unwrap();
        for name in ["planned_at", "write_requests", "merged"] {
            document.as_object_mut().unwrap().remove(name);
        }
        for target in document["targets"].as_array_mut().unwrap() {
            for name in ["evidence", "read_requests", "write_requests"] {
                target.as_object_mut().unwrap().remove(name);
            }
        }
        document
    };
    assert_eq!(lines(&joined.stdout), lines(&whole.stdout));
    let page = std::fs::read_to_string(dir.path().join("joined.md")).unwrap();
    assert!(page.contains("idn_david") && page.contains("horizon_days"), "{page}");
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let place = place();
    let (names, _) = parts(&place, &["plan"], 3);
    let fails = |names: &[String], says: &str| {
        let run = merge(&place, names, &[]);
        assert!(run.code == 1 && run.stdout.is_empty() && run.stderr.contains(says), "{says}: {}", run.text());
    };
    fails(&names[..2], "of 3 shards these are missing: 3");
    fails(&[names[0].clone(), names[0].clone()], "both shard 1");
    let whole = place.run(&["plan", "--ci", "none", "--report", "json=whole.json"]);
    assert_eq!(whole.code, 0);
    fails(&["whole.json".to_owned()], "without --shard");
    place.write("text.json", "no JSON");
    fails(&["text.json".to_owned()], "no JSON report");
    place.write("other.json", "{\"a\": 1}");
    fails(&["other.json".to_owned()], "no JSON report of plan, apply or drift");
    let altered = |from: &str, to: &str| {
        let text = read(&place, &names[1]);
        assert!(text.contains(from), "{from}");
        place.write("altered.json", &text.replacen(from, to, 1));
        [names[0].clone(), "altered.json".to_owned(), names[2].clone()]
    };
    fails(&altered("\"format_version\": \"1.0\"", "\"format_version\": \"9.0\""), "has format 9.0");
    fails(&altered("\"planned_at\"", "\"surprise\": 1, \"planned_at\""), "surprise");
    fails(&altered("\"endpoint\": \"http", "\"endpoint\": \"https"), "targets.parts.endpoint");
    fails(&altered("\"parts\": 3", "\"parts\": 18446744073709551615"), "the field shard");
    fails(&altered("\"exit\": {\n    \"code\": 0", "\"exit\": {\n    \"code\": 77"), "exit");
    let first: Value = serde_json::from_str(&read(&place, &names[0])).unwrap();
    let second: Value = serde_json::from_str(&read(&place, &names[1])).unwrap();
    let name = |plan: &Value| plan["targets"][0]["sets"][0]["name"].as_str().unwrap().to_owned();
    let overlap = altered(&format!("\"name\": \"{}\"", name(&second)), &format!("\"name\": \"{}\"", name(&first)));
    fails(&overlap, "shards are disjoint");

    let (halves, _) = parts(&place, &["plan"], 2);
    fails(&[names[0].clone(), halves[1].clone()], "the number of shards");
    place.write("sets/late.yaml", &set("late", "org-late", "a"));
    let (later, _) = parts(&place, &["plan"], 2);
    place.write("early.json", &read(&place, &names[0]).replacen("\"parts\": 3", "\"parts\": 2", 1));
    fails(&["early.json".to_owned(), later[1].clone()], "what the manifests declare");
    place.write("drift.json", &place.run(&["drift", "--format", "json", "--shard", "1/2"]).stdout);
    fails(&["drift.json".to_owned(), later[1].clone()], "a report of drift");
    let policy = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(policy.path(), "apiVersion: assignctl/v1\nkind: Policy\nmetadata: { name: p }\nspec: {}\n").unwrap();
    let path = policy.path().to_str().unwrap();
    place.write("bound.json", &place.run(&["plan", "--policy", path, "--format", "json", "--shard", "1/2"]).stdout);
    fails(&["bound.json".to_owned(), later[1].clone()], "policy");
}

#[test]
fn a_report_without_some_shards_says_so() {
    let place = place();
    let (names, _) = parts(&place, &["plan"], 3);
    let run = merge(&place, &names[1..], &["--partial", "--report", "markdown=some.md"]);
    assert_eq!(run.code, 1, "{}", run.text());
    let document = run.json();
    assert_eq!(
        (&document["missing_shards"], &document["exit"]["code"]),
        (&serde_json::json!([1]), &serde_json::json!(1))
    );
    validated(&place, "plan", &run.stdout);
    assert!(run.stderr.contains("missing: 1"), "{}", run.text());
    assert!(read(&place, "some.md").starts_with("> **Incomplete:** of 3 shards these are missing: 1."));
    let run = merge(&place, &names[1..], &["--partial", "--report", "html=some.html"]);
    assert!(run.code == 1 && run.stderr.contains("markdown only"), "{}", run.text());
}

/// A directory with the manifests of a place and a set that is not among them, `a, b` of one organization of the target `spare`.
fn base_of(place: &Place) -> tempfile::TempDir {
    let base = tempfile::tempdir().unwrap();
    support::copy(place.path(), base.path());
    support::write(
        base.path(),
        "sets/gone.yaml",
        &set("gone", "gone", "a, b").replace("target: parts", "target: spare"),
    );
    base
}

#[test]
fn the_joined_plan_against_a_base_is_the_whole_one() {
    let place = place();
    let spare = support::sandbox::seeded("partium: { assignments: [{ ass_ids: [a], org_ids: [gone] }] }");
    place.write("spare.yaml", &super::target(&spare.url()).replace("name: parts", "name: spare"));
    place.write("sets/solo.yaml", &set("solo", "solo", "a").replace("target: parts", "target: spare"));
    let base = base_of(&place);
    let command = ["plan", "--base-dir", base.path().to_str().unwrap()];
    let whole = place.run(&[&command[..], &["--ci", "none", "--report", "json=whole.json"]].concat());
    assert_eq!(whole.code, 0, "{}", whole.text());
    let whole: Value = serde_json::from_str(&read(&place, "whole.json")).unwrap();
    assert_eq!(whole["base"]["leaving"][0]["assignments"], 1, "only what is live can leave: {whole:#}");
    let (names, _) = parts(&place, &command, 3);
    let run = merge(&place, &names, &["-q"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(steady(&run.stdout, &place), steady(&read(&place, "whole.json"), &place));
    place.write("without.json", &place.run(&["plan", "--format", "json", "--shard", "1/3"]).stdout);
    let run = merge(&place, &["without.json".to_owned(), names[1].clone(), names[2].clone()], &[]);
    assert!(run.code == 1 && run.stderr.contains("differ in base"), "{}", run.text());
}

#[test]
fn a_shard_that_stopped_is_no_part() {
    for command in [&["plan"][..], &["drift"], &["apply", "--auto-approve"]] {
        let place = place();
        let part = |name: &str, more: &[&str]| {
            place.run(&[command, &["--ci", "none", "--report", &format!("json={name}")], more].concat())
        };
        assert_ne!(part("one.json", &["--shard", "1/2"]).code, 1);
        assert_eq!(part("two.json", &["--shard", "2/2", "--policy", "no/such/policy"]).code, 1);
        let names = ["one.json".to_owned(), "two.json".to_owned()];
        let run = merge(&place, &names, &[]);
        let told =
            run.stderr.contains("two.json is of a shard that stopped: ") && run.stderr.contains("no/such/policy");
        assert!(run.code == 1 && run.stdout.is_empty() && told, "{command:?}: {}", run.text());
        let run = merge(&place, &names, &["--partial"]);
        assert_eq!((run.code, &run.json()["missing_shards"]), (1, &serde_json::json!([2])), "{}", run.text());
        let run = merge(&place, &names[1..], &["--partial"]);
        assert!(run.code == 1 && run.stderr.contains("a shard that stopped"), "{}", run.text());
    }
}

#[test]
fn what_a_part_did_not_run_is_told_beside_what_the_others_did() {
    let place = place();
    let (names, _) = parts(&place, &["plan"], 2);
    assert_eq!(merge(&place, &names, &["--out", "merged.json"]).code, 0);
    let part = |name: &str, more: &[&str]| {
        place
            .run(
                &[&["apply", "--plan", "merged.json", "--ci", "none", "--report", &format!("json={name}")], more]
                    .concat(),
            )
            .code
    };
    assert_eq!(part("one.json", &["--shard", "1/2"]), 1, "nobody approves it");
    assert_eq!(part("two.json", &["--shard", "2/2", "--auto-approve"]), 0);
    let run = merge(&place, &["one.json".to_owned(), "two.json".to_owned()], &["-q"]);
    assert_eq!(run.code, 1, "{}", run.text());
    validated(&place, "report", &run.stdout);
    let report = run.json();
    assert_eq!(report["targets"][0]["not_run"]["reason"], "not_approved");
    let count = |kind: &str| report["targets"][0]["totals"][kind].as_u64().unwrap();
    assert!(count("done") > 0 && count("skipped") > 0, "{report:#}");
    let schema = place.run(&["schema", "report"]).stdout;
    assert!(schema.contains("in a joined report, why a part did not run it"), "{schema}");
}
