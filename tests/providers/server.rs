//! Providers against the embedded server: both sides are read from the same contracts, by themselves.

pub(super) use std::sync::Arc;
pub(super) use std::time::Duration;

pub(super) use assignctl::http::{Client, Config, HostPolicy, SignIn};
pub(super) use assignctl::model::{
    Action, Auth, Batch, Change, Endpoint, Fields, Ids, Key, Limits, Live, Origin, ReadRequest, ResolveError, Route,
    SecretRef, SecretResolver, SecretString, Snapshot, Sym, Target, Value, WriteOutcome,
};
pub(super) use assignctl::provider::Connection;
pub(super) use assignctl::sandbox::{self, LoggedRequest, Options, Running, Seed};

/// Gives every reference its own name as its value.
pub(super) struct Names;

impl SecretResolver for Names {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ResolveError> {
        match reference {
            SecretRef::Env(name) | SecretRef::File(name) => Ok(SecretString::from(name.to_string())),
        }
    }
}

pub(super) async fn start(seed: &str) -> Running {
    let seed = Some(Seed::parse(seed).unwrap());
    sandbox::start(Options { seed, ..Options::default() }).await.unwrap()
}

pub(super) fn target(provider: &'static str, auth: Auth, options: &[(&'static str, &str)]) -> Target {
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
        },
        account: Vec::new(),
        options: Fields::new(options.iter().map(|(name, value)| (*name, Value::Text((*value).into()))).collect()),
        origin: Origin::default(),
    }
}

pub(super) fn bearer() -> Auth {
    Auth::Bearer(SecretRef::Env("sandbox".into()))
}

pub(super) fn client(target: &Target, server: &Running, auth: SignIn) -> Client {
    let config = Config {
        base_url: server.url().parse().unwrap(),
        auth,
        limits: &target.limits,
        secrets: Arc::new(Names),
        allowed: HostPolicy::new("vendor.example", Vec::<String>::new()),
        extra_roots: Vec::new(),
    };
    Client::new(config).unwrap()
}

/// A provider connected to a server, with its ids.
pub(super) struct Side {
    pub(super) connection: Connection,
    pub(super) ids: Arc<Ids>,
}

impl Side {
    pub(super) async fn read(&self) -> Snapshot {
        self.connection.reader.read(&ReadRequest::default()).await.unwrap()
    }

    /// The live row of a key, if there is one.
    pub(super) async fn live(&self, key: &[&str]) -> Option<Live> {
        let key = self.key(key);
        self.read().await.rows.into_iter().find(|row| row.key == key)
    }

    pub(super) fn key(&self, parts: &[&str]) -> Key {
        Key::new(&parts.iter().map(|part| self.ids.sym(part)).collect::<Vec<_>>())
    }

    pub(super) fn create(&self, key: &[&str], desired: Vec<(&'static str, Value)>) -> Change {
        Change {
            action: Action::Create,
            key: self.key(key),
            from_key: None,
            live: None,
            differs: desired.iter().map(|(name, _)| *name).collect(),
            desired: Fields::new(desired),
        }
    }

    pub(super) async fn update(&self, key: &[&str], desired: Vec<(&'static str, Value)>) -> Change {
        Change { action: Action::Update, live: self.live(key).await, ..self.create(key, desired) }
    }

    pub(super) async fn remove(&self, key: &[&str]) -> Change {
        Change { action: Action::Remove, live: self.live(key).await, ..self.create(key, vec![]) }
    }

    pub(super) async fn write(&self, size: usize, changes: &[Change]) -> Vec<WriteOutcome> {
        let route = Route { name: "as planned", group: Sym::NONE, batch: size, requests: 1 };
        self.connection.writer.write(&Batch { route, changes: changes.iter().collect() }).await
    }

    pub(super) async fn write_one(&self, change: Change) -> WriteOutcome {
        self.write(1, &[change]).await.remove(0)
    }
}

/// Method and last path segment of the writes among logged requests.
pub(super) fn writes(requests: &[LoggedRequest]) -> Vec<String> {
    let writes = requests.iter().filter(|request| request.method != "GET");
    writes.map(|request| format!("{} {}", request.method, request.path.rsplit('/').next().unwrap_or(""))).collect()
}
