//! Writing Streamline: the whole assignment by keyed PUT, or by POST under the domain; never blindly a second time.
//!
//! Each PUT archives the active revision and makes a new one, so a repeat would grow the history and change the id that running
//! jobs refer to. After a PUT whose end is not known, the key is read. Only if nothing happened, and nothing can happen any more, is it
//! sent once more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::value::RawValue;

use crate::http::{Answer, Request};
use crate::model::{Batch, Change, Fields, LiveInfo, Proof, Sym, Value, WriteOutcome};

use super::super::refusal::{clean, denial, failed, unwritten};
use super::super::{ReadError, Writer};
use super::read::refusal;
use super::route::{DOMAIN_POST, DOMAIN_POST_RULE, DOMAIN_PUT, DOMAIN_PUT_RULE, SERVICE_PUT, SERVICE_PUT_RULE};
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
            outcomes.push(self.0.change(batch.route.name, change).await);
        }
        outcomes
    }
}

/// How often a key that still shows its earlier revision is looked at again where the answer ended the request: reads may lag behind
/// writes. The pauses between the looks (half a second, one, two) are longer together than an apply's own verification waits for a
/// listing that lags.
const FURTHER_LOOKS: u32 = 3;

/// How one sending ended.
enum Sending {
    /// Certain, one way or the other.
    Ended(WriteOutcome),
    /// It may have been carried out.
    Doubtful(Doubt),
}

/// Why a sending is in doubt.
struct Doubt {
    why: String,
    kind: Kind,
}

enum Kind {
    /// No whole answer of the API came in time, or a gateway answered for it. The request may still be carried out.
    UnderWay,
    /// It was lost in a connection that the peer had closed, most likely. All time that a slow server may need is waited for, and then it
    /// is sent once more on a new connection.
    StaleConnection,
    /// The API itself answered with an error, which does not say whether it was carried out (apis/streamline.md: What makes this API
    /// different). It is not on its way any more.
    Error(u16),
    /// A success came that speaks of something else than was sent.
    Odd,
    /// A success came whose body denies it.
    Denied,
}

/// Statuses by which a gateway says that it has no answer of the API behind it; those from 520 to 527 are Cloudflare's. The API may carry the
/// request out all the same.
fn is_gateways(status: u16) -> bool {
    matches!(status, 502..=504 | 520..=527)
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
    async fn change(&self, route: &str, change: &Change) -> WriteOutcome {
        let sent = match Sent::of(change) {
            Ok(sent) => sent,
            Err(problem) => return failed(problem, false),
        };
        let doubt = match self.send(route, change, &sent).await {
            Sending::Ended(outcome) => return outcome,
            Sending::Doubtful(doubt) => doubt,
        };
        match (self.settled(change, &sent, &doubt).await, &doubt.kind) {
            (Seen::AsSent, _) => WriteOutcome::Done(Proof::Answer),
            (Seen::AsBefore, Kind::StaleConnection | Kind::Error(_)) => {
                match self.send_once_more(route, change, &sent).await {
                    WriteOutcome::NotSent { why } => doubt.unknown(&format!("it was not sent again: {why}")),
                    outcome => outcome,
                }
            }
            (Seen::AsBefore, Kind::UnderWay | Kind::Odd | Kind::Denied) => doubt.nothing_happened(),
            (Seen::Else(seen), _) => doubt.unknown(&seen),
        }
    }

    /// The key was read and nothing had happened, so one repeat makes no second revision (apis/streamline.md: What makes this API different).
    async fn send_once_more(&self, route: &str, change: &Change, sent: &Sent) -> WriteOutcome {
        let doubt = match self.send(route, change, sent).await {
            Sending::Ended(outcome) => return outcome,
            Sending::Doubtful(doubt) => doubt,
        };
        match self.settled(change, sent, &doubt).await {
            Seen::AsSent => WriteOutcome::Done(Proof::Answer),
            Seen::AsBefore => doubt.nothing_happened(),
            Seen::Else(seen) => doubt.unknown(&seen),
        }
    }

    async fn send(&self, route: &str, change: &Change, sent: &Sent) -> Sending {
        let (request, text) = match self.request(route, change, sent) {
            Ok(request) => request,
            Err(problem) => return Sending::Ended(failed(problem, false)),
        };
        let answer = match self.client.send(request).await {
            Ok(answer) => answer,
            Err(error) if error.may_have_happened() => {
                let kind = if error.stale_connection() { Kind::StaleConnection } else { Kind::UnderWay };
                return doubtful(error.to_string(), kind);
            }
            Err(error) => return Sending::Ended(unwritten(&error)),
        };
        match answer.status {
            200..300 => match answer.json::<&RawValue>() {
                Ok(_) if denial(&answer.body).is_some() => doubtful(refusal(text, &answer).to_string(), Kind::Denied),
                Ok(body) => match self.check(&answer, body, change, sent) {
                    Ok(()) => Sending::Ended(WriteOutcome::Done(Proof::Answer)),
                    Err(problem) => doubtful(format!("{text}: {problem}"), Kind::Odd),
                },
                // A proxy's page, or half of an answer.
                Err(error) => doubtful(error.to_string(), Kind::UnderWay),
            },
            status @ 500.. => {
                // A server that says when to retry refused the request; a gateway says nothing of the kind.
                let under_way = is_gateways(status) && !answer.says_when_to_retry();
                let kind = if under_way { Kind::UnderWay } else { Kind::Error(status) };
                doubtful(refusal(text, &answer).to_string(), kind)
            }
            _ => Sending::Ended(refusal(text, &answer).outcome()),
        }
    }

    /// The request of the planned route: the keyed PUT, or the POST of the domain's collection with the key in the body
    /// (apis/streamline.md: Domain scope).
    fn request(&self, route: &str, change: &Change, sent: &Sent) -> Result<(Request, String), String> {
        let (place, key) = address(change);
        let rule = match route {
            SERVICE_PUT => &SERVICE_PUT_RULE,
            DOMAIN_PUT => &DOMAIN_PUT_RULE,
            DOMAIN_POST => {
                let route = self.collection(place);
                let body = sent.body(Some(self.ids.text(key)));
                let request = DOMAIN_POST_RULE.request(Request::post(route.path).json(&body));
                return Ok((request, format!("POST {}", route.text)));
            }
            other => return Err(format!("{other} is no route of Streamline, so nothing was sent")),
        };
        let route = self.keyed(place, key);
        Ok((rule.request(Request::put(route.path).json(&sent.body(None))), format!("PUT {}", route.text)))
    }

    /// Whether a success speaks of what was sent: the status code alone is not printed in the contract, so 200 and 201 count the same.
    fn check(&self, answer: &Answer, body: &RawValue, change: &Change, sent: &Sent) -> Result<(), String> {
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
        match sent.contradiction(body) {
            Some(name) => Err(format!("the answer shows another `{name}` than was sent")),
            None => Ok(()),
        }
    }

    /// What the key shows once it had time to show it. A request that may still be carried out is waited for as long as the target says;
    /// else reads may lag behind a write, and "nothing happened" is what a second revision would rest on.
    async fn settled(&self, change: &Change, sent: &Sent, doubt: &Doubt) -> Seen {
        let started = Instant::now();
        let mut seen = self.look(change, sent).await;
        for looks in 0.. {
            let left = match doubt.kind {
                Kind::UnderWay | Kind::StaleConnection => self.settle_timeout.saturating_sub(started.elapsed()),
                Kind::Error(_) if looks < FURTHER_LOOKS => Duration::MAX,
                Kind::Error(_) | Kind::Odd | Kind::Denied => Duration::ZERO,
            };
            if left.is_zero() || !matches!(seen, Seen::AsBefore) {
                break;
            }
            if !self.client.let_settle(looks, left).await {
                return Seen::Else(
                    "the key still has its earlier revision, and a stop was asked for before it was looked at again"
                        .to_owned(),
                );
            }
            seen = self.look(change, sent).await;
        }
        seen
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

fn doubtful(why: String, kind: Kind) -> Sending {
    Sending::Doubtful(Doubt { why, kind })
}

impl Doubt {
    /// The key was read and is as before. That is certain where the API itself answered: the request is not on its way any more.
    fn nothing_happened(self) -> WriteOutcome {
        const SEEN: &str = "the key still has its earlier revision";
        let (status, temporary) = match self.kind {
            Kind::Error(status) => (Some(status), status == 503),
            Kind::Denied => (None, false),
            Kind::UnderWay | Kind::StaleConnection | Kind::Odd => return self.unknown(SEEN),
        };
        WriteOutcome::Failed { message: format!("{}; {SEEN}", self.why), code: None, status, temporary }
    }

    fn unknown(&self, seen: &str) -> WriteOutcome {
        let why = format!("{}; afterwards {seen}; plan again before sending it again", self.why);
        // Another sending could make a second revision (apis/streamline.md: What makes this API different).
        WriteOutcome::Unknown { why, repeatable: false }
    }
}
