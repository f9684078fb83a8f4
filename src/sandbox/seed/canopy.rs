//! Canopy's part of the seed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{super::time::Instant, is_default, is_false, is_true, yes};

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
