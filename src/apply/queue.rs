//! Which batch may be sent next. Pure bookkeeping: it sends nothing and knows no outcome.
//!
//! ```text
//! earlier steps of a subject or holder ──all ended──▶ later steps of the same
//! ```
//! A subject (identity, assembly, service, definition) decides the order. A holder decides what a failed grant holds back, so
//! losses wait for the grants of their holders too. Unrelated losses are sent while the last grants are under way. Counting by
//! subject keeps this linear: ten thousand grants and ten thousand losses of one definition are twenty thousand steps.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::model::{Capabilities, Key, Sym};
use crate::plan::{PlannedBatch, PlannedChange, Step};

/// Who is concerned by an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Subject {
    /// The id by which changes are ordered.
    Order(Sym),
    /// One holder.
    Holder(Sym, Sym),
    /// Some holder of a group, such as a definition.
    OneOf(Sym),
    /// Every holder of a group.
    AllOf(Sym),
}

/// The holders that a change concerns, as what it gives (`true`) or as what it takes away.
///
/// What is given to one holder matters to losses of that holder and of all; what is given to all matters to every loss of the
/// group.
pub(super) fn holders(
    keys: impl Iterator<Item = Key>,
    held_by: &'static [usize],
    gives: bool,
) -> impl Iterator<Item = Subject> {
    keys.flat_map(move |key| match *held_by {
        [] => [None, None],
        [part] => [Some(Subject::Holder(key.part(part), Sym::NONE)), None],
        [group, part, ..] => {
            let (group, holder) = (key.part(group), key.part(part));
            match (holder.is_none(), gives) {
                (true, true) => [Some(Subject::AllOf(group)), None],
                (true, false) => [Some(Subject::AllOf(group)), Some(Subject::OneOf(group))],
                (false, true) => [Some(Subject::Holder(group, holder)), Some(Subject::OneOf(group))],
                (false, false) => [Some(Subject::Holder(group, holder)), Some(Subject::AllOf(group))],
            }
        }
    })
    .flatten()
}

/// The keys that a change touches.
pub(super) fn keys(change: &PlannedChange) -> impl Iterator<Item = Key> + use<> {
    std::iter::once(change.change.key).chain(change.change.from_key)
}

/// What later steps of a change's subjects and holders wait for, or what it waits for.
fn subjects(change: &PlannedChange, capabilities: &Capabilities, gives: bool) -> impl Iterator<Item = Subject> + use<> {
    let order_by = capabilities.order_by;
    let order = keys(change).map(move |key| Subject::Order(key.part(order_by)));
    order.chain(holders(keys(change), capabilities.held_by, gives))
}

/// Batches in the order in which they may be sent.
pub(super) struct Queue {
    capabilities: &'static Capabilities,
    ready: VecDeque<usize>,
    /// For each batch, how many subjects it waits for.
    waits: Vec<usize>,
    /// How many batches wait.
    waiting: usize,
    open: HashMap<(Step, Subject), Pending>,
}

#[derive(Default)]
struct Pending {
    /// Batches of this step that have not ended.
    batches: usize,
    /// Batches of later steps that wait for them.
    waiting: Vec<usize>,
}

impl Queue {
    pub(super) fn new(batches: &[PlannedBatch<'_>], capabilities: &'static Capabilities) -> Self {
        let (ready, waits, open) = (VecDeque::new(), vec![0; batches.len()], HashMap::new());
        let mut queue = Self { capabilities, ready, waits, waiting: 0, open };
        for batch in batches.iter().filter(|batch| batch.step != Step::Take) {
            for subject in queue.subjects_of(batch, true) {
                queue.open.entry((batch.step, subject)).or_default().batches += 1;
            }
        }
        for (at, batch) in batches.iter().enumerate() {
            queue.enter(at, batch);
        }
        queue
    }

    fn enter(&mut self, at: usize, batch: &PlannedBatch<'_>) {
        let earlier = [Step::Give, Step::Exchange].into_iter().filter(|step| *step < batch.step);
        let subjects = if batch.step == Step::Give { BTreeSet::new() } else { self.subjects_of(batch, false) };
        for step in earlier {
            for subject in &subjects {
                if let Some(pending) = self.open.get_mut(&(step, *subject)) {
                    pending.waiting.push(at);
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
        if batch.step == Step::Take || self.waiting == 0 {
            return false; // nothing waits for losses, and most often nothing at all
        }
        let ready = self.ready.len();
        for subject in self.subjects_of(batch, true) {
            let Some(pending) = self.open.get_mut(&(batch.step, subject)) else { continue };
            pending.batches -= 1;
            if pending.batches > 0 {
                continue;
            }
            for at in std::mem::take(&mut pending.waiting) {
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

    fn subjects_of(&self, batch: &PlannedBatch<'_>, gives: bool) -> BTreeSet<Subject> {
        batch.changes.iter().flat_map(|(_, _, change)| subjects(change, self.capabilities, gives)).collect()
    }
}
