//! The threads that serve: each with a runtime of its own, so that a request, its instance and its
//! answer never wake another core.
//!
//! Invariant: a connection stays with the thread it was given to, which is one of those that had the
//! fewest.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result};
use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
};

use super::{Server, caps::Place};
use crate::engine;

/// An accepted connection on its way to a thread; its number is limited by its place.
pub struct Accepted {
    /// The connection, of no runtime yet.
    pub stream: std::net::TcpStream,
    /// Where it came from.
    pub client: SocketAddr,
    /// Whether it speaks TLS.
    pub is_tls: bool,
    /// Its place among the open connections.
    pub place: Place,
}

/// Where connections go.
pub struct Workers(Vec<Worker>);

struct Worker {
    connections: mpsc::UnboundedSender<Accepted>,
    /// Connections it has.
    load: Arc<AtomicUsize>,
}

/// The threads.
pub struct Threads {
    threads: Vec<JoinHandle<bool>>,
    stop: watch::Sender<bool>,
}

/// Starts `count` threads that serve for `server`.
pub fn start(server: &Arc<Server>, count: usize) -> Result<(Workers, Threads)> {
    let (stop, stopped) = watch::channel(false);
    let start = |number| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (connections, waiting) = mpsc::unbounded_channel();
        let load = Arc::new(AtomicUsize::new(0));
        let (server, counted, stopped) = (server.clone(), load.clone(), stopped.clone());
        let thread = thread::Builder::new()
            .name(format!("serve-{number}"))
            .spawn(move || {
                runtime.block_on(server.serve_all(number, waiting, &counted, stopped))
            })?;
        Ok((Worker { connections, load }, thread))
    };
    let started: io::Result<Vec<_>> = (0..count).map(start).collect();
    let (workers, threads) = started
        .context("cannot start a thread")?
        .into_iter()
        .unzip();
    Ok((Workers(workers), Threads { threads, stop }))
}

impl Workers {
    /// Gives a connection to the thread that has the fewest.
    pub fn take(&self, accepted: Accepted) {
        let idle = self.0.iter().min_by_key(|one| one.load.load(Relaxed));
        if let Some(worker) = idle {
            worker.load.fetch_add(1, Relaxed);
            // A thread that is gone serves nobody: the host stops.
            drop(worker.connections.send(accepted));
        }
    }
}

impl Threads {
    /// Has every thread finish what is in flight. The answer is whether all was finished in time.
    pub fn stop(self) -> bool {
        self.stop.send_replace(true);
        let ends = self.threads.into_iter().map(JoinHandle::join);
        // Each is waited for, whatever became of the ones before.
        let unfinished = ends.filter(|end| !matches!(end, Ok(true)));
        unfinished.count() == 0
    }
}

impl Server {
    /// Serves what comes in on the thread `number` until told to stop.
    async fn serve_all(
        self: Arc<Self>,
        number: usize,
        mut waiting: mpsc::UnboundedReceiver<Accepted>,
        load: &Arc<AtomicUsize>,
        mut stopped: watch::Receiver<bool>,
    ) -> bool {
        let connections = self.connections();
        let serve = async {
            while let Some(accepted) = waiting.recv().await {
                let Accepted {
                    stream,
                    client,
                    is_tls,
                    place,
                } = accepted;
                let load = load.clone();
                match TcpStream::from_std(stream) {
                    Ok(stream) => {
                        let connection =
                            connections.serve(self.clone(), number, stream, client, is_tls);
                        tokio::spawn(async move {
                            connection.await;
                            load.fetch_sub(1, Relaxed);
                            drop(place);
                        });
                    }
                    Err(error) => {
                        load.fetch_sub(1, Relaxed);
                        tracing::warn!(client.address = %client, "cannot serve a connection: {error}");
                    }
                }
            }
        };
        tokio::select! {
            () = serve => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
        let finished = connections.finish(self.limits.shutdown_timeout).await;
        engine::end();
        finished
    }
}
