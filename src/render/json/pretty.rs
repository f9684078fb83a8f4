//! Indented JSON, for people and for programs.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// What separates two items, with the indentation of the deepest line that is written at once.
const BREAK: &[u8] = b",\n                                                                ";
/// Documents are some hundred bytes a change; more at once gains nothing.
const BUFFER: usize = 64 * 1024;

/// The form of `serde_json`'s own pretty printer, with each line's beginning in one write: for a large plan that halves the cost.
#[derive(Debug, Default)]
pub struct Pretty {
    depth: usize,
    /// Whether the innermost array or object has an item.
    filled: bool,
}

impl Pretty {
    fn open<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.filled = false;
        writer.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        if self.filled {
            self.line(writer, true)?;
        }
        writer.write_all(bracket)
    }

    /// Begins a line, behind a comma if it is not the first.
    fn line<W: ?Sized + Write>(&self, writer: &mut W, first: bool) -> io::Result<()> {
        let begin = usize::from(first);
        let mut blanks = 2 * self.depth;
        let most = BREAK.len() - 2;
        let now = blanks.min(most);
        writer.write_all(&BREAK[begin..2 + now])?;
        blanks -= now;
        while blanks > 0 {
            let now = blanks.min(most);
            writer.write_all(&BREAK[2..2 + now])?;
            blanks -= now;
        }
        Ok(())
    }
}

impl Formatter for Pretty {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.line(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.line(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }
}

/// Writes a document, indented, with a line end.
///
/// # Errors
/// Those of the writer.
pub fn write(out: &mut dyn Write, document: &impl Serialize) -> io::Result<()> {
    write_as(out, Pretty::default(), document)?;
    out.write_all(b"\n")
}

/// Writes a document in any form.
///
/// # Errors
/// Those of the writer.
pub fn write_as(out: &mut dyn Write, form: impl Formatter, document: &impl Serialize) -> io::Result<()> {
    // Its own buffer: a call through `dyn` for every comma costs more than the comma.
    let mut out = BufWriter::with_capacity(BUFFER, out);
    document.serialize(&mut Serializer::with_formatter(&mut out, form))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn it_looks_as_serde_jsons_own() {
        let mut deep = json!(1);
        for level in 0..50 {
            deep = if level % 3 == 0 { json!({ "a": deep, "b": [] }) } else { json!([deep, {}, [[]]]) };
        }
        let documents: [Value; 5] = [
            json!({}),
            json!([]),
            json!("text"),
            json!({"a": {}, "b": [], "c": [1, "x\n", null, {"d": [{}]}], "e": {"f": true}}),
            deep,
        ];
        for document in documents {
            let mut written = Vec::new();
            write(&mut written, &document).unwrap();
            assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string_pretty(&document).unwrap() + "\n");
        }
    }
}
