//! JSON documents whose objects keep the order of their fields and whose values keep their text: what is not merged is carried over to
//! the letter.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A value as it stands in its file.
pub(super) type Raw = Box<RawValue>;

/// An object, one level deep.
pub(super) struct Object(pub(super) Vec<(String, Raw)>);

impl Object {
    /// A field's value.
    pub(super) fn get(&self, name: &str) -> Option<&Raw> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// A field that is text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// A field that is a whole number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A merged value.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// Carried over.
    Raw(Raw),
    /// A number of ours.
    Number(u64),
    /// A truth of ours.
    Flag(bool),
    /// A text of ours.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object.
    Object(Vec<(String, Node)>),
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Node::Raw(raw) => raw.serialize(serializer),
            Node::Number(number) => serializer.serialize_u64(*number),
            Node::Flag(flag) => serializer.serialize_bool(*flag),
            Node::Text(text) => serializer.serialize_str(text),
            Node::List(items) => serializer.collect_seq(items),
            Node::Object(fields) => serializer.collect_map(fields.iter().map(|(name, value)| (name, value))),
        }
    }
}
