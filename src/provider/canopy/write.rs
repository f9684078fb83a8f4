//! The routes that carry one change: create, patch, remove, and remove-and-create (apis/canopy.md: Update, Create, Remove). Batches
//! are in `bulk`. The plan decides the route.

use async_trait::async_trait;
use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json, json};

use crate::http::{Answer, Request};
use crate::model::{Batch, Change, Proof, Value, WriteOutcome};
use crate::provider::Writer;
use crate::provider::refusal::{Denial, denial, failed, unwritten};

use super::api::{Api, FROM, IDENTITY, NODE, ROLE, TO, refusal};
use super::bulk::Bulk;
use super::proof::contradiction;
use super::route::{
    BULK_CHANGE_ROLE, BULK_CREATE, BULK_REMOVE, CREATE, CREATE_RULE, DELETE, DELETE_RULE, PATCH, PATCH_RULE, RECREATE,
};
use super::wire::{Assigned, New, bare_or_wrapped};

/// Writes one environment.
pub(super) struct CanopyWriter(pub Api);

#[async_trait]
impl Writer for CanopyWriter {
    /// Carries out the route that was planned; nothing here chooses one.
    async fn write(&self, batch: &Batch<'_>) -> Vec<WriteOutcome> {
        let Self(api) = self;
        let changes = &batch.changes;
        let bulk = match batch.route.name {
            BULK_CREATE => Some(Bulk::Create),
            BULK_CHANGE_ROLE => Some(Bulk::ChangeRole(batch.route.group)),
            BULK_REMOVE => Some(Bulk::Remove),
            _ => None,
        };
        if let Some(bulk) = bulk {
            return bulk.write(api, changes).await;
        }
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            outcomes.push(one(api, batch.route.name, change).await.unwrap_or_else(|outcome| outcome));
        }
        outcomes
    }
}

/// `Err` is an early return; both variants carry the outcome of the write.
type Outcome = Result<WriteOutcome, WriteOutcome>;

async fn one(api: &Api, route: &str, change: &Change) -> Outcome {
    match route {
        CREATE => create(api, change, new_dates(change)?).await,
        PATCH => update(api, change).await,
        DELETE => remove(api, change).await,
        RECREATE => recreate(api, change).await,
        other => Err(failed(format!("{other} is no route of Canopy, so nothing was sent"), false)),
    }
}

async fn create(api: &Api, change: &Change, dates: Dates) -> Outcome {
    // A 503 is resent: should it have been carried out against all custom, the second one is answered as a conflict.
    let request = with_new(api, change, dates, |new| CREATE_RULE.request(Request::post(api.assignments()).json(new)));
    let answer = send(api, request).await?;
    match answer.status {
        200 | 201 => Ok(proven(api, CREATE, change, &answer, None)),
        // The identity has this role here already (apis/canopy.md: Create).
        409 => Ok(WriteOutcome::Already(refusal(CREATE, &answer).to_string())),
        _ => Ok(refusal(CREATE, &answer).outcome()),
    }
}

/// `role_id` is required even where only dates change; an omitted date is kept, a null clears it (apis/canopy.md: Update).
async fn update(api: &Api, change: &Change) -> Outcome {
    let id = live_id(change)?;
    let mut body = Map::new();
    body.insert("role_id".to_owned(), json!(api.ids.text(change.key.part(ROLE))));
    for name in sent_dates(change) {
        let date = match declared(change, name)? {
            Some(date) => Json::String(date),
            None => Json::Null,
        };
        body.insert(name.to_owned(), date);
    }
    let request = PATCH_RULE.request(Request::patch(api.assignment(id)).json(&body));
    let answer = send(api, request).await?;
    match answer.status {
        200 => Ok(proven(api, PATCH, change, &answer, Some(id))),
        _ => Ok(refusal(PATCH, &answer).outcome()),
    }
}

async fn remove(api: &Api, change: &Change) -> Outcome {
    let request = DELETE_RULE.request(Request::delete(api.assignment(live_id(change)?)));
    let answer = send(api, request).await?;
    match answer.status {
        // The request names one assignment, and 204 is the only documented success (apis/canopy.md: Remove).
        204 => Ok(WriteOutcome::Done(Proof::Answer)),
        200 => Ok(removed(&answer)),
        404 => Ok(WriteOutcome::Already(refusal(DELETE, &answer).to_string())),
        _ => Ok(refusal(DELETE, &answer).outcome()),
    }
}

/// Removes and creates again without the date, for accounts whose PATCH does not clear. Between the two requests the identity
/// has no access, and where the second one fails it stays so: the message must say it.
async fn recreate(api: &Api, change: &Change) -> Outcome {
    let dates = kept_dates(change)?;
    // A 404 means that someone removed it meanwhile: what is declared is created all the same.
    match remove(api, change).await? {
        WriteOutcome::Done(_) | WriteOutcome::Already(_) => {}
        stopped => return Ok(stopped),
    }
    let outcome = create(api, change, dates).await.unwrap_or_else(|outcome| outcome);
    let id = live_id(change)?;
    Ok(match outcome {
        WriteOutcome::Failed { message, code, status, temporary } => WriteOutcome::Failed {
            message: format!(
                "the assignment {id} was removed to clear a date, and creating it again failed, so the assignment is gone: \
                 {message}; run apply again, which creates it"
            ),
            code,
            status,
            temporary,
        },
        WriteOutcome::Unknown { why, repeatable } => WriteOutcome::Unknown {
            repeatable,
            why: format!(
                "the assignment {id} was removed to clear a date, and whether it was created again is not known: {why}; \
                 run plan: if the assignment is gone, apply creates it"
            ),
        },
        WriteOutcome::NotSent { why } => failed(
            format!(
                "the assignment {id} was removed to clear a date, and the run was stopped before it was created again, so \
                 the assignment is gone: {why}; run apply again, which creates it"
            ),
            true,
        ),
        done => done,
    })
}

/// The outcome of a removal that was answered with an undocumented 200: only a listing shows what it did.
fn removed(answer: &Answer) -> WriteOutcome {
    if answer.body.is_empty() {
        return WriteOutcome::Done(Proof::Listing);
    }
    match (answer.json::<IgnoredAny>(), denial(&answer.body)) {
        (Err(error), _) => unwritten(&error),
        (Ok(_), Some(denial)) => denied(DELETE, answer, denial),
        (Ok(_), None) => WriteOutcome::Done(Proof::Listing),
    }
}

/// The outcome of a success whose body holds an error envelope: what the envelope says holds, not the status.
fn denied(request: &'static str, answer: &Answer, denial: Denial) -> WriteOutcome {
    let refusal = refusal(request, answer);
    match (request, denial.status) {
        (_, Some(500..)) => WriteOutcome::unknown(refusal.to_string()),
        (CREATE, Some(409)) | (DELETE, Some(404)) => WriteOutcome::Already(refusal.to_string()),
        _ => refusal.failed(),
    }
}

/// Sends one write.
pub(super) async fn send(api: &Api, request: Request) -> Result<Answer, WriteOutcome> {
    api.client.send(request).await.map_err(|error| unwritten(&error))
}

/// The server's id of the row that a change is about.
pub(super) fn live_id(change: &Change) -> Result<&str, WriteOutcome> {
    let id = change.live.as_ref().and_then(|live| live.id.as_deref());
    id.ok_or_else(|| failed("the live row has no id, so nothing was sent; plan again".to_owned(), false))
}

/// An answer proves a write only where it names the assignment that was meant and shows no other value than was sent.
fn proven(api: &Api, request: &'static str, change: &Change, answer: &Answer, id: Option<&str>) -> WriteOutcome {
    if let Some(denial) = denial(&answer.body) {
        return denied(request, answer, denial);
    }
    let assigned = match bare_or_wrapped::<Assigned>(answer) {
        Ok(assigned) => assigned,
        Err(error) => return WriteOutcome::unknown(error.to_string()),
    };
    if !is_meant(api, change, &assigned) || id.is_some_and(|id| id != assigned.id) {
        return WriteOutcome::unknown(format!(
            "{request} was accepted, and its answer names another assignment than the one that was sent"
        ));
    }
    match contradiction(api, change, &Json::Object(assigned.beside)) {
        None => WriteOutcome::Done(Proof::Answer),
        // The same request again would be answered in the same way.
        Some(other) => WriteOutcome::Unknown {
            why: format!("{request} was accepted, and its answer shows {other}"),
            repeatable: false,
        },
    }
}

/// Whether an answer is about the change's key.
fn is_meant(api: &Api, change: &Change, assigned: &Assigned) -> bool {
    let text = |part| api.ids.text(change.key.part(part));
    !assigned.id.is_empty()
        && *assigned.identity_id == *text(IDENTITY)
        && *assigned.application_node_id == *text(NODE)
        && *assigned.role_id == *text(ROLE)
}

/// `effective_from` and `effective_to`, as sent.
pub(super) type Dates = (Option<String>, Option<String>);

/// Hands the body of a create to `use_it`: the texts of ids live only that long.
pub(super) fn with_new<T>(api: &Api, change: &Change, dates: Dates, use_it: impl FnOnce(&New<'_>) -> T) -> T {
    let text = |part| api.ids.text(change.key.part(part));
    let (identity, node, role) = (text(IDENTITY), text(NODE), text(ROLE));
    let (effective_from, effective_to) = dates;
    use_it(&New { identity_id: identity, node_id: node, role_id: role, effective_from, effective_to })
}

/// The dates of a create: what is declared. A null is left out, for that is what a create makes of an absent date
/// (apis/canopy.md: Dates and lifecycle).
pub(super) fn new_dates(change: &Change) -> Result<Dates, WriteOutcome> {
    Ok((declared(change, FROM)?, declared(change, TO)?))
}

/// The dates of a re-creation: what is declared, and of the rest what the live row has. After a role change nothing is kept, for
/// the new assignment is to be as a create would leave it.
fn kept_dates(change: &Change) -> Result<Dates, WriteOutcome> {
    let date = |name| {
        let live = change.live.as_ref().filter(|_| change.from_key.is_none());
        let kept = change.desired.get(name).is_none() && !change.differs.contains(&name);
        match live.and_then(|live| live.fields.get(name)) {
            Some(Value::Instant(instant)) if kept => Ok(Some(instant.to_string())),
            _ => declared(change, name),
        }
    };
    Ok((date(FROM)?, date(TO)?))
}

/// The dates that an update sends: those that differ, and declared instants also where they are equal. Whether an omitted date is kept
/// is not stated (apis/canopy.md: Update), so no declared date is left to that.
fn sent_dates(change: &Change) -> Vec<&'static str> {
    let is_instant = |name| matches!(change.desired.get(name), Some(Value::Instant(_)));
    [FROM, TO].into_iter().filter(|name| change.differs.contains(name) || is_instant(name)).collect()
}

/// A declared date as the API reads it: RFC 3339, at the milliseconds that it compares by.
fn declared(change: &Change, name: &str) -> Result<Option<String>, WriteOutcome> {
    match change.desired.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Instant(instant)) => Ok(Some(instant.to_string())),
        Some(_) => Err(failed(format!("`{name}` is no instant, so nothing was sent"), false)),
    }
}
