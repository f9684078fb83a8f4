//! The journal as a sink: what its lines say of events.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use assignctl::apply::{Ended, Event, Exit, Outcome, Sink};
use assignctl::model::{Change, Proof, WriteOutcome};
use assignctl::plan::{Plan, PlannedChange, TargetPlan, batches};
use assignctl::render;
use assignctl::render::json::journal::{About, Journal};
use serde_json::Value;

use super::fixture::{self, PARTIUM, World};

/// A file that remembers what was written.
#[derive(Clone, Default)]
struct File(Arc<Mutex<Vec<u8>>>);

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines of a journal of what `tell` tells it, without its first and last.
fn told(plan: &Plan, tell: impl Fn(&Journal)) -> Vec<String> {
    let (file, ids) = (File::default(), Arc::clone(&plan.ids));
    let clock = || "2027-01-15T08:00:00Z".to_owned();
    let about = About::default();
    let journal = Journal::begin(Box::new(file.clone()), Box::new(clock), "run".to_owned(), ids, &about).unwrap();
    tell(&journal);
    journal.end(Exit::Success).unwrap();
    let text = String::from_utf8(file.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[1..lines.len() - 1].to_vec()
}

/// For each batch of a plan, its target and the event that prepares it. Batches are numbered by target, as they are sent.
fn prepared(plan: &Plan, tell: &mut dyn FnMut(&TargetPlan, &Event<'_>)) {
    for target in &plan.targets {
        for (batch, number) in batches(target).iter().zip(1..) {
            let changes: Vec<&Change> = batch.changes.iter().map(|(_, _, planned)| &planned.change).collect();
            let (route, again) = (batch.route, number > 1);
            tell(target, &Event::BatchPrepared { target, route, batch: number, changes: &changes, again });
        }
    }
}

fn event(line: &str) -> Value {
    serde_json::from_str::<Value>(line).unwrap()["event"].take()
}

#[test]
fn what_a_batch_carries_is_told_when_it_is_prepared_and_in_one_word_that_it_is_sent() {
    let mut world = World::new();
    let rows = (0..200).map(|n| world.row(2, &[&format!("root-{n}"), "dealer"], vec![])).collect();
    let set = world.set("dealers", rows);
    world.plan("parts", &PARTIUM, &[set], vec![]);
    let plan = world.done();
    let lines = told(&plan, |journal| {
        prepared(&plan, &mut |_, event| {
            journal.event(event);
            let Event::BatchPrepared { target, route, batch, changes, again } = *event else { return };
            let changes = changes.len();
            journal.event(&Event::BatchStarted { target, route, batch, changes, again });
        });
    });
    let events: Vec<Value> = lines.iter().map(|line| event(line)).collect();
    let sent = serde_json::json!({"kind": "sent", "target": "parts", "batch": 1});
    assert_eq!((&events[1], events.len()), (&sent, 2));
    let mut carried = events[0].clone();
    let changes = carried.as_object_mut().unwrap().remove("changes").unwrap();
    let route = "POST …/organizations";
    let shared = serde_json::json!({"kind": "prepared", "target": "parts", "batch": 1, "route": route, "again": false});
    assert_eq!(carried, shared);
    let keys: Vec<String> =
        changes.as_array().unwrap().iter().map(|change| change["key"]["ass_id"].as_str().unwrap().to_owned()).collect();
    let mut expected: Vec<String> = (0..200).map(|n| format!("root-{n}")).collect();
    expected.sort();
    assert_eq!(keys, expected);
}

#[test]
fn a_key_reads_alike_in_the_plan_and_in_the_journal() {
    let mut world = World::new();
    let odd = ["a quote\"", "back\\slash", "a tab\tin ünïcode of more than sixteen bytes", "plain"];
    let set = world.set("odd", odd.map(|ass_id| world.row(2, &[ass_id, "dealer"], vec![])).into());
    world.plan("parts", &PARTIUM, &[set], vec![]);
    for (plan, at_least) in [(world.done(), 4), (fixture::everything(), 10)] {
        let told = told(&plan, |journal| prepared(&plan, &mut |_, event| journal.event(event)));
        let in_journal: Vec<Value> =
            told.iter().flat_map(|line| event(line)["changes"].as_array().unwrap().clone()).collect();
        let document = serde_json::to_value(render::json::plan(&plan, Exit::Pending)).unwrap();
        let sets = |target: &Value| target["sets"].as_array().unwrap().clone();
        let changes = |set: Value| set["changes"].as_array().unwrap().clone();
        let in_plan: Vec<Value> =
            document["targets"].as_array().unwrap().iter().flat_map(sets).flat_map(changes).collect();
        assert!(in_journal.len() >= at_least, "{in_journal:#?}");
        for mine in &in_journal {
            let same = |planned: &Value| ["action", "key", "from_key"].iter().all(|part| planned[part] == mine[part]);
            assert!(in_plan.iter().any(same), "{mine:#}\n{in_plan:#?}");
        }
    }
}

#[test]
fn what_a_line_has_many_of_has_the_fields_of_the_schema() {
    let plan = fixture::everything();
    let failed = WriteOutcome::Failed {
        message: "not \"here\"".to_owned(),
        code: Some("E7".to_owned()),
        status: Some(404),
        temporary: false,
    };
    let answers = [WriteOutcome::Done(Proof::Answer), failed];
    let lines = told(&plan, |journal| {
        prepared(&plan, &mut |target, event| {
            journal.event(event);
            let Event::BatchPrepared { route, batch, changes, again, .. } = *event else { return };
            let request_ids = &[];
            journal.event(&Event::BatchEnded { target, route, batch, changes, answers: &answers, request_ids, again });
        });
        for target in &plan.targets {
            for set in target.sets.iter().filter(|set| !set.changes.is_empty()) {
                let changes: Vec<&PlannedChange> = set.changes.iter().collect();
                let ended = Ended { set, changes: &changes, outcome: &Outcome::Done { note: None }, request_ids: &[] };
                journal.event(&Event::Finished { target, ended, provisional: false });
            }
        }
    });
    let schema = std::fs::read(format!("{}/schemas/journal.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    let names = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    for (kind, list, of) in [
        ("prepared", "changes", "PreparedChange"),
        ("answered", "answers", "Answer"),
        ("ended", "changes", "EndedChange"),
    ] {
        let items = lines.iter().map(|line| event(line)).filter(|event| event["kind"] == kind);
        let items: Vec<Value> = items.flat_map(|event| event[list].as_array().unwrap().clone()).collect();
        let used: BTreeSet<String> = items.iter().flat_map(names).collect();
        assert_eq!(used, names(&schema["$defs"][of]["properties"]), "{of}");
        assert!(items.iter().all(|item| item.as_object().unwrap().values().all(|value| !value.is_null())), "{items:?}");
    }
    let answered: Vec<Value> =
        lines.iter().map(|line| event(line)).filter(|event| event["kind"] == "answered").collect();
    let said = r#"[{"answer":"done"},{"answer":"failed","message":"not \"here\"","code":"E7","status":404}]"#;
    assert!(
        answered.iter().all(|event| event["answers"] == serde_json::from_str::<Value>(said).unwrap()),
        "{answered:?}"
    );
}
