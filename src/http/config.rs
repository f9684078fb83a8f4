//! What a client is made from.

use std::sync::Arc;

use url::Url;

use super::{HostPolicy, Proxies, TokenExchange, WaitReporter};
use crate::model::{Limits, SecretRef, SecretResolver, SecretString, Stop};

/// Sent with every request.
pub const USER_AGENT: &str = concat!("assignctl/", env!("CARGO_PKG_VERSION"));

/// One target's connection: where, as whom, how hard.
pub struct Config<'a> {
    /// Scheme, host, port, and a path that is put before every route.
    pub base_url: Url,
    /// How requests sign in.
    pub auth: SignIn,
    /// How hard the target may be pressed.
    pub limits: &'a Limits,
    /// Gives the values behind references.
    pub secrets: Arc<dyn SecretResolver>,
    /// Which hosts may get credentials.
    pub allowed: HostPolicy,
    /// PEM bundles of certificate authorities that are trusted beside the system's.
    pub extra_roots: Vec<Vec<u8>>,
    /// Once it is requested, no request is started.
    pub stop: Stop,
    /// What the process around it decides.
    pub surroundings: Surroundings,
}

/// What the process around a client decides. By default there is no proxy, and nobody is told of waits.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// The proxies on the way.
    pub proxies: Proxies,
    /// Who is told of long waits.
    pub waits: Option<Arc<dyn WaitReporter>>,
}

impl std::fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("host", &super::hosts::host_and_port(&self.base_url))
            .field("auth", &self.auth)
            .field("limits", &self.limits)
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

/// How requests sign in.
pub enum SignIn {
    /// Not at all.
    None,
    /// `Authorization: Bearer …` with the value behind a reference.
    Bearer(SecretRef),
    /// `X-API-Key: …` with the value behind a reference.
    ApiKey(SecretRef),
    /// `Authorization: Bearer …` with a value of our own: the embedded server's.
    Fixed(SecretString),
    /// `Authorization: Bearer …` with a token that is fetched, kept, and renewed.
    Exchange(Box<dyn TokenExchange>),
}

impl std::fmt::Debug for SignIn {
    /// References may be shown, values never.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SignIn::None => f.write_str("None"),
            SignIn::Bearer(reference) => write!(f, "Bearer({reference})"),
            SignIn::ApiKey(reference) => write!(f, "ApiKey({reference})"),
            SignIn::Fixed(_) => f.write_str("Fixed(..)"),
            SignIn::Exchange(_) => f.write_str("Exchange(..)"),
        }
    }
}
