//! Resolves secret references: environment variables, and files below the directory that the caller named.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::model::{ResolveError, SecretRef, SecretResolver, SecretString};

/// A secret is a token or a key: a larger file is a mistake.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// The process's own environment and `--secrets-dir`.
#[derive(Debug)]
pub(super) struct Secrets {
    dir: Option<PathBuf>,
}

impl Secrets {
    pub(super) fn new(dir: Option<&Path>) -> anyhow::Result<Self> {
        let canonical = |dir: &Path| {
            dir.canonicalize().with_context(|| format!("--secrets-dir {} cannot be opened", dir.display()))
        };
        Ok(Self { dir: dir.map(canonical).transpose()? })
    }

    fn file(&self, path: &str) -> Result<String, ResolveError> {
        let dir = self.dir.as_ref().ok_or_else(|| ResolveError::NoSecretsDir(path.to_owned()))?;
        let fail = |why: std::io::Error| ResolveError::File { path: path.to_owned(), why: why.to_string() };
        let full = dir.join(path).canonicalize().map_err(fail)?;
        if !full.starts_with(dir) {
            return Err(ResolveError::Outside(path.to_owned()));
        }
        let meta = std::fs::metadata(&full).map_err(fail)?;
        if !meta.is_file() || meta.len() > MAX_SECRET_BYTES {
            let why = format!("it is not a regular file of at most {MAX_SECRET_BYTES} bytes");
            return Err(ResolveError::File { path: path.to_owned(), why });
        }
        std::fs::read_to_string(&full).map_err(fail)
    }
}

impl SecretResolver for Secrets {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ResolveError> {
        let text = match reference {
            SecretRef::Env(name) => match std::env::var(&**name) {
                Ok(value) if value.is_empty() => return Err(ResolveError::EnvEmpty(name.to_string())),
                Ok(value) => value,
                Err(std::env::VarError::NotPresent) => return Err(ResolveError::EnvMissing(name.to_string())),
                Err(std::env::VarError::NotUnicode(_)) => return Err(ResolveError::Unsendable(reference.to_string())),
            },
            SecretRef::File(path) => self.file(path)?,
        };
        // Files begin with a byte-order mark and end with line breaks by custom of some editors; nothing else is cut.
        let value = text.strip_prefix('\u{feff}').unwrap_or(&text).trim_end_matches(['\n', '\r']);
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err(ResolveError::Unsendable(reference.to_string()));
        }
        Ok(SecretString::from(value))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use secrecy::ExposeSecret;

    fn resolver() -> (tempfile::TempDir, Secrets) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "s3cret\n").unwrap();
        std::fs::write(dir.path().join("two-lines"), "a\nb\n").unwrap();
        let secrets = Secrets::new(Some(dir.path())).unwrap();
        (dir, secrets)
    }

    #[test]
    fn a_file_below_the_directory_is_read_without_its_line_break() {
        let (_dir, secrets) = resolver();
        let value = secrets.resolve(&SecretRef::File("token".into())).unwrap();
        assert_eq!(value.expose_secret(), "s3cret");
    }

    #[test]
    fn a_path_or_a_symlink_out_of_the_directory_is_refused() {
        let (dir, secrets) = resolver();
        let outside = tempfile::NamedTempFile::new().unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("link")).unwrap();
        let up = format!("../{}", outside.path().file_name().unwrap().to_str().unwrap());
        for path in ["link", &up, outside.path().to_str().unwrap()] {
            let error = secrets.resolve(&SecretRef::File(path.into())).unwrap_err();
            assert!(matches!(error, ResolveError::Outside(_) | ResolveError::File { .. }), "{path}: {error}");
        }
        assert!(matches!(secrets.resolve(&SecretRef::File("link".into())), Err(ResolveError::Outside(_))));
    }

    #[test]
    fn what_cannot_be_sent_or_read_says_so_without_the_value() {
        let (_dir, secrets) = resolver();
        let error = secrets.resolve(&SecretRef::File("two-lines".into())).unwrap_err().to_string();
        assert!(error.contains("control character") && !error.contains("a\nb"), "{error}");
        let none = Secrets::new(None).unwrap();
        assert!(matches!(none.resolve(&SecretRef::File("token".into())), Err(ResolveError::NoSecretsDir(_))));
        assert!(matches!(
            none.resolve(&SecretRef::Env("ASSIGNCTL_SURELY_UNSET".into())),
            Err(ResolveError::EnvMissing(_))
        ));
    }
}
