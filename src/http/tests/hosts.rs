//! Who gets credentials.

use url::Url;

use super::Setup;
use super::server::{Server, json};
use crate::http::hosts::{HostPolicy, Refusal};
use crate::http::{HttpError, SignIn};

fn check(policy: &HostPolicy, url: &str) -> Result<(), Refusal> {
    policy.check(&Url::parse(url).unwrap())
}

#[test]
fn the_vendor_loopback_and_what_the_caller_allows() {
    let policy = HostPolicy::new(
        "api.vendor.example",
        ["Proxy.Corp.example", "lab.example:8443", "[2001:db8::1]", " bücher.example "],
    );
    for url in [
        "https://api.vendor.example/x",
        "https://API.vendor.example.:8443",
        "https://proxy.corp.example:9000",
        "https://lab.example:8443",
        "https://[2001:db8::1]:1",
        "https://xn--bcher-kva.example",
        "http://127.0.0.1:8080",
        "http://127.8.9.1",
        "http://localhost:1",
        "https://[::1]",
    ] {
        assert_eq!(check(&policy, url), Ok(()), "{url}");
    }
    for url in [
        "https://evil.example",
        "https://api.vendor.example.evil.example",
        "https://evilapi.vendor.example",
        "https://vendor.example",
        "https://lab.example",
        "https://lab.example:443",
        "https://10.0.0.1",
        "https://localhost.evil.example",
    ] {
        assert!(matches!(check(&policy, url), Err(Refusal::Host(_))), "{url}");
    }
}

#[test]
fn plain_http_is_for_loopback_even_where_the_host_is_allowed() {
    let policy = HostPolicy::new("api.vendor.example", ["lab.example", "10.0.0.1"]);
    for url in [
        "http://api.vendor.example",
        "http://lab.example",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://127.0.0.1.evil.example",
    ] {
        assert!(matches!(check(&policy, url), Err(Refusal::Plain(_))), "{url}");
    }
    assert!(matches!(check(&policy, "ftp://lab.example"), Err(Refusal::Scheme(_))));
    assert_eq!(check(&policy, "https://user:pass@lab.example"), Err(Refusal::UserInfo));
    assert_eq!(check(&policy, "https://api.vendor.example@evil.example"), Err(Refusal::UserInfo));
    assert_eq!(check(&policy, "mailto:a@b.example"), Err(Refusal::NoHost));
}

#[test]
fn a_token_endpoint_is_not_trusted_for_being_the_vendors() {
    let policy = HostPolicy::new("api.vendor.example", ["login.example"]);
    let token_url = |url: &str| policy.check_token_url(&Url::parse(url).unwrap());
    assert_eq!(token_url("https://login.example/oauth2/token"), Ok(()));
    assert_eq!(token_url("http://127.0.0.1:1/oauth2/token"), Ok(()));
    assert!(matches!(token_url("https://api.vendor.example/oauth2/token"), Err(Refusal::Host(_))));
}

#[test]
fn an_entry_with_443_means_that_port_and_nonsense_allows_nothing() {
    let policy = HostPolicy::new(
        "api.vendor.example",
        ["a.example:443", "https://b.example", "c.example/path", "*", "", "u@d.example"],
    );
    assert_eq!(check(&policy, "https://a.example"), Ok(()));
    for url in ["https://a.example:8443", "https://b.example", "https://c.example", "https://d.example"] {
        assert!(check(&policy, url).is_err(), "{url}");
    }
}

#[tokio::test]
async fn nothing_is_sent_to_a_refused_host() {
    // 0.0.0.0 reaches this server and yet is not loopback, so a client that only looked at the connection would get through.
    let server = Server::listen("0.0.0.0", |_, _| json(200, "{}")).await;
    for (url, words) in [
        (server.url.as_str(), "use https"),
        ("https://evil.example", "--allow-host evil.example"),
        ("https://u:p@api.vendor.example", "user name"),
        ("https://api.vendor.example?x=1", "query"),
    ] {
        for auth in [SignIn::None, SignIn::Fixed("t".into())] {
            let error = Setup::to(&url.parse().unwrap()).auth(auth).build().unwrap_err();
            assert!(matches!(error, HttpError::NotSent { .. }), "{error:?}");
            assert!(error.to_string().contains(words), "{words}: {error}");
        }
    }
    assert_eq!(server.connections(), 0);
}
