//! Gauges of the continuous audit and of what waits.
//!
//! Invariant: a process that does not watch shows no breaches and no backlog, so that what it found
//! long ago is not taken for now.

use crate::invariants::Invariant;
use crate::ledger::Backlog;
use crate::ops::audit::Report;
use crate::stock::UndecidedBacklog;
use prometheus::core::Collector;
use prometheus::{Gauge, GaugeVec, Opts, Registry};
use std::time::Duration;

/// All of them; they have no series until this process watches.
#[derive(Debug)]
pub struct AuditGauges {
    breaches: GaugeVec,
    waiting: GaugeVec,
    waiting_seconds: GaugeVec,
    last_run: Gauge,
    seconds: Gauge,
    failed: Gauge,
}

impl AuditGauges {
    pub(super) fn register(registry: &Registry) -> Self {
        Self {
            breaches: labelled(
                registry,
                "doorbuster_audit_breaches",
                "Findings against an invariant; 0 while it holds",
                "invariant",
            ),
            waiting: labelled(
                registry,
                "doorbuster_waiting",
                "Orders not yet decided, and releases that Redis has not taken in",
                "what",
            ),
            waiting_seconds: labelled(
                registry,
                "doorbuster_waiting_seconds",
                "How long the oldest of them has waited",
                "what",
            ),
            last_run: plain(
                registry,
                "doorbuster_audit_last_run_timestamp_seconds",
                "When this process last finished an audit; 0 if never",
            ),
            seconds: plain(
                registry,
                "doorbuster_audit_seconds",
                "How long that audit took",
            ),
            failed: plain(
                registry,
                "doorbuster_audit_failed",
                "1 if the last audit of this process could not be done",
            ),
        }
    }

    /// An audit was done.
    pub(crate) fn done(&self, report: &Report, took: Duration) {
        let read = Invariant::ALL
            .into_iter()
            .filter(|invariant| invariant.is_read());
        for invariant in read {
            let checks = report.checks.iter();
            let of_it = checks.filter(|check| check.invariant == invariant.as_str());
            let findings: usize = of_it.map(|check| check.findings.len()).sum();
            let gauge = self.breaches.with_label_values(&[invariant.as_str()]);
            gauge.set(u32::try_from(findings).unwrap_or(u32::MAX).into());
        }
        self.last_run.set(seconds(report.at_ms.0));
        self.seconds.set(took.as_secs_f64());
        self.failed.set(0.0);
    }

    /// What waits.
    pub(crate) fn waiting(&self, undecided: UndecidedBacklog, releases: Backlog) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a gauge is a float, and counts stay far below 2^52"
        )]
        let rows = [
            ("undecided", undecided.orders as f64, undecided.oldest_ms),
            ("release", releases.rows as f64, releases.oldest_ms),
        ];
        for (what, count, oldest_ms) in rows {
            self.waiting.with_label_values(&[what]).set(count);
            let oldest = self.waiting_seconds.with_label_values(&[what]);
            oldest.set(seconds(oldest_ms));
        }
    }

    /// An audit could not be done. What the last one found stays, dated.
    pub(crate) fn failed(&self) {
        self.failed.set(1.0);
    }

    /// Another process watches.
    pub(crate) fn off_duty(&self) {
        self.breaches.reset();
        self.waiting.reset();
        self.waiting_seconds.reset();
        self.failed.set(0.0);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of our times fit 52 bits"
)]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn labelled(registry: &Registry, name: &str, help: &str, label: &str) -> GaugeVec {
    let gauge = GaugeVec::new(Opts::new(name, help), &[label]);
    register(registry, name, gauge)
}

fn plain(registry: &Registry, name: &str, help: &str) -> Gauge {
    register(registry, name, Gauge::new(name, help))
}

fn register<T: Collector + Clone + 'static>(
    registry: &Registry,
    name: &str,
    gauge: Result<T, prometheus::Error>,
) -> T {
    let gauge = gauge.unwrap_or_else(|error| unreachable!("{name}: {error}"));
    let registered = registry.register(Box::new(gauge.clone()));
    assert!(registered.is_ok(), "{name} is registered twice");
    gauge
}
