//! What Streamline says and hears: assignments, lists in each of their shapes, error bodies, and the body of a PUT.
//!
//! Unknown fields are tolerated, other types are not: an assignment that is half understood would be planned wrongly.
//! Messages made here hold the API's texts as they came; who holds the answer cleans and redacts them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use crate::model::{Action, Change, Fields, Value};
use crate::provider::part;

/// Where a list may hold its array (apis/streamline.md: Reading, \[assumed\]).
const ARRAYS: [&str; 3] = ["assignments", "items", "data"];

/// `active` runs, `archived` is history (apis/streamline.md: Upsert by key).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    #[default]
    Active,
    Archived,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Archived => "archived",
        }
    }
}

/// An assignment object as it travels.
#[derive(Deserialize)]
struct Row {
    assignment_id: Option<String>,
    assignment_key: Option<String>,
    model_id: Option<String>,
    model_version: Option<String>,
    status: Option<Status>,
    role: Option<String>,
    settings: Option<Map<String, Json>>,
    metadata: Option<Map<String, Json>>,
}

/// One revision of an assignment.
#[derive(Debug, Clone)]
pub(super) struct Assignment {
    /// `assignment_id`: the unique id of this revision.
    pub(super) revision: Box<str>,
    /// `assignment_key`, where the answer has it.
    pub(super) key: Option<Box<str>>,
    pub(super) status: Status,
    /// `model_id`, `model_version`, `role`, `settings`, `metadata`; what is not there is [`Value::Null`].
    pub(super) fields: Fields,
}

/// Decodes an assignment object.
pub(super) fn assignment(raw: &RawValue) -> Result<Assignment, String> {
    let named = |problem: String| format!("{}: {problem}", row_name(raw));
    let row: Row = serde_json::from_str(raw.get()).map_err(|error| named(error.to_string()))?;
    let status = row.status.unwrap_or_default();
    let revision = filled("assignment_id", row.assignment_id).map_err(named)?;
    let text = |field, value: Option<String>| match (status, value) {
        // History is never compared or sent: it may lack what an active revision must have.
        (Status::Archived, value) => Ok(value.unwrap_or_default()),
        (Status::Active, value) => filled(field, value).map_err(named),
    };
    let fields = Fields::new(vec![
        ("model_id", Value::Text(text("model_id", row.model_id)?.into())),
        ("model_version", Value::Text(text("model_version", row.model_version)?.into())),
        ("role", row.role.map_or(Value::Null, |role| Value::Text(role.into()))),
        ("settings", map_value(row.settings)),
        ("metadata", map_value(row.metadata)),
    ]);
    Ok(Assignment { revision: revision.into(), key: row.assignment_key.map(Into::into), status, fields })
}

fn filled(field: &str, value: Option<String>) -> Result<String, String> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| format!("`{field}` is missing or empty"))
}

/// Absent, `null` and `{}` all mean that there is nothing (\[assumed\], like everything about omitted fields).
fn map_value(map: Option<Map<String, Json>>) -> Value {
    match map {
        Some(map) if !map.is_empty() => Value::Json(Box::new(Json::Object(map))),
        _ => Value::Null,
    }
}

/// How an error calls a row that it cannot decode.
fn row_name(raw: &RawValue) -> String {
    let json: Json = serde_json::from_str(raw.get()).unwrap_or_default();
    for field in ["assignment_key", "assignment_id"] {
        if let Some(text) = json.get(field).and_then(Json::as_str) {
            return format!("the assignment with {field} `{text}`");
        }
    }
    format!("an assignment without key and id ({raw})")
}

/// A list answer: its rows, and why it may be only a part of them.
#[derive(Debug)]
pub(super) struct List<'a> {
    pub(super) rows: Vec<&'a RawValue>,
    pub(super) gap: Option<String>,
}

/// An object whose values are not looked into yet.
type Object<'a> = BTreeMap<String, &'a RawValue>;

/// Finds the rows in a list answer of any of the contract's shapes, or where `pointer` says.
pub(super) fn list<'a>(body: &'a RawValue, pointer: Option<&str>) -> Result<List<'a>, String> {
    let object = object(body);
    let rows = match (pointer, &object) {
        (Some(pointer), _) => at(body, pointer)
            .and_then(array)
            .ok_or_else(|| format!("there is no array at `{pointer}`, where the target's list_pointer says it is"))?,
        (None, Some(object)) => wrapped(object)?,
        (None, None) => array(body).ok_or("the answer is neither an array nor an object")?,
    };
    let gap = object.and_then(|object| part::by_fields(&beside(object), rows.len()));
    Ok(List { rows, gap })
}

fn object(raw: &RawValue) -> Option<Object<'_>> {
    serde_json::from_str(raw.get()).ok()
}

fn array(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// What a JSON Pointer (RFC 6901) points at.
fn at<'a>(body: &'a RawValue, pointer: &str) -> Option<&'a RawValue> {
    let Some(path) = pointer.strip_prefix('/') else { return pointer.is_empty().then_some(body) };
    path.split('/').try_fold(body, |value, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        match object(value) {
            Some(mut object) => object.remove(&step),
            None => array(value)?.get(step.parse::<usize>().ok()?).copied(),
        }
    })
}

/// The plain values of an answer; of arrays and objects only that they are there.
fn beside(object: Object<'_>) -> Map<String, Json> {
    let plain = |raw: &RawValue| match raw.get().as_bytes().first() {
        Some(b'[') => Json::Array(Vec::new()),
        Some(b'{') => Json::Object(Map::new()),
        _ => serde_json::from_str(raw.get()).unwrap_or_default(),
    };
    object.into_iter().map(|(name, raw)| (name, plain(raw))).collect()
}

fn wrapped<'a>(object: &Object<'a>) -> Result<Vec<&'a RawValue>, String> {
    let mut found = None;
    for name in ARRAYS {
        if let Some(rows) = object.get(name).and_then(|raw| array(raw)) {
            if let Some((first, _)) = found {
                return Err(format!(
                    "the answer has arrays under both `{first}` and `{name}`; say which with the target's list_pointer"
                ));
            }
            found = Some((name, rows));
        }
    }
    found.map(|(_, rows)| rows).ok_or_else(|| {
        "the answer has no array under `assignments`, `items` or `data`; say where it is with the target's list_pointer"
            .to_owned()
    })
}

/// What an error body says: `message`, and every blocking service of a 422 in full (apis/streamline.md: Domain scope).
/// `message` may be cut by `clean`; the services are only made fit to be shown by `show`.
pub(super) fn says(body: &[u8], clean: impl Fn(&str) -> String, show: impl Fn(&str) -> String) -> Option<String> {
    let body: Json = serde_json::from_slice(body).ok()?;
    let message = body.get("message").and_then(Json::as_str).map(clean);
    let blocking = match body.get("blocking_services") {
        None | Some(Json::Null) => None,
        Some(Json::Array(services)) => {
            let each: Vec<String> = services.iter().map(|service| show(&service_text(service))).collect();
            Some(format!("blocking services ({}): {}", each.len(), each.join(", ")))
        }
        Some(other) => Some(format!("blocking services: {}", show(&other.to_string()))),
    };
    let parts: Vec<String> = message.into_iter().chain(blocking).filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// One blocking service, whole: its form is not documented beyond being in a list.
fn service_text(service: &Json) -> String {
    service.as_str().map_or_else(|| service.to_string(), str::to_owned)
}

/// The whole assignment that a change sends (apis/streamline.md: Omitted fields on PUT).
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) status: Status,
    /// What is declared, and the live values of what is not.
    fields: Vec<(&'static str, Value)>,
}

impl Sent {
    /// Puts the assignment together; the error says what is missing.
    pub(super) fn of(change: &Change) -> Result<Self, String> {
        let live = change.live.as_ref().map(|live| &live.fields);
        if change.action == Action::Remove && live.is_none() {
            return Err("the live assignment that is to be archived is not known; plan again".to_owned());
        }
        let mut fields = Vec::with_capacity(5);
        for name in ["model_id", "model_version", "role", "settings", "metadata"] {
            let declared = if change.action == Action::Remove { None } else { change.desired.get(name) };
            match (declared, live.and_then(|live| live.get(name))) {
                (Some(value), _) => fields.push((name, value.clone())),
                // Nothing there and nothing declared: whether an omitted field keeps or loses its value makes no difference.
                (None, Some(value)) if !value.is_null() => fields.push((name, value.clone())),
                (None, _) => {}
            }
        }
        let status = if change.action == Action::Remove { Status::Archived } else { Status::Active };
        let sent = Self { status, fields };
        for name in ["model_id", "model_version"] {
            if sent.text(name).is_empty() {
                return Err(format!("`{name}` is neither declared nor live, and the API requires it"));
            }
        }
        Ok(sent)
    }

    /// One of the required texts.
    pub(super) fn text(&self, name: &str) -> &str {
        match self.fields.iter().find(|(field, _)| *field == name) {
            Some((_, Value::Text(text))) => text,
            _ => "",
        }
    }

    /// The request's body. `assignment_key` belongs in it on collection POST routes only (apis/streamline.md: Upsert by key).
    pub(super) fn body(&self, key: Option<&str>) -> Json {
        let mut body = Map::new();
        if let Some(key) = key {
            body.insert("assignment_key".to_owned(), json!(key));
        }
        body.insert("status".to_owned(), json!(self.status.as_str()));
        for (name, value) in &self.fields {
            body.insert((*name).to_owned(), sent_value(name, value));
        }
        Json::Object(body)
    }

    /// The first field that an answer shows otherwise than it was sent. A field that it does not show contradicts nothing, nor does an
    /// archived revision, which may leave its fields out.
    pub(super) fn contradiction(&self, body: &RawValue) -> Option<&'static str> {
        let shown = object(body)?;
        let live = assignment(body).ok().filter(|row| row.status == Status::Active)?;
        let is_other = |(name, value): &&(&'static str, Value)| {
            shown.contains_key(*name) && !live.fields.get(name).unwrap_or(&Value::Null).same(&tidy(value))
        };
        self.fields.iter().find(is_other).map(|(name, _)| *name)
    }

    /// Whether an active revision is what this sends.
    pub(super) fn is(&self, live: &Fields) -> bool {
        self.status == Status::Active
            && self.fields.iter().all(|(name, value)| live.get(name).unwrap_or(&Value::Null).same(&tidy(value)))
    }
}

/// A value as a live one would be normalised: an empty object is nothing.
fn tidy(value: &Value) -> Value {
    match value {
        Value::Json(json) if json.as_object().is_some_and(Map::is_empty) => Value::Null,
        other => other.clone(),
    }
}

fn sent_value(name: &str, value: &Value) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Json(json) => json.as_ref().clone(),
        // `role` is a string or null; `settings` and `metadata` are objects, so they are cleared with an empty one.
        _ if name == "role" => Json::Null,
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::{Key, Live};

    fn raw(json: &Json) -> Box<RawValue> {
        serde_json::value::to_raw_value(json).unwrap()
    }

    fn assignment(json: Json) -> Result<Assignment, String> {
        super::assignment(&raw(&json))
    }

    fn row() -> Json {
        json!({"assignment_id": "rev-1", "assignment_key": "default", "model_id": "m", "model_version": "2.1.0",
               "status": "active", "role": "primary", "settings": {"a": 1}, "metadata": {}, "unknown": [1]})
    }

    fn with(name: &str, value: Json) -> Json {
        let mut row = row();
        row[name] = value;
        row
    }

    fn without(name: &str) -> Json {
        let mut row = row();
        row.as_object_mut().unwrap().remove(name);
        row
    }

    #[test]
    fn an_assignment_is_decoded_with_its_revision_and_normalised_fields() {
        let got = assignment(row()).unwrap();
        assert_eq!((&*got.revision, got.key.as_deref(), got.status), ("rev-1", Some("default"), Status::Active));
        assert!(got.fields.get("role").unwrap().same(&Value::Text("primary".into())));
        assert!(got.fields.get("settings").unwrap().same(&Value::Json(Box::new(json!({"a": 1.0})))));
        assert!(matches!(got.fields.get("metadata"), Some(Value::Null)));
        let bare = assignment(json!({"assignment_id": "r", "model_id": "m", "model_version": "1"})).unwrap();
        assert_eq!((bare.key, bare.status), (None, Status::Active), "status defaults to active");
        assert!(matches!(bare.fields.get("role"), Some(Value::Null)));
    }

    #[test]
    fn a_row_that_is_not_understood_is_named() {
        for (row, why) in [
            (with("model_version", json!(2.1)), "invalid type: floating point"),
            (with("status", json!("paused")), "unknown variant `paused`"),
            (with("settings", json!([1])), "invalid type: sequence"),
            (with("role", json!(7)), "invalid type: integer"),
            (without("assignment_id"), "`assignment_id` is missing or empty"),
            (with("assignment_id", json!("")), "`assignment_id` is missing or empty"),
            (without("model_id"), "`model_id` is missing or empty"),
            (with("model_version", Json::Null), "`model_version` is missing or empty"),
        ] {
            let message = assignment(row).unwrap_err();
            assert!(message.starts_with("the assignment with assignment_key `default`: "), "{message}");
            assert!(message.contains(why), "{message}");
        }
        let message = assignment(json!({"assignment_id": "r", "role": 7})).unwrap_err();
        assert!(message.starts_with("the assignment with assignment_id `r`: "), "{message}");
        let message = assignment(json!("text")).unwrap_err();
        assert!(message.contains(r#"without key and id ("text")"#), "{message}");
    }

    #[test]
    fn history_may_lack_what_an_active_revision_must_have() {
        let got = assignment(json!({"assignment_id": "r", "assignment_key": "k", "status": "archived"})).unwrap();
        assert_eq!(got.status, Status::Archived);
    }

    #[test]
    fn every_shape_of_a_list_is_read() {
        for body in [
            json!([{"a": 1}]),
            json!({"assignments": [{"a": 1}]}),
            json!({"items": [{"a": 1}], "total": 1}),
            json!({"data": [{"a": 1}], "next_cursor": null, "has_more": false, "next": ""}),
        ] {
            let body = raw(&body);
            let list = list(&body, None).unwrap();
            assert_eq!(shown(&list), [r#"{"a":1}"#]);
            assert_eq!(list.gap, None);
        }
        for (body, pointer, rows) in [
            (json!({"result": {"rows": [1]}, "data": []}), "/result/rows", "1"),
            (json!([2]), "", "2"),
            (json!({"a/b": [{"~": [3]}]}), "/a~1b/0/~0", "3"),
        ] {
            assert_eq!(shown(&list(&raw(&body), Some(pointer)).unwrap()), [rows]);
        }
    }

    fn shown<'a>(list: &List<'a>) -> Vec<&'a str> {
        list.rows.iter().map(|row| row.get()).collect()
    }

    #[test]
    fn other_shapes_are_errors_that_name_the_option() {
        for (body, pointer) in [
            (json!({"rows": []}), None),
            (json!({"data": {"rows": []}}), None),
            (json!({"data": [], "items": []}), None),
            (json!({"data": []}), Some("/rows")),
            (json!({"data": {}}), Some("/data")),
        ] {
            let message = list(&raw(&body), pointer).unwrap_err();
            assert!(message.contains("list_pointer"), "{message}");
        }
        assert!(list(&raw(&json!("x")), None).is_err());
        assert!(list(&raw(&json!(null)), None).is_err());
    }

    #[test]
    fn a_list_that_may_be_a_part_says_so() {
        for body in [
            json!({"items": [], "next": "/more"}),
            json!({"items": [], "has_more": true}),
            json!({"items": [], "next_page": 2}),
            json!({"items": [1], "total": 2}),
        ] {
            assert!(list(&raw(&body), None).unwrap().gap.is_some(), "{body}");
        }
    }

    fn said(body: &Json) -> Option<String> {
        says(&serde_json::to_vec(body).unwrap(), |text| text.chars().take(12).collect(), str::to_owned)
    }

    #[test]
    fn a_refusal_tells_every_blocking_service_whole() {
        let many: Vec<String> = (0..500).map(|n| format!("service-{n}")).collect();
        let body = json!({"success": false, "message": "incompatible, very", "blocking_services": many});
        let text = said(&body).unwrap();
        assert!(text.starts_with("incompatible; blocking services (500): service-0, service-1, "), "{text}");
        assert!(text.ends_with("service-499"), "{text}");
        let objects = json!({"blocking_services": [{"service_id": "s", "reason": "contract"}]});
        assert_eq!(said(&objects).unwrap(), r#"blocking services (1): {"reason":"contract","service_id":"s"}"#);
        assert_eq!(said(&json!({"blocking_services": {"s": 1}})).unwrap(), r#"blocking services: {"s":1}"#);
        assert_eq!(said(&json!({"message": ""})), None);
        assert_eq!(said(&json!([])), None);
        assert_eq!(says(b"<html>", str::to_owned, str::to_owned), None);
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn change(action: Action, desired: Vec<(&'static str, Value)>, live: Option<Json>) -> Change {
        let live =
            live.map(|row| Live { key: Key::default(), id: None, fields: assignment(row).unwrap().fields, info: None });
        Change { action, key: Key::default(), from_key: None, live, desired: Fields::new(desired), differs: vec![] }
    }

    #[test]
    fn a_create_sends_what_is_declared_and_nothing_else() {
        let desired = vec![("model_id", text("m")), ("model_version", text("2.10")), ("role", Value::Null)];
        let sent = Sent::of(&change(Action::Create, desired, None)).unwrap();
        assert_eq!(
            sent.body(None),
            json!({"model_id": "m", "model_version": "2.10", "role": null, "status": "active"})
        );
        assert_eq!(sent.body(Some("k"))["assignment_key"], json!("k"));
    }

    #[test]
    fn an_update_sends_the_live_values_of_what_is_not_declared() {
        let desired = vec![("model_version", text("3")), ("settings", Value::Null)];
        let live = with("metadata", json!({"owner": "x"}));
        let sent = Sent::of(&change(Action::Update, desired, Some(live))).unwrap();
        let body = json!({"model_id": "m", "model_version": "3", "role": "primary", "status": "active",
                          "settings": {}, "metadata": {"owner": "x"}});
        assert_eq!(sent.body(None), body);
    }

    #[test]
    fn an_archive_sends_the_whole_live_assignment() {
        let sent = Sent::of(&change(Action::Remove, vec![("role", text("other"))], Some(row()))).unwrap();
        let body = json!({"model_id": "m", "model_version": "2.1.0", "role": "primary", "status": "archived",
                          "settings": {"a": 1}});
        assert_eq!(sent.body(None), body);
        assert!(Sent::of(&change(Action::Remove, vec![], None)).is_err());
    }

    #[test]
    fn a_change_without_a_model_is_not_sent() {
        let message = Sent::of(&change(Action::Create, vec![("model_id", text("m"))], None)).unwrap_err();
        assert!(message.contains("model_version"), "{message}");
    }

    #[test]
    fn what_was_sent_is_recognised_and_nothing_else_is() {
        let desired = vec![
            ("model_id", text("m")),
            ("model_version", text("2.1.0")),
            ("settings", Value::Json(Box::new(json!({"a": 1.0})))),
            ("metadata", Value::Json(Box::new(json!({})))),
        ];
        let sent = Sent::of(&change(Action::Create, desired, None)).unwrap();
        assert!(sent.is(&assignment(row()).unwrap().fields));
        for (name, value) in [
            ("model_id", json!("n")),
            ("model_version", json!("2.1")),
            ("settings", json!({"a": 2})),
            ("metadata", json!({"x": 1})),
        ] {
            assert!(!sent.is(&assignment(with(name, value)).unwrap().fields), "{name}");
        }
        let archive = Sent::of(&change(Action::Remove, vec![], Some(row()))).unwrap();
        assert!(!archive.is(&assignment(row()).unwrap().fields), "what is active is not archived");
    }
}
