//! An apply while it happens.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assignctl::apply::{Ended, Event, Outcome, Sink, Totals, Verification};
use assignctl::plan::Plan;
use assignctl::render::Style;
use assignctl::render::progress::{Bars, Lines};
use indicatif::{ProgressDrawTarget, TermLike};

use super::fixture::{self, PARTIUM, World};
use super::reports::{done, failed};

/// A writer, and a terminal of sorts, that remembers what was written.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Log {
    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn push(&self, text: &str) -> std::io::Result<()> {
        self.0.lock().unwrap().push_str(text);
        Ok(())
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.push(std::str::from_utf8(bytes).unwrap())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl TermLike for Log {
    fn width(&self) -> u16 {
        200
    }
    fn move_cursor_up(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }
    fn write_line(&self, text: &str) -> std::io::Result<()> {
        self.push(text)?;
        self.push("\n")
    }
    fn write_str(&self, text: &str) -> std::io::Result<()> {
        self.push(text)
    }
    fn clear_line(&self) -> std::io::Result<()> {
        Ok(())
    }
    fn flush(&self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Plays an apply in which every change ends as `outcome` says.
fn play(plan: &Plan, sink: &dyn Sink, outcome: impl Fn(usize) -> Outcome) {
    sink.event(&Event::Started { targets: plan.targets.len(), changes: plan.changes().count() as u64 });
    let mut at = 0;
    for target in &plan.targets {
        sink.event(&Event::TargetStarted { target, changes: target.changes().count() as u64 });
        for set in target.sets.iter().filter(|set| set.applies()) {
            for change in &set.changes {
                let ended = Ended { set, changes: &[change], outcome: &outcome(at), request_ids: &[] };
                sink.event(&Event::Finished { target, ended, provisional: false });
                at += 1;
            }
        }
        sink.event(&Event::Verifying { target, attempt: 1 });
        sink.event(&Event::Verifying { target, attempt: 2 });
        sink.event(&Event::Verified { target, verification: &Verification::Clean, not_looked_at: &[] });
        sink.event(&Event::TargetEnded { target, totals: Totals::default() });
    }
    sink.event(&Event::Ended { totals: Totals::default() });
}

fn lines(plan: &Plan, clock: impl Fn() -> Duration + Send + Sync + 'static) -> (Log, Lines) {
    let log = Log::default();
    let lines = Lines::new(Box::new(log.clone()), Arc::clone(&plan.ids), Style::default(), Box::new(clock));
    (log, lines)
}

fn large(changes: usize) -> Plan {
    let mut world = World::new();
    let rows = (0..changes).map(|i| world.row(9, &[&format!("ass{i:04}"), "dealer-at"], vec![])).collect();
    world.plan("parts-prod", &PARTIUM, &[world.set("dealers", rows)], vec![]);
    world.done()
}

#[test]
fn a_small_apply_has_a_line_for_each_change() {
    let plan = fixture::everything();
    let (log, sink) = lines(&plan, || Duration::ZERO);
    play(&plan, &sink, |at| if at == 2 { failed(true) } else { done() });
    sink.event(&Event::Interrupted);
    insta::assert_snapshot!(log.text());
}

#[test]
fn a_large_apply_has_failures_and_ten_summaries() {
    let plan = large(1000);
    let (log, sink) = lines(&plan, || Duration::ZERO);
    play(&plan, &sink, |at| if at == 333 { failed(false) } else { done() });
    insta::assert_snapshot!(log.text());
}

#[test]
fn a_slow_apply_is_never_silent_for_long() {
    let plan = large(1000);
    let seconds = AtomicU64::new(0);
    let (log, sink) = lines(&plan, move || Duration::from_secs(seconds.fetch_add(1, Ordering::Relaxed)));
    play(&plan, &sink, |_| done());
    let summaries = log.text().lines().filter(|line| line.contains(" of 1,000 changes")).count();
    assert!((190..=210).contains(&summaries), "{summaries}");
}

#[test]
fn an_outcome_that_only_the_re_read_can_tell_is_told_once() {
    let plan = large(1);
    let (log, sink) = lines(&plan, || Duration::ZERO);
    let target = &plan.targets[0];
    let set = &target.sets[0];
    let changes = &[&set.changes[0]];
    let unsure = Outcome::Unknown { why: "the answer was lost".to_owned() };
    sink.event(&Event::Started { targets: 1, changes: 1 });
    let ended = Ended { set, changes, outcome: &unsure, request_ids: &[] };
    sink.event(&Event::Finished { target, ended, provisional: true });
    sink.event(&Event::Settled { target, ended: Ended { outcome: &done(), ..ended } });
    assert_eq!(log.text(), "Applying 1 change to 1 target\nparts-prod: done     + create    ass0000 / dealer-at\n");
}

#[test]
fn bars_move_and_failures_stand_above_them() {
    let plan = large(300);
    let log = Log::default();
    let draw = ProgressDrawTarget::term_like_with_hz(Box::new(log.clone()), 255);
    let bars = Bars::new(draw, Arc::clone(&plan.ids), Style::default());
    play(&plan, &bars, |at| if at == 7 { failed(false) } else { done() });
    let text = log.text();
    assert!(text.contains("/300"), "{text}");
    assert!(text.contains("parts-prod: failed   + create    ass0007 / dealer-at: HTTP 409 rbac"), "{text}");
    assert!(text.contains("parts-prod: verified, live state equals the manifests"), "{text}");
}
