//! Whose change is it? The manifests of a base are planned against the same live state, and each change of this plan is held against
//! theirs: what the base would do as well is drift, what only these manifests do is theirs. No state is kept anywhere.

use std::collections::{HashMap, HashSet};

use crate::model::{Action, Change, Key, Mode};

use super::authority::{AuthorityChange, Leaving};
use super::{Plan, PlannedChange, Reason, Refusal, SetPlan, TargetPlan};

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
#[derive(Debug, Clone, Default)]
pub struct Base {
    /// What the caller called it: a commit, a branch, a directory.
    pub name: String,
    /// The commit, where it is one.
    pub commit: Option<String>,
    /// Why it was not used at all; then nothing was compared.
    pub not_used: Option<String>,
    /// Targets for which it was not used, or whose live state was not read for it.
    pub gaps: Vec<BaseGap>,
    /// What these manifests change about authority.
    pub authority: Vec<AuthorityChange>,
    /// What the base manages and nobody manages afterwards.
    pub leaving: Vec<Leaving>,
}

/// What of one target could not be compared with the base.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct BaseGap {
    /// The target, as these manifests call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The part of the base's tree, where manifests could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What is missing.
    pub kind: BaseGapKind,
    /// Why.
    pub message: String,
}

/// What is missing of a target of the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BaseGapKind {
    /// Its manifests cannot be used.
    NotUsed,
    /// Live state that only the base reads could not be read.
    Unread,
}

impl Base {
    /// How many assignments leave management.
    pub fn leaving(&self) -> u64 {
        self.leaving.iter().map(|set| u64::try_from(set.rows.len()).unwrap_or(u64::MAX)).sum()
    }

    /// Whether there is something about authority that a reviewer must see.
    pub fn changes_authority(&self) -> bool {
        !self.authority.is_empty() || !self.leaving.is_empty()
    }

    /// Whether its manifests, or those of one target, could not be used: an error of the run.
    pub fn is_unusable(&self) -> bool {
        self.not_used.is_some() || self.gaps.iter().any(|gap| gap.kind == BaseGapKind::NotUsed)
    }
}

/// How many changes of a plan have each cause, in the order of [`Cause::ALL`].
pub fn counts(plan: &Plan) -> [u64; 3] {
    let changes = || plan.targets.iter().flat_map(|target| &target.sets).filter(|set| set.selected);
    Cause::ALL.map(|cause| {
        let of = changes().flat_map(|set| &set.changes).filter(|planned| planned.cause == Some(cause));
        u64::try_from(of.count()).unwrap_or(u64::MAX)
    })
}

/// Marks every change of a target with its cause. `base` is the plan of the base's sets against the same live state; `None`: there is
/// none, so that the base would change nothing here.
///
/// Drift is only what the base would apply as well. A base that observes, that a guard refuses or that cannot be planned applies
/// nothing: whatever lets the change through then is these manifests' doing.
pub fn attribute(target: &mut TargetPlan, base: Option<&TargetPlan>) {
    let readable = base.filter(|base| base.unreadable.is_none());
    let seen = by_key(readable, |_| true);
    let applied = by_key(readable.filter(|base| !lifts_refusal(target, base)), |set| set.mode != Mode::Observe);
    for set in &mut target.sets {
        // What is only observed is no change of anybody's: it is compared with what the base would observe.
        let theirs = if set.mode == Mode::Observe { &seen } else { &applied };
        for planned in &mut set.changes {
            planned.cause = cause(planned, theirs);
        }
    }
}

type ByKey<'a> = HashMap<Key, Vec<&'a PlannedChange>>;

fn by_key(base: Option<&TargetPlan>, wanted: impl Fn(&SetPlan) -> bool) -> ByKey<'_> {
    let mut by_key = ByKey::new();
    for planned in base.into_iter().flat_map(|base| &base.sets).filter(|set| wanted(set)).flat_map(|set| &set.changes) {
        for key in keys(&planned.change) {
            by_key.entry(key).or_default().push(planned);
        }
    }
    by_key
}

/// Whether a guard refuses the base and no longer refuses the same of these manifests. A refusal stops the whole target.
fn lifts_refusal(head: &TargetPlan, base: &TargetPlan) -> bool {
    let still = |refusal: &Refusal| {
        let same_guard = head.refusals.iter().filter(|other| other.guard == refusal.guard);
        same_guard
            .map(|other| other.keys.iter().collect::<HashSet<_>>())
            .any(|keys| refusal.keys.iter().all(|key| keys.contains(key)))
    };
    !base.refusals.iter().all(still)
}

/// The keys that a change concerns.
fn keys(change: &Change) -> impl Iterator<Item = Key> {
    [Some(change.key), change.from_key].into_iter().flatten()
}

fn cause(planned: &PlannedChange, base: &ByKey<'_>) -> Option<Cause> {
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

/// The causes that occur in a set, in the order of [`Cause::ALL`]; changes without one come last.
pub fn occurring(set: &SetPlan) -> Vec<Option<Cause>> {
    let all = Cause::ALL.into_iter().map(Some).chain([None]);
    all.filter(|cause| set.changes.iter().any(|planned| planned.cause == *cause)).collect()
}
