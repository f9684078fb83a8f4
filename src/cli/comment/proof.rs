//! Whether a report may be posted: it was written by this pipeline, and not merely checked out with the pull request.
//!
//! A commit cannot name itself, so a report that names the checked-out commit was written after the checkout. A file that git does not
//! track is not the commit's either.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::{Context, bail};

use crate::cli::git_tree::Repository;
use crate::cli::{files, git};
use crate::manifest::WorkTree;

/// Opens a report. `flag` is the one that names it.
pub(super) fn open(flag: &str, path: &Path) -> anyhow::Result<File> {
    // A pipe would be waited for, so this is judged before it is opened.
    let found = files::real_path(path).and_then(std::fs::metadata);
    if found.as_ref().is_ok_and(|found| !found.is_file()) {
        bail!("{flag} {}: this is no regular file; give a report, or `--file -` for standard input", path.display());
    }
    match found.and_then(|_| files::open_input(path)) {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
            "{flag} {}: there is no such file, so nothing was posted; the step that writes the report may have failed",
            path.display()
        ),
        Err(error) => Err(error).with_context(|| format!("{flag} {} cannot be read", path.display())),
    }
}

/// Refuses what the repository committed, and what is about another commit; `named` are the commits that the report names.
pub(super) fn check(flag: &str, path: &Path, named: &[&str]) -> anyhow::Result<()> {
    let shown = path.display();
    let real = files::real_path(path).and_then(std::fs::canonicalize).with_context(|| format!("{flag} {shown}"))?;
    let here = git::report_commit(Path::new("."));
    let Some(tree) = real.parent().and_then(WorkTree::around) else {
        return one_of(flag, path, named, &[here]);
    };
    let checked_out = git::report_commit(&tree.top);
    if !named.is_empty() && named.iter().all(|named| checked_out.as_deref() == Some(*named)) {
        return Ok(());
    }
    let repository = Repository::around(&tree.top).with_context(|| {
        format!(
            "{flag} {shown} names no checked-out commit, and git cannot tell whether it is a file of the repository"
        )
    })?;
    if repository.map(|repository| repository.is_tracked(&real)).transpose()?.unwrap_or(true) {
        bail!(
            "{flag} {shown} is a file of the checked-out commit and no report of this pipeline, so nothing was posted; \
             write the report to a path that the repository does not track"
        );
    }
    one_of(flag, path, named, &[checked_out, here])
}

/// Every commit that is named has to be a known one, where any is known.
fn one_of(flag: &str, path: &Path, named: &[&str], known: &[Option<String>]) -> anyhow::Result<()> {
    let known: Vec<&str> = known.iter().flatten().map(String::as_str).collect();
    match named.iter().find(|named| !known.is_empty() && !known.contains(*named)) {
        Some(other) => bail!(
            "{flag} {} is a report of commit {other}, and {} is checked out, so nothing was posted; write the report in the same job",
            path.display(),
            known.first().unwrap_or(&"another")
        ),
        None => Ok(()),
    }
}
