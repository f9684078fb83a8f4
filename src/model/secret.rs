//! References to secrets, and the values behind them. A value cannot be printed; a reference can.

use secrecy::ExposeSecret;
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
    /// The variable is unset.
    #[error("the environment variable {0} is not set; export it, or change the reference")]
    EnvMissing(String),
    /// The variable is empty.
    #[error("the environment variable {0} is empty; set it, or change the reference")]
    EnvEmpty(String),
    /// The value stands in quotes.
    #[error("{0} begins or ends with a quotation mark; store the bare value, without quotes")]
    Quoted(String),
    /// The value is a whole header.
    #[error("{0} begins with the word `Bearer`; store the token alone, the word is added when it is sent")]
    Prefixed(String),
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

    /// The value behind a reference that signs in: outer spaces are never a part of it, and what only looks like a token is refused
    /// rather than sent.
    ///
    /// # Errors
    /// See [`ResolveError`].
    fn sign_in(&self, reference: &SecretRef) -> Result<SecretString, ResolveError> {
        let value = self.resolve(reference)?;
        let bare = value.expose_secret().trim();
        if bare.is_empty() {
            return Err(ResolveError::Unsendable(reference.to_string()));
        }
        if bare.starts_with(['"', '\'', '`']) || bare.ends_with(['"', '\'', '`']) {
            return Err(ResolveError::Quoted(reference.to_string()));
        }
        let (word, rest) = bare.split_once([' ', ':']).unwrap_or((bare, ""));
        let header = word.eq_ignore_ascii_case("authorization") || word.eq_ignore_ascii_case("bearer");
        if header && !rest.is_empty() {
            return Err(ResolveError::Prefixed(reference.to_string()));
        }
        Ok(SecretString::from(bare))
    }
}
