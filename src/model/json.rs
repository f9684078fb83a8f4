//! JSON values exactly as an API or a manifest has them: digits, key order and escapes are kept; comparison is by meaning.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Tree;
use serde_json::value::RawValue;

/// Shown in place of a value that is secret.
pub const MASKED: &str = "(masked)";

/// How the keys begin that serde_json gives a meaning of its own: an object with one would be read as a number.
const RESERVED: &str = "$serde_json::private::";

/// Whether a key cannot stand in a value that this program shows and compares.
pub fn is_reserved(key: &str) -> bool {
    key.starts_with(RESERVED)
}

/// One JSON value. It is sent as its text; it is compared, digested and shown as its tree.
#[derive(Clone)]
pub struct Json {
    text: Box<RawValue>,
    /// The keys of the outermost object whose values are never shown, sorted.
    hidden: Option<Arc<[Box<str>]>>,
}

/// Why a JSON text has no single meaning. The message never holds a part of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Readers disagree about which of two values counts.
    #[error("the key {0} is there twice")]
    Duplicate(String),
    /// A key that the JSON library takes for a sign of its own.
    #[error("it has a key that begins with {RESERVED}, which is reserved")]
    Reserved,
    /// Deeper than [`serde_json`] reads, or no JSON.
    #[error("it is nested too deep")]
    Unreadable,
}

impl Json {
    /// Takes a text as it is.
    ///
    /// # Errors
    /// See [`JsonFault`].
    pub fn read(text: &RawValue) -> Result<Self, JsonFault> {
        unambiguous(text.get())?;
        Ok(Self { text: text.to_owned(), hidden: None })
    }

    /// The text, as it is sent.
    pub fn raw(&self) -> &RawValue {
        &self.text
    }

    /// The value with all of its digits. [`Json::read`] has checked that there is one.
    pub fn tree(&self) -> Tree {
        serde_json::from_str(self.text.get()).unwrap_or_default()
    }

    /// The value for people and files: object keys sorted, secret values masked.
    pub fn shown(&self) -> Tree {
        let mut tree = self.tree();
        if let (Some(hidden), Tree::Object(map)) = (&self.hidden, &mut tree) {
            for (_, value) in map.iter_mut().filter(|(key, _)| hidden.iter().any(|hidden| **hidden == **key)) {
                *value = Tree::from(MASKED);
            }
        }
        tree
    }

    /// The keys of the outermost object; none for another value.
    pub fn keys(&self) -> Vec<String> {
        match self.tree() {
            Tree::Object(map) => map.into_iter().map(|(key, _)| key).collect(),
            _ => Vec::new(),
        }
    }

    /// The entries of the outermost object in the order of the text; `None` for another value.
    pub fn entries(&self) -> Option<Vec<(String, &RawValue)>> {
        serde_json::from_str::<Entries<'_>>(self.text.get()).ok().map(|entries| entries.0)
    }

    /// An object of these entries, in this order.
    pub fn object<'a>(entries: impl IntoIterator<Item = (&'a str, &'a RawValue)>) -> Self {
        let mut text = String::from("{");
        for (key, value) in entries {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&Tree::from(key).to_string());
            text.push(':');
            text.push_str(value.get());
        }
        text.push('}');
        RawValue::from_string(text).map_or_else(|_| Self::from(Tree::Null), |text| Self { text, hidden: None })
    }

    /// Hides the values of some keys of the outermost object from everything that is shown.
    pub fn hide(&mut self, keys: Vec<Box<str>>) {
        if keys.is_empty() {
            return;
        }
        let mut all = self.hidden.as_deref().map(<[_]>::to_vec).unwrap_or_default();
        all.extend(keys);
        all.sort_unstable();
        all.dedup();
        self.hidden = Some(all.into());
    }

    /// The keys whose values are hidden.
    pub fn hidden(&self) -> &[Box<str>] {
        self.hidden.as_deref().unwrap_or_default()
    }

    /// Whether two values mean the same: object keys in any order, numbers by value.
    pub fn same(&self, other: &Self) -> bool {
        self.text.get() == other.text.get() || tree_same(&self.tree(), &other.tree())
    }
}

impl From<Tree> for Json {
    fn from(tree: Tree) -> Self {
        let text = serde_json::value::to_raw_value(&tree).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self { text, hidden: None }
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shown())
    }
}

/// The entries of an object, as they come.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Whether a text has one meaning to every reader.
fn unambiguous(text: &str) -> Result<(), JsonFault> {
    let mut seen = Seen::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    match (Check(&mut seen)).deserialize(&mut deserializer) {
        Ok(()) if seen.objects == braces(text) => Ok(()),
        Ok(()) => Err(JsonFault::Reserved),
        Err(_) => Err(seen.fault.unwrap_or(JsonFault::Unreadable)),
    }
}

/// How many objects begin in a JSON text.
fn braces(text: &str) -> usize {
    let (mut count, mut quoted, mut escaped) = (0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

/// What a walk over a value has seen.
#[derive(Default)]
struct Seen {
    objects: usize,
    fault: Option<JsonFault>,
}

/// Walks a value and looks for a key that is there twice.
struct Check<'s>(&'s mut Seen);

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Check<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Check(self.0))?.is_some() {}
        Ok(())
    }

    /// A number comes this way too, as a map with a reserved key (serde_json's `arbitrary_precision`).
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        let mut first = true;
        while let Some(key) = map.next_key::<String>()? {
            self.0.objects += usize::from(first && !is_reserved(&key));
            first = false;
            map.next_value_seed(Check(self.0))?;
            if seen.contains(&key) {
                self.0.fault = Some(JsonFault::Duplicate(key));
                return Err(A::Error::custom("a key is there twice"));
            }
            seen.insert(key);
        }
        self.0.objects += usize::from(first);
        Ok(())
    }
}

fn tree_same(a: &Tree, b: &Tree) -> bool {
    match (a, b) {
        (Tree::Number(a), Tree::Number(b)) => number_text(a) == number_text(b),
        (Tree::Array(a), Tree::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| tree_same(a, b)),
        (Tree::Object(a), Tree::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| tree_same(a, b)))
        }
        _ => a == b,
    }
}

/// The most digits that a number is written out with: no number of practice has more. Larger exponents stay exponents, so that
/// `1e1000000000` takes no gigabyte.
const WRITTEN_OUT: u128 = 40;

/// A number's text by value: `100`, `100.0` and `1e2` give the same, without loss for any number of digits.
pub fn number_text(number: &serde_json::Number) -> String {
    let text = number.as_str();
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let significant = digits.trim_start_matches('0');
    let shortest = significant.trim_end_matches('0');
    if shortest.is_empty() {
        return "0".to_owned();
    }
    let length = |text: &str| i128::try_from(text.len()).unwrap_or(i128::MAX);
    // An exponent beyond 128 bits has no arithmetic here: such a number is the same as its own text only.
    let Ok(exponent) = exponent.strip_prefix('+').unwrap_or(exponent).parse::<i128>() else { return text.to_owned() };
    let shift = exponent
        .checked_sub(length(fraction))
        .and_then(|shift| shift.checked_add(length(significant) - length(shortest)));
    let Some(shift) = shift else { return text.to_owned() };
    let places = usize::try_from(shift.unsigned_abs()).unwrap_or(usize::MAX);
    if shift.unsigned_abs() > WRITTEN_OUT {
        return format!("{sign}{shortest}e{shift}");
    }
    if shift >= 0 {
        return format!("{sign}{shortest}{}", "0".repeat(places));
    }
    match shortest.len().checked_sub(places) {
        Some(whole) if whole > 0 => format!("{sign}{}.{}", &shortest[..whole], &shortest[whole..]),
        _ => format!("{sign}0.{}{shortest}", "0".repeat(places - shortest.len())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn json(text: &str) -> Json {
        Json::read(&RawValue::from_string(text.to_owned()).unwrap()).unwrap()
    }

    fn fault(text: &str) -> JsonFault {
        Json::read(&RawValue::from_string(text.to_owned()).unwrap()).unwrap_err()
    }

    #[test]
    fn a_text_is_kept_to_the_letter() {
        let text = r#"{"b": 123456789012345678901234567890, "a":1.50, "é":"\u00e9", "n":-0.0}"#;
        assert_eq!(json(text).raw().get(), text);
        let keys: Vec<String> = json(text).entries().unwrap().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["b", "a", "é", "n"]);
    }

    #[test]
    fn numbers_of_any_size_are_compared_by_value() {
        for (a, b) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("100", "1E+02"),
            ("0.001", "1e-3"),
            ("-0", "0.0"),
            ("1234567890.1234567891", "12345678901234567891e-10"),
            ("123456789012345678901234567890", "123456789012345678901234567890.000"),
            ("1e1000000000", "10e999999999"),
            (r#"{"a":[1,2.50]}"#, r#"{ "a": [1.0, 2.5] }"#),
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#),
        ] {
            assert!(json(a).same(&json(b)), "{a} {b}");
        }
        for (a, b) in [
            ("1", "\"1\""),
            ("9007199254740993", "9007199254740992"),
            ("9007199254740993", "9007199254740992.0"),
            ("1234567890.1234567891", "1234567890.1234567890"),
            ("123456789012345678901234567890", "123456789012345678901234567891"),
            ("0.1", "0.10000000000000000000000000001"),
            ("1e1000000000", "1e1000000001"),
            ("1e99999999999999999999999999999999999999999", "2e99999999999999999999999999999999999999999"),
        ] {
            assert!(!json(a).same(&json(b)), "{a} {b}");
        }
    }

    #[test]
    fn a_number_is_written_out_once() {
        let text = |text: &str| number_text(&serde_json::from_str(text).unwrap());
        for (given, written) in [
            ("1.0", "1"),
            ("1200", "1200"),
            ("-1.50", "-1.5"),
            ("0.00120", "0.0012"),
            ("12.5e1", "125"),
            ("1e60", "1e60"),
            ("0e5", "0"),
        ] {
            assert_eq!(text(given), written);
        }
    }

    #[test]
    fn a_key_that_is_there_twice_is_found_at_any_depth() {
        assert_eq!(fault(r#"{"a":1,"a":1}"#), JsonFault::Duplicate("a".to_owned()));
        assert_eq!(fault(r#"{"x":[1,{"b":{"c":1.5,"\u0063":"secret"}}]}"#), JsonFault::Duplicate("c".to_owned()));
        assert_eq!(fault(r#"{"a":{"$serde_json::private::Number":"1"}}"#), JsonFault::Reserved);
        assert_eq!(fault(r#"{"\u0024serde_json::private::Number":"7"}"#), JsonFault::Reserved);
        assert_eq!(
            fault(&"[".repeat(200).chars().chain("]".repeat(200).chars()).collect::<String>()),
            JsonFault::Unreadable
        );
    }

    #[test]
    fn a_hidden_value_is_shown_nowhere_and_compared_all_the_same() {
        let mut hidden = json(r#"{"key":"s3cret","region":"us"}"#);
        hidden.hide(vec!["key".into()]);
        assert_eq!(hidden.shown(), serde_json::json!({"key": MASKED, "region": "us"}));
        assert!(!format!("{hidden:?}").contains("s3cret"));
        assert!(hidden.same(&json(r#"{"region":"us","key":"s3cret"}"#)));
    }
}
