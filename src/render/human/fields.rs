//! The fields of a change: old and new values on one line, JSON as a line diff, secrets as references only.

use std::collections::BTreeSet;
use std::io;

use crate::model::{Action, FieldKind, MASKED, Value};
use crate::plan::{FieldChange, PlannedChange, field_changes};
use crate::render::compared::{self, Compared};
use crate::render::{Style, clean, words};

use super::Page;

/// JSON that fits this many characters is shown on the field's own line.
const INLINE_JSON: usize = 72;
/// Lines that one field may take before it is folded.
const FOLDED_LINES: usize = 40;
/// The column of fields, reasons and places: under the key.
pub(super) const INDENT: &str = "              ";

/// Writes the fields that a change touches, each from a new line; says whether there were any.
pub(super) fn write(page: &mut Page<'_>, planned: &PlannedChange) -> io::Result<bool> {
    let speaker = page.speaker;
    let replaced = speaker.replaced(planned);
    let mut fields = field_changes(&planned.change, speaker.capabilities);
    fields.retain(|field| field.before.is_some() || field.after.is_some());
    if replaced.is_none() && fields.is_empty() {
        return Ok(false);
    }
    writeln!(page.out)?;
    if let Some((part, before, after)) = replaced {
        let name = speaker.capabilities.key_fields.get(part).copied().unwrap_or_default();
        let (before, after) = (speaker.part(part, before), speaker.part(part, after));
        change_line(page, name, &before, &after)?;
    }
    for field in fields {
        match field.kind {
            FieldKind::Json => json(page, planned.action(), &field)?,
            FieldKind::SecretMap => secrets(page, planned.action(), &field)?,
            FieldKind::Text | FieldKind::Instant => scalar(page, planned.action(), &field)?,
        }
    }
    Ok(true)
}

fn scalar(page: &mut Page<'_>, action: Action, field: &FieldChange<'_>) -> io::Result<()> {
    match (action, field.before, field.after) {
        (Action::Create, _, Some(after)) => line(page, field.name, &text(after)),
        (Action::Remove, Some(before), _) => line(page, field.name, &text(before)),
        (Action::Update, before, after) => change_line(page, field.name, &before_text(before), &after_text(after)),
        _ => Ok(()),
    }
}

fn line(page: &mut Page<'_>, name: &str, value: &str) -> io::Result<()> {
    writeln!(page.out, "{INDENT}{name}: {value}")
}

fn change_line(page: &mut Page<'_>, name: &str, before: &str, after: &str) -> io::Result<()> {
    let Style { create, remove, .. } = page.style;
    writeln!(page.out, "{INDENT}{name}: {remove}{before}{remove:#} → {create}{after}{create:#}")
}

fn before_text(value: Option<&Value>) -> String {
    value.map_or_else(|| "(none)".to_owned(), text)
}

fn after_text(value: Option<&Value>) -> String {
    value.map_or_else(|| "(cleared)".to_owned(), text)
}

pub(in crate::render) fn text(value: &Value) -> String {
    match value {
        Value::Null => "(none)".to_owned(),
        Value::Text(text) => words::value(text).into_owned(),
        Value::Instant(instant) => instant.to_string(),
        Value::Json(json) => clean::terminal(&json.shown().to_string()).into_owned(),
        Value::Unusable(why) => format!("(not usable: {})", clean::terminal(why)),
        Value::Masked(_) => MASKED.to_owned(),
        Value::Secrets(_) => "(secret)".to_owned(),
    }
}

fn json(page: &mut Page<'_>, action: Action, field: &FieldChange<'_>) -> io::Result<()> {
    if let (Action::Update, Some(before), Some(after)) = (action, field.before, field.after) {
        return json_diff(page, field.name, &pretty(before), &pretty(after));
    }
    let Some(value) = field.after.or(field.before) else { return Ok(()) };
    let short = text(value);
    if short.chars().count() <= INLINE_JSON {
        return scalar(page, action, field);
    }
    match action {
        // What goes is named; its contents are history.
        Action::Remove => {
            let start: String = short.chars().take(INLINE_JSON).collect();
            line(page, field.name, &if page.full { short } else { format!("{start}…") })
        }
        Action::Create => json_diff(page, field.name, "", &pretty(value)),
        Action::Update if field.after.is_some() => json_diff(page, field.name, "", &pretty(value)),
        Action::Update => json_diff(page, field.name, &pretty(value), ""),
    }
}

pub(in crate::render) fn pretty(value: &Value) -> String {
    match value {
        // Object keys are sorted: serde_json's map is ordered by key.
        Value::Json(json) => serde_json::to_string_pretty(&json.shown()).unwrap_or_default(),
        other => text(other),
    }
}

fn json_diff(page: &mut Page<'_>, name: &str, before: &str, after: &str) -> io::Result<()> {
    let groups = match compared::lines(before, after) {
        Compared::Groups(groups) => groups,
        Compared::TooLong { before, after } => {
            let value = |lines: usize| format!("({} lines of JSON)", words::number(lines as u64));
            return change_line(page, name, &value(before), &value(after));
        }
    };
    let budget = if page.full { usize::MAX } else { FOLDED_LINES };
    let (mut shown, mut hidden) = (0_usize, 0_usize);
    writeln!(page.out, "{INDENT}{name}:")?;
    for (index, group) in groups.into_iter().enumerate() {
        if index > 0 && shown < budget {
            writeln!(page.out, "{INDENT}    …")?;
        }
        for line in group {
            if shown >= budget {
                hidden += 1;
                continue;
            }
            shown += 1;
            diff_line(page, line)?;
        }
    }
    if hidden > 0 {
        let dim = page.style.dim;
        let more = words::counted(u64::try_from(hidden).unwrap_or(u64::MAX), "more line");
        writeln!(page.out, "{INDENT}    {dim}… {more} (--full shows them){dim:#}")?;
    }
    Ok(())
}

fn diff_line(page: &mut Page<'_>, (sign, text): compared::Line<'_>) -> io::Result<()> {
    let style = match sign {
        '-' => page.style.remove,
        '+' => page.style.create,
        _ => page.style.dim,
    };
    let text = clean::terminal(text);
    writeln!(page.out, "{INDENT}  {style}{sign} {text}{style:#}")
}

/// One line a key: what is live is masked, what is declared is a reference; values are nowhere to be had.
fn secrets(page: &mut Page<'_>, action: Action, field: &FieldChange<'_>) -> io::Result<()> {
    let keys: BTreeSet<&str> = [field.before, field.after].into_iter().flatten().flat_map(secret_keys).collect();
    for key in keys {
        let name = format!("{}.{}", field.name, words::value(key));
        let before = field.before.and_then(|value| secret(value, key));
        let after = field.after.and_then(|value| secret(value, key));
        match (action, before, after) {
            (Action::Create, _, Some(after)) => line(page, &name, &after)?,
            (Action::Remove, Some(before), _) => line(page, &name, &before)?,
            (Action::Update, before, after) => {
                let before = before.unwrap_or_else(|| "(none)".to_owned());
                change_line(page, &name, &before, &after.unwrap_or_else(|| "(cleared)".to_owned()))?;
            }
            _ => {}
        }
    }
    Ok(())
}

pub(in crate::render) fn secret_keys(value: &Value) -> Vec<&str> {
    match value {
        Value::Masked(keys) => keys.iter().map(AsRef::as_ref).collect(),
        Value::Secrets(map) => map.keys().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    }
}

pub(in crate::render) fn secret(value: &Value, key: &str) -> Option<String> {
    match value {
        Value::Masked(keys) => keys.iter().any(|k| **k == *key).then(|| MASKED.to_owned()),
        Value::Secrets(map) => map.get(key).map(|from| format!("(secret from {})", clean::terminal(&from.to_string()))),
        _ => None,
    }
}
