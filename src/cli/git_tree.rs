//! Reads the manifests of a commit with `git`: no checkout, no change of the repository, and nothing of it is run.

use std::ffi::OsStr;
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::manifest::MAX_TOTAL;

fn git(dir: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(dir).env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
    git.stdin(Stdio::null());
    git
}

const NO_GIT: &str = "git could not be started; --base reads commits with it: install it, or give --base-dir DIR";

/// The output of a command, or what it said against it.
fn output(command: &mut Command) -> anyhow::Result<Result<Vec<u8>, String>> {
    let output = command.output().context(NO_GIT)?;
    let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok(if output.status.success() { Ok(output.stdout) } else { Err(said()) })
}

fn resolve(dir: &Path, reference: &str) -> anyhow::Result<Option<String>> {
    let wanted = format!("{reference}^{{commit}}");
    let found = output(git(dir).args(["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]))?;
    // The option itself is echoed by versions that do not know it.
    Ok(found.ok().and_then(|out| String::from_utf8_lossy(&out).lines().last().map(|line| line.trim().to_owned())))
}

/// The commit that a reference names, seen from a directory.
pub(super) fn commit(dir: &Path, reference: &str) -> anyhow::Result<String> {
    if let Err(said) = output(git(dir).args(["rev-parse", "--git-dir"]))? {
        bail!("--base {reference}: {} cannot be read by git: {said}; give --base-dir DIR instead", dir.display());
    }
    if reference.is_empty() || reference.starts_with('-') {
        bail!("--base {reference}: this is no commit; give a branch, a tag or a commit, such as origin/main");
    }
    if let Some(commit) = resolve(dir, reference)? {
        return Ok(commit);
    }
    if resolve(dir, &format!("origin/{reference}"))?.is_some() {
        bail!("--base {reference}: there is no such commit here, but there is origin/{reference}; give that");
    }
    let shallow = output(git(dir).args(["rev-parse", "--is-shallow-repository"]))?;
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

/// One file of a commit.
struct Entry {
    path: PathBuf,
    object: String,
    is_link: bool,
}

/// Writes the manifests of a commit that lie under `dir` into another directory.
pub(super) fn extract(dir: &Path, only: Option<&Path>, commit: &str, into: &Path) -> anyhow::Result<()> {
    let mut list = git(dir);
    list.args(["ls-tree", "-r", "-z", commit, "--"]).args(only);
    let listed = match output(&mut list)? {
        Ok(listed) => listed,
        Err(said) => bail!("the base's files cannot be listed: git says: {said}"),
    };
    let mut entries: Vec<Entry> = listed.split(|byte| *byte == 0).filter_map(entry).collect();
    // Links last: no file of the commit is ever written through one.
    entries.sort_by_key(|entry| entry.is_link);
    std::fs::create_dir_all(into).context("the base's manifests could not be kept")?;
    if entries.is_empty() { Ok(()) } else { read_objects(dir, &entries, into) }
}

/// `MODE SP TYPE SP OBJECT TAB PATH`; `None` for what is no manifest, or has a path that no work tree can have.
fn entry(record: &[u8]) -> Option<Entry> {
    let tab = record.iter().position(|byte| *byte == b'\t')?;
    let head = std::str::from_utf8(record.get(..tab)?).ok()?;
    let mut head = head.split(' ');
    let (mode, kind, object) = (head.next()?, head.next()?, head.next()?);
    let path = path_of(record.get(tab + 1..)?)?;
    let is_link = mode == "120000";
    let is_manifest = matches!(path.extension().and_then(OsStr::to_str), Some("yaml" | "yml"));
    let is_sound = path.components().all(|part| matches!(part, Component::Normal(_)));
    (kind == "blob" && is_sound && (is_manifest || is_link)).then(|| Entry { path, object: object.to_owned(), is_link })
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

fn read_objects(dir: &Path, entries: &[Entry], into: &Path) -> anyhow::Result<()> {
    let mut child = git(dir)
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
        keep(&into.join(&entry.path), entry.is_link, &bytes)
            .with_context(|| format!("the base's {} could not be kept", entry.path.display()))?;
    }
    drop(answers);
    // Everything that was asked for has come: how git ends no longer matters, only that it does.
    let _ = asking.join();
    child.wait().context(NO_GIT)?;
    Ok(())
}

/// `OBJECT SP TYPE SP SIZE LF BYTES LF`.
fn object(answers: &mut impl std::io::BufRead, total: &mut u64) -> anyhow::Result<Vec<u8>> {
    let mut head = String::new();
    answers.read_line(&mut head)?;
    let size: u64 = match head.split_whitespace().nth(2).and_then(|size| size.parse().ok()) {
        Some(size) => size,
        None => bail!("git says: {}; a partial clone must be able to fetch it", head.trim()),
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
