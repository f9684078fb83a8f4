//! What a set may do, and what must never happen to a target.

use super::{Ids, Instant, Key, MAX_KEY_PARTS, PartScope, Scope, Sym, row::Origin};

/// How far a set's authority goes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Report only.
    Observe,
    /// Create and update, never take away.
    Additive,
    /// Also remove what is live in scope and not declared.
    Authoritative,
}

impl Mode {
    /// The word that manifests and outputs use.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Observe => "observe",
            Mode::Additive => "additive",
            Mode::Authoritative => "authoritative",
        }
    }
}

/// "This change may remove up to N": replaces the loss threshold of its set until it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// Losses that are expected; `None`: the threshold stays.
    pub removes: Option<u64>,
    /// Updates that are expected; `None`: the threshold stays.
    pub updates: Option<u64>,
    /// The first instant at which it no longer counts (a date counts to its end, in UTC). `None`: always.
    pub until: Option<Instant>,
    /// Where it is written.
    pub origin: Origin,
}

/// Rows that must not be lost: those whose key has all the given parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protect {
    /// The id each key part must have; `None`: any.
    pub parts: [Option<Sym>; MAX_KEY_PARTS],
    /// How many distinct holders must remain. `None`: no matching row may be lost at all.
    pub min_holders: Option<u64>,
    /// Where it is written.
    pub origin: Option<Origin>,
}

impl Protect {
    /// Where its rows lie.
    pub fn scope(&self) -> Scope {
        let mut scope = Scope::default();
        for (part, wanted) in scope.parts.iter_mut().zip(self.parts) {
            if let Some(wanted) = wanted {
                *part = PartScope::In([wanted].into());
            }
        }
        scope
    }

    /// Whether a key is protected.
    pub fn matches(&self, key: &Key) -> bool {
        self.parts.iter().zip(key.0).all(|(wanted, part)| wanted.is_none_or(|wanted| wanted == part))
    }
}

/// A pattern over texts: `*` stands for any run of characters, everything else for itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// The pattern as written.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The pattern's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for one text only.
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether the whole text fits. Every piece between two `*` is taken where it first fits, so the time is that of a search a piece.
    pub fn matches(&self, text: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else { return *self.0 == *text };
        let Some(text) = text.strip_prefix(start) else { return false };
        let (middle, end) = rest.rsplit_once('*').map_or((None, rest), |(middle, end)| (Some(middle), end));
        let Some(mut text) = text.strip_suffix(end) else { return false };
        for piece in middle.into_iter().flat_map(|middle| middle.split('*')) {
            let Some(at) = text.find(piece) else { return false };
            text = text.get(at + piece.len()..).unwrap_or_default();
        }
        true
    }
}

/// Keys that nobody may be given: those whose parts fit all the given patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeniedGrant {
    /// The pattern that each key part must fit; `None`: any.
    pub parts: [Option<Pattern>; MAX_KEY_PARTS],
    /// Where it is written.
    pub origin: Origin,
}

impl DeniedGrant {
    /// Whether a key is denied.
    pub fn matches(&self, key: &Key, ids: &Ids) -> bool {
        let fits = |(pattern, part): (&Option<Pattern>, Sym)| {
            pattern.as_ref().is_none_or(|pattern| !part.is_none() && pattern.matches(ids.text(part)))
        };
        self.parts.iter().zip(key.0).all(fits)
    }
}

/// Upper bounds that a policy sets; `None`: it says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ceilings {
    /// Losses, in percent of what is live in scope.
    pub loss_percent: Option<u64>,
    /// Losses, as a number.
    pub loss_count: Option<u64>,
    /// Updates, in percent of what is live in scope.
    pub update_percent: Option<u64>,
    /// Updates, as a number.
    pub update_count: Option<u64>,
}

impl Ceilings {
    /// These, and where they say nothing, the others.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            loss_percent: self.loss_percent.or(others.loss_percent),
            loss_count: self.loss_count.or(others.loss_count),
            update_percent: self.update_percent.or(others.update_percent),
            update_count: self.update_count.or(others.update_count),
        }
    }
}

/// The most that an `expect` may allow; `None`: anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MaxExpect {
    /// Losses.
    pub removes: Option<u64>,
    /// Updates.
    pub updates: Option<u64>,
}

impl MaxExpect {
    /// These, and where they say nothing, the others.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self { removes: self.removes.or(others.removes), updates: self.updates.or(others.updates) }
    }
}

/// What the caller's policy says about one target: what manifests may only tighten.
#[derive(Debug, Clone, Default)]
pub struct TargetPolicy {
    /// Upper bounds of the thresholds.
    pub ceilings: Ceilings,
    /// Upper bounds of every set's `expect`.
    pub max_expect: MaxExpect,
    /// Sets may not refer to ids by name.
    pub deny_names: bool,
    /// Rows of the target that must not be lost.
    pub protect: Vec<Protect>,
    /// Keys that nobody may be given.
    pub deny_grants: Vec<DeniedGrant>,
    /// Further hosts that may get the target's credentials, as `HOST` or `HOST:PORT`.
    pub allowed_hosts: Vec<String>,
    /// How a date is cleared where a provider has more than one way (`clear_dates`).
    pub clear_dates: Option<String>,
    /// Where the API's paths differ from the contract's: the provider's option and the path.
    pub paths: Vec<(&'static str, String)>,
}

/// Differences that a set leaves alone on purpose: neither planned nor drift, but counted and shown with their reason.
#[derive(Debug, Clone)]
pub struct Ignore {
    /// The fields whose differences are left alone; empty: the assignment as a whole, also whether it is there.
    pub fields: Vec<&'static str>,
    /// The pattern that each key part must fit; `None`: any.
    pub parts: [Option<Pattern>; MAX_KEY_PARTS],
    /// Why, as its author says.
    pub reason: String,
    /// The first instant at which it is no longer in force (a date counts to its end, in UTC), and where that is written.
    pub until: Option<(Instant, Origin)>,
    /// Where the rule is written.
    pub origin: Origin,
}

impl Ignore {
    /// Whether the rule still counts.
    pub fn in_force(&self, now: Instant) -> bool {
        self.until.is_none_or(|(until, _)| until > now)
    }

    /// Whether it speaks of an assignment.
    pub fn matches(&self, ids: &Ids, key: &Key) -> bool {
        let fits = |(pattern, part): (&Option<Pattern>, Sym)| {
            pattern.as_ref().is_none_or(|pattern| pattern.matches(ids.text(part)))
        };
        self.parts.iter().zip(key.0).all(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_run_and_everything_else_is_itself() {
        let fits = |pattern: &str, text: &str| Pattern::new(pattern).matches(text);
        for (pattern, text) in [
            ("a", "a"),
            ("*", ""),
            ("*", "x"),
            ("a*", "a"),
            ("a*c", "abc"),
            ("*b*", "abc"),
            ("a**c", "abbc"),
            ("*a*b*", "xaxbx"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("a", "A"),
            ("", "a"),
            ("a*", "ba"),
            ("ab*ba", "aba"),
            ("*b*b*", "abc"),
            ("a.c", "abc"),
            ("[ab]", "a"),
            ("a?", "ab"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_denied_key_part_is_there() {
        let ids = Ids::default();
        let mut denied = DeniedGrant { parts: [const { None }; MAX_KEY_PARTS], origin: Origin::default() };
        denied.parts[1] = Some(Pattern::new("*"));
        assert!(denied.matches(&Key::new(&[ids.sym("a"), ids.sym("b")]), &ids));
        assert!(!denied.matches(&Key::new(&[ids.sym("a")]), &ids));
    }
}
