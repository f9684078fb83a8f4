//! What `plan` and `apply` share: load the manifests, choose sets, read the targets concerned, plan.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use futures::future::join_all;
use tokio::task::{JoinHandle, spawn_blocking};

use super::args::{CredentialArgs, PlanningArgs, SelectArgs, SourceArgs};
use super::base::BaseManifests;
use super::connect::{Connector, SandboxHome, endpoint_text};
use super::hidden::SecretKeys;
use super::policy::InForce;
use super::report::Reports;
use super::shard::Shard;
use super::terminal::Terminal;
use crate::apply::Exit;
use crate::diag::Diagnostics;
use crate::manifest::{self, Loaded};
use crate::model::{
    Capabilities, DesiredSet, Endpoint, Ids, Instant, Mode, Protect, ReadRequest, Scope, Snapshot, Target,
};
use crate::plan::saved::{DesiredDigests, Identity, SavedError, SavedPlan, manifests_digest};
use crate::plan::{Input, Part, Plan, SetInput, TargetPlan, Unreadable, digest, plan_target};
use crate::provider::{self, Connection, ReadError, Reader};
use crate::render::{self, json::Clock};

/// How a step ended that may also end the program.
pub(super) enum Step<T> {
    /// Go on.
    Ready(T),
    /// The program ends; everything has been said.
    Ended(Exit),
}

/// Loaded manifests and what to do with them.
pub(super) struct Session {
    pub loaded: Arc<Loaded>,
    pub ids: Arc<Ids>,
    /// The moment to judge time windows by: taken when the first target is planned, and again where all is read again.
    now: Mutex<Option<Instant>>,
    planning: PlanningArgs,
    /// The manifests to compare with (`--base`).
    base: Option<BaseManifests>,
    /// The part of the sets that the command chose from.
    shard: Option<Shard>,
    /// For each set of `loaded`, whether the command chose it.
    selected: Vec<bool>,
    policy: InForce,
    /// For each set of `loaded`, the mode that it is planned in.
    modes: Vec<Mode>,
    /// The plan that was reviewed, which alone says what is selected.
    approved: Option<SavedPlan>,
    endpoints: Vec<String>,
    capabilities: Vec<&'static Capabilities>,
    /// For each set of `loaded` with names in place of ids, the same set with ids, once its target was read. What is
    /// carried out holds to it, whatever is renamed meanwhile; a question at the terminal has it found again.
    resolved: Vec<Option<DesiredSet>>,
    /// Whether the plan keeps the keys of what is as declared.
    list_unchanged: bool,
}

/// One target of the run, with an open connection or the reason why there is none. What only reads holds readers, and cannot write.
pub(super) struct Open<C = Connection> {
    pub target: usize,
    pub connection: Result<C, Unreadable>,
    /// Whether its sets say names in place of ids, which are found in a listing of the whole target.
    pub names: bool,
}

/// What a snapshot can be read with.
pub(super) trait Readable {
    /// The reading side.
    fn reader(&self) -> &dyn Reader;
}

impl Readable for Connection {
    fn reader(&self) -> &dyn Reader {
        self.reader.as_ref()
    }
}

impl Readable for Box<dyn Reader> {
    fn reader(&self) -> &dyn Reader {
        self.as_ref()
    }
}

impl<C: Readable> Open<C> {
    /// Reads what planning needs.
    pub(super) async fn read(&self, session: &Session) -> Seen {
        match &self.connection {
            Ok(connection) => read(connection.reader(), &session.read_request(self)).await,
            Err(unreadable) => Err(unreadable.clone()),
        }
    }
}

/// What was read of a target.
pub(super) type Seen = Result<Snapshot, Unreadable>;

impl Session {
    /// Loads the manifests; prints what is wrong with them. An approved plan chooses the sets in place of the arguments.
    pub(super) fn load(
        args: &SourceArgs,
        approved: Option<SavedPlan>,
        terminal: &Terminal,
        reports: &mut Reports,
    ) -> anyhow::Result<Step<Self>> {
        let ids = Arc::new(Ids::default());
        let mut loaded = load(&args.manifests, &ids, now())?;
        let policy = InForce::load(&args.policy, &mut loaded, &ids)?;
        reports.loaded(&loaded);
        if !loaded.diagnostics.is_empty() {
            terminal.say(&render::diagnostics::human(&loaded.diagnostics, &loaded.sources, terminal.stderr_color));
        }
        if loaded.diagnostics.errors() > 0 {
            return Ok(Step::Ended(Exit::Error.worse(reports.findings(&loaded, terminal))));
        }
        let selected = match &approved {
            Some(saved) => {
                loaded.sets.iter().map(|set| saved.mode(target_name(&loaded, set), &set.name).is_some()).collect()
            }
            None => select(&loaded, &args.select)?,
        };
        policy.check_flags(&args.planning)?;
        let as_mode =
            |(set, selected): (&DesiredSet, &bool)| args.planning.as_mode.filter(|_| *selected).unwrap_or(set.mode);
        let modes = loaded.sets.iter().zip(&selected).map(as_mode).collect();
        let now = Mutex::default();
        let endpoints = loaded.targets.iter().map(endpoint_text).collect();
        let capabilities = loaded.targets.iter().map(capabilities).collect::<anyhow::Result<_>>()?;
        let (planning, shard) = (args.planning.clone(), args.select.shard);
        let base = None;
        let resolved = vec![None; loaded.sets.len()];
        let mut session = Self {
            loaded: Arc::new(loaded),
            ids,
            now,
            planning,
            base,
            shard,
            selected,
            policy,
            modes,
            approved,
            endpoints,
            capabilities,
            resolved,
            list_unchanged: reports.name_every_assignment(),
        };
        session.check_modes()?;
        session.check_approved()?;
        Ok(Step::Ready(session))
    }

    /// Whether the approved plan may be used for these manifests and accounts at all, before anything is asked of a target.
    fn check_approved(&mut self) -> anyhow::Result<()> {
        let Some(saved) = &self.approved else { return Ok(()) };
        saved.check(self.now(), self.policy().as_ref())?;
        saved.check_desired(&self.desired())?;
        saved.check_targets(&self.identities())?;
        if saved.rotates() && !self.planning.rotate {
            bail!(
                "the saved plan sends secrets again, which this run was not asked to do; pass --rotate as when it was made"
            );
        }
        self.modes = self.approved_modes(saved)?;
        Ok(())
    }

    /// What a plan binds of each target.
    pub(super) fn identities(&self) -> Vec<Identity> {
        self.loaded
            .targets
            .iter()
            .zip(&self.endpoints)
            .map(|(target, endpoint)| Identity::new(target, endpoint))
            .collect()
    }

    /// Each approved set in the mode of its review. A file cannot give a set more authority than its manifest and this run do.
    fn approved_modes(&self, saved: &SavedPlan) -> anyhow::Result<Vec<Mode>> {
        let sets = self.loaded.sets.iter().zip(&self.modes);
        sets.map(|(set, allowed)| match saved.mode(target_name(&self.loaded, set), &set.name) {
            Some(reviewed) if reviewed > *allowed => bail!(
                "the saved plan has set {} as {reviewed}, and here it is {allowed}; pass --as {reviewed} as when it was made",
                set.name,
                reviewed = reviewed.as_str(),
                allowed = allowed.as_str(),
            ),
            Some(reviewed) => Ok(reviewed),
            None => Ok(*allowed),
        })
        .collect()
    }

    /// The digest of what each set declares, with names as they are written.
    pub(super) fn desired(&self) -> DesiredDigests {
        desired(&self.loaded, &self.ids)
    }

    /// The digest of all that the manifests declare, made on another thread while the targets are read: a hundred thousand assignments take
    /// some 30 ms.
    pub(super) fn manifests_digest(&self) -> JoinHandle<digest::Digest> {
        let known = self.approved.as_ref().map(|saved| saved.manifests.clone());
        let (loaded, ids) = (Arc::clone(&self.loaded), Arc::clone(&self.ids));
        spawn_blocking(move || known.unwrap_or_else(|| manifests_digest(&desired(&loaded, &ids))))
    }

    /// The digest of the policy in force.
    pub(super) fn policy(&self) -> Option<digest::Digest> {
        self.policy.digest().cloned()
    }

    /// The plan that was reviewed.
    pub(super) fn approved(&self) -> Option<&SavedPlan> {
        self.approved.as_ref()
    }

    /// Where the manifests lie.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.loaded.root.as_ref().map_or(Some(Path::new(".")), |root| Some(root.dir.as_path()))
    }

    /// `--as authoritative` needs an authority to exercise.
    fn check_modes(&self) -> anyhow::Result<()> {
        if self.planning.as_mode != Some(Mode::Authoritative) {
            return Ok(());
        }
        let without = self.sets().filter(|(_, set, selected)| *selected && set.scope.is_none());
        let names: Vec<&str> = without.map(|(_, set, _)| set.name.as_str()).collect();
        if !names.is_empty() {
            bail!(
                "--as authoritative: these sets have no scope to be authoritative over: {}; give them one, or choose others with --set",
                names.join(", ")
            );
        }
        Ok(())
    }

    pub(super) fn sets(&self) -> impl Iterator<Item = (usize, &DesiredSet, bool)> {
        let sets = self.loaded.sets.iter().zip(&self.resolved).zip(&self.selected).enumerate();
        sets.map(|(index, ((set, resolved), selected))| (index, resolved.as_ref().unwrap_or(set), *selected))
    }

    /// All sets of a target, chosen or not; with ids in place of names once it was read.
    pub(super) fn sets_of(&self, target: usize) -> impl Iterator<Item = &DesiredSet> {
        self.sets().map(|(_, set, _)| set).filter(move |set| set.target == target)
    }

    /// The targets with at least one chosen set, sorted by name.
    fn targets(&self) -> Vec<usize> {
        let mut chosen: Vec<usize> =
            self.sets().filter(|(_, _, selected)| *selected).map(|(_, set, _)| set.target).collect();
        chosen.sort_unstable_by_key(|index| self.loaded.targets.get(*index).map(|target| target.name.as_str()));
        chosen.dedup();
        chosen
    }

    /// Opens the targets concerned, the embedded server first where one of them lives there.
    pub(super) async fn open(&self, connector: &mut Connector) -> anyhow::Result<Vec<Open>> {
        self.open_with(connector, |connection| connection).await
    }

    /// Opens the targets concerned for reading only: their writing sides are gone before anything is read.
    pub(super) async fn open_readers(&self, connector: &mut Connector) -> anyhow::Result<Vec<Open<Box<dyn Reader>>>> {
        self.open_with(connector, |connection| connection.reader).await
    }

    async fn open_with<C>(
        &self,
        connector: &mut Connector,
        keep: impl Fn(Connection) -> C,
    ) -> anyhow::Result<Vec<Open<C>>> {
        let targets = self.targets();
        if targets.iter().any(|index| self.target(*index).endpoint == Endpoint::Sandbox) {
            connector.start_sandbox(&sandbox_home(&self.loaded)?).await?;
        }
        let open = |target: usize| {
            let connection = connector.open(self.target(target), self.policy.hosts(target), self.secret_keys(target));
            let refused = |error| Unreadable { message: format!("{error:#}"), temporary: false };
            Open { target, connection: connection.map(&keep).map_err(refused), names: self.says_names(target) }
        };
        Ok(targets.into_iter().map(open).collect())
    }

    /// What the manifests and those of the base declare as secret on a target.
    fn secret_keys(&self, target: usize) -> SecretKeys {
        let base = self.base.iter().flat_map(BaseManifests::all_sets);
        SecretKeys::of(self.sets_of(target).chain(base))
    }

    /// The embedded server's state file as an absolute path, where a target of the plan lives there.
    pub(super) fn sandbox_state(&self, plan: &Plan, args: &CredentialArgs) -> anyhow::Result<Option<PathBuf>> {
        let embedded = |target: &Target| target.endpoint == Endpoint::Sandbox;
        let concerned = |target: &TargetPlan| self.loaded.targets.iter().any(|t| t.name == target.name && embedded(t));
        if !plan.targets.iter().any(concerned) {
            return Ok(None);
        }
        let state = match &args.sandbox_state {
            Some(state) => state.clone(),
            None => sandbox_home(&self.loaded)?.state,
        };
        std::path::absolute(&state).map(Some).with_context(|| format!("the sandbox's state {}", state.display()))
    }

    pub(super) fn target(&self, index: usize) -> &Target {
        &self.loaded.targets[index]
    }

    /// The moment that the run judges by: when it is first asked for, after reading.
    pub(super) fn now(&self) -> Instant {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(now)
    }

    /// Time has passed: the moment is taken anew.
    ///
    /// # Errors
    /// The approved plan has ended meanwhile.
    pub(super) fn look_at_the_clock(&self) -> Result<(), SavedError> {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Some(now());
        self.approved.as_ref().map_or(Ok(()), |saved| saved.check(self.now(), self.policy().as_ref()))
    }

    /// What a plan needs to know of a target, and what the base's plan of it needs.
    fn read_request<C>(&self, open: &Open<C>) -> ReadRequest<'_> {
        let mut request = self.head_request(open.target);
        if let Some(base) = &self.base {
            base.widen(self, open.target, &mut request);
        }
        by_name(request, open.names)
    }

    /// What a plan needs to know of a target: the scopes and keys of all its sets, since guards judge it whole.
    pub(super) fn head_request(&self, target: usize) -> ReadRequest<'_> {
        by_name(self.request_of(target, |_| true), self.has_names(target))
    }

    /// Whether a name stands in place of an id in any set of a target.
    fn has_names(&self, target: usize) -> bool {
        self.sets_of(target).any(|set| !set.names.is_empty())
    }

    /// Whether all names in the sets of a target have ids.
    pub(super) fn has_ids(&self, target: usize) -> bool {
        let sets = self.loaded.sets.iter().zip(&self.resolved).filter(|(set, _)| set.target == target);
        sets.into_iter().all(|(set, resolved)| set.names.is_empty() || resolved.is_some())
    }

    /// Whether the command chose a set, by its place among the loaded ones.
    pub(super) fn is_chosen(&self, set: usize) -> bool {
        self.selected.get(set).copied().unwrap_or(false)
    }

    /// Whether a name stands in place of an id in any set of a target, or in the base's sets of it.
    fn says_names(&self, target: usize) -> bool {
        self.has_names(target) || self.base.as_ref().is_some_and(|base| base.says_names(self, target))
    }

    /// The scopes of some of a target's sets, and what they declare.
    fn request_of(&self, target: usize, concerned: impl Fn(&DesiredSet) -> bool) -> ReadRequest<'_> {
        let sets = || self.sets_of(target);
        // Holders are counted on the whole target (DESIGN section 5), also where no set looks.
        let protects = sets().flat_map(|set| &set.protect).chain(self.policy.protects(target));
        let counted = protects.filter(|protect| protect.min_holders.is_some()).map(Protect::scope);
        let read = || sets().filter(|set| concerned(set));
        ReadRequest {
            scopes: read().filter_map(|set| set.scope.clone()).chain(counted).collect(),
            rows: read().map(|set| set.rows.as_slice()).collect(),
            names: false,
        }
    }

    /// What is read again after a target's changes: the scopes and keys of the sets that its plan touches, and what holders are counted
    /// in.
    pub(super) fn reread_request(&self, target: usize, plan: &TargetPlan) -> ReadRequest<'_> {
        let touched = plan.touched_sets();
        self.request_of(target, |set| touched.contains(set.name.as_str()))
    }

    /// Compares every plan with the manifests of a base. Say it before the targets are opened: both are read at once.
    pub(super) fn compare_with(&mut self, base: BaseManifests) {
        self.base = Some(base);
    }

    /// Plans one target against what was read of it.
    pub(super) fn plan_target(&self, target: usize, live: Seen) -> TargetPlan {
        self.with_input(target, |input| plan_target(input, live))
    }

    /// Everything that a target's plan depends on, besides the live state.
    pub(super) fn with_input<T>(&self, target: usize, judge: impl FnOnce(&Input<'_>) -> T) -> T {
        let sets: Vec<SetInput<'_>> = self
            .sets()
            .filter(|(_, set, _)| set.target == target)
            .map(|(index, set, selected)| SetInput { set, selected, mode: self.modes[index] })
            .collect();
        let settings = self.target(target);
        let input = Input {
            ids: &self.ids,
            sources: &self.loaded.sources,
            now: self.now(),
            rotate: self.planning.rotate,
            list_unchanged: self.list_unchanged,
            thresholds: self.policy.thresholds(target, &self.planning),
            policy: self.policy.of(target),
            target: settings,
            endpoint: &self.endpoints[target],
            capabilities: self.capabilities[target],
            sets: &sets,
        };
        judge(&input)
    }

    /// The part of the sets that this run is narrowed to.
    fn part(&self) -> Option<Part> {
        let (number, of) = self.shard?.numbers();
        Some(Part { number, of, manifests: manifests_digest(&self.desired()) })
    }

    /// Reads all open targets side by side and plans them; of an approved plan, what it approves.
    pub(super) async fn plan<C: Readable>(&mut self, open: &[Open<C>], terminal: &Terminal) -> anyhow::Result<Plan> {
        let seen = self.read(open, terminal).await;
        self.plan_seen(open, seen)
    }

    /// The same, with what was read of each target where it is to be kept.
    pub(super) async fn plan_and_keep<C: Readable>(
        &mut self,
        open: &[Open<C>],
        keep: bool,
        terminal: &Terminal,
    ) -> anyhow::Result<(Plan, Vec<Option<Snapshot>>)> {
        let seen = self.read(open, terminal).await;
        let kept = seen.iter().map(|live| live.as_ref().ok().filter(|_| keep).cloned()).collect();
        Ok((self.plan_seen(open, seen)?, kept))
    }

    /// Reads all open targets side by side, and finds the ids of all names in their sets. A target with a name that has none is not
    /// planned; what is wrong with its names is shown.
    pub(super) async fn read<C: Readable>(&mut self, open: &[Open<C>], terminal: &Terminal) -> Vec<Seen> {
        let mut seen = join_all(open.iter().map(|open| open.read(self))).await;
        if let Some(mut base) = self.base.take() {
            self.read_without_base(&mut base, open, &mut seen, terminal).await;
            self.base = Some(base);
        }
        for (open, live) in open.iter().zip(&mut seen) {
            self.find_names(open, live, terminal);
            if let (Ok(snapshot), Some(base), true) = (live, &mut self.base, open.names) {
                let capabilities = self.capabilities[open.target];
                base.resolve((&self.loaded, open.target), snapshot, capabilities, &self.ids, terminal);
            }
        }
        seen
    }

    /// What only the base needs to read must not stop the plan of these manifests: where the reading for both failed, it is done for
    /// these alone, and gaps of what was read for the base are its own.
    async fn read_without_base<C: Readable>(
        &self,
        base: &mut BaseManifests,
        open: &[Open<C>],
        seen: &mut [Seen],
        terminal: &Terminal,
    ) {
        let again = open.iter().zip(&*seen).map(async |(open, live)| match (&open.connection, live) {
            (Ok(connection), Err(_)) if base.adds_to(self, open.target) => {
                Some(read(connection.reader(), &self.head_request(open.target)).await)
            }
            _ => None,
        });
        let again = join_all(again).await;
        for ((open, live), again) in open.iter().zip(seen).zip(again) {
            if let (Some(Ok(alone)), Err(failed)) = (again, &*live) {
                base.unread(self, open.target, failed.message.clone(), false, terminal);
                *live = Ok(alone);
            } else if let Ok(snapshot) = live {
                base.take_own_gaps(self, open.target, snapshot, terminal);
            }
        }
    }

    /// Finds the ids of all names in the sets of a target, in what was read of it for that.
    pub(super) fn find_names<C>(&mut self, open: &Open<C>, live: &mut Seen, terminal: &Terminal) {
        let (Ok(snapshot), true) = (&*live, open.names) else { return };
        let (target, sets) = (open.target, &self.loaded.sets);
        match manifest::names::of_target(sets, target, snapshot, self.capabilities[target], &self.ids) {
            Ok(resolved) => resolved.into_iter().for_each(|(place, set)| self.resolved[place] = Some(set)),
            Err(wrong) => {
                terminal.say(&render::diagnostics::human(&wrong, &self.loaded.sources, terminal.stderr_color));
                *live = Err(unresolved(&wrong, &self.loaded));
            }
        }
    }

    /// Plans what was read, and says whose change each change is where there is a base.
    pub(super) fn plan_seen<C>(&self, open: &[Open<C>], seen: Vec<Seen>) -> anyhow::Result<Plan> {
        let against = self.base.as_ref().map(|base| base.against(self, open, &seen));
        let targets = open.iter().zip(seen).map(|(open, live)| self.plan_target(open.target, live)).collect();
        let mut plan = Plan {
            ids: Arc::clone(&self.ids),
            now: self.now(),
            policy: self.policy.digest().cloned(),
            policy_file: self.policy.file().map(str::to_owned),
            targets,
            base: None,
            part: self.part(),
        };
        if let Some(saved) = &self.approved {
            saved.narrow(&mut plan, &self.desired())?;
        }
        if let Some(against) = against {
            against.attribute(&mut plan);
        }
        Ok(plan)
    }
}

/// Why a target whose names have no ids is not planned.
pub(super) fn unresolved(wrong: &Diagnostics, loaded: &Loaded) -> Unreadable {
    let sorted = wrong.sorted();
    let first = sorted.first().map(|first| {
        let at = first.primary.as_ref().map(|label| loaded.sources.locate(label.span));
        let place = at.map(|at| format!("{}:{}:{}: ", at.file, at.line, at.column)).unwrap_or_default();
        let help = first.help.join("; ").replace("?; ", "? ");
        format!("{place}{}; {help}", first.message)
    });
    let count = wrong.errors();
    let which = if count == 1 { String::new() } else { format!(" ({count} findings; the first follows)") };
    let message = format!("the names in its manifests do not fit what is live{which}: {}", first.unwrap_or_default());
    Unreadable { message, temporary: manifest::names::may_pass(wrong) }
}

/// Where the embedded server of these manifests keeps its files.
pub(super) fn sandbox_home(loaded: &Loaded) -> anyhow::Result<SandboxHome> {
    match &loaded.root {
        Some(root) => Ok(SandboxHome { state: root.sandbox_state.clone(), seed: root.sandbox_seed.clone() }),
        None => {
            let state = std::env::current_dir().context("the current directory is not there")?;
            Ok(SandboxHome { state: state.join(manifest::SANDBOX_STATE), seed: None })
        }
    }
}

fn target_name<'a>(loaded: &'a Loaded, set: &DesiredSet) -> &'a str {
    loaded.targets.get(set.target).map_or("", |target| target.name.as_str())
}

fn capabilities(target: &Target) -> anyhow::Result<&'static Capabilities> {
    let provider = provider::find(target.provider);
    Ok(provider.with_context(|| format!("there is no provider {}", target.provider))?.kind.capabilities)
}

/// The digest of what each set declares, with names as they are written.
fn desired(loaded: &Loaded, ids: &Ids) -> DesiredDigests {
    let name = |set: &DesiredSet| (target_name(loaded, set).to_owned(), set.name.clone());
    loaded.sets.iter().map(|set| (name(set), digest::desired(ids, set))).collect()
}

/// Reads one target.
pub(super) async fn read(reader: &dyn Reader, request: &ReadRequest<'_>) -> Result<Snapshot, Unreadable> {
    reader
        .read(request)
        .await
        .map_err(|error| Unreadable { temporary: matches!(error, ReadError::Temporary(_)), message: error.to_string() })
}

/// Loads manifests from the paths of a command.
pub(super) fn load(args: &super::args::ManifestArgs, ids: &Ids, now: Instant) -> anyhow::Result<Loaded> {
    let (dash, paths): (Vec<_>, Vec<_>) = args.paths.iter().cloned().partition(|path| path.as_os_str() == "-");
    let stdin = if dash.is_empty() { None } else { Some(read_stdin()?) };
    let mut loaded =
        manifest::load(&manifest::Inputs { paths, stdin, complete: args.complete }, &provider::kinds(), ids);
    loaded.expire(now);
    Ok(loaded)
}

/// The clock.
pub(super) fn now() -> Instant {
    Instant(jiff::Timestamp::now().as_millisecond())
}

/// The clock of what is written line by line: microseconds, always with six digits, so that lines sort as text.
pub(super) fn clock() -> Clock {
    Box::new(|| format!("{:.6}", jiff::Timestamp::now()))
}

fn read_stdin() -> anyhow::Result<Vec<u8>> {
    use std::io::Read;
    let limit = manifest::MAX_FILE;
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .context("standard input cannot be read")?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        bail!("standard input is larger than {limit} bytes; split it into files");
    }
    Ok(bytes)
}

/// Which sets the command's paths and selectors choose. A name that nothing has is a mistake, not an empty plan.
fn select(loaded: &Loaded, args: &SelectArgs) -> anyhow::Result<Vec<bool>> {
    let target_names = || loaded.targets.iter().map(|target| target.name.as_str());
    let set_names = || loaded.sets.iter().map(|set| set.name.as_str());
    known("--target", &args.target, target_names().collect())?;
    known("--set", &args.set, set_names().collect())?;
    let chosen = |index: usize, set: &DesiredSet| {
        let target = loaded.targets.get(set.target).map(|target| target.name.as_str()).unwrap_or_default();
        loaded.selected.get(index).copied().unwrap_or(false)
            && (args.target.is_empty() || args.target.iter().any(|name| name == target))
            && (args.set.is_empty() || args.set.contains(&set.name))
            && args.selector.iter().all(|label| set.labels.contains(label))
            && args.shard.is_none_or(|shard| shard.holds(target, &set.name))
    };
    Ok(loaded.sets.iter().enumerate().map(|(index, set)| chosen(index, set)).collect())
}

/// A name that nothing has is a mistake.
pub(super) fn known(flag: &str, wanted: &[String], mut names: Vec<&str>) -> anyhow::Result<()> {
    for name in wanted {
        if !names.contains(&name.as_str()) {
            names.sort_unstable();
            names.dedup();
            bail!("{flag} {name}: there is none of this name; there are: {}", names.join(", "));
        }
    }
    Ok(())
}

/// A request that finds names too: they are found in a listing of the whole target, or two of the same name could pass for one.
fn by_name(request: ReadRequest<'_>, names: bool) -> ReadRequest<'_> {
    if names { ReadRequest { scopes: vec![Scope::default()], names, ..request } } else { request }
}

/// What the program's end says about a plan that was only shown. A base that cannot be used is an error of the run.
pub(super) fn plan_exit(plan: &Plan) -> Exit {
    let of = |target: &TargetPlan| match &target.unreadable {
        Some(unreadable) if unreadable.temporary => Exit::Temporary,
        Some(_) => Exit::Error,
        None if !target.refusals.is_empty() => Exit::Refused,
        None => Exit::Success,
    };
    let base = plan.base.as_ref().filter(|base| base.is_unusable()).map_or(Exit::Success, |_| Exit::Error);
    plan.targets.iter().map(of).fold(base, Exit::worse)
}

/// The runtime that speaks to the network; `validate` needs none. One thread serves the connections, notices interrupts and keeps the time,
/// whatever the program's own is busy with; two of them mostly wake each other.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("the thread for the network could not be started")
}
