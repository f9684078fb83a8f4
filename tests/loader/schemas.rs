//! The schemas: checked in as generated, and saying of every manifest in the repository what the loader says.

use std::path::{Path, PathBuf};

use assignctl::manifest::schemas::{kinds, markdown, schema};
use assignctl::provider;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// `PartiumAssignments` is `partium-assignments.json`.
fn file(kind: &str) -> PathBuf {
    let mut name = String::new();
    for c in kind.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    Path::new(ROOT).join("schemas").join(name).with_extension("json")
}

/// UPDATE=1 writes them anew.
#[test]
fn the_schemas_are_as_generated() {
    for kind in kinds(&provider::kinds()) {
        let mut text = serde_json::to_string_pretty(&schema(&provider::kinds(), kind).unwrap()).unwrap();
        text.push('\n');
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(file(kind).parent().unwrap()).unwrap();
            std::fs::write(file(kind), &text).unwrap();
        }
        let checked_in = std::fs::read_to_string(file(kind)).unwrap_or_default();
        assert!(text == checked_in, "{} is not as generated: run the tests with UPDATE=1", file(kind).display());
    }
    assert!(schema(&provider::kinds(), "Nothing").is_none());
}

fn documents(text: &str) -> Vec<serde_json::Value> {
    // A second reader, so that the loader does not vouch for itself.
    let read: Result<Vec<serde_json::Value>, _> = serde_yaml::from_multiple(text);
    read.unwrap_or_default()
}

fn verdict(document: &serde_json::Value) -> Option<bool> {
    let schema = schema(&provider::kinds(), document["kind"].as_str()?)?;
    Some(jsonschema::validator_for(&schema).unwrap().is_valid(document))
}

fn yaml_files(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            yaml_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            into.push(path);
        }
    }
}

#[test]
fn every_example_is_valid_by_its_schema() {
    let mut files = Vec::new();
    yaml_files(&Path::new(ROOT).join("examples"), &mut files);
    for path in files {
        for document in documents(&std::fs::read_to_string(&path).unwrap()) {
            assert!(verdict(&document) != Some(false), "{}: {document}", path.display());
        }
    }
}

const GOOD: [&str; 7] = [
    "{apiVersion: assignctl/v1, kind: Root, spec: {ignore: ['*.x'], sandbox: {seed: s.yaml}}}",
    "{apiVersion: assignctl/v1, kind: Target, metadata: {name: t}, spec: {provider: canopy, surface: api, auth: {api_key: {env: A}}}}",
    "{apiVersion: assignctl/v1, kind: Target, metadata: {name: t, labels: {a: 1}}, spec: {provider: partium, endpoint: sandbox, limits: {timeout: 30s, concurrency: 8}}}",
    "{apiVersion: assignctl/v1, kind: StreamlineAssignments, metadata: {name: n}, spec: {target: t, mode: additive, domain_id: d, service_ids: [a], assignments: [{assignment_key: k, model_id: m, model_version: 2.10, role: null, settings: {a: 1}}]}}",
    "{apiVersion: assignctl/v1, kind: SemaphorAssignments, metadata: {name: n}, spec: {target: t, mode: authoritative, scope: all, assignments: [{definitionId: d, scopeType: TENANT, tenantIds: [a, b], secret_params: {k: {env: K}}}]}}",
    "{apiVersion: assignctl/v1, kind: CanopyAssignments, metadata: {name: n}, spec: {target: t, mode: authoritative, scope: {role_ids: [r]}, protect: [{role_id: r, min_holders: 2}], assignments: []}}",
    "{apiVersion: assignctl/v1, kind: CanopyAssignments, metadata: {name: n}, spec: {target: t, mode: additive, ignore: [{fields: [effective_to], match: {role_id: 'r*'}, reason: why, until: 2999-01-01}], assignments: []}}",
];

const BAD: [&str; 11] = [
    "{apiVersion: assignctl/v2, kind: Root}",
    "{apiVersion: assignctl/v1, kind: Target, metadata: {name: t}, spec: {provider: canopy, account: a}}",
    "{apiVersion: assignctl/v1, kind: Target, metadata: {name: t}, spec: {provider: partium, auth: {bearer: token}}}",
    "{apiVersion: assignctl/v1, kind: PartiumAssignments, metadata: {name: n}, spec: {target: t, mode: additive}}",
    "{apiVersion: assignctl/v1, kind: PartiumAssignments, metadata: {name: n}, spec: {target: t, mode: additive, assignments: [{ass_id: a}]}}",
    "{apiVersion: assignctl/v1, kind: PartiumAssignments, metadata: {name: n}, spec: {target: t, mode: additive, assignments: [{ass_id: a, ass_ids: [b], org_id: o}]}}",
    "{apiVersion: assignctl/v1, kind: PartiumAssignments, metadata: {name: n}, spec: {target: t, mode: additive, assignments: [{ass_id: '..', org_id: o}]}}",
    "{apiVersion: assignctl/v1, kind: SemaphorAssignments, metadata: {name: n}, spec: {target: t, mode: additive, assignments: [{definitionId: d, scopeType: TENANT, orgUserId: u}]}}",
    "{apiVersion: assignctl/v1, kind: SemaphorAssignments, metadata: {name: n}, spec: {target: t, mode: additive, assignments: [{definitionId: d, scopeType: ALL_TENANTS, tenantId: u}]}}",
    "{apiVersion: assignctl/v1, kind: CanopyAssignments, metadata: {name: n}, spec: {target: t, mode: additive, ignore: [{fields: [effective_to]}], assignments: []}}",
    "{apiVersion: assignctl/v1, kind: CanopyAssignments, metadata: {name: n}, spec: {target: t, mode: additive, ignore: [{reason: why}], assignments: []}}",
];

#[test]
fn schema_and_loader_agree() {
    let without_target = |text: &str| {
        let (loaded, _) = super::load_text(text);
        // The target is not part of the text: its absence is no matter of the schema.
        super::codes(&loaded).into_iter().filter(|c| !["unknown-target", "misplaced-root"].contains(c)).count()
    };
    for (texts, is_good) in [(&GOOD[..], true), (&BAD[..], false)] {
        for text in texts {
            let document = documents(text).pop().unwrap();
            assert_eq!(verdict(&document), Some(is_good), "{text}");
            assert_eq!(without_target(text) == 0, is_good, "{text}");
        }
    }
}

#[test]
fn the_reference_names_every_field() {
    let text = markdown(&provider::kinds());
    for field in [
        "`ass_ids`",
        "`clear_dates`",
        "[assumed]",
        "`min_holders`",
        "`client_credentials`",
        "`ignore`",
        "## CanopyAssignments",
    ] {
        assert!(text.contains(field), "{field}");
    }
}
