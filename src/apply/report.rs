//! What an apply did: one outcome a change, what the re-read says, and the exit that follows from both.

use std::sync::Arc;

use crate::diag::Location;
use crate::model::{Action, Key, Signal};
use crate::plan::TargetPlan;
use crate::plan::saved::{Held, HeldWhy};

use super::ledger::Ledger;
use super::{ChangeId, Exit, Halt, Outcome, Silent, Totals};

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
    /// Why the sending ended before all was sent.
    pub halt: Option<Halt>,
    /// What the re-read says.
    pub verification: Verification,
    /// What the re-read says nothing about; empty where nothing was read again.
    pub not_looked_at: Vec<NotLookedAt>,
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
    /// All that was read again is as declared. The live state equals the manifests where [`TargetReport::not_looked_at`] is empty.
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

/// What a re-read says nothing about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotLookedAt {
    /// So many changes that the saved plan withholds.
    Withheld(u64),
    /// Sets of the target that the run did not touch, which are not read again.
    OtherSets(Vec<String>),
    /// Rows that a listing does not show which is not proven complete; why it is not.
    Incomplete(String),
}

/// The most names of sets in a sentence; the rest is counted.
const NAMED_SETS: usize = 3;

impl NotLookedAt {
    /// The same in words, as the end of "not looked at: …". Names and reasons are as they came.
    pub fn text(&self) -> String {
        match self {
            NotLookedAt::Withheld(1) => "1 change that the approved plan withholds".to_owned(),
            NotLookedAt::Withheld(count) => format!("{count} changes that the approved plan withholds"),
            NotLookedAt::OtherSets(sets) => {
                let named: Vec<&str> = sets.iter().take(NAMED_SETS).map(String::as_str).collect();
                let more = if sets.len() > NAMED_SETS { ", …" } else { "" };
                let word = if sets.len() == 1 { "set" } else { "sets" };
                format!("{} other {word} ({}{more})", sets.len(), named.join(", "))
            }
            NotLookedAt::Incomplete(why) => format!("rows that an incomplete listing does not show ({why})"),
        }
    }
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
        not_run.worse(verification).worse(held).worse(self.exit_of_outcomes())
    }

    /// Temporary failures, what they blocked and what was not sent because of them are no fault of the input; anything else that did
    /// not converge is. Where the target was not run, or the saved plan withholds, that reason decides.
    fn exit_of_outcomes(&self) -> Exit {
        let any = |wanted: fn(&Outcome) -> bool| self.changes.iter().any(|change| wanted(&change.outcome));
        if any(|o| matches!(o, Outcome::Unknown { .. } | Outcome::Failed { temporary: false, .. })) {
            Exit::Partial
        } else if any(|o| matches!(o, Outcome::Failed { .. })) {
            Exit::Temporary
        } else if any(|o| matches!(o, Outcome::Blocked { .. })) {
            Exit::Partial
        } else if self.not_run.is_none() && any(|o| matches!(o, Outcome::Skipped { .. })) {
            let withheld = self.held.iter().any(|held| held.why.is_stale());
            match self.halt {
                Some(Halt::Unavailable) => Exit::Temporary,
                None if withheld => Exit::Stale,
                Some(Halt::Interrupted | Halt::Unkept) | None => Exit::Partial,
            }
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
                halt: None,
                verification: Verification::Untouched,
                not_looked_at: Vec::new(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Key;

    fn report(outcomes: Vec<Outcome>) -> TargetReport {
        let id = |index| ChangeId { set: 0, index };
        let changes = outcomes.into_iter().enumerate();
        let changes = changes.map(|(at, outcome)| ChangeReport { id: id(at), outcome, request_ids: Arc::default() });
        TargetReport {
            name: "t".to_owned(),
            changes: changes.collect(),
            held: Vec::new(),
            not_run: None,
            halt: None,
            verification: Verification::Clean,
            not_looked_at: Vec::new(),
        }
    }

    fn done() -> Outcome {
        Outcome::Done { note: None }
    }

    fn failed(temporary: bool) -> Outcome {
        Outcome::Failed { message: String::new(), code: None, status: None, temporary }
    }

    fn held(why: HeldWhy) -> Held {
        let (set, key) = ("s".to_owned(), Key::default());
        Held { set, action: Action::Create, key, from_key: None, gives: true, why }
    }

    /// docs/safety.md shows the same table.
    #[test]
    fn the_exit_of_an_apply_follows_the_table() {
        let blocked = || Outcome::Blocked { by: ChangeId { set: 0, index: 0 } };
        let unknown = || Outcome::Unknown { why: String::new() };
        let skipped = || Outcome::Skipped { why: String::new() };
        let already = Outcome::Already { note: None };
        let with = |outcomes: Vec<Outcome>, halt| TargetReport { halt, ..report(outcomes) };
        let not_run = |why| TargetReport { not_run: Some(why), ..report(vec![skipped()]) };
        let withheld = |outcomes, why| TargetReport { held: vec![held(why)], ..report(outcomes) };
        let moved = || HeldWhy::Moved(String::new());
        let unreadable = |temporary| {
            let verification = Verification::Unreadable { message: String::new(), temporary };
            TargetReport { verification, ..report(vec![done()]) }
        };
        for (what, report, code) in [
            ("all done", report(vec![done(), already]), 0),
            ("nothing to do", report(vec![]), 0),
            ("one failed", report(vec![done(), failed(false)]), 5),
            ("one unknown", report(vec![done(), unknown()]), 5),
            ("one blocked", report(vec![done(), blocked()]), 5),
            ("one skipped", report(vec![done(), skipped()]), 5),
            ("failed for now", report(vec![done(), failed(true)]), 6),
            ("failed for now, and what it blocked", report(vec![failed(true), blocked()]), 6),
            ("failed for now, and another is unknown", report(vec![failed(true), unknown()]), 5),
            ("given up, and the rest skipped", with(vec![done(), skipped()], Some(Halt::Unavailable)), 6),
            ("given up, and one failed", with(vec![failed(false), skipped()], Some(Halt::Unavailable)), 5),
            ("the journal is full", with(vec![done(), skipped()], Some(Halt::Unkept)), 5),
            ("refused", not_run(NotRun::Refused), 3),
            ("stale", not_run(NotRun::Stale), 4),
            ("not approved", not_run(NotRun::NotApproved), 1),
            ("unreadable", not_run(NotRun::Unreadable { temporary: false }), 1),
            ("unreadable for now", not_run(NotRun::Unreadable { temporary: true }), 6),
            ("the rest of a stale plan", withheld(vec![done()], moved()), 4),
            ("the rest of a stale plan, without losses that wait for it", withheld(vec![skipped()], HeldWhy::New), 4),
            ("the rest of a stale plan, and one failed", withheld(vec![failed(false)], moved()), 5),
            ("satisfied meanwhile", withheld(vec![done()], HeldWhy::Already), 0),
            ("not readable again", unreadable(false), 1),
            ("not readable again for now", unreadable(true), 6),
        ] {
            assert_eq!(report.exit().code(), code, "{what}");
        }
        for (signal, code) in [(Signal::Interrupt, 130), (Signal::Terminate, 143)] {
            let targets = vec![with(vec![done(), unknown(), skipped()], Some(Halt::Interrupted))];
            assert_eq!(Report { targets, interrupted: Some(signal) }.exit().code(), code);
        }
    }

    #[test]
    fn only_converged_changes_end_with_0_whatever_else_there_is() {
        let outcomes = [
            done(),
            Outcome::Already { note: None },
            failed(true),
            failed(false),
            Outcome::Unknown { why: String::new() },
            Outcome::Blocked { by: ChangeId { set: 0, index: 0 } },
            Outcome::Skipped { why: String::new() },
        ];
        let halts = [None, Some(Halt::Interrupted), Some(Halt::Unavailable), Some(Halt::Unkept)];
        for (a, b) in outcomes.iter().flat_map(|a| outcomes.iter().map(move |b| (a, b))) {
            for halt in halts {
                let report = TargetReport { halt, ..report(vec![a.clone(), b.clone()]) };
                let converged = a.is_converged() && b.is_converged();
                assert_eq!(report.exit() == Exit::Success, converged, "{a:?} {b:?} {halt:?}");
            }
        }
    }
}
