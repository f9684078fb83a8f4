//! A plan read as drift: how live differs from the manifests, assignment by assignment. Nothing here is carried out, so nothing is
//! refused; what a guard would refuse is noted by whoever shows it.

use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Action, DesiredSet, Instant, Key, Mode, Snapshot};

use super::compare::instant;
use super::planner::Input;
use super::{Claim, Ignored, LeftAlone, Plan, PlannedChange, Reason, SetPlan, TargetPlan, Unmanaged};

/// How an assignment differs, or will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Declared, and live with other values.
    Changed,
    /// Declared, and not live.
    Missing,
    /// Live in an authoritative scope, and not declared.
    Extra,
    /// Declared and not seen, in a listing that is not proven complete: it may or may not be live.
    Unproven,
    /// Live, and its time is over.
    Expired,
    /// As declared, and its time is over soon.
    ExpiringSoon,
    /// Live in scope, not declared, in a set that does not remove.
    Unmanaged,
    /// Different, and left alone by a rule of `ignore`.
    Ignored,
}

impl Kind {
    /// All, in the order in which they are shown.
    pub const ALL: [Kind; 8] = [
        Kind::Changed,
        Kind::Missing,
        Kind::Extra,
        Kind::Unproven,
        Kind::Expired,
        Kind::ExpiringSoon,
        Kind::Unmanaged,
        Kind::Ignored,
    ];

    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Changed => "changed",
            Kind::Missing => "missing",
            Kind::Extra => "extra",
            Kind::Expired => "expired",
            Kind::ExpiringSoon => "expiring soon",
            Kind::Unmanaged => "unmanaged",
            Kind::Ignored => "ignored",
            Kind::Unproven => "not proven",
        }
    }

    /// The word for programs.
    pub fn name(self) -> &'static str {
        match self {
            Kind::ExpiringSoon => "expiring_soon",
            Kind::Unproven => "unproven",
            kind => kind.word(),
        }
    }
}

/// How many assignments differ how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// What counts as drift, all kinds together.
    pub drift: u64,
    /// Declared, and live with other values.
    pub changed: u64,
    /// Declared, and not live.
    pub missing: u64,
    /// Live in an authoritative scope, and not declared.
    pub extra: u64,
    /// Live, and their time is over. Drift only where they are declared without an end.
    pub expired: u64,
    /// As declared, and their time is over soon (`--expiring`). Never drift.
    pub expiring_soon: u64,
    /// Live in scope, not declared, in sets that do not remove. Drift only with `--unmanaged`.
    pub unmanaged: u64,
    /// Left alone by rules of `ignore`. Never drift.
    pub ignored: u64,
    /// Declared and not seen, in a listing that is not proven complete. Never drift: it may be live.
    #[serde(default)]
    pub unproven: u64,
    /// Declared, and live as declared.
    pub unchanged: u64,
}

impl Counts {
    /// The count of a kind.
    pub fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Changed => self.changed,
            Kind::Missing => self.missing,
            Kind::Extra => self.extra,
            Kind::Expired => self.expired,
            Kind::ExpiringSoon => self.expiring_soon,
            Kind::Unmanaged => self.unmanaged,
            Kind::Ignored => self.ignored,
            Kind::Unproven => self.unproven,
        }
    }

    fn add(&mut self, finding: &Finding<'_>) {
        let count = match finding.kind {
            Kind::Changed => &mut self.changed,
            Kind::Missing => &mut self.missing,
            Kind::Extra => &mut self.extra,
            Kind::Expired => &mut self.expired,
            Kind::ExpiringSoon => &mut self.expiring_soon,
            Kind::Unmanaged => &mut self.unmanaged,
            Kind::Ignored => &mut self.ignored,
            Kind::Unproven => &mut self.unproven,
        };
        *count += 1;
        self.drift += u64::from(finding.is_drift);
    }
}

crate::model::sum_fields!(Counts: drift, changed, missing, extra, expired, expiring_soon, unmanaged, ignored, unproven, unchanged);

/// One assignment that differs, or will.
#[derive(Debug, Clone, Copy)]
pub struct Finding<'a> {
    /// How.
    pub kind: Kind,
    /// Whether it counts as drift.
    pub is_drift: bool,
    /// The assignment.
    pub key: Key,
    /// The change that would mend it, where there is one.
    pub planned: Option<&'a PlannedChange>,
    /// The rule that leaves it alone.
    pub ignored: Option<&'a Ignored>,
    /// Since when it differs, as far as the API tells: when it was last changed, or made, or ended.
    pub since: Option<Instant>,
    /// When it will end.
    pub until: Option<Instant>,
}

/// One set's findings, by kind and key.
#[derive(Debug)]
pub struct SetDrift<'a> {
    /// The set.
    pub set: &'a SetPlan,
    /// The findings.
    pub findings: Vec<Finding<'a>>,
    /// How many of what.
    pub counts: Counts,
}

/// One target's selected sets.
#[derive(Debug)]
pub struct TargetDrift<'a> {
    /// The target.
    pub target: &'a TargetPlan,
    /// Its selected sets, sorted by name.
    pub sets: Vec<SetDrift<'a>>,
}

impl TargetDrift<'_> {
    /// Whether it was read, and everything that its sets claim was proven.
    pub fn is_complete(&self) -> bool {
        self.target.unreadable.is_none() && self.claim() != Claim::Incomplete
    }

    /// How much of what its sets claim was proven: the least of them.
    pub fn claim(&self) -> Claim {
        let claims = || self.sets.iter().map(|found| found.set.claim());
        if claims().any(|claim| claim == Claim::Incomplete) {
            Claim::Incomplete
        } else if claims().any(|claim| claim == Claim::DeclaredOnly) {
            Claim::DeclaredOnly
        } else {
            Claim::Proven
        }
    }

    /// The totals of its sets.
    pub fn counts(&self) -> Counts {
        self.sets.iter().map(|set| set.counts).sum()
    }
}

/// How live differs from the manifests.
#[derive(Debug)]
pub struct Drift<'a> {
    /// The plan that would mend it.
    pub plan: &'a Plan,
    /// One a target, sorted by name.
    pub targets: Vec<TargetDrift<'a>>,
}

impl Drift<'_> {
    /// The totals over all targets.
    pub fn counts(&self) -> Counts {
        self.targets.iter().map(TargetDrift::counts).sum()
    }

    /// Whether a target or a set of it could not be read: what is not known is not "no drift".
    pub fn unreadable(&self) -> bool {
        let unread = |target: &TargetPlan| target.unreadable.is_some() || target.has_failed_set();
        self.targets.iter().any(|target| unread(target.target))
    }

    /// Whether at least one target could be read, or there is none to read.
    pub fn any_readable(&self) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|found| found.target.unreadable.is_none())
    }

    /// Whether every target was read, and everything that its sets claim was proven.
    pub fn is_complete(&self) -> bool {
        self.targets.iter().all(TargetDrift::is_complete)
    }

    /// The drift in one word. Every output takes it from here.
    pub fn verdict(&self) -> Verdict {
        let any = |claim: Claim| self.targets.iter().any(|target| target.claim() == claim);
        match () {
            () if self.unreadable() => Verdict::Unreadable,
            () if self.counts().drift > 0 => Verdict::Drift,
            () if any(Claim::Incomplete) => Verdict::Incomplete,
            () if any(Claim::DeclaredOnly) => Verdict::NoDriftDeclared,
            () => Verdict::NoDrift,
        }
    }
}

/// The drift in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Live is as declared.
    NoDrift,
    /// Live is as declared where it is declared. Undeclared assignments in some scopes cannot be seen.
    NoDriftDeclared,
    /// Live differs.
    Drift,
    /// No drift was seen, and not everything that the sets claim was proven.
    Incomplete,
    /// At least one target could not be read: what is not known is not "no drift".
    Unreadable,
}

impl Verdict {
    /// The word as it is serialized.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::NoDrift => "no_drift",
            Verdict::NoDriftDeclared => "no_drift_declared",
            Verdict::Drift => "drift",
            Verdict::Incomplete => "incomplete",
            Verdict::Unreadable => "unreadable",
        }
    }

    /// The verdict as a person would say it.
    pub fn text(self) -> &'static str {
        match self {
            Verdict::NoDrift => "No drift",
            Verdict::NoDriftDeclared => "No drift in what is declared; undeclared assignments cannot be seen",
            Verdict::Drift => "Drift",
            Verdict::Incomplete => "No drift seen; not every listing is proven complete",
            Verdict::Unreadable => "Not every target could be read",
        }
    }
}

/// Ending assignments in the order of time, by the name of the set that declares them.
pub type Endings = HashMap<String, Vec<Ending>>;

/// A declared assignment whose live time is over, or will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// The assignment.
    pub key: Key,
    /// When it ends.
    pub to: Instant,
}

/// The declared assignments of a target that are live and end before `horizon`.
pub fn ending(input: &Input<'_>, snapshot: &Snapshot, horizon: Instant) -> Endings {
    let mut endings = Endings::new();
    let Some(window) = input.capabilities.window else { return endings };
    let rows = input.sets.iter().flat_map(|set| set.set.rows.iter().map(move |row| (row.key, set.set)));
    let declared: HashMap<Key, &DesiredSet> = rows.collect();
    for row in &snapshot.rows {
        if let Some(set) = declared.get(&row.key)
            && let Some(to) = instant(&row.fields, window.to).filter(|to| *to <= horizon)
        {
            endings.entry(set.name.clone()).or_default().push(Ending { key: row.key, to });
        }
    }
    endings.values_mut().for_each(|of_set| of_set.sort_by_key(|ending| ending.to));
    endings
}

/// Reads a plan as drift. `endings` holds what ends soon, one a target in the plan's order, as [`ending()`] gives it.
pub fn drift<'a>(plan: &'a Plan, endings: &[Endings], unmanaged: bool) -> Drift<'a> {
    let targets = plan.targets.iter().enumerate().map(|(index, target)| {
        let ends = |set: &SetPlan| endings.get(index)?.get(&set.name).map(Vec::as_slice);
        let sets = target.sets.iter().filter(|set| set.selected);
        let view = |set: &'a SetPlan| of_set(plan.now, target, set, ends(set).unwrap_or_default(), unmanaged);
        TargetDrift { target, sets: sets.map(view).collect() }
    });
    Drift { plan, targets: targets.collect() }
}

fn of_set<'a>(now: Instant, target: &TargetPlan, set: &'a SetPlan, ends: &[Ending], unmanaged: bool) -> SetDrift<'a> {
    let unproven: HashSet<Key> = set.unproven.iter().copied().collect();
    let mut findings: Vec<Finding<'a>> = set.changes.iter().map(|planned| of_change(planned, &unproven)).collect();
    let mended = if ends.is_empty() { HashSet::new() } else { mended(target, set) };
    // What would mend it says more than that it ends.
    findings.extend(ends.iter().filter(|ending| !mended.contains(&ending.key)).map(|ending| of_ending(now, ending)));
    findings.extend(set.unmanaged.iter().map(|row| of_unmanaged(row, set.mode, unmanaged)));
    findings.extend(set.ignored.iter().map(of_ignored));
    findings.sort_by_key(|finding| finding.kind); // stable: by key inside a kind, as the plan has it
    let mut counts = Counts { unchanged: set.counts.unchanged, ..Counts::default() };
    findings.iter().for_each(|finding| counts.add(finding));
    SetDrift { set, findings, counts }
}

fn blank<'a>(kind: Kind, key: Key) -> Finding<'a> {
    Finding { kind, is_drift: false, key, planned: None, ignored: None, since: None, until: None }
}

fn of_change<'a>(planned: &'a PlannedChange, unproven: &HashSet<Key>) -> Finding<'a> {
    let change = &planned.change;
    let info = change.live.as_ref().and_then(|live| live.info.as_deref());
    let (kind, since) = match change.action {
        Action::Create if unproven.contains(&change.key) => (Kind::Unproven, None),
        Action::Create => (Kind::Missing, None),
        // When it was made tells since when it is too much; a change after that does not make it less so.
        Action::Remove => (Kind::Extra, info.and_then(|info| info.created.or(info.updated))),
        Action::Update if planned.reason == Reason::Expired => (Kind::Expired, ended(planned)),
        Action::Update => (Kind::Changed, info.and_then(|info| info.updated)),
    };
    Finding { is_drift: kind != Kind::Unproven, planned: Some(planned), since, ..blank(kind, change.key) }
}

/// When the live row of an update ended: the one date that the update clears.
fn ended(planned: &PlannedChange) -> Option<Instant> {
    let change = &planned.change;
    let live = change.live.as_ref()?;
    change
        .differs
        .iter()
        .filter(|name| change.desired.get(name).is_some_and(crate::model::Value::is_null))
        .find_map(|name| instant(&live.fields, name))
}

/// The live keys whose end a set's changes move, or that they take away.
fn mended(target: &TargetPlan, set: &SetPlan) -> HashSet<Key> {
    let Some(window) = target.capabilities.window else { return HashSet::new() };
    let moves =
        |planned: &&PlannedChange| planned.action() == Action::Remove || planned.change.differs.contains(&window.to);
    set.changes.iter().filter(moves).filter_map(|planned| Some(planned.change.live.as_ref()?.key)).collect()
}

fn of_ending<'a>(now: Instant, ending: &Ending) -> Finding<'a> {
    match ending.to <= now {
        true => Finding { since: Some(ending.to), ..blank(Kind::Expired, ending.key) },
        false => Finding { until: Some(ending.to), ..blank(Kind::ExpiringSoon, ending.key) },
    }
}

fn of_unmanaged<'a>(row: &Unmanaged, mode: Mode, counted: bool) -> Finding<'a> {
    match row.why {
        LeftAlone::Expired => blank(Kind::Expired, row.key),
        // Not to be removed while the listing is not proven whole; but seen, undeclared, and in scope.
        LeftAlone::Incomplete | LeftAlone::Claimed | LeftAlone::LookAlike if mode == Mode::Authoritative => {
            Finding { is_drift: true, since: row.since, ..blank(Kind::Extra, row.key) }
        }
        LeftAlone::Incomplete | LeftAlone::Claimed | LeftAlone::LookAlike | LeftAlone::Mode => {
            Finding { is_drift: counted, since: row.since, ..blank(Kind::Unmanaged, row.key) }
        }
    }
}

fn of_ignored(row: &Ignored) -> Finding<'_> {
    Finding { ignored: Some(row), ..blank(Kind::Ignored, row.key) }
}
