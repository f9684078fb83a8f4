//! Canopy's contract, line by line, against answers made by hand (apis/canopy.md).

#![allow(clippy::unwrap_used, clippy::panic)]

mod reading;
mod writing;

use std::sync::Arc;

use super::{connect, sign_in};
use crate::model::{Auth, Ids, SecretRef, Target};
use crate::provider::Connection;
use crate::provider::fake::{Fake, Names, client, target};

const PORTAL: &str = "/portal/v1/accounts/acme%20inc/applications/crm/environments/prod/assignments";

fn portal(options: &[(&'static str, &str)]) -> Target {
    let account = [("account", "acme inc"), ("application", "crm"), ("environment", "prod")];
    let auth = Auth::Bearer(SecretRef::Env("jwt".into()));
    target("canopy", auth, &account.into_iter().chain(options.iter().copied()).collect::<Vec<_>>())
}

fn connected(fake: &Fake, target: &Target) -> (Connection, Arc<Ids>) {
    let ids = Arc::new(Ids::default());
    let client = client(target, &fake.url, sign_in(target));
    (connect(target, client, Arc::clone(&ids), Arc::new(Names)), ids)
}
