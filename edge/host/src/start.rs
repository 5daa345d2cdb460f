//! Starting and stopping: from the arguments to a server, and from a signal to the end.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
};

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    access_log::AccessLog,
    assembly::{Assembly, Written},
    cache::Cache,
    cli::Arguments,
    metrics::Metrics,
    ops::{self, Readiness},
    reload::Reloader,
    server::{self, Listeners, Observer, Server, Sites, Tls},
};

/// Runs the app until a signal ends it, or only checks it.
pub fn run(arguments: Arguments) -> Result<()> {
    // Before anything is made: most faults are found here.
    let written = Written::read(&arguments)?;
    let start = Start {
        data: data(&arguments, &written)?,
        metrics: Arc::new(Metrics::new(arguments.threads())),
        arguments: Arc::new(arguments),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        if start.arguments.check {
            start.check(written)
        } else {
            start.serve(written).await
        }
    })
}

/// What a start goes by.
struct Start {
    arguments: Arc<Arguments>,
    data: PathBuf,
    metrics: Arc<Metrics>,
}

impl Start {
    /// Builds everything and leaves.
    fn check(&self, written: Written) -> Result<()> {
        let (data, metrics) = (self.data.clone(), self.metrics.clone());
        Tls::load(&self.arguments.front)?;
        Assembly::new(self.arguments.clone(), data, None, metrics)?.check(written)?;
        tracing::info!("the app is in order");
        Ok(())
    }

    /// Builds everything and serves until a signal.
    async fn serve(&self, written: Written) -> Result<()> {
        let arguments = &self.arguments;
        let front = &arguments.front;
        let tls = Tls::load(front)?;
        let listeners = Listeners::bind(front)?;
        let own_address = listeners.own_address();
        let _lock = lock(&self.data)?;
        empty(&self.data.join("files"))?;
        let readiness = Readiness::default();
        if let Some(address) = arguments.operation.ops {
            ops::start(address, self.metrics.clone(), readiness.clone())?;
        }
        let (access_log, writer) = self.access_log()?.unzip();
        // Until the app is there a SIGHUP has to wait, not to end the process.
        let hangups = hangups()?;

        let (data, metrics) = (self.data.clone(), self.metrics.clone());
        let assembly = Assembly::new(arguments.clone(), data, own_address, metrics)?;
        let cache = Cache::new(arguments.limits.cache_mib);
        let sources = written.sources();
        let sites = Arc::new(Sites::new(assembly.site(written)?, cache));
        let observer = Observer::new(&self.metrics, access_log.clone());
        let threads = arguments.threads();
        let limits = arguments.limits.clone();
        let server = Server::new(
            sites.clone(),
            observer,
            threads,
            limits,
            front.clone(),
            tls.clone(),
        );
        let reloader = Reloader {
            arguments: arguments.clone(),
            assembly,
            sites,
            metrics: self.metrics.clone(),
            access_log: access_log.clone(),
            tls: tls.clone(),
            sources,
        };
        reloader.start(hangups)?;
        if let Some(tls) = tls {
            tokio::spawn(async move { tls.watch().await });
        }
        server::raise_descriptors(front);
        // Until here a signal simply ends the process: there is nothing to finish.
        let stop = stop_signal()?;
        let not_ready = readiness.clone();
        let stop = async move {
            stop.await;
            not_ready.set(false);
        };
        listeners.announce()?;
        readiness.set(true);
        if !server.serve(listeners, stop).await? {
            tracing::warn!("some requests were cut off");
        }
        if let (Some(access_log), Some(writer)) = (access_log, writer) {
            access_log.close();
            writer.finish();
        }
        Ok(())
    }

    fn access_log(&self) -> Result<Option<(AccessLog, crate::access_log::Writer)>> {
        let file = self.arguments.operation.access_log.as_ref();
        let trusted = &self.arguments.front.trusted_proxies;
        file.map(|file| AccessLog::open(file, trusted.list().to_vec(), self.metrics.clone()))
            .transpose()
    }
}

/// The data folder.
fn data(arguments: &Arguments, written: &Written) -> Result<PathBuf> {
    let manifest = std::path::absolute(&arguments.manifest)?;
    let beside = || manifest.parent().map(|folder| folder.join(".spin"));
    match arguments.data.as_deref().or(written.state_dir()) {
        Some(data) => Ok(std::path::absolute(data)?),
        None => beside().context("the manifest lies in no folder"),
    }
}

/// Removes what a former host left in a folder.
fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    Ok(())
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

/// Has something for each SIGHUP, or for several that come together.
fn hangups() -> Result<Receiver<()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    let (tell, told) = sync_channel(1);
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            // One that waits already stands for this one too.
            let _: Result<(), _> = tell.try_send(());
        }
    });
    Ok(told)
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
