//! Which keys a manifest may have; the others are refused by their full name.

use toml::{Table, Value};

use crate::faults::Faults;

/// The keys of one table: those honoured or safely ignored, and those of Spin that are not supported.
struct Keys {
    known: &'static [&'static str],
    unsupported: &'static [&'static str],
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
const APPLICATION: Keys = Keys {
    known: &["name", "version", "description", "authors"],
    unsupported: &["trigger", "targets", "tool"],
};
const VARIABLE: Keys = Keys {
    known: &["required", "default", "secret", "description"],
    unsupported: &[],
};
const TRIGGER: Keys = Keys {
    known: &["http"],
    unsupported: &["redis", "command", "cron", "sqs"],
};
const HTTP_TRIGGER: Keys = Keys {
    known: &["id", "route", "component"],
    unsupported: &["executor", "static_response", "components"],
};
const PRIVATE_ROUTE: Keys = Keys {
    known: &["private"],
    unsupported: &[],
};
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
    ],
    unsupported: &[
        "ai_models",
        "allowed_http_hosts",
        "dependencies",
        "dependencies_inherit_configuration",
        "profile",
        "sqlite_databases",
        "targets",
        "tool",
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

/// Notes every key that is not known, with its full name.
pub fn check(manifest: &Table, faults: &mut Faults) {
    MANIFEST.check("", manifest, faults);
    if let Some(application) = table(manifest, "application") {
        APPLICATION.check("application", application, faults);
    }
    for (name, variable) in tables(manifest, "variables") {
        VARIABLE.check(&format!("variables.{name}"), variable, faults);
    }
    if let Some(trigger) = table(manifest, "trigger") {
        TRIGGER.check("trigger", trigger, faults);
        for http in elements(trigger, "http") {
            HTTP_TRIGGER.check("trigger.http", http, faults);
            if let Some(route) = table(http, "route") {
                PRIVATE_ROUTE.check("trigger.http.route", route, faults);
            }
            if table(http, "component").is_some() {
                faults.add(
                    "`trigger.http.component` must be an id: inline components are not supported",
                );
            }
        }
    }
    for (id, component) in tables(manifest, "component") {
        check_component(&format!("component.{id}"), component, faults);
    }
}

fn check_component(path: &str, component: &Table, faults: &mut Faults) {
    COMPONENT.check(path, component, faults);
    if table(component, "source").is_some() {
        faults.add(format!(
            "`{path}.source` must be the path of a file: URLs and registries are not supported"
        ));
    }
    for files in elements(component, "files") {
        FILES.check(&format!("{path}.files"), files, faults);
    }
    if let Some(build) = table(component, "build") {
        BUILD.check(&format!("{path}.build"), build, faults);
    }
}

impl Keys {
    fn check(&self, path: &str, table: &Table, faults: &mut Faults) {
        let dot = if path.is_empty() { "" } else { "." };
        for key in table.keys() {
            if self.unsupported.contains(&key.as_str()) {
                faults.add(format!("`{path}{dot}{key}` is not supported by this host"));
            } else if !self.known.contains(&key.as_str()) {
                faults.add(format!("unknown key `{path}{dot}{key}`"));
            }
        }
    }
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
