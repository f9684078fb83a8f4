//! What a set may do, and what must never happen to a target.

use globset::GlobMatcher;

use super::{Ids, Instant, Key, MAX_KEY_PARTS, Sym, row::Origin};

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
    /// Where it is written; `None` for a policy's.
    pub origin: Option<Origin>,
}

impl Protect {
    /// Whether a key is protected.
    pub fn matches(&self, key: &Key) -> bool {
        self.parts.iter().zip(key.0).all(|(wanted, part)| wanted.is_none_or(|wanted| wanted == part))
    }
}

/// Differences that a set leaves alone on purpose: neither planned nor drift, but counted and shown with their reason.
#[derive(Debug, Clone)]
pub struct Ignore {
    /// The fields whose differences are left alone; empty: the assignment as a whole, also whether it is there.
    pub fields: Vec<&'static str>,
    /// What the id of each key part must look like; `None`: any.
    pub parts: [Option<GlobMatcher>; MAX_KEY_PARTS],
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
        let fits =
            |(glob, part): (&Option<GlobMatcher>, Sym)| glob.as_ref().is_none_or(|g| g.is_match(&*ids.text(part)));
        self.parts.iter().zip(key.0).all(fits)
    }
}
