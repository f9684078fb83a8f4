//! Apply reports as people see them.

use std::sync::Arc;

use assignctl::apply::{
    ChangeId, ChangeReport, Leftover, NotRun, Outcome, Remaining, Report, TargetReport, Verification,
};
use assignctl::model::{Action, Signal};
use assignctl::plan::{Plan, TargetPlan};
use assignctl::render::{self, Style, report};

use super::fixture::{self, PARTIUM, World};

pub fn done() -> Outcome {
    Outcome::Done { note: None }
}

pub fn failed(temporary: bool) -> Outcome {
    Outcome::Failed {
        message: "the identity already has this role at this node; plan again".to_owned(),
        code: Some("rbac.assignment_conflict".to_owned()),
        status: Some(409),
        temporary,
    }
}

fn unknown() -> Outcome {
    Outcome::Unknown { why: "the connection broke after the request was sent, and the re-read failed".to_owned() }
}

fn skipped(why: &str) -> Outcome {
    Outcome::Skipped { why: why.to_owned() }
}

/// A report on one target: the outcomes in the order of the plan's changes, the last one for all that are left.
fn target_report(target: &TargetPlan, outcomes: &[Outcome], verification: Verification) -> TargetReport {
    let ids = target.sets.iter().enumerate().filter(|(_, set)| set.applies());
    let ids = ids.flat_map(|(set, plan)| (0..plan.changes.len()).map(move |index| ChangeId { set, index }));
    let outcome = |at: usize| outcomes.get(at).or(outcomes.last()).cloned().unwrap();
    let changes = ids
        .enumerate()
        .map(|(at, id)| ChangeReport { id, outcome: outcome(at), request_ids: Arc::default() })
        .collect();
    TargetReport {
        name: target.name.clone(),
        changes,
        held: Vec::new(),
        not_run: None,
        has_failed_set: false,
        verification,
    }
}

/// What is left of a target's first change.
fn remaining(target: &TargetPlan, why: Leftover) -> Remaining {
    let planned = &target.sets[0].changes[0];
    Remaining {
        set: target.sets[0].name.clone(),
        action: planned.action(),
        key: planned.change.key,
        from_key: planned.change.from_key,
        at: planned.at.clone(),
        why,
    }
}

/// A report with each kind of outcome, over [`fixture::everything`].
pub fn every_outcome(plan: &Plan) -> Report {
    let [canopy, partium, semaphor, streamline] = &plan.targets[..] else { panic!("four targets") };
    let note = |text: &str| Some(text.to_owned());
    let blocked = Outcome::Blocked { by: ChangeId { set: 0, index: 0 } };
    let targets = vec![
        target_report(
            canopy,
            &[failed(false), done(), blocked, Outcome::Already { note: note("409: it was so before") }, done()],
            Verification::Remaining(vec![remaining(canopy, Leftover::NotApplied), remaining(canopy, Leftover::New)]),
        ),
        target_report(
            partium,
            &[unknown(), Outcome::Done { note: note("done, not visible yet") }],
            Verification::Unreadable { message: "503 maintenance".to_owned(), temporary: true },
        ),
        target_report(semaphor, &[done()], Verification::Clean),
        target_report(streamline, &[skipped("interrupted")], Verification::Untouched),
    ];
    Report { targets, interrupted: None }
}

/// Reports that end in each other way.
pub fn endings(plan: &Plan) -> Vec<Report> {
    let target = &plan.targets[0];
    let one = |report: TargetReport| Report { targets: vec![report], interrupted: None };
    let not_run = |why| {
        let report = target_report(target, &[skipped("a guard refused the plan")], Verification::Untouched);
        one(TargetReport { not_run: Some(why), ..report })
    };
    let not_verified = Verification::NotVerified { why: "--no-verify".to_owned() };
    let not_visible = Verification::Remaining(vec![remaining(target, Leftover::NotVisibleYet)]);
    vec![
        one(target_report(target, &[done()], Verification::Clean)),
        one(target_report(target, &[done()], not_verified)),
        one(target_report(target, &[done()], not_visible)),
        one(target_report(target, &[failed(true)], Verification::Clean)),
        not_run(NotRun::Refused),
        not_run(NotRun::Unreadable { temporary: true }),
        Report {
            interrupted: Some(Signal::Interrupt),
            ..one(target_report(target, &[done(), skipped("interrupted")], Verification::Clean))
        },
    ]
}

fn shown(plan: &Plan, ended: &Report, full: bool) -> String {
    let mut out = Vec::new();
    let options = render::Options { style: Style::default(), full, next: Some("assignctl plan teams") };
    report::report(&mut out, plan, ended, &options).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn each_outcome_is_told() {
    let plan = fixture::everything();
    insta::assert_snapshot!(shown(&plan, &every_outcome(&plan), false));
}

#[test]
fn each_ending_is_told() {
    let plan = fixture::everything();
    let all: Vec<String> = endings(&plan).iter().map(|report| shown(&plan, report, false)).collect();
    insta::assert_snapshot!(all.join("----------------\n"));
}

#[test]
fn skipped_changes_fold_and_failed_ones_do_not() {
    let mut world = World::new();
    let rows = (0..60).map(|i| world.row(9, &[&format!("ass{i:02}"), "dealer-at"], vec![])).collect();
    world.plan("parts-prod", &PARTIUM, &[world.set("dealers", rows)], vec![]);
    let plan = world.done();
    let mut outcomes = vec![failed(false); 30];
    outcomes.push(skipped("interrupted"));
    let verification = Verification::NotVerified { why: "interrupted".to_owned() };
    let targets = vec![target_report(&plan.targets[0], &outcomes, verification)];
    let report = Report { targets, interrupted: Some(Signal::Interrupt) };
    let folded = shown(&plan, &report, false);
    assert_eq!((folded.matches("  failed ").count(), folded.matches("  skipped ").count()), (30, 20), "{folded}");
    assert!(folded.contains("… 10 more skipped (--full shows them)"), "{folded}");
    assert_eq!(shown(&plan, &report, true).matches("  skipped ").count(), 30);
}

#[test]
fn what_an_api_says_cannot_leave_its_line() {
    let plan = fixture::everything();
    let evil = "x\n  done  all\x1b[2J\u{202e}".to_owned();
    let outcomes = [
        Outcome::Failed { message: evil.clone(), code: Some(evil.clone()), status: Some(500), temporary: false },
        Outcome::Done { note: Some(evil.clone()) },
        Outcome::Unknown { why: evil.clone() },
        Outcome::Skipped { why: evil.clone() },
    ];
    let verification = Verification::Unreadable { message: evil, temporary: false };
    let report = Report { targets: vec![target_report(&plan.targets[0], &outcomes, verification)], interrupted: None };
    let shown = shown(&plan, &report, false);
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{shown}");
    assert!(!shown.lines().any(|line| line.starts_with("  done  all")), "{shown}");
    assert_eq!(report.targets[0].changes.len(), plan.targets[0].changes().count());
    assert!(plan.targets[0].changes().any(|planned| planned.action() == Action::Remove));
}
