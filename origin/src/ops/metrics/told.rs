//! What is told to buyers by mail and to subscribers by webhook.
//!
//! Invariant: the label `by` is `mail` or `webhook`; how much waits is the same number in each
//! process that has the role `outboxes`.

use crate::ledger::Waiting;
use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

/// What waits, and how what was tried has ended.
#[derive(Debug)]
pub struct ToldMetrics {
    waiting: IntGaugeVec,
    oldest: IntGaugeVec,
    ended: IntCounterVec,
}

impl ToldMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["by"]);
            let gauge = gauge.unwrap_or_else(|error| unreachable!("{name}: {error}"));
            let registered = registry.register(Box::new(gauge.clone()));
            assert!(registered.is_ok(), "{name} is registered twice");
            gauge
        };
        let name = "doorbuster_told_total";
        let ended = Opts::new(name, "Attempts to tell somebody of an order");
        let ended = IntCounterVec::new(ended, &["by", "outcome"]);
        let ended = ended.unwrap_or_else(|error| unreachable!("{name}: {error}"));
        let registered = registry.register(Box::new(ended.clone()));
        assert!(registered.is_ok(), "{name} is registered twice");
        Self {
            waiting: gauge("doorbuster_untold", "Mails and webhooks that are not done"),
            oldest: gauge(
                "doorbuster_untold_oldest_seconds",
                "For how long the oldest of them waits",
            ),
            ended,
        }
    }

    /// Says how much waits.
    pub fn waiting(&self, by: &str, waiting: Waiting) {
        self.waiting.with_label_values(&[by]).set(waiting.count);
        let seconds = waiting.oldest_ms / 1_000;
        self.oldest.with_label_values(&[by]).set(seconds);
    }

    /// Counts an attempt.
    pub fn ended(&self, by: &str, outcome: &str) {
        self.ended.with_label_values(&[by, outcome]).inc();
    }
}
