//! Signs that a list answer is only a part of its list. An account may have pages where the contract documents none, and
//! then the listing must not count as whole.

use super::refusal::clean;
use super::scan::{Beside, Field, Scalar};
use crate::http::Answer;

/// Names that say that more follows where their value is neither empty nor false. They are compared as [`plain`] names.
const MORE: [&str; 18] = [
    "more",
    "cursor",
    "pagetoken",
    "paginationtoken",
    "scrollid",
    "marker",
    "lastevaluatedkey",
    "lastobjectid",
    "partial",
    "ispartial",
    "incomplete",
    "isincomplete",
    "incompleteresults",
    "truncated",
    "istruncated",
    "startafter",
    "startingafter",
    "searchafter",
];

/// Pieces of names that say the same anywhere in a name.
const MORE_PIECES: [&str; 10] = [
    "hasmore",
    "hasnext",
    "moredata",
    "moreresult",
    "morepage",
    "moreavailable",
    "moreitem",
    "morerow",
    "continuation",
    "truncated",
];

/// Names that say that more follows where their value is false.
const ENDS: [&str; 12] = [
    "last",
    "islast",
    "lastpage",
    "islastpage",
    "final",
    "isfinal",
    "complete",
    "iscomplete",
    "done",
    "finished",
    "exhausted",
    "endoflist",
];

/// Names of a number of pages.
const PAGES: [&str; 8] =
    ["pages", "pagecount", "pagescount", "totalpages", "totalpagecount", "numpages", "pagetotal", "lastpage"];

/// Names of the most rows that an answer holds.
const LIMITS: [&str; 8] = ["limit", "pagesize", "perpage", "pagelimit", "take", "maxresults", "top", "rowsperpage"];

/// What an answer is for its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// All of it, as the contract has no pages.
    Whole,
    /// The last of its pages.
    LastPage,
}

/// Why more may follow an answer; `None`: nothing says so. `rows` came in all, and `known` are the paths of fields that the
/// contract documents, which the caller judges itself.
pub(super) fn gap(answer: &Answer, beside: &Beside, rows: u64, known: &[&[&str]], share: Share) -> Option<String> {
    by_fields(beside, rows, known, share).or_else(|| by_headers(answer, rows, share))
}

/// The number of all rows that an answer names, where it names one.
pub(super) fn total(beside: &Beside, known: &[&[&str]]) -> Option<u64> {
    let unknown = beside.fields.iter().filter(|field| !known.iter().any(|path| field.is(path)));
    let totals = unknown.filter(|field| field.path.last().is_some_and(|name| is_total(&plain(name))));
    totals.filter_map(|field| if let Scalar::Count(count) = field.value { Some(count) } else { None }).next()
}

/// Why an answer may be only a part, by the fields beside its rows, at any level.
fn by_fields(beside: &Beside, rows: u64, known: &[&[&str]], share: Share) -> Option<String> {
    if beside.cut {
        return Some("the list answer has more beside its rows than is looked at, so it may be only a part".to_owned());
    }
    let unknown = beside.fields.iter().filter(|field| !known.iter().any(|path| field.is(path)));
    unknown.filter_map(|field| sign(field, rows, share)).next()
}

/// Why an answer may be only a part, by its headers.
fn by_headers(answer: &Answer, rows: u64, share: Share) -> Option<String> {
    if answer.has_next_page() {
        return Some("the list answer links to a next page, so it may be only a part".to_owned());
    }
    answer.paging_headers().iter().find_map(|(name, value)| {
        // `Content-Range: items 0-49/500` (RFC 9110 section 14.4).
        if name.as_ref() == "content-range" {
            let total = value.rsplit('/').next().and_then(|total| total.trim().parse::<u64>().ok());
            return total.filter(|total| *total > rows).map(|total| too_few("content-range", total, rows));
        }
        let name_without_x = name.strip_prefix("x-").unwrap_or(name);
        let value = value.trim().parse().map_or_else(|_| Scalar::Text(value.clone()), Scalar::Count);
        sign(&Field { path: vec![name_without_x.into()], value }, rows, share)
    })
}

fn sign(field: &Field, rows: u64, share: Share) -> Option<String> {
    let names: Vec<String> = field.path.iter().map(|name| plain(name)).collect();
    let name = names.iter().rev().find(|name| !name.bytes().all(|byte| byte.is_ascii_digit())).map_or("", |name| name);
    let shown = || clean(&field.text());
    let is_next_link =
        || name == "rel" && matches!(&field.value, Scalar::Text(rel) if rel.trim().eq_ignore_ascii_case("next"));
    if (says_something(&field.value) && names.iter().any(|name| means_more(name))) || is_next_link() {
        return Some(format!("the list answer has `{}`, so it may be only a part", shown()));
    }
    if ENDS.contains(&name) && says_no(&field.value) {
        return Some(format!("the list answer says that `{}` is false, so it may be only a part", shown()));
    }
    let number = number(&field.value)?;
    if PAGES.contains(&name) && share == Share::Whole {
        return (number > 1.0).then(|| format!("the list answer says {} {number}, so it is only a part", shown()));
    }
    if is_total(name) && number > rows as f64 {
        return Some(format!("the list answer says {} {number} and holds {rows}", shown()));
    }
    let is_full = share == Share::Whole && LIMITS.contains(&name) && number >= 1.0 && rows as f64 >= number;
    is_full.then(|| format!("the list answer holds as many rows as its `{}`, so more may follow", shown()))
}

fn too_few(name: &str, total: u64, rows: u64) -> String {
    format!("the list answer says {name} {total} and holds {rows}")
}

fn means_more(name: &str) -> bool {
    name.starts_with("next")
        || name.ends_with("nextlink")
        || MORE.contains(&name)
        || MORE_PIECES.iter().any(|piece| name.contains(piece))
}

fn is_total(name: &str) -> bool {
    !name.contains("page")
        && (name.starts_with("total") || name.ends_with("total") || name.ends_with("count") || name == "numfound")
}

/// A name in lower case, its letters and digits only.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn says_something(value: &Scalar) -> bool {
    match value {
        Scalar::Null => false,
        Scalar::Bool(value) => *value,
        Scalar::Count(count) => *count > 0,
        Scalar::Number(number) => *number > 0.0,
        Scalar::Text(text) => {
            !matches!(text.trim().to_lowercase().as_str(), "" | "false" | "0" | "no" | "null" | "none")
        }
    }
}

fn says_no(value: &Scalar) -> bool {
    match value {
        Scalar::Bool(value) => !value,
        Scalar::Text(text) => text.trim().eq_ignore_ascii_case("false"),
        _ => false,
    }
}

fn number(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Count(count) => Some(*count as f64),
        Scalar::Number(number) => Some(*number),
        Scalar::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::provider::scan;
    use serde_json::{Value as Json, json};

    fn gap_of(body: &Json) -> Option<String> {
        let text = body.to_string();
        let mut rows = 0;
        let beside = scan::list(text.as_bytes(), &[&["rows"], &["data", "rows"]], |_| rows += 1).unwrap();
        by_fields(&beside, rows, &[], Share::Whole)
    }

    #[test]
    fn every_sign_of_more_is_found_at_any_level() {
        let signs = [
            json!({"nextCursor": "c"}),
            json!({"next_cursor": 7}),
            json!({"next": "/page/2"}),
            json!({"next": {"href": "/page/2"}}),
            json!({"links": {"next": "https://api.example/2"}}),
            json!({"_links": {"self": {"href": "/"}, "next": {"href": "/2"}}}),
            json!({"links": [{"rel": "self", "href": "/"}, {"rel": "next", "href": "/2"}]}),
            json!({"@odata.nextLink": "/2"}),
            json!({"nextPageToken": "t"}),
            json!({"NextToken": "t"}),
            json!({"has_more": true}),
            json!({"hasMore": "true"}),
            json!({"has_next_page": true}),
            json!({"pageInfo": {"hasNextPage": true, "endCursor": "x"}}),
            json!({"more_data": true}),
            json!({"more": 1}),
            json!({"cursor": "c"}),
            json!({"isTruncated": true}),
            json!({"continuationToken": "t"}),
            json!({"last": false}),
            json!({"is_last_page": "false"}),
            json!({"complete": false}),
            json!({"total": 3}),
            json!({"totalCount": 3.0}),
            json!({"item_count": "3"}),
            json!({"meta": {"pagination": {"total_items": 3}}}),
            json!({"count": 3}),
            json!({"page_count": 2}),
            json!({"totalPages": 2}),
            json!({"limit": 2, "offset": 0}),
            json!({"per_page": 2}),
        ];
        for sign in signs {
            let mut top = sign.clone();
            top["rows"] = json!([1, 2]);
            let inner = json!({"data": {"rows": [1, 2], "meta": sign}});
            let beside = json!({"data": {"rows": [1, 2]}, "meta": {"deeper": [sign]}});
            for body in [top, inner, beside] {
                assert!(gap_of(&body).is_some(), "{body}");
            }
        }
    }

    #[test]
    fn what_ends_a_list_or_speaks_of_something_else_is_no_sign() {
        for body in [
            json!({}),
            json!({"next": null, "nextCursor": "", "has_more": false, "more_data": 0, "hasNextPage": "false"}),
            json!({"next": {"href": null}, "links": [{"rel": "self"}], "pageInfo": {"hasNextPage": false, "endCursor": "c"}}),
            json!({"total": 2, "count": 2, "item_count": 0, "totalPages": 1, "page": 1, "page_count": 1}),
            json!({"last": true, "complete": true, "limit": 50, "offset": 0}),
            json!({"ok": true, "requestId": "next", "text": "has more"}),
        ] {
            let mut body = body;
            body["rows"] = json!([{"next": "x", "total": 9, "has_more": true}, 2]);
            assert_eq!(gap_of(&body), None, "{body}");
        }
    }

    #[test]
    fn a_field_that_the_contract_documents_is_left_to_the_caller() {
        let text = json!({"rows": [1], "more_data": true}).to_string();
        let beside = scan::list(text.as_bytes(), &[&["rows"]], |_| ()).unwrap();
        assert!(by_fields(&beside, 1, &[], Share::Whole).is_some());
        assert_eq!(by_fields(&beside, 1, &[&["more_data"]], Share::Whole), None);
    }
}
