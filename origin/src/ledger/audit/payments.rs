//! What the books say about payments and refunds.
//!
//! Invariant: each finding is a row that breaks a rule; none is good news.

use super::FINDINGS_MAX;
use crate::invariants::{Finding, Invariant};
use crate::ledger::{Ledger, Result};
use kernel::ids::SaleId;

/// An order with its payment, and what goes back of it.
struct Books {
    id: u64,
    state: String,
    payment_state: Option<String>,
    amount_minor: i64,
    acted: i64,
    refunds: i64,
    automatic: i64,
}

impl Ledger {
    /// Orders, payments and refunds that contradict each other, and payments acted on more than once.
    pub async fn payment_findings(&self, sale: SaleId) -> Result<Vec<Finding>> {
        let rows = sqlx::query_as!(
            Books,
            r#"SELECT id AS "id!: u64", state AS "state!", payment_state AS "payment_state?",
                      amount_minor AS "amount_minor!: i64", acted AS "acted!: i64",
                      CAST(refunds AS SIGNED) AS "refunds!: i64",
                      CAST(automatic AS SIGNED) AS "automatic!: i64"
               FROM (SELECT orders.id, orders.state, orders.amount_minor,
                            payments.state AS payment_state,
                            (SELECT COUNT(*) FROM payment_events
                             WHERE payment_events.payment_id = payments.id
                               AND payment_events.outcome IN ('paid', 'late')) AS acted,
                            (SELECT COALESCE(SUM(refunds.amount_minor), 0) FROM refunds
                             WHERE refunds.order_id = orders.id
                               AND refunds.payment_ref = payments.provider_ref) AS refunds,
                            (SELECT COUNT(*) FROM refunds
                             WHERE refunds.order_id = orders.id
                               AND refunds.payment_ref = payments.provider_ref
                               AND refunds.automatic IS NOT NULL) AS automatic
                     FROM orders LEFT JOIN payments ON payments.order_id = orders.id
                     WHERE orders.sale_id = ?) AS settled
               WHERE acted > 1
                  OR (payment_state = 'paid' AND acted = 0)
                  OR (payment_state = 'paid' AND refunds > amount_minor)
                  OR (state IN ('paid', 'packed', 'shipped', 'delivered')
                      AND (payment_state IS NULL OR payment_state <> 'paid'
                           OR refunds >= amount_minor))
                  OR (state = 'refunded'
                      AND (payment_state IS NULL OR payment_state <> 'paid'
                           OR refunds < amount_minor))
                  OR (state NOT IN ('paid', 'packed', 'shipped', 'delivered', 'refunded')
                      AND payment_state = 'paid'
                      AND (automatic = 0 OR refunds < amount_minor))
               LIMIT ?"#,
            sale.0,
            FINDINGS_MAX
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        Ok(rows.iter().flat_map(|row| row.findings(sale)).collect())
    }
}

impl Books {
    fn findings(&self, sale: SaleId) -> Vec<Finding> {
        let Self { acted, refunds, .. } = self;
        let payment = self.payment_state.as_deref().unwrap_or("missing");
        let is_paid = payment == "paid";
        let is_sold = matches!(
            self.state.as_str(),
            "paid" | "packed" | "shipped" | "delivered"
        );
        let is_refunded = self.state == "refunded";
        let mut findings = Vec::new();
        let mut found = |invariant, text| {
            findings.push(Finding {
                invariant,
                way: "payment",
                subject: self.id,
                text: format!("sale {sale}: order {} {text}", self.id),
            });
        };
        if *acted > 1 {
            found(Invariant::Once, format!("was paid by {acted} events"));
        }
        if is_paid && *acted == 0 {
            let text = "has a payment that is paid without an event of the provider";
            found(Invariant::PaidOnce, text.to_owned());
        } else if (is_sold || is_refunded) && !is_paid {
            let text = format!("is {} and its payment {payment}", self.state);
            found(Invariant::PaidOnce, text);
        } else if is_paid && !is_sold && !is_refunded && self.automatic == 0 {
            let text = format!("is {}, and its payment paid without going back", self.state);
            found(Invariant::PaidOnce, text);
        } else if is_paid && *refunds > self.amount_minor {
            let text = format!("was paid {} and {refunds} of it go back", self.amount_minor);
            found(Invariant::PaidOnce, text);
        } else if is_paid && is_sold == (*refunds == self.amount_minor) {
            let (state, amount) = (&self.state, self.amount_minor);
            let text = format!("is {state}, and {refunds} of {amount} that were paid go back");
            found(Invariant::PaidOnce, text);
        }
        findings
    }
}
