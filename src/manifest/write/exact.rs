//! From the model back to documents that the loader reads as what was given: sets and targets in full, nothing joined or left out. Built
//! from the same tables as the loader, so that a new provider's documents need nothing here.

use serde_json::{Map, Value as Json, json};

use super::entries::{assignment_shape, field_of};
use super::layout::{Node, comment_lines, scalar};
use super::pair;
use crate::manifest::Kind;
use crate::manifest::common::API_VERSION;
use crate::manifest::shape::{Field, Type};
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
    let mut spec = vec![pair("target", Node::text(set.target)), pair("mode", Node::text(set.mode.as_str()))];
    let (removes, updates) = set.expect;
    let expect: Vec<(String, Node)> = [("removes", removes), ("updates", updates)]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| pair(name, Node::json(&json!(count))))
        .collect();
    if !expect.is_empty() {
        spec.push(pair("expect", Node::Map(expect)));
    }
    spec.extend(scope_fields(set).into_iter().map(|(name, value)| pair(name, Node::json(&value))));
    if set.rows.is_empty() {
        spec.push(pair("assignments", Node::List(Vec::new())));
        return document(set.kind.name, set.name, &[], spec);
    }
    let mut text = document(set.kind.name, set.name, &[], spec);
    text.push_str("  assignments:\n");
    for (key, fields, comment) in set.rows {
        if !comment.is_empty() {
            text.push_str(&self::comment(comment, "    "));
        }
        Node::List(vec![assignment(set, key, fields)]).block(4, &mut text);
    }
    text
}

/// A target's document. Secrets are references, as everywhere.
pub fn target(kind: &Kind, target: &Target) -> String {
    let mut spec = vec![pair("provider", Node::text(target.provider))];
    match &target.endpoint {
        Endpoint::Vendor => {}
        Endpoint::Sandbox => spec.push(pair("endpoint", Node::text("sandbox"))),
        Endpoint::Url(url) => spec.push(pair("endpoint", Node::text(url))),
    }
    if let Some(auth) = &target.auth {
        spec.push(pair("auth", Node::json(&auth_json(auth))));
    }
    if target.limits != kind.limits {
        spec.push(pair("limits", Node::json(&limits_json(&target.limits))));
    }
    // What a policy added is no field of a manifest.
    let options = target.options.iter().filter(|(name, _)| kind.target.field(name).is_some());
    spec.extend(options.map(|(name, option)| pair(name, value(option))));
    document("Target", &target.name, &target.labels, spec)
}

/// Text as comment lines.
pub fn comment(text: &str, indent: &str) -> String {
    comment_lines(text, indent)
}

fn document(kind: &str, name: &str, labels: &[(String, String)], spec: Vec<(String, Node)>) -> String {
    let mut metadata = vec![pair("name", Node::text(name))];
    if !labels.is_empty() {
        let labels = labels.iter().map(|(key, value)| (scalar(key), Node::text(value)));
        metadata.push(pair("labels", Node::Map(labels.collect())));
    }
    let head = [
        pair("apiVersion", Node::text(API_VERSION)),
        pair("kind", Node::text(kind)),
        pair("metadata", Node::Map(metadata)),
    ];
    let mut text = "---\n".to_owned();
    Node::Map(head.to_vec()).block(0, &mut text);
    text.push_str("spec:\n");
    Node::Map(spec).block(2, &mut text);
    text
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

fn assignment(set: &SetText<'_>, key: &Key, fields: &Fields) -> Node {
    let mut entry = Vec::new();
    if let Some(shape) = assignment_shape(set.kind) {
        for part in 0..set.kind.capabilities.key_fields.len() {
            let id = set.ids.text(key.part(part));
            if let Some(field) = field_of(set.ids, shape, part, key, false).filter(|_| !id.is_empty()) {
                entry.push(pair(field.name, Node::text(id)));
            }
        }
    }
    entry.extend(fields.iter().map(|(name, field)| pair(name, value(field))));
    Node::Map(entry)
}

/// A value as it is declared.
pub(super) fn value(value: &Value) -> Node {
    match value {
        // A masked value is no value; whoever writes documents says so in a comment.
        Value::Null | Value::Masked(_) => Node::Scalar("null".to_owned(), None),
        Value::Text(text) => Node::text(text),
        // RFC 3339 is text to every reader of YAML 1.2, and the loader takes it as written.
        Value::Instant(instant) => Node::Scalar(instant.to_string(), None),
        Value::Json(json) => Node::json(json),
        Value::Secrets(map) => {
            Node::Map(map.iter().map(|(key, at)| (scalar(key), Node::json(&reference(at)))).collect())
        }
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
        "settle_timeout": format!("{}ms", limits.settle_timeout.as_millis()),
    });
    if let Some(rate) = limits.requests_per_second {
        json["requests_per_second"] = json!(rate);
    }
    json
}
