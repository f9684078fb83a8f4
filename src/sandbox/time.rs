//! Instants as the four APIs print them: RFC 3339, UTC, milliseconds; and the clock that the server reads.
//!
//! Knows nothing of any API.

use std::{fmt, sync::Arc};

use jiff::{SignedDuration, Timestamp, civil::DateTime, fmt::temporal::DateTimeParser};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Where the server takes "now" from: the system, or a fixed instant so that a scenario answers the same every time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// A clock that stands still. Tokens then never expire, and rate-limit windows never end.
    pub fn fixed(at: Timestamp) -> Self {
        Self(Arc::new(move || at))
    }

    /// A clock that the caller moves.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(super) fn now(&self) -> Instant {
        Instant((self.0)().as_millisecond())
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// An instant in milliseconds since the Unix epoch: the precision of the APIs (apis/canopy.md: Dates and lifecycle).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// Reads an RFC 3339 date-time with any offset.
    pub fn parse(text: &str) -> Result<Self, String> {
        let at = text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond).or_else(|| last_day(text)).map(Self);
        at.ok_or_else(|| format!("`{text}` is not an RFC 3339 date-time with an offset, such as 2026-12-31T23:59:59Z"))
    }

    pub(super) fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000)))
    }

    pub(super) fn minus_days(self, days: i64) -> Self {
        Self(self.0.saturating_sub(days.saturating_mul(86_400_000)))
    }

    pub(super) fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

/// 1970-01-01 as civil time, from which instants count.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// The last day of the year 9999, which services write for "never", lies after the last [`Timestamp`].
fn last_day(text: &str) -> Option<i64> {
    let pieces = DateTimeParser::new().parse_pieces(text).ok()?;
    let local = pieces.date().to_datetime(pieces.time()?).duration_since(EPOCH).as_millis();
    i64::try_from(local - i128::from(pieces.to_numeric_offset()?.seconds()) * 1000).ok()
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => match EPOCH.checked_add(SignedDuration::from_millis(self.0)) {
                Ok(local) => write!(f, "{local:.3}Z"),
                Err(_) => write!(f, "{}", self.0),
            },
        }
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_instant_is_printed_in_utc_with_milliseconds_whatever_its_offset() {
        assert_eq!(Instant::parse("2026-01-01T14:00:00+02:00").unwrap().to_string(), "2026-01-01T12:00:00.000Z");
        assert_eq!(Instant::parse("2026-01-01T12:00:00.1239Z").unwrap().to_string(), "2026-01-01T12:00:00.123Z");
        assert_eq!(Instant::parse("9999-12-31T23:59:59Z").unwrap().to_string(), "9999-12-31T23:59:59.000Z");
    }

    #[test]
    fn a_date_without_an_offset_is_refused() {
        assert!(Instant::parse("2026-01-01T12:00:00").is_err());
        assert!(Instant::parse("2026-01-01").is_err());
        assert!(Instant::parse("soon").is_err());
    }
}
