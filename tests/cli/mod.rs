//! The program as its users meet it: words, streams, exit codes. Output is compared with snapshots under `snapshots/`, which are read
//! by a person before they are accepted.

#[cfg(unix)]
mod asked;
mod bad_wires;
mod base;
mod comment;
mod credentials;
mod drift;
mod environment;
mod examples;
mod explain;
mod import;
mod init;
mod journal;
mod merge;
mod names;
mod narrowing;
mod network;
mod output;
mod pipeline_runs;
mod pipelines;
mod reports;
mod requests;
mod resend;
mod sandbox;
mod saved;
#[cfg(unix)]
mod signals;
mod stopped;
mod undo;
mod usage;

use std::path::Path;
use std::process::Command;

use assignctl::sandbox::Running;

use crate::support::{self, Run};

/// A Partium target that waits for nothing.
fn target(url: &str) -> String {
    format!(
        "apiVersion: assignctl/v1
kind: Target
metadata: {{ name: parts }}
spec:
  provider: partium
  endpoint: {url}
  auth: {{ bearer: {{ env: TOKEN }} }}
  limits: {{ timeout: 20s, retry_budget: 0s }}
"
    )
}

/// An authoritative set of one organization.
fn set(name: &str, org_id: &str, ass_ids: &str) -> String {
    format!(
        "apiVersion: assignctl/v1
kind: PartiumAssignments
metadata: {{ name: {name}, labels: {{ org: {org_id} }} }}
spec:
  target: parts
  mode: authoritative
  scope: {{ org_ids: [{org_id}] }}
  assignments:
    - {{ ass_ids: [{ass_ids}], org_id: {org_id} }}
"
    )
}

/// What is live in most of these tests: four assemblies at each of two dealers.
const LIVE: &str = "partium: { assignments: [{ ass_ids: [a, b, c, d], org_ids: [at, de] }] }";

/// A repository of manifests beside a server.
struct Place {
    server: Running,
    dir: tempfile::TempDir,
}

impl Place {
    /// A root, the target, and one set a dealer: `austria` wants a, b, c and e; `germany` wants what is there.
    fn new() -> Self {
        let place = Self { server: support::sandbox::seeded(LIVE), dir: tempfile::tempdir().unwrap() };
        place.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
        place.write("target.yaml", &target(&place.server.url()));
        place.write("sets/austria.yaml", &set("austria", "at", "a, b, c, e"));
        place.write("sets/germany.yaml", &set("germany", "de", "a, b, c, d"));
        place
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn write(&self, path: &str, text: &str) {
        support::write(self.path(), path, text);
    }

    /// The program with a good token.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = support::program(self.path());
        command.args(args).env("TOKEN", "sandbox");
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        support::run(&mut self.command(args))
    }

    fn fault(&self, fault: &str) {
        self.server.add_fault(fault.parse().unwrap());
    }

    /// The pairs that are live, as `ass org`.
    fn live(&self) -> Vec<String> {
        let dump = self.server.dump().unwrap();
        let text = |pair: &serde_json::Value, name: &str| pair[name].as_str().unwrap().to_owned();
        let pairs = dump["partium"]["assignments"].as_array().into_iter().flatten();
        pairs.map(|pair| format!("{} {}", text(pair, "ass_id"), text(pair, "org_id"))).collect()
    }

    /// The write requests so far.
    fn writes(&self) -> usize {
        self.server.requests().iter().filter(|request| !request.path.ends_with("/list")).count()
    }

    /// A run's text without what differs from run to run.
    fn steady(&self, run: &Run) -> String {
        steady(&run.text(), self)
    }
}

fn steady(text: &str, place: &Place) -> String {
    let address = place.server.addr().to_string();
    let text = text.replace(&address, "127.0.0.1:PORT").replace(&place.path().display().to_string(), "DIR");
    support::without_seconds(&text)
}
