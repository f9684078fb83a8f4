//! Text that came from outside, made fit to be shown: secrets replaced, control characters made visible, cut short.

use std::sync::{PoisonError, RwLock};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

/// The longest excerpt, in characters: enough to recognise an error page, short enough for one line of a report.
pub(super) const EXCERPT_CHARS: usize = 200;

/// How much of a body is looked at for an excerpt. More than any excerpt needs, so that a huge body costs nothing.
const WINDOW_BYTES: usize = 64 * 1024;

/// What stands where a secret stood.
const MARK: &str = "[redacted]";

/// The secret values that a client has held; everything it shows goes through here.
#[derive(Default)]
pub(super) struct Redactor {
    /// Longest first, so that a secret that contains another one is replaced whole.
    secrets: RwLock<Vec<SecretString>>,
}

impl Redactor {
    /// Remembers a value in each of the forms in which a server may echo it.
    pub(super) fn hide(&self, secret: &SecretString) {
        let raw = secret.expose_secret();
        // Once as a JSON string, and once more for a server that echoes a whole JSON body as a string.
        let json = escaped(raw);
        let twice = escaped(&json);
        let percent = utf8_percent_encode(raw, NON_ALPHANUMERIC).to_string();
        let form: String = url::form_urlencoded::byte_serialize(raw.as_bytes()).collect();
        let mut secrets = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        for text in [raw, &json, &twice, &percent, &form] {
            if !text.is_empty() && !secrets.iter().any(|known| known.expose_secret() == text) {
                secrets.push(SecretString::from(text));
            }
        }
        secrets.sort_by_key(|known| std::cmp::Reverse(known.expose_secret().len()));
    }

    /// The text without secrets and without control characters.
    pub(super) fn clean(&self, text: &str) -> String {
        visible(&self.replace(text), usize::MAX)
    }

    /// The start of a body, for an error message.
    pub(super) fn excerpt(&self, body: &[u8]) -> String {
        let window = &body[..body.len().min(WINDOW_BYTES)];
        let mut text = self.replace(&String::from_utf8_lossy(window));
        if window.len() < body.len() {
            // A secret that the window cuts in two was not recognised: it lies in the last bytes, which are dropped.
            let mut keep = text.len().saturating_sub(self.longest());
            while !text.is_char_boundary(keep) {
                keep -= 1;
            }
            text.truncate(keep);
        }
        visible(text.trim(), EXCERPT_CHARS)
    }

    fn replace(&self, text: &str) -> String {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.expose_secret()) { text.replace(secret.expose_secret(), MARK) } else { text }
        })
    }

    fn longest(&self) -> usize {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        secrets.first().map_or(0, |secret| secret.expose_secret().len())
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor(..)")
    }
}

/// As it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// Control and invisible characters as escapes, at most `limit` characters, with `…` where it was cut.
fn visible(text: &str, limit: usize) -> String {
    let mut shown = String::new();
    let mut count = 0;
    for c in text.chars() {
        let escaped: String = if matches!(c, '"' | '\'' | '\\') { c.to_string() } else { c.escape_debug().collect() };
        count += escaped.chars().count();
        if count > limit {
            shown.push('…');
            break;
        }
        shown.push_str(&escaped);
    }
    shown
}
