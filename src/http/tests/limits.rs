//! Requests in flight and requests a second, seen from the server.

use std::time::{Duration, Instant};

use super::server::{Server, json};
use super::{Setup, read, write};
use crate::http::HttpError;

#[tokio::test]
async fn no_more_requests_are_in_flight_than_allowed_and_no_fewer_than_possible() {
    let server = Server::start(|_, _| json(200, "{}").after(Duration::from_millis(30))).await;
    let mut setup = Setup::to(&server.url);
    setup.limits.concurrency = 3;
    let client = setup.client();
    let ends = futures::future::join_all((0..24).map(|_| client.send(read()))).await;
    assert!(ends.iter().all(Result::is_ok));
    assert_eq!(server.most_at_once(), 3);
}

#[tokio::test]
async fn a_request_that_waits_for_its_retry_takes_no_place_in_flight() {
    // The first is lost and rests for a while; with one place, the other must go on meanwhile.
    let server = Server::start(|number, _| json(if number == 0 { 500 } else { 200 }, "{}")).await;
    let mut setup = Setup::to(&server.url);
    setup.limits.concurrency = 1;
    setup.tuning.backoff.first = Duration::from_secs(3600);
    setup.tuning.backoff.longest = Duration::from_secs(3600);
    let client = setup.budget(Duration::from_secs(36_000)).client();
    let resting = tokio::spawn({
        let client = client.clone();
        async move { client.send(read()).await }
    });
    while server.seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let other = tokio::time::timeout(Duration::from_secs(5), client.send(read())).await;
    assert_eq!(other.expect("not held up").unwrap().status, 200);
    resting.abort();
}

#[tokio::test]
async fn requests_a_second_are_kept() {
    let server = Server::start(|_, _| json(200, "{}")).await;
    let mut setup = Setup::to(&server.url);
    setup.limits.requests_per_second = Some(40.0);
    let client = setup.client();
    let started = Instant::now();
    let ends = futures::future::join_all((0..10).map(|_| client.send(read()))).await;
    assert!(ends.iter().all(Result::is_ok));
    // One may go ahead of its turn; the other 8 follow at 39 a second.
    assert!(started.elapsed() >= Duration::from_millis(195), "{:?}", started.elapsed());
}

#[tokio::test]
async fn reads_and_writes_share_the_rate_in_the_order_in_which_they_come() {
    let server = Server::start(|_, _| json(200, "{}")).await;
    let mut setup = Setup::to(&server.url);
    setup.limits.requests_per_second = Some(400.0);
    let client = setup.client();
    let both = (0..40).flat_map(|_| [client.send(read()), client.send(write())]);
    assert!(futures::future::join_all(both).await.iter().all(Result::is_ok));
    let mut ahead = 0_i32;
    for seen in server.seen() {
        ahead += if seen.method == "GET" { 1 } else { -1 };
        // Four are under way at once, and may overtake each other on the wire.
        assert!(ahead.abs() <= 4, "{ahead}");
    }
}

#[test]
fn a_rate_that_is_no_rate_is_refused_at_once() {
    let mut setup = Setup::to(&"http://127.0.0.1:1".parse().unwrap());
    setup.limits.requests_per_second = Some(0.0);
    let error = setup.build().unwrap_err();
    assert!(matches!(error, HttpError::NotSent { .. }) && error.to_string().contains("requests_per_second"), "{error}");
}

#[tokio::test]
async fn an_api_that_is_pressed_too_hard_is_pressed_less() {
    let server =
        Server::start(|number, _| json(if number == 0 { 429 } else { 200 }, "{}").after(Duration::from_millis(40)))
            .await;
    let mut setup = Setup::to(&server.url);
    setup.limits.concurrency = 8;
    let client = setup.client();
    assert_eq!(client.send(read()).await.unwrap().status, 200);
    let ends = futures::future::join_all((0..8).map(|_| client.send(read()))).await;
    assert!(ends.iter().all(Result::is_ok));
    let most = server.most_at_once();
    assert!((4..8).contains(&most), "halved by the refusal: {most}");
    // Enough good answers later it has recovered.
    let ends = futures::future::join_all((0..60).map(|_| client.send(read()))).await;
    assert!(ends.iter().all(Result::is_ok));
    assert_eq!(server.most_at_once(), 8);
}
