//! What the books say about themselves: the queries behind the audit.
//!
//! Invariant: reads only. Each finding is a row that breaks a rule; none is good news.

use super::{Ledger, Result};
use kernel::ids::SaleId;

/// A sale's counters beside what its entries and orders add up to.
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
}

/// A row that breaks a rule, in words.
pub type Finding = String;

impl Ledger {
    /// The counts of all sales that are not drafts.
    pub async fn sale_counts(&self) -> Result<Vec<SaleCounts>> {
        let rows = sqlx::query!(
            r#"SELECT sales.id, sales.total, sales.reserved, sales.sold,
                 CAST(COALESCE((SELECT SUM(CASE WHEN target = 'available' THEN CAST(units AS SIGNED)
                                               WHEN source = 'available' THEN -CAST(units AS SIGNED)
                                               ELSE 0 END)
                                FROM stock_entries WHERE sale_id = sales.id), 0) AS SIGNED)
                     AS "entries_available!: i64",
                 CAST(COALESCE((SELECT SUM(CASE WHEN target = 'reserved' THEN CAST(units AS SIGNED)
                                               WHEN source = 'reserved' THEN -CAST(units AS SIGNED)
                                               ELSE 0 END)
                                FROM stock_entries WHERE sale_id = sales.id), 0) AS SIGNED)
                     AS "entries_reserved!: i64",
                 CAST(COALESCE((SELECT SUM(CASE WHEN target = 'sold' THEN CAST(units AS SIGNED)
                                               WHEN source = 'sold' THEN -CAST(units AS SIGNED)
                                               ELSE 0 END)
                                FROM stock_entries WHERE sale_id = sales.id), 0) AS SIGNED)
                     AS "entries_sold!: i64",
                 CAST(COALESCE((SELECT SUM(quantity) FROM orders
                                WHERE sale_id = sales.id AND state = 'pending_payment'), 0) AS SIGNED)
                     AS "orders_pending!: i64",
                 CAST(COALESCE((SELECT SUM(quantity) FROM orders
                                WHERE sale_id = sales.id
                                  AND state IN ('paid', 'packed', 'shipped', 'delivered')), 0) AS SIGNED)
                     AS "orders_sold!: i64"
               FROM sales WHERE phase <> 'draft' ORDER BY sales.id DESC LIMIT 1000"#
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let counts = rows.into_iter().map(|row| SaleCounts {
            sale: SaleId(row.id),
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
        });
        Ok(counts.collect())
    }

    /// Accounts whose units of a sale are not those of their live orders, or over the limit.
    pub async fn limit_findings(&self) -> Result<Vec<Finding>> {
        let rows = sqlx::query!(
            r#"SELECT sale_id, account_id, units, limit_per_account, in_orders AS "in_orders!: i64"
               FROM (SELECT sale_accounts.sale_id, sale_accounts.account_id, sale_accounts.units,
                       sales.limit_per_account,
                       CAST(COALESCE((SELECT SUM(quantity) FROM orders
                                      WHERE orders.sale_id = sale_accounts.sale_id
                                        AND orders.account_id = sale_accounts.account_id
                                        AND orders.state NOT IN
                                            ('refused', 'cancelled', 'expired', 'refunded')), 0)
                            AS SIGNED) AS in_orders
                     FROM sale_accounts JOIN sales ON sales.id = sale_accounts.sale_id) AS holders
               WHERE units > limit_per_account OR units <> in_orders LIMIT 100"#
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let finding = rows.into_iter().map(|row| {
            format!(
                "account {} holds {} units of sale {} (limit {}), its live orders {}",
                row.account_id, row.units, row.sale_id, row.limit_per_account, row.in_orders
            )
        });
        Ok(finding.collect())
    }

    /// Orders that should have expired more than `grace_ms` ago, and releases that wait longer.
    pub async fn overdue_findings(&self, grace_ms: i64) -> Result<Vec<Finding>> {
        let orders = sqlx::query!(
            "SELECT id, sale_id FROM orders
             WHERE state = 'pending_payment'
               AND expires_at_ms < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ? LIMIT 100",
            grace_ms
        );
        let orders = orders.fetch_all(&mut *self.connection().await?).await?;
        let releases = sqlx::query!(
            "SELECT order_id, sale_id FROM release_outbox
             WHERE created_at_ms < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ? LIMIT 100",
            grace_ms
        );
        let releases = releases.fetch_all(&mut *self.connection().await?).await?;
        let overdue = orders.into_iter().map(|row| {
            format!(
                "order {} of sale {} should have expired",
                row.id, row.sale_id
            )
        });
        let waiting = releases
            .into_iter()
            .map(|row| format!("units of order {} are free but not released", row.order_id));
        Ok(overdue.chain(waiting).collect())
    }

    /// Orders and payments that contradict each other.
    pub async fn payment_findings(&self) -> Result<Vec<Finding>> {
        let rows = sqlx::query!(
            r#"SELECT orders.id, orders.state, payments.state AS "payment_state?"
               FROM orders LEFT JOIN payments ON payments.order_id = orders.id
               WHERE (orders.state IN ('paid', 'packed', 'shipped', 'delivered')
                      AND (payments.state IS NULL OR payments.state <> 'paid'))
                  OR (orders.state NOT IN ('paid', 'packed', 'shipped', 'delivered', 'refunded')
                      AND payments.state = 'paid')
               LIMIT 100"#
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let finding = rows.into_iter().map(|row| {
            let payment = row.payment_state.unwrap_or_else(|| "missing".to_owned());
            format!(
                "order {} is {} and its payment {payment}",
                row.id, row.state
            )
        });
        Ok(finding.collect())
    }
}
