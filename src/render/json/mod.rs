//! Plans and apply reports as JSON: typed views whose schemas are checked in under `schemas/`. The views borrow and are written
//! item by item, so a plan of any length streams. Order is the plan's own, which is deterministic. Secrets appear as references or
//! as `"(masked)"`.
//!
//! `format_version` counts up its minor part when fields are added, its major part when a reader would have to change.

mod drift;
mod events;
pub mod journal;
mod lines;
pub mod merge;
mod piece;
mod plan;
pub mod pretty;
pub mod read;
mod report;
mod value;

pub use drift::{Moment, drift, drift_history, read_drift_history};
pub(super) use plan::Verdict;
pub(super) use value::FieldView;

pub use events::EventLines;
pub use lines::Clock;
pub use plan::{change, plan};
pub use report::{report, stopped};

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

use crate::apply::Exit;
use crate::plan::Plan;

use value::{Entries, KeyView};

/// The version of the plan and report formats.
pub const FORMAT_VERSION: &str = "1.0";

/// The JSON Schema of [`plan()`].
pub fn plan_schema() -> serde_json::Value {
    schemars::schema_for!(plan::PlanView<'static>).to_value()
}

/// The JSON Schema of [`report()`].
pub fn report_schema() -> serde_json::Value {
    schemars::schema_for!(report::ReportView<'static>).to_value()
}

/// The JSON Schema of [`drift()`].
pub fn drift_schema() -> serde_json::Value {
    schemars::schema_for!(drift::DriftView<'static>).to_value()
}

/// The JSON Schema of [`drift_history()`].
pub fn drift_history_schema() -> serde_json::Value {
    schemars::schema_for!(drift::HistoryView<'static>).to_value()
}

/// The JSON Schema of a line of [`EventLines`].
pub fn event_schema() -> serde_json::Value {
    schemars::schema_for!(events::EventView<'static>).to_value()
}

/// The JSON Schema of one line of a journal.
pub fn journal_schema() -> serde_json::Value {
    journal::schema()
}

/// The program that wrote a document.
#[derive(Debug, Serialize, JsonSchema)]
struct Tool {
    /// Always `assignctl`.
    name: &'static str,
    /// Its version.
    version: &'static str,
}

impl Tool {
    const THIS: Tool = Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") };
}

/// The exit code of the command that wrote a document.
#[derive(Debug, Serialize, JsonSchema)]
struct ExitView {
    /// The number.
    code: u8,
    /// What the number means.
    meaning: &'static str,
}

impl From<Exit> for ExitView {
    fn from(exit: Exit) -> Self {
        let meaning = match exit {
            Exit::Success => "done, or nothing to do",
            Exit::Error => "error",
            Exit::Pending => "changes pending, or drift found",
            Exit::Refused => "a guard refused",
            Exit::Stale => "the approved plan is stale",
            Exit::Partial => "applied in part",
            Exit::Temporary => "temporarily unavailable, nothing is wrong with the input",
            Exit::Interrupted => "interrupted",
            Exit::Terminated => "terminated",
        };
        Self { code: exit.code(), meaning }
    }
}

/// The policy in force.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Policy")]
struct PolicyView<'a> {
    /// The file, as the caller named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    /// The file's digest.
    digest: &'a str,
}

impl<'a> PolicyView<'a> {
    fn of(plan: &'a Plan) -> Option<Self> {
        let digest = plan.policy.as_deref()?;
        Some(Self { file: plan.policy_file.as_deref(), digest })
    }
}

/// The part of the sets that a run was narrowed to.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Shard")]
struct ShardView<'a> {
    /// Which one, from 1.
    part: u64,
    /// Of how many.
    parts: u64,
    /// Digest of what all manifests declare, those of the other parts included.
    manifests: &'a str,
    /// Digest of what the command chose before it was divided: the sets with their modes, and options that change what is planned.
    selection: &'a str,
}

/// What all parts of a joined report had in common.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Merged")]
#[allow(dead_code)] // `merge` writes it; the type is its schema
struct MergedView<'a> {
    /// How many parts there are.
    parts: u64,
    /// Digest of what all manifests declare.
    manifests: &'a str,
    /// Digest of what the command chose.
    selection: &'a str,
}

impl<'a> ShardView<'a> {
    fn of(plan: &'a Plan) -> Option<Self> {
        plan.part.as_ref().map(|part| Self {
            part: part.number,
            parts: part.of,
            manifests: &part.manifests,
            selection: &part.selection,
        })
    }
}

/// An array whose items are made while it is written.
struct Each<'a, T>(Box<dyn Fn() -> Box<dyn Iterator<Item = T> + 'a> + 'a>);

impl<'a, T: 'a> Each<'a, T> {
    /// The items of a slice, each seen through `view`.
    fn of<S>(items: &'a [S], view: impl Fn(&'a S) -> T + Copy + 'a) -> Self {
        Self(Box::new(move || Box::new(items.iter().map(view))))
    }

    /// No items.
    fn none() -> Self {
        Self(Box::new(|| Box::new(std::iter::empty())))
    }
}

impl<T: Serialize> Serialize for Each<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

impl<T: JsonSchema> JsonSchema for Each<'_, T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        <Vec<T>>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        <Vec<T>>::json_schema(generator)
    }
}
