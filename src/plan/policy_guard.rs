//! The guards that no manifest can loosen: what the caller's policy forbids, and the access that the running credential lives by.
//! They know the policy as bounds and patterns, not the file that it came from.

use std::collections::BTreeMap;

use crate::model::{DeniedGrant, Key, Mode};

use super::guard::{Guard, Refusal, describe, losing};
use super::planner::Input;
use super::{PlannedChange, SetPlan};

/// Runs them over a target's sets, selected or not.
pub(super) fn check(input: &Input<'_>, sets: &[SetPlan], refusals: &mut Vec<Refusal>) {
    check_own_access(input, sets, refusals);
    check_denied(input, sets, refusals);
    check_recreations(sets, refusals);
    check_expects(input, refusals);
}

/// Whoever takes its own access away cannot give it back, nor finish the run.
fn check_own_access(input: &Input<'_>, sets: &[SetPlan], refusals: &mut Vec<Refusal>) {
    let Some(own) = &input.target.own else { return };
    let hit = losing(sets).into_iter().filter(|(key, _)| own.matches(key));
    let keys: Vec<Key> = hit.map(|(key, _)| key).collect();
    if keys.is_empty() {
        return;
    }
    let message = format!(
        "the target's `self` ({}) would lose {} of its own assignments, and this run acts as it",
        describe(input, own),
        keys.len()
    );
    let allow = "declare them as they are, or let another credential make this change".to_owned();
    let at = own.origin.map(|origin| input.locate(origin));
    refusals.push(Refusal { guard: Guard::OwnAccess, set: None, message, allow, at, keys });
}

/// A denied key is given by a create, by a role change, and by dates that lengthen access.
fn check_denied(input: &Input<'_>, sets: &[SetPlan], refusals: &mut Vec<Refusal>) {
    let Some(policy) = input.policy.filter(|policy| !policy.deny_grants.is_empty()) else { return };
    for set in sets.iter().filter(|set| set.mode != Mode::Observe) {
        let mut denied: BTreeMap<usize, Vec<&PlannedChange>> = BTreeMap::new();
        for planned in set.changes.iter().filter(|planned| !planned.grants.is_empty()) {
            let by = policy.deny_grants.iter().position(|denied| denied.matches(&planned.change.key, input.ids));
            if let Some(by) = by {
                denied.entry(by).or_default().push(planned);
            }
        }
        for (by, changes) in denied {
            let pattern = &policy.deny_grants[by];
            let message = format!(
                "{} would be given what the policy gives to nobody ({})",
                if changes.len() == 1 { "1 assignment".to_owned() } else { format!("{} assignments", changes.len()) },
                denied_text(input, pattern)
            );
            let allow = format!(
                "take the declaration out; only a change of the policy ({}) allows it",
                input.locate(pattern.origin)
            );
            refusals.push(Refusal {
                guard: Guard::DeniedGrant,
                set: Some(set.name.clone()),
                message,
                allow,
                at: changes.first().map(|planned| planned.at.clone()),
                keys: changes.iter().map(|planned| planned.change.key).collect(),
            });
        }
    }
}

/// An additive set never removes, so it cannot carry out a route that removes first (DESIGN section 2). The route depends on the change
/// and the target alone, so the change is not sent in another way either.
fn check_recreations(sets: &[SetPlan], refusals: &mut Vec<Refusal>) {
    for set in sets.iter().filter(|set| set.mode == Mode::Additive) {
        let changes: Vec<&PlannedChange> = set.changes.iter().filter(|planned| planned.route.recreates()).collect();
        let Some(first) = changes.first() else { continue };
        let message = format!(
            "an additive set never removes, and {} would have to be removed and created again to clear a date",
            if changes.len() == 1 { "1 assignment".to_owned() } else { format!("{} assignments", changes.len()) },
        );
        let allow = "declare an end, leave the date undeclared, or make the set authoritative".to_owned();
        refusals.push(Refusal {
            guard: Guard::Recreate,
            set: Some(set.name.clone()),
            message,
            allow,
            at: Some(first.at.clone()),
            keys: changes.iter().map(|planned| planned.change.key).collect(),
        });
    }
}

fn denied_text(input: &Input<'_>, denied: &DeniedGrant) -> String {
    let parts = denied.parts.iter().enumerate();
    let name = |part| input.capabilities.part_names(part);
    let named = parts.filter_map(|(part, id)| id.as_ref().map(|id| format!("{} {}", name(part), id.as_str())));
    named.collect::<Vec<_>>().join(", ")
}

/// An `expect` is a reviewed exception; the policy bounds what a review can let through. One that has ended counts for nothing.
fn check_expects(input: &Input<'_>, refusals: &mut Vec<Refusal>) {
    let Some(policy) = input.policy else { return };
    for set in input.sets.iter().filter(|set| set.mode != Mode::Observe) {
        let Some(expect) = &set.set.expect else { continue };
        if expect.until.is_some_and(|until| until <= input.now) {
            continue;
        }
        let bounds = [
            ("removes", "losses", expect.removes, policy.max_expect.removes),
            ("updates", "updates", expect.updates, policy.max_expect.updates),
        ];
        for (field, what, asked, most) in bounds {
            let (Some(asked), Some(most)) = (asked, most) else { continue };
            if asked <= most {
                continue;
            }
            refusals.push(Refusal {
                guard: Guard::ExpectTooHigh,
                set: Some(set.set.name.clone()),
                message: format!("the set expects up to {asked} {what}; the policy lets an `expect` allow {most}"),
                allow: format!(
                    "expect: {{ {field}: {most} }}, and the rest in further changes; or a change of the policy"
                ),
                at: Some(input.locate(expect.origin)),
                keys: Vec::new(),
            });
        }
    }
}
