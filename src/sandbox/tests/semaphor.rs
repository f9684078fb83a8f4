//! apis/semaphor.md, statement by statement.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use serde_json::{Value, json};

use super::{Api, Clock, Options, Seed, client, each, read};

const BASE: &str = "/api/management/v1/projects/p1/unified-security/assignments";

const SEED: &str = "
auth:
  project_secrets: [{ projectId: p1, projectSecret: s3cret }, { projectId: p2, projectSecret: s3cret, expires_in: 60 }]
semaphor:
  projects:
    - projectId: p1
      definitions:
        - id: iso
          name: Tenant isolation
          connection: { id: c1, name: Warehouse, type: postgres }
          secret_params: [warehouse_key]
        - { id: rls }
      tenants: [{ id: t1, name: Acme }, { id: t2 }]
      tenant_users: [{ id: tu1, name: Tia, email: tia@example.org, tenantId: t1 }]
      org_users: [{ id: u1, name: Uma }]
      assignments:
        - { id: a1, definitionId: iso, scopeType: TENANT, tenantId: t1, params: { region: us, warehouse_key: hidden } }
        - { id: a2, definitionId: rls, scopeType: ALL_TENANTS }
    - { projectId: p2, envelope: success }
";

async fn open() -> Api {
    Api::seeded(SEED).await
}

fn error_of(answer: &(u16, Value)) -> (u16, &str) {
    assert_eq!(answer.1["ok"], json!(false), "{}", answer.1);
    assert!(answer.1["error"]["message"].is_string() && answer.1["error"]["details"].is_object());
    (answer.0, answer.1["error"]["code"].as_str().unwrap())
}

#[tokio::test]
async fn the_list_is_nested_with_names_and_masks_secrets() {
    let api = open().await;
    let (status, answer) = api.get(BASE).await;
    assert_eq!((status, &answer["ok"]), (200, &json!(true)));
    let row = &answer["data"]["assignments"][0];
    assert_eq!(row["definition"], json!({ "id": "iso", "projectId": "p1", "name": "Tenant isolation" }));
    assert_eq!(row["connection"], json!({ "id": "c1", "name": "Warehouse", "type": "postgres" }));
    assert_eq!(row["tenant"], json!({ "id": "t1", "name": "Acme" }));
    assert_eq!(row["assignment"]["params"], json!({ "region": "us", "warehouse_key": "***" }));
    assert_eq!(row["assignment"]["orgUserId"], Value::Null);
    assert!(row.get("orgUser").is_none() && row.get("tenantUser").is_none());
    assert_eq!(answer["data"]["assignments"][1]["assignment"]["params"], Value::Null);
}

#[tokio::test]
async fn a_create_answers_with_the_assignment() {
    let api = open().await;
    let body = json!({
        "definitionId": "iso", "scopeType": "TENANT_USER", "tenantUserId": "tu1", "params": { "warehouse_key": "k", "n": [1] },
    });
    let (status, answer) = api.post(BASE, body).await;
    assert_eq!((status, &answer["ok"]), (201, &json!(true)));
    assert_eq!(
        answer["data"]["assignment"],
        json!({
            "id": "sec_000003", "definitionId": "iso", "scopeType": "TENANT_USER", "orgUserId": null, "tenantId": null,
            "tenantUserId": "tu1", "params": { "warehouse_key": "***", "n": [1] },
            "createdAt": "2026-06-01T12:00:00.000Z", "updatedAt": "2026-06-01T12:00:00.000Z",
        })
    );
    let (_, one) = api.get(&format!("{BASE}/sec_000003")).await;
    assert_eq!(one["data"]["tenantUser"], json!({ "id": "tu1", "name": "Tia", "email": "tia@example.org" }));
}

#[tokio::test]
async fn a_create_is_refused_for_its_actor_its_reference_or_its_repeat() {
    let api = open().await;
    for (body, status, code) in [
        (json!({ "definitionId": "iso", "scopeType": "TENANT" }), 400, "VALIDATION_ERROR"),
        (json!({ "definitionId": "iso", "scopeType": "TENANT", "orgUserId": "u1" }), 400, "VALIDATION_ERROR"),
        (json!({ "definitionId": "iso", "scopeType": "ALL_TENANTS", "tenantId": "t1" }), 400, "VALIDATION_ERROR"),
        (json!({ "definitionId": "iso", "scopeType": "TENANT", "tenantId": "" }), 400, "VALIDATION_ERROR"),
        (json!({ "definitionId": "iso", "scopeType": "EVERYONE" }), 400, "BAD_REQUEST"),
        (json!({ "definitionId": "iso", "scopeType": "ALL_TENANTS", "extra": 1 }), 400, "BAD_REQUEST"),
        (json!({ "definitionId": "iso", "scopeType": "ALL_TENANTS", "params": ["a"] }), 400, "BAD_REQUEST"),
        (
            json!({ "definitionId": "iso", "scopeType": "ALL_TENANTS", "params": { "warehouse_key": "***" } }),
            400,
            "VALIDATION_ERROR",
        ),
        (
            json!({ "definitionId": "iso", "scopeType": "ALL_TENANTS", "params": { "a": ["***"] } }),
            400,
            "VALIDATION_ERROR",
        ),
        (json!({ "definitionId": "ghost", "scopeType": "ALL_TENANTS" }), 404, "NOT_FOUND"),
        (json!({ "definitionId": "iso", "scopeType": "ORG_USER", "orgUserId": "ghost" }), 404, "NOT_FOUND"),
        (
            json!({ "definitionId": "iso", "scopeType": "TENANT", "tenantId": "t1", "params": { "x": 1 } }),
            409,
            "CONFLICT",
        ),
        (json!({ "definitionId": "rls", "scopeType": "ALL_TENANTS" }), 409, "CONFLICT"),
    ] {
        assert_eq!(error_of(&api.post(BASE, body.clone()).await), (status, code), "{body}");
    }
}

#[tokio::test]
async fn a_patch_changes_only_what_it_names() {
    let api = open().await;
    let path = format!("{BASE}/a1");
    let patch = async |body| api.send("PATCH", &path, Some(body)).await;
    let (status, answer) = patch(json!({ "params": { "region": "eu" } })).await;
    assert_eq!((status, &answer["data"]["assignment"]["params"]), (200, &json!({ "region": "eu" })));
    let (_, answer) = patch(json!({ "tenantId": "t2" })).await;
    assert_eq!(answer["data"]["assignment"]["tenantId"], "t2");
    assert_eq!(answer["data"]["assignment"]["params"], json!({ "region": "eu" }));
    let (_, answer) = patch(json!({ "params": null })).await;
    assert_eq!(answer["data"]["assignment"]["params"], Value::Null);
    let (_, answer) = patch(json!({ "scopeType": "ORG_USER", "orgUserId": "u1" })).await;
    let row = &answer["data"]["assignment"];
    assert_eq!((&row["orgUserId"], &row["tenantId"]), (&json!("u1"), &Value::Null));
}

#[tokio::test]
async fn a_patch_that_changes_nothing_or_too_much_is_refused() {
    let api = open().await;
    let path = format!("{BASE}/a1");
    for body in [
        json!({}),
        json!({ "definitionId": "rls" }),
        json!({ "scopeType": "ORG_USER" }),
        json!({ "orgUserId": "u1" }),
        json!({ "tenantId": null }),
        json!({ "params": { "warehouse_key": "***" } }),
    ] {
        assert_eq!(api.send("PATCH", &path, Some(body.clone())).await.0, 400, "{body}");
    }
    let (_, made) = api.post(BASE, json!({ "definitionId": "iso", "scopeType": "TENANT", "tenantId": "t2" })).await;
    let made = format!("{BASE}/{}", made["data"]["assignment"]["id"].as_str().unwrap());
    let conflict = api.send("PATCH", &made, Some(json!({ "tenantId": "t1" }))).await;
    assert_eq!(error_of(&conflict), (409, "CONFLICT"));
    assert_eq!(api.send("PATCH", &made, Some(json!({ "tenantId": "t2" }))).await.0, 200);
}

#[tokio::test]
async fn a_delete_answers_with_what_it_deleted() {
    let api = open().await;
    let (status, answer) = api.send("DELETE", &format!("{BASE}/a1"), None).await;
    assert_eq!((status, &answer["data"]["assignment"]["id"]), (200, &json!("a1")));
    assert_eq!(error_of(&api.send("DELETE", &format!("{BASE}/a1"), None).await), (404, "NOT_FOUND"));
    assert_eq!(each(&api.get(BASE).await.1["data"]["assignments"], "/assignment/id"), ["a2"]);
    let again = json!({ "definitionId": "iso", "scopeType": "TENANT", "tenantId": "t1" });
    assert_eq!(api.post(BASE, again).await.0, 201);
}

#[tokio::test]
async fn a_project_can_say_success_in_place_of_ok() {
    let api = open().await;
    let (status, answer) = api.get(&BASE.replace("/p1/", "/p2/")).await;
    assert_eq!((status, answer), (200, json!({ "success": true, "data": { "assignments": [] } })));
    let (_, answer) = api.get(&format!("{}/x", BASE.replace("/p1/", "/p2/"))).await;
    assert_eq!(answer["success"], json!(false));
    assert_eq!(error_of(&api.get(&BASE.replace("/p1/", "/p3/")).await), (404, "NOT_FOUND"));
}

/// A sandbox whose clock the test moves, in seconds.
async fn with_clock(seed: &str) -> (Api, Arc<AtomicI64>) {
    let seconds = Arc::new(AtomicI64::new(1_800_000_000));
    let shared = Arc::clone(&seconds);
    let clock = Clock::from_fn(move || jiff::Timestamp::from_second(shared.load(Ordering::SeqCst)).unwrap());
    let seed = Some(Seed::parse(seed).unwrap());
    (Api::with(Options { seed, clock, ..Options::default() }).await, seconds)
}

async fn exchange(api: &Api, body: Value) -> (u16, Value) {
    read(client().post(api.url("/api/v1/token")).json(&body).send().await.unwrap()).await
}

#[tokio::test]
async fn a_project_secret_gives_a_token_that_expires_and_opens_one_project() {
    let (api, seconds) = with_clock(SEED).await;
    let ask = json!({ "type": "project", "projectId": "p1", "projectSecret": "s3cret", "tokenExpiry": 90 });
    let (status, answer) = exchange(&api, ask).await;
    assert_eq!(status, 200);
    let token = answer["accessToken"].as_str().unwrap().to_owned();
    let get =
        async |path: &str| client().get(api.url(path)).bearer_auth(&token).send().await.unwrap().status().as_u16();
    assert_eq!(get(BASE).await, 200);
    assert_eq!(get(&BASE.replace("/p1/", "/p2/")).await, 403);
    seconds.fetch_add(89, Ordering::SeqCst);
    assert_eq!(get(BASE).await, 200);
    seconds.fetch_add(1, Ordering::SeqCst);
    assert_eq!(get(BASE).await, 401);
}

#[tokio::test]
async fn a_token_is_refused_for_a_wrong_secret_and_can_come_inside_data() {
    let api = Api::seeded(&SEED.replace("semaphor:\n", "semaphor:\n  token: data\n")).await;
    let ask = |kind: &str, secret: &str| json!({ "type": kind, "projectId": "p1", "projectSecret": secret });
    assert_eq!(error_of(&exchange(&api, ask("project", "wrong")).await), (401, "UNAUTHORIZED"));
    assert_eq!(exchange(&api, ask("user", "s3cret")).await.0, 400);
    let (_, answer) = exchange(&api, ask("project", "s3cret")).await;
    assert!(answer["data"]["accessToken"].is_string());
    assert!(api.running.requests().iter().all(|request| request.body.is_none()));
}

#[tokio::test]
async fn every_answer_tells_the_rate_limit_and_too_many_requests_are_429() {
    let (api, seconds) = with_clock("semaphor: { rate_limit: 3 }").await;
    let headers = async || {
        let answer = api.raw("GET", BASE, None).await;
        let number = |name: &str| answer.headers()[name].to_str().unwrap().parse::<i64>().unwrap();
        (
            answer.status().as_u16(),
            number("x-ratelimit-limit"),
            number("x-ratelimit-remaining"),
            number("x-ratelimit-reset"),
        )
    };
    let reset = 1_800_000_060;
    assert_eq!(headers().await, (200, 3, 2, reset));
    headers().await;
    assert_eq!(headers().await, (200, 3, 0, reset));
    assert_eq!(headers().await, (429, 3, 0, reset));
    seconds.store(reset, Ordering::SeqCst);
    assert_eq!(headers().await, (200, 3, 2, reset + 60));
}
