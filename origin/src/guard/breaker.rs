//! The circuit breaker of a store, on the crate `recloser`.
//!
//! Invariant: `recloser` decides from answers when to open, and its clock when to try again; what
//! it lets through then is one call at a time, and that call's answer decides. Answers to calls
//! that began before the breaker last opened count for nothing.

use super::BreakerState;
use crate::ops::metrics::METRICS;
use futures::FutureExt;
use recloser::{AsyncRecloser, Recloser};
use std::future::{pending, ready};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Answers that are looked at, the latest. None opens the breaker before there are more of them.
const WINDOW: usize = 16;
/// It opens when so many of these say that the store is away.
const AWAY_RATE: f32 = 0.5;
/// How long a store that is away is left alone.
const OPEN_FOR: Duration = Duration::from_secs(1);

/// See the room.
#[derive(Debug)]
pub(super) struct Breaker {
    store: &'static str,
    recloser: AsyncRecloser,
    phase: Mutex<Phase>,
}

/// `recloser` keeps its state to itself, so what follows from its answers is kept here.
#[derive(Clone, Copy, Debug)]
struct Phase {
    state: BreakerState,
    /// How often it has opened.
    opened: u64,
}

/// Leave to make a call. Dropped unused, it says nothing about the store.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    probe: bool,
    opened: u64,
    settled: bool,
}

impl Breaker {
    pub(super) fn new(store: &'static str) -> Self {
        let recloser = Recloser::custom()
            .closed_len(WINDOW)
            .half_open_len(1)
            .error_rate(AWAY_RATE)
            .open_wait(OPEN_FOR)
            .build();
        let breaker = Self {
            store,
            recloser: recloser.into(),
            phase: Mutex::new(Phase {
                state: BreakerState::Closed,
                opened: 0,
            }),
        };
        breaker.tell(BreakerState::Closed);
        breaker
    }

    pub(super) fn state(&self) -> BreakerState {
        self.lock().state
    }

    /// Leave to make a call; `None` while the store is left alone or being tried.
    pub(super) fn enter(&self) -> Option<Pass<'_>> {
        let mut phase = self.lock();
        let probe = match phase.state {
            BreakerState::Closed => false,
            BreakerState::Open if self.permits() => true,
            BreakerState::HalfOpen | BreakerState::Open => return None,
        };
        if probe {
            self.become_state(&mut phase, BreakerState::HalfOpen);
        }
        Some(Pass {
            breaker: self,
            probe,
            opened: phase.opened,
            settled: false,
        })
    }

    fn settle(&self, pass: &Pass<'_>, away: bool) {
        let mut phase = self.lock();
        if pass.opened != phase.opened {
            return;
        }
        let answer = if away { Err(()) } else { Ok(()) };
        self.record(answer);
        if pass.probe {
            // It decides when its record is full and one more answer comes, and the smallest record
            // has one place: this answer fills it, and decides.
            self.record(answer);
            if away {
                self.become_state(&mut phase, BreakerState::Open);
            } else {
                self.become_state(&mut phase, BreakerState::Closed);
                tracing::info!(store = self.store, "The store answers again");
            }
        } else if away && !self.permits() {
            phase.opened += 1;
            self.become_state(&mut phase, BreakerState::Open);
            tracing::warn!(
                store = self.store,
                "The store is away or too slow; calls to it are refused until it is back"
            );
        }
    }

    /// The call that tried whether the store is back was given up: the next one tries.
    fn give_back(&self, pass: &Pass<'_>) {
        if pass.probe {
            self.become_state(&mut self.lock(), BreakerState::Open);
        }
    }

    fn record(&self, answer: Result<(), ()>) {
        let _ = self.recloser.call(ready(answer)).now_or_never();
    }

    /// Whether `recloser` would let a call through. One that never ends leaves no answer behind.
    fn permits(&self) -> bool {
        let call = self.recloser.call(pending::<Result<(), ()>>());
        call.now_or_never().is_none()
    }

    fn become_state(&self, phase: &mut Phase, state: BreakerState) {
        phase.state = state;
        self.tell(state);
    }

    fn tell(&self, state: BreakerState) {
        METRICS.guard.breaker_state(self.store, state as i64);
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// Whether this call finds out whether the store is back.
    pub(super) fn is_probe(&self) -> bool {
        self.probe
    }

    /// Whether the breaker has not opened since.
    pub(super) fn is_valid(&self) -> bool {
        self.opened == self.breaker.lock().opened
    }

    /// The store answered, be it a refusal.
    pub(super) fn answered(mut self) {
        self.settled = true;
        self.breaker.settle(&self, false);
    }

    /// The store did not answer.
    pub(super) fn away(mut self) {
        self.settled = true;
        self.breaker.settle(&self, true);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.breaker.give_back(self);
        }
    }
}
