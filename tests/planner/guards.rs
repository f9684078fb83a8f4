//! What is refused before the first write, and what allows it.

use assignctl::model::{
    Ceilings, DeniedGrant, Fields, Ignore, Instant, Key, LiveInfo, MaxExpect, Mode, Origin, Pattern, SecretRef,
    TargetPolicy, Value, WindowState,
};
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
    assert_eq!(guards(&world(4, 4)), [Guard::Losses]);
    assert!(guards(&world(2, 3)).is_empty(), "three are never too many by their share");
    assert!(guards(&world(10, 4)).is_empty(), "4 of 14 are under 30 %");
    assert!(guards(&world(1000, 100)).is_empty(), "a hundred are not over a hundred");
    assert_eq!(guards(&world(1000, 101)), [Guard::Losses], "whatever their share");
}

#[test]
fn a_refusal_names_the_line_that_allows_it() {
    let plan = world(20, 11).plan();
    assert_eq!(plan.refusals[0].allow, "expect: { removes: 11, until: 2027-01-22 }");
    assert_eq!(plan.refusals[0].keys.len(), 11);
    assert_eq!(
        plan.refusals[0].message,
        "11 losses among 31 assignments in scope that give access; the limit is 30 % and more than 3, or more than 100"
    );
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
        for i in 0..3 {
            world.live(&format!("lost-{i} {node} lead"), (Some(-1), None));
        }
    }
    let plan = world.plan();
    assert_eq!(plan.refusals.len(), 1);
    assert_eq!((plan.refusals[0].guard, plan.refusals[0].set.as_deref()), (Guard::Losses, None));
}

#[test]
fn thresholds_judge_what_is_planned_and_protections_of_all_sets_hold() {
    let mut world = world(20, 11);
    world.sets[0].1 = false;
    assert!(guards(&world).is_empty(), "nothing of the set is planned");
    world.sets[0].1 = true;
    world.sets[0].0.expect = Some(World::expect(Some(11), None, None));
    let protect = world.protect([Some("lost-0"), None, None], None);
    world.set(Mode::Additive, None, &[]).protect = vec![protect];
    world.sets[1].1 = false;
    assert_eq!(guards(&world), [Guard::Protect], "the other set's protection holds although it is not selected");
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
    let params = |region: &str| ("params", Value::Json(Box::new(json!({ "region": region }))));
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
fn a_role_change_across_sets_that_empties_a_scope_needs_expect() {
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
    let found = (plan.refusals[0].guard, plan.refusals[0].set.as_deref());
    assert_eq!(found, (Guard::EmptyScope, Some("set-1")), "the scope of the set that loses the row is empty");
    world.sets[1].0.expect = Some(World::expect(Some(1), None, None));
    assert!(guards(&world).is_empty());
}

const MINUTE: i64 = 60_000;

#[test]
fn expired_scheduled_and_ignored_rows_do_not_dilute_a_share() {
    let ignored = |row: &str| Ignore {
        fields: Vec::new(),
        parts: [Some(Pattern::new(row)), None, None, None],
        reason: "by hand".into(),
        until: None,
        origin: Origin::default(),
    };
    for beside in ["expired", "scheduled", "ignored"] {
        let mut world = world(6, 4);
        for i in 0..50 {
            let dates = match beside {
                "expired" => (Some(-9), Some(-1)),
                "scheduled" => (Some(9), None),
                _ => (Some(-1), None),
            };
            world.live(&format!("{beside}-{i} de lead"), dates);
        }
        if beside == "scheduled" {
            (0..50).for_each(|i| world.declare(&format!("scheduled-{i} de lead"), Vec::new()));
        }
        world.sets[0].0.ignore = vec![ignored("ignored-*")];
        assert_eq!(guards(&world), [Guard::Losses], "4 of 10 are lost, whatever is {beside} beside them");
        let mut emptied = world;
        emptied.sets[0].0.rows.retain(|row| emptied.ids.text(row.key.0[0]).starts_with("scheduled"));
        emptied.live.retain(|live| !emptied.ids.text(live.key.0[0]).starts_with("lost"));
        assert_eq!(guards(&emptied), [Guard::EmptyScope], "{beside} rows are not left in a scope");
    }
}

#[test]
fn an_ignored_row_is_not_left_even_where_it_is_declared() {
    let mut world = world(1, 1);
    world.sets[0].0.ignore = vec![Ignore {
        fields: Vec::new(),
        parts: [Some(Pattern::new("kept-*")), None, None, None],
        reason: "by hand".into(),
        until: None,
        origin: Origin::default(),
    }];
    assert_eq!(guards(&world), [Guard::EmptyScope]);
}

#[test]
fn a_scope_is_emptied_by_ends_in_the_past_and_within_a_day() {
    for (minutes, empties) in [(-24 * 60, true), (1, true), (23 * 60, true), (3 * 24 * 60, false)] {
        let mut world = World::new();
        world.set(Mode::Additive, None, &[]);
        for i in 0..2 {
            let end = Value::Instant(Instant(NOW + minutes * MINUTE));
            world.declare(&format!("p-{i} de lead"), vec![("effective_to", end)]);
            world.live(&format!("p-{i} de lead"), (Some(-5), None));
        }
        assert_eq!(guards(&world) == [Guard::EmptyScope], empties, "{minutes} minutes: {:?}", guards(&world));
    }
}

#[test]
fn a_scope_is_not_kept_by_an_access_that_starts_later_or_ends_at_once() {
    let mut world = world(0, 2);
    world.declare("new de lead", vec![("effective_from", Value::Instant(Instant(NOW + DAY)))]);
    assert_eq!(guards(&world), [Guard::EmptyScope]);
    world.sets[0].0.rows.clear();
    world.declare("new de lead", vec![("effective_to", Value::Instant(Instant(NOW + MINUTE)))]);
    assert_eq!(guards(&world), [Guard::EmptyScope]);
    world.sets[0].0.rows.clear();
    world.declare("new de lead", Vec::new());
    assert!(guards(&world).is_empty(), "somebody has access afterwards");
}

#[test]
fn role_changes_count_as_updates_and_not_as_losses() {
    let changed = |number: usize, beside: usize| {
        let mut world = world(beside, 0);
        for i in 0..number {
            world.declare(&format!("p-{i} de lead"), Vec::new());
            world.live(&format!("p-{i} de member"), (Some(-1), None));
        }
        world
    };
    assert!(guards(&changed(10, 0)).is_empty(), "ten updates are never too many");
    assert_eq!(guards(&changed(11, 0)), [Guard::Updates]);
    assert!(guards(&changed(11, 30)).is_empty(), "11 of 41 are under 30 %");
}

#[test]
fn an_expect_without_a_usable_end_allows_nothing() {
    let mut world = world(20, 11);
    let mut expect = World::expect(Some(11), None, None);
    expect.until = None;
    world.sets[0].0.expect = Some(expect);
    let plan = world.plan();
    assert_eq!(
        plan.refusals.iter().map(|refusal| refusal.guard).collect::<Vec<_>>(),
        [Guard::Losses, Guard::ExpectUntil]
    );
    assert!(plan.refusals.iter().all(|refusal| refusal.allow == "expect: { removes: 11, until: 2027-01-22 }"));
    world.sets[0].0.expect = Some(World::expect(Some(11), None, Some(92)));
    assert_eq!(guards(&world), [Guard::Losses, Guard::ExpectUntil]);
    world.sets[0].0.expect = Some(World::expect(Some(11), None, Some(90)));
    assert!(guards(&world).is_empty());
}

#[test]
fn a_hint_never_names_what_the_policy_forbids() {
    let hints = |world: &World| world.plan().refusals.into_iter().map(|refusal| refusal.allow).collect::<Vec<_>>();
    let mut world = world(20, 11);
    let none = MaxExpect { removes: Some(0), updates: Some(0) };
    let ceilings =
        Ceilings { loss_percent: Some(30), loss_count: Some(3), loss_total: Some(100), ..Ceilings::default() };
    world.policy = Some(TargetPolicy { max_expect: none, ceilings, ..TargetPolicy::default() });
    let hint = hints(&world);
    assert!(hint[0].contains("policy") && !hint[0].contains("expect: {") && !hint[0].contains("--max"), "{hint:?}");
    let few = MaxExpect { removes: Some(5), updates: None };
    world.policy = Some(TargetPolicy { max_expect: few, ceilings, ..TargetPolicy::default() });
    let hint = hints(&world);
    assert!(hint[0].contains("removes: 5,") && !hint[0].contains("11") && hint[0].contains("policy"), "{hint:?}");
    let mut holders = self::world(0, 1);
    holders.sets[0].0.expect = Some(World::expect(Some(1), None, None));
    holders.sets[0].0.protect = vec![holders.protect([None, None, Some("lead")], Some(1))];
    assert!(hints(&holders)[0].contains("new grants first"));
    holders.policy = denying("lea*");
    let hint = hints(&holders);
    assert!(hint.iter().all(|hint| !hint.contains("new grants first")), "{hint:?}");
}

#[test]
fn moving_the_ends_of_the_holders_into_the_next_days_is_a_loss_of_holders() {
    for (minutes, refused) in [(1, true), (6 * 24 * 60, true), (8 * 24 * 60, false)] {
        let mut world = World::new();
        world.set(Mode::Authoritative, Some(&[]), &[]);
        for i in 0..3 {
            let end = Value::Instant(Instant(NOW + minutes * MINUTE));
            world.declare(&format!("p-{i} de own"), vec![("effective_to", end)]);
            world.live(&format!("p-{i} de own"), (Some(-5), None));
        }
        world.sets[0].0.expect = Some(World::expect(Some(3), None, None));
        world.policy = Some(TargetPolicy {
            protect: vec![world.protect([None, None, Some("own")], Some(2))],
            ..TargetPolicy::default()
        });
        assert_eq!(guards(&world) == [Guard::MinHolders], refused, "{minutes}: {:?}", guards(&world));
    }
}

#[test]
fn a_holder_who_leaves_within_days_is_none_to_rely_on() {
    let owners = |ends: [Option<i64>; 2], declared: &[&str]| {
        let mut world = World::new();
        world.set(Mode::Authoritative, Some(&[]), declared);
        world.live("anna de own", (Some(-5), ends[0]));
        world.live("ben de own", (Some(-5), ends[1]));
        let end = |days: Option<i64>| days.map_or(Value::Null, |days| Value::Instant(Instant(NOW + days * DAY)));
        for row in &mut world.sets[0].0.rows {
            let which = usize::from(row.key != Key::default() && world.ids.text(row.key.0[0]) == "ben");
            row.fields = Fields::new(vec![("effective_to", end(ends[which]))]);
        }
        world.sets[0].0.protect = vec![world.protect([None, None, Some("own")], Some(1))];
        guards(&world)
    };
    assert_eq!(owners([None, Some(3)], &["ben de own"]), [Guard::MinHolders], "ben leaves in three days");
    assert!(owners([None, Some(3)], &["anna de own"]).is_empty());
    assert!(owners([None, Some(9)], &["ben de own"]).is_empty());
    assert!(
        owners([Some(3), Some(3)], &["anna de own", "ben de own"]).is_empty(),
        "nothing lowers what is low already"
    );
}

#[test]
fn an_owner_whom_the_api_shows_as_expired_is_no_holder_whatever_the_local_clock_says() {
    // The local clock is ten minutes slow: by it, ben's access lasts five more minutes.
    for ahead in [None, Some(10 * MINUTE)] {
        let mut world = World::new();
        world.set(Mode::Authoritative, Some(&[]), &[]);
        world.sets[0].0.expect = Some(World::expect(Some(2), None, None));
        world.live("anna de own", (Some(-5), None));
        world.live("ben de own", (Some(-5), None));
        world.live.last_mut().unwrap().fields =
            Fields::new(vec![("effective_to", Value::Instant(Instant(NOW + 5 * MINUTE)))]);
        if ahead.is_none() {
            let info = LiveInfo { state: Some(WindowState::Expired), ..LiveInfo::default() };
            world.live.last_mut().unwrap().info = Some(Box::new(info));
        }
        world.clock_ahead = ahead;
        world.sets[0].0.protect = vec![world.protect([None, None, Some("own")], Some(1))];
        let plan = world.plan();
        assert_eq!(world.lines(&plan), ["remove anna de own"], "{ahead:?}");
        assert_eq!(plan.refusals[0].guard, Guard::MinHolders, "{ahead:?}");
        assert!(plan.sets[0].warnings.iter().any(|warning| warning.code == "clock-differs"), "{ahead:?}");
    }
}

#[test]
fn an_active_row_is_removed_although_the_local_clock_is_fast() {
    for ahead in [None, Some(-10 * MINUTE)] {
        let mut world = world(9, 0);
        world.live_in_state("gone de lead", (Some(-5), None), WindowState::Active);
        let live = world.live.last_mut().unwrap();
        live.fields = Fields::new(vec![("effective_to", Value::Instant(Instant(NOW - 5 * MINUTE)))]);
        if ahead.is_some() {
            live.info = None;
        }
        world.clock_ahead = ahead;
        let plan = world.plan();
        assert_eq!(world.lines(&plan), ["remove gone de lead"], "{ahead:?}");
        assert!(plan.refusals.is_empty(), "{ahead:?}: {:?}", plan.refusals);
    }
}

#[test]
fn a_wrong_date_of_the_server_lets_no_guard_pass_that_the_local_clock_refuses() {
    // The server says that it is a year later, when all but four assignments have ended.
    let mut world = world(0, 4);
    for i in 0..8 {
        world.live(&format!("kept-{i} de lead"), (Some(-5), Some(30)));
        world.declare(&format!("kept-{i} de lead"), Vec::new());
    }
    assert_eq!(guards(&world), [Guard::Losses]);
    for ahead in [365 * DAY, -365 * DAY, i64::MAX, i64::MIN] {
        world.clock_ahead = Some(ahead);
        let found = guards(&world);
        assert!(!found.is_empty(), "{ahead}: {found:?}");
    }
    world.clock_ahead = Some(59_999);
    assert!(world.plan().sets[0].warnings.is_empty(), "less than a minute is no difference");
}

#[test]
fn the_local_clock_refuses_where_it_decides() {
    // By the server's clock, which is a day ahead, ten more assignments give access already, and four losses are a small share.
    let mut world = world(0, 4);
    for i in 0..10 {
        let row = format!("starts-{i} de lead");
        world.live(&row, (None, None));
        let start = Value::Instant(Instant(NOW + DAY / 2));
        world.live.last_mut().unwrap().fields = Fields::new(vec![("effective_from", start)]);
        world.declare(&row, Vec::new());
    }
    assert_eq!(guards(&world), [Guard::EmptyScope], "without the server's clock");
    world.clock_ahead = Some(DAY);
    let plan = world.plan();
    assert_eq!(plan.refusals.iter().map(|refusal| refusal.guard).collect::<Vec<_>>(), [Guard::Clock]);
    assert!(plan.refusals[0].message.contains("86400 s behind"), "{}", plan.refusals[0].message);
}

#[test]
fn half_of_a_role_change_is_refused_and_another_shard_s_half_is_not() {
    let mut world = World::new();
    for (set, role, declared) in [(0, "member", None), (1, "lead", Some("anna de lead"))] {
        world.set(Mode::Authoritative, Some(&[]), declared.as_slice());
        let mut scope = assignctl::model::Scope::default();
        scope.parts[2] = assignctl::model::PartScope::In([world.ids.sym(role)].into());
        world.sets[set].0.scope = Some(scope);
        world.live(&format!("other de {role}"), (Some(-1), None));
        world.declare(&format!("other de {role}"), Vec::new());
    }
    world.live("anna de member", (Some(-1), None));
    for (unselected, other) in [(0, "set-0"), (1, "set-1")] {
        world.sets.iter_mut().for_each(|set| set.1 = true);
        world.sets[unselected].1 = false;
        world.sharded = false;
        let plan = world.plan();
        assert_eq!(plan.refusals.iter().map(|refusal| refusal.guard).collect::<Vec<_>>(), [Guard::HalfRoleChange]);
        assert!(plan.refusals[0].message.contains(&format!("set {other} is not planned")), "{:?}", plan.refusals);
        assert_eq!(plan.refusals[0].allow, "plan both sets in one run: --set set-1 --set set-0");
        world.sharded = true;
        let plan = world.plan();
        assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
        // The set that declares the role carries the change out; the other leaves the row alone.
        let expected: &[&str] = if unselected == 0 { &["update anna de member -> anna de lead"] } else { &[] };
        assert_eq!(world.lines(&plan), expected);
    }
}

#[test]
fn holders_are_counted_over_all_shards() {
    let mut world = World::new();
    for (set, node) in [(0, "de"), (1, "at")] {
        world.set(Mode::Authoritative, Some(&[node]), &[]);
        world.sets[set].0.expect = Some(World::expect(Some(1), None, None));
        world.live(&format!("holder-{set} {node} own"), (Some(-1), None));
    }
    world.sets[0].0.protect = vec![world.protect([None, None, Some("own")], Some(1))];
    world.sharded = true;
    for shard in [0, 1] {
        world.sets.iter_mut().for_each(|set| set.1 = false);
        world.sets[shard].1 = true;
        assert_eq!(guards(&world), [Guard::MinHolders], "each shard leaves one holder, and both leave none");
    }
}
