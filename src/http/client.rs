//! The client: one request from admission to final answer.

use std::sync::Arc;

use super::{Answer, Config, HttpError, Request, redact::Redactor};
use crate::model::SecretString;

/// A target's client; clones share everything.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    redactor: Arc<Redactor>,
}

impl Client {
    /// Checks the address, resolves what must be resolved, and sends nothing.
    ///
    /// # Errors
    /// [`HttpError::NotSent`] for a refused address or an unusable limit or certificate, [`HttpError::SignIn`] for a missing secret.
    pub fn new(config: Config<'_>) -> Result<Client, HttpError> {
        let redactor = Arc::new(Redactor::default());
        if let super::SignIn::Fixed(value) = &config.auth {
            redactor.hide(value);
        }
        Ok(Self { inner: Arc::new(Inner { redactor }) })
    }

    /// Sends a request until it has a final answer, within the target's limits and retry budget.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub async fn send(&self, request: Request) -> Result<Answer, HttpError> {
        let place = format!("{} {}", request.method, request.path.text()).into();
        Err(HttpError::NotSent { place, problem: "not connected".into(), maybe_done: false })
    }

    /// Attempts so far: retries and token requests count.
    pub fn requests(&self) -> u64 {
        0
    }

    /// Keeps a value that a provider sends in a body, such as a secret parameter, out of every excerpt and error.
    pub fn hide(&self, secret: &SecretString) {
        self.inner.redactor.hide(secret);
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client(..)")
    }
}
