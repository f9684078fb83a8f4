//! Partium's manifests: tables only (apis/partium.md).

use std::time::Duration;

use crate::manifest::common::{SET, TARGET};
use crate::manifest::shape::{Field, Mark, Masks, Rule, Shape, Type};
use crate::manifest::{AuthForm, Kind, PathSpec, no_more_rules};
use crate::model::{Capabilities, Limits, OnRemove};

/// Key part: the assembly.
pub const ASS: usize = 0;
/// Key part: the organization.
pub const ORG: usize = 1;

/// What the API can do.
pub static CAPABILITIES: Capabilities = Capabilities {
    provider: "partium",
    key_fields: &["ass_id", "org_id"],
    key_names: None,
    fields: &[],
    pairing: None,
    window: None,
    order_by: ASS,
    holder: None,
    on_remove: OnRemove::Remove,
    // apis/partium.md: After a change. It triggers nothing.
    after_apply: Some(
        "changes reach production search only after the catalog's next import; GET /1/catalog/status tells how far that is",
    ),
    route: super::route::route,
};

/// Creating and deleting.
pub const ASSIGNMENTS_PATH: PathSpec = PathSpec {
    name: "assignments",
    option: "path_assignments",
    template: "/1/catalog/assignments/organizations",
    doc: "Creating and deleting.",
};

/// Listing.
pub const LIST_PATH: PathSpec = PathSpec {
    name: "list",
    option: "path_list",
    template: "/1/catalog/assignments/organizations/list",
    doc: "Listing.",
};

/// The kind.
pub static KIND: Kind = Kind {
    name: "PartiumAssignments",
    doc: "Assemblies made visible to sub-organizations. Only root assemblies can be assigned, and never to the main organization.",
    capabilities: &CAPABILITIES,
    vendor: "https://api.partium.io",
    limits: Limits {
        // Nothing is stated about rates: eight at once is gentle for a catalog that also serves search.
        concurrency: 8,
        requests_per_second: None, // not stated: concurrency bounds it, and a 429 slows it down
        batch_size: 500,           // apis/partium.md: Largest batch [assumed]
        page_size: 1_000,          // apis/partium.md: Default and largest limit [assumed]
        timeout: Duration::from_secs(60), // a batch of 500 is one transaction over there
        retry_budget: Duration::from_secs(300), // maintenance mode lasts minutes
        settle_timeout: Limits::SETTLE_TIMEOUT,
    },
    max_page_size: usize::MAX,
    auth: &[AuthForm::Bearer],
    target: &TARGET_SHAPE,
    account: &[],
    set: &SET_SHAPE,
    paths: &[ASSIGNMENTS_PATH, LIST_PATH],
    pattern: &PROTECT,
    address_is_scope: false,
    divide_by: &[ORG],
    check_target: no_more_rules,
    check_assignment: no_more_rules,
};

static TARGET_SHAPE: Shape = Shape {
    title: "a partium target's spec",
    doc: "One organization of Partium: an API key is valid for one organization.",
    groups: &[
        TARGET,
        &[Field::new(
            "max_filter_ids",
            Type::Integer(1, 10_000),
            "The most ids a list request filters by; 500 unless given.",
        )
        .mark(Mark::Assumed)],
    ],
    rules: &[],
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
                "What the set has authority over; `all` for the whole organization.",
            ),
            Field::new("protect", Type::Objects(&PROTECT), "Assignments that must never be lost."),
            Field::new("assignments", Type::Objects(&ASSIGNMENT), "What should exist; `[]` for nothing.").required(),
        ],
    ],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};

static SCOPE: Shape = Shape {
    title: "the scope",
    doc: "With both lists, their intersection.",
    groups: &[&[
        Field::new("ass_ids", Type::Ids, "These assemblies.").part(ASS).mark(Mark::Seed),
        Field::new("org_ids", Type::Ids, "These organizations.").part(ORG).mark(Mark::Seed),
    ]],
    rules: &[Rule::AtLeastOne(&["ass_ids", "org_ids"])],
    secret: false,
    masks: Masks::new(),
};

static PROTECT: Shape = Shape {
    title: "a protection",
    doc: "Rows with all of these ids must not be lost.",
    groups: &[&[
        Field::new("ass_id", Type::Id, "The assembly.").part(ASS).mark(Mark::Seed),
        Field::new("org_id", Type::Id, "The organization.").part(ORG).mark(Mark::Seed),
    ]],
    rules: &[Rule::AtLeastOne(&["ass_id", "org_id"])],
    secret: false,
    masks: Masks::new(),
};

static ASSIGNMENT: Shape = Shape {
    title: "an assignment",
    doc: "An assembly and an organization; plural fields give the cross product.",
    groups: &[&[
        Field::new("ass_id", Type::Id, "The root assembly.").part(ASS).mark(Mark::Seed),
        Field::new("ass_ids", Type::Ids, "Several root assemblies.").part(ASS),
        Field::new("org_id", Type::Id, "The sub-organization.").part(ORG).mark(Mark::Seed),
        Field::new("org_ids", Type::Ids, "Several sub-organizations.").part(ORG),
    ]],
    rules: &[Rule::ExactlyOne(&["ass_id", "ass_ids"]), Rule::ExactlyOne(&["org_id", "org_ids"])],
    secret: false,
    masks: Masks::new(),
};
