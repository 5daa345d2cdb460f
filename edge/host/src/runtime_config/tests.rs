//! What a runtime configuration may say, and what is refused by name.

use super::*;

fn read(text: &str) -> Result<RuntimeConfig, String> {
    parse(text, Path::new("/etc/edge")).map_err(|faults| faults.to_string())
}

#[test]
fn everything_supported_is_read() {
    let config = read(
        r#"
        state_dir = "/var/lib/edge"
        max_instance_memory = 33554432
        [key_value_store.default]
        type = "spin"
        path = "a.redb"
        [key_value_store.shared]
        type = "redis"
        url = "redis://:secret@127.0.0.1:6379/1"
        [[variables_provider]]
        type = "static"
        values = { a = "hidden" }
        [[variables_provider]]
        type = "env"
        prefix = "SHOP"
        [[variables_provider]]
        type = "env"
        dotenv_path = "/etc/edge/env"
        [[variables_provider]]
        type = "vault"
        url = "https://vault"
        token = "hidden"
        mount = "secret"
        prefix = "shop"
        [outbound_http]
        connection_pooling = false
        max_connections = 10
        [outbound_redis]
        max_connections = 5
        "#,
    )
    .unwrap();
    assert_eq!(
        config.state_dir.as_deref(),
        Some(Path::new("/var/lib/edge"))
    );
    assert_eq!(config.max_memory_mib(64), 32);
    assert_eq!(config.max_memory_mib(16), 16);
    assert_eq!(
        config.key_value_stores["default"],
        KeyValueStore::Spin {
            path: "/etc/edge/a.redb".into()
        }
    );
    let providers = config.variables_providers();
    assert_eq!(format!("{providers:?}"), "[static, env, env, vault]");
    assert!(!config.outbound_http.connection_pooling);
    assert_eq!(config.outbound_http.max_connections(), Some(10));
    assert_eq!(config.outbound_redis.max_connections, Some(5));
    let printed = format!("{config:?}");
    assert!(
        !printed.contains("hidden") && !printed.contains("secret"),
        "{printed}"
    );
}

#[test]
fn without_a_word_the_defaults_hold() {
    let config = read("").unwrap();
    assert!(config.outbound_http.connection_pooling);
    assert_eq!(config.outbound_http.max_connections(), None);
    assert_eq!(config.max_memory_mib(64), 64);
    let former = read("[outbound_http]\nmax_concurrent_requests = 0").unwrap();
    assert!(former.outbound_http.connection_pooling);
    assert_eq!(former.outbound_http.max_connections(), Some(1));
    let former = read("[[config_provider]]\ntype = \"env\"").unwrap();
    assert_eq!(former.variables_providers().len(), 1);
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    fn check(text: &str, expected: &str) {
        let fault = read(text).unwrap_err();
        assert!(fault.contains(expected), "{text}: {fault}");
    }
    for key in ["sqlite_database.default", "outbound_pg", "outbound_mysql"] {
        let top = key.split('.').next().unwrap();
        check(
            &format!("[{key}]\nx = 1"),
            &format!("line 1: `{top}` is not supported by this host: this host speaks to no SQL"),
        );
    }
    for (text, expected) in [
        (
            "log_dir = \"x\"",
            "`log_dir` is not supported by this host: what components print",
        ),
        (
            "[llm_compute]\ntype = \"spin\"",
            "`llm_compute` is not supported by this host",
        ),
        (
            "[outbound_mqtt]",
            "`outbound_mqtt` is not supported by this host",
        ),
        (
            "[outbound_networking]",
            "`outbound_networking` is not supported by this host: block",
        ),
        (
            "[[client_tls]]",
            "`client_tls` is not supported by this host",
        ),
        ("\n\nfoo = 1", "line 3: unknown key `foo`"),
        (
            "[outbound_http]\nmax = 1",
            "line 2: unknown key `outbound_http.max`",
        ),
        (
            "[outbound_redis]\nmax = 1",
            "line 2: unknown key `outbound_redis.max`",
        ),
        (
            "[key_value_store.a]\ntype = \"azure_cosmos\"",
            "line 2: `key_value_store.a`: the type `azure_cosmos` is not supported by this host: use \
             spin, redis",
        ),
        (
            "[key_value_store.a]\ntype = \"aws_dynamo\"",
            "the type `aws_dynamo` is not supported by this host",
        ),
        (
            "[key_value_store.a]\ntype = \"foo\"",
            "`key_value_store.a`: unknown type `foo`: use spin, redis",
        ),
        (
            "[key_value_store.a]\ntype = \"spin\"\npath = \"a\"\nfoo = 1",
            "line 4: unknown key `key_value_store.a.foo`",
        ),
        (
            "[key_value_store.a]\ntype = \"spin\"",
            "missing field `path`",
        ),
        (
            "[key_value_store.a]\ntype = \"redis\"",
            "missing field `url`",
        ),
        (
            "[[variables_provider]]\ntype = \"azure_key_vault\"",
            "line 2: `variables_provider`: the type `azure_key_vault` is not supported by this host: \
             use static, env, vault",
        ),
        (
            "[[variables_provider]]\ntype = \"static\"\nvalues = {}\nfoo = 1",
            "line 4: unknown key `variables_provider.foo`",
        ),
        (
            "[[variables_provider]]\ntype = \"vault\"\nurl = \"x\"",
            "missing field `token`",
        ),
        (
            "max_instance_memory = 1000000",
            "`max_instance_memory` must be a whole number of MiB",
        ),
        ("state_dir = \"\"", "`state_dir` must name a folder"),
        (
            "[outbound_http]\nmax_connections = 1\nmax_concurrent_requests = 1",
            "`outbound_http.max_concurrent_requests` is the former name",
        ),
        ("state_dir = 1", "line 1: invalid type: integer `1`"),
        ("[outbound_http", "line 1: "),
    ] {
        check(text, expected);
    }
}

#[test]
fn a_bad_address_is_refused_and_not_printed() {
    for url in [
        "http://:secret@host",
        "nonsense secret",
        "rediss://:secret@host",
        "unix:///secret",
    ] {
        let text = format!("[key_value_store.a]\ntype = \"redis\"\nurl = \"{url}\"");
        let fault = read(&text).unwrap_err();
        assert!(fault.starts_with("`key_value_store.a.url` "), "{fault}");
        assert!(!fault.contains("secret"), "{fault}");
    }
}

#[test]
fn all_faults_are_reported_together() {
    assert_eq!(
        read("foo = 1\nbar = 2\n[outbound_http]\nbaz = 3").unwrap_err(),
        "line 2: unknown key `bar`; line 1: unknown key `foo`; \
         line 4: unknown key `outbound_http.baz`"
    );
}
