//! What can go wrong on the wire, told so that a person knows what to do next.

/// Why a request has no answer that a provider could read.
///
/// Every text names the method and the path (never the query), what came, and the next step; none holds a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HttpError {
    /// Nothing reached the API: a refused host, an impossible path, no address, no TLS.
    #[error("{place}: not sent: {problem}")]
    NotSent {
        /// Method, path and host.
        place: Box<str>,
        /// What is wrong, and what to do.
        problem: Box<str>,
        /// An earlier attempt of the same write may have been carried out.
        maybe_done: bool,
    },
    /// Sent, and the answer never came whole.
    #[error("{place}: sent, but no whole answer came: {problem}; {}", after_loss(*.maybe_done))]
    Lost {
        /// Method, path and host.
        place: Box<str>,
        /// What was seen instead.
        problem: Box<str>,
        /// It is a write, so it may have been carried out.
        maybe_done: bool,
        /// It was lost at once, before any byte of an answer, on a connection that may have served earlier requests. The peer had
        /// closed that connection, most likely, and the request is not on its way any more.
        stale_connection: bool,
    },
    /// The API refused or could not be reached until the retry budget ended.
    #[error("{place}: temporarily unavailable: {problem}; try again later, or raise limits.retry_budget")]
    BudgetSpent {
        /// Method, path and host.
        place: Box<str>,
        /// The last refusal, and how long was waited.
        problem: Box<str>,
        /// An earlier attempt of the same write may have been carried out.
        maybe_done: bool,
    },
    /// The run was stopped before the request was sent, or before it was sent again.
    #[error("{place}: {}: {problem}; run again", after_stop(*.maybe_done))]
    Stopped {
        /// Method, path and host.
        place: Box<str>,
        /// What it waited for.
        problem: Box<str>,
        /// An earlier attempt of the same write may have been carried out.
        maybe_done: bool,
    },
    /// No token, or none that is accepted.
    #[error("{place}: sign-in failed: {problem}")]
    SignIn {
        /// Method, path and host.
        place: Box<str>,
        /// Which secret reference is concerned, what came, and what to do.
        problem: Box<str>,
        /// An earlier attempt of the same write may have been carried out.
        maybe_done: bool,
    },
    /// An answer that no API of ours gives.
    #[error("{place}: {problem}")]
    BadAnswer {
        /// Method, path and host.
        place: Box<str>,
        /// What came, with the start of the body.
        problem: Box<str>,
        /// It was a write, so it may have been carried out.
        maybe_done: bool,
    },
}

impl HttpError {
    /// Whether nothing is wrong with the input, and the same run may succeed later: the retry budget is spent, or the answers of a read
    /// were lost again and again.
    pub fn temporary(&self) -> bool {
        match self {
            HttpError::BudgetSpent { .. } | HttpError::Stopped { .. } => true,
            HttpError::Lost { maybe_done, .. } => !maybe_done,
            _ => false,
        }
    }

    /// Whether the request was lost on a connection that the peer had closed before, most likely.
    pub fn stale_connection(&self) -> bool {
        matches!(self, HttpError::Lost { stale_connection: true, .. })
    }

    /// Whether a write may have been carried out although there is no answer: read before sending again.
    pub fn may_have_happened(&self) -> bool {
        match self {
            HttpError::NotSent { maybe_done, .. }
            | HttpError::Lost { maybe_done, .. }
            | HttpError::BudgetSpent { maybe_done, .. }
            | HttpError::Stopped { maybe_done, .. }
            | HttpError::SignIn { maybe_done, .. }
            | HttpError::BadAnswer { maybe_done, .. } => *maybe_done,
        }
    }

    /// The same error, from the request that met it: an accident of an earlier attempt is not forgotten.
    pub(super) fn after(mut self, earlier_maybe_done: bool) -> Self {
        match &mut self {
            HttpError::NotSent { maybe_done, .. }
            | HttpError::Lost { maybe_done, .. }
            | HttpError::BudgetSpent { maybe_done, .. }
            | HttpError::Stopped { maybe_done, .. }
            | HttpError::SignIn { maybe_done, .. }
            | HttpError::BadAnswer { maybe_done, .. } => *maybe_done |= earlier_maybe_done,
        }
        self
    }
}

fn after_stop(maybe_done: bool) -> &'static str {
    if maybe_done { "the run was stopped before it was sent again" } else { "the run was stopped before it was sent" }
}

fn after_loss(maybe_done: bool) -> &'static str {
    if maybe_done { "it may have been carried out, so read before sending it again" } else { "try again" }
}
