//! The way back: for a plan about to be carried out, the declarations that would restore what was live before it.
//!
//! Pure, and made before the first write, so that it is there after a kill as well. What has to go again needs authority over some
//! scope; it gets the smallest box that the system's scopes can say, and declares everything that was live in there. Where that box
//! was not listed whole, or others may own rows in it, nothing is claimed: the rows are named, for a person.

use std::collections::{BTreeMap, HashSet};

use super::{PlannedChange, Reason, SetPlan, TargetPlan};
use crate::model::{
    Action, Coverages, DesiredSet, Fields, Instant, Key, Live, Mode, PartScope, Scope, ScopeIndex, Snapshot, Sym, Value,
};

/// What the way back depends on.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The plan about to be carried out.
    pub target: &'a TargetPlan,
    /// What was live when it was made.
    pub before: &'a Snapshot,
    /// All sets of the target.
    pub sets: &'a [&'a DesiredSet],
    /// The key parts that a scope can limit.
    pub scope_parts: &'a [usize],
    /// Whether those parts are the address of a set, one value each.
    pub address_is_scope: bool,
    /// Fields that every declaration must have.
    pub required: &'a [&'static str],
    /// The moment of the plan.
    pub now: Instant,
}

/// One set of the way back.
#[derive(Debug)]
pub struct UndoSet {
    /// The set whose changes it takes back.
    pub of: String,
    /// `authoritative` where something has to go again.
    pub mode: Mode,
    /// Its scope, or its address.
    pub scope: Option<Scope>,
    /// Losses that it will plan.
    pub removes: u64,
    /// Updates that it will plan.
    pub updates: u64,
    /// What was live.
    pub rows: Vec<UndoRow>,
    /// Rows that would have to go, and that no declaration of ours may claim.
    pub stay: Vec<Key>,
}

/// One row as it was.
#[derive(Debug)]
pub struct UndoRow {
    /// Its key.
    pub key: Key,
    /// The fields to declare.
    pub fields: Fields,
    /// Keys of masked maps whose old values nobody can read back. `fields` may hold references to the new ones.
    pub secrets: Vec<Box<str>>,
}

/// The sets that take a target's changes back.
pub fn undo(input: &Input<'_>) -> Vec<UndoSet> {
    if !input.target.refusals.is_empty() || input.target.unreadable.is_some() {
        return Vec::new();
    }
    let sets = input.target.sets.iter().filter(|set| set.applies());
    let groups: Vec<Group<'_>> = sets.flat_map(|set| groups(input, set)).collect();
    let around = surroundings(input, &groups);
    groups.iter().zip(around).map(|(group, around)| undo_set(input, group, &around)).collect()
}

/// Changes of one set that are taken back together.
struct Group<'a> {
    set: &'a SetPlan,
    changes: Vec<&'a PlannedChange>,
    touched: HashSet<Key>,
    /// The smallest scope that holds what is touched.
    scope: Scope,
}

/// What else lies in the scope of a group.
#[derive(Default)]
struct Around<'a> {
    /// Another set has a say in it.
    foreign: bool,
    /// Not listed whole.
    unproven: bool,
    /// Rows that the plan does not touch.
    neighbours: Vec<&'a Live>,
}

fn surroundings<'a>(input: &Input<'a>, groups: &[Group<'_>]) -> Vec<Around<'a>> {
    let index = ScopeIndex::new(groups.iter().map(|group| &group.scope));
    let coverages = Coverages::new(&input.before.coverage);
    let unproven = |group: &Group<'_>| !listed_whole(&coverages, &group.scope);
    let mut around: Vec<Around<'_>> =
        groups.iter().map(|group| Around { unproven: unproven(group), ..Around::default() }).collect();
    for set in input.sets {
        let by_scope = set.scope.iter().flat_map(|scope| index.intersecting(scope));
        let by_rows = set.rows.iter().flat_map(|row| index.containing(&row.key));
        for number in by_scope.chain(by_rows) {
            around[number].foreign |= groups[number].set.name != set.name;
        }
    }
    for live in &input.before.rows {
        for number in index.containing(&live.key).filter(|number| !groups[*number].touched.contains(&live.key)) {
            around[number].neighbours.push(live);
        }
    }
    around
}

fn listed_whole(coverages: &Coverages<'_>, scope: &Scope) -> bool {
    let touching = || coverages.touching(scope);
    touching().all(|coverage| coverage.gap.is_none()) && touching().any(|coverage| holds(&coverage.scope, scope))
}

/// The changes of a set; where the address is the scope, by address.
fn groups<'a>(input: &Input<'_>, set: &'a SetPlan) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<Vec<Sym>, Vec<&PlannedChange>> = BTreeMap::new();
    for planned in &set.changes {
        let parts = input.scope_parts.iter().filter(|_| input.address_is_scope);
        groups.entry(parts.map(|part| planned.change.key.part(*part)).collect()).or_default().push(planned);
    }
    let group = |changes: Vec<&'a PlannedChange>| {
        let keys = changes.iter().flat_map(|planned| [Some(planned.change.key), planned.change.from_key]);
        let touched: HashSet<Key> = keys.flatten().collect();
        Group { set, scope: box_around(input.scope_parts, &touched), changes, touched }
    };
    groups.into_values().map(group).collect()
}

fn undo_set(input: &Input<'_>, group: &Group<'_>, around: &Around<'_>) -> UndoSet {
    let Group { set, changes, scope, .. } = group;
    let goes: Vec<Key> = changes.iter().filter_map(|planned| comes_to_be(planned)).collect();
    let claimed = !goes.is_empty() && !around.foreign && !around.unproven;
    let mut rows: Vec<UndoRow> = changes.iter().filter_map(|planned| row_of(input, planned)).collect();
    if claimed {
        let others = around.neighbours.iter().filter(|live| !has_ended(input, live));
        rows.extend(others.map(|live| neighbour(input, live)));
    }
    // What nobody claims is neither taken away nor taken for the row that it replaced.
    let takes_back = |planned: &PlannedChange| claimed || comes_to_be(planned).is_none();
    let count = |wanted: &dyn Fn(&PlannedChange) -> bool| {
        let counted = changes.iter().filter(|planned| takes_back(planned) && wanted(planned));
        u64::try_from(counted.count()).unwrap_or(u64::MAX)
    };
    UndoSet {
        of: set.name.clone(),
        mode: if claimed { Mode::Authoritative } else { Mode::Additive },
        scope: (claimed || input.address_is_scope).then(|| scope.clone()),
        // What was given is taken again.
        removes: count(&|planned| !planned.grants.is_empty()),
        // Secrets that were only sent again have the same keys before and after: nothing is seen to differ.
        updates: count(&|planned| planned.action() == Action::Update && planned.reason != Reason::Rotated),
        rows,
        stay: if claimed { Vec::new() } else { goes },
    }
}

/// The key that is not there before a change, and is there afterwards.
fn comes_to_be(planned: &PlannedChange) -> Option<Key> {
    let change = &planned.change;
    (change.action == Action::Create || change.from_key.is_some()).then_some(change.key)
}

/// The smallest scope that holds all keys.
fn box_around(parts: &[usize], keys: &HashSet<Key>) -> Scope {
    let mut scope = Scope::default();
    for part in parts {
        if let Some(slot) = scope.parts.get_mut(*part) {
            *slot = PartScope::In(keys.iter().map(|key| key.part(*part)).collect());
        }
    }
    scope
}

fn holds(outer: &Scope, inner: &Scope) -> bool {
    outer.parts.iter().zip(&inner.parts).all(|(outer, inner)| match (outer, inner) {
        (PartScope::Any, _) => true,
        (PartScope::In(_), PartScope::Any) => false,
        (PartScope::In(outer), PartScope::In(inner)) => inner.is_subset(outer),
    })
}

/// An assignment that has ended is left alone by every set, and may not be declared.
fn has_ended(input: &Input<'_>, live: &Live) -> bool {
    let window = input.target.capabilities.window;
    window.is_some_and(|window| matches!(live.fields.get(window.to), Some(Value::Instant(to)) if *to <= input.now))
}

/// A row that the plan does not touch, declared as loosely as possible. Its end is declared all the same: once it has passed, a
/// declaration without one would clear it.
fn neighbour(input: &Input<'_>, live: &Live) -> UndoRow {
    let end = input.target.capabilities.window.map(|window| window.to);
    let named = |name: &str| input.required.contains(&name) || end == Some(name);
    let fields = live.fields.iter().filter(|(name, value)| named(name) && !value.is_null());
    UndoRow {
        key: live.key,
        fields: Fields::new(fields.map(|(name, value)| (name, value.clone())).collect()),
        secrets: Vec::new(),
    }
}

/// The row that a change alters or takes away, as it was; `None` for a create.
fn row_of(input: &Input<'_>, planned: &PlannedChange) -> Option<UndoRow> {
    let change = &planned.change;
    let live = change.live.as_ref()?;
    let capabilities = input.target.capabilities;
    let window = capabilities.window.map(|window| [window.from, window.to]).unwrap_or_default();
    // A value that is not shown is not written down either.
    let live = Live { fields: capabilities.with_hidden_masked(&live.fields), ..live.clone() };
    let (mut fields, mut secrets) = (Vec::new(), Vec::new());
    for spec in capabilities.fields {
        let name = spec.name;
        let before = live.fields.get(name).unwrap_or(&Value::Null);
        let differs = |name: &str| change.differs.contains(&name);
        // A map that is sent whole takes its masked keys along.
        let carried = capabilities.fields.iter().any(|other| other.sent_with == Some(name) && differs(other.name));
        let wanted = match change.action {
            Action::Remove => !before.is_null(),
            _ => {
                differs(name)
                    || carried && !before.is_null()
                    || input.required.contains(&name)
                    || change.from_key.is_some() && window.contains(&name)
                    || window.get(1) == Some(&name) && !before.is_null()
            }
        };
        match before {
            _ if !wanted => {}
            Value::Masked(keys) => {
                let known = references(change.desired.get(name), keys);
                // Where this run sends the map, its references stand for the new values, which may not be the old ones.
                secrets.extend(keys.iter().filter(|key| differs(name) || !known.contains_key(*key)).cloned());
                if !known.is_empty() {
                    fields.push((name, Value::Secrets(known)));
                }
            }
            value => fields.push((name, value.clone())),
        }
    }
    Some(UndoRow { key: live.key, fields: Fields::new(fields), secrets })
}

/// Where this run's declaration says how to get the values of masked keys.
fn references(declared: Option<&Value>, keys: &[Box<str>]) -> BTreeMap<Box<str>, crate::model::SecretRef> {
    match declared {
        Some(Value::Secrets(map)) => {
            map.iter().filter(|(key, _)| keys.contains(key)).map(|(key, at)| (key.clone(), at.clone())).collect()
        }
        _ => BTreeMap::new(),
    }
}
