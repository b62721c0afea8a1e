//! Addresses, ports, TLS and the ready file.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use crate::support::server::echo_hub;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use ws_mock::base::Limits;
use ws_mock::config::{Config, Tls};
use ws_mock::server::{Server, ServerError};

use crate::support::raw::Raw;
use crate::support::server::{TestServer, config};

fn start(config: &Config) -> TestServer {
    TestServer::start(config, echo_hub(&["/ws"], config.limits), None)
}

fn with_tls(folder: &Path, only: bool, limits: Limits) -> Config {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls {
        cert: folder.join("cert.pem"),
        key: folder.join("cert.key"),
        only,
    };
    std::fs::write(&tls.cert, made.cert.pem()).unwrap();
    std::fs::write(&tls.key, made.signing_key.serialize_pem()).unwrap();
    let mut config = config(limits);
    config.listen.host = "localhost".into();
    config.listen.tls = Some(tls);
    config
}

async fn connect(address: SocketAddr, tls: &Tls) -> Raw<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&tls.cert).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    Raw(TlsConnector::from(Arc::new(client))
        .connect(name, tcp)
        .await
        .unwrap())
}

#[tokio::test]
async fn one_port_takes_tls_and_plain() {
    let folder = tempfile::tempdir().unwrap();
    let config = with_tls(folder.path(), false, Limits::default());
    let server = start(&config);
    let port = server.address.port();
    assert_eq!(server.urls.ws, format!("wss://localhost:{port}/ws"));
    assert_eq!(
        server.urls.control,
        format!("https://localhost:{port}/__mock/")
    );
    let mut plain = Raw::open(server.address, "/ws").await;
    let mut secret = connect(server.address, config.listen.tls.as_ref().unwrap()).await;
    secret.upgrade("/ws").await;
    let large = vec![b'x'; 300_000];
    secret.frame(2, &large).await;
    plain.frame(1, b"plain").await;
    plain.expect(1, b"plain").await;
    assert!(secret.read().await.payload == large);
    secret.frame(1, b"!close 1000").await;
    secret.expect_close(1000).await;
    server.stop().await;
}

#[tokio::test]
async fn an_abort_below_tls_is_a_reset() {
    let folder = tempfile::tempdir().unwrap();
    let config = with_tls(folder.path(), false, Limits::default());
    let server = start(&config);
    let mut secret = connect(server.address, config.listen.tls.as_ref().unwrap()).await;
    secret.upgrade("/ws").await;
    secret.frame(1, b"!abort").await;
    assert_eq!(secret.rest().await, None);
}

#[tokio::test]
async fn plain_clients_can_be_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = with_tls(folder.path(), true, Limits::default());
    let server = start(&config);
    let mut plain = Raw::connect(server.address).await;
    plain
        .send(b"GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let answer = plain.answer().await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("TLS_REQUIRED"));
    assert_eq!(plain.rest().await, Some(Vec::new()));
}

#[tokio::test]
async fn mismatched_key_fails_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = with_tls(folder.path(), false, Limits::default());
    let other = tempfile::tempdir().unwrap();
    let foreign = with_tls(other.path(), false, Limits::default());
    let (own, foreign) = (
        config.listen.tls.clone().unwrap(),
        foreign.listen.tls.unwrap(),
    );
    std::fs::copy(foreign.key, &own.key).unwrap();
    let refused = Server::bind(&config, echo_hub(&[], config.limits), None).unwrap_err();
    assert!(matches!(refused, ServerError::Tls(_)), "{refused}");
    std::fs::remove_file(&own.cert).unwrap();
    let refused = Server::bind(&config, echo_hub(&[], config.limits), None).unwrap_err();
    assert!(refused.to_string().contains("cert.pem"), "{refused}");
}

#[tokio::test]
async fn port_zero_is_one_port_on_every_address() {
    let mut config = config(Limits::default());
    config.listen.addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let server = Server::bind(&config, echo_hub(&[], config.limits), None).unwrap();
    assert!(server.port() > 0);
    assert!(
        server
            .addresses()
            .iter()
            .all(|address| address.port() == server.port())
    );
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let mut config = config(Limits::default());
    let first = Server::bind(&config, echo_hub(&[], config.limits), None).unwrap();
    config.listen.port = first.port();
    let refused = Server::bind(&config, echo_hub(&[], config.limits), None).unwrap_err();
    let expected = format!("port `{}` on `127.0.0.1` is taken", first.port());
    assert!(refused.to_string().starts_with(&expected), "{refused}");
}

#[tokio::test]
async fn the_ready_file_tells_where_the_server_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(Limits::default());
    let path = folder.path().join("ready.json");
    config.listen.ready_file = Some(path.clone());
    let server = start(&config);
    let text = loop {
        match std::fs::read_to_string(&path) {
            Ok(text) => break text,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let port = server.address.port();
    let ready: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        ready,
        serde_json::json!({
            "pid": std::process::id(),
            "port": port,
            "ws": format!("ws://127.0.0.1:{port}/ws"),
            "http": format!("http://127.0.0.1:{port}"),
            "control": format!("http://127.0.0.1:{port}/__mock/"),
        })
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn missing_address_is_skipped_beside_another() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let elsewhere: IpAddr = [192, 0, 2, 1].into();
    let mut config = config(Limits::default());
    config.listen.addresses = vec![elsewhere, Ipv4Addr::LOCALHOST.into()];
    let server = Server::bind(&config, echo_hub(&[], config.limits), None).unwrap();
    assert_eq!(server.addresses().len(), 1);
    config.listen.addresses = vec![elsewhere];
    let refused = Server::bind(&config, echo_hub(&[], config.limits), None).unwrap_err();
    assert!(refused.to_string().contains("192.0.2.1"), "{refused}");
}
