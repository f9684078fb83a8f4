//! A run that ended before there was a plan.

use crate::apply::Exit;

/// The command that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `assignctl plan`.
    Plan,
    /// `assignctl apply`.
    Apply,
    /// `assignctl drift`.
    Drift,
}

impl Command {
    /// Its name.
    pub(super) fn word(self) -> &'static str {
        match self {
            Command::Plan => "plan",
            Command::Apply => "apply",
            Command::Drift => "drift",
        }
    }

    /// The code of the finding that says that it ended.
    pub(super) fn code(self) -> &'static str {
        match self {
            Command::Plan => "plan-stopped",
            Command::Apply => "apply-stopped",
            Command::Drift => "drift-stopped",
        }
    }
}

/// That it ended, and why.
#[derive(Debug, Clone, Copy)]
pub struct Stopped<'a> {
    /// The command.
    pub command: Command,
    /// The error, in words.
    pub why: &'a str,
    /// The exit code that follows from it.
    pub exit: Exit,
}

impl Stopped<'_> {
    /// What did not come of it, in two words.
    pub(super) fn verdict(&self) -> &'static str {
        match self.command {
            Command::Plan => "Nothing planned",
            Command::Apply => "Nothing applied",
            Command::Drift => "Nothing compared",
        }
    }

    /// The same, as a sentence without its end.
    pub(super) fn sentence(&self) -> &'static str {
        match self.command {
            Command::Plan => "Nothing was planned",
            Command::Apply => "Nothing was applied",
            Command::Drift => "Nothing was compared",
        }
    }
}
