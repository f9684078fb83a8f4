//! YAML as a person would lay it out: short things on one line, long ones in blocks, comments where they belong.
//!
//! Scalars are quoted wherever any reader of YAML could take them for something else. This module knows nothing of manifests.

use std::fmt::Write as _;

/// Lines longer than this are broken into blocks.
const WIDTH: usize = 110;

/// More notes than this do not fit behind one line: each then stands on a line of its own.
const NOTES_A_LINE: usize = 3;

/// Notes longer than this are cut: they help to recognise, the value beside them is what counts.
const NOTE_CHARS: usize = 60;

/// A value to lay out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// A scalar, as it is written, with what a reader should know of it.
    Scalar(String, Option<String>),
    /// A list.
    List(Vec<Node>),
    /// A mapping; keys as they are written.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Text, quoted where it has to be.
    pub(super) fn text(text: &str) -> Self {
        Self::Scalar(scalar(text), None)
    }

    /// Text with a note behind it.
    pub(super) fn noted(text: &str, note: Option<&str>) -> Self {
        Self::Scalar(scalar(text), note.filter(|note| *note != text).map(comment))
    }

    /// Any JSON value.
    pub(super) fn json(value: &serde_json::Value) -> Self {
        use serde_json::Value as J;
        match value {
            J::String(text) => Self::text(text),
            J::Array(items) => Self::List(items.iter().map(Self::json).collect()),
            J::Object(map) => Self::Map(map.iter().map(|(key, value)| (scalar(key), Self::json(value))).collect()),
            J::Null | J::Bool(_) | J::Number(_) => Self::Scalar(value.to_string(), None),
        }
    }

    /// On one line, with the notes that then stand behind it.
    fn flow<'n>(&'n self, notes: &mut Vec<&'n str>) -> String {
        match self {
            Self::Scalar(text, note) => {
                notes.extend(note.as_deref());
                text.clone()
            }
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(|item| item.flow(notes)).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Map(pairs) if pairs.is_empty() => "{}".to_owned(),
            Self::Map(pairs) => {
                let pairs: Vec<String> =
                    pairs.iter().map(|(key, value)| format!("{key}: {}", value.flow(notes))).collect();
                format!("{{ {} }}", pairs.join(", "))
            }
        }
    }

    /// On one line, where that can be read: `column` characters stand before it.
    fn on_a_line(&self, column: usize) -> Option<String> {
        let mut notes = Vec::new();
        let text = self.flow(&mut notes);
        let is_whole = match self {
            Self::Scalar(..) => true,
            Self::List(items) => items.is_empty(),
            Self::Map(pairs) => pairs.is_empty(),
        };
        if self.wants_lines() {
            return None;
        }
        let fits = column + text.chars().count() <= WIDTH && notes.len() <= NOTES_A_LINE;
        (is_whole || fits).then(|| if notes.is_empty() { text } else { format!("{text} # {}", notes.join(", ")) })
    }

    /// Lists of mappings, and lists whose items have names beside them: one a line, so that a difference is a line too.
    fn wants_lines(&self) -> bool {
        let is_rich = |item: &Node| matches!(item, Self::Map(_) | Self::Scalar(_, Some(_)));
        match self {
            Self::Scalar(..) => false,
            Self::List(items) => items.iter().any(|item| is_rich(item) || item.wants_lines()),
            Self::Map(pairs) => pairs.iter().any(|(_, value)| value.wants_lines()),
        }
    }

    /// Writes the pairs of a mapping, or the items of a list, one a line.
    pub(super) fn block(&self, indent: usize, out: &mut String) {
        match self {
            Self::Map(pairs) => {
                for (key, value) in pairs {
                    let _ = write!(out, "{:indent$}{key}:", "");
                    value.after_key(indent, indent + key.chars().count() + 2, out);
                }
            }
            Self::List(items) => {
                for item in items {
                    let _ = write!(out, "{:indent$}-", "");
                    item.after_dash(indent, out);
                }
            }
            Self::Scalar(..) => {
                let _ = writeln!(out, "{:indent$}{}", "", self.on_a_line(indent).unwrap_or_default());
            }
        }
    }

    fn after_key(&self, indent: usize, column: usize, out: &mut String) {
        match self.on_a_line(column) {
            Some(line) => {
                let _ = writeln!(out, " {line}");
            }
            None => {
                out.push('\n');
                self.block(indent + 2, out);
            }
        }
    }

    fn after_dash(&self, indent: usize, out: &mut String) {
        match (self.on_a_line(indent + 2), self) {
            (Some(line), _) => {
                let _ = writeln!(out, " {line}");
            }
            (None, Self::Map(pairs)) => {
                let mut text = String::new();
                Self::Map(pairs.clone()).block(indent + 2, &mut text);
                // The first pair stands behind the dash.
                let _ = write!(out, " {}", text.trim_start());
            }
            (None, _) => {
                out.push('\n');
                self.block(indent + 2, out);
            }
        }
    }
}

/// A scalar that every reader takes for this text: plain where nothing else could be meant, else in double quotes.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 8);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if is_hidden(c) => escape(c, &mut quoted),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Letters, digits and a few signs, not starting like a number, and no word that YAML 1.1 or 1.2 gives another meaning; or a version
/// such as `2.1.0`.
fn is_plain(text: &str) -> bool {
    /// Longer words are quoted without a look: nothing that a person types.
    const LONGEST: usize = 200;
    let signs = |b: u8| matches!(b, b'_' | b'-' | b'.' | b'/' | b'@' | b'+');
    let Some(first) = text.bytes().next() else { return false };
    if text.len() > LONGEST || !text.bytes().all(|b| b.is_ascii_alphanumeric() || signs(b)) {
        return false;
    }
    if first.is_ascii_digit() {
        // Two dots are no number in any version.
        return text.bytes().filter(|b| *b == b'.').count() >= 2 && !text.contains(['_', '/', '@', '+']);
    }
    // `nan` and `inf` need a dot before them, but cost nothing to quote.
    const WORDS: [&str; 11] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"];
    (first.is_ascii_alphabetic() || (first == b'_' && text.len() > 1))
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// What moves, reorders or hides text, or breaks a line for some readers.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

fn escape(c: char, out: &mut String) {
    let code = u32::from(c);
    // Writing to a String cannot fail.
    let _ = if code <= 0xffff { write!(out, "\\u{code:04x}") } else { write!(out, "\\U{code:08x}") };
}

/// Text for a comment: on one line, nothing hidden, not too long.
pub(super) fn comment(text: &str) -> String {
    let mut shown = String::new();
    for (n, c) in text.chars().enumerate() {
        match c {
            _ if n == NOTE_CHARS => {
                shown.push('…');
                break;
            }
            c if is_hidden(c) => escape(c, &mut shown),
            c => shown.push(c),
        }
    }
    shown
}

/// Text as comment lines, nothing hidden in them.
pub(super) fn comment_lines(text: &str, indent: &str) -> String {
    let mut lines = String::new();
    for line in text.split('\n') {
        let mut shown = String::new();
        for c in line.chars() {
            if is_hidden(c) { escape(c, &mut shown) } else { shown.push(c) }
        }
        lines.push_str(format!("{indent}# {shown}").trim_end());
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn laid_out(value: &serde_json::Value) -> String {
        let mut out = String::new();
        Node::json(value).block(0, &mut out);
        out
    }

    #[test]
    fn only_what_nobody_can_mistake_is_left_without_quotes() {
        for plain in
            ["idn_anna", "dealer-at", "demand-forecast", "2.1.0", "3.0.0-rc.1", "a/b", "x@y.example", "_x", "e3"]
        {
            assert_eq!(scalar(plain), plain);
        }
        let words = ["", "no", "Yes", "null", "~", "true", "y", "N", "off", "_", "NaN", "inf", "<<"];
        let numbers = ["1", "1.5", "012", "0x1f", "1e3", "2026-01-01", "12:30", "-1", "+1", ".5", "1_0", "1.2_3.4"];
        let signs =
            ["a b", "a: b", "a #b", "-", "- a", "*x", "&x", "!x", "%x", "@x", "`x", "?", "|", ">", "'", "a,b", "[a]"];
        for text in words.iter().chain(&numbers).chain(&signs) {
            assert_eq!(scalar(text), format!("\"{text}\""), "{text}");
        }
        assert_eq!(scalar("a\"b\\c\n\u{7f}\u{202e}\u{e0001}"), r#""a\"b\\c\n\u007f\u202e\U000e0001""#);
    }

    #[test]
    fn short_values_stand_on_a_line_and_long_ones_in_blocks() {
        assert_eq!(laid_out(&json!({"a": {"b": [1, "x"]}, "c": [], "d": {}})), "a: { b: [1, x] }\nc: []\nd: {}\n");
        let long = "word ".repeat(20);
        let text = laid_out(&json!({"list": [[long, long], {"k": long, "m": long}]}));
        let lines: Vec<String> = text.lines().map(|line| line.replace(&long, "…")).collect();
        let expected = ["list:", "  -", "    - \"…\"", "    - \"…\"", "  - k: \"…\"", "    m: \"…\""];
        assert_eq!(lines, expected, "{text}");
    }

    #[test]
    fn a_note_stands_behind_its_line_and_each_of_a_list_behind_its_own() {
        let noted = |id: &str| Node::noted(id, Some("A\nname"));
        let mut out = String::new();
        let pair = |value| ("k".to_owned(), value);
        Node::Map(vec![pair(noted("x")), pair(Node::List((0..4).map(|_| noted("z")).collect()))]).block(0, &mut out);
        assert!(out.starts_with("k: x # A\\u000aname\nk:\n  - z # A\\u000aname\n"), "{out}");
    }
}
