//! Expected against seen: a readable difference, or the file rewritten.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

/// Wider maps and lists than this are written as blocks.
const WIDTH: usize = 140;

/// The parts of an expectation, in the order of the file.
pub type Parts = Vec<(&'static str, Value)>;

/// Compares, and shows the difference as lines of the file.
pub fn check(expected: &Parts, seen: &Parts) -> Result<(), String> {
    let (expected, seen) = (text(expected), text(seen));
    if expected == seen {
        return Ok(());
    }
    let diff = similar::TextDiff::from_lines(&expected, &seen);
    Err(diff.unified_diff().context_radius(4).header("expected", "seen").to_string())
}

/// Replaces the expected part of a file, from its first line `plan:` on.
pub fn rewrite(file: &Path, old: &str, seen: &Parts) -> Result<(), String> {
    let given: Vec<&str> = old.lines().take_while(|line| !line.starts_with("plan:")).collect();
    let new = format!("{}\n\n{}", given.join("\n").trim_end(), text(seen));
    std::fs::write(file, new).map_err(|error| error.to_string())
}

/// The parts as YAML that a person would write.
fn text(parts: &Parts) -> String {
    let mut out = String::new();
    for (name, value) in parts {
        let _ = write!(out, "{name}:");
        write_value(&mut out, value, 1);
    }
    out
}

/// Writes a value behind its key: on the same line where it fits, else as a block of lines.
fn write_value(out: &mut String, value: &Value, depth: usize) {
    let line = flow(value);
    let fits = depth * 2 + line.len() <= WIDTH && (depth > 1 || !nested(value));
    match value {
        Value::Object(map) if !fits => {
            out.push('\n');
            for (key, value) in map {
                let _ = write!(out, "{}{}:", "  ".repeat(depth), scalar(key));
                write_value(out, value, depth + 1);
            }
        }
        Value::Array(items) if !fits => {
            out.push('\n');
            items.iter().for_each(|item| write_item(out, item, depth));
        }
        _ => {
            let _ = writeln!(out, " {line}");
        }
    }
}

/// Writes an item of a list: on one line where it fits, else a map of lines behind the dash.
fn write_item(out: &mut String, item: &Value, depth: usize) {
    let (indent, line) = ("  ".repeat(depth), flow(item));
    match item {
        Value::Object(map) if depth * 2 + 2 + line.len() > WIDTH => {
            for (index, (key, value)) in map.iter().enumerate() {
                let _ = write!(out, "{indent}{} {}:", if index == 0 { '-' } else { ' ' }, scalar(key));
                write_value(out, value, depth + 2);
            }
        }
        _ => {
            let _ = writeln!(out, "{indent}- {line}");
        }
    }
}

fn nested(value: &Value) -> bool {
    let filled = |value: &Value| match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(map) => map.values().any(filled),
        Value::Array(items) => items.iter().any(filled),
        _ => false,
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// A text, quoted where YAML would read something else.
fn scalar(text: &str) -> String {
    let plain_letter = |c: char| c.is_alphanumeric() || " _-./…()<>@+;=$".contains(c);
    let starts_well = text.chars().next().is_some_and(|c| c.is_alphabetic() || "_/(…".contains(c));
    let another_type =
        ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str());
    let plain = starts_well && text.chars().all(plain_letter) && !text.ends_with(' ') && !another_type;
    if plain { text.to_owned() } else { Value::String(text.to_owned()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_reads_back_as_it_was() {
        let value = json!({
            "exit": 2,
            "changes": [
                { "create": { "ass_id": "no", "org_id": "012" }, "why": "declared, not live: new", "n": null },
                { "fields": { "settings": [{ "a": [1, 2.5, "x" ] }, { "a": ["y".repeat(200)] }] }, "text": "- {a}\n#\u{1b}" },
            ],
            "empty": [[], {}],
        });
        let written = text(&vec![("plan", value.clone())]);
        let read: Value = serde_yaml::from_str(&written).unwrap_or_else(|error| panic!("{error}\n{written}"));
        assert_eq!(read, json!({ "plan": value }), "{written}");
    }
}
