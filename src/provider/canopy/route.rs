//! How Canopy's changes travel: bulk routes wherever they say the same, single routes with `batch_size: 1` (apis/canopy.md).

use super::super::resend::{Doubt, Rule, Unavailable};
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

/// Whether the target says that `null` clears no date (apis/canopy.md: Update, assumed).
pub fn must_recreate(options: &Fields) -> bool {
    matches!(options.get("clear_dates"), Some(Value::Text(how)) if &**how == "recreate")
}

/// A second one is refused with 409, which would pass for somebody else's.
pub static CREATE_RULE: Rule = Rule {
    route: CREATE,
    doubt: Doubt::ReadFirst,
    unavailable: Unavailable::NotDone,
    settled_by: "listing the environment",
    proven_by: "the assignment in the answer: its identity, node and role, and the dates that it shows",
    source: "apis/canopy.md: Create",
};

/// All or nothing, and yet documented with mixed outcomes.
pub static BULK_CREATE_RULE: Rule = Rule {
    route: BULK_CREATE,
    doubt: Doubt::ReadFirst,
    unavailable: Unavailable::NotDone,
    settled_by: "listing the environment; then only the remainder",
    proven_by: "in a 200, a success at the entry's index whose data shows nothing else than was sent; beside failures, the answer to a repeat without the failed entries, or a listing",
    source: "apis/canopy.md: Bulk",
};

/// The same role and dates twice are the same role and dates.
pub static PATCH_RULE: Rule = Rule {
    route: PATCH,
    doubt: Doubt::Resend,
    unavailable: Unavailable::Doubtful,
    settled_by: "the answer of the repeat",
    proven_by: "the assignment in the answer: its id, identity, node and role, and the dates that it shows",
    source: "apis/canopy.md: Update",
};

/// What a change to the role that is there already answers is not stated.
pub static BULK_CHANGE_ROLE_RULE: Rule = Rule {
    route: BULK_CHANGE_ROLE,
    doubt: Doubt::ReadFirst,
    unavailable: Unavailable::NotDone,
    settled_by: "listing the environment",
    proven_by: "nothing in the answer, whose message names no assignment: a listing",
    source: "apis/canopy.md: Bulk (a change to the role that is there already is not stated)",
};

/// Removing twice removes once; the second answer is a 404.
pub static DELETE_RULE: Rule = Rule {
    route: DELETE,
    doubt: Doubt::Resend,
    unavailable: Unavailable::Doubtful,
    settled_by: "the answer of the repeat, or its 404 and a listing",
    proven_by: "204: the path names the one assignment",
    source: "apis/canopy.md: Remove",
};

/// Removing twice removes once; whoever is gone already is told by a 404, or not at all.
pub static BULK_REMOVE_RULE: Rule = Rule {
    route: BULK_REMOVE,
    doubt: Doubt::Resend,
    unavailable: Unavailable::Doubtful,
    settled_by: "the answer of the repeat, or its 404 and a listing",
    proven_by: "nothing in the answer: 204 names no assignment, so a listing",
    source: "apis/canopy.md: Remove",
};

/// All routes that write; a re-creation is a removal and a creation.
pub static RULES: &[&Rule] =
    &[&CREATE_RULE, &BULK_CREATE_RULE, &PATCH_RULE, &BULK_CHANGE_ROLE_RULE, &DELETE_RULE, &BULK_REMOVE_RULE];
