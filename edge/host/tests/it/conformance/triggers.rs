//! Triggers, and what the host answers by itself.

use crate::{
    app::App,
    client::{get, request},
};

const TABLES: &str = r#"
[[trigger.http]]
route = "/robots.txt"
static_response = { body = "User-agent: *\n", headers = { content-type = "text/plain", X-A = "1" } }

[[trigger.http]]
route = "/old/..."
static_response = { status_code = 301, headers = { location = "/new" } }

[[trigger.http]]
route = "/inline/..."
component = { source = "probe.wasm", environment = { MODE = "inline" } }
executor = { type = "http" }
"#;

#[test]
fn a_static_response_is_given_as_written() {
    let app = App::new("", TABLES);
    let host = app.start();
    let robots = get(host.address, "/robots.txt", &[]);
    assert_eq!(
        (robots.status, robots.body.as_str()),
        (200, "User-agent: *\n")
    );
    assert_eq!(robots.header("content-type"), Some("text/plain"));
    assert_eq!(robots.header("x-a"), Some("1"));
    assert_eq!(robots.header("content-length"), Some("14"));

    let head = request(host.address, "HEAD", "/robots.txt", &[], "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), Some("14"));

    // Whatever the method: Spin asks for none either.
    let moved = request(host.address, "POST", "/old/x?y", &[], "body");
    assert_eq!((moved.status, moved.body.as_str()), (301, ""));
    assert_eq!(moved.header("location"), Some("/new"));
}

#[test]
fn a_component_may_be_written_inside_its_trigger() {
    let app = App::new("environment = { MODE = \"named\" }", TABLES);
    let host = app.start();
    let inline = get(host.address, "/inline/environment?MODE", &[]);
    assert_eq!(inline.body, r#"Some("inline")"#);
    assert_eq!(host.tell("environment?MODE"), r#"Some("named")"#);
}

#[test]
fn the_host_tells_of_itself_below_the_well_known_path() {
    let app = App::new("", "");
    let host = app.start();
    let health = get(host.address, "/.well-known/spin/health", &[]);
    assert_eq!((health.status, health.body.as_str()), (200, "OK"));
    let info = get(host.address, "/.well-known/spin/info", &[]);
    assert_eq!(info.header("content-type"), Some("application/json"));
    let info: serde_json::Value = serde_json::from_str(&info.body).unwrap();
    assert_eq!(info, serde_json::json!({ "name": "probe" }));
    let other = get(host.address, "/.well-known/spin/other", &[]);
    assert_eq!((other.status, other.body.as_str()), (404, ""));
}
