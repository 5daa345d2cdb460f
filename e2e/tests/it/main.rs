//! The whole system over HTTP: edge, origin, stores and the outside world, all of them real.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a test fails by panicking and tells what it measured, in its helpers too; no count here is near 2^52"
)]

mod backend;
mod buyer;
mod edge;
mod event_stream;
mod nginx;
mod shop;
mod statistics;
mod wire;

mod account;
mod attacks;
mod away;
mod bad_input;
mod bleed;
mod caching;
mod challenges;
mod crash;
mod crowd;
mod disaster;
mod events;
mod flood;
mod images;
mod lobby;
mod notifications;
mod origin_away;
mod origins;
mod pacing;
mod pop_store;
mod purchase;
mod refund;
mod restart;
mod site;
mod two_pops;
mod untokened;
