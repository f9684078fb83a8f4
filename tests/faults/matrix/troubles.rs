//! What goes wrong, case by case.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use assignctl::apply::{self, READ_ATTEMPTS};
use assignctl::sandbox::{Clock, LoggedRequest, Options};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use super::super::drive::FIRST_WAIT;
use super::super::routes::{Class, ROUTES, Route};
use super::super::worlds::PARTIUM;
use super::cases::{ALL_LANDED, Case, DRIP, Effect, Fault, LONG_LAG, SLOW, TIMEOUT, Trouble, When};
use super::expected::expected;
use super::trial::{Findings, Reference, Trial, stage};

pub(super) async fn run(case: &Case, reference: &Reference) -> Findings {
    match case.trouble {
        Trouble::Wire { route, fault, when } => wire(case, reference, route, fault, when).await,
        Trouble::Lag { by } => lag(case, reference, by, None).await,
        Trouble::LagAndLost { by, route } => lag(case, reference, by, Some(route)).await,
        Trouble::Expired { after } => expired(case, reference, after).await,
        Trouble::Shifted { page, write, key } => shifted(case, reference, page, (write, key)).await,
    }
}

pub(super) async fn wire(case: &Case, reference: &Reference, route: &Route, fault: &Fault, when: When) -> Findings {
    let timeout = if matches!(fault.text, SLOW | DRIP) { TIMEOUT } else { Duration::from_secs(20) };
    let stage = stage(case.world, Options::default(), timeout).await;
    let passed = reference.planning.iter().filter(|request| route.matches(request)).count();
    let skip = if when.is_after_planning() { passed } else { 0 };
    let count = if when.is_once() { "1" } else { "*" };
    let text = format!("{} {}={}:{count}@{skip}", route.method, route.path, fault.text);
    let mut trial = Trial::new(case, reference, stage);
    for round in 0..=usize::from(case.repeated) {
        trial.stage.server.clear_faults();
        trial.stage.server.add_fault(text.parse().unwrap_or_else(|error| panic!("{error}")));
        let ran = trial.stage.apply().await;
        let codes = expected(route, fault.effect, when);
        // What the first apply has done, the second need not do, and may not meet the fault at all.
        let codes = if round == 0 { codes.to_vec() } else { [codes, &[0]].concat() };
        trial.check(&ran, &codes);
        if matches!(fault.effect, Effect::Late { .. }) {
            tokio::time::sleep(ALL_LANDED).await;
        }
    }
    trial.finish().await
}

/// Reads that show writes late, with one write's answer lost or with none. A lag that is shorter than the verification's patience is not noticed; a longer one is told.
pub(super) async fn lag(case: &Case, reference: &Reference, by: Duration, lost: Option<&Route>) -> Findings {
    let stage = stage(case.world, Options { visibility_lag: by, ..Options::default() }, Duration::from_secs(20)).await;
    if let Some(route) = lost {
        let text = format!("{} {}=drop-after", route.method, route.path);
        stage.server.add_fault(text.parse().unwrap_or_else(|error| panic!("{error}")));
    }
    let patient = by < LONG_LAG;
    let mut trial = Trial::new(case, reference, stage);
    let read_attempts = if patient { READ_ATTEMPTS + 4 } else { 2 };
    let options = apply::Options { read_attempts, first_wait: FIRST_WAIT, ..apply::Options::default() };
    let ran = trial.stage.apply_with(&options).await;
    // What the answer proved is done; a Partium delete proves nothing by its answer.
    let codes: &[u8] = if !patient && case.world.name == PARTIUM.name { &[5] } else { &[0] };
    trial.check(&ran, codes);
    tokio::time::sleep(by).await;
    trial.finish().await
}

/// The server's clock jumps, so that a token that the client holds for good is refused.
pub(super) async fn expired(case: &Case, reference: &Reference, after: usize) -> Findings {
    let (ahead, seen) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicUsize::new(0)));
    let clock = {
        let ahead = Arc::clone(&ahead);
        Clock::from_fn(move || jiff::Timestamp::now() + jiff::SignedDuration::from_secs(ahead.load(Ordering::SeqCst)))
    };
    let log = move |_: &LoggedRequest| {
        if seen.fetch_add(1, Ordering::SeqCst) + 1 == after {
            ahead.store(2 * 60 * 60, Ordering::SeqCst);
        }
    };
    let options = Options { clock, log: Some(Box::new(log)), ..Options::default() };
    let stage = stage(case.world, options, Duration::from_secs(20)).await;
    let mut trial = Trial::new(case, reference, stage);
    let ran = trial.stage.apply().await;
    trial.check(&ran, &[0]);
    trial.finish().await
}

/// Somebody else writes between two pages. What comes of it is told or noticed; nothing that was declared and live is touched.
pub(super) async fn shifted(
    case: &Case,
    reference: &Reference,
    page: usize,
    (write, key): (&'static str, &'static str),
) -> Findings {
    let route = ROUTES.iter().find(|route| route.world.name == case.world.name && route.class == Class::Read);
    let route = route.expect("the world has a list");
    let (notify, seen) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let log = {
        let notify = Arc::clone(&notify);
        move |request: &LoggedRequest| {
            if route.matches(request) && seen.fetch_add(1, Ordering::SeqCst) == page {
                notify.notify_one();
            }
        }
    };
    let stage =
        stage(case.world, Options { log: Some(Box::new(log)), ..Options::default() }, Duration::from_secs(20)).await;
    let slow = format!("{} {}=slow=60ms:1@{page}", route.method, route.path);
    stage.server.add_fault(slow.parse().unwrap_or_else(|error| panic!("{error}")));
    let addr = stage.server.addr();
    let foreign = async {
        notify.notified().await;
        send(addr, write).await;
    };
    let (ran, ()) = futures::future::join(stage.apply(), foreign).await;
    let mut trial = Trial::new(case, reference, stage).beside(key);
    let codes: &[u8] = &[0, 1, 5];
    trial.check(&ran, codes);
    trial.finish().await
}

/// Sends a request, written as `METHOD PATH` and the body on the lines after it, as somebody else would.
pub(super) async fn send(addr: std::net::SocketAddr, request: &str) {
    let (head, body) = request.split_once('\n').unwrap_or((request, ""));
    let mut stream = tokio::net::TcpStream::connect(addr).await.expect("the sandbox takes connections");
    let text = format!(
        "{head} HTTP/1.1\r\nhost: {addr}\r\nauthorization: Bearer sandbox\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.expect("the sandbox reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the sandbox answers");
    assert!(answer.starts_with("HTTP/1.1 2"), "{head}: {answer}");
}
