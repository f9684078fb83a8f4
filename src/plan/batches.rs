//! Which changes travel together, and in what order. The forecast counts these batches and the executor sends exactly them.

use std::collections::HashMap;

use crate::model::{Action, Route};

use super::{PlannedChange, TargetPlan};

/// Changes that one request (or one fixed sequence of requests) carries.
#[derive(Debug)]
pub struct PlannedBatch<'a> {
    /// The route they share.
    pub route: Route,
    /// Whether it only takes away: then it waits for the grants and updates of the same subjects.
    pub takes_away: bool,
    /// The changes, as (index of the set, index in the set, change).
    pub changes: Vec<(usize, usize, &'a PlannedChange)>,
}

/// The batches of a target's selected changes: what gives and updates first, then what takes away; inside each, routes in the order in
/// which the plan first needs them, and changes in the order of the plan.
pub fn batches(target: &TargetPlan) -> Vec<PlannedBatch<'_>> {
    let sets = target.sets.iter().enumerate().filter(|(_, set)| set.applies());
    group(sets.flat_map(|(at, set)| set.changes.iter().enumerate().map(move |(index, change)| (at, index, change))))
}

/// The batches of any changes, given as (index of the set, index in the set, change), by the same rules as [`batches`].
pub fn group<'a>(changes: impl Iterator<Item = (usize, usize, &'a PlannedChange)>) -> Vec<PlannedBatch<'a>> {
    let mut kinds: HashMap<(bool, Route), usize> = HashMap::new();
    let mut open: Vec<PlannedBatch<'a>> = Vec::new();
    for (set, index, change) in changes {
        let (route, takes_away) = (change.route, change.action() == Action::Remove);
        let last = kinds.get(&(takes_away, route)).copied();
        match last.and_then(|at| open.get_mut(at)).filter(|batch| batch.changes.len() < route.batch.max(1)) {
            Some(batch) => batch.changes.push((set, index, change)),
            None => {
                kinds.insert((takes_away, route), open.len());
                open.push(PlannedBatch { route, takes_away, changes: vec![(set, index, change)] });
            }
        }
    }
    open.sort_by_key(|batch| batch.takes_away);
    open
}

/// How many requests a target's writes will take, retries aside.
pub(super) fn requests(target: &TargetPlan) -> u64 {
    batches(target).iter().map(|batch| u64::from(batch.route.requests)).sum()
}
