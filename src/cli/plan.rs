//! `plan`: show what an apply would change, and why.

use std::path::Path;

use super::args::{Format, PlanArgs, SourceArgs};
use super::connect::Connector;
use super::report::{Reports, Run};
use super::session::{Session, Step, plan_exit, runtime};
use super::terminal::Terminal;
use super::{approved, base};
use crate::apply::Exit;
use crate::plan::Plan;
use crate::render::{self, Style, human};

/// Shows the plan; see DESIGN section 6 for the exit codes.
pub(super) fn run(args: &PlanArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut reports = Reports::new(&args.reports, Run::Plan, args.output.format)?;
    let mut session = match Session::load(&args.source, None, terminal, &mut reports)? {
        Step::Ready(session) => session,
        Step::Ended(exit) => return Ok(exit),
    };
    let (manifests, as_mode) = (&args.source.manifests, args.source.planning.as_mode);
    if let Some(base) = base::load(&args.base, manifests, as_mode, &session, terminal)? {
        session.compare_with(base);
    }
    let plan = runtime()?.block_on(make(&mut session, args, terminal))?;
    if let Some(out) = &args.out {
        approved::save(&session, &plan, args, out)?;
    }
    let changes = plan.counts().changes() > 0;
    let exit = plan_exit(&plan);
    let exit = if args.detailed_exitcode && changes { exit.worse(Exit::Pending) } else { exit };
    let next =
        (changes && exit != Exit::Error && !terminal.quiet).then(|| apply_command(&args.source, args.out.as_deref()));
    match args.output.format {
        Format::Text => show(&plan, args, terminal, next.as_deref())?,
        Format::Json => terminal.json(&render::json::plan(&plan, exit))?,
    }
    Ok(exit.worse(reports.plan(&plan, exit, terminal)))
}

async fn make(session: &mut Session, args: &PlanArgs, terminal: &Terminal) -> anyhow::Result<Plan> {
    let mut connector = Connector::new(&args.source.credentials, std::sync::Arc::clone(&session.ids))?;
    let open = session.open_readers(&mut connector).await?;
    let plan = session.plan(&open, terminal).await;
    drop(open);
    connector.close().await?;
    plan
}

fn show(plan: &Plan, args: &PlanArgs, terminal: &Terminal, next: Option<&str>) -> anyhow::Result<()> {
    let options = human::Options { style: Style::new(terminal.stdout_color), full: args.output.full, next };
    terminal.stream(|out| human::plan(out, plan, &options))?;
    Ok(())
}

/// The next command to type: the same words, with `apply`.
pub(super) fn apply_command(source: &SourceArgs, saved: Option<&Path>) -> String {
    let paths: Vec<String> = source.manifests.paths.iter().map(|path| path.display().to_string()).collect();
    let mut words = vec!["assignctl apply".to_owned()];
    if source.manifests.complete {
        words.push("--complete".to_owned());
    }
    words.extend(paths.into_iter().filter(|path| path != "."));
    if let Some(out) = saved {
        // The saved plan says itself which sets are concerned.
        words.push(format!("--plan {}", out.display()));
        return words.join(" ");
    }
    let select = &source.select;
    words.extend(select.target.iter().map(|name| format!("--target {name}")));
    words.extend(select.set.iter().map(|name| format!("--set {name}")));
    words.extend(select.selector.iter().map(|(key, value)| format!("-l {key}={value}")));
    words.extend(select.shard.iter().map(|shard| format!("--shard {shard}")));
    // Without it, an apply would do what the manifests say, and not what was shown.
    words.extend(source.planning.as_mode.iter().map(|mode| format!("--as {}", mode.as_str())));
    words.join(" ")
}
