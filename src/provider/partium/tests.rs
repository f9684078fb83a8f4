//! Partium against a scripted API: which requests are sent, and what is made of the answers.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::fake::{Fake, Names, Said, Seen, client, route, target};
use super::super::{Connection, ReadError};
use crate::model::{
    Action, Auth, Batch, Change, Desired, Fields, Ids, Key, PartScope, Proof, ReadRequest, Scope, SecretRef, Snapshot,
    Sym, Value, WriteOutcome,
};

struct Account {
    fake: Fake,
    ids: Arc<Ids>,
    connection: Connection,
}

impl Account {
    fn of(fake: Fake, options: Vec<(&'static str, Value)>, retry_budget: Duration) -> Self {
        let ids = Arc::new(Ids::default());
        let mut target = target("partium", Auth::Bearer(SecretRef::Env("canary".into())), &[]);
        target.options = Fields::new(options);
        target.limits.page_size = 2;
        target.limits.retry_budget = retry_budget;
        let client = client(&target, &fake.url, super::sign_in(&target));
        let connection = super::connect(&target, client, Arc::clone(&ids), Arc::new(Names));
        Self { fake, ids, connection }
    }

    async fn answers(replies: Vec<Said>) -> Self {
        Self::of(Fake::answers(replies).await, Vec::new(), Duration::from_secs(20))
    }

    fn syms(&self, ids: &[&str]) -> PartScope {
        PartScope::In(ids.iter().map(|id| self.ids.sym(id)).collect::<BTreeSet<Sym>>())
    }

    fn orgs(&self, ids: &[&str]) -> Scope {
        let mut scope = Scope::default();
        scope.parts[1] = self.syms(ids);
        scope
    }

    /// Method, path and body of all requests so far.
    fn asked(&self) -> Vec<(String, Json)> {
        self.fake.seen().into_iter().map(|seen| (seen.line, seen.body)).collect()
    }

    async fn read(&self, scopes: Vec<Scope>, keys: Vec<Key>) -> Result<Snapshot, ReadError> {
        let declared: Vec<Desired> = keys.into_iter().map(Desired::from).collect();
        self.connection.reader.read(&ReadRequest { scopes, rows: vec![&declared], names: false }).await
    }

    async fn read_error(&self) -> String {
        match self.read(vec![Scope::default()], vec![]).await.unwrap_err() {
            ReadError::Api(text) => text,
            ReadError::Temporary(text) => panic!("temporary: {text}"),
        }
    }

    fn pairs(&self, snapshot: &Snapshot) -> Vec<String> {
        let text = |key: Key| format!("{}/{}", self.ids.text(key.part(0)), self.ids.text(key.part(1)));
        let mut pairs: Vec<String> = snapshot.rows.iter().map(|row| text(row.key)).collect();
        pairs.sort();
        pairs
    }

    fn key(&self, pair: &str) -> Key {
        let (ass, org) = pair.split_once('/').unwrap();
        Key::new(&[self.ids.sym(ass), self.ids.sym(org)])
    }

    async fn write(&self, changes: &[(Action, &str)]) -> Vec<WriteOutcome> {
        let changes: Vec<Change> = changes
            .iter()
            .map(|(action, pair)| Change {
                action: *action,
                key: self.key(pair),
                from_key: None,
                live: None,
                desired: Fields::default(),
                differs: Vec::new(),
            })
            .collect();
        let target = target("partium", Auth::Bearer(SecretRef::Env("canary".into())), &[]);
        let route = route(&super::spec::CAPABILITIES, &target, &changes[0], 500);
        self.connection.writer.write(&Batch { route, changes: changes.iter().collect() }).await
    }

    async fn create(&self, pairs: &[&str]) -> Vec<WriteOutcome> {
        self.write(&pairs.iter().map(|pair| (Action::Create, *pair)).collect::<Vec<_>>()).await
    }
}

fn row(pair: &str) -> Json {
    let (ass, org) = pair.split_once('/').unwrap();
    json!({"ass_id": ass, "org_id": org})
}

fn page(pairs: &[&str], cursor: &str, more: bool) -> Said {
    let rows: Vec<Json> = pairs.iter().map(|pair| row(pair)).collect();
    Said::Json(200, json!({"result": rows, "last_object_id": cursor, "more_data": more}))
}

/// An API that filters a list of pairs as the contract says, in pages of two.
fn listing(pairs: Vec<String>) -> impl Fn(&Seen) -> Said + Clone + Send + Sync + 'static {
    move |asked| {
        let filter = |name: &str| asked.body["query"].get(name).map(|ids| ids.as_array().unwrap().clone());
        let (ass, org) = (filter("ass_ids"), filter("org_ids"));
        assert!(ass.as_ref().is_none_or(|ids| !ids.is_empty()) && org.as_ref().is_none_or(|ids| !ids.is_empty()));
        let passes = |filter: &Option<Vec<Json>>, id: &str| filter.as_ref().is_none_or(|ids| ids.contains(&json!(id)));
        let start = asked.body["paging"].get("last_object_id").map_or(0, |c| c.as_str().unwrap().parse().unwrap());
        let found: Vec<&str> = pairs
            .iter()
            .map(String::as_str)
            .filter(|pair| {
                let (a, o) = pair.split_once('/').unwrap();
                passes(&ass, a) && passes(&org, o)
            })
            .collect();
        let end = (start + 2).min(found.len());
        page(&found[start..end], &end.to_string(), end < found.len())
    }
}

#[tokio::test]
async fn everything_is_one_unfiltered_chain_of_cursors() {
    let account = Account::answers(vec![page(&["a/o", "b/o"], "c1", true), page(&["a/p"], "c2", false)]).await;
    let key = account.key("z/z");
    let got = account.read(vec![Scope::default(), account.orgs(&["o"])], vec![key]).await.unwrap();
    assert_eq!(account.pairs(&got), ["a/o", "a/p", "b/o"]);
    let line = "POST /1/catalog/assignments/organizations/list".to_owned();
    let asked = |paging: Json| (line.clone(), json!({"query": {}, "paging": paging}));
    assert_eq!(account.asked(), [asked(json!({"limit": 2})), asked(json!({"limit": 2, "last_object_id": "c1"}))]);
    assert!(got.proves(&key), "the chain proves the absence of every other pair");
    assert_eq!(got.requests, 2);
    assert!(got.coverage[0].evidence.contains("pages 2, rows 3"), "{}", got.coverage[0].evidence);
}

#[tokio::test]
async fn named_ids_are_filters_in_chunks_and_nothing_else_is_proven() {
    let pairs = ["a/o1", "a/o2", "b/o3", "b/o4", "c/o1"].map(str::to_owned).to_vec();
    let options = vec![("max_filter_ids", Value::Json(Box::new(json!(2))))];
    let account = Account::of(Fake::start(listing(pairs)).await, options, Duration::from_secs(20));
    let got = account.read(vec![account.orgs(&["o3", "o1"]), account.orgs(&["o2"])], vec![]).await.unwrap();
    assert_eq!(account.pairs(&got), ["a/o1", "a/o2", "b/o3", "c/o1"]);
    let mut filters: Vec<String> = account.asked().iter().map(|(_, body)| body["query"].to_string()).collect();
    filters.sort();
    filters.dedup();
    assert_eq!(filters, [r#"{"org_ids":["o1","o2"]}"#, r#"{"org_ids":["o3"]}"#]);
    assert!(got.proves(&account.key("z/o2")) && !got.proves(&account.key("z/o4")));
}

#[tokio::test]
async fn both_filters_intersect_and_declared_keys_are_read_outside_scopes() {
    let pairs = ["a/o1", "a/o2", "b/o1", "x/y", "x/z"].map(str::to_owned).to_vec();
    let account = Account::of(Fake::start(listing(pairs)).await, vec![], Duration::from_secs(20));
    let mut scope = account.orgs(&["o1"]);
    scope.parts[0] = account.syms(&["a"]);
    let got = account.read(vec![scope], vec![account.key("x/y"), account.key("a/o1")]).await.unwrap();
    assert_eq!(account.pairs(&got), ["a/o1", "x/y"]);
    let mut filters: Vec<String> = account.asked().iter().map(|(_, body)| body["query"].to_string()).collect();
    filters.sort();
    assert_eq!(filters, [r#"{"ass_ids":["a"],"org_ids":["o1"]}"#, r#"{"ass_ids":["x"],"org_ids":["y"]}"#]);
}

#[tokio::test]
async fn a_long_chain_is_read_side_by_side_and_whole() {
    let pairs: Vec<String> = (0..40).map(|n| format!("a{n}/o{}", n % 4)).collect();
    let account = Account::of(Fake::start(listing(pairs.clone())).await, vec![], Duration::from_secs(20));
    let got = account.read(vec![account.orgs(&["o0", "o1", "o2", "o3"])], vec![]).await.unwrap();
    let mut all = pairs;
    all.sort();
    assert_eq!(account.pairs(&got), all);
    assert!(got.proves(&account.key("q/o1")));
    assert_eq!(got.requests, 4 + 4 * 5, "four pages told that it is long, then four chains of five pages");
}

#[tokio::test]
async fn the_same_pair_twice_is_one_row() {
    let account = Account::answers(vec![page(&["a/o", "b/o"], "c1", true), page(&["b/o", "c/o"], "c2", false)]).await;
    let got = account.read(vec![Scope::default()], vec![]).await.unwrap();
    assert_eq!(account.pairs(&got), ["a/o", "b/o", "c/o"]);
}

#[tokio::test]
async fn a_chain_that_does_not_end_is_an_error() {
    let more = |cursor| page(&["a/o"], cursor, true);
    for (replies, part) in [
        (vec![more("c"), more("c"), more("c")], "`c` came a second time"),
        (vec![more("c"), more("d"), more("c"), more("d")], "`c` came a second time"),
        (vec![more("")], "without a last_object_id"),
        (vec![Said::Json(200, json!({"result": [], "more_data": true}))], "without a last_object_id"),
    ] {
        let account = Account::answers(replies).await;
        let text = account.read_error().await;
        assert!(text.contains(part), "{text}");
    }
    let cursor = Arc::new(AtomicUsize::new(0));
    let endless = Fake::start(move |_| page(&[], &cursor.fetch_add(1, Ordering::Relaxed).to_string(), true)).await;
    let account = Account::of(endless, vec![], Duration::from_secs(20));
    let text = account.read_error().await;
    assert!(text.contains("empty pages"), "{text}");
    assert_eq!(account.fake.lines().len(), super::read::MAX_EMPTY_PAGES + 1);
}

#[tokio::test]
async fn rows_that_cannot_be_understood_are_named() {
    let body = |row: Json| Said::Json(200, json!({"result": [row], "last_object_id": "c", "more_data": false}));
    for (reply, part) in [
        (body(json!({"ass_id": 7, "org_id": "o"})), r#"row 0 of the page, {"ass_id":7,"org_id":"o"}"#),
        (body(json!({"ass_id": "a"})), "missing field `org_id`"),
        (body(json!({"ass_id": "", "org_id": "o"})), "empty id"),
        (Said::Json(200, json!({"result": []})), "more_data"),
        (Said::Json(200, json!([])), "unexpected shape"),
        (Said::Html(200, "<html>sign in</html>"), "<html>sign in"),
        (Said::Json(403, json!({"detail": "token canary may not\u{1b}"})), "403: token [redacted] may not\\u{1b}"),
        (Said::Json(404, json!({})), "check the target's endpoint"),
        (Said::Json(204, json!({})), "204"),
    ] {
        let account = Account::answers(vec![reply]).await;
        let text = account.read_error().await;
        assert!(text.contains(part), "{part} in {text}");
        assert!(text.contains("/1/catalog/assignments/organizations/list"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn a_filter_that_is_not_kept_is_an_error() {
    let account = Account::answers(vec![page(&["a/other"], "c", false)]).await;
    let error = account.read(vec![account.orgs(&["o"])], vec![]).await.unwrap_err();
    assert!(error.to_string().contains("does not match the filter"), "{error}");
}

#[tokio::test]
async fn a_spent_retry_budget_is_temporary() {
    let busy = Fake::start(|_| Said::Json(429, json!({"detail": "slow down"}))).await;
    let account = Account::of(busy, vec![], Duration::from_millis(1));
    let error = account.read(vec![Scope::default()], vec![]).await.unwrap_err();
    assert!(matches!(&error, ReadError::Temporary(text) if text.contains("429")), "{error}");
}

fn failed(outcome: &WriteOutcome) -> (&str, Option<u16>, bool) {
    match outcome {
        WriteOutcome::Failed { message, status, temporary, .. } => (message, *status, *temporary),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_batch_is_judged_index_by_index() {
    let answer = json!({"created": [2], "errors": {"0": "not a root assembly"}});
    let again = json!({"created": [], "errors": {}});
    let account = Account::answers(vec![Said::Json(200, answer), Said::Json(200, again)]).await;
    let got = account.create(&["sub/o", "b/o", "c/o"]).await;
    let (message, status, temporary) = failed(&got[0]);
    assert!(message.contains("not a root assembly") && status == Some(200) && !temporary, "{message}");
    assert!(matches!(got[1], WriteOutcome::Already(_)));
    assert_eq!(got[2], WriteOutcome::Done(Proof::Answer));
    let asked = &account.asked()[0];
    assert_eq!(asked.0, "POST /1/catalog/assignments/organizations");
    assert_eq!(asked.1, json!([row("sub/o"), row("b/o"), row("c/o")]), "a bare array");
    assert_eq!(
        account.asked()[1].1,
        json!([row("b/o")]),
        "beside an error, silence may also mean that it was taken back"
    );
}

#[tokio::test]
async fn an_error_without_an_index_counts_for_the_whole_batch_and_is_told() {
    let answer = json!({"created": [1], "errors": {"quota": "full, canary"}});
    let again = json!({"created": [], "errors": {"quota": "full, canary"}});
    let account = Account::answers(vec![Said::Json(200, answer), Said::Json(200, again)]).await;
    let got = account.create(&["a/o", "b/o"]).await;
    assert!(failed(&got[0]).0.contains("quota: full, [redacted]"), "{:?}", got[0]);
    assert_eq!(got[1], WriteOutcome::Done(Proof::Answer), "its index was named as created");
}

#[tokio::test]
async fn answers_that_say_nothing_leave_the_outcome_unknown() {
    for reply in
        [Said::Json(200, json!({})), Said::Json(200, json!({"created": [9], "errors": {}})), Said::Html(200, "<html>")]
    {
        let account = Account::answers(vec![reply]).await;
        let got = account.create(&["a/o", "b/o"]).await;
        assert_eq!(got.len(), 2);
        assert!(got.iter().all(|outcome| matches!(outcome, WriteOutcome::Unknown { .. })), "{got:?}");
    }
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_sent_in_halves() {
    let script = |asked: &Seen| match asked.body.as_array().unwrap().len() {
        1 => Said::Json(200, json!({"created": [0], "errors": {}})),
        2 => Said::Json(200, json!({"created": [1], "errors": {"0": "first of two"}})),
        _ => Said::Json(413, json!({"detail": "too large"})),
    };
    let account = Account::of(Fake::start(script).await, vec![], Duration::from_secs(20));
    let got = account.create(&["a/o", "b/o", "c/o", "d/o", "e/o"]).await;
    let done = |outcome: &WriteOutcome| *outcome == WriteOutcome::Done(Proof::Answer);
    // 5 → 2 + 3, 3 → 1 + 2
    assert_eq!(got.iter().map(done).collect::<Vec<_>>(), [false, true, true, false, true]);
    assert_eq!(account.fake.lines().len(), 5);
    let large = Fake::start(|_| Said::Json(413, json!({}))).await;
    let got = Account::of(large, vec![], Duration::from_secs(20)).create(&["a/o"]).await;
    assert_eq!(failed(&got[0]).1, Some(413));
}

#[tokio::test]
async fn one_bad_entry_does_not_stop_the_others() {
    let script = |asked: &Seen| {
        let pairs = asked.body.as_array().unwrap();
        if pairs.iter().any(|pair| pair["ass_id"] == "bad") {
            return Said::Json(400, json!({"detail": "malformed id"}));
        }
        let created: Vec<usize> = (0..pairs.len()).collect();
        Said::Json(200, json!({"created": created, "errors": {}}))
    };
    let account = Account::of(Fake::start(script).await, vec![], Duration::from_secs(20));
    let got = account.create(&["a/o", "bad/o", "c/o", "d/o"]).await;
    assert!(failed(&got[1]).0.contains("400: malformed id"), "{got:?}");
    assert_eq!(got.iter().filter(|outcome| **outcome == WriteOutcome::Done(Proof::Answer)).count(), 3);
}

#[tokio::test]
async fn a_delete_sends_its_pairs_in_the_body_and_proves_nothing() {
    let account = Account::answers(vec![Said::Json(200, json!({}))]).await;
    let got = account.write(&[(Action::Remove, "a/o"), (Action::Remove, "b/o")]).await;
    assert_eq!(got, vec![WriteOutcome::Done(Proof::Listing); 2]);
    let line = "DELETE /1/catalog/assignments/organizations".to_owned();
    assert_eq!(account.asked(), [(line, json!([row("a/o"), row("b/o")]))]);
    let account = Account::answers(vec![Said::Html(200, "<html>")]).await;
    let got = account.write(&[(Action::Remove, "a/o")]).await;
    assert!(matches!(got[0], WriteOutcome::Unknown { .. }), "a foreign answer: {got:?}");
}

/// An API that creates all pairs of a batch or none, and tells of the others as the contract tells of pairs that existed.
fn taking_back(
    bad: impl Fn(&Json) -> bool + Clone + Send + Sync + 'static,
) -> impl Fn(&Seen) -> Said + Clone + Send + Sync {
    move |asked| {
        let pairs = asked.body.as_array().unwrap();
        let refused: Vec<usize> = (0..pairs.len()).filter(|index| bad(&pairs[*index])).collect();
        let created: Vec<usize> = if refused.is_empty() { (0..pairs.len()).collect() } else { Vec::new() };
        let errors: serde_json::Map<String, Json> =
            refused.iter().map(|index| (index.to_string(), json!("not a root assembly"))).collect();
        Said::Json(200, json!({"created": created, "errors": errors}))
    }
}

#[tokio::test]
async fn pairs_that_were_taken_back_beside_an_error_are_sent_again_without_the_bad_ones() {
    let script = taking_back(|pair| pair["ass_id"] == "bad");
    let account = Account::of(Fake::start(script).await, vec![], Duration::from_secs(20));
    let got = account.create(&["a/o", "bad/o", "c/o", "bad/p"]).await;
    let done = |outcome: &WriteOutcome| *outcome == WriteOutcome::Done(Proof::Answer);
    assert_eq!(got.iter().map(done).collect::<Vec<_>>(), [true, false, true, false]);
    assert!(failed(&got[1]).0.contains("not a root assembly"));
    assert_eq!(account.fake.lines().len(), 2);
}

#[tokio::test]
async fn an_error_of_the_whole_batch_is_divided_until_it_stands_with_its_pair() {
    let script = |asked: &Seen| {
        let pairs = asked.body.as_array().unwrap();
        let bad = pairs.iter().any(|pair| pair["ass_id"] == "bad");
        let created: Vec<usize> = if bad { Vec::new() } else { (0..pairs.len()).collect() };
        let errors = if bad { json!({"bad": "not a root assembly"}) } else { json!({}) };
        Said::Json(200, json!({"created": created, "errors": errors}))
    };
    let account = Account::of(Fake::start(script).await, vec![], Duration::from_secs(20));
    let got = account.create(&["a/o", "bad/o", "c/o", "d/o"]).await;
    let done = |outcome: &WriteOutcome| *outcome == WriteOutcome::Done(Proof::Answer);
    assert_eq!(got.iter().map(done).collect::<Vec<_>>(), [true, false, true, true]);
}

#[tokio::test]
async fn an_error_envelope_in_a_success_is_a_refusal() {
    for body in [
        json!({"created": [], "errors": {}, "error": "no"}),
        json!({"success": false, "created": [0, 1], "errors": {}}),
        json!({"ok": false}),
        json!({"detail": "no"}),
        json!({"errors": ["no"]}),
    ] {
        for action in [Action::Create, Action::Remove] {
            let answer = body.clone();
            let account =
                Account::of(Fake::start(move |_| Said::Json(200, answer.clone())).await, vec![], Duration::ZERO);
            let got = account.write(&[(action, "a/o"), (action, "b/o")]).await;
            assert!(got.iter().all(|outcome| matches!(outcome, WriteOutcome::Failed { .. })), "{body}: {got:?}");
        }
    }
}

#[tokio::test]
async fn maintenance_is_temporary_and_told() {
    let detail = "Catalog manager is in maintenance mode - back at noon";
    let script = move |_: &Seen| Said::Json(503, json!({"detail": detail}));
    for action in [Action::Create, Action::Remove] {
        let account = Account::of(Fake::start(script).await, vec![], Duration::from_millis(1));
        let got = account.write(&[(action, "a/o")]).await;
        let (message, _, temporary) = failed(&got[0]);
        assert!(temporary && message.contains(&format!("503 ({detail})")), "{message}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    let account = Account::answers(vec![Said::Broken, Said::Json(200, json!({"created": [], "errors": {}}))]).await;
    let got = account.create(&["a/o"]).await;
    assert!(matches!(got[0], WriteOutcome::Already(_)), "the lost attempt created it: {got:?}");
    assert_eq!(account.fake.lines().len(), 2);
}

#[tokio::test]
async fn a_refusal_is_told_with_its_next_step() {
    let account = Account::answers(vec![Said::Json(403, json!({"detail": "no"}))]).await;
    let got = account.create(&["a/o"]).await;
    let (message, status, temporary) = failed(&got[0]);
    assert!(message.contains("403: no; the token lacks the permission"), "{message}");
    assert_eq!((status, temporary), (Some(403), false));
    assert_eq!(account.fake.lines().len(), 1);
}
