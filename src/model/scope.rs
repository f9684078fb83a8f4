//! What a set has authority over: a box in the space of keys.

use std::collections::BTreeSet;

use super::{Ids, Key, MAX_KEY_PARTS, Sym};

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

    /// Whether an id may turn out to be inside once names are resolved.
    pub fn may_contain(&self, sym: Sym, ids: &Ids) -> bool {
        self.contains(sym)
            || match self {
                PartScope::Any => true,
                PartScope::In(set) => set.iter().any(|inside| ids.may_meet(*inside, sym)),
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

    /// Whether a key may turn out to be inside once names are resolved; without names, whether it is.
    pub fn may_contain(&self, key: &Key, ids: &Ids) -> bool {
        self.parts.iter().zip(key.0).all(|(part, sym)| part.may_contain(sym, ids))
    }

    /// Whether any part is given by a name in place of an id.
    pub fn has_name(&self) -> bool {
        let named = |part: &PartScope| matches!(part, PartScope::In(set) if set.iter().any(|sym| sym.is_name()));
        self.parts.iter().any(named)
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
