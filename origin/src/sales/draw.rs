//! Draws the places of sales that open.
//!
//! Invariant: a sale is drawn once, soon after its opening: at once if nobody joined, when all
//! lobbies have closed, or when they had the time to. No PoP and no beacon that is away holds up a
//! sale for longer than its deadline.

use super::beacon::Source;
use crate::ledger::{Ledger, LedgerError, RoundDue};
use futures::future::join_all;
use std::time::Duration;

/// How often sales are looked at that have opened, or wait for a beacon.
const EVERY: Duration = Duration::from_millis(200);

/// Draws for ever. Without a source, sales that name a beacon are drawn without its value, after
/// the time they wait for it.
pub async fn draw_lobbies(ledger: Ledger, source: Option<Source>) {
    let freeze = async {
        loop {
            if let Err(error) = freeze_all(&ledger).await {
                tracing::warn!(%error, "Lobbies could not be frozen; trying again");
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    let finish = async {
        loop {
            if let Err(error) = finish_all(&ledger, source.as_ref()).await {
                tracing::warn!(%error, "Draws could not be finished; trying again");
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::join!(freeze, finish);
}

/// One look at the sales that have opened.
pub async fn freeze_all(ledger: &Ledger) -> Result<(), LedgerError> {
    for sale in ledger.sales_to_freeze().await? {
        if ledger.freeze_lobbies(sale).await? {
            tracing::info!(%sale, "The lobbies are frozen");
        }
    }
    Ok(())
}

/// One look at the draws that wait for a beacon.
pub async fn finish_all(ledger: &Ledger, source: Option<&Source>) -> Result<(), LedgerError> {
    let due = ledger.rounds_due().await?;
    let finished = join_all(due.into_iter().map(|due| finish(ledger, source, due))).await;
    finished.into_iter().collect()
}

async fn finish(
    ledger: &Ledger,
    source: Option<&Source>,
    due: RoundDue,
) -> Result<(), LedgerError> {
    let RoundDue { sale, round, .. } = due;
    let value = match source {
        None => None,
        Some(source) => source.value(round).await.map_or_else(
            |error| {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, %sale, round, "The beacon's round could not be read");
                None
            },
            Some,
        ),
    };
    if value.is_none() && !due.is_late {
        return Ok(());
    }
    if ledger.finish_draw(due, value.as_deref()).await? {
        let with_beacon = value.is_some();
        tracing::info!(%sale, round, with_beacon, "The places are drawn");
    }
    Ok(())
}
