//! The JSON Schema and the reference of every document kind, from the same tables that check the documents.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Kind;
use super::common::{API_VERSION, METADATA, ROOT_DOCUMENT};
use super::policy_shape::{POLICY, POLICY_DOCUMENT, policy_schema};
use super::shape::{Shape, Type, object_schema, reference, schema_of, shape_reference};

/// The names of all document kinds.
pub fn kinds(kinds: &[&'static Kind]) -> Vec<&'static str> {
    ["Root", "Target", "Policy"].into_iter().chain(kinds.iter().map(|kind| kind.name)).collect()
}

/// The schema of one document kind.
pub fn schema(kinds: &[&'static Kind], name: &str) -> Option<Value> {
    let (doc, mut schema) = match name {
        "Root" => (ROOT_DOCUMENT.doc.to_owned(), object_schema(&ROOT_DOCUMENT)),
        "Policy" => (POLICY_DOCUMENT.doc.to_owned(), policy_schema(kinds)),
        "Target" => {
            let specs: Vec<Value> = kinds.iter().map(|kind| target_schema(kind)).collect();
            (TARGET_DOC.to_owned(), document_schema(json!({ "oneOf": specs })))
        }
        _ => {
            let kind = kinds.iter().find(|kind| kind.name == name)?;
            (kind.doc.to_owned(), document_schema(object_schema(kind.set)))
        }
    };
    let map = schema.as_object_mut()?;
    map.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    map.insert("title".to_owned(), json!(name));
    map.insert("description".to_owned(), json!(doc));
    let properties = map.get_mut("properties")?.as_object_mut()?;
    properties
        .insert("apiVersion".to_owned(), json!({ "const": API_VERSION, "description": "The version of this format." }));
    properties.insert("kind".to_owned(), json!({ "const": name, "description": "What the document declares." }));
    Some(schema)
}

const TARGET_DOC: &str = "One account of a provider, with its address and sign-in.";

fn document_schema(spec: Value) -> Value {
    json!({
        "type": "object",
        "properties": { "apiVersion": {}, "kind": {}, "metadata": schema_of(&Type::Object(&METADATA)), "spec": spec },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
    })
}

fn target_schema(kind: &Kind) -> Value {
    let mut schema = object_schema(kind.target);
    let provider = json!({ "const": kind.provider(), "description": "The system." });
    if let Some(slot) = schema.pointer_mut("/properties/provider") {
        *slot = provider;
    }
    if let Some(slot) = schema.pointer_mut("/properties/self/anyOf/1") {
        *slot = object_schema(kind.pattern);
    }
    if let Some(map) = schema.as_object_mut() {
        map.insert("title".to_owned(), json!(kind.provider()));
    }
    schema
}

/// The reference of all kinds, in Markdown.
pub fn markdown(kinds: &[&'static Kind]) -> String {
    static ROOT: &Shape = &super::common::ROOT;
    let mut text = reference("Root", ROOT_DOCUMENT.doc, ROOT);
    text.push_str("## Every document\n\n");
    text.push_str(&shape_reference("metadata", &METADATA));
    for kind in kinds {
        let title = format!("Target ({})", kind.provider());
        text.push_str(&reference(&title, TARGET_DOC, kind.target));
        text.push_str(&reference(kind.name, kind.doc, kind.set));
    }
    text.push_str(&reference("Policy", POLICY_DOCUMENT.doc, &POLICY));
    text.push_str("### API paths\n\nWhat `paths` may say otherwise, by system.\n\n| system | name | path | |\n|---|---|---|---|\n");
    for kind in kinds {
        for path in kind.paths {
            let _ = writeln!(text, "| {} | `{}` | `{}` | {} |", kind.provider(), path.name, path.template, path.doc);
        }
    }
    text
}
