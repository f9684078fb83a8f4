//! What somebody who can open a pull request might try, each through the real program against a server (docs/threat-model.md has the
//! list). The honest repository is at rest under its policy; every test changes what a pull request can change, and nothing else.

mod access;
mod credentials;
#[cfg(unix)]
mod git;
mod input;
mod policy;
mod secrets;

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use assignctl::sandbox::Running;

use crate::support::{self, Run};

/// What is live, and what the honest repository declares.
const LIVE: &str = "
auth: { bearer: [crm-token, pie-token, bi-token, parts-token], api_keys: [] }
streamline:
  clients:
    - client_id: client-1
      domains:
        - domain_id: south
          services:
            - service_id: pricing
              assignments: [{ assignment_key: default, model_id: m, model_version: 1.0.0 }]
            - service_id: secret
              assignments: [{ assignment_key: default, model_id: m, model_version: 1.0.0 }]
partium: { assignments: [{ ass_ids: [a, b], org_ids: [at] }] }
semaphor:
  projects:
    - projectId: p_1
      definitions: [{ id: by_tenant, name: By tenant, connection: { id: c, name: c, type: postgres }, secret_params: [key] }]
      tenants: [{ id: t_1, name: One }]
      assignments: [{ definitionId: by_tenant, scopeType: TENANT, tenantId: t_1, params: { region: eu } }]
canopy:
  environments:
    - account: acme
      application: crm
      environment: prod
      assignments:
        - { identity_id: idn_anna, node_id: node_emea, role_id: role_agent }
        - { identity_id: idn_ben, node_id: node_emea, role_id: role_agent }
        - { identity_id: idn_chiara, node_id: node_emea, role_id: role_owner }
        - { identity_id: idn_robot, node_id: node_emea, role_id: role_admin }
        - { identity_id: idn_glass, node_id: node_emea, role_id: role_admin }
";

/// What the pipeline takes from the protected branch.
const POLICY: &str = "
apiVersion: assignctl/v1
kind: Policy
spec:
  thresholds: { max_loss_percent: 40, max_loss_count: 2 }
  max_expect: { removes: 3 }
  allowed_hosts: [127.0.0.1]
  protect:
    - { identity_id: idn_glass }
    - { role_id: role_owner, min_holders: 1 }
  deny_grants:
    - { role_id: role_owner }
    - { role_id: 'role_super*' }
    - { scopeType: ALL_TENANTS }
  targets:
    - { name: crm, provider: canopy, account: { account: acme, application: crm, environment: prod }, secrets: [{ env: CRM_TOKEN }] }
    - { name: pie, provider: streamline, account: { client_id: client-1 }, secrets: [{ env: 'PIE_*' }] }
    - { name: bi, provider: semaphor, account: { project_id: p_1 }, secrets: [{ env: BI_TOKEN }, { env: BI_KEY }] }
    - { name: parts, provider: partium, secrets: [{ env: PARTS_TOKEN }, { file: parts/* }] }
";

const TARGETS: &str = "
apiVersion: assignctl/v1
kind: Target
metadata: { name: crm }
spec: { provider: canopy, endpoint: URL, account: acme, application: crm, environment: prod, self: idn_robot, auth: { bearer: { env: CRM_TOKEN } }, limits: { timeout: 5s, retry_budget: 50ms } }
---
apiVersion: assignctl/v1
kind: Target
metadata: { name: pie }
spec: { provider: streamline, endpoint: URL, client_id: client-1, auth: { bearer: { env: PIE_TOKEN } }, limits: { timeout: 5s, retry_budget: 50ms } }
---
apiVersion: assignctl/v1
kind: Target
metadata: { name: bi }
spec: { provider: semaphor, endpoint: URL, project_id: p_1, auth: { bearer: { env: BI_TOKEN } }, limits: { timeout: 5s, retry_budget: 50ms } }
---
apiVersion: assignctl/v1
kind: Target
metadata: { name: parts }
spec: { provider: partium, endpoint: URL, auth: { bearer: { env: PARTS_TOKEN } }, limits: { timeout: 5s, retry_budget: 50ms } }
";

const SUPPORT: &str = "
apiVersion: assignctl/v1
kind: CanopyAssignments
metadata: { name: support }
spec:
  target: crm
  mode: authoritative
  scope: { node_ids: [node_emea] }
  protect: [{ identity_id: idn_chiara }]
  assignments:
    - { identity_id: idn_anna, node_id: node_emea, role_id: role_agent }
    - { identity_id: idn_ben, node_id: node_emea, role_id: role_agent }
    - { identity_id: idn_chiara, node_id: node_emea, role_id: role_owner }
    - { identity_id: idn_robot, node_id: node_emea, role_id: role_admin }
    - { identity_id: idn_glass, node_id: node_emea, role_id: role_admin }
";

const OTHERS: &str = "
apiVersion: assignctl/v1
kind: StreamlineAssignments
metadata: { name: pricing }
spec:
  target: pie
  mode: authoritative
  domain_id: south
  service_id: pricing
  assignments: [{ assignment_key: default, model_id: m, model_version: 1.0.0 }]
---
apiVersion: assignctl/v1
kind: SemaphorAssignments
metadata: { name: tenants }
spec:
  target: bi
  mode: authoritative
  scope: all
  assignments: [{ definitionId: by_tenant, scopeType: TENANT, tenantId: t_1, params: { region: eu } }]
---
apiVersion: assignctl/v1
kind: PartiumAssignments
metadata: { name: dealers }
spec:
  target: parts
  mode: authoritative
  scope: all
  assignments: [{ ass_ids: [a, b], org_id: at }]
";

/// The repository, the protected policy beside it, the servers that it speaks to, and one that it must never speak to.
struct Repo {
    server: Running,
    dir: tempfile::TempDir,
    protected: tempfile::TempDir,
    elsewhere: Elsewhere,
}

/// Stands between the program and the rest of the world, and counts who knocks.
struct Elsewhere {
    address: String,
    connections: Arc<AtomicUsize>,
}

impl Elsewhere {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        std::thread::spawn(move || {
            for _ in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, connections }
    }
}

impl Repo {
    fn new() -> Self {
        Self::with_live(LIVE)
    }

    fn with_live(live: &str) -> Self {
        let server = support::sandbox::seeded(live);
        let (dir, protected) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let repo = Self { server, dir, protected, elsewhere: Elsewhere::new() };
        repo.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
        repo.write("targets.yaml", &TARGETS.replace("URL", &repo.server.url()));
        repo.write("support.yaml", SUPPORT);
        repo.write("others.yaml", OTHERS);
        support::write(repo.protected.path(), "policy.yaml", POLICY);
        repo
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn write(&self, file: &str, text: &str) {
        support::write(self.path(), file, text);
    }

    /// A pull request that changes a text in a file.
    fn edit(&self, file: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path().join(file)).unwrap();
        assert!(text.contains(from), "{file} holds no {from:?}:\n{text}");
        self.write(file, &text.replace(from, to));
    }

    fn set_policy(&self, text: &str) {
        support::write(self.protected.path(), "policy.yaml", text);
    }

    /// The program as the pipeline calls it.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = support::program(self.path());
        command.args(args).env("ASSIGNCTL_POLICY", self.protected.path().join("policy.yaml"));
        for (name, value) in [("CRM", "crm-token"), ("PIE", "pie-token"), ("BI", "bi-token"), ("PARTS", "parts-token")]
        {
            command.env(format!("{name}_TOKEN"), value);
        }
        command
            .env("PIE_ID", "client-1")
            .env("DEPLOY_KEY", "never-to-be-sent")
            .env("HTTPS_PROXY", &self.elsewhere.address);
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        support::run(&mut self.command(args))
    }

    /// The attack: planned and applied without a question, as a pipeline would, it ends with this exit code and these words, and nothing is
    /// written or sent elsewhere.
    fn refused(&self, code: i32, words: &[&str]) {
        let before = self.server.dump().unwrap();
        for args in [&["plan"][..], &["apply", "--auto-approve"]] {
            let run = self.run(args);
            assert_eq!(run.code, code, "{args:?}: {}", run.text());
            for word in words {
                assert!(run.text().contains(word), "{args:?} does not say {word:?}: {}", run.text());
            }
            assert!(!run.text().contains("never-to-be-sent"), "{}", run.text());
        }
        assert_eq!(self.server.dump().unwrap(), before, "nothing is written");
        assert_eq!(self.elsewhere.connections.load(Ordering::SeqCst), 0, "nothing is sent elsewhere");
    }

    /// The paths that were asked for, without the query.
    fn paths(&self) -> Vec<String> {
        self.server.requests().into_iter().map(|request| request.path).collect()
    }
}

#[test]
fn the_honest_repository_is_at_rest() {
    let repo = Repo::new();
    let run = repo.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let run = repo.run(&["validate"]);
    assert_eq!(run.code, 0, "{}", run.text());
}
