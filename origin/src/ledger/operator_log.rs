//! The operator log: who changed what, with before and after.
//!
//! Invariant: a line commits with the change it tells of, and is never changed or removed.

use super::{Result, corrupt, must_touch};
use serde::Serialize;
use sqlx::MySqlConnection;

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
