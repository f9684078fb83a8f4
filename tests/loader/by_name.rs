//! References by name: what the loader makes of them, and what they turn out to be once live rows are there.

use assignctl::diag::Diagnostics;
use assignctl::manifest::Loaded;
use assignctl::model::{Coverage, DesiredSet, Ids, Key, NamePlace, Scope, Snapshot};
use assignctl::provider::canopy;

use super::{load_good, load_text};

const TARGET: &str = "
apiVersion: assignctl/v1
kind: Target
metadata: { name: crm }
spec: { provider: canopy, endpoint: sandbox, account: acme, application: crm, environment: prod }
";

fn set(name: &str, mode: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: assignctl/v1\nkind: CanopyAssignments\nmetadata: {{ name: {name} }}\nspec:\n  target: crm\n  mode: {mode}\n{spec}"
    )
}

/// Rows as `(identity, email, node, node's name)`, all with the role `agent`.
fn live(ids: &Ids, rows: &[(&str, &str, &str, &str)], gap: Option<&str>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (identity, email, node, node_name) in rows {
        let (identity, node, agent) = (ids.sym(identity), ids.sym(node), ids.sym("agent"));
        snapshot.handles.add(canopy::spec::IDENTITY_EMAIL, None, email, identity);
        snapshot.handles.add(canopy::spec::NODE_NAME, None, node_name, node);
        snapshot.handles.add(canopy::spec::ROLE_NAME, None, "Support agent", agent);
        snapshot.names.add(1, node, node_name);
    }
    let gap = gap.map(str::to_owned);
    snapshot.coverage.push(Coverage { scope: Scope::default(), gap, evidence: String::new() });
    snapshot
}

const ROWS: &[(&str, &str, &str, &str)] =
    &[("anna", "anna@example.com", "emea", "EMEA"), ("ben", "ben@example.com", "dach", "DACH")];

fn resolved(loaded: &Loaded, ids: &Ids, snapshot: &Snapshot) -> (Vec<Option<DesiredSet>>, Diagnostics) {
    let sets: Vec<&DesiredSet> = loaded.sets.iter().collect();
    assignctl::manifest::names::resolve(&sets, snapshot, &canopy::spec::CAPABILITIES, ids)
}

/// The findings, as `code line: message`.
fn findings(text: &str, rows: &[(&str, &str, &str, &str)], gap: Option<&str>) -> Vec<String> {
    let (loaded, ids) = load_good(&format!("{TARGET}{text}"));
    let (_, wrong) = resolved(&loaded, &ids, &live(&ids, rows, gap));
    let line = |finding: &assignctl::diag::Diagnostic| {
        loaded.sources.locate(finding.primary.as_ref().unwrap().span).line - TARGET.lines().count() as u32
    };
    wrong.sorted().iter().map(|f| format!("{} {}: {}", f.code, line(f), f.message)).collect()
}

#[test]
fn names_become_ids_in_rows_scope_and_protection() {
    let spec = "  scope: { node_names: [EMEA], role_ids: [agent] }
  protect: [{ identity_email: ben@example.com }]
  assignments:
    - { identity_emails: [anna@example.com, ben@example.com], node_name: EMEA, role_name: Support agent }
";
    let (loaded, ids) = load_good(&format!("{TARGET}{}", set("support", "authoritative", spec)));
    assert!(loaded.sets[0].rows.iter().all(|row| row.key.has_name()));
    let (sets, wrong) = resolved(&loaded, &ids, &live(&ids, ROWS, None));
    assert!(wrong.is_empty(), "{wrong:?}");
    let set = sets[0].as_ref().unwrap();
    let key = |parts: [&str; 3]| Key::new(&parts.map(|part| ids.sym(part)));
    let keys: Vec<Key> = set.rows.iter().map(|row| row.key).collect();
    assert_eq!(keys, [key(["anna", "emea", "agent"]), key(["ben", "emea", "agent"])]);
    assert!(set.covers(&key(["x", "emea", "agent"])) && !set.covers(&key(["x", "dach", "agent"])));
    assert!(set.protect[0].is_exactly(&key(["ben", "emea", "agent"])));
    assert_eq!(set.scope_text, "node_ids emea (EMEA); role_ids agent");
    let places: Vec<NamePlace> = set.names.iter().map(|used| used.place).collect();
    let rows = [NamePlace::Assignment; 4];
    assert_eq!(places, [&[NamePlace::Scope, NamePlace::Protect][..], &rows].concat());
    assert!(set.names.iter().all(|used| used.id.is_some()));
}

#[test]
fn a_set_of_ids_is_left_alone() {
    let spec = "  assignments: [{ identity_id: anna, node_id: emea, role_id: agent }]\n";
    let (loaded, ids) = load_good(&format!("{TARGET}{}", set("support", "additive", spec)));
    assert!(loaded.sets[0].names.is_empty());
    let (sets, wrong) = resolved(&loaded, &ids, &live(&ids, ROWS, Some("moved")));
    assert!(wrong.is_empty() && sets[0].is_none());
}

#[test]
fn an_unknown_name_tells_its_place_and_the_nearest() {
    let spec = "  assignments:
    - { identity_email: ana@example.com, node_id: emea, role_id: agent }
    - { identity_email: ana@example.com, node_id: dach, role_id: agent }
    - { identity_id: anna, node_name: emea, role_id: agent }
";
    let found = findings(&set("support", "additive", spec), ROWS, None);
    assert_eq!(
        found,
        [
            "unknown-name 9: no live assignment shows `identity_email` `ana@example.com`",
            "unknown-name 11: no live assignment shows `node_name` `emea`"
        ]
    );
    let (loaded, ids) = load_good(&format!("{TARGET}{}", set("support", "additive", spec)));
    let (_, wrong) = resolved(&loaded, &ids, &live(&ids, ROWS, None));
    insta::assert_snapshot!("unknown_names", assignctl::render::diagnostics::human(&wrong, &loaded.sources, false));
}

#[test]
fn only_the_first_of_many_unknown_names_get_a_suggestion() {
    let entry = |n: usize| format!("    - {{ identity_email: ana{n}@example.com, node_id: emea, role_id: agent }}\n");
    let spec = format!("  assignments:\n{}", (0..30).map(entry).collect::<String>());
    let (loaded, ids) = load_good(&format!("{TARGET}{}", set("support", "additive", &spec)));
    let (_, wrong) = resolved(&loaded, &ids, &live(&ids, ROWS, None));
    let suggestions = wrong.sorted().iter().filter(|finding| finding.help[0].starts_with("did you mean")).count();
    assert_eq!((wrong.errors(), suggestions), (30, 20));
}

#[test]
fn an_ambiguous_name_tells_all_candidates() {
    let spec = "  scope: { node_names: [EMEA] }\n  assignments: []\n";
    let rows = [ROWS, &[("carl", "carl@example.com", "emea-2", "EMEA")]].concat();
    let found = findings(&set("support", "authoritative", spec), &rows, None);
    assert_eq!(found, ["ambiguous-name 8: `node_name` `EMEA` is the name of 2 ids: `emea`, `emea-2`"]);
}

#[test]
fn no_name_is_believed_of_a_listing_with_a_gap() {
    let spec = "  assignments: [{ identity_email: anna@example.com, node_id: emea, role_id: agent }]\n";
    // Neither one that was seen once, nor one that was not seen.
    for rows in [ROWS, &ROWS[1..]] {
        let found = findings(&set("support", "additive", spec), rows, Some("it moved"));
        assert_eq!(
            found,
            [
                "unproven-name 8: the id of `identity_email` `anna@example.com` is not proven, for more may be there than was seen: it moved"
            ]
        );
    }
}

#[test]
fn what_only_the_live_rows_could_tell_is_checked_again() {
    let twice = set(
        "one",
        "additive",
        "  assignments:
    - { identity_id: anna, node_id: emea, role_id: agent }
    - { identity_email: anna@example.com, node_name: EMEA, role_id: agent }
",
    );
    let found = findings(&twice, ROWS, None);
    assert_eq!(
        found,
        ["duplicate-assignment 10: identity_id `anna`, node_id `emea`, role_id `agent` is declared twice"]
    );

    let outside = "  scope: { node_ids: [emea] }
  assignments: [{ identity_id: ben, node_name: DACH, role_id: agent }]
";
    let found = findings(&set("one", "authoritative", outside), ROWS, None);
    assert_eq!(found, ["outside-scope 9: `dach`, which `node_name` `DACH` means, is outside the set's own scope"]);

    let meets = format!(
        "{}{}",
        set("one", "authoritative", "  scope: { node_ids: [emea] }\n  assignments: []\n"),
        set("two", "authoritative", "  scope: { node_names: [EMEA] }\n  assignments: []\n")
    );
    let found = findings(&meets, ROWS, None);
    assert!(found.len() == 1 && found[0].starts_with("overlapping-scopes 17: "), "{found:?}");

    let foreign = format!(
        "{}{}",
        set("one", "authoritative", "  scope: { node_ids: [emea] }\n  assignments: []\n"),
        set("two", "additive", "  assignments: [{ identity_id: ben, node_name: EMEA, role_id: agent }]\n")
    );
    let found = findings(&foreign, ROWS, None);
    assert!(found.len() == 1 && found[0].starts_with("foreign-scope 17: "), "{found:?}");
}

#[test]
fn what_can_be_told_without_live_rows_is_told_at_once() {
    let spec = "  scope: { node_names: [EMEA] }
  assignments:
    - { identity_email: a@example.com, node_name: DACH, role_id: agent }
    - { identity_email: a@example.com, node_id: anything, role_id: agent }
    - { identity_email: a@example.com, node_name: EMEA, role_id: agent }
    - { identity_email: a@example.com, node_name: EMEA, role_id: agent }
";
    let (loaded, _) = load_text(&format!("{TARGET}{}", set("one", "authoritative", spec)));
    assert_eq!(super::codes(&loaded), ["outside-scope", "duplicate-assignment"]);
}

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whichever of its ids are said by name, a set declares the same assignments.
    #[test]
    fn a_set_by_name_is_the_set_by_id(rows in prop::collection::btree_map((0_u8..6, 0_u8..4), any::<[bool; 2]>(), 1..12)) {
        let live_rows: Vec<[String; 4]> = (0..6_u8)
            .flat_map(|i| (0..4_u8).map(move |n| [format!("i{i}"), format!("i{i}@example.com"), format!("n{n}"), format!("Node {n}")]))
            .collect();
        let borrowed: Vec<(&str, &str, &str, &str)> =
            live_rows.iter().map(|[a, b, c, d]| (a.as_str(), b.as_str(), c.as_str(), d.as_str())).collect();
        let entry = |((i, n), by_name): (&(u8, u8), &[bool; 2])| {
            let identity = if by_name[0] { format!("identity_email: i{i}@example.com") } else { format!("identity_id: i{i}") };
            let node = if by_name[1] { format!("node_name: Node {n}") } else { format!("node_id: n{n}") };
            format!("    - {{ {identity}, {node}, role_id: agent }}\n")
        };
        let entries: String = rows.iter().map(entry).collect();
        let (loaded, ids) = load_good(&format!("{TARGET}{}", set("s", "additive", &format!("  assignments:\n{entries}"))));
        let (sets, wrong) = resolved(&loaded, &ids, &live(&ids, &borrowed, None));
        prop_assert!(wrong.is_empty(), "{:?}", wrong);
        let keys: Vec<Key> = sets[0].as_ref().unwrap_or(&loaded.sets[0]).rows.iter().map(|row| row.key).collect();
        let key = |i: u8, n: u8| Key::new(&[ids.sym(&format!("i{i}")), ids.sym(&format!("n{n}")), ids.sym("agent")]);
        prop_assert_eq!(keys, rows.keys().map(|(i, n)| key(*i, *n)).collect::<Vec<_>>());
    }
}
