//! Placing an order: Redis admits, JetStream carries, the answer is "queued".
//!
//! Invariant: a `202` has its receipt from JetStream. Whatever fails before is unknown and is
//! repeated with the same token: units held in Redis, a message sent, a row written, each happens
//! once for an order id.

use super::status::{self, StatusError};
use crate::ledger::{Admitted, LedgerError};
use crate::queue::QueueError;
use crate::stock::{Held, Hold, StockError};
use crate::stores::Stores;
use kernel::ids::SaleId;
use kernel::money::Money;
use kernel::order::OrderState;
use kernel::token::PurchaseToken;
use kernel::wire::Order;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Sales whose price is remembered in this process.
const PRICES_MAX: usize = 1_000;

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

/// Prices of published sales; they never change.
#[derive(Debug, Default)]
pub struct Prices {
    known: Mutex<HashMap<SaleId, Money>>,
}

impl Prices {
    /// The price of a unit; `None` if there is no such sale.
    pub async fn of(&self, stores: &Stores, sale: SaleId) -> Result<Option<Money>, LedgerError> {
        let known = self.lock().get(&sale).copied();
        if known.is_some() {
            return Ok(known);
        }
        let price = stores.ledger.sale(sale).await?.map(|row| row.sale.price);
        if let Some(price) = price {
            let mut prices = self.lock();
            if prices.len() >= PRICES_MAX {
                prices.clear();
            }
            prices.insert(sale, price);
        }
        Ok(price)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SaleId, Money>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
            stores
                .queue
                .publish(&admitted, &admitted.order_id.to_string())
                .await?;
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

/// An order that has been admitted and not yet decided; `None` if its amount does not fit.
pub(super) fn queued(admitted: &Admitted, price: Money) -> Option<Order> {
    Some(Order {
        order_id: admitted.order_id,
        sale_id: admitted.sale_id,
        quantity: admitted.quantity,
        amount: price.times(admitted.quantity)?,
        state: OrderState::Queued,
        reason: None,
        created_at_ms: admitted.admitted_at_ms,
        expires_at_ms: None,
        payment: None,
        shipment: None,
        refunded: None,
        version: 0,
    })
}
