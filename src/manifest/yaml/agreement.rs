//! The quick reader against the full parser: whatever the one takes, the other reads as the same nodes at the same places.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{FLOW, RawKind, SIDE, Tree, parse, subset};
use crate::diag::{Diagnostics, SourceId};

/// Every node of a tree with all that its readers can see.
fn dump(tree: &Tree<'_>) -> String {
    let mut out = format!("{:?}\n", tree.documents);
    for (id, raw) in tree.nodes.iter().enumerate() {
        let buffer = if raw.flags & SIDE == 0 { tree.text } else { &tree.side };
        let is_scalar = raw.kind == RawKind::Scalar;
        let text = if is_scalar { &buffer[raw.data as usize..(raw.data + raw.len) as usize] } else { "" };
        let (kind, flags, len) = (raw.kind, raw.flags & !SIDE, if is_scalar { 0 } else { raw.len });
        let _ = writeln!(out, "{id}: {kind:?} {flags} {}..{} next {} len {len} {text:?}", raw.start, raw.end, raw.next);
    }
    out
}

/// Whether the quick reader took the text; that both agree is asserted.
#[track_caller]
fn agree(text: &str) -> bool {
    let Some(quick) = subset::read(text, SourceId(0)) else { return false };
    let mut diagnostics = Diagnostics::default();
    let full = parse::full(text, SourceId(0), &mut diagnostics);
    let found = diagnostics.sorted();
    assert!(found.is_empty(), "only the quick reader takes this: {found:?}\n{text}");
    assert_eq!(dump(&quick), dump(&full), "{text}");
    true
}

#[track_caller]
fn takes(text: &str) {
    assert!(agree(text), "{text:?} should not need the full parser");
}

#[track_caller]
fn leaves(text: &str) {
    assert!(!agree(text), "{text:?} is not the quick reader's");
}

#[test]
fn everyday_manifests_take_the_quick_way() {
    takes("a: 1\nb:\n  - x\n  - y: z\n    w: v\n");
    takes("a:\n- x\n- y\nb: z");
    takes("- - a\n  - b\n- c\n");
    takes("# head\n\n---\na: {b: [1, 2, ], c: {}, d: []} # tail\n\n---\n# name: Müller – Böhm\nb: 'two words'\n");
    takes("{\"a\":1,'b':2}\n");
    takes("a: [b,\n  c, # why\n  d\n  ]\nb: {k: v,\n k2:\n  v2}\n");
    takes("a:\n  b\nc:\n  'd'\n");
    takes("a: b c # comment\nd: x#y\nt: 2026-12-31T23:59:59Z\nu: http://x:8080/y?z=1,2\nn: -1\nö: ä\n");
    takes("- \"a\": b\n  \"c\": d\n-   x: y\n    z: w\n");
    takes("'a': {b: c}   \n   # deep comment\nd: e");
}

#[test]
fn the_rest_is_left_to_the_full_parser() {
    for text in
        ["", "# nothing\n", "---\n", "a\n", "a:\n", "- \n", "a: &x 1\n", "a: *x\n", "a: !!str x\n", "a: |\n  x\n"]
    {
        leaves(text);
    }
    for text in
        ["a: b\n  c\n", "a: \"x\\n\"\n", "a: 'it''s'\n", "a:\tb\n", "a: b\r\n", "? a\n: b\n", "a : b\n", "a: b\n...\n"]
    {
        leaves(text);
    }
    for text in
        ["{a}\n", "[a: b]\n", "{a: }\n", "a: [b]c\n", "a: \"x\"#no\n", "a: b: c\n", "a: 1\n b: 2\n", "- a\nb: c\n"]
    {
        leaves(text);
    }
    for text in [
        "a: [1\n",
        "a: {b: 1]\n",
        "a: [b,\nc]\n",
        "%YAML 1.2\n---\na: b\n",
        "\u{feff}a: b\n",
        "a: \u{2028}b\n",
        "--- {a: 1}\n",
    ] {
        leaves(text);
    }
    leaves("a:\n- \n c\n");
    leaves(&format!("{}x: y\n", "- ".repeat(40)));
    leaves(&format!("{}: y\n", "k".repeat(1100)));
}

fn manifests(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            manifests(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            into.push(path);
        }
    }
}

#[test]
fn both_agree_on_every_yaml_file_of_the_project() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["examples", "tests"] {
        manifests(&root.join(folder), &mut files);
    }
    assert!(files.len() > 150);
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else { continue }; // one of them is not UTF-8 on purpose
        let is_taken = agree(&text);
        let is_example = file.starts_with(root.join("examples")) && text.contains("apiVersion: assignctl/v1");
        assert!(is_taken || !is_example, "{} should not need the full parser", file.display());
    }
}

/// Scalars as people write them, odd ones among them.
fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9_.-]{1,6}",
        1 => "[a-zA-Z0-9 :#,'\"?!&*%@|>~<=+()/;^$.-]{1,10}",
        1 => "\"[a-z0-9 :#,'{}\\[\\]äß–]{0,8}\"",
        1 => "'[a-z0-9 :#,\"{}\\[\\]äß–]{0,8}'",
        1 => "[äöüß–a-z]{1,4}",
    ]
}

#[derive(Debug, Clone)]
enum Value {
    Scalar(String),
    Flow(String),
    List(Vec<Value>, bool),
    Map(Vec<(String, Value)>),
}

fn flow() -> impl Strategy<Value = String> {
    let gap =
        prop_oneof![6 => Just(" "), 1 => Just("\n      "), 1 => Just(""), 1 => Just(" # why\n     "), 1 => Just("\n")];
    scalar().prop_recursive(3, 12, 3, move |inner| {
        let items = prop::collection::vec((gap.clone(), inner.clone()), 0..4);
        let pairs =
            prop::collection::vec((gap.clone(), scalar(), prop_oneof![5 => Just(": "), 1 => Just(":")], inner), 0..4);
        prop_oneof![
            items.prop_map(|items| {
                let items: Vec<String> = items.into_iter().map(|(gap, item)| format!("{gap}{item}")).collect();
                format!("[{}]", items.join(","))
            }),
            pairs.prop_map(|pairs| {
                let pairs: Vec<String> =
                    pairs.into_iter().map(|(gap, k, sep, v)| format!("{gap}{k}{sep}{v}")).collect();
                format!("{{{}}}", pairs.join(","))
            }),
        ]
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![3 => scalar().prop_map(Value::Scalar), 1 => flow().prop_map(Value::Flow)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            (prop::collection::vec(inner.clone(), 1..4), any::<bool>())
                .prop_map(|(items, flat)| Value::List(items, flat)),
            prop::collection::vec((scalar(), inner), 1..4).prop_map(Value::Map),
        ]
    })
}

/// The text of a value that stands behind a dash (`behind_dash`) or under its key.
fn write(value: &Value, indent: usize, behind_dash: bool, out: &mut String) {
    let margin = |first: bool| if first { String::new() } else { " ".repeat(indent) };
    match value {
        Value::Scalar(text) | Value::Flow(text) => {
            let _ = writeln!(out, "{}{text}", margin(true));
        }
        Value::List(items, _) => {
            for (n, item) in items.iter().enumerate() {
                let _ = write!(out, "{}- ", margin(n == 0 && behind_dash));
                write(item, indent + 2, true, out);
            }
        }
        Value::Map(pairs) => {
            for (n, (key, value)) in pairs.iter().enumerate() {
                let _ = write!(out, "{}{key}:", margin(n == 0 && behind_dash));
                match value {
                    Value::Scalar(_) | Value::Flow(_) => {
                        out.push(' ');
                        write(value, indent, true, out);
                    }
                    Value::List(_, flat) => {
                        out.push('\n');
                        write(value, if *flat { indent } else { indent + 2 }, false, out);
                    }
                    Value::Map(_) => {
                        out.push('\n');
                        write(value, indent + 1, false, out);
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn they_agree_on_documents_of_every_shape(values in prop::collection::vec(value(), 1..3), marked in any::<bool>()) {
        let mut text = String::new();
        for (n, value) in values.iter().enumerate() {
            if marked || n > 0 {
                text.push_str("---\n");
            }
            write(value, 0, false, &mut text);
        }
        agree(&text);
    }

    #[test]
    fn they_agree_on_damaged_documents(value in value(), at in any::<prop::sample::Index>(), cut in 0_usize..4, put in "[-:?,\\[\\]{}#&*!|>'\"<~ \n\ta.äx]{0,4}") {
        let mut text = String::new();
        write(&value, 0, false, &mut text);
        let chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        let damaged: String = chars[..at].iter().copied().chain(put.chars()).chain(chars[(at + cut).min(chars.len())..].iter().copied()).collect();
        agree(&damaged);
    }

    #[test]
    fn they_agree_on_signs(text in "[-:?,\\[\\]{}#'\" \na-c0-9.]{0,40}") {
        agree(&text);
    }

    #[test]
    fn they_agree_on_short_lines(lines in prop::collection::vec("( {0,3})(- )?(- )?([ab]: ?)?([cd]|'e'|\\[f\\]|\\{g: h\\}|# i)?", 1..7)) {
        agree(&lines.join("\n"));
    }
}

#[test]
fn a_flow_collection_says_so() {
    let tree = subset::read("a: {b: c}\n", SourceId(0)).unwrap();
    assert_eq!(tree.nodes.iter().filter(|raw| raw.flags & FLOW != 0).count(), 1);
}
