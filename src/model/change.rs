//! Changes, as a provider carries them out: everything that a request needs, nothing that it must decide.

use super::{Fields, Key, Live, Sym};

/// What a change does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The assignment comes to be (on Streamline also: comes back).
    Create,
    /// The assignment stays and some of its fields, or its role, change.
    Update,
    /// The assignment is taken away (Streamline: archived).
    Remove,
}

/// One change of one assignment.
#[derive(Debug, Clone)]
pub struct Change {
    /// What it does.
    pub action: Action,
    /// The key after the change; for a removal, the key that goes.
    pub key: Key,
    /// The live row's key where the change replaces a key part (a role change).
    pub from_key: Option<Key>,
    /// The live row it changes or removes.
    pub live: Option<Live>,
    /// The declared fields; empty for a removal.
    pub desired: Fields,
    /// The names of the declared fields that differ and must be sent, sorted. A create sends all of `desired`.
    pub differs: Vec<&'static str>,
}

/// How a change travels. Changes with equal `name` and `group` may share a request, up to `batch` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// Method and path with placeholders, such as `PATCH …/assignments/{id}`. Shown in plans and reports.
    pub name: &'static str,
    /// What the changes of one request must have in common, such as the new role; [`Sym::NONE`] where nothing.
    pub group: Sym,
    /// The most changes a request carries; at least 1.
    pub batch: usize,
    /// Requests a batch takes, at least 1 (a re-creation takes two).
    pub requests: u32,
}

impl Route {
    /// Whether it removes an object and creates it again: no other route takes several requests for one change.
    pub fn recreates(&self) -> bool {
        self.requests > 1
    }
}

/// Changes that travel together by one route.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The route they share.
    pub route: Route,
    /// The changes, at most `route.batch` of them.
    pub changes: Vec<&'a Change>,
}

/// What shows that a write happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The API's answer named the object or its index.
    Answer,
    /// The answer tells nothing (Partium's delete): only a listing can prove it.
    Listing,
}

/// How a write of one change ended, as far as the provider can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOutcome {
    /// Accepted.
    Done(Proof),
    /// The API says that it was so before. A listing has to confirm it.
    Already(String),
    /// Refused by the API, or made impossible by an error before anything was sent.
    Failed {
        /// What the API or the client said, with what to do; never a secret.
        message: String,
        /// The API's own code, where it gives one.
        code: Option<String>,
        /// HTTP status, where there was an answer.
        status: Option<u16>,
        /// The retry budget was spent on it, or the system is in maintenance: nothing is wrong with the input.
        temporary: bool,
    },
    /// The run was stopped before it was sent.
    NotSent {
        /// What it waited for, such as "the API asked for a pause".
        why: String,
    },
    /// It may or may not have happened: read before sending again.
    Unknown {
        /// What was seen, such as "the connection broke after the request was sent".
        why: String,
        /// Whether a re-read that shows the state from before allows one more sending in this run. False where the request may
        /// still be carried out later (a gateway that stopped waiting) and a repeat would take effect twice.
        repeatable: bool,
    },
}

impl WriteOutcome {
    /// An outcome that nobody knows, of a change that may be sent again once a re-read shows that nothing happened.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown { why: why.into(), repeatable: true }
    }
}
