//! What a component sees and may use: no more than its request and what the manifest grants it.

use std::fs;

use crate::{app::App, client};

#[test]
fn a_component_sees_its_request_and_how_it_was_reached() {
    let app = App::new("", "");
    let host = app.start();
    let forged = [
        ("spin-client-addr", "192.0.2.66:1"),
        ("spin-path-info", "/forged"),
        ("connection", "x-hop"),
        ("x-twice", "1"),
        ("x-twice", "2"),
    ];
    let answer = client::get(host.address, "/probe/a%20b/seen?q=%C3%A9", &forged);
    let lines: Vec<&str> = answer.body.lines().collect();
    let values = |name: &str| -> Vec<&str> {
        let pairs = lines.iter().filter_map(|line| line.split_once(": "));
        pairs
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value)
            .collect()
    };

    let url = format!("http://{}/probe/a%20b/seen?q=%C3%A9", host.address);
    assert_eq!(lines[0], format!("GET {url}"));
    assert_eq!(values("spin-full-url"), [url]);
    assert_eq!(values("spin-path-match-name"), ["a%20b"]);
    assert_eq!(values("spin-matched-route"), ["/probe/:name/..."]);
    assert_eq!(values("spin-raw-component-route"), ["/probe/:name/..."]);
    assert_eq!(values("spin-component-route"), ["/probe/:name"]);
    assert_eq!(values("spin-base-path"), ["/"]);
    // What a client forges stays, before the host's own: a component must take the last.
    assert_eq!(values("spin-path-info"), ["/forged", "/seen"]);
    let addresses = values("spin-client-addr");
    assert_eq!(addresses.len(), 2);
    assert_eq!(addresses[0], "192.0.2.66:1");
    assert!(addresses[1].starts_with("127.0.0.1:"), "{addresses:?}");
    assert_eq!(values("x-twice"), ["1", "2"]);
    assert!(
        values("connection").is_empty(),
        "it is between the client and the host"
    );
    assert!(
        values("host").is_empty(),
        "Spin gives the host in the URL only"
    );
}

#[test]
fn a_component_reads_the_body_of_its_request() {
    let app = App::new("", "");
    let host = app.start();
    let body = "x".repeat(300_000);
    let answer = client::request(host.address, "POST", "/probe/x/body", &[], &body);
    assert_eq!(answer.body, "300000");
}

#[test]
fn a_component_has_only_what_it_was_granted() {
    let app = App::new(
        "files = [\"static/*\"]\nenvironment = { MODE = \"test\" }\n\
         variables = { url = \"{{ origin }}/x\", plain = \"p\" }",
        "[variables]\norigin = { required = true }\nother = { default = \"hidden\" }",
    )
    .environment("SPIN_VARIABLE_ORIGIN", "http://origin")
    .environment("SPIN_VARIABLE_URL", "not this")
    .environment("HIDDEN", "not this");
    fs::create_dir(app.folder.join("static")).unwrap();
    fs::write(app.folder.join("static/a.txt"), "a").unwrap();
    fs::write(app.folder.join("secret.txt"), "secret").unwrap();
    let host = app.start();

    for (command, expected) in [
        ("variable?url", r#"Ok("http://origin/x")"#),
        ("variable?plain", r#"Ok("p")"#),
        ("variable?other", r#"Err(Error::Undefined("other"))"#),
        ("variable?origin", r#"Err(Error::Undefined("origin"))"#),
        (
            "variable?Bad",
            r#"Err(Error::InvalidName("`Bad`: a variable's name starts with a lower-case letter"))"#,
        ),
        ("arguments", "[]"),
        ("environment?MODE", r#"Some("test")"#),
        ("environment?HIDDEN", "None"),
        ("environment?SPIN_VARIABLE_ORIGIN", "None"),
        ("file?/static/a.txt", r#"Some("a")"#),
        ("file?/secret.txt", "None"),
        ("file?/static/../../secret.txt", "None"),
        ("file?/etc/passwd", "None"),
        ("write?/static/b.txt", "false"),
        ("open?default", "Error::AccessDenied"),
        (&format!("connect?{}", host.address), "false"),
    ] {
        assert_eq!(host.tell(command), expected, "{command}");
    }
}

#[test]
fn values_survive_the_host() {
    let app = App::new("key_value_stores = [\"default\"]", "");
    let host = app.start();
    assert_eq!(host.tell("get?a"), "None");
    host.tell("set?a=1");
    host.tell("set?b=2");
    host.tell("set?a=3");
    assert_eq!(host.tell("delete?b"), "false");
    // Killed, not stopped.
    drop(host);

    let host = app.start();
    assert_eq!(host.tell("get?a"), r#"Some("3")"#);
    assert_eq!(host.tell("keys"), "a");
    assert_eq!(host.tell("open?default"), "open");
    assert_eq!(host.tell("open?other"), "Error::AccessDenied");
}

#[test]
fn a_store_of_the_runtime_configuration_is_opened_by_its_label() {
    let app = App::new("key_value_stores = [\"snapshots\"]", "");
    let app =
        app.runtime_config("[key_value_store.snapshots]\ntype = \"spin\"\npath = \"new/s.redb\"\n");
    let host = app.start();
    assert_eq!(host.tell("open?snapshots"), "open");
    assert_eq!(host.tell("open?default"), "Error::AccessDenied");
    assert!(app.folder.join("new/s.redb").exists());
}

#[test]
fn what_a_component_prints_is_logged_with_its_name() {
    let app = App::new("", "");
    let host = app.start();
    host.tell("print?line");
    crate::app::wait_for("the lines", || {
        let log = host.log();
        let has = |text, output: &str| {
            let mut lines = log.lines().filter(|line: &&str| line.contains(text));
            lines.any(|line| line.contains(r#"component.id="probe""#) && line.contains(output))
        };
        has("out line", r#"component.output="stdout""#)
            && has("err line", r#"component.output="stderr""#)
    });
}
