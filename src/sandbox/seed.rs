//! The seed format: the live state of the four APIs as a person writes it, in the APIs' own field names.
//!
//! A dump has the same form, so it can be seeded again. Where a list of what exists (organizations, nodes, …) is left out, any id
//! goes; where it is given, an id that is not in it is unknown. Nothing here knows how an API answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{SandboxError, time::Instant};

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

/// Partium's state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartiumSeed {
    /// The main organization; assigning it fails pair by pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_org: Option<String>,
    /// The sub-organizations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizations: Option<Vec<Organization>>,
    /// The assemblies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assemblies: Option<Vec<Assembly>>,
    /// What is assigned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assignments: Vec<PartiumAssignment>,
    /// Whether writes answer 503.
    #[serde(skip_serializing_if = "is_false")]
    pub maintenance: bool,
    /// Whether ids go that are not listed. By default an id has to be listed exactly where its list is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lenient: Option<bool>,
    /// The largest page; 1,000 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_limit: Option<usize>,
    /// The catalog's status; a change makes it `data_to_import`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<CatalogStatus>,
}

/// What `GET /1/catalog/status` tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the API's own four words
pub enum CatalogStatus {
    #[default]
    Clean,
    Processing,
    DataToImport,
    Importing,
}

/// A sub-organization.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// Its id.
    pub org_id: String,
    /// Its name, for readers of the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// An assembly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assembly {
    /// Its id.
    pub ass_id: String,
    /// Its name, for readers of the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is a root assembly; others cannot be assigned.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub root: bool,
}

/// Pairs: one, or the cross product of the plural fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartiumAssignment {
    /// One assembly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ass_id: Option<String>,
    /// Several assemblies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ass_ids: Vec<String>,
    /// One organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// Several organizations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub org_ids: Vec<String>,
}

/// Streamline's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamlineSeed {
    /// The clients. An assignment of a client, domain or service that is listed here stands with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<Vec<StreamlineClient>>,
    /// Assignments of clients, domains and services that are not listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assignments: Vec<StreamlineUnlisted>,
    /// The form of the collection's answer.
    #[serde(skip_serializing_if = "is_default")]
    pub list: StreamlineList,
    /// Whether the collection shows archived revisions too.
    #[serde(skip_serializing_if = "is_true")]
    pub include_archived: bool,
    /// Whether a domain takes a keyed PUT.
    #[serde(skip_serializing_if = "is_false")]
    pub keyed_domain_put: bool,
}

impl Default for StreamlineSeed {
    fn default() -> Self {
        Self {
            clients: None,
            assignments: Vec::new(),
            list: StreamlineList::default(),
            include_archived: true, // the harder reading of the contract
            keyed_domain_put: false,
        }
    }
}

/// The form of Streamline's collection answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StreamlineList {
    /// A bare array.
    #[default]
    Bare,
    /// `{"assignments": […]}`
    Assignments,
    /// `{"items": […]}`
    Items,
    /// `{"data": […]}`
    Data,
    /// The collection has no GET: 404.
    NotFound,
}

/// A client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamlineClient {
    /// Its id.
    pub client_id: String,
    /// Its models; any other answers 422.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<StreamlineModel>>,
    /// Its domains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domains: Option<Vec<StreamlineDomain>>,
}

/// A model and its versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamlineModel {
    /// Its id.
    pub model_id: String,
    /// Its versions; left out: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<Vec<String>>,
}

/// A domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamlineDomain {
    /// Its id.
    pub domain_id: String,
    /// Whether it is active; writes to one that is not answer 422.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub active: bool,
    /// The domain's own assignments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assignments: Vec<StreamlineAssignment>,
    /// Its services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<StreamlineService>>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamlineService {
    /// Its id.
    pub service_id: String,
    /// Models that do not fit it; assigning one answers 422.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incompatible_models: Vec<String>,
    /// Its assignments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assignments: Vec<StreamlineAssignment>,
}

/// One revision of an assignment, oldest first in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamlineAssignment {
    /// The revision's id; made up where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment_id: Option<String>,
    /// Its key.
    pub assignment_key: String,
    /// The model.
    pub model_id: String,
    /// The model's version.
    pub model_version: String,
    /// Active, or history.
    #[serde(default)]
    pub status: StreamlineStatus,
    /// The role, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Settings.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub settings: JsonMap,
    /// Metadata.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub metadata: JsonMap,
}

/// A revision of a client, domain or service that is not listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamlineUnlisted {
    /// The client.
    pub client_id: String,
    /// The domain.
    pub domain_id: String,
    /// The service; left out for the domain's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_id: Option<String>,
    /// The revisions there.
    pub assignments: Vec<StreamlineAssignment>,
}

/// Whether a revision is live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamlineStatus {
    /// Live.
    #[default]
    Active,
    /// History.
    Archived,
}

/// Semaphor's state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SemaphorSeed {
    /// The projects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub projects: Option<Vec<SemaphorProject>>,
    /// Assignments of projects that are not listed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub assignments: BTreeMap<String, Vec<SemaphorAssignment>>,
    /// Requests a minute; 5,000 by default, 0 for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<u32>,
    /// Token requests a minute; 100 by default, 0 for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_rate_limit: Option<u32>,
    /// Whether the token answer is bare or inside `data`.
    #[serde(skip_serializing_if = "is_default")]
    pub token: TokenForm,
}

/// The form of Semaphor's token answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenForm {
    /// `{"accessToken": …}`
    #[default]
    Bare,
    /// `{"ok": true, "data": {"accessToken": …}}`
    Data,
}

/// A project.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(non_snake_case)] // the API's own names
pub struct SemaphorProject {
    /// Its id.
    pub projectId: String,
    /// Its security definitions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definitions: Option<Vec<SemaphorDefinition>>,
    /// Its tenants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants: Option<Vec<SemaphorActor>>,
    /// Its tenants' users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_users: Option<Vec<SemaphorActor>>,
    /// The organization's users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_users: Option<Vec<SemaphorActor>>,
    /// What is assigned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assignments: Vec<SemaphorAssignment>,
    /// The word for success in its answers.
    #[serde(skip_serializing_if = "is_default")]
    pub envelope: Envelope,
}

/// The word for success in Semaphor's answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Envelope {
    /// `{"ok": true, …}`
    #[default]
    Ok,
    /// `{"success": true, …}`
    Success,
}

/// A security definition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SemaphorDefinition {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The connection that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<SemaphorConnection>,
    /// Parameters whose values come back as `***`; the values themselves are never stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_params: Vec<String>,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SemaphorConnection {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its type, such as `postgres`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A tenant or a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case)] // the API's own names
pub struct SemaphorActor {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A user's mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A tenant user's tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenantId: Option<String>,
}

/// The kinds of actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // the API's own four words
pub enum ScopeType {
    AllTenants,
    Tenant,
    TenantUser,
    OrgUser,
}

/// A definition bound to an actor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case)] // the API's own names
pub struct SemaphorAssignment {
    /// Its id; made up where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The definition.
    pub definitionId: String,
    /// The kind of actor.
    pub scopeType: ScopeType,
    /// The actor of `TENANT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenantId: Option<String>,
    /// The actor of `TENANT_USER`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenantUserId: Option<String>,
    /// The actor of `ORG_USER`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orgUserId: Option<String>,
    /// Parameter values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<JsonMap>,
    /// When it was made; the moment of seeding where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub createdAt: Option<Instant>,
    /// When it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updatedAt: Option<Instant>,
}

/// Canopy's state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CanopySeed {
    /// The environments; left out: any, and the `/api/v1` surface serves `default/default/default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<CanopyEnvironment>>,
    /// Assignments of environments that are not listed, under `account/application/environment`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub assignments: BTreeMap<String, Vec<CanopyAssignment>>,
}

/// An environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanopyEnvironment {
    /// The account's slug.
    pub account: String,
    /// The application's slug.
    pub application: String,
    /// The environment's slug.
    pub environment: String,
    /// The API key that is bound to it; other keys serve the first environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// Who exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identities: Option<Vec<CanopyIdentity>>,
    /// Where a role can be held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<CanopyNode>>,
    /// Which roles there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<CanopyRole>>,
    /// What is assigned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assignments: Vec<CanopyAssignment>,
    /// Whether the list without `status` shows expired and scheduled rows too.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub list_default_includes_expired: bool,
    /// What a PATCH does to a date that it does not mention.
    #[serde(default, skip_serializing_if = "is_default")]
    pub patch_omitted_dates: OmittedDates,
    /// What a bulk-create with a failure in it does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bulk: BulkMode,
    /// The largest bulk; left out: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bulk: Option<usize>,
    /// Whether an inherited row repeats the id of the direct row that it comes from, or has its own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub inherited_ids: InheritedIds,
}

impl CanopyEnvironment {
    /// An environment with nothing in it, where any id goes.
    pub fn open(account: &str, application: &str, environment: &str) -> Self {
        Self {
            account: account.to_owned(),
            application: application.to_owned(),
            environment: environment.to_owned(),
            api_key: None,
            identities: None,
            nodes: None,
            roles: None,
            assignments: Vec::new(),
            list_default_includes_expired: true,
            patch_omitted_dates: OmittedDates::default(),
            bulk: BulkMode::default(),
            max_bulk: None,
            inherited_ids: InheritedIds::default(),
        }
    }
}

/// What a PATCH does to a date that it does not mention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OmittedDates {
    /// It stays.
    #[default]
    Keep,
    /// It becomes what a create without it would give.
    Reset,
}

/// What a bulk-create with a failure in it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BulkMode {
    /// The whole batch fails with the first failure's status, and nothing is written.
    #[default]
    Atomic,
    /// 207; what could be created is.
    Mixed,
    /// 207 that tells of successes, and yet nothing is written.
    Rollback,
}

/// The id of an inherited row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InheritedIds {
    /// The direct row's.
    #[default]
    Repeat,
    /// Its own.
    Own,
}

/// An identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanopyIdentity {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether the caller's credential acts as this identity; for readers of the seed.
    #[serde(default, rename = "self", skip_serializing_if = "is_false")]
    pub is_self: bool,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanopyNode {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The node above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanopyRole {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is a system role, which cannot be assigned.
    #[serde(default, skip_serializing_if = "is_false")]
    pub system: bool,
}

/// A role held by an identity at a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanopyAssignment {
    /// Its id; made up where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Who.
    pub identity_id: String,
    /// Where.
    pub node_id: String,
    /// Which role.
    pub role_id: String,
    /// From when; the moment of creation where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<Instant>,
    /// Until when; for ever where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_to: Option<Instant>,
    /// When it was made; the moment of seeding where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Instant>,
    /// When it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Instant>,
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
