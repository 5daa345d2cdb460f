//! The sandbox as the shop meets it: the real program on free ports.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helpers fail like the test"
)]

mod mail;
mod payments;
mod program;
mod shop;
mod webhooks;
