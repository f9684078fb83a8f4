//! Canopy: roles held by identities at nodes, with a time window (apis/canopy.md).

mod api;
mod bulk;
mod listing;
mod options;
mod proof;
mod read;
pub mod route;
pub mod spec;
#[cfg(test)]
mod tests;
mod wire;
mod write;

use std::sync::Arc;

use super::Connection;
use crate::http::{Client, SignIn};
use crate::model::{Auth, Ids, SecretResolver, Target};

/// A target's reader and writer. Canopy's assignments hold no secrets, so the resolver is not kept.
pub fn connect(target: &Target, client: Client, ids: Arc<Ids>, _secrets: Arc<dyn SecretResolver>) -> Connection {
    let options = Arc::new(options::Options::new(&target.options, &target.limits));
    let api = api::Api { client, ids, options };
    Connection { reader: Box::new(read::CanopyReader(api.clone())), writer: Box::new(write::CanopyWriter(api)) }
}

/// How the target signs in. Other forms of `auth` than these two are refused by the loader; here they are no sign-in.
pub fn sign_in(target: &Target) -> SignIn {
    match &target.auth {
        Some(Auth::Bearer(reference)) => SignIn::Bearer(reference.clone()),
        Some(Auth::ApiKey(reference)) => SignIn::ApiKey(reference.clone()),
        Some(Auth::ClientCredentials { .. } | Auth::ProjectSecret { .. }) | None => SignIn::None,
    }
}
