//! What good manifests become: keys, fields, scopes, targets.

use super::{codes, load_good, load_text};
use assignctl::manifest::Loaded;
use assignctl::model::{Auth, Desired, Endpoint, Ids, Instant, Mode, SecretRef, Value};

const TARGETS: &str = "
apiVersion: assignctl/v1
kind: Target
metadata: { name: parts, labels: { b: 2, a: 1 } }
spec: { provider: partium, endpoint: sandbox }
---
apiVersion: assignctl/v1
kind: Target
metadata: { name: pie }
spec: { provider: streamline, client_id: client-1, auth: { bearer: { env: PIE_TOKEN } }, keyed_domain_put: true }
---
apiVersion: assignctl/v1
kind: Target
metadata: { name: analytics }
spec: { provider: semaphor, endpoint: 'https://semaphor.cloud/', project_id: p_123, auth: { project_secret: { file: semaphor/secret }, org_user_id: u1 } }
---
apiVersion: assignctl/v1
kind: Target
metadata: { name: crm }
spec: { provider: canopy, endpoint: 'http://127.0.0.1:8080/base/', account: acme, application: crm, environment: prod, auth: { bearer: { env: CRM } }, limits: { requests_per_second: 2.5, timeout: 1m30s, page_size: 50 } }
";

fn set(kind: &str, spec: &str) -> String {
    format!("{TARGETS}\n---\napiVersion: assignctl/v1\nkind: {kind}\nmetadata: {{ name: the-set }}\nspec:\n{spec}")
}

fn keys(loaded: &Loaded, ids: &Ids) -> Vec<String> {
    let key = |row: &Desired| row.key.0.map(|sym| ids.text(sym).to_string()).join(" ").trim_end().to_owned();
    loaded.sets[0].rows.iter().map(key).collect()
}

#[test]
fn targets_carry_their_address_sign_in_limits_and_account() {
    let (loaded, _) = load_good(TARGETS);
    let [parts, pie, analytics, crm] = &loaded.targets[..] else { panic!("{:?}", loaded.targets) };
    assert_eq!(parts.labels, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
    assert_eq!((parts.endpoint.clone(), parts.auth.clone()), (Endpoint::Sandbox, None));
    assert_eq!((parts.limits.batch_size, parts.limits.page_size), (500, 1_000));
    assert_eq!(pie.endpoint, Endpoint::Vendor);
    assert_eq!(pie.auth, Some(Auth::Bearer(SecretRef::Env("PIE_TOKEN".into()))));
    assert_eq!(pie.account[0].value, "client-1");
    assert!(pie.options.get("keyed_domain_put").is_some_and(|v| v.same(&Value::json(true.into()))));
    assert_eq!(analytics.endpoint, Endpoint::Vendor, "the vendor's own address is the vendor");
    let secret = SecretRef::File("semaphor/secret".into());
    assert_eq!(analytics.auth, Some(Auth::ProjectSecret { secret, org_user_id: Some("u1".to_owned()) }));
    assert_eq!(crm.endpoint, Endpoint::Url("http://127.0.0.1:8080/base".to_owned()));
    assert_eq!(crm.limits.requests_per_second, Some(2.5));
    assert_eq!((crm.limits.timeout.as_secs(), crm.limits.page_size, crm.limits.batch_size), (90, 50, 100));
    assert_eq!(crm.account.iter().map(|a| a.value.as_str()).collect::<Vec<_>>(), ["acme", "crm", "prod"]);
}

#[test]
fn plurals_are_cross_products_and_each_row_knows_its_element() {
    let spec = "  target: parts
  mode: authoritative
  scope: { org_ids: [at, de] }
  assignments:
    - { ass_ids: [a1, a2], org_ids: [at, de] }
    - { ass_id: a3, org_id: de }
";
    let (loaded, ids) = load_good(&set("PartiumAssignments", spec));
    assert_eq!(keys(&loaded, &ids), ["a1 at", "a1 de", "a2 at", "a2 de", "a3 de"]);
    let set = &loaded.sets[0];
    assert_eq!((set.mode, set.target, set.scope_text.as_str()), (Mode::Authoritative, 0, "org_ids at, de"));
    let text = loaded.sources.text(assignctl::diag::SourceId(0));
    let at = |row: &Desired| &text[row.origin.start as usize..row.origin.end as usize];
    assert_eq!(at(&set.rows[1]), "de");
    assert_eq!(at(&set.rows[4]), "{ ass_id: a3, org_id: de }");
    assert!(set.covers(&set.rows[0].key));
}

#[test]
fn ids_and_versions_are_the_text_that_was_written() {
    let spec = "  target: pie
  mode: additive
  domain_id: no
  service_id: 012
  assignments:
    - { assignment_key: on, model_id: 1_000, model_version: 2.10, role: 'null' }
";
    let (loaded, ids) = load_good(&set("StreamlineAssignments", spec));
    assert_eq!(keys(&loaded, &ids), ["no 012 on"]);
    let text = |name: &str| match loaded.sets[0].rows[0].fields.get(name) {
        Some(Value::Text(text)) => text.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!((text("model_id"), text("model_version"), text("role")), ("1_000".into(), "2.10".into(), "null".into()));
}

#[test]
fn omitted_null_and_empty_are_told_apart_as_the_api_does() {
    let spec = "  target: pie
  mode: additive
  domain_id: d
  assignments:
    - { assignment_key: a, model_id: m, model_version: 1, role: ~, settings: {}, metadata: { a: { b: [1, x, null, true] } } }
    - { assignment_key: b, model_id: m, model_version: 1 }
";
    let (loaded, ids) = load_good(&set("StreamlineAssignments", spec));
    assert_eq!(keys(&loaded, &ids), ["d  a", "d  b"], "without a service: the domain's own");
    let [a, b] = &loaded.sets[0].rows[..] else { panic!() };
    assert!(matches!(a.fields.get("role"), Some(Value::Null)));
    assert!(matches!(a.fields.get("settings"), Some(Value::Null)));
    let json = serde_json::json!({ "a": { "b": [1, "x", null, true] } });
    assert!(a.fields.get("metadata").is_some_and(|v| v.same(&Value::json(json))));
    assert!(b.fields.get("role").is_none() && b.fields.get("settings").is_none());
}

#[test]
fn the_address_of_a_streamline_set_is_its_scope() {
    let spec = "  target: pie\n  mode: authoritative\n  domain_id: d\n  service_ids: [s1, s2]\n  assignments: [{ assignment_key: k, model_id: m, model_version: v }]\n";
    let (loaded, ids) = load_good(&set("StreamlineAssignments", spec));
    assert_eq!(keys(&loaded, &ids), ["d s1 k", "d s2 k"]);
    let scope = loaded.sets[0].scope.as_ref().unwrap();
    let key = |parts: [&str; 3]| assignctl::model::Key::new(&parts.map(|part| ids.sym(part)));
    assert!(scope.contains(&key(["d", "s2", "other"])) && !scope.contains(&key(["d", "", "k"])));
    assert_eq!(loaded.sets[0].scope_text, "domain_id d; service_ids s1, s2");
}

#[test]
fn semaphor_keys_are_definition_scope_type_and_actor() {
    let spec = "  target: analytics
  mode: authoritative
  scope: all
  assignments:
    - { definitionIds: [d1, d2], scopeType: ALL_TENANTS }
    - { definitionId: d1, scopeType: TENANT, tenantIds: [t1, t2], params: { region: us }, secret_params: { key: { env: KEY } } }
";
    let (loaded, ids) = load_good(&set("SemaphorAssignments", spec));
    assert_eq!(keys(&loaded, &ids), ["d1 ALL_TENANTS", "d2 ALL_TENANTS", "d1 TENANT t1", "d1 TENANT t2"]);
    assert!(loaded.sets[0].scope.as_ref().unwrap().is_all());
    let secrets = loaded.sets[0].rows[3].fields.get("secret_params");
    let Some(Value::Secrets(map)) = secrets else { panic!("{secrets:?}") };
    assert_eq!(map.get("key"), Some(&SecretRef::Env("KEY".into())));
}

#[test]
fn canopy_dates_protections_and_expectations() {
    let spec = "  target: crm
  mode: authoritative
  scope: { node_ids: [n1], role_ids: [r1] }
  expect: { removes: 7, until: 2026-12-24 }
  protect: [{ role_id: r1, min_holders: 2 }, { identity_id: boss }]
  assignments:
    - { identity_id: i1, node_id: n1, role_id: r1, effective_from: 2026-01-01T14:00:00+02:00, effective_to: null }
";
    let (loaded, ids) = load_good(&set("CanopyAssignments", spec));
    let set = &loaded.sets[0];
    let from = Instant::parse("2026-01-01T12:00:00Z").unwrap();
    assert!(set.rows[0].fields.get("effective_from").is_some_and(|v| v.same(&Value::Instant(from))));
    assert!(matches!(set.rows[0].fields.get("effective_to"), Some(Value::Null)));
    let expect = set.expect.as_ref().unwrap();
    assert_eq!((expect.removes, expect.updates, expect.until), (Some(7), None, Instant::parse("2026-12-25T00:00:00Z")));
    assert_eq!(set.protect[0].min_holders, Some(2));
    assert!(set.protect[0].matches(&set.rows[0].key));
    assert_eq!(set.protect[1].parts[0], Some(ids.sym("boss")));
    assert_eq!(set.scope_text, "node_ids n1; role_ids r1");
}

#[test]
fn aliases_and_merge_keys_stand_for_what_they_name() {
    let spec = "  target: pie
  mode: additive
  domain_id: d
  assignments:
    - &base { assignment_key: a, model_id: m, model_version: &version 2.10, settings: &settings { horizon: 7, deep: { x: 1 } } }
    - { <<: *base, assignment_key: b }
    - { <<: [{ role: primary }, *base], assignment_key: c, model_version: *version, settings: { <<: *settings, horizon: 14 } }
";
    let (loaded, ids) = load_good(&set("StreamlineAssignments", spec));
    assert_eq!(keys(&loaded, &ids), ["d  a", "d  b", "d  c"]);
    let json = |row: usize| match loaded.sets[0].rows[row].fields.get("settings") {
        Some(Value::Json(json)) => json.tree().to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(json(1), r#"{"deep":{"x":1},"horizon":7}"#);
    assert_eq!(json(2), r#"{"deep":{"x":1},"horizon":14}"#);
    assert!(matches!(loaded.sets[0].rows[2].fields.get("role"), Some(Value::Text(role)) if &**role == "primary"));
}

#[test]
fn additive_sets_may_share_a_scope_and_a_set_without_scope_covers_its_keys() {
    let more = "---
apiVersion: assignctl/v1
kind: PartiumAssignments
metadata: { name: another }
spec: { target: parts, mode: observe, scope: all, assignments: [] }
---
apiVersion: assignctl/v1
kind: PartiumAssignments
metadata: { name: third }
spec: { target: parts, mode: additive, assignments: [{ ass_id: a, org_id: o }] }
";
    let text =
        set("PartiumAssignments", "  target: parts\n  mode: additive\n  scope: { ass_ids: [x] }\n  assignments: []\n")
            + more;
    let (loaded, _) = load_good(&text);
    assert_eq!(loaded.sets.len(), 3);
    assert!(loaded.sets[2].scope.is_none() && loaded.sets[2].covers(&loaded.sets[2].rows[0].key));
}

#[test]
fn one_api_key_is_one_account_where_no_field_names_it() {
    let target = |name: &str, key: &str| {
        format!(
            "apiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: {name} }}\nspec: {{ provider: canopy, surface: api, auth: {{ api_key: {{ env: {key} }} }} }}\n---\n"
        )
    };
    load_good(&(target("a", "A") + &target("b", "B")));
    assert_eq!(codes(&load_text(&(target("a", "A") + &target("b", "A"))).0), ["same-account"]);
}

#[test]
fn products_of_lists_are_bounded() {
    let ids = |prefix: &str| (0..3_000).map(|n| format!("{prefix}{n}")).collect::<Vec<_>>().join(", ");
    let spec = format!(
        "  target: parts\n  mode: additive\n  assignments: [{{ ass_ids: [{}], org_ids: [{}] }}]\n",
        ids("a"),
        ids("o")
    );
    assert_eq!(codes(&load_text(&set("PartiumAssignments", &spec)).0), ["too-many-rows"]);
}

#[test]
fn rules_of_ignore_say_what_when_and_why() {
    let spec = "  target: crm
  mode: authoritative
  scope: all
  ignore:
    - { fields: [effective_to, effective_from], match: { identity_id: 'svc-*', role_id: r }, reason: 'set by HR', until: 2026-12-31 }
    - { match: { node_id: '*' }, reason: all }
  assignments: []
";
    let (mut loaded, ids) = load_good(&set("CanopyAssignments", spec));
    let [both, whole] = &loaded.sets[0].ignore[..] else { panic!("{:?}", loaded.sets[0].ignore) };
    assert_eq!((both.fields.as_slice(), both.reason.as_str()), (&["effective_from", "effective_to"][..], "set by HR"));
    let key = |text: &str| assignctl::model::Key::new(&text.split(' ').map(|part| ids.sym(part)).collect::<Vec<_>>());
    assert!(both.matches(&ids, &key("svc-a n r")) && !both.matches(&ids, &key("svc-a n s")));
    assert!(!both.matches(&ids, &key("anna n r")) && whole.matches(&ids, &key("anna n r")));
    assert!(whole.fields.is_empty() && whole.until.is_none());
    let ended = Instant::parse("2027-01-01T00:00:00Z").unwrap();
    assert!(!both.in_force(ended) && both.in_force(Instant(ended.0 - 1)), "a date counts to its end");
    loaded.expire(Instant(ended.0 - 1));
    assert_eq!(codes(&loaded), [""; 0]);
    loaded.expire(ended);
    assert_eq!(codes(&loaded), ["ignore-ended"]);
}

#[test]
fn a_rule_of_ignore_names_actors_as_the_api_does() {
    let rules = |rules: &str| {
        let set = format!(
            "apiVersion: assignctl/v1\nkind: SemaphorAssignments\nmetadata: {{ name: s }}\nspec:\n  target: t\n  mode: authoritative\n  scope: all\n  ignore: [{rules}]\n  assignments: []\n"
        );
        let target = "apiVersion: assignctl/v1\nkind: Target\nmetadata: { name: t }\nspec: { provider: semaphor, endpoint: sandbox, project_id: p }\n---\n";
        load_text(&format!("{target}{set}")).0
    };
    let loaded = rules("{ match: { tenantId: acme-* }, reason: theirs }");
    assert_eq!(codes(&loaded), [""; 0]);
    let parts = &loaded.sets[0].ignore[0].parts;
    assert!(parts[0].is_none() && parts[1].is_some() && parts[2].is_some(), "the scope type goes with the name");
    for (rule, code) in [
        ("{ match: { actorId: acme }, reason: theirs }", "unknown-field"),
        ("{ match: { tenantId: a, orgUserId: b }, reason: theirs }", "conflicting-fields"),
    ] {
        assert_eq!(codes(&rules(rule)), [code], "{rule}");
    }
}
