//! What is told of each request: its trace, its counters and its line in the access log.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Instant,
};

use http::{Request, Uri};

use super::{Reply, Sites};
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
    url: Uri,
    noted: Noted,
    log: Option<(AccessLog, Box<Entry>)>,
    is_over: bool,
}

/// Which component a request reached; clones note the same.
#[derive(Clone, Default)]
pub(super) struct Noted(Arc<OnceLock<Arc<Shard>>>);

impl Noted {
    /// This one; the first counts.
    pub(super) fn set(&self, shard: &Arc<Shard>) {
        self.0.get_or_init(|| shard.clone());
    }
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
            url: request.uri().clone(),
            noted: Noted::default(),
            log: log.map(|log| (log.clone(), log.begin(request, peer, trace, started))),
            is_over: false,
        }
    }

    /// The request was answered on this thread. The answer has its line when it is over.
    pub(super) fn end(
        &self,
        mut observation: Observation,
        sites: &Sites,
        thread: usize,
        reply: Reply,
    ) -> Reply {
        observation.is_over = true;
        let component = observation.component(sites, thread);
        if let Some(shard) = component.as_ref().or(self.no_component.get(thread)) {
            let time = observation.started.elapsed();
            shard.finish(observation.class, Some(reply.status()), time);
        }
        match observation.log.take() {
            Some((log, mut entry)) => {
                entry.component(component);
                access_log::record(log, entry, reply)
            }
            None => reply,
        }
    }
}

impl Observation {
    /// Where it is noted which component the request reaches.
    pub(super) fn noted(&self) -> &Noted {
        &self.noted
    }

    /// The component that was asked, or would have been if the answer had not been there already.
    fn component(&self, sites: &Sites, thread: usize) -> Option<Arc<Shard>> {
        if let Some(shard) = self.noted.0.get() {
            return Some(shard.clone());
        }
        sites.current().shard(thread, self.url.path()).cloned()
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let component = self.noted.0.get();
        if let Some(shard) = component {
            shard.finish(self.class, None, self.started.elapsed());
        }
        if let Some((log, mut entry)) = self.log.take() {
            entry.component(component.cloned());
            log.end(entry);
        }
    }
}
