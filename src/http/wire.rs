//! One attempt on the wire: connect, send, read the whole body, and say which kind of accident it was. Nothing here decides on retries.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Certificate, Method, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::USER_AGENT;
use super::hosts::{host_and_port, is_loopback};

/// The largest body that is read, counted after decompression: room for a million rows of 250 bytes in one answer, for Semaphor's and
/// Streamline's listings have no pages. Past it the answer is a mistake or an attack, and would only fill the memory.
pub(super) const MAX_BODY: usize = 256 * 1024 * 1024;

/// Connecting gets at most this long, and at most half of the request's time: a host that takes no connection is then told apart from
/// an answer that was lost.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Idle connections are dropped before common servers drop them (Node.js after 5 s): a write sent into a connection that is just being
/// closed is lost, and nobody could say whether it was carried out.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// What is sent, attempt after attempt.
pub(super) struct Parcel {
    pub(super) method: Method,
    pub(super) url: Url,
    /// Content type and bytes.
    pub(super) body: Option<(&'static str, Bytes)>,
}

/// A credential as it travels.
pub(super) type AuthHeader = (HeaderName, HeaderValue);

/// How an attempt ended.
pub(super) enum Outcome {
    /// A whole answer.
    Answer(Received),
    /// No connection, so nothing was sent.
    Unreachable(Unreachable, String),
    /// Sent, or perhaps sent; no whole answer, and the headers of the one that broke off.
    Lost(String, HeaderMap),
    /// An answer that is not read on, how it starts, and its headers.
    Bad(String, Bytes, HeaderMap),
    /// A redirect, which is never followed: the request was not carried out here.
    Redirected(String, HeaderMap),
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreachable {
    /// The name has no address.
    Name,
    /// The host is not who it says, or speaks no TLS.
    Tls,
    /// Refused, reset or too slow.
    Connection,
}

/// A whole answer.
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Answers in place of a wire: status and body of what was asked by method, address and body.
pub(super) type Canned = Box<dyn Fn(&str, &Url, &[u8]) -> (u16, Bytes) + Send + Sync>;

/// The connection pools of one target: one for each way to connect that it needs.
pub(super) struct Wires {
    /// Answers everything where there is one; nothing is sent then.
    canned: Option<Canned>,
    roots: Vec<Certificate>,
    timeout: Duration,
    max_body: usize,
    idle_connections: usize,
    built: Mutex<HashMap<(Way, Connections), reqwest::Client>>,
}

/// Which connections a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Connections {
    /// Idle connections of earlier requests, or a new one.
    Pooled,
    /// A new one: a peer that closes idle connections loses every request that is sent into them.
    Fresh,
}

/// How an address is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    /// `http` on loopback: no certificates are loaded, no proxy is asked.
    LoopbackPlain,
    /// `https` on loopback: no proxy.
    LoopbackTls,
    /// All else: the system's proxy settings hold.
    Remote,
}

impl Way {
    fn to(url: &Url) -> Self {
        match (is_loopback(url), url.scheme()) {
            (true, "http") => Way::LoopbackPlain,
            (true, _) => Way::LoopbackTls,
            (false, _) => Way::Remote,
        }
    }
}

impl Outcome {
    /// What came before the body, where anything did.
    pub(super) fn headers(&self) -> Option<&HeaderMap> {
        match self {
            Outcome::Answer(received) => Some(&received.headers),
            Outcome::Lost(_, headers) | Outcome::Bad(_, _, headers) | Outcome::Redirected(_, headers) => Some(headers),
            Outcome::Unreachable(..) => None,
        }
    }
}

impl Wires {
    /// Reads the certificates; connects to nothing.
    pub(super) fn new(
        roots: &[Vec<u8>],
        timeout: Duration,
        max_body: usize,
        idle_connections: usize,
    ) -> Result<Self, String> {
        let mut certificates = Vec::new();
        for pem in roots {
            let bundle = Certificate::from_pem_bundle(pem).map_err(|error| causes(&error))?;
            if bundle.is_empty() {
                return Err("the file of certificate authorities holds no PEM certificate".to_owned());
            }
            certificates.extend(bundle);
        }
        Ok(Self { canned: None, roots: certificates, timeout, max_body, idle_connections, built: Mutex::default() })
    }

    /// No wire at all.
    pub(super) fn canned(answer: Canned) -> Self {
        let (roots, built) = (Vec::new(), Mutex::default());
        Self { canned: Some(answer), roots, timeout: Duration::MAX, max_body: 0, idle_connections: 0, built }
    }

    /// The pool for an address.
    pub(super) fn client(&self, url: &Url) -> Result<reqwest::Client, String> {
        self.client_with(url, Connections::Pooled)
    }

    fn client_with(&self, url: &Url, connections: Connections) -> Result<reqwest::Client, String> {
        let way = (Way::to(url), connections);
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = built.get(&way) {
            return Ok(client.clone());
        }
        let client = self.build(way).map_err(|error| causes(&error))?;
        built.insert(way, client.clone());
        Ok(client)
    }

    fn build(&self, (way, connections): (Way, Connections)) -> reqwest::Result<reqwest::Client> {
        // The one place that chooses the TLS implementation. `Err`: already chosen, by an earlier client.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .referer(false)
            .gzip(true)
            .connect_timeout(CONNECT_TIMEOUT.min(self.timeout / 2))
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(match connections {
                Connections::Pooled => self.idle_connections,
                Connections::Fresh => 0,
            });
        // Left at reqwest's default: resending what HTTP/2 itself reports as not processed (REFUSED_STREAM, GOAWAY), which is safe.
        match way {
            Way::LoopbackPlain => builder.no_proxy().tls_certs_only(std::iter::empty()).build(),
            Way::LoopbackTls => builder.no_proxy().tls_certs_merge(self.roots.clone()).build(),
            Way::Remote => builder.tls_certs_merge(self.roots.clone()).build(),
        }
    }

    /// The longest that one attempt may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// One attempt, from connection to last byte, within the target's timeout.
    pub(super) async fn attempt(
        &self,
        parcel: &Parcel,
        auth: Option<&AuthHeader>,
        connections: Connections,
    ) -> Outcome {
        if let Some(answer) = &self.canned {
            return Outcome::Answer(can(answer, parcel));
        }
        let client = match self.client_with(&parcel.url, connections) {
            Ok(client) => client,
            Err(problem) => return Outcome::Unreachable(Unreachable::Tls, problem),
        };
        let exchange = async {
            match builder(&client, parcel, auth).send().await {
                Ok(response) => self.receive(response).await,
                Err(error) => accident(&error),
            }
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => {
                Outcome::Lost(format!("it took longer than limits.timeout ({:?})", self.timeout), HeaderMap::new())
            }
        }
    }

    async fn receive(&self, mut response: reqwest::Response) -> Outcome {
        let status = response.status();
        if status.is_redirection() {
            return redirected(&response);
        }
        let headers = response.headers().clone();
        let mut body = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= self.max_body => body.extend_from_slice(&chunk),
                Ok(Some(_)) => {
                    let problem = format!(
                        "answered {status} with more than {} MiB; ask for smaller pages or batches",
                        self.max_body.div_ceil(1024 * 1024)
                    );
                    return Outcome::Bad(problem, body.freeze(), headers);
                }
                Ok(None) => break,
                Err(error) => {
                    let why = format!("the answer ({status}) broke off after {} bytes: {}", body.len(), causes(&error));
                    return Outcome::Lost(why, headers);
                }
            }
        }
        Outcome::Answer(Received { status: status.as_u16(), headers, body: body.freeze() })
    }
}

/// A canned answer, as JSON.
fn can(answer: &Canned, parcel: &Parcel) -> Received {
    let sent = parcel.body.as_ref().map_or(&[][..], |(_, bytes)| bytes);
    let (status, body) = answer(parcel.method.as_str(), &parcel.url, sent);
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    Received { status, headers, body }
}

/// The header of HTTP Basic.
pub(super) fn basic(client: &reqwest::Client, user: &SecretString, password: &SecretString) -> Option<AuthHeader> {
    // Built through a request that is never sent: reqwest owns the encoding.
    let draft = client.get("http://localhost/").basic_auth(user.expose_secret(), Some(password.expose_secret()));
    let value = draft.build().ok()?.headers_mut().remove(AUTHORIZATION)?;
    Some((AUTHORIZATION, value))
}

fn builder(client: &reqwest::Client, parcel: &Parcel, auth: Option<&AuthHeader>) -> reqwest::RequestBuilder {
    let mut builder = client.request(parcel.method.clone(), parcel.url.clone()).header(ACCEPT, "application/json");
    if let Some((kind, bytes)) = &parcel.body {
        builder = builder.header(CONTENT_TYPE, *kind).body(bytes.clone());
    }
    match auth {
        Some((name, value)) => builder.header(name, value),
        None => builder,
    }
}

/// Names the host that the API points to and nothing else: the rest of a `Location` may hold anything.
fn redirected(response: &reqwest::Response) -> Outcome {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let target = location.and_then(|location| response.url().join(location).ok());
    let to = target.map_or_else(|| "without an address".to_owned(), |url| format!("to {}", host_and_port(&url)));
    let problem = format!(
        "answered {}, a redirect {to}; redirects are never followed: correct the endpoint",
        response.status().as_u16()
    );
    Outcome::Redirected(problem, response.headers().clone())
}

/// Which kind of accident an error is. Everything that is not certainly "never connected" counts as sent.
pub(super) fn accident(error: &reqwest::Error) -> Outcome {
    let why = causes(error);
    if !error.is_connect() {
        return Outcome::Lost(why, HeaderMap::new());
    }
    let kind = if error.is_dns() {
        Unreachable::Name
    } else if is_tls(error) {
        Unreachable::Tls
    } else {
        Unreachable::Connection
    };
    Outcome::Unreachable(kind, why)
}

fn is_tls(error: &reqwest::Error) -> bool {
    chain(error).any(is_tls_cause)
}

fn is_tls_cause(cause: &(dyn StdError + 'static)) -> bool {
    // `io::Error::source` skips the error that it wraps, and the layers wrap more than once.
    let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    cause.is::<rustls::Error>() || wrapped.is_some_and(|inner| is_tls_cause(inner))
}

fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// The causes of an error, outermost first, without the address: its query does not belong into messages.
fn causes(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    for cause in chain(error) {
        let text = cause.to_string();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
    }
    if texts.is_empty() { "the HTTP library gives no reason".to_owned() } else { texts.join(": ") }
}
