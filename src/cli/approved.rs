//! Saved plans on the command line: `plan --out` writes one, `apply --plan` reads it back.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

use super::args::{PlanArgs, SelectArgs};
use super::files;
use super::git;
use super::session::Session;
use super::sharded_apply::MergedPlan;
use crate::model::Instant;
use crate::plan::Plan;
use crate::plan::saved::{Envelope, SavedPlan};

/// No plan of ours comes near it: a million changes are some 700 MB.
const MAX_PLAN: u64 = 1 << 30;

/// Writes a plan for review.
pub(super) fn save(session: &Session, plan: &Plan, args: &PlanArgs, out: &Path) -> anyhow::Result<()> {
    let envelope = Envelope {
        tool_version: env!("CARGO_PKG_VERSION"),
        created: plan.now,
        expires: later(plan.now, args.expires),
        git_commit: session.directory().and_then(git::commit),
        policy: session.policy(),
    };
    let saved = SavedPlan::new(plan, &envelope, &session.desired());
    let text = saved.to_text().context("the plan cannot be written as JSON")?;
    files::write_private(out, text.as_bytes())
}

/// A plan as it stands on the screen, in the form that a later one can be held against.
pub(super) fn shown(session: &Session, plan: &Plan) -> SavedPlan {
    let envelope = Envelope {
        tool_version: env!("CARGO_PKG_VERSION"),
        created: plan.now,
        expires: plan.now,
        git_commit: None,
        policy: session.policy(),
    };
    SavedPlan::new(plan, &envelope, &session.desired())
}

fn later(now: Instant, life: Duration) -> Instant {
    Instant(now.0.saturating_add(i64::try_from(life.as_millis()).unwrap_or(i64::MAX)))
}

/// What an apply is given to carry out.
pub(super) enum Approved {
    /// A saved plan.
    Saved(SavedPlan),
    /// The merged report of all shards.
    Merged(MergedPlan),
}

/// Reads what an apply is given: with `--shard` the merged report of all shards, else a saved plan.
pub(super) fn read(path: &Path, select: &SelectArgs) -> anyhow::Result<Approved> {
    if select.shard.is_some() {
        let bytes = read_bytes(path)?;
        let merged = MergedPlan::parse(&bytes);
        return merged
            .map(Approved::Merged)
            .with_context(|| format!("the merged report {} cannot be used", path.display()));
    }
    if !(select.target.is_empty() && select.set.is_empty() && select.selector.is_empty()) {
        bail!(
            "--plan cannot be used with --target, --set or --selector: a saved plan says itself which sets are concerned"
        );
    }
    read_saved(path).map(Approved::Saved)
}

fn read_bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let about = || format!("{} cannot be read", path.display());
    let mut bytes = Vec::new();
    std::fs::File::open(path).with_context(about)?.take(MAX_PLAN + 1).read_to_end(&mut bytes).with_context(about)?;
    if bytes.len() as u64 > MAX_PLAN {
        bail!("{} is larger than {MAX_PLAN} bytes; narrow it with --target or --set", path.display());
    }
    Ok(bytes)
}

/// Reads a saved plan that may still be used now.
fn read_saved(path: &Path) -> anyhow::Result<SavedPlan> {
    let about = || format!("the saved plan {} cannot be used", path.display());
    let file = std::fs::File::open(path).with_context(about)?;
    let mut bytes = Vec::new();
    file.take(MAX_PLAN + 1).read_to_end(&mut bytes).with_context(about)?;
    if bytes.len() as u64 > MAX_PLAN {
        bail!("the saved plan {} is larger than {MAX_PLAN} bytes; narrow it with --target or --set", path.display());
    }
    SavedPlan::parse(&bytes).with_context(about)
}
