//! Loading manifests: the whole way from text to rows, beside what other decoders need for the same data without places, checks
//! or errors. `ASSIGNCTL_BENCH_ENTRIES` makes it smaller (365,000 entries take 50 MB).
#![allow(missing_docs, clippy::unwrap_used)]

use std::fmt::Write as _;
use std::sync::LazyLock;

use assignctl::diag::{Diagnostics, SourceId};
use assignctl::manifest::{Inputs, load, yaml};
use assignctl::model::Ids;
use assignctl::provider;
use divan::{Bencher, black_box, counter::BytesCount};

fn main() {
    divan::main();
}

/// One entry as typed decoders see it.
#[derive(serde::Deserialize)]
#[allow(dead_code)] // decoded for its cost
struct Entry {
    identity_id: String,
    node_id: String,
    role_id: String,
    effective_to: String,
}

fn entries() -> usize {
    std::env::var("ASSIGNCTL_BENCH_ENTRIES").ok().and_then(|n| n.parse().ok()).unwrap_or(365_000)
}

/// Every identity holds one of 40 roles at one of 900 nodes, as a directory export would have it.
fn rows() -> impl Iterator<Item = [String; 4]> {
    (0..entries()).map(|n| {
        let identity = format!("idn_{n:08x}-7f3a-4c1e");
        let node = format!("node_{:05}_department", n % 900);
        [identity, node, format!("role_{:02}_support", n % 40), format!("20{}-12-31T23:59:59Z", 30 + n % 60)]
    })
}

const HEAD: &str = "apiVersion: assignctl/v1
kind: Target
metadata: { name: crm }
spec: { provider: canopy, endpoint: sandbox, account: acme, application: crm, environment: prod }
---
apiVersion: assignctl/v1
kind: CanopyAssignments
metadata: { name: everyone }
spec:
  target: crm
  mode: authoritative
  scope: all
  assignments:
";

/// The list alone, in block style.
static LIST: LazyLock<String> = LazyLock::new(|| {
    let mut text = String::new();
    for [identity, node, role, to] in rows() {
        let _ = writeln!(
            text,
            "    - identity_id: {identity}\n      node_id: {node}\n      role_id: {role}\n      effective_to: {to}"
        );
    }
    text
});

static MANIFEST: LazyLock<String> = LazyLock::new(|| format!("{HEAD}{}", *LIST));

static FLOW: LazyLock<String> = LazyLock::new(|| {
    let mut text = HEAD.to_owned();
    for [identity, node, role, to] in rows() {
        let _ =
            writeln!(text, "    - {{ identity_id: {identity}, node_id: {node}, role_id: {role}, effective_to: {to} }}");
    }
    text
});

static JSON: LazyLock<String> = LazyLock::new(|| {
    let entry = |[i, n, r, t]: [String; 4]| {
        format!("{{\"identity_id\": \"{i}\", \"node_id\": \"{n}\", \"role_id\": \"{r}\", \"effective_to\": \"{t}\"}}")
    };
    format!("[\n{}\n]", rows().map(entry).collect::<Vec<_>>().join(",\n"))
});

fn whole(text: &str) -> usize {
    let inputs = Inputs { stdin: Some(text.as_bytes().to_vec()), complete: true, ..Inputs::default() };
    let loaded = load(&inputs, &provider::kinds(), &Ids::default());
    assert_eq!((loaded.diagnostics.errors(), loaded.sets[0].rows.len()), (0, entries()));
    loaded.sets[0].rows.len()
}

/// Everything that `validate` does: text, arena, tables, rows, cross checks.
#[divan::bench(sample_count = 5)]
fn validate_block_style(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(MANIFEST.len())).bench(|| whole(black_box(&MANIFEST)));
}

#[divan::bench(sample_count = 5)]
fn validate_flow_style(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(FLOW.len())).bench(|| whole(black_box(&FLOW)));
}

/// The arena alone.
#[divan::bench(sample_count = 5)]
fn arena(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(MANIFEST.len())).bench(|| {
        let mut diagnostics = Diagnostics::default();
        let documents = yaml::parse(black_box(&MANIFEST), SourceId(0), &mut diagnostics).documents().count();
        assert_eq!((documents, diagnostics.errors()), (2, 0));
        documents
    });
}

/// The parser's events alone: what no reader built on it can go below.
#[divan::bench(sample_count = 5)]
fn events(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(MANIFEST.len())).bench(|| {
        let options = granit_parser::options! { emit_comments: false };
        granit_parser::Parser::new_from_str_with_options(black_box(&MANIFEST), options).filter(Result::is_ok).count()
    });
}

#[divan::bench(sample_count = 5)]
fn serde_json_typed(bencher: Bencher<'_, '_>) {
    bencher
        .counter(BytesCount::new(JSON.len()))
        .bench(|| serde_json::from_str::<Vec<Entry>>(black_box(&JSON)).unwrap());
}

#[divan::bench(sample_count = 5)]
fn serde_json_value(bencher: Bencher<'_, '_>) {
    bencher
        .counter(BytesCount::new(JSON.len()))
        .bench(|| serde_json::from_str::<serde_json::Value>(black_box(&JSON)).unwrap());
}

/// The same list through the maintained successor of serde_yaml, typed, its budget raised.
#[divan::bench(sample_count = 3)]
fn serde_yaml_typed(bencher: Bencher<'_, '_>) {
    let budget = serde_yaml::budget! {
        max_nodes: 10_000_000,
        max_events: 100_000_000,
        max_total_scalar_bytes: 1_000_000_000,
        max_reader_input_bytes: None,
    };
    let options = serde_yaml::options! { budget: budget };
    bencher
        .counter(BytesCount::new(LIST.len()))
        .bench_local(|| serde_yaml::from_str_with_options::<Vec<Entry>>(black_box(&LIST), options.clone()).unwrap());
}
