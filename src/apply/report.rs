//! What an apply did: one outcome a change, what the re-read says, and the exit that follows from both.

use std::sync::Arc;

use crate::diag::Location;
use crate::model::{Action, Key, Signal};
use crate::plan::TargetPlan;
use crate::plan::saved::{Held, HeldWhy};

use super::ledger::Ledger;
use super::{ChangeId, Exit, Outcome, Silent, Totals};

/// What an apply did.
#[derive(Debug)]
pub struct Report {
    /// One a run, in the order of the runs.
    pub targets: Vec<TargetReport>,
    /// The signal that stopped the apply before its end.
    pub interrupted: Option<Signal>,
}

/// What an apply did to one target.
#[derive(Debug)]
pub struct TargetReport {
    /// `metadata.name`.
    pub name: String,
    /// One a change that the plan would carry out, in the order of the plan.
    pub changes: Vec<ChangeReport>,
    /// What a saved plan holds back; each is counted as its [`held_outcome`].
    pub held: Vec<Held>,
    /// Why the target was not run at all.
    pub not_run: Option<NotRun>,
    /// Whether nothing of a set could be planned, for its names have no ids.
    pub has_failed_set: bool,
    /// What the re-read says.
    pub verification: Verification,
}

/// How one change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeReport {
    /// Which change.
    pub id: ChangeId,
    /// How it ended.
    pub outcome: Outcome,
    /// The API's ids of the answers to the requests that carried it, oldest first; of a divided batch, those of the whole batch.
    pub request_ids: Arc<[Box<str>]>,
}

/// Why a target was not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRun {
    /// A guard refused its plan.
    Refused,
    /// The approved plan is stale, here or in another target, and `--partial` was not given.
    Stale,
    /// Nobody said yes.
    NotApproved,
    /// What has to be there before the first change is sent (a journal, the way back) could not be made.
    NotBegun,
    /// It could not be read, so there is no plan.
    Unreadable {
        /// Nothing is wrong with the input: try again later.
        temporary: bool,
    },
}

impl NotRun {
    /// Why, as said of each change that was therefore not sent.
    pub fn why(self) -> &'static str {
        match self {
            NotRun::Refused => "a guard refused the target's plan",
            NotRun::Stale => "the approved plan is stale, so nothing of it was applied",
            NotRun::NotApproved => "the plan was not approved",
            NotRun::NotBegun => "what has to be written before the first change could not be",
            NotRun::Unreadable { .. } => "the target could not be read",
        }
    }
}

/// How a change that a saved plan holds back is counted: satisfied ones are converged, all others were not sent.
pub fn held_outcome(held: &Held) -> Outcome {
    match &held.why {
        HeldWhy::Already => Outcome::Already { note: Some(held.why.text().to_owned()) },
        why => Outcome::Skipped { why: why.text().to_owned() },
    }
}

/// What reading a target again says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// Nothing was sent, so there is nothing to verify.
    Untouched,
    /// The live state equals the manifests, as far as the run was asked to look.
    Clean,
    /// The live state still differs here; in the order of the new plan.
    Remaining(Vec<Remaining>),
    /// Not looked at.
    NotVerified {
        /// Why not.
        why: String,
    },
    /// The target could not be read again.
    Unreadable {
        /// What happened and what to do.
        message: String,
        /// Nothing is wrong with the input: try again later.
        temporary: bool,
    },
}

/// A difference that the re-read shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remaining {
    /// The set's name.
    pub set: String,
    /// What it would take.
    pub action: Action,
    /// The key after the change.
    pub key: Key,
    /// The live row's key where a key part would be replaced.
    pub from_key: Option<Key>,
    /// The line that asks for it.
    pub at: Location,
    /// Why it is still there.
    pub why: Leftover,
}

/// Why a difference is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Leftover {
    /// Part of the plan, and not carried out: skipped, blocked, failed or unknown.
    NotApplied,
    /// Part of the plan and confirmed by the API, but the listing does not show it yet.
    NotVisibleYet,
    /// Not part of the plan, or changed by someone else since.
    New,
}

impl TargetReport {
    /// How a change ended; `None` for one that the plan does not carry out.
    pub fn outcome(&self, id: ChangeId) -> Option<&Outcome> {
        let at = self.changes.binary_search_by_key(&id, |change| change.id).ok()?;
        self.changes.get(at).map(|change| &change.outcome)
    }

    /// The outcomes, counted: those of the plan's changes, and of what a saved plan holds back.
    pub fn totals(&self) -> Totals {
        let mut totals: Totals = self.changes.iter().map(|change| &change.outcome).collect();
        self.held.iter().for_each(|held| totals.count(&held_outcome(held)));
        totals
    }

    /// The exit of this target alone.
    pub fn exit(&self) -> Exit {
        let not_run = match self.not_run {
            None => Exit::Success,
            Some(NotRun::Refused) => Exit::Refused,
            Some(NotRun::Stale) => Exit::Stale,
            Some(NotRun::NotApproved | NotRun::NotBegun) => Exit::Error,
            Some(NotRun::Unreadable { temporary }) => error(temporary),
        };
        let verification = match self.verification {
            Verification::Unreadable { temporary, .. } => error(temporary),
            // What others changed meanwhile is told, and is not this run's failure.
            _ => Exit::Success,
        };
        // Applied in part with `--partial`, it is still not what was approved.
        let stale = self.held.iter().any(|held| held.why.is_stale());
        let held = if stale { Exit::Stale } else { Exit::Success };
        let failed = if self.has_failed_set { Exit::Error } else { Exit::Success };
        not_run.worse(verification).worse(held).worse(failed).worse(self.exit_of_outcomes())
    }

    /// Temporary failures and what they blocked are no fault of the input; anything else that did not converge is.
    fn exit_of_outcomes(&self) -> Exit {
        let any = |wanted: fn(&Outcome) -> bool| self.changes.iter().any(|change| wanted(&change.outcome));
        if any(|o| matches!(o, Outcome::Unknown { .. } | Outcome::Failed { temporary: false, .. })) {
            Exit::Partial
        } else if any(|o| matches!(o, Outcome::Failed { .. })) {
            Exit::Temporary
        } else if any(|o| matches!(o, Outcome::Blocked { .. })) {
            Exit::Partial
        } else {
            Exit::Success
        }
    }
}

fn error(temporary: bool) -> Exit {
    if temporary { Exit::Temporary } else { Exit::Error }
}

impl Report {
    /// The report of an apply that sent nothing, for one reason; what a guard refused or could not be read keeps its own.
    pub fn nothing_sent<'a>(targets: impl IntoIterator<Item = &'a TargetPlan>, why: NotRun) -> Self {
        let of = |target: &'a TargetPlan| {
            let why = super::not_run(target, false).unwrap_or(why);
            let mut ledger = Ledger::new(target, &Silent);
            ledger.skip_unsent(why.why());
            TargetReport {
                name: target.name.clone(),
                changes: ledger.close(),
                held: target.held.clone(),
                not_run: Some(why),
                has_failed_set: target.has_failed_set(),
                verification: Verification::Untouched,
            }
        };
        Self { targets: targets.into_iter().map(of).collect(), interrupted: None }
    }

    /// All outcomes, counted.
    pub fn totals(&self) -> Totals {
        self.targets.iter().map(TargetReport::totals).sum()
    }

    /// The exit of the apply.
    pub fn exit(&self) -> Exit {
        let interrupted = self.interrupted.map_or(Exit::Success, Exit::from);
        self.targets.iter().map(TargetReport::exit).fold(interrupted, Exit::worse)
    }
}
