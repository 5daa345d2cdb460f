//! What can be known of compose.yaml without Docker, as CI has none.
//!
//! Invariant: nothing is started here; the files are read as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::project::PUBLISHED;
use crate::workspace;

fn read(path: &str) -> String {
    fs::read_to_string(workspace::top().join(path)).unwrap_or_default()
}

/// Each `${NAME…}` in order: the name and what follows it, such as `:-default`.
fn variables(text: &str) -> Vec<(&str, &str)> {
    let rests = text.split("${").skip(1);
    rests
        .filter_map(|rest| rest.split_once('}'))
        .map(|(variable, _)| {
            let end = variable.find(':').unwrap_or(variable.len());
            variable.split_at(end)
        })
        .collect()
}

/// The words of a text that begin so, without the beginning.
fn words<'a>(text: &'a str, beginning: &str) -> BTreeSet<&'a str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter_map(|word| word.strip_prefix(beginning))
        .collect()
}

#[test]
fn a_variable_has_one_default() {
    let file = read("compose.yaml");
    let mut defaults = BTreeMap::new();
    for (name, default) in variables(&file) {
        assert!(default.starts_with(":-"), "{name} has no default");
        let first = *defaults.entry(name).or_insert(default);
        assert_eq!(first, default, "{name}");
    }
    for key in ["POP_SECRET", "SESSION_KEY"] {
        let digits = defaults[key].trim_start_matches(":-");
        assert_eq!(digits.len(), 64, "{key}");
        assert!(digits.chars().all(|c| c.is_ascii_hexdigit()), "{key}");
    }
}

#[test]
fn ports_are_published_on_the_loopback_alone_and_known_here() {
    let files = read("compose.yaml") + &read("deploy/compose.production.yaml");
    let published = files.lines().filter(|line| line.contains("ports:"));
    for line in published {
        assert!(line.contains("ports: [\"127.0.0.1:${HOST_PORT_"), "{line}");
    }
    let file = read("compose.yaml");
    let ours: BTreeSet<&str> = PUBLISHED.iter().map(|(_, variable)| *variable).collect();
    let theirs = variables(&file).into_iter().map(|(name, _)| name);
    let theirs: BTreeSet<&str> = theirs.filter(|name| name.starts_with("HOST_")).collect();
    assert_eq!(ours, theirs);
}

#[test]
fn a_real_shop_is_asked_for_every_secret() {
    let (development, production) = (read("compose.yaml"), read("deploy/compose.production.yaml"));
    let is_port = |name: &str| name.starts_with("HOST_PORT_");
    let asked: BTreeSet<&str> = variables(&production)
        .into_iter()
        .filter(|(name, _)| !is_port(name))
        .map(|(name, rest)| {
            let may_be_left_out = ["REFUND_SECONDS", "TEXTS_API_KEY", "TEXTS_URL"].contains(&name);
            assert!(
                rest.starts_with(":?") || may_be_left_out,
                "{name} has a default"
            );
            name
        })
        .collect();
    for (name, _) in variables(&development) {
        assert!(is_port(name) || asked.contains(name), "{name}");
    }
    let explained = read("docs/compose.md");
    for name in asked {
        assert!(explained.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_programs_know_what_they_are_told() {
    let file = read("compose.yaml");
    let settings = read("origin/src/settings/reader.rs");
    for key in words(&file, "DOORBUSTER_") {
        assert!(settings.contains(&format!("\"{key}\"")), "{key}");
    }
    let manifest = read("spin.toml");
    let told = words(&file, "SPIN_VARIABLE_");
    for name in &told {
        let name = name.to_lowercase();
        assert!(manifest.contains(&format!("\n{name} = {{")), "{name}");
    }
    for line in manifest.lines().filter(|line| line.contains("required = ")) {
        let name = line.split(' ').next().unwrap_or_default().to_uppercase();
        assert!(told.contains(name.as_str()), "{name}");
    }
}

#[test]
fn old_composes_and_builders_read_the_files() {
    for path in [
        "compose.yaml",
        "deploy/compose.debian.yaml",
        "deploy/compose.production.yaml",
    ] {
        let text = read(path);
        // A project's name is for newer ones, the version of the format for older.
        let refused = |line: &str| line.starts_with("name:") || line.starts_with("version:");
        assert!(!text.is_empty() && !text.lines().any(refused), "{path}");
    }
    for path in [
        "deploy/Dockerfile",
        "deploy/nats.Dockerfile",
        "deploy/debian/programs.Dockerfile",
        "deploy/debian/stores.Dockerfile",
    ] {
        let text = read(path);
        assert!(
            !text.contains("syntax=") && !text.contains("--mount"),
            "{path}"
        );
        // The last user of an image, or of the one it is made from, is not root.
        assert!(
            text.contains("\nUSER ") && !text.contains("USER root"),
            "{path}"
        );
    }
}
