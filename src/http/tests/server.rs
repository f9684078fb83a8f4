//! A server that answers by a script, one connection a request, and remembers what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What a server does with a request.
pub(super) enum Reply {
    /// A proper answer.
    Full(Full),
    /// These bytes, then the connection is closed.
    Raw(Vec<u8>),
    /// The connection is closed without an answer.
    Drop,
    /// A header, and then a byte of body now and then, for ever.
    Drip,
}

/// A proper answer, with a content length.
pub(super) struct Full {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    delay: Duration,
}

pub(super) fn json(status: u16, body: &str) -> Full {
    Full {
        status,
        headers: vec![("content-type", "application/json".into())],
        body: body.into(),
        delay: Duration::ZERO,
    }
}

pub(super) fn plain(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Full {
    Full { status, headers: vec![("content-type", kind.into())], body: body.into(), delay: Duration::ZERO }
}

impl Full {
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(super) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut text =
            format!("HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {}\r\n", self.status, self.body.len());
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        [text.into_bytes(), self.body.clone()].concat()
    }
}

impl From<Full> for Reply {
    fn from(full: Full) -> Self {
        Reply::Full(full)
    }
}

pub(super) struct Server {
    pub(super) url: Url,
    shared: Arc<Shared>,
}

type Script = dyn Fn(usize, &Seen) -> Reply + Send + Sync;

struct Shared {
    script: Box<Script>,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    in_flight: AtomicUsize,
    most: AtomicUsize,
}

impl Server {
    /// The script gets the number of the request, from 0, and the request.
    pub(super) async fn start<R: Into<Reply>>(script: impl Fn(usize, &Seen) -> R + Send + Sync + 'static) -> Self {
        Self::listen("127.0.0.1", script).await
    }

    pub(super) async fn listen<R: Into<Reply>>(
        ip: &str,
        script: impl Fn(usize, &Seen) -> R + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let shared = Arc::new(Shared {
            script: Box::new(move |number, seen| script(number, seen).into()),
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        });
        let served = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                served.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&served)));
            }
        });
        Self { url, shared }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How many requests came to a path.
    pub(super) fn count(&self, target: &str) -> usize {
        self.seen().iter().filter(|seen| seen.target == target).count()
    }

    pub(super) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The most requests that were in flight at once.
    pub(super) fn most_at_once(&self) -> usize {
        self.shared.most.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let Some(seen) = receive(&mut stream).await else { return };
    let now = shared.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
    shared.most.fetch_max(now, Ordering::SeqCst);
    let number = {
        let mut all = shared.seen.lock().unwrap();
        all.push(seen.clone());
        all.len() - 1
    };
    let reply = (shared.script)(number, &seen);
    if let Reply::Full(full) = &reply {
        tokio::time::sleep(full.delay).await;
    }
    shared.in_flight.fetch_sub(1, Ordering::SeqCst);
    // The client may be gone by now, which is no fault of the test.
    let _ = answer(&mut stream, reply).await;
}

async fn answer(stream: &mut TcpStream, reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Full(full) => stream.write_all(&full.bytes()).await?,
        Reply::Raw(bytes) => stream.write_all(&bytes).await?,
        Reply::Drop => {}
        Reply::Drip => {
            stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 1000\r\n\r\n").await?;
            loop {
                stream.write_all(b" ").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    stream.shutdown().await
}

async fn receive(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut seen = Seen { method, target, headers, body: String::new() };
    let length: usize = seen.header("content-length").map_or(0, |value| value.parse().unwrap());
    while bytes.len() < head_end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    seen.body = String::from_utf8_lossy(&bytes[head_end + 4..]).into_owned();
    Some(seen)
}
