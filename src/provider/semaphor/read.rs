//! The project's assignments, read with one request: no paging is documented (apis/semaphor.md: List).

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::http::Request;
use crate::model::{Coverage, Handles, Instant, Key, Live, LiveInfo, Names, ReadRequest, Scope, Snapshot};
use crate::provider::odd::{self, OddRows};
use crate::provider::part::{self, Share};
use crate::provider::refusal::{clean, unread};
use crate::provider::{ReadError, Reader, scan};

use super::actor::{ACTOR, DEFINITION, field_of};
use super::api::{Api, Verdict, verdict};
use super::params::{self, Params};
use super::spec::{DEFINITION_NAME, ORG_USER_EMAIL, ORG_USER_NAME, TENANT_NAME, TENANT_USER_EMAIL, TENANT_USER_NAME};
use super::wire::{Named, Row};

const LIST: &str = "GET …/unified-security/assignments";

/// Reads one project.
pub(super) struct SemaphorReader(pub Api);

/// Where the answer has its rows (apis/semaphor.md: List).
const ROWS: &[&str] = &["data", "assignments"];

#[async_trait]
impl Reader for SemaphorReader {
    /// The whole project, whatever was asked for: there is no narrower request, and the rest serves guards.
    async fn read(&self, request: &ReadRequest<'_>) -> Result<Snapshot, ReadError> {
        let Self(api) = self;
        let before = api.client.requests();
        let answer = api.client.send(Request::get(api.collection())).await.map_err(|error| unread(&error))?;
        match verdict::<IgnoredAny>(LIST, &answer, &[200], &Params::default()) {
            Verdict::Yes(_) => {}
            Verdict::No(refusal) => return Err(refusal.into()),
            Verdict::Unclear(why) => return Err(ReadError::Api(why)),
        }
        let mut rows = Rows::new(api, request.names);
        let beside = answer.read_json(|body| scan::list(body, &[ROWS], |raw| rows.add(raw)));
        let beside = beside.map_err(|error| unread(&error))?;
        if beside.found.len() != 1 {
            return Err(nonsense("its `data` does not hold one array `assignments`"));
        }
        let gap = part::gap(&answer, &beside, beside.rows, &[], Share::Whole);
        Ok(rows.snapshot(gap, api.client.requests().saturating_sub(before)))
    }
}

/// Rows as they are collected, with what is needed to notice nonsense.
struct Rows<'a> {
    api: &'a Api,
    live: Vec<Live>,
    names: Names,
    /// `None`: nobody asked.
    handles: Option<Handles>,
    odd: OddRows,
    /// Rows so far, those that are left out included.
    count: u64,
}

impl<'a> Rows<'a> {
    fn new(api: &'a Api, names: bool) -> Self {
        let handles = names.then(Handles::default);
        Self { api, live: Vec::new(), names: Names::default(), handles, odd: OddRows::default(), count: 0 }
    }

    fn add(&mut self, raw: &RawValue) {
        self.count += 1;
        if let Err(why) = self.try_add(raw) {
            self.leave_out(raw, &why);
        }
    }

    fn try_add(&mut self, raw: &RawValue) -> Result<(), String> {
        if let Some(why) = odd::too_large(raw) {
            return Err(why);
        }
        let mut row: Row = serde_json::from_str(raw.get()).map_err(|error| format!("cannot be understood: {error}"))?;
        let live = self.live(&mut row)?;
        self.add_names(&row, &live.key);
        self.add_handles(&row, &live.key);
        self.live.push(live);
        Ok(())
    }

    /// Leaves a row out, with as much of its key as it tells.
    fn leave_out(&mut self, raw: &RawValue, why: &str) {
        let row = odd::glance(raw);
        let text = |name: &str| row.as_ref()?.get("assignment")?.get(name)?.as_str().filter(|text| !text.is_empty());
        let name =
            text("id").map_or_else(|| format!("row {} (it shows no id)", self.count), |id| format!("the row {id}"));
        let ids = &self.api.ids;
        let area = text("definitionId").map(|id| (DEFINITION, ids.sym(id)));
        let key = || {
            let (definition, scope_type) = (text("definitionId")?, text("scopeType")?);
            let actor = field_of(scope_type)?.map_or(Some(""), text)?;
            Some(Key::new(&[ids.sym(definition), ids.sym(scope_type), ids.sym(actor)]))
        };
        let key = key();
        if let Some(handles) = &mut self.handles {
            let name = |group: &str, field: &str| row.as_ref()?.get(group)?.get(field)?.as_str();
            let definition = text("definitionId").zip(name("connection", "name")).zip(name("definition", "name"));
            if let Some(((id, connection), name)) = definition {
                handles.add(DEFINITION_NAME, Some(connection), name, ids.sym(id));
            }
            for (id, group, field, handle) in [
                ("tenantId", "tenant", "name", TENANT_NAME),
                ("tenantUserId", "tenantUser", "name", TENANT_USER_NAME),
                ("tenantUserId", "tenantUser", "email", TENANT_USER_EMAIL),
                ("orgUserId", "orgUser", "name", ORG_USER_NAME),
                ("orgUserId", "orgUser", "email", ORG_USER_EMAIL),
            ] {
                if let Some((id, name)) = text(id).zip(name(group, field)) {
                    handles.add(handle, None, name, ids.sym(id));
                }
            }
        }
        self.odd.add(area.into_iter().collect(), key, &format!("{name} {why}"));
    }

    /// Leaves out the rows that share a key or an id: a write to either would hit the other.
    fn leave_out_doubles(&mut self) {
        let mut same: Vec<(usize, String)> = Vec::new();
        self.live.sort_unstable_by(|a, b| a.key.cmp(&b.key).then_with(|| a.id.cmp(&b.id)));
        for (index, pair) in self.live.windows(2).enumerate() {
            if let [a, b] = pair
                && a.key == b.key
            {
                let why = format!(
                    "the rows {} and {} assign the same definition to the same actor",
                    a.id.as_deref().unwrap_or(""),
                    b.id.as_deref().unwrap_or("")
                );
                same.extend([(index, why.clone()), (index + 1, why)]);
            }
        }
        let mut by_id: Vec<usize> = (0..self.live.len()).collect();
        by_id.sort_unstable_by_key(|index| &self.live[*index].id);
        for pair in by_id.windows(2) {
            if let [a, b] = *pair
                && self.live[a].id == self.live[b].id
                && self.live[a].key != self.live[b].key
            {
                let id = self.live[a].id.as_deref().unwrap_or("");
                let why = format!("the row {id} comes twice, with different keys");
                same.extend([(a, why.clone()), (b, why)]);
            }
        }
        if same.is_empty() {
            return;
        }
        let doubles: BTreeMap<usize, String> = same.into_iter().collect();
        let mut index = 0;
        self.live.retain(|live| {
            let double = doubles.get(&index);
            index += 1;
            if let Some(why) = double {
                self.odd.add(vec![(DEFINITION, live.key.part(DEFINITION))], Some(live.key), why);
            }
            double.is_none()
        });
    }

    fn live(&self, row: &mut Row) -> Result<Live, String> {
        let params = row.assignment.params.take();
        let assignment = &row.assignment;
        if assignment.id.is_empty() || assignment.definition_id.is_empty() {
            return Err("has an empty id or `definitionId`".to_owned());
        }
        let field = field_of(&assignment.scope_type).ok_or_else(|| {
            format!("has the scope type {}, which this version does not know", clean(&assignment.scope_type))
        })?;
        let actor = match field {
            None => "",
            Some(field) => assignment
                .actor(field)
                .filter(|actor| !actor.is_empty())
                .ok_or_else(|| format!("has no `{field}`, which {} requires", assignment.scope_type))?,
        };
        let ids = &self.api.ids;
        let instant = |text: &Option<String>| text.as_deref().and_then(Instant::parse);
        Ok(Live {
            key: Key::new(&[ids.sym(&assignment.definition_id), ids.sym(&assignment.scope_type), ids.sym(actor)]),
            id: Some(assignment.id.as_str().into()),
            fields: params::fields(params),
            info: Some(Box::new(LiveInfo {
                revision: assignment.updated_at.as_deref().map(Into::into),
                created: instant(&assignment.created_at),
                updated: instant(&assignment.updated_at),
            })),
        })
    }

    fn add_names(&mut self, row: &Row, key: &Key) {
        let display = |named: &Option<Named>| named.as_ref().map(Named::display).unwrap_or_default();
        let (definition, connection) = (display(&row.definition), display(&row.connection));
        let definition = match (definition.is_empty(), connection.is_empty()) {
            (false, false) => format!("{definition} on {connection}"),
            _ => definition,
        };
        self.names.add(DEFINITION, key.part(DEFINITION), &definition);
        let actor = match field_of(&row.assignment.scope_type).flatten() {
            Some("tenantId") => display(&row.tenant),
            Some("tenantUserId") => display(&row.tenant_user),
            Some(_) => display(&row.org_user),
            None => return,
        };
        self.names.add(ACTOR, key.part(ACTOR), &actor);
    }

    /// What the row calls its ids. A definition is named within its connection; without one there, nothing says which is meant.
    fn add_handles(&mut self, row: &Row, key: &Key) {
        let Some(handles) = &mut self.handles else { return };
        let name = |named: &'_ Option<Named>| named.as_ref().and_then(|named| named.name.clone()).unwrap_or_default();
        let email = |named: &Option<Named>| named.as_ref().and_then(|named| named.email.clone()).unwrap_or_default();
        let connection = name(&row.connection);
        if !connection.is_empty() {
            handles.add(DEFINITION_NAME, Some(&connection), &name(&row.definition), key.part(DEFINITION));
        }
        let actor = key.part(ACTOR);
        match field_of(&row.assignment.scope_type).flatten() {
            Some("tenantId") => handles.add(TENANT_NAME, None, &name(&row.tenant), actor),
            Some("tenantUserId") => {
                handles.add(TENANT_USER_NAME, None, &name(&row.tenant_user), actor);
                handles.add(TENANT_USER_EMAIL, None, &email(&row.tenant_user), actor);
            }
            Some(_) => {
                handles.add(ORG_USER_NAME, None, &name(&row.org_user), actor);
                handles.add(ORG_USER_EMAIL, None, &email(&row.org_user), actor);
            }
            None => {}
        }
    }

    /// The listing; `gap` says why it may be only a part.
    fn snapshot(mut self, gap: Option<String>, requests: u64) -> Snapshot {
        self.leave_out_doubles();
        let what = if gap.is_none() { "the whole project in one answer" } else { "one answer" };
        let evidence = format!("{what}, {} rows", self.count);
        let mut snapshot = Snapshot {
            rows: self.live,
            names: self.names,
            handles: self.handles.unwrap_or_default(),
            coverage: vec![Coverage { scope: Scope::default(), gap, evidence }],
            requests,
            ..Snapshot::default()
        };
        self.odd.tell(&mut snapshot);
        snapshot
    }
}

/// An answer that makes no sense is no listing: planning on a part of it could take access away.
fn nonsense(what: &str) -> ReadError {
    ReadError::Api(format!("{LIST}: {what}; nothing was planned on this listing: look at it in Semaphor"))
}
