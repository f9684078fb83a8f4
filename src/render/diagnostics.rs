//! Findings about manifests, for people and for programs.

use std::fmt::Write as _;

use crate::diag::{Diagnostics, Severity, Sources};

use super::clean;

/// For people.
pub fn human(diagnostics: &Diagnostics, sources: &Sources, _color: bool) -> String {
    let mut text = String::new();
    for finding in diagnostics.sorted() {
        let word = if finding.severity == Severity::Error { "error" } else { "warning" };
        let place =
            finding.primary.as_ref().map(|label| format!("{}: ", sources.locate(label.span))).unwrap_or_default();
        let _ = writeln!(text, "{place}{word}[{}]: {}", finding.code, clean::terminal(&finding.message));
        for help in &finding.help {
            let _ = writeln!(text, "  help: {}", clean::terminal(help));
        }
    }
    text
}

/// For programs.
pub fn json(diagnostics: &Diagnostics, _sources: &Sources) -> serde_json::Value {
    serde_json::json!({ "errors": diagnostics.errors() })
}
