//! Keys, names and field values as JSON.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::model::{Key, MASKED, SecretRef, Sym, Value};
use crate::render::words::Speaker;

use super::piece::{Object, Piece, quoted};

/// An object with the API's own field names, in the order of the provider's table.
pub(super) struct Entries<V>(Vec<(&'static str, V)>);

impl<V> Entries<V> {
    /// An object of these fields.
    pub(super) fn new(entries: Vec<(&'static str, V)>) -> Self {
        Self(entries)
    }

    /// Whether it has no fields.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V: Serialize> Serialize for Entries<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<V: JsonSchema> JsonSchema for Entries<V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Entries_of_{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<V>() })
    }
}

/// A natural key as an object of API field names. A part that is not there (the service of a domain's own assignment) is `null`, one that
/// such a key cannot have is left out (the actor of all tenants).
#[derive(Clone, Copy)]
pub(super) struct KeyView<'a> {
    speaker: Speaker<'a>,
    key: Key,
}

impl Serialize for KeyView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (part, field) in parts(self.speaker, &self.key) {
            match self.key.part(part) {
                Sym::NONE => map.serialize_entry(field, &())?,
                sym => map.serialize_entry(field, self.speaker.ids.text(sym))?,
            }
        }
        map.end()
    }
}

impl JsonSchema for KeyView<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "KeyView".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let id = json_schema!({ "type": ["string", "null"], "description": "An id's text." });
        json_schema!({ "type": "object", "additionalProperties": id })
    }
}

/// A [`KeyView`] in a line.
#[derive(Clone, Copy, JsonSchema)]
#[schemars(transparent, inline)]
pub(super) struct LineKey<'a>(pub(super) KeyView<'a>);

impl Piece for LineKey<'_> {
    fn add_to(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        let KeyView { speaker, key } = &self.0;
        let mut object = Object::begin(json);
        for (part, field) in parts(*speaker, key) {
            let json = object.field(field);
            match key.part(part) {
                Sym::NONE => json.extend_from_slice(b"null"),
                sym => quoted(json, speaker.ids.text(sym))?,
            }
        }
        object.end();
        Ok(())
    }
}

/// A key as JSON.
pub(super) fn key<'a>(speaker: Speaker<'a>, key: &Key) -> KeyView<'a> {
    KeyView { speaker, key: *key }
}

/// The display names of a key's ids, by API field name, where they are known.
pub(super) fn names<'a>(speaker: Speaker<'a>, key: &Key) -> Entries<&'a str> {
    let named = |(part, field)| Some((field, speaker.names.get(part, key.part(part))?));
    Entries::new(parts(speaker, key).filter_map(named).collect())
}

/// The parts of a key with the API's names for them.
fn parts<'a>(speaker: Speaker<'a>, key: &'a Key) -> impl Iterator<Item = (usize, &'static str)> + use<'a> {
    let parts = 0..speaker.capabilities.key_fields.len();
    parts.filter_map(move |part| Some((part, speaker.capabilities.key_name(speaker.ids, key, part)?)))
}

/// One field's value; `null` where there is none.
pub(in crate::render) struct FieldView<'a>(pub(in crate::render) Option<&'a Value>);

impl Serialize for FieldView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None | Some(Value::Null) => serializer.serialize_none(),
            Some(Value::Text(text)) => serializer.serialize_str(text),
            Some(Value::Instant(instant)) => serializer.collect_str(instant),
            Some(Value::Json(json)) => json.shown().serialize(serializer),
            Some(value @ Value::Unusable(_)) => value.shown().serialize(serializer),
            Some(Value::Masked(keys)) => serializer.collect_map(keys.iter().map(|key| (key, MASKED))),
            Some(Value::Secrets(map)) => serializer.collect_map(map.iter().map(|(key, from)| (key, Reference(from)))),
        }
    }
}

impl JsonSchema for FieldView<'_> {
    fn schema_name() -> Cow<'static, str> {
        "FieldValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The value of a field as the API has it: text, an RFC 3339 instant in UTC, any JSON, or null where there is \
                            none. In a map of secrets each key has a reference (`{\"env\": NAME}` or `{\"file\": PATH}`) where it is \
                            declared, and \"(masked)\" where it is live; never a value."
        })
    }
}

/// A secret's reference, as manifests write it.
struct Reference<'a>(&'a SecretRef);

impl Serialize for Reference<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, name) = match self.0 {
            SecretRef::Env(name) => ("env", name),
            SecretRef::File(path) => ("file", path),
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(kind, name)?;
        map.end()
    }
}
