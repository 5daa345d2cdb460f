//! Statements over many rows, in fixed sizes, so that the server prepares a few of them and not a
//! thousand.
//!
//! Invariant: every row given is written, or the statement fails.
//!
//! A statement that is prepared for one use must be closed afterwards. The driver sends that as a
//! packet without an answer, and as it leaves Nagle's algorithm on, the next statement then waits
//! for the server's delayed acknowledgement: 40 ms of nothing.

use super::{Result, must_touch};
use sqlx::query_builder::Separated;
use sqlx::{MySql, MySqlConnection, QueryBuilder};

const SIZES: [usize; 5] = [256, 64, 16, 4, 1];

/// Runs `insert` (`INSERT INTO t (a, b) `) for all `rows`; `bind` pushes the columns of one.
pub(super) async fn insert<T>(
    connection: &mut MySqlConnection,
    insert: &'static str,
    rows: &[T],
    bind: impl Fn(Separated<'_, MySql, &'static str>, &T),
) -> Result<()> {
    for chunk in chunks(rows) {
        let mut query = QueryBuilder::new(insert);
        query.push_values(chunk, &bind);
        let done = query.build().execute(&mut *connection).await?;
        must_touch(insert, chunk.len() as u64, done.rows_affected())?;
    }
    Ok(())
}

/// As [`insert`], but where a row is there already it is changed by `change`
/// (` ON DUPLICATE KEY UPDATE ...`).
pub(super) async fn insert_or_change<T>(
    connection: &mut MySqlConnection,
    insert: &'static str,
    rows: &[T],
    bind: impl Fn(Separated<'_, MySql, &'static str>, &T),
    change: &'static str,
) -> Result<()> {
    for chunk in chunks(rows) {
        let mut query = QueryBuilder::new(insert);
        query.push_values(chunk, &bind).push(change);
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Parts of these sizes, in order, the larger ones first.
fn chunks<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rest.len())?;
        let (chunk, tail) = rest.split_at(size);
        rest = tail;
        Some(chunk)
    })
}

/// `?, ?, ?` for a list of ids, inside brackets. The last id is repeated until their number is a
/// power of four, so that lists of many lengths are few statements.
pub(super) fn push_ids(query: &mut QueryBuilder<MySql>, ids: impl Iterator<Item = u64>) {
    let mut ids: Vec<u64> = ids.collect();
    if let Some(last) = ids.last().copied() {
        let mut length = 1;
        while length < ids.len() {
            length *= 4;
        }
        ids.resize(length, last);
    }
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

#[cfg(test)]
mod tests {
    use super::{chunks, push_ids};
    use sqlx::QueryBuilder;

    #[test]
    fn rows_are_parted_in_few_sizes_and_stay_in_order() {
        let check = |count: u64, expected: &[usize]| {
            let rows: Vec<u64> = (0..count).collect();
            let sizes: Vec<usize> = chunks(&rows).map(<[u64]>::len).collect();
            assert_eq!(sizes, expected, "{count}");
            assert_eq!(chunks(&rows).collect::<Vec<_>>().concat(), rows, "{count}");
        };
        check(0, &[]);
        check(1, &[1]);
        check(23, &[16, 4, 1, 1, 1]);
        check(600, &[256, 256, 64, 16, 4, 4]);
    }

    #[test]
    fn lists_of_ids_have_few_lengths() {
        let check = |count: u64, expected: usize| {
            let mut query = QueryBuilder::new("");
            push_ids(&mut query, 0..count);
            assert_eq!(
                query.sql().as_str().matches('?').count(),
                expected,
                "{count}"
            );
        };
        check(1, 1);
        check(2, 4);
        check(4, 4);
        check(17, 64);
        check(256, 256);
    }
}
