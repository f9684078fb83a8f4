//! Partium: assemblies made visible to sub-organizations (apis/partium.md).

pub mod route;
pub mod spec;
