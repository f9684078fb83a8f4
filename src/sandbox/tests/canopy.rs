//! apis/canopy.md, statement by statement.

use serde_json::{Value, json};

use super::{Api, client, each, read};

const PORTAL: &str = "/portal/v1/accounts/acme/applications/crm/environments/prod/assignments";

/// Three rows: active and direct at `emea` (inherited by `dach` and `wien`), expired, scheduled.
fn seed(options: &str) -> String {
    format!(
        "
canopy:
  environments:
    - account: acme
      application: crm
      environment: prod
      api_key: cnpy_prod
      identities: [{{ id: anna, name: Anna Berg, email: anna@example.org }}, {{ id: ben, name: Ben }}]
      nodes: [{{ id: emea, name: EMEA }}, {{ id: dach, name: DACH, parent: emea }}, {{ id: wien, parent: dach }}, {{ id: apac }}]
      roles: [{{ id: support, name: Support }}, {{ id: admin, name: Admin }}, {{ id: root, system: true }}]
      assignments:
        - {{ id: asg_a, identity_id: anna, node_id: emea, role_id: support, created_at: 2026-01-01T00:00:00Z }}
        - {{ id: asg_b, identity_id: ben, node_id: apac, role_id: support, effective_to: 2026-02-01T00:00:00Z }}
        - {{ id: asg_c, identity_id: ben, node_id: apac, role_id: admin, effective_from: 2026-12-01T00:00:00Z }}
      {options}
    - {{ account: acme, application: crm, environment: test }}
"
    )
}

async fn open(options: &str) -> Api {
    Api::seeded(&seed(options)).await
}

fn path(rest: &str) -> String {
    format!("{PORTAL}{rest}")
}

fn error_of(answer: &(u16, Value)) -> (u16, &str) {
    assert_eq!(answer.1["error"]["statusCode"], json!(answer.0), "{}", answer.1);
    (answer.0, answer.1["error"]["code"].as_str().unwrap())
}

#[tokio::test]
async fn a_create_answers_with_the_other_name_of_the_node() {
    let api = open("").await;
    let (status, made) =
        api.post(&path(""), json!({ "identity_id": "anna", "node_id": "apac", "role_id": "admin" })).await;
    assert_eq!(status, 201);
    assert_eq!(
        made,
        json!({
            "id": "asg_000004", "identity_id": "anna", "application_node_id": "apac", "role_id": "admin",
            "effective_from": "2026-06-01T12:00:00.000Z",
            "created_at": "2026-06-01T12:00:00.000Z", "updated_at": "2026-06-01T12:00:00.000Z",
        })
    );
}

#[tokio::test]
async fn a_create_is_refused_for_what_it_refers_to_or_repeats() {
    let api = open("").await;
    let body =
        |identity: &str, node: &str, role: &str| json!({ "identity_id": identity, "node_id": node, "role_id": role });
    assert_eq!(
        error_of(&api.post(&path(""), body("anna", "emea", "support")).await),
        (409, "rbac.assignment_conflict")
    );
    assert_eq!(error_of(&api.post(&path(""), body("ghost", "emea", "support")).await), (404, "rbac.not_found"));
    assert_eq!(error_of(&api.post(&path(""), body("anna", "ghost", "support")).await), (404, "rbac.not_found"));
    assert_eq!(error_of(&api.post(&path(""), body("anna", "emea", "ghost")).await), (404, "rbac.not_found"));
    assert_eq!(error_of(&api.post(&path(""), body("anna", "emea", "root")).await), (400, "rbac.system_role"));
    for extra in [
        json!({ "application_node_id": "emea" }),
        json!({ "effective_to": "tomorrow" }),
        json!({ "effective_to": "2020-01-01T00:00:00Z" }),
        json!({ "role_id": 7 }),
    ] {
        let mut wrong = body("anna", "apac", "admin");
        wrong.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        assert_eq!(api.post(&path(""), wrong.clone()).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_patch_needs_the_role_and_keeps_omitted_dates() {
    let api = open("").await;
    let patch = async |body| api.send("PATCH", &path("/asg_c"), Some(body)).await;
    assert_eq!(patch(json!({ "effective_to": null })).await.0, 400);
    assert_eq!(patch(json!({ "role_id": "admin", "node_id": "emea" })).await.0, 400);
    assert_eq!(error_of(&patch(json!({ "role_id": "root" })).await), (400, "rbac.system_role"));
    assert_eq!(error_of(&patch(json!({ "role_id": "support" })).await), (409, "rbac.assignment_conflict"));
    let (status, row) = patch(json!({ "role_id": "admin", "effective_to": "2027-01-01T01:00:00+01:00" })).await;
    assert_eq!(status, 200);
    assert_eq!(row["effective_from"], "2026-12-01T00:00:00.000Z");
    assert_eq!(row["effective_to"], "2027-01-01T00:00:00.000Z");
    let (_, row) = patch(json!({ "role_id": "admin", "effective_to": null })).await;
    assert_eq!((row.get("effective_to"), &row["effective_from"]), (None, &json!("2026-12-01T00:00:00.000Z")));
    assert_eq!(api.send("PATCH", &path("/ghost"), Some(json!({ "role_id": "admin" }))).await.0, 404);
}

#[tokio::test]
async fn a_patch_can_be_made_to_reset_omitted_dates() {
    let api = open("patch_omitted_dates: reset").await;
    let (_, row) = api.send("PATCH", &path("/asg_b"), Some(json!({ "role_id": "support" }))).await;
    assert_eq!(row.get("effective_to"), None);
    assert_eq!(row["effective_from"], row["created_at"]);
}

#[tokio::test]
async fn a_delete_is_done_once() {
    let api = open("").await;
    assert_eq!(api.send("DELETE", &path("/asg_a"), None).await, (204, Value::Null));
    assert_eq!(error_of(&api.send("DELETE", &path("/asg_a"), None).await), (404, "rbac.not_found"));
}

#[tokio::test]
async fn the_list_shows_direct_and_inherited_rows_with_their_state() {
    let api = open("").await;
    let (status, listing) = api.get(&path("/app-wide")).await;
    assert_eq!(status, 200);
    let items = &listing["items"];
    let line = |item: &Value| {
        let row = &item["assignment"];
        format!("{} {} {} {}", row["id"], row["source_node_id"], row["access_type"], row["status"]).replace('"', "")
    };
    let lines: Vec<String> = items.as_array().unwrap().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "asg_a emea direct active",
            "asg_a dach inherited active",
            "asg_a wien inherited active",
            "asg_b apac direct expired",
            "asg_c apac direct scheduled",
        ]
    );
    assert_eq!(items[0]["identity"], json!({ "id": "anna", "name": "Anna Berg", "email": "anna@example.org" }));
    assert_eq!(items[0]["role"], json!({ "id": "support", "name": "Support" }));
    assert_eq!(items[0]["assignment"]["source_node_name"], "EMEA");
    assert_eq!(items[0]["assignment"]["effective_to"], Value::Null);
    assert_eq!(
        listing["pagination"],
        json!({
            "page": 1, "take": 20, "item_count": 5, "page_count": 1, "has_previous_page": false, "has_next_page": false,
        })
    );
    let summary = api.get(&path("/app-wide/summary")).await;
    let counts = json!({ "total_count": 5, "active_count": 3, "scheduled_count": 1, "expired_count": 1 });
    assert_eq!(summary, (200, counts));
}

#[tokio::test]
async fn the_list_filters_sorts_and_pages() {
    let api = open("").await;
    let ids = async |query: &str| {
        let (status, listing) = api.get(&path(&format!("/app-wide?{query}"))).await;
        assert_eq!(status, 200, "{query}: {listing}");
        each(&listing["items"], "/assignment/id").join(" ")
    };
    assert_eq!(ids("status=expired").await, "asg_b");
    assert_eq!(ids("status=scheduled").await, "asg_c");
    assert_eq!(ids("role_id=admin").await, "asg_c");
    assert_eq!(ids("source_node_id=dach").await, "asg_a");
    assert_eq!(ids("source_node_id=apac&status=active").await, "");
    assert_eq!(ids("q=ANNA%40").await, "asg_a asg_a asg_a");
    assert_eq!(ids("take=2&page=2").await, "asg_a asg_b");
    assert_eq!(ids("take=2&page=3").await, "asg_c");
    assert_eq!(ids("take=2&page=9").await, "");
    assert_eq!(ids("sort_by=role&take=1").await, "asg_c");
    assert_eq!(ids("sort_by=name&order=desc&take=1").await, "asg_c");
    assert_eq!(ids("sort_by=created_at&order=desc&take=1").await, "asg_c");
}

#[tokio::test]
async fn the_list_refuses_parameters_that_it_does_not_know() {
    let api = open("").await;
    for query in [
        "take=0",
        "take=101",
        "take=x",
        "page=0",
        "page=-1",
        "sort_by=id",
        "order=up",
        "status=gone",
        "limit=5",
        "take=1&take=2",
    ] {
        assert_eq!(api.get(&path(&format!("/app-wide?{query}"))).await.0, 400, "{query}");
    }
    assert_eq!(api.get(&path("/app-wide/summary?role_id=admin")).await.0, 400);
}

#[tokio::test]
async fn the_list_without_a_status_can_be_made_to_hide_what_is_not_active() {
    let api = open("list_default_includes_expired: false").await;
    assert_eq!(api.get(&path("/app-wide")).await.1["pagination"]["item_count"], 3);
    assert_eq!(api.get(&path("/app-wide?status=expired")).await.1["pagination"]["item_count"], 1);
}

#[tokio::test]
async fn inherited_rows_can_have_their_own_ids() {
    let api = open("inherited_ids: own").await;
    let (_, listing) = api.get(&path("/app-wide?take=3")).await;
    assert_eq!(each(&listing["items"], "/assignment/id"), ["asg_a", "asg_a_at_dach", "asg_a_at_wien"]);
}

#[tokio::test]
async fn a_listing_is_fresh_after_a_write() {
    let api = open("").await;
    assert_eq!(api.get(&path("/app-wide?role_id=support")).await.1["pagination"]["item_count"], 4);
    api.send("DELETE", &path("/asg_a"), None).await;
    assert_eq!(api.get(&path("/app-wide?role_id=support")).await.1["pagination"]["item_count"], 1);
}

#[tokio::test]
async fn a_bulk_that_succeeds_answers_200_with_a_result_for_each_index() {
    let api = open("").await;
    let entries = json!({ "assignments": [
        { "identity_id": "anna", "node_id": "apac", "role_id": "admin" },
        { "identity_id": "ben", "node_id": "emea", "role_id": "admin" },
    ] });
    let (status, answer) = api.post(&path("/bulk-create"), entries).await;
    assert_eq!((status, &answer["summary"]), (200, &json!({ "total": 2, "succeeded": 2, "failed": 0 })));
    assert_eq!(answer["results"][1]["index"], 1);
    assert_eq!(answer["results"][1]["status"], "success");
    assert_eq!(answer["results"][1]["data"]["application_node_id"], "emea");
}

fn half_bad() -> Value {
    json!({ "assignments": [
        { "identity_id": "anna", "node_id": "apac", "role_id": "admin" },
        { "identity_id": "anna", "node_id": "emea", "role_id": "support" },
        { "identity_id": "ghost", "node_id": "emea", "role_id": "support" },
    ] })
}

#[tokio::test]
async fn an_atomic_bulk_with_a_failure_writes_nothing() {
    let api = open("").await;
    let before = api.running.dump().unwrap();
    let answer = api.post(&path("/bulk-create"), half_bad()).await;
    assert_eq!(error_of(&answer), (409, "rbac.assignment_conflict"));
    assert_eq!(answer.1["error"]["details"][0]["index"], 1);
    assert_eq!(api.running.dump().unwrap(), before);
}

#[tokio::test]
async fn a_mixed_bulk_with_a_failure_answers_207_and_keeps_the_rest() {
    let api = open("bulk: mixed").await;
    let (status, answer) = api.post(&path("/bulk-create"), half_bad()).await;
    assert_eq!((status, &answer["summary"]), (207, &json!({ "total": 3, "succeeded": 1, "failed": 2 })));
    assert_eq!(each(&answer["results"], "/status"), ["success", "error", "error"]);
    assert_eq!(answer["results"][1]["code"], 409);
    assert_eq!(answer["results"][1]["error"]["code"], "rbac.assignment_conflict");
    assert_eq!(api.get(&path("/app-wide?role_id=admin")).await.1["pagination"]["item_count"], 2);
}

#[tokio::test]
async fn a_bulk_can_tell_of_successes_that_were_rolled_back() {
    let api = open("bulk: rollback").await;
    let before = api.running.dump().unwrap();
    let (status, answer) = api.post(&path("/bulk-create"), half_bad()).await;
    assert_eq!((status, &answer["summary"]["succeeded"]), (207, &json!(1)));
    assert_eq!(api.running.dump().unwrap(), before);
}

#[tokio::test]
async fn a_bulk_role_change_is_all_or_nothing() {
    let api = open("").await;
    let change = async |ids: Value, role: &str| {
        api.post(&path("/bulk-change-role"), json!({ "assignment_ids": ids, "role_id": role })).await
    };
    assert_eq!(error_of(&change(json!(["asg_a", "ghost"]), "admin").await), (404, "rbac.not_found"));
    assert_eq!(error_of(&change(json!(["asg_b"]), "admin").await), (409, "rbac.assignment_conflict"));
    assert_eq!(error_of(&change(json!(["asg_b", "asg_c"]), "admin").await), (409, "rbac.assignment_conflict"));
    assert_eq!(error_of(&change(json!(["asg_a"]), "root").await), (400, "rbac.system_role"));
    assert_eq!(change(json!([]), "admin").await.0, 400);
    let (status, answer) = change(json!(["asg_a"]), "admin").await;
    assert_eq!(status, 200);
    assert!(answer["message"].is_string());
    let (_, listing) = api.get(&path("/app-wide?role_id=admin")).await;
    assert_eq!(each(&listing["items"], "/assignment/id"), ["asg_a", "asg_a", "asg_a", "asg_c"]);
}

#[tokio::test]
async fn a_bulk_remove_answers_204() {
    let api = open("").await;
    let (status, _) = api.post(&path("/bulk-remove"), json!({ "assignment_ids": ["asg_a", "asg_c"] })).await;
    assert_eq!(status, 204);
    assert_eq!(api.get(&path("/app-wide")).await.1["pagination"]["item_count"], 1);
}

#[tokio::test]
async fn a_key_opens_its_own_environment_on_the_api_surface_only() {
    let api = open("").await;
    let get = async |path: &str, name: &str, value: &str| {
        read(client().get(api.url(path)).header(name, value).send().await.unwrap()).await
    };
    let count = |answer: (u16, Value)| (answer.0, answer.1["pagination"]["item_count"].as_u64());
    assert_eq!(count(get("/api/v1/assignments/app-wide", "x-api-key", "cnpy_prod").await), (200, Some(5)));
    assert_eq!(count(get("/api/v1/assignments/app-wide", "x-api-key", "cnpy_sandbox").await), (200, Some(5)));
    assert_eq!(count(get("/api/v1/assignments/app-wide", "authorization", "Bearer cnpy_prod").await), (200, Some(5)));
    assert_eq!(get("/api/v1/assignments/app-wide", "x-api-key", "sandbox").await.0, 401);
    assert_eq!(get(&path("/app-wide"), "x-api-key", "cnpy_prod").await.0, 401);
    assert_eq!(get(&path("/app-wide"), "authorization", "Bearer cnpy_prod").await.0, 403);
}

#[tokio::test]
async fn environments_are_apart_and_unknown_ones_are_not_there() {
    let api = open("").await;
    let other = PORTAL.replace("/prod/", "/test/");
    assert_eq!(api.get(&format!("{other}/app-wide")).await.1["pagination"]["item_count"], 0);
    assert_eq!(api.send("DELETE", &format!("{other}/asg_a"), None).await.0, 404);
    let unknown = PORTAL.replace("/prod/", "/dev/");
    assert_eq!(error_of(&api.get(&format!("{unknown}/app-wide")).await), (404, "environment.not_found"));
}

#[tokio::test]
async fn an_api_without_a_seed_takes_any_id() {
    let api = Api::seeded("").await;
    let body = json!({ "identity_id": "i", "node_id": "n", "role_id": "r" });
    assert_eq!(api.post("/api/v1/assignments", body.clone()).await.0, 201);
    assert_eq!(api.post(&path(""), body).await.0, 201);
    assert_eq!(api.get(&path("/app-wide")).await.1["items"][0]["identity"]["name"], "i");
}

#[tokio::test]
async fn other_methods_and_routes_are_refused_in_canopys_form() {
    let api = open("").await;
    assert_eq!(error_of(&api.get(&path("")).await), (405, "method_not_allowed"));
    assert_eq!(error_of(&api.get(&path("/asg_a")).await), (405, "method_not_allowed"));
    assert_eq!(error_of(&api.post(&path("/app-wide"), json!({})).await), (405, "method_not_allowed"));
    assert_eq!(error_of(&api.get(&path("/a/b/c")).await), (404, "not_found"));
}
