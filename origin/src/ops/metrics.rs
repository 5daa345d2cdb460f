//! Metrics in Prometheus' text format.
//!
//! Invariant: a label has few values; no id of a person or an order is ever one.

mod audit;
mod edge;
mod flow;
mod guard;
mod payments;
mod told;

pub use audit::AuditGauges;
pub use edge::EdgeMetrics;
pub use flow::{FlowMeters, FlowMetrics};
pub use guard::GuardMetrics;
pub use payments::PaymentMetrics;
pub use told::ToldMetrics;

use prometheus::{IntCounterVec, IntGauge, Opts, Registry, TextEncoder};
use std::sync::LazyLock;

/// The metrics of this process.
pub static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// All of them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Requests that reached the edge listener, signed or not, by `route`.
    pub edge_requests: IntCounterVec,
    /// Webhooks acted on, by `outcome`.
    pub payments_settled: IntCounterVec,
    /// Sales counted anew, by `outcome`.
    pub rebuilds: IntCounterVec,
    /// What the continuous audit found last.
    pub audit: AuditGauges,
    /// Messages put among the dead letters, by `cause`: any at all is worth an alert.
    pub dead_letters: IntCounterVec,
    /// Streams of order events that are open.
    pub order_watchers: IntGauge,
    /// What the guards of the stores tell.
    pub guard: GuardMetrics,
    /// What the PoPs tell of themselves.
    pub edge: EdgeMetrics,
    /// Refunds and the comparison with the provider.
    pub payments: PaymentMetrics,
    /// What the rules of flow control tell.
    pub flow: FlowMetrics,
    /// What is told to buyers and subscribers.
    pub told: ToldMetrics,
    orders_decided: IntCounterVec,
}

impl Metrics {
    fn new() -> Self {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, label: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &[label]);
            let counter = counter.unwrap_or_else(|error| unreachable!("{name}: {error}"));
            let registered = registry.register(Box::new(counter.clone()));
            assert!(registered.is_ok(), "{name} is registered twice");
            counter
        };
        let order_watchers = IntGauge::new(
            "doorbuster_order_watchers",
            "Streams of order events that are open",
        );
        let order_watchers = order_watchers.unwrap_or_else(|error| unreachable!("{error}"));
        let registered = registry.register(Box::new(order_watchers.clone()));
        assert!(registered.is_ok(), "order watchers are registered twice");
        Self {
            order_watchers,
            edge_requests: counter(
                "doorbuster_edge_requests_total",
                "Requests that reached the edge listener",
                "route",
            ),
            payments_settled: counter(
                "doorbuster_payments_settled_total",
                "Webhooks of the payment provider that were acted on",
                "outcome",
            ),
            rebuilds: counter(
                "doorbuster_rebuilds_total",
                "Sales that were counted anew from MySQL into Redis",
                "outcome",
            ),
            dead_letters: counter(
                "doorbuster_dead_letters_total",
                "Messages that could not be decided",
                "cause",
            ),
            orders_decided: counter(
                "doorbuster_orders_decided_total",
                "Orders that the decider took from the queue",
                "outcome",
            ),
            audit: AuditGauges::register(&registry),
            guard: GuardMetrics::register(&registry),
            edge: EdgeMetrics::register(&registry),
            payments: PaymentMetrics::register(&registry),
            flow: FlowMetrics::register(&registry),
            told: ToldMetrics::register(&registry),
            registry,
        }
    }

    /// Counts decided orders.
    pub fn orders_decided(&self, outcome: &str, orders: usize) {
        self.orders_decided
            .with_label_values(&[outcome])
            .inc_by(orders as u64);
    }
}

/// All metrics as text.
pub fn text() -> Result<String, prometheus::Error> {
    TextEncoder::new().encode_to_string(&METRICS.registry.gather())
}
