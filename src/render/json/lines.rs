//! JSON lines to a file that others may be reading, and other runs appending to.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Lines are written at the latest when so many bytes of them wait: enough that the calls vanish beside the lines' making.
const BURST: usize = 64 * 1024;

/// The time now, as RFC 3339.
pub type Clock = Box<dyn Fn() -> String + Send + Sync>;

/// Gathers lines while the run is busy, and writes them whole. After an error nothing more is written: the file has no gap but its end.
pub(super) struct Lines {
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    writer: Box<dyn Write + Send>,
    waiting: Vec<u8>,
    /// When the first of the waiting lines was made.
    since: Option<Arc<str>>,
    failed: Option<io::Error>,
}

impl Lines {
    pub(super) fn new(writer: Box<dyn Write + Send>, clock: Clock) -> Self {
        Self { clock, state: Mutex::new(State { writer, waiting: Vec::new(), since: None, failed: None }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time for the next line: that of the first line that waits. Between them the run has not waited.
    pub(super) fn time(&self) -> Arc<str> {
        Arc::clone(self.state().since.get_or_insert_with(|| (self.clock)().into()))
    }

    /// Adds a line.
    pub(super) fn add(&self, line: &impl Serialize) {
        let mut state = self.state();
        if state.failed.is_some() {
            return;
        }
        let before = state.waiting.len();
        if let Err(error) = made(&mut state.waiting, line) {
            state.waiting.truncate(before);
            state.failed = Some(error.into());
            return;
        }
        state.waiting.push(b'\n');
        if state.waiting.len() >= BURST {
            state.flush();
        }
    }

    /// Writes what waits. An error is kept for [`Lines::written`].
    pub(super) fn flush(&self) {
        self.state().flush();
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// The first error of the writer, or of a line that could not be made.
    pub(super) fn written(&self) -> io::Result<()> {
        let mut state = self.state();
        state.flush();
        state.failed.take().map_or(Ok(()), Err)
    }
}

/// JSON that is there already. It goes into a line as it is, and nowhere else: any other serializer takes it for a list of numbers.
pub(super) struct Made<'a>(pub(super) &'a [u8]);

impl Serialize for Made<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// JSON as short as it can be, with what is [`Made`] in it.
struct Verbatim;

impl Formatter for Verbatim {
    fn write_byte_array<W: Write + ?Sized>(&mut self, writer: &mut W, value: &[u8]) -> io::Result<()> {
        writer.write_all(value)
    }
}

/// Adds the JSON of a part of a line.
///
/// # Errors
/// Those of the value.
pub(super) fn made(json: &mut Vec<u8>, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(Pieces(json), Verbatim))
}

/// Appends to memory. JSON comes in pieces of which every other one is a quote, a comma or a colon: a call for each costs more than the text
/// between them.
struct Pieces<'a>(&'a mut Vec<u8>);

impl Write for Pieces<'_> {
    #[inline(always)]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match bytes {
            [byte] => self.0.push(*byte),
            bytes => self.0.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl State {
    /// One write for whole lines, so that runs that append to one file do not cut into each other's.
    fn flush(&mut self) {
        self.since = None;
        if self.waiting.is_empty() {
            return;
        }
        let written = self.writer.write_all(&self.waiting).and_then(|()| self.writer.flush());
        self.waiting.clear();
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }
}
