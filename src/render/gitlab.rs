//! The counts that GitLab shows in a merge request (`artifacts:reports:terraform`). GitLab fixes the three names.

use serde::Serialize;

use crate::plan::Plan;

/// The whole document. GitLab reports a document without the three counts as one that it could not use, which is what is meant where
/// the counts are not known: a zero would say that nothing changes.
#[derive(Debug, Default, Serialize)]
pub struct Document {
    #[serde(flatten)]
    counts: Option<Counts>,
}

#[derive(Debug, Serialize)]
struct Counts {
    create: u64,
    update: u64,
    delete: u64,
}

/// How many assignments a plan creates, updates and removes; nothing where none was found and not everything could be read.
pub fn plan(plan: &Plan) -> Document {
    let counts = plan.counts();
    let known = plan.is_complete() || counts.changes() > 0;
    let counts = Counts { create: counts.create, update: counts.update, delete: counts.remove };
    Document { counts: known.then_some(counts) }
}

/// A run that ended before there was a plan.
pub fn stopped() -> Document {
    Document::default()
}
