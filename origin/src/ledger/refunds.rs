//! Refunds: money on its way back, from the row that says so to the provider's word that it is done.
//!
//! Invariant: a refund's state only moves on: pending, sent, done, failed. What is told twice, late
//! or in another order changes nothing; a failed one begins anew only under another key, as the
//! provider would answer the former for ever.

mod key;
mod worker;

pub use key::RefundKey;
pub use worker::{Reckoned, RefundBacklog, RefundNotice, RefundOutcome};

use super::operator_log::{Actor, Line, log};
use super::sales::money;
use super::{Ledger, LedgerError, Result, corrupt, must_touch, retry};
use kernel::ids::{OrderId, PaymentId, RefundId};
use kernel::money::Money;
use kernel::time::UnixMillis;
use serde::Serialize;
use sqlx::MySqlConnection;

/// Why money goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundReason {
    /// It came for an order that could no longer be paid.
    Late,
    /// It was not what we had asked for.
    Mismatch,
    /// An operator decided so.
    Operator,
}

impl RefundReason {
    /// The word for it in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Mismatch => "mismatch",
            Self::Operator => "operator",
        }
    }
}

/// Where a refund stands; each state comes after those above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// The provider has not answered.
    Pending,
    /// The provider has it, and the money is on its way.
    Sent,
    /// The money went back.
    Done,
    /// The provider says that it will not go back so.
    Failed,
}

impl RefundState {
    const ALL: [Self; 4] = [Self::Pending, Self::Sent, Self::Done, Self::Failed];

    /// The word for it in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn read(word: &str) -> Result<Self> {
        let state = Self::ALL.into_iter().find(|state| state.as_str() == word);
        state.ok_or_else(|| corrupt(format!("`{word}` is no state of a refund")))
    }
}

/// The id of a refund that may be needed, and how soon it is promised.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// Its id, if it is needed.
    pub refund: RefundId,
    /// It is at the provider within so many milliseconds.
    pub within_ms: i64,
}

/// A refund as stored.
#[derive(Clone, Debug)]
pub struct RefundRow {
    /// Its id, and which try it is: the idempotency key.
    pub key: RefundKey,
    /// The payment.
    pub payment: PaymentId,
    /// The order.
    pub order: OrderId,
    /// Who has the money.
    pub provider: String,
    /// The provider's id of the payment that it is taken from.
    pub payment_ref: String,
    /// How much.
    pub amount: Money,
    /// `late`, `mismatch` or `operator`.
    pub reason: String,
    /// Where it stands.
    pub state: RefundState,
    /// How often the provider was asked under this key.
    pub attempts: u32,
    /// The provider's id of the refund.
    pub refund_ref: Option<String>,
    /// Who asked for it.
    pub actor: Option<String>,
    /// Why it did not succeed when it was last tried.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: UnixMillis,
    /// Until when it is promised.
    pub due_at: UnixMillis,
    /// When the provider had confirmed it.
    pub done_at: Option<UnixMillis>,
}

/// A refund to be written.
pub(super) struct NewRefund<'a> {
    pub(super) payment: u64,
    pub(super) order: u64,
    pub(super) provider: &'a str,
    pub(super) payment_ref: &'a str,
    pub(super) amount: Money,
    pub(super) reason: RefundReason,
    pub(super) restock: bool,
    pub(super) actor: Option<&'a Actor>,
    pub(super) promise: Promise,
}

/// What names the one refund of a payment that nobody asked for.
pub(super) fn automatic_key(provider: &str, payment_ref: &str) -> String {
    format!("{provider}:{payment_ref}")
}

/// Writes a refund; the outboxes do the rest.
pub(super) async fn insert_refund(
    connection: &mut MySqlConnection,
    refund: &NewRefund<'_>,
) -> Result<()> {
    let is_automatic = refund.reason != RefundReason::Operator;
    let automatic = is_automatic.then(|| automatic_key(refund.provider, refund.payment_ref));
    let inserted = sqlx::query!(
        "INSERT INTO refunds
            (id, payment_id, order_id, provider, payment_ref, amount_minor, currency, reason,
             restock, state, next_attempt_at_ms, due_at_ms, actor, automatic, created_at_ms)
         SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', clock.now_ms, clock.now_ms + ?, ?, ?,
                clock.now_ms
         FROM (SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) AS now_ms) AS clock",
        refund.promise.refund.0,
        refund.payment,
        refund.order,
        refund.provider,
        refund.payment_ref,
        refund.amount.amount_minor,
        refund.amount.currency.to_string(),
        refund.reason.as_str(),
        refund.restock,
        refund.promise.within_ms,
        refund.actor.map(|actor| actor.0.as_str()),
        automatic
    );
    let done = inserted.execute(connection).await?;
    must_touch("write a refund", 1, done.rows_affected())
}

struct RawRefund {
    id: u64,
    payment_id: u64,
    order_id: u64,
    provider: String,
    payment_ref: String,
    amount_minor: i64,
    currency: String,
    reason: String,
    state: String,
    try_number: u32,
    attempts: u32,
    refund_ref: Option<String>,
    actor: Option<String>,
    last_error: Option<String>,
    created_at_ms: i64,
    due_at_ms: i64,
    done_at_ms: Option<i64>,
}

macro_rules! select_refunds {
    ($tail:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            RawRefund,
            "SELECT id, payment_id, order_id, provider, payment_ref, amount_minor, currency, reason,
                    state, try_number, attempts, refund_ref, actor, last_error, created_at_ms,
                    due_at_ms, done_at_ms
             FROM refunds " + $tail
            $(, $argument)*
        )
    };
}
use select_refunds;

impl TryFrom<RawRefund> for RefundRow {
    type Error = LedgerError;

    fn try_from(raw: RawRefund) -> Result<Self> {
        Ok(Self {
            key: RefundKey {
                refund: RefundId(raw.id),
                try_number: raw.try_number,
            },
            payment: PaymentId(raw.payment_id),
            order: OrderId(raw.order_id),
            provider: raw.provider,
            payment_ref: raw.payment_ref,
            amount: money(raw.amount_minor, &raw.currency)?,
            reason: raw.reason,
            state: RefundState::read(&raw.state)?,
            attempts: raw.attempts,
            refund_ref: raw.refund_ref,
            actor: raw.actor,
            last_error: raw.last_error,
            created_at: UnixMillis(raw.created_at_ms),
            due_at: UnixMillis(raw.due_at_ms),
            done_at: raw.done_at_ms.map(UnixMillis),
        })
    }
}

impl Ledger {
    /// The refunds below the id `before`, the newest first; `failed`: those that failed alone.
    pub async fn refunds(&self, failed: bool, before: u64, limit: u32) -> Result<Vec<RefundRow>> {
        let mut connection = self.connection().await?;
        let rows = if failed {
            select_refunds!(
                "WHERE state = 'failed' AND id < ? ORDER BY id DESC LIMIT ?",
                before,
                limit
            )
            .fetch_all(&mut *connection)
            .await?
        } else {
            select_refunds!("WHERE id < ? ORDER BY id DESC LIMIT ?", before, limit)
                .fetch_all(&mut *connection)
                .await?
        };
        rows.into_iter().map(RefundRow::try_from).collect()
    }

    /// The refunds of an order, the oldest first.
    pub async fn refunds_of(&self, order: OrderId) -> Result<Vec<RefundRow>> {
        let rows = select_refunds!("WHERE order_id = ? ORDER BY id", order.0);
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        rows.into_iter().map(RefundRow::try_from).collect()
    }

    /// Tries a refund that failed once more, under another key; `None` if there is none, else the
    /// state that it was found in.
    pub async fn retry_refund(&self, actor: &Actor, id: RefundId) -> Result<Option<RefundState>> {
        retry(|| self.retry_refund_once(actor, id)).await
    }

    async fn retry_refund_once(&self, actor: &Actor, id: RefundId) -> Result<Option<RefundState>> {
        let mut transaction = self.begin().await?;
        let row = select_refunds!("WHERE id = ? FOR UPDATE", id.0);
        let Some(row) = row.fetch_optional(&mut *transaction).await? else {
            return Ok(None);
        };
        let row = RefundRow::try_from(row)?;
        if row.state != RefundState::Failed {
            return Ok(Some(row.state));
        }
        let update = sqlx::query!(
            "UPDATE refunds
             SET state = 'pending', try_number = try_number + 1, attempts = 0, refund_ref = NULL,
                 next_attempt_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
             WHERE id = ?",
            id.0
        );
        let done = update.execute(&mut *transaction).await?;
        must_touch("retry a refund", 1, done.rows_affected())?;
        let view = |state, try_number| Tried { state, try_number };
        let line = Line {
            actor,
            action: "refund.retry",
            subject: format!("refund:{id}"),
            before: Some(&view(RefundState::Failed, row.key.try_number)),
            after: Some(&view(RefundState::Pending, row.key.try_number + 1)),
        };
        log(&mut transaction, line).await?;
        transaction.commit().await?;
        Ok(Some(RefundState::Failed))
    }
}

/// What the operator log keeps of a retry.
#[derive(Serialize)]
struct Tried {
    state: RefundState,
    try_number: u32,
}
