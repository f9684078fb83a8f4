//! Live rows that cannot be used: each is left out, named, and makes the listing that it may belong to unproven. None stops its target.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::refusal::clean;
use crate::model::{Key, PartScope, Scope, Snapshot, Sym};

/// The largest row that is decoded: 1 MiB. A decoded row takes several times its text, and no assignment is so large.
pub(super) const MAX_ROW: usize = 1024 * 1024;

/// The most rows that a message names.
const NAMED: usize = 3;

/// The most characters of one reason.
const REASON_CHARS: usize = 240;

/// Where a row may belong: the parts of its key that are known; none for "anywhere".
type Area = Vec<(usize, Sym)>;

/// The rows that are left out of one reading.
#[derive(Debug, Default)]
pub(super) struct OddRows(BTreeMap<Area, Group>);

#[derive(Debug, Default)]
struct Group {
    count: u64,
    reasons: Vec<String>,
    keys: Vec<Key>,
}

impl OddRows {
    /// Leaves a row out. `area` holds the parts of its key that sets have scopes over, as far as they are known; `key` is the whole
    /// key. `why` names the row.
    pub(super) fn add(&mut self, area: Area, key: Option<Key>, why: &str) {
        let group = self.0.entry(area).or_default();
        group.count += 1;
        group.keys.extend(key);
        if group.reasons.len() < NAMED {
            group.reasons.push(clean(why).chars().take(REASON_CHARS).collect());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the row of a key is among them.
    pub(super) fn holds(&self, key: &Key) -> bool {
        self.0.values().any(|group| group.keys.contains(key))
    }

    /// Takes the rows of another part of the same reading.
    pub(super) fn extend(&mut self, other: OddRows) {
        for (area, theirs) in other.0 {
            let ours = self.0.entry(area).or_default();
            ours.count += theirs.count;
            ours.keys.extend(theirs.keys);
            ours.reasons.extend(theirs.reasons);
            ours.reasons.truncate(NAMED);
        }
    }

    /// Tells the snapshot of them.
    pub(super) fn tell(self, snapshot: &mut Snapshot) {
        for (area, group) in self.0 {
            let mut scope = Scope::default();
            for (part, sym) in area {
                scope.parts[part] = PartScope::In([sym].into());
            }
            let more = group.count.saturating_sub(group.reasons.len() as u64);
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            let rows =
                if group.count == 1 { "1 live row is".to_owned() } else { format!("{} live rows are", group.count) };
            let why = format!("{rows} left out because it cannot be used: {}{more}", group.reasons.join("; "));
            let why = if group.count == 1 { why } else { why.replace("because it cannot", "because they cannot") };
            snapshot.leave_out(scope, group.keys, why);
        }
    }
}

/// A row as a tree, for what it can still tell of itself. `None` where it is no object or too large to be looked at.
pub(super) fn glance(raw: &RawValue) -> Option<serde_json::Value> {
    if raw.get().len() > MAX_ROW {
        return None;
    }
    serde_json::from_str(raw.get()).ok().filter(serde_json::Value::is_object)
}

/// Why a row is too large to be decoded.
pub(super) fn too_large(raw: &RawValue) -> Option<String> {
    let bytes = raw.get().len();
    (bytes > MAX_ROW).then(|| format!("has {bytes} bytes, and {MAX_ROW} are the most that are read of a row"))
}
