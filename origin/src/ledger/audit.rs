//! What the books say about themselves: the queries behind the audit.
//!
//! Invariant: reads only, one sale at a time. What is compared is read in one statement, so at one
//! instant, and a finding is exact also while the sale is running.
//!
//! Cost: each statement reads the sale's orders or its stock entries by index, without locks, in two
//! to twelve seconds for a million orders on a small, busy machine.

mod backlog;
mod orders;
mod payments;
mod watcher;

pub use backlog::Backlog;
pub use watcher::Watcher;

use super::{Ledger, Result};
use crate::invariants::{Finding, Invariant};
use kernel::ids::SaleId;

/// Findings of one kind that are reported at most; more would say no more.
const FINDINGS_MAX: u32 = 100;
/// Sales read at once.
const PAGE: u32 = 500;

/// A sale's counters beside what its entries, orders and accounts add up to.
#[derive(Clone, Debug)]
pub struct SaleCounts {
    /// The sale.
    pub sale: SaleId,
    /// Its units.
    pub total: u32,
    /// The counter of units in orders not yet paid.
    pub reserved: u32,
    /// The counter of units paid.
    pub sold: u32,
    /// What the stock entries leave in `available`, `reserved` and `sold`.
    pub entries: [i64; 3],
    /// Units in orders pending payment.
    pub orders_pending: i64,
    /// Units in orders paid and onwards.
    pub orders_sold: i64,
    /// Units that its accounts hold.
    pub accounts: i64,
}

/// What MySQL has of a sale, to be held against Redis.
#[derive(Clone, Copy, Debug)]
pub struct SaleBooks {
    /// Its units.
    pub total: u32,
    /// Units in orders not yet paid.
    pub reserved: u32,
    /// Units paid.
    pub sold: u32,
    /// Units an account can have.
    pub limit: u32,
    /// The epoch Redis should be of.
    pub epoch: u64,
    /// Whether a rebuild was asked for and has not begun.
    pub rebuild_asked: bool,
    /// Whether it is over, and closed longer ago than the queue keeps messages.
    pub is_over: bool,
}

impl Ledger {
    /// The ids of all sales but drafts, the newest first.
    pub async fn sales_to_audit(&self) -> Result<Vec<SaleId>> {
        let mut sales = Vec::new();
        let mut below = u64::MAX;
        loop {
            let page = sqlx::query_scalar!(
                "SELECT id FROM sales WHERE id < ? AND phase <> 'draft' ORDER BY id DESC LIMIT ?",
                below,
                PAGE
            );
            let page = page.fetch_all(&mut *self.connection().await?).await?;
            sales.extend(page.iter().copied().map(SaleId));
            match page.last() {
                Some(last) if page.len() == PAGE as usize => below = *last,
                _ => return Ok(sales),
            }
        }
    }

    /// A sale's counters and sums, of one instant.
    pub async fn sale_counts(&self, sale: SaleId) -> Result<Option<SaleCounts>> {
        let row = sqlx::query!(
            r#"SELECT sales.total, sales.reserved, sales.sold,
                      CAST(COALESCE(entries.available, 0) AS SIGNED) AS "entries_available!: i64",
                      CAST(COALESCE(entries.reserved, 0) AS SIGNED) AS "entries_reserved!: i64",
                      CAST(COALESCE(entries.sold, 0) AS SIGNED) AS "entries_sold!: i64",
                      CAST(COALESCE(live.pending, 0) AS SIGNED) AS "orders_pending!: i64",
                      CAST(COALESCE(live.sold, 0) AS SIGNED) AS "orders_sold!: i64",
                      CAST(COALESCE(holders.units, 0) AS SIGNED) AS "accounts!: i64"
               FROM sales
               CROSS JOIN
                 (SELECT SUM(CASE 'available' WHEN target THEN CAST(units AS SIGNED)
                                              WHEN source THEN -CAST(units AS SIGNED) END) AS available,
                         SUM(CASE 'reserved' WHEN target THEN CAST(units AS SIGNED)
                                             WHEN source THEN -CAST(units AS SIGNED) END) AS reserved,
                         SUM(CASE 'sold' WHEN target THEN CAST(units AS SIGNED)
                                         WHEN source THEN -CAST(units AS SIGNED) END) AS sold
                  FROM stock_entries WHERE sale_id = ?) AS entries
               CROSS JOIN
                 (SELECT SUM(CASE WHEN state = 'pending_payment' THEN quantity END) AS pending,
                         SUM(CASE WHEN state <> 'pending_payment' THEN quantity END) AS sold
                  FROM orders
                  WHERE sale_id = ?
                    AND state IN ('pending_payment', 'paid', 'packed', 'shipped', 'delivered')) AS live
               CROSS JOIN
                 (SELECT SUM(units) AS units FROM sale_accounts WHERE sale_id = ?) AS holders
               WHERE sales.id = ?"#,
            sale.0,
            sale.0,
            sale.0,
            sale.0
        );
        let row = row.fetch_optional(&mut *self.connection().await?).await?;
        Ok(row.map(|row| SaleCounts {
            sale,
            total: row.total,
            reserved: row.reserved,
            sold: row.sold,
            entries: [
                row.entries_available,
                row.entries_reserved,
                row.entries_sold,
            ],
            orders_pending: row.orders_pending,
            orders_sold: row.orders_sold,
            accounts: row.accounts,
        }))
    }

    /// What Redis is held against. A sale that closed more than `closed_for_ms` ago is over.
    pub async fn sale_books(&self, sale: SaleId, closed_for_ms: i64) -> Result<Option<SaleBooks>> {
        let row = sqlx::query!(
            r#"SELECT total, reserved, sold, limit_per_account, epoch,
                      rebuild_above IS NOT NULL AND rebuild_above >= epoch
                          AS "rebuild_asked!: bool",
                      closes_at_ms <= CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ?
                          AS "is_over!: bool"
               FROM sales WHERE id = ?"#,
            closed_for_ms,
            sale.0
        );
        let row = row.fetch_optional(&mut *self.connection().await?).await?;
        Ok(row.map(|row| SaleBooks {
            total: row.total,
            reserved: row.reserved,
            sold: row.sold,
            limit: row.limit_per_account,
            epoch: row.epoch,
            rebuild_asked: row.rebuild_asked,
            is_over: row.is_over,
        }))
    }

    /// Accounts whose units of a sale are not those of their live orders, or over the limit.
    pub async fn limit_findings(&self, sale: SaleId) -> Result<Vec<Finding>> {
        let rows = sqlx::query!(
            r#"SELECT account_id, units, limit_per_account, in_orders AS "in_orders!: i64"
               FROM (SELECT sale_accounts.account_id, sale_accounts.units,
                       sales.limit_per_account,
                       CAST(COALESCE((SELECT SUM(quantity) FROM orders
                                      WHERE orders.sale_id = sale_accounts.sale_id
                                        AND orders.account_id = sale_accounts.account_id
                                        AND orders.state NOT IN
                                            ('refused', 'cancelled', 'expired', 'refunded')), 0)
                            AS SIGNED) AS in_orders
                     FROM sale_accounts JOIN sales ON sales.id = sale_accounts.sale_id
                     WHERE sale_accounts.sale_id = ?) AS holders
               WHERE units > limit_per_account OR units <> in_orders LIMIT ?"#,
            sale.0,
            FINDINGS_MAX
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let finding = rows.into_iter().map(|row| Finding {
            invariant: Invariant::LimitPerAccount,
            way: "account",
            subject: row.account_id,
            text: format!(
                "sale {sale}: account {} holds {} units (limit {}), its live orders {}",
                row.account_id, row.units, row.limit_per_account, row.in_orders
            ),
        });
        Ok(finding.collect())
    }
}
