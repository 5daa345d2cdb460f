//! Metrics of refunds, and of the comparison with the provider.
//!
//! Invariant: what the database counts is the same in every process that shows it; an alert looks at
//! the highest.

use crate::ledger::RefundBacklog;
use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

/// What is on its way back, and what the provider's list says otherwise.
#[derive(Debug)]
pub struct PaymentMetrics {
    waiting: IntGauge,
    overdue: IntGauge,
    failed: IntGauge,
    reckoned: IntCounterVec,
    differences: IntGauge,
    compared_at: IntGauge,
}

impl PaymentMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help);
            let gauge = gauge.unwrap_or_else(|error| unreachable!("{name}: {error}"));
            let registered = registry.register(Box::new(gauge.clone()));
            assert!(registered.is_ok(), "{name} is registered twice");
            gauge
        };
        let name = "doorbuster_refunds_total";
        let reckoned = Opts::new(name, "What the provider said about refunds");
        let reckoned = IntCounterVec::new(reckoned, &["outcome"]);
        let reckoned = reckoned.unwrap_or_else(|error| unreachable!("{name}: {error}"));
        let registered = registry.register(Box::new(reckoned.clone()));
        assert!(registered.is_ok(), "{name} is registered twice");
        Self {
            waiting: gauge("doorbuster_refunds_waiting", "Refunds on their way"),
            overdue: gauge(
                "doorbuster_refunds_overdue",
                "Refunds on their way or failed that were promised for earlier",
            ),
            failed: gauge(
                "doorbuster_refunds_failed",
                "Refunds that failed at the provider and wait for an operator",
            ),
            reckoned,
            differences: gauge(
                "doorbuster_payments_differences",
                "Differences from the provider's list that the last daily comparison found",
            ),
            compared_at: gauge(
                "doorbuster_payments_compared_timestamp_seconds",
                "When this process last finished a daily comparison; 0 if never",
            ),
        }
    }

    /// Counted in the database.
    pub(crate) fn refunds(&self, backlog: RefundBacklog) {
        self.waiting.set(backlog.waiting);
        self.overdue.set(backlog.overdue);
        self.failed.set(backlog.failed);
    }

    /// The provider said something about a refund.
    pub(crate) fn reckoned(&self, outcome: &str) {
        self.reckoned.with_label_values(&[outcome]).inc();
    }

    /// A daily comparison was done.
    pub(crate) fn compared(&self, differences: usize, at_seconds: i64) {
        self.differences
            .set(i64::try_from(differences).unwrap_or(i64::MAX));
        self.compared_at.set(at_seconds);
    }
}
