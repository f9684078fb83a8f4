//! The ids that APIs give their answers, for whoever has to ask a vendor about one of them.
//!
//! No contract under `apis/` promises such a header; these are the names that services commonly use. We send none of our own.

use std::cell::RefCell;
use std::collections::VecDeque;

use reqwest::header::HeaderMap;

use super::redact::Redactor;

/// Where an id may stand, best first. `traceparent` is none: it is the caller's.
const HEADERS: [&str; 3] = ["x-request-id", "request-id", "x-correlation-id"];

/// The most characters of an id that are kept.
const MAX_CHARS: usize = 128;

/// The most ids that are kept of one piece of work: of a batch that was divided, the newest.
const MAX_IDS: usize = 8;

tokio::task_local! {
    static TRAIL: RefCell<VecDeque<Box<str>>>;
}

/// Does a piece of work, and gives the request ids of the answers that it got: at most the newest 8, oldest first, each at most 128
/// letters, digits and signs that mean nothing to a shell, a page or a CI system. Work that it hands to other tasks is not seen.
pub async fn with_request_ids<T>(work: impl Future<Output = T>) -> (T, Vec<Box<str>>) {
    let followed = async {
        let done = work.await;
        (done, TRAIL.with(RefCell::take).into())
    };
    TRAIL.scope(RefCell::default(), followed).await
}

/// Notes an answer's id for the piece of work that asked, if anybody follows it.
pub(super) fn note(id: &str) {
    let _ = TRAIL.try_with(|trail| {
        let mut trail = trail.borrow_mut();
        if trail.iter().any(|known| **known == *id) {
            return;
        }
        if trail.len() == MAX_IDS {
            trail.pop_front();
        }
        trail.push_back(id.into());
    });
}

/// The id that an answer's headers carry, made fit to be shown. Redacted before it is cut: a server may echo anything.
pub(super) fn request_id(headers: &HeaderMap, redactor: &Redactor) -> Option<Box<str>> {
    let value = HEADERS.iter().find_map(|name| headers.get(*name).filter(|value| !value.is_empty()))?;
    let text = redactor.clean(&String::from_utf8_lossy(value.as_bytes()));
    let shown = text.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.:/=+[]".contains(*c)).take(MAX_CHARS);
    Some(shown.collect::<String>().into()).filter(|id: &Box<str>| !id.is_empty())
}

/// For the end of a message.
pub(super) fn told(id: Option<&str>) -> String {
    id.map(|id| format!(" (request id {id})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};
    use secrecy::SecretString;

    fn id(headers: &[(&'static str, &[u8])]) -> Option<Box<str>> {
        let redactor = Redactor::default();
        redactor.hide(&SecretString::from("tok-canary-7"));
        let pairs = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap()));
        request_id(&pairs.collect(), &redactor)
    }

    #[test]
    fn the_usual_headers_are_read_and_the_callers_own_is_not() {
        assert_eq!(
            id(&[("x-correlation-id", b"c"), ("request-id", b"b"), ("x-request-id", b"a")]).as_deref(),
            Some("a")
        );
        assert_eq!(id(&[("x-request-id", b""), ("request-id", b"b")]).as_deref(), Some("b"));
        assert_eq!(id(&[("traceparent", b"00-1-1-01")]), None);
        assert_eq!(id(&[]), None);
    }

    #[test]
    fn an_id_is_short_and_plain_and_holds_no_secret() {
        assert_eq!(id(&[("x-request-id", b"Bearer tok-canary-7")]).as_deref(), Some("Bearer[redacted]"));
        let wild = id(&[("x-request-id", "a\u{202e}\tb <b>@c</b> ##[error](d)`e`".as_bytes())]).unwrap();
        assert!(!wild.contains(['<', '@', '#', '(', '`', ' ', '\u{202e}']), "{wild}");
        let long = [b"x".repeat(126), b"tok-canary-7".to_vec()].concat();
        assert_eq!(id(&[("x-request-id", &long)]).unwrap().chars().count(), MAX_CHARS);
        assert!(!id(&[("x-request-id", &long)]).unwrap().contains("to"), "cut before it was redacted");
    }

    #[tokio::test]
    async fn the_newest_ids_of_a_piece_of_work_are_kept_and_nobody_elses() {
        note("before");
        let work = async {
            (0..20).for_each(|n| note(&n.to_string()));
            note("19");
        };
        let ((), ids) = with_request_ids(work).await;
        assert_eq!(
            ids.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
            ["12", "13", "14", "15", "16", "17", "18", "19"]
        );
    }
}
