//! The environment: pipelines set variables that are empty, booleans in several ways, lists with a line break at their end.

use super::Place;
use crate::support::{self, Run};

fn with(place: &Place, args: &[&str], variables: &[(&str, &str)]) -> Run {
    support::run(place.command(args).envs(variables.iter().copied()))
}

#[test]
fn a_boolean_is_taken_in_the_forms_that_pipelines_write() {
    let place = Place::new();
    for (value, code) in
        [("1", 2), ("true", 2), ("TRUE", 2), ("yes", 2), ("0", 0), ("false", 0), ("No", 0), ("", 0), (" ", 0)]
    {
        let run = with(&place, &["plan"], &[("ASSIGNCTL_DETAILED_EXITCODE", value)]);
        assert_eq!(run.code, code, "{value:?}: {}", run.text());
    }
    // Switched off is not given: nothing may ask for another flag beside it.
    assert_eq!(with(&place, &["apply", "--auto-approve"], &[("ASSIGNCTL_PARTIAL", "0")]).code, 0);
    let loose = Place::new();
    std::fs::remove_file(loose.path().join("assignctl.yaml")).unwrap();
    assert_eq!(with(&loose, &["plan"], &[("ASSIGNCTL_COMPLETE", "1")]).code, 0);
    assert_eq!(with(&loose, &["plan"], &[("ASSIGNCTL_COMPLETE", "0")]).code, 1);
}

#[test]
fn an_error_in_a_variable_names_it() {
    let place = Place::new();
    for (name, value) in [
        ("ASSIGNCTL_DETAILED_EXITCODE", "perhaps"),
        ("ASSIGNCTL_MAX_LOSS_COUNT", "0x5"),
        ("ASSIGNCTL_MAX_LOSS_COUNT", "+5"),
        ("ASSIGNCTL_MAX_LOSS_COUNT", "05"),
        ("ASSIGNCTL_MAX_LOSS_PERCENT", "101"),
        ("ASSIGNCTL_AS", "boss"),
        ("ASSIGNCTL_SHARD", "4"),
        ("ASSIGNCTL_REPORT", "html"),
        ("ASSIGNCTL_SELECTOR", "team"),
        ("ASSIGNCTL_ALLOW_HOST", "https://a.example.com"),
        ("ASSIGNCTL_POLICY", ""),
    ] {
        let run = with(&place, &["plan"], &[(name, value)]);
        assert!(run.code == 1 && run.stderr.contains(name), "{name}={value}: {}", run.text());
    }
    let run = with(&place, &["plan", "--max-loss-count", "0x5"], &[("ASSIGNCTL_MAX_LOSS_COUNT", "5")]);
    assert!(run.code == 1 && !run.stderr.contains("ASSIGNCTL_MAX_LOSS_COUNT"), "{}", run.text());
    assert!(place.server.requests().is_empty());
}

#[test]
fn an_empty_variable_is_unset_and_an_empty_item_is_none() {
    let place = Place::new();
    let empty = [
        "ASSIGNCTL_TARGET",
        "ASSIGNCTL_SET",
        "ASSIGNCTL_SELECTOR",
        "ASSIGNCTL_SHARD",
        "ASSIGNCTL_AS",
        "ASSIGNCTL_REPORT",
        "ASSIGNCTL_MAX_LOSS_COUNT",
        "ASSIGNCTL_ALLOW_HOST",
        "ASSIGNCTL_SECRETS_DIR",
        "ASSIGNCTL_CA_FILE",
        "ASSIGNCTL_OUT",
        "ASSIGNCTL_BASE",
        "ASSIGNCTL_FORMAT",
        "ASSIGNCTL_COLOR",
        "ASSIGNCTL_CI",
        "ASSIGNCTL_EXPIRES",
        "ASSIGNCTL_QUIET",
        "ASSIGNCTL_VERBOSE",
        "ASSIGNCTL_PATHS",
        "ASSIGNCTL_MARKDOWN_LIMIT",
    ];
    let run = with(&place, &["plan"], &empty.map(|name| (name, "")));
    assert_eq!(run.code, 0, "{}", run.text());
    let path = place.path().join("plan.md");
    let report = format!("markdown={}\n", path.display());
    let run =
        with(&place, &["plan", "--format", "json"], &[("ASSIGNCTL_REPORT", &report), ("ASSIGNCTL_SET", " germany, ,")]);
    assert!(run.code == 0 && path.is_file(), "{}", run.text());
    assert_eq!(run.json()["targets"][0]["not_selected"], serde_json::json!(["austria"]));
    let run = with(&place, &["plan", "--set", "austria", "--format", "json"], &[("ASSIGNCTL_SET", "germany")]);
    assert_eq!(
        run.json()["targets"][0]["not_selected"],
        serde_json::json!(["germany"]),
        "the flag replaces the variable"
    );
}

#[test]
fn a_token_in_a_wrong_form_is_cut_or_named_and_never_sent_or_shown() {
    let place = Place::new();
    for token in ["sandbox\n", "sandbox\r\n", "\u{feff}sandbox", " sandbox ", "sandbox\n\n"] {
        let run = with(&place, &["plan"], &[("TOKEN", token)]);
        assert_eq!(run.code, 0, "{token:?}: {}", run.text());
    }
    let before = place.server.requests().len();
    for (token, word) in [
        ("\"canary-77\"", "quotation mark"),
        ("'canary-77'", "quotation mark"),
        ("Bearer canary-77", "`Bearer`"),
        ("bearer  canary-77", "`Bearer`"),
        ("Authorization: Bearer canary-77", "`Bearer`"),
        ("canary-77 canary-78", "a blank"),
        ("\u{201c}canary-77\u{201d}", "no header can carry"),
        ("", "TOKEN is empty"),
    ] {
        let run = with(&place, &["plan"], &[("TOKEN", token)]);
        assert_eq!(run.code, 1, "{token:?}: {}", run.text());
        assert!(run.stderr.contains(word) && run.stderr.contains("TOKEN"), "{token:?}: {}", run.text());
        assert!(!run.text().contains("canary"), "{}", run.text());
        assert!(!run.text().contains("No changes"), "{}", run.text());
    }
    assert_eq!(place.server.requests().len(), before, "nothing is sent");
}

#[test]
fn a_selector_that_selects_nothing_is_an_error_in_every_command() {
    let place = Place::new();
    place.write("empty/note.yaml", "apiVersion: assignctl/v1\nkind: Target\nmetadata: { name: idle }\nspec: { provider: streamline, client_id: c, endpoint: sandbox }\n");
    for command in [&["plan"][..], &["apply", "--auto-approve"], &["drift"]] {
        for (narrowing, word) in [
            (&["--set", "austia"][..], "did you mean austria?"),
            (&["--target", "part"], "did you mean parts?"),
            (&["--target", "idle"], "no set uses this target"),
            (&["-l", "org=a"], "no set has this label"),
            (&["--set", "austria", "-l", "org=de"], "no set fits all of"),
            (&["empty"], "the paths select no set"),
        ] {
            let run = place.run(&[command, narrowing].concat());
            assert_eq!(run.code, 1, "{command:?} {narrowing:?}: {}", run.text());
            assert!(run.stderr.contains(word), "{command:?} {narrowing:?}: {}", run.text());
        }
    }
    assert!(place.server.requests().is_empty());
}

#[test]
fn empty_input_is_an_error() {
    let place = Place::new();
    for name in ["austria", "germany"] {
        std::fs::remove_file(place.path().join(format!("sets/{name}.yaml"))).unwrap();
    }
    for command in ["plan", "apply", "drift"] {
        let run = place.run(&[command]);
        assert!(run.code == 1 && run.stderr.contains("no assignment set is declared"), "{command}: {}", run.text());
    }
    std::fs::remove_file(place.path().join("target.yaml")).unwrap();
    for command in ["validate", "plan", "drift"] {
        let run = place.run(&[command]);
        assert!(run.code == 1 && run.stderr.contains("empty-input"), "{command}: {}", run.text());
    }
}
