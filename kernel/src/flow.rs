//! Flow control: rules for routes, and the decisions by which a request is let through, held or shed.
//!
//! Invariant: a decision is a function of the rule, its state and the time given; nothing here reads
//! a clock. Times are nanoseconds of one monotonic clock, which may begin anywhere.

mod breaker;
mod check;
mod defaults;
mod gradient;
mod pace;
mod rate;
mod routes;
mod rules;

pub use breaker::{Breaker, Call, Phase, Told};
pub use check::{Faults, RULES_BYTES_MAX, WAITING_MAX};
pub use gradient::Gradient;
pub use pace::Pace;
pub use rate::Gcra;
pub use routes::{EVERY_ROUTE, OTHER_ROUTE, ROUTES, Route, route_of};
pub use rules::{
    Adaptive, BreakerRule, Concurrency, Each, Limit, Mode, Pacing, Period, Rate, Rule, RuleSet,
};

/// Nanoseconds of a millisecond.
pub const NANOS_PER_MS: u64 = 1_000_000;
