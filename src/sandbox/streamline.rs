//! Streamline PIE: model versions that services and domains run under keys (apis/streamline.md).
//!
//! Every write makes a revision; the one before stays as history. Knows no HTTP beyond a request and its answer.

use std::collections::{BTreeMap, HashMap};

use axum::http::Method;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::{
    seed::{
        JsonMap, StreamlineAssignment, StreamlineClient, StreamlineDomain, StreamlineList, StreamlineSeed,
        StreamlineService, StreamlineStatus, StreamlineUnlisted,
    },
    store::Op,
    wire::{Answer, Failure, Object, Reply, Request},
};

/// Client, domain and service, or the domain itself.
type Scope = (String, String, Option<String>);

/// Streamline's state.
#[derive(Clone)]
pub(super) struct Streamline {
    /// The seed without its rows.
    catalogue: StreamlineSeed,
    revisions: BTreeMap<u64, Revision>,
    /// The revisions of each key, oldest first.
    scopes: BTreeMap<Scope, BTreeMap<String, Vec<u64>>>,
    ids: HashMap<String, u64>,
    pub(super) next: u64,
}

/// One revision, as the file keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Revision {
    scope: Scope,
    assignment: Shown,
}

/// An assignment as the API shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Shown {
    assignment_id: String,
    assignment_key: String,
    model_id: String,
    model_version: String,
    status: StreamlineStatus,
    role: Option<String>,
    settings: JsonMap,
    metadata: JsonMap,
}

/// The body of a keyed PUT. What is left out loses its live value.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PutBody {
    model_id: String,
    model_version: String,
    #[serde(default)]
    status: StreamlineStatus,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    settings: JsonMap,
    #[serde(default)]
    metadata: JsonMap,
    /// Belongs in the body of collection POST routes only; named here so that the refusal can say so.
    #[serde(default, deserialize_with = "sent")]
    assignment_key: bool,
}

fn sent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// The body of a domain's collection POST.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostBody {
    assignment_key: String,
    model_id: String,
    model_version: String,
    #[serde(default)]
    status: StreamlineStatus,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    settings: JsonMap,
    #[serde(default)]
    metadata: JsonMap,
    #[serde(default)]
    service_updates: Vec<Object<ServiceUpdate>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceUpdate {
    service_id: String,
    static_features: JsonMap,
}

/// What a path means.
enum Place {
    Collection(Scope),
    Keyed(Scope, String),
}

impl Streamline {
    pub(super) fn new(seed: &StreamlineSeed) -> Self {
        let mut catalogue = StreamlineSeed { assignments: Vec::new(), ..seed.clone() };
        for domain in catalogue.clients.iter_mut().flatten().flat_map(|client| client.domains.iter_mut().flatten()) {
            domain.assignments.clear();
            domain.services.iter_mut().flatten().for_each(|service| service.assignments.clear());
        }
        Self { catalogue, revisions: BTreeMap::new(), scopes: BTreeMap::new(), ids: HashMap::new(), next: 1 }
    }

    pub(super) fn is_read(request: &Request) -> bool {
        request.method == Method::GET
    }

    pub(super) fn read(&self, request: &Request) -> Answer {
        match place(&request.segments())? {
            Place::Collection(scope) => {
                self.check_scope(&scope)?;
                self.list(&scope)
            }
            Place::Keyed(scope, key) => {
                self.check_scope(&scope)?;
                let active = self.active(&scope, &key).ok_or_else(|| not_found(&format!("assignment {key}")))?;
                Ok(Reply::json(200, &self.revisions[&active].assignment))
            }
        }
    }

    pub(super) fn write(&mut self, request: &Request, ops: &mut Vec<Op>) -> Answer {
        match (place(&request.segments())?, &request.method) {
            (Place::Keyed(scope, key), &Method::PUT) if scope.2.is_some() || self.catalogue.keyed_domain_put => {
                self.put(&scope, key, request, ops)
            }
            (Place::Collection(scope), &Method::POST) if scope.2.is_none() => self.post(&scope, request, ops),
            _ => Err(Failure::wrong_method()),
        }
    }

    fn list(&self, scope: &Scope) -> Answer {
        let revisions = self.scopes.get(scope).into_iter().flat_map(|keys| keys.values().flatten());
        let shown = revisions.map(|number| &self.revisions[number].assignment);
        let rows: Vec<&Shown> =
            shown.filter(|row| self.catalogue.include_archived || row.status == StreamlineStatus::Active).collect();
        match self.catalogue.list {
            StreamlineList::Bare => Ok(Reply::json(200, &rows)),
            StreamlineList::Assignments => Ok(Reply::json(200, &json!({ "assignments": rows }))),
            StreamlineList::Items => Ok(Reply::json(200, &json!({ "items": rows }))),
            StreamlineList::Data => Ok(Reply::json(200, &json!({ "data": rows }))),
            StreamlineList::NotFound => Err(Failure::no_route()),
        }
    }

    fn put(&mut self, scope: &Scope, key: String, request: &Request, ops: &mut Vec<Op>) -> Answer {
        self.check_scope(scope)?;
        let body: PutBody = request.json()?;
        if body.assignment_key {
            return Err(Failure::bad_request("assignment_key is omitted on keyed routes"));
        }
        self.check_write(scope, &body.model_id, &body.model_version)?;
        let assignment = Shown {
            assignment_id: String::new(),
            assignment_key: key,
            model_id: body.model_id,
            model_version: body.model_version,
            status: body.status,
            role: body.role,
            settings: body.settings,
            metadata: body.metadata,
        };
        if let Some(service) = self.service(scope)
            && assignment.status == StreamlineStatus::Active
            && service.incompatible_models.contains(&assignment.model_id)
        {
            return Err(unfit(format!("the model does not fit the features of service {}", service.service_id)));
        }
        Ok(self.revise(scope, assignment, ops))
    }

    fn post(&mut self, scope: &Scope, request: &Request, ops: &mut Vec<Op>) -> Answer {
        self.check_scope(scope)?;
        let body: PostBody = request.json()?;
        if body.assignment_key.is_empty() {
            return Err(Failure::bad_request("assignment_key must not be empty"));
        }
        self.check_write(scope, &body.model_id, &body.model_version)?;
        self.check_services(scope, &body)?;
        let assignment = Shown {
            assignment_id: String::new(),
            assignment_key: body.assignment_key,
            model_id: body.model_id,
            model_version: body.model_version,
            status: body.status,
            role: body.role,
            settings: body.settings,
            metadata: body.metadata,
        };
        Ok(self.revise(scope, assignment, ops))
    }

    /// A domain's assignment has to fit all services, save those whose features the request patches. The patches cannot be read
    /// back (apis/streamline.md: Domain scope), so they are checked and not kept.
    fn check_services(&self, scope: &Scope, body: &PostBody) -> Result<(), Failure> {
        let listed = self.domain(scope).and_then(|domain| domain.services.as_deref());
        for Object(update) in &body.service_updates {
            if listed.is_some_and(|services| services.iter().all(|service| service.service_id != update.service_id)) {
                return Err(not_found(&format!("service {}", update.service_id)));
            }
        }
        let patched = |id: &str| {
            body.service_updates
                .iter()
                .any(|Object(update)| update.service_id == id && !update.static_features.is_empty())
        };
        let blocks = |service: &&StreamlineService| {
            service.incompatible_models.contains(&body.model_id) && !patched(&service.service_id)
        };
        let blocking: Vec<Value> = listed
            .unwrap_or_default()
            .iter()
            .filter(blocks)
            .map(|service| json!({ "service_id": service.service_id, "reason": "feature contract mismatch" }))
            .collect();
        if blocking.is_empty() || body.status == StreamlineStatus::Archived {
            return Ok(());
        }
        Err(unfit("the model does not fit the features of some services").with("blocking_services", blocking.into()))
    }

    /// Archives the active revision of a key and adds a new one. 201 where the key had none.
    fn revise(&mut self, scope: &Scope, mut assignment: Shown, ops: &mut Vec<Op>) -> Reply {
        let before = self.active(scope, &assignment.assignment_key);
        if let Some(number) = before
            && let Some(revision) = self.revisions.get_mut(&number)
        {
            revision.assignment.status = StreamlineStatus::Archived;
            ops.push(put(number, revision));
        }
        let number = self.next;
        assignment.assignment_id = self.free_id(number);
        let reply = Reply::json(if before.is_some() { 200 } else { 201 }, &assignment);
        let revision = Revision { scope: scope.clone(), assignment };
        ops.push(put(number, &revision));
        self.place(number, revision);
        reply
    }

    fn place(&mut self, number: u64, revision: Revision) {
        self.next = self.next.max(number + 1);
        self.ids.insert(revision.assignment.assignment_id.clone(), number);
        let keys = self.scopes.entry(revision.scope.clone()).or_default();
        keys.entry(revision.assignment.assignment_key.clone()).or_default().push(number);
        self.revisions.insert(number, revision);
    }

    fn active(&self, scope: &Scope, key: &str) -> Option<u64> {
        let revisions = self.scopes.get(scope)?.get(key)?;
        let is_active = |number: &&u64| self.revisions[number].assignment.status == StreamlineStatus::Active;
        revisions.iter().rev().find(is_active).copied()
    }

    fn free_id(&self, number: u64) -> String {
        let mut id = format!("rev_{number:06}");
        while self.ids.contains_key(&id) {
            id.push('a');
        }
        id
    }

    /// Whether the client, the domain and the service exist.
    fn check_scope(&self, scope: &Scope) -> Result<(), Failure> {
        let Some(clients) = &self.catalogue.clients else { return Ok(()) };
        let client = clients.iter().find(|client| client.client_id == scope.0);
        let client = client.ok_or_else(|| not_found(&format!("client {}", scope.0)))?;
        let Some(domains) = &client.domains else { return Ok(()) };
        let domain = domains.iter().find(|domain| domain.domain_id == scope.1);
        let domain = domain.ok_or_else(|| not_found(&format!("domain {}", scope.1)))?;
        match (&domain.services, &scope.2) {
            (Some(services), Some(id)) if services.iter().all(|service| service.service_id != *id) => {
                Err(not_found(&format!("service {id}")))
            }
            _ => Ok(()),
        }
    }

    /// The 422s: an inactive domain, a model or version that the client has not got.
    fn check_write(&self, scope: &Scope, model_id: &str, version: &str) -> Result<(), Failure> {
        if model_id.is_empty() || version.is_empty() {
            return Err(Failure::bad_request("model_id and model_version must not be empty"));
        }
        if self.domain(scope).is_some_and(|domain| !domain.active) {
            return Err(unfit("the domain is not active"));
        }
        let Some(models) = self.client(scope).and_then(|client| client.models.as_ref()) else { return Ok(()) };
        let model = models.iter().find(|model| model.model_id == model_id);
        let model = model.ok_or_else(|| unfit(format!("the client has no model {model_id}")))?;
        match &model.versions {
            Some(versions) if versions.iter().all(|known| known != version) => {
                Err(unfit(format!("model {model_id} has no version {version}")))
            }
            _ => Ok(()),
        }
    }

    fn client(&self, scope: &Scope) -> Option<&StreamlineClient> {
        self.catalogue.clients.iter().flatten().find(|client| client.client_id == scope.0)
    }

    fn domain(&self, scope: &Scope) -> Option<&StreamlineDomain> {
        self.client(scope)?.domains.iter().flatten().find(|domain| domain.domain_id == scope.1)
    }

    fn service(&self, scope: &Scope) -> Option<&StreamlineService> {
        let id = scope.2.as_ref()?;
        self.domain(scope)?.services.iter().flatten().find(|service| service.service_id == *id)
    }

    pub(super) fn seed(&mut self, seed: &StreamlineSeed, ops: &mut Vec<Op>) -> Result<(), String> {
        for (client, domain) in seed
            .clients
            .iter()
            .flatten()
            .flat_map(|client| client.domains.iter().flatten().map(move |domain| (client, domain)))
        {
            let scope = (client.client_id.clone(), domain.domain_id.clone(), None);
            self.seed_scope(&scope, &domain.assignments, ops)?;
            for service in domain.services.iter().flatten() {
                let scope = (client.client_id.clone(), domain.domain_id.clone(), Some(service.service_id.clone()));
                self.seed_scope(&scope, &service.assignments, ops)?;
            }
        }
        for entry in &seed.assignments {
            let scope = (entry.client_id.clone(), entry.domain_id.clone(), entry.service_id.clone());
            self.check_scope(&scope).map_err(|why| format!("streamline.assignments: {}", why.message))?;
            self.seed_scope(&scope, &entry.assignments, ops)?;
        }
        Ok(())
    }

    fn seed_scope(&mut self, scope: &Scope, entries: &[StreamlineAssignment], ops: &mut Vec<Op>) -> Result<(), String> {
        let place = format!("streamline {}/{}/{}", scope.0, scope.1, scope.2.as_deref().unwrap_or("(domain)"));
        for entry in entries {
            let key = &entry.assignment_key;
            if entry.status == StreamlineStatus::Active && self.active(scope, key).is_some() {
                return Err(format!("{place}: the key {key} has two active revisions"));
            }
            let number = self.next;
            let assignment_id = entry.assignment_id.clone().unwrap_or_else(|| self.free_id(number));
            if self.ids.contains_key(&assignment_id) {
                return Err(format!("{place}: the assignment_id {assignment_id} occurs twice"));
            }
            let entry = entry.clone();
            let assignment = Shown {
                assignment_id,
                assignment_key: entry.assignment_key,
                model_id: entry.model_id,
                model_version: entry.model_version,
                status: entry.status,
                role: entry.role,
                settings: entry.settings,
                metadata: entry.metadata,
            };
            let revision = Revision { scope: scope.clone(), assignment };
            ops.push(put(number, &revision));
            self.place(number, revision);
        }
        Ok(())
    }

    pub(super) fn restore(&mut self, number: u64, row: &[u8]) -> Result<(), serde_json::Error> {
        let revision = serde_json::from_slice(row)?;
        self.place(number, revision);
        Ok(())
    }

    /// The state as a seed: revisions by key, oldest first.
    pub(super) fn dump(&self) -> StreamlineSeed {
        let mut seed = self.catalogue.clone();
        for (scope, keys) in &self.scopes {
            let assignments = keys.values().flatten().map(|number| self.revisions[number].assignment.dump()).collect();
            match place_in_seed(&mut seed, scope) {
                Some(place) => *place = assignments,
                None => seed.assignments.push(StreamlineUnlisted {
                    client_id: scope.0.clone(),
                    domain_id: scope.1.clone(),
                    service_id: scope.2.clone(),
                    assignments,
                }),
            }
        }
        seed
    }
}

fn place_in_seed<'a>(seed: &'a mut StreamlineSeed, scope: &Scope) -> Option<&'a mut Vec<StreamlineAssignment>> {
    let client = seed.clients.as_mut()?.iter_mut().find(|client| client.client_id == scope.0)?;
    let domain = client.domains.as_mut()?.iter_mut().find(|domain| domain.domain_id == scope.1)?;
    match &scope.2 {
        None => Some(&mut domain.assignments),
        Some(id) => {
            let service = domain.services.as_mut()?.iter_mut().find(|service| service.service_id == *id)?;
            Some(&mut service.assignments)
        }
    }
}

impl Shown {
    fn dump(&self) -> StreamlineAssignment {
        let shown = self.clone();
        StreamlineAssignment {
            assignment_id: Some(shown.assignment_id),
            assignment_key: shown.assignment_key,
            model_id: shown.model_id,
            model_version: shown.model_version,
            status: shown.status,
            role: shown.role,
            settings: shown.settings,
            metadata: shown.metadata,
        }
    }
}

fn put(number: u64, revision: &Revision) -> Op {
    // Texts and JSON maps always serialize.
    Op::Put { api: "streamline", number, row: serde_json::to_vec(revision).unwrap_or_default() }
}

/// `service` is singular in the path (apis/streamline.md: Upsert by key).
fn place(segments: &[&str]) -> Result<Place, Failure> {
    let owned = |text: &&str| (*text).to_owned();
    match segments {
        ["v2", "clients", client, "domains", domain, "service", service, "assignments"] => {
            Ok(Place::Collection((owned(client), owned(domain), Some(owned(service)))))
        }
        ["v2", "clients", client, "domains", domain, "service", service, "assignments", key] => {
            Ok(Place::Keyed((owned(client), owned(domain), Some(owned(service))), owned(key)))
        }
        ["v2", "clients", client, "domains", domain, "assignments"] => {
            Ok(Place::Collection((owned(client), owned(domain), None)))
        }
        ["v2", "clients", client, "domains", domain, "assignments", key] => {
            Ok(Place::Keyed((owned(client), owned(domain), None), owned(key)))
        }
        _ => Err(Failure::no_route()),
    }
}

/// The client that a path means, which a token has to match (apis/streamline.md: Token).
pub(super) fn client_of<'a>(segments: &[&'a str]) -> Option<&'a str> {
    match segments {
        ["v2", "clients", client, ..] => Some(client),
        _ => None,
    }
}

fn not_found(what: &str) -> Failure {
    Failure::new(404, "not_found", format!("there is no {what}"))
}

fn unfit(message: impl Into<String>) -> Failure {
    Failure::new(422, "unprocessable", message)
}
