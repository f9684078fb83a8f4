//! Sending batches: as many at once as the target allows, in the order that the queue gives, until all are through or a stop is asked for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

use crate::model::{Batch, Change, Route, Stop, WriteOutcome};
use crate::plan::PlannedBatch;
use crate::provider::{Writer, with_request_ids};

use super::ledger::Ledger;
use super::queue::Queue;
use super::{Event, TargetRun};

/// So many batches in a row that ended only in temporary failures end the sending: the retry budget is spent, and a system in
/// maintenance should not be asked a thousand times more. Three, so that one unlucky request is not taken for an outage.
const GIVE_UP_AFTER: usize = 3;

/// Answers come in bursts, as their requests went out. So long after the first of them there is time for the work that they make, unless one
/// more is there: long enough for most of a burst, and little of what any network takes.
pub(super) const LULL: Duration = Duration::from_millis(1);

/// Milliseconds after the grace time of a stop until a writer is given up that does not end by itself. The writers of this
/// program do, and then know which parts of a batch were answered.
const WRITER_GRACE: Duration = Duration::from_millis(250);

/// Why the sending ended before all was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// A stop was requested.
    Interrupted,
    /// The system is temporarily unavailable.
    Unavailable,
    /// A sink can no longer write down what happens.
    Unkept,
}

impl Halt {
    /// For a change that was therefore not sent.
    pub(super) fn why(self) -> &'static str {
        match self {
            Halt::Interrupted => "interrupted before it was sent",
            Halt::Unavailable => "not sent: the system is temporarily unavailable; run again later",
            Halt::Unkept => "not sent: what is done can no longer be written down",
        }
    }
}

/// A batch under way, or the next to go.
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
    /// Prepares the next batch that may go, if it is sure now what of it is sent: what an outage leaves unsent should not be called blocked.
    fn ahead(queue: &mut Queue, ledger: &mut Ledger<'_>, batches: &'b [PlannedBatch<'b>], again: bool) -> Option<Self> {
        let free = queue.peek().is_some_and(|at| ledger.is_free(&batches[at]));
        free.then(|| Self::next(queue, ledger, batches, again)).flatten()
    }

    /// Prepares the next batch that may go, if there is one.
    fn next(queue: &mut Queue, ledger: &mut Ledger<'_>, batches: &'b [PlannedBatch<'b>], again: bool) -> Option<Self> {
        loop {
            let at = queue.next()?;
            let admitted = ledger.admit(&batches[at]);
            if admitted.is_empty() {
                queue.ended(&batches[at]); // all of it is blocked
                continue;
            }
            let number = ledger.next_batch();
            let (slots, changes): (Vec<usize>, Vec<&Change>) =
                admitted.into_iter().map(|(slot, planned)| (slot, &planned.change)).unzip();
            let (target, route) = (ledger.plan, batches[at].route);
            ledger.emit_ahead(&Event::BatchPrepared { target, route, batch: number, changes: &changes, again });
            return Some(Self { at, slots, number, batch: Batch { route, changes } });
        }
    }

    /// Sends it. A writer that gives too few answers, or none in time after a stop, leaves the rest unknown.
    async fn fly(self, writer: &dyn Writer, stop: &Stop) -> Landed<'b> {
        let (mut answers, request_ids) = tokio::select! {
            biased;
            written = with_request_ids(writer.write(&self.batch)) => written,
            () = stop.grace_over(WRITER_GRACE) => {
                let unanswered = WriteOutcome::unknown("no answer came in time after the run was stopped");
                (vec![unanswered; self.slots.len()], Vec::new())
            }
        };
        let silent = || WriteOutcome::unknown("the answer did not mention this change");
        answers.resize_with(self.slots.len(), silent);
        Landed { flight: self, answers, request_ids: request_ids.into() }
    }
}

/// A batch that was answered.
struct Landed<'b> {
    flight: Flight<'b>,
    /// One for each change.
    answers: Vec<WriteOutcome>,
    request_ids: Arc<[Box<str>]>,
}

impl Landed<'_> {
    /// Every change of it failed, and may come through later.
    fn failed_for_now(&self) -> bool {
        self.answers.iter().all(|answer| matches!(answer, WriteOutcome::Failed { temporary: true, .. }))
    }
}

/// What happened and is told when there is time, in the order in which batches were sent and their answers seen.
enum Happened<'b> {
    Sent { number: u64, route: Route, changes: usize },
    Answered(Landed<'b>),
}

impl Happened<'_> {
    /// Tells it, and leaves to the ledger how changes ended.
    fn tell(self, ledger: &mut Ledger<'_>, again: bool) {
        let target = ledger.plan;
        match self {
            Self::Sent { number: batch, route, changes } => {
                ledger.emit(&Event::BatchStarted { target, route, batch, changes, again });
            }
            Self::Answered(Landed { flight, answers, request_ids }) => {
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
                for (slot, answer) in flight.slots.into_iter().zip(answers) {
                    ledger.record(slot, answer, &request_ids);
                }
            }
        }
    }
}

/// Sends batches and notes their answers. Gives why it ended early, if it did.
///
/// An answer makes room for the next request. It is told before that goes out only if the request had to wait for it, else when the [`LULL`] is
/// over. While the network is waited for, the batches that will follow are prepared, and how changes ended is told, piece by piece, so that neither
/// holds a request up. Where there is nothing to wait for, no more is left to be told than two things for each batch under way and what came last,
/// and no more endings than changes.
pub(super) async fn send(
    run: &TargetRun<'_>,
    stop: &Stop,
    ledger: &mut Ledger<'_>,
    batches: &[PlannedBatch<'_>],
    again: bool,
) -> Option<Halt> {
    let concurrency = run.concurrency.max(1);
    let mut queue = Queue::new(batches, run.plan.capabilities);
    let mut prepared: VecDeque<Flight<'_>> = VecDeque::new();
    let mut next = Vec::new();
    let mut flights = FuturesUnordered::new();
    let mut untold: VecDeque<Happened<'_>> = VecDeque::new();
    let (mut failing, mut under_way) = (0, 0);
    let mut halt = None;
    let mut lull = None;
    loop {
        while halt.is_none() && flights.len() + next.len() < concurrency {
            halt = halted(stop, failing);
            let ready = || prepared.pop_front().or_else(|| Flight::next(&mut queue, ledger, batches, again));
            let Some(flight) = halt.is_none().then(ready).flatten() else { break };
            next.push(flight);
        }
        if !next.is_empty() && !ledger.flush_ahead() {
            halt = Some(Halt::Unkept);
            next.clear();
        }
        for flight in next.drain(..) {
            let Flight { number, slots, batch: Batch { route, .. }, .. } = &flight;
            untold.push_back(Happened::Sent { number: *number, route: *route, changes: slots.len() });
            under_way += slots.len();
            flights.push(flight.fly(run.writer, stop));
        }
        let mut landed = flights.next().now_or_never(); // here the requests go out
        if let (None, Some(end)) = (&landed, lull) {
            landed = timeout_at(end, flights.next()).await.ok();
        }
        // Now there is time for what happened, but never so little that it piles up: an answer and a request for each place.
        while landed.is_none() || untold.len() > 2 * flights.len() {
            let Some(happened) = untold.pop_front() else { break };
            happened.tell(ledger, again);
        }
        ledger.tell_until(under_way);
        if landed.is_none() {
            lull = None;
            ledger.flush();
        }
        while landed.is_none() {
            let room = halt.is_none() && prepared.len() < flights.len(); // one for each that may be answered at once
            if let Some(flight) = room.then(|| Flight::ahead(&mut queue, ledger, batches, again)).flatten() {
                prepared.push_back(flight);
            } else if !ledger.tell_some() {
                ledger.flush();
                landed = Some(flights.next().await);
                break;
            }
            yield_now().await; // to the other targets
            landed = flights.next().now_or_never();
        }
        if let Some(None) = landed {
            ledger.tell_until(0); // every answer was told above: none is under way
            return halt;
        }
        // With the first all others that are there already.
        while let Some(answered) = landed.flatten() {
            let Landed { flight, answers, .. } = &answered;
            ledger.block(&flight.slots, answers);
            failing = if answered.failed_for_now() { failing + 1 } else { 0 };
            halt = halt.or_else(|| halted(stop, failing)); // after each of them: the next one of the burst may have come through
            under_way -= flight.slots.len();
            lull.get_or_insert_with(|| Instant::now() + LULL);
            let awaited = queue.ended(&batches[flight.at]);
            untold.push_back(Happened::Answered(answered));
            if awaited {
                // Before what waited for it is sent.
                untold.drain(..).for_each(|happened| happened.tell(ledger, again));
                lull = None;
            }
            landed = flights.next().now_or_never();
        }
    }
}

fn halted(stop: &Stop, failing: usize) -> Option<Halt> {
    if stop.requested().is_some() {
        Some(Halt::Interrupted)
    } else {
        (failing >= GIVE_UP_AFTER).then_some(Halt::Unavailable)
    }
}
