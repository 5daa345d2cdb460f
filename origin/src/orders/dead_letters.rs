//! Dead letters, as an operator looks at them and places them anew.
//!
//! Invariant: `once`. A letter's order has ended in MySQL before a new order is placed for it, and
//! the letter is deleted once that is held; whatever happens before leaves the letter.

use crate::ids::IdError;
use crate::ledger::{Admitted, LedgerError};
use crate::queue::{DeadLetter, QueueError};
use crate::stock::{Held, Hold, StockError};
use crate::stores::Stores;
use kernel::ids::OrderId;
use kernel::order::OrderState;

/// What became of a dead letter that was to be placed anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retried {
    /// A new order is on its way; the letter is deleted.
    Placed(OrderId),
    /// Redis does not admit a new order; the letter stays.
    Refused(Held),
    /// The order has been decided after all and is live: there is nothing to place.
    Live(OrderState),
    /// The letter carries no order that could be read.
    Unreadable,
    /// There is no such letter.
    Unknown,
}

/// Why it is unknown what became of it.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// MySQL.
    #[error("the order could not be ended in the ledger")]
    Ledger(#[from] LedgerError),
    /// Redis.
    #[error("the stock did not answer")]
    Stock(#[from] StockError),
    /// NATS.
    #[error("the queue did not answer")]
    Queue(#[from] QueueError),
    /// The mint.
    #[error("there is no id for a new order")]
    Id(#[from] IdError),
}

/// The order a letter carries, if it can be read.
pub fn order_of(letter: &DeadLetter) -> Option<Admitted> {
    serde_json::from_slice(&letter.payload).ok()
}

/// Places a letter's order anew, under a new id: the old one stays refused.
pub async fn retry(stores: &Stores, number: u64) -> Result<Retried, RetryError> {
    let Some(letter) = stores.queue.dead_letter(number).await? else {
        return Ok(Retried::Unknown);
    };
    let Some(old) = order_of(&letter) else {
        return Ok(Retried::Unreadable);
    };
    match stores.ledger.order_of_anyone(old.order_id).await? {
        Some(row) if row.state.is_live() => return Ok(Retried::Live(row.state)),
        Some(_) => {}
        // Without an end the old order could still be decided, beside the new one.
        None => drop(stores.ledger.tombstone(&old).await?),
    }
    let hold = Hold {
        sale: old.sale_id,
        order: OrderId(stores.ids.next().await?),
        account: old.account_id,
        units: old.quantity,
        lease: old.lease_id,
    };
    let admitted = match stores.stock.hold(hold).await? {
        Held::Yes(admitted) => admitted,
        refused => return Ok(Retried::Refused(refused)),
    };
    let id = admitted.order_id;
    if let Err(error) = stores.queue.publish(&admitted, &id.to_string()).await {
        // Its reservation stands, so the timers publish it.
        tracing::warn!(order.id = %id, %error, "A new order is published later");
    }
    stores.queue.drop_dead_letter(number).await?;
    Ok(Retried::Placed(id))
}
