//! Findings as people and pipelines read them: excerpts with the exact token underlined, or JSON.
//!
//! It knows no manifests: only texts, places and words. The texts are hostile: control characters are made visible, long lines
//! are cut, and no excerpt costs more than the lines it shows, however large the file is.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

use super::{Stopped, clean};
use crate::diag::{Diagnostic, Diagnostics, Label, Severity, Sources, Span};

/// How many findings are shown to a person with their excerpts; the others are named with their places, a line each. How many
/// there can be is bounded where they are collected.
pub const MAX_SHOWN: usize = 100;

/// Places at most this many lines apart share an excerpt.
const NEAR: u32 = 6;

/// How many bytes of a line are shown behind the token.
const CONTEXT: usize = 160;

/// A line is cut in front of the token only beyond this many bytes: the renderer trims what does not fit its width, and counts
/// columns in what it is given.
const FRONT: usize = 4_096;

/// The findings in the order of their places, as text.
pub fn human(diagnostics: &Diagnostics, sources: &Sources, color: bool) -> String {
    let renderer = if color { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
    let sorted = diagnostics.sorted();
    let mut text = String::new();
    for diagnostic in sorted.iter().take(MAX_SHOWN) {
        text.push_str(&one(diagnostic, sources, &renderer));
        text.push_str("\n\n");
    }
    for diagnostic in sorted.iter().skip(MAX_SHOWN) {
        text.push_str(&brief(diagnostic, sources));
    }
    if sorted.len() > MAX_SHOWN {
        text.push('\n');
    }
    // Excerpts are the manifests' own text; every line of them begins with its number, so only commands inside a line are left.
    clean::without_commands(&text).into_owned()
}

/// A finding on one line, without its excerpt and help.
fn brief(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = diagnostic.primary.as_ref().map(|label| format!("{}: ", sources.locate(label.span)));
    let (place, message) = (place.unwrap_or_default(), clean::terminal(&diagnostic.message));
    format!("{}{severity}[{}]: {message}\n", clean::terminal(&place), diagnostic.code)
}

/// The counts in words, such as `3 errors, 1 warning`.
pub fn summary(diagnostics: &Diagnostics) -> String {
    count(diagnostics.errors(), diagnostics.warnings())
}

fn count(errors: usize, warnings: usize) -> String {
    let some = |n: usize, word: &str| (n > 0).then(|| format!("{n} {word}{}", if n == 1 { "" } else { "s" }));
    let parts: Vec<String> = [some(errors, "error"), some(warnings, "warning")].into_iter().flatten().collect();
    if parts.is_empty() { "no errors".to_owned() } else { parts.join(", ") }
}

/// The findings as JSON, in the order of their places. Strings are as they are: JSON escapes what it must.
pub fn json(diagnostics: &Diagnostics, sources: &Sources) -> Value {
    let place = |label: &Label| {
        let location = sources.locate(label.span);
        json!({ "file": location.file, "line": location.line, "column": location.column, "text": label.text })
    };
    let one = |diagnostic: &&Diagnostic| {
        json!({
            "code": diagnostic.code,
            "severity": match diagnostic.severity { Severity::Error => "error", Severity::Warning => "warning" },
            "message": diagnostic.message,
            "location": diagnostic.primary.as_ref().map(place),
            "related": diagnostic.secondary.iter().map(place).collect::<Vec<_>>(),
            "help": diagnostic.help,
        })
    };
    Value::Array(diagnostics.sorted().iter().map(one).collect())
}

/// The JSON findings of a run that ended before there was a plan: why.
pub fn stopped(stopped: Stopped<'_>) -> Value {
    let mut found = Diagnostics::default();
    found.push(Diagnostic::global(stopped.command.code(), format!("{}: {}", stopped.sentence(), stopped.why)));
    json(&found, &Sources::default())
}

fn one(diagnostic: &Diagnostic, sources: &Sources, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(clean::terminal(&diagnostic.message).into_owned()).id(diagnostic.code);
    let excerpts = excerpts(diagnostic, sources);
    let mut group = Group::with_title(title);
    for excerpt in &excerpts {
        let path = clean::terminal(sources.name(excerpt.at.source)).into_owned();
        group = match excerpt.is_exact {
            true => group.element(excerpt.snippet().path(path)),
            // The renderer would count columns in the excerpt, which is not the file's line any more.
            false => group.element(excerpt.origin(sources)).element(excerpt.snippet()),
        };
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(clean::terminal(help).into_owned()));
    }
    renderer.render(&[group])
}

/// A mark in an excerpt: bytes of the excerpt's text, and what to say there.
struct Mark {
    range: Range<usize>,
    text: String,
    is_primary: bool,
}

/// Neighbouring lines of one text, cleaned, with their marks.
struct Excerpt {
    at: Span,
    first_line: u32,
    last_line: u32,
    text: String,
    marks: Vec<Mark>,
    /// Whether its columns are those of the file: nothing was cut off in front.
    is_exact: bool,
}

impl Excerpt {
    fn origin(&self, sources: &Sources) -> Origin<'static> {
        let location = sources.locate(self.at);
        Origin::path(clean::terminal(&location.file).into_owned())
            .line(location.line as usize)
            .char_column(location.column as usize)
    }

    fn snippet(&self) -> Snippet<'_, Annotation<'_>> {
        let mut snippet = Snippet::source(self.text.as_str()).line_start(self.first_line as usize).fold(true);
        for mark in &self.marks {
            let kind = if mark.is_primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let annotation = kind.span(mark.range.clone());
            let label = (!mark.text.is_empty()).then_some(mark.text.as_str());
            snippet = snippet.annotation(annotation.label(label));
        }
        snippet
    }
}

/// The excerpts of a finding: the primary place first, then the others; near places share one.
fn excerpts(diagnostic: &Diagnostic, sources: &Sources) -> Vec<Excerpt> {
    let primary = diagnostic.primary.iter().map(|label| (label, true));
    let labels = primary.chain(diagnostic.secondary.iter().map(|label| (label, false)));
    let mut groups: Vec<Vec<(&Label, u32, bool)>> = Vec::new();
    for (label, is_primary) in labels {
        let line = sources.locate(label.span).line;
        let near = groups.iter_mut().find(|group| {
            group.iter().any(|(other, at, _)| other.span.source == label.span.source && at.abs_diff(line) <= NEAR)
        });
        match near {
            Some(group) => group.push((label, line, is_primary)),
            None => groups.push(vec![(label, line, is_primary)]),
        }
    }
    groups.iter().filter_map(|group| excerpt(group, sources)).collect()
}

fn excerpt(labels: &[(&Label, u32, bool)], sources: &Sources) -> Option<Excerpt> {
    let (first, ..) = labels.first()?;
    let text = sources.text(first.span.source);
    let top = labels.iter().map(|(_, line, _)| *line).min()?;
    let bottom = labels.iter().map(|(_, line, _)| *line).max()?;
    let start = labels.iter().map(|(label, ..)| line_range(text, label.span.start as usize).start).min()?;
    let mut excerpt = Excerpt {
        at: first.span,
        first_line: top,
        last_line: bottom,
        text: String::new(),
        marks: Vec::new(),
        is_exact: true,
    };
    let mut line_start = start;
    for line in excerpt.first_line..=excerpt.last_line {
        let range = line_range(text, line_start);
        let here: Vec<&(&Label, u32, bool)> = labels.iter().filter(|(_, at, _)| *at == line).collect();
        excerpt.add_line(text, range.clone(), &here);
        line_start = text.len().min(range.end + 1);
    }
    Some(excerpt)
}

/// The line around an offset, without its break.
fn line_range(text: &str, offset: usize) -> Range<usize> {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
    start..end
}

impl Excerpt {
    /// Adds one line: cut around its marks, every character cleaned, the marks moved along.
    fn add_line(&mut self, text: &str, line: Range<usize>, labels: &[&(&Label, u32, bool)]) {
        let spans: Vec<Range<usize>> = labels
            .iter()
            .map(|(label, ..)| {
                let start = (label.span.start as usize).clamp(line.start, line.end);
                start..(label.span.end as usize).clamp(start, line.end)
            })
            .collect();
        let window = window(text, &line, &spans);
        let base = self.text.len();
        if window.start > line.start {
            self.is_exact = false;
            self.text.push('…');
        }
        let mut moved: Vec<Range<usize>> = vec![base..base; spans.len()];
        let content = text.get(window.clone()).unwrap_or("").trim_end_matches('\r');
        for (offset, c) in content.char_indices() {
            let at = window.start + offset;
            for (moved, span) in moved.iter_mut().zip(&spans) {
                if at <= span.start {
                    moved.start = self.text.len();
                }
                if at <= span.end {
                    moved.end = self.text.len();
                }
            }
            self.text.push(picture(c));
        }
        let content_end = window.start + content.len();
        for ((moved, span), (label, _, is_primary)) in moved.iter_mut().zip(&spans).zip(labels) {
            if span.start >= content_end {
                moved.start = self.text.len();
            }
            if span.end >= content_end {
                moved.end = self.text.len();
            }
            let text = clean::terminal(&label.text).into_owned();
            self.marks.push(Mark { range: moved.start..moved.end.max(moved.start), text, is_primary: *is_primary });
        }
        if window.end < line.end {
            self.text.push('…');
        }
        self.text.push('\n');
    }
}

/// One visible character for each of the line, so that columns stay: control characters have pictures of their own, whatever else
/// moves the cursor or reorders text becomes the replacement character. Tabs are the renderer's to widen.
fn picture(c: char) -> char {
    /// U+2400 is the picture of NUL, and so on.
    const PICTURES: u32 = 0x2400;
    let mut buffer = [0; 4];
    match u32::from(c) {
        _ if c == '\t' => c,
        code @ 0..0x20 => char::from_u32(PICTURES + code).unwrap_or('\u{fffd}'),
        0x7f => '\u{2421}',
        _ if matches!(clean::terminal(c.encode_utf8(&mut buffer)), Cow::Owned(_)) => '\u{fffd}',
        _ => c,
    }
}

/// The part of a long line that is worth showing: around its marks, else its start.
fn window(text: &str, line: &Range<usize>, spans: &[Range<usize>]) -> Range<usize> {
    let first = spans.iter().map(|span| span.start).min().unwrap_or(line.start);
    let last = spans.iter().map(|span| span.end.min(span.start + CONTEXT)).max().unwrap_or(line.start);
    let mut start = if first - line.start > FRONT { first - CONTEXT } else { line.start };
    let mut end = (last + CONTEXT).min(line.end);
    if spans.len() > 1 && last - first > 4 * CONTEXT {
        end = (first + 4 * CONTEXT).min(line.end); // marks too far apart: the first one is shown
    }
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceId;

    fn render(text: &str, diagnostics: Vec<Diagnostic>) -> String {
        let mut sources = Sources::default();
        sources.add("a\u{1b}.yaml", text.to_owned());
        let mut all = Diagnostics::default();
        diagnostics.into_iter().for_each(|diagnostic| all.push(diagnostic));
        human(&all, &sources, false)
    }

    fn span(start: u32, end: u32) -> Span {
        Span { source: SourceId(0), start, end }
    }

    #[test]
    fn the_exact_token_is_underlined_and_the_second_place_shown() {
        let text = "a: 1\nb: 2\nc: 3\n";
        let diagnostic =
            Diagnostic::error("code", "message", span(8, 9)).label("here").also(span(3, 4), "there").help("do");
        insta::assert_snapshot!(render(text, vec![diagnostic]));
    }

    #[test]
    fn hostile_text_is_made_visible_and_long_lines_are_cut() {
        let long = format!("{}\u{202e}bad\u{1b}[31m{}", "x".repeat(5_000), "y".repeat(1_000_000));
        let diagnostic = Diagnostic::error("code", "evil \u{1b}[2J\u{202e}", span(5_000, 5_010)).help("\u{7}");
        let shown = render(&long, vec![diagnostic]);
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown}");
        assert!(!shown.contains('\u{202e}') && shown.len() < 4_000, "{}", shown.len());
        assert!(shown.contains("a\\u{1b}.yaml:1:5001"), "{shown}");
    }

    #[test]
    fn places_far_apart_do_not_cost_what_lies_between() {
        let text = format!("first\n{}last\n", "middle\n".repeat(100_000));
        let end = u32::try_from(text.len()).unwrap_or(0);
        let shown =
            render(&text, vec![Diagnostic::error("code", "m", span(end - 5, end - 1)).also(span(0, 5), "there")]);
        assert!(shown.contains("first") && shown.contains("last") && shown.len() < 1_000, "{shown}");
    }

    #[test]
    fn more_findings_than_anyone_reads_are_counted() {
        let many = |count| (0..count).map(|_| Diagnostic::error("code", "m", span(0, 1))).collect::<Vec<_>>();
        let all_named = render("a", many(MAX_SHOWN + 5));
        assert_eq!(all_named.matches(":1:1: error[code]: m\n").count(), 5, "{all_named}");
        assert_eq!(all_named.matches("error[code]").count(), MAX_SHOWN + 5);
    }

    #[test]
    fn points_at_the_end_and_empty_texts_render() {
        for (text, at) in [("", 0), ("a", 1), ("a\n", 2), ("ä\r\n", 1)] {
            assert!(render(text, vec![Diagnostic::error("code", "m", span(at, at))]).contains("code"));
        }
    }
}
