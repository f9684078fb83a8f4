//! The road of a request: body, fault, sign-in, API, commit, log, latency, answer.
//!
//! Knows which API to ask; knows nothing of rows.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, State},
    http::{Response, StatusCode, header},
};
use bytes::Bytes;
use futures::stream;
use serde_json::Value;

use super::{
    auth::Auth,
    bent,
    canopy::Canopy,
    connection::Cut,
    fault::{self, Fault, Kind},
    log::{Entry, LoggedRequest, Ring},
    partium::Partium,
    semaphor::Semaphor,
    store::{Op, Pending, Store},
    streamline::Streamline,
    time::{Clock, Instant},
    wire::{Answer, Api, Failure, Reply, Request},
    world::World,
};

/// No API takes more; it is read to its end all the same, so that the client gets an answer and no reset.
const MAX_BODY: usize = 64 << 20;
/// Where a `huge` body ends after all.
const HUGE: u64 = 4 << 30;

/// Called for every request, without its body.
pub(super) type LogSink = Box<dyn Fn(&LoggedRequest) + Send + Sync>;

/// All that the requests share.
pub(super) struct App {
    pub world: RwLock<World>,
    pub store: Store,
    pub auth: Auth,
    pub faults: Mutex<Vec<Fault>>,
    pub ring: Ring,
    pub sink: Option<LogSink>,
    pub latency: Duration,
    pub clock: Clock,
    pub payload_limit: usize,
    pub visible: Lag,
    pub limiter: Limiter,
    /// Requests so far, which number the answers.
    pub count: AtomicU64,
    pub under_way: UnderWay,
}

/// Counts the requests that have come and are not answered.
#[derive(Default)]
pub(super) struct UnderWay(AtomicUsize);

impl UnderWay {
    /// One more, until the guard is dropped; gives how many there are.
    fn enter(&self) -> (impl Drop + use<'_>, usize) {
        struct Guard<'a>(&'a AtomicUsize);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        (Guard(&self.0), before + 1)
    }
}

/// Reads that lag behind writes: the state before each recent write.
pub(super) struct Lag {
    pub by: Duration,
    pub past: Mutex<VecDeque<(std::time::Instant, Arc<World>)>>,
}

impl Lag {
    pub(super) fn new(by: Duration) -> Self {
        Self { by, past: Mutex::new(VecDeque::new()) }
    }

    /// The state that a read sees, where that is not the newest.
    fn world(&self) -> Option<Arc<World>> {
        if self.by.is_zero() {
            return None;
        }
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        while past.front().is_some_and(|(written, _)| written.elapsed() >= self.by) {
            past.pop_front();
        }
        past.front().map(|(_, world)| Arc::clone(world))
    }

    fn remember(&self, before: World) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.push_back((std::time::Instant::now(), Arc::new(before)));
    }
}

/// Semaphor's requests in the present minute, and its token requests (apis/semaphor.md: Limits).
#[derive(Default)]
pub(super) struct Limiter(Mutex<[Window; 2]>);

#[derive(Default, Clone, Copy)]
struct Window {
    minute: i64,
    used: u32,
}

impl Limiter {
    /// Counts a request. Gives the headers for its answer, and whether it is within the limit.
    fn count(&self, tokens: bool, limit: u32, now: Instant) -> ([(&'static str, String); 3], bool) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = &mut windows[usize::from(tokens)];
        let minute = now.seconds().div_euclid(60);
        if window.minute != minute {
            *window = Window { minute, used: 0 };
        }
        window.used = window.used.saturating_add(1);
        let within = limit == 0 || window.used <= limit;
        let headers = [
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-remaining", limit.saturating_sub(window.used).to_string()),
            ("x-ratelimit-reset", ((minute + 1) * 60).to_string()),
        ];
        (headers, within)
    }
}

/// What goes over the wire.
enum Sent {
    Whole(Reply),
    Half(Reply),
    Drips(Reply, Duration),
    Endless,
    Nothing,
}

pub(super) fn router(app: Arc<App>) -> Router {
    Router::new().fallback(handle).with_state(app)
}

async fn handle(
    State(app): State<Arc<App>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (_under_way, in_flight) = app.under_way.enter();
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY).await;
    let too_large = body.is_err();
    let request =
        Request::new(parts.method, parts.uri.path(), parts.uri.query(), parts.headers, body.unwrap_or_default());
    if too_large {
        return whole(request.api().render(payload_too_large(MAX_BODY), "ok"));
    }
    let fault = {
        let mut faults = app.faults.lock().unwrap_or_else(PoisonError::into_inner);
        fault::take(&mut faults, request.method.as_str(), &request.segments())
    };
    if let Some(Kind::Late(by)) = &fault {
        later(Arc::clone(&app), &request, *by);
    }
    let (mut sent, delay) = app.outcome(&request, fault).await;
    let request_id = format!("req-{}", app.count.fetch_add(1, Ordering::Relaxed) + 1);
    if let Sent::Whole(reply) | Sent::Half(reply) | Sent::Drips(reply, _) = &mut sent {
        reply.headers.push(("x-request-id", request_id.clone()));
    }
    app.log(&request, &sent, request_id, in_flight);
    let delay = app.latency + delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match sent {
        Sent::Whole(reply) => whole(reply),
        Sent::Half(reply) => half(reply),
        Sent::Drips(reply, each) => drips(reply, each),
        Sent::Endless => endless(),
        Sent::Nothing => {
            cut.cut();
            whole(Reply::empty(500)) // never leaves: the connection is cut
        }
    }
}

/// Executes a request some time after it was answered, as a server does behind a gateway that gave up on it.
fn later(app: Arc<App>, request: &Request, by: Duration) {
    let (method, headers, body) = (request.method.clone(), request.headers.clone(), request.body.clone());
    let request = Request::new(method, &request.path, request.raw_query.as_deref(), headers, body);
    tokio::spawn(async move {
        tokio::time::sleep(by).await;
        app.execute(&request).await;
    });
}

impl App {
    /// What is sent, after the fault had its way, and how much later.
    async fn outcome(&self, request: &Request, fault: Option<Kind>) -> (Sent, Duration) {
        let at_once = |sent| (sent, Duration::ZERO);
        match fault {
            None => at_once(Sent::Whole(self.execute(request).await)),
            Some(Kind::Status { code, retry_after, body }) => {
                at_once(Sent::Whole(self.refusal(request, code, retry_after, body)))
            }
            Some(Kind::DropBefore) => at_once(Sent::Nothing),
            Some(Kind::DropAfter) => {
                self.execute(request).await;
                at_once(Sent::Nothing)
            }
            Some(Kind::Truncate) => at_once(Sent::Half(self.execute(request).await)),
            Some(Kind::Garbage) => at_once(Sent::Whole(Reply::text(
                200,
                "text/html; charset=utf-8",
                "<!doctype html><html><head><title>Sign in</title></head><body><h1>Welcome</h1></body></html>",
            ))),
            Some(Kind::Huge) => at_once(Sent::Endless),
            Some(Kind::Drip(each)) => at_once(Sent::Drips(self.execute(request).await, each)),
            Some(Kind::Slow(delay)) => (Sent::Whole(self.execute(request).await), delay),
            Some(Kind::Redirect(url)) => {
                let mut reply = Reply::empty(307);
                reply.headers.push(("location", url));
                at_once(Sent::Whole(reply))
            }
            Some(Kind::StuckCursor) => at_once(Sent::Whole(bent::stuck(request, self.execute(request).await))),
            Some(Kind::Envelope(code)) => at_once(Sent::Whole(self.envelope(request, code))),
            Some(Kind::Contradict) => at_once(Sent::Whole(bent::contradicting(self.execute(request).await))),
            Some(Kind::Pretend) => at_once(Sent::Whole(self.pretend(request))),
            Some(Kind::RolledBack) => match bent::first_is_bad(request, None) {
                Some(reply) => at_once(Sent::Whole(reply)),
                None => at_once(Sent::Whole(self.execute(request).await)),
            },
            Some(Kind::Optimistic) => match bent::first_is_bad(request, Some(&self.pretend(request))) {
                Some(reply) => at_once(Sent::Whole(reply)),
                None => at_once(Sent::Whole(self.execute(request).await)),
            },
            // `handle` executes it later.
            Some(Kind::Late(_)) => at_once(Sent::Whole(Reply::text(
                504,
                "text/html; charset=utf-8",
                "<!doctype html><html><head><title>504 Gateway Time-out</title></head><body></body></html>",
            ))),
            Some(Kind::StatusAfter(code)) => {
                self.execute(request).await;
                at_once(Sent::Whole(self.refusal(request, code, None, None)))
            }
        }
    }

    fn refusal(&self, request: &Request, code: u16, retry_after: Option<String>, body: Option<String>) -> Reply {
        let mut reply = match body {
            Some(text) if serde_json::from_str::<Value>(&text).is_ok() => Reply::text(code, "application/json", text),
            Some(text) => Reply::text(code, "text/plain; charset=utf-8", text),
            None => {
                let reason = StatusCode::from_u16(code).ok().and_then(|code| code.canonical_reason());
                self.render(request, Failure::new(code, "fault", reason.unwrap_or("as was asked for")))
            }
        };
        reply.headers.extend(retry_after.map(|wait| ("retry-after", wait)));
        reply
    }

    fn envelope(&self, request: &Request, code: u16) -> Reply {
        let world = self.world.read().unwrap_or_else(PoisonError::into_inner);
        bent::envelope(request, world.semaphor.flag(&request.segments()), code)
    }

    /// The answer that a request would get, of a state that stays as it is.
    fn pretend(&self, request: &Request) -> Reply {
        let now = self.clock.now();
        let api = request.api();
        let answer = self.admit(api, request, now).and_then(|key| {
            let mut world = self.world.read().unwrap_or_else(PoisonError::into_inner).clone();
            match is_read(api, request) {
                true => read(&world, api, request, key.as_deref(), now),
                false => write(&mut world, api, request, key.as_deref(), now, &mut Vec::new()),
            }
        });
        answer.unwrap_or_else(|failure| self.render(request, failure))
    }

    fn render(&self, request: &Request, failure: Failure) -> Reply {
        let flag = self.world.read().unwrap_or_else(PoisonError::into_inner).semaphor.flag(&request.segments());
        request.api().render(failure, flag)
    }

    /// Does what a request asks for, and has it on disk before it is answered.
    async fn execute(&self, request: &Request) -> Reply {
        let now = self.clock.now();
        let (limits, within) = self.count(request, now);
        let (answer, pending) = if within { self.run(request, now) } else { (Err(too_many()), None) };
        let committed = match pending {
            Some(pending) => pending.committed().await,
            None => Ok(()),
        };
        let mut reply = match (committed, answer) {
            (Ok(()), Ok(reply)) => reply,
            (Ok(()), Err(failure)) => self.render(request, failure),
            (Err(message), _) => self
                .render(request, Failure::new(500, "internal", format!("the state could not be written: {message}"))),
        };
        reply.headers.extend(limits);
        reply
    }

    fn count(&self, request: &Request, now: Instant) -> (Vec<(&'static str, String)>, bool) {
        if request.api() != Api::Semaphor {
            return (Vec::new(), true);
        }
        let tokens = is_project_token(request);
        let (requests, token_requests) = self.world.read().unwrap_or_else(PoisonError::into_inner).semaphor.limits();
        let (headers, within) = self.limiter.count(tokens, if tokens { token_requests } else { requests }, now);
        (headers.into(), within)
    }

    fn run(&self, request: &Request, now: Instant) -> (Answer, Option<Pending>) {
        let api = request.api();
        if api == Api::None {
            return (Err(Failure::no_route()), None);
        }
        if api == Api::Token {
            return (self.auth.client_token(request, now), None);
        }
        if is_project_token(request) {
            let token = self.auth.project_token(request, now);
            let world = self.world.read().unwrap_or_else(PoisonError::into_inner);
            return (token.map(|token| world.semaphor.token_answer(&token)), None);
        }
        let key = match self.admit(api, request, now) {
            Ok(key) => key,
            Err(failure) => return (Err(failure), None),
        };
        if api == Api::Partium && request.body.len() > self.payload_limit {
            return (Err(payload_too_large(self.payload_limit)), None);
        }
        if is_read(api, request) {
            let old = self.visible.world();
            let answer = match &old {
                Some(world) => read(world, api, request, key.as_deref(), now),
                None => {
                    let world = self.world.read().unwrap_or_else(PoisonError::into_inner);
                    read(&world, api, request, key.as_deref(), now)
                }
            };
            return (answer, None);
        }
        let (answer, pending) = self.write(api, request, key.as_deref(), now);
        (answer, Some(pending))
    }

    fn admit(&self, api: Api, request: &Request, now: Instant) -> Result<Option<String>, Failure> {
        let world = self.world.read().unwrap_or_else(PoisonError::into_inner);
        self.auth.admit(api, request, now, |key| world.canopy.has_key(key))
    }

    fn write(&self, api: Api, request: &Request, key: Option<&str>, now: Instant) -> (Answer, Pending) {
        let mut ops = Vec::new();
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        let before = (!self.visible.by.is_zero()).then(|| world.clone());
        let answer = write(&mut world, api, request, key, now, &mut ops);
        if let Some(before) = before
            && !ops.is_empty()
        {
            self.visible.remember(before);
        }
        // Queued under the lock, so that the file sees the writes in the order of the memory.
        let pending = self.store.write(ops);
        (answer, pending)
    }

    fn log(&self, request: &Request, sent: &Sent, request_id: String, in_flight: usize) {
        let status = match sent {
            Sent::Whole(reply) | Sent::Half(reply) | Sent::Drips(reply, _) => reply.status,
            Sent::Endless => 200,
            Sent::Nothing => 0,
        };
        let secret = request.api() == Api::Token || is_project_token(request);
        let entry = Entry {
            method: request.method.to_string(),
            path: request.path.clone(),
            query: request.raw_query.clone(),
            body: if secret { Bytes::new() } else { request.body.clone() },
            status,
            request_id,
            in_flight,
        };
        if let Some(sink) = &self.sink {
            sink(&entry.head());
        }
        self.ring.push(entry);
    }
}

fn is_project_token(request: &Request) -> bool {
    request.segments() == ["api", "v1", "token"]
}

fn is_read(api: Api, request: &Request) -> bool {
    match api {
        Api::Partium => Partium::is_read(request),
        Api::Streamline => Streamline::is_read(request),
        Api::Semaphor => Semaphor::is_read(request),
        Api::Canopy => Canopy::is_read(request),
        Api::Token | Api::None => false,
    }
}

fn read(world: &World, api: Api, request: &Request, key: Option<&str>, now: Instant) -> Answer {
    match api {
        Api::Partium => world.partium.read(request),
        Api::Streamline => world.streamline.read(request),
        Api::Semaphor => world.semaphor.read(request),
        Api::Canopy => world.canopy.read(request, key, now),
        Api::Token | Api::None => Err(Failure::no_route()),
    }
}

fn write(world: &mut World, api: Api, request: &Request, key: Option<&str>, now: Instant, ops: &mut Vec<Op>) -> Answer {
    match api {
        Api::Partium => world.partium.write(request, ops),
        Api::Streamline => world.streamline.write(request, ops),
        Api::Semaphor => world.semaphor.write(request, now, ops),
        Api::Canopy => world.canopy.write(request, key, now, ops),
        Api::Token | Api::None => Err(Failure::no_route()),
    }
}

fn payload_too_large(limit: usize) -> Failure {
    Failure::new(413, "payload_too_large", format!("the payload is over {limit} bytes"))
}

fn too_many() -> Failure {
    Failure::new(429, "rate_limited", "too many requests in this minute")
}

fn head(reply: &Reply) -> axum::http::response::Builder {
    let mut head = Response::builder().status(reply.status);
    if let Some(kind) = reply.content_type {
        head = head.header(header::CONTENT_TYPE, kind);
    }
    reply.headers.iter().fold(head, |head, (name, value)| head.header(*name, value))
}

fn whole(reply: Reply) -> Response<Body> {
    let head = head(&reply);
    // Statuses and header values are our own or were checked when they were parsed.
    head.body(Body::from(reply.body)).unwrap_or_default()
}

/// Half the body under the length of the whole, then an error, on which the connection is closed.
fn half(reply: Reply) -> Response<Body> {
    let head = head(&reply).header(header::CONTENT_LENGTH, reply.body.len());
    let first = reply.body.slice(..reply.body.len() / 2);
    let parts = stream::unfold(Some(first), |part| async move {
        match part {
            Some(part) if part.is_empty() => Some((Err(std::io::ErrorKind::ConnectionAborted), None)),
            Some(part) => Some((Ok(part), Some(Bytes::new()))),
            None => None,
        }
    });
    // The pause lets the first half reach the wire before the connection ends.
    let parts = futures::StreamExt::then(parts, |part| async move {
        if part.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        part.map_err(std::io::Error::from)
    });
    head.body(Body::from_stream(parts)).unwrap_or_default()
}

/// The body a byte at a time: a client that only waits for the next byte waits for long.
fn drips(reply: Reply, each: Duration) -> Response<Body> {
    let head = head(&reply).header(header::CONTENT_LENGTH, reply.body.len());
    let bytes = stream::unfold(reply.body, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(each).await;
        let first = rest.split_to(1);
        Some((Ok::<_, std::io::Error>(first), rest))
    });
    head.body(Body::from_stream(bytes)).unwrap_or_default()
}

fn endless() -> Response<Body> {
    let chunk = Bytes::from(vec![b'x'; 64 << 10]);
    let parts = stream::unfold(0_u64, move |sent| {
        let part = match sent {
            0 => Some(Bytes::from_static(b"{\"filler\":\"")),
            1..HUGE => Some(chunk.clone()),
            HUGE => Some(Bytes::from_static(b"\"}")),
            _ => None,
        };
        async move {
            let part = part?;
            let next = if sent < HUGE { (sent + part.len() as u64).min(HUGE) } else { HUGE + 1 };
            Some((Ok::<_, std::io::Error>(part), next))
        }
    });
    let head = Response::builder().status(200).header(header::CONTENT_TYPE, "application/json");
    head.body(Body::from_stream(parts)).unwrap_or_default()
}
