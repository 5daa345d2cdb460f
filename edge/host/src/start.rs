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
    access_log::{AccessLog, Writer},
    assembly::{Assembly, Written},
    cli::Arguments,
    faults::Faults,
    metrics::Metrics,
    ops::{self, Readiness},
    reload::Reloader,
    server::{self, Listeners, Observer, Server, Sites, Tls},
};

/// Runs the app until a signal ends it, or only checks it.
pub fn run(arguments: Arguments) -> Result<()> {
    // Before anything is made: most faults are found here.
    let (written, mut faults) = Written::examine(&arguments)?;
    if !arguments.check {
        faults = faults.or_stop(&arguments.manifest.display())?;
    }
    let Some(written) = written else {
        return faults.or_stop(&arguments.manifest.display()).map(drop);
    };
    let start = Start {
        data: written.data(&arguments)?,
        metrics: Arc::new(Metrics::new(arguments.threads())),
        arguments: Arc::new(arguments),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        if start.arguments.check {
            start.check(written, faults)
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
    /// Builds everything, says all that is wrong with it, and leaves.
    fn check(&self, written: Written, mut faults: Faults) -> Result<()> {
        Tls::load(&self.arguments.front)?;
        let (data, metrics) = (self.data.clone(), self.metrics.clone());
        let assembly = Assembly::new(self.arguments.clone(), data, None, metrics)?;
        assembly.check(written, &mut faults)?;
        faults.or_stop(&self.arguments.manifest.display())?;
        tracing::info!("the app is in order");
        Ok(())
    }

    /// Builds everything and serves until a signal.
    async fn serve(&self, written: Written) -> Result<()> {
        let arguments = &self.arguments;
        let tls = Tls::load(&arguments.front)?;
        let listeners = Listeners::bind(&arguments.front)?;
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
        let own_address = listeners.own_address();
        let assembly = Assembly::new(arguments.clone(), data, own_address, metrics)?;
        let sources = written.sources();
        let sites = Arc::new(Sites::new(assembly.site(written)?));
        let observer = Observer::new(&self.metrics, access_log.clone());
        let server = Server::new(sites.clone(), observer, tls.clone(), arguments);
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
        server::raise_descriptors(&arguments.front);
        // Until here a signal simply ends the process: there is nothing to finish.
        let stop = stop_signal(readiness.clone())?;
        if let Some(tls) = tls {
            tokio::spawn(async move { tls.watch().await });
        }
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

    fn access_log(&self) -> Result<Option<(AccessLog, Writer)>> {
        let Some(file) = &self.arguments.operation.access_log else {
            return Ok(None);
        };
        let trusted = self.arguments.front.trusted_proxies.clone();
        AccessLog::open(file, trusted, self.metrics.clone()).map(Some)
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

/// Ready when the process is asked to end, from when on no request should be sent here.
fn stop_signal(readiness: Readiness) -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        readiness.set(false);
    })
}
