//! Which batch may be sent next. Pure bookkeeping: it sends nothing and knows no outcome.
//!
//! ```text
//! grants and updates ──ended──▶ subject (identity, definition, assembly) ──none left──▶ losses of that subject
//! ```
//! A batch of losses waits for its own subjects only, so that unrelated losses fill the wire while the last grants are under way.
//! Counting by subject keeps this linear: ten thousand grants and ten thousand losses of one definition are twenty thousand steps.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::model::Sym;
use crate::plan::{PlannedBatch, PlannedChange};

/// The ids whose grants come before their losses, for one change.
pub(super) fn subjects(change: &PlannedChange, order_by: usize) -> impl Iterator<Item = Sym> {
    // A loss whose id looks like a created one waits for that create too.
    let waits_for = change.waits_for.iter().copied();
    let change = &change.change;
    std::iter::once(change.key).chain(change.from_key).chain(waits_for).map(move |key| key.part(order_by))
}

/// Batches in the order in which they may be sent.
pub(super) struct Queue {
    order_by: usize,
    ready: VecDeque<usize>,
    /// For each batch, how many of its subjects still have grants under way.
    waits: Vec<usize>,
    /// How many batches wait.
    waiting: usize,
    open: HashMap<Sym, Subject>,
}

#[derive(Default)]
struct Subject {
    /// Batches of grants and updates that have not ended.
    pending: usize,
    /// Batches of losses that wait for them.
    waiting: Vec<usize>,
}

impl Queue {
    pub(super) fn new(batches: &[PlannedBatch<'_>], order_by: usize) -> Self {
        let (ready, waits, open) = (VecDeque::new(), vec![0; batches.len()], HashMap::new());
        let mut queue = Self { order_by, ready, waits, waiting: 0, open };
        for batch in batches.iter().filter(|batch| !batch.takes_away) {
            for subject in queue.subjects_of(batch) {
                queue.open.entry(subject).or_default().pending += 1;
            }
        }
        for (at, batch) in batches.iter().enumerate() {
            queue.enter(at, batch);
        }
        queue
    }

    fn enter(&mut self, at: usize, batch: &PlannedBatch<'_>) {
        if batch.takes_away {
            for subject in self.subjects_of(batch) {
                if let Some(subject) = self.open.get_mut(&subject) {
                    subject.waiting.push(at);
                    self.waits[at] += 1;
                }
            }
        }
        if self.waits[at] == 0 {
            self.ready.push_back(at);
        } else {
            self.waiting += 1;
        }
    }

    /// What [`Self::next`] would give.
    pub(super) fn peek(&self) -> Option<usize> {
        self.ready.front().copied()
    }

    /// The index of a batch that may be sent now.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.ready.pop_front()
    }

    /// A batch has ended, however it ended. Says whether others were waiting for that and may now be sent.
    pub(super) fn ended(&mut self, batch: &PlannedBatch<'_>) -> bool {
        if batch.takes_away || self.waiting == 0 {
            return false; // nothing waits for losses, and most often nothing at all
        }
        let ready = self.ready.len();
        for subject in self.subjects_of(batch) {
            let Some(open) = self.open.get_mut(&subject) else { continue };
            open.pending -= 1;
            if open.pending > 0 {
                continue;
            }
            for at in std::mem::take(&mut open.waiting) {
                self.waits[at] -= 1;
                if self.waits[at] == 0 {
                    self.ready.push_back(at);
                }
            }
        }
        let freed = self.ready.len() - ready;
        self.waiting -= freed;
        freed > 0
    }

    fn subjects_of(&self, batch: &PlannedBatch<'_>) -> BTreeSet<Sym> {
        batch.changes.iter().flat_map(|(_, _, change)| subjects(change, self.order_by)).collect()
    }
}
