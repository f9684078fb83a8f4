//! `plan`: show what an apply would change, and why.

use std::io;

use super::args::{Format, PlanArgs};
use super::connect::Connector;
use super::report::{Reports, Run, STDOUT};
use super::session::{Session, Step, plan_exit, runtime};
use super::terminal::Terminal;
use super::{approved, base, next};
use crate::apply::Exit;
use crate::plan::Plan;
use crate::render::{self, Command, Style, human};

/// Shows the plan; see DESIGN section 6 for the exit codes.
pub(super) fn run(args: &PlanArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut reports = Reports::new(&args.reports, Run::Plan, args.output.format)?;
    let ended = make_and_show(args, terminal, &mut reports);
    reports.or_stopped(ended, Command::Plan, terminal)
}

/// The run itself.
fn make_and_show(args: &PlanArgs, terminal: &Terminal, reports: &mut Reports) -> anyhow::Result<Exit> {
    let mut session = match Session::load(&args.source, None, terminal, reports)? {
        Step::Ready(session) => session,
        Step::Ended(exit) => return Ok(exit),
    };
    if let Some(base) = base::load(args, &session, terminal)? {
        session.compare_with(base);
    } else {
        session.require_sets()?;
    }
    let runtime = runtime()?;
    let reading = terminal.signals.unless_stopped(make(&mut session, args, terminal));
    let plan = terminal.signals.heed(|| runtime.block_on(reading))??;
    if let Some(out) = &args.out {
        approved::save(&session, &plan, args, out)?;
    }
    let changes = plan.counts().changes() > 0;
    let exit = plan_exit(&plan);
    let exit = if args.detailed_exitcode && changes { exit.worse(Exit::Pending) } else { exit };
    let next = (changes && exit != Exit::Error && !terminal.quiet)
        .then(|| next::apply(&args.source, args.out.as_deref()))
        .flatten();
    let shown = match args.output.format {
        Format::Text => show(&plan, args, terminal, next.as_deref()),
        Format::Json => terminal.json(&render::json::plan(&plan, exit)),
    };
    let shown = terminal.told(shown, STDOUT);
    Ok(exit.worse(shown).worse(reports.plan(&plan, exit, terminal)))
}

async fn make(session: &mut Session, args: &PlanArgs, terminal: &Terminal) -> anyhow::Result<Plan> {
    let mut connector =
        Connector::new(&args.source.credentials, std::sync::Arc::clone(&session.ids), terminal.signals.stop())?;
    let open = session.open_readers(&mut connector).await?;
    let plan = session.plan(&open, terminal).await;
    drop(open);
    connector.close().await?;
    plan
}

fn show(plan: &Plan, args: &PlanArgs, terminal: &Terminal, next: Option<&str>) -> io::Result<()> {
    let options = render::Options { style: Style::new(terminal.stdout_color), full: args.output.full, next };
    terminal.stream(|out| human::plan(out, plan, &options))
}
