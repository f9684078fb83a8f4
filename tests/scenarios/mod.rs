//! Scenarios: live state, manifests, expected plan, expected requests, state afterwards; one file each, readable by a person.
//!
//! Every scenario starts a server of its own with `live`, runs the program as a user would, and compares what came: the plan, the
//! requests of the apply, the live state after it. Then it plans again, which must show nothing (unless `again` says what is left), and
//! applies again, which must send no write.
//!
//! `UPDATE=1 cargo test scenarios` rewrites the expected part of every file (from its first line `plan:` on). What it writes has to be
//! read against the contracts before it is committed: the files are the reviewed expectation, not a record of what happens.

mod compare;
mod scenario;
mod steps;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Scenarios wait for processes most of the time; more of them at once than processors is fine.
const AT_ONCE: usize = 4;

/// The least that a provider's directory has to hold.
const AT_LEAST: usize = 12;

#[test]
fn canopy() {
    directory("canopy");
}

#[test]
fn partium() {
    directory("partium");
}

#[test]
fn semaphor() {
    directory("semaphor");
}

#[test]
fn streamline() {
    directory("streamline");
}

/// The manifests that the program takes here are manifests by its published schemas, too.
#[test]
fn manifests_keep_to_the_schemas() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut wrong, mut validators) = (Vec::new(), HashMap::new());
    for provider in ["canopy", "partium", "semaphor", "streamline"] {
        for file in scenario_files(&root.join("tests/scenarios").join(provider)) {
            let scenario = scenario::Scenario::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
            let text = crate::support::fill(&scenario.manifests, "http://127.0.0.1:8787");
            let documents: Vec<serde_json::Value> =
                serde_yaml::from_multiple_with_options(&text, serde_yaml::options! { strict_booleans: true }).unwrap();
            for document in documents {
                let kind = document["kind"].as_str().unwrap();
                let validator =
                    validators.entry(kind.to_owned()).or_insert_with(|| schema(&root.join("schemas"), kind));
                wrong.extend(
                    validator
                        .iter_errors(&document)
                        .map(|error| format!("{}: {} {error}", file.display(), error.instance_path())),
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The schema of a kind, from the file that an editor would use.
fn schema(dir: &Path, kind: &str) -> jsonschema::Validator {
    let mut name = String::new();
    for letter in kind.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    let text = std::fs::read_to_string(dir.join(format!("{name}.json"))).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

/// Runs every scenario of a directory and names those that failed.
fn directory(provider: &str) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(provider);
    let files = scenario_files(&dir);
    assert!(files.len() >= AT_LEAST, "{provider} has {} scenarios; at least {AT_LEAST} are due", files.len());
    let chosen = std::env::var("SCENARIO").unwrap_or_default();
    let mut queue: Vec<PathBuf> = files.into_iter().filter(|file| file.to_string_lossy().contains(&chosen)).collect();
    queue.reverse();
    let (queue, failures) = (Mutex::new(queue), Mutex::new(Vec::new()));
    let next = || queue.lock().expect("no thread panics with the queue").pop();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(file) = next() {
                    if let Err(why) = run(&file, provider) {
                        failures.lock().expect("no thread panics with the list").push((file, why));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().expect("no thread panics with the list");
    failures.sort();
    let text: Vec<String> = failures.iter().map(|(file, why)| format!("==== {}\n{why}\n", file.display())).collect();
    assert!(failures.is_empty(), "{} scenarios failed\n\n{}", failures.len(), text.join("\n"));
}

fn scenario_files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let paths = entries.map(|entry| entry.expect("a directory can be listed").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    files
}

fn run(file: &Path, provider: &str) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let scenario = scenario::Scenario::parse(&text)?;
    let seen = std::panic::catch_unwind(|| steps::carry_out(&scenario, provider)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        text.unwrap_or("the scenario panicked").to_owned()
    })??;
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        return compare::rewrite(file, &text, &seen);
    }
    compare::check(&scenario.expected(), &seen)
}
