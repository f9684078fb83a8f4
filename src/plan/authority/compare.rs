//! The differences between two sides that concern authority. What only places, comments or the order of files tell apart is none.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{AuthorityChange, Compared, Effect, Pairs, Side, Subject, What, wording};
use crate::diag::Location;
use crate::model::{
    Capabilities, DesiredSet, Expect, Ignore, Key, Limits, Mode, Origin, PartScope, Protect, RootOptions, Scope,
    SecretRef, Target, Value,
};

/// Everything that the head changes about authority. What widens it comes first, then what narrows it.
pub fn changes(compared: &Compared<'_>, pairs: &Pairs) -> Vec<AuthorityChange> {
    let mut comparison = Comparison { compared, pairs, found: Vec::new() };
    comparison.roots();
    comparison.targets();
    comparison.sets();
    comparison.secrets();
    let mut found = comparison.found;
    found.sort_by(|a, b| order(a).cmp(&order(b)));
    found
}

fn order(change: &AuthorityChange) -> impl Ord + '_ {
    let AuthorityChange { effect, subject, what, name, target, field, assignment, before, after, .. } = change;
    (effect, subject, target, name, what, field, assignment, before, after)
}

/// What a change is about, with its places in the base and in the head.
#[derive(Clone)]
struct About {
    subject: Subject,
    name: String,
    target: Option<String>,
    assignment: Option<BTreeMap<String, String>>,
    base_at: Option<Location>,
    at: Option<Location>,
}

impl About {
    fn places(&self, base_at: Option<Location>, at: Option<Location>) -> Self {
        Self { base_at: base_at.or_else(|| self.base_at.clone()), at: at.or_else(|| self.at.clone()), ..self.clone() }
    }

    fn change(self, what: What, effect: Effect) -> AuthorityChange {
        let Self { subject, name, target, assignment, base_at, at } = self;
        AuthorityChange {
            effect,
            subject,
            what,
            name,
            target,
            field: None,
            assignment,
            before: None,
            after: None,
            removed: Vec::new(),
            added: Vec::new(),
            at,
            base_at,
        }
    }

    fn field(self, field: &str, effect: Effect, before: Option<String>, after: Option<String>) -> AuthorityChange {
        let change = self.change(What::Changed, effect);
        AuthorityChange { field: Some(field.to_owned()), before, after, ..change }
    }
}

/// The exceptions and protections of a set. A set that is not there has none.
#[derive(Clone, Copy, Default)]
struct Rules<'a> {
    protect: &'a [Protect],
    ignore: &'a [Ignore],
    expect: Option<&'a Expect>,
}

impl<'a> Rules<'a> {
    fn new(set: &'a DesiredSet) -> Self {
        Self { protect: &set.protect, ignore: &set.ignore, expect: set.expect.as_ref() }
    }
}

struct Comparison<'a, 'c> {
    compared: &'c Compared<'a>,
    pairs: &'c Pairs,
    found: Vec<AuthorityChange>,
}

/// Whether a larger value widens (`Less`: the head has more) or narrows.
fn by_size<T: PartialOrd>(before: &T, after: &T) -> Effect {
    if after > before { Effect::Widens } else { Effect::Narrows }
}

impl<'a> Comparison<'a, '_> {
    fn capabilities(&self, target: Option<&Target>) -> Option<&'static Capabilities> {
        target.and_then(|target| (self.compared.capabilities)(target.provider))
    }

    fn base_place(&self, origin: Origin) -> Option<Location> {
        Some(self.compared.base.locate(origin))
    }

    fn head_place(&self, origin: Origin) -> Option<Location> {
        Some(self.compared.head.locate(origin))
    }

    fn roots(&mut self) {
        let no_root = RootOptions::default();
        let (base, head) = (self.compared.base.root.unwrap_or(&no_root), self.compared.head.root.unwrap_or(&no_root));
        let about = About {
            subject: Subject::Root,
            name: "assignctl.yaml".to_owned(),
            target: None,
            assignment: None,
            base_at: None,
            at: None,
        };
        let globs = |root: &RootOptions| root.ignore.iter().map(|(glob, _)| glob.clone()).collect::<BTreeSet<_>>();
        let (before, after) = (globs(base), globs(head));
        for (glob, origin) in base.ignore.iter().filter(|(glob, _)| !after.contains(glob)) {
            let about = about.places(self.base_place(*origin), None);
            self.found.push(about.field("ignore", Effect::Widens, Some(wording::word(glob).into_owned()), None));
        }
        for (glob, origin) in head.ignore.iter().filter(|(glob, _)| !before.contains(glob)) {
            let about = about.places(None, self.head_place(*origin));
            self.found.push(about.field("ignore", Effect::Narrows, None, Some(wording::word(glob).into_owned())));
        }
        let sandbox = [
            ("sandbox.state", &base.sandbox_state, &head.sandbox_state),
            ("sandbox.seed", &base.sandbox_seed, &head.sandbox_seed),
        ];
        for (field, before, after) in sandbox {
            let text =
                |path: &Option<(String, Origin)>| path.as_ref().map(|(path, _)| wording::word(path).into_owned());
            if text(before) != text(after) {
                let base_at = before.as_ref().and_then(|(_, origin)| self.base_place(*origin));
                let at = after.as_ref().and_then(|(_, origin)| self.head_place(*origin));
                let about = about.places(base_at, at);
                self.found.push(about.field(field, Effect::Widens, text(before), text(after)));
            }
        }
        for file in self.compared.hidden {
            let about = About { subject: Subject::File, name: file.clone(), ..about.clone() };
            self.found.push(about.change(What::Hidden, Effect::Narrows));
        }
    }

    fn targets(&mut self) {
        let Compared { base, head, .. } = *self.compared;
        let about = |target: &Target, base_at, at| About {
            subject: Subject::Target,
            name: target.name.clone(),
            target: None,
            assignment: None,
            base_at,
            at,
        };
        for (number, target) in base.targets.iter().enumerate() {
            let base_at = self.base_place(target.origin);
            match self.pairs.target(number).and_then(|paired| head.targets.get(paired)) {
                Some(after) => {
                    let about = about(after, base_at, self.head_place(after.origin));
                    self.target(target, after, &about);
                }
                None => {
                    let change = about(target, base_at, None).change(What::Deleted, Effect::Narrows);
                    self.found.push(AuthorityChange { before: Some(wording::target(target)), ..change });
                }
            }
        }
        let was = self.pairs.base_targets(head.targets.len());
        for (target, _) in head.targets.iter().zip(was).filter(|(_, was)| was.is_none()) {
            let change = about(target, None, self.head_place(target.origin)).change(What::Added, Effect::Widens);
            self.found.push(AuthorityChange { after: Some(wording::target(target)), ..change });
        }
    }

    fn target(&mut self, before: &Target, after: &Target, about: &About) {
        self.renamed(&before.name, &after.name, about);
        self.labels(&before.labels, &after.labels, about);
        let facts = |target: &Target| -> BTreeMap<String, String> {
            let own = target.options.iter().map(|(name, value)| (name.to_owned(), wording::value(value)));
            let sign_in = wording::auth(target.auth.as_ref()).into_iter().map(|(name, text)| (name.to_owned(), text));
            let common = [
                ("provider".to_owned(), target.provider.to_owned()),
                ("endpoint".to_owned(), wording::endpoint(&target.endpoint)),
            ];
            common.into_iter().chain(sign_in).chain(own).collect()
        };
        let (old, new) = (facts(before), facts(after));
        let fields: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for field in fields {
            let (old, new) = (old.get(field), new.get(field));
            if old != new {
                // Whatever reaches another account or signs in otherwise may do what the base may not.
                let change = about.clone().field(field, Effect::Widens, old.cloned(), new.cloned());
                self.found.push(change);
            }
        }
        self.own(before, after, about);
        self.limits(&before.limits, &after.limits, about);
    }

    fn own(&mut self, before: &Target, after: &Target, about: &About) {
        let capabilities = self.capabilities(Some(after));
        let text = |protect: &Option<Protect>| {
            protect.as_ref().map(|protect| wording::protect(self.compared.ids, capabilities, protect))
        };
        let (old, new) = (text(&before.own), text(&after.own));
        if old == new {
            return;
        }
        let effect = if old.is_none() { Effect::Narrows } else { Effect::Widens };
        let place = |protect: &Option<Protect>| protect.as_ref().and_then(|protect| protect.origin);
        let base_at = place(&before.own).and_then(|origin| self.base_place(origin));
        let at = place(&after.own).and_then(|origin| self.head_place(origin));
        self.found.push(about.places(base_at, at).field("self", effect, old, new));
    }

    /// Limits where they get weaker: the system is pressed harder, or waited for longer.
    fn limits(&mut self, before: &Limits, after: &Limits, about: &About) {
        let whole = |limits: &Limits| {
            [
                ("limits.concurrency", limits.concurrency),
                ("limits.batch_size", limits.batch_size),
                ("limits.page_size", limits.page_size),
            ]
        };
        let time = |limits: &Limits| [("limits.timeout", limits.timeout), ("limits.retry_budget", limits.retry_budget)];
        let rate = |limits: &Limits| limits.requests_per_second;
        let mut weaker: Vec<(&str, String, String)> = Vec::new();
        for ((field, old), (_, new)) in whole(before).into_iter().zip(whole(after)).filter(|((_, a), (_, b))| b > a) {
            weaker.push((field, old.to_string(), new.to_string()));
        }
        for ((field, old), (_, new)) in time(before).into_iter().zip(time(after)).filter(|((_, a), (_, b))| b > a) {
            weaker.push((field, format!("{old:?}"), format!("{new:?}")));
        }
        let text = |rate: Option<f64>| rate.map_or_else(|| "unlimited".to_owned(), |rate| rate.to_string());
        if rate(before).is_some_and(|old| rate(after).is_none_or(|new| new > old)) {
            weaker.push(("limits.requests_per_second", text(rate(before)), text(rate(after))));
        }
        let found = weaker
            .into_iter()
            .map(|(field, old, new)| about.clone().field(field, Effect::Widens, Some(old), Some(new)));
        self.found.extend(found);
    }

    fn renamed(&mut self, before: &str, after: &str, about: &About) {
        if before != after {
            let change = about.clone().change(What::Renamed, Effect::Neutral);
            let name = |name: &str| Some(wording::word(name).into_owned());
            self.found.push(AuthorityChange { before: name(before), after: name(after), ..change });
        }
    }

    fn labels(&mut self, before: &[(String, String)], after: &[(String, String)], about: &About) {
        if before != after {
            let (before, after) = (wording::labels(before), wording::labels(after));
            self.found.push(about.clone().field("labels", Effect::Neutral, before, after));
        }
    }

    fn sets(&mut self) {
        let Compared { base, head, .. } = *self.compared;
        for (number, set) in base.sets.iter().enumerate() {
            let after = self.pairs.set(number).and_then(|paired| head.sets.get(paired));
            let about = About {
                base_at: self.base_place(set.origin),
                ..after.map_or_else(
                    || self.about(&base, set, None),
                    |after| self.about(&head, after, self.head_place(after.origin)),
                )
            };
            match after {
                Some(after) => self.set(set, after, &about),
                None => {
                    let change = about.clone().change(What::Deleted, Effect::Narrows);
                    let before = Some(self.set_text(&base, set));
                    self.found.push(AuthorityChange { before, ..change });
                    self.rules(Rules::new(set), Rules::default(), &base, set, &about);
                }
            }
        }
        let was = self.pairs.base_sets(head.sets.len());
        for (set, _) in head.sets.iter().zip(was).filter(|(_, was)| was.is_none()) {
            let about = self.about(&head, set, self.head_place(set.origin));
            let change = about.clone().change(What::Added, Effect::Widens);
            self.found.push(AuthorityChange { after: Some(self.set_text(&head, set)), ..change });
            self.rules(Rules::default(), Rules::new(set), &head, set, &about);
        }
    }

    fn about(&self, side: &Side<'_>, set: &DesiredSet, at: Option<Location>) -> About {
        About {
            subject: Subject::Set,
            name: set.name.clone(),
            target: side.target_of(set).map(|target| target.name.clone()),
            assignment: None,
            base_at: None,
            at,
        }
    }

    fn set_text(&self, side: &Side<'_>, set: &DesiredSet) -> String {
        let capabilities = self.capabilities(side.target_of(set));
        wording::set(set.mode, &wording::scope(self.compared.ids, capabilities, set.scope.as_ref()), set.rows.len())
    }

    fn set(&mut self, before: &DesiredSet, after: &DesiredSet, about: &About) {
        let Compared { base, head, .. } = *self.compared;
        self.renamed(&before.name, &after.name, about);
        self.labels(&before.labels, &after.labels, about);
        if self.pairs.target(before.target) != Some(after.target) {
            let name = |side: Side<'_>, set| side.target_of(set).map(|target| wording::word(&target.name).into_owned());
            let change = about.clone().field("target", Effect::Widens, name(base, before), name(head, after));
            self.found.push(change);
        }
        if before.mode != after.mode {
            let text = |mode: Mode| Some(mode.as_str().to_owned());
            let effect = by_size(&before.mode, &after.mode);
            self.found.push(about.clone().field("mode", effect, text(before.mode), text(after.mode)));
        }
        self.scope(before, after, about);
        self.rules(Rules::new(before), Rules::new(after), &head, after, about);
    }

    fn scope(&mut self, before: &DesiredSet, after: &DesiredSet, about: &About) {
        if before.scope == after.scope {
            return;
        }
        let capabilities = self.capabilities(self.compared.head.target_of(after));
        let ids = self.compared.ids;
        let text = |set: &DesiredSet| Some(wording::scope(ids, capabilities, set.scope.as_ref()));
        let effect = match (&before.scope, &after.scope) {
            (Some(before), Some(after)) if !is_within(after, before) => Effect::Widens,
            (None, Some(_)) => Effect::Widens,
            _ => Effect::Narrows,
        };
        let places = (self.base_place(before.scope_origin), self.head_place(after.scope_origin));
        let mut change = about.places(places.0, places.1).field("scope", effect, text(before), text(after));
        let (Some(old), Some(new)) = (&before.scope, &after.scope) else { return self.found.push(change) };
        for (number, (old, new)) in old.parts.iter().zip(&new.parts).enumerate() {
            let (Some(old), Some(new)) = (wording::part_ids(ids, old), wording::part_ids(ids, new)) else { continue };
            let only = |these: &[String], those: &[String]| {
                let those: BTreeSet<&String> = those.iter().collect();
                let name = wording::part_name(capabilities, number);
                let only = these.iter().filter(|id| !those.contains(id)).map(|id| format!("{name} {id}"));
                only.collect::<Vec<_>>()
            };
            change.removed.extend(only(&old, &new));
            change.added.extend(only(&new, &old));
        }
        self.found.push(change);
    }

    fn rules(&mut self, before: Rules<'_>, after: Rules<'_>, side: &Side<'_>, set: &DesiredSet, about: &About) {
        let capabilities = self.capabilities(side.target_of(set));
        self.protect(before.protect, after.protect, capabilities, about);
        self.ignore(before.ignore, after.ignore, capabilities, about);
        self.expect(before.expect, after.expect, about);
    }

    fn protect(
        &mut self,
        before: &[Protect],
        after: &[Protect],
        capabilities: Option<&'static Capabilities>,
        about: &About,
    ) {
        let equal = |a: &Protect, b: &Protect| (a.parts, a.min_holders) == (b.parts, b.min_holders);
        let (gone, new) = without_equal(before, after, equal);
        let (changed, gone, new) = matched(gone, new, |a, b| a.parts == b.parts);
        let ids = self.compared.ids;
        let text = |protect: &Protect| Some(wording::protect(ids, capabilities, protect));
        // Without `min_holders` no matching row may be lost, which is stronger than any number.
        let strength = |protect: &Protect| protect.min_holders.unwrap_or(u64::MAX);
        for (old, new) in changed {
            let effect = by_size(&strength(new), &strength(old));
            let about = self.at_rules(about, old.origin, new.origin);
            self.found.push(about.field("protect", effect, text(old), text(new)));
        }
        for old in gone {
            let about = self.at_rules(about, old.origin, None);
            self.found.push(about.field("protect", Effect::Widens, text(old), None));
        }
        for new in new {
            let about = self.at_rules(about, None, new.origin);
            self.found.push(about.field("protect", Effect::Narrows, None, text(new)));
        }
    }

    fn ignore(
        &mut self,
        before: &[Ignore],
        after: &[Ignore],
        capabilities: Option<&'static Capabilities>,
        about: &About,
    ) {
        let until = |rule: &Ignore| rule.until.map(|(until, _)| until);
        let speaks = |a: &Ignore, b: &Ignore| (&a.fields, &a.parts) == (&b.fields, &b.parts);
        let equal = |a: &Ignore, b: &Ignore| speaks(a, b) && (until(a), &a.reason) == (until(b), &b.reason);
        let (gone, new) = without_equal(before, after, equal);
        let (changed, gone, new) = matched(gone, new, speaks);
        let text = |rule: &Ignore| Some(wording::ignore(capabilities, rule));
        let end = |rule: &Ignore| until(rule).map_or(i64::MAX, |until| until.0);
        for (old, new) in changed {
            let effect = if until(old) == until(new) { Effect::Neutral } else { by_size(&end(new), &end(old)) };
            let about = self.at_rules(about, Some(old.origin), Some(new.origin));
            self.found.push(about.field("ignore", effect, text(old), text(new)));
        }
        for old in gone {
            let about = self.at_rules(about, Some(old.origin), None);
            self.found.push(about.field("ignore", Effect::Widens, text(old), None));
        }
        for new in new {
            let about = self.at_rules(about, None, Some(new.origin));
            self.found.push(about.field("ignore", Effect::Narrows, None, text(new)));
        }
    }

    fn expect(&mut self, before: Option<&Expect>, after: Option<&Expect>, about: &About) {
        let content = |expect: &Expect| (expect.removes, expect.updates, expect.until);
        if before.map(content) == after.map(content) {
            return;
        }
        let end = |expect: &Expect| expect.until.map_or(i64::MAX, |until| until.0);
        let weaker =
            |old: &Expect, new: &Expect| new.removes > old.removes || new.updates > old.updates || end(new) > end(old);
        let effect = match (before, after) {
            (None, Some(_)) => Effect::Widens,
            (Some(old), Some(new)) if weaker(old, new) => Effect::Widens,
            _ => Effect::Narrows,
        };
        let about = self.at_rules(about, before.map(|expect| expect.origin), after.map(|expect| expect.origin));
        self.found.push(about.field("expect", effect, before.map(wording::expect), after.map(wording::expect)));
    }

    fn at_rules(&self, about: &About, base: Option<Origin>, head: Option<Origin>) -> About {
        let base_at = base.and_then(|origin| self.base_place(origin));
        about.places(base_at, head.and_then(|origin| self.head_place(origin)))
    }

    /// The references of secrets that assignments send. An assignment is known by its key, in whatever set it stands.
    fn secrets(&mut self) {
        let Compared { base, head, .. } = *self.compared;
        let mut before: HashMap<(usize, Key), Sent<'a>> = HashMap::new();
        for set in base.sets {
            let Some(target) = self.pairs.target(set.target) else { continue };
            before.extend(sent(set).map(|sent| ((target, sent.key), sent)));
        }
        let nothing = BTreeMap::new();
        for set in head.sets {
            for row in &set.rows {
                let old = before.get(&(set.target, row.key));
                let fields = row.fields.iter().filter_map(|(name, value)| secrets_of(value).map(|map| (name, map)));
                let new = fields.last();
                if old.is_none() && new.is_none() {
                    continue;
                }
                let field = new.map(|(field, _)| field).or(old.map(|old| old.field)).unwrap_or_default();
                let (map, old_map) = (new.map_or(&nothing, |(_, map)| map), old.map_or(&nothing, |old| old.map));
                if map == old_map {
                    continue;
                }
                let about = About {
                    assignment: Some(self.assignment(&head, set, &row.key)),
                    base_at: old.and_then(|old| self.base_place(old.origin)),
                    ..self.about(&head, set, self.head_place(row.origin))
                };
                self.references(field, old_map, map, &about);
            }
        }
    }

    fn references(
        &mut self,
        field: &str,
        before: &BTreeMap<Box<str>, SecretRef>,
        after: &BTreeMap<Box<str>, SecretRef>,
        about: &About,
    ) {
        let keys: BTreeSet<&str> = before.keys().chain(after.keys()).map(AsRef::as_ref).collect();
        for key in keys {
            let (old, new) = (before.get(key), after.get(key));
            if old != new {
                let effect = if new.is_some() { Effect::Widens } else { Effect::Narrows };
                let text = |reference: Option<&SecretRef>| reference.map(ToString::to_string);
                let field = format!("{field}.{}", wording::word(key));
                self.found.push(about.clone().field(&field, effect, text(old), text(new)));
            }
        }
    }

    fn assignment(&self, side: &Side<'_>, set: &DesiredSet, key: &Key) -> BTreeMap<String, String> {
        let ids = self.compared.ids;
        let capabilities = self.capabilities(side.target_of(set));
        let parts = (0..capabilities.map_or(0, |capabilities| capabilities.key_fields.len()))
            .filter(|part| !key.part(*part).is_none());
        let name = |part| capabilities.and_then(|capabilities| capabilities.key_name(ids, key, part));
        parts.filter_map(|part| Some((name(part)?.to_owned(), wording::id(ids, key.part(part))))).collect()
    }
}

/// What an assignment sends as a secret.
struct Sent<'a> {
    key: Key,
    field: &'static str,
    map: &'a BTreeMap<Box<str>, SecretRef>,
    origin: Origin,
}

fn secrets_of(value: &Value) -> Option<&BTreeMap<Box<str>, SecretRef>> {
    match value {
        Value::Secrets(map) => Some(map),
        _ => None,
    }
}

fn sent<'a>(set: &'a DesiredSet) -> impl Iterator<Item = Sent<'a>> {
    set.rows.iter().flat_map(|row| {
        let fields = row.fields.iter().filter_map(|(field, value)| Some((field, secrets_of(value)?)));
        fields.map(|(field, map)| Sent { key: row.key, field, map, origin: row.origin })
    })
}

/// Whether every key of one scope is in another.
fn is_within(inner: &Scope, outer: &Scope) -> bool {
    inner.parts.iter().zip(&outer.parts).all(|parts| match parts {
        (_, PartScope::Any) => true,
        (PartScope::In(inner), PartScope::In(outer)) => inner.is_subset(outer),
        (PartScope::Any, PartScope::In(_)) => false,
    })
}

/// What is left of two lists without the items that both have, each as often as both have it.
fn without_equal<'t, T>(before: &'t [T], after: &'t [T], equal: impl Fn(&T, &T) -> bool) -> (Vec<&'t T>, Vec<&'t T>) {
    let same = before.iter().zip(after).take_while(|(old, new)| equal(old, new)).count();
    let rest = |items: &'t [T]| items.iter().skip(same).collect();
    let (_, gone, new) = matched(rest(before), rest(after), equal);
    (gone, new)
}

/// Items of two lists that belong together, and those without a partner.
fn matched<'t, T>(
    before: Vec<&'t T>,
    mut after: Vec<&'t T>,
    same: impl Fn(&T, &T) -> bool,
) -> (Vec<(&'t T, &'t T)>, Vec<&'t T>, Vec<&'t T>) {
    let (mut pairs, mut gone) = (Vec::new(), Vec::new());
    for item in before {
        match after.iter().position(|other| same(item, other)) {
            Some(place) => pairs.push((item, after.remove(place))),
            None => gone.push(item),
        }
    }
    (pairs, gone, after)
}
