//! The nearest of some texts: "did you mean".

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
}
