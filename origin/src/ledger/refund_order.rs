//! An operator gives money of a paid order back: a part, or all of it and the order with it.
//!
//! Invariant: all refunds of a payment together are never more than was paid; they are added up
//! while its row is held. `books-balance`: the units of an order that is refunded go on sale again, or
//! leave the sale, in the same transaction; in neither case does the account hold them any more.
//! `ledger-first`: Redis learns it from the outbox.

use super::close::give_limit_back;
use super::operator_log::{Actor, Line, log};
use super::refunds::{NewRefund, Promise, RefundReason, insert_refund};
use super::rows::{Entry, enter};
use super::sales::money;
use super::{Ledger, Result, corrupt, must_touch, retry};
use kernel::ids::{OrderId, RefundId};
use kernel::money::Money;
use kernel::order::OrderState;
use serde::Serialize;
use sqlx::MySqlConnection;

/// What an operator asks for.
#[derive(Clone, Copy, Debug)]
pub struct RefundOrder {
    /// The order.
    pub order: OrderId,
    /// How much, in minor units; all that is left if it is not said.
    pub amount_minor: Option<i64>,
    /// Whether its units go on sale again; with the whole alone.
    pub restock: bool,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refunding {
    /// It is written down, and goes to the provider by itself.
    Begun {
        /// The refund.
        refund: RefundId,
        /// How much goes back.
        amount: Money,
        /// Whether the order is refunded now.
        whole: bool,
    },
    /// There is no such order.
    Unknown,
    /// No money of an order in this state can be given back.
    NotPaid(OrderState),
    /// Less than nothing, or more than this, which is left.
    NotWithin(Money),
    /// Units go on sale again only with the whole.
    OnlyWhole,
}

struct Row {
    sale_id: u64,
    account_id: u64,
    quantity: u32,
    state: String,
}

/// What the operator log keeps.
#[derive(Serialize)]
struct Told {
    state: &'static str,
    refunded_minor: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund: Option<RefundId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restock: Option<bool>,
}

impl Ledger {
    /// Gives money of a paid order back.
    pub async fn refund_order(
        &self,
        actor: &Actor,
        asked: RefundOrder,
        promise: Promise,
    ) -> Result<Refunding> {
        retry(|| self.refund_order_once(actor, asked, promise)).await
    }

    async fn refund_order_once(
        &self,
        actor: &Actor,
        asked: RefundOrder,
        promise: Promise,
    ) -> Result<Refunding> {
        let mut transaction = self.begin().await?;
        let id = asked.order.0;
        // Payment before order, as a webhook locks them.
        let payment = sqlx::query!(
            "SELECT id, provider, provider_ref, amount_minor, currency, state FROM payments
             WHERE order_id = ? FOR UPDATE",
            id
        );
        let payment = payment.fetch_optional(&mut *transaction).await?;
        let order = sqlx::query_as!(
            Row,
            "SELECT sale_id, account_id, quantity, state FROM orders WHERE id = ? FOR UPDATE",
            id
        );
        let Some(order) = order.fetch_optional(&mut *transaction).await? else {
            return Ok(Refunding::Unknown);
        };
        let state: OrderState = order.state.parse().map_err(corrupt)?;
        let paid = payment.filter(|payment| payment.state == "paid");
        let (Some(payment), true) = (paid, state.may_become(OrderState::Refunded)) else {
            return Ok(Refunding::NotPaid(state));
        };
        let Some(payment_ref) = payment.provider_ref else {
            return Err(corrupt(format!("payment {} is paid nowhere", payment.id)));
        };
        let refunded = sqlx::query_scalar!(
            r#"SELECT CAST(COALESCE(SUM(amount_minor), 0) AS SIGNED) AS "sum!: i64"
               FROM refunds WHERE order_id = ? AND payment_ref = ?"#,
            id,
            payment_ref
        );
        let refunded = refunded.fetch_one(&mut *transaction).await?;
        let left = money(payment.amount_minor - refunded, &payment.currency)?;
        let amount_minor = asked.amount_minor.unwrap_or(left.amount_minor);
        if !(1..=left.amount_minor).contains(&amount_minor) {
            return Ok(Refunding::NotWithin(left));
        }
        let whole = amount_minor == left.amount_minor;
        if asked.restock && !whole {
            return Ok(Refunding::OnlyWhole);
        }
        let amount = Money {
            amount_minor,
            ..left
        };
        let refund = NewRefund {
            payment: payment.id,
            order: id,
            provider: &payment.provider,
            payment_ref: &payment_ref,
            amount,
            reason: RefundReason::Operator,
            restock: asked.restock,
            actor: Some(actor),
            promise,
        };
        insert_refund(&mut transaction, &refund).await?;
        let after = if whole { OrderState::Refunded } else { state };
        let line = Line {
            actor,
            action: "order.refund",
            subject: format!("order:{id}"),
            before: Some(&Told {
                state: state.as_str(),
                refunded_minor: refunded,
                refund: None,
                restock: None,
            }),
            after: Some(&Told {
                state: after.as_str(),
                refunded_minor: refunded + amount_minor,
                refund: Some(promise.refund),
                restock: Some(asked.restock),
            }),
        };
        log(&mut transaction, line).await?;
        if whole {
            end(&mut transaction, asked, &order).await?;
        }
        transaction.commit().await?;
        Ok(Refunding::Begun {
            refund: promise.refund,
            amount,
            whole,
        })
    }
}

/// Ends the order, and moves its units.
async fn end(connection: &mut MySqlConnection, asked: RefundOrder, order: &Row) -> Result<()> {
    let id = asked.order.0;
    let update = sqlx::query!(
        "UPDATE orders SET state = 'refunded', version = version + 1 WHERE id = ? AND state = ?",
        id,
        order.state
    );
    let done = update.execute(&mut *connection).await?;
    must_touch("refund an order", 1, done.rows_affected())?;
    let units = order.quantity;
    give_limit_back(connection, order.sale_id, order.account_id, units).await?;
    let (target, kind, leaving) = if asked.restock {
        ("available", "release", 0)
    } else {
        ("supply", "left", order.quantity)
    };
    let entry = Entry {
        sale: order.sale_id,
        order: Some(id),
        source: "sold",
        target,
        units: order.quantity,
    };
    enter(connection, &[entry]).await?;
    let counters = sqlx::query!(
        "UPDATE sales SET sold = sold - ?, total = total - ?, version = version + 1
         WHERE id = ? AND sold >= ?",
        order.quantity,
        leaving,
        order.sale_id,
        order.quantity
    );
    let done = counters.execute(&mut *connection).await?;
    must_touch("count as refunded", 1, done.rows_affected())?;
    // The sale's row is held since the UPDATE, so its epoch cannot change before the commit.
    let told = sqlx::query!(
        "INSERT INTO release_outbox (sale_id, order_id, epoch, kind, created_at_ms)
         SELECT id, ?, epoch, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
         FROM sales WHERE id = ?",
        id,
        kind,
        order.sale_id
    );
    let done = told.execute(connection).await?;
    must_touch("tell of a refund", 1, done.rows_affected())
}
