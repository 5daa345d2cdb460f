//! The host as a program: started with a component, asked over the network, stopped by a signal.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod app;
mod cache;
mod client;
mod component;
mod conformance;
mod connections;
mod h2;
mod isolation;
mod kept;
mod limits;
mod metrics;
mod outbound;
mod reload;
mod serving;
mod slow;
mod smuggling;
mod starting;
mod tls;
