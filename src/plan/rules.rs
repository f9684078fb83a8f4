//! Rules that protect or deny nothing: an id in them is misspelt more often than meant.

use std::collections::BTreeSet;

use crate::model::{Coverage, DeniedGrant, Key, Origin, Pattern, Protect, Scope, Snapshot, Sym, closest};

use super::Warning;
use super::guard::describe;
use super::planner::Input;
use super::policy_guard::denied_text;

/// So many rules are looked at for the nearest id: that reads all ids of the account.
const SUGGESTED: usize = 20;

/// Warnings of rules that match nothing live and nothing declared, each with the set that shows it. A rule that another account may need
/// (a policy's), or whose place was not read, is only told where an id of nearly its spelling is there.
pub(super) fn unmatched(input: &Input<'_>, snapshot: &Snapshot) -> Vec<(usize, Warning)> {
    let Some(first) = input.sets.iter().position(|set| set.selected) else { return Vec::new() };
    if input.sets.iter().any(|set| !set.selected) {
        return Vec::new(); // what was read may be a part
    }
    let mut rules = Rules { input, snapshot, left: SUGGESTED, told: Vec::new() };
    for (index, set) in input.sets.iter().enumerate() {
        set.set.protect.iter().for_each(|protect| rules.protect(index, "`protect`", protect, false));
    }
    if let Some(own) = &input.target.own {
        rules.protect(first, "`self`", own, false);
    }
    if let Some(policy) = input.policy {
        policy.protect.iter().for_each(|protect| rules.protect(first, "the policy's `protect`", protect, true));
        policy.deny_grants.iter().for_each(|denied| rules.denied(first, denied));
    }
    rules.told
}

struct Rules<'a> {
    input: &'a Input<'a>,
    snapshot: &'a Snapshot,
    left: usize,
    told: Vec<(usize, Warning)>,
}

impl<'a> Rules<'a> {
    /// Every key that is live or declared.
    fn keys(&self) -> impl Iterator<Item = &'a Key> + use<'a> {
        let declared = self.input.sets.iter().flat_map(|set| &set.set.rows).map(|row| &row.key);
        self.snapshot.rows.iter().map(|row| &row.key).chain(declared)
    }

    fn protect(&mut self, set: usize, which: &str, protect: &Protect, only_near: bool) {
        let names = protect.parts.iter().flatten().any(|part| part.is_name());
        if names || self.keys().any(|key| protect.matches(key, self.input.ids)) {
            return;
        }
        let ids = self.input.ids;
        let near = self.nearest(|part| protect.parts[part].map(|id| ids.text(id).to_owned()));
        let is_read = self.snapshot.coverage.iter().any(|coverage| covers(coverage, &protect.scope()));
        if near.is_some() || (is_read && !only_near) {
            let message =
                format!("{which} ({}) matches nothing live and nothing declared", describe(self.input, protect));
            self.tell(set, message, near, protect.origin);
        }
    }

    fn denied(&mut self, set: usize, denied: &DeniedGrant) {
        if self.keys().any(|key| denied.matches(key, self.input.ids)) {
            return;
        }
        let exact = |pattern: &Pattern| pattern.is_exact().then(|| pattern.as_str().to_owned());
        let near = self.nearest(|part| denied.parts()[part].as_ref().and_then(exact));
        if near.is_some() {
            let what = denied_text(self.input, denied);
            let message = format!("the policy's `deny_grants` ({what}) matches nothing live and nothing declared");
            self.tell(set, message, near, Some(denied.origin));
        }
    }

    /// The nearest id that is there, for the first id of a rule that is not.
    fn nearest(&mut self, wanted: impl Fn(usize) -> Option<String>) -> Option<String> {
        self.left = self.left.checked_sub(1)?;
        let ids = self.input.ids;
        (0..self.input.capabilities.key_fields.len()).find_map(|part| {
            let wanted = wanted(part)?;
            let there: BTreeSet<Sym> = self.keys().map(|key| key.part(part)).filter(|id| !id.is_name()).collect();
            let texts = || there.iter().map(|id| ids.text(*id)).filter(|text| !text.is_empty());
            if texts().any(|text| crate::model::alike(text, &wanted)) {
                return None;
            }
            // In the order of the texts, so that the same input gives the same plan.
            let sorted: BTreeSet<&str> = texts().collect();
            closest(&wanted, sorted).map(str::to_owned)
        })
    }

    fn tell(&mut self, set: usize, message: String, near: Option<String>, at: Option<Origin>) {
        let hint = near.map_or_else(|| "check its spelling".to_owned(), |near| format!("did you mean {near:?}?"));
        let message = format!("{message}; {hint}");
        let at = at.unwrap_or(self.input.sets[set].set.origin);
        self.told.push((set, Warning { code: "unmatched-rule".to_owned(), message, at: self.input.locate(at) }));
    }
}

/// Whether a listing that is proven complete holds all rows of a place.
fn covers(coverage: &Coverage, scope: &Scope) -> bool {
    use crate::model::PartScope::{Any, In};
    let wider = |listed: &crate::model::PartScope, wanted: &crate::model::PartScope| match (listed, wanted) {
        (Any, _) => true,
        (In(_), Any) => false,
        (In(listed), In(wanted)) => wanted.is_subset(listed),
    };
    coverage.gap.is_none()
        && coverage.scope.parts.iter().zip(&scope.parts).all(|(listed, wanted)| wider(listed, wanted))
}
