//! Saved plans on the command line: `plan --out` writes one, `apply --plan` reads it back.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

use super::args::PlanArgs;
use super::files;
use super::git;
use super::session::Session;
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
    let saved = SavedPlan::new(plan, &envelope, &session.desired(), &session.identities());
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
    SavedPlan::new(plan, &envelope, &session.desired(), &session.identities())
}

fn later(now: Instant, life: Duration) -> Instant {
    Instant(now.0.saturating_add(i64::try_from(life.as_millis()).unwrap_or(i64::MAX)))
}

/// Reads a saved plan that may still be used now.
pub(super) fn read(path: &Path) -> anyhow::Result<SavedPlan> {
    let about = || format!("the saved plan {} cannot be used", path.display());
    let file = std::fs::File::open(path).with_context(about)?;
    let mut bytes = Vec::new();
    file.take(MAX_PLAN + 1).read_to_end(&mut bytes).with_context(about)?;
    if bytes.len() as u64 > MAX_PLAN {
        bail!("the saved plan {} is larger than {MAX_PLAN} bytes; narrow it with --target or --set", path.display());
    }
    SavedPlan::parse(&bytes).with_context(about)
}
