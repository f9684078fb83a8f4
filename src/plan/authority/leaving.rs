//! Live assignments that leave management: the base manages them, and nobody manages them once the head is merged. They stay live.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Compared, Pairs, Side};
use crate::diag::Location;
use crate::model::{
    Capabilities, DesiredSet, Ignore, Instant, Key, Live, Mode, Names, Origin, Scope, ScopeIndex, Snapshot,
};
use crate::plan::compare::instant;

/// Assignments of one set of the base that nobody manages any more.
#[derive(Debug, Clone)]
pub struct Leaving {
    /// The target, as the base calls it.
    pub target: String,
    /// What is known of its provider.
    pub capabilities: &'static Capabilities,
    /// The set, as the base calls it.
    pub set: String,
    /// Whether the whole set is gone.
    pub deleted: bool,
    /// The assignments, in the order of their ids.
    pub rows: Vec<LeavingRow>,
    /// Names beside their ids.
    pub names: Names,
    /// Where the base declares the set.
    pub at: Location,
}

/// One assignment that nobody manages any more.
#[derive(Debug, Clone)]
pub struct LeavingRow {
    /// Its key.
    pub key: Key,
    /// What takes it out of management.
    pub why: WhyLeaving,
    /// Whether it was seen live. Without: its live state was not read, and the base declares it.
    pub seen: bool,
    /// Where the base declares it, or the set whose scope it lies in.
    pub base_at: Location,
    /// What takes it out, where the head says so.
    pub at: Option<Location>,
}

/// What takes an assignment out of management.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WhyLeaving {
    /// Its target is deleted.
    TargetDeleted,
    /// Its target is another account now.
    TargetChanged,
    /// Its set is deleted, or no longer loaded.
    SetDeleted,
    /// The set's scope no longer holds it.
    ScopeNarrowed,
    /// The set's mode no longer changes it.
    ModeLowered,
    /// A rule of `ignore` leaves it alone.
    Ignored,
    /// The command selects its set no longer.
    NotSelected,
    /// Nothing declares it any more, and no authoritative set covers it.
    NotDeclared,
}

impl WhyLeaving {
    /// The reason as a person would say it.
    pub fn text(self) -> &'static str {
        match self {
            WhyLeaving::TargetDeleted => "the target is deleted",
            WhyLeaving::TargetChanged => "the target is another account now",
            WhyLeaving::SetDeleted => "the set is deleted or no longer loaded",
            WhyLeaving::ScopeNarrowed => "outside the set's new scope",
            WhyLeaving::ModeLowered => "the set's mode is lowered",
            WhyLeaving::Ignored => "hidden by a rule of `ignore`",
            WhyLeaving::NotSelected => "the set is no longer selected by this command",
            WhyLeaving::NotDeclared => "no longer declared",
        }
    }
}

/// What is needed to judge one target of the base.
#[derive(Clone, Copy)]
pub struct LeavingInput<'a> {
    /// Both sides.
    pub compared: &'a Compared<'a>,
    /// Which sets belong together.
    pub pairs: &'a Pairs,
    /// The target among those of the base.
    pub target: usize,
    /// What its provider can do.
    pub capabilities: &'static Capabilities,
    /// The head's target that is the same account; `None`: there is none.
    pub head: Option<usize>,
    /// What was read of it; `None`: it was not read.
    pub live: Option<&'a Snapshot>,
    /// Whether the live state of a key was looked at.
    pub was_read: &'a dyn Fn(&Key) -> bool,
    /// Which sets of the base this run looks at.
    pub concerned: &'a dyn Fn(usize) -> bool,
    /// Which sets of the head the command no longer selects, though it selected what they were in the base.
    pub deselected: &'a dyn Fn(usize) -> bool,
    /// The moment to judge time windows and rules by.
    pub now: Instant,
}

/// How far a side's authority over one assignment goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// It is declared in a set that only reports.
    Observed,
    /// It is declared and kept so, or removed if it is not declared.
    Managed,
}

/// A set with its number on its side.
type Numbered<'s> = (usize, &'s DesiredSet);

/// The sets of one side and one target, by what they declare and cover.
struct Owners<'a> {
    sets: Vec<Numbered<'a>>,
    declared: HashMap<Key, usize>,
    scopes: ScopeIndex<'a>,
    scoped: Vec<usize>,
}

impl<'a> Owners<'a> {
    fn new(side: &Side<'a>, target: Option<usize>) -> Self {
        let sets: Vec<(usize, &DesiredSet)> =
            side.sets.iter().copied().enumerate().filter(|(_, set)| Some(set.target) == target).collect();
        let mut declared = HashMap::with_capacity(sets.iter().map(|(_, set)| set.rows.len()).sum());
        let (mut scoped, mut scopes): (Vec<usize>, Vec<&Scope>) = (Vec::new(), Vec::new());
        for (place, (_, set)) in sets.iter().enumerate() {
            declared.extend(set.rows.iter().map(|row| (row.key, place)));
            if let (Mode::Authoritative, Some(scope)) = (set.mode, &set.scope) {
                scoped.push(place);
                scopes.push(scope);
            }
        }
        Self { sets, declared, scopes: ScopeIndex::new(scopes), scoped }
    }

    /// The set that an assignment belongs to: its number on its side, and the set.
    fn owner(&self, key: &Key) -> Option<Numbered<'a>> {
        let place = self.declared.get(key).copied().or_else(|| self.covering(key));
        place.and_then(|place| self.sets.get(place)).copied()
    }

    /// The authoritative set whose scope holds an assignment.
    fn covering(&self, key: &Key) -> Option<usize> {
        self.scopes.containing(key).min().and_then(|number| self.scoped.get(number)).copied()
    }
}

/// The rule that leaves an assignment alone as a whole.
fn hiding<'a>(input: &LeavingInput<'_>, set: &'a DesiredSet, key: &Key) -> Option<&'a Ignore> {
    set.ignore
        .iter()
        .find(|rule| rule.fields.is_empty() && rule.in_force(input.now) && rule.matches(input.compared.ids, key))
}

fn level(set: &DesiredSet) -> Level {
    if set.mode == Mode::Observe { Level::Observed } else { Level::Managed }
}

/// The assignments of a target of the base that leave management, by set.
pub fn leaving(input: &LeavingInput<'_>) -> Vec<Leaving> {
    let Compared { base, head, .. } = *input.compared;
    let suspects: Vec<(usize, &DesiredSet)> = base
        .sets
        .iter()
        .copied()
        .enumerate()
        .filter(|(number, set)| {
            set.target == input.target && (input.concerned)(*number) && !is_alike(input, *number, set)
        })
        .collect();
    if suspects.is_empty() {
        return Vec::new();
    }
    let search = Search {
        input,
        before: Owners::new(&base, Some(input.target)),
        after: Owners::new(&head, input.head),
        live: input.live.map(|live| live.rows.iter().map(|row| row.key).collect()),
    };
    let mut found: BTreeMap<usize, Vec<LeavingRow>> = BTreeMap::new();
    for (number, set) in &suspects {
        let rows = set.rows.iter().filter_map(|row| search.declared((*number, set), &row.key, row.origin));
        found.entry(*number).or_default().extend(rows);
    }
    let suspect: HashSet<usize> = suspects.iter().map(|(number, _)| *number).collect();
    for live in input.live.into_iter().flat_map(|live| &live.rows) {
        if let Some((number, row)) = search.undeclared(live).filter(|(number, _)| suspect.contains(number)) {
            found.entry(number).or_default().push(row);
        }
    }
    let of_set = |(number, set): (usize, &DesiredSet)| {
        let mut rows = found.remove(&number).unwrap_or_default();
        let ids = input.compared.ids;
        rows.sort_by_cached_key(|row| row.key.0.map(|part| ids.text(part).to_owned()));
        (!rows.is_empty()).then(|| search.listed(number, set, rows))
    };
    let mut all: Vec<Leaving> = suspects.into_iter().filter_map(of_set).collect();
    all.sort_by(|a, b| (&a.target, &a.set).cmp(&(&b.target, &b.set)));
    all
}

/// Whether nothing of a set can leave, since its successor declares and covers the same in the same mode.
fn is_alike(input: &LeavingInput<'_>, number: usize, set: &DesiredSet) -> bool {
    let paired = input.pairs.set(number);
    let Some(after) = paired.and_then(|paired| input.compared.head.sets.get(paired)) else { return false };
    let rules = |set: &DesiredSet| set.ignore.iter().filter(|rule| rule.fields.is_empty()).count();
    Some(after.target) == input.head
        && !paired.is_some_and(input.deselected)
        && set.mode == after.mode
        && set.scope == after.scope
        && rules(set) == 0
        && rules(after) == 0
        && set.rows.len() == after.rows.len()
        && set.rows.iter().zip(&after.rows).all(|(a, b)| a.key == b.key)
}

struct Search<'a, 'i> {
    input: &'i LeavingInput<'a>,
    before: Owners<'a>,
    after: Owners<'a>,
    /// The keys that are live; `None`: the target was not read.
    live: Option<HashSet<Key>>,
}

impl Search<'_, '_> {
    /// A declared row of the base, if it leaves.
    fn declared(&self, set: Numbered<'_>, key: &Key, origin: Origin) -> Option<LeavingRow> {
        let seen = self.live.as_ref().is_some_and(|live| live.contains(key));
        let is_unknown = self.live.is_none() || !(self.input.was_read)(key);
        if !seen && !is_unknown {
            return None; // what is not live cannot leave
        }
        self.judge(set, key, seen, origin)
    }

    /// A live row that the base does not declare and would remove, if it leaves. One that has ended gives nobody anything.
    fn undeclared(&self, live: &Live) -> Option<(usize, LeavingRow)> {
        if self.before.declared.contains_key(&live.key) {
            return None;
        }
        let place = self.before.covering(&live.key)?;
        let set = self.before.sets.get(place).copied()?;
        let window = self.input.capabilities.window;
        if window.and_then(|window| instant(&live.fields, window.to)).is_some_and(|to| to <= self.input.now) {
            return None;
        }
        Some((set.0, self.judge(set, &live.key, true, set.1.origin)?))
    }

    fn judge(&self, set: Numbered<'_>, key: &Key, seen: bool, origin: Origin) -> Option<LeavingRow> {
        if hiding(self.input, set.1, key).is_some() {
            return None; // the base does not manage it either
        }
        let (why, at) = self.why(set, key)?;
        let at = at.map(|origin| self.input.compared.head.locate(origin));
        Some(LeavingRow { key: *key, why, seen, base_at: self.input.compared.base.locate(origin), at })
    }

    /// What takes an assignment out of management, and where the head says so; `None`: it stays managed.
    fn why(&self, set: Numbered<'_>, key: &Key) -> Option<(WhyLeaving, Option<Origin>)> {
        let Some((number, owner)) = self.after.owner(key) else { return Some(self.unowned(set, key)) };
        if let Some(rule) = hiding(self.input, owner, key) {
            return Some((WhyLeaving::Ignored, Some(rule.origin)));
        }
        if level(owner) < level(set.1) {
            return Some((WhyLeaving::ModeLowered, Some(owner.origin)));
        }
        (self.input.deselected)(number).then_some((WhyLeaving::NotSelected, Some(owner.origin)))
    }

    /// Why nothing declares or covers an assignment of a set any more.
    fn unowned(&self, (number, set): Numbered<'_>, key: &Key) -> (WhyLeaving, Option<Origin>) {
        let LeavingInput { pairs, target, head, compared, .. } = *self.input;
        if head.is_none() {
            let why =
                if pairs.target(target).is_none() { WhyLeaving::TargetDeleted } else { WhyLeaving::TargetChanged };
            return (why, None);
        }
        let paired = pairs.set(number).and_then(|paired| compared.head.sets.get(paired));
        let Some(after) = paired.filter(|after| Some(after.target) == head) else {
            return (WhyLeaving::SetDeleted, None);
        };
        if after.mode < set.mode && after.scope.as_ref().is_none_or(|scope| scope.contains(key)) {
            (WhyLeaving::ModeLowered, Some(after.origin))
        } else if after.scope.as_ref().is_some_and(|scope| !scope.contains(key)) {
            (WhyLeaving::ScopeNarrowed, Some(after.scope_origin))
        } else {
            (WhyLeaving::NotDeclared, Some(after.origin))
        }
    }

    fn listed(&self, number: usize, set: &DesiredSet, rows: Vec<LeavingRow>) -> Leaving {
        let Compared { base, .. } = *self.input.compared;
        let mut names = Names::default();
        if let Some(live) = self.input.live {
            let parts = 0..self.input.capabilities.key_fields.len();
            for (part, sym) in rows.iter().flat_map(|row| parts.clone().map(|part| (part, row.key.part(part)))) {
                if let Some(name) = live.names.get(part, sym) {
                    names.add(part, sym, name);
                }
            }
        }
        let target = base.targets.get(self.input.target).map(|target| target.name.clone()).unwrap_or_default();
        Leaving {
            target,
            capabilities: self.input.capabilities,
            set: set.name.clone(),
            deleted: self.input.pairs.set(number).is_none(),
            rows,
            names,
            at: base.locate(set.origin),
        }
    }
}
