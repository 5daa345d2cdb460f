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
use wasmtime::{Store, StoreContextMut, component::GuestTaskId};
use wasmtime_wasi_http::handler::{ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus};

use super::{generation::Alarm, instance::Place};
use crate::{
    cli::ComponentLimits,
    guest::Guest,
    metrics::{End, Shard},
};

/// How much later the clock outside an instance is than the one inside, which spares its neighbours.
const GRACE: Duration = Duration::from_millis(250);

/// The host stops, and with it every instance.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Says that instances are now stopped because the host is.
pub fn end() {
    ENDING.store(true, Relaxed);
}

/// What comes with a request into an instance.
pub struct Ticket {
    /// Places among the requests that wait for an answer, of all and of the component; given back when
    /// there is one.
    permits: [Option<OwnedSemaphorePermit>; 2],
    fate: Fate,
}

/// Whether the instance that took a request was stopped.
#[derive(Clone, Default)]
pub struct Fate(Arc<OnceLock<Arc<Signs>>>);

impl Ticket {
    /// A ticket, and what becomes of the instance that takes it.
    pub fn new(permits: [Option<OwnedSemaphorePermit>; 2]) -> (Self, Fate) {
        let fate = Fate::default();
        (
            Self {
                permits,
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
pub(super) struct Signs {
    /// Code was interrupted by the epoch since the last look.
    pub(super) yielded: AtomicBool,
    /// A request was given up: the instance takes no more and should end soon.
    gave_up: AtomicBool,
    /// The instance was stopped because it took too long.
    timed_out: AtomicBool,
    /// The instance takes no more requests because it has served enough.
    used: AtomicBool,
    /// The instance did not end by itself.
    stopped: AtomicBool,
}

/// The clock outside an instance.
pub struct Expiration {
    limits: Arc<ComponentLimits>,
    signs: Arc<Signs>,
    alarm: Alarm,
    /// Since when the instance has been computing without waiting for anything.
    computing_since: Option<Instant>,
    sleep: Pin<Box<Sleep>>,
}

impl Expiration {
    /// That of a new instance.
    pub(super) fn new(limits: Arc<ComponentLimits>, signs: Arc<Signs>, alarm: Alarm) -> Self {
        let sleep = Box::pin(tokio::time::sleep(limits.request_timeout));
        Self {
            limits,
            signs,
            alarm,
            computing_since: None,
            sleep,
        }
    }

    /// How long an instance may stay in a state.
    fn limit(&self, status: WorkerStatus, is_retired: bool) -> Duration {
        match status {
            WorkerStatus::Idle if is_retired => Duration::ZERO,
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
                self.signs.timed_out.store(true, Relaxed);
                return Poll::Ready(());
            }
        } else {
            self.computing_since = None;
        }
        let is_retired = self.alarm.is_retired(context.waker());
        let deadline = (start + self.limit(status, is_retired)).into();
        if deadline != self.sleep.deadline() {
            self.sleep.as_mut().reset(deadline);
        }
        let expired = self.sleep.as_mut().poll(context);
        if expired.is_ready() && status != WorkerStatus::Idle {
            self.signs.timed_out.store(true, Relaxed);
        }
        expired
    }
}

/// The counters of an instance.
pub struct Worker {
    limits: Arc<ComponentLimits>,
    shard: Arc<Shard>,
    signs: Arc<Signs>,
    /// It has taken a request.
    served: AtomicBool,
    place: Place,
}

impl Worker {
    /// Those of a new instance.
    pub(super) fn new(
        limits: Arc<ComponentLimits>,
        shard: Arc<Shard>,
        signs: Arc<Signs>,
        place: Place,
    ) -> Self {
        Self {
            limits,
            shard,
            signs,
            served: AtomicBool::new(false),
            place,
        }
    }

    /// Why the instance ended.
    fn end(&self, is_stopped: bool) -> End {
        let signs = &self.signs;
        if signs.timed_out.load(Relaxed) || (!is_stopped && signs.gave_up.load(Relaxed)) {
            End::TimedOut
        } else if is_stopped {
            End::Trapped
        } else if signs.used.load(Relaxed) {
            End::Used
        } else if self.place.is_retired() {
            End::Replaced
        } else {
            End::Idle
        }
    }
}

impl WorkerState for Worker {
    type StoreData = Guest;
    type RequestData = Ticket;

    fn should_accept_request(&self, at_once: usize, in_total: usize) -> ShouldAccept {
        if in_total >= self.limits.max_requests_per_instance {
            self.signs.used.store(true, Relaxed);
            ShouldAccept::Never
        } else if in_total > 0 && self.place.is_retired() {
            // A fresh one is there for requests that wait already, and nobody else would take them.
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
        if self.served.load(Relaxed) {
            self.shard.reused();
        } else {
            self.served.store(true, Relaxed);
        }
        let (signs, limit) = (self.signs.clone(), self.limits.request_timeout);
        // Nobody else sets it: a ticket is used once.
        drop(ticket.fate.0.set(signs.clone()));
        Box::pin(async move {
            tokio::time::sleep(limit).await;
            signs.gave_up.store(true, Relaxed);
            drop(ticket.permits);
        })
    }

    fn drop(&self, store: Store<Guest>, result: wasmtime::Result<()>) {
        self.shard.ended(self.end(result.is_err()));
        if let Err(error) = result {
            // Before the store goes and with it the ends of the bodies.
            self.signs.stopped.store(true, Release);
            let id = &*self.shard.component;
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
