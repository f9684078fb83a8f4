//! What happens during an apply, as one stream for many sinks: progress, plain lines, journal. Events carry no time: sinks that
//! need one have a clock.

use crate::model::{Change, Route, WriteOutcome};
use crate::plan::saved::Held;
use crate::plan::{PlannedChange, SetPlan, TargetPlan};

use super::{NotLookedAt, Outcome, Totals, Verification};

/// Something that happened. Events of different targets interleave; those of one target keep the order
/// `TargetStarted`, `Held`…, (`BatchPrepared`, `BatchStarted`, `BatchEnded`, `Finished`)…, (`Verifying`, batches sent again)…, `Settled`…,
/// `Verified`, `TargetEnded`. Batches go side by side, and what will follow is prepared while others are under way. `BatchStarted` and `BatchEnded`
/// come a moment later, in the order in which the executor sent them and saw the answers; `Finished` when there is time.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The apply begins.
    Started {
        /// Targets concerned.
        targets: usize,
        /// Changes in all of them.
        changes: u64,
    },
    /// A target begins, also one that will not be run (its changes then all end as skipped).
    TargetStarted {
        /// The target's plan.
        target: &'a TargetPlan,
        /// Its changes.
        changes: u64,
    },
    /// A saved plan holds a change back: it will not be sent.
    Held {
        /// The target's plan.
        target: &'a TargetPlan,
        /// The change, and why it is held.
        held: &'a Held,
        /// How it is counted.
        outcome: &'a Outcome,
    },
    /// A batch is ready. It is sent as soon as there is room for it, or never where the sending ends early.
    BatchPrepared {
        /// The target's plan.
        target: &'a TargetPlan,
        /// How it travels.
        route: Route,
        /// 1 for the first batch of the target, then counting on, in the order in which they are sent.
        batch: u64,
        /// What it carries.
        changes: &'a [&'a Change],
        /// It comes after a re-read: an answer was lost and the change is certainly not there, or the grants that it waited for
        /// are proven.
        again: bool,
    },
    /// A batch is on its way: sent, or the next to be, where the limits of the target hold it back.
    BatchStarted {
        /// The target's plan.
        target: &'a TargetPlan,
        /// As in its `BatchPrepared`.
        route: Route,
        /// As in its `BatchPrepared`.
        batch: u64,
        /// How many changes it carries.
        changes: usize,
        /// As in its `BatchPrepared`.
        again: bool,
    },
    /// A batch was answered, or will never be.
    BatchEnded {
        /// The target's plan.
        target: &'a TargetPlan,
        /// How it travelled.
        route: Route,
        /// As in its `BatchPrepared`.
        batch: u64,
        /// What it carried.
        changes: &'a [&'a Change],
        /// One answer a change, in the same order.
        answers: &'a [WriteOutcome],
        /// The API's ids of the answers that came, oldest first.
        request_ids: &'a [Box<str>],
        /// As in its `BatchPrepared`.
        again: bool,
    },
    /// Changes are through the sending. Exactly once for each change of the plan: progress counts these.
    Finished {
        /// The target's plan.
        target: &'a TargetPlan,
        /// What they have in common.
        ended: Ended<'a>,
        /// Only the re-read can tell; a `Settled` for each of these changes follows.
        provisional: bool,
    },
    /// The target is read again.
    Verifying {
        /// The target's plan.
        target: &'a TargetPlan,
        /// 1 for the first reading; further ones wait for what is not visible yet.
        attempt: u32,
    },
    /// The re-read settled a provisional outcome, or altered one. At most once a change, always after its `Finished`.
    Settled {
        /// The target's plan.
        target: &'a TargetPlan,
        /// What they have in common; the outcome is final.
        ended: Ended<'a>,
    },
    /// What the re-read says about the target as a whole.
    Verified {
        /// The target's plan.
        target: &'a TargetPlan,
        /// The result.
        verification: &'a Verification,
        /// What the re-read says nothing about.
        not_looked_at: &'a [NotLookedAt],
    },
    /// A target is through.
    TargetEnded {
        /// The target's plan.
        target: &'a TargetPlan,
        /// Its final outcomes, counted.
        totals: Totals,
    },
    /// A stop was asked for: nothing more is sent, what is in flight is waited for. What was sent or answered just before may be told after it.
    Interrupted,
    /// The apply is over.
    Ended {
        /// All final outcomes, counted.
        totals: Totals,
    },
}

/// Changes of one set that ended in the same way.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// The set's plan.
    pub set: &'a SetPlan,
    /// At least one, and not so many that a sink would be busy with them for long.
    pub changes: &'a [&'a PlannedChange],
    /// As far as it is known now.
    pub outcome: &'a Outcome,
    /// The API's ids of the answers to the requests that carried them, oldest first.
    pub request_ids: &'a [Box<str>],
}

/// Where events go. Called from the executor, also while requests are under way, whose answers then wait for it: be quick, and do not block.
pub trait Sink: Send + Sync {
    /// Takes one event.
    fn event(&self, event: &Event<'_>);

    /// What was told has to outlive the process from here on. The executor calls this after a `BatchPrepared` before that batch is sent, after a
    /// `BatchEnded` before what had to wait for it is sent, and in any case before it waits for more than a millisecond or two.
    ///
    /// Gives whether all that was told so far is kept. Once it is not, the executor sends nothing that was not kept before.
    fn flush(&self) -> bool {
        true
    }
}

/// Takes events and does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Sink for Silent {
    fn event(&self, _: &Event<'_>) {}
}

/// Gives every event to each of several sinks in turn.
pub struct Sinks<'a>(pub &'a [&'a dyn Sink]);

impl Sink for Sinks<'_> {
    fn event(&self, event: &Event<'_>) {
        self.0.iter().for_each(|sink| sink.event(event));
    }

    fn flush(&self) -> bool {
        let mut kept = true;
        for sink in self.0 {
            kept &= sink.flush(); // all of them
        }
        kept
    }
}
