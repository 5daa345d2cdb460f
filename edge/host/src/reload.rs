//! Reloading: on SIGHUP, or when a watched file changes, the app is read and compiled anew beside the one
//! that serves, and takes over only if all of it is in order.
//!
//! Invariant: no serving thread waits for a reload, and no request fails for one.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result};

use crate::{
    access_log::AccessLog,
    assembly::{Assembly, Written},
    cli::Arguments,
    metrics::Metrics,
    server::{Sites, Tls},
};

/// How often watched files are looked at.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// What a reload works on.
pub struct Reloader {
    /// The command line, which says what to read.
    pub arguments: Arc<Arguments>,
    /// What makes a site.
    pub assembly: Assembly,
    /// Where it takes over.
    pub sites: Arc<Sites>,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
    /// What is opened anew on SIGHUP.
    pub access_log: Option<AccessLog>,
    /// What reads its certificate again on SIGHUP.
    pub tls: Option<Arc<Tls>>,
    /// The components' sources, as the app that serves has them.
    pub sources: Vec<PathBuf>,
}

/// When each watched file was last written, and how long it is; none for what cannot be read.
type State = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

impl Reloader {
    /// Reloads whenever `hangups` has something, on a thread of its own, until nobody can send any more.
    pub fn start(self, hangups: Receiver<()>) -> Result<()> {
        thread::Builder::new()
            .name("reload".into())
            .spawn(move || self.run(&hangups))
            .map(drop)
            .context("cannot start reloading")
    }

    fn run(mut self, hangups: &Receiver<()>) {
        let mut loaded = self.state();
        let mut before = loaded.clone();
        loop {
            let told = hangups.recv_timeout(WATCH_EVERY);
            let now = self.state();
            let is_told = match told {
                Ok(()) => true,
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if is_told && let Some(log) = &self.access_log {
                log.reopen();
            }
            if is_told && let Some(tls) = &self.tls {
                tls.reload();
            }
            // Twice the same: nobody is writing.
            if is_told || (now != loaded && now == before) {
                self.reload();
                // What is written meanwhile differs from this, and is loaded next.
                loaded.clone_from(&now);
            }
            before = now;
        }
    }

    fn reload(&mut self) {
        let started = Instant::now();
        let site = Written::read(&self.arguments).and_then(|written| {
            let sources = written.sources();
            Ok((self.assembly.site(written)?, sources))
        });
        self.metrics.reloaded(site.is_ok());
        match site {
            Ok((site, sources)) => {
                self.sources = sources;
                let components = site.components();
                self.sites.replace(site);
                let took = started.elapsed().as_millis();
                tracing::info!("reloaded {components} components in {took} ms");
            }
            Err(error) => {
                let error = format!("{error:#}").replace('\n', " ");
                tracing::error!("not reloaded, the app stays as it was: {error}");
            }
        }
    }

    fn state(&self) -> State {
        if !self.arguments.operation.watch {
            return State::new();
        }
        let mut files = vec![self.arguments.manifest.clone()];
        files.extend(self.arguments.runtime_config.clone());
        files.extend_from_slice(&self.sources);
        let state = |file: PathBuf| {
            let metadata = fs::metadata(&file).ok();
            let state = metadata.and_then(|data| Some((data.modified().ok()?, data.len())));
            (file, state)
        };
        files.into_iter().map(state).collect()
    }
}
