//! What a provider's API can do, as data: all that the planner may know of a system.

use super::{Change, Fields, Ids, Json, Key, Limits, Route, Value};

/// How a field's values look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// [`super::Value::Text`].
    Text,
    /// [`super::Value::Instant`].
    Instant,
    /// [`super::Value::Json`]; shown as a line diff.
    Json,
    /// [`super::Value::Secrets`] when declared, [`super::Value::Masked`] when live.
    SecretMap,
}

/// One field of an assignment beyond its key.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    /// The API's own name.
    pub name: &'static str,
    /// How its values look.
    pub kind: FieldKind,
    /// The field of the same assignment that holds this map's masked keys: sending this one means sending both, whole
    /// (apis/semaphor.md: `params` is sent whole, its secret values come back masked).
    pub sent_with: Option<&'static str>,
}

/// One removal and one create that share `slot` are one update of the key part `replaced`.
#[derive(Debug, Clone, Copy)]
pub struct Pairing {
    /// Key parts that must be equal (Canopy: identity and node).
    pub slot: &'static [usize],
    /// The key part that the update changes (Canopy: role).
    pub replaced: usize,
}

/// The fields that bound an assignment in time.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Start; not declared means unmanaged.
    pub from: &'static str,
    /// End; absent means never.
    pub to: &'static str,
}

/// A key part whose name in the API depends on another part.
#[derive(Debug, Clone, Copy)]
pub struct KeyNames {
    /// The part (Semaphor: the actor).
    pub part: usize,
    /// The part that decides (Semaphor: the scope type).
    pub by: usize,
    /// The deciding part's words, each with the API's name of `part`; with another word there is no such part.
    pub names: &'static [(&'static str, &'static str)],
}

/// What taking an assignment away is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRemove {
    /// It is deleted.
    Remove,
    /// It is archived and stays as history (apis/streamline.md: Retiring).
    Archive,
}

/// All that the planner knows of a system.
#[derive(Debug)]
pub struct Capabilities {
    /// The provider's name, as in `Target.spec.provider`.
    pub provider: &'static str,
    /// The names of the key's parts, in order.
    pub key_fields: &'static [&'static str],
    /// The part among them that the API names differently from key to key.
    pub key_names: Option<KeyNames>,
    /// The names of the other managed fields.
    pub fields: &'static [FieldSpec],
    /// Role changes, where the API can replace a key part in place.
    pub pairing: Option<Pairing>,
    /// Time windows, where assignments have them.
    pub window: Option<Window>,
    /// The key part whose grants come before its losses, such as the identity.
    pub order_by: usize,
    /// The key part whose distinct values are "holders" for `min_holders`; `None`: not counted here.
    pub holder: Option<usize>,
    /// Whether a removal archives.
    pub on_remove: OnRemove,
    /// What a person has to know once changes went through, such as a step that this program does not take.
    pub after_apply: Option<&'static str>,
    /// The route that carries a change, given the target's limits and options. Changes of one route and group share batches.
    pub route: fn(&Change, &Limits, &Fields) -> Route,
}

impl Capabilities {
    /// Takes keys of a map that can be read for secret: they join the masked keys of the field that is sent with it, and their
    /// values are gone. `secret` is asked with the name of the masked field, the map, and a key of it.
    pub fn mask(&self, fields: &mut Fields, secret: impl Fn(&str, &Json, &str) -> bool) {
        for field in self.fields {
            let Some(partner) = field.sent_with else { continue };
            let Some(Value::Json(json)) = fields.get(field.name) else { continue };
            let Some(entries) = json.entries() else { continue };
            let (masked, plain): (Vec<_>, Vec<_>) =
                entries.into_iter().partition(|(key, _)| secret(partner, json, key));
            if masked.is_empty() {
                continue;
            }
            let mut rest = Json::object(plain.iter().map(|(key, value)| (key.as_str(), *value)));
            rest.hide(json.hidden().to_vec());
            let rest = if plain.is_empty() { Value::Null } else { Value::Json(Box::new(rest)) };
            let mut keys: Vec<Box<str>> = masked.into_iter().map(|(key, _)| key.into_boxed_str()).collect();
            if let Some(Value::Masked(known)) = fields.get(partner) {
                keys.extend_from_slice(known);
            }
            keys.sort_unstable();
            keys.dedup();
            let changed = [(field.name, rest), (partner, Value::Masked(keys))];
            let kept = fields.iter().map(|(name, value)| (name, value.clone())).collect::<Vec<_>>();
            *fields = Fields::new(kept.into_iter().chain(changed).collect());
        }
    }

    /// A row's fields with every hidden value taken for secret, for whoever writes fields down.
    pub fn with_hidden_masked(&self, fields: &Fields) -> Fields {
        let mut fields = fields.clone();
        self.mask(&mut fields, |_, json, key| json.hidden().iter().any(|hidden| **hidden == *key));
        fields
    }

    /// The description of a field.
    pub fn field(&self, name: &str) -> Option<&FieldSpec> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The index of a key part by name.
    pub fn key_part(&self, name: &str) -> Option<usize> {
        self.key_fields.iter().position(|field| *field == name)
    }

    /// The API's names of all parts of keys, as a person writes them.
    pub fn written_key_names(&self) -> Vec<&'static str> {
        let variable = self.key_names.iter().flat_map(|names| names.names).map(|(_, name)| *name);
        let is_fixed = |part: &usize| self.key_names.is_none_or(|names| names.part != *part);
        let fixed = self.key_fields.iter().enumerate().filter(|(part, _)| is_fixed(part)).map(|(_, name)| *name);
        fixed.chain(variable).collect()
    }

    /// A key part's name where no single key is meant, such as the head of a column: all the API's names of it.
    pub fn part_names(&self, part: usize) -> String {
        match self.key_names.filter(|names| names.part == part) {
            Some(variable) => variable.names.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(" or "),
            None => self.key_fields.get(part).copied().unwrap_or_default().to_owned(),
        }
    }

    /// The key part that a written name means, and what the name says of another part (`tenantId`: the scope type is `TENANT`).
    pub fn written_key_part(&self, name: &str) -> Option<(usize, Option<(usize, &'static str)>)> {
        let Some(variable) = self.key_names else { return Some((self.key_part(name)?, None)) };
        let named = variable.names.iter().find(|(_, known)| *known == name);
        match named {
            Some((word, _)) => Some((variable.part, Some((variable.by, *word)))),
            None => self.key_part(name).filter(|part| *part != variable.part).map(|part| (part, None)),
        }
    }

    /// The API's own name of a part of this key; `None`: a key like this has no such part (Semaphor: no actor for `ALL_TENANTS`).
    pub fn key_name(&self, ids: &Ids, key: &Key, part: usize) -> Option<&'static str> {
        let general = self.key_fields.get(part).copied();
        let Some(variable) = self.key_names.filter(|names| names.part == part) else { return general };
        let by = ids.text(key.part(variable.by));
        let named = variable.names.iter().find(|(word, _)| *word == by).map(|(_, name)| *name);
        // An id is never left out, even beside a word that is not known.
        named.or_else(|| general.filter(|_| !key.part(part).is_none()))
    }
}
