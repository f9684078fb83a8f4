//! What a pull request changes about authority, as text: above everything that it changes about assignments.

use std::io::{self, Write};

use crate::plan::authority::{AuthorityChange, Effect, Leaving};
use crate::plan::{Base, Plan};
use crate::render::{Options, Style, clean, words};

/// Characters of one change before it is cut, unless everything is wanted.
const LINE: usize = 400;

/// Writes the section, or nothing where authority is as in the base.
pub(super) fn write(out: &mut dyn Write, plan: &Plan, options: &Options<'_>) -> io::Result<()> {
    let Some((base, counts)) = plan.base.as_ref().and_then(|base| Some((base, words::authority_counts(base)?))) else {
        return Ok(());
    };
    let heading = options.style.heading;
    writeln!(out, "{heading}Authority{heading:#} (compared with {}): {counts}", clean::terminal(&base.name))?;
    let shown = if options.full { usize::MAX } else { words::LISTED };
    for change in base.authority.iter().take(shown) {
        self::change(out, base, change, options)?;
    }
    more(out, base.authority.len(), shown, "changes of authority", "  ")?;
    for left in base.leaving.iter().take(shown) {
        leaving(out, plan, base, left, options, shown)?;
    }
    more(out, base.leaving.len(), shown, "sets with assignments that leave", "  ")?;
    writeln!(out)
}

fn change(out: &mut dyn Write, base: &Base, change: &AuthorityChange, options: &Options<'_>) -> io::Result<()> {
    let Style { warning, dim, .. } = options.style;
    let place = words::authority_place(change, &clean::terminal(&base.name));
    let place = place.map(|place| format!("  {dim}{place}{dim:#}")).unwrap_or_default();
    let (subject, text) = (words::subject(change), words::authority(change));
    let text = clean::terminal(&text);
    let text = if options.full { text.into_owned() } else { words::cut(&text, LINE) };
    let word = format!("{:<8}", change.effect.word());
    match change.effect {
        Effect::Widens => writeln!(out, "  {warning}! {word}{warning:#} {subject}: {text}{place}"),
        Effect::Narrows | Effect::Neutral => writeln!(out, "    {word} {subject}: {text}{place}"),
    }
}

fn leaving(
    out: &mut dyn Write,
    plan: &Plan,
    base: &Base,
    left: &Leaving,
    options: &Options<'_>,
    shown: usize,
) -> io::Result<()> {
    let Style { warning, dim, .. } = options.style;
    let (set, target) = (words::value(&left.set), words::value(&left.target));
    let (what, place, name) = (words::leaving(left), words::place(&left.at), clean::terminal(&base.name));
    writeln!(out, "  {warning}! {what}{warning:#}: set {set} on {target}  {dim}{place} in {name}{dim:#}")?;
    let keys = words::leaving_keys(&plan.ids, left);
    for row in left.rows.iter().take(shown) {
        let at = row.at.as_ref().map(|at| format!("  {dim}{}{dim:#}", words::place(at))).unwrap_or_default();
        writeln!(out, "      {}: {}{at}", keys.key(&row.key, None), words::why_leaving(row))?;
    }
    more(out, left.rows.len(), shown, "assignments", "      ")
}

fn more(out: &mut dyn Write, all: usize, shown: usize, what: &str, indent: &str) -> io::Result<()> {
    match all.saturating_sub(shown) {
        0 => Ok(()),
        more => {
            let more = words::number(u64::try_from(more).unwrap_or(u64::MAX));
            writeln!(out, "{indent}… and {more} more {what} (--full shows them; {})", words::ELSEWHERE)
        }
    }
}
