//! Findings for the formats to show.

use assignctl::diag::{Diagnostic, Diagnostics, Sources, Span};

/// An error with a second place and help, one without a place, and a warning; hostile text in all of them.
pub fn some() -> (Diagnostics, Sources) {
    let mut sources = Sources::default();
    let source = sources.add("teams/a b.yaml", "kind: Root\nmetadata: {}\n".to_owned());
    let at = |start| Span { source, start, end: start + 4 };
    let mut diagnostics = Diagnostics::default();
    let evil = super::shapes::HOSTILE[1];
    diagnostics.push(Diagnostic::warning("unused-label", format!("the label {evil} does nothing"), at(11)));
    let twice = Diagnostic::error("duplicate-name", "the set [dealers](x) is declared twice, 100%", at(0));
    diagnostics.push(twice.also(at(11), "first declared here").help("rename one of them"));
    diagnostics.push(Diagnostic::global("no-manifests", "there is no manifest"));
    (diagnostics, sources)
}
