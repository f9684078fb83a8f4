//! Writing files so that a reader sees the old one or the new one, never a part.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Writes a file whole, readable by its owner only: into a new file beside it, then under its name.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let written = replace(path, create_private, |out| out.write_all(bytes));
    written.with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes a file whole, readable by whom the user lets read new files: for collectors, which are other users as a rule.
pub(super) fn write_shared(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let written = replace(path, create_shared, |out| out.write_all(bytes));
    written.with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes a report whole, piece by piece, with the directories on its way. A link stays a link: what it leads to is replaced. What is
/// there and no file (a pipe, `/dev/null`) is written into.
pub(super) fn write_report(path: &Path, render: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    parents(path)?;
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if std::fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
        return fill(OpenOptions::new().write(true).open(&path)?, render).map(drop);
    }
    replace(&path, create_shared, render)
}

/// Makes the directories on the way to a file.
pub(super) fn parents(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => std::fs::create_dir_all(parent),
        _ => Ok(()),
    }
}

fn replace(
    path: &Path,
    create: impl FnOnce(&Path) -> io::Result<File>,
    render: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let beside = beside(path)?;
    // The name must not point to a file whose content is still on its way to the disk.
    let written = create(&beside).and_then(|file| fill(file, render)?.sync_all());
    written.and_then(|()| std::fs::rename(&beside, path)).inspect_err(|_| {
        // The error to tell is the first one.
        let _ = std::fs::remove_file(&beside);
    })
}

fn fill(file: File, render: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<File> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    render(&mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)
}

fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is no file name"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.new", std::process::id()));
    Ok(path.with_file_name(hidden))
}

fn create_shared(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn create_private(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().write(true).create_new(true)).open(path)
}

/// Opens a file to append lines to, readable by its owner only where it is new. A line that a killed process left unfinished is ended first, so
/// that no other one is joined to it.
pub(super) fn append_private(path: &Path) -> anyhow::Result<File> {
    let opened = private(OpenOptions::new().append(true).create(true)).open(path).and_then(|mut file| {
        if ends_within_a_line(path) {
            file.write_all(b"\n")?;
        }
        Ok(file)
    });
    opened.with_context(|| format!("{} cannot be opened to append to it", path.display()))
}

/// Whether there is a last line that is not ended. Not of what is no file, or may be written and not read.
fn ends_within_a_line(path: &Path) -> bool {
    let last = || -> io::Result<u8> {
        let (mut file, mut last) = (File::open(path)?, [b'\n']);
        file.seek(SeekFrom::End(-1))?; // an error where it is empty
        file.read_exact(&mut last)?;
        Ok(last[0])
    };
    path.is_file() && last().is_ok_and(|last| last != b'\n')
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_appended_begins_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.ndjson");
        for (text, before) in [("{}\n", ""), ("{\"cut", "{}\n"), ("{}\n", "{}\n{\"cut\n")] {
            append_private(&path).unwrap().write_all(text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{before}{text}"));
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plan.json");
        for text in ["a long first text", "short"] {
            write_private(&path, text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (plan, journal) = (dir.path().join("plan.json"), dir.path().join("journal"));
        std::fs::write(&plan, "readable by all").unwrap();
        write_private(&plan, b"{}").unwrap();
        drop(append_private(&journal).unwrap());
        for path in [plan, journal] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = write_private(&dir.path().join("missing/plan.json"), b"").unwrap_err();
        assert!(error.to_string().contains("missing/plan.json"), "{error}");
    }
}
