//! `apply`: show the plan, ask, carry it out, say how every change ended.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use indicatif::ProgressDrawTarget;

use super::approved;
use super::args::{ApplyArgs, Format};
use super::connect::Connector;
use super::report::{Reports, Run};
use super::session::{Open, Session, Step, plan_exit, runtime};
use super::terminal::Terminal;
use crate::apply::{self, Exit, Options, Report, Silent, Sink, Sinks, Stop, TargetRun};
use crate::model::Snapshot;
use crate::plan::{Plan, TargetPlan};
use crate::render::json::EventLines;
use crate::render::{self, Style, human, progress, report};

/// Plans, asks, applies, verifies; see DESIGN section 6 for the exit codes.
pub(super) fn run(args: &ApplyArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut reports = Reports::new(&args.reports, Run::Apply, args.output.format)?;
    let approved = args.plan.as_deref().map(approved::read).transpose()?;
    let session = match Session::load(&args.source, approved, terminal, &mut reports)? {
        Step::Ready(session) => session,
        Step::Ended(exit) => return Ok(exit),
    };
    runtime()?.block_on(async {
        let mut connector = Connector::new(&args.source.credentials, Arc::clone(&session.ids))?;
        let open = session.open(&mut connector).await?;
        let exit = match session.plan(&open).await {
            Ok(plan) => carry_out(&session, &open, &plan, args, &mut reports, terminal).await,
            Err(error) => Err(error),
        };
        drop(open);
        connector.close().await?;
        exit
    })
}

async fn carry_out(
    session: &Session,
    open: &[Open],
    plan: &Plan,
    args: &ApplyArgs,
    reports: &mut Reports,
    terminal: &Terminal,
) -> anyhow::Result<Exit> {
    let json = args.output.format == Format::Json;
    show(plan, args, terminal)?;
    let stale = !args.partial && plan.targets.iter().any(|target| target.held.iter().any(|held| held.why.is_stale()));
    let work =
        !stale && plan.targets.iter().any(|target| target.refusals.is_empty() && target.changes().next().is_some());
    if work && !args.auto_approve && !approved(plan, terminal)? {
        terminal.say("Nothing was applied.\n");
        return Ok(Exit::Error);
    }
    let events = reports.events(plan)?;
    let report = send(session, open, plan, args, &events, terminal).await;
    let exit = report.exit().worse(plan_exit(plan));
    if stale {
        terminal.say("Nothing was applied: the approved plan is stale. Plan and review again, or apply the rest of it with --partial.\n");
    }
    if json {
        terminal.json(&render::json::report(plan, &report))?;
    } else if work {
        let style = Style::new(terminal.stdout_color);
        let options = report::Options { style, full: args.output.full, next: None };
        terminal.stream(|out| {
            writeln!(out)?;
            report::report(out, plan, &report, &options)
        })?;
    }
    Ok(exit.worse(reports.applied(plan, &report, exit, events, terminal)))
}

/// Shows the plan. With JSON on standard output, a person finds it on standard error.
fn show(plan: &Plan, args: &ApplyArgs, terminal: &Terminal) -> anyhow::Result<()> {
    let json = args.output.format == Format::Json;
    let style = Style::new(if json { terminal.stderr_color } else { terminal.stdout_color });
    let options = human::Options { style, full: args.output.full, next: None };
    if json {
        let mut text = Vec::new();
        human::plan(&mut text, plan, &options)?;
        terminal.hint(&String::from_utf8_lossy(&text));
    } else {
        terminal.stream(|out| human::plan(out, plan, &options))?;
    }
    Ok(())
}

fn approved(plan: &Plan, terminal: &Terminal) -> anyhow::Result<bool> {
    if !terminal.can_ask() {
        bail!("nothing was applied: there is no terminal to ask at; review the plan and pass --auto-approve");
    }
    let counts = plan.counts();
    let question = format!(
        "\nApply {} changes ({} to create, {} to update, {} to remove)? Only `yes` is taken for yes: ",
        counts.changes(),
        counts.create,
        counts.update,
        counts.remove
    );
    terminal.ask(&question).context("the answer could not be read")
}

async fn send(
    session: &Session,
    open: &[Open],
    plan: &Plan,
    args: &ApplyArgs,
    events: &[EventLines],
    terminal: &Terminal,
) -> Report {
    let stop = Stop::default();
    let watcher = tokio::spawn(watch_interrupts(stop.clone()));
    let sink = progress_sink(plan, terminal);
    type Replan<'a> = Box<dyn Fn(Snapshot) -> TargetPlan + Send + Sync + 'a>;
    let replans: Vec<Replan<'_>> = open
        .iter()
        .map(|open| Box::new(move |live| session.plan_target(open.target, Ok(live))) as Replan<'_>)
        .collect();
    let runs: Vec<TargetRun<'_>> = open
        .iter()
        .zip(&plan.targets)
        .zip(&replans)
        .filter_map(|((open, target), replan)| {
            let connection = open.connection.as_ref().ok()?;
            Some(TargetRun {
                plan: target,
                reader: connection.reader.as_ref(),
                writer: connection.writer.as_ref(),
                replan: replan.as_ref(),
                read: &open.request,
                concurrency: session.target(open.target).limits.concurrency,
            })
        })
        .collect();
    let options = Options { verify: !args.no_verify, partial: args.partial, ..Options::default() };
    let mut sinks: Vec<&dyn Sink> = vec![sink.as_ref()];
    sinks.extend(events.iter().map(|events| events as &dyn Sink));
    let report = apply::apply(&runs, &stop, &Sinks(&sinks), &options).await;
    watcher.abort();
    report
}

/// Bars at a terminal, plain lines elsewhere, nothing when quiet.
fn progress_sink(plan: &Plan, terminal: &Terminal) -> Box<dyn Sink> {
    let (ids, style) = (Arc::clone(&plan.ids), Style::new(terminal.stderr_color));
    if terminal.quiet {
        Box::new(Silent)
    } else if terminal.live {
        Box::new(progress::Bars::new(ProgressDrawTarget::stderr(), ids, style))
    } else {
        let start = Instant::now();
        Box::new(progress::Lines::new(Box::new(std::io::stderr()), ids, style, Box::new(move || start.elapsed())))
    }
}

/// The first Ctrl-C stops sending; a second one ends the process.
async fn watch_interrupts(stop: Stop) {
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.request();
    }
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(i32::from(Exit::Interrupted.code()));
    }
}
