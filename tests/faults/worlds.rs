//! Small worlds that together travel every route: what is live, what is declared. Each needs a create, an update and a removal where the
//! system has them, beside rows that must not be touched.

/// A live state with manifests. In the manifests, `{{sandbox}}` is the server's address and `{{limits}}` more limits.
pub struct World {
    pub name: &'static str,
    pub seed: &'static str,
    pub manifests: &'static str,
}

pub const STREAMLINE: World = World {
    name: "streamline",
    seed: r#"
streamline:
  clients:
    - client_id: client-1
      domains:
        - domain_id: sa
          assignments:
            - { assignment_key: default, model_id: forecast, model_version: 1.0.0, role: primary }
          services:
            - service_id: s1
              assignments:
                - { assignment_key: change, model_id: forecast, model_version: 1.0.0, role: primary, settings: { days: 7 } }
                - { assignment_key: keep, model_id: forecast, model_version: 1.0.0 }
                - { assignment_key: retire, model_id: forecast, model_version: 1.0.0 }
            - service_id: foreign
              assignments:
                - { assignment_key: change, model_id: forecast, model_version: 1.0.0 }
"#,
    manifests: r#"
apiVersion: assignctl/v1
kind: Target
metadata: { name: pie }
spec: { provider: streamline, endpoint: "{{sandbox}}", client_id: client-1, auth: { bearer: { env: TOKEN } }, limits: { {{limits}} } }
---
apiVersion: assignctl/v1
kind: StreamlineAssignments
metadata: { name: domain }
spec:
  target: pie
  domain_id: sa
  mode: additive
  assignments:
    - { assignment_key: default, model_id: forecast, model_version: 2.0.0 }
---
apiVersion: assignctl/v1
kind: StreamlineAssignments
metadata: { name: service }
spec:
  target: pie
  domain_id: sa
  service_id: s1
  mode: authoritative
  assignments:
    - { assignment_key: add, model_id: forecast, model_version: 1.0.0 }
    - { assignment_key: change, model_id: forecast, model_version: 2.0.0 }
    - { assignment_key: keep, model_id: forecast, model_version: 1.0.0 }
"#,
};

/// Without a collection, with a keyed PUT for domains, signed in by client credentials.
pub const STREAMLINE_KEYED: World = World {
    name: "streamline by key",
    seed: r#"
auth:
  bearer: []
  streamline_clients:
    - { client_id: app, client_secret: a-secret-of-these-tests, scopes: [streamline/admin] }
streamline:
  keyed_domain_put: true
  list: not-found
  clients:
    - client_id: client-1
      domains:
        - domain_id: sa
          assignments:
            - { assignment_key: default, model_id: forecast, model_version: 1.0.0 }
          services:
            - service_id: s1
              assignments:
                - { assignment_key: change, model_id: forecast, model_version: 1.0.0 }
"#,
    manifests: r#"
apiVersion: assignctl/v1
kind: Target
metadata: { name: pie }
spec:
  provider: streamline
  endpoint: "{{sandbox}}"
  client_id: client-1
  auth: { client_credentials: { token_url: "{{sandbox}}/oauth2/token", client_id: { env: CLIENT }, client_secret: { env: SECRET }, scopes: [streamline/admin] } }
  keyed_domain_put: true
  read: keyed
  limits: { {{limits}} }
---
apiVersion: assignctl/v1
kind: StreamlineAssignments
metadata: { name: domain }
spec:
  target: pie
  domain_id: sa
  mode: additive
  assignments:
    - { assignment_key: default, model_id: forecast, model_version: 2.0.0 }
---
apiVersion: assignctl/v1
kind: StreamlineAssignments
metadata: { name: service }
spec:
  target: pie
  domain_id: sa
  service_id: s1
  mode: additive
  assignments:
    - { assignment_key: change, model_id: forecast, model_version: 2.0.0 }
"#,
};

pub const PARTIUM: World = World {
    name: "partium",
    seed: r#"
partium:
  assignments:
    - { ass_ids: [a, b, c], org_ids: [at] }
    - { ass_ids: [a], org_ids: [de] }
    - { ass_ids: [b, c], org_ids: [foreign] }
"#,
    manifests: r#"
apiVersion: assignctl/v1
kind: Target
metadata: { name: parts }
spec: { provider: partium, endpoint: "{{sandbox}}", auth: { bearer: { env: TOKEN } }, limits: { page_size: 2, batch_size: 2, {{limits}} } }
---
apiVersion: assignctl/v1
kind: PartiumAssignments
metadata: { name: dealers }
spec:
  target: parts
  mode: authoritative
  scope: { org_ids: [at, de] }
  assignments:
    - { ass_ids: [a, d, e, f], org_id: at }
    - { ass_ids: [a, d], org_id: de }
"#,
};

pub const SEMAPHOR: World = World {
    name: "semaphor",
    seed: r#"
semaphor:
  projects:
    - projectId: p_1
      definitions: [{ id: usd, name: Tenant isolation, secret_params: [key] }, { id: foreign, name: Other }]
      assignments:
        - { definitionId: usd, scopeType: TENANT, tenantId: change, params: { region: eu } }
        - { definitionId: usd, scopeType: TENANT, tenantId: keep, params: { region: eu } }
        - { definitionId: usd, scopeType: TENANT, tenantId: remove, params: { region: eu } }
        - { definitionId: foreign, scopeType: TENANT, tenantId: remove }
"#,
    manifests: r#"
apiVersion: assignctl/v1
kind: Target
metadata: { name: analytics }
spec: { provider: semaphor, endpoint: "{{sandbox}}", project_id: p_1, auth: { bearer: { env: TOKEN } }, limits: { {{limits}} } }
---
apiVersion: assignctl/v1
kind: SemaphorAssignments
metadata: { name: isolation }
spec:
  target: analytics
  mode: authoritative
  scope: { definitionIds: [usd] }
  assignments:
    - { definitionId: usd, scopeType: TENANT, tenantId: add, params: { region: us } }
    - { definitionId: usd, scopeType: TENANT, tenantId: change, params: { region: us } }
    - { definitionId: usd, scopeType: TENANT, tenantId: keep, params: { region: eu } }
"#,
};

/// Signed in by a project secret.
pub const SEMAPHOR_TOKEN: World = World {
    name: "semaphor by project secret",
    seed: r#"
auth:
  bearer: []
  project_secrets: [{ projectId: p_1, projectSecret: a-secret-of-these-tests, expires_in: 1800 }]
semaphor:
  projects:
    - projectId: p_1
      definitions: [{ id: usd, name: Tenant isolation }]
      assignments:
        - { definitionId: usd, scopeType: TENANT, tenantId: change, params: { region: eu } }
        - { definitionId: usd, scopeType: TENANT, tenantId: remove, params: { region: eu } }
"#,
    manifests: r#"
apiVersion: assignctl/v1
kind: Target
metadata: { name: analytics }
spec: { provider: semaphor, endpoint: "{{sandbox}}", project_id: p_1, auth: { project_secret: { env: SECRET } }, limits: { {{limits}} } }
---
apiVersion: assignctl/v1
kind: SemaphorAssignments
metadata: { name: isolation }
spec:
  target: analytics
  mode: authoritative
  scope: { definitionIds: [usd] }
  assignments:
    - { definitionId: usd, scopeType: TENANT, tenantId: add, params: { region: us } }
    - { definitionId: usd, scopeType: TENANT, tenantId: change, params: { region: us } }
"#,
};

pub const CANOPY: World = World {
    name: "canopy",
    seed: r#"
canopy:
  environments:
    - account: acme
      application: crm
      environment: prod
      assignments:
        - { identity_id: anna, node_id: emea, role_id: agent, effective_from: 2025-01-01T08:00:00Z }
        - { identity_id: ben, node_id: emea, role_id: agent, effective_from: 2025-01-01T08:00:00Z }
        - { identity_id: carla, node_id: emea, role_id: agent, effective_from: 2025-01-01T08:00:00Z, effective_to: 2098-01-01T00:00:00Z }
        - { identity_id: dan, node_id: emea, role_id: agent, effective_from: 2025-01-01T08:00:00Z }
        - { identity_id: eve, node_id: emea, role_id: agent, effective_from: 2025-01-01T08:00:00Z }
        - { id: keep1, identity_id: keep, node_id: emea, role_id: owner, effective_from: 2025-01-01T08:00:00Z }
        - { identity_id: foreign, node_id: apac, role_id: agent, effective_from: 2025-01-01T08:00:00Z }
"#,
    manifests: r#"
apiVersion: assignctl/v1
kind: Target
metadata: { name: crm }
spec: { provider: canopy, endpoint: "{{sandbox}}", account: acme, application: crm, environment: prod, auth: { bearer: { env: TOKEN } }, limits: { page_size: 5, {{limits}} } }
---
apiVersion: assignctl/v1
kind: CanopyAssignments
metadata: { name: support }
spec:
  target: crm
  mode: authoritative
  scope: { node_ids: [emea] }
  assignments:
    - { identity_ids: [anna, ben], node_id: emea, role_id: lead }
    - { identity_id: carla, node_id: emea, role_id: agent, effective_to: 2099-01-01T00:00:00Z }
    - { identity_ids: [fay, gil], node_id: emea, role_id: agent }
    - { identity_id: keep, node_id: emea, role_id: owner }
"#,
};

/// The other surface and the single routes.
pub const CANOPY_SINGLE: World = World {
    name: "canopy by single routes",
    seed: CANOPY.seed,
    manifests: r#"
apiVersion: assignctl/v1
kind: Target
metadata: { name: crm }
spec: { provider: canopy, endpoint: "{{sandbox}}", surface: api, auth: { api_key: { env: API_KEY } }, limits: { batch_size: 1, {{limits}} } }
---
apiVersion: assignctl/v1
kind: CanopyAssignments
metadata: { name: support }
spec:
  target: crm
  mode: authoritative
  scope: { node_ids: [emea] }
  assignments:
    - { identity_ids: [anna], node_id: emea, role_id: lead }
    - { identity_ids: [ben], node_id: emea, role_id: agent }
    - { identity_id: carla, node_id: emea, role_id: agent, effective_to: 2099-01-01T00:00:00Z }
    - { identity_ids: [eve, fay], node_id: emea, role_id: agent }
    - { identity_id: keep, node_id: emea, role_id: owner }
"#,
};

/// Where `null` clears no date: a removal and a create, between which nobody has access.
pub const CANOPY_RECREATE: World = World {
    name: "canopy by re-creation",
    seed: CANOPY.seed,
    manifests: r#"
apiVersion: assignctl/v1
kind: Target
metadata: { name: crm }
spec: { provider: canopy, endpoint: "{{sandbox}}", account: acme, application: crm, environment: prod, clear_dates: recreate, auth: { bearer: { env: TOKEN } }, limits: { {{limits}} } }
---
apiVersion: assignctl/v1
kind: CanopyAssignments
metadata: { name: support }
spec:
  target: crm
  mode: additive
  scope: { node_ids: [emea] }
  assignments:
    - { identity_id: carla, node_id: emea, role_id: agent, effective_to: null }
"#,
};
