//! The server: routes, connections, and an orderly end.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::{
    app::{App, wait_for},
    client::{connect, get},
};

#[test]
fn paths_lead_to_components_or_nowhere() {
    let app = App::new(
        "",
        "[[trigger.http]]\nroute = { private = true }\ncomponent = \"probe\"",
    );
    let host = app.start();
    let health = get(host.address, "/.well-known/spin/health", &[]);
    assert_eq!((health.status, health.body.as_str()), (200, "OK"));
    for path in ["/", "/probe", "/Probe/x/seen", "/.well-known/spin/x"] {
        let answer = get(host.address, path, &[]);
        assert_eq!((answer.status, answer.body.as_str()), (404, ""), "{path}");
    }
    let answer = get(host.address, "/probe/x/unknown", &[]);
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (404, "no such command")
    );
}

#[test]
fn a_connection_serves_many_requests() {
    let app = App::new("", "");
    let host = app.start();
    let mut stream = connect(host.address);
    for number in 1..=3 {
        stream
            .write_all(b"GET /probe/x/requests HTTP/1.1\r\nhost: shop\r\n\r\n")
            .unwrap();
        let answer = read_until(
            &mut stream,
            &format!("\r\n{number}\r\n0\r\n\r\n"),
            &number.to_string(),
        );
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[test]
fn a_request_without_a_clear_host_is_refused() {
    let app = App::new("", "");
    let host = app.start();
    for head in [
        "GET /probe/x/seen HTTP/1.0\r\n\r\n",
        "GET /probe/x/seen HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET http://a/probe/x/seen HTTP/1.0\r\nhost: b\r\n\r\n",
    ] {
        let mut stream = connect(host.address);
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.0 400"), "{head:?}: {answer}");
    }
}

#[test]
fn a_stop_finishes_what_is_in_flight() {
    let app = App::new("", "");
    let host = app.start();
    let mut started = ["sleep?1500", "stream?30"].map(|command| {
        let mut stream = connect(host.address);
        let head = format!("GET /probe/x/{command} HTTP/1.1\r\nhost: shop\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream
    });
    // Both are being served when a third was: the listener takes them in order.
    host.tell("sleep?200");
    host.terminate();
    wait_for("the listener to close", || {
        TcpStream::connect(host.address).is_err()
    });
    let answers = started.each_mut().map(|stream| {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    assert!(answers[0].contains("slept"), "{answers:?}");
    assert!(
        answers[1].contains("29\n") && answers[1].ends_with("\r\n0\r\n\r\n"),
        "{answers:?}"
    );
    assert!(host.wait().success());
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let app = App::new("", "").arguments(&["--shutdown-timeout", "500ms"]);
    let host = app.start();
    let mut stream = connect(host.address);
    stream
        .write_all(b"GET /probe/x/stream?10000 HTTP/1.1\r\nhost: shop\r\n\r\n")
        .unwrap();
    read_until(&mut stream, "\r\n\r\n", "");
    host.terminate();
    wait_for("the host to give up", || {
        host.log().contains("some requests were cut off")
    });
    assert!(host.wait().success());
}

/// Reads until the text ends with one of two ends, of which an empty one never counts.
fn read_until(stream: &mut TcpStream, end: &str, or: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "closed after {text:?}");
        text += std::str::from_utf8(&buffer[..count]).unwrap();
        let complete = text.contains("content-length: 1\r\n") && text.contains("\r\n\r\n");
        if text.ends_with(end) || text.contains(end) || (complete && text.ends_with(or)) {
            return text;
        }
    }
}
