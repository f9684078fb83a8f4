//! Who runs this: the pipeline's actor, or the author that git knows. For the journal only; nothing is decided by it.

use std::path::Path;

use super::git;
use crate::render::json::journal::Actor;

/// Variables by which pipelines name who started them, most particular first.
const ACTORS: [&str; 8] = [
    "GITHUB_ACTOR",
    "GITLAB_USER_LOGIN",
    "BUILDKITE_BUILD_AUTHOR",
    "CIRCLE_USERNAME",
    "BITBUCKET_STEP_TRIGGERER_UUID",
    "BUILD_REQUESTEDFOR",
    "CHANGE_AUTHOR",
    "DRONE_COMMIT_AUTHOR",
];

/// Variables that hold the address of the pipeline's run. GitHub gives it in parts.
const RUNS: [&str; 4] = ["CI_JOB_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL", "BUILD_URL"];

/// Who runs this, from the environment `env` or the repository around `start`.
pub(super) fn actor(env: impl Fn(&str) -> Option<String>, start: Option<&Path>) -> Option<Actor> {
    let of = |name: String, source: &str| Actor { name, source: source.to_owned() };
    let pipeline = ACTORS.into_iter().find_map(|name| env(name).map(|value| of(value, name)));
    let author = || {
        let name = env("GIT_AUTHOR_NAME")?;
        let email = env("GIT_AUTHOR_EMAIL").map(|email| format!(" <{email}>")).unwrap_or_default();
        Some(of(format!("{name}{email}"), "GIT_AUTHOR_NAME"))
    };
    let git = || {
        let home = env("HOME");
        git::author(start?, home.as_deref().map(Path::new)).map(|name| of(name, "git"))
    };
    let user = || ["USER", "USERNAME"].into_iter().find_map(|name| env(name).map(|value| of(value, name)));
    pipeline.or_else(author).or_else(git).or_else(user)
}

/// The address of the pipeline's run.
pub(super) fn pipeline(env: impl Fn(&str) -> Option<String>) -> Option<String> {
    let github = || {
        let (server, repository) = (env("GITHUB_SERVER_URL")?, env("GITHUB_REPOSITORY")?);
        Some(format!("{server}/{repository}/actions/runs/{}", env("GITHUB_RUN_ID")?))
    };
    RUNS.into_iter().find_map(&env).or_else(github)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(known: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| known.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_pipelines_actor_comes_before_the_author() {
        let both = [("GITHUB_ACTOR", "octo"), ("GIT_AUTHOR_NAME", "Ann"), ("USER", "runner")];
        let found = |known: &[(&str, &str)]| actor(env(known), None).map(|actor| (actor.name, actor.source));
        assert_eq!(found(&both), Some(("octo".into(), "GITHUB_ACTOR".into())));
        let author = [("GIT_AUTHOR_NAME", "Ann"), ("GIT_AUTHOR_EMAIL", "ann@x.example"), ("USER", "runner")];
        assert_eq!(found(&author), Some(("Ann <ann@x.example>".into(), "GIT_AUTHOR_NAME".into())));
        assert_eq!(found(&[("USER", "ann")]), Some(("ann".into(), "USER".into())));
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn the_address_of_a_run_is_put_together_where_it_comes_in_parts() {
        let parts = [("GITHUB_SERVER_URL", "https://g.example"), ("GITHUB_REPOSITORY", "o/r"), ("GITHUB_RUN_ID", "7")];
        assert_eq!(pipeline(env(&parts)).as_deref(), Some("https://g.example/o/r/actions/runs/7"));
        assert_eq!(pipeline(env(&parts[..2])), None);
        assert_eq!(pipeline(env(&[("CI_JOB_URL", "https://l.example/1")])).as_deref(), Some("https://l.example/1"));
    }
}
