//! All JSON Schemas that the program publishes, by name. `schemas/` holds the same texts; a test compares them.

use crate::manifest::schemas;
use crate::plan::saved;
use crate::{provider, render};

/// Outputs that have a schema, beside the manifests' kinds.
const OUTPUTS: [&str; 7] = ["plan", "report", "event", "saved-plan", "journal", "drift", "drift-history"];

/// The kinds of manifests, then the outputs.
pub fn names() -> Vec<&'static str> {
    schemas::kinds(&provider::kinds()).into_iter().chain(OUTPUTS).collect()
}

/// The name of a schema's file: kinds in lower case, words joined by `-`.
pub fn file_name(name: &str) -> String {
    let mut file = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            file.push('-');
        }
        file.push(letter.to_ascii_lowercase());
    }
    file.push_str(".json");
    file
}

/// A schema's text, as it is checked in; `None` for an unknown name.
pub fn text(name: &str) -> Option<String> {
    let schema = match name {
        "plan" => render::json::plan_schema(),
        "report" => render::json::report_schema(),
        "drift" => render::json::drift_schema(),
        "drift-history" => render::json::drift_history_schema(),
        "event" => render::json::event_schema(),
        "saved-plan" => saved::schema(),
        "journal" => render::json::journal_schema(),
        kind => schemas::schema(&provider::kinds(), kind)?,
    };
    let mut text = serde_json::to_string_pretty(&schema).ok()?;
    text.push('\n');
    Some(text)
}
