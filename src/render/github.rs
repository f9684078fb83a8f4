//! What GitHub Actions shows beside a run: annotations at the manifests' lines, and outputs for later steps. Presentation only.
//!
//! Everything untrusted is escaped as the runner unescapes it, so that no text can become a command of its own
//! (docs.github.com: "Workflow commands for GitHub Actions").

use std::fmt::Write as _;

use crate::apply::{Exit, Outcome, Report};
use crate::diag::{Diagnostics, Location, Severity, Sources};
use crate::model::Action;
use crate::plan::authority::Effect;
use crate::plan::drift::Drift;
use crate::plan::{BaseGapKind, Plan, PlannedChange, SetPlan, TargetPlan};

use super::drift::{notes as drift_notes, place as drift_place};
use super::json::Verdict;
use super::report::said;
use super::words::{self, Speaker};
use super::{Stopped, clean};

/// Annotations of one kind that GitHub keeps of a step; it drops the rest without a word.
pub const ANNOTATIONS: usize = 10;
/// The most bytes of job summary that GitHub takes from a step; it drops a longer one whole.
pub const SUMMARY_LIMIT: usize = 1024 * 1024;

/// How an annotation looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
}

/// The annotations of a run, no more of a kind than GitHub keeps.
struct Annotations<'a> {
    text: String,
    /// Where the manifests' root lies in the repository: empty, or with a slash at its end.
    base: &'a str,
    errors: usize,
    warnings: usize,
}

impl<'a> Annotations<'a> {
    fn new(base: &'a str) -> Self {
        Self { text: String::new(), base, errors: 0, warnings: 0 }
    }

    fn add(&mut self, level: Level, at: Option<&Location>, title: &str, message: &str) {
        let (word, count) = match level {
            Level::Error => ("error", &mut self.errors),
            Level::Warning => ("warning", &mut self.warnings),
        };
        if *count == ANNOTATIONS {
            return;
        }
        *count += 1;
        let place = at.map(|at| {
            let file = property(&format!("{}{}", self.base, at.file));
            format!("file={file},line={},col={},", at.line, at.column)
        });
        let (place, title) = (place.unwrap_or_default(), property(title));
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "::{word} {place}title={title}::{}", data(message));
    }

    fn full(&self) -> bool {
        self.errors == ANNOTATIONS && self.warnings == ANNOTATIONS
    }
}

/// The message of a command. Line breaks are the runner's own escapes.
fn data(text: &str) -> String {
    text.lines().map(|line| clean::terminal(line).replace('%', "%25")).collect::<Vec<_>>().join("%0A")
}

/// A property of a command, which ends at a comma or a colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The annotations of a plan: refusals and unreadable targets as errors; then, as warnings, removals before other losses before what
/// authors should know. `base` is the way from the repository to the manifests' root, empty or ending in a slash.
pub fn plan(plan: &Plan, base: &str) -> String {
    let mut annotations = Annotations::new(base);
    for (kind, problem) in plan.base.iter().flat_map(words::base_problems) {
        let (level, title) = match kind {
            BaseGapKind::NotUsed => (Level::Error, "The base was not used"),
            BaseGapKind::Unread => (Level::Warning, "Live state of the base was not read"),
        };
        annotations.add(level, None, title, &problem);
    }
    for target in &plan.targets {
        if let Some(unreadable) = &target.unreadable {
            annotations.add(Level::Error, None, &format!("{} could not be read", target.name), &unreadable.message);
        }
        for refusal in &target.refusals {
            let message = format!("{}. To allow it: {}", refusal.message, refusal.allow);
            let title = format!("Refused by a guard ({})", refusal.guard.code());
            annotations.add(Level::Error, refusal.at.as_ref(), &title, &message);
        }
    }
    let removal = |planned: &PlannedChange| planned.action() == Action::Remove;
    for first in [true, false] {
        for (target, set, planned) in changes(plan).filter(|(.., p)| !p.losses.is_empty() && removal(p) == first) {
            if annotations.full() {
                break;
            }
            let speaker = Speaker::new(&plan.ids, target);
            let losses: Vec<String> = planned.losses.iter().map(|loss| speaker.loss(planned, *loss)).collect();
            let title = format!("{} in {}", speaker.action(planned.action()), set.name);
            let message = format!("{}: {} ({})", speaker.change_key(planned), losses.join(", "), planned.reason.text());
            annotations.add(Level::Warning, Some(&planned.at), &title, &message);
        }
    }
    authority(&mut annotations, plan);
    for warning in plan.targets.iter().flat_map(|t| &t.sets).filter(|set| set.selected).flat_map(|set| &set.warnings) {
        annotations.add(Level::Warning, Some(&warning.at), &warning.code, &warning.message);
    }
    annotations.text
}

/// What a pull request changes about authority, with what leaves management.
fn authority(annotations: &mut Annotations<'_>, plan: &Plan) {
    let Some(base) = &plan.base else { return };
    for change in base.authority.iter().filter(|change| change.effect != Effect::Neutral) {
        let message = format!("{}: {}", words::subject(change), words::authority(change));
        annotations.add(Level::Warning, change.at.as_ref(), &format!("Authority {}", change.effect.word()), &message);
    }
    for left in &base.leaving {
        let message = format!("{} of set {} on {}", words::leaving(left), left.set, left.target);
        let at = left.rows.iter().find_map(|row| row.at.as_ref());
        annotations.add(Level::Warning, at, "Leaves management", &message);
    }
}

fn changes(plan: &Plan) -> impl Iterator<Item = (&TargetPlan, &SetPlan, &PlannedChange)> {
    let sets = plan.targets.iter().flat_map(|target| target.sets.iter().map(move |set| (target, set)));
    sets.filter(|(_, set)| set.applies()).flat_map(|(target, set)| set.changes.iter().map(move |p| (target, set, p)))
}

/// The annotations of an apply: what failed or is unknown as errors, what was therefore not sent as warnings.
pub fn report(plan: &Plan, report: &Report, base: &str) -> String {
    let mut annotations = Annotations::new(base);
    for ended in &report.targets {
        let Some(target) = plan.targets.iter().find(|target| target.name == ended.name) else { continue };
        let speaker = Speaker::new(&plan.ids, target);
        for held in ended.held.iter().filter(|held| held.why.is_stale()) {
            let message = format!("{}: {}", speaker.key(&held.key, None), held.why.text());
            annotations.add(Level::Error, None, "The approved plan is stale", &message);
        }
        for change in &ended.changes {
            let level = match &change.outcome {
                Outcome::Failed { .. } | Outcome::Unknown { .. } => Level::Error,
                Outcome::Blocked { .. } => Level::Warning,
                _ => continue,
            };
            let planned = target.sets.get(change.id.set).and_then(|set| set.changes.get(change.id.index));
            let Some(planned) = planned else { continue };
            let title = format!("{} {}", speaker.action(planned.action()), change.outcome.word());
            let said = said(&change.outcome).unwrap_or_else(|| "waits for a grant that did not come".to_owned());
            annotations.add(level, Some(&planned.at), &title, &format!("{}: {said}", speaker.change_key(planned)));
        }
    }
    annotations.text
}

/// The annotations of drift: what could not be read as errors; then, as warnings, what counts as drift.
pub fn drift(drift: &Drift<'_>, base: &str) -> String {
    let mut annotations = Annotations::new(base);
    for found in &drift.targets {
        if let Some(unreadable) = &found.target.unreadable {
            let title = format!("{} could not be read", found.target.name);
            annotations.add(Level::Error, None, &title, &unreadable.message);
        }
        let speaker = Speaker::new(&drift.plan.ids, found.target);
        for (set, finding) in found.sets.iter().flat_map(|set| set.findings.iter().map(move |f| (set, f))) {
            if finding.is_drift && !annotations.full() {
                let title = format!("{} in {}", finding.kind.word(), set.set.name);
                let key = finding.planned.map_or_else(|| speaker.key(&finding.key, None), |p| speaker.change_key(p));
                let said = std::iter::once(key).chain(drift_notes(finding)).collect::<Vec<_>>().join(", ");
                let at = drift_place(finding).unwrap_or(&set.set.at);
                annotations.add(Level::Warning, Some(at), &title, &said);
            }
        }
    }
    annotations.text
}

/// The outputs of a step that looked for drift: `drift` (how many assignments), `exit-code`.
pub fn drift_outputs(drift: &Drift<'_>, exit: Exit) -> String {
    format!("drift={}\nexit-code={}\n", drift.counts().drift, exit.code())
}

/// The annotation of a run that ended before there was a plan.
pub fn stopped(stopped: Stopped<'_>) -> String {
    let mut annotations = Annotations::new("");
    annotations.add(Level::Error, None, stopped.sentence(), stopped.why);
    annotations.text
}

/// The annotations of findings in manifests.
pub fn findings(diagnostics: &Diagnostics, sources: &Sources, base: &str) -> String {
    let mut annotations = Annotations::new(base);
    for finding in diagnostics.sorted() {
        let level = if finding.severity == Severity::Error { Level::Error } else { Level::Warning };
        let at = finding.primary.as_ref().map(|label| sources.locate(label.span));
        let help: String = finding.help.iter().map(|help| format!("\nhelp: {help}")).collect();
        annotations.add(level, at.as_ref(), finding.code, &format!("{}{help}", finding.message));
    }
    annotations.text
}

/// The outputs of a step: `changes`, `create`, `update`, `remove`, `verdict`, `exit-code`; compared with a base also `base` (`used`,
/// `in_part` or `not_used`) and, where it was used, `authority` and `leaving`. Numbers and words only, so no value needs a delimiter.
pub fn outputs(plan: &Plan, exit: Exit) -> String {
    let counts = plan.counts();
    let base = match &plan.base {
        None => String::new(),
        Some(base) if base.not_used.is_some() => "base=not_used\n".to_owned(),
        Some(base) => {
            let used = if base.gaps.is_empty() { "used" } else { "in_part" };
            format!("base={used}\nauthority={}\nleaving={}\n", base.authority.len(), base.leaving())
        }
    };
    format!(
        "changes={}\ncreate={}\nupdate={}\nremove={}\nverdict={}\nexit-code={}\n{base}",
        counts.changes(),
        counts.create,
        counts.update,
        counts.remove,
        Verdict::of(plan).word(),
        exit.code()
    )
}
