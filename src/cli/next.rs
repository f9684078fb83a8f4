//! The next command to type: whole, and such that a shell takes it as it stands. There is none where a word of it cannot be shown on one
//! line exactly.

use std::path::Path;

use super::args::{CredentialArgs, PolicyArgs, SourceArgs};
use crate::model::Mode;
use crate::render::shell::{self, quote};

/// A command under construction.
struct Words(Option<Vec<String>>);

impl Words {
    fn new(command: &str) -> Self {
        Self(Some(vec![command.to_owned()]))
    }

    fn add(&mut self, word: Option<String>) {
        match (&mut self.0, word) {
            (Some(words), Some(word)) => words.push(word),
            (words, _) => *words = None,
        }
    }

    fn switch(&mut self, name: &str, given: bool) {
        if given {
            self.add(Some(name.to_owned()));
        }
    }

    fn flag(&mut self, name: &str, value: &dyn std::fmt::Display) {
        self.add(quote(&value.to_string()).map(|value| format!("{name} {value}")));
    }

    fn file(&mut self, name: &str, value: &Path) {
        self.add(value.to_str().and_then(quote).map(|value| format!("{name} {value}")));
    }

    /// What lets the same targets be reached within the same bounds.
    fn surroundings(&mut self, credentials: &CredentialArgs, policy: &PolicyArgs) {
        credentials.allow_host.iter().for_each(|host| self.flag("--allow-host", host));
        credentials.secrets_dir.iter().for_each(|dir| self.file("--secrets-dir", dir));
        credentials.ca_file.iter().for_each(|file| self.file("--ca-file", file));
        let limits = [("--retry-budget", credentials.retry_budget), ("--timeout", credentials.timeout)];
        for (name, limit) in limits {
            limit.iter().for_each(|limit| self.flag(name, &format_args!("{}ms", limit.as_millis())));
        }
        policy.policy.iter().for_each(|file| self.file("--policy", file));
    }

    fn joined(self) -> Option<String> {
        self.0.map(|words| words.join(" "))
    }
}

/// After a plan: the same words, with `apply`.
pub(super) fn apply(source: &SourceArgs, saved: Option<&Path>) -> Option<String> {
    let mut words = Words::new("assignctl apply");
    words.switch("--complete", source.manifests.complete);
    source.manifests.root.iter().for_each(|dir| words.file("--root", dir));
    // An explicit `.` is repeated: without a root it is not the same as no path.
    source.manifests.paths.iter().for_each(|path| words.add(shell::path(path)));
    match saved {
        // The saved plan says itself which sets are concerned.
        Some(out) => words.file("--plan", out),
        None => selection(&mut words, source),
    }
    source.planning.as_mode.map(Mode::as_str).iter().for_each(|mode| words.flag("--as", mode));
    words.switch("--rotate", source.planning.rotate);
    words.surroundings(&source.credentials, &source.policy);
    source.credentials.sandbox_state.iter().for_each(|path| words.file("--sandbox-state", path));
    words.joined()
}

/// After an apply: what takes it back. `state` is the embedded sandbox's file, where a target lives there.
pub(super) fn undo(file: &Path, source: &SourceArgs, state: Option<&Path>) -> Option<String> {
    let mut words = Words::new("assignctl apply --complete");
    words.add(shell::path(file));
    words.surroundings(&source.credentials, &source.policy);
    state.iter().for_each(|state| words.file("--sandbox-state", state));
    words.joined()
}

fn selection(words: &mut Words, source: &SourceArgs) {
    let select = &source.select;
    select.target.iter().for_each(|name| words.flag("--target", name));
    select.set.iter().for_each(|name| words.flag("--set", name));
    select.selector.iter().for_each(|(key, value)| words.flag("-l", &format!("{key}={value}")));
    select.shard.iter().for_each(|shard| words.flag("--shard", shard));
}
