//! Streamline's part of the seed.

use serde::{Deserialize, Serialize};

use super::{JsonMap, is_default, is_false, is_true, yes};

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
