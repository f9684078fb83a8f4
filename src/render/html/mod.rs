//! A plan, an apply report or findings as one self-contained HTML file: no network, a content security policy that lets nothing run but
//! the page's own script, and the data as JSON, which the script shows a window of at a time. A hundred thousand changes are a large file
//! and a quick page.
//!
//! Untrusted text is in the page only as escaped text and as JSON that cannot end its element; the script makes text nodes of it, never
//! markup.

mod data;

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::ser::{CompactFormatter, Formatter};
use sha2::{Digest, Sha256};

use crate::apply::{Exit, Report};
use crate::diag::{Diagnostics, Sources};
use crate::plan::Plan;
use crate::plan::drift::Drift;

use super::json::{Moment, pretty};
use super::{Stopped, clean};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const BODY: &str = include_str!("page.html");

/// Writes a plan.
///
/// # Errors
/// Those of the writer.
pub fn plan(out: &mut dyn Write, plan: &Plan, exit: Exit) -> io::Result<()> {
    page(out, "assignctl plan", &data::plan(plan, exit))
}

/// Writes what an apply did; `plan` is the plan that was applied.
///
/// # Errors
/// Those of the writer.
pub fn report(out: &mut dyn Write, plan: &Plan, report: &Report, exit: Exit) -> io::Result<()> {
    page(out, "assignctl apply", &data::report(plan, report, exit))
}

/// Writes an apply that ended before there was a plan.
///
/// # Errors
/// Those of the writer.
pub fn stopped(out: &mut dyn Write, stopped: Stopped<'_>) -> io::Result<()> {
    page(out, &format!("assignctl {}", stopped.command.word()), &data::stopped(stopped))
}

/// Writes how live differs from the manifests; `history` holds earlier runs, the oldest first.
///
/// # Errors
/// Those of the writer.
pub fn drift(out: &mut dyn Write, drift: &Drift<'_>, exit: Exit, history: &[Moment]) -> io::Result<()> {
    page(out, "assignctl drift", &data::drift(drift, exit, history))
}

/// Writes what is wrong with manifests.
///
/// # Errors
/// Those of the writer.
pub fn findings(out: &mut dyn Write, diagnostics: &Diagnostics, sources: &Sources) -> io::Result<()> {
    page(out, "assignctl validate", &data::findings(diagnostics, sources))
}

fn page(out: &mut dyn Write, title: &str, data: &data::Page<'_>) -> io::Result<()> {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    let title = escaped(title);
    let verdict = escaped(&data.verdict_text());
    let (head, rest) = BODY.split_once("<!--data-->").unwrap_or((BODY, ""));
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title}: {verdict}</title>\n<style>{STYLE}</style>\n</head>\n"
    )?;
    out.write_all(head.replace("<!--title-->", &title).replace("<!--verdict-->", &verdict).as_bytes())?;
    out.write_all(b"<script type=\"application/json\" id=\"data\">")?;
    pretty::write_as(out, InScript, data)?;
    write!(out, "</script>{rest}<script>{SCRIPT}</script>\n</body>\n</html>\n")
}

/// The source expression that allows exactly this text (CSP Level 2).
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

fn escaped(text: &str) -> String {
    let text = clean::terminal(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// JSON that can stand in a script element: no `<` that could begin an end tag or a comment. Outside of strings JSON has none.
struct InScript;

impl Formatter for InScript {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut pieces = fragment.split('<');
        CompactFormatter.write_string_fragment(writer, pieces.next().unwrap_or_default())?;
        for piece in pieces {
            writer.write_all(b"\\u003c")?;
            CompactFormatter.write_string_fragment(writer, piece)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn json_cannot_end_its_element() {
        let mut out = Vec::new();
        let text = ["</script><!--", "a<b<", "<"];
        pretty::write_as(&mut out, InScript, &text).unwrap();
        assert!(!out.contains(&b'<'));
        assert_eq!(serde_json::from_slice::<Vec<String>>(&out).unwrap(), text);
    }

    #[test]
    fn the_page_has_its_places() {
        assert_eq!(BODY.matches("<!--data-->").count(), 1);
        assert_eq!(BODY.matches("<!--verdict-->").count(), 1);
        assert!(!SCRIPT.contains("</script") && !STYLE.contains("</style"));
        assert!(!SCRIPT.contains("innerHTML") && !SCRIPT.contains("eval("));
    }
}
