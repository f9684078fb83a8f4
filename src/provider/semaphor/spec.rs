//! Semaphor's manifests (apis/semaphor.md): tables, and the rules about parameters that tables cannot say.

use std::time::Duration;

use crate::diag::Diagnostic;
use crate::manifest::common::{SET, TARGET};
use crate::manifest::findings::{Findings, shown};
use crate::manifest::shape::{Case, Choice, Field, Mark, Masks, Record, Rule, Shape, Type, unique_pairs};
use crate::manifest::yaml::Node;
use crate::manifest::{AuthForm, Kind, PathSpec, no_more_rules};
use crate::model::{Capabilities, FieldKind, FieldSpec, KeyNames, Limits, OnRemove};

/// Key part: the definition.
pub const DEFINITION: usize = 0;
/// Key part: the scope type, as its word.
pub const SCOPE_TYPE: usize = 1;
/// Key part: the actor; none for `ALL_TENANTS`.
pub const ACTOR: usize = 2;

/// What the listing calls a definition, within its connection (apis/semaphor.md: List).
pub const DEFINITION_NAME: &str = "definitionName";
/// The name of a definition's connection: two connections may have definitions of one name.
pub const CONNECTION: &str = "connection";
/// What the listing calls a tenant.
pub const TENANT_NAME: &str = "tenantName";
/// What the listing calls a tenant's user.
pub const TENANT_USER_NAME: &str = "tenantUserName";
/// A tenant's user by email.
pub const TENANT_USER_EMAIL: &str = "tenantUserEmail";
/// What the listing calls a user of the organization.
pub const ORG_USER_NAME: &str = "orgUserName";
/// A user of the organization by email.
pub const ORG_USER_EMAIL: &str = "orgUserEmail";

/// What the API shows in place of a secret value.
pub const MASK: &str = "***";

/// What the API can do.
pub static CAPABILITIES: Capabilities = Capabilities {
    provider: "semaphor",
    key_fields: &["definitionId", "scopeType", "actorId"],
    // apis/semaphor.md: which field holds the actor is told by the scope type.
    key_names: Some(KeyNames {
        part: ACTOR,
        by: SCOPE_TYPE,
        names: &[("TENANT", "tenantId"), ("TENANT_USER", "tenantUserId"), ("ORG_USER", "orgUserId")],
    }),
    fields: &[
        // One map on the wire: `params` is sent whole, so sending it means sending the masked keys too.
        FieldSpec { name: "params", kind: FieldKind::Json, sent_with: Some("secret_params") },
        FieldSpec { name: "secret_params", kind: FieldKind::SecretMap, sent_with: None },
    ],
    pairing: None,
    window: None,
    order_by: DEFINITION,
    holder: None,
    on_remove: OnRemove::Remove,
    after_apply: None,
    route: super::route::route,
};

/// The project's assignments; an id follows as one more segment.
pub const ASSIGNMENTS_PATH: PathSpec = PathSpec {
    name: "assignments",
    option: "path_assignments",
    template: "/api/management/v1/projects/{project_id}/unified-security/assignments",
    doc: "The project's assignments; an id follows as one more segment.",
};

/// The kind.
pub static KIND: Kind = Kind {
    name: "SemaphorAssignments",
    doc: "Security definitions bound to tenants, tenant users, organization users or all tenants, with parameters.",
    capabilities: &CAPABILITIES,
    vendor: "https://semaphor.cloud",
    limits: Limits {
        concurrency: 8,
        // 5000 requests a minute an account (apis/semaphor.md: Limits): 83 a second, of which we leave a third to others.
        requests_per_second: Some(50.0),
        batch_size: 1,    // there is no batch route
        page_size: 1_000, // the listing has no pages; kept for the one field that all targets share
        timeout: Duration::from_secs(30),
        retry_budget: Duration::from_secs(300), // a rate limit ends within the minute
        settle_timeout: Limits::SETTLE_TIMEOUT,
    },
    max_page_size: usize::MAX,
    auth: &[AuthForm::Bearer, AuthForm::ProjectSecret],
    target: &TARGET_SHAPE,
    account: &["project_id"],
    set: &SET_SHAPE,
    paths: &[ASSIGNMENTS_PATH],
    pattern: &PATTERN,
    address_is_scope: false,
    divide_by: &[DEFINITION],
    check_target: no_more_rules,
    check_assignment,
};

static TARGET_SHAPE: Shape = Shape {
    title: "a semaphor target's spec",
    doc: "One project of Semaphor.",
    groups: &[
        TARGET,
        &[
            Field::new("project_id", Type::Id, "The project in the path.").required().mark(Mark::Seed),
            Field::new(
                "duplicate_status",
                Type::Integer(400, 499),
                "The status that says an assignment exists already; 409 unless given.",
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
    doc: "The assignments, and what the set has authority over.",
    groups: &[
        SET,
        &[
            Field::new("scope", Type::Scope(&SCOPE), "What the set has authority over; `all` for the whole project."),
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
    doc: "All assignments of these definitions.",
    groups: &[&[
        Field::new("definitionIds", Type::Ids, "These definitions.").part(DEFINITION).mark(Mark::Seed),
        CONNECTION_FIELD,
        DEFINITION_NAMES,
    ]],
    rules: &[
        Rule::ExactlyOne(&["definitionIds", "definitionNames"]),
        Rule::Needs("definitionNames", &[CONNECTION]),
        Rule::Needs(CONNECTION, &["definitionNames"]),
    ],
    secret: false,
    masks: Masks::new(),
};

const CONNECTION_FIELD: Field =
    Field::new(CONNECTION, Type::LiveName, "The connection that the named definitions belong to, by name.");

const DEFINITION_NAMES: Field =
    Field::names("definitionNames", DEFINITION_NAME, DEFINITION, "Several definitions of the `connection`, by name.")
        .within(CONNECTION);

const DEFINITION_BY_NAME: Field =
    Field::name(DEFINITION_NAME, DEFINITION, "The definition of the `connection`, by name.").within(CONNECTION);

const SCOPE_TYPES: &[Choice] = &[
    Choice { name: "ALL_TENANTS", doc: "everyone; takes no actor" },
    Choice { name: "TENANT", doc: "one tenant" },
    Choice { name: "TENANT_USER", doc: "one user of a tenant" },
    Choice { name: "ORG_USER", doc: "one user of the organization" },
];

/// Which actor field goes with which scope type (apis/semaphor.md: Create).
const ACTORS: &[Case] = &[
    Case { value: "ALL_TENANTS", groups: &[], optional: &[] },
    Case { value: "TENANT", groups: &[&["tenantId", "tenantIds", TENANT_NAME, "tenantNames"]], optional: &[] },
    Case {
        value: "TENANT_USER",
        groups: &[&[
            "tenantUserId",
            "tenantUserIds",
            TENANT_USER_EMAIL,
            "tenantUserEmails",
            TENANT_USER_NAME,
            "tenantUserNames",
        ]],
        optional: &[],
    },
    Case {
        value: "ORG_USER",
        groups: &[&["orgUserId", "orgUserIds", ORG_USER_EMAIL, "orgUserEmails", ORG_USER_NAME, "orgUserNames"]],
        optional: &[],
    },
];

static PROTECT: Shape = Shape {
    title: "a protection",
    doc: "Rows with all of these must not be lost.",
    groups: &[
        PATTERN_FIELDS,
        &[
            CONNECTION_FIELD,
            DEFINITION_BY_NAME,
            Field::name(TENANT_NAME, ACTOR, "The tenant, by name."),
            Field::name(TENANT_USER_EMAIL, ACTOR, "The tenant user, by email."),
            Field::name(TENANT_USER_NAME, ACTOR, "The tenant user, by name."),
            Field::name(ORG_USER_EMAIL, ACTOR, "The organization user, by email."),
            Field::name(ORG_USER_NAME, ACTOR, "The organization user, by name."),
        ],
    ],
    rules: &[
        Rule::AtLeastOne(&[
            "definitionId",
            DEFINITION_NAME,
            "scopeType",
            "tenantId",
            TENANT_NAME,
            "tenantUserId",
            TENANT_USER_EMAIL,
            TENANT_USER_NAME,
            "orgUserId",
            ORG_USER_EMAIL,
            ORG_USER_NAME,
        ]),
        Rule::AtMostOne(&["definitionId", DEFINITION_NAME]),
        Rule::Needs(DEFINITION_NAME, &[CONNECTION]),
        Rule::Needs(CONNECTION, &[DEFINITION_NAME]),
        Rule::AtMostOne(&[
            "tenantId",
            TENANT_NAME,
            "tenantUserId",
            TENANT_USER_EMAIL,
            TENANT_USER_NAME,
            "orgUserId",
            ORG_USER_EMAIL,
            ORG_USER_NAME,
        ]),
    ],
    secret: false,
    masks: Masks::new(),
};

const PATTERN_FIELDS: &[Field] = &[
    Field::new("definitionId", Type::Id, "The definition.").part(DEFINITION).mark(Mark::Seed),
    Field::new("scopeType", Type::Choice(SCOPE_TYPES), "The scope type.").part(SCOPE_TYPE).mark(Mark::Seed),
    Field::new("tenantId", Type::Id, "The tenant.").part(ACTOR).mark(Mark::Seed),
    Field::new("tenantUserId", Type::Id, "The tenant user.").part(ACTOR).mark(Mark::Seed),
    Field::new("orgUserId", Type::Id, "The organization user.").part(ACTOR).mark(Mark::Seed),
];

static PATTERN: Shape = Shape {
    title: "a protection",
    doc: "Rows with all of these ids must not be lost.",
    groups: &[PATTERN_FIELDS],
    rules: &[
        Rule::AtLeastOne(&["definitionId", "scopeType", "tenantId", "tenantUserId", "orgUserId"]),
        Rule::AtMostOne(&["tenantId", "tenantUserId", "orgUserId"]),
    ],
    secret: false,
    masks: Masks::new(),
};

static ASSIGNMENT: Shape = Shape {
    title: "an assignment",
    doc: "A definition, an actor, and the parameters for that actor; plural fields give the cross product.",
    groups: &[&[
        Field::new("definitionId", Type::Id, "The definition.").part(DEFINITION).mark(Mark::Seed),
        Field::new("definitionIds", Type::Ids, "Several definitions.").part(DEFINITION),
        CONNECTION_FIELD,
        DEFINITION_BY_NAME,
        DEFINITION_NAMES,
        Field::new("scopeType", Type::Choice(SCOPE_TYPES), "Whom it holds for.")
            .required()
            .part(SCOPE_TYPE)
            .mark(Mark::Seed),
        Field::new("tenantId", Type::Id, "The tenant.").part(ACTOR).mark(Mark::Seed),
        Field::new("tenantIds", Type::Ids, "Several tenants.").part(ACTOR),
        Field::name(TENANT_NAME, ACTOR, "The tenant, by name."),
        Field::names("tenantNames", TENANT_NAME, ACTOR, "Several tenants, by name."),
        Field::new("tenantUserId", Type::Id, "The tenant user.").part(ACTOR).mark(Mark::Seed),
        Field::new("tenantUserIds", Type::Ids, "Several tenant users.").part(ACTOR),
        Field::name(TENANT_USER_EMAIL, ACTOR, "The tenant user, by email."),
        Field::names("tenantUserEmails", TENANT_USER_EMAIL, ACTOR, "Several tenant users, by email."),
        Field::name(TENANT_USER_NAME, ACTOR, "The tenant user, by name."),
        Field::names("tenantUserNames", TENANT_USER_NAME, ACTOR, "Several tenant users, by name."),
        Field::new("orgUserId", Type::Id, "The organization user.").part(ACTOR).mark(Mark::Seed),
        Field::new("orgUserIds", Type::Ids, "Several organization users.").part(ACTOR),
        Field::name(ORG_USER_EMAIL, ACTOR, "The organization user, by email."),
        Field::names("orgUserEmails", ORG_USER_EMAIL, ACTOR, "Several organization users, by email."),
        Field::name(ORG_USER_NAME, ACTOR, "The organization user, by name."),
        Field::names("orgUserNames", ORG_USER_NAME, ACTOR, "Several organization users, by name."),
        Field::new("params", Type::JsonMap, "Parameter values, managed whole.").nullable().mark(Mark::Seed),
        Field::new("secret_params", Type::SecretMap, "Secret parameter values, as references.").nullable(),
    ]],
    rules: &[
        Rule::ExactlyOne(&["definitionId", "definitionIds", DEFINITION_NAME, "definitionNames"]),
        Rule::Needs(DEFINITION_NAME, &[CONNECTION]),
        Rule::Needs("definitionNames", &[CONNECTION]),
        Rule::Needs(CONNECTION, &[DEFINITION_NAME, "definitionNames"]),
        Rule::Case { field: "scopeType", default: None, cases: ACTORS },
    ],
    secret: false,
    masks: Masks::new(),
};

/// A masked value is no value, and a parameter has one source.
fn check_assignment(entry: &Record<'_>, findings: &mut Findings) {
    let Some(params) = entry.get("params") else { return };
    refuse_masks(params, findings);
    let Some(secrets) = entry.get("secret_params") else { return };
    // Doubled keys are reported where the maps are read.
    let mut silent = Findings::default();
    let plain = unique_pairs(params, &mut silent);
    for (_, span, name, _) in unique_pairs(secrets, &mut silent) {
        let Some((_, other, ..)) = plain.iter().find(|(_, _, key, _)| *key == name) else { continue };
        let message = format!("the parameter {} is given twice", shown(name));
        let diagnostic =
            Diagnostic::error("conflicting-fields", message, span).also(*other, "and as a plain value here");
        findings.push(diagnostic.help("keep it in `params` or in `secret_params`, not in both"));
    }
}

fn refuse_masks(node: Node<'_>, findings: &mut Findings) {
    if node.scalar().is_some_and(|scalar| scalar.text == MASK) {
        let message = format!("`{MASK}` is what the API shows in place of a secret, not a value");
        let help = "move the parameter to `secret_params`, with a reference: `{env: NAME}`";
        findings.push(Diagnostic::error("masked-value", message, node.span()).help(help));
    }
    node.items().for_each(|item| refuse_masks(item, findings));
    node.pairs().for_each(|(_, value)| refuse_masks(value, findings));
}
