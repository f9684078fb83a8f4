//! From the parser's events to the arena, with the budgets that hostile text runs into.

use std::borrow::Cow;

use granit_parser::{Event, Parser, ScalarStyle, StrInput, StructureStyle, Tag};

use super::{ALIAS_BUDGET, FLOW, MAX_DEPTH, MAX_NODES, PLAIN, Raw, RawKind, SIDE, Tree, subset, syntax};
use crate::diag::{Diagnostic, Diagnostics, SourceId, Span};

/// Reads all documents of a text. A document with a syntax error is left out; the next one is read all the same.
pub fn parse<'s>(text: &'s str, source: SourceId, diagnostics: &mut Diagnostics) -> Tree<'s> {
    if let Some(diagnostic) = syntax::forbidden_character(text, source) {
        diagnostics.push(diagnostic);
        return empty(text, source);
    }
    subset::read(text, source).unwrap_or_else(|| full(text, source, diagnostics))
}

fn empty(text: &str, source: SourceId) -> Tree<'_> {
    Tree { text, source, side: String::new(), nodes: Vec::new(), documents: Vec::new() }
}

/// All of YAML, and every syntax error.
pub(super) fn full<'s>(text: &'s str, source: SourceId, diagnostics: &mut Diagnostics) -> Tree<'s> {
    let tree = empty(text, source);
    let mut builder = Builder { tree, open: Vec::new(), anchors: Vec::new(), aliased: 0, last_end: 0, diagnostics };
    // An average manifest node takes a dozen bytes of text; growing once more is cheap, starting too large is not.
    builder.tree.nodes.reserve(text.len() / 12);
    builder.run();
    builder.tree
}

/// A collection that is still open.
struct Open {
    node: u32,
    children: u32,
    /// Nodes inside, aliases expanded.
    expanded: u64,
    /// Levels inside, aliases followed.
    height: usize,
    /// Its place in `anchors`, if it has one.
    anchor: Option<usize>,
}

/// An anchored node. Ids only ever grow, so the list is sorted.
struct Anchor {
    id: usize,
    node: u32,
    /// `None` while the collection is still open: an alias to it would contain itself.
    size: Option<(u64, usize)>,
}

struct Builder<'s, 'd> {
    tree: Tree<'s>,
    open: Vec<Open>,
    anchors: Vec<Anchor>,
    aliased: u64,
    last_end: u32,
    diagnostics: &'d mut Diagnostics,
}

impl<'s> Builder<'s, '_> {
    fn run(&mut self) {
        let options = granit_parser::options! {
            emit_comments: false,
            emit_unresolved_aliases: true,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        let mut parser: Parser<'s, StrInput<'s>> = Parser::new_from_str_with_options(self.tree.text, options);
        let mut document_start = 0;
        while let Some(next) = parser.next_event() {
            match next {
                Ok((Event::DocumentStart(..), _)) => document_start = self.begin_document(),
                Ok((Event::DocumentEnd, _)) => self.tree.documents.push(document_start),
                Ok((event, span)) => {
                    if !self.event(event, &span) {
                        return;
                    }
                }
                Err(error) => {
                    self.diagnostics.push(syntax::diagnose(&error, self.tree.text, self.tree.source));
                    self.tree.nodes.truncate(document_start as usize);
                    self.open.clear();
                    if !matches!(parser.proceed_next_document(), Ok(true)) {
                        return;
                    }
                }
            }
        }
    }

    fn begin_document(&mut self) -> u32 {
        self.open.clear();
        self.anchors.clear();
        self.here()
    }

    fn here(&self) -> u32 {
        u32::try_from(self.tree.nodes.len()).unwrap_or(u32::MAX)
    }

    /// Takes one event; false: give the file up.
    fn event(&mut self, event: Event<'s>, span: &granit_parser::Span) -> bool {
        if self.tree.nodes.len() >= MAX_NODES {
            let message = format!("the file has more than {MAX_NODES} values");
            let at = self.span(span);
            self.diagnostics.push(Diagnostic::error("too-large", message, at).help("split the file"));
            self.tree.nodes.clear();
            self.tree.documents.clear();
            return false;
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => self.scalar(text, style, anchor, tag.as_deref(), span),
            Event::SequenceStart(style, anchor, tag) => {
                self.start(RawKind::Sequence, style, anchor, tag.as_deref(), span);
            }
            Event::MappingStart(style, anchor, tag) => {
                self.start(RawKind::Mapping, style, anchor, tag.as_deref(), span);
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(id) => self.alias(id, span),
            Event::UnresolvedAlias(name) => {
                let at = self.span(span);
                let message = format!("unknown alias `*{name}`");
                let help = "an anchor (`&name`) must stand before the alias in the same document";
                self.diagnostics.push(Diagnostic::error("unknown-alias", message, at).help(help));
                self.bad(at);
            }
            _ => {}
        }
        true
    }

    fn span(&self, span: &granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        let clip = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span { source: self.tree.source, start: clip(range.start), end: clip(range.end) }
    }

    /// Adds a node that is complete, and counts it in its parent.
    fn leaf(&mut self, raw: Raw, expanded: u64, height: usize) {
        self.last_end = self.last_end.max(raw.end);
        self.tree.nodes.push(raw);
        if let Some(parent) = self.open.last_mut() {
            parent.children += 1;
            parent.expanded = parent.expanded.saturating_add(expanded);
            parent.height = parent.height.max(height + 1);
        }
    }

    fn bad(&mut self, at: Span) {
        let next = self.here() + 1;
        self.leaf(Raw { start: at.start, end: at.end, next, data: 0, len: 0, kind: RawKind::Bad, flags: 0 }, 1, 0);
    }

    fn scalar(
        &mut self,
        text: Cow<'s, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: &granit_parser::Span,
    ) {
        let at = self.span(span);
        let is_str = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        if tag.is_some() && !is_str {
            self.unsupported_tag(tag, at);
            return self.bad(at);
        }
        let plain = style == ScalarStyle::Plain && !is_str;
        // The parser gives `~` for a value that is not there at all; the arena keeps what was written: nothing.
        let text = if plain && at.start == at.end { Cow::Borrowed("") } else { text };
        let (data, side) = self.place(&text);
        let flags = if plain { PLAIN } else { 0 } | if side { SIDE } else { 0 };
        let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
        if anchor != 0 {
            self.anchors.push(Anchor { id: anchor, node: self.here(), size: Some((1, 0)) });
        }
        let next = self.here() + 1;
        self.leaf(Raw { start: at.start, end: at.end, next, data, len, kind: RawKind::Scalar, flags }, 1, 0);
    }

    /// Where a scalar's text lies: in the source where the parser borrowed it from there, else in the side buffer.
    fn place(&mut self, text: &str) -> (u32, bool) {
        let offset = (text.as_ptr() as usize).wrapping_sub(self.tree.text.as_ptr() as usize);
        if self.tree.text.get(offset..offset.saturating_add(text.len())) == Some(text) {
            return (u32::try_from(offset).unwrap_or(u32::MAX), false);
        }
        let offset = self.tree.side.len();
        self.tree.side.push_str(text);
        (u32::try_from(offset).unwrap_or(u32::MAX), true)
    }

    fn start(
        &mut self,
        kind: RawKind,
        style: StructureStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: &granit_parser::Span,
    ) {
        let at = self.span(span);
        let own = if kind == RawKind::Mapping { "map" } else { "seq" };
        let fits = tag.is_none_or(|tag| tag.is_yaml_core_schema_tag(own));
        if !fits {
            self.unsupported_tag(tag, at);
        }
        let node = self.here();
        let anchor = (anchor != 0).then(|| {
            self.anchors.push(Anchor { id: anchor, node, size: None });
            self.anchors.len() - 1
        });
        self.open.push(Open { node, children: 0, expanded: 1, height: 0, anchor });
        // A collection with a foreign tag keeps its children, and is `Bad` to everyone who looks at it.
        let kind = if fits { kind } else { RawKind::Bad };
        let flags = if style == StructureStyle::Flow { FLOW } else { 0 };
        self.tree.nodes.push(Raw { start: at.start, end: at.end, next: node + 1, data: 0, len: 0, kind, flags });
    }

    fn end(&mut self, span: &granit_parser::Span) {
        let Some(done) = self.open.pop() else { return };
        let (next, end) = (self.here(), self.span(span).end);
        if let Some(anchor) = done.anchor.and_then(|index| self.anchors.get_mut(index)) {
            anchor.size = Some((done.expanded, done.height));
        }
        let Some(raw) = self.tree.nodes.get_mut(done.node as usize) else { return };
        raw.next = next;
        raw.len = if raw.kind == RawKind::Mapping { done.children / 2 } else { done.children };
        // A block collection's end token stands at the next line that is not part of it: its last child ends it.
        let content_end = if raw.flags & FLOW == 0 { self.last_end } else { end.max(self.last_end) };
        raw.end = content_end.max(raw.start);
        self.last_end = self.last_end.max(raw.end);
        if let Some(parent) = self.open.last_mut() {
            parent.children += 1;
            parent.expanded = parent.expanded.saturating_add(done.expanded);
            parent.height = parent.height.max(done.height + 1);
        }
    }

    fn alias(&mut self, id: usize, span: &granit_parser::Span) {
        let at = self.span(span);
        let found = self.anchors.binary_search_by_key(&id, |anchor| anchor.id).ok();
        let Some(anchor) = found.and_then(|index| self.anchors.get(index)) else {
            return self.bad(at); // its anchor stood on a node that was refused, and reported
        };
        let (target, size) = (anchor.node, anchor.size);
        let Some((expanded, height)) = size else {
            let message = "this alias stands inside the value that it refers to";
            self.diagnostics.push(Diagnostic::error("recursive-alias", message, at).help("write the value out"));
            return self.bad(at);
        };
        let was_within = self.aliased <= ALIAS_BUDGET;
        self.aliased = self.aliased.saturating_add(expanded);
        if self.aliased > ALIAS_BUDGET {
            if was_within {
                let message = format!("the aliases of this file expand to more than {ALIAS_BUDGET} values");
                let help = "write the values out, or split the file";
                self.diagnostics.push(Diagnostic::error("alias-budget", message, at).help(help));
            }
            return self.bad(at);
        }
        if self.open.len() + height > MAX_DEPTH {
            self.diagnostics.push(syntax::too_deep(at));
            return self.bad(at);
        }
        let next = self.here() + 1;
        let raw = Raw { start: at.start, end: at.end, next, data: target, len: 0, kind: RawKind::Alias, flags: 0 };
        self.leaf(raw, expanded, height);
    }

    fn unsupported_tag(&mut self, tag: Option<&Tag>, at: Span) {
        let name = tag.map(Tag::original).unwrap_or_default();
        let message = format!("the tag `{name}` is not supported here");
        let help = "leave the tag out: the field decides how a value is read; quote what must stay text";
        self.diagnostics.push(Diagnostic::error("unsupported-tag", message, at).help(help));
    }
}
