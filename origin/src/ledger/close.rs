//! The end of a pending order: paid (`settle.rs`), cancelled or expired (`expire.rs`), whichever
//! commits first.
//!
//! Invariant: `one-clock`. The database's clock decides in a conditional UPDATE; of payment and
//! expiry one wins. `ledger-first`: units become free here, and Redis learns it from the outbox.

use super::order_events::{OrderEvent, record};
use super::rows::{Entry, enter, push_ids};
use super::{Ledger, Result, must_touch, retry};
use crate::fail_points::pass;
use kernel::ids::{AccountId, OrderId, SaleId};
use kernel::order::OrderState;
use sqlx::{MySqlConnection, QueryBuilder};
use std::collections::BTreeMap;

/// What asking to cancel did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The order is cancelled now, or was.
    Yes,
    /// It is in a state that cannot be cancelled.
    No,
    /// No such order of this account.
    Unknown,
}

pub(super) struct Closing {
    pub(super) order: u64,
    pub(super) sale: u64,
    pub(super) account: u64,
    pub(super) units: u32,
}

impl Ledger {
    /// Cancels a pending order of this account.
    pub async fn cancel(&self, id: OrderId, account: AccountId) -> Result<Cancelled> {
        retry(|| self.cancel_once(id, account)).await
    }

    async fn cancel_once(&self, id: OrderId, account: AccountId) -> Result<Cancelled> {
        let mut transaction = self.begin().await?;
        let order = sqlx::query!(
            "SELECT sale_id, quantity, state FROM orders WHERE id = ? AND account_id = ? FOR UPDATE",
            id.0,
            account.0
        );
        let Some(order) = order.fetch_optional(&mut *transaction).await? else {
            return Ok(Cancelled::Unknown);
        };
        match order.state.as_str() {
            "cancelled" => return Ok(Cancelled::Yes),
            "pending_payment" => {}
            _ => return Ok(Cancelled::No),
        }
        let closing = Closing {
            order: id.0,
            sale: order.sale_id,
            account: account.0,
            units: order.quantity,
        };
        close(
            &mut transaction,
            OrderState::Cancelled,
            SaleId(order.sale_id),
            &[closing],
        )
        .await?;
        transaction.commit().await?;
        Ok(Cancelled::Yes)
    }
}

/// Ends pending orders of one sale whose rows this transaction has locked.
pub(super) async fn close(
    connection: &mut MySqlConnection,
    state: OrderState,
    sale: SaleId,
    closing: &[Closing],
) -> Result<()> {
    assert!(
        OrderState::PendingPayment.may_become(state),
        "a pending order does not end {}",
        state.as_str()
    );
    let count = closing.len() as u64;
    let mut query = QueryBuilder::new("UPDATE orders SET version = version + 1, state = ");
    query
        .push_bind(state.as_str())
        .push(" WHERE state = 'pending_payment' AND id IN ");
    push_ids(&mut query, closing.iter().map(|order| order.order));
    let done = query.build().execute(&mut *connection).await?;
    must_touch("close orders", count, done.rows_affected())?;

    let mut by_account = BTreeMap::<u64, u32>::new();
    for order in closing {
        *by_account.entry(order.account).or_default() += order.units;
    }
    for (account, units) in by_account {
        give_limit_back(connection, sale.0, account, units).await?;
    }
    let entries: Vec<Entry> = closing
        .iter()
        .map(|order| Entry {
            sale: order.sale,
            order: Some(order.order),
            source: "reserved",
            target: "available",
            units: order.units,
        })
        .collect();
    enter(connection, &entries).await?;
    let event = match state {
        OrderState::Cancelled => OrderEvent::Cancelled,
        _ => OrderEvent::Expired,
    };
    record(connection, event, closing.iter().map(|order| order.order)).await?;

    let units: u32 = closing.iter().map(|order| order.units).sum();
    let counters = sqlx::query!(
        "UPDATE sales SET reserved = reserved - ?, version = version + 1
         WHERE id = ? AND reserved >= ?",
        units,
        sale.0,
        units
    );
    let done = counters.execute(&mut *connection).await?;
    must_touch("give units back", 1, done.rows_affected())?;
    // The sale's row is held since the UPDATE, so its epoch cannot change before the commit.
    let mut query = QueryBuilder::new(
        "INSERT INTO release_outbox (sale_id, order_id, epoch, created_at_ms)
         SELECT orders.sale_id, orders.id, sales.epoch,
                CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
         FROM orders JOIN sales ON sales.id = orders.sale_id WHERE orders.id IN ",
    );
    push_ids(&mut query, closing.iter().map(|order| order.order));
    let done = query.build().execute(connection).await?;
    must_touch("write releases", count, done.rows_affected())?;
    pass("close.counted").await;
    Ok(())
}

/// Lets an account have so many units of a sale again.
pub(super) async fn give_limit_back(
    connection: &mut MySqlConnection,
    sale: u64,
    account: u64,
    units: u32,
) -> Result<()> {
    let update = sqlx::query!(
        "UPDATE sale_accounts SET units = units - ?
         WHERE sale_id = ? AND account_id = ? AND units >= ?",
        units,
        sale,
        account,
        units
    );
    let done = update.execute(connection).await?;
    must_touch("give the limit back", 1, done.rows_affected())
}
