//! `plan --base`: a pull request's changes told from drift, with real repositories.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::drift::behind_its_back;
use super::{Place, set};
use crate::support;

pub(super) fn git(dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(dir).args(["-c", "user.name=Test", "-c", "user.email=test@example.com"]).args(args);
    let output = command.output().expect("git starts");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(super) fn commit(dir: &Path) -> String {
    git(dir, &["add", "-A"]);
    git(dir, &["commit", "-q", "-m", "change"]);
    git(dir, &["rev-parse", "HEAD"])
}

/// A repository whose first commit is applied. Then Germany loses `d` and gets `x` by itself, and the work tree gives Austria `e` for `d`.
fn changed() -> (Place, String) {
    let place = Place::new();
    place.write("sets/austria.yaml", &set("austria", "at", "a, b, c, d"));
    git(place.path(), &["init", "-q", "-b", "main"]);
    let base = commit(place.path());
    behind_its_back(&place, "de", "a, b, c, x");
    place.write("sets/austria.yaml", &set("austria", "at", "a, b, c, e"));
    (place, base)
}

/// `action ass org: cause`, sorted.
fn causes(plan: &Value) -> Vec<String> {
    let sets = plan["targets"].as_array().unwrap().iter().flat_map(|target| target["sets"].as_array().unwrap());
    let changes = sets.flat_map(|set| set["changes"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut lines: Vec<String> = changes
        .map(|c| {
            let key = &c["key"];
            format!("{} {} {}: {}", text(&c["action"]), text(&key["ass_id"]), text(&key["org_id"]), text(&c["cause"]))
        })
        .collect();
    lines.sort();
    lines
}

/// `ass org: why`, in the order of the report.
fn leaving(plan: &Value) -> Vec<String> {
    let sets = plan["base"]["leaving"].as_array().unwrap().iter();
    let rows = sets.flat_map(|set| set["rows"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    rows.map(|row| format!("{} {}: {}", text(&row["key"]["ass_id"]), text(&row["key"]["org_id"]), text(&row["why"])))
        .collect()
}

/// `effect subject name field: before => after`, in the order of the report.
fn authority(plan: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |change: &Value| {
        let field = if change["field"].is_null() { &change["what"] } else { &change["field"] };
        let [effect, subject, name, field, before, after] =
            [&change["effect"], &change["subject"], &change["name"], field, &change["before"], &change["after"]]
                .map(text);
        format!("{effect} {subject} {name} {field}: {before} => {after}")
    };
    plan["base"]["authority"].as_array().unwrap().iter().map(line).collect()
}

const TOLD: [&str; 4] =
    ["create d de: drift", "create e at: pull_request", "remove d at: pull_request", "remove x de: drift"];

#[test]
fn a_pull_requests_changes_are_told_from_drift() {
    let (place, base) = changed();
    let text = place.run(&["plan", "--base", "main"]);
    assert_eq!(text.code, 0, "{}", text.text());
    insta::assert_snapshot!("base", place.steady(&text));

    let run = place.run(&["plan", "--base", "main", "--format", "json"]);
    let plan = run.json();
    assert_eq!(causes(&plan), TOLD);
    assert_eq!(plan["base"]["commit"], json!(base));
    assert_eq!(plan["base"]["causes"], json!({ "pull_request": 2, "both": 0, "drift": 2 }));
    let schema = place.run(&["schema", "plan"]).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&plan), "{:?}", validator.iter_errors(&plan).map(|e| e.to_string()).collect::<Vec<_>>());
    assert!(git(place.path(), &["status", "--porcelain"]).contains("sets/austria.yaml"), "the work tree is as it was");
}

#[test]
fn live_state_is_read_once_for_both() {
    let (place, _) = changed();
    let reads = |args: &[&str]| {
        let before = place.server.requests().len();
        assert_eq!(place.run(args).code, 0);
        place.server.requests().len() - before
    };
    let alone = reads(&["plan"]);
    assert_eq!(reads(&["plan", "--base", "main"]), alone);
}

#[test]
fn a_directory_serves_as_well_as_a_commit() {
    let (place, _) = changed();
    let other = tempfile::tempdir().unwrap();
    git(place.path(), &["worktree", "add", "-q", "--detach", other.path().join("base").to_str().unwrap(), "main"]);
    let dir = other.path().join("base");
    let plan = place.run(&["plan", "--base-dir", dir.to_str().unwrap(), "--format", "json"]).json();
    assert_eq!(causes(&plan), TOLD);
    assert_eq!(plan["base"]["commit"], Value::Null);
}

#[test]
fn a_root_below_the_repositorys_top_is_found_in_the_commit() {
    let (place, _) = changed();
    let top = tempfile::tempdir().unwrap();
    support::copy(place.path(), &top.path().join("deep/down"));
    support::write(top.path(), "deep/other.yaml", "not: a manifest\n");
    let down = top.path().join("deep/down");
    support::write(&down, "sets/austria.yaml", &set("austria", "at", "a, b, c, d"));
    git(top.path(), &["init", "-q", "-b", "main"]);
    commit(top.path());
    support::write(&down, "sets/austria.yaml", &set("austria", "at", "a, b, c, e"));
    let mut command = support::program(&down);
    let run = support::run(command.args(["plan", "--base", "HEAD", "--format", "json"]).env("TOKEN", "sandbox"));
    assert_eq!(causes(&run.json()), TOLD, "{}", run.text());
}

#[test]
fn a_deleted_set_leaves_its_assignments_unmanaged_and_says_so() {
    let (place, _) = changed();
    std::fs::remove_file(place.path().join("sets/germany.yaml")).unwrap();
    let plan = place.run(&["plan", "--base", "main", "--format", "json"]).json();
    assert_eq!(causes(&plan), ["create e at: pull_request", "remove d at: pull_request"]);
    let left = &plan["base"]["leaving"][0];
    // The base would remove `x`, which it does not declare: nobody does afterwards.
    assert_eq!((&left["set"], &left["deleted"], &left["assignments"]), (&json!("germany"), &json!(true), &json!(4)));
    assert_eq!(leaving(&plan), ["a de: set_deleted", "b de: set_deleted", "c de: set_deleted", "x de: set_deleted"]);
    let text = place.run(&["plan", "--base", "main"]);
    assert!(text.stdout.contains("4 assignments leave management"), "{}", text.text());
}

#[test]
fn a_renamed_set_loses_nothing() {
    let (place, _) = changed();
    std::fs::remove_file(place.path().join("sets/germany.yaml")).unwrap();
    place.write("sets/renamed.yaml", &set("renamed", "de", "a, b, c, d"));
    let plan = place.run(&["plan", "--base", "main", "--format", "json"]).json();
    assert_eq!(causes(&plan), TOLD);
    assert_eq!(plan["base"]["leaving"], json!([]));
}

#[test]
fn a_mode_that_a_pull_request_widens_is_its_own_doing() {
    let (place, _) = changed();
    place.write("sets/austria.yaml", &set("austria", "at", "a, b, c").replace("authoritative", "additive"));
    commit(place.path());
    place.write("sets/austria.yaml", &set("austria", "at", "a, b, c"));
    let plan = place.run(&["plan", "--base", "HEAD", "--format", "json"]).json();
    assert!(causes(&plan).contains(&"remove d at: pull_request".to_owned()), "{:?}", causes(&plan));
    // `--as` gives the base no authority that only the head's manifest has.
    let plan = place.run(&["plan", "--base", "HEAD", "--as", "authoritative", "--format", "json"]).json();
    assert!(causes(&plan).contains(&"remove d at: pull_request".to_owned()), "{:?}", causes(&plan));
    // The same mode in both: the base would be planned with `--as`, too.
    commit(place.path());
    let plan = place.run(&["plan", "--base", "HEAD", "--as", "authoritative", "--format", "json"]).json();
    assert!(causes(&plan).contains(&"remove d at: drift".to_owned()), "{:?}", causes(&plan));
}

#[test]
fn a_base_that_is_not_here_says_how_to_get_it() {
    let (place, base) = changed();
    let head = commit(place.path());
    assert_ne!(base, head);
    let clones = tempfile::tempdir().unwrap();
    let clone = clones.path().join("clone");
    let from = format!("file://{}", place.path().display());
    git(clones.path(), &["clone", "-q", "--depth=1", &from, "clone"]);
    let run = |reference: &str| {
        let mut command = support::program(&clone);
        support::run(command.args(["plan", "--base", reference]).env("TOKEN", "sandbox"))
    };
    let shallow = run(&base);
    assert_eq!(shallow.code, 1, "{}", shallow.text());
    assert!(
        shallow.stderr.contains("shallow clone") && shallow.stderr.contains("fetch-depth: 0"),
        "{}",
        shallow.text()
    );
    git(&clone, &["fetch", "-q", "--depth=1", "origin", &base]);
    let fetched = run(&base);
    assert_eq!(fetched.code, 0, "{}", fetched.text());
    assert!(fetched.stdout.contains("2 by this pull request"), "{}", fetched.text());
    let wrong = place.run(&["plan", "--base", "nowhere"]);
    assert_eq!(wrong.code, 1, "{}", wrong.text());
    assert!(wrong.stderr.contains("there is no such commit here"), "{}", wrong.text());
    git(&clone, &["checkout", "-q", "--detach"]);
    git(&clone, &["branch", "-q", "-D", "main"]);
    let remote = run("main");
    assert!(remote.code == 1 && remote.stderr.contains("origin/main"), "{}", remote.text());
    for option in ["--output=x", "-x", ""] {
        let run = place.run(&["plan", &format!("--base={option}")]);
        assert_eq!(run.code, 1, "{}", run.text());
        assert!(run.stderr.contains("no commit"), "{}", run.text());
    }
}

#[test]
fn without_a_repository_there_is_no_base() {
    let place = Place::new();
    let run = place.run(&["plan", "--base", "main"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stderr.contains("--base-dir"), "{}", run.text());
    let both = place.run(&["plan", "--base", "main", "--base-dir", "."]);
    assert_eq!(both.code, 1, "{}", both.text());
}

#[test]
fn a_broken_base_is_told_and_the_plan_that_mends_it_is_made() {
    let (place, _) = changed();
    place.write("sets/germany.yaml", "kind: Nonsense\napiVersion: assignctl/v1\n");
    commit(place.path());
    place.write("sets/germany.yaml", &set("germany", "de", "a, b, c, d"));
    let run = place.run(&["plan", "--base", "HEAD", "--format", "json"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stderr.contains("the base HEAD was not used"), "{}", run.text());
    let plan = run.json();
    assert!(plan["base"]["not_used"].as_str().unwrap().contains("sets/germany.yaml:1: "), "{:#}", plan["base"]);
    assert!(plan["base"]["causes"].is_null() && causes(&plan).iter().all(|line| line.ends_with(": -")), "{plan:#}");
}

#[test]
fn links_of_the_base_lead_nowhere_else() {
    let (place, _) = changed();
    let outside = tempfile::tempdir().unwrap();
    support::write(outside.path(), "secret.yaml", &set("secret", "ch", "a"));
    std::os::unix::fs::symlink(outside.path().join("secret.yaml"), place.path().join("sets/link.yaml")).unwrap();
    commit(place.path());
    std::fs::remove_file(place.path().join("sets/link.yaml")).unwrap();
    let run = place.run(&["plan", "--base", "HEAD", "--format", "json"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(
        run.stderr.contains("the base HEAD was not used"),
        "a link that leads out is an error there, too: {}",
        run.text()
    );
}

/// Plans the work tree against a directory with these files over the same root and target.
fn against(place: &Place, base: &[(&str, &str)], args: &[&str]) -> crate::support::Run {
    let dir = tempfile::tempdir().unwrap();
    support::write(dir.path(), "assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    support::write(dir.path(), "target.yaml", &std::fs::read_to_string(place.path().join("target.yaml")).unwrap());
    base.iter().for_each(|(file, text)| support::write(dir.path(), file, text));
    let name = dir.path().to_str().unwrap();
    let run = place.run(&[&["plan", "--base-dir", name], args].concat());
    crate::support::Run { stdout: run.stdout.replace(name, "BASE"), ..run }
}

/// A root whose only set is Austria's, which is live as `a, b, c, d`.
fn austria(text: &str) -> Place {
    let place = Place::new();
    std::fs::remove_file(place.path().join("sets/germany.yaml")).unwrap();
    place.write("sets/austria.yaml", text);
    place
}

/// What a plan says of its changes, as `causes`, when it is compared with this set.
fn told(head: &str, base: &str, args: &[&str]) -> Vec<String> {
    let run = against(&austria(head), &[("sets/austria.yaml", base)], &[&["--format", "json"], args].concat());
    causes(&run.json())
}

#[test]
fn what_the_base_only_observes_is_this_pull_requests_change() {
    let head = set("austria", "at", "a, b, c, e");
    for (before, after, expected) in [
        ("observe", "authoritative", ["create e at: pull_request", "remove d at: pull_request"].as_slice()),
        ("observe", "additive", &["create e at: pull_request"]),
        ("additive", "authoritative", &["create e at: drift", "remove d at: pull_request"]),
        ("authoritative", "authoritative", &["create e at: drift", "remove d at: drift"]),
        ("authoritative", "additive", &["create e at: drift"]),
    ] {
        let of = |mode: &str| head.replace("authoritative", mode);
        assert_eq!(told(&of(after), &of(before), &[]), expected, "{before} -> {after}");
        // A mode that the caller asks for is none that the pull request gives.
        let same = told(&of(after), &of(after), &["--as", after]);
        assert!(same.iter().all(|line| line.ends_with(": drift")), "{same:?}");
        let raised = told(&of(after), &of(before), &["--as", after]);
        assert_eq!(raised, expected, "{before} -> {after} with --as");
    }
}

#[test]
fn what_a_guard_keeps_the_base_from_is_this_pull_requests_change() {
    let head = set("austria", "at", "a, b, c, e");
    let protect = head.replace("  assignments:", "  protect: [{ ass_id: d }]\n  assignments:");
    let own = ["create e at: pull_request", "remove d at: pull_request"];
    assert_eq!(told(&head, &protect, &[]), own);
    // Refused before and after: the pull request lets nothing through.
    assert_eq!(told(&protect, &protect, &[]), ["create e at: drift", "remove d at: drift"]);
    // Refused for another reason than before.
    let other = head.replace("  assignments:", "  protect: [{ org_id: at, ass_id: d }]\n  assignments:");
    assert_eq!(
        told(&other, &protect, &[]),
        ["create e at: drift", "remove d at: drift"],
        "the same rows, the same guard"
    );
    let emptied = set("austria", "at", "")
        .replace("    - { ass_ids: [], org_id: at }\n", "")
        .replace("assignments:", "assignments: []");
    let soon = jiff::Zoned::now().date().saturating_add(jiff::Span::new().days(30));
    let expect = format!("  expect: {{ removes: 4, until: {soon} }}\n  assignments:");
    let expected = emptied.replace("  assignments:", &expect);
    let run = against(&austria(&expected), &[("sets/austria.yaml", &emptied)], &["--format", "json"]);
    let plan = run.json();
    assert!(authority(&plan)[0].starts_with("widens set austria expect: - => removes 4"), "{:?}", authority(&plan));
    assert!(causes(&plan).iter().all(|line| line.ends_with(": pull_request")), "{:?}", causes(&plan));
    assert_eq!(causes(&plan).len(), 4);
}

#[test]
fn what_a_removed_rule_of_ignore_lets_through_is_this_pull_requests_change() {
    let head = set("austria", "at", "a, b, c, e");
    let rule = "  ignore: [{ match: { ass_id: d }, reason: later }]\n  assignments:";
    let base = head.replace("  assignments:", rule);
    assert_eq!(told(&head, &base, &[]), ["create e at: drift", "remove d at: pull_request"]);
}

#[test]
fn what_the_base_could_not_read_is_this_pull_requests_change() {
    let place = austria(&set("austria", "at", "a, b, c, e"));
    let own = ["create e at: pull_request", "remove d at: pull_request"];
    let sign_in = std::fs::read_to_string(place.path().join("target.yaml")).unwrap();
    let base = [("sets/austria.yaml", set("austria", "at", "a, b, c, e"))];
    let base: Vec<(&str, &str)> = base.iter().map(|(file, text)| (*file, text.as_str())).collect();
    // A reference that the pull request mends, and an address.
    for wrong in [
        sign_in.replace("TOKEN", "WRONG"),
        sign_in.replace("endpoint: http://127.0.0.1:", "endpoint: http://127.0.0.2:"),
    ] {
        assert_ne!(wrong, sign_in);
        let files: Vec<(&str, &str)> = base.iter().copied().chain([("target.yaml", wrong.as_str())]).collect();
        let run = against(&place, &files, &["--format", "json"]);
        assert_eq!(run.code, 0, "{}", run.text());
        assert_eq!(causes(&run.json()), own);
        assert!(authority(&run.json())[0].starts_with("widens target parts "), "{:?}", authority(&run.json()));
    }
}

#[test]
fn a_base_that_cannot_be_used_is_said_in_every_report() {
    let place = austria(&set("austria", "at", "a, b, c, d"));
    let outputs = place.path().join("outputs");
    let formats = ["markdown", "html", "json", "sarif", "junit"];
    for (base, file, why) in [
        ("--base-dir=base", "kind: Nonsense\n", "kind"),
        ("--base=nowhere", "", "is in no git repository"),
        ("--base-dir=missing", "", "cannot be read"),
    ] {
        place.write("base/assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
        place.write("base/x.yaml", file);
        place.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\nspec: { ignore: [base] }\n");
        let mut command = place.command(&["plan", base, "--ci", "github"]);
        for format in formats {
            command.args(["--report", &format!("{format}=out/{format}")]);
        }
        std::fs::write(&outputs, "").unwrap();
        let run = support::run(command.env("GITHUB_OUTPUT", &outputs));
        assert_eq!(run.code, 1, "{}", run.text());
        assert!(run.stdout.contains("was not used: ") && run.stdout.contains(why), "{}", run.text());
        assert!(run.stdout.contains("::error title=The base was not used::"), "{}", run.text());
        assert!(!run.stdout.contains("No changes."), "{}", run.text());
        assert!(std::fs::read_to_string(&outputs).unwrap().contains("base=not_used\n"));
        for format in formats {
            let text = std::fs::read_to_string(place.path().join("out").join(format)).unwrap();
            assert!(text.contains("not used") || text.contains("not_used"), "{format}: {text}");
            assert!(!text.contains("**No changes.**"), "{format}: {text}");
        }
    }
}

#[test]
fn live_state_that_only_the_base_reads_does_not_stop_the_plan() {
    const PRICING: &str = "streamline: { clients: [{ client_id: c, models: [{ model_id: m, versions: ['1'] }], domains: [{ domain_id: d1, services: [{ service_id: s }] }] }] }";
    let server = support::sandbox::seeded(PRICING);
    let document = |name: &str, domain: &str| {
        format!(
            "apiVersion: assignctl/v1\nkind: StreamlineAssignments\nmetadata: {{ name: {name} }}\nspec:\n  target: pie\n  mode: authoritative\n  domain_id: {domain}\n  service_id: s\n  assignments: [{{ assignment_key: k, model_id: m, model_version: '1' }}]\n"
        )
    };
    let target = format!(
        "apiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: pie }}\nspec: {{ provider: streamline, client_id: c, endpoint: '{}', auth: {{ bearer: {{ env: TOKEN }} }}, limits: {{ timeout: 20s, retry_budget: 0s }} }}\n",
        server.url()
    );
    let dir = tempfile::tempdir().unwrap();
    for side in ["base", "head"] {
        support::write(dir.path(), &format!("{side}/assignctl.yaml"), "apiVersion: assignctl/v1\nkind: Root\n");
        support::write(dir.path(), &format!("{side}/target.yaml"), &target);
        support::write(dir.path(), &format!("{side}/a.yaml"), &document("a", "d1"));
    }
    support::write(dir.path(), "base/b.yaml", &document("b", "d2"));
    server.add_fault("GET /v2/clients/*/domains/d2/**=403:*".parse().unwrap());
    let mut command = support::program(dir.path());
    let run =
        support::run(command.args(["plan", "head", "--base-dir", "base", "--format", "json"]).env("TOKEN", "sandbox"));
    assert_eq!(run.code, 0, "{}", run.text());
    let plan = run.json();
    let gap = &plan["base"]["gaps"][0];
    assert_eq!((&gap["target"], &gap["kind"]), (&json!("pie"), &json!("unread")), "{:#}", plan["base"]);
    let left = &plan["base"]["leaving"][0]["rows"][0];
    assert_eq!((&left["why"], &left["seen"]), (&json!("set_deleted"), &json!(false)), "{:#}", plan["base"]);
    assert_eq!(plan["verdict"], "changes");
}

#[test]
fn a_set_that_the_command_selects_no_longer_leaves_this_run() {
    let base = set("austria", "at", "a, b, c, d");
    let place = austria(&base.replace("org: at", "org: other"));
    place.write("sets/germany.yaml", &set("germany", "de", "a, b, c, d").replace("org: de", "org: at"));
    let germany = set("germany", "de", "a, b, c, d").replace("org: de", "org: at");
    let files = [("sets/austria.yaml", base.as_str()), ("sets/germany.yaml", germany.as_str())];
    let run = against(&place, &files, &["-l", "org=at", "--format", "json"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let plan = run.json();
    assert_eq!(authority(&plan), ["neutral set austria labels: org=at => org=other"]);
    assert_eq!(
        leaving(&plan),
        ["a at: not_selected", "b at: not_selected", "c at: not_selected", "d at: not_selected"]
    );
    assert_eq!(plan["verdict"], "authority_changes");
    let all = against(&place, &files, &["--format", "json"]).json();
    assert_eq!(leaving(&all), Vec::<String>::new(), "without a selector every set is managed");
    // Two shards together say the same, and a set that has always been elsewhere does not leave.
    let run = against(&place, &files, &["-l", "org=other", "--format", "json"]);
    assert_eq!(leaving(&run.json()), Vec::<String>::new(), "{}", run.text());
}

#[test]
fn a_file_that_a_glob_newly_hides_is_named_with_what_it_managed() {
    let place = Place::new();
    place.write("sets/austria.yaml", &set("austria", "at", "a, b, c, d"));
    place.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\nspec: { ignore: [ger*] }\n");
    let (austria, germany) = (set("austria", "at", "a, b, c, d"), set("germany", "de", "a, b, c, d"));
    let files = [("sets/austria.yaml", austria.as_str()), ("sets/germany.yaml", germany.as_str())];
    let run = against(&place, &files, &["--format", "json"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let plan = run.json();
    let told = authority(&plan);
    assert!(told.contains(&"narrows root assignctl.yaml ignore: - => ger*".to_owned()), "{told:?}");
    assert!(told.contains(&"narrows file sets/germany.yaml hidden: - => -".to_owned()), "{told:?}");
    assert!(told.iter().any(|line| line.starts_with("narrows set germany deleted: ")), "{told:?}");
    assert_eq!(leaving(&plan).len(), 4);
    let text = against(&place, &files, &[]);
    assert!(text.stdout.starts_with("Authority (compared with BASE): "), "{}", text.text());
    assert!(!text.stdout.contains("No changes."), "{}", text.text());
    insta::assert_snapshot!("authority", place.steady(&text));
    let coded = against(&place, &files, &["--detailed-exitcode"]);
    assert_eq!(coded.code, 0, "authority is no change to apply: {}", coded.text());
}

#[test]
fn files_that_only_move_change_no_authority() {
    let place = Place::new();
    let (austria, germany) = (set("austria", "at", "a, b, c, e"), set("germany", "de", "a, b, c, d"));
    let both = format!("# one file\n{germany}---\n{austria}");
    let run = against(&place, &[("everything.yaml", both.as_str())], &["--format", "json"]);
    let plan = run.json();
    assert_eq!((authority(&plan), leaving(&plan)), (Vec::new(), Vec::new()), "{}", run.text());
    assert_eq!(causes(&plan), ["create e at: drift", "remove d at: drift"]);
}

#[test]
fn a_changed_reference_of_a_secret_is_reported_though_nothing_else_changes() {
    const LIVE: &str = "semaphor: { projects: [{ projectId: p, definitions: [{ id: d, name: D, connection: { id: c1, name: W, type: postgres }, secret_params: [key] }], tenants: [{ id: t, name: T }], assignments: [{ id: a1, definitionId: d, scopeType: TENANT, tenantId: t, params: { region: eu, key: live-canary } }] }] }";
    let server = support::sandbox::seeded(LIVE);
    let dir = tempfile::tempdir().unwrap();
    for (side, variable) in [("base", "WAREHOUSE_KEY"), ("head", "DEPLOY_KEY")] {
        support::write(dir.path(), &format!("{side}/assignctl.yaml"), "apiVersion: assignctl/v1\nkind: Root\n");
        support::write(
            dir.path(),
            &format!("{side}/all.yaml"),
            &format!(
                "apiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: bi }}\nspec: {{ provider: semaphor, project_id: p, endpoint: '{}', auth: {{ bearer: {{ env: TOKEN }} }} }}\n---\napiVersion: assignctl/v1\nkind: SemaphorAssignments\nmetadata: {{ name: s }}\nspec:\n  target: bi\n  mode: additive\n  assignments:\n    - {{ definitionId: d, scopeType: TENANT, tenantId: t, params: {{ region: eu }}, secret_params: {{ key: {{ env: {variable} }} }} }}\n",
                server.url()
            ),
        );
    }
    let run = |args: &[&str]| {
        let mut command = support::program(dir.path());
        let command = command.args(["plan", "head", "--base-dir", "base"]).args(args).env("TOKEN", "sandbox");
        support::run(command.env("DEPLOY_KEY", "canary-1").env("WAREHOUSE_KEY", "canary-2"))
    };
    let text = run(&["--report", "markdown=out.md", "--report", "html=out.html", "--report", "json=out.json"]);
    assert_eq!(text.code, 0, "{}", text.text());
    let said = "widens   set s on bi: secret_params.key of definitionId d, scopeType TENANT, tenantId t: ";
    assert!(text.stdout.contains(said), "{}", text.text());
    assert!(!text.stdout.contains("No changes."), "{}", text.text());
    for file in ["out.md", "out.html", "out.json"] {
        let text = std::fs::read_to_string(dir.path().join(file)).unwrap();
        assert!(text.contains("DEPLOY_KEY") && text.contains("WAREHOUSE_KEY"), "{file}");
        assert!(!text.contains("canary"), "{file}");
    }
}

#[test]
fn shards_together_say_what_the_whole_run_says_of_authority() {
    let place = Place::new();
    place.write("sets/austria.yaml", &set("austria", "at", "a, b"));
    let (austria, germany) = (set("austria", "at", "a, b, c, d"), set("germany", "de", "a, b, c, d"));
    let gone = set("gone", "ch", "a");
    std::fs::remove_file(place.path().join("sets/germany.yaml")).unwrap();
    place.write("sets/other.yaml", &set("switzerland", "li", "a").replace("authoritative", "additive"));
    let files = [("a.yaml", austria.as_str()), ("b.yaml", germany.as_str()), ("c.yaml", gone.as_str())];
    let whole = against(&place, &files, &["--format", "json"]).json();
    let mut parts = Vec::new();
    for part in ["1/2", "2/2"] {
        let run = against(&place, &files, &["--format", "json", "--shard", part]);
        assert_eq!(run.code, 0, "{}", run.text());
        assert_eq!(authority(&run.json()), authority(&whole), "shard {part}");
        parts.extend(leaving(&run.json()));
    }
    parts.sort();
    parts.dedup();
    let mut all = leaving(&whole);
    all.sort();
    assert_eq!(parts, all);
    assert_eq!(all, ["a de: set_deleted", "b de: set_deleted", "c de: set_deleted", "d de: set_deleted"]);
}

#[test]
fn what_a_deleted_self_or_protection_of_holders_kept_is_this_pull_requests_change() {
    const LIVE: &str = "canopy: { environments: [{ account: a, application: b, environment: c, identities: [{ id: i, name: I, email: i@x.example }, { id: j, name: J, email: j@x.example }, { id: k, name: K, email: k@x.example }], nodes: [{ id: n, name: N }, { id: m, name: M }], roles: [{ id: r, name: R }, { id: q, name: Q }], assignments: [{ id: '0', identity_id: k, node_id: n, role_id: q }, { id: '1', identity_id: i, node_id: n, role_id: r }, { id: '2', identity_id: j, node_id: m, role_id: r }] }] }";
    let server = support::sandbox::seeded(LIVE);
    let dir = tempfile::tempdir().unwrap();
    let plan = |own: &str, rules: [&str; 2]| {
        for (side, own, rules) in [("base", own, rules[0]), ("head", "", rules[1])] {
            support::write(dir.path(), &format!("{side}/assignctl.yaml"), "apiVersion: assignctl/v1\nkind: Root\n");
            support::write(
                dir.path(),
                &format!("{side}/all.yaml"),
                &format!(
                    "apiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: crm }}\nspec: {{ provider: canopy, account: a, application: b, environment: c, endpoint: '{}', auth: {{ bearer: {{ env: TOKEN }} }}{own} }}\n---\napiVersion: assignctl/v1\nkind: CanopyAssignments\nmetadata: {{ name: s }}\nspec:\n  target: crm\n  mode: authoritative\n  scope: {{ node_ids: [n] }}\n  {rules}assignments: [{{ identity_id: k, node_id: n, role_id: q }}]\n",
                    server.url()
                ),
            );
        }
        let mut command = support::program(dir.path());
        let command = command.args(["plan", "head", "--base-dir", "base", "--format", "json"]).env("TOKEN", "sandbox");
        let run = support::run(command.args(dir.path().join("policy.yaml").exists().then_some("--policy=policy.yaml")));
        assert_eq!(run.code, 0, "{}", run.text());
        let plan = run.json();
        assert_eq!(plan["base"]["authority"].as_array().unwrap().is_empty(), own.is_empty() && rules[0] == rules[1]);
        plan["targets"][0]["sets"][0]["changes"][0]["cause"].clone()
    };
    assert_eq!(plan("", ["", ""]), "drift");
    assert_eq!(plan(", self: i", ["", ""]), "pull_request");
    let holders = |count: u64| format!("protect: [{{ role_id: r, min_holders: {count} }}]\n  ");
    assert_eq!(plan("", [&holders(2), ""]), "pull_request");
    assert_eq!(plan("", [&holders(2), &holders(1)]), "pull_request");
    assert_eq!(plan("", [&holders(1), ""]), "drift", "the other holder is outside of every scope, and counts");
    // The caller's policy is the same for both.
    let path = "/portal/v1/accounts/{account}/applications/{application}/environments/{environment}/assignments";
    let policy = format!(
        "apiVersion: assignctl/v1\nkind: Policy\nspec: {{ targets: [{{ name: crm, provider: canopy, endpoint: '{}', secrets: [{{ env: TOKEN }}], paths: {{ portal: '{path}' }} }}] }}\n",
        server.url()
    );
    support::write(dir.path(), "policy.yaml", &policy);
    assert_eq!(plan("", ["", ""]), "drift");
}
