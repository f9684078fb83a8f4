//! Canopy: roles held by identities at nodes, with time windows (apis/canopy.md).

pub mod route;
pub mod spec;
