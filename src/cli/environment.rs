//! The environment variables `ASSIGNCTL_…`: what they may hold, and which one an error is about.
//!
//! clap reads the variable of a flag as if its value stood on the command line. Pipelines set variables that may be empty
//! (`X: ${{ inputs.x }}`), write booleans in several ways and end lists with a line break, so the rules are applied before clap sees
//! them.

use std::ffi::OsString;

use clap::builder::{BoolishValueParser, Resettable, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// The one variable that must not be empty where it is set: a pipeline that means to have a policy must not run without one.
const POLICY: &str = "ASSIGNCTL_POLICY";

/// Applies the rules to every argument of a command and its subcommands: an empty variable is unset, a boolean may be written as 1, true
/// or yes, and lists are left to [`with_lists`].
pub(super) fn prepare(command: Command) -> Command {
    command.mut_args(argument).mut_subcommands(prepare)
}

fn argument(arg: Arg) -> Arg {
    let Some((name, value)) = variable(&arg) else { return arg };
    if value.trim().is_empty() {
        return if name == POLICY { arg } else { without(arg) };
    }
    if list(&arg).is_some() {
        return without(arg);
    }
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        // A flag that is switched off is a flag that is not given: nothing may require or contradict it.
        let parsed =
            BoolishValueParser::new().parse_ref(&Command::default(), Some(&arg), std::ffi::OsStr::new(value.trim()));
        return match parsed {
            Ok(false) => without(arg),
            _ => arg.value_parser(BoolishValueParser::new()),
        };
    }
    arg
}

fn without(arg: Arg) -> Arg {
    arg.env(Resettable::<clap::builder::OsStr>::Reset)
}

/// The variable of an argument, where it is set.
fn variable(arg: &Arg) -> Option<(String, String)> {
    let name = arg.get_env()?;
    let value = std::env::var_os(name)?;
    Some((name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
}

/// What separates the items of an argument that takes several; paths are no list.
fn list(arg: &Arg) -> Option<char> {
    arg.get_value_delimiter().filter(|delimiter| *delimiter != '\0' && arg.get_long().is_some())
}

/// The command line with the lists of the environment: each item as a flag of its own, without empty items and outer spaces. A flag on
/// the command line replaces its variable.
pub(super) fn with_lists(plain: &Command, mut words: Vec<OsString>) -> Vec<OsString> {
    let mut command = plain.clone().ignore_errors(true);
    let Ok(mut matches) = command.try_get_matches_from_mut(&words) else { return words };
    let mut command = plain;
    let mut found = Vec::new();
    loop {
        for arg in command.get_arguments().filter(|arg| !is_given(&matches, arg)) {
            let (Some((_, value)), Some(delimiter), Some(flag)) = (variable(arg), list(arg), arg.get_long()) else {
                continue;
            };
            let items = value.split(delimiter).map(str::trim).filter(|item| !item.is_empty());
            found.extend(items.map(|item| OsString::from(format!("--{flag}={item}"))));
        }
        let Some((name, inner)) = matches.remove_subcommand() else { break };
        let Some(next) = command.find_subcommand(&name) else { break };
        (command, matches) = (next, inner);
    }
    // What follows `--` is no flag.
    let at = words.iter().position(|word| word == "--").unwrap_or(words.len());
    words.splice(at..at, found);
    words
}

fn is_given(matches: &ArgMatches, arg: &Arg) -> bool {
    let id = arg.get_id().as_str();
    matches.ids().any(|known| known == id) && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// The variables that an error is about: those of the arguments that it names, where they do not stand on the command line.
pub(super) fn named_in(error: &clap::Error, command: &Command, words: &[OsString]) -> Vec<String> {
    let mut named = Vec::new();
    for kind in [ContextKind::InvalidArg, ContextKind::PriorArg] {
        match error.get(kind) {
            Some(ContextValue::String(text)) => named.push(text.clone()),
            Some(ContextValue::Strings(texts)) => named.extend(texts.iter().cloned()),
            _ => {}
        }
    }
    let mut variables = Vec::new();
    collect(command, &named, words, &mut variables);
    variables.sort_unstable();
    variables.dedup();
    variables
}

fn collect(command: &Command, named: &[String], words: &[OsString], variables: &mut Vec<String>) {
    for arg in command.get_arguments() {
        let is_named = named.iter().any(|name| *name == arg.to_string());
        let on_the_line = |word: &OsString| {
            let word = word.to_string_lossy();
            let long = arg
                .get_long()
                .is_some_and(|long| word.strip_prefix("--").is_some_and(|flag| flag.split('=').next() == Some(long)));
            long || arg.get_short().is_some_and(|short| {
                word.strip_prefix('-').is_some_and(|flags| !flags.starts_with('-') && flags.contains(short))
            })
        };
        if let Some((name, _)) = variable(arg).filter(|_| is_named && !words.iter().any(on_the_line)) {
            variables.push(name);
        }
    }
    for inner in command.get_subcommands() {
        collect(inner, named, words, variables);
    }
}
