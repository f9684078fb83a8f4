//! Addresses in the one form in which they are compared: however the address of an account is spelled, it is one account.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::Pattern;

/// How the embedded server is called where an address is due.
pub const SANDBOX: &str = "sandbox";

/// The one name of this machine.
const LOOPBACK: &str = "localhost";

/// An address in its canonical form: the host in lower case without a trailing dot, the three names of this machine as `localhost`, no user
/// name, no default port, and a path without doubled or trailing slashes and without needless percent-encoding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    scheme: String,
    host: String,
    port: Option<u16>,
    /// Empty, or it begins with a slash.
    path: String,
}

impl Address {
    /// Reads an address; `None` where it is none or names no host.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(&Url::parse(text).ok()?)
    }

    /// The canonical form of a URL; `None` where it names no host.
    pub fn of(url: &Url) -> Option<Self> {
        let host = canonical_host(url)?;
        let path: String = url.path().split('/').filter(|segment| !segment.is_empty()).map(canonical_segment).collect();
        // `port` is nothing where it is the scheme's default.
        Some(Self { scheme: url.scheme().to_owned(), host, port: url.port(), path })
    }

    /// What makes the address the same place: neither the scheme nor the case of the path tells two accounts apart.
    pub fn place(&self) -> String {
        let port = self.port.or(if self.scheme == "http" { Some(80) } else { Some(443) }).unwrap_or_default();
        let host = if is_this_machine(&self.host) { LOOPBACK } else { &self.host };
        format!("{host}:{port}{}", self.path.to_lowercase())
    }

    fn authority(&self, host: &str) -> String {
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority(&self.host), self.path)
    }
}

/// An address, or `sandbox`, in canonical form; a text that is neither stays as it is.
pub fn canonical(text: &str) -> String {
    match text {
        SANDBOX => SANDBOX.to_owned(),
        text => Address::parse(text).map_or_else(|| text.to_owned(), |address| address.to_string()),
    }
}

/// The host in lower case, without trailing dots; the three names of this machine are `localhost`.
fn canonical_host(url: &Url) -> Option<String> {
    let host = match url.host()? {
        Host::Domain(name) => name.trim_end_matches('.').to_ascii_lowercase(),
        Host::Ipv4(ip) if ip == Ipv4Addr::LOCALHOST => LOOPBACK.to_owned(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) if ip == Ipv4Addr::LOCALHOST => LOOPBACK.to_owned(),
            Some(ip) => ip.to_string(),
            None if ip == Ipv6Addr::LOCALHOST => LOOPBACK.to_owned(),
            None => format!("[{ip}]"),
        },
    };
    (!host.is_empty()).then_some(host)
}

/// Whether requests to a canonical host stay on this machine. The unspecified addresses reach it too.
fn is_this_machine(host: &str) -> bool {
    let is_ip = |ip: Ipv4Addr| ip.is_loopback() || ip == Ipv4Addr::UNSPECIFIED;
    host == LOOPBACK || host.ends_with(".localhost") || host == "[::]" || host.parse().is_ok_and(is_ip)
}

/// A path segment with its slash: what needs no percent-encoding is decoded, the rest is encoded in one way.
fn canonical_segment(segment: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(segment.len() + 1);
    text.push('/');
    for byte in percent_decode_str(segment) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            // Writing to a String cannot fail.
            byte => drop(write!(text, "%{byte:02X}")),
        }
    }
    text
}

/// A host that the caller lets get credentials, on any port unless one is given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AllowedHost {
    /// The host in lower case, without trailing dots.
    pub host: String,
    /// The port.
    pub port: Option<u16>,
}

impl AllowedHost {
    /// Reads `HOST` or `HOST:PORT`; `None` for anything else, such as a whole address.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        // The URL parser knows case, IDNA and IPv6 brackets; a scheme that it does not treat specially would leave them as written.
        let url = Url::parse(&format!("https://{text}/")).ok()?;
        let bare =
            url.path() == "/" && url.query().is_none() && url.fragment().is_none() && !text.contains(['@', '/', '*']);
        let explicit_443 = text.ends_with(":443");
        let port = url.port().or(explicit_443.then_some(443));
        let host = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
        (bare && !host.is_empty()).then_some(Self { host, port })
    }

    /// Whether an address is at this host.
    pub fn holds(&self, address: &Address) -> bool {
        let named = Url::parse(&format!("https://{}/", self.host)).ok().and_then(|url| canonical_host(&url));
        let port = address.port.or(if address.scheme == "http" { Some(80) } else { Some(443) });
        named.as_deref() == Some(&address.host) && (self.port.is_none() || self.port == port)
    }
}

/// The addresses that a policy lets a target have: one address, or a pattern in which `*` stands for any run of characters within the
/// scheme, the host or the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressPattern {
    written: String,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Sandbox,
    One(Address),
    Pattern { scheme: Pattern, authority: Pattern, path: Pattern },
}

impl AddressPattern {
    /// Reads a pattern; `None` where no address could ever fit.
    pub fn parse(text: &str) -> Option<Self> {
        let form = if text == SANDBOX {
            Form::Sandbox
        } else if !text.contains('*') {
            Form::One(Address::parse(text)?)
        } else {
            let (scheme, rest) = if text == "*" { ("*", "*") } else { text.split_once("://")? };
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            // `https://*` is every address: nothing is said about the path.
            let path = if authority == "*" && !rest.contains('/') { "*" } else { path.trim_end_matches('/') };
            let authority = Pattern::new(&authority.to_ascii_lowercase());
            Form::Pattern { scheme: Pattern::new(&scheme.to_ascii_lowercase()), authority, path: Pattern::new(path) }
        };
        Some(Self { written: text.to_owned(), form })
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The pattern in the form in which it is compared.
    pub fn canonical(&self) -> String {
        match &self.form {
            Form::Sandbox => SANDBOX.to_owned(),
            Form::One(address) => address.to_string(),
            Form::Pattern { scheme, authority, path } => {
                format!("{}://{}/{}", scheme.as_str(), authority.as_str(), path.as_str())
            }
        }
    }

    /// Whether an address fits. The embedded server fits its own name alone: `*` stands for addresses.
    pub fn matches(&self, endpoint: &str) -> bool {
        if endpoint == SANDBOX {
            return self.form == Form::Sandbox;
        }
        let Some(url) = Url::parse(endpoint).ok() else { return false };
        let Some(address) = Address::of(&url) else { return false };
        match &self.form {
            Form::Sandbox => false,
            Form::One(one) => *one == address,
            Form::Pattern { scheme, authority, path } => {
                // A pattern may say this machine's number where the canonical form has its name.
                let written = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
                let hosts = [address.authority(&address.host), address.authority(&written)];
                scheme.matches(&address.scheme)
                    && hosts.iter().any(|host| authority.matches(host))
                    && path.matches(address.path.trim_start_matches('/'))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_canonical_form_however_it_is_spelled() {
        for (canonical_form, spellings) in [
            (
                "https://api.canopy.dev",
                &[
                    "https://API.Canopy.Dev",
                    "https://api.canopy.dev.",
                    "https://api.canopy.dev:443/",
                    "HTTPS://api.canopy.dev//",
                    "https://user:word@api.canopy.dev",
                    "https://api.canopy.dev/./",
                    "https://api.canopy.dev/a/..",
                    " https://api.canopy.dev ",
                ][..],
            ),
            (
                "http://localhost:8080",
                &[
                    "http://127.0.0.1:8080",
                    "http://[::1]:8080/",
                    "http://LOCALHOST.:8080",
                    "http://127.1:8080",
                    "http://0x7f000001:8080",
                    "http://2130706433:8080",
                    "http://0177.0.0.1:8080",
                    "http://[0:0:0:0:0:0:0:1]:8080",
                    "http://[::ffff:127.0.0.1]:8080",
                ],
            ),
            (
                "https://gw.example.com/base/a~b",
                &[
                    "https://gw.example.com/base/a%7eb",
                    "https://gw.example.com/base/a%7Eb/",
                    "https://gw.example.com//base//a~b",
                    "https://gw.example.com/b%61se/%61~b",
                    "https://gw.example.com\\base\\a~b",
                ],
            ),
        ] {
            for spelling in spellings {
                assert_eq!(canonical(spelling), canonical_form, "{spelling}");
            }
            assert_eq!(canonical(canonical_form), canonical_form);
        }
    }

    #[test]
    fn other_places_stay_other_places() {
        let place = |text: &str| Address::parse(text).unwrap().place();
        for (a, b) in [
            ("https://api.example.com", "https://api.example.org"),
            ("https://api.example.com", "https://api.example.com:8443"),
            ("https://api.example.com/a", "https://api.example.com/b"),
            ("https://api.example.com/a%2Fb", "https://api.example.com/a/b"),
            ("http://127.0.0.1:1", "http://127.0.0.1:2"),
        ] {
            assert_ne!(place(a), place(b), "{a} {b}");
        }
        assert_eq!(place("https://gw.example.com/Base"), place("https://gw.example.com/base"));
        for host in ["127.0.0.2", "0.0.0.0", "[::]", "api.localhost"] {
            let url = format!("http://{host}:1");
            assert_eq!(place(&url), place("http://127.0.0.1:1"), "{host}");
            assert_ne!(canonical(&url), canonical("http://127.0.0.1:1"), "what permits is exact: {host}");
        }
    }

    #[test]
    fn a_star_stays_within_its_part_of_an_address_and_is_never_the_sandbox() {
        let fits = |pattern: &str, endpoint: &str| AddressPattern::parse(pattern).unwrap().matches(endpoint);
        assert!(fits("https://*.acme.com", "https://eu.ACME.com./"));
        assert!(fits("HTTPS://Api.Acme.com:443/", "https://api.acme.com"));
        assert!(fits("http://127.0.0.1:*", "http://127.0.0.1:8080") && fits("http://localhost:*", "http://[::1]:8080"));
        assert!(fits("https://gw.acme.com/*", "https://gw.acme.com/eu/1") && fits("https://*", "https://a.com/b"));
        assert!(fits("*", "https://a.com/b") && !fits("*", SANDBOX) && fits(SANDBOX, SANDBOX));
        assert!(!fits("https://*.acme.com", "https://evil.com/.acme.com"));
        assert!(!fits("https://*.acme.com", "https://evil.com/x.acme.com"));
        assert!(!fits("https://gw.acme.com", "https://gw.acme.com/eu"));
        for text in ["api.acme.com", "", "*.acme.com", "sandboxes"] {
            assert_eq!(AddressPattern::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_allowed_host_is_a_host_and_nothing_else() {
        let parse = |text| AllowedHost::parse(text).map(|allowed| (allowed.host, allowed.port));
        assert_eq!(parse(" API.acme.com. "), Some(("api.acme.com".to_owned(), None)));
        assert_eq!(parse("api.acme.com:443"), Some(("api.acme.com".to_owned(), Some(443))));
        for text in ["https://api.acme.com", "api.acme.com/v1", "a@b.com", "", "*.acme.com", "a.com?x", "a b"] {
            assert_eq!(parse(text), None, "{text}");
        }
        let holds = |host: &str, url: &str| AllowedHost::parse(host).unwrap().holds(&Address::parse(url).unwrap());
        assert!(holds("127.0.0.1", "http://localhost:8080") && holds("gw.a.com:8443", "https://gw.a.com:8443/x"));
        assert!(!holds("gw.a.com:8443", "https://gw.a.com") && !holds("a.com", "https://b.a.com"));
        assert!(!holds("127.0.0.1", "http://127.0.0.2:8080"));
    }
}
