//! Semaphor's rows and bodies: what the file keeps, what a request may say, what an answer shows, and the rule for actors.
//!
//! Knows nothing of the state.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{
    super::{
        seed::{JsonMap, ScopeType, SemaphorAssignment, SemaphorConnection},
        time::Instant,
        wire::Failure,
    },
    MASK, invalid,
};

/// One assignment, as the file keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) project: String,
    pub(super) id: String,
    pub(super) definition_id: String,
    pub(super) scope_type: ScopeType,
    pub(super) actor: Option<String>,
    pub(super) params: Option<JsonMap>,
    pub(super) created_at: Instant,
    pub(super) updated_at: Instant,
}

/// Project, definition, kind of actor and actor: `params` are not part of the identity (apis/semaphor.md: Create).
pub(super) type Key = (String, String, ScopeType, Option<String>);

impl Row {
    pub(super) fn key(&self) -> Key {
        (self.project.clone(), self.definition_id.clone(), self.scope_type, self.actor.clone())
    }

    pub(super) fn actor_if(&self, scope_type: ScopeType) -> Option<&str> {
        self.actor.as_deref().filter(|_| self.scope_type == scope_type)
    }

    pub(super) fn shown(&self) -> Shown<'_> {
        Shown {
            id: &self.id,
            definitionId: &self.definition_id,
            scopeType: self.scope_type,
            orgUserId: self.actor_if(ScopeType::OrgUser),
            tenantId: self.actor_if(ScopeType::Tenant),
            tenantUserId: self.actor_if(ScopeType::TenantUser),
            params: self.params.as_ref(),
            createdAt: self.created_at,
            updatedAt: self.updated_at,
        }
    }
}

#[derive(Serialize)]
#[allow(non_snake_case)] // the API's own names
pub(super) struct Shown<'a> {
    pub(super) id: &'a str,
    pub(super) definitionId: &'a str,
    pub(super) scopeType: ScopeType,
    pub(super) orgUserId: Option<&'a str>,
    pub(super) tenantId: Option<&'a str>,
    pub(super) tenantUserId: Option<&'a str>,
    pub(super) params: Option<&'a JsonMap>,
    pub(super) createdAt: Instant,
    pub(super) updatedAt: Instant,
}

/// A row of the list: the assignment, and the names beside its ids.
#[derive(Serialize)]
#[allow(non_snake_case)] // the API's own names
pub(super) struct Nested<'a> {
    pub(super) assignment: Shown<'a>,
    pub(super) definition: NamedDefinition<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connection: Option<&'a SemaphorConnection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) orgUser: Option<NamedActor<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tenant: Option<NamedActor<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tenantUser: Option<NamedActor<'a>>,
}

#[derive(Serialize)]
#[allow(non_snake_case)] // the API's own names
pub(super) struct NamedDefinition<'a> {
    pub(super) id: &'a str,
    pub(super) projectId: &'a str,
    pub(super) name: &'a str,
}

#[derive(Serialize)]
pub(super) struct NamedActor<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case)] // the API's own names
pub(super) struct CreateBody {
    pub(super) definitionId: String,
    pub(super) scopeType: ScopeType,
    #[serde(default)]
    pub(super) tenantId: Option<String>,
    #[serde(default)]
    pub(super) tenantUserId: Option<String>,
    #[serde(default)]
    pub(super) orgUserId: Option<String>,
    #[serde(default)]
    pub(super) params: Option<JsonMap>,
}

/// The body of a PATCH. The outer option is whether the field was sent, the inner one whether it is null.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case)] // the API's own names
pub(super) struct PatchBody {
    #[serde(default)]
    pub(super) scopeType: Option<ScopeType>,
    #[serde(default, deserialize_with = "sent")]
    pub(super) tenantId: Option<Option<String>>,
    #[serde(default, deserialize_with = "sent")]
    pub(super) tenantUserId: Option<Option<String>>,
    #[serde(default, deserialize_with = "sent")]
    pub(super) orgUserId: Option<Option<String>>,
    #[serde(default, deserialize_with = "sent")]
    pub(super) params: Option<Option<JsonMap>>,
}

pub(super) fn sent<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

impl Row {
    pub(super) fn dump(&self) -> SemaphorAssignment {
        let owned = |actor: Option<&str>| actor.map(str::to_owned);
        SemaphorAssignment {
            id: Some(self.id.clone()),
            definitionId: self.definition_id.clone(),
            scopeType: self.scope_type,
            tenantId: owned(self.actor_if(ScopeType::Tenant)),
            tenantUserId: owned(self.actor_if(ScopeType::TenantUser)),
            orgUserId: owned(self.actor_if(ScopeType::OrgUser)),
            params: self.params.clone(),
            createdAt: Some(self.created_at),
            updatedAt: Some(self.updated_at),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Listing<'a> {
    pub(super) assignments: Vec<Nested<'a>>,
}

#[derive(Serialize)]
pub(super) struct One<'a> {
    pub(super) assignment: Shown<'a>,
}

#[derive(Serialize)]
pub(super) struct OkEnvelope<'a, T> {
    pub(super) ok: bool,
    pub(super) data: &'a T,
}

#[derive(Serialize)]
pub(super) struct SuccessEnvelope<'a, T> {
    pub(super) success: bool,
    pub(super) data: &'a T,
}

/// The actor that a scope type requires; any other actor field is refused.
pub(super) fn one_actor(
    scope_type: ScopeType,
    fields: [(ScopeType, Option<String>); 3],
) -> Result<Option<String>, Failure> {
    let mut actor = None;
    for (kind, value) in fields {
        match value {
            None => {}
            Some(id) if id.is_empty() => return Err(invalid(format!("{} must not be empty", field_of(kind)))),
            Some(id) if kind == scope_type => actor = Some(id),
            Some(_) => {
                return Err(invalid(format!(
                    "{} does not belong to scopeType {}",
                    field_of(kind),
                    word_of(scope_type)
                )));
            }
        }
    }
    if actor.is_none() && scope_type != ScopeType::AllTenants {
        return Err(invalid(format!("scopeType {} needs {}", word_of(scope_type), field_of(scope_type))));
    }
    Ok(actor)
}

pub(super) fn field_of(scope_type: ScopeType) -> &'static str {
    match scope_type {
        ScopeType::AllTenants => "no actor",
        ScopeType::Tenant => "tenantId",
        ScopeType::TenantUser => "tenantUserId",
        ScopeType::OrgUser => "orgUserId",
    }
}

pub(super) fn word_of(scope_type: ScopeType) -> &'static str {
    match scope_type {
        ScopeType::AllTenants => "ALL_TENANTS",
        ScopeType::Tenant => "TENANT",
        ScopeType::TenantUser => "TENANT_USER",
        ScopeType::OrgUser => "ORG_USER",
    }
}

pub(super) fn holds_mask(value: &Value) -> bool {
    match value {
        Value::String(text) => text == MASK,
        Value::Array(values) => values.iter().any(holds_mask),
        Value::Object(fields) => fields.values().any(holds_mask),
        _ => false,
    }
}
