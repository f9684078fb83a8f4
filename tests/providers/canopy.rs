//! Canopy: round trips on both surfaces, listings that are hard to prove complete, bulk in each of its readings.

use std::collections::BTreeSet;

use assignctl::model::{Auth, Change, Instant, Proof, SecretRef, Value, WriteOutcome};
use assignctl::provider::canopy::{connect, sign_in};
use assignctl::sandbox::Running;

use super::*;

const DONE: WriteOutcome = WriteOutcome::Done(Proof::Answer);
const LISTED: WriteOutcome = WriteOutcome::Done(Proof::Listing);

const ACCOUNT: [(&str, &str); 3] = [("account", "acme"), ("application", "crm"), ("environment", "prod")];

/// An environment with a tree, a system role, and these further lines of its own.
fn environment(more: &str) -> String {
    format!(
        "
canopy:
  environments:
    - account: acme
      application: crm
      environment: prod
      identities:
        - {{ id: ann, name: Ann, email: ann@acme.example }}
        - {{ id: bob, name: Bob }}
        - {{ id: cas }}
      nodes:
        - {{ id: emea, name: EMEA }}
        - {{ id: at, name: Austria, parent: emea }}
        - {{ id: de, parent: emea }}
      roles:
        - {{ id: support, name: Support }}
        - {{ id: owner }}
        - {{ id: root, system: true }}
      assignments:
        - {{ identity_id: ann, node_id: emea, role_id: support }}
        - {{ identity_id: bob, node_id: at, role_id: owner, effective_from: 2020-01-01T00:00:00Z, effective_to: 2021-01-01T00:00:00Z }}
        - {{ identity_id: cas, node_id: de, role_id: owner, effective_from: 2090-01-01T00:00:00Z }}
{more}"
    )
}

fn connected(server: &Running, target: &Target) -> Side {
    let ids = Arc::new(Ids::default());
    let client = client(target, server, sign_in(target));
    let connection = connect(target, client, Arc::clone(&ids), Arc::new(Names));
    Side { target: target.clone(), connection, ids }
}

fn portal(server: &Running, more: &[(&'static str, &str)]) -> Side {
    connected(server, &target("canopy", bearer(), &[&ACCOUNT[..], more].concat()))
}

fn date(text: &str) -> Value {
    Value::Instant(Instant::parse(text).unwrap())
}

async fn keys(side: &Side) -> BTreeSet<String> {
    let text = |sym| side.ids.text(sym).to_string();
    let rows = side.read().await.rows;
    rows.iter().map(|row| [0, 1, 2].map(|part| text(row.key.part(part))).join(" ")).collect()
}

#[tokio::test]
async fn single_routes_round_trip_on_both_surfaces() {
    let key = Auth::ApiKey(SecretRef::Env("cnpy_sandbox".into()));
    let targets = [target("canopy", bearer(), &ACCOUNT), target("canopy", key, &[("surface", "api")])];
    for target in targets {
        let server = start(&environment("")).await;
        let side = connected(&server, &target);
        let create = side.create(&["bob", "emea", "support"], vec![("effective_to", date("2090-01-01T00:00:00Z"))]);
        assert_eq!(side.write_one(create.clone()).await, DONE);
        assert!(matches!(side.write_one(create).await, WriteOutcome::Already(_)), "a second one is there already");
        let update = side.update(&["bob", "emea", "support"], vec![("effective_to", Value::Null)]).await;
        assert_eq!(side.write_one(update).await, DONE);
        let live = side.live(&["bob", "emea", "support"]).await.unwrap();
        assert!(live.fields.get("effective_to").unwrap().is_null());
        assert!(!live.fields.get("effective_from").unwrap().is_null(), "listed rows always show it");
        let to_owner = Change {
            from_key: Some(live.key),
            live: Some(live),
            ..side.update(&["bob", "emea", "owner"], vec![]).await
        };
        assert_eq!(side.write_one(to_owner).await, DONE);
        let remove = side.remove(&["bob", "emea", "owner"]).await;
        assert_eq!(side.write_one(remove.clone()).await, DONE);
        assert!(matches!(side.write_one(remove).await, WriteOutcome::Already(_)));
        assert_eq!(keys(&side).await.len(), 3);
    }
}

#[tokio::test]
async fn a_listing_is_complete_whatever_it_includes_and_however_inherited_rows_look() {
    for statuses in ["", "      list_default_includes_expired: false\n"] {
        for inherited in ["", "      inherited_ids: own\n"] {
            let server = start(&environment(&[statuses, inherited].concat())).await;
            let side = portal(&server, &[]);
            let snapshot = side.read().await;
            assert_eq!(snapshot.coverage[0].gap, None, "{statuses}{inherited}");
            assert!(snapshot.coverage[0].evidence.contains("2 inherited"), "{}", snapshot.coverage[0].evidence);
            let expected = ["ann emea support", "bob at owner", "cas de owner"].map(str::to_owned);
            assert_eq!(keys(&side).await, BTreeSet::from(expected));
            let name = |part, id: &str| snapshot.names.get(part, side.ids.sym(id)).map(str::to_owned);
            assert_eq!(name(0, "ann").as_deref(), Some("Ann <ann@acme.example>"));
            assert_eq!((name(1, "emea").as_deref(), name(2, "support").as_deref()), (Some("EMEA"), Some("Support")));
        }
    }
}

#[tokio::test]
async fn a_large_environment_is_read_page_by_page() {
    let rows: String = (0..250).map(|n| format!("      - {{ identity_id: i{n}, node_id: n, role_id: r }}\n")).collect();
    let server = start(&format!("canopy:\n  assignments:\n    acme/crm/prod:\n{rows}")).await;
    let mut target = target("canopy", bearer(), &ACCOUNT);
    target.limits.page_size = 20;
    let side = connected(&server, &target);
    let snapshot = side.read().await;
    assert_eq!((snapshot.rows.len(), &snapshot.coverage[0].gap), (250, &None));
    assert_eq!(snapshot.requests, 13 + 3);
}

#[tokio::test]
async fn bulk_routes_round_trip() {
    let server = start(&environment("")).await;
    let side = portal(&server, &[]);
    let creates = [side.create(&["bob", "emea", "support"], vec![]), side.create(&["cas", "emea", "support"], vec![])];
    assert_eq!(side.write(100, &creates).await, [DONE, DONE]);
    let mut changes = Vec::new();
    for identity in ["bob", "cas"] {
        let live = side.live(&[identity, "emea", "support"]).await.unwrap();
        let change = side.update(&[identity, "emea", "owner"], vec![]).await;
        changes.push(Change { from_key: Some(live.key), live: Some(live), ..change });
    }
    assert_eq!(side.write(100, &changes).await, [LISTED, LISTED]);
    let removes = [side.remove(&["bob", "emea", "owner"]).await, side.remove(&["cas", "emea", "owner"]).await];
    assert_eq!(side.write(100, &removes).await, [LISTED, LISTED]);
    assert_eq!(keys(&side).await.len(), 3);
    let writes = writes(&server.requests());
    assert_eq!(writes, ["POST bulk-create", "POST bulk-change-role", "POST bulk-remove"]);
}

/// A batch with an entry that exists, one of a system role and one of nobody, among good ones.
fn batch(side: &Side) -> Vec<Change> {
    let keys = [
        ["bob", "emea", "support"],
        ["ann", "emea", "support"],
        ["cas", "emea", "root"],
        ["nobody", "emea", "support"],
        ["cas", "emea", "support"],
    ];
    keys.iter().map(|key| side.create(key, vec![])).collect()
}

#[tokio::test]
async fn bad_entries_never_stop_the_others_of_an_atomic_bulk() {
    let server = start(&environment("      bulk: atomic\n")).await;
    let side = portal(&server, &[]);
    let outcomes = side.write(100, &batch(&side)).await;
    assert_eq!((&outcomes[0], &outcomes[4]), (&DONE, &DONE));
    assert!(matches!(outcomes[1], WriteOutcome::Already(_)), "{:?}", outcomes[1]);
    assert!(matches!(outcomes[2], WriteOutcome::Failed { status: Some(400), .. }), "{:?}", outcomes[2]);
    assert!(matches!(outcomes[3], WriteOutcome::Failed { .. }), "{:?}", outcomes[3]);
    let live = keys(&side).await;
    assert_eq!(live.len(), 5);
    assert!(live.contains("bob emea support") && live.contains("cas emea support"));
}

#[tokio::test]
async fn successes_beside_failures_are_sent_again_for_they_may_have_been_taken_back() {
    for (mode, expected) in [("mixed", LISTED), ("rollback", DONE)] {
        let server = start(&environment(&format!("      bulk: {mode}\n"))).await;
        let side = portal(&server, &[]);
        let outcomes = side.write(100, &batch(&side)).await;
        assert_eq!(outcomes[0], expected, "{mode}");
        assert!(matches!(outcomes[1], WriteOutcome::Already(_)), "{mode}");
        assert!(matches!(outcomes[2], WriteOutcome::Failed { .. }), "{mode}");
        assert_eq!(outcomes[4], expected, "{mode}");
        assert_eq!(keys(&side).await.len(), 5, "{mode}: both are there, and once");
    }
}

#[tokio::test]
async fn a_lost_create_is_unknown_and_never_sent_again() {
    for size in [1, 100] {
        let server = start(&environment("")).await;
        server.add_fault("POST /**=drop-after".parse().unwrap());
        let side = portal(&server, &[]);
        let outcomes = side.write(size, &[side.create(&["bob", "emea", "support"], vec![])]).await;
        assert!(matches!(outcomes[0], WriteOutcome::Unknown { .. }), "{:?}", outcomes[0]);
        assert_eq!(writes(&server.requests()).len(), 1);
        assert_eq!(keys(&side).await.len(), 4, "it did happen");
    }
}

#[tokio::test]
async fn a_503_is_waited_for_and_sent_again() {
    for size in [1, 100] {
        let server = start(&environment("")).await;
        server.add_fault("POST /**=503;retry-after=0:2".parse().unwrap());
        let side = portal(&server, &[]);
        let outcomes = side.write(size, &[side.create(&["bob", "emea", "support"], vec![])]).await;
        assert_eq!(outcomes, [DONE]);
        assert_eq!(writes(&server.requests()).len(), 3);
    }
}

#[tokio::test]
async fn a_lost_removal_is_sent_again() {
    let server = start(&environment("")).await;
    let side = portal(&server, &[]);
    let remove = side.remove(&["ann", "emea", "support"]).await;
    server.add_fault("DELETE /**=drop-after".parse().unwrap());
    let outcome = side.write_one(remove).await;
    assert!(matches!(outcome, WriteOutcome::Already(_)), "{outcome:?}");
    assert_eq!(keys(&side).await.len(), 2);
}

#[tokio::test]
async fn recreate_clears_a_date_and_keeps_the_other() {
    let server = start(&environment("")).await;
    let side = portal(&server, &[("clear_dates", "recreate")]);
    let update = side.update(&["bob", "at", "owner"], vec![("effective_to", Value::Null)]).await;
    assert_eq!(side.write_one(update).await, DONE);
    let live = side.live(&["bob", "at", "owner"]).await.unwrap();
    assert!(live.fields.get("effective_to").unwrap().is_null());
    assert!(live.fields.get("effective_from").unwrap().same(&date("2020-01-01T00:00:00Z")));
}

#[tokio::test]
async fn a_failed_re_creation_is_told_as_what_it_is() {
    let server = start(&environment("")).await;
    let side = portal(&server, &[("clear_dates", "recreate")]);
    let update = side.update(&["bob", "at", "owner"], vec![("effective_to", Value::Null)]).await;
    server.add_fault("POST /**=422".parse().unwrap());
    let WriteOutcome::Failed { message, .. } = side.write_one(update).await else { panic!("must fail") };
    assert!(message.contains("gone") && message.contains("run apply again"), "{message}");
    assert!(side.live(&["bob", "at", "owner"]).await.is_none());
}

#[tokio::test]
async fn another_environment_or_credential_is_told_with_what_to_check() {
    let server = start(&environment("")).await;
    let elsewhere = target("canopy", bearer(), &[("account", "acme"), ("application", "crm"), ("environment", "nope")]);
    let stranger = target("canopy", Auth::Bearer(SecretRef::Env("STRANGER".into())), &ACCOUNT);
    for (target, hint) in [(elsewhere, "environment"), (stranger, "STRANGER")] {
        let side = connected(&server, &target);
        let error = side.connection.reader.read(&ReadRequest::default()).await.unwrap_err().to_string();
        assert!(error.contains(hint), "{error}");
    }
}
