//! `--journal FILE`: what a person reads after a run that nobody watched, or that was killed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::Place;
use crate::support;

fn journal(place: &Place) -> String {
    std::fs::read_to_string(place.path().join("journal.jsonl")).unwrap()
}

fn lines(place: &Place) -> Vec<Value> {
    let text = journal(place);
    assert!(text.ends_with('\n'), "{text}");
    whole_lines(place)
}

/// Without the last line, where it was cut off.
fn whole_lines(place: &Place) -> Vec<Value> {
    let text = journal(place);
    text.rsplit_once('\n').unwrap().0.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn kinds(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["event"]["kind"].as_str().unwrap()).collect()
}

/// The events of each batch, by its target and number.
fn batches(lines: &[Value]) -> BTreeMap<(&str, u64), Vec<&Value>> {
    let mut batches: BTreeMap<(&str, u64), Vec<&Value>> = BTreeMap::new();
    for event in lines.iter().map(|line| &line["event"]) {
        let (Some(target), Some(number)) = (event["target"].as_str(), event["batch"].as_u64()) else { continue };
        batches.entry((target, number)).or_default().push(event);
    }
    batches
}

const STAGES: [&str; 3] = ["prepared", "sent", "answered"];

fn stages<'a>(events: &[&'a Value]) -> Vec<&'a str> {
    events.iter().map(|event| event["kind"].as_str().unwrap()).collect()
}

/// The pairs that a batch carries, as `ass org`.
fn carried<'a>(events: &'a [&Value]) -> impl Iterator<Item = String> + 'a {
    let keys = events[0]["changes"].as_array().unwrap().iter().map(|change| &change["key"]);
    keys.map(|key| format!("{} {}", key["ass_id"].as_str().unwrap(), key["org_id"].as_str().unwrap()))
}

/// What new assemblies of [`growing`] are live.
fn created(place: &Place) -> BTreeSet<String> {
    place.live().into_iter().filter(|pair| pair.starts_with("id-")).collect()
}

/// So many new assemblies are declared.
fn growing(many: usize, limits: &str) -> Place {
    let place = Place::new();
    let ids: String = (0..many).map(|n| format!("id-{n:04}, ")).collect();
    place.write("sets/austria.yaml", &super::set("austria", "at", &(ids + "a, b, c, d")));
    limit(&place, limits);
    place
}

const APPLY: [&str; 4] = ["apply", "--auto-approve", "--journal", "journal.jsonl"];

fn limit(place: &Place, limits: &str) {
    let target = std::fs::read_to_string(place.path().join("target.yaml")).unwrap();
    place.write("target.yaml", &target.replace("limits: {", &format!("limits: {{ {limits},")));
}

/// One request after the other, so that the order of the lines is known.
fn one_by_one(place: &Place) {
    limit(place, "concurrency: 1");
}

#[test]
fn every_step_of_a_run_is_a_line_as_the_schema_says() {
    let place = Place::new();
    one_by_one(&place);
    assert_eq!(place.run(&["plan", "--out", "plan.json"]).code, 0);
    let reviewed: Value =
        serde_json::from_str(&std::fs::read_to_string(place.path().join("plan.json")).unwrap()).unwrap();
    let mut command = place.command(&APPLY);
    let run = support::run(command.env("GITHUB_ACTOR", "octo").env("CI_JOB_URL", "https://ci.example/7"));
    assert_eq!(run.code, 0, "{}", run.text());
    let all = lines(&place);
    let told = kinds(&all);
    assert_eq!(told.len(), 16, "{told:?}");
    assert_eq!(told[..5], ["run_begun", "started", "target_started", "prepared", "sent"]);
    // What follows is prepared, and the first ending told, while a request is on its way, or later where the answers are quick.
    let of = |kinds: &[&str]| told[3..10].iter().copied().filter(|kind| kinds.contains(kind)).collect::<Vec<_>>();
    assert_eq!(of(&["sent", "answered"]), ["sent", "answered", "sent", "answered"], "{told:?}");
    assert_eq!(of(&["prepared", "ended"]), ["prepared", "prepared", "ended"], "{told:?}");
    assert_eq!(of(&["answered", "ended"])[0], "answered", "{told:?}");
    assert_eq!(told[10..], ["reading", "ended", "verified", "target_ended", "totals", "run_ended"]);
    let ended: Vec<&Value> = all.iter().filter(|line| line["event"]["kind"] == "ended").collect();
    let schema = place.run(&["schema", "journal"]).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for line in &all {
        let errors: Vec<String> = validator.iter_errors(line).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{line:#}\n{errors:#?}");
    }
    let about = &all[0]["event"]["about"];
    assert_eq!(about["actor"]["name"], "octo");
    assert_eq!(about["pipeline"], "https://ci.example/7");
    assert!(reviewed["manifests"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!((&about["manifests"], &about["plan"]), (&reviewed["manifests"], &Value::Null));
    assert_eq!(all[3]["event"]["changes"][0]["key"]["ass_id"], "e");
    assert_eq!(all[4]["event"], serde_json::json!({"kind": "sent", "target": all[2]["event"]["target"], "batch": 1}));
    let told = |line: &Value, asked_for: &str| {
        let (event, change) = (&line["event"], &line["event"]["changes"][0]);
        assert_eq!((&event["set"], event["changes"].as_array().unwrap().len()), (&"austria".into(), 1), "{line:#}");
        let file = std::fs::read_to_string(place.path().join(event["file"].as_str().unwrap())).unwrap();
        let at = |field: &str| usize::try_from(change[field].as_u64().unwrap()).unwrap() - 1;
        assert!(file.lines().nth(at("line")).unwrap()[at("column")..].starts_with(asked_for), "{line:#}");
        (event["outcome"]["kind"].clone(), event["action"].clone(), change["key"]["ass_id"].clone())
    };
    assert_eq!(told(ended[0], "e], org_id: at"), ("done".into(), "create".into(), "e".into()));
    assert_eq!(told(ended[1], "austria, labels"), ("done".into(), "remove".into(), "d".into()));
    assert_eq!(all.last().unwrap()["event"]["exit"]["code"], 0);
}

#[test]
fn what_a_batch_carries_stands_before_all_that_becomes_of_it() {
    for (size, number) in [(100, 4), (1, 400)] {
        let place = growing(400, &format!("concurrency: 4, batch_size: {size}"));
        let run = place.run(&APPLY);
        assert_eq!(run.code, 0, "{}", run.text());
        let all = lines(&place);
        let schema = place.run(&["schema", "journal"]).json();
        let validator = jsonschema::validator_for(&schema).unwrap();
        all.iter().for_each(|line| assert!(validator.is_valid(line), "{line:#}"));

        let batches = batches(&all);
        assert!(batches.keys().copied().eq((1..=number).map(|number| ("parts", number))), "{batches:?}");
        for events in batches.values() {
            assert_eq!(stages(events), STAGES);
            assert_eq!((carried(events).count(), events[2]["answers"].as_array().unwrap().len()), (size, size));
        }
        let mut told: Vec<String> = batches.values().flat_map(|events| carried(events)).collect();
        told.sort_unstable();
        assert_eq!(told, (0..400).map(|n| format!("id-{n:04} at")).collect::<Vec<_>>());
    }
}

#[test]
fn each_of_several_targets_keeps_its_order_in_one_journal() {
    let place = Place::new();
    support::copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart"), &place.path().join("several"));
    std::fs::remove_file(place.path().join("assignctl.yaml")).unwrap();
    let run = place.run(&[&APPLY[..], &["several"]].concat());
    assert_eq!(run.code, 0, "{}", run.text());
    let all = lines(&place);
    let batches = batches(&all);
    let expected = [("analytics-prod", 2), ("crm-prod", 4), ("parts-prod", 2), ("pie-prod", 3)];
    let expected = expected.into_iter().flat_map(|(target, many)| (1..=many).map(move |number| (target, number)));
    assert!(batches.keys().copied().eq(expected), "{batches:?}");
    batches.values().for_each(|events| assert_eq!(stages(events), STAGES));
}

#[test]
fn what_a_killed_run_may_have_done_is_in_its_journal() {
    for (after, many, latency) in [(1, 200, "30ms"), (9, 200, "30ms"), (30, 1000, "3ms")] {
        let place = growing(many, "concurrency: 4, batch_size: 1");
        place.fault(&format!("POST /1/catalog/assignments/organizations=slow={latency}:*"));
        let mut run = place.command(&APPLY).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while created(&place).len() < after {
            assert!(run.try_wait().unwrap().is_none(), "it is over before it is killed");
        }
        run.kill().unwrap();
        run.wait().unwrap();
        std::thread::sleep(Duration::from_millis(100)); // what is on its way arrives
        let created = created(&place);

        let all = whole_lines(&place);
        assert!(!kinds(&all).contains(&"run_ended"));
        let batches = batches(&all);
        let told: BTreeSet<String> = batches.values().flat_map(|events| carried(events)).collect();
        assert!(created.is_subset(&told), "{:?}", created.difference(&told));
        let answered: Vec<String> =
            batches.values().filter(|events| stages(events) == STAGES).flat_map(|events| carried(events)).collect();
        assert!(answered.iter().all(|pair| created.contains(pair)), "{answered:?}\n{created:?}");
        // Four on their way, four that would have followed, four answers of the last moment.
        assert!(batches.len() <= answered.len() + 12, "{} {}", batches.len(), answered.len());

        let again = place.run(&["apply", "--auto-approve"]);
        assert_eq!((again.code, place.live().len()), (0, many + 8), "{}", again.text());
    }
}

#[test]
fn a_second_run_is_appended_and_has_a_name_of_its_own() {
    let place = Place::new();
    for _ in 0..2 {
        assert_eq!(place.run(&APPLY).code, 0);
    }
    let all = lines(&place);
    let begun: Vec<&Value> = all.iter().filter(|line| line["event"]["kind"] == "run_begun").collect();
    assert_eq!(begun.len(), 2);
    assert_ne!(begun[0]["run"], begun[1]["run"]);
}

#[test]
fn what_the_api_said_is_kept_and_secrets_are_not() {
    let place = Place::new();
    place
        .fault("POST /1/catalog/assignments/organizations=400;body={\"detail\": \"tok-canary-7 is a sub-assembly\"}:*");
    let run = support::run(place.command(&APPLY).env("TOKEN", "tok-canary-7"));
    let text = std::fs::read_to_string(place.path().join("journal.jsonl")).unwrap_or_default();
    // The sandbox takes any token; what matters is that the one in use is not written down.
    if run.code == 5 {
        assert!(text.contains("is a sub-assembly") && text.contains("\"status\":400"), "{text}");
    }
    assert!(!text.contains("tok-canary-7"), "{text}");
    let refused = place.run(&APPLY);
    assert_eq!(refused.code, 5, "{}", refused.text());
    assert!(std::fs::read_to_string(place.path().join("journal.jsonl")).unwrap().contains("is a sub-assembly"));
}

#[test]
fn the_apis_request_ids_stand_beside_the_outcomes_and_in_what_a_person_reads() {
    let place = Place::new();
    one_by_one(&place);
    place.fault("DELETE /1/catalog/assignments/organizations=400");
    let run = place.run(&APPLY);
    assert_eq!(run.code, 5, "{}", run.text());
    let requests = place.server.requests();
    let id = |method: &str| {
        let write = |path: &str| !path.ends_with("/list");
        requests.iter().find(|request| request.method == method && write(&request.path)).unwrap().request_id.clone()
    };
    assert!(run.stdout.contains(&format!("(request id {})", id("DELETE"))), "{}", run.text());
    let all = lines(&place);
    let ids = |kind: &str, outcome: &str| {
        let of = |line: &&Value| line["event"]["kind"] == kind && line["event"]["outcome"]["kind"] == outcome;
        all.iter().find(of).unwrap()["event"]["outcome"]["request_ids"].clone()
    };
    assert_eq!(ids("ended", "failed"), serde_json::json!([id("DELETE")]));
    assert_eq!(ids("ended", "done"), serde_json::json!([id("POST")]));
    let answered: Vec<&Value> =
        all.iter().map(|line| &line["event"]).filter(|event| event["kind"] == "answered").collect();
    assert_eq!(answered[0]["request_ids"], serde_json::json!([id("POST")]));
}

#[test]
fn held_changes_and_the_reviewed_plans_digest_are_told() {
    let place = Place::new();
    assert_eq!(place.run(&["plan", "--out", "plan.json"]).code, 0);
    let plan: Value = serde_json::from_str(&std::fs::read_to_string(place.path().join("plan.json")).unwrap()).unwrap();
    assert_eq!(place.run(&["apply", "--auto-approve"]).code, 0);
    let run = place.run(&[&APPLY[..], &["--plan", "plan.json"]].concat());
    assert_eq!(run.code, 0, "{}", run.text());
    let all = lines(&place);
    assert_eq!(all[0]["event"]["about"]["plan"], plan["seal"]);
    assert_eq!(kinds(&all).iter().filter(|kind| **kind == "held").count(), 2);
}

#[test]
fn without_its_journal_nothing_is_applied() {
    let place = Place::new();
    let run = place.run(&["apply", "--auto-approve", "--journal", "missing/journal.jsonl"]);
    assert_eq!((run.code, place.writes()), (1, 0), "{}", run.text());
    assert!(run.stderr.contains("missing/journal.jsonl"), "{}", run.text());
}

#[cfg(unix)]
#[test]
fn a_run_whose_journal_can_no_longer_be_written_sends_nothing_more() {
    use std::process::Command;

    let place = growing(200, "concurrency: 2, batch_size: 1");
    // No file of it grows beyond 16 blocks, of 512 bytes or of 1024.
    let plain = place.command(&APPLY);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$@\"", "sh"])
        .arg(plain.get_program())
        .args(plain.get_args());
    limited.current_dir(place.path());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let run = support::run(&mut limited);
    assert_eq!(run.code, 5, "{}", run.text());
    assert!(run.stderr.contains("the journal is cut off"), "{}", run.text());
    assert!(run.stdout.contains("can no longer be written down"), "{}", run.text());

    let (created, all) = (created(&place), whole_lines(&place));
    assert!((1..200).contains(&created.len()), "{}", created.len());
    let told: BTreeSet<String> = batches(&all).values().flat_map(|events| carried(events)).collect();
    assert!(created.is_subset(&told), "{:?}", created.difference(&told));

    // The next run begins a line of its own.
    assert_eq!(place.run(&APPLY).code, 0);
    let text = journal(&place);
    assert_eq!(text.lines().filter(|line| line.contains("\"kind\":\"run_begun\"")).count(), 2);
    let broken = text.lines().filter(|line| serde_json::from_str::<Value>(line).is_err());
    assert!(broken.count() <= 1 && text.ends_with('\n'));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_waiting_for_retries_and_is_told() {
    use std::process::Command;
    use std::time::Instant;

    let place = Place::new();
    one_by_one(&place);
    let target = std::fs::read_to_string(place.path().join("target.yaml")).unwrap();
    place.write("target.yaml", &target.replace("retry_budget: 0s", "retry_budget: 10m, batch_size: 1"));
    place.write("sets/austria.yaml", &super::set("austria", "at", "a, aa, b, c, c1, e"));
    place.fault("POST /1/catalog/assignments/organizations=503;retry-after=300:*");
    let child = place.command(&APPLY).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while place.writes() == 0 {
        assert!(started.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(200));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let run = support::Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, 130, "{}", run.text());
    assert!(started.elapsed() < Duration::from_secs(60), "five minutes were asked for");
    assert_eq!(place.writes(), 1);
    let all = lines(&place);
    assert!(kinds(&all).contains(&"interrupted"), "{all:#?}");
    // Those that were not sent ended together, and the removal lies between the creations; each stands under its own action.
    let skipped = all.iter().map(|line| &line["event"]).filter(|event| event["outcome"]["kind"] == "skipped");
    let told: Vec<(&str, Vec<&str>)> = skipped
        .map(|event| {
            let changes = event["changes"].as_array().unwrap().iter();
            (event["action"].as_str().unwrap(), changes.map(|c| c["key"]["ass_id"].as_str().unwrap()).collect())
        })
        .collect();
    let mut sorted = told.clone();
    sorted.sort_unstable();
    // The batch that was refused with a 503 waited to be sent again: it is not sent, as the others.
    assert_eq!(sorted, [("create", vec!["aa"]), ("create", vec!["c1", "e"]), ("remove", vec!["d"])], "{told:?}");
    assert_eq!(all.last().unwrap()["event"]["exit"]["code"], 130);
}
