//! What operators look at: metrics and the audit.
//!
//! Invariant: the audit and the metrics change nothing, but that the continuous audit asks for a
//! rebuild; a rebuild changes Redis alone, and MySQL's epochs.

pub mod audit;
pub mod metrics;
pub mod rebuild;
