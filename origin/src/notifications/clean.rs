//! Deletes what was told long ago, gives up what nobody is to be told any more, and says how much
//! waits.
//!
//! Invariant: in small batches, so that no statement holds up those who write.

use crate::ledger::{Ledger, LedgerError};
use crate::ops::metrics::METRICS;
use std::time::Duration;

/// How long a mail or a delivery is kept once it is done, in milliseconds.
pub const KEPT_MS: i64 = 90 * 86_400_000;
/// Rows deleted in one statement.
const BATCH: u32 = 500;
/// How often it is looked how much waits.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// So many looks are between two cleanings: an hour.
const LOOKS: u32 = 720;
/// Between two batches.
const REST: Duration = Duration::from_millis(100);

/// Looks and cleans for ever.
pub async fn clean(ledger: Ledger) {
    loop {
        if let Err(error) = delete_old(&ledger).await {
            tracing::warn!(%error, "Old mails and deliveries could not be deleted; trying again in an hour");
        }
        for _ in 0..LOOKS {
            if let Err(error) = look(&ledger).await {
                tracing::debug!(%error, "It is not known how many mails wait");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

async fn look(ledger: &Ledger) -> Result<(), LedgerError> {
    METRICS
        .told
        .waiting("mail", ledger.waiting_notifications().await?);
    METRICS
        .told
        .waiting("webhook", ledger.waiting_deliveries().await?);
    Ok(())
}

async fn delete_old(ledger: &Ledger) -> Result<(), LedgerError> {
    while ledger.delete_notifications(KEPT_MS, BATCH).await? == u64::from(BATCH) {
        tokio::time::sleep(REST).await;
    }
    let given_up = crate::subscriptions::GIVE_UP_AFTER_MS;
    while ledger.give_up_deliveries(given_up, BATCH).await? == u64::from(BATCH) {
        tokio::time::sleep(REST).await;
    }
    while ledger.delete_deliveries(KEPT_MS, BATCH).await? == u64::from(BATCH) {
        tokio::time::sleep(REST).await;
    }
    Ok(())
}
