//! Listings: pages, statuses, what moves, what is nonsense.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value as Json, json};

use super::{PORTAL, connected, portal};
use crate::model::{Auth, Ids, Instant, Key, ReadRequest, SecretRef, Snapshot, Value};
use crate::provider::ReadError;
use crate::provider::fake::{Fake, Reply, Seen, target};

/// A row, as the list shows it.
fn row(id: &str, identity: &str, status: &str, access_type: &str) -> Json {
    json!({
        "identity": {"id": identity, "name": "Ann", "email": format!("{identity}@x.example")},
        "role": {"id": "r", "name": "Support"},
        "assignment": {"id": id, "source_node_id": "n", "source_node_name": "EMEA", "access_type": access_type,
            "effective_from": "2026-01-01T14:00:00+02:00", "effective_to": null, "status": status,
            "created_at": "2026-01-01T00:00:00.000Z"},
    })
}

fn direct(number: usize, status: &str) -> Json {
    row(&format!("a{number}"), &format!("i{number}"), status, "direct")
}

/// An honest API: filters by status, pages as asked. `default_shows` says what the list without `status` includes.
fn serve(rows: &[Json], default_shows: &[&str], seen: &Seen) -> Reply {
    let status = |row: &Json| row["assignment"]["status"].as_str().unwrap_or("").to_owned();
    let matching: Vec<&Json> = rows
        .iter()
        .filter(|row| match seen.query.get("status") {
            Some(wanted) => status(row) == *wanted,
            None => default_shows.contains(&&*status(row)),
        })
        .collect();
    let number = |name: &str| seen.query[name].parse::<usize>().unwrap();
    let (page, take) = (number("page"), number("take"));
    let items: Vec<&Json> = matching.iter().skip((page - 1) * take).take(take).copied().collect();
    (200, listing(json!(items), page, take, matching.len(), matching.len().div_ceil(take)))
}

fn listing(items: Json, page: usize, take: usize, item_count: usize, page_count: usize) -> Json {
    json!({"items": items, "pagination": {"page": page, "take": take, "item_count": item_count, "page_count": page_count,
        "has_previous_page": page > 1, "has_next_page": page < page_count}})
}

const EVERYTHING: [&str; 3] = ["active", "scheduled", "expired"];

async fn read(
    answer: impl Fn(&Seen) -> Reply + Clone + Send + Sync + 'static,
) -> Result<(Snapshot, Arc<Ids>, Vec<Seen>), ReadError> {
    let fake = Fake::start(answer).await;
    let mut target = portal(&[]);
    target.limits.page_size = 2;
    let (connection, ids) = connected(&fake, &target);
    let snapshot = connection.reader.read(&ReadRequest::default()).await?;
    Ok((snapshot, ids, fake.seen()))
}

async fn refused(answer: impl Fn(&Seen) -> Reply + Clone + Send + Sync + 'static) -> String {
    match read(answer).await {
        Ok(_) => panic!("the answer must be refused"),
        Err(error) => error.to_string(),
    }
}

fn ids_of(snapshot: &Snapshot) -> Vec<String> {
    let mut ids: Vec<String> = snapshot.rows.iter().map(|row| row.id.as_deref().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn gap(snapshot: &Snapshot) -> Option<&str> {
    snapshot.coverage[0].gap.as_deref()
}

#[tokio::test]
async fn all_pages_are_read_and_the_statuses_counted() {
    let rows: Vec<Json> = (0..5).map(|n| direct(n, ["active", "expired", "scheduled"][n % 3])).collect();
    let (snapshot, ids, seen) = read(move |seen| serve(&rows, &EVERYTHING, seen)).await.unwrap();
    assert_eq!(ids_of(&snapshot), ["a0", "a1", "a2", "a3", "a4"]);
    assert_eq!(gap(&snapshot), None);
    assert!(snapshot.coverage[0].scope.is_all());
    assert!(snapshot.coverage[0].evidence.starts_with("3 pages, 5 rows of which 0 inherited, item_count 5"));
    assert_eq!((seen.len(), snapshot.requests), (6, 6), "three pages and three counts");
    assert!(seen.iter().all(|seen| seen.line == format!("GET {PORTAL}/app-wide")));
    assert!(seen.iter().all(|seen| seen.authorization.as_deref() == Some("Bearer jwt")));
    let row = snapshot.rows.iter().find(|row| row.id.as_deref() == Some("a0")).unwrap();
    assert_eq!(row.key, Key::new(&[ids.sym("i0"), ids.sym("n"), ids.sym("r")]));
    let from = Value::Instant(Instant::parse("2026-01-01T12:00:00.000Z").unwrap());
    assert!(row.fields.get("effective_from").unwrap().same(&from));
    assert!(matches!(row.fields.get("effective_to"), Some(Value::Null)));
    assert_eq!(row.info.as_ref().unwrap().created, Instant::parse("2026-01-01T00:00:00Z"));
    let name = |part, id: &str| snapshot.names.get(part, ids.sym(id)).unwrap_or("").to_owned();
    assert_eq!(
        (name(0, "i0"), name(1, "n"), name(2, "r")),
        ("Ann <i0@x.example>".into(), "EMEA".into(), "Support".into())
    );
}

#[tokio::test]
async fn an_empty_environment_is_complete_in_four_requests() {
    let (snapshot, _, seen) = read(|seen| serve(&[], &EVERYTHING, seen)).await.unwrap();
    assert!(snapshot.rows.is_empty() && gap(&snapshot).is_none());
    assert_eq!(seen.len(), 4);
}

#[tokio::test]
async fn a_page_holds_at_most_a_hundred_rows() {
    let fake = Fake::start(|seen| serve(&[], &EVERYTHING, seen)).await;
    let (connection, _) = connected(&fake, &portal(&[]));
    connection.reader.read(&ReadRequest::default()).await.unwrap();
    let takes: Vec<String> = fake.seen().iter().map(|seen| seen.query["take"].clone()).collect();
    assert_eq!(takes.iter().filter(|take| *take == "100").count(), 1, "page_size is 1000 here: {takes:?}");
    assert_eq!(takes.iter().filter(|take| *take == "1").count(), 3);
}

#[tokio::test]
async fn the_api_surface_has_its_own_path_and_key() {
    let fake = Fake::start(|seen| serve(&[], &EVERYTHING, seen)).await;
    let target = target("canopy", Auth::ApiKey(SecretRef::Env("cnpy_x".into())), &[("surface", "api")]);
    let (connection, _) = connected(&fake, &target);
    connection.reader.read(&ReadRequest::default()).await.unwrap();
    assert!(fake.seen().iter().all(|seen| seen.line == "GET /api/v1/assignments/app-wide"
        && seen.api_key.as_deref() == Some("cnpy_x")
        && seen.authorization.is_none()));
}

#[tokio::test]
async fn statuses_that_the_default_list_leaves_out_are_read_apart() {
    let rows: Vec<Json> = (0..6).map(|n| direct(n, ["active", "expired", "scheduled"][n % 3])).collect();
    for (shown, apart) in [(&["active"][..], 2), (&["active", "scheduled"], 1), (&["active", "expired"], 1), (&[], 3)] {
        let rows = rows.clone();
        let (snapshot, _, seen) = read(move |seen| serve(&rows, shown, seen)).await.unwrap();
        assert_eq!(ids_of(&snapshot), ["a0", "a1", "a2", "a3", "a4", "a5"], "{shown:?}");
        assert_eq!(gap(&snapshot), None, "{shown:?}");
        let filtered =
            seen.iter().filter(|seen| seen.query.contains_key("status") && seen.query["take"] == "2").count();
        assert_eq!(filtered, apart, "{shown:?}");
        assert_eq!(snapshot.coverage[0].evidence.matches("read apart").count(), apart);
    }
}

#[tokio::test]
async fn inherited_rows_count_and_are_no_assignments() {
    let mut rows: Vec<Json> = (0..3).map(|n| direct(n, "active")).collect();
    rows.push(row("a0", "i0", "active", "inherited"));
    rows.push(json!({"assignment": {"access_type": "inherited", "status": "active"}}));
    let (snapshot, ..) = read(move |seen| serve(&rows, &EVERYTHING, seen)).await.unwrap();
    assert_eq!(ids_of(&snapshot), ["a0", "a1", "a2"]);
    assert_eq!(gap(&snapshot), None);
    assert!(snapshot.coverage[0].evidence.contains("5 rows of which 2 inherited, item_count 5"));
}

#[tokio::test]
async fn inherited_rows_that_item_count_does_not_count_are_no_gap() {
    for shown in [&EVERYTHING[..], &["active"]] {
        let answer = move |seen: &Seen| {
            let rows: Vec<Json> = (0..3).map(|n| direct(n, ["active", "expired"][n % 2])).collect();
            let (status, mut body) = serve(&rows, shown, seen);
            let inherited = row("a0", "i0", "active", "inherited");
            if seen.query["page"] == "1" {
                body["items"].as_array_mut().unwrap().push(inherited);
            }
            (status, body)
        };
        let (snapshot, ..) = read(answer).await.unwrap();
        assert_eq!(gap(&snapshot), None, "{shown:?}");
        assert_eq!(ids_of(&snapshot), ["a0", "a1", "a2"], "{shown:?}");
    }
}

/// Answers like an honest API whose rows change while the first `unrest` lists are read: from page 2 on, one row less.
fn restless(unrest: u64) -> (impl Fn(&Seen) -> Reply + Clone + Send + Sync + 'static, Arc<AtomicU64>) {
    let firsts = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&firsts);
    let rows: Vec<Json> = (0..5).map(|n| direct(n, "active")).collect();
    let answer = move |seen: &Seen| {
        let main = !seen.query.contains_key("status");
        if main && seen.query["page"] == "1" {
            counter.fetch_add(1, Ordering::SeqCst);
        }
        let moved = main && seen.query["page"] != "1" && counter.load(Ordering::SeqCst) <= unrest;
        serve(if moved { &rows[1..] } else { &rows }, &EVERYTHING, seen)
    };
    (answer, firsts)
}

#[tokio::test]
async fn a_listing_that_moved_is_read_again() {
    let (answer, listings) = restless(1);
    let (snapshot, ..) = read(answer).await.unwrap();
    assert_eq!(gap(&snapshot), None);
    assert_eq!(ids_of(&snapshot).len(), 5);
    assert_eq!(listings.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_environment_that_never_rests_is_told_as_incomplete() {
    let (answer, listings) = restless(u64::MAX);
    let (snapshot, ids, _) = read(answer).await.unwrap();
    assert_eq!(listings.load(Ordering::SeqCst), 3, "bounded");
    assert!(gap(&snapshot).unwrap().contains("item_count was 5 and is 4 on page 2"));
    assert!(!snapshot.proves(&Key::new(&[ids.sym("i0"), ids.sym("n"), ids.sym("r")])), "nothing may be removed");
}

#[tokio::test]
async fn a_row_seen_twice_with_an_unmoved_count_shows_that_one_was_missed() {
    let answer = |seen: &Seen| {
        let rows: Vec<Json> = [0, 1, 1, 3].into_iter().map(|n| direct(n, "active")).collect();
        serve(&rows, &EVERYTHING, seen)
    };
    let (snapshot, ..) = read(answer).await.unwrap();
    assert!(gap(&snapshot).unwrap().contains("a1 came twice"));
    assert_eq!(ids_of(&snapshot), ["a0", "a1", "a3"], "each key at most once");
}

#[tokio::test]
async fn an_inherited_row_on_two_pages_shows_that_one_was_missed() {
    let inherited = || row("a9", "i9", "active", "inherited");
    let twice = [direct(0, "active"), inherited(), inherited(), direct(3, "active")];
    let (snapshot, ..) = read(move |seen| serve(&twice, &EVERYTHING, seen)).await.unwrap();
    assert!(gap(&snapshot).unwrap().contains("inherited row came on two pages"));
    // Two that are alike on one page may be just that.
    let alike = [inherited(), inherited(), direct(0, "active"), direct(3, "active")];
    let (snapshot, ..) = read(move |seen| serve(&alike, &EVERYTHING, seen)).await.unwrap();
    assert_eq!(gap(&snapshot), None);
    // Where the direct rows alone are as many as are said to be there, none is missing.
    let answer = move |seen: &Seen| {
        let rows: Vec<Json> = (0..4).map(|n| direct(n, "active")).collect();
        let (status, mut body) = serve(&rows, &EVERYTHING, seen);
        body["items"].as_array_mut().unwrap().push(row("a9", "i9", "active", "inherited"));
        (status, body)
    };
    let (snapshot, ..) = read(answer).await.unwrap();
    assert_eq!(gap(&snapshot), None);
}

#[tokio::test]
async fn fewer_rows_than_item_count_are_not_a_complete_listing() {
    let answer = |seen: &Seen| match seen.query.get("status").map(String::as_str) {
        None => (200, listing(json!([direct(0, "active")]), 1, 2, 2, 1)),
        Some("active") => (200, listing(json!([direct(0, "active")]), 1, 1, 2, 2)),
        Some(_) => (200, listing(json!([]), 1, 1, 0, 0)),
    };
    let (snapshot, ..) = read(answer).await.unwrap();
    assert!(gap(&snapshot).unwrap().contains("1 rows came where item_count is 2"));
}

#[tokio::test]
async fn a_list_longer_than_its_statuses_is_not_understood_and_so_incomplete() {
    let answer = |seen: &Seen| match seen.query.get("status") {
        None => serve(&[direct(0, "active"), direct(1, "active")], &EVERYTHING, seen),
        Some(_) => serve(&[direct(0, "active")], &EVERYTHING, seen),
    };
    let (snapshot, ..) = read(answer).await.unwrap();
    assert!(gap(&snapshot).unwrap().contains("the list holds 2 rows, and its three statuses together 1"));
}

#[tokio::test]
async fn two_direct_rows_of_one_key_are_left_out_and_both_are_named() {
    let answer = |seen: &Seen| {
        let rows = [row("a1", "i", "active", "direct"), row("a2", "i", "expired", "direct"), direct(3, "active")];
        serve(&rows, &EVERYTHING, seen)
    };
    let (snapshot, ids, _) = read(answer).await.unwrap();
    assert_eq!((ids_of(&snapshot), gap(&snapshot)), (vec!["a3".to_owned()], None));
    let rows = &snapshot.left_out[0];
    assert!(["a1", "a2", "remove one"].iter().all(|part| rows.why.contains(part)), "{}", rows.why);
    let key = Key::new(&[ids.sym("i"), ids.sym("n"), ids.sym("r")]);
    assert!(rows.keys == [key] && !snapshot.proves(&key));
}

#[tokio::test]
async fn a_page_that_says_otherwise_than_its_numbers_proves_nothing() {
    let rows = |n: usize| -> Vec<Json> { (0..n).map(|n| direct(n, "active")).collect() };
    type Sign = (fn(&mut Json), &'static str);
    let signs: [Sign; 6] = [
        (|body| body["pagination"]["has_next_page"] = json!(true), "says has_next_page: true"),
        (|body| body["pagination"]["next_cursor"] = json!("c"), "`pagination.next_cursor`"),
        (|body| body["meta"] = json!({"links": {"next": "/3"}}), "`meta.links.next`"),
        (|body| body["total"] = json!(9), "total 9"),
        (|body| body["pagination"]["page_count"] = json!(1), "are said to be 1 pages"),
        (|body| body["pagination"]["page_count"] = json!(9), "are said to be 9 pages"),
    ];
    for (sign, part) in signs {
        let answer = move |seen: &Seen| {
            let (status, mut body) = serve(&rows(3), &EVERYTHING, seen);
            let last = body["pagination"]["page"] == body["pagination"]["page_count"];
            if !seen.query.contains_key("status") && (last || part.contains("said to be")) {
                sign(&mut body);
            }
            (status, body)
        };
        let (snapshot, ids, _) = read(answer).await.unwrap();
        assert!(gap(&snapshot).is_some_and(|gap| gap.contains(part)), "{part}: {:?}", gap(&snapshot));
        assert!(!snapshot.proves(&Key::new(&[ids.sym("i9"), ids.sym("n"), ids.sym("r")])), "{part}");
    }
    let early = |seen: &Seen| {
        let rows: Vec<Json> = (0..3).map(|n| direct(n, "active")).collect();
        let (status, mut body) = serve(&rows, &EVERYTHING, seen);
        if body["pagination"]["page"] != body["pagination"]["page_count"] {
            body["links"] = json!({"next": "/2"});
        }
        (status, body)
    };
    assert_eq!(gap(&read(early).await.unwrap().0), None, "a page before the last one has a next page");
}

#[tokio::test]
async fn single_pages_may_be_wrapped_in_data() {
    let (snapshot, ..) = read(|seen| {
        let (status, body) = serve(&[direct(0, "active")], &EVERYTHING, seen);
        (status, json!({"data": body}))
    })
    .await
    .unwrap();
    assert_eq!(ids_of(&snapshot), ["a0"]);
}

#[tokio::test]
async fn a_refused_list_tells_code_message_and_next_step() {
    let answer = |status: u16| {
        move |_: &Seen| {
            let body =
                json!({"error": {"statusCode": status, "code": "rbac.denied", "message": "wrong\u{7} principal"}});
            (status, body)
        }
    };
    let text = refused(answer(403)).await;
    for part in ["GET …/assignments/app-wide", "403 rbac.denied", "wrong\\u{7} principal", "wrong kind"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(refused(answer(404)).await.contains("account, application and environment"));
    assert!(refused(answer(401)).await.contains("jwt"), "names the reference");
}

#[tokio::test]
async fn hostile_pages_end_in_an_error_not_in_a_loop() {
    let pages: [fn(&Seen) -> Json; 5] = [
        |_| listing(json!([]), 1, 2, 5, 1_000_000_000),
        |_| listing(json!([]), 1, 1, 1_000_000_000, 1_000_000_000),
        |_| listing(json!([]), 7, 2, 0, 0),
        |_| listing(json!([]), 1, 0, 0, 0),
        |_| json!({"items": {"a": 1}}),
    ];
    for (index, page) in pages.into_iter().enumerate() {
        let text = refused(move |seen| (200, page(seen))).await;
        assert!(text.contains("app-wide"), "{index}: {text}");
    }
}

#[tokio::test]
async fn a_bad_row_on_any_page_is_left_out_and_named_and_stops_no_other() {
    let mut rows: Vec<Json> = (0..5).map(|n| direct(n, "active")).collect();
    rows[4]["assignment"]["effective_to"] = json!("31.12.2026");
    rows[4]["assignment"]["source_node_id"] = json!("n4");
    let (snapshot, ids, _) = read(move |seen| serve(&rows, &EVERYTHING, seen)).await.unwrap();
    assert_eq!((ids_of(&snapshot).len(), gap(&snapshot)), (4, None));
    let why = &snapshot.left_out[0].why;
    assert!(why.contains("the row a4") && why.contains("31.12.2026"), "{why}");
    let key = |node: &str| Key::new(&[ids.sym("i"), ids.sym(node), ids.sym("r")]);
    assert!(!snapshot.proves(&key("n4")) && snapshot.proves(&key("n")), "only its own node is unproven");
}

#[tokio::test]
async fn an_end_at_the_end_of_the_range_is_an_instant_like_any_other() {
    for end in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.9999999Z"] {
        let mut far = direct(1, "active");
        far["assignment"]["effective_to"] = json!(end);
        let (snapshot, ..) = read(move |seen| serve(&[far.clone()], &EVERYTHING, seen)).await.unwrap();
        assert_eq!((snapshot.rows.len(), snapshot.left_out.len()), (1, 0), "{end}");
    }
}

#[tokio::test]
async fn a_refused_page_size_names_the_limit_and_what_to_write() {
    let answer =
        |_: &Seen| (400, json!({"error": {"statusCode": 400, "code": "bad", "message": "take must be at most 50"}}));
    let text = refused(answer).await;
    assert!(text.contains("limits.page_size") && text.contains("limits: { page_size: 20 }"), "{text}");
}
