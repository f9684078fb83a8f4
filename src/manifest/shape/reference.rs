//! The field reference in Markdown, from the tables.

use std::fmt::Write as _;

use super::{Field, Rule, Shape, Type};

/// The reference of a document kind: its spec, and every object inside it.
pub fn reference(title: &str, doc: &str, spec: &'static Shape) -> String {
    let mut text = format!("## {title}\n\n{doc}\n\n");
    text.push_str(&shape_reference("spec", spec));
    text
}

/// One object and the objects inside it, as headings and tables.
pub fn shape_reference(path: &str, shape: &'static Shape) -> String {
    let mut text = format!("### `{path}`\n\n{}\n\n| field | what | |\n|---|---|---|\n", shape.doc);
    for field in shape.fields() {
        let _ =
            writeln!(text, "| `{}` | {}: {}{} | {} |", field.name, words(field), field.doc, null(field), notes(field));
    }
    text.push('\n');
    let rules: Vec<String> = shape.rules.iter().flat_map(rule_words).collect();
    for rule in &rules {
        let _ = writeln!(text, "- {rule}");
    }
    if !rules.is_empty() {
        text.push('\n');
    }
    for field in shape.fields() {
        match field.ty {
            Type::Object(inner) | Type::Scope(inner) => {
                text.push_str(&shape_reference(&format!("{path}.{}", field.name), inner))
            }
            Type::Objects(inner) => text.push_str(&shape_reference(&format!("{path}.{}[]", field.name), inner)),
            _ => {}
        }
    }
    text
}

fn words(field: &Field) -> String {
    match field.ty {
        Type::Choice(choices) => {
            choices.iter().map(|c| format!("`{}` ({})", c.name, c.doc)).collect::<Vec<_>>().join(", ")
        }
        Type::Integer(min, max) => format!("a whole number from {min} to {max}"),
        Type::Number(min, max) => format!("a number from {min} to {max}"),
        ty => ty.words().to_owned(),
    }
}

fn null(field: &Field) -> &'static str {
    if field.nullable { " `null` clears it." } else { "" }
}

fn notes(field: &Field) -> String {
    let required = if field.required { "required" } else { "" };
    [required, field.mark.as_str()].iter().filter(|note| !note.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

fn rule_words(rule: &Rule) -> Vec<String> {
    let list = |names: &[&str]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    match rule {
        Rule::ExactlyOne(names) => vec![format!("Exactly one of {}.", list(names))],
        Rule::AtMostOne(names) => vec![format!("At most one of {}.", list(names))],
        Rule::AtLeastOne(names) => vec![format!("At least one of {}.", list(names))],
        Rule::Needs(name, others) => {
            let others: Vec<String> = others.iter().map(|other| format!("`{other}`")).collect();
            vec![format!("`{name}` only beside {}.", others.join(" or "))]
        }
        Rule::Case { field, cases, .. } => cases
            .iter()
            .map(|case| {
                let wants: Vec<String> = case.groups.iter().map(|group| format!("one of {}", list(group))).collect();
                let wants = if wants.is_empty() { "none of the others".to_owned() } else { wants.join(" and ") };
                format!("`{field}: {}` takes {wants}.", case.value)
            })
            .collect(),
    }
}
