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
mod edge;
mod event_stream;
mod shop;
mod wire;

mod attacks;
mod away;
mod bad_input;
mod bleed;
mod challenges;
mod crash;
mod crowd;
mod disaster;
mod events;
mod origins;
mod pacing;
mod purchase;
mod restart;
mod untokened;
