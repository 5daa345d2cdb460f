//! Checkouts that the provider must be told to close, as their orders are over.
//!
//! Invariant: one is told of until it is noted as closed; a paid one never is.

use super::{Ledger, Result, must_touch};
use kernel::ids::PaymentId;

/// A checkout at the provider whose order has closed without money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleCheckout {
    /// Our payment.
    pub payment: PaymentId,
    /// The provider's id of it.
    pub provider_ref: String,
}

impl Ledger {
    /// Checkouts to be closed, the oldest first.
    pub async fn stale_checkouts(&self, provider: &str, limit: u32) -> Result<Vec<StaleCheckout>> {
        let rows = sqlx::query!(
            r#"SELECT p.id, p.provider_ref AS "provider_ref!" FROM payments p
               JOIN orders o ON o.id = p.order_id
               WHERE p.provider = ? AND p.state IN ('open', 'declined') AND p.checkout_closed_at_ms IS NULL
                 AND p.provider_ref IS NOT NULL AND o.state IN ('cancelled', 'expired')
               ORDER BY p.id LIMIT ?"#,
            provider,
            limit
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let stale = rows.into_iter().map(|row| StaleCheckout {
            payment: PaymentId(row.id),
            provider_ref: row.provider_ref,
        });
        Ok(stale.collect())
    }

    /// Notes that the provider closed a checkout.
    pub async fn checkout_closed(&self, payment: PaymentId) -> Result<()> {
        let update = sqlx::query!(
            "UPDATE payments
             SET checkout_closed_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
             WHERE id = ?",
            payment.0
        );
        let done = update.execute(&mut *self.connection().await?).await?;
        must_touch("checkout closed", 1, done.rows_affected())
    }
}
