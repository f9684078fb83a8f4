//! References by name, resolved by what the live listing calls its ids. Pure: it is given what was read.
//!
//! A name means the one id that it was seen on, to the letter. A name that nothing has, that two ids have, or whose listing may
//! hold more than was seen, is an error: a guess here could give or take somebody else's access. Once every name is an id, what could not
//! be known before is checked again: doubled keys, scopes that meet, rows outside their set's scope.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Loaded;
use super::cross;
use super::findings::{Findings, LISTED_IDS, closest, listed, shown};
use super::set::span;
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::model::{
    Capabilities, DesiredSet, Ids, Key, NamePlace, NameRef, NameUse, PartScope, Protect, Scope, Snapshot, Sym,
};

/// A look for the nearest name reads all live names of a field, which may be hundreds of thousands: only so many unknown names get one.
const SUGGESTED: usize = 20;

/// Resolves all names of one target's sets.
///
/// Gives for each set its resolved copy, `None` for a set without names. With errors among the findings, no set may be acted on.
pub fn resolve(
    sets: &[&DesiredSet],
    snapshot: &Snapshot,
    capabilities: &Capabilities,
    ids: &Ids,
) -> (Vec<Option<DesiredSet>>, Diagnostics) {
    let mut findings = Findings::default();
    let (known, wrong) = known(sets, snapshot, ids);
    wrong.into_values().for_each(|finding| findings.push(finding));
    let resolved: Vec<Option<DesiredSet>> = sets
        .iter()
        .map(|set| (!set.names.is_empty()).then(|| with_ids(set, &known, snapshot, capabilities, ids)))
        .collect();
    if findings.errors() == 0 {
        let all: Vec<&DesiredSet> =
            sets.iter().zip(&resolved).map(|(set, resolved)| resolved.as_ref().unwrap_or(set)).collect();
        resolved.iter().flatten().for_each(|set| outside(set, capabilities, ids, &mut findings));
        cross::one_owner(&all, capabilities, ids, &mut |_, finding| findings.push(finding));
    }
    (resolved, findings.finish().0)
}

/// Resolves the names of one target among all sets, each set for itself: one whose names have no ids, or that turns out to claim what
/// another set claims, fails alone. Gives the copies of all sets with names, each with its place among `sets` and the first finding about it,
/// and all that is wrong. A copy that failed has a name without an id, so that nothing of it is ever planned.
pub fn of_each(
    sets: &[DesiredSet],
    target: usize,
    snapshot: &Snapshot,
    capabilities: &Capabilities,
    ids: &Ids,
) -> (Vec<(usize, DesiredSet, Option<Diagnostic>)>, Diagnostics) {
    let mut findings = Findings::default();
    let (places, sets): (Vec<usize>, Vec<&DesiredSet>) =
        sets.iter().enumerate().filter(|(_, set)| set.target == target).unzip();
    let (known, wrong) = known(&sets, snapshot, ids);
    let copy = |set: &&DesiredSet| (!set.names.is_empty()).then(|| with_ids(set, &known, snapshot, capabilities, ids));
    let mut copies: Vec<Option<DesiredSet>> = sets.iter().map(copy).collect();
    let first_wrong = |set: &&DesiredSet| {
        let first = set.names.iter().filter(|used| wrong.contains_key(&used.name)).min_by_key(|used| used.origin)?;
        wrong.get(&first.name).cloned()
    };
    let mut failed: Vec<Option<Diagnostic>> = sets.iter().map(first_wrong).collect();
    wrong.values().for_each(|finding| findings.push(finding.clone()));
    for (copy, failed) in copies.iter().zip(&mut failed).filter(|(_, failed)| failed.is_none()) {
        let mut found = Findings::default();
        copy.iter().for_each(|set| outside(set, capabilities, ids, &mut found));
        let found = found.finish().0;
        *failed = found.sorted().first().map(|first| (*first).clone());
        findings.extend(found);
    }
    // Sets without names were held against each other when they were loaded.
    let sound: Vec<usize> = (0..sets.len()).filter(|at| failed[*at].is_none()).collect();
    let all: Vec<&DesiredSet> = sound.iter().map(|at| copies[*at].as_ref().unwrap_or(sets[*at])).collect();
    cross::one_owner(&all, capabilities, ids, &mut |both, finding| {
        for at in both.map(|at| sound[at]).into_iter().filter(|at| !sets[*at].names.is_empty()) {
            failed[at].get_or_insert_with(|| finding.clone());
        }
        findings.push(finding);
    });
    for (copy, _) in copies.iter_mut().zip(&failed).filter(|(_, failed)| failed.is_some()) {
        copy.iter_mut().flat_map(|set| &mut set.names).for_each(|used| used.id = None);
    }
    let each = places.into_iter().zip(copies).zip(failed);
    (each.filter_map(|((place, set), failed)| Some((place, set?, failed))).collect(), findings.finish().0)
}

/// Resolves the names of one target among all sets. Gives the resolved copies, each with its place among `sets`; sets without names have
/// none.
///
/// # Errors
/// What is wrong with the names: then no set of the target may be acted on.
pub fn of_target(
    sets: &[DesiredSet],
    target: usize,
    snapshot: &Snapshot,
    capabilities: &Capabilities,
    ids: &Ids,
) -> Result<Vec<(usize, DesiredSet)>, Diagnostics> {
    let (places, sets): (Vec<usize>, Vec<&DesiredSet>) =
        sets.iter().enumerate().filter(|(_, set)| set.target == target).unzip();
    let (resolved, wrong) = resolve(&sets, snapshot, capabilities, ids);
    if wrong.errors() > 0 {
        return Err(wrong);
    }
    Ok(places.into_iter().zip(resolved).filter_map(|(place, set)| Some((place, set?))).collect())
}

/// Whether another listing may find what this one did not: nothing else is wrong with the names.
pub fn may_pass(wrong: &Diagnostics) -> bool {
    wrong.sorted().iter().all(|finding| finding.code == "unproven-name")
}

impl Loaded {
    /// Replaces the sets of a target by their resolved copies.
    ///
    /// # Errors
    /// As [`of_target`]; nothing is replaced.
    pub fn resolve(
        &mut self,
        target: usize,
        snapshot: &Snapshot,
        capabilities: &Capabilities,
        ids: &Ids,
    ) -> Result<(), Diagnostics> {
        for (place, set) in of_target(&self.sets, target, snapshot, capabilities, ids)? {
            self.sets[place] = set;
        }
        Ok(())
    }
}

/// The id of every name, and for each that has none, why: said where it is first written.
fn known(sets: &[&DesiredSet], snapshot: &Snapshot, ids: &Ids) -> (BTreeMap<Sym, Sym>, BTreeMap<Sym, Diagnostic>) {
    let mut wrong = BTreeMap::new();
    let mut uses: BTreeMap<Sym, Vec<&NameUse>> = BTreeMap::new();
    for used in sets.iter().flat_map(|set| &set.names) {
        uses.entry(used.name).or_default().push(used);
    }
    let gap = snapshot.coverage.iter().find_map(|coverage| coverage.gap.as_deref());
    let mut known = BTreeMap::new();
    let mut nearest = Nearest { snapshot, ids, fields: HashMap::new(), left: SUGGESTED };
    for (sym, mut uses) in uses {
        let Some(name) = ids.name(sym) else { continue };
        uses.sort_unstable_by_key(|used| used.origin);
        let found: Vec<Sym> = snapshot.handles.ids(name).collect();
        let Some(first) = uses.first().map(|used| span(used.origin)) else { continue };
        let mut diagnostic = match (found.as_slice(), gap) {
            ([] | [_], Some(gap)) => unproven(name, gap, first),
            ([id], None) => {
                known.insert(sym, *id);
                continue;
            }
            ([], None) => unknown(name, nearest.to(name), first),
            _ => ambiguous(name, &found, ids, first),
        };
        if let Some(again) = uses.get(1) {
            let more = uses.len() - 1;
            let text = if more == 1 { "also used here".to_owned() } else { format!("also used in {more} more places") };
            diagnostic = diagnostic.also(span(again.origin), text);
        }
        wrong.insert(sym, diagnostic);
    }
    (known, wrong)
}

fn said(name: &NameRef) -> String {
    let within = name.within.as_ref().map(|within| format!(" within {}", shown(within))).unwrap_or_default();
    format!("`{}` {}{within}", name.field, shown(&name.text))
}

/// Looks for what unknown names may mean.
struct Nearest<'a> {
    snapshot: &'a Snapshot,
    ids: &'a Ids,
    /// The live names of each field that was asked for, sorted.
    fields: HashMap<&'static str, Vec<&'a NameRef>>,
    /// How many names are still looked for.
    left: usize,
}

impl Nearest<'_> {
    /// A question about the nearest live name; `None` where none is near, or too many were asked for.
    fn to(&mut self, name: &NameRef) -> Option<String> {
        self.left = self.left.checked_sub(1)?;
        let handles = &self.snapshot.handles;
        let known = self.fields.entry(name.field).or_insert_with(|| handles.of_field(name.field));
        let near = closest(&name.text, known.iter().map(|known| &*known.text))?;
        let meant = known.iter().find(|known| &*known.text == near)?;
        let candidates: Vec<Sym> = handles.ids(meant).collect();
        Some(format!("did you mean {} ({})?", said(meant), id_list(&candidates, self.ids)))
    }
}

fn unknown(name: &NameRef, nearest: Option<String>, at: Span) -> Diagnostic {
    let mut diagnostic = Diagnostic::error("unknown-name", format!("no live assignment shows {}", said(name)), at);
    if let Some(nearest) = nearest {
        diagnostic = diagnostic.help(nearest);
    }
    diagnostic
        .help("names count to the letter, and only live assignments show them: where there is none yet, write the id")
}

fn ambiguous(name: &NameRef, found: &[Sym], ids: &Ids, at: Span) -> Diagnostic {
    let message = format!("{} is the name of {} ids: {}", said(name), found.len(), id_list(found, ids));
    Diagnostic::error("ambiguous-name", message, at).help("write the id that is meant")
}

fn unproven(name: &NameRef, gap: &str, at: Span) -> Diagnostic {
    let message = format!("the id of {} is not proven, for more may be there than was seen: {gap}", said(name));
    Diagnostic::error("unproven-name", message, at).help("plan again when the listing is whole, or write the id")
}

fn id_list(found: &[Sym], ids: &Ids) -> String {
    let mut texts: Vec<_> = found.iter().map(|id| ids.text(*id)).collect();
    texts.sort_unstable();
    let texts: Vec<String> = texts.iter().map(|text| shown(text)).collect();
    listed(&texts, LISTED_IDS)
}

fn with_ids(
    set: &DesiredSet,
    known: &BTreeMap<Sym, Sym>,
    snapshot: &Snapshot,
    capabilities: &Capabilities,
    ids: &Ids,
) -> DesiredSet {
    let id = |sym: Sym| if sym.is_name() { known.get(&sym).copied().unwrap_or(sym) } else { sym };
    let mut set = set.clone();
    for row in set.rows.iter_mut().filter(|row| row.key.has_name()) {
        row.key = Key(row.key.0.map(id));
    }
    for Protect { parts, .. } in &mut set.protect {
        *parts = parts.map(|part| part.map(id));
    }
    for used in &mut set.names {
        used.id = known.get(&used.name).copied();
    }
    let by_name = set.names.iter().any(|used| used.place == NamePlace::Scope);
    if let Some(scope) = set.scope.as_mut().filter(|_| by_name) {
        for part in &mut scope.parts {
            if let PartScope::In(members) = part {
                *members = members.iter().map(|sym| id(*sym)).collect();
            }
        }
        set.scope_text = scope_text(scope, snapshot, capabilities, ids);
    }
    set
}

/// The ids of a scope, each with its name.
fn scope_text(scope: &Scope, snapshot: &Snapshot, capabilities: &Capabilities, ids: &Ids) -> String {
    let mut parts = Vec::new();
    for (index, (part, field)) in scope.parts.iter().zip(capabilities.key_fields).enumerate() {
        let PartScope::In(members) = part else { continue };
        let mut texts: Vec<String> = members
            .iter()
            .map(|id| match snapshot.names.get(index, *id) {
                Some(name) => format!("{} ({name})", ids.text(*id)),
                None => ids.text(*id).to_string(),
            })
            .collect();
        texts.sort_unstable();
        parts.push(format!("{field}s {}", listed(&texts, LISTED_IDS)));
    }
    parts.join("; ")
}

/// Rows that turn out to lie outside their set's own scope; an id that is wrong is told once.
fn outside(set: &DesiredSet, capabilities: &Capabilities, ids: &Ids, findings: &mut Findings) {
    let Some(scope) = &set.scope else { return };
    let mut told = HashSet::new();
    for row in &set.rows {
        let wrong = scope.parts.iter().zip(row.key.0).position(|(part, sym)| !part.contains(sym));
        let Some(part) = wrong.filter(|part| told.insert((*part, row.key.part(*part)))) else { continue };
        let id = row.key.part(part);
        let by_name = set.names.iter().find(|used| used.id == Some(id)).and_then(|used| ids.name(used.name));
        let called = by_name.map(|name| format!(", which {} means,", said(name))).unwrap_or_default();
        let field = capabilities.key_fields.get(part).copied().unwrap_or("id");
        let message = format!("{}{called} is outside the set's own scope", shown(ids.text(id)));
        let diagnostic = Diagnostic::error("outside-scope", message, span(row.origin))
            .also(span(set.scope_origin), format!("the scope: {}", set.scope_text));
        findings
            .push(diagnostic.help(format!("add it to the scope's list for `{field}`, or declare it in another set")));
    }
}
