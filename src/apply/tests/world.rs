//! A system of its own for the executor's tests: rows in memory, a writer that follows a script, readings that may lag.
//! Plans come from the real planner.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::super::ledger::TOLD_TOGETHER;
use super::super::*;
use crate::diag::Sources;
use crate::model::{
    Action, Batch, Capabilities, Change, Coverage, DesiredSet, Expect, FieldKind, FieldSpec, Fields, Ids, Instant, Key,
    Limits, Live, Mode, OnRemove, Origin, Pairing, Proof, Route, Scope, Sym, Target, Value, WriteOutcome,
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
    /// `start …` and `end …` of every write, by keys.
    pub(super) log: Mutex<Vec<String>>,
    in_flight: AtomicUsize,
    /// How many were in flight at each start.
    pub(super) levels: Mutex<Vec<usize>>,
    pub(super) reads: AtomicUsize,
    /// The listing is not proven complete.
    pub(super) gap: AtomicBool,
    /// Reads fail; the flag says whether temporarily.
    pub(super) broken: Mutex<Option<bool>>,
    /// Asks for a stop when so many writes have started.
    pub(super) stop_at: Mutex<Option<(usize, Stop)>>,
    pub(super) latency: Duration,
    /// The batch with this key is answered when it was told of another answer, however long that takes.
    pub(super) answered_last: Option<&'static str>,
    /// The changes of batches that started or ended since the sink was asked to write things down.
    unwritten: Mutex<Unwritten>,
    /// How many batches were sent, and how many of them were under way, each time that the executor waited.
    pub(super) waits: Mutex<Vec<(usize, usize)>>,
    /// How many batches were answered, and of how many that was told.
    answered: AtomicUsize,
    told: AtomicUsize,
    /// A large batch is among those of which it was not.
    large_untold: AtomicBool,
}

impl World {
    fn key(&self, label: &str) -> Key {
        Key::new(&label.split('/').map(|part| self.ids.sym(part)).collect::<Vec<_>>())
    }

    pub(super) fn label(&self, key: &Key) -> String {
        format!("{}/{}", self.ids.text(key.part(0)), self.ids.text(key.part(1)))
    }

    /// The executor waits, or lets others go first: what was sent is told by now, and so is what was answered, except in the lull after large
    /// batches; what is told is written.
    fn waited(&self) {
        assert_eq!(*self.unwritten.lock().unwrap(), Unwritten::default());
        assert!(self.all_told() || self.large_untold.load(Ordering::SeqCst));
        let sent = self.levels.lock().unwrap().len();
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
        let lost = || WriteOutcome::Unknown { why: "the connection broke".to_owned() };
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
            Act::Mute => return None,
        })
    }
}

#[async_trait]
impl Writer for World {
    async fn write(&self, batch: &Batch<'_>) -> Vec<WriteOutcome> {
        let labels: Vec<String> = batch.changes.iter().map(|change| self.label(&change.key)).collect();
        let unwritten = self.unwritten.lock().unwrap().started.clone();
        assert!(unwritten.is_empty(), "{labels:?} went out before {unwritten:?} was written");
        let labels = labels.join(" ");
        self.log.lock().unwrap().push(format!("start {labels}"));
        let level = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.levels.lock().unwrap().push(level);
        if let Some((at, stop)) = &*self.stop_at.lock().unwrap()
            && self.levels.lock().unwrap().len() == *at
        {
            stop.request();
        }
        tokio::time::sleep(self.latency).await;
        if self.answered_last.is_some_and(|key| labels.split(' ').any(|label| label == key)) {
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
        self.large_untold.fetch_or(batch.changes.len() > TOLD_TOGETHER, Ordering::SeqCst);
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
    /// How many batches were prepared.
    pub(super) prepared: usize,
    /// Those of them that were not sent, by their changes.
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
            prepared: AtomicUsize::default(),
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
        let prepared = recorder.prepared.into_inner();
        let numbered = recorder.numbered.into_inner().unwrap();
        let left_prepared = numbered.into_values().filter_map(|(text, sent)| (!sent).then_some(text)).collect();
        Outcomes { report, by_key, events, together, prepared, left_prepared, planned: count(plan) }
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
        },
        account: Vec::new(),
        options: Fields::default(),
        own: None,
        origin: Origin::default(),
    }
}

/// What is told of and not written down yet.
#[derive(Debug, Default, PartialEq, Eq)]
struct Unwritten {
    started: Vec<String>,
    answered: Vec<String>,
}

/// Events in words.
struct Recorder<'a> {
    world: &'a World,
    events: Mutex<Vec<String>>,
    /// How many changes were told together, each time.
    together: Mutex<Vec<usize>>,
    prepared: AtomicUsize,
    /// By the number of a batch, what it was prepared or sent with, and whether it was sent.
    numbered: Mutex<BTreeMap<u64, (String, bool)>>,
    /// The grants and updates that were sent and of which no answer was told.
    open: Mutex<Vec<Key>>,
}

impl Recorder<'_> {
    /// Holds the executor to its word: the answers to all grants and updates of a subject are told before one of its losses is sent.
    fn order(&self, event: &Event<'_>) {
        let mut open = self.open.lock().unwrap();
        match event {
            Event::BatchStarted { changes, .. } => {
                for change in *changes {
                    if change.action == Action::Remove {
                        assert!(open.iter().all(|key| key.part(0) != change.key.part(0)), "{open:?}");
                    } else {
                        open.push(change.key);
                    }
                }
            }
            Event::BatchEnded { changes, .. } => {
                self.world.told.fetch_add(1, Ordering::SeqCst);
                self.world.large_untold.fetch_and(!self.world.all_told(), Ordering::SeqCst);
                open.retain(|key| changes.iter().all(|change| change.key != *key));
            }
            _ => {}
        }
    }

    /// Holds the executor to its word: a batch starts once, and as it was prepared.
    fn number(&self, event: &Event<'_>, sent: bool) {
        let Event::BatchStarted { batch, changes, again, .. } = event else { return };
        let keys: Vec<String> = changes.iter().map(|change| self.world.label(&change.key)).collect();
        let text = format!("{} again={again}", keys.join(" "));
        let before = self.numbered.lock().unwrap().insert(*batch, (text.clone(), sent));
        assert!(before.is_none() || sent && before == Some((text, false)), "batch {batch}: {before:?}");
    }
}

impl Sink for Recorder<'_> {
    fn flush(&self) {
        *self.world.unwritten.lock().unwrap() = Unwritten::default();
    }

    fn prepare(&self, event: &Event<'_>) {
        // The lull is over.
        assert!(self.world.all_told());
        self.prepared.fetch_add(1, Ordering::SeqCst);
        self.number(event, false);
    }

    fn event(&self, event: &Event<'_>) {
        self.number(event, true);
        self.order(event);
        let labels =
            |changes: &[&Change]| changes.iter().map(|change| self.world.label(&change.key)).collect::<Vec<_>>();
        match event {
            Event::BatchStarted { changes, .. } => self.world.unwritten.lock().unwrap().started.extend(labels(changes)),
            Event::BatchEnded { changes, .. } => self.world.unwritten.lock().unwrap().answered.extend(labels(changes)),
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
            Event::BatchStarted { changes, again, .. } => format!("send {} again={again}", changes.len()),
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
