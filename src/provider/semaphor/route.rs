//! How Semaphor's changes travel: one request each (apis/semaphor.md).

use super::super::resend::{Doubt, Rule, Unavailable};
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

/// A second one is refused as a duplicate, by a status that is not stated.
pub static CREATE_RULE: Rule = Rule {
    route: CREATE,
    doubt: Doubt::ReadFirst,
    unavailable: Unavailable::NotDone,
    settled_by: "listing the project",
    proven_by: "`data.assignment`: its definition, scope type and actor, and every parameter that it shows unmasked",
    source: "apis/semaphor.md: Create (the answer to a duplicate is not stated)",
};

/// Sending the whole map twice leaves the same map.
pub static UPDATE_RULE: Rule = Rule {
    route: UPDATE,
    doubt: Doubt::Resend,
    unavailable: Unavailable::Doubtful,
    settled_by: "the answer of the repeat",
    proven_by: "`data.assignment`: its id, definition, scope type and actor, and every parameter that it shows unmasked",
    source: "apis/semaphor.md: Get, update, delete",
};

/// Removing twice removes once; the second answer is a 404.
pub static DELETE_RULE: Rule = Rule {
    route: DELETE,
    doubt: Doubt::Resend,
    unavailable: Unavailable::Doubtful,
    settled_by: "the answer of the repeat, or its 404 and a listing",
    proven_by: "`data.assignment`: its id, definition, scope type and actor",
    source: "apis/semaphor.md: Get, update, delete",
};

/// All routes that write.
pub static RULES: &[&Rule] = &[&CREATE_RULE, &UPDATE_RULE, &DELETE_RULE];
