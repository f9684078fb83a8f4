//! One Canopy environment: what exists in it, its rows, and the single routes that write.
//!
//! Knows the rules of one row (apis/canopy.md: Update, Create, Remove); paging is `list`, bulk routes are `bulk`.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    super::{
        seed::{CanopyAssignment, CanopyEnvironment, CanopyIdentity, CanopyNode, CanopyRole, OmittedDates},
        time::Instant,
        wire::{Answer, Failure, Reply, Request},
    },
    Context,
    list::Views,
    no_content,
};

/// A role held by an identity at a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Row {
    pub id: String,
    pub identity_id: String,
    pub node_id: String,
    pub role_id: String,
    pub effective_from: Instant,
    pub effective_to: Option<Instant>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// What makes an assignment itself; dates are attributes (apis/canopy.md: Create).
type Key = (String, String, String);

impl Row {
    fn key(&self) -> Key {
        (self.identity_id.clone(), self.node_id.clone(), self.role_id.clone())
    }

    /// The object as create and update show it: the node is called `application_node_id` here.
    pub(super) fn shown(&self) -> Shown<'_> {
        Shown {
            id: &self.id,
            identity_id: &self.identity_id,
            application_node_id: &self.node_id,
            role_id: &self.role_id,
            effective_from: self.effective_from,
            effective_to: self.effective_to,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Shown<'a> {
    id: &'a str,
    identity_id: &'a str,
    application_node_id: &'a str,
    role_id: &'a str,
    effective_from: Instant,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_to: Option<Instant>,
    created_at: Instant,
    updated_at: Instant,
}

/// The body of a create.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateBody {
    pub identity_id: String,
    pub node_id: String,
    pub role_id: String,
    #[serde(default)]
    pub effective_from: Option<Instant>,
    #[serde(default)]
    pub effective_to: Option<Instant>,
}

/// The body of a PATCH. The outer option is whether the field was sent, the inner one whether it is null.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchBody {
    role_id: String,
    #[serde(default, deserialize_with = "sent")]
    effective_from: Option<Option<Instant>>,
    #[serde(default, deserialize_with = "sent")]
    effective_to: Option<Option<Instant>>,
}

fn sent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Instant>>, D::Error> {
    Option::<Instant>::deserialize(deserializer).map(Some)
}

/// One environment.
#[derive(Clone)]
pub(super) struct Environment {
    /// The seed without its rows.
    pub(super) catalogue: CanopyEnvironment,
    pub(super) identities: HashMap<String, CanopyIdentity>,
    pub(super) nodes: HashMap<String, CanopyNode>,
    /// The nodes directly below a node, in the seed's order.
    pub(super) children: HashMap<String, Vec<String>>,
    pub(super) roles: HashMap<String, CanopyRole>,
    pub(super) rows: BTreeMap<u64, Row>,
    ids: HashMap<String, u64>,
    keys: HashMap<Key, u64>,
    /// Sorted listings, kept until a row changes.
    pub(super) views: Views,
}

impl Environment {
    pub(super) fn new(seed: &CanopyEnvironment) -> Self {
        let mut children: HashMap<String, Vec<String>> = HashMap::new();
        for node in seed.nodes.iter().flatten() {
            if let Some(parent) = &node.parent {
                children.entry(parent.clone()).or_default().push(node.id.clone());
            }
        }
        Self {
            identities: seed.identities.iter().flatten().map(|entry| (entry.id.clone(), entry.clone())).collect(),
            nodes: seed.nodes.iter().flatten().map(|entry| (entry.id.clone(), entry.clone())).collect(),
            roles: seed.roles.iter().flatten().map(|entry| (entry.id.clone(), entry.clone())).collect(),
            children,
            catalogue: CanopyEnvironment { assignments: Vec::new(), api_key: None, ..seed.clone() },
            rows: BTreeMap::new(),
            ids: HashMap::new(),
            keys: HashMap::new(),
            views: Views::default(),
        }
    }

    pub(super) fn create(&mut self, request: &Request, context: &mut Context<'_>) -> Answer {
        let body: CreateBody = request.json()?;
        let number = self.insert(&body, context)?;
        Ok(Reply::json(201, &self.rows[&number].shown()))
    }

    /// Creates a row, or says why not. Nothing changes on a failure.
    pub(super) fn insert(&mut self, body: &CreateBody, context: &mut Context<'_>) -> Result<u64, Failure> {
        self.check(body, context.now)?;
        let number = context.number();
        let row = Row {
            id: self.free_id(number),
            identity_id: body.identity_id.clone(),
            node_id: body.node_id.clone(),
            role_id: body.role_id.clone(),
            effective_from: body.effective_from.unwrap_or(context.now),
            effective_to: body.effective_to,
            created_at: context.now,
            updated_at: context.now,
        };
        context.keep(number, &row);
        self.place(number, row);
        Ok(number)
    }

    /// Why a row cannot be created, if so.
    pub(super) fn check(&self, body: &CreateBody, now: Instant) -> Result<(), Failure> {
        if self.catalogue.identities.is_some() && !self.identities.contains_key(&body.identity_id) {
            return Err(not_found("identity", &body.identity_id));
        }
        if self.catalogue.nodes.is_some() && !self.nodes.contains_key(&body.node_id) {
            return Err(not_found("node", &body.node_id));
        }
        self.check_role(&body.role_id)?;
        check_window(body.effective_from.unwrap_or(now), body.effective_to)?;
        let key = (body.identity_id.clone(), body.node_id.clone(), body.role_id.clone());
        self.check_free(&key, None)
    }

    /// Whether a role exists and can be assigned.
    pub(super) fn check_role(&self, role_id: &str) -> Result<(), Failure> {
        match self.roles.get(role_id) {
            Some(role) if role.system => {
                Err(Failure::new(400, "rbac.system_role", "system roles cannot be assigned to identities"))
            }
            None if self.catalogue.roles.is_some() => Err(not_found("role", role_id)),
            _ => Ok(()),
        }
    }

    pub(super) fn check_free(&self, key: &Key, own: Option<u64>) -> Result<(), Failure> {
        match self.keys.get(key) {
            Some(number) if Some(*number) != own => {
                let message = format!("identity {} already has role {} at node {}", key.0, key.2, key.1);
                Err(Failure::new(409, "rbac.assignment_conflict", message))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn patch(&mut self, id: &str, request: &Request, context: &mut Context<'_>) -> Answer {
        let number = self.number_of(id)?;
        let body: PatchBody = request.json()?;
        let old = &self.rows[&number];
        let resets = self.catalogue.patch_omitted_dates == OmittedDates::Reset;
        // A cleared start is the moment of creation, which is what a create without it gives (Dates and lifecycle).
        let from = body.effective_from.map(|date| date.unwrap_or(old.created_at));
        let from = from.unwrap_or(if resets { old.created_at } else { old.effective_from });
        let to = body.effective_to.unwrap_or(if resets { None } else { old.effective_to });
        let row = Row {
            role_id: body.role_id,
            effective_from: from,
            effective_to: to,
            updated_at: context.now,
            ..old.clone()
        };
        self.check_role(&row.role_id)?;
        check_window(row.effective_from, row.effective_to)?;
        self.check_free(&row.key(), Some(number))?;
        context.keep(number, &row);
        let answer = Reply::json(200, &row.shown());
        self.place(number, row);
        Ok(answer)
    }

    pub(super) fn delete(&mut self, id: &str, context: &mut Context<'_>) -> Answer {
        let number = self.number_of(id)?;
        self.remove(number, context);
        no_content()
    }

    pub(super) fn remove(&mut self, number: u64, context: &mut Context<'_>) {
        if let Some(row) = self.rows.remove(&number) {
            self.ids.remove(&row.id);
            self.keys.remove(&row.key());
            self.views.forget();
            context.forget(number);
        }
    }

    pub(super) fn number_of(&self, id: &str) -> Result<u64, Failure> {
        self.ids.get(id).copied().ok_or_else(|| not_found("assignment", id))
    }

    /// Puts a row at its number, in place of what is there.
    pub(super) fn place(&mut self, number: u64, row: Row) {
        if let Some(old) = self.rows.get(&number) {
            self.keys.remove(&old.key());
        }
        self.ids.insert(row.id.clone(), number);
        self.keys.insert(row.key(), number);
        self.rows.insert(number, row);
        self.views.forget();
    }

    /// `asg_000001`, or with a suffix where a seed already took that id.
    fn free_id(&self, number: u64) -> String {
        let mut id = format!("asg_{number:06}");
        while self.ids.contains_key(&id) {
            id.push('a');
        }
        id
    }

    pub(super) fn seed(&mut self, entry: &CanopyAssignment, context: &mut Context<'_>) -> Result<(), Failure> {
        let effective_from = entry.effective_from.or(entry.created_at).unwrap_or_else(|| start(entry, context.now));
        let created_at = entry.created_at.unwrap_or(effective_from.min(context.now));
        let body = CreateBody {
            identity_id: entry.identity_id.clone(),
            node_id: entry.node_id.clone(),
            role_id: entry.role_id.clone(),
            effective_from: Some(effective_from),
            effective_to: entry.effective_to,
        };
        self.check(&body, context.now)?;
        let number = context.number();
        let id = entry.id.clone().unwrap_or_else(|| self.free_id(number));
        if self.ids.contains_key(&id) {
            return Err(Failure::bad_request(format!("the id {id} occurs twice")));
        }
        let row = Row {
            id,
            identity_id: body.identity_id,
            node_id: body.node_id,
            role_id: body.role_id,
            effective_from,
            effective_to: entry.effective_to,
            created_at,
            updated_at: entry.updated_at.unwrap_or(created_at),
        };
        context.keep(number, &row);
        self.place(number, row);
        Ok(())
    }

    /// The environment as a seed; rows sorted by identity, node and role.
    pub(super) fn dump(&self) -> CanopyEnvironment {
        let mut rows: Vec<&Row> = self.rows.values().collect();
        rows.sort_by(|a, b| (&a.identity_id, &a.node_id, &a.role_id).cmp(&(&b.identity_id, &b.node_id, &b.role_id)));
        let assignment = |row: &Row| CanopyAssignment {
            id: Some(row.id.clone()),
            identity_id: row.identity_id.clone(),
            node_id: row.node_id.clone(),
            role_id: row.role_id.clone(),
            effective_from: Some(row.effective_from),
            effective_to: row.effective_to,
            created_at: Some(row.created_at),
            updated_at: Some(row.updated_at),
        };
        CanopyEnvironment { assignments: rows.into_iter().map(assignment).collect(), ..self.catalogue.clone() }
    }
}

/// The start of a seeded row that names none: now, or a month before an end that has passed.
fn start(entry: &CanopyAssignment, now: Instant) -> Instant {
    match entry.effective_to {
        Some(to) if to <= now => to.minus_days(30),
        _ => now,
    }
}

fn check_window(from: Instant, to: Option<Instant>) -> Result<(), Failure> {
    match to {
        Some(to) if to <= from => {
            let message = format!("effective_to {to} must be after effective_from {from}");
            Err(Failure::new(400, "rbac.invalid_window", message))
        }
        _ => Ok(()),
    }
}

pub(super) fn not_found(what: &str, id: &str) -> Failure {
    Failure::new(404, "rbac.not_found", format!("there is no {what} {id}"))
}
