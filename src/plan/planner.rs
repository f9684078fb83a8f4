//! One target: declared rows joined with live rows, each with its reason.

use std::borrow::Cow;

use crate::diag::{Location, SourceId, Sources, Span};
use crate::model::{
    Action, Capabilities, Change, Coverages, Desired, DesiredSet, Fields, Ids, Instant, Key, Live, Mode, NameUse,
    Names, Origin, Scope, ScopeIndex, Snapshot, Target, TargetPolicy, Value,
};

use super::compare::{differing_fields, instant, with_field};
use super::guard::{self, Thresholds};
use super::ignore::Rules;
use super::{
    Counts, Difference, Evidence, Grant, LeftAlone, Loss, PlannedChange, Reason, ResolvedName, SetPlan, TargetPlan,
    Unmanaged, Unreadable, Warning, batches, pair,
};

/// One set as this run sees it.
#[derive(Debug, Clone, Copy)]
pub struct SetInput<'a> {
    /// The set.
    pub set: &'a DesiredSet,
    /// Whether the command's paths and selectors chose it.
    pub selected: bool,
    /// Its mode, or what the caller made of it.
    pub mode: Mode,
}

/// Everything a target's plan depends on, besides the live state.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The run's ids.
    pub ids: &'a Ids,
    /// The manifests, for lines and columns.
    pub sources: &'a Sources,
    /// The moment to judge time windows by.
    pub now: Instant,
    /// Send declared secrets again although nothing shows that they differ.
    pub rotate: bool,
    /// Keep the keys of what is as declared, for reports that name every assignment: sixteen bytes each.
    pub list_unchanged: bool,
    /// When a plan takes away or changes too much.
    pub thresholds: Thresholds,
    /// What the caller's policy says about the target; `None`: no policy is in force.
    pub policy: Option<&'a TargetPolicy>,
    /// The target.
    pub target: &'a Target,
    /// Its address, as shown to people.
    pub endpoint: &'a str,
    /// What its API can do.
    pub capabilities: &'static Capabilities,
    /// All sets of the target, also those that were not selected.
    pub sets: &'a [SetInput<'a>],
}

impl Input<'_> {
    /// File, line and column of an origin.
    pub(super) fn locate(&self, origin: Origin) -> Location {
        self.sources.locate(Span { source: SourceId(origin.source), start: origin.start, end: origin.end })
    }
}

/// Plans one target against what was read of it.
pub fn plan_target(input: &Input<'_>, live: Result<Snapshot, Unreadable>) -> TargetPlan {
    let mut target = TargetPlan {
        name: input.target.name.clone(),
        provider: input.capabilities.provider,
        endpoint: input.endpoint.to_owned(),
        account: input.target.account.clone(),
        capabilities: input.capabilities,
        unreadable: None,
        sets: Vec::new(),
        refusals: Vec::new(),
        names: Names::default(),
        evidence: Vec::new(),
        read_requests: 0,
        held: Vec::new(),
        write_requests: 0,
    };
    let snapshot = match live {
        Ok(_) if input.sets.iter().any(|input| input.set.names.iter().any(|used| used.id.is_none())) => {
            // Whoever plans resolves the names first: a name that passed for an id would be created, and what it means removed.
            let message = "names in its manifests have no id yet, so nothing can be planned".to_owned();
            target.unreadable = Some(Unreadable { message, temporary: false });
            return target;
        }
        Ok(snapshot) => snapshot,
        Err(unreadable) => {
            target.unreadable = Some(unreadable);
            return target;
        }
    };
    let holders = guard::Holders::count(input, &snapshot);
    let (sets, snapshot) = Join::new(input, snapshot).run();
    target.sets = sets;
    target.refusals = guard::check(input, &mut target.sets, &holders);
    target.read_requests = snapshot.requests;
    target.evidence = evidence(&snapshot);
    target.names = snapshot.names;
    target.sets.sort_by(|a, b| a.name.cmp(&b.name));
    target.write_requests = batches::requests(&target);
    target
}

fn evidence(snapshot: &Snapshot) -> Vec<Evidence> {
    let mut all: Vec<Evidence> =
        snapshot.coverage.iter().map(|c| Evidence { seen: c.evidence.clone(), gap: c.gap.clone() }).collect();
    all.sort_by(|a, b| (&a.seen, &a.gap).cmp(&(&b.seen, &b.gap)));
    all.dedup();
    all
}

/// The live rows of a target, sorted by key. A row that is taken leaves its key.
struct LiveRows {
    rows: Vec<Live>,
    taken: Vec<bool>,
    /// Where the next one is looked for first: both sides come in nearly the same order as a rule, for ids are numbered as they are met.
    next: usize,
}

impl LiveRows {
    fn new(mut rows: Vec<Live>) -> Self {
        rows.sort_unstable_by_key(|row| row.key);
        Self { taken: vec![false; rows.len()], rows, next: 0 }
    }

    fn find(&mut self, key: &Key) -> Option<usize> {
        if self.rows.get(self.next).is_none_or(|next| next.key != *key) {
            self.next = self.rows.binary_search_by_key(key, |row| row.key).ok()?;
        }
        self.next += 1;
        Some(self.next - 1)
    }

    /// A row that is still there.
    fn get(&self, at: usize) -> Option<&Live> {
        self.rows.get(at).filter(|_| !self.taken[at])
    }

    fn take(&mut self, at: usize) -> Option<Live> {
        let row = self.rows.get_mut(at)?;
        if std::mem::replace(&mut self.taken[at], true) {
            return None;
        }
        let Live { key, id, fields, info } = row;
        Some(Live { key: *key, id: id.take(), fields: std::mem::take(fields), info: info.take() })
    }
}

/// A create that may still become half of a role change.
struct Creation<'a> {
    set: usize,
    row: &'a Desired,
}

/// The join of one target's declared and live rows.
struct Join<'a> {
    input: &'a Input<'a>,
    snapshot: Snapshot,
    live: LiveRows,
    plans: Vec<SetPlan>,
    creations: Vec<Creation<'a>>,
    /// (set, index of the live row)
    removals: Vec<(usize, usize)>,
    /// What each set leaves alone.
    rules: Vec<Rules<'a>>,
}

impl<'a> Join<'a> {
    fn new(input: &'a Input<'a>, mut snapshot: Snapshot) -> Self {
        let live = LiveRows::new(std::mem::take(&mut snapshot.rows));
        let plans = input.sets.iter().map(|set| empty_plan(input, set)).collect();
        let rules = input.sets.iter().map(|set| Rules::new(input, set.set)).collect();
        Self { input, snapshot, live, plans, creations: Vec::new(), removals: Vec::new(), rules }
    }

    fn run(mut self) -> (Vec<SetPlan>, Snapshot) {
        let declared = self.match_declared();
        self.sort_undeclared(&declared);
        self.pair_and_emit();
        self.finish()
    }

    /// Joins every declared row with its live row; gives for each live row whether it is declared.
    fn match_declared(&mut self) -> Vec<bool> {
        let mut declared = vec![false; self.live.rows.len()];
        for (set, set_input) in self.input.sets.iter().enumerate() {
            for row in &set_input.set.rows {
                match self.live.find(&row.key) {
                    Some(at) => {
                        declared[at] = true;
                        self.plans[set].live += 1;
                        self.compare(set, row, at);
                    }
                    None => self.create(set, row),
                }
            }
        }
        declared
    }

    fn compare(&mut self, set: usize, row: &Desired, index: usize) {
        self.mask(row, index);
        let Some(live) = self.live.get(index) else { return };
        let Some((desired, differs, reason)) = self.difference(row, live) else {
            self.plans[set].counts.unchanged += 1;
            if self.input.list_unchanged {
                self.plans[set].unchanged.push(row.key);
            }
            return;
        };
        let live = self.live.take(index);
        let mut change = Change { action: Action::Update, key: row.key, from_key: None, live, desired, differs };
        self.rules[set].cut(&mut change);
        if !change.differs.is_empty() {
            self.emit(set, change, reason, row.origin);
        }
    }

    /// A declared secret is unknown, whatever the API shows: its live value is neither compared nor part of a digest.
    fn mask(&mut self, row: &Desired, index: usize) {
        if !row.fields.iter().any(|(_, value)| matches!(value, Value::Secrets(_))) {
            return;
        }
        if let Some(live) = self.live.rows.get_mut(index) {
            let declared = |field: &str, key: &str| match row.fields.get(field) {
                Some(Value::Secrets(map)) => map.contains_key(key),
                _ => false,
            };
            self.input.capabilities.mask(&mut live.fields, |field, _, key| declared(field, key));
        }
    }

    /// What must be sent to bring a live row to its declaration; `None` where nothing.
    fn difference(&self, row: &Desired, live: &Live) -> Option<(Fields, Vec<&'static str>, Reason)> {
        let mut desired = Cow::Borrowed(&row.fields);
        let mut reason = Reason::Differs;
        if let Some(window) = self.input.capabilities.window {
            let expired = instant(&live.fields, window.to).is_some_and(|to| to <= self.input.now);
            if expired && desired.get(window.to).is_none() {
                desired = Cow::Owned(with_field(&desired, window.to, Value::Null));
                reason = Reason::Expired;
            }
        }
        let mut differs = differing_fields(&desired, &live.fields);
        if differs.is_empty() && self.input.rotate {
            let is_secret = |value: &Value| matches!(value, Value::Secrets(map) if !map.is_empty());
            differs = desired.iter().filter(|(_, value)| is_secret(value)).map(|(name, _)| name).collect();
            reason = Reason::Rotated;
        }
        (!differs.is_empty()).then(|| (desired.into_owned(), differs, reason))
    }

    /// Notes a declared row that is not live. One that has already ended would open a door for no time at all: it is told, not created.
    fn create(&mut self, set: usize, row: &'a Desired) {
        if self.rules[set].covers(row.key, Difference::Missing) {
            return;
        }
        if let Some(window) = self.input.capabilities.window
            && let Some(to) = instant(&row.fields, window.to).filter(|to| *to <= self.input.now)
        {
            let at = self.input.locate(row.origin);
            let message = format!(
                "declared until {to}, which has passed: it is not created; delete the entry or move {}",
                window.to
            );
            self.plans[set].warnings.push(Warning { code: "already-ended".to_owned(), message, at });
            return;
        }
        self.creations.push(Creation { set, row });
    }

    /// Decides for every undeclared live row which set it belongs to, and whether it goes.
    fn sort_undeclared(&mut self, declared: &[bool]) {
        let scoped: Vec<usize> = (0..self.input.sets.len()).filter(|set| self.scope(*set).is_some()).collect();
        let index = ScopeIndex::new(scoped.iter().filter_map(|set| self.scope(*set)));
        let coverages = Coverages::new(&self.snapshot.coverage);
        for (at, live) in self.live.rows.iter().enumerate().filter(|(at, _)| !declared[*at]) {
            let removes = |set: &usize| self.input.sets[*set].mode == Mode::Authoritative;
            let sets: Vec<usize> = index.containing(&live.key).map(|number| scoped[number]).collect();
            let Some(set) = sets.iter().copied().find(removes).or_else(|| sets.iter().copied().min()) else { continue };
            self.plans[set].live += 1;
            if self.rules[set].covers(live.key, Difference::Extra) {
                continue;
            }
            match self.left_alone(set, live, &coverages) {
                Some(why) => {
                    let since = live.info.as_ref().and_then(|info| info.created.or(info.updated));
                    self.plans[set].unmanaged.push(Unmanaged { key: live.key, why, since });
                }
                None => self.removals.push((set, at)),
            }
        }
    }

    fn scope(&self, set: usize) -> Option<&'a Scope> {
        self.input.sets[set].set.scope.as_ref()
    }

    fn left_alone(&self, set: usize, live: &Live, coverages: &Coverages<'_>) -> Option<LeftAlone> {
        let ended =
            |window: crate::model::Window| instant(&live.fields, window.to).is_some_and(|to| to <= self.input.now);
        if self.input.capabilities.window.is_some_and(ended) {
            Some(LeftAlone::Expired)
        } else if self.input.sets[set].mode != Mode::Authoritative {
            Some(LeftAlone::Mode)
        } else if !coverages.proves(&live.key) {
            Some(LeftAlone::Incomplete)
        } else {
            None
        }
    }

    fn pair_and_emit(&mut self) {
        let (creations, removals) = (std::mem::take(&mut self.creations), std::mem::take(&mut self.removals));
        let mut paired_create = vec![false; creations.len()];
        let mut paired_removal = vec![false; removals.len()];
        for (create, removal) in self.role_changes(&creations, &removals) {
            let Some(live) = self.live.take(removals[removal].1) else { continue };
            (paired_create[create], paired_removal[removal]) = (true, true);
            let Creation { set, row } = creations[create];
            let (from, old_key) = (removals[removal].0, live.key);
            let mut change = pair::replace(row.key, &row.fields, live, self.input.capabilities, self.input.now);
            self.rules[set].cut(&mut change);
            self.emit(set, change, Reason::Replaced, row.origin);
            if from != set {
                self.move_away(from, set, old_key);
            }
        }
        for (creation, _) in creations.iter().zip(paired_create).filter(|(_, paired)| !paired) {
            let Creation { set, row } = creation;
            let change = Change {
                action: Action::Create,
                key: row.key,
                from_key: None,
                live: None,
                desired: row.fields.clone(),
                differs: Vec::new(),
            };
            self.emit(*set, change, Reason::NotLive, row.origin);
        }
        for ((set, at), _) in removals.into_iter().zip(paired_removal).filter(|(_, paired)| !paired) {
            let Some(live) = self.live.take(at) else { continue };
            let change = Change {
                action: Action::Remove,
                key: live.key,
                from_key: None,
                live: Some(live),
                desired: Fields::default(),
                differs: Vec::new(),
            };
            self.emit(set, change, Reason::NotDeclared, self.input.sets[set].set.origin);
        }
    }

    /// Notes that the last change takes a row out of another set's scope.
    fn move_away(&mut self, from: usize, to: usize, old_key: Key) {
        let name = self.plans[from].name.clone();
        if let Some(planned) = self.plans[to].changes.last_mut() {
            planned.taken_from = Some(name);
        }
        self.plans[from].moved_away.push(old_key);
    }

    /// The pairs that are role changes. Only changes that this run may carry out are paired: half of a pair would be another effect. A
    /// create of a set that never takes away stays a create (DESIGN section 4).
    fn role_changes(&self, creations: &[Creation<'_>], removals: &[(usize, usize)]) -> Vec<(usize, usize)> {
        let Some(pairing) = &self.input.capabilities.pairing else { return Vec::new() };
        let may_act = |set: usize| {
            let input = &self.input.sets[set];
            input.selected && input.mode == Mode::Authoritative
        };
        let (creates, create_at): (Vec<Key>, Vec<usize>) =
            creations.iter().enumerate().filter(|(_, c)| may_act(c.set)).map(|(i, c)| (c.row.key, i)).unzip();
        let (removes, remove_at): (Vec<Key>, Vec<usize>) = removals
            .iter()
            .enumerate()
            .filter(|(_, (set, _))| may_act(*set))
            .filter_map(|(i, (_, at))| self.live.get(*at).map(|live| (live.key, i)))
            .unzip();
        pair::pairs(pairing, &creates, &removes).into_iter().map(|(c, r)| (create_at[c], remove_at[r])).collect()
    }

    fn emit(&mut self, set: usize, change: Change, reason: Reason, origin: Origin) {
        let (mut losses, mut grants) = effects(&change, self.input.capabilities, self.input.now);
        let route = (self.input.capabilities.route)(&change, &self.input.target.limits, &self.input.target.options);
        if route.recreates() {
            // The assignment goes, and whether it comes again is the second request's to show.
            losses.push(Loss::Removed);
            grants.push(Grant::Added);
        }
        let counts = &mut self.plans[set].counts;
        match (self.input.sets[set].mode, change.action) {
            (Mode::Observe, _) => counts.observed += 1,
            (_, Action::Create) => counts.create += 1,
            (_, Action::Update) => counts.update += 1,
            (_, Action::Remove) => counts.remove += 1,
        }
        let at = self.input.locate(origin);
        let planned = PlannedChange { change, reason, losses, grants, at, route, taken_from: None, cause: None };
        self.plans[set].changes.push(planned);
    }

    fn finish(mut self) -> (Vec<SetPlan>, Snapshot) {
        let ranks = self.input.ids.ranks();
        let coverages = Coverages::new(&self.snapshot.coverage);
        for ((plan, input), rules) in self.plans.iter_mut().zip(self.input.sets).zip(self.rules) {
            rules.finish(plan, &ranks);
            plan.changes.sort_by_cached_key(|planned| (ranks.of(&planned.change.key), planned.change.action));
            plan.unmanaged.sort_by_cached_key(|row| ranks.of(&row.key));
            plan.moved_away.sort_by_cached_key(|key| ranks.of(key));
            if !plan.moved_away.is_empty() {
                let count = plan.moved_away.len();
                let message = format!("assignments of this scope that role changes in other sets replace: {count}");
                plan.warnings.push(Warning { code: "moved-away".to_owned(), message, at: plan.at.clone() });
            }
            plan.counts.unmanaged = u64::try_from(plan.unmanaged.len()).unwrap_or(u64::MAX);
            let incomplete = plan.unmanaged.iter().filter(|row| row.why == LeftAlone::Incomplete).count();
            if let Some(gap) = gap(&coverages, input).filter(|_| input.mode == Mode::Authoritative) {
                let message = format!("{gap}: no removal is planned here ({incomplete} undeclared rows were seen)");
                plan.warnings.push(Warning { code: "incomplete-listing".to_owned(), message, at: plan.at.clone() });
            }
        }
        (self.plans, self.snapshot)
    }
}

/// Why the listing of a set's scope is not proven whole.
fn gap<'a>(coverages: &Coverages<'a>, input: &SetInput<'_>) -> Option<&'a str> {
    let touching = coverages.touching(input.set.scope.as_ref()?);
    touching.filter_map(|coverage| coverage.gap.as_deref()).min()
}

fn empty_plan(input: &Input<'_>, set: &SetInput<'_>) -> SetPlan {
    SetPlan {
        name: set.set.name.clone(),
        at: input.locate(set.set.origin),
        mode: set.mode,
        scope: set.set.scope_text.clone(),
        selected: set.selected,
        counts: Counts::default(),
        live: 0,
        changes: Vec::new(),
        moved_away: Vec::new(),
        unchanged: Vec::new(),
        unmanaged: Vec::new(),
        ignored: Vec::new(),
        names: names(input.ids, set.set),
        warnings: Vec::new(),
    }
}

/// What the set's names turned out to be.
fn names(ids: &Ids, set: &DesiredSet) -> Vec<ResolvedName> {
    let resolved = |used: &NameUse| {
        let name = ids.name(used.name)?;
        Some(ResolvedName {
            field: name.field.to_owned(),
            within: name.within.as_deref().map(str::to_owned),
            name: name.text.to_string(),
            id: ids.text(used.id?).to_string(),
            decides: used.place,
        })
    };
    let mut names: Vec<ResolvedName> = set.names.iter().filter_map(resolved).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What a change takes away and what it gives.
fn effects(change: &Change, capabilities: &Capabilities, now: Instant) -> (Vec<Loss>, Vec<Grant>) {
    let (mut losses, mut grants) = (Vec::new(), Vec::new());
    match change.action {
        Action::Create => grants.push(Grant::Added),
        Action::Remove => losses.push(match capabilities.on_remove {
            crate::model::OnRemove::Remove => Loss::Removed,
            crate::model::OnRemove::Archive => Loss::Archived,
        }),
        Action::Update => {
            if change.from_key.is_some() {
                losses.push(Loss::Replaced);
                grants.push(Grant::Replaced);
            }
            window_effects(change, capabilities, now, &mut losses, &mut grants);
        }
    }
    (losses, grants)
}

fn window_effects(
    change: &Change,
    capabilities: &Capabilities,
    now: Instant,
    losses: &mut Vec<Loss>,
    grants: &mut Vec<Grant>,
) {
    let (Some(window), Some(live)) = (capabilities.window, &change.live) else { return };
    if change.differs.contains(&window.to) {
        // No end is later than every end.
        let end = |fields: &Fields| instant(fields, window.to).map_or(i64::MAX, |i| i.0);
        let (before, after) = (end(&live.fields), end(&change.desired));
        if after < before && before > now.0 {
            losses.push(Loss::EndsEarlier);
        } else if after > before {
            grants.push(Grant::EndsLater);
        }
    }
    if change.differs.contains(&window.from) {
        // A start that has passed, or none, is a start now.
        let start = |fields: &Fields| instant(fields, window.from).map_or(now.0, |i| i.0.max(now.0));
        let (before, after) = (start(&live.fields), start(&change.desired));
        if after > before {
            losses.push(Loss::StartsLater);
        } else if after < before {
            grants.push(Grant::StartsEarlier);
        }
    }
}
