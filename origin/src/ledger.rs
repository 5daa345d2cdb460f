//! The ledger: MySQL (or MariaDB), which decides.
//!
//! Invariant: this room alone writes SQL. Every write states how many rows it must touch, every
//! transaction runs READ COMMITTED, and the one hot row, a sale's counters, is written last.
//!
//! Instants are Unix milliseconds; "now" in SQL is the database's clock.

mod accept;
mod accounts;
mod addresses;
mod audit;
mod changes;
mod checkouts;
mod close;
mod compare;
mod decide;
mod delivery;
mod draw;
mod expire;
mod fan_out;
mod images;
mod items;
mod leases;
mod lobbies;
mod lock;
mod notifications;
mod operator_log;
mod operators;
mod order_events;
mod orders;
mod outbox;
mod payments;
mod personal;
mod pool;
mod pops;
mod rebuild;
mod refund_order;
mod refunds;
mod refuse;
mod rows;
mod rules;
mod sales;
mod settle;
mod subscriptions;
mod waiting;
mod workers;

pub use accounts::Account;
pub use addresses::AddressAdded;
pub use audit::{Backlog, SaleBooks, SaleCounts, Watcher};
pub use changes::{Direction, Ended, StockChange};
pub use checkouts::StaleCheckout;
pub use close::Cancelled;
pub use compare::{OurPayment, PaidHere};
pub use decide::{Admitted, Deadline, Decided};
pub use delivery::{Advanced, ParcelRow, Step};
pub use draw::{BEACON_WAIT_MS, DrawRow, RoundDue, Seed};
pub use expire::Expired;
pub use images::NewImageFile;
pub use items::{
    Batch, ItemChange, ItemContent, ItemLine, ItemPage, ItemRow, ItemSearch, ItemState, WORDS_MAX,
};
pub use leases::{Granted, LeaseRow, Slot, SlotOrder, Wanted};
pub use lobbies::{ClosedTree, LobbyRow, Report, Reported};
pub use lock::Lock;
pub use notifications::{Notification, NotificationFacts, SendingEnd, Waiting};
pub use operator_log::{Actor, LogFilter, LogLine};
pub use operators::{BadRole, OperatorChange, OperatorChanged, OperatorRow, Role};
pub use order_events::{BadEvent, OrderEvent};
pub use orders::{EntryRow, OrderRow};
pub use outbox::{Freed, Release};
pub use payments::{PaymentRow, StartPayment};
pub use personal::Erased;
pub use pool::CONNECTIONS_MAX;
pub use pops::{Heard, PopRow, Rotated};
pub use rebuild::{Count, CountedOrder, Watched, stock_state};
pub use refund_order::{RefundOrder, Refunding};
pub use refunds::{
    Promise, Reckoned, RefundBacklog, RefundKey, RefundNotice, RefundOutcome, RefundReason,
    RefundRow, RefundState,
};
pub use refuse::Refused;
pub use rules::{OriginBeat, OriginRow, RuleSetRow, RulesNow};
pub use sales::{NewSale, SaleRow};
pub use settle::{Settled, Settlement};
pub use subscriptions::{
    Attempt, AttemptEnd, Delivery, DeliveryRow, FAILING_MS, FAILURES_MAX, NewSubscription,
    Subscription,
};

use crate::guard::{BreakerState, Shed};
use kernel::time::UnixMillis;
use pool::Pool;
use sqlx::pool::PoolConnection;
use sqlx::{Executor, MySql, MySqlConnection, Transaction};
use std::time::Duration;
use tokio::time::timeout;

/// How often a transaction that lost a deadlock is tried again.
const DEADLOCK_RETRIES: u32 = 10;
/// How long a transaction may take: one on a connection that hangs ends too.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(20);

/// Numbers by which MySQL and MariaDB say that they cannot serve anybody now.
const AWAY: [u16; 33] = [
    // No connection, or no more of them; access denied.
    1040, 1043, 1044, 1045, 1049, 1129, 1130, 1135, 1142, 1143, 1203, 1226,
    // Stopping, or the connection was broken or killed.
    1053, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 2006, 2013, 3169,
    // Read-only or offline.
    1290, 1836, 3032, // No room.
    1021, 1041, 1114, // Tables or columns that a migration has yet to make.
    1054, 1146,
];

/// Why the ledger did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database is away or refused the statement.
    #[error("the database did not answer as it should")]
    Database(#[from] sqlx::Error),
    /// The guard did not let the call through, or gave it up.
    #[error("the call to the database was given up")]
    Shed(#[from] Shed),
    /// The migrations could not be applied.
    #[error("the database could not be migrated")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A row says what no row of ours can say.
    #[error("the database holds something we did not write: {0}")]
    Corrupt(String),
    /// A write touched another number of rows than it must.
    #[error("`{what}` touched {touched} rows instead of {expected}")]
    Touched {
        /// Which write.
        what: &'static str,
        /// How many rows it must touch.
        expected: u64,
        /// How many it did.
        touched: u64,
    },
}

impl LedgerError {
    /// Whether the transaction only lost a race for locks and can be run again.
    fn is_deadlock(&self) -> bool {
        // 1213 deadlock, 1205 lock wait time-out, 1020 row changed since read (MariaDB).
        matches!(error_number(self), Some(1213 | 1205 | 1020))
    }

    /// Whether the fault lies with the database as it is now and not with what it was asked: it is
    /// away, stopping, read-only, full, not migrated, or its rows are locked. The same statement
    /// may pass later, and no other would fare better now.
    pub fn is_away(&self) -> bool {
        use sqlx::Error::{
            BeginFailed, Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed,
        };
        let error = match self {
            Self::Shed(_) => return true,
            Self::Database(error) => error,
            _ => return false,
        };
        match error {
            Io(_) | Tls(_) | Protocol(_) | PoolTimedOut | PoolClosed | WorkerCrashed
            | BeginFailed => true,
            _ => {
                self.is_deadlock()
                    || error_number(self).is_some_and(|number| AWAY.contains(&number))
            }
        }
    }

    /// Whether a unique key was already there.
    pub fn is_duplicate(&self) -> bool {
        matches!(error_number(self), Some(1062))
    }
}

fn error_number(error: &LedgerError) -> Option<u16> {
    let LedgerError::Database(sqlx::Error::Database(error)) = error else {
        return None;
    };
    error
        .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
        .map(sqlx::mysql::MySqlDatabaseError::number)
}

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// A pool of connections to the database.
#[derive(Clone, Debug)]
pub struct Ledger {
    pool: Pool,
}

impl Ledger {
    /// Connects to `mysql://user:password@host:port/database`.
    pub async fn connect(url: &str) -> Result<Self> {
        let pool = Pool::connect(url).await?;
        Ok(Self { pool })
    }

    /// Applies the migrations that this database has not seen.
    pub async fn migrate(&self) -> Result<()> {
        Ok(sqlx::migrate!("../migrations")
            .run(self.pool.unguarded())
            .await?)
    }

    /// A connection: every statement passes here or through [`Self::begin`].
    async fn connection(&self) -> Result<PoolConnection<MySql>> {
        self.pool.connection().await
    }

    /// A transaction; dropped without a commit, it is rolled back.
    async fn begin(&self) -> Result<Transaction<'static, MySql>> {
        self.pool.begin().await
    }

    /// What the breaker does with calls at this moment.
    pub fn breaker(&self) -> BreakerState {
        self.pool.breaker()
    }

    /// The database's clock.
    pub async fn now(&self) -> Result<UnixMillis> {
        let now = sqlx::query_scalar!(
            r#"SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) AS "now!: i64""#
        );
        Ok(UnixMillis(
            now.fetch_one(&mut *self.connection().await?).await?,
        ))
    }
}

async fn prepare(connection: &mut MySqlConnection) -> std::result::Result<(), sqlx::Error> {
    connection
        .execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        .await?;
    connection
        .execute("SET SESSION innodb_lock_wait_timeout = 5")
        .await?;
    Ok(())
}

/// Runs a transaction again when it lost a deadlock. `work` opens and commits its own transaction
/// and has no other effect.
async fn retry<T, F: Future<Output = Result<T>>>(mut work: impl FnMut() -> F) -> Result<T> {
    let mut attempt = async || {
        let done = timeout(TRANSACTION_TIMEOUT, work()).await;
        done.unwrap_or(Err(Shed::Slow("mysql").into()))
    };
    for _ in 1..DEADLOCK_RETRIES {
        match attempt().await {
            Err(error) if error.is_deadlock() => tokio::time::sleep(Duration::from_millis(2)).await,
            result => return result,
        }
    }
    attempt().await
}

/// Turns a write that touched another number of rows than `expected` into an error.
fn must_touch(what: &'static str, expected: u64, touched: u64) -> Result<()> {
    if touched == expected {
        Ok(())
    } else {
        Err(LedgerError::Touched {
            what,
            expected,
            touched,
        })
    }
}

fn corrupt(error: impl std::fmt::Display) -> LedgerError {
    LedgerError::Corrupt(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_away_is_told_from_one_that_refused() {
        let io = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let cases = [
            (sqlx::Error::Io(io).into(), true),
            (sqlx::Error::PoolTimedOut.into(), true),
            (sqlx::Error::PoolClosed.into(), true),
            (sqlx::Error::WorkerCrashed.into(), true),
            (sqlx::Error::Protocol(String::new()).into(), true),
            (Shed::Open("mysql").into(), true),
            (sqlx::Error::RowNotFound.into(), false),
            (corrupt("a row"), false),
            (must_touch("a write", 1, 0).unwrap_err(), false),
        ];
        for (error, away) in cases {
            assert_eq!(error.is_away(), away, "{error:?}");
        }
    }
}
