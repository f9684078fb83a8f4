//! `import`: what is live, as manifests that a person would have written. Writes sets, never targets, and nothing to the target.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};

use super::args::ImportArgs;
use super::connect::Connector;
use super::hidden::SecretKeys;
use super::policy::InForce;
use super::schemas;
use super::session::{known, load, read, runtime, sandbox_home};
use super::terminal::Terminal;
use crate::apply::Exit;
use crate::diag::SourceId;
use crate::manifest::Kind;
use crate::manifest::write::{Account, Authority, Group, Manifest, divide, undeclarable, write};
use crate::manifest::{Loaded, names};
use crate::model::{
    DesiredSet, Endpoint, Ids, Instant, Key, Live, Mode, PartScope, ReadRequest, Scope, Snapshot, Sym, Target, Value,
};
use crate::plan::Unreadable;
use crate::provider;
use crate::render;

/// More groups than this become one set over the whole account: nobody keeps hundreds of files by hand.
const MAX_GROUPS: usize = 100;

/// Reads the target and writes manifests.
pub(super) fn run(args: &ImportArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let ids = Arc::new(Ids::default());
    let mut loaded = load(&args.manifests, &ids, super::session::now())?;
    let policy = InForce::load(&args.policy, &mut loaded, &ids)?;
    if !loaded.diagnostics.is_empty() {
        terminal.say(&render::diagnostics::human(&loaded.diagnostics, &loaded.sources, terminal.stderr_color));
    }
    if loaded.diagnostics.errors() > 0 {
        return Ok(Exit::Error);
    }
    let import = Import::new(args, &loaded, &policy, &ids)?;
    let (request, target, capabilities) = (import.request()?, import.target, import.kind.capabilities);
    let runtime = runtime()?;
    let reading = terminal.signals.unless_stopped(import.read(&request, terminal));
    let snapshot = match terminal.signals.heed(|| runtime.block_on(reading))?? {
        Ok(snapshot) => snapshot,
        Err(unreadable) => {
            let name = &import.target().name;
            terminal.error(&anyhow::anyhow!("target {name} cannot be read: {}", unreadable.message));
            return Ok(if unreadable.temporary { Exit::Temporary } else { Exit::Error });
        }
    };
    let ReadRequest { scopes: asked, names, .. } = request;
    if names && let Err(wrong) = loaded.resolve(target, &snapshot, capabilities, &ids) {
        // What the sets own already is not known, so nothing can be left to them.
        terminal.say(&render::diagnostics::human(&wrong, &loaded.sources, terminal.stderr_color));
        return Ok(if names::may_pass(&wrong) { Exit::Temporary } else { Exit::Error });
    }
    Import::new(args, &loaded, &policy, &ids)?.write(&asked, &snapshot, terminal)
}

/// One run of the command.
struct Import<'a> {
    args: &'a ImportArgs,
    loaded: &'a Loaded,
    policy: &'a InForce,
    ids: &'a Arc<Ids>,
    target: usize,
    kind: &'static Kind,
    now: Instant,
}

impl<'a> Import<'a> {
    fn new(args: &'a ImportArgs, loaded: &'a Loaded, policy: &'a InForce, ids: &'a Arc<Ids>) -> anyhow::Result<Self> {
        known(
            "--target",
            std::slice::from_ref(&args.target),
            loaded.targets.iter().map(|t| t.name.as_str()).collect(),
        )?;
        let target = loaded.targets.iter().position(|target| target.name == args.target).unwrap_or_default();
        let provider = loaded.targets.get(target).and_then(|target| provider::find(target.provider));
        let kind = provider.with_context(|| format!("--target {}: its provider is not known", args.target))?.kind;
        let now = Instant(jiff::Timestamp::now().as_millisecond());
        let import = Self { args, loaded, policy, ids, target, kind, now };
        let names_places = !args.domain.is_empty() || !args.service.is_empty();
        if names_places && !kind.address_is_scope {
            bail!(
                "--domain and --service are for targets whose API lists neither; {} is listed whole",
                kind.provider()
            );
        }
        if args.domain.is_empty() && !args.service.is_empty() {
            bail!("--service needs --domain: a service is read inside a domain");
        }
        if kind.address_is_scope && args.single {
            bail!("--single is not for {}: a set of it has one address", kind.provider());
        }
        Ok(import)
    }

    fn target(&self) -> &'a Target {
        &self.loaded.targets[self.target]
    }

    fn sets(&self) -> impl Iterator<Item = &'a DesiredSet> {
        let target = self.target;
        self.loaded.sets.iter().filter(move |set| set.target == target)
    }

    /// Everything, or the addresses that were named.
    fn request(&self) -> anyhow::Result<ReadRequest<'_>> {
        if !self.kind.address_is_scope {
            return Ok(ReadRequest {
                scopes: vec![Scope::default()],
                rows: Vec::new(),
                names: self.sets().any(|set| !set.names.is_empty()),
            });
        }
        let mut scopes: Vec<Scope> = self.sets().filter_map(|set| set.scope.clone()).collect();
        if !self.args.domain.is_empty() {
            let syms = |ids: &[String]| ids.iter().map(|id| self.ids.sym(id)).collect::<BTreeSet<Sym>>();
            let mut services = syms(&self.args.service);
            services.insert(Sym::NONE);
            let mut scope = Scope::default();
            for (part, ids) in self.kind.divide_by.iter().zip([syms(&self.args.domain), services]) {
                scope.parts[*part] = PartScope::In(ids);
            }
            scopes = vec![scope];
        }
        if scopes.is_empty() {
            bail!(
                "{} has no documented route that lists domains and services: name them with --domain ID and --service ID, or in sets of the target",
                self.kind.provider()
            );
        }
        let rows = self.sets().map(|set| set.rows.as_slice()).collect();
        Ok(ReadRequest { scopes, rows, names: false })
    }

    async fn read(
        &self,
        request: &ReadRequest<'_>,
        terminal: &Terminal,
    ) -> anyhow::Result<Result<Snapshot, Unreadable>> {
        let mut connector = Connector::new(&self.args.credentials, Arc::clone(self.ids), terminal.signals.stop())?;
        if self.target().endpoint == Endpoint::Sandbox {
            connector.start_sandbox(&sandbox_home(self.loaded)?).await?;
        }
        let connection = connector.open(self.target(), self.policy.hosts(self.target), SecretKeys::of(self.sets()))?;
        let mut snapshot = read(connection.reader.as_ref(), request).await;
        // A declared secret is imported as one, also where the API shows its value.
        for row in snapshot.iter_mut().flat_map(|snapshot| &mut snapshot.rows) {
            row.fields = self.kind.capabilities.with_hidden_masked(&row.fields);
        }
        drop(connection);
        connector.close().await?;
        Ok(snapshot)
    }

    fn write(&self, asked: &[Scope], snapshot: &Snapshot, terminal: &Terminal) -> anyhow::Result<Exit> {
        let schema = self.schema();
        let account = Account {
            kind: self.kind,
            ids: self.ids,
            names: &snapshot.names,
            target: &self.target().name,
            now: self.now,
            schema: &schema,
        };
        let owners = Owners::of(self, snapshot);
        let groups = self.groups(&account, asked, snapshot, &owners, terminal);
        if groups.is_empty() {
            terminal.hint("Nothing was written: no live assignment is without a set.\n");
            return Ok(Exit::Success);
        }
        let taken = owners.names();
        let manifests = write(&account, &groups, &taken);
        match &self.args.out {
            None => {
                let texts: Vec<&str> = manifests.iter().map(|manifest| manifest.text.as_str()).collect();
                terminal.data(&texts.join("---\n"))?;
            }
            Some(dir) => self.save(dir, &manifests, terminal)?,
        }
        self.next(&manifests, terminal);
        Ok(Exit::Success)
    }

    /// The rows that no set owns yet, in groups, each with the authority that it can have.
    fn groups<'s>(
        &self,
        account: &Account<'_>,
        asked: &[Scope],
        snapshot: &'s Snapshot,
        owners: &Owners<'_>,
        terminal: &Terminal,
    ) -> Vec<Group<'s>> {
        let mut left_out = LeftOut::default();
        // Rows outside what was asked come along where an API has one listing only, or a set declares them.
        let is_asked = |row: &&Live| asked.iter().any(|scope| scope.contains(&row.key));
        let mut groups = divide(self.kind, self.ids, snapshot.rows.iter().filter(is_asked));
        if !self.kind.address_is_scope && (self.args.single || groups.len() > MAX_GROUPS) {
            let rows = groups.into_iter().flat_map(|group| group.rows).collect();
            groups = vec![Group { place: Vec::new(), rows, authority: Authority::All, notes: Vec::new() }];
        }
        groups.extend(self.empty_addresses(asked, &groups, owners));
        for group in &mut groups {
            left_out.sort(self, account, group, owners);
            let shares = owners.scopes.iter().any(|scope| scope.intersects(&group.scope(self.kind)));
            if self.kind.address_is_scope && left_out.hides_part {
                group
                    .notes
                    .push("Something live here cannot be declared: `authoritative` would take it away.".to_owned());
            } else if left_out.hides_part || shares {
                group.authority = Authority::Declared;
                group.notes.push("No scope: another set, or what cannot be declared, shares this place. Give it one before `authoritative`.".to_owned());
            }
        }
        groups.retain(|group| !group.rows.is_empty() || (self.kind.address_is_scope && group.notes.is_empty()));
        for gap in snapshot.coverage.iter().filter_map(|coverage| coverage.gap.as_deref()) {
            terminal.say(&format!("warning: this may not be all: {}\n", render::clean::terminal(gap)));
            let note = format!("This may not be all: {}.", render::clean::terminal(gap));
            groups.iter_mut().for_each(|group| group.notes.push(note.clone()));
        }
        left_out.tell(owners, terminal);
        groups
    }

    /// Services that were named and have nothing: their sets say so. A domain's own assignments are read along; none is no news.
    fn empty_addresses<'s>(&self, asked: &[Scope], found: &[Group<'s>], owners: &Owners<'_>) -> Vec<Group<'s>> {
        if !self.kind.address_is_scope {
            return Vec::new();
        }
        let seen: HashSet<Vec<Sym>> = found.iter().map(|group| group.place.clone()).collect();
        let mut empty = BTreeSet::new();
        for scope in asked {
            let lists = self.kind.divide_by.iter().map(|part| match scope.parts.get(*part) {
                Some(PartScope::In(syms)) => syms.iter().copied().collect::<Vec<_>>(),
                Some(PartScope::Any) | None => Vec::new(),
            });
            let places = lists.fold(vec![Vec::new()], |places: Vec<Vec<Sym>>, list| {
                places.iter().flat_map(|place| list.iter().map(move |sym| [&place[..], &[*sym]].concat())).collect()
            });
            empty.extend(places.into_iter().filter(|place| !seen.contains(place)));
        }
        let is_free = |group: &Group<'_>| !owners.scopes.iter().any(|scope| scope.intersects(&group.scope(self.kind)));
        empty
            .into_iter()
            .filter(|place| place.last().is_some_and(|last| !last.is_none()))
            .map(Group::at)
            .filter(is_free)
            .collect()
    }

    /// Writes all files, or none.
    fn save(&self, dir: &Path, manifests: &[Manifest], terminal: &Terminal) -> anyhow::Result<()> {
        let paths: Vec<PathBuf> =
            manifests.iter().map(|manifest| dir.join(format!("{}.yaml", manifest.file))).collect();
        for path in &paths {
            if let Some(what) = self.foreign(path) {
                bail!(
                    "{} is never overwritten: it declares {what}; move that to another file, or choose another --out",
                    path.display()
                );
            }
        }
        let there: Vec<String> =
            paths.iter().filter(|path| path.exists()).map(|path| path.display().to_string()).collect();
        if !there.is_empty() && !self.args.force {
            bail!(
                "nothing was written, for these files are there already: {}; choose another --out, or pass --force",
                there.join(", ")
            );
        }
        std::fs::create_dir_all(dir).with_context(|| format!("the directory {} cannot be made", dir.display()))?;
        for (path, manifest) in paths.iter().zip(manifests) {
            std::fs::write(path, &manifest.text).with_context(|| format!("{} cannot be written", path.display()))?;
            terminal.data(&format!("{}: {}\n", path.display(), counted(manifest.rows)))?;
        }
        Ok(())
    }

    /// What else a loaded file declares, beside sets of this target.
    fn foreign(&self, path: &Path) -> Option<String> {
        let is_here = |source: u32| self.path_of(source).is_some_and(|known| known == real(path));
        let target = self.loaded.targets.iter().find(|target| is_here(target.origin.source));
        let set = self.loaded.sets.iter().find(|set| set.target != self.target && is_here(set.origin.source));
        target.map(|target| format!("the target {}", target.name)).or(set.map(|set| format!("the set {}", set.name)))
    }

    /// Where a loaded text lies.
    fn path_of(&self, source: u32) -> Option<PathBuf> {
        let name = self.loaded.sources.name(SourceId(source));
        let dir = self.loaded.root.as_ref().map(|root| root.dir.clone()).unwrap_or_default();
        Some(real(&dir.join(name)))
    }

    /// Where an editor finds the schema, seen from the files to write.
    fn schema(&self) -> String {
        let file = schemas::file_name(self.kind.name);
        let inside = format!("{}/{file}", super::init::SCHEMAS);
        let (Some(root), Some(out)) = (&self.loaded.root, &self.args.out) else { return inside };
        let (root, out) = (real(&root.dir), real(out));
        match out.strip_prefix(&root) {
            Ok(below) => format!("{}{inside}", "../".repeat(below.components().count())),
            Err(_) => root.join(inside).display().to_string(),
        }
    }

    /// What is left to do.
    fn next(&self, manifests: &[Manifest], terminal: &Terminal) {
        let variables: Vec<&str> = manifests.iter().flat_map(|m| &m.variables).map(String::as_str).collect();
        if !variables.is_empty() {
            terminal.hint(&format!("Masked by the API, to be set before they are sent: {}\n", variables.join(", ")));
        }
        if self.args.out.is_some() {
            let name = &self.target().name;
            terminal.hint(&format!(
                "Next: assignctl plan --target {name} --as authoritative (it should show no changes)\n"
            ));
        }
    }
}

/// What sets of the target own already.
struct Owners<'a> {
    sets: Vec<&'a DesiredSet>,
    /// Sets that only observe and declare nothing: they own nothing.
    empty: Vec<&'a DesiredSet>,
    scopes: Vec<&'a Scope>,
    declared: HashSet<Key>,
    others: Vec<&'a str>,
}

impl<'a> Owners<'a> {
    fn of(import: &Import<'a>, snapshot: &Snapshot) -> Self {
        let written = import.written(snapshot);
        let is_written = |set: &DesiredSet| {
            import.args.force && import.path_of(set.origin.source).is_some_and(|path| written.contains(&path))
        };
        let (empty, sets): (Vec<_>, Vec<_>) = import
            .sets()
            .filter(|set| !is_written(set))
            .partition(|set| set.mode == Mode::Observe && set.rows.is_empty());
        let others = import.loaded.sets.iter().filter(|set| set.target != import.target || !is_written(set));
        Self {
            scopes: sets.iter().filter_map(|set| set.scope.as_ref()).collect(),
            declared: sets.iter().flat_map(|set| set.rows.iter().map(|row| row.key)).collect(),
            others: others.map(|set| set.name.as_str()).collect(),
            sets,
            empty,
        }
    }

    fn owns(&self, key: &Key) -> bool {
        self.declared.contains(key) || self.scopes.iter().any(|scope| scope.contains(key))
    }

    fn names(&self) -> HashSet<String> {
        self.others.iter().map(|name| (*name).to_owned()).collect()
    }
}

impl Import<'_> {
    /// The files that an import over everything would write: with --force, sets in them are imported anew.
    fn written(&self, snapshot: &Snapshot) -> HashSet<PathBuf> {
        let Some(dir) = self.args.out.as_ref().filter(|_| self.args.force) else { return HashSet::new() };
        let account = Account {
            kind: self.kind,
            ids: self.ids,
            names: &snapshot.names,
            target: &self.target().name,
            now: self.now,
            schema: "",
        };
        let mut groups = divide(self.kind, self.ids, &snapshot.rows);
        groups.push(Group { authority: Authority::All, ..Group::at(Vec::new()) });
        let manifests = write(&account, &groups, &HashSet::new());
        manifests.iter().map(|manifest| real(&dir.join(format!("{}.yaml", manifest.file)))).collect()
    }
}

/// Rows that no manifest was written for, and why.
#[derive(Default)]
struct LeftOut {
    owned: usize,
    ended: usize,
    refused: Vec<String>,
    /// Whether the group at hand lost rows that stay live.
    hides_part: bool,
}

impl LeftOut {
    /// Keeps a group's rows that can and should be declared.
    fn sort(&mut self, import: &Import<'_>, account: &Account<'_>, group: &mut Group<'_>, owners: &Owners<'_>) {
        self.hides_part = false;
        let before = self.ended;
        group.rows.retain(|row| {
            if owners.owns(&row.key) {
                self.owned += 1;
                self.hides_part = true;
                return false;
            }
            if has_ended(import, row) {
                self.ended += 1;
                return false;
            }
            let Some(why) = undeclarable(account, row) else { return true };
            self.hides_part = true;
            self.refused.push(format!("{}: {why}", key_text(import, &row.key)));
            false
        });
        let ended = self.ended - before;
        if ended > 0 {
            group.notes.push(format!("Left out: {} that had ended. No mode removes those.", counted(ended)));
        }
    }

    fn tell(&self, owners: &Owners<'_>, terminal: &Terminal) {
        if self.owned > 0 {
            let names: Vec<&str> = owners.sets.iter().map(|set| set.name.as_str()).collect();
            terminal.hint(&format!(
                "Left out: {} that sets own already ({}).\n",
                counted(self.owned),
                names.join(", ")
            ));
        }
        if self.ended > 0 {
            terminal.hint(&format!("Left out: {} that had ended; no mode removes those.\n", counted(self.ended)));
        }
        for why in &self.refused {
            terminal.say(&format!("warning: not imported: {}\n", render::clean::terminal(why)));
        }
        for set in &owners.empty {
            terminal.hint(&format!(
                "The set {} declares nothing and only observes: delete it once these are in.\n",
                set.name
            ));
        }
    }
}

fn has_ended(import: &Import<'_>, row: &Live) -> bool {
    let window = import.kind.capabilities.window;
    let end = window.and_then(|window| row.fields.get(window.to));
    matches!(end, Some(Value::Instant(end)) if *end <= import.now)
}

fn key_text(import: &Import<'_>, key: &Key) -> String {
    let parts = 0..import.kind.capabilities.key_fields.len();
    parts.map(|part| import.ids.text(key.part(part)).to_string()).collect::<Vec<_>>().join(" / ")
}

fn counted(n: usize) -> String {
    if n == 1 { "1 assignment".to_owned() } else { format!("{n} assignments") }
}

/// A path without links as far as it is there, so that two spellings compare equal.
fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    for ancestor in absolute.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), absolute.strip_prefix(ancestor)) {
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    absolute
}
