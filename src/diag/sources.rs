//! The texts of a run, and places in them.

use std::sync::{Arc, OnceLock};

/// Which text a span lies in. Ids follow the sorted order of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// A range of bytes of one text; `start == end` marks a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The text.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A place as people write it.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub struct Location {
    /// The file's path as the user would type it, relative to the root where there is one; `<stdin>` for standard input.
    pub file: Arc<str>,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One text with its name.
#[derive(Debug)]
struct Source {
    name: Arc<str>,
    text: String,
    /// Offsets at which lines start, computed when first asked for: most texts never need it.
    lines: OnceLock<Vec<u32>>,
}

/// All texts of a run.
#[derive(Debug, Default)]
pub struct Sources {
    items: Vec<Source>,
}

impl Sources {
    /// Adds a text and gives its id. Texts are limited to 4 GiB by the caller's own, much lower, cap.
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: String) -> SourceId {
        let id = SourceId(u32::try_from(self.items.len()).unwrap_or(u32::MAX));
        self.items.push(Source { name: name.into(), text, lines: OnceLock::new() });
        id
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The text's name, as shown to people; empty for an id of another collection.
    pub fn name(&self, id: SourceId) -> &str {
        self.items.get(id.0 as usize).map_or("", |s| &s.name)
    }

    /// The text itself; empty for an id of another collection.
    pub fn text(&self, id: SourceId) -> &str {
        self.items.get(id.0 as usize).map_or("", |s| &s.text)
    }

    /// The text of a span; empty where the span does not fit the text.
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.source).get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Blacks a span out: every character becomes as many `*` as it had bytes, so that no place moves. Line breaks stay.
    pub fn redact(&mut self, span: Span) {
        let range = span.start as usize..span.end as usize;
        let Some(source) = self.items.get_mut(span.source.0 as usize) else { return };
        let Some(text) = source.text.get(range.clone()) else { return };
        let black = |c: char| if matches!(c, '\n' | '\r') { c.to_string() } else { "*".repeat(c.len_utf8()) };
        let black: String = text.chars().map(black).collect();
        source.text.replace_range(range, &black);
    }

    /// File, line and column of a span's start.
    pub fn locate(&self, span: Span) -> Location {
        let Some(source) = self.items.get(span.source.0 as usize) else {
            return Location { file: Arc::default(), line: 1, column: 1 };
        };
        let lines = source.lines.get_or_init(|| line_starts(&source.text));
        let line = lines.partition_point(|start| *start <= span.start).saturating_sub(1);
        let start = lines.get(line).copied().unwrap_or(0) as usize;
        let before = source.text.get(start..span.start as usize).unwrap_or("");
        let column = before.chars().count() + 1;
        Location {
            file: Arc::clone(&source.name),
            line: u32::try_from(line + 1).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }
}

fn line_starts(text: &str) -> Vec<u32> {
    let breaks = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
    std::iter::once(0).chain(breaks).map(|i| u32::try_from(i).unwrap_or(u32::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_start_at_one() {
        let mut sources = Sources::default();
        let id = sources.add("a.yaml", "ä: 1\nb: 2\n".to_owned());
        let at = |start| sources.locate(Span { source: id, start, end: start });
        assert_eq!(at(0).to_string(), "a.yaml:1:1");
        assert_eq!(at(4).to_string(), "a.yaml:1:4");
        assert_eq!(at(6).to_string(), "a.yaml:2:1");
        assert_eq!(at(11).to_string(), "a.yaml:3:1");
    }
}
