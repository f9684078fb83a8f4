//! OAuth 2 client credentials, as an Amazon Cognito token endpoint takes them (apis/streamline.md: Token).

use std::time::Duration;

use crate::http::{Token, TokenBody, TokenExchange, TokenRequest, TokenUrl};
use crate::model::{ResolveError, SecretRef, SecretResolver, SecretString};

/// How a target gets its tokens. It holds references, never values.
#[derive(Debug)]
pub(super) struct ClientCredentials {
    token_url: String,
    client_id: SecretRef,
    client_secret: SecretRef,
    scope: String,
}

/// The token endpoint's answer; only what is used.
#[derive(serde::Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<u64>,
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

    fn parse(&self, body: &[u8]) -> Option<Token> {
        let granted: Granted = serde_json::from_slice(body).ok()?;
        (!granted.access_token.is_empty()).then(|| Token {
            value: SecretString::from(granted.access_token),
            expires_in: granted.expires_in.map(Duration::from_secs),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
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

    #[test]
    fn answers_without_a_usable_token_are_none() {
        let exchange = exchange(SecretRef::Env("SECRET".into()), &[]);
        let token = exchange.parse(br#"{"access_token": "t", "expires_in": 3600, "token_type": "Bearer"}"#).unwrap();
        assert_eq!((token.value.expose_secret(), token.expires_in), ("t", Some(Duration::from_secs(3600))));
        assert_eq!(exchange.parse(br#"{"access_token": "t"}"#).unwrap().expires_in, None);
        for body in
            [&br#"{"access_token": ""}"#[..], br#"{"error": "invalid_client"}"#, br#"{"access_token": 1}"#, b"<html>"]
        {
            assert!(exchange.parse(body).is_none());
        }
    }
}
