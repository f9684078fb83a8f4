//! Which files are read: the root rule, selection, and what is refused on the way.

use std::path::Path;

use super::{codes, load_paths, load_text};
use assignctl::manifest::{Inputs, load};
use assignctl::model::Ids;
use assignctl::provider;

const ROOT: &str = "apiVersion: assignctl/v1\nkind: Root\n";

fn target(name: &str) -> String {
    format!(
        "apiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: {name} }}\nspec: {{ provider: semaphor, endpoint: sandbox, project_id: {name} }}\n"
    )
}

fn set(name: &str, mode: &str) -> String {
    format!(
        "apiVersion: assignctl/v1\nkind: SemaphorAssignments\nmetadata: {{ name: {name} }}\nspec: {{ target: t, mode: {mode}, scope: {{ definitionIds: [{name}] }}, assignments: [] }}\n"
    )
}

fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

fn simple() -> tempfile::TempDir {
    repository(&[
        ("assignctl.yaml", ROOT),
        ("targets.yaml", &target("t")),
        ("a/one.yaml", &set("one", "authoritative")),
        ("a/two.yml", &set("two", "authoritative")),
        ("b/three.yaml", &set("three", "additive")),
        ("README.md", "not yaml"),
        (".hidden/x.yaml", "["),
    ])
}

#[test]
fn everything_under_the_root_is_loaded_and_the_paths_only_select() {
    let dir = simple();
    let at = |name: &str| dir.path().join(name);
    for (paths, selected) in [
        (vec![at("")], vec![true, true, true]),
        (vec![at("a")], vec![true, true, false]),
        (vec![at("a/two.yml"), at("b")], vec![false, true, true]),
        (vec![at("targets.yaml")], vec![true, true, true]), // every set that uses a target in it
    ] {
        let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
        let (loaded, _) = load_paths(&paths);
        assert_eq!(codes(&loaded), [""; 0], "{paths:?}");
        let names: Vec<&str> = loaded.sets.iter().map(|set| set.name.as_str()).collect();
        assert_eq!(names, ["one", "two", "three"], "sorted by file");
        assert_eq!(loaded.selected, selected, "{paths:?}");
        assert_eq!(loaded.files, 5);
        let root = loaded.root.unwrap();
        assert_eq!(root.sandbox_state, root.dir.join(".assignctl/sandbox.db"));
    }
}

#[test]
fn places_are_named_from_the_root() {
    let dir = simple();
    std::fs::write(dir.path().join("a/one.yaml"), "x").unwrap();
    let (loaded, _) = load_paths(&[&dir.path().join("b")]);
    let place = loaded.diagnostics.sorted()[0].primary.as_ref().map(|label| loaded.sources.locate(label.span)).unwrap();
    assert_eq!(place.to_string(), "a/one.yaml:1:1");
}

#[test]
fn without_a_root_an_authoritative_set_needs_the_callers_word() {
    let dir = repository(&[
        ("t.yaml", &target("t")),
        ("one.yaml", &set("one", "authoritative")),
        ("two.yaml", &set("two", "additive")),
    ]);
    let (loaded, _) = load_paths(&[dir.path()]);
    assert_eq!(codes(&loaded), ["incomplete-input"]);
    assert_eq!(loaded.selected, [true, true]);
    let inputs = Inputs { paths: vec![dir.path().to_path_buf()], complete: true, ..Inputs::default() };
    assert!(load(&inputs, &provider::kinds(), &Ids::default()).diagnostics.is_empty());
}

#[test]
fn standard_input_joins_loose_files_and_no_root() {
    let dir = repository(&[("t.yaml", &target("t"))]);
    let stdin = Some(set("one", "additive").into_bytes());
    let inputs = Inputs { paths: vec![dir.path().join("t.yaml")], stdin: stdin.clone(), complete: false };
    let loaded = load(&inputs, &provider::kinds(), &Ids::default());
    assert!(loaded.diagnostics.is_empty() && loaded.sets.len() == 1);
    let rooted = simple();
    let inputs = Inputs { paths: vec![rooted.path().to_path_buf()], stdin, complete: false };
    assert_eq!(codes(&load(&inputs, &provider::kinds(), &Ids::default()))[0], "several-roots");
}

#[test]
fn a_call_has_one_root() {
    let (one, two) = (simple(), simple());
    let (loaded, _) = load_paths(&[one.path(), two.path()]);
    assert_eq!(codes(&loaded), ["several-roots"]);
    let nested =
        repository(&[("assignctl.yaml", ROOT), ("inner/assignctl.yaml", ROOT), ("inner/t.yaml", &target("t"))]);
    assert_eq!(codes(&load_paths(&[nested.path()]).0), ["nested-root"]);
    let (inner, _) = load_paths(&[&nested.path().join("inner")]);
    assert!(inner.diagnostics.is_empty() && inner.targets.len() == 1);
}

#[test]
fn what_the_root_ignores_is_not_read() {
    let root = format!(
        "{ROOT}spec: {{ ignore: [drafts/, '*.tmpl.yaml', 'x/**/y.yaml'], sandbox: {{ seed: live/seed.yaml, state: live/db }} }}\n"
    );
    let dir = repository(&[
        ("assignctl.yaml", &root),
        ("t.yaml", &target("t")),
        ("drafts/a.yaml", "["),
        ("deep/b.tmpl.yaml", "["),
        ("x/1/2/y.yaml", "["),
        ("live/seed.yaml", "partium: {}"),
    ]);
    let (loaded, _) = load_paths(&[dir.path()]);
    assert_eq!(codes(&loaded), [""; 0]);
    let root = loaded.root.unwrap();
    assert_eq!(root.sandbox_seed, Some(root.dir.join("live/seed.yaml")));
    assert_eq!(root.sandbox_state, root.dir.join("live/db"));
    let (loaded, _) = load_paths(&[&dir.path().join("drafts/a.yaml")]);
    assert_eq!(codes(&loaded), ["no-manifests"]);
}

#[test]
fn a_roots_own_mistakes_are_told_once() {
    for (text, expected) in [
        ("", "missing-root"),
        ("apiVersion: assignctl/v1\nkind: Root\nspec: { ignore: ['{'] }\n", "invalid-glob"),
        ("apiVersion: assignctl/v1\nkind: Root\nspec: { sandbox: { seed: ../../seed.yaml } }\n", "path-outside"),
        ("apiVersion: assignctl/v1\nkind: Root\nspec: { sandbox: { state: /etc/passwd } }\n", "path-outside"),
        ("apiVersion: assignctl/v1\nkind: Root\nspec: { ignroe: [] }\n", "unknown-field"),
        ("apiVersion: assignctl/v1\nkind: Root\n---\napiVersion: assignctl/v1\nkind: Root\n", "misplaced-root"),
    ] {
        let dir = repository(&[("assignctl.yaml", text)]);
        assert_eq!(codes(&load_paths(&[dir.path()]).0), [expected], "{text}");
    }
}

#[test]
fn paths_that_are_not_there_or_hold_nothing() {
    let dir = repository(&[("x.txt", "")]);
    assert_eq!(codes(&load_paths(&[&dir.path().join("nothing")]).0), ["unreadable"]);
    assert_eq!(codes(&load_paths(&[dir.path()]).0), ["no-manifests"]);
}

#[test]
fn a_loose_file_given_twice_is_read_once() {
    let dir = repository(&[("t.yaml", &target("t"))]);
    let file = dir.path().join("t.yaml");
    let (loaded, _) = load_paths(&[&file, dir.path(), &file]);
    assert_eq!((codes(&loaded), loaded.files), (vec![], 1));
}

#[cfg(unix)]
mod links {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_that_leave_the_root_are_refused() {
        let outside = repository(&[("t.yaml", &target("t"))]);
        for link in ["link.yaml", "directory"] {
            let dir = repository(&[("assignctl.yaml", ROOT)]);
            let to = if link == "directory" { outside.path().to_path_buf() } else { outside.path().join("t.yaml") };
            symlink(to, dir.path().join(link)).unwrap();
            assert_eq!(codes(&load_paths(&[dir.path()]).0), ["outside-link"], "{link}");
        }
        let dir = repository(&[("assignctl.yaml", ROOT)]);
        symlink("/nowhere/at/all", dir.path().join("x.yaml")).unwrap();
        assert_eq!(codes(&load_paths(&[dir.path()]).0), ["outside-link"]);
        let (loaded, _) = load_paths(&[&dir.path().join("x.yaml")]);
        assert!(loaded.diagnostics.errors() > 0, "given by name too");
    }

    #[test]
    fn links_inside_the_root_are_not_read_twice() {
        let dir = repository(&[("assignctl.yaml", ROOT), ("a/t.yaml", &target("t"))]);
        symlink("a/t.yaml", dir.path().join("same.yaml")).unwrap();
        symlink("a", dir.path().join("b")).unwrap();
        let (loaded, _) = load_paths(&[dir.path()]);
        assert_eq!((codes(&loaded), loaded.files), (vec![], 2));
    }

    #[test]
    fn a_pipe_is_no_manifest_and_is_never_opened() {
        let dir = repository(&[("assignctl.yaml", ROOT)]);
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("s.yaml")).unwrap();
        assert_eq!(codes(&load_paths(&[dir.path()]).0), ["not-a-file"]);
        let loose = repository(&[]);
        let path = loose.path().join("s.yaml");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert_eq!(codes(&load_paths(&[&path]).0), ["not-a-file"]);
    }
}

#[test]
fn findings_without_a_place_come_in_the_order_of_the_names() {
    let names = ["m", "a", "z", "c", "q", "b"];
    let dir = repository(&[("assignctl.yaml", ROOT)]);
    for name in names {
        std::fs::create_dir(dir.path().join(name)).unwrap();
        std::fs::write(dir.path().join(name).join("assignctl.yaml"), ROOT).unwrap();
    }
    let (loaded, _) = load_paths(&[dir.path()]);
    let sorted = loaded.diagnostics.sorted();
    let roots: Vec<&str> = sorted.iter().filter(|d| d.code == "nested-root").map(|d| d.message.as_ref()).collect();
    let mut expected = names.map(|name| format!("`{name}` is a root of its own"));
    expected.sort();
    assert_eq!(roots, expected);
}

#[test]
fn input_that_holds_nothing_is_an_error() {
    for text in ["", "\n\n", "# a comment\n", "---\n---\n"] {
        let (loaded, _) = load_text(text);
        assert_eq!(codes(&loaded), ["empty-input"], "{text:?}");
        assert_eq!(loaded.diagnostics.errors(), 1);
    }
    let (loaded, _) = load_text("kind: nonsense\n");
    assert!(!codes(&loaded).contains(&"empty-input"), "what is wrong says enough");
}

#[test]
fn one_target_written_twice_is_one_mistake() {
    let target = "apiVersion: assignctl/v1\nkind: Target\nmetadata: { name: parts }\nspec: { provider: partium, endpoint: sandbox }\n";
    let (loaded, _) = load_text(&format!("{target}---\n{target}"));
    assert_eq!(codes(&loaded), ["duplicate-name"]);
    let (loaded, _) = load_text(&format!("{target}---\n{}", target.replace("name: parts", "name: other")));
    assert_eq!(codes(&loaded), ["same-account"]);
}
