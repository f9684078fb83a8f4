//! YAML as an arena: every node with its place, no allocation per node, no string copied that the source already holds.
//!
//! The nodes stand in the order of the text; a collection's children follow it, and `next` jumps over them. Twenty-four bytes a
//! node, so that 365,000 entries in 50 MB cost about as much memory as their text. Aliases are references, never copies.
//! This module knows YAML and nothing of manifests: what a scalar means is decided by the field that holds it.

mod parse;
mod scalar;
mod subset;
mod syntax;

use crate::diag::{SourceId, Span};

pub use parse::parse;
pub use scalar::{Ambiguity, Resolved, is_null, resolve};

/// How deep collections may nest, aliases followed. Manifests need six levels; JSON-typed maps get the rest.
pub const MAX_DEPTH: usize = 64;

/// How many nodes aliases may add to a file, all expansions counted: far beyond any real use, and little work for a bomb.
pub const ALIAS_BUDGET: u64 = 1_000_000;

/// How many nodes a file may have: 384 MB of arena.
pub const MAX_NODES: usize = 16_000_000;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// A scalar.
    Scalar,
    /// A list.
    Sequence,
    /// A mapping.
    Mapping,
    /// Something already reported, such as an unknown alias: whoever meets it stays silent.
    Bad,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RawKind {
    Scalar,
    Sequence,
    Mapping,
    /// `data` is the target's index.
    Alias,
    Bad,
}

/// The scalar's text lies in the side buffer (escapes, folding), not in the source.
const SIDE: u8 = 1;
/// The scalar was written without quotes and without a `!!str` tag: its text may mean another type.
const PLAIN: u8 = 2;
/// A collection in `[]` or `{}`.
const FLOW: u8 = 4;

/// One node: 24 bytes.
#[derive(Debug, Clone, Copy)]
struct Raw {
    /// First byte in the source.
    start: u32,
    /// One past the last byte.
    end: u32,
    /// The index of the next node that is not inside this one.
    next: u32,
    /// Scalar: first byte of its text. Alias: its target.
    data: u32,
    /// Scalar: length of its text. Collection: how many items or pairs.
    len: u32,
    kind: RawKind,
    flags: u8,
}

/// The documents of one text.
#[derive(Debug)]
pub struct Tree<'s> {
    text: &'s str,
    source: SourceId,
    side: String,
    nodes: Vec<Raw>,
    documents: Vec<u32>,
}

impl<'s> Tree<'s> {
    /// The root nodes of the documents that could be read, in order. Empty documents are among them, as empty plain scalars.
    pub fn documents(&'s self) -> impl Iterator<Item = Node<'s>> {
        self.documents.iter().map(|id| Node::at(self, *id))
    }

    fn raw(&self, id: u32) -> Raw {
        /// What an index that does not exist reads as; the arena makes its own indices, so this is a second lock on the door.
        const NOTHING: Raw = Raw { start: 0, end: 0, next: u32::MAX, data: 0, len: 0, kind: RawKind::Bad, flags: 0 };
        self.nodes.get(id as usize).copied().unwrap_or(NOTHING)
    }
}

/// A node where it is used: for an alias, the target's content at the alias's place.
#[derive(Debug, Clone, Copy)]
pub struct Node<'t> {
    tree: &'t Tree<'t>,
    /// The content's index.
    id: u32,
    /// The index of the node that stands here: the alias, or the content itself.
    place: u32,
}

/// A scalar's text and how it was written.
#[derive(Debug, Clone, Copy)]
pub struct Scalar<'t> {
    /// The text after escapes and folding; of a plain scalar, as written.
    pub text: &'t str,
    /// Written without quotes: YAML may read it as another type.
    pub plain: bool,
}

impl<'t> Node<'t> {
    fn at(tree: &'t Tree<'t>, place: u32) -> Self {
        let raw = tree.raw(place);
        // An alias's target is never an alias itself: the parser anchors content only.
        let id = if raw.kind == RawKind::Alias { raw.data } else { place };
        Self { tree, id, place }
    }

    /// The same tree's node at a [`Node::place`].
    pub fn sibling(&self, place: u32) -> Node<'t> {
        Self::at(self.tree, place)
    }

    /// The node's number in its tree: four bytes to remember it by.
    pub fn place(&self) -> u32 {
        self.place
    }

    /// What it is.
    pub fn kind(&self) -> NodeKind {
        match self.tree.raw(self.id).kind {
            RawKind::Scalar => NodeKind::Scalar,
            RawKind::Sequence => NodeKind::Sequence,
            RawKind::Mapping => NodeKind::Mapping,
            RawKind::Alias | RawKind::Bad => NodeKind::Bad,
        }
    }

    /// Where it stands, whole.
    pub fn span(&self) -> Span {
        let raw = self.tree.raw(self.place);
        Span { source: self.tree.source, start: raw.start, end: raw.end }
    }

    /// The token to underline when the node as a whole is meant: a block mapping's first key, else the node.
    pub fn head(&self) -> Span {
        let raw = self.tree.raw(self.place);
        let is_block = matches!(raw.kind, RawKind::Mapping | RawKind::Sequence) && raw.flags & FLOW == 0;
        if !is_block || raw.len == 0 {
            return self.span();
        }
        Node::at(self.tree, self.place + 1).head()
    }

    /// How many items or pairs it has.
    pub fn len(&self) -> usize {
        let raw = self.tree.raw(self.id);
        if matches!(raw.kind, RawKind::Sequence | RawKind::Mapping) { raw.len as usize } else { 0 }
    }

    /// Whether it has no items or pairs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its text, if it is a scalar.
    pub fn scalar(&self) -> Option<Scalar<'t>> {
        let raw = self.tree.raw(self.id);
        if raw.kind != RawKind::Scalar {
            return None;
        }
        let buffer: &'t str = if raw.flags & SIDE == 0 { self.tree.text } else { &self.tree.side };
        let text = buffer.get(raw.data as usize..(raw.data + raw.len) as usize).unwrap_or("");
        Some(Scalar { text, plain: raw.flags & PLAIN != 0 })
    }

    /// The items of a sequence; nothing for other kinds.
    pub fn items(&self) -> Items<'t> {
        self.children(RawKind::Sequence)
    }

    /// The keys and values of a mapping as written, `<<` among them; nothing for other kinds.
    pub fn pairs(&self) -> impl Iterator<Item = (Node<'t>, Node<'t>)> + use<'t> {
        let mut children = self.children(RawKind::Mapping);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    fn children(&self, kind: RawKind) -> Items<'t> {
        let raw = self.tree.raw(self.id);
        let end = if raw.kind == kind { raw.next } else { 0 };
        Items { tree: self.tree, next: self.id + 1, end }
    }
}

/// The children of a collection.
#[derive(Debug, Clone)]
pub struct Items<'t> {
    tree: &'t Tree<'t>,
    next: u32,
    end: u32,
}

impl<'t> Iterator for Items<'t> {
    type Item = Node<'t>;

    fn next(&mut self) -> Option<Node<'t>> {
        if self.next >= self.end {
            return None;
        }
        let node = Node::at(self.tree, self.next);
        self.next = self.tree.raw(self.next).next;
        Some(node)
    }
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod tests;
