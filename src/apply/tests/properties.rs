//! Promises that hold whatever the system does.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::*;
use super::world::{Act, Case};
use crate::model::Action;

fn act() -> impl Strategy<Value = Act> {
    prop::sample::select(vec![
        Act::Do,
        Act::Do,
        Act::Silent,
        Act::Ignore,
        Act::Lost,
        Act::Drop,
        Act::DropAndMove,
        Act::Refuse,
        Act::Overtaken,
        Act::Already,
        Act::Busy,
        Act::Mute,
    ])
}

fn rows() -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set("[ab]/[1-4]", 0..6)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

fn strs(all: &BTreeSet<String>) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Whatever the system does: every change is told once and ends once, the counts add up, what is called done or already is so,
    /// and a run without faults then finishes the job and sends no more than is missing.
    #[test]
    fn nothing_is_lost_and_a_repeat_converges(
        live in rows(),
        declared in rows(),
        script in prop::collection::btree_map("[ab]/[1-4]", prop::collection::vec(act(), 1..4), 0..8),
        batch in 1_usize..4,
        concurrency in 1_usize..4,
        pairing: bool,
        gap: bool,
        lag in 0_usize..3,
        slow: bool,
    ) {
        let mut case = Case::new(&strs(&live), &strs(&declared)).batch(batch).concurrency(concurrency);
        case.world.latency = if slow { 2 * send::LULL } else { Duration::ZERO };
        let case = if pairing { case.pairing() } else { case };
        let case = script.iter().fold(case, |case, (key, acts)| case.act(key, acts));
        let plan = case.first_plan();
        case.world.gap.store(gap, std::sync::atomic::Ordering::SeqCst);
        case.world.lagging_reads.store(lag, std::sync::atomic::Ordering::SeqCst);
        let end = runtime().block_on(case.run_plan(&plan));

        prop_assert_eq!(end.report.totals().all(), end.planned);
        let told = |word: &str| end.events.iter().filter(|event| event.starts_with(word)).count() as u64;
        prop_assert_eq!(told("finished "), end.planned);
        let settled = end.events.iter().filter(|event| event.starts_with("settled ")).collect::<Vec<_>>();
        prop_assert_eq!(settled.iter().collect::<BTreeSet<_>>().len(), settled.len());
        for key in end.events.iter().filter_map(|event| event.strip_prefix("finished ")?.strip_suffix('?')) {
            let key = key.split(' ').next().unwrap_or_default();
            prop_assert!(settled.iter().any(|event| event.starts_with(&format!("settled {key} "))), "{}", key);
        }

        let now = case.world.rows.lock().unwrap().clone();
        for change in &end.report.targets[0].changes {
            let planned = &plan.sets[change.id.set].changes[change.id.index].change;
            let label = case.world.label(&planned.key);
            if change.outcome.is_converged() {
                let there = now.contains_key(&label);
                prop_assert_eq!(there, planned.action != Action::Remove, "{} {:?}", label, change.outcome);
            }
            if let Outcome::Blocked { by } = change.outcome {
                let grant = &plan.sets[by.set].changes[by.index];
                prop_assert!(planned.action == Action::Remove && !grant.grants.is_empty());
                prop_assert_eq!(grant.change.key.part(0), planned.key.part(0));
                prop_assert_eq!(case.sent(&label), 0);
            }
        }
        // Nobody ends with less than before and less than declared.
        for change in plan.sets.iter().flat_map(|set| &set.changes).filter(|change| change.action() == Action::Create) {
            let holder = change.change.key.part(0);
            let lost = plan.changes().any(|other| {
                let gone = !now.contains_key(&case.world.label(&other.change.key));
                other.action() == Action::Remove && other.change.key.part(0) == holder && gone
            });
            prop_assert!(!lost || now.contains_key(&case.world.label(&change.change.key)), "{:?}", now);
        }
        let converged = end.by_key.values().all(Outcome::is_converged);
        prop_assert_eq!(converged, end.report.exit() == Exit::Success);

        // Faults gone: the next run finishes.
        let case = declared.iter().chain(&live).fold(case, |case, key| case.act(key, &[]));
        case.world.gap.store(false, std::sync::atomic::Ordering::SeqCst);
        case.world.lagging_reads.store(0, std::sync::atomic::Ordering::SeqCst);
        let end = runtime().block_on(case.run());
        prop_assert_eq!(end.report.exit(), Exit::Success);
        prop_assert_eq!(case.first_plan().changes().count(), 0);
    }
}
