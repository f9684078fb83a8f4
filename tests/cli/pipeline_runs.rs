//! The shell steps of the ready-made pipelines, run against the embedded server and a fake of the host: what a copy of the file does
//! on its first day. What only the host can do (checkouts, artifacts, approvals) is stood in for.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::comment::{Fake, Host, TOKEN};
use crate::support::{self, Run};

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path)
}

fn documents(path: &str) -> Vec<Value> {
    serde_yaml::from_multiple(&std::fs::read_to_string(example(path)).unwrap()).unwrap()
}

/// A machine of the host's: the quickstart checked out, the program on the path, and other programs that only say what they were asked.
struct Machine {
    dir: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        support::copy(&example("quickstart"), &dir.path().join("work"));
        std::fs::create_dir_all(dir.path().join("bin")).unwrap();
        let machine = Self { dir, env: BTreeMap::new() };
        machine.program("assignctl", &format!("exec '{}' \"$@\"", env!("CARGO_BIN_EXE_assignctl")));
        for other in ["cargo", "gh"] {
            machine.program(other, &format!("echo {other} \"$@\" >> \"{}\"", machine.path("asked").display()));
        }
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn program(&self, name: &str, line: &str) {
        let path = self.path("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{line}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn set(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    /// A script as the hosts run it: the first command that fails ends it.
    fn run(&self, script: &str, env: &BTreeMap<String, String>) -> Run {
        let mut command = std::process::Command::new("sh");
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        command.args(["-e", "-c", script]).current_dir(self.path("work")).env_clear().env("PATH", path);
        support::run(command.envs(&self.env).envs(env))
    }
}

/// The texts of a map.
fn texts(map: &Value) -> BTreeMap<String, String> {
    let of = |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap().to_owned());
    map.as_object().into_iter().flatten().map(of).collect()
}

/// GitHub's expressions, as far as the examples use them.
fn expanded(text: &str) -> String {
    let mut shown = text.to_owned();
    for (expression, value) in
        [("github.token", TOKEN), ("github.event.pull_request.number", "7"), ("github.repository", "acme/access")]
    {
        shown = shown.replace(&format!("${{{{ {expression} }}}}"), value);
    }
    while let Some((before, rest)) = shown.split_once("${{ secrets.") {
        let (_, after) = rest.split_once(" }}").unwrap();
        shown = format!("{before}sandbox{after}");
    }
    assert!(!shown.contains("${{"), "an expression that this test does not know: {shown}");
    shown
}

/// Runs the shell steps of a job for an event; what the step's condition says of the event is kept.
fn github_job(machine: &Machine, workflow: &Value, job: &str, event: &str) -> Vec<String> {
    let definition = &workflow["jobs"][job];
    let mut ran = Vec::new();
    for step in definition["steps"].as_array().unwrap() {
        let condition = step["if"].as_str().unwrap_or_default();
        let of_another = ["pull_request", "push", "schedule"]
            .iter()
            .any(|other| *other != event && condition.contains(&format!("github.event_name == '{other}'")));
        let Some(script) = step["run"].as_str().filter(|_| !of_another) else { continue };
        let mut env: BTreeMap<String, String> = BTreeMap::new();
        for level in [workflow, definition, step] {
            env.extend(texts(&level["env"]).into_iter().map(|(name, value)| (name, expanded(&value))));
        }
        let run = machine.run(&expanded(script), &env);
        assert_eq!(run.code, 0, "{job}: {script}\n{}", run.text());
        ran.push(step["name"].as_str().unwrap().to_owned());
    }
    ran
}

fn github(fake: &Fake) -> Machine {
    let mut machine = Machine::new();
    let event = machine.path("event.json");
    std::fs::write(&event, r#"{"pull_request":{"number":7}}"#).unwrap();
    for (name, value) in [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_REPOSITORY", "acme/access"),
        ("GITHUB_API_URL", fake.url.as_str()),
        ("GITHUB_EVENT_PATH", event.to_str().unwrap()),
        ("GITHUB_STEP_SUMMARY", machine.path("summary.md").to_str().unwrap()),
        ("GITHUB_OUTPUT", machine.path("output").to_str().unwrap()),
    ] {
        machine.set(name, value);
    }
    machine
}

#[test]
fn the_github_workflow_plans_comments_applies_and_looks_for_drift() {
    let workflow = &documents("ci/github/assignctl.yml")[0];
    let fake = Fake::new(Host::Github, &[]);
    let machine = github(&fake);
    let ran = github_job(&machine, workflow, "plan", "pull_request");
    assert_eq!(ran, ["Install", "Validate", "Plan", "Show it on the pull request"]);
    let comments = fake.comments();
    assert!(comments[0].1.starts_with("<!-- assignctl:plan -->\n**Plan:** 6 to create"), "{comments:?}");
    let ran = github_job(&machine, workflow, "plan", "push");
    assert_eq!(ran, ["Install", "Validate", "Plan"]);
    let ran = github_job(&machine, workflow, "apply", "push");
    assert_eq!(ran, ["Install", "Apply the plan that was approved"]);
    assert_eq!(github_job(&machine, workflow, "drift", "schedule"), ["Install", "Look for drift"]);
    assert!(std::fs::read_to_string(machine.path("summary.md")).unwrap().contains("**Applied:** 14 done."));
    assert_eq!(fake.comments().len(), 1);
}

#[test]
fn the_workflow_for_forks_comments_under_the_policy_of_its_own_repository() {
    let workflow = &documents("ci/github/forks.yml")[0];
    let fake = Fake::new(Host::Github, &[]);
    let machine = github(&fake);
    assert_eq!(github_job(&machine, workflow, "validate", "pull_request"), ["Install", "Validate"]);
    // What the two checkouts bring. Every job has a machine of its own, so the checkout of the job before is gone.
    std::fs::remove_file(machine.path("work/assignctl.yaml")).unwrap();
    support::copy(&example("quickstart"), &machine.path("work/proposed"));
    let policy = "apiVersion: assignctl/v1\nkind: Policy\nmetadata: { name: ours }\nspec: {}\n";
    support::write(&machine.path("work"), "base/policy/assignctl.yaml", policy);
    let ran = github_job(&machine, workflow, "plan", "pull_request_target");
    assert_eq!(ran, ["The label is spent", "Install", "Plan", "Show it on the pull request"]);
    let asked = std::fs::read_to_string(machine.path("asked")).unwrap();
    assert!(asked.contains("gh pr edit 7 --repo acme/access --remove-label plan"), "{asked}");
    let comments = fake.comments();
    assert!(comments[0].1.contains("Policy in force: base/policy/assignctl.yaml"), "{comments:?}");
}

#[test]
fn the_gitlab_pipeline_plans_comments_applies_and_looks_for_drift() {
    let pipeline = &documents("ci/gitlab/gitlab-ci.yml")[0];
    let fake = Fake::new(Host::Gitlab, &[]);
    let mut machine = Machine::new();
    for (name, value) in [
        ("GITLAB_CI", "true"),
        ("CI_PROJECT_ID", "1"),
        ("CI_MERGE_REQUEST_PROJECT_ID", "acme/group/access"),
        ("CI_MERGE_REQUEST_IID", "7"),
        ("CI_API_V4_URL", fake.url.as_str()),
        ("GITLAB_TOKEN", TOKEN),
    ] {
        machine.set(name, value);
    }
    for job in ["validate", "plan", "comment", "apply", "drift"] {
        let lines: Vec<&str> =
            pipeline[job]["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let run = machine.run(&lines.join("\n"), &BTreeMap::new());
        assert_eq!(run.code, 0, "{job}: {}", run.text());
        for path in pipeline[job]["artifacts"]["paths"].as_array().into_iter().flatten() {
            assert!(machine.path("work").join(path.as_str().unwrap()).exists(), "{job} leaves {path}");
        }
    }
    let counts: Value =
        serde_json::from_str(&std::fs::read_to_string(machine.path("work/counts.json")).unwrap()).unwrap();
    assert_eq!(counts, serde_json::json!({ "create": 6, "update": 4, "delete": 4 }));
    assert!(fake.comments()[0].1.contains("**Plan:** 6 to create"), "{:?}", fake.comments());
}

/// A container's command with the volumes where this machine has them.
fn container(machine: &Machine, container: &Value) -> String {
    let words = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let words: Vec<Value> = words(&container["command"]).into_iter().chain(words(&container["args"])).collect();
    let quoted = words.iter().map(|word| format!("'{}'", word.as_str().unwrap().replace('\'', "'\\''")));
    let command = quoted.collect::<Vec<_>>().join(" ");
    let volume = |name: &str| machine.path(name).display().to_string();
    command.replace("/manifests", &volume("work")).replace("/reports", &volume("reports"))
}

#[test]
fn the_indexed_job_and_its_merge_are_the_whole_plan() {
    let jobs = documents("ci/kubernetes/sharded-job.yaml");
    let machine = Machine::new();
    std::fs::create_dir_all(machine.path("reports")).unwrap();
    let parts = jobs[0]["spec"]["completions"].as_u64().unwrap();
    let spec = |job: &Value| job["spec"]["template"]["spec"]["containers"][0].clone();
    for index in 0..parts {
        let env = BTreeMap::from([("JOB_COMPLETION_INDEX".to_owned(), index.to_string())]);
        let run = machine.run(&container(&machine, &spec(&jobs[0])), &env);
        assert_eq!(run.code, 0, "{}", run.text());
        assert_eq!(run.stderr, "", "a pod's log holds its plan and nothing else");
    }
    let merge = jobs.iter().find(|job| job["metadata"]["name"] == "assignctl-merge").unwrap();
    let run = machine.run(&container(&machine, &spec(merge)), &BTreeMap::new());
    assert_eq!(run.code, 0, "{}", run.text());
    let whole = machine.run("assignctl plan --report json=../whole.json -q", &BTreeMap::new());
    assert_eq!(whole.code, 0, "{}", whole.text());
    let lines = |name: &str| {
        let text = std::fs::read_to_string(machine.path(name)).unwrap();
        let varies = |line: &&str| !line.contains("planned_at") && !line.contains("_requests");
        text.lines().filter(varies).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines("reports/plan.json"), lines("whole.json"));
    assert!(std::fs::read_to_string(machine.path("reports/plan.md")).unwrap().starts_with("**Plan:** 6 to create"));

    // A pod that failed leaves nothing of an earlier run behind, and its part is missed.
    std::fs::remove_file(machine.path("reports/part-3.json")).unwrap();
    let run = machine.run(&container(&machine, &spec(merge)), &BTreeMap::new());
    assert!(run.code == 1 && run.stderr.contains("missing: 4"), "{}", run.text());
}

#[test]
fn the_nightly_job_looks_for_drift() {
    let job = &documents("ci/kubernetes/cronjob.yaml")[0];
    let machine = Machine::new();
    let spec = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    let command = container(&machine, spec);
    assert_eq!(machine.run(&command, &BTreeMap::new()).code, 2, "nothing was applied yet");
    assert_eq!(machine.run("assignctl apply --auto-approve -q", &BTreeMap::new()).code, 0);
    assert_eq!(machine.run(&command, &BTreeMap::new()).code, 0);
}

#[test]
fn workflows_have_the_shape_that_github_takes() {
    for path in ["ci/github/assignctl.yml", "ci/github/forks.yml"] {
        let workflow = &documents(path)[0];
        for key in workflow.as_object().unwrap().keys() {
            assert!(
                ["name", "on", "permissions", "concurrency", "env", "jobs"].contains(&key.as_str()),
                "{path}: {key}"
            );
        }
        assert_eq!(workflow["permissions"], serde_json::json!({ "contents": "read" }), "{path}");
        let jobs = workflow["jobs"].as_object().unwrap();
        for (name, job) in jobs {
            assert!(job["runs-on"].is_string(), "{path}: {name}");
            let needs = job["needs"].as_str();
            assert!(needs.is_none_or(|needs| jobs.contains_key(needs)), "{path}: {name} needs {needs:?}");
            for step in job["steps"].as_array().unwrap() {
                let (uses, run) = (step["uses"].as_str(), step["run"].as_str());
                assert!(uses.is_some() != run.is_some(), "{path}: {name}: {step}");
                let pinned = |uses: &str| uses.split_once("@v").is_some_and(|(_, v)| v.parse::<u32>().is_ok());
                assert!(uses.is_none_or(pinned), "{path}: {uses:?}");
                // What somebody else may write reaches a shell only through the environment.
                assert!(run.is_none_or(|run| !run.contains("${{")), "{path}: {run:?}");
                if run.is_some_and(|run| run.starts_with("assignctl comment")) {
                    assert_eq!(job["permissions"]["pull-requests"], "write", "{path}: {name}");
                }
            }
        }
    }
}

#[test]
fn the_gitlab_file_has_the_shape_that_gitlab_takes() {
    let pipeline = &documents("ci/gitlab/gitlab-ci.yml")[0];
    let stages: Vec<&str> =
        pipeline["stages"].as_array().unwrap().iter().map(|stage| stage.as_str().unwrap()).collect();
    let jobs = pipeline.as_object().unwrap().iter().filter(|(_, value)| value.get("script").is_some());
    for (name, job) in jobs {
        assert!(stages.contains(&job["stage"].as_str().unwrap()), "{name}");
        assert!(job["script"].as_array().unwrap().iter().all(Value::is_string), "{name}");
        for needed in job["needs"].as_array().into_iter().flatten() {
            assert!(pipeline[needed.as_str().unwrap()]["script"].is_array(), "{name} needs {needed}");
        }
        assert!(job["rules"].is_array(), "{name} says when it runs");
    }
}

#[test]
fn jobs_of_kubernetes_mount_what_they_declare_and_run_without_root() {
    let mut pods = 0;
    for path in ["ci/kubernetes/cronjob.yaml", "ci/kubernetes/sharded-job.yaml"] {
        for document in documents(path) {
            assert!(document["apiVersion"].is_string() && document["metadata"]["name"].is_string(), "{path}");
            let job = if document["kind"] == "CronJob" { &document["spec"]["jobTemplate"] } else { &document };
            let pod = &job["spec"]["template"]["spec"];
            if pod.is_null() {
                continue;
            }
            pods += 1;
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{path}");
            let named =
                |list: &Value, name: &Value| list.as_array().into_iter().flatten().any(|one| one["name"] == *name);
            for container in
                ["initContainers", "containers"].iter().flat_map(|kind| pod[kind].as_array().into_iter().flatten())
            {
                assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{path}");
                for mount in container["volumeMounts"].as_array().unwrap() {
                    assert!(named(&pod["volumes"], &mount["name"]), "{path}: {mount}");
                }
            }
            for rule in job["spec"]["podFailurePolicy"]["rules"].as_array().into_iter().flatten() {
                assert!(named(&pod["containers"], &rule["onExitCodes"]["containerName"]), "{path}: {rule}");
            }
        }
    }
    assert_eq!(pods, 3);
}

#[test]
fn the_dockerfile_builds_what_is_here_and_runs_without_root() {
    let text = std::fs::read_to_string(example("ci/Dockerfile")).unwrap();
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert!(text.contains(&format!("FROM rust:{version}-alpine AS build\n")), "the toolchain that Cargo.toml asks for");
    assert!(text.contains("cargo build --release --locked --target \"$target\""), "{text}");
    let mut installed = "";
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["COPY", "--from=build", from, to] => assert!(from == to && text.contains(&format!(" {from}\n")), "{line}"),
            ["COPY", sources @ .., _] => {
                for source in sources {
                    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(source).exists(), "{line}");
                }
            }
            ["USER", user] => installed = user,
            _ => {}
        }
    }
    assert_eq!(installed, "65532:65532");
    let ignored = std::fs::read_to_string(example("ci/Dockerfile.dockerignore")).unwrap();
    let needed = ["Cargo.toml", "Cargo.lock", "src", "tests", "benches", "examples", "README.md"];
    for line in ignored.lines().filter(|line| !line.starts_with('#')) {
        assert!(!needed.contains(&line.trim_end_matches('/')), "the build needs {line}");
    }
}
