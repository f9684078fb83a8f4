//! Semaphor: round trips with masked parameters, duplicates, lost answers, tokens.

use std::collections::BTreeMap;

use assignctl::model::{Proof, SecretRef, Value, WriteOutcome};
use assignctl::provider::semaphor::{connect, sign_in};
use assignctl::sandbox::Running;
use serde_json::{Value as Json, json};

use super::*;

const DONE: WriteOutcome = WriteOutcome::Done(Proof::Answer);
const KEY: [&str; 3] = ["iso", "TENANT", "acme"];

fn project(more: &str) -> String {
    format!(
        "
auth:
  project_secrets: [{{ projectId: p1, projectSecret: hush, expires_in: 1800 }}]
semaphor:
  projects:
    - projectId: p1
      definitions:
        - id: iso
          name: Isolation
          connection: {{ id: c1, name: Warehouse, type: postgres }}
          secret_params: [warehouse_key]
      tenants: [{{ id: acme, name: Acme }}, {{ id: globex }}]
      tenant_users: [{{ id: u1, name: Ann, email: ann@acme.example }}]
      org_users: [{{ id: o1 }}]
      assignments:
        - {{ definitionId: iso, scopeType: ALL_TENANTS, params: {{ region: us }} }}
{more}"
    )
}

fn connected(server: &Running, auth: Auth) -> Side {
    let target = target("semaphor", auth, &[("project_id", "p1")]);
    let ids = Arc::new(Ids::default());
    let client = client(&target, server, sign_in(&target));
    let connection = connect(&target, client, Arc::clone(&ids), Arc::new(Names));
    Side { target, connection, ids }
}

fn map(json: Json) -> Value {
    Value::Json(Box::new(json))
}

fn secret(name: &str) -> Value {
    Value::Secrets(BTreeMap::from([("warehouse_key".into(), SecretRef::Env(name.into()))]))
}

#[tokio::test]
async fn parameters_round_trip_and_their_secrets_stay_masked() {
    for envelope in ["", "      envelope: success\n"] {
        let server = start(&project(envelope)).await;
        let side = connected(&server, bearer());
        let desired =
            vec![("params", map(json!({"region": "eu", "ids": ["a", "b"]}))), ("secret_params", secret("CANARY"))];
        assert_eq!(side.write_one(side.create(&KEY, desired)).await, DONE);
        let live = side.live(&KEY).await.unwrap();
        assert!(live.fields.get("params").unwrap().same(&map(json!({"region": "eu", "ids": ["a", "b"]}))));
        assert!(live.fields.get("secret_params").unwrap().same(&Value::Masked(vec!["warehouse_key".into()])));
        let change = side
            .update(&KEY, vec![("params", map(json!({"region": "us"}))), ("secret_params", secret("CANARY"))])
            .await;
        assert_eq!(side.write_one(change).await, DONE);
        let live = side.live(&KEY).await.unwrap();
        assert!(live.fields.get("params").unwrap().same(&map(json!({"region": "us"}))));
        let clear = side.update(&KEY, vec![("params", Value::Null), ("secret_params", Value::Null)]).await;
        assert_eq!(side.write_one(clear).await, DONE);
        let live = side.live(&KEY).await.unwrap();
        assert!(live.fields.iter().all(|(_, value)| value.is_null()), "{live:?}");
        let remove = side.remove(&KEY).await;
        assert_eq!(side.write_one(remove.clone()).await, DONE);
        assert!(matches!(side.write_one(remove).await, WriteOutcome::Already(_)));
        assert!(side.live(&KEY).await.is_none());
        assert_eq!(writes(&server.requests()).len(), 5);
    }
}

#[tokio::test]
async fn every_scope_type_is_created_and_listed_with_names() {
    let server = start(&project("")).await;
    let side = connected(&server, bearer());
    let keys = [KEY, ["iso", "TENANT_USER", "u1"], ["iso", "ORG_USER", "o1"]];
    for key in keys {
        assert_eq!(side.write_one(side.create(&key, vec![])).await, DONE, "{key:?}");
    }
    let snapshot = side.read().await;
    assert_eq!(snapshot.rows.len(), 4);
    assert!(keys.iter().all(|key| snapshot.rows.iter().any(|row| row.key == side.key(key))));
    assert!(snapshot.rows.iter().any(|row| row.key == side.key(&["iso", "ALL_TENANTS", ""])));
    let name = |part, id: &str| snapshot.names.get(part, side.ids.sym(id)).unwrap_or("").to_owned();
    assert_eq!((name(0, "iso"), name(2, "u1")), ("Isolation on Warehouse".into(), "Ann <ann@acme.example>".into()));
}

#[tokio::test]
async fn a_duplicate_is_already_and_an_unknown_tenant_fails() {
    let server = start(&project("")).await;
    let side = connected(&server, bearer());
    let twice = side.write_one(side.create(&["iso", "ALL_TENANTS", ""], vec![])).await;
    assert!(matches!(twice, WriteOutcome::Already(_)), "{twice:?}");
    let stranger = side.write_one(side.create(&["iso", "TENANT", "nobody"], vec![])).await;
    assert!(matches!(stranger, WriteOutcome::Failed { code: Some(_), temporary: false, .. }), "{stranger:?}");
}

#[tokio::test]
async fn a_lost_create_is_unknown_and_a_lost_update_is_sent_again() {
    let server = start(&project("")).await;
    let side = connected(&server, bearer());
    server.add_fault("POST /**=drop-after".parse().unwrap());
    let lost = side.write_one(side.create(&KEY, vec![])).await;
    assert!(matches!(lost, WriteOutcome::Unknown { .. }), "{lost:?}");
    let update = side.update(&KEY, vec![("params", map(json!({"region": "us"})))]).await;
    server.add_fault("PATCH /**=drop-after".parse().unwrap());
    assert_eq!(side.write_one(update).await, DONE);
    assert_eq!(writes(&server.requests()).len(), 3);
}

#[tokio::test]
async fn a_503_is_waited_for_and_sent_again() {
    let server = start(&project("")).await;
    let side = connected(&server, bearer());
    server.add_fault("POST /**=503;retry-after=0:2".parse().unwrap());
    assert_eq!(side.write_one(side.create(&KEY, vec![])).await, DONE);
    assert_eq!(writes(&server.requests()).len(), 3);
}

#[tokio::test]
async fn a_project_secret_signs_in() {
    let server = start(&project("")).await;
    let auth = |name: &str| Auth::ProjectSecret { secret: SecretRef::Env(name.into()), org_user_id: None };
    assert_eq!(connected(&server, auth("hush")).read().await.rows.len(), 1);
    let wrong = connected(&server, auth("WRONG"));
    let error = wrong.connection.reader.read(&ReadRequest::default()).await.unwrap_err().to_string();
    assert!(error.contains("WRONG"), "names the reference: {error}");
}
