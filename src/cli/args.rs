//! The arguments of every command. Each flag has its environment variable `ASSIGNCTL_…` of the same name.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::filter::{ParseError, Targets};

use super::comment::CommentArgs;
use super::merge::ReportCommand;
use super::shard::Shard;
use crate::manifest::shape::parse_integer;
use crate::model::Mode;

/// Access and assignments declared in git: plan them against the live systems, apply exactly that plan.
#[derive(Debug, Parser)]
#[command(name = "assignctl", version, max_term_width = 110, after_help = EXITS)]
pub(super) struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXITS: &str = "Exit codes: 0 done · 1 error · 2 changes pending (plan --detailed-exitcode), drift found · 3 a guard refused · \
                     4 the approved plan is stale · \
                     5 applied in part · 6 temporarily unavailable · 130, 143 interrupted";

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(super) struct Global {
    /// When to colour; without it NO_COLOR and CLICOLOR_FORCE decide, then whether there is a terminal.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, env = "ASSIGNCTL_COLOR", help_heading = "Output")]
    pub color: Color,
    /// Tell more on standard error; twice for every request.
    #[arg(short, long, global = true, action = ArgAction::Count, env = "ASSIGNCTL_VERBOSE", help_heading = "Output")]
    pub verbose: u8,
    /// Log filter such as `assignctl=debug`; overrides -v.
    #[arg(long, global = true, value_name = "FILTER", env = "ASSIGNCTL_LOG", help_heading = "Output")]
    pub log: Option<LogFilter>,
    /// Only data and errors: no progress, no hints.
    #[arg(short, long, global = true, env = "ASSIGNCTL_QUIET", help_heading = "Output")]
    pub quiet: bool,
}

/// What `--log` asks for; nothing where it is empty, as a pipeline's unset variable is.
#[derive(Debug, Clone)]
pub(super) struct LogFilter(pub Option<Targets>);

impl FromStr for LogFilter {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let directives: Vec<&str> = text.split(',').map(str::trim).filter(|directive| !directive.is_empty()).collect();
        if directives.is_empty() {
            Ok(Self(None))
        } else {
            directives.join(",").parse().map(|targets| Self(Some(targets)))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check manifests, offline: no network, no credentials
    Validate(ValidateArgs),
    /// Show what an apply would change, and why
    Plan(PlanArgs),
    /// Make the live assignments match the manifests
    Apply(ApplyArgs),
    /// Say how the live assignments differ from the manifests; never writes
    Drift(DriftArgs),
    /// Keep the one comment of a pull or merge request that shows a report
    Comment(CommentArgs),
    /// Join the reports of a sharded run
    #[command(subcommand)]
    Report(ReportCommand),
    /// Write manifests of what is live, to begin with
    Import(ImportArgs),
    /// Write a starter repository of manifests
    Init(InitArgs),
    /// Say what a diagnostic, a guard or a warning means
    Explain(ExplainArgs),
    /// Serve the four APIs on a loopback port, for trying things out
    Sandbox(SandboxArgs),
    /// Print the JSON Schema of a kind of document
    Schema(SchemaArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page
    Man(ManArgs),
}

/// Which manifests to load.
#[derive(Debug, Clone, Args)]
pub(super) struct ManifestArgs {
    /// Files or directories of manifests, or `-` for standard input. Below a root (assignctl.yaml) everything is
    /// always loaded, and paths only narrow what is planned.
    #[arg(value_name = "PATHS", default_value = ".", env = "ASSIGNCTL_PATHS", value_delimiter = PATHS_DELIMITER)]
    pub paths: Vec<PathBuf>,
    /// These files are all there is: allows authoritative sets without a root.
    #[arg(long, env = "ASSIGNCTL_COMPLETE")]
    pub complete: bool,
}

/// Separates paths in `ASSIGNCTL_PATHS`; no path can hold a NUL, so on the command line nothing is split.
const PATHS_DELIMITER: char = '\0';

/// Which of the loaded sets to plan.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Narrowing")]
pub(super) struct SelectArgs {
    /// Only sets of this target; repeatable.
    #[arg(long, value_name = "NAME", env = "ASSIGNCTL_TARGET", value_delimiter = ',')]
    pub target: Vec<String>,
    /// Only this set; repeatable.
    #[arg(long, value_name = "NAME", env = "ASSIGNCTL_SET", value_delimiter = ',')]
    pub set: Vec<String>,
    /// Only sets with this label; repeatable, all must match.
    #[arg(short = 'l', long = "selector", value_name = "KEY=VALUE", env = "ASSIGNCTL_SELECTOR", value_delimiter = ',', value_parser = label)]
    pub selector: Vec<(String, String)>,
    /// Only the K-th of N parts of the sets; the parts are disjoint, and together they are all sets. For dividing a large estate over
    /// many runs: each still loads all manifests.
    #[arg(long, value_name = "K/N", env = "ASSIGNCTL_SHARD")]
    pub shard: Option<Shard>,
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE, such as team=parts")?;
    if key.is_empty() {
        return Err("the label's key is empty; expected KEY=VALUE, such as team=parts".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// What the caller, and not a manifest, decides about credentials.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Credentials")]
pub(super) struct CredentialArgs {
    /// A further host (`HOST` or `HOST:PORT`) that may be sent credentials; repeatable. The vendors' own hosts and
    /// loopback always may.
    #[arg(long, value_name = "HOST", env = "ASSIGNCTL_ALLOW_HOST", value_delimiter = ',', value_parser = host)]
    pub allow_host: Vec<String>,
    /// The directory below which `{file: …}` references may be read.
    #[arg(long, value_name = "DIR", env = "ASSIGNCTL_SECRETS_DIR")]
    pub secrets_dir: Option<PathBuf>,
    /// PEM file of a further certificate authority to trust.
    #[arg(long, value_name = "FILE", env = "ASSIGNCTL_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// The state file of the embedded sandbox, in place of the one beside the manifests. It has to be there.
    #[arg(long, value_name = "FILE", env = "ASSIGNCTL_SANDBOX_STATE")]
    pub sandbox_state: Option<PathBuf>,
}

/// An entry that is no host would allow nothing, silently.
fn host(text: &str) -> Result<String, String> {
    let expected = "expected HOST or HOST:PORT, such as gateway.example.com:8443";
    crate::model::AllowedHost::parse(text).map(|_| text.to_owned()).ok_or_else(|| expected.to_owned())
}

/// What bounds the manifests.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Policy")]
pub(super) struct PolicyArgs {
    /// The policy in force (kind Policy): bounds that manifests can only tighten. Take it from a place that a pull request cannot
    /// change.
    #[arg(long, value_name = "FILE", env = "ASSIGNCTL_POLICY")]
    pub policy: Option<PathBuf>,
}

/// How to plan.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Planning")]
pub(super) struct PlanningArgs {
    /// Plan the selected sets as if this were their mode.
    #[arg(long = "as", value_name = "MODE", value_parser = mode, env = "ASSIGNCTL_AS")]
    pub as_mode: Option<Mode>,
    /// Send declared secrets again, although their live values are masked and nothing shows that they differ.
    #[arg(long, env = "ASSIGNCTL_ROTATE")]
    pub rotate: bool,
    /// Refuse losses over this share of what is live in scope (and over --max-loss-count); 30 unless given. Under a policy it can only be lowered, like the three that follow.
    #[arg(long, value_name = "PERCENT", value_parser = percent, env = "ASSIGNCTL_MAX_LOSS_PERCENT")]
    pub max_loss_percent: Option<u64>,
    /// Losses up to this number are never too many; 10 unless given.
    #[arg(long, value_name = "N", value_parser = count, env = "ASSIGNCTL_MAX_LOSS_COUNT")]
    pub max_loss_count: Option<u64>,
    /// Refuse updates over this share of what is live in scope (and over --max-update-count); 30 unless given.
    #[arg(long, value_name = "PERCENT", value_parser = percent, env = "ASSIGNCTL_MAX_UPDATE_PERCENT")]
    pub max_update_percent: Option<u64>,
    /// Updates up to this number are never too many; 10 unless given.
    #[arg(long, value_name = "N", value_parser = count, env = "ASSIGNCTL_MAX_UPDATE_COUNT")]
    pub max_update_count: Option<u64>,
}

/// Numbers have one reading, in flags as in manifests.
fn count(text: &str) -> Result<u64, String> {
    parse_integer(text).ok_or_else(|| "expected a whole number in plain digits, such as 10".to_owned())
}

fn percent(text: &str) -> Result<u64, String> {
    count(text).ok().filter(|percent| *percent <= 100).ok_or_else(|| "expected a whole number from 0 to 100".to_owned())
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "observe" => Ok(Mode::Observe),
        "additive" => Ok(Mode::Additive),
        "authoritative" => Ok(Mode::Authoritative),
        _ => Err("expected observe, additive or authoritative".to_owned()),
    }
}

/// How to show it.
#[derive(Debug, Clone, Args)]
pub(super) struct OutputArgs {
    /// Format of standard output; `assignctl schema plan`, `report` and `drift` document the JSON of plan, apply and drift.
    #[arg(long, value_enum, default_value_t = Format::Text, env = "ASSIGNCTL_FORMAT", help_heading = "Output")]
    pub format: Format,
    /// Show long lists whole.
    #[arg(long, env = "ASSIGNCTL_FULL", help_heading = "Output")]
    pub full: bool,
}

/// Outputs beside standard output.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Reports")]
pub(super) struct ReportArgs {
    /// Write a report to a file as well: json, markdown, html, sarif, junit, (plan, apply) gitlab-terraform, or (apply) ndjson; repeatable.
    /// In the environment, one a line.
    #[arg(long, value_name = "FORMAT=PATH", env = "ASSIGNCTL_REPORT", value_delimiter = '\n', value_parser = report_arg)]
    pub report: Vec<ReportArg>,
    /// The most bytes of a Markdown report: a number, or github, gitlab or gitea for the longest comment they take.
    #[arg(long, value_name = "BYTES", default_value = "github", env = "ASSIGNCTL_MARKDOWN_LIMIT", value_parser = markdown_limit)]
    pub markdown_limit: usize,
    /// Whose job summary, annotations and outputs to write. Presentation only: nothing else depends on it.
    #[arg(long, value_enum, default_value_t = Ci::Auto, env = "ASSIGNCTL_CI")]
    pub ci: Ci,
}

impl ReportArgs {
    /// Whether a report of a format is wanted.
    pub(super) fn wants(&self, format: ReportFormat) -> bool {
        self.report.iter().any(|report| report.format == format)
    }
}

/// One more output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReportArg {
    pub format: ReportFormat,
    pub path: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    Json,
    Markdown,
    Html,
    Sarif,
    Junit,
    GitlabTerraform,
    Ndjson,
}

/// Where the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Ci {
    /// What the environment says.
    Auto,
    /// GitHub Actions, and what is compatible.
    Github,
    /// GitLab CI/CD.
    Gitlab,
    /// None of these.
    None,
}

pub(super) fn report_arg(text: &str) -> Result<ReportArg, String> {
    let formats = || {
        let names = ReportFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        names.map(|name| name.get_name().to_owned()).collect::<Vec<_>>().join(", ")
    };
    let (format, path) = text.split_once('=').ok_or("expected FORMAT=PATH, such as html=plan.html")?;
    let format = ReportFormat::from_str(format, false)
        .map_err(|_| format!("there is no report format {format:?}; there are: {}", formats()))?;
    match path {
        "" => Err("the path is empty; expected FORMAT=PATH, such as html=plan.html".to_owned()),
        "-" => Err("a report is a file; for standard output there is --format".to_owned()),
        path => Ok(ReportArg { format, path: PathBuf::from(path) }),
    }
}

pub(super) fn markdown_limit(text: &str) -> Result<usize, String> {
    match text {
        "github" => Ok(crate::render::markdown::LIMIT),
        "gitlab" => Ok(crate::render::markdown::GITLAB_LIMIT),
        "gitea" => Ok(crate::render::markdown::GITEA_LIMIT),
        number => parse_integer(number)
            .and_then(|bytes| usize::try_from(bytes).ok())
            .ok_or_else(|| "expected a number of bytes, or github, gitlab or gitea".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    #[command(flatten)]
    pub manifests: ManifestArgs,
    #[command(flatten)]
    pub reports: ReportArgs,
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Format of standard output; as JSON, every finding with its code, file, line and column.
    #[arg(long, value_enum, default_value_t = Format::Text, env = "ASSIGNCTL_FORMAT", help_heading = "Output")]
    pub format: Format,
}

/// Everything that makes a plan.
#[derive(Debug, Clone, Args)]
pub(super) struct SourceArgs {
    #[command(flatten)]
    pub manifests: ManifestArgs,
    #[command(flatten)]
    pub select: SelectArgs,
    #[command(flatten)]
    pub credentials: CredentialArgs,
    #[command(flatten)]
    pub policy: PolicyArgs,
    #[command(flatten)]
    pub planning: PlanningArgs,
}

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub source: SourceArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub base: BaseArgs,
    #[command(flatten)]
    pub reports: ReportArgs,
    /// Exit 2 when there are changes to assignments. A change of authority alone (`--base`) is none.
    #[arg(long, env = "ASSIGNCTL_DETAILED_EXITCODE")]
    pub detailed_exitcode: bool,
    /// Save the plan for review; an apply that is given the file carries out nothing else.
    #[arg(long, value_name = "FILE", env = "ASSIGNCTL_OUT")]
    pub out: Option<PathBuf>,
    /// How long the saved plan may be applied, such as 90m.
    #[arg(long, value_name = "DURATION", value_parser = life, default_value = "24h", env = "ASSIGNCTL_EXPIRES")]
    pub expires: std::time::Duration,
}

fn life(text: &str) -> Result<std::time::Duration, String> {
    match duration(text) {
        Ok(life) if life.is_zero() => Err("a plan that expires at once cannot be applied".to_owned()),
        other => other.map_err(|_| "expected a duration such as 90m or 24h".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    pub source: SourceArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub reports: ReportArgs,
    /// Apply this saved plan: what it approves and is still needed on unmoved objects, and nothing else. It says
    /// itself which sets are concerned.
    #[arg(long, value_name = "FILE", env = "ASSIGNCTL_PLAN", conflicts_with_all = ["target", "set", "selector", "shard"])]
    pub plan: Option<PathBuf>,
    /// Where the saved plan is stale, apply the rest of it.
    #[arg(long, requires = "plan", env = "ASSIGNCTL_PARTIAL")]
    pub partial: bool,
    /// Do not ask.
    #[arg(long, env = "ASSIGNCTL_AUTO_APPROVE")]
    pub auto_approve: bool,
    /// Write manifests here that restore what is live now, before the first change is sent. The path must lie outside the root.
    #[arg(long, value_name = "FILE", env = "ASSIGNCTL_UNDO_OUT")]
    pub undo_out: Option<PathBuf>,
    /// Append every request and outcome to this file, one line of JSON each; requests are written before they go out.
    #[arg(long, value_name = "FILE", env = "ASSIGNCTL_JOURNAL")]
    pub journal: Option<PathBuf>,
    /// Do not read again after the writes, except where only reading can prove them.
    #[arg(long, env = "ASSIGNCTL_NO_VERIFY")]
    pub no_verify: bool,
}

#[derive(Debug, Args)]
pub(super) struct SandboxArgs {
    /// Loopback address and port to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787", env = "ASSIGNCTL_LISTEN")]
    pub listen: SocketAddr,
    /// The live state to start with, when the state file is new.
    #[arg(long, value_name = "FILE", env = "ASSIGNCTL_SEED")]
    pub seed: Option<PathBuf>,
    /// Where to keep the state; without it, in memory.
    #[arg(long, value_name = "FILE", env = "ASSIGNCTL_STATE")]
    pub state: Option<PathBuf>,
    /// Added to every answer, such as 20ms.
    #[arg(long, value_name = "DURATION", value_parser = duration, env = "ASSIGNCTL_LATENCY")]
    pub latency: Option<std::time::Duration>,
    /// A fault, such as 'POST /1/catalog/assignments/organizations=503:2'; repeatable.
    #[arg(long, value_name = "FAULT", env = "ASSIGNCTL_FAIL")]
    pub fail: Vec<String>,
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| "expected a duration such as 20ms or 1s".to_owned())?;
    std::time::Duration::try_from(span).map_err(|_| "a duration cannot be negative".to_owned())
}

#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// A kind such as Target or CanopyAssignments, or an output such as `plan` or `drift`; without it, the names of all.
    pub kind: Option<String>,
    /// Write all schemas into this directory.
    #[arg(long, value_name = "DIR", conflicts_with = "kind", env = "ASSIGNCTL_OUT")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The command to describe; without it, the program.
    pub command: Option<String>,
}

/// What to compare the manifests with, to say whose change each change is.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct BaseArgs {
    /// Read the manifests of this commit as well (read with git, no checkout), and tell what this pull request changes
    /// from what drifted. For a branch that is behind, give the merge base.
    #[arg(long, value_name = "REF", env = "ASSIGNCTL_BASE", conflicts_with = "base_dir", help_heading = "Planning")]
    pub base: Option<String>,
    /// The same, with the manifests of a directory.
    #[arg(long, value_name = "DIR", env = "ASSIGNCTL_BASE_DIR", help_heading = "Planning")]
    pub base_dir: Option<PathBuf>,
}

/// How to look for drift. Nothing is written, so there is nothing to send again: `--rotate` means nothing here.
#[derive(Debug, Args)]
#[command(mut_arg("rotate", |arg| arg.hide(true)))]
pub(super) struct DriftArgs {
    #[command(flatten)]
    pub source: SourceArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub reports: ReportArgs,
    /// Also list declared assignments that end within this time, such as 14d.
    #[arg(long, value_name = "DURATION", value_parser = days, env = "ASSIGNCTL_EXPIRING")]
    pub expiring: Option<std::time::Duration>,
    /// Count unmanaged assignments as drift, too.
    #[arg(long, env = "ASSIGNCTL_UNMANAGED")]
    pub unmanaged: bool,
    /// Print the command that would mend the drift; nothing is applied.
    #[arg(long, env = "ASSIGNCTL_REMEDIATE")]
    pub remediate: bool,
    /// Append a summary of this run to this file, as a line of JSON.
    #[arg(long, value_name = "FILE", env = "ASSIGNCTL_HISTORY", help_heading = "Output")]
    pub history: Option<PathBuf>,
    /// Write metrics to this file in the OpenMetrics text format; it is replaced whole.
    #[arg(long, value_name = "FILE", env = "ASSIGNCTL_METRICS", help_heading = "Output")]
    pub metrics: Option<PathBuf>,
}

fn days(text: &str) -> Result<std::time::Duration, String> {
    crate::manifest::shape::parse_duration(text).ok_or_else(|| "expected a duration such as 14d or 36h".to_owned())
}

/// What to read, and where to write it.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    pub manifests: ManifestArgs,
    /// The target to read, by its `metadata.name`.
    #[arg(long, value_name = "NAME", env = "ASSIGNCTL_TARGET")]
    pub target: String,
    /// The directory to write one file a group into; without it, all goes to standard output.
    #[arg(long, value_name = "DIR", env = "ASSIGNCTL_OUT")]
    pub out: Option<PathBuf>,
    /// Overwrite files that are there.
    #[arg(long, env = "ASSIGNCTL_FORCE")]
    pub force: bool,
    /// One set over the whole account, however many groups there are.
    #[arg(long, env = "ASSIGNCTL_SINGLE")]
    pub single: bool,
    /// A domain to read, where the API lists none (Streamline); repeatable. Without it, those that sets of the target name.
    #[arg(long, value_name = "ID", env = "ASSIGNCTL_DOMAIN", value_delimiter = ',')]
    pub domain: Vec<String>,
    /// A service to read in each --domain, beside the domain's own assignments; repeatable.
    #[arg(long, value_name = "ID", env = "ASSIGNCTL_SERVICE", value_delimiter = ',')]
    pub service: Vec<String>,
    #[command(flatten)]
    pub credentials: CredentialArgs,
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// What a starter repository holds.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The directory; made if it is not there.
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// A system to begin with; repeatable. Without it you are asked.
    #[arg(long, value_name = "NAME", env = "ASSIGNCTL_PROVIDER", value_delimiter = ',')]
    pub provider: Vec<String>,
    /// The pipeline to write. Without it you are asked.
    #[arg(long, value_enum)]
    pub ci: Option<PipelineHost>,
    /// Overwrite files that are there.
    #[arg(long, env = "ASSIGNCTL_FORCE")]
    pub force: bool,
}

/// A host of pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PipelineHost {
    /// A workflow for GitHub Actions.
    Github,
    /// A pipeline for GitLab CI.
    Gitlab,
    /// No pipeline.
    None,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A code as outputs show it, such as unknown-field; without it, all of them.
    pub code: Option<String>,
}
