//! Making instances of a component, up to its limits.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{
            AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
};

use tokio::sync::Semaphore;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi_http::{
    WasiHttpView,
    handler::{HandlerState, Instance, Proxy},
    p3::bindings::ServicePre,
};

use super::{
    Compiled,
    generation::{Generation, Member},
    worker::{Expiration, Signs, Worker},
};
use crate::{
    cli::ComponentLimits,
    guest::{Grants, Guest},
    metrics::Shard,
};

/// Makes the instances of one component on one thread; clones make the same.
#[derive(Clone)]
pub struct Factory {
    engine: Engine,
    pre: ServicePre<Guest>,
    memory_limit: Option<usize>,
    grants: Arc<Grants>,
    limits: Arc<ComponentLimits>,
    generation: Arc<Generation>,
    /// Places among the component's requests, on all threads; none if it has no limit of its own.
    requests: Option<Arc<Semaphore>>,
    shard: Arc<Shard>,
    live: Arc<AtomicUsize>,
    /// How many of its instances may live on this thread.
    live_max: usize,
}

/// A component has as many instances as it may on this thread.
#[derive(Debug)]
pub struct InstanceLimitError;

/// An instance's place among those of its component and of its generation.
pub(super) struct Place {
    member: Member,
    live: Arc<AtomicUsize>,
}

impl Compiled {
    /// For each thread a factory of instances that belong to `generation`; `shards` are where the threads
    /// count.
    pub fn factories(
        self,
        grants: Grants,
        limits: ComponentLimits,
        generation: &Arc<Generation>,
        shards: &[Arc<Shard>],
    ) -> Vec<Factory> {
        let requests = limits
            .max_requests
            .map(|count| Arc::new(Semaphore::new(count)));
        let (grants, limits) = (Arc::new(grants), Arc::new(limits));
        let factory = |(thread, shard): (usize, &Arc<Shard>)| Factory {
            engine: self.engine.clone(),
            pre: self.pre.clone(),
            memory_limit: self.memory_limit,
            grants: grants.clone(),
            limits: limits.clone(),
            generation: generation.clone(),
            requests: requests.clone(),
            shard: shard.clone(),
            live: Arc::default(),
            live_max: limits
                .max_instances
                .map_or(usize::MAX, |all| share(all, thread, shards.len())),
        };
        shards.iter().enumerate().map(factory).collect()
    }
}

/// A thread's part of `all`. Each has its own, so that none can take all and leave the others without.
fn share(all: usize, thread: usize, threads: usize) -> usize {
    all / threads + usize::from(thread < all % threads)
}

impl Factory {
    /// The component's id.
    pub fn id(&self) -> &str {
        &self.grants.id
    }

    /// The component's limits.
    pub fn limits(&self) -> &ComponentLimits {
        &self.limits
    }

    /// Where this thread counts for the component.
    pub fn shard(&self) -> &Arc<Shard> {
        &self.shard
    }

    /// Places among the component's requests, if it has a limit of its own.
    pub fn requests(&self) -> Option<&Arc<Semaphore>> {
        self.requests.as_ref()
    }

    fn enter(&self) -> Result<Place, InstanceLimitError> {
        let more = |live| (live < self.live_max).then_some(live + 1);
        self.live
            .fetch_update(AcqRel, Acquire, more)
            .map_err(|_| InstanceLimitError)?;
        Ok(Place {
            member: self.generation.join(),
            live: self.live.clone(),
        })
    }
}

impl HandlerState for Factory {
    type StoreData = Guest;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Expiration, Worker>> {
        let place = self.enter()?;
        let signs = Arc::new(Signs::default());
        let guest = Guest::new(self.grants.clone(), self.shard.clone(), self.memory_limit)?;
        let mut store = Store::new(&self.engine, guest);
        if self.memory_limit.is_some() {
            store.limiter(|guest| &mut guest.memory);
        }
        store.set_epoch_deadline(1);
        let interrupted = signs.clone();
        store.epoch_deadline_callback(move |_| {
            interrupted.yielded.store(true, Relaxed);
            // A plain yield comes back so soon that the runtime looks for news of the network only after
            // many of them, and every connection of the thread would wait for as long.
            let rest = Box::pin(tokio::task::yield_now());
            Ok(UpdateDeadline::YieldCustom(1, rest))
        });
        let instantiation = self.pre.instantiate_async(&mut store);
        let service = tokio::time::timeout(self.limits.request_timeout, instantiation).await??;
        self.shard.made();
        let alarm = place.member.alarm();
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: WasiHttpView::http,
            expiration: Expiration::new(self.limits.clone(), signs.clone(), alarm),
            state: Worker::new(self.limits.clone(), self.shard.clone(), signs, place),
        })
    }
}

impl Place {
    /// Whether another state of the app has taken over.
    pub(super) fn is_retired(&self) -> bool {
        self.member.is_retired()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.live.fetch_sub(1, AcqRel);
    }
}

impl fmt::Display for InstanceLimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the component has as many instances as it may")
    }
}

impl std::error::Error for InstanceLimitError {}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn the_shares_of_the_threads_make_the_whole() {
        for all in 1..20 {
            for threads in 1..=all {
                let shares: Vec<_> = (0..threads).map(|n| share(all, n, threads)).collect();
                assert_eq!(shares.iter().sum::<usize>(), all);
                assert!(shares.iter().all(|share| *share > 0));
            }
        }
    }
}
