//! Saved plans: what was reviewed, bound to what it was reviewed against.
//!
//! A saved plan is never carried out. An apply plans again, and carries out those of its own changes that the saved plan
//! approves: same target and account, same declared state of the set, same action, key and result, on a live object that is
//! still as it was. So a plan file that was edited can take changes away, and smuggle nothing in (DESIGN section 5).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

pub use super::narrow::{Held, HeldWhy};
use super::{Evidence, Plan, PlannedChange, Reason, ResolvedName, TargetPlan, digest, narrow};
use crate::diag::Location;
use crate::model::{Account, Action, Auth, Capabilities, Change, Fields, Ids, Instant, Key, Mode, Target, Value};

/// The format that this version writes. The major number must be known to the reader.
pub const FORMAT_VERSION: &str = "1.1";

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
    /// How it signs in: the fields of `auth`, with secrets as their references. Empty for the embedded server.
    pub sign_in: Vec<Account>,
    /// The provider's own fields of the target and what the policy sets beside them, such as surface, API paths and `clear_dates`.
    pub options: Vec<Account>,
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
    /// The requests that carry it, such as `PATCH …/assignments/{id}`.
    pub route: String,
    /// The key after the change, by the API's field names.
    pub key: BTreeMap<String, String>,
    /// The live row's key where a key part is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_key: Option<BTreeMap<String, String>>,
    /// The live values of the fields in `after` (of a removal: of all fields), and of a key part that is replaced. Secret values are masked.
    pub before: BTreeMap<String, serde_json::Value>,
    /// The values that it declares, and a key part that it replaces. A secret is the reference that is resolved and sent, such as
    /// `{env: NAME}`.
    pub after: BTreeMap<String, serde_json::Value>,
    /// Digest of `action`, `route`, `key`, `from_key` and `after`. The reader makes it again.
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
    /// A target is not what was reviewed: another address, account, sign-in or option.
    #[error("target {target} is not the one that was reviewed: {changes}; plan and review again")]
    Target {
        /// The target.
        target: String,
        /// What was reviewed and what it is now.
        changes: String,
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
        match self {
            SavedError::Damaged(_) | SavedError::Format(_) => false,
            SavedError::Expired(_)
            | SavedError::Policy { .. }
            | SavedError::Target { .. }
            | SavedError::Desired { .. }
            | SavedError::Name { .. } => true,
        }
    }
}

impl SavedPlan {
    /// The saved form of a plan: its selected sets that may be applied. `identities` are what it binds of each target.
    pub fn new(plan: &Plan, envelope: &Envelope<'_>, desired: &DesiredDigests, identities: &[Identity]) -> Self {
        let identity = |target: &TargetPlan| identities.iter().find(|identity| identity.name == target.name);
        let mut targets: Vec<SavedTarget> =
            plan.targets.iter().map(|target| saved_target(&plan.ids, target, identity(target), desired)).collect();
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
        let changes = saved.targets.iter().flat_map(|target| &target.sets).flat_map(|set| &set.changes);
        if let Some(edited) = changes.into_iter().find(|change| digest::after(change) != change.after_digest) {
            let named: Vec<String> = edited.key.iter().map(|(name, id)| format!("{name} {id}")).collect();
            return Err(SavedError::Damaged(format!("the change of {} does not match its digest", named.join(", "))));
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

    /// Whether the targets, of which this run's are given, are still the ones that were reviewed. [`Self::check_desired`] reports a
    /// target that is gone, for its sets are gone as well.
    ///
    /// # Errors
    /// [`SavedError::Target`].
    pub fn check_targets(&self, targets: &[Identity]) -> Result<(), SavedError> {
        for now in targets {
            let Some(saved) = self.targets.iter().find(|saved| saved.name == now.name) else { continue };
            let changes = Identity::of(saved).differences(now);
            if !changes.is_empty() {
                return Err(SavedError::Target { target: saved.name.clone(), changes: changes.join(", ") });
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
    /// new plan does not hold is added. [`Self::check_targets`] comes first.
    ///
    /// # Errors
    /// [`SavedError::Desired`] and [`SavedError::Name`]: the plan was reviewed for something else.
    pub fn narrow(&self, plan: &mut Plan, desired: &DesiredDigests) -> Result<(), SavedError> {
        self.check_desired(desired)?;
        self.check_names(plan)?;
        let ids = std::sync::Arc::clone(&plan.ids);
        let now = plan.now;
        for target in &mut plan.targets {
            let saved = self.targets.iter().find(|saved| saved.name == target.name);
            narrow::target(&ids, now, target, saved);
        }
        Ok(())
    }
}

/// The first name whose id is not the reviewed one, as a sentence.
fn renamed(reviewed: &[ResolvedName], now: &[ResolvedName]) -> Option<String> {
    fn said(name: &ResolvedName) -> (&str, Option<&str>, &str) {
        (&name.field, name.within.as_deref(), &name.name)
    }
    let known: HashMap<_, &str> = reviewed.iter().map(|was| (said(was), was.id.as_str())).collect();
    now.iter().find_map(|now| {
        let was = known.get(&said(now)).copied().unwrap_or("no id");
        (was != now.id).then(|| format!("{} {} was {was} and is {}", now.field, now.name, now.id))
    })
}

/// Where a target's requests go and what they carry beside the changes: all that a plan binds of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `metadata.name`.
    pub name: String,
    /// The provider's name.
    pub provider: String,
    /// The address, as shown to people.
    pub endpoint: String,
    /// Which account it is.
    pub account: Vec<Account>,
    /// How it signs in.
    pub sign_in: Vec<Account>,
    /// The provider's own options.
    pub options: Vec<Account>,
}

impl Identity {
    /// That of a target, whose address is shown as `endpoint`.
    pub fn new(target: &Target, endpoint: &str) -> Self {
        let is_account = |name: &str| target.account.iter().any(|account| account.field == name);
        let options = target.options.iter().filter(|(name, value)| !value.is_null() && !is_account(name));
        let text = |value: &Value| match value.shown() {
            serde_json::Value::String(text) => text,
            json => json.to_string(),
        };
        Self {
            name: target.name.clone(),
            provider: target.provider.to_owned(),
            endpoint: endpoint.to_owned(),
            account: target.account.clone(),
            sign_in: target.auth.as_ref().map(Auth::parts).unwrap_or_default(),
            options: options.map(|(name, value)| Account { field: name.to_owned(), value: text(value) }).collect(),
        }
    }

    fn of(saved: &SavedTarget) -> Self {
        let SavedTarget { name, provider, endpoint, account, sign_in, options, .. } = saved.clone();
        Self { name, provider, endpoint, account, sign_in, options }
    }

    /// What is different now, each as a sentence.
    fn differences(&self, now: &Self) -> Vec<String> {
        let mut all = Vec::new();
        let mut compare = |what: &str, was: Option<&str>, is: Option<&str>| {
            if was != is {
                all.push(format!("{what} was {} and is {}", was.unwrap_or("not set"), is.unwrap_or("not set")));
            }
        };
        compare("provider", Some(&self.provider), Some(&now.provider));
        compare("endpoint", Some(&self.endpoint), Some(&now.endpoint));
        for (prefix, was, is) in [
            ("", &self.account, &now.account),
            ("auth ", &self.sign_in, &now.sign_in),
            ("", &self.options, &now.options),
        ] {
            let fields: BTreeSet<&str> = was.iter().chain(is).map(|part| part.field.as_str()).collect();
            for field in fields {
                let value = |parts: &'_ [Account]| {
                    let part = parts.iter().find(|part| part.field == field);
                    part.map(|part| part.value.clone())
                };
                compare(&format!("{prefix}{field}"), value(was).as_deref(), value(is).as_deref());
            }
        }
        all
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

fn saved_target(ids: &Ids, target: &TargetPlan, identity: Option<&Identity>, desired: &DesiredDigests) -> SavedTarget {
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
        sign_in: identity.map(|identity| identity.sign_in.clone()).unwrap_or_default(),
        options: identity.map(|identity| identity.options.clone()).unwrap_or_default(),
        evidence: target.evidence.clone(),
        sets: sets.collect(),
    }
}

/// A planned change in its saved form.
pub(super) fn saved_change(ids: &Ids, capabilities: &Capabilities, planned: &PlannedChange) -> SavedChange {
    let change = &planned.change;
    let live = change.live.as_ref();
    let concerned = |name: &str| match change.action {
        Action::Update => change.desired.get(name).is_some(),
        Action::Create | Action::Remove => capabilities.field(name).is_some(),
    };
    let shown = |fields: &Fields| -> Parts {
        let concerned = fields.iter().filter(|(name, _)| concerned(name));
        concerned.map(|(name, value)| (name.to_owned(), value.shown())).collect()
    };
    let (was, is) = replaced(ids, capabilities, change);
    let with = |mut shown: Parts, parts| {
        shown.extend(parts);
        shown
    };
    let mut saved = SavedChange {
        action: change.action,
        route: planned.route.name.to_owned(),
        key: named(ids, capabilities, &change.key),
        from_key: change.from_key.as_ref().map(|key| named(ids, capabilities, key)),
        before: with(live.map(|live| shown(&live.fields)).unwrap_or_default(), was),
        after: with(shown(&change.desired), is),
        after_digest: String::new(),
        precondition: digest::precondition(ids, live),
        reason: planned.reason,
        at: planned.at.clone(),
    };
    saved.after_digest = digest::after(&saved);
    saved
}

/// Values of a change by field or key part, as they are saved.
pub(super) type Parts = BTreeMap<String, serde_json::Value>;

/// The key parts that a change replaces, as they are live and as they shall be.
pub(super) fn replaced(ids: &Ids, capabilities: &Capabilities, change: &Change) -> (Parts, Parts) {
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
