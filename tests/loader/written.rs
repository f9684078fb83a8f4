//! Manifests that the program writes load back as exactly the rows that they were written from, whatever the ids and values.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use assignctl::manifest::write::exact::{self, SetText};
use assignctl::manifest::write::{Account, Authority, Group, divide, undeclarable, write};
use assignctl::manifest::{Inputs, Kind, Loaded, load};
use assignctl::model::{FieldKind, Fields, Ids, Instant, Key, Live, Mode, Names, PartScope, Scope, Sym, Value};
use assignctl::provider;

/// The moment of these imports.
const NOW: &str = "2030-01-01T00:00:00Z";

fn kind(name: &str) -> &'static Kind {
    provider::find(name).unwrap().kind
}

fn target(provider: &str) -> &'static str {
    match provider {
        "streamline" => "client_id: c",
        "semaphor" => "project_id: p",
        "canopy" => "account: a, application: b, environment: c",
        _ => "max_filter_ids: 10",
    }
}

/// Ids that meet each other, and ids that readers of YAML stumble over.
fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-d]",
        1 => "(no|on|null|~|012|1_000|2\\.10|1e3|true|0x1f|12:30:45|<<|- a|a: b|#c|a #c|\\*x|&y|!z|%|@|`|\\?|\\||>|'|\"|\\[a\\]|\\{\\}|a,b|2026-01-01|\\.\\.\\.|---|=)",
        1 => "[ -~äß€😀\u{202e}\u{2028}\u{feff}]{1,12}",
    ]
    .prop_filter("an id is a path segment", |id| !id.is_empty() && id != "." && id != "..")
}

fn values() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_filter("JSON has no infinity", |n| n.is_finite()).prop_map(Json::from),
        id().prop_map(Json::from),
        "[ -~äß€😀\n\t\r\u{0}\u{7f}\u{85}\u{e0001}]{0,40}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map(key(), inner, 0..5).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,4}", id(), Just(String::new()), "[ -~\n\u{0}]{0,10}"]
}

/// One row before its ids are interned: the parts of its key, two maps, texts, the end of its window.
type Draft = ([String; 3], Json, Vec<String>, u8);

fn draft() -> impl Strategy<Value = Draft> {
    let map = prop_oneof![
        2 => Just(json!({})),
        2 => Just(json!({"region": "eu"})),
        1 => prop::collection::btree_map(key(), values(), 0..4).prop_map(|map| Json::Object(map.into_iter().collect())),
    ];
    ([id(), id(), id()], map, prop::collection::vec(id(), 2..4), any::<u8>())
}

fn row(kind: &Kind, ids: &Ids, draft: &Draft) -> Live {
    let (parts, map, texts, number) = draft;
    let mut syms: Vec<Sym> = parts.iter().map(|part| ids.sym(part)).collect();
    match kind.provider() {
        "streamline" if number.is_multiple_of(5) || parts[1].is_empty() => syms[1] = Sym::NONE,
        "semaphor" => {
            let word = ["ALL_TENANTS", "TENANT", "TENANT_USER", "ORG_USER"][usize::from(number % 4)];
            syms[1] = ids.sym(word);
            if word == "ALL_TENANTS" {
                syms[2] = Sym::NONE;
            }
        }
        "partium" => syms.truncate(2),
        _ => {}
    }
    let fields = kind
        .capabilities
        .fields
        .iter()
        .map(|field| (field.name, value(kind, field.name, field.kind, map, texts, *number)));
    Live { key: Key::new(&syms), id: None, fields: Fields::new(fields.collect()), info: None }
}

fn value(kind: &Kind, name: &str, of: FieldKind, map: &Json, texts: &[String], number: u8) -> Value {
    match of {
        FieldKind::Text if name == "role" && number.is_multiple_of(2) => Value::Null,
        FieldKind::Text => Value::Text(texts[usize::from(name == "model_id")].as_str().into()),
        FieldKind::Instant if name == kind.capabilities.window.unwrap().from => Value::Instant(
            Instant::parse(["2020-01-01T00:00:00Z", "2031-05-01T12:00:00.125Z"][usize::from(number % 2)]).unwrap(),
        ),
        FieldKind::Instant if number.is_multiple_of(3) => Value::Null,
        FieldKind::Instant => Value::Instant(Instant::parse("2032-01-01T00:00:00Z").unwrap()),
        FieldKind::SecretMap if number.is_multiple_of(3) => Value::Null,
        FieldKind::SecretMap => Value::Masked(vec!["a key".into(), format!("key{}", number % 7).into()]),
        FieldKind::Json if map.as_object().is_none_or(|map| map.is_empty()) => Value::Null,
        FieldKind::Json => Value::json(map.clone()),
    }
}

/// The rows as their declarations should read: what is not there, and a start that has passed, is not declared.
fn wanted(kind: &Kind, row: &Live) -> BTreeMap<&'static str, Value> {
    let past = |name: &str, value: &Value| {
        kind.capabilities.window.is_some_and(|window| window.from == name)
            && matches!(value, Value::Instant(at) if *at <= Instant::parse(NOW).unwrap())
    };
    let fields = row.fields.iter().filter(|(name, value)| !value.is_null() && !past(name, value));
    fields.map(|(name, value)| (name, value.clone())).collect()
}

fn loaded(provider: &str, texts: &[String], ids: &Ids) -> Loaded {
    let target = format!(
        "apiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: t }}\nspec: {{ provider: {provider}, endpoint: sandbox, {} }}\n",
        target(provider)
    );
    let text = [&[target], texts].concat().join("---\n");
    load(&Inputs { stdin: Some(text.into_bytes()), complete: true, ..Inputs::default() }, &provider::kinds(), ids)
}

fn check(provider: &str, drafts: &[Draft], single: bool) -> Result<(), TestCaseError> {
    let (kind, ids) = (kind(provider), Ids::default());
    let mut seen = HashSet::new();
    let rows: Vec<Live> =
        drafts.iter().map(|draft| row(kind, &ids, draft)).filter(|row| seen.insert(row.key)).collect();
    let mut names = Names::default();
    for row in &rows {
        names.add(0, row.key.part(0), "Änna\n# \u{1b}[1m <b>, @everyone");
    }
    let account =
        Account { kind, ids: &ids, names: &names, target: "t", now: Instant::parse(NOW).unwrap(), schema: "s" };
    let fit: Vec<&Live> = rows.iter().filter(|row| undeclarable(&account, row).is_none()).collect();
    let groups = if single && !kind.address_is_scope {
        vec![Group { place: Vec::new(), rows: fit.clone(), authority: Authority::All, notes: Vec::new() }]
    } else {
        divide(kind, &ids, fit.iter().copied())
    };
    let manifests = write(&account, &groups, &HashSet::new());
    let texts: Vec<String> = manifests.iter().map(|manifest| manifest.text.clone()).collect();
    let text = texts.join("---\n");
    let loaded = loaded(provider, &texts, &ids);
    let findings = assignctl::render::diagnostics::human(&loaded.diagnostics, &loaded.sources, false);
    prop_assert!(loaded.diagnostics.is_empty(), "{findings}\n{text}");
    let mut read = BTreeMap::new();
    for set in &loaded.sets {
        prop_assert_eq!(set.mode.as_str(), "observe");
        for row in &set.rows {
            prop_assert!(set.covers(&row.key), "outside its scope: {}", &text);
            prop_assert!(read.insert(row.key, &row.fields).is_none(), "declared twice: {}", &text);
        }
    }
    prop_assert_eq!(read.len(), fit.len(), "{}", &text);
    for row in fit {
        let Some(fields) = read.get(&row.key) else {
            return Err(TestCaseError::fail(format!("a row is missing\n{text}")));
        };
        let wanted = wanted(kind, row);
        let names: Vec<&str> = fields.iter().map(|(name, _)| name).collect();
        prop_assert_eq!(&names, &wanted.keys().copied().collect::<Vec<_>>(), "{}", &text);
        for (name, value) in &wanted {
            prop_assert!(
                fields.get(name).is_some_and(|read| read.same(value)),
                "{name}: {value:?} {:?}\n{text}",
                fields.get(name)
            );
        }
    }
    Ok(())
}

/// The rows of one set, written whole and read back.
fn check_exact(provider: &str, drafts: &[Draft]) -> Result<(), TestCaseError> {
    let (kind, ids) = (kind(provider), Ids::default());
    let names = Names::default();
    let account =
        Account { kind, ids: &ids, names: &names, target: "t", now: Instant::parse(NOW).unwrap(), schema: "s" };
    let mut seen = HashSet::new();
    let mut rows: Vec<Live> = drafts.iter().map(|draft| row(kind, &ids, draft)).collect();
    rows.retain(|row| undeclarable(&account, row).is_none() && seen.insert(row.key));
    let mut scope = None;
    if kind.address_is_scope {
        let Some(first) = rows.first().map(|row| row.key) else { return Ok(()) };
        rows.retain(|row| kind.divide_by.iter().all(|part| row.key.part(*part) == first.part(*part)));
        let mut address = Scope::default();
        kind.divide_by.iter().for_each(|part| address.parts[*part] = PartScope::In([first.part(*part)].into()));
        scope = Some(address);
    }
    let known = |row: &Live| {
        let told = wanted(kind, row).into_iter().filter(|(_, value)| !matches!(value, Value::Masked(_)));
        Fields::new(told.collect())
    };
    let fields: Vec<Fields> = rows.iter().map(known).collect();
    let rows: Vec<(Key, &Fields, String)> =
        rows.iter().zip(&fields).map(|(row, fields)| (row.key, fields, "a: b\n# \u{1b}\u{2028}".to_owned())).collect();
    let (mode, scope) = (Mode::Additive, scope.as_ref());
    let set = SetText { kind, ids: &ids, name: "s", target: "t", mode, scope, expect: (1, 0), rows: &rows };
    let text = exact::set(&set);
    let loaded = loaded(provider, &[text.trim_start_matches("---\n").to_owned()], &ids);
    let findings = assignctl::render::diagnostics::human(&loaded.diagnostics, &loaded.sources, false);
    prop_assert!(loaded.diagnostics.is_empty(), "{findings}\n{text}");
    let read = &loaded.sets[0].rows;
    prop_assert_eq!(read.len(), rows.len(), "{}", &text);
    for (read, (key, fields, _)) in read.iter().zip(&rows) {
        prop_assert_eq!(read.key, *key, "{}", &text);
        prop_assert_eq!(read.fields.iter().count(), fields.iter().count(), "{}", &text);
        let same = fields.iter().all(|(name, value)| read.fields.get(name).is_some_and(|read| read.same(value)));
        prop_assert!(same, "{:?} {:?}\n{}", read.fields, fields, &text);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_live_loads_back_as_it_was(drafts in prop::collection::vec(draft(), 0..24), single in any::<bool>()) {
        for provider in ["streamline", "partium", "semaphor", "canopy"] {
            check(provider, &drafts, single)?;
            check_exact(provider, &drafts)?;
        }
    }
}

fn written(provider: &str, rows: &[Draft], names: &[(usize, &str, &str)]) -> String {
    let (kind, ids) = (kind(provider), Ids::default());
    let rows: Vec<Live> = rows.iter().map(|draft| row(kind, &ids, draft)).collect();
    let mut all = Names::default();
    for (part, id, name) in names {
        all.add(*part, ids.sym(id), name);
    }
    let now = Instant::parse(NOW).unwrap();
    let account = Account { kind, ids: &ids, names: &all, target: "prod", now, schema: ".schemas/x.json" };
    let manifests = write(&account, &divide(kind, &ids, &rows), &HashSet::new());
    manifests.iter().map(|manifest| format!("== {}.yaml\n{}", manifest.file, manifest.text)).collect()
}

fn parts(parts: [&str; 3], map: Json, number: u8) -> Draft {
    (parts.map(str::to_owned), map, vec!["2.1.0".to_owned(), "demand-forecast".to_owned()], number)
}

#[test]
fn people_are_grouped_by_role_with_names_beside_ids() {
    let rows = [("anna", "agent"), ("ben", "agent"), ("chiara", "agent"), ("dora", "lead")]
        .map(|(who, role)| parts([who, "emea", role], json!({}), 0));
    let names = [
        (0, "anna", "Anna Berg <anna@example.com>"),
        (0, "ben", "Ben Okafor"),
        (0, "chiara", "Chiara Russo"),
        (1, "emea", "Europe"),
        (2, "agent", "Support agent"),
    ];
    insta::assert_snapshot!(written("canopy", &rows, &names));
}

#[test]
fn a_grid_of_pairs_is_two_lists() {
    let mut rows = Vec::new();
    for ass in ["pump-cr3", "pump-cr5", "valve-v7"] {
        rows.extend(["dealer-at", "dealer-de"].map(|org| parts([ass, org, ""], json!({}), 0)));
    }
    rows.push(parts(["mixer-m200", "dealer-de", ""], json!({}), 0));
    insta::assert_snapshot!(written("partium", &rows, &[]));
}

#[test]
fn masked_values_are_references_to_fill_in() {
    let rows = [
        parts(["sales", "", "borealis"], json!({"region": "eu"}), 1),
        parts(["sales", "", "northwind"], json!({"region": "us"}), 9),
        parts(["sales", "", "ostrich"], json!({"region": "us"}), 9),
        parts(["sales", "", ""], json!({}), 0),
    ];
    insta::assert_snapshot!(written(
        "semaphor",
        &rows,
        &[(0, "sales", "Sales by tenant on Warehouse"), (2, "borealis", "Borealis Foods")]
    ));
}

#[test]
fn services_with_the_same_assignments_share_a_document() {
    let settings = json!({"horizon_days": 14, "features": {"weather": {"source": "bom", "refresh_minutes": 15}, "holidays": true, "rooftop_solar": true, "industrial_load": "metered"}});
    let rows = [
        parts(["south_australia", "spot", "default"], settings.clone(), 1),
        parts(["south_australia", "futures", "default"], settings, 1),
        parts(["south_australia", "trial", "default"], json!({}), 2),
        parts(["south_australia", "", "default"], json!({}), 5),
    ];
    insta::assert_snapshot!(written("streamline", &rows, &[]));
}
