//! The planner's promises over random worlds.

use std::collections::BTreeSet;

use assignctl::model::{Action, Mode, PartScope, Scope, Value};
use assignctl::plan::{Guard, Judged};
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

/// Sets over roles, so that role changes cross sets, each in one of three shards.
#[derive(Debug, Clone)]
struct Divided {
    sets: Vec<(Mode, usize, Option<u64>)>,
    declared: Vec<(String, Dates)>,
    live: Vec<(String, Dates)>,
    min_holders: Option<u64>,
}

const ROLES: [&str; 4] = ["lead", "member", "admin", "own"];

fn divided() -> impl Strategy<Value = Divided> {
    let mode = prop::sample::select(&[Mode::Observe, Mode::Additive, Mode::Authoritative, Mode::Authoritative][..]);
    let sets = prop::collection::vec((mode, 0..3_usize, prop::option::weighted(0.2, 0..9_u64)), ROLES.len());
    let row = (0..14_u32, prop::sample::select(&["de", "at"][..]), prop::sample::select(&ROLES[..]));
    let rows = |most: usize| {
        let row = row.clone().prop_map(|(person, node, role)| format!("p{person} {node} {role}"));
        prop::collection::btree_map(row, dates(), 0..most).prop_map(|map| map.into_iter().collect::<Vec<_>>())
    };
    (sets, rows(30), rows(70), prop::option::weighted(0.5, 1..8_u64))
        .prop_map(|(sets, declared, live, min_holders)| Divided { sets, declared, live, min_holders })
}

impl Divided {
    fn world(&self) -> World {
        let mut world = World::new();
        for ((mode, _, expect), role) in self.sets.iter().zip(ROLES) {
            let set = world.set(*mode, None, &[]);
            set.expect = expect.map(|removes| World::expect(Some(removes), None, None));
            let mut scope = Scope::default();
            let role_sym = world.ids.sym(role);
            scope.parts[2] = PartScope::In([role_sym].into());
            world.sets.last_mut().unwrap().0.scope = Some(scope);
            for (row, (_, to)) in self.declared.iter().filter(|(row, _)| row.ends_with(role)) {
                let end = to.map(|days| ("effective_to", Value::Instant(assignctl::model::Instant(NOW + days * DAY))));
                world.declare(row, end.into_iter().collect());
            }
        }
        for (row, dates) in &self.live {
            world.live(row, *dates);
        }
        world.sets[0].0.protect = vec![world.protect([None, None, Some("own")], self.min_holders)];
        world.sets[1].0.protect = vec![world.protect([Some("p3"), None, None], None)];
        world
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_shards_together_are_the_whole_run(case in divided()) {
        let mut world = case.world();
        let whole = world.plan();
        world.sharded = true;
        let mut lines = Vec::new();
        let mut counts = [0; 4];
        let mut refused = BTreeSet::new();
        let mut sum = Judged::default();
        for shard in 0..3 {
            for (set, (_, of, _)) in world.sets.iter_mut().zip(&case.sets) {
                set.1 = *of == shard;
            }
            if world.sets.iter().all(|set| !set.1) {
                continue;
            }
            let part = world.plan();
            lines.extend(world.lines(&part));
            for set in part.sets.iter().filter(|set| set.selected) {
                let seen = [set.counts.create, set.counts.update, set.counts.remove, set.counts.unchanged];
                counts.iter_mut().zip(seen).for_each(|(sum, seen)| *sum += seen);
            }
            let is_of_the_sum = |guard, set: &Option<String>| set.is_none() && matches!(guard, Guard::Losses | Guard::Updates);
            let found = part.refusals.iter().map(|refusal| (refusal.guard, refusal.set.clone()));
            refused.extend(found.filter(|(guard, set)| !is_of_the_sum(*guard, set)));
            let Judged { effective, losses, updates, .. } = part.judged;
            sum = Judged {
                effective: sum.effective + effective,
                losses: sum.losses + losses,
                updates: sum.updates + updates,
                ..part.judged
            };
        }
        prop_assert_eq!(sum, whole.judged);
        let by_sets: BTreeSet<Guard> = refused.iter().filter(|(_, set)| set.is_some()).map(|(guard, _)| *guard).collect();
        refused.extend(sum.refusals(|guard| by_sets.contains(&guard)).into_iter().map(|refusal| (refusal.guard, refusal.set)));
        let wanted: BTreeSet<_> = whole.refusals.iter().map(|refusal| (refusal.guard, refusal.set.clone())).collect();
        prop_assert_eq!(refused, wanted);
        let mut whole_lines = world.lines(&whole);
        whole_lines.sort();
        lines.sort();
        prop_assert_eq!(lines, whole_lines);
        let seen = |set: &assignctl::plan::SetPlan| [set.counts.create, set.counts.update, set.counts.remove, set.counts.unchanged];
        let of_whole = whole.sets.iter().map(seen).fold([0; 4], |sum, seen| std::array::from_fn(|n| sum[n] + seen[n]));
        prop_assert_eq!(counts, of_whole);
    }
}
