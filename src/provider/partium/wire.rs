//! What Partium says and hears: pairs, list queries and pages, batch answers, error bodies.
//!
//! Unknown fields are tolerated, other types are not. Messages made here hold the API's texts as they came; who holds
//! the answer cleans and redacts them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// An assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pair<T = String> {
    pub(super) ass_id: T,
    pub(super) org_id: T,
}

/// The body of a list request.
#[derive(Serialize)]
pub(super) struct List<'a> {
    pub(super) query: Query<'a>,
    pub(super) paging: Paging<'a>,
}

/// The filters. What an empty one means is not stated, so none is ever sent (apis/partium.md: List).
#[derive(Serialize)]
pub(super) struct Query<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) ass_ids: &'a [Box<str>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) org_ids: &'a [Box<str>],
}

/// Where the page begins and how long it may be.
#[derive(Serialize)]
pub(super) struct Paging<'a> {
    pub(super) limit: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_object_id: Option<&'a str>,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) result: Vec<Pair>,
    pub(super) last_object_id: Option<String>,
    pub(super) more_data: bool,
}

/// Which row of a page that cannot be decoded is to blame, and why.
pub(super) fn bad_row(body: &[u8]) -> Option<String> {
    let page: Json = serde_json::from_slice(body).ok()?;
    page.get("result")?.as_array()?.iter().enumerate().find_map(|(index, row)| {
        let error = Pair::<String>::deserialize(row).err()?;
        Some(format!("row {index} of the page, {row}, cannot be understood ({error})"))
    })
}

/// How one entry of a batch ended (apis/partium.md: Create, in batch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// Its index is in `created`.
    Created,
    /// Its index is in neither list: the pair existed before.
    Existed,
    /// Its index is in `errors`, with this description.
    Refused(String),
    /// The answer's `errors` speak of the batch as a whole, as told.
    BatchRefused(String),
    /// The answer does not say, or says two things.
    Unclear(&'static str),
}

#[derive(Deserialize)]
struct Created {
    created: Vec<usize>,
    errors: Option<BTreeMap<String, Json>>,
}

/// Whether an answer tells of entries: `errors` is a map whose keys are indices or descriptions, as the contract knows it, and nothing
/// else denies the success.
pub(super) fn answers_by_entry(body: &[u8]) -> bool {
    let Ok(Json::Object(mut answer)) = serde_json::from_slice(body) else { return false };
    let errors = answer.remove("errors");
    let rest = Json::Object(answer).to_string();
    matches!(errors, Some(Json::Object(_))) && super::super::refusal::denial(rest.as_bytes()).is_none()
}

/// Whether a body is the API's error form: `detail`, and nothing of a create's answer (apis/partium.md: Maintenance).
pub(super) fn is_error(body: &[u8]) -> bool {
    let Ok(Json::Object(answer)) = serde_json::from_slice(body) else { return false };
    answer.contains_key("detail") && !answer.contains_key("created")
}

/// For each of `count` entries of a delete, the error that names it. The contract knows no `errors` of a delete; one that is there is
/// read as that of a create.
pub(super) fn refused_entries(body: &[u8], count: usize) -> Vec<Option<String>> {
    let mut refused = vec![None; count];
    let answer = serde_json::from_slice::<Json>(body).unwrap_or_default();
    for (key, told) in answer.get("errors").and_then(Json::as_object).into_iter().flatten() {
        if let Some(entry) = index(key, count).and_then(|index| refused.get_mut(index)) {
            *entry = Some(description(told));
        }
    }
    refused
}

/// Judges each of `count` entries by itself: a success status can hide a partial failure.
pub(super) fn entries(body: &[u8], count: usize) -> Vec<Entry> {
    let all = |entry: Entry| vec![entry; count];
    let Ok(answer) = serde_json::from_slice::<Created>(body) else {
        return all(Entry::Unclear("the answer is not the `created` and `errors` that the contract knows"));
    };
    if answer.created.iter().any(|index| *index >= count) {
        return all(Entry::Unclear("`created` holds an index that was not sent, so its indices mean something else"));
    }
    let mut entries = match (&answer.errors, whole_batch(answer.errors.as_ref(), count)) {
        (None, _) => all(Entry::Unclear("the answer has no `errors`, so it does not say whether the pair existed")),
        (Some(_), Some(told)) => all(Entry::BatchRefused(told)),
        (Some(_), None) => all(Entry::Existed),
    };
    for (key, told) in answer.errors.iter().flatten() {
        if let Some(entry) = index(key, count).and_then(|index| entries.get_mut(index)) {
            *entry = Entry::Refused(description(told));
        }
    }
    for index in answer.created {
        let entry = &mut entries[index];
        *entry = match entry {
            Entry::Refused(_) => Entry::Unclear("the answer lists the pair both as created and as an error"),
            _ => Entry::Created,
        };
    }
    entries
}

/// The errors whose key is no index that was sent, as they came: they speak of the whole batch (\[assumed\]).
fn whole_batch(errors: Option<&BTreeMap<String, Json>>, count: usize) -> Option<String> {
    let told: Vec<String> = errors?
        .iter()
        .filter(|(key, _)| index(key, count).is_none())
        .map(|(key, value)| format!("{key}: {}", description(value)))
        .collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// A key of `errors` as the index written as text (\[assumed\]): `3`, not `03`, `+3` or `-1`.
fn index(key: &str, count: usize) -> Option<usize> {
    let index: usize = key.parse().ok()?;
    (index < count && index.to_string() == key).then_some(index)
}

fn description(told: &Json) -> String {
    told.as_str().map_or_else(|| told.to_string(), str::to_owned)
}

/// The `detail` of an error body, or its `message`.
pub(super) fn detail(body: &[u8]) -> Option<String> {
    let body: Json = serde_json::from_slice(body).ok()?;
    let told = body.get("detail").or_else(|| body.get("message"))?;
    Some(description(told)).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn judged(body: Json, count: usize) -> Vec<Entry> {
        entries(&serde_json::to_vec(&body).unwrap(), count)
    }

    #[test]
    fn each_index_is_judged_by_itself() {
        let got = judged(json!({"created": [2, 0], "errors": {"1": "not a root assembly", "3": {"code": 7}}}), 5);
        let refused = |text: &str| Entry::Refused(text.to_owned());
        assert_eq!(
            got,
            [Entry::Created, refused("not a root assembly"), Entry::Created, refused(r#"{"code":7}"#), Entry::Existed]
        );
    }

    #[test]
    fn a_key_that_is_no_index_is_an_error_of_the_whole_batch() {
        for key in ["general", "03", "+1", "-1", "3", "", "1.0", " 1"] {
            let got = judged(json!({"created": [0], "errors": {(key): "no", "1": "mine"}}), 3);
            assert_eq!(got[0], Entry::Created, "{key}");
            assert_eq!(got[1], Entry::Refused("mine".to_owned()), "{key}");
            assert_eq!(got[2], Entry::BatchRefused(format!("{key}: no")));
        }
    }

    #[test]
    fn an_answer_that_does_not_say_is_unclear() {
        let unclear = |entry: &Entry| matches!(entry, Entry::Unclear(_));
        for body in [
            json!({}),
            json!([]),
            json!({"errors": {}}),
            json!({"created": [5], "errors": {}}),
            json!({"created": ["0"], "errors": {}}),
            json!({"created": [-1], "errors": {}}),
            json!({"created": [0], "errors": []}),
            json!({"created": {}, "errors": {}}),
        ] {
            assert!(judged(body.clone(), 2).iter().all(unclear), "{body}");
        }
        assert_eq!(entries(b"", 2).len(), 2);
        assert!(entries(b"{\"created\": [0", 1).iter().all(unclear));
        let got = judged(json!({"created": [0]}), 2);
        assert!(got[0] == Entry::Created && unclear(&got[1]), "without `errors`, silence proves nothing");
        let got = judged(json!({"created": [0], "errors": {"0": "no"}}), 1);
        assert!(unclear(&got[0]), "both created and refused");
    }

    #[test]
    fn an_empty_filter_is_never_sent() {
        let orgs = ["o".into()];
        let list =
            List { query: Query { ass_ids: &[], org_ids: &orgs }, paging: Paging { limit: 2, last_object_id: None } };
        assert_eq!(serde_json::to_value(&list).unwrap(), json!({"query": {"org_ids": ["o"]}, "paging": {"limit": 2}}));
        let list = List {
            query: Query { ass_ids: &[], org_ids: &[] },
            paging: Paging { limit: 2, last_object_id: Some("c") },
        };
        assert_eq!(
            serde_json::to_value(&list).unwrap(),
            json!({"query": {}, "paging": {"limit": 2, "last_object_id": "c"}})
        );
    }

    #[test]
    fn a_page_needs_its_rows_and_more_data() {
        let page = |body: Json| serde_json::from_value::<Page>(body);
        let good =
            json!({"result": [{"ass_id": "a", "org_id": "o", "x": 1}], "last_object_id": null, "more_data": false});
        assert_eq!(page(good).unwrap().result.len(), 1);
        assert!(page(json!({"result": [], "last_object_id": "c"})).is_err(), "without more_data nothing is proven");
        assert!(page(json!({"result": [], "more_data": "false"})).is_err());
        assert!(page(json!({"more_data": false})).is_err());
    }

    #[test]
    fn a_bad_row_is_named() {
        let body =
            json!({"result": [{"ass_id": "a", "org_id": "o"}, {"ass_id": "b", "org_id": 7}], "more_data": false});
        let text = bad_row(&serde_json::to_vec(&body).unwrap()).unwrap();
        assert!(text.starts_with(r#"row 1 of the page, {"ass_id":"b","org_id":7}"#), "{text}");
        assert_eq!(bad_row(br#"{"result": []}"#), None);
        assert_eq!(bad_row(b"<html>"), None);
    }

    #[test]
    fn maintenance_tells_its_detail() {
        assert_eq!(
            detail(br#"{"detail": "Catalog manager is in maintenance mode - back soon"}"#).unwrap(),
            "Catalog manager is in maintenance mode - back soon"
        );
        assert_eq!(detail(br#"{"detail": [{"loc": ["body"]}]}"#).unwrap(), r#"[{"loc":["body"]}]"#);
        assert_eq!(detail(b"{}"), None);
    }
}
