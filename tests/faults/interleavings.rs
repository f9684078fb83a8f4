//! A plan carried out in any interleaving reaches the same state: so many hands at once, and answers that come when they like.

use std::collections::BTreeMap;

use assignctl::apply::Totals;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::drive::{Ran, Stage, is_write};
use super::random::{System, World, block_on, hold, numbered, options, stage, without_faults, world};
use super::state::State;

/// How late each request is answered, in milliseconds, in the order in which they arrive; those after the last are answered at once.
type Lateness = Vec<u64>;

async fn apply(stage: &Stage, lateness: &Lateness) -> Result<Ran, TestCaseError> {
    for late in lateness {
        let fault = format!("* /**=slow={late}ms:1").parse();
        stage.server.add_fault(fault.map_err(|error| TestCaseError::fail(format!("{error}")))?);
    }
    let ran = stage.apply().await;
    stage.server.clear_faults();
    Ok(ran)
}

/// How each change ended, by what it changes.
fn outcomes(ran: &Ran) -> BTreeMap<String, &'static str> {
    let changes = ran.report.targets.iter().flat_map(|target| &target.changes);
    changes.map(|change| (format!("{:?}", change.id), change.outcome.word())).collect()
}

async fn same(system: System, world: &World, hands: usize, lateness: &Lateness) -> Result<(), TestCaseError> {
    let one_hand = World { concurrency: 1, ..world.clone() };
    let (after, code) = without_faults(system, &one_hand).await?;
    let seed = system.seed(&numbered(&world.rows));
    let one = stage(system, &one_hand, options(&seed)).await;
    let one = apply(&one, &Vec::new()).await?;
    let many = stage(system, &World { concurrency: hands, ..world.clone() }, options(&seed)).await;
    let ran = apply(&many, lateness).await?;
    let told = ran.told();
    prop_assert_eq!(ran.code(), code, "{}", told);
    prop_assert_eq!(State::of(&many.server), after, "{}", told);
    prop_assert_eq!(ran.miscounted(), None, "{}", told);
    prop_assert_eq!(outcomes(&ran), outcomes(&one), "{}", told);
    let (some, all): (Totals, Totals) = (ran.report.totals(), one.report.totals());
    prop_assert_eq!(some, all);
    prop_assert_eq!(ran.writes().count(), one.writes().count(), "the same requests: {}", told);
    let idle = many.apply().await;
    prop_assert!(!idle.requests.iter().any(is_write), "{}", idle.told());
    Ok(())
}

#[test]
fn any_interleaving_reaches_the_same_state() {
    let system = prop::sample::select(vec![System::Streamline, System::Partium, System::Semaphor, System::Canopy]);
    let lateness = prop::collection::vec(prop::sample::select(vec![0_u64, 1, 2, 4, 8, 12]), 0..16);
    hold(&(system, world(), 1..=8_usize, lateness), |(system, world, hands, lateness)| {
        block_on(same(system, &world, hands, &lateness))
    });
}
