//! Counts a sale anew from MySQL when Redis cannot be trusted with it.
//!
//! Invariant: nobody admits by half a count. Admissions are held back, the queue drains, MySQL is
//! read in one transaction under a later epoch, and Redis switches in one call. Whatever breaks off
//! in between leaves a sale that admits nobody, and is begun again.

use super::metrics::METRICS;
use crate::fail_points::pass;
use crate::ledger::{Ledger, LedgerError, Watched, stock_state};
use crate::queue::Queue;
use crate::stock::{Level, Stock, StockError, Switched};
use crate::stores::Stores;
use kernel::ids::SaleId;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How often Redis is compared with MySQL.
const EVERY: Duration = Duration::from_millis(500);
/// How long the queue may take to drain; one that cannot does not stop a rebuild.
const DRAIN: Duration = Duration::from_secs(10);
/// How often the queue is looked at meanwhile.
const DRAIN_POLL: Duration = Duration::from_millis(50);
/// Sales counted at the same time.
const AT_ONCE: usize = 8;
/// A sale that closed longer ago has no order that could end, in milliseconds: the queue keeps
/// messages for a day, and an order can be paid for a day.
const CLOSED_FOR_MS: i64 = 48 * 3_600 * 1_000;

/// What a rebuild did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebuilt {
    /// Redis goes by a new count.
    Yes {
        /// Its epoch.
        epoch: u64,
        /// Units that can be held.
        available: u32,
    },
    /// Another process is at it.
    Busy,
}

/// Why a sale was not counted anew. It admits nobody until it is.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// MySQL.
    #[error("the ledger could not be read")]
    Ledger(#[from] LedgerError),
    /// Redis.
    #[error("the count could not be taken into Redis")]
    Stock(#[from] StockError),
    /// Redis came to another epoch meanwhile.
    #[error("Redis went by epoch {0} before this count was ready")]
    Overtaken(u64),
}

/// Counts a sale anew.
pub async fn rebuild(
    ledger: &Ledger,
    stock: &Stock,
    queue: &Queue,
    sale: SaleId,
) -> Result<Rebuilt, RebuildError> {
    let Some(_lock) = ledger.rebuild_lock(sale).await? else {
        return Ok(Rebuilt::Busy);
    };
    let in_redis = stock.hold_back(sale).await?;
    pass("rebuild.held-back").await;
    drain(stock, queue, sale).await;
    let count = ledger.count(sale, in_redis).await?;
    pass("rebuild.counted").await;
    let switched = stock.switch(&count).await?;
    pass("rebuild.switched").await;
    match switched {
        Switched::Yes => Ok(Rebuilt::Yes {
            epoch: count.epoch,
            available: count.available,
        }),
        Switched::Kept(epoch) => Err(RebuildError::Overtaken(epoch)),
    }
}

/// Waits until what was admitted is decided, so that few have to try again.
async fn drain(stock: &Stock, queue: &Queue, sale: SaleId) {
    let deadline = Instant::now() + DRAIN;
    let last = queue.last_place().await.unwrap_or(u64::MAX);
    loop {
        match is_drained(stock, queue, sale, last).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => tracing::debug!(error, "The queue cannot be seen to drain"),
        }
        if Instant::now() >= deadline {
            let sale = sale.to_string();
            return tracing::warn!(sale.id = sale, "The queue did not drain; counting anyway");
        }
        tokio::time::sleep(DRAIN_POLL).await;
    }
}

async fn is_drained(
    stock: &Stock,
    queue: &Queue,
    sale: SaleId,
    last: u64,
) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
    Ok(queue.decided_up_to().await? >= last && !stock.has_undecided(sale).await?)
}

/// Compares Redis with MySQL for ever, and counts anew what does not go by MySQL.
pub async fn watch(stores: Stores) {
    loop {
        if let Err(error) = look(&stores).await {
            tracing::warn!(error, "Redis could not be compared with MySQL");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn look(stores: &Stores) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let watched = stores.ledger.watched_sales(CLOSED_FOR_MS).await?;
    let ids: Vec<SaleId> = watched.iter().map(|watched| watched.sale).collect();
    let levels = stores.stock.levels(&ids).await?;
    let mut mending = JoinSet::new();
    for (watched, level) in watched.into_iter().zip(levels) {
        if mending.len() == AT_ONCE {
            mending.join_next().await;
        }
        mending.spawn(mend(stores.clone(), watched, level));
    }
    mending.join_all().await;
    Ok(())
}

async fn mend(stores: Stores, watched: Watched, level: Option<Level>) {
    let Watched {
        sale,
        epoch,
        phase,
        asked,
    } = watched;
    let Stores {
        ledger,
        stock,
        queue,
        ..
    } = &stores;
    let id = sale.to_string();
    let counted = level.filter(|level| !asked && level.is_of(epoch));
    if let Some(level) = counted {
        let state = stock_state(phase);
        if level.state != state {
            // A change of phase that broke off between the two stores.
            if let Err(error) = stock.set_state(sale, epoch, state).await {
                tracing::warn!(sale.id = id, %error, "The state of a sale was not mended");
            }
        }
        return;
    }
    match rebuild(ledger, stock, queue, sale).await {
        Ok(Rebuilt::Busy) => {}
        Ok(Rebuilt::Yes { epoch, available }) => {
            METRICS.rebuilds.with_label_values(&["done"]).inc();
            tracing::warn!(sale.id = id, epoch, available, "A sale was counted anew");
        }
        Err(error) => {
            METRICS.rebuilds.with_label_values(&["failed"]).inc();
            let error = &error as &dyn std::error::Error;
            tracing::error!(sale.id = id, error, "A sale could not be counted anew");
        }
    }
}
