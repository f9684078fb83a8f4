//! What reading has found so far: diagnostics, and places whose text must never be shown.

use crate::diag::{Diagnostic, Diagnostics, Span};
pub use crate::model::closest;

/// How many findings a run collects. A machine-written file that is wrong in every line must not exhaust memory.
pub const MAX_FINDINGS: usize = 10_000;

/// More ids of one name, or of one scope, than this are counted, not listed.
pub const LISTED_IDS: usize = 6;

/// The words of a user inside a message are cut at this many characters.
const SHOWN: usize = 60;

/// The diagnostics of a run, and what to black out.
#[derive(Debug, Default)]
pub struct Findings {
    diagnostics: Diagnostics,
    count: usize,
    redactions: Vec<Span>,
}

impl Findings {
    /// Adds a finding.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.count += 1;
        match self.count {
            ..=MAX_FINDINGS => self.diagnostics.push(diagnostic),
            n if n == MAX_FINDINGS + 1 => {
                let message = format!("more than {MAX_FINDINGS} findings: the rest is not listed");
                self.diagnostics.push(Diagnostic::global("too-many-findings", message).help("mend these first"));
            }
            _ => {}
        }
    }

    /// Takes over what a YAML parse found.
    pub fn extend(&mut self, diagnostics: Diagnostics) {
        self.count += diagnostics.errors() + diagnostics.warnings();
        self.diagnostics.extend(diagnostics);
    }

    /// Takes over another file's findings.
    pub fn merge(&mut self, other: Findings) {
        self.extend(other.diagnostics);
        self.redactions.extend(other.redactions);
    }

    /// Marks text that may be a secret: no excerpt may show it.
    pub fn redact(&mut self, span: Span) {
        self.redactions.push(span);
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.diagnostics.errors()
    }

    /// The diagnostics, and the places to black out.
    pub fn finish(self) -> (Diagnostics, Vec<Span>) {
        (self.diagnostics, self.redactions)
    }
}

/// A user's word inside a message: in backticks, cut where it is long.
pub fn shown(text: &str) -> String {
    let mut cut: String = text.chars().take(SHOWN).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("`{cut}`")
}

/// "did you mean `x`?" where something is close, else the list of what there is.
pub fn did_you_mean(word: &str, candidates: &[&str]) -> String {
    match closest(word, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => one_of(candidates),
    }
}

/// The first of some texts, and how many there are beside them: "a, b and 3 more".
pub fn listed(texts: &[impl AsRef<str>], most: usize) -> String {
    let first: Vec<&str> = texts.iter().take(most).map(AsRef::as_ref).collect();
    let more = texts.len().saturating_sub(most);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{tail}", first.join(", "))
}

/// "one of `a`, `b`, `c`", or "only `a`".
pub fn one_of(candidates: &[&str]) -> String {
    /// More names than this are no help.
    const LISTED: usize = 20;
    let words: Vec<String> = candidates.iter().map(|candidate| format!("`{candidate}`")).collect();
    let opening = if candidates.len() == 1 { "only" } else { "one of" };
    format!("{opening} {}", listed(&words, LISTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_and_counted() {
        assert_eq!(listed(&["a", "b"], 2), "a, b");
        assert_eq!(listed(&["a", "b", "c", "d"], 2), "a, b and 2 more");
        assert_eq!(one_of(&["a"]), "only `a`");
    }
}
