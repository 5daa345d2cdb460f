//! Where an order stands: the ledger's row, or the reservation of one still in the queue.
//!
//! Invariant: an order is shown to its own account alone.

use super::prices::Prices;
use super::undecided::{GIVE_UP_AFTER_MS, queue_is_short};
use crate::ledger::{Admitted, LedgerError, OrderRow, Slot};
use crate::queue::QueueError;
use crate::stock::StockError;
use crate::stores::Stores;
use kernel::ids::{AccountId, OrderId};
use kernel::money::Money;
use kernel::order::OrderState;
use kernel::wire::{Order, OrderList};

/// Orders on a page at most.
pub const PAGE_MAX: u32 = 100;

/// Why an order could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// MySQL.
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
    /// Redis.
    #[error("the stock did not answer")]
    Stock(#[from] StockError),
    /// NATS.
    #[error("the queue did not answer")]
    Queue(#[from] QueueError),
}

/// An order of this account; `None` if there is none.
pub async fn show(
    stores: &Stores,
    prices: &Prices,
    id: OrderId,
    account: AccountId,
) -> Result<Option<Order>, StatusError> {
    if let Some(row) = stores.ledger.order(id, account).await? {
        return Ok(Some(order(row)));
    }
    let Some(slot) = stores.ledger.slot(id).await? else {
        return Ok(None);
    };
    if let Some(admitted) = stores.stock.reservation(slot.sale, id).await? {
        let price = prices.of(stores, slot.sale).await?;
        let own = admitted.account_id == account;
        return Ok(price.and_then(|price| queued(&admitted, price).filter(|_| own)));
    }
    // Decided between the two looks, never placed, or lost.
    if let Some(row) = stores.ledger.order(id, account).await? {
        return Ok(Some(order(row)));
    }
    if end_if_lost(stores, id, account, slot).await? {
        return Ok(stores.ledger.order(id, account).await?.map(order));
    }
    Ok(None)
}

/// Ends an order that this account has been promised, and of which neither Redis nor the queue nor
/// the ledger knows any more: both were lost at once. Redis may still know who has spent the slot;
/// else it must be one that nobody can spend any more.
async fn end_if_lost(
    stores: &Stores,
    id: OrderId,
    account: AccountId,
    slot: Slot,
) -> Result<bool, StatusError> {
    let age_ms = crate::now().since(id.minted_at());
    if age_ms < GIVE_UP_AFTER_MS {
        return Ok(false);
    }
    let spender = stores.stock.spender(slot.sale, id).await?;
    let may_end = spender.map_or(slot.over, |spender| spender == account);
    // The queue is asked last: nobody makes us ask it for slots that are not theirs.
    if !may_end || !queue_is_short(&stores.queue).await? {
        return Ok(false);
    }
    let admitted = Admitted {
        order_id: id,
        sale_id: slot.sale,
        account_id: account,
        lease_id: slot.lease,
        quantity: 1,
        epoch: 0,
        admitted_at_ms: id.minted_at(),
    };
    let ended = stores.ledger.tombstone(&admitted).await?;
    if ended {
        let id = id.to_string();
        tracing::error!(order.id = id, "An order was lost, and is refused now");
    }
    Ok(ended)
}

/// The orders of an account that are decided, the newest first, `limit` (1 to [`PAGE_MAX`]) a page.
pub async fn page(
    stores: &Stores,
    account: AccountId,
    cursor: Option<OrderId>,
    limit: u32,
) -> Result<OrderList, StatusError> {
    let limit = limit.clamp(1, PAGE_MAX);
    let before = cursor.map_or(u64::MAX, |cursor| cursor.0);
    let mut rows = stores.ledger.orders(account, before, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_cursor = rows.last().filter(|_| more).map(|row| row.id.to_string());
    Ok(OrderList {
        orders: rows.into_iter().map(order).collect(),
        next_cursor,
    })
}

/// A row as its owner sees it.
pub(crate) fn order(row: OrderRow) -> Order {
    Order {
        order_id: row.id,
        sale_id: row.sale,
        quantity: row.quantity,
        amount: row.amount,
        state: row.state,
        reason: row.reason,
        created_at_ms: row.created_at,
        expires_at_ms: row.expires_at,
        payment: row.payment,
        shipment: row.shipment,
        refunded: row.refunded,
        version: row.version,
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
