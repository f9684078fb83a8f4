//! What is refused before the first write, and what allows it.

use assignctl::model::{DeniedGrant, Instant, MaxExpect, Mode, Origin, Pattern, SecretRef, TargetPolicy, Value};
use assignctl::plan::Guard;
use serde_json::json;

use super::world::{DAY, NOW, World};

/// One authoritative set with `kept` rows as declared, `lost` rows that nobody declares.
fn world(kept: usize, lost: usize) -> World {
    let mut world = World::new();
    let rows: Vec<String> = (0..kept).map(|i| format!("kept-{i} de lead")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.set(Mode::Authoritative, Some(&[]), &rows);
    for row in &rows {
        world.live(row, (Some(-1), None));
    }
    for i in 0..lost {
        world.live(&format!("lost-{i} de lead"), (Some(-1), None));
    }
    world
}

fn guards(world: &World) -> Vec<Guard> {
    world.plan().refusals.iter().map(|refusal| refusal.guard).collect()
}

#[test]
fn losses_are_refused_over_the_share_and_over_the_count() {
    assert_eq!(guards(&world(20, 11)), [Guard::Losses]);
    assert!(guards(&world(20, 10)).is_empty(), "ten are never too many");
    assert!(guards(&world(26, 11)).is_empty(), "11 of 37 are under 30 %");
}

#[test]
fn a_refusal_names_the_line_that_allows_it() {
    let plan = world(20, 11).plan();
    assert_eq!(plan.refusals[0].allow, "expect: { removes: 11 }");
    assert_eq!(plan.refusals[0].keys.len(), 11);
    assert_eq!(plan.refusals[0].message, "11 losses among 31 live in scope; the limit is 30 % and more than 10");
}

#[test]
fn expect_replaces_the_threshold_until_it_ends() {
    let mut world = world(20, 11);
    world.sets[0].0.expect = Some(World::expect(Some(11), None, Some(1)));
    assert!(guards(&world).is_empty());
    world.sets[0].0.expect = Some(World::expect(Some(10), None, None));
    assert_eq!(guards(&world), [Guard::Losses], "more than expected, although under nothing else");
    world.sets[0].0.expect = Some(World::expect(Some(11), None, Some(0)));
    let plan = world.plan();
    assert_eq!(plan.refusals.len(), 1);
    assert_eq!(plan.sets[0].warnings[0].code, "expect-ended");
}

#[test]
fn fewer_losses_than_expected_go_through_with_a_note() {
    let mut world = world(20, 2);
    world.sets[0].0.expect = Some(World::expect(Some(11), None, None));
    let plan = world.plan();
    assert!(plan.refusals.is_empty());
    assert_eq!(plan.sets[0].warnings[0].code, "expect-unused");
}

#[test]
fn emptying_a_scope_needs_expect_even_for_one_row() {
    let mut world = world(0, 1);
    assert_eq!(guards(&world), [Guard::EmptyScope]);
    world.sets[0].0.expect = Some(World::expect(Some(1), None, None));
    assert!(guards(&world).is_empty());
}

#[test]
fn updates_have_their_own_threshold() {
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&[]), &[]);
    for i in 0..11 {
        let row = format!("p-{i} de lead");
        world.declare(&row, vec![("effective_to", Value::Null)]);
        world.live(&row, (Some(-1), Some(9)));
    }
    assert_eq!(guards(&world), [Guard::Updates]);
    world.sets[0].0.expect = Some(World::expect(None, Some(11), None));
    assert!(guards(&world).is_empty());
}

#[test]
fn small_sets_that_together_lose_too_much_are_refused_as_a_target() {
    let mut world = World::new();
    for node in ["a", "b"] {
        let kept = format!("kept {node} lead");
        world.set(Mode::Authoritative, Some(&[node]), &[&kept]);
        world.live(&kept, (Some(-1), None));
        for i in 0..9 {
            world.live(&format!("lost-{i} {node} lead"), (Some(-1), None));
        }
    }
    let plan = world.plan();
    assert_eq!(plan.refusals.len(), 1);
    assert_eq!((plan.refusals[0].guard, plan.refusals[0].set.as_deref()), (Guard::Losses, None));
}

#[test]
fn guards_judge_sets_that_the_command_did_not_choose() {
    let mut world = world(20, 11);
    world.sets[0].1 = false;
    assert_eq!(guards(&world), [Guard::Losses]);
}

#[test]
fn a_protected_row_is_never_lost_not_even_by_a_role_change_or_an_expect() {
    let mut world = world(20, 1);
    let protect = world.protect([Some("lost-0"), None, None], None);
    world.sets[0].0.protect = vec![protect];
    world.sets[0].0.expect = Some(World::expect(Some(9), None, None));
    assert_eq!(guards(&world), [Guard::Protect]);
    world.declare("lost-0 de member", Vec::new());
    assert_eq!(world.lines(&world.plan()), ["update lost-0 de lead -> lost-0 de member"]);
    assert_eq!(guards(&world), [Guard::Protect]);
}

#[test]
fn min_holders_counts_those_effective_now_and_refuses_only_what_lowers() {
    let mut world = world(1, 1);
    world.live("scheduled de lead", (Some(3), None));
    world.declare("scheduled de lead", Vec::new());
    let protect = world.protect([None, None, Some("lead")], Some(2));
    world.sets[0].0.protect = vec![protect];
    let plan = world.plan();
    assert_eq!(plan.refusals[0].guard, Guard::MinHolders);
    assert_eq!(plan.refusals[0].message, "holders of role_id lead: 2 now, 1 after this plan; at least 2 must stay");
    let already_low = world.protect([None, None, Some("lead")], Some(9));
    world.sets[0].0.protect = vec![already_low];
    assert_eq!(guards(&world), [Guard::MinHolders]);
    world.declare("lost-0 de lead", Vec::new());
    assert!(guards(&world).is_empty(), "nine were never there, and nothing lowers what is");
}

#[test]
fn a_holder_with_a_second_row_is_still_a_holder() {
    let mut world = world(1, 0);
    world.live("kept-0 at lead", (Some(-1), None));
    let protect = world.protect([None, None, Some("lead")], Some(1));
    world.sets[0].0.protect = vec![protect];
    assert_eq!(world.lines(&world.plan()), ["remove kept-0 at lead"]);
    assert!(guards(&world).is_empty());
}

#[test]
fn a_masked_value_that_would_have_to_be_sent_is_refused_by_name() {
    let params = |region: &str| ("params", Value::json(json!({ "region": region })));
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&[]), &[]);
    world.declare("anna de lead", vec![params("eu")]);
    world.live_with("anna de lead", vec![params("us"), ("secret_params", Value::Masked(vec!["key".into()]))]);
    let plan = world.plan();
    assert_eq!(plan.refusals[0].guard, Guard::MaskedValue);
    assert!(plan.refusals[0].message.contains("key"), "{}", plan.refusals[0].message);
    let secret = Value::Secrets([("key".into(), SecretRef::Env("KEY".into()))].into());
    world.sets[0].0.rows.clear();
    world.declare("anna de lead", vec![params("eu"), ("secret_params", secret)]);
    assert!(guards(&world).is_empty());
}

fn denying(role: &str) -> Option<TargetPolicy> {
    let parts = [None, None, Some(Pattern::new(role)), None];
    let denied = DeniedGrant { parts, origin: Origin::default() };
    Some(TargetPolicy { deny_grants: vec![denied], ..TargetPolicy::default() })
}

#[test]
fn a_denied_grant_is_one_by_a_create_a_role_change_or_longer_dates() {
    let to = |days: i64| ("effective_to", Value::Instant(Instant(NOW + days * DAY)));
    let mut created = World::new();
    created.set(Mode::Additive, None, &["anna de own"]);
    let mut changed = World::new();
    changed.set(Mode::Authoritative, Some(&[]), &["anna de own"]);
    changed.live("anna de lead", (Some(-1), None));
    let mut longer = World::new();
    longer.set(Mode::Additive, None, &[]);
    longer.declare("anna de own", vec![to(9)]);
    longer.live("anna de own", (Some(-1), Some(3)));
    for (name, mut world) in [("created", created), ("changed", changed), ("longer", longer)] {
        assert!(guards(&world).is_empty(), "{name}");
        world.policy = denying("o*");
        assert_eq!(guards(&world), [Guard::DeniedGrant], "{name}");
        world.policy = denying("lead");
        assert!(guards(&world).is_empty(), "{name}: taking a denied role away is no grant");
        world.policy = denying("o*");
        world.sets[0].0.mode = Mode::Observe;
        assert!(guards(&world).is_empty(), "{name}: an observing set gives nothing");
    }
    let mut shorter = World::new();
    shorter.set(Mode::Additive, None, &[]);
    shorter.declare("anna de own", vec![to(3)]);
    shorter.live("anna de own", (Some(-1), Some(9)));
    shorter.policy = denying("own");
    assert!(guards(&shorter).is_empty(), "shorter dates give nothing");
}

#[test]
fn an_expect_is_bounded_while_it_counts() {
    let mut world = world(20, 1);
    let max_expect = MaxExpect { removes: Some(5), updates: None };
    world.policy = Some(TargetPolicy { max_expect, ..TargetPolicy::default() });
    for (expect, refused) in [
        (World::expect(Some(5), None, None), false),
        (World::expect(Some(6), None, None), true),
        (World::expect(Some(6), None, Some(1)), true),
        (World::expect(Some(6), None, Some(-1)), false),
        (World::expect(None, Some(1_000_000), None), false),
    ] {
        world.sets[0].0.expect = Some(expect.clone());
        assert_eq!(guards(&world) == [Guard::ExpectTooHigh], refused, "{expect:?}");
    }
}

#[test]
fn the_policys_protection_and_the_targets_own_access_belong_to_no_set() {
    let mut world = world(20, 1);
    let protect = vec![world.protect([Some("lost-0"), None, None], None)];
    world.policy = Some(TargetPolicy { protect, ..TargetPolicy::default() });
    world.target.own = Some(world.protect([None, None, Some("lead")], None));
    let refusals = world.plan().refusals;
    assert_eq!(refusals.iter().map(|refusal| refusal.guard).collect::<Vec<_>>(), [Guard::Protect, Guard::OwnAccess]);
    assert!(refusals.iter().all(|refusal| refusal.set.is_none() && refusal.keys.len() == 1));
}

#[test]
fn a_role_change_across_sets_is_a_loss_of_the_set_that_loses_it() {
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&["de"]), &["anna at lead"]);
    world.set(Mode::Authoritative, Some(&["at"]), &[]);
    // The world's slots are identity and node, so a crossing pair needs scopes by role.
    for (set, role) in [(0, "lead"), (1, "member")] {
        let mut scope = assignctl::model::Scope::default();
        scope.parts[2] = assignctl::model::PartScope::In([world.ids.sym(role)].into());
        world.sets[set].0.scope = Some(scope);
    }
    world.live("anna at member", (Some(-1), None));
    let plan = world.plan();
    assert_eq!(world.lines(&plan), ["update anna at member -> anna at lead"]);
    assert_eq!(plan.sets[0].changes[0].taken_from.as_deref(), Some("set-1"));
    assert_eq!(plan.refusals.len(), 1);
    assert_eq!((plan.refusals[0].guard, plan.refusals[0].set.as_deref()), (Guard::EmptyScope, Some("set-1")));
    world.sets[1].0.expect = Some(World::expect(Some(1), None, None));
    assert!(guards(&world).is_empty());
}
