//! Diagnostics: what is wrong with the input, where, and what to do about it.
//!
//! Everything that reads text a person wrote reports through these types, all findings of a run together. This module
//! knows neither manifests nor terminals: it holds codes, places and words, and `render` turns them into bytes.

mod sources;

pub use sources::{Location, SourceId, Sources, Span};

/// How bad a finding is. Errors stop the run before anything is read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The input cannot be used.
    Error,
    /// The input can be used, and probably does not mean what its author thinks.
    Warning,
}

/// A place that a diagnostic talks about, with the words that belong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The exact token concerned.
    pub span: Span,
    /// What to say under it; may be empty.
    pub text: String,
}

/// One finding: a stable kebab-case code, a message, the places concerned and the fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Stable kebab-case name such as `unknown-field`; documented, never renamed.
    pub code: &'static str,
    /// What happened, in one line, without a full stop.
    pub message: String,
    /// Where: the token to mend. `None` only where no text is concerned (such as an empty directory).
    pub primary: Option<Label>,
    /// Further places, such as "first declared here".
    pub secondary: Vec<Label>,
    /// What to do, each a full line.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: &'static str, message: impl Into<String>, span: Span) -> Self {
        Self::new(Severity::Error, code, message.into(), Some(Label { span, text: String::new() }))
    }

    /// A warning at `span`.
    pub fn warning(code: &'static str, message: impl Into<String>, span: Span) -> Self {
        Self::new(Severity::Warning, code, message.into(), Some(Label { span, text: String::new() }))
    }

    /// An error that no text is to blame for.
    pub fn global(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message.into(), None)
    }

    fn new(severity: Severity, code: &'static str, message: String, primary: Option<Label>) -> Self {
        Self { severity, code, message, primary, secondary: Vec::new(), help: Vec::new() }
    }

    /// Puts words under the primary token.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(primary) = &mut self.primary {
            primary.text = text.into();
        }
        self
    }

    /// Points at a second place, such as "first declared here".
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

/// All findings of a run.
#[derive(Debug, Default)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
    errors: usize,
}

impl Diagnostics {
    /// Adds a finding.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error {
            self.errors += 1;
        }
        self.items.push(diagnostic);
    }

    /// Adds all findings of another collection.
    pub fn extend(&mut self, other: Diagnostics) {
        self.errors += other.errors;
        self.items.extend(other.items);
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.items.len() - self.errors
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The findings in the order of their places: file, offset, then code, so that the order never depends on how they were found.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<&Diagnostic> = self.items.iter().collect();
        sorted.sort_by_key(|d| (d.primary.as_ref().map(|p| p.span), d.code));
        sorted
    }
}
