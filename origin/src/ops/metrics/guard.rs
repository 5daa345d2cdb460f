//! What the guards of the stores tell.
//!
//! Invariant: one value a store and a reason; a store that was never called has its breaker closed.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Breakers, calls in flight and calls refused, a store.
#[derive(Debug)]
pub struct GuardMetrics {
    breakers: IntGaugeVec,
    in_flight: IntGaugeVec,
    shed: IntCounterVec,
}

impl GuardMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["store"]);
            let gauge = gauge.unwrap_or_else(|error| unreachable!("{name}: {error}"));
            let registered = registry.register(Box::new(gauge.clone()));
            assert!(registered.is_ok(), "{name} is registered twice");
            gauge
        };
        let shed = Opts::new(
            "doorbuster_shed_total",
            "Calls and requests that were refused at once",
        );
        let shed = IntCounterVec::new(shed, &["store", "why"]);
        let shed = shed.unwrap_or_else(|error| unreachable!("doorbuster_shed_total: {error}"));
        let registered = registry.register(Box::new(shed.clone()));
        assert!(
            registered.is_ok(),
            "doorbuster_shed_total is registered twice"
        );
        Self {
            breakers: gauge(
                "doorbuster_breaker_state",
                "What the breaker of a store does: 0 closed, 1 half-open, 2 open",
            ),
            in_flight: gauge(
                "doorbuster_in_flight",
                "Calls that are with a store; of MySQL those that wait for a connection",
            ),
            shed,
        }
    }

    /// The gauge of a store's calls.
    pub fn in_flight(&self, store: &str) -> IntGauge {
        self.in_flight.with_label_values(&[store])
    }

    /// What the breaker of a store does: 0 closed, 1 half-open, 2 open.
    pub fn breaker_state(&self, store: &str, state: i64) {
        self.breakers.with_label_values(&[store]).set(state);
    }

    /// Counts a refusal: `busy` or `open`.
    pub fn shed(&self, store: &str, why: &str) {
        self.shed.with_label_values(&[store, why]).inc();
    }
}
