//! How Partium's changes travel: two routes, both in batches (apis/partium.md: Create, Delete).

use super::super::resend::{Doubt, Rule, Unavailable};
use crate::model::{Action, Change, Fields, Limits, Route, Sym};

/// The create route.
pub const CREATE: &str = "POST /1/catalog/assignments/organizations";
/// The delete route; its body names the pairs.
pub const DELETE: &str = "DELETE /1/catalog/assignments/organizations";

/// The route of a change. A pair has no fields, so there is nothing to update.
pub fn route(change: &Change, limits: &Limits, _: &Fields) -> Route {
    let name = if change.action == Action::Remove { DELETE } else { CREATE };
    Route { name, group: Sym::NONE, batch: limits.batch_size.max(1), requests: 1 }
}

/// Existing pairs are ignored.
pub static CREATE_RULE: Rule = Rule {
    route: CREATE,
    doubt: Doubt::Resend,
    unavailable: Unavailable::NotDone,
    settled_by: "the answer's indices; what no answer proved, by listing",
    proven_by: "the pair's index in `created`; a pair in neither list is confirmed by a listing",
    source: "apis/partium.md: Create, Maintenance",
};

/// Missing pairs are ignored.
pub static DELETE_RULE: Rule = Rule {
    route: DELETE,
    doubt: Doubt::Resend,
    unavailable: Unavailable::NotDone,
    settled_by: "listing: the answer tells nothing",
    proven_by: "nothing in the answer, which names no pair: a listing",
    source: "apis/partium.md: Delete, Maintenance",
};

/// All routes that write.
pub static RULES: &[&Rule] = &[&CREATE_RULE, &DELETE_RULE];
