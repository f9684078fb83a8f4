//! The routes that carry many changes at once (apis/canopy.md: Bulk, Remove).
//!
//! A bulk create is "all-or-nothing" and yet documented with mixed outcomes: each result is taken by its index, and a success
//! beside failures is believed only after a listing. A batch that is refused whole is halved until the bad entries stand alone,
//! so that they never stop the others.

use serde_json::{Value as Json, json};

use crate::http::{Answer, Request};
use crate::model::{Change, Proof, Sym, WriteOutcome};
use crate::provider::refusal::{clean, failed, words};

use super::api::{Api, CONFLICT, code_and_message, hint, refusal};
use super::route::{BULK_CHANGE_ROLE_RULE, BULK_CREATE_RULE, BULK_REMOVE_RULE};
use super::wire::{Assigned, BulkAnswer, BulkResult, ErrorBody, bare_or_wrapped};
use super::write::{accepted, is_meant, live_id, new_dates, send, with_new};

/// The name of an entry's status that worked (apis/canopy.md: Bulk).
const SUCCESS: &str = "success";

/// A bulk route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bulk {
    /// `bulk-create`.
    Create,
    /// `bulk-change-role`, to this role.
    ChangeRole(Sym),
    /// `bulk-remove`.
    Remove,
}

/// What one request did to its part of a batch.
enum Whole {
    /// An outcome for each.
    Settled(Vec<WriteOutcome>),
    /// Refused as a whole, and a smaller part may not be.
    Refused(WriteOutcome),
}

impl Bulk {
    /// How the route is called in messages.
    fn request(self) -> &'static str {
        match self {
            Bulk::Create => "POST …/assignments/bulk-create",
            Bulk::ChangeRole(_) => "POST …/assignments/bulk-change-role",
            Bulk::Remove => "POST …/assignments/bulk-remove",
        }
    }

    /// Carries out a batch, one outcome a change in order.
    pub(super) async fn write(self, api: &Api, changes: &[&Change]) -> Vec<WriteOutcome> {
        let mut outcomes: Vec<Option<WriteOutcome>> = changes.iter().map(|change| self.unsendable(change)).collect();
        let sendable: Vec<usize> = (0..changes.len()).filter(|index| outcomes[*index].is_none()).collect();
        let mut parts: Vec<&[usize]> = vec![&sendable];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let entries: Vec<&Change> = part.iter().map(|index| changes[*index]).collect();
            match self.send(api, &entries).await {
                Whole::Refused(_) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Whole::Refused(outcome) => part.iter().for_each(|index| outcomes[*index] = Some(outcome.clone())),
                Whole::Settled(settled) => {
                    part.iter().zip(settled).for_each(|(index, outcome)| outcomes[*index] = Some(outcome));
                }
            }
        }
        let lost = || WriteOutcome::unknown(format!("{} told nothing about this entry", self.request()));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(lost)).collect()
    }

    /// Why an entry cannot be part of any request.
    fn unsendable(self, change: &Change) -> Option<WriteOutcome> {
        match self {
            Bulk::Create => new_dates(change).err(),
            Bulk::ChangeRole(_) | Bulk::Remove => live_id(change).err(),
        }
    }

    async fn send(self, api: &Api, changes: &[&Change]) -> Whole {
        let request = match self.build(api, changes) {
            Ok(request) => request,
            Err(outcome) => return Whole::Settled(vec![outcome; changes.len()]),
        };
        match send(api, request).await {
            Ok(answer) => self.judge(api, changes, &answer),
            Err(outcome) => Whole::Settled(vec![outcome; changes.len()]),
        }
    }

    fn build(self, api: &Api, changes: &[&Change]) -> Result<Request, WriteOutcome> {
        let path = api.assignments();
        let ids = || changes.iter().map(|change| live_id(change)).collect::<Result<Vec<_>, _>>();
        Ok(match self {
            Bulk::Create => {
                let entry = |change: &&Change| {
                    let new = with_new(api, change, new_dates(change)?, |new| serde_json::to_value(new));
                    new.map_err(|error| failed(format!("the entry cannot be written as JSON: {error}"), false))
                };
                let entries = changes.iter().map(entry).collect::<Result<Vec<Json>, _>>()?;
                BULK_CREATE_RULE.request(Request::post(path.lit("bulk-create")).json(&json!({"assignments": entries})))
            }
            Bulk::ChangeRole(role) => {
                let body = json!({"assignment_ids": ids()?, "role_id": api.ids.text(role)});
                BULK_CHANGE_ROLE_RULE.request(Request::post(path.lit("bulk-change-role")).json(&body))
            }
            Bulk::Remove => {
                let body = json!({"assignment_ids": ids()?});
                BULK_REMOVE_RULE.request(Request::post(path.lit("bulk-remove")).json(&body))
            }
        })
    }

    fn judge(self, api: &Api, changes: &[&Change], answer: &Answer) -> Whole {
        let all = |outcome: WriteOutcome| Whole::Settled(vec![outcome; changes.len()]);
        match (self, answer.status) {
            (Bulk::Create, 200 | 201 | 207) => Whole::Settled(by_index(api, changes, answer)),
            (Bulk::ChangeRole(_), 200 | 204) | (Bulk::Remove, 200 | 204) => all(accepted(answer)),
            (_, status) if may_be_one_entrys_fault(status) => Whole::Refused(self.alone(answer)),
            _ => all(refusal(self.request(), answer).outcome()),
        }
    }

    /// What a refusal means where it concerns one entry alone.
    fn alone(self, answer: &Answer) -> WriteOutcome {
        let refusal = refusal(self.request(), answer);
        match (self, answer.status) {
            // The identity has this role here already (apis/canopy.md: Create). A change to a role that the identity has beside the
            // old one is a failure, for the old one stays.
            (Bulk::Create, 409) | (Bulk::Remove, 404) => WriteOutcome::Already(refusal.to_string()),
            _ => refusal.outcome(),
        }
    }
}

/// Statuses of a whole batch that one entry can cause: an unknown id, a system role, a conflict, a forbidden role, a body too large.
/// The others concern the route, and halves would meet them again.
fn may_be_one_entrys_fault(status: u16) -> bool {
    matches!(status, 400 | 403 | 404 | 409 | 413 | 422)
}

/// The outcome of each entry of a bulk create, by the index that its result names (apis/canopy.md: Bulk).
fn by_index(api: &Api, changes: &[&Change], answer: &Answer) -> Vec<WriteOutcome> {
    let results = match bare_or_wrapped::<BulkAnswer>(answer) {
        Ok(answer) => answer.results,
        Err(error) => return vec![WriteOutcome::unknown(error.to_string()); changes.len()],
    };
    // "All-or-nothing" may have taken back what a mixed answer calls a success: only a listing tells.
    let proof = if answer.status == 207 { Proof::Listing } else { Proof::Answer };
    let mut outcomes: Vec<Option<WriteOutcome>> = vec![None; changes.len()];
    for result in &results {
        let index = usize::try_from(result.index).unwrap_or(usize::MAX);
        let (Some(slot), Some(change)) = (outcomes.get_mut(index), changes.get(index)) else { continue };
        let outcome = match slot {
            None => entry(api, change, (answer, result), proof),
            Some(_) => unknown("the answer tells about this entry twice"),
        };
        *slot = Some(outcome);
    }
    let missing = || unknown("the answer tells nothing about this entry");
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
}

fn unknown(why: &str) -> WriteOutcome {
    WriteOutcome::unknown(format!("{}: {why}", Bulk::Create.request()))
}

fn entry(api: &Api, change: &Change, (answer, result): (&Answer, &BulkResult), proof: Proof) -> WriteOutcome {
    let error = error_body(&result.error);
    let status = status_of(result, &error);
    if result.status == SUCCESS {
        let refused = status.is_some_and(|status| status >= 400) || !result.error.is_null();
        let other =
            serde_json::from_value::<Assigned>(result.data.clone()).is_ok_and(|data| !is_meant(api, change, &data));
        return match (refused, other) {
            (true, _) => unknown("the entry is called a success and has an error"),
            (_, true) => unknown("the entry's result names another assignment than the one that was sent"),
            _ => WriteOutcome::Done(proof),
        };
    }
    let (code, said) = code_and_message(answer, &error);
    let words = [code.as_deref().unwrap_or(""), &said].into_iter().filter(|text| !text.is_empty());
    let words = words.collect::<Vec<_>>().join(": ");
    let words = if words.is_empty() { "no explanation".to_owned() } else { words };
    let message = format!(
        "{}: the entry's status is {}{}: {words}{}; {}",
        Bulk::Create.request(),
        clean(&result.status),
        status.map(|status| format!(" ({status})")).unwrap_or_default(),
        answer.request_note(),
        hint(status.unwrap_or(400)),
    );
    match status {
        _ if code.as_deref() == Some(CONFLICT) || status == Some(409) => WriteOutcome::Already(message),
        Some(500..) => WriteOutcome::unknown(message),
        _ => WriteOutcome::Failed { message, code, status, temporary: false },
    }
}

/// An entry's error: an object as in the error envelope, or words.
fn error_body(error: &Json) -> ErrorBody {
    match error {
        Json::Object(_) => serde_json::from_value(error.clone()).unwrap_or_default(),
        other => ErrorBody { message: other.clone(), ..ErrorBody::default() },
    }
}

/// An entry's HTTP status, where `code` or the error's `statusCode` is one.
fn status_of(result: &BulkResult, error: &ErrorBody) -> Option<u16> {
    [&result.code, &error.status_code]
        .into_iter()
        .filter_map(words)
        .filter_map(|text| text.parse().ok())
        .find(|status| (100..600).contains(status))
}
