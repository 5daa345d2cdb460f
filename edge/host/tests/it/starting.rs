//! What stops a start: one clear line, and the exit code 1.

use std::{fs, net::TcpListener};

use crate::app::App;

#[test]
fn faults_of_the_app_stop_the_start_with_one_line() {
    fn check(app: &App, expected: &[&str]) {
        let (success, log) = app.run();
        assert!(!success, "{log}");
        let errors: Vec<&str> = log
            .lines()
            .filter(|line| !line.contains(" INFO "))
            .collect();
        assert_eq!(errors.len(), 1, "{log}");
        assert!(errors[0].starts_with("error: "), "{log}");
        for text in expected {
            assert!(errors[0].contains(text), "{text} is missing: {log}");
        }
    }
    check(
        &App::new("foo = 1", ""),
        &["spin.toml: unknown key `component.probe.foo`"],
    );
    check(
        &App::new("sqlite_databases = [\"default\"]\nai_models = []", ""),
        &[
            "`component.probe.sqlite_databases` is not supported",
            "`component.probe.ai_models`",
        ],
    );
    check(
        &App::new(
            "",
            "[variables]\na = { required = true }\nb = { required = true }",
        ),
        &["set SPIN_VARIABLE_A", "set SPIN_VARIABLE_B"],
    );
    check(
        &App::new("variables = { x = \"{{ y }}\" }", ""),
        &["unknown variable `y`"],
    );
    check(
        &App::new("allowed_outbound_hosts = [\"origin\"]", ""),
        &["`origin`: write `scheme://"],
    );
    check(
        &App::new("key_value_stores = [\"other\"]", ""),
        &["the store `other`"],
    );
    check(
        &App::new("files = [\"../*\"]", ""),
        &["leads out of its folder"],
    );

    let app = App::new("", "");
    fs::remove_file(app.folder.join("probe.wasm")).unwrap();
    check(
        &app,
        &["`component.probe.source`", "probe.wasm is not there"],
    );
    fs::write(app.folder.join("probe.wasm"), "this is not wasm").unwrap();
    check(&app, &["component `probe`: cannot load"]);
    fs::write(app.folder.join("probe.wasm"), "(component)").unwrap();
    check(&app, &["component `probe`: cannot load"]);
    fs::write(app.folder.join("probe.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
    check(
        &app,
        &["component `probe`: it does not export `wasi:http/handler@0.3.0`"],
    );
    fs::remove_file(app.folder.join("spin.toml")).unwrap();
    check(&app, &["cannot read", "spin.toml"]);
}

#[test]
fn a_taken_port_stops_the_start_with_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let app = App::new("", "").arguments(&["--listen", &address]);
    let (success, log) = app.run();
    assert!(!success);
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(
        log.starts_with(&format!("error: cannot listen on {address}: ")),
        "{log}"
    );
}

#[test]
fn a_check_starts_nothing() {
    let app = App::new("key_value_stores = [\"default\"]", "");
    let _running = app.start();
    let (success, log) = app.arguments(&["--check"]).run();
    assert!(success, "a check gets along with a running host: {log}");
    assert!(log.contains("the app is in order"), "{log}");
    assert!(!log.contains("listening"), "{log}");
}

#[test]
fn a_check_names_every_fault_at_once() {
    let app = App::new(
        "foo = 1\nfiles = [\"missing.txt\"]\nallowed_outbound_hosts = [\"origin\"]\n\
         key_value_stores = [\"other\"]",
        "[variables]\na = { required = true }\n\
         [[trigger.http]]\nroute = \"/a/*\"\nstatic_response = { status_code = 7 }\n\
         [[trigger.http]]\nroute = \"/b\"\ncomponent = { source = \"missing.wasm\" }\n\
         [[trigger.http]]\nroute = \"/c\"\ncomponent = { source = \"broken.wasm\" }",
    );
    fs::write(app.folder.join("broken.wasm"), "this is not wasm").unwrap();
    let (success, log) = app.arguments(&["--check"]).run();
    assert!(!success, "{log}");
    let error = log
        .lines()
        .find(|line| line.starts_with("error: "))
        .unwrap();
    for expected in [
        "unknown key `component.probe.foo`",
        "`missing.txt` does not exist",
        "`origin`: write `scheme://",
        "the store `other` is not in the runtime configuration",
        "set SPIN_VARIABLE_A",
        "the route `/a/*` has a wildcard",
        "7 is not the status of an answer",
        "missing.wasm is not there",
        "component `http-trigger3-component`: cannot load",
    ] {
        assert!(error.contains(expected), "{expected} is missing: {error}");
    }
}

#[test]
fn a_data_folder_serves_one_host_at_a_time() {
    let app = App::new("", "");
    let _first = app.start();
    let (success, log) = app.run();
    assert!(!success);
    assert!(log.contains("is used by another host"), "{log}");
}
