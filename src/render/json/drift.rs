//! The view of drift, and of its history.

use schemars::JsonSchema;
use serde::Serialize;

use crate::apply::Exit;
use crate::diag::Location;
use crate::model::{Account, Ids, Mode};
use crate::plan::drift::{Counts, Drift, Finding, Kind, SetDrift, TargetDrift};
use crate::plan::{Difference, Evidence, Judged, Warning};
use crate::render::words::Speaker;

use super::plan::{ChangeView, RefusalView, UnreadableView};
use super::{Each, Entries, ExitView, FORMAT_VERSION, KeyView, PolicyView, ShardView, Tool, value};

/// Drift as a document, and the exit code of the command that found it. Use `serde_json::to_writer`: it is written while it is
/// serialized.
pub fn drift<'a>(drift: &'a Drift<'a>, exit: Exit, remediation: Option<&'a str>) -> impl Serialize + 'a {
    DriftView {
        format_version: FORMAT_VERSION,
        tool: Tool::THIS,
        checked_at: drift.plan.now.to_string(),
        policy: PolicyView::of(drift.plan),
        verdict: Verdict::of(drift),
        exit: exit.into(),
        counts: drift.counts(),
        remediation,
        shard: ShardView::of(drift.plan),
        missing_shards: None,
        targets: Each::of(&drift.targets, |found| TargetView::of(&drift.plan.ids, found)),
    }
}

/// How live state differs from the manifests, as `assignctl drift` saw it. Secrets appear as references or as "(masked)".
#[derive(Serialize, JsonSchema)]
#[schemars(title = "assignctl drift", extend("$id" = "urn:assignctl:drift:1"))]
pub(super) struct DriftView<'a> {
    /// Version of this format, "major.minor": additions raise the minor part, everything else the major part.
    format_version: &'static str,
    /// The program that looked.
    tool: Tool,
    /// The moment that time windows are judged by, RFC 3339 in UTC.
    checked_at: String,
    /// The policy in force; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<PolicyView<'a>>,
    /// The drift in one word.
    verdict: Verdict,
    /// The exit code of the command.
    exit: ExitView,
    /// Totals over all selected sets.
    counts: Counts,
    /// The command that would mend it (`--remediate`).
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<&'a str>,
    /// The part of the sets that the run was narrowed to (`--shard`); `assignctl report merge` joins the parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<ShardView<'a>>,
    /// In a joined report: the parts that were not there (`report merge --partial`).
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_shards: Option<Vec<u64>>,
    /// One a target, sorted by name.
    targets: Each<'a, TargetView<'a>>,
}

/// The drift in one word.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// Live is as declared.
    NoDrift,
    /// Live differs.
    Drift,
    /// At least one target could not be read: what is not known is not "no drift".
    Unreadable,
}

impl Verdict {
    fn of(drift: &Drift<'_>) -> Self {
        if drift.unreadable() {
            Verdict::Unreadable
        } else if drift.counts().drift > 0 {
            Verdict::Drift
        } else {
            Verdict::NoDrift
        }
    }
}

/// One account of a provider.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DriftTarget")]
struct TargetView<'a> {
    /// `metadata.name` of the Target.
    name: &'a str,
    /// The provider.
    provider: &'static str,
    /// The API's address, or `sandbox`.
    endpoint: &'a str,
    /// Which account it is.
    account: &'a [Account],
    /// Why it could not be read; then nothing is known of it. In a joined report: why a part could not read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<UnreadableView<'a>>,
    /// Totals of its selected sets.
    counts: Counts,
    /// What the guards would refuse if this were applied. Nothing is refused here.
    would_be_refused: Each<'a, RefusalView<'a>>,
    /// What the thresholds would judge over all selected sets, with the limits in force.
    judged: &'a Judged,
    /// The selected sets, sorted by name.
    sets: Each<'a, SetView<'a>>,
    /// Sets that the command's paths and selectors left out.
    not_selected: Vec<&'a str>,
    /// What was listed, what proves that it is whole, or why it is not.
    evidence: &'a [Evidence],
}

impl<'a> TargetView<'a> {
    fn of(ids: &'a Ids, found: &'a TargetDrift<'a>) -> Self {
        let target = found.target;
        let speaker = Speaker::new(ids, target);
        Self {
            name: &target.name,
            provider: target.provider,
            endpoint: &target.endpoint,
            account: &target.account,
            unreadable: target.unreadable.as_ref().map(UnreadableView::of),
            counts: found.counts(),
            would_be_refused: Each::of(&target.refusals, move |refusal| RefusalView::of(speaker, refusal)),
            judged: &target.judged,
            sets: Each::of(&found.sets, move |set| SetView::of(speaker, set)),
            not_selected: target.sets.iter().filter(|set| !set.selected).map(|set| set.name.as_str()).collect(),
            evidence: &target.evidence,
        }
    }
}

/// An assignment set.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DriftSet")]
struct SetView<'a> {
    /// `metadata.name` of the set.
    name: &'a str,
    /// Where it is declared.
    at: &'a Location,
    /// How far its authority goes.
    mode: Mode,
    /// Its scope as a person would say it.
    scope: &'a str,
    /// How many of what.
    counts: Counts,
    /// What differs, will differ, or is left alone; by kind, then by key.
    findings: Each<'a, FindingView<'a>>,
    /// What its author should know.
    warnings: &'a [Warning],
}

impl<'a> SetView<'a> {
    fn of(speaker: Speaker<'a>, found: &'a SetDrift<'a>) -> Self {
        Self {
            name: &found.set.name,
            at: &found.set.at,
            mode: found.set.mode,
            scope: &found.set.scope,
            counts: found.counts,
            findings: Each::of(&found.findings, move |finding| FindingView::of(speaker, finding)),
            warnings: &found.set.warnings,
        }
    }
}

/// One assignment that differs, will differ, or is left alone.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
struct FindingView<'a> {
    /// How.
    kind: Kind,
    /// Whether it counts as drift.
    is_drift: bool,
    /// The natural key, by API field name.
    key: KeyView<'a>,
    /// Display names of the key's ids, by API field name, where the API tells.
    names: Entries<&'a str>,
    /// Since when, as far as the API tells, RFC 3339 in UTC: last changed for `changed`, made for `extra` and `unmanaged`, ended for
    /// `expired`.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// When it ends, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// The change that would mend it: `before` is live, `after` is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<ChangeView<'a>>,
    /// The rule that leaves it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored: Option<RuleView<'a>>,
}

impl<'a> FindingView<'a> {
    fn of(speaker: Speaker<'a>, finding: &Finding<'a>) -> Self {
        Self {
            kind: finding.kind,
            is_drift: finding.is_drift,
            key: value::key(speaker, &finding.key),
            names: value::names(speaker, &finding.key),
            since: finding.since.map(|since| since.to_string()),
            until: finding.until.map(|until| until.to_string()),
            change: finding.planned.map(|planned| ChangeView::of(speaker, planned)),
            ignored: finding.ignored.map(RuleView::of),
        }
    }
}

/// What a rule of `ignore` leaves alone, and why.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "IgnoreRule")]
pub(super) struct RuleView<'a> {
    /// How the assignment differs.
    difference: Difference,
    /// The fields that are left alone; empty for the assignment as a whole.
    fields: &'a [&'static str],
    /// The rule's reason.
    reason: &'a str,
    /// The rule.
    at: &'a Location,
}

impl<'a> RuleView<'a> {
    pub(super) fn of(ignored: &'a crate::plan::Ignored) -> Self {
        Self { difference: ignored.difference, fields: &ignored.fields, reason: &ignored.reason, at: &ignored.at }
    }
}

/// One run of `drift` as a line of its history.
pub fn drift_history<'a>(drift: &'a Drift<'a>, exit: Exit) -> impl Serialize + 'a {
    HistoryView {
        format_version: FORMAT_VERSION,
        tool: Tool::THIS,
        checked_at: drift.plan.now.to_string(),
        verdict: Verdict::of(drift),
        exit: exit.into(),
        counts: drift.counts(),
        targets: drift.targets.iter().map(HistoryTarget::of).collect(),
    }
}

/// One run of the history, as a report draws it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Moment {
    /// When it looked, RFC 3339 in UTC.
    pub checked_at: String,
    /// Totals over its sets.
    pub counts: Counts,
}

/// The runs of a history, the oldest first, and how many lines are none: a file that others write too may hold anything.
pub fn read_drift_history(text: &str) -> (Vec<Moment>, usize) {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let runs: Vec<Moment> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let unread = lines.len() - runs.len();
    (runs, unread)
}

/// One run of `assignctl drift`, as `--history` appends it: one line of JSON a run.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "assignctl drift history", extend("$id" = "urn:assignctl:drift-history:1"))]
pub(super) struct HistoryView<'a> {
    /// Version of this format, "major.minor": additions raise the minor part, everything else the major part.
    format_version: &'static str,
    /// The program that looked.
    tool: Tool,
    /// When it looked, RFC 3339 in UTC.
    checked_at: String,
    /// The drift in one word.
    verdict: Verdict,
    /// The exit code of the command.
    exit: ExitView,
    /// Totals over all selected sets.
    counts: Counts,
    /// One a target, sorted by name.
    targets: Vec<HistoryTarget<'a>>,
}

/// One target of a run.
#[derive(Serialize, JsonSchema)]
struct HistoryTarget<'a> {
    /// `metadata.name` of the Target.
    name: &'a str,
    /// The provider.
    provider: &'static str,
    /// Whether it could be read; if not, its counts say nothing.
    readable: bool,
    /// Totals of its selected sets.
    counts: Counts,
}

impl<'a> HistoryTarget<'a> {
    fn of(found: &'a TargetDrift<'a>) -> Self {
        Self {
            name: &found.target.name,
            provider: found.target.provider,
            readable: found.target.unreadable.is_none(),
            counts: found.counts(),
        }
    }
}
