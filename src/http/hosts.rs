//! Which hosts may get credentials, and over which scheme. It knows addresses, not what is sent to them.

use std::net::Ipv6Addr;

use url::{Host, Url};

use crate::model::AllowedHost;

/// The hosts that requests may go to: the vendor's, loopback, and those that the caller allowed (DESIGN section 3). Whoever edits a
/// manifest can change an address; only the caller can widen this list.
#[derive(Debug, Clone)]
pub struct HostPolicy {
    vendor: Vec<Allowed>,
    allowed: Vec<Allowed>,
}

/// One entry: a host, on any port unless one is given.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Allowed {
    host: String,
    port: Option<u16>,
}

/// Why an address gets nothing, with the way round.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the scheme {0} is not supported; use https (or http on loopback)")]
    Scheme(String),
    #[error("plain http would show the credentials on the way to {0}; use https (http is for loopback only)")]
    Plain(String),
    #[error("the address holds a user name or password; take them out, sign-in comes from `auth`")]
    UserInfo,
    #[error("the host {0} may not get credentials; if it should, allow it with --allow-host {0}")]
    Host(String),
    #[error("the address names no host; write it as https://HOST")]
    NoHost,
}

impl HostPolicy {
    /// The vendor's public host, and the caller's `HOST` or `HOST:PORT` entries. An entry that is no host matches nothing.
    pub fn new<I>(vendor_host: &str, allowed: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Self {
            vendor: Allowed::parse(vendor_host).into_iter().collect(),
            allowed: allowed.into_iter().filter_map(|entry| Allowed::parse(entry.as_ref())).collect(),
        }
    }

    /// Whether requests of the API may go there.
    pub(super) fn check(&self, url: &Url) -> Result<(), Refusal> {
        self.judge(url, true)
    }

    /// Whether a token may be asked for there: the vendor's host is no exception, for a token endpoint is somebody else's address until
    /// the caller says otherwise (DESIGN section 3: "a `token_url` always needs it").
    pub(super) fn check_token_url(&self, url: &Url) -> Result<(), Refusal> {
        self.judge(url, false)
    }

    fn judge(&self, url: &Url, trust_vendor: bool) -> Result<(), Refusal> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::UserInfo);
        }
        let name = host_name(url).ok_or(Refusal::NoHost)?;
        match url.scheme() {
            "http" if !is_loopback(url) => return Err(Refusal::Plain(name)),
            "http" | "https" => {}
            other => return Err(Refusal::Scheme(other.to_owned())),
        }
        let port = url.port_or_known_default();
        let listed = |list: &[Allowed]| list.iter().any(|entry| entry.matches(&name, port));
        if is_loopback(url) || listed(&self.allowed) || (trust_vendor && listed(&self.vendor)) {
            Ok(())
        } else {
            Err(Refusal::Host(name))
        }
    }
}

impl Allowed {
    fn parse(text: &str) -> Option<Self> {
        AllowedHost::parse(text).map(|AllowedHost { host, port }| Self { host, port })
    }

    fn matches(&self, host: &str, port: Option<u16>) -> bool {
        self.host == host && (self.port.is_none() || self.port == port)
    }
}

/// The host as compared and shown: lower case, without the root dot.
fn host_name(url: &Url) -> Option<String> {
    let name = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

/// Host and port as a person writes them.
pub(super) fn host_and_port(url: &Url) -> String {
    let host = host_name(url).unwrap_or_else(|| "(no host)".to_owned());
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

/// Whether the address cannot leave this machine. `localhost` counts: RFC 6761 section 6.3 keeps it for loopback.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip == Ipv6Addr::LOCALHOST,
        Some(Host::Domain(name)) => name.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
        None => false,
    }
}
