//! Small plans, made by the planner itself from rows written in the test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use assignctl::diag::Sources;
use assignctl::model::{
    Account, Action, Capabilities, Change, Coverage, Desired, DesiredSet, Endpoint, Expect, FieldKind, FieldSpec,
    Fields, Ids, Instant, Key, KeyNames, Limits, Live, Mode, Names, OnRemove, Origin, Pairing, PartScope, Protect,
    Route, Scope, SecretRef, Snapshot, Sym, Target, Value, Window,
};
use assignctl::plan::{Input, Plan, SetInput, TargetPlan, Thresholds, Unreadable, plan_target};

const fn field(name: &'static str, kind: FieldKind) -> FieldSpec {
    FieldSpec { name, kind, sent_with: None }
}

fn route(names: [&'static str; 3], change: &Change, batch: usize) -> Route {
    let name = match change.action {
        Action::Create => names[0],
        Action::Update => names[1],
        Action::Remove => names[2],
    };
    Route { name, group: Sym::NONE, batch, requests: 1 }
}

pub static STREAMLINE: Capabilities = Capabilities {
    provider: "streamline",
    key_fields: &["domain_id", "service_id", "assignment_key"],
    key_names: None,
    fields: &[
        field("metadata", FieldKind::Json),
        field("model_id", FieldKind::Text),
        field("model_version", FieldKind::Text),
        field("role", FieldKind::Text),
        field("settings", FieldKind::Json),
    ],
    pairing: None,
    window: None,
    order_by: 2,
    holder: None,
    on_remove: OnRemove::Archive,
    after_apply: None,
    route: |change, _, _| route(["PUT …/assignments/{key}"; 3], change, 1),
};

pub static PARTIUM: Capabilities = Capabilities {
    provider: "partium",
    key_fields: &["ass_id", "org_id"],
    key_names: None,
    fields: &[],
    pairing: None,
    window: None,
    order_by: 0,
    holder: None,
    on_remove: OnRemove::Remove,
    after_apply: Some("changes reach search only after an import"),
    route: |change, _, _| {
        route(["POST …/organizations", "POST …/organizations", "DELETE …/organizations"], change, 500)
    },
};

pub static SEMAPHOR: Capabilities = Capabilities {
    provider: "semaphor",
    key_fields: &["definitionId", "scopeType", "actor"],
    key_names: Some(KeyNames {
        part: 2,
        by: 1,
        names: &[("TENANT", "tenantId"), ("TENANT_USER", "tenantUserId"), ("ORG_USER", "orgUserId")],
    }),
    fields: &[
        FieldSpec { name: "params", kind: FieldKind::Json, sent_with: Some("secret_params") },
        field("secret_params", FieldKind::SecretMap),
    ],
    pairing: None,
    window: None,
    order_by: 0,
    holder: None,
    on_remove: OnRemove::Remove,
    after_apply: None,
    route: |change, _, _| route(["POST …/assignments", "PATCH …/{id}", "DELETE …/{id}"], change, 1),
};

pub static CANOPY: Capabilities = Capabilities {
    provider: "canopy",
    key_fields: &["identity_id", "node_id", "role_id"],
    key_names: None,
    fields: &[field("effective_from", FieldKind::Instant), field("effective_to", FieldKind::Instant)],
    pairing: Some(Pairing { slot: &[0, 1], replaced: 2 }),
    window: Some(Window { from: "effective_from", to: "effective_to" }),
    order_by: 0,
    holder: Some(0),
    on_remove: OnRemove::Remove,
    after_apply: None,
    route: |change, _, _| route(["POST …/bulk-create", "PATCH …/{id}", "POST …/bulk-remove"], change, 100),
};

pub type FieldList = Vec<(&'static str, Value)>;

pub fn text(text: &str) -> Value {
    Value::Text(text.into())
}

pub fn json(json: serde_json::Value) -> Value {
    Value::Json(Box::new(json))
}

pub fn instant(text: &str) -> Value {
    Value::Instant(Instant::parse(text).unwrap())
}

pub fn secret(key: &str, variable: &str) -> Value {
    Value::Secrets(BTreeMap::from([(key.into(), SecretRef::Env(variable.into()))]))
}

pub fn masked(key: &str) -> Value {
    Value::Masked(vec![key.into()])
}

/// The moment of all plans here.
pub fn now() -> Instant {
    Instant::parse("2026-06-01T00:00:00Z").unwrap()
}

/// A run's tables, and the targets planned so far.
pub struct World {
    pub ids: Arc<Ids>,
    sources: Sources,
    targets: Vec<TargetPlan>,
}

/// A manifest of 99 lines, each ten bytes long, so that line N starts at byte (N - 1) * 10.
fn line(line: u32) -> Origin {
    Origin { source: 0, start: (line - 1) * 10, end: (line - 1) * 10 + 4 }
}

impl World {
    pub fn new() -> Self {
        let mut sources = Sources::default();
        sources.add("teams/access.yaml", "- entry 1\n".repeat(99));
        Self { ids: Arc::new(Ids::default()), sources, targets: Vec::new() }
    }

    pub fn key(&self, parts: &[&str]) -> Key {
        Key::new(&parts.iter().map(|part| self.ids.sym(part)).collect::<Vec<_>>())
    }

    /// A declared row, on a line of the manifest.
    pub fn row(&self, at: u32, parts: &[&str], fields: FieldList) -> Desired {
        Desired { key: self.key(parts), fields: Fields::new(fields), origin: line(at) }
    }

    pub fn live(&self, parts: &[&str], fields: FieldList) -> Live {
        let id = Some(format!("srv-{}", parts.join("-")).into());
        Live { key: self.key(parts), id, fields: Fields::new(fields), info: None }
    }

    /// An authoritative set over everything, declared on line 1.
    pub fn set(&self, name: &str, rows: Vec<Desired>) -> DesiredSet {
        DesiredSet {
            name: name.to_owned(),
            labels: Vec::new(),
            target: 0,
            mode: Mode::Authoritative,
            scope: Some(Scope::default()),
            scope_text: "all".to_owned(),
            expect: None,
            protect: Vec::new(),
            ignore: Vec::new(),
            rows,
            names: Vec::new(),
            scope_origin: Origin::default(),
            origin: line(1),
        }
    }

    /// A scope that limits one key part.
    pub fn scope(&self, part: usize, ids: &[&str]) -> Scope {
        let mut scope = Scope::default();
        scope.parts[part] = PartScope::In(ids.iter().map(|id| self.ids.sym(id)).collect::<BTreeSet<_>>());
        scope
    }

    pub fn protect(&self, part: usize, id: &str, min_holders: Option<u64>) -> Protect {
        let mut parts = [None; 4];
        parts[part] = Some(self.ids.sym(id));
        Protect { parts, min_holders, origin: Some(line(7)) }
    }

    /// Plans a target whose listing is whole.
    pub fn plan(&mut self, name: &str, capabilities: &'static Capabilities, sets: &[DesiredSet], live: Vec<Live>) {
        self.plan_read(name, capabilities, sets, Ok(snapshot(live, Names::default())));
    }

    pub fn plan_read(
        &mut self,
        name: &str,
        capabilities: &'static Capabilities,
        sets: &[DesiredSet],
        read: Result<Snapshot, Unreadable>,
    ) {
        self.plan_selected(name, capabilities, sets, read, |_| true);
    }

    pub fn plan_selected(
        &mut self,
        name: &str,
        capabilities: &'static Capabilities,
        sets: &[DesiredSet],
        read: Result<Snapshot, Unreadable>,
        selected: impl Fn(&str) -> bool,
    ) {
        let target = target(name, capabilities.provider);
        let inputs: Vec<SetInput<'_>> =
            sets.iter().map(|set| SetInput { set, selected: selected(&set.name), mode: set.mode }).collect();
        let input = Input {
            ids: &self.ids,
            sources: &self.sources,
            now: now(),
            rotate: false,
            list_unchanged: true,
            thresholds: Thresholds::default(),
            policy: None,
            target: &target,
            endpoint: "sandbox",
            capabilities,
            sets: &inputs,
        };
        self.targets.push(plan_target(&input, read));
    }

    pub fn done(self) -> Plan {
        Plan {
            ids: self.ids,
            now: now(),
            policy: None,
            policy_file: None,
            targets: self.targets,
            base: None,
            part: None,
        }
    }
}

pub fn snapshot(rows: Vec<Live>, names: Names) -> Snapshot {
    let evidence = format!("1 page, {} rows", rows.len());
    let coverage = vec![Coverage { scope: Scope::default(), gap: None, evidence }];
    Snapshot { rows, names, coverage, requests: 1, ..Snapshot::default() }
}

pub fn expect(removes: Option<u64>, updates: Option<u64>, until: Option<&str>) -> Expect {
    Expect { removes, updates, until: until.and_then(Instant::parse), origin: line(5) }
}

fn target(name: &str, provider: &'static str) -> Target {
    Target {
        name: name.to_owned(),
        labels: Vec::new(),
        provider,
        endpoint: Endpoint::Sandbox,
        auth: None,
        limits: Limits {
            concurrency: 8,
            requests_per_second: None,
            batch_size: 100,
            page_size: 100,
            timeout: Duration::from_secs(30),
            retry_budget: Duration::from_secs(300),
            settle_timeout: Limits::SETTLE_TIMEOUT,
        },
        account: vec![Account { field: "account".to_owned(), value: "acme".to_owned() }],
        options: Fields::default(),
        own: None,
        origin: line(1),
    }
}

/// One target a provider with every kind of change, an unmanaged row, an unchanged one and an observed difference.
pub fn everything() -> Plan {
    let mut world = World::new();
    canopy(&mut world);
    partium(&mut world);
    semaphor(&mut world);
    streamline(&mut world);
    world.done()
}

fn canopy(world: &mut World) {
    let mut names = Names::default();
    for (part, id, name) in [
        (0, "idn_anna", "Anna Berg <anna@example.com>"),
        (0, "idn_bob", "Bob Chen <bob@example.com>"),
        (0, "idn_carl", "Carl Diaz <carl@example.com>"),
        (1, "node_emea", "EMEA"),
        (2, "role_support", "Support"),
        (2, "role_lead", "Lead"),
    ] {
        names.add(part, world.ids.sym(id), name);
    }
    let until = |date: &str| vec![("effective_to", instant(date))];
    let rows = vec![
        world.row(12, &["idn_anna", "node_emea", "role_support"], until("2026-12-31T23:59:59Z")),
        world.row(13, &["idn_bob", "node_emea", "role_lead"], vec![]),
        world.row(14, &["idn_dora", "node_emea", "role_support"], until("2026-09-30T00:00:00Z")),
        world.row(15, &["idn_eve", "node_emea", "role_support"], vec![]),
        world.row(16, &["idn_frank", "node_emea", "role_support"], until("2026-01-31T00:00:00Z")),
        world.row(17, &["idn_gina", "node_emea", "role_support"], vec![]),
    ];
    let live = vec![
        world.live(&["idn_bob", "node_emea", "role_support"], vec![]),
        world.live(&["idn_carl", "node_emea", "role_lead"], vec![]),
        world.live(&["idn_dora", "node_emea", "role_support"], until("2026-12-31T00:00:00Z")),
        world.live(&["idn_eve", "node_emea", "role_support"], until("2026-05-01T00:00:00Z")),
        world.live(&["idn_gina", "node_emea", "role_support"], vec![]),
        world.live(&["idn_old", "node_emea", "role_support"], until("2025-05-01T00:00:00Z")),
    ];
    let set = DesiredSet {
        scope: Some(world.scope(1, &["node_emea"])),
        scope_text: "node_ids node_emea".to_owned(),
        ..world.set("emea-support", rows)
    };
    world.plan_read("crm-prod", &CANOPY, &[set], Ok(snapshot(live, names)));
}

fn partium(world: &mut World) {
    let rows = vec![
        world.row(22, &["root-ass1", "dealer-at"], vec![]),
        world.row(23, &["root-ass2", "dealer-at"], vec![]),
        world.row(24, &["root-ass3", "dealer-at"], vec![]),
    ];
    let observed = DesiredSet {
        mode: Mode::Observe,
        scope: Some(world.scope(1, &["dealer-us"])),
        scope_text: "org_ids dealer-us".to_owned(),
        ..world.set("dealers-us", vec![world.row(30, &["root-ass1", "dealer-us"], vec![])])
    };
    let managed = DesiredSet {
        scope: Some(world.scope(1, &["dealer-at"])),
        scope_text: "org_ids dealer-at".to_owned(),
        ..world.set("dealers", rows)
    };
    let live = vec![
        world.live(&["root-ass1", "dealer-at"], vec![]),
        world.live(&["root-ass3", "dealer-at"], vec![]),
        world.live(&["root-ass9", "dealer-at"], vec![]),
        world.live(&["root-ass9", "dealer-us"], vec![]),
    ];
    world.plan("parts-prod", &PARTIUM, &[managed, observed], live);
}

fn semaphor(world: &mut World) {
    let rows = vec![
        world.row(
            42,
            &["usd_tenant", "TENANT", "tenant_123"],
            vec![
                ("params", json(serde_json::json!({ "region": "us", "tiers": ["gold", "silver"] }))),
                ("secret_params", secret("warehouse_key", "WAREHOUSE_KEY")),
            ],
        ),
        world.row(
            48,
            &["usd_tenant", "TENANT", "tenant_456"],
            vec![
                ("params", json(serde_json::json!({ "region": "eu" }))),
                ("secret_params", secret("warehouse_key", "WAREHOUSE_KEY")),
            ],
        ),
    ];
    let live = vec![
        world.live(
            &["usd_tenant", "TENANT", "tenant_123"],
            vec![
                ("params", json(serde_json::json!({ "region": "eu", "tiers": ["gold", "bronze"] }))),
                ("secret_params", masked("old_key")),
            ],
        ),
        world.live(
            &["usd_tenant", "ALL_TENANTS", ""],
            vec![("params", json(serde_json::json!({ "region": "eu" }))), ("secret_params", masked("warehouse_key"))],
        ),
    ];
    world.plan("analytics-prod", &SEMAPHOR, &[world.set("tenant-isolation", rows)], live);
}

fn streamline(world: &mut World) {
    let model = |version: &str| vec![("model_id", text("demand-forecast")), ("model_version", text(version))];
    let with = |mut fields: FieldList, more: FieldList| {
        fields.extend(more);
        fields
    };
    let rows = vec![
        world.row(
            52,
            &["south_australia", "service-1", "default"],
            with(
                model("2.1.0"),
                vec![
                    ("role", Value::Null),
                    ("settings", json(serde_json::json!({ "horizon_days": 14, "sources": ["weather", "demand"] }))),
                ],
            ),
        ),
        world.row(
            58,
            &["south_australia", "service-2", "default"],
            with(model("2.1.0"), vec![("metadata", json(serde_json::json!({ "owner": "pricing" })))]),
        ),
    ];
    let live = vec![
        world.live(
            &["south_australia", "service-1", "default"],
            with(
                model("2.0.0"),
                vec![
                    ("role", text("primary")),
                    ("settings", json(serde_json::json!({ "horizon_days": 7, "sources": ["weather", "demand"] }))),
                ],
            ),
        ),
        world.live(&["south_australia", "service-3", "default"], model("1.0.0")),
    ];
    world.plan("pie-prod", &STREAMLINE, &[world.set("pricing", rows)], live);
}
