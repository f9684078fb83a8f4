//! How Streamline's changes travel: one request each; an archive is a write like any other (apis/streamline.md).

use super::super::resend::{Doubt, Rule, Unavailable};
use super::spec::SERVICE;
use crate::model::{Change, Fields, Limits, Route, Sym, Value};

/// The keyed upsert of a service.
pub const SERVICE_PUT: &str = "PUT …/domains/{domain_id}/service/{service_id}/assignments/{assignment_key}";
/// The collection upsert of a domain.
pub const DOMAIN_POST: &str = "POST …/domains/{domain_id}/assignments";
/// The keyed upsert of a domain, where a target switches it on.
pub const DOMAIN_PUT: &str = "PUT …/domains/{domain_id}/assignments/{assignment_key}";

/// Whether a target writes domain assignments by key.
pub fn is_keyed_domain_put(options: &Fields) -> bool {
    matches!(options.get("keyed_domain_put"), Some(Value::Json(value)) if value.as_bool() == Some(true))
}

/// The route of a change.
pub fn route(change: &Change, _: &Limits, options: &Fields) -> Route {
    let name = match change.key.part(SERVICE).is_none() {
        false => SERVICE_PUT,
        true if is_keyed_domain_put(options) => DOMAIN_PUT,
        true => DOMAIN_POST,
    };
    Route { name, group: Sym::NONE, batch: 1, requests: 1 }
}

/// A repeat would make a second revision.
pub static SERVICE_PUT_RULE: Rule = Rule {
    route: SERVICE_PUT,
    doubt: Doubt::ReadFirst,
    unavailable: Unavailable::Doubtful,
    settled_by: "reading the key for `settle_timeout`: the revision that was sent, or the one from before",
    proven_by: "the assignment in the answer: its key, its status and every field that it shows; else reading the key",
    source: "apis/streamline.md: What makes this API different",
};

/// A repeat would make a second revision.
pub static DOMAIN_POST_RULE: Rule = Rule {
    route: DOMAIN_POST,
    doubt: Doubt::ReadFirst,
    unavailable: Unavailable::Doubtful,
    settled_by: "reading the key for `settle_timeout`: the revision that was sent, or the one from before",
    proven_by: "the assignment in the answer: its key, its status and every field that it shows; else reading the key",
    source: "apis/streamline.md: What makes this API different",
};

/// A repeat would make a second revision.
pub static DOMAIN_PUT_RULE: Rule = Rule {
    route: DOMAIN_PUT,
    doubt: Doubt::ReadFirst,
    unavailable: Unavailable::Doubtful,
    settled_by: "reading the key for `settle_timeout`: the revision that was sent, or the one from before",
    proven_by: "the assignment in the answer: its key, its status and every field that it shows; else reading the key",
    source: "apis/streamline.md: What makes this API different",
};

/// All routes that write.
pub static RULES: &[&Rule] = &[&SERVICE_PUT_RULE, &DOMAIN_POST_RULE, &DOMAIN_PUT_RULE];
