//! The events of an apply as JSON lines: one object a line, written as things happen, for whoever follows a run.

use std::io::{self, Write};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::apply::{Ended, Event, Sink, Totals};
use crate::model::{Action, Ids, WriteOutcome};
use crate::plan::TargetPlan;
use crate::render::words::Speaker;

use super::lines::{Clock, Lines};
use super::report::{OutcomeView, VerificationResult};
use super::{FORMAT_VERSION, KeyView, value};

/// One line.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "assignctl apply event", extend("$id" = "urn:assignctl:event:1"))]
pub(super) struct EventView<'a> {
    /// Version of this format, "major.minor"; on the first line only.
    #[serde(skip_serializing_if = "Option::is_none")]
    format_version: Option<&'static str>,
    /// When it was made, RFC 3339 in UTC. Lines between which the run waited for no more than a millisecond or two may have the time of the first.
    at: &'a str,
    /// What happened.
    event: Name,
    /// The target concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    /// `metadata.name` of the set concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    /// What the change does.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Action>,
    /// The natural key of the change, by API field name.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyView<'a>>,
    /// How the change ended, as far as it is known now.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<OutcomeView<'a>>,
    /// Only the re-read can tell; a `settled` for this change follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    provisional: Option<bool>,
    /// A batch: 1 for the first one that is sent to the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<u64>,
    /// Method and path of a batch, with placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'static str>,
    /// A batch that comes after the re-read.
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<bool>,
    /// How many changes: of the run, of the target, or of the batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<u64>,
    /// Changes of a batch that were accepted or were so already.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<u64>,
    /// 1 for the first reading after the writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    /// What the re-read says about the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    verification: Option<VerificationResult>,
    /// Final outcomes, counted: of the target, or of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
}

/// What happened.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Name {
    /// The apply begins.
    Started,
    /// A target begins.
    TargetStarted,
    /// A saved plan holds a change back: it will not be sent.
    Held,
    /// A batch is on its way: sent, or the next to be, where the limits of the target hold it back.
    BatchStarted,
    /// A batch was answered, or will never be.
    BatchEnded,
    /// A change is through the sending. Exactly once for each change.
    Finished,
    /// The target is read again.
    Verifying,
    /// The re-read settled a provisional outcome, or altered one.
    Settled,
    /// What the re-read says about the target as a whole.
    Verified,
    /// A target is through.
    TargetEnded,
    /// A stop was asked for.
    Interrupted,
    /// The apply is over; the last line.
    Ended,
}

impl<'a> EventView<'a> {
    fn new(event: Name, at: &'a str) -> Self {
        Self {
            format_version: None,
            at,
            event,
            target: None,
            set: None,
            action: None,
            key: None,
            outcome: None,
            provisional: None,
            batch: None,
            route: None,
            again: None,
            changes: None,
            accepted: None,
            attempt: None,
            verification: None,
            totals: None,
        }
    }

    /// Its line, if it is one for those who follow: what is only prepared has not happened.
    fn of(ids: &'a Ids, event: &Event<'a>, at: &'a str) -> Option<Self> {
        let new = |name| Self::new(name, at);
        let of = |name, target: &'a TargetPlan| Self { target: Some(&target.name), ..Self::new(name, at) };
        Some(match *event {
            Event::Started { changes, .. } => {
                Self { format_version: Some(FORMAT_VERSION), changes: Some(changes), ..new(Name::Started) }
            }
            Event::TargetStarted { target, changes } => {
                Self { changes: Some(changes), ..of(Name::TargetStarted, target) }
            }
            Event::Held { target, held, outcome } => {
                let speaker = Speaker::new(ids, target);
                Self {
                    set: Some(&held.set),
                    action: Some(held.action),
                    key: Some(value::key(speaker, &held.key)),
                    outcome: Some(OutcomeView::of(speaker, target, outcome)),
                    ..of(Name::Held, target)
                }
            }
            Event::BatchPrepared { .. } => return None,
            Event::BatchStarted { target, route, batch, changes, again } => Self {
                batch: Some(batch),
                route: Some(route.name),
                again: Some(again),
                changes: Some(changes as u64),
                ..of(Name::BatchStarted, target)
            },
            Event::BatchEnded { target, route, batch, changes, answers, again, .. } => Self {
                batch: Some(batch),
                route: Some(route.name),
                again: Some(again),
                changes: Some(changes.len() as u64),
                accepted: Some(accepted(answers)),
                ..of(Name::BatchEnded, target)
            },
            Event::Finished { target, ended, provisional } => {
                Self { provisional: Some(provisional), ..of(Name::Finished, target).ended(ids, target, ended) }
            }
            Event::Settled { target, ended } => of(Name::Settled, target).ended(ids, target, ended),
            Event::Verifying { target, attempt } => Self { attempt: Some(attempt), ..of(Name::Verifying, target) },
            Event::Verified { target, verification, not_looked_at } => {
                let verification = VerificationResult::of(verification, not_looked_at);
                Self { verification: Some(verification), ..of(Name::Verified, target) }
            }
            Event::TargetEnded { target, totals } => Self { totals: Some(totals), ..of(Name::TargetEnded, target) },
            Event::Interrupted => new(Name::Interrupted),
            Event::Ended { totals } => Self { totals: Some(totals), ..new(Name::Ended) },
        })
    }

    /// What endings have in common; the change is still to be said.
    fn ended(self, ids: &'a Ids, target: &'a TargetPlan, ended: Ended<'a>) -> Self {
        let outcome = OutcomeView::of(Speaker::new(ids, target), target, ended.outcome);
        Self { set: Some(&ended.set.name), outcome: Some(outcome.answered_as(ended.request_ids)), ..self }
    }
}

fn accepted(answers: &[WriteOutcome]) -> u64 {
    let accepted = |answer: &&WriteOutcome| matches!(answer, WriteOutcome::Done(_) | WriteOutcome::Already(_));
    answers.iter().filter(accepted).count() as u64
}

/// Writes events as they come.
pub struct EventLines {
    lines: Lines,
    ids: Arc<Ids>,
}

impl std::fmt::Debug for EventLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventLines").finish_non_exhaustive()
    }
}

impl EventLines {
    /// Lines to a writer, with the time from a clock.
    pub fn new(out: Box<dyn Write + Send>, ids: Arc<Ids>, clock: Clock) -> Self {
        Self { lines: Lines::new(out, clock), ids }
    }

    /// What went wrong with the writing, if anything did: an apply goes on without its events.
    ///
    /// # Errors
    /// The first error of the writer.
    pub fn close(self) -> io::Result<()> {
        self.lines.written()
    }
}

impl Sink for EventLines {
    fn event(&self, event: &Event<'_>) {
        let time = self.lines.time();
        let Some(mut line) = EventView::of(&self.ids, event, &time) else { return };
        let (Event::Finished { target, ended, .. } | Event::Settled { target, ended }) = event else {
            return self.lines.add(&line);
        };
        for change in ended.changes {
            line.action = Some(change.action());
            line.key = Some(value::key(Speaker::new(&self.ids, target), &change.change.key));
            self.lines.add(&line);
        }
    }

    fn flush(&self) -> bool {
        self.lines.flush();
        true // an apply goes on without its events
    }
}
