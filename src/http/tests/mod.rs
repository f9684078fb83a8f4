//! The client against small loopback servers that answer what each test says, byte for byte where it matters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod hosts;
mod limits;
mod retries;
mod secrets;
mod server;
mod sign_in;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::client::Tuning;
use super::pace::Backoff;
use super::{Client, Config, HostPolicy, HttpError, Path, Request, SignIn};
use crate::model::{Limits, ResolveError, SecretRef, SecretResolver, Stop};

/// Stands for every secret; it must never be seen in any text. The quote makes sure that escaped forms are found too.
const CANARY: &str = "canary-\"5f1e-tweet";

/// Knows `TOKEN`, `ID` and `SECRET`; all else is unset.
struct Secrets;

impl SecretResolver for Secrets {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ResolveError> {
        match reference {
            SecretRef::Env(name) if matches!(&**name, "TOKEN" | "SECRET") => Ok(CANARY.into()),
            SecretRef::Env(name) if &**name == "ID" => Ok("app-7".into()),
            SecretRef::Env(name) => Err(ResolveError::EnvMissing(name.to_string())),
            SecretRef::File(path) => Err(ResolveError::NoSecretsDir(path.to_string())),
        }
    }
}

fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.into())
}

/// A client to be, with limits small enough for tests.
struct Setup {
    base: Url,
    auth: SignIn,
    limits: Limits,
    allowed: Vec<&'static str>,
    roots: Vec<Vec<u8>>,
    tuning: Tuning,
    stop: Stop,
}

impl Setup {
    fn to(base: &Url) -> Self {
        let backoff = Backoff { first: Duration::from_millis(2), longest: Duration::from_millis(8) };
        Self {
            base: base.clone(),
            auth: SignIn::Bearer(env("TOKEN")),
            limits: Limits {
                concurrency: 4,
                requests_per_second: None,
                batch_size: 100,
                page_size: 100,
                timeout: Duration::from_secs(5),
                retry_budget: Duration::from_secs(20),
                settle_timeout: Limits::SETTLE_TIMEOUT,
            },
            allowed: Vec::new(),
            roots: Vec::new(),
            tuning: Tuning { backoff, ..Tuning::default() },
            stop: Stop::default(),
        }
    }

    fn auth(mut self, auth: SignIn) -> Self {
        self.auth = auth;
        self
    }

    fn budget(mut self, budget: Duration) -> Self {
        self.limits.retry_budget = budget;
        self
    }

    fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    fn stopped_by(mut self, stop: &Stop) -> Self {
        self.stop = stop.clone();
        self
    }

    fn build(self) -> Result<Client, HttpError> {
        let config = Config {
            base_url: self.base,
            auth: self.auth,
            limits: &self.limits,
            secrets: Arc::new(Secrets),
            allowed: HostPolicy::new("api.vendor.example", self.allowed),
            extra_roots: self.roots,
            stop: self.stop,
        };
        Client::tuned(config, self.tuning)
    }

    fn client(self) -> Client {
        self.build().expect("a client")
    }
}

fn read() -> Request {
    Request::get(Path::new("/things"))
}

fn write() -> Request {
    Request::post(Path::new("/things")).json(&serde_json::json!({"a": 1}))
}

#[test]
fn what_providers_hold_across_awaits_can_move_between_threads() {
    fn moves<T: Send>(_: T) {}
    let client = Setup::to(&"http://127.0.0.1:1".parse().unwrap()).client();
    moves(client.send(read()));
    moves(client);
}
