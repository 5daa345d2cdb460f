//! The release outbox: units that are free in MySQL and that Redis must be told of.
//!
//! Invariant: a row stays until Redis has answered; telling it twice does nothing.

use super::rows::push_ids;
use super::{Ledger, Result};
use kernel::ids::{OrderId, SaleId};
use sqlx::QueryBuilder;

/// What an order held is free.
#[derive(Clone, Copy, Debug)]
pub struct Release {
    /// The row.
    pub id: u64,
    /// The sale.
    pub sale: SaleId,
    /// The order.
    pub order: OrderId,
    /// The sale's epoch when the row was written.
    pub epoch: u64,
}

impl Ledger {
    /// The oldest releases, at most `at_most`.
    pub async fn releases(&self, at_most: u32) -> Result<Vec<Release>> {
        let rows = sqlx::query!(
            "SELECT id, sale_id, order_id, epoch FROM release_outbox ORDER BY id LIMIT ?",
            at_most
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let releases = rows.into_iter().map(|row| Release {
            id: row.id,
            sale: SaleId(row.sale_id),
            order: OrderId(row.order_id),
            epoch: row.epoch,
        });
        Ok(releases.collect())
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
            .persistent(false)
            .execute(&mut *self.connection().await?)
            .await?;
        Ok(())
    }
}
