//! How Partium's changes travel: two routes, both in batches (apis/partium.md: Create, Delete).

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
