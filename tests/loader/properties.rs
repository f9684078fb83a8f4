//! Promises that hold for every text: no panic, the same reading as another YAML library, the same result in any order.

use proptest::prelude::*;
use serde_json::Value;

use assignctl::diag::{Diagnostics, SourceId};
use assignctl::manifest::findings::Findings;
use assignctl::manifest::shape::json_value;
use assignctl::manifest::yaml;

/// What our reader makes of a text's first document, if it takes it.
fn ours(text: &str) -> Option<Value> {
    let mut diagnostics = Diagnostics::default();
    let tree = yaml::parse(text, SourceId(0), &mut diagnostics);
    let mut findings = Findings::default();
    let value = tree.documents().next().and_then(|node| json_value(node, &mut findings));
    if diagnostics.errors() + findings.errors() > 0 { None } else { value }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1.0e6..1.0e6_f64).prop_map(Value::from),
        "[ -~äß€😀\n\t]{0,12}".prop_map(Value::from),
        "(no|on|yes|null|~|012|1_000|2\\.10|1e3|true|0x1f|12:30:45|<<|- a|a: b|# c|\\*x|&y|!z|%|@|`|\\?|\\||>|'|\")"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z ~:#'\"äß-]{0,8}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Text as the second library writes it, in block style.
fn written(value: &Value) -> Option<String> {
    serde_yaml::to_string(value).ok()
}

/// Block YAML of our own making: every string in double quotes, so that no library's taste in quoting matters.
fn block(value: &Value, indent: usize) -> String {
    let pad = "  ".repeat(indent);
    match value {
        Value::Array(items) if !items.is_empty() => {
            items.iter().map(|item| format!("\n{pad}-{}", nested(item, indent))).collect()
        }
        Value::Object(map) if !map.is_empty() => map
            .iter()
            .map(|(key, item)| format!("\n{pad}{}:{}", Value::from(key.clone()), nested(item, indent)))
            .collect(),
        other => format!(" {other}"),
    }
}

fn nested(value: &Value, indent: usize) -> String {
    block(value, indent + 1)
}

fn same(a: &Value, b: &Value) -> bool {
    let model = |v: &Value| assignctl::model::Value::json(v.clone());
    model(a).same(&model(b))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn json_is_yaml_and_reads_as_itself(value in json()) {
        let read = ours(&value.to_string());
        prop_assert!(read.as_ref().is_some_and(|read| same(read, &value)), "{value} read as {read:?}");
    }

    #[test]
    fn block_style_reads_as_what_was_meant(value in json()) {
        let text = block(&value, 0);
        let read = ours(&text);
        prop_assert!(read.as_ref().is_some_and(|read| same(read, &value)), "{text}\nread as {read:?}");
    }

    /// Where both read a text, they read the same; ours may refuse more (what readers disagree about), never less strictly typed.
    #[test]
    fn another_library_reads_the_same(value in json()) {
        if let Some(text) = written(&value)
            && let (Some(ours), Ok(theirs)) = (ours(&text), serde_yaml::from_str::<Value>(&text))
        {
            prop_assert!(same(&ours, &theirs), "{text}\nours {ours}\ntheirs {theirs}");
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = super::load_bytes(&bytes);
    }

    #[test]
    fn no_text_of_yaml_signs_makes_it_panic(text in "[-:?,\\[\\]{}#&*!|>'\"%@` \n\ta-c0-9~.<]{0,200}") {
        let (loaded, _) = super::load_text(&text);
        let _ = assignctl::render::diagnostics::human(&loaded.diagnostics, &loaded.sources, true);
    }

    /// A good manifest with a few bytes changed: deeper than random bytes reach.
    #[test]
    fn no_damage_to_a_manifest_makes_it_panic(at in any::<prop::sample::Index>(), cut in 0_usize..20, put in "[-:?,\\[\\]{}#&*!|>'\"<~ \n\t]{0,6}") {
        let mut text = SAMPLE.to_owned();
        let start = at.index(text.len());
        let end = (start + cut).min(text.len());
        text.replace_range(start..end, &put);
        let (loaded, _) = super::load_text(&text);
        let shown = assignctl::render::diagnostics::human(&loaded.diagnostics, &loaded.sources, false);
        prop_assert_eq!(shown.is_empty(), loaded.diagnostics.is_empty());
    }
}

const SAMPLE: &str = "apiVersion: assignctl/v1
kind: Target
metadata: { name: t, labels: { a: b } }
spec: { provider: semaphor, endpoint: sandbox, project_id: p, limits: { timeout: 30s } }
---
apiVersion: assignctl/v1
kind: SemaphorAssignments
metadata: { name: s }
spec:
  target: t
  mode: authoritative
  scope: { definitionIds: [d] }
  expect: { removes: 1, until: 2026-12-24 }
  assignments:
    - &a { definitionId: d, scopeType: TENANT, tenantIds: [x, y], params: { k: [1, { z: ~ }] } }
    - { <<: *a, tenantIds: [z], secret_params: { p: { env: P } } }
";

#[test]
fn the_sample_itself_is_good() {
    super::load_good(SAMPLE);
}
