//! What any program of this kind does at least, for `end_to_end.py`: the parser's events of the manifests, the typed decoding of the pages,
//! one sort of the decoded rows by their ids. Nothing is checked, joined or kept.
//!
//! `yardstick PROVIDER MANIFESTS PAGES`: two directories; prints what each part took. Its CPU is measured from outside.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A row as what identifies it.
type Key = [String; 3];

#[derive(Deserialize)]
struct Partium {
    result: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    ass_id: String,
    org_id: String,
}

#[derive(Deserialize)]
struct Canopy {
    items: Vec<CanopyRow>,
}

#[derive(Deserialize)]
struct CanopyRow {
    identity: Named,
    role: Named,
    assignment: CanopyAssignment,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    #[serde(rename = "name")]
    _name: Option<String>,
}

#[derive(Deserialize)]
struct CanopyAssignment {
    #[serde(rename = "id")]
    _id: String,
    source_node_id: String,
    #[serde(rename = "effective_from")]
    _from: Option<String>,
    #[serde(rename = "effective_to")]
    _to: Option<String>,
}

#[derive(Deserialize)]
struct Semaphor {
    data: SemaphorData,
}

#[derive(Deserialize)]
struct SemaphorData {
    assignments: Vec<SemaphorRow>,
}

#[derive(Deserialize)]
struct SemaphorRow {
    assignment: SemaphorAssignment,
}

#[derive(Deserialize)]
#[allow(non_snake_case)] // the API's own names
struct SemaphorAssignment {
    definitionId: String,
    scopeType: String,
    tenantId: Option<String>,
    #[serde(rename = "params")]
    _params: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Deserialize)]
struct StreamlineRow {
    assignment_key: String,
    model_id: String,
    model_version: String,
    #[serde(rename = "settings")]
    _settings: Option<serde_json::Map<String, serde_json::Value>>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let [provider, manifests, pages] = arguments.as_slice() else {
        println!("run by benches/end_to_end.py");
        return;
    };
    let begin = Instant::now();
    let events: usize = files(manifests, "yaml").map(|text| events(&String::from_utf8(text).unwrap())).sum();
    let parsed = begin.elapsed();
    let begin = Instant::now();
    let mut keys: Vec<Key> = files(pages, "json").flat_map(|page| rows(provider, &page)).collect();
    let decoded = begin.elapsed();
    let begin = Instant::now();
    keys.sort_unstable();
    let sorted = begin.elapsed();
    assert!(events > 0 && !keys.is_empty(), "there is nothing to measure");
    let milliseconds = |taken: std::time::Duration| format!("{:.0} ms", taken.as_secs_f64() * 1000.0);
    let [parsed, decoded, sorted] = [parsed, decoded, sorted].map(milliseconds);
    println!("events {parsed}, decoding {decoded}, sort {sorted}");
}

fn files(directory: &str, extension: &str) -> impl Iterator<Item = Vec<u8>> {
    let is_one = |path: &std::path::PathBuf| path.extension().is_some_and(|found| found == extension);
    let mut paths: Vec<_> = fs::read_dir(Path::new(directory)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(is_one);
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap())
}

fn events(text: &str) -> usize {
    let options = granit_parser::options! { emit_comments: false };
    granit_parser::Parser::new_from_str_with_options(text, options).filter(Result::is_ok).count()
}

fn rows(provider: &str, page: &[u8]) -> Vec<Key> {
    match provider {
        "partium" => {
            parse::<Partium>(page).result.into_iter().map(|row| [row.ass_id, row.org_id, String::new()]).collect()
        }
        "canopy" => {
            let key = |row: CanopyRow| [row.identity.id, row.assignment.source_node_id, row.role.id];
            parse::<Canopy>(page).items.into_iter().map(key).collect()
        }
        "semaphor" => {
            let key = |row: SemaphorRow| {
                let row = row.assignment;
                [row.definitionId, row.scopeType, row.tenantId.unwrap_or_default()]
            };
            parse::<Semaphor>(page).data.assignments.into_iter().map(key).collect()
        }
        _ => {
            let key = |row: StreamlineRow| [row.assignment_key, row.model_id, row.model_version];
            parse::<Vec<StreamlineRow>>(page).into_iter().map(key).collect()
        }
    }
}

fn parse<T: DeserializeOwned>(page: &[u8]) -> T {
    serde_json::from_slice(page).unwrap()
}
