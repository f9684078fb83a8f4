//! No secret in any text that a person, a log or a report may get to see.

use secrecy::SecretString;

use super::server::{Reply, Seen, Server, json, plain};
use super::{CANARY, Setup, env, read, write};
use crate::http::redact::Redactor;
use crate::http::{Client, Config, HostPolicy, Path, Request, SignIn, TokenBody, TokenRequest, TokenUrl};

fn hiding(secrets: &[&str]) -> Redactor {
    let redactor = Redactor::default();
    for secret in secrets {
        redactor.hide(&SecretString::from(*secret));
    }
    redactor
}

fn assert_clean(text: &str) {
    assert!(!text.contains("tweet") && !text.contains("5f1e"), "{text}");
}

#[test]
fn a_secret_is_found_in_each_form_in_which_it_may_be_echoed() {
    let redactor = hiding(&["p\"ass/w ord\n+"]);
    for echo in ["p\"ass/w ord\n+", "p\\\"ass/w ord\\n+", "p%22ass%2Fw%20ord%0A%2B", "p%22ass%2Fw+ord%0A%2B"] {
        assert_eq!(redactor.clean(&format!("<{echo}>")), "<[redacted]>", "{echo}");
    }
}

#[test]
fn the_longer_of_two_secrets_goes_first() {
    let redactor = hiding(&["abc", "abcdef", ""]);
    assert_eq!(redactor.clean("x abcdef abc x"), "x [redacted] [redacted] x");
}

#[test]
fn an_excerpt_is_short_and_shows_control_characters() {
    let redactor = hiding(&[]);
    assert_eq!(redactor.excerpt(b" a\tb\x1b[31m\r\n\"c\\d\" \xff\n"), "a\\tb\\u{1b}[31m\\r\\n\"c\\d\" \u{fffd}");
    assert_eq!(redactor.excerpt("\u{202e}gpj.exe".as_bytes()), "\\u{202e}gpj.exe");
    let cut = redactor.excerpt(&vec![b'x'; 300]);
    assert_eq!(cut, format!("{}…", "x".repeat(200)));
    assert!(redactor.excerpt(&vec![0x07; 300]).chars().count() <= 201, "escapes count");
}

#[test]
fn a_secret_that_the_cut_goes_through_does_not_show_in_part() {
    let long = "s3cret-".repeat(200);
    let redactor = hiding(&[&long]);
    for padding in [0, 150, 195, 64 * 1024 - 50] {
        let body = format!("{}{long}{}", " ".repeat(padding), "y".repeat(100_000));
        assert!(!redactor.excerpt(body.as_bytes()).contains("s3cret"), "{padding}");
    }
}

#[tokio::test]
async fn an_echoed_token_is_redacted_in_excerpts_and_errors() {
    let echo = |_: usize, seen: &Seen| -> Reply {
        let header = seen.header("authorization").unwrap_or_default();
        match seen.target.as_str() {
            "/html" => plain(200, "text/html", header).into(),
            "/denied" => json(401, &serde_json::json!({ "got": header }).to_string()).into(),
            "/busy" => json(503, &serde_json::json!({ "got": header }).to_string()).with("retry-after", 500).into(),
            _ => json(400, &serde_json::json!({ "got": header, "body": seen.body }).to_string()).into(),
        }
    };
    let server = Server::start(echo).await;
    let client = Setup::to(&server.url).client();
    client.hide(&SecretString::from("param-tweet-value"));
    let answer = client.send(write().json(&serde_json::json!({"params": {"k": "param-tweet-value"}}))).await.unwrap();
    assert_clean(&answer.excerpt());
    assert_eq!(answer.excerpt().matches("[redacted]").count(), 2, "{}", answer.excerpt());
    assert_clean(&format!("{answer:?}"));
    let get = |path| client.send(Request::get(Path::new(path)));
    let html = get("/html").await.unwrap().json::<String>().unwrap_err();
    let wrong = answer.json::<Vec<String>>().unwrap_err();
    for error in [html, wrong, get("/denied").await.unwrap_err(), get("/busy").await.unwrap_err()] {
        assert_clean(&format!("{error} {error:?}"));
    }
}

#[test]
fn debug_shows_no_secret() {
    let limits = Setup::to(&"http://127.0.0.1:1".parse().unwrap()).limits;
    let config = Config {
        base_url: "http://127.0.0.1:1".parse().unwrap(),
        auth: SignIn::Fixed(CANARY.into()),
        limits: &limits,
        secrets: std::sync::Arc::new(super::Secrets),
        allowed: HostPolicy::new("api.vendor.example", ["x.example"]),
        extra_roots: Vec::new(),
        stop: Default::default(),
        surroundings: Default::default(),
    };
    assert_clean(&format!("{config:?}"));
    let client = Client::new(config).unwrap();
    assert_clean(&format!("{client:?}"));
    let request = write().json(&serde_json::json!({ "secret_params": CANARY }));
    assert_clean(&format!("{request:?}"));
    let token = TokenRequest {
        url: TokenUrl::Path(Path::new("/token")),
        basic: Some((CANARY.into(), CANARY.into())),
        body: TokenBody::Json(vec![("secret", CANARY.into())]),
    };
    assert_clean(&format!("{token:?}"));
    assert_clean(&format!("{:?}", SignIn::Bearer(env("TOKEN"))));
}

#[tokio::test]
async fn a_query_is_not_in_errors() {
    let server = Server::start(|_, _| Reply::Drop).await;
    let error = Setup::to(&server.url).client().send(read().query("q", "tweet")).await.unwrap_err();
    assert_clean(&format!("{error} {error:?}"));
}
