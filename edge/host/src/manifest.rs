//! A Spin manifest, version 2, as written.
//!
//! Every key is either honoured, harmless to ignore (descriptions, `build`), or refused by name: an
//! app that starts here means the same under Spin.

mod check;
mod inline;
mod keys;

use std::collections::BTreeMap;

use serde::{Deserialize, de};

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
    /// The components, by id. Those written inside a trigger are among them.
    #[serde(default)]
    pub component: BTreeMap<String, Component>,
}

/// `[application]`, without what only tools read.
#[derive(Debug, Deserialize)]
pub struct Application {
    /// The app's name.
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
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
    #[serde(default)]
    pub http: Vec<HttpTrigger>,
}

/// One `[[trigger.http]]`.
#[derive(Debug, Deserialize)]
pub struct HttpTrigger {
    /// Its name.
    #[serde(default)]
    pub id: String,
    /// Which paths.
    pub route: Route,
    /// Which component. None if the answer is static.
    pub component: Option<Handler>,
    /// An answer without a component.
    pub static_response: Option<StaticResponse>,
}

/// The component of a trigger.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Handler {
    /// One of `[component.<id>]`.
    Id(String),
    /// Written on the spot.
    Inline(Box<Component>),
}

/// `static_response`: what the host answers by itself.
#[derive(Clone, Debug, Deserialize)]
pub struct StaticResponse {
    /// The status; 200 if none is given.
    pub status_code: Option<u16>,
    /// Headers, by name.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body; empty if none is given.
    #[serde(default)]
    pub body: String,
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
    /// Its code.
    pub source: Source,
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

/// Where the code of a component is.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// A wasm file, relative to the manifest.
    File(String),
    /// A URL with a digest, or a package of a registry.
    Elsewhere(de::IgnoredAny),
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

/// Reads a manifest, and says by name and all together what is wrong with it. Only if nothing is, may
/// it be started; else what could be read of it serves to find further faults.
pub fn parse(text: &str, faults: &mut Faults) -> Option<Manifest> {
    let table = faults.take(text.parse::<toml::Table>().map_err(|e| at_line(text, &e)))?;
    keys::check(&table, faults);
    let mut manifest =
        faults.take(toml::from_str::<Manifest>(text).map_err(|e| at_line(text, &e)))?;
    inline::lift(&mut manifest);
    check::check(&manifest, faults);
    Some(manifest)
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
