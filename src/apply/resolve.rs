//! From what the API answered and what the re-read shows to how a change ended. One table, no I/O.

use crate::model::{Proof, WriteOutcome};

use std::time::Duration;

use super::{ChangeId, Outcome, READ_LAG, TargetRun};
use crate::plan::saved::Held;

/// Where a change stands with the sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stand {
    /// Its turn has not come.
    Unsent,
    /// It will not be sent.
    Skipped(String),
    /// A grant of the same holder is not proven.
    Blocked(ChangeId),
    /// The saved plan withholds a grant of the same holder.
    Withheld(Held),
    /// It was sent, or failed or was stopped before it could be.
    Answered(WriteOutcome),
}

/// What the re-read shows of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Nothing was read since.
    Unread,
    /// The live state is as the change wanted it.
    Converged,
    /// It is certainly not.
    Different {
        /// The same change in the new plan, where the live object is exactly as it was when the change was planned: it may be sent again.
        again: Option<ChangeId>,
    },
    /// It cannot be told, for this reason.
    Unclear(&'static str),
}

/// Why the listing cannot tell where it is not proven complete.
pub(super) const GAP: &str = "the listing is not proven complete, so that a missing row proves nothing";
/// Why the listing cannot tell of secrets.
pub(super) const MASKED: &str = "secret values cannot be read back";

const LOST: &str = "the answer was lost; the re-read shows it";
const SENT_AGAIN: &str = "sent again: the first answer was lost, and the re-read showed that nothing had happened";
const CONFIRMED: &str = "the API confirmed it";
const WITHHELD: &str = "not sent: it takes access from a holder whose grant the saved plan withholds";
const CONVERGED: &str = "not sent; the re-read shows it as planned";
const NEXT: &str = "look at the live state, then plan again";

impl Stand {
    /// Whether only a re-read can tell how it ended (DESIGN section 5: `--no-verify` still proves such routes).
    pub(super) fn needs_proof(&self) -> bool {
        use WriteOutcome as W;
        matches!(self, Stand::Answered(W::Done(Proof::Listing) | W::Already(_) | W::Unknown { .. }))
    }

    /// How long a re-read may still change how it ended: a listing lags behind an answered write, and a server may take long
    /// over a write whose answer did not come.
    pub(super) fn visible_within(&self, run: &TargetRun<'_>) -> Duration {
        match self {
            Stand::Answered(WriteOutcome::Unknown { .. }) => run.settle_timeout,
            Stand::Answered(WriteOutcome::Done(_) | WriteOutcome::Already(_)) => run.settle_timeout.min(READ_LAG),
            _ => Duration::ZERO,
        }
    }

    /// The outcome as far as it is known before any re-read.
    pub(super) fn provisional(&self) -> Outcome {
        match self {
            Stand::Answered(WriteOutcome::Done(Proof::Listing)) => Outcome::Done { note: None },
            Stand::Answered(WriteOutcome::Already(said)) => Outcome::Already { note: some(said) },
            Stand::Answered(WriteOutcome::Unknown { why, .. }) => Outcome::Unknown { why: why.clone() },
            _ => self.settle(false, Sight::Unread, ""),
        }
    }

    /// The final outcome. `lost`: an earlier answer to the same change never came. `unread`: why nothing was read, where that is so.
    pub(super) fn settle(&self, lost: bool, sight: Sight, unread: &str) -> Outcome {
        match self {
            Stand::Unsent => Outcome::Skipped { why: "its turn did not come".to_owned() },
            Stand::Skipped(why) => Outcome::Skipped { why: why.clone() },
            Stand::Blocked(_) | Stand::Withheld(_) if sight == Sight::Converged => {
                Outcome::Already { note: Some(CONVERGED.to_owned()) }
            }
            Stand::Blocked(by) => Outcome::Blocked { by: *by },
            Stand::Withheld(held) => {
                Outcome::Skipped { why: format!("{WITHHELD} ({}: {})", held.set, held.why.text()) }
            }
            Stand::Answered(answer) => answered(answer, lost, sight, unread),
        }
    }
}

fn answered(answer: &WriteOutcome, lost: bool, sight: Sight, unread: &str) -> Outcome {
    let doubt = match sight {
        Sight::Unclear(why) => why,
        Sight::Different { again: Some(_) } => "the re-read shows the state from before",
        Sight::Different { again: None } => "the re-read shows another state than it leaves",
        Sight::Unread | Sight::Converged => unread,
    };
    match (answer, sight) {
        (WriteOutcome::Done(_), Sight::Converged) => done(lost.then_some(SENT_AGAIN)),
        // The re-read may lag behind, or someone else was faster: either way nobody knows.
        (WriteOutcome::Done(Proof::Answer), Sight::Different { .. }) => unknown(CONFIRMED, doubt),
        (WriteOutcome::Done(Proof::Answer), _) => done(lost.then_some(SENT_AGAIN)),
        (WriteOutcome::Done(Proof::Listing), _) => unknown("the API accepted it without saying what it did", doubt),
        // An earlier answer was lost: what is there now is this run's own work.
        (_, Sight::Converged) if lost => done(Some(LOST)),
        (WriteOutcome::Already(said), Sight::Converged) => Outcome::Already { note: some(said) },
        (WriteOutcome::Already(said), Sight::Different { .. }) => contradicted(said),
        (WriteOutcome::Already(said), _) => unknown(&format!("the API says that it was so already ({said})"), doubt),
        (WriteOutcome::Failed { message, .. }, Sight::Converged) => Outcome::Already {
            note: Some(format!("this run's request failed ({message}); the re-read shows it as planned")),
        },
        (WriteOutcome::Failed { message, code, status, temporary }, _) => {
            Outcome::Failed { message: message.clone(), code: code.clone(), status: *status, temporary: *temporary }
        }
        (WriteOutcome::NotSent { .. }, Sight::Converged) => Outcome::Already { note: Some(CONVERGED.to_owned()) },
        (WriteOutcome::NotSent { why }, _) if lost => unknown("an earlier answer was lost", why),
        (WriteOutcome::NotSent { why }, _) => Outcome::Skipped { why: why.clone() },
        (WriteOutcome::Unknown { .. }, Sight::Converged) => done(Some(LOST)),
        (WriteOutcome::Unknown { why, .. }, _) => unknown(why, doubt),
    }
}

fn done(note: Option<&str>) -> Outcome {
    Outcome::Done { note: note.map(str::to_owned) }
}

fn unknown(seen: &str, doubt: &str) -> Outcome {
    Outcome::Unknown { why: format!("{seen}; {doubt}; {NEXT}") }
}

fn contradicted(said: &str) -> Outcome {
    let message = format!("the API says that it was so already ({said}), but the re-read shows otherwise; {NEXT}");
    Outcome::Failed { message, code: None, status: None, temporary: false }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
