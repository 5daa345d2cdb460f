//! The end of a pending order: paid, cancelled or expired (`expire.rs`), whichever commits first.
//!
//! Invariant: `one-clock`. The database's clock decides in a conditional UPDATE; of payment and
//! expiry one wins. `ledger-first`: units become free here, and Redis learns it from the outbox.

use super::order_events::{OrderEvent, record};
use super::rows::{Entry, enter, push_ids};
use super::{Ledger, Result, must_touch, retry};
use crate::fail_points::pass;
use kernel::ids::{AccountId, OrderId, SaleId};
use kernel::money::Money;
use kernel::order::OrderState;
use sqlx::{MySqlConnection, QueryBuilder};
use std::collections::BTreeMap;

/// What a provider's webhook tells.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The provider's id of the event.
    pub event: String,
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
    /// The event came before; nothing changed.
    Repeated,
    /// The money came for an order that can no longer be paid: it must go back.
    Late,
    /// Payment, order, amount or currency are not what we asked for; nothing changed.
    Mismatch,
}

impl Settled {
    fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Declined => "declined",
            Self::Repeated => "repeated",
            Self::Late => "late",
            Self::Mismatch => "mismatch",
        }
    }
}

/// What asking to cancel did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The order is cancelled now, or was.
    Yes,
    /// It is in a state that cannot be cancelled.
    No,
    /// No such order of this account.
    Unknown,
}

pub(super) struct Closing {
    pub(super) order: u64,
    pub(super) sale: u64,
    pub(super) account: u64,
    pub(super) units: u32,
}

impl Ledger {
    /// Acts on a webhook, once.
    pub async fn settle(&self, settlement: &Settlement) -> Result<Settled> {
        match retry(|| self.settle_once(settlement)).await {
            Err(error) if error.is_duplicate() => Ok(Settled::Repeated),
            result => result,
        }
    }

    async fn settle_once(&self, settlement: &Settlement) -> Result<Settled> {
        let mut transaction = self.begin().await?;
        let payment = sqlx::query!(
            "SELECT id, order_id, amount_minor, currency, state FROM payments
             WHERE provider_ref = ? FOR UPDATE",
            settlement.provider_ref
        );
        let payment = payment.fetch_optional(&mut *transaction).await?;
        let expected = payment.as_ref().is_some_and(|payment| {
            payment.order_id == settlement.order.0
                && payment.amount_minor == settlement.amount.amount_minor
                && payment.currency == settlement.amount.currency.to_string()
        });
        let payment_id = payment.as_ref().map(|payment| payment.id);
        let already_paid = payment.is_some_and(|payment| payment.state == "paid");
        let settled = if !expected {
            Settled::Mismatch
        } else if already_paid {
            Settled::Repeated
        } else if settlement.paid {
            pay(&mut transaction, settlement.order).await?
        } else {
            Settled::Declined
        };
        let state = match settled {
            Settled::Paid | Settled::Late => Some("paid"),
            Settled::Declined => Some("declined"),
            Settled::Repeated | Settled::Mismatch => None,
        };
        if let (Some(state), Some(id)) = (state, payment_id) {
            let update = sqlx::query!("UPDATE payments SET state = ? WHERE id = ?", state, id);
            let done = update.execute(&mut *transaction).await?;
            must_touch("settle payment", 1, done.rows_affected())?;
        }
        let event = sqlx::query!(
            "INSERT INTO payment_events (id, payment_id, kind, outcome, received_at_ms)
             VALUES (?, ?, ?, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
            settlement.event,
            payment_id,
            if settlement.paid {
                "payment.paid"
            } else {
                "payment.declined"
            },
            settled.as_str()
        );
        let done = event.execute(&mut *transaction).await?;
        must_touch("record event", 1, done.rows_affected())?;
        pass("settle.counted").await;
        transaction.commit().await?;
        Ok(settled)
    }

    /// Cancels a pending order of this account.
    pub async fn cancel(&self, id: OrderId, account: AccountId) -> Result<Cancelled> {
        retry(|| self.cancel_once(id, account)).await
    }

    async fn cancel_once(&self, id: OrderId, account: AccountId) -> Result<Cancelled> {
        let mut transaction = self.begin().await?;
        let order = sqlx::query!(
            "SELECT sale_id, quantity, state FROM orders WHERE id = ? AND account_id = ? FOR UPDATE",
            id.0,
            account.0
        );
        let Some(order) = order.fetch_optional(&mut *transaction).await? else {
            return Ok(Cancelled::Unknown);
        };
        match order.state.as_str() {
            "cancelled" => return Ok(Cancelled::Yes),
            "pending_payment" => {}
            _ => return Ok(Cancelled::No),
        }
        let closing = Closing {
            order: id.0,
            sale: order.sale_id,
            account: account.0,
            units: order.quantity,
        };
        close(
            &mut transaction,
            OrderState::Cancelled,
            SaleId(order.sale_id),
            &[closing],
        )
        .await?;
        transaction.commit().await?;
        Ok(Cancelled::Yes)
    }
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

/// Ends pending orders of one sale whose rows this transaction has locked.
pub(super) async fn close(
    connection: &mut MySqlConnection,
    state: OrderState,
    sale: SaleId,
    closing: &[Closing],
) -> Result<()> {
    assert!(
        OrderState::PendingPayment.may_become(state),
        "a pending order does not end {}",
        state.as_str()
    );
    let count = closing.len() as u64;
    let mut query = QueryBuilder::new("UPDATE orders SET version = version + 1, state = ");
    query
        .push_bind(state.as_str())
        .push(" WHERE state = 'pending_payment' AND id IN ");
    push_ids(&mut query, closing.iter().map(|order| order.order));
    let done = query.build().execute(&mut *connection).await?;
    must_touch("close orders", count, done.rows_affected())?;

    let mut by_account = BTreeMap::<u64, u32>::new();
    for order in closing {
        *by_account.entry(order.account).or_default() += order.units;
    }
    for (account, units) in by_account {
        let update = sqlx::query!(
            "UPDATE sale_accounts SET units = units - ?
             WHERE sale_id = ? AND account_id = ? AND units >= ?",
            units,
            sale.0,
            account,
            units
        );
        let done = update.execute(&mut *connection).await?;
        must_touch("give the limit back", 1, done.rows_affected())?;
    }
    let entries: Vec<Entry> = closing
        .iter()
        .map(|order| Entry {
            sale: order.sale,
            order: Some(order.order),
            source: "reserved",
            target: "available",
            units: order.units,
        })
        .collect();
    enter(connection, &entries).await?;
    let event = match state {
        OrderState::Cancelled => OrderEvent::Cancelled,
        _ => OrderEvent::Expired,
    };
    record(connection, event, closing.iter().map(|order| order.order)).await?;

    let units: u32 = closing.iter().map(|order| order.units).sum();
    let counters = sqlx::query!(
        "UPDATE sales SET reserved = reserved - ?, version = version + 1
         WHERE id = ? AND reserved >= ?",
        units,
        sale.0,
        units
    );
    let done = counters.execute(&mut *connection).await?;
    must_touch("give units back", 1, done.rows_affected())?;
    // The sale's row is held since the UPDATE, so its epoch cannot change before the commit.
    let mut query = QueryBuilder::new(
        "INSERT INTO release_outbox (sale_id, order_id, epoch, created_at_ms)
         SELECT orders.sale_id, orders.id, sales.epoch,
                CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
         FROM orders JOIN sales ON sales.id = orders.sale_id WHERE orders.id IN ",
    );
    push_ids(&mut query, closing.iter().map(|order| order.order));
    let done = query.build().execute(connection).await?;
    must_touch("write releases", count, done.rows_affected())?;
    pass("close.counted").await;
    Ok(())
}
