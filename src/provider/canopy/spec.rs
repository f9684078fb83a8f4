//! Canopy's manifests (apis/canopy.md): tables, and the rules about dates and surfaces that tables cannot say.

use std::time::Duration;

use crate::diag::Diagnostic;
use crate::manifest::common::{MIN_HOLDERS, SET, TARGET};
use crate::manifest::findings::Findings;
use crate::manifest::shape::{Case, Choice, Field, Mark, Masks, Record, Rule, Shape, Type};
use crate::manifest::{AuthForm, Kind, PathSpec};
use crate::model::{Capabilities, FieldKind, FieldSpec, Instant, Limits, OnRemove, Pairing, Window};

/// Key part: the identity.
pub const IDENTITY: usize = 0;
/// Key part: the node.
pub const NODE: usize = 1;
/// Key part: the role.
pub const ROLE: usize = 2;

/// What the listing calls an identity (apis/canopy.md: List).
pub const IDENTITY_EMAIL: &str = "identity_email";
/// What the listing calls a node.
pub const NODE_NAME: &str = "node_name";
/// What the listing calls a role.
pub const ROLE_NAME: &str = "role_name";

/// The largest page (apis/canopy.md: List, `take` 1–100).
const LARGEST_PAGE: usize = 100;

/// What the API can do.
pub static CAPABILITIES: Capabilities = Capabilities {
    provider: "canopy",
    key_fields: &["identity_id", "node_id", "role_id"],
    key_names: None,
    fields: &[
        FieldSpec { name: "effective_from", kind: FieldKind::Instant, sent_with: None },
        FieldSpec { name: "effective_to", kind: FieldKind::Instant, sent_with: None },
    ],
    // Identity and node cannot be patched, the role can (apis/canopy.md: Update).
    pairing: Some(Pairing { slot: &[IDENTITY, NODE], replaced: ROLE }),
    window: Some(Window { from: "effective_from", to: "effective_to" }),
    order_by: IDENTITY,
    holder: Some(IDENTITY),
    on_remove: OnRemove::Remove,
    after_apply: None,
    route: super::route::route,
};

/// The assignments with `surface: portal`; the routes follow.
pub const PORTAL_PATH: PathSpec = PathSpec {
    name: "portal",
    option: "path_portal",
    template: "/portal/v1/accounts/{account}/applications/{application}/environments/{environment}/assignments",
    doc: "The assignments with `surface: portal`; the routes follow.",
};

/// The assignments with `surface: api`; the routes follow.
pub const API_PATH: PathSpec = PathSpec {
    name: "api",
    option: "path_api",
    template: "/api/v1/assignments",
    doc: "The assignments with `surface: api`; the routes follow.",
};

/// The kind.
pub static KIND: Kind = Kind {
    name: "CanopyAssignments",
    doc: "Roles held by identities at nodes, with time windows. A node stands for itself, without its descendants.",
    capabilities: &CAPABILITIES,
    vendor: "https://api.canopy.dev",
    limits: Limits {
        // Pages are small, so reading needs several side by side; rates are not stated.
        concurrency: 8,
        requests_per_second: None, // not stated: concurrency bounds it, and a 429 slows it down
        batch_size: 100,           // apis/canopy.md: Largest bulk [assumed]; 1 uses the single routes
        page_size: LARGEST_PAGE,
        timeout: Duration::from_secs(30),
        retry_budget: Duration::from_secs(300),
        settle_timeout: Limits::SETTLE_TIMEOUT,
    },
    max_page_size: LARGEST_PAGE,
    auth: &[AuthForm::Bearer, AuthForm::ApiKey],
    target: &TARGET_SHAPE,
    account: &["account", "application", "environment"],
    set: &SET_SHAPE,
    paths: &[PORTAL_PATH, API_PATH],
    pattern: &PATTERN,
    address_is_scope: false,
    divide_by: &[NODE],
    check_target,
    check_assignment,
};

const SURFACES: &[Choice] = &[
    Choice { name: "portal", doc: "an environment by account, application and environment; needs a bearer token" },
    Choice {
        name: "api",
        doc: "the environment that the API key is bound to; account, application and environment then only name it",
    },
];

const CLEARING: &[Choice] = &[
    Choice { name: "patch", doc: "send `null`" },
    Choice { name: "recreate", doc: "delete and create again: a new id, and a moment without access" },
];

static TARGET_SHAPE: Shape = Shape {
    title: "a canopy target's spec",
    doc: "One environment of Canopy.",
    groups: &[
        TARGET,
        &[
            Field::new("surface", Type::Choice(SURFACES), "Which routes are used; `portal` unless given.")
                .mark(Mark::Doc),
            Field::new("account", Type::Id, "The account's slug in the path.").mark(Mark::Seed),
            Field::new("application", Type::Id, "The application's slug in the path.").mark(Mark::Seed),
            Field::new("environment", Type::Id, "The environment's slug in the path.").mark(Mark::Seed),
            Field::new("clear_dates", Type::Choice(CLEARING), "How a date is cleared; `patch` unless given.")
                .mark(Mark::Assumed),
        ],
    ],
    rules: &[Rule::Case {
        field: "surface",
        default: Some("portal"),
        cases: &[
            Case { value: "portal", groups: &[&["account"], &["application"], &["environment"]], optional: &[] },
            Case { value: "api", groups: &[], optional: &["account", "application", "environment"] },
        ],
    }],
    secret: false,
    masks: Masks::new(),
};

static SET_SHAPE: Shape = Shape {
    title: "the set's spec",
    doc: "The assignments, and what the set has authority over.",
    groups: &[
        SET,
        &[
            Field::new(
                "scope",
                Type::Scope(&SCOPE),
                "What the set has authority over; `all` for the whole environment.",
            ),
            Field::new(
                "protect",
                Type::Objects(&PROTECT),
                "Assignments that must not be lost, or holders that must remain.",
            ),
            Field::new("assignments", Type::Objects(&ASSIGNMENT), "What should exist; `[]` for nothing.").required(),
        ],
    ],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};

static SCOPE: Shape = Shape {
    title: "the scope",
    doc: "With both lists, their intersection; a node without its descendants.",
    groups: &[&[
        Field::new("node_ids", Type::Ids, "These nodes.").part(NODE).mark(Mark::Doc),
        Field::names("node_names", NODE_NAME, NODE, "These nodes, by name."),
        Field::new("role_ids", Type::Ids, "These roles.").part(ROLE).mark(Mark::Doc),
        Field::names("role_names", ROLE_NAME, ROLE, "These roles, by name."),
    ]],
    rules: &[
        Rule::AtLeastOne(&["node_ids", "node_names", "role_ids", "role_names"]),
        Rule::AtMostOne(&["node_ids", "node_names"]),
        Rule::AtMostOne(&["role_ids", "role_names"]),
    ],
    secret: false,
    masks: Masks::new(),
};

static PROTECT: Shape = Shape {
    title: "a protection",
    doc: "Rows with all of these must not be lost, or must keep `min_holders` identities.",
    groups: &[
        PATTERN_FIELDS,
        &[
            Field::name(IDENTITY_EMAIL, IDENTITY, "The identity, by email."),
            Field::name(NODE_NAME, NODE, "The node, by name."),
            Field::name(ROLE_NAME, ROLE, "The role, by name."),
        ],
    ],
    rules: &[
        Rule::AtLeastOne(&["identity_id", IDENTITY_EMAIL, "node_id", NODE_NAME, "role_id", ROLE_NAME]),
        Rule::AtMostOne(&["identity_id", IDENTITY_EMAIL]),
        Rule::AtMostOne(&["node_id", NODE_NAME]),
        Rule::AtMostOne(&["role_id", ROLE_NAME]),
    ],
    secret: false,
    masks: Masks::new(),
};

const PATTERN_FIELDS: &[Field] = &[
    Field::new("identity_id", Type::Id, "The identity.").part(IDENTITY).mark(Mark::Doc),
    Field::new("node_id", Type::Id, "The node.").part(NODE).mark(Mark::Doc),
    Field::new("role_id", Type::Id, "The role.").part(ROLE).mark(Mark::Doc),
    MIN_HOLDERS,
];

static PATTERN: Shape = Shape {
    title: "a protection",
    doc: "Rows with all of these ids must not be lost, or must keep `min_holders` identities.",
    groups: &[PATTERN_FIELDS],
    rules: &[Rule::AtLeastOne(&["identity_id", "node_id", "role_id"])],
    secret: false,
    masks: Masks::new(),
};

static ASSIGNMENT: Shape = Shape {
    title: "an assignment",
    doc: "A role of an identity at a node; plural fields give the cross product.",
    groups: &[&[
        Field::new("identity_id", Type::Id, "The identity.").part(IDENTITY).mark(Mark::Doc),
        Field::new("identity_ids", Type::Ids, "Several identities.").part(IDENTITY),
        Field::name(IDENTITY_EMAIL, IDENTITY, "The identity, by email."),
        Field::names("identity_emails", IDENTITY_EMAIL, IDENTITY, "Several identities, by email."),
        Field::new("node_id", Type::Id, "The node.").part(NODE).mark(Mark::Doc),
        Field::new("node_ids", Type::Ids, "Several nodes.").part(NODE),
        Field::name(NODE_NAME, NODE, "The node, by name."),
        Field::names("node_names", NODE_NAME, NODE, "Several nodes, by name."),
        Field::new("role_id", Type::Id, "The role.").part(ROLE).mark(Mark::Seed),
        Field::new("role_ids", Type::Ids, "Several roles.").part(ROLE),
        Field::name(ROLE_NAME, ROLE, "The role, by name."),
        Field::names("role_names", ROLE_NAME, ROLE, "Several roles, by name."),
        Field::new("effective_from", Type::Instant, "When it begins.").nullable().mark(Mark::Seed),
        Field::new("effective_to", Type::Instant, "When it ends.").nullable().mark(Mark::Seed),
    ]],
    rules: &[
        Rule::ExactlyOne(&["identity_id", "identity_ids", IDENTITY_EMAIL, "identity_emails"]),
        Rule::ExactlyOne(&["node_id", "node_ids", NODE_NAME, "node_names"]),
        Rule::ExactlyOne(&["role_id", "role_ids", ROLE_NAME, "role_names"]),
    ],
    secret: false,
    masks: Masks::new(),
};

/// An API key opens the api surface only (apis/canopy.md).
fn check_target(spec: &Record<'_>, findings: &mut Findings) {
    let is_api = spec.text("surface").is_some_and(|(surface, _)| surface == "api");
    let auth = spec.get("auth").into_iter().flat_map(|auth| auth.pairs());
    let key = auth.map(|(key, _)| key).find(|key| key.scalar().is_some_and(|scalar| scalar.text == "api_key"));
    if let (false, Some(key)) = (is_api, key) {
        let message = "the portal surface does not take `api_key`";
        let help = "use `bearer`, or `surface: api`";
        findings.push(Diagnostic::error("auth-not-accepted", message, key.span()).help(help));
    }
}

/// An assignment must begin before it ends.
fn check_assignment(entry: &Record<'_>, findings: &mut Findings) {
    let (Some((from, from_span)), Some((to, to_span))) = (entry.text("effective_from"), entry.text("effective_to"))
    else {
        return;
    };
    if let (Some(start), Some(end)) = (Instant::parse(from), Instant::parse(to))
        && start >= end
    {
        let message = "the assignment ends before it begins";
        let diagnostic =
            Diagnostic::error("date-order", message, to_span).label("ends here").also(from_span, "begins here");
        findings.push(diagnostic.help("`effective_to` must be later than `effective_from`"));
    }
}
