//! A plan for people: the reviewer who must see in ten seconds who gains and who loses what, and the engineer who needs names
//! beside ids, places and the next command. Grouped by target and set; the verdict stands at the end, where a terminal shows it.

mod authority;
pub(super) mod fields;
mod set;

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::model::{Action, Ids, OnRemove};
use crate::plan::saved::Held;
use crate::plan::{Base, Cause, Plan, Refusal, SetPlan, TargetPlan, batches};

use super::words::{self, Speaker};
use super::{Options, Style, clean, held};

/// Changes that a refusal lists before it counts the rest.
const REFUSAL_KEYS: usize = 5;

/// One target's part of the output.
struct Page<'a> {
    out: &'a mut dyn Write,
    style: Style,
    full: bool,
    speaker: Speaker<'a>,
}

/// Writes a plan as text, change by change: a plan of any length takes no memory here. Give it a buffered writer.
///
/// # Errors
/// Those of the writer.
pub fn plan(out: &mut dyn Write, plan: &Plan, options: &Options<'_>) -> io::Result<()> {
    authority::write(out, plan, options)?;
    let mut targets: Vec<&TargetPlan> = plan.targets.iter().collect();
    targets.sort_by_key(|target| !target.sets.iter().any(is_changed_here)); // stable: by name otherwise
    for planned in targets {
        if !planned.sets.is_empty() || planned.unreadable.is_some() {
            target(out, &plan.ids, planned, options)?;
        }
    }
    summary(out, plan, options)
}

/// Whether a pull request changes something in a set. Such sets come first, so that drift does not stand before it.
fn is_changed_here(set: &SetPlan) -> bool {
    set.changes.iter().any(|planned| matches!(planned.cause, Some(Cause::PullRequest | Cause::Both)))
}

fn target(out: &mut dyn Write, ids: &Ids, target: &TargetPlan, options: &Options<'_>) -> io::Result<()> {
    let selected = target.sets.iter().any(|set| set.selected);
    if !selected && target.unreadable.is_none() && target.refusals.is_empty() && target.held.is_empty() {
        return Ok(());
    }
    let mut page = Page { out, style: options.style, full: options.full, speaker: Speaker::new(ids, target) };
    target_header(&mut page, target)?;
    let mut sets: Vec<&SetPlan> = target.sets.iter().filter(|set| set.selected && !set::is_quiet(set)).collect();
    sets.sort_by_key(|set| !is_changed_here(set));
    for set in sets {
        set::write(&mut page, set)?;
    }
    evidence_gaps(&mut page, target)?;
    held::write(page.out, page.style, page.speaker, &target.held, page.full)?;
    for refusal in &target.refusals {
        refused(&mut page, target, refusal)?;
    }
    requests(&mut page, target)?;
    writeln!(page.out)
}

fn target_header(page: &mut Page<'_>, target: &TargetPlan) -> io::Result<()> {
    let (heading, dim, error) = (page.style.heading, page.style.dim, page.style.error);
    let name = words::value(&target.name);
    let account = target.account.iter().map(|a| format!("{} {}", a.field, words::value(&a.value)));
    let about: Vec<String> = [target.provider.to_owned(), clean::terminal(&target.endpoint).into_owned()]
        .into_iter()
        .filter(|text| !text.is_empty())
        .chain(account)
        .collect();
    writeln!(page.out, "{heading}Target {name}{heading:#} {dim}({}){dim:#}", about.join(", "))?;
    if let Some(unreadable) = &target.unreadable {
        let advice = if unreadable.temporary { " (temporary: try again later)" } else { "" };
        let message = clean::terminal(&unreadable.message);
        writeln!(page.out, "  {error}UNREADABLE{error:#}{advice}: {message}")?;
        writeln!(page.out, "    Nothing is planned for this target.")?;
        return Ok(());
    }
    let selected: Vec<_> = target.sets.iter().filter(|set| set.selected).collect();
    let quiet: Vec<_> = selected.iter().filter(|set| set::is_quiet(set)).collect();
    if quiet.is_empty() {
        return Ok(());
    }
    let which = if quiet.len() == selected.len() { "" } else { "other " };
    let unchanged: u64 = quiet.iter().map(|set| set.counts.unchanged).sum();
    let sets = words::counted(words::len(&quiet), &format!("{which}set"));
    let unchanged = words::number(unchanged);
    writeln!(page.out, "  {dim}{sets} as declared ({unchanged} unchanged){dim:#}")
}

fn evidence_gaps(page: &mut Page<'_>, target: &TargetPlan) -> io::Result<()> {
    let warning = page.style.warning;
    for evidence in &target.evidence {
        if let Some(gap) = &evidence.gap {
            let (seen, gap) = (clean::terminal(&evidence.seen), clean::terminal(gap));
            writeln!(page.out, "  {warning}! incomplete{warning:#}  {gap} (seen: {seen}); nothing is removed here")?;
        }
    }
    Ok(())
}

/// A refusal beside the whole plan: what was seen, whom it concerns, and the one line or flag that would allow it.
fn refused(page: &mut Page<'_>, target: &TargetPlan, refusal: &Refusal) -> io::Result<()> {
    let error = page.style.error;
    let of = match &refusal.set {
        Some(set) => format!("set {}", words::value(set)),
        None => format!("target {}", words::value(&target.name)),
    };
    writeln!(page.out, "  {error}REFUSED{error:#}  {of}: {}", clean::terminal(&refusal.message))?;
    let shown = if page.full { refusal.keys.len() } else { REFUSAL_KEYS };
    for (index, key) in refusal.keys.iter().take(shown).enumerate() {
        let label = if index == 0 { "concerns" } else { "" };
        writeln!(page.out, "    {label:<8}  {}", page.speaker.key(key, None))?;
    }
    if refusal.keys.len() > shown {
        let more = words::number(u64::try_from(refusal.keys.len() - shown).unwrap_or(u64::MAX));
        writeln!(page.out, "              … {more} more (--full shows them)")?;
    }
    let at = refusal.at.as_ref().map(|at| format!("  ({})", words::place(at))).unwrap_or_default();
    writeln!(page.out, "    to allow  {}{at}", clean::terminal(&refusal.allow))
}

/// What applying this target costs, by route.
fn requests(page: &mut Page<'_>, target: &TargetPlan) -> io::Result<()> {
    let dim = page.style.dim;
    let mut routes: BTreeMap<&str, u64> = BTreeMap::new();
    for batch in batches(target) {
        *routes.entry(batch.route.name).or_default() += u64::from(batch.route.requests);
    }
    if routes.is_empty() {
        return Ok(());
    }
    let total = words::counted(target.write_requests, "request");
    let routes: Vec<String> =
        routes.iter().map(|(name, count)| format!("{} × {name}", words::number(*count))).collect();
    writeln!(page.out, "  {dim}{total} to apply: {}{dim:#}", routes.join(", "))
}

/// The last lines: the verdict, and what to type next.
fn summary(out: &mut dyn Write, plan: &Plan, options: &Options<'_>) -> io::Result<()> {
    let Style { heading, good, error, dim, .. } = options.style;
    let counts = plan.counts();
    let sets = || plan.targets.iter().flat_map(|target| &target.sets);
    let not_selected = sets().filter(|set| !set.selected).count();
    let unreadable = plan.targets.iter().filter(|target| target.unreadable.is_some()).count();
    let failed = sets().any(SetPlan::has_failed);
    let gaps = plan.targets.iter().flat_map(|target| &target.evidence).any(|evidence| evidence.gap.is_some());
    let rest = words::rest(&counts);
    let held: Vec<&Held> = plan.targets.iter().flat_map(|target| &target.held).collect();
    let stale = held.iter().filter(|held| held.why.is_stale()).count();
    if counts.changes() > 0 {
        let requests: u64 = plan.targets.iter().map(|target| target.write_requests).sum();
        let requests = words::counted(requests, "request");
        writeln!(out, "{heading}Plan:{heading:#} {}; {rest}. {requests} to apply.", changes_text(plan))?;
    } else if !held.is_empty() {
        writeln!(out, "{heading}Nothing left to apply{heading:#} of the approved plan: {rest}.")?;
    } else if !plan.any_readable() {
        writeln!(out, "{heading}Nothing planned:{heading:#} no target could be read.")?;
    } else if unreadable > 0 || failed {
        writeln!(out, "{heading}Nothing to change{heading:#} in what could be read: {rest}.")?;
    } else if sets().all(|set| !set.selected) {
        let why = if not_selected > 0 {
            "no set is selected"
        } else {
            "no set is declared, or none is both under the paths and selected"
        };
        writeln!(out, "{heading}Nothing to plan:{heading:#} {why}.")?;
    } else if counts.observed > 0 {
        writeln!(out, "{heading}No changes to apply.{heading:#} Sets that only observe differ: {rest}.")?;
    } else if gaps {
        writeln!(out, "{heading}No changes planned.{heading:#} Not every listing is proven complete: {rest}.")?;
    } else if plan.base.as_ref().is_some_and(Base::is_unusable) {
        writeln!(
            out,
            "{heading}No changes planned;{heading:#} the base was not used, or not for all targets. {rest}."
        )?;
    } else if plan.base.as_ref().is_some_and(Base::changes_authority) {
        writeln!(out, "{heading}Nothing to apply.{heading:#} Authority changes; see the top. {rest}.")?;
    } else {
        writeln!(out, "{good}No changes.{good:#} Live state equals the manifests. {rest}.")?;
    }
    causes(out, plan, options.style)?;
    if let Some(policy) = words::policy(plan) {
        writeln!(out, "{dim}{policy}{dim:#}")?;
    }
    if stale > 0 {
        let count = words::counted(u64::try_from(stale).unwrap_or(u64::MAX), "change");
        writeln!(out, "{error}Stale:{error:#} {count} not as approved; see STALE above.")?;
    }
    if not_selected > 0 {
        let count = words::counted(u64::try_from(not_selected).unwrap_or(u64::MAX), "set");
        writeln!(out, "{dim}{count} not selected.{dim:#}")?;
    }
    if unreadable > 0 {
        let names = named(plan.targets.iter().filter(|target| target.unreadable.is_some()));
        writeln!(out, "{error}Unreadable:{error:#} {names}. Nothing is planned there; see above.")?;
    }
    if plan.refused() {
        let names = named(plan.targets.iter().filter(|target| !target.refusals.is_empty()));
        writeln!(out, "{error}Refused:{error:#} nothing of {names} will be applied; see REFUSED above.")?;
    }
    let applies = |target: &TargetPlan| target.refusals.is_empty() && target.changes().next().is_some();
    match options.next {
        Some(next) if plan.targets.iter().any(applies) => writeln!(out, "Apply with: {next}"),
        _ => Ok(()),
    }
}

/// Whose changes they are, and what of the base was not used, where the plan was compared with one.
fn causes(out: &mut dyn Write, plan: &Plan, style: Style) -> io::Result<()> {
    let Some(base) = &plan.base else { return Ok(()) };
    let Style { heading, error, .. } = style;
    if let Some(causes) = words::causes(plan) {
        writeln!(out, "{heading}Compared with {}:{heading:#} {causes}.", clean::terminal(&base.name))?;
    }
    if let Some(counts) = words::authority_counts(base) {
        writeln!(out, "{heading}Authority:{heading:#} {counts}; see the top.")?;
    }
    for (_, problem) in words::base_problems(base) {
        writeln!(out, "{error}Base:{error:#} {}", clean::terminal(&problem))?;
    }
    Ok(())
}

fn named<'a>(targets: impl Iterator<Item = &'a TargetPlan>) -> String {
    targets.map(|target| words::value(&target.name)).collect::<Vec<_>>().join(", ")
}

/// `3 to create, 2 to update (1 role change), 4 to remove (3 archived)`.
pub(super) fn changes_text(plan: &Plan) -> String {
    let counts = plan.counts();
    let role_changes = plan.changes().filter(|planned| planned.change.from_key.is_some()).count();
    let archived: u64 = plan
        .targets
        .iter()
        .filter(|target| target.capabilities.on_remove == OnRemove::Archive)
        .map(|target| target.changes().filter(|planned| planned.action() == Action::Remove).count() as u64)
        .sum();
    let with = |count: u64, text: String| if count > 0 { format!(" ({text})") } else { String::new() };
    let role_changes = role_changes as u64;
    format!(
        "{} to create, {} to update{}, {} to remove{}",
        words::number(counts.create),
        words::number(counts.update),
        with(role_changes, words::counted(role_changes, "role change")),
        words::number(counts.remove),
        with(archived, format!("{} archived", words::number(archived))),
    )
}
