//! The examples do what they say.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{self, Run};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

fn run(dir: &Path, args: &[&str]) -> Run {
    support::run(support::program(dir).args(args))
}

#[test]
fn quickstart_plan_apply_plan() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("quickstart");
    support::copy(&example("quickstart"), &root);

    let plan = run(dir.path(), &["plan", "quickstart"]);
    assert_eq!(plan.code, 0, "{}", plan.text());
    insta::assert_snapshot!("quickstart_plan", plan.stdout);

    let counts = run(dir.path(), &["plan", "quickstart", "--format", "json"]).json();
    for name in ["create", "update", "remove", "unchanged", "unmanaged"] {
        assert_ne!(counts["counts"][name], 0, "the first plan shows one of everything, but no {name}");
    }
    assert_eq!(counts["role_changes"], 1);

    let apply = run(dir.path(), &["apply", "quickstart", "--auto-approve", "--format", "json"]);
    assert_eq!(apply.code, 0, "{}", apply.text());
    let report = apply.json();
    let changes = counts["counts"]["create"].as_u64().unwrap()
        + counts["counts"]["update"].as_u64().unwrap()
        + counts["counts"]["remove"].as_u64().unwrap();
    assert_eq!(report["totals"]["done"], changes, "every outcome is done: {report:#}");
    for target in report["targets"].as_array().unwrap() {
        assert_eq!(target["verification"]["result"], "clean", "{target:#}");
    }

    let again = run(dir.path(), &["plan", "quickstart", "--detailed-exitcode"]);
    assert_eq!(again.code, 0, "{}", again.text());
    assert!(again.stdout.contains("No changes"), "{}", again.text());
    insta::assert_snapshot!("quickstart_second_plan", again.stdout);
}

#[test]
fn quickstart_applied_for_people() {
    let dir = tempfile::tempdir().unwrap();
    support::copy(&example("quickstart"), dir.path());
    let apply = run(dir.path(), &["apply", "--auto-approve"]);
    assert_eq!(apply.code, 0, "{}", apply.text());
    insta::assert_snapshot!("quickstart_apply", apply.stdout);
}

#[test]
fn every_example_validates_offline() {
    for name in ["quickstart", "streamline", "partium", "semaphor", "canopy"] {
        let run = run(&example(name), &["validate"]);
        assert_eq!((run.code, &*run.stderr), (0, ""), "{name}: {}", run.text());
    }
}

/// Every file of the examples names the schema of its kind by a path that leads there, and keeps to it.
#[test]
fn every_example_keeps_to_the_schema_that_it_names() {
    let mut files = Vec::new();
    for name in ["quickstart", "streamline", "partium", "semaphor", "canopy"] {
        yaml_files(&example(name), &mut files);
    }
    assert!(files.len() > 15, "{files:?}");
    for file in files.iter().filter(|file| !file.ends_with("live/seed.yaml")) {
        let text = std::fs::read_to_string(file).unwrap();
        let first = text.lines().next().unwrap_or_default();
        let path = first.strip_prefix("# yaml-language-server: $schema=");
        let path = path.unwrap_or_else(|| panic!("{} begins with another line: {first}", file.display()));
        let schema = file.parent().unwrap().join(path);
        let schema = std::fs::read_to_string(&schema).unwrap_or_else(|error| panic!("{}: {error}", schema.display()));
        let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
        let documents: Vec<Value> = serde_yaml::from_multiple(&text).unwrap();
        for document in documents {
            let errors: Vec<String> =
                validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", file.display());
        }
    }
}

fn yaml_files(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() && !path.file_name().unwrap().to_string_lossy().starts_with('.') {
            yaml_files(&path, found);
        } else if path.extension().is_some_and(|end| end == "yaml") {
            found.push(path);
        }
    }
}
