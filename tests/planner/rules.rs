//! What becomes a create, an update, a removal, or nothing.

use assignctl::model::{Instant, Mode, Value};
use assignctl::plan::{Grant, LeftAlone, Loss, Reason, batches};
use serde_json::json;

use super::world::{DAY, NOW, World};

fn instant(days: i64) -> Value {
    Value::Instant(Instant(NOW + days * DAY))
}

fn authoritative(rows: &[&str], live: &[&str]) -> World {
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&[]), rows);
    for row in live {
        world.live(row, (Some(-10), None));
    }
    world
}

#[test]
fn declared_and_not_live_is_created_and_undeclared_is_removed() {
    let world = authoritative(&["anna de lead", "ben de lead"], &["ben de lead", "carl at lead"]);
    let plan = world.plan();
    assert_eq!(world.lines(&plan), ["create anna de lead", "remove carl at lead"]);
    assert_eq!(plan.sets[0].counts.unchanged, 1);
    assert_eq!(plan.sets[0].live, 2);
}

#[test]
fn a_role_change_is_one_update_that_keeps_the_id() {
    let world = authoritative(&["anna de lead"], &["anna de member"]);
    let plan = world.plan();
    assert_eq!(world.lines(&plan), ["update anna de member -> anna de lead"]);
    let planned = &plan.sets[0].changes[0];
    assert_eq!(planned.reason, Reason::Replaced);
    assert_eq!((planned.losses.as_slice(), planned.grants.as_slice()), (&[Loss::Replaced][..], &[Grant::Replaced][..]));
    assert_eq!(planned.change.live.as_ref().unwrap().id.as_deref(), Some("id-0"));
}

#[test]
fn a_role_change_resets_dates_that_are_not_declared_as_a_create_would() {
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&[]), &["anna de lead", "ben de lead"]);
    world.live("anna de member", (Some(-5), Some(5)));
    world.live("ben de member", (Some(5), None));
    let plan = world.plan();
    assert_eq!(
        world.lines(&plan),
        [
            "update anna de member -> anna de lead [effective_to]",
            "update ben de member -> ben de lead [effective_from]"
        ]
    );
    assert!(plan.sets[0].changes[0].change.desired.get("effective_to").unwrap().is_null());
}

#[test]
fn two_possible_pairs_are_no_pair() {
    let world = authoritative(&["anna de lead", "anna de admin"], &["anna de member"]);
    let plan = world.plan();
    assert_eq!(world.lines(&plan), ["create anna de admin", "create anna de lead", "remove anna de member"]);
}

#[test]
fn an_additive_set_creates_beside_the_old_role() {
    let mut world = World::new();
    world.set(Mode::Additive, Some(&[]), &["anna de lead"]);
    world.live("anna de member", (Some(-1), None));
    let plan = world.plan();
    assert_eq!(world.lines(&plan), ["create anna de lead"]);
    assert_eq!(plan.sets[0].unmanaged[0].why, LeftAlone::Mode);
}

#[test]
fn an_observing_set_counts_differences_and_applies_nothing() {
    let mut world = World::new();
    world.set(Mode::Observe, Some(&[]), &["anna de lead"]);
    world.live("carl de lead", (Some(-1), None));
    let plan = world.plan();
    assert_eq!(world.lines(&plan), ["create anna de lead"]);
    assert_eq!((plan.sets[0].counts.observed, plan.sets[0].counts.changes()), (1, 0));
    assert_eq!(plan.changes().count(), 0);
    assert_eq!(plan.write_requests, 0);
}

#[test]
fn a_pair_over_two_sets_is_made_only_where_both_are_selected_and_authoritative() {
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&[]), &[]);
    world.set(Mode::Authoritative, Some(&[]), &["anna de lead"]);
    for (set, role) in [(0, "member"), (1, "lead")] {
        let mut scope = assignctl::model::Scope::default();
        scope.parts[2] = assignctl::model::PartScope::In([world.ids.sym(role)].into());
        world.sets[set].0.scope = Some(scope);
    }
    world.live("anna de member", (Some(-1), None));
    assert_eq!(world.lines(&world.plan()), ["update anna de member -> anna de lead"]);
    world.sets[1].0.mode = Mode::Additive;
    assert_eq!(world.lines(&world.plan()), ["remove anna de member", "create anna de lead"]);
    world.sets[1].0.mode = Mode::Authoritative;
    world.sets[0].1 = false;
    let plan = world.plan();
    assert_eq!(world.lines(&plan), ["remove anna de member", "create anna de lead"]);
    assert_eq!(plan.changes().count(), 1);
}

#[test]
fn an_expired_row_that_is_declared_without_an_end_lives_again() {
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&[]), &["anna de lead"]);
    world.live("anna de lead", (Some(-9), Some(-1)));
    let plan = world.plan();
    assert_eq!(world.lines(&plan), ["update anna de lead [effective_to]"]);
    assert_eq!(plan.sets[0].changes[0].reason, Reason::Expired);
    assert_eq!(plan.sets[0].changes[0].grants, [Grant::EndsLater]);
}

#[test]
fn a_declaration_that_has_ended_is_told_and_never_created() {
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&[]), &[]);
    world.declare("anna de lead", vec![("effective_to", instant(-1))]);
    let plan = world.plan();
    assert!(plan.sets[0].changes.is_empty());
    assert_eq!(plan.sets[0].warnings[0].code, "already-ended");
}

#[test]
fn an_expired_row_that_nobody_declares_is_reported_and_stays() {
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&[]), &["ben de lead"]);
    world.live("ben de lead", (Some(-9), None));
    world.live("anna de lead", (Some(-9), Some(-1)));
    let plan = world.plan();
    assert!(plan.sets[0].changes.is_empty());
    assert_eq!(plan.sets[0].unmanaged[0].why, LeftAlone::Expired);
}

#[test]
fn dates_that_end_or_delay_access_are_losses() {
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&[]), &[]);
    for (row, field, days) in [
        ("a de r", "effective_to", 5),
        ("b de r", "effective_to", 90),
        ("c de r", "effective_from", 5),
        ("d de r", "effective_from", -50),
    ] {
        world.declare(row, vec![(field, instant(days))]);
        world.live(row, (Some(-10), Some(30)));
    }
    let plan = world.plan();
    let losses: Vec<&[Loss]> = plan.sets[0].changes.iter().map(|planned| planned.losses.as_slice()).collect();
    assert_eq!(losses, [&[Loss::EndsEarlier][..], &[], &[Loss::StartsLater], &[]]);
    assert_eq!(plan.sets[0].changes[1].grants, [Grant::EndsLater]);
}

#[test]
fn an_incomplete_listing_plans_no_removal_and_says_so() {
    let mut world = authoritative(&["anna de lead"], &["carl de lead"]);
    world.gap = Some("page 3 did not come".into());
    let plan = world.plan();
    assert_eq!(world.lines(&plan), ["create anna de lead"]);
    assert_eq!(plan.sets[0].unmanaged[0].why, LeftAlone::Incomplete);
    assert_eq!(plan.sets[0].warnings[0].code, "incomplete-listing");
}

#[test]
fn masked_values_change_nothing_until_they_are_rotated() {
    use assignctl::model::SecretRef;
    let secret = || Value::Secrets([("key".into(), SecretRef::Env("KEY".into()))].into());
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&[]), &[]);
    world.declare("anna de lead", vec![("secret_params", secret())]);
    world.live_with(
        "anna de lead",
        vec![("params", Value::json(json!({"region": "us"}))), ("secret_params", Value::Masked(vec!["key".into()]))],
    );
    assert!(world.plan().sets[0].changes.is_empty());
    world.rotate = true;
    let plan = world.plan();
    assert_eq!(world.lines(&plan), ["update anna de lead [secret_params]"]);
    assert_eq!(plan.sets[0].changes[0].reason, Reason::Rotated);
}

#[test]
fn the_forecast_counts_batches_and_losses_come_last() {
    let world = authoritative(&["a de r", "b de r", "c de r", "d de r"], &["x de q", "y de q", "z de r", "q de r"]);
    let plan = world.plan();
    let sizes: Vec<(bool, usize)> =
        batches(&plan).iter().map(|batch| (batch.takes_away, batch.changes.len())).collect();
    assert_eq!(sizes, [(false, 3), (false, 1), (true, 3), (true, 1)]);
    assert_eq!(plan.write_requests, 4);
}

#[test]
fn the_digest_of_a_set_holds_its_whole_scope() {
    let digest = |mode: Mode, nodes: Option<&[&str]>| {
        let mut world = World::new();
        let set = world.set(mode, nodes, &[]).clone();
        assignctl::plan::digest::desired(&world.ids, &set)
    };
    let seven = digest(Mode::Authoritative, Some(&["a", "b", "c", "d", "e", "f", "g"]));
    assert_eq!(digest(Mode::Authoritative, Some(&["g", "a", "b", "c", "d", "e", "f"])), seven);
    assert_ne!(digest(Mode::Authoritative, Some(&["a", "b", "c", "d", "e", "f", "h"])), seven);
    assert_ne!(digest(Mode::Additive, Some(&[])), digest(Mode::Additive, None), "all is not none");
}
