//! The comments of one request, through the API of its host. Three APIs, one shape: who am I, list, create, update, delete.
//!
//! Sources: docs.github.com "REST API endpoints for issue comments" (a pull request is an issue there); docs.gitlab.com "Notes API";
//! docs.gitea.com "API" (`issueGetComments` and its neighbours).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde::Deserialize;
use serde_json::json;

use super::place::{Forge, Place, WhereArgs};
use crate::cli::secrets::Secrets;
use crate::http::{Answer, Client, Config, HostPolicy, HttpError, Path, Request, Safety, SignIn};
use crate::model::{Limits, SecretRef, Stop};

/// Comments a page: the most that GitHub and GitLab give.
const PER_PAGE: usize = 100;

/// Pages that are read before a listing is taken for endless.
const MAX_PAGES: usize = 200;

/// The longest that one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What went wrong, and whether trying again later may help.
pub(super) struct Trouble {
    pub error: anyhow::Error,
    pub temporary: bool,
    /// A write may have been carried out all the same.
    pub maybe_done: bool,
}

/// Whose comments are ours.
#[derive(Debug)]
pub(super) enum Own {
    /// Those of this user.
    Login(String),
    /// Those of any app: GitHub does not tell an app's token who it is.
    AnyBot,
}

impl Own {
    /// Whether a comment is ours.
    pub(super) fn wrote(&self, posted: &Posted) -> bool {
        match self {
            Own::Login(login) => posted.author.eq_ignore_ascii_case(login),
            Own::AnyBot => posted.bot,
        }
    }
}

/// A comment that is there.
#[derive(Debug)]
pub(super) struct Posted {
    pub id: u64,
    pub body: String,
    author: String,
    bot: bool,
}

/// A comment of GitHub or Gitea.
#[derive(Deserialize)]
struct IssueComment {
    id: u64,
    body: Option<String>,
    user: Option<User>,
}

/// A user of GitHub or Gitea.
#[derive(Deserialize)]
struct User {
    login: String,
    /// GitHub: `User`, `Bot` and others.
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// A comment of GitLab, or a line of a request's history.
#[derive(Deserialize)]
struct Note {
    id: u64,
    body: Option<String>,
    author: NoteAuthor,
    #[serde(default)]
    system: bool,
}

/// A user of GitLab.
#[derive(Deserialize)]
struct NoteAuthor {
    username: String,
}

impl From<IssueComment> for Posted {
    fn from(comment: IssueComment) -> Self {
        // A user who is gone has no name, and is nobody of ours.
        let (author, bot) = comment.user.map_or((String::new(), false), |user| {
            let bot = user.kind.as_deref() == Some("Bot");
            (user.login, bot)
        });
        Self { id: comment.id, body: comment.body.unwrap_or_default(), author, bot }
    }
}

impl From<Note> for Posted {
    fn from(note: Note) -> Self {
        Self { id: note.id, body: note.body.unwrap_or_default(), author: note.author.username, bot: false }
    }
}

/// The comments of one request.
pub(super) struct Api {
    forge: Forge,
    client: Client,
    /// The comments of the request.
    list: Path,
    /// One comment is this and its id.
    single: Path,
    /// What the request is called in messages.
    request: String,
    token_env: String,
}

impl Api {
    /// Checks the address and the token, and sends nothing.
    pub(super) fn new(place: &Place, args: &WhereArgs, retry_budget: Duration, stop: &Stop) -> anyhow::Result<Self> {
        let (list, single) = paths(place)?;
        let ca = args
            .ca_file
            .as_deref()
            .map(|path| std::fs::read(path).with_context(|| format!("--ca-file {} cannot be read", path.display())));
        let limits = Limits {
            concurrency: 1,
            requests_per_second: None,
            batch_size: 1,
            page_size: PER_PAGE,
            timeout: TIMEOUT,
            retry_budget,
            settle_timeout: Limits::SETTLE_TIMEOUT,
        };
        // The address is the caller's or the CI's, never a manifest's: its host, and no other, gets the token.
        let host = place.api_url.host_str().unwrap_or_default();
        let client = Client::new(Config {
            base_url: place.api_url.clone(),
            // GitLab and Gitea take their own tokens as bearer tokens too.
            auth: SignIn::Bearer(SecretRef::Env(place.token_env.as_str().into())),
            limits: &limits,
            secrets: Arc::new(Secrets::new(None)?),
            allowed: HostPolicy::new(host, std::iter::empty::<&str>()),
            extra_roots: ca.transpose()?.into_iter().collect(),
            stop: stop.clone(),
        })?;
        let (forge, request, token_env) = (place.forge, place.to_string(), place.token_env.clone());
        Ok(Self { forge, client, list, single, request, token_env })
    }

    /// As whom the token posts.
    pub(super) async fn who(&self) -> Result<Own, Trouble> {
        #[derive(Deserialize)]
        struct Me {
            login: Option<String>,
            username: Option<String>,
        }
        let answer = self.send(Request::get(Path::new("/user"))).await?;
        // docs.github.com: an installation token, such as that of GitHub Actions, gets 403 here.
        if self.forge == Forge::Github && answer.status == 403 {
            return Ok(Own::AnyBot);
        }
        if !answer.is_success() {
            return Err(self.refused(&answer, "who the token belongs to was asked for"));
        }
        let me: Me = self.read(&answer)?;
        let login = if self.forge == Forge::Gitlab { me.username } else { me.login };
        login.map(Own::Login).ok_or_else(|| Trouble {
            error: anyhow!("{} does not say who the token belongs to; give --author", self.forge.word()),
            temporary: false,
            maybe_done: false,
        })
    }

    /// All comments of the request.
    pub(super) async fn comments(&self) -> Result<Vec<Posted>, Trouble> {
        let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
        for page in 1..=MAX_PAGES {
            let answer = self.send(self.page(page)).await?;
            if !answer.is_success() {
                return Err(self.refused(&answer, "its comments were asked for"));
            }
            let (length, posted) = self.posted(&answer)?;
            let before = seen.len();
            all.extend(posted.into_iter().filter(|posted| seen.insert(posted.id)));
            // GitLab leaves out of a page what the reader may not see, so a short page is not the last one; Gitea gives all at once and
            // no link (go-gitea/gitea, `ListIssueComments`), whatever page was asked for.
            let more = answer.has_next_page() || (length >= PER_PAGE && seen.len() > before);
            if !more {
                return Ok(all);
            }
        }
        Err(Trouble {
            error: anyhow!(
                "{} has more than {} comments; remove some, or use another request",
                self.request,
                MAX_PAGES * PER_PAGE
            ),
            temporary: false,
            maybe_done: false,
        })
    }

    fn page(&self, page: usize) -> Request {
        let request = Request::get(self.list.clone()).query("page", page);
        match self.forge {
            Forge::Github => request.query("per_page", PER_PAGE),
            Forge::Gitlab => request.query("per_page", PER_PAGE).query("sort", "asc").query("order_by", "created_at"),
            Forge::Gitea => request.query("limit", PER_PAGE),
        }
    }

    /// How many entries a page has, and those that are comments.
    fn posted(&self, answer: &Answer) -> Result<(usize, Vec<Posted>), Trouble> {
        if self.forge == Forge::Gitlab {
            let notes: Vec<Note> = self.read(answer)?;
            let length = notes.len();
            return Ok((length, notes.into_iter().filter(|note| !note.system).map(Posted::from).collect()));
        }
        let comments: Vec<IssueComment> = self.read(answer)?;
        Ok((comments.len(), comments.into_iter().map(Posted::from).collect()))
    }

    /// Posts a comment; once, for a second one would stay.
    pub(super) async fn create(&self, body: &str) -> Result<(), Trouble> {
        let request = Request::post(self.list.clone()).json(&json!({ "body": body }));
        self.done(request, "a comment was to be created", |_| false).await
    }

    /// Changes a comment.
    pub(super) async fn update(&self, id: u64, body: &str) -> Result<(), Trouble> {
        let path = self.single.clone().seg(id.to_string());
        let request = if self.forge == Forge::Gitlab { Request::put(path) } else { Request::patch(path) };
        let request = request.json(&json!({ "body": body })).safety(Safety::Idempotent);
        self.done(request, "the comment was to be changed", |_| false).await
    }

    /// Removes a comment; one that is gone is fine.
    pub(super) async fn remove(&self, id: u64) -> Result<(), Trouble> {
        let request = Request::delete(self.single.clone().seg(id.to_string())).safety(Safety::Idempotent);
        self.done(request, "the comment was to be removed", |status| matches!(status, 404 | 410)).await
    }

    async fn done(&self, request: Request, what: &str, fine: impl Fn(u16) -> bool) -> Result<(), Trouble> {
        let answer = self.send(request).await?;
        if answer.is_success() || fine(answer.status) { Ok(()) } else { Err(self.refused(&answer, what)) }
    }

    async fn send(&self, request: Request) -> Result<Answer, Trouble> {
        self.client.send(request).await.map_err(|error| self.trouble(error))
    }

    fn read<T: serde::de::DeserializeOwned>(&self, answer: &Answer) -> Result<T, Trouble> {
        answer.json().map_err(|error| self.trouble(error))
    }

    /// What the wire says, in the words of this command.
    fn trouble(&self, error: HttpError) -> Trouble {
        let (temporary, maybe_done) = (error.temporary(), error.may_have_happened());
        let error = match error {
            HttpError::BudgetSpent { place, problem, .. } => {
                anyhow!("{place}: temporarily unavailable: {problem}; try again later, or raise --retry-budget")
            }
            HttpError::SignIn { .. } => anyhow::Error::new(error).context(format!(
                "{} took no token from {}: {}",
                self.forge.word(),
                self.token_env,
                self.token_advice()
            )),
            other => anyhow::Error::new(other),
        };
        Trouble { error, temporary, maybe_done }
    }

    /// A status that is no success, with what to do about it.
    fn refused(&self, answer: &Answer, what: &str) -> Trouble {
        let status = answer.status;
        let advice = match status {
            403 => format!("the token from {} may not: {}", self.token_env, self.token_advice()),
            404 => format!(
                "check that there is such a request and that the token from {} may see it: {}",
                self.token_env,
                self.token_advice()
            ),
            400 | 413 | 422 => {
                "correct what it names; a text that is too long is cut by --markdown-limit where the report is \
                                written"
                    .to_owned()
            }
            423 => "the repository is archived, or the conversation locked".to_owned(),
            500.. => "try again later".to_owned(),
            _ => "see what it says".to_owned(),
        };
        let error = anyhow!(
            "{}: {} answered {status} when {what} ({}); {advice}",
            self.request,
            self.forge.word(),
            answer.excerpt()
        );
        // After a 5xx nobody knows; a comment that was made is found by the next run.
        Trouble { error, temporary: status >= 500, maybe_done: status >= 500 }
    }

    fn token_advice(&self) -> &'static str {
        match self.forge {
            Forge::Github => {
                "in GitHub Actions the job needs `permissions: { pull-requests: write }`, which a run for a fork's pull request never gets; \
                 any other token needs write access to pull requests. In a locked conversation only members write"
            }
            Forge::Gitlab => {
                "it needs the scope `api` and at least the role Reporter in the project; CI_JOB_TOKEN may read comments and not write them"
            }
            Forge::Gitea => {
                "it needs the scopes `write:issue` and `read:user` (without the latter, give --author), and access to the repository"
            }
        }
    }
}

/// The addresses of a request's comments, and of a single comment without its id.
fn paths(place: &Place) -> anyhow::Result<(Path, Path)> {
    let number = place.number.to_string();
    if place.forge == Forge::Gitlab {
        let project = Path::new("/projects").seg(&place.repository);
        let notes = project.lit("/merge_requests").seg(number).lit("/notes");
        return Ok((notes.clone(), notes));
    }
    let (owner, name) = place
        .repository
        .split_once('/')
        .filter(|(owner, name)| !owner.is_empty() && !name.is_empty() && !name.contains('/'))
        .with_context(|| format!("--repository {}: expected OWNER/NAME", place.repository))?;
    let issues = Path::new("/repos").seg(owner).seg(name).lit("/issues");
    Ok((issues.clone().seg(number).lit("/comments"), issues.lit("/comments")))
}
