//! What the rules of flow control tell.
//!
//! Invariant: a rule that is no longer in force has no metrics; their number is bounded by that of a
//! set's rules.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// One metric each, by `rule`.
#[derive(Debug)]
pub struct FlowMetrics {
    passed: IntCounterVec,
    shed: IntCounterVec,
    dry_run_shed: IntCounterVec,
    limit: IntGaugeVec,
    in_flight: IntGaugeVec,
    state: IntGaugeVec,
}

/// Those of one rule.
#[derive(Clone, Debug)]
pub struct FlowMeters {
    /// Requests let through.
    pub passed: IntCounter,
    /// Requests shed.
    pub shed: IntCounter,
    /// Requests that it would have shed.
    pub dry_run_shed: IntCounter,
    /// Its limit at this moment.
    pub limit: IntGauge,
    /// Requests that it has let in, or that wait for their turn.
    pub in_flight: IntGauge,
    /// Of a breaker: 0 closed, 1 half-open, 2 open.
    pub state: IntGauge,
}

impl FlowMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let counter = |name: &str, help: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &["rule"]);
            let counter = counter.unwrap_or_else(|error| unreachable!("{name}: {error}"));
            let registered = registry.register(Box::new(counter.clone()));
            assert!(registered.is_ok(), "{name} is registered twice");
            counter
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["rule"]);
            let gauge = gauge.unwrap_or_else(|error| unreachable!("{name}: {error}"));
            let registered = registry.register(Box::new(gauge.clone()));
            assert!(registered.is_ok(), "{name} is registered twice");
            gauge
        };
        Self {
            passed: counter(
                "doorbuster_flow_passed_total",
                "Requests that a rule let through",
            ),
            shed: counter("doorbuster_flow_shed_total", "Requests that a rule shed"),
            dry_run_shed: counter(
                "doorbuster_flow_dry_run_shed_total",
                "Requests that a rule would have shed, were it not a dry run",
            ),
            limit: gauge(
                "doorbuster_flow_limit",
                "The limit of a rule, this origin's part of it",
            ),
            in_flight: gauge(
                "doorbuster_flow_in_flight",
                "Requests that a rule has let in, or that wait for their turn",
            ),
            state: gauge(
                "doorbuster_flow_state",
                "What a breaker of routes does: 0 closed, 1 half-open, 2 open",
            ),
        }
    }

    /// The meters of a rule.
    pub fn of(&self, rule: &str) -> FlowMeters {
        let rule = &[rule];
        FlowMeters {
            passed: self.passed.with_label_values(rule),
            shed: self.shed.with_label_values(rule),
            dry_run_shed: self.dry_run_shed.with_label_values(rule),
            limit: self.limit.with_label_values(rule),
            in_flight: self.in_flight.with_label_values(rule),
            state: self.state.with_label_values(rule),
        }
    }

    /// Takes away those of a rule that is no longer in force, if there are any.
    pub fn forget(&self, rule: &str) {
        for counter in [&self.passed, &self.shed, &self.dry_run_shed] {
            drop(counter.remove_label_values(&[rule]));
        }
        for gauge in [&self.limit, &self.in_flight, &self.state] {
            drop(gauge.remove_label_values(&[rule]));
        }
    }
}
