//! The command line: the only place that reads the environment, the clock and the terminal. Data goes to standard output,
//! everything else to standard error.

mod actor;
mod again;
mod apply;
mod approved;
mod args;
mod base;
mod comment;
mod connect;
mod drift;
pub mod explain;
mod files;
mod generate;
mod git;
mod git_tree;
mod hidden;
mod import;
mod init;
mod journal;
mod merge;
mod next;
mod panic;
mod plan;
mod policy;
mod programs;
mod report;
mod sandbox;
pub mod schemas;
mod secrets;
mod session;
mod shard;
mod signals;
mod terminal;
mod undo;
mod validate;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::apply::Exit;
use crate::plan::saved::SavedError;
use args::{Cli, Command};
use signals::Stopped;
use terminal::Terminal;

/// Runs the program on the process's own arguments and gives its exit code (DESIGN section 6).
pub fn main() -> ExitCode {
    panic::keep_quiet();
    let cli = match parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let terminal = Terminal::new(&cli.global);
    let exit = match run(cli, &terminal) {
        Ok(exit) => exit,
        Err(error) => {
            terminal.error(&error);
            exit_of(&error)
        }
    };
    ExitCode::from(exit.code())
}

/// Parses the arguments. Wrong usage exits 1: 2 means "changes pending" here (DESIGN section 9).
fn parse() -> Result<Cli, ExitCode> {
    let parsed = Cli::command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| {
        // Printing help or a usage error can only fail on a closed stream, and there is nobody left to tell.
        let _ = error.print();
        if error.use_stderr() { ExitCode::from(Exit::Error.code()) } else { ExitCode::SUCCESS }
    })
}

fn run(cli: Cli, terminal: &Terminal) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Validate(args) => validate::run(&args, terminal),
        Command::Plan(args) => plan::run(&args, terminal),
        Command::Apply(args) => apply::run(&args, terminal),
        Command::Drift(args) => drift::run(&args, terminal),
        Command::Comment(args) => comment::run(&args, terminal),
        Command::Report(command) => merge::run(&command, terminal),
        Command::Import(args) => import::run(&args, terminal),
        Command::Init(args) => init::run(&args, terminal),
        Command::Explain(args) => explain::run(&args, terminal),
        Command::Sandbox(args) => sandbox::run(args, terminal),
        Command::Schema(args) => generate::schema(&args, terminal),
        Command::Completions(args) => generate::completions(&args, terminal),
        Command::Man(args) => generate::man(&args, terminal),
    }
}

/// The exit of a command that ended with an error.
pub(super) fn exit_of(error: &anyhow::Error) -> Exit {
    if let Some(Stopped(signal)) = error.downcast_ref() {
        return Exit::from(*signal);
    }
    // An approved plan that was fine once has an exit of its own.
    let stale = error.downcast_ref::<SavedError>().is_some_and(SavedError::is_stale);
    if stale { Exit::Stale } else { Exit::Error }
}
