//! What a root says about the manifests below it, as its author wrote it.

use super::row::Origin;

/// `Root.spec`, with places. Paths and globs are as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RootOptions {
    /// The globs of what is no manifest.
    pub ignore: Vec<(String, Origin)>,
    /// The sandbox's state file.
    pub sandbox_state: Option<(String, Origin)>,
    /// The sandbox's seed.
    pub sandbox_seed: Option<(String, Origin)>,
}
