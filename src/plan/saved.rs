//! Saved plans: what was reviewed, bound to what it was reviewed against.
//!
//! A saved plan is never carried out. An apply plans again, and carries out those of its own changes that the saved plan
//! approves: same target and account, same declared state of the set, same action, key and result, on a live object that is
//! still as it was. So a plan file that was edited can take changes away, and smuggle nothing in (DESIGN section 5).

use std::collections::{BTreeMap, HashMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::{Counts, Evidence, Plan, PlannedChange, Reason, ResolvedName, SetPlan, TargetPlan, batches, digest};
use crate::diag::Location;
use crate::model::{Account, Action, Capabilities, Change, Fields, Ids, Instant, Key, Mode};

/// The format that this version writes. The major number must be known to the reader.
pub const FORMAT_VERSION: &str = "1.0";

/// The JSON Schema of a saved plan.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(SavedPlan).to_value()
}

/// A plan that was saved for review. It holds no secret: values of secrets are left out, and resolved again at the apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "assignctl saved plan", extend("$id" = "urn:assignctl:saved-plan:1"))]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// Version of this format, `MAJOR.MINOR`.
    pub format_version: String,
    /// Version of the program that wrote it.
    pub tool_version: String,
    /// When it was made, RFC 3339 in UTC.
    pub created: String,
    /// When it ends, RFC 3339 in UTC. Afterwards it is refused.
    pub expires: String,
    /// The commit of the manifests, where they lie in a git work tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_commit: Option<String>,
    /// Digest of the policy that was in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<digest::Digest>,
    /// Digest of all sets' digests: the manifests as a whole, in the canonical form.
    pub manifests: digest::Digest,
    /// The targets concerned, sorted by name.
    pub targets: Vec<SavedTarget>,
    /// Digest of everything above, to notice damage. It is no signature: nothing relies on it for safety.
    pub seal: digest::Digest,
}

/// One target of a saved plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedTarget {
    /// `metadata.name`.
    pub name: String,
    /// The provider's name.
    pub provider: String,
    /// The address, as shown to people.
    pub endpoint: String,
    /// Which account it is.
    pub account: Vec<Account>,
    /// What was listed, and how it was known to be whole.
    pub evidence: Vec<Evidence>,
    /// The approved sets, sorted by name.
    pub sets: Vec<SavedSet>,
}

/// One set of a saved plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedSet {
    /// `metadata.name`.
    pub name: String,
    /// The mode that it was planned in.
    pub mode: Mode,
    /// Digest of what the set declares.
    pub desired: digest::Digest,
    /// Which id each of its names was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<ResolvedName>,
    /// The approved changes, in the order of the plan.
    pub changes: Vec<SavedChange>,
}

/// One approved change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedChange {
    /// What it does.
    pub action: Action,
    /// The key after the change, by the API's field names.
    pub key: BTreeMap<String, String>,
    /// The live row's key where a key part is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_key: Option<BTreeMap<String, String>>,
    /// The live values of the fields concerned, and of a key part that is replaced, for people. Secrets never: masked values and references
    /// only.
    pub before: BTreeMap<String, serde_json::Value>,
    /// The declared values of the same, for people.
    pub after: BTreeMap<String, serde_json::Value>,
    /// Digest of the declared values.
    pub after_digest: digest::Digest,
    /// Digest of the live object that it was planned against.
    pub precondition: digest::Digest,
    /// Why it was planned.
    pub reason: Reason,
    /// The line that asks for it.
    pub at: Location,
}

/// What a saved plan says about itself beside the plan.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// Version of the program.
    pub tool_version: &'a str,
    /// When it is made.
    pub created: Instant,
    /// When it ends.
    pub expires: Instant,
    /// The commit of the manifests.
    pub git_commit: Option<String>,
    /// Digest of the policy in force.
    pub policy: Option<digest::Digest>,
}

/// The digest of what each set declares, by (target, set).
pub type DesiredDigests = HashMap<(String, String), digest::Digest>;

/// Why a saved plan is not used at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    /// It is no saved plan, or a part of one.
    #[error("it is not a whole plan file: {0}; make a new one with `assignctl plan --out FILE`")]
    Damaged(String),
    /// It was written by a newer program.
    #[error("its format {0} is not known to this version (which reads 1.x); use the version that wrote it")]
    Format(String),
    /// It is too old.
    #[error("it expired at {0}; plan and review again, or give plans a longer life with `plan --expires`")]
    Expired(String),
    /// The policy is not the one it was reviewed under.
    #[error("it was made under {was}, and {is} is in force; plan and review again")]
    Policy {
        /// The policy it was made under.
        was: String,
        /// The policy in force.
        is: String,
    },
    /// A target is not the same account.
    #[error("target {target} is not the account that was reviewed: {was} then, {is} now; plan and review again")]
    Account {
        /// The target.
        target: String,
        /// Provider, address and account as reviewed.
        was: String,
        /// The same now.
        is: String,
    },
    /// A set is gone, or declares something else.
    #[error("set {set} of target {target} {what} since the review; plan and review again")]
    Desired {
        /// The target.
        target: String,
        /// The set.
        set: String,
        /// What happened to it.
        what: &'static str,
    },
    /// A name means another id.
    #[error("set {set} of target {target}: {name} since the review; plan and review again")]
    Name {
        /// The target.
        target: String,
        /// The set.
        set: String,
        /// The name, what it was and what it is.
        name: String,
    },
}

impl SavedError {
    /// Whether the plan was fine once and is stale now (exit 4), rather than unusable (exit 1).
    pub fn is_stale(&self) -> bool {
        matches!(
            self,
            SavedError::Expired(_) | SavedError::Policy { .. } | SavedError::Desired { .. } | SavedError::Name { .. }
        )
    }
}

/// A change that is not carried out because of the saved plan, with what to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The set.
    pub set: String,
    /// The action that was approved, or that is new.
    pub action: Action,
    /// The key after the change.
    pub key: Key,
    /// The live row's key where a key part would be replaced.
    pub from_key: Option<Key>,
    /// Why it is held.
    pub why: HeldWhy,
}

/// Why a change is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldWhy {
    /// Approved, and so meanwhile without us.
    Already,
    /// Approved, but the live object is not the one that was reviewed. Holds what changed, as a sentence.
    Moved(String),
    /// Needed now, and never reviewed.
    New,
    /// Approved, and the target could not be read, so nothing is known.
    Unread,
}

impl HeldWhy {
    /// Whether it makes the plan stale.
    pub fn is_stale(&self) -> bool {
        matches!(self, HeldWhy::Moved(_) | HeldWhy::New)
    }

    /// What to say.
    pub fn text(&self) -> &str {
        match self {
            HeldWhy::Already => "so already, without this run",
            HeldWhy::Moved(what) => what,
            HeldWhy::New => "not in the approved plan",
            HeldWhy::Unread => "the target could not be read",
        }
    }
}

impl SavedPlan {
    /// The saved form of a plan: its selected sets that may be applied.
    pub fn new(plan: &Plan, envelope: &Envelope<'_>, desired: &DesiredDigests) -> Self {
        let mut targets: Vec<SavedTarget> =
            plan.targets.iter().map(|target| saved_target(&plan.ids, target, desired)).collect();
        targets.sort_by(|a, b| a.name.cmp(&b.name));
        let mut saved = Self {
            format_version: FORMAT_VERSION.to_owned(),
            tool_version: envelope.tool_version.to_owned(),
            created: envelope.created.to_string(),
            expires: envelope.expires.to_string(),
            git_commit: envelope.git_commit.clone(),
            policy: envelope.policy.clone(),
            manifests: manifests_digest(desired),
            targets,
            seal: String::new(),
        };
        saved.seal = saved.sealed();
        saved
    }

    /// Reads a saved plan.
    ///
    /// # Errors
    /// [`SavedError::Format`] for another major version, [`SavedError::Damaged`] for everything that is not a whole saved plan.
    pub fn parse(text: &[u8]) -> Result<Self, SavedError> {
        #[derive(Deserialize)]
        struct Version {
            format_version: String,
        }
        let damaged = |error: serde_json::Error| SavedError::Damaged(error.to_string());
        let version: Version = serde_json::from_slice(text).map_err(damaged)?;
        if version.format_version.split('.').next() != Some("1") {
            return Err(SavedError::Format(version.format_version));
        }
        let saved: Self = serde_json::from_slice(text).map_err(damaged)?;
        if saved.seal != saved.sealed() {
            return Err(SavedError::Damaged("its content does not match its seal".to_owned()));
        }
        Ok(saved)
    }

    /// The text of the file.
    ///
    /// # Errors
    /// None in practice: every part is plain data.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    fn sealed(&self) -> digest::Digest {
        let open = Self { seal: String::new(), ..self.clone() };
        // Plain data always serialises; were it not so, the seal would match nothing, and the plan would be refused.
        let bytes = serde_json::to_vec(&open).unwrap_or_default();
        digest::hex(sha2::Sha256::digest(&bytes).into())
    }

    /// Whether the plan may still be used at a moment and under a policy.
    ///
    /// # Errors
    /// [`SavedError::Expired`] or [`SavedError::Policy`].
    pub fn check(&self, now: Instant, policy: Option<&digest::Digest>) -> Result<(), SavedError> {
        if Instant::parse(&self.expires).is_none_or(|expires| expires <= now) {
            return Err(SavedError::Expired(self.expires.clone()));
        }
        if self.policy.as_ref() != policy {
            let name =
                |policy: Option<&digest::Digest>| policy.map_or("no policy".to_owned(), |p| format!("policy {p}"));
            return Err(SavedError::Policy { was: name(self.policy.as_ref()), is: name(policy) });
        }
        Ok(())
    }

    /// Whether the targets, of which this run's are given, are still the accounts that were reviewed. A target that is gone is told by
    /// [`Self::check_desired`], for its sets are gone as well.
    ///
    /// # Errors
    /// [`SavedError::Account`].
    pub fn check_accounts<'a>(&self, targets: impl IntoIterator<Item = Identity<'a>>) -> Result<(), SavedError> {
        for now in targets {
            let Some(saved) = self.targets.iter().find(|saved| saved.name == now.name) else { continue };
            let was = Identity {
                name: &saved.name,
                provider: &saved.provider,
                endpoint: &saved.endpoint,
                account: &saved.account,
            };
            if was != now {
                let (was, is) = (was.to_string(), now.to_string());
                return Err(SavedError::Account { target: saved.name.clone(), was, is });
            }
        }
        Ok(())
    }

    /// Whether every approved set still declares what was reviewed.
    ///
    /// # Errors
    /// [`SavedError::Desired`].
    pub fn check_desired(&self, desired: &DesiredDigests) -> Result<(), SavedError> {
        for (saved, set) in self.targets.iter().flat_map(|saved| saved.sets.iter().map(move |set| (saved, set))) {
            let key = (saved.name.clone(), set.name.clone());
            let what = match desired.get(&key) {
                None => "is gone",
                Some(now) if *now != set.desired => "declares something else",
                Some(_) => continue,
            };
            return Err(SavedError::Desired { target: key.0, set: key.1, what });
        }
        Ok(())
    }

    /// Whether every name still means the id that was reviewed. A file without an id for a name says nothing about it, and is refused.
    fn check_names(&self, plan: &Plan) -> Result<(), SavedError> {
        for target in &plan.targets {
            let Some(saved) = self.targets.iter().find(|saved| saved.name == target.name) else { continue };
            for set in &target.sets {
                let reviewed = saved.sets.iter().find(|saved| saved.name == set.name);
                if let Some(name) = reviewed.and_then(|saved| renamed(&saved.names, &set.names)) {
                    return Err(SavedError::Name { target: target.name.clone(), set: set.name.clone(), name });
                }
            }
        }
        Ok(())
    }

    /// The mode that a set was reviewed in; `None` for a set that was not.
    pub fn mode(&self, target: &str, set: &str) -> Option<Mode> {
        let saved = self.targets.iter().find(|saved| saved.name == target)?;
        saved.sets.iter().find(|saved| saved.name == set).map(|saved| saved.mode)
    }

    /// Whether a change was approved that only sends secrets again: it is planned only where the run asks for it.
    pub fn rotates(&self) -> bool {
        let changes = self.targets.iter().flat_map(|target| &target.sets).flat_map(|set| &set.changes);
        changes.into_iter().any(|change| change.reason == Reason::Rotated)
    }

    /// Narrows a new plan of the same targets to what this plan approves; everything else ends in [`TargetPlan::held`]. Nothing that the
    /// new plan does not hold is added.
    ///
    /// # Errors
    /// [`SavedError::Account`] and [`SavedError::Desired`]: the plan was reviewed for something else.
    pub fn narrow(&self, plan: &mut Plan, desired: &DesiredDigests) -> Result<(), SavedError> {
        self.check_accounts(plan.targets.iter().map(|target| Identity {
            name: &target.name,
            provider: target.provider,
            endpoint: &target.endpoint,
            account: &target.account,
        }))?;
        self.check_desired(desired)?;
        self.check_names(plan)?;
        let ids = std::sync::Arc::clone(&plan.ids);
        let now = plan.now;
        for target in &mut plan.targets {
            let saved = self.targets.iter().find(|saved| saved.name == target.name);
            narrow_target(&ids, now, target, saved);
        }
        Ok(())
    }
}

/// The first name whose id is not the reviewed one, as a sentence.
fn renamed(reviewed: &[ResolvedName], now: &[ResolvedName]) -> Option<String> {
    now.iter().find_map(|now| {
        let same = |was: &&ResolvedName| (&was.field, &was.within, &was.name) == (&now.field, &now.within, &now.name);
        let was = reviewed.iter().find(same).map_or("no id", |was| was.id.as_str());
        (was != now.id).then(|| format!("{} {} was {was} and is {}", now.field, now.name, now.id))
    })
}

/// Which account a target is, told by what people know it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    /// `metadata.name`.
    pub name: &'a str,
    /// The provider's name.
    pub provider: &'a str,
    /// The address, as shown to people.
    pub endpoint: &'a str,
    /// Which account it is.
    pub account: &'a [Account],
}

impl std::fmt::Display for Identity<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let account: Vec<String> = self.account.iter().map(|part| format!("{}: {}", part.field, part.value)).collect();
        write!(f, "{} at {} ({})", self.provider, self.endpoint, account.join(", "))
    }
}

/// The digest of all manifests from those of their sets: whether two runs saw the same declarations.
pub fn manifests_digest(desired: &DesiredDigests) -> digest::Digest {
    let mut sorted: Vec<_> = desired.iter().collect();
    sorted.sort_unstable();
    let mut hash = sha2::Sha256::new();
    for ((target, set), digest) in sorted {
        for part in [target, set, digest] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    digest::hex(hash.finalize().into())
}

fn saved_target(ids: &Ids, target: &TargetPlan, desired: &DesiredDigests) -> SavedTarget {
    let sets = target.sets.iter().filter(|set| set.applies()).map(|set| SavedSet {
        name: set.name.clone(),
        mode: set.mode,
        desired: desired.get(&(target.name.clone(), set.name.clone())).cloned().unwrap_or_default(),
        names: set.names.clone(),
        changes: set.changes.iter().map(|planned| saved_change(ids, target.capabilities, planned)).collect(),
    });
    SavedTarget {
        name: target.name.clone(),
        provider: target.provider.to_owned(),
        endpoint: target.endpoint.clone(),
        account: target.account.clone(),
        evidence: target.evidence.clone(),
        sets: sets.collect(),
    }
}

fn saved_change(ids: &Ids, capabilities: &Capabilities, planned: &PlannedChange) -> SavedChange {
    let change = &planned.change;
    let live = change.live.as_ref();
    let concerned: HashSet<&str> = match change.action {
        Action::Update => change.differs.iter().copied().collect(),
        Action::Create | Action::Remove => capabilities.fields.iter().map(|field| field.name).collect(),
    };
    let shown = |fields: &Fields| -> BTreeMap<String, serde_json::Value> {
        let concerned = fields.iter().filter(|(name, _)| concerned.contains(name));
        concerned.map(|(name, value)| (name.to_owned(), value.shown())).collect()
    };
    let (was, is) = replaced(ids, capabilities, change);
    let with = |mut shown: BTreeMap<String, serde_json::Value>, parts| {
        shown.extend(parts);
        shown
    };
    SavedChange {
        action: change.action,
        key: named(ids, capabilities, &change.key),
        from_key: change.from_key.as_ref().map(|key| named(ids, capabilities, key)),
        before: with(live.map(|live| shown(&live.fields)).unwrap_or_default(), was),
        after: with(shown(&change.desired), is),
        after_digest: digest::after(ids, change),
        precondition: digest::precondition(ids, live),
        reason: planned.reason,
        at: planned.at.clone(),
    }
}

type Parts = BTreeMap<String, serde_json::Value>;

/// The key parts that a change replaces, as they are live and as they shall be.
fn replaced(ids: &Ids, capabilities: &Capabilities, change: &Change) -> (Parts, Parts) {
    let Some(from) = &change.from_key else { return Default::default() };
    let differs = |part: &usize| from.part(*part) != change.key.part(*part);
    let text = |key: &Key, part: usize| serde_json::Value::from(ids.text(key.part(part)).to_string());
    let parts = (0..capabilities.key_fields.len()).filter(differs);
    let named = parts.map(|part| {
        let name = capabilities.key_fields[part].to_owned();
        ((name.clone(), text(from, part)), (name, text(&change.key, part)))
    });
    named.unzip()
}

fn named(ids: &Ids, capabilities: &Capabilities, key: &Key) -> BTreeMap<String, String> {
    let parts = (0..capabilities.key_fields.len()).map(|part| (part, capabilities.key_name(ids, key, part)));
    let named = parts.filter_map(|(part, name)| Some((name?.to_owned(), ids.text(key.part(part)).to_string())));
    named.collect()
}

fn key_of(ids: &Ids, capabilities: &Capabilities, named: &BTreeMap<String, String>) -> Key {
    let part =
        |name: &str| capabilities.written_key_part(name).map(|(part, _)| part).or_else(|| capabilities.key_part(name));
    let parts = named.iter().filter_map(|(name, text)| Some((part(name)?, ids.sym(text))));
    parts.fold(Key::default(), |key, (part, sym)| key.with(part, sym))
}

fn narrow_target(ids: &Ids, now: Instant, target: &mut TargetPlan, saved: Option<&SavedTarget>) {
    if target.unreadable.is_some() {
        target.held = saved.map(|saved| unread(ids, target.capabilities, saved)).unwrap_or_default();
        return;
    }
    let mut held = Vec::new();
    let incomplete = target.evidence.iter().any(|evidence| evidence.gap.is_some());
    let narrowing = Narrowing { ids, now, capabilities: target.capabilities, incomplete };
    for set in &mut target.sets {
        match saved.and_then(|saved| saved.sets.iter().find(|saved| saved.name == set.name)) {
            Some(saved) => held.extend(narrowing.set(set, saved)),
            None => set.selected = false,
        }
    }
    target.held = held;
    target.write_requests = batches::requests(target);
}

/// Every approved change of a target that could not be read.
fn unread(ids: &Ids, capabilities: &Capabilities, saved: &SavedTarget) -> Vec<Held> {
    let held = |set: &SavedSet, change: &SavedChange| Held {
        set: set.name.clone(),
        action: change.action,
        key: key_of(ids, capabilities, &change.key),
        from_key: change.from_key.as_ref().map(|key| key_of(ids, capabilities, key)),
        why: HeldWhy::Unread,
    };
    saved.sets.iter().flat_map(|set| set.changes.iter().map(move |change| held(set, change))).collect()
}

/// What narrowing a set needs to know of its target.
struct Narrowing<'a> {
    ids: &'a Ids,
    now: Instant,
    capabilities: &'a Capabilities,
    /// Some listing of the target is not proven whole, so that an unseen row proves nothing.
    incomplete: bool,
}

impl Narrowing<'_> {
    /// Keeps the approved changes of a set; gives the others.
    fn set(&self, set: &mut SetPlan, saved: &SavedSet) -> Vec<Held> {
        let key_of = |named| key_of(self.ids, self.capabilities, named);
        let mut approved: HashMap<(Action, Key, Option<Key>), &SavedChange> = HashMap::new();
        for change in &saved.changes {
            approved.insert((change.action, key_of(&change.key), change.from_key.as_ref().map(key_of)), change);
        }
        let mut held = Vec::new();
        let mut kept = Vec::new();
        let mut seen: HashSet<Key> = set.unmanaged.iter().map(|row| row.key).collect();
        for planned in std::mem::take(&mut set.changes) {
            let change = &planned.change;
            let id = (change.action, change.key, change.from_key);
            seen.extend([Some(change.key), change.from_key].into_iter().flatten());
            let why = match approved.remove(&id) {
                None => Some(HeldWhy::New),
                Some(saved) => moved(self.ids, self.capabilities, &planned, saved),
            };
            match why {
                None => kept.push(planned),
                Some(why) => held.push(Held { set: set.name.clone(), action: id.0, key: id.1, from_key: id.2, why }),
            }
        }
        let mut gone: Vec<Held> = approved
            .into_iter()
            .map(|((action, key, from_key), saved)| {
                let contested = seen.contains(&key) || from_key.is_some_and(|from| seen.contains(&from));
                Held { set: set.name.clone(), action, key, from_key, why: self.not_planned(saved, contested) }
            })
            .collect();
        let ranks = self.ids.ranks();
        gone.sort_by_cached_key(|held| (ranks.of(&held.key), held.action));
        held.extend(gone);
        set.changes = kept;
        set.counts = recount(set);
        held
    }

    /// Approved, and not planned any more: satisfied, unless the new plan still has something to say about the same rows, or cannot tell.
    fn not_planned(&self, saved: &SavedChange, contested: bool) -> HeldWhy {
        let moved = |why: &str| HeldWhy::Moved(why.to_owned());
        let end =
            self.capabilities.window.and_then(|window| saved.after.get(window.to)?.as_str().and_then(Instant::parse));
        if contested {
            moved("the live state moved: this change is no longer the one that is needed")
        } else if saved.action == Action::Remove && self.incomplete {
            moved("the row was not seen, and the listing is not proven complete")
        } else if saved.action == Action::Create && end.is_some_and(|end| end <= self.now) {
            moved("its declared end has passed since the review, so it is not created")
        } else {
            HeldWhy::Already
        }
    }
}

fn moved(ids: &Ids, capabilities: &Capabilities, planned: &PlannedChange, saved: &SavedChange) -> Option<HeldWhy> {
    if digest::after(ids, &planned.change) != saved.after_digest {
        return Some(HeldWhy::Moved("it would now leave other values than those that were reviewed".to_owned()));
    }
    if digest::precondition(ids, planned.change.live.as_ref()) != saved.precondition {
        let live = planned.change.live.as_ref();
        let mut now: Parts = live
            .map(|live| live.fields.iter().map(|(name, value)| (name.to_owned(), value.shown())).collect())
            .unwrap_or_default();
        now.extend(replaced(ids, capabilities, &planned.change).0);
        let changed: Vec<String> = saved
            .before
            .iter()
            .filter(|(name, was)| now.get(name.as_str()) != Some(was))
            .map(|(name, was)| {
                format!("{name} was {was}, is {}", now.get(name.as_str()).unwrap_or(&serde_json::Value::Null))
            })
            .collect();
        let what = if changed.is_empty() { "it was changed or made anew".to_owned() } else { changed.join("; ") };
        return Some(HeldWhy::Moved(format!("the live object is not the one that was reviewed: {what}")));
    }
    None
}

fn recount(set: &SetPlan) -> Counts {
    let of = |action| u64::try_from(set.changes.iter().filter(|c| c.action() == action).count()).unwrap_or(u64::MAX);
    match set.mode {
        Mode::Observe => set.counts,
        _ => {
            Counts { create: of(Action::Create), update: of(Action::Update), remove: of(Action::Remove), ..set.counts }
        }
    }
}
