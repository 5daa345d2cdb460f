//! The operators' listener: metrics, and whether the host lives and is ready.
//!
//! It has a thread of its own, so that it answers however busy the others are.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use crate::metrics::{Listener, Metrics, connection_opened};

/// Connections at once; more wait in the backlog.
const CONNECTIONS_MAX: usize = 64;
/// Reading the head of a request, and waiting for the next one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after the system refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether requests should be sent here.
#[derive(Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on, or no longer.
    pub fn set(&self, is_ready: bool) {
        self.0.store(is_ready, Relaxed);
    }
}

struct Operators {
    metrics: Arc<Metrics>,
    readiness: Readiness,
}

/// Listens at `address` and answers until the process ends.
pub fn start(address: SocketAddr, metrics: Arc<Metrics>, readiness: Readiness) -> Result<()> {
    let listener = std::net::TcpListener::bind(address)
        .with_context(|| format!("cannot listen on {address} for operators"))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let operators = Arc::new(Operators { metrics, readiness });
    thread::Builder::new()
        .name("ops".into())
        .spawn(move || runtime.block_on(serve(listener, operators)))
        .context("cannot start the operators' listener")?;
    tracing::info!("operators' listener on http://{address}");
    Ok(())
}

async fn serve(listener: std::net::TcpListener, operators: Arc<Operators>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!("the operators' listener does not start: {error}"),
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let operators = operators.clone();
                tokio::spawn(async move {
                    let _open = connection_opened(Listener::Operators);
                    connection(stream, operators).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!("cannot accept an operator's connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, operators: Arc<Operators>) {
    let service = service_fn(move |request| {
        let response = operators.answer(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!("an operator's connection broke: {error}");
    }
}

impl Operators {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allowed);
            return response;
        }
        match request.uri().path() {
            "/metrics" => match self.metrics.text() {
                Ok(metrics) => text(StatusCode::OK, metrics),
                Err(error) => {
                    tracing::error!("cannot tell the metrics: {error}");
                    text(StatusCode::INTERNAL_SERVER_ERROR, "see the log\n")
                }
            },
            "/livez" => text(StatusCode::OK, "alive\n"),
            "/readyz" if self.readiness.0.load(Relaxed) => text(StatusCode::OK, "ready\n"),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "starting or stopping\n"),
            _ => text(
                StatusCode::NOT_FOUND,
                "there are /metrics, /livez and /readyz\n",
            ),
        }
    }
}

fn text(status: StatusCode, content: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(content.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(TEXT));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
