//! Digests that bind a saved plan to what was reviewed: of the live object that a change was planned against (its precondition), of
//! what a change leaves behind, and of what a set declares. They hold no secret: masked values go in as their keys, declared
//! secrets as their references. Display names never go in.

use sha2::{Digest as _, Sha256};

use super::saved::SavedChange;
use crate::model::{Action, DesiredSet, Fields, Ids, Ignore, Key, Live, PartScope, Pattern, Scope, Sym, Value};

/// A digest as text: `sha256:` and 64 hexadecimal digits.
pub type Digest = String;

/// The precondition of a change: the server's id, the revision, the normalised fields of the live object; or that there is none.
pub fn precondition(ids: &Ids, live: Option<&Live>) -> Digest {
    let mut text = Text::new("live");
    if let Some(live) = live {
        text.key(ids, &live.key);
        text.part(live.id.as_deref().unwrap_or(""));
        text.part(live.info.as_ref().and_then(|info| info.revision.as_deref()).unwrap_or(""));
        text.fields(&live.fields);
    }
    hex(text.digest())
}

/// What a saved change says that it does: its action, its route, its keys and every value that it sends. Made of the file's own
/// words, so that a reader can make it again.
pub(super) fn after(change: &SavedChange) -> Digest {
    let SavedChange { action, route, key, from_key, after, .. } = change;
    let mut text = Text::new("after");
    text.part(match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Remove => "remove",
    });
    text.part(route);
    for key in [Some(key), from_key.as_ref()] {
        let parts = key.into_iter().flatten();
        text.length(key.map_or(0, |key| key.len() + 1));
        parts.for_each(|(name, id)| [name, id].into_iter().for_each(|part| text.part(part)));
    }
    text.length(after.len());
    for (name, value) in after {
        text.part(name);
        text.json(value);
    }
    hex(text.digest())
}

/// What a set declares: mode, scope and every assignment, whatever their order in the file; names as they are written, for a saved plan
/// holds beside it which id each one was ([`super::ResolvedName`]). What only a guard reads (`expect`, `protect`)
/// is judged anew at every apply, and stays out.
pub fn desired(ids: &Ids, set: &DesiredSet) -> Digest {
    let mut text = Text::new("set");
    text.part(set.mode.as_str());
    text.scope(ids, set.scope.as_ref());
    text.length(set.ignore.len());
    set.ignore.iter().for_each(|rule| text.ignore(rule));
    text.sorted("row", &set.rows, |text, row| {
        text.key(ids, &row.key);
        text.fields(&row.fields);
    });
    hex(text.digest())
}

/// An unambiguous byte stream: every part carries its length, so that no two inputs share one.
struct Text {
    hash: Sha256,
    /// What the hash was not given yet: there may be a million texts of a dozen parts, and a call for each part costs more than its bytes.
    waiting: Vec<u8>,
}

/// So many bytes wait at most: more than most rows have.
const WAITING: usize = 256;

impl Text {
    fn empty() -> Self {
        Self { hash: Sha256::new(), waiting: Vec::with_capacity(WAITING) }
    }

    fn new(kind: &str) -> Self {
        let mut text = Self::empty();
        text.part(kind);
        text
    }

    fn part(&mut self, part: &str) {
        self.length(part.len());
        self.bytes(part.as_bytes());
    }

    /// Seven bits a byte, the lowest first, the highest bit set where more follow: most parts have a length of one byte, and hashing takes its
    /// time by the byte.
    fn length(&mut self, mut length: usize) {
        loop {
            let [low, ..] = length.to_le_bytes();
            length >>= 7;
            if length == 0 {
                return self.bytes(&[low]);
            }
            self.bytes(&[low | 0x80]);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if self.waiting.len() + bytes.len() > WAITING {
            self.hash.update(&self.waiting);
            self.waiting.clear();
        }
        if bytes.len() > WAITING {
            self.hash.update(bytes);
        } else {
            self.waiting.extend_from_slice(bytes);
        }
    }

    fn key(&mut self, ids: &Ids, key: &Key) {
        key.0.into_iter().for_each(|part| self.id(ids, part));
    }

    /// An id, or the name that stands in its place.
    fn id(&mut self, ids: &Ids, id: Sym) {
        match ids.name(id) {
            None => self.part(ids.text(id)),
            Some(name) => {
                // No id of a manifest holds a control character, so no id is mistaken for a name.
                self.part("\u{1}name");
                self.part(name.field);
                self.part(name.within.as_deref().unwrap_or(""));
                self.part(&name.text);
            }
        }
    }

    /// What a set has authority over, whatever the order of its ids in the file.
    fn scope(&mut self, ids: &Ids, scope: Option<&Scope>) {
        let Some(scope) = scope else { return self.part("no scope") };
        for part in &scope.parts {
            match part {
                PartScope::Any => self.part("any"),
                PartScope::In(members) => {
                    self.part("one of");
                    self.sorted("id", members, |text, id| text.id(ids, *id));
                }
            }
        }
    }

    /// Texts of one kind whose order means nothing: how many, and their digests, sorted.
    fn sorted<T>(&mut self, kind: &str, items: impl IntoIterator<Item = T>, write: impl Fn(&mut Self, T)) {
        let mut text = Self::empty();
        let digest = |item| {
            text.part(kind);
            write(&mut text, item);
            text.digest()
        };
        let mut digests: Vec<[u8; 32]> = items.into_iter().map(digest).collect();
        // As numbers first: there may be a million, and no two that differ share their first eight bytes but by an unheard-of chance.
        let number = |digest: &[u8; 32]| digest.first_chunk().copied().map(u64::from_be_bytes);
        digests.sort_unstable_by(|a, b| number(a).cmp(&number(b)).then_with(|| a.cmp(b)));
        self.length(digests.len());
        digests.iter().for_each(|digest| self.bytes(digest));
    }

    fn fields(&mut self, fields: &Fields) {
        // A field that is null and a field that is absent mean different things in a declaration, and the same in a live row;
        // providers leave nulls out of live rows or put them in always, so both are stable.
        for (name, value) in fields.iter() {
            self.part(name);
            self.value(value);
        }
        self.part("");
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.part("null"),
            Value::Text(text) => {
                self.part("text");
                self.part(text);
            }
            Value::Instant(instant) => {
                self.part("instant");
                self.part(&instant.0.to_string());
            }
            Value::Json(json) => {
                self.part("json");
                self.json(&json.tree());
            }
            Value::Unusable(why) => {
                self.part("unusable");
                self.part(why);
            }
            Value::Masked(keys) => {
                self.part("masked");
                keys.iter().for_each(|key| self.part(key));
                self.part("");
            }
            Value::Secrets(map) => {
                self.part("secrets");
                for (key, reference) in map {
                    self.part(key);
                    self.part(&reference.to_string());
                }
                self.part("");
            }
        }
    }

    /// A rule of `ignore`: it decides which changes there are. Its reason is for people, and stays out.
    fn ignore(&mut self, rule: &Ignore) {
        self.part("ignore");
        rule.fields.iter().for_each(|field| self.part(field));
        self.part("");
        for pattern in &rule.parts {
            self.part(pattern.as_ref().map_or("", Pattern::as_str));
        }
        self.part(&rule.until.map_or_else(String::new, |(until, _)| until.0.to_string()));
    }

    /// JSON by meaning: objects by sorted key, whole numbers however they are written.
    fn json(&mut self, json: &serde_json::Value) {
        use serde_json::Value as J;
        match json {
            J::Array(items) => {
                self.part(&format!("array {}", items.len()));
                items.iter().for_each(|item| self.json(item));
            }
            J::Object(map) => {
                self.part(&format!("object {}", map.len()));
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                for (key, value) in entries {
                    self.part(key);
                    self.json(value);
                }
            }
            J::Number(number) => self.part(&crate::model::number_text(number)),
            J::String(text) => {
                self.part("string");
                self.part(text);
            }
            J::Bool(_) | J::Null => self.part(&json.to_string()),
        }
    }

    /// The digest of all that was said since the last one.
    fn digest(&mut self) -> [u8; 32] {
        self.hash.update(&self.waiting);
        self.waiting.clear();
        self.hash.finalize_reset().into()
    }
}

/// The digest of a file.
pub fn of_bytes(bytes: &[u8]) -> Digest {
    hex(Sha256::digest(bytes).into())
}

/// The text of a digest.
pub(super) fn hex(bytes: [u8; 32]) -> Digest {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(71);
    text.push_str("sha256:");
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NameRef;
    use serde_json::json;

    fn live(fields: Vec<(&'static str, Value)>) -> Live {
        Live { key: Key::default(), id: Some("a".into()), fields: Fields::new(fields), info: None }
    }

    fn of(json: serde_json::Value) -> Digest {
        precondition(&Ids::default(), Some(&live(vec![("settings", Value::json(json))])))
    }

    #[test]
    fn meaning_decides_not_text() {
        assert_eq!(of(json!({"a": 1, "b": [2.0]})), of(json!({"b": [2], "a": 1.0})));
        assert_ne!(of(json!({"a": 1})), of(json!({"a": "1"})));
        assert_ne!(of(json!(["a", "b"])), of(json!(["ab"])));
    }

    fn of_scope(text: &str) -> [u8; 32] {
        let ids = Ids::default();
        let id = |text: &str| match text.strip_prefix('=') {
            None => ids.sym(text),
            Some(name) => ids.named(NameRef { field: "node_name", within: None, text: name.into() }),
        };
        let members = text.split(' ').map(id).collect();
        let mut digest = Text::new("test");
        let mut scope = Scope::default();
        scope.parts[1] = PartScope::In(members);
        digest.scope(&ids, Some(&scope));
        digest.digest()
    }

    #[test]
    fn every_id_of_a_scope_counts_and_their_order_does_not() {
        assert_eq!(of_scope("a b c d e f g"), of_scope("g f e d c b a"));
        assert_ne!(of_scope("a b c d e f g"), of_scope("a b c d e f h"));
        assert_ne!(of_scope("a b c d e f g"), of_scope("a b c d e f g h"));
        assert_ne!(of_scope("a"), of_scope("=a"), "a name is no id");
        let (mut all, mut none) = (Text::new("test"), Text::new("test"));
        all.scope(&Ids::default(), Some(&Scope::default()));
        none.scope(&Ids::default(), None);
        let digests = [all.digest(), none.digest(), of_scope("a")];
        assert!(digests[0] != digests[1] && digests[1] != digests[2] && digests[0] != digests[2]);
    }

    #[test]
    fn every_part_counts_with_its_length_however_long_it_is() {
        let parts: Vec<String> =
            [0, 1, 127, 128, WAITING - 7, WAITING - 2, WAITING - 1, WAITING, WAITING + 1, 3 * WAITING, 1 << 14, 5]
                .map(|n| "x".repeat(n))
                .into();
        let (mut text, mut whole) = (Text::new("test"), Sha256::new());
        parts.iter().for_each(|part| text.part(part));
        for part in std::iter::once("test").chain(parts.iter().map(String::as_str)) {
            let length = part.len();
            match length {
                0..0x80 => whole.update([length as u8]),
                0x80..0x4000 => whole.update([(length % 0x80) as u8 | 0x80, (length / 0x80) as u8]),
                _ => whole.update([0x80, 0x80, 1]),
            }
            whole.update(part);
        }
        assert_eq!(hex(text.digest()), hex(whole.finalize().into()));
    }

    #[test]
    fn no_object_is_not_an_empty_object() {
        let ids = Ids::default();
        assert_ne!(precondition(&ids, None), precondition(&ids, Some(&live(Vec::new()))));
        assert_eq!(precondition(&ids, None).len(), 71);
    }
}
