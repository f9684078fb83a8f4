//! What all four APIs share: sign-in, bodies, faults, the log.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Api, Options, Seed, client, read, start};

const PAIRS: &str = "/1/catalog/assignments/organizations";
const LIST: &str = "/1/catalog/assignments/organizations/list";

/// A route of each API, and the pointer to the text of an error in its form.
const ROUTES: [(&str, &str); 4] = [
    ("/1/catalog/status", "/detail"),
    ("/v2/clients/c/domains/d/assignments", "/message"),
    ("/api/management/v1/projects/p/unified-security/assignments", "/error/message"),
    ("/api/v1/assignments/app-wide", "/error/message"),
];

async fn open() -> Api {
    Api::seeded("").await
}

async fn faulty(fault: &str) -> Api {
    let api = open().await;
    api.running.add_fault(fault.parse().unwrap());
    api
}

fn pair(id: &str) -> Value {
    json!([{ "ass_id": id, "org_id": "x" }])
}

async fn rows(api: &Api) -> usize {
    api.post(LIST, json!({})).await.1["result"].as_array().unwrap().len()
}

/// Whether a create failed without an answer.
async fn breaks(api: &Api, id: &str) -> bool {
    let request = api.client.post(api.url(PAIRS)).bearer_auth("sandbox").json(&pair(id)).send().await;
    match request {
        Ok(answer) => answer.bytes().await.is_err(),
        Err(_) => true,
    }
}

#[tokio::test]
async fn every_api_wants_to_know_who_asks_and_says_so_in_its_own_form() {
    let api = open().await;
    for (path, pointer) in ROUTES {
        for token in [None, Some("wrong"), Some("cnpy_sandbox")] {
            let request = client().get(api.url(path));
            let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
            let (status, answer) = read(request.send().await.unwrap()).await;
            if path.starts_with("/api/v1/") && token == Some("cnpy_sandbox") {
                assert_eq!(status, 200);
            } else {
                assert_eq!(status, 401, "{path}");
                assert!(answer.pointer(pointer).unwrap().is_string(), "{answer}");
            }
        }
        assert_eq!(api.get(path).await.0, 200, "{path}");
    }
}

#[tokio::test]
async fn credentials_of_the_seed_replace_the_default_ones() {
    let api = Api::seeded("auth: { bearer: [mine], api_keys: [] }").await;
    assert_eq!(api.get("/1/catalog/status").await.0, 401);
    let key = client().get(api.url("/api/v1/assignments/app-wide")).header("x-api-key", "cnpy_sandbox");
    assert_eq!(key.send().await.unwrap().status(), 401);
    let mine = client().get(api.url("/1/catalog/status")).bearer_auth("mine");
    assert_eq!(mine.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn another_content_type_is_415_and_half_json_is_400() {
    let api = open().await;
    let send = async |kind: &str, body: &'static str| {
        let request = api.client.post(api.url(PAIRS)).bearer_auth("sandbox").header("content-type", kind).body(body);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(send("text/plain", "[]").await, 415);
    assert_eq!(send("application/json", "[{").await, 400);
    assert_eq!(send("application/json", r#"[{"ass_id":"a","ass_id":"b","org_id":"c"}]"#).await, 400);
    assert_eq!(send("application/json; charset=utf-8", "[]").await, 200);
}

#[tokio::test]
async fn a_path_of_no_api_is_404() {
    let api = open().await;
    for path in
        ["/", "/health", "/1/catalogue", "/api/v1//assignments/app-wide", "/v2/clients/%FF/domains/d/assignments"]
    {
        assert_eq!(api.get(path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let listen = "0.0.0.0:0".parse().unwrap();
    let error = start(Options { listen, ..Options::default() }).await.err().unwrap();
    assert!(error.to_string().contains("loopback"));
}

#[tokio::test]
async fn a_status_fault_is_answered_in_the_apis_form_and_nothing_is_done() {
    let api = faulty("POST /1/catalog/assignments/organizations=503;retry-after=7:2").await;
    let answer = api.raw("POST", PAIRS, Some(pair("a"))).await;
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "7"));
    assert!(read(answer).await.1["detail"].is_string());
    assert_eq!(api.post(PAIRS, pair("a")).await.0, 503);
    assert_eq!(rows(&api).await, 0);
    assert_eq!(api.post(PAIRS, pair("a")).await.0, 200);
}

#[tokio::test]
async fn a_status_fault_can_bring_its_own_body() {
    let api = faulty("GET /1/**=400;body={\"detail\":\"no: really\"}").await;
    assert_eq!(api.get("/1/catalog/status").await, (400, json!({ "detail": "no: really" })));
    api.running.add_fault("GET /1/**=500;body=boom".parse().unwrap());
    let answer = api.raw("GET", "/1/catalog/status", None).await;
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
    assert_eq!(answer.text().await.unwrap(), "boom");
}

#[tokio::test]
async fn a_dropped_connection_gives_no_answer_with_or_without_the_deed() {
    let api = faulty("POST /1/catalog/assignments/organizations=drop-before").await;
    assert!(breaks(&api, "a").await);
    assert_eq!(rows(&api).await, 0);
    api.running.add_fault("POST /1/catalog/assignments/organizations=drop-after".parse().unwrap());
    assert!(breaks(&api, "a").await);
    assert_eq!(rows(&api).await, 1);
    let statuses: Vec<u16> = api.running.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [0, 200, 0, 200]);
}

#[tokio::test]
async fn a_truncated_answer_promises_more_than_it_brings() {
    let api = faulty("POST /1/catalog/assignments/organizations=truncate").await;
    let mut answer = api.raw("POST", PAIRS, Some(pair("a"))).await;
    let promised = answer.content_length().unwrap();
    let mut brought = 0;
    let ended = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => brought += chunk.len() as u64,
            Ok(None) => break "well",
            Err(_) => break "broken",
        }
    };
    assert_eq!((ended, brought), ("broken", promised / 2));
    assert_eq!(rows(&api).await, 1);
}

#[tokio::test]
async fn a_foreign_answer_is_html_and_nothing_is_done() {
    let api = faulty("POST /1/catalog/assignments/organizations=garbage").await;
    let answer = api.raw("POST", PAIRS, Some(pair("a"))).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert_eq!(rows(&api).await, 0);
}

#[tokio::test]
async fn a_huge_answer_goes_on_and_on() {
    let api = faulty("GET /1/**=huge").await;
    let mut answer = api.raw("GET", "/1/catalog/status", None).await;
    let mut bytes = 0;
    while bytes < 8 << 20 {
        bytes += answer.chunk().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn a_slow_answer_is_done_at_once_and_told_late() {
    let api = faulty("POST /1/catalog/assignments/organizations=slow=1m").await;
    let request = api.client.post(api.url(PAIRS)).bearer_auth("sandbox").json(&pair("a"));
    assert!(request.timeout(Duration::from_millis(300)).send().await.unwrap_err().is_timeout());
    assert_eq!(rows(&api).await, 1);
}

#[tokio::test]
async fn a_redirect_leads_away_and_nothing_is_done() {
    let api = faulty("POST /1/**=redirect=http://127.0.0.1:9/x").await;
    let answer = api.raw("POST", PAIRS, Some(pair("a"))).await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()),
        (307, "http://127.0.0.1:9/x")
    );
    assert_eq!(rows(&api).await, 0);
}

#[tokio::test]
async fn a_stuck_cursor_repeats_itself() {
    let api = open().await;
    api.post(PAIRS, json!([{ "ass_id": "a", "org_id": "x" }, { "ass_id": "b", "org_id": "x" }])).await;
    api.running.add_fault("POST /1/catalog/assignments/organizations/list=stuck-cursor:*".parse().unwrap());
    let (_, first) = api.post(LIST, json!({ "paging": { "limit": 1 } })).await;
    let next = json!({ "paging": { "limit": 1, "last_object_id": first["last_object_id"] } });
    let (_, second) = api.post(LIST, next).await;
    assert_eq!(second["more_data"], json!(true));
    assert_eq!(second["last_object_id"], first["last_object_id"]);
    api.running.clear_faults();
    assert_eq!(api.post(LIST, json!({})).await.1["more_data"], json!(false));
}

#[tokio::test]
async fn a_status_can_come_after_the_deed() {
    let api = faulty("POST /1/catalog/assignments/organizations=status-after=502").await;
    assert_eq!(api.post(PAIRS, pair("a")).await.0, 502);
    assert_eq!(rows(&api).await, 1);
}

#[tokio::test]
async fn latency_is_added_to_every_answer() {
    let api = Api::with(Options { latency: Duration::from_millis(60), ..Options::default() }).await;
    let started = Instant::now();
    api.get("/1/catalog/status").await;
    assert!(started.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn a_lagging_read_shows_the_state_before_the_write() {
    let lag = Duration::from_millis(200);
    let api = Api::with(Options { visibility_lag: lag, ..Options::default() }).await;
    api.post(PAIRS, pair("a")).await;
    assert_eq!(rows(&api).await, 0);
    tokio::time::sleep(lag).await;
    assert_eq!(rows(&api).await, 1);
}

#[tokio::test]
async fn the_log_holds_what_was_sent_and_only_the_newest() {
    let api = Api::with(Options { log_capacity: 2, ..Options::default() }).await;
    api.get("/1/catalog/status").await;
    api.post(PAIRS, pair("a%/")).await;
    api.get("/api/v1/assignments/app-wide?take=5&q=a%20b").await;
    let requests = api.running.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str(), requests[0].status), ("POST", PAIRS, 200));
    assert_eq!(requests[0].body, Some(pair("a%/")));
    assert_eq!(requests[1].query.as_deref(), Some("take=5&q=a%20b"));
    api.running.clear_requests();
    assert!(api.running.requests().is_empty());
}

#[tokio::test]
async fn the_log_sink_sees_every_request_and_no_body() {
    let seen = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&seen);
    let seed = "
auth: { project_secrets: [{ projectId: p, projectSecret: canary-one }] }
semaphor: { projects: [{ projectId: p, definitions: [{ id: d, secret_params: [key] }] }] }
";
    let log: super::super::LogSink = Box::new(move |request| kept.lock().unwrap().push_str(&format!("{request:?}\n")));
    let api = Api::with(Options { seed: Some(Seed::parse(seed).unwrap()), log: Some(log), ..Options::default() }).await;
    api.post("/api/v1/token", json!({ "type": "project", "projectId": "p", "projectSecret": "canary-one" })).await;
    let body = json!({ "definitionId": "d", "scopeType": "ALL_TENANTS", "params": { "key": "canary-two", "open": "canary-three" } });
    let path = "/api/management/v1/projects/p/unified-security/assignments";
    assert_eq!(api.post(path, body).await.0, 201);
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.lines().count(), 2);
    assert!(seen.contains(path) && !seen.contains("canary") && !seen.contains("sandbox"), "{seen}");
}
