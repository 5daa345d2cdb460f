//! Where a component reaches out to.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread,
};

use crate::app::{App, wait_for};

/// A server that answers every request with `hello` and counts its connections.
pub fn hello_server() -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicU32::new(0));
    let counted = connections.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Relaxed);
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                for line in lines.map_while(Result::ok) {
                    if line.is_empty() {
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
                        stream.write_all(answer).unwrap();
                    }
                }
            });
        }
    });
    (address, connections)
}

#[test]
fn only_allowed_hosts_are_reached_and_connections_are_kept() {
    let (allowed, connections) = hello_server();
    let (denied, untouched) = hello_server();
    let app = App::new(
        "allowed_outbound_hosts = [\"{{ origin }}\", \"http://{{ none }}\", \"http://self\"]",
        "[variables]\norigin = { required = true }\nnone = { default = \"\" }",
    )
    .environment("SPIN_VARIABLE_ORIGIN", &format!("http://{allowed}"));
    let host = app.start();

    for _ in 0..3 {
        assert_eq!(host.tell(&format!("fetch?http://{allowed}/x")), "200 hello");
    }
    assert_eq!(
        connections.load(Relaxed),
        1,
        "one connection serves one after the other"
    );

    let refused = "ErrorCode::HttpRequestDenied";
    for url in [
        format!("http://{denied}/"),
        format!("https://{allowed}/"),
        "http://elsewhere.spin.internal/".into(),
        "http://169.254.169.254/".into(),
    ] {
        assert_eq!(host.tell(&format!("fetch?{url}")), refused, "{url}");
    }
    assert_eq!(host.tell("fetch?/x"), "ErrorCode::HttpRequestUriInvalid");
    assert_eq!(untouched.load(Relaxed), 0);
    assert!(host.log().contains("not in allowed_outbound_hosts"));

    assert_eq!(
        host.tell("fetch?http://self.alt/.well-known/spin/health"),
        "200 OK"
    );
}

#[test]
fn connections_are_not_kept_if_the_runtime_configuration_says_so() {
    let (allowed, connections) = hello_server();
    let app = App::new(
        &format!("allowed_outbound_hosts = [\"http://{allowed}\"]"),
        "",
    );
    let config = app.folder.join("runtime.toml");
    fs::write(&config, "[outbound_http]\nconnection_pooling = false\n").unwrap();
    let app = app.arguments(&["--runtime-config", config.to_str().unwrap()]);
    let host = app.start();
    for _ in 0..3 {
        assert_eq!(host.tell(&format!("fetch?http://{allowed}/x")), "200 hello");
    }
    assert_eq!(connections.load(Relaxed), 3);
}

#[test]
fn what_cannot_be_reached_is_an_error_of_wasi_http() {
    // Bound, so that no other test is given it, and not listened on.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed_address = closed.local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain_address = plain.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = plain.accept().unwrap();
        stream.read_exact(&mut [0]).unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
    });
    let app = App::new("allowed_outbound_hosts = [\"*://127.0.0.1:*\"]", "")
        .arguments(&["--outbound-first-byte-timeout", "300ms"]);
    let host = app.start();
    assert_eq!(
        host.tell(&format!("fetch?http://{closed_address}/")),
        "ErrorCode::ConnectionRefused"
    );
    let silent = silent.local_addr().unwrap();
    assert_eq!(
        host.tell(&format!("fetch?http://{silent}/")),
        "ErrorCode::HttpResponseTimeout"
    );
    // The other side does not speak TLS: encryption is never silently left out.
    assert_eq!(
        host.tell(&format!("fetch?https://{plain_address}/")),
        "ErrorCode::TlsProtocolError"
    );
}

#[test]
fn redis_answers_through_every_function() {
    let (_server, url) = redis();
    let app = App::new(&format!("allowed_outbound_hosts = [\"{url}\"]"), "");
    let host = app.start();
    let expected = r#"Some([118, 97, 108, 117, 101])
None
1 2
Err(Error::Other("ResponseError: value is not an integer or out of range"))
2
Err(Error::TypeError)
1
["a"]
1
[RedisResult::Binary([119, 111, 114, 100]), RedisResult::Int64(7), RedisResult::Binary([97, 114, 103, 117, 109, 101, 110, 116]), RedisResult::Binary([118, 97, 108, 117, 101]), RedisResult::Nil]
[RedisResult::Status("PONG")]
true"#;
    assert_eq!(host.tell(&format!("redis?{url}")), expected);

    for denied in [
        "redis://127.0.0.1:1",
        "redis://localhost:6379",
        "unix:///tmp/x",
        "nonsense",
    ] {
        assert_eq!(
            host.tell(&format!("redis?{denied}")),
            "Error::InvalidAddress",
            "{denied}"
        );
    }
}

/// A Redis that is stopped when dropped.
pub struct Redis(Child);

impl Drop for Redis {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The Redis of the test run, else a server of our own on a free port.
fn redis() -> (Option<Redis>, String) {
    if let Ok(url) = std::env::var("DOORBUSTER_TEST_POP_REDIS_URL") {
        return (None, url);
    }
    let address = free_address();
    (Some(redis_at(address)), format!("redis://{address}"))
}

/// An address where nobody listens.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A server of our own, empty.
pub fn redis_at(address: SocketAddr) -> Redis {
    let process = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
        .args(["--save", "", "--appendonly", "no"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let server = Redis(process);
    wait_for("Redis", || std::net::TcpStream::connect(address).is_ok());
    server
}
