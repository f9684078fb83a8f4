//! Ready-made pipelines: each file is YAML, and every command in it is one that the program takes. The sharded run equals the whole one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Place, set};
use crate::support;

fn pipelines() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci");
    let mut files = Vec::new();
    for folder in ["github", "gitlab", "kubernetes"] {
        files.extend(std::fs::read_dir(dir.join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    files.sort();
    files
}

/// All texts of a document, lists of words joined to the command that they are.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => {
            let words: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            match words {
                Some(words) if words.first() == Some(&"assignctl") => found.push(words.join(" ")),
                _ => items.iter().for_each(|item| texts(item, found)),
            }
        }
        Value::Object(map) => map.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

/// The calls of the program in a text: the words after `assignctl`, to the end of the line.
fn calls(text: &str) -> Vec<Vec<String>> {
    let is_call = |line: &&str| line.starts_with("assignctl ") || line.starts_with("exec assignctl ");
    let words = |line: &str| {
        let line = line.trim_start_matches("exec ").trim_start_matches("assignctl ");
        line.split_whitespace().map(str::to_owned).collect()
    };
    text.lines().map(str::trim).filter(is_call).map(words).collect()
}

#[test]
fn every_command_of_every_pipeline_is_one_that_the_program_takes() {
    let dir = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for file in pipelines() {
        let text = std::fs::read_to_string(&file).unwrap();
        let documents: Vec<Value> =
            serde_yaml::from_multiple(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let mut found = Vec::new();
        documents.iter().for_each(|document| texts(document, &mut found));
        for call in found.iter().flat_map(|text| calls(text)) {
            seen += 1;
            let words = if call[0] == "report" { 2 } else { 1 };
            let command = call[..words].join(" ");
            let help = support::run(support::program(dir.path()).args(&call[..words]).arg("--help"));
            assert_eq!(help.code, 0, "{}: there is no command {command}", file.display());
            for flag in call.iter().filter(|word| word.starts_with('-')) {
                let is_known = help.stdout.split_whitespace().any(|word| word.trim_end_matches(',') == flag);
                assert!(is_known, "{}: {command} has no {flag}", file.display());
            }
        }
    }
    assert!(seen >= 10, "only {seen} calls were found");
}

#[test]
fn pipelines_say_nothing_of_tokens_but_their_names() {
    for file in pipelines() {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| line.contains("_TOKEN:")) {
            let value = line.split_once(':').unwrap().1.trim();
            assert!(value.starts_with("${{ secrets.") || value == "${{ github.token }}", "{}: {line}", file.display());
        }
        let checkouts = text.matches("actions/checkout@").count();
        assert_eq!(checkouts, text.matches("persist-credentials: false").count(), "{}", file.display());
    }
}

/// What a plan would change, without what belongs to the run.
fn changes(plan: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for target in plan["targets"].as_array().unwrap() {
        for set in target["sets"].as_array().unwrap() {
            for change in set["changes"].as_array().unwrap() {
                found.insert(format!("{} {change}", set["name"]));
            }
        }
    }
    found
}

#[test]
fn the_parts_together_are_the_whole() {
    let place = Place::new();
    for n in 0..12 {
        place.write(&format!("sets/more-{n}.yaml"), &set(&format!("more-{n}"), &format!("org-{n}"), "a, b"));
    }
    let whole = place.run(&["plan", "--format", "json"]).json();
    let (mut joined, mut parts) = (BTreeSet::new(), 0);
    for part in 1..=4 {
        let plan = place.run(&["plan", "--format", "json", "--shard", &format!("{part}/4")]);
        assert_eq!(plan.code, 0, "{}", plan.text());
        let own = changes(&plan.json());
        assert!(own.is_disjoint(&joined), "a change in two parts: {own:?}");
        parts += usize::from(!own.is_empty());
        joined.extend(own);
    }
    assert_eq!(joined, changes(&whole));
    assert!(joined.len() > 20 && parts > 1, "{} changes in {parts} parts", joined.len());
    let next = place.run(&["plan", "--shard", "1/1"]);
    assert!(next.stdout.contains("--shard 1/1"), "{}", next.text());
    assert_eq!(place.run(&["plan", "--shard", "5/4"]).code, 1);
}
