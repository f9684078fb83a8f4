//! Streamline PIE: model versions that services and domains run under a key (apis/streamline.md).

pub mod route;
pub mod spec;
