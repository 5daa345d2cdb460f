//! The four algorithms in SQL, over one row of stock.
//!
//! Invariant: each buyer is one transaction, READ COMMITTED, that takes a unit and writes a
//! purchase; what is sold is counted in the purchases, not in the stock.

use super::{Arguments, Bought, Sold, serve};
use crate::single::ensure_flushed;
use crate::world::World;
use anyhow::{bail, ensure};
use futures::future::try_join_all;
use sqlx::mysql::MySqlConnection;
use sqlx::{Connection, Executor, MySql, Transaction};

const TABLES: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS bench_stock (id INT UNSIGNED NOT NULL PRIMARY KEY,
        units INT UNSIGNED NOT NULL, version INT UNSIGNED NOT NULL) ENGINE = InnoDB",
    "CREATE TABLE IF NOT EXISTS bench_purchases (
        id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
        buyer INT UNSIGNED NOT NULL) ENGINE = InnoDB",
    "TRUNCATE TABLE bench_stock",
    "TRUNCATE TABLE bench_purchases",
];
const LOOK: &str = "SELECT units, version FROM bench_stock WHERE id = 1";
const LOOK_AND_HOLD: &str = "SELECT units, version FROM bench_stock WHERE id = 1 FOR UPDATE";
const WRITE: &str = "UPDATE bench_stock SET units = ? WHERE id = 1";
const WRITE_IF_VERSION: &str =
    "UPDATE bench_stock SET units = ?, version = version + 1 WHERE id = 1 AND version = ?";
const TAKE_IF_ANY: &str = "UPDATE bench_stock SET units = units - 1 WHERE id = 1 AND units >= 1";
const PURCHASE: &str = "INSERT INTO bench_purchases (buyer) VALUES (?)";

/// With as many rivals as there are connections, one of them always wins: nobody loses so often.
const TRIES_MAX: u32 = 10_000;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Read, and write one less.
    Naive,
    /// `SELECT ... FOR UPDATE`.
    ForUpdate,
    /// Write if the version is still the one that was read.
    Optimistic,
    /// `UPDATE ... WHERE units >= 1`.
    Conditional,
}

impl Algorithm {
    pub const ALL: [Self; 4] = [
        Self::Naive,
        Self::ForUpdate,
        Self::Optimistic,
        Self::Conditional,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::ForUpdate => "for-update",
            Self::Optimistic => "optimistic",
            Self::Conditional => "conditional-update",
        }
    }

    async fn buy(self, connection: &mut MySqlConnection, buyer: u32) -> anyhow::Result<Bought> {
        for lost in 0..TRIES_MAX {
            let mut transaction = connection.begin().await?;
            match self.take(&mut transaction).await? {
                Taken::Yes => {
                    let purchase = sqlx::query(PURCHASE).bind(buyer);
                    purchase.execute(&mut *transaction).await?;
                    transaction.commit().await?;
                    return Ok(Bought::Yes { lost });
                }
                Taken::NoneLeft => return Ok(Bought::No),
                Taken::Lost => transaction.rollback().await?,
            }
        }
        bail!("a buyer lost {TRIES_MAX} times")
    }

    async fn take(self, transaction: &mut Transaction<'_, MySql>) -> anyhow::Result<Taken> {
        let look = match self {
            Self::Naive | Self::Optimistic => LOOK,
            Self::ForUpdate => LOOK_AND_HOLD,
            Self::Conditional => {
                let taken = transaction.execute(TAKE_IF_ANY).await?;
                return Ok(Taken::from_rows(taken.rows_affected(), Taken::NoneLeft));
            }
        };
        let (units, version): (u32, u32) =
            sqlx::query_as(look).fetch_one(&mut **transaction).await?;
        let Some(left) = units.checked_sub(1) else {
            return Ok(Taken::NoneLeft);
        };
        let write = match self {
            Self::Optimistic => sqlx::query(WRITE_IF_VERSION).bind(left).bind(version),
            _ => sqlx::query(WRITE).bind(left),
        };
        let written = write.execute(&mut **transaction).await?;
        Ok(Taken::from_rows(written.rows_affected(), Taken::Lost))
    }
}

enum Taken {
    Yes,
    NoneLeft,
    /// Somebody else was faster.
    Lost,
}

impl Taken {
    fn from_rows(rows: u64, otherwise: Self) -> Self {
        if rows == 1 { Self::Yes } else { otherwise }
    }
}

/// Sells the stock by one algorithm.
pub async fn sell(
    world: &World,
    algorithm: Algorithm,
    arguments: &Arguments,
) -> anyhow::Result<Sold> {
    ensure_flushed(world).await?;
    let mut first = connect(world).await?;
    for statement in TABLES {
        first.execute(statement).await?;
    }
    sqlx::query("INSERT INTO bench_stock (id, units, version) VALUES (1, ?, 0)")
        .bind(arguments.units)
        .execute(&mut first)
        .await?;
    let connections = try_join_all((0..arguments.connections).map(|_| connect(world))).await?;
    let buy =
        async |connection: &mut MySqlConnection, buyer| algorithm.buy(connection, buyer).await;
    let sold = serve(connections, arguments.buyers, buy).await?;
    let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM bench_purchases")
        .fetch_one(&mut first)
        .await?;
    ensure!(
        rows == i64::from(sold.purchases),
        "{rows} purchases were written, {} were promised",
        sold.purchases
    );
    Ok(sold)
}

async fn connect(world: &World) -> anyhow::Result<MySqlConnection> {
    let mut connection = MySqlConnection::connect(&world.mysql_url).await?;
    connection
        .execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        .await?;
    Ok(connection)
}
