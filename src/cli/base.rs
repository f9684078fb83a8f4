//! `--base`: the manifests of another commit or directory, planned against the same live state, so that a plan can say whose change
//! each change is. A commit is read with `git`, without a checkout and without touching the work tree.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::args::{BaseArgs, ManifestArgs};
use super::git_tree::{Repository, Unread};
use super::session::{Open, Seen, Session, unresolved};
use super::terminal::Terminal;
use crate::diag::{SourceId, Span};
use crate::manifest::{self, Inputs, Loaded};
use crate::model::{Capabilities, DesiredSet, Ids, Key, Mode, ReadRequest, Snapshot, Target};
use crate::plan::cause::{self, Base, Leaving};
use crate::plan::{Input, Plan, SetInput, TargetPlan, Unreadable, plan_target};
use crate::provider;

/// The manifests to compare with.
pub(super) struct BaseManifests {
    loaded: Loaded,
    name: String,
    commit: Option<String>,
    as_mode: Option<Mode>,
    /// Targets whose names have no ids: for them there is nothing to compare with.
    unresolved: Vec<(usize, Unreadable)>,
}

/// What the base would do with the live state that was read.
pub(super) struct Against {
    base: Base,
    /// One an open target; `None`: the base has no such target.
    plans: Vec<Option<TargetPlan>>,
}

/// Loads the base that the arguments name, if they name one. A base that is itself broken is told, and the plan goes on without: the
/// pull request that mends it must be plannable.
pub(super) fn load(
    args: &BaseArgs,
    manifests: &ManifestArgs,
    as_mode: Option<Mode>,
    session: &Session,
    terminal: &Terminal,
) -> anyhow::Result<Option<BaseManifests>> {
    let mut unread = Vec::new();
    let (name, commit, loaded) = match (&args.base, &args.base_dir) {
        (None, None) => return Ok(None),
        (_, Some(dir)) => (dir.display().to_string(), None, load_whole(dir.clone(), false, session)),
        (Some(reference), None) => {
            let (commit, loaded) = load_commit(reference, manifests, session, &mut unread)?;
            (reference.clone(), Some(commit), loaded)
        }
    };
    for Unread { path, why } in &unread {
        let warning = format!("warning: the base was not used for {}: {why}.", path.display());
        terminal.say(&format!("{}\n", crate::render::clean::terminal(&warning)));
    }
    match loaded.diagnostics.errors() {
        0 => Ok(Some(BaseManifests { loaded, name, commit, as_mode, unresolved: Vec::new() })),
        errors => {
            let first = loaded.diagnostics.sorted().first().map(|found| found.message.clone()).unwrap_or_default();
            terminal.say(&crate::render::clean::terminal(&format!(
                "warning: the base {name} is not used: its manifests have {errors} errors, the first: {first}. Changes are shown without their cause."
            )));
            terminal.say("\n");
            Ok(None)
        }
    }
}

/// The base is read whole, so it is complete by itself. A detached one stands where roots above it mean nothing.
fn load_whole(dir: PathBuf, detached: bool, session: &Session) -> Loaded {
    let inputs = Inputs { paths: vec![dir], complete: true, detached, ..Inputs::default() };
    manifest::load(&inputs, &provider::kinds(), &session.ids)
}

fn load_commit(
    reference: &str,
    manifests: &ManifestArgs,
    session: &Session,
    unread: &mut Vec<Unread>,
) -> anyhow::Result<(String, Loaded)> {
    if manifests.paths.iter().any(|path| path.as_os_str() == "-") {
        bail!("--base: standard input has no commit; give files or directories, or --base-dir DIR");
    }
    let places: Vec<PathBuf> = match &session.loaded.root {
        Some(root) => vec![root.dir.clone()],
        None => manifests.paths.clone(),
    };
    let home = tempfile::tempdir().context("a temporary directory for the base's manifests could not be made")?;
    let mut commit = String::new();
    for (number, place) in places.iter().enumerate() {
        let (dir, only) = directory(place);
        let repository = Repository::around(&dir)?.with_context(|| {
            format!("--base {reference}: {} is in no git repository; give --base-dir DIR instead", dir.display())
        })?;
        commit = repository.commit(reference)?;
        let into = if session.loaded.root.is_some() {
            home.path().to_path_buf()
        } else {
            home.path().join(number.to_string())
        };
        unread.extend(repository.extract(&dir, only.as_deref(), &commit, &into)?);
    }
    let root = home.path().join(manifest::ROOT_FILE);
    if !root.exists() {
        // Nothing above the temporary directory may pass for the base's root.
        std::fs::write(&root, "apiVersion: assignctl/v1\nkind: Root\n")
            .context("the base's manifests could not be kept")?;
    }
    let loaded = load_whole(home.path().to_path_buf(), true, session);
    // The walk passes hidden directories and what the root ignores, so nothing is missing there.
    let is_hidden = |path: &Path| path.iter().any(|part| part.as_encoded_bytes().starts_with(b"."));
    unread.retain(|Unread { path, .. }| {
        !is_hidden(path) && !loaded.root.as_ref().is_some_and(|root| root.leaves_out(path))
    });
    Ok((commit, loaded))
}

/// The directory of a place, and the file's name in it where it is a file.
fn directory(place: &Path) -> (PathBuf, Option<PathBuf>) {
    match (place.is_dir(), place.parent(), place.file_name()) {
        (false, Some(parent), Some(name)) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            (parent.to_path_buf(), Some(PathBuf::from(name)))
        }
        _ => (place.to_path_buf(), None),
    }
}

/// Whether two targets are the same account.
fn same_account(a: &Target, b: &Target) -> bool {
    (&a.name, a.provider, &a.endpoint, &a.account) == (&b.name, b.provider, &b.endpoint, &b.account)
}

impl BaseManifests {
    /// The base's target that is the same account.
    fn target(&self, target: &Target) -> Option<usize> {
        self.loaded.targets.iter().position(|other| same_account(other, target))
    }

    fn sets(&self, target: usize) -> impl Iterator<Item = &DesiredSet> {
        self.loaded.sets.iter().filter(move |set| set.target == target)
    }

    /// Adds what the base's sets need to know of a target, so that live state is read once for both.
    pub(super) fn widen<'a>(&'a self, target: &Target, request: &mut ReadRequest<'a>) {
        let Some(target) = self.target(target) else { return };
        request.scopes.extend(self.sets(target).filter_map(|set| set.scope.clone()));
        request.rows.extend(self.sets(target).map(|set| set.rows.as_slice()));
    }

    /// Whether its sets of a target say names in place of ids.
    pub(super) fn says_names(&self, target: &Target) -> bool {
        self.target(target).is_some_and(|target| self.sets(target).any(|set| !set.names.is_empty()))
    }

    /// Finds the ids of the names in the sets of a target. Where one has none, the base is not used for this target.
    pub(super) fn resolve(
        &mut self,
        target: &Target,
        snapshot: &Snapshot,
        capabilities: &Capabilities,
        ids: &Ids,
        terminal: &Terminal,
    ) {
        let Some(target) = self.target(target) else { return };
        if let Err(wrong) = self.loaded.resolve(target, snapshot, capabilities, ids) {
            let unreadable = unresolved(&wrong, &self.loaded);
            terminal.say(&crate::render::clean::terminal(&format!(
                "warning: the base {} is not used for target {}: {}. Its changes are shown without their cause.",
                self.name, self.loaded.targets[target].name, unreadable.message
            )));
            terminal.say("\n");
            self.unresolved.push((target, unreadable));
        }
    }

    /// Plans the base against what was read.
    pub(super) fn against<C>(&self, session: &Session, open: &[Open<C>], seen: &[Seen]) -> Against {
        let plans = open.iter().zip(seen).map(|(open, live)| {
            let target = self.target(session.target(open.target))?;
            let sets: Vec<SetInput<'_>> = self.sets(target).map(|set| self.choice(session, open.target, set)).collect();
            let plan = session.with_input(open.target, |head| {
                let sources = &self.loaded.sources;
                let input =
                    Input { sources, target: &self.loaded.targets[target], sets: &sets, rotate: false, ..*head };
                let unresolved = self.unresolved.iter().find(|(place, _)| *place == target);
                plan_target(&input, unresolved.map_or_else(|| live.clone(), |(_, why)| Err(why.clone())))
            });
            Some(plan)
        });
        let plans = plans.collect();
        let base =
            Base { name: self.name.clone(), commit: self.commit.clone(), leaving: self.leaving(session, open, seen) };
        Against { base, plans }
    }

    /// A set of the base is planned as its namesake is: else a narrowed run, or `--as`, would pass for a difference.
    fn choice<'a>(&self, session: &Session, target: usize, set: &'a DesiredSet) -> SetInput<'a> {
        let selected = session.is_selected(target, &set.name).unwrap_or(true);
        let possible = |mode: &Mode| *mode != Mode::Authoritative || set.scope.is_some();
        let mode = self.as_mode.filter(|_| selected).filter(possible).unwrap_or(set.mode);
        SetInput { set, selected, mode }
    }

    fn leaving<C>(&self, session: &Session, open: &[Open<C>], seen: &[Seen]) -> Vec<Leaving> {
        let mut all = Vec::new();
        let known = |(index, _): &(usize, &Target)| !self.unresolved.iter().any(|(place, _)| place == index);
        for (index, target) in self.loaded.targets.iter().enumerate().filter(known) {
            let theirs = session.loaded.targets.iter().position(|other| same_account(other, target));
            let sets: Vec<&DesiredSet> = theirs.into_iter().flat_map(|theirs| session.sets_of(theirs)).collect();
            // A narrowed run does not look at every target. Of one that has sets, whoever opens it tells.
            if !sets.is_empty() && !open.iter().any(|open| Some(open.target) == theirs) {
                continue;
            }
            let live = theirs.and_then(|theirs| live_keys(theirs, open, seen));
            for set in self.sets(index) {
                let assignments = cause::leaving(set, &sets, live.as_ref());
                if assignments == 0 {
                    continue;
                }
                let origin = set.origin;
                let span = Span { source: SourceId(origin.source), start: origin.start, end: origin.end };
                all.push(Leaving {
                    target: target.name.clone(),
                    set: set.name.clone(),
                    deleted: !sets.iter().any(|other| other.name == set.name),
                    assignments,
                    at: self.loaded.sources.locate(span),
                });
            }
        }
        all.sort_by(|a, b| (&a.target, &a.set).cmp(&(&b.target, &b.set)));
        all
    }
}

/// The keys that are live on a target; `None`: it was not read.
fn live_keys<C>(target: usize, open: &[Open<C>], seen: &[Seen]) -> Option<HashSet<Key>> {
    let at = open.iter().position(|open| open.target == target)?;
    let snapshot = seen.get(at)?.as_ref().ok()?;
    Some(snapshot.rows.iter().map(|row| row.key).collect())
}

impl Against {
    /// Marks every change of the plan with its cause.
    pub(super) fn attribute(self, plan: &mut Plan) {
        for (target, base) in plan.targets.iter_mut().zip(&self.plans) {
            cause::attribute(target, base.as_ref());
        }
        plan.base = Some(self.base);
    }
}
