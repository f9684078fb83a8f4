//! The HTML report as text: its structure, its policy and its data. `tests/browser` opens it.

use assignctl::apply::Exit;
use assignctl::plan::Plan;
use assignctl::plan::drift::drift;
use assignctl::render::html;
use assignctl::render::json::Moment;
use base64::Engine as _;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{findings, fixture, reports, shapes};

pub fn page(plan: &Plan) -> String {
    let mut out = Vec::new();
    html::plan(&mut out, plan, Exit::Success).unwrap();
    String::from_utf8(out).unwrap()
}

pub fn drift_page(plan: &Plan, history: &[Moment]) -> String {
    let mut out = Vec::new();
    html::drift(&mut out, &drift(plan, &[], true), Exit::Pending, history).unwrap();
    String::from_utf8(out).unwrap()
}

/// So many runs, the n-th with n differences.
pub fn runs(count: u64) -> Vec<Moment> {
    let run = |n| {
        let at = format!("2026-01-{:02}T03:17:00Z", n % 28 + 1);
        let counts = serde_json::json!({ "drift": n, "changed": n, "missing": 0, "extra": 0, "expired": 0, "expiring_soon": 0,
            "unmanaged": 0, "ignored": 0, "unchanged": 7 });
        serde_json::from_value(serde_json::json!({ "checked_at": at, "counts": counts })).unwrap()
    };
    (0..count).map(run).collect()
}

/// What stands between two texts, of which there is one each.
fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    assert_eq!(page.matches(start).count(), 1, "{start}");
    page.split_once(start).unwrap().1.split_once(end).unwrap().0
}

fn data(page: &str) -> Value {
    let text = between(page, "<script type=\"application/json\" id=\"data\">", "</script>");
    serde_json::from_str(text).unwrap()
}

fn hash(text: &str) -> String {
    format!("'sha256-{}'", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text)))
}

#[test]
fn the_policy_allows_the_pages_own_script_and_style_and_nothing_else() {
    let page = page(&fixture::everything());
    let policy = between(&page, "<meta http-equiv=\"Content-Security-Policy\" content=\"", "\">");
    let style = between(&page, "<style>", "</style>");
    let script = page.rsplit_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
    let wanted = format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        hash(style),
        hash(script)
    );
    assert_eq!(policy, wanted);
    let head = page.find("Content-Security-Policy").unwrap();
    assert!(head < page.find("<style>").unwrap() && head < page.find("<title>").unwrap(), "the policy comes first");
    assert_eq!(page.matches("<script").count(), 2, "the data and the script");
}

#[test]
fn the_page_asks_for_nothing_from_anywhere() {
    let page = page(&fixture::everything());
    let markup = page.split("<script").next().unwrap();
    for what in ["src=", "href=", "@import", "url(", "http://", "https://", "style=\"", "onclick", "onload"] {
        assert!(!markup.contains(what), "{what}");
    }
    let script = page.rsplit_once("<script>").unwrap().1;
    for what in ["fetch(", "XMLHttpRequest", "import(", "innerHTML", "outerHTML", "document.write", "eval("] {
        assert!(!script.contains(what), "{what}");
    }
}

#[test]
fn the_data_has_every_change_once() {
    for (name, plan) in shapes::all() {
        let data = data(&page(&plan));
        let sets = || plan.targets.iter().flat_map(|target| &target.sets);
        let rows: usize = sets().map(|set| set.changes.len() + set.unmanaged.len()).sum();
        assert_eq!(data["rows"].as_array().unwrap().len(), rows, "{name}");
    }
    let rows = data(&page(&fixture::everything()))["rows"].clone();
    let actions: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["a"].as_str().unwrap()).collect();
    let removals = actions.iter().filter(|action| ["remove", "archive"].contains(*action)).count();
    assert!(
        actions[..removals].iter().all(|action| ["remove", "archive"].contains(action)),
        "removals first: {actions:?}"
    );
}

#[test]
fn hostile_text_cannot_leave_the_data() {
    let page = page(&shapes::hostile());
    assert!(!page.contains("<img") && !page.contains("</script><!--"), "{page}");
    let names = &data(&page)["targets"][0]["names"][0];
    for (i, evil) in shapes::HOSTILE.iter().enumerate() {
        assert_eq!(names[format!("idn_{i}")], *evil, "text arrives as it was");
    }
}

#[test]
fn the_data_of_a_plan_with_everything() {
    let data = data(&page(&fixture::everything()));
    let text = serde_json::to_string_pretty(&data).unwrap();
    insta::assert_snapshot!("html_data", text.replace(env!("CARGO_PKG_VERSION"), "0.0.0"));
}

#[test]
fn an_apply_and_findings_are_pages_too() {
    let plan = fixture::everything();
    let mut out = Vec::new();
    html::report(&mut out, &plan, &reports::every_outcome(&plan), Exit::Partial).unwrap();
    let applied = String::from_utf8(out).unwrap();
    assert!(applied.contains("<title>assignctl apply: Applied in part: "), "{}", &applied[..900]);
    let outcomes = data(&applied)["rows"].as_array().unwrap().iter().filter(|row| row.get("o").is_some()).count();
    assert_eq!(outcomes, plan.changes().count());
    let (diagnostics, sources) = findings::some();
    let mut out = Vec::new();
    html::findings(&mut out, &diagnostics, &sources).unwrap();
    let found = String::from_utf8(out).unwrap();
    assert!(found.contains("<title>assignctl validate: Not valid, 3 findings</title>"));
    assert_eq!(data(&found)["findings"][0]["code"], "no-manifests");
}

#[test]
fn drift_has_its_findings_and_its_trend() {
    for (name, plan) in shapes::all() {
        let page = drift_page(&plan, &runs(400));
        let data = data(&page);
        assert_eq!((&data["command"], data["trend"].as_array().unwrap().len()), (&"drift".into(), 365), "{name}");
        assert_eq!(data["trend"][364]["n"], 399);
        let rows = data["rows"].as_array().unwrap();
        let drift: u64 = data["drift"]["drift"].as_u64().unwrap();
        assert!(rows.len() as u64 >= drift, "{name}");
        assert!(rows.iter().all(|row| row["l"].is_null() && row["g"].is_null()), "drift takes nothing away: {name}");
    }
    let page = drift_page(&fixture::everything(), &[]);
    assert!(page.contains("<title>assignctl drift: Drift: ") && data(&page)["trend"].is_null());
}
