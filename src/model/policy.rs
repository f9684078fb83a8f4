//! What a set may do, and what must never happen to a target.

use super::{Ids, Instant, Key, MAX_KEY_PARTS, PartScope, Scope, Sym, folded, row::Origin};

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

    /// Whether a key is protected. Ids that look alike are protected alike: what denies is never got round by a capital letter.
    pub fn matches(&self, key: &Key, ids: &Ids) -> bool {
        let fits = |wanted, part| ids.alike(wanted, part);
        self.parts.iter().zip(key.0).all(|(wanted, part)| wanted.is_none_or(|wanted| fits(wanted, part)))
    }

    /// Whether a key has exactly the ids that are written.
    pub fn is_exactly(&self, key: &Key) -> bool {
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

    /// The pattern for look-alikes: it is held against folded texts.
    #[must_use]
    pub fn loose(&self) -> Self {
        Self(folded(&self.0).into())
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

/// Keys that nobody may be given: those whose parts fit all the given patterns, or look alike to one that does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeniedGrant {
    parts: [Option<Pattern>; MAX_KEY_PARTS],
    /// The same patterns for look-alikes.
    loose: [Option<Pattern>; MAX_KEY_PARTS],
    /// Where it is written.
    pub origin: Origin,
}

impl DeniedGrant {
    /// The pattern that each key part must fit; `None`: any.
    pub fn new(parts: [Option<Pattern>; MAX_KEY_PARTS], origin: Origin) -> Self {
        let loose = parts.clone().map(|pattern| pattern.map(|pattern| pattern.loose()));
        Self { parts, loose, origin }
    }

    /// The patterns as written.
    pub fn parts(&self) -> &[Option<Pattern>; MAX_KEY_PARTS] {
        &self.parts
    }

    /// Whether a key is denied.
    pub fn matches(&self, key: &Key, ids: &Ids) -> bool {
        let fits = |(pattern, part): (&Option<Pattern>, Sym)| {
            pattern.as_ref().is_none_or(|pattern| !part.is_none() && pattern.matches(&folded(ids.text(part))))
        };
        self.loose.iter().zip(key.0).all(fits)
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
    /// Both bounds of a pair where one of them is given. A plan is refused when it is over the share and over the number, so the one that
    /// is not given must let nothing pass: `max_loss_count: 5` alone means never more than 5, whatever the share.
    #[must_use]
    pub fn completed(self) -> Self {
        let pair = |percent: Option<u64>, count: Option<u64>| match (percent, count) {
            (None, None) => (None, None),
            (percent, count) => (Some(percent.unwrap_or(0)), Some(count.unwrap_or(0))),
        };
        let (loss_percent, loss_count) = pair(self.loss_percent, self.loss_count);
        let (update_percent, update_count) = pair(self.update_percent, self.update_count);
        Self { loss_percent, loss_count, update_percent, update_count }
    }

    /// These, and the others' pair where they say nothing about it. Half a pair of each would be weaker than either.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        let (own, others) = (self.completed(), others.completed());
        let losses = if own.loss_percent.is_some() { own } else { others };
        let updates = if own.update_percent.is_some() { own } else { others };
        Self {
            loss_percent: losses.loss_percent,
            loss_count: losses.loss_count,
            update_percent: updates.update_percent,
            update_count: updates.update_count,
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
        let mut parts = [const { None }; MAX_KEY_PARTS];
        parts[1] = Some(Pattern::new("*"));
        let denied = DeniedGrant::new(parts, Origin::default());
        assert!(denied.matches(&Key::new(&[ids.sym("a"), ids.sym("b")]), &ids));
        assert!(!denied.matches(&Key::new(&[ids.sym("a")]), &ids));
    }

    #[test]
    fn what_denies_is_not_got_round_by_case_normal_form_or_a_hidden_character() {
        let ids = Ids::default();
        let denied = |pattern: &str, id: &str| {
            let mut parts = [const { None }; MAX_KEY_PARTS];
            parts[0] = Some(Pattern::new(pattern));
            DeniedGrant::new(parts, Origin::default()).matches(&Key::new(&[ids.sym(id)]), &ids)
        };
        for (pattern, id) in [
            ("role_owner", "Role_Owner"),
            ("ROLE_OWNER", "role_owner"),
            (" role_owner ", "role_owner"),
            ("role_super*", "ROLE_SuperUser"),
            ("*caf\u{e9}*", "x-CAFE\u{301}-y"),
            ("role_owner", "role_\u{200b}owner"),
        ] {
            assert!(denied(pattern, id), "{pattern:?} {id:?}");
        }
        assert!(!denied("role_owner", "role_owners") && !denied("xray*", "ray"));
        let protect =
            |id: &str| Protect { parts: [Some(ids.sym(id)), None, None, None], min_holders: None, origin: None };
        let anna = Key::new(&[ids.sym("idn_anna")]);
        assert!(protect("IDN_Anna").matches(&anna, &ids) && protect("idn_anna").is_exactly(&anna));
        assert!(!protect("IDN_Anna").is_exactly(&anna) && !protect("idn_ann").matches(&anna, &ids));
    }

    #[test]
    fn one_threshold_alone_is_a_bound_whatever_the_other_would_be() {
        let count = Ceilings { loss_count: Some(5), ..Ceilings::default() };
        let percent = Ceilings { loss_percent: Some(20), ..Ceilings::default() };
        assert_eq!((count.completed().loss_percent, count.completed().loss_count), (Some(0), Some(5)));
        assert_eq!((percent.completed().loss_percent, percent.completed().loss_count), (Some(20), Some(0)));
        // A target's own bound and the run's do not make a pair that is weaker than both.
        assert_eq!(count.or(percent), count.completed());
        let updates = Ceilings { update_count: Some(3), ..Ceilings::default() };
        let both = updates.or(percent);
        assert_eq!((both.loss_percent, both.loss_count), (Some(20), Some(0)));
        assert_eq!((both.update_percent, both.update_count), (Some(0), Some(3)));
    }
}
