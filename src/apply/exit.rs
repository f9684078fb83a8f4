//! Exit codes as a type, and which of several wins. Every command maps what it saw through this one place (DESIGN section 6).

use crate::model::Signal;

/// What a run ends with. The order of the variants is the priority: the last one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Exit {
    /// Done, or nothing to do.
    #[default]
    Success,
    /// Changes are pending, or drift was found.
    Pending,
    /// The retry budget is spent; nothing is wrong with the input.
    Temporary,
    /// The approved plan is stale.
    Stale,
    /// A guard refused.
    Refused,
    /// Usage, manifests, sign-in, API, internal.
    Error,
    /// Applied in part: something failed, is blocked or unknown.
    Partial,
    /// Stopped by SIGTERM.
    Terminated,
    /// Stopped by SIGINT.
    Interrupted,
}

impl From<Signal> for Exit {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Interrupt => Exit::Interrupted,
            Signal::Terminate => Exit::Terminated,
        }
    }
}

impl Exit {
    /// All of them, from the one that any other outweighs.
    pub const ALL: [Exit; 9] = [
        Exit::Success,
        Exit::Pending,
        Exit::Temporary,
        Exit::Stale,
        Exit::Refused,
        Exit::Error,
        Exit::Partial,
        Exit::Terminated,
        Exit::Interrupted,
    ];

    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Error => 1,
            Exit::Pending => 2,
            Exit::Refused => 3,
            Exit::Stale => 4,
            Exit::Partial => 5,
            Exit::Temporary => 6,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        }
    }

    /// The one of two that a run over several targets ends with.
    #[must_use]
    pub fn worse(self, other: Exit) -> Exit {
        self.max(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_is_the_first_that_occurs_of_the_documented_order() {
        let documented = [130, 143, 5, 1, 3, 4, 6, 2, 0];
        let mut all = Exit::ALL;
        all.sort_by(|a, b| if a.worse(*b) == *a { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater });
        assert_eq!(all.map(Exit::code), documented);
    }
}
