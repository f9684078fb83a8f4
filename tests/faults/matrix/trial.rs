//! One case while it runs, and what is held against each of its applies.

use std::collections::BTreeMap;
use std::time::Duration;

use assignctl::sandbox::{LoggedRequest, Options, Seed};

use super::super::drive::{Ran, Stage};
use super::super::routes::{Class, Route};
use super::super::state::State;
use super::super::worlds::{CANOPY_RECREATE, PARTIUM, STREAMLINE, STREAMLINE_KEYED, World};
use super::cases::{Case, Effect, SETTLE_TIMEOUT, Trouble};

/// What a world is without any fault.
pub(super) struct Reference {
    pub(super) before: State,
    pub(super) after: State,
    /// The requests of planning.
    pub(super) planning: Vec<LoggedRequest>,
    /// The requests of a whole apply.
    pub(super) all: usize,
}

impl Reference {
    pub(super) async fn of(world: &'static World) -> Self {
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

pub(super) async fn stage(world: &World, options: Options, timeout: Duration) -> Stage {
    let (timeout, settle) = (timeout.as_millis(), SETTLE_TIMEOUT.as_millis());
    let limits = format!("concurrency: 2, timeout: {timeout}ms, retry_budget: 1500ms, settle_timeout: {settle}ms");
    let seed = Seed::parse(world.seed).unwrap_or_else(|error| panic!("{}: {error}", world.name));
    Stage::new(&world.manifests.replace("{{limits}}", &limits), Options { seed: Some(seed), ..options }).await
}

/// What was found wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wrong {
    Lost,
    Doubled,
    Code,
    Other,
}

pub(super) type Findings = Vec<(Wrong, String)>;

/// One case while it runs.
pub(super) struct Trial<'a> {
    case: &'a Case,
    reference: &'a Reference,
    pub(super) stage: Stage,
    /// All writes so far.
    writes: Vec<LoggedRequest>,
    /// What somebody else changed.
    foreign: Option<&'static str>,
    found: Findings,
}

impl<'a> Trial<'a> {
    pub(super) fn new(case: &'a Case, reference: &'a Reference, stage: Stage) -> Self {
        Self { case, reference, stage, writes: Vec::new(), foreign: None, found: Vec::new() }
    }

    /// With a key that somebody else changed.
    pub(super) fn beside(self, foreign: &'static str) -> Self {
        Self { foreign: Some(foreign), ..self }
    }

    /// The route that goes wrong, and what that means to a client.
    fn wire(&self) -> Option<(&'static Route, Effect)> {
        match self.case.trouble {
            Trouble::Wire { route, fault, .. } => Some((route, fault.effect)),
            Trouble::LagAndLost { route, .. } => Some((route, Effect::Lost)),
            _ => None,
        }
    }

    pub(super) fn wrong(&mut self, what: Wrong, text: String) {
        self.found.push((what, text));
    }

    /// Holds an apply against what must be so after each.
    pub(super) fn check(&mut self, ran: &Ran, codes: &[u8]) {
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
            if !recreated && self.foreign != Some(key) {
                let text = format!("{key} is {} after exit {}\n{}", now.row(key), ran.code(), ran.told());
                self.found.push((Wrong::Lost, text));
            }
        }
        self.check_what_is_left(ran, &now);
        if !self.told_that_keys_are_gone() {
            for key in now.grown(&self.reference.after) {
                let text = format!("{key} has one revision too many after exit {}\n{}", ran.code(), ran.told());
                self.found.push((Wrong::Doubled, text));
            }
        }
    }

    /// Exit 0 says that all is as declared. And what was taken back because of one entry is there in the end, all but that entry.
    fn check_what_is_left(&mut self, ran: &Ran, now: &State) {
        let Some((route, effect)) = self.wire() else { return };
        let after = &self.reference.after;
        let is_left = |key: &&String| {
            let (row, wanted) = (now.row(key), after.row(key));
            row != wanted && !(self.recreates() && without_start(row) == without_start(wanted))
        };
        let keys: Vec<String> = now.strange(after, after).into_iter().filter(|key| is_left(key)).cloned().collect();
        if ran.code() == 0 && !keys.is_empty() && !self.told_that_keys_are_gone() {
            self.wrong(Wrong::Code, format!("exit 0, and {keys:?} are not as declared\n{}", ran.told()));
        }
        let takes_back = match effect {
            Effect::TakenBack { optimistic: false } => true,
            // Partium's contract lets each index speak for itself.
            Effect::TakenBack { optimistic: true } => route.world.name != PARTIUM.name,
            _ => false,
        };
        let granted = keys.iter().filter(|key| after.rows.contains_key(*key)).count();
        if takes_back && self.is_once() && granted > 1 {
            self.wrong(Wrong::Lost, format!("one bad entry stopped others: {keys:?}\n{}", ran.told()));
        }
    }

    fn is_once(&self) -> bool {
        matches!(self.case.trouble, Trouble::Wire { when, .. } if when.is_once())
    }

    /// The contract of re-creation: removed first, and told so where the create fails. What is created then starts anew.
    pub(super) fn recreates(&self) -> bool {
        self.case.world.name == CANOPY_RECREATE.name
    }

    /// A server that says of a live key that there is none gets it created again: nothing else can be made of that.
    pub(super) fn told_that_keys_are_gone(&self) -> bool {
        let Some((route, effect)) = self.wire() else { return false };
        route.class == Class::Read && effect == Effect::Refused(404) && route.world.name == STREAMLINE_KEYED.name
    }

    /// Without any fault: converged at once, and nothing to do after that.
    pub(super) async fn finish(mut self) -> Findings {
        self.stage.server.clear_faults();
        let last = self.stage.apply().await;
        self.check(&last, &[0]);
        let now = State::of(&self.stage.server);
        for key in now.strange(&self.reference.after, &self.reference.after) {
            // What somebody else took away, and what was gone between two requests, comes back with a start of its own.
            let new_start = self.recreates() || self.foreign == Some(key);
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
    pub(super) fn check_resends(&mut self) {
        let Some((route, effect)) = self.wire() else { return };
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for write in self.writes.iter().filter(|write| route.class == Class::Once && route.matches(write)) {
            let carried_out = match effect {
                // A repeat meets a natural key; only Streamline's would take effect twice.
                Effect::Late { .. } => {
                    route.world.name.starts_with(STREAMLINE.name) || (200..300).contains(&write.status)
                }
                // A repeat of what was answered with nonsense is answered with a conflict, or shows the same values.
                Effect::Contradicted | Effect::Pretended | Effect::TakenBack { .. } => false,
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
pub(super) fn without_start(mut row: serde_json::Value) -> serde_json::Value {
    for start in row.as_array_mut().into_iter().flatten().filter_map(|assignment| assignment.get_mut(1)) {
        start.take();
    }
    row
}
