//! The client: one request from admission to final answer, with sign-in and retries on the way.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LINK, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::answer::without_bom;
use super::hosts::{HostPolicy, host_and_port};
use super::pace::{Backoff, NoWait, Pace, TOLD_WAIT, asked_wait};
use super::redact::Redactor;
use super::token::{Held, Recording, TokenExchange, TokenUrl, Tokens};
use super::trail;
use super::wire::{self, AuthHeader, Connections, MAX_BODY, Outcome, Parcel, Received, Unreachable, Wires};
use super::{Answer, Config, HttpError, Path, Request, Safety, SignIn};
use crate::model::{Limits, SecretRef, SecretResolver, Stop};

/// How often a request that may be resent after a lost answer or a 5xx is resent, and how often an unknown host name is looked up again.
/// Unlike a refusal, these are often there to stay, and must not eat the budget that all requests share.
const FAULT_RETRIES: u32 = 4;

/// 2 s. A request that is lost sooner, before any byte of an answer, was sent into a connection that the peer had closed, most likely:
/// that shows within a round trip. A gateway that gives up on a slow server takes longer.
const STALE_WITHIN: Duration = Duration::from_secs(2);

/// A target's client; clones share everything.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

/// What tests make smaller.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tuning {
    pub(super) backoff: Backoff,
    pub(super) max_body: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { backoff: Backoff::default(), max_body: MAX_BODY }
    }
}

struct Inner {
    base: Url,
    policy: HostPolicy,
    secrets: Arc<dyn SecretResolver>,
    credential: Credential,
    redactor: Arc<Redactor>,
    pace: Pace,
    wires: Wires,
    backoff: Backoff,
    sent: AtomicU64,
    stop: Stop,
    /// A request was lost on a pooled connection. From then on a write that must not be repeated opens its own connection.
    distrusts_pool: AtomicBool,
}

/// Where the header comes from.
enum Credential {
    None,
    /// The same for every request; the words say which secret it is.
    Constant(AuthHeader, String),
    Tokens(Tokens),
}

/// What one attempt signs in with.
enum Badge<'a> {
    None,
    Constant(&'a AuthHeader),
    Token(Held),
}

impl Badge<'_> {
    fn header(&self) -> Option<&AuthHeader> {
        match self {
            Badge::None => None,
            Badge::Constant(header) => Some(header),
            Badge::Token(held) => Some(&held.header),
        }
    }
}

/// A checked request, and how it is told.
struct Call {
    parcel: Parcel,
    place: Box<str>,
    safety: Safety,
    refused_by_503: bool,
}

impl Call {
    fn writes(&self) -> bool {
        self.safety != Safety::Read
    }
}

/// What one request has been through.
struct Course<W> {
    waits: W,
    tries: u32,
    /// The API's id of the newest answer.
    request_id: Option<Box<str>>,
    faults: u32,
    /// An earlier attempt of this write may have been carried out.
    maybe_done: bool,
    /// The newest attempt was lost at once on a pooled connection.
    stale_connection: bool,
}

impl<W: Iterator<Item = Duration>> Course<W> {
    /// The newest answer's id, for the end of a message.
    fn request_note(&self) -> String {
        trail::told(self.request_id.as_deref())
    }

    fn backoff(&mut self) -> Duration {
        self.waits.next().unwrap_or_default()
    }

    /// Counts a fault; false when the request has had its share.
    fn may_fault_again(&mut self) -> bool {
        self.faults += 1;
        self.faults <= FAULT_RETRIES
    }
}

impl Client {
    /// Checks the address, resolves what must be resolved, and sends nothing.
    ///
    /// # Errors
    /// [`HttpError::NotSent`] for a refused address or an unusable limit or certificate, [`HttpError::SignIn`] for a missing secret.
    pub fn new(config: Config<'_>) -> Result<Client, HttpError> {
        Self::tuned(config, Tuning::default())
    }

    /// As [`Client::new`], with a smaller cap on bodies and shorter pauses: for tests that meet thousands of accidents.
    ///
    /// # Errors
    /// As [`Client::new`].
    #[doc(hidden)]
    pub fn impatient(config: Config<'_>, max_body: usize, first_wait: Duration) -> Result<Client, HttpError> {
        let backoff = Backoff { first: first_wait, longest: first_wait.saturating_mul(8) };
        Self::tuned(config, Tuning { backoff, max_body })
    }

    /// As [`Client::new`], with a function in place of the wire: for benches that measure what is made of an answer. It is given the
    /// method, the address and the body, and gives the status and the body of the answer.
    ///
    /// # Errors
    /// As [`Client::new`].
    #[doc(hidden)]
    pub fn canned<F>(config: Config<'_>, answer: F) -> Result<Client, HttpError>
    where
        F: Fn(&str, &Url, &[u8]) -> (u16, Bytes) + Send + Sync + 'static,
    {
        Self::with(config, Backoff::default(), |_, _| Ok(Wires::canned(Box::new(answer))))
    }

    pub(super) fn tuned(config: Config<'_>, tuning: Tuning) -> Result<Client, HttpError> {
        let base_url = config.base_url.clone();
        Self::with(config, tuning.backoff, |limits, roots| {
            let wires = Wires::new(roots, limits.timeout, tuning.max_body, limits.concurrency)?;
            wires.client(&base_url).map(|_| wires)
        })
    }

    fn with(
        config: Config<'_>,
        backoff: Backoff,
        wires: impl FnOnce(&Limits, &[Vec<u8>]) -> Result<Wires, String>,
    ) -> Result<Client, HttpError> {
        let place = format!("the connection to {}", host_and_port(&config.base_url));
        let not_sent = |problem: String| not_sent(&place, problem);
        config.allowed.check(&config.base_url).map_err(|refusal| not_sent(refusal.to_string()))?;
        if config.base_url.query().is_some() || config.base_url.fragment().is_some() {
            return Err(not_sent(
                "the address has a query or a fragment; give scheme, host, port and path only".to_owned(),
            ));
        }
        let redactor = Arc::new(Redactor::default());
        let credential =
            credential(config.auth, config.secrets.as_ref(), &redactor).map_err(|problem| sign_in(&place, problem))?;
        let pace = Pace::new(config.limits, config.stop.clone()).map_err(|error| not_sent(error.to_string()))?;
        let wires = wires(config.limits, &config.extra_roots)
            .map_err(|problem| not_sent(format!("TLS cannot be set up: {problem}")))?;
        Ok(Self {
            inner: Arc::new(Inner {
                base: config.base_url,
                policy: config.allowed,
                secrets: config.secrets,
                credential,
                redactor,
                pace,
                wires,
                backoff,
                sent: AtomicU64::new(0),
                stop: config.stop,
                distrusts_pool: AtomicBool::new(false),
            }),
        })
    }

    /// Sends a request until it has a final answer, within the target's limits and retry budget.
    ///
    /// Resent inside: 429; 503; requests that found no connection; a 401 whose token could be renewed; and, where the request's
    /// [`Safety`] allows it, other 5xx and lost answers, a few times. A 429 or 503 slows all requests of the client. Every other status
    /// is an answer, for the provider to judge. A 503 to a [`Safety::Once`] request that is not [`Request::refused_by_503`] is an answer
    /// too; the client waits all the same, so that a read sent after it waits until the API takes requests again.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub async fn send(&self, request: Request) -> Result<Answer, HttpError> {
        let inner = &self.inner;
        let call = inner.call(request)?;
        let mut course = inner.course();
        let mut renewed = false;
        loop {
            // Before the token is looked at, which may not outlive the pause.
            inner.pace.pause_over().await.map_err(|_| stopped(&call, course.maybe_done))?;
            let badge = inner.badge().await.map_err(|error| error.after(course.maybe_done))?;
            let outcome = inner.attempt(&call, badge.header(), &mut course).await;
            let outcome = outcome.map_err(|_| stopped(&call, course.maybe_done))?;
            if let Outcome::Answer(answer) = &outcome {
                if answer.status == 401 {
                    if renewed || !inner.renew(&badge).await {
                        let note = course.request_note();
                        return Err(inner.refused(&call, &badge, answer, &note).after(course.maybe_done));
                    }
                    renewed = true;
                    continue;
                }
                if let Badge::Token(held) = &badge {
                    held.accepted();
                }
            }
            if let Some(end) = inner.judge(&call, outcome, &mut course).await {
                return end;
            }
        }
    }

    /// Waits before what was read is read once more, because reads may lag behind writes: the backoff's first wait, doubled with every
    /// earlier look, and without jitter, since this is for certainty. It is bounded by whoever looks, so no retry budget pays for it. False: a stop was asked for.
    pub async fn let_settle(&self, earlier_looks: u32, at_most: Duration) -> bool {
        let Backoff { first, longest } = self.inner.backoff;
        let wait = first.saturating_mul(2_u32.saturating_pow(earlier_looks)).min(longest).min(at_most);
        self.inner.pace.linger(wait).await.is_ok()
    }

    /// Attempts so far: retries and token requests count.
    pub fn requests(&self) -> u64 {
        self.inner.sent.load(Ordering::Relaxed)
    }

    /// Keeps a value that a provider sends in a body, such as a secret parameter, out of every excerpt and error.
    pub fn hide(&self, secret: &SecretString) {
        self.inner.redactor.hide(secret);
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("host", &host_and_port(&self.inner.base)).finish_non_exhaustive()
    }
}

impl Inner {
    /// Checks a request and gives it its address.
    fn call(&self, request: Request) -> Result<Call, HttpError> {
        let url = self.address(&request.method, &request.path)?;
        let place = place(&request.method, &url);
        self.policy.check(&url).map_err(|refusal| not_sent(&place, refusal.to_string()))?;
        let body = request.body.transpose().map_err(|problem| {
            not_sent(&place, format!("the body cannot be written as JSON: {}", self.redactor.clean(&problem)))
        })?;
        let mut parcel = Parcel { method: request.method, url, body: body.map(|bytes| ("application/json", bytes)) };
        if !request.query.is_empty() {
            parcel.url.query_pairs_mut().extend_pairs(&request.query);
        }
        Ok(Call { parcel, place, safety: request.safety, refused_by_503: request.refused_by_503 })
    }

    /// The base address with a path behind it; refused unless it says exactly what was built.
    fn address(&self, method: &Method, path: &Path) -> Result<Url, HttpError> {
        let mut url = self.base.clone();
        let full = format!("{}{}", self.base.path().trim_end_matches('/'), path.text());
        url.set_path(&full);
        let problem = match path.problem() {
            Some(problem) => problem,
            None if url.path() != full => "the path would be read as another one",
            None => return Ok(url),
        };
        let place = format!("{method} {full} at {}", host_and_port(&self.base));
        Err(not_sent(&place, format!("{problem}; correct the id in the manifest")))
    }

    fn course(&self) -> Course<impl Iterator<Item = Duration> + Send + use<>> {
        Course {
            waits: self.backoff.waits(),
            tries: 0,
            request_id: None,
            faults: 0,
            maybe_done: false,
            stale_connection: false,
        }
    }

    /// One attempt, when the pace allows it.
    async fn attempt<W>(
        &self,
        call: &Call,
        auth: Option<&AuthHeader>,
        course: &mut Course<W>,
    ) -> Result<Outcome, NoWait> {
        let place = self.pace.admit().await?;
        course.tries += 1;
        self.sent.fetch_add(1, Ordering::Relaxed);
        let distrusts =
            course.stale_connection || (call.safety == Safety::Once && self.distrusts_pool.load(Ordering::Relaxed));
        let connections = if distrusts { Connections::Fresh } else { Connections::Pooled };
        let started = Instant::now();
        let outcome = self.unless_given_up(call, self.wires.attempt(&call.parcel, auth, connections)).await?;
        course.stale_connection = connections == Connections::Pooled
            && started.elapsed() < STALE_WITHIN.min(self.wires.timeout())
            && matches!(&outcome, Outcome::Lost(_, headers) if headers.is_empty());
        if course.stale_connection {
            self.distrusts_pool.store(true, Ordering::Relaxed);
        }
        match &outcome {
            // Both say that the API is pressed too hard (apis/partium.md: Maintenance; apis/semaphor.md: Limits).
            Outcome::Answer(Received { status: 429 | 503, .. }) => place.pressed(),
            Outcome::Answer(_) => place.answered(),
            _ => {}
        }
        drop(place);
        course.request_id = outcome.headers().and_then(|headers| trail::request_id(headers, &self.redactor));
        let request_id = course.request_id.as_deref();
        request_id.into_iter().for_each(trail::note);
        let (method, path) = (&call.parcel.method, call.parcel.url.path());
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &outcome {
            Outcome::Answer(answer) => {
                tracing::debug!(%method, path, status = answer.status, ms, attempt = course.tries, request_id, "answered");
                tracing::trace!(%method, path, body_bytes = answer.body.len(), "body read");
            }
            Outcome::Unreachable(_, why)
            | Outcome::Lost(why, _)
            | Outcome::Bad(why, ..)
            | Outcome::Redirected(why, _) => {
                tracing::debug!(%method, path, ms, attempt = course.tries, request_id, why = self.redactor.clean(why), "no usable answer");
            }
        }
        Ok(outcome)
    }

    /// An attempt, while its answer is of use. After a stop the answer to a read is of none. The answer to a write is waited
    /// for during the grace time, and what it did is unknown afterwards.
    async fn unless_given_up(&self, call: &Call, attempt: impl Future<Output = Outcome>) -> Result<Outcome, NoWait> {
        if call.writes() {
            tokio::select! {
                biased;
                outcome = attempt => Ok(outcome),
                () = self.stop.grace_over(Duration::ZERO) => {
                    Ok(Outcome::Lost("no answer came in time after the run was stopped".to_owned(), HeaderMap::new()))
                }
            }
        } else {
            tokio::select! {
                biased;
                _ = self.stop.wait() => Err(NoWait::Stopped),
                outcome = attempt => Ok(outcome),
            }
        }
    }

    /// What an attempt means: `Some` is final; after `None` the wait is over, and the request is sent again.
    async fn judge<W: Iterator<Item = Duration>>(
        &self,
        call: &Call,
        outcome: Outcome,
        course: &mut Course<W>,
    ) -> Option<Result<Answer, HttpError>> {
        match outcome {
            Outcome::Answer(answer) => self.judge_answer(call, answer, course).await,
            Outcome::Unreachable(kind, why) => self.judge_unreachable(call, kind, &why, course).await,
            Outcome::Lost(why, _) => {
                course.maybe_done |= call.writes();
                if self.may_resend(call, course) && self.pace.rest(course.backoff()).await.is_ok() {
                    return None;
                }
                let problem = self.told(&why, course);
                Some(Err(HttpError::Lost {
                    place: call.place.clone(),
                    problem,
                    maybe_done: call.writes(),
                    stale_connection: course.stale_connection,
                }))
            }
            Outcome::Redirected(problem, _) => {
                let problem = format!("{}{}", self.redactor.clean(&problem), course.request_note()).into();
                let maybe_done = course.maybe_done;
                Some(Err(HttpError::BadAnswer { place: call.place.clone(), problem, maybe_done }))
            }
            Outcome::Bad(problem, start, _) => {
                let start = self.redactor.excerpt(&start);
                let problem = if start.is_empty() { problem } else { format!("{problem}; it starts: {start}") };
                let problem = format!("{}{}", self.redactor.clean(&problem), course.request_note()).into();
                Some(Err(HttpError::BadAnswer { place: call.place.clone(), problem, maybe_done: call.writes() }))
            }
        }
    }

    async fn judge_answer<W: Iterator<Item = Duration>>(
        &self,
        call: &Call,
        answer: Received,
        course: &mut Course<W>,
    ) -> Option<Result<Answer, HttpError>> {
        let status = answer.status;
        let wait = || asked_wait(status, &answer.headers);
        match status {
            429 | 503 => {
                let wait = wait().unwrap_or_else(|| course.backoff());
                // What a 503 means for a write that must not be repeated is the API's to say, not ours to guess.
                let unsure = status == 503 && call.safety == Safety::Once && !call.refused_by_503;
                course.maybe_done |= unsure;
                let waited = self.slow_down(call, wait, status);
                if let (Err(no_wait), false) = (waited, unsure && matches!(waited, Err(NoWait::Spent(_)))) {
                    let start = self.redactor.excerpt(&sentence(&answer.body));
                    let why = if start.is_empty() { status.to_string() } else { format!("{status} ({start})") };
                    let why = why + &course.request_note();
                    return Some(Err(unwaited(call, &why, wait, no_wait, course.maybe_done)));
                }
                if unsure { Some(Ok(self.answer(call, answer, course))) } else { None }
            }
            500.. => {
                course.maybe_done |= call.writes();
                if self.may_resend(call, course) {
                    let wait = wait().unwrap_or_else(|| course.backoff());
                    if self.pace.rest(wait).await.is_ok() {
                        return None;
                    }
                }
                Some(Ok(self.answer(call, answer, course)))
            }
            _ => Some(Ok(self.answer(call, answer, course))),
        }
    }

    /// Nothing was sent, so every request may be sent again; what is worth waiting for depends on the reason.
    async fn judge_unreachable<W: Iterator<Item = Duration>>(
        &self,
        call: &Call,
        kind: Unreachable,
        why: &str,
        course: &mut Course<W>,
    ) -> Option<Result<Answer, HttpError>> {
        let host = host_and_port(&call.parcel.url);
        let problem = match kind {
            Unreachable::Connection => {
                let wait = course.backoff();
                let Err(no_wait) = self.pace.pause(wait) else {
                    if wait >= TOLD_WAIT {
                        tracing::warn!(
                            host,
                            seconds = wait.as_secs_f64(),
                            "no connection; waiting before the next try"
                        );
                    }
                    return None;
                };
                let why = format!("no connection to {host} ({})", self.redactor.clean(why));
                return Some(Err(unwaited(call, &why, wait, no_wait, course.maybe_done)));
            }
            Unreachable::Name => {
                if course.may_fault_again() && self.pace.rest(course.backoff()).await.is_ok() {
                    return None;
                }
                format!("{host} has no address ({why}); check the host name and this machine's name service")
            }
            Unreachable::Tls => format!(
                "no trusted TLS connection to {host} ({why}); check the address, or give the certificate authority that signed it"
            ),
        };
        Some(Err(not_sent(&call.place, self.redactor.clean(&problem)).after(course.maybe_done)))
    }

    fn may_resend<W: Iterator<Item = Duration>>(&self, call: &Call, course: &mut Course<W>) -> bool {
        call.safety != Safety::Once && course.may_fault_again()
    }

    /// All requests of the client wait, for the API is busy for all of them.
    fn slow_down(&self, call: &Call, wait: Duration, status: u16) -> Result<(), NoWait> {
        self.pace.pause(wait)?;
        let host = host_and_port(&call.parcel.url);
        let seconds = wait.as_secs_f64();
        tracing::warn!(host, status, seconds, "the API takes no requests right now; waiting");
        Ok(())
    }

    fn told<W: Iterator<Item = Duration>>(&self, why: &str, course: &Course<W>) -> Box<str> {
        let attempt = if course.tries > 1 { format!(" (attempt {})", course.tries) } else { String::new() };
        format!("{}{attempt}{}", self.redactor.clean(why), course.request_note()).into()
    }

    fn answer<W>(&self, call: &Call, received: Received, course: &Course<W>) -> Answer {
        let content_type =
            received.headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let links = received.headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
        let more = links.flat_map(|links| links.split([',', ';'])).any(is_next_page);
        Answer {
            retry_after: received.headers.contains_key(RETRY_AFTER),
            status: received.status,
            body: received.body,
            content_type,
            more,
            place: call.place.clone(),
            request_id: course.request_id.clone(),
            write: call.writes(),
            redactor: Arc::clone(&self.redactor),
        }
    }

    /// What the next attempt signs in with; fetches a token where one is due.
    async fn badge(&self) -> Result<Badge<'_>, HttpError> {
        let tokens = match &self.credential {
            Credential::None => return Ok(Badge::None),
            Credential::Constant(header, _) => return Ok(Badge::Constant(header)),
            Credential::Tokens(tokens) => tokens,
        };
        // Held while fetching: everybody else waits for this one token.
        let mut shelf = tokens.shelf.lock().await;
        if let Some(known) = shelf.look() {
            return known.map(Badge::Token);
        }
        let asked_at = tokio::time::Instant::now();
        match self.fetch_token(tokens.exchange.as_ref()).await {
            Ok((header, expires_in)) => Ok(Badge::Token(shelf.keep(header, expires_in, asked_at))),
            Err(error) => {
                shelf.fail(&error);
                Err(error)
            }
        }
    }

    async fn renew(&self, badge: &Badge<'_>) -> bool {
        match (&self.credential, badge) {
            (Credential::Tokens(tokens), Badge::Token(held)) => tokens.refused(held).await,
            _ => false,
        }
    }

    async fn fetch_token(&self, exchange: &dyn TokenExchange) -> Result<(AuthHeader, Option<Duration>), HttpError> {
        let secrets = Recording::new(self.secrets.as_ref(), &self.redactor);
        let request = exchange
            .request(&secrets)
            .map_err(|error| sign_in(&format!("the connection to {}", host_and_port(&self.base)), error.to_string()))?;
        let url = self.token_address(&request.url)?;
        let place = place(&Method::POST, &url);
        let basic = match &request.basic {
            Some((user, password)) => Some(self.basic(&url, &place, user, password)?),
            None => None,
        };
        let parcel = Parcel { method: Method::POST, url, body: Some(request.body.encode()) };
        // Asking twice only makes a second token.
        let call = Call { parcel, place, safety: Safety::Read, refused_by_503: true };
        let mut course = self.course();
        loop {
            let outcome = self.attempt(&call, basic.as_ref(), &mut course).await;
            let outcome = outcome.map_err(|_| stopped(&call, false))?;
            if let Some(end) = self.judge(&call, outcome, &mut course).await {
                return self.read_token(exchange, &call, &end?, &secrets.used());
            }
        }
    }

    fn read_token(
        &self,
        exchange: &dyn TokenExchange,
        call: &Call,
        answer: &Answer,
        references: &str,
    ) -> Result<(AuthHeader, Option<Duration>), HttpError> {
        if !answer.is_success() {
            let problem = format!(
                "the token endpoint answered {} ({}){}; check the secrets {references}, and that they belong to this account",
                answer.status,
                answer.excerpt(),
                answer.request_note()
            );
            return Err(sign_in(&call.place, problem));
        }
        // No excerpt here: the body may hold a token under a name that is not known.
        let token = exchange.parse(without_bom(&answer.body)).map_err(|why| {
            let problem = format!(
                "the token endpoint answered {} with {} bytes that hold no usable token: {}{}; check the address",
                answer.status,
                answer.body.len(),
                answer.clean(&why.0),
                answer.request_note()
            );
            sign_in(&call.place, problem)
        })?;
        self.redactor.hide(&token.value);
        let header = bearer(&token.value)
            .ok_or_else(|| sign_in(&call.place, "the token holds characters that no header can carry".to_owned()))?;
        Ok((header, token.expires_in))
    }

    fn token_address(&self, url: &TokenUrl) -> Result<Url, HttpError> {
        let place = "POST to the token endpoint";
        let url = match url {
            TokenUrl::Path(path) => {
                let url = self.address(&Method::POST, path)?;
                return self.policy.check(&url).map(|()| url).map_err(|refusal| not_sent(place, refusal.to_string()));
            }
            TokenUrl::Absolute(url) => url.clone(),
            TokenUrl::Text(text) => Url::parse(text).map_err(|error| {
                not_sent(place, format!("token_url is no address ({error}); write it as https://HOST/PATH"))
            })?,
        };
        self.policy.check_token_url(&url).map(|()| url).map_err(|refusal| not_sent(place, refusal.to_string()))
    }

    fn basic(
        &self,
        url: &Url,
        place: &str,
        user: &SecretString,
        password: &SecretString,
    ) -> Result<AuthHeader, HttpError> {
        let client =
            self.wires.client(url).map_err(|problem| not_sent(place, format!("TLS cannot be set up: {problem}")))?;
        let header = wire::basic(&client, user, password)
            .ok_or_else(|| sign_in(place, "client id or secret cannot be sent with HTTP Basic".to_owned()))?;
        // The pair in its encoded form is as good as the secret.
        if let Some(encoded) = header.1.to_str().ok().and_then(|text| text.strip_prefix("Basic ")) {
            self.redactor.hide(&SecretString::from(encoded));
        }
        Ok(header)
    }

    /// A 401 that no renewal mended.
    fn refused(&self, call: &Call, badge: &Badge<'_>, answer: &Received, note: &str) -> HttpError {
        let start = self.redactor.excerpt(&answer.body);
        let who = match (&self.credential, badge) {
            (Credential::Constant(_, who), _) => {
                format!("401: {who} was refused; check that it is current and belongs to this account")
            }
            (_, Badge::Token(_)) => {
                "401: a token that was just fetched was refused; check that the credentials belong to this account"
                    .to_owned()
            }
            _ => "401: the API asks for sign-in, and the target has none; add `auth` to it".to_owned(),
        };
        let problem = if start.is_empty() { who } else { format!("{who}; the answer starts: {start}") };
        let problem = problem + note;
        sign_in(&call.place, problem)
    }
}

/// Resolves what is constant. Tokens are fetched when the first request needs one.
fn credential(auth: SignIn, secrets: &dyn SecretResolver, redactor: &Redactor) -> Result<Credential, String> {
    let value = |reference: &SecretRef| {
        let value = secrets.resolve(reference).map_err(|error| error.to_string())?;
        redactor.hide(&value);
        Ok::<_, String>(value)
    };
    let unsendable =
        |reference: &SecretRef| format!("{reference} holds characters that no header can carry; store the bare value");
    match auth {
        SignIn::None => Ok(Credential::None),
        SignIn::Bearer(reference) => {
            let header = bearer(&value(&reference)?).ok_or_else(|| unsendable(&reference))?;
            Ok(Credential::Constant(header, format!("the token {reference}")))
        }
        SignIn::ApiKey(reference) => {
            let header = header(HeaderName::from_static("x-api-key"), value(&reference)?.expose_secret());
            Ok(Credential::Constant(header.ok_or_else(|| unsendable(&reference))?, format!("the API key {reference}")))
        }
        SignIn::Fixed(token) => {
            redactor.hide(&token);
            let header = bearer(&token).ok_or("the token holds characters that no header can carry")?;
            Ok(Credential::Constant(header, "the built-in token".to_owned()))
        }
        SignIn::Exchange(exchange) => Ok(Credential::Tokens(Tokens::new(exchange))),
    }
}

fn bearer(token: &SecretString) -> Option<AuthHeader> {
    header(AUTHORIZATION, &format!("Bearer {}", token.expose_secret()))
}

/// A header that neither logs nor HTTP/2's compression tables keep.
fn header(name: HeaderName, text: &str) -> Option<AuthHeader> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

fn place(method: &Method, url: &Url) -> Box<str> {
    format!("{method} {} at {}", url.path(), host_and_port(url)).into()
}

fn not_sent(place: &str, problem: String) -> HttpError {
    HttpError::NotSent { place: place.into(), problem: problem.into(), maybe_done: false }
}

fn sign_in(place: &str, problem: String) -> HttpError {
    HttpError::SignIn { place: place.into(), problem: problem.into(), maybe_done: false }
}

fn stopped(call: &Call, maybe_done: bool) -> HttpError {
    HttpError::Stopped { place: call.place.clone(), problem: "its turn had not come".into(), maybe_done }
}

/// A longer error body is no sentence with something around it.
const LONGEST_SENTENCE: usize = 64 * 1024;

/// The sentence that an error body holds where it is JSON with one, such as `{"detail": "… is in maintenance mode"}`
/// (apis/partium.md: Maintenance); else the body as it is.
fn sentence(body: &[u8]) -> Cow<'_, [u8]> {
    if body.len() > LONGEST_SENTENCE {
        return Cow::Borrowed(body);
    }
    let text = serde_json::from_slice::<serde_json::Value>(body).ok().and_then(|json| {
        let text = ["detail", "message"].into_iter().find_map(|field| json.get(field)?.as_str())?;
        (!text.trim().is_empty()).then(|| text.as_bytes().to_vec())
    });
    text.map_or(Cow::Borrowed(body), Cow::Owned)
}

/// A wait that was due and is not begun.
fn unwaited(call: &Call, why: &str, wait: Duration, no_wait: NoWait, maybe_done: bool) -> HttpError {
    let place = call.place.clone();
    let NoWait::Spent(spent) = no_wait else {
        return HttpError::Stopped { place, problem: why.into(), maybe_done };
    };
    let problem = format!(
        "{why}; the next try was due in {:.1} s, and {:.1} s of the retry budget of {:.1} s are used",
        wait.as_secs_f64(),
        spent.waited.as_secs_f64(),
        spent.budget.as_secs_f64()
    );
    HttpError::BudgetSpent { place, problem: problem.into(), maybe_done }
}

/// Whether a parameter of a `Link` header says that a page follows: `rel` holds words, in any case (RFC 8288 section 3.3).
fn is_next_page(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let mut words = value.trim().trim_matches('"').split_ascii_whitespace();
    name.trim().eq_ignore_ascii_case("rel") && words.any(|word| word.eq_ignore_ascii_case("next"))
}
