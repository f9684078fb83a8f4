//! Whose change is it? The manifests of a base are planned against the same live state, and each change of this plan is held against
//! theirs: what the base would do as well is drift, what only these manifests do is theirs. No state is kept anywhere.

use std::collections::{HashMap, HashSet};

use crate::diag::Location;
use crate::model::{Action, Change, DesiredSet, Key, Mode};

use super::{Plan, PlannedChange, Reason, SetPlan, TargetPlan};

/// Whose change a planned change is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Live is as the base wants it, and these manifests want it otherwise: this pull request changes it.
    PullRequest,
    /// These manifests and the base differ, and live is neither: it left the base by itself, and this pull request changes it too.
    Both,
    /// These manifests want what the base wants, and live left it by itself.
    Drift,
}

impl Cause {
    /// All, in the order in which a reviewer wants to see them.
    pub const ALL: [Cause; 3] = [Cause::PullRequest, Cause::Both, Cause::Drift];

    /// The cause as a person would say it.
    pub fn text(self) -> &'static str {
        match self {
            Cause::PullRequest => "this pull request",
            Cause::Both => "this pull request, on drifted live state",
            Cause::Drift => "drift",
        }
    }
}

/// The manifests that a plan was compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// What the caller called it: a commit, a branch, a directory.
    pub name: String,
    /// The commit, where it is one.
    pub commit: Option<String>,
    /// What these manifests no longer declare and do not remove either.
    pub leaving: Vec<Leaving>,
}

impl Base {
    /// How many assignments leave management.
    pub fn leaving(&self) -> u64 {
        self.leaving.iter().map(|set| set.assignments).sum()
    }
}

/// Assignments of one set of the base that nobody manages any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// The target.
    pub target: String,
    /// The set, as the base has it.
    pub set: String,
    /// Whether the whole set is gone.
    pub deleted: bool,
    /// How many.
    pub assignments: u64,
    /// Where the base declares the set.
    pub at: Location,
}

/// How many changes of a plan have each cause, in the order of [`Cause::ALL`].
pub fn counts(plan: &Plan) -> [u64; 3] {
    let changes = || plan.targets.iter().flat_map(|target| &target.sets).filter(|set| set.selected);
    Cause::ALL.map(|cause| {
        let of = changes().flat_map(|set| &set.changes).filter(|planned| planned.cause == Some(cause));
        u64::try_from(of.count()).unwrap_or(u64::MAX)
    })
}

/// Marks every change of a target with its cause. `base` is the plan of the base's sets against the same live state; `None`: the base
/// has no such target, so that every change is new. An unreadable base leaves the causes open.
pub fn attribute(target: &mut TargetPlan, base: Option<&TargetPlan>) {
    if base.is_some_and(|base| base.unreadable.is_some()) {
        return;
    }
    let mut by_key: HashMap<Key, Vec<&PlannedChange>> = HashMap::new();
    for planned in base.into_iter().flat_map(|base| &base.sets).flat_map(|set| &set.changes) {
        for key in keys(&planned.change) {
            by_key.entry(key).or_default().push(planned);
        }
    }
    for planned in target.sets.iter_mut().flat_map(|set| &mut set.changes) {
        planned.cause = cause(planned, &by_key);
    }
}

/// The keys that a change concerns.
fn keys(change: &Change) -> impl Iterator<Item = Key> {
    [Some(change.key), change.from_key].into_iter().flatten()
}

fn cause(planned: &PlannedChange, base: &HashMap<Key, Vec<&PlannedChange>>) -> Option<Cause> {
    if planned.reason == Reason::Rotated {
        return None; // asked for on the command line: nobody's manifest changed, and nothing drifted
    }
    let theirs: Vec<&&PlannedChange> = keys(&planned.change).filter_map(|key| base.get(&key)).flatten().collect();
    Some(match theirs.as_slice() {
        [] => Cause::PullRequest,
        theirs if theirs.iter().all(|other| same(&planned.change, &other.change)) => Cause::Drift,
        _ => Cause::Both,
    })
}

/// Whether two changes, planned against the same live row, do the same.
fn same(a: &Change, b: &Change) -> bool {
    let value_same = |name: &str| match (a.desired.get(name), b.desired.get(name)) {
        (Some(a), Some(b)) => a.same(b),
        (a, b) => a.is_none() && b.is_none(),
    };
    (a.action, a.key, a.from_key, &a.differs) == (b.action, b.key, b.from_key, &b.differs)
        && match a.action {
            Action::Remove => true,
            Action::Update => a.differs.iter().all(|name| value_same(name)),
            Action::Create => a.desired.iter().chain(b.desired.iter()).all(|(name, _)| value_same(name)),
        }
}

/// The assignments of a base's set that these sets of the same target neither declare nor have authority over. Where the live state is
/// known, only what is live counts: nothing else can leave.
pub fn leaving(base: &DesiredSet, sets: &[&DesiredSet], live: Option<&HashSet<Key>>) -> u64 {
    let declared: HashSet<Key> = sets.iter().flat_map(|set| &set.rows).map(|row| row.key).collect();
    let governed = |key: &Key| {
        let scopes = sets.iter().filter(|set| set.mode == Mode::Authoritative).filter_map(|set| set.scope.as_ref());
        declared.contains(key) || scopes.into_iter().any(|scope| scope.contains(key))
    };
    let is_live = |key: &Key| live.is_none_or(|live| live.contains(key));
    let left = base.rows.iter().filter(|row| is_live(&row.key) && !governed(&row.key)).count();
    u64::try_from(left).unwrap_or(u64::MAX)
}

/// The causes that occur in a set, in the order of [`Cause::ALL`]; changes without one come last.
pub fn occurring(set: &SetPlan) -> Vec<Option<Cause>> {
    let all = Cause::ALL.into_iter().map(Some).chain([None]);
    all.filter(|cause| set.changes.iter().any(|planned| planned.cause == *cause)).collect()
}
