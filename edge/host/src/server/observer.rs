//! What is told of each request: its trace, its counters and its line in the access log.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use http::{Request, Response};
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
    shard: Option<Arc<Shard>>,
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
            shard: None,
            log: log.map(|log| (log.clone(), log.begin(request, peer, trace, started))),
        }
    }

    /// The request was answered on this thread. The answer has its line when it is over.
    pub(super) fn end(
        &self,
        mut observation: Observation,
        thread: usize,
        response: Response<WasiBody>,
    ) -> Response<WasiBody> {
        let shard = observation.shard.take();
        let shard = shard.as_ref().or_else(|| {
            let shard = self.no_component.get(thread);
            shard.inspect(|shard| shard.begin())
        });
        if let Some(shard) = shard {
            let time = observation.started.elapsed();
            shard.finish(observation.class, Some(response.status()), time);
        }
        match observation.log.take() {
            Some((log, entry)) => access_log::record(log, entry, response),
            None => response,
        }
    }
}

impl Observation {
    /// The request is for the component that is counted here.
    pub(super) fn component(&mut self, shard: &Arc<Shard>) {
        shard.begin();
        self.shard = Some(shard.clone());
        if let Some((_, entry)) = &mut self.log {
            entry.component(shard.clone());
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        if let Some(shard) = self.shard.take() {
            shard.finish(self.class, None, self.started.elapsed());
        }
        if let Some((log, entry)) = self.log.take() {
            log.end(entry);
        }
    }
}
