//! What subscriptions were told: the log of deliveries and attempts, replays, and its end.
//!
//! Invariant: a replay sends the same body under the same id, so that it is safe to repeat.

use super::Attempt;
use crate::ledger::operator_log::{Actor, Line, log};
use crate::ledger::order_events::OrderEvent;
use crate::ledger::rows::push_ids;
use crate::ledger::{Ledger, Result, corrupt};
use kernel::ids::OrderId;
use kernel::time::UnixMillis;
use serde_json::json;
use sqlx::QueryBuilder;

/// Deliveries that are due anew in one statement.
const REPLAY_BATCH: u32 = 500;

/// A delivery as the log shows it.
#[derive(Clone, Debug)]
pub struct DeliveryRow {
    /// Its id.
    pub id: u64,
    /// Whom it is for.
    pub subscription: u64,
    /// The order it tells of.
    pub order: OrderId,
    /// What happened to it.
    pub kind: OrderEvent,
    /// `waiting`, `sending`, `delivered`, `failed` or `dropped`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it happened.
    pub happened_at: UnixMillis,
    /// When it is tried next.
    pub due_at: Option<UnixMillis>,
}

impl Ledger {
    /// Deliveries of a subscription below the id `before`, the latest first.
    pub async fn deliveries(
        &self,
        subscription: u64,
        before: u64,
        at_most: u32,
    ) -> Result<Vec<DeliveryRow>> {
        let rows = sqlx::query!(
            "SELECT id, order_id, kind, state, attempts, happened_at_ms, due_at_ms
             FROM webhook_deliveries WHERE subscription_id = ? AND id < ?
             ORDER BY id DESC LIMIT ?",
            subscription,
            before,
            at_most
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let deliveries = rows.into_iter().map(|row| {
            Ok(DeliveryRow {
                id: row.id,
                subscription,
                order: OrderId(row.order_id),
                kind: row.kind.parse().map_err(corrupt)?,
                state: row.state,
                attempts: row.attempts,
                happened_at: UnixMillis(row.happened_at_ms),
                due_at: row.due_at_ms.map(UnixMillis),
            })
        });
        deliveries.collect()
    }

    /// The attempts of a delivery with their times, the first first.
    pub async fn attempts(&self, delivery: u64) -> Result<Vec<(UnixMillis, Attempt)>> {
        let rows = sqlx::query!(
            "SELECT status, error, took_ms, at_ms FROM webhook_attempts
             WHERE delivery_id = ? ORDER BY id",
            delivery
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let attempts = rows.into_iter().map(|row| {
            let attempt = Attempt {
                status: row.status,
                error: row.error,
                took_ms: row.took_ms,
            };
            (UnixMillis(row.at_ms), attempt)
        });
        Ok(attempts.collect())
    }

    /// Makes a delivery that is done due anew; false if there is none, or if it is not done.
    pub async fn replay_delivery(&self, id: u64, actor: &Actor) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let update = sqlx::query!(
            "UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, done_at_ms = NULL,
                    tries_since_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED),
                    due_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
             WHERE id = ? AND due_at_ms IS NULL",
            id
        );
        if update.execute(&mut *transaction).await?.rows_affected() != 1 {
            return Ok(false);
        }
        let line = Line::<()> {
            actor,
            action: "webhook.replay",
            subject: format!("webhook-delivery:{id}"),
            before: None,
            after: None,
        };
        log(&mut transaction, line).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The same for what happened from `from` until before `until` and was told to a subscription.
    /// Says how many.
    pub async fn replay_deliveries(
        &self,
        subscription: u64,
        from: UnixMillis,
        until: UnixMillis,
        actor: &Actor,
    ) -> Result<u64> {
        let (mut after, mut replayed) = (0, 0);
        loop {
            let mut transaction = self.begin().await?;
            let ids = sqlx::query_scalar!(
                "SELECT id FROM webhook_deliveries
                 WHERE subscription_id = ? AND happened_at_ms >= ? AND happened_at_ms < ?
                   AND due_at_ms IS NULL AND id > ? ORDER BY id LIMIT ?",
                subscription,
                from.0,
                until.0,
                after,
                REPLAY_BATCH
            );
            let ids = ids.fetch_all(&mut *transaction).await?;
            let Some(last) = ids.last() else {
                return Ok(replayed);
            };
            after = *last;
            let mut query = QueryBuilder::new(
                "UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, done_at_ms = NULL,
                        tries_since_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED),
                        due_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
                 WHERE due_at_ms IS NULL AND id IN ",
            );
            push_ids(&mut query, ids.iter().copied());
            let done = query.build().execute(&mut *transaction).await?;
            replayed += done.rows_affected();
            let replay = json!({
                "from_ms": from, "until_ms": until, "deliveries": done.rows_affected(),
            });
            let line = Line {
                actor,
                action: "webhook.replay",
                subject: format!("webhook:{subscription}"),
                before: None,
                after: Some(&replay),
            };
            log(&mut transaction, line).await?;
            transaction.commit().await?;
        }
    }

    /// Deletes deliveries that were done more than `older_than_ms` ago, with their attempts, at
    /// most `at_most`. Says how many.
    pub async fn delete_deliveries(&self, older_than_ms: i64, at_most: u32) -> Result<u64> {
        let mut transaction = self.begin().await?;
        let ids = sqlx::query_scalar!(
            "SELECT id FROM webhook_deliveries
             WHERE done_at_ms < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ?
             ORDER BY done_at_ms LIMIT ? FOR UPDATE SKIP LOCKED",
            older_than_ms,
            at_most
        );
        let ids = ids.fetch_all(&mut *transaction).await?;
        if ids.is_empty() {
            return Ok(0);
        }
        for statement in [
            "DELETE FROM webhook_attempts WHERE delivery_id IN ",
            "DELETE FROM webhook_deliveries WHERE id IN ",
        ] {
            let mut query = QueryBuilder::new(statement);
            push_ids(&mut query, ids.iter().copied());
            query.build().execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(ids.len() as u64)
    }
}
