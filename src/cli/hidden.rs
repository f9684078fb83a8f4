//! Secrets that manifests declare and an API shows in the clear. Everything that is read of a target passes here first: a value
//! under such a key is shown nowhere afterwards, and no message repeats it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::Value as Tree;

use crate::http::Client;
use crate::model::{Capabilities, DesiredSet, ReadRequest, SecretString, Snapshot, Value};
use crate::provider::{ReadError, Reader};

/// Characters that a live secret must have to be replaced in messages. A shorter text stands in ordinary words too, and no secret
/// is as short.
const SHORTEST_REPLACED: usize = 4;

/// The keys that sets declare as secret. A key is secret on the whole target: its live value may outlive the entry that declares it.
#[derive(Debug, Clone, Default)]
pub(super) struct SecretKeys(BTreeSet<Box<str>>);

impl SecretKeys {
    /// Those of some sets.
    pub(super) fn of<'a>(sets: impl IntoIterator<Item = &'a DesiredSet>) -> Self {
        let rows = sets.into_iter().flat_map(|set| &set.rows);
        let values = rows.flat_map(|row| row.fields.iter().map(|(_, value)| value));
        let maps = values.filter_map(|value| match value {
            Value::Secrets(map) => Some(map),
            _ => None,
        });
        Self(maps.flat_map(|map| map.keys().cloned()).collect())
    }

    /// A reader that hides them in all that it reads.
    pub(super) fn hide_in(
        self,
        reader: Box<dyn Reader>,
        capabilities: &'static Capabilities,
        client: Client,
    ) -> Box<dyn Reader> {
        if self.0.is_empty() { reader } else { Box::new(Hiding { reader, keys: self, capabilities, client }) }
    }
}

struct Hiding {
    reader: Box<dyn Reader>,
    keys: SecretKeys,
    capabilities: &'static Capabilities,
    client: Client,
}

#[async_trait]
impl Reader for Hiding {
    async fn read(&self, request: &ReadRequest<'_>) -> Result<Snapshot, ReadError> {
        let mut snapshot = self.reader.read(request).await?;
        for field in self.capabilities.fields.iter().filter(|field| field.sent_with.is_some()) {
            for row in &mut snapshot.rows {
                let Some(Value::Json(json)) = row.fields.get_mut(field.name) else { continue };
                let Tree::Object(map) = json.tree() else { continue };
                let secret = map.into_iter().filter(|(key, _)| self.keys.0.contains(key.as_str()));
                let secret: Vec<(String, Tree)> = secret.collect();
                secret.iter().for_each(|(_, value)| self.replace_in_messages(value));
                json.hide(secret.into_iter().map(|(key, _)| key.into_boxed_str()).collect());
            }
        }
        Ok(snapshot)
    }
}

impl Hiding {
    fn replace_in_messages(&self, value: &Tree) {
        match value {
            Tree::String(text) if text.chars().count() >= SHORTEST_REPLACED => {
                self.client.hide(&SecretString::from(text.as_str()));
            }
            Tree::Number(number) if number.as_str().len() >= SHORTEST_REPLACED => {
                self.client.hide(&SecretString::from(number.as_str()));
            }
            Tree::Array(items) => items.iter().for_each(|item| self.replace_in_messages(item)),
            Tree::Object(map) => map.values().for_each(|item| self.replace_in_messages(item)),
            _ => {}
        }
    }
}
