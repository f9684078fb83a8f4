//! The palette: every colour of every human output in one place. Words carry the meaning; colour only repeats it.

use anstyle::{AnsiColor, Effects, Style as Ansi};

use crate::model::Action;

/// The styles of an output. Without colour all of them are empty and write nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Names of targets and sets.
    pub heading: Ansi,
    /// What comes to be.
    pub create: Ansi,
    /// What changes.
    pub update: Ansi,
    /// What goes.
    pub remove: Ansi,
    /// Someone loses something.
    pub loss: Ansi,
    /// Worth a look.
    pub warning: Ansi,
    /// Refused or failed.
    pub error: Ansi,
    /// All is well.
    pub good: Ansi,
    /// Places, reasons and counts that are read second.
    pub dim: Ansi,
}

/// How a text for people is shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Colours, or none.
    pub style: Style,
    /// Fold nothing.
    pub full: bool,
    /// The command to type next, shown where there is something left to do.
    pub next: Option<&'a str>,
}

/// Rows of a list that are shown before the rest is counted. Failed, blocked and unknown changes are never folded.
pub(in crate::render) const FOLD: usize = 20;

impl Style {
    /// With colour, or plain.
    pub fn new(color: bool) -> Self {
        if color { Self::colored() } else { Self::default() }
    }

    fn colored() -> Self {
        let color = |color: AnsiColor| color.on_default();
        Self {
            heading: Ansi::new().effects(Effects::BOLD),
            create: color(AnsiColor::Green),
            update: color(AnsiColor::Yellow),
            remove: color(AnsiColor::Red),
            loss: color(AnsiColor::Red).effects(Effects::BOLD),
            warning: color(AnsiColor::Yellow).effects(Effects::BOLD),
            error: color(AnsiColor::Red).effects(Effects::BOLD),
            good: color(AnsiColor::Green).effects(Effects::BOLD),
            dim: Ansi::new().effects(Effects::DIMMED),
        }
    }

    /// The style of an action.
    pub fn action(&self, action: Action) -> Ansi {
        match action {
            Action::Create => self.create,
            Action::Update => self.update,
            Action::Remove => self.remove,
        }
    }
}
