//! An apply while it happens: bars at a terminal, plain lines elsewhere. Both are sinks of the executor's events, and both say at
//! once what did not go through. They write to standard error or where the caller says; the final report is `render::report`.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::apply::{Ended, Event, NotLookedAt, Outcome, Sink, Verification};
use crate::model::Ids;
use crate::plan::{PlannedChange, TargetPlan};

use super::report::{change_line, outcome_style, said};
use super::words::{self, Speaker};
use super::{Style, clean};

/// Up to this many changes, plain output has a line for each.
const LINE_PER_CHANGE: u64 = 200;
/// Above that, a summary line comes after this share of the changes …
const PERCENT_STEP: u64 = 10;
/// … or after this time, whichever is first: a log that is silent for long looks like a hang.
const INTERVAL: Duration = Duration::from_secs(5);

/// The time since some fixed moment. The caller has the clock.
pub type Elapsed = Box<dyn Fn() -> Duration + Send + Sync>;

/// Plain lines, for logs.
pub struct Lines {
    ids: Arc<Ids>,
    style: Style,
    elapsed: Elapsed,
    state: Mutex<LinesState>,
}

struct LinesState {
    out: Box<dyn Write + Send>,
    progress: Progress,
    /// Share of the changes and time at the last summary line.
    last: (u64, Duration),
}

/// How far an apply is.
#[derive(Default)]
struct Progress {
    changes: u64,
    finished: u64,
    not_done: u64,
}

impl Progress {
    fn percent(&self) -> u64 {
        self.finished.saturating_mul(100).checked_div(self.changes).unwrap_or(100)
    }

    fn finish(&mut self, outcome: &Outcome, provisional: bool) {
        self.finished += 1;
        if !provisional && !outcome.is_converged() {
            self.not_done += 1;
        }
    }

    fn settle(&mut self, outcome: &Outcome) {
        if !outcome.is_converged() {
            self.not_done += 1;
        }
    }

    fn line(&self) -> String {
        let (finished, changes) = (words::number(self.finished), words::number(self.changes));
        let not_done = match self.not_done {
            0 => String::new(),
            count => format!(", {} not done", words::number(count)),
        };
        format!("{finished} of {changes} changes ({} %){not_done}", self.percent())
    }
}

impl Lines {
    /// Lines to `out`; `elapsed` is the caller's clock.
    pub fn new(out: Box<dyn Write + Send>, ids: Arc<Ids>, style: Style, elapsed: Elapsed) -> Self {
        let state = LinesState { out, progress: Progress::default(), last: (0, Duration::ZERO) };
        Self { ids, style, elapsed, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, LinesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line for a change: each one in a small apply, what went wrong in a large one.
    fn change(&self, state: &mut LinesState, target: &TargetPlan, change: &PlannedChange, outcome: &Outcome) {
        if state.progress.changes <= LINE_PER_CHANGE || is_trouble(outcome) {
            state.say(&outcome_line(&self.ids, self.style, target, change, outcome));
        }
    }

    fn summary(&self, state: &mut LinesState) {
        if state.progress.changes <= LINE_PER_CHANGE {
            return;
        }
        let (percent, now) = (state.progress.percent(), (self.elapsed)());
        let (last_percent, last_time) = state.last;
        let step = percent / PERCENT_STEP > last_percent / PERCENT_STEP;
        if step || now.saturating_sub(last_time) >= INTERVAL {
            state.last = (percent, now);
            let line = state.progress.line();
            state.say(&line);
        }
    }
}

impl LinesState {
    fn say(&mut self, line: &str) {
        // A log that cannot be written to is no reason to stop an apply half-way.
        let _ = writeln!(self.out, "{line}");
    }
}

impl Sink for Lines {
    fn event(&self, event: &Event<'_>) {
        let mut state = self.state();
        match event {
            Event::Started { targets, changes } => {
                state.progress.changes = *changes;
                let targets = words::counted(u64::try_from(*targets).unwrap_or(u64::MAX), "target");
                let changes = words::counted(*changes, "change");
                if state.progress.changes > 0 {
                    state.say(&format!("Applying {changes} to {targets}"));
                }
                state.last = (0, (self.elapsed)());
            }
            Event::Finished { target, ended, provisional } => {
                for change in ended.changes {
                    state.progress.finish(ended.outcome, *provisional);
                    if !provisional {
                        self.change(&mut state, target, change, ended.outcome);
                    }
                    self.summary(&mut state);
                }
            }
            Event::Settled { target, ended } => {
                for change in ended.changes {
                    state.progress.settle(ended.outcome);
                    self.change(&mut state, target, change, ended.outcome);
                }
            }
            Event::Verifying { target, attempt } => state.say(&verifying(target, *attempt)),
            Event::Verified { target, verification, not_looked_at } => {
                state.say(&verified(target, verification, not_looked_at));
            }
            Event::Interrupted => state.say(INTERRUPTED),
            _ => {}
        }
    }
}

const INTERRUPTED: &str = "Interrupted: nothing more is sent; waiting for what is in flight (a second Ctrl-C kills)";

fn verifying(target: &TargetPlan, attempt: u32) -> String {
    let name = words::value(&target.name);
    match attempt {
        0 | 1 => format!("{name}: reading again"),
        more => format!("{name}: reading again for what is not visible yet (reading {more})"),
    }
}

fn verified(target: &TargetPlan, verification: &Verification, not_looked_at: &[NotLookedAt]) -> String {
    let said = match verification {
        Verification::Untouched => "nothing was sent".to_owned(),
        Verification::Clean => format!("verified, {}", words::verified(not_looked_at)),
        Verification::Remaining(left) => {
            format!("read again, {} remaining", words::counted(words::len(left), "difference"))
        }
        Verification::NotVerified { why } => format!("not verified: {}", clean::terminal(why)),
        Verification::Unreadable { message, .. } => format!("could not be read again: {}", clean::terminal(message)),
    };
    format!("{}: {said}", words::value(&target.name))
}

/// What a person must hear of at once. What was skipped or is waiting behind a failure stands in the report.
fn is_trouble(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed { .. } | Outcome::Unknown { .. })
}

/// `crm-prod: failed  - remove  idn_anna / node_emea / role_support: HTTP 409 …`.
fn outcome_line(ids: &Ids, style: Style, target: &TargetPlan, change: &PlannedChange, outcome: &Outcome) -> String {
    let style = outcome_style(style, outcome);
    let (name, word) = (words::value(&target.name), outcome.word());
    let said = said(outcome).map(|said| format!(": {said}")).unwrap_or_default();
    format!("{name}: {style}{word:<7}{style:#}  {}{said}", change_line(Speaker::new(ids, target), change))
}

/// One bar a target, for a terminal; what did not go through is printed above the bars.
pub struct Bars {
    ids: Arc<Ids>,
    style: Style,
    bars: MultiProgress,
    by_target: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Bars {
    /// Bars on `draw`, which is `ProgressDrawTarget::stderr()` but in tests.
    pub fn new(draw: ProgressDrawTarget, ids: Arc<Ids>, style: Style) -> Self {
        let bars = MultiProgress::with_draw_target(draw);
        Self { ids, style, bars, by_target: Mutex::new(BTreeMap::new()) }
    }

    fn add(&self, target: &TargetPlan, changes: u64) {
        let template = "{prefix:<24!} [{bar:30}] {pos}/{len}  {msg}  eta {eta}";
        // The template is a constant that parses; the default bar would do as well.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.bars.add(ProgressBar::new(changes).with_style(style.progress_chars("=> ")));
        bar.set_prefix(words::value(&target.name).into_owned());
        self.lock().insert(target.name.clone(), bar);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, ProgressBar>> {
        self.by_target.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_bar(&self, target: &TargetPlan, act: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = self.lock().get(&target.name) {
            act(bar);
        }
    }

    fn above(&self, line: &str) {
        // A terminal that cannot be written to is no reason to stop an apply half-way.
        let _ = self.bars.println(line);
    }

    fn trouble(&self, target: &TargetPlan, ended: &Ended<'_>) {
        for change in ended.changes.iter().filter(|_| is_trouble(ended.outcome)) {
            self.above(&outcome_line(&self.ids, self.style, target, change, ended.outcome));
        }
    }
}

impl Sink for Bars {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::TargetStarted { target, changes } => self.add(target, *changes),
            Event::Finished { target, ended, provisional } => {
                self.with_bar(target, |bar| bar.inc(words::len(ended.changes)));
                if !provisional {
                    self.trouble(target, ended);
                }
            }
            Event::Settled { target, ended } => self.trouble(target, ended),
            Event::Verifying { target, .. } => self.with_bar(target, |bar| bar.set_message("reading again")),
            Event::Verified { target, verification, not_looked_at } => {
                self.above(&verified(target, verification, not_looked_at));
            }
            Event::TargetEnded { target, .. } => {
                self.with_bar(target, |bar| {
                    bar.set_message("ended");
                    bar.abandon();
                });
            }
            Event::Interrupted => self.above(INTERRUPTED),
            // The report follows and says it all: the bars have done their service. Clearing may fail as writing may.
            Event::Ended { .. } => {
                let _ = self.bars.clear();
            }
            Event::Started { .. } | Event::Held { .. } => {}
            Event::BatchPrepared { .. } | Event::BatchStarted { .. } | Event::BatchEnded { .. } => {}
        }
    }
}
