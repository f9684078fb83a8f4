//! What reading has found so far: diagnostics, and places whose text must never be shown.

use crate::diag::{Diagnostic, Diagnostics, Span};

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

/// The candidate that a misspelt word most likely means; of several that are as near, the first.
pub fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    /// Longer words are not compared: the distance takes quadratic time, and nobody misspells a novel.
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let simple = |text: &str| text.to_lowercase().replace(['_', '-'], "");
    let plain = simple(word);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.into_iter().filter(|candidate| candidate.len() <= LONGEST) {
        let other = simple(candidate);
        let near = 1 + candidate.chars().count().max(word.chars().count()) / 4;
        if at_least(&plain, &other) > best.map_or(near, |(distance, _)| near.min(distance.saturating_sub(1))) {
            continue;
        }
        let distance = strsim::damerau_levenshtein(&plain, &other);
        if distance <= near && best.is_none_or(|(best, _)| distance < best) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// How far two words are apart at least: by the letters that only one of them has. It costs a fraction of the distance itself.
fn at_least(a: &str, b: &str) -> usize {
    const LETTERS: usize = 64;
    // Letters that share a place only make the bound lower.
    let mut letters = [0_isize; LETTERS];
    a.chars().for_each(|letter| letters[letter as usize % LETTERS] += 1);
    b.chars().for_each(|letter| letters[letter as usize % LETTERS] -= 1);
    let more: isize = letters.iter().filter(|count| **count > 0).sum();
    let fewer: isize = letters.iter().filter(|count| **count < 0).sum();
    more.max(-fewer).unsigned_abs()
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
    fn misspelt_words_find_their_neighbour() {
        let fields = ["ass_id", "ass_ids", "org_id", "org_ids"];
        assert_eq!(closest("asid", fields), Some("ass_id"));
        assert_eq!(closest("orgIds", fields), Some("org_ids"));
        assert_eq!(closest("colour", fields), None);
        assert_eq!(closest("org_idz", ["org_idx", "org_ida"]), Some("org_idx"), "of equals the first");
        assert_eq!(closest(&"x".repeat(100_000), fields), None);
    }

    #[test]
    fn the_bound_is_never_above_the_distance() {
        let words = ["", "anna", "nana", "annä", "ana@example.com", "anna@example.org", "¡ana", "zzz"];
        for (a, b) in words.iter().flat_map(|a| words.map(|b| (*a, b))) {
            assert!(at_least(a, b) <= strsim::damerau_levenshtein(a, b), "{a} {b}");
        }
        assert_eq!((at_least("nana", "anna"), at_least("anna", "bnnaa"), at_least("abc", "xyz")), (0, 1, 3));
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        assert_eq!(listed(&["a", "b"], 2), "a, b");
        assert_eq!(listed(&["a", "b", "c", "d"], 2), "a, b and 2 more");
        assert_eq!(one_of(&["a"]), "only `a`");
    }
}
