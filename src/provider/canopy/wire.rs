//! Canopy's JSON, as far as it is used: pages, rows, single objects, bulk results, errors.
//!
//! Unknown fields are ignored; a known field of a wrong type is an error. The node has three names: `node_id` in requests,
//! `application_node_id` in answers to writes, `source_node_id` in lists (apis/canopy.md: Create, List).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::{Answer, HttpError};
use crate::provider::scan::{Beside, Scalar, Text, loose};

/// Where a page has its rows: bare, or in `data` (apis/canopy.md: Errors).
pub(super) const ITEMS: [&[&str]; 2] = [&["items"], &["data", "items"]];

/// The numbers of a page, as `pagination` names them.
const NUMBERS: [&str; 4] = ["page", "take", "item_count", "page_count"];

/// Where a page stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pagination {
    pub page: u64,
    pub take: u64,
    pub item_count: u64,
    pub page_count: u64,
    /// Whether the page says that another one follows.
    pub has_next_page: Option<bool>,
}

impl Pagination {
    /// The pagination beside a page's rows; `None` where it or the rows are missing.
    pub(super) fn of(beside: &Beside) -> Option<Self> {
        let inside = match beside.found.as_slice() {
            [one] if one.starts_with("data.") => &["data", "pagination"][..],
            [_] => &["pagination"],
            _ => return None,
        };
        let get = |name: &'static str| beside.get(&[inside, &[name]].concat());
        let [page, take, item_count, page_count] = NUMBERS.map(|name| match get(name) {
            Some(Scalar::Count(count)) => Some(*count),
            _ => None,
        });
        let has_next_page = match get("has_next_page") {
            Some(Scalar::Bool(says)) => Some(*says),
            _ => None,
        };
        Some(Self { page: page?, take: take?, item_count: item_count?, page_count: page_count?, has_next_page })
    }

    /// Whether another page follows by its numbers.
    pub(super) fn has_more(&self) -> bool {
        self.page < self.page_count
    }
}

/// The fields that [`Pagination`] reads.
pub(super) const KNOWN: [&[&str]; 10] = [
    &["pagination", "page"],
    &["pagination", "take"],
    &["pagination", "item_count"],
    &["pagination", "page_count"],
    &["pagination", "has_next_page"],
    &["data", "pagination", "page"],
    &["data", "pagination", "take"],
    &["data", "pagination", "item_count"],
    &["data", "pagination", "page_count"],
    &["data", "pagination", "has_next_page"],
];

/// One listed row. What only a direct row must have is optional here, so that an odd inherited row stops nothing. Names are shown and
/// decide nothing, so an odd one is none.
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
    #[serde(borrow, default, deserialize_with = "loose")]
    pub name: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "loose")]
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
    #[serde(borrow, default, deserialize_with = "loose")]
    pub name: Option<Text<'a>>,
}

/// The assignment of a listed row.
#[derive(Deserialize)]
pub(super) struct Listed<'a> {
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    pub source_node_id: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "loose")]
    pub source_node_name: Option<Text<'a>>,
    pub access_type: Text<'a>,
    pub effective_from: Option<Text<'a>>,
    pub effective_to: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "loose")]
    pub status: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "loose")]
    pub created_at: Option<Text<'a>>,
}

/// A single assignment, as the answer to a create or an update.
#[derive(Deserialize)]
pub(super) struct Assigned {
    pub id: String,
    pub identity_id: String,
    pub application_node_id: String,
    pub role_id: String,
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

/// The answer of a bulk create. Its summary is not read: the results say more, and say it per entry.
#[derive(Deserialize)]
pub(super) struct BulkAnswer {
    pub results: Vec<BulkResult>,
}

/// How one entry of a bulk create ended.
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
        let page = |body: Value| {
            let text = body.to_string();
            Pagination::of(&crate::provider::scan::list(text.as_bytes(), &ITEMS, |_| ()).unwrap())
        };
        let listed = |pagination: Value| page(json!({"items": [], "pagination": pagination}));
        let whole = json!({"page": 1, "take": 20, "item_count": 0, "page_count": 0, "has_next_page": false});
        assert_eq!(listed(whole.clone()).unwrap().has_next_page, Some(false));
        assert_eq!(page(json!({"data": {"items": [], "pagination": whole}})).unwrap().take, 20);
        assert!(page(json!({"data": {"items": []}, "pagination": whole})).is_none());
        assert!(listed(json!({"page": 1, "take": 20, "item_count": "0", "page_count": 0})).is_none());
        assert!(listed(json!({"page": 1, "take": 20, "item_count": -1, "page_count": 0})).is_none());
        assert!(listed(json!({"page": 1, "take": 20})).is_none());
        assert!(page(json!({"items": {}, "pagination": {}})).is_none());
    }

    #[test]
    fn absent_dates_are_not_sent() {
        let new = New { identity_id: "i", node_id: "n", role_id: "r", effective_from: None, effective_to: None };
        assert_eq!(serde_json::to_value(&new).unwrap(), json!({"identity_id": "i", "node_id": "n", "role_id": "r"}));
    }
}
