//! A project secret exchanged for a token (apis/semaphor.md: Token). The HTTP client sends, caches and renews; here is only
//! what is asked and how the answer is read.

use std::sync::Arc;
use std::time::Duration;

use crate::http::{Path, Token, TokenBody, TokenExchange, TokenRequest, TokenUrl};
use crate::model::{ResolveError, SecretRef, SecretResolver, SecretString};

use super::wire::TokenAnswer;

/// How long a token lives when no `tokenExpiry` is asked for (apis/semaphor.md: Token). None is asked for: a short life costs a
/// long run one request in half an hour.
const LIFE: Duration = Duration::from_secs(1800);

/// What the exchange needs; holds a reference, never the secret.
pub(super) struct ProjectSecret {
    pub project_id: Arc<str>,
    pub secret: SecretRef,
    pub org_user_id: Option<String>,
}

impl TokenExchange for ProjectSecret {
    fn request(&self, secrets: &dyn SecretResolver) -> Result<TokenRequest, ResolveError> {
        let plain = |text: &str| SecretString::from(text.to_owned());
        let mut fields = vec![
            ("type", plain("project")),
            ("projectId", plain(&self.project_id)),
            ("projectSecret", secrets.resolve(&self.secret)?),
        ];
        if let Some(user) = &self.org_user_id {
            fields.push(("orgUserId", plain(user)));
        }
        Ok(TokenRequest { url: TokenUrl::Path(Path::new("/api/v1/token")), basic: None, body: TokenBody::Json(fields) })
    }

    fn parse(&self, body: &[u8]) -> Option<Token> {
        let answer: TokenAnswer = serde_json::from_slice(body).ok()?;
        let token = answer.access_token.or(answer.data.map(|data| data.access_token))?;
        (!token.is_empty()).then(|| Token { value: SecretString::from(token), expires_in: Some(LIFE) })
    }
}
