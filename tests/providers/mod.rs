//! Providers against the embedded server: both sides are read from the same contracts, by themselves.

#![allow(clippy::unwrap_used, clippy::panic)]

mod account;
mod canopy;
mod partium;
mod semaphor;
mod streamline;

use std::sync::Arc;
use std::time::Duration;

use assignctl::http::{Client, Config, HostPolicy, SignIn};
use assignctl::model::{
    Action, Auth, Batch, Change, Endpoint, Fields, Ids, Key, Limits, Live, Origin, ReadRequest, ResolveError,
    SecretRef, SecretResolver, SecretString, Snapshot, Target, Value, WriteOutcome,
};
use assignctl::provider::{self, Connection};
use assignctl::sandbox::{self, LoggedRequest, Options, Running, Seed};

/// Gives every reference its own name as its value.
struct Names;

impl SecretResolver for Names {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ResolveError> {
        match reference {
            SecretRef::Env(name) | SecretRef::File(name) => Ok(SecretString::from(name.to_string())),
        }
    }
}

async fn start(seed: &str) -> Running {
    let seed = Some(Seed::parse(seed).unwrap());
    sandbox::start(Options { seed, ..Options::default() }).await.unwrap()
}

fn target(provider: &'static str, auth: Auth, options: &[(&'static str, &str)]) -> Target {
    Target {
        name: "t".to_owned(),
        labels: Vec::new(),
        provider,
        endpoint: Endpoint::Sandbox,
        auth: Some(auth),
        limits: Limits {
            concurrency: 8,
            requests_per_second: None,
            batch_size: 100,
            page_size: 100,
            timeout: Duration::from_secs(10),
            retry_budget: Duration::from_secs(10),
            settle_timeout: Duration::from_millis(100),
        },
        account: Vec::new(),
        options: Fields::new(options.iter().map(|(name, value)| (*name, Value::Text((*value).into()))).collect()),
        own: None,
        origin: Origin::default(),
    }
}

fn bearer() -> Auth {
    Auth::Bearer(SecretRef::Env("sandbox".into()))
}

fn client(target: &Target, server: &Running, auth: SignIn) -> Client {
    let config = Config {
        base_url: server.url().parse().unwrap(),
        auth,
        limits: &target.limits,
        secrets: Arc::new(Names),
        allowed: HostPolicy::new("vendor.example", Vec::<String>::new()),
        extra_roots: Vec::new(),
        stop: Default::default(),
    };
    Client::new(config).unwrap()
}

/// A provider connected to a server, with its ids.
struct Side {
    target: Target,
    connection: Connection,
    ids: Arc<Ids>,
}

impl Side {
    async fn read(&self) -> Snapshot {
        self.connection.reader.read(&ReadRequest::default()).await.unwrap()
    }

    /// The live row of a key, if there is one.
    async fn live(&self, key: &[&str]) -> Option<Live> {
        let key = self.key(key);
        self.read().await.rows.into_iter().find(|row| row.key == key)
    }

    fn key(&self, parts: &[&str]) -> Key {
        Key::new(&parts.iter().map(|part| self.ids.sym(part)).collect::<Vec<_>>())
    }

    fn create(&self, key: &[&str], desired: Vec<(&'static str, Value)>) -> Change {
        Change {
            action: Action::Create,
            key: self.key(key),
            from_key: None,
            live: None,
            differs: desired.iter().map(|(name, _)| *name).collect(),
            desired: Fields::new(desired),
        }
    }

    async fn update(&self, key: &[&str], desired: Vec<(&'static str, Value)>) -> Change {
        Change { action: Action::Update, live: self.live(key).await, ..self.create(key, desired) }
    }

    async fn remove(&self, key: &[&str]) -> Change {
        Change { action: Action::Remove, live: self.live(key).await, ..self.create(key, vec![]) }
    }

    /// Writes changes by the route that is planned for the first of them, with batches of this size.
    async fn write(&self, size: usize, changes: &[Change]) -> Vec<WriteOutcome> {
        let plan = provider::find(self.target.provider).unwrap().kind.capabilities.route;
        let limits = Limits { batch_size: size, ..self.target.limits.clone() };
        let route = plan(&changes[0], &limits, &self.target.options);
        self.connection.writer.write(&Batch { route, changes: changes.iter().collect() }).await
    }

    async fn write_one(&self, change: Change) -> WriteOutcome {
        self.write(1, &[change]).await.remove(0)
    }
}

/// Method and last path segment of the writes among logged requests.
fn writes(requests: &[LoggedRequest]) -> Vec<String> {
    let writes = requests.iter().filter(|request| request.method != "GET");
    writes.map(|request| format!("{} {}", request.method, request.path.rsplit('/').next().unwrap_or(""))).collect()
}
