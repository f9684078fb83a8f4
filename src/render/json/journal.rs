//! The journal of an apply: one line of JSON an event, written and flushed before the next one happens, so that what a killed run had
//! done can be read afterwards. It holds what was sent and what was answered, and no secret: keys, messages that the HTTP client has
//! cleaned, references.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

use crate::apply::{Event, Exit, Outcome, Sink, Totals};
use crate::model::{Action, Change, Ids, Proof, WriteOutcome};
use crate::plan::{PlannedChange, SetPlan, TargetPlan};
use crate::render::words::Speaker;

use super::plan::ChangeView;
use super::report::{HeldView, OutcomeView, VerificationView, some};
use super::{Each, ExitView, FORMAT_VERSION, KeyView, Tool, value};

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
    /// Digest of the plan; that of the saved plan where one was given.
    pub plan: String,
    /// Whether the plan was saved and reviewed before.
    pub reviewed: bool,
    /// Digest of the policy in force.
    pub policy: Option<String>,
}

/// Appends events to a journal. A line that cannot be written is told at the end: [`Journal::end`].
pub struct Journal {
    run: String,
    ids: Arc<Ids>,
    clock: Clock,
    out: Mutex<Out>,
}

/// The time now, as RFC 3339.
pub type Clock = Box<dyn Fn() -> String + Send + Sync>;

struct Out {
    writer: Box<dyn Write + Send>,
    error: Option<io::Error>,
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
        let out = Mutex::new(Out { writer, error: None });
        let journal = Self { run, ids, clock, out };
        journal.line(EventView::RunBegun {
            format_version: FORMAT_VERSION,
            tool: Tool::THIS,
            about: Cow::Borrowed(about),
        });
        let error = journal.lock().error.take();
        match error {
            None => Ok(journal),
            Some(error) => Err(error),
        }
    }

    /// Ends the run.
    ///
    /// # Errors
    /// The first one that the writer had: from then on the journal has a gap.
    pub fn end(self, exit: Exit) -> io::Result<()> {
        self.line(EventView::RunEnded { exit: exit.into() });
        let error = self.lock().error.take();
        match error {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One write for the whole line, so that runs that append to one file do not cut into each other's lines.
    fn line(&self, event: EventView<'_>) {
        let mut out = self.lock();
        if out.error.is_some() {
            return;
        }
        let line = Line { time: (self.clock)(), run: self.run.clone(), event };
        let written = serde_json::to_vec(&line).map_err(io::Error::from).and_then(|mut bytes| {
            bytes.push(b'\n');
            out.writer.write_all(&bytes)?;
            out.writer.flush()
        });
        out.error = written.err();
    }

    fn ended<'a>(
        &'a self,
        target: &'a TargetPlan,
        of: (&'a SetPlan, &'a PlannedChange),
        outcome: &'a Outcome,
        request_ids: &'a [Box<str>],
    ) -> Ended<'a> {
        let speaker = Speaker::new(&self.ids, target);
        Ended {
            target: &target.name,
            set: &of.0.name,
            change: ChangeView::of(speaker, of.1),
            outcome: OutcomeView::of(speaker, target, outcome).answered_as(request_ids),
        }
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
            Event::BatchStarted { target, route, changes, again } => EventView::Sent {
                target: &target.name,
                route: route.name,
                again: *again,
                changes: Each(Box::new(move || {
                    Box::new(changes.iter().map(|change| SentView::of(ids, target, change)))
                })),
            },
            Event::BatchEnded { target, route, changes, answers, request_ids, again } => EventView::Answered {
                target: &target.name,
                route: route.name,
                again: *again,
                request_ids: some(request_ids),
                answers: Each(Box::new(move || {
                    let both = changes.iter().zip(answers.iter());
                    Box::new(both.map(|(change, answer)| AnswerView::of(SentView::of(ids, target, change), answer)))
                })),
            },
            Event::Finished { target, set, change, outcome, request_ids, provisional: false } => {
                EventView::Ended(self.ended(target, (set, change), outcome, request_ids))
            }
            Event::Finished { target, set, change, outcome, request_ids, provisional: true } => {
                EventView::Provisional(self.ended(target, (set, change), outcome, request_ids))
            }
            Event::Settled { target, set, change, outcome, request_ids } => {
                EventView::Ended(self.ended(target, (set, change), outcome, request_ids))
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
}

/// One line of a journal of `assignctl apply`. Runs that append to one file are told apart by `run`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "assignctl journal line", extend("$id" = "urn:assignctl:journal:1"))]
pub(super) struct Line<'a> {
    /// When it was written, RFC 3339 in UTC.
    time: String,
    /// Which run it belongs to.
    run: String,
    /// What happened.
    event: EventView<'a>,
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
    /// A batch is about to be sent. Without an `answered` after it, nobody knows what became of it: plan again.
    Sent {
        /// The target.
        target: &'a str,
        /// Method and path with placeholders.
        route: &'static str,
        /// It was sent before, and certainly not carried out; or its block is gone.
        again: bool,
        /// What it carries.
        changes: Each<'a, SentView>,
    },
    /// A batch was answered, or never will be.
    Answered {
        /// The target.
        target: &'a str,
        /// Method and path with placeholders.
        route: &'static str,
        /// As in `sent`.
        again: bool,
        /// The API's ids of the answers that came, oldest first: the newest 8, where a batch was divided. Absent where the API gives none.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_ids: Option<&'a [Box<str>]>,
        /// One a change, in the order of `sent`.
        answers: Each<'a, AnswerView<'a>>,
    },
    /// How a change ended, as far as it is known before the target is read again; an `ended` follows.
    Provisional(Ended<'a>),
    /// How a change ended. Of several for one change the last one counts.
    Ended(Ended<'a>),
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

/// A change and how it ended.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JournalOutcome")]
struct Ended<'a> {
    /// The target.
    target: &'a str,
    /// `metadata.name` of its set.
    set: &'a str,
    /// The change, as the plan has it.
    change: ChangeView<'a>,
    /// How it ended.
    outcome: OutcomeView<'a>,
}

/// A change on its way.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SentChange")]
struct SentView {
    /// What it does.
    action: Action,
    /// The natural key after the change, by API field name.
    key: KeyView,
    /// The live key, where a part of it is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_key: Option<KeyView>,
}

impl SentView {
    fn of(ids: &Ids, target: &TargetPlan, change: &Change) -> Self {
        let speaker = Speaker::new(ids, target);
        Self {
            action: change.action,
            key: value::key(speaker, &change.key),
            from_key: change.from_key.as_ref().map(|key| value::key(speaker, key)),
        }
    }
}

/// What was answered to a change.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Answer")]
struct AnswerView<'a> {
    /// The change.
    change: SentView,
    /// In one word.
    answer: AnswerKind,
    /// What the API or the client said.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    /// The API's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    /// HTTP status of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
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
    fn of(change: SentView, answer: &'a WriteOutcome) -> Self {
        let said = |answer, message| Self { change, answer, message, code: None, status: None };
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
