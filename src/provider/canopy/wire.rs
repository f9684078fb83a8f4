//! Canopy's JSON, as far as it is used: pages, rows, single objects, bulk results, errors.
//!
//! Unknown fields are ignored; a known field of a wrong type is an error. The node has three names: `node_id` in requests,
//! `application_node_id` in answers to writes, `source_node_id` in lists (apis/canopy.md: Create, List).

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::http::{Answer, HttpError};

/// A text of an answer, borrowed from it where it holds no escapes: a large listing is read without copying what is thrown away.
#[derive(Debug)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Texts)
    }
}

/// One page. Rows stay raw at first, so that one bad row can be named by its id.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    pub items: Vec<&'a RawValue>,
    pub pagination: Pagination,
}

/// Where a page stands.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pagination {
    pub page: u64,
    pub take: u64,
    pub item_count: u64,
    pub page_count: u64,
}

/// One listed row. What only a direct row must have is optional here, so that an odd inherited row stops nothing.
#[derive(Deserialize)]
pub(super) struct Row<'a> {
    #[serde(borrow)]
    pub identity: Option<Identity<'a>>,
    pub role: Option<Role<'a>>,
    pub assignment: Listed<'a>,
}

/// Who holds the role.
#[derive(Deserialize)]
pub(super) struct Identity<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    pub name: Option<Text<'a>>,
    pub email: Option<Text<'a>>,
}

impl Identity<'_> {
    /// The name as a person reads it, with the email that tells two equal names apart.
    pub(super) fn display(&self) -> String {
        let (name, email) = (self.name.as_deref().unwrap_or(""), self.email.as_deref().unwrap_or(""));
        match (name.is_empty(), email.is_empty()) {
            (_, true) => name.to_owned(),
            (true, false) => email.to_owned(),
            (false, false) => format!("{name} <{email}>"),
        }
    }
}

/// Which role.
#[derive(Deserialize)]
pub(super) struct Role<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    pub name: Option<Text<'a>>,
}

/// The assignment of a listed row.
#[derive(Deserialize)]
pub(super) struct Listed<'a> {
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    pub source_node_id: Option<Text<'a>>,
    pub source_node_name: Option<Text<'a>>,
    pub access_type: Text<'a>,
    pub effective_from: Option<Text<'a>>,
    pub effective_to: Option<Text<'a>>,
    pub status: Option<Text<'a>>,
    pub created_at: Option<Text<'a>>,
}

/// The id of a raw row that could not be understood, if it has one.
pub(super) fn id_of(row: &RawValue) -> Option<String> {
    let row: Value = serde_json::from_str(row.get()).ok()?;
    Some(row.get("assignment")?.get("id")?.as_str()?.to_owned())
}

/// A single assignment, as the answer to a create or an update.
#[derive(Deserialize)]
pub(super) struct Assigned {
    pub id: String,
    pub identity_id: String,
    pub application_node_id: String,
    pub role_id: String,
    /// Everything else that the answer shows, such as the dates.
    #[serde(flatten)]
    pub beside: Map<String, Value>,
}

/// One page says that single objects are wrapped, the assignment pages show them bare: both are read (apis/canopy.md: Errors).
#[derive(Deserialize)]
struct Wrapped<T> {
    data: T,
}

/// The body of an answer, bare or inside `data`.
pub(super) fn bare_or_wrapped<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, HttpError> {
    answer.json::<T>().or_else(|error| answer.json::<Wrapped<T>>().map(|wrapped| wrapped.data).map_err(|_| error))
}

/// A new assignment, alone or in a batch.
#[derive(Serialize)]
pub(super) struct New<'a> {
    pub identity_id: &'a str,
    pub node_id: &'a str,
    pub role_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_to: Option<String>,
}

/// The answer of a bulk route that tells of each entry.
#[derive(Deserialize)]
pub(super) struct BulkAnswer {
    #[serde(default)]
    pub summary: Summary,
    pub results: Vec<BulkResult>,
}

/// The counts of a bulk answer. The results say more; the counts can only contradict them.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Summary {
    pub succeeded: Option<u64>,
    pub failed: Option<u64>,
}

/// How one entry of a bulk request ended.
#[derive(Deserialize)]
pub(super) struct BulkResult {
    pub index: u64,
    pub status: String,
    #[serde(default)]
    pub code: Value,
    #[serde(default)]
    pub data: Value,
    #[serde(default)]
    pub error: Value,
}

/// The error envelope.
#[derive(Deserialize)]
pub(super) struct Failure {
    pub error: ErrorBody,
}

/// `{statusCode, code, message, …}`. Values of any type, so that an odd code never hides the message.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorBody {
    #[serde(default)]
    pub status_code: Value,
    #[serde(default)]
    pub code: Value,
    #[serde(default)]
    pub message: Value,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_needs_its_pagination_with_numbers() {
        let page = |pagination: Value| {
            let text = json!({"items": [], "pagination": pagination}).to_string();
            serde_json::from_str::<Page<'_>>(&text).map(|page| page.pagination)
        };
        let whole = json!({"page": 1, "take": 20, "item_count": 0, "page_count": 0, "has_next_page": false});
        assert!(page(whole).is_ok());
        assert!(page(json!({"page": 1, "take": 20, "item_count": "0", "page_count": 0})).is_err());
        assert!(page(json!({"page": 1, "take": 20, "item_count": -1, "page_count": 0})).is_err());
        assert!(page(json!({"page": 1, "take": 20})).is_err());
        assert!(serde_json::from_str::<Page<'_>>(r#"{"items": {}, "pagination": {}}"#).is_err());
    }

    #[test]
    fn absent_dates_are_not_sent() {
        let new = New { identity_id: "i", node_id: "n", role_id: "r", effective_from: None, effective_to: None };
        assert_eq!(serde_json::to_value(&new).unwrap(), json!({"identity_id": "i", "node_id": "n", "role_id": "r"}));
    }
}
