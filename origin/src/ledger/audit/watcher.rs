//! Who watches: of all processes on one database, one at a time.
//!
//! Invariant: the right to watch is a lock of a database connection, so it ends with the
//! connection, however the process ends. Two watchers would do no harm, only their work twice.

use crate::ledger::{Ledger, Result};
use sqlx::{Connection, MySqlConnection};

/// The right to watch, for as long as its connection lives.
#[derive(Debug)]
pub struct Watcher {
    connection: MySqlConnection,
}

impl Ledger {
    /// Becomes the watcher; `None` if another process is.
    pub async fn try_watch(&self) -> Result<Option<Watcher>> {
        // A connection of its own: back in the pool it would keep the lock for somebody else.
        let mut connection = self.connection().await?.detach();
        // Locks are the whole server's, and names have 64 bytes at most.
        let lock = sqlx::query_scalar!(
            r#"SELECT GET_LOCK(CONCAT('watcher.', MD5(DATABASE())), 0) AS "taken: i64""#
        );
        if lock.fetch_one(&mut connection).await? == Some(1) {
            return Ok(Some(Watcher { connection }));
        }
        connection.close().await?;
        Ok(None)
    }
}

impl Watcher {
    /// Whether the lock is still ours.
    pub async fn is_on_duty(&mut self) -> bool {
        let lock = sqlx::query_scalar!(
            r#"SELECT IS_USED_LOCK(CONCAT('watcher.', MD5(DATABASE()))) = CONNECTION_ID()
                   AS "ours: i64""#
        );
        matches!(lock.fetch_one(&mut self.connection).await, Ok(Some(1)))
    }
}
