//! What operators look at: metrics and the audit.
//!
//! Invariant: nothing here changes anything, but for the continuous audit, which asks for a rebuild.

pub mod audit;
pub mod metrics;
