//! What sets claim that could not be planned: names in them have no ids, so any id may be meant. Other sets take nothing away there.

use std::collections::HashSet;

use crate::model::{Ids, Key, PartScope, Protect, Scope, ScopeIndex, Sym};

use super::planner::{Input, has_failed};

/// The claims of all sets that failed. A name may be any id.
#[derive(Default)]
pub(super) struct Claimed {
    keys: HashSet<Key>,
    scopes: Vec<Scope>,
    protects: Vec<Protect>,
}

impl Claimed {
    pub(super) fn by_failed_sets(input: &Input<'_>) -> Self {
        let mut claimed = Self::default();
        for set in input.sets.iter().map(|input| input.set).filter(|set| has_failed(set)) {
            for row in &set.rows {
                if row.key.has_name() {
                    claimed.scopes.push(Scope { parts: row.key.0.map(|part| any_for_names([part])) });
                } else {
                    claimed.keys.insert(row.key);
                }
            }
            let open = |part: &PartScope| match part {
                PartScope::Any => PartScope::Any,
                PartScope::In(ids) => any_for_names(ids.iter().copied()),
            };
            claimed.scopes.extend(set.scope.iter().map(|scope| Scope { parts: scope.parts.each_ref().map(open) }));
            let named = set.protect.iter().filter(|protect| protect.parts.iter().flatten().any(|part| part.is_name()));
            claimed.protects.extend(named.map(|protect| {
                let parts = protect.parts.map(|part| part.filter(|part| !part.is_name()));
                Protect { parts, ..protect.clone() }
            }));
        }
        claimed
    }
}

fn any_for_names(ids: impl IntoIterator<Item = Sym> + Clone) -> PartScope {
    match ids.clone().into_iter().any(Sym::is_name) {
        true => PartScope::Any,
        false => PartScope::In(ids.into_iter().collect()),
    }
}

/// The claims, findable by key.
pub(super) struct Claims<'c> {
    claimed: &'c Claimed,
    scopes: ScopeIndex<'c>,
}

impl<'c> Claims<'c> {
    pub(super) fn new(claimed: &'c Claimed) -> Self {
        Self { claimed, scopes: ScopeIndex::new(&claimed.scopes) }
    }

    /// Whether a set that failed may mean this key.
    pub(super) fn hold(&self, key: &Key, ids: &Ids) -> bool {
        self.claimed.keys.contains(key)
            || self.scopes.containing(key).next().is_some()
            || self.claimed.protects.iter().any(|protect| protect.matches(key, ids))
    }
}
