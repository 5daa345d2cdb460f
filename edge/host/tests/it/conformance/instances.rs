//! How instances are reused without a word on the command line: as in Spin, but for longer.

use std::{io::Write, net::TcpStream, thread, time::Duration};

use crate::{
    app::{App, Host, wait_for},
    client::connect,
};

/// One thread has one instance for what comes one after the other.
const ONE_THREAD: [&str; 2] = ["--threads", "1"];

#[test]
fn an_instance_serves_1024_requests() {
    let app = App::new("", "")
        .arguments(&ONE_THREAD)
        .arguments(&["--instance-idle-timeout", "1m"]);
    let host = app.start();
    for number in (1..=1_024).chain([1, 2]) {
        assert_eq!(host.tell("requests"), number.to_string());
    }
}

#[test]
fn an_instance_serves_16_requests_at_once() {
    let app = App::new("", "").arguments(&ONE_THREAD).arguments(&[
        "--max-instances",
        "1",
        "--instance-idle-timeout",
        "1m",
    ]);
    let host = app.start();
    assert_eq!(host.tell("requests"), "1", "there is an instance");
    let mut slow = Vec::new();
    while slow.len() < 15 {
        let stream = begin(&host);
        // When a later one was served, this one is either being served or was shed.
        wait_for("a place", || host.probe("sleep?1").status == 200);
        if !is_answered(&stream) {
            slow.push(stream);
        }
    }
    wait_for("the last place to be taken", || {
        let stream = begin(&host);
        let full = (0..5).all(|_| host.probe("sleep?1").status == 503);
        let taken = full && !is_answered(&stream);
        slow.push(stream);
        taken
    });
    slow.retain(|stream| !is_answered(stream));
    assert_eq!(slow.len(), 16);
}

/// Sends a request that takes long.
fn begin(host: &Host) -> TcpStream {
    let mut stream = connect(host.address);
    let head = b"GET /probe/x/sleep?25000 HTTP/1.0\r\nhost: x\r\n\r\n";
    stream.write_all(head).unwrap();
    stream
}

fn is_answered(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    stream.peek(&mut [0]).is_ok()
}

#[test]
fn an_idle_instance_is_kept_for_a_second() {
    let app = App::new("", "").arguments(&ONE_THREAD);
    let host = app.start();
    wait_for("two requests in one second", || {
        let first = host.tell("requests");
        let second = host.tell("requests");
        (first.as_str(), second.as_str()) == ("1", "2")
    });
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(host.tell("requests"), "1");
}

#[test]
fn a_range_is_refused() {
    for flag in [
        "--max-requests-per-instance",
        "--max-concurrency-per-instance",
        "--instance-idle-timeout",
    ] {
        let (success, log) = App::new("", "").arguments(&[flag, "1..8"]).run();
        assert!(!success && log.contains(flag), "{log}");
    }
}
