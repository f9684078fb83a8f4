//! Ids that people take for one another: a person whose id is written in another case or form keeps the access that is real until the
//! one that is declared is there too.

use assignctl::model::{Mode, NamePlace, NameRef, NameUse, Origin, PartScope, Scope};
use assignctl::plan::LeftAlone;

use super::world::World;

fn codes(plan: &assignctl::plan::TargetPlan) -> Vec<String> {
    plan.sets.iter().flat_map(|set| &set.warnings).map(|warning| warning.code.clone()).collect()
}

#[test]
fn a_removal_waits_for_the_create_of_an_id_that_looks_like_it() {
    for (declared, live) in [
        ("Anna de lead", "anna de lead"),
        ("caf\u{e9} de lead", "cafe\u{301} de lead"),
        ("anna de lead", "an\u{200b}na de lead"),
        ("anna DE lead", "anna de lead"),
    ] {
        let mut world = World::new();
        world.set(Mode::Authoritative, Some(&[]), &[declared, "ben de lead"]);
        world.live(live, (None, None));
        world.live("ben de lead", (None, None));
        let plan = world.plan();
        let removal = plan.sets[0].changes.iter().find(|planned| !planned.losses.is_empty()).unwrap();
        assert_eq!(removal.waits_for, [world.key(declared)], "{declared} {live}");
        assert_eq!(codes(&plan), ["look-alike-id"], "{declared} {live}");
    }
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&[]), &["anna de lead", "ben de lead"]);
    world.live("chiara de lead", (None, None));
    world.live("ben de lead", (None, None));
    let plan = world.plan();
    assert!(plan.sets[0].changes.iter().all(|planned| planned.waits_for.is_empty()) && codes(&plan).is_empty());
}

#[test]
fn a_look_alike_that_this_run_does_not_create_leaves_the_live_row_alone() {
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&["de"]), &["ben de lead"]);
    world.set(Mode::Observe, None, &["Anna DE lead"]);
    world.live("anna de lead", (None, None));
    world.live("ben de lead", (None, None));
    let plan = world.plan();
    assert!(plan.sets[0].changes.is_empty(), "{:?}", world.lines(&plan));
    assert_eq!(plan.sets[0].unmanaged[0].why, LeftAlone::LookAlike);
    assert_eq!(codes(&plan), ["look-alike-id"]);
}

/// A world of two sets of one target, of which the second says a name that has no id.
fn with_a_failed_set(place: NamePlace) -> World {
    let mut world = World::new();
    world.set(Mode::Authoritative, Some(&["de"]), &["ben de lead"]);
    world.set(Mode::Additive, None, &[]);
    let name = world.ids.named(NameRef { field: "identity_email", within: None, text: "gone@example.com".into() });
    let node = world.ids.named(NameRef { field: "node_name", within: None, text: "Gone".into() });
    let mut row = world.desired("x fr lead", assignctl::model::Fields::default());
    row.key = row.key.with(0, name);
    let mut protect = world.protect([None, None, Some("lead")], None);
    protect.parts[0] = Some(name);
    let set = &mut world.sets[1].0;
    match place {
        NamePlace::Assignment => set.rows.push(row),
        NamePlace::Protect => set.protect.push(protect),
        NamePlace::Scope => {
            let mut scope = Scope::default();
            scope.parts[1] = PartScope::In([node].into());
            set.scope = Some(scope);
        }
    }
    set.names.push(NameUse { name, id: None, place, origin: Origin::default() });
    for row in ["anna de lead", "chiara de agent"] {
        world.live(row, (None, None));
    }
    world
}

#[test]
fn a_set_whose_names_have_no_ids_fails_alone_and_keeps_what_it_may_claim() {
    for (place, removed) in [(NamePlace::Assignment, 2), (NamePlace::Protect, 1), (NamePlace::Scope, 0)] {
        let world = with_a_failed_set(place);
        let plan = world.plan();
        assert!(plan.unreadable.is_none() && plan.has_failed_set(), "{place:?}");
        assert_eq!(codes(&plan), ["unresolved-names"], "{place:?}");
        let set = &plan.sets[0];
        let kept = set.unmanaged.iter().filter(|row| row.why == LeftAlone::Claimed).count();
        assert_eq!(
            (set.counts.create, set.counts.remove, kept),
            (1, removed, 2 - usize::try_from(removed).unwrap()),
            "{place:?}"
        );
        assert!(plan.sets[1].changes.is_empty(), "{place:?}");
    }
}

#[test]
fn a_protect_that_matches_nothing_names_the_nearest_id() {
    let mut world = World::new();
    let misspelt = world.protect([Some("anne"), None, None], None);
    let loose = world.protect([Some("ANNA"), None, None], None);
    let set = world.set(Mode::Authoritative, Some(&[]), &["anna de lead"]);
    set.protect = vec![misspelt, loose];
    world.live("anna de lead", (None, None));
    let plan = world.plan();
    let warnings = &plan.sets[0].warnings;
    assert_eq!(codes(&plan), ["unmatched-rule"]);
    assert!(warnings[0].message.contains("anne") && warnings[0].message.contains("did you mean \"anna\"?"));
}
