//! The requests that came in: the newest, in memory, for those who ask what a client sent.
//!
//! Holds no `Authorization` header, and no secret of the token routes.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

/// How many bytes of bodies are kept at most.
const MAX_BYTES: usize = 64 << 20;

/// A request that came in, and the status that it was answered with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoggedRequest {
    /// The method.
    pub method: String,
    /// The path as it was sent, encoded.
    pub path: String,
    /// The query as it was sent.
    pub query: Option<String>,
    /// The body, where it is JSON. Nothing of the token routes, and nothing where a request is told as it comes in: a body can be large, and
    /// hold secrets.
    pub body: Option<Value>,
    /// The status of the answer; 0 where a fault closed the connection instead.
    pub status: u16,
    /// What the answer's `X-Request-Id` was.
    pub request_id: String,
    /// How many requests were under way when it came, itself included: whether a client really does things side by side.
    #[serde(skip)]
    pub in_flight: usize,
}

/// A request as it is kept: its body is only parsed when somebody asks.
#[derive(Clone)]
pub(super) struct Entry {
    pub method: String,
    pub path: String,
    pub query: Option<String>,
    pub body: Bytes,
    pub status: u16,
    pub request_id: String,
    pub in_flight: usize,
}

impl Entry {
    /// With its body.
    fn logged(&self) -> LoggedRequest {
        LoggedRequest { body: serde_json::from_slice(&self.body).ok(), ..self.head() }
    }

    /// Without its body.
    pub(super) fn head(&self) -> LoggedRequest {
        LoggedRequest {
            method: self.method.clone(),
            path: self.path.clone(),
            query: self.query.clone(),
            body: None,
            status: self.status,
            request_id: self.request_id.clone(),
            in_flight: self.in_flight,
        }
    }
}

/// The newest requests, up to a number and a size.
pub(super) struct Ring {
    capacity: usize,
    kept: Mutex<(VecDeque<Entry>, usize)>,
}

impl Ring {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, kept: Mutex::new((VecDeque::new(), 0)) }
    }

    pub(super) fn push(&self, entry: Entry) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (entries, bytes) = &mut *kept;
        *bytes += entry.body.len();
        entries.push_back(entry);
        while entries.len() > self.capacity || (*bytes > MAX_BYTES && entries.len() > 1) {
            *bytes -= entries.pop_front().map_or(0, |oldest| oldest.body.len());
        }
    }

    pub(super) fn all(&self) -> Vec<LoggedRequest> {
        let entries: Vec<Entry> = self.kept.lock().unwrap_or_else(PoisonError::into_inner).0.iter().cloned().collect();
        entries.iter().map(Entry::logged).collect()
    }

    pub(super) fn clear(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = (VecDeque::new(), 0);
    }
}
