//! Which files a run reads: the root rule, the walk, and what is refused on the way. The only I/O of the loader.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use globset::GlobSet;
use walkdir::{DirEntry, WalkDir};

use super::ROOT_FILE;
use super::findings::{Findings, shown};
use super::root::RootSpec;
use super::work_tree::WorkTree;
use crate::diag::Diagnostic;

/// The largest file: five times what a million small entries take.
pub const MAX_FILE: u64 = 512 * 1024 * 1024;

/// The most that all files may take together.
pub const MAX_TOTAL: u64 = 2 * 1024 * 1024 * 1024;

/// A file to read.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// As people are shown it: relative to the root where there is one.
    pub(super) name: String,
    /// Whether the paths of the call cover it.
    pub(super) selected: bool,
}

/// What the given paths come to.
#[derive(Debug)]
pub(super) enum Given {
    /// Everything under one root.
    Rooted {
        /// The root's directory, without links.
        dir: PathBuf,
        /// Where the given paths really lie.
        places: Vec<PathBuf>,
    },
    /// Loose files and directories, as typed and as they really lie.
    Loose(Vec<(PathBuf, PathBuf)>),
}

fn refuse(findings: &mut Findings, code: &'static str, message: String, help: &str) {
    findings.push(Diagnostic::global(code, message).help(help));
}

fn display(path: &Path) -> String {
    shown(&path.to_string_lossy())
}

/// Finds the root of the given paths: the nearest ancestor that holds `assignctl.yaml`. `None`: refused, and reported.
pub(super) fn locate(paths: &[PathBuf], findings: &mut Findings) -> Option<Given> {
    let mut places = Vec::new();
    let mut roots = BTreeSet::new();
    for path in paths {
        let place = match place(path) {
            Ok(place) => place,
            Err(error) => {
                let message = format!("{} cannot be read: {error}", display(path));
                refuse(findings, "unreadable", message, "check the path");
                continue;
            }
        };
        roots.insert(root_of(&place));
        places.push((path.clone(), place));
    }
    if places.len() < paths.len() {
        return None;
    }
    if roots.len() > 1 {
        let listed: Vec<String> = roots.iter().map(|root| root.as_deref().map_or("none".to_owned(), display)).collect();
        let message = format!("the paths belong to different roots: {}", listed.join(", "));
        refuse(findings, "several-roots", message, "call once for each root");
        return None;
    }
    match roots.into_iter().next().flatten() {
        Some(dir) => Some(Given::Rooted { dir, places: places.into_iter().map(|(_, place)| place).collect() }),
        None => Some(Given::Loose(places)),
    }
}

/// The root that the caller fixed; without paths, all of it. `None`: refused, and reported.
pub(super) fn fixed(root: &Path, paths: &[PathBuf], findings: &mut Findings) -> Option<Given> {
    let dir = match fs::canonicalize(root) {
        Ok(dir) if is_root(&dir) => dir,
        _ => {
            let message = format!("the root {} is no directory with {ROOT_FILE}", display(root));
            refuse(findings, "no-root", message, "check --root, or begin a root with `assignctl init`");
            return None;
        }
    };
    let mut places = Vec::new();
    for path in paths {
        match place(path) {
            Ok(place) if place.starts_with(&dir) => places.push(place),
            Ok(_) => {
                let message = format!("{} lies outside of the root {}", display(path), display(root));
                refuse(findings, "outside-root", message, "give paths below --root, or another --root");
            }
            Err(error) => {
                let message = format!("{} cannot be read: {error}", display(path));
                refuse(findings, "unreadable", message, "check the path");
            }
        }
    }
    match (paths.is_empty(), places.len() == paths.len()) {
        (true, _) => Some(Given::Rooted { places: vec![dir.clone()], dir }),
        (false, true) => Some(Given::Rooted { dir, places }),
        (false, false) => None,
    }
}

/// The root around the current directory. `None`: there is none, and that is reported.
pub(super) fn here(findings: &mut Findings) -> Option<Given> {
    let given = locate(&[PathBuf::from(".")], findings)?;
    if matches!(given, Given::Loose(_)) {
        let message = format!("there is no {ROOT_FILE} in this directory or above it, and no path was given");
        let help =
            "go to the directory of your manifests, give paths or --root DIR, or begin a root with `assignctl init`";
        refuse(findings, "no-root", message, help);
        return None;
    }
    Some(given)
}

/// The directories above a root that hold `assignctl.yaml` too, up to the top of the git work tree.
pub(super) fn outer_roots(dir: &Path) -> Vec<PathBuf> {
    within_work_tree(dir).skip(1).filter(|above| is_root(above)).map(Path::to_path_buf).collect()
}

/// Reports a root below another one.
pub(super) fn refuse_nested(dir: &Path, outer: &Path, findings: &mut Findings) {
    let message = format!("the root {} lies below the root {}", display(dir), display(outer));
    refuse(findings, "nested-root", message, NESTED_HELP);
}

const NESTED_HELP: &str = "remove the inner assignctl.yaml, or list its directory under `ignore` in the outer one";

/// Where a path lies, without following its last link: a link belongs to the directory that it stands in.
fn place(path: &Path) -> std::io::Result<PathBuf> {
    fs::symlink_metadata(path)?;
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            Ok(fs::canonicalize(parent)?.join(name))
        }
        _ => fs::canonicalize(path),
    }
}

fn root_of(place: &Path) -> Option<PathBuf> {
    let start = if place.is_dir() { Some(place) } else { place.parent() };
    within_work_tree(start?).find(|dir| is_root(dir)).map(Path::to_path_buf)
}

fn is_root(dir: &Path) -> bool {
    dir.join(ROOT_FILE).is_file()
}

/// A directory and those above it, up to the top of the git work tree; without one, up to the top of the file system.
fn within_work_tree(dir: &Path) -> impl Iterator<Item = &Path> {
    // A link belongs to the work tree that it stands in.
    let is_link = fs::symlink_metadata(dir).is_ok_and(|found| found.is_symlink());
    let start = if is_link { dir.parent().unwrap_or(dir) } else { dir };
    let top = WorkTree::around(start).map(|tree| tree.outermost().top);
    dir.ancestors().take_while(move |dir| top.as_ref().is_none_or(|top| dir.starts_with(top)))
}

/// All manifests under a root, in the order of their names.
pub(super) fn under_root(dir: &Path, places: &[PathBuf], spec: &RootSpec, findings: &mut Findings) -> Vec<Found> {
    let seed = spec.seed.as_ref().map(|seed| dir.join(seed));
    let mut found = Walk::new(dir, spec.ignored()).run(findings);
    found.retain(|(path, _)| seed.as_deref().is_none_or(|seed| path != seed));
    let files: Vec<Found> = found
        .into_iter()
        .map(|(path, name)| {
            let selected = places.iter().any(|place| path.starts_with(place));
            Found { path, name, selected }
        })
        .collect();
    for place in places.iter().filter(|place| !files.iter().any(|file| file.path.starts_with(place))) {
        let message = format!("no manifest of the root is at {}", display(place));
        let help = format!(
            "manifests are `*.yaml` and `*.yml` files that are neither hidden nor listed under `ignore` in {ROOT_FILE}"
        );
        findings.push(Diagnostic::global("no-manifests", message).help(help));
    }
    files
}

/// Loose files and directories, in the order of their names, each once.
pub(super) fn loose(places: &[(PathBuf, PathBuf)], findings: &mut Findings) -> Vec<Found> {
    let mut files = Vec::new();
    for (typed, place) in places {
        let meta = fs::metadata(place);
        if meta.as_ref().is_ok_and(fs::Metadata::is_dir) {
            let walked = Walk::new(typed, GlobSet::empty()).run(findings);
            if walked.is_empty() {
                let message = format!("there is no manifest under {}", display(typed));
                refuse(findings, "no-manifests", message, "manifests are `*.yaml` and `*.yml` files");
            }
            files.extend(walked.into_iter().map(|(path, name)| (path, joined(typed, &name))));
        } else if meta.as_ref().is_ok_and(fs::Metadata::is_file) {
            files.push((place.clone(), slashes(typed)));
        } else {
            let message = format!("{} is no regular file", display(typed));
            refuse(findings, "not-a-file", message, "give a file or a directory, or `-` for standard input");
        }
    }
    let mut seen = BTreeSet::new();
    files.retain(|(path, _)| seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())));
    files.sort_by(|a, b| a.1.cmp(&b.1));
    files.into_iter().map(|(path, name)| Found { path, name, selected: true }).collect()
}

fn slashes(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

fn joined(dir: &Path, name: &str) -> String {
    let dir = slashes(dir);
    match dir.trim_end_matches('/') {
        "." | "" => name.to_owned(),
        dir => format!("{dir}/{name}"),
    }
}

/// One walk through a directory.
struct Walk<'w> {
    dir: &'w Path,
    /// The directory without links: what lies outside is refused.
    real: PathBuf,
    ignored: GlobSet,
    files: Vec<(PathBuf, String)>,
    /// Links to files inside, with what they point at.
    links: Vec<(PathBuf, String, PathBuf)>,
}

impl<'w> Walk<'w> {
    fn new(dir: &'w Path, ignored: GlobSet) -> Self {
        let real = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_path_buf());
        Self { dir, real, ignored, files: Vec::new(), links: Vec::new() }
    }

    /// The manifests, sorted by name.
    fn run(mut self, findings: &mut Findings) -> Vec<(PathBuf, String)> {
        // Sorted, so that findings without a place come in one order on every machine.
        let walk = WalkDir::new(self.dir).follow_links(false).follow_root_links(true).sort_by_file_name();
        let mut entries = walk.into_iter();
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) if entry.depth() == 0 => {}
                Ok(entry) => {
                    if !self.enter(&entry, findings) && entry.file_type().is_dir() {
                        entries.skip_current_dir();
                    }
                }
                Err(error) => {
                    let message = format!("a directory cannot be read: {error}");
                    refuse(findings, "unreadable", message, "check its permissions");
                }
            }
        }
        let real: BTreeSet<PathBuf> = self.files.iter().filter_map(|(path, _)| fs::canonicalize(path).ok()).collect();
        let links = std::mem::take(&mut self.links).into_iter().filter(|(_, _, target)| !real.contains(target));
        self.files.extend(links.map(|(path, name, _)| (path, name)));
        self.files.sort_by(|a, b| a.1.cmp(&b.1));
        self.files
    }

    /// Takes one entry; false: do not go below it.
    fn enter(&mut self, entry: &DirEntry, findings: &mut Findings) -> bool {
        let relative = entry.path().strip_prefix(self.dir).unwrap_or(entry.path());
        let is_hidden = entry.file_name().as_encoded_bytes().first() == Some(&b'.');
        if is_hidden || self.ignored.is_match(relative) {
            return false;
        }
        let name = slashes(relative);
        let kind = entry.file_type();
        if kind.is_symlink() {
            self.link(entry.path(), name, findings);
            return false;
        }
        if kind.is_dir() {
            return !is_nested_root(entry.path(), &name, findings);
        }
        if !is_manifest(entry.path()) {
            return false;
        }
        if kind.is_file() {
            self.files.push((entry.path().to_path_buf(), name));
        } else {
            let message = format!("{} is no regular file", shown(&name));
            refuse(findings, "not-a-file", message, "remove it: a pipe or device cannot be a manifest");
        }
        false
    }

    fn link(&mut self, path: &Path, name: String, findings: &mut Findings) {
        let is_named_so = is_manifest(path);
        let Ok(target) = fs::canonicalize(path) else {
            if is_named_so {
                let message = format!("the link {} points nowhere", shown(&name));
                refuse(findings, "outside-link", message, "remove the link, or mend what it points at");
            }
            return;
        };
        if !target.starts_with(&self.real) {
            if is_named_so || target.is_dir() {
                let message = format!("the link {} leads out of the directory of manifests", shown(&name));
                refuse(findings, "outside-link", message, "copy what it points at, or ignore the link");
            }
        } else if is_named_so && target.is_file() {
            self.links.push((path.to_path_buf(), name, target));
        }
    }
}

fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn is_nested_root(dir: &Path, name: &str, findings: &mut Findings) -> bool {
    if is_root(dir) {
        refuse(findings, "nested-root", format!("{} is a root of its own", shown(name)), NESTED_HELP);
        return true;
    }
    false
}

/// A file's bytes, within the caps.
pub(super) fn read(file: &Found, total: &mut u64, findings: &mut Findings) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let result = fs::File::open(&file.path).and_then(|open| {
        let size = open.metadata()?.len().min(MAX_FILE);
        // Where that fails, the reading says so.
        bytes.try_reserve_exact(usize::try_from(size).unwrap_or_default()).ok();
        open.take(MAX_FILE + 1).read_to_end(&mut bytes)
    });
    if let Err(error) = result {
        let message = format!("{} cannot be read: {error}", shown(&file.name));
        refuse(findings, "unreadable", message, "check its permissions");
        return None;
    }
    *total = total.saturating_add(bytes.len() as u64);
    if bytes.len() as u64 > MAX_FILE || *total > MAX_TOTAL {
        let message =
            format!("{} is too large: a file may have {MAX_FILE} bytes, all together {MAX_TOTAL}", shown(&file.name));
        refuse(findings, "too-large", message, "split it, or use plural fields");
        return None;
    }
    Some(bytes)
}
