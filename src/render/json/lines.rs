//! JSON lines to a file that others may be reading, and other runs appending to.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::piece::made;

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

    /// The time for the next line: that of the first line that waits. Between them the run waited for no more than a millisecond or two.
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

    /// Writes what waits. Gives whether all lines so far are written; the error is kept for [`Lines::written`].
    pub(super) fn flush(&self) -> bool {
        let mut state = self.state();
        state.flush();
        state.failed.is_none()
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
