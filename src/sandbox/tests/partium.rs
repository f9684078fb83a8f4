//! apis/partium.md, statement by statement.

use serde_json::{Value, json};

use super::{Api, each};

const PAIRS: &str = "/1/catalog/assignments/organizations";
const LIST: &str = "/1/catalog/assignments/organizations/list";

const SEED: &str = "
partium:
  main_org: acme-main
  organizations: [{ org_id: at, name: Austria }, { org_id: de }]
  assemblies: [{ ass_id: pump }, { ass_id: valve }, { ass_id: sub, root: false }]
  assignments: [{ ass_id: pump, org_ids: [at, de] }]
";

async fn open(rows: usize) -> Api {
    let ids: Vec<String> = (0..rows).map(|row| format!("a{row}")).collect();
    Api::seeded(&json!({ "partium": { "assignments": [{ "ass_ids": ids, "org_ids": ["x", "y"] }] } }).to_string()).await
}

/// All rows of a query, page by page, with the number of pages.
async fn all(api: &Api, query: Value, limit: usize) -> (Vec<(String, String)>, usize) {
    let (mut rows, mut pages) = (Vec::new(), 0);
    let mut paging = json!({ "limit": limit });
    loop {
        let (status, page) = api.post(LIST, json!({ "query": query, "paging": paging })).await;
        assert_eq!(status, 200, "{page}");
        pages += 1;
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        rows.extend(page["result"].as_array().unwrap().iter().map(|row| (text(row, "ass_id"), text(row, "org_id"))));
        assert!(page.get("last_object_id").is_some());
        if page["more_data"] == json!(false) {
            return (rows, pages);
        }
        paging = json!({ "limit": limit, "last_object_id": page["last_object_id"] });
    }
}

#[tokio::test]
async fn a_create_judges_each_index_by_itself() {
    let api = Api::seeded(SEED).await;
    let pairs = json!([
        { "ass_id": "pump", "org_id": "at" },
        { "ass_id": "valve", "org_id": "at" },
        { "ass_id": "valve", "org_id": "acme-main" },
        { "ass_id": "sub", "org_id": "at" },
        { "ass_id": "ghost", "org_id": "at" },
        { "ass_id": "valve", "org_id": "nowhere" },
        { "ass_id": "valve", "org_id": "at" },
        { "ass_id": "valve", "org_id": "de" },
    ]);
    let (status, answer) = api.post(PAIRS, pairs).await;
    assert_eq!((status, &answer["created"]), (200, &json!([1, 7])));
    let errors = answer["errors"].as_object().unwrap();
    assert_eq!(errors.keys().collect::<Vec<_>>(), ["2", "3", "4", "5"]);
    assert!(errors["2"].as_str().unwrap().contains("main organization"));
    assert!(errors["3"].as_str().unwrap().contains("not a root"));
}

#[tokio::test]
async fn a_delete_tells_nothing_and_ignores_what_is_not_there() {
    let api = Api::seeded(SEED).await;
    let pairs = json!([{ "ass_id": "pump", "org_id": "at" }, { "ass_id": "ghost", "org_id": "at" }]);
    assert_eq!(api.send("DELETE", PAIRS, Some(pairs)).await, (200, json!({})));
    assert_eq!(all(&api, json!({}), 10).await.0, [("pump".to_owned(), "de".to_owned())]);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat_and_the_last_says_so() {
    let api = open(25).await;
    let (rows, pages) = all(&api, json!({}), 10).await;
    assert_eq!((rows.len(), pages), (50, 5));
    let mut unique = rows.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), 50);
}

#[tokio::test]
async fn a_row_that_goes_during_a_listing_shifts_no_other() {
    let api = open(5).await;
    let (_, first) = api.post(LIST, json!({ "paging": { "limit": 4 } })).await;
    api.send("DELETE", PAIRS, Some(json!([first["result"][0]]))).await;
    let next = json!({ "paging": { "limit": 100, "last_object_id": first["last_object_id"] } });
    assert_eq!(api.post(LIST, next).await.1["result"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn filters_narrow_and_intersect() {
    let api = open(6).await;
    let (by_assembly, _) = all(&api, json!({ "ass_ids": ["a1", "a4", "ghost"] }), 3).await;
    assert_eq!(by_assembly.len(), 4);
    let (by_organization, pages) = all(&api, json!({ "org_ids": ["y"] }), 2).await;
    assert_eq!((by_organization.len(), pages), (6, 3));
    let (both, _) = all(&api, json!({ "ass_ids": ["a1", "a4"], "org_ids": ["y"] }), 1).await;
    assert_eq!(both, [("a1".to_owned(), "y".to_owned()), ("a4".to_owned(), "y".to_owned())]);
    assert_eq!(all(&api, json!({ "ass_ids": ["ghost"], "org_ids": ["y"] }), 1).await.0, []);
}

#[tokio::test]
async fn a_wide_intersection_is_the_same_from_either_side() {
    let api = open(40).await;
    let ids: Vec<String> = (0..40).map(|row| format!("a{row}")).collect();
    let many_names: Vec<String> = (0..90).map(|row| format!("a{row}")).collect();
    assert_eq!(all(&api, json!({ "ass_ids": ids, "org_ids": ["x", "y"] }), 7).await.0.len(), 80);
    assert_eq!(all(&api, json!({ "ass_ids": many_names, "org_ids": ["x"] }), 7).await.0.len(), 40);
}

#[tokio::test]
async fn what_the_list_cannot_understand_is_refused() {
    let api = open(1).await;
    for body in [
        json!({ "query": { "ass_ids": [] } }),
        json!({ "query": { "ass_id": ["a"] } }),
        json!({ "query": { "ass_ids": "a" } }),
        json!({ "paging": { "limit": 0 } }),
        json!({ "paging": { "limit": 1001 } }),
        json!({ "paging": { "limit": "10" } }),
        json!({ "paging": { "last_object_id": "nonsense" } }),
        json!([]),
        json!({ "query": [["a"], null] }),
    ] {
        let (status, answer) = api.post(LIST, body.clone()).await;
        assert_eq!(status, 400, "{body}");
        assert!(answer["detail"].is_string(), "{answer}");
    }
}

#[tokio::test]
async fn a_pair_is_an_object_with_two_texts_and_nothing_else() {
    let api = open(1).await;
    for body in [
        json!([["a", "b"]]),
        json!({ "ass_id": "a", "org_id": "b" }),
        json!([{ "ass_id": "a" }]),
        json!([{ "ass_id": "a", "org_id": 7 }]),
        json!([{ "ass_id": "a", "org_id": "b", "name": "c" }]),
    ] {
        assert_eq!(api.post(PAIRS, body.clone()).await.0, 400, "{body}");
        assert_eq!(api.send("DELETE", PAIRS, Some(body.clone())).await.0, 400, "{body}");
    }
}

#[tokio::test]
async fn maintenance_refuses_writes_and_keeps_reading() {
    let api = Api::seeded(&SEED.replace("  main_org", "  maintenance: true\n  main_org")).await;
    let pair = json!([{ "ass_id": "valve", "org_id": "at" }]);
    for method in ["POST", "DELETE"] {
        let (status, answer) = api.send(method, PAIRS, Some(pair.clone())).await;
        assert_eq!(status, 503);
        assert!(answer["detail"].as_str().unwrap().starts_with("Catalog manager is in maintenance mode - "));
    }
    assert_eq!(each(&api.post(LIST, json!({})).await.1["result"], "/org_id"), ["at", "de"]);
}

#[tokio::test]
async fn a_change_waits_for_an_import() {
    let api = Api::seeded(SEED).await;
    assert_eq!(api.get("/1/catalog/status").await, (200, json!({ "status": "clean" })));
    api.post(PAIRS, json!([{ "ass_id": "pump", "org_id": "at" }])).await;
    assert_eq!(api.get("/1/catalog/status").await.1["status"], "clean");
    api.post(PAIRS, json!([{ "ass_id": "valve", "org_id": "at" }])).await;
    assert_eq!(api.get("/1/catalog/status").await.1["status"], "data_to_import");
}

#[tokio::test]
async fn a_payload_over_the_limit_is_too_large() {
    let api = open(1).await;
    let pairs: Vec<Value> =
        (0..60_000).map(|row| json!({ "ass_id": format!("{row:060}"), "org_id": "organization-x" })).collect();
    let (status, answer) = api.post(PAIRS, json!(pairs)).await;
    assert_eq!(status, 413, "{answer}");
    assert_eq!(all(&api, json!({}), 100).await.0.len(), 2);
    let (status, answer) = api.post(PAIRS, json!(pairs[..40_000])).await;
    assert_eq!((status, answer["created"].as_array().unwrap().len()), (200, 40_000));
}

#[tokio::test]
async fn a_lenient_catalog_takes_ids_that_are_not_listed() {
    let api = Api::seeded(&SEED.replace("  main_org", "  lenient: true\n  main_org")).await;
    let pairs = json!([{ "ass_id": "new", "org_id": "new" }, { "ass_id": "sub", "org_id": "at" }]);
    let (_, answer) = api.post(PAIRS, pairs).await;
    assert_eq!(answer["created"], json!([0]));
    assert_eq!(answer["errors"].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn other_methods_and_routes_are_refused_in_partiums_form() {
    let api = open(1).await;
    assert_eq!(api.send("PUT", PAIRS, Some(json!([]))).await.0, 405);
    assert_eq!(api.get(LIST).await.0, 405);
    let (status, answer) = api.get("/1/catalog/nothing").await;
    assert_eq!(status, 404);
    assert!(answer["detail"].is_string());
}
