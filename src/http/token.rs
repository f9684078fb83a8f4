//! Tokens that are fetched: what a provider says about its token endpoint, and the one token that is kept until it must be renewed.

use std::time::Duration;

use url::Url;

use super::Path;
use crate::model::{ResolveError, SecretResolver, SecretString};

/// How a system's token is asked for and read. The provider knows the form; this module sends, keeps and renews.
pub trait TokenExchange: Send + Sync {
    /// Builds the request. Every secret must come from `secrets`: the values are remembered there, so that no message can show them, and
    /// the references are named when the sign-in fails.
    ///
    /// # Errors
    /// What the resolver gave, unchanged.
    fn request(&self, secrets: &dyn SecretResolver) -> Result<TokenRequest, ResolveError>;

    /// Reads the body of a 2xx answer; `None` where it holds no token.
    fn parse(&self, body: &[u8]) -> Option<Token>;
}

/// A POST to a token endpoint.
#[derive(Debug)]
pub struct TokenRequest {
    /// Where to.
    pub url: TokenUrl,
    /// User name and password of HTTP Basic, such as client id and client secret (RFC 6749 section 2.3.1).
    pub basic: Option<(SecretString, SecretString)>,
    /// What is sent.
    pub body: TokenBody,
}

/// The address of a token endpoint.
#[derive(Debug, Clone)]
pub enum TokenUrl {
    /// Somewhere else: its host must be allowed by the caller, or be loopback.
    Absolute(Url),
    /// The same as it stands in a manifest; text that is no address is an error when it is used.
    Text(String),
    /// A route of the API itself.
    Path(Path),
}

/// The fields of a token request.
#[derive(Debug)]
pub enum TokenBody {
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(&'static str, SecretString)>),
    /// A JSON object of strings.
    Json(Vec<(&'static str, SecretString)>),
}

/// A token, and how long it lives from now on where the answer says so.
#[derive(Debug)]
pub struct Token {
    /// The token.
    pub value: SecretString,
    /// Its life; `None`: renewed only after a 401.
    pub expires_in: Option<Duration>,
}
