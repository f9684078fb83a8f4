//! Which targets and sets of the base are which of the head: by name, else by what they are about.

use std::collections::HashMap;

use super::Side;
use crate::model::{DesiredSet, Key, MAX_KEY_PARTS, PartScope, Scope, Sym, Target, Value};

/// What belongs together on both sides.
#[derive(Debug, Clone, Default)]
pub struct Pairs {
    /// For each target of the base, the head's.
    targets: Vec<Option<usize>>,
    /// For each set of the base, the head's.
    sets: Vec<Option<usize>>,
}

/// Whether two targets are the same account, and so the same live state. Where no field names the account, the target's name or
/// its credential does.
pub fn same_account(a: &Target, b: &Target) -> bool {
    let named = !a.account.is_empty() || a.name == b.name || a.auth == b.auth;
    (a.provider, &a.endpoint, &a.account) == (b.provider, &b.endpoint, &b.account) && named
}

/// Whether what one of two targets reads and may do says what the other does: the same account, asked in the same way with the same
/// credentials.
pub fn reads_alike(a: &Target, b: &Target) -> bool {
    let other = |name: &str, value: &Value| b.options.get(name).is_some_and(|other| value.same(other));
    let options = a.options.iter().count() == b.options.iter().count()
        && a.options.iter().all(|(name, value)| other(name, value));
    same_account(a, b) && a.auth == b.auth && options
}

impl Pairs {
    /// Pairs two sides.
    pub fn new(base: &Side<'_>, head: &Side<'_>) -> Self {
        let targets = targets(base.targets, head.targets);
        let sets = sets(base.sets, head.sets, &targets);
        Self { targets, sets }
    }

    /// The head's target that a target of the base has become.
    pub fn target(&self, base: usize) -> Option<usize> {
        self.targets.get(base).copied().flatten()
    }

    /// The head's set that a set of the base has become.
    pub fn set(&self, base: usize) -> Option<usize> {
        self.sets.get(base).copied().flatten()
    }

    /// The target of the base that a target of the head was.
    pub fn base_target(&self, head: usize) -> Option<usize> {
        self.targets.iter().position(|paired| *paired == Some(head))
    }

    /// The set of the base that each of the head's sets was.
    pub(super) fn base_sets(&self, head: usize) -> Vec<Option<usize>> {
        inverse(&self.sets, head)
    }

    /// The target of the base that each of the head's targets was.
    pub(super) fn base_targets(&self, head: usize) -> Vec<Option<usize>> {
        inverse(&self.targets, head)
    }
}

fn inverse(pairs: &[Option<usize>], len: usize) -> Vec<Option<usize>> {
    let mut inverse = vec![None; len];
    for (base, head) in pairs.iter().enumerate() {
        if let Some(slot) = head.and_then(|head| inverse.get_mut(head)) {
            *slot = Some(base);
        }
    }
    inverse
}

/// Takes the first of some numbers that is still free.
fn take_free(taken: &mut [bool], candidates: impl IntoIterator<Item = usize>) -> Option<usize> {
    let free = candidates.into_iter().find(|index| !taken.get(*index).copied().unwrap_or(true))?;
    taken[free] = true;
    Some(free)
}

fn targets(base: &[Target], head: &[Target]) -> Vec<Option<usize>> {
    let mut taken = vec![false; head.len()];
    let by_name: HashMap<&str, usize> = head.iter().enumerate().map(|(n, target)| (target.name.as_str(), n)).collect();
    let named = base.iter().map(|target| take_free(&mut taken, by_name.get(target.name.as_str()).copied()));
    let mut pairs: Vec<Option<usize>> = named.collect();
    for (pair, target) in pairs.iter_mut().zip(base).filter(|(pair, _)| pair.is_none()) {
        let same = head.iter().enumerate().filter(|(_, other)| same_account(target, other)).map(|(n, _)| n);
        *pair = take_free(&mut taken, same);
    }
    pairs
}

/// What a set without its name is recognised by.
#[derive(PartialEq, Eq, Hash)]
enum Trait {
    Scope([Option<Vec<Sym>>; MAX_KEY_PARTS]),
    Rows(Vec<Key>),
}

impl Trait {
    fn scope(set: &DesiredSet) -> Option<Self> {
        let Scope { parts } = set.scope.as_ref()?;
        Some(Self::Scope(parts.each_ref().map(|part| match part {
            PartScope::Any => None,
            PartScope::In(ids) => Some(ids.iter().copied().collect()),
        })))
    }

    fn rows(set: &DesiredSet) -> Option<Self> {
        let mut keys: Vec<Key> = set.rows.iter().map(|row| row.key).collect();
        keys.sort_unstable();
        (!keys.is_empty()).then_some(Self::Rows(keys))
    }
}

fn sets(base: &[&DesiredSet], head: &[&DesiredSet], targets: &[Option<usize>]) -> Vec<Option<usize>> {
    let mut taken = vec![false; head.len()];
    let by_name: HashMap<&str, usize> = head.iter().enumerate().map(|(n, set)| (set.name.as_str(), n)).collect();
    let mut pairs: Vec<Option<usize>> =
        base.iter().map(|set| take_free(&mut taken, by_name.get(set.name.as_str()).copied())).collect();
    for recognise in [Trait::scope, Trait::rows] {
        let mut free: HashMap<(usize, Trait), Vec<usize>> = HashMap::new();
        for (number, set) in head.iter().enumerate().filter(|(number, _)| !taken[*number]) {
            if let Some(sign) = recognise(set) {
                free.entry((set.target, sign)).or_default().push(number);
            }
        }
        for (pair, set) in pairs.iter_mut().zip(base).filter(|(pair, _)| pair.is_none()) {
            let target = targets.get(set.target).copied().flatten();
            let Some(sign) = target.zip(recognise(set)) else { continue };
            *pair = take_free(&mut taken, free.get(&sign).into_iter().flatten().copied());
        }
    }
    pairs
}
