//! A shared cache in front of the components (RFC 9111, 5861, 9211).
//!
//! Invariant: what is stored was asked for without `Authorization` and without a cookie, sets none, and
//! says itself how long it holds. A component cannot tell the cache from a CDN before a Spin host.
//!
//! In the order of a request: `address` names what it asks for, `store` finds what is stored for that,
//! `stored` says what it may be used for and makes the answer of it; otherwise `forward` decides who
//! asks (`flights`), and `fill` does and stores what came if `head` says that it may be kept.

mod address;
mod collect;
mod directives;
mod fill;
mod flights;
mod forward;
mod head;
mod status;
mod store;
mod stored;
mod vary;

use std::{sync::Arc, time::Instant};

use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Body;
use wasmtime_wasi_http::WasiBody;

use self::{
    address::Address,
    directives::has,
    fill::stranger,
    flights::Flights,
    forward::{Miss, pass},
    status::Forward,
    store::Store,
    stored::Use,
};
use crate::{body, server::Components};

/// The cache of a host, for all its threads.
pub struct Cache {
    store: Store,
    flights: Flights,
}

impl Cache {
    /// A cache of so many MiB; none of 0.
    pub fn new(mebibytes: usize) -> Option<Arc<Self>> {
        (mebibytes > 0).then(|| {
            Arc::new(Self {
                store: Store::new(mebibytes << 20),
                flights: Flights::default(),
            })
        })
    }

    /// Forgets everything, also what is being asked for: the app is another one.
    pub fn clear(&self) {
        self.store.clear();
    }

    /// Answers a request, from the store or through the components.
    pub async fn answer(
        self: &Arc<Self>,
        components: &Components,
        request: Request<WasiBody>,
    ) -> Response<WasiBody> {
        let (method, headers) = (request.method(), request.headers());
        if !matches!(*method, Method::GET | Method::HEAD) {
            return self.change(components, request).await;
        }
        let is_plain =
            !headers.contains_key(header::AUTHORIZATION) && request.body().is_end_stream();
        let address = Address::of(components.is_tls(), request.uri(), headers).filter(|_| is_plain);
        let Some(address) = address else {
            return pass(components, Forward::Bypass, request).await;
        };
        let entry = self.store.find(&address).await;
        let now = Instant::now();
        let signed_in = headers.contains_key(header::COOKIE);
        let stored = entry
            .as_ref()
            .and_then(|entry| entry.select(headers, signed_in));
        let usable = stored.map(|stored| (stored, stored.usable(now)));
        if let Some((stored, Use::Fresh)) = usable {
            let status = status::hit(stored.seconds_left(now));
            return stored.answer(method, headers, now, status);
        }
        let why = match &entry {
            _ if stored.is_some() => Forward::Stale,
            Some(entry) if entry.has_answers() => Forward::VaryMiss,
            _ => Forward::UriMiss,
        };
        let miss = Miss {
            cache: self.clone(),
            components: components.clone(),
            key: address.to_key(),
            why,
            signed_in,
            stored: stored.cloned(),
            passes: entry.as_ref().is_some_and(|entry| entry.passes(now)),
        };
        if let Some((stored, Use::WhileRevalidate)) = usable {
            let status = status::hit(stored.seconds_left(now));
            let answer = stored.answer(method, headers, now, status);
            let (mut head, _) = request.into_parts();
            head.method = Method::GET;
            miss.refresh(stranger(&head));
            return answer;
        }
        if has(headers, "only-if-cached") {
            let mut answer = Response::new(body::empty());
            *answer.status_mut() = StatusCode::GATEWAY_TIMEOUT;
            let headers = answer.headers_mut();
            headers.insert(status::CACHE_STATUS, status::only_if_cached());
            return answer;
        }
        miss.answer(request).await
    }

    /// Passes on a request that may change something. What is stored for its address is then no longer
    /// true (RFC 9111, section 4.4).
    async fn change(
        &self,
        components: &Components,
        request: Request<WasiBody>,
    ) -> Response<WasiBody> {
        let address = Address::of(components.is_tls(), request.uri(), request.headers());
        let key = address.filter(|_| !request.method().is_safe());
        let key = key.map(Address::to_key);
        let answer = pass(components, Forward::Method, request).await;
        let code = answer.status();
        if let Some(key) = key
            && (code.is_success() || code.is_redirection())
        {
            self.flights.outdate(&key);
            self.store.drop(&key).await;
        }
        answer
    }
}
