//! What reading and writing share: the project's routes, and how its refusals are told.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::http::{Answer, Client, Path};
use crate::model::{Fields, Ids};
use crate::provider::options;
use crate::provider::refusal::{Refusal, clean, words};

use super::params::Params;
use super::spec::ASSIGNMENTS_PATH;
use super::wire::{Envelope, Failure};

/// The status of a create whose assignment exists: not stated, assumed (apis/semaphor.md: Create).
const DUPLICATE_STATUS: u16 = 409;

/// One project behind one client.
#[derive(Clone)]
pub(super) struct Api {
    pub client: Client,
    pub ids: Arc<Ids>,
    /// The status that says "exists already": `duplicate_status` of the target.
    pub duplicate_status: u16,
    project_id: Arc<str>,
    /// The collection's path.
    template: Arc<str>,
}

impl Api {
    /// The project that a target's options name.
    pub(super) fn new(client: Client, ids: Arc<Ids>, fields: &Fields) -> Self {
        let status = options::size(fields, "duplicate_status").and_then(|status| u16::try_from(status).ok());
        let template = Arc::from(options::template(fields, &ASSIGNMENTS_PATH));
        let duplicate_status = status.unwrap_or(DUPLICATE_STATUS);
        Self { client, ids, duplicate_status, project_id: project_id(fields), template }
    }

    /// `/api/management/v1/projects/{projectId}/unified-security/assignments`.
    pub(super) fn collection(&self) -> Path {
        Path::template(&self.template, &[("project_id", &self.project_id)])
    }

    /// One assignment of the collection.
    pub(super) fn assignment(&self, id: &str) -> Path {
        self.collection().seg(id)
    }
}

/// The project's id. The loader makes sure that there is one; an empty one is refused by the client as a path segment.
pub(super) fn project_id(fields: &Fields) -> Arc<str> {
    Arc::from(options::text(fields, "project_id").unwrap_or_default())
}

/// What an envelope says, apart from what it holds.
pub(super) enum Verdict<T> {
    /// It worked, and this is what was asked for.
    Yes(T),
    /// It did not.
    No(Refusal),
    /// The answer is a success by its status, and its body does not say what happened.
    Unclear(String),
}

/// Reads an answer by status and envelope. `success` are the statuses that the route documents; `sent` are the parameters that
/// the answer must not repeat into a message.
pub(super) fn verdict<'a, T: Deserialize<'a>>(
    request: &'static str,
    answer: &'a Answer,
    success: &[u16],
    sent: &Params<'_>,
) -> Verdict<T> {
    if !success.contains(&answer.status) && !answer.is_success() {
        return Verdict::No(refusal(request, answer, sent));
    }
    let (verdict, data) = match answer.json::<Envelope<T>>() {
        Ok(envelope) => (Ok(envelope.verdict()), Ok(envelope.data)),
        // The verdict is read apart from `data`, so that a refusal's `data` of another shape never hides the refusal.
        Err(error) => (answer.json::<Envelope<IgnoredAny>>().map(|envelope| envelope.verdict()), Err(error)),
    };
    let unclear = |why: &str| {
        Verdict::Unclear(format!("{request} was answered with {}, {why}{}", answer.status, answer.request_note()))
    };
    match verdict {
        Err(error) => Verdict::Unclear(error.to_string()),
        Ok(Some(false)) => Verdict::No(refusal(request, answer, sent)),
        Ok(None) => unclear(&format!("with no clear `ok` or `success`: {}", clean(&answer.excerpt()))),
        Ok(Some(true)) if !success.contains(&answer.status) => unclear("a status that the route does not document"),
        Ok(Some(true)) => match data {
            Ok(Some(data)) => Verdict::Yes(data),
            Ok(None) => unclear("with no `data`"),
            Err(error) => Verdict::Unclear(error.to_string()),
        },
    }
}

/// A refusal with the API's code, message and details (apis/semaphor.md: Create).
fn refusal(request: &'static str, answer: &Answer, sent: &Params<'_>) -> Refusal {
    // Redacted before it is cut: half a secret is not recognised any more.
    let told = |value| words(value).map(|text| clean(&answer.clean(&sent.redact(&text))));
    let (code, said) = match serde_json::from_slice::<Failure>(&answer.body) {
        Ok(Failure { error }) => {
            let said = [told(&error.message), told(&error.details)].into_iter().flatten().collect::<Vec<_>>();
            (told(&error.code), said.join(" "))
        }
        Err(_) => (None, clean(&answer.excerpt())),
    };
    Refusal { request, status: answer.status, code, said, note: answer.request_note(), hint: hint(answer.status) }
}

fn hint(status: u16) -> &'static str {
    match status {
        401 => "check the secret reference in the target's `auth`",
        403 => "the token must be an ADMIN's of this project",
        404 => "check the target's `project_id` and the ids, and plan again if the assignment is gone",
        409 => "the definition may be assigned to this actor already: plan again",
        429 => "too many requests: lower the target's `requests_per_second`, or try again later",
        400..=499 => "correct the manifest as the message says, and plan again",
        500.. => "the server failed: try again later",
        _ => "the status is none that Semaphor documents: check the target's `endpoint`",
    }
}
