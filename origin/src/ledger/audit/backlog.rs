//! What waits in the books for its turn, and for how long.
//!
//! Invariant: reads only; each query is bounded.

use super::FINDINGS_MAX;
use crate::invariants::{Finding, Invariant};
use crate::ledger::{Ledger, Result};
use kernel::ids::{OrderId, SaleId};
use std::collections::HashSet;

/// Releases read to know which orders wait for theirs.
const WAITING_MAX: u32 = 100_000;
/// Sales whose units are changed at the same time; there are never so many.
const CHANGING_MAX: u32 = 10_000;
/// How long a change of a sale's units may be on its way, in milliseconds.
const CHANGE_MS_MAX: i64 = 90_000;

/// Releases that Redis has not taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many.
    pub rows: i64,
    /// How long the oldest has waited, in milliseconds.
    pub oldest_ms: i64,
}

impl Ledger {
    /// Orders that should have expired more than `grace_ms` ago, releases that wait longer, and
    /// changes of units that nobody finished.
    pub async fn overdue_findings(&self, grace_ms: i64) -> Result<Vec<Finding>> {
        let orders = sqlx::query!(
            "SELECT id, sale_id FROM orders
             WHERE state = 'pending_payment'
               AND expires_at_ms < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ? LIMIT ?",
            grace_ms,
            FINDINGS_MAX
        );
        let orders = orders.fetch_all(&mut *self.connection().await?).await?;
        let releases = sqlx::query!(
            "SELECT order_id, sale_id
             FROM (SELECT order_id, sale_id, created_at_ms FROM release_outbox
                   ORDER BY id LIMIT ?) AS oldest
             WHERE created_at_ms < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ?",
            FINDINGS_MAX,
            grace_ms
        );
        let releases = releases.fetch_all(&mut *self.connection().await?).await?;
        let changes = sqlx::query!(
            "SELECT id, sale_id FROM stock_changes
             WHERE state = 'asked'
               AND created_at_ms < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ? LIMIT ?",
            CHANGE_MS_MAX,
            FINDINGS_MAX
        );
        let changes = changes.fetch_all(&mut *self.connection().await?).await?;
        let finding = |way, subject, sale: u64, text: String| Finding {
            invariant: Invariant::NothingLeaks,
            way,
            subject,
            text: format!("sale {sale}: {text}"),
        };
        let mut findings = Vec::new();
        for row in orders {
            let text = format!("order {} should have expired", row.id);
            findings.push(finding("overdue", row.id, row.sale_id, text));
        }
        for row in releases {
            let text = format!("units of order {} are free but not released", row.order_id);
            findings.push(finding("unreleased", row.order_id, row.sale_id, text));
        }
        for row in changes {
            let text = format!("the change {} of its units was never finished", row.id);
            findings.push(finding("unchanged", row.id, row.sale_id, text));
        }
        Ok(findings)
    }

    /// Sales of whose units a change is on its way to Redis.
    pub async fn sales_changing(&self) -> Result<HashSet<SaleId>> {
        let sales = sqlx::query_scalar!(
            "SELECT DISTINCT sale_id FROM release_outbox WHERE kind <> 'release' LIMIT ?",
            CHANGING_MAX
        );
        let sales = sales.fetch_all(&mut *self.connection().await?).await?;
        Ok(sales.into_iter().map(SaleId).collect())
    }

    /// Orders with a release that Redis has not taken in; `None` if there are too many to tell.
    pub async fn waiting_for_release(&self) -> Result<Option<HashSet<OrderId>>> {
        let rows = sqlx::query_scalar!(
            "SELECT order_id FROM release_outbox ORDER BY id LIMIT ?",
            WAITING_MAX
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let all = rows.len() < WAITING_MAX as usize;
        Ok(all.then(|| rows.into_iter().map(OrderId).collect()))
    }

    /// How many releases wait, and how long.
    pub async fn release_backlog(&self) -> Result<Backlog> {
        let row = sqlx::query!(
            r#"SELECT COUNT(*) AS "waiting!: i64",
                      CAST(COALESCE(GREATEST(0, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
                                                - MIN(created_at_ms)), 0) AS SIGNED)
                          AS "oldest_ms!: i64"
               FROM release_outbox"#
        );
        let row = row.fetch_one(&mut *self.connection().await?).await?;
        Ok(Backlog {
            rows: row.waiting,
            oldest_ms: row.oldest_ms,
        })
    }
}
