//! What people and pipelines read: plans, diagnostics and apply events in, bytes out.
//!
//! Nothing here decides anything, reads a clock or knows whether there is a terminal: the caller says so. Whatever came from an
//! API or a manifest is untrusted and passes through [`clean`] on its way to a person.

pub mod clean;
mod compared;
pub mod diagnostics;
pub mod drift;
pub mod github;
pub mod gitlab;
mod held;
pub mod html;
pub mod human;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod openmetrics;
pub mod progress;
pub mod report;
pub mod sarif;
pub mod shell;
mod stopped;
mod style;
mod words;

pub use stopped::{Command, Stopped};
pub use style::{Options, Style};
