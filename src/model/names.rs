//! What a manifest calls something whose id it does not say, and what the live listing calls the ids that it shows.

use std::collections::{BTreeSet, HashMap};

use super::{Sym, row::Origin};

/// A reference by name: the manifest's field, what the name is unique in, and the name to the letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameRef {
    /// The field in its singular form, such as `identity_email`. It says which names are meant, of which key part.
    pub field: &'static str,
    /// What the name is given beside, such as the connection of a definition.
    pub within: Option<Box<str>>,
    /// The name.
    pub text: Box<str>,
}

/// What a name decides about, from the least to the most dangerous place for it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NamePlace {
    /// One assignment.
    Assignment,
    /// Which rows must not be lost.
    Protect,
    /// What the set has authority over.
    Scope,
}

/// One use of a name in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameUse {
    /// The name, as [`super::Ids::name`] tells it.
    pub name: Sym,
    /// The id that the live listing gave it; `None` until the listing is read.
    pub id: Option<Sym>,
    /// What it decides about.
    pub place: NamePlace,
    /// Where it is written.
    pub origin: Origin,
}

/// The names that the rows of a listing carry, with all ids that each was seen on.
#[derive(Debug, Clone, Default)]
pub struct Handles(HashMap<NameRef, BTreeSet<Sym>>);

impl Handles {
    /// Remembers a name. An empty one names nothing.
    pub fn add(&mut self, field: &'static str, within: Option<&str>, text: &str, id: Sym) {
        if !text.is_empty() {
            let name = NameRef { field, within: within.map(Into::into), text: text.into() };
            self.0.entry(name).or_default().insert(id);
        }
    }

    /// Adds what another part of the listing showed.
    pub fn extend(&mut self, other: Self) {
        for (name, ids) in other.0 {
            self.0.entry(name).or_default().extend(ids);
        }
    }

    /// The ids that a name was seen on: none, the one that it means, or several that it could mean.
    pub fn ids(&self, name: &NameRef) -> impl Iterator<Item = Sym> + '_ {
        self.0.get(name).into_iter().flatten().copied()
    }

    /// All names of a field, sorted.
    pub fn of_field(&self, field: &str) -> Vec<&NameRef> {
        let mut names: Vec<&NameRef> = self.0.keys().filter(|known| known.field == field).collect();
        names.sort_unstable();
        names
    }
}
