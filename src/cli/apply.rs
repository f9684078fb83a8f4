//! `apply`: show the plan, ask, carry it out, say how every change ended.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::bail;
use indicatif::ProgressDrawTarget;
use tokio::task::JoinHandle;

use super::again;
use super::approved;
use super::args::{ApplyArgs, Format};
use super::connect::Connector;
use super::journal;
use super::next;
use super::report::{Reports, Run, STDOUT};
use super::session::{Open, Session, Step, plan_exit, runtime};
use super::terminal::Terminal;
use super::undo;
use crate::apply::{self, Exit, NotRun, Options, Report, Silent, Sink, Sinks, TargetRun};
use crate::model::{Mode, NamePlace, ReadRequest, Snapshot};
use crate::plan::digest::Digest;
use crate::plan::{Plan, SetPlan, TargetPlan};
use crate::render::json::EventLines;
use crate::render::json::journal::Journal;
use crate::render::{self, Command, Style, human, progress, report};

/// Plans, asks, applies, verifies; see DESIGN section 6 for the exit codes.
pub(super) fn run(args: &ApplyArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut reports = Reports::new(&args.reports, Run::Apply, args.output.format)?;
    let planned = Cell::new(false);
    let ended = carry_out(args, terminal, &mut reports, &planned);
    // With a plan there are reports of it.
    if planned.get() { ended } else { reports.or_stopped(ended, Command::Apply, terminal) }
}

/// The run itself; notes when there is a plan to carry out, which has reports of its own.
fn carry_out(
    args: &ApplyArgs,
    terminal: &Terminal,
    reports: &mut Reports,
    planned: &Cell<bool>,
) -> anyhow::Result<Exit> {
    args.undo_out.as_deref().map_or(Ok(()), undo::check)?;
    let approved = args.plan.as_deref().map(approved::read).transpose()?;
    let mut session = match Session::load(&args.source, approved, terminal, reports)? {
        Step::Ready(session) => session,
        Step::Ended(exit) => return Ok(exit),
    };
    session.require_sets()?;
    let runtime = runtime()?;
    let work = async {
        let mut connector =
            Connector::new(&args.source.credentials, Arc::clone(&session.ids), terminal.signals.stop())?;
        let open = terminal.signals.unless_stopped(session.open(&mut connector)).await??;
        let exit = agree_and_apply(&mut session, &open, args, reports, terminal, planned).await;
        drop(open);
        connector.close().await?;
        exit
    };
    terminal.signals.heed(|| runtime.block_on(work))
}

/// Plans, shows, asks, reads again where a person had to answer, applies.
async fn agree_and_apply(
    session: &mut Session,
    open: &[Open],
    args: &ApplyArgs,
    reports: &Reports,
    terminal: &Terminal,
    planned: &Cell<bool>,
) -> anyhow::Result<Exit> {
    let journal = args.journal.as_deref().map(|path| (path, session.manifests_digest()));
    let (mut plan, mut before) =
        terminal.signals.unless_stopped(session.plan_and_keep(open, args.undo_out.is_some(), terminal)).await??;
    show(&plan, args, terminal)?;
    if has_work(&plan, args) && args.auto_approve && session.approved().is_none() {
        authority_by_id(&plan)?;
    }
    if has_work(&plan, args) && !args.auto_approve {
        let answer = approved(&plan, terminal).await;
        if !matches!(answer, Ok(true)) {
            match &answer {
                Err(error) => terminal.error(error),
                Ok(_) => terminal.say("Nothing was applied.\n"),
            }
            let apply = Apply { session, open, plan: &plan, before: &before, args, reports, terminal };
            return apply.nothing_sent(NotRun::NotApproved);
        }
        let again = again::read_again(session, open, plan, before, terminal);
        let again = terminal.signals.unless_stopped(again).await??;
        (plan, before) = (again.plan, again.before);
        if again.moved {
            show(&plan, args, terminal)?;
        }
    }
    // From here on the run has reports of its plan, whatever comes.
    planned.set(true);
    let apply = Apply { session, open, plan: &plan, before: &before, args, reports, terminal };
    apply.run(journal).await
}

/// Whether the approved plan no longer holds.
fn is_stale(plan: &Plan, args: &ApplyArgs) -> bool {
    let held = |target: &TargetPlan| target.held.iter().any(|held| held.why.is_stale());
    !args.partial && plan.targets.iter().any(held)
}

fn has_work(plan: &Plan, args: &ApplyArgs) -> bool {
    let may_run = |target: &TargetPlan| target.refusals.is_empty() && target.changes().next().is_some();
    !is_stale(plan, args) && plan.targets.iter().any(may_run)
}

/// A plan about to be applied.
struct Apply<'a> {
    session: &'a Session,
    open: &'a [Open],
    plan: &'a Plan,
    /// What was read for each target of the plan, where a way back is asked for.
    before: &'a [Option<Snapshot>],
    args: &'a ApplyArgs,
    reports: &'a Reports,
    terminal: &'a Terminal,
}

impl Apply<'_> {
    async fn run(&self, journal: Option<(&Path, JoinHandle<Digest>)>) -> anyhow::Result<Exit> {
        let Self { plan, args, reports, terminal, .. } = *self;
        let json = args.output.format == Format::Json;
        let (stale, work) = (is_stale(plan, args), has_work(plan, args));
        let (journal, events) = match self.begin(work, journal).await {
            Ok(begun) => begun,
            Err(error) => {
                terminal.error(&error);
                return self.nothing_sent(NotRun::NotBegun);
            }
        };
        let report = self.send(journal.as_ref(), &events).await;
        let exit = report.exit().worse(plan_exit(plan));
        let journaled = journal.map_or(Ok(()), |journal| journal.end(exit));
        if stale {
            terminal.say(stale_text(args));
        }
        let shown = match (json, work) {
            (true, _) => terminal.json(&render::json::report(plan, &report)),
            (false, true) => self.show_report(&report),
            (false, false) => Ok(()),
        };
        let shown = terminal.told(shown, STDOUT);
        let exit = exit.worse(shown).worse(reports.applied(plan, &report, exit, events, terminal));
        match journaled {
            Ok(()) => Ok(exit),
            Err(error) => {
                let error = anyhow::Error::new(error).context(
                    "the journal is cut off: a line of it could not be written, and nothing was sent that is not in it; run again once it can be",
                );
                terminal.error(&error);
                Ok(exit.worse(Exit::Error))
            }
        }
    }

    /// Prints how every change ended.
    fn show_report(&self, report: &Report) -> io::Result<()> {
        let Self { plan, args, terminal, .. } = *self;
        let style = Style::new(terminal.stdout_color);
        let options = render::Options { style, full: args.output.full, next: None };
        terminal.stream(|out| {
            writeln!(out)?;
            report::report(out, plan, report, &options)
        })
    }

    /// What has to be there before the first change is sent: the way back, the journal, the files that events go to.
    async fn begin(
        &self,
        work: bool,
        journal: Option<(&Path, JoinHandle<Digest>)>,
    ) -> anyhow::Result<(Option<Journal>, Vec<EventLines>)> {
        let Self { session, plan, args, .. } = *self;
        if let Some(path) = args.undo_out.as_deref().filter(|_| work) {
            let state = session.sandbox_state(plan, &args.source.credentials)?;
            // Without an exact command, the words say what to put in.
            let command = next::undo(path, &args.source, state.as_deref()).unwrap_or_else(|| {
                "assignctl apply --complete FILE, with this file and the flags of this run".to_owned()
            });
            undo::save(path, &command, session, plan, self.before)?;
            self.terminal.hint(&format!("The way back, which shows what it will do, and asks: {command}\n"));
        }
        let journal = match journal {
            Some((path, manifests)) => Some(journal::begin(path, session, plan, manifests.await?)?),
            None => None,
        };
        Ok((journal, self.reports.events(plan)?))
    }

    /// The reports of a run that ends here.
    fn nothing_sent(&self, why: NotRun) -> anyhow::Result<Exit> {
        let Self { plan, args, reports, terminal, .. } = *self;
        let interrupted = terminal.signals.stop().requested();
        let report = Report { interrupted, ..Report::nothing_sent(&plan.targets, why) };
        let mut exit = report.exit().worse(plan_exit(plan)).worse(Exit::Error);
        if args.output.format == Format::Json {
            exit = exit.worse(terminal.told(terminal.json(&render::json::report(plan, &report)), STDOUT));
        }
        Ok(exit.worse(reports.applied(plan, &report, exit, Vec::new(), terminal)))
    }

    async fn send(&self, journal: Option<&Journal>, events: &[EventLines]) -> Report {
        let progress = progress_sink(self.plan, self.terminal);
        // The journal first: what is on the screen is in the file.
        let mut sinks: Vec<&dyn Sink> = journal.into_iter().map(|journal| journal as &dyn Sink).collect();
        sinks.push(progress.as_ref());
        sinks.extend(events.iter().map(|events| events as &dyn Sink));
        type Replan<'a> = Box<dyn Fn(Snapshot) -> TargetPlan + Send + Sync + 'a>;
        let session = self.session;
        let replan = |open: &Open| {
            let target = open.target;
            Box::new(move |live| session.plan_target(target, Ok(live))) as Replan<'_>
        };
        let replans: Vec<Replan<'_>> = self.open.iter().map(replan).collect();
        let plans = self.open.iter().zip(&self.plan.targets);
        let reread: Vec<ReadRequest<'_>> =
            plans.map(|(open, plan)| session.reread_request(open.target, plan)).collect();
        let runs: Vec<TargetRun<'_>> = self
            .open
            .iter()
            .zip(&self.plan.targets)
            .zip(replans.iter().zip(&reread))
            .filter_map(|((open, target), (replan, read))| {
                let connection = open.connection.as_ref().ok()?;
                Some(TargetRun {
                    plan: target,
                    reader: connection.reader.as_ref(),
                    writer: connection.writer.as_ref(),
                    replan: replan.as_ref(),
                    read,
                    concurrency: session.target(open.target).limits.concurrency,
                })
            })
            .collect();
        let options = Options { verify: !self.args.no_verify, partial: self.args.partial, ..Options::default() };
        apply::apply(&runs, self.terminal.signals.stop(), &Sinks(&sinks), &options).await
    }
}

/// What to say and to do where nothing was applied for being stale; only a saved plan has a rest to come back for.
fn stale_text(args: &ApplyArgs) -> &'static str {
    if args.plan.is_some() {
        "Nothing was applied: the approved plan is stale. Plan and review again, or apply the rest of it with --partial.\n"
    } else {
        "Nothing was applied: the approved plan is stale. Run it again, and look at the plan as it is now.\n"
    }
}

/// Shows the plan. With JSON on standard output, a person finds it on standard error.
fn show(plan: &Plan, args: &ApplyArgs, terminal: &Terminal) -> anyhow::Result<()> {
    let json = args.output.format == Format::Json;
    let style = Style::new(if json { terminal.stderr_color } else { terminal.stdout_color });
    let options = render::Options { style, full: args.output.full, next: None };
    if json {
        let mut text = Vec::new();
        human::plan(&mut text, plan, &options)?;
        terminal.hint(&String::from_utf8_lossy(&text));
    } else {
        terminal.stream(|out| human::plan(out, plan, &options))?;
    }
    Ok(())
}

/// Names can be changed by whoever may rename something there. One that says what a set may take away is believed where somebody saw the
/// id that it means, and not by a run that nobody looks at.
fn authority_by_id(plan: &Plan) -> anyhow::Result<()> {
    let removes = |set: &SetPlan| set.applies() && set.mode == Mode::Authoritative;
    for target in plan.targets.iter().filter(|target| target.sets.iter().any(removes)) {
        for (set, name) in target.sets.iter().flat_map(|set| set.names.iter().map(move |name| (set, name))) {
            // A protection holds for the whole target, whichever set says it.
            let what = match name.decides {
                NamePlace::Protect => "what is protected",
                NamePlace::Scope if removes(set) => "what may be taken away",
                NamePlace::Scope | NamePlace::Assignment => continue,
            };
            bail!(
                "nothing was applied: set {} says {what} by name ({} {}, now {}), which others can change; apply a reviewed plan (plan --out FILE, then apply --plan FILE), answer at a terminal, or write the id",
                set.name,
                name.field,
                render::clean::terminal(&name.name),
                render::clean::terminal(&name.id),
            );
        }
    }
    Ok(())
}

async fn approved(plan: &Plan, terminal: &Terminal) -> anyhow::Result<bool> {
    if !terminal.can_ask() {
        bail!("nothing was applied: there is no terminal to ask at; review the plan and pass --auto-approve");
    }
    let counts = plan.counts();
    let question = format!(
        "\nApply {} {} ({} to create, {} to update, {} to remove)? Only `yes` is taken for yes: ",
        counts.changes(),
        if counts.changes() == 1 { "change" } else { "changes" },
        counts.create,
        counts.update,
        counts.remove
    );
    terminal.ask(&question).await
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
