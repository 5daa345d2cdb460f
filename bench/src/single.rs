//! What the decider is compared with: one order a transaction, on one connection of the same
//! MySQL, flushed at each commit.
//!
//! Invariant: it writes the same rows as the decider, by the fewest statements that can, and reads
//! nothing: no look for an existing row, no terms of the sale, no check of the limit.

use crate::measurement::{Measurement, per_second};
use crate::world::World;
use anyhow::ensure;
use kernel::ids::SaleId;
use sqlx::mysql::MySqlConnection;
use sqlx::{Connection, Executor};
use std::time::Instant;

const INSERT_ORDER: &str = "INSERT INTO orders (id, sale_id, account_id, lease_id, quantity, \
     amount_minor, currency, state, created_at_ms, expires_at_ms) \
     VALUES (?, ?, ?, 1, 1, 39900, 'USD', 'pending_payment', ?, ?)";
const INSERT_ENTRY: &str = "INSERT INTO stock_entries \
     (sale_id, order_id, source, target, units, created_at_ms) \
     VALUES (?, ?, 'available', 'reserved', 1, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))";
const ADD_UNITS: &str = "INSERT INTO sale_accounts (sale_id, account_id, units) VALUES (?, ?, 1) \
     ON DUPLICATE KEY UPDATE units = units + 1";
const RESERVE: &str = "UPDATE sales SET reserved = reserved + 1, version = version + 1 \
     WHERE id = ? AND epoch = ? AND reserved + sold + 1 <= total";

/// Writes `count` orders of a new sale, one after the other.
pub async fn measure(world: &World, count: u32) -> anyhow::Result<Vec<Measurement>> {
    ensure_flushed(world).await?;
    let sale = world.sale(count).await?;
    let mut connection = MySqlConnection::connect(&world.mysql_url).await?;
    connection
        .execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        .await?;
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(world.stores.ids.next().await?);
    }
    let began = Instant::now();
    for id in ids {
        write(&mut connection, sale, id).await?;
    }
    let time = began.elapsed();
    Ok(vec![Measurement::new(
        "rate",
        per_second(count, time),
        "orders/s",
    )])
}

async fn write(connection: &mut MySqlConnection, sale: SaleId, id: u64) -> anyhow::Result<()> {
    let now = origin::now();
    let mut transaction = connection.begin().await?;
    sqlx::query(INSERT_ORDER)
        .bind(id)
        .bind(sale.0)
        .bind(id)
        .bind(now.0)
        .bind(now.plus_seconds(600).0)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(INSERT_ENTRY)
        .bind(sale.0)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(ADD_UNITS)
        .bind(sale.0)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    let reserved = sqlx::query(RESERVE).bind(sale.0).bind(1_u64);
    let reserved = reserved.execute(&mut *transaction).await?;
    ensure!(reserved.rows_affected() == 1, "a unit was not reserved");
    Ok(transaction.commit().await?)
}

/// An error unless MySQL flushes its log at every commit: without, a transaction costs nothing and
/// a power cut takes what was promised.
pub async fn ensure_flushed(world: &World) -> anyhow::Result<()> {
    let mut connection = MySqlConnection::connect(&world.mysql_url).await?;
    let setting: i64 =
        sqlx::query_scalar("SELECT CAST(@@innodb_flush_log_at_trx_commit AS SIGNED)")
            .fetch_one(&mut connection)
            .await?;
    ensure!(
        setting == 1,
        "innodb_flush_log_at_trx_commit is {setting}, not 1"
    );
    Ok(connection.close().await?)
}
