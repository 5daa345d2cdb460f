//! Placing an order: Redis admits, JetStream carries, the answer is "queued".
//!
//! Invariant: a `202` has its receipt from JetStream. Whatever fails before is unknown and is
//! repeated with the same token: units held in Redis, a message sent, a row written, each happens
//! once for an order id.

use super::prices::Prices;
use super::status::{self, StatusError, queued};
use crate::fail_points::pass;
use crate::ledger::LedgerError;
use crate::queue::QueueError;
use crate::stock::{Held, Hold, StockError};
use crate::stores::Stores;
use kernel::token::PurchaseToken;
use kernel::wire::Order;

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is queued, or was and is decided by now.
    Accepted(Box<Order>),
    /// Admission was refused.
    Refused(Held),
}

/// Why the outcome is unknown: place again with the same token.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Redis.
    #[error("the stock did not answer")]
    Stock(#[from] StockError),
    /// NATS.
    #[error("the queue did not take the order")]
    Queue(#[from] QueueError),
    /// MySQL.
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
    /// The order could not be shown.
    #[error("the order could not be looked up")]
    Status(#[from] StatusError),
    /// The slot is spent and nobody knows the order: it is being tombstoned.
    #[error("the slot is spent, and its order is not known")]
    Lost,
}

/// Places the order of a token's slot.
pub async fn place(
    stores: &Stores,
    prices: &Prices,
    token: &PurchaseToken,
    quantity: u32,
) -> Result<Placed, PlaceError> {
    let hold = Hold {
        sale: token.sale,
        order: token.slot,
        account: token.account,
        units: quantity,
        lease: token.lease,
    };
    match stores.stock.hold(hold).await? {
        Held::Yes(admitted) => {
            pass("place.held").await;
            stores
                .queue
                .publish(&admitted, &admitted.order_id.to_string())
                .await?;
            pass("place.published").await;
            let price = prices
                .of(stores, token.sale)
                .await?
                .ok_or(PlaceError::Lost)?;
            let order = queued(&admitted, price).ok_or(PlaceError::Lost)?;
            Ok(Placed::Accepted(Box::new(order)))
        }
        Held::Decided => {
            let order = status::show(stores, prices, token.slot, token.account).await?;
            order
                .map(|order| Placed::Accepted(Box::new(order)))
                .ok_or(PlaceError::Lost)
        }
        refused => Ok(Placed::Refused(refused)),
    }
}
