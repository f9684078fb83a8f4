//! Mappings of any JSON values: YAML 1.2's core schema, and an error wherever a reader might see something else.

use std::collections::HashSet;

use crate::diag::{Diagnostic, Span};
use crate::manifest::findings::{Findings, shown};
use crate::manifest::yaml::{Ambiguity, Node, NodeKind, Resolved, is_null, resolve};
use crate::model::is_reserved;

/// The pairs of a mapping with unique text keys, merge keys followed; doubles and other keys are reported and left out.
/// Gives the key's node, its place, its text and the value.
pub fn unique_pairs<'t>(node: Node<'t>, findings: &mut Findings) -> Vec<(Node<'t>, Span, &'t str, Node<'t>)> {
    let mut pairs = Pairs { found: Vec::with_capacity(node.len()), seen: HashSet::new() };
    pairs.collect(node, false, findings);
    pairs.found
}

/// Up to this many keys are compared one by one: cheaper than hashing, and most mappings are small.
const SMALL: usize = 16;

struct Pairs<'t> {
    found: Vec<(Node<'t>, Span, &'t str, Node<'t>)>,
    /// Empty while the mapping is small.
    seen: HashSet<&'t str>,
}

impl<'t> Pairs<'t> {
    fn contains(&mut self, key: &str) -> bool {
        if self.found.len() <= SMALL {
            return self.found.iter().any(|(_, _, name, _)| *name == key);
        }
        if self.seen.is_empty() {
            self.seen.extend(self.found.iter().map(|(_, _, name, _)| *name));
        }
        self.seen.contains(key)
    }

    fn add(&mut self, key: Node<'t>, name: &'t str, value: Node<'t>) {
        if !self.seen.is_empty() {
            self.seen.insert(name);
        }
        self.found.push((key, key.span(), name, value));
    }

    fn collect(&mut self, node: Node<'t>, merged: bool, findings: &mut Findings) {
        let mut merges = Vec::new();
        for (key, value) in node.pairs() {
            let Some(scalar) = key.scalar() else {
                if key.kind() != NodeKind::Bad {
                    let message = "a key must be text";
                    findings.push(
                        Diagnostic::error("unsupported-key", message, key.head()).help("JSON has text keys only"),
                    );
                }
                continue;
            };
            if scalar.plain && scalar.text == "<<" {
                merges.push(value);
            } else if scalar.plain && is_null(scalar.text) {
                let help = "write the key, or quote it";
                findings.push(Diagnostic::error("null-value", "a key has no text", key.span()).help(help));
            } else if !self.contains(scalar.text) {
                self.add(key, scalar.text, value);
            } else if !merged {
                self.duplicate(key, scalar.text, findings);
            }
        }
        for merge in merges {
            self.merge(merge, findings);
        }
    }

    fn merge(&mut self, value: Node<'t>, findings: &mut Findings) {
        match value.kind() {
            NodeKind::Mapping => self.collect(value, true, findings),
            NodeKind::Sequence => value.items().for_each(|item| self.merge(item, findings)),
            NodeKind::Bad => {}
            NodeKind::Scalar => {
                let message = "`<<` merges mappings, and this is a single value";
                let help = "write `<<: *anchor`, or quote the key if it is meant as text";
                findings.push(Diagnostic::error("merge-key", message, value.span()).help(help));
            }
        }
    }

    fn duplicate(&self, key: Node<'t>, name: &str, findings: &mut Findings) {
        let message = format!("{} is given twice", shown(name));
        let mut diagnostic = Diagnostic::error("duplicate-field", message, key.span()).label("given again here");
        if let Some((_, first, ..)) = self.found.iter().find(|(_, _, found, _)| *found == name) {
            diagnostic = diagnostic.also(*first, "first given here");
        }
        findings.push(diagnostic.help("remove one of the two"));
    }
}

/// A mapping as a JSON object; `None` where something in it is wrong, and reported.
pub fn json_map(node: Node<'_>, findings: &mut Findings) -> Option<serde_json::Map<String, serde_json::Value>> {
    let mut good = true;
    let mut map = serde_json::Map::new();
    for (_, at, name, value) in unique_pairs(node, findings) {
        if is_reserved(name) {
            let message = format!("the key {} is reserved", shown(name));
            findings.push(Diagnostic::error("unsupported-key", message, at).help("choose another key"));
            good = false;
        }
        match json_value(value, findings) {
            Some(value) => {
                map.insert(name.to_owned(), value);
            }
            None => good = false,
        }
    }
    good.then_some(map)
}

/// A node as a JSON value; `None` where something in it is wrong, and reported.
pub fn json_value(node: Node<'_>, findings: &mut Findings) -> Option<serde_json::Value> {
    match node.kind() {
        NodeKind::Bad => None,
        NodeKind::Mapping => json_map(node, findings).map(serde_json::Value::Object),
        NodeKind::Sequence => {
            let items: Vec<_> = node.items().map(|item| json_value(item, findings)).collect();
            items.into_iter().collect::<Option<Vec<_>>>().map(serde_json::Value::Array)
        }
        NodeKind::Scalar => json_scalar(node, findings),
    }
}

fn json_scalar(node: Node<'_>, findings: &mut Findings) -> Option<serde_json::Value> {
    let scalar = node.scalar()?;
    let text = || Some(serde_json::Value::String(scalar.text.to_owned()));
    if !scalar.plain {
        return text();
    }
    let (message, help) = match resolve(scalar.text) {
        Ok(Resolved::Text) => return text(),
        Ok(Resolved::Null) => return Some(serde_json::Value::Null),
        Ok(Resolved::Bool(value)) => return Some(serde_json::Value::Bool(value)),
        Ok(Resolved::Number(number)) => return Some(serde_json::Value::Number(number)),
        Err(Ambiguity::Boolean) => (
            format!("{} is a boolean to some YAML readers and text to others", shown(scalar.text)),
            "write `true` or `false`",
        ),
        Err(Ambiguity::Number) => (
            format!("{} is read as different numbers by different YAML readers", shown(scalar.text)),
            "write plain digits",
        ),
        Err(Ambiguity::Unrepresentable) => {
            (format!("{} is no number that JSON can carry", shown(scalar.text)), "write its digits")
        }
    };
    let help = format!("{help}, or quote it if it is text: `\"{}\"`", scalar.text.chars().take(40).collect::<String>());
    findings.push(Diagnostic::error("ambiguous-value", message, node.span()).help(help));
    None
}
