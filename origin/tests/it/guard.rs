//! The guard by itself.

use crate::support::eventually;
use origin::guard::{BreakerState, Guard, Limits, Shed};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

const LIMITS: Limits = Limits {
    in_flight: 2,
    waiting: 1,
    wait: Duration::from_millis(50),
    time: Duration::from_secs(5),
};

#[derive(Debug, PartialEq, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Shed(#[from] Shed),
    #[error("away")]
    Away,
    #[error("refused")]
    Refused,
}

type Outcome = Result<(), Failure>;

fn is_away(failure: &Failure) -> bool {
    *failure == Failure::Away
}

/// A store that counts how often it is reached.
struct Store {
    guard: Guard,
    reached: AtomicUsize,
}

impl Store {
    fn new() -> Self {
        Self::with(LIMITS)
    }

    fn with(limits: Limits) -> Self {
        Self {
            guard: Guard::new("test", limits),
            reached: AtomicUsize::new(0),
        }
    }

    async fn call(&self, answer: Outcome) -> Outcome {
        let work = async {
            self.reached.fetch_add(1, Ordering::Relaxed);
            answer
        };
        self.guard.call(is_away, work).await
    }

    fn reached(&self) -> usize {
        self.reached.load(Ordering::Relaxed)
    }

    async fn break_down(&self) {
        eventually("opening", async || {
            drop(self.call(Err(Failure::Away)).await);
            self.guard.state() == BreakerState::Open
        })
        .await;
    }

    /// The one call that is let through to find out whether the store is back: it is on its way,
    /// and answers what it is told.
    async fn probe(&self) -> (JoinHandle<Outcome>, oneshot::Sender<Outcome>) {
        let (tell, mut told) = oneshot::channel::<Outcome>();
        let guard = self.guard.clone();
        let probe = tokio::spawn(async move {
            loop {
                let outcome = guard.call(is_away, async { (&mut told).await.unwrap() });
                match outcome.await {
                    OPEN => sleep(Duration::from_millis(5)).await,
                    outcome => return outcome,
                }
            }
        });
        eventually("a probe", async || {
            self.guard.state() == BreakerState::HalfOpen
        })
        .await;
        (probe, tell)
    }
}

const OPEN: Outcome = Err(Failure::Shed(Shed::Open("test")));
const BUSY: Outcome = Err(Failure::Shed(Shed::Busy("test")));

#[tokio::test]
async fn a_store_that_is_away_is_left_alone_until_one_call_finds_it_back() {
    let store = Store::new();
    store.break_down().await;
    let reached = store.reached();
    assert!(reached < 40, "{reached} calls to see that it is away");
    let refused = async || {
        for _ in 0..100 {
            assert_eq!(store.call(Ok(())).await, OPEN);
        }
        assert_eq!(store.reached(), reached, "no call reached it");
    };
    refused().await;

    let (probe, tell) = store.probe().await;
    refused().await;
    tell.send(Err(Failure::Away)).unwrap();
    assert_eq!(probe.await.unwrap(), Err(Failure::Away));
    assert_eq!(store.guard.state(), BreakerState::Open);
    refused().await;

    let (probe, tell) = store.probe().await;
    tell.send(Ok(())).unwrap();
    assert_eq!(probe.await.unwrap(), Ok(()));
    assert_eq!(store.guard.state(), BreakerState::Closed);
    for _ in 0..100 {
        assert_eq!(store.call(Ok(())).await, Ok(()));
    }
}

#[tokio::test]
async fn a_probe_that_is_given_up_leaves_its_turn_to_the_next() {
    let store = Store::new();
    store.break_down().await;
    let (probe, _tell) = store.probe().await;
    probe.abort();
    eventually("the end of the probe", async || {
        store.guard.state() == BreakerState::Open
    })
    .await;
    let (probe, tell) = store.probe().await;
    tell.send(Ok(())).unwrap();
    assert_eq!(probe.await.unwrap(), Ok(()));
    assert_eq!(store.guard.state(), BreakerState::Closed);
}

#[tokio::test]
async fn calls_that_began_before_the_breaker_opened_count_for_nothing() {
    let store = Store::with(Limits {
        in_flight: 100,
        ..LIMITS
    });
    let (end, ended) = watch::channel(false);
    let started = Arc::new(AtomicUsize::new(0));
    let late = |_| {
        let (guard, mut ended) = (store.guard.clone(), ended.clone());
        let started = started.clone();
        tokio::spawn(async move {
            let work = async {
                started.fetch_add(1, Ordering::Relaxed);
                ended.wait_for(|ended| *ended).await.unwrap();
                Err(Failure::Away)
            };
            guard.call::<(), _>(is_away, work).await
        })
    };
    let late: Vec<_> = (0..40).map(late).collect();
    eventually("late calls", async || started.load(Ordering::Relaxed) == 40).await;
    store.break_down().await;
    let (probe, tell) = store.probe().await;
    tell.send(Ok(())).unwrap();
    assert_eq!(probe.await.unwrap(), Ok(()));
    end.send_replace(true);
    for call in late {
        assert_eq!(call.await.unwrap(), Err(Failure::Away));
    }
    assert_eq!(store.guard.state(), BreakerState::Closed);
}

#[tokio::test]
async fn calls_beyond_the_limits_are_refused_and_say_nothing_of_the_store() {
    let store = Store::new();
    let hang = || {
        let guard = store.guard.clone();
        tokio::spawn(async move { guard.call(is_away, pending::<Outcome>()).await })
    };
    let hanging = [hang(), hang()];
    eventually("calls in flight", async || store.call(Ok(())).await == BUSY).await;
    let reached = store.reached();
    for _ in 0..40 {
        assert_eq!(store.call(Ok(())).await, BUSY);
    }
    assert_eq!(store.reached(), reached);
    assert_eq!(store.guard.state(), BreakerState::Closed);
    for call in hanging {
        call.abort();
    }
    eventually("a place", async || store.call(Ok(())).await == Ok(())).await;
}

#[tokio::test]
async fn a_store_that_never_answers_is_away() {
    let limits = Limits {
        in_flight: 64,
        waiting: 0,
        time: Duration::from_millis(20),
        ..LIMITS
    };
    let guard = Guard::new("test", limits);
    let slow = Err(Failure::Shed(Shed::Slow("test")));
    assert_eq!(guard.call(is_away, pending::<Outcome>()).await, slow);
    eventually("opening", async || {
        drop(guard.call(is_away, pending::<Outcome>()).await);
        guard.state() == BreakerState::Open
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_refuses_is_an_answer() {
    let store = Store::new();
    for _ in 0..100 {
        assert_eq!(
            store.call(Err(Failure::Refused)).await,
            Err(Failure::Refused)
        );
    }
    assert_eq!(store.guard.state(), BreakerState::Closed);
}
