//! A Spin manifest, version 2, as written.
//!
//! Every key is either honoured, harmless to ignore (descriptions, `build`), or refused by name: an
//! app that starts here means the same under Spin.

mod keys;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::faults::Faults;

/// The whole manifest.
#[derive(Debug, Deserialize)]
pub struct Manifest {
    /// Must be 2.
    pub spin_manifest_version: i64,
    /// What the app is called.
    pub application: Application,
    /// Variables of the app, by name.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    /// What starts a component.
    pub trigger: Triggers,
    /// The components, by id.
    pub component: BTreeMap<String, Component>,
}

/// `[application]`, without what only tools read.
#[derive(Debug, Deserialize)]
pub struct Application {
    /// The app's name.
    pub name: String,
}

/// One of `[variables]`: either required or with a default.
#[derive(Debug, Deserialize)]
pub struct Variable {
    /// A value must come from the environment.
    #[serde(default)]
    pub required: bool,
    /// The value if the environment has none.
    pub default: Option<String>,
}

/// `[[trigger.*]]`; only HTTP.
#[derive(Debug, Deserialize)]
pub struct Triggers {
    /// The routes.
    pub http: Vec<HttpTrigger>,
}

/// One `[[trigger.http]]`.
#[derive(Debug, Deserialize)]
pub struct HttpTrigger {
    /// Which paths.
    pub route: Route,
    /// Which component.
    pub component: String,
}

/// A pattern, or `{ private = true }` for a component that no path reaches.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Route {
    /// Such as `/sales/:id` or `/static/...`.
    Pattern(String),
    /// Not routed.
    Private {
        /// Must be true.
        private: bool,
    },
}

/// One `[component.<id>]`.
#[derive(Debug, Deserialize)]
pub struct Component {
    /// The wasm file, relative to the manifest.
    pub source: String,
    /// What the component may read.
    #[serde(default)]
    pub files: Vec<Files>,
    /// Glob patterns of what it may not read all the same.
    #[serde(default)]
    pub exclude_files: Vec<String>,
    /// Environment variables of the component.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Variables the component sees, as templates over the app's.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Labels of the stores it may open.
    #[serde(default)]
    pub key_value_stores: Vec<String>,
    /// Where it may connect to, as templates.
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
}

/// An entry of `files`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Files {
    /// A glob pattern below the manifest's folder; the files keep their paths.
    Pattern(String),
    /// A file or folder and the absolute path where the component finds it.
    Placement {
        /// Relative to the manifest.
        source: String,
        /// Absolute in the component.
        destination: String,
    },
}

/// Reads a manifest, or says by name and all together what is wrong with it.
pub fn parse(text: &str) -> Result<Manifest, Faults> {
    let mut faults = Faults::default();
    let Some(table) = faults.take(text.parse::<toml::Table>().map_err(|e| at_line(text, &e)))
    else {
        return faults.into_result().and_then(|()| Err(Faults::default()));
    };
    keys::check(&table, &mut faults);
    faults.into_result()?;

    let mut faults = Faults::default();
    let manifest = faults.take(toml::from_str::<Manifest>(text).map_err(|e| at_line(text, &e)));
    if let Some(manifest) = &manifest {
        check(manifest, &mut faults);
    }
    faults.into_result()?;
    manifest.ok_or_else(Faults::default)
}

/// What the types cannot say.
fn check(manifest: &Manifest, faults: &mut Faults) {
    if manifest.spin_manifest_version != 2 {
        faults.add("`spin_manifest_version` must be 2");
    }
    for (name, variable) in &manifest.variables {
        if variable.required == variable.default.is_some() {
            faults.add(format!(
                "`variables.{name}` must have either `required = true` or a `default`"
            ));
        }
    }
    for (id, component) in &manifest.component {
        let lower_kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !id.starts_with(|c: char| c.is_ascii_lowercase()) || !id.chars().all(lower_kebab) {
            faults.add(format!(
                "`component.{id}`: a component's id is in kebab-case"
            ));
        }
        if component.source.contains("://") {
            faults.add(format!(
                "`component.{id}.source` is not a file: URLs are not supported"
            ));
        }
    }
    for trigger in &manifest.trigger.http {
        if !manifest.component.contains_key(&trigger.component) {
            faults.add(format!(
                "`trigger.http` names the unknown component `{}`",
                trigger.component
            ));
        }
        if matches!(trigger.route, Route::Private { private: false }) {
            faults.add("`trigger.http.route` must be a pattern or `{ private = true }`");
        }
    }
}

/// One line of a TOML error, with the number of the line it speaks of.
pub fn at_line(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', ", ");
    match error.span() {
        Some(span) => {
            let before = text.as_bytes().iter().take(span.start);
            let line = 1 + before.filter(|byte| **byte == b'\n').count();
            format!("line {line}: {message}")
        }
        None => message,
    }
}

#[cfg(test)]
mod tests;
