//! Payments: begun at a provider, settled by its signed webhooks.
//!
//! Invariant: the amount asked for is the order's, and the order's alone; what a webhook says is
//! compared with it.

mod sandbox;
mod webhook;

pub use sandbox::{Provider, ProviderError};
pub use webhook::{BadWebhook, read};

use crate::ids::IdError;
use crate::ledger::{LedgerError, OrderRow, StartPayment};
use crate::stores::Stores;
use kernel::ids::PaymentId;
use kernel::order::OrderState;
use kernel::wire::{Address, PaymentStarted};

/// The provider's checkout ends this much before the order does, in milliseconds, so that money
/// does not come too late.
const CHECKOUT_ENDS_BEFORE_MS: i64 = 30_000;

/// Why no payment was begun.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// The order is in a state that cannot be paid.
    #[error("the order is {0}")]
    NotPayable(&'static str),
    /// The provider.
    #[error("the payment provider did not answer")]
    Provider(#[from] ProviderError),
    /// MySQL.
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
    /// No id to be had.
    #[error("no id for the payment")]
    Id(#[from] IdError),
}

/// Begins the payment of an order, or returns the one begun before.
pub async fn start(
    stores: &Stores,
    provider: &Provider,
    order: &OrderRow,
    ship_to: &Address,
) -> Result<PaymentStarted, PayError> {
    if let Some(payment) = &order.payment {
        let checkout_url = payment.checkout_url.clone();
        return Ok(PaymentStarted {
            payment_id: payment.payment_id,
            checkout_url,
        });
    }
    let expires_at = match (order.state, order.expires_at) {
        (OrderState::PendingPayment, Some(expires_at)) => expires_at,
        (state, _) => return Err(PayError::NotPayable(state.as_str())),
    };
    let id = PaymentId(stores.ids.next().await?);
    let row = stores
        .ledger
        .start_payment(StartPayment { id, order, ship_to })
        .await?;
    let checkout = provider
        .open_checkout(
            row.id,
            order.id,
            row.amount,
            expires_at.plus_ms(-CHECKOUT_ENDS_BEFORE_MS),
        )
        .await?;
    stores
        .ledger
        .payment_started(row.id, &checkout.payment_id, &checkout.checkout_url)
        .await?;
    Ok(PaymentStarted {
        payment_id: row.id,
        checkout_url: checkout.checkout_url,
    })
}
