//! A scripted API on loopback for the providers' tests: it answers what a function says, and remembers what was asked.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value as Json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::http::{Client, Config, HostPolicy, SignIn};
use crate::model::{Endpoint, Fields, Limits, ResolveError, SecretRef, SecretResolver, SecretString, Target, Value};

/// A request as it came.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    /// Method and path, such as `GET /v2/clients`.
    pub line: String,
    /// The body; null without one.
    pub body: Json,
}

/// What to answer.
pub(super) enum Reply {
    /// A status and a JSON body.
    Json(u16, Json),
    /// A status and an HTML body.
    Html(u16, &'static str),
    /// Nothing: the connection is closed after the request was read.
    Drop,
}

type Script = dyn FnMut(&Asked) -> Reply + Send;

/// The running API.
pub(super) struct Fake {
    addr: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Starts an API that answers with a function.
    pub async fn start(script: impl FnMut(&Asked) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Mutex<Box<Script>>> = Arc::new(Mutex::new(Box::new(script)));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, script) = (Arc::clone(&log), Arc::clone(&script));
                tokio::spawn(async move { serve(stream, &log, &script).await });
            }
        });
        Self { addr, asked }
    }

    /// Starts an API that gives one answer after the other, and 599 when they are used up.
    pub async fn answers(replies: Vec<Reply>) -> Self {
        let mut replies = replies.into_iter();
        Self::start(move |_| replies.next().unwrap_or(Reply::Html(599, "the script has ended"))).await
    }

    /// Everything asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Methods and paths asked so far.
    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// A target of this API, with options as they come from a manifest.
    pub fn target(&self, provider: &'static str, options: Vec<(&'static str, Value)>) -> Target {
        Target {
            name: "t".to_owned(),
            labels: Vec::new(),
            provider,
            endpoint: Endpoint::Url(format!("http://{}", self.addr)),
            auth: None,
            limits: Limits {
                concurrency: 4,
                requests_per_second: None,
                batch_size: 500,
                page_size: 2,
                timeout: Duration::from_secs(20),
                retry_budget: Duration::from_secs(20),
            },
            account: Vec::new(),
            options: Fields::new(options),
            origin: crate::model::Origin::default(),
        }
    }

    /// A client for a target, signed in with the token `canary`.
    pub fn client(&self, target: &Target) -> Client {
        Client::new(Config {
            base_url: format!("http://{}", self.addr).parse().unwrap(),
            auth: SignIn::Fixed(SecretString::from("canary")),
            limits: &target.limits,
            secrets: Arc::new(NoSecrets),
            allowed: HostPolicy::new("vendor.invalid", [""; 0]),
            extra_roots: Vec::new(),
        })
        .unwrap()
    }
}

/// A resolver without secrets.
pub(super) struct NoSecrets;

impl SecretResolver for NoSecrets {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ResolveError> {
        Err(ResolveError::EnvMissing(reference.to_string()))
    }
}

/// One request a connection: the next one finds a new connection.
async fn serve(mut stream: TcpStream, log: &Mutex<Vec<Asked>>, script: &Mutex<Box<Script>>) {
    let Some(asked) = request(&mut stream).await else { return };
    log.lock().unwrap().push(asked.clone());
    let reply = (script.lock().unwrap())(&asked);
    let (status, kind, body) = match reply {
        Reply::Json(status, body) => (status, "application/json", body.to_string()),
        Reply::Html(status, body) => (status, "text/html", body.to_owned()),
        Reply::Drop => return,
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all((head + &body).as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn request(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    while bytes.len() < head_end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = serde_json::from_slice(&bytes[head_end + 4..]).unwrap_or(Json::Null);
    let line = head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned();
    Some(Asked { line, body })
}
