//! Semaphor: security definitions bound to actors, with parameters (apis/semaphor.md).

pub mod route;
pub mod spec;
