//! Semaphor's contract, line by line, against answers made by hand (apis/semaphor.md).

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value as Json, json};

use super::*;
use crate::http::{TokenBody, TokenExchange};
use crate::model::{Action, Batch, Change, Key, Proof, ReadRequest, Route, SecretRef, Snapshot, Value, WriteOutcome};
use crate::provider::ReadError;
use crate::provider::fake::{Fake, Names, Reply, Said, Seen, change, client, of_live, route, target};

const COLLECTION: &str = "/api/management/v1/projects/p%20123/unified-security/assignments";

fn semaphor() -> Target {
    target("semaphor", Auth::Bearer(SecretRef::Env("tok".into())), &[("project_id", "p 123")])
}

fn connected(fake: &Fake) -> (Connection, Arc<Ids>) {
    let target = semaphor();
    let ids = Arc::new(Ids::default());
    let client = client(&target, &fake.url, sign_in(&target));
    (connect(&target, client, Arc::clone(&ids), Arc::new(Names)), ids)
}

fn assignment(id: &str, change: impl Fn(&mut Json)) -> Json {
    let mut row = json!({"id": id, "definitionId": "d", "scopeType": "TENANT", "orgUserId": null, "tenantId": "t",
        "tenantUserId": null, "params": null, "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-02T00:00:00Z"});
    change(&mut row);
    row
}

async fn read(status: u16, body: Json) -> Result<(Snapshot, Arc<Ids>, Vec<Seen>), ReadError> {
    let fake = Fake::start(move |_| (status, body.clone())).await;
    let (connection, ids) = connected(&fake);
    let snapshot = connection.reader.read(&ReadRequest::default()).await?;
    Ok((snapshot, ids, fake.seen()))
}

async fn read_rows(rows: Vec<Json>) -> Result<(Snapshot, Arc<Ids>, Vec<Seen>), ReadError> {
    read(200, json!({"ok": true, "data": {"assignments": rows}})).await
}

async fn refused(status: u16, body: Json) -> String {
    match read(status, body).await {
        Ok(_) => panic!("the answer must be refused"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn the_whole_project_is_one_request_with_nested_rows_and_names() {
    let rows = vec![
        json!({"assignment": assignment("a1", |row| row["params"] = json!({"region": "us", "key": "***"})),
            "definition": {"id": "d", "projectId": "p 123", "name": "Isolation"},
            "connection": {"id": "c", "name": "Warehouse", "type": "pg"}, "tenant": {"id": "t", "name": "Acme"}}),
        json!({"assignment": assignment("a2", |row| {
                row["scopeType"] = json!("TENANT_USER");
                row["tenantUserId"] = json!("u");
            }), "tenantUser": {"id": "u", "name": "Ann", "email": "a@x.example"}}),
        json!({"assignment": assignment("a3", |row| {
                row["scopeType"] = json!("ORG_USER");
                row["orgUserId"] = json!("o");
            }), "orgUser": {"id": "o", "name": "Bob"}}),
        json!({"assignment": assignment("a4", |row| row["scopeType"] = json!("ALL_TENANTS")), "new": {"field": 1}}),
    ];
    let (snapshot, ids, seen) = read_rows(rows).await.unwrap();
    assert_eq!(seen.iter().map(|seen| &*seen.line).collect::<Vec<_>>(), [format!("GET {COLLECTION}")]);
    assert_eq!(seen[0].authorization.as_deref(), Some("Bearer tok"));
    let key = |scope, actor| Key::new(&[ids.sym("d"), ids.sym(scope), ids.sym(actor)]);
    let keys = [key("TENANT", "t"), key("TENANT_USER", "u"), key("ORG_USER", "o"), key("ALL_TENANTS", "")];
    assert_eq!(snapshot.rows.iter().map(|row| row.key).collect::<Vec<_>>(), keys);
    let name = |part, id: &str| snapshot.names.get(part, ids.sym(id)).unwrap_or("").to_owned();
    assert_eq!(name(0, "d"), "Isolation on Warehouse");
    assert_eq!((name(2, "t"), name(2, "u"), name(2, "o")), ("Acme".into(), "Ann <a@x.example>".into(), "Bob".into()));
    let first = &snapshot.rows[0];
    assert_eq!(first.id.as_deref(), Some("a1"));
    assert!(first.fields.get("params").unwrap().same(&Value::Json(Box::new(json!({"region": "us"})))));
    assert!(first.fields.get("secret_params").unwrap().same(&Value::Masked(vec!["key".into()])));
    let info = first.info.as_ref().unwrap();
    assert_eq!(info.updated.unwrap().to_string(), "2026-01-02T00:00:00Z");
    assert_eq!(info.created.unwrap().to_string(), "2026-01-01T00:00:00Z");
    assert!(keys.iter().all(|key| snapshot.proves(key)));
    assert_eq!(snapshot.requests, 1);
}

#[tokio::test]
async fn a_list_that_may_be_a_part_is_a_gap() {
    let gap = |snapshot: &Snapshot| snapshot.coverage[0].gap.clone();
    for (beside, part) in [
        (json!({"nextCursor": "x"}), Some("`nextCursor`")),
        (json!({"hasMore": true}), Some("`hasMore`")),
        (json!({"totalCount": 2}), Some("totalCount 2 and holds 1")),
        (json!({"hasMore": false, "next_cursor": null, "total": 1, "colour": "red"}), None),
    ] {
        let mut data = beside;
        data["assignments"] = json!([{"assignment": assignment("a", |_| ())}]);
        let (snapshot, ids, _) = read(200, json!({"ok": true, "data": data})).await.unwrap();
        assert_eq!(gap(&snapshot).is_some(), part.is_some(), "{data}");
        assert!(part.is_none_or(|part| gap(&snapshot).unwrap().contains(part)), "{data}");
        assert_eq!(snapshot.proves(&Key::new(&[ids.sym("d"), ids.sym("TENANT"), ids.sym("u")])), part.is_none());
    }
    let fake = Fake::start(|_| Said::Linked(json!({"ok": true, "data": {"assignments": []}}))).await;
    let (connection, _) = connected(&fake);
    let snapshot = connection.reader.read(&ReadRequest::default()).await.unwrap();
    assert!(gap(&snapshot).unwrap().contains("next page"));
}

#[tokio::test]
async fn both_envelopes_are_read() {
    let (snapshot, ..) = read(200, json!({"success": true, "data": {"assignments": []}})).await.unwrap();
    assert!(snapshot.rows.is_empty() && snapshot.coverage[0].gap.is_none());
}

#[tokio::test]
async fn a_refused_list_tells_code_message_and_next_step() {
    let envelope =
        |code: &str| json!({"ok": false, "error": {"code": code, "message": "no\u{1b}pe", "details": {"a": 1}}});
    let text = refused(403, envelope("FORBIDDEN")).await;
    for part in ["GET …/unified-security/assignments", "403 FORBIDDEN", "no\\u{1b}pe", "{\"a\":1}", "ADMIN"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(refused(404, envelope("NOT_FOUND")).await.contains("project_id"));
    assert!(refused(200, envelope("ODD")).await.contains("ODD"), "a refusal may come with a 200");
    assert!(refused(401, envelope("UNAUTHORIZED")).await.contains("tok"), "names the reference");
}

#[tokio::test]
async fn answers_that_do_not_say_what_happened_are_no_listing() {
    for body in [
        json!({"data": {"assignments": []}}),
        json!({"ok": true}),
        json!({"ok": true, "data": {"assignments": {}}}),
        json!({"ok": "yes", "data": {"assignments": []}}),
        json!({"ok": true, "success": false, "data": {"assignments": []}}),
        json!([]),
    ] {
        assert!(!refused(200, body.clone()).await.is_empty(), "{body}");
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_understood_is_named_never_dropped() {
    let bad = |change: fn(&mut Json)| async move {
        let good = json!({"assignment": assignment("good", |row| row["tenantId"] = json!("other"))});
        match read_rows(vec![good, json!({"assignment": assignment("a7", change)})]).await {
            Ok(_) => panic!("the row must be refused"),
            Err(error) => error.to_string(),
        }
    };
    for text in [
        bad(|row| row["scopeType"] = json!("GALAXY")).await,
        bad(|row| row["tenantId"] = json!(null)).await,
        bad(|row| row["tenantId"] = json!("")).await,
        bad(|row| row["definitionId"] = json!("")).await,
        bad(|row| row["params"] = json!(["x"])).await,
        bad(|row| row["tenantId"] = json!(5)).await,
    ] {
        assert!(text.contains("the row a7 "), "{text}");
    }
    assert!(bad(|row| row["id"] = json!(5)).await.contains("row 2 "));
}

#[tokio::test]
async fn two_rows_of_one_key_are_an_error_that_names_both() {
    let row = |id| json!({"assignment": assignment(id, |_| ())});
    let Err(error) = read_rows(vec![row("a1"), row("a2")]).await else { panic!("must be refused") };
    assert!(error.to_string().contains("a1") && error.to_string().contains("a2"), "{error}");
}

#[tokio::test]
async fn one_id_with_two_keys_is_an_error() {
    let row = |tenant: &'static str| json!({"assignment": assignment("a1", |row| row["tenantId"] = json!(tenant))});
    let Err(error) = read_rows(vec![row("t1"), row("t2")]).await else { panic!("must be refused") };
    assert!(error.to_string().contains("the row a1 comes twice"), "{error}");
}

/// The route that is planned for a change.
fn planned(change: &Change) -> Route {
    route(&super::spec::CAPABILITIES, &semaphor(), change, 1)
}

/// Writes one change; gives its outcome and what was sent.
async fn write(
    make: impl Fn(&Ids) -> Change,
    answer: impl Fn(&Seen) -> Reply + Clone + Send + Sync + 'static,
) -> (WriteOutcome, Vec<Seen>) {
    let fake = Fake::start(answer).await;
    let (connection, ids) = connected(&fake);
    let change = make(&ids);
    let outcomes = connection.writer.write(&Batch { route: planned(&change), changes: vec![&change] }).await;
    let [outcome] = &outcomes[..] else { panic!("one outcome a change") };
    (outcome.clone(), fake.seen())
}

fn written(row: Json) -> Json {
    json!({"ok": true, "data": {"assignment": row}})
}

fn map(json: Json) -> Value {
    Value::Json(Box::new(json))
}

fn secrets(key: &str, name: &str) -> Value {
    Value::Secrets(BTreeMap::from([(key.into(), SecretRef::Env(name.into()))]))
}

fn create(ids: &Ids) -> Change {
    change(ids, Action::Create, &["d", "TENANT", "t"], vec![])
}

fn update(ids: &Ids, desired: Vec<(&'static str, Value)>, live: Vec<(&'static str, Value)>) -> Change {
    of_live(change(ids, Action::Update, &["d", "TENANT", "t"], desired), "a 1", live)
}

fn remove(ids: &Ids) -> Change {
    of_live(change(ids, Action::Remove, &["d", "TENANT", "t"], vec![]), "a 1", vec![])
}

#[tokio::test]
async fn a_create_sends_definition_scope_type_actor_and_params() {
    let (outcome, seen) = write(
        |ids| {
            let desired = vec![("params", map(json!({"region": "us"}))), ("secret_params", secrets("key", "VALUE"))];
            change(ids, Action::Create, &["d", "TENANT", "t"], desired)
        },
        |_| (201, written(assignment("new", |row| row["params"] = json!({"region": "us", "key": "***"})))),
    )
    .await;
    assert_eq!(outcome, WriteOutcome::Done(Proof::Answer));
    assert_eq!(seen[0].line, format!("POST {COLLECTION}"));
    let params = json!({"region": "us", "key": "VALUE"});
    assert_eq!(seen[0].body, json!({"definitionId": "d", "scopeType": "TENANT", "tenantId": "t", "params": params}));
}

#[tokio::test]
async fn each_scope_type_sends_its_own_actor_field_and_no_params_when_there_are_none() {
    for (scope_type, field) in [
        ("ALL_TENANTS", None),
        ("TENANT", Some("tenantId")),
        ("TENANT_USER", Some("tenantUserId")),
        ("ORG_USER", Some("orgUserId")),
    ] {
        let actor = if field.is_some() { "x" } else { "" };
        let mut expected = json!({"definitionId": "d", "scopeType": scope_type});
        if let Some(field) = field {
            expected[field] = json!("x");
        }
        let answer = expected.clone();
        let (outcome, seen) = write(
            |ids| change(ids, Action::Create, &["d", scope_type, actor], vec![("params", Value::Null)]),
            move |_| {
                let mut row = answer.clone();
                row["id"] = json!("new");
                (200, written(row))
            },
        )
        .await;
        assert_eq!(outcome, WriteOutcome::Done(Proof::Answer), "200 is a success too");
        assert_eq!(seen[0].body, expected);
    }
}

#[tokio::test]
async fn a_duplicate_is_already_whatever_its_status() {
    let error = |code: &str| json!({"ok": false, "error": {"code": code, "message": "exists"}});
    for (status, code) in [(409, "X"), (400, "DUPLICATE_ASSIGNMENT"), (422, "ALREADY_EXISTS")] {
        let body = error(code);
        let (outcome, _) = write(create, move |_| (status, body.clone())).await;
        assert!(matches!(outcome, WriteOutcome::Already(_)), "{status} {code}: {outcome:?}");
    }
    let body = error("INVALID_TENANT");
    let (outcome, _) = write(create, move |_| (400, body.clone())).await;
    let WriteOutcome::Failed { message, code, status, temporary } = outcome else { panic!("{outcome:?}") };
    assert_eq!((code.as_deref(), status, temporary), (Some("INVALID_TENANT"), Some(400), false));
    assert!(message.contains("exists") && message.contains("POST …/unified-security/assignments"));
}

#[tokio::test]
async fn a_target_can_say_which_status_means_a_duplicate() {
    let options = [("project_id", "p"), ("duplicate_status", "418")];
    let fake = Fake::start(|_| (418, json!({"ok": false, "error": {"code": "X", "message": "there"}}))).await;
    let target = target("semaphor", Auth::Bearer(SecretRef::Env("tok".into())), &options);
    let ids = Arc::new(Ids::default());
    let connection = connect(&target, client(&target, &fake.url, sign_in(&target)), Arc::clone(&ids), Arc::new(Names));
    let change = create(&ids);
    let outcomes = connection.writer.write(&Batch { route: planned(&change), changes: vec![&change] }).await;
    assert!(matches!(outcomes[0], WriteOutcome::Already(_)), "{:?}", outcomes[0]);
}

#[tokio::test]
async fn a_create_that_may_have_happened_is_unknown_and_sent_once() {
    let answers: [Reply; 5] = [
        (500, json!({"ok": false, "error": {"code": "INTERNAL", "message": "boom"}})),
        (200, json!({"ok": true, "data": {}})),
        (201, json!(null)),
        (204, json!(null)),
        (201, written(assignment("new", |row| row["tenantId"] = json!("another")))),
    ];
    for (index, answer) in answers.into_iter().enumerate() {
        let (outcome, seen) = write(create, move |_| answer.clone()).await;
        assert!(format!("{outcome:?}").starts_with("Unknown"), "{index}: {outcome:?}");
        assert_eq!(seen.len(), 1, "{index}");
    }
}

#[tokio::test]
async fn a_refusal_that_comes_with_a_success_status_is_a_refusal() {
    let (outcome, _) =
        write(create, |_| (200, json!({"success": false, "error": {"code": "NO", "message": "not you"}}))).await;
    assert!(matches!(outcome, WriteOutcome::Failed { status: Some(200), .. }), "{outcome:?}");
}

#[tokio::test]
async fn an_update_sends_the_whole_map_and_nothing_else() {
    let (outcome, seen) = write(
        |ids| {
            let live = vec![
                ("params", map(json!({"region": "us", "old": true}))),
                ("secret_params", Value::Masked(vec!["key".into()])),
            ];
            update(ids, vec![("secret_params", secrets("key", "VALUE"))], live)
        },
        |_| {
            let shown = json!({"region": "us", "old": true, "key": "***"});
            (200, written(assignment("a 1", |row| row["params"] = shown.clone())))
        },
    )
    .await;
    assert_eq!(outcome, WriteOutcome::Done(Proof::Answer));
    assert_eq!(seen[0].line, format!("PATCH {COLLECTION}/a%201"));
    assert_eq!(seen[0].body, json!({"params": {"region": "us", "old": true, "key": "VALUE"}}));
}

#[tokio::test]
async fn an_answer_that_shows_other_parameters_than_were_sent_proves_nothing() {
    let send = |shown: Json| {
        write(
            |ids| {
                let live =
                    vec![("params", map(json!({"region": "eu", "see_all": "yes"}))), ("secret_params", Value::Null)];
                update(ids, vec![("params", map(json!({"region": "us", "limit": 1})))], live)
            },
            move |_| (200, written(assignment("a 1", |row| row["params"] = shown.clone()))),
        )
    };
    for (shown, part) in [
        (json!({"region": "us", "limit": 1.0}), None),
        (json!({"region": "***", "limit": 1}), None),
        (json!({"region": "us", "limit": 1, "see_all": "yes"}), Some("see_all, which was not sent")),
        (json!({"region": "eu", "limit": 1}), Some("another value for the parameter region")),
        (json!({"region": "us"}), Some("limit")),
        (Json::Null, Some("limit")),
    ] {
        let (outcome, seen) = send(shown.clone()).await;
        match (part, outcome) {
            (None, outcome) => assert_eq!(outcome, WriteOutcome::Done(Proof::Answer), "{shown}"),
            (Some(part), WriteOutcome::Unknown { why, repeatable: false }) => {
                assert!(why.contains(part) && !why.contains("yes"), "{why}")
            }
            (_, other) => panic!("{shown}: {other:?}"),
        }
        assert_eq!(seen.len(), 1);
    }
    let without = |row: &mut Json| {
        row.as_object_mut().unwrap().remove("params");
    };
    let (outcome, _) = write(
        |ids| update(ids, vec![("params", map(json!({"region": "us"})))], vec![]),
        move |_| (200, written(assignment("a 1", without))),
    )
    .await;
    assert_eq!(outcome, WriteOutcome::Done(Proof::Answer), "what is not shown contradicts nothing");
}

#[tokio::test]
async fn null_clears_the_map() {
    let (_, seen) = write(
        |ids| {
            update(
                ids,
                vec![("params", Value::Null)],
                vec![("params", map(json!({"a": 1}))), ("secret_params", Value::Null)],
            )
        },
        |_| (200, written(assignment("a 1", |_| ()))),
    )
    .await;
    assert_eq!(seen[0].body, json!({"params": null}));
}

#[tokio::test]
async fn an_update_that_would_lose_a_masked_value_sends_nothing() {
    let (outcome, seen) = write(
        |ids| update(ids, vec![("params", Value::Null)], vec![("secret_params", Value::Masked(vec!["key".into()]))]),
        |_| (200, Json::Null),
    )
    .await;
    assert!(matches!(&outcome, WriteOutcome::Failed { message, .. } if message.contains("key")), "{outcome:?}");
    assert!(seen.is_empty());
}

#[tokio::test]
async fn a_removal_is_proven_by_its_answer_and_a_404_means_gone_already() {
    let (outcome, seen) = write(remove, |_| (200, written(assignment("a 1", |_| ())))).await;
    assert_eq!(outcome, WriteOutcome::Done(Proof::Answer));
    assert_eq!(seen[0].line, format!("DELETE {COLLECTION}/a%201"));
    assert_eq!(seen[0].body, Json::Null);
    let gone = json!({"ok": false, "error": {"code": "NOT_FOUND", "message": "no such assignment"}});
    let (outcome, _) = write(remove, move |_| (404, gone.clone())).await;
    assert!(matches!(outcome, WriteOutcome::Already(_)), "{outcome:?}");
    let (outcome, _) = write(remove, |_| (200, written(assignment("another", |_| ())))).await;
    assert!(matches!(outcome, WriteOutcome::Unknown { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_change_without_a_live_id_sends_nothing() {
    let (outcome, seen) = write(|ids| Change { live: None, ..remove(ids) }, |_| (200, Json::Null)).await;
    assert!(matches!(outcome, WriteOutcome::Failed { .. }));
    assert!(seen.is_empty());
}

#[tokio::test]
async fn no_outcome_repeats_a_secret_that_was_sent() {
    // Its secret lies across the place where messages are cut.
    let long = format!("{}CANARY-7", "x".repeat(593));
    let echoes: [Reply; 3] = [
        (
            400,
            json!({"ok": false, "error": {"code": "BAD_CANARY-7", "message": "CANARY-7 is short", "details": {"params": {"key": "CANARY-7"}}}}),
        ),
        (422, json!({"ok": false, "error": {"code": "BAD", "message": long}})),
        (200, json!({"CANARY-7": "no envelope CANARY-7"})),
    ];
    for echo in echoes {
        let (outcome, seen) = write(
            |ids| {
                change(ids, Action::Create, &["d", "TENANT", "t"], vec![("secret_params", secrets("key", "CANARY-7"))])
            },
            move |_| echo.clone(),
        )
        .await;
        assert_eq!(seen[0].body["params"]["key"], json!("CANARY-7"), "it was sent");
        assert!(!format!("{outcome:?}").contains("CANARY"), "{outcome:?}");
    }
}

#[tokio::test]
async fn one_bad_change_never_stops_the_others() {
    let fake = Fake::start(|seen| match seen.body["tenantId"].as_str() {
        Some("bad") => (400, json!({"ok": false, "error": {"code": "BAD", "message": "bad"}})),
        Some(tenant) => {
            let row = assignment("n", |row| row["tenantId"] = json!(tenant));
            (201, written(row))
        }
        None => (500, Json::Null),
    })
    .await;
    let (connection, ids) = connected(&fake);
    let make = |tenant| change(&ids, Action::Create, &["d", "TENANT", tenant], vec![]);
    let (bad, good) = (make("bad"), make("good"));
    let outcomes = connection.writer.write(&Batch { route: planned(&good), changes: vec![&bad, &good] }).await;
    assert!(matches!(outcomes[0], WriteOutcome::Failed { .. }));
    assert_eq!(outcomes[1], WriteOutcome::Done(Proof::Answer));
}

fn exchange() -> token::ProjectSecret {
    token::ProjectSecret {
        project_id: "p 123".into(),
        secret: SecretRef::Env("project-secret".into()),
        org_user_id: Some("o".to_owned()),
    }
}

#[test]
fn the_token_request_names_project_secret_and_user() {
    let request = exchange().request(&Names).unwrap();
    let TokenBody::Json(fields) = request.body else { panic!("must be JSON") };
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.expose_secret().to_owned())).collect();
    let expected =
        [("type", "project"), ("projectId", "p 123"), ("projectSecret", "project-secret"), ("orgUserId", "o")];
    assert_eq!(fields, expected.map(|(name, value)| (name, value.to_owned())));
}

#[test]
fn a_token_is_read_bare_or_in_data_and_lives_half_an_hour() {
    for body in [
        r#"{"accessToken": "t"}"#,
        r#"{"data": {"accessToken": "t"}}"#,
        r#"{"ok": true, "data": {"accessToken": "t"}}"#,
    ] {
        let token = exchange().parse(body.as_bytes()).unwrap();
        assert_eq!((token.value.expose_secret(), token.expires_in), ("t", Some(Duration::from_secs(1800))));
    }
    for body in ["{}", r#"{"accessToken": ""}"#, r#"{"accessToken": 5}"#, "", "[]"] {
        assert!(exchange().parse(body.as_bytes()).is_err(), "{body}");
    }
}

#[tokio::test]
async fn a_project_secret_signs_in_and_is_renewed_once_after_a_401() {
    let tokens = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let fake = Fake::start(move |seen| {
        if seen.line == "POST /api/v1/token" {
            let number = tokens.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
            return (200, json!({"accessToken": format!("t{number}")}));
        }
        match seen.authorization.as_deref() {
            Some("Bearer t2") => (200, json!({"ok": true, "data": {"assignments": []}})),
            _ => (401, json!({"ok": false, "error": {"code": "EXPIRED", "message": "token expired"}})),
        }
    })
    .await;
    let auth = Auth::ProjectSecret { secret: SecretRef::Env("shh".into()), org_user_id: None };
    let target = target("semaphor", auth, &[("project_id", "p")]);
    let client = client(&target, &fake.url, sign_in(&target));
    let connection = connect(&target, client, Arc::new(Ids::default()), Arc::new(Names));
    let snapshot = connection.reader.read(&ReadRequest::default()).await.unwrap();
    assert_eq!(snapshot.requests, 4, "token, refused list, token, list: {:?}", fake.lines());
    assert_eq!(fake.seen()[0].body, json!({"type": "project", "projectId": "p", "projectSecret": "shh"}));
}

#[test]
fn a_key_speaks_with_the_apis_own_field_names() {
    let ids = crate::model::Ids::default();
    for (scope_type, actor, named) in [
        ("TENANT", "t", Some("tenantId")),
        ("TENANT_USER", "u", Some("tenantUserId")),
        ("ORG_USER", "o", Some("orgUserId")),
        ("ALL_TENANTS", "", None),
        ("NEW_SCOPE", "x", Some("actorId")),
    ] {
        let actor = if actor.is_empty() { crate::model::Sym::NONE } else { ids.sym(actor) };
        let key = crate::model::Key::new(&[ids.sym("d"), ids.sym(scope_type), actor]);
        assert_eq!(super::spec::CAPABILITIES.key_name(&ids, &key, super::spec::ACTOR), named, "{scope_type}");
    }
}
