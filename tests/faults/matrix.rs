//! The fault matrix: every route × every fault × when it strikes × a single apply or a repeated one, generated from tables.
//!
//! Each case starts a server, applies under the fault (twice, where it is a repeated case), takes the fault away, applies again, and
//! once more. After every apply each assignment is as it was before or as it is declared; every change has an outcome and the totals add
//! up; the exit code is the one that the fault's row in [`expected`] names; a request that must not be sent twice was not. The apply
//! without the fault converges, and the one after it sends no write.
//!
//! `cargo test --test main fault_matrix -- --nocapture` prints the summary line. `FAULT=drop-after` or `FAULT=canopy` chooses cases by
//! their names.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use assignctl::apply::{self, READ_ATTEMPTS};
use assignctl::sandbox::{Clock, LoggedRequest, Options, Seed};
use futures::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use crate::support;

use super::drive::{FIRST_WAIT, Ran, Stage, is_write};
use super::routes::{Class, ROUTES, Route};
use super::state::State;
use super::worlds::{CANOPY, CANOPY_RECREATE, PARTIUM, SEMAPHOR, SEMAPHOR_TOKEN, STREAMLINE, STREAMLINE_KEYED, World};

/// How many cases run at once. Most of them wait for a pause or a time-out most of the time.
const AT_ONCE: usize = 24;

/// What a fault means to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Not carried out, and the status says so.
    Refused(u16),
    /// Not now; 503 is a refusal only where the API documents it as one.
    Busy(u16),
    /// A status that does not say whether it was carried out. It was not.
    Failed,
    /// The same, and it was.
    FailedAfter,
    /// No answer. Not carried out.
    Dropped,
    /// No whole answer. Carried out.
    Lost,
    /// An answer that no API of ours gives. Not carried out.
    Foreign,
    /// A list that does not end.
    Endless,
}

impl Effect {
    fn carried_out(self) -> bool {
        matches!(self, Effect::FailedAfter | Effect::Lost)
    }
}

struct Fault {
    text: &'static str,
    effect: Effect,
}

const fn fault(text: &'static str, effect: Effect) -> Fault {
    Fault { text, effect }
}

const FAULTS: &[Fault] = &[
    fault("400", Effect::Refused(400)),
    fault("401", Effect::Refused(401)),
    fault("403", Effect::Refused(403)),
    fault("404", Effect::Refused(404)),
    fault("409", Effect::Refused(409)),
    fault("413", Effect::Refused(413)),
    fault("422", Effect::Refused(422)),
    fault("429", Effect::Busy(429)),
    fault("429;retry-after=1", Effect::Busy(429)),
    fault("503", Effect::Busy(503)),
    fault("503;retry-after=1", Effect::Busy(503)),
    fault("500", Effect::Failed),
    fault("502", Effect::Failed),
    fault("status-after=500", Effect::FailedAfter),
    fault("drop-before", Effect::Dropped),
    fault("drop-after", Effect::Lost),
    fault("truncate", Effect::Lost),
    fault(SLOW, Effect::Lost),
    fault("garbage", Effect::Foreign),
    fault("huge", Effect::Foreign),
    fault("redirect=http://127.0.0.1:9/", Effect::Foreign),
    fault("stuck-cursor", Effect::Endless),
];

/// Longer than [`TIMEOUT`].
const SLOW: &str = "slow=1500ms";
const TIMEOUT: Duration = Duration::from_millis(500);

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Once,
    Always,
    /// From the first reading after the planning on: the one that verifies.
    OnceAfterPlanning,
    AlwaysAfterPlanning,
}

impl When {
    fn is_once(self) -> bool {
        matches!(self, When::Once | When::OnceAfterPlanning)
    }

    fn is_after_planning(self) -> bool {
        matches!(self, When::OnceAfterPlanning | When::AlwaysAfterPlanning)
    }
}

/// What goes wrong.
#[derive(Clone, Copy)]
enum Trouble {
    Wire {
        route: &'static Route,
        fault: &'static Fault,
        when: When,
    },
    /// Reads show writes so much later.
    Lag {
        by: Duration,
    },
    /// The token expires after so many requests.
    Expired {
        after: usize,
    },
    /// Somebody else writes while this page is on its way.
    Shifted {
        page: usize,
        write: &'static str,
    },
}

struct Case {
    world: &'static World,
    trouble: Trouble,
    repeated: bool,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.world.name)?;
        match self.trouble {
            Trouble::Wire { route, fault, when } => {
                write!(f, "{} {}={} {when:?}", route.method, route.path, fault.text)?
            }
            Trouble::Lag { by } => write!(f, "reads lag by {by:?}")?,
            Trouble::Expired { after } => write!(f, "the token expires after {after} requests")?,
            Trouble::Shifted { page, write } => {
                write!(f, "page {page} shifts by {}", write.lines().next().unwrap_or(""))?
            }
        }
        f.write_str(if self.repeated { ", repeated" } else { ", single" })
    }
}

/// The exit codes that a fault may lead to (DESIGN section 6). One code where the fault alone decides.
fn expected(route: &Route, effect: Effect, when: When) -> &'static [u8] {
    const DONE: &[u8] = &[0];
    const ERROR: &[u8] = &[1];
    const PARTIAL: &[u8] = &[5];
    const TEMPORARY: &[u8] = &[6];
    let renewable = route.world.name == STREAMLINE_KEYED.name || route.world.name == SEMAPHOR_TOKEN.name;
    let recreates = route.world.name == CANOPY_RECREATE.name;
    if when.is_once() && renewable && route.class != Class::Token && effect == Effect::Refused(401) {
        return DONE; // a fresh token helps
    }
    match route.class {
        Class::Read => {
            let unread = expected_of_reading(route, effect, when);
            // A delete that only a listing proves stays unknown without one (apis/partium.md: Delete).
            if when.is_after_planning() && route.world.name == PARTIUM.name && unread != DONE {
                PARTIAL
            } else {
                unread
            }
        }
        // Asking for a token twice only makes a second token. Without one nothing is planned.
        Class::Token => match effect {
            Effect::Busy(_) if !when.is_once() => TEMPORARY,
            Effect::Dropped | Effect::Lost if !when.is_once() => TEMPORARY,
            Effect::Refused(_) | Effect::Foreign => ERROR,
            Effect::Failed | Effect::FailedAfter if !when.is_once() => ERROR,
            _ => DONE,
        },
        Class::Once | Class::Idempotent => match (effect, when) {
            (Effect::Refused(400 | 413 | 422), When::Once) if route.halved => DONE,
            (Effect::Refused(403 | 404 | 409), When::Once) if route.halved && route.world.name == CANOPY.name => DONE,
            (Effect::Refused(_), _) => PARTIAL,
            // The create of a removed row is not the update that was planned, so only the next run may send it again.
            (Effect::Failed | Effect::Dropped | Effect::Foreign, When::Once)
                if recreates && route.class == Class::Once =>
            {
                PARTIAL
            }
            (_, When::Once) => DONE,
            // An API that is busy for good: nothing is wrong with the input, and the re-read shows that nothing was done.
            (Effect::Busy(_), _) => TEMPORARY,
            // Whether the removal was carried out is not known, so nothing is created. Half of an answer without a body is all of it.
            (Effect::Lost, _) if recreates && route.class == Class::Idempotent => &[0, 5],
            _ if recreates && route.class == Class::Idempotent => PARTIAL,
            (effect, _) if effect.carried_out() => DONE,
            _ => PARTIAL,
        },
    }
}

fn expected_of_reading(route: &Route, effect: Effect, when: When) -> &'static [u8] {
    let collection = route.world.name == STREAMLINE.name;
    let keyed = route.world.name == STREAMLINE_KEYED.name;
    match effect {
        // No collection: the keys are read one by one. No key: there is none.
        Effect::Refused(404) if collection || keyed => &[0],
        Effect::Refused(_) | Effect::Foreign => &[1],
        _ if when.is_once() => &[0],
        Effect::Busy(_) | Effect::Dropped | Effect::Lost => &[6],
        Effect::Failed | Effect::FailedAfter | Effect::Endless => &[1],
    }
}

/// What a world is without any fault.
struct Reference {
    before: State,
    after: State,
    /// The requests of planning.
    planning: Vec<LoggedRequest>,
    /// The requests of a whole apply.
    all: usize,
}

impl Reference {
    async fn of(world: &'static World) -> Self {
        let stage = stage(world, Options::default(), Duration::from_secs(20)).await;
        let before = State::of(&stage.server);
        stage.plan().await;
        let planning = stage.server.requests();
        let ran = stage.apply().await;
        assert_eq!(ran.code(), 0, "{} without a fault: {}", world.name, ran.told());
        assert!(ran.report.totals().done >= 1, "{} has work to do", world.name);
        Self { before, after: State::of(&stage.server), planning, all: ran.requests.len() }
    }
}

async fn stage(world: &World, options: Options, timeout: Duration) -> Stage {
    let limits = format!("concurrency: 2, timeout: {}ms, retry_budget: 1500ms", timeout.as_millis());
    let seed = Seed::parse(world.seed).unwrap_or_else(|error| panic!("{}: {error}", world.name));
    Stage::new(&world.manifests.replace("{{limits}}", &limits), Options { seed: Some(seed), ..options }).await
}

/// What was found wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Lost,
    Doubled,
    Code,
    Other,
}

type Findings = Vec<(Wrong, String)>;

/// One case while it runs.
struct Trial<'a> {
    case: &'a Case,
    reference: &'a Reference,
    stage: Stage,
    /// All writes so far.
    writes: Vec<LoggedRequest>,
    /// What somebody else changed.
    foreign: Vec<String>,
    found: Findings,
}

impl Trial<'_> {
    fn wrong(&mut self, what: Wrong, text: String) {
        self.found.push((what, text));
    }

    /// Holds an apply against what must be so after each.
    fn check(&mut self, ran: &Ran, codes: &[u8]) {
        if !codes.contains(&ran.code()) {
            self.wrong(Wrong::Code, format!("exit {} where {codes:?} is due\n{}", ran.code(), ran.told()));
        }
        if let Some(problem) = ran.miscounted() {
            self.wrong(Wrong::Other, problem);
        }
        self.writes.extend(ran.writes().cloned());
        let now = State::of(&self.stage.server);
        for key in now.strange(&self.reference.before, &self.reference.after) {
            let (row, old, new) = (now.row(key), self.reference.before.row(key), self.reference.after.row(key));
            let recreated = self.recreates()
                && (row == serde_json::json!([]) || [old, new].map(without_start).contains(&without_start(row)));
            if !recreated && !self.foreign.contains(key) {
                let text = format!("{key} is {} after exit {}\n{}", now.row(key), ran.code(), ran.told());
                self.found.push((Wrong::Lost, text));
            }
        }
        if !self.told_that_keys_are_gone() {
            for key in now.grown(&self.reference.after) {
                let text = format!("{key} has one revision too many after exit {}\n{}", ran.code(), ran.told());
                self.found.push((Wrong::Doubled, text));
            }
        }
    }

    /// The contract of re-creation: removed first, and told so where the create fails. What is created then starts anew.
    fn recreates(&self) -> bool {
        self.case.world.name == CANOPY_RECREATE.name
    }

    /// A server that says of a live key that there is none gets it created again: nothing else can be made of that.
    fn told_that_keys_are_gone(&self) -> bool {
        let Trouble::Wire { route, fault, .. } = self.case.trouble else { return false };
        route.class == Class::Read && fault.effect == Effect::Refused(404) && route.world.name == STREAMLINE_KEYED.name
    }

    /// Without any fault: converged at once, and nothing to do after that.
    async fn finish(mut self) -> Findings {
        self.stage.server.clear_faults();
        let last = self.stage.apply().await;
        self.check(&last, &[0]);
        let now = State::of(&self.stage.server);
        for key in now.strange(&self.reference.after, &self.reference.after) {
            // What somebody else took away, and what was gone between two requests, comes back with a start of its own.
            let new_start = self.recreates() || self.foreign.contains(key);
            if new_start && without_start(now.row(key)) == without_start(self.reference.after.row(key)) {
                continue;
            }
            let text = format!("{key} is {} after the apply without a fault\n{}", now.row(key), last.told());
            self.found.push((Wrong::Lost, text));
        }
        let idle = self.stage.apply().await;
        self.check(&idle, &[0]);
        if let Some(write) = idle.writes().next() {
            self.wrong(Wrong::Doubled, format!("an apply with nothing to do sent {} {}", write.method, write.path));
        }
        if idle.plan.changes().count() > 0 {
            self.wrong(Wrong::Other, format!("a plan after convergence is not empty\n{}", idle.told()));
        }
        self.check_resends();
        self.found
    }

    /// A request that must not be repeated was carried out at most once.
    fn check_resends(&mut self) {
        let Trouble::Wire { route, fault, .. } = self.case.trouble else { return };
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for write in self.writes.iter().filter(|write| route.class == Class::Once && route.matches(write)) {
            let carried_out = match fault.effect {
                // Whatever the log says of the answer; and what came after it would have been a second one.
                effect if effect.carried_out() => true,
                // The log cannot tell the fault's 200 from the API's.
                Effect::Foreign => write.status == 409,
                _ => (200..300).contains(&write.status),
            };
            if carried_out {
                *times.entry(format!("{} {} {:?}", write.method, write.path, write.body)).or_default() += 1;
            }
        }
        let doubled = times.into_iter().filter(|(_, count)| *count > 1);
        self.found
            .extend(doubled.map(|(request, count)| (Wrong::Doubled, format!("carried out {count} times: {request}"))));
    }
}

/// A Canopy row without its `effective_from`, which no manifest of these worlds declares.
fn without_start(mut row: serde_json::Value) -> serde_json::Value {
    for start in row.as_array_mut().into_iter().flatten().filter_map(|assignment| assignment.get_mut(1)) {
        start.take();
    }
    row
}

async fn run(case: &Case, reference: &Reference) -> Findings {
    match case.trouble {
        Trouble::Wire { route, fault, when } => wire(case, reference, route, fault, when).await,
        Trouble::Lag { by } => lag(case, reference, by).await,
        Trouble::Expired { after } => expired(case, reference, after).await,
        Trouble::Shifted { page, write } => shifted(case, reference, page, write).await,
    }
}

async fn wire(case: &Case, reference: &Reference, route: &Route, fault: &Fault, when: When) -> Findings {
    let timeout = if fault.text == SLOW { TIMEOUT } else { Duration::from_secs(20) };
    let stage = stage(case.world, Options::default(), timeout).await;
    let passed = reference.planning.iter().filter(|request| route.matches(request)).count();
    let skip = if when.is_after_planning() { passed } else { 0 };
    let count = if when.is_once() { "1" } else { "*" };
    let text = format!("{} {}={}:{count}@{skip}", route.method, route.path, fault.text);
    let mut trial = Trial { case, reference, stage, writes: Vec::new(), foreign: Vec::new(), found: Vec::new() };
    for round in 0..=usize::from(case.repeated) {
        trial.stage.server.clear_faults();
        trial.stage.server.add_fault(text.parse().unwrap_or_else(|error| panic!("{error}")));
        let ran = trial.stage.apply().await;
        let codes = expected(route, fault.effect, when);
        // What the first apply has done, the second need not do, and may not meet the fault at all.
        let codes = if round == 0 { codes.to_vec() } else { [codes, &[0]].concat() };
        trial.check(&ran, &codes);
    }
    trial.finish().await
}

/// Reads that show writes late. A lag that is shorter than the verification's patience is not noticed; a longer one is told.
async fn lag(case: &Case, reference: &Reference, by: Duration) -> Findings {
    let stage = stage(case.world, Options { visibility_lag: by, ..Options::default() }, Duration::from_secs(20)).await;
    let patient = by < Duration::from_millis(100);
    let mut trial = Trial { case, reference, stage, writes: Vec::new(), foreign: Vec::new(), found: Vec::new() };
    let read_attempts = if patient { READ_ATTEMPTS + 4 } else { 2 };
    let options = apply::Options { read_attempts, first_wait: FIRST_WAIT, ..apply::Options::default() };
    let ran = trial.stage.apply_with(&options).await;
    // What the answer proved is done; a Partium delete proves nothing by its answer.
    let codes: &[u8] = if !patient && case.world.name == PARTIUM.name { &[5] } else { &[0] };
    trial.check(&ran, codes);
    tokio::time::sleep(by).await;
    trial.finish().await
}

/// The server's clock jumps, so that a token that the client holds for good is refused.
async fn expired(case: &Case, reference: &Reference, after: usize) -> Findings {
    let (ahead, seen) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicUsize::new(0)));
    let clock = {
        let ahead = Arc::clone(&ahead);
        Clock::from_fn(move || jiff::Timestamp::now() + jiff::SignedDuration::from_secs(ahead.load(Ordering::SeqCst)))
    };
    let log = move |_: &LoggedRequest| {
        if seen.fetch_add(1, Ordering::SeqCst) + 1 == after {
            ahead.store(2 * 60 * 60, Ordering::SeqCst);
        }
    };
    let options = Options { clock, log: Some(Box::new(log)), ..Options::default() };
    let stage = stage(case.world, options, Duration::from_secs(20)).await;
    let mut trial = Trial { case, reference, stage, writes: Vec::new(), foreign: Vec::new(), found: Vec::new() };
    let ran = trial.stage.apply().await;
    trial.check(&ran, &[0]);
    trial.finish().await
}

/// Somebody else writes between two pages. What comes of it is told or noticed; nothing that was declared and live is touched.
async fn shifted(case: &Case, reference: &Reference, page: usize, write: &'static str) -> Findings {
    let route = ROUTES.iter().find(|route| route.world.name == case.world.name && route.class == Class::Read);
    let route = route.expect("the world has a list");
    let (notify, seen) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let log = {
        let notify = Arc::clone(&notify);
        move |request: &LoggedRequest| {
            if route.matches(request) && seen.fetch_add(1, Ordering::SeqCst) == page {
                notify.notify_one();
            }
        }
    };
    let stage =
        stage(case.world, Options { log: Some(Box::new(log)), ..Options::default() }, Duration::from_secs(20)).await;
    let slow = format!("{} {}=slow=60ms:1@{page}", route.method, route.path);
    stage.server.add_fault(slow.parse().unwrap_or_else(|error| panic!("{error}")));
    let addr = stage.server.addr();
    let foreign = async {
        notify.notified().await;
        send(addr, write).await;
    };
    let (ran, ()) = futures::future::join(stage.apply(), foreign).await;
    let keys = State::of(&stage.server).strange(&reference.before, &reference.after).into_iter().cloned().collect();
    let mut trial = Trial { case, reference, stage, writes: Vec::new(), foreign: keys, found: Vec::new() };
    let codes: &[u8] = &[0, 1, 5];
    trial.check(&ran, codes);
    trial.finish().await
}

/// Sends a request, written as `METHOD PATH` and the body on the lines after it, as somebody else would.
async fn send(addr: std::net::SocketAddr, request: &str) {
    let (head, body) = request.split_once('\n').unwrap_or((request, ""));
    let mut stream = tokio::net::TcpStream::connect(addr).await.expect("the sandbox takes connections");
    let text = format!(
        "{head} HTTP/1.1\r\nhost: {addr}\r\nauthorization: Bearer sandbox\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.expect("the sandbox reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the sandbox answers");
    assert!(answer.starts_with("HTTP/1.1 2"), "{head}: {answer}");
}

const SHIFTS: &[(&World, &str)] = &[
    (&PARTIUM, "DELETE /1/catalog/assignments/organizations\n[{\"ass_id\":\"a\",\"org_id\":\"at\"}]"),
    (&PARTIUM, "POST /1/catalog/assignments/organizations\n[{\"ass_id\":\"0\",\"org_id\":\"at\"}]"),
    (&CANOPY, "DELETE /portal/v1/accounts/acme/applications/crm/environments/prod/assignments/keep1"),
    (
        &CANOPY,
        "POST /portal/v1/accounts/acme/applications/crm/environments/prod/assignments\n{\"identity_id\":\"aaron\",\"node_id\":\"emea\",\"role_id\":\"agent\"}",
    ),
];

fn cases(references: &BTreeMap<&'static str, Reference>) -> Vec<Case> {
    let mut cases = Vec::new();
    for route in ROUTES {
        for fault in FAULTS {
            let stuck = fault.effect == Effect::Endless;
            if stuck && !route.path.ends_with("/list") {
                continue;
            }
            let whens: &[When] = match route.class {
                Class::Read if stuck => &[When::Always, When::AlwaysAfterPlanning],
                Class::Read => &[When::Once, When::Always, When::OnceAfterPlanning, When::AlwaysAfterPlanning],
                _ => &[When::Once, When::Always],
            };
            for &when in whens {
                let trouble = Trouble::Wire { route, fault, when };
                // What strikes once has passed when the apply is repeated, and without a reading there is nothing to repeat.
                let passes = when.is_once() || route.class == Class::Read;
                let repeats: &[bool] = if passes { &[false] } else { &[false, true] };
                cases.extend(repeats.iter().map(|&repeated| Case { world: route.world, trouble, repeated }));
            }
        }
    }
    for world in [&STREAMLINE, &PARTIUM, &SEMAPHOR, &CANOPY] {
        for by in [30, 3000].map(Duration::from_millis) {
            cases.push(Case { world, trouble: Trouble::Lag { by }, repeated: false });
        }
    }
    for world in [&STREAMLINE_KEYED, &SEMAPHOR_TOKEN] {
        for after in 1..=references[world.name].all {
            cases.push(Case { world, trouble: Trouble::Expired { after }, repeated: false });
        }
    }
    for &(world, write) in SHIFTS {
        for page in 0..2 {
            cases.push(Case { world, trouble: Trouble::Shifted { page, write }, repeated: false });
        }
    }
    let chosen = std::env::var("FAULT").unwrap_or_default();
    cases.retain(|case| case.to_string().contains(&chosen));
    cases
}

async fn references() -> BTreeMap<&'static str, Reference> {
    let mut references = BTreeMap::new();
    for route in ROUTES {
        if !references.contains_key(route.world.name) {
            references.insert(route.world.name, Reference::of(route.world).await);
        }
    }
    references
}

/// What travels in a fault-free apply of a world must be in the table of routes, and nothing else may be.
async fn uncovered() -> Vec<String> {
    let mut missing = Vec::new();
    for route in ROUTES {
        let stage = stage(route.world, Options::default(), Duration::from_secs(20)).await;
        let ran = stage.apply().await;
        if !ran.requests.iter().any(|request| route.matches(request)) {
            missing.push(format!("{}: {} {} is never sent", route.world.name, route.method, route.path));
        }
        let known = |request: &&LoggedRequest| ROUTES.iter().any(|route| route.matches(request));
        let unknown = ran.requests.iter().filter(|request| is_write(request) && !known(request));
        missing.extend(
            unknown.map(|request| format!("{}: no route for {} {}", route.world.name, request.method, request.path)),
        );
    }
    missing
}

#[test]
#[allow(clippy::print_stdout)] // the summary line is what this test is run for
fn fault_matrix() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads can be started");
    let results: Vec<(String, Findings)> = runtime.block_on(async {
        assert_eq!(uncovered().await, Vec::<String>::new());
        let references = Arc::new(references().await);
        let cases = cases(&references);
        let trial = |case: Case| {
            let references = Arc::clone(&references);
            let work = async move { (case.to_string(), run(&case, &references[case.world.name]).await) };
            async { tokio::spawn(work).await.unwrap_or_else(|error| panic!("{error}")) }
        };
        futures::stream::iter(cases).map(trial).buffer_unordered(AT_ONCE).collect().await
    });
    let with = |wrong: Wrong| results.iter().filter(|(_, found)| found.iter().any(|(what, _)| *what == wrong)).count();
    let line = format!(
        "fault matrix: {} cases, {} lost, {} doubled, {} wrong exit codes",
        results.len(),
        with(Wrong::Lost),
        with(Wrong::Doubled),
        with(Wrong::Code)
    );
    println!("{line}");
    let mut bad: Vec<String> = results
        .iter()
        .filter(|(_, found)| !found.is_empty())
        .map(|(case, found)| {
            let found: Vec<String> = found.iter().map(|(what, text)| format!("  {what:?}: {text}")).collect();
            format!("==== {case}\n{}\n", found.join("\n"))
        })
        .collect();
    bad.sort();
    assert!(bad.is_empty(), "{line}\n{} cases went wrong\n\n{}", bad.len(), bad.join("\n"));
    assert!(include_str!("../../README.md").contains(&line), "README.md shows another line than: {line}");
}

/// The real program meets the same faults with the same exit codes, and its report adds up. A few cases of each kind: processes are slow.
#[test]
fn the_program_ends_as_the_matrix_says() {
    let writes = ROUTES.iter().filter(|route| matches!(route.class, Class::Once | Class::Idempotent));
    let mut worlds: Vec<&Route> = Vec::new();
    for route in writes {
        if worlds.iter().all(|known| known.world.name != route.world.name) {
            worlds.push(route);
        }
    }
    std::thread::scope(|scope| {
        for route in worlds {
            scope.spawn(move || {
                for (text, when) in
                    [("401", When::Always), ("429;retry-after=9", When::Always), ("drop-after", When::Once)]
                {
                    let effect = match text {
                        "401" => Effect::Refused(401),
                        "drop-after" => Effect::Lost,
                        _ => Effect::Busy(429),
                    };
                    real(route, text, when, expected(route, effect, when));
                }
            });
        }
    });
}

fn real(route: &Route, fault: &str, when: When, codes: &[u8]) {
    let server = support::sandbox::seeded(route.world.seed);
    let dir = tempfile::tempdir().expect("a directory can be made");
    let limits = "concurrency: 2, timeout: 20s, retry_budget: 3s";
    let manifests = route.world.manifests.replace("{{sandbox}}", &server.url()).replace("{{limits}}", limits);
    support::write(dir.path(), "assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    support::write(dir.path(), "all.yaml", &manifests);
    let count = if when.is_once() { "1" } else { "*" };
    let text = format!("{} {}={fault}:{count}", route.method, route.path);
    server.add_fault(text.parse().unwrap_or_else(|error| panic!("{error}")));
    let mut command = support::program(dir.path());
    command.args(["apply", "--auto-approve", "--quiet", "--format", "json"]);
    command.envs([
        ("TOKEN", "sandbox"),
        ("API_KEY", "cnpy_sandbox"),
        ("CLIENT", "app"),
        ("SECRET", "a-secret-of-these-tests"),
    ]);
    let run = support::run(&mut command);
    let name = format!("{}: {text}", route.world.name);
    assert!(codes.contains(&u8::try_from(run.code).unwrap_or(255)), "{name}: {codes:?} is due: {}", run.text());
    let report = run.json();
    let totals: u64 = report["totals"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
    let told = report["targets"][0]["changes"].as_array().map_or(0, Vec::len) as u64;
    assert!(told > 0 && totals == told, "{name}: {totals} in the totals, {told} changes: {}", run.text());
}
