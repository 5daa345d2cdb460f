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

    /// Orders accepted more than once, or ended more than once.
    pub async fn once_findings(&self, sale: SaleId) -> Result<Vec<Finding>> {
        let rows = sqlx::query!(
            r#"SELECT order_id AS "order_id!: u64",
                      CAST(SUM(source = 'available') AS SIGNED) AS "begun!: i64",
                      CAST(SUM(source = 'reserved') AS SIGNED) AS "ended!: i64"
               FROM stock_entries
               WHERE sale_id = ? AND order_id IS NOT NULL
               GROUP BY order_id
               HAVING SUM(source = 'available') > 1 OR SUM(source = 'reserved') > 1
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
                "sale {sale}: order {} was accepted {} times and ended {} times",
                row.order_id, row.begun, row.ended
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

    /// Orders and payments that contradict each other, and payments acted on more than once.
    pub async fn payment_findings(&self, sale: SaleId) -> Result<Vec<Finding>> {
        let rows = sqlx::query!(
            r#"SELECT id AS "id!: u64", state AS "state!", payment_state AS "payment_state?",
                      acted AS "acted!: i64"
               FROM (SELECT orders.id, orders.state, payments.state AS payment_state,
                            (SELECT COUNT(*) FROM payment_events
                             WHERE payment_events.payment_id = payments.id
                               AND payment_events.outcome IN ('paid', 'late')) AS acted
                     FROM orders LEFT JOIN payments ON payments.order_id = orders.id
                     WHERE orders.sale_id = ?) AS settled
               WHERE acted > 1
                  OR (payment_state = 'paid' AND acted = 0)
                  OR (state IN ('paid', 'packed', 'shipped', 'delivered')
                      AND (payment_state IS NULL OR payment_state <> 'paid'))
                  OR (state NOT IN ('paid', 'packed', 'shipped', 'delivered', 'refunded')
                      AND payment_state = 'paid')
               LIMIT ?"#,
            sale.0,
            FINDINGS_MAX
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let mut findings = Vec::new();
        for row in rows {
            let payment = row.payment_state.unwrap_or_else(|| "missing".to_owned());
            let sold = matches!(
                row.state.as_str(),
                "paid" | "packed" | "shipped" | "delivered"
            );
            let mut found = |invariant, text| {
                findings.push(Finding {
                    invariant,
                    way: "payment",
                    subject: row.id,
                    text: format!("sale {sale}: order {} {text}", row.id),
                });
            };
            if row.acted > 1 {
                let text = format!("was paid by {} events", row.acted);
                found(Invariant::Once, text);
            }
            if payment == "paid" && row.acted == 0 {
                let text = "has a payment that is paid without an event of the provider";
                found(Invariant::PaidOnce, text.to_owned());
            } else if sold != (payment == "paid") && row.state != "refunded" {
                let text = format!("is {} and its payment {payment}", row.state);
                found(Invariant::PaidOnce, text);
            }
        }
        Ok(findings)
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
        _ => true,
    }
}
