//! Which interfaces there are: components that import them by name, and do nothing else.

use std::fs;

use crate::app::App;

const OFFERED: &[&str] = &[
    "wasi:cli/environment@0.2.0",
    "wasi:cli/exit@0.2.3",
    "wasi:cli/stdout@0.2.6",
    "wasi:cli/environment@0.3.0",
    "wasi:cli/stderr@0.3.0",
    "wasi:clocks/monotonic-clock@0.2.6",
    "wasi:clocks/wall-clock@0.2.0",
    "wasi:clocks/monotonic-clock@0.3.0",
    "wasi:clocks/system-clock@0.3.0",
    "wasi:filesystem/preopens@0.2.6",
    "wasi:filesystem/types@0.2.6",
    "wasi:filesystem/preopens@0.3.0",
    "wasi:filesystem/types@0.3.0",
    "wasi:io/error@0.2.6",
    "wasi:io/poll@0.2.6",
    "wasi:io/streams@0.2.6",
    "wasi:random/random@0.2.6",
    "wasi:random/insecure@0.2.6",
    "wasi:random/random@0.3.0",
    "wasi:random/insecure-seed@0.3.0",
    "wasi:sockets/tcp@0.2.6",
    "wasi:sockets/udp@0.2.6",
    "wasi:sockets/ip-name-lookup@0.2.6",
    "wasi:sockets/types@0.3.0",
    "wasi:sockets/ip-name-lookup@0.3.0",
    "wasi:http/types@0.3.0",
    "wasi:http/client@0.3.0",
    "spin:key-value/key-value@3.0.0",
    "spin:redis/redis@3.0.0",
    "spin:variables/variables@3.0.0",
];

const SDK: &str = "rebuild the component with version 7 of the Spin SDK";
const COMPOSE: &str = "compose the components into one file beforehand";
const NO_SQL: &str = "this host speaks to no SQL database; use spin:key-value or spin:redis";
const NO_MQTT: &str = "this host does not speak MQTT";
const NO_MODELS: &str = "this host runs no models; call one over HTTP";
const REFUSED: &[(&str, &str)] = &[
    ("wasi:http/types@0.2.6", SDK),
    ("wasi:http/outgoing-handler@0.2.6", SDK),
    ("wasi:http/outgoing-handler@0.2.0-rc-2023-10-18", SDK),
    ("wasi:http/client@0.3.0-rc-2026-03-15", SDK),
    ("wasi:http/handler@0.3.0", COMPOSE),
    ("wasi:cli/environment@0.2.0-rc-2023-11-10", SDK),
    ("wasi:clocks/types@0.3.0-rc-2026-03-15", SDK),
    (
        "wasi:keyvalue/store@0.2.0-draft2",
        "use spin:key-value@3.0.0",
    ),
    (
        "wasi:keyvalue/atomics@0.2.0-draft2",
        "use spin:key-value@3.0.0",
    ),
    (
        "wasi:keyvalue/batch@0.2.0-draft2",
        "use spin:key-value@3.0.0",
    ),
    (
        "wasi:config/store@0.2.0-draft-2024-09-27",
        "use spin:variables@3.0.0",
    ),
    (
        "wasi:otel/tracing@0.2.0-rc.2",
        "components are not traced by themselves; the host's log has their requests",
    ),
    ("spin:mqtt/mqtt@3.0.0", NO_MQTT),
    ("spin:mysql/mysql@3.0.0", NO_SQL),
    ("spin:postgres/postgres@3.0.0", NO_SQL),
    ("spin:postgres/postgres@4.2.0", NO_SQL),
    ("spin:sqlite/sqlite@3.1.0", NO_SQL),
    ("spin:key-value/key-value@2.0.0", SDK),
    ("fermyon:spin/key-value@2.0.0", SDK),
    ("fermyon:spin/redis@2.0.0", SDK),
    ("fermyon:spin/variables@2.0.0", SDK),
    ("fermyon:spin/llm@2.0.0", NO_MODELS),
    ("fermyon:spin/mqtt@2.0.0", NO_MQTT),
    ("fermyon:spin/mysql@2.0.0", NO_SQL),
    ("fermyon:spin/postgres@2.0.0", NO_SQL),
    ("fermyon:spin/sqlite@2.0.0", NO_SQL),
    ("fermyon:spin/config", SDK),
    ("fermyon:spin/http", SDK),
    ("fermyon:spin/key-value", SDK),
    (
        "some:other/thing@1.0.0",
        "neither Spin nor this host offers that",
    ),
];

/// What the host says of a component with these imports and exports.
fn said(imports: &[&str], exports: &[&str]) -> String {
    let app = App::new("", "").arguments(&["--check"]);
    fs::write(app.folder.join("probe.wasm"), component(imports, exports)).unwrap();
    let (success, log) = app.run();
    assert!(!success, "it serves nothing: {log}");
    log
}

#[test]
fn the_interfaces_of_spin_that_are_offered_are_really_there() {
    let none = "it does not export `wasi:http/handler@0.3.0`";
    let log = said(OFFERED, &[]);
    assert!(log.contains(none) && !log.contains("it imports"), "{log}");
    // With a handler by name, though an empty one, it gets as far as the linker.
    let log = said(OFFERED, &["wasi:http/handler@0.3.0"]);
    assert!(
        log.contains("does not serve wasi:http/handler@0.3.0"),
        "{log}"
    );
    assert!(
        !log.contains("needs what this host does not offer"),
        "{log}"
    );
}

#[test]
fn the_others_are_refused_by_name_and_with_advice() {
    let imports: Vec<&str> = REFUSED.iter().map(|(name, _)| *name).collect();
    let log = said(&imports, &["wasi:http/handler@0.3.0"]);
    for (name, advice) in REFUSED {
        let expected = format!("it imports `{name}`: {advice}");
        assert!(log.contains(&expected), "{expected} is missing: {log}");
    }
}

#[test]
fn handlers_of_other_worlds_are_refused_by_name() {
    for (export, advice) in [
        ("wasi:http/incoming-handler@0.2.0", SDK),
        ("wasi:http/incoming-handler@0.2.0-rc-2023-10-18", SDK),
        ("fermyon:spin/inbound-http", SDK),
        ("spin:redis/inbound-redis@3.0.0", SDK),
    ] {
        let log = said(&["wasi:io/poll@0.2.6"], &[export]);
        let expected = format!(
            "it does not export `wasi:http/handler@0.3.0`, it exports `{export}`: {advice}"
        );
        assert!(log.contains(&expected), "{expected} is missing: {log}");
    }
}

/// A component in the binary format: imports empty instances by name and exports the first of them.
fn component(imports: &[&str], exports: &[&str]) -> Vec<u8> {
    const EMPTY_INSTANCE_TYPE: &[u8] = &[0x42, 0];
    let named = |name: &&str, rest: &[u8]| {
        let mut entry = vec![0];
        entry.extend(leb128(name.len()));
        entry.extend(name.bytes());
        entry.extend(rest);
        entry
    };
    let imports: Vec<_> = imports.iter().map(|name| named(name, &[5, 0])).collect();
    let exports: Vec<_> = exports.iter().map(|name| named(name, &[5, 0, 0])).collect();
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    bytes.extend(section(7, &[EMPTY_INSTANCE_TYPE.to_vec()]));
    bytes.extend(section(10, &imports));
    bytes.extend(section(11, &exports));
    bytes
}

fn section(id: u8, entries: &[Vec<u8>]) -> Vec<u8> {
    let mut content = leb128(entries.len());
    content.extend(entries.concat());
    let mut section = vec![id];
    section.extend(leb128(content.len()));
    section.extend(content);
    section
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
