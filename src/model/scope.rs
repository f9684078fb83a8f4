//! What a set has authority over: a box in the space of keys.

use std::collections::{BTreeSet, HashMap};

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

    /// The parts that it limits, with what they may be.
    fn limited(&self) -> impl Iterator<Item = (usize, &BTreeSet<Sym>)> {
        self.parts.iter().enumerate().filter_map(|(part, condition)| match condition {
            PartScope::In(ids) => Some((part, ids)),
            PartScope::Any => None,
        })
    }

    /// Whether no part is limited.
    pub fn is_all(&self) -> bool {
        self.parts.iter().all(|part| *part == PartScope::Any)
    }
}

/// Many scopes, found by what lies in them without asking every one. Each is filed under the ids of one part that it limits: the one under
/// which the fewest others are filed.
#[derive(Debug)]
pub struct ScopeIndex<'a> {
    scopes: Vec<&'a Scope>,
    filed: HashMap<(usize, Sym), Vec<usize>>,
    /// The parts that scopes are filed under.
    parts: [bool; MAX_KEY_PARTS],
    /// Scopes that limit nothing.
    open: Vec<usize>,
}

impl<'a> ScopeIndex<'a> {
    /// Scopes in an order by which they are numbered, from 0.
    pub fn new(scopes: impl IntoIterator<Item = &'a Scope>) -> Self {
        let scopes: Vec<&Scope> = scopes.into_iter().collect();
        let mut crowd: HashMap<(usize, Sym), usize> = HashMap::new();
        for (part, ids) in scopes.iter().flat_map(|scope| scope.limited()) {
            ids.iter().for_each(|id| *crowd.entry((part, *id)).or_default() += 1);
        }
        let crowded = |(part, ids): &(usize, &BTreeSet<Sym>)| -> usize {
            ids.iter().filter_map(|id| crowd.get(&(*part, *id))).sum()
        };
        let (mut filed, mut parts, mut open) = (HashMap::<_, Vec<usize>>::new(), [false; MAX_KEY_PARTS], Vec::new());
        for (number, scope) in scopes.iter().enumerate() {
            match scope.limited().min_by_key(crowded) {
                Some((part, ids)) => {
                    parts[part] = true;
                    ids.iter().for_each(|id| filed.entry((part, *id)).or_default().push(number));
                }
                None => open.push(number),
            }
        }
        Self { scopes, filed, parts, open }
    }

    /// The numbers of the scopes that a key is inside, each once, in no order.
    pub fn containing(&self, key: &Key) -> impl Iterator<Item = usize> {
        let key = *key;
        let filed = (0..MAX_KEY_PARTS).filter_map(move |part| self.filed.get(&(part, key.part(part)))).flatten();
        filed.chain(&self.open).copied().filter(move |number| self.scopes[*number].contains(&key))
    }

    /// The numbers of the scopes that some key of another one could be inside too, in order.
    pub fn intersecting(&self, scope: &Scope) -> Vec<usize> {
        let looked_up = scope.parts.iter().zip(self.parts).all(|(part, used)| !used || *part != PartScope::Any);
        let mut found: Vec<usize> = if looked_up {
            let by_id =
                scope.limited().flat_map(|(part, ids)| ids.iter().filter_map(move |id| self.filed.get(&(part, *id))));
            by_id.flatten().chain(&self.open).copied().collect()
        } else {
            (0..self.scopes.len()).collect()
        };
        found.sort_unstable();
        found.dedup();
        found.retain(|number| self.scopes[*number].intersects(scope));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scopes over three ids and "any" in two parts, and every key of four ids: the index finds what asking each scope finds.
    #[test]
    fn the_index_finds_what_asking_every_scope_finds() {
        let ids = Ids::default();
        let syms: Vec<Sym> = ["a", "b", "c", "d"].iter().map(|text| ids.sym(text)).collect();
        let part = |mask: usize| match (0..3).filter(|bit| mask & (1 << bit) != 0).map(|bit| syms[bit]).collect() {
            ids if mask != 0 => PartScope::In(ids),
            _ => PartScope::Any,
        };
        let scopes: Vec<Scope> =
            (0..64).map(|n| Scope { parts: [part(n % 8), part(n / 8), PartScope::Any, PartScope::Any] }).collect();
        for skipped in [0, 1, 8, 63] {
            // With and without scopes that limit nothing, or one part only.
            let some: Vec<&Scope> = scopes.iter().skip(skipped).collect();
            let index = ScopeIndex::new(some.iter().copied());
            for key in syms.iter().flat_map(|a| syms.iter().map(|b| Key::new(&[*a, *b]))) {
                let mut found: Vec<usize> = index.containing(&key).collect();
                found.sort_unstable();
                let asked: Vec<usize> = (0..some.len()).filter(|number| some[*number].contains(&key)).collect();
                assert_eq!(found, asked);
            }
            for scope in &scopes {
                let asked: Vec<usize> = (0..some.len()).filter(|number| some[*number].intersects(scope)).collect();
                assert_eq!(index.intersecting(scope), asked);
            }
        }
    }
}
