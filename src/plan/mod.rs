//! From declared rows and live rows to a plan. Pure: no I/O, no clock, no randomness; the same input gives the same plan,
//! byte for byte, whatever the order of files, rows or pages.
//!
//! The planner knows no system: keys, fields and what an API can do come as [`crate::model::Capabilities`]. It decides
//! everything; what executes the plan has no choices left.

pub mod authority;
mod batches;
pub mod cause;
mod compare;
pub mod digest;
pub mod drift;
mod guard;
mod ignore;
mod narrow;
mod pair;
mod planner;
mod policy_guard;
pub mod saved;
pub mod undo;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use batches::{PlannedBatch, batches, group};
pub use cause::{Base, BaseGap, BaseGapKind, Cause};
pub use compare::{FieldChange, differing_changes, field_changes};
pub use guard::{Guard, Refusal, Thresholds};
pub use ignore::{Difference, Ignored};
pub use planner::{Input, SetInput, plan_target};

use crate::diag::Location;
use crate::model::{Account, Action, Capabilities, Change, Ids, Instant, Key, Mode, NamePlace, Names, Route};

/// What would be done, and what was seen on the way.
#[derive(Debug)]
pub struct Plan {
    /// The table that all keys of the plan refer to.
    pub ids: Arc<Ids>,
    /// The moment that the plan was made for; time windows are judged by it.
    pub now: Instant,
    /// Digest of the policy file in force; `None`: there is none.
    pub policy: Option<digest::Digest>,
    /// The policy file, as the caller named it.
    pub policy_file: Option<String>,
    /// One a target, sorted by name.
    pub targets: Vec<TargetPlan>,
    /// The manifests that these were compared with, where there are any (`--base`).
    pub base: Option<Base>,
    /// The part of the sets that the run was narrowed to (`--shard`).
    pub part: Option<Part>,
}

/// One of several disjoint parts of the sets, and what shows that the parts belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which one, from 1.
    pub number: u64,
    /// Of how many.
    pub of: u64,
    /// Digest of what all manifests declare, those of the other parts included.
    pub manifests: digest::Digest,
}

impl Part {
    /// The most parts that there can be.
    pub const MOST: u64 = 10_000;
}

impl Plan {
    /// The totals over all targets.
    pub fn counts(&self) -> Counts {
        self.targets.iter().flat_map(|target| &target.sets).filter(|set| set.selected).map(|set| set.counts).sum()
    }

    /// Changes that an apply would carry out.
    pub fn changes(&self) -> impl Iterator<Item = &PlannedChange> {
        self.targets.iter().flat_map(TargetPlan::changes)
    }

    /// Whether any target was refused by a guard.
    pub fn refused(&self) -> bool {
        self.targets.iter().any(|target| !target.refusals.is_empty())
    }
}

/// How many assignments a plan creates, updates, removes and leaves alone. Observed differences are counted in none of the first three.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Counts {
    /// Assignments to create.
    pub create: u64,
    /// Assignments to update.
    pub update: u64,
    /// Assignments to remove (Streamline: archive).
    pub remove: u64,
    /// Declared assignments that are live as declared.
    pub unchanged: u64,
    /// Live in scope, not declared, and not to be removed.
    pub unmanaged: u64,
    /// Differences in sets whose mode is `observe`.
    pub observed: u64,
    /// Differences that the sets' `ignore` rules leave alone.
    #[serde(default)]
    pub ignored: u64,
}

impl Counts {
    /// Changes in all.
    pub fn changes(&self) -> u64 {
        self.create + self.update + self.remove
    }
}

crate::model::sum_fields!(Counts: create, update, remove, unchanged, unmanaged, observed, ignored);

/// The plan for one target.
#[derive(Debug)]
pub struct TargetPlan {
    /// `metadata.name`.
    pub name: String,
    /// The provider's name.
    pub provider: &'static str,
    /// The address, as shown to people: `https://api.partium.io`, or `sandbox`.
    pub endpoint: String,
    /// Which account it is.
    pub account: Vec<Account>,
    /// What its API can do.
    pub capabilities: &'static Capabilities,
    /// Why it could not be read; its sets are then empty and nothing is planned for it.
    pub unreadable: Option<Unreadable>,
    /// One a set, sorted by name.
    pub sets: Vec<SetPlan>,
    /// What the guards refused: with any of these, nothing of this target is applied.
    pub refusals: Vec<Refusal>,
    /// Names beside ids.
    pub names: Names,
    /// What was listed, how it is known to be whole, or why it is not.
    pub evidence: Vec<Evidence>,
    /// Requests that reading took.
    pub read_requests: u64,
    /// Changes that a saved plan holds back; empty without one.
    pub held: Vec<saved::Held>,
    /// Requests that applying the selected changes will take, retries aside.
    pub write_requests: u64,
}

impl TargetPlan {
    /// Changes that an apply would carry out: those of selected sets that do not merely observe.
    pub fn changes(&self) -> impl Iterator<Item = &PlannedChange> {
        self.sets.iter().filter(|set| set.applies()).flat_map(|set| &set.changes)
    }

    /// The names of the sets that these changes touch: their own, and those whose rows they replace.
    pub fn touched_sets(&self) -> BTreeSet<&str> {
        let acting = self.sets.iter().filter(|set| set.applies() && !set.changes.is_empty());
        let own = acting.clone().map(|set| set.name.as_str());
        let robbed = acting.flat_map(|set| &set.changes).filter_map(|planned| planned.taken_from.as_deref());
        own.chain(robbed).collect()
    }
}

/// Why a target could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What happened and what to do.
    pub message: String,
    /// Nothing is wrong with the input: try again later.
    pub temporary: bool,
}

/// What was seen of a listing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Evidence {
    /// What proves that the listing is whole, or what was seen of it.
    pub seen: String,
    /// Why it is not proven whole; then nothing is removed in its scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<String>,
}

/// The plan for one set.
#[derive(Debug)]
pub struct SetPlan {
    /// `metadata.name`.
    pub name: String,
    /// Where the set is declared.
    pub at: Location,
    /// How far its authority goes.
    pub mode: Mode,
    /// Its scope as a person would say it.
    pub scope: String,
    /// Whether the command's paths and selectors chose it. Sets that were not chosen are planned for the guards' sake, and not applied.
    pub selected: bool,
    /// How many of what.
    pub counts: Counts,
    /// Live rows under its authority.
    pub live: u64,
    /// Keys that are live as declared, in the order of the manifests, where they were asked for ([`Input::list_unchanged`]); how many
    /// there are is in `counts`.
    pub unchanged: Vec<Key>,
    /// The changes, sorted by key. In an `observe` set these are differences to look at, and are never applied.
    pub changes: Vec<PlannedChange>,
    /// Live in scope, not declared, and replaced by role changes that other sets declare.
    pub moved_away: Vec<Key>,
    /// Live in scope, not declared, and left alone; sorted by key.
    pub unmanaged: Vec<Unmanaged>,
    /// Differences that the set's `ignore` rules leave alone; sorted by key.
    pub ignored: Vec<Ignored>,
    /// What the names in it turned out to be; sorted, each once.
    pub names: Vec<ResolvedName>,
    /// What its author should know.
    pub warnings: Vec<Warning>,
}

/// A name that a set uses in place of an id, and the id that it was given by the live listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolvedName {
    /// The field in its singular form, such as `identity_email`.
    pub field: String,
    /// What the name is unique in, such as the connection of a definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// The name, to the letter.
    pub name: String,
    /// The id.
    pub id: String,
    /// What it decides about.
    pub decides: NamePlace,
}

impl SetPlan {
    /// Whether its changes are carried out by an apply.
    pub fn applies(&self) -> bool {
        self.selected && self.mode != Mode::Observe
    }
}

/// One change with everything a reviewer asks about it.
#[derive(Debug)]
pub struct PlannedChange {
    /// What is sent.
    pub change: Change,
    /// Why.
    pub reason: Reason,
    /// What it takes away.
    pub losses: Vec<Loss>,
    /// What it gives.
    pub grants: Vec<Grant>,
    /// The line that asks for it; for a removal, the set whose scope it lies in.
    pub at: Location,
    /// How it travels.
    pub route: Route,
    /// The other set in whose scope the replaced row lies, where a role change crosses sets. Its guards count the loss.
    pub taken_from: Option<String>,
    /// Whose change it is, where the plan was compared with a base (`--base`).
    pub cause: Option<Cause>,
}

impl PlannedChange {
    /// What it does.
    pub fn action(&self) -> Action {
        self.change.action
    }
}

/// Why a change is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Declared, and not live.
    NotLive,
    /// Declared, and live with other values.
    Differs,
    /// Live in an authoritative scope, and not declared.
    NotDeclared,
    /// One removal and one create of the same slot, done as one update that keeps the assignment's id.
    Replaced,
    /// Declared without an end, and live but expired.
    Expired,
    /// The same declaration with secrets that shall be sent again (`--rotate`).
    Rotated,
}

impl Reason {
    /// The reason as a person would say it.
    pub fn text(self) -> &'static str {
        match self {
            Reason::NotLive => "declared, not live",
            Reason::Differs => "live differs from the declaration",
            Reason::NotDeclared => "live in scope, not declared",
            Reason::Replaced => "one removal and one create at the same place, done as one update",
            Reason::Expired => "live but expired, and declared without an end",
            Reason::Rotated => "secrets are sent again",
        }
    }
}

/// What a change takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The assignment goes.
    Removed,
    /// The assignment is archived.
    Archived,
    /// The old value of the replaced key part (the old role) goes.
    Replaced,
    /// Access ends, or ends earlier than it did.
    EndsEarlier,
    /// Access starts later than it did.
    StartsLater,
}

/// What a change gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// The assignment comes to be.
    Added,
    /// The new value of the replaced key part (the new role).
    Replaced,
    /// Access ends later than it did, or no longer ends.
    EndsLater,
    /// Access starts earlier than it did.
    StartsEarlier,
}

/// A live row that the plan leaves alone although no manifest declares it.
#[derive(Debug, Clone)]
pub struct Unmanaged {
    /// Its key.
    pub key: Key,
    /// Why it stays.
    pub why: LeftAlone,
    /// When it was made, or last changed, where the API tells.
    pub since: Option<Instant>,
}

/// Why an undeclared live row stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeftAlone {
    /// The set's mode forbids removing it.
    Mode,
    /// The listing is not proven whole.
    Incomplete,
    /// It has expired: there is nothing left to take away.
    Expired,
}

impl LeftAlone {
    /// The reason as a person would say it.
    pub fn text(self) -> &'static str {
        match self {
            LeftAlone::Mode => "removal suppressed: the set's mode does not remove",
            LeftAlone::Incomplete => "the listing is not proven complete",
            LeftAlone::Expired => "expired, nothing left to take away",
        }
    }
}

/// Something that a set's author should know.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Warning {
    /// Stable kebab-case name.
    pub code: String,
    /// What, and what to do.
    pub message: String,
    /// Where.
    pub at: Location,
}
