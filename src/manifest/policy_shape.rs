//! The tables of a Policy document, and its JSON Schema. Key patterns in it are the providers' own tables, so they are put in when the
//! kinds are known.

use serde_json::{Value, json};

use super::Kind;
use super::common::ROOT_METADATA;
use super::shape::{Choice, Field, Masks, Rule, Shape, Type, object_schema};

/// A policy's document: it is named by its file and digest, so metadata may be left out.
pub static POLICY_DOCUMENT: Shape = Shape {
    title: "a policy document",
    doc: "What no manifest may decide: bounds that manifests can only tighten. Loaded from `--policy FILE` only, never from the paths.",
    groups: &[&[
        Field::new("apiVersion", Type::Text, "The version of this format: `assignctl/v1`.").required(),
        Field::new("kind", Type::Text, "`Policy`.").required(),
        Field::new("metadata", Type::Object(&ROOT_METADATA), "Its name and labels; for readers only."),
        Field::new("spec", Type::Object(&POLICY), "The bounds.").required(),
    ]],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};

const NAMES: &[Choice] = &[
    Choice { name: "allow", doc: "names are resolved by the live listing" },
    Choice { name: "deny", doc: "ids only: whoever can rename something there changes nothing here" },
];

const CLEAR_DATES: &[Choice] = &[
    Choice { name: "patch", doc: "send `null`" },
    Choice { name: "recreate", doc: "delete and create again: a new id, and a moment without access" },
];

/// What a run and a target can both be given.
const BOUNDS: &[Field] = &[
    Field::new(
        "thresholds",
        Type::Object(&THRESHOLDS),
        "When a plan takes away or changes too much; flags may only lower it.",
    ),
    Field::new("max_expect", Type::Object(&MAX_EXPECT), "The most that a set's `expect` may allow."),
    Field::new(
        "allowed_hosts",
        Type::Texts,
        "Hosts (`HOST` or `HOST:PORT`) that may get credentials, beside the vendor's own and loopback.",
    ),
    Field::new(
        "protect",
        Type::Objects(&PATTERN),
        "Assignments that must never be lost, by any key fields of the system, or holders that must remain.",
    ),
    Field::new(
        "clear_dates",
        Type::Choice(CLEAR_DATES),
        "How Canopy's dates are cleared [assumed]; `patch` unless given. `recreate` counts as a loss and a grant.",
    ),
    Field::new("names", Type::Choice(NAMES), "Whether sets may refer to ids by name; `allow` unless given."),
    Field::new(
        "deny_grants",
        Type::Objects(&PATTERN),
        "Assignments that nobody may be given, by any key fields of the system; `*` in an id stands for any run of characters.",
    ),
];

/// `Policy.spec`.
pub static POLICY: Shape = Shape {
    title: "the policy's spec",
    doc: "Bounds for every target of the run.",
    groups: &[
        BOUNDS,
        &[Field::new(
            "targets",
            Type::Objects(&TARGET_RULE),
            "The targets that there may be: the first entry whose `name` fits decides. With this list, a target that fits none is refused.",
        )],
    ],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};

/// `thresholds`.
pub static THRESHOLDS: Shape = Shape {
    title: "the thresholds",
    doc: "A plan is refused when it is over the share and over the number.",
    groups: &[&[
        Field::new("max_loss_percent", Type::Integer(0, 100), "Losses, in percent of what is live in scope."),
        Field::new("max_loss_count", Type::Integer(0, u32::MAX as u64), "Losses up to this number are never too many."),
        Field::new("max_update_percent", Type::Integer(0, 100), "Updates, in percent of what is live in scope."),
        Field::new(
            "max_update_count",
            Type::Integer(0, u32::MAX as u64),
            "Updates up to this number are never too many.",
        ),
    ]],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};

static MAX_EXPECT: Shape = Shape {
    title: "max_expect",
    doc: "An `expect` that asks for more is refused.",
    groups: &[&[
        Field::new("removes", Type::Integer(0, u32::MAX as u64), "The most losses."),
        Field::new("updates", Type::Integer(0, u32::MAX as u64), "The most updates."),
    ]],
    rules: &[Rule::AtLeastOne(&["removes", "updates"])],
    secret: false,
    masks: Masks::new(),
};

/// A key pattern. It has the fields of `protect` of whichever system it names, so this table has none.
static PATTERN: Shape = Shape {
    title: "a key pattern",
    doc: "Key fields of one system, named as in `protect` of its sets; all of them must match.",
    groups: &[],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};

/// An entry of `targets`.
pub static TARGET_RULE: Shape = Shape {
    title: "an entry of the policy's targets",
    doc: "What a target may be and use. In every text, `*` stands for any run of characters.",
    groups: &[
        &[
            Field::new("name", Type::Text, "The target's `metadata.name`.").required(),
            Field::new("provider", Type::Text, "The system that it must be."),
            Field::new(
                "endpoint",
                Type::Text,
                "The address that it must have; the vendor's is written out, the embedded server's is `sandbox`.",
            ),
            Field::new(
                "account",
                Type::Labels,
                "The values that its account fields must have, such as `client_id: client-1`.",
            ),
            Field::new(
                "surface",
                Type::Text,
                "The surface that it must use. Where `account` is pinned and this is left out: the one that names the account.",
            ),
            Field::new(
                "secrets",
                Type::Objects(&SECRET),
                "The secret references that it and its sets may use. Left out: any; `[]`: none.",
            ),
            Field::new("paths", Type::Labels, "API paths that differ from the contract's, by name."),
        ],
        BOUNDS,
    ],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};

/// An entry of `secrets`.
pub static SECRET: Shape = Shape {
    title: "a permitted secret reference",
    doc: "Which references are meant, never a value.",
    groups: &[&[
        Field::new("env", Type::Text, "The name of an environment variable."),
        Field::new("file", Type::Text, "A file below --secrets-dir."),
    ]],
    rules: &[Rule::ExactlyOne(&["env", "file"])],
    secret: false,
    masks: Masks::new(),
};

/// The schema of a policy's document.
pub(super) fn policy_schema(kinds: &[&'static Kind]) -> Value {
    let mut schema = object_schema(&POLICY_DOCUMENT);
    let patterns: Vec<Value> = kinds.iter().map(|kind| object_schema(kind.pattern)).collect();
    for spec in ["/properties/spec", "/properties/spec/properties/targets/items"] {
        put(&mut schema, &format!("{spec}/properties/protect/items"), json!({ "anyOf": patterns }));
        let denied: Vec<Value> = patterns.iter().cloned().map(without_holders).collect();
        put(&mut schema, &format!("{spec}/properties/deny_grants/items"), json!({ "anyOf": denied }));
    }
    schema
}

fn without_holders(mut pattern: Value) -> Value {
    if let Some(properties) = pattern.pointer_mut("/properties").and_then(Value::as_object_mut) {
        properties.remove("min_holders");
    }
    pattern
}

fn put(schema: &mut Value, pointer: &str, value: Value) {
    if let Some(slot) = schema.pointer_mut(pointer) {
        *slot = value;
    }
}
