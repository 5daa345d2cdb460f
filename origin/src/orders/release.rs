//! Tells Redis what MySQL has committed of units: freed, added, withdrawn.
//!
//! Invariant: `ledger-first`. Redis learns of a free unit from the outbox alone, by the id of the
//! order or the change; a row leaves the outbox after Redis has answered.

use crate::fail_points::pass;
use crate::ledger::{Freed, Release};
use crate::stock::{Released, Stock, StockError};
use crate::stores::Stores;
use std::time::Duration;

/// How often the outbox is looked at.
const EVERY: Duration = Duration::from_millis(200);
/// Rows taken in at once.
const BATCH: u32 = 500;
/// A sale that closed longer ago is not counted anew when Redis loses it, in milliseconds: a day more
/// than that takes.
const CLOSED_FOR_MS: i64 = 72 * 3_600 * 1_000;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Releases for ever.
pub async fn release(stores: Stores) {
    loop {
        if let Err(error) = release_all(&stores).await {
            tracing::warn!(error, "Free units could not be released; trying again");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// One look at the whole outbox. Rows that Redis is not ready for stay, and hold nobody up.
pub async fn release_all(stores: &Stores) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let rows = stores.ledger.releases(after, BATCH).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.id;
        let (mut done, mut kept) = (Vec::new(), Vec::new());
        for row in &rows {
            match tell(&stores.stock, row).await? {
                Released::Done => done.push(row.id),
                Released::Later => kept.push(row.id),
            }
        }
        pass("release.told").await;
        stores.ledger.released(&done).await?;
        // An order can be refunded long after its sale, when Redis has nothing of it any more.
        let over = stores.ledger.forget_releases(&kept, CLOSED_FOR_MS).await?;
        if over > 0 {
            tracing::info!(
                releases = over,
                "Sales that are over were not told of units"
            );
        }
    }
}

async fn tell(stock: &Stock, row: &Release) -> Result<Released, StockError> {
    match row.what {
        Freed::Order(order) => stock.release(row.sale, order, row.epoch).await,
        Freed::Left(order) => stock.leave(row.sale, order, row.epoch).await,
        Freed::Changed(change, units) => stock.changed(row.sale, change, row.epoch, units).await,
    }
}
