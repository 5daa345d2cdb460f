//! Subscriptions: who else is told of orders, by a webhook.
//!
//! Invariant: what is told of an event is written once for each subscription; a secret leaves this
//! room for signing alone, and never enters the operator log.

mod deliveries;
mod log;

pub use deliveries::{Attempt, AttemptEnd, Delivery};
pub use log::DeliveryRow;

use super::operator_log::{Actor, Line, log as log_change};
use super::order_events::OrderEvent;
use super::{Ledger, Result, corrupt, must_touch};
use kernel::time::UnixMillis;
use serde::Serialize;

/// A subscription is switched off after so many attempts in a row have failed ...
pub const FAILURES_MAX: u32 = 50;
/// ... and none has succeeded for so long, in milliseconds.
pub const FAILING_MS: i64 = 24 * 3_600_000;
/// Deliveries that are dropped in one statement.
const DROP_BATCH: u32 = 1_000;

/// A subscription to be made.
#[derive(Clone, Debug)]
pub struct NewSubscription {
    /// Its id.
    pub id: u64,
    /// Where it is told.
    pub url: String,
    /// `whsec_…`.
    pub secret: String,
    /// Of what.
    pub kinds: Vec<OrderEvent>,
}

/// A subscription as stored.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// What was made.
    pub new: NewSubscription,
    /// Whether it is told anything.
    pub active: bool,
    /// Attempts that failed since one succeeded.
    pub failures: u32,
    /// Since when.
    pub failing_since: Option<UnixMillis>,
    /// When it was made.
    pub created_at: UnixMillis,
}

/// A subscription as the operator log keeps it.
#[derive(Serialize)]
struct Logged<'a> {
    url: &'a str,
    kinds: Vec<&'static str>,
    active: bool,
}

impl Subscription {
    fn logged(&self, active: bool) -> Logged<'_> {
        Logged {
            url: &self.new.url,
            kinds: words(&self.new.kinds),
            active,
        }
    }
}

impl Ledger {
    /// Makes a subscription.
    pub async fn add_subscription(&self, new: &NewSubscription, actor: &Actor) -> Result<()> {
        let mut transaction = self.begin().await?;
        let insert = sqlx::query!(
            "INSERT INTO webhook_subscriptions (id, url, secret, kinds, created_at_ms)
             VALUES (?, ?, ?, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
            new.id,
            new.url,
            new.secret,
            words(&new.kinds).join(",")
        );
        let done = insert.execute(&mut *transaction).await?;
        must_touch("add a subscription", 1, done.rows_affected())?;
        let after = Logged {
            url: &new.url,
            kinds: words(&new.kinds),
            active: true,
        };
        let line = Line {
            actor,
            action: "webhook.add",
            subject: format!("webhook:{}", new.id),
            before: None,
            after: Some(&after),
        };
        log_change(&mut transaction, line).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// All subscriptions, the oldest first.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>> {
        let rows = sqlx::query!(
            r#"SELECT id, url, secret, kinds, active AS "active!: bool", failures,
                      failing_since_ms, created_at_ms
               FROM webhook_subscriptions ORDER BY id"#
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let subscriptions = rows.into_iter().map(|row| {
            Ok(Subscription {
                new: NewSubscription {
                    id: row.id,
                    url: row.url,
                    secret: row.secret,
                    kinds: read_kinds(&row.kinds)?,
                },
                active: row.active,
                failures: row.failures,
                failing_since: row.failing_since_ms.map(UnixMillis),
                created_at: UnixMillis(row.created_at_ms),
            })
        });
        subscriptions.collect()
    }

    /// Switches a subscription on, with a clean slate, or off; false if there is none. What waited
    /// while it was off is told once it is on.
    pub async fn switch_subscription(&self, id: u64, on: bool, actor: &Actor) -> Result<bool> {
        let Some(subscription) = self.subscription(id).await? else {
            return Ok(false);
        };
        let mut transaction = self.begin().await?;
        let update = sqlx::query!(
            "UPDATE webhook_subscriptions SET active = ?, failures = 0, failing_since_ms = NULL
             WHERE id = ?",
            on,
            id
        );
        if update.execute(&mut *transaction).await?.rows_affected() != 1 {
            return Ok(false);
        }
        let line = Line {
            actor,
            action: if on { "webhook.on" } else { "webhook.off" },
            subject: format!("webhook:{id}"),
            before: Some(&subscription.logged(subscription.active)),
            after: Some(&subscription.logged(on)),
        };
        log_change(&mut transaction, line).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Removes a subscription, and drops what it was not told yet; false if there is none.
    pub async fn remove_subscription(&self, id: u64, actor: &Actor) -> Result<bool> {
        let Some(subscription) = self.subscription(id).await? else {
            return Ok(false);
        };
        let mut transaction = self.begin().await?;
        let delete = sqlx::query!("DELETE FROM webhook_subscriptions WHERE id = ?", id);
        if delete.execute(&mut *transaction).await?.rows_affected() != 1 {
            return Ok(false);
        }
        let line = Line {
            actor,
            action: "webhook.remove",
            subject: format!("webhook:{id}"),
            before: Some(&subscription.logged(subscription.active)),
            after: None,
        };
        log_change(&mut transaction, line).await?;
        transaction.commit().await?;
        // Nobody takes these any more; what is left if this breaks off ends by its age.
        loop {
            let drop = sqlx::query!(
                "UPDATE webhook_deliveries SET state = 'dropped', due_at_ms = NULL,
                        done_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
                 WHERE subscription_id = ? AND due_at_ms IS NOT NULL LIMIT ?",
                id,
                DROP_BATCH
            );
            let done = drop.execute(&mut *self.connection().await?).await?;
            if done.rows_affected() < u64::from(DROP_BATCH) {
                return Ok(true);
            }
        }
    }

    /// The subscription of this id.
    pub async fn subscription(&self, id: u64) -> Result<Option<Subscription>> {
        let mut all = self.subscriptions().await?.into_iter();
        Ok(all.find(|subscription| subscription.new.id == id))
    }
}

fn words(kinds: &[OrderEvent]) -> Vec<&'static str> {
    kinds.iter().map(|kind| kind.as_str()).collect()
}

pub(super) fn read_kinds(text: &str) -> Result<Vec<OrderEvent>> {
    text.split(',')
        .map(|word| word.parse().map_err(corrupt))
        .collect()
}
