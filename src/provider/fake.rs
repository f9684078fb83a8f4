//! For tests only: a server on loopback that answers what a test says, for answers that no honest API gives.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use serde_json::Value as Json;

use crate::http::{Client, Config, HostPolicy, SignIn};
use crate::model::{
    Account, Action, Auth, Capabilities, Change, Endpoint, Fields, Ids, Key, Limits, Live, Origin, ResolveError, Route,
    SecretRef, SecretResolver, SecretString, Target, Value,
};

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Method and path, such as `GET /api/v1/assignments/app-wide`.
    pub line: String,
    pub query: BTreeMap<String, String>,
    pub body: Json,
    pub authorization: Option<String>,
    pub api_key: Option<String>,
}

/// What an honest API answers: a status and a JSON body; no body for `Json::Null`.
pub(crate) type Reply = (u16, Json);

/// Everything that can be answered.
#[derive(Clone)]
pub(crate) enum Said {
    /// A status and a JSON body; no body for `Json::Null`.
    Json(u16, Json),
    /// 200, a JSON body and a `Link` to a next page.
    Linked(Json),
    /// 503 that says when to try again: at once.
    Busy(Json),
    /// A status and a page of HTML.
    Html(u16, &'static str),
    /// The request was read, and its answer breaks off.
    Broken,
    /// The request was read, and the connection is closed without an answer.
    Closed,
}

impl From<Reply> for Said {
    fn from((status, body): Reply) -> Self {
        Said::Json(status, body)
    }
}

impl Said {
    fn response(self) -> Response {
        let link = matches!(self, Said::Linked(_)).then_some("<https://elsewhere.invalid/?page=2>; rel=\"next\"");
        let busy = matches!(self, Said::Busy(_));
        let (status, kind, body) = match self {
            Said::Busy(body) => (503, "application/json", Body::from(body.to_string())),
            Said::Linked(body) => (200, "application/json", Body::from(body.to_string())),
            Said::Json(status, Json::Null) => (status, "application/json", Body::empty()),
            Said::Json(status, body) => (status, "application/json", Body::from(body.to_string())),
            Said::Html(status, body) => (status, "text/html", Body::from(body)),
            // Ends the task of this connection, and prints nothing.
            Said::Closed => std::panic::resume_unwind(Box::new("closed")),
            Said::Broken => {
                let end = futures::stream::once(async { Err::<Vec<u8>, _>(std::io::Error::other("broken")) });
                (200, "application/json", Body::from_stream(end))
            }
        };
        let response = Response::builder().status(status).header("content-type", kind);
        let response = if busy { response.header("retry-after", "0") } else { response };
        link.into_iter().fold(response, |response, link| response.header("link", link)).body(body).unwrap()
    }
}

/// The server.
pub(crate) struct Fake {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    /// Starts a server whose answers come from `answer`.
    pub(crate) async fn start<R: Into<Said>>(answer: impl Fn(&Seen) -> R + Clone + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let router = Router::new().fallback(move |request: Request| {
            let (log, answer) = (Arc::clone(&log), answer.clone());
            async move {
                let request = arrived(request).await;
                log.lock().unwrap().push(request.clone());
                answer(&request).into().response()
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, seen, task }
    }

    /// Starts a server that gives one answer after the other, and 599 when they are used up.
    pub(crate) async fn answers(answers: Vec<Said>) -> Self {
        let answers = Arc::new(Mutex::new(answers.into_iter()));
        Self::start(move |_| answers.lock().unwrap().next().unwrap_or(Said::Html(599, "the script has ended"))).await
    }

    /// All requests so far, oldest first.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Method and path of all requests so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

async fn arrived(request: Request) -> Seen {
    let (parts, body) = request.into_parts();
    let header = |name| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes()).into_owned().collect();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Seen {
        line: format!("{} {}", parts.method, parts.uri.path()),
        query,
        body: if body.is_empty() { Json::Null } else { serde_json::from_slice(&body).unwrap() },
        authorization: header("authorization"),
        api_key: header("x-api-key"),
    }
}

/// Gives every reference its own name as its value.
pub(crate) struct Names;

impl SecretResolver for Names {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ResolveError> {
        match reference {
            SecretRef::Env(name) | SecretRef::File(name) => Ok(SecretString::from(name.to_string())),
        }
    }
}

/// A target with these options of its provider.
pub(crate) fn target(provider: &'static str, auth: Auth, options: &[(&'static str, &str)]) -> Target {
    let text = |(name, value): &(&'static str, &str)| (*name, Value::Text((*value).into()));
    Target {
        name: "t".to_owned(),
        labels: Vec::new(),
        provider,
        endpoint: Endpoint::Vendor,
        auth: Some(auth),
        limits: Limits {
            concurrency: 4,
            requests_per_second: None,
            batch_size: 100,
            page_size: 1000,
            timeout: Duration::from_secs(10),
            retry_budget: Duration::ZERO,
            settle_timeout: Duration::from_millis(100),
        },
        account: Vec::<Account>::new(),
        options: Fields::new(options.iter().map(text).collect()),
        own: None,
        origin: Origin::default(),
    }
}

/// A client for a server at `url`.
pub(crate) fn client(target: &Target, url: &str, auth: SignIn) -> Client {
    let config = Config {
        base_url: url.parse().unwrap(),
        auth,
        limits: &target.limits,
        secrets: Arc::new(Names),
        allowed: HostPolicy::new("vendor.example", Vec::<String>::new()),
        extra_roots: Vec::new(),
        stop: Default::default(),
    };
    Client::impatient(config, 1 << 20, Duration::from_millis(1)).unwrap()
}

/// A change of the assignment with these key parts.
pub(crate) fn change(ids: &Ids, action: Action, key: &[&str], desired: Vec<(&'static str, Value)>) -> Change {
    let key = Key::new(&key.iter().map(|part| ids.sym(part)).collect::<Vec<_>>());
    let differs = desired.iter().map(|(name, _)| *name).collect();
    Change { action, key, from_key: None, live: None, desired: Fields::new(desired), differs }
}

/// The same change of a live row.
pub(crate) fn of_live(change: Change, id: &str, fields: Vec<(&'static str, Value)>) -> Change {
    let live = Live { key: change.key, id: Some(id.into()), fields: Fields::new(fields), info: None };
    Change { live: Some(live), ..change }
}

/// The route that a provider plans for a change, with batches of this size.
pub(crate) fn route(capabilities: &Capabilities, target: &Target, change: &Change, batch_size: usize) -> Route {
    (capabilities.route)(change, &Limits { batch_size, ..target.limits.clone() }, &target.options)
}
