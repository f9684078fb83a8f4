//! Input that means more than it seems to: paths, links, bombs, and words for the CI system that shows the output.

use super::{LIVE, Repo};

#[test]
fn a_link_into_the_file_system_is_not_followed() {
    let repo = Repo::new();
    let outside = tempfile::tempdir().unwrap();
    crate::support::write(outside.path(), "x.yaml", "top: secret-of-the-machine\n");
    std::os::unix::fs::symlink(outside.path().join("x.yaml"), repo.path().join("x.yaml")).unwrap();
    let run = repo.run(&["validate"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(!run.text().contains("secret-of-the-machine"), "{}", run.text());
    repo.refused(1, &["x.yaml"]);
}

#[test]
fn an_id_is_one_segment_whatever_it_says() {
    for id in ["..", "."] {
        let repo = Repo::new();
        repo.edit("others.yaml", "service_id: pricing", &format!("service_id: \"{id}\""));
        repo.refused(1, &["invalid-id"]);
        assert!(repo.paths().is_empty());
    }
    for id in [
        "%2e%2e",
        "../secret",
        "..%2fsecret",
        "pricing/../secret",
        "secret/assignments/default?",
        "secret#",
        "..;/secret",
        "\\\\..\\\\secret",
    ] {
        let repo = Repo::new();
        repo.edit("others.yaml", "service_id: pricing", &format!("service_id: \"{id}\""));
        repo.run(&["apply", "--auto-approve"]);
        let paths = repo.paths();
        assert!(paths.iter().any(|path| path.starts_with("/v2/")), "{id}: it was asked for: {paths:?}");
        for path in paths.iter().filter(|path| path.starts_with("/v2/")) {
            let segments: Vec<&str> = path.split('/').collect();
            assert_eq!(segments[..7], ["", "v2", "clients", "client-1", "domains", "south", "service"], "{id}: {path}");
            assert!(segments[7] != ".." && segments[7] != "secret" && segments[8] == "assignments", "{id}: {path}");
        }
    }
}

#[test]
fn a_bomb_of_aliases_goes_off_outside() {
    let repo = Repo::new();
    let mut bomb = String::from(
        "apiVersion: assignctl/v1\nkind: Root\nx:\n  - &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n",
    );
    for level in 1..30 {
        let items = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("  - &a{level} [{items}]\n"));
    }
    repo.write("bomb.yaml", &bomb);
    repo.refused(1, &["bomb.yaml", "alias"]);
    repo.write("bomb.yaml", &format!("a: {}", "[".repeat(200_000)));
    repo.refused(1, &["bomb.yaml"]);
}

/// Nothing in here may reach a log as it is.
const HOSTILE: &str = "x\\e[2J\\u202Eevil\\n::error file=a::pwned\\n##vso[task.setvariable variable=a]b ##[error]c";

fn is_inert(text: &str) {
    for (number, line) in text.lines().enumerate() {
        assert!(!line.trim_start().starts_with("::"), "line {number} is a command: {line}");
        assert!(!line.contains("##vso[") && !line.contains("##[error]"), "line {number} holds a command: {line}");
        let bad = line.chars().find(|c| c.is_control() || *c == '\u{202e}');
        assert!(bad.is_none(), "line {number} holds {bad:?}: {line:?}");
    }
}

#[test]
fn names_and_values_are_no_commands_to_a_terminal_or_a_ci_system() {
    let names = format!(
        "      identities: [{{ id: idn_anna, name: \"{HOSTILE}\", email: a@example.com }}, {{ id: idn_ben, name: \"::error::b\", email: b@example.com }}, {{ id: idn_chiara, name: C, email: c@example.com }}, {{ id: idn_robot, name: R, email: r@example.com }}, {{ id: idn_glass, name: G, email: g@example.com }}]\n      assignments:\n"
    );
    let repo = Repo::with_live(&LIVE.replacen(
        "      environment: prod\n      assignments:\n",
        &format!("      environment: prod\n{names}"),
        1,
    ));
    repo.edit(
        "others.yaml",
        "params: { region: eu }",
        &format!("params: {{ region: \"{HOSTILE}\", \"::set-output name=x::\": [\"##vso[x]\"] }}"),
    );
    repo.edit(
        "support.yaml",
        "idn_anna, node_id: node_emea, role_id: role_agent",
        "idn_anna, node_id: node_emea, role_id: \"::error::r\"",
    );
    repo.edit("support.yaml", "name: support }", "name: support, labels: { a: \"::error::l\" } }");
    assert_eq!(repo.run(&["plan", "--ci", "none", "--shard", "1/1", "--report", "json=part.json"]).code, 0);
    let part = std::fs::read_to_string(repo.path().join("part.json")).unwrap();
    assert!(part.contains("##vso[") && part.contains('\u{202e}'), "{part}");
    let joined = repo.run(&["report", "merge", "part.json"]);
    is_inert(&joined.stdout);
    let mut part: serde_json::Value = serde_json::from_str(&part).unwrap();
    part.as_object_mut().unwrap().remove("shard");
    let mut joined = joined.json();
    joined.as_object_mut().unwrap().remove("merged");
    assert_eq!(joined, part);
    for args in [
        &["plan", "-v", "--full"][..],
        &["plan", "--format", "json"],
        &["apply", "--auto-approve", "--full"],
        &["plan", "--format", "json"],
    ] {
        let run = repo.run(args);
        is_inert(&run.stdout);
        is_inert(&run.stderr);
        if args.contains(&"-v") {
            assert!(
                run.stdout.contains("\\u{1b}[2J") && run.stdout.contains("error::r"),
                "all is shown: {}",
                run.text()
            );
        }
    }
}

#[test]
fn findings_about_hostile_manifests_are_no_commands_either() {
    let repo = Repo::new();
    repo.write("evil.yaml", &format!("apiVersion: assignctl/v1\nkind: \"{HOSTILE}\"\n::error::x: ##vso[task.x]\n"));
    for args in [&["validate"][..], &["validate", "--format", "json"], &["plan"]] {
        let run = repo.run(args);
        assert_eq!(run.code, 1, "{}", run.text());
        is_inert(&run.stdout);
        is_inert(&run.stderr);
    }
}

#[test]
fn an_error_that_the_api_words_is_no_command() {
    let repo = Repo::new();
    let body = "{\"detail\": \"\\u001b[31m\\n::error::x ##vso[task.x]\"}";
    repo.server.add_fault(format!("POST /1/**=500;body={body}:*").parse().unwrap());
    let run = repo.run(&["plan", "-vv"]);
    assert_eq!(run.code, 1, "{}", run.text());
    is_inert(&run.stdout);
    is_inert(&run.stderr);
}
