//! Proxies: which variable names one, what is wrong with its value, and how one refused. No message shows a value, which may hold a
//! password.

use std::time::Duration;

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use super::hosts::is_loopback;

/// The variables that name a proxy for `https`, first come first served. Plain `http` goes to loopback only, and never to a proxy.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The variables that name the hosts without a proxy.
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// How long the status of a refusal is waited for: 5 s, for it only makes a message exact.
const STATUS_TIMEOUT: Duration = Duration::from_secs(5);

/// The most bytes of a proxy's answer that are read for its status.
const STATUS_LINE: usize = 64;

/// The proxies that the environment names. By default there are none.
#[derive(Clone, Default)]
pub struct Proxies {
    named: Option<(&'static str, SecretString)>,
    exceptions: String,
}

impl std::fmt::Debug for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Proxies").field(&self.variable()).finish()
    }
}

/// A proxy that stands between this machine and an address.
pub(super) struct Chosen {
    /// The variable that names it.
    pub(super) variable: &'static str,
    intercept: Intercept,
}

impl Proxies {
    /// Takes the proxies from variables; empty ones count as unset. `get` gives a variable's value.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let named = VARIABLES.into_iter().find_map(|name| Some((name, SecretString::from(set(name)?))));
        Self { named, exceptions: EXCEPTIONS.into_iter().find_map(set).unwrap_or_default() }
    }

    fn variable(&self) -> Option<&'static str> {
        self.named.as_ref().map(|(variable, _)| *variable)
    }

    /// The proxy for an address; `None` where it is reached directly.
    ///
    /// # Errors
    /// The variable is named, and what to write.
    pub(super) fn choose(&self, url: &Url) -> Result<Option<Chosen>, String> {
        let Some((variable, value)) = self.named.as_ref().filter(|_| !is_loopback(url)) else { return Ok(None) };
        let Ok(uri) = url.as_str().parse() else { return Ok(None) };
        // Any proxy serves to see whether the address has one at all.
        let any = Matcher::builder().https("http://proxy.invalid:1").no(self.exceptions.as_str()).build();
        if any.intercept(&uri).is_none() {
            return Ok(None);
        }
        let address = checked(variable, value.expose_secret())?;
        let intercept = Matcher::builder().https(address).build().intercept(&uri);
        match intercept {
            Some(intercept) => Ok(Some(Chosen { variable, intercept })),
            None => Err(unparsable(variable)),
        }
    }

    /// The same for the library that connects. Whoever calls it has called [`Self::choose`].
    pub(super) fn for_library(&self) -> Option<reqwest::Proxy> {
        let (variable, value) = self.named.as_ref()?;
        let address = checked(variable, value.expose_secret()).ok()?;
        let proxy = reqwest::Proxy::https(address).ok()?;
        Some(proxy.no_proxy(reqwest::NoProxy::from_string(&self.exceptions)))
    }
}

/// A proxy's address with its scheme, `http` unless it is written.
fn checked(variable: &str, value: &str) -> Result<String, String> {
    let full = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = Url::parse(&full).map_err(|_| unparsable(variable))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "the proxy variable {variable} names a proxy of the scheme {}, which is not supported; write http://[USER:PASSWORD@]HOST:PORT",
            url.scheme()
        ));
    }
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if bare && url.has_host() { Ok(full) } else { Err(unparsable(variable)) }
}

fn unparsable(variable: &str) -> String {
    format!(
        "the proxy variable {variable} holds no address of a proxy; write http://[USER:PASSWORD@]HOST:PORT, or unset it"
    )
}

impl Chosen {
    /// The status with which the proxy refuses a tunnel to an address. It is asked once more, for the library does not tell.
    /// `None` for a proxy that is itself reached by TLS, and for one that does not answer.
    pub(super) async fn status(&self, to: &Url) -> Option<u16> {
        tokio::time::timeout(STATUS_TIMEOUT, self.ask(to)).await.ok().flatten()
    }

    async fn ask(&self, to: &Url) -> Option<u16> {
        let proxy = self.intercept.uri();
        if proxy.scheme_str() != Some("http") {
            return None;
        }
        let (host, port) = (proxy.host()?.trim_matches(['[', ']']), proxy.port_u16().unwrap_or(80));
        let mut connection = tokio::net::TcpStream::connect((host, port)).await.ok()?;
        let to = format!("{}:{}", to.host_str()?, to.port_or_known_default()?);
        let mut head = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n").into_bytes();
        if let Some(auth) = self.intercept.basic_auth() {
            head.extend_from_slice(b"Proxy-Authorization: ");
            head.extend_from_slice(auth.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        connection.write_all(&head).await.ok()?;
        let mut line = Vec::with_capacity(STATUS_LINE);
        connection.take(STATUS_LINE as u64).read_to_end(&mut line).await.ok()?;
        let line = String::from_utf8_lossy(&line);
        line.strip_prefix("HTTP/1.")?.split_ascii_whitespace().nth(1)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn proxies(set: &[(&str, &str)]) -> Proxies {
        Proxies::from_variables(|name| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn variable(set: &[(&str, &str)], url: &str) -> Result<Option<&'static str>, String> {
        proxies(set).choose(&url.parse().unwrap()).map(|chosen| chosen.map(|chosen| chosen.variable))
    }

    const API: &str = "https://api.vendor.example/x";

    #[test]
    fn the_first_variable_that_is_not_empty_names_the_proxy() {
        let good = "http://user:pass@proxy.example:3128";
        assert_eq!(variable(&[], API), Ok(None));
        assert_eq!(variable(&[("HTTPS_PROXY", good), ("ALL_PROXY", "junk://")], API), Ok(Some("HTTPS_PROXY")));
        assert_eq!(variable(&[("HTTPS_PROXY", ""), ("https_proxy", good)], API), Ok(Some("https_proxy")));
        assert_eq!(variable(&[("HTTPS_PROXY", "  "), ("all_proxy", "proxy.example:3128")], API), Ok(Some("all_proxy")));
        assert_eq!(variable(&[("HTTP_PROXY", good)], API), Ok(None), "no request goes out as plain http");
        assert_eq!(variable(&[("HTTPS_PROXY", "socks5://x")], "http://127.0.0.1:1/"), Ok(None), "never for loopback");
    }

    #[test]
    fn hosts_without_a_proxy_need_no_good_one() {
        for no in ["*", "api.vendor.example", ".vendor.example", "x, vendor.example"] {
            assert_eq!(variable(&[("ALL_PROXY", "socks5://x"), ("NO_PROXY", no)], API), Ok(None), "{no}");
        }
        assert!(variable(&[("ALL_PROXY", "socks5://x"), ("no_proxy", "other.example")], API).is_err());
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_an_error_that_names_the_variable_and_no_value() {
        for value in [
            "socks5://canary@proxy.example:1080",
            "ftp://canary.example",
            "http://",
            "http://canary:port",
            "http:/canary",
            "http//canary",
            "canary.example/path",
            "http://canary.example:3128?x=1",
            "http://user:canary@",
            "http://a b.canary",
            "://canary",
            "{canary}",
        ] {
            match variable(&[("HTTPS_PROXY", value)], API) {
                Err(message) => assert!(message.contains("HTTPS_PROXY") && !message.contains("canary"), "{message}"),
                Ok(chosen) => panic!("{value}: {chosen:?}"),
            }
        }
    }
}
