//! Locks for work over several stores that one process does at a time.
//!
//! Invariant: a lock ends with its connection, so with the process at the latest.

use super::{Ledger, Result};
use sqlx::MySql;
use sqlx::pool::PoolConnection;

/// Held while this lives.
#[derive(Debug)]
pub struct Lock {
    _connection: PoolConnection<MySql>,
}

impl Ledger {
    /// Takes the lock of this name; `None` if another process has it.
    pub(super) async fn lock(&self, name: &str) -> Result<Option<Lock>> {
        let mut connection = self.connection().await?;
        // Names of locks are the server's, not the database's, and have 64 characters at most.
        let locked = sqlx::query_scalar!(
            r#"SELECT GET_LOCK(MD5(CONCAT(DATABASE(), '.', ?)), 0) AS "locked: i64""#,
            name
        );
        let locked = locked.fetch_one(&mut *connection).await?;
        connection.close_on_drop();
        let taken = locked == Some(1);
        Ok(taken.then_some(Lock {
            _connection: connection,
        }))
    }
}
