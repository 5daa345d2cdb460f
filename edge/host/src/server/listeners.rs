//! Where the host listens, and how a connection comes in: into a place and to a thread, or it is
//! reset.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
};

use super::{
    caps::Caps,
    workers::{Accepted, Workers},
};
use crate::cli::Front;

/// Pause after the system refused a connection, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Connections that the system keeps until they are accepted; it may keep fewer.
const BACKLOG: u32 = 4096;

/// The listeners of a host.
pub struct Listeners {
    plain: Vec<TcpListener>,
    tls: Vec<TcpListener>,
}

impl Listeners {
    /// Binds the addresses of the command line.
    pub fn bind(front: &Front) -> Result<Self> {
        let bind = |address: SocketAddr| {
            listen(address).with_context(|| format!("cannot listen on {address}"))
        };
        Ok(Self {
            plain: front.plain().into_iter().map(bind).collect::<Result<_>>()?,
            tls: front
                .listen_tls
                .iter()
                .copied()
                .map(bind)
                .collect::<Result<_>>()?,
        })
    }

    /// Where the app can reach itself without TLS.
    pub fn own_address(&self) -> Option<SocketAddr> {
        self.plain.first()?.local_addr().ok()
    }

    /// Says in the log that the host is ready.
    pub fn announce(&self) -> io::Result<()> {
        for listener in &self.plain {
            tracing::info!("listening on http://{}", listener.local_addr()?);
        }
        for listener in &self.tls {
            tracing::info!("listening on https://{}", listener.local_addr()?);
        }
        Ok(())
    }

    /// Gives connections to the threads, until the answer is dropped.
    pub(super) async fn accept(self, caps: Caps, workers: Workers) {
        let (caps, workers) = (Arc::new(caps), Arc::new(workers));
        let plain = self.plain.into_iter().map(|listener| (listener, false));
        let tls = self.tls.into_iter().map(|listener| (listener, true));
        let mut accepting = JoinSet::new();
        for (listener, is_tls) in plain.chain(tls) {
            accepting.spawn(accept_from(listener, is_tls, caps.clone(), workers.clone()));
        }
        while accepting.join_next().await.is_some() {}
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept_from(listener: TcpListener, is_tls: bool, caps: Arc<Caps>, workers: Arc<Workers>) {
    loop {
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // First its network's share: what comes too often is turned away while all places are taken.
        let Some(share) = caps.share(client.ip()) else {
            // So that the system forgets it at once too. If it cannot be, it ends in order.
            drop(stream.set_zero_linger());
            continue;
        };
        let Some(place) = caps.place(share).await else {
            return;
        };
        match prepare(stream) {
            Ok(stream) => workers.take(Accepted {
                stream,
                client,
                is_tls,
                place,
            }),
            // It may be gone already.
            Err(error) => tracing::debug!(client.address = %client, "cannot use: {error}"),
        }
    }
}

fn prepare(stream: TcpStream) -> io::Result<std::net::TcpStream> {
    stream.set_nodelay(true)?;
    stream.into_std()
}
