//! From the model back to manifests: documents that the loader reads as what was given. Built from the same tables as the loader, so
//! that a new provider's documents need nothing here.
//!
//! Values are written as JSON, which YAML reads as it stands: no id, version or text can be taken for another type.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::Kind;
use super::common::API_VERSION;
use super::shape::{Field, Rule, Shape, Type};
use crate::model::{Auth, Endpoint, Fields, Ids, Key, Limits, Mode, PartScope, Scope, SecretRef, Target, Value};

/// A set to write.
#[derive(Debug, Clone, Copy)]
pub struct SetText<'a> {
    /// The provider's tables.
    pub kind: &'static Kind,
    /// The table of ids.
    pub ids: &'a Ids,
    /// `metadata.name`.
    pub name: &'a str,
    /// The target's name.
    pub target: &'a str,
    /// How far its authority goes.
    pub mode: Mode,
    /// Its scope; where the address is the scope, one value a part.
    pub scope: Option<&'a Scope>,
    /// Losses and updates to expect; none where zero.
    pub expect: (u64, u64),
    /// Each assignment with a comment above it, empty for none.
    pub rows: &'a [(Key, &'a Fields, String)],
}

/// A set's document.
pub fn set(set: &SetText<'_>) -> String {
    let mut text = head(set.kind.name, set.name, &[]);
    line(&mut text, "target", &json!(set.target));
    line(&mut text, "mode", &json!(set.mode.as_str()));
    let (removes, updates) = set.expect;
    let expect: Map<String, Json> = [("removes", removes), ("updates", updates)]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name.to_owned(), json!(count)))
        .collect();
    if !expect.is_empty() {
        line(&mut text, "expect", &Json::Object(expect));
    }
    for (name, value) in scope_fields(set) {
        line(&mut text, name, &value);
    }
    if set.rows.is_empty() {
        line(&mut text, "assignments", &json!([]));
        return text;
    }
    text.push_str("  assignments:\n");
    for (key, fields, comment) in set.rows {
        if !comment.is_empty() {
            text.push_str(&self::comment(comment, "    "));
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    - {}", plain(&Json::Object(assignment(set, key, fields))));
    }
    text
}

/// A target's document. Secrets are references, as everywhere.
pub fn target(kind: &Kind, target: &Target) -> String {
    let mut text = head("Target", &target.name, &target.labels);
    line(&mut text, "provider", &json!(target.provider));
    match &target.endpoint {
        Endpoint::Vendor => {}
        Endpoint::Sandbox => line(&mut text, "endpoint", &json!("sandbox")),
        Endpoint::Url(url) => line(&mut text, "endpoint", &json!(url)),
    }
    if let Some(auth) = &target.auth {
        line(&mut text, "auth", &auth_json(auth));
    }
    if target.limits != kind.limits {
        line(&mut text, "limits", &limits_json(&target.limits));
    }
    // What a policy added is no field of a manifest.
    for (name, value) in target.options.iter().filter(|(name, _)| kind.target.field(name).is_some()) {
        line(&mut text, name, &value_json(value));
    }
    text
}

/// Text as comment lines.
pub fn comment(text: &str, indent: &str) -> String {
    let mut lines = String::new();
    for one in text.split('\n') {
        // What is no printable character would end the comment or hide in it.
        let clean: String = one.chars().map(|c| if is_plain(c) { c } else { '\u{fffd}' }).collect();
        let _ = writeln!(lines, "{}", format!("{indent}# {clean}").trim_end());
    }
    lines
}

fn head(kind: &str, name: &str, labels: &[(String, String)]) -> String {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(name));
    if !labels.is_empty() {
        let labels: Map<String, Json> = labels.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        metadata.insert("labels".to_owned(), Json::Object(labels));
    }
    format!("---\napiVersion: {API_VERSION}\nkind: {kind}\nmetadata: {}\nspec:\n", plain(&Json::Object(metadata)))
}

fn line(text: &mut String, name: &str, value: &Json) {
    let _ = writeln!(text, "  {name}: {}", plain(value));
}

/// JSON in which every character may stand in a YAML file.
fn plain(value: &Json) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        match u32::from(c) {
            _ if is_plain(c) => text.push(c),
            code @ 0..=0xffff => {
                let _ = write!(text, "\\u{code:04x}");
            }
            code => {
                let _ = write!(text, "\\U{code:08x}");
            }
        }
    }
    text
}

fn is_plain(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// The fields of the address, or `scope`.
fn scope_fields(set: &SetText<'_>) -> Vec<(&'static str, Json)> {
    let Some(scope) = set.scope else { return Vec::new() };
    let ids = |part: usize| match scope.parts.get(part) {
        Some(PartScope::In(ids)) => {
            let mut texts: Vec<String> = ids.iter().map(|id| set.ids.text(*id).to_string()).collect();
            texts.sort_unstable();
            texts
        }
        _ => Vec::new(),
    };
    let address = set.kind.set.fields().filter(|field| matches!(field.ty, Type::Id));
    let mut fields: Vec<(&'static str, Json)> = address
        .filter_map(|field| Some((field.name, json!(ids(field.part?).into_iter().find(|id| !id.is_empty())?))))
        .collect();
    if let Some((_, Field { ty: Type::Scope(shape), .. })) = set.kind.set.field("scope") {
        let by_id = shape.fields().filter(|field| field.named.is_none());
        let lists = by_id.filter_map(|field| Some((field.name.to_owned(), ids(field.part?))));
        let lists: Map<String, Json> =
            lists.filter(|(_, ids)| !ids.is_empty()).map(|(name, ids)| (name, json!(ids))).collect();
        fields.push(("scope", if lists.is_empty() { json!("all") } else { Json::Object(lists) }));
    }
    fields
}

/// The shape of a kind's assignments.
fn assignment_shape(kind: &Kind) -> Option<&'static Shape> {
    match kind.set.field("assignments") {
        Some((_, Field { ty: Type::Objects(shape), .. })) => Some(shape),
        _ => None,
    }
}

fn assignment(set: &SetText<'_>, key: &Key, fields: &Fields) -> Map<String, Json> {
    let mut entry = Map::new();
    if let Some(shape) = assignment_shape(set.kind) {
        for part in 0..set.kind.capabilities.key_fields.len() {
            let id = set.ids.text(key.part(part));
            if let Some(name) = key_field(set, shape, key, part).filter(|_| !id.is_empty()) {
                entry.insert(name.to_owned(), json!(&*id));
            }
        }
    }
    entry.extend(fields.iter().map(|(name, value)| (name.to_owned(), value_json(value))));
    entry
}

/// The field that gives a part of the key. Where there are several, another field decides (Semaphor's actor by its `scopeType`).
fn key_field(set: &SetText<'_>, shape: &'static Shape, key: &Key, part: usize) -> Option<&'static str> {
    let single = |field: &&'static Field| field.gives(part) && !matches!(field.ty, Type::Ids);
    let candidates: Vec<&'static str> = shape.fields().filter(single).map(|field| field.name).collect();
    if candidates.len() < 2 {
        return candidates.first().copied();
    }
    shape.rules.iter().find_map(|rule| {
        let Rule::Case { field, cases, .. } = rule else { return None };
        let decided = set.ids.text(key.part(shape.field(field)?.1.part?));
        let case = cases.iter().find(|case| case.value == &*decided)?;
        case.groups.iter().flat_map(|group| group.iter()).copied().find(|name| candidates.contains(name))
    })
}

fn value_json(value: &Value) -> Json {
    match value {
        // A masked value is no value; whoever writes documents says so in a comment.
        Value::Null | Value::Masked(_) => Json::Null,
        Value::Text(text) => json!(text),
        Value::Instant(instant) => json!(instant.to_string()),
        Value::Json(json) => (**json).clone(),
        Value::Secrets(map) => map.iter().map(|(key, at)| (key.to_string(), reference(at))).collect(),
    }
}

fn reference(at: &SecretRef) -> Json {
    match at {
        SecretRef::Env(name) => json!({ "env": name }),
        SecretRef::File(path) => json!({ "file": path }),
    }
}

fn auth_json(auth: &Auth) -> Json {
    match auth {
        Auth::Bearer(at) => json!({ "bearer": reference(at) }),
        Auth::ApiKey(at) => json!({ "api_key": reference(at) }),
        Auth::ClientCredentials { token_url, client_id, client_secret, scopes } => {
            let mut client = json!({
                "token_url": token_url, "client_id": reference(client_id), "client_secret": reference(client_secret),
            });
            if !scopes.is_empty() {
                client["scopes"] = json!(scopes);
            }
            json!({ "client_credentials": client })
        }
        Auth::ProjectSecret { secret, org_user_id: None } => json!({ "project_secret": reference(secret) }),
        Auth::ProjectSecret { secret, org_user_id: Some(user) } => {
            json!({ "project_secret": reference(secret), "org_user_id": user })
        }
    }
}

fn limits_json(limits: &Limits) -> Json {
    let mut json = json!({
        "concurrency": limits.concurrency,
        "batch_size": limits.batch_size,
        "page_size": limits.page_size,
        "timeout": format!("{}ms", limits.timeout.as_millis()),
        "retry_budget": format!("{}ms", limits.retry_budget.as_millis()),
    });
    if let Some(rate) = limits.requests_per_second {
        json["requests_per_second"] = json!(rate);
    }
    json
}
