//! Clients that send or read as slowly as they can.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use crate::{
    app::{App, wait_for},
    client::{connect, open_many_files},
    h2,
};

/// Whether the other side closed, without waiting for it.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let result = stream.read(&mut [0; 1024]);
    stream.set_nonblocking(false).unwrap();
    match result {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

#[test]
fn a_thousand_slow_heads_keep_nobody_waiting_and_are_closed() {
    open_many_files();
    let app = App::new("", "").arguments(&["--header-timeout", "30s"]);
    let host = app.start();
    let mut slow: Vec<TcpStream> = (0..1000).map(|_| connect(host.address)).collect();
    for stream in &mut slow {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").unwrap();
    }
    let begun = Instant::now();
    for _ in 0..30 {
        assert_eq!(host.tell("sleep?1"), "slept");
        for stream in &mut slow {
            // A drop more, which earns them no time.
            drop(stream.write_all(b"a"));
        }
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(20), "30 requests took {took:?}");
    assert!(!slow.iter_mut().any(is_closed), "all were there meanwhile");
    wait_for("the slow to be closed", || slow.iter_mut().all(is_closed));
}

#[test]
fn a_kept_connection_without_a_request_is_closed() {
    let limits = ["--idle-timeout", "700ms", "--header-timeout", "1h"];
    let app = App::new("", "").arguments(&limits);
    let host = app.start();
    let mut stream = connect(host.address);
    stream
        .write_all(b"GET /probe/x/stream?40 HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("39\n"), "a busy one is not idle: {answer}");

    h2::run(async {
        let stream = tokio::net::TcpStream::connect(host.address).await.unwrap();
        let client = h2::Client::new(stream, "http://x").await;
        let (status, lines) = client.probe("stream?40", &[]).await.unwrap();
        assert_eq!((status, lines.lines().count()), (200, 40));
        // With GOAWAY, which is no error.
        client.connection.await.unwrap().unwrap();
    });
}

#[test]
fn a_client_that_says_nothing_is_closed() {
    let app = App::new("", "").arguments(&["--header-timeout", "300ms", "--idle-timeout", "1h"]);
    let host = app.start();
    for begin in [
        &b""[..],
        b"P",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = connect(host.address);
        stream.write_all(begin).unwrap();
        wait_for("the end", || is_closed(&mut stream));
    }
}

#[test]
fn a_body_that_stops_coming_is_not_waited_for() {
    let app = App::new("", "").arguments(&["--body-timeout", "5s"]);
    let host = app.start();
    let head = b"POST /probe/x/body HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nab";
    let mut stream = connect(host.address);
    stream.write_all(head).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(!host.log().contains("ERROR"), "{}", host.log());

    let mut stream = connect(host.address);
    stream.write_all(head).unwrap();
    for _ in 0..4 {
        // Slower than the limit in all, but never for so long without a byte.
        thread::sleep(Duration::from_millis(1500));
        stream.write_all(b"c").unwrap();
    }
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}

#[test]
fn a_client_that_does_not_read_is_closed() {
    let app = App::new("", "").arguments(&["--write-timeout", "500ms"]);
    let host = app.start();
    let mut stream = connect(host.address);
    let patience = Some(Duration::from_secs(40));
    stream.set_write_timeout(patience).unwrap();
    // The answer repeats what it was asked, until all buffers on the way are full.
    let echo = "x".repeat(30_000);
    let request = format!("GET /probe/x/seen HTTP/1.1\r\nhost: x\r\necho: {echo}\r\n\r\n");
    let error = (0..100_000).find_map(|_| stream.write_all(request.as_bytes()).err());
    let kind = error.unwrap().kind();
    assert!(
        matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
        "{kind}"
    );
    assert_eq!(host.tell("sleep?1"), "slept");
}

#[test]
fn a_client_that_takes_its_time_is_served() {
    let app = App::new("", "").arguments(&["--write-timeout", "2s", "--header-timeout", "5s"]);
    let host = app.start();
    let mut stream = connect(host.address);
    let head = b"GET /probe/x/stream?60 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    for piece in head.chunks(20) {
        stream.write_all(piece).unwrap();
        thread::sleep(Duration::from_millis(100));
    }
    thread::sleep(Duration::from_secs(3));
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("59\n"), "{answer}");
}
