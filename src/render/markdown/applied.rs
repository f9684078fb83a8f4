//! What an apply did, as Markdown: what did not go through first, then who lost and who gained.

use crate::apply::{ChangeReport, NotLookedAt, NotRun, Outcome, Report, TargetReport, Totals, Verification};
use crate::plan::{Plan, PlannedChange, SetPlan, TargetPlan};
use crate::render::Stopped;
use crate::render::report::said;
use crate::render::words::{self, Speaker};

use super::inert::{code, phrase};
use super::page::{Page, Table};
use super::{Options, key};

/// One change that ended, with where it belongs.
type Ended<'a> = (&'a TargetPlan, &'a SetPlan, &'a PlannedChange, &'a Outcome);

/// What an apply did; `plan` is the plan that was applied.
pub fn report(plan: &Plan, report: &Report, options: Options) -> String {
    let mut page = Page::new(&summary(report), options.limit);
    let problem = |ended: &Ended<'_>| !ended.3.is_converged() && !matches!(ended.3, Outcome::Skipped { .. });
    let skipped = |ended: &Ended<'_>| matches!(ended.3, Outcome::Skipped { .. });
    let lost = |ended: &Ended<'_>| ended.3.is_converged() && !ended.2.losses.is_empty();
    let rest = |ended: &Ended<'_>| ended.3.is_converged() && ended.2.losses.is_empty();
    targets(&mut page, plan, report);
    table(&mut page, plan, report, "Did not go through", "problems", &problem);
    held(&mut page, plan, report);
    table(&mut page, plan, report, "Skipped", "skipped changes", &skipped);
    table(&mut page, plan, report, "Lost access", "losses", &lost);
    table(&mut page, plan, report, "Gained access or changed", "grants and updates", &rest);
    page.end("The JSON and HTML reports have everything.")
}

/// A run that ended before there was a plan.
pub fn stopped(stopped: Stopped<'_>) -> String {
    format!("**{}:** {}\n", stopped.verdict(), code(stopped.why))
}

/// Verdict and counts, in one line.
fn summary(report: &Report) -> String {
    let totals = report.totals();
    let Totals { done, already, skipped, blocked, failed, unknown } = totals;
    let counts = [
        (done, "done"),
        (already, "already so"),
        (skipped, "skipped"),
        (blocked, "blocked"),
        (failed, "failed"),
        (unknown, "unknown"),
    ];
    let said =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{} {word}", words::number(*count)));
    let said: Vec<String> = said.collect();
    let said = if said.is_empty() { "no changes".to_owned() } else { said.join(", ") };
    let verdict = match () {
        () if report.interrupted.is_some() => "Interrupted:",
        () if done + already == totals.all() => "Applied:",
        () if done + already == 0 => "Nothing applied:",
        () => "Applied in part:",
    };
    format!("**{verdict}** {said}.")
}

/// What reading each target again says.
fn targets(page: &mut Page, plan: &Plan, report: &Report) {
    let rows = both(plan, report).map(|(target, ended)| {
        let not_run = match ended.not_run {
            None => "",
            Some(NotRun::Refused) => " **not run:** a guard refused its plan.",
            Some(NotRun::Stale) => " **not run:** the approved plan is stale.",
            Some(NotRun::NotApproved) => " **not run:** nobody approved it.",
            Some(NotRun::NotBegun) => " **not run:** what has to be written first could not be.",
            Some(NotRun::Unreadable { .. }) => " **not run:** it could not be read.",
        };
        format!(
            "- {}:{not_run} {}\n",
            code(&target.name),
            verification(Speaker::new(&plan.ids, target), &ended.verification, &ended.not_looked_at)
        )
    });
    let total = words::len(&report.targets);
    page.section("\n", rows, total, "targets", |more| format!("- … and {more} more targets\n"), "");
}

/// What a saved plan holds back; what makes it stale first.
fn held(page: &mut Page, plan: &Plan, report: &Report) {
    let all = || both(plan, report).flat_map(|(target, ended)| ended.held.iter().map(move |held| (target, held)));
    let rows = [true, false].into_iter().flat_map(|stale| {
        all().filter(move |(_, held)| held.why.is_stale() == stale).map(move |(target, held)| {
            let speaker = Speaker::new(&plan.ids, target);
            let from = held.from_key.map(|from| format!("{} → ", code(&speaker.key(&from, None)))).unwrap_or_default();
            Table::row(&[
                if stale { "stale" } else { "held" }.to_owned(),
                format!("{} {from}{}", speaker.action(held.action), code(&speaker.key(&held.key, None))),
                code(held.why.text()),
                code(&format!("{} / {}", target.name, held.set)),
            ])
        })
    });
    let heads = ["", "Assignment", "Why", "Target / set"];
    let table = Table { above: "", title: "Held back by the approved plan", heads: &heads, what: "held changes" };
    page.table(&table, rows, all().count() as u64);
}

fn verification(speaker: Speaker<'_>, verification: &Verification, not_looked_at: &[NotLookedAt]) -> String {
    match verification {
        Verification::Untouched => "nothing was sent".to_owned(),
        Verification::Clean => match words::unseen(not_looked_at) {
            None => "verified: live state equals the manifests".to_owned(),
            Some(rest) => format!("verified: what was read again is as declared; {}", code(&rest)),
        },
        Verification::NotVerified { why } => format!("not verified: {}", code(why)),
        Verification::Unreadable { message, .. } => {
            format!("**not verified**, it could not be read again: {}", code(message))
        }
        Verification::Remaining(left) => {
            let differences = words::counted(words::len(left), "difference");
            let first = left.first().map(|left| code(&speaker.key(&left.key, None))).unwrap_or_default();
            let such = if left.len() == 1 { "" } else { "such as " };
            let rest = words::unseen(not_looked_at).map(|rest| format!("; {}", code(&rest))).unwrap_or_default();
            format!("read again: **{differences} remaining**, {such}{first}{rest}")
        }
    }
}

fn both<'a>(plan: &'a Plan, report: &'a Report) -> impl Iterator<Item = (&'a TargetPlan, &'a TargetReport)> {
    let planned = |name: &str| plan.targets.iter().find(|target| target.name == *name);
    report.targets.iter().filter_map(move |ended| Some((planned(&ended.name)?, ended)))
}

fn ended<'a>(plan: &'a Plan, report: &'a Report) -> impl Iterator<Item = Ended<'a>> {
    let of = |target: &'a TargetPlan, change: &'a ChangeReport| {
        let set = target.sets.get(change.id.set)?;
        Some((target, set, set.changes.get(change.id.index)?, &change.outcome))
    };
    both(plan, report)
        .flat_map(move |(target, ended)| ended.changes.iter().filter_map(move |change| of(target, change)))
}

fn table(
    page: &mut Page,
    plan: &Plan,
    report: &Report,
    title: &str,
    what: &'static str,
    wanted: &dyn Fn(&Ended<'_>) -> bool,
) {
    let total = ended(plan, report).filter(wanted).count();
    let rows = ended(plan, report).filter(wanted).map(|(target, set, planned, outcome)| {
        let speaker = Speaker::new(&plan.ids, target);
        let said = match outcome {
            Outcome::Blocked { by } => target
                .sets
                .get(by.set)
                .and_then(|set| set.changes.get(by.index))
                .map(|by| format!("waits for {} {}", speaker.action(by.action()), speaker.change_key(by))),
            other => said(other),
        };
        Table::row(&[
            outcome.word().to_owned(),
            format!("{} {}", speaker.action(planned.action()), key(speaker, planned)),
            phrase(&speaker.effect(planned).join(", ")),
            said.map(|said| code(&said)).unwrap_or_default(),
            code(&format!("{} / {}", target.name, set.name)),
            code(&words::place(&planned.at)),
        ])
    });
    let heads = ["Outcome", "Assignment", "Effect", "What was said", "Target / set", "Declared"];
    page.table(&Table { above: "", title, heads: &heads, what }, rows, total as u64);
}
