//! Reads what the scripts answer: a word and what belongs to it.
//!
//! Invariant: a reply that no script gives is an error, never a guess.

use super::StockError;
use crate::ledger::Admitted;
use kernel::ids::{AccountId, LeaseId, OrderId, SaleId};
use kernel::time::UnixMillis;
use redis::{FromRedisValue, ParsingError, Value};
use std::str::FromStr;

/// A flat reply, all of it as text.
#[derive(Debug)]
pub(super) struct Reply(Vec<String>);

impl FromRedisValue for Reply {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let parts: Vec<String> = Vec::from_redis_value(value)?;
        Ok(Self(parts))
    }
}

impl Reply {
    pub(super) fn word(&self) -> &str {
        self.0.first().map(String::as_str).unwrap_or_default()
    }

    pub(super) fn rest(&self) -> &[String] {
        self.0.get(1..).unwrap_or_default()
    }

    pub(super) fn number<T: FromStr>(&self, index: usize) -> Result<T, StockError> {
        let part = self.0.get(index).and_then(|part| part.parse().ok());
        part.ok_or_else(|| self.unexpected())
    }

    pub(super) fn unexpected(&self) -> StockError {
        StockError::Reply(self.0.join(" "))
    }
}

/// Reads `account:units:epoch:admitted_at_ms:lease`.
pub(super) fn reservation(sale: SaleId, order: OrderId, text: &str) -> Option<Admitted> {
    let mut parts = text.split(':');
    let mut next = || parts.next();
    Some(Admitted {
        order_id: order,
        sale_id: sale,
        account_id: AccountId(next()?.parse().ok()?),
        quantity: next()?.parse().ok()?,
        epoch: next()?.parse().ok()?,
        admitted_at_ms: UnixMillis(next()?.parse().ok()?),
        lease_id: LeaseId(next()?.parse().ok()?),
    })
}
