//! What a pull request changes about the authority of this program: the manifests of a base compared with these.
//!
//! `pairs` finds which sets and targets are the same on both sides, `compare` lists the differences, and `leaving` lists live
//! assignments that nobody manages afterwards. Nothing here knows files, commits or output formats.
//!
//! A new kind of document gets a [`Subject`] and a comparison in `compare`. Everything that shows the list goes on working.

mod compare;
mod leaving;
mod pairs;
mod wording;

use std::collections::BTreeMap;

pub use compare::changes;
pub use leaving::{Leaving, LeavingInput, LeavingRow, WhyLeaving, leaving};
pub use pairs::{Pairs, reads_alike, same_account};

use crate::diag::{Location, SourceId, Sources, Span};
use crate::model::{Capabilities, DesiredSet, Ids, Origin, RootOptions, Target};

/// What a change of the manifests does to the authority of this program.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It may do, reach or send something that the base does not allow.
    Widens,
    /// It may do less: something is no longer managed, or is better protected.
    Narrows,
    /// Neither: a name, a label, a reason.
    Neutral,
}

impl Effect {
    /// All, in the order in which a reviewer wants to see them.
    pub const ALL: [Effect; 3] = [Effect::Widens, Effect::Narrows, Effect::Neutral];

    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Effect::Widens => "widens",
            Effect::Narrows => "narrows",
            Effect::Neutral => "other",
        }
    }
}

/// What kind of thing the change concerns.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The root: what all manifests share.
    Root,
    /// A manifest file.
    File,
    /// A target.
    Target,
    /// An assignment set.
    Set,
}

impl Subject {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Subject::Root => "root",
            Subject::File => "file",
            Subject::Target => "target",
            Subject::Set => "set",
        }
    }
}

/// What happened to the subject.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
    /// The same under another name.
    Renamed,
    /// It is still there and no longer loaded.
    Hidden,
    /// One of its fields changed.
    Changed,
}

/// One difference between the base and the head that concerns authority.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct AuthorityChange {
    /// What it does to the authority.
    pub effect: Effect,
    /// What kind of thing it concerns.
    pub subject: Subject,
    /// What happened to it.
    pub what: What,
    /// Its name in the head; where it is deleted, in the base.
    pub name: String,
    /// The target of a set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The field that changed, such as `mode` or `auth.bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The assignment that the field belongs to, by the key's API field names; absent for a field of the subject itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<BTreeMap<String, String>>,
    /// What the base says; absent where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What the head says; absent where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// For a list: the items that only the base has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// For a list: the items that only the head has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// Where the head says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Location>,
    /// Where the base says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_at: Option<Location>,
}

/// The manifests of one side.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Its targets.
    pub targets: &'a [Target],
    /// Its sets, in an order that their pairs are numbered by.
    pub sets: &'a [&'a DesiredSet],
    /// What its root says; `None`: there is no root.
    pub root: Option<&'a RootOptions>,
    /// Its texts, for places.
    pub sources: &'a Sources,
}

impl<'a> Side<'a> {
    fn locate(&self, origin: Origin) -> Location {
        self.sources.locate(Span { source: SourceId(origin.source), start: origin.start, end: origin.end })
    }

    fn target_of(&self, set: &DesiredSet) -> Option<&'a Target> {
        self.targets.get(set.target)
    }
}

/// Both sides, and what is needed to name what is in them.
#[derive(Clone, Copy)]
pub struct Compared<'a> {
    /// The ids of both sides.
    pub ids: &'a Ids,
    /// The manifests of the base.
    pub base: Side<'a>,
    /// These manifests.
    pub head: Side<'a>,
    /// What a provider can do, by its name.
    pub capabilities: &'a dyn Fn(&str) -> Option<&'static Capabilities>,
    /// Files that the base loads, and that are here but not loaded.
    pub hidden: &'a [String],
}
