//! The book of one target: every change of its plan, where it stands, and what was told of it. Every change ends with exactly one
//! outcome because there is exactly one entry for it here.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::model::{Proof, WriteOutcome};
use crate::plan::saved::{Held, HeldWhy};
use crate::plan::{PlannedBatch, PlannedChange, SetPlan, Step, TargetPlan};

use super::queue::{Subject, holders, keys};
use super::resolve::{Sight, Stand};
use super::{ChangeId, ChangeReport, Ended, Event, Outcome, Sink};

/// So many changes are told as ended in one event at most: a fraction of a millisecond for any sink, so that the next request does not wait
/// for it.
const TOLD_TOGETHER: usize = 64;

/// One change.
pub(super) struct Entry<'a> {
    pub(super) id: ChangeId,
    pub(super) set: &'a SetPlan,
    pub(super) planned: &'a PlannedChange,
    pub(super) stand: Stand,
    /// An earlier answer to it never came.
    lost: bool,
    pub(super) sight: Sight,
    /// The API's ids of the answers to the requests that carried it: those of its batch, most often.
    request_ids: Arc<[Box<str>]>,
    /// What was said of it last.
    told: Option<Told>,
}

#[derive(PartialEq, Eq)]
struct Told {
    outcome: Outcome,
    provisional: bool,
}

impl Entry<'_> {
    /// Whether both belong to one set and were answered by the same requests.
    fn answered_with(&self, other: &Entry<'_>) -> bool {
        let same = || Arc::ptr_eq(&self.request_ids, &other.request_ids) || self.request_ids == other.request_ids;
        self.id.set == other.id.set && same()
    }

    /// The final outcome, with why nothing was read where that is so.
    pub(super) fn outcome(&self, unread: &str) -> Outcome {
        self.stand.settle(self.lost, self.sight, unread)
    }

    /// Whether losses of the same holder wait for it. An update that gives nothing holds back no loss.
    pub(super) fn grants(&self) -> bool {
        !self.planned.grants.is_empty()
    }

    /// Whether it is certain that it is as planned.
    fn is_proven(&self) -> bool {
        self.outcome("").is_converged()
    }
}

/// The holders that a saved plan withholds a grant from.
fn withheld(plan: &TargetPlan) -> HashMap<Subject, &Held> {
    let mut withheld = HashMap::new();
    for held in plan.held.iter().filter(|held| held.gives && held.why != HeldWhy::Already) {
        let keys = std::iter::once(held.key).chain(held.from_key);
        for holder in holders(keys, plan.capabilities.held_by, true) {
            withheld.entry(holder).or_insert(held);
        }
    }
    withheld
}

/// The book of one target.
pub(super) struct Ledger<'a> {
    pub(super) plan: &'a TargetPlan,
    pub(super) entries: Vec<Entry<'a>>,
    sink: &'a dyn Sink,
    /// What was told since the sink was last flushed has to be written before a request goes out.
    owing: bool,
    /// All that was told is kept.
    kept: bool,
    /// Entries whose stand is known and was not told yet, in the order in which it became known.
    untold: VecDeque<usize>,
    /// Batches that have a number.
    batches: u64,
    /// Where the entries of each set start; sets that are not applied have none.
    starts: Vec<usize>,
    /// Holders with a grant that is not proven, by the step of the grant, with the first of them.
    blockers: HashMap<(Step, Subject), ChangeId>,
    /// Holders with a grant that the saved plan withholds.
    withheld: HashMap<Subject, &'a Held>,
    /// Why nothing was read after the writes, where that is so.
    pub(super) unread: String,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(plan: &'a TargetPlan, sink: &'a dyn Sink) -> Self {
        let (mut entries, mut starts, unanswered) = (Vec::new(), Vec::new(), Arc::default());
        for (at, set) in plan.sets.iter().enumerate() {
            starts.push(entries.len());
            let changes = if set.applies() { set.changes.as_slice() } else { &[] };
            entries.extend(changes.iter().enumerate().map(|(index, planned)| Entry {
                id: ChangeId { set: at, index },
                set,
                planned,
                stand: Stand::Unsent,
                lost: false,
                sight: Sight::Unread,
                request_ids: Arc::clone(&unanswered),
                told: None,
            }));
        }
        Self {
            plan,
            entries,
            sink,
            owing: false,
            kept: true,
            untold: VecDeque::new(),
            batches: 0,
            starts,
            blockers: HashMap::new(),
            withheld: withheld(plan),
            unread: String::new(),
        }
    }

    pub(super) fn emit(&self, event: &Event<'_>) {
        self.sink.event(event);
    }

    /// Tells what has to be written before the next request goes out.
    pub(super) fn emit_ahead(&mut self, event: &Event<'_>) {
        self.owing = true;
        self.sink.event(event);
    }

    /// A number for a batch, which no other one has, also where it is not sent in the end.
    pub(super) fn next_batch(&mut self) -> u64 {
        self.batches += 1;
        self.batches
    }

    /// Before a request goes out. Says whether it may.
    pub(super) fn flush_ahead(&mut self) -> bool {
        if self.owing {
            self.flush();
        }
        self.kept
    }

    /// Before anything is waited for.
    pub(super) fn flush(&mut self) {
        self.owing = false;
        self.kept &= self.sink.flush();
    }

    fn slot(&self, set: usize, index: usize) -> usize {
        self.starts[set] + index
    }

    /// Why a change may not be sent now, where a grant of the same holder is withheld or not proven. A loss waits for every such
    /// grant. An exchange waits for those of creates and mere updates: exchanges of one request cannot wait for each other.
    pub(super) fn blocked(&self, change: &PlannedChange) -> Option<Stand> {
        let step = Step::of(change);
        if step == Step::Give {
            return None;
        }
        let steps = [Step::Give, Step::Exchange].into_iter().filter(|earlier| *earlier < step);
        let holders = || holders(keys(change), self.plan.capabilities.held_by, false);
        if let Some(held) = holders().find_map(|holder| self.withheld.get(&holder)) {
            return Some(Stand::Withheld((*held).clone()));
        }
        let by = steps.flat_map(|step| holders().map(move |holder| (step, holder)));
        by.into_iter().find_map(|subject| self.blockers.get(&subject)).map(|by| Stand::Blocked(*by))
    }

    /// Whether [`Self::admit`] would let all of a batch travel.
    pub(super) fn is_free(&self, batch: &PlannedBatch<'_>) -> bool {
        batch.changes.iter().all(|(_, _, change)| self.blocked(change).is_none())
    }

    /// Takes out of a batch what waits for a grant; gives what may travel, as (entry, change).
    pub(super) fn admit<'b>(&mut self, batch: &PlannedBatch<'b>) -> Vec<(usize, &'b PlannedChange)> {
        let mut admitted = Vec::with_capacity(batch.changes.len());
        for (set, index, change) in &batch.changes {
            let slot = self.slot(*set, *index);
            match self.blocked(change) {
                Some(stand) => {
                    self.entries[slot].stand = stand;
                    self.untold.push_back(slot);
                    if self.entries[slot].grants() {
                        self.block_for(slot); // an exchange, which losses of the same holder wait for
                    }
                }
                None => admitted.push((slot, *change)),
            }
        }
        admitted
    }

    /// Notes which of some changes were grants that their answers do not prove.
    pub(super) fn block(&mut self, slots: &[usize], answers: &[WriteOutcome]) {
        for (slot, answer) in slots.iter().zip(answers) {
            if *answer != WriteOutcome::Done(Proof::Answer) && self.entries[*slot].grants() {
                self.block_for(*slot);
            }
        }
    }

    fn block_for(&mut self, slot: usize) {
        let Entry { id, planned, .. } = self.entries[slot];
        for holder in holders(keys(planned), self.plan.capabilities.held_by, true) {
            self.blockers.entry((Step::of(planned), holder)).or_insert(id);
        }
    }

    /// After a re-read: only grants that are not proven still hold back losses, unless they are sent again first.
    pub(super) fn block_anew(&mut self, is_sent_again: impl Fn(&Entry<'_>) -> bool) {
        self.blockers.clear();
        let unproven = |entry: &Entry<'_>| entry.grants() && !entry.is_proven() && !is_sent_again(entry);
        let slots: Vec<usize> = (0..self.entries.len()).filter(|slot| unproven(&self.entries[*slot])).collect();
        slots.into_iter().for_each(|slot| self.block_for(slot));
    }

    /// The sets of the losses that wait for grants, and of those grants.
    pub(super) fn waiting_sets(&self) -> BTreeSet<&'a str> {
        let blocked = self.entries.iter().filter_map(|entry| match entry.stand {
            Stand::Blocked(by) => Some([entry.id.set, by.set]),
            _ => None,
        });
        blocked.flatten().filter_map(|set| self.plan.sets.get(set)).map(|set| set.name.as_str()).collect()
    }

    /// Notes the answer to a change, and the ids of the answers that its batch got. It is told later.
    pub(super) fn record(&mut self, slot: usize, answer: WriteOutcome, request_ids: &Arc<[Box<str>]>) {
        let entry = &mut self.entries[slot];
        let lost = matches!(entry.stand, Stand::Answered(WriteOutcome::Unknown { .. }));
        entry.lost |= lost;
        entry.sight = Sight::Unread;
        entry.request_ids = match &*entry.request_ids {
            [] => Arc::clone(request_ids),
            earlier => earlier.iter().chain(&**request_ids).cloned().collect(),
        };
        entry.stand = Stand::Answered(answer);
        self.untold.push_back(slot);
    }

    /// Tells some of the endings that were noted, oldest first; each change once, also when it is sent again. Says whether there were any.
    pub(super) fn tell_some(&mut self) -> bool {
        let slots = self.untold.drain(..self.untold.len().min(TOLD_TOGETHER));
        let any = slots.len() > 0;
        let ending = |slot: usize| {
            let Entry { stand, told: None, .. } = &self.entries[slot] else { return None };
            Some((slot, Told { outcome: stand.provisional(), provisional: stand.needs_proof() }))
        };
        let endings = slots.filter_map(ending).collect();
        self.announce(endings, |target, ended, provisional| Event::Finished { target, ended, provisional });
        any
    }

    /// Tells them until no more than so many are left.
    pub(super) fn tell_until(&mut self, left: usize) {
        while self.untold.len() > left && self.tell_some() {}
    }

    /// Ends every change whose turn did not come.
    pub(super) fn skip_unsent(&mut self, why: &str) {
        for (slot, entry) in self.entries.iter_mut().enumerate() {
            if entry.stand == Stand::Unsent {
                entry.stand = Stand::Skipped(why.to_owned());
                self.untold.push_back(slot);
            }
        }
        self.tell_until(0);
    }

    /// Says how changes ended. Those that follow each other and ended in the same way are told together.
    fn announce(
        &mut self,
        endings: Vec<(usize, Told)>,
        event: for<'e> fn(&'e TargetPlan, Ended<'e>, bool) -> Event<'e>,
    ) {
        let entries = &self.entries;
        let alike = |a: &(usize, Told), b: &(usize, Told)| a.1 == b.1 && entries[a.0].answered_with(&entries[b.0]);
        for group in endings.chunk_by(alike) {
            let Some((first, Told { outcome, provisional })) = group.first() else { continue };
            let changes: Vec<&PlannedChange> = group.iter().map(|(slot, _)| entries[*slot].planned).collect();
            let Entry { set, request_ids, .. } = &entries[*first];
            self.sink.event(&event(self.plan, Ended { set, changes: &changes, outcome, request_ids }, *provisional));
        }
        for (slot, told) in endings {
            self.entries[slot].told = Some(told);
        }
    }

    /// Whether anything was sent at all.
    pub(super) fn touched(&self) -> bool {
        let sent = |stand: &Stand| match stand {
            Stand::Answered(answer) => !matches!(answer, WriteOutcome::NotSent { .. }),
            _ => false,
        };
        self.entries.iter().any(|entry| sent(&entry.stand))
    }

    /// The final outcomes, in the order of the plan; tells those that the re-read settled or altered.
    pub(super) fn close(mut self) -> Vec<ChangeReport> {
        for first in (0..self.entries.len()).step_by(TOLD_TOGETHER) {
            let slots = first..self.entries.len().min(first + TOLD_TOGETHER);
            let altered = |slot: usize| {
                let told = Told { outcome: self.entries[slot].outcome(&self.unread), provisional: false };
                (self.entries[slot].told.as_ref() != Some(&told)).then_some((slot, told))
            };
            let altered = slots.filter_map(altered).collect();
            self.announce(altered, |target, ended, _| Event::Settled { target, ended });
        }
        let report = |mut entry: Entry<'a>| {
            let told = entry.told.take();
            let outcome = told.map_or_else(|| entry.outcome(&self.unread), |told| told.outcome);
            ChangeReport { id: entry.id, outcome, request_ids: entry.request_ids }
        };
        self.entries.into_iter().map(report).collect()
    }
}
