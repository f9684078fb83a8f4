//! JUnit XML for dashboards of tests: a suite for each set, a case for each assignment.
//!
//! In a plan a pending change is a skipped case: it is wanted, and not there yet. In drift it is a failure. What a guard refused of a plan
//! is a failure, and what could not be read is an error.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use crate::apply::{ChangeId, Outcome, Report};
use crate::diag::{Diagnostics, Severity, Sources};
use crate::plan::drift::{Drift, Kind, SetDrift};
use crate::plan::{BaseGapKind, Plan, PlannedChange, Refusal, SetPlan, TargetPlan};

use super::drift::{notes as drift_notes, place as drift_place};
use super::report::said;
use super::words::{self, Speaker};
use super::{Stopped, clean};

/// Writes the assignments of a plan.
///
/// # Errors
/// Those of the writer.
pub fn plan(out: &mut dyn Write, plan: &Plan) -> io::Result<()> {
    let status = |_: &TargetPlan, _: ChangeId, speaker: Speaker<'_>, planned: &PlannedChange| {
        let mut status = TestCaseStatus::skipped();
        status.set_type(speaker.action(planned.action())).set_message(pending(speaker, planned));
        status
    };
    write(out, plan, &status)
}

/// Writes the assignments that drift looked at: what is as declared passes, what counts as drift fails, and what a rule leaves alone is
/// skipped. Guards refuse nothing here.
///
/// # Errors
/// Those of the writer.
pub fn drift(out: &mut dyn Write, drift: &Drift<'_>) -> io::Result<()> {
    let mut suites = Vec::new();
    for found in &drift.targets {
        suites.extend(target_suite(found.target, &[]));
        let speaker = Speaker::new(&drift.plan.ids, found.target);
        suites.extend(found.sets.iter().map(|set| drift_suite(found.target, set, speaker)));
    }
    finish(out, "assignctl drift", suites)
}

fn drift_suite(target: &TargetPlan, set: &SetDrift<'_>, speaker: Speaker<'_>) -> TestSuite {
    let mut cases: BTreeMap<String, TestCase> = BTreeMap::new();
    for key in &set.set.unchanged {
        let shown = speaker.key(key, None);
        cases.insert(shown.clone(), TestCase::new(shown, TestCaseStatus::success()));
    }
    for finding in &set.findings {
        let mut status = match (finding.is_drift, finding.kind) {
            (true, _) => TestCaseStatus::non_success(NonSuccessKind::Failure),
            (false, Kind::Ignored) => TestCaseStatus::skipped(),
            _ => continue,
        };
        let said: Vec<String> = std::iter::once(finding.kind.word().to_owned()).chain(drift_notes(finding)).collect();
        status.set_type(finding.kind.name()).set_message(&*clean::terminal(&said.join(", ")));
        let shown = speaker.key(&finding.key, None);
        let mut case = TestCase::new(shown.clone(), status);
        let at = drift_place(finding).unwrap_or(&set.set.at);
        case.extra.insert("file".into(), (*clean::terminal(&at.file)).into());
        case.extra.insert("line".into(), at.line.to_string().into());
        cases.insert(shown, case);
    }
    named_suite(target, set.set, cases.into_values())
}

/// Writes the assignments of an apply: what went through passes.
///
/// # Errors
/// Those of the writer.
pub fn report(out: &mut dyn Write, plan: &Plan, report: &Report) -> io::Result<()> {
    let ended: HashMap<&str, _> = report.targets.iter().map(|target| (target.name.as_str(), target)).collect();
    let status = |target: &TargetPlan, id: ChangeId, speaker: Speaker<'_>, planned: &PlannedChange| {
        let outcome = ended.get(target.name.as_str()).and_then(|ended| ended.outcome(id));
        let mut status = match outcome {
            Some(Outcome::Done { .. } | Outcome::Already { .. }) => return TestCaseStatus::success(),
            // An observing set's differences, and what was not sent for no fault of its own.
            None | Some(Outcome::Skipped { .. }) => TestCaseStatus::skipped(),
            Some(Outcome::Unknown { .. }) => TestCaseStatus::non_success(NonSuccessKind::Error),
            Some(Outcome::Failed { .. } | Outcome::Blocked { .. }) => {
                TestCaseStatus::non_success(NonSuccessKind::Failure)
            }
        };
        let message = match outcome {
            None => pending(speaker, planned),
            Some(Outcome::Blocked { .. }) => "waits for a grant that did not come".to_owned(),
            Some(outcome) => said(outcome).unwrap_or_default(),
        };
        status.set_type(outcome.map_or("observed", Outcome::word)).set_message(message);
        status
    };
    write(out, plan, &status)
}

/// Writes a run that ended before there was a plan.
///
/// # Errors
/// Those of the writer.
pub fn stopped(out: &mut dyn Write, stopped: Stopped<'_>) -> io::Result<()> {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type("stopped").set_message(&*clean::terminal(stopped.why));
    let mut suite = TestSuite::new(stopped.command.word());
    suite.add_test_case(TestCase::new("is begun", status));
    finish(out, "assignctl", vec![suite])
}

/// Writes findings in manifests, a case for each; valid manifests are one case that passes.
///
/// # Errors
/// Those of the writer.
pub fn findings(out: &mut dyn Write, diagnostics: &Diagnostics, sources: &Sources) -> io::Result<()> {
    let mut suite = TestSuite::new("manifests");
    for finding in diagnostics.sorted() {
        let mut status = match finding.severity {
            Severity::Error => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Severity::Warning => TestCaseStatus::skipped(),
        };
        status.set_type(finding.code).set_message(&*clean::terminal(&finding.message));
        let help: Vec<_> = finding.help.iter().map(|help| clean::terminal(help)).collect();
        status.set_description(help.join("\n"));
        let at = finding.primary.as_ref().map(|label| sources.locate(label.span));
        let name = at.as_ref().map_or_else(|| finding.code.to_owned(), |at| format!("{} {at}", finding.code));
        let mut case = TestCase::new(&*clean::terminal(&name), status);
        if let Some(at) = at {
            case.extra.insert("file".into(), (*clean::terminal(&at.file)).into());
            case.extra.insert("line".into(), at.line.to_string().into());
        }
        suite.add_test_case(case);
    }
    if diagnostics.is_empty() {
        suite.add_test_case(TestCase::new("valid", TestCaseStatus::success()));
    }
    finish(out, "assignctl validate", vec![suite])
}

type StatusOf<'a> = dyn Fn(&TargetPlan, ChangeId, Speaker<'_>, &PlannedChange) -> TestCaseStatus + 'a;

fn write(out: &mut dyn Write, plan: &Plan, status: &StatusOf<'_>) -> io::Result<()> {
    let mut suites: Vec<TestSuite> = base_suite(plan).into_iter().collect();
    for target in &plan.targets {
        suites.extend(target_suite(target, &target.refusals));
        let speaker = Speaker::new(&plan.ids, target);
        for (index, set) in target.sets.iter().enumerate().filter(|(_, set)| set.selected) {
            suites.push(set_suite(target, index, set, speaker, status));
        }
    }
    finish(out, "assignctl", suites)
}

/// What could not be compared with the base: an error where its manifests cannot be used, skipped where only its live state is missing.
fn base_suite(plan: &Plan) -> Option<TestSuite> {
    let base = plan.base.as_ref()?;
    let problems = words::base_problems(base);
    let mut suite = TestSuite::new(&*clean::terminal(&format!("base {}", base.name)));
    for (kind, problem) in &problems {
        let mut status = match kind {
            BaseGapKind::NotUsed => TestCaseStatus::non_success(NonSuccessKind::Error),
            BaseGapKind::Unread => TestCaseStatus::skipped(),
        };
        status.set_type("base").set_message(&*clean::terminal(problem));
        suite.add_test_case(TestCase::new("can be compared", status));
    }
    (!problems.is_empty()).then_some(suite)
}

/// What is wrong with a target as a whole.
fn target_suite(target: &TargetPlan, refusals: &[Refusal]) -> Option<TestSuite> {
    let mut suite = TestSuite::new(&*clean::terminal(&target.name));
    if let Some(unreadable) = &target.unreadable {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("unreadable").set_message(&*clean::terminal(&unreadable.message));
        suite.add_test_case(TestCase::new("can be read", status));
    }
    for refusal in refusals {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        let message = format!("{} [{}]. To allow it: {}", refusal.message, refusal.guard.code(), refusal.allow);
        status.set_type("refused").set_message(&*clean::terminal(&message));
        let name = refusal.set.as_ref().map_or_else(|| "guards".to_owned(), |set| format!("guards of set {set}"));
        suite.add_test_case(TestCase::new(&*clean::terminal(&name), status));
    }
    (!suite.test_cases.is_empty()).then_some(suite)
}

fn set_suite(
    target: &TargetPlan,
    index: usize,
    set: &SetPlan,
    speaker: Speaker<'_>,
    status: &StatusOf<'_>,
) -> TestSuite {
    let mut cases: Vec<(String, TestCase)> = Vec::with_capacity(set.unchanged.len() + set.changes.len());
    for key in &set.unchanged {
        let shown = speaker.key(key, None);
        cases.push((shown.clone(), TestCase::new(shown, TestCaseStatus::success())));
    }
    for (at, planned) in set.changes.iter().enumerate() {
        let id = ChangeId { set: index, index: at };
        let shown = speaker.key(&planned.change.key, None);
        let mut case = TestCase::new(shown.clone(), status(target, id, speaker, planned));
        case.extra.insert("file".into(), (*clean::terminal(&planned.at.file)).into());
        case.extra.insert("line".into(), planned.at.line.to_string().into());
        cases.push((shown, case));
    }
    // Cases keep their places from run to run, whatever happens to them.
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    named_suite(target, set, cases.into_iter().map(|(_, case)| case))
}

fn named_suite(target: &TargetPlan, set: &SetPlan, cases: impl Iterator<Item = TestCase>) -> TestSuite {
    let name = clean::terminal(&format!("{} / {}", target.name, set.name)).into_owned();
    let mut suite = TestSuite::new(name.clone());
    for mut case in cases {
        case.set_classname(name.clone());
        suite.add_test_case(case);
    }
    suite
}

fn pending(speaker: Speaker<'_>, planned: &PlannedChange) -> String {
    let effect = speaker.effect(planned).join(", ");
    let effect = if effect.is_empty() { effect } else { format!(": {effect}") };
    let place = words::place(&planned.at);
    format!("to {}{effect} ({}, {place})", speaker.action(planned.action()), planned.reason.text())
}

fn finish(out: &mut dyn Write, name: &str, suites: Vec<TestSuite>) -> io::Result<()> {
    let mut junit = Junit::new(name);
    junit.add_test_suites(suites);
    junit.serialize(out).map_err(io::Error::other)
}
