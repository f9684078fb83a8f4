//! `report merge`: one report from those of all shards.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use super::args::{ReportArg, ReportFormat, markdown_limit, report_arg};
use super::files::{open_input, write_report};
use super::report::{STDOUT, distinct, json, write_plan};
use super::terminal::Terminal;
use crate::apply::Exit;
use crate::plan::Plan;
use crate::provider;
use crate::render::json::merge::{Kind, Merged, Part, merge};
use crate::render::json::read::{self, Known};
use crate::render::{markdown, sarif};

/// What to do with reports.
#[derive(Debug, Subcommand)]
pub(super) enum ReportCommand {
    /// Join the JSON reports of all shards into the one of the whole run
    Merge(MergeArgs),
}

/// What to join, and where to write it.
#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// The JSON reports of all shards of one run of plan, apply or drift, in any order.
    #[arg(value_name = "FILES", required = true, env = "ASSIGNCTL_FILES", value_delimiter = '\0')]
    pub files: Vec<PathBuf>,
    /// Write the joined JSON to this file; without it, to standard output.
    #[arg(long, value_name = "FILE", env = "ASSIGNCTL_OUT")]
    pub out: Option<PathBuf>,
    /// Join what is there although shards are missing. The result names them, and the exit code is 1 at least.
    #[arg(long, env = "ASSIGNCTL_PARTIAL")]
    pub partial: bool,
    /// Write a report of the joined plan as well: json, markdown, html, sarif or gitlab-terraform; repeatable.
    #[arg(long, value_name = "FORMAT=PATH", env = "ASSIGNCTL_REPORT", value_delimiter = '\n', value_parser = report_arg)]
    pub report: Vec<ReportArg>,
    /// The most bytes of a Markdown report: a number, or github, gitlab or gitea for the longest comment they take.
    #[arg(long, value_name = "BYTES", default_value = "github", env = "ASSIGNCTL_MARKDOWN_LIMIT", value_parser = markdown_limit)]
    pub markdown_limit: usize,
}

/// Joins the reports; the exit is the one that the whole run would have had.
pub(super) fn run(command: &ReportCommand, terminal: &Terminal) -> anyhow::Result<Exit> {
    let ReportCommand::Merge(args) = command;
    distinct(args.out.iter().chain(args.report.iter().map(|report| &report.path)).map(PathBuf::as_path))?;
    let texts: Vec<(String, String)> = args.files.iter().map(|path| text(path)).collect::<anyhow::Result<_>>()?;
    let parts: Vec<Part<'_>> = texts.iter().map(|(name, text)| Part { name, text }).collect();
    let merged = merge(&parts, args.partial)?;
    let plan = readable(args, &merged)?;
    let mut exit = match &args.out {
        Some(path) => terminal.told(write_report(path, |out| json(out, &merged)), &format!("--out {}", path.display())),
        None => terminal.told(terminal.json(&merged), STDOUT),
    };
    for report in &args.report {
        let render = |out: &mut dyn io::Write| write(out, report.format, &merged, plan.as_ref(), args.markdown_limit);
        let what = format!("the report {}", report.path.display());
        exit = exit.worse(terminal.told(write_report(&report.path, render), &what));
    }
    let given = merged.of - u64::try_from(merged.missing.len()).unwrap_or(0);
    terminal.hint(&format!("Merged {given} of {} shards of a {}.\n", merged.of, merged.kind.word()));
    if !merged.missing.is_empty() {
        let missing: Vec<String> = merged.missing.iter().map(ToString::to_string).collect();
        terminal.say(&format!("These shards are missing: {}.\n", missing.join(", ")));
    }
    Ok(merged.exit.worse(exit))
}

fn text(path: &Path) -> anyhow::Result<(String, String)> {
    let mut text = String::new();
    let read = open_input(path).and_then(|mut file| file.read_to_string(&mut text));
    read.with_context(|| format!("{} cannot be read", path.display()))?;
    Ok((path.display().to_string(), text))
}

/// The plan that the reports beside JSON are made from; `None` where none is wanted.
fn readable(args: &MergeArgs, merged: &Merged) -> anyhow::Result<Option<Plan>> {
    let mut others = args.report.iter().filter(|report| report.format != ReportFormat::Json).peekable();
    if others.peek().is_none() {
        return Ok(None);
    }
    if merged.kind != Kind::Plan {
        bail!("of the shards of a {} there is a joined JSON report only; leave out the others", merged.kind.word());
    }
    for report in others {
        match report.format {
            ReportFormat::Junit => {
                bail!("a joined report knows no assignment that is as declared, so there is no junit of it")
            }
            ReportFormat::Ndjson => bail!("ndjson has the events of an apply; there are none here"),
            ReportFormat::Markdown => {}
            _ if merged.missing.is_empty() => {}
            _ => bail!("with shards missing there are json and markdown only, which say so"),
        }
    }
    let known = |name: &str| {
        let provider = provider::find(name)?;
        let routes = provider.writes.iter().map(|rule| rule.route).collect();
        Some(Known { capabilities: provider.kind.capabilities, routes })
    };
    let text = serde_json::to_string(merged)?;
    Ok(Some(read::plan(&text, &known).context("the joined report cannot be shown in another format")?))
}

/// Writes the joined report in a format; `plan` is there for all but JSON.
fn write(
    out: &mut dyn io::Write,
    format: ReportFormat,
    merged: &Merged,
    plan: Option<&Plan>,
    limit: usize,
) -> io::Result<()> {
    let Some(plan) = plan.filter(|_| format != ReportFormat::Json) else { return json(out, merged) };
    let warning = if format == ReportFormat::Markdown { incomplete(merged) } else { String::new() };
    out.write_all(warning.as_bytes())?;
    let options = markdown::Options { limit: limit.saturating_sub(warning.len()) };
    write_plan(out, format, plan, merged.exit, options, sarif::Options::default())
}

fn incomplete(merged: &Merged) -> String {
    if merged.missing.is_empty() {
        return String::new();
    }
    let missing: Vec<String> = merged.missing.iter().map(ToString::to_string).collect();
    format!("> **Incomplete:** of {} shards these are missing: {}.\n\n", merged.of, missing.join(", "))
}
