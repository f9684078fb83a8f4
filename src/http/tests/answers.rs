//! What is sent, and how answers are read.

use super::server::{Reply, Server, json, plain};
use super::{Setup, read, write};
use crate::http::{Answer, HttpError, Path, Request, SignIn};

async fn answer_to(request: Request, reply: impl Fn() -> Reply + Send + Sync + 'static) -> Result<Answer, HttpError> {
    let server = Server::start(move |_, _| reply()).await;
    Setup::to(&server.url).client().send(request).await
}

fn bad(error: &HttpError) -> String {
    assert!(matches!(error, HttpError::BadAnswer { .. }), "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn a_request_arrives_as_it_was_built() {
    let server = Server::start(|_, _| json(201, r#"{"id": "x"}"#)).await;
    let client = Setup::to(&server.url.join("/prefix/").unwrap()).client();
    let path = Path::new("/portal/v1/accounts").seg("a/b").lit("assignments");
    let request =
        Request::patch(path).query("q", "a b&c=ü").query("take", 100).json(&serde_json::json!({"role_id": "r"}));
    let answer = client.send(request).await.unwrap();

    let seen = &server.seen()[0];
    assert_eq!(seen.method, "PATCH");
    assert_eq!(seen.target, "/prefix/portal/v1/accounts/a%2Fb/assignments?q=a+b%26c%3D%C3%BC&take=100");
    assert_eq!(seen.body, r#"{"role_id":"r"}"#);
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!(seen.header("user-agent"), Some(concat!("assignctl/", env!("CARGO_PKG_VERSION"))));
    assert!(seen.header("accept-encoding").is_some_and(|value| value.contains("gzip")));
    assert_eq!((answer.status, answer.is_success()), (201, true));
    assert_eq!(answer.json::<serde_json::Value>().unwrap()["id"], "x");
    assert_eq!(client.requests(), 1);
}

#[tokio::test]
async fn a_delete_carries_its_body() {
    let server = Server::start(|_, _| json(200, "{}")).await;
    let request = Request::delete(Path::new("/pairs")).json(&[1, 2]);
    Setup::to(&server.url).client().send(request).await.unwrap();
    assert_eq!((server.seen()[0].method.as_str(), server.seen()[0].body.as_str()), ("DELETE", "[1,2]"));
}

#[tokio::test]
async fn an_id_is_one_segment_whatever_it_holds() {
    let server = Server::start(|_, _| json(200, "{}")).await;
    let client = Setup::to(&server.url).client();
    let ids = ["a/../b", "%2e%2e", "x?y#z", "a\\b", "ü ", "..;", "\n\u{0}", "-._~", "..."];
    for id in ids {
        client.send(Request::get(Path::new("/x").seg(id).lit("end"))).await.unwrap();
    }
    for (seen, id) in server.seen().iter().zip(ids) {
        let segments: Vec<&str> = seen.target.split('/').collect();
        assert_eq!((segments[1], segments[3], segments.len()), ("x", "end", 4), "{}", seen.target);
        let decoded = percent_encoding::percent_decode_str(segments[2]).decode_utf8().unwrap();
        assert_eq!(decoded, id);
    }
}

#[tokio::test]
async fn ids_that_would_lead_elsewhere_are_never_sent() {
    let server = Server::start(|_, _| json(200, "{}")).await;
    let client = Setup::to(&server.url).client();
    for id in ["", ".", ".."] {
        let error = client.send(Request::delete(Path::new("/x").seg(id).lit("y"))).await.unwrap_err();
        assert!(matches!(error, HttpError::NotSent { .. }) && !error.may_have_happened(), "{error:?}");
        assert!(error.to_string().contains("correct the id"), "{error}");
    }
    assert_eq!((client.requests(), server.connections()), (0, 0));
}

#[tokio::test]
async fn a_body_that_is_no_json_value_is_never_sent() {
    let server = Server::start(|_, _| json(200, "{}")).await;
    let no_text_keys = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = Setup::to(&server.url).client().send(write().json(&no_text_keys)).await.unwrap_err();
    assert!(matches!(error, HttpError::NotSent { .. }), "{error:?}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn every_other_status_is_an_answer() {
    for status in [200, 201, 204, 207, 400, 403, 404, 405, 409, 413, 422] {
        let answer = answer_to(write(), move || json(status, r#"{"m": 1}"#).into()).await.unwrap();
        assert_eq!(answer.status, status);
        assert_eq!(answer.is_success(), status < 300);
    }
}

#[tokio::test]
async fn json_comes_under_any_of_its_names() {
    for kind in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"] {
        let answer = answer_to(read(), move || plain(200, kind, "[1]").into()).await.unwrap();
        assert_eq!(answer.json::<Vec<u8>>().unwrap(), [1], "{kind}");
    }
}

#[tokio::test]
async fn another_content_type_is_told_with_the_start_of_the_body() {
    for kind in ["text/html", "text/json", "image/svg+xml"] {
        let answer = answer_to(read(), move || plain(200, kind, "<html>\u{1b}[2JSign in</html>").into()).await.unwrap();
        let text = bad(&answer.json::<serde_json::Value>().unwrap_err());
        for part in ["GET /things at 127.0.0.1:", "200", kind, r"<html>\u{1b}[2JSign in"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    let untyped = || Reply::Raw(b"HTTP/1.1 200 X\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}".to_vec());
    let text = bad(&answer_to(read(), untyped).await.unwrap().json::<serde_json::Value>().unwrap_err());
    assert!(text.contains("no content type"), "{text}");
}

#[tokio::test]
async fn half_json_wrong_json_and_nothing_are_told_apart() {
    for (body, words) in
        [("[1, 2", "ends in the middle"), ("[1 2]", "not JSON"), ("{}", "unexpected shape"), ("", "empty body")]
    {
        let answer = answer_to(write(), move || json(200, body).into()).await.unwrap();
        let error = answer.json::<Vec<u8>>().unwrap_err();
        assert!(bad(&error).contains(words), "{error}");
        assert!(error.may_have_happened() && !error.temporary(), "a write was answered, if badly");
    }
    let error = answer_to(read(), || json(200, "{").into()).await.unwrap().json::<Vec<u8>>().unwrap_err();
    assert!(!error.may_have_happened(), "a read changes nothing");
}

#[tokio::test]
async fn redirects_are_not_followed_and_name_the_host_only() {
    let other = Server::start(|_, _| json(200, "{}")).await;
    for status in [301, 302, 303, 307, 308] {
        let to = other.url.join("/stolen?code=sesame").unwrap();
        let error = answer_to(write(), move || json(status, "").with("location", &to).into()).await.unwrap_err();
        let text = bad(&error);
        assert!(
            text.contains(&status.to_string()) && text.contains(&format!("127.0.0.1:{}", other.url.port().unwrap())),
            "{text}"
        );
        assert!(!text.contains("stolen") && !text.contains("sesame"), "{text}");
        assert!(!error.may_have_happened() && !error.temporary(), "a redirect means that nothing was carried out");
    }
    assert_eq!(other.connections(), 0);
}

/// A mebibyte of spaces and then `{}`, in a kilobyte (`gzip.compress(b" " * (1 << 20) + b"{}", 9, mtime=0)` of Python).
const SPACES: &[u8] = include_bytes!("../testdata/spaces.json.gz");

#[tokio::test]
async fn gzip_is_unpacked() {
    let answer =
        answer_to(read(), || plain(200, "application/json", SPACES).with("content-encoding", "gzip").into()).await;
    let answer = answer.unwrap();
    assert_eq!(answer.body.len(), (1 << 20) + 2);
    assert_eq!(answer.json::<serde_json::Value>().unwrap(), serde_json::json!({}));
}

#[tokio::test]
async fn the_cap_counts_unpacked_bytes() {
    let server = Server::start(|_, _| plain(200, "application/json", SPACES).with("content-encoding", "gzip")).await;
    let mut setup = Setup::to(&server.url);
    setup.tuning.max_body = 1 << 20;
    let error = setup.client().send(read()).await.unwrap_err();
    assert!(bad(&error).contains("more than 1 MiB"), "{error}");
    assert_eq!(server.seen().len(), 1, "asking again would bring the same");
}

#[tokio::test]
async fn the_cap_holds_without_gzip_and_lets_pass_what_fits() {
    let server = Server::start(|number, _| json(200, if number == 0 { "[1,2,3]" } else { "[1,2,34]" })).await;
    let mut setup = Setup::to(&server.url);
    setup.tuning.max_body = 7;
    let client = setup.client();
    assert_eq!(client.send(read()).await.unwrap().body.len(), 7);
    bad(&client.send(read()).await.unwrap_err());
}

#[tokio::test]
async fn no_sign_in_sends_no_header() {
    let server = Server::start(|_, _| json(200, "{}")).await;
    Setup::to(&server.url).auth(SignIn::None).client().send(read()).await.unwrap();
    assert_eq!((server.seen()[0].header("authorization"), server.seen()[0].header("x-api-key")), (None, None));
}

#[tokio::test]
async fn a_link_says_whether_a_page_follows_and_leads_nowhere() {
    for (link, more) in [
        ("<https://elsewhere.invalid/?page=2>; rel=\"next\", <https://elsewhere.invalid/?page=9>; rel=\"last\"", true),
        ("<https://elsewhere.invalid/?page=2>; rel=next", true),
        ("<https://elsewhere.invalid/?page=2>; REL=Next", true),
        ("<https://elsewhere.invalid/?page=2>; rel=\"next last\"", true),
        ("<https://elsewhere.invalid/?page=2>; title=\"more\"; rel = \"last next\"", true),
        ("<https://elsewhere.invalid/?page=1>; rel=\"prev\"", false),
        ("<https://elsewhere.invalid/?rel=next>; rel=\"prev\"", false),
        ("<https://elsewhere.invalid/>; title=\"next\"", false),
        ("rel=nextish", false),
        ("", false),
    ] {
        let answer = answer_to(read(), move || json(200, "[]").with("link", link).into()).await.unwrap();
        assert_eq!(answer.has_next_page(), more, "{link}");
    }
}
