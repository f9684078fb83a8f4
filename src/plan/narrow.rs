//! A new plan held against a saved one: what both say is kept, and the rest is held, each with the reason.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value as Json;

use super::saved::{SavedChange, SavedSet, SavedTarget, saved_change};
use super::{Counts, PlannedChange, SetPlan, TargetPlan, batches};
use crate::model::{Action, Capabilities, Ids, Instant, Key, MASKED, Mode};

/// A change that is not carried out because of the saved plan, with what to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The set.
    pub set: String,
    /// The action that was approved, or that is new.
    pub action: Action,
    /// The key after the change.
    pub key: Key,
    /// The live row's key where a key part would be replaced.
    pub from_key: Option<Key>,
    /// Why it is held.
    pub why: HeldWhy,
}

/// Why a change is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldWhy {
    /// Approved, and so meanwhile without us.
    Already,
    /// Approved, but the live object is not the one that was reviewed. Holds what changed, as a sentence.
    Moved(String),
    /// Needed now, and never reviewed.
    New,
    /// Approved, and the target could not be read, so nothing is known.
    Unread,
}

impl HeldWhy {
    /// Whether it makes the plan stale.
    pub fn is_stale(&self) -> bool {
        matches!(self, HeldWhy::Moved(_) | HeldWhy::New)
    }

    /// What to say.
    pub fn text(&self) -> &str {
        match self {
            HeldWhy::Already => "so already, without this run",
            HeldWhy::Moved(what) => what,
            HeldWhy::New => "not in the approved plan",
            HeldWhy::Unread => "the target could not be read",
        }
    }
}

fn key_of(ids: &Ids, capabilities: &Capabilities, named: &BTreeMap<String, String>) -> Key {
    let part =
        |name: &str| capabilities.written_key_part(name).map(|(part, _)| part).or_else(|| capabilities.key_part(name));
    let parts = named.iter().filter_map(|(name, text)| Some((part(name)?, ids.sym(text))));
    parts.fold(Key::default(), |key, (part, sym)| key.with(part, sym))
}

/// Narrows one target to what was saved of it; without a saved one, nothing of it is carried out.
pub(super) fn target(ids: &Ids, now: Instant, target: &mut TargetPlan, saved: Option<&SavedTarget>) {
    if target.unreadable.is_some() {
        target.held = saved.map(|saved| unread(ids, target.capabilities, saved)).unwrap_or_default();
        return;
    }
    let mut held = Vec::new();
    let incomplete = target.evidence.iter().any(|evidence| evidence.gap.is_some());
    let narrowing = Narrowing { ids, now, capabilities: target.capabilities, incomplete };
    for set in &mut target.sets {
        match saved.and_then(|saved| saved.sets.iter().find(|saved| saved.name == set.name)) {
            Some(saved) => held.extend(narrowing.set(set, saved)),
            None => set.selected = false,
        }
    }
    target.held = held;
    target.write_requests = batches::requests(target);
}

/// Every approved change of a target that could not be read.
fn unread(ids: &Ids, capabilities: &Capabilities, saved: &SavedTarget) -> Vec<Held> {
    let held = |set: &SavedSet, change: &SavedChange| Held {
        set: set.name.clone(),
        action: change.action,
        key: key_of(ids, capabilities, &change.key),
        from_key: change.from_key.as_ref().map(|key| key_of(ids, capabilities, key)),
        why: HeldWhy::Unread,
    };
    saved.sets.iter().flat_map(|set| set.changes.iter().map(move |change| held(set, change))).collect()
}

/// What narrowing a set needs to know of its target.
struct Narrowing<'a> {
    ids: &'a Ids,
    now: Instant,
    capabilities: &'a Capabilities,
    /// Some listing of the target is not proven whole, so that an unseen row proves nothing.
    incomplete: bool,
}

impl Narrowing<'_> {
    /// Keeps the approved changes of a set; gives the others.
    fn set(&self, set: &mut SetPlan, saved: &SavedSet) -> Vec<Held> {
        let key_of = |named| key_of(self.ids, self.capabilities, named);
        let mut approved: HashMap<(Action, Key, Option<Key>), &SavedChange> = HashMap::new();
        for change in &saved.changes {
            approved.insert((change.action, key_of(&change.key), change.from_key.as_ref().map(key_of)), change);
        }
        let mut held = Vec::new();
        let mut kept = Vec::new();
        let mut seen: HashSet<Key> = set.unmanaged.iter().map(|row| row.key).collect();
        for planned in std::mem::take(&mut set.changes) {
            let change = &planned.change;
            let id = (change.action, change.key, change.from_key);
            seen.extend([Some(change.key), change.from_key].into_iter().flatten());
            let why = match approved.remove(&id) {
                None => Some(HeldWhy::New),
                Some(saved) => moved(self.ids, self.capabilities, &planned, saved),
            };
            match why {
                None => kept.push(planned),
                Some(why) => held.push(Held { set: set.name.clone(), action: id.0, key: id.1, from_key: id.2, why }),
            }
        }
        let mut gone: Vec<Held> = approved
            .into_iter()
            .map(|((action, key, from_key), saved)| {
                let contested = seen.contains(&key) || from_key.is_some_and(|from| seen.contains(&from));
                Held { set: set.name.clone(), action, key, from_key, why: self.not_planned(saved, contested) }
            })
            .collect();
        let ranks = self.ids.ranks();
        gone.sort_by_cached_key(|held| (ranks.of(&held.key), held.action));
        held.extend(gone);
        set.changes = kept;
        set.counts = recount(set);
        held
    }

    /// Approved, and not planned any more: satisfied, unless the new plan still has something to say about the same rows, or cannot tell.
    fn not_planned(&self, saved: &SavedChange, contested: bool) -> HeldWhy {
        let moved = |why: &str| HeldWhy::Moved(why.to_owned());
        let end =
            self.capabilities.window.and_then(|window| saved.after.get(window.to)?.as_str().and_then(Instant::parse));
        if contested {
            moved("the live state moved: this change is no longer the one that is needed")
        } else if saved.action == Action::Remove && self.incomplete {
            moved("the row was not seen, and the listing is not proven complete")
        } else if saved.action == Action::Create && end.is_some_and(|end| end <= self.now) {
            moved("its declared end has passed since the review, so it is not created")
        } else {
            HeldWhy::Already
        }
    }
}

fn moved(ids: &Ids, capabilities: &Capabilities, planned: &PlannedChange, saved: &SavedChange) -> Option<HeldWhy> {
    let now = saved_change(ids, capabilities, planned);
    if now.route != saved.route {
        return Some(HeldWhy::Moved(format!(
            "it would now be sent as {}, and {} was reviewed",
            now.route, saved.route
        )));
    }
    if now.after_digest != saved.after_digest {
        return Some(HeldWhy::Moved("it would now leave other values than those that were reviewed".to_owned()));
    }
    let changed: Vec<String> = saved
        .before
        .iter()
        .filter(|(name, was)| !shown_same(was, now.before.get(*name).unwrap_or(&Json::Null)))
        .map(|(name, was)| format!("{name} was {was}, is {}", now.before.get(name).unwrap_or(&Json::Null)))
        .collect();
    if now.precondition == saved.precondition && changed.is_empty() {
        return None;
    }
    let what = if changed.is_empty() { "it was changed or made anew".to_owned() } else { changed.join("; ") };
    Some(HeldWhy::Moved(format!("the live object is not the one that was reviewed: {what}")))
}

/// Whether a shown value is the reviewed one. A plan that was compared with a base may have masked more than an apply knows to mask.
fn shown_same(reviewed: &Json, now: &Json) -> bool {
    match (reviewed, now) {
        (Json::Object(reviewed), Json::Object(now)) => {
            let same =
                |(key, was): (&String, &Json)| now.get(key).is_some_and(|is| was == MASKED || shown_same(was, is));
            reviewed.len() == now.len() && reviewed.iter().all(same)
        }
        _ => reviewed == now,
    }
}

fn recount(set: &SetPlan) -> Counts {
    let of = |action| u64::try_from(set.changes.iter().filter(|c| c.action() == action).count()).unwrap_or(u64::MAX);
    match set.mode {
        Mode::Observe => set.counts,
        _ => {
            Counts { create: of(Action::Create), update: of(Action::Update), remove: of(Action::Remove), ..set.counts }
        }
    }
}
