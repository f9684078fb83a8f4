//! assignctl: access and assignments declared in git, planned against the live systems, applied exactly as planned.
//!
pub mod diag;
pub mod http;
pub mod model;
pub mod provider;
pub mod sandbox;
