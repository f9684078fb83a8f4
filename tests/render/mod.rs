//! What people and pipelines read, looked at as a whole: snapshots of every shape, schemas checked in and held by the documents.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod findings;
pub mod fixture;
pub mod html;
mod journal;
mod json;
mod machines;
mod markdown;
mod plans;
mod progress;
mod reports;
pub mod shapes;
