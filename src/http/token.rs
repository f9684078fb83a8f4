//! Tokens that are fetched: what a provider says about its token endpoint, and the one token that is kept until it must be renewed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::redact::Redactor;
use super::wire::AuthHeader;
use super::{HttpError, Path};
use crate::model::{ResolveError, SecretRef, SecretResolver, SecretString};

/// How a system's token is asked for and read. The provider knows the form; this module sends, keeps and renews.
pub trait TokenExchange: Send + Sync {
    /// Builds the request. Every secret must come from `secrets`: the values are remembered there, so that no message can show them, and
    /// the references are named when the sign-in fails.
    ///
    /// # Errors
    /// What the resolver gave, unchanged.
    fn request(&self, secrets: &dyn SecretResolver) -> Result<TokenRequest, ResolveError>;

    /// Reads the body of a 2xx answer.
    ///
    /// # Errors
    /// What is wrong with the answer, without any of its values but an `error`.
    fn parse(&self, body: &[u8]) -> Result<Token, NoToken>;
}

/// Why an answer holds no usable token. It names fields and types, and never shows a value that could be a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoToken(pub String);

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
    /// Its life; `None`: the answer gives none that can be used.
    pub expires_in: Option<Duration>,
}

/// The longest `error` of a token answer that a message shows, in characters.
const LONGEST_ERROR: usize = 200;

impl Token {
    /// Reads the JSON object of a token answer (RFC 6749 section 5.1). `name` is the field of the token.
    ///
    /// Only the token itself must be right. `expires_in` may be a number or digits, and `token_type` may be in any case.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub fn from_json(answer: &serde_json::Value, name: &str) -> Result<Token, NoToken> {
        use serde_json::Value as Json;
        let Json::Object(object) = answer else { return Err(NoToken(format!("it is {}", kind_of(answer)))) };
        let value = match object.get(name) {
            Some(Json::String(text)) if !text.trim().is_empty() => text.trim(),
            Some(Json::String(_)) => return Err(NoToken(format!("its `{name}` is empty"))),
            Some(other) => return Err(NoToken(format!("its `{name}` is {}", kind_of(other)))),
            None => {
                let error = object.get("error").and_then(Json::as_str);
                let error: Option<String> = error.map(|error| error.chars().take(LONGEST_ERROR).collect());
                return Err(NoToken(match error {
                    Some(error) => format!("it has the error `{error}` and no `{name}`"),
                    None => format!("it has no `{name}`"),
                }));
            }
        };
        match object.get("token_type") {
            None | Some(Json::Null) => {}
            Some(Json::String(kind)) if kind.trim().eq_ignore_ascii_case("bearer") => {}
            Some(_) => {
                return Err(NoToken("its `token_type` is not `Bearer`, the only type that can be sent".to_owned()));
            }
        }
        Ok(Token { value: SecretString::from(value), expires_in: object.get("expires_in").and_then(life) })
    }
}

/// A life in seconds, written as a number or as text; `None` for what is no time above zero.
fn life(value: &serde_json::Value) -> Option<Duration> {
    let seconds = match value {
        serde_json::Value::Number(number) => number.as_f64()?,
        serde_json::Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// A kind of JSON value, for a message that must not show the value.
fn kind_of(value: &serde_json::Value) -> &'static str {
    match value {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "a boolean",
        serde_json::Value::Number(_) => "a number",
        serde_json::Value::String(_) => "a string",
        serde_json::Value::Array(_) => "an array",
        serde_json::Value::Object(_) => "an object",
    }
}

/// A token is renewed this long before it ends, so that a request that waits in a queue still arrives with a living one …
const RENEW_MARGIN: Duration = Duration::from_secs(60);

/// … but a short-lived one is used for most of its life.
const MARGIN_PART: u32 = 5;

/// The life of a token whose answer gives none that can be used: 5 minutes, the shortest life that a Cognito client can be
/// given. A token that lives longer is renewed early, which costs one request.
const ASSUMED_LIFE: Duration = Duration::from_secs(300);

/// The longest life that is believed: one day, the longest that a Cognito client can be given. A 401 renews a token sooner.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// The token of one client. Whoever needs one while it is being fetched waits for the same fetch.
pub(super) struct Tokens {
    pub(super) exchange: Box<dyn TokenExchange>,
    pub(super) shelf: Mutex<Shelf>,
}

/// What is known about the token.
#[derive(Default)]
pub(super) struct Shelf {
    current: Option<Held>,
    fetched: u64,
    /// Tokens refused in a row, none of which was ever accepted.
    refused_unused: u32,
    failure: Option<HttpError>,
}

/// A token in use.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) header: AuthHeader,
    number: u64,
    renew_at: Option<Instant>,
    accepted: Arc<AtomicBool>,
}

impl Tokens {
    pub(super) fn new(exchange: Box<dyn TokenExchange>) -> Self {
        Self { exchange, shelf: Mutex::default() }
    }

    /// Takes a token that got a 401 off the shelf. False where another one would not help: the token before it was refused too, and
    /// neither was ever accepted. So a client without rights asks for two tokens, not for one a request.
    pub(super) async fn refused(&self, held: &Held) -> bool {
        let mut shelf = self.shelf.lock().await;
        if shelf.current.as_ref().is_none_or(|current| current.number != held.number) {
            return true; // somebody else renewed it already
        }
        if held.accepted.load(Ordering::Relaxed) {
            shelf.refused_unused = 0;
        }
        if shelf.refused_unused > 0 {
            return false;
        }
        shelf.refused_unused += 1;
        shelf.current = None;
        true
    }
}

impl Shelf {
    /// The token, or why there is none and will be none; `None` where one must be fetched.
    pub(super) fn look(&self) -> Option<Result<Held, HttpError>> {
        if let Some(failure) = &self.failure {
            return Some(Err(failure.clone()));
        }
        let fresh = |held: &&Held| held.renew_at.is_none_or(|at| Instant::now() < at);
        self.current.as_ref().filter(fresh).cloned().map(Ok)
    }

    /// Keeps a token that was asked for at `asked_at`.
    pub(super) fn keep(&mut self, header: AuthHeader, expires_in: Option<Duration>, asked_at: Instant) -> Held {
        self.fetched += 1;
        let used_for = |life: Duration| life - RENEW_MARGIN.min(life / MARGIN_PART);
        // A life of nothing is a way to say nothing.
        let life = expires_in.filter(|life| !life.is_zero()).unwrap_or(ASSUMED_LIFE).min(LONGEST_LIFE);
        let held = Held {
            header,
            number: self.fetched,
            renew_at: asked_at.checked_add(used_for(life)),
            accepted: Arc::default(),
        };
        self.current = Some(held.clone());
        held
    }

    /// Remembers a failure that asking again would only repeat: token endpoints count attempts, and some lock accounts.
    pub(super) fn fail(&mut self, error: &HttpError) {
        if matches!(error, HttpError::SignIn { .. } | HttpError::NotSent { .. } | HttpError::BadAnswer { .. }) {
            self.failure = Some(error.clone());
        }
    }
}

impl Held {
    /// The API took it.
    pub(super) fn accepted(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }
}

/// Hands every value that it resolves to the redactor, and notes the references for the error messages.
pub(super) struct Recording<'a> {
    secrets: &'a dyn SecretResolver,
    redactor: &'a Redactor,
    used: std::sync::Mutex<Vec<SecretRef>>,
}

impl<'a> Recording<'a> {
    pub(super) fn new(secrets: &'a dyn SecretResolver, redactor: &'a Redactor) -> Self {
        Self { secrets, redactor, used: std::sync::Mutex::default() }
    }

    /// The references, for a message.
    pub(super) fn used(&self) -> String {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl SecretResolver for Recording<'_> {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ResolveError> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if !used.contains(reference) {
            used.push(reference.clone());
        }
        let value = self.secrets.sign_in(reference)?;
        self.redactor.hide(&value);
        Ok(value)
    }
}

impl TokenBody {
    /// Content type and bytes.
    pub(super) fn encode(&self) -> (&'static str, Bytes) {
        match self {
            TokenBody::Form(fields) => {
                let pairs = fields.iter().map(|(name, value)| (*name, value.expose_secret()));
                let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
                ("application/x-www-form-urlencoded", text.into())
            }
            TokenBody::Json(fields) => {
                let object: serde_json::Map<_, _> =
                    fields.iter().map(|(name, value)| ((*name).to_owned(), value.expose_secret().into())).collect();
                ("application/json", serde_json::Value::Object(object).to_string().into())
            }
        }
    }
}
