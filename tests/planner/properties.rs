//! The planner's promises over random worlds.

use std::collections::BTreeSet;

use assignctl::model::{Action, Mode, Value};
use proptest::prelude::*;

use super::world::{DAY, Dates, NOW, World};

#[derive(Debug, Clone)]
struct Case {
    mode: Mode,
    scope: Vec<&'static str>,
    declared: Vec<(String, Dates)>,
    live: Vec<(String, Dates)>,
}

fn row() -> impl Strategy<Value = String> {
    let ids = |names: &'static [&'static str]| prop::sample::select(names);
    (ids(&["anna", "ben", "carl", "dora"]), ids(&["de", "at"]), ids(&["lead", "member", "admin"]))
        .prop_map(|(identity, node, role)| format!("{identity} {node} {role}"))
}

fn dates() -> impl Strategy<Value = Dates> {
    let date = || prop::option::of(prop::sample::select(&[-20_i64, -10, 10, 20][..]));
    (date(), date())
}

fn rows() -> impl Strategy<Value = Vec<(String, Dates)>> {
    prop::collection::btree_map(row(), dates(), 0..12).prop_map(|map| map.into_iter().collect())
}

fn case() -> impl Strategy<Value = Case> {
    let mode = prop::sample::select(&[Mode::Observe, Mode::Additive, Mode::Authoritative][..]);
    let scope = prop::sample::select(vec![vec!["de"], vec!["de", "at"]]);
    (mode, scope, rows(), rows()).prop_map(|(mode, scope, declared, live)| {
        let inside = |row: &String| scope.contains(&row.split(' ').nth(1).unwrap());
        let declared = declared.into_iter().filter(|(row, _)| inside(row)).collect();
        Case { mode, scope, declared, live }
    })
}

fn world(case: &Case) -> World {
    let mut world = World::new();
    world.set(case.mode, Some(&case.scope), &[]);
    for (row, (from, to)) in &case.declared {
        let field = |name, days: &Option<i64>| {
            days.map(|days| (name, Value::Instant(assignctl::model::Instant(NOW + days * DAY))))
        };
        let fields = [field("effective_from", from), field("effective_to", to)];
        world.declare(row, fields.into_iter().flatten().collect());
    }
    for (row, dates) in &case.live {
        world.live(row, *dates);
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_carried_out_leaves_nothing_to_plan(case in case()) {
        let mut world = world(&case);
        let plan = world.plan();
        world.carry_out(&plan);
        let again = world.plan();
        prop_assert_eq!(again.changes().count(), 0, "{:?}", world.lines(&again));
    }

    #[test]
    fn the_order_of_rows_changes_nothing(case in case(), seed in any::<u64>()) {
        let first = world(&case);
        let mut shuffled = case.clone();
        let rotate = |rows: &mut Vec<(String, Dates)>| if !rows.is_empty() {
            let by = usize::try_from(seed % 97).unwrap() % rows.len();
            rows.rotate_left(by);
            rows.reverse();
        };
        rotate(&mut shuffled.declared);
        rotate(&mut shuffled.live);
        let second = world(&shuffled);
        prop_assert_eq!(first.lines(&first.plan()), second.lines(&second.plan()));
    }

    #[test]
    fn nothing_out_of_scope_and_nothing_without_authority_is_taken(case in case()) {
        let world = world(&case);
        let plan = world.plan();
        for planned in plan.sets.iter().flat_map(|set| &set.changes) {
            let node = world.ids.text(planned.change.key.part(1));
            prop_assert!(case.scope.contains(&node));
            if planned.action() == Action::Remove || planned.change.from_key.is_some() {
                prop_assert_eq!(case.mode, Mode::Authoritative);
            }
        }
    }

    #[test]
    fn the_counts_add_up(case in case()) {
        let world = world(&case);
        let plan = world.plan();
        let set = &plan.sets[0];
        let declared: BTreeSet<&String> = case.declared.iter().map(|(row, _)| row).collect();
        let ended = u64::try_from(set.warnings.iter().filter(|w| w.code == "already-ended").count()).unwrap();
        let updates = u64::try_from(set.changes.iter().filter(|c| c.action() != Action::Remove).count()).unwrap();
        prop_assert_eq!(set.counts.unchanged + updates + ended, u64::try_from(declared.len()).unwrap());
        let counted = if case.mode == Mode::Observe { set.counts.observed } else { set.counts.changes() };
        prop_assert_eq!(counted, u64::try_from(set.changes.len()).unwrap());
    }
}
