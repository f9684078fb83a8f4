//! How Semaphor's changes travel: one request each (apis/semaphor.md).

use crate::model::{Action, Change, Fields, Limits, Route, Sym};

/// Create.
pub const CREATE: &str = "POST …/unified-security/assignments";
/// Update of `params`.
pub const UPDATE: &str = "PATCH …/unified-security/assignments/{assignmentId}";
/// Delete, permanent.
pub const DELETE: &str = "DELETE …/unified-security/assignments/{assignmentId}";

/// The route of a change.
pub fn route(change: &Change, _: &Limits, _: &Fields) -> Route {
    let name = match change.action {
        Action::Create => CREATE,
        Action::Update => UPDATE,
        Action::Remove => DELETE,
    };
    Route { name, group: Sym::NONE, batch: 1, requests: 1 }
}
