//! What Spin has and this host has not.

use super::{VALID, read};

#[test]
fn what_spin_has_and_this_host_has_not_is_refused_with_advice() {
    const COMPOSE: &str = "compose the components into one file beforehand";
    const NO_CODE: &str =
        "this host fetches no code; download it, check its digest and name the file";
    const ONLY_HTTP: &str = "only `{ type = \"http\" }` is; build the component for wasi:http";
    fn check(find: &str, replace: &str, name: &str, instead: &str) {
        let text = VALID.replacen(find, replace, 1);
        assert_ne!(text, VALID, "{find} is not in the manifest");
        let expected = format!("`{name}` is not supported by this host: {instead}");
        assert_eq!(read(&text).unwrap_err(), expected, "{replace}");
    }
    for (key, instead) in [
        (
            "sqlite_databases = [\"default\"]",
            "this host has no SQLite; use a key-value store or Redis",
        ),
        (
            "ai_models = [\"llama2-chat\"]",
            "this host runs no models; call one over HTTP",
        ),
        (
            "allowed_http_hosts = [\"example.com\"]",
            "write `allowed_outbound_hosts`, with a scheme before each host",
        ),
        ("dependencies = { \"a:b\" = \"1.0\" }", COMPOSE),
        ("dependencies_inherit_configuration = true", COMPOSE),
    ] {
        let name = key.split(' ').next().unwrap();
        check(
            "description = \"The gate\"",
            key,
            &format!("component.gate.{name}"),
            instead,
        );
    }
    for kind in ["redis", "command", "cron", "sqs", "mqtt"] {
        check(
            "[component.gate.build]",
            &format!("[[trigger.{kind}]]\nchannel = \"x\"\n[component.gate.build]"),
            &format!("trigger.{kind}"),
            "this host serves HTTP only; run this trigger under Spin",
        );
    }
    check(
        "[application.trigger.http]",
        "[application.trigger.redis]\naddress = \"redis://a\"",
        "application.trigger.redis",
        "this host serves HTTP only; run this trigger under Spin",
    );
    check(
        "[application.trigger.http]",
        "[application.trigger.http]\nbase = \"/shop\"",
        "application.trigger.http.base",
        "put it before every `trigger.http.route`",
    );
    for executor in ["{ type = \"wagi\" }", "\"wagi\"", "{}"] {
        check(
            "executor = { type = \"http\" }",
            &format!("executor = {executor}"),
            "trigger.http.executor",
            ONLY_HTTP,
        );
    }
    for key in [
        "components = { middleware = \"gate\" }",
        "dependencies = { middleware = [{ component = \"gate\" }] }",
    ] {
        let name = key.split(' ').next().unwrap();
        check(
            "id = \"the-gate\"",
            &format!("id = \"the-gate\"\n{key}"),
            &format!("trigger.http.{name}"),
            COMPOSE,
        );
    }
    for source in [
        "\"https://example.com/a.wasm\"",
        "{ url = \"https://example.com/a.wasm\", digest = \"sha256:0\" }",
        "{ registry = \"example.com\", package = \"a:b\", version = \"1.0.0\" }",
    ] {
        let text = VALID.replacen("\"gate.wasm\"", source, 1);
        assert_eq!(
            read(&text).unwrap_err(),
            format!("`component.gate.source` is not a file: {NO_CODE}"),
            "{source}"
        );
    }
}
