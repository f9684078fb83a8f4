//! Live rows as the entries that declare them: equal rows joined by plural fields wherever the tables have some.
//!
//! Every row ends up in exactly one entry, so nothing is declared twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::layout::{Node, comment, scalar};
use super::{Account, Secrets, exact};
use crate::manifest::Kind;
use crate::manifest::shape::{Case, Field, Rule, Shape, Type};
use crate::model::{Fields, Ids, Key, Live, MAX_KEY_PARTS, Sym, Value};

/// The ids of an entry, a list for each part of the key.
type Lists = [Vec<Sym>; MAX_KEY_PARTS];

/// Rows that differ in their ids alone.
struct Alike<'a> {
    keys: Vec<Key>,
    fields: &'a Fields,
}

/// The entries of a set, sorted; `constant` are the parts of the key that its scope says already.
pub(super) fn entries(account: &Account<'_>, rows: &[&Live], constant: &[usize], secrets: &mut Secrets) -> Vec<Node> {
    let Some(shape) = assignment_shape(account.kind) else { return Vec::new() };
    let mut found: Vec<(Lists, &Fields)> = Vec::new();
    for alike in alike(account, shape, rows) {
        let parts = pluralizable(account, shape, &alike.keys);
        found.extend(rectangles(&alike.keys, &parts).into_iter().map(|lists| (lists, alike.fields)));
    }
    let text = |sym: &Sym| account.ids.text(*sym);
    for (lists, _) in &mut found {
        lists.iter_mut().for_each(|list| list.sort_by_cached_key(text));
    }
    found.sort_by_cached_key(|(lists, _)| lists.each_ref().map(|list| list.iter().map(text).collect::<Vec<_>>()));
    found.iter().map(|(lists, fields)| entry(account, shape, lists, fields, constant, secrets)).collect()
}

/// The table of an assignment.
pub(super) fn assignment_shape(kind: &Kind) -> Option<&'static Shape> {
    match kind.set.field("assignments") {
        Some((_, Field { ty: Type::Objects(shape), .. })) => Some(shape),
        _ => None,
    }
}

/// Rows grouped by all that no plural field can say: their values, their words (a scope type), their secrets.
fn alike<'a>(account: &Account<'_>, shape: &Shape, rows: &[&'a Live]) -> Vec<Alike<'a>> {
    let words: Vec<usize> =
        shape.fields().filter(|field| matches!(field.ty, Type::Choice(_))).filter_map(|field| field.part).collect();
    let mut groups: BTreeMap<String, Alike<'a>> = BTreeMap::new();
    for row in rows {
        let shown = |(name, value): (&'static str, &Value)| format!("{name} {}", value.shown());
        let mut signature: Vec<String> = declared(account, &row.fields).map(shown).collect();
        signature.extend(words.iter().map(|part| account.ids.text(row.key.part(*part)).to_string()));
        if row.fields.iter().any(|(_, value)| matches!(value, Value::Masked(_))) {
            // What is masked may differ from row to row: each gets references of its own.
            signature.extend(row.key.0.iter().map(|sym| account.ids.text(*sym).to_string()));
        }
        let alike = groups.entry(signature.join("\n"));
        alike.or_insert_with(|| Alike { keys: Vec::new(), fields: &row.fields }).keys.push(row.key);
    }
    groups.into_values().collect()
}

/// The values that an entry writes: what is there, and of a time window only what still matters.
fn declared<'f>(account: &Account<'_>, fields: &'f Fields) -> impl Iterator<Item = (&'static str, &'f Value)> {
    // A start that has passed says nothing about access any more (apis/canopy.md: List: every row shows one).
    let past_start = account
        .kind
        .capabilities
        .window
        .filter(|window| matches!(fields.get(window.from), Some(Value::Instant(from)) if *from <= account.now));
    fields.iter().filter(move |(name, value)| !value.is_null() && past_start.is_none_or(|window| window.from != *name))
}

/// The parts of the key that have a plural field and more than one id here.
fn pluralizable(account: &Account<'_>, shape: &'static Shape, keys: &[Key]) -> Vec<usize> {
    let Some(first) = keys.first() else { return Vec::new() };
    let varies = |part: usize| keys.iter().any(|key| key.part(part) != first.part(part));
    (0..account.kind.capabilities.key_fields.len())
        .filter(|part| varies(*part) && field_of(account.ids, shape, *part, first, true).is_some())
        .collect()
}

/// The field of an assignment that holds a part of its key, in the singular or plural.
pub(super) fn field_of(
    ids: &Ids,
    shape: &'static Shape,
    part: usize,
    key: &Key,
    plural: bool,
) -> Option<&'static Field> {
    let fits = |field: &&'static Field| {
        let is_plural = matches!(field.ty, Type::Ids);
        field.gives(part) && is_plural == plural && allowed(ids, shape, field.name, key)
    };
    shape.fields().find(fits)
}

/// Whether the table's cases allow a field beside the words of this key (apis/semaphor.md: which actor goes with which scope type).
fn allowed(ids: &Ids, shape: &'static Shape, name: &str, key: &Key) -> bool {
    let names = |case: &Case| case.groups.iter().any(|group| group.contains(&name)) || case.optional.contains(&name);
    shape.rules.iter().all(|rule| {
        let Rule::Case { field, cases, .. } = rule else { return true };
        let Some(part) = shape.field(field).and_then(|(_, field)| field.part) else { return true };
        let word = ids.text(key.part(part));
        !cases.iter().any(names) || cases.iter().any(|case| case.value == word && names(case))
    })
}

/// Keys as the fewest products of lists that some order of joining gives. Each key is in exactly one of them.
fn rectangles(keys: &[Key], parts: &[usize]) -> Vec<Lists> {
    let singles: Vec<Lists> = keys.iter().map(|key| key.0.map(|sym| vec![sym])).collect();
    let mut best = singles.clone();
    for order in orders(parts) {
        let joined = order.iter().fold(singles.clone(), |lists, part| join(lists, *part));
        if joined.len() < best.len() {
            best = joined;
        }
    }
    best
}

/// All orders of a few parts.
fn orders(parts: &[usize]) -> Vec<Vec<usize>> {
    if parts.is_empty() {
        return vec![Vec::new()];
    }
    let with = |first: usize| {
        let rest: Vec<usize> = parts.iter().copied().filter(|part| *part != first).collect();
        orders(&rest).into_iter().map(move |order| [vec![first], order].concat())
    };
    parts.iter().flat_map(|first| with(*first)).collect()
}

/// Joins products that differ in one part alone.
fn join(lists: Vec<Lists>, part: usize) -> Vec<Lists> {
    let mut by_rest: HashMap<Lists, BTreeSet<Sym>> = HashMap::with_capacity(lists.len());
    for mut list in lists {
        let own = std::mem::take(&mut list[part]);
        by_rest.entry(list).or_default().extend(own);
    }
    let joined = by_rest.into_iter().map(|(mut rest, own)| {
        rest[part] = own.into_iter().collect();
        rest
    });
    // A table of hashes has no order; the next join compares whole lists, so they are sorted here.
    let mut joined: Vec<Lists> = joined.collect();
    joined.sort_unstable();
    joined
}

/// One entry, its fields in the order of the table.
fn entry(
    account: &Account<'_>,
    shape: &'static Shape,
    lists: &Lists,
    fields: &Fields,
    constant: &[usize],
    secrets: &mut Secrets,
) -> Node {
    let key = Key(lists.each_ref().map(|list| list.first().copied().unwrap_or_default()));
    let mut pairs = Vec::new();
    for field in shape.fields() {
        let value = match field.part {
            Some(part) => {
                let list = &lists[part];
                let chosen = field_of(account.ids, shape, part, &key, list.len() > 1);
                let is_there = !list.iter().all(|sym| sym.is_none());
                chosen
                    .filter(|chosen| is_there && chosen.name == field.name)
                    .map(|_| ids(account, part, list, constant.contains(&part)))
            }
            None => declared(account, fields)
                .find(|(name, _)| *name == field.name)
                .map(|(_, value)| self::value(account, value, &key, secrets)),
        };
        pairs.extend(value.map(|value| (field.name.to_owned(), value)));
    }
    Node::Map(pairs)
}

/// An id or a list of ids, with names unless the set's scope has named them.
fn ids(account: &Account<'_>, part: usize, list: &[Sym], is_named: bool) -> Node {
    let node = |sym: &Sym| {
        let name = account.names.get(part, *sym).filter(|_| !is_named);
        Node::noted(account.ids.text(*sym), name)
    };
    match list {
        [one] => node(one),
        several => Node::List(several.iter().map(node).collect()),
    }
}

fn value(account: &Account<'_>, value: &Value, key: &Key, secrets: &mut Secrets) -> Node {
    match value {
        Value::Masked(names) => {
            Node::Map(names.iter().map(|name| (scalar(name), secrets.reference(account, key, name))).collect())
        }
        known => exact::value(known),
    }
}

/// The name that stands beside an id, for a comment.
pub(super) fn name_of(account: &Account<'_>, part: usize, sym: Sym) -> Option<String> {
    let text = account.ids.text(sym);
    account.names.get(part, sym).filter(|name| **name != *text).map(comment)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn product(lists: &Lists) -> usize {
        lists.iter().map(Vec::len).product()
    }

    #[test]
    fn a_grid_is_one_product_and_what_sticks_out_another() {
        let ids = Ids::default();
        let key = |a: &str, b: &str| Key::new(&[ids.sym(a), ids.sym(b)]);
        let mut keys = Vec::new();
        for a in ["p", "q", "r"] {
            keys.extend(["x", "y"].map(|b| key(a, b)));
        }
        keys.push(key("p", "z"));
        let found = rectangles(&keys, &[0, 1]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found.iter().map(product).sum::<usize>(), keys.len());
        assert_eq!(rectangles(&keys, &[]).len(), keys.len());
    }
}
