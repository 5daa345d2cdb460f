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
    sync::{OwnedSemaphorePermit, mpsc, watch},
};

use super::Server;

/// An accepted connection on its way to a thread; its number is limited by its permit.
pub struct Accepted {
    /// The connection, of no runtime yet.
    pub stream: std::net::TcpStream,
    /// Where it came from.
    pub client: SocketAddr,
    /// Its place among the open connections.
    pub permit: OwnedSemaphorePermit,
}

/// The threads.
pub struct Workers {
    threads: Vec<Worker>,
    stop: watch::Sender<bool>,
}

struct Worker {
    connections: mpsc::UnboundedSender<Accepted>,
    /// Connections it has.
    load: Arc<AtomicUsize>,
    thread: JoinHandle<bool>,
}

impl Workers {
    /// Starts `count` threads that serve for `server`.
    pub fn start(server: &Arc<Server>, count: usize) -> Result<Self> {
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
            Ok(Worker {
                connections,
                load,
                thread,
            })
        };
        let threads: io::Result<Vec<Worker>> = (0..count).map(start).collect();
        Ok(Self {
            threads: threads.context("cannot start a thread")?,
            stop,
        })
    }

    /// Gives a connection to the thread that has the fewest.
    pub fn take(&self, accepted: Accepted) {
        let idle = self.threads.iter().min_by_key(|one| one.load.load(Relaxed));
        if let Some(worker) = idle {
            worker.load.fetch_add(1, Relaxed);
            // A thread ends only after this one told it to.
            drop(worker.connections.send(accepted));
        }
    }

    /// Has every thread finish what is in flight. The answer is whether all was finished in time.
    pub fn stop(self) -> bool {
        self.stop.send_replace(true);
        let ends = self.threads.into_iter().map(|one| one.thread.join());
        ends.fold(true, |all, end| end.unwrap_or(false) && all)
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
                    permit,
                } = accepted;
                let load = load.clone();
                match TcpStream::from_std(stream) {
                    Ok(stream) => {
                        let connection = connections.serve(self.clone(), number, stream, client);
                        tokio::spawn(async move {
                            connection.await;
                            load.fetch_sub(1, Relaxed);
                            drop(permit);
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
        connections.finish(self.limits.shutdown_timeout).await
    }
}
