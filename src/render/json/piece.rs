//! The JSON of what a line has hundreds of, made without a serializer's detours: the names that stand in each of them and most ids need no
//! look at every byte.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::ser::{Formatter, Serializer as JsonSerializer};

use super::Each;

/// A value of which a line has many.
pub(super) trait Piece {
    /// Adds its JSON.
    ///
    /// # Errors
    /// Those of a value in it that has no JSON.
    fn add_to(&self, json: &mut Vec<u8>) -> serde_json::Result<()>;
}

/// Room for each of several pieces: keys of most systems, with ids of 36 characters. More costs another allocation for all of them.
const PIECE: usize = 160;

/// Room for a piece alone, which often has fields.
const ALONE: usize = 512;

/// A list of pieces. It goes into a line, and nowhere else: see [`Made`].
#[derive(JsonSchema)]
#[schemars(transparent, inline)]
pub(super) struct Pieces<'a, P>(pub(super) Each<'a, P>);

impl<P: Piece> Serialize for Pieces<'_, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pieces = (self.0.0)();
        let mut json = Vec::with_capacity((PIECE * pieces.size_hint().0).max(ALONE));
        for piece in pieces {
            json.push(if json.is_empty() { b'[' } else { b',' });
            piece.add_to(&mut json).map_err(S::Error::custom)?;
        }
        json.extend_from_slice(if json.is_empty() { b"[]" } else { b"]" });
        Made(&json).serialize(serializer)
    }
}

/// An object that is being made.
pub(super) struct Object<'a> {
    json: &'a mut Vec<u8>,
    before_next: u8,
}

impl<'a> Object<'a> {
    pub(super) fn begin(json: &'a mut Vec<u8>) -> Self {
        Self { json, before_next: b'{' }
    }

    /// Adds the name of a field, which needs no escapes; its value has to follow.
    #[inline]
    pub(super) fn field(&mut self, name: &'static str) -> &mut Vec<u8> {
        self.json.extend_from_slice(&[self.before_next, b'"']);
        self.before_next = b',';
        self.json.extend_from_slice(name.as_bytes());
        self.json.extend_from_slice(b"\":");
        self.json
    }

    /// Adds a field.
    ///
    /// # Errors
    /// Those of the value.
    pub(super) fn value(&mut self, name: &'static str, value: &impl Serialize) -> serde_json::Result<()> {
        made(self.field(name), value)
    }

    /// Adds a field, if there is a value for it.
    ///
    /// # Errors
    /// Those of the value.
    pub(super) fn optional(&mut self, name: &'static str, value: Option<&impl Serialize>) -> serde_json::Result<()> {
        value.map_or(Ok(()), |value| self.value(name, value))
    }

    /// Adds a field.
    ///
    /// # Errors
    /// Those of the piece.
    pub(super) fn piece(&mut self, name: &'static str, piece: &impl Piece) -> serde_json::Result<()> {
        piece.add_to(self.field(name))
    }

    pub(super) fn end(self) {
        self.json.extend_from_slice(if self.before_next == b'{' { b"{}" } else { b"}" });
    }
}

/// Adds a text as JSON.
///
/// # Errors
/// None: memory takes every text.
pub(super) fn quoted(json: &mut Vec<u8>, text: &str) -> serde_json::Result<()> {
    if !is_plain(text.as_bytes()) {
        return serde_json::to_writer(json, text);
    }
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
    Ok(())
}

/// Whether a text stands in JSON as it is (RFC 8259, section 7: quotes, backslashes and control characters do not). Eight bytes at once.
fn is_plain(text: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    /// Not zero where a byte is below `limit`, which is at most 128, and only then: a byte borrows from the next one where it is below.
    fn below(bytes: u64, limit: u64) -> u64 {
        bytes.wrapping_sub(ONES * limit) & !bytes & HIGHS
    }
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [b' '; 8];
    for (slot, byte) in last.iter_mut().zip(rest) {
        *slot = *byte;
    }
    words.iter().chain([&last]).all(|word| {
        let word = u64::from_ne_bytes(*word);
        let equals = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        (below(word, 0x20) | equals(b'"') | equals(b'\\')) == 0
    })
}

/// JSON that is there already. It goes into a line as it is, and nowhere else: any other serializer takes it for a list of numbers.
struct Made<'a>(&'a [u8]);

impl Serialize for Made<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// JSON as short as it can be, with what is [`Made`] in it.
struct Verbatim;

impl Formatter for Verbatim {
    fn write_byte_array<W: Write + ?Sized>(&mut self, writer: &mut W, value: &[u8]) -> io::Result<()> {
        writer.write_all(value)
    }
}

/// Adds the JSON of a part of a line.
///
/// # Errors
/// Those of the value.
pub(super) fn made(json: &mut Vec<u8>, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut JsonSerializer::with_formatter(Appended(json), Verbatim))
}

/// Appends to memory. JSON comes in pieces of which every other one is a quote, a comma or a colon: a call for each costs more than the text
/// between them.
struct Appended<'a>(&'a mut Vec<u8>);

impl Write for Appended<'_> {
    #[inline(always)]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match bytes {
            [byte] => self.0.push(*byte),
            bytes => self.0.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn as_json(text: &str) -> String {
        let mut json = Vec::new();
        quoted(&mut json, text).unwrap();
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn every_character_is_escaped_where_it_must_be_at_every_place() {
        for character in (0..=0x7f_u8).map(char::from).chain(['\u{80}', 'ä', '\u{2028}', '\u{10ffff}']) {
            for (before, after) in (0..10).flat_map(|before| (0..10).map(move |after| (before, after))) {
                let text = format!("{}{character}{}", "a".repeat(before), "é~".repeat(after));
                assert_eq!(as_json(&text), serde_json::to_string(&text).unwrap());
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_quoted_as_the_library_does(text in "[a-z\"\\\\\\x00-\\x21é\\x7f-\\xff]{0,40}") {
            prop_assert_eq!(as_json(&text), serde_json::to_string(&text).unwrap());
        }
    }
}
