//! When to send: requests in flight, requests a second, the pauses that the API asks for, and the budget that all waiting comes from.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBuilder};
use governor::{DefaultDirectRateLimiter, Jitter, Quota, RateLimiter};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use tokio::time::Instant;

use super::gate::{Gate, Place};
use crate::model::{Limits, Stop};

/// The longest single wait that an API is granted. One that asks for more is tried again after this, and the event says so: a run that
/// sleeps for hours over one header looks dead.
const MAX_ASKED_WAIT: Duration = Duration::from_secs(600);

/// Waits from here on are told as they begin: a person who watches a silent terminal must know what it waits for.
pub(super) const TOLD_WAIT: Duration = Duration::from_secs(2);

/// The share of `requests_per_second` that may go out ahead of its turn. Timers are no finer than a millisecond or two: without it a high
/// rate would never be reached.
const AHEAD: f64 = 0.025;

/// The share by which the steady pace is slower in return: what goes ahead, and a little for what the way to the server squeezes together,
/// so that no second has more than its number. A run takes less than a twentieth longer than the limit alone would make it.
const SLOWER: f64 = 0.035;

/// Exponential backoff with full jitter: each wait is drawn between nothing and a ceiling that doubles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    /// The first ceiling.
    pub(super) first: Duration,
    /// No ceiling is higher.
    pub(super) longest: Duration,
}

/// Half a second forgives a hiccup; past half a minute a shorter wait costs an API nothing.
impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// The waits of one request, without end.
    pub(super) fn waits(self) -> impl Iterator<Item = Duration> + Send {
        ExponentialBuilder::new()
            .with_min_delay(self.first)
            .with_max_delay(self.longest)
            .without_max_times()
            .build()
            .map(|ceiling| Jitter::up_to(ceiling) + Duration::ZERO)
    }
}

/// Why there is no waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoWait {
    /// The budget does not cover it.
    Spent(Spent),
    /// A stop was asked for: what waits is not sent.
    Stopped,
}

/// The budget does not cover a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    /// What was waited so far.
    pub(super) waited: Duration,
    /// What may be waited in total.
    pub(super) budget: Duration,
}

/// A rate at which no run would come to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "limits.requests_per_second is not a number that allows at least one request an hour; correct it in the Target"
)]
pub(super) struct BadRate;

/// The longest time between two requests at the slowest rate: one hour. A run at a slower rate would look dead, and the
/// limiter counts in nanoseconds of 64 bits, which must not overflow.
const LONGEST_PERIOD: Duration = Duration::from_secs(3600);

/// The pace of one target, shared by its requests.
pub(super) struct Pace {
    in_flight: Gate,
    rate: Option<DefaultDirectRateLimiter>,
    /// The rate as the target gives it, for messages.
    per_second: f64,
    /// Whether the log has the line about a long wait for the rate.
    slow_told: AtomicBool,
    /// Held while waiting for the rate. It is fair, where the limiter would let a newcomer pass those who sleep.
    turn: tokio::sync::Mutex<()>,
    budget: Duration,
    waiting: Mutex<Waiting>,
    stop: Stop,
}

/// Waits overlap; time is charged once, however many requests wait through it.
#[derive(Debug, Default)]
struct Waiting {
    spent: Duration,
    charged_until: Option<Instant>,
    closed_until: Option<Instant>,
}

impl Pace {
    pub(super) fn new(limits: &Limits, stop: Stop) -> Result<Self, BadRate> {
        Ok(Self {
            in_flight: Gate::new(limits.concurrency),
            rate: limits.requests_per_second.map(rate_limiter).transpose()?.flatten(),
            per_second: limits.requests_per_second.unwrap_or(f64::INFINITY),
            slow_told: AtomicBool::new(false),
            turn: tokio::sync::Mutex::default(),
            budget: limits.retry_budget,
            waiting: Mutex::default(),
            stop,
        })
    }

    /// Waits for a place in flight, a slot of the rate, and the end of any pause. The place is held as long as the guard
    /// lives. After a stop nothing is admitted.
    pub(super) async fn admit(&self) -> Result<Place<'_>, NoWait> {
        loop {
            self.pause_over().await?;
            let place = self.unless_stopped(self.place()).await?;
            // A pause may have begun meanwhile: it holds for everybody, and nobody keeps a place while waiting.
            if self.closed_until().is_none() {
                return Ok(place);
            }
        }
    }

    /// A place in flight and a slot of the rate, in the order in which requests ask for them.
    async fn place(&self) -> Place<'_> {
        let place = self.in_flight.enter().await;
        if let Some(rate) = &self.rate {
            let _turn = self.turn.lock().await;
            let slots = async {
                for _ in 0..self.in_flight.cost() {
                    rate.until_ready().await;
                }
            };
            let mut slots = std::pin::pin!(slots);
            if tokio::time::timeout(TOLD_WAIT, &mut slots).await.is_err() {
                let per_second = self.per_second;
                let told = self.slow_told.swap(true, Ordering::Relaxed);
                if !told {
                    tracing::warn!(
                        per_second,
                        "limits.requests_per_second is low: each request waits for its turn; raise it in the Target"
                    );
                }
                slots.await;
            }
        }
        place
    }

    /// Closes the whole client for a while.
    pub(super) fn pause(&self, wait: Duration) -> Result<(), NoWait> {
        if self.stop.requested().is_some() {
            return Err(NoWait::Stopped);
        }
        let until = Instant::now() + wait;
        let mut waiting = self.lock();
        self.charge(&mut waiting, until).map_err(NoWait::Spent)?;
        waiting.closed_until = waiting.closed_until.max(Some(until));
        Ok(())
    }

    /// Waits on behalf of one request; the others go on.
    pub(super) async fn rest(&self, wait: Duration) -> Result<(), NoWait> {
        let until = Instant::now() + wait;
        self.charge(&mut self.lock(), until).map_err(NoWait::Spent)?;
        self.sleep_until(until).await
    }

    /// Waits, whatever is left of the budget.
    pub(super) async fn linger(&self, wait: Duration) -> Result<(), NoWait> {
        self.sleep_until(Instant::now() + wait).await
    }

    async fn sleep_until(&self, until: Instant) -> Result<(), NoWait> {
        self.unless_stopped(tokio::time::sleep_until(until)).await
    }

    async fn unless_stopped<T>(&self, wait: impl Future<Output = T>) -> Result<T, NoWait> {
        tokio::select! {
            biased;
            _ = self.stop.wait() => Err(NoWait::Stopped),
            done = wait => Ok(done),
        }
    }

    fn charge(&self, waiting: &mut Waiting, until: Instant) -> Result<(), Spent> {
        let from = waiting.charged_until.map_or_else(Instant::now, |charged| charged.max(Instant::now()));
        let spent = waiting.spent.saturating_add(until.saturating_duration_since(from));
        if spent > self.budget {
            return Err(Spent { waited: waiting.spent, budget: self.budget });
        }
        waiting.spent = spent;
        waiting.charged_until = waiting.charged_until.max(Some(until));
        Ok(())
    }

    /// Waits for the end of any pause.
    pub(super) async fn pause_over(&self) -> Result<(), NoWait> {
        while let Some(until) = self.closed_until() {
            self.sleep_until(until).await?;
        }
        Ok(())
    }

    fn closed_until(&self) -> Option<Instant> {
        self.lock().closed_until.filter(|until| *until > Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `None` for a rate so high that it limits nothing.
fn rate_limiter(per_second: f64) -> Result<Option<DefaultDirectRateLimiter>, BadRate> {
    // `as` saturates, which is what a burst needs.
    let burst = NonZeroU32::MIN.saturating_add((per_second * AHEAD) as u32);
    let steady = per_second - (per_second * SLOWER).floor().min(f64::from(u32::MAX));
    let period = Duration::try_from_secs_f64(1.0 / steady).map_err(|_| BadRate)?;
    if period > LONGEST_PERIOD {
        return Err(BadRate);
    }
    Ok(Quota::with_period(period).map(|quota| RateLimiter::direct(quota.allow_burst(burst))))
}

/// How long the API asks to wait: `Retry-After` as seconds or as a date; for a 429 else `X-RateLimit-Reset` as Unix seconds
/// (apis/semaphor.md: Limits). `None` where it asks for nothing, or for a moment that has passed.
pub(super) fn asked_wait(status: u16, headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let until = |moment: SystemTime| moment.duration_since(server_now(headers)?).ok();
    let retry_after = text(RETRY_AFTER.as_str()).and_then(|value| match seconds(value) {
        Some(wait) => Some(wait),
        None => httpdate::parse_http_date(value).ok().and_then(until),
    });
    let reset = || {
        let unix = text("x-ratelimit-reset").and_then(seconds)?;
        SystemTime::UNIX_EPOCH.checked_add(unix).and_then(until)
    };
    retry_after.or_else(|| if status == 429 { reset() } else { None }).filter(|wait| !wait.is_zero()).map(|wait| {
        if wait > MAX_ASKED_WAIT {
            tracing::warn!(asked_seconds = wait.as_secs(), "the API asks for a longer wait than it is granted");
        }
        wait.min(MAX_ASKED_WAIT)
    })
}

fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

/// The server's own clock, so that a wrong clock on this side changes no wait. Servers with a clock send it (RFC 9110 section 6.6.1);
/// without it a moment cannot be turned into a wait, and the ordinary backoff serves.
fn server_now(headers: &HeaderMap) -> Option<SystemTime> {
    let date = headers.get(DATE).and_then(|value| value.to_str().ok())?;
    httpdate::parse_http_date(date).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::model::Signal;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn limits(concurrency: usize, rate: Option<f64>, budget_ms: u64) -> Limits {
        Limits {
            concurrency,
            requests_per_second: rate,
            batch_size: 1,
            page_size: 1,
            timeout: Duration::from_secs(5),
            retry_budget: Duration::from_millis(budget_ms),
            settle_timeout: Limits::SETTLE_TIMEOUT,
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date_by_the_servers_clock() {
        assert_eq!(asked_wait(503, &headers(&[("retry-after", " 7 ")])), Some(Duration::from_secs(7)));
        let dated = [("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:49:57 GMT")];
        assert_eq!(asked_wait(503, &headers(&dated)), Some(Duration::from_secs(20)));
    }

    #[test]
    fn what_asks_for_nothing_is_left_to_the_backoff() {
        for value in ["0", "-1", "soon", "1.5", "", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(asked_wait(429, &headers(&[("retry-after", value)])), None, "{value}");
        }
    }

    #[test]
    fn the_rate_limit_reset_counts_for_429_only_and_after_retry_after() {
        let date = ("date", "Thu, 01 Jan 1970 00:16:40 GMT"); // 1000
        let reset = ("x-ratelimit-reset", "1012");
        assert_eq!(asked_wait(429, &headers(&[date, reset])), Some(Duration::from_secs(12)));
        assert_eq!(asked_wait(503, &headers(&[date, reset])), None);
        assert_eq!(asked_wait(429, &headers(&[date, reset, ("retry-after", "3")])), Some(Duration::from_secs(3)));
        assert_eq!(asked_wait(429, &headers(&[date, ("x-ratelimit-reset", "999")])), None);
    }

    #[test]
    fn no_wait_is_longer_than_granted_whatever_is_asked() {
        for value in ["86400", "99999999999999999999999999"] {
            assert_eq!(asked_wait(429, &headers(&[("retry-after", value)])), Some(MAX_ASKED_WAIT), "{value}");
        }
        let date = ("date", "Thu, 01 Jan 1970 00:16:40 GMT");
        let reset = ("x-ratelimit-reset", "99999999999");
        assert_eq!(asked_wait(429, &headers(&[date, reset])), Some(MAX_ASKED_WAIT));
        assert_eq!(asked_wait(429, &headers(&[reset])), None, "without the server's clock a moment is no wait");
    }

    #[test]
    fn backoff_draws_below_a_ceiling_that_doubles_up_to_the_longest() {
        let backoff = Backoff { first: Duration::from_millis(10), longest: Duration::from_millis(40) };
        let mut highest = [Duration::ZERO; 5];
        for _ in 0..200 {
            for (seen, wait) in highest.iter_mut().zip(backoff.waits()) {
                *seen = wait.max(*seen);
            }
        }
        for (seen, ceiling) in highest.iter().zip([10, 20, 40, 40, 40]) {
            assert!(*seen <= Duration::from_millis(ceiling), "{seen:?} of {ceiling} ms");
            // 200 draws that all stay below half of the ceiling would be a wrong distribution, not bad luck.
            assert!(*seen > Duration::from_millis(ceiling / 2), "{seen:?} of {ceiling} ms");
        }
    }

    #[tokio::test]
    async fn waits_that_overlap_are_charged_once() {
        let pace = Pace::new(&limits(1, None, 1000), Stop::default()).unwrap();
        for _ in 0..50 {
            pace.pause(Duration::from_millis(500)).unwrap();
        }
        let NoWait::Spent(spent) = pace.pause(Duration::from_millis(1500)).unwrap_err() else {
            panic!("nobody asked for a stop");
        };
        assert_eq!(spent.budget, Duration::from_millis(1000));
        assert!(spent.waited >= Duration::from_millis(500) && spent.waited < Duration::from_millis(900), "{spent:?}");
    }

    #[tokio::test]
    async fn a_pause_keeps_everybody_out_until_it_is_over() {
        let pace = Pace::new(&limits(4, None, 10_000), Stop::default()).unwrap();
        pace.pause(Duration::from_millis(120)).unwrap();
        let started = Instant::now();
        let place = pace.admit().await;
        assert!(place.is_ok() && started.elapsed() >= Duration::from_millis(120));
    }

    #[tokio::test]
    async fn a_stop_ends_every_wait_and_admits_nothing() {
        let stop = Stop::default();
        let pace = Pace::new(&limits(1, None, 100_000), stop.clone()).unwrap();
        let started = Instant::now();
        let rest = pace.rest(Duration::from_secs(60));
        let (rest, ()) = tokio::join!(rest, async { stop.request(Signal::Interrupt) });
        assert_eq!(rest, Err(NoWait::Stopped));
        assert_eq!(pace.pause(Duration::from_secs(60)), Err(NoWait::Stopped));
        assert_eq!(pace.admit().await.err(), Some(NoWait::Stopped));
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_stop_reaches_what_waits_for_a_pause_a_place_or_the_rate() {
        let paused = Pace::new(&limits(1, None, 100_000), Stop::default()).unwrap();
        paused.pause(Duration::from_secs(60)).unwrap();
        let full = Pace::new(&limits(1, None, 0), Stop::default()).unwrap();
        let _place = full.admit().await.unwrap();
        let slow = Pace::new(&limits(2, Some(0.001), 0), Stop::default()).unwrap();
        drop(slow.admit().await);
        for (pace, what) in [(&paused, "a pause"), (&full, "a place"), (&slow, "the rate")] {
            let (admitted, ()) = tokio::join!(pace.admit(), async { pace.stop.request(Signal::Terminate) });
            assert_eq!(admitted.err(), Some(NoWait::Stopped), "it waits for {what}");
        }
    }

    #[tokio::test]
    async fn slots_of_the_rate_go_to_requests_in_the_order_in_which_they_ask() {
        let pace = Pace::new(&limits(16, Some(400.0), 0), Stop::default()).unwrap();
        let order = Mutex::new(Vec::new());
        let all = (0..64).map(|n| {
            let (pace, order) = (&pace, &order);
            async move {
                let _place = pace.admit().await;
                order.lock().unwrap().push(n);
            }
        });
        futures::future::join_all(all).await;
        assert_eq!(order.into_inner().unwrap(), Vec::from_iter(0..64));
    }

    #[tokio::test]
    async fn the_rate_is_kept() {
        let pace = Pace::new(&limits(8, Some(50.0), 0), Stop::default()).unwrap();
        let started = Instant::now();
        for _ in 0..11 {
            drop(pace.admit().await);
        }
        // One may go ahead of its turn; the other 9 follow at 49 a second.
        assert!(started.elapsed() >= Duration::from_millis(180), "{:?}", started.elapsed());
    }

    #[test]
    fn a_rate_that_is_no_rate_is_refused_and_an_endless_one_limits_nothing() {
        for rate in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY, f64::MIN_POSITIVE, 1e-300, 1e-12, 1e-10, 1e-9, 2e-4] {
            assert_eq!(Pace::new(&limits(1, Some(rate), 0), Stop::default()).err(), Some(BadRate), "{rate}");
        }
        for endless in [1e30, f64::MAX, f64::INFINITY] {
            assert!(Pace::new(&limits(0, Some(endless), 0), Stop::default()).unwrap().rate.is_none(), "{endless}");
        }
    }
}
