//! Many listeners, many connections, both protocols, and how they end.

use std::{
    io::Read,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::{
    app::{App, wait_for},
    client::{converse, open_many_files},
    h2,
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection from another address of this machine.
async fn connect_from(last: u8, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into())?;
    socket.connect(to).await
}

/// Whether a request on this connection is answered, rather than the connection reset.
async fn is_served(mut stream: TcpStream) -> bool {
    let request = b"GET /probe/x/sleep?1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let mut answer = Vec::new();
    let exchange = async {
        stream.write_all(request).await?;
        stream.read_to_end(&mut answer).await
    };
    let exchanged = timeout(PATIENCE, exchange).await.unwrap();
    exchanged.is_ok() && answer.windows(5).any(|five| five == b"slept")
}

#[test]
fn every_listener_serves() {
    let listen = [
        "--listen",
        "127.0.0.1:0",
        "--listen",
        "127.0.0.2:0",
        "--listen",
        "127.0.0.1:0",
    ];
    let app = App::new("", "").arguments(&listen);
    let host = app.start();
    let log = || {
        let log = host.log();
        let lines = log
            .lines()
            .filter_map(|line| line.split_once("listening on http://"));
        lines
            .filter_map(|(_, address)| address.parse().ok())
            .collect()
    };
    let mut addresses: Vec<SocketAddr> = log();
    wait_for("all listeners", || {
        addresses = log();
        addresses.len() == 3
    });
    let request = b"GET /probe/x/sleep?1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    for address in addresses {
        let answer = converse(address, request);
        assert!(answer.contains("slept"), "{address}: {answer}");
    }
}

#[test]
fn requests_in_a_row_are_answered_in_order() {
    let app = App::new("", "");
    let host = app.start();
    let get = |command| format!("GET /probe/x/{command} HTTP/1.1\r\nhost: x\r\n");
    let row = [
        get("sleep?300") + "\r\n",
        get("body") + "content-length: 4\r\n\r\nGET ",
        get("unknown") + "\r\n",
        get("stream?3") + "\r\n",
        get("variable?a") + "connection: close\r\n\r\n",
    ];
    let answer = converse(host.address, row.concat().as_bytes());
    let at = |text: &str| answer.find(text).expect(text);
    let order = [
        at("slept"),
        at("1\r\n4\r\n0\r\n"),
        at(" 404 "),
        at("2\n\r\n0\r\n\r\n"),
        at("Err("),
    ];
    assert!(order.is_sorted(), "{order:?} {answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 5, "{answer}");
}

#[test]
fn an_h2_connection_serves_many_requests_at_once() {
    let app = App::new("", "").arguments(&["--max-streams-per-connection", "20"]);
    let host = app.start();
    h2::run(async {
        let stream = TcpStream::connect(host.address).await.unwrap();
        let client = h2::Client::new(stream, "http://shop.example").await;
        // The peer's limit of streams comes with its settings.
        client.probe("sleep?1", &[]).await.unwrap();
        let begun = std::time::Instant::now();
        let sleeps: Vec<_> = (0..20)
            .map(|_| tokio::spawn(client.probe("sleep?1000", &[])))
            .collect();
        for sleep in sleeps {
            assert_eq!(sleep.await.unwrap().unwrap(), (200, "slept".into()));
        }
        let took = begun.elapsed();
        assert!(
            took < Duration::from_secs(15),
            "not one after the other: {took:?}"
        );

        let cookies = [("cookie", "a=1"), ("cookie", "b=2")];
        let (_, seen) = client.probe("seen", &cookies).await.unwrap();
        assert!(seen.contains("cookie: a=1; b=2\n"), "{seen}");
        assert!(
            seen.contains("spin-full-url: http://shop.example/probe/x/seen\n"),
            "{seen}"
        );
        let huge = "x".repeat(20_000);
        let (status, _) = client.probe("seen", &[("a", &huge)]).await.unwrap();
        assert_eq!(status, 200);
        let answer = client.probe("seen", &[("a", &huge), ("b", &huge)]).await;
        assert!(answer.is_err() || answer.is_ok_and(|(status, _)| status == 431));
    });
}

#[test]
fn a_network_with_too_many_connections_takes_no_place_of_others() {
    open_many_files();
    let limits = [
        "--max-connections-per-prefix",
        "150",
        "--max-connections",
        "250",
    ];
    let app = App::new("", "").arguments(&limits);
    let app = app.arguments(&["--trusted-proxies", "127.0.0.100,10.0.0.0/8"]);
    let app = app.arguments(&["--ops", "127.0.0.1:0", "--header-timeout", "2m"]);
    let host = app.start();
    h2::run(async {
        let mut flood = Vec::new();
        for _ in 0..2000 {
            // It may be reset before it is known to be open.
            flood.extend(connect_from(1, host.address).await);
        }
        for other in 2..30 {
            let stream = connect_from(other, host.address).await.unwrap();
            assert!(is_served(stream).await, "127.0.0.{other} waits");
        }
        let mut proxy = Vec::new();
        for _ in 0..60 {
            proxy.push(connect_from(100, host.address).await.unwrap());
        }
        let mut served = 0;
        for stream in flood {
            served += usize::from(is_served(stream).await);
        }
        assert_eq!(served, 150);
        // Its places are free again.
        for _ in 0..20 {
            assert!(is_served(connect_from(1, host.address).await.unwrap()).await);
        }
        for stream in proxy {
            assert!(is_served(stream).await, "a proxy is not counted");
        }
    });
    let log = host.log();
    assert_eq!(host.metric("connections_refused_total", &[]), 1850.0);
    let lines = log.matches("connections: a network").count();
    assert!((1..20).contains(&lines), "{lines} lines: {log}");
    assert!(log.contains("a network has 150 open"), "{log}");
}

#[test]
fn a_trusted_proxy_may_have_more_connections_than_a_network() {
    let limits = [
        "--max-connections-per-prefix",
        "2",
        "--trusted-proxies",
        "127.0.0.4/30",
    ];
    let app = App::new("", "").arguments(&limits);
    let host = app.start();
    h2::run(async {
        for (client, expected) in [(3, 2), (4, 5), (7, 5), (8, 2)] {
            let mut open = Vec::new();
            for _ in 0..5 {
                // It may be reset before it is known to be open.
                open.extend(connect_from(client, host.address).await);
            }
            let mut served = 0;
            for stream in open {
                served += usize::from(is_served(stream).await);
            }
            assert_eq!(served, expected, "127.0.0.{client}");
        }
    });
}

#[test]
fn a_stop_ends_h2_connections_in_order() {
    let app = App::new("", "");
    let host = app.start();
    h2::run(async {
        let stream = TcpStream::connect(host.address).await.unwrap();
        let client = h2::Client::new(stream, "http://x").await;
        let idle = TcpStream::connect(host.address).await.unwrap();
        let idle = h2::Client::new(idle, "http://x").await;
        idle.probe("sleep?1", &[]).await.unwrap();
        let commands = ["sleep?1500", "stream?30"];
        let started = commands.map(|command| tokio::spawn(client.probe(command, &[])));
        client.probe("sleep?300", &[]).await.unwrap();
        host.terminate();
        idle.connection.await.unwrap().unwrap();
        let [slept, streamed] = started;
        assert_eq!(slept.await.unwrap().unwrap().1, "slept");
        assert!(streamed.await.unwrap().unwrap().1.ends_with("29\n"));
        client.connection.await.unwrap().unwrap();
    });
    let log = app.folder.join("log");
    assert!(host.wait().success());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("ERROR") && !log.contains("cut off"), "{log}");
}

#[test]
fn a_stop_closes_kept_connections_and_tells_busy_ones() {
    let app = App::new("", "");
    let host = app.start();
    let mut kept = crate::client::connect(host.address);
    let mut busy = crate::client::connect(host.address);
    for (stream, command) in [(&mut kept, "sleep?1"), (&mut busy, "sleep?1500")] {
        let head = format!("GET /probe/x/{command} HTTP/1.1\r\nhost: x\r\n\r\n");
        std::io::Write::write_all(stream, head.as_bytes()).unwrap();
    }
    let mut answer = [0; 15];
    kept.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    host.tell("sleep?1");
    host.terminate();
    for (stream, expected) in [(&mut kept, "slept"), (&mut busy, "connection: close")] {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(rest.contains(expected) && rest.contains("slept"), "{rest}");
    }
    let log = app.folder.join("log");
    assert!(host.wait().success());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("ERROR"), "idle instances end in peace: {log}");
}
