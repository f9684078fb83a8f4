//! Which changes travel together, and in what order. The forecast counts these batches and the executor sends exactly them.

use std::collections::HashMap;

use crate::model::{Action, Route};

use super::{PlannedChange, TargetPlan};

/// Changes that one request (or one fixed sequence of requests) carries.
#[derive(Debug)]
pub struct PlannedBatch<'a> {
    /// The route they share.
    pub route: Route,
    /// When it is sent.
    pub step: Step,
    /// The changes, as (index of the set, index in the set, change).
    pub changes: Vec<(usize, usize, &'a PlannedChange)>,
}

/// When a change is sent. A later step waits for the earlier ones of the same subjects and holders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// It takes nothing away.
    Give,
    /// It gives and takes away at once, as a role change.
    Exchange,
    /// It only takes away: a removal, or an update whose only effect on access is a loss.
    Take,
}

impl Step {
    /// The step of a change.
    pub fn of(change: &PlannedChange) -> Self {
        match (change.losses.is_empty(), change.grants.is_empty()) {
            _ if change.action() == Action::Remove => Step::Take,
            (true, _) => Step::Give,
            (false, false) => Step::Exchange,
            (false, true) => Step::Take,
        }
    }
}

/// The batches of a target's selected changes, step by step; inside each step, routes in the order in
/// which the plan first needs them, and changes in the order of the plan.
pub fn batches(target: &TargetPlan) -> Vec<PlannedBatch<'_>> {
    let sets = target.sets.iter().enumerate().filter(|(_, set)| set.applies());
    group(sets.flat_map(|(at, set)| set.changes.iter().enumerate().map(move |(index, change)| (at, index, change))))
}

/// The batches of any changes, given as (index of the set, index in the set, change), by the same rules as [`batches`].
pub fn group<'a>(changes: impl Iterator<Item = (usize, usize, &'a PlannedChange)>) -> Vec<PlannedBatch<'a>> {
    let mut kinds: HashMap<(Step, Route), usize> = HashMap::new();
    let mut open: Vec<PlannedBatch<'a>> = Vec::new();
    for (set, index, change) in changes {
        let (route, step) = (change.route, Step::of(change));
        let last = kinds.get(&(step, route)).copied();
        match last.and_then(|at| open.get_mut(at)).filter(|batch| batch.changes.len() < route.batch.max(1)) {
            Some(batch) => batch.changes.push((set, index, change)),
            None => {
                kinds.insert((step, route), open.len());
                open.push(PlannedBatch { route, step, changes: vec![(set, index, change)] });
            }
        }
    }
    open.sort_by_key(|batch| batch.step);
    open
}

/// How many requests a target's writes will take, retries aside.
pub(super) fn requests(target: &TargetPlan) -> u64 {
    batches(target).iter().map(|batch| u64::from(batch.route.requests)).sum()
}
