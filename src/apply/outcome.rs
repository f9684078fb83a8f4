//! How changes end, and how many ended how. Plain data: no wording beyond one word an outcome, no formatting.

/// A change of a target's plan: `plan.sets[set].changes[index]`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub struct ChangeId {
    /// Index of the set in the target's plan.
    pub set: usize,
    /// Index of the change in the set.
    pub index: usize,
}

/// How a change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Carried out by this run.
    Done {
        /// What a careful reader should know, such as "done, not visible yet".
        note: Option<String>,
    },
    /// It was so already: someone else was faster.
    Already {
        /// What the API said.
        note: Option<String>,
    },
    /// Not sent, and nothing went wrong with it.
    Skipped {
        /// Why it was not sent.
        why: String,
    },
    /// Not sent, because a grant of the same holder, which has to come first, is not proven.
    Blocked {
        /// The grant, in the same target. The re-read may have found it done too late to go on.
        by: ChangeId,
    },
    /// Refused, or impossible to send. The live state is as it was.
    Failed {
        /// What the API or the client said, with what to do.
        message: String,
        /// The API's own code, where it gave one.
        code: Option<String>,
        /// HTTP status, where there was an answer.
        status: Option<u16>,
        /// Nothing is wrong with the input: try again later.
        temporary: bool,
    },
    /// It may or may not have happened, and reading again did not tell.
    Unknown {
        /// What was seen.
        why: String,
    },
}

impl Outcome {
    /// The outcome as one word, the same in every output (DESIGN section 2).
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Done { .. } => "done",
            Outcome::Already { .. } => "already",
            Outcome::Skipped { .. } => "skipped",
            Outcome::Blocked { .. } => "blocked",
            Outcome::Failed { .. } => "failed",
            Outcome::Unknown { .. } => "unknown",
        }
    }

    /// Whether the live state is now as the change wanted it.
    pub fn is_converged(&self) -> bool {
        matches!(self, Outcome::Done { .. } | Outcome::Already { .. })
    }
}

/// How many changes ended how. The numbers add up to the changes of the plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Totals {
    /// Carried out by this run.
    pub done: u64,
    /// So already.
    pub already: u64,
    /// Not sent, for no fault of theirs.
    pub skipped: u64,
    /// Not sent, because a grant that has to come first did not come.
    pub blocked: u64,
    /// Refused, or impossible to send.
    pub failed: u64,
    /// May or may not have happened.
    pub unknown: u64,
}

impl Totals {
    /// Counts one more outcome.
    pub fn count(&mut self, outcome: &Outcome) {
        let slot = match outcome {
            Outcome::Done { .. } => &mut self.done,
            Outcome::Already { .. } => &mut self.already,
            Outcome::Skipped { .. } => &mut self.skipped,
            Outcome::Blocked { .. } => &mut self.blocked,
            Outcome::Failed { .. } => &mut self.failed,
            Outcome::Unknown { .. } => &mut self.unknown,
        };
        *slot += 1;
    }

    /// All of them together.
    pub fn all(&self) -> u64 {
        self.done + self.already + self.skipped + self.blocked + self.failed + self.unknown
    }
}

impl<'a> FromIterator<&'a Outcome> for Totals {
    fn from_iter<I: IntoIterator<Item = &'a Outcome>>(outcomes: I) -> Self {
        let mut totals = Self::default();
        outcomes.into_iter().for_each(|outcome| totals.count(outcome));
        totals
    }
}

crate::model::sum_fields!(Totals: done, already, skipped, blocked, failed, unknown);
