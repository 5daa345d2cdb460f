//! What operators look at: metrics and the audit.
//!
//! Invariant: nothing here changes anything.

pub mod audit;
pub mod metrics;
