//! The commit of a work tree, read from git's own files: no program is started, and no repository's configuration is obeyed.
//!
//! Everything here is information beside a plan. What cannot be read is left out; nothing fails because of it.

use std::path::{Path, PathBuf};

use crate::manifest::WorkTree;

/// Symbolic references that lead to others are followed so far: git itself stops at five.
const MAX_HOPS: usize = 5;

/// The commit that is checked out around a path.
pub(super) fn commit(start: &Path) -> Option<String> {
    Repository::around(start)?.head()
}

/// The author that git would write into a commit here: the repository's own setting, else the user's.
pub(super) fn author(start: &Path, home: Option<&Path>) -> Option<String> {
    let own = Repository::around(start).map(|repository| repository.common.join("config"));
    let users = home.map(|home| home.join(".gitconfig"));
    [own, users].into_iter().flatten().find_map(|path| user(&std::fs::read_to_string(path).ok()?))
}

/// The commit that reports name: that of the outermost work tree, which determines what its submodules hold.
pub(super) fn report_commit(start: &Path) -> Option<String> {
    Repository::of(&WorkTree::around(start)?.outermost()).head()
}

struct Repository {
    /// Holds `HEAD`; a linked work tree has its own.
    dir: PathBuf,
    /// Holds the references that all work trees share.
    common: PathBuf,
}

impl Repository {
    fn around(start: &Path) -> Option<Self> {
        WorkTree::around(start).map(|tree| Self::of(&tree))
    }

    fn of(tree: &WorkTree) -> Self {
        Self { dir: tree.git_dir.clone(), common: tree.common_dir() }
    }

    fn head(&self) -> Option<String> {
        let mut text = std::fs::read_to_string(self.dir.join("HEAD")).ok()?;
        for _ in 0..MAX_HOPS {
            let Some(name) = text.trim().strip_prefix("ref:") else { return object_id(text.trim()) };
            text = self.reference(name.trim())?;
        }
        None
    }

    fn reference(&self, name: &str) -> Option<String> {
        // A name that leaves the directory is no reference.
        if !name.starts_with("refs/") || name.split('/').any(|part| part == "..") {
            return None;
        }
        let loose = [&self.dir, &self.common].into_iter().find_map(|dir| std::fs::read_to_string(dir.join(name)).ok());
        loose.or_else(|| {
            let packed = std::fs::read_to_string(self.common.join("packed-refs")).ok()?;
            let mut lines = packed.lines().filter_map(|line| line.split_once(' '));
            lines.find(|(_, known)| *known == name).map(|(id, _)| id.to_owned())
        })
    }
}

/// A SHA-1 or SHA-256 in hexadecimal; nothing else ever gets into a plan.
fn object_id(text: &str) -> Option<String> {
    let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hexadecimal && matches!(text.len(), 40 | 64)).then(|| text.to_ascii_lowercase())
}

/// `name <email>` of a configuration's `[user]` section.
fn user(config: &str) -> Option<String> {
    let (mut name, mut email, mut inside) = (None, None, false);
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line.eq_ignore_ascii_case("[user]");
        } else if let Some((key, value)) = line.split_once('=').filter(|_| inside) {
            let value = value.trim().trim_matches('"').to_owned();
            match key.trim().to_ascii_lowercase().as_str() {
                "name" => name = Some(value),
                "email" => email = Some(value),
                _ => {}
            }
        }
    }
    match (name, email) {
        (Some(name), Some(email)) => Some(format!("{name} <{email}>")),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn write(dir: &Path, path: &str, text: &str) {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn loose_and_packed_references_and_a_detached_head_are_read() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), ".git/HEAD", "ref: refs/heads/main\n");
        std::fs::create_dir_all(dir.path().join("manifests/deep")).unwrap();
        let head = || commit(&dir.path().join("manifests/deep"));
        assert_eq!(head(), None, "a branch without a commit");
        write(dir.path(), ".git/packed-refs", &format!("# pack-refs with: peeled\n{B} refs/heads/main\n^{A}\n"));
        assert_eq!(head().as_deref(), Some(B));
        write(dir.path(), ".git/refs/heads/main", &format!("{A}\n"));
        assert_eq!(head().as_deref(), Some(A), "the loose one is newer");
        write(dir.path(), ".git/HEAD", B);
        assert_eq!(head().as_deref(), Some(B));
    }

    #[test]
    fn a_linked_work_tree_has_its_own_head_and_shared_references() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "main/.git/HEAD", "ref: refs/heads/main\n");
        write(dir.path(), "main/.git/refs/heads/topic", A);
        write(dir.path(), "main/.git/worktrees/linked/HEAD", "ref: refs/heads/topic\n");
        write(dir.path(), "main/.git/worktrees/linked/commondir", "../..\n");
        write(dir.path(), "linked/.git", "gitdir: ../main/.git/worktrees/linked\n");
        assert_eq!(commit(&dir.path().join("linked")).as_deref(), Some(A));
    }

    #[test]
    fn hostile_files_give_no_commit() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "secret", A);
        for head in ["ref: refs/../../secret", "ref: /etc/hostname", "ref: refs/heads/loop", "token=hunter2", ""] {
            write(dir.path(), ".git/HEAD", head);
            write(dir.path(), ".git/refs/heads/loop", "ref: refs/heads/loop");
            assert_eq!(commit(dir.path()), None, "{head}");
        }
    }

    #[test]
    fn the_author_is_the_repositorys_else_the_users() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        write(&home, ".gitconfig", "[core]\n\tname = no\n[user]\n\tname = Users Own\n\temail = u@x.example\n");
        write(dir.path(), "work/.git/HEAD", A);
        let author = || author(&dir.path().join("work"), Some(&home));
        assert_eq!(author().as_deref(), Some("Users Own <u@x.example>"));
        write(dir.path(), "work/.git/config", "[user]\n\temail = \"ci@x.example\"\n");
        assert_eq!(author().as_deref(), Some("ci@x.example"));
    }
}
