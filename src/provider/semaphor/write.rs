//! One request a change: create, update of the whole parameter map, removal (apis/semaphor.md: Create; Get, update, delete).

use std::sync::Arc;

use async_trait::async_trait;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value as Json;

use crate::http::{Answer, Request};
use crate::model::{Batch, Change, Proof, SecretResolver, WriteOutcome};
use crate::provider::Writer;
use crate::provider::refusal::{Refusal, failed, unwritten};

use super::actor::{ACTOR, DEFINITION, SCOPE_TYPE, field_of};
use super::api::{Api, Verdict, verdict};
use super::params::Params;
use super::route::{CREATE, CREATE_RULE, DELETE, DELETE_RULE, UPDATE, UPDATE_RULE};
use super::wire::{Assignment, Written};

/// Writes one project.
pub(super) struct SemaphorWriter {
    pub api: Api,
    pub secrets: Arc<dyn SecretResolver>,
}

#[async_trait]
impl Writer for SemaphorWriter {
    async fn write(&self, batch: &Batch<'_>) -> Vec<WriteOutcome> {
        let mut outcomes = Vec::with_capacity(batch.changes.len());
        for change in &batch.changes {
            let outcome = match batch.route.name {
                CREATE => self.create(change).await,
                UPDATE => self.update(change).await,
                DELETE => self.remove(change).await,
                other => Err(failed(format!("{other} is no route of Semaphor, so nothing was sent"), false)),
            };
            outcomes.push(outcome.unwrap_or_else(|outcome| outcome));
        }
        outcomes
    }
}

/// The right side ends a write early; both sides are its outcome.
type Outcome = Result<WriteOutcome, WriteOutcome>;

impl SemaphorWriter {
    async fn create(&self, change: &Change) -> Outcome {
        let ids = &self.api.ids;
        let scope_type = ids.text(change.key.part(SCOPE_TYPE));
        let field = field_of(scope_type)
            .ok_or_else(|| failed(format!("there is no scope type {scope_type}, so nothing was sent"), false))?;
        let params = self.params(change)?;
        let actor = ids.text(change.key.part(ACTOR));
        let body = New {
            definition: ids.text(change.key.part(DEFINITION)),
            scope_type,
            actor: field.map(|field| (field, actor)),
            params: &params,
        };
        // A 503 is resent: should it have been carried out against all custom, the second one is answered as a duplicate.
        let request = CREATE_RULE.request(Request::post(self.api.collection()).json(&body));
        let answer = self.send(request, &params).await?;
        // 200 and 201 are both successes (apis/semaphor.md: Create).
        match verdict::<Written>(CREATE, &answer, &[200, 201], &params) {
            Verdict::Yes(Written { assignment }) => {
                Ok(self.proven(CREATE, change, &assignment, Some((&answer, &params))))
            }
            Verdict::No(refusal) if is_duplicate(&refusal, self.api.duplicate_status) => {
                Ok(WriteOutcome::Already(refusal.to_string()))
            }
            other => Ok(refused(other)),
        }
    }

    async fn update(&self, change: &Change) -> Outcome {
        let path = self.api.assignment(live_id(change)?);
        let params = self.params(change)?;
        let request = UPDATE_RULE.request(Request::patch(path).json(&Patch { params: &params }));
        let answer = self.send(request, &params).await?;
        match verdict::<Written>(UPDATE, &answer, &[200, 201], &params) {
            Verdict::Yes(Written { assignment }) => {
                Ok(self.proven(UPDATE, change, &assignment, Some((&answer, &params))))
            }
            other => Ok(refused(other)),
        }
    }

    async fn remove(&self, change: &Change) -> Outcome {
        let path = self.api.assignment(live_id(change)?);
        let nothing = Params::default();
        let request = DELETE_RULE.request(Request::delete(path));
        let answer = self.send(request, &nothing).await?;
        match verdict::<Written>(DELETE, &answer, &[200], &nothing) {
            Verdict::Yes(Written { assignment }) => Ok(self.proven(DELETE, change, &assignment, None)),
            Verdict::No(refusal) if refusal.status == 404 => Ok(WriteOutcome::Already(refusal.to_string())),
            other => Ok(refused(other)),
        }
    }

    fn params<'a>(&self, change: &'a Change) -> Result<Params<'a>, WriteOutcome> {
        Params::of(change, self.secrets.as_ref()).map_err(|why| failed(why, false))
    }

    async fn send(&self, request: Request, params: &Params<'_>) -> Result<Answer, WriteOutcome> {
        for secret in params.secrets() {
            self.api.client.hide(secret);
        }
        self.api.client.send(request).await.map_err(|error| unwritten(&error))
    }

    /// An answer proves a write only where it names the assignment that was meant and shows no other parameters than were sent.
    fn proven(
        &self,
        request: &str,
        change: &Change,
        assignment: &Assignment,
        sent: Option<(&Answer, &Params<'_>)>,
    ) -> WriteOutcome {
        let text = |part| self.api.ids.text(change.key.part(part));
        let actor = field_of(&assignment.scope_type).flatten().and_then(|field| assignment.actor(field)).unwrap_or("");
        let same_key = *assignment.definition_id == *text(DEFINITION)
            && *assignment.scope_type == *text(SCOPE_TYPE)
            && *actor == *text(ACTOR);
        let live = change.live.as_ref().and_then(|live| live.id.as_deref());
        if !same_key || assignment.id.is_empty() || live.is_some_and(|id| *id != *assignment.id) {
            return WriteOutcome::unknown(format!(
                "{request} was accepted, and its answer names another assignment than the one that was sent"
            ));
        }
        match sent.and_then(|(answer, params)| params.contradiction(&shown_params(answer)?)) {
            None => WriteOutcome::Done(Proof::Answer),
            // The same request again would be answered in the same way.
            Some(other) => WriteOutcome::Unknown {
                why: format!("{request} was accepted, and its answer shows {other}"),
                repeatable: false,
            },
        }
    }
}

/// The parameters that an answer shows; `None` where it shows none, which contradicts nothing.
fn shown_params(answer: &Answer) -> Option<Json> {
    let body: Json = serde_json::from_slice(&answer.body).ok()?;
    body.pointer("/data/assignment/params").cloned()
}

/// The server's id of the row that a change is about.
fn live_id(change: &Change) -> Result<&str, WriteOutcome> {
    let id = change.live.as_ref().and_then(|live| live.id.as_deref());
    id.ok_or_else(|| failed("the live row has no id, so nothing was sent; plan again".to_owned(), false))
}

/// Whether a create was refused because the assignment exists. Status and code are not stated: the target says the status (409
/// is assumed), and any other counts where its code says so. A listing has to confirm it (apis/semaphor.md: Create).
fn is_duplicate(refusal: &Refusal, duplicate_status: u16) -> bool {
    let says_so = || {
        let code = refusal.code.as_deref().unwrap_or("").to_ascii_lowercase();
        ["duplicate", "already", "exists", "conflict"].iter().any(|word| code.contains(word))
    };
    refusal.status == duplicate_status || (matches!(refusal.status, 400 | 409 | 422) && says_so())
}

/// The outcome of an answer that is no success.
fn refused<T>(verdict: Verdict<T>) -> WriteOutcome {
    match verdict {
        // A no that comes with a success status is said by the envelope.
        Verdict::No(refusal) if refusal.status < 300 => refusal.failed(),
        Verdict::No(refusal) => refusal.outcome(),
        Verdict::Unclear(why) => WriteOutcome::unknown(why),
        Verdict::Yes(_) => WriteOutcome::Done(Proof::Answer),
    }
}

/// The body of a create (apis/semaphor.md: Create).
struct New<'a> {
    definition: &'a str,
    scope_type: &'a str,
    actor: Option<(&'static str, &'a str)>,
    params: &'a Params<'a>,
}

impl Serialize for New<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("definitionId", self.definition)?;
        map.serialize_entry("scopeType", self.scope_type)?;
        if let Some((field, id)) = self.actor {
            map.serialize_entry(field, id)?;
        }
        if !self.params.is_empty() {
            map.serialize_entry("params", self.params)?;
        }
        map.end()
    }
}

/// The body of an update: the whole map, or `null` to clear it.
#[derive(serde::Serialize)]
struct Patch<'a> {
    params: &'a Params<'a>,
}
