//! Reads a plan's JSON report back, so that every other format can be made from it. What the JSON does not hold (declarations that are
//! live as declared, rows beside the changes) is not there afterwards either.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::diag::Location;
use crate::model::{
    Account, Action, Capabilities, Change, FieldKind, Fields, Ids, Instant, Key, Live, Mode, Names, Route, SecretRef,
    Sym, Value,
};
use crate::plan::authority::{AuthorityChange, Leaving, LeavingRow, WhyLeaving};
use crate::plan::{
    Base, BaseGap, Cause, Counts, Difference, Evidence, Grant, Guard, Ignored, LeftAlone, Loss, Plan, PlannedChange,
    Reason, Refusal, ResolvedName, SetPlan, TargetPlan, Unmanaged, Unreadable, Warning,
};

/// What has to be known of a provider.
#[derive(Debug)]
pub struct Known {
    /// Its keys and fields.
    pub capabilities: &'static Capabilities,
    /// Its routes that write, as plans show them.
    pub routes: Vec<&'static str>,
}

/// Why a text is no plan that this version wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadBackError {
    /// Another shape.
    #[error("it is no JSON report of a plan as this version writes it: {0}")]
    Shape(String),
    /// A word that this version does not know.
    #[error("it names {0} {1:?}, which this version does not know; use the version that wrote it")]
    Unknown(&'static str, String),
}

/// Reads a plan. `known` finds a provider by its name.
///
/// # Errors
/// See [`ReadBackError`].
pub fn plan(text: &str, known: &dyn Fn(&str) -> Option<Known>) -> Result<Plan, ReadBackError> {
    let document: PlanDoc = serde_json::from_str(text).map_err(|error| ReadBackError::Shape(error.to_string()))?;
    let ids = Arc::new(Ids::default());
    let targets = document.targets.into_iter().map(|target| {
        let known = known(&target.provider).ok_or_else(|| unknown("the provider", &target.provider))?;
        Reader { ids: &ids, known, names: Names::default() }.target(target)
    });
    let targets = targets.collect::<Result<_, _>>()?;
    let base = document.base.map(|base| base.read(&ids, known)).transpose()?;
    Ok(Plan {
        ids,
        now: instant(&document.planned_at)?,
        policy: document.policy.as_ref().map(|policy| policy.digest.clone()),
        policy_file: document.policy.and_then(|policy| policy.file),
        targets,
        base,
        part: None,
    })
}

fn unknown(what: &'static str, word: &str) -> ReadBackError {
    ReadBackError::Unknown(what, word.to_owned())
}

fn instant(text: &str) -> Result<Instant, ReadBackError> {
    Instant::parse(text).ok_or_else(|| ReadBackError::Shape(format!("{text:?} is no instant")))
}

#[derive(Deserialize)]
struct PlanDoc {
    planned_at: String,
    policy: Option<PolicyDoc>,
    base: Option<BaseDoc>,
    targets: Vec<TargetDoc>,
}

#[derive(Deserialize)]
struct PolicyDoc {
    file: Option<String>,
    digest: String,
}

#[derive(Deserialize)]
struct BaseDoc {
    name: String,
    commit: Option<String>,
    not_used: Option<String>,
    gaps: Vec<BaseGap>,
    authority: Vec<AuthorityChange>,
    leaving: Vec<LeavingDoc>,
}

impl BaseDoc {
    fn read(self, ids: &Ids, known: &dyn Fn(&str) -> Option<Known>) -> Result<Base, ReadBackError> {
        let Self { name, commit, not_used, gaps, authority, leaving } = self;
        let leaving = leaving.into_iter().map(|left| left.read(ids, known)).collect::<Result<_, _>>()?;
        Ok(Base { name, commit, not_used, gaps, authority, leaving })
    }
}

#[derive(Deserialize)]
struct LeavingDoc {
    target: String,
    provider: String,
    set: String,
    deleted: bool,
    at: Location,
    rows: Vec<LeavingRowDoc>,
}

#[derive(Deserialize)]
struct LeavingRowDoc {
    key: KeyDoc,
    names: NamesDoc,
    why: WhyLeaving,
    seen: bool,
    base_at: Location,
    at: Option<Location>,
}

impl LeavingDoc {
    fn read(self, ids: &Ids, known: &dyn Fn(&str) -> Option<Known>) -> Result<Leaving, ReadBackError> {
        let Self { target, provider, set, deleted, at, rows } = self;
        let known = known(&provider).ok_or_else(|| unknown("the provider", &provider))?;
        let capabilities = known.capabilities;
        let mut reader = Reader { ids, known, names: Names::default() };
        let rows = rows.into_iter().map(|row| {
            let LeavingRowDoc { key, names, why, seen, base_at, at } = row;
            Ok(LeavingRow { key: reader.named(&key, &names)?, why, seen, base_at, at })
        });
        let rows = rows.collect::<Result<_, ReadBackError>>()?;
        Ok(Leaving { target, capabilities, set, deleted, rows, names: reader.names, at })
    }
}

#[derive(Deserialize)]
struct TargetDoc {
    name: String,
    provider: String,
    endpoint: String,
    account: Vec<Account>,
    unreadable: Option<UnreadableDoc>,
    refusals: Vec<RefusalDoc>,
    sets: Vec<SetDoc>,
    not_selected: Vec<String>,
    evidence: Vec<Evidence>,
    read_requests: u64,
    write_requests: u64,
}

#[derive(Deserialize)]
struct UnreadableDoc {
    message: String,
    temporary: bool,
}

type KeyDoc = BTreeMap<String, Option<String>>;
type NamesDoc = BTreeMap<String, String>;
type FieldsDoc = BTreeMap<String, Json>;

#[derive(Deserialize)]
struct RefusalDoc {
    guard: Guard,
    set: Option<String>,
    message: String,
    allow: String,
    at: Option<Location>,
    keys: Vec<KeyDoc>,
}

#[derive(Deserialize)]
struct SetDoc {
    name: String,
    at: Location,
    mode: Mode,
    scope: String,
    counts: Counts,
    live: u64,
    #[serde(default)]
    names: Vec<ResolvedName>,
    changes: Vec<ChangeDoc>,
    observed: Vec<ChangeDoc>,
    unmanaged: Vec<UnmanagedDoc>,
    ignored: Vec<IgnoredDoc>,
    warnings: Vec<Warning>,
}

#[derive(Deserialize)]
struct ChangeDoc {
    action: Action,
    key: KeyDoc,
    names: NamesDoc,
    from_key: Option<KeyDoc>,
    from_names: Option<NamesDoc>,
    id: Option<String>,
    before: Option<FieldsDoc>,
    after: Option<FieldsDoc>,
    reason: Reason,
    losses: Vec<Loss>,
    grants: Vec<Grant>,
    at: Location,
    route: RouteDoc,
    cause: Option<Cause>,
}

#[derive(Deserialize)]
struct RouteDoc {
    name: String,
    batch: usize,
    requests: u32,
}

#[derive(Deserialize)]
struct UnmanagedDoc {
    key: KeyDoc,
    names: NamesDoc,
    why: LeftAlone,
    since: Option<String>,
}

#[derive(Deserialize)]
struct IgnoredDoc {
    key: KeyDoc,
    names: NamesDoc,
    rule: RuleDoc,
}

#[derive(Deserialize)]
struct RuleDoc {
    difference: Difference,
    fields: Vec<String>,
    reason: String,
    at: Location,
}

/// One target's words on their way back.
struct Reader<'a> {
    ids: &'a Ids,
    known: Known,
    names: Names,
}

impl Reader<'_> {
    fn target(mut self, target: TargetDoc) -> Result<TargetPlan, ReadBackError> {
        let refusals = target.refusals.into_iter().map(|refusal| self.refusal(refusal)).collect::<Result<_, _>>()?;
        let mut sets: Vec<SetPlan> = target.sets.into_iter().map(|set| self.set(set)).collect::<Result<_, _>>()?;
        sets.extend(target.not_selected.into_iter().map(not_selected));
        sets.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(TargetPlan {
            name: target.name,
            provider: self.known.capabilities.provider,
            endpoint: target.endpoint,
            account: target.account,
            capabilities: self.known.capabilities,
            unreadable: target.unreadable.map(|UnreadableDoc { message, temporary }| Unreadable { message, temporary }),
            sets,
            refusals,
            names: self.names,
            evidence: target.evidence,
            read_requests: target.read_requests,
            held: Vec::new(),
            write_requests: target.write_requests,
        })
    }

    fn refusal(&mut self, refusal: RefusalDoc) -> Result<Refusal, ReadBackError> {
        let RefusalDoc { guard, set, message, allow, at, keys } = refusal;
        let keys = keys.iter().map(|key| self.key(key)).collect::<Result<_, _>>()?;
        Ok(Refusal { guard, set, message, allow, at, keys })
    }

    fn set(&mut self, set: SetDoc) -> Result<SetPlan, ReadBackError> {
        let changes = set.changes.into_iter().chain(set.observed);
        Ok(SetPlan {
            changes: changes.map(|change| self.change(change)).collect::<Result<_, _>>()?,
            unmanaged: set.unmanaged.into_iter().map(|row| self.unmanaged(row)).collect::<Result<_, _>>()?,
            ignored: set.ignored.into_iter().map(|row| self.ignored(row)).collect::<Result<_, _>>()?,
            name: set.name,
            at: set.at,
            mode: set.mode,
            scope: set.scope,
            selected: true,
            counts: set.counts,
            live: set.live,
            unchanged: Vec::new(),
            moved_away: Vec::new(),
            names: set.names,
            warnings: set.warnings,
        })
    }

    fn change(&mut self, change: ChangeDoc) -> Result<PlannedChange, ReadBackError> {
        let key = self.named(&change.key, &change.names)?;
        let no_names = NamesDoc::new();
        let from_names = change.from_names.as_ref().unwrap_or(&no_names);
        let from_key = change.from_key.as_ref().map(|from| self.named(from, from_names)).transpose()?;
        let (before, after) = (self.fields(change.before.as_ref())?, self.fields(change.after.as_ref())?);
        let differs = match change.action {
            Action::Update => after.iter().map(|(name, _)| name).collect(),
            Action::Create | Action::Remove => Vec::new(),
        };
        let id = change.id.map(String::into_boxed_str);
        let live = (change.action != Action::Create || id.is_some()).then(|| Live {
            key: from_key.unwrap_or(key),
            id,
            fields: before,
            info: None,
        });
        let routes = &self.known.routes;
        let name = routes.iter().find(|route| **route == change.route.name);
        let name = name.copied().ok_or_else(|| unknown("the route", &change.route.name))?;
        Ok(PlannedChange {
            change: Change { action: change.action, key, from_key, live, desired: after, differs },
            reason: change.reason,
            losses: change.losses,
            grants: change.grants,
            at: change.at,
            route: Route { name, group: Sym::NONE, batch: change.route.batch, requests: change.route.requests },
            taken_from: None,
            cause: change.cause,
        })
    }

    fn unmanaged(&mut self, row: UnmanagedDoc) -> Result<Unmanaged, ReadBackError> {
        let since = row.since.as_deref().map(instant).transpose()?;
        Ok(Unmanaged { key: self.named(&row.key, &row.names)?, why: row.why, since })
    }

    fn ignored(&mut self, row: IgnoredDoc) -> Result<Ignored, ReadBackError> {
        let key = self.named(&row.key, &row.names)?;
        let fields = row.rule.fields.iter().map(|name| self.field(name)).collect::<Result<_, _>>()?;
        let RuleDoc { difference, reason, at, .. } = row.rule;
        Ok(Ignored { key, difference, fields, reason, at })
    }

    /// A key whose ids have these names.
    fn named(&mut self, key: &KeyDoc, names: &NamesDoc) -> Result<Key, ReadBackError> {
        let key = self.key(key)?;
        for (field, name) in names {
            let part = self.part(field)?;
            self.names.add(part, key.part(part), name);
        }
        Ok(key)
    }

    fn key(&self, key: &KeyDoc) -> Result<Key, ReadBackError> {
        let mut read = Key::default();
        for (field, id) in key {
            read = read.with(self.part(field)?, self.ids.sym(id.as_deref().unwrap_or_default()));
        }
        Ok(read)
    }

    fn part(&self, field: &str) -> Result<usize, ReadBackError> {
        let capabilities = self.known.capabilities;
        let written = capabilities.written_key_part(field).map(|(part, _)| part);
        written.or_else(|| capabilities.key_part(field)).ok_or_else(|| unknown("the key part", field))
    }

    /// A field's name: one of the provider's table, or (where a rule ignores a role change) of its key.
    fn field(&self, name: &str) -> Result<&'static str, ReadBackError> {
        let capabilities = self.known.capabilities;
        let key = capabilities.key_part(name).and_then(|part| capabilities.key_fields.get(part).copied());
        let field = capabilities.field(name).map(|field| field.name);
        field.or(key).ok_or_else(|| unknown("the field", name))
    }

    fn fields(&self, fields: Option<&FieldsDoc>) -> Result<Fields, ReadBackError> {
        let read = fields.into_iter().flatten().map(|(name, json)| {
            let field = self.known.capabilities.field(name).ok_or_else(|| unknown("the field", name))?;
            Ok((field.name, value(field.kind, json)?))
        });
        Ok(Fields::new(read.collect::<Result<_, ReadBackError>>()?))
    }
}

fn not_selected(name: String) -> SetPlan {
    SetPlan {
        name,
        at: Location { file: Arc::default(), line: 0, column: 0 },
        mode: Mode::Observe,
        scope: String::new(),
        selected: false,
        counts: Counts::default(),
        live: 0,
        unchanged: Vec::new(),
        changes: Vec::new(),
        moved_away: Vec::new(),
        unmanaged: Vec::new(),
        ignored: Vec::new(),
        names: Vec::new(),
        warnings: Vec::new(),
    }
}

/// A value as its field has them. Secrets come back as what they were shown as: references, or masked.
fn value(kind: FieldKind, json: &Json) -> Result<Value, ReadBackError> {
    let shape = || ReadBackError::Shape(format!("{json} is no value of its field"));
    match (kind, json) {
        (_, Json::Null) => Ok(Value::Null),
        (FieldKind::Text, Json::String(text)) => Ok(Value::Text(text.as_str().into())),
        (FieldKind::Instant, Json::String(text)) => Ok(Value::Instant(instant(text)?)),
        (FieldKind::Json, json) => Ok(Value::json(json.clone())),
        (FieldKind::SecretMap, Json::Object(map)) if map.values().all(Json::is_object) => {
            let reference = |(key, json): (&String, &Json)| Some((key.as_str().into(), secret(json)?));
            map.iter().map(reference).collect::<Option<_>>().map(Value::Secrets).ok_or_else(shape)
        }
        (FieldKind::SecretMap, Json::Object(map)) => {
            Ok(Value::Masked(map.keys().map(|key| key.as_str().into()).collect()))
        }
        _ => Err(shape()),
    }
}

fn secret(json: &Json) -> Option<SecretRef> {
    let text = |name: &str| json.get(name).and_then(Json::as_str).map(Into::into);
    text("env").map(SecretRef::Env).or_else(|| text("file").map(SecretRef::File))
}
