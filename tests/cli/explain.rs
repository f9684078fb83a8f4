//! `explain`: every code that the program says has an entry, and every entry is said.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use assignctl::cli::explain::{CODES, Source};

use crate::support;

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, into);
        } else if entry.extension().is_some_and(|end| end == "rs") {
            into.push(entry);
        }
    }
}

/// The program's text, tests and comments left out, on one line a file.
fn program() -> Vec<String> {
    let mut files = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut files);
    files.retain(|path| {
        let path = path.to_string_lossy();
        !path.contains("/tests") && !path.ends_with("explain/codes.rs")
    });
    let text = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let text = text.split("#[cfg(test)]\n").next().unwrap_or_default();
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
        code.collect::<Vec<_>>().join(" ").replace("( ", "(")
    };
    files.iter().map(text).collect()
}

/// What is said right before a code of a manifest.
const BEFORE: [&str; 7] = [
    "Diagnostic::error(",
    "Diagnostic::warning(",
    "Diagnostic::global(",
    "refuse(findings, ",
    "code: ",
    "=> (",
    "=> yaml(",
];

fn said() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for text in program() {
        for before in BEFORE {
            for rest in text.split(before).skip(1) {
                let Some((word, after)) = rest.strip_prefix('"').and_then(|rest| rest.split_once('"')) else {
                    continue;
                };
                let is_code = !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
                // An arm of a table of codes has further parts; one of something else has none, or no hyphen.
                let is_table = before != "=> (" || (after.starts_with(',') && word.contains('-'));
                if is_code && is_table {
                    codes.insert(word.to_owned());
                }
            }
        }
    }
    codes
}

#[test]
fn every_code_that_is_said_is_explained() {
    let known: BTreeSet<&str> = CODES.iter().map(|code| code.name).collect();
    let said = said();
    assert!(said.len() > 60, "only {} codes were found", said.len());
    let missing: Vec<&String> = said.iter().filter(|code| !known.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "add these to src/cli/explain/codes.rs: {missing:?}");
}

#[test]
fn every_code_that_is_explained_is_said() {
    let program = program().join("\n");
    let variants = program.split("pub enum Guard {").nth(1).and_then(|rest| rest.split('}').next()).unwrap();
    let guards: BTreeSet<String> =
        variants.split(',').map(|name| kebab(name.trim())).filter(|name| !name.is_empty()).collect();
    let explained: BTreeSet<String> =
        CODES.iter().filter(|code| code.source == Source::Guard).map(|code| code.name.to_owned()).collect();
    assert_eq!(guards, explained, "the guards of src/plan/guard.rs and their entries");
    let unused: Vec<&str> = CODES
        .iter()
        .filter(|code| code.source != Source::Guard && !program.contains(&format!("\"{}\"", code.name)))
        .map(|code| code.name)
        .collect();
    assert!(unused.is_empty(), "nothing says these: {unused:?}");
}

fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

#[test]
fn entries_are_sorted_and_whole_sentences() {
    let keys: Vec<_> = CODES.iter().map(|code| (code.source as u8, code.name)).collect();
    assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "by source, then by name, each once");
    for code in CODES {
        assert!(code.what.ends_with('.') && code.fix.ends_with('.'), "{}", code.name);
    }
}

#[test]
fn a_code_is_explained_and_a_misspelt_one_is_guessed() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| support::run(support::program(dir.path()).args(args));
    let all = run(&["explain"]);
    assert!(all.code == 0 && CODES.iter().all(|code| all.stdout.contains(code.name)), "{}", all.text());
    let both = run(&["explain", "masked-value"]);
    assert_eq!(both.stdout.matches("masked-value (").count(), 2, "{}", both.text());
    insta::assert_snapshot!("explain_foreign_scope", run(&["explain", "foreign-scope"]).stdout);
    let wrong = run(&["explain", "foriegn-scope"]);
    assert!(wrong.code == 1 && wrong.stderr.contains("did you mean foreign-scope?"), "{}", wrong.text());
}
