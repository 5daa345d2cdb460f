//! From the files of an app to a site that serves it: at the start and at each reload alike.
//!
//! Invariant: everything is read and checked before anything is made, and nothing of a site that could not
//! be made remains.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use anyhow::{Result, anyhow, bail};

use crate::{
    app::{App, Component},
    cli::{Arguments, ComponentLimits},
    engine::{Generation, Runtime},
    faults::Faults,
    files::{self, Staged},
    guest::Grants,
    key_value::{Store, Stores},
    metrics::Metrics,
    outbound_http::Client,
    redis::Places,
    runtime_config::{KeyValueStore, OutboundHttp, OutboundRedis, RuntimeConfig},
    server::Site,
    variables::Providers,
};

/// The label that every app has without a runtime configuration.
const DEFAULT_STORE: &str = "default";

/// What the files say, checked.
pub struct Written {
    app: App,
    config: RuntimeConfig,
}

/// What connects components to others, and what it was made for.
#[derive(Clone)]
struct Outbound {
    client: Client,
    places: Places,
    config: (OutboundHttp, OutboundRedis),
}

/// What all states of the app share: engine, stores and counters.
pub struct Assembly {
    arguments: Arc<Arguments>,
    data: PathBuf,
    own_address: Option<SocketAddr>,
    runtime: Runtime,
    metrics: Arc<Metrics>,
    /// Every store in a file that was ever opened, by its file: none can be opened twice.
    opened: Mutex<BTreeMap<PathBuf, Store>>,
    /// What connects components to others: a reload goes on with it if its configuration is the same.
    outbound: Mutex<Option<Outbound>>,
    /// Sites that were begun.
    number: AtomicU64,
}

impl Written {
    /// Reads the manifest and the runtime configuration, and checks them with the limits. With faults
    /// there is only as much of the app as it takes to look for more of them.
    pub fn examine(arguments: &Arguments) -> Result<(Option<Self>, Faults)> {
        let config = RuntimeConfig::load(arguments.runtime_config.as_deref())?;
        let mut labels: BTreeSet<String> = config.key_value_stores.keys().cloned().collect();
        labels.insert(DEFAULT_STORE.into());
        let providers = Providers::new(config.variables_providers());
        let (app, mut faults) = App::examine(&arguments.manifest, &providers, &labels)?;
        if let Some(app) = &app {
            check_limits(arguments, app, &mut faults);
        }
        Ok((app.map(|app| Self { app, config }), faults))
    }

    /// Reads them, or says all that is wrong with them.
    pub fn read(arguments: &Arguments) -> Result<Self> {
        let (written, faults) = Self::examine(arguments)?;
        let manifest = arguments.manifest.display();
        faults.or_stop(&manifest)?;
        written.ok_or_else(|| anyhow!("{manifest}: there is no app"))
    }

    /// The data folder.
    pub fn data(&self, arguments: &Arguments) -> Result<PathBuf> {
        Ok(
            match arguments.data.as_ref().or(self.config.state_dir.as_ref()) {
                Some(data) => std::path::absolute(data)?,
                None => self.app.root.join(".spin"),
            },
        )
    }

    /// The components' sources.
    pub fn sources(&self) -> Vec<PathBuf> {
        let components = self.app.components.iter();
        components
            .map(|component| component.source.clone())
            .collect()
    }
}

/// Limits of components that there are not, or that leave a thread without an instance.
fn check_limits(arguments: &Arguments, app: &App, faults: &mut Faults) {
    let (limits, threads) = (&arguments.limits, arguments.threads());
    for flag in &limits.component_limits {
        let id = &flag.id;
        let of_it = ComponentLimits::of(id, limits);
        if !app.components.iter().any(|component| component.id == *id) {
            faults.add(format!(
                "--component-limit: the app has no component `{id}`"
            ));
        } else if of_it.max_instances.is_some_and(|count| count < threads) {
            faults.add(format!(
                "--component-limit {id}.max-instances must be {threads} or more: each of the {threads} \
                 threads needs one; --threads makes them fewer"
            ));
        }
    }
}

impl Assembly {
    /// For an app that listens at `own_address` and keeps what it needs in the folder `data`.
    pub fn new(
        arguments: Arc<Arguments>,
        data: PathBuf,
        own_address: Option<SocketAddr>,
        metrics: Arc<Metrics>,
    ) -> Result<Self> {
        let runtime = Runtime::new(&arguments.limits, &data.join("compiled"))
            .map_err(|error| anyhow!("cannot start wasmtime: {error:#}"))?;
        Ok(Self {
            arguments,
            data,
            own_address,
            runtime,
            metrics,
            opened: Mutex::default(),
            outbound: Mutex::default(),
            number: AtomicU64::new(0),
        })
    }

    /// Makes a site and throws it away, noting all that is wrong. Another host may be running on the same
    /// data: no store is opened and no file of its components touched.
    pub fn check(&self, written: Written, faults: &mut Faults) -> Result<()> {
        let folder = self.data.join(format!("check-{}", std::process::id()));
        self.assemble(written, &folder, &Stores::default(), faults)
            .map(drop)
    }

    /// Compiles the components of the app and gives each what the manifest grants it.
    pub fn site(&self, written: Written) -> Result<Site> {
        let stores = self.open_stores(&written)?;
        let number = self.number.fetch_add(1, Relaxed);
        let folder = self.data.join("files").join(number.to_string());
        let mut faults = Faults::default();
        let site = self.assemble(written, &folder, &stores, &mut faults)?;
        faults.into_result()?;
        Ok(site)
    }

    /// The files of components go below `files`. With faults the answer lacks components and must not be
    /// served.
    fn assemble(
        &self,
        written: Written,
        files: &Path,
        stores: &Stores,
        faults: &mut Faults,
    ) -> Result<Site> {
        let Written { app, config } = written;
        let outbound = self.outbound(&config)?;
        let generation = Arc::new(Generation::default());
        let mut components = Vec::new();
        for component in app.components {
            let (id, source) = (component.id.clone(), component.source.clone());
            let staged = stage(&app.root, &component, files);
            let staged =
                faults.take(staged.map_err(|error| format!("component `{id}`: {error:#}")));
            // That a file is missing is a fault already.
            if !source.is_file() {
                continue;
            }
            let mut limits = ComponentLimits::of(&id, &self.arguments.limits);
            limits.max_memory_mib = config.max_memory_mib(limits.max_memory_mib);
            let compiled = self.runtime.compile(&id, &source, &limits);
            let compiled = faults.take(compiled.map_err(|error| format!("{error:#}")));
            let (Some(compiled), Some(staged)) = (compiled, staged) else {
                continue;
            };
            let grants = grant(component, staged, stores, &outbound);
            let shards = self.metrics.component(&id);
            components.push(compiled.factories(grants, limits, &generation, &shards));
            tracing::info!(component.id = &*id, "loaded {}", source.display());
        }
        tracing::info!(
            app.name = app.name,
            "the app has {} components",
            components.len()
        );
        Ok(Site::new(app.routes, components, generation))
    }

    /// Opens the stores that some component may open, or takes those that are open.
    fn open_stores(&self, written: &Written) -> Result<Stores> {
        let components = written.app.components.iter();
        let labels: BTreeSet<&String> = components.flat_map(|c| &c.stores).collect();
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stores = BTreeMap::new();
        for label in labels {
            let own = KeyValueStore::Spin {
                path: self.data.join("key-value.redb"),
            };
            let config = match written.config.key_value_stores.get(label) {
                Some(config) => config,
                None if label == DEFAULT_STORE => &own,
                None => bail!("the key-value store `{label}` is not in the runtime configuration"),
            };
            let store = match config {
                KeyValueStore::Spin { path } => match opened.get(path) {
                    Some(store) => store.clone(),
                    None => opened
                        .entry(path.clone())
                        .insert_entry(Store::open(config)?)
                        .get()
                        .clone(),
                },
                KeyValueStore::Redis { .. } => Store::open(config)?,
            };
            stores.insert(label.clone(), store);
        }
        Ok(Arc::new(stores))
    }

    fn outbound(&self, config: &RuntimeConfig) -> Result<Outbound> {
        let config = (config.outbound_http.clone(), config.outbound_redis.clone());
        let mut kept = self.outbound.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = kept.as_ref().filter(|kept| kept.config == config) {
            return Ok(same.clone());
        }
        let made = Outbound {
            client: Client::new(&self.arguments.limits, &config.0, self.own_address)?,
            places: Places::new(config.1.max_connections),
            config,
        };
        *kept = Some(made.clone());
        Ok(made)
    }
}

/// Copies the files of a component to a folder below `files`, if it has any.
fn stage(root: &Path, component: &Component, files: &Path) -> Result<Option<Staged>> {
    let staged = Staged::new(files.join(&*component.id));
    let (wanted, exclude) = (&component.files, &component.exclude_files);
    let has_files = files::stage(root, wanted, exclude, staged.folder())?;
    Ok(has_files.then_some(staged))
}

fn grant(
    component: Component,
    files: Option<Staged>,
    stores: &Stores,
    outbound: &Outbound,
) -> Grants {
    let granted = stores
        .iter()
        .filter(|(label, _)| component.stores.contains(*label));
    Grants {
        id: component.id,
        environment: component.environment.into_iter().collect(),
        variables: component.variables,
        files,
        stores: granted
            .map(|(label, store)| (label.clone(), store.clone()))
            .collect(),
        hosts: component.hosts,
        client: outbound.client.clone(),
        redis: outbound.places.clone(),
    }
}
