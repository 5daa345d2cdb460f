//! How the database runs each hot statement: by which index, and reading how many rows of full
//! tables. The statements are those that the code runs, by a part of their text; `.sqlx` has them.

mod audit;
mod hot;
mod plan;
mod shop;

use crate::support::World;
use plan::{explain, reads, statements, with};
use sqlx::MySqlConnection;

/// What a statement may cost.
#[derive(Clone, Copy)]
struct Case {
    /// A part of the statement, or its end, that no other has; or all of it, if the code builds it.
    statement: &'static str,
    is_built: bool,
    /// The values for its `?`, as SQL. Sale 7 has the orders 1006000 to 1006999, the first of
    /// account 1000 and lease 601.
    values: &'static [&'static str],
    /// Each table and the index by which it is read; empty for an INSERT of rows.
    keys: &'static [(&'static str, &'static str)],
    /// Rows and index entries read at most.
    reads: u64,
    /// Sorts what it has found, which is little.
    sorts: bool,
}

/// A statement that the compiler knows.
const fn known(
    statement: &'static str,
    values: &'static [&'static str],
    keys: &'static [(&'static str, &'static str)],
    reads: u64,
) -> Case {
    Case {
        statement,
        is_built: false,
        values,
        keys,
        reads,
        sorts: false,
    }
}

/// A statement that is built for the ids at hand.
const fn built(
    statement: &'static str,
    keys: &'static [(&'static str, &'static str)],
    reads: u64,
) -> Case {
    Case {
        is_built: true,
        ..known(statement, &[], keys, reads)
    }
}

const fn sorted(case: Case) -> Case {
    Case {
        sorts: true,
        ..case
    }
}

/// What a case breaks, in words.
async fn faults(connection: &mut MySqlConnection, known: &[String], case: &Case) -> Vec<String> {
    let is_meant = |statement: &&String| statement.contains(case.statement);
    let statement = if case.is_built {
        case.statement.to_owned()
    } else {
        let mut meant: Vec<&String> = known.iter().filter(is_meant).collect();
        if meant.len() > 1 {
            // Another goes on where this one ends.
            meant.retain(|statement| statement.ends_with(case.statement));
        }
        assert_eq!(meant.len(), 1, "`{}` is in {meant:#?}", case.statement);
        with(meant[0], case.values)
    };
    let mut faults = Vec::new();
    let lines = explain(connection, &statement).await;
    if !case.keys.is_empty() {
        // What was materialized before is small, and has no index.
        let tables = lines.iter().filter(|line| !line.table.starts_with('<'));
        let mut found: Vec<(&str, &str)> = tables
            .map(|line| (line.table.as_str(), line.key.as_str()))
            .collect();
        found.sort_unstable();
        let mut keys = case.keys.to_vec();
        keys.sort_unstable();
        if found != keys {
            faults.push(format!("is read by {found:?} instead of {keys:?}"));
        }
        let sorts = lines.iter().any(|line| {
            let extra = line.extra.as_str();
            extra.contains("Using filesort") || extra.contains("Using temporary")
        });
        if sorts && !case.sorts {
            faults.push("sorts or keeps rows in between".to_owned());
        }
    }
    let count = reads(connection, &statement).await;
    if count > case.reads {
        faults.push(format!("reads {count} rows, more than {}", case.reads));
    }
    let told = |fault| format!("{statement}\n    {fault}");
    faults.into_iter().map(told).collect()
}

#[tokio::test]
async fn each_hot_statement_reads_what_it_needs_by_an_index() {
    let world = World::new().await;
    shop::fill(&world).await;
    let mut connection = world.connection().await;
    let known = statements();
    let mut found = Vec::new();
    for case in hot::CASES.iter().chain(audit::CASES) {
        found.extend(faults(&mut connection, &known, case).await);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn a_statement_without_an_index_is_told() {
    let world = World::new().await;
    shop::fill(&world).await;
    let mut connection = world.connection().await;
    let bad = built(
        "SELECT id FROM orders WHERE quantity = 2 ORDER BY created_at_ms",
        &[("orders", "PRIMARY")],
        100,
    );
    let found = faults(&mut connection, &[], &bad).await;
    assert_eq!(found.len(), 3, "{found:#?}");
}
