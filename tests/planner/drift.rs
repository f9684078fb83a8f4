//! Drift says no more than was read: what no complete listing proves is neither drift nor "no drift".

use std::sync::Arc;

use assignctl::apply::Exit;
use assignctl::model::{Ids, Instant, Mode};
use assignctl::plan::drift::{Drift, Endings, Kind, Verdict, drift};
use assignctl::plan::{Claim, Plan, Unreadable};
use assignctl::render::{github, gitlab, openmetrics};

use super::world::{NOW, World};

fn plan(world: &World) -> Plan {
    Plan {
        ids: Arc::new(Ids::default()),
        now: Instant(NOW),
        policy: None,
        commit: None,
        policy_file: None,
        targets: vec![world.plan()],
        base: None,
        part: None,
    }
}

fn seen(plan: &Plan) -> Drift<'_> {
    drift(plan, &[Endings::new()], false)
}

/// One set with rows that are live, and one that is declared only.
fn world(mode: Mode, gap: bool, missing: bool) -> World {
    let mut world = World::new();
    let rows: &[&str] = if missing { &["anna emea lead", "ben emea lead"] } else { &["anna emea lead"] };
    world.set(mode, Some(&["emea"]), rows);
    world.live("anna emea lead", (None, None));
    world.gap = gap.then(|| "page 3 did not come".to_owned());
    world
}

#[test]
fn a_set_is_judged_by_what_it_claims() {
    use Mode::{Additive, Authoritative, Observe};
    let cases = [
        (Authoritative, false, false, Verdict::NoDrift, Claim::Proven),
        (Authoritative, true, false, Verdict::Incomplete, Claim::Incomplete),
        (Additive, true, false, Verdict::NoDriftDeclared, Claim::DeclaredOnly),
        (Observe, true, false, Verdict::NoDriftDeclared, Claim::DeclaredOnly),
        (Additive, true, true, Verdict::Incomplete, Claim::Incomplete),
        (Additive, false, true, Verdict::Drift, Claim::Proven),
    ];
    for (mode, gap, missing, verdict, claim) in cases {
        let plan = plan(&world(mode, gap, missing));
        let drift = seen(&plan);
        let case = format!("{mode:?}, gap {gap}, missing {missing}");
        assert_eq!((drift.verdict(), drift.targets[0].claim()), (verdict, claim), "{case}");
        assert_eq!(drift.is_complete(), claim != Claim::Incomplete, "{case}");
    }
}

#[test]
fn a_declared_row_that_an_incomplete_listing_does_not_show_is_not_proven_missing() {
    let plan = plan(&world(Mode::Additive, true, true));
    let drift = seen(&plan);
    let finding = &drift.targets[0].sets[0].findings[0];
    assert_eq!((finding.kind, finding.is_drift), (Kind::Unproven, false));
    let counts = drift.counts();
    assert_eq!((counts.drift, counts.missing, counts.unproven, counts.unchanged), (0, 0, 1, 1));
}

#[test]
fn what_was_not_read_is_no_zero_in_outputs_and_metrics() {
    let incomplete = plan(&world(Mode::Authoritative, true, false));
    let drift = seen(&incomplete);
    let outputs = github::drift_outputs(&drift, Exit::Error);
    assert_eq!(outputs, "drift=unknown\nverdict=incomplete\ncomplete=false\nexit-code=1\n");
    let outputs = github::outputs(&incomplete, Exit::Success);
    assert!(outputs.starts_with("changes=unknown\ncreate=unknown\n"), "{outputs}");
    assert_eq!(serde_json::to_string(&gitlab::plan(&incomplete)).unwrap(), "{}");
    let metrics = openmetrics::drift(&drift, Exit::Error);
    assert!(metrics.contains("unchanged_assignments{target=\"prod\",set=\"set-0\"} 1"), "{metrics}");
    assert!(metrics.contains("target_complete{target=\"prod\"} 0"), "{metrics}");
    assert!(!metrics.lines().any(|line| line.contains("set=") && line.ends_with(" 0")), "{metrics}");

    let mut unread = plan(&world(Mode::Authoritative, false, false));
    unread.targets[0].unreadable = Some(Unreadable { message: "forbidden".into(), temporary: false });
    unread.targets[0].sets.clear();
    assert_eq!(serde_json::to_string(&gitlab::plan(&unread)).unwrap(), "{}");
    assert!(github::drift_outputs(&seen(&unread), Exit::Error).starts_with("drift=unknown\nverdict=unreadable\n"));

    let whole = plan(&world(Mode::Authoritative, false, false));
    assert_eq!(serde_json::to_string(&gitlab::plan(&whole)).unwrap(), r#"{"create":0,"update":0,"delete":0}"#);
    assert!(github::drift_outputs(&seen(&whole), Exit::Success).starts_with("drift=0\nverdict=no_drift\n"));
}
