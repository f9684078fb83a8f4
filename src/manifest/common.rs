//! The tables that all kinds share: documents, metadata, sign-in, limits, modes, exceptions.

use super::shape::{Choice, Field, Masks, Rule, Shape, Type};

/// The version that manifests name.
pub const API_VERSION: &str = "assignctl/v1";

const MODES: &[Choice] = &[
    Choice { name: "observe", doc: "report only" },
    Choice { name: "additive", doc: "create and update, never take away" },
    Choice { name: "authoritative", doc: "also remove what is live in scope and not declared" },
];

/// A document.
pub static DOCUMENT: Shape = Shape {
    title: "a document",
    doc: "One manifest document.",
    groups: &[&[
        Field::new("apiVersion", Type::Text, "The version of this format: `assignctl/v1`.").required(),
        Field::new("kind", Type::Text, "What the document declares.").required(),
        Field::new("metadata", Type::Object(&METADATA), "Its name and labels.").required(),
        // Any object: which one is the kind's to say.
        Field::new("spec", Type::JsonMap, "What is declared.").required(),
    ]],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};

/// A root's document: everything but the version and the kind may be left out.
pub static ROOT_DOCUMENT: Shape = Shape {
    title: "a root document",
    doc: "`assignctl.yaml`: marks the root of a repository of manifests.",
    groups: &[&[
        Field::new("apiVersion", Type::Text, "The version of this format: `assignctl/v1`.").required(),
        Field::new("kind", Type::Text, "`Root`.").required(),
        Field::new("metadata", Type::Object(&ROOT_METADATA), "Its name and labels."),
        Field::new("spec", Type::Object(&ROOT), "What holds for all manifests below."),
    ]],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};

/// `metadata`.
pub static METADATA: Shape = Shape {
    title: "metadata",
    doc: "A document's name and labels.",
    groups: &[&[
        Field::new("name", Type::Name, "The name: unique among the targets, and among the sets, of a root.").required(),
        Field::new("labels", Type::Labels, "Labels, for `-l KEY=VALUE`."),
    ]],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};

/// A root's `metadata`.
pub static ROOT_METADATA: Shape = Shape {
    title: "metadata",
    doc: "A root's name and labels; for readers only.",
    groups: &[&[Field::new("name", Type::Name, "A name."), Field::new("labels", Type::Labels, "Labels.")]],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};

/// `Root.spec`.
pub static ROOT: Shape = Shape {
    title: "the root's spec",
    doc: "What holds for all manifests below the root.",
    groups: &[&[
        Field::new(
            "ignore",
            Type::Globs,
            "Files and directories that are no manifests, relative to the root; a glob without `/` matches at any depth.",
        ),
        Field::new("sandbox", Type::Object(&SANDBOX), "The embedded server's files."),
    ]],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};

static SANDBOX: Shape = Shape {
    title: "the sandbox",
    doc: "The embedded server that targets with `endpoint: sandbox` use.",
    groups: &[&[
        Field::new("state", Type::Path, "Where its state is kept; `.assignctl/sandbox.db` unless given."),
        Field::new("seed", Type::Path, "The live state that a new sandbox starts with. It is no manifest."),
    ]],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};

/// The fields of `Target.spec` that every provider has.
pub static TARGET: &[Field] = &[
    Field::new("provider", Type::Text, "The system.").required(),
    Field::new(
        "endpoint",
        Type::Endpoint,
        "Where requests go: the vendor's host unless given; `sandbox` for the embedded server.",
    ),
    Field::new("auth", Type::Object(&AUTH), "How to sign in. Every target but a sandbox needs it."),
    Field::new("limits", Type::Object(&LIMITS), "How hard the system may be pressed."),
    Field::new(
        "self",
        Type::Holder,
        "What the credential acts as: the holder's id, or key fields of the rows that it lives by. None of these is ever lost.",
    ),
];

/// `Target.spec.auth`.
pub static AUTH: Shape = Shape {
    title: "auth",
    doc: "How to sign in. Secrets are references, never values.",
    groups: &[&[
        Field::new("bearer", Type::Secret, "A token, sent as `Authorization: Bearer …`. All systems."),
        Field::new("api_key", Type::Secret, "An API key, sent as `X-API-Key`. Canopy with `surface: api`."),
        Field::new("client_credentials", Type::Object(&CLIENT_CREDENTIALS), "OAuth 2 client credentials. Streamline."),
        Field::new("project_secret", Type::Secret, "A project secret, exchanged for a token. Semaphor."),
        Field::new("org_user_id", Type::Id, "The organization user that the exchanged token acts as."),
    ]],
    rules: &[
        Rule::ExactlyOne(&["bearer", "api_key", "client_credentials", "project_secret"]),
        Rule::Needs("org_user_id", &["project_secret"]),
    ],
    secret: true,
    masks: Masks::new(),
};

/// `auth.client_credentials`.
pub static CLIENT_CREDENTIALS: Shape = Shape {
    title: "client_credentials",
    doc: "OAuth 2 client credentials.",
    groups: &[&[
        Field::new(
            "token_url",
            Type::Url,
            "The token endpoint. Its host must be allowed by the caller (`--allow-host`).",
        )
        .required(),
        Field::new("client_id", Type::Secret, "The client's id.").required(),
        Field::new("client_secret", Type::Secret, "The client's secret.").required(),
        Field::new("scopes", Type::Texts, "Scopes to ask for, such as `streamline/admin`."),
    ]],
    rules: &[],
    secret: true,
    masks: Masks::new(),
};

/// `Target.spec.limits`.
pub static LIMITS: Shape = Shape {
    title: "limits",
    doc: "How hard the system may be pressed; the defaults are each provider's.",
    groups: &[&[
        Field::new("concurrency", Type::Integer(1, 256), "Requests in flight at once."),
        Field::new("requests_per_second", Type::Number(10_000), "Requests a second, reads and writes together."),
        Field::new("batch_size", Type::Integer(1, 10_000), "Entries a batch request carries."),
        Field::new("page_size", Type::Integer(1, 10_000), "Rows a page holds."),
        Field::new("timeout", Type::Duration(10, 3_600_000), "The longest that one request may take."),
        Field::new("retry_budget", Type::Duration(0, 86_400_000), "The longest that retries may wait, in total."),
        Field::new(
            "settle_timeout",
            Type::Duration(0, 600_000),
            "The longest that the effect of a write is looked for whose answer did not come (default 30s). Raise it where a gateway \
             gives up on a slow server.",
        ),
    ]],
    rules: &[],
    secret: false,
    masks: Masks::new(),
};

/// The fields that every set's spec starts with.
pub static SET: &[Field] = &[
    Field::new("target", Type::Name, "The target's `metadata.name`.").required(),
    Field::new("mode", Type::Choice(MODES), "How far the set's authority goes.").required(),
    Field::new("expect", Type::Object(&EXPECT), "The reviewed exception to the thresholds for losses and updates."),
    Field::new(
        "ignore",
        Type::Objects(&IGNORE),
        "Differences that are left alone: not planned and no drift, but counted.",
    ),
];

/// `expect`.
pub static EXPECT: Shape = Shape {
    title: "expect",
    doc: "What this change may take away or update beyond the thresholds.",
    groups: &[&[
        Field::new("removes", Type::Integer(0, u32::MAX as u64), "How many losses are expected, at most."),
        Field::new("updates", Type::Integer(0, u32::MAX as u64), "How many updates are expected, at most."),
        Field::new("until", Type::Until, "When it ends; a date counts to its end, in UTC."),
    ]],
    rules: &[Rule::AtLeastOne(&["removes", "updates"])],
    secret: false,
    masks: Masks::new(),
};

/// `protect[].min_holders`, for providers whose assignments have holders.
pub const MIN_HOLDERS: Field = Field::new(
    "min_holders",
    Type::Integer(1, u32::MAX as u64),
    "How many distinct holders must remain. Left out: no matching row may be lost.",
);

/// One of `ignore`.
pub static IGNORE: Shape = Shape {
    title: "a rule of `ignore`",
    doc: "Differences that are left alone. `fields` alone: those fields of every assignment of the set; `match` alone: the assignments as a whole, also whether they are there; both: those fields of those assignments.",
    groups: &[&[
        Field::new("fields", Type::Texts, "The fields whose differences are left alone."),
        Field::new(
            "match",
            Type::PatternMap,
            "A pattern for each key field named (`*` is any run of characters); assignments that fit all of them.",
        ),
        Field::new("reason", Type::Text, "Why; shown wherever the difference is.").required(),
        Field::new("until", Type::Until, "When it ends; a date counts to its end, in UTC. Afterwards it is an error."),
    ]],
    rules: &[Rule::AtLeastOne(&["fields", "match"])],
    secret: false,
    masks: Masks::new(),
};
