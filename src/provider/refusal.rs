//! How a provider tells that an API refused, or did not answer: one form of words for all of them.
//!
//! It knows no API: each provider reads its own error envelope and gives code, message and hint. Every text that came from
//! an API is cleaned here, before it becomes part of a message.

use std::fmt::{Display, Formatter, Result as FmtResult};

use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::ReadError;
use crate::http::HttpError;
use crate::model::WriteOutcome;

/// The most characters of an API's own words in a message: enough for a sentence and its list of ids, too short to flood a log.
const MAX_SAID: usize = 600;

/// An answer that is not the success that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal<R = &'static str> {
    /// Method and path, with placeholders such as `GET …/assignments` where the change names the object, with ids where nothing else does.
    pub request: R,
    /// HTTP status.
    pub status: u16,
    /// The API's own code, cleaned.
    pub code: Option<String>,
    /// The API's own words, or else the start of the body, cleaned.
    pub said: String,
    /// The API's id of the answer, as [`crate::http::Answer::request_note`] tells it.
    pub note: String,
    /// What to do next.
    pub hint: &'static str,
}

impl<R: Display> Display for Refusal<R> {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        write!(f, "{} was answered with {}", self.request, self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if self.said.is_empty() {
            f.write_str(" and no explanation")?;
        } else {
            write!(f, ": {}", self.said)?;
        }
        write!(f, "{}; {}", self.note, self.hint)
    }
}

impl<R: Display> Refusal<R> {
    /// The outcome of a write whose status is no documented success: a 5xx, or a success that nobody documents, may hide a write
    /// that was carried out.
    pub(super) fn outcome(&self) -> WriteOutcome {
        match self.status {
            400..=499 => self.failed(),
            _ => WriteOutcome::unknown(self.to_string()),
        }
    }

    /// The outcome where the answer says no in so many words. A 408, 425 or 429 was not looked at.
    pub(super) fn failed(&self) -> WriteOutcome {
        WriteOutcome::Failed {
            message: self.to_string(),
            code: self.code.clone(),
            status: Some(self.status),
            temporary: matches!(self.status, 408 | 425 | 429),
        }
    }
}

impl<R: Display> From<Refusal<R>> for ReadError {
    fn from(refusal: Refusal<R>) -> Self {
        match refusal.status {
            408 | 425 | 429 | 503 => ReadError::Temporary(refusal.to_string()),
            _ => ReadError::Api(refusal.to_string()),
        }
    }
}

/// A reading that got no usable answer.
pub(super) fn unread(error: &HttpError) -> ReadError {
    if error.temporary() { ReadError::Temporary(error.to_string()) } else { ReadError::Api(error.to_string()) }
}

/// What the body of a success says against its own status: an error envelope in a 200. It proves nothing, whatever else it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Denial {
    /// The status that the body names, if it names one.
    pub status: Option<u16>,
}

/// The members that can deny a success, at the top of a body or inside `data`.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Signs<'a> {
    ok: Json,
    success: Json,
    error: Json,
    errors: Json,
    status: Json,
    #[serde(rename = "statusCode")]
    status_code: Json,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Reads whether the body of a success denies it: `ok` or `success` is false, `error` or `errors` holds something, or a status says
/// that it failed. A body that is no JSON object denies nothing here.
pub(super) fn denial(body: &[u8]) -> Option<Denial> {
    let signs: Signs<'_> = serde_json::from_slice(body).ok().filter(|_| body.trim_ascii_start().starts_with(b"{"))?;
    let inside = || signs.data.filter(|data| data.get().starts_with('{'));
    signs.denial().or_else(|| serde_json::from_str::<Signs<'_>>(inside()?.get()).ok()?.denial())
}

impl Signs<'_> {
    fn denial(&self) -> Option<Denial> {
        let number = |value: &Json| words(value)?.parse::<u16>().ok().filter(|status| (400..600).contains(status));
        let status = [&self.status_code, &self.status]
            .into_iter()
            .chain(self.error.get("statusCode"))
            .chain(self.error.get("status"))
            .find_map(number);
        let is_false =
            |value: &Json| matches!(value, Json::Bool(false)) || value.as_str().is_some_and(|text| text == "false");
        let holds = |value: &Json| !matches!(value, Json::Null | Json::Bool(false)) && !is_empty(value);
        let failed = ["error", "failed", "failure"];
        let says_failed = self.status.as_str().is_some_and(|text| failed.contains(&text.to_ascii_lowercase().as_str()));
        let denies = is_false(&self.ok)
            || is_false(&self.success)
            || holds(&self.error)
            || holds(&self.errors)
            || says_failed
            || status.is_some();
        denies.then_some(Denial { status })
    }
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::String(text) => text.trim().is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// A write that got no usable answer.
pub(super) fn unwritten(error: &HttpError) -> WriteOutcome {
    if error.may_have_happened() {
        return WriteOutcome::unknown(error.to_string());
    }
    match error {
        HttpError::Stopped { .. } => WriteOutcome::NotSent { why: error.to_string() },
        _ => failed(error.to_string(), error.temporary()),
    }
}

/// A write that was not even tried, or that the API was not asked about.
pub(super) fn failed(message: String, temporary: bool) -> WriteOutcome {
    WriteOutcome::Failed { message, code: None, status: None, temporary }
}

/// An API's words made safe to show: control characters, and those that reorder text, become visible; the rest is cut.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_SAID));
    for (count, c) in text.trim().chars().enumerate() {
        if count == MAX_SAID {
            out.push('…');
            break;
        }
        if c.is_control() || is_reordering(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

/// The characters of Unicode's bidirectional algorithm that can make a text read as another.
fn is_reordering(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A field of an error body as text, whatever its JSON type: APIs give codes as text and as numbers. `None` for nothing.
/// It is not cleaned yet.
pub(super) fn words(value: &Json) -> Option<String> {
    let text = match value {
        Json::Null => return None,
        Json::String(text) => text.trim().to_owned(),
        Json::Object(map) if map.is_empty() => return None,
        other => other.to_string(),
    };
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(status: u16) -> Refusal {
        Refusal {
            request: "PATCH …/assignments/{id}",
            status,
            code: Some("rbac.role_system".to_owned()),
            said: "system roles cannot be assigned".to_owned(),
            note: String::new(),
            hint: "choose another role",
        }
    }

    #[test]
    fn a_refusal_names_request_status_code_words_and_next_step() {
        assert_eq!(
            refusal(400).to_string(),
            "PATCH …/assignments/{id} was answered with 400 rbac.role_system: system roles cannot be assigned; choose another role"
        );
        let silent = Refusal { code: None, said: String::new(), ..refusal(404) };
        assert_eq!(
            silent.to_string(),
            "PATCH …/assignments/{id} was answered with 404 and no explanation; choose another role"
        );
        let noted = Refusal { said: String::new(), note: " (request id 4f1c)".to_owned(), ..refusal(404) };
        assert!(noted.to_string().contains("and no explanation (request id 4f1c); choose"), "{noted}");
    }

    #[test]
    fn a_server_error_leaves_a_write_unknown_and_a_refusal_does_not() {
        assert!(matches!(refusal(500).outcome(), WriteOutcome::Unknown { .. }));
        assert!(matches!(refusal(202).outcome(), WriteOutcome::Unknown { .. }));
        assert!(matches!(refusal(202).failed(), WriteOutcome::Failed { status: Some(202), .. }));
        assert!(matches!(refusal(400).outcome(), WriteOutcome::Failed { temporary: false, status: Some(400), .. }));
        assert!(matches!(refusal(408).outcome(), WriteOutcome::Failed { temporary: true, .. }));
    }

    #[test]
    fn an_error_envelope_in_a_success_denies_it_wherever_it_stands() {
        let denied = |body: Json| denial(body.to_string().as_bytes());
        for body in [
            json!({"error": {"code": "x"}}),
            json!({"error": "no", "id": "a"}),
            json!({"errors": ["no"]}),
            json!({"errors": {"0": "no"}}),
            json!({"ok": false}),
            json!({"success": false, "message": "no"}),
            json!({"success": "false"}),
            json!({"status": "failed"}),
            json!({"status": "ERROR"}),
            json!({"data": {"error": {"code": "x"}}}),
            json!({"ok": true, "error": {"code": "x"}}),
        ] {
            assert_eq!(denied(body.clone()), Some(Denial { status: None }), "{body}");
        }
        for body in [
            json!({"error": {"statusCode": 403}}),
            json!({"statusCode": "403", "message": "no"}),
            json!({"status": 403}),
            json!({"data": {"error": {"statusCode": 403}}}),
        ] {
            assert_eq!(denied(body.clone()), Some(Denial { status: Some(403) }), "{body}");
        }
        for body in [
            json!({}),
            json!([]),
            json!({"message": "ok"}),
            json!({"ok": true, "error": null, "errors": [], "data": []}),
            json!({"success": true, "error": false, "errors": {}}),
            json!({"status": "active", "statusCode": 200, "data": {"id": "a", "status": "expired"}}),
        ] {
            assert_eq!(denied(body.clone()), None, "{body}");
        }
        assert_eq!(denial(b""), None);
        assert_eq!(denial(b"<html>"), None);
    }

    #[test]
    fn hostile_words_are_made_visible_and_cut() {
        assert_eq!(clean(" a\u{1b}[31mb\nc\u{202e}d "), "a\\u{1b}[31mb\\u{a}c\\u{202e}d");
        assert_eq!(clean(&"x".repeat(MAX_SAID + 1)).chars().count(), MAX_SAID + 1);
        assert_eq!(words(&json!(4091)), Some("4091".to_owned()));
        assert_eq!(words(&json!("")), None);
        assert_eq!(words(&json!(null)), None);
    }
}
