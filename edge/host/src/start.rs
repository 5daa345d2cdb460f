//! Starting and stopping: from the arguments to a server, and from a signal to the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, TryLockError},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, anyhow, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    app::{App, Component},
    cli::{Arguments, Limits},
    engine::Runtime,
    faults::Faults,
    files,
    guest::Grants,
    key_value::{Store, Stores},
    outbound_http::Client,
    redis::Places,
    runtime_config::{KeyValueStore, RuntimeConfig},
    server::{self, Listeners, Server, Site, Tls},
    variables::Providers,
};

/// The label that every app has without a runtime configuration.
const DEFAULT_STORE: &str = "default";

/// Runs the app until a signal ends it, or only checks it.
pub fn run(arguments: &Arguments) -> Result<()> {
    let config = RuntimeConfig::load(arguments.runtime_config.as_deref())?;
    let mut labels: BTreeSet<String> = config.key_value_stores.keys().cloned().collect();
    labels.insert(DEFAULT_STORE.into());
    let providers = Providers::new(config.variables_providers());
    let (app, mut faults) = App::examine(&arguments.manifest, &providers, &labels)?;
    if !arguments.check {
        faults = faults.or_stop(&arguments.manifest.display())?;
    }
    let Some(app) = app else {
        return faults.or_stop(&arguments.manifest.display()).map(drop);
    };
    let data = match arguments.data.as_ref().or(config.state_dir.as_ref()) {
        Some(data) => std::path::absolute(data)?,
        None => app.root.join(".spin"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let plan = Plan {
        arguments,
        config: &config,
        data: &data,
    };
    runtime.block_on(async {
        if arguments.check {
            plan.check(app, faults)
        } else {
            plan.serve(app).await
        }
    })
}

/// What a start goes by.
struct Plan<'a> {
    arguments: &'a Arguments,
    config: &'a RuntimeConfig,
    data: &'a Path,
}

impl Plan<'_> {
    /// Builds everything, says all that is wrong with it, and leaves. Another host may be running on
    /// the same data: no store is opened and no file of its components touched.
    fn check(&self, app: App, mut faults: Faults) -> Result<()> {
        let files = self.data.join("check");
        let tls = Tls::load(&self.arguments.front)?;
        let built = self.build(app, &files, &Stores::default(), None, tls, &mut faults);
        if files.exists() {
            fs::remove_dir_all(&files)
                .with_context(|| format!("cannot remove {}", files.display()))?;
        }
        built?;
        faults.or_stop(&self.arguments.manifest.display())?;
        tracing::info!("the app is in order");
        Ok(())
    }

    /// Builds everything and serves until a signal.
    async fn serve(&self, app: App) -> Result<()> {
        let front = &self.arguments.front;
        let tls = Tls::load(front)?;
        let listeners = Listeners::bind(front)?;
        let own_address = listeners.own_address();
        let _lock = lock(self.data)?;
        let stores = open_stores(self.config, &app, self.data)?;
        let mut faults = Faults::default();
        let files = self.data.join("files");
        let server = self.build(app, &files, &stores, own_address, tls.clone(), &mut faults)?;
        faults.into_result()?;
        server::raise_descriptors(front);
        // Until here a signal simply ends the process: there is nothing to finish.
        let stop = stop_signal()?;
        tokio::spawn(reload_on_hangup(tls)?);
        listeners.announce()?;
        if !server.serve(listeners, stop).await? {
            tracing::warn!("some requests were cut off");
        }
        Ok(())
    }

    /// Compiles the components of the app and gives each what the manifest grants it; their files go
    /// below `files`. With faults the answer lacks components and must not be served.
    fn build(
        &self,
        app: App,
        files: &Path,
        stores: &Stores,
        own_address: Option<SocketAddr>,
        tls: Option<Arc<Tls>>,
        faults: &mut Faults,
    ) -> Result<Server> {
        let limits = &self.limits();
        let client = Client::new(limits, &self.config.outbound_http, own_address)?;
        let redis = Places::new(self.config.outbound_redis.max_connections);
        let runtime = Runtime::new(limits, &self.data.join("compiled"))
            .map_err(|error| anyhow!("cannot start wasmtime: {error:#}"))?;
        let mut components = Vec::new();
        for component in app.components {
            let id = component.id.clone();
            let source = component.source.clone();
            let folder = files.join(&*id);
            let has_files = files::stage(
                &app.root,
                &component.files,
                &component.exclude_files,
                &folder,
            )
            .map_err(|error| format!("component `{id}`: {error:#}"));
            let has_files = faults.take(has_files) == Some(true);
            let mut grants = grant(
                component,
                has_files.then_some(folder),
                stores,
                client.clone(),
            );
            grants.redis = redis.clone();
            // That a file is missing is a fault already.
            if !source.is_file() {
                continue;
            }
            let factory = runtime.factory(&source, grants);
            let factory = factory.map_err(|error| format!("{error:#}"));
            if let Some(factory) = faults.take(factory) {
                components.push(factory);
                tracing::info!(component.id = &*id, "loaded {}", source.display());
            }
        }
        tracing::info!(
            app.name = app.name,
            "the app has {} components",
            components.len()
        );
        let site = Site::new(app.routes, &components, self.arguments.threads());
        let front = self.arguments.front.clone();
        Ok(Server::new(site, limits.clone(), front, tls))
    }
}

impl Plan<'_> {
    /// Those of the command line, and of the runtime configuration where it is stricter.
    fn limits(&self) -> Limits {
        let mut limits = self.arguments.limits.clone();
        limits.max_memory_mib = self.config.max_memory_mib(limits.max_memory_mib);
        limits
    }
}

/// Makes the data folder this process's own for as long as the answer lives.
fn lock(data: &Path) -> Result<File> {
    fs::create_dir_all(data).with_context(|| format!("cannot create {}", data.display()))?;
    let file = data.join("lock");
    let lock = File::create(&file).with_context(|| format!("cannot create {}", file.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!("{} is used by another host", data.display()),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", file.display()))
        }
    }
}

/// Opens the stores that some component may open.
fn open_stores(config: &RuntimeConfig, app: &App, data: &Path) -> Result<Stores> {
    let labels: BTreeSet<&String> = app.components.iter().flat_map(|c| &c.stores).collect();
    let mut stores = BTreeMap::new();
    for label in labels {
        let own = KeyValueStore::Spin {
            path: data.join("key-value.redb"),
        };
        let store = match config.key_value_stores.get(label) {
            Some(store) => store,
            None if label == DEFAULT_STORE => &own,
            None => bail!("the key-value store `{label}` is not in the runtime configuration"),
        };
        stores.insert(label.clone(), Store::open(store)?);
    }
    Ok(Arc::new(stores))
}

fn grant(component: Component, files: Option<PathBuf>, stores: &Stores, client: Client) -> Grants {
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

/// Ready when the process is asked to end.
fn stop_signal() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Reads again what can change while the host runs, whenever SIGHUP says so; certificates also when
/// their files change.
fn reload_on_hangup(tls: Option<Arc<Tls>>) -> Result<impl Future<Output = ()>> {
    if let Some(tls) = tls.clone() {
        tokio::spawn(async move { tls.watch().await });
    }
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            if let Some(tls) = &tls {
                tls.reload();
            }
        }
    })
}
