//! The comment under a pull request.

use assignctl::plan::authority::{AuthorityChange, Leaving};
use assignctl::plan::drift::drift;
use assignctl::render::markdown::{self, Options};

use super::{findings, fixture, reports, shapes};

fn shown(plan: &assignctl::plan::Plan) -> String {
    markdown::plan(plan, Options::default())
}

#[test]
fn every_shape() {
    for (name, plan) in shapes::all() {
        insta::assert_snapshot!(format!("markdown_{name}"), shown(&plan));
    }
    let plan = fixture::everything();
    insta::assert_snapshot!(
        "markdown_applied",
        markdown::report(&plan, &reports::every_outcome(&plan), Options::default())
    );
    let (diagnostics, sources) = findings::some();
    insta::assert_snapshot!("markdown_findings", markdown::findings(&diagnostics, &sources, Options::default()));
}

#[test]
fn the_first_line_is_verdict_and_counts() {
    let first = |plan| shown(&plan).lines().next().unwrap().to_owned();
    assert!(first(fixture::everything()).starts_with("**Plan:** 4 to create, "), "{}", first(fixture::everything()));
    assert!(first(shapes::nothing()).starts_with("**No changes.** "));
    assert!(first(shapes::refused()).starts_with("**Refused by a guard:** 0 to create, 0 to update, 24 to remove"));
    assert!(first(shapes::unreadable()).starts_with("**Not everything could be planned:** "));
}

/// A reviewer approves what the pull request does; what happened behind its back stands apart, below.
#[test]
fn what_the_pull_request_does_leads_and_drift_is_kept_apart() {
    let page = shown(&shapes::compared());
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text:?} in {page}"));
    let order = [
        "**Compared with** `origin/main`: ",
        "### Authority\n",
        "**25 assignments leave management and stay live**",
        "### By this pull request\n",
        "### By this pull request, where live had drifted",
        "### Drift, not by this pull request",
        "### Not compared",
        "<details>",
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "{page}");
    assert_eq!(page.lines().nth(2).unwrap().split(':').next(), Some("**Compared with** `origin/main`"));
    assert!(!shown(&fixture::everything()).contains("###"), "without a base there is nothing to tell apart");
}

/// What is outside of code spans, `<code>` elements and fences.
fn outside_of_code(text: &str) -> String {
    let mut rest = String::new();
    let mut fence: Option<String> = None;
    for line in text.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if ticks.len() >= open.len() && line == ticks => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                let mut line = line.to_owned();
                while let Some((before, after)) = line.split_once('`') {
                    let (_, after) = after.split_once('`').unwrap_or_else(|| panic!("an open code span: {line}"));
                    line = format!("{before}{after}");
                }
                while let Some((before, after)) = line.split_once("<code>") {
                    let (inside, after) = after.split_once("</code>").unwrap();
                    assert!(!inside.contains(['<', '>', '`', '|', '@', '\\']), "{inside}");
                    line = format!("{before}{after}");
                }
                rest.push_str(&line);
                rest.push('\n');
            }
        }
    }
    assert!(fence.is_none(), "a fence is open at the end");
    rest
}

#[test]
fn hostile_text_is_only_ever_code() {
    let headings = |text: &str| {
        ["### By this", "### Drift", "### Not", "### Authority"]
            .iter()
            .fold(text.to_owned(), |text, h| text.replace(h, ""))
    };
    let outside = headings(&outside_of_code(&(shown(&shapes::hostile()) + &shown(&shapes::compared()))));
    let harmless =
        outside.replace("<details>", "").replace("</details>", "").replace("<summary>", "").replace("</summary>", "");
    assert!(!harmless.contains(['<', '@', '#', '[', '~', '\u{202e}', '\u{1b}']), "{harmless}");
    assert!(!harmless.contains("evil") && !harmless.contains("heading"), "{harmless}");
    // Each row of a table has as many bars as its head.
    for table in harmless.split("\n\n").filter(|part| part.starts_with("| ")) {
        let bars: Vec<usize> = table.lines().map(|line| line.matches('|').count()).collect();
        assert!(bars.iter().all(|count| *count == bars[0]), "{table}");
    }
}

#[test]
fn a_limit_cuts_details_before_removals_and_never_the_summary() {
    let plan = shapes::crowd(300, 40);
    let whole = markdown::plan(&plan, Options { limit: usize::MAX });
    assert!(!whole.contains("**Cut**"));
    assert_eq!(whole.matches("\n| remove | ").count(), 40);
    let summary = whole.lines().next().unwrap();
    for limit in (0..whole.len() + 2_000).step_by(4_999) {
        let cut = markdown::plan(&plan, Options { limit });
        assert!(cut.len() <= limit.max(summary.len() + 1), "{} > {limit}", cut.len());
        assert_eq!(cut.lines().next().unwrap(), summary);
        let (removals, creates) = (cut.matches("\n| remove | ").count(), cut.matches("\n| create | ").count());
        assert!(creates == 0 || removals == 40, "grants are shown while removals are cut, at {limit}");
        assert!(!cut.contains("```diff") || creates == 300, "details are shown while grants are cut, at {limit}");
        assert!(cut == whole || cut.contains("**Cut** to fit") || limit < 1_200, "at {limit}: {cut}");
        outside_of_code(&cut);
    }
    insta::assert_snapshot!("markdown_cut", markdown::plan(&shapes::crowd(300, 3), Options { limit: 3_000 }));
}

/// Hundreds of deleted sets with endless names, and assignments that leave, take no room of a loss.
#[test]
fn lists_of_authority_never_cut_losses() {
    let mut plan = shapes::crowd(10, 200);
    let mut base = shapes::compared().base.unwrap();
    let deleted = base.authority.pop().unwrap();
    let long = |n: usize| AuthorityChange { name: format!("set-{n}-{}", "x".repeat(n * 200)), ..deleted.clone() };
    base.authority = (0..400).map(long).collect();
    base.gaps.clear();
    let left = base.leaving.pop().unwrap();
    base.leaving =
        (0..400).map(|n| Leaving { set: format!("set-{n}-{}", "y".repeat(70_000)), ..left.clone() }).collect();
    plan.base = Some(base);
    let page = shown(&plan);
    assert!(page.len() <= markdown::LIMIT);
    assert_eq!(page.matches("\n| remove | ").count(), 200, "{page}");
    assert!(page.contains("**400 changes (400 other); 400 assignments leave management**"), "{page}");
    assert!(page.contains("- … and 380 more changes, see the JSON or HTML report\n"), "{page}");
    // Where there is hardly any room, the losses have it.
    let short = markdown::plan(&plan, Options { limit: page.find("| remove |").unwrap() });
    assert!(short.len() <= page.len() && short.matches("\n| remove | ").count() > 0, "{short}");
}

#[test]
fn a_hundred_thousand_changes_fit_a_comment() {
    let page = shown(&shapes::crowd(100_000, 10));
    assert!(page.len() <= markdown::LIMIT && page.len() > markdown::LIMIT / 2);
    assert_eq!(page.matches("\n| remove | ").count(), 10);
    assert!(page.contains("Left out: 99,"), "{}", &page[page.len() - 300..]);
}

#[test]
fn drift_of_every_shape() {
    for (name, plan) in shapes::all() {
        let drift = drift(&plan, &[], true);
        let page = markdown::drift(&drift, Some("assignctl apply `x`"), Options::default());
        assert!(page.len() <= markdown::LIMIT, "{name}");
        insta::assert_snapshot!(format!("markdown_drift_{name}"), page);
    }
    let plan = shapes::crowd(5_000, 40);
    let page = markdown::drift(&drift(&plan, &[], false), None, Options { limit: 4_000 });
    assert!(page.len() <= 4_000 && page.contains("**Cut** to fit 4,000 bytes"), "{page}");
    let (extra, missing) = (page.find("Live, and not declared").unwrap(), page.find("Declared, and not live"));
    assert!(missing.is_none_or(|missing| extra < missing), "access that nobody declared comes first: {page}");
}
