//! A project secret exchanged for a token (apis/semaphor.md: Token). The HTTP client sends, caches and renews; here is only
//! what is asked and how the answer is read.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use crate::http::{NoToken, Path, Token, TokenBody, TokenExchange, TokenRequest, TokenUrl};
use crate::model::{ResolveError, SecretRef, SecretResolver, SecretString};

/// The field of the token (apis/semaphor.md: Token).
const TOKEN: &str = "accessToken";

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

    fn parse(&self, body: &[u8]) -> Result<Token, NoToken> {
        let answer: Json = serde_json::from_slice(body).map_err(|_| NoToken("it is not JSON".to_owned()))?;
        // Whether the answer is bare or inside `data` is not stated: both are read (apis/semaphor.md: Token).
        let inner = answer.get("data").filter(|data| data.is_object() && answer.get(TOKEN).is_none());
        let token = Token::from_json(inner.unwrap_or(&answer), TOKEN)?;
        Ok(Token { expires_in: Some(LIFE), ..token })
    }
}
