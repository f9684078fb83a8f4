//! The counts that GitLab shows in a merge request (`artifacts:reports:terraform`). GitLab fixes the three names.

use serde::Serialize;

use crate::plan::Plan;

/// The whole document.
#[derive(Debug, Serialize)]
struct Counts {
    create: u64,
    update: u64,
    delete: u64,
}

/// How many assignments a plan creates, updates and removes.
pub fn plan(plan: &Plan) -> impl Serialize + use<> {
    let counts = plan.counts();
    Counts { create: counts.create, update: counts.update, delete: counts.remove }
}
