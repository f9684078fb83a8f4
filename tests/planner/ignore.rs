//! Differences that a set leaves alone, and drift read from a plan.

use assignctl::model::{Ignore, Instant, Mode, Origin, Pattern, Value};
use assignctl::plan::Difference;
use serde_json::json;

use super::world::{DAY, NOW, World};

fn rule(fields: &[&'static str], identity: Option<&str>) -> Ignore {
    Ignore {
        fields: fields.to_vec(),
        parts: [identity.map(Pattern::new), None, None, None],
        reason: "owned elsewhere".into(),
        until: None,
        origin: Origin::default(),
    }
}

fn json(value: serde_json::Value) -> Value {
    Value::json(value)
}

fn date(days: i64) -> Value {
    Value::Instant(Instant(NOW + days * DAY))
}

/// One assignment whose `params` and `effective_to` differ.
fn differing(rules: Vec<Ignore>) -> World {
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&[]), &[]).ignore = rules;
    world.declare("anna de lead", vec![("params", json(json!({ "a": 1 }))), ("effective_to", date(9))]);
    world.live_with("anna de lead", vec![("params", json(json!({ "a": 2 }))), ("effective_to", date(5))]);
    world
}

#[test]
fn a_field_that_is_left_alone_is_not_sent_and_the_others_are() {
    let world = differing(vec![rule(&["params"], None)]);
    let plan = world.plan();
    assert_eq!(world.lines(&plan), ["update anna de lead [effective_to]"]);
    assert!(plan.sets[0].changes[0].change.desired.get("params").is_none(), "as if it were not declared");
    let ignored = &plan.sets[0].ignored[0];
    assert_eq!((ignored.difference, ignored.fields.as_slice()), (Difference::Changed, &["params"][..]));
    assert_eq!(ignored.reason, "owned elsewhere");
    assert_eq!((plan.sets[0].counts.ignored, plan.sets[0].counts.update), (1, 1));
}

#[test]
fn nothing_is_planned_where_everything_that_differs_is_left_alone() {
    for rules in [
        vec![rule(&["effective_to", "params"], None)],
        vec![rule(&[], Some("an*"))],
        vec![rule(&["params"], Some("anna")), rule(&["effective_to"], Some("*a"))],
    ] {
        let rows = u64::try_from(rules.len()).unwrap();
        let world = differing(rules);
        let plan = world.plan();
        assert!(world.lines(&plan).is_empty(), "{:?}", world.lines(&plan));
        assert_eq!((plan.sets[0].counts.ignored, plan.sets[0].counts.unchanged), (rows, 0));
        assert!(plan.sets[0].warnings.is_empty(), "{:?}", plan.sets[0].warnings);
    }
}

#[test]
fn assignments_that_are_left_alone_are_neither_created_nor_removed_nor_paired() {
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&[]), &["svc-a de lead", "ben de lead"]).ignore =
        vec![rule(&[], Some("svc-*"))];
    world.live("svc-a de member", (None, None));
    world.live("svc-b de lead", (None, None));
    world.live("carl de lead", (None, None));
    let plan = world.plan();
    assert_eq!(world.lines(&plan), ["create ben de lead", "remove carl de lead"]);
    let ignored: Vec<Difference> = plan.sets[0].ignored.iter().map(|row| row.difference).collect();
    assert_eq!(ignored, [Difference::Missing, Difference::Extra, Difference::Extra]);
    assert_eq!(plan.sets[0].live, 3, "they are live all the same, and count for the guards");
}

#[test]
fn a_rule_with_fields_leaves_presence_to_the_manifests() {
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&[]), &["anna de lead"]).ignore = vec![rule(&["params"], None)];
    world.live("ben de lead", (None, None));
    let plan = world.plan();
    assert_eq!(world.lines(&plan), ["create anna de lead", "remove ben de lead"]);
    let codes: Vec<&str> = plan.sets[0].warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes, ["ignore-unused"]);
}

#[test]
fn a_rule_that_has_ended_leaves_nothing_alone() {
    let ended =
        |days| Ignore { until: Some((Instant(NOW + days * DAY), Origin::default())), ..rule(&[], Some("anna")) };
    let world = differing(vec![ended(0)]);
    assert_eq!(world.lines(&world.plan()), ["update anna de lead [effective_to, params]"]);
    let world = differing(vec![ended(1)]);
    assert!(world.lines(&world.plan()).is_empty());
}

#[test]
fn an_expired_row_is_not_revived_where_its_end_is_left_alone() {
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&[]), &["anna de lead"]).ignore = vec![rule(&["effective_to"], None)];
    world.live("anna de lead", (None, Some(-1)));
    assert!(world.lines(&world.plan()).is_empty());
    // Nor by a role change.
    world.set(Mode::Authoritative, Some(&[]), &[]);
    world.sets.remove(0);
    let set = world.set(Mode::Authoritative, Some(&[]), &["anna de member"]);
    set.ignore = vec![rule(&["effective_to"], None)];
    world.live.clear();
    world.live("anna de lead", (None, Some(5)));
    assert_eq!(world.lines(&world.plan()), ["update anna de lead -> anna de member"], "its end stays");
}
