//! Targets: one account of a provider, with its address and sign-in.

use std::time::Duration;

use super::{Fields, Protect, SecretRef, row::Origin};

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The vendor's public host.
    Vendor,
    /// The embedded server; it needs no sign-in.
    Sandbox,
    /// Another address: scheme, host, port, and a path that is put before every route. Without a trailing slash.
    Url(String),
}

/// How a target signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer …`.
    Bearer(SecretRef),
    /// `X-API-Key: …` (Canopy's api surface).
    ApiKey(SecretRef),
    /// OAuth 2 client credentials (Streamline).
    ClientCredentials {
        /// The token endpoint; its host must be allowed by the caller.
        token_url: String,
        /// The client's id.
        client_id: SecretRef,
        /// The client's secret.
        client_secret: SecretRef,
        /// Scopes to ask for, joined by spaces.
        scopes: Vec<String>,
    },
    /// A project secret, exchanged for a token (Semaphor).
    ProjectSecret {
        /// The secret.
        secret: SecretRef,
        /// The organization user that the token acts as.
        org_user_id: Option<String>,
    },
}

/// How hard a target may be pressed. Defaults are the provider's, named there with their reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Requests in flight at once, at least 1.
    pub concurrency: usize,
    /// Requests a second, reads and writes together; `None`: not limited by us.
    pub requests_per_second: Option<f64>,
    /// Entries a batch request carries, at least 1.
    pub batch_size: usize,
    /// Rows a page holds, at least 1.
    pub page_size: usize,
    /// The longest that one request may take, connection to last byte.
    pub timeout: Duration,
    /// The longest that retries of one target may wait, in total.
    pub retry_budget: Duration,
    /// The longest that the effect of a write is looked for whose answer did not come.
    pub settle_timeout: Duration,
}

impl Limits {
    /// 30 s: the default of [`Limits::settle_timeout`]. Gateways give up on a server after 30 to 60 s at most, and the server seldom
    /// needs as long again.
    pub const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);
}

/// One name and value that together say which account a target is, such as `client_id: client-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Account {
    /// The field of `Target.spec`.
    pub field: String,
    /// Its value.
    pub value: String,
}

/// One target, lowered.
#[derive(Debug, Clone)]
pub struct Target {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.labels`, sorted by key.
    pub labels: Vec<(String, String)>,
    /// The provider's name.
    pub provider: &'static str,
    /// Where requests go.
    pub endpoint: Endpoint,
    /// How it signs in; `None` only for the sandbox.
    pub auth: Option<Auth>,
    /// How hard it may be pressed.
    pub limits: Limits,
    /// Which account it is.
    pub account: Vec<Account>,
    /// The provider's own fields of `Target.spec`, checked and typed by its table: account parts and what is assumed about its API.
    pub options: Fields,
    /// The rows that the credential itself lives by (`self`): none of them may be lost.
    pub own: Option<Protect>,
    /// The document's `metadata.name` value.
    pub origin: Origin,
}
