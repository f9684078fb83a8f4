//! Repositories that are made so that git runs a command, reads other objects, or is itself replaced. The runs hold a token; a canary
//! file shows whether anything ran.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{self, Run};

const TARGET: &str = "apiVersion: assignctl/v1
kind: Target
metadata: { name: parts }
spec: { provider: partium, endpoint: sandbox }
";

fn set(ass_ids: &str) -> String {
    set_of("austria", "at", ass_ids)
}

fn set_of(name: &str, org_id: &str, ass_ids: &str) -> String {
    format!(
        "apiVersion: assignctl/v1
kind: PartiumAssignments
metadata: {{ name: {name} }}
spec:
  target: parts
  mode: authoritative
  scope: {{ org_ids: [{org_id}] }}
  assignments: [{{ ass_ids: [{ass_ids}], org_id: {org_id} }}]
"
    )
}

fn git(dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "protocol.file.allow=always"]);
    let output = command.current_dir(dir).args(args).output().expect("git starts");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn commit(dir: &Path) -> String {
    git(dir, &["add", "-A"]);
    git(dir, &["commit", "-q", "-m", "change"]);
    git(dir, &["rev-parse", "HEAD"])
}

/// A clone with manifests in `access`, and `main` as it was before the pull request.
struct Checkout {
    dir: tempfile::TempDir,
}

impl Checkout {
    /// `change` makes the pull request in the manifests' directory.
    fn new(change: impl FnOnce(&Checkout)) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        let origin = place.path("origin");
        support::write(&origin, "access/assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
        support::write(&origin, "access/target.yaml", TARGET);
        support::write(&origin, "access/set.yaml", &set("a, b"));
        git(place.dir.path(), &["init", "-q", "-b", "main", "origin"]);
        commit(&origin);
        git(place.dir.path(), &["clone", "-q", "origin", "checkout"]);
        git(&place.path("checkout"), &["checkout", "-q", "-b", "change"]);
        place.write("set.yaml", &set("a, b, c"));
        change(&place);
        commit(&place.path("checkout"));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn access(&self) -> PathBuf {
        self.path("checkout/access")
    }

    fn write(&self, name: &str, text: &str) {
        support::write(&self.access(), name, text);
    }

    /// A command that shows that it ran, and with which environment.
    fn canary(&self) -> String {
        format!("env > {}; false", self.path("ran").display())
    }

    fn plan(&self, variables: &[(&str, &str)]) -> Run {
        let mut command = support::program(&self.path("checkout"));
        command.args(["plan", "access", "--base", "origin/main"]).env("CRM_TOKEN", "canary-token");
        command.env("HOME", self.dir.path());
        let run = support::run(command.envs(variables.iter().copied()));
        let ran = std::fs::read_to_string(self.path("ran")).ok();
        assert_eq!(ran, None, "a command of the repository ran: {}", run.text());
        run
    }

    /// The base was read, and only the pull request's own change is there.
    fn is_compared(&self, variables: &[(&str, &str)]) {
        let run = self.plan(variables);
        assert!(run.code == 0 && run.stdout.contains("1 by this pull request"), "{}", run.text());
    }
}

/// Files that make a directory a bare repository.
fn bare(place: &Checkout, dir: &str) {
    let canary = place.canary();
    place.write(&format!("{dir}HEAD"), "ref: refs/heads/main\n");
    place.write(&format!("{dir}objects/keep"), "");
    for name in ["heads/main", "remotes/origin/main"] {
        place.write(&format!("{dir}refs/{name}"), "1234567890123456789012345678901234567890\n");
    }
    place.write(
        &format!("{dir}config"),
        &format!(
            "[core]\n\trepositoryformatversion = 1\n\tbare = true\n\tfsmonitor = \"{canary}\"\n\tsshCommand = \"{canary}\"\n\tpager = \"{canary}\"\n\
             \taskPass = \"{canary}\"\n\tgitProxy = \"{canary}\"\n[extensions]\n\tpartialClone = origin\n[remote \"origin\"]\n\turl = ssh://x.invalid/y\n\
             \tpromisor = true\n\tpartialclonefilter = blob:none\n[credential]\n\thelper = \"!{canary}\"\n[alias]\n\trev-parse = \"!{canary}\"\n"
        ),
    );
}

#[test]
fn a_directory_that_looks_like_a_repository_is_none() {
    Checkout::new(|place| bare(place, "")).is_compared(&[]);
    Checkout::new(|place| bare(place, "teams/")).is_compared(&[]);
}

#[test]
fn files_that_name_a_git_directory_are_no_repository() {
    for name in ["dot.git", "gitfile", ".gitmodules"] {
        let place = Checkout::new(|place| {
            bare(place, "evil/");
            place.write(name, "gitdir: evil\n");
        });
        place.is_compared(&[]);
    }
}

#[test]
fn the_callers_git_variables_are_not_passed_on() {
    let place = Checkout::new(|place| bare(place, "evil/"));
    let evil = place.access().join("evil").display().to_string();
    let canary = place.canary();
    place.is_compared(&[
        ("GIT_DIR", &evil),
        ("GIT_COMMON_DIR", &evil),
        ("GIT_OBJECT_DIRECTORY", &evil),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", &evil),
        ("GIT_SSH_COMMAND", &canary),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "core.fsmonitor"),
        ("GIT_CONFIG_VALUE_0", &canary),
        ("GIT_CONFIG_GLOBAL", &format!("{evil}/config")),
        ("GIT_EXEC_PATH", &evil),
        ("GIT_TRACE", &place.path("ran").display().to_string()),
    ]);
}

#[test]
fn a_home_in_the_checkout_gives_git_no_configuration() {
    let place = Checkout::new(|place| {
        bare(place, "evil/");
        std::fs::copy(place.access().join("evil/config"), place.access().join(".gitconfig")).unwrap();
    });
    let home = place.access().display().to_string();
    place.is_compared(&[("HOME", &home), ("XDG_CONFIG_HOME", &home)]);
}

#[test]
fn a_program_named_git_in_the_checkout_is_not_run() {
    let place = Checkout::new(|place| {
        for name in ["git", "bin/git", "ssh", "sh"] {
            place.write(name, &format!("#!/bin/sh\n{}\n", place.canary()));
            std::fs::set_permissions(place.access().join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    });
    let access = place.access().display().to_string();
    place.is_compared(&[("PATH", &format!(":.:access:access/bin:{access}:{access}/bin:/usr/bin:/bin"))]);
    let run = place.plan(&[("PATH", &format!(".:{access}"))]);
    assert!(run.code == 1 && run.stderr.contains("--base-dir"), "{}", run.text());
}

#[test]
fn a_partial_clone_fetches_nothing() {
    let place = Checkout::new(|_| {});
    let checkout = place.path("checkout");
    let canary = place.canary();
    for (name, value) in [
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", "ssh://x.invalid/y"),
        ("core.sshCommand", &canary),
        ("protocol.ssh.allow", "always"),
    ] {
        git(&checkout, &["config", name, value]);
    }
    let blob = git(&checkout, &["rev-parse", "origin/main:access/set.yaml"]);
    std::fs::remove_file(checkout.join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let run = place.plan(&[]);
    assert!(run.code == 1 && run.stderr.contains("--refetch"), "{}", run.text());
}

#[test]
fn hooks_filters_and_replaced_objects_of_the_repository_change_nothing() {
    let place = Checkout::new(|place| place.write(".gitattributes", "*.yaml filter=run diff=run\n"));
    let checkout = place.path("checkout");
    let canary = place.canary();
    for name in ["filter.run.smudge", "filter.run.clean", "filter.run.process", "diff.run.textconv", "core.fsmonitor"] {
        git(&checkout, &["config", name, &canary]);
    }
    let head = std::fs::read(place.access().join("set.yaml")).unwrap();
    let replaced = git(&checkout, &["rev-parse", "origin/main:access/set.yaml"]);
    let by = git(&checkout, &["rev-parse", "HEAD:access/set.yaml"]);
    git(&checkout, &["update-ref", &format!("refs/replace/{replaced}"), &by]);
    for hook in ["post-checkout", "post-index-change", "reference-transaction"] {
        let hook = checkout.join(".git/hooks").join(hook);
        support::write(
            hook.parent().unwrap(),
            hook.file_name().unwrap().to_str().unwrap(),
            &format!("#!/bin/sh\n{canary}\n"),
        );
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    place.is_compared(&[]);
    assert_eq!(std::fs::read(place.access().join("set.yaml")).unwrap(), head);
}

#[test]
fn a_git_directory_among_the_files_is_refused() {
    let place = Checkout::new(|place| bare(place, "evil/"));
    // No commit can hold this entry; an unpacked archive can.
    place.write(".git", "gitdir: evil\n");
    let run = place.plan(&[]);
    assert!(run.code == 1 && run.stderr.contains("lies among the files"), "{}", run.text());
}

#[test]
fn a_repository_of_another_user_is_refused_with_the_command_to_copy() {
    let place = Checkout::new(|_| {});
    let checkout = place.path("checkout");
    let changed = Command::new("chown").args(["-R", "65534"]).arg(&checkout).status().is_ok_and(|done| done.success());
    if !changed {
        return; // only root can give files away
    }
    let run = place.plan(&[]);
    assert_eq!(run.code, 1, "{}", run.text());
    let command = format!("git config --global --add safe.directory {}", checkout.canonicalize().unwrap().display());
    assert!(run.stderr.lines().any(|line| line.trim() == command), "{}", run.text());
    // The user's own configuration counts.
    support::write(place.dir.path(), ".gitconfig", &format!("[safe]\n\tdirectory = {}\n", checkout.display()));
    place.is_compared(&[]);
}

#[test]
fn manifests_in_a_submodule_belong_to_the_base() {
    let place = Checkout::new(|_| {});
    let (shared, checkout) = (place.path("shared"), place.path("checkout"));
    support::write(&shared, "germany.yaml", &set_of("germany", "de", "a"));
    git(place.dir.path(), &["init", "-q", "-b", "main", "shared"]);
    commit(&shared);
    git(&checkout, &["checkout", "-q", "-b", "next", "main"]);
    git(&checkout, &["submodule", "--quiet", "add", &shared.display().to_string(), "access/shared"]);
    commit(&checkout);
    git(&checkout, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    place.write("set.yaml", &set("a, b, c"));
    place.is_compared(&[]);
    // The submodule moves on: its change is the pull request's.
    let inner = place.access().join("shared");
    support::write(&inner, "germany.yaml", &set_of("germany", "de", "a, b"));
    commit(&inner);
    let run = place.plan(&[]);
    assert!(run.stdout.contains("2 by this pull request"), "{}", run.text());
    // Its objects are gone: that is said with the path, and is no deletion.
    git(&checkout, &["submodule", "--quiet", "deinit", "-f", "access/shared"]);
    let run = place.plan(&[]);
    assert!(run.text().contains("the base was not used for shared"), "{}", run.text());
    assert!(!run.stdout.contains("leave management"), "{}", run.text());
}
