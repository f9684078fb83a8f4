//! What reading and writing share: the routes of both surfaces, and how refusals are told.

use std::sync::Arc;

use crate::http::{Answer, Client, Path};
use crate::model::Ids;
use crate::provider::refusal::{Refusal, clean, error_body, words};

use super::options::{Options, Surface};
use super::wire::{ErrorBody, Failure};

/// The parts of an assignment's key, by index: identity, node, role.
pub(super) const IDENTITY: usize = 0;
/// See [`IDENTITY`].
pub(super) const NODE: usize = 1;
/// See [`IDENTITY`].
pub(super) const ROLE: usize = 2;

/// The fields beside the key.
pub(super) const FROM: &str = "effective_from";
/// See [`FROM`].
pub(super) const TO: &str = "effective_to";

/// The code of "the identity already has this role at this node" (apis/canopy.md: Create, Errors).
pub(super) const CONFLICT: &str = "rbac.assignment_conflict";

/// One environment behind one client.
#[derive(Clone)]
pub(super) struct Api {
    pub client: Client,
    pub ids: Arc<Ids>,
    pub options: Arc<Options>,
}

impl Api {
    /// `…/assignments` of the target's surface (apis/canopy.md: the two surfaces).
    pub(super) fn assignments(&self) -> Path {
        let template = &self.options.template;
        match &self.options.surface {
            Surface::Portal { account, application, environment } => Path::template(
                template,
                &[("account", account), ("application", application), ("environment", environment)],
            ),
            Surface::Api => Path::template(template, &[]),
        }
    }

    /// One assignment.
    pub(super) fn assignment(&self, id: &str) -> Path {
        self.assignments().seg(id)
    }
}

/// A refusal with the API's code and message (apis/canopy.md: Errors).
pub(super) fn refusal(request: &'static str, answer: &Answer) -> Refusal {
    let (code, said) = match error_body::<Failure>(&answer.body) {
        Some(Failure { error }) => code_and_message(answer, &error),
        None => (None, clean(&answer.excerpt())),
    };
    Refusal { request, status: answer.status, code, said, note: answer.request_note(), hint: hint(answer.status) }
}

/// An error body's code and message, cleaned. Redacted before they are cut: half a secret is not recognised any more.
pub(super) fn code_and_message(answer: &Answer, error: &ErrorBody) -> (Option<String>, String) {
    let told = |value| words(value).map(|text| clean(&answer.clean(&text)));
    (told(&error.code), told(&error.message).unwrap_or_default())
}

/// What to do about a status (apis/canopy.md: Update).
pub(super) fn hint(status: u16) -> &'static str {
    match status {
        401 => "check the secret reference in the target's `auth`",
        403 => "the credential is of the wrong kind for this surface, or lacks the permission to manage assignments",
        404 => "check the target's account, application and environment, and plan again if the assignment is gone",
        409 => "the identity already has this role at this node: plan again",
        429 => "too many requests: lower the target's `requests_per_second`, or try again later",
        400..=499 => "correct the manifest as the message says, and plan again",
        500.. => "the server failed: try again later",
        _ => "the status is none that Canopy documents: check the target's `endpoint`",
    }
}
