//! The pool of connections, and the guard before it.
//!
//! Invariant: a connection that was idle for long, or comes back while MySQL does not answer, is
//! asked before anybody gets it: after a restart of MySQL dead ones are replaced, and fail no
//! request. A connection that hangs is given up, and does not take its place in the pool with it.

use super::{LedgerError, Result, prepare};
use crate::guard::{BreakerState, Guard, Limits};
use sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions};
use sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use sqlx::{Connection, MySql, MySqlConnection, Transaction};
use std::time::Duration;
use tokio::time::timeout;

/// Connections to MySQL this process opens at most.
pub const CONNECTIONS_MAX: u32 = 16;
/// How long a call waits for a free connection, or for a new one.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// Calls are guarded while they ask for a connection and, for a transaction, begin it. Those that
/// have one are bounded by their number.
const LIMITS: Limits = Limits {
    in_flight: 64,
    waiting: 1_024,
    wait: Duration::from_millis(250),
    time: Duration::from_millis(2_500),
};
/// A connection that was idle for longer may have died unseen.
const IDLE_MAX: Duration = Duration::from_secs(1);
/// How long a connection may take to say that it lives.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// Hands out connections.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pool: MySqlPool,
    guard: Guard,
}

impl Pool {
    pub(super) async fn connect(url: &str) -> Result<Self> {
        let options: MySqlConnectOptions = url.parse()?;
        let guard = Guard::new("mysql", LIMITS);
        let (taken, returned) = (guard.clone(), guard.clone());
        let pool = MySqlPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(move |connection, metadata| {
                let doubtful = is_doubtful(&taken) || metadata.idle_for > IDLE_MAX;
                Box::pin(lives(connection, doubtful))
            })
            .after_release(move |connection, _: PoolConnectionMetadata| {
                let doubtful = is_doubtful(&returned);
                Box::pin(lives(connection, doubtful))
            })
            .after_connect(|connection, _| Box::pin(prepare(connection)))
            .connect_with(options)
            .await?;
        Ok(Self { pool, guard })
    }

    pub(super) async fn connection(&self) -> Result<PoolConnection<MySql>> {
        let acquire = async { Ok(self.pool.acquire().await?) };
        self.guard.call(LedgerError::is_away, acquire).await
    }

    pub(super) async fn begin(&self) -> Result<Transaction<'static, MySql>> {
        let begin = async { Ok(self.pool.begin().await?) };
        self.guard.call(LedgerError::is_away, begin).await
    }

    /// Without the guard, for what is no call of ours.
    pub(super) fn unguarded(&self) -> &MySqlPool {
        &self.pool
    }

    /// What the breaker does with calls at this moment.
    pub(super) fn breaker(&self) -> BreakerState {
        self.guard.state()
    }
}

fn is_doubtful(guard: &Guard) -> bool {
    guard.state() != BreakerState::Closed
}

/// Whether a connection can be used; one that does not answer in time is an error, so that it is
/// dropped and not closed politely.
async fn lives(connection: &mut MySqlConnection, doubtful: bool) -> Result<bool, sqlx::Error> {
    if !doubtful {
        return Ok(true);
    }
    let answered = timeout(PING_TIMEOUT, connection.ping()).await;
    answered.map_err(|_| sqlx::Error::PoolTimedOut)??;
    Ok(true)
}
