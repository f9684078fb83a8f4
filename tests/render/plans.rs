//! Plans as people see them.

use assignctl::model::{Coverage, Mode, Names, Scope};
use assignctl::plan::{Plan, Unreadable};
use assignctl::render::{self, Style, human};

use super::fixture::{self, CANOPY, PARTIUM, SEMAPHOR, STREAMLINE, World, json, masked, snapshot, text};

fn shown_with(plan: &Plan, options: &render::Options<'_>) -> String {
    let mut out = Vec::new();
    human::plan(&mut out, plan, options).unwrap();
    String::from_utf8(out).unwrap()
}

fn shown(plan: &Plan) -> String {
    shown_with(plan, &render::Options { next: Some("assignctl apply teams"), ..Default::default() })
}

#[test]
fn every_kind_of_change_in_all_four_systems() {
    insta::assert_snapshot!(shown(&fixture::everything()));
}

#[test]
fn colours_repeat_what_the_words_say() {
    let plan = fixture::everything();
    let colored = shown_with(&plan, &render::Options { style: Style::new(true), full: false, next: None });
    assert!(colored.contains("\u{1b}[31m- remove  \u{1b}[0m"), "{colored}");
    let plain = shown_with(&plan, &render::Options::default());
    assert!(!plain.contains('\u{1b}'));
    assert_eq!(anstream::adapter::strip_str(&colored).to_string(), plain);
}

#[test]
fn nothing_to_do() {
    let mut world = World::new();
    let rows = vec![world.row(2, &["root-ass1", "dealer-at"], vec![])];
    let live = vec![world.live(&["root-ass1", "dealer-at"], vec![])];
    world.plan("parts-prod", &PARTIUM, &[world.set("dealers", rows)], live);
    insta::assert_snapshot!(shown(&world.done()));
}

#[test]
fn nothing_to_do_still_tells_what_is_unmanaged_and_observed() {
    let mut world = World::new();
    let mut additive = world.set("dealers", vec![]);
    (additive.mode, additive.scope) = (Mode::Additive, Some(world.scope(1, &["dealer-at"])));
    let mut observed = world.set("dealers-us", vec![world.row(3, &["root-ass1", "dealer-us"], vec![])]);
    (observed.mode, observed.scope) = (Mode::Observe, None);
    let live = vec![world.live(&["root-ass1", "dealer-at"], vec![])];
    world.plan("parts-prod", &PARTIUM, &[additive, observed], live);
    insta::assert_snapshot!(shown(&world.done()));
}

#[test]
fn no_targets_and_no_selected_sets() {
    assert_eq!(
        shown(&World::new().done()),
        "Nothing to plan: no set is declared, or none is both under the paths and selected.\n"
    );
    let mut world = World::new();
    let sets = [world.set("dealers", vec![world.row(2, &["root-ass1", "dealer-at"], vec![])])];
    world.plan_selected("parts-prod", &PARTIUM, &sets, Ok(snapshot(vec![], Names::default())), |_| false);
    insta::assert_snapshot!(shown(&world.done()));
}

/// A set over one node with so many declared, live and shared rows.
fn crowd(
    world: &World,
    node: &str,
    create: usize,
    remove: usize,
) -> (Vec<assignctl::model::Desired>, Vec<assignctl::model::Live>) {
    let rows = (0..create).map(|i| world.row(9, &[&format!("idn_new{i:03}"), node, "role_support"], vec![])).collect();
    let live = (0..remove).map(|i| world.live(&[&format!("idn_old{i:03}"), node, "role_support"], vec![])).collect();
    (rows, live)
}

#[test]
fn long_lists_fold_creates_before_removals() {
    let mut world = World::new();
    let (rows, live) = crowd(&world, "node_emea", 1500, 18);
    let mut set = world.set("emea-support", rows);
    set.expect = Some(fixture::expect(Some(18), None, None));
    world.plan("crm-prod", &CANOPY, &[set], live);
    let plan = world.done();
    insta::assert_snapshot!(shown(&plan));
    let full = shown_with(&plan, &render::Options { full: true, ..Default::default() });
    assert_eq!(full.matches("+ create ").count(), 1500);
    assert!(!full.contains("--full"));
}

#[test]
fn a_role_change_is_folded_after_mere_updates_and_creates() {
    let mut world = World::new();
    let until = |date: &str| vec![("effective_to", fixture::instant(date))];
    let mut rows = vec![world.row(3, &["idn_z", "node_emea", "role_lead"], vec![])];
    let mut live = vec![world.live(&["idn_z", "node_emea", "role_support"], vec![])];
    for i in 0..25 {
        let id = format!("idn_{i:02}");
        rows.push(world.row(4, &[&id, "node_emea", "role_support"], until("2027-01-01T00:00:00Z")));
        live.push(world.live(&[&id, "node_emea", "role_support"], until("2026-12-01T00:00:00Z")));
    }
    let mut set = world.set("emea-support", rows);
    set.expect = Some(fixture::expect(None, Some(26), None));
    world.plan("crm-prod", &CANOPY, &[set], live);
    let shown = shown(&world.done());
    assert!(shown.contains("role_id: role_support → role_lead"), "{shown}");
    assert!(shown.contains("~ update    … 6 more to update (--full shows them)"), "{shown}");
}

#[test]
fn refusals_stand_beside_the_whole_plan() {
    let mut world = World::new();
    let (_, mut live) = crowd(&world, "node_emea", 0, 24);
    live.push(world.live(&["idn_stay", "node_emea", "role_support"], vec![]));
    live.push(world.live(&["idn_owner", "node_emea", "role_owner"], vec![]));
    let mut set = world.set("emea-support", vec![world.row(4, &["idn_stay", "node_emea", "role_support"], vec![])]);
    set.protect = vec![world.protect(2, "role_owner", Some(1)), world.protect(0, "idn_old003", None)];
    world.plan("crm-prod", &CANOPY, &[set], live);
    insta::assert_snapshot!(shown(&world.done()));
}

#[test]
fn a_masked_value_that_would_have_to_be_sent_is_refused() {
    let mut world = World::new();
    let params = |region: &str| ("params", json(serde_json::json!({ "region": region })));
    let rows = vec![world.row(4, &["usd_tenant", "TENANT", "tenant_1"], vec![params("us")])];
    let live =
        vec![world.live(&["usd_tenant", "TENANT", "tenant_1"], vec![params("eu"), ("secret_params", masked("key"))])];
    world.plan("analytics-prod", &SEMAPHOR, &[world.set("tenants", rows)], live);
    insta::assert_snapshot!(shown(&world.done()));
}

#[test]
fn unreadable_targets_do_not_hide_the_others() {
    let mut world = World::new();
    let unreadable = |message: &str, temporary| Err(Unreadable { message: message.to_owned(), temporary });
    let sets = [world.set("dealers", vec![])];
    let denied = unreadable(
        "POST /1/catalog/assignments/organizations/list answered 401: the token has expired; renew PARTIUM_TOKEN",
        false,
    );
    world.plan_read("parts-prod", &PARTIUM, &sets, denied);
    world.plan_read("parts-test", &PARTIUM, &sets, unreadable("503, and the retry budget of 5m is spent", true));
    let rows = vec![world.row(2, &["root-ass1", "dealer-at"], vec![])];
    world.plan("parts-dev", &PARTIUM, &[world.set("dealers", rows)], vec![]);
    insta::assert_snapshot!(shown(&world.done()));
}

#[test]
fn an_incomplete_listing_says_so_and_removes_nothing() {
    let mut world = World::new();
    let (_, live) = crowd(&world, "node_emea", 0, 3);
    let mut read = snapshot(live, Names::default());
    let gap = Some("item_count says 5, 3 rows came".to_owned());
    read.coverage = vec![Coverage { scope: Scope::default(), gap, evidence: "2 pages, 3 rows".to_owned() }];
    world.plan_read("crm-prod", &CANOPY, &[world.set("emea-support", vec![])], Ok(read));
    insta::assert_snapshot!(shown(&world.done()));
}

#[test]
fn a_narrowed_run_counts_what_it_left_out() {
    let mut world = World::new();
    let set = |name: &str, org: &str| {
        let mut set = world.set(name, vec![world.row(4, &["root-ass1", org], vec![])]);
        set.scope = Some(world.scope(1, &[org]));
        set
    };
    let sets = [set("at", "dealer-at"), set("de", "dealer-de"), set("us", "dealer-us")];
    world.plan_selected("parts-prod", &PARTIUM, &sets, Ok(snapshot(vec![], Names::default())), |name| name == "de");
    insta::assert_snapshot!(shown(&world.done()));
}

#[test]
fn hostile_text_stays_on_its_line() {
    let mut world = World::new();
    let mut names = Names::default();
    names.add(0, world.ids.sym("idn_anna"), "Anna\n    - remove   idn_boss\x1b[2J\u{202e}gnp.exe");
    names.add(2, world.ids.sym("role_support"), &"very long ".repeat(30));
    let rows = vec![
        world.row(4, &["idn_anna", "node \u{9b}31m", "role_support"], vec![]),
        world.row(5, &["idn_b → idn_c", "node_emea / role_owner", "role_support"], vec![]),
    ];
    let set = assignctl::model::DesiredSet {
        scope_text: "node_ids a\x1b]0;title\x07".to_owned(),
        ..world.set("set\r\n", rows)
    };
    world.plan_read("crm\u{2066}", &CANOPY, &[set], Ok(snapshot(vec![], names)));
    let model = |settings| {
        vec![("model_id", text("a\tb\u{1b}[31m")), ("model_version", text("1")), ("settings", json(settings))]
    };
    let rows =
        vec![world.row(6, &["d", "", "default"], model(serde_json::json!({ "k\u{202e}": "x\u{9b}2J\n+ fake" })))];
    let live = vec![world.live(&["d", "", "default"], model(serde_json::json!({ "k": "\u{7f}" })))];
    world.plan("pie-prod", &STREAMLINE, &[world.set("models", rows)], live);
    let shown = shown(&world.done());
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n' || matches!(c, '\u{202e}' | '\u{2066}')));
    insta::assert_snapshot!(shown);
}

#[test]
fn a_long_document_is_shown_where_it_changes() {
    let mut world = World::new();
    let document = |changed: &str, many: usize| {
        let mut map: serde_json::Map<String, serde_json::Value> =
            (0..60).map(|i| (format!("key{i:02}"), serde_json::json!(i))).collect();
        map.insert("key10".to_owned(), serde_json::json!(changed));
        map.insert("key50".to_owned(), serde_json::json!(vec![changed; many]));
        json(serde_json::Value::Object(map))
    };
    let model = |settings| vec![("model_id", text("m")), ("settings", settings)];
    let rows = vec![
        world.row(6, &["d", "s1", "default"], model(document("new", 2))),
        world.row(7, &["d", "s2", "default"], model(document("new", 60))),
        world.row(8, &["d", "s3", "default"], model(document("made", 1))),
    ];
    let live = vec![
        world.live(&["d", "s1", "default"], model(document("old", 2))),
        world.live(&["d", "s2", "default"], model(document("old", 60))),
        world.live(&["d", "s4", "default"], model(document("gone", 1))),
    ];
    world.plan("pie-prod", &STREAMLINE, &[world.set("models", rows)], live);
    insta::assert_snapshot!(shown(&world.done()));
}

#[test]
fn documents_of_a_hostile_size_are_not_compared() {
    let mut world = World::new();
    let model = |first: u32| vec![("settings", json((first..first + 6_000).collect::<Vec<_>>().into()))];
    let rows = vec![world.row(6, &["d", "s", "default"], model(10_000))];
    let live = vec![world.live(&["d", "s", "default"], model(0))];
    world.plan("pie-prod", &STREAMLINE, &[world.set("models", rows)], live);
    let shown = shown(&world.done());
    assert!(shown.contains("settings: (6,002 lines of JSON) → (6,002 lines of JSON)"), "{shown}");
}

#[test]
fn warnings_name_their_line() {
    let mut world = World::new();
    let rows = vec![world.row(4, &["root-ass1", "dealer-at"], vec![])];
    let mut set = world.set("dealers", rows);
    set.expect = Some(fixture::expect(Some(7), None, Some("2026-05-01T00:00:00Z")));
    world.plan("parts-prod", &PARTIUM, &[set], vec![]);
    insta::assert_snapshot!(shown(&world.done()));
}
