//! One rule in force: what it remembers, and what it tells of itself.
//!
//! Invariant: a rule that is only tried (`dry-run`) decides as one that acts and lets through all the
//! same; what it would have shed holds nothing of it.

use super::keys::{Key, Keys};
use super::pass::{Held, Outcome, Pass, Shed};
use crate::ops::metrics::{FlowMeters, METRICS};
use kernel::flow::{
    Adaptive, Breaker, BreakerRule, Each, Gcra, Gradient, Limit, Mode, Pace, Phase, Rule, Told,
};
use std::mem::discriminant;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// See the module.
#[derive(Debug)]
pub(super) struct Acting {
    pub(super) rule: Rule,
    state: Arc<State>,
    meters: FlowMeters,
}

/// What a rule remembers, by the kind of its limit.
#[derive(Debug)]
enum State {
    /// Of a rate: when each is due. Of pacing: when the next turn is.
    Due(Mutex<Keys<u64>>),
    /// Places that are taken.
    Places(Mutex<Keys<Arc<AtomicU32>>>),
    Adaptive {
        gradient: Mutex<Gradient>,
        taken: AtomicU32,
    },
    Breaker(Mutex<Breaker>),
}

impl State {
    fn new(limit: &Limit) -> Self {
        match limit {
            Limit::Rate(_) | Limit::Pacing(_) => Self::Due(Mutex::default()),
            Limit::Concurrency(_) => Self::Places(Mutex::default()),
            Limit::Adaptive(adaptive) => Self::Adaptive {
                gradient: Mutex::new(Gradient::new(adaptive)),
                taken: AtomicU32::new(0),
            },
            Limit::Breaker(_) => Self::Breaker(Mutex::default()),
        }
    }
}

/// Why a request is not let through.
struct Refusal {
    wait_ns: u64,
    policy: Option<(u32, u64)>,
}

impl Refusal {
    fn until(wait_ns: u64) -> Self {
        Self {
            wait_ns,
            policy: None,
        }
    }
}

impl Acting {
    /// The rule, which goes on from where the former of its name stood if it is of the same kind.
    pub(super) fn new(rule: Rule, former: Option<&Self>) -> Self {
        let same = former.filter(|former| {
            former.rule.each == rule.each
                && discriminant(&former.rule.limit) == discriminant(&rule.limit)
        });
        let state = same.map_or_else(
            || Arc::new(State::new(&rule.limit)),
            |former| former.state.clone(),
        );
        let meters = METRICS.flow.of(&rule.name);
        Self {
            rule,
            state,
            meters,
        }
    }

    /// Asks for leave; what is held from then on is added to the pass.
    pub(super) fn ask(
        self: &Arc<Self>,
        pass: &mut Pass,
        parts: u32,
        key: &Key,
    ) -> Result<(), Shed> {
        let Some(key) = key.part(self.rule.each) else {
            return Ok(());
        };
        let tries = self.rule.mode == Mode::DryRun;
        let refusal = match self.decide(pass.now_ns, parts, key) {
            Ok((held, wait_ns)) => {
                self.meters.passed.inc();
                if wait_ns > 0 && !tries {
                    pass.waits(wait_ns);
                    self.meters.in_flight.inc();
                    pass.holds(self, Held::Turn);
                }
                if let Some(held) = held {
                    self.meters.in_flight.inc();
                    pass.holds(self, held);
                }
                return Ok(());
            }
            Err(refusal) => refusal,
        };
        if tries {
            self.meters.dry_run_shed.inc();
            return Ok(());
        }
        self.meters.shed.inc();
        Err(Shed {
            rule: self.rule.name.clone(),
            of_account: matches!(self.rule.each, Each::Account | Each::AccountAndSale),
            wait: Duration::from_nanos(refusal.wait_ns),
            policy: refusal.policy,
        })
    }

    /// What to hold and how long to wait.
    fn decide(&self, now_ns: u64, parts: u32, key: Key) -> Result<(Option<Held>, u64), Refusal> {
        match (&self.rule.limit, &*self.state) {
            (Limit::Rate(rate), State::Due(keys)) => {
                let passed = Gcra::part(rate, parts).pass(lock(keys).of(key), now_ns);
                passed.map_err(|wait_ns| Refusal {
                    wait_ns,
                    policy: Some((rate.requests, rate.per.seconds())),
                })?;
                Ok((None, 0))
            }
            (Limit::Pacing(pacing), State::Due(keys)) => {
                let turn = Pace::part(pacing, parts).turn(lock(keys).of(key), now_ns);
                Ok((None, turn.map_err(Refusal::until)?))
            }
            (Limit::Concurrency(concurrency), State::Places(keys)) => {
                let taken = lock(keys).of(key).clone();
                take_place(&taken, concurrency.in_flight).ok_or_else(|| Refusal::until(0))?;
                Ok((Some(Held::Place(taken)), 0))
            }
            (Limit::Adaptive(rule), State::Adaptive { gradient, taken }) => {
                let limit = lock(gradient).limit(rule);
                let number = take_place(taken, limit).ok_or_else(|| Refusal::until(0))?;
                Ok((Some(Held::Adaptive(number)), 0))
            }
            (Limit::Breaker(rule), State::Breaker(breaker)) => {
                let mut breaker = lock(breaker);
                let call = breaker.enter(rule, now_ns);
                self.tell_phase(breaker.phase());
                Ok((Some(Held::Call(call.map_err(Refusal::until)?)), 0))
            }
            // A state is made for its rule's limit, and kept for one of the same kind alone.
            _ => Ok((None, 0)),
        }
    }

    /// Takes what a request's end says.
    pub(super) fn learn(&self, held: &Held, outcome: Outcome, now_ns: u64, took_ns: u64) {
        match (&self.rule.limit, &*self.state, held) {
            (Limit::Adaptive(rule), State::Adaptive { gradient, .. }, Held::Adaptive(number)) => {
                if matches!(outcome, Outcome::Served | Outcome::Late) {
                    let limit = learn_speed(rule, gradient, now_ns, took_ns, *number);
                    self.meters.limit.set(i64::from(limit));
                }
            }
            (Limit::Breaker(rule), State::Breaker(breaker), Held::Call(call)) => {
                let mut breaker = lock(breaker);
                let told = match outcome {
                    Outcome::Served | Outcome::Refused => Some(Told::Well),
                    Outcome::Failed | Outcome::Late => Some(Told::Failed),
                    Outcome::Shed => None,
                };
                let before = breaker.phase();
                match told {
                    Some(told) => breaker.tell(rule, *call, now_ns, told, took_ns),
                    None => breaker.give_up(*call),
                }
                self.tell_change(rule, before, breaker.phase());
            }
            _ => {}
        }
    }

    /// The request was given up by its client, and says nothing.
    pub(super) fn give_up(&self, held: &Held) {
        if let (State::Breaker(breaker), Held::Call(call)) = (&*self.state, held) {
            lock(breaker).give_up(*call);
        }
    }

    /// Gives back what the request held.
    pub(super) fn take_back(&self, held: &Held) {
        held.leave();
        if let (State::Adaptive { taken, .. }, Held::Adaptive(_)) = (&*self.state, held) {
            taken.fetch_sub(1, Ordering::AcqRel);
        }
        self.gives_back();
    }

    /// One less is in flight, or waits.
    pub(super) fn gives_back(&self) {
        self.meters.in_flight.dec();
    }

    /// Shows what the limit is.
    pub(super) fn tell_limit(&self, parts: u32) {
        let parts = parts.max(1);
        let limit = match (&self.rule.limit, &*self.state) {
            (Limit::Rate(rate), _) => rate.requests / parts,
            (Limit::Pacing(pacing), _) => pacing.requests / parts,
            (Limit::Concurrency(concurrency), _) => concurrency.in_flight,
            (Limit::Adaptive(rule), State::Adaptive { gradient, .. }) => lock(gradient).limit(rule),
            _ => 0,
        };
        self.meters.limit.set(i64::from(limit));
    }

    fn tell_phase(&self, phase: Phase) {
        self.meters.state.set(phase as i64);
    }

    fn tell_change(&self, rule: &BreakerRule, before: Phase, after: Phase) {
        self.tell_phase(after);
        let (name, mode) = (&self.rule.name, self.rule.mode);
        if before != Phase::Open && after == Phase::Open {
            let open_ms = rule.open_ms;
            tracing::warn!(rule = name, ?mode, open_ms, "A breaker of routes opened");
        } else if before != Phase::Closed && after == Phase::Closed {
            tracing::info!(rule = name, ?mode, "A breaker of routes closed");
        }
    }
}

fn learn_speed(
    rule: &Adaptive,
    gradient: &Mutex<Gradient>,
    now_ns: u64,
    took_ns: u64,
    in_flight: u32,
) -> u32 {
    let mut gradient = lock(gradient);
    gradient.answered(rule, now_ns, took_ns, in_flight);
    gradient.limit(rule)
}

/// The number of the place that was taken, from 1; `None` if all are.
fn take_place(taken: &AtomicU32, places: u32) -> Option<u32> {
    let free = |taken: u32| (taken < places).then_some(taken + 1);
    let before = taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, free);
    before.ok().map(|before| before + 1)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
