//! How many requests a run sends: for each system the fewest for a given change set, as docs/performance.md has them, counted in the
//! log of the embedded server; and that what can be read side by side is.

use std::collections::BTreeMap;
use std::time::Duration;

use assignctl::sandbox::{LoggedRequest, Options, Running, Seed};
use serde_json::{Value, json};

use crate::support::{self, Run};

/// A server and a repository for it.
struct Account {
    server: Running,
    dir: tempfile::TempDir,
}

impl Account {
    fn new(provider: &str, spec: &str, limits: &str, seed: &Value, latency: Duration) -> Self {
        let seed = Some(Seed::parse(&seed.to_string()).unwrap());
        let server = support::sandbox::serve(Options { seed, latency, ..Options::default() });
        let account = Self { server, dir: tempfile::tempdir().unwrap() };
        account.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
        let target = format!(
            "apiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: t }}\nspec: {{ provider: {provider}, endpoint: \"{}\", auth: {{ bearer: {{ env: TOKEN }} }}, {spec}limits: {{ timeout: 20s, {limits} }} }}\n",
            account.server.url()
        );
        account.write("target.yaml", &target);
        account
    }

    fn write(&self, path: &str, text: &str) {
        support::write(self.dir.path(), path, text);
    }

    /// A set; its file is named after it.
    fn set(&self, kind: &str, name: &str, scope: &str, entries: &[String]) {
        let entries: String = entries.iter().map(|entry| format!("    - {{ {entry} }}\n")).collect();
        let text = format!(
            "apiVersion: assignctl/v1\nkind: {kind}Assignments\nmetadata: {{ name: {name} }}\nspec:\n  target: t\n  mode: authoritative\n  {scope}\n  assignments:\n{entries}"
        );
        self.write(&format!("{name}.yaml"), &text);
    }

    /// Runs a command to its good end, and gives the requests that it sent.
    fn sent(&self, command: &[&str]) -> (Run, Vec<LoggedRequest>) {
        self.server.clear_requests();
        let run = support::run(support::program(self.dir.path()).args(command).env("TOKEN", "sandbox"));
        assert_eq!(run.code, 0, "{}", run.text());
        (run, self.server.requests())
    }

    fn planned(&self) -> Vec<LoggedRequest> {
        self.sent(&["plan"]).1
    }

    fn applied(&self) -> Vec<LoggedRequest> {
        let (_, requests) = self.sent(&["apply", "--auto-approve"]);
        let (_, again) = self.sent(&["plan", "--detailed-exitcode"]);
        assert!(again.iter().all(is_read), "it is done");
        requests
    }
}

fn is_read(request: &LoggedRequest) -> bool {
    request.method == "GET" || request.path.ends_with("/list")
}

/// Method and last segment of each request with how often it was sent.
fn kinds(requests: &[LoggedRequest]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for request in requests {
        let last = request.path.rsplit('/').next().unwrap();
        // What is numbered is one kind.
        let last = last.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '_');
        *kinds.entry(format!("{} {last}", request.method)).or_default() += 1;
    }
    kinds
}

/// As `kinds` gives them.
fn expected(kinds: &[(&str, usize)]) -> BTreeMap<String, usize> {
    kinds.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
}

/// The most requests that were under way at once.
fn side_by_side(requests: &[LoggedRequest]) -> usize {
    requests.iter().map(|request| request.in_flight).max().unwrap_or(0)
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}-{n}")).collect()
}

// ---- Partium --------------------------------------------------------------------------------------------------------------------------

fn partium(limits: &str, assemblies: usize, organizations: usize, latency: Duration) -> Account {
    let pairs = json!({ "ass_ids": names("a", assemblies), "org_ids": names("o", organizations) });
    let account = Account::new("partium", "", limits, &json!({ "partium": { "assignments": [pairs] } }), latency);
    for org in names("o", organizations) {
        account.partium_set(&org, &names("a", assemblies));
    }
    account
}

impl Account {
    fn partium_set(&self, org: &str, assemblies: &[String]) {
        let entries = [format!("ass_ids: [{}], org_id: {org}", assemblies.join(", "))];
        self.set("Partium", org, &format!("scope: {{ org_ids: [{org}] }}"), &entries);
    }
}

#[test]
fn partium_lists_all_scopes_in_one_chain_writes_in_batches_and_verifies_what_it_touched() {
    let account = partium("batch_size: 3", 25, 6, Duration::ZERO);
    assert_eq!(kinds(&account.planned()), expected(&[("POST list", 1)]), "six scopes of organizations are one filter");
    let mut wanted = names("a", 23);
    wanted.extend(names("new", 7));
    account.partium_set("o-0", &wanted);
    let requests = account.applied();
    let due = [("POST list", 2), ("POST organizations", 3), ("DELETE organizations", 1)];
    assert_eq!(kinds(&requests), expected(&due), "7 creates and 2 deletes, three a batch");
    let filter = |request: &LoggedRequest| request.body.as_ref().unwrap()["query"].clone();
    let lists: Vec<Value> = requests.iter().filter(|request| is_read(request)).map(filter).collect();
    assert_eq!(lists[0], json!({ "org_ids": names("o", 6) }));
    assert_eq!(lists[1], json!({ "org_ids": ["o-0"] }), "the other five were not touched");
}

#[test]
fn partium_splits_a_list_that_is_known_to_be_long_and_reads_no_page_twice() {
    let account = partium("page_size: 5, concurrency: 4", 10, 8, Duration::from_millis(20));
    let requests = account.planned();
    assert_eq!(kinds(&requests), expected(&[("POST list", 16)]), "80 rows, 5 a page");
    assert_eq!(side_by_side(&requests), 4, "four chains of two organizations each");
    let first = requests.iter().filter(|request| request.body.as_ref().unwrap()["paging"]["last_object_id"].is_null());
    assert_eq!(first.count(), 4);
}

// ---- Canopy ---------------------------------------------------------------------------------------------------------------------------

const CANOPY: &str = "account: acme, application: crm, environment: prod, ";

fn canopy(limits: &str, count: usize, latency: Duration) -> Account {
    let row = |n: usize| json!({ "identity_id": format!("i-{n}"), "node_id": "n", "role_id": "support" });
    let rows: Vec<Value> = (0..count).map(row).collect();
    let seed = json!({ "canopy": { "assignments": { "acme/crm/prod": rows } } });
    Account::new("canopy", CANOPY, limits, &seed, latency)
}

fn holder(n: usize, role: &str, more: &str) -> String {
    format!("identity_id: i-{n}, node_id: n, role_id: {role}{more}")
}

#[test]
fn canopy_lists_once_writes_in_bulk_and_patches_only_dates() {
    let account = canopy("batch_size: 100", 250, Duration::ZERO);
    let kept = (0..239).map(|n| holder(n, "support", ""));
    account.set("Canopy", "all", "scope: all", &(0..250).map(|n| holder(n, "support", "")).collect::<Vec<_>>());
    assert_eq!(kinds(&account.planned()), expected(&[("GET app-wide", 3 + 3)]), "3 pages, and a row of each status");
    let dated = [holder(239, "support", ", effective_to: 2039-12-31T23:59:59Z")];
    let roles = (240..245).map(|n| holder(n, if n < 243 { "lead" } else { "auditor" }, ""));
    let new = (300..304).map(|n| holder(n, "support", ""));
    account.set("Canopy", "all", "scope: all", &kept.chain(dated).chain(roles).chain(new).collect::<Vec<_>>());
    let due = [
        ("GET app-wide", 6 + 6),
        ("POST bulk-create", 1),
        ("POST bulk-change-role", 2), // three to one role, two to another
        ("POST bulk-remove", 1),      // five
        ("PATCH asg", 1),
    ];
    assert_eq!(kinds(&account.applied()), expected(&due));
}

#[test]
fn canopy_reads_its_pages_side_by_side_and_each_once() {
    let account = canopy("concurrency: 4", 2_500, Duration::from_millis(20));
    account.set(
        "Canopy",
        "one",
        "scope: { node_ids: [other] }",
        &["identity_id: x, node_id: other, role_id: y".into()],
    );
    let requests = account.planned();
    assert_eq!(requests.len(), 25 + 3);
    assert_eq!(side_by_side(&requests), 4);
    let mut queries: Vec<&str> = requests.iter().filter_map(|request| request.query.as_deref()).collect();
    queries.sort_unstable();
    queries.dedup();
    assert_eq!(queries.len(), requests.len(), "no page twice");
}

// ---- Semaphor -------------------------------------------------------------------------------------------------------------------------

#[test]
fn semaphor_lists_once_and_writes_one_by_one() {
    let rows = |count: usize| -> Vec<Value> {
        let row = |n: usize| json!({ "definitionId": "d", "scopeType": "TENANT", "tenantId": format!("t-{n}"), "params": { "region": "us" } });
        (0..count).map(row).collect()
    };
    let seed = json!({ "semaphor": { "assignments": { "p": rows(20) } } });
    let account = Account::new("semaphor", "project_id: p, ", "", &seed, Duration::ZERO);
    let entry = |n: usize, region: &str| {
        format!("definitionId: d, scopeType: TENANT, tenantId: t-{n}, params: {{ region: {region} }}")
    };
    let entries = |wanted: &mut dyn Iterator<Item = usize>| -> Vec<String> {
        wanted.map(|n| entry(n, if n == 0 { "eu" } else { "us" })).collect()
    };
    // t-0 has another region, t-18 and t-19 go, t-20 to t-22 come.
    account.set("Semaphor", "all", "scope: all", &entries(&mut (0..18).chain(20..23)));
    let requests = account.applied();
    let count = |method: &str| requests.iter().filter(|request| request.method == method).count();
    let counts = ["GET", "POST", "PATCH", "DELETE"].map(count);
    assert_eq!((counts, requests.len()), ([2, 3, 1, 2], 8), "a list before and a list after");
}

// ---- Streamline -----------------------------------------------------------------------------------------------------------------------

fn streamline(limits: &str, services: usize, latency: Duration) -> Account {
    let row = |key: &str| json!({ "assignment_key": key, "model_id": "m", "model_version": "1.0" });
    let keys = ["a", "b"].map(row);
    let live =
        |service: String| json!({ "client_id": "c", "domain_id": "d", "service_id": service, "assignments": keys });
    let rows: Vec<Value> = names("s", services).into_iter().map(live).collect();
    let seed = json!({ "streamline": { "assignments": rows } });
    let account = Account::new("streamline", "client_id: c, ", limits, &seed, latency);
    for service in names("s", services) {
        account.streamline_set(&service, &["a", "b"]);
    }
    account
}

impl Account {
    fn streamline_set(&self, service: &str, keys: &[&str]) {
        let entry = |key: &&str| format!("assignment_key: {key}, model_id: m, model_version: \"1.0\"");
        let entries: Vec<String> = keys.iter().map(entry).collect();
        self.set("Streamline", service, &format!("domain_id: d\n  service_id: {service}"), &entries);
    }
}

#[test]
fn streamline_lists_each_service_once_puts_what_differs_and_verifies_what_it_touched() {
    let account = streamline("", 12, Duration::ZERO);
    assert_eq!(kinds(&account.planned()), expected(&[("GET assignments", 12)]));
    account.streamline_set("s-3", &["a", "b", "new"]);
    account.streamline_set("s-7", &["a"]);
    let requests = account.applied();
    let due = [("GET assignments", 12 + 2), ("PUT new", 1), ("PUT b", 1)];
    assert_eq!(kinds(&requests), expected(&due), "one key comes, one is archived, two services are read again");
    let again: Vec<&str> =
        requests.iter().filter(|request| is_read(request)).skip(12).map(|r| r.path.as_str()).collect();
    assert!(again.iter().all(|path| path.contains("/s-3/") || path.contains("/s-7/")), "{again:?}");
}

#[test]
fn streamline_reads_its_services_side_by_side() {
    let account = streamline("concurrency: 4", 12, Duration::from_millis(20));
    let requests = account.planned();
    assert_eq!((requests.len(), side_by_side(&requests)), (12, 4));
}
