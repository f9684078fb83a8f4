//! What a pull request changes about authority, as Markdown: directly below the summary. The lists are short, so that they never take
//! the room of what somebody loses.

use std::iter;

use super::inert::code;
use super::page::Page;
use crate::plan::authority::AuthorityChange;
use crate::plan::{Base, Plan};
use crate::render::words::{self, LISTED};

/// Characters of one change before it is cut: twenty such rows take a fifth of a comment.
const ROW: usize = 600;

/// Characters of a problem with the base before it is cut.
const PROBLEM: usize = 2_000;

/// Characters of a key before it is cut.
const KEY: usize = 200;

/// Writes what of the base was not used, and what the pull request changes about authority.
pub(super) fn write(page: &mut Page, plan: &Plan) {
    let Some(base) = &plan.base else { return };
    let problems = words::base_problems(base);
    let problems =
        problems.into_iter().map(|(_, problem)| format!("- **base** {}\n", code(&words::cut(&problem, PROBLEM))));
    let total = words::len(&base.gaps) + u64::from(base.not_used.is_some());
    page.section("\n", problems, total, "problems with the base", |more| format!("- … and {more} more\n"), "");
    let Some(counts) = words::authority_counts(base) else { return };
    let head = format!("\n### Authority\n\n**{counts}**\n\n");
    let rows = base.authority.iter().take(LISTED).map(|change| row(base, change));
    let rows = rows.chain(rest(base.authority.len(), "changes"));
    match base.authority.len() {
        0 => page.push(&head),
        all => page.section(&head, rows, shown(all), "changes of authority", |more| more_row(more, "changes"), ""),
    }
    leaving(page, plan, base);
}

/// The rows that a list of this length is shown in: the first of them, and one that counts the rest.
fn shown(all: usize) -> u64 {
    u64::try_from(all.min(LISTED + 1)).unwrap_or(u64::MAX)
}

fn rest(all: usize, what: &str) -> Option<String> {
    let more = u64::try_from(all.saturating_sub(LISTED)).unwrap_or(u64::MAX);
    (more > 0).then(|| more_row(&words::number(more), what))
}

fn more_row(more: &str, what: &str) -> String {
    format!("- … and {more} more {what}, {}\n", words::ELSEWHERE)
}

fn row(base: &Base, change: &AuthorityChange) -> String {
    let place = words::authority_place(change, &base.name);
    let place = place.map(|place| format!(" ({})", code(&words::cut(&place, KEY)))).unwrap_or_default();
    let subject = words::cut(&words::subject(change), KEY);
    let text = code(&words::cut(&words::authority(change), ROW));
    format!("- **{}** {}: {text}{place}\n", change.effect.word(), code(&subject))
}

/// What nobody manages any more, by name.
fn leaving(page: &mut Page, plan: &Plan, base: &Base) {
    let rows = base.leaving.iter().flat_map(|left| {
        let of = words::cut(&format!("{} / {}", left.target, left.set), KEY);
        let place = words::cut(&format!("{} in {}", words::place(&left.at), base.name), KEY);
        let head = format!("- **{}**: {} ({})\n", words::leaving(left), code(&of), code(&place));
        let keys = words::leaving_keys(&plan.ids, left);
        let row = move |row: &crate::plan::authority::LeavingRow| {
            let at = row.at.as_ref().map(|at| format!(" ({})", code(&words::cut(&words::place(at), KEY))));
            let key = words::cut(&keys.key(&row.key, None), KEY);
            format!("  - {}: {}{}\n", code(&key), code(&words::why_leaving(row)), at.unwrap_or_default())
        };
        iter::once(head).chain(left.rows.iter().map(row))
    });
    const WHAT: &str = "lines of assignments that leave management";
    let all = base.leaving.iter().map(|left| left.rows.len() + 1).sum();
    let rows = rows.take(LISTED).chain(rest(all, WHAT));
    page.section("\n", rows, shown(all), "assignments that leave management", |more| more_row(more, WHAT), "");
}
