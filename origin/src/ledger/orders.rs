//! Orders as stored, to be looked at.
//!
//! Invariant: an order is shown to its own account alone; every look-up names the account.

use super::sales::money;
use super::{Ledger, LedgerError, Result, corrupt};
use kernel::ids::{AccountId, LeaseId, OrderId, PaymentId, SaleId};
use kernel::money::Money;
use kernel::order::{OrderState, Refusal};
use kernel::time::UnixMillis;
use kernel::wire::{Payment, PaymentState, Shipment};

/// An order as stored, with its payment if one was begun.
#[derive(Clone, Debug)]
pub struct OrderRow {
    /// Its id.
    pub id: OrderId,
    /// The sale.
    pub sale: SaleId,
    /// Whose it is.
    pub account: AccountId,
    /// The lease its slot came from.
    pub lease: LeaseId,
    /// Units.
    pub quantity: u32,
    /// What they cost.
    pub amount: Money,
    /// Where it stands.
    pub state: OrderState,
    /// Why it was refused.
    pub reason: Option<Refusal>,
    /// When it was admitted.
    pub created_at: UnixMillis,
    /// Pay before then.
    pub expires_at: Option<UnixMillis>,
    /// Grows with every change.
    pub version: u64,
    /// Its payment.
    pub payment: Option<Payment>,
    /// Its parcel, once shipped.
    pub shipment: Option<Shipment>,
    /// What went back to the buyer.
    pub refunded: Option<Money>,
}

/// Units that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    /// From where: `available`, `reserved` and so on.
    pub source: String,
    /// To where.
    pub target: String,
    /// How many.
    pub units: u32,
    /// When.
    pub created_at: UnixMillis,
}

struct RawOrder {
    id: u64,
    sale_id: u64,
    account_id: u64,
    lease_id: u64,
    quantity: u32,
    amount_minor: i64,
    currency: String,
    state: String,
    reason: Option<String>,
    created_at_ms: i64,
    expires_at_ms: Option<i64>,
    version: u64,
    payment_id: Option<u64>,
    payment_state: Option<String>,
    checkout_url: Option<String>,
    carrier: Option<String>,
    tracking: Option<String>,
    refunded_minor: Option<i64>,
}

macro_rules! select_orders {
    ($tail:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            RawOrder,
            r#"SELECT orders.id, orders.sale_id, orders.account_id, orders.lease_id,
                      orders.quantity, orders.amount_minor, orders.currency, orders.state,
                      orders.reason, orders.created_at_ms, orders.expires_at_ms, orders.version,
                      payments.id AS "payment_id?", payments.state AS "payment_state?",
                      payments.checkout_url AS "checkout_url?", shipments.carrier AS "carrier?",
                      shipments.tracking AS "tracking?",
                      (SELECT CAST(SUM(refunds.amount_minor) AS SIGNED) FROM refunds
                       WHERE refunds.order_id = orders.id AND refunds.state = 'done'
                         AND refunds.currency = orders.currency) AS "refunded_minor: i64"
               FROM orders LEFT JOIN payments ON payments.order_id = orders.id
                    LEFT JOIN shipments ON shipments.order_id = orders.id "# + $tail
            $(, $argument)*
        )
    };
}

impl TryFrom<RawOrder> for OrderRow {
    type Error = LedgerError;

    fn try_from(raw: RawOrder) -> Result<Self> {
        let payment = match (raw.payment_id, raw.payment_state, raw.checkout_url) {
            (Some(id), Some(state), Some(checkout_url)) => Some(Payment {
                payment_id: PaymentId(id),
                state: payment_state(&state)?,
                checkout_url,
            }),
            _ => None,
        };
        let shipment = raw.carrier.zip(raw.tracking);
        let refunded = raw.refunded_minor.map(|sum| money(sum, &raw.currency));
        Ok(Self {
            id: OrderId(raw.id),
            sale: SaleId(raw.sale_id),
            account: AccountId(raw.account_id),
            lease: LeaseId(raw.lease_id),
            quantity: raw.quantity,
            amount: money(raw.amount_minor, &raw.currency)?,
            state: raw.state.parse().map_err(corrupt)?,
            reason: raw.reason.as_deref().map(refusal).transpose()?,
            created_at: UnixMillis(raw.created_at_ms),
            expires_at: raw.expires_at_ms.map(UnixMillis),
            version: raw.version,
            payment,
            shipment: shipment.map(|(carrier, tracking)| Shipment { carrier, tracking }),
            refunded: refunded.transpose()?,
        })
    }
}

pub(super) fn refusal(word: &str) -> Result<Refusal> {
    [Refusal::SoldOut, Refusal::OverLimit, Refusal::TryAgain]
        .into_iter()
        .find(|refusal| refusal.as_str() == word)
        .ok_or_else(|| corrupt(format!("`{word}` is no reason of a refusal")))
}

fn payment_state(word: &str) -> Result<PaymentState> {
    match word {
        "open" => Ok(PaymentState::Open),
        "paid" => Ok(PaymentState::Paid),
        "declined" => Ok(PaymentState::Declined),
        _ => Err(corrupt(format!("`{word}` is no state of a payment"))),
    }
}

impl Ledger {
    /// An order of this account.
    pub async fn order(&self, id: OrderId, account: AccountId) -> Result<Option<OrderRow>> {
        let raw = select_orders!(
            "WHERE orders.id = ? AND orders.account_id = ?",
            id.0,
            account.0
        );
        raw.fetch_optional(&mut *self.connection().await?)
            .await?
            .map(OrderRow::try_from)
            .transpose()
    }

    /// An order, for an operator.
    pub async fn order_of_anyone(&self, id: OrderId) -> Result<Option<OrderRow>> {
        let raw = select_orders!("WHERE orders.id = ?", id.0);
        raw.fetch_optional(&mut *self.connection().await?)
            .await?
            .map(OrderRow::try_from)
            .transpose()
    }

    /// How units moved by an order, in that order.
    pub async fn entries(&self, order: &OrderRow) -> Result<Vec<EntryRow>> {
        let rows = sqlx::query!(
            "SELECT source, target, units, created_at_ms FROM stock_entries
             WHERE sale_id = ? AND order_id = ? ORDER BY id LIMIT 100",
            order.sale.0,
            order.id.0
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let entries = rows.into_iter().map(|row| EntryRow {
            source: row.source,
            target: row.target,
            units: row.units,
            created_at: UnixMillis(row.created_at_ms),
        });
        Ok(entries.collect())
    }

    /// Orders of this account below the id `before`, the newest first.
    pub async fn orders(
        &self,
        account: AccountId,
        before: u64,
        limit: u32,
    ) -> Result<Vec<OrderRow>> {
        let raw = select_orders!(
            "WHERE orders.account_id = ? AND orders.id < ? ORDER BY orders.id DESC LIMIT ?",
            account.0,
            before,
            limit
        );
        raw.fetch_all(&mut *self.connection().await?)
            .await?
            .into_iter()
            .map(OrderRow::try_from)
            .collect()
    }

    /// The versions of those of these orders that have a row.
    pub async fn versions_among(&self, ids: &[OrderId]) -> Result<Vec<(OrderId, u64)>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = sqlx::QueryBuilder::new("SELECT id, version FROM orders WHERE id IN ");
        super::rows::push_ids(&mut query, ids.iter().map(|id| id.0));
        let rows: Vec<(u64, u64)> = query
            .build_query_as()
            .fetch_all(&mut *self.connection().await?)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(id, version)| (OrderId(id), version))
            .collect())
    }

    /// Which of these orders have a row.
    pub async fn decided_among(&self, ids: &[OrderId]) -> Result<Vec<OrderId>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = sqlx::QueryBuilder::new("SELECT id FROM orders WHERE id IN ");
        super::rows::push_ids(&mut query, ids.iter().map(|id| id.0));
        let rows: Vec<(u64,)> = query
            .build_query_as()
            .fetch_all(&mut *self.connection().await?)
            .await?;
        Ok(rows.into_iter().map(|(id,)| OrderId(id)).collect())
    }
}
