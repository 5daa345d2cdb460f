//! What time does to orders: the unpaid expire.
//!
//! Invariant: `nothing-leaks`. Every pending row ends paid, cancelled or expired.

use crate::stores::Stores;
use std::time::Duration;

/// How often the sweeper looks.
const EVERY: Duration = Duration::from_millis(500);
/// Orders expired in one transaction.
const EXPIRE_BATCH: u32 = 100;

/// Sweeps for ever.
pub async fn sweep(stores: Stores) {
    loop {
        expire(&stores).await;
        tokio::time::sleep(EVERY).await;
    }
}

async fn expire(stores: &Stores) {
    loop {
        match stores.ledger.expire(EXPIRE_BATCH).await {
            Ok(expired) if expired == EXPIRE_BATCH as usize => {}
            Ok(0) => return,
            Ok(expired) => return tracing::info!(orders = expired, "Orders expired unpaid"),
            Err(error) => return tracing::warn!(%error, "Orders could not be expired"),
        }
    }
}
