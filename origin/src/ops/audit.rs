//! The audit: every invariant by name, checked against the stores.
//!
//! Invariant: it only reads. It cannot read two stores at one instant, so a finding that compares
//! Redis with MySQL counts only if it stands over three reads two seconds apart.

use crate::ledger::{Admitted, Ledger, LedgerError, SaleCounts};
use crate::stock::{Stock, StockError};
use kernel::ids::SaleId;
use kernel::time::UnixMillis;
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// Reads that must agree on a finding.
const READS: usize = 3;
/// Time between them.
const BETWEEN: Duration = Duration::from_secs(2);
/// How long an overdue order or release is still on its way, in milliseconds.
const GRACE_MS: i64 = 5_000;

/// Why the audit could not be done.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// MySQL.
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
    /// Redis.
    #[error("the stock did not answer")]
    Stock(#[from] StockError),
}

/// One invariant and what was found against it.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Its name.
    pub invariant: &'static str,
    /// What breaks it; empty if it holds.
    pub findings: Vec<String>,
}

/// The whole report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether all invariants hold.
    pub holds: bool,
    /// When it was made.
    pub at_ms: UnixMillis,
    /// Each of them.
    pub checks: Vec<Check>,
}

/// Checks all invariants.
pub async fn audit(ledger: &Ledger, stock: &Stock) -> Result<Report, AuditError> {
    let mut checks = read(ledger, stock).await?;
    for _ in 1..READS {
        if checks.iter().all(|check| check.findings.is_empty()) {
            break;
        }
        tokio::time::sleep(BETWEEN).await;
        let again = read(ledger, stock).await?;
        for (check, again) in checks.iter_mut().zip(again) {
            let stands: BTreeSet<String> = again.findings.into_iter().collect();
            check.findings.retain(|finding| stands.contains(finding));
        }
    }
    let holds = checks.iter().all(|check| check.findings.is_empty());
    Ok(Report {
        holds,
        at_ms: crate::now(),
        checks,
    })
}

async fn read(ledger: &Ledger, stock: &Stock) -> Result<Vec<Check>, AuditError> {
    let counts = ledger.sale_counts().await?;
    let sales: Vec<_> = counts.iter().map(|count| count.sale).collect();
    let levels = stock.levels(&sales).await?;
    let (mut oversold, mut early, mut leaks) = (Vec::new(), Vec::new(), Vec::new());
    for (count, level) in counts.iter().zip(levels) {
        let available = level.map(|level| level.available);
        let held = stock.reservations(count.sale).await?;
        oversold.extend(oversold_by(count, available));
        early.extend(given_back_early(count, available, &held));
        leaks.extend(leaked(count.sale, held, ledger).await?);
    }
    leaks.extend(ledger.overdue_findings(GRACE_MS).await?);
    let check = |invariant, findings| Check {
        invariant,
        findings,
    };
    Ok(vec![
        check("never-oversold", oversold),
        check("nothing-leaks", leaks),
        check("ledger-first", early),
        check(
            "books-balance",
            counts.iter().filter_map(unbalanced).collect(),
        ),
        check("limit-per-account", ledger.limit_findings().await?),
        check("paid-once", ledger.payment_findings().await?),
    ])
}

/// MySQL's counters within the total, and what Redis offers within what MySQL has free.
fn oversold_by(count: &SaleCounts, available: Option<u32>) -> Vec<String> {
    let SaleCounts {
        sale,
        total,
        reserved,
        sold,
        ..
    } = count;
    let free = i64::from(*total) - i64::from(*reserved) - i64::from(*sold);
    let mut findings = Vec::new();
    if free < 0 {
        findings.push(format!(
            "sale {sale}: {reserved} reserved and {sold} sold of {total}"
        ));
    }
    if let Some(available) = available.filter(|available| i64::from(*available) > free) {
        let offered = format!("sale {sale}: Redis has {available} units available, MySQL {free}");
        findings.push(offered);
    }
    findings
}

/// Units that Redis offers although their reservation still stands: given back otherwise than by
/// the order's release.
fn given_back_early(
    count: &SaleCounts,
    available: Option<u32>,
    held: &[Admitted],
) -> Option<String> {
    let SaleCounts { sale, total, .. } = count;
    let available = available?;
    let held: u64 = held.iter().map(|held| u64::from(held.quantity)).sum();
    (u64::from(available) + held > u64::from(*total)).then(|| {
        format!("sale {sale}: Redis has {available} units available and {held} held of {total}")
    })
}

/// Reservations whose order has ended or never got a row.
async fn leaked(
    sale: SaleId,
    held: Vec<Admitted>,
    ledger: &Ledger,
) -> Result<Vec<String>, AuditError> {
    let mut findings = Vec::new();
    let now = crate::now();
    let old: Vec<_> = held
        .into_iter()
        .filter(|held| now.since(held.admitted_at_ms) > GRACE_MS)
        .map(|held| held.order_id)
        .collect();
    for batch in old.chunks(500) {
        let live: BTreeSet<_> = ledger.live_among(batch).await?.into_iter().collect();
        let leaked = batch.iter().filter(|order| !live.contains(*order));
        findings.extend(leaked.map(|order| {
            format!("sale {sale}: Redis holds units for order {order}, which is not live")
        }));
    }
    Ok(findings)
}

/// The counters against the entries and the orders.
fn unbalanced(count: &SaleCounts) -> Option<String> {
    let SaleCounts {
        sale,
        total,
        reserved,
        sold,
        entries,
        orders_pending,
        orders_sold,
        ..
    } = count;
    let (total, reserved, sold) = (i64::from(*total), i64::from(*reserved), i64::from(*sold));
    let available = total - reserved - sold;
    if *entries != [available, reserved, sold] {
        return Some(format!(
            "sale {sale}: counters {available}/{reserved}/{sold}, entries {}/{}/{}",
            entries[0], entries[1], entries[2]
        ));
    }
    (reserved != *orders_pending || sold != *orders_sold).then(|| {
        format!("sale {sale}: counters {reserved}/{sold}, orders {orders_pending}/{orders_sold}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts() -> SaleCounts {
        SaleCounts {
            sale: SaleId(1),
            total: 10,
            reserved: 2,
            sold: 3,
            entries: [5, 2, 3],
            orders_pending: 2,
            orders_sold: 3,
        }
    }

    #[test]
    fn books_that_do_not_balance_are_found() {
        assert_eq!(unbalanced(&counts()), None);
        assert!(
            unbalanced(&SaleCounts {
                reserved: 1,
                ..counts()
            })
            .is_some()
        );
        assert!(
            unbalanced(&SaleCounts {
                entries: [5, 3, 2],
                ..counts()
            })
            .is_some()
        );
        assert!(
            unbalanced(&SaleCounts {
                orders_sold: 2,
                ..counts()
            })
            .is_some()
        );
    }
}
