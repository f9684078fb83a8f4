//! One directory of broken manifests: every mistake that can be made in a file, with the findings that it must give.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{codes, load_paths, load_text};
use assignctl::render::diagnostics;

const DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/broken");

fn manifests() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(DIR).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "yaml") && !path.to_string_lossy().contains(".tmpl."));
    files.sort();
    files
}

/// The codes that a file's first line announces.
fn expected(path: &Path) -> Vec<String> {
    let bytes = std::fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let first = text.trim_start_matches('\u{feff}').lines().next().unwrap();
    let list = first.strip_prefix("# expect:").unwrap_or_default();
    let mut codes: Vec<String> = list.split(',').map(|code| code.trim().to_owned()).filter(|c| !c.is_empty()).collect();
    codes.sort();
    codes
}

#[test]
fn every_file_gives_exactly_the_findings_that_it_announces() {
    let (loaded, _) = load_paths(&[Path::new(DIR)]);
    let mut found: BTreeMap<std::sync::Arc<str>, Vec<String>> = BTreeMap::new();
    for diagnostic in loaded.diagnostics.sorted() {
        let place = diagnostic.primary.as_ref().map(|label| loaded.sources.locate(label.span).file);
        found.entry(place.unwrap_or_default()).or_default().push(diagnostic.code.to_owned());
    }
    let files = manifests();
    assert!(files.len() > 30, "{} files", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut given = found.remove(&*name).unwrap_or_default();
        given.sort();
        if given != expected(&path) {
            wrong.push(format!("{name}: announced {:?}\n  gives {given:?}", expected(&path)));
        }
    }
    let shown = diagnostics::human(&loaded.diagnostics, &loaded.sources, false);
    assert!(wrong.is_empty() && found.is_empty(), "{}\nelsewhere: {found:?}\n{shown}", wrong.join("\n"));
}

/// The text of every finding, looked at by a person before it was checked in. UPDATE=1 writes it anew.
#[test]
fn every_finding_reads_as_it_was_approved() {
    let (loaded, _) = load_paths(&[Path::new(DIR)]);
    // Each file by itself, so that none is beyond what a person is shown at once.
    let mut shown = String::new();
    for index in 0..loaded.sources.len() {
        let mut of_file = assignctl::diag::Diagnostics::default();
        for diagnostic in loaded.diagnostics.sorted() {
            if diagnostic.primary.as_ref().is_some_and(|label| label.span.source.0 as usize == index) {
                of_file.push(diagnostic.clone());
            }
        }
        shown.push_str(&diagnostics::human(&of_file, &loaded.sources, false));
    }
    shown.push_str(&diagnostics::summary(&loaded.diagnostics));
    shown.push('\n');
    let path = Path::new(DIR).join("expected.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &shown).unwrap();
    }
    let approved = std::fs::read_to_string(&path).unwrap_or_default();
    snapbox::assert_data_eq!(shown, snapbox::Data::text(approved).raw());
}

#[test]
fn no_secret_written_by_mistake_is_ever_shown() {
    let (loaded, _) = load_paths(&[Path::new(DIR)]);
    let human = diagnostics::human(&loaded.diagnostics, &loaded.sources, true);
    let json = diagnostics::json(&loaded.diagnostics, &loaded.sources).to_string();
    for text in [&human, &json, &format!("{:?}", loaded.diagnostics), &format!("{:?}", loaded.sources)] {
        assert!(!text.contains("CANARY"), "{text}");
    }
}

#[test]
fn findings_as_json_name_code_place_and_help() {
    let (loaded, _) = load_text("apiVersion: assignctl/v1\nkind: Traget\n");
    let json = diagnostics::json(&loaded.diagnostics, &loaded.sources);
    assert_eq!(json[0]["code"], "unknown-kind");
    assert_eq!(json[0]["severity"], "error");
    assert_eq!(json[0]["location"]["file"], "<stdin>");
    assert_eq!((json[0]["location"]["line"].as_u64(), json[0]["location"]["column"].as_u64()), (Some(2), Some(7)));
    assert_eq!(json[0]["help"][0], "did you mean `Target`?");
}

/// Codes whose findings have no place in a file of that directory; `files` and `lowering` try them.
const ELSEWHERE: [&str; 25] = [
    "empty-input",
    "ignore-ended",
    "incomplete-input",
    "invalid-glob",
    "missing-root",
    "nested-root",
    "no-manifests",
    "not-a-file",
    "outside-link",
    "several-roots",
    "too-large",
    "too-many-findings",
    "too-many-rows",
    // Cannot be written in a manifest that anyone would keep: see `yaml::tests`.
    "unsupported-key",
    "merge-key",
    // Only live rows can tell: `by_name` tries them.
    "ambiguous-name",
    "unknown-name",
    "unproven-name",
    // Of a policy, which is no manifest: `threats` tries them.
    "invalid-host",
    "invalid-path",
    "not-a-policy",
    "policy-names",
    "policy-target",
    "policy-unused",
    "unknown-path",
];

#[test]
fn every_code_of_the_loader_has_its_broken_file() {
    let mut known: BTreeSet<String> = manifests().iter().flat_map(|path| expected(path)).collect();
    known.extend(ELSEWHERE.map(str::to_owned));
    let mut used = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for dir in ["src/manifest", "src/provider"] {
        collect_codes(&root.join(dir), &mut used);
    }
    let untried: Vec<&String> = used.iter().filter(|code| !known.contains(*code)).collect();
    let unknown: Vec<&String> = known.iter().filter(|code| !used.contains(*code)).collect();
    assert!(used.len() > 40 && untried.is_empty() && unknown.is_empty(), "untried {untried:?}, unknown {unknown:?}");
}

/// Every string in the sources that looks like a code and stands where one may.
fn collect_codes(dir: &Path, into: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_codes(&path, into);
        } else if path.to_string_lossy().contains("/manifest/") || path.ends_with("spec.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for (before, after) in code.match_indices('"').map(|(at, _)| code.split_at(at)) {
                let word = after[1..].split('"').next().unwrap();
                let opens = [
                    "Diagnostic::error(",
                    "Diagnostic::global(",
                    "Diagnostic::warning(",
                    "refuse(findings, ",
                    "=> (",
                    "Some(number) => (",
                    "yaml = |help| (",
                    "{\n            (",
                    "=> (\n            ",
                ];
                let is_word =
                    word.contains('-') && word.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == '8');
                if is_word && opens.iter().any(|open| before.ends_with(open)) {
                    into.insert(word.to_owned());
                }
            }
        }
    }
}

#[test]
fn a_run_that_is_wrong_everywhere_stops_collecting() {
    let entries = "    - { ass_id: '', org_id: o }\n".repeat(20_000);
    let text = format!(
        "apiVersion: assignctl/v1\nkind: PartiumAssignments\nmetadata: {{ name: n }}\nspec:\n  target: t\n  mode: additive\n  assignments:\n{entries}"
    );
    let (loaded, _) = load_text(&text);
    assert!(codes(&loaded).contains(&"too-many-findings"));
    assert!(loaded.diagnostics.errors() < 10_100);
}
