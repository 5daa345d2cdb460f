//! The server: accepts connections, finds the component of each request, sheds what is too much.

mod connections;
mod site;
mod workers;

pub use site::Site;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, Request, Response, StatusCode, Uri, header, uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::PoolConcurrencyLimitError;
use wasmtime_wasi_http::{
    Error, WasiBody,
    handler::{InstantiationError, ProxyHandler},
};

use crate::{
    body,
    cache::Cache,
    cli::Limits,
    engine::{Factory, Ticket},
    routes::WELL_KNOWN,
};

const OVERLOADED: &str =
    r#"{"type":"/problems/unavailable","title":"Too many requests at once","status":503}"#;

/// An app that answers requests.
pub struct Server {
    site: Site,
    cache: Option<Arc<Cache>>,
    /// Requests that may wait for an answer at once.
    requests: Arc<Semaphore>,
    limits: Limits,
}

impl Server {
    /// A server of this app.
    pub fn new(site: Site, limits: Limits) -> Self {
        Self {
            site,
            cache: Cache::new(limits.cache_mib),
            requests: Arc::new(Semaphore::new(limits.max_requests)),
            limits,
        }
    }

    /// Answers one request on this thread; whatever goes wrong is an answer too.
    async fn answer(
        self: Arc<Self>,
        thread: usize,
        request: Request<Incoming>,
        client: SocketAddr,
    ) -> Result<Response<WasiBody>, Infallible> {
        if let Some(name) = request.uri().path().strip_prefix(WELL_KNOWN) {
            return Ok(match name {
                "health" => Response::new(body::full("OK")),
                _ => status(StatusCode::NOT_FOUND),
            });
        }
        let open = |incoming: Incoming| incoming.map_err(Error::from).boxed_unsync();
        let components = Components {
            server: self,
            thread,
            client,
            is_tls: false,
        };
        Ok(match &components.server.cache {
            Some(cache) => cache.answer(&components, request, open).await,
            None => components.ask(request.map(open)).await,
        })
    }

    /// Has the component of a request answer it on this thread.
    async fn ask(
        &self,
        thread: usize,
        mut request: Request<WasiBody>,
        client: SocketAddr,
    ) -> Response<WasiBody> {
        let path = request.uri().path().to_owned();
        let Some(found) = self.site.routes.find(&path) else {
            return status(StatusCode::NOT_FOUND);
        };
        let Some(url) = absolute(&request) else {
            return status(StatusCode::BAD_REQUEST);
        };
        *request.uri_mut() = url.clone();
        if found
            .append_headers(request.headers_mut(), &url, client)
            .is_err()
        {
            return status(StatusCode::BAD_REQUEST);
        }
        let Some(handler) = self.site.handler(thread, found.component()) else {
            return status(StatusCode::NOT_FOUND);
        };
        let Ok(permit) = self.requests.clone().try_acquire_owned() else {
            tracing::debug!(url.path = path, "shed a request: too many at once");
            return overloaded();
        };
        self.handle(handler, permit, request, &path).await
    }

    async fn handle(
        &self,
        handler: &ProxyHandler<Factory>,
        permit: OwnedSemaphorePermit,
        request: Request<WasiBody>,
        path: &str,
    ) -> Response<WasiBody> {
        let id = handler.state().id();
        let method = request.method().clone();
        let (ticket, fate) = Ticket::new(permit);
        // The instance's own clock comes first; this one is for requests that never reached one.
        let limit = self.limits.request_timeout + Duration::from_secs(1);
        match tokio::time::timeout(limit, handler.handle(ticket, request)).await {
            Ok(Ok(response)) => {
                response.map(|content| body::answer(self.limits.stream_timeout, fate, content))
            }
            Ok(Err(error)) if is_pool_exhausted(&error) => {
                tracing::warn!(
                    component.id = id,
                    "shed a request: every instance is in use"
                );
                overloaded()
            }
            Ok(Err(error)) => {
                tracing::error!(
                    component.id = id,
                    url.path = path,
                    "{method} failed: {error:#}"
                );
                status(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Err(_) => {
                tracing::error!(
                    component.id = id,
                    url.path = path,
                    "{method} was never taken up"
                );
                status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

/// The components, as the requests of one connection reach them.
#[derive(Clone)]
pub struct Components {
    server: Arc<Server>,
    thread: usize,
    client: SocketAddr,
    /// Whether the connection is one over TLS.
    pub is_tls: bool,
}

impl Components {
    /// Has one answer a request; whatever goes wrong is an answer too.
    pub async fn ask(&self, request: Request<WasiBody>) -> Response<WasiBody> {
        self.server.ask(self.thread, request, self.client).await
    }
}

/// The request's URL with scheme and authority: that of the `Host` header, which must agree with the
/// request line if both name one.
fn absolute(request: &Request<WasiBody>) -> Option<Uri> {
    let mut parts = request.uri().clone().into_parts();
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(host.to_str().ok()?.parse::<uri::Authority>().ok()?),
        (None, _) => None,
        (Some(_), Some(_)) => return None,
    };
    if parts.authority.is_some() && named.is_some() && parts.authority != named {
        return None;
    }
    parts.authority = Some(named.or(parts.authority)?);
    parts.scheme = Some(uri::Scheme::HTTP);
    Uri::from_parts(parts).ok()
}

fn is_pool_exhausted(error: &wasmtime::Error) -> bool {
    let instantiation = error.downcast_ref::<InstantiationError<Ticket>>();
    instantiation.is_some_and(|error| error.error.is::<PoolConcurrencyLimitError>())
}

fn status(code: StatusCode) -> Response<WasiBody> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = code;
    response
}

fn overloaded() -> Response<WasiBody> {
    let mut response = Response::new(body::full(OVERLOADED));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
