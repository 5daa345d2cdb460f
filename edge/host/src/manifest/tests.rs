//! What a manifest may say, and what is refused by name.

use super::*;

const VALID: &str = r#"
spin_manifest_version = 2

[application]
name = "shop"
version = "1.0.0"
authors = ["Someone"]

[variables]
origin = { default = "http://127.0.0.1:3000" }
secret = { required = true, secret = true }

[[trigger.http]]
route = "/gate/..."
component = "gate"

[[trigger.http]]
route = { private = true }
component = "gate"

[component.gate]
source = "gate.wasm"
description = "The gate"
files = ["static/*.css", { source = "content", destination = "/" }]
key_value_stores = ["default"]
allowed_outbound_hosts = ["{{ origin }}"]

[component.gate.environment]
MODE = "test"

[component.gate.variables]
origin = "{{ origin }}/internal"

[component.gate.build]
command = "cargo build"
watch = ["src/**/*.rs"]
"#;

#[test]
fn a_manifest_of_everything_supported_is_read() {
    let manifest = parse(VALID).unwrap();
    assert_eq!(manifest.application.name, "shop");
    assert_eq!(manifest.component["gate"].files.len(), 2);
    assert!(matches!(
        manifest.trigger.http[1].route,
        Route::Private { private: true }
    ));
    assert!(manifest.variables["secret"].required);
}

#[test]
fn faults_are_named() {
    fn check(find: &str, replace: &str, expected: &str) {
        let text = VALID.replacen(find, replace, 1);
        assert_ne!(text, VALID, "{find} is not in the manifest");
        assert_eq!(parse(&text).unwrap_err().to_string(), expected, "{replace}");
    }
    check(
        "source = \"gate.wasm\"",
        "source = \"gate.wasm\"\nfoo = 1",
        "unknown key `component.gate.foo`",
    );
    check(
        "[variables]",
        "[nonsense]\n[variables]",
        "unknown key `nonsense`",
    );
    check("authors =", "author =", "unknown key `application.author`");
    check(
        "secret = true }",
        "hidden = true }",
        "unknown key `variables.secret.hidden`",
    );
    check(
        "command = ",
        "run = ",
        "unknown key `component.gate.build.run`",
    );
    check(
        "key_value_stores = [\"default\"]",
        "sqlite_databases = [\"default\"]",
        "`component.gate.sqlite_databases` is not supported by this host",
    );
    check(
        "route = \"/gate/...\"",
        "route = \"/gate/...\"\nexecutor = { type = \"wagi\" }",
        "`trigger.http.executor` is not supported by this host",
    );
    check(
        "[component.gate.build]",
        "[[trigger.redis]]\nchannel = \"x\"\n[component.gate.build]",
        "`trigger.redis` is not supported by this host",
    );
    check(
        "source = \"gate.wasm\"",
        "source = { url = \"https://example.com/a.wasm\", digest = \"sha256:0\" }",
        "`component.gate.source` must be the path of a file: URLs and registries are not supported",
    );
    check(
        "source = \"gate.wasm\"",
        "source = \"https://example.com/a.wasm\"",
        "`component.gate.source` is not a file: URLs are not supported",
    );
    check(
        "component = \"gate\"",
        "component = \"door\"",
        "`trigger.http` names the unknown component `door`",
    );
    check(
        "spin_manifest_version = 2",
        "spin_manifest_version = 1",
        "`spin_manifest_version` must be 2",
    );
    check(
        "private = true",
        "private = false",
        "`trigger.http.route` must be a pattern or `{ private = true }`",
    );
    check(
        "required = true, secret = true",
        "secret = true",
        "`variables.secret` must have either `required = true` or a `default`",
    );
    check(
        "name = \"shop\"",
        "name = 1",
        "line 5: invalid type: integer `1`, expected a string",
    );
}

#[test]
fn all_faults_are_reported_together() {
    let text = VALID.replace(
        "source = \"gate.wasm\"",
        "source = \"gate.wasm\"\nfoo = 1\nbar = 2",
    );
    assert_eq!(
        parse(&text).unwrap_err().to_string(),
        "unknown key `component.gate.bar`; unknown key `component.gate.foo`"
    );
}

#[test]
fn broken_toml_is_reported_with_its_line() {
    let fault = parse("spin_manifest_version = 2\n[application\n")
        .unwrap_err()
        .to_string();
    assert!(fault.starts_with("line 2: "), "{fault}");
}
