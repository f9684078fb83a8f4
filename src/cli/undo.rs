//! `apply --undo-out FILE`: the way back, as manifests that stand for themselves, written before the first change is sent.

use std::path::Path;

use anyhow::{Context, bail};

use super::files;
use super::session::Session;
use crate::manifest::shape::Type;
use crate::manifest::write::exact;
use crate::manifest::{Kind, ROOT_FILE};
use crate::model::{DesiredSet, Fields, Ids, Key, Snapshot, proposed_until};
use crate::plan::undo::{self, UndoRow, UndoSet};
use crate::plan::{Plan, TargetPlan};
use crate::provider;

const ABOUT: &str = "Restores what was live before an apply, as far as the APIs can. Look at it, then:
  COMMAND
which shows what it will do, and asks. What was changed or added in these scopes since is taken back too: the plan shows it. Assignments that are created again get new
ids; on Streamline everything gets a new revision; values of secrets cannot be read back, and are marked where they are missing.";

/// Refuses a place where the file would become part of the manifests.
pub(super) fn check(path: &Path) -> anyhow::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let dir = dir.canonicalize().with_context(|| format!("--undo-out {}", path.display()))?;
    let root = dir.ancestors().find(|dir| dir.join(ROOT_FILE).exists());
    if let Some(root) = root {
        bail!(
            "--undo-out {} lies under the root {}, where it would be one of the manifests; give a path outside of it",
            path.display(),
            root.display()
        );
    }
    Ok(())
}

/// Writes the way back, which `command` goes; `before` holds what was read of each target of the plan.
pub(super) fn save(
    path: &Path,
    command: &str,
    session: &Session,
    plan: &Plan,
    before: &[Option<Snapshot>],
) -> anyhow::Result<()> {
    let mut text = exact::comment(&ABOUT.replace("COMMAND", command), "");
    for (target, before) in plan.targets.iter().zip(before) {
        if let Some(before) = before {
            text.push_str(&documents(session, plan, target, before)?);
        }
    }
    files::write_private(path, text.as_bytes())
}

fn documents(session: &Session, plan: &Plan, target: &TargetPlan, before: &Snapshot) -> anyhow::Result<String> {
    let kind =
        provider::find(target.provider).with_context(|| format!("there is no provider {}", target.provider))?.kind;
    let known = session.loaded.targets.iter().position(|known| known.name == target.name);
    let index = known.with_context(|| format!("there is no target {}", target.name))?;
    let own: Vec<&DesiredSet> = session.sets_of(index).collect();
    let (scope_parts, required) = (scope_parts(kind), required(kind));
    let sets = undo::undo(&undo::Input {
        target,
        before,
        sets: &own,
        scope_parts: &scope_parts,
        address_is_scope: kind.address_is_scope,
        required: &required,
        now: plan.now,
    });
    if sets.is_empty() {
        return Ok(String::new());
    }
    let mut text = exact::target(kind, session.target(index));
    for (number, set) in sets.iter().enumerate() {
        text.push_str(&document(kind, plan, target, set, number));
    }
    Ok(text)
}

fn document(kind: &'static Kind, plan: &Plan, target: &TargetPlan, set: &UndoSet, number: usize) -> String {
    let ids = &plan.ids;
    let until = proposed_until(plan.now);
    let mut text = String::new();
    for key in &set.stay {
        let key = key_text(target, ids, key);
        text.push_str(&exact::comment(
            &format!("Stays, for no scope of ours holds it alone: remove by hand {key}"),
            "",
        ));
    }
    if set.rows.is_empty() && set.scope.is_none() {
        return text;
    }
    let rows: Vec<(Key, &Fields, String)> = set.rows.iter().map(|row| (row.key, &row.fields, missing(row))).collect();
    text.push_str(&exact::set(&exact::SetText {
        kind,
        ids,
        name: &format!("undo-{number}-{}", set.of),
        target: &target.name,
        mode: set.mode,
        scope: set.scope.as_ref(),
        expect: (set.removes, set.updates),
        expect_until: &until,
        rows: &rows,
    }));
    text
}

fn missing(row: &UndoRow) -> String {
    if row.secrets.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = row.secrets.iter().map(AsRef::as_ref).collect();
    format!(
        "Values that could not be read back: {}. Give them as references, or they are not restored; where nothing else differs, pass --rotate too.",
        names.join(", ")
    )
}

fn key_text(target: &TargetPlan, ids: &Ids, key: &Key) -> String {
    let parts = (0..target.capabilities.key_fields.len())
        .filter_map(|part| Some((target.capabilities.key_name(ids, key, part)?, key.part(part))));
    parts.map(|(name, part)| format!("{name}: {}", ids.text(part))).collect::<Vec<_>>().join(", ")
}

/// The key parts that a set of this kind can be limited to.
fn scope_parts(kind: &Kind) -> Vec<usize> {
    let of = |shape: &'static crate::manifest::shape::Shape| shape.fields().filter_map(|field| field.part);
    let mut parts: Vec<usize> = match kind.set.field("scope") {
        Some((_, field)) => match field.ty {
            Type::Scope(shape) => of(shape).collect(),
            _ => Vec::new(),
        },
        None => of(kind.set).collect(),
    };
    parts.sort_unstable();
    parts.dedup();
    parts
}

/// The fields beyond the key that every assignment must declare.
fn required(kind: &Kind) -> Vec<&'static str> {
    let Some((_, assignments)) = kind.set.field("assignments") else { return Vec::new() };
    let Type::Objects(shape) = assignments.ty else { return Vec::new() };
    shape.fields().filter(|field| field.required && field.part.is_none()).map(|field| field.name).collect()
}
