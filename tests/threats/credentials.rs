//! Getting credentials out: other addresses, other accounts, other secrets.

use super::Repo;

#[test]
fn an_endpoint_of_somebody_elses_gets_nothing() {
    let repo = Repo::new();
    let url = repo.server.url();
    repo.edit(
        "targets.yaml",
        &format!("streamline, endpoint: {url}"),
        "streamline, endpoint: https://evil.example.com",
    );
    repo.refused(1, &["evil.example.com", "policy-endpoint"]);
    repo.set_policy("apiVersion: assignctl/v1\nkind: Policy\nspec: {}\n");
    repo.refused(1, &["evil.example.com", "--allow-host"]);
    assert!(!repo.paths().iter().any(|path| path.starts_with("/v2/clients")));
}

#[test]
fn an_address_that_looks_like_an_allowed_one_is_another() {
    for (endpoint, word) in [
        ("https://pie.streamline.enterprises.evil.example.com", "evil.example.com"),
        ("http://pie.streamline.enterprises", "https"),
        ("https://pie.streamline.enterprises@evil.example.com", "user name"),
        ("https://127.0.0.1.evil.example.com", "evil.example.com"),
    ] {
        let repo = Repo::new();
        let url = repo.server.url();
        repo.edit(
            "targets.yaml",
            &format!("streamline, endpoint: {url}"),
            &format!("streamline, endpoint: \"{endpoint}\""),
        );
        repo.refused(1, &[word]);
    }
}

#[test]
fn a_token_url_of_somebody_elses_gets_no_client_secret() {
    let repo = Repo::new();
    let credentials = "auth: { client_credentials: { token_url: 'https://evil.example.com/token', client_id: { env: PIE_ID }, client_secret: { env: PIE_TOKEN } } }";
    repo.edit("targets.yaml", "auth: { bearer: { env: PIE_TOKEN } }", credentials);
    repo.refused(1, &["evil.example.com", "--allow-host"]);
}

#[test]
fn a_target_stays_the_account_that_the_policy_names() {
    let repo = Repo::new();
    repo.edit("targets.yaml", "account: acme", "account: acme-payroll");
    repo.refused(1, &["policy-account", "acme-payroll"]);
}

#[test]
fn a_new_target_is_none_that_the_policy_knows() {
    let repo = Repo::new();
    let mine = "---\napiVersion: assignctl/v1\nkind: Target\nmetadata: { name: mine }\nspec: { provider: semaphor, project_id: p_2, auth: { bearer: { env: DEPLOY_KEY } } }\n";
    repo.write("mine.yaml", mine);
    repo.refused(1, &["policy-target", "mine"]);
}

#[test]
fn another_variable_as_bearer_token_is_not_read() {
    let repo = Repo::new();
    repo.edit("targets.yaml", "bearer: { env: BI_TOKEN }", "bearer: { env: DEPLOY_KEY }");
    repo.refused(1, &["policy-secret", "{env: DEPLOY_KEY}"]);
    assert!(repo.paths().is_empty(), "nothing is asked of anybody");
}

#[test]
fn another_variable_as_secret_parameter_is_not_read() {
    let repo = Repo::new();
    repo.edit(
        "others.yaml",
        "params: { region: eu } }]",
        "params: { region: eu }, secret_params: { key: { env: DEPLOY_KEY } } }]",
    );
    repo.refused(1, &["policy-secret", "{env: DEPLOY_KEY}"]);
    repo.edit("others.yaml", "DEPLOY_KEY", "BI_KEY");
    let run = crate::support::run(repo.command(&["apply", "--auto-approve"]).env("BI_KEY", "k"));
    assert_eq!(run.code, 0, "what the policy permits is used: {}", run.text());
}

#[test]
fn a_secret_file_is_taken_from_the_callers_directory_or_not_at_all() {
    let secrets = tempfile::tempdir().unwrap();
    crate::support::write(secrets.path(), "dir/parts/token", "parts-token\n");
    crate::support::write(secrets.path(), "dir/other/token", "parts-token\n");
    crate::support::write(secrets.path(), "outside", "parts-token\n");
    std::os::unix::fs::symlink(secrets.path().join("outside"), secrets.path().join("dir/parts/link")).unwrap();
    let dir = secrets.path().join("dir");
    for (file, code) in [
        ("parts/token", 0),
        ("other/token", 1),
        ("parts/link", 1),
        ("parts/../../outside", 1),
        ("../outside", 1),
        ("/etc/hostname", 1),
    ] {
        let repo = Repo::new();
        repo.edit("targets.yaml", "bearer: { env: PARTS_TOKEN }", &format!("bearer: {{ file: {file} }}"));
        let run = crate::support::run(repo.command(&["plan"]).arg("--secrets-dir").arg(&dir));
        assert_eq!(run.code, code, "{file}: {}", run.text());
        if code == 0 {
            repo.refused(1, &["--secrets-dir"]);
        }
    }
}

#[test]
fn api_paths_are_not_for_manifests() {
    let repo = Repo::new();
    repo.edit(
        "targets.yaml",
        "client_id: client-1,",
        "client_id: client-1, paths: { service: /v2/clients/evil }, path_service: /v2/evil,",
    );
    repo.refused(1, &["unknown-field", "paths", "path_service"]);
}

#[test]
fn a_redirect_takes_nothing_along() {
    let repo = Repo::new();
    repo.server.add_fault("GET /v2/**=redirect=https://evil.example.com/:*".parse().unwrap());
    repo.refused(1, &["redirects are never followed"]);
}
