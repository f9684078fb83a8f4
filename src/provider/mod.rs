//! The systems behind one trait. A fifth provider is one new folder, one schema and one line in [`ALL`].
//!
//! A provider turns manifest nodes and live answers into `model` rows and carries out changes that the planner decided.
//! Reading and writing are separate traits, so that a reader cannot write. Providers do not know each other.

pub mod canopy;
mod divide;
#[cfg(test)]
mod fake;
mod options;
mod part;
pub mod partium;
mod refusal;
pub mod resend;
pub mod semaphor;
pub mod streamline;

use std::sync::Arc;

use async_trait::async_trait;

pub use crate::http::with_request_ids;
use crate::http::{Client, SignIn};
use crate::manifest::Kind;
use crate::model::{Batch, Ids, ReadRequest, SecretResolver, Snapshot, Target, WriteOutcome};

/// The bearer token that the embedded server takes from targets with `endpoint: sandbox`, which carry no sign-in of their own.
pub const SANDBOX_TOKEN: &str = "sandbox";

/// One system: its manifests, and how to talk to it.
#[derive(Debug)]
pub struct Provider {
    /// Its manifests and what its API can do.
    pub kind: &'static Kind,
    /// How a target of it signs in.
    pub sign_in: fn(&Target) -> SignIn,
    /// The two sides of a target, on an open client.
    pub connect: fn(&Target, Client, Arc<Ids>, Arc<dyn SecretResolver>) -> Connection,
    /// Its routes that write, and what an ambiguous answer to each means.
    pub writes: &'static [&'static resend::Rule],
}

/// All systems, in the order in which people are shown them. A fifth one is one more line.
pub static ALL: &[Provider] = &[
    Provider {
        kind: &streamline::spec::KIND,
        sign_in: streamline::sign_in,
        connect: streamline::connect,
        writes: streamline::route::RULES,
    },
    Provider {
        kind: &partium::spec::KIND,
        sign_in: partium::sign_in,
        connect: partium::connect,
        writes: partium::route::RULES,
    },
    Provider {
        kind: &semaphor::spec::KIND,
        sign_in: semaphor::sign_in,
        connect: semaphor::connect,
        writes: semaphor::route::RULES,
    },
    Provider {
        kind: &canopy::spec::KIND,
        sign_in: canopy::sign_in,
        connect: canopy::connect,
        writes: canopy::route::RULES,
    },
];

/// The system of a name, as in `Target.spec.provider`.
pub fn find(name: &str) -> Option<&'static Provider> {
    ALL.iter().find(|provider| provider.kind.provider() == name)
}

/// The manifests of all systems.
pub fn kinds() -> Vec<&'static Kind> {
    ALL.iter().map(|provider| provider.kind).collect()
}

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
    async fn read(&self, request: &ReadRequest<'_>) -> Result<Snapshot, ReadError>;
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
