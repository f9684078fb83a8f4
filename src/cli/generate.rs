//! `schema`, `completions`, `man`: files that are made from the program itself.

use std::fmt::Write as _;

use anyhow::{Context, bail};
use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs, ManArgs, SchemaArgs};
use super::files;
use super::schemas;
use super::terminal::Terminal;
use crate::apply::Exit;

/// Prints a schema, the names of all, or writes all.
pub(super) fn schema(args: &SchemaArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    if let Some(dir) = &args.out {
        for name in schemas::names() {
            let path = dir.join(schemas::file_name(name));
            let text = schemas::text(name).unwrap_or_default();
            files::save(&path, &text)?;
        }
        return Ok(Exit::Success);
    }
    match &args.kind {
        None => {
            let mut text = String::new();
            for name in schemas::names() {
                let _ = writeln!(text, "{name}");
            }
            terminal.data(&text)?;
        }
        Some(kind) => match schemas::text(kind) {
            Some(text) => terminal.data(&text)?,
            None => bail!("there is no schema {kind}; there are: {}", schemas::names().join(", ")),
        },
    }
    Ok(Exit::Success)
}

/// Prints a completion script.
pub(super) fn completions(args: &CompletionsArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "assignctl", &mut script);
    terminal.data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}

/// Prints a manual page.
pub(super) fn man(args: &ManArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut program = Cli::command();
    program.build();
    let command = match &args.command {
        None => program,
        Some(name) => {
            let found = program.find_subcommand(name).cloned();
            found.with_context(|| format!("there is no command {name}"))?
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    terminal.data(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Success)
}
