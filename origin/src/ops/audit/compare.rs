//! Holds what Redis has of a sale against the books of MySQL.
//!
//! Invariant: MySQL is read just before Redis, and what may have changed in between never makes a
//! difference look larger, save for an order that ends and is released between the two reads. That
//! one passes, and a finding counts only if it stands.

use crate::invariants::{Finding, Invariant};
use crate::ledger::SaleBooks;
use crate::stock::{Reservation, Tally};
use kernel::ids::{OrderId, SaleId};
use kernel::order::OrderState;
use std::collections::{HashMap, HashSet};

/// After a minute without a decision an order is tombstoned; half a minute more is for doing it.
const UNDECIDED_MS_MAX: i64 = 90_000;
/// Findings about single orders of a sale at most.
const FINDINGS_MAX: usize = 100;

/// The ways in which Redis and MySQL differ that a rebuild heals.
pub(super) const DRIFT: [&str; 3] = ["too-many", "missing", "ended"];

/// What was read of a sale.
#[derive(Clone, Debug)]
pub(super) struct Sides {
    pub(super) sale: SaleId,
    /// MySQL, read first.
    pub(super) books: SaleBooks,
    /// Whether a change of its units was on its way to Redis before that.
    pub(super) is_changing: bool,
    /// Redis, then.
    pub(super) counted: Option<Tally>,
    /// The rows of the orders that Redis holds units for, read last.
    pub(super) states: HashMap<OrderId, OrderState>,
    /// Orders whose release is on its way, read after their rows; `None` if they are too many.
    pub(super) waiting: Option<HashSet<OrderId>>,
}

/// What the comparison says.
#[derive(Debug, Default)]
pub(super) struct Compared {
    pub(super) findings: Vec<Finding>,
    /// Why the counts were not compared.
    pub(super) not_counted: Option<String>,
}

/// Why Redis is not to be trusted with this sale now, if so.
pub(super) fn distrust(books: &SaleBooks, counted: Option<&Tally>) -> Option<String> {
    let Some(counted) = counted else {
        return Some("Redis does not know it".to_owned());
    };
    if counted.state == "counting" {
        return Some("Redis is counting it anew".to_owned());
    }
    if counted.epoch != books.epoch {
        let (redis, mysql) = (counted.epoch, books.epoch);
        return Some(format!("Redis is of epoch {redis}, MySQL of {mysql}"));
    }
    let asked = books.rebuild_asked;
    asked.then(|| "it is to be counted anew".to_owned())
}

/// Compares the two sides.
pub(super) fn compare(sides: &Sides) -> Compared {
    let Sides { sale, books, .. } = sides;
    let mut compared = Compared::default();
    let counted = match (&sides.counted, distrust(books, sides.counted.as_ref())) {
        (Some(counted), None) => counted,
        // A sale that is over sells nothing, so nobody counts it anew.
        (_, Some(_)) if books.is_over => return compared,
        (_, why) => {
            let why = why.unwrap_or_default();
            compared.findings.push(Finding {
                invariant: Invariant::NothingLeaks,
                way: "untrusted",
                subject: sale.0,
                text: format!("sale {sale}: Redis is not trusted: rebuild pending ({why})"),
            });
            compared.not_counted = Some(format!("sale {sale}: not counted: {why}"));
            return compared;
        }
    };
    if sides.is_changing {
        let note = format!("sale {sale}: not counted: a change of its units is on its way");
        compared.not_counted = Some(note);
    } else {
        compared.findings.extend(sums(sides, counted));
    }
    compared.findings.extend(leaks(sides, counted));
    compared
}

/// `available` and the reservations against the total and what MySQL has given away.
fn sums(sides: &Sides, counted: &Tally) -> Vec<Finding> {
    let Sides { sale, books, .. } = sides;
    let units = |counts: &dyn Fn(&&Reservation) -> bool| -> i64 {
        let held = counted.held.iter().filter(|held| !held.is_older);
        held.filter(counts).map(|held| i64::from(held.units)).sum()
    };
    let (total, available) = (i64::from(books.total), counted.available);
    let given = i64::from(books.reserved) + i64::from(books.sold);
    // What was admitted in the very millisecond of the count may be part of it or not.
    let held_at_least = units(&|held| held.admitted_at < counted.at);
    let held_at_most = units(&|_| true);
    let undecided = units(&|held| {
        let has_row = sides.states.contains_key(&held.order);
        !has_row && !held.is_withdrawal && held.admitted_at < counted.at
    });

    let in_redis = available + held_at_least - total;
    let in_both = available + undecided + given - total;
    let finding = |invariant, way, text: String| Finding {
        invariant,
        way,
        subject: sale.0,
        text: format!("sale {sale}: {text}"),
    };
    let mut findings = Vec::new();
    if in_redis.max(in_both) > 0 {
        let text = format!(
            "Redis has {available} units available and {held_at_least} held of {total}; in MySQL \
             {given} are given away, {undecided} more are undecided"
        );
        findings.push(finding(Invariant::NeverOversold, "too-many", text));
        let text = if in_redis > 0 {
            format!("{in_redis} units went back into Redis while their reservation stands")
        } else {
            format!("{in_both} units went back into Redis that MySQL has not freed")
        };
        findings.push(finding(Invariant::LedgerFirst, "too-many", text));
    }
    let released_at_most = counted.releases.saturating_mul(u64::from(books.limit));
    let missing = total - available - held_at_most;
    if missing > i64::try_from(released_at_most).unwrap_or(i64::MAX) {
        let text = format!(
            "{missing} units are neither available ({available}) nor held ({held_at_most}) in \
             Redis, of {total}"
        );
        findings.push(finding(Invariant::NothingLeaks, "missing", text));
    }
    findings
}

/// Reservations that will never end.
fn leaks(sides: &Sides, counted: &Tally) -> Vec<Finding> {
    let Sides { sale, .. } = sides;
    let waits = |order: &OrderId| sides.waiting.as_ref().is_none_or(|all| all.contains(order));
    let leak = |held: &Reservation| {
        let order = held.order;
        let (way, text) = match sides.states.get(&order) {
            _ if held.is_withdrawal => return None,
            Some(state) if state.is_live() || held.is_older || waits(&order) => return None,
            Some(state) => {
                let state = state.as_str();
                let text = format!("Redis holds units for order {order}, which is {state}");
                ("ended", text)
            }
            None => {
                let waited = counted.at.since(held.admitted_at);
                if waited <= UNDECIDED_MS_MAX {
                    return None;
                }
                let text = format!("order {order} has been undecided for {} s", waited / 1_000);
                ("undecided", text)
            }
        };
        Some(Finding {
            invariant: Invariant::NothingLeaks,
            way,
            subject: order.0,
            text: format!("sale {sale}: {text}"),
        })
    };
    counted
        .held
        .iter()
        .filter_map(leak)
        .take(FINDINGS_MAX)
        .collect()
}

#[cfg(test)]
mod tests;
