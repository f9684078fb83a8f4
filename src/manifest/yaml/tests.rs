//! The relevant behaviours of the public YAML test suite, in our own words: one assertion a behaviour.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::diag::Diagnostics;

/// A compact, readable form of a tree: `"…"` quoted scalars, `'…'`-free plain ones, `[]`, `{}`, `!` for bad nodes.
fn show(node: Node<'_>) -> String {
    match node.kind() {
        NodeKind::Bad => "!".to_owned(),
        NodeKind::Scalar => {
            let scalar = node.scalar().unwrap();
            if scalar.plain { format!("<{}>", scalar.text) } else { format!("{:?}", scalar.text) }
        }
        NodeKind::Sequence => format!("[{}]", node.items().map(show).collect::<Vec<_>>().join(" ")),
        NodeKind::Mapping => {
            let pairs: Vec<String> = node.pairs().map(|(k, v)| format!("{}:{}", show(k), show(v))).collect();
            format!("{{{}}}", pairs.join(" "))
        }
    }
}

fn read(text: &str) -> (String, Vec<&'static str>) {
    let mut diagnostics = Diagnostics::default();
    let tree = parse(text, SourceId(0), &mut diagnostics);
    let shown: Vec<String> = tree.documents().map(show).collect();
    (shown.join(" | "), diagnostics.sorted().iter().map(|d| d.code).collect())
}

#[track_caller]
fn reads(text: &str, expected: &str) {
    assert_eq!(read(text), (expected.to_owned(), vec![]), "{text}");
}

#[track_caller]
fn fails(text: &str, code: &'static str) {
    let (shown, codes) = read(text);
    assert!(codes.contains(&code), "{text:?}: {codes:?}, read {shown}");
}

#[test]
fn a_node_is_twenty_four_bytes() {
    assert_eq!(size_of::<Raw>(), 24);
}

#[test]
fn block_collections() {
    reads("a: 1\nb:\n  - x\n  - y: z\n    w: v\n", "{<a>:<1> <b>:[<x> {<y>:<z> <w>:<v>}]}");
    reads("a:\n- x\n- y\nb: z\n", "{<a>:[<x> <y>] <b>:<z>}"); // a list may start in its key's column
    reads("- - a\n  - b\n- c\n", "[[<a> <b>] <c>]");
    reads("a:\nb:\n", "{<a>:<> <b>:<>}");
    reads("-\n- a\n", "[<> <a>]");
    reads("? a\n: b\n", "{<a>:<b>}");
    reads("? [a, b]\n: c\n", "{[<a> <b>]:<c>}");
}

#[test]
fn flow_collections() {
    reads("{a: [1, 2, ], b: {c: d,},}\n", "{<a>:[<1> <2>] <b>:{<c>:<d>}}");
    reads("[]\n---\n{}\n", "[] | {}");
    reads("{a, b: }\n", "{<a>:<> <b>:<>}");
    reads("[a: b, {c: d}]\n", "[{<a>:<b>} {<c>:<d>}]");
    reads("{\"a\":1,'b':2}\n", "{\"a\":<1> \"b\":<2>}");
    reads("[a,\n b\n ,c]\n", "[<a> <b> <c>]");
    fails("[a, b\n", "yaml-syntax");
    fails("{a: 1]\n", "yaml-syntax");
    fails("[a] b\n", "yaml-syntax");
}

#[test]
fn plain_scalars_keep_their_text() {
    reads("a: 012\nb: 2.10\nc: no\nd: 1_000\ne: 0x1F\n", "{<a>:<012> <b>:<2.10> <c>:<no> <d>:<1_000> <e>:<0x1F>}");
    reads("a: b c # comment\n", "{<a>:<b c>}");
    reads("a: b#c\n", "{<a>:<b#c>}");
    reads("a: http://x:8080/y?z=1\n", "{<a>:<http://x:8080/y?z=1>}");
    reads("a: b\n  c\n\n  d\n", "{<a>:<b c\nd>}"); // folded: one break a space, two a break
    reads("a: -1\n", "{<a>:<-1>}");
    fails("b: - \n", "yaml-syntax"); // a list may not start behind its key
}

#[test]
fn quoted_scalars() {
    reads("a: 'it''s'\n", "{<a>:\"it's\"}");
    reads("a: \"tab\\t quote\\\" \\u00e9 \\x41 \\U0001F600\"\n", "{<a>:\"tab\\t quote\\\" é A 😀\"}");
    reads("a: \"one\n  two\n\n  three\"\n", "{<a>:\"one two\\nthree\"}");
    reads("a: \"one\\\n  two\"\n", "{<a>:\"onetwo\"}");
    reads("a: \"no\"\n", "{<a>:\"no\"}");
    fails("a: \"x\\q\"\n", "yaml-syntax");
    fails("a: \"x\n", "yaml-syntax");
    fails("a: 'x' y\n", "yaml-syntax");
}

#[test]
fn block_scalars() {
    reads("a: |\n  one\n   two\n", "{<a>:\"one\\n two\\n\"}");
    reads("a: |-\n  one\n\n", "{<a>:\"one\"}");
    reads("a: |+\n  one\n\n", "{<a>:\"one\\n\\n\"}");
    reads("a: >\n  one\n  two\n\n  three\n", "{<a>:\"one two\\nthree\\n\"}");
    reads("a: >-\n  one\n    more\n  two\n", "{<a>:\"one\\n  more\\ntwo\"}");
    reads("a: |2\n   x\n", "{<a>:\" x\\n\"}");
    reads("a: |\n  # not a comment\n", "{<a>:\"# not a comment\\n\"}");
}

#[test]
fn comments_and_blank_lines_are_nothing() {
    reads("# head\n\na: 1 # tail\n  # more\nb: 2\n# end\n", "{<a>:<1> <b>:<2>}");
    reads("a:\n  # inside\n  - x\n  # between\n  - y\n", "{<a>:[<x> <y>]}");
    fails("a: \"x\"#no\n", "yaml-syntax");
}

#[test]
fn many_documents() {
    reads("a\n---\nb\n...\n---\nc\n", "<a> | <b> | <c>");
    reads("---\n---\na: 1\n", "<> | {<a>:<1>}");
    reads("", "");
    reads("# nothing\n", "");
    reads("%YAML 1.2\n---\na\n", "<a>");
    reads("--- {a: 1}\n--- |\n  x\n", "{<a>:<1>} | \"x\\n\"");
}

#[test]
fn the_document_after_a_broken_one_is_read() {
    let (shown, codes) = read("a: [1\n---\nb: 2\n---\nc: {\n---\nd: 4\n");
    assert_eq!(shown, "{<b>:<2>} | {<d>:<4>}");
    assert_eq!(codes, ["yaml-syntax", "yaml-syntax"]);
}

#[test]
fn anchors_and_aliases() {
    reads("a: &x 1\nb: *x\n", "{<a>:<1> <b>:<1>}");
    reads("a: &x {k: v}\nb: [*x, *x]\n", "{<a>:{<k>:<v>} <b>:[{<k>:<v>} {<k>:<v>}]}");
    reads("- &a 1\n- &a 2\n- *a\n", "[<1> <2> <2>]"); // the latest definition counts
    reads("&k a: *k\n", "{<a>:<a>}");
    fails("a: *missing\n", "unknown-alias");
    fails("a: &x [*x]\n", "recursive-alias");
    fails("a: &x 1\n---\nb: *x\n", "unknown-alias"); // anchors end with their document
}

#[test]
fn aliases_run_into_their_budget() {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..9 {
        let list = vec![format!("*a{}", level - 1); 10].join(",");
        bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    let (_, codes) = read(&bomb);
    assert_eq!(codes, ["alias-budget"]);
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for level in 1..80 {
        chain.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    fails(&chain, "too-deep");
}

#[test]
fn tags() {
    reads("a: !!str 012\nb: !!map {c: d}\ne: !!seq [f]\n", "{<a>:\"012\" <b>:{<c>:<d>} <e>:[<f>]}");
    for text in ["a: !!int 12\n", "a: !secret x\n", "a: !!binary aGk=\n", "a: !x {b: c}\n", "a: !!set {b}\n"] {
        fails(text, "unsupported-tag");
    }
}

#[test]
fn hostile_text_is_an_error_not_a_guess() {
    fails("a:\n\t- b\n", "tab-indentation");
    fails("a:\n  b: 1\n\tc: 2\n", "tab-indentation");
    fails("a: b\0c\n", "control-character");
    fails("a: \u{1}\n", "control-character");
    fails(&"[".repeat(100), "too-deep");
    fails(&format!("{}x", "- ".repeat(100)), "too-deep");
    fails("a: b: c\n", "yaml-syntax");
    fails("a: @b\n", "yaml-syntax");
    fails("a: `b\n", "yaml-syntax");
    fails("a: %b\n", "yaml-syntax");
    fails("a: 1\n b: 2\n", "yaml-syntax");
    fails("- a\nb: c\n", "yaml-syntax");
    fails("a: 1\n\u{feff}b: 2\n", "byte-order-mark");
    fails("--- a\n--- \u{feff}b\n", "byte-order-mark");
}

#[test]
fn a_byte_order_mark_at_the_start_is_skipped() {
    reads("\u{feff}a: 1\n", "{<a>:<1>}");
}

#[test]
fn line_breaks_of_other_systems() {
    reads("a: 1\r\nb:\r\n  - x\r\n", "{<a>:<1> <b>:[<x>]}");
    reads("a: |\r\n  x\r\n  y\r\n", "{<a>:\"x\\ny\\n\"}");
}

#[test]
fn spans_are_exact() {
    let text = "äb: {c: 'd'}\nlist:\n  - x: 1\n    y: 2\n\n# end\n";
    let mut diagnostics = Diagnostics::default();
    let tree = parse(text, SourceId(0), &mut diagnostics);
    let slice = |span: Span| &text[span.start as usize..span.end as usize];
    let root = tree.documents().next().unwrap();
    let pairs: Vec<_> = root.pairs().collect();
    assert_eq!(slice(pairs[0].0.span()), "äb");
    assert_eq!(slice(pairs[0].1.span()), "{c: 'd'}");
    let (_, inner) = pairs[0].1.pairs().next().unwrap();
    assert_eq!(slice(inner.span()), "'d'");
    let item = pairs[1].1.items().next().unwrap();
    assert_eq!(slice(item.span()), "x: 1\n    y: 2");
    assert_eq!(slice(item.head()), "x");
}

#[test]
fn a_tab_is_shown_where_it_stands() {
    for text in ["a:\n\tb: c\n", "a:\n  b: 1\n\tc: 2\n", "a:\n  - x\n\t- y\n", "a: b\n\tc: d"] {
        let mut diagnostics = Diagnostics::default();
        parse(text, SourceId(0), &mut diagnostics);
        let found = diagnostics.sorted();
        let at = found[0].primary.as_ref().unwrap().span.start as usize;
        assert_eq!((found[0].code, text.rfind('\t')), ("tab-indentation", Some(at)), "{text:?}");
    }
}
