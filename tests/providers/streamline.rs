//! apis/streamline.md, both sides.

use assignctl::model::{Action, Auth, Change, Fields, Live, Proof, SecretRef, Target, Value, WriteOutcome};
use assignctl::provider::{ReadError, streamline};
use serde_json::json as j;

use super::account::Account;
use super::{bearer, start, target};

const SEED: &str = "
streamline:
  clients:
    - client_id: client-1
      models: [{ model_id: forecast, versions: [1.0.0, 2.10] }, { model_id: anomaly, versions: [1.0.0] }]
      domains:
        - domain_id: sa
          assignments: [{ assignment_key: default, model_id: forecast, model_version: 1.0.0 }]
          services:
            - service_id: s1
              assignments:
                - { assignment_key: price, model_id: forecast, model_version: 1.0.0, status: archived }
                - assignment_key: price
                  model_id: forecast
                  model_version: 2.10
                  role: primary
                  settings: { horizon_days: 14 }
                  metadata: { owner: pricing }
            - { service_id: s2, incompatible_models: [anomaly] }
            - { service_id: s3, incompatible_models: [anomaly] }
";

const DONE: WriteOutcome = WriteOutcome::Done(Proof::Answer);

async fn with(seed: &str, options: Vec<(&'static str, Value)>) -> Account {
    let target = streamline_target(bearer(), options);
    Account::of(start(seed).await, &target, streamline::sign_in(&target), streamline::connect)
}

fn streamline_target(auth: Auth, options: Vec<(&'static str, Value)>) -> Target {
    let mut target = target("streamline", auth, &[]);
    target.options = Fields::new([vec![("client_id", text("client-1"))], options].concat());
    target
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn json(value: serde_json::Value) -> Value {
    Value::Json(Box::new(value))
}

async fn account() -> Account {
    with(SEED, vec![]).await
}

impl Account {
    /// All rows of `sa`'s services and its own, as `key = model version`.
    async fn live(&self) -> Vec<String> {
        let snapshot = self.read(vec![self.scope(&[&["sa"], &["", "s1", "s2", "s3"]])], &[]).await;
        let said = |row: &Live, name| match row.fields.get(name) {
            Some(Value::Text(text)) => text.to_string(),
            other => panic!("{name}: {other:?}"),
        };
        let line = |row: &Live| {
            format!("{} = {} {}", self.key_text(&row.key, 3), said(row, "model_id"), said(row, "model_version"))
        };
        let mut lines: Vec<String> = snapshot.rows.iter().map(line).collect();
        lines.sort();
        lines
    }

    async fn row(&self, key: &str) -> Live {
        let snapshot = self.read(vec![], &[key]).await;
        snapshot.rows.into_iter().find(|row| row.key == self.key(key)).unwrap()
    }

    async fn send(&self, change: &Change) -> WriteOutcome {
        self.write(std::slice::from_ref(change)).await.remove(0)
    }

    fn create(&self, key: &str, model: &str, version: &str) -> Change {
        self.change(Action::Create, key, vec![("model_id", text(model)), ("model_version", text(version))], None)
    }

    /// Requests that write, since the last call.
    fn writes(&self) -> usize {
        self.asked().iter().filter(|line| !line.starts_with("GET")).count()
    }
}

fn revision(row: &Live) -> &str {
    row.info.as_ref().and_then(|info| info.revision.as_deref()).unwrap()
}

#[tokio::test]
async fn every_shape_of_the_list_gives_the_same_rows() {
    for shape in ["bare", "assignments", "items", "data"] {
        for archived in [true, false] {
            let seed = format!("{SEED}  list: {shape}\n  include_archived: {archived}\n");
            let account = with(&seed, vec![]).await;
            assert_eq!(
                account.live().await,
                ["sa//default = forecast 1.0.0", "sa/s1/price = forecast 2.10"],
                "{shape}"
            );
            assert_eq!(account.asked().len(), 4, "one request a collection");
        }
    }
}

#[tokio::test]
async fn without_lists_only_declared_keys_are_seen() {
    let account = with(&format!("{SEED}  list: not-found\n"), vec![]).await;
    let scope = account.scope(&[&["sa"], &["", "s1"]]);
    let got = account.read(vec![scope], &["sa/s1/price", "sa/s1/new", "sa//default"]).await;
    let mut keys: Vec<String> = got.rows.iter().map(|row| account.key_text(&row.key, 3)).collect();
    keys.sort();
    assert_eq!(keys, ["sa//default", "sa/s1/price"]);
    assert!(got.coverage.iter().all(|coverage| coverage.gap.is_some()));
}

#[tokio::test]
async fn an_assignment_is_created_changed_archived_and_brought_back() {
    let account = account().await;
    assert_eq!(account.send(&account.create("sa/s2/night", "forecast", "1.0.0")).await, DONE);
    let before = account.row("sa/s1/price").await;
    let update = account.change(Action::Update, "sa/s1/price", vec![("role", Value::Null)], Some(before.clone()));
    assert_eq!(account.send(&update).await, DONE);
    let after = account.row("sa/s1/price").await;
    assert_ne!(revision(&before), revision(&after));
    assert!(after.fields.get("role").unwrap().is_null());
    for (name, value) in [
        ("model_version", text("2.10")),
        ("settings", json(j!({"horizon_days": 14}))),
        ("metadata", json(j!({"owner": "pricing"}))),
    ] {
        assert!(after.fields.get(name).unwrap().same(&value), "{name} is not declared, so it is kept");
    }
    let cleared = account.change(Action::Update, "sa/s1/price", vec![("settings", Value::Null)], Some(after));
    assert_eq!(account.send(&cleared).await, DONE, "null is sent as the empty object that the API takes");
    let live = account.row("sa/s1/price").await;
    assert!(live.fields.get("settings").unwrap().is_null());
    assert_eq!(account.send(&account.change(Action::Remove, "sa/s1/price", vec![], Some(live))).await, DONE);
    assert_eq!(account.live().await, ["sa//default = forecast 1.0.0", "sa/s2/night = forecast 1.0.0"]);
    assert_eq!(account.send(&account.create("sa/s1/price", "anomaly", "1.0.0")).await, DONE);
    assert!(account.live().await.contains(&"sa/s1/price = anomaly 1.0.0".to_owned()));
}

#[tokio::test]
async fn a_domains_own_assignment_is_written_by_either_route() {
    for keyed in [false, true] {
        let options = vec![("keyed_domain_put", json(j!(keyed)))];
        let account = with(&format!("{SEED}  keyed_domain_put: {keyed}\n"), options).await;
        assert_eq!(account.send(&account.create("sa//extra", "forecast", "2.10")).await, DONE);
        let live = account.row("sa//default").await;
        assert_eq!(account.send(&account.change(Action::Remove, "sa//default", vec![], Some(live))).await, DONE);
        assert_eq!(account.live().await, ["sa//extra = forecast 2.10", "sa/s1/price = forecast 2.10"]);
    }
}

#[tokio::test]
async fn services_that_block_a_domains_model_are_all_told() {
    let account = account().await;
    match account.send(&account.create("sa//default", "anomaly", "1.0.0")).await {
        WriteOutcome::Failed { message, status: Some(422), temporary: false, .. } => {
            assert!(
                message.contains("blocking services (2): ") && message.contains("s2") && message.contains("s3"),
                "{message}"
            );
        }
        other => panic!("{other:?}"),
    }
    for (key, version) in [("sa/s1/x", "9.9"), ("sa/ghost/x", "1.0.0")] {
        let outcome = account.send(&account.create(key, "forecast", version)).await;
        assert!(matches!(outcome, WriteOutcome::Failed { temporary: false, .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_write_that_broke_is_looked_up_and_makes_one_revision() {
    for (fault, writes) in
        [("drop-after", 1), ("status-after=500", 1), ("truncate", 1), ("drop-before", 2), ("500", 2)]
    {
        for key in ["sa/s1/price", "sa//default"] {
            let account = account().await;
            let live = account.row(key).await;
            account.writes();
            account.fault(&format!("PUT /v2/**={fault}"));
            account.fault(&format!("POST /v2/**={fault}"));
            let update = account.change(Action::Update, key, vec![("role", text("backup"))], Some(live.clone()));
            let outcome = account.send(&update).await;
            assert_eq!(outcome, DONE, "{fault} {key}");
            assert_eq!(account.writes(), writes, "{fault} {key}");
            let history = account.sandbox.dump().unwrap().to_string().matches("backup").count();
            assert_eq!(history, 1, "{fault} {key}: one new revision");
        }
    }
}

#[tokio::test]
async fn a_write_that_a_gateway_answered_for_is_unknown_and_made_once() {
    for fault in ["garbage", "502", "503", "504"] {
        let account = account().await;
        let live = account.row("sa/s1/price").await;
        account.writes();
        account.fault(&format!("PUT /v2/**={fault}"));
        let update = account.change(Action::Update, "sa/s1/price", vec![("role", text("backup"))], Some(live));
        let outcome = account.send(&update).await;
        assert!(matches!(outcome, WriteOutcome::Unknown { repeatable: false, .. }), "{fault}: {outcome:?}");
        assert_eq!(account.writes(), 1, "{fault}");
    }
}

#[tokio::test]
async fn a_write_that_keeps_breaking_is_unknown_after_two() {
    let account = account().await;
    let live = account.row("sa/s1/price").await;
    account.fault("PUT /v2/**=drop-before:*");
    account.writes();
    let update = account.change(Action::Update, "sa/s1/price", vec![("role", text("backup"))], Some(live));
    assert!(matches!(account.send(&update).await, WriteOutcome::Unknown { .. }));
    assert_eq!(account.writes(), 2);
}

#[tokio::test]
async fn client_credentials_are_exchanged_and_renewed() {
    let seed = format!(
        "auth:\n  bearer: []\n  streamline_clients: [{{ client_id: app, client_secret: s3cret, scopes: [streamline/admin], expires_in: 3600 }}]\n{SEED}"
    );
    let sandbox = start(&seed).await;
    let env = |name: &str| SecretRef::Env(name.into());
    let auth = |secret: &str| Auth::ClientCredentials {
        token_url: format!("{}/oauth2/token", sandbox.url()),
        client_id: env("app"),
        client_secret: env(secret),
        scopes: vec!["streamline/admin".to_owned()],
    };
    let good = streamline_target(auth("s3cret"), vec![]);
    let bad = streamline_target(auth("wrong"), vec![]);
    let sign_in = streamline::sign_in(&good);
    let account = Account::of(sandbox, &good, sign_in, streamline::connect);
    assert_eq!(account.live().await.len(), 2);
    account.fault("GET /v2/**=401");
    assert_eq!(account.live().await.len(), 2, "a refused token is renewed once");
    assert_eq!(account.asked().iter().filter(|line| line.ends_with("/oauth2/token")).count(), 2);
    let account = Account::of(account.sandbox, &bad, streamline::sign_in(&bad), streamline::connect);
    match account.try_read(vec![account.scope(&[&["sa"], &["s1"]])], &[]).await {
        Err(ReadError::Api(text)) => assert!(text.contains("sign-in") && text.contains("{env: wrong}"), "{text}"),
        other => panic!("{other:?}"),
    }
}
