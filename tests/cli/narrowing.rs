//! Paths and selectors narrow what is planned; they never turn a neighbour's assignments into removals (DESIGN section 3).

use super::{Place, set, target};

const AUSTRIA_APPLIED: [&str; 8] = ["a at", "a de", "b at", "b de", "c at", "c de", "d de", "e at"];

/// Applies with arguments that choose `austria`, and looks at what is live.
fn only_austria(args: &[&str]) {
    let place = Place::new();
    // The neighbour has something to do, too: it stays undone.
    place.write("sets/germany.yaml", &set("germany", "de", "a, b, c"));
    let run = place.run(&[&["apply", "--auto-approve"], args].concat());
    assert_eq!(run.code, 0, "{args:?}: {}", run.text());
    assert_eq!(place.live(), AUSTRIA_APPLIED, "{args:?}: {}", run.text());
    let rest = place.run(&["plan", "--detailed-exitcode", "--format", "json"]);
    assert_eq!(rest.code, 2, "the neighbour's change is still there");
    assert_eq!(rest.json()["counts"]["remove"], 1, "{}", rest.text());
}

#[test]
fn by_file() {
    only_austria(&["sets/austria.yaml"]);
}

#[test]
fn by_set() {
    only_austria(&["--set", "austria"]);
}

#[test]
fn by_label() {
    only_austria(&["-l", "org=at"]);
}

#[test]
fn by_target() {
    let place = Place::new();
    place.write("other.yaml", &target(&format!("{}/other", place.server.url())).replace("name: parts", "name: other"));
    place.write("sets/swiss.yaml", &set("swiss", "ch", "z").replace("target: parts", "target: other"));
    let run = place.run(&["apply", "--auto-approve", "--target", "parts"]);
    assert_eq!(run.code, 0, "the other target is not even asked: {}", run.text());
    assert_eq!(place.live(), AUSTRIA_APPLIED);
    assert!(place.server.requests().iter().all(|request| !request.path.starts_with("/other")));
}

#[test]
fn a_label_that_no_set_has_is_an_error() {
    let place = Place::new();
    for args in [&["apply", "--auto-approve"][..], &["plan"], &["drift"]] {
        let run = place.run(&[args, &["-l", "org=fr"]].concat());
        assert_eq!(run.code, 1, "{}", run.text());
        assert!(run.stderr.contains("-l org=fr: no set has this label"), "{}", run.text());
    }
    assert_eq!(place.writes(), 0);
}

#[test]
fn by_environment() {
    let place = Place::new();
    let run = crate::support::run(place.command(&["plan", "--format", "json"]).env("ASSIGNCTL_SET", "germany"));
    assert_eq!(run.code, 0, "{}", run.text());
    let plan = run.json();
    assert_eq!(plan["counts"]["unchanged"], 4, "{plan:#}");
    assert_eq!(plan["targets"][0]["not_selected"], serde_json::json!(["austria"]));
}

#[test]
fn guards_judge_what_was_not_chosen_too() {
    let place = Place::new();
    place.write(
        "sets/germany.yaml",
        &set("germany", "de", "a").replace("    - { ass_ids: [a], org_id: de }\n", "    []\n"),
    );
    let run = place.run(&["plan", "--set", "austria"]);
    assert_eq!(run.code, 3, "the target as a whole is refused: {}", run.text());
    assert!(run.stdout.contains("germany"), "{}", run.text());
}

#[test]
fn a_deleted_file_takes_its_scope_along() {
    let place = Place::new();
    std::fs::remove_file(place.path().join("sets/germany.yaml")).unwrap();
    let run = place.run(&["apply", "--auto-approve"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(place.live(), AUSTRIA_APPLIED, "no set, no authority, no removal");
}

#[test]
fn as_observe_writes_nothing() {
    let place = Place::new();
    let run = place.run(&["apply", "--auto-approve", "--as", "observe"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(place.writes(), 0);
    let additive = place.run(&["apply", "--auto-approve", "--as", "additive"]);
    assert_eq!(additive.code, 0, "{}", additive.text());
    assert!(
        place.live().contains(&"d at".to_owned()) && place.live().contains(&"e at".to_owned()),
        "{:?}",
        place.live()
    );
}
