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
            what: if row.kind == "release" {
                Freed::Order(OrderId(row.order_id))
            } else {
                Freed::Changed(StockChangeId(row.order_id), row.units)
            },
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
            .execute(&mut *self.connection().await?)
            .await?;
        Ok(())
    }
}
