//! What a pull request changes about authority: every field that matters is compared, nothing else is, and both directions agree.

use std::collections::{BTreeMap, BTreeSet};

use assignctl::manifest::schemas::schema;
use assignctl::manifest::{self, Inputs, Loaded};
use assignctl::model::{Capabilities, Coverage, DesiredSet, Ids, Instant, Key, Live, Scope, Snapshot};
use assignctl::plan::authority::{
    self, AuthorityChange, Compared, Effect, Leaving, LeavingInput, Pairs, Side, Subject, What, WhyLeaving,
};
use assignctl::provider;
use proptest::prelude::*;
use serde_json::{Value, json};

type Files = BTreeMap<String, String>;

fn capabilities(name: &str) -> Option<&'static Capabilities> {
    provider::find(name).map(|provider| provider.kind.capabilities)
}

/// The manifests of both sides, below a root each.
struct Both {
    ids: Ids,
    base: Loaded,
    head: Loaded,
}

fn load(files: &Files, ids: &Ids) -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let inputs = Inputs { paths: vec![dir.path().to_path_buf()], complete: true, ..Inputs::default() };
    let loaded = manifest::load(&inputs, &provider::kinds(), ids);
    let said: Vec<&String> = loaded.diagnostics.sorted().iter().map(|found| &found.message).collect();
    assert_eq!(loaded.diagnostics.errors(), 0, "{said:?}\n{files:#?}");
    loaded
}

fn side_of<'a>(loaded: &'a Loaded, sets: &'a [&'a DesiredSet]) -> Side<'a> {
    let root = loaded.root.as_ref().map(|root| &root.options);
    Side { targets: &loaded.targets, sets, root, sources: &loaded.sources }
}

impl Both {
    fn new(base: &Files, head: &Files) -> Self {
        let ids = Ids::default();
        let (base, head) = (load(base, &ids), load(head, &ids));
        Self { ids, base, head }
    }

    fn with<T>(&self, look: impl FnOnce(&Compared<'_>, &Pairs) -> T) -> T {
        let (base_sets, head_sets): (Vec<&DesiredSet>, Vec<&DesiredSet>) =
            (self.base.sets.iter().collect(), self.head.sets.iter().collect());
        let (base, head) = (side_of(&self.base, &base_sets), side_of(&self.head, &head_sets));
        let pairs = Pairs::new(&base, &head);
        look(&Compared { ids: &self.ids, base, head, capabilities: &capabilities, hidden: &[] }, &pairs)
    }

    fn changes(&self) -> Vec<AuthorityChange> {
        self.with(authority::changes)
    }

    /// What leaves management when these keys are live.
    fn leaving(&self, live: &[&[&str]]) -> Vec<Leaving> {
        let rows = live.iter().map(|parts| {
            let key = Key::new(&parts.iter().map(|part| self.ids.sym(part)).collect::<Vec<_>>());
            Live { key, id: None, fields: Default::default(), info: None }
        });
        let coverage = Coverage { scope: Scope::default(), gap: None, evidence: String::new() };
        let live = Snapshot { rows: rows.collect(), coverage: vec![coverage], ..Snapshot::default() };
        self.with(|compared, pairs| {
            let of = |number: usize| {
                let target = &self.base.targets[number];
                authority::leaving(&LeavingInput {
                    compared,
                    pairs,
                    target: number,
                    capabilities: capabilities(target.provider).unwrap(),
                    head: pairs
                        .target(number)
                        .filter(|head| authority::same_account(target, &self.head.targets[*head])),
                    live: Some(&live),
                    was_read: &|_| true,
                    concerned: &|_| true,
                    deselected: &|_| false,
                    now: Instant::parse("2026-06-01T00:00:00Z").unwrap(),
                })
            };
            (0..self.base.targets.len()).flat_map(of).collect()
        })
    }

    /// `set: identity node role: why`.
    fn left(&self, live: &[&[&str]]) -> Vec<(String, WhyLeaving)> {
        let text =
            |key: &Key| (0..3).map(|part| self.ids.text(key.part(part)).to_owned()).collect::<Vec<_>>().join(" ");
        let of = |left: Leaving| left.rows.into_iter().map(move |row| (text(&row.key), row.why)).collect::<Vec<_>>();
        self.leaving(live).into_iter().flat_map(of).collect()
    }
}

/// A change in a line: `set crm/a mode widens`.
fn lines(changes: &[AuthorityChange]) -> Vec<String> {
    let line = |change: &AuthorityChange| {
        let what = change.field.clone().unwrap_or_else(|| format!("{:?}", change.what).to_lowercase());
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let (before, after) = (value(&change.before), value(&change.after));
        format!("{} {} {what} {}: {before} => {after}", change.effect.word(), change.subject.word(), change.name)
    };
    changes.iter().map(line).collect()
}

fn document(kind: &str, name: &str, labels: &Value, spec: &Value) -> String {
    let metadata = json!({ "name": name, "labels": labels });
    json!({ "apiVersion": "assignctl/v1", "kind": kind, "metadata": metadata, "spec": spec }).to_string()
}

fn root(spec: &Value) -> (String, String) {
    let text = json!({ "apiVersion": "assignctl/v1", "kind": "Root", "spec": spec }).to_string();
    ("assignctl.yaml".to_owned(), text)
}

/// A target of each provider that needs nothing more.
fn target(provider: &str) -> Value {
    match provider {
        "canopy" => {
            json!({ "provider": "canopy", "account": "a", "application": "b", "environment": "c", "auth": { "bearer": { "env": "T" } } })
        }
        "partium" => json!({ "provider": "partium", "auth": { "bearer": { "env": "T" } } }),
        "semaphor" => json!({ "provider": "semaphor", "project_id": "p", "auth": { "bearer": { "env": "T" } } }),
        _ => json!({ "provider": "streamline", "client_id": "c", "auth": { "bearer": { "env": "T" } } }),
    }
}

/// A set of each kind that needs nothing more.
fn spec(kind: &str) -> Value {
    match kind {
        "CanopyAssignments" => json!({ "target": "t", "mode": "additive", "scope": "all", "assignments": [] }),
        "PartiumAssignments" => json!({ "target": "t", "mode": "additive", "scope": "all", "assignments": [] }),
        "SemaphorAssignments" => json!({ "target": "t", "mode": "additive", "scope": "all", "assignments": [] }),
        _ => json!({ "target": "t", "mode": "additive", "domain_id": "d", "service_id": "s", "assignments": [] }),
    }
}

const SETS: [(&str, &str); 4] = [
    ("CanopyAssignments", "canopy"),
    ("PartiumAssignments", "partium"),
    ("SemaphorAssignments", "semaphor"),
    ("StreamlineAssignments", "streamline"),
];

/// A spec with some fields replaced; `null` takes one out.
fn patched(spec: &Value, patch: &Value) -> Value {
    let mut spec = spec.clone();
    for (name, value) in patch.as_object().unwrap() {
        match value {
            Value::Null => drop(spec.as_object_mut().unwrap().remove(name)),
            value => spec[name] = value.clone(),
        }
    }
    spec
}

/// The root, a target `t` of this spec, one `u` of the same provider, and perhaps a set.
fn files(target_spec: &Value, set: Option<(&str, &Value, &Value)>) -> Files {
    let provider = target_spec["provider"].as_str().unwrap();
    let other = patched(&target(provider), &json!({ "endpoint": "https://other.example" }));
    let mut files = Files::from([
        root(&json!({})),
        ("t.yaml".to_owned(), document("Target", "t", &json!({}), target_spec)),
        ("u.yaml".to_owned(), document("Target", "u", &json!({}), &other)),
    ]);
    if let Some((kind, labels, spec)) = set {
        files.insert("set.yaml".to_owned(), document(kind, "a", labels, spec));
    }
    files
}

/// A field of a document kind with two specs that differ in it, as patches.
struct Sample {
    kind: &'static str,
    provider: &'static str,
    path: String,
    before: Value,
    after: Value,
}

fn sample(kind: &'static str, provider: &'static str, path: &str, before: Value, after: Value) -> Sample {
    Sample { kind, provider, path: path.to_owned(), before, after }
}

fn target_samples() -> Vec<Sample> {
    let of = |provider, path: &str, before, after| sample("Target", provider, path, before, after);
    let auth = |form: &str, value: Value| json!({ "auth": { form: value } });
    let client = |patch: Value| {
        let whole =
            json!({ "token_url": "https://x.example/t", "client_id": { "env": "I" }, "client_secret": { "env": "S" } });
        auth("client_credentials", patched(&whole, &patch))
    };
    let mut all = vec![
        of("partium", "endpoint", json!({}), json!({ "endpoint": "https://x.example" })),
        of("partium", "auth.bearer.env", json!({}), auth("bearer", json!({ "env": "U" }))),
        of("partium", "auth.bearer.file", json!({}), auth("bearer", json!({ "file": "f" }))),
        of("semaphor", "auth.project_secret.env", json!({}), auth("project_secret", json!({ "env": "P" }))),
        of("semaphor", "auth.project_secret.file", json!({}), auth("project_secret", json!({ "file": "P" }))),
        of(
            "semaphor",
            "auth.org_user_id",
            auth("project_secret", json!({ "env": "P" })),
            json!({ "auth": { "project_secret": { "env": "P" }, "org_user_id": "o" } }),
        ),
        of(
            "streamline",
            "auth.client_credentials.token_url",
            client(json!({})),
            client(json!({ "token_url": "https://y.example/t" })),
        ),
        of("streamline", "auth.client_credentials.scopes", client(json!({})), client(json!({ "scopes": ["all"] }))),
        of("canopy", "surface", json!({}), json!({ "surface": "api" })),
        of("canopy", "self", json!({}), json!({ "self": "idn_robot" })),
        of("canopy", "account", json!({}), json!({ "account": "z" })),
        of("canopy", "application", json!({}), json!({ "application": "z" })),
        of("canopy", "environment", json!({}), json!({ "environment": "z" })),
        of("semaphor", "project_id", json!({}), json!({ "project_id": "z" })),
        of("streamline", "client_id", json!({}), json!({ "client_id": "z" })),
        of("streamline", "list_pointer", json!({}), json!({ "list_pointer": "/items" })),
        of("streamline", "read", json!({}), json!({ "read": "keyed" })),
        of("partium", "limits.concurrency", json!({}), json!({ "limits": { "concurrency": 200 } })),
        of(
            "partium",
            "limits.requests_per_second",
            json!({ "limits": { "requests_per_second": 1 } }),
            json!({ "limits": { "requests_per_second": 900 } }),
        ),
        of(
            "partium",
            "limits.batch_size",
            json!({ "limits": { "batch_size": 1 } }),
            json!({ "limits": { "batch_size": 9 } }),
        ),
        of(
            "partium",
            "limits.page_size",
            json!({ "limits": { "page_size": 1 } }),
            json!({ "limits": { "page_size": 9 } }),
        ),
        of("partium", "limits.timeout", json!({}), json!({ "limits": { "timeout": "50m" } })),
        of("partium", "limits.retry_budget", json!({}), json!({ "limits": { "retry_budget": "5h" } })),
    ];
    for (key, source) in
        [("client_id", "env"), ("client_id", "file"), ("client_secret", "env"), ("client_secret", "file")]
    {
        let path = format!("auth.client_credentials.{key}.{source}");
        all.push(of("streamline", &path, client(json!({})), client(json!({ key: { source: "other" } }))));
    }
    for source in ["env", "file"] {
        let api = |auth: Value| json!({ "surface": "api", "auth": { "api_key": auth } });
        let path = format!("auth.api_key.{source}");
        all.push(of("canopy", &path, api(json!({ "env": "K" })), api(json!({ source: "other" }))));
    }
    for (provider, field, more) in [
        ("canopy", "identity_id", json!({})),
        ("canopy", "node_id", json!({})),
        ("canopy", "role_id", json!({})),
        ("partium", "ass_id", json!({})),
        ("partium", "org_id", json!({})),
        ("streamline", "domain_id", json!({})),
        ("streamline", "service_id", json!({})),
        ("streamline", "assignment_key", json!({})),
        ("semaphor", "definitionId", json!({})),
        ("semaphor", "scopeType", json!({})),
        ("semaphor", "orgUserId", json!({ "scopeType": "ORG_USER" })),
        ("semaphor", "tenantId", json!({ "scopeType": "TENANT" })),
        ("semaphor", "tenantUserId", json!({ "scopeType": "TENANT_USER" })),
    ] {
        let value = if field == "scopeType" { "TENANT" } else { "x" };
        let after = json!({ "self": patched(&more, &json!({ field: value })) });
        all.push(of(provider, &format!("self.{field}"), json!({}), after));
    }
    all
}

/// Fields of a kind and its provider, each with what else it needs.
type KindFields<'a> = (&'static str, &'static str, &'a [(&'static str, Value)]);

fn set_samples() -> Vec<Sample> {
    let mut all = Vec::new();
    for (kind, provider) in SETS {
        let mut of = |path: &str, before, after| all.push(sample(kind, provider, path, before, after));
        of("target", json!({}), json!({ "target": "u" }));
        of("mode", json!({ "mode": "observe" }), json!({}));
        let expect = |removes: u64, updates: u64, until: &str| json!({ "expect": { "removes": removes, "updates": updates, "until": until } });
        of("expect.removes", expect(1, 1, "2099-01-01"), expect(2, 1, "2099-01-01"));
        of("expect.updates", expect(1, 1, "2099-01-01"), expect(1, 2, "2099-01-01"));
        of("expect.until", expect(1, 1, "2099-01-01"), expect(1, 1, "2099-01-02"));
        let key = capabilities(provider).unwrap().key_fields[0];
        let rule = |patch: Value| {
            let rule = json!({ "match": { key: "x" }, "reason": "r", "until": "2099-01-01" });
            json!({ "ignore": [patched(&rule, &patch)] })
        };
        of("ignore[].match", rule(json!({})), rule(json!({ "match": { key: "x*" } })));
        of("ignore[].reason", rule(json!({})), rule(json!({ "reason": "another" })));
        of("ignore[].until", rule(json!({})), rule(json!({ "until": null })));
        if let Some(field) = capabilities(provider).unwrap().fields.first() {
            of("ignore[].fields", rule(json!({})), rule(json!({ "fields": [field.name] })));
        }
    }
    let scopes: [KindFields<'_>; 3] = [
        (
            "CanopyAssignments",
            "canopy",
            &[("node_ids", json!({})), ("node_names", json!({})), ("role_ids", json!({})), ("role_names", json!({}))],
        ),
        ("PartiumAssignments", "partium", &[("ass_ids", json!({})), ("org_ids", json!({}))]),
        (
            "SemaphorAssignments",
            "semaphor",
            &[("definitionIds", json!({})), ("definitionNames", json!({ "connection": "c" }))],
        ),
    ];
    for (kind, provider, fields) in scopes {
        all.push(sample(kind, provider, "scope", json!({}), json!({ "scope": null })));
        for (field, more) in fields {
            let scope = |ids: Value| json!({ "scope": patched(more, &json!({ *field: ids })) });
            all.push(sample(kind, provider, &format!("scope.{field}"), scope(json!(["x"])), scope(json!(["x", "y"]))));
        }
    }
    let connection = |name: &str| json!({ "scope": { "definitionNames": ["d"], "connection": name } });
    all.push(sample("SemaphorAssignments", "semaphor", "scope.connection", connection("c"), connection("e")));
    for field in ["domain_id", "service_id"] {
        all.push(sample("StreamlineAssignments", "streamline", field, json!({}), json!({ field: "x" })));
    }
    let services = json!({ "service_id": null, "service_ids": ["s", "x"] });
    all.push(sample("StreamlineAssignments", "streamline", "service_ids", json!({}), services));
    let protects: &[KindFields<'_>] = &[
        (
            "CanopyAssignments",
            "canopy",
            &[
                ("identity_id", json!({})),
                ("identity_email", json!({})),
                ("node_id", json!({})),
                ("node_name", json!({})),
                ("role_id", json!({})),
                ("role_name", json!({})),
            ],
        ),
        ("PartiumAssignments", "partium", &[("ass_id", json!({})), ("org_id", json!({}))]),
        (
            "SemaphorAssignments",
            "semaphor",
            &[
                ("definitionId", json!({})),
                ("definitionName", json!({ "connection": "c" })),
                ("orgUserId", json!({ "scopeType": "ORG_USER" })),
                ("orgUserEmail", json!({ "scopeType": "ORG_USER" })),
                ("orgUserName", json!({ "scopeType": "ORG_USER" })),
                ("tenantId", json!({ "scopeType": "TENANT" })),
                ("tenantName", json!({ "scopeType": "TENANT" })),
                ("tenantUserId", json!({ "scopeType": "TENANT_USER" })),
                ("tenantUserEmail", json!({ "scopeType": "TENANT_USER" })),
                ("tenantUserName", json!({ "scopeType": "TENANT_USER" })),
            ],
        ),
        (
            "StreamlineAssignments",
            "streamline",
            &[("domain_id", json!({})), ("service_id", json!({})), ("assignment_key", json!({}))],
        ),
    ];
    for (kind, provider, fields) in protects {
        for (field, more) in *fields {
            let protect = |id: &str| json!({ "protect": [patched(more, &json!({ *field: id }))] });
            all.push(sample(kind, provider, &format!("protect[].{field}"), protect("x"), protect("y")));
        }
    }
    let scope_type = |word: &str| json!({ "protect": [{ "scopeType": word }] });
    all.push(sample(
        "SemaphorAssignments",
        "semaphor",
        "protect[].scopeType",
        scope_type("TENANT"),
        scope_type("ORG_USER"),
    ));
    let named = |connection: &str| json!({ "protect": [{ "definitionName": "d", "connection": connection }] });
    all.push(sample("SemaphorAssignments", "semaphor", "protect[].connection", named("c"), named("e")));
    let holders = |count: u64| json!({ "protect": [{ "role_id": "r", "min_holders": count }] });
    all.push(sample("CanopyAssignments", "canopy", "protect[].min_holders", holders(2), holders(1)));
    let secret = |env: &str| json!({ "assignments": [{ "definitionId": "d", "scopeType": "TENANT", "tenantId": "t", "secret_params": { "key": { "env": env } } }] });
    all.push(sample("SemaphorAssignments", "semaphor", "assignments[].secret_params", secret("A"), secret("B")));
    all
}

/// Fields that the comparison leaves out, each with its reason.
fn exempt(kind: &str, path: &str) -> Option<&'static str> {
    let options = ["clear_dates", "duplicate_status", "keyed_domain_put", "max_filter_ids"];
    match (kind, path) {
        ("Target", "provider") => Some("the sample of a moved provider is below: it changes every other field"),
        ("PartiumAssignments", "ignore[].fields") => Some("its assignments have no fields"),
        ("Target", "self.min_holders") => Some("the loader refuses it there"),
        ("Target", field) if options.contains(&field) => Some("compared like every option of a provider"),
        (_, path) if path.starts_with("assignments[].") => Some("rows are planned, and shown as changes"),
        _ => None,
    }
}

/// The paths of all fields of a schema.
fn paths(schema: &Value, path: &str, into: &mut BTreeSet<String>) {
    let is_structured =
        |schema: &&Value| ["properties", "anyOf", "oneOf", "items"].iter().any(|key| schema.get(key).is_some());
    let of = |key: &str| schema.get(key).and_then(Value::as_array).into_iter().flatten().filter(is_structured);
    for variant in of("anyOf").chain(of("oneOf")) {
        paths(variant, path, into);
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, field) in properties {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            paths(field, &path, into);
        }
    } else if let Some(items) = schema.get("items").filter(is_structured) {
        paths(items, &format!("{path}[]"), into);
    } else if !path.is_empty() {
        into.insert(path.to_owned());
    }
}

#[test]
fn every_field_of_the_schemas_that_gives_authority_is_compared() {
    let samples: Vec<Sample> = target_samples().into_iter().chain(set_samples()).collect();
    for kind in ["Target"].into_iter().chain(SETS.map(|(kind, _)| kind)) {
        let schema = schema(&provider::kinds(), kind).unwrap();
        let mut all = BTreeSet::new();
        paths(&schema["properties"]["spec"], "", &mut all);
        let known: BTreeSet<&str> =
            samples.iter().filter(|sample| sample.kind == kind).map(|sample| sample.path.as_str()).collect();
        let open: Vec<&String> =
            all.iter().filter(|path| !known.contains(path.as_str()) && exempt(kind, path).is_none()).collect();
        assert!(open.is_empty(), "{kind}: neither compared nor exempt: {open:?}");
        // A set on `scope: all` has no structure there, so `scope` is a path only beside others.
        let gone: Vec<&&str> = known.iter().filter(|path| !all.contains(**path) && **path != "self").collect();
        let gone: Vec<&&&str> = gone.iter().filter(|path| ***path != "scope").collect();
        assert!(gone.is_empty(), "{kind}: no longer a field: {gone:?}");
    }
    for Sample { kind, provider, path, before, after } in &samples {
        let side = |patch: &Value| match *kind {
            "Target" => files(&patched(&target(provider), patch), None),
            kind => files(&target(provider), Some((kind, &json!({}), &patched(&spec(kind), patch)))),
        };
        let (before, after) = (side(before), side(after));
        for (base, head) in [(&before, &after), (&after, &before)] {
            let changes = Both::new(base, head).changes();
            // A limit that gets stricter gives nothing, and neither does a larger page that gets smaller.
            let is_stricter = path.starts_with("limits.") && base == &after;
            assert_eq!(changes.is_empty(), is_stricter, "{kind} {provider} {path}: {:?}", lines(&changes));
            assert!(changes.iter().all(|change| change.at.is_some() || change.base_at.is_some()), "{path}: a place");
        }
        assert!(Both::new(&before, &before).changes().is_empty() && Both::new(&after, &after).changes().is_empty());
    }
}

#[test]
fn what_a_root_says_is_compared() {
    let with = |spec: Value| {
        let mut files = files(&target("partium"), None);
        files.extend([root(&spec)]);
        files
    };
    let plain = with(json!({}));
    let mut all = BTreeSet::new();
    let schema = schema(&provider::kinds(), "Root").unwrap();
    paths(&schema["properties"]["spec"], "", &mut all);
    for (path, spec) in [
        ("ignore", json!({ "ignore": ["drafts"] })),
        ("sandbox.state", json!({ "sandbox": { "state": "x.db" } })),
        ("sandbox.seed", json!({ "sandbox": { "seed": "seed.yaml" } })),
    ] {
        assert!(all.remove(path), "{path}");
        for (base, head) in [(&plain, &with(spec.clone())), (&with(spec.clone()), &plain)] {
            let changes = Both::new(base, head).changes();
            assert_eq!(changes.len(), 1, "{path}");
            assert_eq!((changes[0].subject, changes[0].field.as_deref()), (Subject::Root, Some(path)));
        }
    }
    assert!(all.is_empty(), "neither compared nor exempt: {all:?}");
}

#[test]
fn names_labels_and_options_are_compared() {
    let base =
        files(&target("canopy"), Some(("CanopyAssignments", &json!({ "team": "a" }), &spec("CanopyAssignments"))));
    let head =
        files(&target("canopy"), Some(("CanopyAssignments", &json!({ "team": "b" }), &spec("CanopyAssignments"))));
    assert_eq!(lines(&Both::new(&base, &head).changes()), ["other set labels a: team=a => team=b"]);
    let moved = files(&target("partium"), None);
    let changes = lines(&Both::new(&files(&target("canopy"), None), &moved).changes());
    assert!(changes.contains(&"widens target provider t: canopy => partium".to_owned()), "{changes:?}");
}

#[test]
fn a_set_and_a_target_under_another_name_are_renamed_and_files_do_not_matter() {
    let rows = json!({ "scope": { "node_ids": ["n"] }, "mode": "authoritative", "assignments": [{ "identity_id": "i", "node_id": "n", "role_id": "r" }] });
    let set = patched(&spec("CanopyAssignments"), &rows);
    let base = files(&target("canopy"), Some(("CanopyAssignments", &json!({}), &set)));
    let mut head = base.clone();
    let text = head.remove("set.yaml").unwrap();
    head.insert("moved/elsewhere.yaml".to_owned(), format!("# a comment\n---\n{text}"));
    assert!(Both::new(&base, &head).changes().is_empty());
    head.insert("moved/elsewhere.yaml".to_owned(), text.replace("\"name\":\"a\"", "\"name\":\"b\""));
    let both = Both::new(&base, &head);
    assert_eq!(lines(&both.changes()), ["other set renamed b: a => b"]);
    assert!(both.left(&[&["i", "n", "r"]]).is_empty());
    let (target, set) = (head.remove("t.yaml").unwrap(), head.remove("moved/elsewhere.yaml").unwrap());
    head.insert("t.yaml".to_owned(), target.replace("\"name\":\"t\"", "\"name\":\"new\""));
    head.insert("set.yaml".to_owned(), set.replace("\"target\":\"t\"", "\"target\":\"new\""));
    let both = Both::new(&base, &head);
    assert_eq!(lines(&both.changes()), ["other target renamed new: t => new", "other set renamed b: a => b"]);
    assert!(both.left(&[&["i", "n", "r"]]).is_empty());
}

#[test]
fn a_deleted_set_takes_its_protection_with_it() {
    let set = patched(&spec("CanopyAssignments"), &json!({ "protect": [{ "role_id": "r" }] }));
    let base = files(&target("canopy"), Some(("CanopyAssignments", &json!({}), &set)));
    let head = files(&target("canopy"), None);
    let told = lines(&Both::new(&base, &head).changes());
    assert_eq!(
        told,
        ["widens set protect a: role_id r => -", "narrows set deleted a: mode additive, scope all, 0 assignments => -"]
    );
    let back = lines(&Both::new(&head, &base).changes());
    assert_eq!(
        back,
        ["widens set added a: - => mode additive, scope all, 0 assignments", "narrows set protect a: - => role_id r"]
    );
}

#[test]
fn many_ids_of_a_scope_are_counted_and_those_that_differ_are_named() {
    let of = |ids: Vec<String>| {
        let set = patched(&spec("CanopyAssignments"), &json!({ "scope": { "node_ids": ids } }));
        files(&target("canopy"), Some(("CanopyAssignments", &json!({}), &set)))
    };
    let ids = |skip: &str| (0..40).map(|n| format!("n{n:02}")).filter(|id| id != skip).collect::<Vec<_>>();
    let changes = Both::new(&of(ids("n17")), &of(ids("n33"))).changes();
    assert_eq!(changes.len(), 1);
    assert_eq!(
        (&changes[0].added, &changes[0].removed),
        (&vec!["node_id n17".to_owned()], &vec!["node_id n33".to_owned()])
    );
    assert_eq!(changes[0].effect, Effect::Widens);
    assert!(changes[0].after.as_ref().unwrap().ends_with("and 29 more"), "{:?}", changes[0].after);
}

fn owners(mode: &str, nodes: &[&str], who: &[(&str, &str)], more: Value) -> Files {
    let rows: Vec<Value> =
        who.iter().map(|(who, node)| json!({ "identity_id": who, "node_id": node, "role_id": "r" })).collect();
    let set = json!({ "mode": mode, "scope": { "node_ids": nodes }, "assignments": rows });
    let set = patched(&patched(&spec("CanopyAssignments"), &set), &more);
    files(&target("canopy"), Some(("CanopyAssignments", &json!({}), &set)))
}

#[test]
fn every_way_out_of_management_is_told_with_its_reason() {
    const LIVE: &[&[&str]] = &[&["anna", "n", "r"], &["ben", "n", "r"], &["cid", "m", "r"]];
    let base = owners("authoritative", &["n", "m"], &[("anna", "n"), ("ben", "n")], json!({}));
    let rule = json!({ "ignore": [{ "match": { "identity_id": "b*" }, "reason": "x" }] });
    let none = files(&target("canopy"), None);
    let elsewhere = files(&patched(&target("canopy"), &json!({ "environment": "z" })), None);
    for (head, told) in [
        (owners("authoritative", &["n", "m"], &[("anna", "n"), ("ben", "n")], json!({})), vec![]),
        (owners("authoritative", &["n", "m"], &[], json!({})), vec![]),
        (owners("authoritative", &["n"], &[("anna", "n")], json!({})), vec![("cid m r", WhyLeaving::ScopeNarrowed)]),
        (owners("authoritative", &["n", "m"], &[("anna", "n")], rule.clone()), vec![("ben n r", WhyLeaving::Ignored)]),
        (owners("authoritative", &["n", "m"], &[("ben", "n")], rule), vec![("ben n r", WhyLeaving::Ignored)]),
        (
            owners("additive", &["n", "m"], &[("anna", "n")], json!({})),
            vec![("ben n r", WhyLeaving::ModeLowered), ("cid m r", WhyLeaving::ModeLowered)],
        ),
        (
            owners("observe", &["n", "m"], &[("anna", "n"), ("ben", "n")], json!({})),
            vec![
                ("anna n r", WhyLeaving::ModeLowered),
                ("ben n r", WhyLeaving::ModeLowered),
                ("cid m r", WhyLeaving::ModeLowered),
            ],
        ),
        (
            none,
            vec![
                ("anna n r", WhyLeaving::SetDeleted),
                ("ben n r", WhyLeaving::SetDeleted),
                ("cid m r", WhyLeaving::SetDeleted),
            ],
        ),
        (
            elsewhere,
            vec![
                ("anna n r", WhyLeaving::TargetChanged),
                ("ben n r", WhyLeaving::TargetChanged),
                ("cid m r", WhyLeaving::TargetChanged),
            ],
        ),
    ] {
        let both = Both::new(&base, &head);
        let left = both.left(LIVE);
        let left: Vec<(&str, WhyLeaving)> = left.iter().map(|(key, why)| (key.as_str(), *why)).collect();
        assert_eq!(left, told, "{head:#?}");
    }
}

#[test]
fn what_the_base_does_not_manage_cannot_leave() {
    let rule = json!({ "ignore": [{ "match": { "identity_id": "anna" }, "reason": "x" }] });
    let base = owners("authoritative", &["n"], &[("anna", "n"), ("ben", "n")], rule);
    let both = Both::new(&base, &files(&target("canopy"), None));
    assert_eq!(both.left(&[&["anna", "n", "r"]]), [], "an ignored row, and one that is not live");
    let additive = owners("additive", &["n"], &[("anna", "n")], json!({}));
    let both = Both::new(&additive, &files(&target("canopy"), None));
    assert_eq!(both.left(&[&["zoe", "n", "r"]]), [], "an undeclared row of a set that never removes");
}

/// Random manifests of a canopy target: sets of a few nodes each, in any mode.
fn side() -> impl Strategy<Value = Files> {
    let set = (
        prop::sample::select(vec!["observe", "additive", "authoritative"]),
        prop::collection::btree_set(prop::sample::select(vec!["i", "j", "k"]), 0..3),
        prop::option::of(prop::sample::select(vec!["i", "j"])),
        any::<bool>(),
    );
    prop::collection::btree_map(prop::sample::select(vec!["a", "b", "c", "d"]), set, 0..4).prop_map(|sets| {
        let mut all = files(&target("canopy"), None);
        for (name, (mode, who, ignored, protects)) in sets {
            let rows: Vec<Value> =
                who.iter().map(|who| json!({ "identity_id": who, "node_id": name, "role_id": "r" })).collect();
            let ignore = ignored.map(|who| json!([{ "match": { "identity_id": who }, "reason": "x" }]));
            let protect = protects.then(|| json!([{ "role_id": name }]));
            let spec = patched(
                &json!({ "target": "t", "mode": mode, "scope": { "node_ids": [name] }, "assignments": rows }),
                &json!({ "ignore": ignore, "protect": protect }),
            );
            all.insert(format!("{name}.yaml"), document("CanopyAssignments", name, &json!({}), &spec));
        }
        all
    })
}

fn named(changes: &[AuthorityChange], what: What) -> BTreeSet<(Subject, String)> {
    changes.iter().filter(|change| change.what == what).map(|change| (change.subject, change.name.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_same_on_both_sides_changes_nothing(files in side()) {
        let both = Both::new(&files, &files);
        prop_assert_eq!(both.changes(), vec![]);
        let live: Vec<[&str; 3]> = ["i", "j", "k"].iter().flat_map(|who| ["a", "b", "c", "d"].map(|node| [*who, node, "r"])).collect();
        let live: Vec<&[&str]> = live.iter().map(|row| &row[..]).collect();
        prop_assert!(both.leaving(&live).is_empty());
    }

    #[test]
    fn swapped_sides_mirror_what_comes_and_goes(base in side(), head in side()) {
        let (there, back) = (Both::new(&base, &head).changes(), Both::new(&head, &base).changes());
        prop_assert_eq!(named(&there, What::Added), named(&back, What::Deleted));
        prop_assert_eq!(named(&there, What::Deleted), named(&back, What::Added));
        prop_assert_eq!(there.len(), back.len());
        let fields = |changes: &[AuthorityChange]| {
            let values = |change: &AuthorityChange| (change.name.clone(), change.field.clone(), change.before.clone(), change.after.clone());
            changes.iter().filter(|change| change.what == What::Changed).map(values).collect::<BTreeSet<_>>()
        };
        let mirrored: BTreeSet<_> = fields(&back).into_iter().map(|(name, field, before, after)| (name, field, after, before)).collect();
        prop_assert_eq!(fields(&there), mirrored);
    }

    #[test]
    fn what_leaves_was_managed_and_is_not_any_more(base in side(), head in side()) {
        let both = Both::new(&base, &head);
        let live: Vec<[&str; 3]> = ["i", "j", "k"].iter().flat_map(|who| ["a", "b", "c", "d"].map(|node| [*who, node, "r"])).collect();
        let live: Vec<&[&str]> = live.iter().map(|row| &row[..]).collect();
        let left: BTreeSet<String> = both.left(&live).into_iter().map(|(key, _)| key).collect();
        // Judged row by row from the documents themselves.
        let level = |files: &Files, who: &str, node: &str| {
            let Some(text) = files.get(&format!("{node}.yaml")) else { return 0 };
            let spec = &serde_json::from_str::<Value>(text).unwrap()["spec"];
            let rows = spec["assignments"].as_array().unwrap();
            let declared = rows.iter().any(|row| row["identity_id"] == who);
            if spec["ignore"].as_array().is_some_and(|rules| rules.iter().any(|rule| rule["match"]["identity_id"] == who)) {
                return 0;
            }
            match (spec["mode"].as_str().unwrap(), declared) {
                ("authoritative", _) | ("additive", true) => 2,
                ("observe", true) => 1,
                _ => 0,
            }
        };
        let expected: BTreeSet<String> = live
            .iter()
            .filter(|row| level(&base, row[0], row[1]) > level(&head, row[0], row[1]))
            .map(|row| row.join(" "))
            .collect();
        prop_assert_eq!(left, expected);
    }
}
