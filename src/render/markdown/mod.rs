//! Plans, apply reports and findings as Markdown: the comment under a pull request. The verdict and the counts stand in the first line;
//! then what is in the way, who loses, who gains, and the rest; details are folded.
//!
//! Whatever came from an API or a manifest stands in code spans or fences, where mentions, references, HTML and tables mean nothing.
//! A page is filled in the order in which it is read, so that a limit cuts details before removals and never the summary.

mod applied;
mod authority;
mod details;
mod drift;
mod findings;
mod inert;
mod page;

pub use applied::{report, stopped};
pub use drift::drift;
pub use findings::findings;

use crate::model::{Action, Mode};
use crate::plan::{Base, Cause, Plan, PlannedChange, SetPlan, TargetPlan, field_changes};

use super::human;
use super::words::{self, Speaker};
use inert::code;
use page::{Page, Table};

/// Room that a comment needs beside the report: the hidden marker that it is found by.
const MARKER: usize = 136;

/// The longest report that fits into a comment of GitHub, which takes 65,536 characters ("body is too long (maximum is 65536
/// characters)", says its API), and the default everywhere. No text has more characters than bytes.
pub const LIMIT: usize = 65_536 - MARKER;

/// The same for GitLab, which takes 1,000,000 characters (docs.gitlab.com, "GitLab application limits").
pub const GITLAB_LIMIT: usize = 1_000_000 - MARKER;

/// The same for Gitea, which sets no limit: its pages get slow long before its database is full.
pub const GITEA_LIMIT: usize = 262_144;

/// Keys that a refusal names before it counts the rest.
const REFUSAL_KEYS: usize = 10;

/// How a page is made.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The most bytes it may have. The summary is written even where it alone is longer.
    pub limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { limit: LIMIT }
    }
}

/// A plan.
pub fn plan(plan: &Plan, options: Options) -> String {
    let mut page = Page::new(&summary(plan), options.limit);
    if let Some(policy) = words::policy(plan) {
        page.push(&format!("\n{}\n", code(&policy)));
    }
    if let (Some(base), Some(causes)) = (&plan.base, words::causes(plan)) {
        page.push(&format!("\n**Compared with** {}: {causes}.\n", code(&base.name)));
    }
    let reserved = losses(plan, page.room());
    page.reserve(reserved);
    authority::write(&mut page, plan);
    page.release();
    problems(&mut page, plan);
    // What the pull request does leads, and drift is kept apart: a reviewer approves the right thing.
    for cause in Cause::ALL.into_iter().map(Some).chain([None]) {
        let heading = match cause {
            _ if plan.base.is_none() => "",
            Some(cause) => words::by(cause),
            None => "Not compared",
        };
        tables(&mut page, plan, heading, cause);
    }
    warnings(&mut page, plan);
    folded(&mut page, plan);
    page.end("The JSON and HTML reports have everything.")
}

/// The changes of one cause: who loses, who gains, and the rest. The heading stands above the first of them.
fn tables(page: &mut Page, plan: &Plan, heading: &str, cause: Option<Cause>) {
    let of = move |planned: &PlannedChange| planned.cause == cause;
    let loses = |planned: &PlannedChange| !planned.losses.is_empty();
    let gains = move |planned: &PlannedChange| of(planned) && !loses(planned) && !planned.grants.is_empty();
    let neither = move |planned: &PlannedChange| of(planned) && !loses(planned) && planned.grants.is_empty();
    // A removal takes everything away, any other loss only a part: removals stand first.
    let removal = move |planned: &PlannedChange| of(planned) && planned.action() == Action::Remove;
    let partial = move |planned: &PlannedChange| of(planned) && loses(planned) && planned.action() != Action::Remove;
    let mut above = heading;
    let mut add = |title: &str, what: &'static str, filters: &[&dyn Fn(&PlannedChange) -> bool]| {
        if table(page, plan, above, title, what, filters) {
            above = "";
        }
    };
    add("Loses access", "losses", &[&removal, &partial]);
    add("Gains access", "grants", &[&gains]);
    add("Other changes", "other changes", &[&neither]);
}

/// The room that the problems and the tables of losses take: what stands above them may not take it.
fn losses(plan: &Plan, room: usize) -> usize {
    let mut page = Page::new("", room);
    let empty = page.room();
    problems(&mut page, plan);
    let loses = |planned: &PlannedChange| !planned.losses.is_empty();
    for cause in Cause::ALL.into_iter().map(Some).chain([None]) {
        let of = move |planned: &PlannedChange| planned.cause == cause && loses(planned);
        table(&mut page, plan, cause.map_or("Not compared", words::by), "Loses access", "losses", &[&of]);
    }
    empty.saturating_sub(page.room())
}

/// Verdict and counts, in one line.
fn summary(plan: &Plan) -> String {
    let counts = plan.counts();
    let rest = words::rest(&counts);
    let changes = human::changes_text(plan);
    let requests: u64 = plan.targets.iter().map(|target| target.write_requests).sum();
    let requests = words::counted(requests, "request");
    let unreadable = plan.targets.iter().any(|target| target.unreadable.is_some());
    let gaps = plan.targets.iter().flat_map(|target| &target.evidence).any(|evidence| evidence.gap.is_some());
    let declared = plan.targets.iter().flat_map(|target| &target.sets).any(|set| set.selected);
    match () {
        () if plan.refused() => format!("**Refused by a guard:** {changes}; {rest}."),
        () if unreadable => format!("**Not every target could be read:** {changes}; {rest}."),
        () if counts.changes() > 0 => format!("**Plan:** {changes}; {rest}. {requests} to apply."),
        () if !declared => "**Nothing to plan:** no set is declared or selected.".to_owned(),
        () if counts.observed > 0 => format!("**No changes to apply.** Sets that only observe differ: {rest}."),
        () if gaps => format!("**No changes planned.** Not every listing is proven complete: {rest}."),
        () if plan.base.as_ref().is_some_and(Base::is_unusable) => {
            format!("**No changes planned.** The base was not used, or not for all targets: {rest}.")
        }
        () if plan.base.as_ref().is_some_and(Base::changes_authority) => {
            format!("**Nothing to apply. Authority changes:** see below. Live state equals the manifests: {rest}.")
        }
        () => format!("**No changes.** Live state equals the manifests: {rest}."),
    }
}

/// What keeps the plan, or a part of it, from being applied.
fn problems(page: &mut Page, plan: &Plan) {
    let mut rows = Vec::new();
    for target in &plan.targets {
        let speaker = Speaker::new(&plan.ids, target);
        let name = code(&target.name);
        if let Some(unreadable) = &target.unreadable {
            let advice = if unreadable.temporary { " (temporary: try again later)" } else { "" };
            rows.push(format!("- {name} **could not be read**{advice}: {}\n", code(&unreadable.message)));
        }
        for refusal in &target.refusals {
            let set = refusal.set.as_ref().map(|set| format!(", set {}", code(set))).unwrap_or_default();
            let at = refusal.at.as_ref().map(|at| format!(" ({})", code(&words::place(at)))).unwrap_or_default();
            let (message, allow) = (code(&refusal.message), code(&refusal.allow));
            let keys = refusal.keys.iter().take(REFUSAL_KEYS).map(|key| code(&speaker.key(key, None)));
            let mut keys: Vec<String> = keys.collect();
            let more = refusal.keys.len().saturating_sub(REFUSAL_KEYS);
            if more > 0 {
                keys.push(format!("and {more} more"));
            }
            let keys = if keys.is_empty() { String::new() } else { format!("\n  Concerns {}", keys.join(", ")) };
            rows.push(format!(
                "- {name}{set}: **refused**, nothing of {name} will be applied: {message}{at}\n  To allow it: {allow}{keys}\n"
            ));
        }
        for gap in target.evidence.iter().filter_map(|evidence| evidence.gap.as_ref()) {
            rows.push(format!(
                "- {name}: the listing is **not proven complete**, nothing is removed there: {}\n",
                code(gap)
            ));
        }
    }
    let total = words::len(&rows);
    page.section("\n", rows.into_iter(), total, "problems", |more| format!("- … and {more} more\n"), "");
}

/// One table over all targets: the changes that each of the filters takes, in that order. Says whether anything was written.
fn table(
    page: &mut Page,
    plan: &Plan,
    above: &str,
    title: &str,
    what: &'static str,
    filters: &[&dyn Fn(&PlannedChange) -> bool],
) -> bool {
    let room = page.room();
    let total: usize = filters.iter().map(|wanted| plan.changes().filter(|planned| wanted(planned)).count()).sum();
    let rows = filters.iter().flat_map(|wanted| {
        changes(plan).filter(|(_, _, planned)| wanted(planned)).map(|(target, set, planned)| {
            let speaker = Speaker::new(&plan.ids, target);
            Table::row(&[
                speaker.action(planned.action()).to_owned(),
                key(speaker, planned),
                effect(speaker, planned),
                code(&format!("{} / {}", target.name, set.name)),
                code(&words::place(&planned.at)),
            ])
        })
    });
    let table = Table { above, title, heads: &["", "Assignment", "Effect", "Target / set", "Declared"], what };
    page.table(&table, rows, total as u64);
    page.room() < room
}

/// Who gains and who loses what; where nobody does, what changes.
fn effect(speaker: Speaker<'_>, planned: &PlannedChange) -> String {
    let effect = speaker.effect(planned);
    let secrets = words::sent_secrets(planned, speaker);
    let secrets = if secrets.is_empty() { String::new() } else { format!(", sends {}", code(&secrets.join(", "))) };
    if effect.is_empty() {
        let fields = field_changes(&planned.change, speaker.capabilities);
        let fields: Vec<&str> = fields.iter().map(|field| field.name).collect();
        return format!("changes {}{secrets}", code(&fields.join(", ")));
    }
    inert::phrase(&effect.join(", ")) + &secrets
}

/// The changes of an apply, with where they belong.
fn changes(plan: &Plan) -> impl Iterator<Item = (&TargetPlan, &SetPlan, &PlannedChange)> {
    let sets = plan.targets.iter().flat_map(|target| target.sets.iter().map(move |set| (target, set)));
    let applied = sets.filter(|(_, set)| set.applies());
    applied.flat_map(|(target, set)| set.changes.iter().map(move |planned| (target, set, planned)))
}

/// A key with names beside ids, part by part; a replaced part shows both its values.
fn key(speaker: Speaker<'_>, planned: &PlannedChange) -> String {
    let replaced = speaker.replaced(planned);
    let part = |part: usize| match replaced {
        Some((at, before, after)) if at == part => {
            format!("{} → {}", code(&speaker.part(part, before)), code(&speaker.part(part, after)))
        }
        _ => code(&speaker.part(part, planned.change.key.part(part))),
    };
    (0..speaker.capabilities.key_fields.len()).map(part).collect::<Vec<_>>().join(" / ")
}

fn warnings(page: &mut Page, plan: &Plan) {
    let sets = || plan.targets.iter().flat_map(|target| &target.sets).filter(|set| set.selected);
    let rows = sets()
        .flat_map(|set| &set.warnings)
        .map(|warning| format!("- **warning** {} ({})\n", code(&warning.message), code(&words::place(&warning.at))));
    let total: usize = sets().map(|set| set.warnings.len()).sum();
    page.section("\n", rows, total as u64, "warnings", |more| format!("- … and {more} more warnings\n"), "");
}

/// Which id each name is, by set.
fn names(page: &mut Page, plan: &Plan) {
    for target in &plan.targets {
        for set in target.sets.iter().filter(|set| set.selected) {
            let title = inert::html_code(&format!("{} / {}", target.name, set.name));
            let rows = set.names.iter().map(|name| {
                let (name, id) = words::resolved(name);
                format!("- {} is {}\n", code(&name), code(&id))
            });
            let count = words::len(&set.names);
            page.folded(&format!("Names in {title} ({count})"), rows, count, "names");
        }
    }
}

/// What is only read on demand: what is left alone, what is merely observed, and every field of every change.
fn folded(page: &mut Page, plan: &Plan) {
    names(page, plan);
    for target in &plan.targets {
        let speaker = Speaker::new(&plan.ids, target);
        for set in target.sets.iter().filter(|set| set.selected) {
            let title = format!("{} / {}", target.name, set.name);
            let rows = set
                .unmanaged
                .iter()
                .map(|row| format!("- {}: {}\n", code(&speaker.key(&row.key, None)), row.why.text()));
            let count = words::len(&set.unmanaged);
            page.folded(&format!("Unmanaged in {} ({count})", inert::html_code(&title)), rows, count, "unmanaged rows");
        }
    }
    for (observed, word) in [(false, "Details of"), (true, "Observed only, never applied, in")] {
        for target in &plan.targets {
            let speaker = Speaker::new(&plan.ids, target);
            let sets = target.sets.iter().filter(|set| set.selected && (set.mode == Mode::Observe) == observed);
            for set in sets.filter(|set| !set.changes.is_empty()) {
                let title = inert::html_code(&format!("{} / {}", target.name, set.name));
                let count = words::counted(words::len(&set.changes), "change");
                details::write(page, &format!("{word} {title} ({count})"), speaker, set);
            }
        }
    }
}
