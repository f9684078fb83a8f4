//! The book of one target: every change of its plan, where it stands, and what was told of it. Every change ends with exactly one
//! outcome because there is exactly one entry for it here.

use std::collections::HashMap;

use crate::model::{Sym, WriteOutcome};
use crate::plan::{PlannedBatch, PlannedChange, SetPlan, TargetPlan};

use super::queue::subjects;
use super::resolve::{Sight, Stand};
use super::{ChangeId, ChangeReport, Event, Outcome, Sink};

/// One change.
pub(super) struct Entry<'a> {
    pub(super) id: ChangeId,
    pub(super) set: &'a SetPlan,
    pub(super) planned: &'a PlannedChange,
    pub(super) stand: Stand,
    /// An earlier answer to it never came.
    lost: bool,
    pub(super) sight: Sight,
    /// The API's ids of the answers to the requests that carried it.
    request_ids: Vec<Box<str>>,
    /// What its `Finished` event said.
    told: Option<Told>,
}

struct Told {
    outcome: Outcome,
    provisional: bool,
}

impl Entry<'_> {
    /// The final outcome, with why nothing was read where that is so.
    pub(super) fn outcome(&self, unread: &str) -> Outcome {
        self.stand.settle(self.lost, self.sight, unread)
    }

    /// Whether losses of the same subject have to wait for it. An update that gives nothing holds up no revocation.
    pub(super) fn grants(&self) -> bool {
        !self.planned.grants.is_empty()
    }
}

/// The book of one target.
pub(super) struct Ledger<'a> {
    pub(super) plan: &'a TargetPlan,
    pub(super) entries: Vec<Entry<'a>>,
    sink: &'a dyn Sink,
    /// Batches sent so far.
    pub(super) batches: u64,
    /// Where the entries of each set start; sets that are not applied have none.
    starts: Vec<usize>,
    /// Subjects whose grants did not come, with the first that did not.
    pub(super) blockers: HashMap<Sym, ChangeId>,
    /// Why nothing was read after the writes, where that is so.
    pub(super) unread: String,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(plan: &'a TargetPlan, sink: &'a dyn Sink) -> Self {
        let (mut entries, mut starts) = (Vec::new(), Vec::new());
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
                request_ids: Vec::new(),
                told: None,
            }));
        }
        Self { plan, entries, sink, batches: 0, starts, blockers: HashMap::new(), unread: String::new() }
    }

    pub(super) fn emit(&self, event: &Event<'_>) {
        self.sink.event(event);
    }

    /// Before anything is waited for.
    pub(super) fn flush(&self) {
        self.sink.flush();
    }

    fn slot(&self, set: usize, index: usize) -> usize {
        self.starts[set] + index
    }

    /// Takes out of a batch what its subject's failed grants block; gives what may travel, as (entry, change).
    pub(super) fn admit<'b>(&mut self, batch: &PlannedBatch<'b>) -> Vec<(usize, &'b PlannedChange)> {
        let order_by = self.plan.capabilities.order_by;
        let mut admitted = Vec::with_capacity(batch.changes.len());
        for (set, index, change) in &batch.changes {
            let slot = self.slot(*set, *index);
            let blocker = subjects(change, order_by).find_map(|subject| self.blockers.get(&subject)).copied();
            match blocker.filter(|_| batch.takes_away) {
                Some(by) => {
                    self.entries[slot].stand = Stand::Blocked(by);
                    self.tell(slot);
                }
                None => admitted.push((slot, *change)),
            }
        }
        admitted
    }

    /// Notes the answer to a change, and the ids of the answers that its batch got.
    pub(super) fn record(&mut self, slot: usize, answer: WriteOutcome, request_ids: &[Box<str>]) {
        let order_by = self.plan.capabilities.order_by;
        let entry = &mut self.entries[slot];
        let lost = matches!(entry.stand, Stand::Answered(WriteOutcome::Unknown { .. }));
        entry.lost |= lost;
        entry.sight = Sight::Unread;
        entry.request_ids.extend_from_slice(request_ids);
        if entry.grants() && matches!(answer, WriteOutcome::Failed { .. } | WriteOutcome::Unknown { .. }) {
            for subject in subjects(entry.planned, order_by) {
                self.blockers.entry(subject).or_insert(entry.id);
            }
        }
        entry.stand = Stand::Answered(answer);
        self.tell(slot);
    }

    /// Ends every change whose turn did not come.
    pub(super) fn skip_unsent(&mut self, why: &str) {
        for slot in 0..self.entries.len() {
            if self.entries[slot].stand == Stand::Unsent {
                self.entries[slot].stand = Stand::Skipped(why.to_owned());
                self.tell(slot);
            }
        }
    }

    /// Says how a change ended, as far as it is known; once for each change.
    fn tell(&mut self, slot: usize) {
        let entry = &self.entries[slot];
        if entry.told.is_some() {
            return;
        }
        let told = Told { outcome: entry.stand.provisional(), provisional: entry.stand.needs_proof() };
        self.sink.event(&Event::Finished {
            target: self.plan,
            set: entry.set,
            change: entry.planned,
            outcome: &told.outcome,
            request_ids: &entry.request_ids,
            provisional: told.provisional,
        });
        self.entries[slot].told = Some(told);
    }

    /// Whether anything was sent at all.
    pub(super) fn touched(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry.stand, Stand::Answered(_)))
    }

    /// The final outcomes, in the order of the plan; tells those that the re-read settled or altered.
    pub(super) fn close(self) -> Vec<ChangeReport> {
        let mut reports = Vec::with_capacity(self.entries.len());
        for entry in self.entries {
            let outcome = entry.outcome(&self.unread);
            if entry.told.as_ref().is_none_or(|told| told.provisional || told.outcome != outcome) {
                self.sink.event(&Event::Settled {
                    target: self.plan,
                    set: entry.set,
                    change: entry.planned,
                    outcome: &outcome,
                    request_ids: &entry.request_ids,
                });
            }
            reports.push(ChangeReport { id: entry.id, outcome, request_ids: entry.request_ids });
        }
        reports
    }
}
