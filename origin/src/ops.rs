//! What operators look at: metrics and the audit.
//!
//! Invariant: the audit and the metrics change nothing; a rebuild changes Redis alone, and MySQL's
//! epochs.

pub mod audit;
pub mod metrics;
pub mod rebuild;
