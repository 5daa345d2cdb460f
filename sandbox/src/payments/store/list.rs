//! All payments by the time they were opened, page by page.
//!
//! A page begins behind its cursor, so payments opened meanwhile neither repeat nor hide others.

use std::fmt;
use std::ops::Bound::{Excluded, Included};
use std::str::FromStr;

use super::Store;
use crate::payments::Payment;

/// A payment's place in the list: `<created_at_ms>-<payment id>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    created_at_ms: i64,
    payment_id: String,
}

/// The instants of opening that are asked for; the first belongs to them, the last does not.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub from_ms: i64,
    pub to_ms: i64,
}

impl Cursor {
    pub fn new(created_at_ms: i64, payment_id: String) -> Self {
        Self {
            created_at_ms,
            payment_id,
        }
    }

    fn before(instant_ms: i64) -> Self {
        Self::new(instant_ms, String::new())
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.created_at_ms, self.payment_id)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = "cursor must be the next_cursor of a former answer";
        let (created_at_ms, payment_id) = text.split_once('-').ok_or(fault)?;
        let created_at_ms = created_at_ms.parse().map_err(|_| fault)?;
        Ok(Self::new(created_at_ms, payment_id.to_owned()))
    }
}

impl Store {
    /// At most `limit` payments of a span behind `after`, the oldest first, and where the next page
    /// goes on if there is one.
    pub fn list(
        &self,
        span: Span,
        after: Option<&Cursor>,
        limit: usize,
    ) -> (Vec<Payment>, Option<Cursor>) {
        let inner = self.lock();
        let first = Cursor::before(span.from_ms);
        let end = Cursor::before(span.to_ms);
        let start = match after {
            Some(after) if *after >= first => Excluded(after),
            _ => Included(&first),
        };
        if matches!(start, Included(at) | Excluded(at) if *at >= end) {
            return (Vec::new(), None);
        }
        let mut rest = inner.by_time.range((start, Excluded(&end)));
        let page: Vec<&Cursor> = rest.by_ref().take(limit).collect();
        let next = match page.last() {
            Some(last) if rest.next().is_some() => Some((*last).clone()),
            _ => None,
        };
        let payments = page
            .iter()
            .filter_map(|cursor| inner.payments.get(&cursor.payment_id))
            .cloned()
            .collect();
        (payments, next)
    }
}
