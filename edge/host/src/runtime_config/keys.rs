//! Which keys a runtime configuration may have; the others are refused by their full name and line, with
//! what to do instead.

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use crate::{faults::Faults, manifest::at_line};

const TOP: &[&str] = &[
    "state_dir",
    "max_instance_memory",
    "key_value_store",
    "variables_provider",
    "config_provider",
    "outbound_http",
    "outbound_redis",
];
/// Those of Spin that are not supported, and what to do.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("log_dir", "what components print is in the host's own log"),
    ("sqlite_database", NO_SQL),
    ("outbound_pg", NO_SQL),
    ("outbound_mysql", NO_SQL),
    ("outbound_mqtt", "this host does not speak MQTT"),
    (
        "llm_compute",
        "this host runs no models; call one over HTTP",
    ),
    (
        "outbound_networking",
        "block networks in the firewall; connections are limited by `outbound_http` and `outbound_redis`",
    ),
    (
        "client_tls",
        "certificates are checked against Mozilla's roots; put a proxy before servers of a private one",
    ),
];
const NO_SQL: &str = "this host speaks to no SQL database; use a key-value store or Redis";
const OUTBOUND_HTTP: &[&str] = &[
    "connection_pooling",
    "max_connections",
    "max_concurrent_requests",
];
const OUTBOUND_REDIS: &[&str] = &["max_connections"];
/// Key-value stores by type.
const STORES: &[(&str, &[&str])] = &[("spin", &["type", "path"]), ("redis", &["type", "url"])];
const OTHER_STORES: &[&str] = &["azure_cosmos", "aws_dynamo"];
/// Providers of variables by type.
const PROVIDERS: &[(&str, &[&str])] = &[
    ("static", &["type", "values"]),
    ("env", &["type", "prefix", "dotenv_path"]),
    ("vault", &["type", "url", "token", "mount", "prefix"]),
];
const OTHER_PROVIDERS: &[&str] = &["azure_key_vault"];

type Key<'a> = Spanned<DeString<'a>>;

/// Notes every key and every type that is not known.
pub fn check(text: &str, faults: &mut Faults) {
    let Some(table) = faults.take(DeTable::parse(text).map_err(|error| at_line(text, &error)))
    else {
        return;
    };
    Check { text, faults }.top(table.get_ref());
}

struct Check<'a> {
    text: &'a str,
    faults: &'a mut Faults,
}

impl Check<'_> {
    fn top(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            let value = value.get_ref();
            match name(key) {
                "key_value_store" => {
                    for (label, store) in value.as_table().into_iter().flatten() {
                        let path = format!("key_value_store.{}", name(label));
                        self.typed(&path, store, STORES, OTHER_STORES);
                    }
                }
                path @ ("variables_provider" | "config_provider") => {
                    for provider in value.as_array().into_iter().flat_map(|all| all.iter()) {
                        self.typed(path, provider, PROVIDERS, OTHER_PROVIDERS);
                    }
                }
                path @ "outbound_http" => self.keys(path, value, OUTBOUND_HTTP),
                path @ "outbound_redis" => self.keys(path, value, OUTBOUND_REDIS),
                known if TOP.contains(&known) => {}
                other => match UNSUPPORTED.iter().find(|(known, _)| *known == other) {
                    Some((_, instead)) => {
                        let fault = format!("`{other}` is not supported by this host: {instead}");
                        self.add(key.span().start, &fault);
                    }
                    None => self.add(key.span().start, &format!("unknown key `{other}`")),
                },
            }
        }
    }

    /// A table whose keys depend on its `type`.
    fn typed(
        &mut self,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        types: &[(&str, &[&str])],
        unsupported: &[&str],
    ) {
        let Some(table) = value.get_ref().as_table() else {
            return;
        };
        // Without a type the reader itself complains.
        let Some(kind) = table.get("type") else {
            return;
        };
        let line_of = kind.span().start;
        let kind = kind.get_ref().as_str().unwrap_or_default();
        if let Some((_, known)) = types.iter().find(|(name, _)| *name == kind) {
            return self.keys(path, value.get_ref(), known);
        }
        let known: Vec<&str> = types.iter().map(|(name, _)| *name).collect();
        let known = known.join(", ");
        let fault = if unsupported.contains(&kind) {
            format!("`{path}`: the type `{kind}` is not supported by this host: use {known}")
        } else {
            format!("`{path}`: unknown type `{kind}`: use {known}")
        };
        self.add(line_of, &fault);
    }

    fn keys(&mut self, path: &str, value: &DeValue<'_>, known: &[&str]) {
        for (key, _) in value.as_table().into_iter().flatten() {
            if !known.contains(&name(key)) {
                let fault = format!("unknown key `{path}.{}`", name(key));
                self.add(key.span().start, &fault);
            }
        }
    }

    fn add(&mut self, position: usize, fault: &str) {
        let before = self.text.as_bytes().iter().take(position);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        self.faults.add(format!("line {line}: {fault}"));
    }
}

fn name<'a>(key: &'a Key<'_>) -> &'a str {
    key.get_ref()
}
