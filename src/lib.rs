//! assignctl: access and assignments declared in git, planned against the live systems, applied exactly as planned.
//!
//! The binary is a thin shell around this library; `cli` is its entry. Layers, from the bottom: `diag` and `model` know nothing of
//! the rest; `manifest` reads text; `http` speaks the wire; `provider` joins the two for each system; `plan` is pure;
//! `apply` carries plans out; `render` shows; `cli` knows all; `sandbox` is the other side of the wire.

pub mod diag;
pub mod http;
pub mod manifest;
pub mod model;
pub mod provider;
pub mod sandbox;
