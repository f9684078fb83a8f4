//! One set: its changes grouped by action and folded where they are many, what it leaves alone, what its author should know.

use std::io;

use crate::model::{Action, Mode};
use crate::plan::{Cause, PlannedChange, SetPlan, cause};
use crate::render::style::FOLD;
use crate::render::{clean, words};

use super::{Page, fields};

/// Whether a set has anything that a person must see.
pub(super) fn is_quiet(set: &SetPlan) -> bool {
    set.changes.is_empty() && set.unmanaged.is_empty() && set.ignored.is_empty() && set.warnings.is_empty()
}

/// Writes a set.
pub(super) fn write(page: &mut Page<'_>, set: &SetPlan) -> io::Result<()> {
    header(page, set)?;
    names(page, set)?;
    changes(page, set)?;
    unmanaged(page, set)?;
    ignored(page, set)?;
    warnings(page, set)
}

fn header(page: &mut Page<'_>, set: &SetPlan) -> io::Result<()> {
    let (heading, dim) = (page.style.heading, page.style.dim);
    let scope = if set.scope.is_empty() { String::new() } else { format!(", {}", clean::terminal(&set.scope)) };
    let place = words::place(&set.at);
    let name = words::value(&set.name);
    writeln!(page.out, "  {heading}Set {name}{heading:#} ({}{scope})  {dim}{place}{dim:#}", set.mode.as_str())
}

/// Which id each name of the set is: a reviewer approves ids.
fn names(page: &mut Page<'_>, set: &SetPlan) -> io::Result<()> {
    let dim = page.style.dim;
    let shown = if page.full { set.names.len() } else { FOLD };
    for name in set.names.iter().take(shown) {
        let (name, id) = words::resolved(name);
        writeln!(page.out, "    {dim}= name      {name} is {id}{dim:#}")?;
    }
    let folded = set.names.len().saturating_sub(shown);
    if folded > 0 {
        let count = words::number(u64::try_from(folded).unwrap_or(u64::MAX));
        writeln!(page.out, "    {dim}= name      … {count} more names (--full shows them){dim:#}")?;
    }
    Ok(())
}

fn changes(page: &mut Page<'_>, set: &SetPlan) -> io::Result<()> {
    if set.mode == Mode::Observe && !set.changes.is_empty() {
        writeln!(page.out, "    Observed only; an apply changes nothing here:")?;
    }
    let shown = if page.full { vec![true; set.changes.len()] } else { unfolded(set) };
    // What the pull request does comes first, so that a reviewer approves the right thing.
    for cause in cause::occurring(set) {
        if let Some(cause) = cause {
            let (heading, text) = (page.style.heading, words::by(cause));
            writeln!(page.out, "    {heading}{text}:{heading:#}")?;
        }
        of_cause(page, set, cause, &shown)?;
    }
    Ok(())
}

fn of_cause(page: &mut Page<'_>, set: &SetPlan, cause: Option<Cause>, shown: &[bool]) -> io::Result<()> {
    for action in [Action::Create, Action::Update, Action::Remove] {
        let mut folded = 0;
        let wanted = |planned: &PlannedChange| planned.action() == action && planned.cause == cause;
        for (planned, shown) in set.changes.iter().zip(shown).filter(|(planned, _)| wanted(planned)) {
            if *shown { change(page, planned, set.mode)? } else { folded += 1 }
        }
        if folded > 0 {
            let (style, word) = (page.style.action(action), page.speaker.action(action));
            let sign = words::sign(action);
            let count = words::number(folded);
            writeln!(page.out, "    {style}{sign} {word:<8}{style:#}  … {count} more to {word} (--full shows them)")?;
        }
    }
    Ok(())
}

/// Which changes are shown when there are too many: what takes something away comes first, then updates, and creates are the first
/// to be folded.
fn unfolded(set: &SetPlan) -> Vec<bool> {
    let weight = |planned: &PlannedChange| match planned.action() {
        _ if !planned.losses.is_empty() => 0,
        Action::Remove | Action::Update => 1,
        Action::Create => 2,
    };
    let rank = |planned: &PlannedChange| (planned.cause == Some(Cause::Drift), weight(planned));
    let mut order: Vec<usize> = (0..set.changes.len()).collect();
    order.sort_by_key(|index| rank(&set.changes[*index]));
    let mut shown = vec![false; set.changes.len()];
    for index in order.into_iter().take(FOLD) {
        shown[index] = true;
    }
    shown
}

fn change(page: &mut Page<'_>, planned: &PlannedChange, mode: Mode) -> io::Result<()> {
    let speaker = page.speaker;
    let (style, loss, dim) = (page.style.action(planned.action()), page.style.loss, page.style.dim);
    let sign = words::sign(planned.action());
    let word = speaker.action(planned.action());
    let replaced = speaker.replaced(planned).map(|(part, _, _)| part);
    let key = speaker.key(&planned.change.key, replaced);
    // What an observing set shows must not read like something that will happen.
    let would = if mode == Mode::Observe { "would " } else { "" };
    write!(page.out, "    {style}{sign} {would}{word:<8}{style:#}  {key}")?;
    if !planned.losses.is_empty() {
        let said: Vec<String> = planned.losses.iter().map(|l| speaker.loss(planned, *l)).collect();
        write!(page.out, "  {loss}! {}{loss:#}", said.join(", "))?;
    }
    let why = format!("{}: {}", words::place(&planned.at), planned.reason.text());
    if fields::write(page, planned)? {
        writeln!(page.out, "{}{dim}{why}{dim:#}", fields::INDENT)
    } else {
        writeln!(page.out, "  {dim}({why}){dim:#}")
    }
}

fn unmanaged(page: &mut Page<'_>, set: &SetPlan) -> io::Result<()> {
    let speaker = page.speaker;
    let dim = page.style.dim;
    let shown = if page.full { set.unmanaged.len() } else { FOLD };
    for row in set.unmanaged.iter().take(shown) {
        let key = speaker.key(&row.key, None);
        writeln!(page.out, "    ? unmanaged {key}  {dim}({}){dim:#}", row.why.text())?;
    }
    let folded = set.unmanaged.len().saturating_sub(shown);
    if folded > 0 {
        let count = words::number(u64::try_from(folded).unwrap_or(u64::MAX));
        writeln!(page.out, "    ? unmanaged … {count} more unmanaged (--full shows them)")?;
    }
    Ok(())
}

fn ignored(page: &mut Page<'_>, set: &SetPlan) -> io::Result<()> {
    let speaker = page.speaker;
    let dim = page.style.dim;
    let shown = if page.full { set.ignored.len() } else { FOLD };
    for row in set.ignored.iter().take(shown) {
        let key = speaker.key(&row.key, None);
        let what = if row.fields.is_empty() { row.difference.word().to_owned() } else { row.fields.join(", ") };
        let (reason, place) = (clean::terminal(&row.reason), words::place(&row.at));
        writeln!(page.out, "    {dim}= ignored   {key}  {what}: {reason} ({place}){dim:#}")?;
    }
    let folded = set.ignored.len().saturating_sub(shown);
    if folded > 0 {
        let count = words::number(u64::try_from(folded).unwrap_or(u64::MAX));
        writeln!(page.out, "    {dim}= ignored   … {count} more ignored (--full shows them){dim:#}")?;
    }
    Ok(())
}

fn warnings(page: &mut Page<'_>, set: &SetPlan) -> io::Result<()> {
    let (warning, dim) = (page.style.warning, page.style.dim);
    let shown = if page.full { set.warnings.len() } else { FOLD };
    for found in set.warnings.iter().take(shown) {
        let message = clean::terminal(&found.message);
        writeln!(page.out, "    {warning}! warning{warning:#}   {message} [{}]", clean::terminal(&found.code))?;
        writeln!(page.out, "{}{dim}{}{dim:#}", fields::INDENT, words::place(&found.at))?;
    }
    let folded = set.warnings.len().saturating_sub(shown);
    if folded > 0 {
        let more = words::counted(u64::try_from(folded).unwrap_or(u64::MAX), "more warning");
        writeln!(page.out, "    {warning}! warning{warning:#}   … {more} (--full shows them)")?;
    }
    Ok(())
}
