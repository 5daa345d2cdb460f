//! New connections to other servers, of which there may be a limit.
//!
//! A connection keeps its place until it is closed, in use or not. Who finds no place waits, as long as
//! making a connection may take.

use std::{
    error::Error,
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector},
    rt::TokioIo,
};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::Service;

/// Makes connections.
#[derive(Clone)]
pub struct Connector {
    inner: HttpConnector,
    /// None is no limit.
    places: Option<Arc<Semaphore>>,
    timeout: Duration,
}

/// All places were taken for too long.
#[derive(Debug)]
pub struct LimitReached;

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many connections to other servers")
    }
}

impl Error for LimitReached {}

/// A connection with its place.
pub struct Held {
    stream: TokioIo<TcpStream>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Connector {
    /// For at most so many connections, each to be made within `timeout`.
    pub fn new(max_connections: Option<usize>, timeout: Duration) -> Self {
        let mut inner = HttpConnector::new();
        inner.enforce_http(false);
        inner.set_nodelay(true);
        inner.set_connect_timeout(Some(timeout));
        let places = max_connections.map(|count| count.min(Semaphore::MAX_PERMITS));
        Self {
            inner,
            places: places.map(|count| Arc::new(Semaphore::new(count))),
            timeout,
        }
    }
}

impl Service<Uri> for Connector {
    type Response = Held;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Held, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let (places, timeout) = (self.places.clone(), self.timeout);
        Box::pin(async move {
            let place = match places {
                Some(places) => {
                    let place = tokio::time::timeout(timeout, places.acquire_owned()).await;
                    Some(place.map_err(|_| LimitReached)??)
                }
                None => None,
            };
            Ok(Held {
                stream: connecting.await?,
                _place: place,
            })
        })
    }
}

impl Connection for Held {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

impl Read for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}
