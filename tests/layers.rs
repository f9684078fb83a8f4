//! Who may import whom (DESIGN section 7): reads the `use` lines and every `crate::…` path of the sources.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// For each layer, the layers that it may import.
const ALLOWED: [(&str, &[&str]); 10] = [
    ("diag", &[]),
    ("model", &[]),
    ("sandbox", &[]),
    ("http", &["model"]),
    ("manifest", &["diag", "model"]),
    ("plan", &["diag", "model"]),
    ("provider", &["diag", "http", "manifest", "model"]),
    ("apply", &["diag", "model", "plan", "provider"]),
    ("render", &["apply", "diag", "model", "plan"]),
    ("cli", &["apply", "diag", "http", "manifest", "model", "plan", "provider", "render", "sandbox"]),
];

/// What only `cli` may read: environment, clock, terminal. The sandbox is a program of its own and has a clock.
const OUTSIDE: [(&str, &[&str]); 4] = [
    ("std::env::", &["cli"]),
    ("IsTerminal", &["cli"]),
    ("SystemTime::now", &["cli", "sandbox"]),
    ("Timestamp::now", &["cli", "sandbox"]),
];

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The program's own text: without comments, and without the tests at its end.
fn program(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.collect::<Vec<_>>().join("\n")
}

fn layer(path: &Path) -> String {
    let below = path.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
    below.components().next().unwrap().as_os_str().to_string_lossy().into_owned()
}

fn is_test(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs" || part.as_os_str() == "testing.rs")
}

fn program_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut files);
    files.retain(|path| !is_test(path) && layer(path) != "lib.rs" && layer(path) != "main.rs");
    files
}

/// The layers that a text names as `crate::LAYER`, also inside `use crate::{…}`.
fn imported(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let names: Vec<&str> = match rest.strip_prefix('{') {
            None => vec![rest],
            Some(group) => top_level(group),
        };
        for name in names {
            let name: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.insert(name);
        }
    }
    found.retain(|name| ALLOWED.iter().any(|(layer, _)| layer == name));
    found
}

/// The entries of a `{…}` group, whose opening brace is already gone.
fn top_level(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut entries) = (0_usize, 0, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => {
                entries.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                entries.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    entries
}

#[test]
fn every_layer_imports_only_what_it_may() {
    let files = program_files();
    assert!(files.len() > 30, "only {} files were read", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let layer = layer(&path);
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == layer) else {
            wrong.push(format!("{}: src/{layer} is no layer of the design", path.display()));
            continue;
        };
        for import in imported(&program(&path)) {
            if import != layer && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{}: {layer} may not import {import}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_command_line_reads_the_environment_the_clock_and_the_terminal() {
    let mut wrong = Vec::new();
    for path in program_files() {
        let (layer, code) = (layer(&path), program(&path));
        for (what, who) in OUTSIDE {
            if code.contains(what) && !who.contains(&layer.as_str()) {
                wrong.push(format!("{}: {layer} may not use {what}", path.display()));
            }
        }
        if code.contains("anyhow") && layer != "cli" {
            wrong.push(format!("{}: anyhow lives in cli", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_place_starts_other_programs() {
    let starts = |path: &PathBuf| {
        ["process::Command", "Command::new", "process::{Command"].iter().any(|what| program(path).contains(what))
    };
    let files: Vec<PathBuf> = program_files().into_iter().filter(starts).collect();
    let names: Vec<_> = files.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    // `git_tree` takes its commands from `programs`; it names the type.
    assert_eq!(names, ["git_tree.rs", "programs.rs"], "{files:?}");
    let git = files.iter().find(|path| path.ends_with("git_tree.rs")).unwrap();
    assert!(!program(git).contains("Command::new"), "git_tree.rs starts a program by itself");
}

#[test]
fn providers_do_not_know_each_other() {
    let names = ["canopy", "partium", "semaphor", "streamline"];
    let mut wrong = Vec::new();
    for path in program_files().into_iter().filter(|path| layer(path) == "provider") {
        let Some(own) = names.iter().find(|name| path.components().any(|part| part.as_os_str() == **name)) else {
            continue;
        };
        let code = program(&path);
        for other in names.iter().filter(|name| *name != own) {
            if code.contains(&format!("{other}::")) {
                wrong.push(format!("{}: {own} may not use {other}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_sandbox_shares_no_wire_type_with_the_providers() {
    let files = program_files().into_iter().filter(|path| layer(path) == "sandbox");
    let wrong: Vec<String> =
        files.filter(|path| program(path).contains("crate::provider")).map(|path| path.display().to_string()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
