//! The executor: carries out plans, and says for every change how it ended.
//!
//! It decides nothing that the planner should have decided, and knows no system: batches come from `plan`, requests are the
//! provider's. It reads no clock and no environment and shows nothing: what happens goes to a [`Sink`], what happened is the [`Report`].

mod event;
mod exit;
mod outcome;
mod report;
mod stop;

pub use event::{Event, Silent, Sink, Sinks};
pub use exit::Exit;
pub use outcome::{ChangeId, Outcome, Totals};
pub use report::{ChangeReport, Leftover, NotRun, Remaining, Report, TargetReport, Verification};
pub use stop::Stop;
