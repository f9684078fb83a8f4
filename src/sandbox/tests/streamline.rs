//! apis/streamline.md, statement by statement.

use serde_json::{Value, json};

use super::{Api, client, each, read};

const SERVICE: &str = "/v2/clients/client-1/domains/sa/service/s1/assignments";
const DOMAIN: &str = "/v2/clients/client-1/domains/sa/assignments";

const SEED: &str = "
auth:
  streamline_clients:
    - { client_id: client-1, client_secret: s3cret, scopes: [streamline/read] }
    - { client_id: other, client_secret: s3cret, scopes: [streamline/read] }
    - { client_id: ops, client_secret: s3cret, scopes: [streamline/admin, streamline/read], expires_in: 60 }
streamline:
  clients:
    - client_id: client-1
      models: [{ model_id: forecast, versions: [1.0.0, 2.10] }, { model_id: anomaly }]
      domains:
        - domain_id: sa
          assignments: [{ assignment_key: default, model_id: forecast, model_version: 1.0.0 }]
          services:
            - service_id: s1
              assignments:
                - { assignment_id: old, assignment_key: price, model_id: forecast, model_version: 1.0.0, status: archived }
                - assignment_key: price
                  model_id: forecast
                  model_version: 2.10
                  role: primary
                  settings: { horizon_days: 14 }
            - { service_id: s2, incompatible_models: [anomaly] }
        - { domain_id: asleep, active: false }
";

async fn open() -> Api {
    Api::seeded(SEED).await
}

fn version(number: &str) -> Value {
    json!({ "model_id": "forecast", "model_version": number })
}

#[tokio::test]
async fn a_put_archives_the_active_revision_and_makes_a_new_one() {
    let api = open().await;
    let key = format!("{SERVICE}/price");
    let (_, before) = api.get(&key).await;
    assert_eq!((&before["model_version"], &before["role"]), (&json!("2.10"), &json!("primary")));
    let (status, after) = api.send("PUT", &key, Some(version("2.10"))).await;
    assert_eq!(status, 200);
    assert_ne!(after["assignment_id"], before["assignment_id"]);
    assert_eq!((&after["status"], &after["assignment_key"]), (&json!("active"), &json!("price")));
    let (_, rows) = api.get(SERVICE).await;
    assert_eq!(each(&rows, "/status"), ["archived", "archived", "active"]);
    assert_eq!(api.get(&key).await.1, after);
}

#[tokio::test]
async fn a_put_of_the_same_again_still_grows_the_history() {
    let api = open().await;
    for _ in 0..3 {
        api.send("PUT", &format!("{SERVICE}/price"), Some(version("2.10"))).await;
    }
    assert_eq!(api.get(SERVICE).await.1.as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn what_a_put_leaves_out_is_lost() {
    let api = open().await;
    let (_, after) = api.send("PUT", &format!("{SERVICE}/price"), Some(version("2.10"))).await;
    assert_eq!((&after["role"], &after["settings"], &after["metadata"]), (&Value::Null, &json!({}), &json!({})));
}

#[tokio::test]
async fn a_new_key_is_created() {
    let api = open().await;
    let (status, made) = api.send("PUT", &format!("{SERVICE}/night%2Frun"), Some(version("1.0.0"))).await;
    assert_eq!((status, &made["assignment_key"]), (201, &json!("night/run")));
}

#[tokio::test]
async fn an_archived_key_is_absent_until_it_is_active_again() {
    let api = open().await;
    let key = format!("{SERVICE}/price");
    let mut archived = version("2.10");
    archived["status"] = json!("archived");
    assert_eq!(api.send("PUT", &key, Some(archived)).await.0, 200);
    let (status, answer) = api.get(&key).await;
    assert_eq!((status, &answer["success"]), (404, &json!(false)));
    assert!(answer["message"].is_string());
    assert_eq!(api.send("PUT", &key, Some(version("2.10"))).await.0, 201);
    assert_eq!(api.get(&key).await.0, 200);
}

#[tokio::test]
async fn a_put_that_is_malformed_is_400() {
    let api = open().await;
    for extra in [
        json!({ "assignment_key": "price" }),
        json!({ "assignment_key": null }),
        json!({ "status": "gone" }),
        json!({ "settings": null }),
        json!({ "settings": [] }),
        json!({ "role": 1 }),
        json!({ "model_version": 2 }),
        json!({ "model_id": "" }),
        json!({ "revision": 1 }),
    ] {
        let mut body = version("1.0.0");
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let (status, answer) = api.send("PUT", &format!("{SERVICE}/price"), Some(body)).await;
        assert_eq!((status, &answer["success"]), (400, &json!(false)), "{extra}");
    }
    assert_eq!(api.send("PUT", &format!("{SERVICE}/price"), Some(json!({ "model_id": "forecast" }))).await.0, 400);
}

#[tokio::test]
async fn what_is_semantically_wrong_is_422() {
    let api = open().await;
    let put = async |path: &str, model: &str, version: &str| {
        api.send("PUT", path, Some(json!({ "model_id": model, "model_version": version }))).await.0
    };
    assert_eq!(put(&format!("{SERVICE}/k"), "unknown", "1.0.0").await, 422);
    assert_eq!(put(&format!("{SERVICE}/k"), "forecast", "9.9.9").await, 422);
    assert_eq!(put("/v2/clients/client-1/domains/sa/service/s2/assignments/k", "anomaly", "any").await, 422);
    assert_eq!(put("/v2/clients/client-1/domains/asleep/service/x/assignments/k", "forecast", "1.0.0").await, 422);
    assert_eq!(put(&format!("{SERVICE}/k"), "anomaly", "any").await, 201);
}

#[tokio::test]
async fn what_does_not_exist_is_404() {
    let api = open().await;
    for path in [
        "/v2/clients/nobody/domains/sa/assignments",
        "/v2/clients/client-1/domains/nowhere/assignments",
        "/v2/clients/client-1/domains/sa/service/s9/assignments",
        "/v2/clients/client-1/domains/sa/services/s1/assignments",
        "/v2/models",
    ] {
        assert_eq!(api.get(path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn the_domain_takes_a_post_with_the_key_in_the_body() {
    let api = open().await;
    let mut body = version("2.10");
    assert_eq!(api.post(DOMAIN, body.clone()).await.0, 400);
    body["assignment_key"] = json!("default");
    body["service_updates"] = json!([{ "service_id": "s1", "static_features": { "tz": "ACST" } }]);
    let (status, after) = api.post(DOMAIN, body.clone()).await;
    assert_eq!((status, &after["model_version"]), (200, &json!("2.10")));
    assert_eq!(each(&api.get(DOMAIN).await.1, "/status"), ["archived", "active"]);
    assert_eq!(api.get(&format!("{DOMAIN}/default")).await.1, after);
    body["service_updates"] = json!([{ "service_id": "s9", "static_features": {} }]);
    assert_eq!(api.post(DOMAIN, body).await.0, 404);
}

#[tokio::test]
async fn services_that_do_not_fit_block_a_domains_model() {
    let api = open().await;
    let mut body = json!({ "assignment_key": "default", "model_id": "anomaly", "model_version": "1" });
    let (status, answer) = api.post(DOMAIN, body.clone()).await;
    assert_eq!((status, &answer["success"]), (422, &json!(false)));
    assert_eq!(each(&answer["blocking_services"], "/service_id"), ["s2"]);
    body["service_updates"] = json!([{ "service_id": "s2", "static_features": { "tz": "ACST" } }]);
    assert_eq!(api.post(DOMAIN, body).await.0, 200);
}

#[tokio::test]
async fn a_service_has_no_post_and_a_domain_no_keyed_put_unless_switched_on() {
    let api = open().await;
    let mut body = version("1.0.0");
    assert_eq!(api.send("PUT", &format!("{DOMAIN}/default"), Some(body.clone())).await.0, 405);
    body["assignment_key"] = json!("k");
    assert_eq!(api.post(SERVICE, body).await.0, 405);
    let api = Api::seeded("streamline: { keyed_domain_put: true }").await;
    assert_eq!(api.send("PUT", &format!("{DOMAIN}/default"), Some(version("1.0.0"))).await.0, 201);
}

#[tokio::test]
async fn the_collection_answers_in_each_of_its_shapes() {
    for (shape, pointer) in [("bare", ""), ("assignments", "/assignments"), ("items", "/items"), ("data", "/data")] {
        let api = Api::seeded(&SEED.replace("streamline:\n", &format!("streamline:\n  list: {shape}\n"))).await;
        let (status, rows) = api.get(SERVICE).await;
        assert_eq!(status, 200);
        assert_eq!(each(rows.pointer(pointer).unwrap(), "/status"), ["archived", "active"], "{shape}");
    }
    let api =
        Api::seeded(&SEED.replace("streamline:\n", "streamline:\n  list: not-found\n  include_archived: false\n"))
            .await;
    assert_eq!(api.get(SERVICE).await.0, 404);
    assert_eq!(api.get(&format!("{SERVICE}/price")).await.0, 200);
    let api = Api::seeded(&SEED.replace("streamline:\n", "streamline:\n  include_archived: false\n")).await;
    assert_eq!(each(&api.get(SERVICE).await.1, "/status"), ["active"]);
}

async fn token(api: &Api, form: &[(&str, &str)]) -> (u16, Value) {
    read(client().post(api.url("/oauth2/token")).form(form).send().await.unwrap()).await
}

#[tokio::test]
async fn client_credentials_give_a_token_for_the_clients_own_paths() {
    let api = open().await;
    let ask = async |id: &str| {
        let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", "s3cret")];
        token(&api, &form).await
    };
    let status = async |answer: &Value, path: &str| {
        let token = answer["access_token"].as_str().unwrap();
        client().get(api.url(path)).bearer_auth(token).send().await.unwrap().status().as_u16()
    };
    let (code, own) = ask("client-1").await;
    assert_eq!((code, &own["token_type"], &own["expires_in"]), (200, &json!("Bearer"), &json!(3600)));
    assert_eq!(status(&own, SERVICE).await, 200);
    assert_eq!(status(&ask("other").await.1, SERVICE).await, 403);
    assert_eq!(status(&ask("ops").await.1, SERVICE).await, 200);
    assert_eq!(status(&own, "/1/catalog/status").await, 401);
}

#[tokio::test]
async fn bad_token_requests_are_refused_as_oauth_does() {
    let api = open().await;
    let base = [("grant_type", "client_credentials"), ("client_id", "ops"), ("client_secret", "s3cret")];
    for (name, value, error) in [
        ("grant_type", "password", "unsupported_grant_type"),
        ("client_secret", "wrong", "invalid_client"),
        ("client_id", "ghost", "invalid_client"),
        ("scope", "streamline/read streamline/write", "invalid_scope"),
    ] {
        let mut form: Vec<(&str, &str)> = base.iter().copied().filter(|(field, _)| *field != name).collect();
        form.push((name, value));
        let (status, answer) = token(&api, &form).await;
        assert_eq!((status, answer["error"].as_str()), (400, Some(error)), "{name}");
    }
    let json = client().post(api.url("/oauth2/token")).json(&json!({ "grant_type": "client_credentials" }));
    assert_eq!(json.send().await.unwrap().status(), 415);
    assert!(api.running.requests().iter().all(|request| request.body.is_none()));
}
