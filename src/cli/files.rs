//! The files that a run writes, and those that it reads beside manifests.
//!
//! One rule for all of them: a link that the repository can supply never leads out of the working directory or into a git directory.
//! A regular file is replaced whole, so that a reader sees the old one or the new one. A pipe or device is written into.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::Context;

use crate::manifest::{ROOT_FILE, WorkTree, work_tree};

/// Links that are followed on the way to one file at most, as in Linux.
const MAX_LINKS: usize = 40;

/// Seconds that a named pipe is waited for until somebody reads it. A reader that starts together with this program needs far less.
const PIPE_READER_SECONDS: u64 = 10;

/// Milliseconds between two looks for a reader.
const PIPE_READER_INTERVAL_MS: u64 = 20;

/// Writes a file whole, readable by its owner only: into a new file beside it, then under its name.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let written = write(path, create_private, |out| out.write_all(bytes));
    written.with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes a file whole, readable by whom the user lets read new files: for collectors, which are other users as a rule.
pub(super) fn write_shared(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let written = write(path, create_shared, |out| out.write_all(bytes));
    written.with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes a file whole, with the directories on its way.
pub(super) fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    let written = write_report(path, |out| out.write_all(text.as_bytes()));
    written.with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes a report whole, piece by piece, with the directories on its way.
pub(super) fn write_report(path: &Path, render: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    if let Destination::File(real) = destination(path)? {
        parents(&real)?;
    }
    write(path, create_shared, render)
}

/// Begins a file that grows while the run goes on, with the directories on its way.
pub(super) fn create(path: &Path) -> io::Result<File> {
    match destination(path)? {
        Destination::File(real) => {
            parents(&real)?;
            no_link(OpenOptions::new().write(true).create(true).truncate(true)).open(real)
        }
        stream => stream.open(),
    }
}

/// Opens a file to append to it.
pub(super) fn append_shared(path: &Path) -> io::Result<File> {
    match destination(path)? {
        Destination::File(real) => no_link(OpenOptions::new().append(true).create(true)).open(real),
        stream => stream.open(),
    }
}

/// Opens a file to append lines to, readable by its owner only where it is new. A line that a killed process left unfinished is ended
/// first, so that no other one is joined to it.
pub(super) fn append_private(path: &Path) -> anyhow::Result<File> {
    let open = || match destination(path)? {
        Destination::File(real) => {
            let mut file = no_link(private(OpenOptions::new().append(true).create(true))).open(&real)?;
            if ends_within_a_line(&real) {
                file.write_all(b"\n")?;
            }
            Ok(file)
        }
        stream => stream.open(),
    };
    open().with_context(|| format!("{} cannot be opened to append to it", path.display()))
}

/// Opens a file that decides something, to read it.
pub(super) fn open_input(path: &Path) -> io::Result<File> {
    match resolve(path)? {
        Resolved::Path(real) => no_link(OpenOptions::new().read(true)).open(real),
        Resolved::Descriptor(_) => File::open(path),
    }
}

/// Where a path leads, without links: for files that others open, and for what depends on the place.
pub(super) fn real_path(path: &Path) -> io::Result<PathBuf> {
    match resolve(path)? {
        Resolved::Path(real) | Resolved::Descriptor(real) => Ok(real),
    }
}

/// Makes the directories on the way to a file.
fn parents(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => std::fs::create_dir_all(parent),
        _ => Ok(()),
    }
}

/// What an output path comes to.
enum Destination {
    /// A regular file, or none yet, without links.
    File(PathBuf),
    /// Something to write into: a pipe, a device, an open file of a process.
    Stream(PathBuf),
    /// This process's own standard output.
    Stdout,
    /// This process's own standard error.
    Stderr,
}

fn destination(path: &Path) -> io::Result<Destination> {
    match resolve(path)? {
        Resolved::Path(real) => match std::fs::symlink_metadata(&real) {
            Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => Ok(Destination::Stream(real)),
            _ => Ok(Destination::File(real)),
        },
        Resolved::Descriptor(entry) => {
            let own = |number: &str| {
                let of_process = format!("/proc/{}/fd/{number}", std::process::id());
                entry == Path::new("/dev/fd").join(number) || entry == Path::new(&of_process)
            };
            // Opened anew, a regular file that the shell redirected to would be written from its beginning.
            Ok(if own("1") {
                Destination::Stdout
            } else if own("2") {
                Destination::Stderr
            } else {
                Destination::Stream(entry)
            })
        }
    }
}

impl Destination {
    fn open(&self) -> io::Result<File> {
        match self {
            Destination::Stdout => descriptor(&io::stdout()),
            Destination::Stderr => descriptor(&io::stderr()),
            Destination::Stream(path) | Destination::File(path) => open_stream(path),
        }
    }
}

#[cfg(unix)]
fn descriptor(stream: &impl std::os::fd::AsFd) -> io::Result<File> {
    Ok(File::from(stream.as_fd().try_clone_to_owned()?))
}

#[cfg(not(unix))]
fn descriptor<T>(_: &T) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Opens a pipe or device to write into it. A named pipe that nobody reads is an error in the end, for a run must not hang on it.
#[cfg(unix)]
fn open_stream(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};

    use rustix::fs::{OFlags, fcntl_setfl};

    let mut options = OpenOptions::new();
    options.append(true);
    if !std::fs::metadata(path)?.file_type().is_fifo() {
        return options.open(path);
    }
    options.custom_flags(i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default());
    let end = std::time::Instant::now() + std::time::Duration::from_secs(PIPE_READER_SECONDS);
    loop {
        match options.open(path) {
            Ok(pipe) => {
                fcntl_setfl(&pipe, OFlags::empty())?;
                return Ok(pipe);
            }
            // No reader yet.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                if std::time::Instant::now() >= end {
                    let text =
                        format!("nobody read this named pipe for {PIPE_READER_SECONDS} s; start its reader first");
                    return Err(io::Error::new(io::ErrorKind::TimedOut, text));
                }
                std::thread::sleep(std::time::Duration::from_millis(PIPE_READER_INTERVAL_MS));
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(not(unix))]
fn open_stream(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).open(path)
}

/// What a path leads to.
enum Resolved {
    /// A path without links; its last parts may be missing.
    Path(PathBuf),
    /// An open file of a process, such as `/dev/stdout`. Its link is no path to follow.
    Descriptor(PathBuf),
}

/// Follows the links of a path one by one, and refuses those that the repository can supply and that lead away.
fn resolve(path: &Path) -> io::Result<Resolved> {
    let here = std::env::current_dir().and_then(std::fs::canonicalize)?;
    // Where a relative path begins: `..` leaves the current directory by the caller's own word.
    let up = path.components().take_while(|part| matches!(part, Component::ParentDir | Component::CurDir));
    let ups = up.filter(|part| *part == Component::ParentDir).count();
    let start = path.is_relative().then(|| here.ancestors().nth(ups).map(Path::to_path_buf)).flatten();
    let mut resolver = Resolver { here: here.clone(), start, links: 0, descriptor: None };
    let real = resolver.follow(here, path)?;
    Ok(match resolver.descriptor {
        Some(entry) => Resolved::Descriptor(entry),
        None => Resolved::Path(real),
    })
}

struct Resolver {
    here: PathBuf,
    start: Option<PathBuf>,
    links: usize,
    /// The open file of a process that the path led to.
    descriptor: Option<PathBuf>,
}

impl Resolver {
    /// Follows a path from a directory without links.
    fn follow(&mut self, from: PathBuf, path: &Path) -> io::Result<PathBuf> {
        let mut at = from;
        for part in path.components() {
            match part {
                Component::Prefix(prefix) => at = PathBuf::from(prefix.as_os_str()),
                Component::RootDir => at.push(Component::RootDir),
                Component::CurDir => {}
                Component::ParentDir => {
                    at.pop();
                }
                Component::Normal(name) => {
                    let next = at.join(name);
                    if is_descriptor(&next) {
                        self.descriptor = Some(next.clone());
                        return Ok(next);
                    }
                    at = match std::fs::symlink_metadata(&next) {
                        Ok(found) if found.is_symlink() => self.link(at, &next)?,
                        Ok(_) => next,
                        Err(error) if error.kind() == io::ErrorKind::NotFound => next,
                        Err(error) => return Err(error),
                    };
                    if self.descriptor.is_some() {
                        return Ok(at);
                    }
                }
            }
        }
        Ok(at)
    }

    /// Follows a link that stands in `dir`.
    fn link(&mut self, dir: PathBuf, link: &Path) -> io::Result<PathBuf> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(io::Error::other("too many links lead to one another"));
        }
        let bounds = self.bounds(&dir);
        let real = self.follow(dir, &std::fs::read_link(link)?)?;
        match bounds {
            Some(bounds) if !stays(&real, &bounds) => Err(leads_away(link, &real, &bounds)),
            _ => Ok(real),
        }
    }

    /// The directory that a link in `dir` must not leave. `None`: no repository supplies it; it is the system's or the caller's.
    fn bounds(&self, dir: &Path) -> Option<PathBuf> {
        let work_tree = || WorkTree::around(dir).map(|tree| tree.outermost().top);
        let root = || dir.ancestors().find(|dir| dir.join(ROOT_FILE).is_file()).map(Path::to_path_buf);
        let is_here = dir.starts_with(&self.here);
        match work_tree().or_else(root) {
            Some(place) if !(is_here && self.here.starts_with(&place)) => Some(place),
            _ if is_here => Some(self.here.clone()),
            _ => self.start.clone().filter(|start| dir.starts_with(start)),
        }
    }
}

fn stays(real: &Path, bounds: &Path) -> bool {
    real.strip_prefix(bounds).is_ok_and(|below| !below.components().any(work_tree::is_dot_git))
}

fn leads_away(link: &Path, real: &Path, bounds: &Path) -> io::Error {
    let text = format!(
        "the link {} leads out of {}, to {}; a repository can supply such a link, so it is not followed: remove it, or give another path",
        link.display(),
        bounds.display(),
        real.display()
    );
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

/// `/proc/PID/fd/N` and `/dev/fd/N` stand for open files.
fn is_descriptor(path: &Path) -> bool {
    let Some(dir) = path.parent().filter(|_| cfg!(unix)) else { return false };
    dir == Path::new("/dev/fd") || (dir.starts_with("/proc") && dir.file_name().is_some_and(|name| name == "fd"))
}

fn write(
    path: &Path,
    create: impl FnOnce(&Path) -> io::Result<File>,
    render: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    match destination(path)? {
        Destination::File(real) => replace(&real, create, render),
        stream => fill(stream.open()?, render).map(drop),
    }
}

#[cfg(unix)]
fn no_link(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.custom_flags(i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default())
}

#[cfg(not(unix))]
fn no_link(options: &mut OpenOptions) -> &mut OpenOptions {
    options
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

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_out_of_a_root_is_refused_wherever_it_stands_on_the_way() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        let root = top.join("root");
        for name in ["root/.git", "root/out", "elsewhere"] {
            std::fs::create_dir_all(top.join(name)).unwrap();
        }
        std::fs::write(root.join(ROOT_FILE), "").unwrap();
        std::fs::write(top.join("elsewhere/victim"), "untouched").unwrap();
        symlink("../elsewhere/victim", root.join("file")).unwrap();
        symlink("../elsewhere/new", root.join("dangling")).unwrap();
        symlink(top.join("elsewhere"), root.join("dir")).unwrap();
        symlink("dir", root.join("chain")).unwrap();
        symlink(".git", root.join("git")).unwrap();
        symlink("/proc/self/fd/1", root.join("stdout")).unwrap();
        for name in ["file", "dangling", "dir/victim", "dir/new", "chain/victim", "out/../file", "git/config", "stdout"]
        {
            let path = root.join(name);
            for error in [
                write_report(&path, |out| out.write_all(b"x")).unwrap_err().to_string(),
                format!("{:#}", write_private(&path, b"x").unwrap_err()),
                format!("{:#}", append_private(&path).unwrap_err()),
                create(&path).unwrap_err().to_string(),
                open_input(&path).unwrap_err().to_string(),
            ] {
                assert!(error.contains("leads out of"), "{name}: {error}");
            }
        }
        assert_eq!(std::fs::read_to_string(top.join("elsewhere/victim")).unwrap(), "untouched");
        assert_eq!(std::fs::read_dir(top.join("elsewhere")).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_stays_inside_and_a_link_of_the_system_are_followed() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        let root = top.join("root");
        std::fs::create_dir_all(root.join("out")).unwrap();
        std::fs::write(root.join(ROOT_FILE), "").unwrap();
        symlink("out", root.join("reports")).unwrap();
        symlink("out/latest.md", root.join("plan.md")).unwrap();
        symlink(&root, top.join("system")).unwrap();
        for (name, real) in [
            ("root/reports/a.md", "root/out/a.md"),
            ("root/plan.md", "root/out/latest.md"),
            ("system/b.md", "root/b.md"),
            ("system/new/c.md", "root/new/c.md"),
        ] {
            write_report(&top.join(name), |out| out.write_all(b"text")).unwrap();
            assert_eq!(std::fs::read_to_string(top.join(real)).unwrap(), "text", "{name}");
        }
        assert!(root.join("plan.md").is_symlink(), "a link stays a link");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = write_private(&dir.path().join("missing/plan.json"), b"").unwrap_err();
        assert!(error.to_string().contains("missing/plan.json"), "{error}");
    }
}
