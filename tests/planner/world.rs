//! A small world to plan in: identities hold roles at nodes, with dates and a map that masks one kind of value.

use assignctl::diag::Sources;
use assignctl::model::{
    Account, Capabilities, Change, Coverage, Desired, DesiredSet, Endpoint, Expect, FieldKind, FieldSpec, Fields, Ids,
    Instant, Key, Limits, Live, Mode, OnRemove, Origin, Pairing, PartScope, Protect, Route, Scope, Snapshot, Sym,
    Target, TargetPolicy, Value, Window,
};
use assignctl::plan::{Input, SetInput, TargetPlan, Thresholds, plan_target};

pub const NOW: i64 = 1_800_000_000_000;
pub const DAY: i64 = 86_400_000;

pub static CAPABILITIES: Capabilities = Capabilities {
    provider: "world",
    key_fields: &["identity_id", "node_id", "role_id"],
    key_names: None,
    fields: &[
        FieldSpec { name: "effective_from", kind: FieldKind::Instant, sent_with: None },
        FieldSpec { name: "effective_to", kind: FieldKind::Instant, sent_with: None },
        FieldSpec { name: "params", kind: FieldKind::Json, sent_with: Some("secret_params") },
        FieldSpec { name: "secret_params", kind: FieldKind::SecretMap, sent_with: None },
    ],
    pairing: Some(Pairing { slot: &[0, 1], replaced: 2 }),
    window: Some(Window { from: "effective_from", to: "effective_to" }),
    order_by: 0,
    holder: Some(0),
    on_remove: OnRemove::Remove,
    after_apply: None,
    route: |change: &Change, limits: &Limits, _: &Fields| Route {
        name: match change.action {
            assignctl::model::Action::Create => "POST",
            assignctl::model::Action::Update => "PATCH",
            assignctl::model::Action::Remove => "DELETE",
        },
        group: Sym::NONE,
        batch: limits.batch_size,
        requests: 1,
    },
};

pub type Dates = (Option<i64>, Option<i64>);

pub struct World {
    pub ids: Ids,
    pub target: Target,
    pub sets: Vec<(DesiredSet, bool)>,
    pub live: Vec<Live>,
    pub gap: Option<String>,
    pub rotate: bool,
    pub policy: Option<TargetPolicy>,
}

impl World {
    pub fn new() -> Self {
        let target = Target {
            name: "prod".into(),
            labels: Vec::new(),
            provider: "world",
            endpoint: Endpoint::Vendor,
            auth: None,
            limits: Limits {
                concurrency: 4,
                requests_per_second: None,
                batch_size: 3,
                page_size: 10,
                timeout: std::time::Duration::from_secs(1),
                retry_budget: std::time::Duration::from_secs(1),
                settle_timeout: Limits::SETTLE_TIMEOUT,
            },
            account: vec![Account { field: "account".into(), value: "acme".into() }],
            options: Fields::default(),
            own: None,
            origin: Origin::default(),
        };
        Self { ids: Ids::default(), target, sets: Vec::new(), live: Vec::new(), gap: None, rotate: false, policy: None }
    }

    pub fn key(&self, text: &str) -> Key {
        let parts: Vec<Sym> = text.split(' ').map(|part| self.ids.sym(part)).collect();
        Key::new(&parts)
    }

    /// Adds a set; rows are `identity node role`.
    pub fn set(&mut self, mode: Mode, scope: Option<&[&str]>, rows: &[&str]) -> &mut DesiredSet {
        let scope = scope.map(|nodes| {
            let mut scope = Scope::default();
            if !nodes.is_empty() {
                scope.parts[1] = PartScope::In(nodes.iter().map(|node| self.ids.sym(node)).collect());
            }
            scope
        });
        let rows = rows.iter().map(|row| self.desired(row, Fields::default())).collect();
        let set = DesiredSet {
            name: format!("set-{}", self.sets.len()),
            labels: Vec::new(),
            target: 0,
            mode,
            scope,
            scope_text: "some".into(),
            expect: None,
            protect: Vec::new(),
            ignore: Vec::new(),
            rows,
            names: Vec::new(),
            scope_origin: Origin::default(),
            origin: Origin::default(),
        };
        self.sets.push((set, true));
        &mut self.sets.last_mut().unwrap().0
    }

    pub fn desired(&self, row: &str, fields: Fields) -> Desired {
        Desired { key: self.key(row), fields, origin: Origin::default() }
    }

    pub fn declare(&mut self, row: &str, fields: Vec<(&'static str, Value)>) {
        let row = self.desired(row, Fields::new(fields));
        self.sets.last_mut().unwrap().0.rows.push(row);
    }

    pub fn live(&mut self, row: &str, dates: Dates) {
        let date = |date: Option<i64>| date.map_or(Value::Null, |days| Value::Instant(Instant(NOW + days * DAY)));
        self.live_with(row, vec![("effective_from", date(dates.0)), ("effective_to", date(dates.1))]);
    }

    pub fn live_with(&mut self, row: &str, fields: Vec<(&'static str, Value)>) {
        let id = Some(format!("id-{}", self.live.len()).into());
        self.live.push(Live { key: self.key(row), id, fields: Fields::new(fields), info: None });
    }

    pub fn protect(&self, parts: [Option<&str>; 3], min_holders: Option<u64>) -> Protect {
        let [a, b, c] = parts.map(|part| part.map(|part| self.ids.sym(part)));
        Protect { parts: [a, b, c, None], min_holders, origin: None }
    }

    pub fn expect(removes: Option<u64>, updates: Option<u64>, until: Option<i64>) -> Expect {
        let until = until.map(|days| Instant(NOW + days * DAY));
        Expect { removes, updates, until, origin: Origin::default() }
    }

    pub fn plan(&self) -> TargetPlan {
        let sets: Vec<SetInput<'_>> =
            self.sets.iter().map(|(set, selected)| SetInput { set, selected: *selected, mode: set.mode }).collect();
        let sources = Sources::default();
        let input = Input {
            ids: &self.ids,
            sources: &sources,
            now: Instant(NOW),
            rotate: self.rotate,
            list_unchanged: true,
            thresholds: Thresholds::default(),
            policy: self.policy.as_ref(),
            target: &self.target,
            endpoint: "https://world.example",
            capabilities: &CAPABILITIES,
            sets: &sets,
        };
        let coverage = Coverage { scope: Scope::default(), gap: self.gap.clone(), evidence: "1 page".into() };
        let snapshot =
            Snapshot { rows: self.live.clone(), coverage: vec![coverage], requests: 1, ..Snapshot::default() };
        plan_target(&input, Ok(snapshot))
    }

    /// The changes in one line each: action, old key, key, differing fields.
    pub fn lines(&self, plan: &TargetPlan) -> Vec<String> {
        plan.sets.iter().flat_map(|set| &set.changes).map(|planned| self.line(&planned.change)).collect()
    }

    fn line(&self, change: &Change) -> String {
        let key =
            |key: &Key| key.0.iter().take(3).map(|part| self.ids.text(*part).to_string()).collect::<Vec<_>>().join(" ");
        let from = change.from_key.as_ref().map(|from| format!("{} -> ", key(from))).unwrap_or_default();
        let differs =
            if change.differs.is_empty() { String::new() } else { format!(" [{}]", change.differs.join(", ")) };
        format!("{:?} {from}{}{differs}", change.action, key(&change.key)).to_lowercase()
    }

    /// What the API would hold after carrying the plan out.
    pub fn carry_out(&mut self, plan: &TargetPlan) {
        for planned in plan.changes() {
            let change = &planned.change;
            let old = change.live.as_ref().map(|live| live.key);
            if let Some(old) = old {
                self.live.retain(|live| live.key != old);
            }
            if change.action == assignctl::model::Action::Remove {
                continue;
            }
            let before = change.live.as_ref().map(|live| live.fields.clone()).unwrap_or_default();
            let merged =
                before.iter().chain(change.desired.iter()).map(|(name, value)| (name, value.clone())).collect();
            self.live.push(Live { key: change.key, id: None, fields: Fields::new(merged), info: None });
        }
    }
}
