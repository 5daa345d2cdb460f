//! Closes checkouts of orders that are over, where they do not end by themselves.
//!
//! Invariant: none is needed for the books: whoever pays meanwhile is late, and gets the money back.
//! It spares buyers that.

use super::provider::{Provider, ProviderError};
use crate::ledger::LedgerError;
use crate::stores::Stores;
use std::time::Duration;

/// How often is looked for them.
const EVERY: Duration = Duration::from_secs(2);
/// Checkouts closed at one look.
const BATCH: u32 = 100;

/// Why a look ended early.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// MySQL.
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
    /// The provider.
    #[error("the payment provider did not answer")]
    Provider(#[from] ProviderError),
}

/// Closes checkouts for ever; any number of processes may.
pub async fn close_checkouts(stores: Stores, provider: Provider) {
    loop {
        match close_stale(&stores, &provider).await {
            Ok(closed) if closed > 0 => tracing::info!(checkouts = closed, "Checkouts closed"),
            Ok(_) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "Checkouts could not be closed; trying again");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// One look; how many checkouts were closed.
pub async fn close_stale(stores: &Stores, provider: &Provider) -> Result<usize, CloseError> {
    if provider.checkouts_expire() {
        return Ok(0);
    }
    let stale = stores
        .ledger
        .stale_checkouts(provider.name(), BATCH)
        .await?;
    for checkout in &stale {
        provider.close_checkout(&checkout.provider_ref).await?;
        stores.ledger.checkout_closed(checkout.payment).await?;
    }
    Ok(stale.len())
}
