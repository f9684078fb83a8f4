//! The request to stop. The command line makes it on a signal. The HTTP client and the executor look at it before every
//! request, and end their waits when it comes.

use std::fmt::{Display, Formatter, Result as FmtResult};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Seconds that requests under way have to be answered after a stop. GitHub Actions sends SIGTERM 7.5 s after SIGINT and
/// kills at 10 s; `docker stop` kills at 10 s. Three seconds remain for the reports.
pub const STOP_GRACE: Duration = Duration::from_secs(7);

/// The signal that asked for the stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGINT, as by Ctrl-C.
    Interrupt,
    /// SIGTERM, as by `docker stop`.
    Terminate,
}

impl Display for Signal {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str(match self {
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
        })
    }
}

/// A request to stop sending. Clones share one state; it cannot be taken back.
#[derive(Debug, Clone)]
pub struct Stop {
    requested: Arc<watch::Sender<Option<Request>>>,
    grace: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Request {
    signal: Signal,
    at: Instant,
}

impl Default for Stop {
    fn default() -> Self {
        Self::with_grace(STOP_GRACE)
    }
}

impl Stop {
    /// A stop with another time than [`STOP_GRACE`] for requests under way.
    pub fn with_grace(grace: Duration) -> Self {
        Self { requested: Arc::new(watch::Sender::new(None)), grace }
    }

    /// Requests the stop. The first request decides about the signal and the time.
    pub fn request(&self, signal: Signal) {
        self.requested.send_if_modified(|requested| {
            let first = requested.is_none();
            requested.get_or_insert_with(|| Request { signal, at: Instant::now() });
            first
        });
    }

    /// The first signal that requested the stop.
    pub fn requested(&self) -> Option<Signal> {
        self.requested.borrow().map(|request| request.signal)
    }

    /// Returns the signal once the stop is requested.
    pub async fn wait(&self) -> Signal {
        self.first_request().await.signal
    }

    /// Returns when requests under way are no longer waited for: `extra` after the grace time.
    pub async fn grace_over(&self, extra: Duration) {
        let Request { at, .. } = self.first_request().await;
        sleep_until(at + self.grace + extra).await;
    }

    async fn first_request(&self) -> Request {
        let mut requests = self.requested.subscribe();
        loop {
            if let Some(request) = *requests.borrow_and_update() {
                return request;
            }
            if requests.changed().await.is_err() {
                // The sender lives in `self`, so this cannot happen.
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_decides() {
        let stop = Stop::default();
        assert_eq!(stop.requested(), None);
        stop.request(Signal::Terminate);
        stop.clone().request(Signal::Interrupt);
        assert_eq!(stop.requested(), Some(Signal::Terminate));
    }

    #[tokio::test]
    async fn the_grace_time_counts_from_the_first_request() {
        let stop = Stop::with_grace(Duration::from_millis(40));
        let started = Instant::now();
        let (signal, (), ()) =
            tokio::join!(stop.wait(), stop.grace_over(Duration::ZERO), async { stop.request(Signal::Interrupt) });
        assert_eq!(signal, Signal::Interrupt);
        assert!(started.elapsed() >= Duration::from_millis(40), "{:?}", started.elapsed());
        stop.grace_over(Duration::ZERO).await; // it is over for everyone
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
