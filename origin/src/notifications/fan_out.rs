//! Hands on what happened to orders: to the mails and to the subscriptions.
//!
//! Invariant: nobody is forgotten: an event stays in its outbox until everybody has a row.

use super::MAILED;
use crate::ledger::{Ledger, LedgerError};
use std::time::Duration;

/// How often the outbox is looked at.
const EVERY: Duration = Duration::from_millis(250);
/// Events handed on in one transaction.
const BATCH: u32 = 200;

/// Hands on for ever.
pub async fn fan_out(ledger: Ledger) {
    loop {
        if let Err(error) = hand_on(&ledger).await {
            tracing::warn!(%error, "Events of orders could not be handed on; trying again");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Hands on until nothing is left.
async fn hand_on(ledger: &Ledger) -> Result<(), LedgerError> {
    while ledger.fan_out(&MAILED, BATCH).await? > 0 {}
    Ok(())
}
