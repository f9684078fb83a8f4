//! The sandbox tried over the wire, API by API.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod canopy;
mod partium;
mod semaphor;
mod server;
mod state;
mod streamline;

use reqwest::{Client, Method, Response};
use serde_json::Value;

use super::{Clock, Instant, Options, Running, Seed, start};

/// The moment at which the tests' clock stands.
const NOW: &str = "2026-06-01T12:00:00Z";

/// A running sandbox and a client that signs in as the default bearer.
struct Api {
    running: Running,
    client: Client,
}

impl Api {
    /// A sandbox with this seed whose clock stands at [`NOW`].
    async fn seeded(seed: &str) -> Self {
        Self::with(Options { seed: Some(Seed::parse(seed).unwrap()), clock: at(NOW), ..Options::default() }).await
    }

    async fn with(options: Options) -> Self {
        Self { running: start(options).await.unwrap(), client: client() }
    }

    /// Status and JSON body of an answer; `Null` where there is no body.
    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        read(self.raw(method, path, body).await).await
    }

    async fn raw(&self, method: &str, path: &str, body: Option<Value>) -> Response {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, self.url(path)).bearer_auth("sandbox");
        match body {
            Some(body) => request.json(&body),
            None => request,
        }
        .send()
        .await
        .unwrap()
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send("GET", path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send("POST", path, Some(body)).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.url())
    }
}

fn client() -> Client {
    // The second call finds the provider installed; that is all that it can fail with.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() })
}

fn at(text: &str) -> Clock {
    Clock::fixed(text.parse().unwrap())
}

/// The texts at a pointer in each element of an array.
fn each<'a>(rows: &'a Value, pointer: &str) -> Vec<&'a str> {
    rows.as_array().unwrap().iter().map(|row| row.pointer(pointer).unwrap().as_str().unwrap()).collect()
}

#[test]
fn an_instant_reads_back_as_it_was_printed() {
    let instant = Instant::parse(NOW).unwrap();
    assert_eq!(Instant::parse(&instant.to_string()).unwrap(), instant);
}
