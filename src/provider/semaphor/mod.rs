//! Semaphor: security definitions bound to actors, with parameters (apis/semaphor.md).

mod actor;
mod api;
mod params;
mod read;
pub mod route;
pub mod spec;
#[cfg(test)]
mod tests;
mod token;
mod wire;
mod write;

use std::sync::Arc;

use super::Connection;
use crate::http::{Client, SignIn};
use crate::model::{Auth, Ids, SecretResolver, Target};

/// A target's reader and writer. `secrets` gives the values of `secret_params` at the moment of sending.
pub fn connect(target: &Target, client: Client, ids: Arc<Ids>, secrets: Arc<dyn SecretResolver>) -> Connection {
    let api = api::Api::new(client, ids, &target.options);
    Connection {
        reader: Box::new(read::SemaphorReader(api.clone())),
        writer: Box::new(write::SemaphorWriter { api, secrets }),
    }
}

/// How the target signs in. Other forms of `auth` than these two are refused by the loader; here they are no sign-in.
pub fn sign_in(target: &Target) -> SignIn {
    match &target.auth {
        Some(Auth::Bearer(reference)) => SignIn::Bearer(reference.clone()),
        Some(Auth::ProjectSecret { secret, org_user_id }) => SignIn::Exchange(Box::new(token::ProjectSecret {
            project_id: api::project_id(&target.options),
            secret: secret.clone(),
            org_user_id: org_user_id.clone(),
        })),
        Some(Auth::ApiKey(_) | Auth::ClientCredentials { .. }) | None => SignIn::None,
    }
}
