//! The guard of a store: bounds the calls that are with it, and stops calling a store that is away.
//!
//! Invariant: `fails-closed`, and soon. No call waits longer for its turn than its limits say, none
//! takes longer than they say, and while a store is away one call at a time finds out whether it is
//! back; all others are refused at once.
//!
//! Only a store that does not answer counts against it; an answer that refuses is an answer.

mod breaker;

use crate::ops::metrics::METRICS;
use breaker::Breaker;
use prometheus::IntGauge;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// What a store's calls may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Calls at the same time.
    pub in_flight: usize,
    /// Calls that wait for their turn.
    pub waiting: usize,
    /// How long a call waits for its turn.
    pub wait: Duration,
    /// How long a call may take; beyond it the store counts as away.
    pub time: Duration,
}

/// Why a call did not reach its store, or was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shed {
    /// Too many calls are with it.
    #[error("{0} is busy: too many calls wait for it")]
    Busy(&'static str),
    /// It was away a moment ago: nothing was asked of it.
    #[error("{0} is away, and is not asked until it is back")]
    Open(&'static str),
    /// It did not answer in time; the outcome is unknown.
    #[error("{0} did not answer in time")]
    Slow(&'static str),
}

/// What the breaker of a store does with calls; the number is that of the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Lets them through.
    Closed = 0,
    /// One is finding out whether the store is back; refuses the others.
    HalfOpen = 1,
    /// Refuses them.
    Open = 2,
}

/// One store's guard, shared by all who call it.
#[derive(Clone, Debug)]
pub struct Guard {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: &'static str,
    limits: Limits,
    places: Semaphore,
    queue: Semaphore,
    in_flight: IntGauge,
    breaker: Breaker,
}

/// A place among the calls in flight.
struct Place<'a> {
    _permit: SemaphorePermit<'a>,
    in_flight: &'a IntGauge,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.in_flight.dec();
    }
}

impl Guard {
    /// A guard for the store of this name.
    pub fn new(store: &'static str, limits: Limits) -> Self {
        let shared = Shared {
            store,
            limits,
            places: Semaphore::new(limits.in_flight),
            queue: Semaphore::new(limits.waiting),
            in_flight: METRICS.guard.in_flight(store),
            breaker: Breaker::new(store),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Makes a call. `is_away` tells a store that does not answer from an answer that refuses.
    ///
    /// A call that is dropped before it ends says nothing about the store.
    pub async fn call<T, E: From<Shed>>(
        &self,
        is_away: impl Fn(&E) -> bool,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let Shared {
            store,
            limits,
            breaker,
            ..
        } = &*self.shared;
        let open = || self.shed(Shed::Open(store), "open");
        let pass = breaker.enter().ok_or_else(open)?;
        // The one call that finds out does not wait behind those that the store has left hanging.
        let _place = if pass.is_probe() {
            None
        } else {
            Some(self.place().await?)
        };
        if !pass.is_valid() {
            return Err(open().into());
        }
        let Ok(outcome) = timeout(limits.time, work).await else {
            pass.away();
            return Err(Shed::Slow(store).into());
        };
        match &outcome {
            Err(error) if is_away(error) => pass.away(),
            _ => pass.answered(),
        }
        outcome
    }

    /// What the breaker does with calls at this moment.
    pub fn state(&self) -> BreakerState {
        self.shared.breaker.state()
    }

    async fn place(&self) -> Result<Place<'_>, Shed> {
        let Shared {
            store,
            limits,
            places,
            queue,
            in_flight,
            ..
        } = &*self.shared;
        let busy = || self.shed(Shed::Busy(store), "busy");
        let permit = if let Ok(permit) = places.try_acquire() {
            permit
        } else {
            let _turn = queue.try_acquire().map_err(|_| busy())?;
            let waited = timeout(limits.wait, places.acquire()).await;
            // The semaphore is never closed.
            waited.map_err(|_| busy())?.map_err(|_| busy())?
        };
        in_flight.inc();
        Ok(Place {
            _permit: permit,
            in_flight,
        })
    }

    fn shed(&self, shed: Shed, why: &str) -> Shed {
        METRICS.guard.shed(self.shared.store, why);
        shed
    }
}
