//! The release outbox: what Redis must be told of units once MySQL has committed it.
//!
//! Invariant: a row stays until Redis has answered; telling it twice does nothing.

use super::rows::push_ids;
use super::{Ledger, Result};
use kernel::ids::{OrderId, SaleId, StockChangeId};
use sqlx::QueryBuilder;

/// Something that Redis must be told of.
#[derive(Clone, Copy, Debug)]
pub struct Release {
    /// The row.
    pub id: u64,
    /// The sale.
    pub sale: SaleId,
    /// The sale's epoch when the row was written.
    pub epoch: u64,
    /// What happened.
    pub what: Freed,
}

/// What happened to units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freed {
    /// What this order held is free.
    Order(OrderId),
    /// What this order held has left the sale with it.
    Left(OrderId),
    /// Units came to the sale; 0 if what was held for the change is withdrawn for good.
    Changed(StockChangeId, u32),
}

impl Ledger {
    /// The oldest releases after the row `after`, at most `at_most`.
    pub async fn releases(&self, after: u64, at_most: u32) -> Result<Vec<Release>> {
        let rows = sqlx::query!(
            "SELECT id, sale_id, order_id, epoch, kind, units FROM release_outbox
             WHERE id > ? ORDER BY id LIMIT ?",
            after,
            at_most
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let releases = rows.into_iter().map(|row| Release {
            id: row.id,
            sale: SaleId(row.sale_id),
            epoch: row.epoch,
            what: match row.kind.as_str() {
                "release" => Freed::Order(OrderId(row.order_id)),
                "left" => Freed::Left(OrderId(row.order_id)),
                _ => Freed::Changed(StockChangeId(row.order_id), row.units),
            },
        });
        Ok(releases.collect())
    }

    /// Removes those of these releases that a Redis which has lost the sale will never take in:
    /// nobody counts it anew, as it closed more than `closed_for_ms` ago. Returns how many.
    pub async fn forget_releases(&self, ids: &[u64], closed_for_ms: i64) -> Result<u64> {
        if ids.is_empty() {
            return Ok(0);
        }
        let mut query = QueryBuilder::new(
            "DELETE release_outbox FROM release_outbox
             JOIN sales ON sales.id = release_outbox.sale_id
             WHERE sales.closes_at_ms <= CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ",
        );
        query.push_bind(closed_for_ms);
        query.push(" AND release_outbox.id IN ");
        push_ids(&mut query, ids.iter().copied());
        let mut connection = self.connection().await?;
        let done = query.build().execute(&mut *connection).await?;
        Ok(done.rows_affected())
    }

    /// Removes releases that Redis has taken in.
    pub async fn released(&self, ids: &[u64]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut query = QueryBuilder::new("DELETE FROM release_outbox WHERE id IN ");
        push_ids(&mut query, ids.iter().copied());
        query
            .build()
            .execute(&mut *self.connection().await?)
            .await?;
        Ok(())
    }
}
