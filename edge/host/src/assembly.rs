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
    cli::{Arguments, ComponentLimits, Limits},
    engine::{Generation, Runtime},
    faults::Faults,
    files::{self, Staged},
    guest::Grants,
    key_value::{Store, Stores},
    metrics::Metrics,
    outbound_http::Client,
    redis::Places,
    runtime_config::{KeyValueStore, OutboundHttp, RuntimeConfig},
    server::Site,
    variables::Providers,
};

/// The label that every app has without a runtime configuration.
const DEFAULT_STORE: &str = "default";

/// What the files say, and all that is wrong with it.
pub struct Written {
    app: App,
    config: RuntimeConfig,
    faults: Faults,
}

/// What all states of the app share: engine, stores and counters.
pub struct Assembly {
    arguments: Arc<Arguments>,
    data: PathBuf,
    /// Where it listens without TLS, if it does.
    own_address: Option<SocketAddr>,
    runtime: Runtime,
    metrics: Arc<Metrics>,
    /// Every store that was ever opened: a file cannot be opened twice.
    opened: Mutex<BTreeMap<KeyValueStore, Store>>,
    /// The client, and whether and how many connections it keeps: a reload goes on with those there
    /// are.
    client: Mutex<Option<(Connections, Client)>>,
    /// Places for Redis connections, and how many they are: those of before a reload count.
    places: Mutex<(Option<usize>, Places)>,
    /// Sites that were begun.
    number: AtomicU64,
}

/// Whether connections of the HTTP client are kept, and how many there may be.
type Connections = (bool, Option<usize>);

impl Written {
    /// Reads the manifest and the runtime configuration, and checks them with the limits.
    pub fn read(arguments: &Arguments) -> Result<Self> {
        let config = RuntimeConfig::load(arguments.runtime_config.as_deref())?;
        let mut labels: BTreeSet<String> = config.key_value_stores.keys().cloned().collect();
        labels.insert(DEFAULT_STORE.into());
        let providers = Providers::new(config.variables_providers());
        let name = arguments.manifest.display();
        let (app, mut faults) = App::examine(&arguments.manifest, &providers, &labels)?;
        let Some(app) = app else {
            faults.or_stop(&name)?;
            bail!("{name}: there is no app");
        };
        check_limits(arguments, &app, &mut faults);
        Ok(Self {
            app,
            config,
            faults,
        })
    }

    /// The folder for data that the runtime configuration names.
    pub fn state_dir(&self) -> Option<&Path> {
        self.config.state_dir.as_deref()
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
    for flag in &limits.of_components {
        let id = &flag.id;
        if !app.components.iter().any(|component| component.id == *id) {
            faults.add(format!(
                "--component-limit: the app has no component `{id}`"
            ));
        }
        let of_it = ComponentLimits::of(id, limits, &limits.of_components);
        if of_it.max_instances.is_some_and(|count| count < threads) {
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
            client: Mutex::default(),
            places: Mutex::default(),
            number: AtomicU64::new(0),
        })
    }

    /// Makes a site, says all that is wrong with it, and throws it away. Another host may be running on
    /// the same data: no store is opened and no file of its components touched.
    pub fn check(&self, written: Written) -> Result<()> {
        let folder = self.data.join(format!("check-{}", std::process::id()));
        self.assemble(written, &folder, &Stores::default())
            .map(drop)
    }

    /// Compiles the components of the app and gives each what the manifest grants it.
    pub fn site(&self, mut written: Written) -> Result<Site> {
        let faults = std::mem::take(&mut written.faults);
        faults.or_stop(&self.arguments.manifest.display())?;
        let stores = self.open_stores(&written)?;
        let number = self.number.fetch_add(1, Relaxed);
        let folder = self.data.join("files").join(number.to_string());
        self.assemble(written, &folder, &stores)
    }

    /// The files of components go below `files`.
    fn assemble(&self, written: Written, files: &Path, stores: &Stores) -> Result<Site> {
        let Written {
            app,
            config,
            mut faults,
        } = written;
        let client = self.client(&config.outbound_http)?;
        let places = self.places(config.outbound_redis.max_connections);
        let generation = Arc::new(Generation::default());
        let limits = self.limits(&config);
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
            .map_err(|error| format!("component `{id}`: {error:#}"));
            let has_files = faults.take(has_files) == Some(true);
            // That it is missing is a fault already.
            if !source.is_file() {
                continue;
            }
            let limits = ComponentLimits::of(&id, &limits, &limits.of_components);
            let compiled = self.runtime.compile(&id, &source, &limits);
            let compiled = compiled.map_err(|error| format!("{error:#}"));
            let Some(compiled) = faults.take(compiled) else {
                continue;
            };
            let mut grants = grant(
                component,
                has_files.then_some(staged),
                stores,
                client.clone(),
            );
            grants.redis = places.clone();
            let shards = self.metrics.component(&id);
            components.push(compiled.factories(grants, limits, &generation, &shards));
            tracing::info!(component.id = &*id, "loaded {}", source.display());
        }
        faults.or_stop(&self.arguments.manifest.display())?;
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
            let wanted = match written.config.key_value_stores.get(label) {
                Some(store) => store.clone(),
                None if label == DEFAULT_STORE => KeyValueStore::Spin {
                    path: self.data.join("key-value.redb"),
                },
                None => bail!("the key-value store `{label}` is not in the runtime configuration"),
            };
            let store = match opened.get(&wanted) {
                Some(store) => store.clone(),
                None => Store::open(&wanted)?,
            };
            opened.insert(wanted, store.clone());
            stores.insert(label.clone(), store);
        }
        Ok(Arc::new(stores))
    }

    fn client(&self, config: &OutboundHttp) -> Result<Client> {
        let wanted = (config.connection_pooling, config.max_connections());
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = client.as_ref().filter(|(kept, _)| *kept == wanted) {
            return Ok(client.clone());
        }
        let made = Client::new(&self.arguments.limits, config, self.own_address)?;
        *client = Some((wanted, made.clone()));
        Ok(made)
    }

    fn places(&self, count: Option<usize>) -> Places {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.0 != count {
            *places = (count, Places::new(count));
        }
        places.1.clone()
    }

    /// Those of the command line, and of the runtime configuration where it is stricter.
    fn limits(&self, config: &RuntimeConfig) -> Limits {
        let mut limits = self.arguments.limits.clone();
        limits.max_memory_mib = config.max_memory_mib(limits.max_memory_mib);
        limits
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
        redis: Places::default(),
    }
}
