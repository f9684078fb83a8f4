//! Writing Streamline: the whole assignment by keyed PUT, or by POST under the domain; never blindly a second time.
//!
//! Each PUT archives the active revision and makes a new one, so a repeat would grow the history and change the id that running
//! jobs refer to. After a PUT whose end is not known, the key is read; only if nothing happened is it sent once more.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value as Json;

use crate::http::{Answer, Request};
use crate::model::{Batch, Change, Fields, LiveInfo, Proof, Sym, Value, WriteOutcome};

use super::super::refusal::{clean, failed, unwritten};
use super::super::{ReadError, Writer};
use super::read::refusal;
use super::route::{DOMAIN_POST_RULE, DOMAIN_PUT_RULE, SERVICE_PUT_RULE};
use super::spec::{DOMAIN, KEY, SERVICE};
use super::wire::{self, Sent, Status};
use super::{Api, Place};

/// The writing side of a target.
pub(super) struct StreamlineWriter(pub(super) Arc<Api>);

#[async_trait]
impl Writer for StreamlineWriter {
    /// A request carries one change (`route.batch` is 1); of several, each is sent by itself.
    async fn write(&self, batch: &Batch<'_>) -> Vec<WriteOutcome> {
        let mut outcomes = Vec::with_capacity(batch.changes.len());
        for change in &batch.changes {
            outcomes.push(self.0.change(change).await);
        }
        outcomes
    }
}

/// How one sending ended.
enum Sending {
    /// Certain, one way or the other.
    Ended(WriteOutcome),
    /// It may have been carried out.
    Doubtful {
        why: String,
        /// The API itself answered no success, so if nothing changed it was not carried out.
        unanswered: bool,
    },
}

/// What a look at the key showed.
enum Seen {
    /// What was sent.
    AsSent,
    /// The revision that the change was planned against, or still nothing.
    AsBefore,
    /// Something else, or nothing readable; in words.
    Else(String),
}

impl Api {
    async fn change(&self, change: &Change) -> WriteOutcome {
        let sent = match Sent::of(change) {
            Ok(sent) => sent,
            Err(problem) => return failed(problem, false),
        };
        let (why, unanswered) = match self.send(change, &sent).await {
            Sending::Ended(outcome) => return outcome,
            Sending::Doubtful { why, unanswered } => (why, unanswered),
        };
        match self.look(change, &sent).await {
            Seen::AsSent => WriteOutcome::Done(Proof::Answer),
            Seen::AsBefore if unanswered => self.send_once_more(change, &sent).await,
            Seen::AsBefore => unknown(&why, "the key still has its earlier revision"),
            Seen::Else(seen) => unknown(&why, &seen),
        }
    }

    /// The key was read and nothing had happened, so one repeat makes no second revision (apis/streamline.md: What makes this API different).
    async fn send_once_more(&self, change: &Change, sent: &Sent) -> WriteOutcome {
        let why = match self.send(change, sent).await {
            Sending::Ended(outcome) => return outcome,
            Sending::Doubtful { why, .. } => why,
        };
        match self.look(change, sent).await {
            Seen::AsSent => WriteOutcome::Done(Proof::Answer),
            Seen::AsBefore => unknown(&why, "it was sent twice, and the key still has its earlier revision"),
            Seen::Else(seen) => unknown(&why, &seen),
        }
    }

    async fn send(&self, change: &Change, sent: &Sent) -> Sending {
        let (request, text) = self.request(change, sent);
        let answer = match self.client.send(request).await {
            Ok(answer) => answer,
            Err(error) if error.may_have_happened() => {
                return Sending::Doubtful { why: error.to_string(), unanswered: true };
            }
            Err(error) => return Sending::Ended(unwritten(&error)),
        };
        match answer.status {
            200..300 => match answer.json::<Json>() {
                Ok(body) => match self.check(&answer, body, change, sent) {
                    Ok(()) => Sending::Ended(WriteOutcome::Done(Proof::Answer)),
                    Err(problem) => Sending::Doubtful { why: format!("{text}: {problem}"), unanswered: false },
                },
                // No JSON: a proxy's page, say. The API itself may not have seen the request.
                Err(error) => Sending::Doubtful { why: error.to_string(), unanswered: true },
            },
            // A 5xx says nothing about whether it was carried out (apis/streamline.md: What makes this API different).
            500.. => Sending::Doubtful { why: refusal(text, &answer).to_string(), unanswered: true },
            _ => Sending::Ended(refusal(text, &answer).outcome()),
        }
    }

    /// The keyed PUT, or the POST of the domain's collection with the key in the body (apis/streamline.md: Domain scope).
    fn request(&self, change: &Change, sent: &Sent) -> (Request, String) {
        let (place, key) = address(change);
        if place.service.is_none() && !self.options.keyed_domain_put {
            let route = self.collection(place);
            let body = sent.body(Some(&self.ids.text(key)));
            return (DOMAIN_POST_RULE.request(Request::post(route.path).json(&body)), format!("POST {}", route.text));
        }
        let route = self.keyed(place, key);
        let rule = if place.service.is_none() { &DOMAIN_PUT_RULE } else { &SERVICE_PUT_RULE };
        (rule.request(Request::put(route.path).json(&sent.body(None))), format!("PUT {}", route.text))
    }

    /// Whether a success speaks of what was sent: the status code alone is not printed in the contract, so 200 and 201 count the same.
    fn check(&self, answer: &Answer, body: Json, change: &Change, sent: &Sent) -> Result<(), String> {
        if !matches!(answer.status, 200 | 201) {
            return Err(format!("answered {}, which the contract does not know", answer.status));
        }
        let row = wire::assignment(body).map_err(|problem| clean(&answer.clean(&problem)))?;
        let key = self.ids.text(change.key.part(KEY));
        if row.key.as_deref().is_some_and(|other| other != &*key) {
            return Err("the answer names another assignment_key".to_owned());
        }
        // An archived revision's answer may leave its fields out.
        let differs = |name| {
            let told = text(&row.fields, name);
            told != sent.text(name) && !(row.status == Status::Archived && told.is_empty())
        };
        if row.status != sent.status || differs("model_id") || differs("model_version") {
            return Err("the answer names another model, version or status than was sent".to_owned());
        }
        Ok(())
    }

    async fn look(&self, change: &Change, sent: &Sent) -> Seen {
        let (place, key) = address(change);
        let (fields, revision) = match self.now(place, key).await {
            Err(error) => return Seen::Else(format!("the key could not be read afterwards: {error}")),
            Ok(None) if sent.status == Status::Archived => return Seen::AsSent,
            Ok(None) if change.live.is_none() => return Seen::AsBefore,
            Ok(None) => return Seen::Else("the key has no active revision now".to_owned()),
            Ok(Some(found)) => found,
        };
        let before =
            change.live.as_ref().and_then(|live| live.info.as_deref()).and_then(|info| info.revision.as_deref());
        if revision.is_some() && revision.as_deref() == before {
            return Seen::AsBefore;
        }
        if sent.is(&fields) {
            return Seen::AsSent;
        }
        let model = format!("{} {}", clean(text(&fields, "model_id")), clean(text(&fields, "model_version")));
        Seen::Else(format!("the key now has another revision, {} ({model})", clean(revision.as_deref().unwrap_or("?"))))
    }

    /// The key's active revision. A domain's keyed path is only assumed, so its collection is asked first unless it is switched on.
    async fn now(&self, place: Place, key: Sym) -> Result<Option<(Fields, Option<Box<str>>)>, ReadError> {
        if place.service.is_none() && !self.options.keyed_domain_put {
            let found = self.active_in_collection(place, key).await?;
            let revision = |info: Option<Box<LiveInfo>>| info.and_then(|info| info.revision);
            return Ok(found.map(|live| (live.fields, revision(live.info))));
        }
        Ok(self.active(place, key).await?.map(|row| (row.fields, Some(row.revision))))
    }
}

fn address(change: &Change) -> (Place, Sym) {
    let place = Place { domain: change.key.part(DOMAIN), service: change.key.part(SERVICE) };
    (place, change.key.part(KEY))
}

fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    match fields.get(name) {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

fn unknown(why: &str, seen: &str) -> WriteOutcome {
    WriteOutcome::Unknown { why: format!("{why}; afterwards {seen}; plan again before sending it again") }
}
