//! Connections: HTTP/1.0 and 1.1, kept alive, and closed in order at the end.

use std::{io, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::Server;

/// Pause after the system refused a connection, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Server {
    /// Serves until `stop` is ready, then finishes what is in flight within the limit. The answer is
    /// whether all was finished.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) -> bool {
        let limit = self.limits.shutdown_timeout;
        let connections = Arc::new(Semaphore::new(self.limits.max_connections));
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .pipeline_flush(true);
        let server = Arc::new(self);
        let graceful = GracefulShutdown::new();
        let accept = async {
            loop {
                let Ok(permit) = connections.clone().acquire_owned().await else {
                    break;
                };
                let (stream, client) = match accept(&listener).await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!("cannot accept a connection: {error}");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                };
                let server = server.clone();
                let service = service_fn(move |request| {
                    let server = server.clone();
                    async move { server.answer(request, client).await }
                });
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                let connection = graceful.watch(connection);
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(client.address = %client, "a connection broke: {error}");
                    }
                    drop(permit);
                });
            }
        };
        tokio::select! {
            () = accept => {}
            () = stop => {}
        }
        drop(listener);
        tracing::info!("stopping: finishing requests in flight");
        tokio::time::timeout(limit, graceful.shutdown())
            .await
            .is_ok()
    }
}

async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, std::net::SocketAddr)> {
    let (stream, client) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, client))
}
