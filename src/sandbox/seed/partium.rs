//! Partium's part of the seed.

use serde::{Deserialize, Serialize};

use super::{is_false, is_true, yes};

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
