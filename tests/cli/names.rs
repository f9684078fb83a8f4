//! References by name on the command line: what a plan shows, what a saved plan pins, what an unattended apply may not do.

use serde_json::{Value, json};

use super::Place;
use super::asked::asked;
use crate::support;

const SEMAPHOR: &str = "
semaphor:
  projects:
    - projectId: p_1
      definitions: [{ id: usd, name: Tenant isolation, connection: { id: c1, name: Warehouse, type: postgres } }]
      tenants: [{ id: t1, name: Acme }, { id: t2, name: Borealis }]
      assignments:
        - { id: a1, definitionId: usd, scopeType: TENANT, tenantId: t1, params: { region: eu } }
        - { id: a2, definitionId: usd, scopeType: TENANT, tenantId: t2, params: { region: eu } }
";

const ISOLATION: &str = "
  apiVersion: assignctl/v1
  kind: SemaphorAssignments
  metadata: { name: isolation }
  spec:
    target: analytics
    mode: additive
    assignments:
      - { connection: Warehouse, definitionName: Tenant isolation, scopeType: TENANT, tenantName: Acme, params: { region: us } }
";

fn semaphor() -> Place {
    let place = Place { server: support::sandbox::seeded(SEMAPHOR), dir: tempfile::tempdir().unwrap() };
    place.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    place.write(
        "target.yaml",
        &format!(
            "apiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: analytics }}\nspec: {{ provider: semaphor, endpoint: '{}', project_id: p_1, auth: {{ bearer: {{ env: TOKEN }} }}, limits: {{ timeout: 5s, retry_budget: 50ms }} }}\n",
            place.server.url()
        ),
    );
    place.write("isolation.yaml", ISOLATION);
    place
}

/// From now on the listing calls the tenants by these names.
fn rename(place: &Place, t1: &str, t2: &str) {
    let row = |id: &str, tenant: &str, name: &str| {
        json!({
            "assignment": { "id": id, "definitionId": "usd", "scopeType": "TENANT", "tenantId": tenant, "params": { "region": "eu" } },
            "definition": { "id": "usd", "name": "Tenant isolation" },
            "connection": { "id": "c1", "name": "Warehouse" },
            "tenant": { "id": tenant, "name": name },
        })
    };
    let body = json!({ "ok": true, "data": { "assignments": [row("a1", "t1", t1), row("a2", "t2", t2)] } });
    place.server.clear_faults();
    place.fault(&format!("GET /api/management/**=200;body={body}:*"));
}

fn writes(place: &Place) -> usize {
    place.server.requests().iter().filter(|request| request.method != "GET").count()
}

const APPLY: [&str; 4] = ["apply", "--plan", "plan.json", "--auto-approve"];

fn saved(place: &Place) -> Value {
    serde_json::from_str(&std::fs::read_to_string(place.path().join("plan.json")).unwrap()).unwrap()
}

#[test]
fn a_saved_plan_pins_the_ids_and_shows_them() {
    let place = semaphor();
    let run = place.run(&["plan", "--out", "plan.json", "--report", "markdown=plan.md", "--report", "html=plan.html"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stdout.contains("tenantName Acme is t1"), "{}", run.text());
    assert!(run.stdout.contains("definitionName \"Tenant isolation\" within Warehouse is usd"), "{}", run.text());
    let markdown = std::fs::read_to_string(place.path().join("plan.md")).unwrap();
    assert!(markdown.contains("- `tenantName Acme` is `t1`"), "{markdown}");
    let html = std::fs::read_to_string(place.path().join("plan.html")).unwrap();
    assert!(html.contains(r#"["tenantName Acme","t1"]"#));
    let names = &saved(&place)["targets"][0]["sets"][0]["names"];
    assert_eq!(names[1], json!({ "field": "tenantName", "name": "Acme", "id": "t1", "decides": "assignment" }));

    let run = place.run(&APPLY);
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(writes(&place), 1);
}

#[test]
fn a_name_that_moved_to_another_id_makes_the_plan_stale() {
    let place = semaphor();
    assert_eq!(place.run(&["plan", "--out", "plan.json"]).code, 0);
    rename(&place, "Borealis", "Acme");
    let run = place.run(&APPLY);
    assert_eq!(run.code, 4, "{}", run.text());
    assert!(run.stderr.contains("tenantName Acme was t1 and is t2"), "{}", run.text());
    assert_eq!(writes(&place), 0);
    // A name that is gone, or is two, is no plan at all.
    for (t1, t2, said) in [("Other", "Borealis", "unknown-name"), ("Acme", "Acme", "ambiguous-name")] {
        rename(&place, t1, t2);
        let run = place.run(&APPLY);
        assert_eq!(run.code, 1, "{}", run.text());
        assert!(run.stderr.contains(said) && run.stderr.contains("isolation.yaml:9:"), "{}", run.text());
        assert_eq!(writes(&place), 0);
    }
}

#[test]
fn a_name_that_moved_while_the_question_stood_is_noticed() {
    for (t1, t2, code, said) in [
        ("Borealis", "Acme", 4, "tenantName Acme was t1 and is t2"),
        ("Other", "Borealis", 1, "unknown-name"),
        ("Acme", "Acme", 1, "ambiguous-name"),
    ] {
        let place = semaphor();
        let run = asked(&place, &[], || rename(&place, t1, t2), "yes");
        assert_eq!(run.code, code, "{}", run.text());
        assert!(run.text().contains(said), "{}", run.text());
        assert_eq!(writes(&place), 0);
    }
    // What is called as it was is applied.
    let place = semaphor();
    let run = asked(&place, &[], || (), "yes");
    assert_eq!((run.code, writes(&place)), (0, 1), "{}", run.text());
}

#[test]
fn a_name_that_another_listing_may_prove_is_a_temporary_failure() {
    let place = semaphor();
    let set_gap = |more: &str| {
        place.server.clear_faults();
        let body = format!(r#"{{"ok":true,"data":{{"assignments":[],"hasMore":{more}}}}}"#);
        place.fault(&format!("GET /api/management/**=200;body={body}:*"));
    };
    set_gap("true");
    let run = place.run(&["plan"]);
    assert_eq!(run.code, 6, "{}", run.text());
    assert!(run.stderr.contains("unproven-name") && !run.stderr.contains("unknown-name"), "{}", run.text());
    set_gap("false");
    let run = place.run(&["plan"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stderr.contains("unknown-name"), "{}", run.text());
}

#[test]
fn a_plan_file_without_its_pins_is_refused() {
    let place = semaphor();
    assert_eq!(place.run(&["plan", "--out", "plan.json"]).code, 0);
    let mut plan = saved(&place);
    plan["targets"][0]["sets"][0].as_object_mut().unwrap().remove("names");
    super::saved::edit(&place, plan, true);
    let run = place.run(&APPLY);
    assert_eq!(run.code, 4, "{}", run.text());
    assert!(run.stderr.contains("was no id"), "{}", run.text());
    assert_eq!(writes(&place), 0);
}

#[test]
fn a_manifest_that_names_something_else_is_another_manifest() {
    let place = semaphor();
    assert_eq!(place.run(&["plan", "--out", "plan.json"]).code, 0);
    // The same assignment, by id.
    place.write("isolation.yaml", &ISOLATION.replace("tenantName: Acme", "tenantId: t1"));
    let run = place.run(&APPLY);
    assert_eq!(run.code, 4, "{}", run.text());
    assert!(run.stderr.contains("declares something else"), "{}", run.text());
}

#[test]
fn one_target_with_a_name_that_is_not_found_does_not_stop_the_others() {
    let place = semaphor();
    let other = std::fs::read_to_string(place.path().join("target.yaml")).unwrap();
    place.write("other.yaml", &other.replace("name: analytics", "name: other").replace("p_1", "p_2"));
    place.write(
        "other-set.yaml",
        "apiVersion: assignctl/v1\nkind: SemaphorAssignments\nmetadata: { name: broken }\nspec: { target: other, mode: additive, assignments: [{ definitionId: usd, scopeType: TENANT, tenantName: Nobody }] }\n",
    );
    let empty = r#"{"ok":true,"data":{"assignments":[]}}"#;
    place.fault(&format!("GET /api/management/v1/projects/p_2/**=200;body={empty}:*"));
    let run = place.run(&["plan", "--format", "json"]);
    assert_eq!(run.code, 1, "{}", run.text());
    let plan = run.json();
    assert_eq!(plan["counts"]["update"], 1);
    let why = plan["targets"][1]["sets"][0]["warnings"][0]["message"].as_str().unwrap();
    assert!(why.contains("other-set.yaml:4:") && why.contains("`tenantName` `Nobody`"), "{why}");
    assert!(run.stderr.contains("error[unknown-name]"), "{}", run.text());
}

const CANOPY: &str = "
canopy:
  environments:
    - account: acme
      application: crm
      environment: prod
      identities: [{ id: anna, name: Anna, email: anna@example.com }, { id: ben, name: Ben, email: ben@example.com }]
      nodes: [{ id: emea, name: EMEA }]
      roles: [{ id: agent, name: Agent }]
      assignments:
        - { id: a1, identity_id: anna, node_id: emea, role_id: agent, effective_from: 2025-01-01T08:00:00Z }
        - { id: a2, identity_id: ben, node_id: emea, role_id: agent, effective_from: 2025-01-01T08:00:00Z }
";

/// Anna stays, Ben goes.
fn canopy(scope: &str) -> Place {
    let place = Place { server: support::sandbox::seeded(CANOPY), dir: tempfile::tempdir().unwrap() };
    place.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    place.write(
        "target.yaml",
        &format!(
            "apiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: crm }}\nspec: {{ provider: canopy, endpoint: '{}', account: acme, application: crm, environment: prod, auth: {{ bearer: {{ env: TOKEN }} }} }}\n",
            place.server.url()
        ),
    );
    place.write(
        "support.yaml",
        &format!(
            "apiVersion: assignctl/v1\nkind: CanopyAssignments\nmetadata: {{ name: support }}\nspec:\n  target: crm\n  mode: authoritative\n  scope: {scope}\n  assignments: [{{ identity_email: anna@example.com, node_id: emea, role_name: Agent }}]\n"
        ),
    );
    place
}

#[test]
fn an_unattended_apply_takes_nothing_away_on_a_names_word() {
    let place = canopy("{ node_names: [EMEA] }");
    let run = place.run(&["apply", "--auto-approve"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stderr.contains("node_name EMEA, now emea"), "{}", run.text());
    assert_eq!(writes(&place), 0);
    assert_eq!(place.run(&["plan", "--out", "plan.json"]).code, 0);
    let run = place.run(&APPLY);
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(writes(&place), 1);
    // A protection by name, of whichever set of the target, is as weak.
    let place = canopy("{ node_ids: [emea] }");
    place.write("guard.yaml", "apiVersion: assignctl/v1\nkind: CanopyAssignments\nmetadata: { name: guard }\nspec: { target: crm, mode: observe, protect: [{ identity_email: anna@example.com }], assignments: [] }\n");
    let run = place.run(&["apply", "--auto-approve"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stderr.contains("identity_email anna@example.com, now anna"), "{}", run.text());
    assert_eq!(writes(&place), 0);
    // The last row that shows the name may go: what the run resolved holds to its end.
    let by_id = canopy("{ node_ids: [emea] }");
    assert_eq!(by_id.run(&["apply", "--auto-approve"]).code, 0);
}

#[test]
fn drift_import_and_a_base_find_names_too() {
    let place = canopy("{ node_names: [EMEA] }");
    let drift = place.run(&["drift"]);
    assert_eq!(drift.code, 2, "{}", drift.text());
    assert!(drift.stdout.contains("ben"), "{}", drift.text());
    let import = place.run(&["import", "--target", "crm"]);
    assert_eq!(import.code, 0, "{}", import.text());
    assert!(import.stderr.contains("no live assignment is without a set"), "{}", import.text());
    let base = tempfile::tempdir().unwrap();
    support::copy(place.path(), base.path());
    let manifest = std::fs::read_to_string(place.path().join("support.yaml")).unwrap();
    place.write("support.yaml", &manifest.replace("anna@example.com", "ben@example.com"));
    let run = place.run(&["plan", "--base-dir", base.path().to_str().unwrap(), "--format", "json"]);
    let plan = run.json();
    assert_eq!(plan["base"]["causes"], json!({ "pull_request": 1, "both": 0, "drift": 0 }), "{}", run.text());
    // A base whose names are gone is not used, and says so.
    support::write(base.path(), "support.yaml", &manifest.replace("anna@example.com", "gone@example.com"));
    let run = place.run(&["plan", "--base-dir", base.path().to_str().unwrap(), "--format", "json"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stderr.contains("was not used for target crm"), "{}", run.text());
    let plan = run.json();
    assert_eq!(
        (&plan["base"]["gaps"][0]["target"], &plan["base"]["gaps"][0]["kind"]),
        (&json!("crm"), &json!("not_used"))
    );
    // Such a base would apply nothing there.
    assert_eq!(plan["targets"][0]["sets"][0]["changes"][0]["cause"], "pull_request");
}

#[test]
fn one_name_without_an_id_fails_its_own_set_and_the_others_go_on() {
    let place = semaphor();
    let leaver = ISOLATION.replace("name: isolation", "name: leaver").replace("tenantName: Acme", "tenantName: Gone");
    place.write("leaver.yaml", &leaver);
    for args in [&["plan"][..], &["drift"]] {
        let run = place.run(args);
        assert_eq!(run.code, 1, "{}", run.text());
        assert!(run.stderr.contains("unknown-name") && run.stdout.contains("isolation"), "{}", run.text());
        assert!(run.stdout.contains("nothing of this set is planned"), "{}", run.text());
        assert!(!run.stdout.contains("No drift") && !run.stdout.contains("No changes."), "{}", run.text());
    }
    let run = place.run(&["plan", "--format", "json"]);
    assert_eq!(run.json()["counts"]["update"], 1, "{}", run.text());
    place.write("ids.yaml", "apiVersion: assignctl/v1\nkind: SemaphorAssignments\nmetadata: { name: by-id }\nspec: { target: analytics, mode: additive, assignments: [{ definitionId: usd, scopeType: TENANT, tenantId: t2, params: { region: us } }] }\n");
    std::fs::remove_file(place.path().join("isolation.yaml")).unwrap();
    let run = place.run(&["apply", "--auto-approve"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert_eq!(writes(&place), 1, "{}", run.text());
    assert!(!run.stdout.contains("Verified: live state equals"), "{}", run.text());
}
