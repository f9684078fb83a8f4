//! The four APIs, embedded: an HTTP server on a loopback port that implements the contracts in full, with its state in one file.
//!
//! It is what `endpoint: sandbox` and `assignctl sandbox` serve, and what the tests run against. It is a second reading of the
//! contracts, so it shares no request or response type with the providers and imports nothing of theirs.
//!
//! All four APIs answer on one port; their paths do not collide. A write is on disk before it is answered, so the state survives a
//! kill at any moment; a kill in the middle of a write leaves all of it or nothing.

mod auth;
mod bent;
mod canopy;
mod connection;
mod fault;
mod log;
mod partium;
mod seed;
mod semaphor;
mod server;
mod store;
mod streamline;
#[cfg(test)]
mod tests;
mod time;
mod wire;
mod world;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use self::{
    auth::Auth,
    connection::{Cut, Cuttable},
    log::Ring,
    server::{App, Lag, Limiter, LogSink, UnderWay},
    store::Store,
    world::World,
};
pub use self::{
    fault::Fault,
    log::LoggedRequest,
    seed::{
        Assembly, AuthSeed, BulkMode, CanopyAssignment, CanopyEnvironment, CanopyIdentity, CanopyNode, CanopyRole,
        CanopySeed, CatalogStatus, Envelope, InheritedIds, JsonMap, OauthClient, OmittedDates, Organization,
        PartiumAssignment, PartiumSeed, ProjectSecret, ScopeType, Seed, SemaphorActor, SemaphorAssignment,
        SemaphorConnection, SemaphorDefinition, SemaphorProject, SemaphorSeed, StreamlineAssignment, StreamlineClient,
        StreamlineDomain, StreamlineList, StreamlineModel, StreamlineSeed, StreamlineService, StreamlineStatus,
        StreamlineUnlisted, TokenForm,
    },
    time::{Clock, Instant},
};

/// How long a shutdown waits for answers that are on their way.
const GRACE: Duration = Duration::from_secs(2);

/// What can go wrong with the sandbox itself.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the messages say it
pub enum SandboxError {
    #[error("the sandbox listens on loopback addresses only, and {addr} is none; use 127.0.0.1:PORT or [::1]:PORT")]
    NotLoopback { addr: SocketAddr },
    #[error("cannot listen on {addr}: {message}; choose another port, or 0 for any free one")]
    Listen { addr: SocketAddr, message: String },
    #[error("cannot use the sandbox's state file {}: {message}", path.display())]
    State { path: PathBuf, message: String },
    #[error("the sandbox's state file {} is in use by another process; end that one, or name another file", path.display())]
    StateInUse { path: PathBuf },
    #[error("{} is no state file of this version of the sandbox; name another file, or remove it to start anew", path.display())]
    StateFormat { path: PathBuf },
    #[error("the sandbox's state file is damaged in {what}: {message}; remove it to start anew")]
    StateDamaged { what: String, message: String },
    #[error("the seed cannot be used: {message}")]
    Seed { message: String },
    #[error("`{text}` is no fault: {message}; write METHOD PATH=FAULT[:COUNT][@SKIP], such as 'POST /1/**=503:2'")]
    Fault { text: String, message: String },
}

/// Where the state lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// In memory: it ends with the server.
    Memory,
    /// In a database file, which is made where there is none.
    File(PathBuf),
}

/// How to start the sandbox.
pub struct Options {
    /// The address to listen on; port 0 is any free one. Only loopback is accepted.
    pub listen: SocketAddr,
    /// Where the state lives.
    pub state: State,
    /// What a new state starts with. A state file that exists keeps what it holds; only `auth` and the
    /// environments' API keys are taken from the seed at every start, and never kept.
    pub seed: Option<Seed>,
    /// Added to every answer.
    pub latency: Duration,
    /// Answers that go wrong.
    pub faults: Vec<Fault>,
    /// Called with every request, without its body.
    pub log: Option<LogSink>,
    /// How many of the newest requests [`Running::requests`] keeps, with at most 64 MiB of bodies.
    pub log_capacity: usize,
    /// How long a write stays invisible to lists and reads. Each write then copies the state: for small states.
    pub visibility_lag: Duration,
    /// The largest payload that Partium takes, in bytes.
    pub payload_limit: usize,
    /// The clock.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            state: State::Memory,
            seed: None,
            latency: Duration::ZERO,
            faults: Vec::new(),
            log: None,
            log_capacity: 10_000,
            visibility_lag: Duration::ZERO,
            payload_limit: partium::MAX_PAYLOAD,
            clock: Clock::system(),
        }
    }
}

/// Starts the sandbox on the current tokio runtime.
pub async fn start(options: Options) -> Result<Running, SandboxError> {
    let addr = options.listen;
    if !addr.ip().is_loopback() {
        return Err(SandboxError::NotLoopback { addr });
    }
    let seed = options.seed.unwrap_or_default();
    let (world, store) = load(&options.state, &seed, options.clock.now()).await?;
    let listen = |error: std::io::Error| SandboxError::Listen { addr, message: error.to_string() };
    let listener = TcpListener::bind(addr).await.map_err(listen)?;
    let addr = listener.local_addr().map_err(listen)?;
    let app = Arc::new(App {
        world: RwLock::new(world),
        store,
        auth: Auth::new(seed.auth),
        faults: Mutex::new(options.faults),
        ring: Ring::new(options.log_capacity),
        sink: options.log,
        latency: options.latency,
        clock: options.clock,
        payload_limit: options.payload_limit,
        visible: Lag::new(options.visibility_lag),
        limiter: Limiter::default(),
        count: std::sync::atomic::AtomicU64::new(0),
        under_way: UnderWay::default(),
    });
    let service = server::router(Arc::clone(&app)).into_make_service_with_connect_info::<Cut>();
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = axum::serve(Cuttable(listener), service).with_graceful_shutdown(async move {
        // A sender that was dropped means stop, too.
        let _ = stopped.await;
    });
    let task = tokio::spawn(async move { serve.await });
    Ok(Running { addr, app, stop: Some(stop), task: Some(task) })
}

/// The state as the file has it, or as the seed describes it where the state is new.
async fn load(state: &State, seed: &Seed, now: Instant) -> Result<(World, Store), SandboxError> {
    let State::File(path) = state else {
        return Ok((World::from_seed(seed, now)?.0, Store::memory()));
    };
    let (store, contents) = Store::open(path)?;
    if contents.catalogue.is_some() {
        let mut world = World::restore(contents)?;
        world.canopy.bind_keys(&seed.canopy);
        return Ok((world, store));
    }
    let (world, ops) = World::from_seed(seed, now)?;
    // One transaction: a kill leaves a new file or a seeded one, never half a seed.
    let seeded = store.write(ops).committed().await;
    seeded.map_err(|message| SandboxError::State { path: path.clone(), message })?;
    Ok((world, store))
}

/// A sandbox that runs. Dropped, it stops at once; what it answered is on disk.
pub struct Running {
    addr: SocketAddr,
    app: Arc<App>,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<std::io::Result<()>>>,
}

impl Running {
    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL of all four APIs.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The newest requests, oldest first, with their bodies as they were sent.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.app.ring.all()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.app.ring.clear();
    }

    /// The live state in the seed format, sorted, without credentials.
    pub fn dump(&self) -> Result<serde_json::Value, SandboxError> {
        let seed = self.app.world.read().unwrap_or_else(PoisonError::into_inner).dump();
        serde_json::to_value(seed).map_err(|error| SandboxError::Seed { message: error.to_string() })
    }

    /// Adds a fault after those that are there.
    pub fn add_fault(&self, fault: Fault) {
        self.app.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.app.faults.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Stops: answers that are on their way get two seconds, then the state file is closed. An error tells that a write
    /// did not reach the file.
    pub async fn shutdown(mut self) -> Result<(), SandboxError> {
        drop(self.stop.take());
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(GRACE, &mut task).await.is_err()
        {
            task.abort();
        }
        self.app.store.close()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(task) = self.task.take() {
            task.abort();
        }
        // Whoever drops it without a shutdown has no ear for an error.
        let _ = self.app.store.close();
    }
}
