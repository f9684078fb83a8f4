//! After a person's `yes`: everything is read and planned again, and of that only what they saw is kept, as a saved plan keeps it.
//!
//! A question may stand on a screen over lunch. What others do meanwhile must be neither undone nor built upon unseen.

use futures::future::join_all;

use super::approved;
use super::session::{Open, Seen, Session};
use super::terminal::Terminal;
use crate::model::Snapshot;
use crate::plan::saved::Held;
use crate::plan::{Plan, TargetPlan};

/// A plan that was made anew.
pub(super) struct Again {
    /// What is both as it was seen and still needed; the rest is in [`TargetPlan::held`].
    pub plan: Plan,
    /// What was read for it, one a target, where it is to be kept.
    pub before: Vec<Option<Snapshot>>,
    /// Something is not as it was seen, so that it has to be shown.
    pub moved: bool,
}

/// Reads and plans again what a person said yes to, with the ids that its names have now: one that means another id makes it stale.
/// Targets that were refused or unreadable then stay so: nobody saw more of them.
pub(super) async fn read_again(
    session: &mut Session,
    open: &[Open],
    shown: Plan,
    before: Vec<Option<Snapshot>>,
    terminal: &Terminal,
) -> anyhow::Result<Again> {
    session.look_at_the_clock()?;
    let approved = approved::shown(session, &shown);
    let reading: &Session = session;
    let read = async |open: &Open, target| if may_run(target) { Some(open.read(reading).await) } else { None };
    let mut seen = join_all(open.iter().zip(&shown.targets).map(|(open, target)| read(open, target))).await;
    for (open, seen) in open.iter().zip(&mut seen) {
        if let Some(seen) = seen {
            session.find_names(open, seen, terminal);
        }
    }
    let keep = |seen: &Option<Seen>, before: Option<Snapshot>| match seen {
        Some(seen) => seen.as_ref().ok().filter(|_| before.is_some()).cloned(),
        None => before,
    };
    let before = seen.iter().zip(before).map(|(seen, before)| keep(seen, before)).collect();
    let planned = open.iter().zip(seen).filter_map(|(open, seen)| Some(session.plan_target(open.target, seen?)));
    let mut plan = Plan { now: session.now(), targets: planned.collect(), ..shown };
    let was = shown.targets;
    approved.narrow(&mut plan, &session.desired())?;
    let moved =
        plan.targets.iter().any(|target| !may_run(target) || target.held.iter().any(|held| held.why.is_stale()));
    let mut again = plan.targets.into_iter();
    plan.targets = was
        .into_iter()
        .filter_map(|was| if may_run(&was) { again.next().map(|again| joined(was, again)) } else { Some(was) })
        .collect();
    Ok(Again { plan, before, moved })
}

fn may_run(target: &TargetPlan) -> bool {
    target.refusals.is_empty() && target.unreadable.is_none()
}

/// What was held back and shown so stays held back, and sets that only observe are still told of.
fn joined(was: TargetPlan, again: TargetPlan) -> TargetPlan {
    let same = |a: &Held, b: &Held| (&a.set, a.action, a.key, a.from_key) == (&b.set, b.action, b.key, b.from_key);
    let mut held = was.held;
    let new = again.held.into_iter().filter(|new| !held.iter().any(|old| same(old, new))).collect::<Vec<_>>();
    held.extend(new);
    let mut sets = again.sets;
    for set in &mut sets {
        set.selected = was.sets.iter().any(|was| was.name == set.name && was.selected);
    }
    TargetPlan { held, sets, ..again }
}
