//! Servers really start, stay apart and stop.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail like the test")]

mod refusals;
mod servers;
