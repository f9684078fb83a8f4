//! The HTML report in a real browser: it renders, filters, obeys the keyboard and the printer, bears hostile text and a hundred
//! thousand changes. Needs Chromium and its driver (`apt-get install chromium chromium-driver`); without them these tests have nothing
//! to test with, unless `ASSIGNCTL_BROWSER=required` says that they must.

mod driver;

use serde_json::{Value, json};

use crate::render::{fixture, html, shapes};
use driver::Browser;

/// A browser that shows a plan's report.
fn open(plan: &assignctl::plan::Plan) -> Option<(Browser, tempfile::TempDir)> {
    let browser = Browser::start()?;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan.html");
    std::fs::write(&path, html::page(plan)).unwrap();
    browser.open(&format!("file://{}", path.display()));
    Some((browser, dir))
}

const STATUS: &str = "return document.getElementById('status').textContent";
const SHOWN: &str = "return [...document.querySelectorAll('.row')].map((row) => row.textContent)";

fn set(browser: &Browser, id: &str, value: &str) {
    let script = "const [id, value] = arguments; const field = document.getElementById(id); field.value = value;
                  field.dispatchEvent(new Event('input', { bubbles: true }));";
    browser.run(script, json!([id, value]));
    // The filter runs after the event; longer where there is much to filter.
    std::thread::sleep(std::time::Duration::from_millis(400));
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn it_renders_and_filters() {
    let Some((browser, _dir)) = open(&fixture::everything()) else { return };
    assert_eq!(text(&browser.run(STATUS, json!([]))), "16 of 16 rows, 6 take something away");
    let cards = browser.run("return document.querySelectorAll('#summary .card svg rect').length", json!([]));
    assert!(cards.as_u64() > Some(3), "{cards}");
    for (id, value, status) in [
        ("action", "remove", "3 of 16 rows, 3 take something away"),
        ("action", "", "16 of 16 rows, 6 take something away"),
        ("target", "pie-prod", "3 of 16 rows, 1 take something away"),
        ("target", "", "16 of 16 rows, 6 take something away"),
        ("person", "bob chen", "1 of 16 rows, 1 take something away"),
        ("person", "", "16 of 16 rows, 6 take something away"),
        ("set", "dealers", "2 of 16 rows, 1 take something away"),
        ("set", "", "16 of 16 rows, 6 take something away"),
        ("q", "horizon_days", "1 of 16 rows"),
        ("q", "nowhere to be found", "0 of 16 rows"),
    ] {
        set(&browser, id, value);
        assert_eq!(text(&browser.run(STATUS, json!([]))), status, "{id} = {value}");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_compared_plan_filters_by_whose_change_it_is() {
    let Some((browser, _dir)) = open(&shapes::compared()) else { return };
    let all = browser.run(SHOWN, json!([]));
    let marked = all.as_array().unwrap().iter().map(|row| text(row).contains("drift · ")).collect::<Vec<_>>();
    let first = marked.iter().position(|drift| *drift).unwrap();
    assert!(marked[first..marked.len() - 2].iter().all(|drift| *drift), "drift stands apart: {all}");
    let count = |text: &str| text.split(' ').next().unwrap().parse::<usize>().unwrap();
    let mut shown = 0;
    for cause in ["pull_request", "both", "drift"] {
        set(&browser, "cause", cause);
        let status = browser.run(STATUS, json!([]));
        let rows = browser.run(SHOWN, json!([]));
        assert!(count(text(&status)) > 0 && rows.as_array().unwrap().len() == count(text(&status)), "{status}");
        let drift = rows.as_array().unwrap().iter().all(|row| text(row).contains("drift · "));
        assert_eq!(drift, cause == "drift", "{rows}");
        shown += count(text(&status));
    }
    assert!(shown > 6, "{shown}");
    set(&browser, "cause", "");
    browser.run(
        "[...document.querySelectorAll('#summary button')].find((b) => b.textContent.endsWith('drift')).click()",
        json!([]),
    );
    assert_eq!(browser.run("return document.getElementById('cause').value", json!([])), "drift");
    let body = browser.run("return document.body.innerText", json!([]));
    let body = text(&body);
    let at = |part: &str| body.find(part).unwrap_or_else(|| panic!("no {part:?} in {body}"));
    assert!(at("25 assignments leave management") < at("Compared with origin/main"), "authority comes first");
    assert!(at("was not used for target crm-prod") < at("Search"), "{body}");
    let listed = "return document.querySelectorAll('#authority details p').length";
    assert_eq!(browser.run(listed, json!([])), 25 + 25 + 1, "every item of a long list, and every assignment");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn without_a_base_there_is_no_filter_for_it() {
    let Some((browser, _dir)) = open(&fixture::everything()) else { return };
    assert_eq!(browser.run("return document.getElementById('causes').hidden", json!([])), true);
}

#[test]
fn a_link_shows_what_its_sender_saw() {
    let Some((browser, dir)) = open(&fixture::everything()) else { return };
    browser.open("about:blank");
    browser.open(&format!("file://{}#action=remove&person=Carl%20Diaz", dir.path().join("plan.html").display()));
    assert_eq!(text(&browser.run(STATUS, json!([]))), "1 of 16 rows, 1 take something away");
}

#[test]
fn the_keyboard_is_enough() {
    let Some((browser, _dir)) = open(&fixture::everything()) else { return };
    let detail = "const d = document.getElementById('detail'); return d.hidden ? null : d.textContent";
    assert_eq!(browser.run(detail, json!([])), Value::Null);
    browser.keys("j");
    let first = browser.run(detail, json!([]));
    assert!(text(&first).starts_with("remove") && text(&first).contains("loses access"), "{first}");
    browser.keys("\u{e015}j");
    assert_ne!(browser.run(detail, json!([])), first);
    let selected = "return document.querySelector('[aria-selected=true]').id === document.getElementById('rows').getAttribute('aria-activedescendant')";
    assert_eq!(browser.run(selected, json!([])), true);
    browser.keys("\u{e00c}");
    assert_eq!(browser.run(detail, json!([])), Value::Null);
    browser.keys("/");
    assert_eq!(browser.run("return document.activeElement.id", json!([])), "q");
}

#[test]
fn fields_stand_side_by_side() {
    let Some((browser, _dir)) = open(&fixture::everything()) else { return };
    set(&browser, "q", "horizon_days");
    browser.run("document.querySelector('.row').click()", json!([]));
    let script = "return [...document.querySelectorAll('#detail table.diff tr')].map((row) => [...row.cells].map((cell) => `${cell.className}:${cell.textContent}`))";
    let rows = browser.run(script, json!([]));
    let rows = rows.as_array().unwrap();
    assert!(rows.contains(&json!(["old:  \"horizon_days\": 7,", "new:  \"horizon_days\": 14,"])), "{rows:#?}");
    assert!(rows.contains(&json!([":  \"sources\": [", ":  \"sources\": ["])), "{rows:#?}");
    assert!(rows.contains(&json!(["old:primary", ":"])), "{rows:#?}");
}

#[test]
fn hostile_text_is_text() {
    let Some((browser, _dir)) = open(&shapes::hostile()) else { return };
    let count = |what: &str| browser.run("return document.querySelectorAll(arguments[0]).length", json!([what]));
    assert_eq!((count("script"), count("img"), count("a"), count("iframe")), (2.into(), 0.into(), 0.into(), 0.into()));
    let body = browser.run("return document.body.innerText", json!([]));
    assert!(text(&body).contains("<script>alert(1)</script>"), "{body}");
    assert!(text(&body).contains("\\u{202e}gnp.exe\\u{1b}[2J\\u{7}"), "{body}");
    assert!(!text(&body).contains('\u{202e}'), "{body}");
    assert!(
        text(&body).contains("constructor / __proto__ / role_support"),
        "an id is no property of an object: {body}"
    );
    assert_eq!(browser.complaints(), Vec::<String>::new(), "nothing was run, and nothing was asked for");
}

#[test]
fn a_hundred_thousand_changes_are_a_window_at_a_time() {
    let Some((browser, _dir)) = open(&shapes::crowd(100_000, 30)) else { return };
    assert_eq!(text(&browser.run(STATUS, json!([]))), "100,030 of 100,030 rows, 30 take something away");
    let shown = browser.run(SHOWN, json!([]));
    assert!(shown.as_array().unwrap().len() < 100 && text(&shown[0]).starts_with("remove"), "{shown}");
    browser.keys("\u{e010}");
    std::thread::sleep(std::time::Duration::from_millis(200));
    let last = browser.run(SHOWN, json!([]));
    assert!(text(last.as_array().unwrap().last().unwrap()).contains("idn_new099999"), "{last}");
    set(&browser, "q", "idn_new0500");
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(text(&browser.run(STATUS, json!([]))), "100 of 100,030 rows");
}

#[test]
fn it_looks_right_in_light_and_dark_and_on_paper() {
    let Some((browser, _dir)) = open(&fixture::everything()) else { return };
    let back = "return getComputedStyle(document.body).backgroundColor";
    browser.color_scheme("light");
    assert_eq!(browser.run(back, json!([])), "rgb(255, 255, 255)");
    browser.color_scheme("dark");
    assert_eq!(browser.run(back, json!([])), "rgb(13, 17, 23)");
    // Nothing wider than the window, and no row higher than its place.
    let overflow = "const d = document.documentElement; return d.scrollWidth > d.clientWidth";
    assert_eq!(browser.run(overflow, json!([])), false);
    let heights = browser
        .run("return [...new Set([...document.querySelectorAll('.row')].map((row) => row.offsetHeight))]", json!([]));
    assert_eq!(heights, json!([30]));
    let png = browser.screenshot();
    assert!(png.starts_with(b"\x89PNG") && png.len() > 20_000, "{} bytes", png.len());
    std::fs::write(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.png"), png).unwrap();
    browser.run("dispatchEvent(new Event('beforeprint'))", json!([]));
    let printed = browser.run("return document.querySelectorAll('#print tr').length", json!([]));
    assert_eq!(printed, 17, "a head and every row");
}

#[test]
fn drift_shows_its_kinds_and_its_trend() {
    let Some(browser) = Browser::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let open = |history: u64| {
        let path = dir.path().join(format!("drift-{history}.html"));
        std::fs::write(&path, html::drift_page(&fixture::everything(), &html::runs(history))).unwrap();
        browser.open(&format!("file://{}", path.display()));
    };
    let count = |what: &str| browser.run("return document.querySelectorAll(arguments[0]).length", json!([what]));
    open(1);
    assert_eq!(count("#trend"), 0, "one run is no trend");
    open(30);
    assert_eq!((count("#trend rect"), count("#trend .run title")), (30.into(), 30.into()));
    let tallest = browser.run(
        "return Math.max(...[...document.querySelectorAll('#trend rect')].map((bar) => bar.height.baseVal.value))",
        json!([]),
    );
    assert_eq!(tallest, 70);
    let kinds =
        browser.run("return [...document.getElementById('action').options].map((option) => option.value)", json!([]));
    assert_eq!(kinds, json!(["", "changed", "missing", "extra", "expired", "unmanaged"]));
    assert_eq!(browser.run("return document.getElementById('effects').hidden", json!([])), true);
    set(&browser, "action", "extra");
    let shown = browser.run(SHOWN, json!([]));
    assert!(shown.as_array().unwrap().iter().all(|row| text(row).starts_with("extra")), "{shown}");
    set(&browser, "action", "");
    set(&browser, "q", "horizon_days");
    browser.run("document.querySelector('.row').click()", json!([]));
    let heads = browser.run(
        "return [...document.querySelectorAll('#detail table.diff th')].map((cell) => cell.textContent).join()",
        json!([]),
    );
    assert!(text(&heads).contains("settings, live,declared"), "{heads}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    std::fs::write(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("drift.png"), browser.screenshot()).unwrap();
}
