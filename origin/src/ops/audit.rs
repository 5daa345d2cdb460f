//! The audit: every invariant by name, checked against the stores.
//!
//! Invariant: it only reads. It cannot read two stores at one instant, so a finding that compares
//! Redis with MySQL, or says that something is late, counts only if it stands over three reads two
//! seconds apart. What MySQL alone tells is read in one statement and counts at once.
//!
//! Cost, a sale: its orders and stock entries are read two or three times by index, its reservations
//! once, in pages, with a look-up by primary key of each order that holds units. docs/audit.md has
//! measurements. Against Redis, sales with findings are read three times.

mod compare;
mod report;
mod watch;

pub use report::{Check, Report};
pub use watch::watch;

use crate::invariants::{Finding, Invariant};
use crate::ledger::{Ledger, LedgerError, SaleCounts};
use crate::stock::{Stock, StockError};
use compare::{Compared, DRIFT, Sides, compare, distrust};
use kernel::ids::{OrderId, SaleId};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Reads that must agree on a finding.
const READS: usize = 3;
/// Time between them.
const BETWEEN: Duration = Duration::from_secs(2);
/// How long an overdue order or release is still on its way, in milliseconds.
const GRACE_MS: i64 = 5_000;
/// A sale that closed longer ago than the queue keeps messages is over, in milliseconds.
const CLOSED_FOR_MS: i64 = 24 * 3_600 * 1_000;
/// Orders looked up at once.
const LOOK_UP: usize = 500;

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

/// What may pass by itself: each sale against Redis, and what is late.
struct Passing {
    sales: Vec<(SaleId, u64, Compared)>,
    late: Vec<Finding>,
}

/// Checks all invariants over all sales.
pub async fn audit(ledger: &Ledger, stock: &Stock) -> Result<Report, AuditError> {
    let sales = ledger.sales_to_audit().await?;
    audit_sales(ledger, stock, &sales).await
}

/// Checks all invariants over sales that may still change: those that did not close more than a
/// day ago, the newest 1,000.
async fn audit_running(ledger: &Ledger, stock: &Stock) -> Result<Report, AuditError> {
    let sales = ledger.running_sales(CLOSED_FOR_MS).await?;
    audit_sales(ledger, stock, &sales).await
}

async fn audit_sales(
    ledger: &Ledger,
    stock: &Stock,
    sales: &[SaleId],
) -> Result<Report, AuditError> {
    let mut found = Vec::new();
    for sale in sales {
        found.extend(books(ledger, *sale).await?);
    }
    let passing = standing(ledger, stock, sales).await?;

    let unsound = |sale: SaleId| {
        let unbalanced = |finding: &Finding| finding.way == "counters" && finding.subject == sale.0;
        found.iter().any(unbalanced)
    };
    let mut drifted = Vec::new();
    let mut notes = Vec::new();
    for (sale, epoch, compared) in &passing.sales {
        let drift = |finding: &Finding| DRIFT.contains(&finding.way);
        // Counters that are wrong in MySQL would be loaded again by a rebuild, for ever.
        if compared.findings.iter().any(drift) && !unsound(*sale) {
            drifted.push((*sale, *epoch));
        }
        let note = compared.not_counted.clone();
        notes.extend(note.map(|note| (Invariant::NeverOversold, note)));
    }
    let differ = passing.sales.into_iter();
    found.extend(differ.flat_map(|(_, _, compared)| compared.findings));
    found.extend(passing.late);
    let mut report = Report::new(sales.len(), &found, &notes);
    report.drifted = drifted;
    Ok(report)
}

/// What MySQL alone says about a sale.
async fn books(ledger: &Ledger, sale: SaleId) -> Result<Vec<Finding>, LedgerError> {
    let mut found = Vec::new();
    if let Some(counts) = ledger.sale_counts(sale).await? {
        found.extend(counted_wrong(&counts));
    }
    found.extend(ledger.limit_findings(sale).await?);
    found.extend(ledger.token_findings(sale).await?);
    found.extend(ledger.once_findings(sale).await?);
    found.extend(ledger.entry_findings(sale).await?);
    found.extend(ledger.payment_findings(sale).await?);
    Ok(found)
}

/// What the first read finds and all later ones find again. Only sales with findings, or that could
/// not be compared, are read again.
async fn standing(ledger: &Ledger, stock: &Stock, sales: &[SaleId]) -> Result<Passing, AuditError> {
    let mut passing = read(ledger, stock, sales).await?;
    for _ in 1..READS {
        let suspects: Vec<SaleId> = passing.sales.iter().map(|(sale, ..)| *sale).collect();
        if suspects.is_empty() && passing.late.is_empty() {
            break;
        }
        tokio::time::sleep(BETWEEN).await;
        let mut again = read(ledger, stock, &suspects).await?;
        for (sale, _, now) in &mut again.sales {
            let before = passing.sales.iter().find(|(before, ..)| before == sale);
            stands(
                before.map_or(&[], |(.., before)| &before.findings),
                &mut now.findings,
            );
        }
        stands(&passing.late, &mut again.late);
        passing = again;
    }
    Ok(passing)
}

/// Keeps what was found before too.
fn stands(before: &[Finding], now: &mut Vec<Finding>) {
    now.retain(|finding| before.iter().any(|before| before.is_same(finding)));
}

async fn read(ledger: &Ledger, stock: &Stock, sales: &[SaleId]) -> Result<Passing, AuditError> {
    let changing = ledger.sales_changing().await?;
    let mut read = Vec::new();
    for sale in sales {
        let Some(mut sides) = sides(ledger, stock, *sale).await? else {
            continue;
        };
        sides.is_changing = changing.contains(sale);
        let compared = compare(&sides);
        if !compared.findings.is_empty() || compared.not_counted.is_some() {
            read.push((*sale, sides.books.epoch, compared));
        }
    }
    Ok(Passing {
        sales: read,
        late: ledger.overdue_findings(GRACE_MS).await?,
    })
}

/// Reads a sale from both stores, in the order that [`compare`] relies on.
async fn sides(ledger: &Ledger, stock: &Stock, sale: SaleId) -> Result<Option<Sides>, AuditError> {
    let Some(books) = ledger.sale_books(sale, CLOSED_FOR_MS).await? else {
        return Ok(None);
    };
    let counted = stock.tally(sale).await?;
    let mut states = HashMap::new();
    let mut waiting = Some(HashSet::new());
    if let (None, Some(counted)) = (distrust(&books, counted.as_ref()), &counted) {
        let orders: Vec<OrderId> = counted.held.iter().map(|held| held.order).collect();
        for orders in orders.chunks(LOOK_UP) {
            states.extend(ledger.order_states(orders).await?);
        }
        if states.values().any(|state| !state.is_live()) {
            waiting = ledger.waiting_for_release().await?;
        }
    }
    Ok(Some(Sides {
        sale,
        books,
        is_changing: false,
        counted,
        states,
        waiting,
    }))
}

/// The counters against the total, the entries, the orders and the accounts.
fn counted_wrong(counts: &SaleCounts) -> Vec<Finding> {
    let SaleCounts {
        sale,
        entries,
        orders_pending,
        orders_sold,
        accounts,
        ..
    } = counts;
    let [total, reserved, sold] = [counts.total, counts.reserved, counts.sold].map(i64::from);
    let available = total - reserved - sold;
    let mut findings = Vec::new();
    let mut found = |invariant, text: String| {
        findings.push(Finding {
            invariant,
            way: "counters",
            subject: sale.0,
            text: format!("sale {sale}: {text}"),
        });
    };
    if available < 0 {
        let text = format!("{reserved} units reserved and {sold} sold of {total}");
        found(Invariant::NeverOversold, text);
    }
    if *entries != [available, reserved, sold] {
        let [a, r, s] = entries;
        let text = format!("counters {available}/{reserved}/{sold}, entries {a}/{r}/{s}");
        found(Invariant::BooksBalance, text);
    } else if [reserved, sold] != [*orders_pending, *orders_sold] {
        let text = format!("counters {reserved}/{sold}, orders {orders_pending}/{orders_sold}");
        found(Invariant::BooksBalance, text);
    }
    let live = orders_pending + orders_sold;
    if *accounts != live {
        let text = format!("its accounts hold {accounts} units, its live orders {live}");
        found(Invariant::LimitPerAccount, text);
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: fn(&mut SaleCounts), expected: &[&str]) {
        let mut counts = SaleCounts {
            sale: SaleId(1),
            total: 10,
            reserved: 2,
            sold: 3,
            entries: [5, 2, 3],
            orders_pending: 2,
            orders_sold: 3,
            accounts: 5,
        };
        change(&mut counts);
        let found = counted_wrong(&counts);
        let names = found.iter().map(|finding| finding.invariant.as_str());
        assert_eq!(names.collect::<Vec<_>>(), expected, "{counts:?}");
    }

    #[test]
    fn books_that_do_not_balance_are_found() {
        check(|_| {}, &[]);
        check(|counts| counts.reserved = 1, &["books-balance"]);
        check(|counts| counts.entries = [5, 3, 2], &["books-balance"]);
        check(|counts| counts.accounts = 4, &["limit-per-account"]);
        check(
            |counts| counts.orders_sold = 2,
            &["books-balance", "limit-per-account"],
        );
        check(
            |counts| counts.total = 4,
            &["never-oversold", "books-balance"],
        );
    }

    #[test]
    fn only_what_was_found_before_stands() {
        let finding = |way, subject, text: &str| Finding {
            invariant: Invariant::NothingLeaks,
            way,
            subject,
            text: text.into(),
        };
        let mut now = vec![
            finding("missing", 1, "3 units"),
            finding("missing", 2, "2 units"),
            finding("ended", 1, ""),
        ];
        stands(&[finding("missing", 1, "2 units")], &mut now);
        assert_eq!(now, [finding("missing", 1, "3 units")]);
        stands(&[], &mut now);
        assert_eq!(now, []);
    }
}
