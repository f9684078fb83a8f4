//! Signs that a list answer is only a part of its list, where the API documents no pages: should an account have them, the listing must
//! not count as whole.

use serde_json::{Map, Value as Json};

use crate::http::Answer;

/// Fields of a list answer that mean that more follows, without case and underscores.
const SIGNS_OF_MORE: [&str; 8] =
    ["next", "nextcursor", "nextpage", "nextpagetoken", "nexttoken", "hasmore", "hasnextpage", "moredata"];

/// Fields of a list answer that count all of its rows, written alike.
const TOTALS: [&str; 3] = ["total", "totalcount", "count"];

/// Why an answer may be only a part, by the fields beside its rows; `None`: nothing says so.
pub(super) fn by_fields(object: &Map<String, Json>, rows: usize) -> Option<String> {
    object.iter().find_map(|(name, value)| {
        let plain = name.to_lowercase().replace('_', "");
        let says_more = match value {
            Json::Null | Json::Bool(false) => false,
            Json::String(text) => !text.is_empty(),
            _ => true,
        };
        if says_more && SIGNS_OF_MORE.contains(&plain.as_str()) {
            return Some(format!("the list answer has `{name}`, so it may be only a part"));
        }
        let total = value.as_u64().filter(|total| TOTALS.contains(&plain.as_str()) && *total > rows as u64)?;
        Some(format!("the list answer says {name} {total} and holds {rows}"))
    })
}

/// Why an answer may be only a part, by its headers.
pub(super) fn by_link(answer: &Answer) -> Option<String> {
    let why = "the list answer links to a next page, so it may be only a part";
    answer.has_next_page().then(|| why.to_owned())
}
