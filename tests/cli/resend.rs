//! The table of ambiguous answers, held against what the program does: each route's first answer is lost after the request was
//! carried out, and between it and the next write of that route there is a reading wherever the table asks for one.

use assignctl::provider::resend::{Doubt, rules};

use super::Place;
use crate::support;

/// What is live, what is declared, and the writes of a route: (provider, route of the table, seed, spec of the target, set, method, end of path).
struct Case {
    provider: &'static str,
    route: &'static str,
    live: &'static str,
    target: &'static str,
    set: &'static str,
    method: &'static str,
    fault: &'static str,
}

const CANOPY: &str = "canopy: { environments: [{ account: a, application: b, environment: c, identities: [{ id: i }, { id: j }], nodes: [{ id: n }], roles: [{ id: r }, { id: s }], assignments: [{ id: a1, identity_id: i, node_id: n, role_id: r, effective_from: 2025-01-01T00:00:00Z }, { id: a2, identity_id: j, node_id: n, role_id: r, effective_from: 2025-01-01T00:00:00Z }] }] }";
const CANOPY_TARGET: &str = "account: a, application: b, environment: c";
const SEMAPHOR: &str = "semaphor: { projects: [{ projectId: p, definitions: [{ id: d, name: D }], tenants: [{ id: t, name: T }, { id: u, name: U }], assignments: [{ id: a1, definitionId: d, scopeType: TENANT, tenantId: t, params: { x: y } }] }] }";
const STREAMLINE: &str = "streamline: { clients: [{ client_id: c, domains: [{ domain_id: d, services: [{ service_id: s, assignments: [{ assignment_id: r1, assignment_key: k, model_id: m, model_version: '1' }] }] }] }] }";
const PARTIUM: &str = "partium: { assignments: [{ ass_ids: [a, b], org_ids: [o] }] }";

const CASES: &[Case] = &[
    Case {
        provider: "partium",
        route: "POST /1/catalog/assignments/organizations",
        live: PARTIUM,
        target: "",
        set: "kind: PartiumAssignments, spec: { target: t, mode: authoritative, scope: { org_ids: [o] }, assignments: [{ ass_ids: [a, b, c], org_id: o }] }",
        method: "POST",
        fault: "POST /1/catalog/assignments/organizations",
    },
    Case {
        provider: "partium",
        route: "DELETE /1/catalog/assignments/organizations",
        live: PARTIUM,
        target: "",
        set: "kind: PartiumAssignments, spec: { target: t, mode: authoritative, scope: { org_ids: [o] }, assignments: [{ ass_id: a, org_id: o }] }",
        method: "DELETE",
        fault: "DELETE /1/catalog/assignments/organizations",
    },
    Case {
        provider: "semaphor",
        route: "POST …/unified-security/assignments",
        live: SEMAPHOR,
        target: "project_id: p",
        set: "kind: SemaphorAssignments, spec: { target: t, mode: additive, assignments: [{ definitionId: d, scopeType: TENANT, tenantId: u }] }",
        method: "POST",
        fault: "POST /api/management/**",
    },
    Case {
        provider: "semaphor",
        route: "PATCH …/unified-security/assignments/{assignmentId}",
        live: SEMAPHOR,
        target: "project_id: p",
        set: "kind: SemaphorAssignments, spec: { target: t, mode: additive, assignments: [{ definitionId: d, scopeType: TENANT, tenantId: t, params: { x: z } }] }",
        method: "PATCH",
        fault: "PATCH /api/management/**",
    },
    Case {
        provider: "streamline",
        route: "PUT …/domains/{domain_id}/service/{service_id}/assignments/{assignment_key}",
        live: STREAMLINE,
        target: "client_id: c",
        set: "kind: StreamlineAssignments, spec: { target: t, domain_id: d, service_id: s, mode: additive, assignments: [{ assignment_key: k, model_id: m, model_version: '2' }] }",
        method: "PUT",
        fault: "PUT /v2/**",
    },
    Case {
        provider: "canopy",
        route: "POST …/assignments/bulk-create",
        live: CANOPY,
        target: CANOPY_TARGET,
        set: "kind: CanopyAssignments, spec: { target: t, mode: additive, assignments: [{ identity_ids: [i, j], node_id: n, role_id: s }] }",
        method: "POST",
        fault: "POST /portal/**",
    },
    Case {
        provider: "canopy",
        route: "POST …/assignments/bulk-change-role",
        live: CANOPY,
        target: CANOPY_TARGET,
        set: "kind: CanopyAssignments, spec: { target: t, mode: authoritative, scope: { node_ids: [n] }, assignments: [{ identity_ids: [i, j], node_id: n, role_id: s }] }",
        method: "POST",
        fault: "POST /portal/**",
    },
    Case {
        provider: "canopy",
        route: "PATCH …/assignments/{id}",
        live: CANOPY,
        target: CANOPY_TARGET,
        set: "kind: CanopyAssignments, spec: { target: t, mode: additive, assignments: [{ identity_id: i, node_id: n, role_id: r, effective_to: 2099-01-01T00:00:00Z }] }",
        method: "PATCH",
        fault: "PATCH /portal/**",
    },
    Case {
        provider: "canopy",
        route: "POST …/assignments/bulk-remove",
        live: CANOPY,
        target: CANOPY_TARGET,
        set: "kind: CanopyAssignments, spec: { target: t, mode: authoritative, scope: { node_ids: [n] }, assignments: [{ identity_id: i, node_id: n, role_id: r }] }",
        method: "POST",
        fault: "POST /portal/**",
    },
];

/// A place whose only set is the case's; every write of the route is carried out and its answer lost.
fn place(case: &Case, fault: &str) -> Place {
    let place = Place { server: support::sandbox::seeded(case.live), dir: tempfile::tempdir().unwrap() };
    place.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    let url = place.server.url();
    let sep = if case.target.is_empty() { "" } else { ", " };
    let (provider, more) = (case.provider, case.target);
    place.write(
        "all.yaml",
        &format!(
            "{{ apiVersion: assignctl/v1, kind: Target, metadata: {{ name: t }}, spec: {{ provider: {provider}, endpoint: '{url}', auth: {{ bearer: {{ env: TOKEN }} }}, limits: {{ retry_budget: 20s, settle_timeout: 2s }}{sep}{more} }} }}\n---\n{{ apiVersion: assignctl/v1, metadata: {{ name: set }}, {} }}\n",
            case.set
        ),
    );
    place.fault(&format!("{}={fault}", case.fault));
    place
}

#[test]
fn a_lost_answer_is_followed_by_what_the_table_says() {
    for case in CASES {
        let (_, rule) =
            rules().find(|(provider, rule)| (*provider, rule.route) == (case.provider, case.route)).unwrap();
        let place = place(case, "drop-after:1");
        let run = place.run(&["apply", "--auto-approve"]);
        assert_eq!(run.code, 0, "{}: {}", case.route, run.text());
        // The requests from the first write on, each as whether it is a write of the route.
        let requests = place.server.requests();
        let is_write =
            |path: &str, method: &str| method == case.method && !path.ends_with("/list") && !path.ends_with("/token");
        let kinds: Vec<bool> = requests.iter().map(|request| is_write(&request.path, &request.method)).collect();
        let first = kinds.iter().position(|write| *write).unwrap();
        let next = kinds.get(first + 1).copied();
        let expected = rule.doubt == Doubt::Resend;
        assert_eq!(next, Some(expected), "{} {}: {requests:#?}", case.provider, case.route);
        let writes = kinds.iter().filter(|write| **write).count();
        assert_eq!(writes, if expected { 2 } else { 1 }, "it had happened: {} {}", case.provider, case.route);
    }
}

#[test]
fn what_did_not_happen_is_sent_once_more_in_the_end() {
    for case in CASES {
        let place = place(case, "drop-before:1");
        let run = place.run(&["apply", "--auto-approve"]);
        assert_eq!(run.code, 0, "{}: {}", case.route, run.text());
        let again = place.run(&["plan", "--detailed-exitcode"]);
        assert_eq!(again.code, 0, "{}: {}", case.route, again.text());
    }
}
