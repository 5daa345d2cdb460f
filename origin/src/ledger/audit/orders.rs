//! What the books say about single orders.
//!
//! Invariant: each finding is a row that breaks a rule; none is good news.

use super::FINDINGS_MAX;
use crate::invariants::{Finding, Invariant};
use crate::ledger::rows::push_ids;
use crate::ledger::{Ledger, Result, corrupt};
use kernel::ids::{OrderId, SaleId};
use kernel::order::OrderState;
use sqlx::QueryBuilder;
use std::collections::HashMap;

/// An order's last moment passes between the UPDATE that pays it and the entry in the books, which
/// asks the clock again: so late the entry may be, in milliseconds. It is the time a transaction
/// waits for a lock.
const ENTRY_LATE_MS_MAX: i64 = 5_000;

impl Ledger {
    /// Orders whose slot no lease of their sale holds.
    pub async fn token_findings(&self, sale: SaleId) -> Result<Vec<Finding>> {
        let rows = sqlx::query!(
            r#"SELECT orders.id, orders.lease_id, leases.sale_id AS "lease_sale?"
               FROM orders LEFT JOIN leases ON leases.id = orders.lease_id
               WHERE orders.sale_id = ?
                 AND (leases.id IS NULL OR leases.sale_id <> orders.sale_id
                      OR orders.id < leases.first_slot
                      OR orders.id >= leases.first_slot + leases.slots)
               LIMIT ?"#,
            sale.0,
            FINDINGS_MAX
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let finding = rows.into_iter().map(|row| {
            let lease = row.lease_id;
            let fault = match row.lease_sale {
                None => "which is not there".to_owned(),
                Some(other) if other != sale.0 => format!("which is of sale {other}"),
                Some(_) => "which does not hold its slot".to_owned(),
            };
            Finding {
                invariant: Invariant::OnlyTokened,
                way: "lease",
                subject: row.id,
                text: format!("sale {sale}: order {} is of lease {lease}, {fault}", row.id),
            }
        });
        Ok(finding.collect())
    }

    /// Orders accepted, ended or refunded more than once.
    pub async fn once_findings(&self, sale: SaleId) -> Result<Vec<Finding>> {
        let rows = sqlx::query!(
            r#"SELECT order_id AS "order_id!: u64",
                      CAST(SUM(source = 'available') AS SIGNED) AS "begun!: i64",
                      CAST(SUM(source = 'reserved') AS SIGNED) AS "ended!: i64",
                      CAST(SUM(source = 'sold') AS SIGNED) AS "refunded!: i64"
               FROM stock_entries
               WHERE sale_id = ? AND order_id IS NOT NULL
               GROUP BY order_id
               HAVING SUM(source = 'available') > 1 OR SUM(source = 'reserved') > 1
                   OR SUM(source = 'sold') > 1
               LIMIT ?"#,
            sale.0,
            FINDINGS_MAX
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let finding = rows.into_iter().map(|row| Finding {
            invariant: Invariant::Once,
            way: "entries",
            subject: row.order_id,
            text: format!(
                "sale {sale}: order {} was accepted {} times, ended {} times, refunded {} times",
                row.order_id, row.begun, row.ended, row.refunded
            ),
        });
        Ok(finding.collect())
    }

    /// Entries that their order contradicts: of other units or another state, or dated on the
    /// wrong side of its last moment.
    pub async fn entry_findings(&self, sale: SaleId) -> Result<Vec<Finding>> {
        let rows = sqlx::query!(
            r#"SELECT stock_entries.order_id AS "order_id!: u64", stock_entries.source,
                      stock_entries.target, stock_entries.units, stock_entries.created_at_ms,
                      orders.sale_id AS "order_sale?", orders.quantity AS "quantity?",
                      orders.state AS "state?", orders.expires_at_ms
               FROM stock_entries LEFT JOIN orders ON orders.id = stock_entries.order_id
               WHERE stock_entries.sale_id = ? AND stock_entries.order_id IS NOT NULL
                 AND (orders.id IS NULL OR orders.sale_id <> stock_entries.sale_id
                   OR orders.quantity <> stock_entries.units
                   OR (stock_entries.source = 'reserved' AND stock_entries.target = 'sold'
                       AND (orders.state NOT IN ('paid', 'packed', 'shipped', 'delivered', 'refunded')
                            OR stock_entries.created_at_ms > orders.expires_at_ms + ?))
                   OR (stock_entries.source = 'sold' AND orders.state <> 'refunded')
                   OR (stock_entries.source = 'reserved' AND stock_entries.target = 'available'
                       AND (orders.state NOT IN ('cancelled', 'expired')
                            OR (orders.state = 'expired'
                                AND stock_entries.created_at_ms < orders.expires_at_ms))))
               LIMIT ?"#,
            sale.0,
            ENTRY_LATE_MS_MAX,
            FINDINGS_MAX
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let finding = rows.into_iter().map(|row| {
            let state = row.state.as_deref().unwrap_or("missing");
            let fits = row.order_sale == Some(sale.0)
                && row.quantity == Some(row.units)
                && ends_so(state, &row.source, &row.target);
            let order = row.order_id;
            let entry = format!("{} -> {}", row.source, row.target);
            let (invariant, text) = if fits {
                let (last, at) = (row.expires_at_ms.unwrap_or_default(), row.created_at_ms);
                let text = format!("order {order} had until {last}, its {entry} is of {at}");
                (Invariant::OneClock, text)
            } else {
                let (units, quantity) = (row.units, row.quantity.unwrap_or_default());
                let text =
                    format!("order {order} of {quantity} units is {state}, its {entry} of {units}");
                (Invariant::BooksBalance, text)
            };
            Finding {
                invariant,
                way: "entry",
                subject: order,
                text: format!("sale {sale}: {text}"),
            }
        });
        Ok(finding.collect())
    }

    /// The states of those of these orders that have a row.
    pub async fn order_states(&self, ids: &[OrderId]) -> Result<HashMap<OrderId, OrderState>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut query = QueryBuilder::new("SELECT id, state FROM orders WHERE id IN ");
        push_ids(&mut query, ids.iter().map(|id| id.0));
        let rows: Vec<(u64, String)> = query
            .build_query_as()
            .fetch_all(&mut *self.connection().await?)
            .await?;
        rows.into_iter()
            .map(|(id, state)| Ok((OrderId(id), state.parse().map_err(corrupt)?)))
            .collect()
    }
}

/// Whether an order in this state can have been moved so.
fn ends_so(state: &str, source: &str, target: &str) -> bool {
    match (source, target) {
        ("reserved", "sold") => {
            matches!(
                state,
                "paid" | "packed" | "shipped" | "delivered" | "refunded"
            )
        }
        ("reserved", "available") => matches!(state, "cancelled" | "expired"),
        ("sold", _) => state == "refunded",
        _ => true,
    }
}
