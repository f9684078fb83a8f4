//! Help, wrong usage, and runs that end before anything is sent.

use super::{Place, set, target};
use crate::support;

#[test]
fn help_of_every_command() {
    let dir = tempfile::tempdir().unwrap();
    for command in ["", "validate", "plan", "apply", "comment", "sandbox", "schema", "completions", "man"] {
        let mut program = support::program(dir.path());
        program.args(Some(command).filter(|name| !name.is_empty())).arg("--help");
        let run = support::run(&mut program);
        assert_eq!((run.code, &*run.stderr), (0, ""), "help is data: {}", run.text());
        insta::assert_snapshot!(format!("help_{}", if command.is_empty() { "program" } else { command }), run.stdout);
    }
}

#[test]
fn every_flag_has_its_environment_variable() {
    let dir = tempfile::tempdir().unwrap();
    for command in ["validate", "plan", "apply", "drift", "comment", "report merge", "sandbox"] {
        let words = command.split(' ').chain(["--help"]);
        let help = support::run(support::program(dir.path()).args(words)).stdout;
        for flag in help.split_whitespace().filter_map(|word| word.strip_prefix("--")) {
            let flag = flag.trim_end_matches(|c: char| !c.is_ascii_lowercase());
            if flag.is_empty()
                || ["help", "version", "verbose"].contains(&flag)
                || !flag.chars().all(|c| c.is_ascii_lowercase() || c == '-')
            {
                continue;
            }
            let name = format!("ASSIGNCTL_{}", flag.to_uppercase().replace('-', "_"));
            assert!(help.contains(&name), "{command} --{flag} has no {name}");
        }
    }
}

#[test]
fn a_command_without_a_root_and_without_paths_says_what_to_give() {
    let place = Place::new();
    let empty = tempfile::tempdir().unwrap();
    support::write(empty.path(), "target.yaml", &target("http://127.0.0.1:1"));
    for command in ["validate", "plan", "apply", "drift"] {
        let run = support::run(support::program(empty.path()).arg(command));
        assert!(run.code == 1 && run.stderr.contains("no-root") && run.stderr.contains("--root DIR"), "{}", run.text());
    }
    assert_eq!(support::run(support::program(empty.path()).args(["validate", "."])).code, 0);
    let root = place.path().display().to_string();
    let mut command = support::program(empty.path());
    let run = support::run(command.args(["plan", "--root", &root]).env("TOKEN", "sandbox"));
    assert!(run.code == 0 && run.stdout.contains(&format!("assignctl apply --root {root}")), "{}", run.text());
    let mut command = support::program(empty.path());
    let run = support::run(command.args(["plan", "."]).env("ASSIGNCTL_ROOT", &root));
    assert!(run.code == 1 && run.stderr.contains("outside-root"), "{}", run.text());
}

#[test]
fn wrong_usage_exits_1_not_2() {
    let dir = tempfile::tempdir().unwrap();
    for args in [&["plan", "--frobnicate"][..], &["explode"], &[], &["plan", "-l", "team"], &["plan", "--as", "boss"]] {
        let run = support::run(support::program(dir.path()).args(args));
        assert_eq!(run.code, 1, "{args:?}: {}", run.text());
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{args:?}: {}", run.text());
    }
    let run = support::run(support::program(dir.path()).args(["plan", "--frobnicate"]));
    insta::assert_snapshot!(run.text());
}

#[test]
fn the_log_says_what_its_filter_asks_for() {
    let place = Place::new();
    let log = |args: &[&str]| {
        let run = place.run(&[&["plan"], args].concat());
        assert_eq!(run.code, 0, "{}", run.text());
        run.stderr
    };
    for args in [&[][..], &["-v"], &["--log", "assignctl=warn,hyper=trace"], &["--log", "off"]] {
        assert!(!log(args).contains("DEBUG assignctl::http"), "{args:?}");
    }
    // An empty one is none: a variable of the pipeline that is not set.
    let debug = [&["-vv"][..], &["--log", "debug"], &["--log", "warn, assignctl::http=debug,"], &["-vv", "--log", ""]];
    for args in debug {
        let log = log(args);
        assert!(log.contains("DEBUG assignctl::http") && log.contains("status=200"), "{args:?}: {log}");
    }
    let run = place.run(&["plan", "--log", "assignctl=loud"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("'assignctl=loud' for '--log <FILTER>'"), "{}", run.text());
}

#[test]
fn version() {
    let dir = tempfile::tempdir().unwrap();
    let run = support::run(support::program(dir.path()).arg("--version"));
    assert_eq!(run.stdout, format!("assignctl {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_valid_directory_says_what_it_holds() {
    let place = Place::new();
    let run = place.run(&["validate"]);
    assert_eq!(run.code, 0, "{}", run.text());
    insta::assert_snapshot!(place.steady(&run));
    assert!(place.server.requests().is_empty(), "validate sends nothing");
}

#[test]
fn all_errors_of_a_broken_directory_come_at_once() {
    let place = Place::new();
    place.write("sets/broken.yaml", &set("broken", "ch", "a").replace("mode:", "mood:").replace("parts", "part"));
    place.write("sets/germany.yaml", &set("germany", "de", "a, b").replace("org_id: de", "org_id: at"));
    place.write("sets/tabs.yaml", "kind:\tTarget\n\tname: x\n");
    let run = place.run(&["validate"]);
    assert_eq!((run.code, &*run.stdout), (1, ""), "{}", run.text());
    insta::assert_snapshot!(place.steady(&run));
    let plan = place.run(&["plan"]);
    assert_eq!((plan.code, &*plan.stderr), (1, &*run.stderr), "plan says the same");
    assert!(place.server.requests().is_empty(), "nothing was sent");
}

#[test]
fn validate_as_json() {
    let place = Place::new();
    place.write("sets/germany.yaml", &set("germany", "de", "a, b").replace("mode:", "mood:"));
    let run = place.run(&["validate", "--format", "json"]);
    assert_eq!((run.code, &*run.stderr), (1, ""), "{}", run.text());
    run.json();
    insta::assert_snapshot!(place.steady(&run));
}

#[test]
fn a_name_that_nothing_has_is_a_mistake_not_an_empty_plan() {
    let place = Place::new();
    for args in [["plan", "--target", "part"], ["plan", "--set", "austrai"]] {
        let run = place.run(&args);
        assert_eq!(run.code, 1, "{}", run.text());
        insta::assert_snapshot!(format!("unknown_{}", args[1].trim_matches('-')), run.text());
    }
    assert!(place.server.requests().is_empty());
}

#[test]
fn a_path_that_is_not_there() {
    let place = Place::new();
    let run = place.run(&["plan", "nowhere.yaml"]);
    assert_eq!(run.code, 1);
    insta::assert_snapshot!(place.steady(&run));
}

#[test]
fn without_a_terminal_and_without_approval_nothing_is_written() {
    let place = Place::new();
    let run = place.run(&["apply"]);
    assert_eq!(run.code, 1);
    assert_eq!(place.writes(), 0);
    insta::assert_snapshot!(place.steady(&run));
}

#[test]
fn standard_input_needs_complete_for_authoritative_sets() {
    let place = Place::new();
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{}---\n{}", target(&place.server.url()), set("austria", "at", "a, b, c, e"));
    let program = |args: &[&str]| {
        let mut program = support::program(dir.path());
        program.args(args).env("TOKEN", "sandbox");
        support::run_with_input(&mut program, &text)
    };
    let refused = program(&["plan", "-"]);
    assert_eq!(refused.code, 1, "{}", refused.text());
    assert!(refused.stderr.contains("--complete"), "{}", refused.text());
    assert!(place.server.requests().is_empty());
    let planned = program(&["plan", "-", "--complete", "--detailed-exitcode"]);
    assert_eq!(planned.code, 2, "{}", planned.text());
    let applied = program(&["apply", "-", "--complete", "--auto-approve"]);
    assert_eq!(applied.code, 0, "{}", applied.text());
    assert_eq!(program(&["plan", "-", "--complete", "--detailed-exitcode"]).code, 0);
    assert!(place.live().contains(&"d de".to_owned()), "another dealer's pairs are nobody's business");
}
