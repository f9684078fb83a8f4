//! The view of an apply report.

use schemars::JsonSchema;
use serde::Serialize;

use crate::apply::{
    ChangeId, ChangeReport, Leftover, NotLookedAt, NotRun, Outcome, Remaining, Report, TargetReport, Totals,
    Verification,
};
use crate::diag::Location;
use crate::model::{Account, Action, Ids};
use crate::plan::saved::{Held, HeldWhy};
use crate::plan::{Plan, TargetPlan};
use crate::render::Stopped;
use crate::render::words::Speaker;

use super::plan::ChangeView;
use super::{Each, ExitView, FORMAT_VERSION, KeyView, PolicyView, ShardView, Tool, value};

/// An apply report as a document; `plan` is the plan that was applied. The document is written while it is serialized: use
/// `serde_json::to_writer`.
pub fn report<'a>(plan: &'a Plan, report: &'a Report) -> impl Serialize + 'a {
    let planned = |name: &str| plan.targets.iter().find(|target| target.name == *name);
    ReportView {
        format_version: FORMAT_VERSION,
        tool: Tool::THIS,
        commit: plan.commit.as_deref(),
        policy: PolicyView::of(plan),
        exit: report.exit().into(),
        stopped: None,
        interrupted: report.interrupted.is_some(),
        totals: report.totals(),
        shard: ShardView::of(plan),
        missing_shards: None,
        targets: Each(Box::new(move || {
            let both = report.targets.iter().filter_map(move |ended| Some((planned(&ended.name)?, ended)));
            Box::new(both.map(|(target, ended)| TargetReportView::of(&plan.ids, target, ended)))
        })),
    }
}

/// The document of an apply that ended before there was a plan.
pub fn stopped(stopped: Stopped<'_>) -> impl Serialize + '_ {
    ReportView {
        format_version: FORMAT_VERSION,
        tool: Tool::THIS,
        commit: None,
        policy: None,
        exit: stopped.exit.into(),
        stopped: Some(stopped.why),
        interrupted: false,
        totals: Totals::default(),
        shard: None,
        missing_shards: None,
        targets: Each::none(),
    }
}

/// What `assignctl apply` did: one outcome a change, and what reading the targets again says. Secrets appear as references or as
/// "(masked)".
#[derive(Serialize, JsonSchema)]
#[schemars(title = "assignctl apply report", extend("$id" = "urn:assignctl:report:1"))]
pub(super) struct ReportView<'a> {
    /// Version of this format, "major.minor": additions raise the minor part, everything else the major part.
    format_version: &'static str,
    /// The program that applied.
    tool: Tool,
    /// The commit that is checked out around the manifests; absent: they are in no git work tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'a str>,
    /// The policy in force; absent: there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<PolicyView<'a>>,
    /// The exit code that follows from the outcomes.
    exit: ExitView,
    /// Why it ended before there was a plan: nothing was applied, and no target is told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<&'a str>,
    /// A stop was asked for before all was through.
    interrupted: bool,
    /// All outcomes, counted; they add up to the changes of the plan and those that a saved plan holds back.
    totals: Totals,
    /// The part of the sets that the run was narrowed to (`--shard`); `assignctl report merge` joins the parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<ShardView<'a>>,
    /// In a joined report: the parts that were not there (`report merge --partial`).
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_shards: Option<Vec<u64>>,
    /// One a target, in the order of the plan.
    targets: Each<'a, TargetReportView<'a>>,
}

/// What was done to one target.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TargetReport")]
struct TargetReportView<'a> {
    /// `metadata.name` of the Target.
    name: &'a str,
    /// The provider.
    provider: &'static str,
    /// The API's address, or `sandbox`.
    endpoint: &'a str,
    /// Which account it is.
    account: &'a [Account],
    /// Why the target was not run at all; in a joined report, why a part did not run it, whatever the others did.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_run: Option<NotRunView>,
    /// Its outcomes, counted.
    totals: Totals,
    /// What reading it again says.
    verification: VerificationView<'a>,
    /// One a change of the plan, in the order of the plan.
    changes: Each<'a, EndedView<'a>>,
    /// What a saved plan holds back: counted in the totals, and not among `changes`.
    held: Each<'a, HeldView<'a>>,
}

impl<'a> TargetReportView<'a> {
    fn of(ids: &'a Ids, plan: &'a TargetPlan, ended: &'a TargetReport) -> Self {
        let speaker = Speaker::new(ids, plan);
        let changes = move || ended.changes.iter().filter_map(move |change| EndedView::of(speaker, plan, change));
        Self {
            name: &plan.name,
            provider: plan.provider,
            endpoint: &plan.endpoint,
            account: &plan.account,
            not_run: ended.not_run.map(NotRunView::of),
            totals: ended.totals(),
            verification: VerificationView::of(speaker, &ended.verification, &ended.not_looked_at),
            changes: Each(Box::new(move || Box::new(changes()))),
            held: Each::of(&ended.held, move |held| HeldView::of(speaker, held)),
        }
    }
}

/// Why a target was not run.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NotRun")]
struct NotRunView {
    /// What kept it from running.
    reason: NotRunReason,
    /// Nothing is wrong with the input: try again later.
    temporary: bool,
}

/// What kept a target from running.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum NotRunReason {
    /// A guard refused its plan.
    Refused,
    /// The approved plan is stale, here or in another target.
    Stale,
    /// Nobody said yes.
    NotApproved,
    /// A journal or the way back, which have to be there before the first change is sent, could not be written.
    NotBegun,
    /// It could not be read.
    Unreadable,
}

impl NotRunView {
    fn of(not_run: NotRun) -> Self {
        match not_run {
            NotRun::Refused => Self { reason: NotRunReason::Refused, temporary: false },
            NotRun::Stale => Self { reason: NotRunReason::Stale, temporary: false },
            NotRun::NotApproved => Self { reason: NotRunReason::NotApproved, temporary: false },
            NotRun::NotBegun => Self { reason: NotRunReason::NotBegun, temporary: false },
            NotRun::Unreadable { temporary } => Self { reason: NotRunReason::Unreadable, temporary },
        }
    }
}

/// A change and how it ended.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EndedChange")]
struct EndedView<'a> {
    /// `metadata.name` of its set.
    set: &'a str,
    /// The change, as the plan has it.
    change: ChangeView<'a>,
    /// How it ended.
    outcome: OutcomeView<'a>,
}

impl<'a> EndedView<'a> {
    fn of(speaker: Speaker<'a>, plan: &'a TargetPlan, ended: &'a ChangeReport) -> Option<Self> {
        let set = plan.sets.get(ended.id.set)?;
        let planned = set.changes.get(ended.id.index)?;
        let outcome = OutcomeView::of(speaker, plan, &ended.outcome).answered_as(&ended.request_ids);
        Some(Self { set: &set.name, change: ChangeView::of(speaker, planned), outcome })
    }
}

/// A change that a saved plan holds back.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "HeldChange")]
pub(super) struct HeldView<'a> {
    /// `metadata.name` of its set.
    set: &'a str,
    /// What was approved, or is new.
    action: Action,
    /// The natural key after the change, by API field name.
    key: KeyView<'a>,
    /// The live key, where a part of it would be replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_key: Option<KeyView<'a>>,
    /// Why it is held.
    reason: HeldReason,
    /// How it is counted: `already` or `skipped`.
    outcome: OutcomeKind,
    /// What it was and is, in words.
    message: &'a str,
}

/// Why a change is held.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum HeldReason {
    /// Approved, and so meanwhile without this run.
    Already,
    /// Approved, but the live object is not the one that was reviewed.
    Moved,
    /// Needed now, and never reviewed.
    New,
    /// Approved, and the target could not be read.
    Unread,
}

impl<'a> HeldView<'a> {
    pub(super) fn of(speaker: Speaker<'a>, held: &'a Held) -> Self {
        let (reason, outcome) = match held.why {
            HeldWhy::Already => (HeldReason::Already, OutcomeKind::Already),
            HeldWhy::Moved(_) => (HeldReason::Moved, OutcomeKind::Skipped),
            HeldWhy::New => (HeldReason::New, OutcomeKind::Skipped),
            HeldWhy::Unread => (HeldReason::Unread, OutcomeKind::Skipped),
        };
        Self {
            set: &held.set,
            action: held.action,
            key: value::key(speaker, &held.key),
            from_key: held.from_key.as_ref().map(|key| value::key(speaker, key)),
            reason,
            outcome,
            message: held.why.text(),
        }
    }
}

/// How a change ended.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Outcome")]
pub(super) struct OutcomeView<'a> {
    /// In one word.
    kind: OutcomeKind,
    /// What the API or the program said, where there is something to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    /// The API's own error code, where it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    /// HTTP status of a failure, where there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// For a failure: whether it is temporary, so that nothing is wrong with the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    temporary: Option<bool>,
    /// The API's ids of the answers to the requests that carried the change, oldest first: what a vendor's support asks for. Absent where
    /// the API gives none. A batch shares its ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_ids: Option<&'a [Box<str>]>,
    /// The grant that had to come first and did not come, for a blocked change.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_by: Option<BlockedBy<'a>>,
}

/// How a change ended, in one word.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum OutcomeKind {
    /// Carried out by this run.
    Done,
    /// It was so already.
    Already,
    /// Not sent, and nothing went wrong with it.
    Skipped,
    /// Not sent, because a grant that has to come first did not come.
    Blocked,
    /// Refused, or impossible to send; the live state is as it was.
    Failed,
    /// It may or may not have happened.
    Unknown,
}

/// The change that another one waited for.
#[derive(Serialize, JsonSchema)]
struct BlockedBy<'a> {
    /// `metadata.name` of its set.
    set: &'a str,
    /// What it would have done.
    action: Action,
    /// Its natural key, by API field name.
    key: KeyView<'a>,
}

impl<'a> OutcomeView<'a> {
    pub(super) fn of(speaker: Speaker<'a>, plan: &'a TargetPlan, outcome: &'a Outcome) -> Self {
        let said = |kind, message| Self {
            kind,
            message,
            code: None,
            status: None,
            temporary: None,
            request_ids: None,
            blocked_by: None,
        };
        match outcome {
            Outcome::Done { note } => said(OutcomeKind::Done, note.as_deref()),
            Outcome::Already { note } => said(OutcomeKind::Already, note.as_deref()),
            Outcome::Skipped { why } => said(OutcomeKind::Skipped, Some(why)),
            Outcome::Unknown { why } => said(OutcomeKind::Unknown, Some(why)),
            Outcome::Blocked { by } => {
                Self { blocked_by: BlockedBy::of(speaker, plan, *by), ..said(OutcomeKind::Blocked, None) }
            }
            Outcome::Failed { message, code, status, temporary } => Self {
                code: code.as_deref(),
                status: *status,
                temporary: Some(*temporary),
                ..said(OutcomeKind::Failed, Some(message))
            },
        }
    }
}

impl<'a> OutcomeView<'a> {
    /// The same, with the ids of the answers that came.
    pub(super) fn answered_as(self, request_ids: &'a [Box<str>]) -> Self {
        Self { request_ids: some(request_ids), ..self }
    }
}

/// A list that is left out where it is empty.
pub(super) fn some(list: &[Box<str>]) -> Option<&[Box<str>]> {
    (!list.is_empty()).then_some(list)
}

impl<'a> BlockedBy<'a> {
    fn of(speaker: Speaker<'a>, plan: &'a TargetPlan, by: ChangeId) -> Option<Self> {
        let set = plan.sets.get(by.set)?;
        let change = &set.changes.get(by.index)?.change;
        Some(Self { set: &set.name, action: change.action, key: value::key(speaker, &change.key) })
    }
}

/// What reading a target again says.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Verification")]
pub(super) struct VerificationView<'a> {
    /// In one word.
    result: VerificationResult,
    /// Why it was not looked at, or could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    /// For `unreadable`: nothing is wrong with the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    temporary: Option<bool>,
    /// What the re-read says nothing about, in words: withheld changes, incomplete listings.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_looked_at: Option<Vec<String>>,
    /// Sets of the target that the run did not touch and did not read again; absent where nothing was read again.
    #[serde(skip_serializing_if = "Option::is_none")]
    other_sets: Option<Vec<&'a str>>,
    /// Differences to the manifests that the re-read shows, in the order of the new plan.
    remaining: Each<'a, RemainingView<'a>>,
}

/// What reading a target again says, in one word.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum VerificationResult {
    /// Nothing was sent.
    Untouched,
    /// The live state equals the manifests.
    Clean,
    /// What was read again is as declared, and not all was: `not_looked_at` and `other_sets` name the rest.
    CleanInPart,
    /// The live state still differs.
    Remaining,
    /// Not looked at.
    NotVerified,
    /// The target could not be read again.
    Unreadable,
}

impl VerificationResult {
    pub(super) fn of(verification: &Verification, not_looked_at: &[NotLookedAt]) -> Self {
        match verification {
            Verification::Untouched => VerificationResult::Untouched,
            Verification::Clean if !not_looked_at.is_empty() => VerificationResult::CleanInPart,
            Verification::Clean => VerificationResult::Clean,
            Verification::NotVerified { .. } => VerificationResult::NotVerified,
            Verification::Unreadable { .. } => VerificationResult::Unreadable,
            Verification::Remaining(_) => VerificationResult::Remaining,
        }
    }
}

impl<'a> VerificationView<'a> {
    pub(super) fn of(speaker: Speaker<'a>, verification: &'a Verification, not_looked_at: &'a [NotLookedAt]) -> Self {
        let result = VerificationResult::of(verification, not_looked_at);
        let mut sets: Vec<&str> = Vec::new();
        let mut texts: Vec<String> = Vec::new();
        for part in not_looked_at {
            match part {
                NotLookedAt::OtherSets(names) => sets.extend(names.iter().map(String::as_str)),
                other => texts.push(other.text()),
            }
        }
        let read_again = matches!(verification, Verification::Clean | Verification::Remaining(_));
        let (sets, texts) = (read_again.then_some(sets), (!texts.is_empty()).then_some(texts));
        let plain = |message| Self {
            result,
            message,
            temporary: None,
            not_looked_at: texts.clone(),
            other_sets: sets.clone(),
            remaining: Each::none(),
        };
        match verification {
            Verification::Untouched => plain(None),
            Verification::Clean => plain(None),
            Verification::NotVerified { why } => plain(Some(why)),
            Verification::Unreadable { message, temporary } => {
                Self { temporary: Some(*temporary), ..plain(Some(message)) }
            }
            Verification::Remaining(remaining) => {
                Self { remaining: Each::of(remaining, move |left| RemainingView::of(speaker, left)), ..plain(None) }
            }
        }
    }
}

/// A difference that the re-read shows.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Remaining")]
struct RemainingView<'a> {
    /// `metadata.name` of the set.
    set: &'a str,
    /// What it would take.
    action: Action,
    /// The natural key after the change, by API field name.
    key: KeyView<'a>,
    /// The live key, where a part of it would be replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_key: Option<KeyView<'a>>,
    /// The line that asks for it.
    at: &'a Location,
    /// Why it is still there.
    why: Leftover,
}

impl<'a> RemainingView<'a> {
    fn of(speaker: Speaker<'a>, left: &'a Remaining) -> Self {
        Self {
            set: &left.set,
            action: left.action,
            key: value::key(speaker, &left.key),
            from_key: left.from_key.as_ref().map(|key| value::key(speaker, key)),
            at: &left.at,
            why: left.why,
        }
    }
}
