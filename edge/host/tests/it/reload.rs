//! A new state of the app takes over from the old one without a request that fails.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use std::{
    fs,
    io::Error,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    thread,
    time::Duration,
};

use crate::{
    app::{App, Host, wait_for},
    client::get,
    kept::Kept,
};

/// What the probe answers to an unknown command, and what it is made to answer: as long, so that the rest
/// of the file stays where it is.
const ANSWERS: [&str; 3] = ["no such command", "no such kommand", "no such Command"];

/// Puts a probe in its place that gives this answer.
fn replace_component(app: &App, answer: &str) {
    let mut code = fs::read(app.folder.join("original.wasm")).unwrap();
    let first = ANSWERS[0].as_bytes();
    let at = code.windows(first.len()).position(|part| part == first);
    let at = at.expect("the probe holds its answer");
    code[at..at + first.len()].copy_from_slice(answer.as_bytes());
    let new = app.folder.join("new.wasm");
    fs::write(&new, code).unwrap();
    fs::rename(new, app.folder.join("probe.wasm")).unwrap();
}

fn keep_original(app: &App) {
    fs::copy(
        app.folder.join("probe.wasm"),
        app.folder.join("original.wasm"),
    )
    .unwrap();
}

fn reloads(host: &Host) -> usize {
    host.log().matches("reloaded 1 components").count()
}

#[test]
fn a_component_is_replaced_under_load_without_a_failed_request() {
    let app = App::new("", "").arguments(&[
        "--threads",
        "1",
        "--max-instances",
        "10",
        "--max-concurrency-per-instance",
        "1",
    ]);
    keep_original(&app);
    let host = app.start();
    let (is_over, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let ask = || -> Result<(), Error> {
            let mut connection = Kept::open(host.address);
            while !is_over.load(Relaxed) {
                let (status, body) = connection.get("/probe/x/unknown")?;
                if status != 404 || !ANSWERS.contains(&&*body) {
                    return Err(Error::other(format!("{status} {body}")));
                }
                let (status, body) = connection.get("/probe/x/sleep?20")?;
                if (status, &*body) != (200, "slept") {
                    return Err(Error::other(format!("{status} {body}")));
                }
                served.fetch_add(1, Relaxed);
            }
            Ok(())
        };
        let clients: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        for round in 1..=6 {
            let answer = ANSWERS[round % ANSWERS.len()];
            replace_component(&app, answer);
            host.hang_up();
            let is_failing = || clients.iter().any(thread::ScopedJoinHandle::is_finished);
            wait_for("the new answer", || {
                is_failing() || get(host.address, "/probe/x/unknown", &[]).body == answer
            });
            let before = served.load(Relaxed);
            wait_for("more requests", || {
                is_failing() || served.load(Relaxed) > before + 20
            });
        }
        is_over.store(true, Relaxed);
        for client in clients {
            client.join().unwrap().unwrap();
        }
    });
    assert_eq!(reloads(&host), 6);
}

#[test]
fn requests_wait_for_the_places_of_the_old_app() {
    let app = App::new("", "").arguments(&[
        "--threads",
        "1",
        "--max-instances",
        "3",
        "--max-concurrency-per-instance",
        "1",
    ]);
    let host = app.start();
    let mut old: Vec<Kept> = (0..3).map(|_| Kept::open(host.address)).collect();
    for kept in &mut old {
        kept.send("/probe/x/sleep?2500").unwrap();
    }
    wait_for("the old app to have all places", || {
        host.probe("sleep?1").status == 503
    });
    host.hang_up();
    wait_for("the reload", || reloads(&host) == 1);
    let mut new: Vec<Kept> = (0..3).map(|_| Kept::open(host.address)).collect();
    for kept in &mut new {
        kept.send("/probe/x/sleep?1").unwrap();
    }
    for kept in new.iter_mut().chain(&mut old) {
        assert_eq!(kept.answer().unwrap(), (200, "slept".into()));
    }
}

#[test]
fn what_is_in_flight_ends_as_it_began() {
    let app = App::new("files = [\"a.txt\"]", "");
    fs::write(app.folder.join("a.txt"), "old").unwrap();
    let app = app.arguments(&["--ops", "127.0.0.1:0"]);
    let host = app.start();
    assert_eq!(host.tell("file?/a.txt"), r#"Some("old")"#);
    let mut streams: Vec<Kept> = (0..3).map(|_| Kept::open(host.address)).collect();
    for stream in &mut streams {
        stream.send("/probe/x/stream?60").unwrap();
    }
    wait_for("the streams to begin", || {
        host.metric("requests_total", &["status=\"2xx\""]) >= 4.0
    });
    fs::write(app.folder.join("a.txt"), "new").unwrap();
    host.hang_up();
    wait_for("the reload", || reloads(&host) == 1);
    assert_eq!(host.tell("file?/a.txt"), r#"Some("new")"#);
    let staged = || fs::read_dir(app.folder.join("data/files")).unwrap().count();
    assert_eq!(staged(), 2, "the old instances still have their files");
    for stream in &mut streams {
        let (status, body) = stream.answer().unwrap();
        assert_eq!(status, 200);
        assert!(body.ends_with("\n59\n"), "{body}");
    }
    wait_for("the old files to go", || staged() == 1);
    assert!(host.metric("instances_ended_total", &["replaced"]) >= 1.0);
}

#[test]
fn an_app_that_is_not_in_order_changes_nothing() {
    let app = App::new("key_value_stores = [\"default\"]", "");
    let app = app.arguments(&["--ops", "127.0.0.1:0"]);
    keep_original(&app);
    let host = app.start();
    host.tell("set?a=1");
    let manifest = fs::read_to_string(app.folder.join("spin.toml")).unwrap();
    let mut failed = 0;
    let mut refuse = |expected: &str| {
        host.hang_up();
        failed += 1;
        wait_for("the reload to fail", || {
            host.log().matches("not reloaded").count() == failed
        });
        let log = host.log();
        let line = log.lines().rfind(|line| line.contains("not reloaded"));
        assert!(line.unwrap().contains(expected), "{expected}: {log}");
        assert_eq!(host.tell("get?a"), r#"Some("1")"#);
    };
    fs::write(
        app.folder.join("spin.toml"),
        manifest.replace("[component.probe]", "[component.probe]\nfoo = 1"),
    )
    .unwrap();
    refuse("unknown key `component.probe.foo`");
    fs::write(
        app.folder.join("spin.toml"),
        &manifest[..manifest.len() / 2],
    )
    .unwrap();
    refuse("spin.toml");
    fs::write(app.folder.join("spin.toml"), &manifest).unwrap();
    fs::write(app.folder.join("probe.wasm"), "this is not wasm").unwrap();
    refuse("component `probe`: cannot load");

    // In order again, with the store that is open already and one component more.
    replace_component(&app, ANSWERS[1]);
    let second = "[[trigger.http]]\nroute = \"/second/...\"\ncomponent = \"second\"\n\
                  [component.second]\nsource = \"original.wasm\"\n";
    fs::write(app.folder.join("spin.toml"), manifest + second).unwrap();
    host.hang_up();
    wait_for("the reload", || {
        host.log().contains("reloaded 2 components")
    });
    assert_eq!(host.tell("get?a"), r#"Some("1")"#);
    let unknown = |path| get(host.address, path, &[]).body;
    assert_eq!(
        (unknown("/probe/x/unknown"), unknown("/second/unknown")),
        (ANSWERS[1].into(), ANSWERS[0].into())
    );
    assert_eq!(host.metric("reloads_total", &["failed"]), 3.0);
    assert_eq!(host.metric("reloads_total", &["done"]), 1.0);
}

#[test]
fn a_watched_app_is_reloaded_by_itself() {
    let app = App::new("environment = { MODE = \"one\" }", "").arguments(&["--watch"]);
    keep_original(&app);
    let host = app.start();
    assert_eq!(host.tell("environment?MODE"), r#"Some("one")"#);
    let file = app.folder.join("spin.toml");
    let manifest = fs::read_to_string(&file).unwrap();
    fs::write(&file, manifest.replace("\"one\"", "\"two\"")).unwrap();
    wait_for("the new manifest", || {
        host.tell("environment?MODE") == r#"Some("two")"#
    });
    replace_component(&app, ANSWERS[2]);
    wait_for("the new component", || {
        get(host.address, "/probe/x/unknown", &[]).body == ANSWERS[2]
    });
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(reloads(&host), 2, "nothing changed since: {}", host.log());
}

#[test]
fn a_reload_forgets_what_the_cache_keeps() {
    let app = App::new("", "").with_cache();
    let host = app.start();
    let status = || {
        let path = "/probe/x/answer?cache-control:public,max-age=600";
        let answer = get(host.address, path, &[]);
        answer.header("cache-status").unwrap_or_default().to_owned()
    };
    assert!(status().contains("fwd=uri-miss"));
    assert!(status().contains("; hit"));
    host.hang_up();
    wait_for("the reload", || reloads(&host) == 1);
    assert!(status().contains("fwd=uri-miss"));
}
