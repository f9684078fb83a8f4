//! Guards: plans that take away or change too much, lock someone out, or could only be carried out by guessing are refused before the
//! first write (DESIGN section 5). Thresholds judge what is planned; `protect` and `min_holders` hold for the whole target. Every
//! refusal names the change that the policy in force allows.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diag::Location;
use crate::model::{
    Action, Ceilings, DeniedGrant, Expect, Ids, Instant, Key, Live, MaxExpect, Mode, Protect, Snapshot, Sym, Value,
    WindowState, proposed_until,
};

use super::planner::Input;
use super::window::{Difference, View};
use super::{PlannedChange, SetPlan, Warning, policy_guard};

/// Losses in percent of the assignments in scope that give access: a third is more than a team's ordinary reorganisation takes.
/// `--max-loss-percent`, `thresholds.max_loss_percent`.
const LOSS_PERCENT: u64 = 30;

/// Losses that are never too many by their share: one leaver of a small team is a third of it. `--max-loss-count`,
/// `thresholds.max_loss_count`.
const LOSS_COUNT: u64 = 3;

/// Losses that are too many whatever their share: in a large scope a small share is still a hundred people. `--max-loss-total`,
/// `thresholds.max_loss_total`.
const LOSS_TOTAL: u64 = 100;

/// Updates in percent of the assignments in scope that give access. `--max-update-percent`, `thresholds.max_update_percent`.
const UPDATE_PERCENT: u64 = 30;

/// Updates that are never too many: they take nobody's access away. `--max-update-count`, `thresholds.max_update_count`.
const UPDATE_COUNT: u64 = 10;

const DAY_MS: i64 = 86_400_000;

/// Milliseconds for which a changed row must go on giving access to count as left in a scope: a day, so that a scope that a plan empties
/// within hours is as empty as one that it empties now. There is no flag: `expect` lets it through.
const LEFT_HORIZON_MS: i64 = DAY_MS;

/// Milliseconds for which a row must go on giving access to count for `min_holders`: seven days, so that somebody notices before the last
/// holder's end. There is no flag: a holder who leaves sooner is not one to rely on.
const HOLDER_HORIZON_MS: i64 = 7 * DAY_MS;

/// When a plan takes away or changes too much. Shares are of the assignments in scope that give access now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Losses, in percent; refused when over this and over `loss_count`.
    pub loss_percent: u64,
    /// Losses, as a number.
    pub loss_count: u64,
    /// Losses over this number are refused whatever their share.
    pub loss_total: u64,
    /// Updates, in percent; refused when over this and over `update_count`.
    pub update_percent: u64,
    /// Updates, as a number.
    pub update_count: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            loss_percent: LOSS_PERCENT,
            loss_count: LOSS_COUNT,
            loss_total: LOSS_TOTAL,
            update_percent: UPDATE_PERCENT,
            update_count: UPDATE_COUNT,
        }
    }
}

impl Thresholds {
    fn losses_exceed(&self, losses: u64, effective: u64) -> bool {
        losses > self.loss_total || exceeds(losses, effective, self.loss_percent, self.loss_count)
    }

    fn updates_exceed(&self, updates: u64, effective: u64) -> bool {
        exceeds(updates, effective, self.update_percent, self.update_count)
    }

    fn loss_text(&self) -> String {
        format!("{} % and more than {}, or more than {}", self.loss_percent, self.loss_count, self.loss_total)
    }

    fn update_text(&self) -> String {
        format!("{} % and more than {}", self.update_percent, self.update_count)
    }
}

/// Which guard refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// Too many losses.
    Losses,
    /// Too many updates.
    Updates,
    /// Nobody in a scope would have access afterwards.
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
    /// An `expect` has no end, or one that lies too far ahead.
    ExpectUntil,
    /// Half of a role change is selected.
    HalfRoleChange,
    /// The local clock and the server's disagree about a guard.
    Clock,
    /// The plan of one shard, which no merged report covers.
    UnmergedShard,
}

impl Guard {
    /// The code, as `assignctl explain` takes it.
    pub fn code(self) -> &'static str {
        match self {
            Guard::Losses => "losses",
            Guard::Updates => "updates",
            Guard::EmptyScope => "empty-scope",
            Guard::Protect => "protect",
            Guard::MinHolders => "min-holders",
            Guard::MaskedValue => "masked-value",
            Guard::DeniedGrant => "denied-grant",
            Guard::OwnAccess => "own-access",
            Guard::ExpectTooHigh => "expect-too-high",
            Guard::ExpectUntil => "expect-until",
            Guard::HalfRoleChange => "half-role-change",
            Guard::Clock => "clock",
            Guard::UnmergedShard => "unmerged-shard",
        }
    }
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
    /// The change that the policy in force allows.
    pub allow: String,
    /// The line to look at.
    pub at: Option<Location>,
    /// The keys of the changes concerned, in the order of the plan. None for the sum over all sets.
    pub keys: Vec<Key>,
}

/// What the thresholds of a target judge: the sum over the planned sets that no `expect` exempts, with the limits in force. The parts of a
/// sharded run each carry theirs, and their sum is judged again where they are merged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// Assignments in scope that give access now.
    pub effective: u64,
    /// Losses among them that no `expect` covers.
    pub losses: u64,
    /// Updates among them that no `expect` covers.
    pub updates: u64,
    /// The thresholds in force.
    pub thresholds: Thresholds,
    /// The policy's upper bounds of the thresholds.
    pub ceilings: Ceilings,
    /// The most that the policy lets an `expect` allow.
    pub max_expect: MaxExpect,
}

impl Judged {
    /// The refusals of the sum, unless a set's refusal of the same kind says it already.
    pub fn refusals(&self, said_by_a_set: impl Fn(Guard) -> bool) -> Vec<Refusal> {
        let Self { effective, losses, updates, thresholds, .. } = self;
        let refusal = |guard, message, allow| Refusal { guard, set: None, message, allow, at: None, keys: Vec::new() };
        let mut found = Vec::new();
        if thresholds.losses_exceed(*losses, *effective)
            && !said_by_a_set(Guard::Losses)
            && !said_by_a_set(Guard::EmptyScope)
        {
            let limit = thresholds.loss_text();
            let message = format!(
                "{} over all sets, among {effective} assignments that give access; the limit is {limit}",
                counted(*losses, "loss", "losses")
            );
            let expect = (self.max_expect.removes != Some(0)).then(|| "an `expect` in the sets concerned".to_owned());
            found.push(refusal(Guard::Losses, message, either(expect, self.loss_flags(*losses, *effective))));
        }
        if thresholds.updates_exceed(*updates, *effective) && !said_by_a_set(Guard::Updates) {
            let limit = thresholds.update_text();
            let message = format!(
                "{} over all sets, among {effective} assignments that give access; the limit is {limit}",
                counted(*updates, "update", "updates")
            );
            let expect = (self.max_expect.updates != Some(0)).then(|| "an `expect` in the sets concerned".to_owned());
            found.push(refusal(Guard::Updates, message, either(expect, self.update_flags(*updates))));
        }
        found
    }

    /// The flags that let so many losses through, where the policy lets them be raised so far.
    fn loss_flags(&self, losses: u64, effective: u64) -> Option<String> {
        let within = |most: Option<u64>| most.is_none_or(|most| losses <= most);
        let mut flags = Vec::new();
        if losses > self.thresholds.loss_total {
            flags.push(within(self.ceilings.loss_total).then(|| format!("--max-loss-total {losses}")));
        }
        if exceeds(losses, effective, self.thresholds.loss_percent, self.thresholds.loss_count) {
            flags.push(within(self.ceilings.loss_count).then(|| format!("--max-loss-count {losses}")));
        }
        flags.into_iter().collect::<Option<Vec<_>>>().filter(|flags| !flags.is_empty()).map(|flags| flags.join(" "))
    }

    fn update_flags(&self, updates: u64) -> Option<String> {
        self.ceilings.update_count.is_none_or(|most| updates <= most).then(|| format!("--max-update-count {updates}"))
    }
}

/// The ways that the policy leaves open; without one, that only the policy can open one.
fn either(expect: Option<String>, flags: Option<String>) -> String {
    let ways: Vec<String> = expect.into_iter().chain(flags).collect();
    if ways.is_empty() {
        "fewer changes in one run; only a change of the policy allows so many".to_owned()
    } else {
        ways.join(", or ")
    }
}

/// Whether a count is over a share and over a number.
fn exceeds(count: u64, effective: u64, percent: u64, floor: u64) -> bool {
    count > floor && count.saturating_mul(100) > effective.saturating_mul(percent)
}

/// A role change of which only one half is selected.
#[derive(Debug, Clone)]
pub(super) struct Half {
    /// The set that declares the new key.
    pub to: String,
    /// The set in whose scope the replaced row lies.
    pub from: String,
    /// The set that is selected.
    pub selected: String,
    /// The replaced key.
    pub old: Key,
}

/// What the guards judge beside the plans.
pub(super) struct Judging<'a> {
    pub input: &'a Input<'a>,
    /// Windows by the server's clock.
    pub view: View,
    /// The difference between the clocks, where it is worth a warning, and windows by the local clock.
    pub local: Option<(Difference, View)>,
    /// By set: rows that give access and that the plan does not touch, by the server's and by the local clock. Ignored rows are not
    /// among them.
    pub untouched: &'a [[u64; 2]],
    /// Who holds what, by the server's and by the local clock.
    pub holders: &'a [Holders; 2],
    /// Role changes of which only one half is selected.
    pub halves: &'a [Half],
}

/// Runs all guards over a target's sets; adds notes to the sets.
pub(super) fn check(judging: &Judging<'_>, sets: &mut [SetPlan]) -> (Vec<Refusal>, Judged) {
    let (mut refusals, judged) = Pass::new(judging, judging.view, 0, sets).run();
    if let Some((difference, view)) = judging.local {
        let (by_local_clock, _) = Pass::new(judging, view, 1, sets).run();
        let new = |refusal: &Refusal| {
            !refusals.iter().any(|known| (known.guard, &known.set) == (refusal.guard, &refusal.set))
        };
        let doubtful: Vec<Refusal> = by_local_clock.into_iter().filter(new).collect();
        refusals.extend(doubtful.into_iter().map(|refusal| Refusal {
            guard: Guard::Clock,
            message: format!(
                "{}, and by the local clock the guard {} refuses: {}",
                difference.text(),
                refusal.guard.code(),
                refusal.message
            ),
            allow: "set this machine's clock, and plan again".to_owned(),
            ..refusal
        }));
    }
    note(judging, sets);
    check_halves(judging, &mut refusals);
    for set in sets.iter().filter(|set| judges(set)) {
        check_masked(judging.input, set, &mut refusals);
    }
    policy_guard::check(judging.input, sets, judging.view, &mut refusals);
    refusals.sort_by(|a, b| (&a.set, a.guard, &a.message).cmp(&(&b.set, b.guard, &b.message)));
    (refusals, judged)
}

/// Whether the thresholds judge a set.
fn judges(set: &SetPlan) -> bool {
    set.selected && set.mode != Mode::Observe
}

/// One judgement, by one clock.
struct Pass<'a> {
    judging: &'a Judging<'a>,
    view: View,
    /// Which of the counts belong to the clock.
    clock: usize,
    sets: &'a [SetPlan],
    /// Role changes across sets, by the set in whose scope the replaced row lies.
    taken: HashMap<&'a str, Vec<&'a PlannedChange>>,
}

impl<'a> Pass<'a> {
    fn new(judging: &'a Judging<'a>, view: View, clock: usize, sets: &'a [SetPlan]) -> Self {
        let mut taken: HashMap<&str, Vec<&PlannedChange>> = HashMap::new();
        for planned in sets.iter().flat_map(|set| &set.changes) {
            if let Some(from) = &planned.taken_from {
                taken.entry(from).or_default().push(planned);
            }
        }
        Self { judging, view, clock, sets, taken }
    }

    fn run(&self) -> (Vec<Refusal>, Judged) {
        let sets = self.sets;
        let input = self.judging.input;
        let mut refusals = Vec::new();
        let mut judged = Judged {
            thresholds: input.thresholds,
            ceilings: input.policy.map(|policy| policy.ceilings).unwrap_or_default(),
            max_expect: input.policy.map(|policy| policy.max_expect).unwrap_or_default(),
            ..Judged::default()
        };
        for (index, set) in sets.iter().enumerate().filter(|(_, set)| judges(set)) {
            let totals = self.totals(index);
            let expected = self.check_set(index, set, &totals, &judged, &mut refusals);
            judged.effective += totals.effective;
            if !expected.losses {
                judged.losses += count(totals.losses.len());
            }
            if !expected.updates {
                judged.updates += count(totals.own_updates());
            }
        }
        if !self.is_a_part() {
            let said = |guard| refusals.iter().any(|refusal: &Refusal| refusal.guard == guard);
            let of_the_sum = judged.refusals(said);
            refusals.extend(of_the_sum);
        }
        self.check_protect(&mut refusals);
        (refusals, judged)
    }

    /// Whether other shards plan sets of the target too: the sum is then judged where their reports are merged.
    fn is_a_part(&self) -> bool {
        self.judging.input.sets.iter().any(|set| set.in_run && !set.selected)
    }

    /// What a set's plan loses and updates.
    fn totals(&self, index: usize) -> Totals {
        let view = self.view;
        let set = &self.sets[index];
        let mut totals = Totals { effective: self.judging.untouched[index][self.clock], ..Totals::default() };
        totals.left = totals.effective;
        for planned in &set.changes {
            let change = &planned.change;
            let effective = change.live.as_ref().is_some_and(|live| view.gives_access(live));
            totals.left += u64::from(view.leaves_access(change, LEFT_HORIZON_MS));
            if effective && change.action == Action::Update {
                totals.updates.push(change.key);
            }
            if planned.taken_from.is_none() {
                totals.effective += u64::from(effective);
                if view.takes_access(change) {
                    totals.losses.push(change.key);
                }
            }
        }
        // The rows that other sets take by role changes lie in this scope.
        for planned in self.taken.get(set.name.as_str()).into_iter().flatten() {
            let change = &planned.change;
            if change.live.as_ref().is_some_and(|live| view.gives_access(live)) {
                let old = change.from_key.unwrap_or(change.key);
                totals.effective += 1;
                totals.moved.push(old);
                totals.updates.push(old);
                if view.takes_access(change) {
                    totals.losses.push(old);
                }
            }
        }
        totals
    }

    fn check_set(
        &self,
        index: usize,
        set: &SetPlan,
        totals: &Totals,
        judged: &Judged,
        refusals: &mut Vec<Refusal>,
    ) -> Expected {
        let input = self.judging.input;
        let declared = input.sets[index].set.expect.as_ref();
        let mut refuse = |guard, message: String, allow: String, keys: &[Key]| {
            let at = Some(declared.map_or_else(|| set.at.clone(), |expect| input.locate(expect.origin)));
            refusals.push(Refusal { guard, set: Some(set.name.clone()), message, allow, at, keys: keys.to_vec() });
        };
        if let Some((expect, why)) = declared.and_then(|expect| Some((expect, expect.unusable_end(self.view.now)?))) {
            let line = Line { removes: expect.removes, updates: expect.updates, until: None };
            let message = format!("the set's `expect` {why}, so it allows nothing");
            refuse(Guard::ExpectUntil, message, line.text(self.view.now), &[]);
        }
        let expect = in_force(declared, self.view.now);
        let thresholds = &input.thresholds;
        let line = |losses: Option<u64>, updates: Option<u64>| Line {
            removes: losses.or(expect.and_then(|expect| expect.removes)),
            updates: updates.or(expect.and_then(|expect| expect.updates)),
            until: expect.and_then(|expect| expect.until),
        };
        let expect_losses = |needed: u64, flags: Option<String>| {
            allowed_line(
                needed,
                judged.max_expect.removes,
                "losses",
                |n| line(Some(n), None).text(self.view.now),
                flags,
            )
        };
        let (losses, effective) = (count(totals.losses.len()), totals.effective);
        let gone_keys = || -> Vec<Key> { totals.losses.iter().chain(&totals.moved).copied().collect() };
        let gone = count(totals.losses.len() + totals.moved.len());
        let emptied = effective > 0 && totals.left == 0 && gone > 0;
        let expected_losses = expect.and_then(|expect| expect.removes);
        match expected_losses {
            Some(allowed) if losses > allowed || emptied && gone > allowed => {
                let needed = if emptied { gone } else { losses };
                let message =
                    format!("planned: {}; the set expects at most {allowed}", counted(needed, "loss", "losses"));
                refuse(Guard::Losses, message, expect_losses(needed, None), &totals.losses);
            }
            Some(_) => {}
            None if emptied => {
                let message = format!(
                    "nobody in the scope would have access afterwards; {effective} {} now",
                    if effective == 1 { "assignment gives access" } else { "assignments give access" }
                );
                refuse(Guard::EmptyScope, message, expect_losses(gone, None), &gone_keys());
            }
            None if thresholds.losses_exceed(losses, effective) => {
                let limit = thresholds.loss_text();
                let message = format!(
                    "{} among {effective} assignments in scope that give access; the limit is {limit}",
                    counted(losses, "loss", "losses")
                );
                let flags = judged.loss_flags(losses, effective);
                refuse(Guard::Losses, message, expect_losses(losses, flags), &totals.losses);
            }
            None => {}
        }
        let updates = count(totals.updates.len());
        let expect_updates = |flags: Option<String>| {
            allowed_line(
                updates,
                judged.max_expect.updates,
                "updates",
                |n| line(None, Some(n)).text(self.view.now),
                flags,
            )
        };
        let expected_updates = expect.and_then(|expect| expect.updates);
        match expected_updates {
            Some(allowed) if updates > allowed => {
                let message =
                    format!("planned: {}; the set expects at most {allowed}", counted(updates, "update", "updates"));
                refuse(Guard::Updates, message, expect_updates(None), &totals.updates);
            }
            None if thresholds.updates_exceed(updates, effective) => {
                let limit = thresholds.update_text();
                let message = format!(
                    "{} among {effective} assignments in scope that give access; the limit is {limit}",
                    counted(updates, "update", "updates")
                );
                refuse(Guard::Updates, message, expect_updates(judged.update_flags(updates)), &totals.updates);
            }
            _ => {}
        }
        Expected { losses: expected_losses.is_some(), updates: expected_updates.is_some() }
    }

    /// No loss of a protected row, `expect` or not. Holders are counted as they are now: a grant of the same plan does not make up for a
    /// loss, since it may still fail.
    fn check_protect(&self, refusals: &mut Vec<Refusal>) {
        let input = self.judging.input;
        let losing = losing(self.sets, self.view);
        for (index, (set, protect)) in protections(input).enumerate() {
            // Holders are counted over the whole run, other shards included.
            let counts = |planned: &Losing<'_>| protect.min_holders.is_some() || planned.selected;
            let hit: Vec<&Losing<'_>> =
                losing.iter().filter(|losing| protect.matches(&losing.key) && counts(losing)).collect();
            if hit.is_empty() {
                continue;
            }
            let keys: Vec<Key> = hit.iter().map(|losing| losing.key).collect();
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
                Some(min) => {
                    let holders = self.judging.holders[self.clock].counts.get(&index);
                    let Some(lowered) = holders.and_then(|held| self.lowered(protect, held, &hit, min)) else {
                        continue;
                    };
                    let message = format!("holders of {what}: {lowered}; at least {min} must stay");
                    (Guard::MinHolders, message, holders_hint(input, set, protect))
                }
            };
            let at = protect.origin.map(|origin| input.locate(origin));
            refusals.push(Refusal { guard, set: set.map(str::to_owned), message, allow, at, keys });
        }
    }

    /// Holders before and after the losses, where they fall below the minimum now, or within the horizon.
    fn lowered(
        &self,
        protect: &Protect,
        held: &HashMap<Sym, [u64; 2]>,
        hit: &[&Losing<'_>],
        min: u64,
    ) -> Option<String> {
        let view = self.view;
        let holder = self.judging.input.capabilities.holder?;
        let mut left = held.clone();
        for losing in hit {
            let change = &losing.planned.change;
            let Some(live) = &change.live else { continue };
            let Some(rows) = left.get_mut(&losing.key.part(holder)) else { continue };
            let before = holds(view, live);
            let stays = change.action == Action::Update && protect.matches(&change.key);
            let dates = view.dates_after(change);
            let after = match (stays, view.is_dated(change)) {
                (false, _) => [false; 2],
                (true, false) => before,
                (true, true) => {
                    [view.state_of(&dates) == WindowState::Active, view.gives_access_for(&dates, HOLDER_HORIZON_MS)]
                }
            };
            for ((rows, before), after) in rows.iter_mut().zip(before).zip(after) {
                if before && !after {
                    *rows = rows.saturating_sub(1);
                }
            }
        }
        let number =
            |held: &HashMap<Sym, [u64; 2]>, which: usize| count(held.values().filter(|rows| rows[which] > 0).count());
        let horizon = HOLDER_HORIZON_MS / DAY_MS;
        [0, 1].into_iter().find_map(|which| {
            let (before, after) = (number(held, which), number(&left, which));
            let when = if which == 0 { String::new() } else { format!(" whose access lasts {horizon} more days") };
            (after < before && after < min).then(|| format!("{before}{when} now, {after} after this plan"))
        })
    }
}

/// What to do about too few holders.
fn holders_hint(input: &Input<'_>, set: Option<&str>, protect: &Protect) -> String {
    let denied = |denied: &DeniedGrant| denies(input.ids, denied, protect);
    let grants = if input.policy.is_some_and(|policy| policy.deny_grants.iter().any(denied)) {
        "leave the holders as they are: the policy denies new grants of this kind".to_owned()
    } else {
        "apply the new grants first, then the losses in a second change".to_owned()
    };
    match set {
        Some(_) => format!("{grants}; or lower `min_holders`"),
        None => format!("{grants}; the policy asks for `min_holders`, and only a change of the policy lowers it"),
    }
}

/// Whether the policy denies every grant that a protection speaks of.
fn denies(ids: &Ids, denied: &DeniedGrant, protect: &Protect) -> bool {
    let fits = |(pattern, part): (&Option<crate::model::Pattern>, Option<Sym>)| {
        pattern.as_ref().is_none_or(|pattern| part.is_some_and(|part| pattern.matches(ids.text(part))))
    };
    denied.parts.iter().zip(protect.parts).all(fits)
}

/// What a set's plan loses and updates, of rows that give access now.
#[derive(Default)]
struct Totals {
    /// Rows in scope that give access now.
    effective: u64,
    /// Rows in scope that give access after the plan.
    left: u64,
    losses: Vec<Key>,
    updates: Vec<Key>,
    /// Rows that role changes take to other sets.
    moved: Vec<Key>,
}

impl Totals {
    /// Updates that no other set's totals count too.
    fn own_updates(&self) -> usize {
        self.updates.len().saturating_sub(self.moved.len())
    }
}

/// Which of a set's thresholds an `expect` in force has replaced.
struct Expected {
    losses: bool,
    updates: bool,
}

/// The expectation that counts at an instant.
fn in_force(expect: Option<&Expect>, now: Instant) -> Option<&Expect> {
    expect.filter(|expect| expect.unusable_end(now).is_none() && !expect.has_ended(now))
}

/// An `expect` as a line to write.
struct Line {
    removes: Option<u64>,
    updates: Option<u64>,
    until: Option<Instant>,
}

impl Line {
    fn text(&self, now: Instant) -> String {
        let removes = self.removes.map(|removes| format!("removes: {removes}"));
        let updates = self.updates.map(|updates| format!("updates: {updates}"));
        let until = match self.until {
            Some(until) => until.to_string(),
            None => proposed_until(now),
        };
        let fields: Vec<String> = removes.into_iter().chain(updates).chain([format!("until: {until}")]).collect();
        format!("expect: {{ {} }}", fields.join(", "))
    }
}

/// The line that allows so many, or what the policy leaves in its place.
fn allowed_line(
    needed: u64,
    most: Option<u64>,
    what: &str,
    line: impl Fn(u64) -> String,
    flags: Option<String>,
) -> String {
    match (most, flags) {
        (Some(most), Some(flags)) if needed > most => flags,
        (Some(0), None) if needed > 0 => {
            format!("the policy lets no `expect` allow {what}; only a change of the policy allows this")
        }
        (Some(most), None) if needed > most => {
            format!("{} and at most {most} {what} in one run; only a change of the policy allows more", line(most))
        }
        _ => line(needed),
    }
}

/// Notes for the authors of the sets: expectations that have ended or allow more than is planned, and a wrong clock.
fn note(judging: &Judging<'_>, sets: &mut [SetPlan]) {
    let input = judging.input;
    let totals: Vec<Option<Totals>> = {
        let pass = Pass::new(judging, judging.view, 0, sets);
        pass.sets.iter().enumerate().map(|(index, set)| judges(set).then(|| pass.totals(index))).collect()
    };
    for ((set, totals), input_set) in sets.iter_mut().zip(totals).zip(input.sets) {
        let (Some(totals), Some(expect)) = (totals, &input_set.set.expect) else { continue };
        let mut warn = |code: &str, message: String| {
            set.warnings.push(Warning { code: code.to_owned(), message, at: input.locate(expect.origin) });
        };
        if expect.has_ended(judging.view.now) {
            let message = "this expect has ended and is ignored; delete it, or move `until` after a new review";
            warn("expect-ended", message.to_owned());
        } else if in_force(Some(expect), judging.view.now).is_some() {
            // Fewer than expected is fine: a repeat after a partial apply must go through.
            let seen =
                [("losses", expect.removes, totals.losses.len()), ("updates", expect.updates, totals.updates.len())];
            for (what, allowed, seen) in seen {
                if let Some(allowed) = allowed.filter(|allowed| count(seen) < *allowed) {
                    warn(
                        "expect-unused",
                        format!(
                            "expects up to {allowed} {what}, {seen} planned; delete the expect once the change is done"
                        ),
                    );
                }
            }
        }
    }
    let first = sets.iter_mut().filter(|set| set.selected).min_by(|a, b| a.name.cmp(&b.name));
    if let (Some((difference, _)), Some(set)) = (judging.local, first) {
        let message = format!(
            "{}; time windows are judged by the server's clock, and a guard that the difference decides refuses",
            difference.text()
        );
        set.warnings.push(Warning { code: "clock-differs".to_owned(), message, at: set.at.clone() });
    }
}

/// Half of a role change is another effect: access would be gone before, or beside, the new role.
fn check_halves(judging: &Judging<'_>, refusals: &mut Vec<Refusal>) {
    let mut by_sets: BTreeMap<(&str, &str, &str), Vec<Key>> = BTreeMap::new();
    for half in judging.halves {
        by_sets.entry((&half.selected, &half.to, &half.from)).or_default().push(half.old);
    }
    for ((selected, to, from), keys) in by_sets {
        let other = if selected == to { from } else { to };
        let number = keys.len();
        let changes = if number == 1 { "1 role change".to_owned() } else { format!("{number} role changes") };
        let input = judging.input.sets.iter().find(|input| input.set.name == selected);
        refusals.push(Refusal {
            guard: Guard::HalfRoleChange,
            set: Some(selected.to_owned()),
            message: format!("half of {changes} from set {from} to set {to} is selected: set {other} is not planned"),
            allow: format!("plan both sets in one run: --set {to} --set {from}"),
            at: input.map(|input| judging.input.locate(input.set.origin)),
            keys,
        });
    }
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
        let literal =
            |key: &str| matches!(change.desired.get(field.name), Some(Value::Json(map)) if map.get(key).is_some());
        let undeclared = change.desired.get(partner).is_none();
        unknown.extend(masked.iter().map(AsRef::as_ref).filter(|key| undeclared || literal(key)));
    }
    unknown.sort_unstable();
    unknown.dedup();
    unknown
}

/// Who holds what: for each protected pattern with `min_holders`, the distinct holders, each with the number of its direct rows that give
/// access now, and of those that go on doing so over the horizon.
pub(super) struct Holders {
    counts: HashMap<usize, HashMap<Sym, [u64; 2]>>,
}

impl Holders {
    /// Counts on the whole target, before planning.
    pub(super) fn count(input: &Input<'_>, snapshot: &Snapshot, view: View) -> Self {
        let mut counts: HashMap<usize, HashMap<Sym, [u64; 2]>> = HashMap::new();
        let Some(holder) = input.capabilities.holder else { return Self { counts } };
        for (index, (_, protect)) in protections(input).enumerate().filter(|(_, (_, p))| p.min_holders.is_some()) {
            let held = counts.entry(index).or_default();
            for live in snapshot.rows.iter().filter(|live| protect.matches(&live.key)) {
                let rows = held.entry(live.key.part(holder)).or_default();
                for (rows, holds) in rows.iter_mut().zip(holds(view, live)) {
                    *rows += u64::from(holds);
                }
            }
        }
        Self { counts }
    }
}

/// Whether a live row makes its holder one now, and over the horizon.
fn holds(view: View, live: &Live) -> [bool; 2] {
    let now = view.gives_access(live);
    [now, now && view.end(&live.fields) > view.now.0.saturating_add(HOLDER_HORIZON_MS)]
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

/// Whether the holders of any pattern are counted on a target.
pub(super) fn counts_holders(input: &Input<'_>) -> bool {
    input.capabilities.holder.is_some() && protections(input).any(|(_, protect)| protect.min_holders.is_some())
}

/// A change that takes something away, with the live key that loses.
pub(super) struct Losing<'a> {
    pub key: Key,
    pub planned: &'a PlannedChange,
    /// Whether this run carries it out; else another shard does.
    pub selected: bool,
}

/// Every change that takes something away.
pub(super) fn losing(sets: &[SetPlan], view: View) -> Vec<Losing<'_>> {
    let acting = sets.iter().filter(|set| set.mode != Mode::Observe);
    let changes = acting.flat_map(|set| set.changes.iter().map(|planned| (set.selected, planned)));
    let losing = changes.filter(|(_, planned)| !planned.losses.is_empty() || view.takes_access(&planned.change));
    losing
        .map(|(selected, planned)| Losing {
            key: planned.change.from_key.unwrap_or(planned.change.key),
            planned,
            selected,
        })
        .collect()
}

pub(super) fn describe(input: &Input<'_>, protect: &Protect) -> String {
    let parts = protect.parts.iter().enumerate();
    let name = |part| input.capabilities.part_names(part);
    let named = parts.filter_map(|(part, id)| id.map(|id| format!("{} {}", name(part), input.ids.text(id))));
    named.collect::<Vec<_>>().join(", ")
}

fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
