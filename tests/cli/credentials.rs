//! Credentials: which are taken, where they go, and that nobody ever sees them.

use super::{Place, target};
use crate::support;

const CANARY: &str = "canary-4f1d8a";

#[test]
fn a_wrong_token_names_the_reference_and_not_the_value() {
    let place = Place::new();
    for verbosity in ["-q", "-v", "-vv"] {
        let run = support::run(place.command(&["plan", verbosity]).env("TOKEN", CANARY));
        assert_eq!(run.code, 1, "{}", run.text());
        assert!(run.text().contains("TOKEN") && !run.text().contains(CANARY), "{}", run.text());
    }
    let run = support::run(place.command(&["plan"]).env("TOKEN", CANARY));
    insta::assert_snapshot!(place.steady(&run));
}

#[test]
fn a_token_that_is_not_set() {
    let place = Place::new();
    let run = support::run(place.command(&["plan"]).env_remove("TOKEN"));
    assert_eq!(run.code, 1);
    assert!(place.server.requests().is_empty(), "nothing was sent");
    insta::assert_snapshot!(place.steady(&run));
}

#[test]
fn no_output_shows_a_good_token_either() {
    let place = Place::new();
    let canary = support::sandbox::seeded(&format!("{}\nauth: {{ bearer: [{CANARY}] }}", super::LIVE));
    place.write("target.yaml", &target(&canary.url()));
    for args in
        [&["plan", "-vv"][..], &["apply", "-vv", "--auto-approve"], &["plan", "--format", "json", "--log", "trace"]]
    {
        let run = support::run(place.command(args).env("TOKEN", CANARY));
        assert_eq!(run.code, 0, "{}", run.text());
        assert!(!run.text().contains(CANARY), "{args:?}: {}", run.text());
    }
}

#[test]
fn another_host_gets_no_credentials_unless_the_caller_allows_it() {
    let place = Place::new();
    place.write("target.yaml", &target("https://api.partium.example.com"));
    let run = place.run(&["plan"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.text().contains("--allow-host api.partium.example.com"), "{}", run.text());
    insta::assert_snapshot!(place.steady(&run));
}

#[test]
fn plain_http_is_for_loopback_only() {
    let place = Place::new();
    place.write("target.yaml", &target("http://api.partium.io"));
    let run = place.run(&["validate"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stderr.contains("https"), "{}", run.text());
}

#[test]
fn a_secret_file_is_read_below_the_callers_directory_only() {
    let place = Place::new();
    let secrets = tempfile::tempdir().unwrap();
    support::write(secrets.path(), "partium/token", "sandbox\n");
    support::write(secrets.path(), "outside", "sandbox\n");
    let with_file = |path: &str| target(&place.server.url()).replace("env: TOKEN", &format!("file: {path}"));
    place.write("target.yaml", &with_file("token"));
    let without = place.run(&["plan"]);
    assert_eq!(without.code, 1);
    assert!(without.text().contains("--secrets-dir"), "{}", without.text());
    let dir = secrets.path().join("partium").display().to_string();
    assert_eq!(place.run(&["plan", "--secrets-dir", &dir]).code, 0);
    place.write("target.yaml", &with_file("../outside"));
    let outside = place.run(&["plan", "--secrets-dir", &dir]);
    assert_eq!(outside.code, 1, "{}", outside.text());
}

#[test]
fn a_secret_written_as_a_literal_is_refused_offline() {
    let place = Place::new();
    place.write("target.yaml", &target(&place.server.url()).replace("{ env: TOKEN }", CANARY));
    let run = place.run(&["validate"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("env"), "{}", run.text());
}
