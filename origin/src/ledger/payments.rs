//! Payments of orders.
//!
//! Invariant: an order has one payment; asking again returns it.

use super::orders::OrderRow;
use super::sales::money;
use super::{Ledger, LedgerError, Result, corrupt, must_touch};
use kernel::ids::{OrderId, PaymentId};
use kernel::money::Money;
use kernel::wire::Address;

/// A payment as stored.
#[derive(Clone, Debug)]
pub struct PaymentRow {
    /// Its id with us, and its idempotency key at the provider.
    pub id: PaymentId,
    /// The order.
    pub order: OrderId,
    /// How much.
    pub amount: Money,
    /// Where to pay, once the provider has said so.
    pub checkout_url: Option<String>,
}

/// A payment to be begun.
#[derive(Clone, Copy, Debug)]
pub struct StartPayment<'a> {
    /// Its id, if it is the first for this order.
    pub id: PaymentId,
    /// The order.
    pub order: &'a OrderRow,
    /// The provider that takes it.
    pub provider: &'static str,
    /// Where the parcel goes.
    pub ship_to: &'a Address,
}

impl Ledger {
    /// Records a payment for an order, or returns the one there is.
    pub async fn start_payment(&self, start: StartPayment<'_>) -> Result<PaymentRow> {
        let ship_to = serde_json::to_string(start.ship_to).map_err(corrupt)?;
        let inserted = sqlx::query!(
            "INSERT INTO payments
                (id, order_id, provider, amount_minor, currency, state, ship_to, created_at_ms)
             VALUES (?, ?, ?, ?, ?, 'open', ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
            start.id.0,
            start.order.id.0,
            start.provider,
            start.order.amount.amount_minor,
            start.order.amount.currency.to_string(),
            ship_to
        );
        match inserted
            .execute(&mut *self.connection().await?)
            .await
            .map_err(LedgerError::from)
        {
            Ok(_) => {}
            Err(error) if error.is_duplicate() => {}
            Err(error) => return Err(error),
        }
        let row = sqlx::query!(
            "SELECT id, order_id, amount_minor, currency, checkout_url FROM payments
             WHERE order_id = ?",
            start.order.id.0
        );
        let row = row.fetch_one(&mut *self.connection().await?).await?;
        Ok(PaymentRow {
            id: PaymentId(row.id),
            order: OrderId(row.order_id),
            amount: money(row.amount_minor, &row.currency)?,
            checkout_url: row.checkout_url,
        })
    }

    /// Notes what the provider answered.
    pub async fn payment_started(
        &self,
        id: PaymentId,
        provider: &str,
        provider_ref: &str,
        checkout_url: &str,
    ) -> Result<()> {
        let update = sqlx::query!(
            "UPDATE payments SET provider = ?, provider_ref = ?, checkout_url = ? WHERE id = ?",
            provider,
            provider_ref,
            checkout_url,
            id.0
        );
        must_touch(
            "payment started",
            1,
            update
                .execute(&mut *self.connection().await?)
                .await?
                .rows_affected(),
        )
    }
}
