//! Semaphor's unified-security assignments (apis/semaphor.md).
//!
//! The value of a secret parameter is never kept: the state holds the mask that the API shows in its place. Knows no HTTP beyond
//! a request and its answer.

mod rows;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::http::Method;
use serde::Serialize;
use serde_json::{Value, json};

use self::rows::{
    CreateBody, Key, Listing, NamedActor, NamedDefinition, Nested, OkEnvelope, One, PatchBody, Row, SuccessEnvelope,
    holds_mask, one_actor,
};
use super::{
    seed::{
        Envelope, JsonMap, ScopeType, SemaphorActor, SemaphorAssignment, SemaphorDefinition, SemaphorProject,
        SemaphorSeed, TokenForm,
    },
    store::Op,
    time::Instant,
    wire::{Answer, Failure, Reply, Request},
};

/// What a secret parameter's value comes back as.
const MASK: &str = "***";

/// Semaphor's state.
#[derive(Clone)]
pub(super) struct Semaphor {
    /// The seed without its rows.
    catalogue: SemaphorSeed,
    projects: HashMap<String, Project>,
    rows: BTreeMap<u64, Row>,
    ids: HashMap<(String, String), u64>,
    keys: HashMap<Key, u64>,
    by_project: BTreeMap<String, BTreeSet<u64>>,
    pub(super) next: u64,
}

/// A listed project with what exists in it by id; nothing where any id goes.
#[derive(Clone)]
struct Project {
    envelope: Envelope,
    definitions: Option<HashMap<String, SemaphorDefinition>>,
    tenants: Option<HashMap<String, SemaphorActor>>,
    tenant_users: Option<HashMap<String, SemaphorActor>>,
    org_users: Option<HashMap<String, SemaphorActor>>,
}

impl Semaphor {
    pub(super) fn new(seed: &SemaphorSeed) -> Self {
        let mut catalogue = SemaphorSeed { assignments: BTreeMap::new(), ..seed.clone() };
        catalogue.projects.iter_mut().flatten().for_each(|project| project.assignments.clear());
        let projects =
            catalogue.projects.iter().flatten().map(|entry| (entry.projectId.clone(), Project::new(entry))).collect();
        Self {
            catalogue,
            projects,
            rows: BTreeMap::new(),
            ids: HashMap::new(),
            keys: HashMap::new(),
            by_project: BTreeMap::new(),
            next: 1,
        }
    }

    /// How many requests and token requests a minute; 0 is no limit (apis/semaphor.md: Limits).
    pub(super) fn limits(&self) -> (u32, u32) {
        (self.catalogue.rate_limit.unwrap_or(5_000), self.catalogue.token_rate_limit.unwrap_or(100))
    }

    /// A token's answer in the form that the seed asks for.
    pub(super) fn token_answer(&self, token: &str) -> Reply {
        match self.catalogue.token {
            TokenForm::Bare => Reply::json(200, &json!({ "accessToken": token })),
            TokenForm::Data => Reply::json(200, &json!({ "ok": true, "data": { "accessToken": token } })),
        }
    }

    /// The word for success in a project's answers.
    pub(super) fn flag(&self, segments: &[&str]) -> &'static str {
        match project_of(segments).and_then(|project| self.projects.get(project)).map(|project| project.envelope) {
            Some(Envelope::Success) => "success",
            _ => "ok",
        }
    }

    pub(super) fn is_read(request: &Request) -> bool {
        request.method == Method::GET
    }

    pub(super) fn read(&self, request: &Request) -> Answer {
        let segments = request.segments();
        let (project, id) = self.route(&segments)?;
        let data = match id {
            None => {
                let numbers = self.by_project.get(project).into_iter().flatten();
                let rows: Vec<Nested<'_>> = numbers.map(|number| self.nested(&self.rows[number])).collect();
                return Ok(self.success(200, &segments, &Listing { assignments: rows }));
            }
            Some(id) => self.nested(&self.rows[&self.number_of(project, id)?]),
        };
        Ok(self.success(200, &segments, &data))
    }

    pub(super) fn write(&mut self, request: &Request, now: Instant, ops: &mut Vec<Op>) -> Answer {
        let segments = request.segments();
        let (project, id) = self.route(&segments)?;
        match (id, request.method.as_str()) {
            (None, "POST") => {
                let number = self.create(project, request.json()?, now, ops)?;
                Ok(self.success(201, &segments, &One { assignment: self.rows[&number].shown() }))
            }
            (Some(id), "PATCH") => {
                let number = self.number_of(project, id)?;
                self.patch(number, request.json()?, now, ops)?;
                Ok(self.success(200, &segments, &One { assignment: self.rows[&number].shown() }))
            }
            (Some(id), "DELETE") => {
                let number = self.number_of(project, id)?;
                let answer = self.success(200, &segments, &One { assignment: self.rows[&number].shown() });
                self.remove(number);
                ops.push(Op::Delete { api: "semaphor", number });
                Ok(answer)
            }
            _ => Err(Failure::wrong_method()),
        }
    }

    fn success(&self, status: u16, segments: &[&str], data: &impl Serialize) -> Reply {
        match self.flag(segments) {
            "ok" => Reply::json(status, &OkEnvelope { ok: true, data }),
            _ => Reply::json(status, &SuccessEnvelope { success: true, data }),
        }
    }

    fn create(&mut self, project: &str, body: CreateBody, now: Instant, ops: &mut Vec<Op>) -> Result<u64, Failure> {
        let actors = [
            (ScopeType::Tenant, body.tenantId),
            (ScopeType::TenantUser, body.tenantUserId),
            (ScopeType::OrgUser, body.orgUserId),
        ];
        let actor = one_actor(body.scopeType, actors)?;
        let number = self.next;
        let row = Row {
            project: project.to_owned(),
            id: self.free_id(project, number),
            params: self.accepted(project, &body.definitionId, body.params)?,
            definition_id: body.definitionId,
            scope_type: body.scopeType,
            actor,
            created_at: now,
            updated_at: now,
        };
        self.check(&row, None)?;
        ops.push(put(number, &row));
        self.place(number, row);
        Ok(number)
    }

    fn patch(&mut self, number: u64, body: PatchBody, now: Instant, ops: &mut Vec<Op>) -> Result<(), Failure> {
        let PatchBody { scopeType, tenantId, tenantUserId, orgUserId, params } = body;
        let names_actor = tenantId.is_some() || tenantUserId.is_some() || orgUserId.is_some();
        if scopeType.is_none() && !names_actor && params.is_none() {
            return Err(invalid("a PATCH needs at least one field"));
        }
        let mut row = self.rows[&number].clone();
        let scope_type = scopeType.unwrap_or(row.scope_type);
        if scope_type != row.scope_type || names_actor {
            let actors = [
                (ScopeType::Tenant, tenantId.flatten()),
                (ScopeType::TenantUser, tenantUserId.flatten()),
                (ScopeType::OrgUser, orgUserId.flatten()),
            ];
            row.actor = one_actor(scope_type, actors)?;
            row.scope_type = scope_type;
        }
        if let Some(params) = params {
            row.params = self.accepted(&row.project, &row.definition_id, params)?;
        }
        row.updated_at = now;
        self.check(&row, Some(number))?;
        ops.push(put(number, &row));
        self.remove(number);
        self.place(number, row);
        Ok(())
    }

    /// Params as they are kept: secret values masked, and the mask itself refused, since it is no value.
    fn accepted(
        &self,
        project: &str,
        definition_id: &str,
        params: Option<JsonMap>,
    ) -> Result<Option<JsonMap>, Failure> {
        let Some(mut params) = params else { return Ok(None) };
        if let Some((name, _)) = params.iter().find(|(_, value)| holds_mask(value)) {
            return Err(invalid(format!("params.{name} is the mask of a secret, not a value")));
        }
        self.mask(project, definition_id, &mut params);
        Ok(Some(params))
    }

    fn mask(&self, project: &str, definition_id: &str, params: &mut JsonMap) {
        for name in self.definition(project, definition_id).iter().flat_map(|definition| &definition.secret_params) {
            if let Some(value) = params.get_mut(name) {
                *value = Value::from(MASK);
            }
        }
    }

    /// Whether the definition and the actor exist and are not bound to each other already.
    fn check(&self, row: &Row, own: Option<u64>) -> Result<(), Failure> {
        let project = self.projects.get(&row.project);
        let definitions = project.and_then(|project| project.definitions.as_ref());
        if definitions.is_some_and(|definitions| !definitions.contains_key(&row.definition_id)) {
            return Err(not_found("definition", &row.definition_id));
        }
        let actors = project.and_then(|project| project.actors(row.scope_type));
        if let (Some(actors), Some(actor)) = (actors, &row.actor)
            && !actors.contains_key(actor)
        {
            return Err(not_found("actor", actor));
        }
        match self.keys.get(&row.key()) {
            Some(number) if Some(*number) != own => {
                Err(Failure::new(409, "conflict", "the definition is already assigned to this actor"))
            }
            _ => Ok(()),
        }
    }

    fn place(&mut self, number: u64, row: Row) {
        self.next = self.next.max(number + 1);
        self.ids.insert((row.project.clone(), row.id.clone()), number);
        self.keys.insert(row.key(), number);
        self.by_project.entry(row.project.clone()).or_default().insert(number);
        self.rows.insert(number, row);
    }

    fn remove(&mut self, number: u64) {
        if let Some(row) = self.rows.remove(&number) {
            self.keys.remove(&row.key());
            if let Some(numbers) = self.by_project.get_mut(&row.project) {
                numbers.remove(&number);
            }
            self.ids.remove(&(row.project, row.id));
        }
    }

    fn number_of(&self, project: &str, id: &str) -> Result<u64, Failure> {
        let number = self.ids.get(&(project.to_owned(), id.to_owned()));
        number.copied().ok_or_else(|| not_found("assignment", id))
    }

    fn free_id(&self, project: &str, number: u64) -> String {
        let mut id = format!("sec_{number:06}");
        while self.ids.contains_key(&(project.to_owned(), id.clone())) {
            id.push('a');
        }
        id
    }

    fn definition(&self, project: &str, id: &str) -> Option<&SemaphorDefinition> {
        self.projects.get(project)?.definitions.as_ref()?.get(id)
    }

    fn nested<'a>(&'a self, row: &'a Row) -> Nested<'a> {
        let definition = self.definition(&row.project, &row.definition_id);
        let actors = self.projects.get(&row.project).and_then(|project| project.actors(row.scope_type));
        let actor = |scope_type| {
            let id = row.actor_if(scope_type)?;
            let listed = actors.and_then(|actors| actors.get(id));
            Some(NamedActor {
                id,
                name: listed.and_then(|actor| actor.name.as_deref()).unwrap_or(id),
                email: listed.and_then(|actor| actor.email.as_deref()),
            })
        };
        Nested {
            assignment: row.shown(),
            definition: NamedDefinition {
                id: &row.definition_id,
                projectId: &row.project,
                name: definition.and_then(|definition| definition.name.as_deref()).unwrap_or(&row.definition_id),
            },
            connection: definition.and_then(|definition| definition.connection.as_ref()),
            orgUser: actor(ScopeType::OrgUser),
            tenant: actor(ScopeType::Tenant),
            tenantUser: actor(ScopeType::TenantUser),
        }
    }

    /// The project that a path means, and the assignment in it.
    fn route<'s>(&self, segments: &[&'s str]) -> Result<(&'s str, Option<&'s str>), Failure> {
        let (project, id) = match segments {
            ["api", "management", "v1", "projects", project, "unified-security", "assignments"] => (*project, None),
            ["api", "management", "v1", "projects", project, "unified-security", "assignments", id] => {
                (*project, Some(*id))
            }
            _ => return Err(Failure::no_route()),
        };
        if self.catalogue.projects.is_some() && !self.projects.contains_key(project) {
            return Err(not_found("project", project));
        }
        Ok((project, id))
    }

    pub(super) fn seed(&mut self, seed: &SemaphorSeed, now: Instant, ops: &mut Vec<Op>) -> Result<(), String> {
        for project in seed.projects.iter().flatten() {
            self.seed_rows(&project.projectId, &project.assignments, now, ops)?;
        }
        for (project, assignments) in &seed.assignments {
            if seed.projects.is_some() {
                return Err(format!(
                    "semaphor.assignments: `{project}` belongs under semaphor.projects, since that list is given"
                ));
            }
            self.seed_rows(project, assignments, now, ops)?;
        }
        Ok(())
    }

    fn seed_rows(
        &mut self,
        project: &str,
        entries: &[SemaphorAssignment],
        now: Instant,
        ops: &mut Vec<Op>,
    ) -> Result<(), String> {
        for (index, entry) in entries.iter().enumerate() {
            let told = |why: Failure| format!("semaphor {project}, assignments[{index}]: {}", why.message);
            let row = self.seeded_row(project, entry.clone(), now).map_err(told)?;
            self.check(&row, None).map_err(told)?;
            if self.ids.contains_key(&(row.project.clone(), row.id.clone())) {
                return Err(format!("semaphor {project}, assignments[{index}]: the id {} occurs twice", row.id));
            }
            let number = self.next;
            ops.push(put(number, &row));
            self.place(number, row);
        }
        Ok(())
    }

    fn seeded_row(&self, project: &str, entry: SemaphorAssignment, now: Instant) -> Result<Row, Failure> {
        let actors = [
            (ScopeType::Tenant, entry.tenantId),
            (ScopeType::TenantUser, entry.tenantUserId),
            (ScopeType::OrgUser, entry.orgUserId),
        ];
        let created_at = entry.createdAt.unwrap_or(now);
        let mut params = entry.params;
        if let Some(params) = &mut params {
            self.mask(project, &entry.definitionId, params);
        }
        Ok(Row {
            project: project.to_owned(),
            id: entry.id.unwrap_or_else(|| self.free_id(project, self.next)),
            definition_id: entry.definitionId,
            scope_type: entry.scopeType,
            actor: one_actor(entry.scopeType, actors)?,
            params,
            created_at,
            updated_at: entry.updatedAt.unwrap_or(created_at),
        })
    }

    pub(super) fn restore(&mut self, number: u64, row: &[u8]) -> Result<(), serde_json::Error> {
        let row = serde_json::from_slice(row)?;
        self.place(number, row);
        Ok(())
    }

    /// The state as a seed; rows sorted by definition and actor.
    pub(super) fn dump(&self) -> SemaphorSeed {
        let mut seed = self.catalogue.clone();
        for (project, numbers) in &self.by_project {
            let mut rows: Vec<&Row> = numbers.iter().map(|number| &self.rows[number]).collect();
            rows.sort_by(|a, b| {
                (&a.definition_id, a.scope_type, &a.actor).cmp(&(&b.definition_id, b.scope_type, &b.actor))
            });
            let assignments: Vec<SemaphorAssignment> = rows.into_iter().map(Row::dump).collect();
            match seed.projects.iter_mut().flatten().find(|entry| entry.projectId == *project) {
                Some(entry) => entry.assignments = assignments,
                None if assignments.is_empty() => {}
                None => drop(seed.assignments.insert(project.clone(), assignments)),
            }
        }
        seed
    }
}

impl Project {
    fn new(seed: &SemaphorProject) -> Self {
        let actors = |entries: &Option<Vec<SemaphorActor>>| -> Option<HashMap<String, SemaphorActor>> {
            Some(entries.as_ref()?.iter().map(|actor| (actor.id.clone(), actor.clone())).collect())
        };
        let definitions = seed.definitions.as_ref();
        Self {
            envelope: seed.envelope,
            definitions: definitions.map(|all| all.iter().map(|entry| (entry.id.clone(), entry.clone())).collect()),
            tenants: actors(&seed.tenants),
            tenant_users: actors(&seed.tenant_users),
            org_users: actors(&seed.org_users),
        }
    }

    fn actors(&self, scope_type: ScopeType) -> Option<&HashMap<String, SemaphorActor>> {
        match scope_type {
            ScopeType::AllTenants => None,
            ScopeType::Tenant => self.tenants.as_ref(),
            ScopeType::TenantUser => self.tenant_users.as_ref(),
            ScopeType::OrgUser => self.org_users.as_ref(),
        }
    }
}

/// The project that a path means, which a project token has to match.
pub(super) fn project_of<'a>(segments: &[&'a str]) -> Option<&'a str> {
    match segments {
        ["api", "management", "v1", "projects", project, ..] => Some(project),
        _ => None,
    }
}

fn put(number: u64, row: &Row) -> Op {
    // Texts, dates and JSON maps always serialize.
    Op::Put { api: "semaphor", number, row: serde_json::to_vec(row).unwrap_or_default() }
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(400, "validation_error", message)
}

fn not_found(what: &str, id: &str) -> Failure {
    Failure::new(404, "not_found", format!("there is no {what} {id}"))
}
