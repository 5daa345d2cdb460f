//! Connections: TLS or not, HTTP/1 or h2, each to its end, and all closed in order when the host
//! stops.
//!
//! Invariant: every wait for a client has an end; `clock`, `io`, `upload` and the timers here say when.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};

use anyhow::Result;
use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use tokio::{net::TcpStream, sync::watch, time::timeout};
use tokio_rustls::TlsAcceptor;

use super::{
    Peer, Server,
    caps::Caps,
    clock::{Clock, Patience},
    io::Io,
    listeners::Listeners,
    pulse::Pulse,
    stream::{Counted, Stream},
    workers,
};
use crate::metrics::{Listener, connection_opened};

/// A request's head, in HTTP/1 with its request line; a larger one is refused with 431.
const HEAD_BYTES_MAX: u32 = 32 << 10;
/// What HTTP/1 buffers of a connection, each way. Hyper's own limit of headers is 100.
const BUFFER_BYTES_MAX: usize = 64 << 10;
/// What an h2 client may send before it is read, of a request and of all of a connection.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 256 << 10;
/// What h2 buffers of an answer.
const SEND_BUFFER_BYTES: usize = 64 << 10;
/// Requests that an h2 client may take back before they were looked at (CVE-2023-44487), and errors it
/// may cause, until the connection is closed.
const RESETS_MAX: usize = 20;
const ERRORS_MAX: usize = 128;
/// A quiet h2 client is asked whether it is still there, and has so long to say so.
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_TIMEOUT: Duration = Duration::from_secs(10);
/// With this begins the preface of h2, and no request of HTTP/1.
const PREFACE: &[u8; 4] = b"PRI ";

impl Server {
    /// Serves until `stop` is ready, then finishes what is in flight within the limit. The answer is
    /// whether all was finished.
    pub async fn serve(self, listeners: Listeners, stop: impl Future<Output = ()>) -> Result<bool> {
        let caps = Caps::new(&self.front);
        let server = Arc::new(self);
        let (workers, threads) = workers::start(&server, server.threads)?;
        // Its end closes the listeners.
        tokio::select! {
            () = listeners.accept(caps, workers) => {}
            () = stop => {}
        }
        tracing::info!("stopping: finishing requests in flight");
        Ok(tokio::task::spawn_blocking(move || threads.stop()).await?)
    }

    /// What the connections of one thread have in common.
    pub(super) fn connections(&self) -> Connections {
        let front = &self.front;
        let mut http1 = http1::Builder::new();
        // The time of heads is kept by `clock`, which needs no timer a request for it. `pipeline_flush`
        // would drop the answer to a request that more bytes follow if the connection is then closed,
        // and would buffer without end for a client that does not read.
        http1
            .header_read_timeout(None)
            .max_header_size(HEAD_BYTES_MAX as usize)
            .max_buf_size(BUFFER_BYTES_MAX)
            .writev(false);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PONG_TIMEOUT)
            .max_concurrent_streams(u32::try_from(front.max_streams_per_connection).ok())
            .max_header_list_size(HEAD_BYTES_MAX)
            .max_pending_accept_reset_streams(RESETS_MAX)
            .max_local_error_reset_streams(ERRORS_MAX)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_send_buf_size(SEND_BUFFER_BYTES);
        Connections {
            protocols: Arc::new(Protocols {
                http1,
                http2,
                tls: self.tls.as_ref().map(|tls| tls.acceptor()),
                tls_timeout: front.tls_timeout,
                patience: Patience {
                    head: front.header_timeout,
                    idle: front.idle_timeout,
                    write: front.write_timeout,
                },
            }),
            stop: watch::Sender::new(false),
        }
    }
}

/// The connections of one thread.
pub(super) struct Connections {
    protocols: Arc<Protocols>,
    /// Every connection holds a receiver to its end.
    stop: watch::Sender<bool>,
}

struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    tls_timeout: Duration,
    patience: Patience,
}

impl Connections {
    /// Serves one to its end; `thread` is the one that does.
    pub(super) fn serve(
        &self,
        server: Arc<Server>,
        thread: usize,
        stream: TcpStream,
        client: SocketAddr,
        is_tls: bool,
    ) -> impl Future<Output = ()> + Send + use<> {
        let protocols = self.protocols.clone();
        let mut stop = self.stop.subscribe();
        let peer = Peer {
            address: client,
            is_tls,
        };
        let kind = if is_tls {
            Listener::Tls
        } else {
            Listener::Plain
        };
        async move {
            let _open = connection_opened(kind);
            let opened = tokio::select! {
                opened = protocols.open(stream, is_tls) => opened,
                // Nothing was asked yet.
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let result = match opened {
                Ok((stream, is_http2)) => {
                    let pulse = Arc::new(Pulse::default());
                    let patience = protocols.patience;
                    let io = Io::new(stream, !is_http2, pulse.clone(), patience.write);
                    let io = TokioIo::new(io);
                    let beat = pulse.clone();
                    let service = service_fn(move |request| {
                        let (turn, server) = (beat.begin(), server.clone());
                        async move {
                            let is_ambiguous = turn.is_ambiguous();
                            let reply = server.take(thread, request, peer, is_ambiguous).await;
                            Ok::<_, Infallible>(reply.map(|body| turn.answer(body)))
                        }
                    });
                    if is_http2 {
                        let connection = protocols.http2.serve_connection(io, service);
                        drive(Box::pin(connection).as_mut(), &pulse, patience, stop).await
                    } else {
                        let connection = protocols.http1.serve_connection(io, service);
                        drive(pin!(connection), &pulse, patience, stop).await
                    }
                }
                Err(error) => Err(error.into()),
            };
            if let Err(error) = result {
                tracing::debug!(client.address = %client, "a connection broke: {error}");
            }
        }
    }

    /// Closes each after the request it is at. The answer is whether that took no longer than
    /// `limit`.
    pub(super) async fn finish(self, limit: Duration) -> bool {
        self.stop.send_replace(true);
        timeout(limit, self.stop.closed()).await.is_ok()
    }
}

impl Protocols {
    /// What is spoken on a connection, and whether that is h2.
    async fn open(&self, stream: TcpStream, is_tls: bool) -> io::Result<(Stream, bool)> {
        let Some(tls) = self.tls.as_ref().filter(|_| is_tls) else {
            let mut begun = [0; PREFACE.len()];
            let count = timeout(self.patience.head, stream.peek(&mut begun)).await??;
            // Cut any shorter it is of no client worth waiting for, and no request either.
            let is_http2 = begun[..count] == *PREFACE;
            return Ok((Stream::Plain(Counted::new(stream)), is_http2));
        };
        let accept = tls.accept(Counted::new(stream));
        let stream = timeout(self.tls_timeout, accept).await??;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((Stream::Tls(Box::new(stream)), is_http2))
    }
}

/// Serves a connection to its end, which is near once the host stops or the client is idle.
async fn drive<C>(
    mut connection: Pin<&mut C>,
    pulse: &Pulse,
    patience: Patience,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    C: GracefulConnection,
    C::Error: std::error::Error + Send + Sync + 'static,
{
    let mut told = pin!(stop.wait_for(|stop| *stop));
    let mut clock = Clock::new(patience);
    let mut is_ending = false;
    poll_fn(|context| {
        if !is_ending && told.as_mut().poll(context).is_ready() {
            is_ending = true;
            connection.as_mut().graceful_shutdown();
        }
        loop {
            if let Poll::Ready(result) = connection.as_mut().poll(context) {
                return Poll::Ready(result.map_err(Into::into));
            }
            let in_head = ready!(clock.poll(pulse, context));
            if in_head || is_ending {
                return Poll::Ready(Err("the client took too long".into()));
            }
            is_ending = true;
            connection.as_mut().graceful_shutdown();
            clock.extend();
        }
    })
    .await
}
