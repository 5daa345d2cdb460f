//! The runtime configuration at work.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    app::{App, wait_for},
    outbound::{free_address, hello_server, redis_at},
};

#[test]
fn a_fault_stops_the_start_with_its_line() {
    for (text, expected) in [
        (
            "[llm_compute]",
            "runtime.toml: line 1: `llm_compute` is not supported",
        ),
        ("\nfoo = 1", "runtime.toml: line 2: unknown key `foo`"),
        // A folder that cannot be: the configuration's own, as no other is named.
        ("state_dir = \"/dev/null/state\"", "/dev/null/state"),
    ] {
        let app = App::new("", "").runtime_config(text);
        let output = Command::new(env!("CARGO_BIN_EXE_doorbuster-edge"))
            .arg("--manifest")
            .arg(app.folder.join("spin.toml"))
            .arg("--runtime-config")
            .arg(app.folder.join("runtime.toml"))
            .arg("--check")
            .stdout(Stdio::null())
            .output()
            .unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{log}");
        assert!(log.contains(expected), "{text}: {log}");
    }
}

#[test]
fn a_store_in_redis_has_raw_keys_whatever_its_label() {
    let address = free_address();
    let server = redis_at(address);
    let url = format!("redis://{address}/3");
    let app = App::new("key_value_stores = [\"default\", \"other\"]", "").runtime_config(&format!(
        "[key_value_store.default]\ntype = \"redis\"\nurl = \"{url}\"\n\
         [key_value_store.other]\ntype = \"redis\"\nurl = \"{url}\"\n"
    ));
    let host = app.start();
    assert_eq!(host.tell("open?other"), "open");
    assert_eq!(host.tell("open?third"), "Error::AccessDenied");
    assert_eq!(host.tell("get?a"), "None");
    host.tell("set?a=1");
    host.tell("set?a=2");
    assert_eq!(host.tell("get?a"), r#"Some("2")"#);

    let client = redis::Client::open(url.as_str()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let raw: String = redis::cmd("GET").arg("a").query(&mut connection).unwrap();
    assert_eq!(raw, "2");
    let mut pipeline = redis::pipe();
    for number in 0..3000 {
        pipeline
            .cmd("SET")
            .arg(format!("k{number:04}"))
            .arg("x")
            .ignore();
    }
    pipeline.query::<()>(&mut connection).unwrap();
    let keys = host.tell("keys");
    assert_eq!(keys.split(',').count(), 3001, "{keys:.100}");
    assert!(keys.starts_with("a,k0000,k0001"), "{keys:.100}");
    assert_eq!(host.tell("delete?a"), "false");

    // The server goes: an error and no hanging. It comes back, without what it knew: so does the store.
    drop(connection);
    drop(server);
    let begun = Instant::now();
    assert_eq!(host.probe("get?k0000").status, 500);
    assert!(begun.elapsed() < Duration::from_secs(20));
    let _server = redis_at(address);
    wait_for("the store", || host.probe("set?b=1").status == 200);
    assert_eq!(host.tell("get?b"), r#"Some("1")"#);
    assert_eq!(host.tell("get?k0000"), "None");
}

#[test]
fn a_host_starts_while_its_redis_is_away() {
    let address = free_address();
    let app = App::new("key_value_stores = [\"default\"]", "").runtime_config(&format!(
        "[key_value_store.default]\ntype = \"redis\"\nurl = \"redis://:hidden@{address}\"\n"
    ));
    let host = app.start();
    assert_eq!(host.tell("requests"), "1");
    assert_eq!(host.probe("get?a").status, 500);
    assert!(!host.log().contains("hidden"), "{}", host.log());
}

#[test]
fn connections_to_other_servers_are_limited() {
    let (first, _) = hello_server();
    let (second, _) = hello_server();
    let granted = "allowed_outbound_hosts = [\"http://127.0.0.1:*\"]";
    let limit = "ErrorCode::ConnectionLimitReached";
    for (config, expected) in [
        ("max_connections = 0", [limit, limit]),
        // What is kept for the next request counts too.
        (
            "connection_pooling = true\nmax_connections = 1",
            ["200 hello", limit],
        ),
        (
            "connection_pooling = false\nmax_connections = 1",
            ["200 hello", "200 hello"],
        ),
        (
            "connection_pooling = true\nmax_concurrent_requests = 1",
            ["200 hello", "200 hello"],
        ),
    ] {
        let app = App::new(granted, "")
            .runtime_config(&format!("[outbound_http]\n{config}\n"))
            .arguments(&["--outbound-connect-timeout", "1500ms"]);
        let host = app.start();
        let answers = [first, second].map(|server| host.tell(&format!("fetch?http://{server}/")));
        assert_eq!(answers, expected, "{config}");
    }
}

#[test]
fn connections_to_redis_are_limited() {
    let address = free_address();
    let _server = redis_at(address);
    let granted = format!("allowed_outbound_hosts = [\"redis://{address}\"]");
    for (count, refused) in [(0, true), (1, false)] {
        let app = App::new(&granted, "")
            .runtime_config(&format!("[outbound_redis]\nmax_connections = {count}\n"));
        let host = app.start();
        for _ in 0..2 {
            let answer = host.tell(&format!("redis?redis://{address}"));
            assert_eq!(
                answer == "Error::TooManyConnections",
                refused,
                "{count}: {answer}"
            );
        }
    }
}

#[test]
fn the_stricter_limit_of_memory_holds() {
    let config = "max_instance_memory = 33554432";
    for (flag, large, small) in [
        ("64", "allocate?40", "allocate?16"),
        ("24", "allocate?28", "allocate?8"),
    ] {
        let app = App::new("", "")
            .runtime_config(config)
            .arguments(&["--max-memory-mib", flag]);
        let host = app.start();
        assert_eq!(host.probe(large).status, 500, "{flag}");
        assert_eq!(host.probe(small).status, 200, "{flag}");
    }
}
