//! What README.md and docs/ show is what the binary prints.
//!
//! A fenced `console` block whose line before is `<!-- checked -->` is run: each `$ ` line in a shell, in a copy of the examples that one
//! file's blocks share from top to bottom. What follows a `$ ` line must be what it prints on standard output (write `2>&1` to show
//! standard error). `UPDATE=1 cargo test docs` writes what came instead; read the difference before you commit it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const MARK: &str = "<!-- checked -->";
/// Printed between the commands of a block, so that one shell runs them all and `$?` means what it says.
const NEXT: &str = "\u{1}next\u{1}";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![repository().join("README.md")];
    let docs = std::fs::read_dir(repository().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    pages.sort();
    pages
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        match name.to_str() {
            // The state of a sandbox that somebody ran here is no part of the example.
            Some(".assignctl") => {}
            _ if path.is_dir() => copy_dir(&path, &to.join(&name)),
            _ => drop(std::fs::copy(&path, to.join(&name)).unwrap()),
        }
    }
}

/// A place to run a page's commands in: a copy of what a clone holds, and `assignctl` and `cargo run --release --` on the path.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["examples", "tests/broken"] {
            copy_dir(&repository().join(name), &dir.path().join("clone").join(name));
        }
        let bin = dir.path().join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let binary = env!("CARGO_BIN_EXE_assignctl");
        script(&bin.join("assignctl"), &format!("exec '{binary}' \"$@\""));
        script(&bin.join("cargo"), &format!("shift 3; exec '{binary}' \"$@\""));
        Self { dir }
    }

    /// What each command prints.
    fn run(&self, commands: &[String]) -> Vec<String> {
        let mut lines = String::new();
        for command in commands {
            // The marker must not change what the next command sees as `$?`.
            let _ = write!(lines, "{command}\nassignctl_status=$?; printf '{NEXT}'; (exit $assignctl_status)\n");
        }
        let path = format!("{}:{}", self.dir.path().join("bin").display(), std::env::var("PATH").unwrap());
        let output = Command::new("sh")
            .args(["-c", &lines])
            .current_dir(self.dir.path().join("clone"))
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.dir.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        // Hints propose a day; the pages show the same one always.
        let text = text.replace(&crate::support::proposed(), "2026-12-24");
        let mut parts: Vec<String> = text.split(NEXT).map(str::to_owned).collect();
        assert_eq!(parts.len(), commands.len() + 1, "{commands:?}: {}", String::from_utf8_lossy(&output.stderr));
        parts.truncate(commands.len());
        parts
    }
}

fn script(path: &Path, line: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, format!("#!/bin/sh\n{line}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs a page's checked blocks; gives the page as it should be.
fn as_it_should_be(text: &str) -> (String, usize) {
    let place = Place::new();
    let (mut out, mut blocks) = (String::new(), 0);
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let _ = writeln!(out, "{line}");
        if line.trim() != MARK {
            continue;
        }
        let fence = lines.next().unwrap_or_default();
        assert_eq!(fence, "```console", "a checked block is a console block");
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let commands: Vec<String> = body.iter().filter_map(|line| line.strip_prefix("$ ").map(str::to_owned)).collect();
        let _ = writeln!(out, "{fence}");
        for (command, printed) in commands.iter().zip(place.run(&commands)) {
            let _ = writeln!(out, "$ {command}");
            for line in printed.trim_end().lines() {
                let _ = writeln!(out, "{}", line.trim_end());
            }
        }
        let _ = writeln!(out, "```");
        blocks += 1;
    }
    (out, blocks)
}

#[test]
fn the_docs_show_what_the_binary_prints() {
    let mut checked = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let (wanted, blocks) = as_it_should_be(&text);
        checked += blocks;
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&page, wanted).unwrap();
        } else {
            snapbox::assert_data_eq!(text, snapbox::Data::text(wanted).raw());
        }
    }
    assert!(checked >= 5, "only {checked} blocks are checked");
}

#[test]
fn links_between_the_docs_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            if !page.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Text of all Rust files below a directory, with their paths.
fn sources(dir: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn the_tests_that_the_docs_name_are_there() {
    let mut files = Vec::new();
    ["src", "tests"].iter().for_each(|dir| sources(&repository().join(dir), &mut files));
    let (mut named, mut missing) = (0, Vec::new());
    for page in ["docs/safety.md", "docs/threat-model.md"] {
        let text = std::fs::read_to_string(repository().join(page)).unwrap();
        let code = text.split('`').skip(1).step_by(2);
        for (modules, test) in code.filter_map(|code| code.rsplit_once("::")) {
            named += 1;
            let here = |path: &str| modules.split("::").all(|module| path.contains(module));
            let function = format!("fn {test}(");
            if !files.iter().any(|(path, text)| here(path) && text.contains(&function)) {
                missing.push(format!("{page}: {modules}::{test}"));
            }
        }
    }
    assert!(missing.is_empty() && named > 50, "{named} are named, these are not there:\n{}", missing.join("\n"));
}

#[test]
fn the_manifest_reference_is_made_from_the_tables_that_check() {
    const MARK: &str = "<!-- made from the program's own tables; UPDATE=1 cargo test docs -->\n";
    let path = repository().join("docs/manifests.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, _) = text.split_once(MARK).unwrap();
    let wanted = format!("{head}{MARK}\n{}", assignctl::manifest::schemas::markdown(&assignctl::provider::kinds()));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, wanted).unwrap();
    } else {
        snapbox::assert_data_eq!(text, snapbox::Data::text(wanted).raw());
    }
}
