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

use anyhow::{Context, Result, anyhow, bail};

use crate::{
    app::{App, Component},
    cli::{Arguments, ComponentLimits},
    engine::{Generation, Runtime},
    files::{self, Staged},
    guest::Grants,
    key_value::{Store, Stores},
    metrics::Metrics,
    outbound_http::Client,
    runtime_config::{KeyValueStore, RuntimeConfig},
    server::Site,
};

/// The label that every app has without a runtime configuration.
const DEFAULT_STORE: &str = "default";

/// What the files say, checked.
pub struct Written {
    app: App,
    config: RuntimeConfig,
}

/// What all states of the app share: engine, stores and counters.
pub struct Assembly {
    arguments: Arc<Arguments>,
    data: PathBuf,
    own_address: SocketAddr,
    runtime: Runtime,
    metrics: Arc<Metrics>,
    /// Every store that was ever opened, by its file: none can be opened twice.
    opened: Mutex<BTreeMap<PathBuf, Store>>,
    /// The client, and whether it keeps connections: a reload goes on with those there are.
    client: Mutex<Option<(bool, Client)>>,
    /// Sites that were begun.
    number: AtomicU64,
}

impl Written {
    /// Reads the manifest and the runtime configuration, and checks them with the limits.
    pub fn read(arguments: &Arguments) -> Result<Self> {
        let config = RuntimeConfig::load(arguments.runtime_config.as_deref())?;
        let mut labels: BTreeSet<String> = config.key_value_stores.keys().cloned().collect();
        labels.insert(DEFAULT_STORE.into());
        let environment = |key: &str| std::env::var(key).ok();
        let app = App::load(&arguments.manifest, environment, &labels)?;
        check_limits(arguments, &app)?;
        Ok(Self { app, config })
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
fn check_limits(arguments: &Arguments, app: &App) -> Result<()> {
    let (limits, threads) = (&arguments.limits, arguments.threads());
    for flag in &limits.component_limits {
        let id = &flag.id;
        if !app.components.iter().any(|component| component.id == *id) {
            bail!("--component-limit: the app has no component `{id}`");
        }
        let of_it = ComponentLimits::of(id, limits, &limits.component_limits);
        if of_it.max_instances.is_some_and(|count| count < threads) {
            bail!(
                "--component-limit {id}.max-instances must be {threads} or more: each of the {threads} \
                 threads needs one; --threads makes them fewer"
            );
        }
    }
    Ok(())
}

impl Assembly {
    /// For an app that listens at `own_address` and keeps what it needs in the folder `data`.
    pub fn new(
        arguments: Arc<Arguments>,
        data: PathBuf,
        own_address: SocketAddr,
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
            client: Mutex::default(),
            number: AtomicU64::new(0),
        })
    }

    /// Makes a site and throws it away. Another host may be running on the same data: no store is opened
    /// and no file of its components touched.
    pub fn check(&self, written: Written) -> Result<()> {
        let folder = self.data.join(format!("check-{}", std::process::id()));
        self.assemble(written, &folder, &Stores::default())
            .map(drop)
    }

    /// Compiles the components of the app and gives each what the manifest grants it.
    pub fn site(&self, written: Written) -> Result<Site> {
        let stores = self.open_stores(&written)?;
        let number = self.number.fetch_add(1, Relaxed);
        let folder = self.data.join("files").join(number.to_string());
        self.assemble(written, &folder, &stores)
    }

    /// The files of components go below `files`.
    fn assemble(&self, written: Written, files: &Path, stores: &Stores) -> Result<Site> {
        let Written { app, config } = written;
        let client = self.client(config.outbound_http.connection_pooling)?;
        let generation = Arc::new(Generation::default());
        let limits = &self.arguments.limits;
        let mut components = Vec::new();
        for component in app.components {
            let id = component.id.clone();
            let source = component.source.clone();
            let staged = Staged::new(files.join(&*id));
            let has_files = files::stage(
                &app.root,
                &component.files,
                &component.exclude_files,
                staged.folder(),
            )
            .with_context(|| format!("component `{id}`"))?;
            let grants = grant(
                component,
                has_files.then_some(staged),
                stores,
                client.clone(),
            );
            let limits = ComponentLimits::of(&id, limits, &limits.component_limits);
            let compiled = self
                .runtime
                .compile(&id, &source, &limits)
                .map_err(|error| anyhow!("{error:#}"))?;
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
            let file = match written.config.key_value_stores.get(label) {
                Some(KeyValueStore::Spin { path }) => path.clone(),
                None if label == DEFAULT_STORE => self.data.join("key-value.redb"),
                None => bail!("the key-value store `{label}` is not in the runtime configuration"),
            };
            let store = match opened.get(&file) {
                Some(store) => store.clone(),
                None => Store::open(&file)?,
            };
            opened.insert(file, store.clone());
            stores.insert(label.clone(), store);
        }
        Ok(Arc::new(stores))
    }

    fn client(&self, pooled: bool) -> Result<Client> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = client.as_ref().filter(|(kept, _)| *kept == pooled) {
            return Ok(client.clone());
        }
        let made = Client::new(&self.arguments.limits, pooled, self.own_address)?;
        *client = Some((pooled, made.clone()));
        Ok(made)
    }
}

fn grant(component: Component, files: Option<Staged>, stores: &Stores, client: Client) -> Grants {
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
        client,
    }
}
