//! Whose change is it: the same live state planned with the head's manifests and with the base's.

use assignctl::model::{Mode, Value};
use assignctl::plan::{Cause, cause};
use serde_json::json;

use super::world::World;

type Row = (&'static str, Option<i64>);

fn params(number: Option<i64>) -> Vec<(&'static str, Value)> {
    number.map(|n| ("params", Value::json(json!({ "n": n })))).into_iter().collect()
}

/// The world with these declared rows over the live ones. Texts have the same symbols in both, as in a run.
fn world(rows: &[Row], live: &[Row]) -> World {
    let mut world = World::new();
    for text in "anna ben carl de at lead member agent".split(' ') {
        world.ids.sym(text);
    }
    world.set(Mode::Authoritative, Some(&[]), &[]);
    rows.iter().for_each(|(row, number)| world.declare(row, params(*number)));
    live.iter().for_each(|(row, number)| world.live_with(row, params(*number)));
    world
}

/// The head's lines with their causes.
fn causes(head: &[Row], base: &[Row], live: &[Row]) -> Vec<(String, Option<Cause>)> {
    let (head, base) = (world(head, live), world(base, live));
    let mut plan = head.plan();
    cause::attribute(&mut plan, Some(&base.plan()));
    let marks: Vec<Option<Cause>> = plan.sets[0].changes.iter().map(|planned| planned.cause).collect();
    head.lines(&plan).into_iter().zip(marks).collect()
}

fn one(head: &[Row], base: &[Row], live: &[Row]) -> (String, Cause) {
    let all = causes(head, base, live);
    let [(line, Some(cause))] = all.as_slice() else { panic!("{all:?}") };
    (line.clone(), *cause)
}

const ANNA: &str = "anna de lead";

#[test]
fn live_equals_the_base_and_the_head_differs() {
    let this = Cause::PullRequest;
    assert_eq!(one(&[(ANNA, None)], &[], &[]), ("create anna de lead".into(), this));
    assert_eq!(one(&[], &[(ANNA, None)], &[(ANNA, None)]), ("remove anna de lead".into(), this));
    let changed = one(&[(ANNA, Some(2))], &[(ANNA, Some(1))], &[(ANNA, Some(1))]);
    assert_eq!(changed, ("update anna de lead [params]".into(), this));
    let role = one(&[("anna de member", None)], &[(ANNA, None)], &[(ANNA, None)]);
    assert_eq!(role, ("update anna de lead -> anna de member".into(), this));
}

#[test]
fn the_head_equals_the_base_and_live_differs() {
    for (rows, live) in [
        (&[(ANNA, None)][..], &[][..]),
        (&[], &[(ANNA, None)]),
        (&[(ANNA, Some(1))], &[(ANNA, Some(2))]),
        (&[("anna de member", None)], &[(ANNA, None)]),
    ] {
        let (line, cause) = one(rows, rows, live);
        assert_eq!(cause, Cause::Drift, "{line}");
    }
}

#[test]
fn all_three_differ() {
    for (head, base, live) in [
        (&[(ANNA, Some(3))][..], &[(ANNA, Some(2))][..], &[(ANNA, Some(1))][..]),
        (&[(ANNA, Some(3))], &[(ANNA, Some(2))], &[]),
        (&[], &[(ANNA, Some(2))], &[(ANNA, Some(1))]),
        (&[("anna de agent", None)], &[("anna de member", None)], &[(ANNA, None)]),
    ] {
        let (line, cause) = one(head, base, live);
        assert_eq!(cause, Cause::Both, "{line}");
    }
}

#[test]
fn what_the_head_accepts_of_the_drift_is_no_change() {
    assert!(causes(&[(ANNA, Some(2))], &[(ANNA, Some(1))], &[(ANNA, Some(2))]).is_empty());
}

#[test]
fn changes_of_one_plan_are_told_apart() {
    let all = causes(
        &[("ben de lead", None), ("carl de lead", None)],
        &[("ben de lead", None), (ANNA, None)],
        &[(ANNA, None), ("carl at lead", None)],
    );
    let told: Vec<String> = all.iter().map(|(line, cause)| format!("{line}: {}", cause.unwrap().text())).collect();
    let expected = [
        "remove anna de lead: this pull request",
        "create ben de lead: drift",
        "remove carl at lead: drift",
        "create carl de lead: this pull request",
    ];
    assert_eq!(told, expected);
}

#[test]
fn without_such_a_target_in_the_base_everything_is_new() {
    let mut plan = world(&[(ANNA, None)], &[]).plan();
    cause::attribute(&mut plan, None);
    assert_eq!(plan.sets[0].changes[0].cause, Some(Cause::PullRequest));
}

#[test]
fn secrets_that_are_sent_again_are_nobodys_change() {
    let secret = |n: &str| {
        let from = assignctl::model::SecretRef::Env(n.into());
        vec![("secret_params", Value::Secrets([("k".into(), from)].into()))]
    };
    let mut head = world(&[], &[]);
    head.declare(ANNA, secret("NAME"));
    head.live_with(ANNA, vec![("secret_params", Value::Masked(vec!["k".into()]))]);
    head.rotate = true;
    let mut plan = head.plan();
    assert_eq!(plan.sets[0].changes.len(), 1);
    cause::attribute(&mut plan, Some(&world(&[], &[]).plan()));
    assert_eq!(plan.sets[0].changes[0].cause, None);
}
