//! Mails about orders: received, paid, cancelled, expired, shipped, refunded.
//!
//! Invariant: each is written once, in the transaction that takes what it tells of from the outbox
//! of events, and sent at least once. Sent again after a crash it has the same Message-ID, by which
//! mailboxes know it.

mod clean;
mod fan_out;
mod letters;
mod send;
mod words;

pub use clean::clean;
pub use fan_out::fan_out;
pub use letters::Letters;
pub use send::{Sender, send};
pub(crate) use send::{chain, wait_ms};
pub use words::{amount, moment};

use crate::ledger::OrderEvent;

/// What buyers get a mail about. They need not be told that a parcel was packed, or that it is in
/// their hands.
pub const MAILED: [OrderEvent; 6] = [
    OrderEvent::Accepted,
    OrderEvent::Paid,
    OrderEvent::Cancelled,
    OrderEvent::Expired,
    OrderEvent::Shipped,
    OrderEvent::Refunded,
];
