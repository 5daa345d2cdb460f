//! The origin: what decides who gets a unit, and keeps the books.
//!
//! Invariant: Redis admits, JetStream carries, MySQL decides. A `202` says queued; only a committed
//! row says yours.
//!
//! Rooms, in the order an order passes them. Each is a library that the program, the operator's
//! command line and the tests link alike.

pub mod guard;
pub mod settings;

pub mod calendar;
pub mod fail_points;
pub mod fetch;
pub mod mail;

pub mod invariants;

pub mod ids;
pub mod ledger;
pub mod queue;
pub mod stock;
pub mod stores;

pub mod accounts;
pub mod catalogue;
pub mod delivery;
pub mod notifications;
pub mod orders;
pub mod payments;
pub mod pops;
pub mod sales;
pub mod subscriptions;

pub mod flow;
pub mod operators;

pub mod http;
pub mod ops;

use kernel::time::UnixMillis;
use std::time::{SystemTime, UNIX_EPOCH};

/// This machine's clock. Nothing about an order's expiry is decided by it.
pub fn now() -> UnixMillis {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UnixMillis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// 32 hexadecimal digits that nobody can guess.
pub fn random_id() -> String {
    hex::encode(random_bytes::<16>())
}

/// Random bytes from the operating system.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness there is no safe way to go on, and no caller could do better.
    assert!(
        getrandom::fill(&mut bytes).is_ok(),
        "the operating system gives no random bytes"
    );
    bytes
}
