//! What an apply did, for people: everything that did not go through in full, the rest counted, what the re-read says, and the next
//! command to type.

use std::io::{self, Write};

use crate::apply::{
    ChangeReport, Leftover, NotLookedAt, NotRun, Outcome, Remaining, Report, TargetReport, Totals, Verification,
};
use crate::model::Ids;
use crate::plan::{Plan, PlannedChange, TargetPlan};

use super::style::FOLD;
use super::words::{self, Speaker};
use super::{Options, Style, clean, held};

/// The column of messages: under the key.
const INDENT: &str = "                      ";

/// One target's part of the output.
struct Page<'a> {
    out: &'a mut dyn Write,
    style: Style,
    full: bool,
    speaker: Speaker<'a>,
    plan: &'a TargetPlan,
}

/// Writes a report as text. `plan` is the plan that was applied.
///
/// # Errors
/// Those of the writer.
pub fn report(out: &mut dyn Write, plan: &Plan, report: &Report, options: &Options<'_>) -> io::Result<()> {
    for ended in &report.targets {
        // A report names the targets of its plan; one of another plan has nothing to show here.
        if let Some(planned) = plan.targets.iter().find(|target| target.name == ended.name) {
            target(out, &plan.ids, planned, ended, options)?;
        }
    }
    table(out, report, options.style)?;
    verdict(out, report, options)
}

fn target(
    out: &mut dyn Write,
    ids: &Ids,
    plan: &TargetPlan,
    ended: &TargetReport,
    options: &Options<'_>,
) -> io::Result<()> {
    let speaker = Speaker::new(ids, plan);
    let mut page = Page { out, style: options.style, full: options.full, speaker, plan };
    let (heading, dim, error) = (page.style.heading, page.style.dim, page.style.error);
    let name = words::value(&plan.name);
    writeln!(page.out, "{heading}Target {name}{heading:#} {dim}({}){dim:#}", plan.provider)?;
    if let Some(why) = ended.not_run {
        let skipped = words::counted(words::len(&ended.changes), "change");
        writeln!(page.out, "  {error}Not run:{error:#} {}; {skipped} skipped.", not_run(why))?;
    }
    outcomes(&mut page, ended)?;
    held::write(page.out, page.style, page.speaker, &ended.held, page.full)?;
    verification(&mut page, &ended.verification, &ended.not_looked_at)?;
    if let Some(note) = plan.capabilities.after_apply.filter(|_| ended.totals().done > 0) {
        writeln!(page.out, "  {dim}Note: {note}.{dim:#}")?;
    }
    writeln!(page.out)
}

fn not_run(why: NotRun) -> &'static str {
    match why {
        NotRun::Refused => "a guard refused its plan",
        NotRun::Stale => "the approved plan is stale",
        NotRun::NotApproved => "nobody approved it",
        NotRun::NotBegun => "what has to be written before the first change could not be",
        NotRun::Unreadable { temporary: false } => "it could not be read",
        NotRun::Unreadable { temporary: true } => "it could not be read (temporary: try again later)",
    }
}

/// What went wrong in full; what was left out, was so already, or comes with a note, as far as a person can read; the rest is counted.
fn outcomes(page: &mut Page<'_>, ended: &TargetReport) -> io::Result<()> {
    let mut folded = Totals::default();
    let mut shown = Totals::default();
    let mut done_quietly = 0;
    for change in &ended.changes {
        let room = |so_far: u64| page.full || so_far < FOLD as u64;
        let show = match &change.outcome {
            Outcome::Failed { .. } | Outcome::Blocked { .. } | Outcome::Unknown { .. } => true,
            Outcome::Skipped { .. } => ended.not_run.is_none() && room(shown.skipped),
            Outcome::Already { .. } => room(shown.already),
            Outcome::Done { note: Some(_) } => room(shown.done),
            Outcome::Done { note: None } => {
                done_quietly += 1;
                continue;
            }
        };
        if show {
            shown.count(&change.outcome);
            outcome(page, change)?;
        } else {
            folded.count(&change.outcome);
        }
    }
    let more = |count: u64, with: &str| (count > 0).then(|| format!("{} more {with}", words::number(count)));
    let skipped = if ended.not_run.is_some() { None } else { more(folded.skipped, "skipped") };
    let lines = [more(folded.done, "done with a note"), more(folded.already, "already so"), skipped];
    for line in lines.into_iter().flatten() {
        writeln!(page.out, "  … {line} (--full shows them)")?;
    }
    if done_quietly > 0 {
        let good = page.style.create;
        let changes = words::counted(done_quietly, "change");
        writeln!(page.out, "  {good}done{good:#}     {changes}")?;
    }
    Ok(())
}

fn outcome(page: &mut Page<'_>, ended: &ChangeReport) -> io::Result<()> {
    let Some(planned) = page.planned(ended.id) else { return Ok(()) };
    let style = outcome_style(page.style, &ended.outcome);
    let word = ended.outcome.word();
    writeln!(page.out, "  {style}{word:<7}{style:#}  {}", change_line(page.speaker, planned))?;
    if let Outcome::Blocked { by } = &ended.outcome {
        if let Some(by) = page.planned(*by) {
            writeln!(page.out, "{INDENT}waits for {}, which did not come", change_line(page.speaker, by).trim_end())?;
        }
    } else if let Some(said) = said(&ended.outcome) {
        writeln!(page.out, "{INDENT}{said}")?;
    }
    let dim = page.style.dim;
    writeln!(page.out, "{INDENT}{dim}{}{dim:#}", words::place(&planned.at))
}

impl<'a> Page<'a> {
    fn planned(&self, id: crate::apply::ChangeId) -> Option<&'a PlannedChange> {
        self.plan.sets.get(id.set)?.changes.get(id.index)
    }
}

/// `- remove   idn_anna (Anna Berg) / node_emea / role_support`.
pub(super) fn change_line(speaker: Speaker<'_>, planned: &PlannedChange) -> String {
    let (sign, word) = (words::sign(planned.action()), speaker.action(planned.action()));
    format!("{sign} {word:<8}  {}", speaker.change_key(planned))
}

/// What there is to say about an outcome, in one line.
pub(super) fn said(outcome: &Outcome) -> Option<String> {
    let text = match outcome {
        Outcome::Done { note } | Outcome::Already { note } => {
            return note.as_deref().map(|n| clean::terminal(n).into_owned());
        }
        Outcome::Skipped { why } | Outcome::Unknown { why } => why.clone(),
        Outcome::Blocked { .. } => return None,
        Outcome::Failed { message, code, status, temporary } => {
            let status = status.map(|status| format!("HTTP {status}"));
            let about: Vec<String> = [status, code.clone()].into_iter().flatten().collect();
            let about = if about.is_empty() { String::new() } else { format!("{}: ", about.join(" ")) };
            // Most messages about what is temporary end with this advice already.
            let advised = !*temporary || message.contains("try again");
            let advice = if advised { "" } else { " (temporary: try again later)" };
            format!("{about}{message}{advice}")
        }
    };
    Some(clean::terminal(&text).into_owned())
}

/// The colour of an outcome's word.
pub(super) fn outcome_style(style: Style, outcome: &Outcome) -> anstyle::Style {
    match outcome {
        Outcome::Done { .. } | Outcome::Already { .. } => style.create,
        Outcome::Skipped { .. } => style.warning,
        Outcome::Blocked { .. } | Outcome::Failed { .. } | Outcome::Unknown { .. } => style.error,
    }
}

fn verification(page: &mut Page<'_>, verification: &Verification, not_looked_at: &[NotLookedAt]) -> io::Result<()> {
    let Style { good, warning, error, .. } = page.style;
    match verification {
        Verification::Untouched => writeln!(page.out, "  Nothing was sent."),
        Verification::Clean => writeln!(page.out, "  {good}Verified:{good:#} {}.", words::verified(not_looked_at)),
        Verification::NotVerified { why } => {
            writeln!(page.out, "  {warning}Not verified:{warning:#} {}", clean::terminal(why))
        }
        Verification::Unreadable { message, temporary } => {
            let advice = if *temporary { " (temporary: try again later)" } else { "" };
            let message = clean::terminal(message);
            writeln!(page.out, "  {error}Not verified:{error:#} the target could not be read again{advice}: {message}")
        }
        Verification::Remaining(remaining) => {
            let differences = words::counted(words::len(remaining), "difference");
            let rest = words::unseen(not_looked_at).map(|rest| format!("; {rest}")).unwrap_or_default();
            writeln!(page.out, "  {warning}Read again:{warning:#} {differences} remaining{rest}:")?;
            left_over(page, remaining)
        }
    }
}

fn left_over(page: &mut Page<'_>, remaining: &[Remaining]) -> io::Result<()> {
    let dim = page.style.dim;
    let shown = if page.full { remaining.len() } else { FOLD };
    for left in remaining.iter().take(shown) {
        let (sign, word) = (words::sign(left.action), page.speaker.action(left.action));
        let key = page.speaker.key(&left.key, None);
        let place = words::place(&left.at);
        writeln!(page.out, "    {sign} {word:<8}  {key}  {dim}{} ({place}){dim:#}", leftover(left.why))?;
    }
    if remaining.len() > shown {
        let more = words::number(u64::try_from(remaining.len() - shown).unwrap_or(u64::MAX));
        writeln!(page.out, "    … {more} more (--full shows them)")?;
    }
    Ok(())
}

fn leftover(why: Leftover) -> &'static str {
    match why {
        Leftover::NotApplied => "planned, not applied",
        Leftover::NotVisibleYet => "confirmed by the API, not visible yet",
        Leftover::New => "not in the plan: changed meanwhile",
    }
}

/// The heads of the columns, in the order of [`columns`].
const HEADS: [&str; 6] = ["done", "already", "skipped", "blocked", "failed", "unknown"];

fn columns(totals: &Totals) -> [u64; 6] {
    [totals.done, totals.already, totals.skipped, totals.blocked, totals.failed, totals.unknown]
}

/// Counts by target and outcome; outcomes that did not occur have no column. One target needs no table.
fn table(out: &mut dyn Write, report: &Report, style: Style) -> io::Result<()> {
    if report.targets.len() < 2 {
        return Ok(());
    }
    let all = columns(&report.totals());
    let used: Vec<usize> = (0..all.len()).filter(|column| all[*column] > 0 || *column == 0).collect();
    let names: Vec<_> = report.targets.iter().map(|target| words::value(&target.name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("Target".len());
    let dim = style.dim;
    let heads: String = used.iter().map(|column| format!("{:>9}", HEADS[*column])).collect();
    writeln!(out, "{dim}{:<width$}{heads}{dim:#}", "Target")?;
    for (name, target) in names.iter().zip(&report.targets) {
        let counts = columns(&target.totals());
        let cells: String = used.iter().map(|column| format!("{:>9}", words::number(counts[*column]))).collect();
        writeln!(out, "{name:<width$}{cells}")?;
    }
    writeln!(out)
}

fn verdict(out: &mut dyn Write, report: &Report, options: &Options<'_>) -> io::Result<()> {
    let Style { good, error, warning, .. } = options.style;
    let totals = report.totals();
    let counts = columns(&totals);
    let parts: Vec<String> = (0..counts.len())
        .filter(|column| counts[*column] > 0)
        .map(|column| format!("{} {}", words::number(counts[column]), HEADS[column]))
        .collect();
    let parts = if parts.is_empty() { "no changes".to_owned() } else { parts.join(", ") };
    let converged = totals.done + totals.already;
    let (style, verdict) = match () {
        () if report.interrupted.is_some() => (warning, "Interrupted:"),
        () if converged == totals.all() => (good, "Applied:"),
        () if converged == 0 => (error, "Nothing applied:"),
        () => (error, "Applied in part:"),
    };
    writeln!(out, "{style}{verdict}{style:#} {parts}.")?;
    match options.next {
        Some(next) => writeln!(out, "Next: {next}"),
        None => Ok(()),
    }
}
