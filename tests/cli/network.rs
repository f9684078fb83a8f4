//! Proxies and certificate authorities, as the environment and the flags name them (docs/pipelines.md): over loopback only.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{Place, set, target};
use crate::support::{self, Run, write};

/// An authority made for these tests, valid until 2119, and a certificate of `parts.vendor.test` and 0.0.0.0 that it signed. The
/// authority's own key is gone; the key of the certificate protects nothing.
const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/authority/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("authority/leaf.der");
const KEY: &[u8] = include_bytes!("authority/leaf-key.der");

const TOKEN: &str = "tok-canary-5";
const PROXY_PASSWORD: &str = "proxy-canary-5";

/// What came over a wire.
type Seen = Arc<Mutex<Vec<u8>>>;

fn text(seen: &Seen) -> String {
    String::from_utf8_lossy(&seen.lock().unwrap()).into_owned()
}

/// An API over TLS that has no assignments; gives what was sent to it, decrypted.
fn api() -> (SocketAddr, Seen) {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(KEY.to_vec()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE.to_vec())], key)
        .unwrap();
    let (config, seen) = (Arc::new(config), Seen::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let kept = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut tls = rustls::StreamOwned::new(rustls::ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let mut piece = [0; 4096];
            // The requests of these tests fit into one record; a client that does not trust this server leaves in the middle.
            let Ok(count) = tls.read(&mut piece) else { continue };
            kept.lock().unwrap().extend_from_slice(&piece[..count]);
            let body = r#"{"result": [], "last_object_id": null, "more_data": false}"#;
            let head = "HTTP/1.1 200 X\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
            let _ = tls.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes());
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    });
    (address, seen)
}

/// A proxy that opens every tunnel to one address, or refuses; gives the heads that it was sent, and all that it carried towards the API.
fn proxy(to: Option<SocketAddr>) -> (String, Seen, Seen) {
    proxy_that("407 Proxy Authentication Required", to)
}

/// The same, which refuses with `status`.
fn proxy_that(status: &'static str, to: Option<SocketAddr>) -> (String, Seen, Seen) {
    let (heads, carried) = (Seen::default(), Seen::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (kept_heads, kept) = (Arc::clone(&heads), Arc::clone(&carried));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (heads, carried) = (Arc::clone(&kept_heads), Arc::clone(&kept));
            std::thread::spawn(move || tunnel(stream, (status, to), &heads, &carried));
        }
    });
    (format!("http://user:{PROXY_PASSWORD}@{address}"), heads, carried)
}

fn tunnel(client: TcpStream, way: (&str, Option<SocketAddr>), heads: &Seen, carried: &Seen) -> Option<()> {
    let (status, to) = way;
    let mut from_client = BufReader::new(client.try_clone().ok()?);
    loop {
        let mut line = String::new();
        from_client.read_line(&mut line).ok()?;
        heads.lock().unwrap().extend_from_slice(line.as_bytes());
        if line.trim().is_empty() {
            break;
        }
    }
    let mut to_client = client;
    let Some(to) = to else {
        return to_client.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).ok();
    };
    let mut to_api = TcpStream::connect(to).ok()?;
    let mut from_api = to_api.try_clone().ok()?;
    to_client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    std::thread::spawn(move || std::io::copy(&mut from_api, &mut to_client));
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = from_client.read(&mut piece) {
        carried.lock().unwrap().extend_from_slice(&piece[..count]);
        to_api.write_all(&piece[..count]).ok()?;
    }
    Some(())
}

/// Plans a repository whose target is at `host`, with the given environment and flags.
fn plan(host: &str, env: &[(&str, &str)], flags: &[&str]) -> Run {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\n");
    write(dir.path(), "target.yaml", &target(&format!("https://{host}")));
    write(dir.path(), "set.yaml", &set("austria", "at", "a, b"));
    run(dir.path(), host, env, flags)
}

fn run(dir: &Path, host: &str, env: &[(&str, &str)], flags: &[&str]) -> Run {
    let mut command = support::program(dir);
    command.args(["plan", "--allow-host", host, "-vv"]).args(flags).env("TOKEN", TOKEN);
    let run = support::run(command.envs(env.iter().copied()));
    for secret in [TOKEN, PROXY_PASSWORD] {
        assert!(!run.text().contains(secret), "{secret} is shown: {}", run.text());
    }
    run
}

const VENDOR: &str = "parts.vendor.test";

#[test]
fn a_proxy_opens_a_tunnel_and_sees_no_credential() {
    let (address, asked) = api();
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let (url, heads, carried) = proxy(Some(address));
        let run = plan(VENDOR, &[(name, &url), ("SSL_CERT_FILE", AUTHORITY)], &[]);
        assert_eq!(run.code, 0, "{name}: {}", run.text());
        assert!(run.stdout.contains("2 to create"), "{}", run.text());
        let heads = text(&heads);
        assert!(heads.starts_with("CONNECT parts.vendor.test:443 HTTP/1.1\r\n"), "{name}: {heads}");
        assert!(heads.to_lowercase().contains("proxy-authorization: basic "), "the proxy's own sign-in: {heads}");
        assert!(!heads.contains(TOKEN) && !heads.to_lowercase().contains("\nauthorization:"), "{heads}");
        assert!(!text(&carried).contains(TOKEN) && !carried.lock().unwrap().is_empty(), "the tunnel is in the clear");
        assert!(text(&asked).contains(TOKEN), "the API itself was signed in to: {}", text(&asked));
    }
}

#[test]
fn an_authority_of_ones_own_is_trusted_by_flag_and_by_environment_and_not_without() {
    let (address, asked) = api();
    let (url, _, _) = proxy(Some(address));
    let refused = plan(VENDOR, &[("HTTPS_PROXY", &url)], &[]);
    assert_eq!(refused.code, 1, "{}", refused.text());
    assert!(refused.text().contains("no trusted TLS connection to parts.vendor.test"), "{}", refused.text());
    assert!(!text(&asked).contains(TOKEN), "a server that is not trusted is told nothing");
    assert_eq!(plan(VENDOR, &[("HTTPS_PROXY", &url)], &["--ca-file", AUTHORITY]).code, 0);
    assert_eq!(plan(VENDOR, &[("HTTPS_PROXY", &url), ("ASSIGNCTL_CA_FILE", AUTHORITY)], &[]).code, 0);
}

#[test]
fn a_proxy_that_refuses_ends_the_run_at_once_and_is_named_with_its_status() {
    for (variable, status, advice) in [
        ("HTTPS_PROXY", "407 Proxy Authentication Required", "correct the user name and password in HTTPS_PROXY"),
        ("ALL_PROXY", "403 Forbidden", "let it allow this host"),
        ("https_proxy", "404 Not Found", "NO_PROXY"),
    ] {
        let (url, heads, _) = proxy_that(status, None);
        let run = plan(VENDOR, &[(variable, &url)], &[]);
        assert_eq!(run.code, 1, "{}", run.text());
        let number = status.split(' ').next().unwrap();
        for part in [&format!("the proxy that {variable} names answered {number}")[..], advice] {
            assert!(run.text().contains(part), "{part}: {}", run.text());
        }
        let asked = text(&heads).matches("CONNECT ").count();
        assert!((1..=2).contains(&asked), "asked {asked} times: once, and once for the status");
    }
}

#[test]
fn a_proxy_whose_own_way_is_closed_is_asked_again() {
    let (url, heads, _) = proxy_that("503 Service Unavailable", None);
    let run = plan(VENDOR, &[("HTTPS_PROXY", &url)], &["--retry-budget", "1s"]);
    assert_eq!(run.code, 6, "{}", run.text());
    assert!(text(&heads).matches("CONNECT ").count() >= 2, "{}", text(&heads));
}

#[test]
fn a_proxy_variable_that_cannot_be_used_is_an_error_and_no_direct_connection() {
    let (address, asked) = api();
    let host = format!("0.0.0.0:{}", address.port());
    for value in [
        "socks5://user:proxy-canary-5@127.0.0.1:1",
        "http://user:proxy-canary-5@",
        "http//proxy-canary-5",
        "{proxy-canary-5}",
    ] {
        let run = plan(&host, &[("HTTPS_PROXY", value), ("SSL_CERT_FILE", AUTHORITY)], &[]);
        assert_eq!(run.code, 1, "{value}: {}", run.text());
        assert!(run.text().contains("the proxy variable HTTPS_PROXY"), "{value}: {}", run.text());
    }
    assert_eq!(text(&asked), "", "nothing was sent past the proxy");
    let unset = plan(&host, &[("HTTPS_PROXY", ""), ("SSL_CERT_FILE", AUTHORITY)], &[]);
    assert_eq!(unset.code, 0, "an empty variable counts as unset: {}", unset.text());
}

/// 0.0.0.0 is this machine, and no loopback address: what stands for a host that is not behind the proxy.
#[cfg(target_os = "linux")]
#[test]
fn no_proxy_names_hosts_that_are_reached_directly() {
    let (address, asked) = api();
    let host = format!("0.0.0.0:{}", address.port());
    let (url, heads, _) = proxy(Some(address));
    let through = [("HTTPS_PROXY", &*url), ("SSL_CERT_FILE", AUTHORITY)];
    assert_eq!(plan(&host, &through, &[]).code, 0);
    assert!(text(&heads).starts_with("CONNECT 0.0.0.0:"), "{}", text(&heads));
    heads.lock().unwrap().clear();
    asked.lock().unwrap().clear();
    let direct = [("HTTPS_PROXY", &*url), ("SSL_CERT_FILE", AUTHORITY), ("NO_PROXY", "other.test,0.0.0.0")];
    let run = plan(&host, &direct, &[]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(text(&heads), "", "the proxy was not asked");
    assert!(text(&asked).contains(TOKEN));
}

#[test]
fn loopback_is_never_reached_through_a_proxy() {
    let place = Place::new();
    let (url, heads, _) = proxy(None);
    let mut command = place.command(&["apply", "--auto-approve"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, &url);
    }
    let run = support::run(&mut command);
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(text(&heads), "", "a proxy would have seen the token");
}
