//! `--journal FILE`: the file, the clock and the facts of a journal.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::session::{Session, clock};
use super::{actor, files, git};
use crate::plan::Plan;
use crate::plan::digest::Digest;
use crate::render::json::journal::{About, Journal};

/// Opens a journal and writes what the run is about. Where that fails, nothing may be applied.
pub(super) fn begin(path: &Path, session: &Session, plan: &Plan, manifests: Digest) -> anyhow::Result<Journal> {
    let file = files::append_private(path)?;
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let about = About {
        actor: actor::actor(env, session.directory()),
        pipeline: actor::pipeline(env),
        git_commit: session.directory().and_then(git::commit),
        manifests,
        plan: session.approved().map(|saved| saved.seal.clone()),
        policy: session.policy(),
    };
    let clock = clock();
    let run = format!("{}-{}", clock(), std::process::id());
    Journal::begin(Box::new(file), clock, run, Arc::clone(&plan.ids), &about)
        .with_context(|| format!("the journal {} cannot be written, so nothing was applied", path.display()))
}
