//! The subset of YAML that manifests are written in, read in one pass over the bytes.
//!
//! The full parser costs twelve times what a JSON decoder needs for the same data, most of it for YAML that no manifest uses.
//! Block lists and mappings, flow collections, and scalars of one line without escapes are all that generated and hand-written lists
//! of assignments hold; this reader makes the same arena of them, place for place. At anything else (anchors, tags, block
//! scalars, escapes, an empty value, a tab, a doubt) it returns `None`, and the full parser reads the text from its start: so
//! every error message has one author, and this file needs no opinion on what is wrong, only on what is surely right.
//! `agreement.rs` holds the two readers against each other.

use super::{FLOW, MAX_NODES, PLAIN, Raw, RawKind, Tree};
use crate::diag::SourceId;

/// Deeper nesting is left to the full parser, which knows how to refuse it. Manifests need six levels.
const DEPTH: usize = 32;

/// YAML allows a key of one line 1,024 characters; what comes near is left to the full parser.
const KEY: usize = 1000;

/// The documents of a text, if all of it is in the subset.
pub(super) fn read(text: &str, source: SourceId) -> Option<Tree<'_>> {
    u32::try_from(text.len()).ok()?;
    let mut reader = Reader { bytes: text.as_bytes(), at: 0, line: 0, nodes: Vec::new(), last_end: 0, depth: 0 };
    // An average manifest node takes a dozen bytes of text; growing once more is cheap, starting too large is not.
    reader.nodes.reserve(text.len() / 12);
    let documents = reader.documents()?;
    Some(Tree { text, source, side: String::new(), nodes: reader.nodes, documents })
}

struct Reader<'s> {
    bytes: &'s [u8],
    at: usize,
    /// Where the line that holds `at` begins.
    line: usize,
    nodes: Vec<Raw>,
    /// Where the last finished node ends.
    last_end: u32,
    depth: usize,
}

/// A scalar of one line.
struct Token {
    start: usize,
    end: usize,
    /// In quotes, which stand inside `start..end`.
    quoted: bool,
    /// A `:` that makes it a key follows at once.
    key: bool,
}

/// What a byte may be inside a plain scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Nothing that this reader is sure of.
    Foreign,
    /// Ordinary text.
    Text,
    /// Ordinary text, and fit to be the first character.
    First,
    /// Needs a look at its neighbours.
    Special,
}

static CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut classes = [Class::Foreign; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'/' | b'~' | b'<' | b'(' | b'=' | b'+' | b'$' => {
                Class::First
            }
            b'-' | b'@' | b')' | b';' | b'>' | b'?' | b'!' | b'&' | b'*' | b'\'' | b'"' | b'%' | b'^' | b'|' => {
                Class::Text
            }
            b' ' | b'\n' | b':' | b'#' | b',' | b']' | b'}' | 0x80.. => Class::Special,
            _ => Class::Foreign,
        };
        byte += 1;
    }
    classes
}

impl Reader<'_> {
    fn documents(&mut self) -> Option<Vec<u32>> {
        let mut documents = Vec::new();
        self.skip()?;
        loop {
            if self.is_marker() {
                if self.ahead(0) != Some(b'-') {
                    return None; // `...` and what may follow it
                }
                self.at += 3;
                self.end_of_line()?;
            }
            // Nothing to read is an empty document, or none at all: the full parser decides.
            if self.ahead(0).is_none() || self.is_marker() {
                return None;
            }
            documents.push(self.here());
            let before = self.nodes.len();
            self.block(-1)?;
            let root = self.nodes.get(before)?;
            if root.kind == RawKind::Scalar {
                return None;
            }
            if self.ahead(0).is_none() {
                return Some(documents);
            }
            if !self.is_marker() {
                return None;
            }
        }
    }

    fn ahead(&self, by: usize) -> Option<u8> {
        self.bytes.get(self.at + by).copied()
    }

    fn here(&self) -> u32 {
        self.nodes.len() as u32 // bounded by MAX_NODES
    }

    /// Whether white space, a line's end or the text's end stands there.
    fn is_break(&self, by: usize) -> bool {
        matches!(self.ahead(by), None | Some(b' ' | b'\n'))
    }

    fn is_dash(&self) -> bool {
        self.ahead(0) == Some(b'-') && self.is_break(1)
    }

    /// Whether `---` or `...` stands here, in the first column.
    fn is_marker(&self) -> bool {
        self.at == self.line
            && matches!(self.bytes.get(self.at..self.at + 3), Some(b"---" | b"..."))
            && self.is_break(3)
    }

    /// The column of the token that comes next; before the first column where a document or the text ends.
    fn column(&self) -> isize {
        if self.at >= self.bytes.len() || self.is_marker() { -1 } else { (self.at - self.line) as isize }
    }

    /// Goes to the next token, over spaces, line ends and comments. Says whether it went over a line's end.
    fn skip(&mut self) -> Option<bool> {
        let mut crossed = false;
        loop {
            match self.ahead(0) {
                Some(b' ') => self.at += 1,
                Some(b'\n') => {
                    self.at += 1;
                    self.line = self.at;
                    crossed = true;
                }
                Some(b'#') if self.at == self.line || self.bytes.get(self.at - 1) == Some(&b' ') => self.comment()?,
                _ => return Some(crossed),
            }
        }
    }

    fn comment(&mut self) -> Option<()> {
        loop {
            match self.ahead(0) {
                None | Some(b'\n') => return Some(()),
                Some(0x80..) => self.at += self.wide()?,
                Some(b'\r') => return None,
                Some(_) => self.at += 1,
            }
        }
    }

    /// The length of the character here, unless it is one that ends a line or cannot be printed.
    fn wide(&self) -> Option<usize> {
        match (self.ahead(0)?, self.ahead(1)?, self.ahead(2)) {
            (0xC2, ..0xA0, _) | (0xE2, 0x80, Some(0xA8 | 0xA9)) | (0xEF, ..) => None,
            (0xC2..=0xDF, ..) => Some(2),
            (0xE0..=0xEE, ..) => Some(3),
            (0xF0.., ..) => Some(4),
            _ => None,
        }
    }

    /// After a value: nothing but a comment may follow on its line.
    fn end_of_line(&mut self) -> Option<()> {
        let crossed = self.skip()?;
        (crossed || self.at >= self.bytes.len()).then_some(())
    }

    /// The node here, in a block collection whose entries stand in column `parent`. Ends at the first token of a line.
    fn block(&mut self, parent: isize) -> Option<()> {
        let column = (self.at - self.line) as isize;
        if self.is_dash() {
            return self.sequence(column, false);
        }
        if matches!(self.ahead(0)?, b'{' | b'[') {
            self.flow(parent)?;
            return self.end_of_line();
        }
        let token = self.token(false)?;
        if token.key { self.mapping(column, token) } else { self.line_scalar(&token, parent) }
    }

    /// A scalar that ends its line. A deeper line after it would continue it.
    fn line_scalar(&mut self, token: &Token, parent: isize) -> Option<()> {
        if token.key {
            return None;
        }
        self.leaf(token)?;
        self.end_of_line()?;
        (self.column() <= parent).then_some(())
    }

    /// A block list. One that is `flat`, in its key's own column, starts with its first item to the full parser, not with the dash.
    fn sequence(&mut self, column: isize, flat: bool) -> Option<()> {
        let node = self.open(RawKind::Sequence, 0, self.at)?;
        let mut items = 0;
        loop {
            self.at += 1;
            let crossed = self.skip()?;
            if (crossed || self.at >= self.bytes.len()) && self.column() <= column {
                return None; // an empty item
            }
            if flat && items == 0 {
                if crossed {
                    return None; // the full parser lets such a list begin behind its dash
                }
                self.nodes.last_mut()?.start = self.at as u32;
            }
            self.block(column)?;
            items += 1;
            if self.column() == column && self.is_dash() {
                continue;
            }
            if self.column() > column {
                return None;
            }
            self.close(node, items, self.last_end);
            return Some(());
        }
    }

    fn mapping(&mut self, column: isize, first: Token) -> Option<()> {
        let node = self.open(RawKind::Mapping, 0, first.start)?;
        let (mut key, mut pairs) = (first, 0);
        loop {
            self.leaf(&key)?;
            self.at += 1;
            self.value(column)?;
            pairs += 1;
            if self.column() < column {
                self.close(node, pairs, self.last_end);
                return Some(());
            }
            if self.column() > column {
                return None;
            }
            key = self.token(false)?;
            if !key.key {
                return None;
            }
        }
    }

    /// The value after a key and its colon.
    fn value(&mut self, column: isize) -> Option<()> {
        if self.skip()? || self.at >= self.bytes.len() {
            if self.column() > column {
                return self.block(column);
            }
            // A list may stand in its key's own column.
            return if self.column() == column && self.is_dash() { self.sequence(column, true) } else { None };
        }
        if matches!(self.ahead(0)?, b'{' | b'[') {
            self.flow(column)?;
            return self.end_of_line();
        }
        let token = self.token(false)?;
        self.line_scalar(&token, column)
    }

    /// A collection in brackets, whose further lines stand deeper than `parent`.
    fn flow(&mut self, parent: isize) -> Option<()> {
        let is_mapping = self.ahead(0)? == b'{';
        let (kind, closing) = if is_mapping { (RawKind::Mapping, b'}') } else { (RawKind::Sequence, b']') };
        let node = self.open(kind, FLOW, self.at)?;
        self.at += 1;
        let mut items = 0;
        loop {
            self.gap(parent)?;
            if self.ahead(0)? == closing {
                self.at += 1;
                self.close(node, items, self.at as u32);
                return Some(());
            }
            if is_mapping {
                let key = self.token(true)?;
                if !key.key {
                    return None;
                }
                self.leaf(&key)?;
                self.at += 1;
                self.gap(parent)?;
            }
            if matches!(self.ahead(0)?, b'{' | b'[') {
                self.flow(parent)?;
            } else {
                let token = self.token(true)?;
                if token.key {
                    return None;
                }
                self.leaf(&token)?;
            }
            items += 1;
            self.gap(parent)?;
            match self.ahead(0)? {
                b',' => self.at += 1,
                byte if byte == closing => {}
                _ => return None,
            }
        }
    }

    /// Goes to the next token inside brackets.
    fn gap(&mut self, parent: isize) -> Option<()> {
        let crossed = self.skip()?;
        (!crossed || self.column() > parent && self.column() > 0).then_some(())
    }

    /// The scalar here. Ends behind it, at the colon if it is a key.
    fn token(&mut self, in_flow: bool) -> Option<Token> {
        let token = match self.ahead(0)? {
            quote @ (b'"' | b'\'') => self.quoted(quote, in_flow)?,
            _ => self.plain(in_flow)?,
        };
        (!token.key || token.end - token.start <= KEY).then_some(token)
    }

    fn quoted(&mut self, quote: u8, in_flow: bool) -> Option<Token> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.ahead(0)? {
                byte if byte == quote => break,
                b'\\' if quote == b'"' => return None,
                b'\n' | b'\r' | b'\t' => return None,
                0x80.. => self.at += self.wide()?,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        match self.ahead(0) {
            Some(b':') if in_flow || self.is_break(1) => Some(Token { start, end: self.at, quoted: true, key: true }),
            None | Some(b' ' | b'\n') => Some(Token { start, end: self.at, quoted: true, key: false }),
            Some(b',' | b']' | b'}') if in_flow => Some(Token { start, end: self.at, quoted: true, key: false }),
            _ => None, // a doubled quote, or text that touches it
        }
    }

    fn plain(&mut self, in_flow: bool) -> Option<Token> {
        let start = self.at;
        let is_first = match self.ahead(0)? {
            b'-' => self.ahead(1).is_some_and(|byte| byte.is_ascii_alphanumeric()),
            byte @ 0x80.. => byte != 0xEF,
            byte => CLASSES[byte as usize] == Class::First,
        };
        if !is_first {
            return None;
        }
        // One past the last character that is not a space.
        let mut end = start;
        while let Some(byte) = self.ahead(0) {
            match CLASSES[byte as usize] {
                Class::First | Class::Text => self.at += 1,
                Class::Foreign => return None,
                Class::Special => match byte {
                    b'\n' => break,
                    b' ' => {
                        self.at += 1;
                        continue;
                    }
                    b'#' if end < self.at => break,
                    b'#' => self.at += 1,
                    b':' if self.is_break(1) => {
                        // A space before the colon is allowed, and rare.
                        return (end == self.at).then_some(Token { start, end, quoted: false, key: true });
                    }
                    b':' if in_flow && matches!(self.ahead(1), Some(b',' | b'[' | b']' | b'{' | b'}')) => return None,
                    b':' => self.at += 1,
                    b',' | b']' | b'}' if in_flow => break,
                    b',' => self.at += 1,
                    0x80.. => self.at += self.wide()?,
                    _ => return None,
                },
            }
            end = self.at;
        }
        self.at = end;
        Some(Token { start, end, quoted: false, key: false })
    }

    fn leaf(&mut self, token: &Token) -> Option<()> {
        let (from, to) = if token.quoted { (token.start + 1, token.end - 1) } else { (token.start, token.end) };
        self.last_end = token.end as u32;
        self.push(Raw {
            start: token.start as u32,
            end: token.end as u32,
            next: self.here() + 1,
            data: from as u32,
            len: (to - from) as u32,
            kind: RawKind::Scalar,
            flags: if token.quoted { 0 } else { PLAIN },
        })
    }

    fn open(&mut self, kind: RawKind, flags: u8, start: usize) -> Option<u32> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let node = self.here();
        self.push(Raw { start: start as u32, end: start as u32, next: node + 1, data: 0, len: 0, kind, flags })?;
        Some(node)
    }

    fn push(&mut self, raw: Raw) -> Option<()> {
        // The last node too many is the full parser's to refuse.
        if self.nodes.len() + 1 >= MAX_NODES {
            return None;
        }
        self.nodes.push(raw);
        Some(())
    }

    fn close(&mut self, node: u32, len: u32, end: u32) {
        self.depth -= 1;
        let next = self.here();
        if let Some(raw) = self.nodes.get_mut(node as usize) {
            (raw.next, raw.len, raw.end) = (next, len, end);
        }
        self.last_end = end;
    }
}
