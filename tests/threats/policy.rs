//! The policy itself: where it comes from, what flags may do, what is told of it.

use super::{POLICY, Repo};
use crate::support;

#[test]
fn a_policy_among_the_manifests_is_an_error_and_not_a_policy() {
    let repo = Repo::new();
    repo.write("policy.yaml", "apiVersion: assignctl/v1\nkind: Policy\nspec: {}\n");
    repo.refused(1, &["misplaced-policy", "--policy FILE"]);
    let run = repo.run(&["validate"]);
    assert_eq!(run.code, 1, "{}", run.text());
    repo.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\nspec: { ignore: [policy.yaml] }\n");
    assert_eq!(repo.run(&["plan"]).code, 0);
}

#[test]
fn flags_lower_the_policys_thresholds_and_never_raise_them() {
    let repo = Repo::new();
    let run = repo.run(&["plan", "--max-loss-percent", "41"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stderr.contains("--max-loss-percent 41") && run.stderr.contains("at most 40"), "{}", run.text());
    repo.edit("support.yaml", "    - { identity_id: idn_anna, node_id: node_emea, role_id: role_agent }\n", "");
    assert_eq!(repo.run(&["plan"]).code, 0);
    assert_eq!(repo.run(&["plan", "--max-loss-percent", "10", "--max-loss-count", "0"]).code, 3);
    assert_eq!(repo.run(&["plan", "--max-update-percent", "99"]).code, 0, "the policy says nothing of updates");
}

fn policy_digest(repo: &Repo) -> String {
    let run = support::run(&mut repo.command(&["plan", "--format", "json"]));
    run.json()["policy"]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn the_digest_of_a_policy_is_over_what_it_means() {
    let repo = Repo::new();
    let digest = policy_digest(&repo);
    let rewritten = POLICY
        .replace("kind: Policy\n", "# a comment\nkind: 'Policy'\nmetadata: { name: main }\n")
        .replace(
            "    - { role_id: role_owner }\n    - { role_id: 'role_super*' }\n",
            "    - role_id: \"role_super*\"\n    - { role_id: role_owner }\n    - { role_id: role_owner }\n",
        )
        .replace("max_loss_percent: 40, max_loss_count: 2", "max_loss_count: 2, max_loss_percent: 40")
        .replace("allowed_hosts: [127.0.0.1]", "names: allow\n  allowed_hosts: [127.0.0.1., 127.0.0.1]");
    repo.set_policy(&rewritten);
    assert_eq!(policy_digest(&repo), digest, "comments, order and spelling change nothing");
    for (from, to) in [
        ("max_loss_percent: 40", "max_loss_percent: 39"),
        ("max_loss_count: 2", "max_loss_count: 1"),
        ("max_expect: { removes: 3 }", "max_expect: { removes: 3, updates: 9 }"),
        ("allowed_hosts: [127.0.0.1]", "allowed_hosts: [127.0.0.1, a.example.com]"),
        ("allowed_hosts: [127.0.0.1]", "names: deny\n  allowed_hosts: [127.0.0.1]"),
        ("{ identity_id: idn_glass }", "{ identity_id: idn_glass2 }"),
        ("min_holders: 1", "min_holders: 2"),
        ("role_super*", "role_sup*"),
        ("secrets: [{ env: CRM_TOKEN }]", "secrets: [{ env: 'CRM_*' }]"),
        ("{ name: crm, provider: canopy,", "{ name: 'cr*', provider: canopy,"),
        ("{ name: crm, provider: canopy,", "{ name: crm,"),
        ("{ name: crm, provider: canopy,", "{ name: crm, endpoint: 'http://127.0.0.1:*', provider: canopy,"),
        ("environment: prod }", "environment: 'pro*' }"),
        ("{ name: pie,", "{ name: pie, max_expect: { updates: 1 },"),
    ] {
        assert!(POLICY.contains(from), "{from}");
        repo.set_policy(&POLICY.replacen(from, to, 1));
        assert_ne!(policy_digest(&repo), digest, "{to}");
    }
}

#[test]
fn a_target_under_an_entry_without_endpoint_is_no_sandbox_and_at_no_other_address() {
    for endpoint in ["sandbox", "https://crm.example.com", "http://127.0.0.2:9", "https://api.canopy.dev.example.com"] {
        let repo = Repo::new();
        let url = repo.server.url();
        repo.edit("targets.yaml", &format!("canopy, endpoint: {url}"), &format!("canopy, endpoint: '{endpoint}'"));
        repo.refused(1, &["policy-endpoint", "the target `crm` has the endpoint"]);
    }
    let repo = Repo::new();
    repo.set_policy(&POLICY.replace("allowed_hosts: [127.0.0.1]", "names: allow"));
    repo.refused(1, &["policy-endpoint", "so it must be `https://api.canopy.dev`"]);
}

#[test]
fn capital_letters_get_round_no_denying_rule() {
    let repo = Repo::new();
    repo.set_policy(&POLICY.replace("- { role_id: role_owner }", "- { role_id: Role_OWNER }"));
    repo.edit(
        "support.yaml",
        "assignments:\n",
        "assignments:\n    - { identity_id: idn_mallory, node_id: node_emea, role_id: role_owner }\n",
    );
    repo.refused(3, &["Role_OWNER"]);
    let repo = Repo::new();
    repo.set_policy(&POLICY.replace("{ identity_id: idn_glass }", "{ identity_id: IDN_Glass }"));
    repo.edit("support.yaml", "    - { identity_id: idn_glass, node_id: node_emea, role_id: role_admin }\n", "");
    repo.refused(3, &["IDN_Glass"]);
}

#[test]
fn a_policy_entry_that_decides_about_nothing_is_a_warning_with_the_nearest_name() {
    let repo = Repo::new();
    for (from, to, words) in [
        (
            "    - { name: crm, ",
            "    - { name: crn }\n    - { name: crm, ",
            &["policy-unused", "did you mean `crm`?"][..],
        ),
        (
            "    - { name: crm, ",
            "    - { name: '*' }\n    - { name: crm, ",
            &["policy-unused", "an earlier entry decides"],
        ),
        (
            "[{ env: CRM_TOKEN }]",
            "[{ env: CRM_TOKEN }, { env: CRM_TOKN }]",
            &["policy-unused", "did you mean `CRM_TOKEN`?"],
        ),
        ("{ role_id: role_owner, min", "{ role_id: role_ownr, min", &["unmatched-rule", "did you mean"]),
        ("- { role_id: role_owner }", "- { role_id: role_ownr }", &["unmatched-rule", "deny_grants"]),
    ] {
        repo.set_policy(&POLICY.replacen(from, to, 1));
        let run = repo.run(&["plan"]);
        assert!(run.code == 0 && words.iter().all(|word| run.text().contains(word)), "{to}: {}", run.text());
    }
    repo.set_policy(POLICY);
    assert!(!repo.run(&["plan"]).text().contains("unmatched-rule"));
}

#[test]
fn plan_and_apply_say_which_policy_was_in_force() {
    let repo = Repo::new();
    let digest = policy_digest(&repo);
    for args in [&["plan"][..], &["apply", "--auto-approve"]] {
        let text = repo.run(args);
        assert!(text.stdout.contains("policy.yaml") && text.stdout.contains(&digest), "{}", text.text());
        let json = support::run(repo.command(args).args(["--format", "json"])).json();
        assert_eq!(json["policy"]["digest"], digest.as_str());
        assert!(json["policy"]["file"].as_str().unwrap().ends_with("policy.yaml"));
    }
    let without = support::run(repo.command(&["plan", "--format", "json"]).env_remove("ASSIGNCTL_POLICY"));
    assert!(without.json().get("policy").is_none());
}

#[test]
fn a_policy_may_take_ids_only() {
    let repo = Repo::new();
    repo.set_policy(&POLICY.replace("  thresholds:", "  names: deny\n  thresholds:"));
    assert_eq!(repo.run(&["plan"]).code, 0, "ids are as good as before");
    repo.edit("support.yaml", "scope: { node_ids: [node_emea] }", "scope: { node_names: [EMEA] }");
    repo.refused(1, &["policy-names", "support.yaml:8:"]);
    // One target may be stricter than the others.
    repo.set_policy(&POLICY.replace("{ name: crm, ", "{ name: crm, names: deny, "));
    repo.refused(1, &["policy-names"]);
}

/// What a reviewer approved was approved under a policy: another one, or none, makes it stale; no edit brings in what the policy denies.
#[test]
fn a_saved_plan_holds_under_its_policy_only() {
    let repo = Repo::new();
    repo.edit(
        "support.yaml",
        "idn_anna, node_id: node_emea, role_id: role_agent",
        "idn_anna, node_id: node_emea, role_id: role_lead",
    );
    let plan = repo.run(&["plan", "--out", "plan.json"]);
    assert_eq!(plan.code, 0, "{}", plan.text());
    let before = repo.server.dump().unwrap();
    let apply = ["apply", "--plan", "plan.json", "--auto-approve"];
    let without = support::run(repo.command(&apply).env_remove("ASSIGNCTL_POLICY"));
    assert_eq!(without.code, 4, "{}", without.text());
    repo.set_policy(&POLICY.replace("role_super*", "*"));
    let other = repo.run(&apply);
    assert_eq!(other.code, 4, "{}", other.text());
    assert!(other.text().contains("policy sha256:"), "{}", other.text());
    let saved = std::fs::read_to_string(repo.path().join("plan.json")).unwrap();
    repo.set_policy(POLICY);
    repo.write("plan.json", &saved.replace("role_lead", "role_owner"));
    assert_eq!(repo.run(&apply).code, 1, "its seal is broken");
    assert_eq!(repo.server.dump().unwrap(), before, "nothing is written");
    repo.write("plan.json", &saved);
    let good = repo.run(&apply);
    assert_eq!(good.code, 0, "{}", good.text());
}

#[test]
fn a_target_can_have_bounds_of_its_own() {
    let repo = Repo::new();
    let own = "{ name: crm, thresholds: { max_loss_percent: 0, max_loss_count: 0 }, deny_grants: [{ identity_id: idn_mallory }], protect: [{ identity_id: idn_ben }],";
    repo.set_policy(&POLICY.replace("{ name: crm,", own));
    let ben = "    - { identity_id: idn_ben, node_id: node_emea, role_id: role_agent }\n";
    repo.edit("support.yaml", ben, "    - { identity_id: idn_mallory, node_id: node_emea, role_id: role_agent }\n");
    repo.refused(
        3,
        &["identity_id idn_ben", "identity_id idn_mallory", "1 losses among 5 live in scope; the limit is 0 %"],
    );
}

#[test]
fn api_paths_come_from_the_policy_and_say_as_much_as_the_contracts() {
    let repo = Repo::new();
    let with = |paths: &str| POLICY.replace("{ name: pie,", &format!("{{ name: pie, paths: {paths},"));
    repo.set_policy(&with("{ service_list: '/v9/{client_id}/{domain_id}/{service_id}/list' }"));
    repo.run(&["plan", "--target", "pie"]);
    assert_eq!(repo.paths().first().map(String::as_str), Some("/v9/client-1/south/pricing/list"));
    for (paths, word) in [
        ("{ service: '/v9/{client_id}/{domain_id}/assignments' }", "invalid-path"),
        ("{ service: '/v9/../{client_id}/{domain_id}/{service_id}' }", "invalid-path"),
        ("{ service: '/v9/{client_id}/{domain_id}/{service_id}?x=y' }", "invalid-path"),
        ("{ service: 'https://evil.example.com/{client_id}/{domain_id}/{service_id}' }", "invalid-path"),
        ("{ servise: '/v9/{client_id}/{domain_id}/{service_id}' }", "did you mean `service`"),
    ] {
        repo.set_policy(&with(paths));
        repo.refused(1, &[word]);
    }
}

#[test]
fn a_host_of_the_policys_gets_credentials_and_another_targets_does_not() {
    let repo = Repo::new();
    repo.set_policy(&POLICY.replace("{ name: pie,", "{ name: pie, allowed_hosts: [pie.example.com],"));
    let url = repo.server.url();
    repo.edit("targets.yaml", &format!("partium, endpoint: {url}"), "partium, endpoint: https://pie.example.com");
    repo.refused(1, &["policy-endpoint", "https://pie.example.com"]);
    repo.edit("targets.yaml", "partium, endpoint: https://pie.example.com", &format!("partium, endpoint: {url}"));
    repo.edit("targets.yaml", &format!("streamline, endpoint: {url}"), "streamline, endpoint: https://pie.example.com");
    let run = repo.run(&["plan", "--target", "pie"]);
    assert!(!run.text().contains("--allow-host"), "{}", run.text());
}

#[test]
fn an_endpoint_can_be_fixed_and_a_pattern_is_no_regular_expression() {
    let repo = Repo::new();
    repo.set_policy(&POLICY.replace("{ name: pie,", "{ name: pie, endpoint: 'https://pie.streamline.enterprises',"));
    repo.refused(1, &["policy-endpoint"]);
    repo.set_policy(&POLICY.replace("{ name: pie,", "{ name: p.e,"));
    repo.refused(1, &["policy-target"]);
    repo.set_policy(&POLICY.replace("{ name: pie,", "{ name: 'p*e', endpoint: 'http://127.0.0.1:*',"));
    assert_eq!(repo.run(&["plan"]).code, 0);
}

#[test]
fn a_policy_that_is_wrong_stops_everything_with_its_place() {
    for (policy, words) in [
        ("", &["not-a-policy"][..]),
        ("apiVersion: assignctl/v1\nkind: Root\n", &["not-a-policy"]),
        ("apiVersion: assignctl/v1\nkind: Policy\n", &["missing-field", "spec"]),
        ("apiVersion: assignctl/v2\nkind: Policy\nspec: {}\n", &["unknown-version"]),
        (
            "apiVersion: assignctl/v1\nkind: Policy\nspec: {}\n---\napiVersion: assignctl/v1\nkind: Policy\nspec: {}\n",
            &["not-a-policy"],
        ),
        (
            "apiVersion: assignctl/v1\nkind: Policy\nspec:\n  protects: []\n  thresholds: { max_loss_percent: 200 }\n  deny_grants: [{ rol_id: x }, { role_id: x, scopeType: TENANT }, { role_id: x, min_holders: 2 }, { scopeType: EVERYONE }, x]\n  protect: [{ role_id: 'role_*' }, {}]\n  targets: [{ provider: canopi, account: { acount: x }, secrets: [{ env: A, file: b }] }]\n",
            &[
                "did you mean `protect`",
                "outside 0 to 100",
                "names no key field",
                "`scopeType`",
                "`min_holders`",
                "EVERYONE",
                "must be a mapping",
                "takes ids as they are",
                "needs `name`",
                "did you mean `canopy`",
                "did you mean `account`",
                "cannot stand together",
            ],
        ),
    ] {
        let repo = Repo::new();
        repo.set_policy(policy);
        repo.refused(1, words);
        let run = repo.run(&["validate"]);
        assert_eq!(run.code, 1, "{policy}: {}", run.text());
        assert!(run.stderr.contains("policy.yaml"), "{}", run.text());
    }
    let repo = Repo::new();
    let run = repo.run(&["plan", "--policy", "/nowhere/at/all.yaml"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("/nowhere/at/all.yaml"), "{}", run.text());
}

#[test]
fn the_schema_says_of_a_policy_what_the_program_says() {
    let repo = Repo::new();
    let schema = repo.run(&["schema", "Policy"]).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let check = |text: &str| validator.is_valid(&serde_yaml::from_str::<serde_json::Value>(text).unwrap());
    assert!(check(POLICY));
    assert!(!check(&POLICY.replace("role_id: role_owner }", "rol_id: role_owner }")));
    assert!(!check(&POLICY.replace("max_loss_count", "max_losses")));
}

#[test]
fn the_policy_of_the_threat_model_is_one() {
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/threat-model.md"));
    let (_, rest) = page.split_once("```yaml\n").expect("the page shows a policy");
    let (policy, _) = rest.split_once("```").unwrap();
    let repo = Repo::new();
    repo.set_policy(policy);
    // With a target that it does not know, only the policy itself is judged.
    let dir = tempfile::tempdir().unwrap();
    support::write(dir.path(), "assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    let target = "apiVersion: assignctl/v1\nkind: Target\nmetadata: { name: x }\nspec: { provider: partium, endpoint: sandbox }\n";
    support::write(dir.path(), "target.yaml", target);
    let run = support::run(repo.command(&["validate"]).current_dir(dir.path()));
    assert!(run.stderr.matches("error[").count() == 1 && run.stderr.contains("policy-target"), "{}", run.text());
}
