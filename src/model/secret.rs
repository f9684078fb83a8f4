//! References to secrets, and the values behind them. A value cannot be printed; a reference can.

pub use secrecy::SecretString;

/// Where a secret comes from. Manifests hold only this, never a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    /// An environment variable.
    Env(Box<str>),
    /// A file below the directory that the caller gave as `--secrets-dir`.
    File(Box<str>),
}

impl std::fmt::Display for SecretRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SecretRef::Env(name) => write!(f, "{{env: {name}}}"),
            SecretRef::File(path) => write!(f, "{{file: {path}}}"),
        }
    }
}

/// Why a reference gave no value. The text never holds any part of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The variable is unset or empty.
    #[error("the environment variable {0} is not set; export it, or change the reference")]
    EnvMissing(String),
    /// The variable or file holds something that cannot be sent.
    #[error("{0} holds a line break or another control character, so it cannot be sent; store the bare value")]
    Unsendable(String),
    /// `{file: …}` without `--secrets-dir`.
    #[error("the secret file {0} was not read: say where secret files may lie with --secrets-dir DIR")]
    NoSecretsDir(String),
    /// The path leaves the directory.
    #[error("the secret file {0} lies outside the directory given with --secrets-dir")]
    Outside(String),
    /// The file cannot be read.
    #[error("the secret file {path} cannot be read: {why}")]
    File {
        /// As written in the manifest.
        path: String,
        /// The operating system's words.
        why: String,
    },
}

/// Turns references into values. The command line injects one: nothing below it reads the environment.
pub trait SecretResolver: Send + Sync {
    /// The value behind a reference.
    ///
    /// # Errors
    /// See [`ResolveError`]; the caller shows it beside the place of the reference.
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ResolveError>;
}
