//! `validate`: check manifests, offline.

use super::args::{Format, ValidateArgs};
use super::policy::InForce;
use super::report::{Reports, Run, STDOUT};
use super::session::{load, now};
use super::terminal::Terminal;
use crate::apply::Exit;
use crate::manifest::Loaded;
use crate::model::Ids;
use crate::render;

/// Prints every finding; exit 1 where there is an error.
pub(super) fn run(args: &ValidateArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut reports = Reports::new(&args.reports, Run::Validate, args.format)?;
    let ids = Ids::default();
    let mut loaded = load(&args.manifests, &ids, now())?;
    loaded.check_expects(now());
    InForce::load(&args.policy, &mut loaded, &ids)?;
    reports.loaded(&loaded);
    let (diagnostics, sources) = (&loaded.diagnostics, &loaded.sources);
    let shown = match args.format {
        Format::Json => terminal.json(&render::diagnostics::json(diagnostics, sources)),
        Format::Text => {
            terminal.say(&render::diagnostics::human(diagnostics, sources, terminal.stderr_color));
            if diagnostics.errors() == 0 { terminal.data(&valid(&loaded)) } else { Ok(()) }
        }
    };
    let shown = terminal.told(shown, STDOUT);
    let exit = if diagnostics.errors() > 0 { Exit::Error } else { Exit::Success };
    Ok(exit.worse(shown).worse(reports.findings(&loaded, terminal)))
}

/// What was read, where nothing is wrong with it.
fn valid(loaded: &Loaded) -> String {
    if loaded.targets.is_empty() && loaded.sets.is_empty() && loaded.root.is_none() {
        return "Nothing to validate: no target and no set was read.\n".to_owned();
    }
    let rows: usize = loaded.sets.iter().map(|set| set.rows.len()).sum();
    format!(
        "Valid: {} in {}, {}, {}.\n",
        counted(loaded.sets.len(), "set", "sets"),
        counted(loaded.files, "file", "files"),
        counted(loaded.targets.len(), "target", "targets"),
        counted(rows, "assignment", "assignments"),
    )
}

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
