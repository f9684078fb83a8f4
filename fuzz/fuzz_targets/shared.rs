//! The entry points of `tests/faults`, which the stable test tries on mutated corpora for a bounded time.
#![allow(dead_code)] // each target takes one of them

#[path = "../../tests/faults/drive.rs"]
pub mod drive;
#[path = "../../tests/faults/entries.rs"]
pub mod entries;
#[path = "../../tests/faults/worlds.rs"]
pub mod worlds;
