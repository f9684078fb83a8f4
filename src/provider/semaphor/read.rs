//! The project's assignments, read with one request: no paging is documented (apis/semaphor.md: List).

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use serde_json::value::RawValue;

use crate::http::Request;
use crate::model::{Coverage, Handles, Instant, Key, Live, LiveInfo, Names, ReadRequest, Scope, Snapshot};
use crate::provider::part;
use crate::provider::refusal::{clean, unread};
use crate::provider::{ReadError, Reader};

use super::actor::{ACTOR, DEFINITION, field_of};
use super::api::{Api, Verdict, verdict};
use super::params::{self, Params};
use super::spec::{DEFINITION_NAME, ORG_USER_EMAIL, ORG_USER_NAME, TENANT_NAME, TENANT_USER_EMAIL, TENANT_USER_NAME};
use super::wire::{Listing, Named, Row, id_of};

const LIST: &str = "GET …/unified-security/assignments";

/// Reads one project.
pub(super) struct SemaphorReader(pub Api);

#[async_trait]
impl Reader for SemaphorReader {
    /// The whole project, whatever was asked for: there is no narrower request, and the rest serves guards.
    async fn read(&self, request: &ReadRequest<'_>) -> Result<Snapshot, ReadError> {
        let Self(api) = self;
        let before = api.client.requests();
        let answer = api.client.send(Request::get(api.collection())).await.map_err(|error| unread(&error))?;
        let listing = match verdict::<Listing<'_>>(LIST, &answer, &[200], &Params::default()) {
            Verdict::Yes(listing) => listing,
            Verdict::No(refusal) => return Err(refusal.into()),
            Verdict::Unclear(why) => return Err(ReadError::Api(why)),
        };
        let gap = part::by_fields(&listing.beside, listing.assignments.len()).or_else(|| part::by_link(&answer));
        let mut rows = Rows::new(api, request.names);
        for (index, raw) in listing.assignments.iter().enumerate() {
            rows.add(index, raw)?;
        }
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
    /// Key to the row's place in `live`.
    seen: HashMap<Key, usize>,
    /// The ids so far: a write to an id that stands for two assignments would hit either.
    ids: HashSet<Box<str>>,
}

impl<'a> Rows<'a> {
    fn new(api: &'a Api, names: bool) -> Self {
        let handles = names.then(Handles::default);
        Self { api, live: Vec::new(), names: Names::default(), handles, seen: HashMap::new(), ids: HashSet::new() }
    }

    fn add(&mut self, index: usize, raw: &RawValue) -> Result<(), ReadError> {
        let name = || match id_of(raw) {
            Some(id) => format!("the row {}", clean(&id)),
            None => format!("row {} (it shows no id)", index + 1),
        };
        let mut row: Row = serde_json::from_str(raw.get())
            .map_err(|error| nonsense(&format!("{} cannot be understood: {}", name(), clean(&error.to_string()))))?;
        let live = self.live(&mut row).map_err(|why| nonsense(&format!("{} {why}", name())))?;
        if let Some(first) = self.seen.insert(live.key, self.live.len()) {
            let first = self.live[first].id.as_deref().unwrap_or("");
            return Err(nonsense(&format!(
                "{} and the row {} assign the same definition to the same actor",
                name(),
                clean(first)
            )));
        }
        if !live.id.iter().all(|id| self.ids.insert(id.clone())) {
            return Err(nonsense(&format!("{} comes twice, with different keys", name())));
        }
        self.add_names(&row, &live.key);
        self.add_handles(&row, &live.key);
        self.live.push(live);
        Ok(())
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
            fields: params::fields(params.as_deref()),
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
    fn snapshot(self, gap: Option<String>, requests: u64) -> Snapshot {
        let what = if gap.is_none() { "the whole project in one answer" } else { "one answer" };
        let evidence = format!("{what}, {} rows", self.live.len());
        Snapshot {
            rows: self.live,
            names: self.names,
            handles: self.handles.unwrap_or_default(),
            coverage: vec![Coverage { scope: Scope::default(), gap, evidence }],
            requests,
        }
    }
}

/// An answer that makes no sense is no listing: planning on a part of it could take access away.
fn nonsense(what: &str) -> ReadError {
    ReadError::Api(format!("{LIST}: {what}; nothing was planned on this listing: look at it in Semaphor"))
}
