//! The server: accepts connections, finds the component of each request, sheds what is too much.

mod attempt;
mod caps;
mod checks;
mod clock;
mod connections;
mod descriptors;
mod framing;
mod io;
mod listeners;
mod observer;
mod pulse;
mod site;
mod stream;
mod tls;
mod upload;
mod workers;

pub use descriptors::raise as raise_descriptors;
pub use listeners::Listeners;
pub use observer::Observer;
pub use site::{Site, Sites};
pub use tls::Tls;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, Request, Response, StatusCode, Uri, Version, header, uri};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi_http::{WasiBody, handler::ProxyHandler};

use self::{
    attempt::{Failure, attempt},
    observer::Call,
};
use crate::{
    body,
    cache::Cache,
    cli::{Front, Limits},
    engine::{Factory, Ticket},
    metrics::Shed,
    routes::{Destination, WELL_KNOWN},
};

const OVERLOADED: &str =
    r#"{"type":"/problems/unavailable","title":"Too many requests at once","status":503}"#;

/// An app that answers requests.
pub struct Server {
    sites: Arc<Sites>,
    cache: Option<Arc<Cache>>,
    observer: Observer,
    threads: usize,
    /// Requests that may wait for an answer at once.
    requests: Arc<Semaphore>,
    limits: Limits,
    front: Front,
    tls: Option<Arc<Tls>>,
}

/// An answer.
type Reply = Response<WasiBody>;

/// The other end of a connection.
#[derive(Clone, Copy)]
struct Peer {
    address: SocketAddr,
    is_tls: bool,
}

impl Server {
    /// A server of this app on so many threads.
    pub fn new(
        sites: Arc<Sites>,
        observer: Observer,
        threads: usize,
        limits: Limits,
        front: Front,
        tls: Option<Arc<Tls>>,
    ) -> Self {
        Self {
            cache: sites.cache(),
            sites,
            observer,
            threads,
            requests: Arc::new(Semaphore::new(limits.max_requests)),
            limits,
            front,
            tls,
        }
    }

    /// Takes a request off a connection, or refuses it and has the connection closed; whatever goes
    /// wrong is an answer too. `is_ambiguous` if its head can be read in two ways.
    async fn take(
        self: Arc<Self>,
        thread: usize,
        mut request: Request<Incoming>,
        peer: Peer,
        is_ambiguous: bool,
    ) -> Reply {
        let observation = self.observer.begin(&mut request, peer.address);
        let reply = match checks::refusal(&request, is_ambiguous) {
            Some(code) => checks::closing(request.version(), status(code)),
            None => self.clone().answer(thread, request, peer).await,
        };
        self.observer.end(observation, thread, reply)
    }

    /// Answers one request on this thread.
    async fn answer(
        self: Arc<Self>,
        thread: usize,
        mut request: Request<Incoming>,
        peer: Peer,
    ) -> Reply {
        if request.version() == Version::HTTP_2 {
            checks::join_cookies(request.headers_mut());
        }
        if let Some(name) = request.uri().path().strip_prefix(WELL_KNOWN) {
            return match name {
                "health" => Response::new(body::full("OK")),
                "info" => self.sites.current().routes.info().map(body::full),
                _ => status(StatusCode::NOT_FOUND),
            };
        }
        let (head, incoming) = request.into_parts();
        let (body, fault) = upload::within(self.front.body_timeout, incoming);
        let mut request = Request::from_parts(head, body);
        if fault.is_possible() {
            request.extensions_mut().insert(fault);
        }
        let components = Components {
            server: self,
            thread,
            peer,
        };
        match &components.server.cache {
            Some(cache) => cache.answer(&components, request).await,
            None => components.ask(request).await,
        }
    }

    /// Has the component of a request answer it on this thread.
    async fn ask(&self, thread: usize, mut request: Request<WasiBody>, peer: Peer) -> Reply {
        let path = request.uri().path().to_owned();
        let Some(url) = absolute(&request, peer.is_tls) else {
            return checks::closing(request.version(), status(StatusCode::BAD_REQUEST));
        };
        // Of the app only the handler is kept, which is of this thread alone, so that no thread waits for
        // another to count who uses the app.
        let handler = {
            let site = self.sites.current();
            let Some(found) = site.routes.find(&path) else {
                return status(StatusCode::NOT_FOUND);
            };
            let component = match found.destination() {
                Destination::Component(number) => *number,
                Destination::Fixed(fixed) => return fixed.response().map(body::full),
            };
            *request.uri_mut() = url.clone();
            if found
                .append_headers(request.headers_mut(), &url, peer.address)
                .is_err()
            {
                return status(StatusCode::BAD_REQUEST);
            }
            let Some(handler) = site.handler(thread, component) else {
                return status(StatusCode::NOT_FOUND);
            };
            handler.clone()
        };
        let call = Call::begin(handler.state().shard(), request.method());
        let reply = match self.permits(handler.state()) {
            Ok(permits) => self.handle(&handler, permits, request, &path).await,
            Err(reason) => {
                handler.state().shard().shed(reason);
                tracing::debug!(url.path = path, "shed a request: too many at once");
                overloaded()
            }
        };
        call.end(reply)
    }

    /// Places for a request among those of the component and of all.
    fn permits(&self, factory: &Factory) -> Result<[Option<OwnedSemaphorePermit>; 2], Shed> {
        let own = match factory.requests() {
            Some(own) => Some(
                own.clone()
                    .try_acquire_owned()
                    .map_err(|_| Shed::ComponentRequests)?,
            ),
            None => None,
        };
        let all = self.requests.clone().try_acquire_owned();
        Ok([own, Some(all.map_err(|_| Shed::Requests)?)])
    }

    async fn handle(
        &self,
        handler: &ProxyHandler<Factory>,
        permits: [Option<OwnedSemaphorePermit>; 2],
        mut request: Request<WasiBody>,
        path: &str,
    ) -> Response<WasiBody> {
        let (id, limits) = (handler.state().id(), handler.state().limits());
        let method = request.method().clone();
        let version = request.version();
        let fault = request.extensions_mut().remove::<upload::Fault>();
        let fault = fault.unwrap_or_default();
        let (ticket, fate) = Ticket::new(permits);
        let attempt = attempt(&self.sites, handler, ticket, request);
        // The instance's own clock comes first; this one is for requests that never reached one.
        let limit = limits.request_timeout + Duration::from_secs(1);
        match tokio::time::timeout(limit, attempt).await {
            Ok(Ok(response)) => {
                response.map(|content| body::answer(limits.stream_timeout, fate, content))
            }
            Ok(Err(Failure::Shed(reason))) => {
                handler.state().shard().shed(reason);
                tracing::warn!(
                    component.id = id,
                    "shed a request: every instance is in use"
                );
                overloaded()
            }
            Ok(Err(Failure::Failed(_))) if let Some(code) = fault.code() => {
                checks::closing(version, status(code))
            }
            Ok(Err(Failure::Failed(error))) => {
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
    peer: Peer,
}

impl Components {
    /// Has one answer a request; whatever goes wrong is an answer too.
    pub async fn ask(&self, request: Request<WasiBody>) -> Response<WasiBody> {
        self.server.ask(self.thread, request, self.peer).await
    }

    /// Whether the connection is one over TLS.
    pub fn is_tls(&self) -> bool {
        self.peer.is_tls
    }
}

/// The request's URL with scheme and authority: that of the `Host` header, which must agree with the
/// request line if both name one and names nobody who logs in.
fn absolute(request: &Request<WasiBody>, is_tls: bool) -> Option<Uri> {
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
    let authority = named.or(parts.authority)?;
    if authority.as_str().contains('@') {
        return None;
    }
    parts.authority = Some(authority);
    parts.scheme = Some(if is_tls {
        uri::Scheme::HTTPS
    } else {
        uri::Scheme::HTTP
    });
    Uri::from_parts(parts).ok()
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
