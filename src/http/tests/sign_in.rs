//! Constant credentials, and tokens that are fetched, shared and renewed.

use std::sync::Mutex;
use std::time::Duration;

use url::Url;

use super::server::{Full, Reply, Seen, Server, json};
use super::{CANARY, Setup, env, read, write};
use crate::http::{HttpError, NoToken, Path, SignIn, Token, TokenBody, TokenExchange, TokenRequest, TokenUrl};
use crate::model::{ResolveError, SecretResolver, Signal, Stop};

/// Client credentials, or a project secret, as a provider would write them.
struct Exchange {
    url: TokenUrl,
    form: bool,
    secret: &'static str,
}

impl Exchange {
    fn form(url: &Url) -> SignIn {
        SignIn::Exchange(Box::new(Self { url: TokenUrl::Absolute(url.clone()), form: true, secret: "SECRET" }))
    }

    fn json() -> SignIn {
        let url = TokenUrl::Path(Path::new("/token"));
        SignIn::Exchange(Box::new(Self { url, form: false, secret: "SECRET" }))
    }
}

impl TokenExchange for Exchange {
    fn request(&self, secrets: &dyn SecretResolver) -> Result<TokenRequest, ResolveError> {
        let (id, secret) = (secrets.resolve(&env("ID"))?, secrets.resolve(&env(self.secret))?);
        let url = self.url.clone();
        Ok(if self.form {
            let body = TokenBody::Form(vec![("grant_type", "client_credentials".into()), ("scope", "a/b c".into())]);
            TokenRequest { url, basic: Some((id, secret)), body }
        } else {
            TokenRequest { url, basic: None, body: TokenBody::Json(vec![("projectId", id), ("projectSecret", secret)]) }
        })
    }

    fn parse(&self, body: &[u8]) -> Result<Token, NoToken> {
        let body: serde_json::Value = serde_json::from_slice(body).map_err(|_| NoToken("it is not JSON".to_owned()))?;
        let expires_in = body.get("ms").and_then(serde_json::Value::as_u64).map(Duration::from_millis);
        Ok(Token { expires_in, ..Token::from_json(&body, "token")? })
    }
}

/// Gives tokens t1, t2, … at `/token`; elsewhere asks `accept` whether a token is good.
async fn issuing(life_ms: Option<u64>, accept: impl Fn(&str) -> bool + Send + Sync + 'static) -> Server {
    let issued = Mutex::new(0);
    Server::start(move |_, seen: &Seen| -> Full {
        if seen.target == "/token" {
            let mut issued = issued.lock().unwrap();
            *issued += 1;
            let life = life_ms.map_or("null".to_owned(), |ms| ms.to_string());
            return json(200, &format!(r#"{{"token": "t{issued}", "ms": {life}}}"#)).after(Duration::from_millis(20));
        }
        let token = seen.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        json(if accept(token) { 200 } else { 401 }, r#"{"error": "who?"}"#)
    })
    .await
}

fn tokens_used(server: &Server) -> Vec<String> {
    let requests = server.seen().into_iter().filter(|seen| seen.target != "/token");
    requests.map(|seen| seen.header("authorization").unwrap_or("none").replace("Bearer ", "")).collect()
}

#[tokio::test]
async fn constant_credentials_go_into_their_header() {
    let server = Server::start(|_, _| json(200, "{}")).await;
    Setup::to(&server.url).client().send(read()).await.unwrap();
    Setup::to(&server.url).auth(SignIn::ApiKey(env("TOKEN"))).client().send(read()).await.unwrap();
    Setup::to(&server.url).auth(SignIn::Fixed("sandbox".into())).client().send(read()).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].header("authorization"), Some(format!("Bearer {CANARY}").as_str()));
    assert_eq!((seen[1].header("x-api-key"), seen[1].header("authorization")), (Some(CANARY), None));
    assert_eq!(seen[2].header("authorization"), Some("Bearer sandbox"));
}

#[test]
fn a_missing_secret_is_a_sign_in_error_before_anything_is_sent() {
    let url = "http://127.0.0.1:1".parse().unwrap();
    let error = Setup::to(&url).auth(SignIn::Bearer(env("UNSET"))).build().unwrap_err();
    assert!(matches!(error, HttpError::SignIn { .. }) && error.to_string().contains("UNSET is not set"), "{error}");
}

#[tokio::test]
async fn a_refused_constant_names_its_reference_and_the_route() {
    for (auth, words) in [
        (SignIn::Bearer(env("TOKEN")), "the token {env: TOKEN}"),
        (SignIn::ApiKey(env("TOKEN")), "the API key {env: TOKEN}"),
        (SignIn::Fixed("x".into()), "the built-in token"),
        (SignIn::None, "add `auth`"),
    ] {
        let server = Server::start(|_, _| json(401, r#"{"m": "expired"}"#)).await;
        let error = Setup::to(&server.url).auth(auth).client().send(write()).await.unwrap_err();
        assert!(matches!(error, HttpError::SignIn { .. }) && !error.may_have_happened() && !error.temporary());
        for part in [words, "POST /things", "401"] {
            assert!(error.to_string().contains(part), "{part}: {error}");
        }
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_shared() {
    let server = issuing(None, |token| token == "t1").await;
    let client = Setup::to(&server.url).auth(Exchange::form(&server.url.join("/token").unwrap())).client();
    let ends = futures::future::join_all((0..20).map(|_| client.send(write()))).await;
    assert!(ends.iter().all(|end| end.as_ref().is_ok_and(|answer| answer.status == 200)));
    assert_eq!((server.count("/token"), client.requests()), (1, 21));
}

#[tokio::test]
async fn a_form_token_request_has_basic_credentials_and_encoded_fields() {
    let server = issuing(None, |_| true).await;
    let client = Setup::to(&server.url).auth(Exchange::form(&server.url.join("/token").unwrap())).client();
    client.send(read()).await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/token"));
    assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(seen.body, "grant_type=client_credentials&scope=a%2Fb+c");
    // base64 of `app-7:canary-"5f1e-tweet`
    assert_eq!(seen.header("authorization"), Some("Basic YXBwLTc6Y2FuYXJ5LSI1ZjFlLXR3ZWV0"));
}

#[tokio::test]
async fn a_json_token_request_goes_to_a_route_of_the_api() {
    let server = issuing(None, |_| true).await;
    Setup::to(&server.url).auth(Exchange::json()).client().send(read()).await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!((seen.header("content-type"), seen.header("authorization")), (Some("application/json"), None));
    let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(body, serde_json::json!({"projectId": "app-7", "projectSecret": CANARY}));
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let server = issuing(Some(2000), |_| true).await;
    let client = Setup::to(&server.url).auth(Exchange::json()).client();
    client.send(read()).await.unwrap();
    client.send(read()).await.unwrap();
    // A fifth of its life is kept as a margin, so at 1.7 s of 2 it is not used any more, though it still lives.
    tokio::time::sleep(Duration::from_millis(1700)).await;
    client.send(read()).await.unwrap();
    assert_eq!(tokens_used(&server), ["t1", "t1", "t2"]);
}

#[tokio::test]
async fn a_401_renews_once_and_the_request_goes_again_even_a_write() {
    let revoked = std::sync::atomic::AtomicUsize::new(0);
    let server = issuing(None, move |token| {
        // t1 is good for three requests, then revoked.
        token == "t2" || revoked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 3
    })
    .await;
    let client = Setup::to(&server.url).auth(Exchange::json()).client();
    for _ in 0..5 {
        assert_eq!(client.send(write()).await.unwrap().status, 200);
    }
    assert_eq!(tokens_used(&server), ["t1", "t1", "t1", "t1", "t2", "t2"]);
    assert_eq!(server.count("/token"), 2);
}

#[tokio::test]
async fn many_401s_at_once_make_one_renewal() {
    let server = issuing(None, |token| token == "t2").await;
    let client = Setup::to(&server.url).auth(Exchange::json()).client();
    let ends = futures::future::join_all((0..12).map(|_| client.send(read()))).await;
    assert!(ends.iter().all(|end| end.as_ref().is_ok_and(|answer| answer.status == 200)));
    assert_eq!(server.count("/token"), 2);
}

#[tokio::test]
async fn a_token_that_is_always_refused_is_not_asked_for_again_and_again() {
    let server = issuing(None, |_| false).await;
    let client = Setup::to(&server.url).auth(Exchange::json()).client();
    for _ in 0..5 {
        let error = client.send(write()).await.unwrap_err();
        assert!(
            matches!(error, HttpError::SignIn { .. }) && error.to_string().contains("just fetched was refused"),
            "{error}"
        );
    }
    assert_eq!(server.count("/token"), 2);
}

#[tokio::test]
async fn a_refused_token_request_names_the_references_and_is_not_repeated() {
    let echo = |_: usize, seen: &Seen| {
        json(400, &format!(r#"{{"error": "bad", "you_sent": {}}}"#, serde_json::json!(seen.body)))
    };
    let server = Server::start(echo).await;
    let client = Setup::to(&server.url).auth(Exchange::json()).client();
    for _ in 0..3 {
        let error = client.send(read()).await.unwrap_err();
        assert!(matches!(error, HttpError::SignIn { .. }), "{error:?}");
        for part in ["POST /token", "400", "{env: ID}, {env: SECRET}", "[redacted]"] {
            assert!(error.to_string().contains(part), "{part}: {error}");
        }
        assert!(!error.to_string().contains("tweet") && !error.to_string().contains("app-7"), "{error}");
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_answer_without_a_token_is_not_shown() {
    let server = Server::start(|_, _| json(200, r#"{"access": "unknown-form-of-token"}"#)).await;
    let error = Setup::to(&server.url).auth(Exchange::json()).client().send(read()).await.unwrap_err();
    assert!(matches!(error, HttpError::SignIn { .. }) && error.to_string().contains("hold no usable token"), "{error}");
    assert!(!error.to_string().contains("unknown-form"), "{error}");
}

#[tokio::test]
async fn a_token_endpoint_that_is_busy_is_asked_again() {
    let server = Server::start(|number, seen: &Seen| -> Reply {
        match (seen.target.as_str(), number) {
            ("/token", 0) => json(429, "").into(),
            ("/token", 1) => json(503, "").into(),
            ("/token", 2) => json(500, "").into(),
            ("/token", 3) => Reply::Drop,
            _ => json(200, r#"{"token": "t"}"#).into(),
        }
    })
    .await;
    let client = Setup::to(&server.url).auth(Exchange::json()).client();
    assert_eq!(client.send(write()).await.unwrap().status, 200);
    assert_eq!((server.count("/token"), client.requests()), (5, 6));
}

#[tokio::test]
async fn a_token_endpoint_that_is_not_allowed_gets_nothing() {
    let server = Server::listen("0.0.0.0", |_, _| json(200, r#"{"token": "t"}"#)).await;
    for (url, words) in [
        (TokenUrl::Absolute(server.url.join("/token").unwrap()), "use https"),
        (TokenUrl::Text("https://evil.example/token".into()), "--allow-host evil.example"),
        (TokenUrl::Text("https://api.vendor.example/token".into()), "--allow-host api.vendor.example"),
        (TokenUrl::Text("login/token".into()), "token_url is no address"),
    ] {
        let api = Server::start(|_, _| json(200, "{}")).await;
        let auth = SignIn::Exchange(Box::new(Exchange { url, form: true, secret: "SECRET" }));
        let error = Setup::to(&api.url).auth(auth).client().send(read()).await.unwrap_err();
        assert!(matches!(error, HttpError::NotSent { .. }) && error.to_string().contains(words), "{words}: {error}");
        assert_eq!(api.connections(), 0);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_missing_secret_of_an_exchange_is_a_sign_in_error() {
    let server = issuing(None, |_| true).await;
    let auth =
        SignIn::Exchange(Box::new(Exchange { url: TokenUrl::Path(Path::new("/token")), form: false, secret: "UNSET" }));
    let error = Setup::to(&server.url).auth(auth).client().send(read()).await.unwrap_err();
    assert!(matches!(error, HttpError::SignIn { .. }) && error.to_string().contains("UNSET is not set"), "{error}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn after_a_stop_a_token_that_is_fetched_lets_no_write_follow() {
    let stop = Stop::default();
    let stopper = stop.clone();
    let server = Server::start(move |_, _| {
        stopper.request(Signal::Interrupt);
        json(200, r#"{"token":"t1"}"#)
    })
    .await;
    let client = Setup::to(&server.url).auth(Exchange::json()).stopped_by(&stop).client();
    let error = client.send(write()).await.unwrap_err();
    assert!(matches!(error, HttpError::Stopped { .. }) && !error.may_have_happened(), "{error:?}");
    assert_eq!(server.seen().len(), 1);
}
