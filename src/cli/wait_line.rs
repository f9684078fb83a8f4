//! One line about a wait: at a terminal it counts down in place, elsewhere it is written once and then rarely.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::http::{Wait, WaitReporter};
use crate::render::clean;

/// The shortest time between two lines where they cannot be replaced: 30 s. A log shows that the run lives, and not every try.
const LINE_INTERVAL: Duration = Duration::from_secs(30);

/// How often the line at a terminal is drawn anew: every second, as it shows whole seconds.
const REDRAW: Duration = Duration::from_secs(1);

/// What clears the line at a terminal.
const CLEAR: &str = "\r\u{1b}[2K";

/// The line about the newest wait of the run, on standard error.
pub(super) struct WaitLine {
    at_terminal: bool,
    quiet: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    written: Option<Instant>,
    countdown: Option<JoinHandle<()>>,
}

impl WaitLine {
    /// `quiet`: nothing is written.
    pub(super) fn new(quiet: bool) -> Self {
        Self { at_terminal: io::stderr().is_terminal(), quiet, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes to standard error; one that is closed is no reason to stop.
fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Whole seconds, and minutes from two on.
fn shown(duration: Duration) -> String {
    match duration.as_secs() + u64::from(duration.subsec_nanos() > 0) {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

fn line(wait: &Wait, left: Duration) -> String {
    let Wait { host, why, waited, budget, .. } = wait;
    let text = format!(
        "waiting: {host} {why}; next try in {} ({} of the retry budget of {} used)",
        shown(left),
        shown(*waited),
        shown(*budget)
    );
    clean::terminal(&text).into_owned()
}

impl WaitReporter for WaitLine {
    fn waiting(&self, wait: &Wait) {
        if self.quiet {
            return;
        }
        let mut state = self.state();
        if !self.at_terminal {
            if state.written.is_none_or(|written| written.elapsed() >= LINE_INTERVAL) {
                state.written = Some(Instant::now());
                say(&format!("{}\n", line(wait, wait.next_try)));
            }
            return;
        }
        if let Some(earlier) = state.countdown.take() {
            earlier.abort();
        }
        let (wait, begun) = (wait.clone(), Instant::now());
        // Clients wait inside of the runtime, so there is one to draw in.
        state.countdown = tokio::runtime::Handle::try_current().ok().map(|runtime| {
            runtime.spawn(async move {
                while let Some(left) = wait.next_try.checked_sub(begun.elapsed()) {
                    say(&format!("{CLEAR}{}", line(&wait, left)));
                    tokio::time::sleep(REDRAW.min(left)).await;
                }
                say(CLEAR);
            })
        });
    }

    fn over(&self, _host: &str) {
        let mut state = self.state();
        if let Some(countdown) = state.countdown.take() {
            countdown.abort();
            say(CLEAR);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_who_did_what_and_how_long_it_takes() {
        let wait = Wait {
            host: "api.vendor.example".to_owned(),
            why: "answered 503".to_owned(),
            next_try: Duration::from_millis(3_200),
            waited: Duration::from_secs(61),
            budget: Duration::from_secs(300),
        };
        assert_eq!(
            line(&wait, wait.next_try),
            "waiting: api.vendor.example answered 503; next try in 4 s (61 s of the retry budget of 5 min used)"
        );
        assert_eq!(shown(Duration::from_secs(125)), "2 min 5 s");
    }
}
