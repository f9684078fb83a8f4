//! Live rows as manifests that a person would have written: the way back through the tables that the loader reads by.
//!
//! What is written here loads back as exactly these rows. `entries` joins rows as a person would, `exact` writes whole sets and targets,
//! and both lay out and quote by the one rule of `layout`. This module knows no provider, no file system and no clock.

mod entries;
pub mod exact;
mod layout;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use self::entries::{assignment_shape, entries, name_of};
use self::layout::{Node, comment, scalar};
use super::common::API_VERSION;
use super::findings::Findings;
use super::kind::Kind;
use super::shape::{Field, Shape, Type, check_id};
use crate::diag::{SourceId, Span};
use crate::model::{Ids, Instant, Key, Live, MAX_KEY_PARTS, Names, PartScope, Scope, Sym, Value};

/// The longest name of a set or file that is made of ids: far below any limit, still readable.
const MAX_SLUG: usize = 60;

/// How deep a JSON value may be nested to be declared: [`super::yaml::MAX_DEPTH`] less the levels of a manifest around it.
const MAX_JSON_DEPTH: usize = super::yaml::MAX_DEPTH - 14;

/// The longest key of a mapping that YAML takes without a sign of its own (1,024 characters, quotes and escapes counted).
const MAX_JSON_KEY: usize = 100;

/// The account that rows were read from, and how its manifests are written.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    /// The tables.
    pub kind: &'static Kind,
    /// The table of ids.
    pub ids: &'a Ids,
    /// Names beside ids.
    pub names: &'a Names,
    /// The target's name.
    pub target: &'a str,
    /// The moment of reading: what has ended before it is not declared.
    pub now: Instant,
    /// Where an editor finds the schema of the sets, from the place of the manifests.
    pub schema: &'a str,
}

/// Rows that belong into one file.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// The ids that they share, for the parts of [`Kind::divide_by`]; empty: the whole account.
    pub place: Vec<Sym>,
    /// The rows.
    pub rows: Vec<&'a Live>,
    /// What the set has authority over.
    pub authority: Authority,
    /// What a reader must know, each one line of a comment.
    pub notes: Vec<String>,
}

/// What an imported set has authority over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// Exactly the group's place.
    Place,
    /// The whole account.
    All,
    /// Its declared keys only.
    Declared,
}

/// One file with one set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The file's name without its ending: the ids that the rows share.
    pub file: String,
    /// `metadata.name`.
    pub set: String,
    /// The text.
    pub text: String,
    /// How many rows it declares.
    pub rows: usize,
    /// The environment variables that its references name, to be filled in.
    pub variables: Vec<String>,
}

/// Divides rows into natural groups, sorted by their ids.
pub fn divide<'a>(kind: &Kind, ids: &Ids, rows: impl IntoIterator<Item = &'a Live>) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<Vec<&str>, Group<'a>> = BTreeMap::new();
    for row in rows {
        let place: Vec<Sym> = kind.divide_by.iter().map(|part| row.key.part(*part)).collect();
        let texts = place.iter().map(|sym| ids.text(*sym)).collect();
        groups.entry(texts).or_insert_with(|| Group::at(place)).rows.push(row);
    }
    groups.into_values().collect()
}

impl Group<'_> {
    /// A group without rows.
    pub fn at(place: Vec<Sym>) -> Self {
        Self { place, rows: Vec::new(), authority: Authority::Place, notes: Vec::new() }
    }

    /// Every key that could belong into the group.
    pub fn scope(&self, kind: &Kind) -> Scope {
        let mut scope = Scope::default();
        for (part, sym) in kind.divide_by.iter().zip(&self.place) {
            if let Some(slot) = scope.parts.get_mut(*part) {
                *slot = PartScope::In([*sym].into());
            }
        }
        scope
    }
}

/// Why a row cannot be declared; `None`: it can.
pub fn undeclarable(account: &Account<'_>, row: &Live) -> Option<String> {
    let mut findings = Findings::default();
    let nowhere = Span { source: SourceId(0), start: 0, end: 0 };
    for (part, field) in account.kind.capabilities.key_fields.iter().enumerate() {
        let sym = row.key.part(part);
        let field = account.kind.capabilities.key_name(account.ids, &row.key, part).unwrap_or(field);
        if !sym.is_none() && !check_id(account.ids.text(sym), nowhere, field, &mut findings) {
            return Some(format!("its {field} is no id that a request could carry"));
        }
    }
    let missing = |field: &Field| {
        let value = row.fields.get(field.name);
        field.required && field.part.is_none() && value.is_none_or(|value| value.is_null() || is_empty(value))
    };
    if let Some(field) = assignment_shape(account.kind).and_then(|shape| shape.fields().find(|field| missing(field))) {
        return Some(format!("it has no {}", field.name));
    }
    row.fields.iter().find_map(|(name, value)| match value {
        Value::Text(text) if text.contains('\0') => Some(format!("its {name} holds a NUL")),
        Value::Json(json) if !fits(&json.tree(), MAX_JSON_DEPTH) => {
            Some(format!("its {name} is nested too deep for YAML"))
        }
        Value::Unusable(why) => Some(format!("its {name} is not usable: {why}")),
        Value::Masked(names) if names.iter().any(|name| name.chars().count() > MAX_JSON_KEY) => {
            Some(format!("a name in its {name} is too long for YAML"))
        }
        _ => None,
    })
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text.is_empty())
}

fn fits(json: &serde_json::Value, depth: usize) -> bool {
    use serde_json::Value as J;
    match json {
        J::Array(_) | J::Object(_) if depth == 0 => false,
        J::Array(items) => items.iter().all(|item| fits(item, depth - 1)),
        J::Object(map) => map.iter().all(|(key, item)| key.chars().count() <= MAX_JSON_KEY && fits(item, depth - 1)),
        J::Null | J::Bool(_) | J::Number(_) | J::String(_) => true,
    }
}

/// Writes one manifest a group; where the address is the scope, groups of one domain with equal assignments share one.
pub fn write(account: &Account<'_>, groups: &[Group<'_>], taken: &HashSet<String>) -> Vec<Manifest> {
    let mut writer = Writer { account: *account, secrets: Secrets::default(), names: Taken::new(taken) };
    let mut sets: Vec<Set<'_, '_>> = Vec::new();
    for group in groups {
        writer.secrets.fresh.clear();
        let constant = if group.place.is_empty() { &[][..] } else { account.kind.divide_by };
        let entries = entries(account, &group.rows, constant, &mut writer.secrets);
        let variables = std::mem::take(&mut writer.secrets.fresh);
        match sets.iter_mut().find(|set| set.takes(account.kind, group, &entries)) {
            Some(set) => set.groups.push(group),
            None => sets.push(Set { groups: vec![group], entries, variables }),
        }
    }
    sets.into_iter().map(|set| writer.manifest(set)).collect()
}

/// Groups on their way into one document.
struct Set<'g, 'r> {
    groups: Vec<&'g Group<'r>>,
    entries: Vec<Node>,
    variables: Vec<String>,
}

impl Set<'_, '_> {
    /// Whether one more group can share the document: a plural field of the address says so.
    fn takes(&self, kind: &Kind, group: &Group<'_>, entries: &[Node]) -> bool {
        let Some(first) = self.groups.first() else { return false };
        let Some((own, shared)) = group.place.split_last() else { return false };
        let Some((theirs, their_shared)) = first.place.split_last() else { return false };
        kind.address_is_scope
            && shared == their_shared
            && !own.is_none()
            && !theirs.is_none()
            && group.notes == first.notes
            && !entries.is_empty()
            && self.entries == entries
    }
}

/// Writes documents one after the other, so that no name comes twice.
struct Writer<'a> {
    account: Account<'a>,
    secrets: Secrets,
    names: Taken,
}

impl Writer<'_> {
    fn manifest(&mut self, set: Set<'_, '_>) -> Manifest {
        let account = self.account;
        let slug = slug(&account, &set.groups);
        let (file, name) = self.names.free(account.target, &slug);
        let rows = set.groups.iter().map(|group| group.rows.len()).sum();
        let mut text = heading(&account, &set);
        let document = [
            ("apiVersion".to_owned(), Node::text(API_VERSION)),
            ("kind".to_owned(), Node::text(account.kind.name)),
            ("metadata".to_owned(), Node::Map(vec![("name".to_owned(), Node::text(&name))])),
        ];
        Node::Map(document.to_vec()).block(0, &mut text);
        text.push_str("spec:\n");
        Node::Map(spec(&account, &set)).block(2, &mut text);
        Manifest { file, set: name, text, rows, variables: set.variables }
    }
}

/// The first lines: for editors, then for people.
fn heading(account: &Account<'_>, set: &Set<'_, '_>) -> String {
    let mut text = format!("# yaml-language-server: $schema={}\n#\n", account.schema);
    text.push_str(&format!(
        "# What was live at {} when it was imported{}.\n",
        comment(account.target),
        place(account, set)
    ));
    text.push_str("# Raise `mode` step by step: `additive` creates and updates, `authoritative` also takes away what is not listed here.\n");
    if !set.variables.is_empty() {
        text.push_str(
            "# The API masks secret values: set the variables that `secret_params` names before anything is sent.\n",
        );
    }
    let mut notes = BTreeSet::new();
    for note in set.groups.iter().flat_map(|group| &group.notes).filter(|note| notes.insert(*note)) {
        for line in note.lines() {
            text.push_str(&format!("# {line}\n"));
        }
    }
    text
}

/// `: org_id dealer-at (Dealer Austria)`, where the names are known; ids alone are said by the scope.
fn place(account: &Account<'_>, set: &Set<'_, '_>) -> String {
    let mut said = Vec::new();
    for (index, part) in account.kind.divide_by.iter().enumerate() {
        let syms: BTreeSet<Sym> = set.groups.iter().filter_map(|group| group.place.get(index).copied()).collect();
        said.extend(syms.into_iter().filter_map(|sym| name_of(account, *part, sym)));
    }
    if said.is_empty() { String::new() } else { format!(": {}", said.join(", ")) }
}

/// A field of ours with its value.
fn pair(name: &str, node: Node) -> (String, Node) {
    (name.to_owned(), node)
}

/// The fields of `spec`, in the order of the examples.
fn spec(account: &Account<'_>, set: &Set<'_, '_>) -> Vec<(String, Node)> {
    let mut pairs = vec![pair("target", Node::text(account.target))];
    if account.kind.address_is_scope {
        pairs.extend(address(account, set));
    }
    pairs.push(pair("mode", Node::text("observe")));
    if !account.kind.address_is_scope {
        pairs.extend(scope(account, set));
    }
    pairs.push(pair("assignments", Node::List(set.entries.clone())));
    pairs
}

/// The field of a table that holds a part of the key, in the singular or plural.
fn field_of(shape: &Shape, part: usize, plural: bool) -> Option<&'static str> {
    let fits = |field: &&Field| field.gives(part) && matches!(field.ty, Type::Ids) == plural;
    shape.fields().find(fits).map(|field| field.name)
}

fn address(account: &Account<'_>, set: &Set<'_, '_>) -> Vec<(String, Node)> {
    let mut pairs = Vec::new();
    for (index, part) in account.kind.divide_by.iter().enumerate() {
        let mut ids: Vec<Sym> = set.groups.iter().filter_map(|group| group.place.get(index).copied()).collect();
        ids.dedup();
        let node = match ids.as_slice() {
            [] => continue,
            [one] if one.is_none() => continue,
            [one] => Node::text(account.ids.text(*one)),
            several => Node::List(several.iter().map(|id| Node::text(account.ids.text(*id))).collect()),
        };
        pairs.extend(field_of(account.kind.set, *part, ids.len() > 1).map(|field| (field.to_owned(), node)));
    }
    pairs
}

fn scope(account: &Account<'_>, set: &Set<'_, '_>) -> Option<(String, Node)> {
    let group = set.groups.first()?;
    let named = |node| Some(("scope".to_owned(), node));
    match group.authority {
        Authority::Declared => None,
        Authority::All => named(Node::text("all")),
        Authority::Place => {
            let (part, sym) = (account.kind.divide_by.first()?, group.place.first()?);
            let Some((_, Field { ty: Type::Scope(shape), .. })) = account.kind.set.field("scope") else { return None };
            let list = Node::List(vec![Node::text(account.ids.text(*sym))]);
            named(Node::Map(vec![(field_of(shape, *part, true)?.to_owned(), list)]))
        }
    }
}

/// The ids of a place as a name: letters, digits, `.`, `_` and `-`.
fn slug(account: &Account<'_>, groups: &[&Group<'_>]) -> String {
    let place = groups.first().map(|group| group.place.as_slice()).unwrap_or_default();
    let texts: Vec<String> =
        place.iter().filter(|sym| !sym.is_none()).map(|sym| plain(account.ids.text(*sym))).collect();
    let mut slug = texts.join("-");
    if groups.len() > 1 {
        slug.push_str(&format!("-and-{}-more", groups.len() - 1));
    }
    if slug.is_empty() { "all".to_owned() } else { slug }
}

fn plain(text: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    let mapped: String = text.chars().take(MAX_SLUG).map(fits).collect();
    let trimmed = mapped.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if trimmed.is_empty() { "group".to_owned() } else { trimmed.to_owned() }
}

/// Names of sets and files that are in use. Files are compared without case: some file systems know none.
struct Taken {
    sets: HashSet<String>,
    files: HashSet<String>,
}

impl Taken {
    fn new(sets: &HashSet<String>) -> Self {
        // A root's own file is never written.
        Self { sets: sets.clone(), files: HashSet::from(["assignctl".to_owned()]) }
    }

    /// A free file name and set name, made of the target's name and a place.
    fn free(&mut self, target: &str, slug: &str) -> (String, String) {
        let target: String = target.chars().take(MAX_SLUG).collect();
        let numbered = |n: usize| if n < 2 { String::new() } else { format!("-{n}") };
        let mut n = 1;
        loop {
            let (file, set) = (format!("{slug}{}", numbered(n)), format!("{target}-{slug}{}", numbered(n)));
            if !self.sets.contains(&set) && self.files.insert(file.to_ascii_lowercase()) {
                self.sets.insert(set.clone());
                return (file, set);
            }
            n += 1;
        }
    }
}

/// References for masked values: a variable each, named after where it belongs.
#[derive(Default)]
struct Secrets {
    taken: HashSet<String>,
    /// Those of the current set.
    fresh: Vec<String>,
}

impl Secrets {
    fn reference(&mut self, account: &Account<'_>, key: &Key, name: &str) -> Node {
        // Words such as a scope type say less about where a value belongs than the ids around them.
        let is_word = |part: usize| {
            let shape = assignment_shape(account.kind);
            shape.is_some_and(|s| s.fields().any(|f| f.part == Some(part) && matches!(f.ty, Type::Choice(_))))
        };
        let parts = (0..MAX_KEY_PARTS).filter(|part| !is_word(*part)).map(|part| account.ids.text(key.part(part)));
        let words: Vec<String> =
            parts.map(|text| text.to_string()).chain([name.to_owned()]).map(|text| shouted(&text)).collect();
        let base = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_");
        let base = if base.starts_with(|c: char| c.is_ascii_digit()) { format!("_{base}") } else { base };
        let mut variable = base.clone();
        let mut n = 1;
        while !self.taken.insert(variable.clone()) {
            n += 1;
            variable = format!("{base}_{n}");
        }
        let node = Node::Map(vec![("env".to_owned(), Node::Scalar(scalar(&variable), None))]);
        self.fresh.push(variable);
        node
    }
}

/// A word as environment variables spell it.
fn shouted(text: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let mapped: String = text.chars().take(MAX_SLUG).map(fits).collect();
    mapped.trim_matches('_').to_owned()
}
