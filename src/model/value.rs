//! Normalised field values: compared by meaning, never by text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use thin_vec::ThinVec;

use super::{Json, MASKED, SecretRef};

/// An instant in milliseconds since 1970-01-01T00:00:00Z: the precision at which the systems compare (apis/canopy.md: Dates).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub i64);

impl Instant {
    /// Reads an RFC 3339 date-time with an offset. Digits finer than milliseconds are cut.
    ///
    /// The whole range of RFC 3339 is read, up to 9999-12-31T23:59:59 at any offset: that is how systems write "never".
    /// `None` for anything else: a date without a time or an offset would be a guess.
    pub fn parse(text: &str) -> Option<Self> {
        let text = without_fine_digits(text);
        if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
            return Some(Self(timestamp.as_millisecond()));
        }
        // The last 26 hours of the year 9999 are outside of jiff's timestamps, but inside of its civil time.
        let pieces = jiff::fmt::temporal::DateTimeParser::new().parse_pieces(&*text).ok()?;
        let local = pieces.date().to_datetime(pieces.time()?);
        let since_epoch = local.duration_since(jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0));
        let offset = i64::from(pieces.to_numeric_offset()?.seconds());
        if offset.abs() > MAX_OFFSET_SECONDS {
            return None;
        }
        i64::try_from(since_epoch.as_millis() - i128::from(offset) * 1000).ok().map(Self)
    }
}

/// The largest offset of RFC 3339, 23:59, in seconds.
const MAX_OFFSET_SECONDS: i64 = (23 * 60 + 59) * 60;

/// The most digits of a second's fraction that jiff reads.
const FRACTION_DIGITS: usize = 9;

/// The text without the digits of a fraction that are finer than nanoseconds.
fn without_fine_digits(text: &str) -> Cow<'_, str> {
    let Some(point) = text.find(['.', ',']) else { return Cow::Borrowed(text) };
    let (start, rest) = text.split_at(point + 1);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits <= FRACTION_DIGITS {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{start}{}{}", &rest[..FRACTION_DIGITS], &rest[digits..]))
}

/// An instant after the end of jiff's timestamps, as civil time with the smallest offset that keeps the year at 9999.
fn beyond_timestamps(milliseconds: i64) -> Option<String> {
    let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
    let whole_hours = (0..24).map(|hours| hours * 3600);
    whole_hours.chain([MAX_OFFSET_SECONDS]).find_map(|offset| {
        let local = jiff::SignedDuration::from_millis(milliseconds - offset * 1000);
        let local = epoch.checked_add(local).ok()?;
        let (hours, minutes) = (offset / 3600, offset % 3600 / 60);
        let suffix = if offset == 0 { "Z".to_owned() } else { format!("-{hours:02}:{minutes:02}") };
        Some(format!("{local}{suffix}"))
    })
}

impl std::fmt::Display for Instant {
    /// RFC 3339 in UTC, with milliseconds only where there are some. An instant after the year 9999 in UTC has an offset.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => match beyond_timestamps(self.0) {
                Some(text) => f.write_str(&text),
                None => write!(f, "{} ms", self.0),
            },
        }
    }
}

/// One field's value. "Absent", `null` and (where the API says so) `{}` are all [`Value::Null`]; providers normalise.
#[derive(Debug, Clone)]
pub enum Value {
    /// Live: nothing there. Declared: an explicit `null`, which clears.
    Null,
    /// Text, compared to the letter.
    Text(Box<str>),
    /// An instant.
    Instant(Instant),
    /// Any JSON value; object keys in any order, numbers by value.
    Json(Box<Json>),
    /// Live only: something that has no single meaning, and why. It equals nothing, and is never sent back.
    Unusable(Box<str>),
    /// Live only: the keys of a map whose values the API masks. Unknown, neither equal nor different (apis/semaphor.md: List).
    Masked(Vec<Box<str>>),
    /// Declared only: the keys of such a map, with where each value comes from.
    Secrets(BTreeMap<Box<str>, SecretRef>),
}

impl Value {
    /// Whether two values mean the same. A masked map equals a secret map with the same keys: nothing more can be known.
    pub fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Instant(a), Value::Instant(b)) => a == b,
            (Value::Json(a), Value::Json(b)) => a.same(b),
            (Value::Masked(a), Value::Masked(b)) => a == b,
            (Value::Masked(keys), Value::Secrets(map)) | (Value::Secrets(map), Value::Masked(keys)) => {
                keys.len() == map.len() && keys.iter().all(|key| map.contains_key(key))
            }
            (Value::Secrets(a), Value::Secrets(b)) => a == b,
            (Value::Null, Value::Masked(keys)) | (Value::Masked(keys), Value::Null) => keys.is_empty(),
            (Value::Null, Value::Secrets(map)) | (Value::Secrets(map), Value::Null) => map.is_empty(),
            _ => false,
        }
    }

    /// The value as JSON for people and files. Secrets are shown as where they come from, masked values as `(masked)`: no value of a
    /// secret is ever held here.
    pub fn shown(&self) -> serde_json::Value {
        use serde_json::Value as J;
        match self {
            Value::Null => J::Null,
            Value::Text(text) => J::String(text.to_string()),
            Value::Instant(instant) => J::String(instant.to_string()),
            Value::Json(json) => json.shown(),
            Value::Unusable(why) => J::String(format!("(not usable: {why})")),
            Value::Masked(keys) => keys.iter().map(|key| (key.to_string(), J::from(MASKED))).collect(),
            Value::Secrets(map) => map.iter().map(|(key, at)| (key.to_string(), J::from(at.to_string()))).collect(),
        }
    }

    /// A JSON value of a tree.
    pub fn json(tree: serde_json::Value) -> Self {
        Self::Json(Box::new(tree.into()))
    }

    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        self.same(&Value::Null)
    }
}

/// The fields of a row that are present, sorted by name. A declared row lists only what its author wrote; a live row lists all that is there.
#[derive(Debug, Clone, Default)]
pub struct Fields(ThinVec<(&'static str, Value)>);

impl Fields {
    /// Fields from pairs in any order; a later pair of the same name wins.
    pub fn new(mut pairs: Vec<(&'static str, Value)>) -> Self {
        pairs.sort_by_key(|(name, _)| *name);
        pairs.reverse();
        pairs.dedup_by_key(|(name, _)| *name);
        pairs.reverse();
        Self(pairs.into_iter().collect())
    }

    /// A field's value; `None` where it is not declared, or not there.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// A field's value, to be changed in place.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.0.iter_mut().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// All fields in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn same(a: serde_json::Value, b: serde_json::Value) -> bool {
        Value::json(a).same(&Value::json(b))
    }

    #[test]
    fn numbers_are_compared_by_value() {
        assert!(same(json!({"a": [1, 2.50]}), json!({"a": [1.0, 2.5]})));
        assert!(!same(json!(1), json!("1")));
        assert!(!same(json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64)));
        assert!(!same(json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992.0)));
    }

    #[test]
    fn instants_are_compared_as_instants() {
        let parse = |text| Instant::parse(text).map(|i| i.to_string());
        assert_eq!(parse("2026-01-01T14:00:00+02:00"), Some("2026-01-01T12:00:00Z".to_owned()));
        assert_eq!(parse("2026-01-01T12:00:00.000Z"), parse("2026-01-01T12:00:00Z"));
        assert_eq!(Instant::parse("2026-01-01"), None);
        assert_eq!(Instant::parse("2026-01-01T12:00:00"), None);
    }

    #[test]
    fn instants_at_the_ends_of_the_range_are_read_and_shown_as_they_are() {
        for (text, shown) in [
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z"),
            ("9999-12-31T23:59:59.999999999999999Z", "9999-12-31T23:59:59.999Z"),
            ("9999-12-31T23:59:59+14:00", "9999-12-31T09:59:59Z"),
            ("9999-12-31t23:59:59z", "9999-12-31T23:59:59Z"),
            ("9999-12-31T23:59:60Z", "9999-12-31T23:59:59Z"),
            ("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59-12:00"),
            ("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59-23:59"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("0000-01-01T00:00:00+14:00", "-000001-12-31T10:00:00Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            ("2026-01-01T00:00:00.12345678901234Z", "2026-01-01T00:00:00.123Z"),
        ] {
            let instant = Instant::parse(text);
            assert_eq!(instant.map(|instant| instant.to_string()).as_deref(), Some(shown), "{text}");
            assert_eq!(Instant::parse(shown), instant, "{shown}");
        }
        for text in
            ["10000-01-01T00:00:00Z", "9999-12-31T23:59:59-24:00", "9999-13-31T00:00:00Z", "9999-12-31T23:59:59", ""]
        {
            assert_eq!(Instant::parse(text), None, "{text}");
        }
        let parse = |text| Instant::parse(text);
        assert!(parse("9999-12-31T23:59:59Z") > parse("9999-12-30T00:00:00Z"));
    }

    #[test]
    fn the_last_of_two_fields_of_a_name_wins() {
        let fields =
            Fields::new(vec![("b", Value::Null), ("a", Value::Text("1".into())), ("a", Value::Text("2".into()))]);
        assert!(fields.get("a").is_some_and(|v| v.same(&Value::Text("2".into()))));
        assert_eq!(fields.iter().count(), 2);
    }
}
