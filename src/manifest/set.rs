//! Assignment sets: from a spec and its tables to rows with keys, whatever the provider.

use std::collections::{BTreeMap, HashSet};

use super::document::{Context, Meta};
use super::findings::{Findings, LISTED_IDS, listed, shown};
use super::ignore;
use super::kind::Kind;
use super::shape::{Field, Record, Shape, Type, json_map, parse_until, secret_ref};
use super::yaml::{Node, is_null};
use crate::diag::{Diagnostic, Span};
use crate::model::{
    Desired, DesiredSet, Expect, Fields, Ids, Instant, Key, MAX_KEY_PARTS, Mode, NamePlace, NameRef, NameUse, Origin,
    PartScope, Protect, Scope, Sym, Value,
};

/// How many rows one set may declare: plural fields multiply, and a product of lists is a bomb in three lines.
pub const MAX_ROWS: usize = 4_000_000;

/// A set before it is held against the others.
#[derive(Debug)]
pub(super) struct DraftSet {
    pub(super) set: DesiredSet,
    /// `None` where the name is missing or wrong: reported.
    pub(super) name: Option<String>,
    pub(super) name_span: Span,
    pub(super) kind: usize,
    pub(super) target: Option<(String, Span)>,
    pub(super) mode_span: Span,
}

/// A place as the model writes it.
pub(super) fn origin(span: Span) -> Origin {
    Origin { source: span.source.0, start: span.start, end: span.end }
}

/// A place as diagnostics write it.
pub(super) fn span(origin: Origin) -> Span {
    Span { source: crate::diag::SourceId(origin.source), start: origin.start, end: origin.end }
}

/// Labels, sorted by key. They were checked when they were read.
pub(super) fn labels(node: Node<'_>) -> Vec<(String, String)> {
    let map = json_pairs(node);
    map.into_iter().map(|(key, value)| (key.to_owned(), value.scalar().map_or("", |s| s.text).to_owned())).collect()
}

fn json_pairs(node: Node<'_>) -> BTreeMap<&str, Node<'_>> {
    super::shape::unique_pairs(node, &mut Findings::default())
        .into_iter()
        .map(|(_, _, key, value)| (key, value))
        .collect()
}

/// A field's value in the model's words; `None` where it is wrong, and reported.
pub(super) fn value(field: &Field, node: Node<'_>, findings: &mut Findings) -> Option<Value> {
    let scalar = node.scalar();
    if scalar.is_some_and(|scalar| scalar.plain && is_null(scalar.text)) {
        return Some(Value::Null);
    }
    let text = scalar.map_or("", |scalar| scalar.text);
    match field.ty {
        Type::Instant => Instant::parse(text).map(Value::Instant),
        // apis/semaphor.md: absent, null and `{}` are the same; apis/streamline.md does not tell, and is read alike [assumed].
        Type::JsonMap => json_map(node, findings).map(|map| match map.is_empty() {
            true => Value::Null,
            false => Value::json(serde_json::Value::Object(map)),
        }),
        Type::SecretMap => {
            let pairs = json_pairs(node).into_iter();
            let secrets: Option<BTreeMap<_, _>> =
                pairs.map(|(key, value)| Some((key.into(), secret_ref(value, findings)?))).collect();
            secrets.map(|map| if map.is_empty() { Value::Null } else { Value::Secrets(map) })
        }
        Type::Bool => Some(Value::json(text.eq_ignore_ascii_case("true").into())),
        Type::Integer(..) => text.parse::<u64>().ok().map(|number| Value::json(number.into())),
        _ => Some(Value::Text(text.into())),
    }
}

pub(super) fn lower(
    meta: Meta,
    spec: Node<'_>,
    kind_index: usize,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<DraftSet> {
    let kind = context.kinds.get(kind_index)?;
    let record = kind.set.read(spec, findings)?;
    let base = Choices::of(&record, context.ids);
    let mode = mode(&record);
    let mut names = Vec::new();
    let scope = scope(&record, kind, &base, context.ids, &mut names, findings);
    let (scope, scope_text) = scope.map_or((None, String::new()), |(scope, text)| (Some(scope), text));
    require_scope(&record, kind, mode, findings);
    let scope_field =
        if kind.address_is_scope { address_fields(kind.set).next().map_or("", |f| f.name) } else { "scope" };
    let mode_span = record.get("mode").map_or(meta.span, |node| node.span());
    let mut set = DesiredSet {
        name: meta.name.clone().unwrap_or_default(),
        labels: meta.labels,
        target: usize::MAX,
        mode: mode.unwrap_or(Mode::Observe),
        scope,
        scope_text,
        expect: expect(&record, findings),
        protect: protect(&record, context.ids, &mut names, findings),
        ignore: ignore::lower(&record, kind, findings),
        rows: Vec::new(),
        names,
        scope_origin: origin(record.key(scope_field).unwrap_or(mode_span)),
        origin: origin(meta.span),
    };
    assignments(&record, kind, base, context.ids, &mut set, findings);
    Some(DraftSet {
        set,
        name: meta.name,
        name_span: meta.span,
        kind: kind_index,
        target: record.text("target").map(|(name, span)| (name.to_owned(), span)),
        mode_span,
    })
}

fn mode(record: &Record<'_>) -> Option<Mode> {
    let (text, _) = record.text("mode")?;
    [Mode::Observe, Mode::Additive, Mode::Authoritative].into_iter().find(|mode| mode.as_str() == text)
}

fn address_fields(shape: &Shape) -> impl Iterator<Item = &'static Field> {
    shape.fields().filter(|field| field.part.is_some())
}

fn require_scope(record: &Record<'_>, kind: &Kind, mode: Option<Mode>, findings: &mut Findings) {
    if kind.address_is_scope || mode != Some(Mode::Authoritative) || record.key("scope").is_some() {
        return;
    }
    let at = record.get("mode").map_or(record.node.head(), |node| node.span());
    let names: Vec<&str> = match kind.set.field("scope") {
        Some((_, Field { ty: Type::Scope(shape), .. })) => shape.names(),
        _ => Vec::new(),
    };
    let message = "an authoritative set needs `scope`: what it may remove from";
    let example = names.first().copied().unwrap_or("ids");
    let help = format!("add `scope: {{ {example}: [ … ] }}`, or `scope: all` for everything on the target");
    findings.push(Diagnostic::error("missing-scope", message, at).help(help));
}

/// What a field's text stands for: an id, or a name in its place.
fn sym(field: &Field, text: &str, record: &Record<'_>, ids: &Ids) -> Sym {
    let Some(named) = field.named else { return ids.sym(text) };
    let within = named.within.and_then(|other| record.text(other)).map(|(text, _)| text.into());
    ids.named(NameRef { field: named.field, within, text: text.into() })
}

/// The ids that an object gives for each key part, with their places.
#[derive(Debug, Default)]
struct Choices([Vec<(Sym, Span)>; MAX_KEY_PARTS]);

impl Choices {
    fn of(record: &Record<'_>, ids: &Ids) -> Self {
        let mut choices = Self::default();
        choices.fill(record, ids);
        choices
    }

    fn fill(&mut self, record: &Record<'_>, ids: &Ids) {
        for (field, node) in record.fields() {
            let Some(list) = field.part.and_then(|part| self.0.get_mut(part)) else { continue };
            if let Type::Ids | Type::LiveNames = field.ty {
                let sym = |text: &str| sym(field, text, record, ids);
                let items = node.items().filter_map(|item| item.scalar().map(|s| (sym(s.text), item.span())));
                list.extend(items);
            } else if let Some(scalar) = node.scalar() {
                list.push((sym(field, scalar.text, record, ids), node.span()));
            }
        }
    }

    /// The names among them, as a set notes them.
    fn names(&self, place: NamePlace) -> impl Iterator<Item = NameUse> + '_ {
        let named = self.0.iter().flatten().filter(|(sym, _)| sym.is_name());
        named.map(move |(name, at)| NameUse { name: *name, id: None, place, origin: origin(*at) })
    }

    fn clear(&mut self) {
        self.0.iter_mut().for_each(Vec::clear);
    }

    fn to_scope(&self) -> Scope {
        let mut scope = Scope::default();
        for (part, list) in scope.parts.iter_mut().zip(&self.0) {
            if !list.is_empty() {
                *part = PartScope::In(list.iter().map(|(sym, _)| *sym).collect());
            }
        }
        scope
    }
}

/// The ids of a scope as a person would say them.
fn scope_text(record: &Record<'_>, only: impl Fn(&Field) -> bool) -> String {
    let mut parts = Vec::new();
    for (field, node) in record.fields().filter(|(field, _)| only(field)) {
        let texts: Vec<&str> = match field.ty {
            Type::Ids | Type::LiveNames => {
                node.items().filter_map(|item| item.scalar()).map(|scalar| scalar.text).collect()
            }
            _ => node.scalar().map(|scalar| scalar.text).into_iter().collect(),
        };
        parts.push(format!("{} {}", field.name, listed(&texts, LISTED_IDS)));
    }
    parts.join("; ")
}

fn scope(
    record: &Record<'_>,
    kind: &Kind,
    base: &Choices,
    ids: &Ids,
    names: &mut Vec<NameUse>,
    findings: &mut Findings,
) -> Option<(Scope, String)> {
    if kind.address_is_scope {
        let fields = || address_fields(kind.set);
        if fields().any(|field| record.is_bad(field.name) || (field.required && record.get(field.name).is_none())) {
            return None;
        }
        let mut scope = base.to_scope();
        for part in fields().filter_map(|field| field.part) {
            if base.0.get(part).is_some_and(Vec::is_empty) {
                // The address without this part is a place of its own: the domain's own assignments.
                scope.parts[part] = PartScope::In([Sym::NONE].into());
            }
        }
        return Some((scope, scope_text(record, |field| field.part.is_some())));
    }
    let node = record.get("scope")?;
    if node.scalar().is_some() {
        return Some((Scope::default(), "all".to_owned()));
    }
    let before = findings.errors();
    let inner = record.object("scope", findings)?;
    let sound = findings.errors() == before;
    let choices = Choices::of(&inner, ids);
    names.extend(choices.names(NamePlace::Scope));
    sound.then(|| (choices.to_scope(), scope_text(&inner, |_| true)))
}

fn expect(record: &Record<'_>, findings: &mut Findings) -> Option<Expect> {
    let expect = record.object("expect", findings)?;
    let number = |name| expect.text(name).and_then(|(text, _)| text.parse().ok());
    Some(Expect {
        removes: number("removes"),
        updates: number("updates"),
        until: expect.text("until").and_then(|(text, _)| parse_until(text)),
        origin: origin(expect.node.span()),
    })
}

fn protect(record: &Record<'_>, ids: &Ids, names: &mut Vec<NameUse>, findings: &mut Findings) -> Vec<Protect> {
    let Some((_, Field { ty: Type::Objects(shape), .. })) = record.shape.field("protect") else { return Vec::new() };
    let items = record.get("protect").into_iter().flat_map(|list| list.items());
    let mut protects = Vec::new();
    for item in items {
        let Some(inner) = shape.read(item, findings) else { continue };
        names.extend(Choices::of(&inner, ids).names(NamePlace::Protect));
        protects.push(protection(&inner, ids));
    }
    protects
}

/// A key pattern as a protection.
pub(super) fn protection(pattern: &Record<'_>, ids: &Ids) -> Protect {
    let mut parts = [None; MAX_KEY_PARTS];
    for (field, node) in pattern.fields() {
        if let (Some(slot), Some(scalar)) = (field.part.and_then(|part| parts.get_mut(part)), node.scalar()) {
            *slot = Some(sym(field, scalar.text, pattern, ids));
        }
    }
    let min_holders = pattern.text("min_holders").and_then(|(text, _)| text.parse().ok());
    Protect { parts, min_holders, origin: Some(origin(pattern.node.span())) }
}

fn assignments(
    record: &Record<'_>,
    kind: &Kind,
    base: Choices,
    ids: &Ids,
    set: &mut DesiredSet,
    findings: &mut Findings,
) {
    let Some((_, Field { ty: Type::Objects(shape), .. })) = record.shape.field("assignments") else { return };
    let Some(list) = record.get("assignments") else { return };
    set.rows.reserve(list.len());
    let mut lowering = Lowering { kind, ids, base, own: Choices::default(), record, set };
    for item in list.items() {
        let before = findings.errors();
        let Some(entry) = shape.read(item, findings) else { continue };
        (kind.check_assignment)(&entry, findings);
        let fields = lowering.fields(&entry, findings);
        if findings.errors() > before {
            continue;
        }
        if !lowering.rows(&entry, fields, findings) {
            return;
        }
    }
}

/// One set on its way to rows.
struct Lowering<'l> {
    kind: &'l Kind,
    ids: &'l Ids,
    /// What the set's own fields give for every entry.
    base: Choices,
    /// What the entry gives; kept to reuse its memory.
    own: Choices,
    record: &'l Record<'l>,
    set: &'l mut DesiredSet,
}

impl Lowering<'_> {
    fn fields(&self, entry: &Record<'_>, findings: &mut Findings) -> Fields {
        let mut pairs = Vec::new();
        // What a name is unique in belongs to the name.
        let is_value = |field: &Field| field.part.is_none() && !matches!(field.ty, Type::LiveName);
        for (field, node) in entry.fields().filter(|(field, _)| is_value(field)) {
            if let Some(value) = value(field, node, findings) {
                pairs.push((field.name, value));
            }
        }
        if pairs.is_empty() { Fields::default() } else { Fields::new(pairs) }
    }

    /// Adds the cross product of the entry's ids; false: the set is full.
    fn rows(&mut self, entry: &Record<'_>, fields: Fields, findings: &mut Findings) -> bool {
        let whole = entry.node.span();
        self.own.clear();
        self.own.fill(entry, self.ids);
        self.set.names.extend(self.own.names(NamePlace::Assignment));
        let Self { own, base, .. } = &*self;
        let nothing = [(Sym::NONE, whole)];
        let mut lists: [&[(Sym, Span)]; MAX_KEY_PARTS] = [&nothing; MAX_KEY_PARTS];
        for ((list, own), base) in lists.iter_mut().zip(&own.0).zip(&base.0) {
            if let Some(filled) = [own, base].into_iter().find(|candidate| !candidate.is_empty()) {
                *list = filled;
            }
        }
        let product = lists.iter().try_fold(1_usize, |n, list| n.checked_mul(list.len())).unwrap_or(usize::MAX);
        if self.set.rows.len().saturating_add(product) > MAX_ROWS {
            let message = format!("the set declares more than {MAX_ROWS} assignments");
            let help = "plural fields multiply: list fewer ids, or split the set";
            findings.push(Diagnostic::error("too-many-rows", message, entry.node.head()).help(help));
            return false;
        }
        if product == 1 && self.is_inside(&Key(lists.map(|list| list[0].0))) {
            let key = Key(lists.map(|list| list[0].0));
            self.set.rows.push(Desired { key, fields, origin: origin(whole) });
            return true;
        }
        let mut rows = Vec::with_capacity(product);
        // An id that is wrong beside a plural is wrong once, not once for each of the others.
        let mut told = HashSet::new();
        for n in 0..product {
            let (key, at) = pick(&lists, &self.own, n, whole);
            if let Some((id, outside)) = self.outside(&key, &lists, n) {
                if told.insert(id) {
                    findings.push(outside);
                }
                continue;
            }
            rows.push(Desired { key, fields: fields.clone(), origin: origin(at) });
        }
        self.set.rows.append(&mut rows);
        true
    }

    fn is_inside(&self, key: &Key) -> bool {
        self.kind.address_is_scope
            || self.set.scope.as_ref().is_none_or(|scope| scope.contains(key) || scope.may_contain(key, self.ids))
    }

    /// The key part and the id that are outside the set's scope, and what to say of them.
    fn outside(
        &self,
        key: &Key,
        lists: &[&[(Sym, Span)]; MAX_KEY_PARTS],
        n: usize,
    ) -> Option<((usize, Sym), Diagnostic)> {
        if self.is_inside(key) {
            return None;
        }
        let scope = self.set.scope.as_ref()?;
        let part = scope.parts.iter().zip(key.0).position(|(part, sym)| !part.may_contain(sym, self.ids))?;
        let (sym, at) = nth(lists, n)[part];
        let id = self.ids.text(sym);
        let field = self.kind.capabilities.key_fields.get(part).copied().unwrap_or("id");
        let message = format!("{} is outside the set's own scope", shown(id));
        let mut diagnostic = Diagnostic::error("outside-scope", message, at);
        if let Some(scope_at) = self.record.key("scope") {
            diagnostic = diagnostic.also(scope_at, format!("the scope: {}", self.set.scope_text));
        }
        let help = format!("add the id to the scope's list for `{field}`, or declare it in another set");
        Some(((part, sym), diagnostic.help(help)))
    }
}

/// The n-th combination: the last list turns fastest.
fn nth(lists: &[&[(Sym, Span)]; MAX_KEY_PARTS], mut n: usize) -> [(Sym, Span); MAX_KEY_PARTS] {
    let mut picked = lists.map(|list| list[0]);
    for (slot, list) in picked.iter_mut().zip(lists).rev() {
        *slot = list[n % list.len()];
        n /= list.len();
    }
    picked
}

/// The n-th key, and where it stands: the last list of several ids says it best, else the whole entry.
fn pick(lists: &[&[(Sym, Span)]; MAX_KEY_PARTS], own: &Choices, n: usize, whole: Span) -> (Key, Span) {
    let picked = nth(lists, n);
    let plural = own.0.iter().rposition(|list| list.len() > 1);
    let at = plural.map_or(whole, |part| picked[part].1);
    (Key(picked.map(|(sym, _)| sym)), at)
}
