//! What is wrong with manifests, as Markdown.

use crate::diag::{Diagnostics, Severity, Sources};
use crate::render::words;

use super::Options;
use super::inert::code;
use super::page::Page;

/// Findings in the order of their places, errors first.
pub fn findings(diagnostics: &Diagnostics, sources: &Sources, options: Options) -> String {
    let errors = words::counted(diagnostics.errors() as u64, "error");
    let warnings = words::counted(diagnostics.warnings() as u64, "warning");
    let summary = match (diagnostics.errors(), diagnostics.warnings()) {
        (0, 0) => "**The manifests are valid.**".to_owned(),
        (0, _) => format!("**The manifests are valid:** {warnings}."),
        _ => format!("**The manifests are not valid:** {errors}, {warnings}. Nothing was planned."),
    };
    let mut page = Page::new(&summary, options.limit);
    let sorted = diagnostics.sorted();
    for (severity, word, what) in [(Severity::Error, "error", "errors"), (Severity::Warning, "warning", "warnings")] {
        let of: Vec<_> = sorted.iter().filter(|finding| finding.severity == severity).collect();
        let rows = of.iter().map(|finding| {
            let place =
                finding.primary.as_ref().map(|label| format!("{} ", code(&sources.locate(label.span).to_string())));
            let help: String = finding.help.iter().map(|help| format!("  - help: {}\n", code(help))).collect();
            let (place, code_name) = (place.unwrap_or_default(), code(finding.code));
            format!("- **{word}** {place}{}, {code_name}\n{help}", code(&finding.message))
        });
        page.section("\n", rows, words::len(&of), what, |more| format!("- … and {more} more\n"), "");
    }
    page.end("`assignctl validate` shows all of them.")
}
