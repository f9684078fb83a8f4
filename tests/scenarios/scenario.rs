//! The form of a scenario file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One scenario. Everything from `plan` on is expected, everything before it is given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One sentence: what happens here, and which line of which contract it holds.
    #[allow(dead_code)] // for readers
    pub about: String,
    /// The seed of the server.
    #[serde(default)]
    pub live: Value,
    /// The root, where it is more than the smallest.
    pub root: Option<String>,
    /// The manifests, one text; `{{sandbox}}` is the server's address.
    pub manifests: String,
    /// Further environment variables. `TOKEN` and `API_KEY` are there, with the server's default credentials.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Further arguments of `plan` and `apply`.
    #[serde(default)]
    pub args: Vec<String>,
    /// Further arguments of the first `plan` and the first `apply` only.
    #[serde(default)]
    pub first_args: Vec<String>,
    /// Further arguments of `apply`.
    #[serde(default)]
    pub apply_args: Vec<String>,
    /// Faults that are there for the plan.
    #[serde(default)]
    pub plan_faults: Vec<String>,
    /// Faults that are there for the apply (which reads and plans first).
    #[serde(default)]
    pub apply_faults: Vec<String>,
    /// Whether the order of the apply's requests is part of the expectation; else they are sorted.
    #[serde(default)]
    pub ordered: bool,
    /// Whether the reads of `plan` are part of the expectation.
    #[serde(default)]
    pub show_reads: bool,
    /// The largest payload that Partium takes, in bytes.
    pub payload_limit: Option<usize>,

    /// What `plan` shows.
    #[serde(default)]
    plan: Value,
    /// What `plan` reads, where `show_reads` says that it is the point.
    reads: Option<Value>,
    /// What `apply` says.
    #[serde(default)]
    apply: Value,
    /// The write requests of `apply`.
    #[serde(default)]
    requests: Value,
    /// The live assignments after `apply`.
    #[serde(default)]
    after: Value,
    /// What a second `plan` shows, where something is left; without it there must be nothing.
    again: Option<Value>,
}

impl Scenario {
    /// Reads a file.
    pub fn parse(text: &str) -> Result<Self, String> {
        // `n` is a letter here, as it is for the seeds and the manifests.
        let options = serde_yaml::options! { strict_booleans: true };
        serde_yaml::from_str_with_options(text, options)
            .map_err(|error| format!("the scenario cannot be read: {error}"))
    }

    /// The expected part, in the order of the file.
    pub fn expected(&self) -> Vec<(&'static str, Value)> {
        let mut parts = vec![("plan", self.plan.clone())];
        parts.extend(self.reads.clone().map(|reads| ("reads", reads)));
        parts.push(("apply", self.apply.clone()));
        parts.push(("requests", self.requests.clone()));
        parts.push(("after", self.after.clone()));
        parts.extend(self.again.clone().map(|again| ("again", again)));
        parts
    }
}
