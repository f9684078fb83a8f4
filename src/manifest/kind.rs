//! What a provider says about its manifests. Everything is a table but two hooks for rules that tables cannot say.

use super::findings::Findings;
use super::shape::{Record, Shape};
use crate::model::{Capabilities, Limits};

/// A way to sign in, by its field in `auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthForm {
    /// `bearer`.
    Bearer,
    /// `api_key`.
    ApiKey,
    /// `client_credentials`.
    ClientCredentials,
    /// `project_secret`.
    ProjectSecret,
}

impl AuthForm {
    /// The field.
    pub fn field(self) -> &'static str {
        match self {
            AuthForm::Bearer => "bearer",
            AuthForm::ApiKey => "api_key",
            AuthForm::ClientCredentials => "client_credentials",
            AuthForm::ProjectSecret => "project_secret",
        }
    }
}

/// A path of the API that a policy may say otherwise, where a contract only assumes it.
#[derive(Debug, Clone, Copy)]
pub struct PathSpec {
    /// Its name under `paths`.
    pub name: &'static str,
    /// The option of a target that carries another path. It is no field of `Target.spec`: only a policy sets it.
    pub option: &'static str,
    /// The contract's path, with `{…}` for what is put in as one segment each.
    pub template: &'static str,
    /// What it is for.
    pub doc: &'static str,
}

/// One provider's manifests.
#[derive(Debug)]
pub struct Kind {
    /// The document kind of its sets, such as `PartiumAssignments`.
    pub name: &'static str,
    /// What its sets declare, in a sentence.
    pub doc: &'static str,
    /// What its API can do; also the provider's name, the key's parts and the managed fields.
    pub capabilities: &'static Capabilities,
    /// The vendor's public address, without a trailing slash.
    pub vendor: &'static str,
    /// How hard it may be pressed unless a target says otherwise.
    pub limits: Limits,
    /// The most rows a page may hold, where the API has a limit.
    pub max_page_size: usize,
    /// The ways to sign in.
    pub auth: &'static [AuthForm],
    /// `Target.spec`: the common fields and its own.
    pub target: &'static Shape,
    /// The own fields of `Target.spec` that say which account it is.
    pub account: &'static [&'static str],
    /// The option and its value with which the credential alone decides which account it is; the account's fields only name it then.
    pub bound_by_credential: Option<(&'static str, &'static str)>,
    /// The paths that a policy may say otherwise.
    pub paths: &'static [PathSpec],
    /// The spec of a set: the common fields, `assignments`, `protect`, and `scope` or the fields of the address.
    pub set: &'static Shape,
    /// A key pattern by ids, where names would be too weak: in a policy, and as what a credential acts as.
    pub pattern: &'static Shape,
    /// Whether the set's own key fields are its scope (Streamline).
    pub address_is_scope: bool,
    /// The key parts by which an imported account is divided into files; where the address is the scope, the address.
    pub divide_by: &'static [usize],
    /// Rules of a target beyond its table.
    pub check_target: fn(&Record<'_>, &mut Findings),
    /// Rules of an assignment beyond its table.
    pub check_assignment: fn(&Record<'_>, &mut Findings),
}

impl Kind {
    /// The provider's name.
    pub fn provider(&self) -> &'static str {
        self.capabilities.provider
    }
}

/// For kinds whose tables say everything.
pub fn no_more_rules(_: &Record<'_>, _: &mut Findings) {}
