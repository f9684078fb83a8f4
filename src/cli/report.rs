//! Outputs beside standard output: `--report FORMAT=PATH`, and what a CI host shows of a run. Nothing here changes what a run does; a
//! report that cannot be written is told, and makes the exit 1 where it was better.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use serde::Serialize;

use super::args::{Ci, Format, ReportArg, ReportArgs, ReportFormat};
use super::files;
use super::git;
use super::session::clock;
use super::terminal::Terminal;
use crate::apply::{Exit, Report};
use crate::manifest::Loaded;
use crate::plan::Plan;
use crate::plan::drift::Drift;
use crate::render::json::{EventLines, Moment, pretty};
use crate::render::{self, Command, Stopped, github, html, junit, markdown, sarif};

/// The command that reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    Validate,
    Plan,
    Apply,
    Drift,
}

impl Run {
    /// The command's name.
    fn word(self) -> &'static str {
        match self {
            Run::Validate => "validate",
            Run::Plan => "plan",
            Run::Apply => "apply",
            Run::Drift => "drift",
        }
    }
}

/// The last lines of a Markdown report: its kind, and the commit that it is about. `comment` posts no report of another commit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marker<'a> {
    kind: &'static str,
    commit: Option<&'a str>,
}

impl Marker<'_> {
    /// How the marker begins. Renderers escape it in every name and value.
    const START: &'static str = "<!-- assignctl:report ";

    /// A report with its marker, within the limit.
    fn append(self, options: markdown::Options, render: impl FnOnce(markdown::Options) -> String) -> String {
        let end = match self.commit {
            Some(commit) => format!("\nCommit `{commit}`.\n\n{}{} {commit} -->\n", Self::START, self.kind),
            None => format!("\n{}{} -->\n", Self::START, self.kind),
        };
        let mut text = render(markdown::Options { limit: options.limit.saturating_sub(end.len()) });
        text.push_str(&end);
        text
    }

    /// The commits that a text's markers name. A marker stands on a line of its own.
    pub(super) fn commits(text: &str) -> Vec<&str> {
        let markers = text.lines().filter_map(|line| line.trim().strip_prefix(Self::START)?.strip_suffix("-->"));
        markers.filter_map(|marker| marker.split_whitespace().nth(1)).collect()
    }
}

/// What messages call standard output.
pub(super) const STDOUT: &str = "standard output";

/// Less room than this in GitHub's job summary is not worth a summary.
const SUMMARY_ROOM: usize = 2_048;

/// The reports of one run.
#[derive(Debug)]
pub(super) struct Reports {
    wanted: Vec<ReportArg>,
    markdown: markdown::Options,
    github: Option<Github>,
    /// The repository's directory as the CI host says; without one, the nearest directory with `.git`.
    workspace: Option<PathBuf>,
    /// The way from there to the manifests' root: empty, or with a slash at its end.
    base: String,
    /// The commit that is checked out around the manifests.
    commit: Option<String>,
    run: Run,
}

/// The files and streams of GitHub Actions.
#[derive(Debug)]
struct Github {
    /// Commands go to standard output only where that is read by people.
    annotate: bool,
    summary: Option<PathBuf>,
    output: Option<PathBuf>,
}

impl Reports {
    /// Checks what is wanted before anything is done.
    pub(super) fn new(args: &ReportArgs, run: Run, format: Format) -> anyhow::Result<Self> {
        for report in &args.report {
            if let Some(why) = unfit(report.format, run) {
                bail!("--report {}: {why}", report.path.display());
            }
        }
        distinct(args.report.iter().map(|report| report.path.as_path()))?;
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let is = |name: &str| variable(name).is_some_and(|value| value == "true");
        let (on_github, on_gitlab) = match args.ci {
            Ci::Auto => (is("GITHUB_ACTIONS"), is("GITLAB_CI")),
            Ci::Github => (true, false),
            Ci::Gitlab => (false, true),
            Ci::None => (false, false),
        };
        let path = |name: &str| variable(name).map(PathBuf::from);
        let github = on_github.then(|| Github {
            annotate: format == Format::Text,
            summary: path("GITHUB_STEP_SUMMARY"),
            output: path("GITHUB_OUTPUT"),
        });
        let workspace = match () {
            () if on_github => path("GITHUB_WORKSPACE"),
            () if on_gitlab => path("CI_PROJECT_DIR"),
            () => None,
        };
        let markdown = markdown::Options { limit: args.markdown_limit };
        Ok(Self {
            wanted: args.report.clone(),
            markdown,
            github,
            workspace,
            base: String::new(),
            commit: git::report_commit(Path::new(".")),
            run,
        })
    }

    /// Takes from the manifests where their root lies: annotations and SARIF name files as the repository does.
    pub(super) fn loaded(&mut self, loaded: &Loaded) {
        let dir = loaded.root.as_ref().map_or_else(|| PathBuf::from("."), |root| root.dir.clone());
        self.base = base(&dir, self.workspace.as_deref()).unwrap_or_default();
        self.commit = git::report_commit(&dir);
    }

    /// The commit that the reports name.
    pub(super) fn commit(&self) -> Option<&str> {
        self.commit.as_deref()
    }

    /// A Markdown report with its marker.
    fn marked(&self, render: impl FnOnce(markdown::Options) -> String) -> String {
        let marker = Marker { kind: self.run.word(), commit: self.commit() };
        marker.append(self.markdown, render)
    }

    /// Whether a report of this run names also the assignments that nothing happens to.
    pub(super) fn name_every_assignment(&self) -> bool {
        self.wanted.iter().any(|report| report.format == ReportFormat::Junit)
    }

    /// What is wrong with the manifests: the whole of `validate`, and all that is left of a plan that could not be made.
    pub(super) fn findings(&self, loaded: &Loaded, terminal: &Terminal) -> Exit {
        let (diagnostics, sources) = (&loaded.diagnostics, &loaded.sources);
        let written = self.write(terminal, |format, out| match format {
            ReportFormat::Json => json(out, &render::diagnostics::json(diagnostics, sources)),
            ReportFormat::Markdown => {
                out.write_all(self.marked(|options| markdown::findings(diagnostics, sources, options)).as_bytes())
            }
            ReportFormat::Html => html::findings(out, diagnostics, sources),
            ReportFormat::Sarif => json(out, &sarif::findings(diagnostics, sources, self.sarif())),
            ReportFormat::Junit => junit::findings(out, diagnostics, sources),
            ReportFormat::GitlabTerraform => json(out, &render::gitlab::stopped()),
            // There are no events.
            ReportFormat::Ndjson => Ok(()),
        });
        let annotations = || github::findings(diagnostics, sources, &self.base);
        let summary = |options| markdown::findings(diagnostics, sources, options);
        let exit = if diagnostics.errors() > 0 { Exit::Error } else { Exit::Success };
        let outputs = (exit == Exit::Error).then(|| github::stopped_outputs(exit));
        written.worse(self.github(terminal, annotations, summary, outputs.as_deref()))
    }

    /// A plan.
    pub(super) fn plan(&self, plan: &Plan, exit: Exit, terminal: &Terminal) -> Exit {
        let written =
            self.write(terminal, |format, out| write_plan(out, format, plan, exit, self.markdown, self.sarif()));
        let annotations = || github::plan(plan, &self.base);
        let summary = |options| markdown::plan(plan, options);
        written.worse(self.github(terminal, annotations, summary, Some(&github::outputs(plan, exit))))
    }

    /// How live differs from the manifests; `history` holds earlier runs and this one.
    pub(super) fn drift(
        &self,
        drift: &Drift<'_>,
        exit: Exit,
        next: Option<&str>,
        history: &[Moment],
        terminal: &Terminal,
    ) -> Exit {
        let written = self.write(terminal, |format, out| match format {
            ReportFormat::Json => json(out, &render::json::drift(drift, exit, next)),
            ReportFormat::Markdown => {
                out.write_all(self.marked(|options| markdown::drift(drift, next, options)).as_bytes())
            }
            ReportFormat::Html => html::drift(out, drift, exit, history),
            ReportFormat::Sarif => json(out, &sarif::drift(drift, exit, self.sarif())),
            ReportFormat::Junit => junit::drift(out, drift),
            ReportFormat::GitlabTerraform | ReportFormat::Ndjson => Ok(()),
        });
        let annotations = || github::drift(drift, &self.base);
        let summary = |options| markdown::drift(drift, next, options);
        written.worse(self.github(terminal, annotations, summary, Some(&github::drift_outputs(drift, exit))))
    }

    /// How a run of a command ended; where it ended with an error, its reports say so, so that nobody takes those of an earlier run for
    /// its own.
    pub(super) fn or_stopped(
        &self,
        ended: anyhow::Result<Exit>,
        command: Command,
        terminal: &Terminal,
    ) -> anyhow::Result<Exit> {
        if let Err(error) = &ended {
            self.stopped(error, command, terminal);
        }
        ended
    }

    /// A run that ended before there was a plan.
    fn stopped(&self, error: &anyhow::Error, command: Command, terminal: &Terminal) -> Exit {
        let why = format!("{error:#}");
        let stopped = Stopped { command, why: &why, exit: super::exit_of(error) };
        let written = self.write(terminal, |format, out| match format {
            ReportFormat::Json => stopped_json(out, stopped),
            ReportFormat::Markdown => out.write_all(self.marked(|_| markdown::stopped(stopped)).as_bytes()),
            ReportFormat::Html => html::stopped(out, stopped),
            ReportFormat::Sarif => json(out, &sarif::stopped(stopped, self.sarif())),
            ReportFormat::Junit => junit::stopped(out, stopped),
            ReportFormat::GitlabTerraform => json(out, &render::gitlab::stopped()),
            // There are no events.
            ReportFormat::Ndjson => Ok(()),
        });
        let summary = |_| markdown::stopped(stopped);
        let outputs = github::stopped_outputs(stopped.exit);
        written.worse(self.github(terminal, || github::stopped(stopped), summary, Some(&outputs)))
    }

    /// Where the events of an apply go as they come. These files grow while the apply runs, and are not replaced at its end.
    pub(super) fn events(&self, plan: &Plan) -> anyhow::Result<Vec<EventLines>> {
        let wanted = self.wanted.iter().filter(|report| report.format == ReportFormat::Ndjson);
        let open = |report: &ReportArg| {
            let path = &report.path;
            files::create(path).with_context(|| format!("{} cannot be written", path.display()))
        };
        wanted.map(|report| Ok(EventLines::new(Box::new(open(report)?), Arc::clone(&plan.ids), clock()))).collect()
    }

    /// What an apply did.
    pub(super) fn applied(
        &self,
        plan: &Plan,
        report: &Report,
        exit: Exit,
        events: Vec<EventLines>,
        terminal: &Terminal,
    ) -> Exit {
        let mut written = self.write(terminal, |format, out| match format {
            ReportFormat::Json => json(out, &render::json::report(plan, report)),
            ReportFormat::Markdown => {
                out.write_all(self.marked(|options| markdown::report(plan, report, options)).as_bytes())
            }
            ReportFormat::Html => html::report(out, plan, report, exit),
            ReportFormat::Sarif => json(out, &sarif::report(plan, report, exit, self.sarif())),
            ReportFormat::Junit => junit::report(out, plan, report),
            ReportFormat::GitlabTerraform => json(out, &render::gitlab::plan(plan)),
            ReportFormat::Ndjson => Ok(()),
        });
        for events in events {
            written = written.worse(terminal.told(events.close(), "the events of the apply"));
        }
        let annotations = || github::plan(plan, &self.base) + &github::report(plan, report, &self.base);
        let summary = |options| markdown::report(plan, report, options);
        written.worse(self.github(terminal, annotations, summary, Some(&github::outputs(plan, exit))))
    }

    fn sarif(&self) -> sarif::Options<'_> {
        sarif::Options { base: &self.base }
    }

    /// Writes every wanted file; one that fails does not keep the others from being written.
    fn write(&self, terminal: &Terminal, render: impl Fn(ReportFormat, &mut dyn Write) -> io::Result<()>) -> Exit {
        let files = self.wanted.iter().filter(|report| report.format != ReportFormat::Ndjson);
        let written = files.map(|report| {
            let result = files::write_report(&report.path, |out| render(report.format, out));
            terminal.told(result, &format!("the report {}", report.path.display()))
        });
        written.fold(Exit::Success, Exit::worse)
    }

    fn github(
        &self,
        terminal: &Terminal,
        annotations: impl Fn() -> String,
        summary: impl Fn(markdown::Options) -> String,
        outputs: Option<&str>,
    ) -> Exit {
        let Some(github) = &self.github else { return Exit::Success };
        let mut exit = Exit::Success;
        if github.annotate {
            exit = exit.worse(terminal.told(terminal.data(&annotations()), STDOUT));
        }
        if let Some(path) = &github.summary {
            exit = exit.worse(terminal.told(append_summary(path, &summary), "GITHUB_STEP_SUMMARY"));
        }
        if let (Some(path), Some(outputs)) = (&github.output, outputs) {
            exit = exit.worse(terminal.told(append(path, outputs), "GITHUB_OUTPUT"));
        }
        exit
    }
}

/// Writes a plan in a format.
pub(super) fn write_plan(
    out: &mut dyn Write,
    format: ReportFormat,
    plan: &Plan,
    exit: Exit,
    markdown: markdown::Options,
    sarif: sarif::Options<'_>,
) -> io::Result<()> {
    match format {
        ReportFormat::Json => json(out, &render::json::plan(plan, exit)),
        ReportFormat::Markdown => {
            let marker = Marker { kind: Run::Plan.word(), commit: plan.commit.as_deref() };
            out.write_all(marker.append(markdown, |options| markdown::plan(plan, options)).as_bytes())
        }
        ReportFormat::Html => html::plan(out, plan, exit),
        ReportFormat::Sarif => json(out, &sarif::plan(plan, exit, sarif)),
        ReportFormat::Junit => junit::plan(out, plan),
        ReportFormat::GitlabTerraform => json(out, &render::gitlab::plan(plan)),
        ReportFormat::Ndjson => Ok(()),
    }
}

/// Checks that no file is written twice.
pub(super) fn distinct<'a>(paths: impl Iterator<Item = &'a Path>) -> anyhow::Result<()> {
    let mut seen = HashSet::new();
    for path in paths {
        if !seen.insert(path) {
            bail!("--report {}: two reports cannot be one file", path.display());
        }
    }
    Ok(())
}

/// Why a command has no report of a format.
fn unfit(format: ReportFormat, run: Run) -> Option<&'static str> {
    match (format, run) {
        (ReportFormat::Ndjson, Run::Validate | Run::Plan | Run::Drift) => {
            Some("ndjson has the events of an apply; there are none here")
        }
        (ReportFormat::GitlabTerraform, Run::Validate | Run::Drift) => {
            Some("gitlab-terraform has the counts of a plan; there is none here")
        }
        _ => None,
    }
}

/// An apply has its own document; of a plan that could not be made there are findings, as of manifests that are not valid.
fn stopped_json(out: &mut dyn Write, stopped: Stopped<'_>) -> io::Result<()> {
    match stopped.command {
        Command::Apply => json(out, &render::json::stopped(stopped)),
        Command::Plan | Command::Drift => json(out, &render::diagnostics::stopped(stopped)),
    }
}

/// Writes a document as a file has it.
pub(super) fn json(out: &mut dyn Write, document: &impl Serialize) -> io::Result<()> {
    pretty::write(out, document)
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    files::append_shared(path)?.write_all(text.as_bytes())
}

/// Appends to the job summary what still fits: GitHub drops a summary that is too long as a whole.
fn append_summary(path: &Path, summary: &impl Fn(markdown::Options) -> String) -> io::Result<()> {
    let there = fs::metadata(path).map_or(0, |found| usize::try_from(found.len()).unwrap_or(usize::MAX));
    // A line break before, one after.
    let limit = github::SUMMARY_LIMIT.saturating_sub(there).saturating_sub(2);
    if limit < SUMMARY_ROOM {
        return Ok(());
    }
    append(path, &format!("\n{}\n", summary(markdown::Options { limit })))
}

/// The way from the repository to a directory in it, with slashes; `None` where there is no repository around it.
fn base(dir: &Path, workspace: Option<&Path>) -> Option<String> {
    let dir = fs::canonicalize(dir).ok()?;
    let top = match workspace {
        Some(workspace) => fs::canonicalize(workspace).ok()?,
        None => dir.ancestors().find(|ancestor| ancestor.join(".git").exists())?.to_owned(),
    };
    let mut base = String::new();
    for part in dir.strip_prefix(top).ok()?.components() {
        base.push_str(&part.as_os_str().to_string_lossy());
        base.push('/');
    }
    Some(base)
}
