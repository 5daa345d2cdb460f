//! What is told of each request: its trace, its counters and its line in the access log.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use http::{Method, Request, Response};
use wasmtime_wasi_http::WasiBody;

use crate::{
    access_log::{self, AccessLog, Entry},
    metrics::{Class, Metrics, Shard},
    trace,
};

/// Watches the requests of all threads.
pub struct Observer {
    /// Where each thread counts what reaches no component.
    no_component: Arc<[Arc<Shard>]>,
    log: Option<AccessLog>,
}

/// A request on its way. Dropped without an answer, it is told as one whose client left.
pub(super) struct Observation {
    started: Instant,
    class: Class,
    log: Option<(AccessLog, Box<Entry>)>,
}

impl Observer {
    /// Counts in `metrics`, and tells `log` if there is one.
    pub fn new(metrics: &Metrics, log: Option<AccessLog>) -> Self {
        Self {
            no_component: metrics.no_component(),
            log,
        }
    }

    /// Gives the request a trace and begins to watch it.
    pub(super) fn begin<B>(&self, request: &mut Request<B>, peer: SocketAddr) -> Observation {
        let started = Instant::now();
        let trace = trace::ensure(request.headers_mut());
        let log = self.log.as_ref();
        Observation {
            started,
            class: Class::of(request.method()),
            log: log.map(|log| (log.clone(), log.begin(request, peer, trace, started))),
        }
    }

    /// The request was answered on this thread. The answer has its line when it is over.
    pub(super) fn end(
        &self,
        mut observation: Observation,
        thread: usize,
        mut response: Response<WasiBody>,
    ) -> Response<WasiBody> {
        let reached = response.extensions_mut().remove::<Reached>();
        if reached.is_none()
            && !was_forwarded(&response)
            && let Some(shard) = self.no_component.get(thread)
        {
            shard.begin();
            let time = observation.started.elapsed();
            shard.finish(observation.class, Some(response.status()), time);
        }
        match observation.log.take() {
            Some((log, mut entry)) => {
                if let Some(Reached(shard)) = reached {
                    entry.component(shard);
                }
                access_log::record(log, entry, response)
            }
            None => response,
        }
    }
}

/// Whether a component was asked for this very request, though its answer came by way of the cache.
fn was_forwarded(response: &Response<WasiBody>) -> bool {
    let status = response.headers().get("cache-status");
    let status = status.and_then(|status| status.to_str().ok());
    status.is_some_and(|status| status.contains("; fwd=") && !status.contains("; collapsed"))
}

impl Drop for Observation {
    fn drop(&mut self) {
        if let Some((log, entry)) = self.log.take() {
            log.end(entry);
        }
    }
}

/// Which component answered.
#[derive(Clone)]
struct Reached(Arc<Shard>);

/// A request at a component. Dropped without an answer, it is counted as one whose client left.
pub(super) struct Call {
    started: Instant,
    class: Class,
    shard: Option<Arc<Shard>>,
}

impl Call {
    /// Counts a request of the component that is counted here.
    pub(super) fn begin(shard: &Arc<Shard>, method: &Method) -> Self {
        shard.begin();
        Self {
            started: Instant::now(),
            class: Class::of(method),
            shard: Some(shard.clone()),
        }
    }

    /// The component answered, or another did for it.
    pub(super) fn end(mut self, mut response: Response<WasiBody>) -> Response<WasiBody> {
        if let Some(shard) = self.shard.take() {
            let time = self.started.elapsed();
            shard.finish(self.class, Some(response.status()), time);
            response.extensions_mut().insert(Reached(shard));
        }
        response
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(shard) = self.shard.take() {
            shard.finish(self.class, None, self.started.elapsed());
        }
    }
}
