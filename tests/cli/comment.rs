//! `comment`, against fakes of the three hosts: the one comment is created, updated, left alone or removed, and nobody else's is
//! touched.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{self, Run};

pub(super) const TOKEN: &str = "forge-secret-7f3a";

/// A comment that is there: id, author, text; `bot` for GitHub, `system` for GitLab.
#[derive(Debug, Clone)]
pub(super) struct Comment {
    id: u64,
    author: &'static str,
    body: String,
    system: bool,
}

fn comment(id: u64, author: &'static str, body: &str) -> Comment {
    Comment { id, author, body: body.to_owned(), system: false }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    Github,
    Gitlab,
    Gitea,
}

/// What the fake does besides what it should.
#[derive(Debug, Clone, Default)]
struct Manners {
    /// Method and the end of the path, and the answer to give there instead.
    refuse: Option<(&'static str, &'static str, u16, &'static str)>,
    /// The token belongs to an app: GitHub does not say who that is.
    app: bool,
    /// Creates a comment and closes the connection without an answer.
    lose_create: bool,
}

struct State {
    host: Host,
    manners: Manners,
    comments: Vec<Comment>,
    requests: Vec<String>,
    refused: usize,
}

/// A host with one request, number 7 of acme/access.
pub(super) struct Fake {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
}

impl Fake {
    pub(super) fn new(host: Host, comments: &[Comment]) -> Self {
        Self::with(host, comments, Manners::default())
    }

    fn with(host: Host, comments: &[Comment], manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/api", listener.local_addr().unwrap());
        let state = State { host, manners, comments: comments.to_vec(), requests: Vec::new(), refused: 0 };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            listener.incoming().flatten().for_each(|stream| drop(serve(stream, &shared)));
        });
        Self { url, state }
    }

    /// Runs the command against it.
    fn run(&self, args: &[&str]) -> Run {
        self.run_with_input(args, "")
    }

    fn run_with_input(&self, args: &[&str], input: &str) -> Run {
        let dir = tempfile::tempdir().unwrap();
        self.run_in(dir.path(), args, input)
    }

    fn run_in(&self, dir: &Path, args: &[&str], input: &str) -> Run {
        let host = self.state.lock().unwrap().host;
        let (forge, repository) = match host {
            Host::Github => ("github", "acme/access"),
            Host::Gitlab => ("gitlab", "acme/group/access"),
            Host::Gitea => ("gitea", "acme/access"),
        };
        let mut command = support::program(dir);
        command.args([
            "comment",
            "--forge",
            forge,
            "--repository",
            repository,
            "--number",
            "7",
            "--api-url",
            &self.url,
        ]);
        command.args(["--token-env", "FORGE", "--retry-budget", "3s"]).args(args).env("FORGE", TOKEN);
        let run = support::run_with_input(&mut command, input);
        assert!(!run.text().contains(TOKEN), "the token is shown: {}", run.text());
        run
    }

    /// Posts a text from standard input.
    fn post(&self, text: &str) -> Run {
        self.run_with_input(&["--file", "-"], text)
    }

    pub(super) fn comments(&self) -> Vec<(u64, String)> {
        self.state.lock().unwrap().comments.iter().map(|c| (c.id, c.body.clone())).collect()
    }

    /// The writes so far: method and path.
    fn writes(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.requests.iter().filter(|line| !line.starts_with("GET")).cloned().collect()
    }

    fn reads(&self) -> usize {
        self.state
            .lock()
            .unwrap()
            .requests
            .iter()
            .filter(|line| line.starts_with("GET") && line.contains("page="))
            .count()
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        match &*name.to_lowercase() {
            "content-length" => length = value.trim().parse().unwrap(),
            "authorization" => token = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let words: Vec<&str> = line.split(' ').collect();
    let answer = state.lock().unwrap().answer(words[0], words[1], &token, &body);
    let Some((status, link, body)) = answer else { return Ok(()) };
    let link = if link.is_empty() { String::new() } else { format!("link: {link}\r\n") };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-type: application/json\r\n{link}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

type Answer = Option<(u16, String, String)>;

fn plain(status: u16, body: impl ToString) -> Answer {
    Some((status, String::new(), body.to_string()))
}

impl State {
    fn answer(&mut self, method: &str, target: &str, token: &str, body: &[u8]) -> Answer {
        self.requests.push(format!("{method} {target}"));
        assert_eq!(token, format!("Bearer {TOKEN}"));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if let Some((wanted, end, status, text)) = self.manners.refuse
            && method == wanted
            && path.ends_with(end)
        {
            self.refused += 1;
            return match status {
                301 => Some((301, String::new(), String::new())),
                status => plain(status, text),
            };
        }
        let path = path.strip_prefix("/api").unwrap();
        if path == "/user" {
            return match self.host {
                Host::Github if self.manners.app => {
                    plain(403, json!({"message": "Resource not accessible by integration"}))
                }
                Host::Gitlab => plain(200, json!({"id": 1, "username": "robot"})),
                _ => plain(200, json!({"id": 1, "login": "robot"})),
            };
        }
        let list = match self.host {
            Host::Gitlab => "/projects/acme%2Fgroup%2Faccess/merge_requests/7/notes",
            _ => "/repos/acme/access/issues/7/comments",
        };
        if path == list {
            return match method {
                "GET" => self.page(query),
                "POST" => self.create(body),
                _ => plain(405, "{}"),
            };
        }
        let single = if self.host == Host::Gitlab { list } else { "/repos/acme/access/issues/comments" };
        let id: u64 = path.strip_prefix(single).and_then(|id| id[1..].parse().ok()).expect(path);
        let at = self.comments.iter().position(|comment| comment.id == id);
        match (method, self.host, at) {
            (_, _, None) => plain(404, "{}"),
            ("PUT", Host::Gitlab, Some(at)) | ("PATCH", Host::Github | Host::Gitea, Some(at)) => {
                self.comments[at].body = text(body);
                plain(200, self.shown(&self.comments[at]))
            }
            ("DELETE", _, Some(at)) => {
                self.comments.remove(at);
                plain(204, "")
            }
            _ => plain(405, "{}"),
        }
    }

    /// GitHub: pages of what is asked for, with a link. GitLab: the same, and one note of each page is hidden from the reader. Gitea: all
    /// at once, whatever is asked for.
    fn page(&self, query: &str) -> Answer {
        let asked = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(known, _)| *known == name).find_map(|(_, value)| value.parse::<usize>().ok())
        };
        let all: Vec<Value> = self.comments.iter().map(|comment| self.shown(comment)).collect();
        if self.host == Host::Gitea {
            return plain(200, Value::from(all));
        }
        let (page, size) = (asked("page").unwrap(), asked("per_page").unwrap());
        let mut part: Vec<Value> = all.iter().skip((page - 1) * size).take(size).cloned().collect();
        if self.host == Host::Gitlab && all.len() > size {
            part.retain(|note| note["body"] != "hidden");
        }
        let more = all.len() > page * size;
        let link = if more {
            "<http://elsewhere.invalid/?page=9>; rel=\"next\", <http://elsewhere.invalid/>; rel=\"last\""
        } else {
            ""
        };
        Some((200, link.to_owned(), Value::from(part).to_string()))
    }

    fn create(&mut self, body: &[u8]) -> Answer {
        let id = self.comments.iter().map(|comment| comment.id).max().unwrap_or(100) + 1;
        let author = if self.manners.app { "my-app[bot]" } else { "robot" };
        self.comments.push(comment(id, author, &text(body)));
        if std::mem::take(&mut self.manners.lose_create) {
            None
        } else {
            plain(201, self.shown(self.comments.last().unwrap()))
        }
    }

    fn shown(&self, comment: &Comment) -> Value {
        let (id, author, body) = (comment.id, comment.author, &comment.body);
        let kind = if author.ends_with("[bot]") { "Bot" } else { "User" };
        match self.host {
            Host::Gitlab => json!({"id": id, "body": body, "author": {"username": author}, "system": comment.system}),
            Host::Github => json!({"id": id, "body": body, "user": {"login": author, "type": kind}}),
            Host::Gitea => json!({"id": id, "body": body, "user": {"login": author}}),
        }
    }
}

fn text(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    body["body"].as_str().unwrap().to_owned()
}

const HOSTS: [Host; 3] = [Host::Github, Host::Gitlab, Host::Gitea];
const MARKED: &str = "<!-- assignctl:plan -->\nold\n";

#[test]
fn it_is_created_once_updated_left_alone_and_removed() {
    for host in HOSTS {
        let fake = Fake::new(host, &[comment(5, "anna", "looks good")]);
        let run = fake.post("**Plan:** 1 to create.\n");
        assert_eq!(run.code, 0, "{host:?}: {}", run.text());
        assert!(run.stdout.starts_with("Created the comment plan under "), "{}", run.text());
        assert_eq!(fake.comments()[1], (6, "<!-- assignctl:plan -->\n**Plan:** 1 to create.\n".to_owned()));

        let run = fake.post("**Plan:** 1 to create.\n");
        assert!(run.stdout.starts_with("The comment plan is as it should be"), "{host:?}: {}", run.text());
        assert_eq!(fake.writes().len(), 1, "the same text is not sent again: {:?}", fake.writes());

        let run = fake.post("**Plan:** 2 to create.\n");
        assert!(run.stdout.starts_with("Updated"), "{host:?}: {}", run.text());
        assert_eq!(fake.comments()[1], (6, "<!-- assignctl:plan -->\n**Plan:** 2 to create.\n".to_owned()));

        let run = fake.post(" \n");
        assert!(run.stdout.starts_with("Removed"), "{host:?}: {}", run.text());
        assert_eq!(fake.comments(), [(5, "looks good".to_owned())]);
        let run = fake.run(&["--delete"]);
        assert_eq!((run.code, fake.writes().len()), (0, 3), "{host:?}: {}", run.text());
        assert!(run.stdout.contains("nothing to say"), "{}", run.text());
    }
}

#[test]
fn it_is_found_on_a_later_page() {
    for host in HOSTS {
        let mut comments: Vec<Comment> = (1..=205).map(|id| comment(id, "anna", "hm")).collect();
        // What GitLab hides makes its first page shorter than what was asked for.
        comments[3].body = "hidden".to_owned();
        comments.push(comment(206, "robot", MARKED));
        let fake = Fake::new(host, &comments);
        let run = fake.post("new");
        assert!(run.stdout.starts_with("Updated"), "{host:?}: {}", run.text());
        assert_eq!(fake.comments().last().unwrap().1, "<!-- assignctl:plan -->\nnew\n");
        assert_eq!(fake.reads(), if host == Host::Gitea { 2 } else { 3 }, "{host:?}");
    }
}

#[test]
fn a_marker_of_somebody_else_is_not_ours() {
    for host in HOSTS {
        let fake =
            Fake::new(host, &[comment(5, "mallory", MARKED), comment(6, "robot", "I quote: <!-- assignctl:plan -->")]);
        let run = fake.post("new");
        assert!(run.stdout.starts_with("Created"), "{host:?}: {}", run.text());
        assert_eq!(fake.comments()[0].1, MARKED);
        assert_eq!(fake.run(&["--delete"]).code, 0);
        assert_eq!(fake.comments().len(), 2, "{host:?}: {:?}", fake.comments());
    }
}

#[test]
fn a_line_of_history_is_no_comment() {
    let mut history = comment(5, "robot", MARKED);
    history.system = true;
    let fake = Fake::new(Host::Gitlab, &[history]);
    assert!(fake.post("new").stdout.starts_with("Created"));
}

#[test]
fn an_app_owns_what_bots_wrote_unless_its_name_is_given() {
    let there = [comment(5, "mallory", MARKED), comment(6, "my-app[bot]", MARKED), comment(7, "other[bot]", MARKED)];
    let app = || Manners { app: true, ..Manners::default() };
    let fake = Fake::with(Host::Github, &there[..2], app());
    assert!(fake.post("new").stdout.starts_with("Updated"));
    assert_eq!(fake.comments()[0].1, MARKED);

    let fake = Fake::with(Host::Github, &there, app());
    let run = fake.run_with_input(&["--file", "-", "--author", "other[bot]"], "new");
    assert!(run.stdout.starts_with("Updated"), "{}", run.text());
    assert_eq!((&*fake.comments()[1].1, &*fake.comments()[2].1), (MARKED, "<!-- assignctl:plan -->\nnew\n"));
    assert!(!fake.state.lock().unwrap().requests.iter().any(|line| line.contains("/user")));
}

#[test]
fn names_keep_apart_and_what_a_race_left_is_tidied() {
    let there =
        [comment(5, "robot", "<!-- assignctl:drift -->\nd"), comment(6, "robot", MARKED), comment(7, "robot", MARKED)];
    let fake = Fake::new(Host::Github, &there);
    assert!(fake.post("new").stdout.starts_with("Updated"));
    let ids: Vec<u64> = fake.comments().iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [5, 6]);
    let run = fake.run_with_input(&["--file", "-", "--name", "drift"], "d");
    assert!(run.stdout.starts_with("The comment drift is as it should be"), "{}", run.text());
}

#[test]
fn a_lost_answer_makes_no_second_comment() {
    for host in HOSTS {
        let fake = Fake::with(host, &[], Manners { lose_create: true, ..Manners::default() });
        let run = fake.post("new");
        assert_eq!((run.code, fake.comments().len()), (0, 1), "{host:?}: {}", run.text());
        assert!(run.stdout.starts_with("Created"), "{}", run.text());
    }
}

#[test]
fn each_refusal_says_what_is_missing() {
    let create = |host: Host| if host == Host::Gitlab { "/notes" } else { "/comments" };
    for (host, method, status, text, says) in [
        (Host::Github, "GET", 401, r#"{"message":"Bad credentials"}"#, "pull-requests: write"),
        (Host::Github, "POST", 403, r#"{"message":"Resource not accessible by integration"}"#, "pull-requests: write"),
        (Host::Github, "GET", 404, r#"{"message":"Not Found"}"#, "there is such a request"),
        (Host::Github, "POST", 422, r#"{"message":"Validation Failed"}"#, "Validation Failed"),
        (Host::Gitlab, "GET", 401, r#"{"message":"401 Unauthorized"}"#, "CI_JOB_TOKEN"),
        (Host::Gitlab, "POST", 403, r#"{"error":"insufficient_scope"}"#, "scope `api`"),
        (Host::Gitlab, "GET", 404, r#"{"message":"404 Project Not Found"}"#, "404 Project Not Found"),
        (Host::Gitlab, "POST", 400, r#"{"message":{"note":["is too long"]}}"#, "--markdown-limit"),
        (Host::Gitea, "POST", 403, r#"{"message":"token does not have the scope"}"#, "write:issue"),
        (Host::Gitea, "POST", 423, r#"{"message":"archived"}"#, "archived"),
    ] {
        let fake =
            Fake::with(host, &[], Manners { refuse: Some((method, create(host), status, text)), ..Manners::default() });
        let run = fake.post("new");
        assert_eq!((run.code, fake.comments().len()), (1, 0), "{host:?} {status}: {}", run.text());
        let named =
            run.stderr.contains(says) && run.stderr.contains(&status.to_string()) && run.stderr.contains("FORGE");
        assert!(
            named || matches!(status, 400 | 422 | 423) && run.stderr.contains(says),
            "{host:?} {status}: {}",
            run.text()
        );
    }
    let refuse = Some(("GET", "/user", 403, r#"{"message":"token does not have read:user"}"#));
    let run = Fake::with(Host::Gitea, &[], Manners { refuse, ..Manners::default() }).post("new");
    assert!(run.code == 1 && run.stderr.contains("--author"), "{}", run.text());
}

#[test]
fn a_redirect_and_a_dead_server_get_nothing() {
    let refuse = Some(("GET", "/comments", 301, ""));
    let run = Fake::with(Host::Github, &[], Manners { refuse, ..Manners::default() }).post("new");
    assert!(run.code == 1 && run.stderr.contains("redirects are never followed"), "{}", run.text());

    let dir = tempfile::tempdir().unwrap();
    for (url, code, says) in [
        ("http://127.0.0.1:1", 6, "--retry-budget"),
        ("http://git.example.com", 1, "use https"),
        ("https://git.example.com/?token=x", 1, "query"),
    ] {
        let mut command = support::program(dir.path());
        command.args(["comment", "--delete", "--forge", "github", "--repository", "a/b", "--number", "1"]);
        command.args(["--retry-budget", "0s", "--api-url", url]).env("GITHUB_TOKEN", TOKEN);
        let run = support::run(&mut command);
        assert!(run.code == code && run.stderr.contains(says), "{url}: {}", run.text());
    }
}

#[test]
fn a_rate_limit_that_github_answers_with_403_is_waited_for() {
    let limited = r#"{"message":"You have exceeded a secondary rate limit. Please wait."}"#;
    for (method, end) in [("GET", "/user"), ("GET", "/comments"), ("POST", "/comments")] {
        let refuse = Some((method, end, 403, limited));
        let fake =
            Fake::with(Host::Github, &[comment(5, "other[bot]", MARKED)], Manners { refuse, ..Manners::default() });
        let run = fake.post("new");
        assert_eq!(run.code, 6, "{method} {end}: {}", run.text());
        assert!(run.stderr.contains("--retry-budget") && !run.stderr.contains("the token from"), "{}", run.text());
        assert!(fake.state.lock().unwrap().refused > 1, "it was asked once only");
        assert_eq!(fake.comments().len(), 1, "nothing was posted as somebody else");
    }
}

/// A root in a git work tree with one commit.
fn checkout() -> super::Place {
    let place = super::Place::new();
    super::base::git(place.path(), &["init", "-q", "-b", "main"]);
    super::base::commit(place.path());
    place
}

#[test]
fn only_a_report_of_this_checkout_is_posted() {
    let place = checkout();
    let fake = Fake::new(Host::Github, &[]);
    let post = || fake.run_in(place.path(), &["--file", "plan.md"], "");
    let refused = |says: &str| {
        let run = post();
        assert!(run.code == 1 && run.stderr.contains(says), "{says}: {}", run.text());
        assert_eq!(fake.comments(), [], "{says}");
    };
    refused("there is no such file");
    // Another user's text that no commit holds is posted; a report is posted while its commit is checked out.
    assert_eq!(place.run(&["plan", "--ci", "none", "--report", "markdown=plan.md"]).code, 0);
    let head = super::base::git(place.path(), &["rev-parse", "HEAD"]);
    let report = std::fs::read_to_string(place.path().join("plan.md")).unwrap();
    assert!(report.ends_with(&format!("\nCommit `{head}`.\n\n<!-- assignctl:report plan {head} -->\n")), "{report}");
    // The pull request commits a forged report, with the marker of an earlier commit, with none, and with an attribute that changes it.
    for forged in [report.as_str(), "**No changes.**\n", "**No changes.** $Id$\n"] {
        place.write("plan.md", forged);
        place.write(".gitattributes", "plan.md ident\n");
        super::base::commit(place.path());
        std::fs::remove_file(place.path().join("plan.md")).unwrap();
        super::base::git(place.path(), &["checkout", "-q", "--", "plan.md"]);
        refused("a file of the checked-out commit");
    }
    super::base::git(place.path(), &["rm", "-q", "--cached", "plan.md"]);
    super::base::git(place.path(), &["commit", "-q", "-m", "untracked"]);
    place.write("plan.md", &report);
    refused("is a report of commit");
    assert_eq!(place.run(&["plan", "--ci", "none", "--report", "markdown=plan.md"]).code, 0);
    assert_eq!(post().code, 0);
    assert!(fake.comments()[0].1.contains("1 to create"), "{:?}", fake.comments());
}

#[test]
fn a_report_that_replaced_a_committed_file_is_posted() {
    let place = checkout();
    place.write("plan.md", "**No changes.**\n");
    super::base::commit(place.path());
    assert_eq!(place.run(&["plan", "--ci", "none", "--report", "markdown=plan.md"]).code, 0);
    let fake = Fake::new(Host::Github, &[]);
    let run = fake.run_in(place.path(), &["--file", "plan.md"], "");
    assert!(run.code == 0 && fake.comments()[0].1.contains("1 to create"), "{}", run.text());
}

#[test]
fn a_committed_result_removes_no_comment() {
    let place = checkout();
    place.write("result.json", &clean(json!({})).to_string());
    super::base::commit(place.path());
    let fake = Fake::new(Host::Github, &[comment(5, "robot", MARKED)]);
    let run = fake.run_in(place.path(), &["--file", "-", "--result", "result.json"], "new");
    assert!(run.code == 1 && run.stderr.contains("a file of the checked-out commit"), "{}", run.text());
    assert_eq!(fake.comments().len(), 1);
}

#[cfg(unix)]
#[test]
fn a_link_or_pipe_in_place_of_a_report_is_not_posted() {
    use std::os::unix::fs::symlink;
    let place = checkout();
    place.write("docs/old.md", "**No changes.**\n");
    symlink("/proc/self/environ", place.path().join("environ.md")).unwrap();
    symlink("docs/old.md", place.path().join("inside.md")).unwrap();
    symlink("/etc", place.path().join("dir")).unwrap();
    super::base::commit(place.path());
    assert!(std::process::Command::new("mkfifo").arg(place.path().join("pipe.md")).status().unwrap().success());
    for (file, says) in [
        ("environ.md", "leads out of"),
        ("dir/passwd", "leads out of"),
        ("inside.md", "a file of the checked-out commit"),
        ("pipe.md", "no regular file"),
        ("docs", "no regular file"),
    ] {
        let fake = Fake::new(Host::Github, &[]);
        let run = fake.run_in(place.path(), &["--file", file], "");
        assert!(run.code == 1 && run.stderr.contains(says), "{file}: {}", run.text());
        assert_eq!(fake.comments(), []);
    }
}

#[test]
fn an_api_that_is_busy_is_waited_for() {
    let refuse = Some(("GET", "/comments", 503, "{}"));
    let fake = Fake::with(Host::Github, &[], Manners { refuse, ..Manners::default() });
    let run = fake.post("new");
    assert_eq!(run.code, 6, "{}", run.text());
    assert!(fake.state.lock().unwrap().refused > 1, "it was asked once only");
}

/// A report of a plan without changes, and more fields.
fn clean(mut more: Value) -> Value {
    let fields = more.as_object_mut().unwrap();
    fields.entry("verdict").or_insert(json!("no_changes"));
    fields.insert("exit".to_owned(), json!({"code": 0}));
    more
}

fn gap(gap: Value) -> Value {
    clean(json!({"targets": [{"evidence": [{"seen": "2 pages"}, {"seen": "1 page", "gap": gap}]}]}))
}

#[test]
fn the_result_of_the_plan_says_whether_there_is_something_to_say() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("result.json");
    let fake = Fake::new(Host::Github, &[comment(5, "robot", MARKED)]);
    let post = |result: Value| {
        std::fs::write(&path, result.to_string()).unwrap();
        fake.run_with_input(&["--file", "-", "--result", path.to_str().unwrap()], "some text")
    };
    for (result, starts) in [
        (json!({"verdict": "changes", "exit": {"code": 0}}), "Updated"),
        (clean(json!({"counts": {"observed": 2}})), "The comment plan is as it should be"),
        (clean(json!({"base": {"leaving": [{}]}})), "The comment plan is as it should be"),
        (clean(json!({"base": {"authority": [{}]}})), "The comment plan is as it should be"),
        (clean(json!({"base": {"gaps": [{}]}})), "The comment plan is as it should be"),
        (clean(json!({"base": {"not_used": "why"}})), "The comment plan is as it should be"),
        (clean(json!({"verdict": "authority_changes"})), "The comment plan is as it should be"),
        (json!({"verdict": "refused"}), "The comment plan is as it should be"),
        (json!({"verdict": "no_changes", "exit": {"code": 1}}), "The comment plan is as it should be"),
        (gap(json!("the listing was cut")), "The comment plan is as it should be"),
        (json!([{"code": "unknown-field", "severity": "error"}]), "The comment plan is as it should be"),
        (clean(json!({"counts": {"observed": 0}, "base": {"leaving": [], "authority": [], "gaps": []}})), "Removed"),
        (gap(Value::Null), "There is nothing to say"),
        (clean(json!({"verdict": "no_drift"})), "There is nothing to say"),
    ] {
        let run = post(result.clone());
        assert!(run.stdout.starts_with(starts), "{result}: {}", run.text());
    }
    let run = post(json!({"totals": {}}));
    assert!(run.code == 1 && run.stderr.contains("verdict"), "{}", run.text());
}

#[test]
fn a_plan_that_is_not_known_to_be_clean_keeps_its_comment() {
    let place = super::Place::new();
    assert_eq!(place.run(&["apply", "--auto-approve"]).code, 0);
    let plan = |file: &str, more: &[&str]| {
        place.run(&[&["plan", "--ci", "none", "--report", &format!("json={file}")], more].concat()).code
    };
    assert_eq!(plan("whole.json", &[]), 0);
    assert_eq!(plan("part.json", &["--shard", "1/2"]), 0);
    let run = place.run(&["report", "merge", "part.json", "--partial", "--out", "partial.json"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert_eq!(plan("stopped.json", &["--policy", "no/such/policy"]), 1);
    place.write("sets/austria.yaml", "kind: [");
    assert_eq!(plan("invalid.json", &[]), 1);
    for (file, starts) in [
        ("part.json", "The comment plan is as it should be"),
        ("partial.json", "The comment plan is as it should be"),
        ("stopped.json", "The comment plan is as it should be"),
        ("invalid.json", "The comment plan is as it should be"),
        ("whole.json", "Removed"),
    ] {
        let fake = Fake::new(Host::Github, &[comment(5, "robot", MARKED)]);
        let path = place.path().join(file);
        let run = fake.run_with_input(&["--file", "-", "--result", path.to_str().unwrap()], "old");
        assert!(run.stdout.starts_with(starts), "{file}: {}", run.text());
    }
}

#[test]
fn a_report_of_the_longest_kind_fits() {
    let place = super::Place::new();
    for n in 0..40 {
        let ids: Vec<String> = (0..60).map(|i| format!("assembly-{n}-{i}")).collect();
        place.write(&format!("sets/m{n}.yaml"), &super::set(&format!("m{n}"), &format!("org-{n}"), &ids.join(", ")));
    }
    for (host, preset, longest) in [(Host::Github, "github", 65_536), (Host::Gitlab, "gitlab", 1_000_000)] {
        let run = place.run(&["plan", "--ci", "none", "--report", "markdown=plan.md", "--markdown-limit", preset]);
        assert_eq!(run.code, 0, "{}", run.text());
        let report = std::fs::read_to_string(place.path().join("plan.md")).unwrap();
        assert!(host != Host::Github || report.contains("**Cut** to fit"), "{} bytes", report.len());
        let fake = Fake::new(host, &[]);
        let name = "n".repeat(64);
        let run = fake.run(&["--file", place.path().join("plan.md").to_str().unwrap(), "--name", &name]);
        assert_eq!(run.code, 0, "{}", run.text());
        assert!(fake.comments()[0].1.chars().count() <= longest);
    }
    let run = Fake::new(Host::Github, &[]).post(&"x".repeat(70_000));
    assert!(run.code == 1 && run.stderr.contains("--markdown-limit github"), "{}", run.text());
}
