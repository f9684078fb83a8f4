//! `explain`: what a code means, why the program is strict there, and what to do.

mod codes;

use anyhow::bail;
pub use codes::{CODES, Code, Source};

use super::args::ExplainArgs;
use super::terminal::Terminal;
use crate::apply::Exit;
use crate::manifest::findings::closest;

/// Explains one code, or lists all.
pub(super) fn run(args: &ExplainArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let Some(name) = &args.code else {
        terminal.data(&list())?;
        return Ok(Exit::Success);
    };
    let found: Vec<&Code> = CODES.iter().filter(|code| code.name == name).collect();
    if found.is_empty() {
        let near = closest(name, CODES.iter().map(|code| code.name));
        let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        bail!("there is no code {name}{hint}; `assignctl explain` lists all");
    }
    let texts: Vec<String> = found.iter().map(|code| text(code)).collect();
    terminal.data(&texts.join("\n"))?;
    Ok(Exit::Success)
}

fn text(code: &Code) -> String {
    format!("{} ({})\n\n{}\n\nWhat to do: {}\n", code.name, code.source.words(), code.what, code.fix)
}

fn list() -> String {
    let width = CODES.iter().map(|code| code.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for source in [Source::Manifest, Source::Guard, Source::Plan, Source::Stopped] {
        text.push_str(&format!("{}:\n", source.words()));
        for code in CODES.iter().filter(|code| code.source == source) {
            let first = code.what.split_inclusive(". ").next().unwrap_or_default().trim();
            text.push_str(&format!("  {:width$}  {first}\n", code.name));
        }
    }
    text
}
