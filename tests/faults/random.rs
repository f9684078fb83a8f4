//! Promises over random worlds: random live state, random manifests, random faults, a kill at a random request.
//!
//! The random numbers come from a fixed seed, so that a failure here is a failure everywhere; `SEED=7` chooses another, `CASES=500` more
//! of them. What fails is shrunk to a small world.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use assignctl::apply::Exit;
use assignctl::render;
use assignctl::sandbox::{Clock, LoggedRequest, Options, Seed};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tokio::sync::Notify;

use super::drive::{Ran, Stage};
use super::state::State;

const CASES: u32 = 40;
/// Keys of a world. Few, so that they meet.
const KEYS: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    Streamline,
    Partium,
    Semaphor,
    Canopy,
}

/// Values that a key can have. The last two differ in Canopy's role, and declare the same end.
const VALUES: u8 = 4;

/// What one key is about: which of the [`VALUES`] it has live, and which is declared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) live: Option<u8>,
    pub(super) declared: Option<u8>,
}

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) rows: Vec<Row>,
    pub(super) additive: bool,
    /// The first key may not be lost.
    pub(super) protect: bool,
    pub(super) page: usize,
    pub(super) batch: usize,
    pub(super) concurrency: usize,
}

/// A fault on one of the routes of a system, by its place in the lists.
#[derive(Debug, Clone, Copy)]
struct Fault {
    route: usize,
    kind: usize,
    skip: u8,
    count: u8,
}

#[derive(Debug, Clone)]
struct Story {
    world: World,
    faults: Vec<Fault>,
    /// The apply is dropped, with all that it has in flight, when the server has seen so many requests.
    kill_at: Option<usize>,
}

/// Faults that do not make a case wait. A 404 of a look at a key is left out: it says that there is nothing, and would be a lie.
const KINDS: [&str; 14] = [
    "400",
    "401",
    "403",
    "409",
    "413",
    "422",
    "429",
    "500",
    "503",
    "status-after=502",
    "drop-before",
    "drop-after",
    "truncate",
    "garbage",
];

impl System {
    fn routes(self) -> &'static [&'static str] {
        match self {
            System::Streamline => &["GET /v2/**", "PUT /v2/**"],
            System::Partium => &[
                "POST /1/catalog/assignments/organizations/list",
                "POST /1/catalog/assignments/organizations",
                "DELETE /1/**",
            ],
            System::Semaphor => &["GET /api/**", "POST /api/**", "PATCH /api/**", "DELETE /api/**"],
            System::Canopy => &["GET /portal/**", "POST /portal/**", "PATCH /portal/**", "DELETE /portal/**"],
        }
    }

    /// The live state, its rows in the given order.
    pub(super) fn seed(self, rows: &[(usize, Row)]) -> String {
        let live = rows.iter().filter_map(|(key, row)| row.live.map(|value| (key, value)));
        let mut text = String::new();
        for (key, value) in live {
            let row = match self {
                System::Streamline => format!("{{ assignment_key: k{key}, model_id: m, model_version: {value}.0.0 }}"),
                System::Partium => format!("{{ ass_id: k{key}, org_id: at }}"),
                System::Semaphor => format!(
                    "{{ id: a{key}, definitionId: usd, scopeType: TENANT, tenantId: k{key}, params: {{ v: \"{value}\" }} }}"
                ),
                System::Canopy => {
                    let to = if value >= 2 { ", effective_to: 2098-01-01T00:00:00Z" } else { "" };
                    format!(
                        "{{ id: a{key}, identity_id: k{key}, node_id: emea, role_id: role{}, effective_from: 2025-01-01T00:00:00Z{to} }}",
                        value % 2
                    )
                }
            };
            let _ = write!(text, "{row}, ");
        }
        match self {
            System::Streamline => format!(
                "streamline: {{ clients: [{{ client_id: c, domains: [{{ domain_id: d, services: [
                  {{ service_id: s, assignments: [{text}] }},
                  {{ service_id: foreign, assignments: [{{ assignment_key: k0, model_id: m, model_version: 1.0.0 }}] }}] }}] }}] }}"
            ),
            System::Partium => format!("partium: {{ assignments: [{text} {{ ass_id: k0, org_id: foreign }}] }}"),
            System::Semaphor => format!(
                "semaphor: {{ projects: [{{ projectId: p, definitions: [{{ id: usd, name: U }}, {{ id: foreign, name: F }}], assignments: [{text}
                  {{ id: f, definitionId: foreign, scopeType: TENANT, tenantId: k0 }}] }}] }}"
            ),
            System::Canopy => format!(
                "canopy: {{ environments: [{{ account: a, application: b, environment: e, assignments: [{text}
                  {{ id: f, identity_id: k0, node_id: foreign, role_id: role0, effective_from: 2025-01-01T00:00:00Z }}] }}] }}"
            ),
        }
    }

    /// The manifests, their rows in the given order, all on one line.
    fn manifests(self, world: &World, rows: &[(usize, Row)]) -> String {
        let declared = rows.iter().filter_map(|(key, row)| row.declared.map(|value| (key, value)));
        let row = |(key, value): (&usize, u8)| match self {
            System::Streamline => format!("{{ assignment_key: k{key}, model_id: m, model_version: {value}.0.0 }}"),
            System::Partium => format!("{{ ass_id: k{key}, org_id: at }}"),
            System::Semaphor => {
                format!("{{ definitionId: usd, scopeType: TENANT, tenantId: k{key}, params: {{ v: \"{value}\" }} }}")
            }
            System::Canopy => {
                let to = match value {
                    2 => ", effective_to: 2099-01-01T00:00:00Z",
                    3 => ", effective_to: 2098-01-01T00:00:00Z",
                    _ => "",
                };
                format!("{{ identity_id: k{key}, node_id: emea, role_id: role{}{to} }}", value % 2)
            }
        };
        let assignments: Vec<String> = declared.map(row).collect();
        let (kind, account, scope, protect) = match self {
            System::Streamline => ("Streamline", "client_id: c", "domain_id: d, service_id: s", "assignment_key: k0"),
            System::Partium => ("Partium", "", "scope: { org_ids: [at] }", "ass_id: k0"),
            System::Semaphor => ("Semaphor", "project_id: p", "scope: { definitionIds: [usd] }", "tenantId: k0"),
            System::Canopy => (
                "Canopy",
                "account: a, application: b, environment: e",
                "scope: { node_ids: [emea] }",
                "identity_id: k0",
            ),
        };
        let comma = if account.is_empty() { "" } else { ", " };
        let mode = if world.additive { "additive" } else { "authoritative" };
        let protect = if world.protect { format!(", protect: [{{ {protect} }}]") } else { String::new() };
        let World { page, batch, concurrency, .. } = world;
        format!(
            "apiVersion: assignctl/v1
kind: Target
metadata: {{ name: t }}
spec: {{ provider: {provider}, endpoint: \"{{{{sandbox}}}}\"{comma}{account}, auth: {{ bearer: {{ env: TOKEN }} }}, limits: {{ page_size: {page}, batch_size: {batch}, concurrency: {concurrency}, timeout: 20s, retry_budget: 100ms, settle_timeout: 60ms }} }}
---
apiVersion: assignctl/v1
kind: {kind}Assignments
metadata: {{ name: s }}
spec: {{ target: t, mode: {mode}, {scope}, expect: {{ removes: 20, updates: 20 }}{protect}, assignments: [{rows}] }}
",
            provider = kind.to_lowercase(),
            rows = assignments.join(", "),
        )
    }
}

pub(super) fn world() -> impl Strategy<Value = World> {
    let value = || prop::option::of(0..VALUES);
    let row = (value(), value()).prop_map(|(live, declared)| Row { live, declared });
    let rows = prop::collection::vec(row, 1..=KEYS);
    (rows, any::<bool>(), prop::bool::weighted(0.25), 1..4_usize, 1..4_usize, 1..4_usize).prop_map(
        |(rows, additive, protect, page, batch, concurrency)| World {
            rows,
            additive,
            protect,
            page,
            batch,
            concurrency,
        },
    )
}

fn story() -> impl Strategy<Value = Story> {
    let fault = (0..4_usize, 0..KINDS.len(), 0..3_u8, 1..4_u8).prop_map(|(route, kind, skip, count)| Fault {
        route,
        kind,
        skip,
        count,
    });
    (world(), prop::collection::vec(fault, 0..5), prop::option::weighted(0.3, 1..14_usize))
        .prop_map(|(world, faults, kill_at)| Story { world, faults, kill_at })
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Holds a property over random values, from a seed.
pub(super) fn hold<S: Strategy>(strategy: &S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let cases = number("CASES").and_then(|cases| u32::try_from(cases).ok()).unwrap_or(CASES);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number("SEED").unwrap_or(1).to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    if let Err(error) = runner.run(strategy, property) {
        panic!("{error}");
    }
}

pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(work)
}

pub(super) fn numbered(rows: &[Row]) -> Vec<(usize, Row)> {
    rows.iter().copied().enumerate().collect()
}

pub(super) fn options(seed: &str) -> Options {
    let seed = Seed::parse(seed).unwrap_or_else(|error| panic!("{error}: {seed}"));
    Options { seed: Some(seed), ..Options::default() }
}

pub(super) async fn stage(system: System, world: &World, options: Options) -> Stage {
    Stage::new(&system.manifests(world, &numbered(&world.rows)), options).await
}

/// What a world becomes without any fault, and the exit code of that.
pub(super) async fn without_faults(system: System, world: &World) -> Result<(State, u8), TestCaseError> {
    let stage = stage(system, world, options(&system.seed(&numbered(&world.rows)))).await;
    let before = State::of(&stage.server);
    let ran = stage.apply().await;
    let after = State::of(&stage.server);
    let refused = !ran.plan.targets[0].refusals.is_empty();
    prop_assert_eq!(ran.code(), if refused { Exit::Refused.code() } else { 0 }, "{}", ran.told());
    if refused {
        prop_assert!(world.protect && ran.writes().next().is_none(), "only protection refuses here: {}", ran.told());
        prop_assert_eq!(&before, &after);
    }
    for (key, _) in before.rows.iter().filter(|(key, _)| key.contains("foreign")) {
        prop_assert_eq!(before.row(key), after.row(key), "{} is nobody's business", key);
    }
    if world.additive {
        let gone: Vec<_> = before.rows.keys().filter(|key| !after.rows.contains_key(*key)).collect();
        prop_assert!(gone.is_empty(), "an additive set took away {gone:?}");
    }
    Ok((after, ran.code()))
}

/// Applies under faults, and perhaps only until a request. Gives nothing where it was cut off.
async fn disturbed(stage: &Stage, cut: &Notify) -> Option<Ran> {
    tokio::select! {
        biased;
        () = cut.notified() => None,
        ran = stage.apply() => Some(ran),
    }
}

async fn tell(system: System, story: &Story) -> Result<(), TestCaseError> {
    let Story { world, faults, kill_at } = story;
    let (after, code) = without_faults(system, world).await?;
    let (cut, seen) = (Arc::new(Notify::new()), AtomicUsize::new(0));
    let log = {
        let (cut, kill_at) = (Arc::clone(&cut), *kill_at);
        move |_: &LoggedRequest| {
            if Some(seen.fetch_add(1, Ordering::SeqCst) + 1) == kill_at {
                cut.notify_one();
            }
        }
    };
    let seed = system.seed(&numbered(&world.rows));
    let stage = stage(system, world, Options { log: Some(Box::new(log)), ..options(&seed) }).await;
    let before = State::of(&stage.server);
    for fault in faults {
        let route = system.routes()[fault.route % system.routes().len()];
        let text = format!("{route}={}:{}@{}", KINDS[fault.kind], fault.count, fault.skip);
        stage.server.add_fault(text.parse().map_err(|error| TestCaseError::fail(format!("{error}")))?);
    }
    let ran = disturbed(&stage, &cut).await;
    // What was on its way when the run was cut off still arrives.
    tokio::time::sleep(Duration::from_millis(if ran.is_none() { 30 } else { 0 })).await;
    let told = ran.as_ref().map(Ran::told).unwrap_or_default();
    if let Some(ran) = &ran {
        prop_assert_eq!(ran.miscounted(), None, "{}", told);
    }
    let now = State::of(&stage.server);
    prop_assert_eq!(now.strange(&before, &after), Vec::<&String>::new(), "after the faults: {}", told);
    prop_assert_eq!(now.grown(&after), Vec::<&String>::new(), "a revision too many: {}", told);
    // A create that was sent although it was carried out before is answered with 409, unless a fault says so.
    let said = faults.iter().any(|fault| KINDS[fault.kind] == "409");
    let conflict = stage.server.requests().into_iter().find(|request| request.status == 409);
    prop_assert!(said || conflict.is_none(), "sent twice: {conflict:?}\n{told}");

    stage.server.clear_faults();
    let last = stage.apply().await;
    prop_assert_eq!(last.code(), code, "{}", last.told());
    prop_assert_eq!(State::of(&stage.server), after, "\nfirst:\n{}\nthen:\n{}", told, last.told());
    let idle = stage.apply().await;
    prop_assert_eq!(idle.writes().next(), None);
    if code == 0 {
        prop_assert_eq!(idle.plan.changes().count(), 0, "a plan after convergence: {}", idle.told());
    }
    Ok(())
}

/// The plan as JSON, without the places of rows in the manifest, which move with the rows.
async fn shown(
    system: System,
    world: &World,
    live: &[(usize, Row)],
    declared: &[(usize, Row)],
    slow: usize,
) -> Result<String, TestCaseError> {
    let clock = Clock::fixed("2026-06-01T00:00:00Z".parse().expect("an instant"));
    let stage = Stage::new(&system.manifests(world, declared), Options { clock, ..options(&system.seed(live)) }).await;
    // Another page is late each time, so that pages that are read side by side come in another order.
    let late = format!("{}=slow=15ms:1@{slow}", system.routes()[0]);
    stage.server.add_fault(late.parse().map_err(|error| TestCaseError::fail(format!("{error}")))?);
    let now = assignctl::model::Instant(1_780_000_000_000);
    let plan = stage.plan_at(now).await;
    let json = serde_json::to_value(render::json::plan(&plan, Exit::Success))
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    Ok(without_columns(json).to_string())
}

fn without_columns(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => {
            let kept = map.into_iter().filter(|(name, _)| name != "column");
            kept.map(|(name, value)| (name, without_columns(value))).collect()
        }
        serde_json::Value::Array(items) => items.into_iter().map(without_columns).collect(),
        other => other,
    }
}

fn stories(system: System) {
    hold(&story(), |story| block_on(tell(system, &story)));
}

#[test]
fn streamline_survives_any_story() {
    stories(System::Streamline);
}

#[test]
fn partium_survives_any_story() {
    stories(System::Partium);
}

#[test]
fn semaphor_survives_any_story() {
    stories(System::Semaphor);
}

#[test]
fn canopy_survives_any_story() {
    stories(System::Canopy);
}

/// What is sent where nothing goes wrong is what the plan forecast, reads and writes.
async fn forecast(system: System, world: &World) -> Result<(), TestCaseError> {
    let stage = stage(system, world, options(&system.seed(&numbered(&world.rows)))).await;
    let plan = stage.plan().await;
    prop_assert_eq!(plan.targets[0].read_requests, stage.server.requests().len() as u64, "reads");
    let ran = stage.apply().await;
    let refused = !ran.plan.targets[0].refusals.is_empty();
    let writes = if refused { 0 } else { ran.plan.targets[0].write_requests };
    prop_assert_eq!(writes, ran.writes().count() as u64, "writes: {}", ran.told());
    Ok(())
}

#[test]
fn what_is_sent_is_what_was_forecast() {
    let system = prop::sample::select(vec![System::Streamline, System::Partium, System::Semaphor, System::Canopy]);
    hold(&(system, world()), |(system, world)| block_on(forecast(system, &world)));
}

#[test]
fn the_order_of_rows_and_pages_never_changes_a_plan() {
    let system = prop::sample::select(vec![System::Streamline, System::Partium, System::Semaphor, System::Canopy]);
    let worlds = world().prop_flat_map(|world| {
        let rows = numbered(&world.rows);
        (Just(world), Just(rows.clone()).prop_shuffle(), Just(rows).prop_shuffle(), 0..4_usize)
    });
    hold(&(system, worlds), |(system, (world, live, declared, slow))| {
        block_on(async {
            let rows = numbered(&world.rows);
            let sorted = shown(system, &world, &rows, &rows, 9).await?;
            let shuffled = shown(system, &world, &live, &declared, slow).await?;
            prop_assert_eq!(sorted, shuffled);
            Ok(())
        })
    });
}
