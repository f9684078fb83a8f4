//! The journal of an apply: one line of JSON an event. What a batch carries is in the file before its request goes out, written while the network
//! is waited for where there is such time, so that it holds no request up. That it was sent, and what was answered, is there before the run waits
//! for more than a millisecond or two, and an answer before what had to wait for it; how changes ended follows when there is time. What a killed
//! run can have done is read from it afterwards; a run that can no longer write it sends nothing that is not in it. It holds no secret: keys, messages that
//! the HTTP client has cleaned, references.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::apply::{Ended, Event, Exit, Sink, Totals};
use crate::model::{Action, Change, Ids, Proof, WriteOutcome};
use crate::plan::{PlannedChange, TargetPlan};
use crate::render::words::Speaker;

use super::lines::{Clock, Lines};
use super::piece::{Object, Piece, Pieces};
use super::plan;
use super::report::{HeldView, OutcomeView, VerificationView, some};
use super::value::LineKey;
use super::{Each, Entries, ExitView, FORMAT_VERSION, FieldView, Tool, value};

/// Who started the run, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Actor {
    /// The name.
    pub name: String,
    /// Where the name comes from, such as `GITHUB_ACTOR` or `git`.
    pub source: String,
}

/// What a run is told to be about, before it does anything.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct About {
    /// Who started it.
    pub actor: Option<Actor>,
    /// The address of the pipeline's run.
    pub pipeline: Option<String>,
    /// The commit of the manifests.
    pub git_commit: Option<String>,
    /// Digest of what the manifests declare.
    pub manifests: String,
    /// Digest of the saved plan that was reviewed before; absent: none was. What was done stands in the lines that follow.
    pub plan: Option<String>,
    /// Digest of the policy in force.
    pub policy: Option<String>,
}

/// Appends events to a journal. A line that cannot be written is told at the end: [`Journal::end`].
pub struct Journal {
    run: String,
    ids: Arc<Ids>,
    lines: Lines,
}

impl Journal {
    /// Begins a run: writes what it is about.
    ///
    /// # Errors
    /// Those of the writer; nothing should be applied then.
    pub fn begin(
        writer: Box<dyn Write + Send>,
        clock: Clock,
        run: String,
        ids: Arc<Ids>,
        about: &About,
    ) -> io::Result<Self> {
        let journal = Self { run, ids, lines: Lines::new(writer, clock) };
        journal.line(EventView::RunBegun {
            format_version: FORMAT_VERSION,
            tool: Tool::THIS,
            about: Cow::Borrowed(about),
        });
        journal.lines.written().map(|()| journal)
    }

    /// Ends the run.
    ///
    /// # Errors
    /// The first one that the writer had: from then on the journal has a gap.
    pub fn end(self, exit: Exit) -> io::Result<()> {
        self.line(EventView::RunEnded { exit: exit.into() });
        self.lines.written()
    }

    /// What several changes have in common is written once: of a large apply, this is the most of the file.
    fn ended(&self, speaker: Speaker<'_>, target: &TargetPlan, ended: &Ended<'_>) {
        fn common(planned: &PlannedChange) -> (Action, &Arc<str>) {
            (planned.action(), &planned.at.file)
        }
        fn alike(a: &&PlannedChange, b: &&PlannedChange) -> bool {
            common(a) == common(b)
        }
        let mut changes = Cow::Borrowed(ended.changes);
        // Most often all of them have it in common.
        if !changes.is_sorted_by(alike) {
            changes.to_mut().sort_by(|a, b| common(a).cmp(&common(b)));
        }
        for changes in changes.chunk_by(alike) {
            let Some(first) = changes.first() else { continue };
            self.line(EventView::Ended {
                target: &target.name,
                set: &ended.set.name,
                file: &first.at.file,
                action: first.action(),
                outcome: OutcomeView::of(speaker, target, ended.outcome).answered_as(ended.request_ids),
                changes: Pieces(Each::of(changes, move |planned| EndedView::of(speaker, planned))),
            });
        }
    }

    fn line(&self, event: impl Serialize) {
        self.lines.add(&Line { time: &self.lines.time(), run: &self.run, event });
    }
}

impl Sink for Journal {
    fn event(&self, event: &Event<'_>) {
        let ids = &self.ids;
        self.line(match event {
            Event::Started { targets, changes } => EventView::Started { targets: *targets, changes: *changes },
            Event::TargetStarted { target, changes } => {
                EventView::TargetStarted { target: &target.name, changes: *changes }
            }
            Event::Held { target, held, .. } => {
                EventView::Held { target: &target.name, held: HeldView::of(Speaker::new(ids, target), held) }
            }
            Event::BatchPrepared { target, route, batch, changes, again } => {
                let speaker = Speaker::new(ids, target);
                EventView::Prepared {
                    target: &target.name,
                    batch: *batch,
                    route: route.name,
                    again: *again,
                    changes: Pieces(Each::of(changes, move |change| PreparedView::of(speaker, change))),
                }
            }
            Event::BatchStarted { target, batch, .. } => EventView::Sent { target: &target.name, batch: *batch },
            Event::BatchEnded { target, batch, answers, request_ids, .. } => EventView::Answered {
                target: &target.name,
                batch: *batch,
                request_ids: some(request_ids),
                answers: Pieces(Each::of(answers, AnswerView::of)),
            },
            // The answer to it is written already, and how it ended will be.
            Event::Finished { provisional: true, .. } => return,
            Event::Finished { target, ended, .. } | Event::Settled { target, ended } => {
                return self.ended(Speaker::new(ids, target), target, ended);
            }
            Event::Verifying { target, attempt } => EventView::Reading { target: &target.name, attempt: *attempt },
            Event::Verified { target, verification, not_looked_at } => EventView::Verified {
                target: &target.name,
                verification: VerificationView::of(Speaker::new(ids, target), verification, not_looked_at),
            },
            Event::TargetEnded { target, totals } => EventView::TargetEnded { target: &target.name, totals: *totals },
            Event::Interrupted => EventView::Interrupted,
            Event::Ended { totals } => EventView::Totals { totals: *totals },
        });
    }

    fn flush(&self) -> bool {
        self.lines.flush()
    }
}

/// The JSON Schema of one line.
pub(super) fn schema() -> serde_json::Value {
    schemars::schema_for!(Line<'static, EventView<'static>>).to_value()
}

/// One line of a journal of `assignctl apply`. Runs that append to one file are told apart by `run`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "assignctl journal line", extend("$id" = "urn:assignctl:journal:1"))]
struct Line<'a, E> {
    /// When it was made, RFC 3339 in UTC. Lines between which the run waited for no more than a millisecond or two may have the time of the first.
    time: &'a str,
    /// Which run it belongs to.
    run: &'a str,
    /// What happened.
    event: E,
}

/// What happened.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum EventView<'a> {
    /// A run begins; nothing was sent yet.
    RunBegun {
        /// Version of this format, "major.minor".
        format_version: &'static str,
        /// The program.
        tool: Tool,
        /// Who, and what for.
        about: Cow<'a, About>,
    },
    /// The plan is being carried out.
    Started {
        /// Targets concerned.
        targets: usize,
        /// Changes in all of them.
        changes: u64,
    },
    /// A target begins.
    TargetStarted {
        /// `metadata.name` of the Target.
        target: &'a str,
        /// Its changes.
        changes: u64,
    },
    /// A saved plan holds a change back.
    Held {
        /// The target.
        target: &'a str,
        /// The change, and why.
        held: HeldView<'a>,
    },
    /// A batch is ready, and may be sent from now on. In a run with a `run_ended` it was sent only if its `sent` follows; in one without, nobody
    /// knows what became of a batch without an `answered`: plan again.
    Prepared {
        /// The target.
        target: &'a str,
        /// 1 for the first batch of the target, then counting on. `sent` and `answered` have the same.
        batch: u64,
        /// Method and path with placeholders.
        route: &'static str,
        /// It was sent before, and certainly not carried out; or its block is gone.
        again: bool,
        /// What it carries.
        changes: Pieces<'a, PreparedView<'a>>,
    },
    /// A batch is on its way: sent, or the next to be, where the limits of the target hold it back. Written a moment later, so that a killed run
    /// may lack its last ones.
    Sent {
        /// The target.
        target: &'a str,
        /// As in its `prepared`.
        batch: u64,
    },
    /// A batch was answered, or never will be.
    Answered {
        /// The target.
        target: &'a str,
        /// As in its `prepared`.
        batch: u64,
        /// The API's ids of the answers that came, oldest first: the newest 8, where a batch was divided. Absent where the API gives none.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_ids: Option<&'a [Box<str>]>,
        /// One a change, in the order of the batch.
        answers: Pieces<'a, AnswerView<'a>>,
    },
    /// How changes ended: soon after the answer where that proves it, else when the target was read again. Of several for one change the
    /// last one counts.
    Ended {
        /// The target.
        target: &'a str,
        /// `metadata.name` of their set.
        set: &'a str,
        /// The file that asks for them: its path as the user would type it, relative to the root where there is one.
        file: &'a str,
        /// What each of them does.
        action: Action,
        /// How all of them ended.
        outcome: OutcomeView<'a>,
        /// The changes.
        changes: Pieces<'a, EndedView<'a>>,
    },
    /// A target is read again.
    Reading {
        /// The target.
        target: &'a str,
        /// 1 for the first reading.
        attempt: u32,
    },
    /// What the reading says.
    Verified {
        /// The target.
        target: &'a str,
        /// The result.
        verification: VerificationView<'a>,
    },
    /// A target is through.
    TargetEnded {
        /// The target.
        target: &'a str,
        /// Its outcomes, counted.
        totals: Totals,
    },
    /// A stop was asked for. What was sent or answered just before may stand after it.
    Interrupted,
    /// All targets are through.
    Totals {
        /// All outcomes, counted.
        totals: Totals,
    },
    /// The run is over. A run without this line was killed, or could no longer write its journal and sent nothing that is not in it.
    RunEnded {
        /// The exit code.
        exit: ExitView,
    },
}

/// A change that ended.
#[derive(JsonSchema)]
#[schemars(rename = "EndedChange")]
struct EndedView<'a> {
    /// The line of the file that asks for the change, from 1; for a removal, that of the set whose scope it lies in.
    line: u32,
    /// The column there, from 1, in characters.
    column: u32,
    /// The natural key after the change, by API field name.
    key: LineKey<'a>,
    /// The live key, where a part of it is replaced.
    from_key: Option<LineKey<'a>>,
}

impl Piece for EndedView<'_> {
    fn add_to(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        let mut object = Object::begin(json);
        object.value("line", &self.line)?;
        object.value("column", &self.column)?;
        object.piece("key", &self.key)?;
        if let Some(from_key) = &self.from_key {
            object.piece("from_key", from_key)?;
        }
        object.end();
        Ok(())
    }
}

impl<'a> EndedView<'a> {
    fn of(speaker: Speaker<'a>, planned: &'a PlannedChange) -> Self {
        let change = &planned.change;
        Self {
            line: planned.at.line,
            column: planned.at.column,
            key: LineKey(value::key(speaker, &change.key)),
            from_key: change.from_key.as_ref().map(|key| LineKey(value::key(speaker, key))),
        }
    }
}

/// A change that is ready to be sent.
#[derive(JsonSchema)]
#[schemars(rename = "PreparedChange")]
struct PreparedView<'a> {
    /// What it does.
    action: Action,
    /// The natural key after the change, by API field name.
    key: LineKey<'a>,
    /// The live key, where a part of it is replaced.
    from_key: Option<LineKey<'a>>,
    /// The server's id of the live assignment, where it has one.
    id: Option<&'a str>,
    /// The fields that the change touches, as they were read; absent where there are none.
    before: Option<Entries<FieldView<'a>>>,
    /// The fields that the change touches, as they will be; absent where there are none.
    after: Option<Entries<FieldView<'a>>>,
}

impl Piece for PreparedView<'_> {
    fn add_to(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        let mut object = Object::begin(json);
        object.value("action", &self.action)?;
        object.piece("key", &self.key)?;
        if let Some(from_key) = &self.from_key {
            object.piece("from_key", from_key)?;
        }
        object.optional("id", self.id.as_ref())?;
        object.optional("before", self.before.as_ref())?;
        object.optional("after", self.after.as_ref())?;
        object.end();
        Ok(())
    }
}

impl<'a> PreparedView<'a> {
    fn of(speaker: Speaker<'a>, change: &'a Change) -> Self {
        let (before, after) = plan::fields(speaker, change);
        let some = |side: plan::Side<'a>| side.filter(|fields| !fields.is_empty());
        Self {
            action: change.action,
            key: LineKey(value::key(speaker, &change.key)),
            from_key: change.from_key.as_ref().map(|key| LineKey(value::key(speaker, key))),
            id: change.live.as_ref().and_then(|live| live.id.as_deref()),
            before: some(before),
            after: some(after),
        }
    }
}

/// What was answered to a change.
#[derive(JsonSchema)]
#[schemars(rename = "Answer")]
struct AnswerView<'a> {
    /// In one word.
    answer: AnswerKind,
    /// What the API or the client said.
    message: Option<&'a str>,
    /// The API's own code.
    code: Option<&'a str>,
    /// HTTP status of a failure.
    status: Option<u16>,
}

impl Piece for AnswerView<'_> {
    fn add_to(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        let mut object = Object::begin(json);
        object.value("answer", &self.answer)?;
        object.optional("message", self.message.as_ref())?;
        object.optional("code", self.code.as_ref())?;
        object.optional("status", self.status.as_ref())?;
        object.end();
        Ok(())
    }
}

/// What was answered, in one word.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum AnswerKind {
    /// The answer proves that it was done.
    Done,
    /// Accepted by an answer that proves nothing.
    Accepted,
    /// It was so already.
    Already,
    /// Refused, or impossible to send.
    Failed,
    /// The run was stopped before it was sent.
    NotSent,
    /// No usable answer.
    Unknown,
}

impl<'a> AnswerView<'a> {
    fn of(answer: &'a WriteOutcome) -> Self {
        let said = |answer, message| Self { answer, message, code: None, status: None };
        match answer {
            WriteOutcome::Done(Proof::Answer) => said(AnswerKind::Done, None),
            WriteOutcome::Done(Proof::Listing) => said(AnswerKind::Accepted, None),
            WriteOutcome::Already(text) => said(AnswerKind::Already, Some(text)),
            WriteOutcome::NotSent { why } => said(AnswerKind::NotSent, Some(why)),
            WriteOutcome::Unknown { why, .. } => said(AnswerKind::Unknown, Some(why)),
            WriteOutcome::Failed { message, code, status, .. } => {
                Self { code: code.as_deref(), status: *status, ..said(AnswerKind::Failed, Some(message)) }
            }
        }
    }
}
