//! What the page is made of, in a compact form: names once a target, places and effects with each change. Not a public format: the JSON
//! report is.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::apply::{Exit, Outcome, Report, TargetReport, Totals, Verification};
use crate::diag::{Diagnostics, Location, Severity, Sources};
use crate::model::{FieldKind, Ids, Key, OnRemove, Sym};
use crate::plan::authority::LeavingRow;
use crate::plan::drift::{self, Drift, Finding, SetDrift};
use crate::plan::saved::Held;
use crate::plan::{
    Cause, Counts, FieldChange, Plan, PlannedChange, SetPlan, TargetPlan, differing_changes, field_changes,
};
use crate::render::json::{FieldView, Moment, Verdict};
use crate::render::report::said;
use crate::render::words::{self, Speaker};
use crate::render::{Command, Stopped};

/// All of a page.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    command: &'static str,
    version: &'static str,
    verdict: &'static str,
    exit: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    /// What the plan was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<Base<'a>>,
    counts: Counts,
    /// The counts of drift.
    #[serde(skip_serializing_if = "Option::is_none")]
    drift: Option<drift::Counts>,
    /// Earlier runs and this one: when, and how many assignments differed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trend: Vec<Point<'a>>,
    requests: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
    targets: Vec<Target<'a>>,
    rows: Rows<'a>,
    findings: Vec<Found<'a>>,
}

impl Page<'_> {
    /// The verdict in one line, for readers without the script.
    pub(super) fn verdict_text(&self) -> String {
        if self.command == "validate" {
            return format!("{}, {}", self.verdict, words::counted(words::len(&self.findings), "finding"));
        }
        if let Some(totals) = self.totals {
            let Totals { done, already, skipped, blocked, failed, unknown } = totals;
            return format!(
                "{}: {done} done, {already} already so, {skipped} skipped, {blocked} blocked, {failed} failed, {unknown} unknown",
                self.verdict
            );
        }
        if let Some(counts) = self.drift {
            return format!("{}: {}", self.verdict, crate::render::drift::rest(&counts));
        }
        let Counts { create, update, remove, .. } = self.counts;
        format!("{}: {create} to create, {update} to update, {remove} to remove", self.verdict)
    }
}

#[derive(Serialize)]
struct Base<'a> {
    name: &'a str,
    /// How many changes have which cause, as a sentence; absent where nothing was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    causes: Option<String>,
    /// What was not used or not read, as sentences.
    problems: Vec<String>,
    /// How much changes about authority, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<String>,
    /// What changes about authority.
    authority: Vec<Authority>,
    /// What nobody manages any more.
    leaving: Vec<Left>,
}

/// A change of authority.
#[derive(Serialize)]
struct Authority {
    effect: &'static str,
    subject: String,
    text: String,
    at: Option<String>,
    /// Items that only one side has, where they are too many for the text.
    removed: Vec<String>,
    added: Vec<String>,
}

/// What leaves management, of one set.
#[derive(Serialize)]
struct Left {
    what: String,
    of: String,
    rows: Vec<String>,
}

impl<'a> Base<'a> {
    fn of(plan: &'a Plan) -> Option<Self> {
        let base = plan.base.as_ref()?;
        let authority = base.authority.iter().map(|change| {
            let long = |items: &[String]| if items.len() > words::LISTED_INSIDE { items.to_vec() } else { Vec::new() };
            Authority {
                effect: change.effect.word(),
                subject: words::subject(change),
                text: words::authority(change),
                at: words::authority_place(change, &base.name),
                removed: long(&change.removed),
                added: long(&change.added),
            }
        });
        let leaving = base.leaving.iter().map(|left| {
            let keys = words::leaving_keys(&plan.ids, left);
            let row = |row: &LeavingRow| {
                let at = row.at.as_ref().map(|at| format!(" ({})", place(at))).unwrap_or_default();
                format!("{}: {}{at}", keys.key(&row.key, None), words::why_leaving(row))
            };
            Left {
                what: words::leaving(left),
                of: format!("{} / {}, {} in {}", left.target, left.set, place(&left.at), base.name),
                rows: left.rows.iter().map(row).collect(),
            }
        });
        Some(Self {
            name: &base.name,
            causes: words::causes(plan),
            problems: words::base_problems(base).into_iter().map(|(_, problem)| problem).collect(),
            counts: words::authority_counts(base),
            authority: authority.collect(),
            leaving: leaving.collect(),
        })
    }
}

#[derive(Serialize)]
struct Target<'a> {
    name: &'a str,
    provider: &'a str,
    endpoint: &'a str,
    account: Vec<String>,
    keys: Vec<String>,
    /// The key part that is a person, where one is.
    holder: Option<usize>,
    archives: bool,
    /// Display names of ids, for each key part.
    names: Vec<BTreeMap<&'a str, &'a str>>,
    unreadable: Option<&'a str>,
    temporary: bool,
    refusals: Vec<Refused<'a>>,
    gaps: Vec<&'a str>,
    sets: Vec<Set<'a>>,
    /// What a saved plan holds back, as sentences.
    held: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification: Option<String>,
}

#[derive(Serialize)]
struct Refused<'a> {
    set: Option<&'a str>,
    message: &'a str,
    allow: &'a str,
    at: Option<String>,
    keys: Vec<Vec<Option<&'a str>>>,
}

#[derive(Serialize)]
struct Set<'a> {
    name: &'a str,
    mode: &'static str,
    scope: &'a str,
    at: String,
    selected: bool,
    counts: Counts,
    live: u64,
    /// Names and their ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<(String, &'a str)>,
    warnings: Vec<(&'a str, String)>,
}

#[derive(Serialize)]
struct Found<'a> {
    error: bool,
    code: &'static str,
    message: &'a str,
    at: Option<String>,
    help: Vec<&'a str>,
}

/// One line of the list. Short names: there may be a hundred thousand.
#[derive(Serialize)]
struct Row<'a> {
    /// Index of the target.
    t: usize,
    /// Index of the set.
    s: usize,
    /// Action, `unmanaged`, or `observed`.
    a: &'static str,
    /// What it would do, where it is merely observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    w: Option<&'static str>,
    /// Key parts.
    k: Vec<Option<&'a str>>,
    /// Index and old value of the key part that is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    f: Option<(usize, Option<&'a str>)>,
    /// Fields: name, whether it is JSON, before, after.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    d: Vec<(&'static str, bool, FieldView<'a>, FieldView<'a>)>,
    /// Losses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    l: Vec<String>,
    /// Grants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    g: Vec<String>,
    /// Whose change it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    c: Option<Cause>,
    /// Why.
    r: Cow<'static, str>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<String>,
    /// Method and path.
    #[serde(skip_serializing_if = "Option::is_none")]
    m: Option<&'static str>,
    /// How it ended, and what was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    o: Option<(&'static str, Option<String>)>,
}

/// A run of the history. Short names: there may be hundreds.
#[derive(Serialize)]
struct Point<'a> {
    /// When.
    t: &'a str,
    /// How many assignments differed.
    n: u64,
    /// How many of them were changed, missing, and extra.
    k: [u64; 3],
}

/// The lines of the list, made while they are written: removals, other losses, then the rest, in the order of the plan, drift after what
/// a pull request does; or findings.
struct Rows<'a> {
    plan: Option<&'a Plan>,
    report: Option<&'a Report>,
    drift: Option<&'a Drift<'a>>,
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(drift) = self.drift {
            return serializer.collect_seq(found(drift));
        }
        let rows = (0..=RANKS).flat_map(|rank| {
            let targets =
                self.plan.into_iter().flat_map(|plan| plan.targets.iter().enumerate().map(move |t| (plan, t)));
            targets.flat_map(move |(plan, (t, target))| {
                let ended = self.report.and_then(|report| report.targets.iter().find(|e| e.name == target.name));
                let of = Of { ids: &plan.ids, t, target, ended };
                let sets = target.sets.iter().enumerate().filter(|(_, set)| set.selected);
                sets.flat_map(move |(s, set)| of.rows(s, set, rank))
            })
        });
        serializer.collect_seq(rows)
    }
}

/// Drift before what is none, by target, set and kind.
fn found<'a>(drift: &'a Drift<'a>) -> impl Iterator<Item = Row<'a>> {
    [true, false].into_iter().flat_map(move |wanted| {
        drift.targets.iter().enumerate().flat_map(move |(t, found)| {
            let of = Of { ids: &drift.plan.ids, t, target: found.target, ended: None };
            let findings = found.sets.iter().flat_map(|set| set.findings.iter().map(move |finding| (set, finding)));
            findings
                .filter(move |(_, finding)| finding.is_drift == wanted)
                .map(move |(set, finding)| of.finding(set, finding))
        })
    })
}

/// Changes have the ranks below this one; unmanaged rows have this one.
const RANKS: u8 = 2 * APART;
/// What is drift has the same ranks once more, after everything else.
const APART: u8 = 4;

fn rank(planned: &PlannedChange, set: &SetPlan) -> u8 {
    use crate::model::Action;
    let apart = if planned.cause == Some(Cause::Drift) { APART } else { 0 };
    apart
        + match planned.action() {
            _ if !set.applies() => 3,
            Action::Remove => 0,
            _ if !planned.losses.is_empty() => 1,
            _ => 2,
        }
}

#[derive(Clone, Copy)]
struct Of<'a> {
    ids: &'a Ids,
    t: usize,
    target: &'a TargetPlan,
    ended: Option<&'a TargetReport>,
}

impl<'a> Of<'a> {
    fn rows(self, s: usize, set: &'a SetPlan, wanted: u8) -> Box<dyn Iterator<Item = Row<'a>> + 'a> {
        if wanted == RANKS {
            return Box::new(set.unmanaged.iter().map(move |row| Row {
                t: self.t,
                s,
                a: "unmanaged",
                w: None,
                k: self.parts(&row.key),
                f: None,
                d: Vec::new(),
                l: Vec::new(),
                g: Vec::new(),
                c: None,
                r: row.why.text().into(),
                p: None,
                m: None,
                o: None,
            }));
        }
        let changes = set.changes.iter().enumerate().filter(move |(_, planned)| rank(planned, set) == wanted);
        Box::new(changes.map(move |(index, planned)| self.change(s, set, index, planned)))
    }

    fn change(self, s: usize, set: &'a SetPlan, index: usize, planned: &'a PlannedChange) -> Row<'a> {
        let speaker = Speaker::new(self.ids, self.target);
        let action = speaker.action(planned.action());
        let outcome = self.ended.and_then(|ended| ended.outcome(crate::apply::ChangeId { set: s, index }));
        Row {
            t: self.t,
            s,
            a: if set.applies() { action } else { "observed" },
            w: (!set.applies()).then_some(action),
            k: self.parts(&planned.change.key),
            f: speaker.replaced(planned).map(|(part, before, _)| (part, self.text(before))),
            d: field_changes(&planned.change, self.target.capabilities).iter().filter_map(field).collect(),
            l: planned.losses.iter().map(|loss| speaker.loss(planned, *loss)).collect(),
            g: planned.grants.iter().map(|grant| speaker.grant(planned, *grant)).collect(),
            c: planned.cause,
            r: planned.reason.text().into(),
            p: Some(place(&planned.at)),
            m: Some(planned.route.name),
            o: outcome.map(|outcome| (outcome.word(), self.said(outcome))),
        }
    }

    fn finding(self, set: &SetDrift<'a>, finding: &Finding<'a>) -> Row<'a> {
        let speaker = Speaker::new(self.ids, self.target);
        let fields = finding.planned.map(|planned| differing_changes(&planned.change, self.target.capabilities));
        let replaced = finding.planned.and_then(|planned| speaker.replaced(planned));
        let reason = finding.planned.map(|planned| planned.reason.text().to_owned());
        let notes = reason.into_iter().chain(crate::render::drift::notes(finding)).collect::<Vec<_>>();
        let at = crate::render::drift::place(finding).unwrap_or(&set.set.at);
        Row {
            t: self.t,
            s: self.target.sets.iter().position(|known| std::ptr::eq(known, set.set)).unwrap_or_default(),
            a: finding.kind.name(),
            w: None,
            k: self.parts(&finding.key),
            f: replaced.map(|(part, before, _)| (part, self.text(before))),
            d: fields.iter().flatten().filter_map(field).collect(),
            l: Vec::new(),
            g: Vec::new(),
            c: None,
            r: notes.join(", ").into(),
            p: Some(place(at)),
            m: None,
            o: None,
        }
    }

    fn said(self, outcome: &Outcome) -> Option<String> {
        let Outcome::Blocked { by } = outcome else { return said(outcome) };
        let by = self.target.sets.get(by.set)?.changes.get(by.index)?;
        Some(format!("waits for {}", Speaker::new(self.ids, self.target).change_key(by)))
    }

    fn text(self, sym: Sym) -> Option<&'a str> {
        (!sym.is_none()).then(|| self.ids.text(sym))
    }

    fn parts(self, key: &Key) -> Vec<Option<&'a str>> {
        (0..self.target.capabilities.key_fields.len()).map(|part| self.text(key.part(part))).collect()
    }

    fn target(self) -> Target<'a> {
        let target = self.target;
        let refusals = target.refusals.iter().map(|refusal| Refused {
            set: refusal.set.as_deref(),
            message: &refusal.message,
            allow: &refusal.allow,
            at: refusal.at.as_ref().map(place),
            keys: refusal.keys.iter().take(50).map(|key| self.parts(key)).collect(),
        });
        let sets = target.sets.iter().map(|set| Set {
            name: &set.name,
            mode: set.mode.as_str(),
            scope: &set.scope,
            at: place(&set.at),
            selected: set.selected,
            counts: set.counts,
            live: set.live,
            names: set.names.iter().map(|name| (words::resolved(name).0, name.id.as_str())).collect(),
            warnings: set.warnings.iter().map(|warning| (warning.message.as_str(), place(&warning.at))).collect(),
        });
        Target {
            name: &target.name,
            provider: target.provider,
            endpoint: &target.endpoint,
            account: target.account.iter().map(|account| format!("{} {}", account.field, account.value)).collect(),
            keys: (0..target.capabilities.key_fields.len()).map(|part| target.capabilities.part_names(part)).collect(),
            holder: target.capabilities.holder,
            archives: target.capabilities.on_remove == OnRemove::Archive,
            names: self.names(),
            unreadable: target.unreadable.as_ref().map(|unreadable| unreadable.message.as_str()),
            temporary: target.unreadable.as_ref().is_some_and(|unreadable| unreadable.temporary),
            refusals: refusals.collect(),
            gaps: target.evidence.iter().filter_map(|evidence| evidence.gap.as_deref()).collect(),
            sets: sets.collect(),
            held: target.held.iter().map(|held| self.held(held)).collect(),
            verification: self.ended.map(|ended| self.verification(&ended.verification)),
        }
    }

    fn held(self, held: &Held) -> String {
        let speaker = Speaker::new(self.ids, self.target);
        let (word, key) = (if held.why.is_stale() { "stale" } else { "held" }, speaker.key(&held.key, None));
        format!("{word}: {} {key} (set {}): {}", speaker.action(held.action), held.set, held.why.text())
    }

    /// The names of all ids that the page shows.
    fn names(self) -> Vec<BTreeMap<&'a str, &'a str>> {
        let mut names: Vec<BTreeMap<&'a str, &'a str>> = Vec::new();
        names.resize_with(self.target.capabilities.key_fields.len(), BTreeMap::new);
        let mut add = |key: &Key| {
            for (part, names) in names.iter_mut().enumerate() {
                if let Some(name) = self.target.names.get(part, key.part(part)) {
                    names.entry(self.ids.text(key.part(part))).or_insert(name);
                }
            }
        };
        for set in self.target.sets.iter().filter(|set| set.selected) {
            for planned in &set.changes {
                add(&planned.change.key);
                planned.change.from_key.iter().for_each(&mut add);
            }
            set.unmanaged.iter().for_each(|row| add(&row.key));
            set.ignored.iter().for_each(|row| add(&row.key));
        }
        self.target.refusals.iter().flat_map(|refusal| &refusal.keys).for_each(add);
        names
    }

    fn verification(self, verification: &Verification) -> String {
        match verification {
            Verification::Untouched => "Nothing was sent.".to_owned(),
            Verification::Clean => "Verified: live state equals the manifests.".to_owned(),
            Verification::NotVerified { why } => format!("Not verified: {why}"),
            Verification::Unreadable { message, .. } => format!("Not verified, it could not be read again: {message}"),
            Verification::Remaining(left) => {
                format!("Verified: {} remaining.", words::counted(words::len(left), "difference"))
            }
        }
    }
}

fn field<'a>(field: &FieldChange<'a>) -> Option<(&'static str, bool, FieldView<'a>, FieldView<'a>)> {
    let json = matches!(field.kind, FieldKind::Json | FieldKind::SecretMap);
    let shown = field.before.is_some() || field.after.is_some();
    shown.then_some((field.name, json, FieldView(field.before), FieldView(field.after)))
}

fn place(at: &Location) -> String {
    format!("{}:{}", at.file, at.line)
}

pub(super) fn plan(plan: &Plan, exit: Exit) -> Page<'_> {
    let verdict = match Verdict::of(plan) {
        Verdict::NoChanges => "No changes",
        Verdict::AuthorityChanges => "Authority changes, nothing to apply",
        Verdict::Changes => "Changes",
        Verdict::Refused => "Refused by a guard",
        Verdict::Unreadable => "Not every target could be read",
    };
    of(plan, None, "plan", verdict, exit)
}

pub(super) fn report<'a>(plan: &'a Plan, report: &'a Report, exit: Exit) -> Page<'a> {
    let totals = report.totals();
    let converged = totals.done + totals.already;
    let verdict = match () {
        () if report.interrupted.is_some() => "Interrupted",
        () if converged == totals.all() => "Applied",
        () if converged == 0 => "Nothing applied",
        () => "Applied in part",
    };
    of(plan, Some(report), "apply", verdict, exit)
}

fn of<'a>(
    plan: &'a Plan,
    report: Option<&'a Report>,
    command: &'static str,
    verdict: &'static str,
    exit: Exit,
) -> Page<'a> {
    let targets = plan.targets.iter().enumerate().map(|(t, target)| {
        let ended = report.and_then(|report| report.targets.iter().find(|ended| ended.name == target.name));
        Of { ids: &plan.ids, t, target, ended }.target()
    });
    Page {
        command,
        version: env!("CARGO_PKG_VERSION"),
        verdict,
        exit: exit.code(),
        planned_at: Some(plan.now.to_string()),
        policy: words::policy(plan),
        base: Base::of(plan),
        counts: plan.counts(),
        drift: None,
        trend: Vec::new(),
        requests: plan.targets.iter().map(|target| target.write_requests).sum(),
        totals: report.map(Report::totals),
        targets: targets.collect(),
        rows: Rows { plan: Some(plan), report, drift: None },
        findings: Vec::new(),
    }
}

/// Points of the trend: more are not told apart on a screen.
const POINTS: usize = 365;

pub(super) fn drift<'a>(found: &'a Drift<'a>, exit: Exit, history: &'a [Moment]) -> Page<'a> {
    let counts = found.counts();
    let verdict = match (found.unreadable(), counts.drift > 0) {
        (true, _) => "Not every target could be read",
        (false, true) => "Drift",
        (false, false) => "No drift",
    };
    let shown = history.iter().skip(history.len().saturating_sub(POINTS));
    let point = |run: &'a Moment| {
        let drift::Counts { drift, changed, missing, extra, .. } = run.counts;
        Point { t: &run.checked_at, n: drift, k: [changed, missing, extra] }
    };
    Page {
        drift: Some(counts),
        trend: shown.map(point).collect(),
        rows: Rows { plan: None, report: None, drift: Some(found) },
        requests: 0,
        ..of(found.plan, None, "drift", verdict, exit)
    }
}

pub(super) fn findings<'a>(diagnostics: &'a Diagnostics, sources: &Sources) -> Page<'a> {
    let found = diagnostics.sorted().into_iter().map(|finding| Found {
        error: finding.severity == Severity::Error,
        code: finding.code,
        message: &finding.message,
        at: finding.primary.as_ref().map(|label| sources.locate(label.span).to_string()),
        help: finding.help.iter().map(String::as_str).collect(),
    });
    let (exit, verdict) = match diagnostics.errors() {
        0 => (Exit::Success, "Valid"),
        _ => (Exit::Error, "Not valid"),
    };
    bare("validate", verdict, exit, None, found.collect())
}

pub(super) fn stopped(stopped: Stopped<'_>) -> Page<'_> {
    let Stopped { command, why, exit } = stopped;
    let found = Found { error: true, code: command.code(), message: why, at: None, help: Vec::new() };
    let totals = (command == Command::Apply).then(Totals::default);
    bare(command.word(), stopped.verdict(), exit, totals, vec![found])
}

/// A page without a plan.
fn bare<'a>(
    command: &'static str,
    verdict: &'static str,
    exit: Exit,
    totals: Option<Totals>,
    findings: Vec<Found<'a>>,
) -> Page<'a> {
    Page {
        command,
        version: env!("CARGO_PKG_VERSION"),
        verdict,
        exit: exit.code(),
        planned_at: None,
        policy: None,
        base: None,
        counts: Counts::default(),
        drift: None,
        trend: Vec::new(),
        requests: 0,
        totals,
        targets: Vec::new(),
        rows: Rows { plan: None, report: None, drift: None },
        findings,
    }
}
