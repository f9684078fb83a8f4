//! The journal as a sink: what it says does not depend on when it was made.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use assignctl::apply::{Event, Exit, Sink};
use assignctl::model::Change;
use assignctl::plan::{Plan, TargetPlan, batches};
use assignctl::render::json::journal::{About, Journal};

use super::fixture;

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
fn a_batch_that_is_prepared_and_not_sent_is_not_told() {
    let plan = fixture::everything();
    assert_eq!(told(&plan, |journal| started(&plan, &mut |_, event| journal.prepare(event))), Vec::<String>::new());
}
