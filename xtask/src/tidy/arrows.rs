//! Who may use whom.

use std::collections::{HashMap, HashSet};

use anyhow::Context;
use serde_json::Value;

use super::sources::Source;

/// What does input and output has no place in decisions.
const IO_CRATES: [&str; 11] = [
    "async-nats",
    "axum",
    "hyper",
    "mio",
    "redis",
    "reqwest",
    "spin-sdk",
    "sqlx",
    "tokio",
    "wasmtime",
    "wasmtime-wasi",
];
const EDGE: [&str; 8] = [
    "captcha",
    "browser",
    "kit",
    "layout",
    "pages",
    "gate",
    "relay",
    "edge-host",
];

/// Text that may stand only in files whose path begins so.
const WORDS: [(&str, &str); 3] = [
    ("lua/stock", "origin/src/stock"),
    ("sqlx::query", "origin/src/ledger"),
    ("async_nats", "origin/src/queue"),
];

/// Files elsewhere that may say such a word all the same. The benchmark compares the origin
/// with algorithms that the origin does not have, and Redis with its script run by another client,
/// so that it needs SQL and script of its own; nothing of the product links it.
const EXCEPTIONS: [(&str, &str); 3] = [
    ("lua/stock", "bench/src/script.rs"),
    ("sqlx::query", "bench/src/single.rs"),
    ("sqlx::query", "bench/src/algorithms/sql.rs"),
];

/// Sources that reach into another room, one line a fault. Tests may look everywhere.
pub fn in_text(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        let path = &source.path;
        if source.kind() != "rs" || !path.contains("/src/") || path.starts_with("xtask/") {
            continue;
        }
        for (word, room) in WORDS {
            let may = path.starts_with(room) || EXCEPTIONS.contains(&(word, path.as_str()));
            if !may && source.code().contains(word) {
                faults.push(format!("{path} mentions {word}, which belongs to {room}"));
            }
        }
    }
    faults
}

/// Crates that depend on what they must not, directly or not, one line a fault.
pub fn in_dependencies(metadata: &Value) -> anyhow::Result<Vec<String>> {
    let graph = Graph::new(metadata).context("`cargo metadata` is not as expected")?;
    let mut faults = Vec::new();
    let mut forbid = |user: &str, used: &[&str]| {
        let reached = graph.reached(user);
        for name in used
            .iter()
            .filter(|name| **name != user && reached.contains(**name))
        {
            faults.push(format!("{user} must not depend on {name}"));
        }
    };
    for decider in ["kernel", "captcha", "browser"] {
        forbid(decider, &IO_CRATES);
        forbid(decider, &EDGE);
    }
    forbid("kernel", &["origin"]);
    forbid("origin", &EDGE);
    for user in EDGE {
        forbid(user, &["origin", "doorbuster"]);
    }
    for user in ["pages", "gate", "relay", "layout"] {
        forbid(
            user,
            &["pages", "gate", "relay", "edge-host", "sandbox", "xtask"],
        );
    }
    forbid(
        "kit",
        &[
            "layout",
            "pages",
            "gate",
            "relay",
            "edge-host",
            "sandbox",
            "xtask",
        ],
    );
    Ok(faults)
}

/// Names of crates and what each uses outside its tests and build scripts.
struct Graph<'a> {
    uses: HashMap<&'a str, Vec<&'a str>>,
}

impl<'a> Graph<'a> {
    fn new(metadata: &'a Value) -> Option<Self> {
        let mut names = HashMap::new();
        for package in metadata["packages"].as_array()? {
            names.insert(package["id"].as_str()?, package["name"].as_str()?);
        }
        let mut arrows: HashMap<&str, Vec<&str>> = HashMap::new();
        for node in metadata["resolve"]["nodes"].as_array()? {
            let name = *names.get(node["id"].as_str()?)?;
            for dependency in node["deps"].as_array()? {
                let kinds = dependency["dep_kinds"].as_array()?;
                if kinds.iter().any(|kind| kind["kind"].is_null()) {
                    let other = *names.get(dependency["pkg"].as_str()?)?;
                    arrows.entry(name).or_default().push(other);
                }
            }
        }
        Some(Self { uses: arrows })
    }

    fn reached(&self, user: &str) -> HashSet<&'a str> {
        let mut reached = HashSet::new();
        let mut open: Vec<&str> = vec![user];
        while let Some(next) = open.pop() {
            for used in self.uses.get(next).into_iter().flatten() {
                if reached.insert(*used) {
                    open.push(used);
                }
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{in_dependencies, in_text};
    use crate::tidy::sources::Source;

    fn metadata(arrows: &[(&str, &str, Value)]) -> Value {
        let names = [
            "kernel", "origin", "kit", "gate", "captcha", "hmac", "tokio",
        ];
        let packages: Vec<Value> = names
            .iter()
            .map(|name| json!({"id": format!("{name}#1"), "name": name}))
            .collect();
        let node = |name: &&str| {
            let deps: Vec<Value> = arrows
                .iter()
                .filter(|(user, ..)| user == name)
                .map(|(_, used, kind)| {
                    json!({"pkg": format!("{used}#1"), "dep_kinds": [{"kind": kind}]})
                })
                .collect();
            json!({"id": format!("{name}#1"), "deps": deps})
        };
        json!({"packages": packages, "resolve": {"nodes": names.iter().map(node).collect::<Vec<_>>()}})
    }

    #[test]
    fn a_forbidden_dependency_is_found() {
        let normal = Value::Null;
        let cases = [
            (
                vec![
                    ("kernel", "hmac", normal.clone()),
                    ("origin", "tokio", normal.clone()),
                ],
                0,
            ),
            (vec![("kernel", "tokio", normal.clone())], 1),
            (vec![("kernel", "tokio", json!("dev"))], 0),
            (
                vec![
                    ("kernel", "hmac", normal.clone()),
                    ("hmac", "tokio", normal.clone()),
                ],
                1,
            ),
            (vec![("origin", "kit", normal.clone())], 1),
            (vec![("gate", "captcha", normal.clone())], 0),
            (
                vec![
                    ("captcha", "kit", normal.clone()),
                    ("kit", "tokio", normal.clone()),
                ],
                2,
            ),
            (
                vec![
                    ("gate", "kit", normal.clone()),
                    ("kit", "origin", normal.clone()),
                ],
                2,
            ),
        ];
        for (arrows, faults) in cases {
            let found = in_dependencies(&metadata(&arrows)).unwrap();
            assert_eq!(found.len(), faults, "{arrows:?}: {found:?}");
        }
    }

    #[test]
    fn a_word_in_the_wrong_room_is_found() {
        let cases = [
            (
                "origin/src/stock/scripts.rs",
                "include_str!(\"lua/stock/hold.lua\")",
                0,
            ),
            (
                "origin/src/orders.rs",
                "include_str!(\"lua/stock/hold.lua\")",
                1,
            ),
            ("origin/src/ledger.rs", "sqlx::query!(\"SELECT 1\")", 0),
            ("cli/src/main.rs", "sqlx::query!(\"SELECT 1\")", 1),
            ("origin/tests/it/main.rs", "sqlx::query!(\"SELECT 1\")", 0),
            ("bench/src/single.rs", "sqlx::query(\"INSERT\")", 0),
            ("bench/src/world.rs", "sqlx::query(\"INSERT\")", 1),
            (
                "bench/src/single.rs",
                "include_str!(\"lua/stock/hold.lua\")",
                1,
            ),
            (
                "bench/src/script.rs",
                "include_str!(\"lua/stock/hold.lua\")",
                0,
            ),
            ("origin/src/queue.rs", "use async_nats::Client;", 0),
            ("origin/src/http.rs", "use async_nats::Client;", 1),
        ];
        for (path, text, faults) in cases {
            let source = Source {
                path: path.to_owned(),
                text: text.to_owned(),
            };
            assert_eq!(in_text(&[source]).len(), faults, "{path}");
        }
    }
}
