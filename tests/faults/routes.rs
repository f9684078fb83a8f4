//! Every route that the program travels, with the world in which it does.

use assignctl::sandbox::LoggedRequest;

use super::worlds::*;

/// What a second sending of a route's request would do, and so what has to happen after an accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A list or a look at a key.
    Read,
    /// Exchanges a secret for a token.
    Token,
    /// Sending twice has the effect of sending once.
    Idempotent,
    /// Never sent twice without having looked.
    Once,
}

/// One route in one world.
#[derive(Clone, Copy)]
pub struct Route {
    pub world: &'static World,
    pub class: Class,
    pub method: &'static str,
    /// `*` stands for one segment.
    pub path: &'static str,
    /// A batch that is refused whole is halved until the bad entries stand alone.
    pub halved: bool,
}

impl Route {
    pub fn matches(&self, request: &LoggedRequest) -> bool {
        let (wanted, seen) = (self.path.split('/'), request.path.split('/'));
        request.method == self.method
            && wanted.clone().count() == seen.clone().count()
            && wanted.zip(seen).all(|(wanted, seen)| wanted == "*" || wanted == seen)
    }
}

const fn route(world: &'static World, class: Class, method: &'static str, path: &'static str) -> Route {
    Route { world, class, method, path, halved: false }
}

const fn halved(route: Route) -> Route {
    Route { halved: true, ..route }
}

const SERVICE: &str = "/v2/clients/*/domains/*/service/*/assignments";
const SERVICE_KEY: &str = "/v2/clients/*/domains/*/service/*/assignments/*";
const DOMAIN: &str = "/v2/clients/*/domains/*/assignments";
const DOMAIN_KEY: &str = "/v2/clients/*/domains/*/assignments/*";
const PAIRS: &str = "/1/catalog/assignments/organizations";
const PAIRS_LIST: &str = "/1/catalog/assignments/organizations/list";
const PROJECT: &str = "/api/management/v1/projects/*/unified-security/assignments";
const PROJECT_ONE: &str = "/api/management/v1/projects/*/unified-security/assignments/*";
const PORTAL_LIST: &str = "/portal/v1/accounts/*/applications/*/environments/*/assignments/app-wide";
const PORTAL: &str = "/portal/v1/accounts/*/applications/*/environments/*/assignments";
const PORTAL_ONE: &str = "/portal/v1/accounts/*/applications/*/environments/*/assignments/*";
const PORTAL_CREATE: &str = "/portal/v1/accounts/*/applications/*/environments/*/assignments/bulk-create";
const PORTAL_ROLE: &str = "/portal/v1/accounts/*/applications/*/environments/*/assignments/bulk-change-role";
const PORTAL_REMOVE: &str = "/portal/v1/accounts/*/applications/*/environments/*/assignments/bulk-remove";

pub const ROUTES: &[Route] = &[
    route(&STREAMLINE, Class::Read, "GET", SERVICE),
    route(&STREAMLINE, Class::Read, "GET", DOMAIN),
    route(&STREAMLINE, Class::Once, "PUT", SERVICE_KEY),
    route(&STREAMLINE, Class::Once, "POST", DOMAIN),
    route(&STREAMLINE_KEYED, Class::Token, "POST", "/oauth2/token"),
    route(&STREAMLINE_KEYED, Class::Read, "GET", SERVICE_KEY),
    route(&STREAMLINE_KEYED, Class::Read, "GET", DOMAIN_KEY),
    route(&STREAMLINE_KEYED, Class::Once, "PUT", DOMAIN_KEY),
    route(&PARTIUM, Class::Read, "POST", PAIRS_LIST),
    halved(route(&PARTIUM, Class::Idempotent, "POST", PAIRS)),
    halved(route(&PARTIUM, Class::Idempotent, "DELETE", PAIRS)),
    route(&SEMAPHOR, Class::Read, "GET", PROJECT),
    route(&SEMAPHOR, Class::Once, "POST", PROJECT),
    route(&SEMAPHOR, Class::Idempotent, "PATCH", PROJECT_ONE),
    route(&SEMAPHOR, Class::Idempotent, "DELETE", PROJECT_ONE),
    route(&SEMAPHOR_TOKEN, Class::Token, "POST", "/api/v1/token"),
    route(&SEMAPHOR_TOKEN, Class::Once, "POST", PROJECT),
    route(&CANOPY, Class::Read, "GET", PORTAL_LIST),
    halved(route(&CANOPY, Class::Once, "POST", PORTAL_CREATE)),
    halved(route(&CANOPY, Class::Once, "POST", PORTAL_ROLE)),
    halved(route(&CANOPY, Class::Idempotent, "POST", PORTAL_REMOVE)),
    route(&CANOPY, Class::Idempotent, "PATCH", PORTAL_ONE),
    route(&CANOPY_SINGLE, Class::Read, "GET", "/api/v1/assignments/app-wide"),
    route(&CANOPY_SINGLE, Class::Once, "POST", "/api/v1/assignments"),
    route(&CANOPY_SINGLE, Class::Idempotent, "PATCH", "/api/v1/assignments/*"),
    route(&CANOPY_SINGLE, Class::Idempotent, "DELETE", "/api/v1/assignments/*"),
    route(&CANOPY_RECREATE, Class::Idempotent, "DELETE", PORTAL_ONE),
    route(&CANOPY_RECREATE, Class::Once, "POST", PORTAL),
];
