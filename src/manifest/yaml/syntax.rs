//! The parser's errors in words that say what to do.

use granit_parser::{ErrorKind, ScanError};

use crate::diag::{Diagnostic, SourceId, Span};

/// The character at an offset, or the point at the end.
fn character(text: &str, source: SourceId, offset: usize) -> Span {
    let mut start = offset.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let length = text.get(start..).and_then(|rest| rest.chars().next()).filter(|c| *c != '\n' && *c != '\r');
    let clip = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span { source, start: clip(start), end: clip(start + length.map_or(0, char::len_utf8)) }
}

/// The first control character that YAML forbids, NUL among them: some readers stop there and see half a file.
pub(super) fn forbidden_character(text: &str, source: SourceId) -> Option<Diagnostic> {
    let is_forbidden = |b: u8| (b < 0x20) & (b != b'\t') & (b != b'\n') & (b != b'\r') | (b == 0x7f);
    // In blocks and without an early exit inside them, so that the compiler makes vector code of it.
    const BLOCK: usize = 4096;
    let blocks = text.as_bytes().chunks(BLOCK);
    let dirty =
        blocks.map(|block| block.iter().fold(false, |dirty, b| dirty | is_forbidden(*b))).position(|dirty| dirty)?;
    let start = dirty * BLOCK;
    let offset = start + text.as_bytes().get(start..)?.iter().position(|b| is_forbidden(*b))?;
    let code = text.as_bytes().get(offset).copied().unwrap_or_default();
    let name = if code == 0 { "a NUL byte".to_owned() } else { format!("the control character U+{code:04X}") };
    let message = format!("{name} cannot stand in YAML");
    let help = "remove it, or write it as an escape inside double quotes";
    Some(Diagnostic::error("control-character", message, character(text, source, offset)).help(help))
}

/// Nesting past the cap.
pub(super) fn too_deep(at: Span) -> Diagnostic {
    let message = format!("nested deeper than {} levels", super::MAX_DEPTH);
    Diagnostic::error("too-deep", message, at).help("flatten the value")
}

/// A syntax error, placed and explained.
pub(super) fn diagnose(error: &ScanError, text: &str, source: SourceId) -> Diagnostic {
    let mut offset = error.marker().byte_offset().unwrap_or(0);
    if is_tab(error.kind()) {
        offset = tab(text, offset);
    }
    let at = character(text, source, offset);
    let (code, message, help) = explain(error.kind());
    if code == "too-deep" {
        return too_deep(at);
    }
    let diagnostic = Diagnostic::error(code, message, at);
    if help.is_empty() { diagnostic } else { diagnostic.help(help) }
}

/// Where the tab is that the parser means: it points behind it, or at the start of a text whose next line the tab begins.
fn tab(text: &str, marker: usize) -> usize {
    let (Some(before), Some(rest)) = (text.get(..marker), text.get(marker..)) else { return marker };
    if before.ends_with('\t') {
        return marker - 1;
    }
    let indents = |at: usize| {
        let line = rest.get(..at).and_then(|before| before.rsplit_once('\n'));
        line.is_some_and(|(_, start)| start.chars().all(char::is_whitespace))
    };
    let indenting = rest.match_indices('\t').map(|(at, _)| at).find(|at| indents(*at));
    marker + if rest.starts_with('\t') { 0 } else { indenting.or_else(|| rest.find('\t')).unwrap_or(0) }
}

fn is_tab(kind: &ErrorKind) -> bool {
    explain(kind).0 == "tab-indentation"
}

fn explain(kind: &ErrorKind) -> (&'static str, String, &'static str) {
    use ErrorKind as K;
    let yaml = |help| ("yaml-syntax", format!("this is not YAML: {kind}"), help);
    match kind {
        K::RecursionLimitExceeded => ("too-deep", String::new(), ""),
        K::TabNotAllowed | K::TabInBlockIndentation | K::TabInIndentation | K::TabAtBlockScalarStart => {
            ("tab-indentation", "a tab cannot indent YAML".to_owned(), "replace the tab with spaces")
        }
        K::TabInPlainScalar | K::InvalidBlockEntryWhitespace | K::InvalidMappingValueWhitespace => {
            ("tab-indentation", "a tab cannot stand here".to_owned(), "replace the tab with a space")
        }
        K::BomInsideDocument => (
            "byte-order-mark",
            "a byte-order mark may only be the first thing in a file".to_owned(),
            "remove it; concatenated files often carry one in the middle",
        ),
        K::MappingValueNotAllowed | K::MappingKeyNotAllowed => {
            yaml("check the indentation; text that contains `: ` needs quotes")
        }
        K::ExpectedBlockMappingKey | K::ExpectedBlockSequenceEntry | K::InvalidIndentation => {
            yaml("check the indentation: the entries of one list or mapping start in one column")
        }
        K::SimpleKeyExpected | K::InvalidSimpleKey => {
            yaml("a key needs `: ` and a value; text of several lines needs quotes")
        }
        K::UnexpectedCharacter { .. } | K::PlainScalarStartsWithDashFlowIndicator => {
            yaml("text that starts with a special character needs quotes")
        }
        K::ExpectedFlowMappingSeparator | K::ExpectedFlowSequenceSeparator => {
            yaml("a comma or a closing bracket is missing before this")
        }
        K::UnclosedFlowCollection { .. }
        | K::UnexpectedEofFlowMapping
        | K::UnexpectedEofFlowSequence
        | K::UnexpectedEofImplicitFlowMapping => yaml("close the bracket"),
        K::UnclosedQuotedScalar => yaml("close the quote"),
        K::UnknownQuotedScalarEscape => yaml("double the backslash, or use single quotes"),
        K::UndeclaredTagHandle => yaml("text that starts with `!` needs quotes"),
        K::MissingAnchorOrAliasName => yaml("text that starts with `&` or `*` needs quotes"),
        K::CommentNotSeparated => yaml("put a space before `#`, or quote the text"),
        _ => yaml(""),
    }
}
