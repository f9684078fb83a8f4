//! What is resent after which accident, and when it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::Url;

use super::server::{Reply, Server, json};
use super::{Setup, read, write};
use crate::http::{HttpError, Request, Safety};
use crate::model::{Signal, Stop};

/// Answers `bad` to the first `n` requests and 200 to the rest.
async fn recovering(n: usize, bad: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |number, _| if number < n { bad() } else { json(200, "{}").into() }).await
}

fn all_kinds() -> [Request; 3] {
    [read(), write().safety(Safety::Idempotent), write()]
}

#[tokio::test]
async fn a_429_is_resent_whatever_the_request() {
    for request in all_kinds() {
        let server = recovering(2, || json(429, "").into()).await;
        let client = Setup::to(&server.url).client();
        assert_eq!(client.send(request).await.unwrap().status, 200);
        assert_eq!((client.requests(), server.seen().len()), (3, 3));
    }
}

#[tokio::test]
async fn a_503_is_resent_where_it_means_not_done() {
    for request in [read(), write().safety(Safety::Idempotent), write().refused_by_503()] {
        let server = recovering(2, || json(503, "").into()).await;
        assert_eq!(Setup::to(&server.url).client().send(request).await.unwrap().status, 200);
        assert_eq!(server.seen().len(), 3);
    }
}

#[tokio::test]
async fn a_503_to_a_write_that_must_not_be_repeated_is_an_answer_and_the_next_read_waits() {
    let server = recovering(1, || json(503, r#"{"detail": "busy"}"#).with("retry-after", 1).into()).await;
    let client = Setup::to(&server.url).client();
    let started = Instant::now();
    let answer = client.send(write()).await.unwrap();
    assert_eq!((answer.status, server.seen().len()), (503, 1));
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
    client.send(read()).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_503_to_such_a_write_may_have_been_done_when_the_budget_is_gone() {
    let server = Server::start(|_, _| json(503, "")).await;
    let client = Setup::to(&server.url).budget(Duration::ZERO).client();
    let answer = client.send(write()).await.unwrap();
    assert_eq!((answer.status, answer.says_when_to_retry()), (503, false), "for the provider to judge");
    let error = client.send(write().refused_by_503()).await.unwrap_err();
    assert!(matches!(error, HttpError::BudgetSpent { .. }) && !error.may_have_happened(), "{error:?}");
}

/// A server that answers the first request of each connection and closes the connection when a second one arrives.
async fn closing_reused_connections() -> (Url, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let lost = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lost);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut buffer = [0_u8; 4096];
                if stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {
                    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
                    let _ = stream.write_all(answer.as_bytes()).await;
                    if stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    (url, lost)
}

#[tokio::test]
async fn a_peer_that_closes_every_reused_connection_loses_one_write_and_no_more() {
    let (url, lost) = closing_reused_connections().await;
    let client = Setup::to(&url).client();
    client.send(read()).await.unwrap();
    let error = client.send(write()).await.unwrap_err();
    assert!(error.stale_connection() && error.may_have_happened(), "{error:?}");
    for _ in 0..3 {
        client.send(read()).await.unwrap();
        client.send(write()).await.unwrap();
    }
    assert!(lost.load(Ordering::SeqCst) <= 4, "reads repeat themselves; writes open connections of their own");
}

#[tokio::test]
async fn retry_after_is_waited_for_and_slows_the_whole_client() {
    let server = recovering(1, || json(429, "").with("retry-after", 1).into()).await;
    let client = Setup::to(&server.url).client();
    let started = Instant::now();
    let first = tokio::spawn({
        let client = client.clone();
        async move { client.send(write()).await.unwrap().status }
    });
    while server.seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let second = client.send(read()).await.unwrap().status;
    assert!(started.elapsed() >= Duration::from_secs(1), "the other one waits too: {:?}", started.elapsed());
    assert_eq!((first.await.unwrap(), second, server.seen().len()), (200, 200, 3));
}

#[tokio::test]
async fn the_budget_ends_it_and_the_error_says_what_was_seen() {
    let server = Server::start(|_, _| json(503, r#"{"detail": "Catalog manager is in maintenance mode"}"#)).await;
    let client = Setup::to(&server.url).budget(Duration::from_millis(60)).client();
    let started = Instant::now();
    let error = client.send(read()).await.unwrap_err();
    assert!(matches!(error, HttpError::BudgetSpent { .. }) && error.temporary(), "{error:?}");
    for part in ["GET /things at 127.0.0.1", "503", "maintenance mode", "limits.retry_budget"] {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
    assert!(client.requests() > 5, "waits of at most 8 ms: {}", client.requests());
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_wait_that_the_budget_does_not_cover_is_not_begun() {
    let server = Server::start(|_, _| json(429, "").with("retry-after", 3600)).await;
    let client = Setup::to(&server.url).client();
    let started = Instant::now();
    let error = client.send(read()).await.unwrap_err();
    assert!(matches!(error, HttpError::BudgetSpent { .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(2) && client.requests() == 1);
}

#[tokio::test]
async fn requests_side_by_side_share_one_budget() {
    let server = Server::start(|_, _| json(503, "")).await;
    let client = Setup::to(&server.url).budget(Duration::from_millis(60)).client();
    let started = Instant::now();
    let ends = futures::future::join_all((0..40).map(|_| client.send(read()))).await;
    assert!(ends.iter().all(|end| end.as_ref().is_err_and(HttpError::temporary)));
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test]
async fn no_connection_is_tried_until_the_budget_ends_and_nothing_has_happened() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for request in all_kinds() {
        let url = format!("http://{closed}").parse().unwrap();
        let client = Setup::to(&url).budget(Duration::from_millis(40)).client();
        let error = client.send(request).await.unwrap_err();
        assert!(matches!(error, HttpError::BudgetSpent { .. }) && error.temporary(), "{error:?}");
        assert!(!error.may_have_happened() && client.requests() > 2, "{error} after {}", client.requests());
        assert!(error.to_string().contains("no connection to 127.0.0.1"), "{error}");
    }
}

#[tokio::test]
async fn other_5xx_are_resent_a_few_times_and_only_where_that_is_safe() {
    for (request, expected) in
        [(read(), 5), (write().safety(Safety::Idempotent), 5), (write(), 1), (write().refused_by_503(), 1)]
    {
        let server = Server::start(|_, _| json(502, "")).await;
        let answer = Setup::to(&server.url).client().send(request).await.unwrap();
        assert_eq!((answer.status, server.seen().len()), (502, expected));
    }
}

#[tokio::test]
async fn a_fault_that_passes_is_not_seen() {
    for bad in [
        || Reply::Drop,
        || json(500, "").into(),
        || Reply::Raw(b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n{".to_vec()),
    ] {
        let server = recovering(3, bad).await;
        let answer = Setup::to(&server.url).client().send(read()).await.unwrap();
        assert_eq!((answer.status, server.seen().len()), (200, 4));
    }
}

#[tokio::test]
async fn a_lost_write_that_must_not_be_repeated_is_sent_once() {
    let accidents: [fn() -> Reply; 3] = [
        || Reply::Drop,
        || {
            Reply::Raw(
                b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"id\":".to_vec(),
            )
        },
        || Reply::Raw(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
    ];
    for bad in accidents {
        let server = Server::start(move |_, _| bad()).await;
        let error = Setup::to(&server.url).client().send(write()).await.unwrap_err();
        assert!(matches!(error, HttpError::Lost { .. }), "{error:?}");
        assert!(error.may_have_happened() && !error.temporary());
        assert!(
            error.to_string().contains("POST /things") && error.to_string().contains("read before sending it again"),
            "{error}"
        );
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn reads_that_are_lost_again_and_again_end_as_temporary() {
    let server = Server::start(|_, _| Reply::Drop).await;
    let client = Setup::to(&server.url).client();
    let error = client.send(read()).await.unwrap_err();
    assert!(matches!(error, HttpError::Lost { .. }) && error.temporary() && !error.may_have_happened(), "{error:?}");
    assert_eq!(client.requests(), 5);
}

#[tokio::test]
async fn a_slow_drip_is_cut_off_by_the_timeout_of_the_whole_request() {
    let server = Server::start(|_, _| Reply::Drip).await;
    let client = Setup::to(&server.url).timeout(Duration::from_millis(200)).client();
    let started = Instant::now();
    let error = client.send(write()).await.unwrap_err();
    assert!(matches!(error, HttpError::Lost { .. }) && error.to_string().contains("limits.timeout"), "{error:?}");
    assert!(started.elapsed() >= Duration::from_millis(200) && started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_lost_attempt_is_not_forgotten_when_the_budget_ends_later() {
    let server =
        Server::start(|number, _| if number == 0 { Reply::Drop } else { json(429, "").with("retry-after", 60).into() })
            .await;
    let client = Setup::to(&server.url).client();
    let error = client.send(write().safety(Safety::Idempotent)).await.unwrap_err();
    assert!(matches!(error, HttpError::BudgetSpent { .. }) && error.may_have_happened(), "{error:?}");
}

#[tokio::test]
async fn a_stop_ends_the_retries_and_forgets_no_accident() {
    let server = Server::start(|number, _| match number {
        0 => Reply::Drop,
        _ => json(503, "").with("retry-after", 60).into(),
    })
    .await;
    let stop = Stop::default();
    let client = Setup::to(&server.url).budget(Duration::from_secs(600)).stopped_by(&stop).client();
    let started = Instant::now();
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.send(write().safety(Safety::Idempotent)).await }
    });
    while server.seen().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    stop.request(Signal::Interrupt);
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, HttpError::Stopped { .. }) && error.may_have_happened() && error.temporary(), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(10) && server.seen().len() == 2);
}

#[tokio::test]
async fn after_a_stop_no_request_is_sent() {
    let server = Server::start(|_, _| json(200, "{}")).await;
    let stop = Stop::default();
    let client = Setup::to(&server.url).stopped_by(&stop).client();
    assert_eq!(client.send(read()).await.unwrap().status, 200);
    stop.request(Signal::Terminate);
    for request in [read(), write(), write().safety(Safety::Idempotent)] {
        let error = client.send(request).await.unwrap_err();
        assert!(matches!(error, HttpError::Stopped { .. }) && !error.may_have_happened(), "{error:?}");
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn after_a_stop_a_read_under_way_is_given_up_and_a_write_has_the_grace_time() {
    let server = Server::start(|_, _| json(200, "{}").after(Duration::from_secs(600))).await;
    for (request, grace, least, maybe_done) in [
        (read(), Duration::from_secs(600), Duration::ZERO, false),
        (write(), Duration::from_millis(100), Duration::from_millis(100), true),
        (write().safety(Safety::Idempotent), Duration::from_millis(100), Duration::from_millis(100), true),
    ] {
        let stop = Stop::with_grace(grace);
        let client = Setup::to(&server.url).timeout(Duration::from_secs(600)).stopped_by(&stop).client();
        let before = server.seen().len();
        let stopping = async {
            while server.seen().len() == before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            stop.request(Signal::Interrupt);
            Instant::now()
        };
        let (answer, stopped) = tokio::join!(client.send(request), stopping);
        let error = answer.unwrap_err();
        assert_eq!(error.may_have_happened(), maybe_done, "{error:?}");
        assert!(stopped.elapsed() >= least && stopped.elapsed() < Duration::from_secs(20));
        assert_eq!(server.seen().len(), before + 1, "nothing is sent a second time");
    }
}

/// A server that closes each connection some milliseconds after its first answer, without having said so; on a thread of its own.
fn one_answer_a_connection() -> url::Url {
    use std::io::{Read as _, Write as _};
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut request) = (stream.unwrap(), Vec::new());
            while !request.ends_with(b"\r\n\r\n") && !request.ends_with(b"}") {
                let mut part = [0; 1024];
                let read = stream.read(&mut part).unwrap();
                request.extend_from_slice(&part[..read]);
            }
            stream.write_all(ANSWER).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    url
}

/// As the program runs: one thread for the network, and its own, which does not await while it plans. With one thread for both, the
/// write goes into the dead connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_write_goes_into_a_connection_that_was_closed_while_the_program_was_busy() {
    let client = Setup::to(&one_answer_a_connection()).client();
    assert_eq!(client.send(read()).await.unwrap().status, 200);
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(client.send(write()).await.unwrap().status, 200);
    }
}
