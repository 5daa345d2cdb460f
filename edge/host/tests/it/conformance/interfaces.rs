//! Which interfaces there are: components that import them by name, and do nothing else.

use std::fs;

use crate::app::App;

/// Something an interface has, by which it is known.
#[derive(Clone, Copy)]
enum Item {
    Resource(&'static str),
    /// Asked for with parameters that it has not.
    Function(&'static str),
}

use Item::{Function, Resource};

const OFFERED: &[(&str, Item)] = &[
    ("wasi:cli/environment@0.2.0", Function("get-arguments")),
    ("wasi:cli/exit@0.2.3", Function("exit")),
    ("wasi:cli/stdout@0.2.6", Function("get-stdout")),
    ("wasi:cli/environment@0.3.0", Function("get-arguments")),
    ("wasi:cli/stderr@0.3.0", Function("write-via-stream")),
    ("wasi:clocks/monotonic-clock@0.2.6", Function("now")),
    ("wasi:clocks/wall-clock@0.2.0", Function("now")),
    ("wasi:clocks/monotonic-clock@0.3.0", Function("now")),
    ("wasi:clocks/system-clock@0.3.0", Function("now")),
    (
        "wasi:filesystem/preopens@0.2.6",
        Function("get-directories"),
    ),
    ("wasi:filesystem/types@0.2.6", Resource("descriptor")),
    (
        "wasi:filesystem/preopens@0.3.0",
        Function("get-directories"),
    ),
    ("wasi:filesystem/types@0.3.0", Resource("descriptor")),
    ("wasi:io/error@0.2.6", Resource("error")),
    ("wasi:io/poll@0.2.6", Resource("pollable")),
    ("wasi:io/streams@0.2.6", Resource("input-stream")),
    ("wasi:random/random@0.2.6", Function("get-random-u64")),
    (
        "wasi:random/insecure@0.2.6",
        Function("get-insecure-random-u64"),
    ),
    ("wasi:random/random@0.3.0", Function("get-random-u64")),
    (
        "wasi:random/insecure-seed@0.3.0",
        Function("get-insecure-seed"),
    ),
    ("wasi:sockets/tcp@0.2.6", Resource("tcp-socket")),
    ("wasi:sockets/udp@0.2.6", Resource("udp-socket")),
    (
        "wasi:sockets/ip-name-lookup@0.2.6",
        Resource("resolve-address-stream"),
    ),
    ("wasi:sockets/types@0.3.0", Resource("tcp-socket")),
    (
        "wasi:sockets/ip-name-lookup@0.3.0",
        Function("resolve-addresses"),
    ),
    ("wasi:http/types@0.3.0", Resource("fields")),
    ("wasi:http/client@0.3.0", Function("send")),
    ("spin:key-value/key-value@3.0.0", Resource("store")),
    ("spin:redis/redis@3.0.0", Resource("connection")),
    ("spin:variables/variables@3.0.0", Function("get")),
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

const HANDLER: &str = "wasi:http/handler@0.3.0";

/// What can stand under the name of any export.
const EXPORTED: (&str, Option<Item>) = ("wasi:io/poll@0.2.6", None);

/// What the host says of a component with these imports and exports.
fn said(imports: &[(&str, Option<Item>)], exports: &[&str]) -> String {
    let app = App::new("", "").arguments(&["--check"]);
    fs::write(app.folder.join("probe.wasm"), component(imports, exports)).unwrap();
    let (success, log) = app.run();
    assert!(!success, "it serves nothing: {log}");
    log
}

#[test]
fn the_interfaces_that_are_offered_are_really_there() {
    let offered: Vec<_> = OFFERED
        .iter()
        .map(|(name, item)| match item {
            Resource(_) => (*name, Some(*item)),
            Function(_) => (*name, None),
        })
        .collect();
    let log = said(&offered, &[]);
    let none = "it does not export `wasi:http/handler@0.3.0`";
    assert!(log.contains(none) && !log.contains("it imports"), "{log}");
    // With a handler by name, though an empty one, it gets past the linker.
    let log = said(&offered, &[HANDLER]);
    assert!(
        log.contains("does not serve wasi:http/handler@0.3.0"),
        "{log}"
    );

    let functions = OFFERED
        .iter()
        .filter(|(_, item)| matches!(item, Function(_)));
    for (name, item) in functions {
        let log = said(&[EXPORTED, (name, Some(*item))], &[HANDLER]);
        assert!(log.contains("type mismatch"), "{name}: {log}");
    }
    // So it looks if there is none.
    let none = ("wasi:cli/none@0.2.0", Some(Function("none")));
    let log = said(&[EXPORTED, none], &[HANDLER]);
    assert!(log.contains("needs what this host does not offer"), "{log}");
    assert!(!log.contains("type mismatch"), "{log}");
}

#[test]
fn the_others_are_refused_by_name_and_with_advice() {
    let imports: Vec<_> = REFUSED.iter().map(|(name, _)| (*name, None)).collect();
    let log = said(&imports, &[HANDLER]);
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
        let log = said(&[EXPORTED], &[export]);
        let expected = format!(
            "it does not export `wasi:http/handler@0.3.0`, it exports `{export}`: {advice}"
        );
        assert!(log.contains(&expected), "{expected} is missing: {log}");
    }
}

/// A component in the binary format: imports instances by name, each of nothing or one item, and
/// exports the first of them.
fn component(imports: &[(&str, Option<Item>)], exports: &[&str]) -> Vec<u8> {
    let types: Vec<_> = imports
        .iter()
        .map(|(_, item)| instance_type(*item))
        .collect();
    let numbered = imports.iter().zip(0..);
    let imports: Vec<_> = numbered
        .map(|((name, _), number)| [named(name), vec![5, number]].concat())
        .collect();
    let exports: Vec<_> = exports
        .iter()
        .map(|name| [named(name), vec![5, 0, 0]].concat())
        .collect();
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    bytes.extend(section(7, &types));
    bytes.extend(section(10, &imports));
    bytes.extend(section(11, &exports));
    bytes
}

fn instance_type(item: Option<Item>) -> Vec<u8> {
    // A function of one parameter `x: s8` and no result.
    const FUNCTION: &[u8] = &[1, 0x40, 1, 1, b'x', 0x7e, 1, 0];
    match item {
        None => vec![0x42, 0],
        Some(Resource(name)) => [vec![0x42, 1, 4], named(name), vec![3, 1]].concat(),
        Some(Function(name)) => [
            vec![0x42, 2],
            FUNCTION.to_vec(),
            vec![4],
            named(name),
            vec![1, 0],
        ]
        .concat(),
    }
}

fn named(name: &str) -> Vec<u8> {
    [vec![0], leb128(name.len()), name.as_bytes().to_vec()].concat()
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
