//! Canaries: secrets that every command is given, at the highest log level, with answers that go wrong and answers that repeat them.
//! They may be nowhere afterwards: not in an output, not in a file, not in the sandbox's store.

use std::path::Path;
use std::process::Command;

use crate::support::{self, Run};

const TOKEN: &str = "canary-token-1c9b5e";
const PARAMETER: &str = "canary-parameter-77ad02";
const PROJECT: &str = "canary-project-e01f4c";
const CLIENT: &str = "canary-client-5b8d93";
const FILE: &str = "canary-file-aa61f0";
const UNUSED: &str = "canary-unused-3d2c17";
const CANARIES: [&str; 6] = [TOKEN, PARAMETER, PROJECT, CLIENT, FILE, UNUSED];

fn targets(url: &str) -> String {
    let target = |name: &str, spec: &str| {
        format!(
            "---\napiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: {name} }}\nspec: {{ endpoint: '{url}', limits: {{ timeout: 3s, retry_budget: 20ms }}, {spec} }}\n"
        )
    };
    [
        target("parts", "provider: partium, auth: { bearer: { env: TOKEN } }"),
        target("bi", "provider: semaphor, project_id: p_1, auth: { project_secret: { env: PROJECT } }"),
        target(
            "pie",
            &format!("provider: streamline, client_id: client-1, auth: {{ client_credentials: {{ token_url: '{url}/oauth2/token', client_id: {{ env: CLIENT_ID }}, client_secret: {{ env: CLIENT }}, scopes: [streamline/admin] }} }}"),
        ),
        target("crm", "provider: canopy, surface: api, auth: { api_key: { file: key } }"),
    ]
    .concat()
}

const SETS: &str = "
apiVersion: assignctl/v1
kind: PartiumAssignments
metadata: { name: dealers }
spec: { target: parts, mode: authoritative, scope: all, expect: { removes: 5, until: SOON }, assignments: [{ ass_id: new, org_id: at }] }
---
apiVersion: assignctl/v1
kind: SemaphorAssignments
metadata: { name: tenants }
spec:
  target: bi
  mode: authoritative
  scope: all
  assignments: [{ definitionId: by_tenant, scopeType: TENANT, tenantId: t_1, params: { region: eu }, secret_params: { key: { env: PARAMETER } } }]
---
apiVersion: assignctl/v1
kind: StreamlineAssignments
metadata: { name: pricing }
spec: { target: pie, mode: additive, domain_id: south, service_id: pricing, assignments: [{ assignment_key: default, model_id: m, model_version: 1.0.0 }] }
---
apiVersion: assignctl/v1
kind: CanopyAssignments
metadata: { name: support }
spec: { target: crm, mode: additive, assignments: [{ identity_id: idn_a, node_id: n, role_id: r }] }
";

fn seed() -> String {
    format!(
        "auth: {{ bearer: [{TOKEN}], api_keys: [{FILE}], project_secrets: [{{ projectId: p_1, projectSecret: {PROJECT} }}], streamline_clients: [{{ client_id: cognito, client_secret: {CLIENT}, scopes: [streamline/admin] }}] }}
partium: {{ assignments: [{{ ass_id: old, org_id: at }}] }}
streamline: {{ clients: [{{ client_id: client-1, models: [{{ model_id: m, versions: [1.0.0] }}], domains: [{{ domain_id: south, services: [{{ service_id: pricing }}] }}] }}] }}
semaphor:
  projects:
    - projectId: p_1
      definitions: [{{ id: by_tenant, name: By tenant, connection: {{ id: c, name: c, type: postgres }}, secret_params: [key] }}]
      tenants: [{{ id: t_1, name: One }}]
canopy: {{ environments: [{{ account: a, application: b, environment: c, identities: [{{ id: idn_a, name: A, email: a@example.com }}], nodes: [{{ id: n, name: N }}], roles: [{{ id: r, name: R }}] }}] }}
"
    )
}

struct Place {
    dir: tempfile::TempDir,
    secrets: tempfile::TempDir,
}

impl Place {
    fn new(url: &str) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap(), secrets: tempfile::tempdir().unwrap() };
        support::write(place.dir.path(), "assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
        support::write(place.dir.path(), "targets.yaml", &targets(url));
        support::write(place.dir.path(), "sets.yaml", &SETS.replace("SOON", &support::soon()));
        support::write(place.secrets.path(), "key", FILE);
        place
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = support::program(self.dir.path());
        command.args(args).env("ASSIGNCTL_SECRETS_DIR", self.secrets.path()).env("RUST_BACKTRACE", "full");
        command.env("TOKEN", TOKEN).env("PROJECT", PROJECT).env("CLIENT", CLIENT).env("CLIENT_ID", "cognito");
        command.env("PARAMETER", PARAMETER).env("UNUSED", UNUSED);
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        let run = support::run(&mut self.command(args));
        is_clean(&format!("{args:?}"), run.text().as_bytes());
        run
    }
}

fn is_clean(what: &str, bytes: &[u8]) {
    for canary in CANARIES {
        let found = bytes.windows(canary.len()).position(|window| window == canary.as_bytes());
        let around = found.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(200)..at]).into_owned());
        assert!(around.is_none(), "{what} holds {canary}, after: {}", around.unwrap_or_default());
    }
}

fn files_are_clean(dir: &Path) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += files_are_clean(&path);
        } else {
            is_clean(&path.display().to_string(), &std::fs::read(&path).unwrap());
            files += 1;
        }
    }
    files
}

const LOUD: [&str; 2] = ["-vv", "--log=trace"];

#[test]
fn no_command_shows_or_keeps_a_secret() {
    let store = tempfile::tempdir().unwrap();
    let state = assignctl::sandbox::State::File(store.path().join("state.db"));
    let seed = assignctl::sandbox::Seed::parse(&seed()).unwrap();
    let server = support::sandbox::serve(assignctl::sandbox::Options { seed: Some(seed), state, ..Default::default() });
    let place = Place::new(&server.url());
    for loud in LOUD {
        place.run(&["validate", loud]);
        assert_eq!(place.run(&["plan", loud, "--full"]).code, 0, "{}", place.run(&["plan"]).text());
        place.run(&["plan", loud, "--format", "json", "--rotate"]);
    }
    let out = tempfile::tempdir().unwrap();
    let file = |name: &str| out.path().join(name).display().to_string();
    let saved = place.run(&["plan", "--out", &file("saved.plan"), "--report", &format!("html={}", file("plan.html"))]);
    assert_eq!(saved.code, 0, "{}", saved.text());
    let apply = place.run(&[
        "apply",
        "--auto-approve",
        "-vv",
        "--log=trace",
        "--journal",
        &file("journal"),
        "--undo-out",
        &file("undo.yaml"),
        "--report",
        &format!("markdown={}", file("apply.md")),
        "--report",
        &format!("ndjson={}", file("apply.ndjson")),
    ]);
    assert_eq!(apply.code, 0, "the secrets are good, and were sent: {}", apply.text());
    let (history, metrics) = (file("history"), file("metrics"));
    place.run(&["drift", "-vv", "--log=trace", "--remediate", "--history", &history, "--metrics", &metrics]);
    for target in [&["bi"][..], &["parts"], &["crm"], &["pie", "--domain", "south", "--service", "pricing"]] {
        let import = [&["import", "-vv", "--log=trace", "--target"], target].concat();
        let run = place.run(&import);
        assert_eq!(run.code, 0, "{}", run.text());
    }
    assert!(files_are_clean(out.path()) >= 8, "every output of a run is looked at");
    let again = place.run(&["apply", "--auto-approve", "--rotate", "--format=json", "--log=trace"]);
    assert_eq!(again.json()["totals"]["done"], 1, "{}", again.text());
    for args in [
        &["schema"][..],
        &["schema", "plan"],
        &["completions", "bash"],
        &["man"],
        &["explain"],
        &["explain", "secret-literal"],
        &["--help"],
        &["plan", "--help"],
        &["nonsense"],
    ] {
        place.run(args);
    }
    is_clean("the server's dump", server.dump().unwrap().to_string().as_bytes());
    for request in server.requests() {
        // Bodies carry what has to arrive; addresses end up in other people's logs.
        is_clean("an address", format!("{} {} {:?}", request.method, request.path, request.query).as_bytes());
    }
    drop(server);
    assert!(files_are_clean(store.path()) > 0);
    assert!(files_are_clean(place.dir.path()) >= 3);
}

/// Every command that the program has, with the arguments that let it do its work.
const EVERY_COMMAND: [&[&str]; 13] = [
    &["validate"],
    &["plan", "--full"],
    &["apply", "--auto-approve"],
    &["drift", "--remediate"],
    &[
        "comment",
        "--forge=gitea",
        "--repository=a/b",
        "--number=1",
        "--api-url=http://127.0.0.1:1",
        "--token-env=UNUSED",
        "--retry-budget=0s",
        "--file=sets.yaml",
    ],
    &["report", "merge", "part-1.json", "part-2.json"],
    &["import", "--target", "bi"],
    &["init", "started", "--provider", "partium", "--ci", "none"],
    &["explain", "secret-literal"],
    &["sandbox", "--listen", "127.0.0.1:0"],
    &["schema", "plan"],
    &["completions", "bash"],
    &["man"],
];

#[test]
fn every_command_is_in_the_list() {
    let place = Place::new("http://127.0.0.1:1");
    let help = place.run(&["--help"]).stdout;
    let commands = help.split_once("Commands:").unwrap().1.split_once("Options:").unwrap().0;
    let names = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    let listed = |name: &&str| *name == "help" || EVERY_COMMAND.iter().any(|command| command[0] == *name);
    assert!(names.len() >= EVERY_COMMAND.len() && names.iter().all(listed), "{names:?}");
}

#[test]
fn a_bug_that_panics_shows_no_secret_and_ends_with_exit_1() {
    let place = Place::new("http://127.0.0.1:1");
    for command in EVERY_COMMAND {
        let mut command = place.command(command);
        let message = format!("could not read {TOKEN}, {PARAMETER}, {PROJECT}, {CLIENT} and {FILE}");
        let run = support::run(command.env("ASSIGNCTL_TEST_PANIC", message));
        assert_eq!(run.code, 1, "{}", run.text());
        assert!(run.stderr.contains("internal error at src/cli/panic.rs:"), "{}", run.text());
        is_clean("a panic", run.text().as_bytes());
    }
}

/// Each command with nobody at the other end, with a place that cannot be written, and with secrets among its arguments' files.
#[test]
fn no_command_shows_a_secret_when_it_fails() {
    let place = Place::new("http://127.0.0.1:1");
    for command in EVERY_COMMAND.into_iter().filter(|command| command[0] != "sandbox") {
        let loud = [command, &["-vv", "--log=trace"]].concat();
        let run = place.run(&loud);
        // Nobody answers, and there is no part of a report.
        let fails = matches!(command[0], "plan" | "apply" | "drift" | "import" | "comment" | "report");
        assert_eq!(run.code != 0, fails, "{command:?}: {}", run.text());
    }
    for target in ["parts", "bi", "pie", "crm"] {
        assert_ne!(place.run(&["import", "--target", target, "-vv", "--log=trace"]).code, 0);
    }
    assert_ne!(
        place.run(&["init", "started", "--provider", "partium", "--ci", "none", "-vv", "--log=trace"]).code,
        0,
        "it is there already"
    );
    assert_ne!(place.run(&["explain", "no-such-code", "-vv", "--log=trace"]).code, 0);
    assert_ne!(place.run(&["schema", "nothing", "-vv"]).code, 0);
    for flag in ["--out", "--report", "--journal"] {
        place.run(&["plan", flag, "/nowhere/at/all", "-vv", "--log=trace"]);
    }
    assert!(files_are_clean(place.dir.path()) >= 3);
}

/// The sandbox as a process of its own, at the highest log level, on a state file that it keeps.
#[test]
fn the_sandbox_command_shows_and_keeps_no_secret() {
    let place = Place::new("http://127.0.0.1:1");
    let kept = tempfile::tempdir().unwrap();
    support::write(place.secrets.path(), "seed.yaml", &seed());
    let mut command = place.command(&["sandbox", "--listen", "127.0.0.1:0", "-vv", "--log=trace"]);
    command.arg("--seed").arg(place.secrets.path().join("seed.yaml"));
    command.arg("--state").arg(kept.path().join("state.db"));
    let errors = std::fs::File::create(kept.path().join("stderr")).unwrap();
    let mut sandbox = command.stdout(std::process::Stdio::piped()).stderr(errors).spawn().unwrap();
    let mut url = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(sandbox.stdout.take().unwrap()), &mut url).unwrap();
    support::write(place.dir.path(), "targets.yaml", &targets(url.trim()));
    let run = place.run(&["apply", "--auto-approve", "-vv", "--log=trace"]);
    let wrong = support::run(place.command(&["plan"]).env("TOKEN", UNUSED));
    sandbox.kill().unwrap();
    sandbox.wait().unwrap();
    assert_eq!((run.code, wrong.code), (0, 1), "{}\n{}", run.text(), wrong.text());
    assert!(
        std::fs::read_to_string(kept.path().join("stderr")).unwrap().lines().count() > 8,
        "it was told of requests"
    );
    assert_eq!(files_are_clean(kept.path()), 2, "what it said, and what it keeps");
}

#[test]
fn answers_that_go_wrong_or_repeat_a_secret_show_none() {
    // Each API can repeat only what it was given.
    let apis = [
        ("/1/**", TOKEN),
        ("/api/v1/token", PROJECT),
        ("/api/management/**", PARAMETER),
        ("/oauth2/token", CLIENT),
        ("/v2/**", CLIENT),
        ("/api/v1/assignments/**", FILE),
    ];
    let echo = |secret: &str| {
        format!(
            "{{\"detail\": \"{secret}\", \"message\": \"{secret}\", \"error\": {{\"code\": \"{secret}\", \"message\": \"{secret}\"}}}}"
        )
    };
    // A parameter is known to nobody before it is sent.
    let method = |secret: &str| if secret == PARAMETER { "POST" } else { "*" };
    let repeated = |status: &str| -> Vec<String> {
        let fault =
            |(path, secret): (&str, &str)| format!("{} {path}={status};body={}:*", method(secret), echo(secret));
        apis.into_iter().map(fault).collect()
    };
    for faults in [
        repeated("400"),
        repeated("401"),
        repeated("422"),
        repeated("500"),
        repeated("503"),
        repeated("200"),
        vec![format!("* /**=redirect=https://example.com/?x={TOKEN}")],
        vec!["* /**=garbage:*".to_owned()],
        vec!["* /**=truncate:*".to_owned()],
        vec!["* /**=drop-after:*@3".to_owned()],
        vec!["* /**=slow=4s:1".to_owned()],
    ] {
        let server = support::sandbox::seeded(&seed());
        for fault in &faults {
            server.add_fault(fault.parse().unwrap_or_else(|error| panic!("{fault}: {error}")));
        }
        let place = Place::new(&server.url());
        let run = place.run(&["apply", "--auto-approve", "-vv", "--log=trace"]);
        assert!(run.code != 0 || faults[0].contains("slow"), "{faults:?}: {}", run.text());
        place.run(&["plan", "--log=trace", "--format=json"]);
    }
}

#[test]
fn secrets_that_cannot_be_used_are_named_and_not_shown() {
    for (name, value) in [
        ("TOKEN", format!("{TOKEN}\nX-Evil: 1")),
        ("PARAMETER", format!("{PARAMETER}\u{7}")),
        ("CLIENT", format!("{CLIENT}\u{e9}")),
    ] {
        let server = support::sandbox::seeded(&seed());
        let place = Place::new(&server.url());
        let run = support::run(place.command(&["apply", "--auto-approve", "-vv"]).env(name, &value));
        assert_ne!(run.code, 0, "{name}: {}", run.text());
        is_clean(name, run.text().as_bytes());
    }
    let server = support::sandbox::seeded(&seed());
    let place = Place::new(&server.url());
    for (file, text, from, to) in [
        ("targets.yaml", targets(&server.url()), "bearer: { env: TOKEN }", format!("bearer: {UNUSED}")),
        ("targets.yaml", targets(&server.url()), "bearer: { env: TOKEN }", format!("bearer: {{ env: \"{UNUSED}\" }}")),
        ("sets.yaml", SETS.replace("SOON", &support::soon()), "key: { env: PARAMETER }", format!("key: {UNUSED}")),
    ] {
        support::write(place.dir.path(), file, &text.replace(from, &to));
        for args in [&["validate", "-vv"][..], &["validate", "--format=json"], &["plan", "-vv"]] {
            let run = place.run(args);
            assert_eq!(run.code, 1, "{args:?}: {}", run.text());
        }
        support::write(place.dir.path(), file, &text);
    }
}
