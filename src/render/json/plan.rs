//! The view of a plan.

use schemars::JsonSchema;
use serde::Serialize;

use crate::apply::Exit;
use crate::diag::Location;
use crate::model::{Account, Action, Change, Ids, Mode, Value};
use crate::plan::authority::{AuthorityChange, Leaving, WhyLeaving};
use crate::plan::{
    Base, BaseGap, Cause, Counts, Evidence, FieldChange, Grant, Guard, Ignored, LeftAlone, Loss, Plan, PlannedChange,
    Reason, Refusal, ResolvedName, SetPlan, TargetPlan, Unmanaged, Unreadable, Warning, cause, field_changes,
};
use crate::render::words::{self, Speaker};

use super::drift::RuleView;
use super::{Each, Entries, ExitView, FORMAT_VERSION, FieldView, KeyView, PolicyView, ShardView, Tool, value};

/// A plan as a document, and the exit code of the command that made it. The document is written while it is serialized: use
/// `serde_json::to_writer`.
pub fn plan(plan: &Plan, exit: Exit) -> impl Serialize + '_ {
    PlanView {
        format_version: FORMAT_VERSION,
        tool: Tool::THIS,
        planned_at: plan.now.to_string(),
        policy: PolicyView::of(plan),
        verdict: Verdict::of(plan),
        exit: exit.into(),
        counts: plan.any_readable().then(|| plan.counts()),
        role_changes: plan.changes().filter(|planned| planned.change.from_key.is_some()).count(),
        write_requests: plan.targets.iter().map(|target| target.write_requests).sum(),
        base: BaseView::of(plan),
        shard: ShardView::of(plan),
        missing_shards: None,
        targets: Each::of(&plan.targets, |target| TargetView::of(&plan.ids, target)),
    }
}

/// What `assignctl plan` would do to the live systems, and what it saw. Made from the manifests and the live state; the same input
/// gives the same document. Secrets appear as references or as "(masked)".
#[derive(Serialize, JsonSchema)]
#[schemars(title = "assignctl plan", extend("$id" = "urn:assignctl:plan:1"))]
pub(super) struct PlanView<'a> {
    /// Version of this format, "major.minor": additions raise the minor part, everything else the major part.
    format_version: &'static str,
    /// The program that made the plan.
    tool: Tool,
    /// The moment that time windows are judged by, RFC 3339 in UTC.
    planned_at: String,
    /// The policy in force; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<PolicyView<'a>>,
    /// The plan in one word.
    verdict: Verdict,
    /// The exit code of the command.
    exit: ExitView,
    /// Totals over the selected sets of the targets that could be read; absent where none could be.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<Counts>,
    /// Updates that replace a key part and keep the assignment, such as its role; counted in `counts.update` too.
    role_changes: usize,
    /// Requests that an apply will take, retries aside.
    write_requests: u64,
    /// What the plan was compared with (`--base`).
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<BaseView<'a>>,
    /// The part of the sets that the run was narrowed to (`--shard`); `assignctl report merge` joins the parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<ShardView<'a>>,
    /// In a joined report: the parts that were not there (`report merge --partial`).
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_shards: Option<Vec<u64>>,
    /// One a target, sorted by name.
    targets: Each<'a, TargetView<'a>>,
}

/// The plan in one word.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::render) enum Verdict {
    /// The live state equals the manifests.
    NoChanges,
    /// The live state equals the manifests, and the pull request changes what they may do (`base.authority`, `base.leaving`).
    AuthorityChanges,
    /// There is something to apply.
    Changes,
    /// A guard refused: nothing of the targets concerned is applied.
    Refused,
    /// At least one target could not be read.
    Unreadable,
    /// No change is planned, and a listing is not proven complete.
    Incomplete,
}

impl Verdict {
    /// The word as it is serialized.
    pub(in crate::render) fn word(self) -> &'static str {
        match self {
            Verdict::NoChanges => "no_changes",
            Verdict::AuthorityChanges => "authority_changes",
            Verdict::Changes => "changes",
            Verdict::Refused => "refused",
            Verdict::Unreadable => "unreadable",
            Verdict::Incomplete => "incomplete",
        }
    }

    pub(in crate::render) fn of(plan: &Plan) -> Self {
        if plan.targets.iter().any(|target| target.unreadable.is_some() || target.has_failed_set()) {
            Verdict::Unreadable
        } else if plan.refused() {
            Verdict::Refused
        } else if plan.changes().next().is_some() {
            Verdict::Changes
        } else if plan.base.as_ref().is_some_and(Base::changes_authority) {
            Verdict::AuthorityChanges
        } else if !plan.is_complete() {
            Verdict::Incomplete
        } else {
            Verdict::NoChanges
        }
    }
}

/// One account of a provider.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Target")]
struct TargetView<'a> {
    /// `metadata.name` of the Target.
    name: &'a str,
    /// The provider.
    provider: &'static str,
    /// The API's address, or `sandbox`.
    endpoint: &'a str,
    /// Which account it is.
    account: &'a [Account],
    /// Why it could not be read; then nothing is planned for it. In a joined report: why a part could not read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<UnreadableView<'a>>,
    /// What guards refused; with any of these, nothing of the target is applied.
    refusals: Each<'a, RefusalView<'a>>,
    /// The selected sets, sorted by name.
    sets: Each<'a, SetView<'a>>,
    /// Sets that the command's paths and selectors left out.
    not_selected: Vec<&'a str>,
    /// What was listed, what proves that it is whole, or why it is not.
    evidence: &'a [Evidence],
    /// Requests that reading took.
    read_requests: u64,
    /// Requests that an apply will take, retries aside.
    write_requests: u64,
}

impl<'a> TargetView<'a> {
    fn of(ids: &'a Ids, target: &'a TargetPlan) -> Self {
        let speaker = Speaker::new(ids, target);
        let selected = || target.sets.iter().filter(|set| set.selected);
        Self {
            name: &target.name,
            provider: target.provider,
            endpoint: &target.endpoint,
            account: &target.account,
            unreadable: target.unreadable.as_ref().map(UnreadableView::of),
            refusals: Each::of(&target.refusals, move |refusal| RefusalView::of(speaker, refusal)),
            sets: Each(Box::new(move || Box::new(selected().map(move |set| SetView::of(speaker, set))))),
            not_selected: target.sets.iter().filter(|set| !set.selected).map(|set| set.name.as_str()).collect(),
            evidence: &target.evidence,
            read_requests: target.read_requests,
            write_requests: target.write_requests,
        }
    }
}

/// Why a target could not be read.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Unreadable")]
pub(super) struct UnreadableView<'a> {
    /// What happened, and what to do.
    message: &'a str,
    /// Nothing is wrong with the input: try again later.
    temporary: bool,
}

impl<'a> UnreadableView<'a> {
    pub(super) fn of(unreadable: &'a Unreadable) -> Self {
        Self { message: &unreadable.message, temporary: unreadable.temporary }
    }
}

/// A guard's refusal.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Refusal")]
pub(super) struct RefusalView<'a> {
    /// Which guard.
    guard: Guard,
    /// The set concerned; absent: the target as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    /// What was seen, and the limit.
    message: &'a str,
    /// The one line or flag that would allow it.
    allow: &'a str,
    /// The line to look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a Location>,
    /// The keys of the changes concerned, in the order of the plan.
    keys: Each<'a, KeyView<'a>>,
}

impl<'a> RefusalView<'a> {
    pub(super) fn of(speaker: Speaker<'a>, refusal: &'a Refusal) -> Self {
        Self {
            guard: refusal.guard,
            set: refusal.set.as_deref(),
            message: &refusal.message,
            allow: &refusal.allow,
            at: refusal.at.as_ref(),
            keys: Each::of(&refusal.keys, move |key| value::key(speaker, key)),
        }
    }
}

/// An assignment set.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Set")]
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
    /// Live rows under its authority.
    live: u64,
    /// Which id each name of the set is; absent where the set has ids only.
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<&'a [ResolvedName]>,
    /// What an apply does, sorted by key.
    changes: Each<'a, ChangeView<'a>>,
    /// Differences in a set whose mode is `observe`: never applied.
    observed: Each<'a, ChangeView<'a>>,
    /// Live in scope, not declared, and left alone; sorted by key.
    unmanaged: Each<'a, UnmanagedView<'a>>,
    /// Differences that the set's `ignore` rules leave alone; sorted by key.
    ignored: Each<'a, IgnoredView<'a>>,
    /// What its author should know.
    warnings: &'a [Warning],
    /// Why the listing of its scope is not proven complete; absent where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<&'a str>,
    /// Declared keys that were not seen and that no complete listing proves absent; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    unproven: Option<Each<'a, KeyView<'a>>>,
}

impl<'a> SetView<'a> {
    fn of(speaker: Speaker<'a>, set: &'a SetPlan) -> Self {
        let changes = Each::of(&set.changes, move |planned| ChangeView::of(speaker, planned));
        let (changes, observed) = if set.applies() { (changes, Each::none()) } else { (Each::none(), changes) };
        Self {
            name: &set.name,
            at: &set.at,
            mode: set.mode,
            scope: &set.scope,
            counts: set.counts,
            live: set.live,
            names: Some(set.names.as_slice()).filter(|names| !names.is_empty()),
            changes,
            observed,
            unmanaged: Each::of(&set.unmanaged, move |row| UnmanagedView::of(speaker, row)),
            ignored: Each::of(&set.ignored, move |row| IgnoredView::of(speaker, row)),
            warnings: &set.warnings,
            gap: set.gap.as_deref(),
            unproven: (!set.unproven.is_empty()).then(|| Each::of(&set.unproven, move |key| value::key(speaker, key))),
        }
    }
}

/// One change of one assignment.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Change")]
pub(super) struct ChangeView<'a> {
    /// What it does. On Streamline `remove` archives.
    action: Action,
    /// The natural key after the change, by API field name; for a removal, the key that goes.
    key: KeyView<'a>,
    /// Display names of the key's ids, by API field name, where the API tells.
    names: Entries<&'a str>,
    /// The live key, where the change replaces a part of it (a role change).
    #[serde(skip_serializing_if = "Option::is_none")]
    from_key: Option<KeyView<'a>>,
    /// Display names of `from_key`'s ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_names: Option<Entries<&'a str>>,
    /// The server's id of the live assignment, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    /// The fields that the change touches, as they are; absent for a create.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Entries<FieldView<'a>>>,
    /// The fields that the change touches, as they will be; absent for a removal.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Entries<FieldView<'a>>>,
    /// Why.
    reason: Reason,
    /// What it takes away.
    losses: &'a [Loss],
    /// What it gives.
    grants: &'a [Grant],
    /// The line that asks for it; for a removal, the set whose scope it lies in.
    at: &'a Location,
    /// How it travels.
    route: RouteView,
    /// Whose change it is, where the plan was compared with a base.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
}

impl<'a> ChangeView<'a> {
    pub(super) fn of(speaker: Speaker<'a>, planned: &'a PlannedChange) -> Self {
        let change = &planned.change;
        let (before, after) = fields(speaker, change);
        Self {
            action: change.action,
            key: value::key(speaker, &change.key),
            names: value::names(speaker, &change.key),
            from_key: change.from_key.as_ref().map(|key| value::key(speaker, key)),
            from_names: change.from_key.as_ref().map(|key| value::names(speaker, key)).filter(|n| !n.is_empty()),
            id: change.live.as_ref().and_then(|live| live.id.as_deref()),
            before,
            after,
            reason: planned.reason,
            losses: &planned.losses,
            grants: &planned.grants,
            at: &planned.at,
            route: RouteView { name: planned.route.name, batch: planned.route.batch, requests: planned.route.requests },
            cause: planned.cause,
        }
    }
}

/// The fields of one side of a change.
pub(super) type Side<'a> = Option<Entries<FieldView<'a>>>;

/// The fields that a change touches, as they are (`None` for a creation) and as they will be (`None` for a removal).
pub(super) fn fields<'a>(speaker: Speaker<'a>, change: &'a Change) -> (Side<'a>, Side<'a>) {
    let fields = field_changes(change, speaker.capabilities);
    let side = |value: fn(&FieldChange<'a>) -> Option<&'a Value>| {
        Entries::new(fields.iter().map(|field| (field.name, FieldView(value(field)))).collect())
    };
    let before = (change.action != Action::Create).then(|| side(|field| field.before));
    (before, (change.action != Action::Remove).then(|| side(|field| field.after)))
}

/// How a change travels.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Route")]
struct RouteView {
    /// Method and path with placeholders.
    name: &'static str,
    /// The most changes that share its requests.
    batch: usize,
    /// Requests that a batch takes.
    requests: u32,
}

/// A live assignment that is left alone although no manifest declares it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Unmanaged")]
struct UnmanagedView<'a> {
    /// Its natural key, by API field name.
    key: KeyView<'a>,
    /// Display names of the key's ids, where the API tells.
    names: Entries<&'a str>,
    /// Why it stays.
    why: LeftAlone,
    /// When it was made, or last changed, where the API tells; RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

impl<'a> UnmanagedView<'a> {
    fn of(speaker: Speaker<'a>, row: &Unmanaged) -> Self {
        Self {
            key: value::key(speaker, &row.key),
            names: value::names(speaker, &row.key),
            why: row.why,
            since: row.since.map(|since| since.to_string()),
        }
    }
}

/// A difference that a rule of `ignore` leaves alone.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Ignored")]
struct IgnoredView<'a> {
    /// Its natural key, by API field name.
    key: KeyView<'a>,
    /// Display names of the key's ids, where the API tells.
    names: Entries<&'a str>,
    /// What is left alone, and why.
    rule: RuleView<'a>,
}

impl<'a> IgnoredView<'a> {
    fn of(speaker: Speaker<'a>, row: &'a Ignored) -> Self {
        Self { key: value::key(speaker, &row.key), names: value::names(speaker, &row.key), rule: RuleView::of(row) }
    }
}

/// The manifests that a plan was compared with.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Base")]
struct BaseView<'a> {
    /// What the caller called it: a commit, a branch, a directory.
    name: &'a str,
    /// The commit, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'a str>,
    /// How many changes have which cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    causes: Option<CausesView>,
    /// Why the base was not used at all; then nothing was compared, and there are no causes.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_used: Option<&'a str>,
    /// What of single targets was not used, or not read for the base alone.
    gaps: &'a [BaseGap],
    /// What these manifests change about the authority of the program; what widens it comes first.
    authority: &'a [AuthorityChange],
    /// Assignments that the base manages and these manifests do not: they leave management and stay live. By target and set.
    leaving: Each<'a, LeavingView<'a>>,
}

/// How many changes have which cause.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Causes")]
struct CausesView {
    /// Made by this pull request: live is as the base wants it.
    pull_request: u64,
    /// Made by this pull request, where live had left the base by itself.
    both: u64,
    /// Live left the base by itself, and this pull request does not touch it.
    drift: u64,
}

/// Assignments of one set of the base that leave management.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Leaving")]
struct LeavingView<'a> {
    /// The target, as the base has it.
    target: &'a str,
    /// Its provider.
    provider: &'static str,
    /// The set, as the base has it.
    set: &'a str,
    /// Whether the whole set is gone.
    deleted: bool,
    /// How many.
    assignments: u64,
    /// Where the base declares the set.
    at: &'a Location,
    /// The assignments, in the order of their ids.
    rows: Each<'a, LeavingRowView<'a>>,
}

/// One assignment that leaves management.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LeavingAssignment")]
struct LeavingRowView<'a> {
    /// Its natural key, by API field name.
    key: KeyView<'a>,
    /// Display names of the key's ids, where the API tells.
    names: Entries<&'a str>,
    /// What takes it out of management.
    why: WhyLeaving,
    /// Whether it was seen live. Where it was not, its live state was not read, and the base declares it.
    seen: bool,
    /// Where the base declares it, or the set whose scope it lies in.
    base_at: &'a Location,
    /// What takes it out, where these manifests say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a Location>,
}

impl<'a> LeavingView<'a> {
    fn of(ids: &'a Ids, left: &'a Leaving) -> Self {
        let speaker = words::leaving_keys(ids, left);
        Self {
            target: &left.target,
            provider: left.capabilities.provider,
            set: &left.set,
            deleted: left.deleted,
            assignments: words::len(&left.rows),
            at: &left.at,
            rows: Each::of(&left.rows, move |row| LeavingRowView {
                key: value::key(speaker, &row.key),
                names: value::names(speaker, &row.key),
                why: row.why,
                seen: row.seen,
                base_at: &row.base_at,
                at: row.at.as_ref(),
            }),
        }
    }
}

impl<'a> BaseView<'a> {
    fn of(plan: &'a Plan) -> Option<Self> {
        let base = plan.base.as_ref()?;
        let causes = base.not_used.is_none().then(|| {
            let [pull_request, both, drift] = cause::counts(plan);
            CausesView { pull_request, both, drift }
        });
        Some(Self {
            name: &base.name,
            commit: base.commit.as_deref(),
            causes,
            not_used: base.not_used.as_deref(),
            gaps: &base.gaps,
            authority: &base.authority,
            leaving: Each::of(&base.leaving, move |left| LeavingView::of(&plan.ids, left)),
        })
    }
}
