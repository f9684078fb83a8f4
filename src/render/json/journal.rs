//! The journal of an apply: one line of JSON an event. What is sent is in the file before its request goes out, what was answered before the
//! run waits for more than a millisecond or two, and before what had to wait for that answer; how it ended follows when there is time. What a
//! large batch carries is written while the network is waited for, and that it is sent, in a short line, when it is: tens of kilobytes then
//! would hold its request up. What a killed run had done can be read afterwards. It holds no secret: keys, messages that the HTTP client has
//! cleaned, references.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

use crate::apply::{Ended, Event, Exit, Sink, TOLD_TOGETHER, Totals};
use crate::model::{Action, Change, Ids, Proof, WriteOutcome};
use crate::plan::{PlannedChange, TargetPlan};
use crate::render::words::Speaker;

use super::lines::{Clock, Lines};
use super::piece::{Made, Object, Piece, Pieces, made};
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
    prepared: Mutex<Prepared>,
}

/// What will be said of batches when they are sent, by the name of the target and the number of the batch.
type Prepared = HashMap<String, HashMap<u64, Vec<u8>>>;

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
        let journal = Self { run, ids, lines: Lines::new(writer, clock), prepared: Mutex::default() };
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

    fn prepared(&self) -> MutexGuard<'_, Prepared> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_prepared(&self, target: &TargetPlan, batch: u64) -> Option<Vec<u8>> {
        self.prepared().get_mut(&target.name)?.remove(&batch)
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
            Event::BatchStarted { target, route, batch, changes, again } => {
                if let Some(made) = self.take_prepared(target, *batch) {
                    return self.line(Made(&made));
                }
                let changes = Some(SentView::all(ids, target, changes));
                EventView::Sent { target: &target.name, batch: *batch, route: route.name, again: *again, changes }
            }
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
            Event::Verified { target, verification } => EventView::Verified {
                target: &target.name,
                verification: VerificationView::of(Speaker::new(ids, target), verification),
            },
            Event::TargetEnded { target, totals } => EventView::TargetEnded { target: &target.name, totals: *totals },
            Event::Interrupted => EventView::Interrupted,
            Event::Ended { totals } => EventView::Totals { totals: *totals },
        });
    }

    fn prepare(&self, event: &Event<'_>) {
        let Event::BatchStarted { target, route, batch, changes, again } = event else { return };
        let (name, batch, route, again) = (&target.name, *batch, route.name, *again);
        let carried = SentView::all(&self.ids, target, changes);
        let carried = if changes.len() > TOLD_TOGETHER {
            self.line(EventView::Prepared { target: name, batch, route, again, changes: carried });
            self.flush();
            None
        } else {
            Some(carried)
        };
        // One that cannot be made is tried again when its time comes, and said then.
        let mut sent = Vec::new();
        if made(&mut sent, &EventView::Sent { target: name, batch, route, again, changes: carried }).is_ok() {
            self.prepared().entry(name.clone()).or_default().insert(batch, sent);
        }
    }

    fn flush(&self) {
        self.lines.flush();
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
    /// When it was made, RFC 3339 in UTC. Lines between which the run did not wait may have the time of the first.
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
    /// A batch of more than 64 changes is ready to be sent, and nothing of it was sent yet. If it is, its `sent` follows.
    Prepared {
        /// The target.
        target: &'a str,
        /// As in its `sent`.
        batch: u64,
        /// As in its `sent`.
        route: &'static str,
        /// As in its `sent`.
        again: bool,
        /// What it carries.
        changes: Pieces<'a, SentView<'a>>,
    },
    /// A batch is about to be sent. Without an `answered` after it, nobody knows what became of it: plan again.
    Sent {
        /// The target.
        target: &'a str,
        /// 1 for the first batch that is sent to the target, then counting on; numbers are left out where the sending ended early. The
        /// `answered` has the same, and the `prepared` where there is one.
        batch: u64,
        /// Method and path with placeholders.
        route: &'static str,
        /// It was sent before, and certainly not carried out; or its block is gone.
        again: bool,
        /// What it carries; absent where its `prepared` says that.
        #[serde(skip_serializing_if = "Option::is_none")]
        changes: Option<Pieces<'a, SentView<'a>>>,
    },
    /// A batch was answered, or never will be.
    Answered {
        /// The target.
        target: &'a str,
        /// As in its `sent`.
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
    /// A stop was asked for.
    Interrupted,
    /// All targets are through.
    Totals {
        /// All outcomes, counted.
        totals: Totals,
    },
    /// The run is over. A run without this line was killed.
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

/// A change on its way.
#[derive(JsonSchema)]
#[schemars(rename = "SentChange")]
struct SentView<'a> {
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

impl Piece for SentView<'_> {
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

impl<'a> SentView<'a> {
    fn all(ids: &'a Ids, target: &'a TargetPlan, changes: &'a [&'a Change]) -> Pieces<'a, Self> {
        let speaker = Speaker::new(ids, target);
        Pieces(Each::of(changes, move |change| Self::of(speaker, change)))
    }

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
            WriteOutcome::Unknown { why } => said(AnswerKind::Unknown, Some(why)),
            WriteOutcome::Failed { message, code, status, .. } => {
                Self { code: code.as_deref(), status: *status, ..said(AnswerKind::Failed, Some(message)) }
            }
        }
    }
}
