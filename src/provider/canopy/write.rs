//! Which route carries which change, and the routes that carry one: create, patch, remove, and remove-and-create
//! (apis/canopy.md: Update, Create, Remove). Batches are in `bulk`.

use async_trait::async_trait;
use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json, json};

use crate::http::{Answer, Request};
use crate::model::{Action, Batch, Change, Proof, Value, WriteOutcome};
use crate::provider::Writer;
use crate::provider::refusal::{failed, unwritten};

use super::api::{Api, FROM, IDENTITY, NODE, ROLE, TO, refusal};
use super::bulk::Bulk;
use super::options::ClearDates;
use super::route::{CREATE_RULE, DELETE_RULE, PATCH_RULE};
use super::wire::{Assigned, New, bare_or_wrapped};

const CREATE: &str = "POST …/assignments";
const UPDATE: &str = "PATCH …/assignments/{id}";
const REMOVE: &str = "DELETE …/assignments/{id}";

/// Writes one environment.
pub(super) struct CanopyWriter(pub Api);

#[async_trait]
impl Writer for CanopyWriter {
    /// The route that was planned says whether a request carries several changes: one that carries one takes the single route.
    async fn write(&self, batch: &Batch<'_>) -> Vec<WriteOutcome> {
        let Self(api) = self;
        let changes = &batch.changes;
        match bulk_route(batch) {
            Some(bulk) => bulk.write(api, changes).await,
            None => {
                let mut outcomes = Vec::with_capacity(changes.len());
                for change in changes {
                    outcomes.push(one(api, change).await.unwrap_or_else(|outcome| outcome));
                }
                outcomes
            }
        }
    }
}

/// The bulk route of a batch, if its changes are of one kind and the route takes several.
fn bulk_route(batch: &Batch<'_>) -> Option<Bulk> {
    let first = batch.changes.first()?;
    let same = batch.changes.iter().all(|change| change.action == first.action);
    if batch.route.batch <= 1 || !same {
        return None;
    }
    match first.action {
        Action::Create => Some(Bulk::Create),
        Action::Remove => Some(Bulk::Remove),
        Action::Update => {
            let role = first.key.part(ROLE);
            // The bulk route changes nothing but the role, and all to the same one.
            let fits = |change: &&Change| change.from_key.is_some() && sent_dates(change).is_empty();
            let same_role = batch.changes.iter().all(|change| change.key.part(ROLE) == role);
            (batch.changes.iter().all(fits) && same_role).then_some(Bulk::ChangeRole(role))
        }
    }
}

/// The right side ends a write early; both sides are its outcome.
type Outcome = Result<WriteOutcome, WriteOutcome>;

async fn one(api: &Api, change: &Change) -> Outcome {
    match change.action {
        Action::Create => Ok(create(api, change, new_dates(change)?).await?),
        Action::Remove => remove(api, change).await,
        Action::Update if api.options.clear_dates == ClearDates::Recreate && clears_a_date(change) => {
            recreate(api, change).await
        }
        Action::Update => update(api, change).await,
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
        200 => Ok(proven(api, UPDATE, change, &answer, Some(id))),
        _ => Ok(refusal(UPDATE, &answer).outcome()),
    }
}

async fn remove(api: &Api, change: &Change) -> Outcome {
    let request = DELETE_RULE.request(Request::delete(api.assignment(live_id(change)?)));
    let answer = send(api, request).await?;
    match answer.status {
        200 | 204 => Ok(accepted(&answer)),
        404 => Ok(WriteOutcome::Already(refusal(REMOVE, &answer).to_string())),
        _ => Ok(refusal(REMOVE, &answer).outcome()),
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

/// The outcome of a success that has nothing to say (apis/canopy.md: Remove, Bulk). One with a body that is no JSON does not come from
/// this API: a proxy's sign-in page, say, behind which nothing was done.
pub(super) fn accepted(answer: &Answer) -> WriteOutcome {
    if answer.body.is_empty() {
        return WriteOutcome::Done(Proof::Answer);
    }
    answer.json::<IgnoredAny>().map_or_else(|error| unwritten(&error), |_| WriteOutcome::Done(Proof::Answer))
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

/// An answer proves a write only where it names the assignment that was meant, under the node's second name.
fn proven(api: &Api, request: &str, change: &Change, answer: &Answer, id: Option<&str>) -> WriteOutcome {
    match bare_or_wrapped::<Assigned>(answer) {
        Ok(assigned) if is_meant(api, change, &assigned) && id.is_none_or(|id| id == assigned.id) => {
            WriteOutcome::Done(Proof::Answer)
        }
        Ok(_) => WriteOutcome::unknown(format!(
            "{request} was accepted, and its answer names another assignment than the one that was sent"
        )),
        Err(error) => WriteOutcome::unknown(error.to_string()),
    }
}

/// Whether an answer is about the change's key.
pub(super) fn is_meant(api: &Api, change: &Change, assigned: &Assigned) -> bool {
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

fn clears_a_date(change: &Change) -> bool {
    change.differs.iter().any(|name| change.desired.get(name).is_none_or(Value::is_null))
}

/// A declared date as the API reads it: RFC 3339, at the milliseconds that it compares by.
fn declared(change: &Change, name: &str) -> Result<Option<String>, WriteOutcome> {
    match change.desired.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Instant(instant)) => Ok(Some(instant.to_string())),
        Some(_) => Err(failed(format!("`{name}` is no instant, so nothing was sent"), false)),
    }
}
