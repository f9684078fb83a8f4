//! One integration binary: linking is the slow part.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod browser;
mod cli;
mod docs;
mod faults;
mod layers;
mod loader;
mod planner;
mod providers;
mod render;
mod scenarios;
mod support;
mod threats;
