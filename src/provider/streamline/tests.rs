//! Streamline against a scripted API: which requests are sent, and what is made of the answers.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value as Json, json};

use super::super::fake::{Fake, Names, Said, Seen, client, route, target};
use super::super::{Connection, ReadError};
use crate::model::{
    Action, Auth, Batch, Change, Desired, Fields, Ids, Key, Live, LiveInfo, PartScope, Proof, ReadRequest, Scope,
    SecretRef, Snapshot, Sym, Target, Value, WriteOutcome,
};

const SERVICE_KEY: &str = "/v2/clients/client-1/domains/d/service/s/assignments/k";
const SERVICE: &str = "/v2/clients/client-1/domains/d/service/s/assignments";
const DOMAIN: &str = "/v2/clients/client-1/domains/d/assignments";

struct Account {
    fake: Fake,
    ids: Arc<Ids>,
    connection: Connection,
    target: Target,
}

impl Account {
    fn of(fake: Fake, options: Vec<(&'static str, Value)>) -> Self {
        let ids = Arc::new(Ids::default());
        let options = [vec![("client_id", text("client-1"))], options].concat();
        let mut target = target("streamline", Auth::Bearer(SecretRef::Env("canary".into())), &[]);
        target.options = Fields::new(options);
        let client = client(&target, &fake.url, super::sign_in(&target));
        let connection = super::connect(&target, client, Arc::clone(&ids), Arc::new(Names));
        Self { fake, ids, connection, target }
    }

    async fn answers(replies: Vec<Said>) -> Self {
        Self::of(Fake::answers(replies).await, Vec::new())
    }

    /// `domain/service/key`; an empty service is the domain's own.
    fn key(&self, key: &str) -> Key {
        let parts: Vec<Sym> = key.split('/').map(|part| self.ids.sym(part)).collect();
        Key::new(&parts)
    }

    fn scope(&self, domain: &str, services: &[&str]) -> Scope {
        let mut scope = Scope::default();
        scope.parts[0] = PartScope::In(BTreeSet::from([self.ids.sym(domain)]));
        scope.parts[1] = PartScope::In(services.iter().map(|service| self.ids.sym(service)).collect());
        scope
    }

    /// Method, path and body of all requests so far.
    fn asked(&self) -> Vec<(String, Json)> {
        self.fake.seen().into_iter().map(|seen| (seen.line, seen.body)).collect()
    }

    async fn read(&self, scopes: Vec<Scope>, keys: &[&str]) -> Result<Snapshot, ReadError> {
        let declared: Vec<Desired> = keys.iter().map(|key| Desired::from(self.key(key))).collect();
        self.connection.reader.read(&ReadRequest { scopes, rows: vec![&declared], names: false }).await
    }

    async fn read_error(&self) -> String {
        match self.read(vec![self.scope("d", &["s"])], &["d/s/k"]).await.unwrap_err() {
            ReadError::Api(text) => text,
            ReadError::Temporary(text) => panic!("temporary: {text}"),
        }
    }

    fn keys(&self, snapshot: &Snapshot) -> Vec<String> {
        let text = |key: Key| [0, 1, 2].map(|part| self.ids.text(key.part(part)).to_string()).join("/");
        let mut keys: Vec<String> = snapshot.rows.iter().map(|row| text(row.key)).collect();
        keys.sort();
        keys
    }

    async fn write(&self, change: &Change) -> WriteOutcome {
        let route = route(&super::spec::CAPABILITIES, &self.target, change, 1);
        let mut outcomes = self.connection.writer.write(&Batch { route, changes: vec![change] }).await;
        assert_eq!(outcomes.len(), 1);
        outcomes.remove(0)
    }

    fn create(&self, key: &str) -> Change {
        let desired = vec![("model_id", text("m")), ("model_version", text("2")), ("role", text("primary"))];
        Change {
            action: Action::Create,
            key: self.key(key),
            from_key: None,
            live: None,
            desired: Fields::new(desired),
            differs: Vec::new(),
        }
    }

    /// From revision `rev-1`, which has version 1 and settings.
    fn update(&self, key: &str) -> Change {
        let fields = vec![
            ("model_id", text("m")),
            ("model_version", text("1")),
            ("role", Value::Null),
            ("settings", Value::Json(Box::new(json!({"a": 1})))),
            ("metadata", Value::Null),
        ];
        let info = LiveInfo { revision: Some("rev-1".into()), ..LiveInfo::default() };
        let live = Live { key: self.key(key), id: None, fields: Fields::new(fields), info: Some(Box::new(info)) };
        Change { action: Action::Update, live: Some(live), differs: vec!["model_version"], ..self.create(key) }
    }

    fn remove(&self, key: &str) -> Change {
        Change { action: Action::Remove, desired: Fields::default(), differs: Vec::new(), ..self.update(key) }
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn switch(name: &'static str) -> Vec<(&'static str, Value)> {
    vec![(name, Value::Json(Box::new(json!(true))))]
}

fn row(key: &str, revision: &str, version: &str) -> Json {
    json!({"assignment_id": revision, "assignment_key": key, "model_id": "m", "model_version": version,
           "status": "active", "role": "primary", "settings": {"a": 1}, "metadata": {}})
}

fn archived(key: &str, revision: &str) -> Json {
    let mut row = row(key, revision, "0");
    row["status"] = json!("archived");
    row
}

fn ok(body: Json) -> Said {
    Said::Json(200, body)
}

fn none() -> Said {
    Said::Json(404, json!({"success": false, "message": "not found"}))
}

#[tokio::test]
async fn a_collection_gives_active_revisions_in_any_shape_and_leaves_history_out() {
    let rows = json!([archived("k", "r0"), row("k", "r1", "2"), archived("k", "r2"), archived("gone", "r3")]);
    for body in [rows.clone(), json!({"assignments": rows}), json!({"items": rows}), json!({"data": rows})] {
        let account = Account::answers(vec![ok(body)]).await;
        let got = account.read(vec![account.scope("d", &["s"])], &[]).await.unwrap();
        assert_eq!(account.keys(&got), ["d/s/k"]);
        let live = &got.rows[0];
        assert_eq!(live.info.as_ref().unwrap().revision.as_deref(), Some("r1"));
        assert!(live.fields.get("model_version").unwrap().same(&text("2")));
        assert!(got.proves(&account.key("d/s/undeclared")) && !got.proves(&account.key("d/other/k")));
        assert_eq!(got.coverage[0].evidence, "collections 1, active 1, archived 3");
        assert_eq!((got.requests, account.fake.lines()), (1, vec![format!("GET {SERVICE}")]));
    }
}

#[tokio::test]
async fn each_service_and_the_domain_itself_are_read_once_and_ids_stay_one_segment() {
    let script = |asked: &Seen| match asked.line.contains("/service/") {
        true => ok(json!([row("k", "r1", "2")])),
        false => ok(json!([])),
    };
    let account = Account::of(Fake::start(script).await, vec![]);
    let scopes = vec![account.scope("d", &["", "s", "a/../b"]), account.scope("d", &["s"])];
    let got = account.read(scopes, &["d/s/k", "e/x/k"]).await.unwrap();
    let mut lines = account.fake.lines();
    lines.sort();
    let base = "GET /v2/clients/client-1/domains";
    assert_eq!(
        lines,
        [
            format!("{base}/d/assignments"),
            format!("{base}/d/service/a%2F..%2Fb/assignments"),
            format!("{base}/d/service/s/assignments"),
            format!("{base}/e/service/x/assignments"),
        ]
    );
    assert_eq!(got.rows.len(), 3);
    assert_eq!(got.coverage.len(), 2, "one entry a domain");
    assert!(got.proves(&account.key("d//k")) && got.proves(&account.key("e/x/z")) && !got.proves(&account.key("e//k")));
}

#[tokio::test]
async fn without_a_collection_declared_keys_are_read_and_nothing_else_is_proven() {
    for status in [404, 405] {
        let script = move |asked: &Seen| match asked.line.rsplit('/').next().unwrap() {
            "assignments" => Said::Json(status, json!({"success": false, "message": "no such route"})),
            "k" => ok(row("k", "r1", "2")),
            "old" => ok(archived("old", "r2")),
            "new" => none(),
            other => panic!("{other}"),
        };
        let account = Account::of(Fake::start(script).await, vec![]);
        let got = account.read(vec![account.scope("d", &["s"])], &["d/s/k", "d/s/old", "d/s/new"]).await.unwrap();
        assert_eq!(account.keys(&got), ["d/s/k"], "archived and 404 both mean absent");
        assert!(!got.proves(&account.key("d/s/undeclared")));
        let gap = got.coverage[0].gap.as_deref().unwrap();
        assert!(gap.contains(&format!("answer {status} (no such route)")), "{gap}");
        assert_eq!(got.requests, 4);
    }
}

#[tokio::test]
async fn options_say_how_lists_are_read() {
    let options = vec![("read", text("keyed"))];
    let account = Account::of(Fake::answers(vec![ok(row("k", "r1", "2"))]).await, options);
    let got = account.read(vec![account.scope("d", &["s"])], &["d/s/k"]).await.unwrap();
    assert_eq!(account.fake.lines(), [format!("GET {SERVICE_KEY}")]);
    assert!(got.coverage[0].gap.as_deref().unwrap().contains("read: keyed"));
    let options = vec![("list_pointer", text("/page/rows"))];
    let body = json!({"page": {"rows": [row("k", "r1", "2")]}});
    let account = Account::of(Fake::answers(vec![ok(body)]).await, options);
    assert_eq!(account.read(vec![account.scope("d", &["s"])], &[]).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn a_scope_that_names_no_services_is_never_read_whole() {
    let account = Account::answers(vec![ok(json!([row("k", "r1", "2")]))]).await;
    let got = account.read(vec![Scope::default()], &["d/s/k"]).await.unwrap();
    assert_eq!(account.keys(&got), ["d/s/k"]);
    assert!(!got.proves(&account.key("d/s/k")));
    assert!(got.coverage.iter().any(|c| c.gap.as_deref().is_some_and(|gap| gap.contains("no documented route"))));
}

#[tokio::test]
async fn a_list_that_may_be_a_part_is_a_gap() {
    let account = Account::answers(vec![ok(json!({"items": [row("k", "r1", "2")], "next_cursor": "x"}))]).await;
    let got = account.read(vec![account.scope("d", &["s"])], &[]).await.unwrap();
    assert!(!got.proves(&account.key("d/s/other")));
    assert!(got.coverage[0].gap.as_deref().unwrap().contains("next_cursor"));
    let account = Account::answers(vec![Said::Linked(json!([row("k", "r1", "2")]))]).await;
    let got = account.read(vec![account.scope("d", &["s"])], &[]).await.unwrap();
    assert!(got.coverage[0].gap.as_deref().unwrap().contains("next page"));
}

#[tokio::test]
async fn declared_keys_that_a_part_of_a_list_does_not_show_are_read() {
    let script = |asked: &Seen| match asked.line.rsplit('/').next().unwrap() {
        "assignments" => ok(json!({"items": [row("k", "r1", "2")], "total": 3})),
        "far" => ok(row("far", "r2", "2")),
        "new" => none(),
        other => panic!("{other}"),
    };
    let account = Account::of(Fake::start(script).await, vec![]);
    let got = account.read(vec![account.scope("d", &["s"])], &["d/s/k", "d/s/far", "d/s/new"]).await.unwrap();
    assert_eq!(account.keys(&got), ["d/s/far", "d/s/k"]);
    assert_eq!(got.requests, 3, "what the list shows is not read again");
    assert!(!got.proves(&account.key("d/s/undeclared")));
    assert!(got.coverage[0].gap.as_deref().unwrap().contains("total 3"));
}

#[tokio::test]
async fn answers_that_cannot_be_trusted_are_errors_that_say_why() {
    let mut keyless = row("k", "r1", "2");
    keyless["assignment_key"] = Json::Null;
    for (replies, part) in [
        (vec![ok(json!([row("k", "r1", "2"), row("k", "r2", "2")]))], "`k` has two active revisions, `r1` and `r2`"),
        (vec![ok(json!([keyless]))], "assignment_id `r1` has no assignment_key"),
        (vec![ok(json!([{"assignment_key": "k", "settings": 7}]))], "assignment_key `k`"),
        (vec![ok(json!({"rows": []}))], "list_pointer"),
        (vec![Said::Html(200, "<html>sign in</html>")], "<html>sign in"),
        (
            vec![Said::Json(403, json!({"message": "canary is not yours"}))],
            "403: [redacted] is not yours; the token lacks",
        ),
        (vec![Said::Json(400, json!({"success": false}))], "malformed"),
        (vec![none(), ok(row("other", "r1", "2"))], "another assignment_key, `other`"),
        (vec![none(), ok(json!([row("k", "r1", "2")]))], "without key and id"),
        (vec![none(), Said::Json(405, json!({}))], "405"),
    ] {
        let account = Account::answers(replies).await;
        let message = account.read_error().await;
        assert!(message.contains(part), "{part} in {message}");
        assert!(message.contains(&format!("GET {SERVICE}")) && !message.contains("canary"), "{message}");
    }
}

#[tokio::test]
async fn an_id_that_would_lead_to_another_route_is_never_sent() {
    let account = Account::answers(vec![]).await;
    let error = account.read(vec![account.scope("d", &[".."])], &[]).await.unwrap_err();
    assert!(error.to_string().contains("not sent"), "{error}");
    let outcome = account.write(&account.create("d/s/..")).await;
    assert!(matches!(outcome, WriteOutcome::Failed { temporary: false, .. }), "{outcome:?}");
    assert_eq!(account.fake.lines(), [""; 0]);
}

#[tokio::test]
async fn a_create_is_one_keyed_put_and_200_and_201_count_the_same() {
    for status in [200, 201] {
        let account = Account::answers(vec![Said::Json(status, row("k", "rev-2", "2"))]).await;
        assert_eq!(account.write(&account.create("d/s/k")).await, WriteOutcome::Done(Proof::Answer));
        let body = json!({"model_id": "m", "model_version": "2", "role": "primary", "status": "active"});
        assert_eq!(account.asked(), [(format!("PUT {SERVICE_KEY}"), body)]);
    }
}

#[tokio::test]
async fn an_update_keeps_live_values_and_a_removal_archives_the_whole_assignment() {
    let account = Account::answers(vec![ok(row("k", "rev-2", "2")), ok(archived("k", "rev-3"))]).await;
    assert_eq!(account.write(&account.update("d/s/k")).await, WriteOutcome::Done(Proof::Answer));
    let mut reply = archived("k", "rev-3");
    reply["model_version"] = json!("1");
    let account2 = Account::answers(vec![ok(reply)]).await;
    assert_eq!(account2.write(&account2.remove("d/s/k")).await, WriteOutcome::Done(Proof::Answer));
    let updated =
        json!({"model_id": "m", "model_version": "2", "role": "primary", "settings": {"a": 1}, "status": "active"});
    assert_eq!(account.asked()[0].1, updated);
    let retired = json!({"model_id": "m", "model_version": "1", "settings": {"a": 1}, "status": "archived"});
    assert_eq!(account2.asked(), [(format!("PUT {SERVICE_KEY}"), retired)]);
}

#[tokio::test]
async fn a_domains_own_assignment_is_posted_with_its_key_unless_a_keyed_put_is_switched_on() {
    let account = Account::answers(vec![ok(row("k", "rev-2", "2"))]).await;
    assert_eq!(account.write(&account.create("d//k")).await, WriteOutcome::Done(Proof::Answer));
    let asked = &account.asked()[0];
    assert_eq!((asked.0.as_str(), &asked.1["assignment_key"]), (&*format!("POST {DOMAIN}"), &json!("k")));
    let account = Account::of(Fake::answers(vec![ok(row("k", "rev-2", "2"))]).await, switch("keyed_domain_put"));
    assert_eq!(account.write(&account.create("d//k")).await, WriteOutcome::Done(Proof::Answer));
    let asked = &account.asked()[0];
    assert_eq!((asked.0.as_str(), asked.1.get("assignment_key")), (&*format!("PUT {DOMAIN}/k"), None));
}

#[tokio::test]
async fn a_refusal_names_every_blocking_service() {
    let services: Vec<String> = (0..300).map(|n| format!("service-{n}")).collect();
    let body = json!({"success": false, "message": "incompatible", "blocking_services": services});
    let account = Account::answers(vec![Said::Json(422, body)]).await;
    match account.write(&account.create("d//k")).await {
        WriteOutcome::Failed { message, status: Some(422), temporary: false, .. } => {
            assert!(message.starts_with(&format!("POST {DOMAIN} was answered with 422: incompatible; ")), "{message}");
            assert!(services.iter().all(|service| message.contains(service.as_str())), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(account.fake.lines().len(), 1);
}

/// What a doubtful write of `change` ends as, and the requests it took.
async fn settled(change: fn(&Account, &str) -> Change, key: &str, replies: Vec<Said>) -> (WriteOutcome, Vec<String>) {
    let account = Account::answers(replies).await;
    let outcome = account.write(&change(&account, key)).await;
    (outcome, account.fake.lines().into_iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect())
}

fn server_error() -> Said {
    Said::Json(500, json!({"success": false, "message": "oops"}))
}

#[tokio::test]
async fn after_a_lost_put_the_key_is_read_and_a_put_that_happened_is_done() {
    let done = WriteOutcome::Done(Proof::Answer);
    for lost in [Said::Broken, server_error(), Said::Html(200, "<html>"), Said::Json(204, json!({})), ok(json!({}))] {
        let got = settled(Account::update, "d/s/k", vec![lost, ok(row("k", "rev-2", "2"))]).await;
        assert_eq!(got, (done.clone(), vec!["PUT".to_owned(), "GET".to_owned()]));
    }
    let got = settled(Account::create, "d/s/k", vec![Said::Broken, ok(row("k", "rev-2", "2"))]).await;
    assert_eq!(got.0, done);
    let got = settled(Account::remove, "d/s/k", vec![Said::Broken, none()]).await;
    assert_eq!(got.0, done, "an archived key is absent");
    let got = settled(Account::remove, "d/s/k", vec![Said::Broken, ok(archived("k", "rev-2"))]).await;
    assert_eq!(got.0, done);
    let listed = ok(json!([row("other", "r", "1"), row("k", "rev-2", "2")]));
    let got = settled(Account::update, "d//k", vec![Said::Broken, listed]).await;
    assert_eq!(got, (done, vec!["POST".to_owned(), "GET".to_owned()]), "the domain's key is looked up in its list");
}

#[tokio::test]
async fn a_put_that_the_api_answered_with_an_error_is_sent_once_more_and_never_a_third_time() {
    /// The first look at the key and those that follow, since reads may lag.
    const LOOKS: usize = 4;
    let before = || vec![ok(row("k", "rev-1", "1")); LOOKS];
    let after = || vec![ok(row("k", "rev-2", "2"))];
    let error = || vec![server_error()];
    let puts = |lines: &[String]| lines.iter().filter(|line| *line == "PUT").count();
    let (outcome, lines) = settled(Account::create, "d/s/k", [error(), vec![none(); LOOKS], after()].concat()).await;
    assert_eq!((outcome, puts(&lines)), (WriteOutcome::Done(Proof::Answer), 2), "still absent");
    let replies = [error(), before(), error(), before(), after()].concat();
    let (outcome, lines) = settled(Account::update, "d/s/k", replies).await;
    let failed = matches!(outcome, WriteOutcome::Failed { status: Some(500), temporary: false, .. });
    assert!(failed, "it was answered, and nothing happened: {outcome:?}");
    assert_eq!((puts(&lines), lines.len()), (2, 2 + 2 * LOOKS));
}

/// A service whose PUTs are answered by `put`, given how many came before, and whose key shows the revision that was sent from the time
/// when `happened` says so, given PUTs and looks so far.
async fn scripted(
    put: impl Fn(usize) -> Said + Send + Sync + 'static,
    happened: impl Fn(usize, usize) -> bool + Send + Sync + 'static,
) -> (WriteOutcome, Vec<String>) {
    let (puts, looks) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let script = Arc::new(move |seen: &Seen| match seen.line.starts_with("PUT") {
        true => put(puts.fetch_add(1, Ordering::SeqCst)),
        false if happened(puts.load(Ordering::SeqCst), looks.fetch_add(1, Ordering::SeqCst)) => {
            ok(row("k", "rev-2", "2"))
        }
        false => ok(row("k", "rev-1", "1")),
    });
    let account = Account::of(Fake::start(move |seen| script(seen)).await, Vec::new());
    let outcome = account.write(&account.update("d/s/k")).await;
    (outcome, account.fake.lines().into_iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect())
}

fn puts(lines: &[String]) -> usize {
    lines.iter().filter(|line| *line == "PUT").count()
}

#[tokio::test]
async fn a_put_that_a_gateway_gave_up_on_is_looked_for_and_never_sent_again() {
    let gateway = |status: u16| move |_| Said::Html(status, "<html>gateway</html>");
    for status in [502, 503, 504, 524] {
        let (outcome, lines) = scripted(gateway(status), |_, _| false).await;
        assert!(matches!(outcome, WriteOutcome::Unknown { repeatable: false, .. }), "{status}: {outcome:?}");
        assert_eq!(puts(&lines), 1, "{status}");
        let (outcome, lines) = scripted(gateway(status), |_, looks| looks >= 3).await;
        assert_eq!(
            (outcome, puts(&lines)),
            (WriteOutcome::Done(Proof::Answer), 1),
            "{status}: it was carried out later"
        );
    }
    let (outcome, lines) = scripted(|_| Said::Html(200, "<html>"), |_, _| false).await;
    assert!(matches!(outcome, WriteOutcome::Unknown { repeatable: false, .. }), "a proxy's page: {outcome:?}");
    assert_eq!(puts(&lines), 1);
}

#[tokio::test]
async fn a_put_into_a_closed_connection_is_sent_once_more_on_a_new_one() {
    let again = |before: usize| if before == 0 { Said::Closed } else { ok(row("k", "rev-2", "2")) };
    let (outcome, lines) = scripted(again, |_, _| false).await;
    assert_eq!((outcome, puts(&lines)), (WriteOutcome::Done(Proof::Answer), 2));
    let (outcome, lines) = scripted(again, |_, looks| looks >= 3).await;
    assert_eq!((outcome, puts(&lines)), (WriteOutcome::Done(Proof::Answer), 1), "it was carried out later");
    let (outcome, lines) = scripted(|_| Said::Closed, |_, _| false).await;
    assert!(matches!(outcome, WriteOutcome::Unknown { repeatable: false, .. }), "{outcome:?}");
    assert_eq!(puts(&lines), 2, "never a third time");
}

#[tokio::test]
async fn a_redirected_put_was_not_carried_out_and_is_not_looked_for() {
    let (outcome, lines) = scripted(|_| Said::Json(307, json!({})), |_, _| false).await;
    let WriteOutcome::Failed { message, temporary: false, .. } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("redirect"), "{message}");
    assert_eq!(lines, ["PUT"]);
}

#[tokio::test]
async fn a_success_that_is_denied_or_shows_other_fields_proves_nothing() {
    let denied = json!({"success": false, "message": "no model assigned"});
    let (outcome, lines) = scripted(move |_| ok(denied.clone()), |_, _| false).await;
    let WriteOutcome::Failed { message, .. } = &outcome else { panic!("{outcome:?}") };
    assert!(message.contains("no model assigned"), "{message}");
    assert_eq!(lines, ["PUT", "GET"]);
    for (name, value) in [("role", json!("other")), ("settings", json!({"a": 2})), ("metadata", json!({"x": 1}))] {
        let mut shown = row("k", "rev-2", "2");
        shown[name] = value;
        let sees = shown.clone();
        let account = Account::answers(vec![ok(shown), ok(sees)]).await;
        let live = account.update("d/s/k");
        let desired = vec![
            ("model_id", text("m")),
            ("model_version", text("2")),
            ("role", text("primary")),
            ("metadata", Value::Null),
        ];
        let outcome = account.write(&Change { desired: Fields::new(desired), ..live }).await;
        let WriteOutcome::Unknown { why, repeatable: false } = &outcome else { panic!("{name}: {outcome:?}") };
        assert!(why.contains(&format!("another `{name}`")), "{why}");
    }
}

#[tokio::test]
async fn a_put_that_a_lagging_read_does_not_show_yet_is_not_sent_again() {
    let before = || ok(row("k", "rev-1", "1"));
    let replies = vec![server_error(), before(), before(), before(), ok(row("k", "rev-2", "2"))];
    let (outcome, lines) = settled(Account::update, "d/s/k", replies).await;
    assert_eq!(outcome, WriteOutcome::Done(Proof::Answer));
    assert_eq!(lines, ["PUT", "GET", "GET", "GET", "GET"]);
}

#[tokio::test]
async fn a_write_that_the_api_puts_off_is_read_sent_once_more_and_then_temporary() {
    let busy = |_| Said::Busy(json!({"success": false, "message": "busy"}));
    let (outcome, lines) = scripted(busy, |_, _| false).await;
    assert!(matches!(outcome, WriteOutcome::Failed { temporary: true, .. }), "{outcome:?}");
    assert_eq!(puts(&lines), 2);
    let (outcome, lines) = scripted(busy, |_, _| true).await;
    assert_eq!(
        (outcome, puts(&lines)),
        (WriteOutcome::Done(Proof::Answer), 1),
        "a 503 does not say that nothing was done"
    );
}

#[tokio::test]
async fn what_cannot_be_settled_is_unknown_and_not_sent_again() {
    let elsewhere = row("k", "rev-9", "9");
    for (change, replies, part) in [
        (Account::update as fn(&Account, &str) -> Change, vec![Said::Broken, ok(elsewhere.clone())], "rev-9 (m 9)"),
        (Account::update, vec![Said::Broken, none()], "no active revision"),
        (Account::create, vec![Said::Broken, ok(elsewhere.clone())], "rev-9"),
        (Account::remove, vec![Said::Broken, ok(elsewhere)], "rev-9"),
        (Account::update, vec![server_error(), Said::Json(403, json!({}))], "could not be read afterwards"),
        // A success that names something else: nothing is resent, although the key is as before.
        (Account::update, vec![ok(row("other", "rev-2", "2")), ok(row("k", "rev-1", "1"))], "another assignment_key"),
        (Account::update, vec![ok(row("k", "rev-2", "3")), ok(row("k", "rev-2", "3"))], "another model, version"),
        (
            Account::update,
            vec![ok(archived("k", "rev-2")), ok(row("k", "rev-1", "1"))],
            "another model, version or status",
        ),
    ] {
        let (outcome, lines) = settled(change, "d/s/k", replies).await;
        match outcome {
            WriteOutcome::Unknown { why, .. } => assert!(why.contains(part), "{part} in {why}"),
            other => panic!("{part}: {other:?}"),
        }
        assert_eq!(lines, ["PUT", "GET"], "{part}");
    }
}

#[tokio::test]
async fn refusals_are_final_and_say_what_helps() {
    for (status, part) in [(400, "malformed"), (403, "permission"), (404, "client_id"), (422, "declared"), (409, "409")]
    {
        let reply = Said::Json(status, json!({"success": false, "message": "no, canary"}));
        let account = Account::answers(vec![reply]).await;
        match account.write(&account.update("d/s/k")).await {
            WriteOutcome::Failed { message, status: Some(got), temporary: false, .. } => {
                assert_eq!(got, status);
                assert!(message.contains(part) && message.contains("no, [redacted]"), "{message}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(account.fake.lines().len(), 1);
    }
}

#[tokio::test]
async fn a_change_that_cannot_be_put_together_is_not_sent() {
    let account = Account::answers(vec![]).await;
    let change = Change { live: None, ..account.remove("d/s/k") };
    assert!(matches!(account.write(&change).await, WriteOutcome::Failed { .. }));
    let change = Change { desired: Fields::default(), ..account.create("d/s/k") };
    assert!(matches!(account.write(&change).await, WriteOutcome::Failed { .. }));
    assert_eq!(account.fake.lines(), [""; 0]);
}
