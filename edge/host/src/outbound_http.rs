//! Requests of components to other servers: allowed by the manifest, over kept connections.

mod connector;

use std::{error::Error as _, io, net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, Request, Response, Uri, header, uri::Scheme};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::{
    body,
    cli::Limits,
    guest::Grants,
    metrics::{Operation, Shard},
    runtime_config::OutboundHttp,
};

use connector::{Connector, LimitReached};

/// Idle connections kept a server.
const IDLE_PER_HOST_MAX: usize = 256;
/// Shorter than the keep-alive of usual servers, so that few kept connections are found closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// The HTTP client of the host; clones share its connections.
#[derive(Clone)]
pub struct Client {
    pool: legacy::Client<HttpsConnector<Connector>, WasiBody>,
    first_byte_timeout: Duration,
    /// Where the app itself listens without TLS, if it does.
    own_address: Option<SocketAddr>,
}

impl Client {
    /// A client that keeps as many connections as `config` says. Certificates are checked against
    /// Mozilla's roots.
    pub fn new(
        limits: &Limits,
        config: &OutboundHttp,
        own_address: Option<SocketAddr>,
    ) -> Result<Self, rustls::Error> {
        let idle = if config.connection_pooling {
            IDLE_PER_HOST_MAX
        } else {
            0
        };
        let timeout = limits.outbound_connect_timeout;
        let connector = Connector::new(config.max_connections(), timeout);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(idle)
            .build(connector);
        let first_byte_timeout = limits.outbound_first_byte_timeout;
        Ok(Self {
            pool,
            first_byte_timeout,
            own_address,
        })
    }

    async fn send(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let limit = options
            .first_byte_timeout
            .unwrap_or(self.first_byte_timeout);
        let response = tokio::time::timeout(limit, self.pool.request(request))
            .await
            .map_err(|_| Error::HttpResponseTimeout)?
            .map_err(|error| describe(&error))?;
        Ok(response.map(|incoming: Incoming| {
            let incoming = incoming.map_err(Error::from).boxed_unsync();
            match options.between_bytes_timeout {
                Some(limit) => body::each_frame_within(limit, incoming),
                None => incoming,
            }
        }))
    }
}

/// The outbound side of one instance.
pub struct Outbound(Arc<Grants>, Arc<Shard>);

impl Outbound {
    /// For an instance with these grants, whose requests are counted there.
    pub fn new(grants: Arc<Grants>, shard: Arc<Shard>) -> Self {
        Self(grants, shard)
    }

    /// Denies what the manifest does not allow and leads requests of the app to itself home.
    fn prepare(&self, request: &mut Request<WasiBody>) -> Result<(), Error> {
        let uri = request.uri();
        let host = uri.host().unwrap_or_default();
        let scheme = uri.scheme_str().unwrap_or("https");
        if host == "self.alt" {
            if !self.0.hosts.allow_self() {
                return Err(self.deny(uri));
            }
            let Some(own_address) = self.0.client.own_address else {
                tracing::warn!(
                    component.id = &*self.0.id,
                    "denied a request to self: the host listens with TLS alone; add --listen"
                );
                return Err(Error::HttpRequestDenied);
            };
            return lead_home(request, own_address);
        }
        if host.is_empty() || host.ends_with(".spin.internal") {
            tracing::warn!(
                component.id = &*self.0.id,
                "denied a request to {uri}: relative URLs and service chaining are not supported"
            );
            return Err(Error::HttpRequestDenied);
        }
        if !self.0.hosts.allow(scheme, host, uri.port_u16()) {
            return Err(self.deny(uri));
        }
        Ok(())
    }

    fn deny(&self, uri: &Uri) -> Error {
        let authority = uri
            .authority()
            .map(http::uri::Authority::as_str)
            .unwrap_or_default();
        tracing::warn!(
            component.id = &*self.0.id,
            "denied a request to {}://{authority}: not in allowed_outbound_hosts",
            uri.scheme_str().unwrap_or("https"),
        );
        Error::HttpRequestDenied
    }
}

type Sent = Result<
    (
        Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        // How the component got on with the answer: nobody here can act on it.
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let prepared = self.prepare(&mut request);
        let client = self.0.client.clone();
        let component = self.0.id.clone();
        let timed = self.1.time(Operation::HttpSend);
        Box::new(async move {
            let _timed = timed;
            prepared?;
            let authority = request
                .uri()
                .authority()
                .map(ToString::to_string)
                .unwrap_or_default();
            match client.send(request, options.unwrap_or_default()).await {
                Ok(response) => {
                    let io: Box<dyn Future<Output = _> + Send> =
                        Box::new(std::future::ready(Ok(())));
                    Ok((response, io))
                }
                Err(error) => {
                    tracing::warn!(
                        component.id = &*component,
                        "a request to {authority} failed: {error}"
                    );
                    Err(error)
                }
            }
        })
    }
}

/// Turns a request to `self.alt` into one to the address where this host listens.
fn lead_home(request: &mut Request<WasiBody>, own_address: SocketAddr) -> Result<(), Error> {
    let mut parts = request.uri().clone().into_parts();
    let authority = own_address.to_string();
    let host = HeaderValue::from_str(&authority).map_err(|_| Error::HttpRequestUriInvalid)?;
    parts.authority = Some(
        authority
            .parse()
            .map_err(|_| Error::HttpRequestUriInvalid)?,
    );
    parts.scheme = Some(Scheme::HTTP);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert(header::HOST, host);
    Ok(())
}

/// What a failed request was, in the words of wasi:http.
fn describe(error: &legacy::Error) -> Error {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<LimitReached>() {
            return Error::ConnectionLimitReached;
        }
        match inner.downcast_ref::<io::Error>().map(kind) {
            Some(io::ErrorKind::ConnectionRefused) => return Error::ConnectionRefused,
            Some(io::ErrorKind::TimedOut) => return Error::ConnectionTimeout,
            // What TLS finds wrong with the other side: its certificate or its protocol.
            Some(io::ErrorKind::InvalidData) if error.is_connect() => {
                return Error::TlsProtocolError;
            }
            _ => cause = inner.source(),
        }
    }
    if error.is_connect() {
        Error::DestinationUnavailable
    } else {
        Error::ConnectionTerminated
    }
}

/// The kind of an error that may be wrapped in others of no kind.
fn kind(error: &io::Error) -> io::ErrorKind {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<io::Error>());
    inner.map_or_else(|| error.kind(), kind)
}
