//! The app: a manifest with its variables filled in, checked as a whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};

use crate::{
    faults::Faults,
    hosts::AllowedHosts,
    manifest::{self, Files, Handler, HttpTrigger, Manifest, Route, Source},
    routes::{Destination, Fixed, Routes},
    variables::{Providers, Variables},
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
    /// Reads the manifest and notes all that is wrong with it. `providers` give the variables their
    /// values; `stores` are the labels that have a store. An app with faults must not be served: it is
    /// there to look for more of them.
    pub fn examine(
        file: &Path,
        providers: &Providers,
        stores: &BTreeSet<String>,
    ) -> Result<(Option<Self>, Faults)> {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let root = std::path::absolute(file)?
            .parent()
            .map(Path::to_path_buf)
            .unwrap_or_default();
        let mut faults = Faults::default();
        let manifest = manifest::parse(&text, &mut faults);
        let app =
            manifest.map(|manifest| Self::resolve(manifest, root, providers, stores, &mut faults));
        Ok((app, faults))
    }

    fn resolve(
        manifest: Manifest,
        root: PathBuf,
        providers: &Providers,
        stores: &BTreeSet<String>,
        faults: &mut Faults,
    ) -> Self {
        let variables = Variables::resolve(&manifest.variables, providers, faults);
        let ids: Vec<String> = manifest.component.keys().cloned().collect();
        let application = manifest.application;
        let routes = routes(&manifest.trigger.http, &ids, faults)
            .with_info(Fixed::info(&application.name, &application.version));
        let components = manifest
            .component
            .into_iter()
            .map(|(id, component)| {
                Component::resolve(id, component, &root, &variables, stores, faults)
            })
            .collect();
        Self {
            name: application.name,
            root,
            components,
            routes,
        }
    }
}

/// Where the triggers lead, among the components with these ids.
fn routes(triggers: &[HttpTrigger], ids: &[String], faults: &mut Faults) -> Routes {
    let mut patterns = Vec::new();
    for trigger in triggers {
        let destination = match (&trigger.component, &trigger.static_response) {
            (Some(Handler::Id(component)), _) => {
                let number = ids.iter().position(|id| id == component);
                number.map(Destination::Component)
            }
            (_, Some(response)) => Some(Destination::Fixed(Fixed::new(response, faults))),
            _ => None,
        };
        if let (Route::Pattern(pattern), Some(destination)) = (&trigger.route, destination) {
            patterns.push((pattern.as_str(), destination));
        }
    }
    Routes::build(patterns, faults)
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
            let value = app_variables
                .substitute(&template)
                .map_err(|reason| format!("`{path}.variables.{name}`: {reason}"));
            if let Some(Some(value)) = faults.take(value) {
                variables.insert(name, value);
            }
        }
        let mut hosts = AllowedHosts::default();
        for entry in &written.allowed_outbound_hosts {
            let added = app_variables
                .substitute(entry)
                .and_then(|filled| match filled {
                    Some(filled) if entry.contains("{{") => hosts.add_filled(&filled),
                    Some(plain) => hosts.add(&plain),
                    None => Ok(()),
                });
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
        let source = match &written.source {
            Source::File(file) => root.join(file),
            // A fault already.
            Source::Elsewhere(_) => PathBuf::new(),
        };
        if matches!(&written.source, Source::File(file) if !file.contains("://"))
            && !source.is_file()
        {
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
