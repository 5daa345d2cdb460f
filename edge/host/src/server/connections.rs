//! Connections: HTTP/1.0 and 1.1, kept alive, and closed in order at the end.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::{
    Server,
    workers::{Accepted, Workers},
};

use crate::metrics::{Listener, connection_opened};

/// Pause after the system refused a connection, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Server {
    /// Serves until `stop` is ready, then finishes what is in flight within the limit. The answer is
    /// whether all was finished.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Result<bool> {
        let connections = Arc::new(Semaphore::new(self.limits.max_connections));
        let server = Arc::new(self);
        let workers = Workers::start(&server, server.threads)?;
        let accept = async {
            loop {
                let Ok(permit) = connections.clone().acquire_owned().await else {
                    break;
                };
                match accept(&listener).await {
                    Ok((stream, client)) => workers.take(Accepted {
                        stream,
                        client,
                        permit,
                    }),
                    Err(error) => {
                        tracing::warn!("cannot accept a connection: {error}");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = accept => {}
            () = stop => {}
        }
        drop(listener);
        tracing::info!("stopping: finishing requests in flight");
        Ok(tokio::task::spawn_blocking(move || workers.stop()).await?)
    }

    /// What the connections of one thread have in common.
    pub(super) fn connections(&self) -> Connections {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .pipeline_flush(true);
        Connections {
            builder,
            graceful: GracefulShutdown::new(),
        }
    }
}

/// The connections of one thread.
pub(super) struct Connections {
    builder: http1::Builder,
    graceful: GracefulShutdown,
}

impl Connections {
    /// Serves one to its end; `thread` is the one that does.
    pub(super) fn serve(
        &self,
        server: Arc<Server>,
        thread: usize,
        stream: TcpStream,
        client: SocketAddr,
    ) -> impl Future<Output = ()> + Send + use<> {
        let service = service_fn(move |request| {
            let server = server.clone();
            async move { server.answer(thread, request, client).await }
        });
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
        let connection = self.graceful.watch(connection);
        async move {
            let _open = connection_opened(Listener::Plain);
            if let Err(error) = connection.await {
                tracing::debug!(client.address = %client, "a connection broke: {error}");
            }
        }
    }

    /// Closes each after the request it is at. The answer is whether that took no longer than
    /// `limit`.
    pub(super) async fn finish(self, limit: Duration) -> bool {
        let finished = tokio::time::timeout(limit, self.graceful.shutdown());
        finished.await.is_ok()
    }
}

async fn accept(listener: &TcpListener) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    let (stream, client) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream.into_std()?, client))
}
