//! What a target says about its Canopy account, and what is assumed about the API, read once.

use crate::model::{Fields, Limits};
use crate::provider::options;

use super::spec::{API_PATH, PORTAL_PATH};

/// The most rows a page holds (apis/canopy.md: List).
const MAX_TAKE: usize = 100;

/// Which of the two surfaces is spoken to; both have the same operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Surface {
    /// `/portal/v1/accounts/{accountSlug}/applications/{appSlug}/environments/{envSlug}/…`, the default: it names its environment.
    Portal {
        /// Account slug.
        account: String,
        /// Application slug.
        application: String,
        /// Environment slug.
        environment: String,
    },
    /// `/api/v1/…`: the key is bound to one environment.
    Api,
}

/// All of it.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub surface: Surface,
    /// The path of the surface's assignments.
    pub template: String,
    /// Rows a page holds, between 1 and the API's most.
    pub take: usize,
    /// Requests in flight at once. The client limits too; this bounds what is prepared.
    pub concurrency: usize,
}

impl Options {
    /// Options from the fields that the loader has checked; what is missing has its default.
    pub(super) fn new(fields: &Fields, limits: &Limits) -> Self {
        let text = |name| options::text(fields, name).unwrap_or_default();
        let surface = match text("surface") {
            "api" => Surface::Api,
            _ => Surface::Portal {
                account: text("account").to_owned(),
                application: text("application").to_owned(),
                environment: text("environment").to_owned(),
            },
        };
        let template = match surface {
            Surface::Api => options::template(fields, &API_PATH),
            Surface::Portal { .. } => options::template(fields, &PORTAL_PATH),
        };
        Self {
            surface,
            template: template.to_owned(),
            take: limits.page_size.clamp(1, MAX_TAKE),
            concurrency: limits.concurrency.max(1),
        }
    }
}
