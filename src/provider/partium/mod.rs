//! Partium catalog: assemblies made visible to sub-organizations (apis/partium.md).
//!
//! An assignment is a pair and nothing else. Lists come as chains of cursors; writes come in batches whose answers are judged index
//! by index, and a delete's answer tells nothing at all.

mod read;
pub mod route;
pub mod spec;
mod wire;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::http::{Answer, Client, Path, SignIn};
use crate::model::{Auth, Ids, SecretResolver, Target};

use super::refusal::{Refusal, clean};
use super::{Connection, options};

/// Ids that one filter of a list carries: the contract's \[assumed\] 500, settable as `max_filter_ids`.
const MAX_FILTER_IDS: usize = 500;

/// The two sides of a target.
pub fn connect(target: &Target, client: Client, ids: Arc<Ids>, _secrets: Arc<dyn SecretResolver>) -> Connection {
    let api = Arc::new(Api {
        client,
        ids,
        assignments: options::path(&target.options, &spec::ASSIGNMENTS_PATH, &[]),
        list: options::path(&target.options, &spec::LIST_PATH, &[]),
        page_size: target.limits.page_size.max(1),
        concurrency: target.limits.concurrency.max(1),
        max_filter_ids: options::size(&target.options, "max_filter_ids").unwrap_or(MAX_FILTER_IDS),
    });
    Connection { reader: Box::new(read::PartiumReader(Arc::clone(&api))), writer: Box::new(write::PartiumWriter(api)) }
}

/// How a target signs in: an access token or API key, both sent as a bearer token (apis/partium.md). Other forms of
/// `auth` are refused by the loader; here they are no sign-in.
pub fn sign_in(target: &Target) -> SignIn {
    match &target.auth {
        Some(Auth::Bearer(secret)) => SignIn::Bearer(secret.clone()),
        Some(Auth::ApiKey(_) | Auth::ClientCredentials { .. } | Auth::ProjectSecret { .. }) | None => SignIn::None,
    }
}

/// What both sides share.
struct Api {
    client: Client,
    ids: Arc<Ids>,
    /// Create and delete (apis/partium.md: Create, Delete).
    assignments: Path,
    /// List (apis/partium.md: List).
    list: Path,
    /// Rows a page holds.
    page_size: usize,
    /// Chains side by side.
    concurrency: usize,
    /// Ids a filter holds.
    max_filter_ids: usize,
}

/// An answer that is no success: maintenance tells in `detail` (apis/partium.md: Maintenance), the rest as it comes.
fn refusal(request: &'static str, answer: &Answer) -> Refusal {
    let said = wire::detail(&answer.body).map_or_else(|| answer.excerpt(), |detail| clean(&answer.clean(&detail)));
    Refusal {
        request,
        status: answer.status,
        code: None,
        said,
        note: answer.request_note(),
        hint: next_step(answer.status),
    }
}

/// What helps against a refusal, by status.
fn next_step(status: u16) -> &'static str {
    match status {
        400 | 422 => {
            "the API does not take this request: check the ids, and lower limits.page_size, limits.batch_size or max_filter_ids in the Target if it is about a size"
        }
        401 => "check the secret that the target's `auth` refers to",
        403 => "the token lacks the permission, or belongs to another organization: an API key is valid for one",
        404 | 405 => "check the target's endpoint",
        413 => "one request is larger than the API takes: lower limits.batch_size or max_filter_ids",
        429 | 503 => "nothing is wrong with the input: try again later",
        500.. => "the system failed by itself: try again later",
        _ => "the contract does not know this answer: check the target's endpoint",
    }
}
