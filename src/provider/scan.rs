//! One pass over a list answer: rows are handed on one by one, and the fields beside them are noted.
//!
//! The answer is never held as a tree, so that memory grows with the rows that are used and not with the answer.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The most rows that all readings of a run hand on: 50 million, re-reads included.
///
/// A run of ten targets with a million assignments each, read four times, stays below it. More rows fit no memory, and
/// pages without end would otherwise only stop when it is used up. It is no field of a target, for no target should need more.
const MAX_ROWS: u64 = 50_000_000;

/// Rows that this run was given.
static ROWS: AtomicU64 = AtomicU64::new(0);

/// The most fields beside the rows that are looked at. Answers have a dozen.
const MAX_FIELDS: usize = 1_000;

/// The most bytes of text in these fields: room for a long cursor.
const MAX_TEXT: usize = 256 * 1024;

/// How serde_json hands on a number where its digits are kept as text.
const NUMBER: &str = "$serde_json::private::Number";

/// A field beside the rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// The names of all levels, outermost first; positions in arrays are numbers.
    pub path: Vec<Box<str>>,
    /// What it holds.
    pub value: Scalar,
}

impl Field {
    /// The path for a message.
    pub(super) fn text(&self) -> String {
        self.path.join(".")
    }

    /// Whether this is the field at a path.
    pub(super) fn is(&self, path: &[&str]) -> bool {
        self.path.len() == path.len() && self.path.iter().zip(path).all(|(a, b)| **a == **b)
    }
}

/// A value without parts.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Count(u64),
    Number(f64),
    Text(Box<str>),
}

/// What an answer holds beside its rows.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// Where arrays of rows were found.
    pub found: Vec<String>,
    /// Rows in all.
    pub rows: u64,
    /// The fields, in the order of the answer.
    pub fields: Vec<Field>,
    /// Whether there were more fields than are looked at.
    pub cut: bool,
    text: usize,
}

impl Beside {
    /// The value at a path.
    pub(super) fn get(&self, path: &[&str]) -> Option<&Scalar> {
        self.fields.iter().find(|field| field.is(path)).map(|field| &field.value)
    }
}

/// Reads a list answer. `at` are the paths where its array of rows may be, one of which should be found.
///
/// # Errors
/// Text that is not JSON, and more rows than a run may be given.
pub(super) fn list<'de>(
    body: &'de [u8],
    at: &[&[&str]],
    mut row: impl FnMut(&'de RawValue),
) -> Result<Beside, serde_json::Error> {
    let mut walker = Walker { row: &mut row, beside: Beside::default(), path: Vec::new() };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    Node { walker: &mut walker, at: at.to_vec() }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(walker.beside)
}

struct Walker<'r, 'de> {
    row: &'r mut dyn FnMut(&'de RawValue),
    beside: Beside,
    path: Vec<Box<str>>,
}

impl Walker<'_, '_> {
    fn note(&mut self, value: Scalar) {
        let beside = &mut self.beside;
        if let Scalar::Text(text) = &value {
            beside.text += text.len();
        }
        beside.text += self.path.iter().map(|name| name.len()).sum::<usize>();
        if beside.fields.len() == MAX_FIELDS || beside.text > MAX_TEXT {
            beside.cut = true;
        } else {
            beside.fields.push(Field { path: self.path.clone(), value });
        }
    }
}

/// One value of the answer, and what is left of the paths that lead through it.
struct Node<'w, 'r, 'de, 'p> {
    walker: &'w mut Walker<'r, 'de>,
    at: Vec<&'p [&'p str]>,
}

impl<'p> Node<'_, '_, '_, 'p> {
    fn below(&self, name: &str) -> Vec<&'p [&'p str]> {
        let inside = self.at.iter().filter_map(|path| path.split_first());
        inside.filter(|(first, _)| **first == name).map(|(_, rest)| rest).collect()
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_, 'de, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_, 'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.walker.note(Scalar::Null);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.walker.note(Scalar::Bool(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.walker.note(Scalar::Count(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.walker.note(Scalar::Number(value as f64));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.walker.note(Scalar::Number(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        // A text that is not kept is not copied either.
        let kept = if value.len() > MAX_TEXT { value.get(..1).unwrap_or("?") } else { value };
        self.walker.beside.cut |= kept.len() < value.len();
        self.walker.note(Scalar::Text(kept.into()));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == NUMBER {
                let text: Cow<'de, str> = map.next_value()?;
                let count = text.parse().map(Scalar::Count);
                self.walker.note(count.unwrap_or_else(|_| Scalar::Number(text.parse().unwrap_or(f64::NAN))));
                continue;
            }
            if self.walker.beside.cut {
                // Only rows are still looked for.
                let at = self.below(&name);
                if at.is_empty() {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            }
            let at = self.below(&name);
            self.walker.path.push(name.as_ref().into());
            let read = map.next_value_seed(Node { walker: &mut *self.walker, at });
            self.walker.path.pop();
            read?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.at.iter().any(|path| path.is_empty()) {
            self.walker.beside.found.push(self.walker.path.join("."));
            while let Some(raw) = seq.next_element::<&'de RawValue>()? {
                if ROWS.fetch_add(1, Ordering::Relaxed) >= MAX_ROWS {
                    return Err(de::Error::custom(format_args!(
                        "the listings of this run have more than {MAX_ROWS} rows"
                    )));
                }
                self.walker.beside.rows += 1;
                (self.walker.row)(raw);
            }
            return Ok(());
        }
        for index in 0_usize.. {
            let name = index.to_string();
            let at = self.below(&name);
            // Plain values of an array beside the rows say nothing by themselves.
            if at.is_empty() && index >= MAX_FIELDS {
                if seq.next_element::<IgnoredAny>()?.is_none() {
                    break;
                }
                self.walker.beside.cut = true;
                continue;
            }
            self.walker.path.push(name.into());
            let read = seq.next_element_seed(Node { walker: &mut *self.walker, at });
            self.walker.path.pop();
            if read?.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// A text of an answer, borrowed from it where it holds no escapes: a large listing is read without copying what is thrown away.
#[derive(Debug)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Texts)
    }
}

/// A value that is shown and decides nothing: `None` where it is missing or of another type.
pub(super) fn loose<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let raw = <&'de RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn scanned(body: &str, at: &[&[&str]]) -> (Vec<String>, Beside) {
        let mut rows = Vec::new();
        let beside = list(body.as_bytes(), at, |raw| rows.push(raw.get().to_owned())).unwrap();
        (rows, beside)
    }

    #[test]
    fn rows_are_found_at_any_of_the_paths_and_everything_else_is_beside_them() {
        let body = r#"{"ok": true, "data": {"rows": [{"a": 1}, 2], "n": 3, "x": [{"y": -1.5}]}, "z": null, "t": "é"}"#;
        let (rows, beside) = scanned(body, &[&["data", "rows"]]);
        assert_eq!(rows, [r#"{"a": 1}"#, "2"]);
        assert_eq!((beside.rows, beside.found, beside.cut), (2, vec!["data.rows".to_owned()], false));
        let fields: Vec<(String, Scalar)> = beside.fields.iter().map(|f| (f.text(), f.value.clone())).collect();
        let text = |text: &str| text.to_owned();
        assert_eq!(
            fields,
            [
                (text("ok"), Scalar::Bool(true)),
                (text("data.n"), Scalar::Count(3)),
                (text("data.x.0.y"), Scalar::Number(-1.5)),
                (text("z"), Scalar::Null),
                (text("t"), Scalar::Text("é".into())),
            ]
        );
    }

    #[test]
    fn a_bare_array_and_a_path_through_an_array_are_lists_too() {
        assert_eq!(scanned("[1, 2]", &[&[], &["items"]]).0, ["1", "2"]);
        assert_eq!(scanned(r#"{"items": {"a": 1}}"#, &[&[], &["items"]]).1.found, Vec::<String>::new());
        assert_eq!(scanned(r#"{"a/b": [{"~": [3]}]}"#, &[&["a/b", "0", "~"]]).0, ["3"]);
        assert_eq!(scanned(r#"{"items": [1], "data": [2]}"#, &[&["items"], &["data"]]).1.found.len(), 2);
    }

    #[test]
    fn what_stands_beside_the_rows_is_bounded_and_its_rest_is_noticed() {
        let fields: Vec<String> = (0..=MAX_FIELDS).map(|n| format!(r#""f{n}": 1"#)).collect();
        let body = format!(r#"{{{}, "rows": [7]}}"#, fields.join(", "));
        let (rows, beside) = scanned(&body, &[&["rows"]]);
        assert_eq!((rows.len(), beside.fields.len(), beside.cut), (1, MAX_FIELDS, true));
        let numbers = vec!["0"; 100_000].join(",");
        let (rows, beside) = scanned(&format!(r#"{{"x": [{numbers}], "rows": [7]}}"#), &[&["rows"]]);
        assert!(rows.len() == 1 && beside.fields.len() <= MAX_FIELDS && beside.cut);
    }

    #[test]
    fn text_that_is_not_json_is_an_error_wherever_it_breaks() {
        for body in ["", "{", "[1", r#"{"rows": [1,]}"#, r#"{"rows": [1]} x"#, "<html>", "{\"rows\": [\"\u{1}\"]}"] {
            assert!(list(body.as_bytes(), &[&["rows"]], |_| ()).is_err(), "{body}");
        }
    }
}
