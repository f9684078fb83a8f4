//! Keys, names and field values as JSON.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};

use crate::model::{Key, SecretRef, Sym, Value};
use crate::render::words::Speaker;

use super::lines::Made;

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

/// A [`KeyView`] in a line of [`super::lines::Lines`]. The same text, made without looking at every byte of the same few names and ids again:
/// for a hundred thousand changes that is most of what their lines cost.
#[derive(Clone, Copy, JsonSchema)]
#[schemars(transparent, inline)]
pub(super) struct LineKey<'a>(pub(super) KeyView<'a>);

/// Room for the keys of most systems, with ids of 36 characters; a longer one costs a second allocation.
const KEY_TEXT: usize = 160;

impl Serialize for LineKey<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let KeyView { speaker, key } = &self.0;
        let mut text = Vec::with_capacity(KEY_TEXT);
        for (part, field) in parts(*speaker, key) {
            text.extend_from_slice(if text.is_empty() { b"{\"" } else { b",\"" });
            text.extend_from_slice(field.as_bytes()); // names of an API need no escapes
            text.extend_from_slice(b"\":");
            match key.part(part) {
                Sym::NONE => text.extend_from_slice(b"null"),
                sym => quoted(&mut text, speaker.ids.text(sym)).map_err(S::Error::custom)?,
            }
        }
        text.extend_from_slice(if text.is_empty() { b"{}" } else { b"}" });
        Made(&text).serialize(serializer)
    }
}

/// Adds a text as JSON.
fn quoted(json: &mut Vec<u8>, text: &str) -> serde_json::Result<()> {
    if !is_plain(text.as_bytes()) {
        return serde_json::to_writer(json, text);
    }
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
    Ok(())
}

/// Whether a text stands in JSON as it is (RFC 8259, section 7: quotes, backslashes and control characters do not). Eight bytes at once.
fn is_plain(text: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    /// Not zero where a byte is below `limit`, which is at most 128, and only then: a byte borrows from the next one where it is below.
    fn below(bytes: u64, limit: u64) -> u64 {
        bytes.wrapping_sub(ONES * limit) & !bytes & HIGHS
    }
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [b' '; 8];
    for (slot, byte) in last.iter_mut().zip(rest) {
        *slot = *byte;
    }
    words.iter().chain([&last]).all(|word| {
        let word = u64::from_ne_bytes(*word);
        let equals = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        (below(word, 0x20) | equals(b'"') | equals(b'\\')) == 0
    })
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

/// What stands for a value that the API masks.
const MASKED: &str = "(masked)";

impl Serialize for FieldView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None | Some(Value::Null) => serializer.serialize_none(),
            Some(Value::Text(text)) => serializer.serialize_str(text),
            Some(Value::Instant(instant)) => serializer.collect_str(instant),
            Some(Value::Json(json)) => json.serialize(serializer),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn as_json(text: &str) -> String {
        let mut json = Vec::new();
        quoted(&mut json, text).unwrap();
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn every_character_is_escaped_where_it_must_be_at_every_place() {
        for character in (0..=0x7f_u8).map(char::from).chain(['\u{80}', 'ä', '\u{2028}', '\u{10ffff}']) {
            for (before, after) in (0..10).flat_map(|before| (0..10).map(move |after| (before, after))) {
                let text = format!("{}{character}{}", "a".repeat(before), "é~".repeat(after));
                assert_eq!(as_json(&text), serde_json::to_string(&text).unwrap());
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_quoted_as_the_library_does(text in "[a-z\"\\\\\\x00-\\x21é\\x7f-\\xff]{0,40}") {
            prop_assert_eq!(as_json(&text), serde_json::to_string(&text).unwrap());
        }
    }
}
