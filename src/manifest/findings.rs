//! What reading has found so far: diagnostics, and places whose text must never be shown.

use crate::diag::{Diagnostic, Diagnostics, Span};

/// How many findings a run collects. A machine-written file that is wrong in every line must not exhaust memory.
pub const MAX_FINDINGS: usize = 10_000;

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

/// The candidate that a misspelt word most likely means.
pub fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    /// Longer words are not compared: the distance takes quadratic time, and nobody misspells a novel.
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let simple = |text: &str| text.to_lowercase().replace(['_', '-'], "");
    let plain = simple(word);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (strsim::damerau_levenshtein(&plain, &simple(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().max(word.chars().count()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?" where something is close, else the list of what there is.
pub fn did_you_mean(word: &str, candidates: &[&str]) -> String {
    match closest(word, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => one_of(candidates),
    }
}

/// "one of `a`, `b`, `c`", or "only `a`".
pub fn one_of(candidates: &[&str]) -> String {
    /// More names than this are no help.
    const LISTED: usize = 20;
    let listed: Vec<String> = candidates.iter().take(LISTED).map(|c| format!("`{c}`")).collect();
    let more = candidates.len().saturating_sub(LISTED);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    let opening = if candidates.len() == 1 { "only" } else { "one of" };
    format!("{opening} {}{tail}", listed.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_words_find_their_neighbour() {
        let fields = ["ass_id", "ass_ids", "org_id", "org_ids"];
        assert_eq!(closest("asid", fields), Some("ass_id"));
        assert_eq!(closest("orgIds", fields), Some("org_ids"));
        assert_eq!(closest("colour", fields), None);
        assert_eq!(closest(&"x".repeat(100_000), fields), None);
    }
}
