//! What the host counts, for Prometheus.
//!
//! Invariant: counting never waits and looks nothing up. Each thread counts for each component in a
//! shard of its own, found when the component is loaded; the shards are added up when somebody asks.
//! Labels come from the manifest and from the lists here, never from a request.

mod connections;
mod exposition;
mod histogram;
mod process;
mod shard;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

pub use connections::{Listener, connection_opened, connection_refused};
pub use shard::{Class, End, Operation, Shard, Shed, Timed};

/// What is counted as a component's when a request reaches none.
const NO_COMPONENT: &str = "none";

/// Those of one component, one a thread.
type Shards = Arc<[Arc<Shard>]>;

/// All counters of the host.
pub struct Metrics {
    threads: usize,
    /// The shards of each component that there ever was, one a thread. Reloads go on with the same.
    components: Mutex<BTreeMap<Arc<str>, Shards>>,
    /// Lines of the access log that could not be written.
    pub access_log_dropped: AtomicU64,
    reloads: AtomicU64,
    reloads_failed: AtomicU64,
}

impl Metrics {
    /// For so many serving threads.
    pub fn new(threads: usize) -> Self {
        Self {
            threads,
            components: Mutex::default(),
            access_log_dropped: AtomicU64::new(0),
            reloads: AtomicU64::new(0),
            reloads_failed: AtomicU64::new(0),
        }
    }

    /// Where the threads count for a component.
    pub fn component(&self, id: &Arc<str>) -> Arc<[Arc<Shard>]> {
        let shards = || (0..self.threads).map(|_| Arc::new(Shard::new(id.clone())));
        self.components()
            .entry(id.clone())
            .or_insert_with(|| shards().collect())
            .clone()
    }

    /// Where the threads count what reaches no component.
    pub fn no_component(&self) -> Arc<[Arc<Shard>]> {
        self.component(&NO_COMPONENT.into())
    }

    /// The app was reloaded, or could not be.
    pub fn reloaded(&self, is_done: bool) {
        let counter = if is_done {
            &self.reloads
        } else {
            &self.reloads_failed
        };
        counter.fetch_add(1, Relaxed);
    }

    fn components(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Shards>> {
        self.components
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
