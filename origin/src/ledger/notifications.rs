//! Mails about orders: which are due, and what became of them.
//!
//! Invariant: a mail has one name for ever, and one sender at a time: who took it has it until its
//! time is over, and only who has it says how it ended.

use super::order_events::OrderEvent;
use super::rows::push_ids;
use super::sales::money;
use super::{Ledger, Result, corrupt, must_touch, retry};
use kernel::ids::OrderId;
use kernel::money::Money;
use kernel::order::OrderState;
use kernel::time::UnixMillis;
use kernel::wire::Shipment;
use sqlx::QueryBuilder;

/// Characters of an error that are kept.
const ERROR_LENGTH_MAX: usize = 200;

/// A mail that somebody has taken to send it.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Its row.
    pub id: u64,
    /// What it is called, also as Message-ID.
    pub name: String,
    /// The order it tells of.
    pub order: OrderId,
    /// What happened to it.
    pub kind: OrderEvent,
    /// How often it was tried, this time included.
    pub attempts: u32,
    /// When what it tells of happened.
    pub created_at: UnixMillis,
}

/// What a mail says.
#[derive(Clone, Debug)]
pub struct NotificationFacts {
    /// The order.
    pub order: OrderId,
    /// Where it stands now.
    pub state: OrderState,
    /// Units.
    pub quantity: u32,
    /// What all of them cost.
    pub amount: Money,
    /// Pay before then.
    pub expires_at: Option<UnixMillis>,
    /// What is sold.
    pub item: String,
    /// The buyer's contact and name; `None` if the account is gone.
    pub buyer: Option<(String, String)>,
    /// The buyer's language.
    pub language: Option<String>,
    /// Its parcel.
    pub shipment: Option<Shipment>,
    /// What went back to the buyer, in all.
    pub refunded: Option<Money>,
}

/// How sending ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendingEnd {
    /// The mail server has it.
    Sent,
    /// The buyer has no e-mail address.
    NoAddress,
    /// It is tried again so many milliseconds from now.
    Later(String, i64),
    /// It is not tried again.
    Failed(String),
}

/// How much waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Rows.
    pub count: i64,
    /// For how long the oldest has waited, in milliseconds.
    pub oldest_ms: i64,
}

impl Ledger {
    /// Takes the mails that are due, at most `at_most`, for `lease_ms`.
    pub async fn take_notifications(
        &self,
        at_most: u32,
        lease_ms: i64,
    ) -> Result<Vec<Notification>> {
        retry(|| self.take_notifications_once(at_most, lease_ms)).await
    }

    async fn take_notifications_once(
        &self,
        at_most: u32,
        lease_ms: i64,
    ) -> Result<Vec<Notification>> {
        let mut transaction = self.begin().await?;
        let rows = sqlx::query!(
            "SELECT id, name, order_id, kind, attempts, created_at_ms FROM notifications
             WHERE due_at_ms <= CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
             ORDER BY due_at_ms LIMIT ? FOR UPDATE SKIP LOCKED",
            at_most
        );
        let rows = rows.fetch_all(&mut *transaction).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::new(
            "UPDATE notifications SET state = 'sending', attempts = attempts + 1,
                    due_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) + ",
        );
        query.push_bind(lease_ms).push(" WHERE id IN ");
        push_ids(&mut query, rows.iter().map(|row| row.id));
        let done = query.build().execute(&mut *transaction).await?;
        must_touch("take mails", rows.len() as u64, done.rows_affected())?;
        transaction.commit().await?;
        let taken = rows.into_iter().map(|row| {
            Ok(Notification {
                id: row.id,
                name: row.name,
                order: OrderId(row.order_id),
                kind: row.kind.parse().map_err(corrupt)?,
                attempts: row.attempts + 1,
                created_at: UnixMillis(row.created_at_ms),
            })
        });
        taken.collect()
    }

    /// What a mail about this order says; `None` if there is no such order.
    pub async fn notification_facts(&self, order: OrderId) -> Result<Option<NotificationFacts>> {
        let row = sqlx::query!(
            r#"SELECT orders.quantity, orders.amount_minor, orders.currency, orders.state,
                      orders.expires_at_ms, items.title, accounts.contact AS "contact?",
                      accounts.name AS "name?", accounts.language AS "language?",
                      shipments.carrier, shipments.tracking,
                      (SELECT CAST(SUM(refunds.amount_minor) AS SIGNED) FROM refunds
                       WHERE refunds.order_id = orders.id AND refunds.state = 'done'
                         AND refunds.currency = orders.currency) AS "refunded_minor: i64"
               FROM orders JOIN sales ON sales.id = orders.sale_id
                    JOIN items ON items.id = sales.item_id
                    LEFT JOIN accounts ON accounts.id = orders.account_id
                    LEFT JOIN shipments ON shipments.order_id = orders.id
               WHERE orders.id = ?"#,
            order.0
        );
        let row = row.fetch_optional(&mut *self.connection().await?).await?;
        let facts = row.map(|row| {
            let shipment = row.carrier.zip(row.tracking);
            let refunded = row.refunded_minor.map(|sum| money(sum, &row.currency));
            Ok(NotificationFacts {
                order,
                state: row.state.parse().map_err(corrupt)?,
                quantity: row.quantity,
                amount: money(row.amount_minor, &row.currency)?,
                expires_at: row.expires_at_ms.map(UnixMillis),
                item: row.title,
                buyer: row.contact.zip(row.name),
                language: row.language,
                shipment: shipment.map(|(carrier, tracking)| Shipment { carrier, tracking }),
                refunded: refunded.transpose()?,
            })
        });
        facts.transpose()
    }

    /// Notes how sending ended; false if the sender's time was over, and somebody else has the
    /// mail.
    pub async fn end_sending(&self, taken: &Notification, end: &SendingEnd) -> Result<bool> {
        let (state, error, again_ms) = match end {
            SendingEnd::Sent => ("sent", None, None),
            SendingEnd::NoAddress => ("no-address", None, None),
            SendingEnd::Later(error, after_ms) => ("waiting", Some(error), Some(*after_ms)),
            SendingEnd::Failed(error) => ("failed", Some(error), None),
        };
        let error = error.map(|error| cut(error));
        let update = sqlx::query!(
            "UPDATE notifications SET state = ?, error = ?,
                    due_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) + ?,
                    done_at_ms = IF(?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED), NULL)
             WHERE id = ? AND state = 'sending' AND attempts = ?",
            state,
            error,
            again_ms,
            again_ms.is_none(),
            taken.id,
            taken.attempts
        );
        let done = update.execute(&mut *self.connection().await?).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Mails that are not done.
    pub async fn waiting_notifications(&self) -> Result<Waiting> {
        let row = sqlx::query!(
            r#"SELECT CAST(COUNT(*) AS SIGNED) AS "count!: i64",
                      CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - MIN(created_at_ms)
                          AS "oldest_ms: i64"
               FROM notifications WHERE due_at_ms IS NOT NULL"#
        );
        let row = row.fetch_one(&mut *self.connection().await?).await?;
        Ok(Waiting {
            count: row.count,
            oldest_ms: row.oldest_ms.unwrap_or_default().max(0),
        })
    }

    /// Deletes mails that were done more than `older_than_ms` ago, at most `at_most`. Says how many.
    pub async fn delete_notifications(&self, older_than_ms: i64, at_most: u32) -> Result<u64> {
        let delete = sqlx::query!(
            "DELETE FROM notifications
             WHERE done_at_ms < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ?
             ORDER BY done_at_ms LIMIT ?",
            older_than_ms,
            at_most
        );
        let done = delete.execute(&mut *self.connection().await?).await?;
        Ok(done.rows_affected())
    }
}

/// As much of an error as its column takes.
pub(super) fn cut(error: &str) -> String {
    error.chars().take(ERROR_LENGTH_MAX).collect()
}
