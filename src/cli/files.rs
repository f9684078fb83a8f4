//! Writing files so that a reader sees the old one or the new one, never a part.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Writes a file whole, readable by its owner only: into a new file beside it, then under its name.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    replace(path, bytes, create_private).with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes a file whole, readable by whom the user lets read new files: for collectors, which are other users as a rule.
pub(super) fn write_shared(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let create = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path);
    replace(path, bytes, create).with_context(|| format!("{} cannot be written", path.display()))
}

fn replace(path: &Path, bytes: &[u8], create: impl FnOnce(&Path) -> io::Result<File>) -> io::Result<()> {
    let beside = beside(path)?;
    let written = create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        // The name must not point to a file whose content is still on its way to the disk.
        file.sync_all()
    });
    written.and_then(|()| std::fs::rename(&beside, path)).inspect_err(|_| {
        // The error to tell is the first one.
        let _ = std::fs::remove_file(&beside);
    })
}

fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is no file name"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.new", std::process::id()));
    Ok(path.with_file_name(hidden))
}

fn create_private(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().write(true).create_new(true)).open(path)
}

/// Opens a file to append to, readable by its owner only where it is new.
pub(super) fn append_private(path: &Path) -> anyhow::Result<File> {
    let opened = private(OpenOptions::new().append(true).create(true)).open(path);
    opened.with_context(|| format!("{} cannot be opened to append to it", path.display()))
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
