//! `--base`: the manifests of another commit or directory, planned against the same live state, so that a plan can say whose change
//! each change is. A commit is read with `git`, without a checkout and without touching the work tree.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::args::{BaseArgs, ManifestArgs, PlanArgs, SelectArgs};
use super::git_tree::{GitRefused, Repository, Unread};
use super::session::{Open, Seen, Session, unresolved};
use super::terminal::Terminal;
use crate::diag::SourceId;
use crate::manifest::{self, Inputs, Loaded};
use crate::model::{Capabilities, DesiredSet, Ids, Key, Mode, ReadRequest, RootOptions, Snapshot, Target};
use crate::plan::authority::{self, Compared, Leaving, LeavingInput, Pairs, Side};
use crate::plan::cause;
use crate::plan::{Base, BaseGap, BaseGapKind, Input, Plan, SetInput, TargetPlan, plan_target};
use crate::provider;

/// The base that a plan is compared with, or why there is none.
pub(super) struct BaseManifests {
    name: String,
    commit: Option<String>,
    manifests: Result<Usable, String>,
    /// Parts of its tree that could not be read.
    unread: Vec<Unread>,
}

/// The manifests of a base.
struct Usable {
    loaded: Loaded,
    as_mode: Option<Mode>,
    selection: Selection,
    /// Which targets are which, by the manifests as written.
    pairs: Pairs,
    /// Sets with names in place of ids, as the live listing resolves them.
    resolved: Vec<Option<DesiredSet>>,
    /// What of its targets cannot be compared.
    gaps: BTreeMap<usize, Vec<Gap>>,
}

struct Gap {
    kind: BaseGapKind,
    /// The listing is there, and not proven whole.
    is_partial: bool,
    message: String,
}

/// What the base would do with the live state that was read, and what the head changes about authority.
pub(super) struct Against {
    base: Base,
    /// One for each open target; `None`: the base would change nothing there. Empty where no base is used.
    plans: Option<Vec<Option<TargetPlan>>>,
}

/// Loads the base that the arguments name, if they name one. A base that cannot be used is reported, and the plan goes on without it:
/// the pull request that mends it must be plannable.
///
/// # Errors
/// The arguments name no base at all.
pub(super) fn load(args: &PlanArgs, session: &Session, terminal: &Terminal) -> anyhow::Result<Option<BaseManifests>> {
    let (source, manifests) = (&args.source, &args.source.manifests);
    let BaseArgs { base, base_dir } = &args.base;
    let mut unread = Vec::new();
    let (name, found) = match (base, base_dir) {
        (None, None) => return Ok(None),
        (_, Some(dir)) => (dir.display().to_string(), Ok((None, load_paths(vec![dir.clone()], session)))),
        (Some(_), None) if manifests.paths.iter().any(|path| path.as_os_str() == "-") => {
            bail!("--base: standard input has no commit; give files or directories, or --base-dir DIR")
        }
        (Some(reference), None) => (reference.clone(), load_commit(reference, manifests, session, &mut unread)),
    };
    let (commit, loaded) = match found {
        Ok((commit, loaded)) => (commit, usable(loaded)),
        Err(error) => {
            // A command that git proposes can be copied only where it stands whole on a line of its own.
            let said = error.chain().find_map(|cause| cause.downcast_ref::<GitRefused>()).map(|refused| &refused.said);
            said.into_iter().flatten().for_each(|line| {
                terminal.say(&format!("  {}\n", crate::render::clean::terminal(line.trim())));
            });
            let said = said.map(|lines| format!(": {}", lines.join(" "))).unwrap_or_default();
            (None, Err(format!("{error:#}{said}")))
        }
    };
    let manifests = loaded.map(|loaded| {
        let selection = Selection::new(&source.select, manifests, session);
        Usable::new(loaded, source.planning.as_mode, selection, session)
    });
    for Unread { path, why } in &unread {
        warn(terminal, &format!("the base was not used for {}: {why}.", path.display()));
    }
    let base = BaseManifests { name, commit, manifests, unread };
    if let Err(why) = &base.manifests {
        warn(terminal, &format!("the base {} was not used: {why}. Changes are shown without their cause.", base.name));
    }
    Ok(Some(base))
}

fn warn(terminal: &Terminal, text: &str) {
    terminal.say(&crate::render::clean::terminal(&format!("warning: {text}")));
    terminal.say("\n");
}

/// The manifests, where nothing is wrong with them.
fn usable(loaded: Loaded) -> Result<Loaded, String> {
    let errors = loaded.diagnostics.errors();
    if errors == 0 {
        return Ok(loaded);
    }
    let sorted = loaded.diagnostics.sorted();
    let first = sorted.first().map(|first| {
        let at = first.primary.as_ref().map(|label| loaded.sources.locate(label.span));
        let place = at.map(|at| format!("{}:{}: ", at.file, at.line)).unwrap_or_default();
        format!("{place}{}", first.message)
    });
    let count = if errors == 1 { "an error".to_owned() } else { format!("{errors} errors, the first of them") };
    Err(format!("its manifests have {count}: {}", first.unwrap_or_default()))
}

fn load_paths(paths: Vec<PathBuf>, session: &Session) -> Loaded {
    // The base is read whole, so it is complete by itself.
    let inputs = Inputs { paths, stdin: None, complete: true };
    manifest::load(&inputs, &provider::kinds(), &session.ids)
}

fn load_commit(
    reference: &str,
    manifests: &ManifestArgs,
    session: &Session,
    unread: &mut Vec<Unread>,
) -> anyhow::Result<(Option<String>, Loaded)> {
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
    let loaded = load_paths(vec![home.path().to_path_buf()], session);
    // The walk passes hidden directories and what the root ignores, so nothing is missing there.
    let is_hidden = |path: &Path| path.iter().any(|part| part.as_encoded_bytes().starts_with(b"."));
    unread.retain(|Unread { path, .. }| {
        !is_hidden(path) && !loaded.root.as_ref().is_some_and(|root| root.leaves_out(path))
    });
    Ok((Some(commit), loaded))
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

/// What the command selects, to be asked of the base's sets too.
struct Selection {
    args: SelectArgs,
    /// The given paths, relative to the root; `None`: everything.
    places: Option<Vec<PathBuf>>,
}

impl Selection {
    fn new(args: &SelectArgs, manifests: &ManifestArgs, session: &Session) -> Self {
        let root = session.loaded.root.as_ref().map(|root| root.dir.as_path());
        let relative = |path: &PathBuf| Some(path.canonicalize().ok()?.strip_prefix(root?).ok()?.to_path_buf());
        Self { args: args.clone(), places: manifests.paths.iter().map(relative).collect() }
    }

    /// Whether the command's paths and selectors choose a set, whatever its shard is. A set or target that was renamed goes by both
    /// its names.
    fn chooses(&self, set: &DesiredSet, file: &str, names: &BothNames<'_>) -> bool {
        let SelectArgs { target, set: sets, selector, shard: _ } = &self.args;
        let covered = |places: &Vec<PathBuf>| places.iter().any(|place| Path::new(file).starts_with(place));
        let is_named = |wanted: &[String], names: &[&str]| {
            wanted.is_empty() || wanted.iter().any(|name| names.contains(&name.as_str()))
        };
        self.places.as_ref().is_none_or(covered)
            && is_named(target, &names.targets)
            && is_named(sets, &names.sets)
            && selector.iter().all(|label| set.labels.contains(label))
    }
}

/// What a set and its target are called in the base and in the head.
struct BothNames<'a> {
    targets: [&'a str; 2],
    sets: [&'a str; 2],
}

/// The sets of both sides as they are compared, and what belongs together.
struct Sides<'a> {
    base: Vec<&'a DesiredSet>,
    head: Vec<&'a DesiredSet>,
}

impl BaseManifests {
    fn usable(&self) -> Option<&Usable> {
        self.manifests.as_ref().ok()
    }

    /// All of its sets, whatever their target: what is secret in any of them stays hidden.
    pub(super) fn all_sets(&self) -> impl Iterator<Item = &DesiredSet> {
        self.usable().into_iter().flat_map(|base| &base.loaded.sets)
    }

    /// Adds what the base's sets need to know of a target, so that live state is read once for both.
    pub(super) fn widen<'a>(&'a self, session: &Session, head: usize, request: &mut ReadRequest<'a>) {
        let Some((base, target)) = self.usable().and_then(|base| Some((base, base.same_account(session, head)?)))
        else {
            return;
        };
        for (_, set) in base.sets(target).filter(|(number, _)| base.is_concerned(session, *number)) {
            request.scopes.extend(set.scope.clone());
            request.rows.push(set.rows.as_slice());
        }
    }

    /// Whether its sets of a target say names in place of ids.
    pub(super) fn says_names(&self, session: &Session, head: usize) -> bool {
        let Some(base) = self.usable() else { return false };
        base.same_account(session, head).is_some_and(|target| base.sets(target).any(|(_, set)| !set.names.is_empty()))
    }

    /// Whether more of a target is read for its sake.
    pub(super) fn adds_to(&self, session: &Session, head: usize) -> bool {
        let Some((base, target)) = self.usable().and_then(|base| Some((base, base.same_account(session, head)?)))
        else {
            return false;
        };
        let is_read_anyway = |(number, set): (usize, &DesiredSet)| {
            let after = base.pairs.set(number).and_then(|after| session.loaded.sets.get(after));
            after.is_some_and(|after| {
                let same_rows = set.rows.len() == after.rows.len()
                    && set.rows.iter().zip(&after.rows).all(|(row, other)| row.key == other.key);
                after.target == head && set.scope == after.scope && same_rows
            })
        };
        !base.sets(target).filter(|(number, _)| base.is_concerned(session, *number)).all(is_read_anyway)
    }

    /// Notes that live state which only the base reads could not be read, or only in part.
    pub(super) fn unread(
        &mut self,
        session: &Session,
        head: usize,
        message: String,
        is_partial: bool,
        terminal: &Terminal,
    ) {
        let Ok(base) = &mut self.manifests else { return };
        let Some(target) = base.same_account(session, head) else { return };
        let name = &session.target(head).name;
        let what = if is_partial { "is not proven complete" } else { "could not be read" };
        warn(terminal, &format!("live state of {name} that only the base {} reads {what}: {message}", self.name));
        base.gaps.entry(target).or_default().push(Gap { kind: BaseGapKind::Unread, is_partial, message });
    }

    /// Finds the ids of the names in the sets of a target. Where one has none, the base is not used for this target.
    pub(super) fn resolve(
        &mut self,
        session: (&Loaded, usize),
        snapshot: &Snapshot,
        capabilities: &Capabilities,
        ids: &Ids,
        terminal: &Terminal,
    ) {
        let (head, number) = session;
        let (Ok(base), Some(account)) = (&mut self.manifests, head.targets.get(number)) else { return };
        let Some(target) = base.account(number, account).filter(|target| !base.is_unread(*target)) else { return };
        match manifest::names::of_target(&base.loaded.sets, target, snapshot, capabilities, ids) {
            Ok(resolved) => resolved.into_iter().for_each(|(place, set)| base.resolved[place] = Some(set)),
            Err(wrong) => {
                let message = unresolved(&wrong, &base.loaded).message;
                let (name, target_name) = (&self.name, &account.name);
                warn(
                    terminal,
                    &format!(
                        "the base {name} was not used for target {target_name}: {message}. Its changes count as this pull request's."
                    ),
                );
                base.gaps.entry(target).or_default().push(Gap {
                    kind: BaseGapKind::NotUsed,
                    is_partial: false,
                    message,
                });
            }
        }
    }

    /// Takes from what was read whatever was listed for the base alone and is not proven whole: it says nothing about the head.
    pub(super) fn take_own_gaps(
        &mut self,
        session: &Session,
        head: usize,
        snapshot: &mut Snapshot,
        terminal: &Terminal,
    ) {
        let request = session.head_request(head);
        let concerns = |coverage: &crate::model::Coverage| {
            request.scopes.iter().any(|scope| scope.intersects(&coverage.scope))
                || request.keys().any(|key| coverage.scope.contains(&key))
        };
        let (kept, own): (Vec<_>, Vec<_>) = std::mem::take(&mut snapshot.coverage)
            .into_iter()
            .partition(|found| found.gap.is_none() || concerns(found));
        drop(request);
        snapshot.coverage = kept;
        for gap in own.into_iter().filter_map(|coverage| coverage.gap) {
            self.unread(session, head, gap, true, terminal);
        }
    }

    /// Plans the base against what was read, and compares both sides.
    pub(super) fn against<C>(&self, session: &Session, open: &[Open<C>], seen: &[Seen]) -> Against {
        let named = Base { name: self.name.clone(), commit: self.commit.clone(), ..Base::default() };
        let base = match &self.manifests {
            Ok(base) => base,
            Err(why) => return Against { base: Base { not_used: Some(why.clone()), ..named }, plans: None },
        };
        let sides = base.sides(session);
        let pairs = Pairs::new(&base.side(&sides), &head_side(session, &sides));
        let plans = open.iter().zip(seen).map(|(open, live)| base.plan(session, open.target, live, &pairs)).collect();
        let hidden = base.hidden(session);
        let capabilities = |name: &str| provider::find(name).map(|provider| provider.kind.capabilities);
        let compared = Compared {
            ids: &session.ids,
            base: base.side(&sides),
            head: head_side(session, &sides),
            capabilities: &capabilities,
            hidden: &hidden,
        };
        let authority = authority::changes(&compared, &pairs);
        let leaving = base.leaving(session, &compared, &pairs, open, seen);
        let unread = self.unread.iter().map(|Unread { path, why }| BaseGap {
            target: None,
            path: Some(path.display().to_string()),
            kind: BaseGapKind::NotUsed,
            message: why.clone(),
        });
        let gaps = unread.chain(base.gaps(session)).collect();
        Against { base: Base { gaps, authority, leaving, ..named }, plans: Some(plans) }
    }
}

fn head_side<'a>(session: &'a Session, sides: &'a Sides<'a>) -> Side<'a> {
    let loaded = &session.loaded;
    side(loaded, &sides.head)
}

fn side<'a>(loaded: &'a Loaded, sets: &'a [&'a DesiredSet]) -> Side<'a> {
    let root: Option<&RootOptions> = loaded.root.as_ref().map(|root| &root.options);
    Side { targets: &loaded.targets, sets, root, sources: &loaded.sources }
}

impl Usable {
    fn new(loaded: Loaded, as_mode: Option<Mode>, selection: Selection, session: &Session) -> Self {
        let written = Sides { base: loaded.sets.iter().collect(), head: session.loaded.sets.iter().collect() };
        let pairs = Pairs::new(&side(&loaded, &written.base), &head_side(session, &written));
        let resolved = vec![None; loaded.sets.len()];
        Self { loaded, as_mode, selection, pairs, resolved, gaps: BTreeMap::new() }
    }

    fn side<'a>(&'a self, sides: &'a Sides<'a>) -> Side<'a> {
        side(&self.loaded, &sides.base)
    }

    /// The base's target that is the same account as one of the head.
    fn same_account(&self, session: &Session, head: usize) -> Option<usize> {
        self.account(head, session.loaded.targets.get(head)?)
    }

    fn account(&self, head: usize, account: &Target) -> Option<usize> {
        let target = self.pairs.base_target(head)?;
        self.loaded.targets.get(target).filter(|other| authority::same_account(other, account)).map(|_| target)
    }

    /// The sets of a target as they are planned: with ids in place of names where these were found.
    fn sets(&self, target: usize) -> impl Iterator<Item = (usize, &DesiredSet)> {
        let sets = self.loaded.sets.iter().zip(&self.resolved).enumerate();
        let sets = sets.map(|(number, (set, resolved))| (number, resolved.as_ref().unwrap_or(set)));
        sets.filter(move |(_, set)| set.target == target)
    }

    /// Whether a narrowed run looks at what a set of the base manages: that of a set that it selects, or of one that is gone.
    fn is_concerned(&self, session: &Session, number: usize) -> bool {
        match self.pairs.set(number) {
            Some(head) => session.is_chosen(head) || self.is_deselected(session, number, head),
            // No shard selects a set that is gone, so every run that opens its target looks at it.
            None => true,
        }
    }

    /// Whether the command selected a set of the base and no longer selects what it became.
    fn is_deselected(&self, session: &Session, number: usize, head: usize) -> bool {
        let (Some(before), Some(after)) = (self.loaded.sets.get(number), session.loaded.sets.get(head)) else {
            return false;
        };
        let names = BothNames {
            targets: [target_name(&self.loaded, before), target_name(&session.loaded, after)],
            sets: [&before.name, &after.name],
        };
        let chosen = |loaded: &Loaded, set: &DesiredSet| {
            self.selection.chooses(set, loaded.sources.name(SourceId(set.origin.source)), &names)
        };
        chosen(&self.loaded, before) && !chosen(&session.loaded, after)
    }

    /// Whether both sides of a target have ids in place of all names.
    fn has_ids(&self, session: &Session, target: usize) -> bool {
        let head = self.pairs.target(target);
        let base = self.sets(target).all(|(number, set)| set.names.is_empty() || self.resolved[number].is_some());
        base && head.is_none_or(|head| session.has_ids(head))
    }

    /// The sets of both sides, of each target either with ids on both sides, or as written on both sides.
    fn sides<'a>(&'a self, session: &'a Session) -> Sides<'a> {
        let has_ids: Vec<bool> = (0..self.loaded.targets.len()).map(|target| self.has_ids(session, target)).collect();
        let by_ids = |target: Option<usize>| target.and_then(|target| has_ids.get(target)).copied().unwrap_or(false);
        let base = self.loaded.sets.iter().zip(&self.resolved);
        let base = base.map(|(set, resolved)| resolved.as_ref().filter(|_| by_ids(Some(set.target))).unwrap_or(set));
        let head = session.loaded.sets.iter().zip(session.sets());
        let head = head.map(
            |(written, (_, set, _))| {
                if by_ids(self.pairs.base_target(written.target)) { set } else { written }
            },
        );
        Sides { base: base.collect(), head: head.collect() }
    }

    /// The plan that the base would have; `None`: it would change nothing, since there is no such target, or it cannot be planned.
    fn plan(&self, session: &Session, head: usize, live: &Seen, pairs: &Pairs) -> Option<TargetPlan> {
        let target = self.same_account(session, head)?;
        let settings = self.loaded.targets.get(target)?;
        let cannot_be_planned = self.gaps.get(&target).is_some_and(|gaps| gaps.iter().any(|gap| !gap.is_partial));
        if cannot_be_planned || !authority::reads_alike(settings, session.target(head)) {
            return None;
        }
        let sets = self.sets(target).map(|(number, set)| self.choice(session, set, pairs.set(number)));
        let sets: Vec<SetInput<'_>> = sets.collect();
        Some(session.with_input(head, |input| {
            let sources = &self.loaded.sources;
            plan_target(&Input { sources, target: settings, sets: &sets, rotate: false, ..*input }, live.clone())
        }))
    }

    /// A set of the base is planned as its successor is: otherwise a narrowed run, or `--as`, would pass for a difference. `--as` never
    /// gives it authority that only the head's manifest has.
    fn choice<'a>(&self, session: &Session, set: &'a DesiredSet, after: Option<usize>) -> SetInput<'a> {
        let selected = after.is_none_or(|after| session.is_chosen(after));
        let after = after.and_then(|after| session.loaded.sets.get(after));
        let is_raised = after.is_some_and(|after| after.mode > set.mode);
        let allowed = |mode: Mode| if is_raised { mode.min(set.mode) } else { mode };
        let possible = |mode: &Mode| *mode != Mode::Authoritative || set.scope.is_some();
        let mode = self.as_mode.filter(|_| selected).map(allowed).filter(possible).unwrap_or(set.mode);
        SetInput { set, selected, mode }
    }

    /// Whether the live state that only the base reads of a target could not be read.
    fn is_unread(&self, target: usize) -> bool {
        let gaps = self.gaps.get(&target).into_iter().flatten();
        gaps.into_iter().any(|gap| gap.kind == BaseGapKind::Unread && !gap.is_partial)
    }

    /// Files that the base loads, and that are here and not loaded.
    fn hidden(&self, session: &Session) -> Vec<String> {
        let Some(root) = &session.loaded.root else { return Vec::new() };
        if self.loaded.root.is_none() {
            return Vec::new();
        }
        let files = |loaded: &Loaded| -> BTreeSet<String> {
            let sources = (0..loaded.sources.len()).filter_map(|number| u32::try_from(number).ok());
            sources.map(|number| loaded.sources.name(SourceId(number)).to_owned()).collect()
        };
        let here = files(&session.loaded);
        files(&self.loaded).into_iter().filter(|file| !here.contains(file) && root.dir.join(file).is_file()).collect()
    }

    /// The sets of the head that the command selects no longer.
    fn deselected(&self, session: &Session, pairs: &Pairs, sets: &[&DesiredSet]) -> Vec<usize> {
        let base = (0..sets.len()).filter_map(|number| Some((number, pairs.set(number)?)));
        base.filter(|(number, head)| self.is_deselected(session, *number, *head)).map(|(_, head)| head).collect()
    }

    fn gaps(&self, session: &Session) -> Vec<BaseGap> {
        let name = |target: usize| {
            let head = self.pairs.target(target).and_then(|head| session.loaded.targets.get(head));
            head.or_else(|| self.loaded.targets.get(target)).map(|target| target.name.clone()).unwrap_or_default()
        };
        let gaps = self.gaps.iter().flat_map(|(target, gaps)| gaps.iter().map(move |gap| (*target, gap)));
        gaps.map(|(target, gap)| BaseGap {
            target: Some(name(target)),
            path: None,
            kind: gap.kind,
            message: gap.message.clone(),
        })
        .collect()
    }

    fn leaving<C>(
        &self,
        session: &Session,
        compared: &Compared<'_>,
        pairs: &Pairs,
        open: &[Open<C>],
        seen: &[Seen],
    ) -> Vec<Leaving> {
        let deselected: HashSet<usize> = self.deselected(session, pairs, compared.base.sets).into_iter().collect();
        let mut all = Vec::new();
        for (number, target) in self.loaded.targets.iter().enumerate() {
            let head = pairs.target(number).filter(|head| authority::same_account(target, session.target(*head)));
            let place = open.iter().position(|open| Some(open.target) == head);
            // A narrowed run does not look at every target. One that has sets is left to the run that opens it.
            let is_elsewhere = place.is_none() && head.is_some_and(|head| session.sets_of(head).next().is_some());
            let Some(capabilities) = (compared.capabilities)(target.provider) else { continue };
            if is_elsewhere || (head.is_some() && !self.has_ids(session, number)) {
                continue;
            }
            let live = place.and_then(|place| seen.get(place)).and_then(|seen| seen.as_ref().ok());
            let request = head.filter(|_| self.is_unread(number)).map(|head| session.head_request(head));
            let known: Option<HashSet<Key>> = request.as_ref().map(|request| request.keys().collect());
            let was_read = |key: &Key| match (&request, &known) {
                (Some(request), Some(known)) => {
                    known.contains(key) || request.scopes.iter().any(|scope| scope.contains(key))
                }
                _ => true,
            };
            all.extend(authority::leaving(&LeavingInput {
                compared,
                pairs,
                target: number,
                capabilities,
                head,
                live,
                was_read: &was_read,
                concerned: &|set| self.is_concerned(session, set),
                deselected: &|set| deselected.contains(&set),
                now: session.now(),
            }));
        }
        all.sort_by(|a, b| (&a.target, &a.set).cmp(&(&b.target, &b.set)));
        all
    }
}

fn target_name<'a>(loaded: &'a Loaded, set: &DesiredSet) -> &'a str {
    loaded.targets.get(set.target).map_or("", |target| target.name.as_str())
}

impl Against {
    /// Marks every change of the plan with its cause.
    pub(super) fn attribute(self, plan: &mut Plan) {
        for (target, base) in plan.targets.iter_mut().zip(self.plans.iter().flatten()) {
            cause::attribute(target, base.as_ref());
        }
        plan.base = Some(self.base);
    }
}
