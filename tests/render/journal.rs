//! The journal as a sink: what it says does not depend on when it was made.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use assignctl::apply::{Ended, Event, Exit, Outcome, Sink, TOLD_TOGETHER};
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

/// For each batch of a plan, its target and the event of its start. Batches are numbered by target, as they are sent.
fn started(plan: &Plan, tell: &mut dyn FnMut(&TargetPlan, &Event<'_>)) {
    for target in &plan.targets {
        for (batch, number) in batches(target).iter().zip(1..) {
            let changes: Vec<&Change> = batch.changes.iter().map(|(_, _, planned)| &planned.change).collect();
            let (route, again) = (batch.route, number > 1);
            tell(target, &Event::BatchStarted { target, route, batch: number, changes: &changes, again });
        }
    }
}

#[test]
fn a_batch_is_told_alike_whether_it_was_prepared_or_not() {
    let plan = fixture::everything();
    let at_once = told(&plan, |journal| started(&plan, &mut |_, event| journal.event(event)));
    assert!(at_once.len() > plan.targets.len() && at_once.iter().all(|line| line.contains(r#""kind":"sent""#)));

    // All of them before the first is told; of every second target only, and twice.
    let prepared = told(&plan, |journal| {
        let every_second =
            |target: &TargetPlan| plan.targets.iter().position(|one| one.name == target.name).unwrap() % 2;
        for _ in 0..2 {
            started(&plan, &mut |target, event| {
                if every_second(target) == 0 {
                    journal.prepare(event)
                }
            });
        }
        started(&plan, &mut |_, event| journal.event(event));
    });
    assert_eq!(prepared, at_once);
}

#[test]
fn a_small_batch_that_is_prepared_and_not_sent_is_not_told() {
    let plan = fixture::everything();
    assert_eq!(told(&plan, |journal| started(&plan, &mut |_, event| journal.prepare(event))), Vec::<String>::new());
}

/// A plan of one batch of creations.
fn batch_of(size: usize) -> Plan {
    let mut world = World::new();
    let rows = (0..size).map(|n| world.row(2, &[&format!("root-{n}"), "dealer"], vec![])).collect();
    let set = world.set("dealers", rows);
    world.plan("parts", &PARTIUM, &[set], vec![]);
    world.done()
}

fn event(line: &str) -> Value {
    serde_json::from_str::<Value>(line).unwrap()["event"].take()
}

#[test]
fn what_a_large_batch_carries_is_written_when_it_is_prepared_and_not_again_when_it_is_sent() {
    let plan = batch_of(TOLD_TOGETHER + 1);
    let at_once = told(&plan, |journal| started(&plan, &mut |_, event| journal.event(event)));
    let prepared = told(&plan, |journal| started(&plan, &mut |_, event| journal.prepare(event)));
    let both = told(&plan, |journal| {
        started(&plan, &mut |_, event| journal.prepare(event));
        started(&plan, &mut |_, event| journal.event(event));
    });
    let [at_once, prepared] = [&at_once[..], &prepared[..]].map(|lines| {
        assert_eq!(lines.len(), 1, "{lines:?}");
        event(&lines[0])
    });
    assert_eq!(at_once["kind"], "sent");
    assert_eq!(at_once["changes"].as_array().map(Vec::len), Some(65));
    let mut without = at_once.clone();
    without.as_object_mut().unwrap().remove("changes");
    assert_eq!(both.iter().map(|line| event(line)).collect::<Vec<_>>(), [prepared.clone(), without]);
    // They say the same of the batch.
    let mut alike = prepared;
    alike["kind"] = "sent".into();
    assert_eq!(alike, at_once);
}

#[test]
fn a_smaller_batch_is_one_line_whenever_it_was_prepared() {
    let plan = batch_of(TOLD_TOGETHER);
    let lines = told(&plan, |journal| {
        started(&plan, &mut |_, event| journal.prepare(event));
        started(&plan, &mut |_, event| journal.event(event));
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(event(&lines[0])["changes"].as_array().map(Vec::len), Some(64));
}

#[test]
fn a_key_reads_alike_in_the_plan_and_in_the_journal() {
    let mut world = World::new();
    let odd = ["a quote\"", "back\\slash", "a tab\tin ünïcode of more than sixteen bytes", "plain"];
    let set = world.set("odd", odd.map(|ass_id| world.row(2, &[ass_id, "dealer"], vec![])).into());
    world.plan("parts", &PARTIUM, &[set], vec![]);
    for (plan, at_least) in [(world.done(), 4), (fixture::everything(), 10)] {
        let sent = told(&plan, |journal| started(&plan, &mut |_, event| journal.event(event)));
        let in_journal: Vec<Value> =
            sent.iter().flat_map(|line| event(line)["changes"].as_array().unwrap().clone()).collect();
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
        started(&plan, &mut |target, event| {
            journal.event(event);
            let Event::BatchStarted { route, batch, changes, again, .. } = *event else { return };
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
    for (kind, list, of) in
        [("sent", "changes", "SentChange"), ("answered", "answers", "Answer"), ("ended", "changes", "EndedChange")]
    {
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
