//! JSON Schemas (draft 2020-12) from the tables, for editors and pipelines.

use serde_json::{Map, Value, json};

use super::{Case, Choice, Field, Rule, Shape, Type};

/// The schema of one object.
pub fn object_schema(shape: &Shape) -> Value {
    let mut properties = Map::new();
    for field in shape.fields() {
        properties.insert(field.name.to_owned(), field_schema(field));
    }
    let required: Vec<&str> = shape.fields().filter(|f| f.required).map(|f| f.name).collect();
    let mut schema = json!({
        "type": "object",
        "description": shape.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        set(&mut schema, "required", json!(required));
    }
    let rules: Vec<Value> = shape.rules.iter().flat_map(rule_schemas).collect();
    if !rules.is_empty() {
        set(&mut schema, "allOf", Value::Array(rules));
    }
    schema
}

fn set(schema: &mut Value, key: &str, value: Value) {
    if let Value::Object(map) = schema {
        map.insert(key.to_owned(), value);
    }
}

fn field_schema(field: &Field) -> Value {
    let mut schema = schema_of(&field.ty);
    let mark = if field.mark.as_str().is_empty() { String::new() } else { format!(" {}", field.mark.as_str()) };
    let null = if field.nullable { " `null` clears it." } else { "" };
    if field.nullable {
        schema = json!({ "anyOf": [schema, { "type": "null" }] });
    }
    set(&mut schema, "description", json!(format!("{}{null}{mark}", field.doc)));
    schema
}

/// The schema of one type.
pub fn schema_of(ty: &Type) -> Value {
    // Text is taken as written, so an editor that reads `2.10` as a number must not complain.
    let text = || json!({ "type": ["string", "number", "boolean"], "minLength": 1 });
    let id = || json!({ "type": ["string", "number", "boolean"], "minLength": 1, "pattern": "^\\S([\\s\\S]*\\S)?$", "not": { "enum": [".", ".."] } });
    match ty {
        Type::Id => id(),
        Type::Ids => json!({ "type": "array", "minItems": 1, "items": id() }),
        Type::Name => {
            json!({ "type": ["string", "number", "boolean"], "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$" })
        }
        Type::Text | Type::Word | Type::Version | Type::LiveName => text(),
        Type::LiveNames => json!({ "type": "array", "minItems": 1, "items": text() }),
        Type::Bool => json!({ "type": "boolean" }),
        Type::Integer(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Type::Number(min, max) => json!({ "type": "number", "minimum": min, "maximum": max }),
        Type::Duration(..) => json!({ "type": "string", "pattern": "^((0|[1-9][0-9]*)(d|h|m|s|ms))+$" }),
        Type::Instant => json!({ "type": "string", "format": "date-time" }),
        Type::Until => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}" }),
        Type::Choice(choices) => choice_schema(choices),
        Type::Texts => json!({ "type": "array", "items": text() }),
        Type::Labels => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$" },
            "additionalProperties": text(),
        }),
        Type::JsonMap => json!({ "type": "object" }),
        Type::Secret => secret_schema(),
        Type::SecretMap => json!({ "type": "object", "additionalProperties": secret_schema() }),
        Type::Url => json!({ "type": "string", "pattern": "^https?://" }),
        Type::Endpoint => json!({ "anyOf": [{ "const": "sandbox" }, { "type": "string", "pattern": "^https?://" }] }),
        Type::Path => json!({ "type": "string", "minLength": 1 }),
        Type::Globs => json!({ "type": "array", "items": { "type": "string", "minLength": 1 } }),
        Type::PatternMap => json!({ "type": "object", "minProperties": 1, "additionalProperties": text() }),
        Type::Object(shape) => object_schema(shape),
        Type::Objects(shape) => json!({ "type": "array", "items": object_schema(shape) }),
        Type::Scope(shape) => json!({ "anyOf": [{ "const": "all" }, object_schema(shape)] }),
        Type::Holder => json!({ "anyOf": [id(), { "type": "object" }] }),
    }
}

fn choice_schema(choices: &[Choice]) -> Value {
    let alternatives: Vec<Value> =
        choices.iter().map(|choice| json!({ "const": choice.name, "description": choice.doc })).collect();
    json!({ "oneOf": alternatives })
}

fn secret_schema() -> Value {
    json!({
        "type": "object",
        "description": "Where the secret comes from; never its value.",
        "properties": {
            "env": { "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "description": "An environment variable." },
            "file": { "type": "string", "minLength": 1, "description": "A file below --secrets-dir." },
        },
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })
}

fn one_required(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| json!({ "required": [name] })).collect()
}

/// Pairs of names that exclude each other.
fn exclusions(names: &[&str]) -> Vec<Value> {
    let pairs = names.iter().enumerate().flat_map(|(i, a)| names.iter().skip(i + 1).map(move |b| (a, b)));
    pairs.map(|(a, b)| json!({ "not": { "required": [a, b] } })).collect()
}

fn rule_schemas(rule: &Rule) -> Vec<Value> {
    match rule {
        Rule::ExactlyOne(names) => vec![json!({ "oneOf": one_required(names) })],
        Rule::AtLeastOne(names) => vec![json!({ "anyOf": one_required(names) })],
        Rule::AtMostOne(names) => exclusions(names),
        Rule::Needs(name, [other]) => vec![json!({ "if": { "required": [name] }, "then": { "required": [other] } })],
        Rule::Needs(name, others) => {
            vec![json!({ "if": { "required": [name] }, "then": { "anyOf": one_required(others) } })]
        }
        Rule::Case { field, default, cases } => {
            cases.iter().filter_map(|case| case_schema(field, *default, case, cases)).collect()
        }
    }
}

/// What one value of a deciding field asks for; nothing where it asks for nothing.
fn case_schema(field: &str, default: Option<&str>, case: &Case, cases: &[Case]) -> Option<Value> {
    let mut condition = json!({ "properties": { field: { "const": case.value } } });
    if default != Some(case.value) {
        set(&mut condition, "required", json!([field]));
    }
    let mut then: Vec<Value> = case.groups.iter().map(|group| json!({ "oneOf": one_required(group) })).collect();
    let own: Vec<&str> = case.groups.iter().flat_map(|group| group.iter().copied()).collect();
    let mut foreign: Vec<&str> = cases
        .iter()
        .flat_map(|c| c.groups.iter())
        .flat_map(|g| g.iter().copied())
        .filter(|n| !own.contains(n) && !case.optional.contains(n))
        .collect();
    foreign.sort_unstable();
    foreign.dedup();
    then.extend(foreign.iter().map(|name| json!({ "not": { "required": [name] } })));
    (!then.is_empty()).then(|| json!({ "if": condition, "then": { "allOf": then } }))
}
