//! `drift`: how live differs from the manifests. It opens readers only, so it cannot write.

use std::io::Write as _;

use anyhow::Context;

use super::args::{DriftArgs, Format, ReportFormat};
use super::connect::Connector;
use super::files;
use super::next;
use super::report::{Reports, Run, STDOUT};
use super::session::{Session, Step, now, runtime};
use super::terminal::Terminal;
use crate::apply::Exit;
use crate::model::Instant;
use crate::plan::drift::{Drift, Endings, TargetDrift, drift, ending};
use crate::plan::{Claim, Plan};
use crate::render::json::Moment;
use crate::render::{self, Command, Style};

/// Shows the drift; see DESIGN section 6 for the exit codes.
pub(super) fn run(args: &DriftArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut reports = Reports::new(&args.reports, Run::Drift, args.output.format)?;
    let mut kept = false;
    let ended = look_and_show(args, terminal, &mut reports, &mut kept);
    if !kept {
        let exit = ended.as_ref().map_or_else(super::exit_of, |exit| *exit);
        keep_stopped(args, exit, terminal);
    }
    reports.or_stopped(ended, Command::Drift, terminal)
}

/// The run itself. `kept` says whether history and metrics hold this run.
fn look_and_show(
    args: &DriftArgs,
    terminal: &Terminal,
    reports: &mut Reports,
    kept: &mut bool,
) -> anyhow::Result<Exit> {
    let mut source = args.source.clone();
    source.planning.rotate = false;
    let mut session = match Session::load(&source, None, terminal, reports)? {
        Step::Ready(session) => session,
        Step::Ended(exit) => return Ok(exit),
    };
    session.require_sets()?;
    let runtime = runtime()?;
    let reading = terminal.signals.unless_stopped(look(&mut session, args, terminal));
    let (plan, ending) = terminal.signals.heed(|| runtime.block_on(reading))??;
    let drift = drift(&plan, &ending, args.unmanaged);
    let exit = exit_of(&drift);
    let next = (args.remediate && plan.changes().next().is_some()).then(|| next::apply(&args.source, None)).flatten();
    let shown = match args.output.format {
        Format::Text => {
            let style = Style::new(terminal.stdout_color);
            let options = render::Options { style, full: args.output.full, next: next.as_deref() };
            terminal.stream(|out| render::drift::drift(out, &drift, &options))
        }
        Format::Json => terminal.json(&render::json::drift(&drift, exit, next.as_deref())),
    };
    let mut written = terminal.told(shown, STDOUT);
    *kept = true;
    let line = serde_json::to_vec(&render::json::drift_history(&drift, exit))?;
    written = written.worse(append_history(args, line, terminal));
    let history = match history(args, terminal) {
        Ok(history) => history,
        Err(error) => {
            terminal.error(&error);
            written = Exit::Error;
            Vec::new()
        }
    };
    written = written.worse(reports.drift(&drift, exit, next.as_deref(), &history, terminal));
    // The metrics come last: they name the exit code that the run ends with.
    let metrics = render::openmetrics::drift(&drift, with_failed_outputs(exit, written));
    written = written.worse(write_metrics(args, &metrics, terminal));
    Ok(with_failed_outputs(exit, written))
}

/// The exit of a run some of whose outputs failed. Found drift stays the exit: a full disk must not hide it.
fn with_failed_outputs(exit: Exit, written: Exit) -> Exit {
    if exit == Exit::Pending { exit } else { exit.worse(written) }
}

/// The runs so far, this one included.
fn history(args: &DriftArgs, terminal: &Terminal) -> anyhow::Result<Vec<Moment>> {
    let Some(file) = args.history.as_deref().filter(|_| args.reports.wants(ReportFormat::Html)) else {
        return Ok(Vec::new());
    };
    let text = std::fs::read(file).with_context(|| format!("--history {} cannot be read", file.display()))?;
    let (runs, unread) = render::json::read_drift_history(&String::from_utf8_lossy(&text));
    if unread > 0 {
        terminal
            .hint(&format!("--history {}: {unread} lines are no runs of drift; they are not drawn.\n", file.display()));
    }
    Ok(runs)
}

/// Reads and plans; gives for each target what ends soon.
async fn look(session: &mut Session, args: &DriftArgs, terminal: &Terminal) -> anyhow::Result<(Plan, Vec<Endings>)> {
    let mut connector =
        Connector::new(&args.source.credentials, std::sync::Arc::clone(&session.ids), terminal.signals.stop())?;
    let open = session.open_readers(&mut connector).await?;
    let seen = session.read(&open, terminal).await;
    let horizon = args.expiring.map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    let horizon = Instant(session.now().0.saturating_add(horizon));
    let ends = |(open, live): (&super::session::Open<_>, &super::session::Seen)| match live {
        Ok(snapshot) => session.with_input(open.target, |input| ending(input, snapshot, horizon)),
        Err(_) => Endings::new(),
    };
    let ending = open.iter().zip(&seen).map(ends).collect();
    let plan = session.plan_seen(&open, seen)?;
    drop(open);
    connector.close().await?;
    Ok((plan, ending))
}

/// The exit of a run: the worst of its targets. A target ends with "pending" where drift was found, else with "error" where not all that
/// its sets claim was proven. A guard refuses nothing here: nothing is written.
fn exit_of(drift: &Drift<'_>) -> Exit {
    let of = |found: &TargetDrift<'_>| match &found.target.unreadable {
        Some(unreadable) if unreadable.temporary => Exit::Temporary,
        Some(_) => Exit::Error,
        // An error of the manifests, whatever else differs.
        None if found.target.has_failed_set() => Exit::Error,
        None if found.counts().drift > 0 => Exit::Pending,
        None if found.claim() == Claim::Incomplete => Exit::Error,
        None => Exit::Success,
    };
    drift.targets.iter().map(of).fold(Exit::Success, Exit::worse)
}

/// History and metrics of a run that ended before it looked: neither may keep the values of an earlier run.
fn keep_stopped(args: &DriftArgs, exit: Exit, terminal: &Terminal) {
    let now = now();
    if let Ok(line) = serde_json::to_vec(&render::json::stopped_history(now, exit)) {
        append_history(args, line, terminal);
    }
    write_metrics(args, &render::openmetrics::stopped(now, exit), terminal);
}

fn append_history(args: &DriftArgs, mut line: Vec<u8>, terminal: &Terminal) -> Exit {
    let Some(file) = &args.history else { return Exit::Success };
    line.push(b'\n');
    // One write, so that two runs do not mix their lines.
    let write = || -> anyhow::Result<()> { Ok(files::append_private(file)?.write_all(&line)?) };
    failed_output(write().with_context(|| format!("--history {} cannot be written", file.display())), terminal)
}

fn write_metrics(args: &DriftArgs, text: &str, terminal: &Terminal) -> Exit {
    let Some(file) = &args.metrics else { return Exit::Success };
    let written = files::write_shared(file, text.as_bytes());
    failed_output(written.with_context(|| format!("--metrics {} cannot be written", file.display())), terminal)
}

/// Reports an output that failed beside the result of the run.
fn failed_output(written: anyhow::Result<()>, terminal: &Terminal) -> Exit {
    match written {
        Ok(()) => Exit::Success,
        Err(error) => {
            terminal.error(&error);
            Exit::Error
        }
    }
}
