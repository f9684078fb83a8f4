//! Time windows: whether an assignment gives access at an instant, and which clock that instant is read from.
//!
//! The system's own report of a row's state decides, then its dates by the server's clock, then its dates by the local clock. Pure: both
//! clocks are inputs.

use crate::model::{Action, Change, Fields, Instant, Live, Snapshot, Window, WindowState};

use super::compare::instant;

/// Milliseconds by which the local clock may differ from the server's before it is reported. The `Date` header has a resolution of one
/// second, and time servers keep machines within a second; a minute is more than either, and less than any window that people set.
pub(super) const MAX_CLOCK_DIFFERENCE_MS: i64 = 60_000;

/// How windows are judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    /// The instant to judge by.
    pub now: Instant,
    /// The fields that bound an assignment; `None`: the API has no windows, and every assignment gives access.
    window: Option<Window>,
    /// Whether the state that the system reports for a row decides.
    trust_state: bool,
}

impl View {
    /// By the server, as far as its answers show its clock.
    pub(super) fn of_server(local: Instant, ahead: Option<i64>, window: Option<Window>) -> Self {
        Self { now: Instant(local.0.saturating_add(ahead.unwrap_or(0))), window, trust_state: true }
    }

    /// By the local clock and the dates alone.
    pub(super) fn of_local_clock(local: Instant, window: Option<Window>) -> Self {
        Self { now: local, window, trust_state: false }
    }

    /// The state of a live row.
    pub(super) fn state(&self, live: &Live) -> WindowState {
        if self.window.is_none() {
            return WindowState::Active;
        }
        let reported = live.info.as_ref().and_then(|info| info.state).filter(|_| self.trust_state);
        reported.unwrap_or_else(|| self.state_of(&live.fields))
    }

    /// The state by the dates.
    pub(super) fn state_of(&self, fields: &Fields) -> WindowState {
        let Some(window) = self.window else { return WindowState::Active };
        if instant(fields, window.to).is_some_and(|to| to <= self.now) {
            WindowState::Expired
        } else if instant(fields, window.from).is_some_and(|from| from > self.now) {
            WindowState::Scheduled
        } else {
            WindowState::Active
        }
    }

    /// Whether a live row gives access now.
    pub(super) fn gives_access(&self, live: &Live) -> bool {
        self.state(live) == WindowState::Active
    }

    /// Whether a row with these dates gives access now and for some time on.
    pub(super) fn gives_access_for(&self, fields: &Fields, milliseconds: i64) -> bool {
        self.state_of(fields) == WindowState::Active && self.end(fields) > self.now.0.saturating_add(milliseconds)
    }

    /// The end of access in milliseconds. No end is later than every end.
    pub(super) fn end(&self, fields: &Fields) -> i64 {
        self.window.and_then(|window| instant(fields, window.to)).map_or(i64::MAX, |to| to.0)
    }

    /// The start of access in milliseconds. A start that has passed, or none, is a start now.
    pub(super) fn start(&self, fields: &Fields) -> i64 {
        self.window.and_then(|window| instant(fields, window.from)).map_or(self.now.0, |from| from.0.max(self.now.0))
    }

    /// The dates of a changed row after the change.
    pub(super) fn dates_after(&self, change: &Change) -> Fields {
        let Some(window) = self.window else { return Fields::default() };
        let live = change.live.as_ref();
        let pick = |name: &'static str| {
            let declared = change.differs.contains(&name) || live.is_none();
            let fields = if declared { Some(&change.desired) } else { live.map(|live| &live.fields) };
            (name, fields.and_then(|fields| fields.get(name)).cloned().unwrap_or(crate::model::Value::Null))
        };
        Fields::new(vec![pick(window.from), pick(window.to)])
    }

    /// Whether a change takes access away from a row that has it now: it removes the row, or lets its access end earlier or start later.
    pub(super) fn takes_access(&self, change: &Change) -> bool {
        let Some(live) = change.live.as_ref().filter(|live| self.gives_access(live)) else { return false };
        match change.action {
            Action::Create => false,
            Action::Remove => true,
            Action::Update => {
                let after = self.dates_after(change);
                self.end(&after) < self.end(&live.fields) || self.start(&after) > self.now.0
            }
        }
    }

    /// Whether the row of a change gives access afterwards: for so many milliseconds at least, unless it would have ended before then anyway.
    pub(super) fn leaves_access(&self, change: &Change, milliseconds: i64) -> bool {
        let after = || self.dates_after(change);
        match (change.action, &change.live) {
            (Action::Remove, _) => false,
            (Action::Update, Some(live)) if self.gives_access(live) => {
                let horizon = self.now.0.saturating_add(milliseconds);
                !self.is_dated(change)
                    || self.state_of(&after()) == WindowState::Active
                        && self.end(&after()) >= self.end(&live.fields).min(horizon)
            }
            _ => self.gives_access_for(&after(), milliseconds),
        }
    }

    /// Whether a change touches the dates.
    pub(super) fn is_dated(&self, change: &Change) -> bool {
        self.window.is_some_and(|window| [window.from, window.to].iter().any(|name| change.differs.contains(name)))
    }
}

/// What the answers of a target show of the difference between the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Difference {
    /// The local clock is behind by so many milliseconds, at least.
    Behind(i64),
    /// The local clock is ahead by so many milliseconds, at least.
    Ahead(i64),
}

impl Difference {
    /// The difference as a person would say it.
    pub(super) fn text(self) -> String {
        let (milliseconds, word) = match self {
            Difference::Behind(milliseconds) => (milliseconds, "behind"),
            Difference::Ahead(milliseconds) => (milliseconds, "ahead of"),
        };
        format!("the local clock is at least {} s {word} the server's", milliseconds / 1000)
    }
}

/// The difference between the clocks, where it is worth a warning: by the `Date` of an answer, else by the row that contradicts the local
/// clock most.
pub(super) fn clock_difference(local: Instant, snapshot: &Snapshot, window: Option<Window>) -> Option<Difference> {
    let by_date = snapshot.clock_ahead.map(signed);
    let rows = || snapshot.rows.iter().filter_map(|live| contradiction(local, live, window?)).map(signed);
    let over = |difference: &Difference| match difference {
        Difference::Behind(milliseconds) | Difference::Ahead(milliseconds) => *milliseconds > MAX_CLOCK_DIFFERENCE_MS,
    };
    let size = |difference: &Difference| match difference {
        Difference::Behind(milliseconds) | Difference::Ahead(milliseconds) => *milliseconds,
    };
    by_date.filter(over).or_else(|| rows().filter(over).max_by_key(size))
}

fn signed(ahead: i64) -> Difference {
    if ahead >= 0 { Difference::Behind(ahead) } else { Difference::Ahead(ahead.saturating_neg()) }
}

/// By how many milliseconds the server's clock must be ahead of the local one, at least, for a row's reported state to fit its dates.
fn contradiction(local: Instant, live: &Live, window: Window) -> Option<i64> {
    let reported = live.info.as_ref()?.state?;
    let after = |name| Some(instant(&live.fields, name)?.0.saturating_sub(local.0));
    match (reported, after(window.from), after(window.to)) {
        (WindowState::Expired, _, Some(left)) if left > 0 => Some(left),
        (WindowState::Active, Some(left), _) if left > 0 => Some(left),
        (WindowState::Active | WindowState::Scheduled, _, Some(left)) if left <= 0 => Some(left),
        (WindowState::Scheduled, Some(left), _) if left <= 0 => Some(left),
        _ => None,
    }
}
