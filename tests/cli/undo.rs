//! `apply --undo-out`: planned after the apply, the file is exactly the inverse of it; applied, it restores what was live before.

use std::path::Path;

use serde_json::Value;

use super::Place;
use crate::support;

struct Case {
    live: &'static str,
    /// Provider and own fields of the target.
    target: &'static str,
    /// Sets, each a flow mapping.
    sets: &'static [&'static str],
    /// Creates, updates and removals of the apply.
    applied: [u64; 3],
}

fn place(case: &Case) -> Place {
    let place = Place { server: support::sandbox::seeded(case.live), dir: tempfile::tempdir().unwrap() };
    place.write("repo/assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    let (url, target) = (place.server.url(), case.target);
    let mut text = format!(
        "{{ apiVersion: assignctl/v1, kind: Target, metadata: {{ name: t }}, spec: {{ {target}, endpoint: '{url}', auth: {{ bearer: {{ env: TOKEN }} }}, limits: {{ retry_budget: 50ms }} }} }}\n"
    );
    for (number, set) in case.sets.iter().enumerate() {
        text.push_str(&format!(
            "---\n{{ apiVersion: assignctl/v1, metadata: {{ name: set-{number} }}, {} }}\n",
            set.replace("SOON", &support::soon())
        ));
    }
    place.write("repo/all.yaml", &text);
    place
}

fn run(place: &Place, args: &[&str]) -> support::Run {
    support::run(place.command(args).env("KEY", "declared-value"))
}

fn counts(plan: &Value) -> [u64; 3] {
    ["create", "update", "remove"].map(|name| plan["counts"][name].as_u64().unwrap())
}

/// The changes of a plan as `action key`, with the old key of a role change; and, turned around, as their inverse.
fn changes(plan: &Value, inverse: bool) -> Vec<String> {
    let sets = plan["targets"].as_array().unwrap().iter().flat_map(|target| target["sets"].as_array().unwrap());
    let mut all: Vec<String> = sets
        .flat_map(|set| set["changes"].as_array().unwrap())
        .map(|change| {
            let (key, from) = (&change["key"], change.get("from_key").unwrap_or(&change["key"]));
            match (change["action"].as_str().unwrap(), inverse) {
                ("create", true) => format!("remove {key} {key}"),
                ("remove", true) => format!("create {key} {key}"),
                (action, true) => format!("{action} {from} {key}"),
                (action, false) => format!("{action} {key} {from}"),
            }
        })
        .collect();
    all.sort();
    all
}

/// What a person would compare: everything that is live, without what the systems make anew.
fn live(place: &Place) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                let archived = |item: &Value| item["status"] == "archived";
                map.retain(|name, _| {
                    !matches!(
                        name.as_str(),
                        "id" | "assignment_id"
                            | "created_at"
                            | "updated_at"
                            | "createdAt"
                            | "updatedAt"
                            | "request_log"
                    )
                });
                map.values_mut().for_each(|value| {
                    if let Value::Array(items) = value {
                        items.retain(|item| !archived(item));
                    }
                    strip(value);
                });
            }
            Value::Array(items) => {
                items.iter_mut().for_each(strip);
                items.sort_by_key(ToString::to_string);
            }
            _ => {}
        }
    }
    let mut dump = place.server.dump().unwrap();
    // The catalog remembers every assembly that it has seen; what is assigned is what counts.
    dump["partium"] = dump["partium"]["assignments"].take();
    strip(&mut dump);
    dump
}

fn there_and_back(case: &Case) -> String {
    let place = place(case);
    let before = live(&place);
    let planned = run(&place, &["plan", "repo", "--format", "json"]);
    assert_eq!(counts(&planned.json()), case.applied, "{}", planned.text());
    let applied = run(&place, &["apply", "repo", "--auto-approve", "--undo-out", "undo.yaml"]);
    assert_eq!(applied.code, 0, "{}", applied.text());
    let text = std::fs::read_to_string(place.path().join("undo.yaml")).unwrap();
    let back = run(&place, &["plan", "--complete", "undo.yaml", "--format", "json"]);
    assert_eq!(back.code, 0, "{}\n{text}", back.text());
    assert_eq!(changes(&back.json(), false), changes(&planned.json(), true), "{text}");
    let undone = run(&place, &["apply", "--complete", "undo.yaml", "--auto-approve"]);
    assert_eq!(undone.code, 0, "{}\n{text}", undone.text());
    assert_eq!(live(&place), before, "{text}");
    text
}

#[test]
fn partium() {
    there_and_back(&Case {
        live: "partium: { assignments: [{ ass_ids: [a, b, c], org_ids: [at, de, ch] }] }",
        target: "provider: partium",
        sets: &[
            "kind: PartiumAssignments, spec: { target: t, mode: authoritative, scope: { org_ids: [at] }, assignments: [{ ass_ids: [a, b, e], org_id: at }] }",
            "kind: PartiumAssignments, spec: { target: t, mode: additive, assignments: [{ ass_id: f, org_id: de }] }",
        ],
        applied: [2, 0, 1],
    });
}

#[test]
fn canopy() {
    there_and_back(&Case {
        live: "canopy: { environments: [{ account: a, application: b, environment: c, identities: [{ id: i }, { id: j }, { id: k }, { id: l }], nodes: [{ id: n }, { id: m }], roles: [{ id: r }, { id: s }], assignments: [
            { id: a1, identity_id: i, node_id: n, role_id: r, effective_from: 2025-01-01T00:00:00Z, effective_to: 2099-01-01T00:00:00Z },
            { id: a2, identity_id: j, node_id: n, role_id: r, effective_from: 2025-01-01T00:00:00Z },
            { id: a3, identity_id: k, node_id: n, role_id: r, effective_from: 2025-01-01T00:00:00Z, effective_to: 2098-01-01T00:00:00Z },
            { id: a4, identity_id: l, node_id: n, role_id: r, effective_from: 2025-01-01T00:00:00Z },
            { id: a5, identity_id: l, node_id: m, role_id: r, effective_from: 2025-01-01T00:00:00Z },
            { id: a6, identity_id: l, node_id: n, role_id: s, effective_from: 2020-01-01T00:00:00Z, effective_to: 2021-01-01T00:00:00Z } ] }] }",
        target: "provider: canopy, account: a, application: b, environment: c",
        // A role change that clears an end, a new end, a removal, a create; one neighbour stays, one has expired.
        sets: &["kind: CanopyAssignments, spec: { target: t, mode: authoritative, scope: { node_ids: [n] }, assignments: [
            { identity_id: i, node_id: n, role_id: s },
            { identity_id: j, node_id: n, role_id: r, effective_to: 2097-01-01T00:00:00Z },
            { identity_id: j, node_id: n, role_id: s },
            { identity_id: l, node_id: n, role_id: r } ] }"],
        applied: [1, 2, 1],
    });
}

#[test]
fn streamline() {
    there_and_back(&Case {
        live: "streamline: { clients: [{ client_id: c, domains: [{ domain_id: d, services: [
            { service_id: s, assignments: [
              { assignment_id: r1, assignment_key: k, model_id: m, model_version: '1.10', role: primary, settings: { days: 7 } },
              { assignment_id: r2, assignment_key: old, model_id: m, model_version: '2', metadata: { owner: a } },
              { assignment_id: r3, assignment_key: same, model_id: m, model_version: '3' } ] },
            { service_id: t, assignments: [{ assignment_id: r4, assignment_key: k, model_id: m, model_version: '1' }] } ] }] }] }",
        target: "provider: streamline, client_id: c",
        sets: &["kind: StreamlineAssignments, spec: { target: t, domain_id: d, service_ids: [s, t], mode: authoritative, assignments: [
            { assignment_key: k, model_id: m, model_version: '2.0', settings: null },
            { assignment_key: same, model_id: m, model_version: '3' } ] }"],
        applied: [1, 2, 1],
    });
}

#[test]
fn semaphor() {
    let text = there_and_back(&Case {
        live: "semaphor: { projects: [{ projectId: p, definitions: [{ id: d, name: D, connection: { id: c1, name: W, type: postgres }, secret_params: [key] }, { id: e, name: E }], tenants: [{ id: t, name: T }, { id: u, name: U }], org_users: [{ id: o, name: O, email: o@x.example }], assignments: [
            { id: a1, definitionId: d, scopeType: TENANT, tenantId: t, params: { region: eu, key: declared-value } },
            { id: a2, definitionId: e, scopeType: ORG_USER, orgUserId: o, params: { list: [a, b] } },
            { id: a3, definitionId: e, scopeType: TENANT, tenantId: t } ] }] }",
        target: "provider: semaphor, project_id: p",
        sets: &["kind: SemaphorAssignments, spec: { target: t, mode: authoritative, scope: { definitionIds: [d, e] }, assignments: [
            { definitionId: d, scopeType: TENANT, tenantId: t, params: { region: us }, secret_params: { key: { env: KEY } } },
            { definitionId: e, scopeType: TENANT, tenantId: t },
            { definitionId: e, scopeType: ALL_TENANTS } ] }"],
        applied: [1, 1, 1],
    });
    assert!(!text.contains("declared-value") && text.contains("{ env: KEY }"), "{text}");
}

/// The target lives in the embedded sandbox, whose state lies beside the manifests; the way back lies elsewhere.
#[test]
fn the_command_that_is_printed_takes_an_apply_to_the_embedded_sandbox_back() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("my repo");
    support::copy(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/quickstart")), &root);
    let run = |args: &[&str]| support::run(support::program(dir.path()).args(args));
    // The first plan makes the state from the seed.
    assert_eq!(run(&["plan", "my repo"]).code, 0);
    let before = imported(&root);
    assert!(before.contains("idn_david") && before.contains("legacy-ensemble"), "{before}");
    let applied = run(&["apply", "my repo", "--auto-approve", "--undo-out", "way back.yaml"]);
    assert_eq!(applied.code, 0, "{}", applied.text());
    assert_ne!(imported(&root), before);
    let command = applied.stderr.split_once("and asks: ").unwrap().1.lines().next().unwrap();
    assert!(std::fs::read_to_string(dir.path().join("way back.yaml")).unwrap().contains(command), "it begins with it");
    let program = Path::new(env!("CARGO_BIN_EXE_assignctl")).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", program.display());
    let mut shell = std::process::Command::new("/bin/sh");
    // Whoever runs it at a terminal says yes instead.
    shell.env_clear().env("PATH", path).env("ASSIGNCTL_AUTO_APPROVE", "true").current_dir(dir.path());
    let undone = support::run(shell.args(["-c", command]));
    assert_eq!(undone.code, 0, "{command}\n{}", undone.text());
    assert_eq!(imported(&root), before, "{}", undone.text());
}

/// All that is live in the embedded sandbox of a repository, as manifests, seen from beside it: an import leaves out what is declared.
fn imported(root: &Path) -> String {
    let beside = tempfile::tempdir().unwrap();
    for file in ["assignctl.yaml", "targets.yaml"] {
        std::fs::copy(root.join(file), beside.path().join(file)).unwrap();
    }
    let state = root.join(".assignctl/sandbox.db");
    let import = |target: &str, args: &[&str]| {
        let mut command = support::program(beside.path());
        command.args(["import", "--target", target, "--sandbox-state"]).arg(&state).args(args);
        let run = support::run(&mut command);
        assert_eq!(run.code, 0, "{}", run.text());
        run.stdout
    };
    let pie = import("pie-prod", &["--domain", "south_australia", "--service", "spot-pricing"]);
    ["analytics-prod", "crm-prod", "parts-prod"].map(|target| import(target, &[])).concat() + &pie
}

#[test]
fn a_sandbox_state_that_is_not_there_is_a_mistake() {
    let dir = tempfile::tempdir().unwrap();
    support::copy(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/quickstart")), dir.path());
    let run = support::run(support::program(dir.path()).args(["plan", "--sandbox-state", "elsewhere.db"]));
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stderr.contains("elsewhere.db: there is no such file"), "{}", run.text());
    assert!(!dir.path().join("elsewhere.db").exists());
}

#[test]
fn a_secret_that_cannot_be_read_back_is_marked() {
    let place = place(&Case {
        live: "semaphor: { projects: [{ projectId: p, definitions: [{ id: d, name: D, connection: { id: c1, name: W, type: postgres }, secret_params: [key] }], tenants: [{ id: t, name: T }], assignments: [{ id: a1, definitionId: d, scopeType: TENANT, tenantId: t, params: { region: eu, key: live-canary } }] }] }",
        target: "provider: semaphor, project_id: p",
        sets: &[
            "kind: SemaphorAssignments, spec: { target: t, mode: authoritative, scope: { definitionIds: [d] }, expect: { removes: 1, until: SOON }, assignments: [] }",
        ],
        applied: [0, 0, 1],
    });
    let run = run(&place, &["apply", "repo", "--auto-approve", "--undo-out", "undo.yaml"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let text = std::fs::read_to_string(place.path().join("undo.yaml")).unwrap();
    assert!(text.contains("# Values that could not be read back: key."), "{text}");
    assert!(!text.contains("live-canary") && !text.contains("***"), "{text}");
}

/// Sent again, or sent along with a new key: the reference that is declared stands for the new value.
#[test]
fn a_secret_that_was_sent_over_the_old_one_is_marked() {
    let case = |secrets: &'static [&'static str]| Case {
        live: "semaphor: { projects: [{ projectId: p, definitions: [{ id: d, name: D, connection: { id: c1, name: W, type: postgres }, secret_params: [key, new] }], tenants: [{ id: t, name: T }], assignments: [{ id: a1, definitionId: d, scopeType: TENANT, tenantId: t, params: { region: eu, key: live-canary } }] }] }",
        target: "provider: semaphor, project_id: p",
        sets: secrets,
        applied: [0, 1, 0],
    };
    let again = case(&[
        "kind: SemaphorAssignments, spec: { target: t, mode: additive, assignments: [{ definitionId: d, scopeType: TENANT, tenantId: t, params: { region: eu }, secret_params: { key: { env: KEY } } }] }",
    ]);
    let added = case(&[
        "kind: SemaphorAssignments, spec: { target: t, mode: additive, assignments: [{ definitionId: d, scopeType: TENANT, tenantId: t, params: { region: eu }, secret_params: { key: { env: KEY }, new: { env: KEY } } }] }",
    ]);
    for (case, args, updates) in [(again, &["--rotate"][..], 0), (added, &[], 1)] {
        let place = place(&case);
        let apply = ["apply", "repo", "--auto-approve", "--undo-out", "undo.yaml"];
        let applied = run(&place, &[&apply[..], args].concat());
        assert_eq!(applied.code, 0, "{}", applied.text());
        let text = std::fs::read_to_string(place.path().join("undo.yaml")).unwrap();
        assert!(text.contains("# Values that could not be read back: key."), "{text}");
        assert!(!text.contains("live-canary") && !text.contains("new:"), "{text}");
        let back = run(&place, &["plan", "--complete", "undo.yaml", "--format", "json"]);
        assert_eq!((back.code, counts(&back.json())), (0, [0, updates, 0]), "{}\n{text}", back.text());
        assert!(!back.text().contains("expect-unused"), "{}\n{text}", back.text());
    }
}

#[test]
fn what_is_left_to_a_person_is_not_expected() {
    let place = place(&Case {
        live: "canopy: { environments: [{ account: a, application: b, environment: c, identities: [{ id: i }, { id: j }, { id: k }], nodes: [{ id: n }], roles: [{ id: r }, { id: s }], assignments: [
            { id: a1, identity_id: i, node_id: n, role_id: r, effective_from: 2025-01-01T00:00:00Z, effective_to: 2098-01-01T00:00:00Z },
            { id: a2, identity_id: k, node_id: n, role_id: r, effective_from: 2025-01-01T00:00:00Z } ] }] }",
        target: "provider: canopy, account: a, application: b, environment: c",
        sets: &[
            "kind: CanopyAssignments, spec: { target: t, mode: additive, assignments: [{ identity_id: i, node_id: n, role_id: r, effective_to: 2099-01-01T00:00:00Z }, { identity_id: j, node_id: n, role_id: r }] }",
            "kind: CanopyAssignments, spec: { target: t, mode: additive, assignments: [{ identity_id: k, node_id: n, role_id: r }] }",
        ],
        applied: [1, 1, 0],
    });
    let applied = run(&place, &["apply", "repo", "--auto-approve", "--undo-out", "undo.yaml"]);
    assert_eq!(applied.code, 0, "{}", applied.text());
    let text = std::fs::read_to_string(place.path().join("undo.yaml")).unwrap();
    assert!(text.contains("remove by hand identity_id: j, node_id: n, role_id: r"), "{text}");
    let back = run(&place, &["plan", "--complete", "undo.yaml", "--format", "json"]);
    assert_eq!((back.code, counts(&back.json())), (0, [0, 1, 0]), "{}\n{text}", back.text());
    assert!(!back.text().contains("expect-unused"), "{}\n{text}", back.text());
}

#[test]
fn what_no_scope_of_ours_holds_alone_is_left_to_a_person() {
    let place = place(&Case {
        live: "partium: { assignments: [{ ass_id: a, org_id: at }] }",
        target: "provider: partium",
        // Both sets declare in the same box: taking one's create back could take the other's along.
        sets: &[
            "kind: PartiumAssignments, spec: { target: t, mode: additive, assignments: [{ ass_id: x, org_id: at }, { ass_id: y, org_id: de }] }",
            "kind: PartiumAssignments, spec: { target: t, mode: additive, assignments: [{ ass_id: x, org_id: de }] }",
        ],
        applied: [3, 0, 0],
    });
    let applied = run(&place, &["apply", "repo", "--auto-approve", "--undo-out", "undo.yaml"]);
    assert_eq!(applied.code, 0, "{}", applied.text());
    let text = std::fs::read_to_string(place.path().join("undo.yaml")).unwrap();
    assert!(text.contains("remove by hand ass_id: y, org_id: de"), "{text}");
}

#[test]
fn it_is_there_before_the_first_write_and_never_among_the_manifests() {
    let case = Case {
        live: "partium: { assignments: [{ ass_ids: [a, b], org_ids: [at] }] }",
        target: "provider: partium",
        sets: &[
            "kind: PartiumAssignments, spec: { target: t, mode: authoritative, scope: { org_ids: [at] }, assignments: [{ ass_ids: [a, e], org_id: at }] }",
        ],
        applied: [1, 0, 1],
    };
    let place = place(&case);
    let inside = run(&place, &["apply", "repo", "--auto-approve", "--undo-out", "repo/undo.yaml"]);
    assert_eq!((inside.code, place.live()), (1, vec!["a at".to_owned(), "b at".to_owned()]), "{}", inside.text());
    place.fault("POST /1/catalog/assignments/organizations=400:*");
    place.fault("DELETE /1/catalog/assignments/organizations=400:*");
    let failed = run(&place, &["apply", "repo", "--auto-approve", "--undo-out", "undo.yaml"]);
    assert_eq!(failed.code, 5, "{}", failed.text());
    let back = run(&place, &["plan", "--complete", "undo.yaml", "--detailed-exitcode"]);
    assert_eq!(back.code, 0, "nothing was applied, so nothing is to be taken back: {}", back.text());
}
