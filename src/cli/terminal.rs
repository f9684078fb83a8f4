//! Standard output, standard error, colour and questions.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, bail};
use tokio::sync::oneshot;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use super::args::{Color, Global};
use super::git_tree::GitRefused;
use super::signals::Signals;
use crate::apply::Exit;
use crate::render::clean;
use crate::render::json::pretty::{self, Pretty};

/// What this run may print, and how.
#[derive(Debug)]
pub(super) struct Terminal {
    /// Colour standard output.
    pub stdout_color: bool,
    /// Colour standard error.
    pub stderr_color: bool,
    /// Whether standard error shows to a person as it comes.
    pub live: bool,
    /// No progress, no hints.
    pub quiet: bool,
    /// Ctrl-C and SIGTERM.
    pub signals: Signals,
}

impl Terminal {
    pub(super) fn new(global: &Global) -> Self {
        start_log(global);
        Self {
            stdout_color: colored(global.color, io::stdout().is_terminal()),
            stderr_color: colored(global.color, io::stderr().is_terminal()),
            live: io::stderr().is_terminal() && !global.quiet,
            quiet: global.quiet,
            signals: Signals::handle(),
        }
    }

    /// Prints data; see [`Self::stream`].
    pub(super) fn data(&self, text: &str) -> io::Result<()> {
        self.stream(|out| out.write_all(text.as_bytes()))
    }

    /// Prints data piece by piece, so that a long plan is never held as text. A reader that has seen enough is no error, and changes
    /// nothing of what the command does besides.
    pub(super) fn stream(&self, print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        match print(&mut out).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            ended => ended,
        }
    }

    /// Prints a document as JSON.
    pub(super) fn json(&self, document: &impl serde::Serialize) -> io::Result<()> {
        self.stream(|out| {
            pretty::write_as(out, Inert(Pretty::default()), document)?;
            out.write_all(b"\n")
        })
    }

    /// Prints to standard error what is not data. A closed standard error is nobody's loss.
    pub(super) fn say(&self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Prints a hint, unless quiet.
    pub(super) fn hint(&self, text: &str) {
        if !self.quiet {
            self.say(text);
        }
    }

    /// Tells what could not be written, and gives what that means for the exit.
    pub(super) fn told(&self, written: io::Result<()>, what: &str) -> Exit {
        match written {
            Ok(()) => Exit::Success,
            Err(error) => {
                self.error(&anyhow::Error::new(error).context(format!("{what} could not be written")));
                Exit::Error
            }
        }
    }

    /// Shows an error with its causes.
    pub(super) fn error(&self, error: &anyhow::Error) {
        let (bold, reset) = if self.stderr_color { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
        let mut text = format!("{bold}error{reset}: {}\n", clean::terminal(&error.to_string()));
        for cause in error.chain().skip(1) {
            text.push_str(&format!("  caused by: {}\n", clean::terminal(&cause.to_string())));
        }
        // A command that git proposes can be copied only where it stands whole on a line of its own.
        if let Some(refused) = error.chain().find_map(|cause| cause.downcast_ref::<GitRefused>()) {
            refused.said.iter().for_each(|line| text.push_str(&format!("  {}\n", clean::terminal(line.trim()))));
        }
        self.say(&text);
    }

    /// Whether somebody is there to answer.
    pub(super) fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks, and takes nothing but `yes` for yes. A signal ends the waiting for an answer.
    pub(super) async fn ask(&self, question: &str) -> anyhow::Result<bool> {
        self.say(question);
        let (answered, answer) = oneshot::channel();
        // A thread of its own, which the end of the process does not wait for: a read of the terminal cannot be cancelled.
        std::thread::Builder::new().spawn(move || {
            let mut line = String::new();
            let read = io::stdin().lock().read_line(&mut line);
            let _ = answered.send(read.map(|_| line.trim() == "yes")); // nobody waits after a signal
        })?;
        match self.signals.unless_stopped(answer).await {
            Ok(Ok(answer)) => answer.context("the answer could not be read"),
            Ok(Err(_)) => bail!("the answer could not be read"),
            Err(stopped) => {
                self.say("\n"); // the line of the question has no end yet
                Err(stopped.into())
            }
        }
    }
}

/// Pretty JSON that is safe in a log: no string holds `##`, which some CI systems look for anywhere in a line (`##vso[…]`), nor a
/// character that reorders or hides text. Each is written as the escape that means the same.
struct Inert(Pretty);

impl serde_json::ser::Formatter for Inert {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        write_inert(writer, fragment)
    }

    /// Values that are carried over as they are written: between their strings there are line breaks, and in those there can be none.
    fn write_raw_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for (number, line) in fragment.split('\n').enumerate() {
            if number > 0 {
                writer.write_all(b"\n")?;
            }
            // Blanks of another kind mean the same.
            for (number, word) in line.split(['\r', '\t']).enumerate() {
                writer.write_all(if number > 0 { b" " } else { b"" })?;
                write_inert(writer, word)?;
            }
        }
        Ok(())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

/// Writes a piece of a document with the escapes of [`Inert`]. Outside its strings JSON has nothing to escape, so it may hold several.
fn write_inert<W: ?Sized + Write>(writer: &mut W, text: &str) -> io::Result<()> {
    let (mut start, mut last) = (0, ' ');
    for (at, letter) in text.char_indices() {
        let second = letter == '#' && last == '#';
        last = if second { ' ' } else { letter };
        if second || clean::is_unsafe(letter) {
            writer.write_all(text.get(start..at).unwrap_or_default().as_bytes())?;
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            start = at + letter.len_utf8();
        }
    }
    writer.write_all(text.get(start..).unwrap_or_default().as_bytes())
}

/// Flag, then `NO_COLOR`, then `CLICOLOR_FORCE`, then the terminal (DESIGN section 6).
fn colored(flag: Color, terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match flag {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto if std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0") => {
            true
        }
        Color::Auto => terminal,
    }
}

fn start_log(global: &Global) {
    let verbosity = match global.verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let asked = global.log.as_ref().and_then(|log| log.0.clone());
    let filter = asked.unwrap_or_else(|| Targets::new().with_target("assignctl", verbosity));
    let color = colored(global.color, io::stderr().is_terminal());
    let lines = tracing_subscriber::fmt::layer().with_ansi(color).with_writer(io::stderr);
    // Only the first call of a process takes effect; there is one.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
}
