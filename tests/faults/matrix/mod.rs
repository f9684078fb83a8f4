//! The fault matrix: every route × every fault × when it strikes × a single apply or a repeated one, generated from tables.
//!
//! Each case starts a server, applies under the fault (twice, where it is a repeated case), takes the fault away, applies again, and
//! once more. After every apply each assignment is as it was before or as it is declared; every change has an outcome and the totals add
//! up; the exit code is the one that [`expected`] names; a request that must not be sent twice was not. The apply
//! without the fault converges, and the one after it sends no write.
//!
//! `cargo test --test main fault_matrix -- --nocapture` prints the summary line. `FAULT=drop-after` or `FAULT=canopy` chooses cases by
//! their names.

mod cases;
mod expected;
mod trial;
mod troubles;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use assignctl::sandbox::{LoggedRequest, Options};
use futures::StreamExt as _;

use crate::support;

use super::drive::is_write;
use super::routes::{Class, ROUTES, Route};
use cases::{Case, Effect, When, cases};
use expected::expected;
use trial::{Findings, Reference, Wrong, stage};
use troubles::run;

/// How many cases run at once. Most of them wait for a pause or a time-out most of the time.
const AT_ONCE: usize = 24;

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
    assert!(include_str!("../../../README.md").contains(&line), "README.md shows another line than: {line}");
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
    let limits = "concurrency: 2, timeout: 20s, retry_budget: 3s, settle_timeout: 400ms";
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
