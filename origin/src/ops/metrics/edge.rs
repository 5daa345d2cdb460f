//! What the PoPs tell of themselves.
//!
//! Invariant: a PoP can add to its own counters only, and a report no more than
//! [`COUNT_MAX`](kernel::edge_report::COUNT_MAX) to each; every label is one of a few words.

use kernel::edge_report::{Component, EdgeReport, Level, StoreCall};
use prometheus::{IntCounterVec, Opts, Registry};

/// Reads of the catalogue and calls of the PoP stores, a PoP and a component.
#[derive(Debug)]
pub struct EdgeMetrics {
    reads: IntCounterVec,
    store_calls: IntCounterVec,
}

impl EdgeMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let counter = |name: &str, help: &str, label: &str| {
            let labels = ["pop", "component", label];
            let counter = IntCounterVec::new(Opts::new(name, help), &labels);
            let counter = counter.unwrap_or_else(|error| unreachable!("{name}: {error}"));
            let registered = registry.register(Box::new(counter.clone()));
            assert!(registered.is_ok(), "{name} is registered twice");
            counter
        };
        Self {
            reads: counter(
                "doorbuster_edge_catalogue_reads_total",
                "Reads of the catalogue at the edge, by where it was found",
                "level",
            ),
            store_calls: counter(
                "doorbuster_edge_store_calls_total",
                "Calls of the PoP store, by how they ended",
                "outcome",
            ),
        }
    }

    /// Adds what a PoP whose signature was checked tells.
    pub fn add(&self, pop: &str, report: &EdgeReport) {
        for component in Component::ALL {
            let tally = report.of(component).capped();
            if tally.is_empty() {
                continue;
            }
            for level in Level::ALL {
                let labels = [pop, component.word(), level.word()];
                let counter = self.reads.with_label_values(&labels);
                counter.inc_by(tally.reads(level));
            }
            for call in StoreCall::ALL {
                let labels = [pop, component.word(), call.word()];
                let counter = self.store_calls.with_label_values(&labels);
                counter.inc_by(tally.calls(call));
            }
        }
    }
}
