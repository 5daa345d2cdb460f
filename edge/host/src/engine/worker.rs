//! The life of an instance: how many requests it takes, and when it must go.
//!
//! A request that waits too long is given up inside the instance. An instance that computes without a
//! pause cannot do that, so the same limits are enforced from outside, whenever its code yields to the
//! epoch.

use std::{
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{sync::OwnedSemaphorePermit, time::Sleep};
use wasmtime::{Engine, Store, StoreContextMut, UpdateDeadline, component::GuestTaskId};
use wasmtime_wasi_http::{
    WasiHttpView,
    handler::{
        HandlerState, Instance, Proxy, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
    },
    p3::bindings::ServicePre,
};

use crate::{
    cli::Limits,
    guest::{Grants, Guest},
};

/// How much later the clock outside an instance is than the one inside, which spares its neighbours.
const GRACE: Duration = Duration::from_millis(250);

/// The host stops, and with it every instance.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Says that instances are now stopped because the host is.
pub fn end() {
    ENDING.store(true, Relaxed);
}

/// Makes the instances of one component; clones make the same.
#[derive(Clone)]
pub struct Factory {
    engine: Engine,
    pre: ServicePre<Guest>,
    grants: Arc<Grants>,
    limits: Limits,
}

impl Factory {
    /// For the component behind `pre`.
    pub fn new(
        engine: Engine,
        pre: ServicePre<Guest>,
        grants: Arc<Grants>,
        limits: Limits,
    ) -> Self {
        Self {
            engine,
            pre,
            grants,
            limits,
        }
    }

    /// The component's id.
    pub fn id(&self) -> &str {
        &self.grants.id
    }
}

/// What comes with a request into an instance.
pub struct Ticket {
    /// A place among the requests that wait for an answer, given back when there is one.
    permit: OwnedSemaphorePermit,
    fate: Fate,
}

/// Whether the instance that took a request was stopped.
#[derive(Clone, Default)]
pub struct Fate(Arc<OnceLock<Arc<Signs>>>);

impl Ticket {
    /// A ticket, and what becomes of the instance that takes it.
    pub fn new(permit: OwnedSemaphorePermit) -> (Self, Fate) {
        let fate = Fate::default();
        (
            Self {
                permit,
                fate: fate.clone(),
            },
            fate,
        )
    }
}

impl Fate {
    /// The instance trapped or was cut off, so what it was still writing is not whole.
    pub fn is_stopped(&self) -> bool {
        self.0
            .get()
            .is_some_and(|signs| signs.stopped.load(Acquire))
    }
}

/// What an instance, its clock and its answers tell each other.
#[derive(Default)]
struct Signs {
    /// Code was interrupted by the epoch since the last look.
    yielded: AtomicBool,
    /// A request was given up: the instance takes no more and should end soon.
    gave_up: AtomicBool,
    /// The instance did not end by itself.
    stopped: AtomicBool,
}

impl HandlerState for Factory {
    type StoreData = Guest;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Expiration, Worker>> {
        let signs = Arc::new(Signs::default());
        let mut store = Store::new(&self.engine, Guest::new(self.grants.clone())?);
        store.set_epoch_deadline(1);
        let interrupted = signs.clone();
        store.epoch_deadline_callback(move |_| {
            interrupted.yielded.store(true, Relaxed);
            Ok(UpdateDeadline::Yield(1))
        });
        let instantiation = self.pre.instantiate_async(&mut store);
        let service = tokio::time::timeout(self.limits.request_timeout, instantiation).await??;
        let expiration = Expiration {
            limits: self.limits.clone(),
            signs: signs.clone(),
            computing_since: None,
            sleep: Box::pin(tokio::time::sleep(self.limits.request_timeout)),
        };
        let state = Worker {
            grants: self.grants.clone(),
            limits: self.limits.clone(),
            signs,
        };
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: WasiHttpView::http,
            expiration,
            state,
        })
    }
}

/// The clock outside an instance.
pub struct Expiration {
    limits: Limits,
    signs: Arc<Signs>,
    /// Since when the instance has been computing without waiting for anything.
    computing_since: Option<Instant>,
    sleep: Pin<Box<Sleep>>,
}

impl Expiration {
    /// How long an instance may stay in a state.
    fn limit(&self, status: WorkerStatus) -> Duration {
        match status {
            WorkerStatus::Idle => self.limits.instance_idle_timeout,
            WorkerStatus::Requests => self.limits.request_timeout + GRACE,
            WorkerStatus::PostReturn if self.signs.gave_up.load(Relaxed) => {
                self.limits.request_timeout
            }
            WorkerStatus::PostReturn => self.limits.stream_timeout + GRACE,
        }
    }
}

impl WorkerExpiration for Expiration {
    /// Called each time the instance pauses: because it waits, or because the epoch interrupted it.
    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        if self.signs.yielded.swap(false, Relaxed) {
            let since = *self.computing_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= self.limits.request_timeout {
                return Poll::Ready(());
            }
        } else {
            self.computing_since = None;
        }
        let deadline = (start + self.limit(status)).into();
        if deadline != self.sleep.deadline() {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(context)
    }
}

/// The counters of an instance.
pub struct Worker {
    grants: Arc<Grants>,
    limits: Limits,
    signs: Arc<Signs>,
}

impl WorkerState for Worker {
    type StoreData = Guest;
    type RequestData = Ticket;

    fn should_accept_request(&self, at_once: usize, in_total: usize) -> ShouldAccept {
        if in_total >= self.limits.max_requests_per_instance {
            ShouldAccept::Never
        } else if at_once >= self.limits.max_concurrency_per_instance {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, Guest>,
        ticket: Ticket,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        let (signs, limit) = (self.signs.clone(), self.limits.request_timeout);
        // Nobody else sets it: a ticket is used once.
        drop(ticket.fate.0.set(signs.clone()));
        Box::pin(async move {
            tokio::time::sleep(limit).await;
            signs.gave_up.store(true, Relaxed);
            drop(ticket.permit);
        })
    }

    fn drop(&self, store: Store<Guest>, result: wasmtime::Result<()>) {
        if let Err(error) = result {
            // Before the store goes and with it the ends of the bodies.
            self.signs.stopped.store(true, Release);
            let id = &*self.grants.id;
            let cause = error.root_cause();
            if ENDING.load(Relaxed) {
                tracing::debug!(component.id = id, "an instance ends with the host");
            } else {
                tracing::error!(component.id = id, "an instance was stopped: {cause}");
            }
            tracing::debug!(component.id = id, "how it came to be stopped: {error:?}");
        }
        drop(store);
    }
}
