//! Reads the manifests of a commit with `git`: no checkout, no change of the repository, and nothing of it is run.
//!
//! Only plumbing that applies no filter, attribute or hook is called, on a repository that was found by walking up.

use std::ffi::OsStr;
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::programs;
use crate::manifest::{MAX_TOTAL, WorkTree};

/// Submodules inside submodules that are read at most. Deeper ones are reported as not read.
const MAX_SUBMODULES: usize = 8;

/// Configuration that holds whatever the repository's own says: nothing is run, fetched or filtered.
const CONFIGURATION: [&str; 12] = [
    "safe.bareRepository=explicit",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.attributesFile=/dev/null",
    "core.pager=cat",
    "core.askPass=",
    "core.sshCommand=false",
    "core.gitProxy=none",
    "credential.helper=",
    "diff.external=",
    "protocol.allow=never",
];

/// The same, as variables: those that older versions of git look at, and those that come before configuration.
const ENVIRONMENT: [(&str, &str); 12] = [
    ("LC_ALL", "C"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_GRAFT_FILE", "/dev/null"),
    ("GIT_NO_LAZY_FETCH", "1"),
    // A list of transports. This is the name of none, so a version that fetches lazily all the same is refused every one.
    ("GIT_ALLOW_PROTOCOL", "/"),
    ("GIT_SSH_COMMAND", "false"),
    ("GIT_PROXY_COMMAND", "false"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", ""),
    ("GIT_PAGER", "cat"),
    ("GIT_ATTR_NOSYSTEM", "1"),
];

const NO_GIT: &str = "git could not be started; --base reads commits with it: install it, or give --base-dir DIR";

/// A repository whose objects are read. Git is told its directory, and never looks for one itself.
pub(super) struct Repository {
    tree: WorkTree,
    /// No program and no configuration is taken from below it.
    outermost: PathBuf,
}

/// Git's refusal to use a repository, in its own words: they hold a command to copy.
#[derive(Debug, thiserror::Error)]
#[error("git does not use the repository at {}", .top.display())]
pub(super) struct GitRefused {
    top: PathBuf,
    /// The lines of git's message.
    pub said: Vec<String>,
}

impl Repository {
    /// The repository around a directory. `None`: there is none.
    ///
    /// # Errors
    /// A part of it lies among files that a commit can supply, git does not trust its owner, or git cannot be started.
    pub(super) fn around(dir: &Path) -> anyhow::Result<Option<Self>> {
        WorkTree::around(dir).map(Self::open).transpose()
    }

    fn open(tree: WorkTree) -> anyhow::Result<Self> {
        tree.check()?;
        let outermost = tree.clone().outermost().top;
        let found = Self { tree, outermost };
        // Named explicitly, a repository of another user would be used without a word. Git looks at the owner where it searches itself:
        // here in this one directory, whose `.git` comes before all else.
        let mut search = found.program(&found.tree.top)?;
        search.args(["rev-parse", "--git-dir"]);
        match output(&mut search)? {
            Ok(_) => Ok(found),
            Err(said) => {
                let said = said.lines().map(str::to_owned).collect();
                Err(GitRefused { top: found.tree.top, said }.into())
            }
        }
    }

    /// Git in a directory of the work tree, with the repository named.
    fn git(&self, dir: &Path) -> anyhow::Result<Command> {
        let mut git = self.program(dir)?;
        git.arg("--git-dir").arg(&self.tree.git_dir).arg("--work-tree").arg(&self.tree.top);
        Ok(git)
    }

    fn program(&self, dir: &Path) -> anyhow::Result<Command> {
        let mut git = programs::program("git", dir, &self.outermost).context(NO_GIT)?;
        git.envs(ENVIRONMENT);
        if let Some(parent) = self.tree.top.parent() {
            git.env("GIT_CEILING_DIRECTORIES", parent);
        }
        git.args(["--no-pager", "--no-replace-objects", "--literal-pathspecs"]);
        git.args(CONFIGURATION.iter().flat_map(|setting| ["-c", setting]));
        Ok(git)
    }

    fn resolve(&self, reference: &str) -> anyhow::Result<Option<String>> {
        let wanted = format!("{reference}^{{commit}}");
        let mut git = self.git(&self.tree.top)?;
        let found = output(git.args(["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]))?;
        // The option itself is echoed by versions that do not know it.
        Ok(found.ok().and_then(|out| String::from_utf8_lossy(&out).lines().last().map(|line| line.trim().to_owned())))
    }

    /// The commit that a reference names.
    pub(super) fn commit(&self, reference: &str) -> anyhow::Result<String> {
        if reference.is_empty() || reference.starts_with('-') {
            bail!("--base {reference}: this is no commit; give a branch, a tag or a commit, such as origin/main");
        }
        if let Some(commit) = self.resolve(reference)? {
            return Ok(commit);
        }
        if self.resolve(&format!("origin/{reference}"))?.is_some() {
            bail!("--base {reference}: there is no such commit here, but there is origin/{reference}; give that");
        }
        let shallow = output(self.git(&self.tree.top)?.args(["rev-parse", "--is-shallow-repository"]))?;
        if shallow.is_ok_and(|out| out.starts_with(b"true")) {
            bail!(
                "--base {reference}: the commit is not in this shallow clone; fetch it first (`git fetch --depth=1 origin {reference}`, \
                 then give --base FETCH_HEAD), or clone with the whole history (GitHub: `fetch-depth: 0`, GitLab: `GIT_DEPTH: 0`)"
            );
        }
        bail!(
            "--base {reference}: there is no such commit here; fetch it first, or give a branch, a tag or a commit that is here"
        );
    }

    /// Writes the manifests of a commit that lie under `dir` into another directory, those of submodules included. Gives the submodules
    /// that could not be read.
    pub(super) fn extract(
        &self,
        dir: &Path,
        only: Option<&Path>,
        commit: &str,
        into: &Path,
    ) -> anyhow::Result<Vec<Unread>> {
        let dir = dir.canonicalize().with_context(|| format!("{} cannot be read", dir.display()))?;
        self.extract_below(&dir, only, commit, into, MAX_SUBMODULES)
    }

    fn extract_below(
        &self,
        dir: &Path,
        only: Option<&Path>,
        commit: &str,
        into: &Path,
        depth: usize,
    ) -> anyhow::Result<Vec<Unread>> {
        let mut list = self.git(dir)?;
        list.args(["ls-tree", "-r", "-z", commit, "--"]).args(only);
        let listed = match output(&mut list)? {
            Ok(listed) => listed,
            Err(said) => bail!("the base's files cannot be listed: git says: {said}. {PARTIAL_CLONE}"),
        };
        let entries: Vec<Entry> = listed.split(|byte| *byte == 0).filter_map(entry).collect();
        let (submodules, mut files): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|entry| entry.kind == EntryKind::Submodule);
        // Links last: no file of the commit is ever written through one.
        files.sort_by_key(|entry| entry.kind == EntryKind::Link);
        std::fs::create_dir_all(into).context("the base's manifests could not be kept")?;
        if !files.is_empty() {
            self.read_objects(dir, &files, into)?;
        }
        let mut unread = Vec::new();
        for submodule in submodules {
            let inner = submodule_at(&dir.join(&submodule.path), depth).and_then(|repository| {
                let top = repository.tree.top.clone();
                let commit = repository.resolve(&submodule.object)?.with_context(|| {
                    format!("it has no commit {}: fetch it (`git submodule update --init`)", submodule.object)
                })?;
                repository.extract_below(&top, None, &commit, &into.join(&submodule.path), depth.saturating_sub(1))
            });
            match inner {
                Ok(inner) => {
                    let below = |inner: Unread| Unread { path: submodule.path.join(inner.path), ..inner };
                    unread.extend(inner.into_iter().map(below));
                }
                Err(why) => unread.push(Unread { path: submodule.path, why: format!("{why:#}") }),
            }
        }
        Ok(unread)
    }

    fn read_objects(&self, dir: &Path, entries: &[Entry], into: &Path) -> anyhow::Result<()> {
        let mut child = self
            .git(dir)?
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context(NO_GIT)?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else { bail!(NO_GIT) };
        let asked: String = entries.iter().map(|entry| format!("{}\n", entry.object)).collect();
        // Asked on a thread of its own: git answers before it has read everything.
        let asking = std::thread::spawn(move || stdin.write_all(asked.as_bytes()));
        let mut answers = BufReader::new(stdout);
        let mut total = 0_u64;
        for entry in entries {
            let bytes = object(&mut answers, &mut total)
                .with_context(|| format!("the base's {} cannot be read with git", entry.path.display()))?;
            keep(&into.join(&entry.path), entry.kind == EntryKind::Link, &bytes)
                .with_context(|| format!("the base's {} could not be kept", entry.path.display()))?;
        }
        drop(answers);
        // Everything that was asked for has come: how git ends no longer matters, only that it does.
        let _ = asking.join();
        child.wait().context(NO_GIT)?;
        Ok(())
    }

    /// Whether a file of the work tree is a part of the index or of the commit that is checked out.
    pub(super) fn is_tracked(&self, file: &Path) -> anyhow::Result<bool> {
        let (Some(dir), Some(name)) = (file.parent(), file.file_name()) else { return Ok(false) };
        let mut index = self.git(dir)?;
        index.args(["ls-files", "-z", "--"]).arg(name);
        match output(&mut index)? {
            Ok(listed) if listed.is_empty() => {}
            Ok(_) => return Ok(true),
            Err(said) => bail!("git cannot list the tracked files: {said}"),
        }
        if self.resolve("HEAD")?.is_none() {
            return Ok(false);
        }
        let mut commit = self.git(dir)?;
        commit.args(["ls-tree", "-z", "HEAD", "--"]).arg(name);
        match output(&mut commit)? {
            Ok(listed) => Ok(!listed.is_empty()),
            Err(said) => bail!("git cannot list the files of the commit: {said}"),
        }
    }
}

/// The output of a command, or what it said against it.
fn output(command: &mut Command) -> anyhow::Result<Result<Vec<u8>, String>> {
    let output = command.output().context(NO_GIT)?;
    let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok(if output.status.success() { Ok(output.stdout) } else { Err(said()) })
}

/// What to do where an object is missing. Nothing is fetched by a run that holds tokens.
const PARTIAL_CLONE: &str =
    "In a partial clone, fetch the files first: `git fetch --refetch --no-filter`, or clone without --filter";

/// A submodule of the base that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unread {
    /// Where it stands, below the directory that was read.
    pub path: PathBuf,
    /// Why, and what to do.
    pub why: String,
}

/// The repository of a checked-out submodule.
fn submodule_at(dir: &Path, depth: usize) -> anyhow::Result<Repository> {
    if depth == 0 {
        bail!("submodules are read {MAX_SUBMODULES} levels deep");
    }
    // A link that stands in its place is not the submodule.
    let is_own = dir.canonicalize().is_ok_and(|real| real == dir);
    let tree = if is_own { WorkTree::at(dir) } else { None };
    Repository::open(tree.context("it is not checked out: run `git submodule update --init` first")?)
}

/// One file, link or submodule of a commit.
struct Entry {
    path: PathBuf,
    object: String,
    kind: EntryKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EntryKind {
    Manifest,
    Link,
    Submodule,
}

/// `MODE SP TYPE SP OBJECT TAB PATH`; `None` for what is no manifest, or has a path that no work tree can have.
fn entry(record: &[u8]) -> Option<Entry> {
    let tab = record.iter().position(|byte| *byte == b'\t')?;
    let head = std::str::from_utf8(record.get(..tab)?).ok()?;
    let mut head = head.split(' ');
    let (mode, kind, object) = (head.next()?, head.next()?, head.next()?);
    let path = path_of(record.get(tab + 1..)?)?;
    let is_manifest = matches!(path.extension().and_then(OsStr::to_str), Some("yaml" | "yml"));
    let kind = match (kind, mode) {
        ("commit", _) => EntryKind::Submodule,
        ("blob", "120000") => EntryKind::Link,
        ("blob", _) if is_manifest => EntryKind::Manifest,
        _ => return None,
    };
    let is_sound = path.components().all(|part| matches!(part, Component::Normal(_)));
    is_sound.then(|| Entry { path, object: object.to_owned(), kind })
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    Some(PathBuf::from(OsStr::from_bytes(bytes)))
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(bytes).ok().map(PathBuf::from)
}

/// `OBJECT SP TYPE SP SIZE LF BYTES LF`.
fn object(answers: &mut impl std::io::BufRead, total: &mut u64) -> anyhow::Result<Vec<u8>> {
    let mut head = String::new();
    answers.read_line(&mut head)?;
    let size: u64 = match head.split_whitespace().nth(2).and_then(|size| size.parse().ok()) {
        Some(size) => size,
        None => bail!("git says: {}. {PARTIAL_CLONE}", head.trim()),
    };
    *total = total.saturating_add(size);
    if *total > MAX_TOTAL {
        bail!("the base's manifests are larger than {MAX_TOTAL} bytes");
    }
    let mut bytes = Vec::new();
    answers.by_ref().take(size + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) <= size {
        bail!("git ended early");
    }
    bytes.pop();
    Ok(bytes)
}

fn keep(path: &Path, is_link: bool, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    if is_link { link(bytes, path) } else { Ok(std::fs::write(path, bytes)?) }
}

/// A link stays a link: the loader refuses those that lead out, as it does in a work tree.
#[cfg(unix)]
fn link(target: &[u8], path: &Path) -> anyhow::Result<()> {
    let Some(target) = path_of(target) else { return Ok(()) };
    Ok(std::os::unix::fs::symlink(target, path)?)
}

#[cfg(not(unix))]
fn link(_: &[u8], _: &Path) -> anyhow::Result<()> {
    Ok(())
}
