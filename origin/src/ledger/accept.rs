//! What accepting orders writes: the units of their accounts, their rows and their stock entries.
//!
//! Invariant: nothing here commits. The sale's counters, written last by the caller, have the last
//! word.

use super::decide::Admitted;
use super::order_events::{OrderEvent, record};
use super::rows::{Entry, enter, insert, insert_or_change, push_ids};
use super::sales::money;
use super::{Result, corrupt};
use kernel::ids::SaleId;
use kernel::money::Money;
use kernel::order::OrderState;
use kernel::time::UnixMillis;
use sqlx::{MySqlConnection, QueryBuilder};
use std::collections::BTreeMap;

/// What a sale's orders are decided by.
pub(super) struct Terms {
    pub(super) epoch: u64,
    pub(super) limit: u32,
    price: Money,
    pub(super) payment_seconds: u32,
    now: UnixMillis,
}

impl Terms {
    /// When an order that is accepted now expires.
    pub(super) fn expires_at(&self) -> UnixMillis {
        self.now.plus_seconds(i64::from(self.payment_seconds))
    }
}

/// The terms of a sale, as they are in this transaction.
pub(super) async fn terms(connection: &mut MySqlConnection, sale: SaleId) -> Result<Terms> {
    let row = sqlx::query!(
        r#"SELECT epoch, limit_per_account, price_minor, currency, payment_seconds,
                  CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) AS "now_ms!: i64"
           FROM sales WHERE id = ?"#,
        sale.0
    );
    let row = row.fetch_optional(connection).await?;
    let row =
        row.ok_or_else(|| corrupt(format!("orders for sale {sale}, which does not exist")))?;
    Ok(Terms {
        epoch: row.epoch,
        limit: row.limit_per_account,
        price: money(row.price_minor, &row.currency)?,
        payment_seconds: row.payment_seconds,
        now: UnixMillis(row.now_ms),
    })
}

/// Adds the units to those the accounts hold, and says whether all are within the limit. The rows
/// stay locked, in the order of the accounts, so that two deciders do not wait for each other.
pub(super) async fn within_limit(
    connection: &mut MySqlConnection,
    sale: SaleId,
    orders: &[&Admitted],
    limit: u32,
) -> Result<bool> {
    let mut units = BTreeMap::<u64, u32>::new();
    for order in orders {
        *units.entry(order.account_id.0).or_default() += order.quantity;
    }
    let rows: Vec<(u64, u32)> = units.into_iter().collect();
    insert_or_change(
        connection,
        "INSERT INTO sale_accounts (sale_id, account_id, units) ",
        &rows,
        |mut row, (account, units)| {
            row.push_bind(sale.0).push_bind(*account).push_bind(*units);
        },
        " ON DUPLICATE KEY UPDATE units = units + VALUES(units)",
    )
    .await?;

    let mut query = QueryBuilder::new("SELECT COUNT(*) FROM sale_accounts WHERE sale_id = ");
    query
        .push_bind(sale.0)
        .push(" AND units > ")
        .push_bind(limit)
        .push(" AND account_id IN ");
    push_ids(&mut query, rows.iter().map(|(account, _)| *account));
    let (over,): (i64,) = query.build_query_as().fetch_one(&mut *connection).await?;
    Ok(over == 0)
}

/// The rows of orders that are pending payment, and the movements of their units.
pub(super) async fn insert_orders(
    connection: &mut MySqlConnection,
    orders: &[&Admitted],
    terms: &Terms,
) -> Result<()> {
    let amounts: Option<Vec<Money>> = orders
        .iter()
        .map(|order| terms.price.times(order.quantity))
        .collect();
    let amounts = amounts.ok_or_else(|| corrupt("an amount that does not fit"))?;
    let rows: Vec<_> = orders.iter().zip(amounts).collect();
    let expires_at = terms.expires_at();
    insert(
        connection,
        "INSERT INTO orders (id, sale_id, account_id, lease_id, quantity, amount_minor, currency,
                             state, created_at_ms, expires_at_ms) ",
        &rows,
        |mut row, (order, amount)| {
            row.push_bind(order.order_id.0)
                .push_bind(order.sale_id.0)
                .push_bind(order.account_id.0)
                .push_bind(order.lease_id.0)
                .push_bind(order.quantity)
                .push_bind(amount.amount_minor)
                .push_bind(amount.currency.to_string())
                .push_bind(OrderState::PendingPayment.as_str())
                .push_bind(order.admitted_at_ms.0)
                .push_bind(expires_at.0);
        },
    )
    .await?;
    let entries: Vec<Entry> = orders
        .iter()
        .map(|order| Entry {
            sale: order.sale_id.0,
            order: Some(order.order_id.0),
            source: "available",
            target: "reserved",
            units: order.quantity,
        })
        .collect();
    enter(connection, &entries).await?;
    let ids = orders.iter().map(|order| order.order_id.0);
    record(connection, OrderEvent::Accepted, ids).await
}
