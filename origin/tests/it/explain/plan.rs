//! Asks the database how it runs a statement, and how many rows it then really reads.

use serde_json::Value;
use sqlx::mysql::MySqlRow;
use sqlx::{Connection, MySqlConnection, Row};
use std::path::Path;

/// One line of EXPLAIN.
pub struct Line {
    pub table: String,
    pub key: String,
    pub extra: String,
}

/// The statements that the code runs, as the compiler found them: `.sqlx` holds each.
pub fn statements() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.sqlx");
    let mut statements = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let statement: Value = serde_json::from_str(&text).unwrap();
        let words = statement["query"].as_str().unwrap().split_whitespace();
        statements.push(words.collect::<Vec<_>>().join(" "));
    }
    // Two places may say the same, broken into lines in another way.
    statements.sort();
    statements.dedup();
    statements
}

/// Puts literals in the places of `?`.
pub fn with(statement: &str, values: &[&str]) -> String {
    // A `?` may also end a column's name, which tells the compiler that it can be missing.
    let statement = statement.replace("?\"", "\"");
    let parts: Vec<&str> = statement.split('?').collect();
    assert_eq!(parts.len(), values.len() + 1, "{statement}");
    let mut text = parts[0].to_owned();
    for (value, part) in values.iter().zip(&parts[1..]) {
        text.push_str(value);
        text.push_str(part);
    }
    text
}

/// MySQL and MariaDB send the same columns, of other types.
fn text(row: &MySqlRow, column: &str) -> Option<String> {
    row.try_get_unchecked::<Option<String>, _>(column).unwrap()
}

async fn rows(connection: &mut MySqlConnection, statement: String) -> Vec<MySqlRow> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.as_str()))
        .fetch_all(connection)
        .await
        .unwrap_or_else(|error| panic!("{error}: {statement}"))
}

pub async fn explain(connection: &mut MySqlConnection, statement: &str) -> Vec<Line> {
    let lines = rows(connection, format!("EXPLAIN {statement}")).await;
    let line = |row: &MySqlRow| {
        Some(Line {
            table: text(row, "table")?,
            key: text(row, "key").unwrap_or_else(|| "none".to_owned()),
            extra: text(row, "Extra").unwrap_or_default(),
        })
    };
    lines.iter().filter_map(line).collect()
}

/// Rows that the storage engine hands out, and entries of an index that it looks at, while the
/// statement runs. What it changes is taken back.
pub async fn reads(connection: &mut MySqlConnection, statement: &str) -> u64 {
    // To ask reads something too.
    let before = handler_reads(connection).await;
    let asked = handler_reads(connection).await - before;
    let before = before + asked;
    let mut transaction = connection.begin().await.unwrap();
    rows(&mut transaction, statement.to_owned()).await;
    transaction.rollback().await.unwrap();
    handler_reads(connection).await - before - asked
}

async fn handler_reads(connection: &mut MySqlConnection) -> u64 {
    let counters = rows(connection, "SHOW SESSION STATUS LIKE 'Handler\\_%'".into()).await;
    let counts = counters.iter().filter_map(|row| {
        let name = text(row, "Variable_name")?;
        let is_read = name.starts_with("Handler_read") || name == "Handler_icp_attempts";
        let count: u64 = text(row, "Value")?.parse().ok()?;
        is_read.then_some(count)
    });
    counts.sum()
}
