//! Rows: what is declared and what is live, in one vocabulary.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Expect, Fields, Handles, Ignore, Instant, Key, Mode, NameUse, Protect, Scope, ScopeIndex, Sym};

/// Where a declaration stands: a range of bytes in the run's source of that number. The loader turns it into file, line and column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Origin {
    /// Number of the source.
    pub source: u32,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// One declared assignment.
#[derive(Debug, Clone)]
pub struct Desired {
    /// Its natural key.
    pub key: Key,
    /// Only the fields its author wrote; an explicit `null` is [`super::Value::Null`].
    pub fields: Fields,
    /// Its entry in the manifest.
    pub origin: Origin,
}

#[cfg(test)]
impl From<Key> for Desired {
    /// The key alone, declared nowhere.
    fn from(key: Key) -> Self {
        Self { key, fields: Fields::default(), origin: Origin::default() }
    }
}

/// One assignment set, lowered.
#[derive(Debug, Clone)]
pub struct DesiredSet {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.labels`, sorted by key.
    pub labels: Vec<(String, String)>,
    /// Index of the target in the run's list of targets.
    pub target: usize,
    /// How far its authority goes.
    pub mode: Mode,
    /// Its scope; `None`: its declared keys only (additive and observe sets).
    pub scope: Option<Scope>,
    /// The scope as a person would say it, such as `org_ids dealer-at, dealer-de`.
    pub scope_text: String,
    /// The reviewed exception to the thresholds.
    pub expect: Option<Expect>,
    /// Rows of the target that must not be lost.
    pub protect: Vec<Protect>,
    /// Differences that it leaves alone.
    pub ignore: Vec<Ignore>,
    /// The declared assignments, in the order of the file.
    pub rows: Vec<Desired>,
    /// The names that stand in place of ids anywhere in the set; empty for a set that says ids only.
    pub names: Vec<NameUse>,
    /// Where the scope is written; without one, the mode.
    pub scope_origin: Origin,
    /// The document's `metadata.name` value.
    pub origin: Origin,
}

impl DesiredSet {
    /// Whether a key is under this set's authority.
    pub fn covers(&self, key: &Key) -> bool {
        match &self.scope {
            Some(scope) => scope.contains(key),
            None => self.rows.iter().any(|row| row.key == *key),
        }
    }
}

/// The state of an assignment with a time window, as the system itself reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowState {
    /// Its start lies ahead.
    Scheduled,
    /// It gives access now.
    Active,
    /// Its end has passed.
    Expired,
}

/// What a live row carries beyond its fields, where the API tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveInfo {
    /// Changes with every change of the object (Streamline's `assignment_id`, an `updated_at`).
    pub revision: Option<Box<str>>,
    /// When it was created.
    pub created: Option<Instant>,
    /// When it was last changed.
    pub updated: Option<Instant>,
    /// The state of its time window by the server's clock. Never part of a comparison or a digest.
    pub state: Option<WindowState>,
}

/// One live assignment.
#[derive(Debug, Clone)]
pub struct Live {
    /// Its natural key.
    pub key: Key,
    /// The server's id, where rows have one.
    pub id: Option<Box<str>>,
    /// All managed fields that are there, normalised.
    pub fields: Fields,
    /// More about it, where the API tells.
    pub info: Option<Box<LiveInfo>>,
}

/// Display names beside ids, by key part. Never part of a comparison or a digest.
#[derive(Debug, Clone, Default)]
pub struct Names(HashMap<(u8, Sym), Box<str>>);

impl Names {
    /// Remembers a name; the first one seen stays, so that repeated rows change nothing.
    pub fn add(&mut self, part: usize, id: Sym, name: &str) {
        self.add_with(part, id, || name.to_owned());
    }

    /// The same for a name that has to be made: it is made only where none was seen.
    pub fn add_with(&mut self, part: usize, id: Sym, name: impl FnOnce() -> String) {
        if let Entry::Vacant(vacant) = self.0.entry((u8::try_from(part).unwrap_or(u8::MAX), id)) {
            let name = name();
            if !name.is_empty() {
                vacant.insert(name.into());
            }
        }
    }

    /// Takes the names of another listing; its own stay.
    pub fn extend(&mut self, other: Names) {
        if self.0.is_empty() {
            *self = other;
        } else {
            for (id, name) in other.0 {
                self.0.entry(id).or_insert(name);
            }
        }
    }

    /// The name of an id.
    pub fn get(&self, part: usize, id: Sym) -> Option<&str> {
        self.0.get(&(u8::try_from(part).unwrap_or(u8::MAX), id)).map(AsRef::as_ref)
    }
}

/// Whether a part of the live state was read whole. Nothing is removed where it was not.
#[derive(Debug, Clone)]
pub struct Coverage {
    /// The box of keys that was listed.
    pub scope: Scope,
    /// Why the listing is not proven complete; `None`: it is.
    pub gap: Option<String>,
    /// What proves it, or was seen: "3 pages, 240 rows, item_count 240". For reviewers and saved plans.
    pub evidence: String,
}

/// What a plan needs to know of a target.
#[derive(Debug, Clone, Default)]
pub struct ReadRequest<'a> {
    /// The scopes of the sets concerned.
    pub scopes: Vec<Scope>,
    /// What each of the sets declares, also outside `scopes` (sets without a scope). Lent, for there may be a million.
    pub rows: Vec<&'a [Desired]>,
    /// Whether the names that rows carry are needed too, to find the ids of references by name ([`Snapshot::handles`]).
    pub names: bool,
}

impl ReadRequest<'_> {
    /// How many assignments are declared.
    pub fn declared(&self) -> usize {
        self.rows.iter().map(|rows| rows.len()).sum()
    }

    /// The declared keys. One with a name in place of an id is none yet, and left out.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.rows.iter().flat_map(|rows| rows.iter()).map(|row| row.key).filter(|key| !key.has_name())
    }
}

/// What was read.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Live rows, in any order, each key at most once.
    pub rows: Vec<Live>,
    /// Names beside ids.
    pub names: Names,
    /// What the rows call their ids; filled where the request asks for names and the listing carries them.
    pub handles: Handles,
    /// What was listed, and whether completely.
    pub coverage: Vec<Coverage>,
    /// Requests that the reading took, retries included.
    pub requests: u64,
    /// Milliseconds by which the server's clock is ahead of the local clock; `None`: no answer showed the server's clock.
    pub clock_ahead: Option<i64>,
}

impl Snapshot {
    /// Whether the absence of other rows at one key's place is proven. For many keys ask [`Coverages`].
    pub fn proves(&self, key: &Key) -> bool {
        Coverages::new(&self.coverage).proves(key)
    }
}

/// What was listed, by place.
#[derive(Debug)]
pub struct Coverages<'a> {
    all: &'a [Coverage],
    index: ScopeIndex<'a>,
}

impl<'a> Coverages<'a> {
    /// Of all listings of a snapshot.
    pub fn new(all: &'a [Coverage]) -> Self {
        Self { all, index: ScopeIndex::new(all.iter().map(|coverage| &coverage.scope)) }
    }

    /// Whether the absence of other rows at this key's place is proven, so that removing the undeclared is safe.
    pub fn proves(&self, key: &Key) -> bool {
        let mut covering = self.index.containing(key).peekable();
        covering.peek().is_some() && covering.all(|number| self.all[number].gap.is_none())
    }

    /// The listings that a scope meets.
    pub fn touching(&self, scope: &Scope) -> impl Iterator<Item = &'a Coverage> {
        self.index.intersecting(scope).into_iter().map(|number| &self.all[number])
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Ids, NameRef};
    use super::*;

    #[test]
    fn a_name_in_place_of_an_id_is_declared_and_no_key() {
        let ids = Ids::default();
        let name = ids.named(NameRef { field: "node_name", within: None, text: "EMEA".into() });
        let rows =
            [Key::new(&[ids.sym("anna"), ids.sym("emea")]), Key::new(&[ids.sym("bob"), name])].map(Desired::from);
        let request = ReadRequest { rows: vec![&rows], ..ReadRequest::default() };
        assert_eq!((request.declared(), request.keys().collect::<Vec<_>>()), (2, vec![rows[0].key]));
    }
}
