//! How Canopy's changes travel: bulk routes wherever they say the same, single routes with `batch_size: 1` (apis/canopy.md).

use super::spec::ROLE;
use crate::model::{Action, Change, Fields, Limits, Route, Sym, Value};

/// Create one.
pub const CREATE: &str = "POST …/assignments";
/// Create several.
pub const BULK_CREATE: &str = "POST …/assignments/bulk-create";
/// Change one: dates, role, or both.
pub const PATCH: &str = "PATCH …/assignments/{id}";
/// Change the role of several to the same one; dates stay.
pub const BULK_CHANGE_ROLE: &str = "POST …/assignments/bulk-change-role";
/// Remove one.
pub const DELETE: &str = "DELETE …/assignments/{id}";
/// Remove several.
pub const BULK_REMOVE: &str = "POST …/assignments/bulk-remove";
/// Clear a date where `null` does not.
pub const RECREATE: &str = "DELETE …/assignments/{id}, POST …/assignments";

/// The route of a change.
pub fn route(change: &Change, limits: &Limits, options: &Fields) -> Route {
    let batch = limits.batch_size.max(1);
    let one = |name| Route { name, group: Sym::NONE, batch: 1, requests: 1 };
    let many = |name, group| Route { name, group, batch, requests: 1 };
    match change.action {
        Action::Create if batch == 1 => one(CREATE),
        Action::Create => many(BULK_CREATE, Sym::NONE),
        Action::Remove if batch == 1 => one(DELETE),
        Action::Remove => many(BULK_REMOVE, Sym::NONE),
        Action::Update if clears_date(change) && must_recreate(options) => Route { requests: 2, ..one(RECREATE) },
        // A role change alone; where dates change too, one PATCH says both.
        Action::Update if change.from_key.is_some() && change.differs.is_empty() && batch > 1 => {
            many(BULK_CHANGE_ROLE, change.key.part(ROLE))
        }
        Action::Update => one(PATCH),
    }
}

/// Whether a date that is there now must go: declared as `null`, or reset as a create would leave it.
fn clears_date(change: &Change) -> bool {
    change.differs.iter().any(|name| change.desired.get(name).is_none_or(Value::is_null))
}

/// Whether the target says that `null` clears no date (apis/canopy.md: Update [assumed]).
pub fn must_recreate(options: &Fields) -> bool {
    matches!(options.get("clear_dates"), Some(Value::Text(how)) if &**how == "recreate")
}
