//! The server: accepts connections, finds the component of each request, sheds what is too much.

mod attempt;
mod connections;
mod observer;
mod site;
mod workers;

pub use observer::Observer;
pub use site::{Site, Sites};

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, Request, Response, StatusCode, Uri, header, uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi_http::{Error, WasiBody, handler::ProxyHandler};

use self::{
    attempt::{Failure, attempt},
    observer::Observation,
};
use crate::{
    body,
    cli::Limits,
    engine::{Factory, Ticket},
    metrics::Shed,
    routes::WELL_KNOWN,
};

const OVERLOADED: &str =
    r#"{"type":"/problems/unavailable","title":"Too many requests at once","status":503}"#;

/// An app that answers requests.
pub struct Server {
    sites: Arc<Sites>,
    observer: Observer,
    threads: usize,
    /// Requests that may wait for an answer at once.
    requests: Arc<Semaphore>,
    limits: Limits,
}

impl Server {
    /// A server of this app on so many threads.
    pub fn new(sites: Arc<Sites>, observer: Observer, threads: usize, limits: Limits) -> Self {
        Self {
            sites,
            observer,
            threads,
            requests: Arc::new(Semaphore::new(limits.max_requests)),
            limits,
        }
    }

    /// Answers one request on this thread; whatever goes wrong is an answer too.
    async fn answer(
        &self,
        thread: usize,
        mut request: Request<Incoming>,
        client: SocketAddr,
    ) -> Result<Response<WasiBody>, Infallible> {
        let mut observation = self.observer.begin(&mut request, client);
        let response = self
            .respond(thread, request, client, &mut observation)
            .await;
        Ok(self.observer.end(observation, thread, response))
    }

    async fn respond(
        &self,
        thread: usize,
        mut request: Request<Incoming>,
        client: SocketAddr,
        observation: &mut Observation,
    ) -> Response<WasiBody> {
        let path = request.uri().path().to_owned();
        if let Some(name) = path.strip_prefix(WELL_KNOWN) {
            return match name {
                "health" => Response::new(body::full("OK")),
                _ => status(StatusCode::NOT_FOUND),
            };
        }
        let Some(url) = absolute(&request) else {
            return status(StatusCode::BAD_REQUEST);
        };
        // Of the app only the handler is kept, which is of this thread alone, so that no thread waits for
        // another to count who uses the app.
        let handler = {
            let site = self.sites.current();
            let Some(found) = site.routes.find(&path) else {
                return status(StatusCode::NOT_FOUND);
            };
            *request.uri_mut() = url.clone();
            if found
                .append_headers(request.headers_mut(), &url, client)
                .is_err()
            {
                return status(StatusCode::BAD_REQUEST);
            }
            let Some(handler) = site.handler(thread, found.component()) else {
                return status(StatusCode::NOT_FOUND);
            };
            handler.clone()
        };
        observation.component(handler.state().shard());
        match self.permits(handler.state()) {
            Ok(permits) => self.handle(&handler, permits, request, &path).await,
            Err(reason) => {
                handler.state().shard().shed(reason);
                tracing::debug!(url.path = path, "shed a request: too many at once");
                overloaded()
            }
        }
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
        request: Request<Incoming>,
        path: &str,
    ) -> Response<WasiBody> {
        let (id, limits) = (handler.state().id(), handler.state().limits());
        let method = request.method().clone();
        let request = request.map(|incoming| incoming.map_err(Error::from).boxed_unsync());
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

/// The request's URL with scheme and authority: that of the `Host` header, which must agree with the
/// request line if both name one.
fn absolute(request: &Request<Incoming>) -> Option<Uri> {
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
