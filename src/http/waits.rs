//! Long waits, as they are told to whoever runs the program.

use std::time::Duration;

/// A wait that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The host that is waited for.
    pub host: String,
    /// What it did, such as `answered 503`.
    pub why: String,
    /// The time until the next try.
    pub next_try: Duration,
    /// What all waits of the target took so far, this one included.
    pub waited: Duration,
    /// What they may take.
    pub budget: Duration,
}

/// Tells a person of waits. Requests that wait side by side tell of the same wait.
pub trait WaitReporter: Send + Sync {
    /// A wait begins, or is longer than was told.
    fn waiting(&self, wait: &Wait);
    /// A host answers again.
    fn over(&self, host: &str);
}
