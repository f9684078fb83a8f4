//! Semaphor's part of the seed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{super::time::Instant, JsonMap, is_default};

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
