//! Which interfaces a component may import, and which it must export: judged by name before it is
//! linked, so that all that is missing is told at once, and with what to do.
//!
//! The linker has the last word; a test holds this list against it.

use wasmtime::{Engine, component::Component};

use crate::faults::Faults;

/// What serves HTTP here.
const HANDLER: &str = "wasi:http/handler@0.3.0";

/// What the linker offers, up to the version; a patch release of it will do.
const OFFERED: &[(&str, &[&str])] = &[
    ("wasi:cli/", WASI),
    ("wasi:clocks/", WASI),
    ("wasi:filesystem/", WASI),
    ("wasi:io/", &["0.2."]),
    ("wasi:random/", WASI),
    ("wasi:sockets/", WASI),
    ("wasi:http/types", &["0.3."]),
    ("wasi:http/client", &["0.3."]),
    ("spin:key-value/key-value", &["3.0."]),
    ("spin:redis/redis", &["3.0."]),
    ("spin:variables/variables", &["3.0."]),
];
const WASI: &[&str] = &["0.2.", "0.3."];

const SDK: &str = "rebuild the component with version 7 of the Spin SDK";
const NO_SQL: &str = "this host speaks to no SQL database; use spin:key-value or spin:redis";
/// What to do about others of Spin's, by how they begin; the first that fits.
const ADVICE: &[(&str, &str)] = &[
    ("wasi:http/outgoing-handler", SDK),
    ("wasi:http/incoming-handler", SDK),
    (
        "wasi:http/handler",
        "compose the components into one file beforehand",
    ),
    ("wasi:http/", SDK),
    ("wasi:keyvalue/", "use spin:key-value@3.0.0"),
    ("wasi:config/", "use spin:variables@3.0.0"),
    (
        "wasi:otel/",
        "components are not traced by themselves; the host's log has their requests",
    ),
    ("wasi:", SDK),
    ("fermyon:spin/key-value", SDK),
    ("fermyon:spin/redis", SDK),
    ("fermyon:spin/variables", SDK),
    ("fermyon:spin/config", SDK),
    ("fermyon:spin/http", SDK),
    ("fermyon:spin/inbound-http", SDK),
    (
        "fermyon:spin/llm",
        "this host runs no models; call one over HTTP",
    ),
    ("fermyon:spin/mqtt", "this host does not speak MQTT"),
    ("fermyon:spin/", NO_SQL),
    ("spin:mqtt/", "this host does not speak MQTT"),
    ("spin:mysql/", NO_SQL),
    ("spin:postgres/", NO_SQL),
    ("spin:sqlite/", NO_SQL),
    ("spin:", SDK),
];

/// Notes every import that nobody offers, and a missing handler.
pub fn check(engine: &Engine, component: &Component, faults: &mut Faults) {
    let all = component.component_type();
    for (import, _) in all.imports(engine) {
        if !is_offered(import) {
            faults.add(format!("it imports `{import}`: {}", advice(import)));
        }
    }
    let exports: Vec<&str> = all.exports(engine).map(|(export, _)| export).collect();
    if exports.iter().any(|export| is_handler(export)) {
        return;
    }
    let other = exports
        .into_iter()
        .find(|export| advice_for(export).is_some());
    let instead = other.map(|other| format!(", it exports `{other}`: {}", advice(other)));
    faults.add(format!(
        "it does not export `{HANDLER}`{}",
        instead.unwrap_or_default()
    ));
}

fn is_handler(export: &str) -> bool {
    let version = export.strip_prefix("wasi:http/handler@0.3.");
    version.is_some_and(is_release)
}

fn is_offered(import: &str) -> bool {
    let Some((interface, version)) = import.split_once('@') else {
        return false;
    };
    OFFERED.iter().any(|(name, versions)| {
        let named = match name.strip_suffix('/') {
            Some(_) => interface.starts_with(name),
            None => interface == *name,
        };
        let patch = |of: &str| version.strip_prefix(of).is_some_and(is_release);
        named && versions.iter().any(|of| patch(of))
    })
}

/// A patch number; release candidates are of another kind.
fn is_release(patch: &str) -> bool {
    !patch.is_empty() && patch.chars().all(|c| c.is_ascii_digit())
}

fn advice(interface: &str) -> &'static str {
    advice_for(interface).unwrap_or("neither Spin nor this host offers that")
}

fn advice_for(interface: &str) -> Option<&'static str> {
    let found = ADVICE
        .iter()
        .find(|(begin, _)| interface.starts_with(begin));
    found.map(|(_, advice)| *advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_offered_and_candidates_are_not() {
        for (import, expected) in [
            ("wasi:cli/environment@0.2.0", true),
            ("wasi:cli/environment@0.2.6", true),
            ("wasi:cli/environment@0.3.0", true),
            ("wasi:cli/environment@0.2.0-rc-2023-11-10", false),
            ("wasi:cli/environment@0.3.0-rc-2026-03-15", false),
            ("wasi:cli/environment@1.0.0", false),
            ("wasi:cli/environment", false),
            ("wasi:io/streams@0.2.3", true),
            ("wasi:io/streams@0.3.0", false),
            ("wasi:http/types@0.3.0", true),
            ("wasi:http/types@0.2.0", false),
            ("wasi:http/outgoing-handler@0.2.6", false),
            ("spin:key-value/key-value@3.0.0", true),
            ("spin:key-value/key-value@4.0.0", false),
            ("spin:redis/redis@3.0.0", true),
            ("spin:redis/inbound-redis@3.0.0", false),
        ] {
            assert_eq!(is_offered(import), expected, "{import}");
        }
        for (export, expected) in [
            ("wasi:http/handler@0.3.0", true),
            ("wasi:http/handler@0.3.1", true),
            ("wasi:http/handler@0.3.0-rc-2026-03-15", false),
            ("wasi:http/incoming-handler@0.2.0", false),
        ] {
            assert_eq!(is_handler(export), expected, "{export}");
        }
    }
}
