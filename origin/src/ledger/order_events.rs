//! What happened to orders: an outbox for those who tell it to others.
//!
//! Invariant: an event commits with what it tells of, or not at all.

use super::Result;
use super::rows::insert;
use sqlx::MySqlConnection;
use std::str::FromStr;

/// Something that somebody may want to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderEvent {
    /// The order is the buyer's if it is paid in time.
    Accepted,
    /// It is paid.
    Paid,
    /// The buyer cancelled it before it was paid.
    Cancelled,
    /// It was not paid in time.
    Expired,
    /// Packed in the warehouse.
    Packed,
    /// On its way.
    Shipped,
    /// Arrived.
    Delivered,
    /// Money went back to the buyer: all, a part, or what came too late.
    Refunded,
}

impl OrderEvent {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Paid,
        Self::Cancelled,
        Self::Expired,
        Self::Packed,
        Self::Shipped,
        Self::Delivered,
        Self::Refunded,
    ];

    /// The word for it in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Packed => "packed",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Refunded => "refunded",
        }
    }
}

/// A word that is no event.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is nothing that happens to an order")]
pub struct BadEvent(String);

impl FromStr for OrderEvent {
    type Err = BadEvent;

    fn from_str(word: &str) -> std::result::Result<Self, BadEvent> {
        let event = Self::ALL.into_iter().find(|event| event.as_str() == word);
        event.ok_or_else(|| BadEvent(word.to_owned()))
    }
}

/// Writes that `event` happened to these orders.
pub(super) async fn record(
    connection: &mut MySqlConnection,
    event: OrderEvent,
    orders: impl Iterator<Item = u64>,
) -> Result<()> {
    let orders: Vec<u64> = orders.collect();
    let statement = "INSERT INTO order_events (order_id, kind, created_at_ms) ";
    insert(connection, statement, &orders, |mut row, order| {
        row.push_bind(*order)
            .push_bind(event.as_str())
            .push("CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)");
    })
    .await
}
