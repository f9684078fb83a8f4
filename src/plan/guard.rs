//! Guards: plans that take away or change too much, lock someone out, or could only be carried out by guessing are refused before the
//! first write (DESIGN section 5). They judge whole targets, before narrowing, and name the one line or flag that would allow the plan.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::diag::Location;
use crate::model::{Action, Key, Mode, Protect, Snapshot, Sym, Value};

use super::compare::instant;
use super::planner::Input;
use super::{PlannedChange, SetPlan, Warning, policy_guard};

/// When a plan takes away or changes too much. A plan is refused when it is over the share *and* over the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Thresholds {
    /// Losses, in percent of what is live in scope.
    pub loss_percent: u64,
    /// Losses, as a number.
    pub loss_count: u64,
    /// Updates, in percent of what is live in scope.
    pub update_percent: u64,
    /// Updates, as a number.
    pub update_count: u64,
}

impl Default for Thresholds {
    /// 30 % and 10 (DESIGN section 5): a team's ordinary reorganisation passes, a wrong file or a wrong account does not.
    fn default() -> Self {
        Self { loss_percent: 30, loss_count: 10, update_percent: 30, update_count: 10 }
    }
}

/// Which guard refused.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// Too many losses.
    Losses,
    /// Too many updates.
    Updates,
    /// Nothing would be left in an authoritative scope.
    EmptyScope,
    /// A protected row would be lost.
    Protect,
    /// Too few holders would be left.
    MinHolders,
    /// A masked value would have to be sent.
    MaskedValue,
    /// Somebody would be given what the policy gives to nobody.
    DeniedGrant,
    /// The credential that does the work would lose rows that it lives by.
    OwnAccess,
    /// An `expect` allows more than the policy lets it.
    ExpectTooHigh,
    /// A set that never removes would have to remove an assignment to create it again.
    Recreate,
}

/// A refusal: nothing of its target is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which guard.
    pub guard: Guard,
    /// The set concerned; `None`: the target as a whole.
    pub set: Option<String>,
    /// What was seen, and the limit.
    pub message: String,
    /// The one line or flag that would allow it.
    pub allow: String,
    /// The line to look at.
    pub at: Option<Location>,
    /// The keys of the changes concerned, in the order of the plan.
    pub keys: Vec<Key>,
}

/// How many live rows are over a limit.
fn exceeds(count: u64, live: u64, percent: u64, floor: u64) -> bool {
    count > floor && count.saturating_mul(100) > live.saturating_mul(percent)
}

/// Runs all guards over a target's sets; adds notes about `expect` to the sets.
pub(super) fn check(input: &Input<'_>, sets: &mut [SetPlan], holders: &Holders) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mut unexpected = Totals::default();
    for (index, set) in sets.iter_mut().enumerate() {
        if set.mode == Mode::Observe {
            continue;
        }
        let totals = Totals::of(set);
        let expected = check_set(input, index, set, &totals, &mut refusals);
        unexpected.live += totals.live;
        if !expected.losses {
            unexpected.losses.extend(&totals.losses);
        }
        if !expected.updates {
            unexpected.updates.extend(&totals.updates);
        }
        check_masked(input, set, &mut refusals);
    }
    check_target(input, &unexpected, &mut refusals);
    check_protect(input, sets, holders, &mut refusals);
    policy_guard::check(input, sets, &mut refusals);
    refusals.sort_by(|a, b| (&a.set, a.guard, &a.message).cmp(&(&b.set, b.guard, &b.message)));
    refusals
}

/// What a set's plan loses and updates.
#[derive(Default)]
struct Totals {
    live: u64,
    losses: Vec<Key>,
    updates: Vec<Key>,
}

impl Totals {
    fn of(set: &SetPlan) -> Self {
        let keys = |wanted: fn(&PlannedChange) -> bool| -> Vec<Key> {
            set.changes.iter().filter(|planned| wanted(planned)).map(|planned| planned.change.key).collect()
        };
        let mut losses = keys(|planned| !planned.losses.is_empty() && planned.taken_from.is_none());
        losses.extend(&set.moved_away);
        Self { live: set.live, losses, updates: keys(|planned| planned.action() == Action::Update) }
    }

    fn losses(&self) -> u64 {
        count(self.losses.len())
    }

    fn updates(&self) -> u64 {
        count(self.updates.len())
    }
}

/// Which of a set's thresholds an `expect` in force has replaced.
struct Expected {
    losses: bool,
    updates: bool,
}

fn check_set(
    input: &Input<'_>,
    index: usize,
    set: &mut SetPlan,
    totals: &Totals,
    refusals: &mut Vec<Refusal>,
) -> Expected {
    let expect = input.sets[index].set.expect.as_ref().filter(|expect| {
        let over = expect.until.is_some_and(|until| until <= input.now);
        if over {
            let message =
                "this expect has ended and is ignored; delete it, or move `until` after a new review".to_owned();
            set.warnings.push(Warning { code: "expect-ended".to_owned(), message, at: input.locate(expect.origin) });
        }
        !over
    });
    let limits = &input.thresholds;
    let mut refuse = |guard, message: String, allow: String, keys: &[Key]| {
        let at = Some(expect.map_or_else(|| set.at.clone(), |expect| input.locate(expect.origin)));
        refusals.push(Refusal { guard, set: Some(set.name.clone()), message, allow, at, keys: keys.to_vec() });
    };
    let (losses, updates, live) = (totals.losses(), totals.updates(), totals.live);
    let expected_losses = expect.and_then(|expect| expect.removes);
    let expected_updates = expect.and_then(|expect| expect.updates);
    let allow_losses = format!("expect: {{ removes: {losses} }}");
    let emptied = losses > 0
        && losses == live
        && set.counts.unchanged + set.counts.create == 0
        && set.changes.iter().all(|planned| planned.action() == Action::Remove);
    match expected_losses {
        Some(allowed) if losses > allowed => {
            refuse(
                Guard::Losses,
                format!("{losses} losses are planned; the set expects at most {allowed}"),
                allow_losses,
                &totals.losses,
            );
        }
        Some(_) => {}
        None if emptied => {
            refuse(
                Guard::EmptyScope,
                format!("all {live} live assignments in scope would go"),
                allow_losses,
                &totals.losses,
            );
        }
        None if exceeds(losses, live, limits.loss_percent, limits.loss_count) => {
            let limit = limit_text(limits.loss_percent, limits.loss_count);
            refuse(
                Guard::Losses,
                format!("{losses} losses among {live} live in scope; the limit is {limit}"),
                allow_losses,
                &totals.losses,
            );
        }
        None => {}
    }
    let allow_updates = format!("expect: {{ updates: {updates} }}");
    match expected_updates {
        Some(allowed) if updates > allowed => {
            refuse(
                Guard::Updates,
                format!("{updates} updates are planned; the set expects at most {allowed}"),
                allow_updates,
                &totals.updates,
            );
        }
        None if exceeds(updates, live, limits.update_percent, limits.update_count) => {
            let limit = limit_text(limits.update_percent, limits.update_count);
            refuse(
                Guard::Updates,
                format!("{updates} updates among {live} live in scope; the limit is {limit}"),
                allow_updates,
                &totals.updates,
            );
        }
        _ => {}
    }
    if let Some(expect) = expect {
        note_fewer(input, set, expect, losses, updates);
    }
    Expected { losses: expected_losses.is_some(), updates: expected_updates.is_some() }
}

/// Fewer than expected is fine: a repeat after a partial apply must go through. It is worth a line.
fn note_fewer(input: &Input<'_>, set: &mut SetPlan, expect: &crate::model::Expect, losses: u64, updates: u64) {
    let mut note = |what: &str, allowed: Option<u64>, seen: u64| {
        if let Some(allowed) = allowed.filter(|allowed| seen < *allowed) {
            let message =
                format!("expects up to {allowed} {what}, {seen} planned; delete the expect once the change is done");
            set.warnings.push(Warning { code: "expect-unused".to_owned(), message, at: input.locate(expect.origin) });
        }
    };
    note("losses", expect.removes, losses);
    note("updates", expect.updates, updates);
}

fn limit_text(percent: u64, floor: u64) -> String {
    format!("{percent} % and more than {floor}")
}

fn check_target(input: &Input<'_>, totals: &Totals, refusals: &mut Vec<Refusal>) {
    let limits = &input.thresholds;
    let bounded = input.policy.is_some();
    let mut refuse = |guard, what: &str, keys: &[Key], percent, floor, flag: &str| {
        let seen = count(keys.len());
        // One set's refusal already says it.
        let told = |refusal: &Refusal| {
            refusal.guard == guard || (guard == Guard::Losses && refusal.guard == Guard::EmptyScope)
        };
        if refusals.iter().any(told) || !exceeds(seen, totals.live, percent, floor) {
            return;
        }
        let limit = limit_text(percent, floor);
        let message =
            format!("{seen} {what} over all sets, among {} live in their scopes; the limit is {limit}", totals.live);
        let allow = format!("an `expect` in the sets concerned, or {flag}");
        let allow = if bounded { allow + " (up to what the policy allows)" } else { allow };
        refusals.push(Refusal { guard, set: None, message, allow, at: None, keys: keys.to_vec() });
    };
    refuse(Guard::Losses, "losses", &totals.losses, limits.loss_percent, limits.loss_count, "--max-loss-percent");
    refuse(
        Guard::Updates,
        "updates",
        &totals.updates,
        limits.update_percent,
        limits.update_count,
        "--max-update-percent",
    );
}

/// A field that is sent whole together with masked values cannot be sent while those are not declared (apis/semaphor.md: `***` is never sent back).
fn check_masked(input: &Input<'_>, set: &SetPlan, refusals: &mut Vec<Refusal>) {
    let mut missing: BTreeMap<Vec<&str>, Vec<&PlannedChange>> = BTreeMap::new();
    for planned in set.changes.iter().filter(|planned| planned.action() == Action::Update) {
        let unknown = masked_keys(input, planned);
        if !unknown.is_empty() {
            missing.entry(unknown).or_default().push(planned);
        }
    }
    for (keys, changes) in missing {
        let names = keys.join(", ");
        let message = format!("the live value of {names} is masked and would have to be sent along");
        let allow = format!("secret_params: {{ {}: {{ env: NAME }} }}", keys.first().copied().unwrap_or_default());
        refusals.push(Refusal {
            guard: Guard::MaskedValue,
            set: Some(set.name.clone()),
            message,
            allow,
            at: changes.first().map(|planned| planned.at.clone()),
            keys: changes.iter().map(|planned| planned.change.key).collect(),
        });
    }
}

/// Masked live keys that an update would have to send without knowing their values.
fn masked_keys<'a>(input: &Input<'_>, planned: &'a PlannedChange) -> Vec<&'a str> {
    let change = &planned.change;
    let Some(live) = &change.live else { return Vec::new() };
    let mut unknown = Vec::new();
    for field in input.capabilities.fields {
        let Some(partner) = field.sent_with else { continue };
        let Some(Value::Masked(masked)) = live.fields.get(partner) else { continue };
        let sent = change.differs.contains(&field.name) || change.differs.contains(&partner);
        if !sent {
            continue;
        }
        let literal = |key: &str| matches!(change.desired.get(field.name), Some(Value::Json(map)) if map.tree().get(key).is_some());
        let undeclared = change.desired.get(partner).is_none();
        unknown.extend(masked.iter().map(AsRef::as_ref).filter(|key| undeclared || literal(key)));
    }
    unknown.sort_unstable();
    unknown.dedup();
    unknown
}

/// Who holds what now: for each protected pattern with `min_holders`, the distinct holders with a direct row effective now.
pub(super) struct Holders {
    counts: HashMap<usize, HashMap<Sym, u64>>,
}

impl Holders {
    /// Counts on the whole target, before planning.
    pub(super) fn count(input: &Input<'_>, snapshot: &Snapshot) -> Self {
        let mut counts: HashMap<usize, HashMap<Sym, u64>> = HashMap::new();
        let Some(holder) = input.capabilities.holder else { return Self { counts } };
        for (index, (_, protect)) in protections(input).enumerate().filter(|(_, (_, p))| p.min_holders.is_some()) {
            let held = counts.entry(index).or_default();
            for live in snapshot.rows.iter().filter(|live| protect.matches(&live.key)) {
                if effective(input, &live.fields) {
                    *held.entry(live.key.part(holder)).or_default() += 1;
                }
            }
        }
        Self { counts }
    }
}

/// Every protection of the target with the set that asks for it; the policy's come last, and belong to no set.
fn protections<'a>(input: &Input<'a>) -> impl Iterator<Item = (Option<&'a str>, &'a Protect)> {
    let of_set = |input: &super::SetInput<'a>| {
        let set = input.set;
        set.protect.iter().map(|protect| (Some(set.name.as_str()), protect))
    };
    let of_policy = input.policy.into_iter().flat_map(|policy| policy.protect.iter().map(|protect| (None, protect)));
    input.sets.iter().flat_map(of_set).chain(of_policy)
}

fn effective(input: &Input<'_>, fields: &crate::model::Fields) -> bool {
    let Some(window) = input.capabilities.window else { return true };
    let started = instant(fields, window.from).is_none_or(|from| from <= input.now);
    started && instant(fields, window.to).is_none_or(|to| to > input.now)
}

/// Every change that takes something away, with the live key that loses.
pub(super) fn losing(sets: &[SetPlan]) -> Vec<(Key, &PlannedChange)> {
    let acting = sets.iter().filter(|set| set.mode != Mode::Observe).flat_map(|set| &set.changes);
    let losing = acting.filter(|planned| !planned.losses.is_empty());
    losing.map(|planned| (planned.change.from_key.unwrap_or(planned.change.key), planned)).collect()
}

/// No loss of a protected row, `expect` or not. Holders are counted as they are now: a grant of the same plan does not make up for a
/// loss, since it may still fail.
fn check_protect(input: &Input<'_>, sets: &[SetPlan], holders: &Holders, refusals: &mut Vec<Refusal>) {
    let losing = losing(sets);
    for (index, (set, protect)) in protections(input).enumerate() {
        let hit: Vec<&(Key, &PlannedChange)> = losing.iter().filter(|(key, _)| protect.matches(key)).collect();
        if hit.is_empty() {
            continue;
        }
        let keys: Vec<Key> = hit.iter().map(|(key, _)| *key).collect();
        let what = describe(input, protect);
        let (guard, message, allow) = match protect.min_holders {
            None => {
                let message = format!("{} of the protected assignments ({what}) would be lost", keys.len());
                let allow = match set {
                    Some(_) => "declare them, or take the `protect` out in a reviewed change of its own",
                    None => "declare them: the policy protects them, and only a change of the policy allows this",
                };
                (Guard::Protect, message, allow.to_owned())
            }
            Some(min) => match lowered(input, holders.counts.get(&index), &hit, min) {
                None => continue,
                Some((before, after)) => {
                    let message =
                        format!("holders of {what}: {before} now, {after} after this plan; at least {min} must stay");
                    let last = if set.is_some() { "or lower" } else { "the policy asks for" };
                    let allow =
                        format!("apply the new grants first, then the losses in a second change; {last} `min_holders`");
                    (Guard::MinHolders, message, allow)
                }
            },
        };
        let at = protect.origin.map(|origin| input.locate(origin));
        refusals.push(Refusal { guard, set: set.map(str::to_owned), message, allow, at, keys });
    }
}

/// Holders before and after the losses, where they fall below the minimum.
fn lowered(
    input: &Input<'_>,
    held: Option<&HashMap<Sym, u64>>,
    hit: &[&(Key, &PlannedChange)],
    min: u64,
) -> Option<(u64, u64)> {
    let (held, holder) = (held?, input.capabilities.holder?);
    let mut left = held.clone();
    for (key, planned) in hit {
        let was_effective = planned.change.live.as_ref().is_some_and(|live| effective(input, &live.fields));
        let stays = planned.change.from_key.is_none()
            && planned.action() == Action::Update
            && !planned.route.recreates()
            && stays_effective(input, planned);
        if was_effective
            && !stays
            && let Some(rows) = left.get_mut(&key.part(holder))
        {
            *rows = rows.saturating_sub(1);
        }
    }
    let after: HashSet<Sym> = left.into_iter().filter(|(_, rows)| *rows > 0).map(|(sym, _)| sym).collect();
    let (before, after) = (count(held.len()), count(after.len()));
    (after < before && after < min).then_some((before, after))
}

/// Whether an assignment whose dates change is still effective right after the change.
fn stays_effective(input: &Input<'_>, planned: &PlannedChange) -> bool {
    let Some(live) = &planned.change.live else { return false };
    let pick = |name: &'static str| {
        let fields = if planned.change.differs.contains(&name) { &planned.change.desired } else { &live.fields };
        (name, fields.get(name).cloned().unwrap_or(Value::Null))
    };
    let Some(window) = input.capabilities.window else { return true };
    effective(input, &crate::model::Fields::new(vec![pick(window.from), pick(window.to)]))
}

pub(super) fn describe(input: &Input<'_>, protect: &Protect) -> String {
    let parts = protect.parts.iter().enumerate();
    let name = |part| input.capabilities.part_names(part);
    let named = parts.filter_map(|(part, id)| id.map(|id| format!("{} {}", name(part), input.ids.text(id))));
    named.collect::<Vec<_>>().join(", ")
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
