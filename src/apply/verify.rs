//! Reading again after the writes: what is there, what is still missing, and what may be sent once more.
//!
//! Reads may lag behind writes, so what should be there and is not is looked for a few times. Only what is then certainly not there, on
//! an object that is exactly as it was when the change was planned, is sent again (DESIGN section 5: nothing is resent blindly).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::pin::pin;

use futures::future::{Either, select};
use tokio::time::Instant;

use crate::model::{Action, Coverages, Fields, Key, Live, Proof, Snapshot, Stop, WriteOutcome};
use crate::plan::saved::HeldWhy;
use crate::plan::{PlannedBatch, PlannedChange, Reason, SetPlan, TargetPlan, group};
use crate::provider::ReadError;

use super::ledger::{Entry, Ledger};
use super::queue::keys;
use super::resolve::{GAP, MASKED, Sight, Stand};
use super::send::{Halt, send};
use super::{ChangeId, Event, LONGEST_WAIT, Leftover, NotLookedAt, Options, Remaining, TargetRun, Verification};

/// What was read after the writes.
struct View {
    /// Which of the keys concerned are live.
    live: HashSet<Key>,
    /// Which of the keys concerned are not live, without proof that the listing was complete there.
    unproven: HashSet<Key>,
    /// The plan as of now. It means nothing for sets that were not read again.
    plan: TargetPlan,
    /// For each of its sets: whether it was.
    read: Vec<bool>,
    /// Its changes by the keys that they touch.
    touching: HashMap<Key, ChangeId>,
}

/// What the re-read says, and about what it says nothing.
pub(super) struct Verified {
    pub(super) verification: Verification,
    pub(super) not_looked_at: Vec<NotLookedAt>,
}

impl Verified {
    /// Where nothing was read again.
    pub(super) fn only(verification: Verification) -> Self {
        Self { verification, not_looked_at: Vec::new() }
    }
}

/// Why nothing was seen.
enum Blind {
    Interrupted,
    Unreadable { message: String, temporary: bool },
}

/// Reads the target again until every change is settled or the bounds are reached, and sends again what may be.
///
/// Where losses wait for grants that no answer proved, the first reading is of their sets only. What it proves is sent, and a
/// reading of all sets follows.
pub(super) async fn verify(run: &TargetRun<'_>, stop: &Stop, options: &Options, ledger: &mut Ledger<'_>) -> Verified {
    let touched = run.plan.touched_sets();
    let mut rounds = 0;
    let mut sets = ledger.waiting_sets();
    loop {
        let in_between = !sets.is_empty() && sets.len() < touched.len();
        let view = match look_until_settled(run, if in_between { &sets } else { &touched }, stop, options, ledger).await
        {
            Ok(view) => view,
            Err(blind) => return Verified::only(blind.conclude(ledger)),
        };
        sets.clear();
        let batches = if rounds < options.resend_rounds { again(&view, ledger) } else { Vec::new() };
        match (batches.is_empty(), in_between) {
            _ if stop.requested().is_some() && in_between => break,
            (_, false) if stop.requested().is_some() => return conclude(&view, options, ledger),
            (true, false) => return conclude(&view, options, ledger),
            (true, true) => continue,
            (false, _) => {}
        }
        rounds += 1;
        if send(run, stop, ledger, &batches, true).await == Some(Halt::Interrupted) {
            break;
        }
    }
    Verified::only(Blind::Interrupted.conclude(ledger))
}

impl Blind {
    fn conclude(self, ledger: &mut Ledger<'_>) -> Verification {
        match self {
            Blind::Interrupted => {
                let why = "interrupted before the live state was read again".to_owned();
                ledger.unread.clone_from(&why);
                Verification::NotVerified { why }
            }
            Blind::Unreadable { message, temporary } => {
                ledger.unread = format!("the live state could not be read again ({message})");
                Verification::Unreadable { message, temporary }
            }
        }
    }
}

/// Reads sets until nothing that should be visible in them is missing, waiting twice as long each time.
async fn look_until_settled(
    run: &TargetRun<'_>,
    sets: &BTreeSet<&str>,
    stop: &Stop,
    options: &Options,
    ledger: &mut Ledger<'_>,
) -> Result<View, Blind> {
    let started = Instant::now();
    let mut wait = options.first_wait;
    let mut attempt = 1;
    loop {
        ledger.emit(&Event::Verifying { target: run.plan, attempt });
        let view = look(run, sets, stop, ledger).await?;
        for entry in ledger.entries.iter_mut().filter(|entry| sets.contains(entry.set.name.as_str())) {
            // Seen once is seen: another replica may still lag behind.
            let concerned = options.verify || entry.stand.needs_proof();
            if concerned && entry.sight != Sight::Converged {
                entry.sight = view.sight(entry.planned);
            }
        }
        let missing = |entry: &Entry<'_>| matches!(entry.sight, Sight::Different { .. });
        let bounds = ledger.entries.iter().filter(|entry| missing(entry)).map(|entry| entry.stand.visible_within(run));
        let left = bounds.max().unwrap_or_default().saturating_sub(started.elapsed());
        if left.is_zero() {
            return Ok(view);
        }
        let wait_now = wait.min(LONGEST_WAIT).min(left);
        unless_stopped(stop, ledger, tokio::time::sleep(wait_now)).await.ok_or(Blind::Interrupted)?;
        wait *= 2;
        attempt += 1;
    }
}

async fn look(run: &TargetRun<'_>, sets: &BTreeSet<&str>, stop: &Stop, ledger: &mut Ledger<'_>) -> Result<View, Blind> {
    let request = run.reread.request(sets);
    let read = unless_stopped(stop, ledger, run.reader.read(&request)).await.ok_or(Blind::Interrupted)?;
    let snapshot = read.map_err(|error| Blind::Unreadable {
        message: error.to_string(),
        temporary: matches!(error, ReadError::Temporary(_)),
    })?;
    let view = View::new(&ledger.entries, snapshot, sets, run);
    match &view.plan.unreadable {
        None => Ok(view),
        Some(why) => Err(Blind::Unreadable { message: why.message.clone(), temporary: why.temporary }),
    }
}

/// A reading or a wait, given up when a stop is asked for: nothing is lost by not reading.
async fn unless_stopped<T>(stop: &Stop, ledger: &mut Ledger<'_>, work: impl Future<Output = T>) -> Option<T> {
    ledger.flush();
    match select(pin!(stop.wait()), pin!(work)).await {
        Either::Left(_) => None,
        Either::Right((done, _)) => Some(done),
    }
}

impl View {
    fn new(entries: &[Entry<'_>], snapshot: Snapshot, sets: &BTreeSet<&str>, run: &TargetRun<'_>) -> Self {
        let concerned: HashSet<Key> = entries.iter().flat_map(|entry| keys(entry.planned)).collect();
        let live: HashSet<Key> =
            snapshot.rows.iter().map(|row| row.key).filter(|key| concerned.contains(key)).collect();
        let absent = concerned.into_iter().filter(|key| !live.contains(key));
        let coverages = Coverages::new(&snapshot.coverage);
        let unproven = absent.filter(|key| !coverages.proves(key)).collect();
        let plan = (run.replan)(snapshot);
        let read = plan.sets.iter().map(|set| sets.contains(set.name.as_str())).collect();
        let mut view = Self { live, unproven, plan, read, touching: HashMap::new() };
        view.touching = view.changes().flat_map(|(id, _, change)| keys(change).map(move |key| (key, id))).collect();
        view
    }

    /// The changes of the new plan that say something: a rotation would be planned again for ever.
    fn changes(&self) -> impl Iterator<Item = (ChangeId, &SetPlan, &PlannedChange)> {
        let sets = self.plan.sets.iter().enumerate().filter(|(at, set)| set.applies() && self.read[*at]);
        sets.flat_map(|(at, set)| {
            set.changes.iter().enumerate().map(move |(index, change)| (ChangeId { set: at, index }, set, change))
        })
        .filter(|(_, _, change)| change.reason != Reason::Rotated)
    }

    fn change(&self, id: ChangeId) -> &PlannedChange {
        &self.plan.sets[id.set].changes[id.index]
    }

    /// What is to be seen of a change.
    fn sight(&self, planned: &PlannedChange) -> Sight {
        if planned.reason == Reason::Rotated {
            return Sight::Unclear(MASKED);
        }
        let change = &planned.change;
        let touched = keys(planned).find_map(|key| self.touching.get(&key)).copied();
        let old_role_is_there = change.from_key.is_some_and(|key| self.live.contains(&key));
        let converged = match change.action {
            Action::Remove => !self.live.contains(&change.key),
            // Where the listing is not complete, the old role is not planned to go, and is there all the same.
            _ => touched.is_none() && !old_role_is_there,
        };
        let certain = old_role_is_there || !self.unproven.contains(&change.key);
        match (converged, change.action) {
            (true, Action::Remove) if !certain => Sight::Unclear(GAP),
            (true, _) => Sight::Converged,
            (false, _) if certain => {
                Sight::Different { again: touched.filter(|id| unmoved(planned, self.change(*id))) }
            }
            (false, _) => Sight::Unclear(GAP),
        }
    }
}

/// Whether a change of the new plan is the one that was planned before, on an object that has not moved since.
fn unmoved(before: &PlannedChange, now: &PlannedChange) -> bool {
    let (before, now) = (&before.change, &now.change);
    (before.action, before.key, before.from_key) == (now.action, now.key, now.from_key)
        && match (&before.live, &now.live) {
            (None, None) => true,
            (Some(before), Some(now)) => same_object(before, now),
            _ => false,
        }
}

fn same_object(a: &Live, b: &Live) -> bool {
    let revision = |live: &Live| live.info.as_ref().and_then(|info| info.revision.clone());
    a.id == b.id && revision(a) == revision(b) && covers(&a.fields, &b.fields) && covers(&b.fields, &a.fields)
}

fn covers(a: &Fields, b: &Fields) -> bool {
    b.iter().all(|(name, value)| a.get(name).map_or(value.is_null(), |other| other.same(value)))
}

/// What may be sent again: lost answers to what certainly did not happen, and losses whose block is gone. Nothing where the guards
/// would now refuse.
fn again<'v>(view: &'v View, ledger: &mut Ledger<'_>) -> Vec<PlannedBatch<'v>> {
    if !view.plan.refusals.is_empty() {
        return Vec::new();
    }
    ledger.block_anew(|entry| repeatable(entry).is_some());
    let candidates = ledger.entries.iter().filter_map(|entry| {
        let id = repeatable(entry)?;
        ledger.blocked(entry.planned).is_none().then(|| (entry.id.set, entry.id.index, view.change(id)))
    });
    group(candidates)
}

/// The change of the new plan that may be sent for an entry.
fn repeatable(entry: &Entry<'_>) -> Option<ChangeId> {
    let open =
        matches!(entry.stand, Stand::Blocked(_) | Stand::Answered(WriteOutcome::Unknown { repeatable: true, .. }));
    match entry.sight {
        Sight::Different { again } if open => again,
        _ => None,
    }
}

fn conclude(view: &View, options: &Options, ledger: &Ledger<'_>) -> Verified {
    if !options.verify {
        let why = "not asked for: only changes whose answers prove nothing were looked up".to_owned();
        return Verified::only(Verification::NotVerified { why });
    }
    let remaining = remaining(view, ledger);
    let verification = if remaining.is_empty() { Verification::Clean } else { Verification::Remaining(remaining) };
    Verified { verification, not_looked_at: not_looked_at(view, ledger.plan) }
}

fn not_looked_at(view: &View, plan: &TargetPlan) -> Vec<NotLookedAt> {
    let withheld = plan.held.iter().filter(|held| held.why != HeldWhy::Already).count();
    let touched = plan.touched_sets();
    let others = plan.sets.iter().map(|set| set.name.as_str()).filter(|name| !touched.contains(name));
    let others: Vec<String> = others.map(str::to_owned).collect();
    let gaps: BTreeSet<&str> = view.plan.evidence.iter().filter_map(|evidence| evidence.gap.as_deref()).collect();
    let withheld = (withheld > 0).then(|| NotLookedAt::Withheld(u64::try_from(withheld).unwrap_or(u64::MAX)));
    let others = (!others.is_empty()).then_some(NotLookedAt::OtherSets(others));
    let gaps = gaps.into_iter().map(|gap| NotLookedAt::Incomplete(gap.to_owned()));
    withheld.into_iter().chain(others).chain(gaps).collect()
}

/// What the new plan still wants, and what was not carried out although the new plan cannot see it (incomplete listings, secrets).
fn remaining(view: &View, ledger: &Ledger<'_>) -> Vec<Remaining> {
    let by_key: HashMap<Key, &Entry<'_>> =
        ledger.entries.iter().flat_map(|entry| keys(entry.planned).map(move |key| (key, entry))).collect();
    let mut all: Vec<Remaining> = view
        .changes()
        .map(|(_, set, change)| {
            let entry = keys(change).find_map(|key| by_key.get(&key)).copied();
            difference(set, change, entry.map_or(Leftover::New, leftover))
        })
        .collect();
    let unseen = ledger.entries.iter().filter(|entry| {
        let planned_again = keys(entry.planned).any(|key| view.touching.contains_key(&key));
        let open = matches!(entry.sight, Sight::Different { .. }) || !entry.outcome("").is_converged();
        !planned_again && entry.sight != Sight::Converged && open
    });
    all.extend(unseen.map(|entry| difference(entry.set, entry.planned, leftover(entry))));
    all
}

fn leftover(entry: &Entry<'_>) -> Leftover {
    let confirmed = entry.stand == Stand::Answered(WriteOutcome::Done(Proof::Answer));
    match (entry.outcome("").is_converged(), entry.sight) {
        (true, Sight::Converged) => Leftover::New,
        (true, _) => Leftover::NotVisibleYet,
        (false, _) if confirmed => Leftover::NotVisibleYet,
        (false, _) => Leftover::NotApplied,
    }
}

fn difference(set: &SetPlan, planned: &PlannedChange, why: Leftover) -> Remaining {
    Remaining {
        set: set.name.clone(),
        action: planned.action(),
        key: planned.change.key,
        from_key: planned.change.from_key,
        at: planned.at.clone(),
        why,
    }
}
