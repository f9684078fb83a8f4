//! `apply --shard K/N`: what one shard applies is what the merged report of all shards has. Thresholds judge the sum of a run, which no
//! shard knows by itself.

use std::collections::{HashMap, HashSet};

use anyhow::bail;
use serde::Deserialize;
use serde_json::Value;

use super::session::Session;
use crate::apply::Exit;
use crate::model::{Account, Instant, Mode};
use crate::plan::saved::{HeldWhy, withhold};
use crate::plan::{Guard, Judged, Plan, Refusal, SetPlan, TargetPlan, digest};
use crate::render;

/// Milliseconds for which a merged report may be applied: a day, as long as a saved plan lives unless given.
const MERGED_LIFE_MS: i64 = 86_400_000;

/// Fields of a change that do not say what is done: names, the place of a declaration, whose change it is.
const BESIDE_THE_CHANGE: [&str; 4] = ["names", "from_names", "at", "cause"];

/// Why a merged report is not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum MergedError {
    /// It is no merged report of all shards.
    #[error("{0}; give the report that `assignctl report merge --out` made of the plans of all shards")]
    Unusable(String),
    /// A guard refused the run as a whole.
    #[error("the merged report is refused ({0}): nothing is applied; see the refusals in it")]
    Refused(String),
    /// It was made for something else, or long ago.
    #[error("{0}; plan all shards again, and merge and review their reports")]
    Stale(String),
}

impl MergedError {
    /// The exit code that it ends with.
    pub(super) fn exit(&self) -> Exit {
        match self {
            MergedError::Unusable(_) => Exit::Error,
            MergedError::Refused(_) => Exit::Refused,
            MergedError::Stale(_) => Exit::Stale,
        }
    }
}

/// The merged report of the plans of all shards.
#[derive(Debug, Deserialize)]
pub(super) struct MergedPlan {
    format_version: String,
    planned_at: String,
    policy: Option<Policy>,
    verdict: String,
    exit: ExitCode,
    merged: Option<Mark>,
    missing_shards: Option<Vec<u64>>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Policy {
    digest: digest::Digest,
}

#[derive(Debug, Deserialize)]
struct ExitCode {
    code: u8,
}

/// What the shards had in common.
#[derive(Debug, Deserialize)]
struct Mark {
    parts: u64,
    manifests: digest::Digest,
    selection: digest::Digest,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    provider: String,
    endpoint: String,
    account: Vec<Account>,
    refusals: Vec<Refused>,
    sets: Vec<Set>,
    judged: Judged,
}

#[derive(Debug, Deserialize)]
struct Refused {
    guard: Guard,
}

#[derive(Debug, Deserialize)]
struct Set {
    name: String,
    mode: Mode,
    changes: Vec<Value>,
}

impl MergedPlan {
    /// Reads a merged report that no guard refused.
    ///
    /// # Errors
    /// See [`MergedError`].
    pub(super) fn parse(text: &[u8]) -> Result<Self, MergedError> {
        let unusable = |why: &str| MergedError::Unusable(why.to_owned());
        let merged: Self = serde_json::from_slice(text)
            .map_err(|error| MergedError::Unusable(format!("it is no merged report of a plan ({error})")))?;
        if merged.format_version != render::json::FORMAT_VERSION {
            return Err(MergedError::Unusable(format!("its format {} is not known", merged.format_version)));
        }
        if merged.merged.is_none() {
            return Err(unusable("it is the report of one run, not of all shards"));
        }
        if merged.missing_shards.as_ref().is_some_and(|missing| !missing.is_empty()) {
            return Err(unusable("shards are missing from it"));
        }
        let mut guards: Vec<&str> =
            merged.targets.iter().flat_map(|target| &target.refusals).map(|refusal| refusal.guard.code()).collect();
        guards.dedup();
        if !guards.is_empty() {
            return Err(MergedError::Refused(guards.join(", ")));
        }
        if merged.verdict == "unreadable" || ![Exit::Success.code(), Exit::Pending.code()].contains(&merged.exit.code) {
            return Err(unusable("not all of it could be planned"));
        }
        // Whoever edits a report could leave a refusal out; the sum is there to be judged again.
        for target in &merged.targets {
            if let Some(refusal) = target.judged.refusals(|_| false).first() {
                return Err(MergedError::Refused(refusal.guard.code().to_owned()));
            }
        }
        Ok(merged)
    }

    /// Whether it was made of the same manifests, policy, modes, selectors and number of shards, and not too long ago.
    fn check(&self, session: &Session) -> Result<(), MergedError> {
        let stale = |why: &str| Err(MergedError::Stale(why.to_owned()));
        let (Some(mark), Some((_, parts))) = (&self.merged, session.shard().map(|shard| shard.numbers())) else {
            return Ok(());
        };
        if mark.parts != parts {
            let why = format!("it was made of {} shards, and this run is one of {parts}", mark.parts);
            return Err(MergedError::Unusable(why));
        }
        if self.policy.as_ref().map(|policy| &policy.digest) != session.policy().as_ref() {
            return stale("the merged report was made under another policy");
        }
        if mark.manifests != session.whole_digest() {
            return stale("the manifests declare something else than in the merged report");
        }
        if mark.selection != session.selection() {
            return stale("the merged report was made with other selectors, modes or options");
        }
        let age = Instant::parse(&self.planned_at).map(|made| session.now().0.saturating_sub(made.0));
        if age.is_none_or(|age| age > MERGED_LIFE_MS) {
            return stale("the merged report is older than a day");
        }
        Ok(())
    }

    /// Withholds what the merged report does not have.
    fn hold(&self, plan: &mut Plan) -> Result<(), MergedError> {
        let ids = std::sync::Arc::clone(&plan.ids);
        for target in plan.targets.iter_mut().filter(|target| target.unreadable.is_none()) {
            let merged = self.targets.iter().find(|merged| merged.name == target.name);
            if let Some(merged) = merged {
                let (was, is) = (
                    (merged.provider.as_str(), merged.endpoint.as_str(), &merged.account),
                    (target.provider, target.endpoint.as_str(), &target.account),
                );
                if was != is {
                    let why = format!("target {} is not the account that was planned", target.name);
                    return Err(MergedError::Unusable(why));
                }
                if merged.judged.thresholds != target.judged.thresholds {
                    return Err(MergedError::Stale(format!("the thresholds of target {} are others now", target.name)));
                }
            }
            let known = merged.map(|merged| merged.known()).unwrap_or_default();
            let decide = |set: &SetPlan| -> Vec<Option<HeldWhy>> {
                let known = known.get(set.name.as_str()).filter(|(mode, _)| *mode == set.mode);
                let texts = set.changes.iter().map(|planned| render::json::change(&ids, target, planned));
                texts
                    .map(|change| {
                        let is_known = known.is_some_and(|(_, changes)| changes.contains(&essence(change)));
                        (set.applies() && !is_known).then_some(HeldWhy::New)
                    })
                    .collect()
            };
            let why: Vec<Vec<Option<HeldWhy>>> = target.sets.iter().map(decide).collect();
            withhold(target, why);
        }
        Ok(())
    }
}

impl Target {
    /// By set: its mode, and what is to be done.
    fn known(&self) -> HashMap<&str, (Mode, HashSet<String>)> {
        let changes = |set: &Set| set.changes.iter().cloned().map(essence).collect();
        self.sets.iter().map(|set| (set.name.as_str(), (set.mode, changes(set)))).collect()
    }
}

/// What a change does, as a text to compare.
fn essence(mut change: Value) -> String {
    if let Some(fields) = change.as_object_mut() {
        BESIDE_THE_CHANGE.iter().for_each(|name| drop(fields.remove(*name)));
    }
    change.to_string()
}

/// What a sharded apply is held to.
pub(super) struct ShardedApply(Option<MergedPlan>);

impl ShardedApply {
    /// The merged report, if one was given and it fits the run.
    pub(super) fn new(merged: Option<MergedPlan>, session: &Session) -> anyhow::Result<Self> {
        if let Some(merged) = &merged {
            merged.check(session)?;
        }
        Ok(Self(merged))
    }

    /// Holds a plan to the merged report. Without one, a target whose sum only a merge can judge is refused.
    pub(super) fn hold(&self, session: &Session, plan: &mut Plan) -> anyhow::Result<()> {
        if let Some(merged) = &self.0 {
            return Ok(merged.hold(plan)?);
        }
        let Some((_, parts)) = session.shard().map(|shard| shard.numbers()) else {
            bail!("a shard was expected; pass --shard K/N");
        };
        for target in plan.targets.iter_mut().filter(|target| session.is_a_part(&target.name)) {
            target.refusals.extend(unmerged(target, parts));
        }
        Ok(())
    }
}

/// The refusal of a shard whose losses or updates count with those of the others.
fn unmerged(target: &TargetPlan, parts: u64) -> Option<Refusal> {
    let Judged { losses, updates, .. } = target.judged;
    (losses > 0 || updates > 0).then(|| Refusal {
        guard: Guard::UnmergedShard,
        set: None,
        message: format!(
            "this shard plans {losses} losses and {updates} updates, which the thresholds judge with those of the other shards"
        ),
        allow: format!(
            "plan every shard with `plan --shard K/{parts} --report json=PATH`, join the reports with `report merge --out MERGED`, and apply with `apply --shard K/{parts} --plan MERGED`"
        ),
        at: None,
        keys: Vec::new(),
    })
}
