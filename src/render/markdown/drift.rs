//! Drift as Markdown: how many assignments differ, then what is live and should not be, what is not as declared, what is missing.

use crate::plan::TargetPlan;
use crate::plan::differing_changes;
use crate::plan::drift::{Drift, Finding, Kind, SetDrift};
use crate::render::drift::{notes, place, rest};
use crate::render::words::{self, Speaker};

use super::inert::{self, code};
use super::page::{Page, Table};
use super::{Options, details, key};

/// Kinds in the order in which they matter: access that nobody declared comes first.
const ORDER: [(Kind, &str); 6] = [
    (Kind::Extra, "Live, and not declared"),
    (Kind::Changed, "Not as declared"),
    (Kind::Missing, "Declared, and not live"),
    (Kind::Expired, "Declared without an end, and expired"),
    (Kind::Unmanaged, "Unmanaged"),
    (Kind::ExpiringSoon, "Ends soon"),
];

/// How live differs from the manifests; `next` is the command that would mend it.
pub fn drift(drift: &Drift<'_>, next: Option<&str>, options: Options) -> String {
    let mut page = Page::new(&summary(drift), options.limit);
    problems(&mut page, drift);
    for (kind, title) in ORDER {
        table(&mut page, drift, kind, title);
    }
    if let Some(next) = next {
        page.push(&format!("\nTo mend it: {}\n", code(next)));
    }
    warnings(&mut page, drift);
    folded(&mut page, drift);
    page.end("The JSON and HTML reports have everything.")
}

/// Verdict and counts, in one line.
fn summary(drift: &Drift<'_>) -> String {
    let counts = drift.counts();
    let rest = rest(&counts);
    let differ = words::counted(counts.drift, "assignment");
    let verb = if counts.drift == 1 { "differs" } else { "differ" };
    match (counts.drift > 0, drift.unreadable()) {
        (true, false) => format!("**Drift:** {differ} {verb} from the manifests ({rest})."),
        (true, true) => {
            format!("**Drift:** {differ} {verb} from the manifests, and not every target could be read ({rest}).")
        }
        (false, true) => format!("**Not every target could be read:** no drift in what was seen ({rest})."),
        (false, false) => format!("**No drift.** Live state is as declared ({rest})."),
    }
}

fn problems(page: &mut Page, drift: &Drift<'_>) {
    let mut rows = Vec::new();
    for target in drift.targets.iter().map(|found| found.target) {
        let name = code(&target.name);
        if let Some(unreadable) = &target.unreadable {
            let advice = if unreadable.temporary { " (temporary: try again later)" } else { "" };
            rows.push(format!("- {name} **could not be read**{advice}: {}\n", code(&unreadable.message)));
        }
        for gap in target.evidence.iter().filter_map(|evidence| evidence.gap.as_ref()) {
            rows.push(format!("- {name}: the listing is **not proven complete**, there may be more: {}\n", code(gap)));
        }
        for refusal in &target.refusals {
            let (message, allow) = (code(&refusal.message), code(&refusal.allow));
            rows.push(format!("- {name}: an apply **would be refused**: {message}\n  To allow it: {allow}\n"));
        }
    }
    let total = words::len(&rows);
    page.section("\n", rows.into_iter(), total, "problems", |more| format!("- … and {more} more\n"), "");
}

type Found<'a> = (&'a TargetPlan, &'a SetDrift<'a>, &'a Finding<'a>);

fn findings<'a>(drift: &'a Drift<'a>) -> impl Iterator<Item = Found<'a>> {
    let sets = drift.targets.iter().flat_map(|found| found.sets.iter().map(|set| (found.target, set)));
    sets.flat_map(|(target, set)| set.findings.iter().map(move |finding| (target, set, finding)))
}

/// What stands in a table: drift, and what ends soon. The rest is folded.
fn is_shown(finding: &Finding<'_>) -> bool {
    finding.is_drift || finding.kind == Kind::ExpiringSoon
}

fn table(page: &mut Page, drift: &Drift<'_>, kind: Kind, title: &str) {
    let of_kind = || findings(drift).filter(|(.., finding)| finding.kind == kind && is_shown(finding));
    let rows = of_kind().map(|(target, set, finding)| {
        let speaker = Speaker::new(&drift.plan.ids, target);
        let shown =
            finding.planned.map_or_else(|| code(&speaker.key(&finding.key, None)), |planned| key(speaker, planned));
        let at = place(finding).unwrap_or(&set.set.at);
        let at = code(&words::place(at));
        Table::row(&[shown, how(speaker, finding), code(&format!("{} / {}", target.name, set.set.name)), at])
    });
    let heads = &["Assignment", "How", "Target / set", "Declared"];
    let table = Table { above: "", title, heads, what: kind.word() };
    page.table(&table, rows, of_kind().count() as u64);
}

/// Which fields differ, and what else there is to say.
fn how(speaker: Speaker<'_>, finding: &Finding<'_>) -> String {
    let mut said = Vec::new();
    if let Some(planned) = finding.planned.filter(|_| finding.kind == Kind::Changed) {
        let fields: Vec<&str> =
            differing_changes(&planned.change, speaker.capabilities).iter().map(|field| field.name).collect();
        let replaced =
            speaker.replaced(planned).and_then(|(part, ..)| speaker.capabilities.key_fields.get(part).copied());
        let names: Vec<&str> = replaced.into_iter().chain(fields).collect();
        said.push(code(&names.join(", ")));
    }
    said.extend(notes(finding).iter().map(|note| code(note)));
    if said.is_empty() { finding.kind.word().to_owned() } else { said.join(", ") }
}

fn warnings(page: &mut Page, drift: &Drift<'_>) {
    let sets = || drift.targets.iter().flat_map(|found| &found.sets).map(|set| set.set);
    let rows = sets()
        .flat_map(|set| &set.warnings)
        .map(|warning| format!("- **warning** {} ({})\n", code(&warning.message), code(&words::place(&warning.at))));
    let total: usize = sets().map(|set| set.warnings.len()).sum();
    page.section("\n", rows, total as u64, "warnings", |more| format!("- … and {more} more warnings\n"), "");
}

/// What is only read on demand: what is no drift, and the changes that would mend it.
fn folded(page: &mut Page, drift: &Drift<'_>) {
    for kind in [Kind::Expired, Kind::Unmanaged, Kind::Ignored] {
        let of_kind = || findings(drift).filter(move |(.., finding)| finding.kind == kind && !is_shown(finding));
        let rows = of_kind().map(|(target, _, finding)| {
            let speaker = Speaker::new(&drift.plan.ids, target);
            let notes: String = notes(finding).iter().map(|note| format!(", {}", code(note))).collect();
            format!("- {}: {}{notes}\n", code(&target.name), code(&speaker.key(&finding.key, None)))
        });
        let total = of_kind().count() as u64;
        page.folded(&format!("No drift: {} {}", words::number(total), kind.word()), rows, total, kind.word());
    }
    for found in &drift.targets {
        let speaker = Speaker::new(&drift.plan.ids, found.target);
        for set in found.sets.iter().map(|set| set.set).filter(|set| !set.changes.is_empty()) {
            let title = inert::html_code(&format!("{} / {}", found.target.name, set.name));
            let count = words::counted(words::len(&set.changes), "change");
            details::write(page, &format!("What would mend {title} ({count})"), speaker, set);
        }
    }
}
