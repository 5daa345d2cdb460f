//! What subscriptions are told: which deliveries are due, and how attempts ended.
//!
//! Invariant: a delivery has one sender at a time and one body for ever; each attempt leaves a line
//! of the log.

use super::{FAILING_MS, FAILURES_MAX};
use crate::ledger::notifications::{Waiting, cut};
use crate::ledger::order_events::OrderEvent;
use crate::ledger::rows::push_ids;
use crate::ledger::{Ledger, Result, corrupt, must_touch, retry};
use kernel::ids::OrderId;
use kernel::time::UnixMillis;
use sqlx::{MySqlConnection, QueryBuilder};

/// A delivery that somebody has taken to make it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its row.
    pub id: u64,
    /// Whom it is for.
    pub subscription: u64,
    /// The event it tells of: the same for every subscription, and for ever.
    pub event: u64,
    /// The order it tells of.
    pub order: OrderId,
    /// What happened to it.
    pub kind: OrderEvent,
    /// How often it was tried, this time included.
    pub attempts: u32,
    /// What is sent, if it was tried before.
    pub body: Option<String>,
    /// When it happened.
    pub happened_at: UnixMillis,
    /// Since when it is tried.
    pub tries_since: UnixMillis,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The status of the answer.
    pub status: Option<u16>,
    /// Why it was none, or not a good one.
    pub error: Option<String>,
    /// How long it took.
    pub took_ms: i64,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// It was taken.
    Delivered,
    /// It is tried again so many milliseconds from now.
    Later(i64),
    /// It is not tried again.
    Failed,
    /// Whoever was there wants nothing more: the subscription is switched off.
    Gone,
}

impl Ledger {
    /// Takes deliveries of a subscription that are due, at most `at_most`, for `lease_ms`.
    pub async fn take_deliveries(
        &self,
        subscription: u64,
        at_most: u32,
        lease_ms: i64,
    ) -> Result<Vec<Delivery>> {
        retry(|| self.take_deliveries_once(subscription, at_most, lease_ms)).await
    }

    async fn take_deliveries_once(
        &self,
        subscription: u64,
        at_most: u32,
        lease_ms: i64,
    ) -> Result<Vec<Delivery>> {
        let mut transaction = self.begin().await?;
        let rows = sqlx::query!(
            "SELECT id, event_id, order_id, kind, attempts, body, happened_at_ms, tries_since_ms
             FROM webhook_deliveries
             WHERE subscription_id = ?
               AND due_at_ms <= CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
             ORDER BY due_at_ms LIMIT ? FOR UPDATE SKIP LOCKED",
            subscription,
            at_most
        );
        let rows = rows.fetch_all(&mut *transaction).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::new(
            "UPDATE webhook_deliveries SET state = 'sending', attempts = attempts + 1,
                    due_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) + ",
        );
        query.push_bind(lease_ms).push(" WHERE id IN ");
        push_ids(&mut query, rows.iter().map(|row| row.id));
        let done = query.build().execute(&mut *transaction).await?;
        must_touch("take deliveries", rows.len() as u64, done.rows_affected())?;
        transaction.commit().await?;
        let taken = rows.into_iter().map(|row| {
            Ok(Delivery {
                id: row.id,
                subscription,
                event: row.event_id,
                order: OrderId(row.order_id),
                kind: row.kind.parse().map_err(corrupt)?,
                attempts: row.attempts + 1,
                body: row.body,
                happened_at: UnixMillis(row.happened_at_ms),
                tries_since: UnixMillis(row.tries_since_ms),
            })
        });
        taken.collect()
    }

    /// Fixes what a delivery says, before it is first sent.
    pub async fn fix_body(&self, delivery: &Delivery, body: &str) -> Result<()> {
        let update = sqlx::query!(
            "UPDATE webhook_deliveries SET body = ? WHERE id = ?",
            body,
            delivery.id
        );
        let done = update.execute(&mut *self.connection().await?).await?;
        must_touch("fix what is told", 1, done.rows_affected())
    }

    /// Notes an attempt. True if the subscription was switched off for it.
    pub async fn end_attempt(
        &self,
        taken: &Delivery,
        attempt: &Attempt,
        end: AttemptEnd,
    ) -> Result<bool> {
        retry(|| self.end_attempt_once(taken, attempt, end)).await
    }

    async fn end_attempt_once(
        &self,
        taken: &Delivery,
        attempt: &Attempt,
        end: AttemptEnd,
    ) -> Result<bool> {
        let (state, again_ms) = match end {
            AttemptEnd::Delivered => ("delivered", None),
            AttemptEnd::Later(after_ms) => ("waiting", Some(after_ms)),
            AttemptEnd::Failed | AttemptEnd::Gone => ("failed", None),
        };
        let mut transaction = self.begin().await?;
        let insert = sqlx::query!(
            "INSERT INTO webhook_attempts (delivery_id, status, error, took_ms, at_ms)
             VALUES (?, ?, ?, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
            taken.id,
            attempt.status,
            attempt.error.as_deref().map(cut),
            attempt.took_ms
        );
        let done = insert.execute(&mut *transaction).await?;
        must_touch("note an attempt", 1, done.rows_affected())?;
        // Nothing to do if the sender's time was over and somebody else has it.
        let update = sqlx::query!(
            "UPDATE webhook_deliveries SET state = ?,
                    due_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) + ?,
                    done_at_ms = IF(?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED), NULL)
             WHERE id = ? AND state = 'sending' AND attempts = ?",
            state,
            again_ms,
            again_ms.is_none(),
            taken.id,
            taken.attempts
        );
        update.execute(&mut *transaction).await?;
        let off = count(&mut transaction, taken.subscription, end).await?;
        transaction.commit().await?;
        Ok(off)
    }

    /// Gives up what no sender has looked at for so long: its subscription is off or gone. At most
    /// `at_most`; says how many.
    pub async fn give_up_deliveries(&self, older_than_ms: i64, at_most: u32) -> Result<u64> {
        let update = sqlx::query!(
            "UPDATE webhook_deliveries SET state = 'failed', due_at_ms = NULL,
                    done_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
             WHERE due_at_ms < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ?
             ORDER BY due_at_ms LIMIT ?",
            older_than_ms,
            at_most
        );
        let done = update.execute(&mut *self.connection().await?).await?;
        Ok(done.rows_affected())
    }

    /// Deliveries that are not done.
    pub async fn waiting_deliveries(&self) -> Result<Waiting> {
        let row = sqlx::query!(
            r#"SELECT CAST(COUNT(*) AS SIGNED) AS "count!: i64",
                      CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - MIN(happened_at_ms)
                          AS "oldest_ms: i64"
               FROM webhook_deliveries WHERE due_at_ms IS NOT NULL"#
        );
        let row = row.fetch_one(&mut *self.connection().await?).await?;
        Ok(Waiting {
            count: row.count,
            oldest_ms: row.oldest_ms.unwrap_or_default().max(0),
        })
    }
}

/// Counts failures in a row. True if the subscription is off now and was on before.
async fn count(connection: &mut MySqlConnection, id: u64, end: AttemptEnd) -> Result<bool> {
    let (failures_max, failing_ms) = match end {
        AttemptEnd::Delivered => {
            let update = sqlx::query!(
                "UPDATE webhook_subscriptions SET failures = 0, failing_since_ms = NULL
                 WHERE id = ? AND failures > 0",
                id
            );
            update.execute(connection).await?;
            return Ok(false);
        }
        AttemptEnd::Later(_) | AttemptEnd::Failed => (FAILURES_MAX, FAILING_MS),
        AttemptEnd::Gone => (0, 0),
    };
    let update = sqlx::query!(
        "UPDATE webhook_subscriptions SET failures = failures + 1,
                failing_since_ms = COALESCE(failing_since_ms,
                                            CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))
         WHERE id = ?",
        id
    );
    update.execute(&mut *connection).await?;
    let off = sqlx::query!(
        "UPDATE webhook_subscriptions SET active = FALSE
         WHERE id = ? AND active AND failures >= ?
           AND failing_since_ms <= CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ?",
        id,
        failures_max,
        failing_ms
    );
    let done = off.execute(connection).await?;
    Ok(done.rows_affected() == 1)
}
