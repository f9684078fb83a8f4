//! OAuth 2 client credentials, as an Amazon Cognito token endpoint takes them (apis/streamline.md: Token).

use crate::http::{NoToken, Token, TokenBody, TokenExchange, TokenRequest, TokenUrl};
use crate::model::{ResolveError, SecretRef, SecretResolver, SecretString};

/// How a target gets its tokens. It holds references, never values.
#[derive(Debug)]
pub(super) struct ClientCredentials {
    token_url: String,
    client_id: SecretRef,
    client_secret: SecretRef,
    scope: String,
}

impl ClientCredentials {
    pub(super) fn new(token_url: &str, client_id: &SecretRef, client_secret: &SecretRef, scopes: &[String]) -> Self {
        Self {
            token_url: token_url.to_owned(),
            client_id: client_id.clone(),
            client_secret: client_secret.clone(),
            scope: scopes.join(" "),
        }
    }
}

impl TokenExchange for ClientCredentials {
    fn request(&self, secrets: &dyn SecretResolver) -> Result<TokenRequest, ResolveError> {
        let mut form = vec![
            ("grant_type", SecretString::from("client_credentials")),
            ("client_id", secrets.resolve(&self.client_id)?),
            ("client_secret", secrets.resolve(&self.client_secret)?),
        ];
        // Without scopes the endpoint grants all that the client may have (RFC 6749 section 3.3 leaves it to the server).
        if !self.scope.is_empty() {
            form.push(("scope", SecretString::from(self.scope.as_str())));
        }
        Ok(TokenRequest { url: TokenUrl::Text(self.token_url.clone()), basic: None, body: TokenBody::Form(form) })
    }

    fn parse(&self, body: &[u8]) -> Result<Token, NoToken> {
        let answer = serde_json::from_slice(body).map_err(|_| NoToken("it is not JSON".to_owned()))?;
        Token::from_json(&answer, "access_token")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::time::Duration;

    use super::*;
    use secrecy::ExposeSecret;

    struct Echo;

    impl SecretResolver for Echo {
        fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ResolveError> {
            match reference {
                SecretRef::Env(name) => Ok(SecretString::from(format!("value of {name}"))),
                SecretRef::File(path) => Err(ResolveError::NoSecretsDir(path.to_string())),
            }
        }
    }

    fn exchange(secret: SecretRef, scopes: &[&str]) -> ClientCredentials {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        ClientCredentials::new("https://auth.example/oauth2/token", &SecretRef::Env("ID".into()), &secret, &scopes)
    }

    #[test]
    fn the_form_is_cognitos() {
        let exchange = exchange(SecretRef::Env("SECRET".into()), &["streamline/admin", "streamline/read"]);
        let request = exchange.request(&Echo).unwrap();
        assert!(matches!(&request.url, TokenUrl::Text(url) if url == "https://auth.example/oauth2/token"));
        let TokenBody::Form(form) = &request.body else { panic!("not a form") };
        let pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.expose_secret())).collect();
        assert_eq!(
            pairs,
            [
                ("grant_type", "client_credentials"),
                ("client_id", "value of ID"),
                ("client_secret", "value of SECRET"),
                ("scope", "streamline/admin streamline/read"),
            ]
        );
        assert!(!format!("{request:?}{exchange:?}").contains("value of"));
    }

    #[test]
    fn no_scopes_send_no_scope_and_a_missing_secret_is_the_resolvers_error() {
        let request = exchange(SecretRef::Env("SECRET".into()), &[]).request(&Echo).unwrap();
        let TokenBody::Form(form) = &request.body else { panic!("not a form") };
        assert!(form.iter().all(|(name, _)| *name != "scope"));
        let error = exchange(SecretRef::File("x".into()), &[]).request(&Echo).unwrap_err();
        assert_eq!(error, ResolveError::NoSecretsDir("x".to_owned()));
    }

    fn parsed(body: &str) -> Result<Token, NoToken> {
        exchange(SecretRef::Env("SECRET".into()), &[]).parse(body.as_bytes())
    }

    #[test]
    fn a_token_is_used_however_its_life_and_type_are_written() {
        let seconds = |n| Some(Duration::from_secs(n));
        for (life, expected) in [
            ("3600", seconds(3600)),
            ("\"3600\"", seconds(3600)),
            ("\" 3600 \"", seconds(3600)),
            ("3600.0", seconds(3600)),
            ("\"3600.0\"", seconds(3600)),
            ("3.6e3", seconds(3600)),
            ("-1", None),
            ("\"-1\"", None),
            ("0", None),
            ("null", None),
            ("\"\"", None),
            ("\"soon\"", None),
            ("\"NaN\"", None),
            ("[]", None),
            ("{}", None),
            ("true", None),
            ("18446744073709551616", Some(Duration::MAX)),
            ("1e300", Some(Duration::MAX)),
        ] {
            let token =
                parsed(&format!(r#"{{"access_token": "t", "token_type": "bEaReR", "expires_in": {life}}}"#)).unwrap();
            assert_eq!(token.value.expose_secret(), "t");
            assert_eq!(token.expires_in, expected, "{life}");
        }
        assert_eq!(parsed(r#"{"access_token": "t"}"#).unwrap().expires_in, None);
        assert!(
            parsed(r#"{"access_token": " t\n", "token_type": null}"#).is_ok_and(|t| t.value.expose_secret() == "t")
        );
    }

    #[test]
    fn an_answer_without_a_usable_token_says_what_is_wrong_and_shows_no_token() {
        for (body, why) in [
            (r#"{"access_token": ""}"#, "its `access_token` is empty"),
            (r#"{"error": "invalid_client"}"#, "it has the error `invalid_client` and no `access_token`"),
            (r#"{"token": "canary"}"#, "it has no `access_token`"),
            (r#"{"access_token": 1}"#, "its `access_token` is a number"),
            (r#"{"access_token": {"value": "canary"}}"#, "its `access_token` is an object"),
            (r#"{"access_token": "canary", "token_type": "DPoP"}"#, "its `token_type` is not `Bearer`"),
            (r#"["canary"]"#, "it is an array"),
            ("<html>canary", "it is not JSON"),
            ("", "it is not JSON"),
        ] {
            let NoToken(message) = parsed(body).unwrap_err();
            assert!(message.contains(why) && !message.contains("canary"), "{message}");
        }
    }
}
