//! Single routes, bulk routes, and what each answer means.

use serde_json::{Value as Json, json};

use super::{PORTAL, connected, portal};
use crate::model::{Action, Batch, Change, Ids, Instant, Proof, Value, WriteOutcome};
use crate::provider::canopy::spec::CAPABILITIES;
use crate::provider::fake::{Fake, Reply, Seen, change, of_live, route};

fn date(text: &str) -> Value {
    Value::Instant(Instant::parse(text).unwrap())
}

fn create(ids: &Ids, identity: &str) -> Change {
    change(ids, Action::Create, &[identity, "n", "r"], vec![])
}

fn remove(ids: &Ids, identity: &str, id: &str) -> Change {
    of_live(change(ids, Action::Remove, &[identity, "n", "r"], vec![]), id, vec![])
}

fn update(ids: &Ids, desired: Vec<(&'static str, Value)>, live: Vec<(&'static str, Value)>) -> Change {
    of_live(change(ids, Action::Update, &["i", "n", "r"], desired), "a 1", live)
}

fn role_change(ids: &Ids, identity: &str, desired: Vec<(&'static str, Value)>) -> Change {
    let change = change(ids, Action::Update, &[identity, "n", "new"], desired);
    let from_key = Some(change.key.with(2, ids.sym("old")));
    of_live(Change { from_key, ..change }, &format!("of-{identity}"), vec![])
}

fn assigned(id: &str, identity: &str, role: &str) -> Json {
    json!({"id": id, "identity_id": identity, "application_node_id": "n", "role_id": role, "created_at": "x"})
}

fn error(status: u16, code: &str) -> Reply {
    (status, json!({"error": {"statusCode": status, "code": code, "message": format!("because of {code}")}}))
}

/// Writes changes by a route of this size; gives the outcomes and what was sent.
async fn write_to(
    options: &[(&'static str, &str)],
    size: usize,
    make: impl Fn(&Ids) -> Vec<Change>,
    answer: impl Fn(&Seen) -> Reply + Clone + Send + Sync + 'static,
) -> (Vec<WriteOutcome>, Vec<Seen>) {
    let fake = Fake::start(answer).await;
    let target = portal(options);
    let (connection, ids) = connected(&fake, &target);
    let changes = make(&ids);
    let planned = |change: &Change| route(&CAPABILITIES, &target, change, size);
    let batch = Batch { route: planned(&changes[0]), changes: changes.iter().collect() };
    assert!(changes.iter().all(|change| planned(change) == batch.route), "one route a batch");
    let outcomes = connection.writer.write(&batch).await;
    assert_eq!(outcomes.len(), changes.len(), "one outcome a change");
    (outcomes, fake.seen())
}

async fn write_one(
    make: impl Fn(&Ids) -> Change,
    answer: impl Fn(&Seen) -> Reply + Clone + Send + Sync + 'static,
) -> (WriteOutcome, Vec<Seen>) {
    let (outcomes, seen) = write_to(&[], 1, |ids| vec![make(ids)], answer).await;
    (outcomes[0].clone(), seen)
}

/// An API that answers everything alike.
fn says(reply: &Reply) -> impl Fn(&Seen) -> Reply + Clone + Send + Sync + 'static {
    let reply = reply.clone();
    move |_| reply.clone()
}

const DONE: WriteOutcome = WriteOutcome::Done(Proof::Answer);
const LISTED: WriteOutcome = WriteOutcome::Done(Proof::Listing);

fn kind(outcome: &WriteOutcome) -> &'static str {
    match outcome {
        WriteOutcome::Done(Proof::Answer) => "done",
        WriteOutcome::Done(Proof::Listing) => "done if listed",
        WriteOutcome::Already(_) => "already",
        WriteOutcome::Failed { .. } => "failed",
        WriteOutcome::NotSent { .. } => "not sent",
        WriteOutcome::Unknown { .. } => "unknown",
    }
}

fn kinds(outcomes: &[WriteOutcome]) -> Vec<&'static str> {
    outcomes.iter().map(kind).collect()
}

#[tokio::test]
async fn a_single_create_sends_node_id_and_reads_application_node_id() {
    for wrapped in [false, true] {
        let (outcome, seen) = write_one(
            |ids| {
                let dates = vec![("effective_from", Value::Null), ("effective_to", date("2026-12-31T23:59:59+01:00"))];
                change(ids, Action::Create, &["i", "n", "r"], dates)
            },
            move |_| {
                let body = assigned("new", "i", "r");
                (201, if wrapped { json!({"data": body}) } else { body })
            },
        )
        .await;
        assert_eq!(outcome, DONE);
        assert_eq!(seen[0].line, format!("POST {PORTAL}"));
        let body = json!({"identity_id": "i", "node_id": "n", "role_id": "r", "effective_to": "2026-12-31T22:59:59Z"});
        assert_eq!(seen[0].body, body);
    }
}

#[tokio::test]
async fn a_create_ends_by_its_answer() {
    let answers: [(Reply, &str); 8] = [
        (error(409, "rbac.assignment_conflict"), "already"),
        (error(400, "rbac.role_system"), "failed"),
        (error(404, "not_found"), "failed"),
        (error(500, "internal"), "unknown"),
        ((202, assigned("new", "i", "r")), "unknown"),
        ((201, json!({"id": "new"})), "unknown"),
        ((201, Json::Null), "unknown"),
        ((201, assigned("new", "somebody", "r")), "unknown"),
    ];
    for (answer, expected) in answers {
        let shown = format!("{answer:?}");
        let (outcome, seen) = write_one(|ids| create(ids, "i"), move |_| answer.clone()).await;
        assert_eq!(kind(&outcome), expected, "{shown}: {outcome:?}");
        assert_eq!(seen.len(), 1, "a create is sent once: {shown}");
    }
}

#[tokio::test]
async fn a_refusal_tells_code_message_and_status() {
    let (outcome, _) = write_one(|ids| create(ids, "i"), |_| error(400, "rbac.role_system")).await;
    let WriteOutcome::Failed { message, code, status, temporary } = outcome else { panic!("{outcome:?}") };
    assert_eq!((code.as_deref(), status, temporary), (Some("rbac.role_system"), Some(400), false));
    assert!(message.contains("POST …/assignments") && message.contains("because of rbac.role_system"), "{message}");
}

#[tokio::test]
async fn an_update_of_dates_sends_the_current_role_and_only_what_differs() {
    let cases = [
        (
            vec![("effective_to", date("2027-01-01T00:00:00Z"))],
            json!({"role_id": "r", "effective_to": "2027-01-01T00:00:00Z"}),
        ),
        (vec![("effective_to", Value::Null)], json!({"role_id": "r", "effective_to": null})),
        (
            vec![("effective_from", date("2026-01-01T00:00:00.5Z")), ("effective_to", Value::Null)],
            json!({"role_id": "r", "effective_from": "2026-01-01T00:00:00.5Z", "effective_to": null}),
        ),
    ];
    for (desired, body) in cases {
        let (outcome, seen) =
            write_one(|ids| update(ids, desired.clone(), vec![]), |_| (200, assigned("a 1", "i", "r"))).await;
        assert_eq!(outcome, DONE);
        assert_eq!(seen[0].line, format!("PATCH {PORTAL}/a%201"));
        assert_eq!(seen[0].body, body);
    }
}

#[tokio::test]
async fn a_declared_date_that_does_not_differ_is_sent_along() {
    let (_, seen) = write_one(
        |ids| {
            let desired = vec![("effective_from", date("2026-01-01T00:00:00Z")), ("effective_to", Value::Null)];
            Change { differs: vec!["effective_to"], ..update(ids, desired, vec![]) }
        },
        |_| (200, assigned("a 1", "i", "r")),
    )
    .await;
    assert_eq!(seen[0].body, json!({"role_id": "r", "effective_from": "2026-01-01T00:00:00Z", "effective_to": null}));
}

#[tokio::test]
async fn a_role_change_is_one_patch_and_a_date_that_nobody_declares_is_cleared() {
    let (outcome, seen) = write_one(
        |ids| Change { differs: vec!["effective_to"], ..role_change(ids, "i", vec![]) },
        |_| (200, assigned("of-i", "i", "new")),
    )
    .await;
    assert_eq!(outcome, DONE);
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].body, json!({"role_id": "new", "effective_to": null}));
}

#[tokio::test]
async fn an_update_is_proven_only_by_the_assignment_that_was_meant() {
    for answer in [assigned("another", "i", "r"), assigned("a 1", "i", "old role"), json!({"message": "ok"})] {
        let (outcome, _) = write_one(|ids| update(ids, vec![], vec![]), move |_| (200, answer.clone())).await;
        assert_eq!(kind(&outcome), "unknown");
    }
    let (outcome, _) = write_one(|ids| update(ids, vec![], vec![]), |_| error(404, "not_found")).await;
    assert_eq!(kind(&outcome), "failed");
}

#[tokio::test]
async fn a_single_removal_is_done_or_was_done_before() {
    for (answer, expected) in
        [((204, Json::Null), "done"), (error(404, "gone"), "already"), (error(403, "no"), "failed")]
    {
        let (outcome, seen) = write_one(|ids| remove(ids, "i", "a 1"), move |_| answer.clone()).await;
        assert_eq!(kind(&outcome), expected);
        assert_eq!((&*seen[0].line, &seen[0].body), (&*format!("DELETE {PORTAL}/a%201"), &Json::Null));
    }
}

#[tokio::test]
async fn a_change_without_a_live_id_sends_nothing() {
    for size in [1, 100] {
        let make = |ids: &Ids| {
            vec![Change { live: None, ..remove(ids, "i", "a") }, Change { live: None, ..remove(ids, "j", "b") }]
        };
        let (outcomes, seen) = write_to(&[], size, make, |_| (204, Json::Null)).await;
        assert_eq!(kinds(&outcomes), ["failed", "failed"]);
        assert!(seen.is_empty());
    }
}

const RECREATE: &[(&str, &str)] = &[("clear_dates", "recreate")];

fn clearing(ids: &Ids) -> Vec<Change> {
    let live = vec![("effective_from", date("2026-05-01T00:00:00Z")), ("effective_to", date("2026-06-01T00:00:00Z"))];
    vec![update(ids, vec![("effective_to", Value::Null)], live)]
}

#[tokio::test]
async fn recreate_removes_and_creates_and_keeps_the_undeclared_date() {
    let (outcomes, seen) = write_to(RECREATE, 1, clearing, |seen| match &seen.line[..4] {
        "POST" => (201, assigned("new", "i", "r")),
        _ => (204, Json::Null),
    })
    .await;
    assert_eq!(outcomes, [DONE]);
    let lines: Vec<&str> = seen.iter().map(|seen| &*seen.line).collect();
    assert_eq!(lines, [format!("DELETE {PORTAL}/a%201"), format!("POST {PORTAL}")]);
    let body = json!({"identity_id": "i", "node_id": "n", "role_id": "r", "effective_from": "2026-05-01T00:00:00Z"});
    assert_eq!(seen[1].body, body);
}

#[tokio::test]
async fn recreate_is_only_for_cleared_dates() {
    let (_, seen) = write_to(
        RECREATE,
        1,
        |ids| vec![update(ids, vec![("effective_to", date("2027-01-01T00:00:00Z"))], vec![])],
        |_| (200, assigned("a 1", "i", "r")),
    )
    .await;
    assert_eq!(seen.len(), 1);
    assert!(seen[0].line.starts_with("PATCH"));
}

#[tokio::test]
async fn a_failed_re_creation_says_that_the_assignment_is_gone_and_what_to_run() {
    for (status, expected) in [(400, "failed"), (500, "unknown")] {
        let (outcomes, _) = write_to(RECREATE, 1, clearing, move |seen| match &seen.line[..4] {
            "POST" => error(status, "rbac.role_system"),
            _ => (204, Json::Null),
        })
        .await;
        assert_eq!(kinds(&outcomes), [expected]);
        let text = format!("{:?}", outcomes[0]);
        assert!(text.contains("a 1 was removed") && text.contains("gone") && text.contains("apply"), "{text}");
    }
}

#[tokio::test]
async fn a_refused_removal_stops_the_re_creation() {
    let (outcomes, seen) = write_to(RECREATE, 1, clearing, |_| error(403, "no")).await;
    assert_eq!((kinds(&outcomes), seen.len()), (vec!["failed"], 1));
}

fn creates(ids: &Ids) -> Vec<Change> {
    ["i0", "i1", "i2", "i3"].iter().map(|identity| create(ids, identity)).collect()
}

fn result(index: u64, status: &str, code: u16, more: (&str, Json)) -> Json {
    let mut result = json!({"index": index, "status": status, "code": code});
    result[more.0] = more.1;
    result
}

#[tokio::test]
async fn a_bulk_create_sends_all_entries_and_takes_each_result_by_its_index() {
    let (outcomes, seen) = write_to(&[], 100, creates, |_| {
        let ok = |index: u64| result(index, "success", 201, ("data", assigned("x", &format!("i{index}"), "r")));
        (200, json!({"summary": {"total": 4, "succeeded": 4, "failed": 0}, "results": [ok(3), ok(1), ok(0), ok(2)]}))
    })
    .await;
    assert_eq!(outcomes, [DONE, DONE, DONE, DONE]);
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].line, format!("POST {PORTAL}/bulk-create"));
    let entry = |identity: &str| json!({"identity_id": identity, "node_id": "n", "role_id": "r"});
    assert_eq!(seen[0].body, json!({"assignments": [entry("i0"), entry("i1"), entry("i2"), entry("i3")]}));
}

#[tokio::test]
async fn mixed_outcomes_are_told_apart_and_a_success_beside_them_needs_a_listing() {
    let (outcomes, seen) = write_to(&[], 100, creates, |seen| {
        if seen.body["assignments"].as_array().is_some_and(|entries| entries.len() == 1) {
            let conflict = json!({"code": "rbac.assignment_conflict", "message": "has it"});
            return (207, json!({"results": [result(0, "error", 409, ("error", conflict))]}));
        }
        let results = json!([
            result(2, "error", 400, ("error", json!({"code": "rbac.role_system", "message": "system role"}))),
            result(1, "error", 409, ("error", json!({"code": "rbac.assignment_conflict", "message": "has it"}))),
            result(0, "success", 201, ("data", assigned("x", "i0", "r"))),
            result(3, "failed", 422, ("error", json!("just words"))),
        ]);
        (207, json!({"summary": {}, "results": results}))
    })
    .await;
    assert_eq!(kinds(&outcomes), ["done if listed", "already", "failed", "failed"]);
    assert_eq!(seen.len(), 2, "the success beside failures is sent again without them");
    assert_eq!(seen[1].body["assignments"].as_array().map(Vec::len), Some(1));
    let WriteOutcome::Failed { message, code, status, .. } = &outcomes[2] else { panic!() };
    assert_eq!((code.as_deref(), *status), (Some("rbac.role_system"), Some(400)));
    assert!(message.contains("system role"));
    assert!(format!("{:?}", outcomes[3]).contains("just words"));
}

#[tokio::test]
async fn a_short_or_contradictory_bulk_answer_leaves_entries_unknown() {
    let ok = |index: u64| result(index, "success", 201, ("data", assigned("x", &format!("i{index}"), "r")));
    let cases: [(Json, [&str; 4]); 6] = [
        (json!([ok(1)]), ["unknown", "done", "unknown", "unknown"]),
        (json!([ok(0), ok(0), ok(1), ok(2), ok(3)]), ["unknown", "done", "done", "done"]),
        (json!([ok(0), ok(1), ok(2), ok(99)]), ["done", "done", "done", "unknown"]),
        (
            json!([ok(0), ok(1), ok(2), result(3, "success", 500, ("data", json!(null)))]),
            ["done", "done", "done", "unknown"],
        ),
        (
            json!([ok(0), ok(1), ok(2), result(3, "success", 201, ("data", assigned("x", "i0", "r")))]),
            ["done", "done", "done", "unknown"],
        ),
        (json!([{"index": -1, "status": "success"}]), ["unknown"; 4]),
    ];
    for (results, expected) in cases {
        let shown = results.to_string();
        let (outcomes, _) = write_to(&[], 100, creates, move |_| (200, json!({"results": results}))).await;
        assert_eq!(kinds(&outcomes), expected, "{shown}");
    }
}

/// An all-or-nothing API: a batch with a bad entry is refused whole.
fn atomic(seen: &Seen) -> Reply {
    let entries = seen.body["assignments"].as_array().unwrap();
    let identities: Vec<&str> = entries.iter().map(|entry| entry["identity_id"].as_str().unwrap()).collect();
    if identities.contains(&"bad") {
        return error(400, "rbac.identity_unknown");
    }
    if identities.contains(&"has") {
        return error(409, "rbac.assignment_conflict");
    }
    let result = |(index, identity): (usize, &&str)| {
        result(index as u64, "success", 201, ("data", assigned("x", identity, "r")))
    };
    (200, json!({"results": identities.iter().enumerate().map(result).collect::<Vec<_>>()}))
}

#[tokio::test]
async fn a_batch_that_is_refused_whole_is_halved_until_the_bad_entries_stand_alone() {
    let identities = ["i0", "i1", "bad", "i3", "i4", "has", "i6"];
    let make = |ids: &Ids| identities.iter().map(|identity| create(ids, identity)).collect::<Vec<_>>();
    let (outcomes, seen) = write_to(&[], 100, make, atomic).await;
    assert_eq!(kinds(&outcomes), ["done", "done", "failed", "done", "done", "already", "done"]);
    assert!(
        matches!(&outcomes[2], WriteOutcome::Failed { status: Some(400), message, .. } if message.contains("rbac.identity_unknown"))
    );
    assert!(seen.len() <= 2 * identities.len(), "{}", seen.len());
    let created: usize = seen
        .iter()
        .filter(|seen| atomic(seen).0 == 200)
        .map(|seen| seen.body["assignments"].as_array().unwrap().len())
        .sum();
    assert_eq!(created, 5, "no entry is created twice");
}

#[tokio::test]
async fn a_batch_that_may_have_happened_is_not_halved() {
    let (outcomes, seen) = write_to(&[], 100, creates, |_| error(500, "internal")).await;
    assert_eq!((kinds(&outcomes), seen.len()), (vec!["unknown"; 4], 1));
    let (outcomes, seen) = write_to(&[], 100, creates, |_| (200, json!({"message": "ok"}))).await;
    assert_eq!((kinds(&outcomes), seen.len()), (vec!["unknown"; 4], 1));
}

#[tokio::test]
async fn a_route_that_is_not_there_is_not_tried_by_halves() {
    let (outcomes, seen) = write_to(&[], 100, creates, |_| error(405, "method")).await;
    assert_eq!((kinds(&outcomes), seen.len()), (vec!["failed"; 4], 1));
}

#[tokio::test]
async fn role_changes_to_one_role_share_a_request() {
    let make = |ids: &Ids| vec![role_change(ids, "i", vec![]), role_change(ids, "j", vec![])];
    let (outcomes, seen) = write_to(&[], 100, make, |_| (200, json!({"message": "2 changed"}))).await;
    assert_eq!(outcomes, [LISTED, LISTED], "a message names no assignment");
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].line, format!("POST {PORTAL}/bulk-change-role"));
    assert_eq!(seen[0].body, json!({"assignment_ids": ["of-i", "of-j"], "role_id": "new"}));
}

#[tokio::test]
async fn one_row_with_declared_dates_does_not_make_a_bulk_role_change_single_requests() {
    let end = vec![("effective_to", date("2099-01-01T00:00:00Z"))];
    let make = |ids: &Ids| {
        let dated = Change { differs: vec![], ..role_change(ids, "j", end.clone()) };
        vec![role_change(ids, "i", vec![]), dated, role_change(ids, "k", vec![])]
    };
    let (outcomes, seen) = write_to(&[], 100, make, |_| (200, json!({"message": "ok"}))).await;
    assert_eq!(outcomes, [LISTED, LISTED, LISTED]);
    assert_eq!(seen.len(), 1, "one request was planned");
}

/// How an API that takes a batch back tells of the entries that were not to blame.
#[derive(Clone, Copy)]
enum RolledBack {
    /// With a failure of their own.
    Told,
    /// As if they had been created.
    Optimistic,
    /// Not at all.
    Silent,
    /// With the error of the bad entry.
    Copied,
    /// As created; and only the first bad entry is named.
    FirstOnly,
}

/// An API that creates all entries of a batch or none.
fn taking_back(how: RolledBack) -> impl Fn(&Seen) -> Reply + Clone + Send + Sync {
    move |seen| {
        let entries = seen.body["assignments"].as_array().unwrap();
        let identity = |index: usize| entries[index]["identity_id"].as_str().unwrap();
        let mut bad: Vec<usize> = (0..entries.len()).filter(|index| identity(*index).starts_with("bad")).collect();
        let any_bad = !bad.is_empty();
        if matches!(how, RolledBack::FirstOnly) {
            bad.truncate(1);
        }
        let gone = json!({"statusCode": 404, "code": "rbac.identity_not_found", "message": "no such identity"});
        let results = (0..entries.len()).filter_map(|index| {
            let at = index as u64;
            if bad.contains(&index) {
                return Some(result(at, "error", 404, ("error", gone.clone())));
            }
            match how {
                RolledBack::Told if any_bad => {
                    let back = json!({"statusCode": 424, "code": "rbac.rolled_back", "message": "rolled back"});
                    Some(result(at, "error", 424, ("error", back)))
                }
                RolledBack::Silent if any_bad => None,
                RolledBack::Copied if any_bad => Some(result(at, "error", 404, ("error", gone.clone()))),
                _ => Some(result(at, "success", 201, ("data", assigned("x", identity(index), "r")))),
            }
        });
        (if any_bad { 207 } else { 200 }, json!({"results": results.collect::<Vec<_>>()}))
    }
}

#[tokio::test]
async fn a_batch_that_was_taken_back_because_of_bad_entries_is_sent_again_without_them() {
    use RolledBack::{Copied, FirstOnly, Optimistic, Silent, Told};
    for how in [Told, Optimistic, Silent, Copied, FirstOnly] {
        for identities in [vec!["i0", "bad", "i2", "i3"], vec!["bad1", "i1", "bad2", "i3", "i4", "bad3"]] {
            let make = |ids: &Ids| identities.iter().map(|identity| create(ids, identity)).collect::<Vec<_>>();
            let (outcomes, seen) = write_to(&[], 100, make, taking_back(how)).await;
            let expected: Vec<&str> =
                identities.iter().map(|name| if name.starts_with("bad") { "failed" } else { "done" }).collect();
            assert_eq!(kinds(&outcomes), expected);
            let created: usize = seen
                .iter()
                .filter(|seen| taking_back(how)(seen).0 == 200)
                .map(|seen| seen.body["assignments"].as_array().unwrap().len())
                .sum();
            assert_eq!(created, expected.iter().filter(|kind| **kind == "done").count(), "nothing is created twice");
        }
    }
}

#[tokio::test]
async fn an_error_envelope_in_a_success_is_no_success() {
    let envelope = |status: u16| json!({"error": {"statusCode": status, "code": "rbac.forbidden", "message": "no"}});
    for (status, expected) in [(403, "failed"), (500, "unknown")] {
        let answer = (200, envelope(status));
        let outcome = |made: (WriteOutcome, Vec<Seen>)| kind(&made.0);
        assert_eq!(outcome(write_one(|ids| create(ids, "i"), says(&answer)).await), expected);
        assert_eq!(outcome(write_one(|ids| remove(ids, "i", "a"), says(&answer)).await), expected);
        assert_eq!(outcome(write_one(|ids| update(ids, vec![], vec![]), says(&answer)).await), expected);
        let removals = |ids: &Ids| vec![remove(ids, "i", "a"), remove(ids, "j", "b")];
        let (outcomes, _) = write_to(&[], 100, removals, says(&answer)).await;
        assert_eq!(kinds(&outcomes), [expected; 2]);
        let roles = |ids: &Ids| vec![role_change(ids, "i", vec![]), role_change(ids, "j", vec![])];
        let (outcomes, _) = write_to(&[], 100, roles, says(&answer)).await;
        assert_eq!(kinds(&outcomes), [expected; 2]);
        let (outcomes, _) = write_to(&[], 100, creates, move |_| answer.clone()).await;
        assert_eq!(kinds(&outcomes), [expected; 4]);
    }
}

#[tokio::test]
async fn an_answer_that_shows_another_date_than_was_sent_proves_nothing() {
    let end = || vec![("effective_to", date("2026-12-31T23:59:59Z"))];
    let answer = |to: Json| {
        let mut body = assigned("a 1", "i", "r");
        body["effective_to"] = to;
        body
    };
    for (to, expected) in [
        (json!("2026-12-31T23:59:59.000Z"), "done"),
        (json!("2027-01-01T01:59:59+02:00"), "done"),
        (json!("2027-12-31T23:59:59Z"), "unknown"),
        (json!("soon"), "unknown"),
        (Json::Null, "unknown"),
    ] {
        let body = answer(to.clone());
        let (outcome, _) = write_one(|ids| update(ids, end(), vec![]), says(&(200, body.clone()))).await;
        assert_eq!(kind(&outcome), expected, "{to}: {outcome:?}");
        let (outcome, _) =
            write_one(|ids| change(ids, Action::Create, &["i", "n", "r"], end()), move |_| (201, body.clone())).await;
        assert_eq!(kind(&outcome), expected, "{to}: {outcome:?}");
    }
    let cleared = answer(json!("2027-12-31T23:59:59Z"));
    let (outcome, _) =
        write_one(|ids| update(ids, vec![("effective_to", Value::Null)], vec![]), move |_| (200, cleared.clone()))
            .await;
    assert_eq!(kind(&outcome), "unknown", "the end is still there");
    let (outcomes, seen) = write_to(
        &[],
        100,
        |ids| vec![change(ids, Action::Create, &["i", "n", "r"], end())],
        move |_| (200, json!({"results": [result(0, "success", 201, ("data", answer(Json::Null)))]})),
    )
    .await;
    assert_eq!((kinds(&outcomes), seen.len()), (vec!["unknown"], 1));
}

#[tokio::test]
async fn counts_that_contradict_the_results_leave_the_proof_to_a_listing() {
    for summary in [json!({"succeeded": 0}), json!({"succeeded": 4, "failed": 4})] {
        let (outcomes, seen) = write_to(&[], 100, creates, move |_| {
            let ok = |index: u64| result(index, "success", 201, ("data", assigned("x", &format!("i{index}"), "r")));
            (200, json!({"summary": summary, "results": [ok(0), ok(1), ok(2), ok(3)]}))
        })
        .await;
        assert_eq!((kinds(&outcomes), seen.len()), (vec!["done if listed"; 4], 1));
    }
}

#[tokio::test]
async fn a_conflict_of_a_role_change_is_a_failure_of_its_entry_alone() {
    let make = |ids: &Ids| vec![role_change(ids, "i", vec![]), role_change(ids, "j", vec![])];
    let (outcomes, seen) = write_to(&[], 100, make, |seen| {
        let ids = seen.body["assignment_ids"].as_array().unwrap();
        if ids.contains(&json!("of-j")) {
            error(409, "rbac.assignment_conflict")
        } else {
            (200, json!({"message": "ok"}))
        }
    })
    .await;
    assert_eq!(kinds(&outcomes), ["done if listed", "failed"], "the old role of j is still there");
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn removals_share_a_request_and_one_that_is_gone_stops_no_other() {
    let make = |ids: &Ids| vec![remove(ids, "i", "a"), remove(ids, "j", "b"), remove(ids, "k", "c")];
    let (outcomes, seen) = write_to(&[], 100, make, |_| (204, Json::Null)).await;
    assert_eq!(outcomes, [LISTED, LISTED, LISTED], "204 names no assignment");
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].line, format!("POST {PORTAL}/bulk-remove"));
    assert_eq!(seen[0].body, json!({"assignment_ids": ["a", "b", "c"]}));
    let (outcomes, _) = write_to(&[], 100, make, |seen| {
        let ids = seen.body["assignment_ids"].as_array().unwrap();
        if ids.contains(&json!("b")) { error(404, "not_found") } else { (204, Json::Null) }
    })
    .await;
    assert_eq!(kinds(&outcomes), ["done if listed", "already", "done if listed"]);
}

#[tokio::test]
async fn a_budget_that_is_spent_is_temporary() {
    let fake = Fake::start(|_| (429, Json::Null)).await;
    let target = portal(&[]);
    let (connection, ids) = connected(&fake, &target);
    let changes = [create(&ids, "i")];
    for size in [1, 100] {
        let route = route(&CAPABILITIES, &target, &changes[0], size);
        let batch = Batch { route, changes: changes.iter().collect() };
        let outcomes = connection.writer.write(&batch).await;
        assert!(matches!(outcomes[0], WriteOutcome::Failed { temporary: true, .. }), "{:?}", outcomes[0]);
    }
}
