//! The next command to type: whole, and such that a shell takes it as it stands.

use std::path::Path;

use super::args::{CredentialArgs, PolicyArgs, SourceArgs};
use crate::model::Mode;

/// After a plan: the same words, with `apply`.
pub(super) fn apply(source: &SourceArgs, saved: Option<&Path>) -> String {
    let mut words = vec!["assignctl apply".to_owned()];
    if source.manifests.complete {
        words.push("--complete".to_owned());
    }
    words.extend(source.manifests.root.iter().map(|dir| flag("--root", &dir.display())));
    let paths = source.manifests.paths.iter().filter(|path| path.as_os_str() != ".");
    words.extend(paths.map(|path| quoted(&path.display().to_string())));
    match saved {
        // The saved plan says itself which sets are concerned.
        Some(out) => words.push(flag("--plan", &out.display())),
        None => words.extend(selection(source)),
    }
    words.extend(source.planning.as_mode.map(Mode::as_str).map(|mode| flag("--as", &mode)));
    words.extend(source.planning.rotate.then(|| "--rotate".to_owned()));
    words.extend(surroundings(&source.credentials, &source.policy));
    words.extend(source.credentials.sandbox_state.iter().map(|path| flag("--sandbox-state", &path.display())));
    words.join(" ")
}

/// After an apply: what takes it back. `state` is the embedded sandbox's file, where a target lives there.
pub(super) fn undo(file: &Path, source: &SourceArgs, state: Option<&Path>) -> String {
    let mut words = vec!["assignctl apply --complete".to_owned(), quoted(&file.display().to_string())];
    words.extend(surroundings(&source.credentials, &source.policy));
    words.extend(state.map(|state| flag("--sandbox-state", &state.display())));
    words.join(" ")
}

fn selection(source: &SourceArgs) -> Vec<String> {
    let select = &source.select;
    let targets = select.target.iter().map(|name| flag("--target", name));
    let sets = select.set.iter().map(|name| flag("--set", name));
    let labels = select.selector.iter().map(|(key, value)| flag("-l", &format!("{key}={value}")));
    targets.chain(sets).chain(labels).chain(select.shard.iter().map(|shard| flag("--shard", shard))).collect()
}

/// What lets the same targets be reached within the same bounds.
fn surroundings(credentials: &CredentialArgs, policy: &PolicyArgs) -> Vec<String> {
    let hosts = credentials.allow_host.iter().map(|host| flag("--allow-host", host));
    let secrets = credentials.secrets_dir.iter().map(|dir| flag("--secrets-dir", &dir.display()));
    let authority = credentials.ca_file.iter().map(|file| flag("--ca-file", &file.display()));
    let policy = policy.policy.iter().map(|file| flag("--policy", &file.display()));
    hosts.chain(secrets).chain(authority).chain(policy).collect()
}

fn flag(name: &str, value: &dyn std::fmt::Display) -> String {
    format!("{name} {}", quoted(&value.to_string()))
}

/// A word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_reads_every_word_back() {
        assert_eq!(quoted("teams/a-b_1.yaml"), "teams/a-b_1.yaml");
        assert_eq!(quoted("my plans"), "'my plans'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted("$(x)"), "'$(x)'");
        assert_eq!(quoted(""), "''");
    }
}
