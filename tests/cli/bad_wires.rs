//! Wires that break, and servers that answer nonsense: an error that says what came and what to do, never a guess.

use super::{Place, target};

/// An address where nothing listens: a port that ordinary programs cannot take.
const NOBODY: &str = "http://127.0.0.1:1";

/// One line a kind of failure: the fault on the list, and the exit code.
#[test]
fn answers_that_cannot_be_used() {
    for (name, fault, code) in [
        ("half_an_answer", "POST /1/**=truncate:*", 6),
        ("garbage", "POST /1/**=garbage:*", 1),
        ("not_json", "POST /1/**=200;body={\"result\": [:*", 1),
        ("wrong_types", "POST /1/**=200;body={\"result\": 7}:*", 1),
        ("redirect", "POST /1/**=redirect=http://127.0.0.1:9/elsewhere:*", 1),
        ("server_error", "POST /1/**=500;body={\"detail\": \"the roof is on fire\"}:*", 1),
        ("forbidden", "POST /1/**=403;body={\"detail\": \"not yours\"}:*", 1),
        ("unavailable", "POST /1/**=503:*", 6),
        ("too_many_requests", "POST /1/**=429:*", 6),
        ("connection_closed", "POST /1/**=drop-before:*", 6),
        ("too_slow", "POST /1/**=slow=2s:*", 6),
    ] {
        let place = Place::new();
        if name == "too_slow" {
            place.write("target.yaml", &target(&place.server.url()).replace("timeout: 20s", "timeout: 300ms"));
        }
        place.fault(fault);
        let run = place.run(&["plan"]);
        insta::assert_snapshot!(format!("wire_{name}"), place.steady(&run));
        assert_eq!(run.code, code, "{name}: {}", run.text());
        let apply = place.run(&["apply", "--auto-approve"]);
        assert_eq!((apply.code, place.writes()), (code, 0), "{name}: {}", apply.text());
    }
}

#[test]
fn a_server_that_is_not_there() {
    let place = Place::new();
    place.write("target.yaml", &target(NOBODY));
    let run = place.run(&["plan"]);
    assert_eq!(run.code, 6, "nothing is wrong with the input: {}", run.text());
    insta::assert_snapshot!(place.steady(&run));
}

#[test]
fn one_dead_target_does_not_stop_the_others() {
    let place = Place::new();
    place.write("other.yaml", &target(NOBODY).replace("name: parts", "name: other"));
    place.write("sets/swiss.yaml", &super::set("swiss", "ch", "z").replace("target: parts", "target: other"));
    let run = place.run(&["apply", "--auto-approve"]);
    assert_eq!(run.code, 6, "{}", run.text());
    assert!(place.live().contains(&"e at".to_owned()), "the living target was applied: {}", run.text());
}
