//! The app: a manifest with its variables filled in, checked as a whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, anyhow};

use crate::{
    faults::Faults,
    hosts::AllowedHosts,
    manifest::{self, Files, Manifest, Route},
    routes::Routes,
    variables::{Variables, check_name},
};

/// An app that may be started.
pub struct App {
    /// Its name.
    pub name: String,
    /// The folder of the manifest.
    pub root: PathBuf,
    /// The components; routes speak of them by number.
    pub components: Vec<Component>,
    /// Which component answers a path.
    pub routes: Routes,
}

/// A component and all that it was granted.
pub struct Component {
    /// Its id in the manifest.
    pub id: Arc<str>,
    /// The wasm file.
    pub source: PathBuf,
    /// What it may read.
    pub files: Vec<Files>,
    /// What it may not read all the same.
    pub exclude_files: Vec<String>,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// The variables it sees. They may be secrets.
    pub variables: BTreeMap<String, String>,
    /// The labels it may open.
    pub stores: BTreeSet<String>,
    /// Where it may connect to.
    pub hosts: AllowedHosts,
}

impl App {
    /// Reads the manifest. `environment` is asked for `SPIN_VARIABLE_*`; `stores` are the labels that
    /// have a store.
    pub fn load(
        file: &Path,
        environment: impl Fn(&str) -> Option<String>,
        stores: &BTreeSet<String>,
    ) -> Result<Self> {
        let name = file.display();
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
        let manifest = manifest::parse(&text).map_err(|faults| anyhow!("{name}: {faults}"))?;
        let root = std::path::absolute(file)?
            .parent()
            .map(Path::to_path_buf)
            .unwrap_or_default();
        Self::resolve(manifest, root, environment, stores)
            .map_err(|faults| anyhow!("{name}: {faults}"))
    }

    fn resolve(
        manifest: Manifest,
        root: PathBuf,
        environment: impl Fn(&str) -> Option<String>,
        stores: &BTreeSet<String>,
    ) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let variables = Variables::resolve(&manifest.variables, environment, &mut faults);
        let ids: Vec<String> = manifest.component.keys().cloned().collect();
        let patterns = manifest
            .trigger
            .http
            .iter()
            .filter_map(|trigger| match &trigger.route {
                Route::Pattern(pattern) => Some((
                    pattern.as_str(),
                    ids.iter().position(|id| *id == trigger.component)?,
                )),
                Route::Private { .. } => None,
            });
        let routes = Routes::build(patterns, &mut faults);
        let components = manifest
            .component
            .into_iter()
            .map(|(id, component)| {
                Component::resolve(id, component, &root, &variables, stores, &mut faults)
            })
            .collect();
        faults.into_result()?;
        Ok(Self {
            name: manifest.application.name,
            root,
            components,
            routes,
        })
    }
}

impl Component {
    fn resolve(
        id: String,
        written: manifest::Component,
        root: &Path,
        app_variables: &Variables,
        stores: &BTreeSet<String>,
        faults: &mut Faults,
    ) -> Self {
        let path = format!("component.{id}");
        let mut variables = BTreeMap::new();
        for (name, template) in written.variables {
            let value = check_name(&name)
                .map_err(String::from)
                .and_then(|()| app_variables.substitute(&template))
                .map_err(|reason| format!("`{path}.variables.{name}`: {reason}"));
            if let Some(Some(value)) = faults.take(value) {
                variables.insert(name, value);
            }
        }
        let mut hosts = AllowedHosts::default();
        for entry in &written.allowed_outbound_hosts {
            let added = app_variables
                .substitute(entry)
                .and_then(|entry| entry.map_or(Ok(()), |entry| hosts.add(&entry)));
            faults
                .take(added.map_err(|reason| format!("`{path}.allowed_outbound_hosts`: {reason}")));
        }
        for label in written
            .key_value_stores
            .iter()
            .filter(|label| !stores.contains(*label))
        {
            faults.add(format!(
                "`{path}.key_value_stores`: the store `{label}` is not in the runtime configuration"
            ));
        }
        let source = root.join(&written.source);
        if !source.is_file() {
            faults.add(format!(
                "`{path}.source`: {} is not there: build it first",
                source.display()
            ));
        }
        Self {
            id: id.into(),
            source,
            files: written.files,
            exclude_files: written.exclude_files,
            environment: written.environment,
            variables,
            stores: written.key_value_stores.into_iter().collect(),
            hosts,
        }
    }
}
