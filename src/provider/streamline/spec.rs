//! Streamline's manifests: tables only (apis/streamline.md).

use std::time::Duration;

use crate::manifest::common::{SET, TARGET};
use crate::manifest::shape::{Choice, Field, Mark, Masks, Rule, Shape, Type};
use crate::manifest::{AuthForm, Kind, PathSpec, no_more_rules};
use crate::model::{Capabilities, FieldKind, FieldSpec, Limits, OnRemove};

/// Key part: the domain.
pub const DOMAIN: usize = 0;
/// Key part: the service; none for the domain's own assignments.
pub const SERVICE: usize = 1;
/// Key part: the assignment key.
pub const KEY: usize = 2;

const fn text(name: &'static str) -> FieldSpec {
    FieldSpec { name, kind: FieldKind::Text, sent_with: None }
}

const fn map(name: &'static str) -> FieldSpec {
    FieldSpec { name, kind: FieldKind::Json, sent_with: None }
}

/// What the API can do.
pub static CAPABILITIES: Capabilities = Capabilities {
    provider: "streamline",
    key_fields: &["domain_id", "service_id", "assignment_key"],
    key_names: None,
    fields: &[text("model_id"), text("model_version"), text("role"), map("settings"), map("metadata")],
    pairing: None,
    window: None,
    order_by: SERVICE,
    holder: None,
    on_remove: OnRemove::Archive,
    after_apply: None,
    route: super::route::route,
};

/// A service's assignments; a key follows as one more segment.
pub const SERVICE_PATH: PathSpec = PathSpec {
    name: "service",
    option: "path_service",
    template: "/v2/clients/{client_id}/domains/{domain_id}/service/{service_id}/assignments",
    doc: "A service's assignments; a key follows as one more segment.",
};

/// Listing a service's assignments (assumed); the same as `service` unless given.
pub const SERVICE_LIST_PATH: PathSpec = PathSpec {
    name: "service_list",
    option: "path_service_list",
    template: "/v2/clients/{client_id}/domains/{domain_id}/service/{service_id}/assignments",
    doc: "Listing a service's assignments [assumed]; the same as `service` unless given.",
};

/// A domain's own assignments.
pub const DOMAIN_PATH: PathSpec = PathSpec {
    name: "domain",
    option: "path_domain",
    template: "/v2/clients/{client_id}/domains/{domain_id}/assignments",
    doc: "A domain's own assignments.",
};

/// Listing a domain's own assignments (assumed); the same as `domain` unless given.
pub const DOMAIN_LIST_PATH: PathSpec = PathSpec {
    name: "domain_list",
    option: "path_domain_list",
    template: "/v2/clients/{client_id}/domains/{domain_id}/assignments",
    doc: "Listing a domain's own assignments [assumed]; the same as `domain` unless given.",
};

/// The kind.
pub static KIND: Kind = Kind {
    name: "StreamlineAssignments",
    doc: "Model versions that one service, several services, or a domain itself run under a key. The address is the scope.",
    capabilities: &CAPABILITIES,
    vendor: "https://pie.streamline.enterprises",
    limits: Limits {
        // Every service is a listing of its own, so reading gains most from requests side by side; rates are not stated.
        concurrency: 8,
        requests_per_second: None, // not stated: concurrency bounds it, and a 429 slows it down
        batch_size: 1,             // apis/streamline.md: there is no batch route
        page_size: 1_000,          // listings have no pages; kept for the one field that all targets share
        timeout: Duration::from_secs(60), // a PUT checks feature contracts before it answers
        retry_budget: Duration::from_secs(300),
        settle_timeout: Limits::SETTLE_TIMEOUT,
    },
    max_page_size: usize::MAX,
    auth: &[AuthForm::Bearer, AuthForm::ClientCredentials],
    target: &TARGET_SHAPE,
    account: &["client_id"],
    set: &SET_SHAPE,
    paths: &[SERVICE_PATH, SERVICE_LIST_PATH, DOMAIN_PATH, DOMAIN_LIST_PATH],
    pattern: &PROTECT,
    address_is_scope: true,
    divide_by: &[DOMAIN, SERVICE],
    check_target: no_more_rules,
    check_assignment: no_more_rules,
};

const READS: &[Choice] = &[
    Choice { name: "collection", doc: "list a collection, and read key by key where it answers 404 or 405" },
    Choice {
        name: "keyed",
        doc: "never list: read the declared keys one by one, so nothing undeclared can be seen or removed",
    },
];

static TARGET_SHAPE: Shape = Shape {
    title: "a streamline target's spec",
    doc: "One client of Streamline PIE.",
    groups: &[
        TARGET,
        &[
            Field::new("client_id", Type::Id, "The client in the path.").required().mark(Mark::Seed),
            Field::new("read", Type::Choice(READS), "How live assignments are read; `collection` unless given.")
                .mark(Mark::Assumed),
            Field::new(
                "list_pointer",
                Type::Text,
                "JSON pointer to the array in a listing, such as `/data`. Left out: the answer itself, or its `assignments`, `items` or `data`.",
            )
            .mark(Mark::Assumed),
            Field::new(
                "keyed_domain_put",
                Type::Bool,
                "Write a domain's own assignments by keyed PUT under the domain, not by POST to its collection; `false` unless given.",
            )
            .mark(Mark::Assumed),
        ],
    ],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};

static SET_SHAPE: Shape = Shape {
    title: "the set's spec",
    doc: "The assignments of one address: services of a domain, or the domain itself.",
    groups: &[
        SET,
        &[
            Field::new("domain_id", Type::Id, "The domain.").required().part(DOMAIN).mark(Mark::Seed),
            Field::new("service_id", Type::Id, "The service. Left out, with its plural: the domain's own assignments.")
                .part(SERVICE)
                .mark(Mark::Seed),
            Field::new("service_ids", Type::Ids, "Several services, each with all the assignments.").part(SERVICE),
            Field::new("protect", Type::Objects(&PROTECT), "Assignments that must never be archived."),
            Field::new("assignments", Type::Objects(&ASSIGNMENT), "What should be active; `[]` for nothing.")
                .required(),
        ],
    ],
    rules: &[Rule::AtMostOne(&["service_id", "service_ids"])],
    secret: false,
    masks: Masks::new(),
};

static PROTECT: Shape = Shape {
    title: "a protection",
    doc: "Rows with all of these ids must not be lost.",
    groups: &[&[
        Field::new("domain_id", Type::Id, "The domain.").part(DOMAIN).mark(Mark::Seed),
        Field::new("service_id", Type::Id, "The service.").part(SERVICE).mark(Mark::Seed),
        Field::new("assignment_key", Type::Id, "The key.").part(KEY).mark(Mark::Seed),
    ]],
    rules: &[Rule::AtLeastOne(&["domain_id", "service_id", "assignment_key"])],
    secret: false,
    masks: Masks::new(),
};

static ASSIGNMENT: Shape = Shape {
    title: "an assignment",
    doc: "A key and the model version that runs under it. Declared means active: there is no `status`.",
    groups: &[&[
        Field::new("assignment_key", Type::Id, "The key.").required().part(KEY).mark(Mark::Seed),
        Field::new("model_id", Type::Text, "The model.").required().mark(Mark::Doc),
        Field::new("model_version", Type::Version, "Its version.").required().mark(Mark::Doc),
        Field::new("role", Type::Text, "The role of the model.").nullable().mark(Mark::Doc),
        Field::new("settings", Type::JsonMap, "Settings, managed whole.").nullable().mark(Mark::Seed),
        Field::new("metadata", Type::JsonMap, "Metadata, managed whole.").nullable().mark(Mark::Seed),
    ]],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};
