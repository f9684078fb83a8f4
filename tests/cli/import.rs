//! `import`: what is live becomes manifests, and as authoritative they plan nothing, whatever the state.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Place;
use crate::support::{self, Run};

/// A state of one system, as a seed; the fields of its target; further arguments of the import; how many rows are to be imported.
struct State {
    seed: Value,
    target: &'static str,
    args: Vec<String>,
    rows: usize,
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![6 => "[a-d]", 1 => "(no|1\\.0|null|a: b|x y|-|#|ü|\\*a|12:30|\"q\"|%2F|a/b)"]
}

/// Three ids, two numbers: enough to make a row of any system.
type Draft = (String, String, String, u8, u8);

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    prop::collection::vec((id(), id(), id(), any::<u8>(), any::<u8>()), 0..30)
}

fn settings(number: u8) -> Value {
    match number % 4 {
        0 => json!({}),
        1 => json!({"horizon_days": 14}),
        2 => json!({"deep": {"list": [1, 2.5, null, true, "no", {"k": "line\nbreak"}]}, "~": "012"}),
        _ => json!({"text": "x".repeat(usize::from(number))}),
    }
}

fn partium(drafts: &[Draft]) -> State {
    let rows: BTreeMap<(&str, &str), ()> = drafts.iter().map(|(a, b, ..)| ((a.as_str(), b.as_str()), ())).collect();
    let pairs: Vec<Value> = rows.keys().map(|(ass, org)| json!({"ass_id": ass, "org_id": org})).collect();
    let rows = pairs.len();
    State { seed: json!({"partium": {"assignments": pairs}}), target: "provider: partium", args: Vec::new(), rows }
}

fn streamline(drafts: &[Draft]) -> State {
    let mut places: BTreeMap<(String, String), BTreeMap<&str, Value>> = BTreeMap::new();
    for (domain, service, key, n, m) in drafts {
        let service = if n.is_multiple_of(5) { String::new() } else { service.clone() };
        let status = if m.is_multiple_of(7) { "archived" } else { "active" };
        let mut row = json!({"assignment_key": key, "model_id": "m", "model_version": format!("{}.10", n % 3), "status": status, "settings": settings(*m)});
        if n.is_multiple_of(2) {
            row["role"] = json!("primary");
        }
        places.entry((domain.clone(), service)).or_default().insert(key, row);
    }
    let rows = places.values().flat_map(|keys| keys.values()).filter(|row| row["status"] == "active").count();
    let mut args = Vec::new();
    for (flag, ids) in [
        ("--domain", drafts.iter().map(|d| &d.0).collect::<std::collections::BTreeSet<_>>()),
        ("--service", drafts.iter().map(|d| &d.1).collect()),
    ] {
        args.extend(ids.into_iter().map(|id| format!("{flag}={id}")));
    }
    let listed: Vec<Value> = places
        .iter()
        .map(|((domain, service), keys)| {
            let mut place =
                json!({"client_id": "c", "domain_id": domain, "assignments": keys.values().collect::<Vec<_>>()});
            if !service.is_empty() {
                place["service_id"] = json!(service);
            }
            place
        })
        .collect();
    State {
        seed: json!({"streamline": {"assignments": listed}}),
        target: "provider: streamline, client_id: c",
        args,
        rows,
    }
}

fn semaphor(drafts: &[Draft]) -> State {
    let mut rows: BTreeMap<(&str, u8, &str), Value> = BTreeMap::new();
    for (definition, actor, _, n, m) in drafts {
        let (word, field) =
            [("ALL_TENANTS", ""), ("TENANT", "tenantId"), ("TENANT_USER", "tenantUserId"), ("ORG_USER", "orgUserId")]
                [usize::from(n % 4)];
        let mut row = json!({"definitionId": definition, "scopeType": word, "params": settings(*m)});
        if !field.is_empty() {
            row[field] = json!(actor);
        }
        if n.is_multiple_of(3) {
            row["params"]["warehouse_key"] = json!("not-a-real-key");
        }
        rows.insert((definition, n % 4, if field.is_empty() { "" } else { actor }), row);
    }
    let mut definitions: Vec<&String> = drafts.iter().map(|draft| &draft.0).collect();
    definitions.sort();
    definitions.dedup();
    let definitions: Vec<Value> = definitions
        .iter()
        .map(|id| json!({"id": id, "name": format!("Name of {id}"), "secret_params": ["warehouse_key"]}))
        .collect();
    let count = rows.len();
    let project =
        json!({"projectId": "p", "definitions": definitions, "assignments": rows.into_values().collect::<Vec<_>>()});
    State {
        seed: json!({"semaphor": {"projects": [project]}}),
        target: "provider: semaphor, project_id: p",
        args: Vec::new(),
        rows: count,
    }
}

fn canopy(drafts: &[Draft]) -> State {
    let mut rows: BTreeMap<(&str, &str, &str), Value> = BTreeMap::new();
    for (identity, node, role, n, m) in drafts {
        let mut row = json!({"identity_id": identity, "node_id": node, "role_id": role, "effective_from": "2020-01-01T00:00:00Z"});
        match n % 5 {
            0 => row["effective_to"] = json!("2021-01-01T00:00:00Z"),
            1 => row["effective_to"] = json!("2090-01-01T00:00:00.250Z"),
            2 => row["effective_from"] = json!("2089-01-01T00:00:00Z"),
            3 if m.is_multiple_of(2) => {
                row["effective_from"] = json!("2089-01-01T00:00:00Z");
                row["effective_to"] = json!("2090-01-01T00:00:00Z");
            }
            _ => {}
        }
        rows.insert((identity, node, role), row);
    }
    let ended = rows.values().filter(|row| row["effective_to"] == "2021-01-01T00:00:00Z").count();
    let count = rows.len() - ended;
    let seed = json!({"canopy": {"assignments": {"a/b/c": rows.into_values().collect::<Vec<_>>()}}});
    State {
        seed,
        target: "provider: canopy, account: a, application: b, environment: c",
        args: Vec::new(),
        rows: count,
    }
}

/// A root with one target on a server of its own.
struct Account {
    _server: assignctl::sandbox::Running,
    dir: tempfile::TempDir,
}

impl Account {
    fn new(state: &State) -> Self {
        let server = support::sandbox::seeded(&state.seed.to_string());
        let dir = tempfile::tempdir().unwrap();
        support::write(dir.path(), "assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
        let target = format!(
            "apiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: prod }}\nspec: {{ {}, endpoint: \"{}\", auth: {{ bearer: {{ env: TOKEN }} }} }}\n",
            state.target,
            server.url()
        );
        support::write(dir.path(), "targets.yaml", &target);
        Self { _server: server, dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn run(&self, args: &[&str]) -> Run {
        support::run(support::program(self.path()).args(args).env("TOKEN", "sandbox"))
    }

    fn import(&self, state: &State, more: &[&str]) -> Run {
        let args: Vec<&str> =
            ["import", "--target", "prod"].into_iter().chain(state.args.iter().map(String::as_str)).collect();
        self.run(&[&args, more].concat())
    }
}

/// Imports a state and plans it.
fn check(state: &State) -> Result<(), TestCaseError> {
    let account = Account::new(state);
    if state.target.contains("streamline") && state.args.is_empty() {
        return Ok(());
    }
    let import = account.import(state, &["--out", "sets/prod"]);
    prop_assert_eq!(import.code, 0, "{}", import.text());
    if state.rows == 0 {
        return Ok(());
    }
    let plan = account.run(&["plan", "--as", "authoritative", "--detailed-exitcode", "--format", "json"]);
    prop_assert_eq!(plan.code, 0, "{}\n{}", import.text(), plan.text());
    let counts = &plan.json()["counts"];
    prop_assert_eq!(&counts["unchanged"], &json!(state.rows), "{}\n{}", import.text(), plan.text());
    for what in ["create", "update", "remove", "observed"] {
        prop_assert_eq!(&counts[what], &json!(0), "{}", plan.text());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn as_authoritative_an_import_plans_nothing(drafts in drafts()) {
        for state in [partium(&drafts), streamline(&drafts), semaphor(&drafts), canopy(&drafts)] {
            check(&state)?;
        }
    }
}

/// Two dealers with the same four assemblies.
fn dealers() -> State {
    let pairs = ["a", "b", "c", "d"]
        .into_iter()
        .flat_map(|ass| ["at", "de"].map(|org| (ass.to_owned(), org.to_owned(), String::new(), 0, 0)));
    partium(&pairs.collect::<Vec<_>>())
}

#[test]
fn what_is_there_is_not_overwritten_unless_the_caller_says_so() {
    let state = dealers();
    let account = Account::new(&state);
    support::write(account.path(), "sets/at.yaml", "# mine\n");
    let refused = account.import(&state, &["--out", "sets"]);
    assert_eq!(refused.code, 1, "{}", refused.text());
    assert!(refused.stderr.contains("sets/at.yaml") && refused.stderr.contains("--force"), "{}", refused.text());
    assert!(!account.path().join("sets/de.yaml").exists(), "all files or none");
    let forced = account.import(&state, &["--out", "sets", "--force"]);
    assert_eq!(forced.code, 0, "{}", forced.text());
    let again = account.import(&state, &["--out", "sets", "--force"]);
    assert_eq!((again.code, again.stdout), (0, forced.stdout), "a second one writes the same");
    assert_eq!(account.run(&["plan", "--as", "authoritative", "--detailed-exitcode"]).code, 0);
}

#[test]
fn a_target_is_never_overwritten() {
    let state = partium(&[
        ("a".to_owned(), "targets".to_owned(), String::new(), 0, 0),
        ("a".to_owned(), "assignctl".to_owned(), String::new(), 0, 0),
    ]);
    let account = Account::new(&state);
    let refused = account.import(&state, &["--out", ".", "--force"]);
    assert_eq!(refused.code, 1, "{}", refused.text());
    assert!(
        refused.stderr.contains("targets.yaml") && refused.stderr.contains("the target prod"),
        "{}",
        refused.text()
    );
    assert!(std::fs::read_to_string(account.path().join("assignctl.yaml")).unwrap().contains("kind: Root"));
}

#[test]
fn what_sets_own_already_is_left_to_them() {
    let place = Place::new();
    let owned = place.run(&["import", "--target", "parts", "--out", "more"]);
    assert_eq!((owned.code, owned.stdout.as_str()), (0, ""), "{}", owned.text());
    assert!(owned.stderr.contains("austria, germany"), "{}", owned.text());
    std::fs::remove_file(place.path().join("sets/germany.yaml")).unwrap();
    let rest = place.run(&["import", "--target", "parts", "--out", "more"]);
    assert_eq!(rest.stdout, "more/de.yaml: 4 assignments\n", "{}", rest.text());
    assert_eq!(place.run(&["validate"]).code, 0);
    let plan = place.run(&["plan", "--set", "parts-de", "--as", "authoritative", "--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{}", plan.text());
    assert_eq!(place.writes(), 0, "an import reads");
}

#[test]
fn without_a_directory_all_sets_are_one_text() {
    let state = dealers();
    let account = Account::new(&state);
    let text = account.import(&state, &["--single"]);
    assert_eq!(text.code, 0, "{}", text.text());
    insta::assert_snapshot!("import_single", text.stdout);
    let both = account.import(&state, &[]).stdout;
    assert_eq!(both.matches("kind: PartiumAssignments").count(), 2, "{both}");
    support::write(account.path(), "sets.yaml", &both);
    assert_eq!(account.run(&["plan", "--as", "authoritative", "--detailed-exitcode"]).code, 0);
}

#[test]
fn what_cannot_be_listed_has_to_be_named() {
    let drafts = [("d".to_owned(), "s".to_owned(), "k".to_owned(), 1, 1)];
    let state = State { args: Vec::new(), ..streamline(&drafts) };
    let account = Account::new(&state);
    let refused = account.import(&state, &[]);
    assert_eq!(refused.code, 1, "{}", refused.text());
    assert!(
        refused.stderr.contains("--domain") && refused.stderr.contains("no documented route"),
        "{}",
        refused.text()
    );
    // A set that only names the address is enough, and steps aside.
    let start = "apiVersion: assignctl/v1\nkind: StreamlineAssignments\nmetadata: { name: start }\nspec: { target: prod, domain_id: d, service_id: s, mode: observe, assignments: [] }\n";
    support::write(account.path(), "start.yaml", start);
    let named = account.import(&state, &["--out", "sets"]);
    assert_eq!(named.stdout, "sets/d-s.yaml: 1 assignment\n", "{}", named.text());
    assert!(named.stderr.contains("start declares nothing"), "{}", named.text());
    let empty = account.import(&state, &["--domain", "d", "--service", "nothing-here"]);
    assert!(
        empty.stdout.contains("service_id: nothing-here") && empty.stdout.contains("assignments: []"),
        "{}",
        empty.text()
    );
    let elsewhere = Account::new(&dealers());
    let wrong = elsewhere.run(&["import", "--target", "prod", "--domain", "d"]);
    assert_eq!(wrong.code, 1, "{}", wrong.text());
}

#[test]
fn the_quickstart_imported_into_an_empty_repository_plans_nothing() {
    let dir = tempfile::tempdir().unwrap();
    support::copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart"), dir.path());
    for sets in ["analytics", "crm", "parts", "pricing"] {
        std::fs::remove_dir_all(dir.path().join(sets)).unwrap();
    }
    let run = |args: &[&str]| support::run(support::program(dir.path()).args(args));
    let mut shown = String::new();
    for (target, more) in [
        ("crm-prod", None),
        ("analytics-prod", None),
        ("parts-prod", None),
        ("pie-prod", Some(["--domain=south_australia", "--service=spot-pricing"])),
    ] {
        let args: Vec<&str> =
            ["import", "--target", target, "--quiet"].into_iter().chain(more.into_iter().flatten()).collect();
        shown.push_str(&run(&args).stdout);
        let import = run(&[&args[..], &["--out", "sets"]].concat());
        assert_eq!(import.code, 0, "{}", import.text());
    }
    insta::assert_snapshot!("import_quickstart", shown);
    let plan = run(&["plan", "--as", "authoritative", "--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{}", plan.text());
}
