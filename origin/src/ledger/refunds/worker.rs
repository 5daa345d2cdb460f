//! The outbox of refunds: who asks the provider next, and what it has said.
//!
//! Invariant: a refund is claimed for a while and never for good, so one whose worker died comes
//! again. Buyer and others are told once, in the transaction that notes that the money went back.

use super::{RawRefund, RefundKey, RefundRow, RefundState, select_refunds};
use crate::ledger::order_events::{OrderEvent, record};
use crate::ledger::rows::push_ids;
use crate::ledger::settle::note_event;
use crate::ledger::{Ledger, Result, must_touch, retry};
use sqlx::{MySqlConnection, QueryBuilder};

/// Who claims a refund has so long to ask the provider, in milliseconds; then it comes again.
const CLAIMED_FOR_MS: i64 = 10_000;
/// Characters kept of what went wrong.
const ERROR_CHARACTERS_MAX: usize = 500;

/// What a provider's webhook tells about a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundNotice {
    /// The provider's id of the event.
    pub event: String,
    /// Which provider.
    pub provider: &'static str,
    /// The provider's id of the payment.
    pub provider_ref: String,
    /// Our key of the refund; `None` if somebody else made it there.
    pub key: Option<RefundKey>,
    /// The provider's id of the refund.
    pub refund_ref: String,
    /// Why it failed, if it did; otherwise it is done.
    pub failed: Option<String>,
}

/// What the provider says about a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundOutcome {
    /// It is on its way, and has this id there.
    Sent(String),
    /// It is done, and has this id there.
    Done(String),
    /// It failed for good.
    Failed(String),
}

/// What that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reckoned {
    /// It is on its way.
    Sent,
    /// It is done now.
    Done,
    /// It has failed now.
    Failed,
    /// Nothing: known before, or overtaken.
    Repeated,
    /// Nothing: there is no such refund of ours.
    Unknown,
}

impl Reckoned {
    /// The word for it in SQL and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "refund-sent",
            Self::Done => "refund-done",
            Self::Failed => "refund-failed",
            Self::Repeated => "repeated",
            Self::Unknown => "unknown",
        }
    }
}

/// Refunds that are not done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefundBacklog {
    /// On their way.
    pub waiting: i64,
    /// Failed: an operator must look.
    pub failed: i64,
    /// Of both, those promised for earlier.
    pub overdue: i64,
}

impl Ledger {
    /// Takes refunds that are due for an attempt at this provider; another worker takes none of them
    /// for a while.
    pub async fn claim_refunds(&self, provider: &str, at_most: u32) -> Result<Vec<RefundRow>> {
        retry(|| self.claim_refunds_once(provider, at_most)).await
    }

    async fn claim_refunds_once(&self, provider: &str, at_most: u32) -> Result<Vec<RefundRow>> {
        let mut transaction = self.begin().await?;
        let rows = select_refunds!(
            "WHERE state IN ('pending', 'sent') AND provider = ?
               AND next_attempt_at_ms <= CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
             ORDER BY next_attempt_at_ms LIMIT ? FOR UPDATE SKIP LOCKED",
            provider,
            at_most
        );
        let rows: Vec<RawRefund> = rows.fetch_all(&mut *transaction).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut claim = QueryBuilder::new(
            "UPDATE refunds SET attempts = attempts + 1,
                    next_attempt_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) + ",
        );
        claim.push_bind(CLAIMED_FOR_MS).push(" WHERE id IN ");
        push_ids(&mut claim, rows.iter().map(|row| row.id));
        let done = claim.build().execute(&mut *transaction).await?;
        must_touch("claim refunds", rows.len() as u64, done.rows_affected())?;
        transaction.commit().await?;
        rows.into_iter().map(RefundRow::try_from).collect()
    }

    /// The provider could not be asked: again in `in_ms`.
    pub async fn put_off_refund(&self, key: RefundKey, in_ms: i64, why: &str) -> Result<()> {
        let update = sqlx::query!(
            "UPDATE refunds
             SET last_error = ?,
                 next_attempt_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) + ?
             WHERE id = ? AND try_number = ? AND state IN ('pending', 'sent')",
            cut(why),
            in_ms,
            key.refund.0,
            key.try_number
        );
        // A webhook may have ended it meanwhile.
        update.execute(&mut *self.connection().await?).await?;
        Ok(())
    }

    /// Notes what the provider answered. One that is on its way is asked about again in `in_ms`.
    pub async fn refund_answered(
        &self,
        key: RefundKey,
        outcome: &RefundOutcome,
        in_ms: i64,
    ) -> Result<Reckoned> {
        retry(|| async {
            let mut transaction = self.begin().await?;
            let reckoned = reckon(&mut transaction, key, outcome).await?;
            if reckoned == Reckoned::Sent {
                look_again(&mut transaction, key, in_ms).await?;
            }
            transaction.commit().await?;
            Ok(reckoned)
        })
        .await
    }

    /// Acts on a webhook about a refund, once.
    pub async fn refund_told(&self, notice: &RefundNotice) -> Result<Reckoned> {
        match retry(|| self.refund_told_once(notice)).await {
            Err(error) if error.is_duplicate() => Ok(Reckoned::Repeated),
            result => result,
        }
    }

    async fn refund_told_once(&self, notice: &RefundNotice) -> Result<Reckoned> {
        let mut transaction = self.begin().await?;
        let payment = sqlx::query_scalar!(
            "SELECT id FROM payments WHERE provider_ref = ? AND provider = ?",
            notice.provider_ref,
            notice.provider
        );
        let payment = payment.fetch_optional(&mut *transaction).await?;
        let (kind, outcome) = match &notice.failed {
            None => (
                "refund.done",
                RefundOutcome::Done(notice.refund_ref.clone()),
            ),
            Some(why) => ("refund.failed", RefundOutcome::Failed(why.clone())),
        };
        let reckoned = match notice.key {
            None => Reckoned::Unknown,
            Some(key) => reckon(&mut transaction, key, &outcome).await?,
        };
        let (event, word) = (&notice.event, reckoned.as_str());
        note_event(&mut transaction, event, payment, kind, word).await?;
        transaction.commit().await?;
        Ok(reckoned)
    }

    /// How many refunds are not done.
    pub async fn refund_backlog(&self) -> Result<RefundBacklog> {
        let row = sqlx::query!(
            r#"SELECT CAST(COALESCE(SUM(state <> 'failed'), 0) AS SIGNED) AS "waiting!: i64",
                      CAST(COALESCE(SUM(state = 'failed'), 0) AS SIGNED) AS "failed!: i64",
                      CAST(COALESCE(SUM(due_at_ms < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)), 0)
                           AS SIGNED) AS "overdue!: i64"
               FROM refunds WHERE state IN ('pending', 'sent', 'failed')"#
        );
        let row = row.fetch_one(&mut *self.connection().await?).await?;
        Ok(RefundBacklog {
            waiting: row.waiting,
            failed: row.failed,
            overdue: row.overdue,
        })
    }
}

/// Moves a refund on, if that is news.
async fn reckon(
    connection: &mut MySqlConnection,
    key: RefundKey,
    outcome: &RefundOutcome,
) -> Result<Reckoned> {
    let row = select_refunds!("WHERE id = ? FOR UPDATE", key.refund.0);
    let Some(row) = row.fetch_optional(&mut *connection).await? else {
        return Ok(Reckoned::Unknown);
    };
    let row = RefundRow::try_from(row)?;
    let (next, refund_ref, why, reckoned) = match outcome {
        RefundOutcome::Sent(id) => (RefundState::Sent, Some(id), None, Reckoned::Sent),
        RefundOutcome::Done(id) => (RefundState::Done, Some(id), None, Reckoned::Done),
        RefundOutcome::Failed(why) => {
            let why = cut(why);
            (RefundState::Failed, None, Some(why), Reckoned::Failed)
        }
    };
    let still_sent = next == RefundState::Sent && row.state == RefundState::Sent;
    if row.key != key || (next <= row.state && !still_sent) {
        return Ok(Reckoned::Repeated);
    }
    let update = sqlx::query!(
        "UPDATE refunds
         SET state = ?, refund_ref = COALESCE(?, refund_ref), last_error = ?,
             done_at_ms = IF(? AND done_at_ms IS NULL,
                             CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED), done_at_ms)
         WHERE id = ?",
        next.as_str(),
        refund_ref,
        why,
        next == RefundState::Done,
        key.refund.0
    );
    let done = update.execute(&mut *connection).await?;
    must_touch("move a refund on", 1, done.rows_affected())?;
    if next == RefundState::Done && row.done_at.is_none() {
        record(connection, OrderEvent::Refunded, [row.order.0].into_iter()).await?;
    }
    if next == RefundState::Done || row.state == RefundState::Done {
        // What went back is part of the order as its owner sees it.
        let update = sqlx::query!(
            "UPDATE orders SET version = version + 1 WHERE id = ?",
            row.order.0
        );
        let done = update.execute(connection).await?;
        must_touch("tell of a refund", 1, done.rows_affected())?;
    }
    Ok(reckoned)
}

async fn look_again(connection: &mut MySqlConnection, key: RefundKey, in_ms: i64) -> Result<()> {
    let update = sqlx::query!(
        "UPDATE refunds
         SET next_attempt_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) + ? WHERE id = ?",
        in_ms,
        key.refund.0
    );
    let done = update.execute(connection).await?;
    must_touch("look at a refund again", 1, done.rows_affected())
}

fn cut(text: &str) -> String {
    text.chars().take(ERROR_CHARACTERS_MAX).collect()
}
