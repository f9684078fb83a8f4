//! The server's clock, by the `Date` of its answers (RFC 9110, section 6.6.1). The local clock is not read here: whoever has one compares.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::header::{AGE, DATE, HeaderMap, HeaderName};

/// Milliseconds that `Date` cuts off: it counts in seconds.
const RESOLUTION_MS: i64 = 999;

/// What the newest answer shows of the server's clock.
#[derive(Debug, Default)]
pub(super) struct ServerClock(Mutex<Option<Shown>>);

/// One answer's date.
#[derive(Debug, Clone, Copy)]
struct Shown {
    /// Milliseconds since 1970.
    date: i64,
    sent: Instant,
    received: Instant,
}

/// The server's time now: a span, since an answer does not show when between sending and receipt it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerTime {
    /// Not before, in milliseconds since 1970.
    pub earliest: i64,
    /// Not after.
    pub latest: i64,
}

impl ServerClock {
    /// Notes an answer that came now. An unreadable `Date` says nothing.
    pub(super) fn note(&self, headers: &HeaderMap, sent: Instant) {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(date) = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()) else { return };
        // A cache repeats the date of the first answer, and says how long ago that was.
        let age = text(AGE).and_then(|age| age.trim().parse::<u32>().ok()).unwrap_or(0);
        let date = milliseconds(date).saturating_add(i64::from(age) * 1000);
        let shown = Shown { date, sent, received: Instant::now() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
    }

    /// The server's time now; `None`: no answer showed it.
    pub(super) fn now(&self) -> Option<ServerTime> {
        let Shown { date, sent, received } = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        let since = |moment: Instant| i64::try_from(moment.elapsed().as_millis()).unwrap_or(i64::MAX);
        Some(ServerTime {
            earliest: date.saturating_add(since(received)),
            latest: date.saturating_add(RESOLUTION_MS).saturating_add(since(sent)),
        })
    }
}

impl ServerTime {
    /// Milliseconds by which the server's clock is ahead of a local time, at least.
    pub fn ahead_of(self, local: i64) -> i64 {
        if self.earliest > local {
            self.earliest.saturating_sub(local)
        } else if self.latest < local {
            self.latest.saturating_sub(local)
        } else {
            0
        }
    }
}

fn milliseconds(time: SystemTime) -> i64 {
    let since = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => since(after),
        Err(before) => since(before.duration()).saturating_neg(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn a_time_within_the_span_is_no_difference() {
        let time = ServerTime { earliest: 10_000, latest: 12_000 };
        assert_eq!([9_000, 10_000, 11_000, 12_000, 13_500].map(|local| time.ahead_of(local)), [1_000, 0, 0, 0, -1_500]);
        let far = ServerTime { earliest: i64::MAX, latest: i64::MAX };
        assert_eq!(far.ahead_of(i64::MIN), i64::MAX);
    }

    #[test]
    fn a_slow_answer_is_no_wrong_clock() {
        let clock = ServerClock::default();
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static("Thu, 01 Jan 1970 00:01:40 GMT"));
        let sent = Instant::now().checked_sub(Duration::from_secs(90)).unwrap();
        clock.note(&headers, sent);
        assert_eq!(clock.now().unwrap().ahead_of(190_000), 0);
        headers.insert(AGE, HeaderValue::from_static("300"));
        clock.note(&headers, sent);
        assert_eq!(clock.now().unwrap().ahead_of(450_000), 0, "an answer from a cache shows when it was made");
    }

    #[test]
    fn dates_that_make_no_sense_do_not_count_and_do_not_panic() {
        for date in ["", "garbage", "Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "0", "-1", "\t"] {
            let clock = ServerClock::default();
            let mut headers = HeaderMap::new();
            headers.insert(DATE, HeaderValue::from_bytes(date.as_bytes()).unwrap());
            headers.insert(AGE, HeaderValue::from_static("-99999999999"));
            clock.note(&headers, Instant::now());
            assert_eq!(clock.now().is_some(), date.contains("9999"), "{date}");
        }
    }
}
