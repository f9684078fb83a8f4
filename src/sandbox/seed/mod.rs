//! The seed format: the live state of the four APIs as a person writes it, in the APIs' own field names.
//!
//! A dump has the same form, so it can be seeded again. Where a list of what exists (organizations, nodes, …) is left out, any id
//! goes; where it is given, an id that is not in it is unknown. Nothing here knows how an API answers.
//!
//! ```yaml
//! partium:
//!   main_org: acme-main
//!   organizations: [{ org_id: dealer-at, name: Dealer Austria }]
//!   assignments: [{ ass_ids: [pump, valve], org_id: dealer-at }]   # a plural field is the cross product
//! streamline:
//!   clients:
//!     - client_id: client-1
//!       domains:
//!         - domain_id: south_australia
//!           services:
//!             - service_id: service-1
//!               assignments: [{ assignment_key: default, model_id: demand-forecast, model_version: 2.1.0 }]
//! semaphor:
//!   projects:
//!     - projectId: p_123
//!       definitions: [{ id: usd_tenant, secret_params: [warehouse_key] }]
//!       assignments: [{ definitionId: usd_tenant, scopeType: TENANT, tenantId: tenant_123, params: { region: us } }]
//! canopy:
//!   environments:
//!     - account: acme
//!       application: crm
//!       environment: prod
//!       nodes: [{ id: emea, name: EMEA }, { id: dach, parent: emea }]
//!       assignments: [{ identity_id: anna, node_id: emea, role_id: support }]
//! ```

mod canopy;
mod partium;
mod semaphor;
mod streamline;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::{canopy::*, partium::*, semaphor::*, streamline::*};
use super::SandboxError;

/// A map of JSON values, such as `settings` or `params`.
pub type JsonMap = Map<String, Value>;

/// The state that a new sandbox starts with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seed {
    /// Who may sign in. Taken from the seed at every start; never stored in the state and never dumped.
    #[serde(skip_serializing)]
    pub auth: AuthSeed,
    /// Partium's organizations, assemblies and assignments.
    pub partium: PartiumSeed,
    /// Streamline's clients, models and assignments.
    pub streamline: StreamlineSeed,
    /// Semaphor's projects.
    pub semaphor: SemaphorSeed,
    /// Canopy's environments.
    pub canopy: CanopySeed,
}

impl Seed {
    /// Reads a seed from YAML or JSON text.
    pub fn parse(text: &str) -> Result<Self, SandboxError> {
        if text.trim_start().starts_with('{')
            && let Ok(seed) = serde_json::from_str(text)
        {
            return Ok(seed);
        }
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        // A seed comes from the caller, not from a pull request: the loader's budget guards only against absurdity.
        let options = serde_yaml::options! {
            strict_booleans: true,
            with_snippet: false, // an excerpt could show a credential

            budget: serde_yaml::budget! {
                max_nodes: 40_000_000,
                max_events: 80_000_000,
                max_total_scalar_bytes: 2_000_000_000,
            },
        };
        serde_yaml::from_str_with_options(text, options)
            .map_err(|error| SandboxError::Seed { message: error.to_string() })
    }
}

/// Credentials that the server takes.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthSeed {
    /// Bearer tokens that every API takes and that never expire.
    pub bearer: Vec<String>,
    /// API keys for Canopy's `/api/v1` surface.
    pub api_keys: Vec<String>,
    /// OAuth clients of the token endpoint `POST /oauth2/token`.
    pub streamline_clients: Vec<OauthClient>,
    /// Project secrets for `POST /api/v1/token`.
    pub project_secrets: Vec<ProjectSecret>,
}

impl Default for AuthSeed {
    fn default() -> Self {
        Self {
            bearer: vec!["sandbox".to_owned()],
            api_keys: vec!["cnpy_sandbox".to_owned()],
            streamline_clients: Vec::new(),
            project_secrets: Vec::new(),
        }
    }
}

impl std::fmt::Debug for AuthSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthSeed(..)")
    }
}

/// An OAuth 2 client that may ask for tokens.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OauthClient {
    /// The client's id; a token without the admin scope opens only this client's paths.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Scopes that it may ask for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Life of a token in seconds.
    #[serde(default = "one_hour")]
    pub expires_in: u64,
}

/// A secret that is exchanged for a project token.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case)] // the API's own names
pub struct ProjectSecret {
    /// The project that the token opens.
    pub projectId: String,
    /// Its secret.
    pub projectSecret: String,
    /// Life of a token in seconds, unless the request asks for another.
    #[serde(default = "half_an_hour")]
    pub expires_in: u64,
}

fn one_hour() -> u64 {
    3600
}

fn half_an_hour() -> u64 {
    1800
}

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
