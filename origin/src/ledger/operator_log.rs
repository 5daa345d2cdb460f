//! The operator log: who changed what, with before and after.
//!
//! Invariant: a line commits with the change it tells of, and is never changed or removed.

use super::{Ledger, Result, corrupt, must_touch};
use kernel::time::UnixMillis;
use serde::Serialize;
use sqlx::{MySqlConnection, QueryBuilder};

/// Who changes something: `operator:<name>`, or `shell:<user>` for a command on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(pub String);

/// A change, as the log keeps it.
pub(super) struct Line<'a, T> {
    pub(super) actor: &'a Actor,
    /// A verb and its object: `order.refund`, `sale.pause`.
    pub(super) action: &'static str,
    /// What was changed: `order:123`.
    pub(super) subject: String,
    /// How it was; `None` if it was not there.
    pub(super) before: Option<&'a T>,
    /// How it is; `None` if it is gone.
    pub(super) after: Option<&'a T>,
}

/// Adds a line to the log, in the transaction of the change.
pub(super) async fn log<T: Serialize>(
    connection: &mut MySqlConnection,
    line: Line<'_, T>,
) -> Result<()> {
    let json = |state: Option<&T>| state.map(serde_json::to_string).transpose();
    let before = json(line.before).map_err(corrupt)?;
    let after = json(line.after).map_err(corrupt)?;
    let inserted = sqlx::query!(
        "INSERT INTO operator_log (actor, action, subject, before_json, after_json, at_ms)
         VALUES (?, ?, ?, ?, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
        line.actor.0,
        line.action,
        line.subject,
        before,
        after
    );
    let done = inserted.execute(connection).await?;
    must_touch("write the operator log", 1, done.rows_affected())
}

/// A line of the log, as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Grows from line to line.
    pub id: u64,
    /// Who.
    pub actor: String,
    /// Did what.
    pub action: String,
    /// To what.
    pub subject: String,
    /// How it was, as JSON.
    pub before: Option<String>,
    /// How it is, as JSON.
    pub after: Option<String>,
    /// When.
    pub at: UnixMillis,
}

/// Which lines are asked for; what is `None` does not matter.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "each is the line's, see `LogLine`")]
pub struct LogFilter {
    pub actor: Option<String>,
    pub action: Option<String>,
    pub subject: Option<String>,
    pub from: Option<UnixMillis>,
    pub to: Option<UnixMillis>,
}

#[derive(sqlx::FromRow)]
struct RawLine {
    id: u64,
    actor: String,
    action: String,
    subject: String,
    before_json: Option<String>,
    after_json: Option<String>,
    at_ms: i64,
}

impl Ledger {
    /// Notes what somebody did, or was not let do, outside MySQL; what changes a row here is logged
    /// in the transaction that changes it.
    pub async fn note(
        &self,
        actor: &Actor,
        action: &'static str,
        subject: String,
        after: &serde_json::Value,
    ) -> Result<()> {
        let line = Line {
            actor,
            action,
            subject,
            before: None,
            after: Some(after),
        };
        log(&mut *self.connection().await?, line).await
    }

    /// Lines below the id `before`, the newest first.
    pub async fn operator_log(
        &self,
        filter: &LogFilter,
        before: u64,
        limit: u32,
    ) -> Result<Vec<LogLine>> {
        let mut query = QueryBuilder::new(
            "SELECT id, actor, action, subject, before_json, after_json, at_ms
             FROM operator_log WHERE id < ",
        );
        query.push_bind(before);
        let texts = [
            (" AND actor = ", &filter.actor),
            (" AND action = ", &filter.action),
            (" AND subject = ", &filter.subject),
        ];
        for (condition, text) in texts {
            if let Some(text) = text {
                query.push(condition).push_bind(text.clone());
            }
        }
        let times = [
            (" AND at_ms >= ", filter.from),
            (" AND at_ms < ", filter.to),
        ];
        for (condition, time) in times {
            if let Some(time) = time {
                query.push(condition).push_bind(time.0);
            }
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
        let rows: Vec<RawLine> = query
            .build_query_as()
            .fetch_all(&mut *self.connection().await?)
            .await?;
        Ok(rows.into_iter().map(LogLine::from).collect())
    }
}

impl From<RawLine> for LogLine {
    fn from(raw: RawLine) -> Self {
        Self {
            id: raw.id,
            actor: raw.actor,
            action: raw.action,
            subject: raw.subject,
            before: raw.before_json,
            after: raw.after_json,
            at: UnixMillis(raw.at_ms),
        }
    }
}
