//! Taking and giving access: guards that a pull request cannot talk round.

use super::{LIVE, Repo};

const ANNA: &str = "    - { identity_id: idn_anna, node_id: node_emea, role_id: role_agent }\n";
const BEN: &str = "    - { identity_id: idn_ben, node_id: node_emea, role_id: role_agent }\n";
const CHIARA: &str = "    - { identity_id: idn_chiara, node_id: node_emea, role_id: role_owner }\n";
const ROBOT: &str = "    - { identity_id: idn_robot, node_id: node_emea, role_id: role_admin }\n";
const GLASS: &str = "    - { identity_id: idn_glass, node_id: node_emea, role_id: role_admin }\n";

/// An `expect` before the assignments of a set.
fn expect(what: &str) -> String {
    format!("  expect: {{ {what}, until: {} }}\n  assignments:", crate::support::soon())
}

#[test]
fn an_expect_of_a_million_opens_nothing() {
    let repo = Repo::new();
    repo.edit("support.yaml", "  assignments:", &expect("removes: 1000000"));
    repo.edit("support.yaml", ANNA, "");
    repo.refused(3, &["expects up to 1000000", "allow 3"]);
    repo.edit("support.yaml", "1000000", "3");
    assert_eq!(repo.run(&["apply", "--auto-approve"]).code, 0, "what the policy lets an expect allow goes through");
}

#[test]
fn a_deleted_protect_leaves_the_policys() {
    let repo = Repo::new();
    repo.edit("support.yaml", GLASS, "");
    repo.refused(3, &["identity_id idn_glass", "policy"]);
    let repo = Repo::new();
    repo.edit("support.yaml", "  protect: [{ identity_id: idn_chiara }]\n", "");
    repo.edit("support.yaml", CHIARA, "");
    repo.refused(3, &["holders of role_id role_owner: 1 now, 0 after this plan"]);
}

#[test]
fn demoting_and_dating_a_protected_identity_are_losses_too() {
    let repo = Repo::new();
    repo.edit("support.yaml", GLASS, &GLASS.replace("role_admin", "role_agent"));
    repo.refused(3, &["identity_id idn_glass"]);
    for date in ["effective_to: 2030-01-01T00:00:00Z", "effective_from: 2090-01-01T00:00:00Z"] {
        let repo = Repo::new();
        repo.edit("support.yaml", GLASS, &GLASS.replace(" }", &format!(", {date} }}")));
        repo.refused(3, &["identity_id idn_glass"]);
    }
}

#[test]
fn an_owner_role_is_given_to_nobody() {
    for role in ["role_owner", "role_superuser"] {
        let repo = Repo::new();
        let mine = format!("{ANNA}    - {{ identity_id: idn_mallory, node_id: node_emea, role_id: {role} }}\n");
        repo.edit("support.yaml", ANNA, &mine);
        repo.refused(3, &["idn_mallory", role, "policy.yaml:"]);
        let repo = Repo::new();
        repo.edit("support.yaml", BEN, &BEN.replace("role_agent", role));
        repo.refused(3, &["idn_ben", role]);
    }
}

#[test]
fn a_name_is_judged_by_the_id_that_it_means() {
    let roles = "      environment: prod
      roles: [{ id: role_agent, name: Agent }, { id: role_admin, name: Admin }, { id: role_owner, name: Owner }]
";
    let repo = Repo::with_live(&LIVE.replace("      environment: prod\n", roles));
    let mine = format!("{ANNA}    - {{ identity_id: idn_mallory, node_id: node_emea, role_name: Owner }}\n");
    repo.edit("support.yaml", ANNA, &mine);
    repo.refused(3, &["idn_mallory", "role_owner", "policy.yaml:"]);
}

#[test]
fn a_definition_is_not_opened_to_all_tenants() {
    let repo = Repo::new();
    repo.edit(
        "others.yaml",
        "params: { region: eu } }]",
        "params: { region: eu } }, { definitionId: by_tenant, scopeType: ALL_TENANTS }]",
    );
    repo.refused(3, &["scopeType ALL_TENANTS"]);
}

#[test]
fn a_narrowed_run_plans_no_denied_grant_of_another_set() {
    let repo = Repo::new();
    let second = super::SUPPORT.replace("name: support", "name: elsewhere").replace("node_emea", "node_apac");
    let owner = "    - { identity_id: idn_mallory, node_id: node_apac, role_id: role_owner }\n";
    let (head, _) = second.split_once("  assignments:\n").unwrap();
    repo.write("apac.yaml", &format!("{head}  assignments:\n{owner}"));
    repo.edit("support.yaml", BEN, &BEN.replace("role_agent", "role_lead"));
    let run = repo.run(&["apply", "--auto-approve", "--set", "support"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(!run.text().contains("idn_mallory"), "{}", run.text());
    for args in [&["plan"][..], &["plan", "--set", "elsewhere"]] {
        let run = repo.run(args);
        assert_eq!(run.code, 3, "{}", run.text());
        assert!(run.text().contains("idn_mallory"), "{}", run.text());
    }
}

#[test]
fn the_running_credential_is_never_locked_out() {
    for robot in [
        String::new(),
        ROBOT.replace("role_admin", "role_agent"),
        ROBOT.replace(" }", ", effective_to: 2030-01-01T00:00:00Z }"),
    ] {
        let repo = Repo::new();
        repo.edit("support.yaml", ROBOT, &robot);
        repo.edit("support.yaml", "  assignments:", &expect("removes: 1, updates: 1"));
        repo.refused(3, &["`self` (identity_id idn_robot)"]);
    }
}

#[test]
fn many_losses_are_too_many_by_the_policys_thresholds() {
    let repo = Repo::new();
    for row in [ANNA, BEN] {
        repo.edit("support.yaml", row, "");
    }
    repo.set_policy(
        &super::POLICY.replace("max_loss_count: 2", "max_loss_count: 1").replace("percent: 40", "percent: 10"),
    );
    repo.refused(3, &["2 losses among 5 assignments in scope that give access; the limit is 10 % and more than 1, or more than 100"]);
}

#[test]
fn what_a_mode_keeps_is_shown_as_suppressed() {
    let repo = Repo::new();
    repo.edit("support.yaml", ANNA, "");
    repo.edit("support.yaml", "mode: authoritative", "mode: additive");
    let run = repo.run(&["plan", "--detailed-exitcode", "--set", "support"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stdout.contains("unmanaged idn_anna") && run.stdout.contains("removal suppressed"), "{}", run.text());
}

#[test]
fn holders_are_counted_on_the_whole_target_not_only_where_a_set_looks() {
    let elsewhere = "        - { identity_id: idn_dora, node_id: node_apac, role_id: role_owner }\n";
    let repo = Repo::with_live(&format!("{}{elsewhere}", super::LIVE));
    repo.edit("support.yaml", "  protect: [{ identity_id: idn_chiara }]\n", "");
    repo.edit("support.yaml", CHIARA, "");
    let run = repo.run(&["plan"]);
    assert_eq!(run.code, 0, "idn_dora stays an owner: {}", run.text());
    assert!(run.stdout.contains("idn_chiara"), "{}", run.text());
}

#[test]
fn own_access_can_be_any_key_fields_of_the_system() {
    let parts = "provider: partium,";
    let repo = Repo::new();
    repo.edit("targets.yaml", parts, "provider: partium, self: { ass_id: a },");
    assert_eq!(repo.run(&["plan"]).code, 0);
    repo.edit("others.yaml", "ass_ids: [a, b]", "ass_ids: [b]");
    repo.refused(3, &["`self` (ass_id a)"]);
    for (own, word) in
        [("at", "has no holder"), ("{ role_id: x }", "role_id"), ("[a]", "wrong-type"), ("{}", "needs `ass_id`")]
    {
        let repo = Repo::new();
        repo.edit("targets.yaml", parts, &format!("provider: partium, self: {own},"));
        repo.refused(1, &[word]);
    }
}
