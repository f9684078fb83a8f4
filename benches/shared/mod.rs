//! What the benches and the counted cases work on: manifests of any size, the same accounts as their APIs' answers, and what the program
//! makes of them. Nothing is sent: a function answers in place of the wire.

#![allow(dead_code)] // each bench uses its part

use std::fmt::Write as _;
use std::sync::Arc;

use assignctl::apply::{self, Options, Report, Sink, TargetRun};
use assignctl::http::{Client, Config, HostPolicy, SignIn};
use assignctl::manifest::{Inputs, Loaded, load};
use assignctl::model::{
    Batch, Ids, Instant, Proof, ReadRequest, ResolveError, SecretRef, SecretResolver, SecretString, Snapshot, Stop,
    Target, WriteOutcome,
};
use assignctl::plan::{Input, Plan, SetInput, Thresholds, plan_target};
use assignctl::provider::{self, Provider, ReadError, Reader, Writer};
use async_trait::async_trait;
use bytes::Bytes;
use url::Url;

/// All four.
pub const PROVIDERS: [&str; 4] = ["streamline", "partium", "semaphor", "canopy"];

/// 2027, which the rows' dates lie after.
const NOW: Instant = Instant(1_800_000_000_000);

/// Keys that a Streamline service has, and rows of a page elsewhere.
const KEYS: usize = 10;
const PAIRS: usize = 1000;
const ROLES: usize = 100;

/// How the live account differs from the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// Not at all.
    Equal,
    /// Nothing is live.
    Nothing,
    /// Every other row is another one: another role, organization, tenant or key.
    Half,
}

/// A manifest, loaded, and the account that it is for.
pub struct World {
    pub ids: Arc<Ids>,
    pub loaded: Loaded,
    provider: &'static Provider,
    entries: usize,
}

fn spec(provider: &str) -> (&'static str, &'static str, &'static str) {
    match provider {
        "streamline" => ("Streamline", "client_id: c", "domain_id: d"),
        "partium" => ("Partium", "limits: { page_size: 1000 }", "scope: all"),
        "semaphor" => ("Semaphor", "project_id: p", "scope: all"),
        _ => ("Canopy", "account: a, application: b, environment: c", "scope: all"),
    }
}

/// The ids of row `n`, in the order of the key.
fn ids(provider: &str, n: usize) -> [String; 3] {
    match provider {
        "streamline" => ["d".to_owned(), format!("service-{:05}", n / KEYS), format!("key-{:02}", n % KEYS)],
        "partium" => [format!("assembly-{:08x}-7f3a", n / 100), format!("organization-{:04}", n % 100), String::new()],
        "semaphor" => [format!("usd_{:03}", n % 50), "TENANT".to_owned(), format!("tenant-{n:08x}-4c1e")],
        _ => [format!("idn_{n:08x}-7f3a"), format!("node_{:05}", n % 900), format!("role_{:02}", n % 40)],
    }
}

/// One entry a row, in block style.
pub fn manifest(provider: &str, entries: usize) -> String {
    let (kind, target, set) = spec(provider);
    let mut text = format!(
        "apiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: t }}\nspec: {{ provider: {provider}, endpoint: sandbox, {target} }}\n"
    );
    let head = |service: &str| {
        let service = if service.is_empty() { String::new() } else { format!("\n  service_id: {service}") };
        format!(
            "---\napiVersion: assignctl/v1\nkind: {kind}Assignments\nmetadata: {{ name: set{service_name} }}\nspec:\n  target: t\n  mode: authoritative\n  {set}{service}\n  assignments:\n",
            service_name = service.trim().replace("service_id: ", "-"),
        )
    };
    for n in 0..entries {
        let [a, b, c] = ids(provider, n);
        if n == 0 || (provider == "streamline" && n % KEYS == 0) {
            text += &head(if provider == "streamline" { &b } else { "" });
        }
        let _ = match provider {
            "streamline" => writeln!(
                text,
                "    - assignment_key: {c}\n      model_id: demand\n      model_version: 2.1.0\n      settings: {{ horizon_days: 14 }}"
            ),
            "partium" => writeln!(text, "    - ass_id: {a}\n      org_id: {b}"),
            "semaphor" => writeln!(
                text,
                "    - definitionId: {a}\n      scopeType: {b}\n      tenantId: {c}\n      params: {{ region: us }}"
            ),
            _ => writeln!(
                text,
                "    - identity_id: {a}\n      node_id: {b}\n      role_id: {c}\n      effective_to: 2039-12-31T23:59:59Z"
            ),
        };
    }
    text
}

/// The rows of a listing as the API writes them.
fn row(provider: &str, n: usize, live: Live) -> String {
    let [a, b, mut c] = ids(provider, n);
    if live == Live::Half && n % 2 == 1 {
        c += "-other";
    }
    match provider {
        "streamline" => format!(
            r#"{{"assignment_id":"rev-{n}","assignment_key":"{c}","model_id":"demand","model_version":"2.1.0","status":"active","role":null,"settings":{{"horizon_days":14}},"metadata":{{}}}}"#
        ),
        "partium" => format!(r#"{{"ass_id":"{a}","org_id":"{b}{c}"}}"#),
        "semaphor" => format!(
            r#"{{"assignment":{{"id":"id-{n}","definitionId":"{a}","scopeType":"{b}","orgUserId":null,"tenantId":"{c}","tenantUserId":null,"params":{{"region":"us"}},"createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}},"definition":{{"id":"{a}","projectId":"p","name":"By tenant"}},"tenant":{{"id":"{c}","name":"Tenant {n}"}}}}"#
        ),
        _ => format!(
            r#"{{"identity":{{"id":"{a}","name":"Person {n}","email":"p{n}@example.com"}},"role":{{"id":"{c}","name":"Support"}},"assignment":{{"id":"asg-{n}","source_node_id":"{b}","source_node_name":"Department","access_type":"direct","effective_from":"2026-01-01T00:00:00.000Z","effective_to":"2039-12-31T23:59:59.000Z","status":"active","created_at":"2026-01-01T00:00:00.000Z"}}}}"#
        ),
    }
}

/// The answers to every request that lists, prepared: a page each.
struct Account {
    provider: &'static str,
    pages: Vec<Bytes>,
    count: usize,
}

impl Account {
    fn new(provider: &'static str, entries: usize, live: Live) -> Self {
        let count = if live == Live::Nothing { 0 } else { entries };
        let size = match provider {
            "streamline" => KEYS,
            "partium" => PAIRS,
            "canopy" => ROLES,
            _ => usize::MAX,
        };
        let pages = count.div_ceil(size).max(1);
        let page = |number: usize| {
            let rows = number * size.min(count)..((number + 1).saturating_mul(size)).min(count);
            let rows: Vec<String> = rows.map(|n| row(provider, n, live)).collect();
            Bytes::from(Self::wrap(provider, &rows.join(","), number, pages, count))
        };
        Self { provider, pages: (0..pages).map(page).collect(), count }
    }

    fn wrap(provider: &str, rows: &str, page: usize, pages: usize, count: usize) -> String {
        match provider {
            "streamline" => format!("[{rows}]"),
            "partium" => {
                let more = page + 1 < pages;
                format!(r#"{{"result":[{rows}],"last_object_id":"{:06}","more_data":{more}}}"#, page + 1)
            }
            "semaphor" => format!(r#"{{"ok":true,"data":{{"assignments":[{rows}]}}}}"#),
            _ => format!(
                r#"{{"items":[{rows}],"pagination":{{"page":{},"take":{ROLES},"item_count":{count},"page_count":{},"has_previous_page":false,"has_next_page":false}}}}"#,
                page + 1,
                count.div_ceil(ROLES),
            ),
        }
    }

    fn answer(&self, url: &Url, body: &[u8]) -> (u16, Bytes) {
        let number = |text: &str| text.parse::<usize>().unwrap();
        let query = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let page = match self.provider {
            "streamline" => number(url.path().rsplit_once("/service-").unwrap().1.split('/').next().unwrap()),
            "partium" => {
                let asked: serde_json::Value = serde_json::from_slice(body).unwrap();
                asked["paging"]["last_object_id"].as_str().map_or(0, number)
            }
            "canopy" => match query("status") {
                Some(status) => return (200, self.of_status(&status)),
                None => number(&query("page").unwrap()) - 1,
            },
            _ => 0,
        };
        let nothing = || Bytes::from(Self::wrap(self.provider, "", 0, 1, 0));
        (200, self.pages.get(page).cloned().unwrap_or_else(nothing))
    }

    /// How many rows have a status: all are active.
    fn of_status(&self, status: &str) -> Bytes {
        let count = if status == "active" { self.count } else { 0 };
        let pagination = format!(r#"{{"page":1,"take":1,"item_count":{count},"page_count":{count}}}"#);
        format!(r#"{{"items":[],"pagination":{pagination}}}"#).into()
    }
}

/// There are no secrets here.
struct NoSecrets;

impl SecretResolver for NoSecrets {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ResolveError> {
        Err(ResolveError::EnvMissing(reference.to_string()))
    }
}

/// Text to rows, all checks on the way.
pub fn loaded(text: &str, ids: &Ids) -> Loaded {
    let inputs = Inputs { stdin: Some(text.as_bytes().to_vec()), complete: true, ..Inputs::default() };
    let loaded = load(&inputs, &provider::kinds(), ids);
    assert_eq!(loaded.diagnostics.errors(), 0, "{:?}", loaded.diagnostics);
    loaded
}

impl World {
    pub fn new(provider: &str, entries: usize) -> Self {
        let ids = Arc::new(Ids::default());
        let loaded = loaded(&manifest(provider, entries), &ids);
        Self { ids, loaded, provider: provider::find(provider).unwrap(), entries }
    }

    fn target(&self) -> &Target {
        &self.loaded.targets[0]
    }

    /// A function that reads the whole account, from its answers to rows.
    pub fn reader(&self, live: Live) -> impl Fn() -> Snapshot + use<> {
        let account = Account::new(self.provider.kind.provider(), self.entries, live);
        let config = Config {
            base_url: "http://127.0.0.1:1".parse().unwrap(),
            auth: SignIn::None,
            limits: &self.target().limits,
            secrets: Arc::new(NoSecrets),
            allowed: HostPolicy::new("", [""; 0]),
            extra_roots: Vec::new(),
            stop: Default::default(),
        };
        let client = Client::canned(config, move |_, url, body| account.answer(url, body)).unwrap();
        let connection = (self.provider.connect)(self.target(), client, Arc::clone(&self.ids), Arc::new(NoSecrets));
        let scopes = self.loaded.sets.iter().filter_map(|set| set.scope.clone()).collect();
        let request = ReadRequest { scopes, rows: Vec::new(), names: false };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        move || runtime.block_on(connection.reader.read(&request)).unwrap()
    }

    /// What is live.
    pub fn live(&self, live: Live) -> Snapshot {
        self.reader(live)()
    }

    pub fn plan(&self, live: Snapshot) -> Plan {
        let sets: Vec<SetInput<'_>> =
            self.loaded.sets.iter().map(|set| SetInput { set, selected: true, in_run: true, mode: set.mode }).collect();
        let input = Input {
            ids: &self.ids,
            sources: &self.loaded.sources,
            now: NOW,
            rotate: false,
            list_unchanged: false,
            thresholds: Thresholds::default(),
            policy: None,
            target: self.target(),
            endpoint: "sandbox",
            capabilities: self.provider.kind.capabilities,
            sets: &sets,
        };
        let targets = vec![plan_target(&input, Ok(live))];
        Plan { ids: Arc::clone(&self.ids), now: NOW, policy: None, policy_file: None, targets, base: None, part: None }
    }
}

/// A system that does at once whatever it is told, and that nobody reads.
struct Willing;

#[async_trait]
impl Writer for Willing {
    async fn write(&self, batch: &Batch<'_>) -> Vec<WriteOutcome> {
        vec![WriteOutcome::Done(Proof::Answer); batch.changes.len()]
    }
}

#[async_trait]
impl Reader for Willing {
    async fn read(&self, _: &ReadRequest<'_>) -> Result<Snapshot, ReadError> {
        Err(ReadError::Temporary("nothing is read here".to_owned()))
    }
}

/// Carries a plan out.
pub fn apply(plan: &Plan, sink: &dyn Sink) -> Report {
    let nothing = ReadRequest { scopes: Vec::new(), rows: Vec::new(), names: false };
    let runs: Vec<TargetRun<'_>> = plan
        .targets
        .iter()
        .map(|plan| TargetRun {
            plan,
            reader: &Willing,
            writer: &Willing,
            replan: &|_| unreachable!("nothing is read"),
            read: &nothing,
            concurrency: 16,
        })
        .collect();
    let options = Options { verify: false, ..Options::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = runtime.block_on(apply::apply(&runs, &Stop::default(), sink, &options));
    assert_eq!(report.totals().done, plan.changes().count() as u64);
    report
}
