//! Money that came, or did not: what a provider's webhook does to payment and order.
//!
//! Invariant: `paid-once`, `once`. An event acts once; an order is paid in the transaction that
//! notes the event. `one-clock`: the database's clock decides whether the money came in time. Money
//! that no order takes is written down to go back in that same transaction.

use super::order_events::{OrderEvent, record};
use super::refunds::{NewRefund, Promise, RefundReason, automatic_key, insert_refund};
use super::rows::{Entry, enter};
use super::{Ledger, Result, must_touch, retry};
use crate::fail_points::pass;
use kernel::ids::OrderId;
use kernel::money::Money;
use sqlx::MySqlConnection;

/// What a provider's webhook tells about a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The provider's id of the event.
    pub event: String,
    /// Which provider.
    pub provider: &'static str,
    /// The provider's id of the payment.
    pub provider_ref: String,
    /// The order it says it is for.
    pub order: OrderId,
    /// How much.
    pub amount: Money,
    /// Whether the money is there; otherwise the try was declined.
    pub paid: bool,
}

/// What the settlement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The order is paid now.
    Paid,
    /// The try was declined; the order can still be paid.
    Declined,
    /// The event came before, or tells what is known; nothing changed.
    Repeated,
    /// The money came for an order that can no longer be paid: it goes back.
    Late,
    /// Payment, order, amount or currency are not what we asked for: the order is not paid, and money
    /// that came goes back.
    Mismatch,
    /// Neither the payment nor the order is ours; nothing changed.
    Unknown,
}

impl Settled {
    /// The word for it in SQL and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Declined => "declined",
            Self::Repeated => "repeated",
            Self::Late => "late",
            Self::Mismatch => "mismatch",
            Self::Unknown => "unknown",
        }
    }
}

/// Our row of the payment that an event tells of.
struct Known {
    id: u64,
    order: u64,
    amount_minor: i64,
    currency: String,
    is_paid: bool,
    /// Whether the row has the event's payment, and not another one of the same order.
    is_same: bool,
}

impl Known {
    fn expects(&self, settlement: &Settlement) -> bool {
        self.is_same
            && self.order == settlement.order.0
            && self.amount_minor == settlement.amount.amount_minor
            && self.currency == settlement.amount.currency.to_string()
    }
}

impl Ledger {
    /// Acts on a webhook, once. `promise` is for the refund that may follow.
    pub async fn settle(&self, settlement: &Settlement, promise: Promise) -> Result<Settled> {
        match retry(|| self.settle_once(settlement, promise)).await {
            Err(error) if error.is_duplicate() => Ok(Settled::Repeated),
            result => result,
        }
    }

    async fn settle_once(&self, settlement: &Settlement, promise: Promise) -> Result<Settled> {
        let mut transaction = self.begin().await?;
        let known = find(&mut transaction, settlement).await?;
        let settled = match &known {
            None => Settled::Unknown,
            Some(known) => act(&mut transaction, settlement, known, promise).await?,
        };
        note_event(
            &mut transaction,
            &settlement.event,
            known.map(|known| known.id),
            if settlement.paid {
                "payment.paid"
            } else {
                "payment.declined"
            },
            settled.as_str(),
        )
        .await?;
        pass("settle.counted").await;
        transaction.commit().await?;
        Ok(settled)
    }
}

/// Notes that an event was acted on; one that was noted before is a duplicate.
pub(super) async fn note_event(
    connection: &mut MySqlConnection,
    event: &str,
    payment: Option<u64>,
    kind: &str,
    outcome: &str,
) -> Result<()> {
    let noted = sqlx::query!(
        "INSERT INTO payment_events (id, payment_id, kind, outcome, received_at_ms)
         VALUES (?, ?, ?, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
        event,
        payment,
        kind,
        outcome
    );
    let done = noted.execute(connection).await?;
    must_touch("record event", 1, done.rows_affected())
}

/// Finds and locks the payment, by the provider's id, or by the order if we never had the answer that
/// told us that id.
async fn find(connection: &mut MySqlConnection, settlement: &Settlement) -> Result<Option<Known>> {
    let row = sqlx::query!(
        "SELECT id, order_id, amount_minor, currency, state FROM payments
         WHERE provider_ref = ? AND provider = ? FOR UPDATE",
        settlement.provider_ref,
        settlement.provider
    );
    if let Some(row) = row.fetch_optional(&mut *connection).await? {
        return Ok(Some(Known {
            id: row.id,
            order: row.order_id,
            amount_minor: row.amount_minor,
            currency: row.currency,
            is_paid: row.state == "paid",
            is_same: true,
        }));
    }
    let row = sqlx::query!(
        "SELECT id, order_id, provider_ref, provider, amount_minor, currency, state FROM payments
         WHERE order_id = ? FOR UPDATE",
        settlement.order.0
    );
    let Some(row) = row.fetch_optional(&mut *connection).await? else {
        return Ok(None);
    };
    let is_same = row.provider_ref.is_none() && row.provider == settlement.provider;
    if is_same {
        let adopt = sqlx::query!(
            "UPDATE payments SET provider_ref = ? WHERE id = ?",
            settlement.provider_ref,
            row.id
        );
        let done = adopt.execute(&mut *connection).await?;
        must_touch("adopt payment", 1, done.rows_affected())?;
    }
    Ok(Some(Known {
        id: row.id,
        order: row.order_id,
        amount_minor: row.amount_minor,
        currency: row.currency,
        is_paid: row.state == "paid",
        is_same,
    }))
}

async fn act(
    connection: &mut MySqlConnection,
    settlement: &Settlement,
    known: &Known,
    promise: Promise,
) -> Result<Settled> {
    let is_over = known.is_same && known.is_paid;
    if is_over || is_sent_back(connection, settlement).await? {
        return Ok(Settled::Repeated);
    }
    let settled = match (known.expects(settlement), settlement.paid) {
        (true, true) => pay(connection, settlement.order).await?,
        (true, false) => Settled::Declined,
        (false, _) => Settled::Mismatch,
    };
    let state = match settled {
        Settled::Paid | Settled::Late => Some("paid"),
        Settled::Declined => Some("declined"),
        _ => None,
    };
    if let Some(state) = state {
        let update = sqlx::query!(
            "UPDATE payments SET state = ? WHERE id = ?",
            state,
            known.id
        );
        let done = update.execute(&mut *connection).await?;
        must_touch("settle payment", 1, done.rows_affected())?;
    }
    let reason = match settled {
        Settled::Late => RefundReason::Late,
        Settled::Mismatch if settlement.paid => RefundReason::Mismatch,
        _ => return Ok(settled),
    };
    let refund = NewRefund {
        payment: known.id,
        order: known.order,
        provider: settlement.provider,
        payment_ref: &settlement.provider_ref,
        amount: settlement.amount,
        reason,
        restock: false,
        actor: None,
        promise,
    };
    insert_refund(connection, &refund).await?;
    Ok(settled)
}

/// Whether the money of this payment was sent back by itself before.
async fn is_sent_back(connection: &mut MySqlConnection, settlement: &Settlement) -> Result<bool> {
    let refund = sqlx::query_scalar!(
        "SELECT id FROM refunds WHERE automatic = ?",
        automatic_key(settlement.provider, &settlement.provider_ref)
    );
    Ok(refund.fetch_optional(connection).await?.is_some())
}

async fn pay(connection: &mut MySqlConnection, id: OrderId) -> Result<Settled> {
    let paid = sqlx::query!(
        "UPDATE orders SET state = 'paid', version = version + 1
         WHERE id = ? AND state = 'pending_payment'
           AND expires_at_ms > CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)",
        id.0
    );
    if paid.execute(&mut *connection).await?.rows_affected() != 1 {
        return Ok(Settled::Late);
    }
    let order = sqlx::query!("SELECT sale_id, quantity FROM orders WHERE id = ?", id.0);
    let order = order.fetch_one(&mut *connection).await?;
    let entry = Entry {
        sale: order.sale_id,
        order: Some(id.0),
        source: "reserved",
        target: "sold",
        units: order.quantity,
    };
    enter(connection, &[entry]).await?;
    record(connection, OrderEvent::Paid, [id.0].into_iter()).await?;
    let counters = sqlx::query!(
        "UPDATE sales SET reserved = reserved - ?, sold = sold + ?, version = version + 1
         WHERE id = ? AND reserved >= ?",
        order.quantity,
        order.quantity,
        order.sale_id,
        order.quantity
    );
    let done = counters.execute(connection).await?;
    must_touch("count as sold", 1, done.rows_affected())?;
    Ok(Settled::Paid)
}
