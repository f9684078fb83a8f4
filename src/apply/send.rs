//! Sending batches: as many at once as the target allows, in the order that the queue gives, until all are through or a stop is asked for.

use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};

use crate::model::{Batch, Change, Route, WriteOutcome};
use crate::plan::{PlannedBatch, PlannedChange};
use crate::provider::{Writer, with_request_ids};

use super::ledger::Ledger;
use super::queue::Queue;
use super::{Event, Stop, TargetRun};

/// So many batches in a row that ended only in temporary failures end the sending: the retry budget is spent, and a system in
/// maintenance should not be asked a thousand times more. Three, so that one unlucky request is not taken for an outage.
const GIVE_UP_AFTER: usize = 3;

/// Why the sending ended before all was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// A stop was asked for.
    Interrupted,
    /// The system is not available.
    Unavailable,
}

impl Halt {
    /// For a change that was therefore not sent.
    pub(super) fn why(self) -> &'static str {
        match self {
            Halt::Interrupted => "interrupted before it was sent",
            Halt::Unavailable => "not sent: the system is temporarily unavailable; run again later",
        }
    }
}

/// A batch under way.
struct Flight<'b> {
    /// Index of the batch.
    at: usize,
    /// The entries that travel, in the order of the batch.
    slots: Vec<usize>,
    /// Its number in events.
    number: u64,
    batch: Batch<'b>,
}

impl<'b> Flight<'b> {
    fn new(at: usize, number: u64, route: Route, admitted: Vec<(usize, &'b PlannedChange)>) -> Self {
        let (slots, changes): (Vec<usize>, Vec<&Change>) =
            admitted.into_iter().map(|(slot, planned)| (slot, &planned.change)).unzip();
        Self { at, slots, number, batch: Batch { route, changes } }
    }

    /// Sends it. A writer that gives too few answers leaves the rest unknown.
    async fn fly(self, writer: &dyn Writer) -> (Self, Vec<WriteOutcome>, Vec<Box<str>>) {
        let (mut answers, request_ids) = with_request_ids(writer.write(&self.batch)).await;
        let silent = || WriteOutcome::Unknown { why: "the answer did not mention this change".to_owned() };
        answers.resize_with(self.slots.len(), silent);
        (self, answers, request_ids)
    }
}

/// Sends batches and notes their answers. Gives why it ended early, if it did.
///
/// How changes ended is told while the next requests are on their way, so that telling costs no time where there is a network to wait for.
/// Where there is none to wait for, no more changes are left to be told than are under way.
pub(super) async fn send(
    run: &TargetRun<'_>,
    stop: &Stop,
    ledger: &mut Ledger<'_>,
    batches: &[PlannedBatch<'_>],
    again: bool,
) -> Option<Halt> {
    let target = run.plan;
    let mut queue = Queue::new(batches, target.capabilities.order_by);
    let mut flights = FuturesUnordered::new();
    let (mut failing, mut under_way) = (0, 0);
    let mut halt = None;
    loop {
        while halt.is_none() && flights.len() < run.concurrency.max(1) {
            halt = halted(stop, failing);
            let Some(at) = queue.next().filter(|_| halt.is_none()) else { break };
            let admitted = ledger.admit(&batches[at]);
            if admitted.is_empty() {
                continue; // all of it is blocked; only losses can be, and nothing waits for losses
            }
            ledger.batches += 1;
            let flight = Flight::new(at, ledger.batches, batches[at].route, admitted);
            let (batch, Batch { route, changes }) = (flight.number, &flight.batch);
            ledger.emit(&Event::BatchStarted { target, route: *route, batch, changes, again });
            under_way += changes.len();
            flights.push(flight.fly(run.writer));
        }
        ledger.flush();
        let landed = loop {
            if let Some(landed) = flights.next().now_or_never() {
                break landed;
            }
            if !ledger.tell_some() {
                ledger.flush();
                break flights.next().await;
            }
        };
        let Some((flight, answers, request_ids)) = landed else {
            ledger.tell_until(0);
            return halt;
        };
        let Batch { route, changes } = &flight.batch;
        ledger.emit(&Event::BatchEnded {
            target,
            route: *route,
            batch: flight.number,
            changes,
            answers: &answers,
            request_ids: &request_ids,
            again,
        });
        under_way -= changes.len();
        ledger.tell_until(under_way);
        let temporary = |answer: &WriteOutcome| matches!(answer, WriteOutcome::Failed { temporary: true, .. });
        failing = if answers.iter().all(temporary) { failing + 1 } else { 0 };
        for (slot, answer) in flight.slots.into_iter().zip(answers) {
            ledger.record(slot, answer, &request_ids);
        }
        queue.ended(&batches[flight.at]);
    }
}

fn halted(stop: &Stop, failing: usize) -> Option<Halt> {
    if stop.requested() { Some(Halt::Interrupted) } else { (failing >= GIVE_UP_AFTER).then_some(Halt::Unavailable) }
}
