//! Multi-row INSERTs in fixed sizes, so that the server prepares four statements and not a
//! thousand.
//!
//! Invariant: every row given is inserted, or the statement fails.

use super::{Result, must_touch};
use sqlx::query_builder::Separated;
use sqlx::{MySql, MySqlConnection, QueryBuilder};

const SIZES: [usize; 4] = [64, 16, 4, 1];

/// Runs `insert` (`INSERT INTO t (a, b) `) for all `rows`; `bind` pushes the columns of one.
pub(super) async fn insert<T>(
    connection: &mut MySqlConnection,
    insert: &'static str,
    rows: &[T],
    bind: impl Fn(Separated<'_, MySql, &'static str>, &T),
) -> Result<()> {
    let mut rest = rows;
    for size in SIZES {
        while rest.len() >= size {
            let (chunk, tail) = rest.split_at(size);
            let mut query = QueryBuilder::new(insert);
            query.push_values(chunk, &bind);
            let done = query.build().execute(&mut *connection).await?;
            must_touch(insert, size as u64, done.rows_affected())?;
            rest = tail;
        }
    }
    Ok(())
}

/// `?, ?, ?` for a list of ids, inside brackets.
pub(super) fn push_ids(query: &mut QueryBuilder<MySql>, ids: impl Iterator<Item = u64>) {
    let mut list = query.separated(", ");
    list.push_unseparated("(");
    for id in ids {
        list.push_bind(id);
    }
    list.push_unseparated(")");
}

/// A movement of units from one pot to another, see `stock_entries`.
pub(super) struct Entry {
    pub(super) sale: u64,
    pub(super) order: Option<u64>,
    pub(super) source: &'static str,
    pub(super) target: &'static str,
    pub(super) units: u32,
}

/// Writes movements of units, dated by the database.
pub(super) async fn enter(connection: &mut MySqlConnection, entries: &[Entry]) -> Result<()> {
    let statement =
        "INSERT INTO stock_entries (sale_id, order_id, source, target, units, created_at_ms) ";
    insert(connection, statement, entries, |mut row, entry| {
        row.push_bind(entry.sale)
            .push_bind(entry.order)
            .push_bind(entry.source)
            .push_bind(entry.target)
            .push_bind(entry.units)
            .push("CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)");
    })
    .await
}
