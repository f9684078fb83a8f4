//! Drift for people: what differs, assignment by assignment, since when, and what an apply would meet.

use std::io::{self, Write};

use crate::diag::Location;
use crate::plan::drift::{Counts, Drift, Finding, Kind, SetDrift, TargetDrift};
use crate::plan::{Reason, differing_changes};

use super::style::FOLD;
use super::words::{self, Speaker};
use super::{Options, Style, clean};

/// The column of places and fields: under the key.
const INDENT: &str = "                   ";

struct Page<'a> {
    out: &'a mut dyn Write,
    style: Style,
    full: bool,
    speaker: Speaker<'a>,
}

/// Writes the drift as text.
///
/// # Errors
/// Those of the writer.
pub fn drift(out: &mut dyn Write, drift: &Drift<'_>, options: &Options<'_>) -> io::Result<()> {
    for found in drift.targets.iter().filter(|found| is_shown(found)) {
        let speaker = Speaker::new(&drift.plan.ids, found.target);
        target(&mut Page { out, style: options.style, full: options.full, speaker }, found)?;
    }
    verdict(out, drift, options)
}

fn is_shown(found: &TargetDrift<'_>) -> bool {
    let gap = found.target.evidence.iter().any(|evidence| evidence.gap.is_some());
    gap || found.target.unreadable.is_some()
        || found.sets.iter().any(|set| !set.findings.is_empty() || !set.set.warnings.is_empty())
}

fn target(page: &mut Page<'_>, found: &TargetDrift<'_>) -> io::Result<()> {
    let Style { heading, dim, error, warning, .. } = page.style;
    let target = found.target;
    let about = format!("{}, {}", target.provider, clean::terminal(&target.endpoint));
    writeln!(page.out, "{heading}Target {}{heading:#} {dim}({about}){dim:#}", words::value(&target.name))?;
    if let Some(unreadable) = &target.unreadable {
        let advice = if unreadable.temporary { " (temporary: try again later)" } else { "" };
        let message = clean::terminal(&unreadable.message);
        writeln!(page.out, "  {error}UNREADABLE{error:#}{advice}: {message}")?;
    }
    for set in found.sets.iter().filter(|set| !set.findings.is_empty() || !set.set.warnings.is_empty()) {
        self::set(page, set)?;
    }
    for gap in target.evidence.iter().filter_map(|evidence| evidence.gap.as_deref()) {
        let gap = clean::terminal(gap);
        writeln!(page.out, "  {warning}! incomplete{warning:#}  {gap}; there may be more drift than was seen")?;
    }
    for refusal in &target.refusals {
        let message = clean::terminal(&refusal.message);
        let allow = clean::terminal(&refusal.allow);
        writeln!(page.out, "  {warning}! an apply would be refused{warning:#}: {message}\n    to allow  {allow}")?;
    }
    writeln!(page.out)
}

fn set(page: &mut Page<'_>, found: &SetDrift<'_>) -> io::Result<()> {
    let Style { heading, dim, warning, .. } = page.style;
    let (set, name) = (found.set, words::value(&found.set.name));
    let scope = if set.scope.is_empty() { String::new() } else { format!(", {}", clean::terminal(&set.scope)) };
    let (mode, place) = (set.mode.as_str(), words::place(&set.at));
    writeln!(page.out, "  {heading}Set {name}{heading:#} ({mode}{scope})  {dim}{place}{dim:#}")?;
    for kind in Kind::ALL {
        let of_kind = || found.findings.iter().filter(move |finding| finding.kind == kind);
        let shown = if page.full { usize::MAX } else { FOLD };
        for finding in of_kind().take(shown) {
            self::finding(page, finding)?;
        }
        let folded = of_kind().count().saturating_sub(shown);
        if folded > 0 {
            let count = words::number(u64::try_from(folded).unwrap_or(u64::MAX));
            writeln!(page.out, "    {:<13}  … {count} more {} (--full shows them)", kind.word(), kind.word())?;
        }
    }
    for found in &set.warnings {
        let message = clean::terminal(&found.message);
        writeln!(page.out, "    {warning}! warning{warning:#}      {message} [{}]", clean::terminal(&found.code))?;
        writeln!(page.out, "{INDENT}{dim}{}{dim:#}", words::place(&found.at))?;
    }
    Ok(())
}

fn finding(page: &mut Page<'_>, finding: &Finding<'_>) -> io::Result<()> {
    let dim = page.style.dim;
    let style = match finding.kind {
        Kind::Changed | Kind::Expired => page.style.update,
        Kind::Missing => page.style.remove,
        Kind::Extra => page.style.loss,
        Kind::ExpiringSoon => page.style.warning,
        Kind::Unmanaged | Kind::Ignored => dim,
    };
    let key = page.speaker.key(&finding.key, None);
    let (notes, at) = (notes(finding), place(finding));
    write!(page.out, "    {style}{:<13}{style:#}  {key}", finding.kind.word())?;
    if !notes.is_empty() {
        write!(page.out, "  {}", clean::terminal(&notes.join(", ")))?;
    }
    match at {
        Some(at) => writeln!(page.out, "  {dim}{}{dim:#}", words::place(at))?,
        None => writeln!(page.out)?,
    }
    fields(page, finding)
}

/// What there is to say about a finding beside its kind and key. A rule's reason is untrusted.
pub(super) fn notes(finding: &Finding<'_>) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    notes.extend(finding.since.map(|since| format!("since {since}")));
    notes.extend(finding.until.map(|until| format!("ends {until}")));
    match (finding.planned, finding.ignored) {
        (Some(planned), _) if planned.reason == Reason::Expired => notes.push("declared without an end".to_owned()),
        (None, Some(ignored)) if ignored.fields.is_empty() => {
            notes.push(format!("{}: {}", ignored.difference.word(), ignored.reason));
        }
        (None, Some(ignored)) => notes.push(format!("{}: {}", ignored.fields.join(", "), ignored.reason)),
        _ => {}
    }
    notes
}

/// The line that a finding speaks of: the declaration, or the rule that leaves it alone.
pub(super) fn place<'a>(finding: &Finding<'a>) -> Option<&'a Location> {
    finding.planned.map(|planned| &planned.at).or_else(|| finding.ignored.map(|ignored| &ignored.at))
}

/// What is live and what is declared, for a changed assignment; whole documents are `plan`'s to show.
fn fields(page: &mut Page<'_>, finding: &Finding<'_>) -> io::Result<()> {
    let Some(planned) = finding.planned.filter(|_| finding.kind == Kind::Changed) else { return Ok(()) };
    let Style { create, remove, .. } = page.style;
    let capabilities = page.speaker.capabilities;
    if let Some((part, live, declared)) = page.speaker.replaced(planned) {
        let name = capabilities.key_fields.get(part).copied().unwrap_or_default();
        let (live, declared) = (page.speaker.part(part, live), page.speaker.part(part, declared));
        writeln!(page.out, "{INDENT}{name}: live {remove}{live}{remove:#}, declared {create}{declared}{create:#}")?;
    }
    for field in differing_changes(&planned.change, capabilities) {
        let text = |value: Option<&crate::model::Value>| value.map_or("nothing".to_owned(), short);
        let (live, declared) = (text(field.before), text(field.after));
        let name = field.name;
        writeln!(page.out, "{INDENT}{name}: live {remove}{live}{remove:#}, declared {create}{declared}{create:#}")?;
    }
    Ok(())
}

/// A value on one line, cut where it is long.
fn short(value: &crate::model::Value) -> String {
    const LONGEST: usize = 80;
    let text = match value.shown() {
        serde_json::Value::String(text) => words::value(&text).into_owned(),
        json => clean::terminal(&json.to_string()).into_owned(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn verdict(out: &mut dyn Write, drift: &Drift<'_>, options: &Options<'_>) -> io::Result<()> {
    let Style { good, error, dim, .. } = options.style;
    let counts = drift.counts();
    let rest = rest(&counts);
    if counts.drift > 0 {
        let differ = words::counted(counts.drift, "assignment");
        let verb = if counts.drift == 1 { "differs" } else { "differ" };
        writeln!(out, "{error}Drift:{error:#} {differ} {verb} from the manifests ({rest}).")?;
    } else if drift.unreadable() {
        writeln!(out, "No drift seen in what could be read ({rest}).")?;
    } else {
        writeln!(out, "{good}No drift.{good:#} ({rest})")?;
    }
    let unreadable = drift.targets.iter().filter(|found| found.target.unreadable.is_some());
    let names: Vec<_> = unreadable.map(|found| words::value(&found.target.name)).collect();
    if !names.is_empty() {
        writeln!(out, "{error}Unreadable:{error:#} {}; see above.", names.join(", "))?;
    }
    let not_selected = drift.plan.targets.iter().flat_map(|target| &target.sets).filter(|set| !set.selected).count();
    if not_selected > 0 {
        let sets = words::counted(u64::try_from(not_selected).unwrap_or(u64::MAX), "set");
        writeln!(out, "{dim}{sets} not selected.{dim:#}")?;
    }
    match options.next {
        Some(next) => writeln!(out, "To mend it: {next}"),
        None => Ok(()),
    }
}

/// `1 changed, 2 missing, 40 unchanged`; kinds that do not occur are left out.
pub(super) fn rest(counts: &Counts) -> String {
    let occurring = Kind::ALL.into_iter().filter(|kind| counts.of(*kind) > 0);
    let mut parts: Vec<String> =
        occurring.map(|kind| format!("{} {}", words::number(counts.of(kind)), kind.word())).collect();
    parts.push(format!("{} unchanged", words::number(counts.unchanged)));
    parts.join(", ")
}
