//! The executor: carries out plans, and says for every change how it ended.
//!
//! It decides nothing that the planner should have decided, and knows no system: batches come from `plan`, requests are the
//! provider's. It has a clock only to wait by, reads no environment and shows nothing: what happens goes to a [`Sink`], what happened is the [`Report`].

mod event;
mod exit;
mod ledger;
mod outcome;
mod queue;
mod report;
mod resolve;
mod send;
#[cfg(test)]
mod tests;
mod verify;

pub use event::{Ended, Event, Silent, Sink, Sinks};
pub use exit::Exit;
pub use outcome::{ChangeId, Outcome, Totals};
pub use report::{ChangeReport, Leftover, NotRun, Remaining, Report, TargetReport, Verification, held_outcome};

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, join_all, select};

use crate::model::{ReadRequest, Snapshot, Stop};
use crate::plan::{TargetPlan, batches};
use crate::provider::{Reader, Writer};

use ledger::Ledger;

/// How often a target is read at most until all that should be there is seen: reads may lag behind writes.
pub const READ_ATTEMPTS: u32 = 4;
/// The wait before the second reading; each further one waits twice as long. With four readings a lag of 1.75 s is bridged.
pub const FIRST_WAIT: Duration = Duration::from_millis(250);
/// How often what certainly did not happen is sent again. Twice bridges an unlucky repeat; what is lost a third time is for the next run.
pub const RESEND_ROUNDS: u32 = 2;

/// How an apply behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Read every touched target again afterwards. Without it, only targets with changes whose answers prove nothing are.
    pub verify: bool,
    /// Readings at most, before and after each repeat; at least 1.
    pub read_attempts: u32,
    /// The wait before the second reading.
    pub first_wait: Duration,
    /// Repeats at most.
    pub resend_rounds: u32,
    /// Apply what a stale saved plan still approves. Without it, one stale change of any target keeps all from running.
    pub partial: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            verify: true,
            read_attempts: READ_ATTEMPTS,
            first_wait: FIRST_WAIT,
            resend_rounds: RESEND_ROUNDS,
            partial: false,
        }
    }
}

/// One target's plan with the means to carry it out.
#[derive(Clone, Copy)]
pub struct TargetRun<'a> {
    /// What is carried out: [`TargetPlan::changes`]. A plan that was refused or could not be made is not run.
    pub plan: &'a TargetPlan,
    /// Reads again afterwards.
    pub reader: &'a dyn Reader,
    /// Carries out.
    pub writer: &'a dyn Writer,
    /// Plans the target anew from what is live now: same manifests, selection and moment as `plan`.
    pub replan: &'a (dyn Fn(Snapshot) -> TargetPlan + Send + Sync),
    /// What is read again afterwards: at least the scopes and keys of [`TargetPlan::touched_sets`]. Differences in other sets are not
    /// looked at.
    pub read: &'a ReadRequest<'a>,
    /// Batches in flight at once, at least 1.
    pub concurrency: usize,
}

/// Carries out plans, side by side. One target's failure never stops another, nor one change's failure what does not depend on it.
///
/// After `stop` is requested nothing more is sent or read. Batches under way are waited for during the grace time of the stop.
pub async fn apply(runs: &[TargetRun<'_>], stop: &Stop, sink: &dyn Sink, options: &Options) -> Report {
    let changes = runs.iter().map(|run| count(run.plan)).sum();
    sink.event(&Event::Started { targets: runs.len(), changes });
    let held = |run: &TargetRun<'_>| run.plan.held.iter().any(|held| held.why.is_stale());
    let stale = !options.partial && runs.iter().any(held);
    let work = pin!(join_all(runs.iter().map(|run| apply_target(run, stop, sink, options, stale))));
    // The stop is looked at first: work that it ends at once must not hide it.
    let targets = match select(pin!(stop.wait()), work).await {
        Either::Right((targets, _)) => targets,
        Either::Left((_, work)) => {
            sink.event(&Event::Interrupted);
            sink.flush();
            work.await
        }
    };
    let report = Report { targets, interrupted: stop.requested() };
    sink.event(&Event::Ended { totals: report.totals() });
    report
}

async fn apply_target(
    run: &TargetRun<'_>,
    stop: &Stop,
    sink: &dyn Sink,
    options: &Options,
    stale: bool,
) -> TargetReport {
    let target = run.plan;
    sink.event(&Event::TargetStarted { target, changes: count(target) });
    for held in &target.held {
        sink.event(&Event::Held { target, held, outcome: &held_outcome(held) });
    }
    let mut ledger = Ledger::new(target, sink);
    let not_run = not_run(target, stale);
    let verification = match not_run {
        Some(reason) => {
            ledger.skip_unsent(reason.why());
            Verification::Untouched
        }
        None => carry_out(run, stop, options, &mut ledger).await,
    };
    let changes = ledger.close();
    if verification != Verification::Untouched {
        sink.event(&Event::Verified { target, verification: &verification });
    }
    let held = target.held.clone();
    // "Clean" would speak of sets that were never compared.
    let has_failed_set = target.has_failed_set();
    let verification = match verification {
        Verification::Clean if has_failed_set => {
            Verification::NotVerified { why: "a set of it has names without an id and was not planned".to_owned() }
        }
        verification => verification,
    };
    let name = target.name.clone();
    let report = TargetReport { name, changes, held, not_run, has_failed_set, verification };
    sink.event(&Event::TargetEnded { target, totals: report.totals() });
    sink.flush(); // other targets may take longer
    report
}

async fn carry_out(run: &TargetRun<'_>, stop: &Stop, options: &Options, ledger: &mut Ledger<'_>) -> Verification {
    if let Some(halt) = send::send(run, stop, ledger, &batches(run.plan), false).await {
        ledger.skip_unsent(halt.why());
    }
    if !ledger.touched() {
        Verification::Untouched
    } else if options.verify || ledger.entries.iter().any(|entry| entry.stand.needs_proof()) {
        verify::verify(run, stop, options, ledger).await
    } else {
        Verification::NotVerified { why: "not asked for".to_owned() }
    }
}

fn not_run(target: &TargetPlan, stale: bool) -> Option<NotRun> {
    match &target.unreadable {
        Some(unreadable) => Some(NotRun::Unreadable { temporary: unreadable.temporary }),
        None if !target.refusals.is_empty() => Some(NotRun::Refused),
        None => stale.then_some(NotRun::Stale),
    }
}

fn count(target: &TargetPlan) -> u64 {
    u64::try_from(target.changes().count()).unwrap_or(u64::MAX)
}
