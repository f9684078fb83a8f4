//! A final answer, whatever its status: the provider judges it.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::{HttpError, redact::Redactor, trail};

/// What the API said. Every status arrives here but those that were resent (429, 503, …) and redirects.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, decompressed and whole.
    pub body: Bytes,
    pub(super) content_type: Option<String>,
    pub(super) more: bool,
    pub(super) retry_after: bool,
    pub(super) place: Box<str>,
    pub(super) request_id: Option<Box<str>>,
    pub(super) write: bool,
    pub(super) redactor: Arc<Redactor>,
}

impl Answer {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the answer says that a next page follows: a `Link` header with `rel="next"` (RFC 8288). The address in it is not used:
    /// requests go where their sender built them to go.
    pub fn has_next_page(&self) -> bool {
        self.more
    }

    /// Whether the answer says when to try again. A server that says so refused the request; a gateway that could not reach its
    /// server, or gave up on it, says nothing.
    pub fn says_when_to_retry(&self) -> bool {
        self.retry_after
    }

    /// The body as JSON, which may borrow from it.
    ///
    /// # Errors
    /// [`HttpError::BadAnswer`] for an empty body, a content type that is not JSON, half JSON, and JSON of another shape; the text shows
    /// the start of the body.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, HttpError> {
        if self.body.is_empty() {
            return Err(self.bad("an empty body where JSON is due".to_owned()));
        }
        if !self.is_json() {
            let kind = self.redactor.clean(self.content_type.as_deref().unwrap_or("no content type"));
            return Err(self.bad(format!(
                "{kind} where JSON is due; check that the address is the API's and no proxy or sign-in page answers; it starts: {}",
                self.excerpt()
            )));
        }
        let body = without_bom(&self.body);
        // A sign-in page that calls itself JSON.
        if body.trim_ascii_start().starts_with(b"<") {
            return Err(self.bad(format!(
                "a web page where JSON is due; check that the address is the API's and no proxy or sign-in page answers; it starts: {}",
                self.excerpt()
            )));
        }
        serde_json::from_slice(body).map_err(|error| {
            let what = match error.classify() {
                serde_json::error::Category::Eof => "JSON that ends in the middle",
                serde_json::error::Category::Data => "JSON of an unexpected shape",
                _ => "text that is not JSON",
            };
            let why = self.redactor.clean(&error.to_string());
            self.bad(format!("{what} ({why}); it starts: {}", self.excerpt()))
        })
    }

    /// The start of the body for a message: secrets redacted, control characters made visible, at most 200 characters.
    pub fn excerpt(&self) -> String {
        self.redactor.excerpt(&self.body)
    }

    /// The API's id of this answer as the end of a message, such as ` (request id 4f1c)`; empty where it gave none.
    pub fn request_note(&self) -> String {
        trail::told(self.request_id.as_deref())
    }

    /// A text out of the body, made fit for a message like [`Self::excerpt`], but whole.
    pub fn clean(&self, text: &str) -> String {
        self.redactor.clean(text)
    }

    fn is_json(&self) -> bool {
        let Some(content_type) = &self.content_type else { return false };
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
    }

    fn bad(&self, what: String) -> HttpError {
        let problem = format!("answered {} with {what}{}", self.status, self.request_note()).into();
        HttpError::BadAnswer { place: self.place.clone(), problem, maybe_done: self.write }
    }
}

/// The body without a UTF-8 byte-order mark, which some servers put before JSON (RFC 8259 section 8.1 lets readers ignore it).
pub(super) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

impl std::fmt::Debug for Answer {
    /// A body may hold anything, so only its length is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("place", &self.place)
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
