//! Expiry: pending orders whose time is over, found by the sweeper or named by a lane.
//!
//! Invariant: `one-clock`. Only what the database's clock says is over expires; rows that another
//! transaction holds are skipped, so any number of sweepers and readers run at once.

use super::close::{Closing, close};
use super::rows::push_ids;
use super::{Ledger, Result, retry};
use crate::fail_points::pass;
use kernel::ids::{OrderId, SaleId};
use kernel::order::OrderState;
use sqlx::{MySqlConnection, QueryBuilder};
use std::collections::BTreeMap;

/// What asking to expire orders did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// How many have expired now.
    pub expired: usize,
    /// Those that are still pending: not yet due by the database's clock, or just being paid.
    pub pending: Vec<OrderId>,
}

impl Ledger {
    /// Expires up to `at_most` orders that were not paid in time; returns how many. Any number of
    /// sweepers can run at once: each skips the rows another has locked.
    pub async fn expire(&self, at_most: u32) -> Result<usize> {
        retry(|| self.expire_once(at_most)).await
    }

    async fn expire_once(&self, at_most: u32) -> Result<usize> {
        let mut transaction = self.begin().await?;
        let rows = sqlx::query_as!(
            Closing,
            "SELECT id AS `order`, sale_id AS sale, account_id AS account, quantity AS units
             FROM orders
             WHERE state = 'pending_payment'
               AND expires_at_ms <= CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
             ORDER BY expires_at_ms LIMIT ? FOR UPDATE SKIP LOCKED",
            at_most
        );
        let rows = rows.fetch_all(&mut *transaction).await?;
        let expired = rows.len();
        expire_rows(&mut transaction, rows).await?;
        transaction.commit().await?;
        if expired > 0 {
            pass("close.committed").await;
        }
        Ok(expired)
    }

    /// Expires those of these orders that were not paid in time; the others keep their state.
    pub async fn expire_orders(&self, orders: &[OrderId]) -> Result<Expired> {
        if orders.is_empty() {
            return Ok(Expired::default());
        }
        let expired = retry(|| self.expire_orders_once(orders)).await?;
        let mut query =
            QueryBuilder::new("SELECT id FROM orders WHERE state = 'pending_payment' AND id IN ");
        push_ids(&mut query, orders.iter().map(|order| order.0));
        let pending: Vec<(u64,)> = query
            .build_query_as()
            .fetch_all(&mut *self.connection().await?)
            .await?;
        Ok(Expired {
            expired,
            pending: pending.into_iter().map(|(id,)| OrderId(id)).collect(),
        })
    }

    async fn expire_orders_once(&self, orders: &[OrderId]) -> Result<usize> {
        let mut transaction = self.begin().await?;
        let mut query = QueryBuilder::new(
            "SELECT id, sale_id, account_id, quantity FROM orders FORCE INDEX (PRIMARY)
             WHERE state = 'pending_payment'
               AND expires_at_ms <= CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) AND id IN ",
        );
        push_ids(&mut query, orders.iter().map(|order| order.0));
        query.push(" FOR UPDATE SKIP LOCKED");
        let rows: Vec<(u64, u64, u64, u32)> =
            query.build_query_as().fetch_all(&mut *transaction).await?;
        let expired = rows.len();
        let closing = |(order, sale, account, units)| Closing {
            order,
            sale,
            account,
            units,
        };
        expire_rows(&mut transaction, rows.into_iter().map(closing).collect()).await?;
        transaction.commit().await?;
        if expired > 0 {
            pass("close.committed").await;
        }
        Ok(expired)
    }
}

async fn expire_rows(connection: &mut MySqlConnection, rows: Vec<Closing>) -> Result<()> {
    let mut by_sale = BTreeMap::<u64, Vec<Closing>>::new();
    for row in rows {
        by_sale.entry(row.sale).or_default().push(row);
    }
    for (sale, closing) in by_sale {
        close(connection, OrderState::Expired, SaleId(sale), &closing).await?;
    }
    Ok(())
}
