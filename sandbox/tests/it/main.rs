//! The sandbox as the shop meets it: the real program on free ports.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helpers fail like the test"
)]

mod faults;
mod mail;
mod payments;
mod program;
mod refunds;
mod shop;
mod webhooks;
