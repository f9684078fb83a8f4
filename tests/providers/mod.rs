//! The providers against the sandbox: two independent readings of the same contracts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod canopy;
mod partium;
mod semaphor;
mod server;
mod streamline;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use assignctl::http::{Client, Config, HostPolicy, SignIn};
use assignctl::model::{
    Action, Auth, Batch, Change, Endpoint, Fields, Ids, Key, Limits, Live, Origin, PartScope, ReadRequest,
    ResolveError, Route, Scope, SecretRef, SecretResolver, SecretString, Snapshot, Sym, Target, Value, WriteOutcome,
};
use assignctl::provider::{Connection, ReadError};
use assignctl::sandbox::{Options, Running, Seed, start};

/// A provider's `connect`.
type Connect = fn(&Target, Client, Arc<Ids>, Arc<dyn SecretResolver>) -> Connection;

/// One target on a sandbox of its own.
struct Account {
    sandbox: Running,
    ids: Arc<Ids>,
    connection: Connection,
}

/// The value of `x` is `x-value`.
struct Names;

impl SecretResolver for Names {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ResolveError> {
        match reference {
            SecretRef::Env(name) | SecretRef::File(name) => Ok(SecretString::from(format!("{name}-value"))),
        }
    }
}

async fn sandbox(seed: &str) -> Running {
    start(Options { seed: Some(Seed::parse(seed).unwrap()), ..Options::default() }).await.unwrap()
}

fn target(provider: &'static str, auth: Option<Auth>, options: Vec<(&'static str, Value)>) -> Target {
    Target {
        name: "test".to_owned(),
        labels: Vec::new(),
        provider,
        endpoint: Endpoint::Sandbox,
        auth,
        limits: Limits {
            concurrency: 8,
            requests_per_second: None,
            batch_size: 500,
            page_size: 3,
            timeout: Duration::from_secs(30),
            retry_budget: Duration::from_secs(2),
        },
        account: Vec::new(),
        options: Fields::new(options),
        origin: Origin::default(),
    }
}

impl Account {
    fn of(sandbox: Running, target: &Target, sign_in: SignIn, connect: Connect) -> Self {
        let ids = Arc::new(Ids::default());
        let client = Client::new(Config {
            base_url: sandbox.url().parse().unwrap(),
            auth: sign_in,
            limits: &target.limits,
            secrets: Arc::new(Names),
            allowed: HostPolicy::new("vendor.invalid", [""; 0]),
            extra_roots: Vec::new(),
        })
        .unwrap();
        let connection = connect(target, client, Arc::clone(&ids), Arc::new(Names));
        Self { sandbox, ids, connection }
    }

    fn fault(&self, text: &str) {
        self.sandbox.add_fault(text.parse().unwrap());
    }

    /// Method and path of what was asked since the last call.
    fn asked(&self) -> Vec<String> {
        let lines = self.sandbox.requests().iter().map(|r| format!("{} {}", r.method, r.path)).collect();
        self.sandbox.clear_requests();
        lines
    }

    /// A key from `a/b/c`; an empty part is none.
    fn key(&self, key: &str) -> Key {
        Key::new(&key.split('/').map(|part| self.ids.sym(part)).collect::<Vec<Sym>>())
    }

    fn key_text(&self, key: &Key, parts: usize) -> String {
        (0..parts).map(|part| self.ids.text(key.part(part)).to_string()).collect::<Vec<_>>().join("/")
    }

    /// Parts as lists of ids; an empty list is "any".
    fn scope(&self, parts: &[&[&str]]) -> Scope {
        let mut scope = Scope::default();
        for (slot, ids) in scope.parts.iter_mut().zip(parts) {
            if !ids.is_empty() {
                *slot = PartScope::In(ids.iter().map(|id| self.ids.sym(id)).collect::<BTreeSet<_>>());
            }
        }
        scope
    }

    async fn try_read(&self, scopes: Vec<Scope>, keys: &[&str]) -> Result<Snapshot, ReadError> {
        let keys = keys.iter().map(|key| self.key(key)).collect();
        self.connection.reader.read(&ReadRequest { scopes, keys }).await
    }

    async fn read(&self, scopes: Vec<Scope>, keys: &[&str]) -> Snapshot {
        self.try_read(scopes, keys).await.unwrap()
    }

    fn change(&self, action: Action, key: &str, desired: Vec<(&'static str, Value)>, live: Option<Live>) -> Change {
        Change { action, key: self.key(key), from_key: None, live, desired: Fields::new(desired), differs: Vec::new() }
    }

    async fn write(&self, changes: &[Change]) -> Vec<WriteOutcome> {
        let route = Route { name: "test", group: Sym::NONE, batch: changes.len(), requests: 1 };
        let outcomes = self.connection.writer.write(&Batch { route, changes: changes.iter().collect() }).await;
        assert_eq!(outcomes.len(), changes.len());
        outcomes
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn json(value: serde_json::Value) -> Value {
    Value::Json(Box::new(value))
}

fn own_token() -> SignIn {
    SignIn::Fixed(SecretString::from("sandbox"))
}
