//! `plan --base`: a pull request's changes told from drift, with real repositories.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::drift::behind_its_back;
use super::{Place, set};
use crate::support;

pub(super) fn git(dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(dir).args(["-c", "user.name=Test", "-c", "user.email=test@example.com"]).args(args);
    let output = command.output().expect("git starts");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(super) fn commit(dir: &Path) -> String {
    git(dir, &["add", "-A"]);
    git(dir, &["commit", "-q", "-m", "change"]);
    git(dir, &["rev-parse", "HEAD"])
}

/// A repository whose first commit is applied. Then Germany loses `d` and gets `x` by itself, and the work tree gives Austria `e` for `d`.
fn changed() -> (Place, String) {
    let place = Place::new();
    place.write("sets/austria.yaml", &set("austria", "at", "a, b, c, d"));
    git(place.path(), &["init", "-q", "-b", "main"]);
    let base = commit(place.path());
    behind_its_back(&place, "de", "a, b, c, x");
    place.write("sets/austria.yaml", &set("austria", "at", "a, b, c, e"));
    (place, base)
}

/// `action ass org: cause`, sorted.
fn causes(plan: &Value) -> Vec<String> {
    let sets = plan["targets"].as_array().unwrap().iter().flat_map(|target| target["sets"].as_array().unwrap());
    let changes = sets.flat_map(|set| set["changes"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut lines: Vec<String> = changes
        .map(|c| {
            let key = &c["key"];
            format!("{} {} {}: {}", text(&c["action"]), text(&key["ass_id"]), text(&key["org_id"]), text(&c["cause"]))
        })
        .collect();
    lines.sort();
    lines
}

const TOLD: [&str; 4] =
    ["create d de: drift", "create e at: pull_request", "remove d at: pull_request", "remove x de: drift"];

#[test]
fn a_pull_requests_changes_are_told_from_drift() {
    let (place, base) = changed();
    let text = place.run(&["plan", "--base", "main"]);
    assert_eq!(text.code, 0, "{}", text.text());
    insta::assert_snapshot!("base", place.steady(&text));

    let run = place.run(&["plan", "--base", "main", "--format", "json"]);
    let plan = run.json();
    assert_eq!(causes(&plan), TOLD);
    assert_eq!(plan["base"]["commit"], json!(base));
    assert_eq!(plan["base"]["causes"], json!({ "pull_request": 2, "both": 0, "drift": 2 }));
    let schema = place.run(&["schema", "plan"]).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&plan), "{:?}", validator.iter_errors(&plan).map(|e| e.to_string()).collect::<Vec<_>>());
    assert!(git(place.path(), &["status", "--porcelain"]).contains("sets/austria.yaml"), "the work tree is as it was");
}

#[test]
fn live_state_is_read_once_for_both() {
    let (place, _) = changed();
    let reads = |args: &[&str]| {
        let before = place.server.requests().len();
        assert_eq!(place.run(args).code, 0);
        place.server.requests().len() - before
    };
    let alone = reads(&["plan"]);
    assert_eq!(reads(&["plan", "--base", "main"]), alone);
}

#[test]
fn a_directory_serves_as_well_as_a_commit() {
    let (place, _) = changed();
    let other = tempfile::tempdir().unwrap();
    git(place.path(), &["worktree", "add", "-q", "--detach", other.path().join("base").to_str().unwrap(), "main"]);
    let dir = other.path().join("base");
    let plan = place.run(&["plan", "--base-dir", dir.to_str().unwrap(), "--format", "json"]).json();
    assert_eq!(causes(&plan), TOLD);
    assert_eq!(plan["base"]["commit"], Value::Null);
}

#[test]
fn a_root_below_the_repositorys_top_is_found_in_the_commit() {
    let (place, _) = changed();
    let top = tempfile::tempdir().unwrap();
    support::copy(place.path(), &top.path().join("deep/down"));
    support::write(top.path(), "deep/other.yaml", "not: a manifest\n");
    let down = top.path().join("deep/down");
    support::write(&down, "sets/austria.yaml", &set("austria", "at", "a, b, c, d"));
    git(top.path(), &["init", "-q", "-b", "main"]);
    commit(top.path());
    support::write(&down, "sets/austria.yaml", &set("austria", "at", "a, b, c, e"));
    let mut command = support::program(&down);
    let run = support::run(command.args(["plan", "--base", "HEAD", "--format", "json"]).env("TOKEN", "sandbox"));
    assert_eq!(causes(&run.json()), TOLD, "{}", run.text());
}

#[test]
fn a_deleted_set_leaves_its_assignments_unmanaged_and_says_so() {
    let (place, _) = changed();
    std::fs::remove_file(place.path().join("sets/germany.yaml")).unwrap();
    let plan = place.run(&["plan", "--base", "main", "--format", "json"]).json();
    assert_eq!(causes(&plan), ["create e at: pull_request", "remove d at: pull_request"]);
    let left = &plan["base"]["leaving"][0];
    assert_eq!((&left["set"], &left["deleted"], &left["assignments"]), (&json!("germany"), &json!(true), &json!(3)));
    let text = place.run(&["plan", "--base", "main"]);
    assert!(text.stdout.contains("3 assignments leave management"), "{}", text.text());
}

#[test]
fn a_renamed_set_loses_nothing() {
    let (place, _) = changed();
    std::fs::remove_file(place.path().join("sets/germany.yaml")).unwrap();
    place.write("sets/renamed.yaml", &set("renamed", "de", "a, b, c, d"));
    let plan = place.run(&["plan", "--base", "main", "--format", "json"]).json();
    assert_eq!(causes(&plan), TOLD);
    assert_eq!(plan["base"]["leaving"], json!([]));
}

#[test]
fn a_mode_that_a_pull_request_widens_is_its_own_doing() {
    let (place, _) = changed();
    place.write("sets/austria.yaml", &set("austria", "at", "a, b, c").replace("authoritative", "additive"));
    commit(place.path());
    place.write("sets/austria.yaml", &set("austria", "at", "a, b, c"));
    let plan = place.run(&["plan", "--base", "HEAD", "--format", "json"]).json();
    assert!(causes(&plan).contains(&"remove d at: pull_request".to_owned()), "{:?}", causes(&plan));
    // The same mode for both: then the base would remove it, too.
    let plan = place.run(&["plan", "--base", "HEAD", "--as", "authoritative", "--format", "json"]).json();
    assert!(causes(&plan).contains(&"remove d at: drift".to_owned()), "{:?}", causes(&plan));
}

#[test]
fn a_base_that_is_not_here_says_how_to_get_it() {
    let (place, base) = changed();
    let head = commit(place.path());
    assert_ne!(base, head);
    let clones = tempfile::tempdir().unwrap();
    let clone = clones.path().join("clone");
    let from = format!("file://{}", place.path().display());
    git(clones.path(), &["clone", "-q", "--depth=1", &from, "clone"]);
    let run = |reference: &str| {
        let mut command = support::program(&clone);
        support::run(command.args(["plan", "--base", reference]).env("TOKEN", "sandbox"))
    };
    let shallow = run(&base);
    assert_eq!(shallow.code, 1, "{}", shallow.text());
    assert!(
        shallow.stderr.contains("shallow clone") && shallow.stderr.contains("fetch-depth: 0"),
        "{}",
        shallow.text()
    );
    git(&clone, &["fetch", "-q", "--depth=1", "origin", &base]);
    let fetched = run(&base);
    assert_eq!(fetched.code, 0, "{}", fetched.text());
    assert!(fetched.stdout.contains("2 by this pull request"), "{}", fetched.text());
    let wrong = place.run(&["plan", "--base", "nowhere"]);
    assert_eq!(wrong.code, 1, "{}", wrong.text());
    assert!(wrong.stderr.contains("there is no such commit here"), "{}", wrong.text());
    git(&clone, &["checkout", "-q", "--detach"]);
    git(&clone, &["branch", "-q", "-D", "main"]);
    let remote = run("main");
    assert!(remote.code == 1 && remote.stderr.contains("origin/main"), "{}", remote.text());
    for option in ["--output=x", "-x", ""] {
        let run = place.run(&["plan", &format!("--base={option}")]);
        assert_eq!(run.code, 1, "{}", run.text());
        assert!(run.stderr.contains("no commit"), "{}", run.text());
    }
}

#[test]
fn without_a_repository_there_is_no_base() {
    let place = Place::new();
    let run = place.run(&["plan", "--base", "main"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stderr.contains("--base-dir"), "{}", run.text());
    let both = place.run(&["plan", "--base", "main", "--base-dir", "."]);
    assert_eq!(both.code, 1, "{}", both.text());
}

#[test]
fn a_broken_base_is_told_and_the_plan_that_mends_it_is_made() {
    let (place, _) = changed();
    place.write("sets/germany.yaml", "kind: Nonsense\napiVersion: assignctl/v1\n");
    commit(place.path());
    place.write("sets/germany.yaml", &set("germany", "de", "a, b, c, d"));
    let run = place.run(&["plan", "--base", "HEAD", "--format", "json"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stderr.contains("the base HEAD is not used"), "{}", run.text());
    assert_eq!(run.json()["base"], Value::Null);
}

#[test]
fn links_of_the_base_lead_nowhere_else() {
    let (place, _) = changed();
    let outside = tempfile::tempdir().unwrap();
    support::write(outside.path(), "secret.yaml", &set("secret", "ch", "a"));
    std::os::unix::fs::symlink(outside.path().join("secret.yaml"), place.path().join("sets/link.yaml")).unwrap();
    commit(place.path());
    std::fs::remove_file(place.path().join("sets/link.yaml")).unwrap();
    let run = place.run(&["plan", "--base", "HEAD", "--format", "json"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(
        run.stderr.contains("the base HEAD is not used"),
        "a link that leads out is an error there, too: {}",
        run.text()
    );
}
