//! Role changes: one removal and one create of the same slot become one update, which keeps the assignment's id and leaves no gap
//! in access (DESIGN section 4: prefer the smallest effect).

use std::collections::HashMap;

use crate::model::{Action, Capabilities, Change, Fields, Instant, Key, Live, Pairing, Sym, Value};

use super::compare::{differing_fields, instant, with_field};

/// Of the creates and removals given by their keys, the pairs (create, removal) that are alone in their slot on both sides.
pub(super) fn pairs(pairing: &Pairing, creates: &[Key], removals: &[Key]) -> Vec<(usize, usize)> {
    #[derive(Default)]
    struct Slot {
        creates: Vec<usize>,
        removals: Vec<usize>,
    }
    let slot_of = |key: &Key| -> Vec<Sym> { pairing.slot.iter().map(|part| key.part(*part)).collect() };
    let mut slots: HashMap<Vec<Sym>, Slot> = HashMap::new();
    for (index, key) in removals.iter().enumerate() {
        slots.entry(slot_of(key)).or_default().removals.push(index);
    }
    for (index, key) in creates.iter().enumerate() {
        if let Some(slot) = slots.get_mut(&slot_of(key)) {
            slot.creates.push(index);
        }
    }
    let mut found: Vec<(usize, usize)> = slots
        .into_values()
        .filter_map(|slot| match (slot.creates.as_slice(), slot.removals.as_slice()) {
            ([create], [removal]) => Some((*create, *removal)),
            _ => None,
        })
        .collect();
    found.sort_unstable();
    found
}

/// The update that replaces `live` by a declaration of `key`. Dates that are not declared end as a create would leave them: no end, and
/// a start that is not in the future.
pub(super) fn replace(key: Key, desired: &Fields, live: Live, capabilities: &Capabilities, now: Instant) -> Change {
    let mut desired = desired.clone();
    if let Some(window) = capabilities.window {
        if desired.get(window.to).is_none() && instant(&live.fields, window.to).is_some() {
            desired = with_field(&desired, window.to, Value::Null);
        }
        if desired.get(window.from).is_none() && instant(&live.fields, window.from).is_some_and(|from| from > now) {
            desired = with_field(&desired, window.from, Value::Null);
        }
    }
    let differs = differing_fields(&desired, &live.fields);
    Change { action: Action::Update, key, from_key: Some(live.key), live: Some(live), desired, differs }
}
