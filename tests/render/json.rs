//! Plans and reports as pipelines read them: documents that hold their schemas, schemas that are checked in.

use assignctl::apply::Exit;
use assignctl::model::Names;
use assignctl::plan::Unreadable;
use assignctl::render::json;
use serde_json::Value;

use super::fixture::{self, CANOPY, World, snapshot};
use super::reports;

pub fn document(serialize: &impl serde::Serialize) -> Value {
    serde_json::from_slice(&serde_json::to_vec(serialize).unwrap()).unwrap()
}

pub fn assert_valid(schema: &Value, document: &Value) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// Compares a schema with the one checked in; `UPDATE=1` writes it.
fn assert_checked_in(name: &str, schema: &Value) {
    let path = format!("{}/schemas/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = format!("{}\n", serde_json::to_string_pretty(schema).unwrap());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
    } else {
        let checked_in = std::fs::read_to_string(&path).unwrap();
        assert!(checked_in == text, "{path} is not what the types say: run the tests once with UPDATE=1");
    }
}

#[test]
fn the_schemas_are_checked_in() {
    assert_checked_in("plan", &json::plan_schema());
    assert_checked_in("report", &json::report_schema());
    assert_checked_in("event", &json::event_schema());
}

#[test]
fn a_plan_with_everything() {
    let plan = fixture::everything();
    let mut document = document(&json::plan(&plan, Exit::Pending));
    assert_valid(&json::plan_schema(), &document);
    assert_eq!(document["tool"]["version"], env!("CARGO_PKG_VERSION"));
    document["tool"]["version"] = "0.0.0".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn a_plan_can_be_read_back_from_its_document() {
    for plan in [fixture::everything(), super::shapes::nothing(), super::shapes::refused(), super::shapes::unreadable()]
    {
        let known = |name: &str| {
            let target = plan.targets.iter().find(|target| target.provider == name)?;
            let sets = plan.targets.iter().flat_map(|target| &target.sets);
            let routes = sets.flat_map(|set| &set.changes).map(|planned| planned.route.name).collect();
            Some(json::read::Known { capabilities: target.capabilities, routes })
        };
        let text = serde_json::to_string_pretty(&json::plan(&plan, Exit::Pending)).unwrap();
        let read = json::read::plan(&text, &known).unwrap();
        snapbox::assert_data_eq!(serde_json::to_string_pretty(&json::plan(&read, Exit::Pending)).unwrap(), &text);
        let limit = assignctl::render::markdown::Options::default();
        let page = |plan| assignctl::render::markdown::plan(plan, limit);
        snapbox::assert_data_eq!(page(&read), page(&plan));
        let error = json::read::plan(&text, &|_| None);
        assert!(error.is_err() || plan.targets.is_empty());
    }
}

#[test]
fn a_plan_is_the_same_to_the_byte_each_time() {
    let text = || serde_json::to_string(&json::plan(&fixture::everything(), Exit::Success)).unwrap();
    assert_eq!(text(), text());
}

#[test]
fn secrets_are_references_or_masked() {
    let plan = fixture::everything();
    let document = document(&json::plan(&plan, Exit::Success));
    let changes = &document["targets"][2]["sets"][0]["changes"];
    let update = changes.as_array().unwrap().iter().find(|change| change["action"] == "update").unwrap();
    assert_eq!(update["before"]["secret_params"], serde_json::json!({ "old_key": "(masked)" }));
    assert_eq!(update["after"]["secret_params"], serde_json::json!({ "warehouse_key": { "env": "WAREHOUSE_KEY" } }));
}

#[test]
fn refused_unreadable_and_narrowed_plans_hold_the_schema_too() {
    let mut world = World::new();
    let live = (0..24).map(|i| world.live(&[&format!("idn_{i}"), "node", "role"], vec![])).collect();
    let mut names = Names::default();
    names.add(1, world.ids.sym("node"), "EMEA");
    world.plan_read("crm-prod", &CANOPY, &[world.set("emea", vec![])], Ok(snapshot(live, names)));
    let unreadable = Unreadable { message: "503".to_owned(), temporary: true };
    world.plan_read("crm-test", &CANOPY, &[], Err(unreadable));
    let rows = vec![world.row(2, &["idn_a", "node", "role"], vec![])];
    let read = Ok(snapshot(vec![], Names::default()));
    world.plan_selected("crm-dev", &CANOPY, &[world.set("apac", rows)], read, |_| false);
    let plan = world.done();
    let document = document(&json::plan(&plan, Exit::Refused));
    assert_valid(&json::plan_schema(), &document);
    assert_eq!(document["exit"]["code"], 3);
    assert_eq!(document["verdict"], "unreadable");
    let [prod, test, dev] = &document["targets"].as_array().unwrap()[..] else { panic!("three targets") };
    let refusals = prod["refusals"].as_array().unwrap();
    let emptied = refusals.iter().find(|refusal| refusal["guard"] == "empty-scope").unwrap();
    assert_eq!((&emptied["set"], emptied["keys"].as_array().unwrap().len()), (&"emea".into(), 24));
    assert_eq!(prod["sets"][0]["changes"][0]["names"], serde_json::json!({ "node_id": "EMEA" }));
    assert_eq!(test["unreadable"], serde_json::json!({ "message": "503", "temporary": true }));
    assert_eq!((dev["sets"].as_array().unwrap().len(), &dev["not_selected"][0]), (0, &"apac".into()));
}

#[test]
fn a_report_with_every_outcome() {
    let plan = fixture::everything();
    let report = reports::every_outcome(&plan);
    let mut document = document(&json::report(&plan, &report));
    assert_valid(&json::report_schema(), &document);
    assert_eq!(document["exit"]["code"], 5);
    document["tool"]["version"] = "0.0.0".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn every_verification_and_every_reason_not_to_run_holds_the_schema() {
    let plan = fixture::everything();
    for report in reports::endings(&plan) {
        assert_valid(&json::report_schema(), &document(&json::report(&plan, &report)));
    }
}
