//! Faults: answers that go wrong on purpose, so that a client can be tried against them.
//!
//! Knows how a fault is written and which request it meets; what it does to an answer is `server`'s.

use std::{fmt, str::FromStr, time::Duration};

use super::SandboxError;

/// One fault, written as `METHOD PATH = FAULT[:COUNT][@SKIP]`.
///
/// `METHOD` is a method or `*`. In `PATH`, `*` stands for one segment and a last `**` for the rest. `COUNT` is how many matching
/// requests it meets (1 unless given, `*` for all), `SKIP` how many it lets pass first. Of several faults the first that matches and is
/// not spent is used.
///
/// | fault | what happens |
/// |---|---|
/// | `503`, any status code; then `;retry-after=SECONDS` (or a date), `;body=TEXT` | not executed, answered so; without a body in the API's own error form |
/// | `drop-before` | not executed, the connection is closed without an answer |
/// | `drop-after` | executed, the connection is closed without an answer |
/// | `truncate` | executed, half the body under the full `content-length`, then the connection is closed |
/// | `garbage` | not executed, 200 with a page of HTML |
/// | `huge` | not executed, 200 with a JSON body that does not end before 4 GiB |
/// | `slow=DURATION` | executed, answered after `500ms`, `2s`, `1m` |
/// | `drip=DURATION` | executed, answered byte by byte, each so much after the one before |
/// | `redirect=URL` | not executed, 307 to the URL; a count after it needs a `/` after the host |
/// | `stuck-cursor` | executed; a Partium list repeats the request's cursor and says that there is more |
/// | `status-after=CODE` | executed, answered with the status code |
/// | `late=DURATION` | answered at once with a gateway's 504, executed so much later |
/// | `envelope=CODE` | not executed, 200 with the API's error form of the status code |
/// | `pretend` | not executed, answered as if it had been |
/// | `contradict` | executed; the answer shows other values than were sent |
/// | `rolled-back` | not executed; a batch is answered with an error of its first entry, and tells of the others as taken back |
/// | `optimistic` | the same, and calls the others a success |
///
/// For example `POST /1/catalog/assignments/organizations=503;retry-after=1:2@1`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    method: Option<String>,
    path: Vec<Part>,
    kind: Kind,
    count: Option<u64>,
    skip: u64,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    One,
    Rest,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Status { code: u16, retry_after: Option<String>, body: Option<String> },
    DropBefore,
    DropAfter,
    Truncate,
    Garbage,
    Huge,
    Slow(Duration),
    Drip(Duration),
    Redirect(String),
    StuckCursor,
    StatusAfter(u16),
    Late(Duration),
    Envelope(u16),
    Pretend,
    Contradict,
    RolledBack,
    Optimistic,
}

impl Fault {
    fn matches(&self, method: &str, path: &[&str]) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method) && path_matches(&self.path, path)
    }

    /// Whether this fault meets a matching request now; counts it either way.
    fn meets(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        match &mut self.count {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}

fn path_matches(pattern: &[Part], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) | ([Part::Rest], _) => true,
        ([Part::One, rest @ ..], [_, more @ ..]) => path_matches(rest, more),
        ([Part::Text(wanted), rest @ ..], [segment, more @ ..]) => wanted == segment && path_matches(rest, more),
        _ => false,
    }
}

/// The fault that meets a request, if any; it is counted.
pub(super) fn take(faults: &mut [Fault], method: &str, path: &[&str]) -> Option<Kind> {
    let fault = faults
        .iter_mut()
        .filter(|fault| fault.matches(method, path))
        .find_map(|fault| fault.meets().then_some(fault))?;
    Some(fault.kind.clone())
}

impl FromStr for Fault {
    type Err = SandboxError;

    fn from_str(text: &str) -> Result<Self, SandboxError> {
        parse(text).map_err(|message| SandboxError::Fault { text: text.to_owned(), message })
    }
}

fn parse(text: &str) -> Result<Fault, String> {
    let (request, fault) = text.split_once('=').ok_or("it has no `=` between the path and the fault")?;
    let (method, path) =
        request.trim().split_once(char::is_whitespace).ok_or("it needs a method and a path before `=`")?;
    let (fault, skip) = split_number(fault.trim(), '@');
    let (fault, count) = split_count(fault);
    Ok(Fault {
        method: parse_method(method)?,
        path: parse_path(path.trim())?,
        kind: parse_kind(fault.trim())?,
        count,
        skip: skip.unwrap_or(0),
    })
}

fn split_number(text: &str, sign: char) -> (&str, Option<u64>) {
    match text.rsplit_once(sign) {
        Some((rest, number)) => match number.parse() {
            Ok(number) => (rest, Some(number)),
            Err(_) => (text, None),
        },
        None => (text, None),
    }
}

/// The fault without its count. The port of a redirect without a path is no count.
fn split_count(fault: &str) -> (&str, Option<u64>) {
    if let Some(rest) = fault.strip_suffix(":*") {
        return (rest, None);
    }
    match split_number(fault, ':') {
        (rest, Some(count)) if !ends_in_authority(rest) => (rest, Some(count)),
        _ => (fault, Some(1)),
    }
}

fn ends_in_authority(fault: &str) -> bool {
    fault.strip_prefix("redirect=").and_then(|url| url.split_once("://")).is_some_and(|(_, rest)| !rest.contains('/'))
}

fn parse_method(method: &str) -> Result<Option<String>, String> {
    match method {
        "*" => Ok(None),
        _ if method.bytes().all(|byte| byte.is_ascii_uppercase()) => Ok(Some(method.to_owned())),
        _ => Err(format!("`{method}` is no method; write it in capitals, or `*` for any")),
    }
}

fn parse_path(path: &str) -> Result<Vec<Part>, String> {
    let segments = path.strip_prefix('/').ok_or_else(|| format!("the path `{path}` does not start with `/`"))?;
    let part = |segment: &str| match segment {
        "*" => Part::One,
        "**" => Part::Rest,
        text => Part::Text(text.to_owned()),
    };
    let parts: Vec<Part> = segments.split('/').map(part).collect();
    match parts.iter().position(|part| *part == Part::Rest) {
        Some(place) if place + 1 != parts.len() => Err("`**` can only be the last segment".to_owned()),
        _ => Ok(parts),
    }
}

fn parse_kind(fault: &str) -> Result<Kind, String> {
    match fault {
        "drop-before" => return Ok(Kind::DropBefore),
        "drop-after" => return Ok(Kind::DropAfter),
        "truncate" => return Ok(Kind::Truncate),
        "garbage" => return Ok(Kind::Garbage),
        "huge" => return Ok(Kind::Huge),
        "stuck-cursor" => return Ok(Kind::StuckCursor),
        "pretend" => return Ok(Kind::Pretend),
        "contradict" => return Ok(Kind::Contradict),
        "rolled-back" => return Ok(Kind::RolledBack),
        "optimistic" => return Ok(Kind::Optimistic),
        _ => {}
    }
    if let Some(duration) = fault.strip_prefix("slow=") {
        return parse_duration(duration).map(Kind::Slow);
    }
    if let Some(duration) = fault.strip_prefix("drip=") {
        return parse_duration(duration).map(Kind::Drip);
    }
    if let Some(url) = fault.strip_prefix("redirect=") {
        if !is_header_value(url) {
            return Err(format!("`{url}` cannot stand in a Location header"));
        }
        return Ok(Kind::Redirect(url.to_owned()));
    }
    if let Some(duration) = fault.strip_prefix("late=") {
        return parse_duration(duration).map(Kind::Late);
    }
    if let Some(code) = fault.strip_prefix("envelope=") {
        return parse_code(code).map(Kind::Envelope);
    }
    if let Some(code) = fault.strip_prefix("status-after=") {
        return parse_code(code).map(Kind::StatusAfter);
    }
    parse_status(fault)
}

fn parse_status(fault: &str) -> Result<Kind, String> {
    let (fault, body) = match fault.split_once(";body=") {
        Some((fault, body)) => (fault, Some(body.to_owned())),
        None => (fault, None),
    };
    let mut options = fault.split(';');
    let code = parse_code(options.next().unwrap_or_default())?;
    let mut retry_after = None;
    for option in options {
        let wait = option.trim().strip_prefix("retry-after=").filter(|wait| is_header_value(wait));
        retry_after = Some(wait.map(str::to_owned).ok_or_else(|| {
            format!("`{option}` is not known; after a status code stand `;retry-after=WHEN` and, last, `;body=TEXT`")
        })?);
    }
    Ok(Kind::Status { code, retry_after, body })
}

fn parse_code(text: &str) -> Result<u16, String> {
    match text.trim().parse() {
        Ok(code) if (200..=599).contains(&code) => Ok(code),
        _ => Err(format!(
            "`{text}` is no fault: write a status code from 200 to 599, drop-before, drop-after, truncate, garbage, huge, \
             slow=DURATION, drip=DURATION, redirect=URL, stuck-cursor, status-after=CODE, late=DURATION, envelope=CODE, \
             pretend, contradict, rolled-back or optimistic"
        )),
    }
}

fn is_header_value(text: &str) -> bool {
    !text.is_empty() && axum::http::HeaderValue::from_str(text).is_ok()
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| format!("`{text}` is no duration such as 500ms, 2s or 1m"))?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(format!("`{text}` is no duration such as 500ms, 2s or 1m")),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.method.as_deref().unwrap_or("*"))?;
        for part in &self.path {
            match part {
                Part::Text(text) => write!(f, "/{text}")?,
                Part::One => f.write_str("/*")?,
                Part::Rest => f.write_str("/**")?,
            }
        }
        write!(f, "={}", self.kind)?;
        match self.count {
            None => f.write_str(":*")?,
            Some(1) => {}
            Some(count) => write!(f, ":{count}")?,
        }
        match self.skip {
            0 => Ok(()),
            skip => write!(f, "@{skip}"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { code, retry_after, body } => {
                write!(f, "{code}")?;
                retry_after.as_ref().map_or(Ok(()), |wait| write!(f, ";retry-after={wait}"))?;
                body.as_ref().map_or(Ok(()), |body| write!(f, ";body={body}"))
            }
            Self::DropBefore => f.write_str("drop-before"),
            Self::DropAfter => f.write_str("drop-after"),
            Self::Truncate => f.write_str("truncate"),
            Self::Garbage => f.write_str("garbage"),
            Self::Huge => f.write_str("huge"),
            Self::Slow(duration) => write!(f, "slow={}ms", duration.as_millis()),
            Self::Drip(duration) => write!(f, "drip={}ms", duration.as_millis()),
            Self::Redirect(url) => write!(f, "redirect={url}"),
            Self::StuckCursor => f.write_str("stuck-cursor"),
            Self::StatusAfter(code) => write!(f, "status-after={code}"),
            Self::Late(duration) => write!(f, "late={}ms", duration.as_millis()),
            Self::Envelope(code) => write!(f, "envelope={code}"),
            Self::Pretend => f.write_str("pretend"),
            Self::Contradict => f.write_str("contradict"),
            Self::RolledBack => f.write_str("rolled-back"),
            Self::Optimistic => f.write_str("optimistic"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::unwrap_in_result)]
    use super::*;

    fn meets(fault: &mut [Fault], method: &str, path: &str) -> bool {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        take(fault, method, &segments).is_some()
    }

    #[test]
    fn every_form_reads_and_prints_as_it_was_written() {
        for text in [
            "POST /1/catalog/assignments/organizations=503:2",
            "* /**=500:*",
            "GET /v2/clients/*/domains/**=429;retry-after=3@2",
            "GET /a=503;retry-after=Wed, 21 Oct 2026 07:28:00 GMT:2",
            "PUT /v2/**=400;body={\"a\":1}",
            "DELETE /a/b=drop-before:3@1",
            "DELETE /a/b=drop-after",
            "GET /a=truncate",
            "GET /a=garbage",
            "GET /a=huge",
            "GET /a=slow=250ms",
            "GET /a=drip=20ms",
            "GET /a=redirect=http://127.0.0.1:9",
            "GET /a=redirect=http://127.0.0.1:9/:4",
            "POST /1/**=stuck-cursor:*",
            "PATCH /a=status-after=502",
            "PUT /a=late=250ms:2",
            "POST /a=envelope=403:*",
            "POST /a=pretend",
            "POST /a=contradict",
            "POST /a=rolled-back:*@1",
            "POST /a=optimistic",
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_text_that_is_no_fault_is_refused_with_what_it_should_be() {
        for (text, part) in [
            ("GET /a", "no `=`"),
            ("/a=503", "method and a path"),
            ("get /a=503", "capitals"),
            ("GET a=503", "start with `/`"),
            ("GET /**/a=503", "last segment"),
            ("GET /a=99", "status code from 200 to 599"),
            ("GET /a=503;retry=1", "retry-after=WHEN"),
            ("GET /a=slow=2", "duration"),
            ("GET /a=explode", "drop-before"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_star_stands_for_one_segment_and_two_for_the_rest() {
        let mut one = ["GET /v2/*/x=500:*".parse().unwrap()];
        assert!(meets(&mut one, "GET", "/v2/a/x"));
        assert!(!meets(&mut one, "GET", "/v2/a/b/x"));
        assert!(!meets(&mut one, "PUT", "/v2/a/x"));
        let mut rest = ["* /v2/**=500:*".parse().unwrap()];
        assert!(meets(&mut rest, "PUT", "/v2/a/b/c"));
        assert!(!meets(&mut rest, "PUT", "/v1/a"));
    }

    #[test]
    fn a_fault_lets_pass_what_it_skips_and_ends_after_its_count() {
        let mut faults = ["GET /a=500:2@1".parse().unwrap()];
        let met: Vec<bool> = (0..5).map(|_| meets(&mut faults, "GET", "/a")).collect();
        assert_eq!(met, [false, true, true, false, false]);
    }

    #[test]
    fn a_spent_fault_makes_room_for_the_next() {
        let mut faults = ["GET /a=500".parse().unwrap(), "GET /a=503".parse().unwrap()];
        let status = |kind: Option<Kind>| match kind {
            Some(Kind::Status { code, .. }) => code,
            _ => 0,
        };
        let met: Vec<u16> = (0..3).map(|_| status(take(&mut faults, "GET", &["a"]))).collect();
        assert_eq!(met, [500, 503, 0]);
    }
}
