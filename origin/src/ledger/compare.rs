//! Our side of a comparison with the provider's list: payments, and what was given back of them.
//!
//! Invariant: reads only, in bounded pages, by index.

use super::{Ledger, Result, corrupt};
use kernel::ids::{OrderId, PaymentId, first_id_at};
use kernel::money::Money;
use kernel::time::UnixMillis;
use sqlx::QueryBuilder;
use std::collections::HashMap;

/// An id is minted by a process's clock and its row dated by the database's: they differ by less, in
/// milliseconds.
const CLOCKS_APART_MS: i64 = 3_600_000;

/// What we know of a payment that a provider has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurPayment {
    /// Its id with us; `None` if all we know is that its money goes back.
    pub payment: Option<PaymentId>,
    /// The order.
    pub order: OrderId,
    /// How much was asked for.
    pub amount: Money,
    /// Whether we know of the money: it paid the order, or goes back by itself.
    pub is_paid: bool,
    /// Whether it goes back by itself: what came was not what we had asked for, or came late.
    pub is_sent_back: bool,
    /// What has gone back for certain, in minor units.
    pub refunded_least: i64,
    /// What may have gone back by now.
    pub refunded_most: i64,
}

/// A payment of ours that is paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidHere {
    /// Its id.
    pub payment: PaymentId,
    /// The order.
    pub order: OrderId,
    /// The provider's id.
    pub provider_ref: String,
}

type Row = (u64, u64, String, i64, String, bool, bool, i64, i64);

impl Ledger {
    /// What we know of these payments of a provider, by its ids.
    pub async fn payments_at(
        &self,
        provider: &str,
        refs: &[&str],
    ) -> Result<HashMap<String, OurPayment>> {
        if refs.is_empty() {
            return Ok(HashMap::new());
        }
        let mut connection = self.connection().await?;
        let mut query = QueryBuilder::new(
            "SELECT payments.id, payments.order_id, payments.provider_ref, payments.amount_minor,
                    payments.currency, payments.state = 'paid',
                    COALESCE(MAX(refunds.automatic IS NOT NULL), 0) = 1,
                    CAST(COALESCE(SUM(IF(refunds.state = 'done', refunds.amount_minor, 0)), 0)
                         AS SIGNED),
                    CAST(COALESCE(SUM(IF(refunds.state <> 'failed', refunds.amount_minor, 0)), 0)
                         AS SIGNED)
             FROM payments LEFT JOIN refunds ON refunds.order_id = payments.order_id
                                            AND refunds.payment_ref = payments.provider_ref
             WHERE payments.provider = ",
        );
        query.push_bind(provider);
        query.push(" AND payments.provider_ref IN (");
        let mut list = query.separated(", ");
        for reference in refs {
            list.push_bind(*reference);
        }
        query.push(
            ") GROUP BY payments.id, payments.order_id, payments.provider_ref,
                        payments.amount_minor, payments.currency, payments.state",
        );
        let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *connection).await?;
        let mut known = HashMap::new();
        for (id, order, reference, amount, currency, paid, sent_back, least, most) in rows {
            let ours = OurPayment {
                payment: Some(PaymentId(id)),
                order: OrderId(order),
                amount: super::sales::money(amount, &currency)?,
                is_paid: paid || sent_back,
                is_sent_back: sent_back,
                refunded_least: least,
                refunded_most: most,
            };
            known.insert(reference, ours);
        }
        let unknown: Vec<&str> = refs
            .iter()
            .copied()
            .filter(|reference| !known.contains_key(*reference))
            .collect();
        known.extend(self.sent_back_at(provider, &unknown).await?);
        Ok(known)
    }

    /// Payments that are no order's, but whose money goes back.
    async fn sent_back_at(
        &self,
        provider: &str,
        refs: &[&str],
    ) -> Result<HashMap<String, OurPayment>> {
        if refs.is_empty() {
            return Ok(HashMap::new());
        }
        let mut query = QueryBuilder::new(
            "SELECT order_id, payment_ref, amount_minor, currency, state FROM refunds
             WHERE automatic IN (",
        );
        let mut list = query.separated(", ");
        for reference in refs {
            list.push_bind(super::refunds::automatic_key(provider, reference));
        }
        query.push(")");
        let rows: Vec<(u64, String, i64, String, String)> = query
            .build_query_as()
            .fetch_all(&mut *self.connection().await?)
            .await?;
        let ours = |(order, reference, amount, currency, state): (_, _, i64, String, String)| {
            let part = |counts: bool| if counts { amount } else { 0 };
            let ours = OurPayment {
                payment: None,
                order: OrderId(order),
                amount: super::sales::money(amount, &currency)?,
                is_paid: true,
                is_sent_back: true,
                refunded_least: part(state == "done"),
                refunded_most: part(state != "failed"),
            };
            Ok((reference, ours))
        };
        rows.into_iter().map(ours).collect()
    }

    /// Our paid payments begun at `from` or later and before `to`, above the id `after`, in the order
    /// of their ids.
    pub async fn paid_between(
        &self,
        provider: &str,
        (from, to): (UnixMillis, UnixMillis),
        after: PaymentId,
        limit: u32,
    ) -> Result<Vec<PaidHere>> {
        // Ids are an order in time, so the primary key finds the span.
        let first = first_id_at(from.plus_ms(-CLOCKS_APART_MS));
        let last = first_id_at(to.plus_ms(CLOCKS_APART_MS));
        let rows = sqlx::query!(
            "SELECT id, order_id, provider_ref FROM payments
             WHERE id > ? AND id < ? AND created_at_ms >= ? AND created_at_ms < ?
               AND provider = ? AND state = 'paid'
             ORDER BY id LIMIT ?",
            after.0.max(first),
            last,
            from.0,
            to.0,
            provider,
            limit
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let here = |payment: u64, order: u64, reference: Option<String>| {
            let nowhere = || corrupt(format!("payment {payment} is paid nowhere"));
            Ok(PaidHere {
                payment: PaymentId(payment),
                order: OrderId(order),
                provider_ref: reference.ok_or_else(nowhere)?,
            })
        };
        rows.into_iter()
            .map(|row| here(row.id, row.order_id, row.provider_ref))
            .collect()
    }

    /// Takes a periodic run that is due, for `taken_ms`; false if it is not due, or another process
    /// has it.
    pub async fn take_run(&self, name: &str, taken_ms: i64) -> Result<bool> {
        let update = sqlx::query!(
            "UPDATE periodic_runs
             SET next_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) + ?
             WHERE name = ? AND next_at_ms <= CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)",
            taken_ms,
            name
        );
        let done = update.execute(&mut *self.connection().await?).await?;
        Ok(done.rows_affected() == 1)
    }

    /// A periodic run is done: the next one is due in `in_ms`.
    pub async fn run_done(&self, name: &str, in_ms: i64) -> Result<()> {
        let update = sqlx::query!(
            "UPDATE periodic_runs
             SET next_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) + ? WHERE name = ?",
            in_ms,
            name
        );
        let done = update.execute(&mut *self.connection().await?).await?;
        super::must_touch("end a periodic run", 1, done.rows_affected())
    }
}
