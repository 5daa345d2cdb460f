//! Tells Redis which units MySQL has committed to be free.
//!
//! Invariant: `ledger-first`. Redis learns of a free unit from the outbox alone, by order id; a row
//! leaves the outbox after Redis has answered.

use crate::stock::Released;
use crate::stores::Stores;
use std::time::Duration;

/// How often the outbox is looked at.
const EVERY: Duration = Duration::from_millis(200);
/// Rows taken in at once.
const BATCH: u32 = 500;

/// Releases for ever.
pub async fn release(stores: Stores) {
    loop {
        match release_some(&stores).await {
            Ok(done) if done == BATCH as usize => {}
            Ok(_) => tokio::time::sleep(EVERY).await,
            Err(error) => {
                tracing::warn!(error, "Free units could not be released; trying again");
                tokio::time::sleep(EVERY).await;
            }
        }
    }
}

async fn release_some(stores: &Stores) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
    let mut done = Vec::new();
    for row in stores.ledger.releases(BATCH).await? {
        if stores.stock.release(row.sale, row.order, row.epoch).await? == Released::Done {
            done.push(row.id);
        }
    }
    stores.ledger.released(&done).await?;
    Ok(done.len())
}
