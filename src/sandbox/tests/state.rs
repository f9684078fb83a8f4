//! The state: seeds, dumps, the file, and what a kill leaves.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};

use super::{super::SandboxError, Api, NOW, Options, Seed, at, client, start};
use crate::sandbox::State;

const PAIRS: &str = "/1/catalog/assignments/organizations";
/// Where the process that is to be killed keeps its state.
const CHILD_STATE: &str = "ASSIGNCTL_TEST_SANDBOX_STATE";

/// Something in every API.
const SEED: &str = "
partium:
  organizations: [{ org_id: at }, { org_id: de, name: Germany }]
  assignments: [{ ass_ids: [pump, valve], org_id: at }]
streamline:
  list: items
  clients:
    - client_id: c
      domains:
        - domain_id: d
          services: [{ service_id: s, assignments: [{ assignment_key: k, model_id: m, model_version: 1.10, settings: { a: [1, 2.5] } }] }]
semaphor:
  projects:
    - projectId: p
      envelope: success
      definitions: [{ id: def, secret_params: [key] }]
      assignments: [{ definitionId: def, scopeType: ALL_TENANTS, params: { key: canary, region: us } }]
canopy:
  environments:
    - account: a
      application: b
      environment: c
      nodes: [{ id: top }, { id: below, parent: top }]
      assignments: [{ identity_id: anna, node_id: top, role_id: r, effective_to: 2027-01-01T00:00:00Z }]
";

fn file(path: &Path, seed: &str) -> Options {
    Options {
        seed: Some(Seed::parse(seed).unwrap()),
        state: State::File(path.to_owned()),
        clock: at(NOW),
        ..Options::default()
    }
}

/// One write in each API, and a removal.
async fn change_everything(api: &Api) {
    let pairs = json!([{ "ass_id": "pump", "org_id": "de" }]);
    assert_eq!(api.post(PAIRS, pairs).await.0, 200);
    assert_eq!(api.send("DELETE", PAIRS, Some(json!([{ "ass_id": "valve", "org_id": "at" }]))).await.0, 200);
    let model = json!({ "model_id": "m", "model_version": "2" });
    assert_eq!(api.send("PUT", "/v2/clients/c/domains/d/service/s/assignments/k", Some(model)).await.0, 200);
    let grant = json!({ "definitionId": "def", "scopeType": "TENANT", "tenantId": "t", "params": { "key": "canary" } });
    assert_eq!(api.post("/api/management/v1/projects/p/unified-security/assignments", grant).await.0, 201);
    let role = json!({ "identity_id": "ben", "node_id": "below", "role_id": "r" });
    assert_eq!(api.post("/api/v1/assignments", role).await.0, 201);
    let gone = json!({ "identity_id": "cem", "node_id": "below", "role_id": "r" });
    let (_, gone) = api.post("/api/v1/assignments", gone).await;
    let path = format!("/api/v1/assignments/{}", gone["id"].as_str().unwrap());
    assert_eq!(api.send("DELETE", &path, None).await.0, 204);
}

#[tokio::test]
async fn a_dump_can_be_seeded_again_and_gives_the_same_dump() {
    let api = Api::seeded(SEED).await;
    change_everything(&api).await;
    let dump = api.running.dump().unwrap();
    let again = Api::seeded(&dump.to_string()).await;
    assert_eq!(again.running.dump().unwrap(), dump);
    assert_eq!(dump["partium"]["status"], "data_to_import");
    assert!(!dump.to_string().contains("canary"));
}

#[tokio::test]
async fn a_dump_of_what_nobody_listed_can_be_seeded_again() {
    let api = Api::seeded("").await;
    let model = json!({ "model_id": "m", "model_version": "2" });
    api.send("PUT", "/v2/clients/c/domains/d/service/s/assignments/k", Some(model)).await;
    let grant = json!({ "definitionId": "def", "scopeType": "ALL_TENANTS" });
    api.post("/api/management/v1/projects/p/unified-security/assignments", grant).await;
    let role = json!({ "identity_id": "ben", "node_id": "below", "role_id": "r" });
    api.post("/portal/v1/accounts/a/applications/b/environments/c/assignments", role).await;
    let dump = api.running.dump().unwrap();
    assert_eq!(dump["canopy"]["assignments"]["a/b/c"][0]["identity_id"], "ben");
    assert_eq!(Api::seeded(&dump.to_string()).await.running.dump().unwrap(), dump);
}

#[tokio::test]
async fn the_state_outlives_the_server_and_the_seed_is_applied_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/down/sandbox.db");
    let api = Api::with(file(&path, SEED)).await;
    change_everything(&api).await;
    let dump = api.running.dump().unwrap();
    api.running.shutdown().await.unwrap();
    let again = Api::with(file(&path, "partium: { assignments: [{ ass_id: other, org_id: other }] }")).await;
    assert_eq!(again.running.dump().unwrap(), dump);
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"canary"));
}

#[tokio::test]
async fn an_environments_api_key_is_never_kept_and_comes_with_each_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.db");
    let seed = "canopy: { environments: [{ account: a, application: b, environment: c, api_key: canary_key }] }";
    let list = async |api: &Api| {
        let request = client().get(api.url("/api/v1/assignments/app-wide")).header("x-api-key", "canary_key");
        request.send().await.unwrap().status().as_u16()
    };
    let api = Api::with(file(&path, seed)).await;
    assert_eq!(list(&api).await, 200);
    assert!(!api.running.dump().unwrap().to_string().contains("canary_key"));
    api.running.shutdown().await.unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(10).any(|window| window == b"canary_key"));
    let again = Api::with(file(&path, seed)).await;
    assert_eq!(list(&again).await, 200);
    again.running.shutdown().await.unwrap();
    assert_eq!(list(&Api::with(file(&path, "")).await).await, 401, "nobody named the key at this start");
}

#[tokio::test]
async fn an_id_is_not_given_twice_even_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.db");
    let role = json!({ "identity_id": "ben", "node_id": "n", "role_id": "r" });
    let api = Api::with(file(&path, "")).await;
    let (_, first) = api.post("/api/v1/assignments", role.clone()).await;
    api.send("DELETE", &format!("/api/v1/assignments/{}", first["id"].as_str().unwrap()), None).await;
    api.running.shutdown().await.unwrap();
    let (_, second) = Api::with(file(&path, "")).await.post("/api/v1/assignments", role).await;
    assert_eq!((&first["id"], &second["id"]), (&json!("asg_000001"), &json!("asg_000002")));
}

#[tokio::test]
async fn a_sandbox_that_is_dropped_lets_go_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.db");
    let api = Api::with(file(&path, SEED)).await;
    change_everything(&api).await;
    let dump = api.running.dump().unwrap();
    drop(api.running);
    assert_eq!(Api::with(file(&path, SEED)).await.running.dump().unwrap(), dump);
}

#[tokio::test]
async fn a_file_has_one_server_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.db");
    let _first = Api::with(file(&path, SEED)).await;
    let error = start(file(&path, SEED)).await.err().unwrap();
    assert!(matches!(error, SandboxError::StateInUse { .. }), "{error}");
}

#[tokio::test]
async fn a_file_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "dear diary, ".repeat(1000)).unwrap();
    assert!(matches!(start(file(&text, "")).await.err().unwrap(), SandboxError::State { .. }));
    let foreign = folder.path().join("other.db");
    let database = redb::Database::create(&foreign).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(redb::TableDefinition::<u64, u64>::new("other")).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(matches!(start(file(&foreign, "")).await.err().unwrap(), SandboxError::StateFormat { .. }));
}

#[tokio::test]
async fn many_writers_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.db");
    let api = Api::with(file(&path, "")).await;
    let writers = (0..8).map(|writer| {
        let api = &api;
        async move {
            for row in 0..10 {
                let pair = json!([{ "ass_id": format!("a{row}"), "org_id": format!("o{writer}") }, { "ass_id": "shared", "org_id": "x" }]);
                assert_eq!(api.post(PAIRS, pair).await.0, 200);
            }
        }
    });
    futures::future::join_all(writers).await;
    let dump = api.running.dump().unwrap();
    assert_eq!(dump["partium"]["assignments"].as_array().unwrap().len(), 81);
    api.running.shutdown().await.unwrap();
    assert_eq!(Api::with(file(&path, "")).await.running.dump().unwrap(), dump);
}

/// The process that [`a_killed_server_keeps_all_that_it_answered`] kills; on its own it does nothing.
#[tokio::test]
async fn a_server_to_be_killed() {
    if let Some(path) = std::env::var_os(CHILD_STATE) {
        let options = Options { state: State::File(path.into()), ..Options::default() };
        let running = start(options).await.unwrap();
        // Straight to the descriptor: the test harness keeps what `println!` says.
        std::io::Write::write_all(&mut std::io::stderr(), format!("LISTENING {}\n", running.url()).as_bytes()).unwrap();
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
async fn a_killed_server_keeps_all_that_it_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.db");
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sandbox::tests::state::a_server_to_be_killed", "--nocapture"])
            .env(CHILD_STATE, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url =
            lines.map(Result::unwrap).find_map(|line| line.strip_prefix("LISTENING ").map(str::to_owned)).unwrap();
        let answers = Arc::new(AtomicUsize::new(0));
        let writers: Vec<_> = (0..4)
            .map(|writer| tokio::spawn(write_until_it_dies(url.clone(), round, writer, Arc::clone(&answers))))
            .collect();
        for _ in 0..60_000 {
            if answers.load(Ordering::SeqCst) >= 20 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let mut answered = Vec::new();
        for writer in writers {
            answered.extend(writer.await.unwrap());
        }
        assert!(answered.len() >= 40);
        let options = Options { state: State::File(path.clone()), ..Options::default() };
        let running = start(options).await.unwrap();
        let dump = running.dump().unwrap();
        let rows = dump["partium"]["assignments"].as_array().unwrap();
        let kept: std::collections::HashSet<&str> = rows.iter().map(|row| row["ass_id"].as_str().unwrap()).collect();
        let lost: Vec<&String> = answered.iter().filter(|id| !kept.contains(id.as_str())).collect();
        assert!(lost.is_empty(), "lost in round {round}: {lost:?}");
        // Every batch was of two: all of it or nothing.
        assert_eq!(rows.len() % 2, 0);
        running.shutdown().await.unwrap();
    }
}

/// Creates pairs, two a request, and gives the ids of those that were answered.
async fn write_until_it_dies(url: String, round: usize, writer: usize, answers: Arc<AtomicUsize>) -> Vec<String> {
    let client = client();
    let mut answered = Vec::new();
    for number in 0.. {
        let ids = [0, 1].map(|half| format!("r{round}w{writer}n{number}h{half}"));
        let body: Value = ids.iter().map(|id| json!({ "ass_id": id, "org_id": "x" })).collect();
        match client.post(format!("{url}{PAIRS}")).bearer_auth("sandbox").json(&body).send().await {
            Ok(answer) if answer.status() == 200 => {
                answered.extend(ids);
                answers.fetch_add(1, Ordering::SeqCst);
            }
            _ => break,
        }
    }
    answered
}

#[test]
fn a_seed_with_a_mistake_is_refused_with_its_place() {
    for (text, part) in [
        ("partium: { assignment: [] }", "assignment"),
        ("canopy: { environments: [{ account: a }] }", "application"),
        ("semaphor: { projects: [{ projectId: p, envelope: maybe }] }", "maybe"),
    ] {
        let error = Seed::parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_mistake_beside_a_secret_does_not_show_it() {
    let error =
        Seed::parse("auth: { project_secrets: [{ projectId: p, projectSecret: canary, life: 1 }] }").unwrap_err();
    assert!(error.to_string().contains("line 1") && !format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn a_seed_that_contradicts_itself_is_refused() {
    for (text, part) in [
        ("partium: { main_org: m, assignments: [{ ass_id: a, org_id: m }] }", "main organization"),
        ("partium: { assignments: [{ ass_id: a }] }", "org_id"),
        ("partium: { organizations: [], assignments: [{ ass_id: a, org_id: o }] }", "does not exist"),
        ("semaphor: { assignments: { p: [{ definitionId: d, scopeType: TENANT }] } }", "tenantId"),
        (
            "canopy: { assignments: { a/b/c: [{ identity_id: i, node_id: n, role_id: r }, { identity_id: i, node_id: n, role_id: r }] } }",
            "already has role",
        ),
        ("canopy: { assignments: { a: [] } }", "account/application/environment"),
    ] {
        let error =
            start(Options { seed: Some(Seed::parse(text).unwrap()), ..Options::default() }).await.err().unwrap();
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
}

#[test]
fn texts_in_a_seed_are_what_was_written() {
    let seed = Seed::parse(
        "streamline: { clients: [{ client_id: no, models: [{ model_id: m, versions: [2.10, 012, 1e3] }] }] }",
    );
    let seed = serde_json::to_value(seed.unwrap()).unwrap();
    assert_eq!(seed["streamline"]["clients"][0]["client_id"], "no");
    assert_eq!(seed["streamline"]["clients"][0]["models"][0]["versions"], json!(["2.10", "012", "1e3"]));
}

#[test]
fn a_seed_of_more_nodes_than_the_loader_would_take_by_itself_is_read() {
    let text = format!("partium: {{ assignments: [{{ org_id: x, ass_ids: [{}] }}] }}", "a,".repeat(250_000));
    assert_eq!(Seed::parse(&text).unwrap().partium.assignments[0].ass_ids.len(), 250_000);
}
