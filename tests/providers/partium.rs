//! apis/partium.md, both sides.

use std::time::Duration;

use assignctl::model::{Action, Fields, Proof, Value, WriteOutcome};
use assignctl::provider::{ReadError, partium};

use super::account::Account;
use super::{bearer, start, target};

const LIST: &str = "POST /1/catalog/assignments/organizations/list";

const SEED: &str = "
partium:
  main_org: main
  organizations: [{ org_id: at }, { org_id: de }, { org_id: fr }]
  assemblies: [{ ass_id: pump }, { ass_id: valve }, { ass_id: motor }, { ass_id: sub, root: false }]
  assignments: [{ ass_ids: [pump, valve], org_ids: [at, de] }, { ass_id: motor, org_id: fr }]
";

async fn account(seed: &str) -> Account {
    let mut target = target("partium", bearer(), &[]);
    target.options = Fields::new(vec![("max_filter_ids", Value::Json(Box::new(2.into())))]);
    target.limits.page_size = 3;
    target.limits.retry_budget = Duration::from_secs(2);
    Account::of(start(seed).await, &target, partium::sign_in(&target), partium::connect)
}

impl Account {
    async fn pairs(&self, parts: &[&[&str]]) -> Vec<String> {
        let snapshot = self.read(vec![self.scope(parts)], &[]).await;
        let mut pairs: Vec<String> = snapshot.rows.iter().map(|row| self.key_text(&row.key, 2)).collect();
        pairs.sort();
        pairs
    }

    async fn pairwise(&self, action: Action, pairs: &[&str]) -> Vec<WriteOutcome> {
        let changes: Vec<_> = pairs.iter().map(|pair| self.change(action, pair, vec![], None)).collect();
        self.write(&changes).await
    }
}

#[tokio::test]
async fn lists_are_read_whole_by_chain_and_by_filter() {
    let account = account(SEED).await;
    let all = ["motor/fr", "pump/at", "pump/de", "valve/at", "valve/de"];
    assert_eq!(account.pairs(&[]).await, all);
    assert_eq!(account.asked(), [LIST, LIST], "five rows in pages of three");
    assert_eq!(account.pairs(&[&[], &["at", "de", "fr"]]).await, all);
    assert_eq!(account.asked().len(), 3, "two chains, of two pages and of one");
    assert_eq!(account.pairs(&[&["pump", "motor"], &[]]).await, ["motor/fr", "pump/at", "pump/de"]);
    assert_eq!(account.pairs(&[&["pump"], &["de", "fr"]]).await, ["pump/de"]);
    assert_eq!(account.pairs(&[&[], &["nobody"]]).await, [""; 0]);
    let keyed = account.read(vec![], &["valve/de", "ghost/de"]).await;
    assert_eq!(keyed.rows.len(), 1);
    assert!(keyed.proves(&account.key("ghost/de")));
}

#[tokio::test]
async fn a_long_filtered_list_is_read_side_by_side() {
    let ids: Vec<String> = (0..50).map(|n| format!("a{n:02}")).collect();
    let seed = format!("partium: {{ assignments: [{{ ass_ids: [{}], org_ids: [x, y, z] }}] }}", ids.join(", "));
    let account = account(&seed).await;
    let got = account.pairs(&[&[], &["x", "y"]]).await;
    assert_eq!(got.len(), 100);
    assert!(got.iter().all(|pair| !pair.ends_with("/z")));
    // Four pages of one chain, then a chain an organization: 17 pages of three rows each.
    assert_eq!(account.asked().len(), 4 + 2 * 17);
}

#[tokio::test]
async fn each_pair_of_a_batch_ends_as_the_api_says_and_a_repeat_changes_nothing() {
    let account = account(SEED).await;
    let pairs = ["pump/fr", "sub/at", "pump/main", "pump/at", "valve/fr"];
    let got = account.pairwise(Action::Create, &pairs).await;
    let done = WriteOutcome::Done(Proof::Answer);
    assert_eq!((&got[0], &got[4]), (&done, &done));
    let refused =
        |outcome: &WriteOutcome| matches!(outcome, WriteOutcome::Failed { temporary: false, status: Some(200), .. });
    assert!(refused(&got[1]) && refused(&got[2]), "{got:?}");
    assert!(matches!(got[3], WriteOutcome::Already(_)));
    let again = account.pairwise(Action::Create, &["pump/fr", "valve/fr"]).await;
    assert!(again.iter().all(|outcome| matches!(outcome, WriteOutcome::Already(_))), "{again:?}");
    let got = account.pairwise(Action::Remove, &["pump/at", "ghost/at"]).await;
    assert_eq!(got, vec![WriteOutcome::Done(Proof::Listing); 2]);
    let live = ["motor/fr", "pump/de", "pump/fr", "valve/at", "valve/de", "valve/fr"];
    assert_eq!(account.pairs(&[]).await, live);
}

#[tokio::test]
async fn lost_answers_are_repeated_without_harm() {
    let account = account(SEED).await;
    account.fault("POST /1/catalog/assignments/organizations=drop-after");
    account.fault("DELETE /1/catalog/assignments/organizations=drop-before");
    let got = account.pairwise(Action::Create, &["pump/fr"]).await;
    assert!(matches!(got[0], WriteOutcome::Already(_)), "the first attempt created it: {got:?}");
    assert_eq!(account.pairwise(Action::Remove, &["pump/at"]).await, [WriteOutcome::Done(Proof::Listing)]);
    assert_eq!(account.pairs(&[&["pump"], &[]]).await, ["pump/de", "pump/fr"]);
}

#[tokio::test]
async fn maintenance_stops_writes_for_now_and_lets_reads_through() {
    let account = account(&format!("{SEED}  maintenance: true\n")).await;
    account.fault("POST /1/catalog/assignments/organizations/list=503;retry-after=0");
    assert_eq!(account.pairs(&[]).await.len(), 5, "a single 503 is waited out");
    for (action, pair) in [(Action::Create, "pump/fr"), (Action::Remove, "pump/at")] {
        match &account.pairwise(action, &[pair]).await[0] {
            WriteOutcome::Failed { message, temporary: true, .. } => {
                assert!(message.contains("maintenance mode"), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(account.pairs(&[]).await.len(), 5);
}

#[tokio::test]
async fn a_payload_that_is_too_large_is_divided() {
    let account = account("partium: { assignments: [] }").await;
    account.fault("POST /1/catalog/assignments/organizations=413");
    let got = account.pairwise(Action::Create, &["a/x", "b/x", "c/x"]).await;
    assert_eq!(got, vec![WriteOutcome::Done(Proof::Answer); 3]);
    assert_eq!(account.asked().len(), 3, "whole, then in two halves");
}

#[tokio::test]
async fn answers_that_cannot_be_trusted_end_the_reading() {
    for (fault, part) in [
        ("stuck-cursor", "came a second time"),
        ("garbage", "POST /1/catalog/assignments/organizations/list"),
        ("redirect=http://elsewhere.invalid/", "elsewhere.invalid"),
        ("401", "sign-in"),
        ("403", "permission"),
    ] {
        let account = account(SEED).await;
        account.fault(&format!("{LIST}={fault}:*"));
        match account.try_read(vec![account.scope(&[])], &[]).await {
            Err(ReadError::Api(text)) => assert!(text.contains(part), "{part} in {text}"),
            other => panic!("{fault}: {other:?}"),
        }
    }
}
