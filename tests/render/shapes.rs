//! Plans of each shape that every format has to bear.

use assignctl::diag::Location;
use assignctl::model::{DesiredSet, Key, NamePlace, Names};
use assignctl::plan::authority::{AuthorityChange, Effect, Leaving, LeavingRow, Subject, What, WhyLeaving};
use assignctl::plan::{Base, BaseGap, BaseGapKind, Cause, Plan, ResolvedName, Unreadable};

use super::fixture::{self, CANOPY, PARTIUM, STREAMLINE, World, json, snapshot, text};

/// Nothing differs.
pub fn nothing() -> Plan {
    let mut world = World::new();
    let rows = vec![world.row(2, &["root-ass1", "dealer-at"], vec![])];
    let live = vec![world.live(&["root-ass1", "dealer-at"], vec![])];
    world.plan("parts-prod", &PARTIUM, &[world.set("dealers", rows)], live);
    world.done()
}

/// A scope would be emptied, and a protected role lost.
pub fn refused() -> Plan {
    let mut world = World::new();
    let live = (0..24).map(|i| world.live(&[&format!("idn_old{i:02}"), "node_emea", "role_owner"], vec![])).collect();
    let mut set = world.set("emea-support", vec![]);
    set.protect = vec![world.protect(2, "role_owner", Some(1))];
    world.plan("crm-prod", &CANOPY, &[set], live);
    world.done()
}

/// One target could not be read, one was read in part.
pub fn unreadable() -> Plan {
    let mut world = World::new();
    let denied = Unreadable { message: "POST …/list answered 401: renew PARTIUM_TOKEN".to_owned(), temporary: false };
    world.plan_read("parts-prod", &PARTIUM, &[world.set("dealers", vec![])], Err(denied));
    let live = vec![world.live(&["idn_a", "node_emea", "role_support"], vec![])];
    let mut read = snapshot(live, Names::default());
    read.coverage[0].gap = Some("item_count says 5, 1 row came".to_owned());
    world.plan_read("crm-prod", &CANOPY, &[world.set("emea-support", vec![])], Ok(read));
    world.done()
}

/// What somebody might put into an id, a name or a value to be more than text.
pub const HOSTILE: [&str; 9] = [
    "@acme/admins #1 !2 https://evil.example",
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "</script><!--<script>",
    "a|b\\|c`d``e```f",
    "``` \n~~~\n# heading\n| x | y |",
    "\u{202e}gnp.exe\u{1b}[2J\u{7}",
    "::error::x%0A::set-output name=a::b\r\n::warning::y",
    "[link](javascript:alert(1)) ![i](x)",
    "constructor",
];

/// Each hostile text as an id, as a name, as a field's value, as a set's name and scope, and in what an API says.
pub fn hostile() -> Plan {
    let mut world = World::new();
    let mut names = Names::default();
    let (mut rows, mut live) = (Vec::new(), Vec::new());
    for (i, evil) in HOSTILE.into_iter().enumerate() {
        let at = u32::try_from(i).unwrap() + 10;
        names.add(0, world.ids.sym(&format!("idn_{i}")), evil);
        rows.push(world.row(at, &[&format!("idn_{i}"), evil, "role_support"], vec![]));
        live.push(world.live(&[evil, &format!("node_{i}"), "role_support"], vec![]));
    }
    // The identity that shares its id with what every object has by nature.
    rows.push(world.row(30, &["constructor", "__proto__", "role_support"], vec![]));
    let set = DesiredSet { scope_text: HOSTILE[3].to_owned(), ..world.set(HOSTILE[1], rows) };
    let read = snapshot(live, names);
    world.plan_read("crm-prod", &CANOPY, &[set], Ok(read));
    let model = |evil: &str, value: &str| {
        vec![("model_id", text(evil)), ("settings", json(serde_json::json!({ evil: [value, "``````"] })))]
    };
    let rows = HOSTILE.iter().enumerate().map(|(i, evil)| {
        world.row(u32::try_from(i).unwrap() + 40, &["d", &format!("s{i}"), "default"], model(evil, "new"))
    });
    let rows = rows.collect();
    let live = (0..HOSTILE.len()).map(|i| world.live(&["d", &format!("s{i}"), "default"], model("m", "old"))).collect();
    world.plan("pie-prod", &STREAMLINE, &[world.set("models", rows)], live);
    let said = Unreadable { message: HOSTILE.join(" "), temporary: true };
    world.plan_read("z-\u{2066}", &PARTIUM, &[world.set("dealers", vec![])], Err(said));
    world.done()
}

/// So many creates and removals of one set.
pub fn crowd(create: usize, remove: usize) -> Plan {
    let mut world = World::new();
    let rows = (0..create).map(|i| {
        let until = vec![("effective_to", fixture::instant("2027-01-01T00:00:00Z"))];
        world.row(9, &[&format!("idn_new{i:06}"), "node_emea", "role_support"], until)
    });
    let rows = rows.collect();
    let live = (0..remove).map(|i| world.live(&[&format!("idn_old{i:06}"), "node_emea", "role_support"], vec![]));
    let live = live.collect();
    let mut set = world.set("emea-support", rows);
    set.expect = Some(fixture::expect(Some(remove as u64), None, None));
    world.plan("crm-prod", &CANOPY, &[set], live);
    world.done()
}

/// Everything, compared with a base: whose change is whose, what leaves management, and a set with names.
pub fn compared() -> Plan {
    let mut plan = fixture::everything();
    let mut causes = Cause::ALL.into_iter().cycle();
    for target in &mut plan.targets {
        for planned in target.sets.iter_mut().flat_map(|set| &mut set.changes) {
            planned.cause = causes.next();
        }
    }
    // Sent again because the command line asks for it: nobody's.
    if let Some(last) =
        plan.targets.iter_mut().flat_map(|target| &mut target.sets).find_map(|set| set.changes.last_mut())
    {
        last.cause = None;
    }
    let set = &mut plan.targets[1].sets[0];
    let name = |field: &str, within: Option<&str>, name: &str, id: &str| ResolvedName {
        field: field.to_owned(),
        within: within.map(str::to_owned),
        name: name.to_owned(),
        id: id.to_owned(),
        decides: NamePlace::Assignment,
    };
    set.names =
        vec![name("identity_email", None, HOSTILE[1], "idn_anna"), name("node_name", Some("a b"), "EMEA", "node_emea")];
    let at = Location { file: "sets/gone.yaml".into(), line: 4, column: 19 };
    let row = |id: &str, why, seen| LeavingRow {
        key: Key::new(&[id, HOSTILE[1], "role_support"].map(|part| plan.ids.sym(part))),
        why,
        seen,
        base_at: at.clone(),
        at: Some(at.clone()),
    };
    let left = |set: &str, deleted, rows: Vec<LeavingRow>| Leaving {
        target: "crm-prod".to_owned(),
        capabilities: &fixture::CANOPY,
        set: set.to_owned(),
        deleted,
        rows,
        names: Names::default(),
        at: at.clone(),
    };
    let many = (10..35).map(|n| row(&format!("idn_{n}"), WhyLeaving::SetDeleted, true)).collect();
    let leaving =
        vec![left("gone", true, many), left(HOSTILE[0], false, vec![row(HOSTILE[2], WhyLeaving::Ignored, false)])];
    let change = |effect, what, field: Option<&str>, values: [Option<&str>; 2]| AuthorityChange {
        effect,
        subject: Subject::Set,
        what,
        name: "dealers".to_owned(),
        target: Some("parts-prod".to_owned()),
        field: field.map(str::to_owned),
        assignment: None,
        before: values[0].map(str::to_owned),
        after: values[1].map(str::to_owned),
        removed: Vec::new(),
        added: Vec::new(),
        at: Some(at.clone()),
        base_at: None,
    };
    let scope = AuthorityChange {
        added: (10..35).map(|n| format!("org_id dealer-{n}")).collect(),
        removed: vec![format!("org_id \"{}\"", HOSTILE[0])],
        ..change(Effect::Widens, What::Changed, Some("scope"), [Some("org_id a"), Some("org_id dealer-10 and 24 more")])
    };
    let secret = AuthorityChange {
        assignment: Some([("definitionId".to_owned(), "sales".to_owned())].into()),
        ..change(Effect::Widens, What::Changed, Some("secret_params.key"), [Some("{env: A}"), Some("{env: B}")])
    };
    let deleted = AuthorityChange {
        at: None,
        base_at: Some(at.clone()),
        name: HOSTILE[1].to_owned(),
        ..change(Effect::Narrows, What::Deleted, None, [Some("mode additive"), None])
    };
    let renamed = change(Effect::Neutral, What::Renamed, None, [Some("old"), Some("dealers")]);
    let gap = |target: &str, kind| BaseGap {
        target: Some(target.to_owned()),
        path: None,
        kind,
        message: HOSTILE[0].to_owned(),
    };
    let gaps = vec![gap("crm-prod", BaseGapKind::NotUsed), gap("pie-prod", BaseGapKind::Unread)];
    plan.base = Some(Base {
        name: "origin/main".to_owned(),
        commit: Some("0a1b2c".to_owned()),
        not_used: None,
        gaps,
        authority: vec![scope, secret, deleted, renamed],
        leaving,
    });
    plan
}

/// A plan whose base cannot be used.
pub fn uncompared() -> Plan {
    let mut plan = nothing();
    let not_used = Some("its manifests have an error".to_owned());
    plan.base = Some(Base { name: "origin/main".to_owned(), not_used, ..Base::default() });
    plan
}

/// Nothing to apply, and a set that is deleted.
pub fn only_authority() -> Plan {
    let mut plan = nothing();
    let authority = compared().base.map(|base| base.authority).unwrap_or_default();
    plan.base = Some(Base { name: "origin/main".to_owned(), authority, ..Base::default() });
    plan
}

/// Every shape with its name.
pub fn all() -> Vec<(&'static str, Plan)> {
    vec![
        ("everything", fixture::everything()),
        ("nothing", nothing()),
        ("refused", refused()),
        ("unreadable", unreadable()),
        ("hostile", hostile()),
        ("compared", compared()),
        ("uncompared", uncompared()),
        ("only_authority", only_authority()),
    ]
}
