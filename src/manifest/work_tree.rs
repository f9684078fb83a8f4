//! The git work tree around a path, found by walking up. No program is started and no configuration is read.
//!
//! Only an entry named exactly `.git` marks a work tree. Git refuses to check out such an entry, so a commit cannot supply one. A
//! directory that merely looks like a repository (`HEAD`, `config`, `objects`) is never taken for one.

use std::fs;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

/// The entry that marks a work tree.
pub const DOT_GIT: &str = ".git";

/// Bytes read of a pointer file (`.git`, `commondir`) at most: it holds one path.
const MAX_POINTER: u64 = 16 * 1024;

/// Levels of object directories that refer to others (`objects/info/alternates`) at most, as in git itself.
const MAX_ALTERNATES: usize = 5;

/// A work tree of git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkTree {
    /// Its top directory, without links.
    pub top: PathBuf,
    /// The directory that holds `HEAD`, as the `.git` entry names it.
    pub git_dir: PathBuf,
    /// Whether `.git` is a file that is no linked work tree's: a submodule has one.
    has_pointer: bool,
}

/// Why a repository is not used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Untrusted {
    /// Its directory lies among the files of a work tree.
    #[error("the git directory {} lies among the files of the work tree {}", .0.display(), .1.display())]
    AmongFiles(PathBuf, PathBuf),
}

impl WorkTree {
    /// The nearest work tree around a path.
    pub fn around(start: &Path) -> Option<Self> {
        let start = fs::canonicalize(start).ok()?;
        start.ancestors().find_map(Self::at)
    }

    /// The work tree whose top a directory is. The directory is without links.
    pub fn at(dir: &Path) -> Option<Self> {
        let entry = dir.join(DOT_GIT);
        let kind = fs::symlink_metadata(&entry).ok()?;
        let found = |git_dir: PathBuf, has_pointer| Some(Self { top: dir.to_path_buf(), git_dir, has_pointer });
        if kind.is_file() {
            // A linked work tree, a submodule, or a repository with a separate directory.
            let git_dir = dir.join(pointer(&entry)?.strip_prefix("gitdir:")?.trim());
            let is_linked = git_dir.join("commondir").is_file();
            return found(git_dir, !is_linked);
        }
        // An empty directory of that name is no repository; git walks on, too.
        if entry.is_dir() && fs::symlink_metadata(entry.join("HEAD")).is_ok() { found(entry, false) } else { None }
    }

    /// The outermost work tree that this one belongs to: a submodule belongs to its superproject.
    pub fn outermost(self) -> Self {
        let mut outermost = self;
        while outermost.has_pointer {
            let above = outermost.top.parent().and_then(|parent| parent.ancestors().find_map(Self::at));
            let Some(above) = above else { break };
            outermost = above;
        }
        outermost
    }

    /// The directory that holds references and objects: that of the repository which a linked work tree belongs to.
    pub fn common_dir(&self) -> PathBuf {
        match pointer(&self.git_dir.join("commondir")) {
            Some(path) => self.git_dir.join(path.trim()),
            None => self.git_dir.clone(),
        }
    }

    /// Refuses a repository of which a part lies among files that a commit can supply.
    ///
    /// # Errors
    /// The git directory, the common directory, or an object directory that it refers to lies among the files of a work tree.
    pub fn check(&self) -> Result<(), Untrusted> {
        let top = self.clone().outermost().top;
        let common = self.common_dir();
        is_outside(&self.git_dir, &top)?;
        is_outside(&common, &top)?;
        check_objects(&common.join("objects"), &top, MAX_ALTERNATES)
    }
}

/// Object directories can name further ones, one a line.
fn check_objects(objects: &Path, top: &Path, depth: usize) -> Result<(), Untrusted> {
    is_outside(objects, top)?;
    let Some(text) = pointer(&objects.join("info/alternates")).filter(|_| depth > 0) else { return Ok(()) };
    let named = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    named.map(|line| objects.join(line)).try_for_each(|objects| check_objects(&objects, top, depth - 1))
}

/// Whether a directory cannot be a commit's: it lies outside of the work tree, or in a `.git` directory, which no commit can hold.
fn is_outside(dir: &Path, top: &Path) -> Result<(), Untrusted> {
    let real = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_path_buf());
    match real.strip_prefix(top) {
        Ok(below) if !below.components().any(is_dot_git) => Err(Untrusted::AmongFiles(real.clone(), top.to_path_buf())),
        _ => Ok(()),
    }
}

/// Whether a part of a path is a git directory.
pub fn is_dot_git(part: Component<'_>) -> bool {
    part.as_os_str().to_str().is_some_and(|name| name.eq_ignore_ascii_case(DOT_GIT))
}

/// The text of a small file that names a path.
fn pointer(path: &Path) -> Option<String> {
    let mut text = String::new();
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    fs::File::open(path).ok()?.take(MAX_POINTER).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn write(dir: &Path, path: &str, text: &str) {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn tempdir() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(dir.path()).unwrap();
        (dir, real)
    }

    #[test]
    fn only_a_dot_git_entry_marks_a_work_tree() {
        let (_dir, top) = tempdir();
        write(&top, ".git/HEAD", "ref: refs/heads/main\n");
        write(&top, "access/HEAD", "ref: refs/heads/main\n");
        write(&top, "access/config", "[core]\n\tbare = true\n");
        write(&top, "access/git~1", "gitdir: ../access\n");
        write(&top, "access/gitfile", "gitdir: .\n");
        for dir in ["access/objects", "access/refs/heads", "access/empty/.git"] {
            fs::create_dir_all(top.join(dir)).unwrap();
        }
        for start in ["", "access", "access/objects", "access/empty"] {
            let found = WorkTree::around(&top.join(start)).unwrap();
            assert_eq!((found.top, found.git_dir), (top.clone(), top.join(".git")), "{start}");
        }
    }

    #[test]
    fn a_submodule_belongs_to_its_superproject_and_a_linked_work_tree_to_nobody() {
        let (_dir, top) = tempdir();
        write(&top, "super/.git/HEAD", "ref: refs/heads/main\n");
        write(&top, "super/.git/modules/shared/HEAD", "ref: refs/heads/main\n");
        write(&top, "super/shared/.git", "gitdir: ../.git/modules/shared\n");
        write(&top, "super/.git/worktrees/linked/commondir", "../..\n");
        write(&top, "super/linked/.git", "gitdir: ../.git/worktrees/linked\n");
        let outermost = |dir: &str| WorkTree::around(&top.join(dir)).unwrap().outermost().top;
        assert_eq!(outermost("super/shared"), top.join("super"));
        assert_eq!(outermost("super/linked"), top.join("super/linked"));
        for dir in ["super", "super/shared", "super/linked"] {
            assert_eq!(WorkTree::around(&top.join(dir)).unwrap().check(), Ok(()), "{dir}");
        }
    }

    #[test]
    fn a_repository_among_the_files_of_a_commit_is_refused() {
        let (_dir, top) = tempdir();
        write(&top, ".git/HEAD", "ref: refs/heads/main\n");
        write(&top, "evil/HEAD", "ref: refs/heads/main\n");
        write(&top, "access/.git", "gitdir: ../evil\n");
        let access = WorkTree::around(&top.join("access")).unwrap();
        assert_eq!(access.check(), Err(Untrusted::AmongFiles(top.join("evil"), top.clone())));
        let own = WorkTree::around(&top).unwrap();
        assert_eq!(own.check(), Ok(()));
        write(&top, ".git/objects/info/alternates", "../../evil\n");
        assert_eq!(own.check(), Err(Untrusted::AmongFiles(top.join("evil"), top.clone())));
        write(&top, ".git/objects/info/alternates", "../../../elsewhere/objects\n");
        assert_eq!(own.check(), Ok(()));
    }
}
