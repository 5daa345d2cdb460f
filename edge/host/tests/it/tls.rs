//! HTTPS: both protocols by ALPN, and certificates that change under running connections.
//!
//! The certificates beside this file are for tests alone; their keys are no secret.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsConnector;

use crate::{
    app::{App, Host, wait_for},
    client::{connect, unchunked},
    h2,
};

const LISTEN: [&str; 4] = ["--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0"];

/// A file of the tests' certificates.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/certificates")
        .join(name)
}

/// An app with the first certificate in its folder.
fn app() -> App {
    let app = App::new("allowed_outbound_hosts = [\"http://self\"]", "");
    install(&app, "first");
    let [certificate, key] = ["certificate", "key"].map(|name| app.folder.join(name));
    app.arguments(&[
        "--tls-certificate",
        certificate.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
    ])
}

fn install(app: &App, name: &str) {
    fs::copy(file(&format!("{name}.pem")), app.folder.join("certificate")).unwrap();
    fs::copy(file(&format!("{name}.key")), app.folder.join("key")).unwrap();
}

/// A client that trusts the tests' authority.
fn config(versions: &[&'static SupportedProtocolVersion], protocols: &[&str]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(file("authority.pem")).unwrap())
        .unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let mut config = ClientConfig::builder_with_provider(provider.into())
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    config.into()
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn open(config: &Arc<ClientConfig>, address: SocketAddr) -> Stream {
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(config.clone(), name).unwrap();
    StreamOwned::new(connection, connect(address))
}

/// Gives the probe a command over a connection that is kept.
fn ask(stream: &mut Stream, command: &str) -> String {
    let head = format!("GET /probe/x/{command} HTTP/1.1\r\nhost: shop.example\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    loop {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).unwrap();
        answer += std::str::from_utf8(&buffer[..count]).unwrap();
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
        if let Some(text) = body.and_then(unchunked) {
            return text;
        }
    }
}

/// The certificate that new connections get.
fn shown(host: &Host) -> CertificateDer<'static> {
    let mut stream = open(&config(&[&TLS13], &[]), host.tls_address());
    ask(&mut stream, "sleep?1");
    stream.conn.peer_certificates().unwrap()[0]
        .clone()
        .into_owned()
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file(&format!("{name}.pem"))).unwrap()
}

#[test]
fn http_1_is_served_over_tls_1_2_and_1_3_and_sessions_resume() {
    let app = app().arguments(&LISTEN);
    let host = app.start();
    for (version, number) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let config = config(&[version], &["http/1.1"]);
        let kinds = [(); 2].map(|()| {
            let mut stream = open(&config, host.tls_address());
            let seen = ask(&mut stream, "seen");
            let url = "spin-full-url: https://shop.example/probe/x/seen\n";
            assert!(seen.contains(url), "{seen}");
            assert!(
                seen.contains("GET https://shop.example/probe/x/seen\n"),
                "{seen}"
            );
            assert_eq!(stream.conn.protocol_version(), Some(number));
            assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
            assert_eq!(ask(&mut stream, "sleep?1"), "slept", "it is kept");
            stream.conn.handshake_kind().unwrap()
        });
        assert_eq!(
            kinds,
            [HandshakeKind::Full, HandshakeKind::Resumed],
            "{number:?}"
        );
    }
    // Without ALPN it is HTTP/1 too, and without TLS the listener beside it.
    let mut stream = open(&config(&[&TLS13], &[]), host.tls_address());
    assert_eq!(ask(&mut stream, "sleep?1"), "slept");
    assert!(host.tell("seen").contains("spin-full-url: http://"));
}

#[test]
fn h2_is_served_over_tls_and_ends_in_order() {
    let app = app().arguments(&LISTEN);
    let host = app.start();
    let address = host.tls_address();
    h2::run(async {
        let connector = TlsConnector::from(config(&[&TLS13], &["h2", "http/1.1"]));
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connector.connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let client = h2::Client::new(stream, "https://shop.example").await;
        let (status, seen) = client.probe("seen", &[]).await.unwrap();
        assert_eq!(status, 200);
        assert!(
            seen.contains("spin-full-url: https://shop.example/probe/x/seen\n"),
            "{seen}"
        );

        let slept = tokio::spawn(client.probe("sleep?1500", &[]));
        client.probe("sleep?300", &[]).await.unwrap();
        host.terminate();
        assert_eq!(slept.await.unwrap().unwrap(), (200, "slept".into()));
        client.connection.await.unwrap().unwrap();
    });
    assert!(host.wait().success());
}

#[test]
fn a_certificate_that_changes_is_used_for_new_connections() {
    let app = app().arguments(&LISTEN);
    let host = app.start();
    let mut old = open(&config(&[&TLS13], &[]), host.tls_address());
    assert_eq!(ask(&mut old, "sleep?1"), "slept");
    assert_eq!(shown(&host), certificate("first"));
    install(&app, "second");
    wait_for("the second certificate", || {
        shown(&host) == certificate("second")
    });
    assert_eq!(ask(&mut old, "sleep?1"), "slept", "it goes on");
    assert_eq!(
        old.conn.peer_certificates().unwrap()[0],
        certificate("first")
    );

    install(&app, "first");
    host.signal("-HUP");
    wait_for("the first certificate", || {
        shown(&host) == certificate("first")
    });
}

#[test]
fn a_broken_certificate_replaces_nothing() {
    let app = app().arguments(&LISTEN);
    let host = app.start();
    let complaints = || {
        host.log()
            .matches("the old certificate stays in use")
            .count()
    };
    fs::write(app.folder.join("certificate"), "broken").unwrap();
    wait_for("a complaint", || complaints() == 1);
    assert!(
        host.log().contains("holds no certificate in PEM"),
        "{}",
        host.log()
    );
    assert_eq!(shown(&host), certificate("first"));
    // A certificate without its key, as when only one of the files was replaced yet.
    fs::copy(file("second.pem"), app.folder.join("certificate")).unwrap();
    wait_for("another complaint", || complaints() >= 2);
    assert!(
        host.log().contains("cannot be used together"),
        "{}",
        host.log()
    );
    assert_eq!(shown(&host), certificate("first"));
    fs::copy(file("second.key"), app.folder.join("key")).unwrap();
    wait_for("the second certificate", || {
        shown(&host) == certificate("second")
    });
}

#[test]
fn a_certificate_that_cannot_be_used_stops_the_start() {
    fn check(app: &App, expected: &str) {
        let (success, log) = app.run();
        assert!(!success, "{log}");
        let error = log.lines().find(|line| line.starts_with("error: "));
        assert!(
            error.is_some_and(|line| line.contains(expected)),
            "{expected}: {log}"
        );
    }
    let app = app().arguments(&LISTEN);
    fs::copy(file("second.key"), app.folder.join("key")).unwrap();
    check(&app, "certificate and");
    fs::write(app.folder.join("key"), "no key").unwrap();
    check(&app, "key holds no private key in PEM");
    fs::remove_file(app.folder.join("key")).unwrap();
    check(&app, "cannot read");
    check(&app.arguments(&["--check"]), "cannot read");
}

#[test]
fn a_handshake_that_stops_is_not_waited_for() {
    let app = app()
        .arguments(&LISTEN)
        .arguments(&["--tls-timeout", "300ms"]);
    let host = app.start();
    // What a client says first, but only half of it.
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(config(&[&TLS13], &[]), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    for begin in [
        &b""[..],
        &hello[..hello.len() / 2],
        &b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..],
    ] {
        let mut stream = connect(host.tls_address());
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream.write_all(begin).unwrap();
        // However it ends, it ends soon and is no answer.
        let mut answer = Vec::new();
        let error = stream.read_to_end(&mut answer).err();
        assert!(error.is_none_or(|error| error.kind() == ErrorKind::ConnectionReset));
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    let mut stream = open(&config(&[&TLS13], &[]), host.tls_address());
    assert_eq!(ask(&mut stream, "sleep?1"), "slept");
}

#[test]
fn an_app_cannot_reach_itself_where_only_tls_is_spoken() {
    let app = app().arguments(&["--listen-tls", "127.0.0.1:0"]);
    let host = app.start();
    let mut stream = open(&config(&[&TLS13], &[]), host.tls_address());
    let answer = ask(&mut stream, "fetch?http://self.alt/.well-known/spin/health");
    assert!(answer.contains("Denied"), "{answer}");
    assert!(host.log().contains("add --listen"), "{}", host.log());
}
