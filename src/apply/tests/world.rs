//! A system of its own for the executor's tests: rows in memory, a writer that follows a script, readings that may lag.
//! Plans come from the real planner.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::super::*;
use crate::diag::Sources;
use crate::model::{
    Action, Batch, Capabilities, Change, Coverage, DesiredSet, Expect, FieldKind, FieldSpec, Fields, Ids, Instant, Key,
    Limits, Live, Mode, OnRemove, Origin, Pairing, Proof, Route, Scope, Signal, Sym, Target, Value, WriteOutcome,
};
use crate::model::{Desired, Endpoint};
use crate::plan::{Input, PlannedChange, SetInput, Thresholds, plan_target};
use crate::provider::ReadError;

fn route(change: &Change, limits: &Limits, _: &Fields) -> Route {
    let name = match change.action {
        Action::Create => "POST /rows",
        Action::Update => "PATCH /rows",
        Action::Remove => "DELETE /rows",
    };
    Route { name, group: Sym::NONE, batch: limits.batch_size, requests: 1 }
}

const FIELDS: &[FieldSpec] = &[FieldSpec { name: "note", kind: FieldKind::Text, sent_with: None }];

const fn capabilities(pairing: Option<Pairing>) -> Capabilities {
    Capabilities {
        provider: "fake",
        key_fields: &["identity_id", "role_id"],
        key_names: None,
        fields: FIELDS,
        pairing,
        window: None,
        order_by: 0,
        holder: None,
        on_remove: OnRemove::Remove,
        after_apply: None,
        route,
    }
}

static PLAIN: Capabilities = capabilities(None);
static PAIRING: Capabilities = capabilities(Some(Pairing { slot: &[0], replaced: 1 }));

/// What the writer does with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Carries it out and says so.
    Do,
    /// Carries it out; the answer tells nothing.
    Silent,
    /// Does nothing; the answer tells nothing.
    Ignore,
    /// Carries it out; the answer is lost.
    Lost,
    /// Does nothing; the answer is lost.
    Drop,
    /// Does nothing, the answer is lost, and someone else changes the row.
    DropAndMove,
    /// Refuses.
    Refuse,
    /// Someone else carries it out, and the writer refuses.
    Overtaken,
    /// Says that it was so already.
    Already,
    /// The retry budget is spent.
    Busy,
    /// Carries it out; the answers of the batch end before this one.
    Mute,
    /// Does nothing: a stop came before it was sent.
    NotSent,
}

type Rows = BTreeMap<String, String>;

/// The live system.
#[derive(Default)]
pub(super) struct World {
    ids: Arc<Ids>,
    pub(super) rows: Mutex<Rows>,
    /// What lagging reads still show.
    old: Mutex<Rows>,
    pub(super) lagging_reads: AtomicUsize,
    /// How many readings show the truth before the lagging ones start.
    pub(super) fresh_reads: AtomicUsize,
    /// What happens to the changes of a key, in turn; then [`Act::Do`].
    script: Mutex<HashMap<String, VecDeque<Act>>>,
    /// `start …` and `end …` of every write, by keys, and `told …` when it was told that it ended.
    pub(super) log: Mutex<Vec<String>>,
    in_flight: AtomicUsize,
    /// How many were in flight at each start.
    pub(super) levels: Mutex<Vec<usize>>,
    pub(super) reads: AtomicUsize,
    /// The listing is not proven complete.
    pub(super) gap: AtomicBool,
    /// Reads fail; the flag says whether temporarily.
    pub(super) broken: Mutex<Option<bool>>,
    /// The sink can keep no more.
    pub(super) full: AtomicBool,
    /// There is no more room for the sink when so many writes have started.
    pub(super) full_at: Option<usize>,
    /// Asks for a stop when so many writes have started.
    pub(super) stop_at: Mutex<Option<(usize, Stop)>>,
    pub(super) latency: Duration,
    /// The batch with this key is answered when it was told of another answer, however long that takes.
    pub(super) answered_last: Option<String>,
    /// The changes of batches of which was told since the sink was asked to write things down.
    unwritten: Mutex<Unwritten>,
    /// How many batches were sent, and how many of them were under way, each time that the executor waited.
    pub(super) waits: Mutex<Vec<(usize, usize)>>,
    /// The changes of each batch that was sent, and how often the executor had waited before.
    gone: Mutex<Vec<(String, usize)>>,
    /// How many batches were answered, and of how many that was told.
    answered: AtomicUsize,
    told: AtomicUsize,
    /// Of how many batches it was told that they were sent.
    told_sent: AtomicUsize,
}

impl World {
    fn key(&self, label: &str) -> Key {
        Key::new(&label.split('/').map(|part| self.ids.sym(part)).collect::<Vec<_>>())
    }

    pub(super) fn label(&self, key: &Key) -> String {
        format!("{}/{}", self.ids.text(key.part(0)), self.ids.text(key.part(1)))
    }

    /// The executor waits, or lets others go first: what was sent or answered is told and written by now, except in the lull after an answer.
    fn waited(&self) {
        let sent = self.levels.lock().unwrap().len();
        if self.all_told() {
            let Unwritten { started, answered, .. } = &*self.unwritten.lock().unwrap();
            assert!(started.is_empty() && answered.is_empty(), "{started:?} {answered:?}");
            assert_eq!(self.told_sent.load(Ordering::SeqCst), sent);
        }
        self.waits.lock().unwrap().push((sent, self.in_flight.load(Ordering::SeqCst)));
    }

    /// Whether it was told of all batches that were answered.
    fn all_told(&self) -> bool {
        self.answered.load(Ordering::SeqCst) == self.told.load(Ordering::SeqCst)
    }

    fn snapshot(&self, rows: &Rows) -> Snapshot {
        let live = |(label, note): (&String, &String)| Live {
            key: self.key(label),
            id: Some(label.as_str().into()),
            fields: fields(note),
            info: None,
        };
        let gap = self.gap.load(Ordering::SeqCst).then(|| "the list was cut".to_owned());
        let coverage = vec![Coverage { scope: Scope::default(), gap, evidence: "1 page".to_owned() }];
        Snapshot { rows: rows.iter().map(live).collect(), coverage, requests: 1, ..Snapshot::default() }
    }

    fn carry_out(&self, change: &Change) {
        let mut rows = self.rows.lock().unwrap();
        if let Some(from) = &change.from_key {
            rows.remove(&self.label(from));
        }
        match (change.action, change.desired.get("note")) {
            (Action::Remove, _) => drop(rows.remove(&self.label(&change.key))),
            (_, Some(Value::Text(note))) => drop(rows.insert(self.label(&change.key), note.to_string())),
            _ => drop(rows.entry(self.label(&change.key)).or_default()),
        }
    }

    /// The answer to a change; `None`: the answers end here.
    fn act(&self, change: &Change) -> Option<WriteOutcome> {
        let label = self.label(&change.key);
        let act = self.script.lock().unwrap().get_mut(&label).and_then(VecDeque::pop_front).unwrap_or(Act::Do);
        let lost = || WriteOutcome::unknown("the connection broke");
        let failed = |temporary| WriteOutcome::Failed {
            message: "no".to_owned(),
            code: Some("E1".to_owned()),
            status: Some(if temporary { 503 } else { 400 }),
            temporary,
        };
        if matches!(act, Act::Do | Act::Silent | Act::Lost | Act::Mute | Act::Overtaken) {
            self.carry_out(change);
        }
        Some(match act {
            Act::Do => WriteOutcome::Done(Proof::Answer),
            Act::Silent | Act::Ignore => WriteOutcome::Done(Proof::Listing),
            Act::Lost | Act::Drop => lost(),
            Act::DropAndMove => {
                self.rows.lock().unwrap().insert(label, "moved".to_owned());
                lost()
            }
            Act::Refuse | Act::Overtaken => failed(false),
            Act::Busy => failed(true),
            Act::Already => WriteOutcome::Already("exists".to_owned()),
            Act::NotSent => WriteOutcome::NotSent { why: "the run was stopped".to_owned() },
            Act::Mute => return None,
        })
    }
}

#[async_trait]
impl Writer for World {
    async fn write(&self, batch: &Batch<'_>) -> Vec<WriteOutcome> {
        let labels: Vec<String> = batch.changes.iter().map(|change| self.label(&change.key)).collect();
        self.unwritten.lock().unwrap().allows(batch, &labels);
        let labels = labels.join(" ");
        self.log.lock().unwrap().push(format!("start {labels}"));
        self.gone.lock().unwrap().push((labels.clone(), self.waits.lock().unwrap().len()));
        let level = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.levels.lock().unwrap().push(level);
        if let Some((at, stop)) = &*self.stop_at.lock().unwrap()
            && self.levels.lock().unwrap().len() == *at
        {
            stop.request(Signal::Interrupt);
        }
        if self.full_at == Some(self.levels.lock().unwrap().len()) {
            self.full.store(true, Ordering::SeqCst);
        }
        tokio::time::sleep(self.latency).await;
        if self.answered_last.as_ref().is_some_and(|key| labels.split(' ').any(|label| label == key)) {
            let told = async {
                while self.told.load(Ordering::SeqCst) == 0 {
                    tokio::time::sleep(self.latency).await;
                }
            };
            let limit = Duration::from_secs(60);
            assert!(
                tokio::time::timeout(limit, told).await.is_ok(),
                "an answer is not told while another is waited for"
            );
        }
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.answered.fetch_add(1, Ordering::SeqCst);
        self.log.lock().unwrap().push(format!("end {labels}"));
        batch.changes.iter().map_while(|change| self.act(change)).collect()
    }
}

#[async_trait]
impl Reader for World {
    async fn read(&self, _: &ReadRequest<'_>) -> Result<Snapshot, ReadError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        match *self.broken.lock().unwrap() {
            Some(true) => return Err(ReadError::Temporary("busy".to_owned())),
            Some(false) => return Err(ReadError::Api("403".to_owned())),
            None => {}
        }
        let take = |left: &AtomicUsize| {
            left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
        };
        let lags = !take(&self.fresh_reads) && take(&self.lagging_reads);
        let rows = if lags { &self.old } else { &self.rows };
        Ok(self.snapshot(&rows.lock().unwrap()))
    }
}

fn fields(note: &str) -> Fields {
    Fields::new(if note.is_empty() { vec![] } else { vec![("note", Value::Text(note.into()))] })
}

/// A target, its one set, and the system behind it.
pub(super) struct Case {
    pub(super) world: World,
    sources: Sources,
    target: Target,
    set: DesiredSet,
    capabilities: &'static Capabilities,
    pub(super) concurrency: usize,
    pub(super) options: Options,
    pub(super) stop: Stop,
    /// Every update counts as a rotation.
    pub(super) rotate: bool,
}

/// What came of it.
pub(super) struct Outcomes {
    pub(super) report: Report,
    /// By key, in words.
    pub(super) by_key: BTreeMap<String, Outcome>,
    pub(super) events: Vec<String>,
    pub(super) together: Vec<usize>,
    /// How many batches were prepared ahead, and sent later.
    pub(super) ahead: usize,
    /// Those that were prepared and not sent, by their changes.
    pub(super) left_prepared: Vec<String>,
    pub(super) planned: u64,
}

impl Outcomes {
    pub(super) fn word(&self, key: &str) -> &'static str {
        self.by_key[key].word()
    }

    pub(super) fn text(&self, key: &str) -> String {
        format!("{:?}", self.by_key[key])
    }

    pub(super) fn verification(&self) -> &Verification {
        &self.report.targets[0].verification
    }

    pub(super) fn leftovers(&self) -> Vec<Leftover> {
        match self.verification() {
            Verification::Remaining(all) => all.iter().map(|remaining| remaining.why).collect(),
            other => panic!("{other:?}"),
        }
    }
}

fn split(entry: &str) -> (String, String) {
    let (key, note) = entry.split_once('=').unwrap_or((entry, ""));
    (key.to_owned(), note.to_owned())
}

impl Case {
    /// Live and declared rows, each `identity/role` or `identity/role=note`.
    pub(super) fn new(live: &[&str], declared: &[&str]) -> Self {
        let rows: Rows = live.iter().map(|entry| split(entry)).collect();
        let world = World { rows: Mutex::new(rows.clone()), old: Mutex::new(rows), ..World::default() };
        let row = |entry: &&str| {
            let (key, note) = split(entry);
            Desired { key: world.key(&key), fields: fields(&note), origin: Origin::default() }
        };
        let expect =
            Expect { removes: Some(1_000_000), updates: Some(1_000_000), until: None, origin: Origin::default() };
        let set = DesiredSet {
            name: "all".to_owned(),
            labels: Vec::new(),
            target: 0,
            mode: Mode::Authoritative,
            scope: Some(Scope::default()),
            scope_text: "all".to_owned(),
            expect: Some(expect),
            protect: Vec::new(),
            ignore: Vec::new(),
            rows: declared.iter().map(row).collect(),
            names: Vec::new(),
            scope_origin: Origin::default(),
            origin: Origin::default(),
        };
        let mut sources = Sources::default();
        sources.add("test.yaml", String::new());
        let options = Options { first_wait: Duration::from_micros(10), ..Options::default() };
        Self {
            world,
            sources,
            target: target(),
            set,
            capabilities: &PLAIN,
            concurrency: 1,
            options,
            stop: Stop::default(),
            rotate: false,
        }
    }

    pub(super) fn batch(mut self, size: usize) -> Self {
        self.target.limits.batch_size = size;
        self
    }

    pub(super) fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    pub(super) fn pairing(mut self) -> Self {
        self.capabilities = &PAIRING;
        self
    }

    pub(super) fn no_verify(mut self) -> Self {
        self.options.verify = false;
        self
    }

    pub(super) fn without_expect(mut self) -> Self {
        self.set.expect = None;
        self
    }

    pub(super) fn act(self, key: &str, acts: &[Act]) -> Self {
        self.world.script.lock().unwrap().insert(key.to_owned(), acts.iter().copied().collect());
        self
    }

    pub(super) fn plan(&self, snapshot: Snapshot) -> TargetPlan {
        let input = Input {
            ids: &self.world.ids,
            sources: &self.sources,
            now: Instant(0),
            rotate: self.rotate,
            list_unchanged: true,
            thresholds: Thresholds::default(),
            policy: None,
            target: &self.target,
            endpoint: "fake",
            capabilities: self.capabilities,
            sets: &[SetInput { set: &self.set, selected: true, mode: Mode::Authoritative }],
        };
        plan_target(&input, Ok(snapshot))
    }

    pub(super) fn first_plan(&self) -> TargetPlan {
        self.plan(self.world.snapshot(&self.world.rows.lock().unwrap()))
    }

    pub(super) async fn run(&self) -> Outcomes {
        let mut plan = self.first_plan();
        if self.rotate {
            // The planner rotates secrets only; here every unchanged row stands for one.
            plan.sets[0].changes.iter_mut().for_each(|change| change.reason = crate::plan::Reason::Rotated);
        }
        self.run_plan(&plan).await
    }

    pub(super) async fn run_plan(&self, plan: &TargetPlan) -> Outcomes {
        let recorder = Recorder {
            world: &self.world,
            events: Mutex::default(),
            together: Mutex::default(),
            numbered: Mutex::default(),
            open: Mutex::default(),
        };
        let replan = |snapshot| self.plan(snapshot);
        let read = ReadRequest::default();
        let run = TargetRun {
            plan,
            reader: &self.world,
            writer: &self.world,
            replan: &replan,
            read: &read,
            concurrency: self.concurrency,
        };
        let report = {
            let runs = [run];
            let mut applied = pin!(apply(&runs, &self.stop, &recorder, &self.options));
            poll_fn(|context| {
                let report = applied.as_mut().poll(context);
                if report.is_pending() {
                    self.world.waited();
                }
                report
            })
            .await
        };
        let label = |id: ChangeId| self.world.label(&plan.sets[id.set].changes[id.index].change.key);
        let by_key =
            report.targets[0].changes.iter().map(|change| (label(change.id), change.outcome.clone())).collect();
        let (events, together) = (recorder.events.into_inner().unwrap(), recorder.together.into_inner().unwrap());
        let numbered = recorder.numbered.into_inner().unwrap();
        assert!(numbered.keys().copied().eq(1..=numbered.len() as u64), "{numbered:?}");
        assert!(numbered.values().all(|one| one.stage != Stage::Sent), "{numbered:?}");
        let (answered, left): (Vec<&Numbered>, Vec<&Numbered>) =
            numbered.values().partition(|one| one.stage == Stage::Answered);
        let left_prepared = left.iter().map(|one| format!("{} again={}", one.labels(&self.world), one.again)).collect();
        let gone = self.world.gone.lock().unwrap();
        let mut gone: Vec<&(String, usize)> = gone.iter().collect();
        let mut gone_after = |one: &Numbered| {
            let labels = one.labels(&self.world);
            gone.remove(gone.iter().position(|(sent, _)| *sent == labels).unwrap()).1
        };
        let ahead: Vec<&Numbered> = answered.into_iter().filter(|one| gone_after(one) > one.waits).collect();
        assert!(ahead.iter().all(|one| one.in_peace), "{ahead:?}");
        let ahead = ahead.len();
        Outcomes { report, by_key, events, together, ahead, left_prepared, planned: count(plan) }
    }

    /// How often a key was sent.
    pub(super) fn sent(&self, key: &str) -> usize {
        let log = self.world.log.lock().unwrap();
        log.iter().filter(|line| line.starts_with("start ") && line.split(' ').any(|word| word == key)).count()
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.world.log.lock().unwrap().clone()
    }

    pub(super) fn reads(&self) -> usize {
        self.world.reads.load(Ordering::SeqCst)
    }
}

fn target() -> Target {
    Target {
        name: "t".to_owned(),
        labels: Vec::new(),
        provider: "fake",
        endpoint: Endpoint::Sandbox,
        auth: None,
        limits: Limits {
            concurrency: 1,
            requests_per_second: None,
            batch_size: 1,
            page_size: 1,
            timeout: Duration::from_secs(1),
            retry_budget: Duration::ZERO,
            settle_timeout: Limits::SETTLE_TIMEOUT,
        },
        account: Vec::new(),
        options: Fields::default(),
        own: None,
        origin: Origin::default(),
    }
}

/// What is told of and not written down yet.
#[derive(Debug, Default)]
struct Unwritten {
    prepared: Vec<String>,
    started: Vec<u64>,
    answered: Vec<String>,
}

impl Unwritten {
    /// Holds the executor to its word when a batch goes out: what it carries is written, and so are the answers that its losses waited for.
    fn allows(&self, batch: &Batch<'_>, labels: &[String]) {
        let Self { prepared, answered, .. } = self;
        assert!(labels.iter().all(|label| !prepared.contains(label)), "{labels:?} went out before it was written");
        fn subject(label: &str) -> Option<&str> {
            label.split('/').next()
        }
        for (change, label) in batch.changes.iter().zip(labels) {
            let waited_for =
                change.action == Action::Remove && answered.iter().any(|one| subject(one) == subject(label));
            assert!(!waited_for, "{label} went out before the answers {answered:?} were written");
        }
    }
}

/// How far a batch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Prepared,
    Sent,
    Answered,
}

/// What was told of a batch.
#[derive(Debug)]
struct Numbered {
    changes: Vec<(Action, Key)>,
    again: bool,
    stage: Stage,
    /// How often the executor had waited when it was prepared, and whether all answers were told then.
    waits: usize,
    in_peace: bool,
}

impl Numbered {
    fn labels(&self, world: &World) -> String {
        self.changes.iter().map(|(_, key)| world.label(key)).collect::<Vec<_>>().join(" ")
    }
}

/// Events in words.
struct Recorder<'a> {
    world: &'a World,
    events: Mutex<Vec<String>>,
    /// How many changes were told together, each time.
    together: Mutex<Vec<usize>>,
    /// By the number of a batch.
    numbered: Mutex<BTreeMap<u64, Numbered>>,
    /// The grants and updates that were prepared and of which no answer was told.
    open: Mutex<Vec<Key>>,
}

impl Recorder<'_> {
    /// Holds the executor to its word: a batch is prepared once, then sent once or never, then answered once. The answers to all grants and
    /// updates of a subject are told before one of its losses is prepared.
    fn follow(&self, event: &Event<'_>) {
        let (mut numbered, mut open) = (self.numbered.lock().unwrap(), self.open.lock().unwrap());
        match *event {
            Event::BatchPrepared { batch, changes, again, .. } => {
                let changes: Vec<(Action, Key)> = changes.iter().map(|change| (change.action, change.key)).collect();
                let losses = changes.iter().filter(|(action, _)| *action == Action::Remove);
                let waits = |loss: &Key| open.iter().any(|key| key.part(0) == loss.part(0));
                assert!(losses.map(|(_, key)| key).all(|loss| !waits(loss)), "{changes:?} before {open:?}");
                open.extend(changes.iter().filter(|(action, _)| *action != Action::Remove).map(|(_, key)| *key));
                let (waits, in_peace) = (self.world.waits.lock().unwrap().len(), self.world.all_told());
                let one = Numbered { changes, again, stage: Stage::Prepared, waits, in_peace };
                assert!(numbered.insert(batch, one).is_none(), "batch {batch} is prepared again");
            }
            Event::BatchStarted { batch, changes, again, .. } => {
                let one = numbered.get_mut(&batch).unwrap();
                assert_eq!((one.stage, one.changes.len(), one.again), (Stage::Prepared, changes, again));
                one.stage = Stage::Sent;
                self.world.told_sent.fetch_add(1, Ordering::SeqCst);
            }
            Event::BatchEnded { batch, changes, again, .. } => {
                let one = numbered.get_mut(&batch).unwrap();
                assert_eq!((one.stage, one.again), (Stage::Sent, again));
                assert!(one.changes.iter().map(|(_, key)| *key).eq(changes.iter().map(|change| change.key)));
                one.stage = Stage::Answered;
                open.retain(|key| changes.iter().all(|change| change.key != *key));
                self.world.told.fetch_add(1, Ordering::SeqCst);
            }
            _ => {}
        }
    }
}

impl Sink for Recorder<'_> {
    fn flush(&self) -> bool {
        *self.world.unwritten.lock().unwrap() = Unwritten::default();
        !self.world.full.load(Ordering::SeqCst)
    }

    fn event(&self, event: &Event<'_>) {
        self.follow(event);
        let labels =
            |changes: &[&Change]| changes.iter().map(|change| self.world.label(&change.key)).collect::<Vec<_>>();
        let unwritten = || self.world.unwritten.lock().unwrap();
        match event {
            Event::BatchPrepared { changes, .. } => unwritten().prepared.extend(labels(changes)),
            Event::BatchStarted { batch, .. } => unwritten().started.push(*batch),
            Event::BatchEnded { changes, .. } => {
                unwritten().answered.extend(labels(changes));
                self.world.log.lock().unwrap().push(format!("told {}", labels(changes).join(" ")));
            }
            _ => {}
        }
        let label = |change: &PlannedChange| self.world.label(&change.change.key);
        let each = |ended: &Ended<'_>, say: &dyn Fn(&PlannedChange) -> String| {
            self.together.lock().unwrap().push(ended.changes.len());
            let texts: Vec<String> = ended.changes.iter().map(|change| say(change)).collect();
            texts.join("\n")
        };
        let text = match event {
            Event::Started { targets, changes } => format!("started {targets} {changes}"),
            Event::TargetStarted { target, changes } => format!("target {} {changes}", target.name),
            Event::BatchPrepared { changes, again, .. } => format!("prepare {} again={again}", changes.len()),
            Event::BatchStarted { changes, again, .. } => format!("send {changes} again={again}"),
            Event::BatchEnded { answers, .. } => format!("answered {}", answers.len()),
            Event::Finished { ended, provisional, .. } => {
                let (word, sure) = (ended.outcome.word(), if *provisional { "?" } else { "" });
                each(ended, &|change| format!("finished {} {word}{sure}", label(change)))
            }
            Event::Verifying { attempt, .. } => format!("verifying {attempt}"),
            Event::Settled { ended, .. } => {
                each(ended, &|change| format!("settled {} {}", label(change), ended.outcome.word()))
            }
            Event::Verified { verification, .. } => format!("verified {verification:?}"),
            Event::TargetEnded { totals, .. } => format!("target ended {}", totals.all()),
            Event::Interrupted => "interrupted".to_owned(),
            Event::Ended { totals } => format!("ended {}", totals.all()),
            Event::Held { held, outcome, .. } => format!("held {:?} {}", held.action, outcome.word()),
        };
        self.events.lock().unwrap().extend(text.lines().map(str::to_owned));
    }
}
