//! What one request can do to the others: nothing.

use std::{
    io::{ErrorKind, Read, Write},
    thread,
    time::{Duration, Instant},
};

use crate::{
    app::{App, wait_for},
    client::connect,
};

#[test]
fn an_endless_loop_is_cut_at_the_deadline_while_others_are_served() {
    let app = App::new("", "").arguments(&["--request-timeout", "2s"]);
    let host = app.start();
    thread::scope(|scope| {
        let begun = Instant::now();
        let loops: Vec<_> = (0..4).map(|_| scope.spawn(|| host.probe("loop"))).collect();
        wait_for("the loops to begin", || {
            host.log().matches("out looping").count() == 4
        });
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(1) {
            assert_eq!(host.tell("sleep?1"), "slept");
        }
        for cut in loops {
            let answer = cut.join().unwrap();
            assert_eq!((answer.status, answer.body.as_str()), (500, ""));
        }
        assert!(begun.elapsed() >= Duration::from_secs(2));
        assert!(begun.elapsed() < Duration::from_secs(30));
    });
}

#[test]
fn a_loop_that_begins_after_the_answer_is_cut_too() {
    let app = App::new("", "").arguments(&["--request-timeout", "1s", "--max-instances", "1"]);
    let host = app.start();
    assert_eq!(host.tell("loop-later"), "answered");
    wait_for("the instance to be stopped", || {
        host.log().contains("an instance was stopped")
    });
    // The only instance there may be is free again.
    wait_for("a free instance", || host.probe("sleep?1").status == 200);
}

#[test]
fn a_request_that_waits_too_long_is_given_up() {
    let app = App::new("", "").arguments(&["--request-timeout", "3s"]);
    let host = app.start();
    thread::scope(|scope| {
        let neighbour = scope.spawn(|| host.tell("stream?70"));
        let answer = host.probe("sleep?60000");
        assert_eq!((answer.status, answer.body.as_str()), (500, ""));
        assert!(host.log().contains("guest timed out"));
        assert!(
            neighbour.join().unwrap().ends_with("69\n"),
            "it has as long again"
        );
    });
}

#[test]
fn a_memory_bomb_or_a_trap_ends_only_its_instance() {
    let app = App::new("", "").arguments(&["--max-memory-mib", "32", "--threads", "1"]);
    let host = app.start();
    assert_eq!(host.tell("allocate?16"), "16");
    for command in ["allocate?64", "trap"] {
        let answer = host.probe(command);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (500, ""),
            "{command}"
        );
        assert_eq!(
            host.tell("requests"),
            "1",
            "a new instance serves the next request"
        );
    }
}

#[test]
fn a_crowd_that_comes_at_once_waits_a_moment_for_an_instance() {
    let limit = [
        "--max-concurrency-per-instance",
        "1",
        "--max-instances",
        "2",
    ];
    let app = App::new("", "").arguments(&limit);
    let host = app.start();
    assert_eq!(host.tell("sleep?1"), "slept");
    let together = std::sync::Barrier::new(6);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                together.wait();
                assert_eq!(host.tell("sleep?1"), "slept");
            });
        }
    });
}

#[test]
fn requests_above_the_limit_are_shed() {
    for limit in [
        ["--max-requests", "1", "--max-instances", "8"],
        [
            "--max-concurrency-per-instance",
            "1",
            "--max-instances",
            "1",
        ],
    ] {
        let app = App::new("", "").arguments(&limit);
        let host = app.start();
        let answers: Vec<_> = thread::scope(|scope| {
            let slow: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| host.probe("sleep?3000")))
                .collect();
            slow.into_iter().map(|slow| slow.join().unwrap()).collect()
        });
        let (served, shed): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 200);
        assert_eq!((served.len(), shed.len()), (1, 2), "{limit:?}: {answers:?}");
        for shed in shed {
            assert_eq!(shed.status, 503, "{limit:?}");
            assert_eq!(shed.header("retry-after"), Some("1"));
            assert_eq!(
                shed.header("content-type"),
                Some("application/problem+json")
            );
            assert!(
                shed.body.contains(r#""type":"/problems/unavailable""#),
                "{}",
                shed.body
            );
        }
        wait_for("the place to be free", || {
            host.probe("sleep?1").status == 200
        });
    }
}

#[test]
fn a_client_that_leaves_does_not_free_its_place_early() {
    let app = App::new("", "").arguments(&["--max-requests", "1"]);
    let host = app.start();
    let mut stream = None;
    wait_for("the request to run", || {
        // It is shed itself if the one below comes first.
        let mut started = connect(host.address);
        let request = b"GET /probe/x/sleep?5000 HTTP/1.0\r\nhost: x\r\n\r\n";
        started.write_all(request).unwrap();
        stream = Some(started);
        host.probe("sleep?1").status == 503
    });
    drop(stream);
    thread::sleep(Duration::from_millis(200));
    assert_eq!(
        host.probe("sleep?1").status,
        503,
        "the instance still works at it"
    );
    wait_for("the place to be free", || {
        host.probe("sleep?1").status == 200
    });
}

#[test]
fn an_answer_cut_off_by_a_trap_does_not_look_whole() {
    let app = App::new("", "").arguments(&["--max-instances", "1", "--threads", "1"]);
    let host = app.start();
    let mut stream = connect(host.address);
    let request = b"GET /probe/x/stream?1000 HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut start = [0; 64];
    assert!(stream.read(&mut start).unwrap() > 0);
    assert_eq!(host.probe("trap").status, 500);
    let mut rest = Vec::new();
    // However the connection ends, the last chunk that would end the body in order never comes.
    drop(stream.read_to_end(&mut rest));
    assert!(
        !rest.ends_with(b"0\r\n\r\n"),
        "{}",
        String::from_utf8_lossy(&rest)
    );
}

#[test]
fn an_instance_serves_only_so_many_requests() {
    let app = App::new("", "").arguments(&["--max-requests-per-instance", "3", "--threads", "1"]);
    let host = app.start();
    let seen: Vec<String> = (0..7).map(|_| host.tell("requests")).collect();
    assert_eq!(seen, ["1", "2", "3", "1", "2", "3", "1"]);
}

#[test]
fn an_idle_instance_is_let_go() {
    let app = App::new("", "").arguments(&["--instance-idle-timeout", "100ms", "--threads", "1"]);
    let host = app.start();
    assert_eq!(host.tell("requests"), "1");
    wait_for("a fresh instance", || {
        thread::sleep(Duration::from_millis(300));
        host.tell("requests") == "1"
    });
}

#[test]
fn a_stream_is_cut_at_its_own_limit_not_at_the_requests() {
    let app = App::new("", "").arguments(&["--request-timeout", "1s", "--stream-timeout", "6s"]);
    let host = app.start();
    let started = Instant::now();
    assert!(
        host.tell("stream?40").ends_with("39\n"),
        "two seconds are allowed"
    );
    assert!(started.elapsed() > Duration::from_millis(1900));

    let mut stream = connect(host.address);
    stream
        .write_all(b"GET /probe/x/stream?1000 HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    let mut text = Vec::new();
    // However the connection ends, the last chunk that would end the body in order never comes.
    drop(stream.read_to_end(&mut text));
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("\r\n25\n"), "{text}");
    assert!(!text.ends_with("0\r\n\r\n"), "{text}");
    assert!(!text.contains("\r\n900\n"), "{text}");
}

#[test]
fn a_client_that_sends_its_head_too_slowly_is_closed() {
    let app = App::new("", "").arguments(&["--header-timeout", "300ms"]);
    let host = app.start();
    let mut stream = connect(host.address);
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").unwrap();
    let mut text = String::new();
    // A polite answer or none, but an end.
    let error = stream.read_to_string(&mut text).err();
    assert!(error.is_none_or(|error| error.kind() == ErrorKind::ConnectionReset));
    assert!(!text.contains("200"), "{text}");
}
