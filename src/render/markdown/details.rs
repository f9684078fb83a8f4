//! Every field of every change of a set, as a folded diff.

use std::collections::BTreeSet;

use crate::model::{Action, FieldKind};
use crate::plan::{FieldChange, PlannedChange, SetPlan, field_changes};
use crate::render::clean;
use crate::render::compared::{self, Compared};
use crate::render::human::fields::{pretty, secret, secret_keys, text};
use crate::render::words::{self, Speaker};

use super::inert::fence;
use super::page::Page;

/// Lines that one change may take.
const LINES: usize = 60;

/// Writes the changes of a set, as many as fit; `title` is HTML.
pub(super) fn write(page: &mut Page, title: &str, speaker: Speaker<'_>, set: &SetPlan) {
    let head = format!("\n<details><summary>{title}</summary>\n\n");
    // The fence is as long as what it holds asks for, twice; the words about what is left out come beside it.
    let frame = head.len() + "diff\n\n\n</details>\n".len() + 80;
    let room = page.room().saturating_sub(frame);
    let mut body = String::new();
    let mut written = 0;
    for planned in &set.changes {
        let block = block(speaker, planned);
        let fences = 2 * fence(&block).len().max(fence(&body).len());
        if body.len() + block.len() + fences > room {
            break;
        }
        body.push_str(&block);
        written += 1;
    }
    let left = words::len(&set.changes).saturating_sub(written);
    page.leave_out("details of changes", left);
    if written == 0 {
        return;
    }
    let fence = fence(&body);
    let more = if left > 0 { format!("\n… and {} more\n", words::number(left)) } else { String::new() };
    page.push(&format!("{head}{fence}diff\n{body}{fence}\n{more}\n</details>\n"));
}

/// One change: what it does, then its fields as lines of a diff.
fn block(speaker: Speaker<'_>, planned: &PlannedChange) -> String {
    let sign = match planned.action() {
        Action::Create => '+',
        Action::Update => '!',
        Action::Remove => '-',
    };
    let mut block = format!("{sign} {} {}\n", speaker.action(planned.action()), speaker.change_key(planned));
    let cause = planned.cause.map(|cause| format!(" ({})", cause.text())).unwrap_or_default();
    block.push_str(&format!("  # {}, {}{cause}\n", planned.reason.text(), words::place(&planned.at)));
    let lines: Vec<(char, String)> = field_changes(&planned.change, speaker.capabilities)
        .iter()
        .filter(|field| field.before.is_some() || field.after.is_some())
        .flat_map(|field| lines(planned.action(), field))
        .collect();
    for (sign, line) in lines.iter().take(LINES) {
        block.push_str(&format!("{sign}   {}\n", clean::terminal(line)));
    }
    if lines.len() > LINES {
        block.push_str(&format!("    … {} more lines\n", words::number((lines.len() - LINES) as u64)));
    }
    block
}

fn lines(action: Action, field: &FieldChange<'_>) -> Vec<(char, String)> {
    match field.kind {
        FieldKind::SecretMap => secrets(field),
        FieldKind::Json => json(field),
        FieldKind::Text | FieldKind::Instant => {
            let before = field.before.map(|value| ('-', format!("{}: {}", field.name, text(value))));
            let after = field.after.map(|value| ('+', format!("{}: {}", field.name, text(value))));
            let cleared =
                (action == Action::Update && after.is_none()).then(|| ('+', format!("{}: (cleared)", field.name)));
            [before, after, cleared].into_iter().flatten().collect()
        }
    }
}

fn json(field: &FieldChange<'_>) -> Vec<(char, String)> {
    let document =
        |value: Option<&_>| value.map(|value| format!("{}: {}\n", field.name, pretty(value))).unwrap_or_default();
    let (before, after) = (document(field.before), document(field.after));
    let groups = match compared::lines(&before, &after) {
        Compared::Groups(groups) => groups,
        Compared::TooLong { before, after } => {
            let line =
                |sign, lines: usize| (sign, format!("{}: ({} lines of JSON)", field.name, words::number(lines as u64)));
            return vec![line('-', before), line('+', after)];
        }
    };
    let head = format!("{}: ", field.name);
    let mut lines = Vec::new();
    for group in groups {
        // A group from the middle of the document does not show the field that it belongs to.
        if group.first().is_some_and(|(_, line)| !line.starts_with(&head)) {
            lines.push((' ', format!("{head}…")));
        }
        // Only the last line of a document of several lines closes it without an indent.
        let ends_within = group.last().is_some_and(|(_, line)| line.starts_with(' ') || line.ends_with(['{', '[']));
        lines.extend(group.into_iter().map(|(sign, line)| (sign, line.to_owned())));
        if ends_within {
            lines.push((' ', "…".to_owned()));
        }
    }
    lines
}

fn secrets(field: &FieldChange<'_>) -> Vec<(char, String)> {
    let keys: BTreeSet<&str> = [field.before, field.after].into_iter().flatten().flat_map(secret_keys).collect();
    let mut lines = Vec::new();
    for key in keys {
        let name = format!("{}.{}", field.name, words::value(key));
        for (sign, value) in [('-', field.before), ('+', field.after)] {
            if let Some(shown) = value.and_then(|value| secret(value, key)) {
                lines.push((sign, format!("{name}: {shown}")));
            }
        }
    }
    lines
}
