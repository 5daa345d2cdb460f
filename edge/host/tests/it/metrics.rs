//! What operators see: metrics, readiness, the access log and traces.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use std::{fs, io::Write, path::Path, thread};

use serde_json::Value;

use crate::{
    app::{App, wait_for},
    client::{connect, get, request},
    kept::Kept,
};

const OPS: [&str; 4] = ["--ops", "127.0.0.1:0", "--threads", "1"];

#[test]
fn requests_instances_and_calls_are_counted() {
    let app = App::new("key_value_stores = [\"default\"]", "").arguments(&OPS);
    let host = app.start();
    for command in ["set?a=1", "get?a", "get?b", "requests"] {
        host.tell(command);
    }
    assert_eq!(host.probe("unknown").status, 404);
    assert_eq!(host.probe("trap").status, 500);
    assert_eq!(get(host.address, "/nowhere", &[]).status, 404);
    let strange = request(host.address, "BREW", "/probe/x/requests", &[], "");
    assert_eq!(strange.status, 200);

    let probe = |name: &str, labels: &[&str]| {
        host.metric(name, &[&["component=\"probe\""], labels].concat())
    };
    for (name, labels, expected) in [
        ("requests_total", &["GET", "2xx"][..], 4.0),
        ("requests_total", &["GET", "4xx"], 1.0),
        ("requests_total", &["GET", "5xx"], 1.0),
        ("requests_total", &["other", "2xx"], 1.0),
        ("requests_in_flight", &[], 0.0),
        ("request_duration_seconds_count", &[], 7.0),
        ("request_duration_seconds_bucket", &["le=\"+Inf\""], 7.0),
        ("instances_made_total", &[], 2.0),
        ("instances_reused_total", &[], 5.0),
        ("instances_ended_total", &["trapped"], 1.0),
        (
            "host_call_duration_seconds_count",
            &["key-value", "\"get\""],
            2.0,
        ),
        (
            "host_call_duration_seconds_count",
            &["key-value", "\"set\""],
            1.0,
        ),
    ] {
        assert_eq!(probe(name, labels), expected, "{name} {labels:?}");
    }
    assert_eq!(
        host.metric("requests_total", &["component=\"none\"", "4xx"]),
        1.0
    );
    assert_eq!(host.metric("connections_opened_total", &["\"http\""]), 8.0);
    assert!(host.metric("resident_memory_bytes", &[]) > 1e6);
    assert!(host.metric("cpu_seconds_total", &[]) > 0.0);
    // The last instance is let go when nobody asks it any more.
    wait_for("no instance", || probe("instances_live", &[]) == 0.0);
    assert_eq!(probe("instances_ended_total", &["idle"]), 1.0);
    let page = host.ops("/metrics").body;
    assert!(
        !page.contains("nowhere") && !page.contains("BREW"),
        "labels are not from requests"
    );
}

#[test]
fn the_host_says_whether_it_lives_and_is_ready() {
    let app = App::new("", "").arguments(&OPS);
    let host = app.start();
    for (path, status) in [
        ("/livez", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/x", 404),
    ] {
        assert_eq!(host.ops(path).status, status, "{path}");
    }
    assert_eq!(
        get(host.address, "/metrics", &[]).status,
        404,
        "not for everybody"
    );
    let mut stream = Kept::open(host.address);
    stream.send("/probe/x/stream?40").unwrap();
    wait_for("the stream", || {
        host.metric("requests_total", &["2xx"]) >= 1.0
    });
    host.terminate();
    wait_for("the host to say that it stops", || {
        host.ops("/readyz").status == 503
    });
    assert_eq!(host.ops("/livez").status, 200);
    assert!(stream.answer().unwrap().1.ends_with("\n39\n"));
    assert!(host.wait().success());
}

/// The lines of an access log, once there are so many.
fn lines(file: &Path, count: usize) -> Vec<Value> {
    let read = || fs::read_to_string(file).unwrap_or_default();
    wait_for("lines in the access log", || {
        read().lines().count() >= count
    });
    let text = read();
    assert_eq!(text.lines().count(), count, "{text}");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn finished_requests_are_logged_without_their_queries() {
    let app = App::new("", "");
    let (file, rotated) = (
        app.folder.join("access.log"),
        app.folder.join("access.log.1"),
    );
    let app = app.arguments(&["--access-log", file.to_str().unwrap()]);
    let host = app.start();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let seen = get(
        host.address,
        "/probe/x/seen?secret=1",
        &[("traceparent", trace)],
    );
    assert!(
        seen.body.contains(&format!("traceparent: {trace}\n")),
        "{}",
        seen.body
    );
    let first = &lines(&file, 1)[0];
    for (key, expected) in [
        ("client", Value::from("127.0.0.1")),
        ("method", "GET".into()),
        ("path", "/probe/x/seen".into()),
        ("protocol", "HTTP/1.0".into()),
        ("status", 200.into()),
        ("bytes", seen.body.len().into()),
        ("component", "probe".into()),
        ("trace", "0af7651916cd43dd8448eb211c80319c".into()),
    ] {
        assert_eq!(first[key], expected, "{key}: {first}");
    }
    let time = first["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    assert!(first.get("cache").is_none());

    // A stream is told when it is over, with all its time.
    host.tell("stream?10");
    assert!(lines(&file, 2)[1]["duration_ms"].as_f64().unwrap() > 400.0);
    // A client that leaves has no status.
    let mut stream = connect(host.address);
    let text = b"GET /probe/x/sleep?60000 HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(text).unwrap();
    host.tell("sleep?200");
    drop(stream);
    let left = &lines(&file, 4)[3];
    assert_eq!(
        (&left["path"], left.get("status")),
        (&"/probe/x/sleep".into(), None)
    );

    assert_eq!(left["component"], "probe");

    fs::rename(&file, &rotated).unwrap();
    host.hang_up();
    wait_for("a new file", || file.exists());
    assert_eq!(get(host.address, "/nowhere", &[]).status, 404);
    let new = &lines(&file, 1)[0];
    assert_eq!((&new["status"], new.get("component")), (&404.into(), None));
    assert_eq!(lines(&rotated, 4).len(), 4);
}

#[test]
fn a_stop_writes_the_access_log_to_its_end() {
    let app = App::new("", "");
    let file = app.folder.join("access.log");
    let app = app.arguments(&["--access-log", file.to_str().unwrap()]);
    let host = app.start();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..25).for_each(|_| drop(host.tell("requests"))));
        }
    });
    host.terminate();
    assert!(host.wait().success());
    assert_eq!(lines(&file, 200).len(), 200);
}

#[test]
fn a_request_without_a_trace_begins_one() {
    let app = App::new("", "");
    let host = app.start();
    let traces = |headers: &[(&str, &str)]| -> Vec<String> {
        let seen = get(host.address, "/probe/x/seen", headers).body;
        let lines = seen
            .lines()
            .filter_map(|line| line.strip_prefix("traceparent: "));
        lines.map(String::from).collect()
    };
    let (first, second) = (traces(&[]), traces(&[("traceparent", "nonsense")]));
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    for trace in [&first[0], &second[0]] {
        assert!(
            trace.len() == 55 && trace.starts_with("00-") && trace.ends_with("-00"),
            "{trace}"
        );
    }
}

#[test]
fn a_trusted_proxy_is_believed_whom_it_speaks_for() {
    for (proxies, expected) in [("", "127.0.0.1"), ("127.0.0.0/8,10.0.0.0/8", "203.0.113.9")] {
        let app = App::new("", "");
        let file = app.folder.join("access.log");
        let app = app.arguments(&["--access-log", file.to_str().unwrap()]);
        let app = app.arguments(&["--trusted-proxies", proxies]);
        let host = app.start();
        let forwarded = [("x-forwarded-for", "192.0.2.1, 203.0.113.9, 10.1.2.3")];
        assert_eq!(get(host.address, "/probe/x/seen", &forwarded).status, 200);
        assert_eq!(lines(&file, 1)[0]["client"], expected);
    }
}

#[test]
fn an_answer_from_the_cache_is_logged_as_one() {
    let app = App::new("", "").with_cache();
    let file = app.folder.join("access.log");
    let app = app.arguments(&["--access-log", file.to_str().unwrap()]);
    let host = app.start();
    for _ in 0..2 {
        let path = "/probe/x/answer?cache-control:public,max-age=60";
        assert_eq!(get(host.address, path, &[]).status, 200);
    }
    let told = lines(&file, 2);
    let cache = |line: &Value| line["cache"].as_str().unwrap_or_default().to_owned();
    assert!(
        told.iter().all(|line| line["component"] == "probe"),
        "{told:?}"
    );
    assert!(cache(&told[0]).contains("fwd=uri-miss"), "{told:?}");
    assert!(cache(&told[1]).contains("; hit"), "{told:?}");
}
