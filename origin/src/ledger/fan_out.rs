//! What happened to orders, handed to those who are to be told: a mail, and a delivery for each
//! subscription.
//!
//! Invariant: an event leaves its outbox in the transaction that writes a row for each of them, so
//! each is told of it once, whatever dies in between.

use super::order_events::OrderEvent;
use super::rows::{insert_or_change, push_ids};
use super::subscriptions::read_kinds;
use super::{Ledger, Result, corrupt, must_touch, retry};
use crate::fail_points::pass;
use sqlx::QueryBuilder;

struct Event {
    id: u64,
    order: u64,
    kind: OrderEvent,
    happened_at_ms: i64,
}

impl Event {
    /// What the mail about it is called. A refund may come in parts, each with a mail of its own;
    /// everything else happens once in an order's life.
    fn mail_name(&self) -> String {
        let (order, kind) = (self.order, self.kind.as_str());
        match self.kind {
            OrderEvent::Refunded => format!("order-{order}-{kind}-{}", self.id),
            _ => format!("order-{order}-{kind}"),
        }
    }
}

impl Ledger {
    /// Hands on the oldest events, at most `at_most`; those of the kinds `mailed` also to the
    /// buyer. Says how many there were. Any number of processes may do so at the same time.
    pub async fn fan_out(&self, mailed: &[OrderEvent], at_most: u32) -> Result<usize> {
        retry(|| self.fan_out_once(mailed, at_most)).await
    }

    async fn fan_out_once(&self, mailed: &[OrderEvent], at_most: u32) -> Result<usize> {
        let mut transaction = self.begin().await?;
        let rows = sqlx::query!(
            "SELECT id, order_id, kind, created_at_ms FROM order_events
             ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED",
            at_most
        );
        let rows = rows.fetch_all(&mut *transaction).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let events = rows.into_iter().map(|row| {
            Ok(Event {
                id: row.id,
                order: row.order_id,
                kind: row.kind.parse().map_err(corrupt)?,
                happened_at_ms: row.created_at_ms,
            })
        });
        let events: Vec<Event> = events.collect::<Result<_>>()?;
        let mails = events.iter().filter(|event| mailed.contains(&event.kind));
        let mails: Vec<&Event> = mails.collect();
        insert_or_change(
            &mut transaction,
            "INSERT INTO notifications (name, order_id, kind, created_at_ms, due_at_ms) ",
            &mails,
            |mut row, event| {
                row.push_bind(event.mail_name())
                    .push_bind(event.order)
                    .push_bind(event.kind.as_str())
                    .push_bind(event.happened_at_ms)
                    .push_bind(event.happened_at_ms);
            },
            " ON DUPLICATE KEY UPDATE name = VALUES(name)",
        )
        .await?;
        let subscriptions =
            sqlx::query!("SELECT id, kinds FROM webhook_subscriptions WHERE active");
        let subscriptions = subscriptions.fetch_all(&mut *transaction).await?;
        let mut deliveries = Vec::new();
        for subscription in subscriptions {
            let kinds = read_kinds(&subscription.kinds)?;
            let wanted = events.iter().filter(|event| kinds.contains(&event.kind));
            deliveries.extend(wanted.map(|event| (subscription.id, event)));
        }
        insert_or_change(
            &mut transaction,
            "INSERT INTO webhook_deliveries
                (subscription_id, event_id, order_id, kind, happened_at_ms, tries_since_ms, due_at_ms) ",
            &deliveries,
            |mut row, (subscription, event)| {
                row.push_bind(*subscription)
                    .push_bind(event.id)
                    .push_bind(event.order)
                    .push_bind(event.kind.as_str())
                    .push_bind(event.happened_at_ms)
                    .push_bind(event.happened_at_ms)
                    .push_bind(event.happened_at_ms);
            },
            " ON DUPLICATE KEY UPDATE kind = VALUES(kind)",
        )
        .await?;
        let mut query = QueryBuilder::new("DELETE FROM order_events WHERE id IN ");
        push_ids(&mut query, events.iter().map(|event| event.id));
        let done = query.build().execute(&mut *transaction).await?;
        must_touch("hand events on", events.len() as u64, done.rows_affected())?;
        pass("tell.handed-on").await;
        transaction.commit().await?;
        Ok(events.len())
    }
}
