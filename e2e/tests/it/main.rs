//! The whole system over HTTP: edge, origin, stores and the outside world, all of them real.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells what it measured, in its helpers too"
)]

mod backend;
mod buyer;
mod shop;

mod away;
mod bad_input;
mod challenges;
mod crash;
mod crowd;
mod disaster;
mod origins;
mod purchase;
mod restart;
mod untokened;
