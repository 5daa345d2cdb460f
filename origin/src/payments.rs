//! Payments: begun at a provider, settled by its signed webhooks, given back through an outbox, and
//! compared with the provider's own list.
//!
//! Invariant: the amount asked for is the order's, and the order's alone; what a webhook says is
//! compared with it, and money that no order takes goes back.

mod checkouts;
mod compare;
mod provider;
mod refunds;
mod sandbox;
mod stripe;
mod view;

pub use checkouts::{CloseError, close_checkouts, close_stale};
pub use compare::{
    CompareError, Compared, Difference, Kind, Span, compare_daily, compare_payments,
};
pub use provider::{
    BadWebhook, Checkout, CheckoutRequest, Listed, Page, PaymentProvider, Provider, ProviderError,
    ProviderEvent, REFERENCE_BYTES_MAX, RefundAnswer, RefundRequest,
};
pub(crate) use refunds::tell as tell_refund;
pub use refunds::{refund_order, work_off_refunds};
pub use view::refund_view;

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

/// Begins the payment of an order, or returns the one begun before. The buyer returns to the site at
/// `public_url`.
pub async fn start(
    stores: &Stores,
    provider: &Provider,
    public_url: &str,
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
    let start = StartPayment {
        id,
        order,
        provider: provider.name(),
        ship_to,
    };
    let row = stores.ledger.start_payment(start).await?;
    let request = CheckoutRequest {
        payment: row.id,
        order: order.id,
        amount: row.amount,
        expires_at: expires_at.plus_ms(-CHECKOUT_ENDS_BEFORE_MS),
        return_url: &format!("{public_url}/orders/{}", order.id),
    };
    let checkout = provider.open_checkout(request).await?;
    let (reference, url) = (&checkout.provider_ref, &checkout.checkout_url);
    stores
        .ledger
        .payment_started(row.id, provider.name(), reference, url)
        .await?;
    Ok(PaymentStarted {
        payment_id: row.id,
        checkout_url: checkout.checkout_url,
    })
}
