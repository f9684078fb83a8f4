//! Who may do what: bearer tokens, API keys, and the two routes that give tokens out.
//!
//! Tokens that were given out live in memory only: after a restart a client signs in again. Credentials come from the seed at
//! every start and are never written to the state file, the log or a dump.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
};

use serde::Deserialize;
use serde_json::json;

use super::{
    seed::AuthSeed,
    semaphor::project_of,
    streamline::client_of,
    time::Instant,
    wire::{Answer, Api, Failure, Reply, Request},
};

/// Opens every client's paths (apis/streamline.md: Token).
const ADMIN_SCOPE: &str = "streamline/admin";

/// The credentials that the server takes, and the tokens that it gave out.
pub(super) struct Auth {
    seed: AuthSeed,
    issued: Mutex<HashMap<String, Issued>>,
}

#[derive(Clone)]
struct Issued {
    opens: Opens,
    expires: Instant,
}

#[derive(Clone)]
enum Opens {
    Streamline { client_id: String, admin: bool },
    Project(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case)] // the API's own names
struct ProjectTokenBody {
    #[serde(rename = "type")]
    kind: String,
    projectId: String,
    projectSecret: String,
    #[serde(default)]
    orgUserId: Option<String>,
    #[serde(default)]
    tenantId: Option<String>,
    #[serde(default)]
    tenantUserId: Option<String>,
    #[serde(default)]
    tokenExpiry: Option<u64>,
}

impl Auth {
    pub(super) fn new(seed: AuthSeed) -> Self {
        Self { seed, issued: Mutex::new(HashMap::new()) }
    }

    /// Lets a request in, with the API key that it came by, or says why not.
    /// `bound` tells whether an environment takes a key as its own.
    pub(super) fn admit(
        &self,
        api: Api,
        request: &Request,
        now: Instant,
        bound: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, Failure> {
        let segments = request.segments();
        let portal = segments.first() == Some(&"portal");
        let is_key = |text: &str| bound(text) || self.seed.api_keys.iter().any(|key| key == text);
        if api == Api::Canopy
            && !portal
            && let Some(key) = request.header("x-api-key")
        {
            return if is_key(key) { Ok(Some(key.to_owned())) } else { Err(unauthorized()) };
        }
        let token = bearer(request).ok_or_else(unauthorized)?;
        if self.seed.bearer.contains(&token) {
            return Ok(None);
        }
        if api == Api::Canopy && is_key(&token) {
            // apis/canopy.md: 403 is the wrong principal type for this endpoint.
            return if portal { Err(forbidden("an API key cannot use this endpoint")) } else { Ok(Some(token)) };
        }
        let issued = self.find(&token, now).ok_or_else(unauthorized)?;
        match (api, issued.opens) {
            (Api::Streamline, Opens::Streamline { client_id, admin }) => {
                if admin || client_of(&segments) == Some(client_id.as_str()) {
                    Ok(None)
                } else {
                    Err(forbidden("the token belongs to another client"))
                }
            }
            (Api::Semaphor, Opens::Project(project)) => {
                if project_of(&segments) == Some(project.as_str()) {
                    Ok(None)
                } else {
                    Err(forbidden("the token belongs to another project"))
                }
            }
            _ => Err(unauthorized()),
        }
    }

    fn find(&self, token: &str, now: Instant) -> Option<Issued> {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.retain(|_, kept| now < kept.expires);
        issued.get(token).cloned()
    }

    fn issue(&self, opens: Opens, expires: Instant) -> String {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let mut token = String::new();
        while token.is_empty() || issued.contains_key(&token) {
            // A fresh `RandomState` is seeded by the system: the cheapest random number in the standard library.
            token = format!("sbx.{:016x}{:016x}", RandomState::new().hash_one(1), RandomState::new().hash_one(2));
        }
        issued.insert(token.clone(), Issued { opens, expires });
        token
    }

    /// `POST /oauth2/token`: client credentials, form-encoded, as Amazon Cognito answers (apis/streamline.md: Token).
    pub(super) fn client_token(&self, request: &Request, now: Instant) -> Answer {
        if request.segments() != ["oauth2", "token"] {
            return Err(Failure::no_route());
        }
        if request.method != axum::http::Method::POST {
            return Err(Failure::wrong_method());
        }
        if !request.has_content_type("application/x-www-form-urlencoded") {
            return Err(Failure::new(415, "invalid_request", "the body has to be form-encoded"));
        }
        let form: HashMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        let field = |name: &str| form.get(name).map(String::as_str);
        if field("grant_type") != Some("client_credentials") {
            return Err(Failure::new(400, "unsupported_grant_type", "only client_credentials is supported"));
        }
        let client = self.seed.streamline_clients.iter().find(|client| {
            field("client_id") == Some(&client.client_id) && field("client_secret") == Some(&client.client_secret)
        });
        let client = client.ok_or_else(|| Failure::new(400, "invalid_client", "unknown client or wrong secret"))?;
        let asked: Vec<&str> = match field("scope") {
            Some(scope) if !scope.is_empty() => scope.split(' ').collect(),
            _ => client.scopes.iter().map(String::as_str).collect(),
        };
        if let Some(scope) = asked.iter().find(|scope| client.scopes.iter().all(|granted| granted != *scope)) {
            return Err(Failure::new(400, "invalid_scope", format!("the client has no scope {scope}")));
        }
        let opens = Opens::Streamline { client_id: client.client_id.clone(), admin: asked.contains(&ADMIN_SCOPE) };
        let token = self.issue(opens, now.plus_seconds(client.expires_in));
        let body = json!({ "access_token": token, "expires_in": client.expires_in, "token_type": "Bearer" });
        Ok(Reply::json(200, &body))
    }

    /// `POST /api/v1/token`: a project secret for a token (apis/semaphor.md: Token).
    pub(super) fn project_token(&self, request: &Request, now: Instant) -> Result<String, Failure> {
        if request.method != axum::http::Method::POST {
            return Err(Failure::wrong_method());
        }
        let body: ProjectTokenBody = request.json()?;
        if body.kind != "project" {
            return Err(Failure::new(400, "validation_error", "type must be project"));
        }
        let users = [&body.orgUserId, &body.tenantId, &body.tenantUserId];
        if users.iter().any(|user| user.as_ref().is_some_and(String::is_empty)) {
            return Err(Failure::new(400, "validation_error", "a user's id must not be empty"));
        }
        let known = self
            .seed
            .project_secrets
            .iter()
            .find(|secret| secret.projectId == body.projectId && secret.projectSecret == body.projectSecret);
        let known = known.ok_or_else(|| Failure::new(401, "unauthorized", "unknown project or wrong secret"))?;
        let life = body.tokenExpiry.unwrap_or(known.expires_in);
        Ok(self.issue(Opens::Project(known.projectId.clone()), now.plus_seconds(life)))
    }
}

fn bearer(request: &Request) -> Option<String> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

fn unauthorized() -> Failure {
    Failure::new(401, "unauthorized", "the token is missing, invalid or expired")
}

fn forbidden(message: &str) -> Failure {
    Failure::new(403, "forbidden", message)
}
