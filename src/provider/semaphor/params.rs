//! Parameters: what of a map is plain, what is masked, and the whole map that a write sends.
//!
//! A masked value is unknown and is never sent back (apis/semaphor.md: List). Secret values live here only between
//! resolving and sending, and cannot be printed.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value as Json};

use crate::model::{Change, Fields, SecretResolver, SecretString, Value};
use crate::provider::refusal::clean;

/// What the API shows in place of a secret parameter's value (apis/semaphor.md: List).
const MASK: &str = "***";
/// The field with the values that can be read.
pub(super) const PLAIN: &str = "params";
/// The field with the keys whose values cannot be read.
pub(super) const SECRET: &str = "secret_params";

/// A live map as fields: plain values, and the keys of masked ones. Absent, null and `{}` are the same.
pub(super) fn fields(params: Option<Map<String, Json>>) -> Fields {
    let mut plain = params.unwrap_or_default();
    // Most maps hold nothing masked, and stay as they came.
    let masked: Map<_, _> = if plain.values().any(is_masked) {
        let (masked, rest) = std::mem::take(&mut plain).into_iter().partition(|(_, value)| is_masked(value));
        plain = rest;
        masked
    } else {
        Map::new()
    };
    let mut keys: Vec<Box<str>> = masked.into_iter().map(|(key, _)| key.into_boxed_str()).collect();
    keys.sort();
    let secret = if keys.is_empty() { Value::Null } else { Value::Masked(keys) };
    let plain = if plain.is_empty() { Value::Null } else { Value::Json(Box::new(Json::Object(plain))) };
    Fields::new(vec![(PLAIN, plain), (SECRET, secret)])
}

fn same_json(a: &Json, b: &Json) -> bool {
    Value::Json(Box::new(a.clone())).same(&Value::Json(Box::new(b.clone())))
}

/// Whether any part of a value is masked: the whole value is unknown then. Values are shown as texts and as arrays of texts.
fn is_masked(value: &Json) -> bool {
    match value {
        Json::String(text) => text == MASK,
        Json::Array(items) => items.iter().any(is_masked),
        Json::Object(map) => map.values().any(is_masked),
        _ => false,
    }
}

/// The whole map of one write, secrets resolved.
#[derive(Default)]
pub(super) struct Params<'a>(BTreeMap<&'a str, Param<'a>>);

enum Param<'a> {
    Plain(&'a Json),
    Secret(SecretString),
}

impl<'a> Params<'a> {
    /// The map that a create or an update of `change` sends: declared values, and for an update the live values of what is
    /// not declared. Whether a sent map merges or replaces is not stated, so it is always whole (apis/semaphor.md: Get,
    /// update, delete).
    ///
    /// # Errors
    /// What stands in the way of a whole map, and what to do; nothing was sent.
    pub(super) fn of(change: &'a Change, secrets: &dyn SecretResolver) -> Result<Self, String> {
        let live = change.live.as_ref().map(|live| &live.fields);
        let plain = change.desired.get(PLAIN).or_else(|| live.and_then(|live| live.get(PLAIN)));
        let mut map = Self::default();
        map.add_plain(plain)?;
        match (change.desired.get(SECRET), live.and_then(|live| live.get(SECRET))) {
            (Some(declared), _) => map.add_secrets(declared, secrets)?,
            (None, Some(live)) => map.keep_masked(live)?,
            (None, None) => {}
        }
        Ok(map)
    }

    fn add_plain(&mut self, plain: Option<&'a Value>) -> Result<(), String> {
        let map = match plain {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::Json(json)) => json.as_object(),
            Some(_) => None,
        };
        for (key, value) in map.ok_or("`params` is not a map, so nothing was sent; write it as a map")? {
            if is_masked(value) {
                return Err(format!(
                    "`params` holds \"{MASK}\" for {key}, which is only what Semaphor shows in place of a secret; \
                     nothing was sent: write the value, or move {key} to `secret_params`"
                ));
            }
            self.0.insert(key, Param::Plain(value));
        }
        Ok(())
    }

    fn add_secrets(&mut self, declared: &'a Value, secrets: &dyn SecretResolver) -> Result<(), String> {
        let references = match declared {
            Value::Null => return Ok(()),
            Value::Secrets(references) => references,
            _ => return Err("`secret_params` is not a map of references, so nothing was sent".to_owned()),
        };
        for (key, reference) in references {
            if self.0.contains_key(key.as_ref()) {
                return Err(format!(
                    "{key} is in `params` and in `secret_params`, so nothing was sent; keep one of them"
                ));
            }
            let value = secrets
                .resolve(reference)
                .map_err(|error| format!("the secret parameter {key} has no value, so nothing was sent: {error}"))?;
            if value.expose_secret() == MASK {
                return Err(format!(
                    "the secret parameter {key} resolves to \"{MASK}\", so nothing was sent; give {reference} its real value"
                ));
            }
            self.0.insert(key, Param::Secret(value));
        }
        Ok(())
    }

    /// Masked live values that nobody declares cannot be part of a whole map; leaving them out could clear them.
    fn keep_masked(&mut self, live: &Value) -> Result<(), String> {
        let Value::Masked(keys) = live else { return Ok(()) };
        let lost: Vec<&str> = keys.iter().map(AsRef::as_ref).filter(|key| !self.0.contains_key(key)).collect();
        if lost.is_empty() {
            return Ok(());
        }
        Err(format!(
            "the live value of {} is masked and would be lost, so nothing was sent; declare it in `secret_params`",
            lost.join(", ")
        ))
    }

    /// Whether there is nothing to send but a `null`.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first parameter that an answer shows otherwise than it was sent, as a text without values. Masked values are unknown, and
    /// contradict nothing.
    pub(super) fn contradiction(&self, shown: &Json) -> Option<String> {
        let nothing = Map::new();
        let shown = match shown {
            Json::Null => &nothing,
            Json::Object(shown) => shown,
            _ => return Some("`params` that are no map".to_owned()),
        };
        let is_other = |(key, param): &(&&str, &Param<'_>)| match (param, shown.get(**key)) {
            (Param::Secret(_), _) => false,
            (Param::Plain(_), None) => true,
            (Param::Plain(sent), Some(shown)) => !is_masked(shown) && !same_json(sent, shown),
        };
        if let Some((key, _)) = self.0.iter().find(is_other) {
            return Some(format!("another value for the parameter {}", clean(key)));
        }
        // A secret may be shown under another spelling of its key (apis/semaphor-partium-streamline-more.md: parameters and secrets).
        let has_secrets = self.secrets().next().is_some();
        let is_left =
            |(key, value): &(&String, &Json)| !self.0.contains_key(key.as_str()) && !(has_secrets && is_masked(value));
        let (key, _) = shown.iter().find(is_left)?;
        Some(format!("the parameter {}, which was not sent", clean(key)))
    }

    /// The secrets that are about to be sent.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        self.0.values().filter_map(|param| match param {
            Param::Plain(_) => None,
            Param::Secret(secret) => Some(secret),
        })
    }

    /// A text that came back, without the secrets that went out: an API may repeat what it refuses.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets() {
            for form in shown_forms(secret.expose_secret()) {
                text = text.replace(&form, "[redacted]");
            }
        }
        text
    }
}

/// The forms in which a value can be repeated: itself, and as it stands inside JSON.
fn shown_forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let inner = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or("").to_owned();
    let mut forms = vec![secret.to_owned(), inner];
    forms.retain(|form| !form.is_empty());
    forms.dedup();
    forms
}

impl Serialize for Params<'_> {
    /// `null` for an empty map: that is how the API clears (apis/semaphor.md: Get, update, delete).
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() {
            return serializer.serialize_none();
        }
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, param) in &self.0 {
            match param {
                Param::Plain(value) => map.serialize_entry(key, value)?,
                Param::Secret(value) => map.serialize_entry(key, value.expose_secret())?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::model::{Action, Key, Live, ResolveError, SecretRef};
    use serde_json::json;

    struct Vault;
    impl SecretResolver for Vault {
        fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ResolveError> {
            match reference {
                SecretRef::Env(name) if &**name == "MASKED" => Ok(SecretString::from(MASK)),
                SecretRef::Env(name) if &**name == "KEY" => Ok(SecretString::from("s3\"cret")),
                other => Err(ResolveError::EnvMissing(other.to_string())),
            }
        }
    }

    fn map(json: Json) -> Option<Map<String, Json>> {
        json.as_object().cloned()
    }

    fn plain(json: Json) -> (&'static str, Value) {
        (PLAIN, Value::Json(Box::new(json)))
    }

    fn secret(key: &str, name: &str) -> (&'static str, Value) {
        (SECRET, Value::Secrets(BTreeMap::from([(key.into(), SecretRef::Env(name.into()))])))
    }

    fn change(desired: Vec<(&'static str, Value)>, live: Option<Json>) -> Change {
        let live = live.map(|params| Live {
            key: Key::default(),
            id: Some("a".into()),
            fields: fields(map(params)),
            info: None,
        });
        Change {
            action: if live.is_some() { Action::Update } else { Action::Create },
            key: Key::default(),
            from_key: None,
            live,
            desired: Fields::new(desired),
            differs: vec![PLAIN],
        }
    }

    fn sent(change: &Change) -> Result<Json, String> {
        Params::of(change, &Vault).map(|params| serde_json::to_value(&params).unwrap())
    }

    #[test]
    fn masked_values_leave_the_plain_map_wherever_the_mask_stands() {
        let live =
            fields(map(json!({"b": ["x", "***"], "a": "***", "c": {"d": "***"}, "r": "us", "n": [1, {"k": "****"}]})));
        assert!(live.get(PLAIN).unwrap().same(&Value::Json(Box::new(json!({"r": "us", "n": [1, {"k": "****"}]})))));
        assert!(live.get(SECRET).unwrap().same(&Value::Masked(vec!["a".into(), "b".into(), "c".into()])));
    }

    #[test]
    fn absent_null_and_empty_are_the_same() {
        for params in [None, map(json!({}))] {
            let live = fields(params);
            assert!(matches!(live.get(PLAIN), Some(Value::Null)));
            assert!(matches!(live.get(SECRET), Some(Value::Null)));
        }
    }

    #[test]
    fn the_whole_map_is_sent_declared_values_with_resolved_secrets() {
        let change = change(
            vec![plain(json!({"region": "us"})), secret("key", "KEY")],
            Some(json!({"region": "eu", "old": 1, "key": "***"})),
        );
        assert_eq!(sent(&change), Ok(json!({"region": "us", "key": "s3\"cret"})));
    }

    #[test]
    fn undeclared_plain_values_are_carried_along_from_the_live_row() {
        let change = change(vec![secret("key", "KEY")], Some(json!({"region": "eu", "ids": ["a", "b"]})));
        assert_eq!(sent(&change), Ok(json!({"region": "eu", "ids": ["a", "b"], "key": "s3\"cret"})));
    }

    #[test]
    fn a_masked_value_that_nobody_declares_stops_the_update_and_is_named() {
        let change = change(vec![plain(json!({"region": "us"}))], Some(json!({"warehouse_key": "***"})));
        let error = sent(&change).unwrap_err();
        assert!(error.contains("warehouse_key") && error.contains("secret_params"), "{error}");
    }

    #[test]
    fn declared_secrets_manage_their_map_whole_and_null_clears_it() {
        let fewer = change(vec![secret("a", "KEY")], Some(json!({"a": "***", "b": "***"})));
        assert_eq!(sent(&fewer), Ok(json!({"a": "s3\"cret"})));
        let cleared = change(vec![(SECRET, Value::Null)], Some(json!({"a": "***"})));
        assert_eq!(sent(&cleared), Ok(Json::Null));
        let both = change(vec![(PLAIN, Value::Null)], Some(json!({"region": "us"})));
        assert_eq!(sent(&both), Ok(Json::Null));
    }

    #[test]
    fn the_mask_is_never_sent() {
        let declared = change(vec![plain(json!({"k": ["***"]}))], None);
        assert!(sent(&declared).unwrap_err().contains("k"));
        let resolved = change(vec![secret("k", "MASKED")], None);
        assert!(sent(&resolved).unwrap_err().contains("MASKED"));
    }

    #[test]
    fn a_key_declared_both_ways_or_without_a_value_is_refused() {
        let twice = change(vec![plain(json!({"k": 1})), secret("k", "KEY")], None);
        assert!(sent(&twice).unwrap_err().contains("keep one"));
        let missing = change(vec![secret("k", "NOPE")], None);
        assert!(sent(&missing).unwrap_err().contains("NOPE"));
    }

    #[test]
    fn what_comes_back_holds_no_secret_in_any_form() {
        let change = change(vec![secret("key", "KEY")], None);
        let Ok(params) = Params::of(&change, &Vault) else { panic!("resolves") };
        assert_eq!(params.redact(r#"bad s3"cret, s3\"cret"#), "bad [redacted], [redacted]");
    }
}
