//! The systems behind one trait. A fifth provider is one new folder, one schema and one line in [`ALL`].
//!
//! A provider turns manifest nodes and live answers into `model` rows and carries out changes that the planner decided.
//! Reading and writing are separate traits, so that a reader cannot write. Providers do not know each other.

pub mod canopy;
#[cfg(test)]
mod fake;
mod options;
pub mod partium;
mod refusal;
pub mod semaphor;
pub mod streamline;

use async_trait::async_trait;

use crate::manifest::Kind;
use crate::model::{Batch, ReadRequest, Snapshot, WriteOutcome};

/// The manifests of all providers, in the order in which people are shown them.
pub static ALL: &[&Kind] = &[&streamline::spec::KIND, &partium::spec::KIND, &semaphor::spec::KIND, &canopy::spec::KIND];

/// Why a target could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The API refused, answered nonsense, or could not be reached. The text says which request, what came, and what to do.
    #[error("{0}")]
    Api(String),
    /// The retry budget is spent: nothing is wrong with the input, try again later.
    #[error("{0}")]
    Temporary(String),
}

/// Reads the live assignments of one target.
#[async_trait]
pub trait Reader: Send + Sync {
    /// Reads what the request needs, with evidence of what was read whole.
    ///
    /// # Errors
    /// [`ReadError::Temporary`] when the retry budget is spent, [`ReadError::Api`] for everything else; no partial snapshot is given.
    async fn read(&self, request: &ReadRequest) -> Result<Snapshot, ReadError>;
}

/// Carries out changes on one target.
#[async_trait]
pub trait Writer: Send + Sync {
    /// Carries out one batch and gives one outcome a change, in the order of the batch. Retries what may be retried (429, 503,
    /// connections that never opened) inside the target's budget; never resends what may have been carried out.
    async fn write(&self, batch: &Batch<'_>) -> Vec<WriteOutcome>;
}

/// The two sides of one target. They are separate objects, so that what was given a reader cannot write.
pub struct Connection {
    /// Reads the live assignments.
    pub reader: Box<dyn Reader>,
    /// Carries changes out.
    pub writer: Box<dyn Writer>,
}
