//! Other programs: the only place that starts one. A program is found on absolute entries of `PATH` outside of the repository, and its
//! environment holds what it needs and no secret.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Variables that a program keeps. None of them holds a secret by custom, and none makes git run anything.
const KEPT: [&str; 12] = [
    // The user's own configuration, such as `safe.directory`.
    "HOME",
    "XDG_CONFIG_HOME",
    "USERPROFILE",
    "HOMEDRIVE",
    "HOMEPATH",
    "APPDATA",
    // Windows programs do not start without the first.
    "SYSTEMROOT",
    "WINDIR",
    "TMPDIR",
    "TEMP",
    "TMP",
    // Git accepts the repositories of the user who called `sudo`.
    "SUDO_UID",
];

/// Of [`KEPT`], those that lead to configuration files. In a directory of the repository that file is the repository's.
const LEADS_TO_CONFIGURATION: [&str; 4] = ["HOME", "XDG_CONFIG_HOME", "USERPROFILE", "APPDATA"];

/// Where programs are where `PATH` is not set.
const USUAL_PATH: &str = if cfg!(windows) { "" } else { "/usr/local/bin:/usr/bin:/bin" };

/// A program of this machine, in `dir`, with nothing on its standard input. `None`: there is none outside of `repository`.
pub(super) fn program(name: &str, dir: &Path, repository: &Path) -> Option<Command> {
    program_with(name, dir, repository, &|name| std::env::var_os(name))
}

fn program_with(
    name: &str,
    dir: &Path,
    repository: &Path,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Option<Command> {
    let is_foreign =
        |path: &Path| path.is_absolute() && path.canonicalize().is_ok_and(|real| !real.starts_with(repository));
    let path = variable("PATH").filter(|path| !path.is_empty()).unwrap_or_else(|| USUAL_PATH.into());
    let entries: Vec<PathBuf> = std::env::split_paths(&path).filter(|entry| is_foreign(entry)).collect();
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let found = entries.iter().map(|entry| entry.join(&file)).find(|path| is_foreign(path) && is_program(path))?;
    let mut command = Command::new(found);
    command.current_dir(dir).stdin(Stdio::null()).env_clear();
    if let Ok(path) = std::env::join_paths(&entries) {
        command.env("PATH", path);
    }
    for name in KEPT {
        let leads_here = |value: &OsString| LEADS_TO_CONFIGURATION.contains(&name) && !is_foreign(Path::new(value));
        if let Some(value) = variable(name).filter(|value| !leads_here(value)) {
            command.env(name, value);
        }
    }
    Some(command)
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn executable(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_program_of_the_repository_is_never_found() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        let (repository, tools) = (top.join("repository"), top.join("tools"));
        executable(&repository.join("bin/tool"));
        executable(&tools.join("tool"));
        symlink(repository.join("bin"), top.join("looks-foreign")).unwrap();
        std::fs::create_dir(top.join("linked")).unwrap();
        symlink(repository.join("bin/tool"), top.join("linked/tool")).unwrap();
        let find = |entries: &[&Path]| {
            let path = std::env::join_paths(entries).unwrap();
            let variable = |name: &str| (name == "PATH").then(|| path.clone());
            program_with("tool", &repository, &repository, &variable).map(|found| PathBuf::from(found.get_program()))
        };
        let inside = repository.join("bin");
        let hidden = [Path::new("bin"), Path::new("."), Path::new(""), &inside, &top.join("looks-foreign")];
        assert_eq!(find(&hidden), None);
        assert_eq!(find(&[&top.join("linked")]), None);
        assert_eq!(find(&[Path::new("."), &inside, &top.join("linked"), &tools]), Some(tools.join("tool")));
    }

    #[test]
    fn the_environment_holds_no_secret_and_no_configuration_of_the_repository() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        let repository = top.join("repository");
        std::fs::create_dir_all(repository.join("home")).unwrap();
        executable(&top.join("tool"));
        let known = |home: PathBuf| {
            let path = std::env::join_paths([Path::new("bin"), &top]).unwrap();
            let variable = move |name: &str| match name {
                "PATH" => Some(path.clone()),
                "HOME" => Some(home.clone().into()),
                "LC_ALL" | "CRM_TOKEN" | "GIT_CONFIG_COUNT" | "GIT_DIR" | "GIT_SSH_COMMAND" => Some("secret".into()),
                _ => None,
            };
            let command = program_with("tool", &repository, &repository, &variable).unwrap();
            let mut names: Vec<_> =
                command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
            names.sort();
            names
        };
        let path = ("PATH".into(), Some(top.clone().into()));
        assert_eq!(known(top.clone()), [("HOME".into(), Some(top.clone().into())), path.clone()]);
        assert_eq!(known(repository.join("home")), [path]);
    }
}
