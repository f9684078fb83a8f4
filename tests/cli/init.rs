//! `init`: what it writes is a repository that validates at once.

use std::path::Path;

use crate::support::{self, Run};

fn run(dir: &Path, args: &[&str]) -> Run {
    support::run(support::program(dir).args(args))
}

#[test]
fn whatever_is_chosen_validates_and_keeps_to_its_schemas() {
    for providers in ["streamline", "partium", "semaphor", "canopy", "streamline,partium,semaphor,canopy"] {
        for ci in ["github", "gitlab", "none"] {
            let dir = tempfile::tempdir().unwrap();
            let init = run(dir.path(), &["init", "access", "--provider", providers, "--ci", ci]);
            assert_eq!(init.code, 0, "{}", init.text());
            let root = dir.path().join("access");
            let valid = run(&root, &["validate"]);
            assert_eq!((valid.code, valid.stderr.as_str()), (0, ""), "{}", valid.text());
            for file in init.stdout.lines().filter(|file| file.ends_with(".yaml") && !file.contains("/.git")) {
                keeps_to_its_schema(&dir.path().join(file));
            }
            assert_eq!(root.join(".github/workflows/assignctl.yml").exists(), ci == "github");
            assert_eq!(root.join(".gitlab-ci.yml").exists(), ci == "gitlab");
        }
    }
}

fn keeps_to_its_schema(file: &Path) {
    let text = std::fs::read_to_string(file).unwrap();
    let schema = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=");
    let schema = schema.unwrap_or_else(|| panic!("{} names no schema", file.display()));
    let schema = std::fs::read_to_string(file.parent().unwrap().join(schema)).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for document in serde_yaml::from_multiple::<serde_json::Value>(&text).unwrap() {
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", file.display());
    }
}

#[test]
fn editors_find_a_schema_for_every_manifest() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init", "--provider", "canopy", "--ci", "none"]);
    let settings = std::fs::read_to_string(dir.path().join(".vscode/settings.json")).unwrap();
    let settings: serde_json::Value = serde_json::from_str(&settings).unwrap();
    let schemas = settings["yaml.schemas"].as_object().unwrap();
    assert_eq!(schemas.len(), 3, "{settings:#}");
    for (schema, glob) in schemas {
        assert!(dir.path().join(schema).is_file(), "{schema}");
        let glob = globset::Glob::new(glob.as_str().unwrap()).unwrap().compile_matcher();
        let files = ["assignctl.yaml", "targets.yaml", "sets/canopy/start.yaml"];
        assert_eq!(files.iter().filter(|file| glob.is_match(file)).count(), 1, "{schema}");
    }
}

#[test]
fn what_is_there_stays() {
    let dir = tempfile::tempdir().unwrap();
    support::write(dir.path(), "targets.yaml", "# mine\n");
    support::write(dir.path(), ".gitignore", "target/\nplan.json");
    let refused = run(dir.path(), &["init", "--provider", "partium", "--ci", "none"]);
    assert_eq!(refused.code, 1, "{}", refused.text());
    assert!(refused.stderr.contains("targets.yaml") && refused.stderr.contains("--force"), "{}", refused.text());
    assert!(!dir.path().join("assignctl.yaml").exists(), "all files or none");
    assert_eq!(run(dir.path(), &["init", "--provider", "partium", "--ci", "none", "--force"]).code, 0);
    let ignored = std::fs::read_to_string(dir.path().join(".gitignore")).unwrap();
    assert_eq!(ignored, "target/\nplan.json\n.assignctl/\n");
}

#[test]
fn without_a_terminal_the_flags_must_say_it() {
    let dir = tempfile::tempdir().unwrap();
    for (args, flag) in [(&["init"][..], "--provider"), (&["init", "--provider", "canopy"], "--ci")] {
        let refused = run(dir.path(), args);
        assert_eq!(refused.code, 1, "{}", refused.text());
        assert!(refused.stderr.contains(flag), "{}", refused.text());
    }
    let unknown = run(dir.path(), &["init", "--provider", "caonpy", "--ci", "none"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("canopy"), "{}", unknown.text());
}
