//! Certificates and name service: what is trusted, and which accident is which.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::server::{Server, json};
use super::{Setup, read};
use crate::http::HttpError;
use crate::http::wire::{Outcome, Unreachable, accident};

/// An authority made for these tests, valid until 2120, and a certificate of `localhost` and 127.0.0.1 that it signed. The authority's
/// own key is gone; the key of the certificate protects nothing.
const AUTHORITY: &[u8] = include_bytes!("../testdata/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("../testdata/leaf.der");
const KEY: &[u8] = include_bytes!("../testdata/leaf-key.der");

/// Answers every TLS connection with one JSON answer.
fn tls_server() -> SocketAddr {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(KEY.to_vec()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE.to_vec())], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut tls = rustls::StreamOwned::new(rustls::ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            // A client that does not trust this server leaves in the middle, which is what some tests want.
            let _ = tls.read(&mut [0; 4096]);
            let _ = tls.write_all(
                b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
            );
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    });
    address
}

#[tokio::test]
async fn an_authority_that_the_caller_gives_is_trusted() {
    let port = tls_server().port();
    for host in ["localhost", "127.0.0.1"] {
        let mut setup = Setup::to(&format!("https://{host}:{port}").parse().unwrap());
        setup.roots = vec![AUTHORITY.to_vec()];
        assert_eq!(setup.client().send(read()).await.unwrap().status, 200, "{host}");
    }
}

#[tokio::test]
async fn an_unknown_authority_is_refused_at_once() {
    let address = tls_server();
    let client = Setup::to(&format!("https://{address}").parse().unwrap()).client();
    let error = client.send(read()).await.unwrap_err();
    assert!(matches!(error, HttpError::NotSent { .. }) && !error.temporary(), "{error:?}");
    assert!(error.to_string().contains("no trusted TLS connection"), "{error}");
    assert_eq!(client.requests(), 1, "waiting makes no certificate valid");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_as_such() {
    let server = Server::start(|_, _| json(200, "{}")).await;
    let talks_first = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = talks_first.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in talks_first.incoming().flatten() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = stream.read(&mut [0; 4096]);
        }
    });
    let client = Setup::to(&format!("https://{address}").parse().unwrap()).client();
    let error = client.send(read()).await.unwrap_err();
    assert!(matches!(error, HttpError::NotSent { .. }), "{error:?}");
    assert_eq!((client.requests(), server.connections()), (1, 0));
}

#[test]
fn a_file_without_certificates_is_refused() {
    for pem in [&b"not a certificate"[..], b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let mut setup = Setup::to(&"https://localhost:1".parse().unwrap());
        setup.roots = vec![pem.to_vec()];
        let error = setup.build().unwrap_err();
        assert!(
            matches!(error, HttpError::NotSent { .. }) && error.to_string().contains("TLS cannot be set up"),
            "{error}"
        );
    }
}

/// A name service that knows nobody.
struct Nobody;

impl reqwest::dns::Resolve for Nobody {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async { Err("no such name".into()) })
    }
}

#[tokio::test]
async fn an_unknown_name_is_told_apart_from_a_connection_that_failed() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only(std::iter::empty());
    let client = builder.dns_resolver(Arc::new(Nobody)).connect_timeout(Duration::from_secs(5)).build().unwrap();
    let error = client.get("http://api.vendor.example/").send().await.unwrap_err();
    assert!(matches!(accident(&error), Outcome::Unreachable(Unreachable::Name, _)), "{error:?}");
    let error = client.get("http://127.0.0.1:1/").send().await.unwrap_err();
    assert!(matches!(accident(&error), Outcome::Unreachable(Unreachable::Connection, _)), "{error:?}");
}
