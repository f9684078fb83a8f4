//! Values have one reading: what passes the check is what is used, in every table; and one account is one however it is spelled.

use super::{codes, load_text};

fn target(name: &str, rest: &str) -> String {
    format!(
        "apiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: {name} }}\nspec: {{ auth: {{ bearer: {{ env: T }} }}, {rest} }}\n---\n"
    )
}

#[test]
fn a_number_that_is_no_plain_number_is_refused_in_every_table() {
    let odd = ["0x1", "0o1", "0b1", "01", "1_0", "+1", "-1", "1e1", "1.", "'1'", "1.0", "0X1", ".inf", "~", "one"];
    let parts = target("parts", "provider: partium");
    for number in odd {
        let set = |field: &str| {
            format!(
                "{parts}apiVersion: assignctl/v1\nkind: CanopyAssignments\nmetadata: {{ name: s }}\nspec: {{ target: crm, mode: additive, {field}, assignments: [] }}\n---\n{}",
                target("crm", "provider: canopy, account: a, application: b, environment: c")
            )
        };
        for text in [
            target("t", &format!("provider: partium, limits: {{ concurrency: {number} }}")),
            target("t", &format!("provider: partium, limits: {{ batch_size: {number} }}")),
            target("t", &format!("provider: partium, limits: {{ page_size: {number} }}")),
            target("t", &format!("provider: partium, max_filter_ids: {number}")),
            target(
                "t",
                &format!("provider: semaphor, project_id: p, duplicate_status: {}", number.replace('1', "400")),
            ),
            set(&format!("expect: {{ removes: {number}, until: 2026-12-24 }}")),
            set(&format!("expect: {{ updates: {number}, until: 2026-12-24 }}")),
            set(&format!("protect: [{{ role_id: r, min_holders: {number} }}]")),
        ] {
            assert!(load_text(&text).0.diagnostics.errors() > 0, "{text}");
        }
    }
    for rate in
        ["1e-12", "1e-10", "0.01", "0", "0.0", "-1", "1e3", ".5", "5.", "0x5", "1_0", "+5", "05", "10001", ".nan"]
    {
        let text = target("t", &format!("provider: partium, limits: {{ requests_per_second: {rate} }}"));
        assert!(load_text(&text).0.diagnostics.errors() > 0, "{rate}");
    }
    for duration in ["0x5s", "05s", "+5s", "1_0s", "1e1s", "5", "10ms", "90m"] {
        let text = target("t", &format!("provider: partium, limits: {{ timeout: {duration} }}"));
        assert!(load_text(&text).0.diagnostics.errors() > 0, "{duration}");
    }
    let good = "provider: partium, limits: { concurrency: 4, batch_size: 50, page_size: 200, requests_per_second: 2.50, timeout: 1m30s }";
    let (loaded, _) = load_text(&target("t", good));
    let limits = &loaded.targets[0].limits;
    assert_eq!((limits.concurrency, limits.batch_size, limits.page_size), (4, 50, 200));
    assert_eq!((limits.requests_per_second, limits.timeout.as_secs()), (Some(2.5), 90));
}

#[test]
fn one_account_is_one_however_its_address_and_its_fields_are_spelled() {
    let account = "provider: canopy, account: acme, application: crm, environment: prod";
    let same = |a: &str, b: &str| {
        let codes = codes(&load_text(&(target("a", a) + &target("b", b))).0);
        assert!(codes.is_empty() || codes == ["same-account"], "{codes:?}");
        !codes.is_empty()
    };
    for (a, b) in [
        ("https://api.canopy.dev", "https://api.canopy.dev."),
        ("https://API.Canopy.dev", "https://api.canopy.dev:443/"),
        ("http://127.0.0.1:8080", "http://localhost:8080/"),
        ("http://[::1]:8080", "http://127.1:8080"),
        ("http://0x7f000001:8080/base", "http://localhost.:8080//base/"),
        ("https://gw.example.com/a%7Eb", "https://GW.example.com/a~b/"),
        ("https://gw.example.com/Base", "https://gw.example.com/base"),
    ] {
        let with = |endpoint: &str| format!("{account}, endpoint: '{endpoint}'");
        assert!(same(&with(a), &with(b)), "{a} {b}");
    }
    assert!(same(account, &format!("{account}, endpoint: 'https://api.canopy.dev./'")));
    assert!(same(account, "provider: canopy, account: ACME, application: crm, environment: Prod"));
    assert!(same(account, "provider: canopy, account: ａcme, application: crm, environment: prod"));
    // The key alone decides which environment the api surface is; the fields only name it.
    let api =
        |name: &str| format!("provider: canopy, surface: api, account: {name}, application: crm, environment: prod");
    assert!(same(&api("one"), &api("two")));
    assert!(!same(account, "provider: canopy, account: acme, application: crm, environment: test"));
    assert!(!same(account, &format!("{account}, endpoint: 'https://api.canopy.dev:8443'")));
}

#[test]
fn an_id_with_a_character_that_nobody_sees_is_refused_wherever_ids_stand() {
    let crm = target("crm", "provider: canopy, account: a, application: b, environment: c");
    for id in [
        "' anna'",
        "'anna '",
        "\"an\\u200bna\"",
        "\"anna\\ufeff\"",
        "\"an\\u00a0na\"",
        "\"\\u202eanna\"",
        "\"anna\\u2060\"",
        "\"anna\\t\"",
    ] {
        for spec in [
            format!("mode: additive, assignments: [{{ identity_id: {id}, node_id: n, role_id: r }}]"),
            format!("mode: additive, assignments: [{{ identity_ids: [x, {id}], node_id: n, role_id: r }}]"),
            format!("mode: authoritative, scope: {{ node_ids: [{id}] }}, assignments: []"),
            format!("mode: additive, protect: [{{ identity_id: {id} }}], assignments: []"),
            format!("mode: additive, ignore: [{{ match: {{ identity_id: {id} }}, reason: x }}], assignments: []"),
        ] {
            let set = format!(
                "apiVersion: assignctl/v1\nkind: CanopyAssignments\nmetadata: {{ name: s }}\nspec: {{ target: crm, {spec} }}\n"
            );
            let (loaded, _) = load_text(&format!("{crm}{set}"));
            let codes = codes(&loaded);
            let is_told = codes == ["invalid-id"] || codes == ["invisible-character"];
            assert!(is_told, "{spec}: {codes:?}");
        }
        let own = target("t", &format!("provider: canopy, account: a, application: b, environment: c, self: {id}"));
        assert_eq!(codes(&load_text(&own).0), ["invalid-id"], "{own}");
        let account = target("t", &format!("provider: streamline, client_id: {id}"));
        assert_eq!(codes(&load_text(&account).0), ["invalid-id"], "{account}");
    }
}
