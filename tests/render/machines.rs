//! SARIF, JUnit, GitLab's counts, GitHub's commands and events: what programs read.

use std::io;
use std::sync::{Arc, Mutex};

use assignctl::apply::{Ended, Event, Exit, Outcome, Sink, Totals, Verification};
use assignctl::model::Route;
use assignctl::plan::Plan;
use assignctl::plan::drift::drift;
use assignctl::render::{github, gitlab, json, junit, sarif};
use serde_json::Value;

use super::json::{assert_valid, document};
use super::{findings, fixture, reports, shapes};

fn pretty(document: &impl serde::Serialize) -> String {
    let text = serde_json::to_string_pretty(document).unwrap();
    text.replace(env!("CARGO_PKG_VERSION"), "0.0.0")
}

fn sarif_schema() -> Value {
    let mut schema: Value = serde_json::from_str(include_str!("sarif-2.1.0.json")).unwrap();
    // Published with a bracket too many; the property is not used here.
    for kind in ["run", "toolComponent"] {
        schema["definitions"][kind]["properties"]["language"] = Value::Bool(true);
    }
    schema
}

const BASE: sarif::Options<'static> = sarif::Options { base: "infra/access #1/" };

/// A plan read as drift, as SARIF.
fn drift_log(plan: &Plan) -> Value {
    document(&sarif::drift(&drift(plan, &[], true), Exit::Pending, BASE))
}

#[test]
fn sarif_of_every_shape_is_sarif() {
    let schema = sarif_schema();
    for (name, plan) in shapes::all() {
        let log = sarif::plan(&plan, Exit::Success, BASE);
        assert_valid(&schema, &document(&log));
        insta::assert_snapshot!(format!("sarif_{name}"), pretty(&log));
        let log = drift_log(&plan);
        assert_valid(&schema, &log);
        insta::assert_snapshot!(format!("sarif_drift_{name}"), pretty(&log));
    }
    let plan = fixture::everything();
    let log = sarif::report(&plan, &reports::every_outcome(&plan), Exit::Partial, BASE);
    assert_valid(&schema, &document(&log));
    insta::assert_snapshot!("sarif_applied", pretty(&log));
    let (diagnostics, sources) = findings::some();
    let log = sarif::findings(&diagnostics, &sources, sarif::Options::default());
    assert_valid(&schema, &document(&log));
    insta::assert_snapshot!("sarif_findings", pretty(&log));
}

#[test]
fn in_a_pull_request_differences_are_no_results() {
    let log = document(&sarif::plan(&fixture::everything(), Exit::Success, sarif::Options::default()));
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().all(|result| !result["ruleId"].as_str().unwrap().starts_with("drift-")), "{results:#?}");
}

fn fingerprints(plan: &Plan) -> Vec<String> {
    let log = drift_log(plan);
    let results = log["runs"][0]["results"].as_array().unwrap().iter();
    results.map(|result| result["partialFingerprints"]["assignctl/v1"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn fingerprints_survive_moved_lines_and_are_all_different() {
    let mut moved = fixture::everything();
    let all = fingerprints(&moved);
    for planned in moved.targets.iter_mut().flat_map(|t| &mut t.sets).flat_map(|set| &mut set.changes) {
        planned.at.line += 100;
    }
    assert_eq!(fingerprints(&moved), all);
    let mut distinct = all.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn sarif_stops_where_hosts_stop_reading() {
    let log = drift_log(&shapes::crowd(6_000, 0));
    assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), 5_000);
    let note = &log["runs"][0]["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"];
    assert!(note.as_str().unwrap().starts_with("1000 more results"), "{note}");
}

fn junit_of(write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    quick_junit::Report::deserialize_from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    text
}

#[test]
fn junit_has_a_case_for_each_assignment() {
    for (name, plan) in shapes::all() {
        let text = junit_of(|out| junit::plan(out, &plan));
        let counts = plan.counts();
        let changes: usize = plan.targets.iter().flat_map(|t| &t.sets).map(|set| set.changes.len()).sum();
        let of_targets =
            plan.targets.iter().map(|t| t.refusals.len() + usize::from(t.unreadable.is_some())).sum::<usize>();
        let of_base = plan.base.as_ref().map_or(0, |base| base.gaps.len() + usize::from(base.not_used.is_some()));
        let cases = counts.unchanged as usize + changes + of_targets + of_base;
        assert_eq!(text.matches("<testcase ").count(), cases, "{text}");
        insta::assert_snapshot!(format!("junit_{name}"), text);
    }
    let plan = fixture::everything();
    let drift = junit_of(|out| junit::drift(out, &drift(&plan, &[], false)));
    assert!(drift.contains("<failure ") && !drift.contains("<skipped"), "{drift}");
    let report = reports::every_outcome(&plan);
    insta::assert_snapshot!("junit_applied", junit_of(|out| junit::report(out, &plan, &report)));
    let (diagnostics, sources) = findings::some();
    insta::assert_snapshot!("junit_findings", junit_of(|out| junit::findings(out, &diagnostics, &sources)));
}

#[test]
fn gitlab_counts_what_is_created_updated_and_deleted() {
    let shown = document(&gitlab::plan(&shapes::refused()));
    assert_eq!(shown, serde_json::json!({ "create": 0, "update": 0, "delete": 24 }));
}

#[test]
fn annotations_of_every_shape() {
    let mut all = String::new();
    for (name, plan) in shapes::all() {
        all.push_str(&format!("--- {name}\n{}", github::plan(&plan, "infra/a,b:c/")));
    }
    let plan = fixture::everything();
    all.push_str(&format!("--- applied\n{}", github::report(&plan, &reports::every_outcome(&plan), "")));
    let (diagnostics, sources) = findings::some();
    all.push_str(&format!("--- findings\n{}", github::findings(&diagnostics, &sources, "")));
    insta::assert_snapshot!("annotations", all);
}

#[test]
fn annotations_are_commands_and_nothing_else() {
    for (_, plan) in shapes::all() {
        for line in github::plan(&plan, "").lines() {
            assert!(line.starts_with("::error ") || line.starts_with("::warning "), "{line}");
            let properties = line.split("::").nth(1).unwrap();
            assert!(properties.split(',').all(|property| property.split('=').count() >= 2), "{line}");
            assert!(!line.contains('\r') && !line.contains('\u{1b}'), "{line}");
        }
    }
}

#[test]
fn annotations_stop_where_github_stops_and_name_removals_first() {
    let mut plan = shapes::crowd(5, 40);
    let lines = |plan: &Plan| github::plan(plan, "").lines().map(str::to_owned).collect::<Vec<_>>();
    let warnings = lines(&plan).iter().filter(|line| line.starts_with("::warning")).count();
    assert_eq!(warnings, github::ANNOTATIONS);
    // A role change sorts before the removals by its key, and is told after them.
    plan = fixture::everything();
    let first_update = lines(&plan).iter().position(|line| line.contains("title=update"));
    let last_removal =
        lines(&plan).iter().rposition(|line| line.contains("title=remove") || line.contains("title=archive"));
    assert!(last_removal.is_some() && first_update > last_removal, "{:#?}", lines(&plan));
}

#[test]
fn outputs_are_numbers_and_words() {
    assert_eq!(
        github::outputs(&shapes::refused(), Exit::Refused),
        "changes=24\ncreate=0\nupdate=0\nremove=24\nverdict=refused\nexit-code=3\n"
    );
}

/// A writer that the test can read.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn events_are_lines_that_hold_their_schema() {
    let plan = fixture::everything();
    let out = Shared::default();
    let events =
        json::EventLines::new(Box::new(out.clone()), Arc::clone(&plan.ids), Box::new(|| fixture::now().to_string()));
    let target = &plan.targets[0];
    let set = &target.sets[0];
    let change = &set.changes[0];
    let route = Route { name: "POST …", group: Default::default(), batch: 1, requests: 1 };
    let changes = [&change.change];
    let (failed, done) = (reports::failed(true), Outcome::Done { note: None });
    let totals = Totals { done: 1, ..Totals::default() };
    let ended = Ended { set, changes: &[change], outcome: &failed, request_ids: &[] };
    let answers = [assignctl::model::WriteOutcome::unknown("cut")];
    for event in [
        Event::Started { targets: 1, changes: 5 },
        Event::TargetStarted { target, changes: 5 },
        Event::BatchPrepared { target, route, batch: 1, changes: &changes, again: false },
        Event::BatchStarted { target, route, batch: 1, changes: 1, again: false },
        Event::BatchEnded {
            target,
            route,
            batch: 1,
            changes: &changes,
            answers: &answers,
            request_ids: &[],
            again: false,
        },
        Event::Finished { target, ended, provisional: true },
        Event::Verifying { target, attempt: 1 },
        Event::Settled { target, ended: Ended { outcome: &done, ..ended } },
        Event::Verified { target, verification: &Verification::Clean },
        Event::TargetEnded { target, totals },
        Event::Interrupted,
        Event::Ended { totals },
    ] {
        events.event(&event);
    }
    events.close().unwrap();
    let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    for line in text.lines() {
        assert_valid(&json::event_schema(), &serde_json::from_str(line).unwrap());
    }
    assert_eq!(text.lines().count(), 11); // what is prepared is told by its start
    insta::assert_snapshot!("events", text);
}

#[test]
fn events_that_cannot_be_written_are_told_at_the_end() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let plan = shapes::nothing();
    let events = json::EventLines::new(Box::new(Full), Arc::clone(&plan.ids), Box::new(|| fixture::now().to_string()));
    events.event(&Event::Interrupted);
    assert_eq!(events.close().unwrap_err().kind(), io::ErrorKind::StorageFull);
}
