//! What a set has authority over: a box in the space of keys.

use std::collections::BTreeSet;

use super::{Key, MAX_KEY_PARTS, Sym};

/// What one part of a key may be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PartScope {
    /// Anything.
    #[default]
    Any,
    /// One of these; never empty.
    In(BTreeSet<Sym>),
}

impl PartScope {
    /// Whether an id is inside.
    pub fn contains(&self, sym: Sym) -> bool {
        match self {
            PartScope::Any => true,
            PartScope::In(set) => set.contains(&sym),
        }
    }

    fn meets(&self, other: &PartScope) -> bool {
        match (self, other) {
            (PartScope::In(a), PartScope::In(b)) => !a.is_disjoint(b),
            _ => true,
        }
    }
}

/// The authority of a set: the intersection of what each key part may be. `all` leaves every part open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// One condition a key part, in the order of the key.
    pub parts: [PartScope; MAX_KEY_PARTS],
}

impl Scope {
    /// Whether a key is inside.
    pub fn contains(&self, key: &Key) -> bool {
        self.parts.iter().zip(key.0).all(|(part, sym)| part.contains(sym))
    }

    /// Whether some key could be inside both.
    pub fn intersects(&self, other: &Scope) -> bool {
        self.parts.iter().zip(&other.parts).all(|(a, b)| a.meets(b))
    }

    /// Whether no part is limited.
    pub fn is_all(&self) -> bool {
        self.parts.iter().all(|part| *part == PartScope::Any)
    }
}
