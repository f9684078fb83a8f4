//! `drift`: how live differs from the manifests. It opens readers only, so it cannot write.

use std::io::Write as _;

use anyhow::Context;

use super::args::{DriftArgs, Format, ReportFormat};
use super::connect::Connector;
use super::files;
use super::next;
use super::report::{Reports, Run, STDOUT};
use super::session::{Session, Step, runtime};
use super::terminal::Terminal;
use crate::apply::Exit;
use crate::model::Instant;
use crate::plan::drift::{Drift, Endings, drift, ending};
use crate::plan::{Plan, TargetPlan};
use crate::render::json::Moment;
use crate::render::{self, Command, Style};

/// Shows the drift; see DESIGN section 6 for the exit codes.
pub(super) fn run(args: &DriftArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut reports = Reports::new(&args.reports, Run::Drift, args.output.format)?;
    let ended = look_and_show(args, terminal, &mut reports);
    reports.or_stopped(ended, Command::Drift, terminal)
}

/// The run itself.
fn look_and_show(args: &DriftArgs, terminal: &Terminal, reports: &mut Reports) -> anyhow::Result<Exit> {
    let mut source = args.source.clone();
    source.planning.rotate = false;
    let mut session = match Session::load(&source, None, terminal, reports)? {
        Step::Ready(session) => session,
        Step::Ended(exit) => return Ok(exit),
    };
    let runtime = runtime()?;
    let reading = terminal.signals.unless_stopped(look(&mut session, args, terminal));
    let (plan, ending) = terminal.signals.heed(|| runtime.block_on(reading))??;
    let drift = drift(&plan, &ending, args.unmanaged);
    let exit = exit_of(&drift);
    let next = (args.remediate && plan.changes().next().is_some() && !plan.is_preview())
        .then(|| next::apply(&args.source, None));
    let shown = match args.output.format {
        Format::Text => {
            let style = Style::new(terminal.stdout_color);
            let options = render::Options { style, full: args.output.full, next: next.as_deref() };
            terminal.stream(|out| render::drift::drift(out, &drift, &options))
        }
        Format::Json => terminal.json(&render::json::drift(&drift, exit, next.as_deref())),
    };
    let shown = terminal.told(shown, STDOUT);
    keep(args, &drift, exit)?;
    let history = history(args, terminal)?;
    Ok(exit.worse(shown).worse(reports.drift(&drift, exit, next.as_deref(), &history, terminal)))
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

/// What cannot be read is worse than what differs. A guard refuses nothing here: nothing is written.
fn exit_of(drift: &Drift<'_>) -> Exit {
    let of = |target: &TargetPlan| match &target.unreadable {
        Some(unreadable) if unreadable.temporary => Exit::Temporary,
        Some(_) => Exit::Error,
        None => Exit::Success,
    };
    let found = if drift.counts().drift > 0 { Exit::Pending } else { Exit::Success };
    drift.plan.targets.iter().map(of).fold(found, Exit::worse)
}

fn keep(args: &DriftArgs, drift: &Drift<'_>, exit: Exit) -> anyhow::Result<()> {
    if let Some(file) = &args.history {
        let mut line = serde_json::to_vec(&render::json::drift_history(drift, exit))?;
        line.push(b'\n');
        // One write, so that two runs do not mix their lines.
        let written = files::append_private(file)?.write_all(&line);
        written.with_context(|| format!("--history {} cannot be written", file.display()))?;
    }
    if let Some(file) = &args.metrics {
        files::write_shared(file, render::openmetrics::drift(drift, exit).as_bytes())?;
    }
    Ok(())
}
