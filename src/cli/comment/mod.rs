//! `comment`: the one comment that a pipeline keeps under a pull or merge request. It is found again by a hidden marker and by its
//! author, so that it is updated and not repeated, and removed when there is nothing to say.
//!
//! It knows no plan: the text comes from a report file.

mod api;
mod place;
mod proof;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

use self::api::{Api, Own, Posted, Trouble};
use self::place::{Forge, Place, WhereArgs};
use super::args::request_timeout;
use super::report::Marker;
use super::session::runtime;
use super::terminal::Terminal;
use crate::apply::Exit;

/// What is read of a report at most: more than any host takes.
const MAX_REPORT: u64 = 16 * 1024 * 1024;

/// What to say, and where.
#[derive(Debug, Args)]
pub(super) struct CommentArgs {
    /// The Markdown report to show, or `-` for standard input. An empty one removes the comment.
    #[arg(long, value_name = "PATH", env = "ASSIGNCTL_FILE", required_unless_present = "delete")]
    pub file: Option<PathBuf>,
    /// Which comment: a request has one of each name.
    #[arg(long, value_name = "NAME", default_value = "plan", value_parser = name, env = "ASSIGNCTL_NAME")]
    pub name: String,
    /// The JSON report of the same plan or drift: where it holds nothing to do, the comment is removed.
    #[arg(long, value_name = "FILE", env = "ASSIGNCTL_RESULT")]
    pub result: Option<PathBuf>,
    /// Remove the comment.
    #[arg(long, conflicts_with_all = ["file", "result"], env = "ASSIGNCTL_DELETE")]
    pub delete: bool,
    #[command(flatten)]
    pub place: WhereArgs,
    /// The longest that refused or lost requests are waited for, in total.
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration, env = "ASSIGNCTL_RETRY_BUDGET")]
    pub retry_budget: Duration,
    /// The longest that one request may take.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = request_timeout, env = "ASSIGNCTL_TIMEOUT")]
    pub timeout: Duration,
}

/// A name stands in a comment of HTML: nothing in it may end that.
fn name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._".contains(c);
    let single = |text: &str| text.split('-').all(|part| !part.is_empty() && part.chars().all(allowed));
    if text.len() <= 64 && single(text) {
        Ok(text.to_owned())
    } else {
        Err("expected at most 64 letters, digits, dots, underscores and single hyphens, such as plan-prod".to_owned())
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::manifest::shape::parse_duration(text).ok_or_else(|| "expected a duration such as 30s or 2m".to_owned())
}

/// Creates, updates or removes the comment.
pub(super) fn run(args: &CommentArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let place = Place::detect(&args.place, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?;
    let text = text(args)?;
    let marker = format!("<!-- assignctl:{} -->", args.name);
    let body = text.map(|text| place.forge.body(&marker, &text)).transpose()?;
    let api = Api::new(&place, &args.place, (args.retry_budget, args.timeout), terminal)?;
    let runtime = runtime()?;
    let done = terminal.signals.heed(|| runtime.block_on(keep(&api, &args.place, &marker, body.as_deref())));
    match done {
        Ok(done) => {
            terminal.data(&format!("{} {place}.\n", done.text(&args.name)))?;
            Ok(Exit::Success)
        }
        Err(trouble) => {
            let failed = if trouble.temporary { Exit::Temporary } else { Exit::Error };
            let exit = terminal.signals.stop().requested().map_or(failed, Exit::from);
            terminal.error(&trouble.error);
            Ok(exit)
        }
    }
}

/// The report, or `None` where there is nothing to say.
fn text(args: &CommentArgs) -> anyhow::Result<Option<String>> {
    let Some(path) = args.file.as_deref().filter(|_| !args.delete) else { return Ok(None) };
    let text = if path.as_os_str() == "-" {
        read(std::io::stdin().lock()).context("standard input cannot be used")?
    } else {
        let file = proof::open("--file", path)?;
        let text = read(file).with_context(|| format!("--file {} cannot be used", path.display()))?;
        proof::check("--file", path, &Marker::commits(&text))?;
        text
    };
    let silent = match args.result.as_deref() {
        Some(result) => is_silent(result)?,
        None => false,
    };
    Ok(Some(text).filter(|text| !silent && !text.trim().is_empty()))
}

fn read(from: impl Read) -> anyhow::Result<String> {
    let mut text = String::new();
    from.take(MAX_REPORT + 1).read_to_string(&mut text).context("it is no text in UTF-8")?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_REPORT {
        bail!("it is larger than {MAX_REPORT} bytes; write the report with --markdown-limit");
    }
    Ok(text)
}

/// Whether a JSON report says that there is nothing to do, and that this is known: no change or drift, nothing refused or unreadable,
/// nothing that a set which only observes differs in, no change of authority, nothing that leaves management, no part or listing that is not whole. Findings, which
/// a plan leaves where it could not be made, are something to say.
fn is_silent(path: &Path) -> anyhow::Result<bool> {
    let shown = path.display();
    let text = read(proof::open("--result", path)?).with_context(|| format!("--result {shown} cannot be used"))?;
    let report: Value = serde_json::from_str(&text).with_context(|| format!("--result {shown} is no JSON"))?;
    proof::check("--result", path, &report.get("commit").and_then(Value::as_str).into_iter().collect::<Vec<_>>())?;
    if report.is_array() {
        return Ok(false);
    }
    let Some(verdict) = report.get("verdict").and_then(Value::as_str) else {
        bail!("--result {shown} is no JSON report of plan or drift: it has no verdict");
    };
    let observed = report.pointer("/counts/observed").and_then(Value::as_u64).unwrap_or(0);
    // A base that was not used, or not for every target, is something to say as well.
    let is_there = |field: &str| match report.pointer(&format!("/base/{field}")) {
        Some(Value::Array(items)) => !items.is_empty(),
        found => found.is_some_and(|value| !value.is_null()),
    };
    let compared = ["authority", "leaving", "gaps", "not_used"].into_iter().any(is_there);
    let done = report.pointer("/exit/code").and_then(Value::as_u64) == Some(0);
    let nothing = ["no_changes", "no_drift"].contains(&verdict) && observed == 0 && !compared;
    Ok(done && nothing && is_whole(&report))
}

/// Whether a report is of all sets, and of all that there is of each target.
fn is_whole(report: &Value) -> bool {
    let items = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let evidence = items(report, "targets").iter().flat_map(|target| items(target, "evidence")).collect::<Vec<_>>();
    let is_part = report.get("shard").is_some() || report.get("missing_shards").is_some();
    !is_part && evidence.iter().all(|seen| seen.get("gap").is_none_or(Value::is_null))
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Created,
    Updated,
    Unchanged,
    Removed,
    NoneThere,
}

impl Done {
    fn text(self, name: &str) -> String {
        match self {
            Done::Created => format!("Created the comment {name} under"),
            Done::Updated => format!("Updated the comment {name} under"),
            Done::Unchanged => format!("The comment {name} is as it should be under"),
            Done::Removed => format!("Removed the comment {name} under"),
            Done::NoneThere => format!("There is nothing to say, and no comment {name} under"),
        }
    }
}

/// Makes the comments of this marker and author the one that is wanted, or none. Where two runs raced there are two: the older one is
/// kept.
async fn keep(api: &Api, args: &WhereArgs, marker: &str, body: Option<&str>) -> Result<Done, Trouble> {
    let own = match &args.author {
        Some(login) => Own::Login(login.clone()),
        None => api.who().await?,
    };
    let mine = mine(api, &own, marker).await?;
    let (kept, spare) = match (mine.split_first(), body) {
        (Some((first, rest)), Some(_)) => (Some(first), rest),
        _ => (None, mine.as_slice()),
    };
    let done = match (kept, body) {
        (Some(kept), Some(body)) if same(&kept.body, body) => Done::Unchanged,
        (Some(kept), Some(body)) => {
            api.update(kept.id, body).await?;
            Done::Updated
        }
        (None, Some(body)) => {
            create(api, &own, marker, body).await?;
            Done::Created
        }
        (_, None) if spare.is_empty() => Done::NoneThere,
        (_, None) => Done::Removed,
    };
    for spare in spare {
        api.remove(spare.id).await?;
    }
    Ok(done)
}

/// Our comments with the marker, the oldest first.
async fn mine(api: &Api, own: &Own, marker: &str) -> Result<Vec<Posted>, Trouble> {
    let mut mine = api.comments().await?;
    // The marker stands first: a text that quotes it further down is no comment of ours.
    mine.retain(|posted| own.wrote(posted) && posted.body.trim_start().starts_with(marker));
    mine.sort_by_key(|posted| posted.id);
    Ok(mine)
}

/// Creates the comment. Where the answer was lost, it may be there all the same: that is looked up, so that it is not sent twice.
async fn create(api: &Api, own: &Own, marker: &str, body: &str) -> Result<(), Trouble> {
    match api.create(body).await {
        Err(trouble) if trouble.maybe_done => {
            let there = mine(api, own, marker).await.unwrap_or_default();
            if there.iter().any(|posted| same(&posted.body, body)) { Ok(()) } else { Err(trouble) }
        }
        other => other,
    }
}

/// Hosts keep line breaks and ends in their own way.
fn same(posted: &str, wanted: &str) -> bool {
    posted.replace("\r\n", "\n").trim_end() == wanted.replace("\r\n", "\n").trim_end()
}

impl Forge {
    /// The text of the comment as the host gets it.
    fn body(self, marker: &str, text: &str) -> anyhow::Result<String> {
        let text = text.trim_start_matches('\u{feff}').trim_end();
        let text = if self == Forge::Gitlab { without_quick_actions(text) } else { text.to_owned() };
        let body = format!("{marker}\n{text}\n");
        let length = body.chars().count();
        match self.longest() {
            Some((longest, preset)) if length > longest => bail!(
                "the comment would have {length} characters, and {} takes {longest}: write the report with \
                 --markdown-limit {preset}, which cuts details first and says so",
                self.word()
            ),
            _ => Ok(body),
        }
    }
}

/// GitLab carries out lines such as `/merge` in a comment, with the rights of whoever posts it (docs.gitlab.com, "Quick actions"). A
/// backslash before the slash shows the same and does nothing.
fn without_quick_actions(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words = line.trim_start();
        let indent = line.len() - words.len();
        if words.starts_with('/') { format!("{}\\{words}", &line[..indent]) } else { line.to_owned() }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_name_cannot_end_the_marker() {
        for good in ["plan", "plan-prod", "a.b_c", "7"] {
            assert_eq!(name(good).unwrap(), good);
        }
        for bad in ["", "a--b", "-a", "a-", "a b", "a>", "-->", "ä", &"x".repeat(65)] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn gitlab_gets_no_quick_action() {
        assert_eq!(without_quick_actions("a\n/merge\n  /approve\na /b"), "a\n\\/merge\n  \\/approve\na /b");
        assert!(Forge::Gitlab.body("<!-- m -->", "/close").unwrap().contains("\n\\/close"));
        assert!(Forge::Github.body("<!-- m -->", "/close").unwrap().contains("\n/close"));
    }

    #[test]
    fn each_host_has_its_longest_comment() {
        let long = |n: usize| "ä".repeat(n);
        for (forge, longest) in [(Forge::Github, 65_536), (Forge::Gitlab, 1_000_000)] {
            let room = longest - "<!-- m -->\n\n".chars().count();
            assert!(forge.body("<!-- m -->", &long(room)).is_ok());
            let error = forge.body("<!-- m -->", &long(room + 1)).unwrap_err().to_string();
            assert!(error.contains("--markdown-limit") && error.contains(&longest.to_string()), "{error}");
        }
        assert!(Forge::Gitea.body("<!-- m -->", &long(2_000_000)).is_ok());
    }
}
