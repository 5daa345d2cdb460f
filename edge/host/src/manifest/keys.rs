//! Which keys a manifest may have; the others are refused by their full name, with what to do instead.

use toml::{Table, Value};

use crate::faults::Faults;

const HTTP_ONLY: &str = "this host serves HTTP only; run this trigger under Spin";
const COMPOSE: &str = "compose the components into one file beforehand";
const NO_SQLITE: &str = "this host has no SQLite; use a key-value store or Redis";
const NO_MODELS: &str = "this host runs no models; call one over HTTP";

/// The keys of one table: those honoured or safely ignored, and those of Spin that are not supported,
/// each with what to do.
struct Keys {
    known: &'static [&'static str],
    unsupported: &'static [(&'static str, &'static str)],
}

const MANIFEST: Keys = Keys {
    known: &[
        "spin_manifest_version",
        "application",
        "variables",
        "trigger",
        "component",
    ],
    unsupported: &[],
};
/// `targets` and `tool` are for other programs; Spin ignores them when it runs an app, and so do we.
const APPLICATION: Keys = Keys {
    known: &[
        "name",
        "version",
        "description",
        "authors",
        "trigger",
        "targets",
        "tool",
    ],
    unsupported: &[],
};
const APPLICATION_HTTP: Keys = Keys {
    known: &[],
    unsupported: &[("base", "put it before every `trigger.http.route`")],
};
const VARIABLE: Keys = Keys {
    known: &["required", "default", "secret", "description"],
    unsupported: &[],
};
const HTTP_TRIGGER: Keys = Keys {
    known: &["id", "route", "component", "static_response", "executor"],
    unsupported: &[("components", COMPOSE), ("dependencies", COMPOSE)],
};
const PRIVATE_ROUTE: Keys = Keys {
    known: &["private"],
    unsupported: &[],
};
const STATIC_RESPONSE: Keys = Keys {
    known: &["status_code", "headers", "body"],
    unsupported: &[],
};
/// `build`, `profile`, `targets` and `tool` mean nothing when an app runs without a profile.
const COMPONENT: Keys = Keys {
    known: &[
        "source",
        "description",
        "files",
        "exclude_files",
        "environment",
        "variables",
        "key_value_stores",
        "allowed_outbound_hosts",
        "build",
        "profile",
        "targets",
        "tool",
    ],
    unsupported: &[
        ("ai_models", NO_MODELS),
        (
            "allowed_http_hosts",
            "write `allowed_outbound_hosts`, with a scheme before each host",
        ),
        ("dependencies", COMPOSE),
        ("dependencies_inherit_configuration", COMPOSE),
        ("sqlite_databases", NO_SQLITE),
    ],
};
const FILES: Keys = Keys {
    known: &["source", "destination"],
    unsupported: &[],
};
const BUILD: Keys = Keys {
    known: &["command", "workdir", "watch"],
    unsupported: &[],
};
const PROFILE: Keys = Keys {
    known: &["source", "environment", "dependencies", "build"],
    unsupported: &[],
};

/// Notes every key that is not known, with its full name.
pub fn check(manifest: &Table, faults: &mut Faults) {
    MANIFEST.check("", manifest, faults);
    if let Some(application) = table(manifest, "application") {
        APPLICATION.check("application", application, faults);
        check_trigger_settings(application, faults);
    }
    for (name, variable) in tables(manifest, "variables") {
        VARIABLE.check(&format!("variables.{name}"), variable, faults);
    }
    if let Some(trigger) = table(manifest, "trigger") {
        for kind in trigger.keys().filter(|kind| *kind != "http") {
            unsupported(&format!("trigger.{kind}"), HTTP_ONLY, faults);
        }
        for http in elements(trigger, "http") {
            check_trigger(http, faults);
        }
    }
    for (id, component) in tables(manifest, "component") {
        check_component(&format!("component.{id}"), component, faults);
    }
}

/// `[application.trigger.*]`.
fn check_trigger_settings(application: &Table, faults: &mut Faults) {
    for (kind, settings) in tables(application, "trigger") {
        let path = format!("application.trigger.{kind}");
        if kind == "http" {
            APPLICATION_HTTP.check(&path, settings, faults);
        } else {
            unsupported(&path, HTTP_ONLY, faults);
        }
    }
}

fn check_trigger(http: &Table, faults: &mut Faults) {
    HTTP_TRIGGER.check("trigger.http", http, faults);
    if let Some(route) = table(http, "route") {
        PRIVATE_ROUTE.check("trigger.http.route", route, faults);
    }
    if let Some(component) = table(http, "component") {
        check_component("trigger.http.component", component, faults);
    }
    if let Some(response) = table(http, "static_response") {
        STATIC_RESPONSE.check("trigger.http.static_response", response, faults);
    }
    if let Some(executor) = http.get("executor") {
        let kind = executor.get("type").and_then(Value::as_str);
        if !matches!(kind, Some("http" | "spin")) {
            unsupported(
                "trigger.http.executor",
                "only `{ type = \"http\" }` is; build the component for wasi:http",
                faults,
            );
        }
    }
}

fn check_component(path: &str, component: &Table, faults: &mut Faults) {
    COMPONENT.check(path, component, faults);
    for files in elements(component, "files") {
        FILES.check(&format!("{path}.files"), files, faults);
    }
    if let Some(build) = table(component, "build") {
        BUILD.check(&format!("{path}.build"), build, faults);
    }
    for (name, profile) in tables(component, "profile") {
        PROFILE.check(&format!("{path}.profile.{name}"), profile, faults);
    }
}

impl Keys {
    fn check(&self, path: &str, table: &Table, faults: &mut Faults) {
        let dot = if path.is_empty() { "" } else { "." };
        for key in table.keys() {
            let name = format!("{path}{dot}{key}");
            if let Some((_, instead)) = self.unsupported.iter().find(|(known, _)| known == key) {
                unsupported(&name, instead, faults);
            } else if !self.known.contains(&key.as_str()) {
                faults.add(format!("unknown key `{name}`"));
            }
        }
    }
}

fn unsupported(name: &str, instead: &str, faults: &mut Faults) {
    faults.add(format!("`{name}` is not supported by this host: {instead}"));
}

fn table<'a>(parent: &'a Table, key: &str) -> Option<&'a Table> {
    parent.get(key).and_then(Value::as_table)
}

/// The tables in the table `key`, with their names.
fn tables<'a>(parent: &'a Table, key: &str) -> impl Iterator<Item = (&'a String, &'a Table)> {
    let children = table(parent, key).into_iter().flatten();
    children.filter_map(|(name, child)| Some((name, child.as_table()?)))
}

/// The tables in the array `key`.
fn elements<'a>(parent: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    parent
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_table)
}
