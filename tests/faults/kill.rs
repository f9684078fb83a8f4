//! The real program, killed with SIGKILL in the middle of an apply, against a sandbox in another process: the next run finishes the job,
//! and nothing is done twice.
//!
//! The kills are counted in requests from a fixed seed (`SEED=7` takes others), which a failure tells; what the two processes do between
//! two requests is the machine's.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::hostile::{Random, number};
use crate::support::{Run, program, run, write};

/// How often a new state is applied, killed twice on the way.
const ROUNDS: usize = 4;
/// The requests of a whole apply, about; a kill strikes somewhere in them.
const REQUESTS: usize = 32;

const SEED: &str = r#"
streamline:
  clients:
    - client_id: client-1
      domains:
        - domain_id: sa
          services:
            - service_id: s1
              assignments:
                - { assignment_key: k1, model_id: forecast, model_version: 1.0.0 }
                - { assignment_key: k2, model_id: forecast, model_version: 1.0.0 }
                - { assignment_key: k3, model_id: forecast, model_version: 1.0.0 }
                - { assignment_key: old, model_id: forecast, model_version: 1.0.0 }
partium:
  assignments: [{ ass_ids: [a, b, c, d], org_ids: [at] }]
semaphor:
  projects:
    - projectId: p_1
      definitions: [{ id: usd, name: Tenant isolation }]
      assignments:
        - { definitionId: usd, scopeType: TENANT, tenantId: t1, params: { region: eu } }
        - { definitionId: usd, scopeType: TENANT, tenantId: old, params: { region: eu } }
canopy:
  environments:
    - account: acme
      application: crm
      environment: prod
      assignments:
        - { identity_id: anna, node_id: emea, role_id: agent, effective_from: 2025-01-01T08:00:00Z }
        - { identity_id: ben, node_id: emea, role_id: agent, effective_from: 2025-01-01T08:00:00Z }
        - { identity_id: old, node_id: emea, role_id: agent, effective_from: 2025-01-01T08:00:00Z }
"#;

const MANIFESTS: &str = r#"
apiVersion: assignctl/v1
kind: Target
metadata: { name: pie }
spec: { provider: streamline, endpoint: "{{sandbox}}", client_id: client-1, auth: { bearer: { env: TOKEN } }, limits: { concurrency: 2 } }
---
apiVersion: assignctl/v1
kind: StreamlineAssignments
metadata: { name: pricing }
spec:
  target: pie
  domain_id: sa
  service_id: s1
  mode: authoritative
  assignments:
    - { assignment_key: k1, model_id: forecast, model_version: 2.0.0 }
    - { assignment_key: k2, model_id: forecast, model_version: 2.0.0 }
    - { assignment_key: k3, model_id: forecast, model_version: 2.0.0 }
    - { assignment_key: k4, model_id: forecast, model_version: 2.0.0 }
    - { assignment_key: k5, model_id: forecast, model_version: 2.0.0 }
---
apiVersion: assignctl/v1
kind: Target
metadata: { name: parts }
spec: { provider: partium, endpoint: "{{sandbox}}", auth: { bearer: { env: TOKEN } }, limits: { concurrency: 1, batch_size: 1 } }
---
apiVersion: assignctl/v1
kind: PartiumAssignments
metadata: { name: dealers }
spec:
  target: parts
  mode: authoritative
  scope: { org_ids: [at] }
  assignments:
    - { ass_ids: [a, b, e, f, g], org_id: at }
---
apiVersion: assignctl/v1
kind: Target
metadata: { name: analytics }
spec: { provider: semaphor, endpoint: "{{sandbox}}", project_id: p_1, auth: { bearer: { env: TOKEN } }, limits: { concurrency: 1 } }
---
apiVersion: assignctl/v1
kind: SemaphorAssignments
metadata: { name: isolation }
spec:
  target: analytics
  mode: authoritative
  scope: { definitionIds: [usd] }
  assignments:
    - { definitionId: usd, scopeType: TENANT, tenantIds: [t1, t2, t3, t4], params: { region: us } }
---
apiVersion: assignctl/v1
kind: Target
metadata: { name: crm }
spec: { provider: canopy, endpoint: "{{sandbox}}", account: acme, application: crm, environment: prod, auth: { bearer: { env: TOKEN } }, limits: { concurrency: 1, batch_size: 1 } }
---
apiVersion: assignctl/v1
kind: CanopyAssignments
metadata: { name: support }
spec:
  target: crm
  mode: authoritative
  scope: { node_ids: [emea] }
  assignments:
    - { identity_ids: [anna, ben], node_id: emea, role_id: lead }
    - { identity_ids: [carla, dan, eve], node_id: emea, role_id: agent }
"#;

/// A sandbox in a process of its own. It is ended when this is dropped.
struct Sandbox {
    child: Child,
    url: String,
    /// `METHOD PATH STATUS`, oldest first.
    log: Arc<Mutex<Vec<String>>>,
}

impl Sandbox {
    fn start(dir: &Path) -> Self {
        write(dir, "seed/seed.yaml", SEED);
        let mut command = program(dir);
        command.args(["sandbox", "--listen", "127.0.0.1:0", "--seed", "seed/seed.yaml", "--latency", "8ms"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the sandbox starts");
        let mut url = String::new();
        BufReader::new(child.stdout.take().expect("standard output is piped")).read_line(&mut url).expect("an address");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, sink) =
            (BufReader::new(child.stderr.take().expect("standard error is piped")).lines(), Arc::clone(&log));
        std::thread::spawn(move || {
            let methods = ["GET ", "PUT ", "POST ", "PATCH ", "DELETE "];
            let requests =
                lines.map_while(Result::ok).filter(|line| methods.iter().any(|method| line.starts_with(method)));
            requests.for_each(|line| sink.lock().unwrap_or_else(PoisonError::into_inner).push(line));
        });
        Self { child, url: url.trim().to_owned(), log }
    }

    fn requests(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended by itself, which the test then notices elsewhere.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(dir: &Path, args: &[&str]) -> std::process::Command {
    let mut command = program(dir);
    command.args(args).arg("manifests").env("TOKEN", "sandbox");
    command
}

/// Starts an apply and kills it once the sandbox has seen so many more requests. Gives whether it was still running.
fn kill_after(dir: &Path, sandbox: &Sandbox, requests: usize) -> bool {
    let before = sandbox.requests().len();
    let mut apply = command(dir, &["apply", "--auto-approve"]);
    let mut child = apply.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    let started = Instant::now();
    while sandbox.requests().len() < before + requests && started.elapsed() < Duration::from_secs(30) {
        if child.try_wait().expect("the program can be waited for").is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    child.kill().expect("the program can be killed");
    let status = child.wait().expect("the program can be waited for");
    status.code().is_none()
}

/// Requests that were carried out and must not be carried out twice, by how often they were.
fn carried_out(requests: &[String]) -> BTreeMap<&str, usize> {
    let mut times = BTreeMap::new();
    let puts =
        requests.iter().filter(|line| line.starts_with("PUT ") && (line.ends_with(" 200") || line.ends_with(" 201")));
    puts.for_each(|line| *times.entry(line.as_str()).or_default() += 1);
    times
}

#[allow(clippy::print_stdout)] // a killed test run has at least said which numbers it took
fn tell_seed(seed: u64) {
    println!("kill tests: SEED={seed}");
}

fn finished(what: &str, run: &Run, place: &str, sandbox: &Sandbox) {
    assert_eq!(run.code, 0, "{what}, {place}: {}\n{}", run.text(), sandbox.requests().join("\n"));
}

#[test]
fn killed_anywhere_the_next_run_finishes_and_does_nothing_twice() {
    let seed = number("SEED", 1);
    tell_seed(seed);
    let (mut random, mut killed) = (Random(seed.max(1)), 0);
    for round in 1..=ROUNDS {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let sandbox = Sandbox::start(dir.path());
        write(dir.path(), "manifests/assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
        write(dir.path(), "manifests/all.yaml", &MANIFESTS.replace("{{sandbox}}", &sandbox.url));
        // At least the reads have begun, or the kill would prove nothing.
        let kills = [1 + random.below(REQUESTS), 1 + random.below(REQUESTS)];
        let place = format!("SEED={seed}, round {round}, kills at {kills:?}");
        killed += kills.iter().filter(|at| kill_after(dir.path(), &sandbox, **at)).count();
        // What was on its way when the program ended still arrives.
        std::thread::sleep(Duration::from_millis(60));
        let last = run(&mut command(dir.path(), &["apply", "--auto-approve", "--quiet"]));
        finished("the apply", &last, &place, &sandbox);
        let plan = run(&mut command(dir.path(), &["plan", "--detailed-exitcode"]));
        finished("the plan", &plan, &place, &sandbox);
        let requests = sandbox.requests();
        let twice: Vec<_> = carried_out(&requests).into_iter().filter(|(_, times)| *times > 1).collect();
        assert_eq!(twice, [], "{place}:\n{}", requests.join("\n"));
        // A create that was sent although it was there already is answered with 409.
        let conflicts: Vec<_> = requests.iter().filter(|line| line.ends_with(" 409")).collect();
        assert!(conflicts.is_empty(), "{place}: {conflicts:?}");
    }
    assert!(killed >= ROUNDS, "SEED={seed}: only {killed} of {} kills struck a running apply", 2 * ROUNDS);
}
