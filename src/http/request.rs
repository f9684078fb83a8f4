//! What is asked: a method, a path whose ids cannot break out of their segment, a query, a JSON body, and how safe a second sending is.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::Serialize;

/// Everything but RFC 3986's unreserved characters is encoded, so that an id is exactly one segment whatever it holds.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path below the base address, built segment by segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: String,
    problem: Option<&'static str>,
}

impl Path {
    /// Starts with literal text such as `/v2/clients`.
    #[must_use]
    pub fn new(literal: &'static str) -> Self {
        Self { text: String::new(), problem: None }.lit(literal)
    }

    /// Adds an id as exactly one segment, percent-encoded. An empty one, `.` and `..` are refused when the request is sent, for servers
    /// and proxies resolve those into another route.
    #[must_use]
    pub fn seg(mut self, id: impl AsRef<str>) -> Self {
        let id = id.as_ref();
        match id {
            "" => self.problem = Some("an id in the path is empty"),
            "." | ".." => self.problem = Some("an id in the path is `.` or `..`, which would lead to another route"),
            _ => {}
        }
        self.text.push('/');
        self.text.extend(utf8_percent_encode(id, SEGMENT));
        self
    }

    /// Adds literal text, one or more segments.
    #[must_use]
    pub fn lit(mut self, literal: &'static str) -> Self {
        for segment in literal.split('/').filter(|segment| !segment.is_empty()) {
            self.text.push('/');
            self.text.push_str(segment);
        }
        self
    }

    /// A path from a template such as `/v3/clients/{client_id}/jobs`: every `{…}` becomes the value of that name, and every other piece
    /// stays itself, each as exactly one segment.
    #[must_use]
    pub fn template(template: &str, values: &[(&str, &str)]) -> Self {
        let mut path = Self { text: String::new(), problem: None };
        for segment in template.split('/').filter(|segment| !segment.is_empty()) {
            let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            path = match name.map(|name| values.iter().find(|(known, _)| *known == name)) {
                None => path.seg(segment),
                Some(Some((_, value))) => path.seg(value),
                Some(None) => Self { problem: Some("its template asks for a value that there is none of"), ..path },
            };
        }
        path
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn problem(&self) -> Option<&'static str> {
        self.problem
    }
}

/// What a second sending would do; it decides what is resent after which accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// Changes nothing: resent after any accident.
    Read,
    /// Sending twice has the effect of sending once: resent after a lost answer too.
    Idempotent,
    /// Resent only when it certainly was not carried out: no connection, 429, a 401 whose token could be renewed, and 503 where
    /// [`Request::refused_by_503`] says that the API means it so.
    Once,
}

/// One request, built by the provider and sent by [`Client::send`](super::Client::send).
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) path: Path,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Result<Bytes, String>>,
    pub(super) safety: Safety,
    pub(super) refused_by_503: bool,
    pub(super) limited_by_403: bool,
}

impl Request {
    /// A GET; [`Safety::Read`].
    #[must_use]
    pub fn get(path: Path) -> Self {
        Self::new(Method::GET, path, Safety::Read)
    }

    /// A POST; [`Safety::Once`] unless told otherwise.
    #[must_use]
    pub fn post(path: Path) -> Self {
        Self::new(Method::POST, path, Safety::Once)
    }

    /// A PUT; [`Safety::Once`] unless told otherwise, for a repeated PUT may not be free (apis/streamline.md: Upsert by key).
    #[must_use]
    pub fn put(path: Path) -> Self {
        Self::new(Method::PUT, path, Safety::Once)
    }

    /// A PATCH; [`Safety::Once`] unless told otherwise.
    #[must_use]
    pub fn patch(path: Path) -> Self {
        Self::new(Method::PATCH, path, Safety::Once)
    }

    /// A DELETE, with or without a body; [`Safety::Once`] unless told otherwise.
    #[must_use]
    pub fn delete(path: Path) -> Self {
        Self::new(Method::DELETE, path, Safety::Once)
    }

    fn new(method: Method, path: Path, safety: Safety) -> Self {
        Self { method, path, query: Vec::new(), body: None, safety, refused_by_503: false, limited_by_403: false }
    }

    /// Adds a query parameter, encoded. Never a secret: queries end up in other people's logs.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// Sets the JSON body. A value that cannot be written as JSON is an error when the request is sent.
    #[must_use]
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        self.body = Some(serde_json::to_vec(body).map(Bytes::from).map_err(|error| error.to_string()));
        self
    }

    /// Says what a second sending would do.
    #[must_use]
    pub fn safety(mut self, safety: Safety) -> Self {
        self.safety = safety;
        self
    }

    /// Says that this API documents 503 as "not carried out" for this route, so that [`Safety::Once`] is resent after it. Without it such
    /// a 503 is given back as an answer; the client as a whole waits all the same.
    #[must_use]
    pub fn refused_by_503(mut self) -> Self {
        self.refused_by_503 = true;
        self
    }

    /// Says that this API also answers its rate limits with 403: one with the signs of a limit is then read as 429.
    #[must_use]
    pub fn limited_by_403(mut self) -> Self {
        self.limited_by_403 = true;
        self
    }
}

impl std::fmt::Debug for Request {
    /// The body may hold secret parameters, so only its length is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = self.body.as_ref().and_then(|body| body.as_ref().ok()).map(Bytes::len);
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path.text)
            .field("query", &self.query)
            .field("body_bytes", &length)
            .field("safety", &self.safety)
            .finish_non_exhaustive()
    }
}
