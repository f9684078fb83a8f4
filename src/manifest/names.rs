//! References by name, resolved by what the live listing calls its ids. Pure: it is given what was read.
//!
//! A name means the one id that it was seen on, to the letter. A name that nothing has, that two ids have, or whose listing may
//! hold more than was seen, is an error: a guess here could give or take somebody else's access. Once every name is an id, what could not
//! be known before is checked again: doubled keys, scopes that meet, rows outside their set's scope.

use std::collections::{BTreeMap, HashSet};

use super::Loaded;
use super::cross;
use super::findings::{Findings, closest, shown};
use super::set::span;
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::model::{
    Capabilities, DesiredSet, Ids, Key, NamePlace, NameRef, NameUse, PartScope, Protect, Scope, Snapshot, Sym,
};

/// More ids of one name, or of one scope, than this are counted, not listed.
const LISTED: usize = 6;

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
    let known = known(sets, snapshot, ids, &mut findings);
    let resolved: Vec<Option<DesiredSet>> = sets
        .iter()
        .map(|set| (!set.names.is_empty()).then(|| with_ids(set, &known, snapshot, capabilities, ids)))
        .collect();
    if findings.errors() == 0 {
        let all: Vec<&DesiredSet> =
            sets.iter().zip(&resolved).map(|(set, resolved)| resolved.as_ref().unwrap_or(set)).collect();
        resolved.iter().flatten().for_each(|set| outside(set, capabilities, ids, &mut findings));
        cross::one_owner(&all, capabilities, ids, &mut findings);
    }
    (resolved, findings.finish().0)
}

impl Loaded {
    /// Replaces the sets of a target by their resolved copies; with errors, nothing is replaced.
    pub fn resolve(
        &mut self,
        target: usize,
        snapshot: &Snapshot,
        capabilities: &Capabilities,
        ids: &Ids,
    ) -> Diagnostics {
        let (places, sets): (Vec<usize>, Vec<&DesiredSet>) =
            self.sets.iter().enumerate().filter(|(_, set)| set.target == target).unzip();
        let (resolved, wrong) = resolve(&sets, snapshot, capabilities, ids);
        if wrong.errors() == 0 {
            for (place, set) in places.into_iter().zip(resolved) {
                if let Some(set) = set {
                    self.sets[place] = set;
                }
            }
        }
        wrong
    }
}

/// The id of every name; what has none is reported where it is first written.
fn known(sets: &[&DesiredSet], snapshot: &Snapshot, ids: &Ids, findings: &mut Findings) -> BTreeMap<Sym, Sym> {
    let mut uses: BTreeMap<Sym, Vec<&NameUse>> = BTreeMap::new();
    for used in sets.iter().flat_map(|set| &set.names) {
        uses.entry(used.name).or_default().push(used);
    }
    let gap = snapshot.coverage.iter().find_map(|coverage| coverage.gap.as_deref());
    let mut known = BTreeMap::new();
    for (sym, mut uses) in uses {
        let Some(name) = ids.name(sym) else { continue };
        uses.sort_unstable_by_key(|used| used.origin);
        let found: Vec<Sym> = snapshot.handles.ids(&name).collect();
        let Some(first) = uses.first().map(|used| span(used.origin)) else { continue };
        let mut diagnostic = match (found.as_slice(), gap) {
            ([_], Some(gap)) => unproven(&name, gap, first),
            ([id], None) => {
                known.insert(sym, *id);
                continue;
            }
            ([], _) => unknown(&name, snapshot, ids, first),
            _ => ambiguous(&name, &found, ids, first),
        };
        if let Some(again) = uses.get(1) {
            let more = uses.len() - 1;
            let text = if more == 1 { "also used here".to_owned() } else { format!("also used in {more} more places") };
            diagnostic = diagnostic.also(span(again.origin), text);
        }
        findings.push(diagnostic);
    }
    known
}

fn said(name: &NameRef) -> String {
    let within = name.within.as_ref().map(|within| format!(" within {}", shown(within))).unwrap_or_default();
    format!("`{}` {}{within}", name.field, shown(&name.text))
}

fn unknown(name: &NameRef, snapshot: &Snapshot, ids: &Ids, at: Span) -> Diagnostic {
    let like = snapshot.handles.like(name);
    let near = closest(&name.text, like.iter().map(|known| &*known.text));
    let meant = near.and_then(|near| like.iter().find(|known| &*known.text == near));
    let mut diagnostic = Diagnostic::error("unknown-name", format!("no live assignment shows {}", said(name)), at);
    if let Some(meant) = meant {
        let candidates: Vec<Sym> = snapshot.handles.ids(meant).collect();
        diagnostic = diagnostic.help(format!("did you mean {} ({})?", said(meant), id_list(&candidates, ids)));
    }
    diagnostic
        .help("names count to the letter, and only live assignments show them: where there is none yet, write the id")
}

fn ambiguous(name: &NameRef, found: &[Sym], ids: &Ids, at: Span) -> Diagnostic {
    let message = format!("{} is the name of {} ids: {}", said(name), found.len(), id_list(found, ids));
    Diagnostic::error("ambiguous-name", message, at).help("write the id that is meant")
}

fn unproven(name: &NameRef, gap: &str, at: Span) -> Diagnostic {
    let message = format!("{} may be the name of more than was seen: {gap}", said(name));
    Diagnostic::error("unproven-name", message, at).help("plan again when the listing is whole, or write the id")
}

fn id_list(found: &[Sym], ids: &Ids) -> String {
    let mut texts: Vec<_> = found.iter().map(|id| ids.text(*id)).collect();
    texts.sort_unstable();
    let more = texts.len().saturating_sub(LISTED);
    texts.truncate(LISTED);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    let texts: Vec<String> = texts.iter().map(|text| shown(text)).collect();
    format!("{}{tail}", texts.join(", "))
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
        let more = texts.len().saturating_sub(LISTED);
        texts.truncate(LISTED);
        let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
        parts.push(format!("{field}s {}{tail}", texts.join(", ")));
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
        let called = by_name.map(|name| format!(", which {} means,", said(&name))).unwrap_or_default();
        let field = capabilities.key_fields.get(part).copied().unwrap_or("id");
        let message = format!("{}{called} is outside the set's own scope", shown(&ids.text(id)));
        let diagnostic = Diagnostic::error("outside-scope", message, span(row.origin))
            .also(span(set.scope_origin), format!("the scope: {}", set.scope_text));
        findings
            .push(diagnostic.help(format!("add it to the scope's list for `{field}`, or declare it in another set")));
    }
}
