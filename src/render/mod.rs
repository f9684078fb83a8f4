//! What people and pipelines read: plans, diagnostics and apply events in, bytes out.
//!
//! Nothing here decides anything, reads a clock or knows whether there is a terminal: the caller says so. Whatever came from an
//! API or a manifest is untrusted and passes through [`clean`] on its way to a person.

pub mod clean;
pub mod diagnostics;
pub mod drift;
mod held;
pub mod human;
pub mod json;
pub mod openmetrics;
pub mod progress;
pub mod report;
mod style;
mod words;

pub use style::Style;
