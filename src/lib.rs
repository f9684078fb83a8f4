//! assignctl: access and assignments declared in git, planned against the live systems, applied exactly as planned.
//!
//! The binary is a thin shell around this library; `cli` is its entry. See `docs/` and the README for use.

pub mod sandbox;
