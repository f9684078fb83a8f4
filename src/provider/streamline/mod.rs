//! Streamline PIE: model versions that services and domains run under a key (apis/streamline.md).
//!
//! A write here is never free: it archives the active revision and makes a new one, which running jobs refer to. So
//! the reader says exactly which revision it saw, and the writer never sends a second time without having looked.

mod read;
pub mod route;
pub mod spec;
mod token;
mod wire;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use crate::http::{Client, Path, SignIn};
use crate::manifest::PathSpec;
use crate::model::{Auth, Ids, SecretResolver, Sym, Target};

use super::refusal::clean;
use super::{Connection, options};

/// The two sides of a target.
pub fn connect(target: &Target, client: Client, ids: Arc<Ids>, _secrets: Arc<dyn SecretResolver>) -> Connection {
    let api = Arc::new(Api {
        client,
        ids,
        concurrency: target.limits.concurrency.max(1),
        settle_timeout: target.limits.settle_timeout,
        options: Options::of(target),
    });
    Connection {
        reader: Box::new(read::StreamlineReader(Arc::clone(&api))),
        writer: Box::new(write::StreamlineWriter(api)),
    }
}

/// How a target signs in: a ready token, or client credentials that are exchanged for one (apis/streamline.md: Token). Other forms of
/// `auth` are refused by the loader; here they are no sign-in.
pub fn sign_in(target: &Target) -> SignIn {
    match &target.auth {
        Some(Auth::ClientCredentials { token_url, client_id, client_secret, scopes }) => {
            SignIn::Exchange(Box::new(token::ClientCredentials::new(token_url, client_id, client_secret, scopes)))
        }
        Some(Auth::Bearer(secret)) => SignIn::Bearer(secret.clone()),
        Some(Auth::ApiKey(_) | Auth::ProjectSecret { .. }) | None => SignIn::None,
    }
}

/// What `Target.spec` says about this account and its API.
#[derive(Debug, Clone)]
struct Options {
    /// The client that all paths begin with.
    client_id: String,
    /// Where a list answer holds its array, as a JSON pointer. Not given: bare, or under `assignments`, `items` or `data`
    /// (apis/streamline.md: Reading, \[assumed\]).
    list_pointer: Option<String>,
    /// Whether declared keys are read one by one from the start (`read: keyed`) instead of after the collection
    /// answered 404 or 405 (apis/streamline.md: Reading, \[assumed\]).
    by_key: bool,
    /// A service's assignments.
    service_path: String,
    /// Listing them.
    service_list: String,
    /// A domain's own assignments.
    domain_path: String,
    /// Listing them.
    domain_list: String,
    /// Whether a domain's own assignments have a keyed PUT (apis/streamline.md: Domain scope, \[assumed\], off).
    keyed_domain_put: bool,
}

impl Options {
    fn of(target: &Target) -> Self {
        let fields = &target.options;
        let path = |spec| options::template(fields, spec).to_owned();
        let list = |spec: &PathSpec, else_path| {
            options::text(fields, spec.option).unwrap_or_else(|| options::template(fields, else_path)).to_owned()
        };
        Self {
            service_path: path(&spec::SERVICE_PATH),
            service_list: list(&spec::SERVICE_LIST_PATH, &spec::SERVICE_PATH),
            domain_path: path(&spec::DOMAIN_PATH),
            domain_list: list(&spec::DOMAIN_LIST_PATH, &spec::DOMAIN_PATH),
            client_id: options::text(fields, "client_id").unwrap_or_default().to_owned(),
            list_pointer: options::text(fields, "list_pointer").map(str::to_owned),
            by_key: options::text(fields, "read") == Some("keyed"),
            keyed_domain_put: route::is_keyed_domain_put(fields),
        }
    }
}

/// A collection of assignments: a service's, or with [`Sym::NONE`] as the service the domain's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    domain: Sym,
    service: Sym,
}

/// What both sides share.
struct Api {
    client: Client,
    ids: Arc<Ids>,
    concurrency: usize,
    /// The longest that the effect of a write is looked for whose answer did not come.
    settle_timeout: Duration,
    options: Options,
}

/// A path, and the same as a person reads it, fit to be shown.
struct Route {
    path: Path,
    text: String,
}

impl Api {
    /// `…/domains/{domain_id}/service/{service_id}/assignments` (`service` is singular), or without the service.
    fn collection(&self, place: Place) -> Route {
        let Options { service_path, domain_path, .. } = &self.options;
        self.route(if place.service.is_none() { domain_path } else { service_path }, place)
    }

    /// The same for listing, which the contract only assumes (apis/streamline.md: Reading).
    fn listing_of(&self, place: Place) -> Route {
        let Options { service_list, domain_list, .. } = &self.options;
        self.route(if place.service.is_none() { domain_list } else { service_list }, place)
    }

    fn route(&self, template: &str, place: Place) -> Route {
        let (domain, service) = (self.ids.text(place.domain), self.ids.text(place.service));
        let values = [("client_id", &*self.options.client_id), ("domain_id", domain), ("service_id", service)];
        let mut text = template.to_owned();
        for (name, value) in values {
            text = text.replace(&format!("{{{name}}}"), &clean(value));
        }
        Route { path: Path::template(template, &values), text }
    }

    /// The collection's path and the key.
    fn keyed(&self, place: Place, key: Sym) -> Route {
        let Route { path, text } = self.collection(place);
        let key = self.ids.text(key);
        Route { path: path.seg(key), text: format!("{text}/{}", clean(key)) }
    }
}

/// What helps against a refusal, by status (apis/streamline.md: Errors).
fn next_step(status: u16) -> &'static str {
    match status {
        400 => "an id in the path or a field of the assignment is malformed: compare them with the account",
        401 => "check the secret that the target's `auth` refers to",
        403 => {
            "the token lacks the permission, or belongs to another client_id: the target's client_id must be the token's unless it has the admin scope"
        }
        404 => "check the target's client_id and the set's domain_id and service_id",
        422 => {
            "the domain or service does not take this model as declared: change the declaration, or make the domain active"
        }
        429 | 503 => "nothing is wrong with the input: try again later",
        500.. => "the system failed by itself: try again later",
        _ => "the contract does not know this answer: check the target's endpoint",
    }
}
