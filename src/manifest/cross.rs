//! The documents of a run held against each other: names, targets, and that every live row has at most one owning set.

use std::collections::HashMap;

use super::document::{Context, Drafts};
use super::findings::{Findings, did_you_mean, shown};
use super::kind::Kind;
use super::set::{DraftSet, span};
use super::target::DraftTarget;
use crate::diag::{Diagnostic, Span};
use crate::model::{
    Address, Auth, Capabilities, Desired, DesiredSet, Endpoint, Fields, Ids, Key, MAX_KEY_PARTS, Mode, PartScope,
    SANDBOX, Scope, SecretRef, Sym, Target, Value, folded,
};

/// Runs all cross checks, and joins sets to targets. Sets whose target is unknown are left out: that is an error.
/// Each set comes with its place among the drafts.
pub(super) fn join(
    drafts: Drafts,
    context: Context<'_>,
    findings: &mut Findings,
) -> (Vec<Target>, Vec<(Span, DesiredSet)>) {
    let Drafts { targets, sets, .. } = drafts;
    let by_name = target_names(&targets, findings);
    set_names(&sets, findings);
    same_accounts(&targets, context.kinds, findings);
    let owners: Vec<Option<usize>> = sets.iter().map(|set| owner(set, &targets, &by_name, context, findings)).collect();
    for index in 0..targets.len() {
        let owned = || sets.iter().zip(&owners).filter(|(_, owner)| **owner == Some(index)).map(|(set, _)| set);
        let Some(kind) = owned().next().and_then(|set| context.kinds.get(set.kind)) else { continue };
        let of_target: Vec<&DesiredSet> = owned().map(|set| &set.set).collect();
        one_owner(&of_target, kind.capabilities, context.ids, &mut |_, finding| findings.push(finding));
    }
    finish(targets, sets, &owners)
}

fn finish(
    targets: Vec<DraftTarget>,
    sets: Vec<DraftSet>,
    owners: &[Option<usize>],
) -> (Vec<Target>, Vec<(Span, DesiredSet)>) {
    let mut places = vec![usize::MAX; targets.len()];
    let mut kept = Vec::new();
    for (place, target) in places.iter_mut().zip(targets) {
        if let Some(target) = target.target {
            *place = kept.len();
            kept.push(target);
        }
    }
    let mut joined = Vec::new();
    for (mut draft, owner) in sets.into_iter().zip(owners) {
        draft.set.target = owner.and_then(|index| places.get(index).copied()).unwrap_or(usize::MAX);
        if draft.set.target != usize::MAX {
            joined.push((draft.mode_span, draft.set));
        }
    }
    (kept, joined)
}

fn twice(code_of: &str, name: &str, at: Span, first: Span) -> Diagnostic {
    let message = format!("there are two {code_of}s named {}", shown(name));
    Diagnostic::error("duplicate-name", message, at)
        .label("declared again here")
        .also(first, "first declared here")
        .help("rename one of the two")
}

fn target_names<'t>(targets: &'t [DraftTarget], findings: &mut Findings) -> HashMap<&'t str, usize> {
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    for (index, target) in targets.iter().enumerate() {
        let Some(name) = target.name.as_deref() else { continue };
        match by_name.get(name) {
            Some(first) => findings.push(twice("target", name, target.name_span, targets[*first].name_span)),
            None => {
                by_name.insert(name, index);
            }
        }
    }
    by_name
}

fn set_names(sets: &[DraftSet], findings: &mut Findings) {
    let mut by_name: HashMap<&str, Span> = HashMap::new();
    for set in sets {
        let Some(name) = set.name.as_deref() else { continue };
        match by_name.get(name) {
            Some(first) => findings.push(twice("set", name, set.name_span, *first)),
            None => {
                by_name.insert(name, set.name_span);
            }
        }
    }
}

/// Two targets for one account would give its rows two owners, however its address and its fields are spelled.
fn same_accounts(targets: &[DraftTarget], kinds: &[&'static Kind], findings: &mut Findings) {
    let mut seen: HashMap<String, (Span, &str)> = HashMap::new();
    for draft in targets {
        let (Some(target), Some(kind)) = (&draft.target, draft.kind.and_then(|kind| kinds.get(kind))) else { continue };
        let identities = identities(target, kind);
        let first = identities.iter().find_map(|identity| seen.get(identity)).copied();
        for identity in identities {
            seen.entry(identity).or_insert((draft.name_span, &target.name));
        }
        // One document twice is said already, by its name.
        let Some((first, _)) = first.filter(|(_, name)| *name != target.name) else { continue };
        let message = format!("{} is the same account as another target", shown(&target.name));
        let diagnostic = Diagnostic::error("same-account", message, draft.name_span).also(first, "the other target");
        findings.push(diagnostic.help("keep one of the two: with both, every live row would have two owners"));
    }
}

/// What a target shares with every other target of the same account: the address with the account's fields, with the credential where
/// that decides which account it is, or with both where the fields only name it.
fn identities(target: &Target, kind: &Kind) -> Vec<String> {
    let place = match &target.endpoint {
        Endpoint::Sandbox => SANDBOX.to_owned(),
        Endpoint::Vendor => place(kind.vendor),
        Endpoint::Url(url) => place(url),
    };
    let is_bound = kind.bound_by_credential.is_some_and(
        |(option, value)| matches!(target.options.get(option), Some(Value::Text(text)) if **text == *value),
    );
    let mut identities = Vec::new();
    if !target.account.is_empty() {
        let fields = target.account.iter().map(|account| format!("{}={:?}", account.field, folded(&account.value)));
        identities.push(format!("{} {place} {}", target.provider, fields.collect::<Vec<_>>().join(" ")));
    }
    if is_bound || target.account.is_empty() {
        identities.push(format!("{} {place} as {}", target.provider, credential(target.auth.as_ref())));
    }
    identities
}

fn place(url: &str) -> String {
    Address::parse(url).map_or_else(|| url.to_owned(), |address| address.place())
}

/// Where a sign-in takes its secrets from. The form does not matter: one secret opens one account.
fn credential(auth: Option<&Auth>) -> String {
    let reference = |secret: &SecretRef| match secret {
        SecretRef::Env(name) => format!("env {name}"),
        SecretRef::File(path) => {
            let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
            format!("file {}", parts.collect::<Vec<_>>().join("/"))
        }
    };
    match auth {
        None => "nobody".to_owned(),
        Some(Auth::Bearer(secret) | Auth::ApiKey(secret) | Auth::ProjectSecret { secret, .. }) => reference(secret),
        Some(Auth::ClientCredentials { client_id, client_secret, .. }) => {
            format!("{} {}", reference(client_id), reference(client_secret))
        }
    }
}

/// The target of a set, if it is known and of the right provider.
fn owner(
    set: &DraftSet,
    targets: &[DraftTarget],
    by_name: &HashMap<&str, usize>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<usize> {
    let (name, at) = set.target.as_ref()?;
    let Some(index) = by_name.get(name.as_str()).copied() else {
        let mut names: Vec<&str> = by_name.keys().copied().collect();
        names.sort_unstable();
        let message = format!("there is no target named {}", shown(name));
        let mut diagnostic = Diagnostic::error("unknown-target", message, *at);
        diagnostic = match names.is_empty() {
            true => diagnostic.help("declare one: a document of `kind: Target` with this `metadata.name`"),
            false => diagnostic.help(did_you_mean(name, &names)),
        };
        findings.push(diagnostic);
        return None;
    };
    let target = targets.get(index)?;
    let (theirs, ours) = (context.kinds.get(target.kind?)?, context.kinds.get(set.kind)?);
    if target.kind == Some(set.kind) {
        return Some(index);
    }
    let message = format!("{} is a {} target, and this is a set of {}", shown(name), theirs.provider(), ours.name);
    let diagnostic = Diagnostic::error("wrong-provider", message, *at).also(target.name_span, "the target");
    findings.push(diagnostic.help(format!("name a {} target, or make it `kind: {}`", ours.provider(), theirs.name)));
    None
}

/// That every live row has at most one owner among the sets of one target. References by name count as what they are: two names, or a
/// name and an id, that turn out to be one are found when they are resolved. Every finding comes with the two sets concerned.
pub(super) fn one_owner(sets: &[&DesiredSet], capabilities: &Capabilities, ids: &Ids, report: &mut Report<'_>) {
    duplicates(sets, capabilities, ids, report);
    overlaps(sets, ids, report);
}

/// Takes a finding about two sets, by their places.
pub(super) type Report<'r> = dyn FnMut([usize; 2], Diagnostic) + 'r;

/// A key declared twice, in one set or in two. Sorting finds them without a table of all keys.
fn duplicates(sets: &[&DesiredSet], capabilities: &Capabilities, ids: &Ids, report: &mut Report<'_>) {
    let mut keys: Vec<(Key, u32, u32)> = Vec::with_capacity(sets.iter().map(|set| set.rows.len()).sum());
    for (s, set) in sets.iter().enumerate() {
        let s = u32::try_from(s).unwrap_or(u32::MAX);
        keys.extend(set.rows.iter().zip(0..).map(|(row, r)| (row.key, s, r)));
    }
    keys.sort_unstable();
    let row = |s: u32, r: u32| sets.get(s as usize).and_then(|set| set.rows.get(r as usize));
    let mut first = 0;
    for index in 1..keys.len() {
        if keys[index].0 != keys[first].0 {
            first = index;
            continue;
        }
        let ((key, s1, r1), (_, s2, r2)) = (keys[first], keys[index]);
        if let (Some(a), Some(b)) = (row(s1, r1), row(s2, r2)) {
            let key = key_text(&key, capabilities, ids);
            let finding = duplicate(&key, (a, sets[s1 as usize]), (b, sets[s2 as usize]));
            report([s1 as usize, s2 as usize], finding);
        }
    }
}

fn duplicate(key: &str, a: (&Desired, &DesiredSet), b: (&Desired, &DesiredSet)) -> Diagnostic {
    let ((first, set_a), (again, set_b)) = (a, b);
    let at = span(again.origin);
    let elsewhere =
        if std::ptr::eq(set_a, set_b) { String::new() } else { format!(" in the set {}", shown(&set_a.name)) };
    let diagnostic = match differing(&first.fields, &again.fields) {
        None => Diagnostic::error("duplicate-assignment", format!("{key} is declared twice"), at)
            .label("declared again here")
            .help("remove one of the two"),
        Some(field) => {
            let message = format!("{key} is declared twice, with different `{field}`");
            Diagnostic::error("contradictory-assignment", message, at)
                .label("contradicted here")
                .help("keep the one that is meant")
        }
    };
    diagnostic.also(span(first.origin), format!("first declared here{elsewhere}"))
}

/// The first field that two declarations do not share.
fn differing(a: &Fields, b: &Fields) -> Option<&'static str> {
    let one_way = |a: &Fields, b: &Fields| {
        a.iter().find(|(name, value)| !b.get(name).is_some_and(|other| other.same(value))).map(|(name, _)| name)
    };
    one_way(a, b).or_else(|| one_way(b, a))
}

fn key_text(key: &Key, capabilities: &Capabilities, ids: &Ids) -> String {
    let parts = (0..capabilities.key_fields.len()).filter(|part| !key.part(*part).is_none());
    let text = |part| {
        let field = match ids.name(key.part(part)) {
            Some(name) => name.field,
            None => capabilities.key_name(ids, key, part)?,
        };
        Some(format!("{field} {}", shown(ids.text(key.part(part)))))
    };
    parts.filter_map(text).collect::<Vec<_>>().join(", ")
}

/// The scopes seen so far, findable by the ids they name: with thousands of sets, comparing every pair would be too much.
#[derive(Default)]
struct Index {
    by_id: HashMap<(usize, Sym), Vec<usize>>,
    /// Scopes that leave the part open.
    open: [Vec<usize>; MAX_KEY_PARTS],
}

impl Index {
    fn add(&mut self, scope: &Scope, number: usize) {
        for (part, condition) in scope.parts.iter().enumerate() {
            match condition {
                PartScope::Any => self.open[part].push(number),
                PartScope::In(ids) => {
                    for id in ids {
                        self.by_id.entry((part, *id)).or_default().push(number);
                    }
                }
            }
        }
    }

    /// Scopes that may contain one of these ids at this part.
    fn at(&self, part: usize, ids: impl Iterator<Item = Sym>) -> Vec<usize> {
        let mut found = self.open[part].clone();
        found.extend(ids.filter_map(|id| self.by_id.get(&(part, id))).flatten());
        found
    }

    /// The candidates for an intersection, by the part that leaves the fewest.
    fn candidates(&self, scope: &Scope, all: usize) -> Vec<usize> {
        let limited = scope.parts.iter().enumerate().filter_map(|(part, condition)| match condition {
            PartScope::In(ids) => Some(self.at(part, ids.iter().copied())),
            PartScope::Any => None,
        });
        let mut found = limited.min_by_key(Vec::len).unwrap_or_else(|| (0..all).collect());
        found.sort_unstable();
        found
    }
}

/// Scopes that can meet where either is authoritative, and declared keys inside another set's authoritative scope.
fn overlaps(sets: &[&DesiredSet], ids: &Ids, report: &mut Report<'_>) {
    let mut index = Index::default();
    for (number, set) in sets.iter().enumerate() {
        let Some(scope) = &set.scope else { continue };
        let other = index.candidates(scope, number).into_iter().find_map(|candidate| {
            let other = sets.get(candidate)?;
            let either = [set.mode, other.mode].contains(&Mode::Authoritative);
            (either && other.scope.as_ref()?.intersects(scope)).then_some((candidate, other))
        });
        if let Some((candidate, other)) = other {
            report([number, candidate], overlap(set, other));
        }
        index.add(scope, number);
    }
    for (number, set) in sets.iter().enumerate().filter(|(_, set)| set.scope.is_none()) {
        foreign_keys((number, set), sets, &index, ids, report);
    }
}

fn overlap(set: &DesiredSet, other: &DesiredSet) -> Diagnostic {
    let message = format!(
        "the scopes of {} ({}) and {} ({}) can meet, and {} authoritative",
        shown(&set.name),
        set.scope_text,
        shown(&other.name),
        other.scope_text,
        if set.mode == other.mode { "both are" } else { "one is" },
    );
    Diagnostic::error("overlapping-scopes", message, span(set.scope_origin))
        .label("this scope")
        .also(span(other.scope_origin), "meets this one")
        .help("narrow one scope so that every live row has at most one owner; limiting both by the same field keeps them apart")
}

fn foreign_keys(
    (number, set): (usize, &DesiredSet),
    sets: &[&DesiredSet],
    index: &Index,
    ids: &Ids,
    report: &mut Report<'_>,
) {
    for row in &set.rows {
        let by_part = (0..MAX_KEY_PARTS).map(|part| index.at(part, std::iter::once(row.key.part(part))));
        let Some(candidates) = by_part.min_by_key(Vec::len) else { continue };
        let owner = candidates.into_iter().filter_map(|at| Some((at, sets.get(at)?))).find(|(_, other)| {
            other.mode == Mode::Authoritative && other.scope.as_ref().is_some_and(|s| s.contains(&row.key))
        });
        let Some((at, owner)) = owner else { continue };
        let texts: Vec<String> =
            row.key.0.iter().filter(|sym| !sym.is_none()).map(|sym| shown(ids.text(*sym))).collect();
        let message = format!("{} lies in the scope of the authoritative set {}", texts.join(", "), shown(&owner.name));
        let diagnostic = Diagnostic::error("foreign-scope", message, span(row.origin));
        let diagnostic = diagnostic.also(span(owner.scope_origin), "this set would remove it");
        report([number, at], diagnostic.help("declare it in that set, or narrow that set's scope"));
    }
}
