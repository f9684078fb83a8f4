//! Where a comment goes: host, repository, request, API address and token, from the caller's words, else from the CI's own variables.
//! Nothing is guessed: what is missing is an error that names the flag.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::Value;
use url::Url;

/// Where the comment goes, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where")]
pub(in crate::cli) struct WhereArgs {
    /// Which host; without it, the one whose pipeline this runs in.
    #[arg(long, value_enum, env = "ASSIGNCTL_FORGE")]
    pub forge: Option<Forge>,
    /// The repository, such as acme/access; for GitLab the project's path or number. Without it, the pipeline's.
    #[arg(long, value_name = "PATH", env = "ASSIGNCTL_REPOSITORY")]
    pub repository: Option<String>,
    /// The number of the pull or merge request; without it, the one that this pipeline runs for.
    #[arg(long, value_name = "N", env = "ASSIGNCTL_NUMBER")]
    pub number: Option<u64>,
    /// Address of the API, such as https://git.example.com/api/v4; without it, the pipeline's, else the vendor's.
    #[arg(long, value_name = "URL", env = "ASSIGNCTL_API_URL")]
    pub api_url: Option<Url>,
    /// The environment variable that holds the token; without it GITHUB_TOKEN or GH_TOKEN for GitHub, GITLAB_TOKEN for GitLab, and
    /// GITEA_TOKEN for Gitea, in whose own pipelines GITHUB_TOKEN will do. What another host's pipeline calls GITHUB_TOKEN or GH_TOKEN is
    /// not used.
    #[arg(long, value_name = "NAME", env = "ASSIGNCTL_TOKEN_ENV")]
    pub token_env: Option<String>,
    /// The user name that the token posts as. Without it the host is asked; for a GitHub app, which it does not tell, any bot's comment
    /// with the marker is taken for ours.
    #[arg(long, value_name = "LOGIN", env = "ASSIGNCTL_AUTHOR")]
    pub author: Option<String>,
    /// PEM file of a further certificate authority to trust.
    #[arg(long, value_name = "FILE", env = "ASSIGNCTL_CA_FILE")]
    pub ca_file: Option<PathBuf>,
}

/// A host of repositories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Forge {
    /// GitHub, or GitHub Enterprise Server.
    Github,
    /// GitLab.
    Gitlab,
    /// Gitea, or Forgejo.
    Gitea,
}

impl Forge {
    /// Its name as people write it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Forge::Github => "GitHub",
            Forge::Gitlab => "GitLab",
            Forge::Gitea => "Gitea",
        }
    }

    /// The most characters of a comment, and the preset of `--markdown-limit` that keeps below it. Gitea's API checks none; its
    /// database's text columns hold gigabytes (go-gitea/gitea, `models/issues/comment.go`: LONGTEXT).
    pub(super) fn longest(self) -> Option<(usize, &'static str)> {
        match self {
            // The API's own words: "body is too long (maximum is 65536 characters)".
            Forge::Github => Some((65_536, "github")),
            // docs.gitlab.com, "GitLab application limits": size of comments.
            Forge::Gitlab => Some((1_000_000, "gitlab")),
            Forge::Gitea => None,
        }
    }

    /// The vendor's own API, where there is one.
    fn vendor(self) -> Option<&'static str> {
        match self {
            Forge::Github => Some("https://api.github.com"),
            Forge::Gitlab => Some("https://gitlab.com/api/v4"),
            Forge::Gitea => None,
        }
    }

    /// Variables that hold a token by custom. Gitea's pipelines have a GITHUB_TOKEN of their own: in the pipeline of one host it is no token
    /// of another.
    fn tokens(self, running: Option<Forge>) -> &'static [&'static str] {
        match (self, running) {
            (Forge::Github, None | Some(Forge::Github)) => &["GITHUB_TOKEN", "GH_TOKEN"],
            (Forge::Github, Some(_)) => &[],
            (Forge::Gitlab, _) => &["GITLAB_TOKEN"],
            (Forge::Gitea, Some(Forge::Gitea)) => &["GITEA_TOKEN", "GITHUB_TOKEN"],
            (Forge::Gitea, _) => &["GITEA_TOKEN"],
        }
    }
}

/// The environment.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// One request of one repository, and how to reach it.
#[derive(Debug)]
pub(super) struct Place {
    pub forge: Forge,
    pub repository: String,
    pub number: u64,
    pub api_url: Url,
    /// The variable that holds the token; never the token.
    pub token_env: String,
}

/// As each host writes it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.forge == Forge::Gitlab { '!' } else { '#' };
        write!(f, "{} {}{sign}{}", self.forge.word(), self.repository, self.number)
    }
}

impl Place {
    /// Finds out.
    pub(super) fn detect(args: &WhereArgs, variables: Variables<'_>) -> anyhow::Result<Self> {
        let running = running(variables);
        let forge = args.forge.or(running).context(
            "no pipeline of GitHub, GitLab or Gitea is recognised; say where the comment goes with --forge, --repository and --number",
        )?;
        // Another host's variables say nothing: Gitea sets GitHub's as well.
        let ci = |name: &str| if running == Some(forge) { variables(name) } else { None };
        let first = |names: &[&str]| names.iter().find_map(|name| ci(name));
        let repository = args.repository.clone().or_else(|| match forge {
            Forge::Github | Forge::Gitea => ci("GITHUB_REPOSITORY"),
            // A request from a fork belongs to the project that it wants to go to.
            Forge::Gitlab => first(&["CI_MERGE_REQUEST_PROJECT_ID", "CI_PROJECT_ID"]),
        });
        let number = match (args.number, forge) {
            (Some(number), _) => Some(number),
            (None, Forge::Gitlab) => ci("CI_MERGE_REQUEST_IID").and_then(|text| text.parse().ok()),
            (None, _) => event_number(&ci)?,
        };
        Ok(Self {
            forge,
            repository: repository.context("the repository is not known; give --repository")?,
            number: number
                .context("this pipeline runs for no pull or merge request; run it for one, or give --number")?,
            api_url: api_url(args, forge, &ci)?,
            token_env: token(args, forge, running, variables)?,
        })
    }
}

/// The host whose pipeline this runs in.
fn running(variables: Variables<'_>) -> Option<Forge> {
    let is = |name: &str| variables(name).is_some_and(|value| value == "true");
    match () {
        // docs.gitea.com, "Variables": compatible runners set GitHub's variables too, and these to tell the difference.
        () if is("GITEA_ACTIONS") || is("FORGEJO_ACTIONS") => Some(Forge::Gitea),
        () if is("GITHUB_ACTIONS") => Some(Forge::Github),
        () if is("GITLAB_CI") => Some(Forge::Gitlab),
        () => None,
    }
}

/// The number of the pull request that an event is about: from the event itself, else from `refs/pull/7/merge`.
fn event_number(ci: Variables<'_>) -> anyhow::Result<Option<u64>> {
    let from_ref = || {
        let name = ci("GITHUB_REF")?;
        name.strip_prefix("refs/pull/")?.split('/').next()?.parse().ok()
    };
    let Some(path) = ci("GITHUB_EVENT_PATH") else { return Ok(from_ref()) };
    let text = std::fs::read(&path).with_context(|| format!("GITHUB_EVENT_PATH {path} cannot be read"))?;
    let event: Value = serde_json::from_slice(&text).with_context(|| format!("GITHUB_EVENT_PATH {path} is no JSON"))?;
    let number = |pointer: &str| event.pointer(pointer).and_then(Value::as_u64);
    // A comment on an issue is an event of `issue` too; only a pull request has the link. Gitea writes null where there is none.
    let issue =
        || number("/issue/number").filter(|_| event.pointer("/issue/pull_request").is_some_and(Value::is_object));
    Ok(number("/pull_request/number").or_else(issue).or_else(from_ref))
}

fn api_url(args: &WhereArgs, forge: Forge, ci: Variables<'_>) -> anyhow::Result<Url> {
    if let Some(url) = &args.api_url {
        return Ok(url.clone());
    }
    let name = if forge == Forge::Gitlab { "CI_API_V4_URL" } else { "GITHUB_API_URL" };
    let Some(text) = ci(name).or_else(|| forge.vendor().map(str::to_owned)) else {
        bail!("the address of the API is not known; give --api-url, such as https://git.example.com/api/v1");
    };
    text.parse().with_context(|| format!("{name} is no address"))
}

fn token(args: &WhereArgs, forge: Forge, running: Option<Forge>, variables: Variables<'_>) -> anyhow::Result<String> {
    let names = forge.tokens(running);
    if let Some(name) = &args.token_env {
        return Ok(name.clone());
    }
    if let Some(name) = names.iter().find(|name| variables(name).is_some()) {
        return Ok((*name).to_owned());
    }
    if let (true, Some(running)) = (names.is_empty(), running) {
        bail!(
            "there is no token: in a pipeline of {}, none of {} is known by its name; give --token-env NAME",
            running.word(),
            forge.word()
        );
    }
    let how = match forge {
        Forge::Github => {
            "give the step `env: { GITHUB_TOKEN: \"${{ github.token }}\" }` and the job `permissions: { pull-requests: write }`"
        }
        // docs.gitlab.com, "CI/CD job token": of the Notes API it may use the two GETs.
        Forge::Gitlab => {
            "make a project access token with the scope `api` and the role Reporter, and give it as a masked variable; the job's own \
             CI_JOB_TOKEN may read comments and not write them"
        }
        Forge::Gitea => "give the step `env: { GITEA_TOKEN: \"${{ secrets.GITEA_TOKEN }}\" }`",
    };
    bail!("there is no token: {} is not set; {how}", names.join(" or "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        place: WhereArgs,
    }

    fn detect(words: &[&str], variables: &[(&str, &str)]) -> Result<String, String> {
        let words = Words::try_parse_from([&["comment"], words].concat()).unwrap();
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let place = Place::detect(&words.place, &find).map_err(|error| format!("{error:#}"))?;
        Ok(format!("{place} {} {}", place.api_url, place.token_env))
    }

    const GITHUB: [(&str, &str); 5] = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_REPOSITORY", "acme/access"),
        ("GITHUB_REF", "refs/pull/7/merge"),
        ("GITHUB_API_URL", "https://ghe.example.com/api/v3"),
        ("GITHUB_TOKEN", "secret"),
    ];

    #[test]
    fn each_host_is_found_by_its_own_variables() {
        assert_eq!(detect(&[], &GITHUB).unwrap(), "GitHub acme/access#7 https://ghe.example.com/api/v3 GITHUB_TOKEN");
        let gitlab = [
            ("GITLAB_CI", "true"),
            ("CI_PROJECT_ID", "12"),
            ("CI_MERGE_REQUEST_PROJECT_ID", "34"),
            ("CI_MERGE_REQUEST_IID", "5"),
            ("CI_API_V4_URL", "https://gitlab.example.com/api/v4"),
            ("GITLAB_TOKEN", "secret"),
        ];
        assert_eq!(detect(&[], &gitlab).unwrap(), "GitLab 34!5 https://gitlab.example.com/api/v4 GITLAB_TOKEN");
        let gitea = [&GITHUB[..], &[("GITEA_ACTIONS", "true")]].concat();
        assert_eq!(detect(&[], &gitea).unwrap(), "Gitea acme/access#7 https://ghe.example.com/api/v3 GITHUB_TOKEN");
    }

    #[test]
    fn the_caller_comes_first_and_other_hosts_say_nothing() {
        let words = ["--repository", "a/b", "--number", "3", "--api-url", "http://localhost:1/", "--token-env", "T"];
        assert_eq!(detect(&words, &GITHUB).unwrap(), "GitHub a/b#3 http://localhost:1/ T");
        let error = detect(&["--forge", "gitlab"], &GITHUB).unwrap_err();
        assert!(error.contains("--repository"), "{error}");
        let words = ["--forge", "gitlab", "--repository", "g/p", "--number", "1", "--token-env", "T"];
        assert_eq!(detect(&words, &GITHUB).unwrap(), "GitLab g/p!1 https://gitlab.com/api/v4 T");
    }

    #[test]
    fn the_event_says_which_request() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let ask = |event: &str| {
            std::fs::write(path, event).unwrap();
            let others = GITHUB.iter().filter(|(name, _)| *name != "GITHUB_REF").copied();
            detect(&[], &others.chain([("GITHUB_EVENT_PATH", path)]).collect::<Vec<_>>())
        };
        assert!(ask(r#"{"pull_request":{"number":9}}"#).unwrap().contains("acme/access#9 "));
        assert!(ask(r#"{"issue":{"number":4,"pull_request":{}}}"#).unwrap().contains("acme/access#4 "));
        assert!(ask(r#"{"issue":{"number":4}}"#).unwrap_err().contains("--number"));
        assert!(ask(r#"{"issue":{"number":4,"pull_request":null}}"#).unwrap_err().contains("--number"));
        assert!(ask("nonsense").unwrap_err().contains("GITHUB_EVENT_PATH"));
    }

    #[test]
    fn a_token_of_one_host_is_not_sent_to_another() {
        let words =
            |forge| ["--forge", forge, "--repository", "a/b", "--number", "1", "--api-url", "https://h.example.com"];
        let with = |pipeline, token| {
            [
                ("GH_TOKEN", "hidden-value"),
                ("GITHUB_TOKEN", "hidden-value"),
                (pipeline, "true"),
                (token, "hidden-value"),
            ]
        };
        for pipeline in ["GITHUB_ACTIONS", "GITLAB_CI", "NONE"] {
            let error = detect(&words("gitea"), &with(pipeline, "OTHER")).unwrap_err();
            assert!(error.contains("GITEA_TOKEN is not set") && !error.contains("hidden-value"), "{error}");
            assert!(detect(&words("gitea"), &with(pipeline, "GITEA_TOKEN")).unwrap().ends_with(" GITEA_TOKEN"));
        }
        for pipeline in ["GITEA_ACTIONS", "FORGEJO_ACTIONS", "GITLAB_CI"] {
            let error = detect(&words("github"), &with(pipeline, "OTHER")).unwrap_err();
            assert!(error.contains("--token-env"), "{error}");
        }
        for (forge, pipeline) in [("github", "GITHUB_ACTIONS"), ("github", "NONE"), ("gitea", "GITEA_ACTIONS")] {
            assert!(detect(&words(forge), &with(pipeline, "OTHER")).unwrap().ends_with(" GITHUB_TOKEN"));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(detect(&[], &[]).unwrap_err().contains("--forge"));
        let words = ["--forge", "gitlab", "--repository", "g/p", "--number", "1"];
        let error = detect(&words, &[("CI_JOB_TOKEN", "secret")]).unwrap_err();
        assert!(error.contains("GITLAB_TOKEN") && error.contains("`api`") && !error.contains("secret"), "{error}");
        let words = ["--forge", "gitea", "--repository", "a/b", "--number", "1", "--token-env", "T"];
        assert!(detect(&words, &[]).unwrap_err().contains("--api-url"));
    }
}
